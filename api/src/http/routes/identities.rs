//! The accounts at providers by which the signed-in person signs in.

use super::calendar_connection::AuthorizationStarted;
use crate::{
    app::App,
    error::Error,
    http::{
        auth::SignedIn,
        extract::{Json, NoBody, NoQuery, Path, Query},
        openapi::{BadBody, CrossOrigin, Faults, NotFound, NotSignedIn},
        problem::Problem,
        sign_in_cookie, validate,
    },
    service::{self, IdentityId, identity::Linked, sign_in::Back},
};
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use axum_extra::extract::cookie::CookieJar;
use chrono::{DateTime, Utc};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// An account at a sign-in provider.
#[derive(Serialize, ToSchema)]
pub struct Identity {
    #[schema(example = "0198c5a0-6f2e-7c3a-9d41-3f8f6a1b2c3d")]
    id: Uuid,
    /// The id of the provider; null where it is no longer set up here.
    #[schema(required, example = "google")]
    provider: Option<String>,
    /// The OpenID Connect issuer.
    #[schema(example = "https://accounts.google.com")]
    issuer: String,
    /// The address that the provider last told.
    #[schema(example = "mia@example.org")]
    email: String,
    created_at: DateTime<Utc>,
    #[schema(required)]
    last_sign_in_at: Option<DateTime<Utc>>,
    /// Null: it is still to be confirmed, and signs nobody in.
    #[schema(required)]
    confirmed_at: Option<DateTime<Utc>>,
    /// Until when it is to be confirmed; null once it is.
    #[schema(required)]
    expires_at: Option<DateTime<Utc>>,
}

impl From<Linked> for Identity {
    fn from(linked: Linked) -> Self {
        Self {
            id: linked.id.0,
            provider: linked.provider,
            issuer: linked.issuer,
            email: linked.email,
            created_at: linked.created_at,
            last_sign_in_at: linked.last_sign_in_at,
            confirmed_at: linked.confirmed_at,
            expires_at: linked.expires_at,
        }
    }
}

/// All of them.
#[derive(Serialize, ToSchema)]
pub struct Identities {
    items: Vec<Identity>,
}

/// How do I sign in?
///
/// The accounts by which the signed-in person signs in, oldest first, and those that are still to be confirmed.
#[utoipa::path(get, path = "/v1/me/identities", tag = "me", operation_id = "list_identities", security(("session" = [])),
    responses((status = 200, description = "The accounts.", body = Identities), NotSignedIn, Faults))]
pub async fn list(
    State(app): State<App>,
    SignedIn(holder): SignedIn,
    _: Query<NoQuery>,
) -> Result<axum::Json<Identities>, Error> {
    let linked = service::identity::list(&app, holder.user_id).await?;
    let items = linked.into_iter().map(Identity::from).collect();
    Ok(axum::Json(Identities { items }))
}

/// Where the account is.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewIdentity {
    /// The id of a provider, of `list_providers`.
    #[garde(custom(validate::line(1, 20)))]
    #[schema(max_length = 20, pattern = "^[a-z0-9-]+$", example = "google")]
    provider: String,
    /// The path on this server to return to; `/docs/` when left out.
    #[garde(custom(validate::optional_text(1, 1000)))]
    #[schema(
        max_length = 1000,
        pattern = "^/([!-.0-\\[\\]-~][!-\\[\\]-~]*)?$",
        example = "/docs/"
    )]
    return_to: Option<String>,
}

/// Link another account.
///
/// So that the signed-in person may sign in by it too. Open `authorization_url` in the same browser; it returns to
/// `return_to` with the query parameter `confirm_identity`, an id. Ask the person whether that account, which
/// `list_identities` shows, shall be linked, and `confirm_identity` within 15 minutes. When nothing comes of it,
/// `return_to` gets `sign_in_error`, as with `sign_in`: beside those codes, `other_person` (this session has ended
/// meanwhile) and `identity_taken` (somebody else signs in by this account).
///
/// Accounts are never linked by themselves: who signs in by two, be it with the same address, is two users.
#[utoipa::path(post, path = "/v1/me/identities", tag = "me", operation_id = "link_identity",
    security(("session" = [])), request_body = NewIdentity,
    responses((status = 200, description = "Go on at `authorization_url`.", body = AuthorizationStarted),
        NotSignedIn, CrossOrigin, BadBody, Faults))]
pub async fn link(
    State(app): State<App>,
    SignedIn(holder): SignedIn,
    jar: CookieJar,
    _: Query<NoQuery>,
    Json(new): Json<NewIdentity>,
) -> Result<Response, Error> {
    let return_to = new.return_to.as_deref().unwrap_or("/docs/");
    let back = Back::Path(return_to);
    let started = service::sign_in::start_link(&app, &holder, &new.provider, back).await?;
    let answer = AuthorizationStarted {
        authorization_url: started.authorization_url.to_string(),
    };
    let jar = sign_in_cookie::carry(&app, jar, started);
    Ok((jar, axum::Json(answer)).into_response())
}

/// Confirm an account.
///
/// From now on the signed-in person signs in by it too. Repeating it does no harm.
#[utoipa::path(post, path = "/v1/me/identities/{id}/confirm", tag = "me", operation_id = "confirm_identity",
    security(("session" = [])), params(("id" = Uuid, Path, description = "The identity.")),
    responses((status = 200, description = "It is linked.", body = Identity),
        (status = 409, description = "Somebody signs in by this account already (`identity_taken`).",
            body = Problem, content_type = "application/problem+json"),
        NotSignedIn, CrossOrigin, NotFound, Faults))]
pub async fn confirm(
    State(app): State<App>,
    SignedIn(holder): SignedIn,
    Path(id): Path<IdentityId>,
    _: Query<NoQuery>,
    _: NoBody,
) -> Result<axum::Json<Identity>, Error> {
    let confirmed = service::identity::confirm(&app, &holder, id).await?;
    Ok(axum::Json(confirmed.into()))
}

/// Unlink an account.
///
/// It signs the signed-in person in no more; or, where it is still to be confirmed, it is forgotten. Sessions go on.
#[utoipa::path(delete, path = "/v1/me/identities/{id}", tag = "me", operation_id = "unlink_identity",
    security(("session" = [])), params(("id" = Uuid, Path, description = "The identity.")),
    responses((status = 204, description = "Unlinked."),
        (status = 409, description = "It is the only one by which the person signs in (`last_identity`).",
            body = Problem, content_type = "application/problem+json"),
        NotSignedIn, CrossOrigin, NotFound, Faults))]
pub async fn unlink(
    State(app): State<App>,
    SignedIn(holder): SignedIn,
    Path(id): Path<IdentityId>,
    _: Query<NoQuery>,
    _: NoBody,
) -> Result<StatusCode, Error> {
    service::identity::unlink(&app, &holder, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
