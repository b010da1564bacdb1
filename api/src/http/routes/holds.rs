//! Slots that are set aside for some minutes.

use super::{
    bookings::{Booking, Named, NewBooking, created},
    offers::SubjectName,
};
use crate::{
    app::App,
    error::Error,
    http::{
        auth::Allowed,
        extract::{Json, NoQuery, Path, Query},
        idempotency::{IdempotencyHeader, IdempotencyKey, Kept},
        openapi::{BadBody, CrossOrigin, Faults, Forbidden, NotFound, NotSignedIn},
        problem::Problem,
    },
    service::{
        self, BookingId, UserId,
        booking::Detail,
        caller::Caller,
        idempotency::{Claim, Reply},
    },
};
use axum::{extract::State, http::StatusCode, response::Response};
use chrono::{DateTime, Utc};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// A slot that is set aside for a student.
#[derive(Serialize, ToSchema)]
pub struct Hold {
    /// Also the id of the booking that it becomes.
    #[schema(example = "0198c5a0-6f2e-7c3a-9d41-3f8f6a1b2c3d")]
    id: Uuid,
    /// Until when, and not then, it can be booked.
    #[schema(example = "2026-11-21T09:10:00Z")]
    expires_at: DateTime<Utc>,
    #[schema(example = "2026-11-23T15:00:00Z")]
    start: DateTime<Utc>,
    #[schema(example = "2026-11-23T16:00:00Z")]
    end: DateTime<Utc>,
    /// IANA name of the tutor's zone.
    #[schema(example = "Africa/Lagos")]
    time_zone: String,
    tutor: Named,
    student: Named,
    subject: SubjectName,
    #[schema(example = "Bachelor")]
    level: String,
}

impl From<Detail> for Hold {
    fn from(detail: Detail) -> Self {
        Self {
            id: detail.id.0,
            expires_at: detail.expires_at.unwrap_or(detail.starts_at),
            start: detail.starts_at,
            end: detail.ends_at,
            time_zone: detail.tutor_time_zone,
            tutor: Named::new(detail.tutor_id.0, detail.tutor_name),
            student: Named::new(detail.student_id.0, detail.student_name),
            subject: SubjectName {
                slug: detail.subject_slug,
                name: detail.subject_name,
            },
            level: detail.level,
        }
    }
}

/// Hold a slot.
///
/// Sets it aside for a student for the centre's `hold_minutes`, while the student decides or fills in a form: nobody else
/// can hold or book overlapping time of the tutor or the student. It is booked by `book_hold`, let go by `release_hold`,
/// and gone by itself at `expires_at`. A student holds three slots at most.
#[utoipa::path(post, path = "/v1/holds", tag = "holds", operation_id = "create_hold",
    security(("session" = [])),
    params(IdempotencyHeader),
    request_body = NewBooking,
    responses(
        (status = 201, description = "Held.", body = Hold, headers(("Location" = String))),
        (status = 409, description = "This time can't be booked (`slot_unavailable`, with `conflicts` and `alternatives` as in create_booking), the tutor is the caller (`own_lesson`) or suspended (`tutor_suspended`), the student holds three slots already (`too_many_holds`), or the first request with this Idempotency-Key is still being answered (`request_in_progress`: repeat it after Retry-After).",
            body = Problem, content_type = "application/problem+json"),
        NotSignedIn, CrossOrigin, NotFound, BadBody, Faults))]
pub async fn create(
    State(app): State<App>,
    Allowed(caller): Allowed,
    key: IdempotencyKey,
    _: Query<NoQuery>,
    Json(new): Json<NewBooking>,
) -> Result<Response, Error> {
    let request = serde_json::json!(["create_hold", &new]);
    let work = |claim| Box::pin(hold(app.clone(), caller.clone(), new, claim));
    key.once(&app, caller.id(), &request, work).await
}

async fn hold(
    app: App,
    caller: Caller,
    new: NewBooking,
    claim: Option<Claim>,
) -> Result<Response, Error> {
    let answer = |detail: Detail| {
        let location = format!("/v1/holds/{}", detail.id);
        Kept::created(location, detail.version, Hold::from(detail))
    };
    let (student, wanted) = new.wanted(&app, &caller).await?;
    service::hold::create(&app, &caller, student, wanted, Reply { answer, claim })
        .await?
        .response()
}

/// Holds.
#[derive(Serialize, ToSchema)]
pub struct Holds {
    items: Vec<Hold>,
}

#[derive(Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HoldParams {
    /// Of this student: the caller, or somebody whose guardian the caller is; for admins, anybody. Third-party apps must
    /// say.
    #[garde(skip)]
    #[param(value_type = Option<Uuid>, nullable = false)]
    student_id: Option<UserId>,
}

/// List holds.
///
/// What a student holds right now, by start; the caller, where nobody else is asked for.
#[utoipa::path(get, path = "/v1/holds", tag = "holds", operation_id = "list_holds",
    security(("session" = [])), params(HoldParams),
    responses((status = 200, description = "Holds by start.", body = Holds), NotSignedIn, NotFound, Faults))]
pub async fn list(
    State(app): State<App>,
    Allowed(caller): Allowed,
    Query(params): Query<HoldParams>,
) -> Result<axum::Json<Holds>, Error> {
    let student = caller.student(&app, params.student_id).await?;
    let student = student.ok_or_else(super::bookings::no_student)?;
    let held = service::hold::list(&app, &caller, student).await?;
    Ok(axum::Json(Holds {
        items: held.into_iter().map(Hold::from).collect(),
    }))
}

/// Get a hold.
///
/// 404 once it has expired, been let go or booked.
#[utoipa::path(get, path = "/v1/holds/{id}", tag = "holds", operation_id = "get_hold",
    security(("session" = [])), params(("id" = Uuid, Path, description = "Id of the hold.")),
    responses((status = 200, description = "The hold.", body = Hold), NotSignedIn, NotFound, Faults))]
pub async fn get(
    State(app): State<App>,
    Allowed(caller): Allowed,
    Path(id): Path<BookingId>,
    _: Query<NoQuery>,
) -> Result<axum::Json<Hold>, Error> {
    let detail = service::hold::get(&app, &caller, id).await?;
    Ok(axum::Json(detail.into()))
}

/// Let a slot go.
///
/// By the student, a guardian of the student, an admin or a third-party app. The time is free at once.
#[utoipa::path(delete, path = "/v1/holds/{id}", tag = "holds", operation_id = "release_hold",
    security(("session" = [])), params(("id" = Uuid, Path, description = "Id of the hold.")),
    responses((status = 204, description = "Let go."), NotSignedIn, CrossOrigin, Forbidden, NotFound, Faults))]
pub async fn release(
    State(app): State<App>,
    Allowed(caller): Allowed,
    Path(id): Path<BookingId>,
    _: Query<NoQuery>,
) -> Result<StatusCode, Error> {
    service::hold::release(&app, &caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Book what is held.
///
/// By the student, a guardian of the student, an admin or a third-party app, before it expires. The booking has the id of
/// the hold. It is `confirmed`, or `requested` where the tutor wants to be asked, as by `create_booking`.
#[utoipa::path(post, path = "/v1/holds/{id}/book", tag = "holds", operation_id = "book_hold",
    security(("session" = [])),
    params(("id" = Uuid, Path, description = "Id of the hold."), IdempotencyHeader),
    responses(
        (status = 201, description = "Booked.", body = Booking, headers(("Location" = String), ("ETag" = String))),
        (status = 409, description = "The tutor has been suspended since (`tutor_suspended`), or the first request with this Idempotency-Key is still being answered (`request_in_progress`: repeat it after Retry-After).",
            body = Problem, content_type = "application/problem+json"),
        NotSignedIn, CrossOrigin, Forbidden, NotFound, Faults))]
pub async fn book(
    State(app): State<App>,
    Allowed(caller): Allowed,
    Path(id): Path<BookingId>,
    key: IdempotencyKey,
    _: Query<NoQuery>,
) -> Result<Response, Error> {
    let request = serde_json::json!(["book_hold", id]);
    let work = |claim| Box::pin(take(app.clone(), caller.clone(), id, claim));
    key.once(&app, caller.id(), &request, work).await
}

async fn take(
    app: App,
    caller: Caller,
    id: BookingId,
    claim: Option<Claim>,
) -> Result<Response, Error> {
    let reply = Reply {
        answer: created,
        claim,
    };
    service::hold::book(&app, &caller, id, reply)
        .await?
        .response()
}
