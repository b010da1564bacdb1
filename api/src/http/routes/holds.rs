//! Slots that are set aside for some minutes.

use super::{
    bookings::{Booking, Named, PayWith, created},
    offers::SubjectName,
};
use crate::{
    app::App,
    error::Error,
    http::{
        auth::Allowed,
        extract::{Json, NoBody, NoQuery, OptionalJson, Path, Query},
        idempotency::{IdempotencyHeader, IdempotencyKey, Kept},
        openapi::{BadBody, CrossOrigin, Faults, Forbidden, NotAdmin, NotFound, NotSignedIn},
        problem::Problem,
        validate,
    },
    service::{
        self, BookingId, TutorId, UserId,
        booking::{Detail, Wanted},
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

/// What to hold.
#[derive(Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewHold {
    /// The student for whom it is: the caller, or somebody whose guardian the caller is; for admins, anybody.
    /// Third-party apps must say; so must guardians and admins who are no students themselves.
    #[garde(skip)]
    #[serde(skip_serializing_if = "Option::is_none")]
    student_id: Option<Uuid>,
    #[garde(skip)]
    #[schema(example = "0198c5a0-6f2e-7c3a-9d41-3f8f6a1b2c3d")]
    tutor_id: Uuid,
    /// Slug of a subject that the tutor teaches.
    #[garde(custom(validate::text(1, 64)))]
    #[schema(min_length = 1, max_length = 64, example = "mathematics")]
    subject: String,
    /// A level at which the tutor teaches it.
    #[garde(custom(validate::text(1, 64)))]
    #[schema(min_length = 1, max_length = 64, example = "Bachelor")]
    level: String,
    /// Start of a slot.
    #[garde(custom(validate::instant))]
    #[schema(example = "2026-11-23T15:00:00Z")]
    start: DateTime<Utc>,
    /// End of the same slot.
    #[garde(custom(validate::instant))]
    #[schema(example = "2026-11-23T16:00:00Z")]
    end: DateTime<Utc>,
    /// Whether the quotas of the student are disregarded; for admins.
    #[garde(skip)]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[schema(default = false)]
    beyond_quota: bool,
}

impl NewHold {
    async fn wanted(self, app: &App, caller: &Caller) -> Result<(UserId, Wanted), Error> {
        let student = caller.books_for(app, self.student_id.map(UserId)).await?;
        let wanted = Wanted {
            tutor_id: TutorId(self.tutor_id),
            subject: self.subject,
            level: self.level,
            start: self.start,
            end: self.end,
            pay_with_credit: false,
            beyond_quota: self.beyond_quota,
        };
        Ok((student.ok_or_else(super::bookings::no_student)?, wanted))
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
    request_body = NewHold,
    responses(
        (status = 201, description = "Held.", body = Hold, headers(("Location" = String))),
        (status = 409, description = "This time can't be booked (`slot_unavailable`, with `conflicts` and `alternatives` as in create_booking), the tutor is the caller (`own_lesson`) or suspended (`tutor_suspended`), the student holds three slots already (`too_many_holds`) or would have more than the centre allows (`quota_exceeded`, with `quota`), or the first request with this Idempotency-Key is still being answered (`request_in_progress`: repeat it after Retry-After).",
            body = Problem, content_type = "application/problem+json"),
        NotSignedIn, NotAdmin, NotFound, BadBody, Faults))]
pub async fn create(
    State(app): State<App>,
    Allowed(caller): Allowed,
    key: IdempotencyKey,
    _: Query<NoQuery>,
    Json(new): Json<NewHold>,
) -> Result<Response, Error> {
    let request = serde_json::json!(["create_hold", &new]);
    let work = |claim| Box::pin(hold(app.clone(), caller.clone(), new, claim));
    key.once(&app, caller.id(), &request, work).await
}

async fn hold(
    app: App,
    caller: Caller,
    new: NewHold,
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
/// What a student holds right now, by start; the caller, where nobody else is asked for. What is offered to a student who
/// waits is among them.
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
    _: NoBody,
) -> Result<StatusCode, Error> {
    service::hold::release(&app, &caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// How what is held is booked.
#[derive(Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Taking {
    /// Left out, it is not paid for here.
    #[garde(skip)]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline)]
    pub(super) pay_with: Option<PayWith>,
}

/// Book what is held.
///
/// By the student, a guardian of the student, an admin or a third-party app, before it expires. The booking has the id of
/// the hold. It is `confirmed`, or `requested` where the tutor wants to be asked, as by `create_booking`.
#[utoipa::path(post, path = "/v1/holds/{id}/book", tag = "holds", operation_id = "book_hold",
    security(("session" = [])),
    params(("id" = Uuid, Path, description = "Id of the hold."), IdempotencyHeader),
    request_body = Option<Taking>,
    responses(
        (status = 201, description = "Booked.", body = Booking, headers(("Location" = String), ("ETag" = String))),
        (status = 409, description = "The tutor has been suspended since (`tutor_suspended`), the student has no such credit (`insufficient_credit`), or the first request with this Idempotency-Key is still being answered (`request_in_progress`: repeat it after Retry-After).",
            body = Problem, content_type = "application/problem+json"),
        NotSignedIn, CrossOrigin, Forbidden, NotFound, BadBody, Faults))]
pub async fn book(
    State(app): State<App>,
    Allowed(caller): Allowed,
    Path(id): Path<BookingId>,
    key: IdempotencyKey,
    _: Query<NoQuery>,
    OptionalJson(new): OptionalJson<Taking>,
) -> Result<Response, Error> {
    let request = serde_json::json!(["book_hold", id, &new]);
    let what = (id, new.pay_with.is_some());
    let work = |claim| Box::pin(take(app.clone(), caller.clone(), what, claim));
    key.once(&app, caller.id(), &request, work).await
}

async fn take(
    app: App,
    caller: Caller,
    what: (BookingId, bool),
    claim: Option<Claim>,
) -> Result<Response, Error> {
    let reply = Reply {
        answer: created,
        claim,
    };
    service::hold::book(&app, &caller, what, reply)
        .await?
        .response()
}
