//! The token endpoint of OAuth 2.0 (RFC 6749). What it answers, and how it refuses, is said there.

use crate::{
    app::App,
    error::Error,
    http::{
        extract::{self, BODY_TIME, NoQuery, Query, USUAL_KIB},
        openapi::Faults,
    },
    service::{
        app_key::{self, Issued, TokenRefusal},
        sign_in::{Redemption, code},
    },
};
use axum::{
    Json,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is asked of the token endpoint. Unknown fields are let through: RFC 6749 section 3.2 wants it so.
#[derive(Deserialize, ToSchema)]
pub struct TokenRequest {
    /// `authorization_code`, or for third-party apps `client_credentials`.
    #[schema(max_length = 100, example = "client_credentials")]
    grant_type: String,
    /// The code that came to `redirect_uri`.
    #[schema(value_type = Option<String>, nullable = false, max_length = 100)]
    code: Option<SecretString>,
    /// What the challenge was made of.
    #[schema(value_type = Option<String>, nullable = false, max_length = 128)]
    code_verifier: Option<SecretString>,
    /// As it was given to `authorize`.
    #[schema(
        nullable = false,
        max_length = 1000,
        example = "https://app.example.org/signed-in"
    )]
    redirect_uri: Option<String>,
    /// How the key begins; in the `Authorization: Basic` header or here.
    #[schema(
        nullable = false,
        max_length = 100,
        example = "tsk_AZMFoG8ufDqdQT-PahssPQ"
    )]
    client_id: Option<String>,
    #[schema(value_type = Option<String>, nullable = false, max_length = 100)]
    client_secret: Option<SecretString>,
    /// Some of the scopes of the key, separated by spaces; all when left out.
    #[schema(nullable = false, max_length = 500, example = "availability:read")]
    scope: Option<String>,
}

/// An access token (RFC 6749 section 5.1).
#[derive(Serialize, ToSchema)]
pub struct TokenAnswer {
    /// To be sent as `Authorization: Bearer`.
    access_token: String,
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// For so many seconds it is good; that of a session less long, if it is not used for days (`expires_at` of
    /// `list_sessions`).
    #[schema(example = 900)]
    expires_in: i64,
    /// What it is good for; left out where it is the token of a session.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "availability:read")]
    scope: Option<String>,
}

/// Why there is none (RFC 6749 section 5.2).
#[derive(Serialize, ToSchema)]
pub struct TokenError {
    /// `invalid_request`, `invalid_grant`, `invalid_client`, `invalid_scope` or `unsupported_grant_type`.
    #[schema(example = "invalid_client")]
    error: &'static str,
    error_description: &'static str,
}

/// Get an access token.
///
/// For frontends on another site, with the grant `authorization_code`: the token of a session for the code that
/// `authorize` sent, with `code`, `code_verifier` and `redirect_uri`. A code that comes a second time ends the session
/// that it was exchanged for.
///
/// For third-party apps, with the grant `client_credentials` (RFC 6749 section 4.4): an access token for 15 minutes,
/// instead of the key itself. It ends earlier if the key does.
///
/// Errors are those of RFC 6749 section 5.2.
#[utoipa::path(post, path = "/v1/auth/token", tag = "auth", operation_id = "issue_token", security(()),
    request_body(content = TokenRequest, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "An access token.", body = TokenAnswer),
        (status = 400, description = "It can't be issued.", body = TokenError),
        (status = 401, description = "There is no such client, or its secret is another (`invalid_client`).", body = TokenError),
        (status = 413, description = "The body is longer than 64 KiB.", body = crate::http::problem::Problem, content_type = "application/problem+json"),
        Faults))]
pub async fn issue(
    State(app): State<App>,
    headers: HeaderMap,
    _: Query<NoQuery>,
    request: Request,
) -> Result<Response, Error> {
    let body = extract::read(request, &app, USUAL_KIB, BODY_TIME).await?;
    let Some(request) = read(&headers, &body) else {
        return Ok(refuse("invalid_request", "The form can't be read."));
    };
    match request.grant_type.as_str() {
        "client_credentials" => for_app(&app, &headers, request).await,
        "authorization_code" => for_person(&app, &headers, request).await,
        _ => Ok(refuse(
            "unsupported_grant_type",
            "Use authorization_code or client_credentials.",
        )),
    }
}

async fn for_person(
    app: &App,
    headers: &HeaderMap,
    request: TokenRequest,
) -> Result<Response, Error> {
    let TokenRequest {
        code: Some(code),
        code_verifier: Some(verifier),
        redirect_uri: Some(redirect_uri),
        ..
    } = request
    else {
        let detail = "Send code, code_verifier and redirect_uri.";
        return Ok(refuse("invalid_request", detail));
    };
    let user_agent = headers.get(header::USER_AGENT);
    let user_agent = user_agent.and_then(|value| value.to_str().ok());
    let redemption = Redemption {
        code,
        verifier,
        redirect_uri,
    };
    let session = code::redeem(app, &redemption, user_agent).await?;
    let Some((token, lasts)) = session else {
        let detail = "The code is over, was used, or belongs to somebody else.";
        return Ok(refuse("invalid_grant", detail));
    };
    Ok(Json(TokenAnswer {
        access_token: token.expose_secret().to_owned(),
        token_type: "Bearer",
        expires_in: lasts.num_seconds(),
        scope: None,
    })
    .into_response())
}

async fn for_app(app: &App, headers: &HeaderMap, request: TokenRequest) -> Result<Response, Error> {
    let client = match (basic(headers), request.client_id, request.client_secret) {
        // RFC 6749 section 3.2.1: some name themselves in the form too.
        (Some(client), id, None) if id.as_ref().is_none_or(|id| *id == client.0) => Some(client),
        (None, Some(id), Some(secret)) => Some((id, secret)),
        _ => None,
    };
    let Some((id, secret)) = client else {
        let detail =
            "Send client_id and client_secret, once: in the form or by Basic authentication.";
        return Ok(refuse("invalid_request", detail));
    };
    let issued = app_key::issue_token(app, &id, &secret, request.scope.as_deref()).await?;
    Ok(match issued {
        Ok(issued) => answer(&issued),
        Err(TokenRefusal::InvalidScope) => {
            refuse("invalid_scope", "The key does not have this scope.")
        }
        Err(TokenRefusal::InvalidClient) => unknown_client(),
    })
}

fn unknown_client() -> Response {
    let refusal = TokenError {
        error: "invalid_client",
        error_description: "There is no such client, or its secret is another.",
    };
    let challenge = [(header::WWW_AUTHENTICATE, "Basic realm=\"token\"")];
    (StatusCode::UNAUTHORIZED, challenge, Json(refusal)).into_response()
}

fn read(headers: &HeaderMap, body: &[u8]) -> Option<TokenRequest> {
    let content_type = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let media_type = content_type.split(';').next()?.trim();
    if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return None;
    }
    serde_urlencoded::from_bytes(body).ok()
}

/// The client of `Authorization: Basic`, whose halves are percent-encoded (RFC 6749 section 2.3.1); ours need not be.
fn basic(headers: &HeaderMap) -> Option<(String, SecretString)> {
    let (scheme, encoded) = headers
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?
        .split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(BASE64_STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    Some((id.to_owned(), secret.to_owned().into()))
}

fn answer(issued: &Issued) -> Response {
    let names: Vec<_> = issued.scopes.iter().map(|scope| scope.name()).collect();
    Json(TokenAnswer {
        access_token: issued.token.expose_secret().to_owned(),
        token_type: "Bearer",
        expires_in: issued.lasts.num_seconds(),
        scope: Some(names.join(" ")),
    })
    .into_response()
}

fn refuse(error: &'static str, error_description: &'static str) -> Response {
    let refusal = TokenError {
        error,
        error_description,
    };
    (StatusCode::BAD_REQUEST, Json(refusal)).into_response()
}
