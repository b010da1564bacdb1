//! Signing in and out.

use super::authorize;
use crate::{
    app::{App, Provider},
    config::GOOGLE,
    error::Error,
    http::{
        auth::{CookieName, SignedIn, session_cookie},
        extract::{NoBody, NoQuery, Path, Query},
        openapi::{CrossOrigin, Faults, NotFound, NotSignedIn},
        problem::Problem,
        sign_in_cookie::{self, Attempt},
        sign_in_page, validate,
    },
    service::{
        self,
        sign_in::{Answer, Finished, Success},
    },
};
use axum::{
    extract::{OriginalUri, State},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Redirect, Response},
};
use axum_extra::extract::cookie::CookieJar;
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Where people sign in.
#[derive(Serialize, ToSchema)]
pub struct SignInProvider {
    /// Pass it to `sign_in` as `provider`.
    #[schema(example = "google")]
    id: String,
    /// For people.
    #[schema(example = "Google")]
    name: String,
}

/// All of them.
#[derive(Serialize, ToSchema)]
pub struct SignInProviders {
    items: Vec<SignInProvider>,
}

/// Where can I sign in?
///
/// The providers, in the order in which to offer them.
#[utoipa::path(get, path = "/v1/auth/providers", tag = "auth", operation_id = "list_providers", security(()),
    responses((status = 200, description = "The providers.", body = SignInProviders), Faults))]
pub async fn providers(State(app): State<App>, _: Query<NoQuery>) -> axum::Json<SignInProviders> {
    let all = app.providers.iter();
    let items = all.map(|Provider { id, name, .. }| SignInProvider {
        id: id.clone(),
        name: name.clone(),
    });
    axum::Json(SignInProviders {
        items: items.collect(),
    })
}

#[derive(Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SignInParams {
    /// The id of a provider, of `list_providers`. Where it is left out and there are several, a page lets people choose.
    #[garde(custom(validate::optional_line(1, 20)))]
    #[param(max_length = 20, pattern = "^[a-z0-9-]+$", example = "google")]
    provider: Option<String>,
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
/// For browsers, by a link, not by a script: sends the browser to the provider, which sends it back to `return_to` with
/// the session cookie set. When nothing comes of it, nobody else is signed in than before, and `return_to` gets the
/// query parameter `sign_in_error`:
///
/// | `sign_in_error` | |
/// | --- | --- |
/// | `access_denied` | The person said no. |
/// | `sign_in_failed` | What came back does not belong to this attempt, came after 15 minutes, or proves nothing. |
/// | `email_not_verified` | The provider has not verified the person's address. |
/// | `sign_up_closed` | Only people of some domains may sign up here, and those whom an admin has invited. |
/// | `email_not_authoritative` | As `sign_up_closed`; and an invitation to this address would not count, because the provider does not vouch that it is still the person's. Sign in by another account, or ask to be invited at another address. |
/// | `suspended` | The centre has suspended the account. |
/// | `provider_unavailable` | The provider does not answer as it should. |
/// | `unavailable`, `internal` | A fault of ours. |
#[utoipa::path(get, path = "/v1/auth/sign-in", tag = "auth", operation_id = "sign_in", security(()), params(SignInParams),
    responses((status = 200, description = "A page to choose a provider.", body = String, content_type = "text/html"),
        (status = 303, description = "To the provider.", headers(("Location" = String))), Faults))]
pub async fn sign_in(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    jar: CookieJar,
    Query(params): Query<SignInParams>,
) -> Result<Response, Error> {
    if app.providers.is_empty() {
        return Ok((
            StatusCode::SERVICE_UNAVAILABLE,
            sign_in_page::not_configured(),
        )
            .into_response());
    }
    if let Some(url) = under_public_name(&app, &headers, &uri) {
        return Ok(Redirect::to(&url).into_response());
    }
    let return_to = service::sign_in::return_path(&app, &params.return_to)?;
    let Some(provider) = service::sign_in::provider(&app, params.provider.as_deref())? else {
        let page = sign_in_page::choice(
            &app.providers,
            "/v1/auth/sign-in",
            &[("return_to", &return_to)],
        );
        return Ok((no_store(), page).into_response());
    };
    let started = match service::sign_in::start(&app, provider, &return_to).await {
        Err(error @ Error::Unavailable { .. }) if reads_html(&headers) => {
            tracing::warn!(%error, provider = provider.id, "sign-in can't begin");
            let target = with_parameter(&return_to, "sign_in_error", "provider_unavailable");
            return Ok((no_store(), Redirect::to(&target)).into_response());
        }
        outcome => outcome?,
    };
    let target = Redirect::to(started.authorization_url.as_str());
    let jar = sign_in_cookie::carry(&app, jar, started);
    Ok((jar, no_store(), target).into_response())
}

/// The provider sends browsers back under the public name; a cookie set under the other name of this
/// machine, localhost or 127.0.0.1, would not come along.
pub(super) fn under_public_name(app: &App, headers: &HeaderMap, uri: &Uri) -> Option<String> {
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
pub(super) fn no_store() -> [(header::HeaderName, HeaderValue); 2] {
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
    /// The issuer, where the provider says who answers (RFC 9207).
    #[garde(custom(validate::optional_text(0, 2000)))]
    #[param(max_length = 2000)]
    iss: Option<String>,
}

/// Return from Google.
///
/// Not for frontends: Google sends browsers here. Its address is the redirect URI to register.
#[utoipa::path(get, path = "/v1/auth/callback", tag = "auth", operation_id = "finish_sign_in", security(()),
    params(CallbackParams),
    responses(
        (status = 303, description = "To where the sign-in began.", headers(("Location" = String))),
        (status = 400, description = "No such sign-in is under way in this browser (`sign_in_failed`). Browsers get a page.",
            body = Problem, content_type = "application/problem+json"),
        Faults,
    ))]
pub async fn callback(
    State(app): State<App>,
    jar: CookieJar,
    headers: HeaderMap,
    holder: Option<SignedIn>,
    Query(params): Query<CallbackParams>,
) -> Response {
    finish(&app, GOOGLE.to_owned(), jar, &headers, holder, params).await
}

/// Return from another provider.
///
/// Not for frontends: the provider sends browsers here. Its address, with the id of the provider, is the redirect URI
/// to register there. What comes from one provider to the address of another is refused.
#[utoipa::path(get, path = "/v1/auth/callback/{provider}", tag = "auth", operation_id = "finish_sign_in_at_provider",
    security(()), params(("provider" = String, Path, description = "The id of the provider."), CallbackParams),
    responses(
        (status = 303, description = "To where the sign-in began.", headers(("Location" = String))),
        (status = 400, description = "No such sign-in is under way in this browser (`sign_in_failed`). Browsers get a page.",
            body = Problem, content_type = "application/problem+json"),
        NotFound, Faults,
    ))]
pub async fn provider_callback(
    State(app): State<App>,
    Path(provider): Path<String>,
    jar: CookieJar,
    headers: HeaderMap,
    holder: Option<SignedIn>,
    Query(params): Query<CallbackParams>,
) -> Response {
    finish(&app, provider, jar, &headers, holder, params).await
}

async fn finish(
    app: &App,
    provider: String,
    jar: CookieJar,
    headers: &HeaderMap,
    holder: Option<SignedIn>,
    params: CallbackParams,
) -> Response {
    let cookie = CookieName::SignIn(Attempt::with(&params.state));
    let sealed = cookie.read(app, &jar);
    let user_agent = headers
        .get(header::USER_AGENT)
        .and_then(|value| value.to_str().ok());
    let answer = Answer {
        provider,
        state: params.state,
        code: params.code,
        error: params.error,
        issuer: params.iss,
    };
    let holder = holder.map(|SignedIn(holder)| holder);
    let sealed = sealed.as_deref();
    let finished =
        service::sign_in::finish(app, sealed, answer, holder.as_deref(), user_agent).await;
    let Some(Finished {
        return_to,
        exchange,
        outcome,
    }) = finished
    else {
        return not_under_way(headers);
    };
    let mut jar = jar.add(cookie.clear(app));
    if let Some(exchange) = exchange {
        let target = authorize::target(app, &exchange, &outcome);
        return (jar, no_store(), Redirect::to(&target)).into_response();
    }
    let target = match outcome {
        Ok(Success::SignedIn(token)) => {
            jar = jar.add(session_cookie(app, &token));
            return_to
        }
        Ok(Success::CalendarConnected | Success::CodeIssued(_)) => return_to,
        Ok(Success::IdentityFound(id)) => {
            with_parameter(&return_to, "confirm_identity", &id.to_string())
        }
        Err(failure) => with_parameter(&return_to, "sign_in_error", failure.code()),
    };
    (jar, no_store(), Redirect::to(&target)).into_response()
}

/// Nobody knows where this browser came from: a page lets people start again.
pub(super) fn not_under_way(headers: &HeaderMap) -> Response {
    if reads_html(headers) {
        return (
            StatusCode::BAD_REQUEST,
            no_store(),
            sign_in_page::start_again(),
        )
            .into_response();
    }
    let detail =
        "This sign-in is not under way in this browser any more. Start again at /v1/auth/sign-in.";
    Problem::new(StatusCode::BAD_REQUEST, "sign_in_failed", detail).into_response()
}

/// Whether it is a browser that shows pages.
fn reads_html(headers: &HeaderMap) -> bool {
    let all = headers.get_all(header::ACCEPT).iter();
    all.filter_map(|value| value.to_str().ok())
        .any(|value| value.contains("text/html"))
}

/// The path with one more query parameter, whose value needs no encoding.
fn with_parameter(path: &str, name: &str, value: &str) -> String {
    let (path, fragment) = path
        .split_once('#')
        .map_or((path, String::new()), |(path, rest)| {
            (path, format!("#{rest}"))
        });
    let separator = if path.contains('?') { '&' } else { '?' };
    format!("{path}{separator}{name}={value}{fragment}")
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
    _: NoBody,
) -> Result<Response, Error> {
    service::session::end(&app, holder.user_id, holder.session_id).await?;
    Ok((
        StatusCode::NO_CONTENT,
        jar.add(CookieName::Session.clear(&app)),
    )
        .into_response())
}
