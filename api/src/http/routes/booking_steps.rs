//! What becomes of a booking, apart from cancelling.

use super::bookings::{Booking, NewCancellation, changed, make};
use crate::{
    app::App,
    error::Error,
    http::{
        auth::{Allowed, SignedIn},
        etag::{IfMatch, MaybeIfMatch},
        extract::{Json, NoBody, NoQuery, OptionalJson, Path, Query},
        idempotency::{IdempotencyHeader, IdempotencyKey},
        openapi::{
            BadBody, CrossOrigin, Faults, Forbidden, NotFound, NotSignedIn, Precondition, Stale,
        },
        problem::Problem,
        validate,
    },
    service::{
        self, BookingId,
        caller::Caller,
        idempotency::{Claim, Reply},
        step::Change,
    },
};
use axum::{extract::State, response::Response};
use chrono::{DateTime, Utc};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Approve a booking.
///
/// By the tutor of a `requested` booking, or an admin, before it expires. It is `confirmed` then, and comes into the
/// tutor's Google Calendar shortly after. A student may move a request; so who approves says of which time.
#[utoipa::path(post, path = "/v1/bookings/{id}/approve", tag = "bookings", operation_id = "approve_booking",
    security(("session" = [])),
    params(("id" = Uuid, Path, description = "Id of the booking."),
        ("If-Match" = String, Header, description = "The ETag of what was read; approves only if it is still so."),
        IdempotencyHeader),
    responses((status = 200, description = "The booking as confirmed.", body = Booking, headers(("ETag" = String))),
        (status = 409, description = "It is not `requested` (`already_confirmed`, `already_declined`, `already_cancelled`, `already_completed`, `already_no_show`), or no longer (`expired`); another tutor has it by now (`tutor_changed`); or the first request with this Idempotency-Key is still being answered (`request_in_progress`: repeat it after Retry-After).",
            body = Problem, content_type = "application/problem+json"),
        NotSignedIn, CrossOrigin, Forbidden, NotFound, Precondition, Faults))]
pub async fn approve(
    State(app): State<App>,
    SignedIn(holder): SignedIn,
    Path(id): Path<BookingId>,
    if_match: IfMatch,
    key: IdempotencyKey,
    _: Query<NoQuery>,
    _: NoBody,
) -> Result<Response, Error> {
    let caller = Caller::Person(holder.person.clone());
    let versions = if_match.versions();
    let request = serde_json::json!(["approve_booking", id, &versions]);
    let work = |claim| {
        let app = app.clone();
        Box::pin(make(
            app,
            caller.clone(),
            (id, versions),
            Change::Approve,
            claim,
        ))
    };
    key.once(&app, caller.id(), &request, work).await
}

/// Decline a booking.
///
/// By the tutor of a `requested` booking, or an admin, before it expires. Its time is free at once.
#[utoipa::path(post, path = "/v1/bookings/{id}/decline", tag = "bookings", operation_id = "decline_booking",
    security(("session" = [])),
    params(("id" = Uuid, Path, description = "Id of the booking."),
        ("If-Match" = Option<String>, Header, nullable = false, description = "The ETag of what was read; declines only if it is still so."),
        IdempotencyHeader),
    request_body = Option<NewCancellation>,
    responses((status = 200, description = "The booking as declined.", body = Booking, headers(("ETag" = String))),
        (status = 409, description = "It is not `requested` (`already_confirmed`, `already_declined`, `already_cancelled`, `already_completed`, `already_no_show`), or no longer (`expired`); another tutor has it by now (`tutor_changed`); or the first request with this Idempotency-Key is still being answered (`request_in_progress`: repeat it after Retry-After).",
            body = Problem, content_type = "application/problem+json"),
        NotSignedIn, CrossOrigin, Forbidden, NotFound, BadBody, Stale, Faults))]
pub async fn decline(
    State(app): State<App>,
    SignedIn(holder): SignedIn,
    Path(id): Path<BookingId>,
    MaybeIfMatch(versions): MaybeIfMatch,
    key: IdempotencyKey,
    _: Query<NoQuery>,
    OptionalJson(new): OptionalJson<NewCancellation>,
) -> Result<Response, Error> {
    let caller = Caller::Person(holder.person.clone());
    let request = serde_json::json!(["decline_booking", id, &versions, &new]);
    let change = Change::Decline { reason: new.reason };
    let work = |claim| {
        Box::pin(make(
            app.clone(),
            caller.clone(),
            (id, versions),
            change,
            claim,
        ))
    };
    key.once(&app, caller.id(), &request, work).await
}

/// Who was there.
#[derive(Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Attendance {
    /// Whether the student was.
    #[garde(skip)]
    attended: bool,
}

/// Say whether the student was there.
///
/// By the tutor from the start of the lesson on, until the centre's `attendance_days` after its end are over, and by
/// admins also later. The booking is `completed` or `no_show` then; what was said before can be corrected. Where nobody
/// says anything, it is `completed` soon after its end.
#[utoipa::path(post, path = "/v1/bookings/{id}/attendance", tag = "bookings", operation_id = "record_attendance",
    security(("session" = [])),
    params(("id" = Uuid, Path, description = "Id of the booking."),
        ("If-Match" = Option<String>, Header, nullable = false, description = "The ETag of what was read; changes it only if it is still so."),
        IdempotencyHeader),
    request_body = Attendance,
    responses((status = 200, description = "The booking as it is now.", body = Booking, headers(("ETag" = String))),
        (status = 409, description = "The lesson has not begun (`not_started`), is too long ago (`attendance_window_over`), never was (`only_requested`, `already_declined`, `already_cancelled`, `expired`), or that was said already (`already_completed`, `already_no_show`); another tutor has it by now (`tutor_changed`); or the first request with this Idempotency-Key is still being answered (`request_in_progress`: repeat it after Retry-After).",
            body = Problem, content_type = "application/problem+json"),
        NotSignedIn, CrossOrigin, Forbidden, NotFound, BadBody, Stale, Faults))]
pub async fn record_attendance(
    State(app): State<App>,
    Allowed(caller): Allowed,
    Path(id): Path<BookingId>,
    MaybeIfMatch(versions): MaybeIfMatch,
    key: IdempotencyKey,
    _: Query<NoQuery>,
    Json(new): Json<Attendance>,
) -> Result<Response, Error> {
    let request = serde_json::json!(["record_attendance", id, &versions, &new]);
    let change = Change::RecordAttendance {
        attended: new.attended,
    };
    let work = |claim| {
        Box::pin(make(
            app.clone(),
            caller.clone(),
            (id, versions),
            change,
            claim,
        ))
    };
    key.once(&app, caller.id(), &request, work).await
}

/// Another time.
#[derive(Clone, Copy, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTime {
    /// Start of a slot.
    #[garde(custom(validate::instant))]
    #[schema(example = "2026-11-24T15:00:00Z")]
    start: DateTime<Utc>,
    /// End of the same slot.
    #[garde(custom(validate::instant))]
    #[schema(example = "2026-11-24T16:00:00Z")]
    end: DateTime<Utc>,
}

impl NewTime {
    pub(super) fn times(self) -> (DateTime<Utc>, DateTime<Utc>) {
        (self.start, self.end)
    }
}

/// Move a booking to another time.
///
/// By its student, a guardian or a third-party app to a slot that could be booked; by the tutor or an admin also at
/// short notice and off the grid; before the lesson begins. It lasts as long as before, or as the tutor offers. It stays
/// the same booking: the old time is free exactly when the new one is taken, and the event moves in the tutor's Google
/// Calendar shortly after.
///
/// What a tutor has approved who wants to be asked is moved by the tutor or an admin only; a student, a guardian or a
/// third-party app proposes the other time. The booking then stays where it is, and has it as `proposed_time`: nobody else
/// can book it until the tutor has answered (`approve_reschedule`, `decline_reschedule`), the student has withdrawn it
/// (`withdraw_reschedule`), or it has expired. Another proposal takes its place; whoever cancels the booking, moves it or
/// hands it to another tutor ends it. What is `requested` of such a tutor is moved at once, and stays so.
#[utoipa::path(post, path = "/v1/bookings/{id}/reschedule", tag = "bookings", operation_id = "reschedule_booking",
    security(("session" = [])),
    params(("id" = Uuid, Path, description = "Id of the booking."),
        ("If-Match" = Option<String>, Header, nullable = false, description = "The ETag of what was read; moves it only if it is still so."),
        IdempotencyHeader),
    request_body = NewTime,
    responses((status = 200, description = "The booking at the other time, or with the other time as `proposed_time`.", body = Booking, headers(("ETag" = String))),
        (status = 409, description = "The time can't be booked (`slot_unavailable`, with `conflicts` and `alternatives` as in create_booking) or is the same, or proposed already (`same_time`); another time is proposed for three other lessons of the student (`too_many_proposals`); it is a seat in a group lesson (`group_lesson`), which the tutor or an admin moves as a whole; another tutor has just been found (`tutor_changed`); the lesson has begun (`already_started`) or is no more (`already_cancelled`, `already_declined`, `already_completed`, `already_no_show`, `expired`); the tutor is suspended (`tutor_suspended`); the student would have more than a quota allows (`quota_exceeded`); it is too late to move it, as cancelling is not free any more (`too_late_to_move`); credit paid for another length (`paid_with_credit`); or the first request with this Idempotency-Key is still being answered (`request_in_progress`: repeat it after Retry-After).",
            body = Problem, content_type = "application/problem+json"),
        NotSignedIn, CrossOrigin, NotFound, BadBody, Stale, Faults))]
pub async fn reschedule(
    State(app): State<App>,
    Allowed(caller): Allowed,
    Path(id): Path<BookingId>,
    MaybeIfMatch(versions): MaybeIfMatch,
    key: IdempotencyKey,
    _: Query<NoQuery>,
    Json(new): Json<NewTime>,
) -> Result<Response, Error> {
    let request = serde_json::json!(["reschedule_booking", id, &versions, &new]);
    let work = |claim| {
        Box::pin(move_to(
            app.clone(),
            caller.clone(),
            (id, versions),
            new,
            claim,
        ))
    };
    key.once(&app, caller.id(), &request, work).await
}

async fn move_to(
    app: App,
    caller: Caller,
    which: (BookingId, Option<Vec<i32>>),
    new: NewTime,
    claim: Option<Claim>,
) -> Result<Response, Error> {
    let reply = Reply {
        answer: changed,
        claim,
    };
    service::reschedule::reschedule(&app, &caller, which, new.times(), reply)
        .await?
        .response()
}
