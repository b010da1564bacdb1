//! What people do in Google with the events of lessons, and what becomes of it.

use super::bookings::Named;
use crate::{
    app::App,
    error::Error,
    http::{
        auth::SignedIn,
        cursor::{self, LONGEST_PAGE, usual_page},
        extract::{Json, NoBody, NoQuery, Path, Query},
        openapi::{BadBody, CrossOrigin, Faults, Forbidden, NotFound, NotSignedIn},
        problem::Problem,
        validate,
    },
    service::{
        DriftId, LessonId,
        caller::Caller,
        drift::{self, Drift, Kind, Listing, Status},
    },
};
use axum::extract::State;
use chrono::{DateTime, Utc};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// What was done with the event of a lesson: it was `moved` or `deleted`, a student `declined` the invitation, or the tutor
/// `removed` a student from the guests of an event of the tutor's own (`open_event`).
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum DriftKind {
    Moved,
    Deleted,
    Declined,
    Removed,
}

impl From<Kind> for DriftKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Moved => Self::Moved,
            Kind::Deleted => Self::Deleted,
            Kind::Declined => Self::Declined,
            Kind::Removed => Self::Removed,
        }
    }
}

/// What became of it.
///
/// | status | |
/// | --- | --- |
/// | `rescheduled` | the lesson has moved to where its event is |
/// | `put_back` | the lesson stays, and its event says so again; `reasons` says why |
/// | `pending` | the lesson will be cancelled at `cancels_at`, unless that is undone (`undo_calendar_drift`), or the event comes back in Google |
/// | `cancelled` | the lesson is cancelled by its tutor, or the booking by its student, or, of one who was `removed`, by the tutor |
/// | `undone` | the lesson stays |
/// | `asked` | the student is asked (`answer_calendar_drift`) |
/// | `kept` | the student comes all the same |
/// | `withdrawn` | the student has answered otherwise in Google since |
/// | `superseded` | somebody has moved or cancelled the lesson or the booking since, or another calendar is connected |
/// | `lapsed` | the lesson had begun before anything became of it, and stays |
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum DriftStatus {
    Rescheduled,
    PutBack,
    Pending,
    Cancelled,
    Undone,
    Asked,
    Kept,
    Withdrawn,
    Superseded,
    Lapsed,
}

macro_rules! same_statuses {
    ($($status:ident),+) => {
        impl From<Status> for DriftStatus {
            fn from(status: Status) -> Self {
                match status {
                    $(Status::$status => Self::$status),+
                }
            }
        }

        impl From<DriftStatus> for Status {
            fn from(status: DriftStatus) -> Self {
                match status {
                    $(DriftStatus::$status => Self::$status),+
                }
            }
        }
    };
}

same_statuses!(
    Rescheduled,
    PutBack,
    Pending,
    Cancelled,
    Undone,
    Asked,
    Kept,
    Withdrawn,
    Superseded,
    Lapsed
);

/// What was done in Google with the event of a lesson, and what became of it.
#[derive(Serialize, ToSchema)]
pub struct CalendarDrift {
    id: Uuid,
    kind: DriftKind,
    status: DriftStatus,
    lesson_id: Uuid,
    tutor_id: Uuid,
    /// Of the student who declined the invitation, or was removed from the guests; null for everything else, as the next.
    #[schema(required)]
    booking_id: Option<Uuid>,
    #[schema(required)]
    student: Option<Named>,
    /// Of the lesson when that was found.
    #[schema(example = "2026-11-23T15:00:00Z")]
    start: DateTime<Utc>,
    #[schema(example = "2026-11-23T16:00:00Z")]
    end: DateTime<Utc>,
    /// Where the event was `moved` to; null for everything else, and where it was made one of whole days.
    #[schema(required, example = "2026-11-24T15:00:00Z")]
    event_start: Option<DateTime<Utc>>,
    #[schema(required, example = "2026-11-24T16:00:00Z")]
    event_end: Option<DateTime<Utc>>,
    /// Why the lesson did not follow: `policy`, as the centre wants it; `all_day`, `other_length`, `not_ahead`,
    /// `not_whole_minutes`, for a time that no lesson can have; `changed_here`, where it was moved here too; `too_late`, where
    /// nobody could look at the event until shortly before the lesson; `calendar_gone`; `unnoticed`, where it was changed before
    /// anybody looked; `tutor_suspended`; a code of `reschedule_booking`, or
    /// of its `conflicts`, for what was in the way.
    #[schema(example = json!(["student_busy"]))]
    reasons: Vec<String>,
    /// Until when a deletion can be undone.
    #[schema(required)]
    cancels_at: Option<DateTime<Utc>>,
    found_at: DateTime<Utc>,
    /// Null while it is `pending` or `asked`.
    #[schema(required)]
    resolved_at: Option<DateTime<Utc>>,
}

impl From<Drift> for CalendarDrift {
    fn from(drift: Drift) -> Self {
        let student = drift.student_id.zip(drift.student_name);
        Self {
            id: drift.id.0,
            kind: drift.kind.into(),
            status: drift.status.into(),
            lesson_id: drift.lesson_id.0,
            tutor_id: drift.tutor_id.0,
            booking_id: drift.booking_id.map(|id| id.0),
            student: student.map(|(id, name)| Named::new(id.0, name)),
            start: drift.starts_at,
            end: drift.ends_at,
            event_start: drift.event_starts_at,
            event_end: drift.event_ends_at,
            reasons: drift.reasons,
            cancels_at: drift.cancels_at,
            found_at: drift.created_at,
            resolved_at: drift.resolved_at,
        }
    }
}

/// A page of drifts.
#[derive(Serialize, ToSchema)]
pub struct CalendarDriftPage {
    items: Vec<CalendarDrift>,
    /// Pass it as `cursor` for the next page; null on the last one.
    #[schema(required)]
    next_cursor: Option<String>,
}

#[derive(Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DriftParams {
    /// Only those that stand so: `pending` for lessons about to be cancelled, `asked` for students to be answered.
    #[garde(skip)]
    #[param(inline, nullable = false)]
    status: Option<DriftStatus>,
    /// Only those about this lesson.
    #[garde(skip)]
    #[param(value_type = Option<Uuid>, nullable = false)]
    lesson_id: Option<LessonId>,
    /// How many items at most.
    #[garde(custom(validate::number(1, LONGEST_PAGE)))]
    #[serde(default = "usual_page")]
    #[param(minimum = 1, maximum = 100, default = 50)]
    limit: u32,
    /// The `next_cursor` of the page before.
    #[garde(custom(validate::optional_text(1, 500)))]
    #[param(min_length = 1, max_length = 500)]
    cursor: Option<String>,
}

/// List what was done in Google with events of lessons.
///
/// In the order in which it was found: for admins all; for a tutor, of the tutor's lessons; for a student and their
/// guardians, what became of the student's invitations; for others there is nothing. What becomes of it is up to the
/// centre's policy (`replace_centre_policy`). It is found only for lessons that have not begun. What somebody changes here
/// comes before what is changed in Google at the same time. While the calendar can't be read, nothing becomes of a deletion.
#[utoipa::path(get, path = "/v1/calendar/drifts", tag = "calendar", operation_id = "list_calendar_drifts",
    security(("session" = [])), params(DriftParams),
    responses((status = 200, description = "What was done.", body = CalendarDriftPage), NotSignedIn, Faults))]
pub async fn list(
    State(app): State<App>,
    SignedIn(holder): SignedIn,
    Query(params): Query<DriftParams>,
) -> Result<axum::Json<CalendarDriftPage>, Error> {
    let caller = Caller::Person(holder.person.clone());
    let listing = Listing {
        lesson: params.lesson_id,
        status: params.status.map(|status| vec![status.into()]),
        after: cursor::read(params.cursor.as_deref())?,
        limit: params.limit + 1,
    };
    let found = drift::list(&app, &caller, listing).await?;
    let (items, next_cursor) = cursor::page(found, params.limit, |drift| drift.id);
    Ok(axum::Json(CalendarDriftPage {
        items: items.into_iter().map(CalendarDrift::from).collect(),
        next_cursor,
    }))
}

/// Undo the deletion of an event.
///
/// By the tutor or an admin, while it is `pending` and the lesson has not begun: the lesson stays, and its event is made anew shortly after. What is
/// `undone` already stays so.
#[utoipa::path(post, path = "/v1/calendar/drifts/{id}/undo", tag = "calendar", operation_id = "undo_calendar_drift",
    security(("session" = [])), params(("id" = Uuid, Path, description = "Id of what was done.")),
    responses((status = 200, description = "It is undone.", body = CalendarDrift),
        (status = 409, description = "There is nothing to undo, or not any more (`already_decided`).",
            body = Problem, content_type = "application/problem+json"),
        NotSignedIn, CrossOrigin, Forbidden, NotFound, Faults))]
pub async fn undo(
    State(app): State<App>,
    SignedIn(holder): SignedIn,
    Path(id): Path<DriftId>,
    _: Query<NoQuery>,
    _: NoBody,
) -> Result<axum::Json<CalendarDrift>, Error> {
    let caller = Caller::Person(holder.person.clone());
    let undone = drift::undo(&app, &caller, id).await?;
    Ok(axum::Json(undone.into()))
}

/// What a student answers.
#[derive(Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DriftAnswer {
    #[garde(skip)]
    answer: Answer,
}

/// `cancel`: the booking is cancelled, with all that `quote_cancellation` says. `come`: the student comes all the same.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = DriftAnswerKind)]
enum Answer {
    Cancel,
    Come,
}

impl From<Answer> for drift::Answer {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Cancel => Self::Cancel,
            Answer::Come => Self::Come,
        }
    }
}

/// Answer whether the student comes who has declined.
///
/// By the student, a guardian or an admin, while it is `asked` and the lesson has not begun. Who comes is not asked again, unless they take their no
/// back in Google and decline once more; what they answered there stays. What was answered so already stays so.
#[utoipa::path(post, path = "/v1/calendar/drifts/{id}/answer", tag = "calendar", operation_id = "answer_calendar_drift",
    security(("session" = [])), params(("id" = Uuid, Path, description = "Id of what was done.")),
    request_body = DriftAnswer,
    responses((status = 200, description = "It is answered.", body = CalendarDrift),
        (status = 409, description = "Nothing is asked, or not any more (`already_decided`); or as `cancel_booking`.",
            body = Problem, content_type = "application/problem+json"),
        NotSignedIn, CrossOrigin, Forbidden, NotFound, BadBody, Faults))]
pub async fn answer(
    State(app): State<App>,
    SignedIn(holder): SignedIn,
    Path(id): Path<DriftId>,
    _: Query<NoQuery>,
    Json(new): Json<DriftAnswer>,
) -> Result<axum::Json<CalendarDrift>, Error> {
    let caller = Caller::Person(holder.person.clone());
    let answered = drift::answer(&app, &caller, id, new.answer.into()).await?;
    Ok(axum::Json(answered.into()))
}
