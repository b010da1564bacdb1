//! Who is asking, and what they may touch. Authorisation is a parameter type: a handler can't touch a
//! thing without the extractor that checked the caller for it.

use crate::{
    app::App,
    error::{Credential, Error},
    http::{
        credentials::Credentials,
        rate_limit::{Meter, Who},
        scope,
        sign_in_cookie::Attempt,
    },
    origin::{self, Actor},
    service::{
        self, TutorId,
        app_key::{self, Access},
        caller::Caller,
        session::{Holder, Renewed},
    },
};
use axum::{
    RequestPartsExt,
    extract::{FromRequestParts, MatchedPath, OptionalFromRequestParts},
    http::{HeaderMap, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::sync::Arc;

/// Names of cookies. The `__Host-` prefix binds a cookie to this host and to https, so it can't be used
/// on plain http, which is accepted on loopback only (RFC 6265bis section 4.1.3.2).
#[derive(Clone, Copy)]
pub enum CookieName {
    Session,
    /// Each attempt to sign in has its own, so that tabs don't disturb each other.
    SignIn(Attempt),
}

impl CookieName {
    fn text(self, app: &App) -> String {
        let prefix = Self::prefix(app);
        match self {
            Self::Session => format!("{prefix}session"),
            Self::SignIn(attempt) => format!("{prefix}sign-in-{attempt}"),
        }
    }

    /// What the names of all cookies begin with.
    pub fn prefix(app: &App) -> &'static str {
        if app.config.server.is_https() {
            "__Host-"
        } else {
            ""
        }
    }

    pub fn read(self, app: &App, jar: &CookieJar) -> Option<String> {
        jar.get(&self.text(app))
            .map(|cookie| cookie.value().to_owned())
    }

    /// A cookie for `seconds`. Lax, so that it comes along when the provider sends the browser back.
    pub fn make(self, app: &App, value: String, seconds: i64) -> Cookie<'static> {
        Cookie::build((self.text(app), value))
            .path("/")
            .secure(app.config.server.is_https())
            .http_only(true)
            .same_site(SameSite::Lax)
            .max_age(cookie::time::Duration::seconds(seconds))
            .build()
    }

    /// The cookie that takes it away.
    pub fn clear(self, app: &App) -> Cookie<'static> {
        self.make(app, String::new(), 0)
    }
}

/// The cookie of a session.
pub fn session_cookie(app: &App, token: &SecretString) -> Cookie<'static> {
    let seconds = app.config.server.session_lifetime.num_seconds();
    CookieName::Session.make(app, token.expose_secret().to_owned(), seconds)
}

/// The answer to somebody who has perhaps got a role.
pub fn renewed(app: &App, renewed: &Renewed) -> Response {
    let jar = match renewed {
        Renewed::Same => CookieJar::new(),
        Renewed::Token(token) => CookieJar::new().add(session_cookie(app, token)),
        Renewed::Ended => CookieJar::new().add(CookieName::Session.clear(app)),
    };
    (StatusCode::NO_CONTENT, jar).into_response()
}

/// By what a request says who asks.
struct Token {
    text: SecretString,
    credential: Credential,
}

impl Token {
    fn of(app: &App, parts: &Parts) -> Result<Self, Error> {
        let (text, credential) = match Credentials::of(&parts.headers) {
            Credentials::Bearer => {
                let text = bearer(&parts.headers);
                let text = text.ok_or(Error::InvalidCredential(Credential::Token))?;
                let is_of_app = app_key::is_of_app(text);
                let credential = if is_of_app {
                    Credential::Key
                } else {
                    Credential::Token
                };
                (text.to_owned(), credential)
            }
            Credentials::Cookie => {
                let jar = CookieJar::from_headers(&parts.headers);
                let text = CookieName::Session.read(app, &jar);
                (text.ok_or(Error::Unauthenticated)?, Credential::Cookie)
            }
        };
        Ok(Self {
            text: text.into(),
            credential,
        })
    }

    /// Why it says nothing of who asks.
    fn refusal(&self, error: Error) -> Error {
        match error {
            Error::Unauthenticated => Error::InvalidCredential(self.credential),
            other => other,
        }
    }
}

/// The one bearer token of a request (RFC 6750 section 2.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut fields = headers.get_all(header::AUTHORIZATION).iter();
    let (_, token) = fields.next()?.to_str().ok()?.split_once(' ')?;
    fields.next().is_none().then_some(token.trim())
}

async fn holder(app: &App, parts: &Parts, token: &Token) -> Result<Arc<Holder>, Error> {
    let holder = service::session::holder(app, &token.text).await;
    let holder = holder.map_err(|error| token.refusal(error))?;
    origin::act_as(Actor::Person(Some(holder.user_id.0)));
    if let Some(meter) = parts.extensions.get::<Meter>() {
        meter.count(Who::Person(holder.user_id)).await?;
    }
    Ok(holder)
}

async fn access(app: &App, parts: &Parts, token: &Token) -> Result<Access, Error> {
    let access = app_key::access(app, &token.text).await;
    let access = access.map_err(|error| token.refusal(error))?;
    origin::act_as(Actor::Key(access.key_id().0));
    if let Some(meter) = parts.extensions.get::<Meter>() {
        meter.count(Who::Key(access.key_id().0)).await?;
    }
    Ok(access)
}

/// Somebody who is signed in.
pub struct SignedIn(pub Arc<Holder>);

impl FromRequestParts<App> for SignedIn {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        let token = Token::of(app, parts)?;
        if token.credential != Credential::Key {
            return holder(app, parts, &token).await.map(Self);
        }
        access(app, parts, &token).await?;
        Err(Error::Forbidden {
            code: "people_only",
            detail: "No third-party app may do this.".into(),
        })
    }
}

impl OptionalFromRequestParts<App> for SignedIn {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Option<Self>, Error> {
        match <Self as FromRequestParts<App>>::from_request_parts(parts, app).await {
            Ok(signed_in) => Ok(Some(signed_in)),
            Err(Error::Unauthenticated | Error::InvalidCredential(_) | Error::Forbidden { .. }) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// Somebody who is signed in, or a third-party app whose key has the scope of the operation.
pub struct Allowed(pub Caller);

impl FromRequestParts<App> for Allowed {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        let token = Token::of(app, parts)?;
        if token.credential != Credential::Key {
            let holder = holder(app, parts, &token).await?;
            return Ok(Self(Caller::Person(holder.person.clone())));
        }
        let access = access(app, parts, &token).await?;
        check_scope(parts, &access)?;
        Ok(Self(Caller::App(access)))
    }
}

/// Whoever acts for the centre: an admin, or a third-party app whose key has the scope of the operation.
pub struct OfCentre(pub Caller);

impl FromRequestParts<App> for OfCentre {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        let Allowed(caller) =
            <Allowed as FromRequestParts<App>>::from_request_parts(parts, app).await?;
        if matches!(caller, Caller::App(_)) || caller.is_admin() {
            return Ok(Self(caller));
        }
        Err(Error::Forbidden {
            code: "not_an_admin",
            detail: "Only an admin may do this.".into(),
        })
    }
}

fn check_scope(parts: &Parts, access: &Access) -> Result<(), Error> {
    let route = parts.extensions.get::<MatchedPath>();
    let needed = route.and_then(|route| scope::of(&parts.method, route.as_str()));
    match needed {
        Some(needed) => access.check_any(&[needed]),
        None => Err(Error::internal(anyhow::anyhow!(
            "an operation for third-party apps has no scope"
        ))),
    }
}

/// The tutor named in the path, whom the caller may edit: it is them, or they are an admin.
pub struct EditedTutor {
    pub id: TutorId,
    /// As it is now.
    pub version: i32,
    pub caller: Caller,
}

#[derive(Deserialize)]
struct TutorInPath {
    id: TutorId,
}

impl FromRequestParts<App> for EditedTutor {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        let SignedIn(holder) =
            <SignedIn as FromRequestParts<App>>::from_request_parts(parts, app).await?;
        let super::extract::Path(TutorInPath { id }) = parts.extract().await?;
        let caller = Caller::Person(holder.person.clone());
        // What the caller may not see is not there; what they see is not theirs to edit.
        let tutor = service::tutor::get(app, &caller, id).await?;
        if !caller.may_edit(id) {
            return Err(Error::Forbidden {
                code: "not_your_profile",
                detail: "Only the tutor or an admin may.".into(),
            });
        }
        Ok(Self {
            id,
            version: tutor.profile.version,
            caller,
        })
    }
}

/// Somebody who is signed in and an admin.
pub struct Admin(pub Arc<Holder>);

impl FromRequestParts<App> for Admin {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        let SignedIn(holder) =
            <SignedIn as FromRequestParts<App>>::from_request_parts(parts, app).await?;
        if holder.is_admin() {
            return Ok(Self(holder));
        }
        Err(Error::Forbidden {
            code: "not_an_admin",
            detail: "Only an admin may do this.".into(),
        })
    }
}
