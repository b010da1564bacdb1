//! What becomes of another time that is proposed for a booking.

use super::bookings::{Booking, make};
use crate::{
    app::App,
    error::Error,
    http::{
        auth::{Allowed, SignedIn},
        etag::{IfMatch, MaybeIfMatch},
        extract::{NoBody, NoQuery, Path, Query},
        idempotency::{IdempotencyHeader, IdempotencyKey},
        openapi::{CrossOrigin, Faults, Forbidden, NotFound, NotSignedIn, Precondition, Stale},
        problem::Problem,
    },
    service::{BookingId, caller::Caller, step::Change},
};
use axum::{extract::State, response::Response};

/// Approve a proposed time.
///
/// By the tutor of a booking with a `proposed_time`, or an admin, before that expires. The lesson moves there: its old
/// time is free exactly when it has the new one, and its event moves in the tutor's Google Calendar shortly after. A
/// student may propose another time instead; so who approves says of which.
#[utoipa::path(post, path = "/v1/bookings/{id}/reschedule/approve", tag = "bookings", operation_id = "approve_reschedule",
    security(("session" = [])),
    params(("id" = Uuid, Path, description = "Id of the booking."),
        ("If-Match" = String, Header, description = "The ETag of what was read; approves only if it is still so."),
        IdempotencyHeader),
    responses((status = 200, description = "The booking at its new time.", body = Booking, headers(("ETag" = String))),
        (status = 409, description = "No time is proposed, or not any more (`nothing_proposed`); the booking is not confirmed (`only_requested`, `already_declined`, `already_cancelled`, `already_completed`, `already_no_show`, `expired`); the student has booked so much meanwhile that a quota does not allow it (`quota_exceeded`), while the tutor may still move the lesson; the tutor is suspended (`tutor_suspended`); another tutor has it by now (`tutor_changed`); or the first request with this Idempotency-Key is still being answered (`request_in_progress`: repeat it after Retry-After).",
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
    answer(app, caller, key, (id, versions), Change::ApproveTime).await
}

/// Decline a proposed time.
///
/// By the tutor of a booking with a `proposed_time`, or an admin, before that expires. The lesson stays where it is, and
/// the proposed time is free at once.
#[utoipa::path(post, path = "/v1/bookings/{id}/reschedule/decline", tag = "bookings", operation_id = "decline_reschedule",
    security(("session" = [])),
    params(("id" = Uuid, Path, description = "Id of the booking."),
        ("If-Match" = Option<String>, Header, nullable = false, description = "The ETag of what was read; declines only if it is still so."),
        IdempotencyHeader),
    responses((status = 200, description = "The booking at its old time.", body = Booking, headers(("ETag" = String))),
        (status = 409, description = "No time is proposed, or not any more (`nothing_proposed`); the booking is not confirmed (`only_requested`, `already_declined`, `already_cancelled`, `already_completed`, `already_no_show`, `expired`); another tutor has it by now (`tutor_changed`); or the first request with this Idempotency-Key is still being answered (`request_in_progress`: repeat it after Retry-After).",
            body = Problem, content_type = "application/problem+json"),
        NotSignedIn, CrossOrigin, Forbidden, NotFound, Stale, Faults))]
pub async fn decline(
    State(app): State<App>,
    SignedIn(holder): SignedIn,
    Path(id): Path<BookingId>,
    MaybeIfMatch(versions): MaybeIfMatch,
    key: IdempotencyKey,
    _: Query<NoQuery>,
    _: NoBody,
) -> Result<Response, Error> {
    let caller = Caller::Person(holder.person.clone());
    answer(app, caller, key, (id, versions), Change::DeclineTime).await
}

/// Withdraw a proposed time.
///
/// By the student of a booking with a `proposed_time`, a guardian or a third-party app, before that expires. The lesson
/// stays where it is, and the proposed time is free at once.
#[utoipa::path(post, path = "/v1/bookings/{id}/reschedule/withdraw", tag = "bookings", operation_id = "withdraw_reschedule",
    security(("session" = [])),
    params(("id" = Uuid, Path, description = "Id of the booking."),
        ("If-Match" = Option<String>, Header, nullable = false, description = "The ETag of what was read; withdraws only if it is still so."),
        IdempotencyHeader),
    responses((status = 200, description = "The booking at its old time.", body = Booking, headers(("ETag" = String))),
        (status = 409, description = "No time is proposed, or not any more (`nothing_proposed`); the booking is not confirmed (`only_requested`, `already_declined`, `already_cancelled`, `already_completed`, `already_no_show`, `expired`); another tutor has it by now (`tutor_changed`); or the first request with this Idempotency-Key is still being answered (`request_in_progress`: repeat it after Retry-After).",
            body = Problem, content_type = "application/problem+json"),
        NotSignedIn, CrossOrigin, Forbidden, NotFound, Stale, Faults))]
pub async fn withdraw(
    State(app): State<App>,
    Allowed(caller): Allowed,
    Path(id): Path<BookingId>,
    MaybeIfMatch(versions): MaybeIfMatch,
    key: IdempotencyKey,
    _: Query<NoQuery>,
    _: NoBody,
) -> Result<Response, Error> {
    answer(app, caller, key, (id, versions), Change::WithdrawTime).await
}

async fn answer(
    app: App,
    caller: Caller,
    key: IdempotencyKey,
    (id, versions): (BookingId, Option<Vec<i32>>),
    change: Change,
) -> Result<Response, Error> {
    let request = serde_json::json!([format!("{change:?}"), id, &versions]);
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
