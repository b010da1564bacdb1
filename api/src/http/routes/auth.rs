//! Signing in and out.

use crate::{
    app::App,
    error::Error,
    http::{
        auth::{CookieName, SignedIn, session_cookie},
        extract::{NoQuery, Query},
        openapi::{CrossOrigin, Faults, NotSignedIn},
        validate,
    },
    service::{
        self,
        sign_in::{Answer, Finished, TIME_LIMIT},
    },
};
use axum::{
    extract::{OriginalUri, State},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{Html, IntoResponse, Redirect, Response},
};
use axum_extra::extract::cookie::CookieJar;
use garde::Validate;
use serde::Deserialize;
use utoipa::IntoParams;

#[derive(Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SignInParams {
    /// The path on this server to return to, in ASCII: everything else is percent-encoded.
    #[garde(custom(validate::text(1, 1000)))]
    #[serde(default = "docs")]
    #[param(
        default = "/docs/",
        example = "/docs/",
        max_length = 1000,
        pattern = "^/([!-.0-\\[\\]-~][!-\\[\\]-~]*)?$"
    )]
    return_to: String,
}

fn docs() -> String {
    "/docs/".to_owned()
}

/// Sign in.
///
/// For browsers, by a link, not by a script: sends the browser to the provider (Google, where nothing else is
/// configured), which sends it back to `return_to` with the session cookie set. When the person says no,
/// `return_to` gets the query parameter `sign_in_error=access_denied`.
#[utoipa::path(get, path = "/v1/auth/sign-in", tag = "auth", operation_id = "sign_in", security(()), params(SignInParams),
    responses((status = 303, description = "To the provider.", headers(("Location" = String))), Faults))]
pub async fn sign_in(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    jar: CookieJar,
    Query(params): Query<SignInParams>,
) -> Result<Response, Error> {
    if !service::sign_in::is_configured(&app) {
        return Ok((StatusCode::SERVICE_UNAVAILABLE, Html(NOT_CONFIGURED)).into_response());
    }
    if let Some(url) = under_public_name(&app, &headers, &uri) {
        return Ok(Redirect::to(&url).into_response());
    }
    let started = service::sign_in::start(&app, &params.return_to).await?;
    let jar = jar.add(CookieName::SignIn.make(&app, started.sealed, TIME_LIMIT.num_seconds()));
    Ok((
        jar,
        no_store(),
        Redirect::to(started.authorization_url.as_str()),
    )
        .into_response())
}

/// The provider sends browsers back under the public name; a cookie set under the other name of this
/// machine, localhost or 127.0.0.1, would not come along.
fn under_public_name(app: &App, headers: &HeaderMap, uri: &Uri) -> Option<String> {
    let public_url = &app.config.server.public_url;
    let asked = headers
        .get(header::HOST)?
        .to_str()
        .ok()?
        .split(':')
        .next()?;
    match (asked, public_url.host_str()?) {
        ("localhost", "127.0.0.1") | ("127.0.0.1", "localhost") => public_url
            .join(uri.path_and_query()?.as_str())
            .ok()
            .map(Into::into),
        _ => None,
    }
}

/// Nothing of the dance belongs into a cache or a Referer.
fn no_store() -> [(header::HeaderName, HeaderValue); 2] {
    [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (
            header::REFERRER_POLICY,
            HeaderValue::from_static("no-referrer"),
        ),
    ]
}

/// The provider may add parameters of its own, so unknown ones are let through here, and only here.
#[derive(Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CallbackParams {
    /// What `/v1/auth/sign-in` gave to the provider.
    #[garde(custom(validate::text(0, 2000)))]
    #[serde(default)]
    #[param(max_length = 2000)]
    state: String,
    /// Where the person agreed.
    #[garde(custom(validate::optional_text(0, 2000)))]
    #[param(max_length = 2000)]
    code: Option<String>,
    /// Where not.
    #[garde(custom(validate::optional_text(0, 200)))]
    #[param(max_length = 200)]
    error: Option<String>,
}

/// Return from the provider.
///
/// Not for frontends: the provider sends browsers here. Its address is the redirect URI to register.
#[utoipa::path(get, path = "/v1/auth/callback", tag = "auth", operation_id = "finish_sign_in", security(()),
    params(CallbackParams),
    responses(
        (status = 303, description = "To where the sign-in began.", headers(("Location" = String))),
        (status = 400, description = "No such sign-in is under way in this browser.", body = crate::http::problem::Problem, content_type = "application/problem+json"),
        (status = 403, description = "The provider does not vouch for the person.", body = crate::http::problem::Problem, content_type = "application/problem+json"),
        Faults,
    ))]
pub async fn callback(
    State(app): State<App>,
    jar: CookieJar,
    headers: HeaderMap,
    holder: Option<SignedIn>,
    Query(params): Query<CallbackParams>,
) -> Result<Response, Error> {
    let sealed = CookieName::SignIn.read(&app, &jar);
    let user_agent = headers
        .get(header::USER_AGENT)
        .and_then(|value| value.to_str().ok());
    let answer = Answer {
        state: params.state,
        code: params.code,
        error: params.error,
    };
    let holder = holder.map(|SignedIn(holder)| holder);
    let Finished {
        return_to,
        session,
        refused,
    } = service::sign_in::finish(
        &app,
        sealed.as_deref(),
        answer,
        holder.as_deref(),
        user_agent,
    )
    .await?;
    let mut jar = jar.add(CookieName::SignIn.clear(&app));
    if let Some(token) = session {
        jar = jar.add(session_cookie(&app, &token));
    }
    let target = if refused {
        with_error(&return_to)
    } else {
        return_to
    };
    Ok((jar, no_store(), Redirect::to(&target)).into_response())
}

fn with_error(path: &str) -> String {
    let (path, fragment) = path
        .split_once('#')
        .map_or((path, String::new()), |(path, rest)| {
            (path, format!("#{rest}"))
        });
    let separator = if path.contains('?') { '&' } else { '?' };
    format!("{path}{separator}sign_in_error=access_denied{fragment}")
}

/// Sign out.
///
/// Ends the session; its cookie is of no use to anybody afterwards.
#[utoipa::path(post, path = "/v1/auth/sign-out", tag = "auth", operation_id = "sign_out", security(("session" = [])),
    responses((status = 204, description = "Signed out."), NotSignedIn, CrossOrigin, Faults))]
pub async fn sign_out(
    State(app): State<App>,
    SignedIn(holder): SignedIn,
    jar: CookieJar,
    _: Query<NoQuery>,
) -> Result<Response, Error> {
    service::session::end(&app, holder.user_id, holder.session_id).await?;
    Ok((
        StatusCode::NO_CONTENT,
        jar.add(CookieName::Session.clear(&app)),
    )
        .into_response())
}

const NOT_CONFIGURED: &str = include_str!("sign_in_not_configured.html");
