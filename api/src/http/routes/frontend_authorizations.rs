//! Linking accounts and connecting calendars for frontends on another site: what `link_identity` and `connect_calendar` do
//! by a cookie, by a code that is bound to who asked (RFC 7636, RFC 9126).

use super::{
    auth::{no_store, not_under_way},
    calendar_connection::CalendarConnection,
    identities::Identity,
};
use crate::{
    app::App,
    error::Error,
    http::{
        auth::SignedIn,
        extract::{Json, NoQuery, Query},
        openapi::{BadBody, CrossOrigin, Faults, NotSignedIn},
        problem::Problem,
        sign_in_cookie, validate,
    },
    service::{
        session::Holder,
        sign_in::{self, Back, Exchange, Pushed, Redemption, Started},
    },
};
use axum::{
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Redirect, Response},
};
use axum_extra::extract::cookie::CookieJar;
use chrono::{DateTime, Utc};
use garde::Validate;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

macro_rules! request {
    ($(#[$doc:meta])* $name:ident { $($what:tt)* }) => {
        $(#[$doc])*
        #[derive(Deserialize, Validate, ToSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($what)*
            /// To where the browser goes with the code: one of the addresses that `REDIRECT_URIS` lists, to the letter.
            #[garde(custom(validate::text(1, 1000)))]
            #[schema(min_length = 1, max_length = 1000, pattern = "^[!-~]+$", example = "https://app.example.org/settings")]
            redirect_uri: String,
            /// SHA-256 of a random verifier, in base64url without padding: the method S256.
            #[garde(custom(validate::text(43, 43)))]
            #[schema(min_length = 43, max_length = 43, pattern = "^[A-Za-z0-9_-]+$",
                example = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")]
            code_challenge: String,
            /// Comes back as it is.
            #[garde(custom(validate::optional_text(1, 500)))]
            #[schema(min_length = 1, max_length = 500,
                pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$")]
            state: Option<String>,
        }

        impl $name {
            fn back(self, app: &App) -> Result<Back<'static>, Error> {
                Exchange::new(app, self.redirect_uri, self.state, self.code_challenge).map(Back::Frontend)
            }
        }
    };
}

request! {
    /// How the frontend wants the answer.
    NewCalendarAuthorization {}
}

request! {
    /// Where the account is, and how the frontend wants the answer.
    NewIdentityAuthorization {
        /// The id of a provider, of `list_providers`.
        #[garde(custom(validate::line(1, 20)))]
        #[schema(max_length = 20, pattern = "^[a-z0-9-]+$", example = "google")]
        provider: String,
    }
}

/// Where to send the browser.
#[derive(Serialize, ToSchema)]
pub struct PushedAuthorization {
    /// An address of this server, good for one browser, once.
    #[schema(example = "https://book.example.org/v1/auth/continue?request=…")]
    authorization_url: String,
    /// When it must have been opened.
    expires_at: DateTime<Utc>,
}

/// Link another account from a frontend on another site.
///
/// As `link_identity`, for frontends that hold a token instead of a cookie. Send the browser to `authorization_url` within
/// a minute. It comes to `redirect_uri` with `code`, `state` and `iss`, this server's origin, and `redeem_identity` takes
/// the code; or with `error`, as with `authorize`.
#[utoipa::path(post, path = "/v1/me/identities/authorize", tag = "me", operation_id = "authorize_identity",
    security(("session" = [])), request_body = NewIdentityAuthorization,
    responses((status = 200, description = "Send the browser to `authorization_url`.", body = PushedAuthorization),
        NotSignedIn, CrossOrigin, BadBody, Faults))]
pub async fn authorize_identity(
    State(app): State<App>,
    SignedIn(holder): SignedIn,
    _: Query<NoQuery>,
    Json(new): Json<NewIdentityAuthorization>,
) -> Result<axum::Json<PushedAuthorization>, Error> {
    let provider = new.provider.clone();
    let back = new.back(&app)?;
    let started = sign_in::start_link(&app, &holder, &provider, back).await?;
    pushed(&app, &holder, &started).await
}

/// Connect my calendar from a frontend on another site.
///
/// As `connect_calendar`, for frontends that hold a token instead of a cookie. Send the browser to `authorization_url`
/// within a minute. It comes to `redirect_uri` with `code`, `state` and `iss`, this server's origin, and `redeem_calendar`
/// takes the code; or with `error`, as with `authorize`.
#[utoipa::path(post, path = "/v1/calendar/connection/authorize", tag = "calendar", operation_id = "authorize_calendar",
    security(("session" = [])), request_body = NewCalendarAuthorization,
    responses((status = 200, description = "Send the browser to `authorization_url`.", body = PushedAuthorization),
        (status = 403, description = "Only tutors connect a calendar (`not_a_tutor`); or a page of another site asked for it.",
            body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Google is not set up here (`no_calendars`).",
            body = Problem, content_type = "application/problem+json"),
        NotSignedIn, BadBody, Faults))]
pub async fn authorize_calendar(
    State(app): State<App>,
    SignedIn(holder): SignedIn,
    _: Query<NoQuery>,
    Json(new): Json<NewCalendarAuthorization>,
) -> Result<axum::Json<PushedAuthorization>, Error> {
    let back = new.back(&app)?;
    let started = sign_in::start_calendar(&app, &holder, back).await?;
    pushed(&app, &holder, &started).await
}

async fn pushed(
    app: &App,
    holder: &Holder,
    started: &Started,
) -> Result<axum::Json<PushedAuthorization>, Error> {
    let Pushed { url, expires_at } = sign_in::push(app, holder, started).await?;
    Ok(axum::Json(PushedAuthorization {
        authorization_url: url.into(),
        expires_at,
    }))
}

#[derive(Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ContinueParams {
    /// What stands in the address.
    #[garde(skip)]
    #[param(value_type = String, max_length = 100)]
    request: SecretString,
}

/// Go on to the provider.
///
/// Not for frontends: browsers come here by the `authorization_url` of `authorize_identity` or `authorize_calendar`.
#[utoipa::path(get, path = "/v1/auth/continue", tag = "auth", operation_id = "continue_authorization", security(()),
    params(ContinueParams),
    responses(
        (status = 303, description = "To the provider.", headers(("Location" = String))),
        (status = 400, description = "The address is over, or was opened already (`sign_in_failed`). Browsers get a page.",
            body = Problem, content_type = "application/problem+json"),
        Faults))]
pub async fn go_on(
    State(app): State<App>,
    headers: HeaderMap,
    jar: CookieJar,
    Query(params): Query<ContinueParams>,
) -> Result<Response, Error> {
    let Some(started) = sign_in::open(&app, &params.request).await? else {
        return Ok(not_under_way(&headers));
    };
    let target = Redirect::to(started.authorization_url.as_str());
    let jar = sign_in_cookie::carry(&app, jar, started);
    Ok((jar, no_store(), target).into_response())
}

/// A code and what proves whose it is.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRedemption {
    /// The code that came to `redirect_uri`.
    #[garde(custom(validate::secret(100)))]
    #[schema(value_type = String, max_length = 100)]
    code: SecretString,
    /// What the challenge was made of.
    #[garde(custom(validate::secret(128)))]
    #[schema(value_type = String, max_length = 128)]
    code_verifier: SecretString,
    /// As it was asked with.
    #[garde(custom(validate::text(1, 1000)))]
    #[schema(
        min_length = 1,
        max_length = 1000,
        pattern = "^[!-~]+$",
        example = "https://app.example.org/settings"
    )]
    redirect_uri: String,
}

impl From<NewRedemption> for Redemption {
    fn from(new: NewRedemption) -> Self {
        Self {
            code: new.code,
            verifier: new.code_verifier,
            redirect_uri: new.redirect_uri,
        }
    }
}

/// Take the account that was proven.
///
/// For the code that came of `authorize_identity`, within a minute, once, in the same session and with the verifier of
/// its challenge. Ask the person whether that account shall be linked, and `confirm_identity` within 15 minutes.
#[utoipa::path(post, path = "/v1/me/identities/redeem", tag = "me", operation_id = "redeem_identity",
    security(("session" = [])), request_body = NewRedemption,
    responses((status = 200, description = "The account, to be confirmed.", body = Identity),
        (status = 409, description = "Somebody else signs in by this account (`identity_taken`), its address is not verified (`email_not_verified`), or the provider's answer proves nothing (`sign_in_failed`).",
            body = Problem, content_type = "application/problem+json"),
        NotSignedIn, CrossOrigin, BadBody, Faults))]
pub async fn redeem_identity(
    State(app): State<App>,
    SignedIn(holder): SignedIn,
    _: Query<NoQuery>,
    Json(new): Json<NewRedemption>,
) -> Result<axum::Json<Identity>, Error> {
    let linked = sign_in::redeem_link(&app, &holder, &new.into()).await?;
    Ok(axum::Json(linked.into()))
}

/// Take the calendar to which access was given.
///
/// For the code that came of `authorize_calendar`, within a minute, once, in the same session and with the verifier of
/// its challenge.
#[utoipa::path(post, path = "/v1/calendar/connection/redeem", tag = "calendar", operation_id = "redeem_calendar",
    security(("session" = [])), request_body = NewRedemption,
    responses((status = 200, description = "It is connected.", body = CalendarConnection),
        (status = 409, description = "Google has given access before (`no_lasting_access`: remove it at myaccount.google.com/permissions and connect again), or its answer proves nothing (`sign_in_failed`).",
            body = Problem, content_type = "application/problem+json"),
        NotSignedIn, CrossOrigin, BadBody, Faults))]
pub async fn redeem_calendar(
    State(app): State<App>,
    SignedIn(holder): SignedIn,
    _: Query<NoQuery>,
    Json(new): Json<NewRedemption>,
) -> Result<axum::Json<CalendarConnection>, Error> {
    let connection = sign_in::redeem_calendar(&app, &holder, &new.into()).await?;
    Ok(axum::Json(connection.into()))
}
