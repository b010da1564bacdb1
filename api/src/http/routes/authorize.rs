//! Signing in for frontends on another site: the authorization endpoint of OAuth 2.0 (RFC 6749 section 4.1, RFC 7636).

use super::auth::{no_store, under_public_name};
use crate::{
    app::App,
    error::Error,
    http::{extract::Query, openapi::Faults, sign_in_cookie, sign_in_page, validate},
    service::{
        self,
        sign_in::{Exchange, Failure, Success},
    },
};
use axum::{
    extract::{OriginalUri, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response},
};
use axum_extra::extract::cookie::CookieJar;
use garde::Validate;
use secrecy::ExposeSecret;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

/// What can be asked for.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ResponseType {
    Code,
}

/// How the challenge is made.
#[derive(Clone, Copy, Deserialize, ToSchema)]
enum ChallengeMethod {
    S256,
}

/// Unknown parameters are let through: RFC 6749 section 3.1 wants it so.
#[derive(Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AuthorizeParams {
    /// A code.
    #[garde(skip)]
    #[param(inline)]
    #[expect(dead_code, reason = "there is but one")]
    response_type: ResponseType,
    /// To where the browser goes with the code: one of the addresses that `REDIRECT_URIS` lists, to the letter.
    #[garde(custom(validate::text(1, 1000)))]
    #[param(
        min_length = 1,
        max_length = 1000,
        pattern = "^[!-~]+$",
        example = "https://app.example.org/signed-in"
    )]
    redirect_uri: String,
    /// Comes back as it is. Compare it, so that nobody slips in a sign-in of their own.
    #[garde(custom(validate::text(1, 500)))]
    #[param(
        min_length = 1,
        max_length = 500,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    )]
    state: String,
    /// SHA-256 of a random verifier, in base64url without padding.
    #[garde(custom(validate::text(43, 43)))]
    #[param(
        min_length = 43,
        max_length = 43,
        pattern = "^[A-Za-z0-9_-]+$",
        example = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    )]
    code_challenge: String,
    #[garde(skip)]
    #[param(inline)]
    #[expect(dead_code, reason = "there is but one")]
    code_challenge_method: ChallengeMethod,
    /// The id of a provider, of `list_providers`. Where it is left out and there are several, a page lets people choose.
    #[garde(custom(validate::optional_line(1, 20)))]
    #[param(
        max_length = 20,
        pattern = "^[a-z0-9-]+$",
        example = "google",
        nullable = false
    )]
    provider: Option<String>,
}

/// Sign in for a frontend on another site.
///
/// For browsers, by a link: sends the browser to the provider, and from there to `redirect_uri` with `code`, `state` and
/// `iss`, this server's origin. `issue_token` exchanges the code for the token of a session, within a minute, once, and
/// only with the verifier of the challenge. When nothing comes of it, `redirect_uri` gets `error` (RFC 6749 section
/// 4.1.2.1) and, in `error_description`, a code as of `sign_in`.
#[utoipa::path(get, path = "/v1/auth/authorize", tag = "auth", operation_id = "authorize", security(()), params(AuthorizeParams),
    responses((status = 200, description = "A page to choose a provider.", body = String, content_type = "text/html"),
        (status = 303, description = "To the provider.", headers(("Location" = String))), Faults))]
pub async fn authorize(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    jar: CookieJar,
    Query(params): Query<AuthorizeParams>,
) -> Result<Response, Error> {
    if app.providers.is_empty() {
        let page = sign_in_page::not_configured();
        return Ok((StatusCode::SERVICE_UNAVAILABLE, page).into_response());
    }
    if let Some(url) = under_public_name(&app, &headers, &uri) {
        return Ok(Redirect::to(&url).into_response());
    }
    let (state, challenge) = (Some(params.state.clone()), params.code_challenge.clone());
    let exchange = Exchange::new(&app, params.redirect_uri.clone(), state, challenge)?;
    let Some(provider) = service::sign_in::provider(&app, params.provider.as_deref())? else {
        return Ok((no_store(), choice(&app, &params)).into_response());
    };
    let started = service::sign_in::start_exchange(&app, provider, exchange.clone()).await;
    let started = match started {
        Err(error @ Error::Unavailable { .. }) => {
            tracing::warn!(%error, provider = provider.id, "sign-in can't begin");
            let target = target(&app, &exchange, &Err(Failure::ProviderUnavailable));
            return Ok((no_store(), Redirect::to(&target)).into_response());
        }
        started => started?,
    };
    let target = Redirect::to(started.authorization_url.as_str());
    let jar = sign_in_cookie::carry(&app, jar, started);
    Ok((jar, no_store(), target).into_response())
}

fn choice(app: &App, params: &AuthorizeParams) -> impl IntoResponse + use<> {
    let parameters = [
        ("response_type", "code"),
        ("redirect_uri", &params.redirect_uri),
        ("state", &params.state),
        ("code_challenge", &params.code_challenge),
        ("code_challenge_method", "S256"),
    ];
    sign_in_page::choice(&app.providers, "/v1/auth/authorize", &parameters)
}

/// Where the browser goes with what came of it.
pub(super) fn target(app: &App, exchange: &Exchange, outcome: &Result<Success, Failure>) -> String {
    let failure = match outcome {
        Ok(Success::CodeIssued(code)) => {
            return exchange.target(app, &[("code", code.expose_secret())]);
        }
        Ok(_) => "internal",
        Err(failure) => failure.code(),
    };
    let error = match failure {
        "provider_unavailable" | "unavailable" => "temporarily_unavailable",
        "internal" => "server_error",
        _ => "access_denied",
    };
    exchange.target(app, &[("error", error), ("error_description", failure)])
}
