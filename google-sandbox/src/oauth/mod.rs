//! Sign-in: OAuth 2.0 and `OpenID` Connect as Google speaks them.

pub(crate) mod authorize;
mod chooser;
mod claims;
pub(crate) mod scopes;
mod token;

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    Json, Router,
    extract::State as Shares,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::shared::Shared;

/// An authorization code that waits to be exchanged.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(crate) client: String,
    pub(crate) redirect_uri: String,
    pub(crate) email: String,
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) challenge: Option<authorize::Challenge>,
    /// Is a refresh token due?
    pub(crate) offline: bool,
    pub(crate) expires: DateTime<Utc>,
}

/// A person in the middle of signing in.
#[derive(Clone, Debug)]
pub(crate) struct Flow {
    pub(crate) request: authorize::AuthRequest,
    pub(crate) email: Option<String>,
    pub(crate) expires: DateTime<Utc>,
}

pub(crate) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/.well-known/openid-configuration", get(discovery))
        .route("/oauth2/v3/certs", get(certificates))
        .route("/o/oauth2/v2/auth", get(chooser::open))
        .route("/o/oauth2/v2/auth/account", post(chooser::account))
        .route("/o/oauth2/v2/auth/consent", post(chooser::consent))
        .route("/token", post(token::token))
        .route("/revoke", post(token::revoke))
        .route("/v1/userinfo", get(token::userinfo).post(token::userinfo))
}

/// An OAuth error answer.
pub(crate) fn error(status: StatusCode, code: &str, description: &str) -> Response {
    let body = json!({"error": code, "error_description": description});
    (status, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

/// The token of an `Authorization: Bearer` header.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim())
        .filter(|token| !token.is_empty())
}

async fn discovery(Shares(shared): Shares<Arc<Shared>>) -> Response {
    let at = |path: &str| format!("{}{path}", shared.origin);
    let document = json!({
        "issuer": shared.origin,
        "authorization_endpoint": at("/o/oauth2/v2/auth"),
        "token_endpoint": at("/token"),
        "userinfo_endpoint": at("/v1/userinfo"),
        "revocation_endpoint": at("/revoke"),
        "jwks_uri": at("/oauth2/v3/certs"),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid", "email", "profile"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "claims_supported": [
            "aud", "email", "email_verified", "exp", "family_name", "given_name",
            "iat", "iss", "name", "picture", "sub",
        ],
        "code_challenge_methods_supported": ["plain", "S256"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
    });
    cached(document)
}

async fn certificates(Shares(shared): Shares<Arc<Shared>>) -> Response {
    cached(shared.keys.public())
}

fn cached(document: Value) -> Response {
    let headers = [(header::CACHE_CONTROL, "public, max-age=3600")];
    (headers, Json(document)).into_response()
}
