//! Who acts for whom.

use super::bookings::Named;
use crate::{
    app::App,
    error::Error,
    http::{
        auth::{Admin, SignedIn},
        cursor::{self, LONGEST_PAGE, usual_page},
        extract::{Json, NoBody, NoQuery, Path, Query},
        idempotency::{IdempotencyHeader, IdempotencyKey, Kept},
        openapi::{BadBody, CrossOrigin, Faults, NotAdmin, NotFound, NotSignedIn},
        problem::Problem,
        validate,
    },
    service::{
        self, UserId,
        guardianship::{self, Listing},
        idempotency::{Claim, Reply},
    },
};
use axum::{extract::State, http::StatusCode, response::Response};
use chrono::{DateTime, Utc};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// That a guardian books and cancels for a student.
#[derive(Serialize, ToSchema)]
pub struct Guardianship {
    guardian: Named,
    student: Named,
    created_at: DateTime<Utc>,
}

impl From<guardianship::Guardianship> for Guardianship {
    fn from(found: guardianship::Guardianship) -> Self {
        Self {
            guardian: Named::new(found.guardian_id.0, found.guardian_name),
            student: Named::new(found.student_id.0, found.student_name),
            created_at: found.created_at,
        }
    }
}

/// A page of guardianships.
#[derive(Serialize, ToSchema)]
pub struct GuardianshipPage {
    items: Vec<Guardianship>,
    /// Pass it as `cursor` for the next page; null on the last one.
    #[schema(required)]
    next_cursor: Option<String>,
}

#[derive(Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct GuardianshipParams {
    /// Only of this guardian.
    #[garde(skip)]
    #[param(value_type = Option<Uuid>, nullable = false)]
    guardian_id: Option<UserId>,
    /// Only of this student.
    #[garde(skip)]
    #[param(value_type = Option<Uuid>, nullable = false)]
    student_id: Option<UserId>,
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

/// List guardianships.
///
/// Those in which the signed-in person is the guardian or the student; for admins, all.
#[utoipa::path(get, path = "/v1/guardianships", tag = "users", operation_id = "list_guardianships", security(("session" = [])),
    params(GuardianshipParams),
    responses((status = 200, description = "Guardianships.", body = GuardianshipPage), NotSignedIn, Faults))]
pub async fn list(
    State(app): State<App>,
    SignedIn(holder): SignedIn,
    Query(params): Query<GuardianshipParams>,
) -> Result<axum::Json<GuardianshipPage>, Error> {
    let listing = Listing {
        guardian: params.guardian_id,
        student: params.student_id,
        after: cursor::read(params.cursor.as_deref())?,
        limit: params.limit + 1,
    };
    let found = guardianship::list(&app, &holder, listing).await?;
    let key = |found: &guardianship::Guardianship| (found.guardian_id, found.student_id);
    let (items, next_cursor) = cursor::page(found, params.limit, key);
    Ok(axum::Json(GuardianshipPage {
        items: items.into_iter().map(Guardianship::from).collect(),
        next_cursor,
    }))
}

/// Who is to act for whom.
#[derive(Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewGuardianship {
    #[garde(skip)]
    guardian_id: Uuid,
    #[garde(skip)]
    student_id: Uuid,
}

/// Link a guardian to a student.
///
/// For admins; others invite. Who becomes a guardian by it must sign in again.
#[utoipa::path(post, path = "/v1/guardianships", tag = "users", operation_id = "create_guardianship", security(("session" = [])),
    params(IdempotencyHeader), request_body = NewGuardianship,
    responses((status = 201, description = "Linked.", body = Guardianship, headers(("Location" = String))),
        (status = 409, description = "They are linked (`already_guardian`), or to too many (`too_many_guardians`), or the first request with this Idempotency-Key is still being answered (`request_in_progress`: repeat it after Retry-After).", body = Problem, content_type = "application/problem+json"),
        NotSignedIn, NotAdmin, BadBody, Faults))]
pub async fn create(
    State(app): State<App>,
    Admin(holder): Admin,
    key: IdempotencyKey,
    _: Query<NoQuery>,
    Json(new): Json<NewGuardianship>,
) -> Result<Response, Error> {
    let request = serde_json::json!(["create_guardianship", &new]);
    let work = |claim| Box::pin(make(app.clone(), new, claim));
    key.once(&app, holder.user_id.0, &request, work).await
}

async fn make(app: App, new: NewGuardianship, claim: Option<Claim>) -> Result<Response, Error> {
    let both = (UserId(new.guardian_id), UserId(new.student_id));
    let reply = Reply {
        answer: made,
        claim,
    };
    guardianship::create(&app, both, reply).await?.response()
}

fn made(made: guardianship::Guardianship) -> Kept<Guardianship> {
    let location = format!("/v1/guardianships/{}/{}", made.guardian_id, made.student_id);
    Kept::created_for_good(location, made.into())
}

#[derive(Deserialize)]
pub struct GuardianshipInPath {
    guardian_id: UserId,
    student_id: UserId,
}

/// End a guardianship.
///
/// Either side may, and admins. What the guardian has booked stays.
#[utoipa::path(delete, path = "/v1/guardianships/{guardian_id}/{student_id}", tag = "users", operation_id = "delete_guardianship",
    security(("session" = [])),
    params(("guardian_id" = Uuid, Path, description = "Id of the guardian."), ("student_id" = Uuid, Path, description = "Id of the student.")),
    responses((status = 204, description = "Ended."), NotSignedIn, CrossOrigin, NotFound, Faults))]
pub async fn delete(
    State(app): State<App>,
    SignedIn(holder): SignedIn,
    Path(GuardianshipInPath {
        guardian_id,
        student_id,
    }): Path<GuardianshipInPath>,
    _: Query<NoQuery>,
    _: NoBody,
) -> Result<StatusCode, Error> {
    service::guardianship::delete(&app, &holder, guardian_id, student_id).await?;
    Ok(StatusCode::NO_CONTENT)
}
