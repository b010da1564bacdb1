//! Third-party apps, for admins.

use crate::{
    app::App,
    error::Error,
    http::{
        auth::Admin,
        cursor::{self, LONGEST_PAGE, usual_page},
        etag::{IfMatch, etag},
        extract::{Json, NoQuery, Path, Query},
        idempotency::{IdempotencyHeader, IdempotencyKey, Kept},
        openapi::{BadBody, Faults, InProgress, NotAdmin, NotFound, NotSignedIn, Precondition},
        validate,
    },
    service::{
        app_key::AppId,
        idempotency::{Claim, Reply},
        third_party_app,
    },
};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Software of others that may touch some of the centre's data, by its keys.
#[derive(Serialize, ToSchema)]
pub struct ThirdPartyApp {
    id: Uuid,
    #[schema(example = "Payroll")]
    name: String,
    /// While it is not, none of its keys works.
    enabled: bool,
    created_at: DateTime<Utc>,
}

impl From<third_party_app::ThirdPartyApp> for ThirdPartyApp {
    fn from(found: third_party_app::ThirdPartyApp) -> Self {
        Self {
            id: found.id.0,
            name: found.name,
            enabled: found.enabled,
            created_at: found.created_at,
        }
    }
}

fn answer(found: third_party_app::ThirdPartyApp) -> Response {
    (etag(found.version), axum::Json(ThirdPartyApp::from(found))).into_response()
}

/// A page of third-party apps.
#[derive(Serialize, ToSchema)]
pub struct ThirdPartyAppPage {
    items: Vec<ThirdPartyApp>,
    /// Pass it as `cursor` for the next page; null on the last one.
    #[schema(required)]
    next_cursor: Option<String>,
}

#[derive(Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageParams {
    /// How many items at most.
    #[garde(custom(validate::number(1, LONGEST_PAGE)))]
    #[serde(default = "usual_page")]
    #[param(minimum = 1, maximum = 100, default = 50)]
    pub(super) limit: u32,
    /// The `next_cursor` of the page before.
    #[garde(custom(validate::optional_text(1, 500)))]
    #[param(min_length = 1, max_length = 500)]
    pub(super) cursor: Option<String>,
}

/// List third-party apps.
///
/// For admins. The newest first.
#[utoipa::path(get, path = "/v1/third-party-apps", tag = "third-party apps", operation_id = "list_third_party_apps",
    security(("session" = [])), params(PageParams),
    responses((status = 200, description = "Apps.", body = ThirdPartyAppPage), NotSignedIn, NotAdmin, Faults))]
pub async fn list(
    State(app): State<App>,
    _: Admin,
    Query(params): Query<PageParams>,
) -> Result<axum::Json<ThirdPartyAppPage>, Error> {
    let after: Option<AppId> = cursor::read(params.cursor.as_deref())?;
    let found = third_party_app::list(&app, after, params.limit + 1).await?;
    let (items, next_cursor) = cursor::page(found, params.limit, |found| found.id);
    Ok(axum::Json(ThirdPartyAppPage {
        items: items.into_iter().map(ThirdPartyApp::from).collect(),
        next_cursor,
    }))
}

/// An app to be registered.
#[derive(Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewThirdPartyApp {
    #[garde(custom(validate::line(1, 100)))]
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        example = "Payroll"
    )]
    name: String,
}

/// Register a third-party app.
///
/// For admins. It can do nothing until it has a key.
#[utoipa::path(post, path = "/v1/third-party-apps", tag = "third-party apps", operation_id = "create_third_party_app",
    security(("session" = [])), params(IdempotencyHeader), request_body = NewThirdPartyApp,
    responses((status = 201, description = "Registered.", body = ThirdPartyApp, headers(("Location" = String), ("ETag" = String))),
        NotSignedIn, NotAdmin, BadBody, InProgress, Faults))]
pub async fn create(
    State(app): State<App>,
    Admin(holder): Admin,
    key: IdempotencyKey,
    _: Query<NoQuery>,
    Json(new): Json<NewThirdPartyApp>,
) -> Result<Response, Error> {
    let request = serde_json::json!(["create_third_party_app", &new]);
    let work = |claim| Box::pin(make(app.clone(), new, claim));
    key.once(&app, holder.user_id.0, &request, work).await
}

async fn make(app: App, new: NewThirdPartyApp, claim: Option<Claim>) -> Result<Response, Error> {
    let reply = Reply {
        answer: made,
        claim,
    };
    third_party_app::create(&app, &new.name, reply)
        .await?
        .response()
}

fn made(app: third_party_app::ThirdPartyApp) -> Kept<ThirdPartyApp> {
    let location = format!("/v1/third-party-apps/{}", app.id);
    Kept::created(location, app.version, app.into())
}

/// Get a third-party app.
///
/// For admins.
#[utoipa::path(get, path = "/v1/third-party-apps/{id}", tag = "third-party apps", operation_id = "get_third_party_app",
    security(("session" = [])), params(("id" = Uuid, Path, description = "Id of the app.")),
    responses((status = 200, description = "The app.", body = ThirdPartyApp, headers(("ETag" = String))),
        NotSignedIn, NotAdmin, NotFound, Faults))]
pub async fn get(
    State(app): State<App>,
    _: Admin,
    Path(id): Path<AppId>,
    _: Query<NoQuery>,
) -> Result<Response, Error> {
    Ok(answer(third_party_app::get(&app, id).await?))
}

/// What to change; what is left out stays.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ThirdPartyAppChanges {
    #[garde(custom(validate::optional_line(1, 100)))]
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        example = "Payroll"
    )]
    name: Option<String>,
    /// While it is not, none of the app's keys works.
    #[garde(skip)]
    enabled: Option<bool>,
}

/// Edit a third-party app.
///
/// For admins. Disabling it stops all its keys at once.
#[utoipa::path(patch, path = "/v1/third-party-apps/{id}", tag = "third-party apps", operation_id = "edit_third_party_app",
    security(("session" = [])),
    params(("id" = Uuid, Path, description = "Id of the app."),
        ("If-Match" = String, Header, description = "The ETag of what was read.")),
    request_body = ThirdPartyAppChanges,
    responses((status = 200, description = "The app as changed.", body = ThirdPartyApp, headers(("ETag" = String))),
        NotSignedIn, NotAdmin, NotFound, BadBody, Precondition, Faults))]
pub async fn edit(
    State(app): State<App>,
    _: Admin,
    Path(id): Path<AppId>,
    if_match: IfMatch,
    _: Query<NoQuery>,
    Json(changes): Json<ThirdPartyAppChanges>,
) -> Result<Response, Error> {
    let current = third_party_app::get(&app, id).await?.version;
    let version = if_match.choose(current)?;
    let changes = (changes.name.as_deref(), changes.enabled);
    Ok(answer(
        third_party_app::update(&app, id, version, changes).await?,
    ))
}
