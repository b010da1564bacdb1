//! Tutors who can't teach for a while, and whose lessons that are.

use super::{bookings::Named, offers::SubjectName, reassignments::Substitute, time_off::time_of};
use crate::{
    app::App,
    error::Error,
    http::{
        auth::{EditedTutor, SignedIn},
        cursor::{self, LONGEST_PAGE, usual_page},
        extract::{DryRun, Json, NoBody, NoQuery, Path, Query},
        idempotency::{IdempotencyHeader, IdempotencyKey, Kept},
        openapi::{BadBody, CrossOrigin, Faults, Forbidden, NotFound, NotSignedIn},
        problem::Problem,
        validate,
    },
    service::{
        AbsenceId, TutorId,
        absence::{self, AffectedBooking, Listing, Report},
        caller::Caller,
        idempotency::{Claim, Reply},
    },
};
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use chrono::{DateTime, NaiveDate, Utc};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// That a tutor can't teach for a while.
#[derive(Serialize, ToSchema)]
pub struct Absence {
    /// Null in a dry run.
    #[schema(required)]
    id: Option<Uuid>,
    tutor_id: Uuid,
    #[schema(value_type = AbsenceReason)]
    reason: String,
    #[schema(example = "2026-11-23T00:00:00Z")]
    start: DateTime<Utc>,
    #[schema(example = "2026-11-26T00:00:00Z")]
    end: DateTime<Utc>,
    /// What closes the time; null in a dry run, and where the absence is taken back.
    #[schema(required)]
    time_off_id: Option<Uuid>,
    /// Whether the tutor is there after all.
    taken_back: bool,
    created_at: DateTime<Utc>,
}

impl Absence {
    fn new(absence: absence::Absence, is_noted: bool) -> Self {
        Self {
            id: is_noted.then_some(absence.id.0),
            tutor_id: absence.tutor_id.0,
            reason: absence.reason,
            start: absence.starts_at,
            end: absence.ends_at,
            time_off_id: absence.time_off_id.filter(|_| is_noted).map(|id| id.0),
            taken_back: absence.time_off_id.is_none(),
            created_at: absence.created_at,
        }
    }
}

/// Why a tutor is absent: for the tutor and admins.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum AbsenceReason {
    Illness,
    Family,
    Travel,
    Training,
    Other,
}

impl AbsenceReason {
    fn name(self) -> &'static str {
        match self {
            Self::Illness => "illness",
            Self::Family => "family",
            Self::Travel => "travel",
            Self::Training => "training",
            Self::Other => "other",
        }
    }
}

/// What became of a booking whose tutor is absent: `open`, nothing yet; `offered`, it is left to the student;
/// `reassigned`, another tutor has it; `rescheduled`; `credited`, it is cancelled and the student has credit for it;
/// `cancelled`, or declined or expired; `kept`, the tutor was, or will be, there after all.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum AbsenceState {
    Open,
    Offered,
    Reassigned,
    Rescheduled,
    Credited,
    Cancelled,
    Kept,
}

impl From<absence::State> for AbsenceState {
    fn from(state: absence::State) -> Self {
        use absence::State;
        match state {
            State::Open => Self::Open,
            State::Offered => Self::Offered,
            State::Reassigned => Self::Reassigned,
            State::Rescheduled => Self::Rescheduled,
            State::Credited => Self::Credited,
            State::Cancelled => Self::Cancelled,
            State::Kept => Self::Kept,
        }
    }
}

/// A booking whose tutor was absent when that was reported.
#[derive(Serialize, ToSchema)]
struct AffectedLesson {
    booking_id: Uuid,
    /// Of the tutor who has it now; those in one group lesson have the same. Null for a tutor who has it no more.
    #[schema(required)]
    lesson_id: Option<Uuid>,
    state: AbsenceState,
    /// When it was to be.
    #[schema(example = "2026-11-23T15:00:00Z")]
    start: DateTime<Utc>,
    #[schema(example = "2026-11-23T16:00:00Z")]
    end: DateTime<Utc>,
    /// Null for a tutor who has it no more.
    #[schema(required)]
    student: Option<Named>,
    /// Who has it now. Null for a tutor who has it no more.
    #[schema(required)]
    tutor: Option<Named>,
    subject: SubjectName,
    #[schema(example = "Bachelor")]
    level: String,
    /// Whether others learn with the student; such a lesson is not handed over.
    group: bool,
    #[schema(required)]
    series_id: Option<Uuid>,
    /// Who could take it over, the best first: for admins, while it is `open` or `offered`.
    substitutes: Vec<Substitute>,
}

impl From<AffectedBooking> for AffectedLesson {
    fn from(affected: AffectedBooking) -> Self {
        let AffectedBooking {
            span: (start, end),
            booking,
            state,
            is_told,
            substitutes,
        } = affected;
        let named = |id, name| is_told.then(|| Named::new(id, name));
        Self {
            booking_id: booking.id.0,
            lesson_id: is_told.then_some(booking.lesson_id.0),
            state: state.into(),
            start,
            end,
            student: named(booking.student_id.0, booking.student_name),
            tutor: named(booking.tutor_id.0, booking.tutor_name),
            subject: SubjectName {
                slug: booking.subject_slug,
                name: booking.subject_name,
            },
            level: booking.level,
            group: booking.capacity > 1,
            series_id: booking.series_id.map(|id| id.0),
            substitutes: substitutes.into_iter().map(Substitute::from).collect(),
        }
    }
}

/// An absence, and all whose lessons are touched by it, by start.
#[derive(Serialize, ToSchema)]
pub struct AbsenceReport {
    #[serde(flatten)]
    absence: Absence,
    bookings: Vec<AffectedLesson>,
}

impl AbsenceReport {
    fn new(report: Report, is_noted: bool) -> Self {
        Self {
            absence: Absence::new(report.absence, is_noted),
            bookings: report.bookings.into_iter().map(Into::into).collect(),
        }
    }
}

/// When a tutor can't teach: either `start` and `end`, or `first_date` and `last_date`; 366 days at most.
#[derive(Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAbsence {
    #[garde(custom(validate::optional_instant))]
    #[schema(example = "2026-12-01T12:00:00Z")]
    start: Option<DateTime<Utc>>,
    #[garde(custom(validate::optional_instant))]
    #[schema(example = "2026-12-01T15:00:00Z")]
    end: Option<DateTime<Utc>>,
    /// In the tutor's time zone, as it is now: should it change, the absence does not move.
    #[garde(custom(validate::optional_date))]
    first_date: Option<NaiveDate>,
    /// In the tutor's time zone; this day too.
    #[garde(custom(validate::optional_date))]
    last_date: Option<NaiveDate>,
    #[garde(skip)]
    reason: AbsenceReason,
}

/// Report that a tutor is absent.
///
/// For the tutor and admins. Nothing can be booked in that time any more, as in time off, what was only held is let
/// go, and group lessons that nobody is in are cancelled. The answer names the bookings, at most 500, that are `requested` or `confirmed` and have not begun: for each, admins are
/// told who could take it over. The lessons stay until something becomes of them: `reassign_absence` finds other tutors,
/// and `offer_absence` leaves it to the students; what nobody has decided when its lesson begins is cancelled, and the
/// student gets credit. A dry run answers so, with 200, and writes nothing.
#[utoipa::path(post, path = "/v1/tutors/{id}/absences", tag = "absences", operation_id = "report_absence",
    security(("session" = [])),
    params(("id" = Uuid, Path, description = "Id of the tutor."), IdempotencyHeader, DryRun),
    request_body(content = NewAbsence, example = json!({"first_date": "2026-12-01", "last_date": "2026-12-03", "reason": "illness"})),
    responses((status = 201, description = "Noted.", body = AbsenceReport, headers(("Location" = String))),
        (status = 200, description = "It would be noted so (`dry_run`).", body = AbsenceReport),
        (status = 409, description = "An absence of exactly this time stands already, also where this is a dry run (`already_reported`; `detail` names it); or the first request with this Idempotency-Key is still being answered (`request_in_progress`: repeat it after Retry-After).",
            body = Problem, content_type = "application/problem+json"),
        NotSignedIn, Forbidden, NotFound, BadBody, Faults))]
pub async fn report(
    State(app): State<App>,
    tutor: EditedTutor,
    key: IdempotencyKey,
    Query(DryRun { dry_run }): Query<DryRun>,
    Json(new): Json<NewAbsence>,
) -> Result<Response, Error> {
    let (caller, id) = (tutor.caller, tutor.id);
    if dry_run {
        return note(app, caller, id, new, (true, None)).await;
    }
    let request = serde_json::json!(["report_absence", id, &new]);
    let work = |claim| Box::pin(note(app.clone(), caller.clone(), id, new, (false, claim)));
    key.once(&app, caller.id(), &request, work).await
}

async fn note(
    app: App,
    caller: Caller,
    id: TutorId,
    new: NewAbsence,
    (dry_run, claim): (bool, Option<Claim>),
) -> Result<Response, Error> {
    let time = time_of((new.start, new.end), (new.first_date, new.last_date))?;
    let answer = if dry_run { would_be_noted } else { noted };
    let what = (time, new.reason.name());
    let reply = Reply { answer, claim };
    absence::report(&app, &caller, id, what, dry_run, reply)
        .await?
        .response()
}

fn noted(report: Report) -> Kept<AbsenceReport> {
    let location = format!("/v1/absences/{}", report.absence.id);
    Kept::noted(location, AbsenceReport::new(report, true))
}

fn would_be_noted(report: Report) -> Kept<AbsenceReport> {
    Kept::outcome(AbsenceReport::new(report, false))
}

/// A page of absences.
#[derive(Serialize, ToSchema)]
pub struct AbsencePage {
    items: Vec<Absence>,
    /// Pass it as `cursor` for the next page; null on the last one.
    #[schema(required)]
    next_cursor: Option<String>,
}

impl AbsencePage {
    fn new(found: Vec<absence::Absence>, limit: u32) -> Self {
        let (items, next_cursor) = cursor::page(found, limit, |absence| absence.id);
        let items = items.into_iter().map(|it| Absence::new(it, true));
        Self {
            items: items.collect(),
            next_cursor,
        }
    }
}

#[derive(Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AbsenceParams {
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

/// List absences of a tutor.
///
/// For the tutor and admins, in the order in which they were reported.
#[utoipa::path(get, path = "/v1/tutors/{id}/absences", tag = "absences", operation_id = "list_absences",
    security(("session" = [])), params(("id" = Uuid, Path, description = "Id of the tutor."), AbsenceParams),
    responses((status = 200, description = "Absences.", body = AbsencePage),
        NotSignedIn, Forbidden, NotFound, Faults))]
pub async fn list(
    State(app): State<App>,
    tutor: EditedTutor,
    Query(params): Query<AbsenceParams>,
) -> Result<axum::Json<AbsencePage>, Error> {
    let listing = Listing {
        tutor: Some(tutor.id),
        after: cursor::read(params.cursor.as_deref())?,
        limit: params.limit + 1,
        ..Listing::default()
    };
    let found = absence::list(&app, &tutor.caller, listing).await?;
    Ok(axum::Json(AbsencePage::new(found, params.limit)))
}

#[derive(Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AllAbsencesParams {
    /// Only of this tutor.
    #[garde(skip)]
    #[param(value_type = Option<Uuid>, nullable = false)]
    tutor_id: Option<TutorId>,
    /// Only those that stand, or only those that are taken back.
    #[garde(skip)]
    #[param(nullable = false)]
    standing: Option<bool>,
    /// Only absences that end after this instant.
    #[garde(custom(validate::optional_instant))]
    #[param(example = "2026-11-23T00:00:00Z")]
    from: Option<DateTime<Utc>>,
    /// Only absences that start before this instant.
    #[garde(custom(validate::optional_instant))]
    #[param(example = "2026-11-30T00:00:00Z")]
    to: Option<DateTime<Utc>>,
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

/// List absences of all tutors.
///
/// For admins, all; for a tutor, the tutor's own; for others there are none. In the order in which they were reported.
#[utoipa::path(get, path = "/v1/absences", tag = "absences", operation_id = "list_all_absences",
    security(("session" = [])), params(AllAbsencesParams),
    responses((status = 200, description = "Absences.", body = AbsencePage), NotSignedIn, Faults))]
pub async fn list_all(
    State(app): State<App>,
    SignedIn(holder): SignedIn,
    Query(params): Query<AllAbsencesParams>,
) -> Result<axum::Json<AbsencePage>, Error> {
    let caller = Caller::Person(holder.person.clone());
    let listing = Listing {
        tutor: params.tutor_id,
        standing: params.standing,
        from: params.from,
        until: params.to,
        after: cursor::read(params.cursor.as_deref())?,
        limit: params.limit + 1,
    };
    let found = absence::list(&app, &caller, listing).await?;
    Ok(axum::Json(AbsencePage::new(found, params.limit)))
}

/// Get an absence.
///
/// For its tutor and admins: what has become of each lesson, and for admins who could take over what still needs somebody.
#[utoipa::path(get, path = "/v1/absences/{id}", tag = "absences", operation_id = "get_absence",
    security(("session" = [])), params(("id" = Uuid, Path, description = "Id of the absence.")),
    responses((status = 200, description = "The absence.", body = AbsenceReport), NotSignedIn, NotFound, Faults))]
pub async fn get(
    State(app): State<App>,
    SignedIn(holder): SignedIn,
    Path(id): Path<AbsenceId>,
    _: Query<NoQuery>,
) -> Result<axum::Json<AbsenceReport>, Error> {
    let caller = Caller::Person(holder.person.clone());
    let report = absence::get(&app, &caller, id).await?;
    Ok(axum::Json(AbsenceReport::new(report, true)))
}

/// Take an absence back.
///
/// For its tutor and admins: the tutor is there after all. The time can be booked again, lessons that still are the
/// tutor's stay so, and nothing is offered to their students any more; what has become of others stays. To delete the
/// absence's time off is the same.
#[utoipa::path(delete, path = "/v1/absences/{id}", tag = "absences", operation_id = "take_back_absence",
    security(("session" = [])), params(("id" = Uuid, Path, description = "Id of the absence.")),
    responses((status = 204, description = "Taken back."), NotSignedIn, CrossOrigin, NotFound, Faults))]
pub async fn take_back(
    State(app): State<App>,
    SignedIn(holder): SignedIn,
    Path(id): Path<AbsenceId>,
    _: Query<NoQuery>,
    _: NoBody,
) -> Result<Response, Error> {
    let caller = Caller::Person(holder.person.clone());
    absence::take_back(&app, &caller, id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
