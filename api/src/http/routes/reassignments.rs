//! Other tutors for lessons that are booked.

use super::bookings::{Booking, changed};
use crate::{
    app::App,
    error::Error,
    http::{
        auth::Admin,
        etag::MaybeIfMatch,
        extract::{Json, NoQuery, Path, Query},
        idempotency::{IdempotencyHeader, IdempotencyKey},
        openapi::{BadBody, Faults, NotAdmin, NotFound, NotSignedIn, Stale},
        problem::Problem,
    },
    service::{
        self, BookingId, TutorId,
        caller::Caller,
        idempotency::{Claim, Reply},
    },
};
use axum::{extract::State, response::Response};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// Who is to teach the lesson.
#[derive(Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTutor {
    #[garde(skip)]
    tutor_id: Uuid,
}

/// Hand a booking over to another tutor.
///
/// For admins. The tutor must teach the subject at the level and be free at the time; notice, horizon and grid don't
/// count. The booking stays, in another lesson: it leaves the calendar of the one tutor and comes into that of the other.
#[utoipa::path(post, path = "/v1/bookings/{id}/reassign", tag = "bookings", operation_id = "reassign_booking",
    security(("session" = [])),
    params(("id" = Uuid, Path, description = "Id of the booking."),
        ("If-Match" = Option<String>, Header, nullable = false, description = "The ETag of what was read; reassigns only if it is still so."),
        IdempotencyHeader),
    request_body = NewTutor,
    responses((status = 200, description = "The booking with the other tutor.", body = Booking, headers(("ETag" = String))),
        (status = 409, description = "The tutor is not free (`slot_unavailable`), suspended (`tutor_suspended`), the student (`own_lesson`) or the same as before (`same_tutor`); the booking is cancelled (`already_cancelled`) or has begun (`already_started`); or the first request with this Idempotency-Key is still being answered (`request_in_progress`: repeat it after Retry-After).",
            body = Problem, content_type = "application/problem+json"),
        NotSignedIn, NotAdmin, NotFound, BadBody, Stale, Faults))]
pub async fn reassign(
    State(app): State<App>,
    Admin(holder): Admin,
    Path(id): Path<BookingId>,
    MaybeIfMatch(version): MaybeIfMatch,
    key: IdempotencyKey,
    _: Query<NoQuery>,
    Json(new): Json<NewTutor>,
) -> Result<Response, Error> {
    let request = serde_json::json!(["reassign_booking", id, version, &new]);
    let caller = Caller::Person(holder.person.clone());
    let work = |claim| {
        let app = app.clone();
        Box::pin(hand_over(app, caller.clone(), (id, version), new, claim))
    };
    key.once(&app, caller.id(), &request, work).await
}

async fn hand_over(
    app: App,
    caller: Caller,
    which: (BookingId, Option<i32>),
    new: NewTutor,
    claim: Option<Claim>,
) -> Result<Response, Error> {
    let reply = Reply {
        answer: changed,
        claim,
    };
    service::reassignment::reassign(&app, &caller, which, TutorId(new.tutor_id), reply)
        .await?
        .response()
}
