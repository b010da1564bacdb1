//! What became of a booking.

use crate::{
    app::App,
    error::Error,
    http::{
        auth::Allowed,
        extract::{NoQuery, Path, Query},
        openapi::{Faults, NotFound, NotSignedIn},
    },
    service::{
        self, BookingId,
        booking::BookingStatus,
        history::{By, PastStep, StepKind},
    },
};
use axum::extract::State;
use chrono::{DateTime, Utc};
use scheduling::interval::Span;
use serde::Serialize;
use utoipa::ToSchema;

/// What became of a booking.
#[derive(Serialize, ToSchema)]
pub struct BookingHistory {
    /// The first step first.
    items: Vec<BookingStep>,
}

/// What was done with a booking.
#[derive(Serialize, ToSchema)]
struct BookingStep {
    at: DateTime<Utc>,
    step: StepName,
    /// On whose word, by what they are to the booking today: of the `student`, a `guardian`, a `tutor` who has it or
    /// had it, an `admin`, a third-party `app`; or of
    /// the `system`, because time has passed, too few had joined, or its event was changed in Google. Null: of somebody who is none of them any more.
    #[schema(required)]
    by: Option<Role>,
    /// Of `rescheduled` and `time_proposed`: the time of the lesson until then.
    #[schema(required)]
    from: Option<Time>,
    /// Of `rescheduled` and of the first step: the time of the lesson from then on; of `time_proposed`: the other time.
    #[schema(required)]
    to: Option<Time>,
    /// Why it was cancelled or declined, if anybody said.
    #[schema(required)]
    reason: Option<String>,
}

/// A step: of a status, that the booking came to be so; `rescheduled`, to another time; `reassigned`, to another tutor;
/// `time_proposed`, another time was asked for, and then `time_declined`, `time_withdrawn`, `time_expired`, or the lesson
/// `rescheduled`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = BookingStepName)]
enum StepName {
    Held,
    Requested,
    Confirmed,
    Declined,
    Expired,
    Cancelled,
    Completed,
    NoShow,
    Rescheduled,
    Reassigned,
    TimeProposed,
    TimeDeclined,
    TimeWithdrawn,
    TimeExpired,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = BookingStepRole)]
enum Role {
    Student,
    Guardian,
    Tutor,
    Admin,
    App,
    System,
}

/// A start and an end.
#[derive(Serialize, ToSchema)]
#[schema(as = BookingStepTime)]
struct Time {
    #[schema(example = "2026-11-23T15:00:00Z")]
    start: DateTime<Utc>,
    #[schema(example = "2026-11-23T16:00:00Z")]
    end: DateTime<Utc>,
}

impl From<Span> for Time {
    fn from(span: Span) -> Self {
        Self {
            start: span.start(),
            end: span.end(),
        }
    }
}

impl From<StepKind> for StepName {
    fn from(kind: StepKind) -> Self {
        match kind {
            StepKind::Status(BookingStatus::Held) => Self::Held,
            StepKind::Status(BookingStatus::Requested) => Self::Requested,
            StepKind::Status(BookingStatus::Confirmed) => Self::Confirmed,
            StepKind::Status(BookingStatus::Declined) => Self::Declined,
            StepKind::Status(BookingStatus::Expired) => Self::Expired,
            StepKind::Status(BookingStatus::Cancelled) => Self::Cancelled,
            StepKind::Status(BookingStatus::Completed) => Self::Completed,
            StepKind::Status(BookingStatus::NoShow) => Self::NoShow,
            StepKind::Rescheduled => Self::Rescheduled,
            StepKind::Reassigned => Self::Reassigned,
            StepKind::TimeProposed => Self::TimeProposed,
            StepKind::TimeDeclined => Self::TimeDeclined,
            StepKind::TimeWithdrawn => Self::TimeWithdrawn,
            StepKind::TimeExpired => Self::TimeExpired,
        }
    }
}

impl From<By> for Role {
    fn from(by: By) -> Self {
        match by {
            By::Student => Self::Student,
            By::Guardian => Self::Guardian,
            By::Tutor => Self::Tutor,
            By::Admin => Self::Admin,
            By::App => Self::App,
            By::System => Self::System,
        }
    }
}

impl From<PastStep> for BookingStep {
    fn from(step: PastStep) -> Self {
        Self {
            at: step.at,
            step: step.kind.into(),
            by: step.by.map(Role::from),
            from: step.from.map(Time::from),
            to: step.to.map(Time::from),
            reason: step.reason,
        }
    }
}

/// What became of a booking?
///
/// For whoever sees the booking. Its steps in order: of the last 500 changes, those that are remembered (the audit trail
/// is kept for a configured time, and emptied of people who are erased). It says in which role somebody took a step, as
/// which they stand to the booking today, and not who that is.
#[utoipa::path(get, path = "/v1/bookings/{id}/history", tag = "bookings", operation_id = "get_booking_history",
    security(("session" = [])), params(("id" = Uuid, Path, description = "Id of the booking.")),
    responses((status = 200, description = "Its steps.", body = BookingHistory), NotSignedIn, NotFound, Faults))]
pub async fn of_booking(
    State(app): State<App>,
    Allowed(caller): Allowed,
    Path(id): Path<BookingId>,
    _: Query<NoQuery>,
) -> Result<axum::Json<BookingHistory>, Error> {
    let steps = service::history::of_booking(&app, &caller, id).await?;
    let items = steps.into_iter().map(BookingStep::from).collect();
    Ok(axum::Json(BookingHistory { items }))
}
