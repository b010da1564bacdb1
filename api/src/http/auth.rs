//! Who is asking, and what they may touch. Authorisation is a parameter type: a handler can't touch a
//! thing without the extractor that checked the caller for it.

use crate::{
    app::App,
    error::Error,
    http::rate_limit::{Meter, Who},
    service::{
        self, TutorId, UserId,
        session::{Holder, Viewer},
    },
};
use axum::{
    RequestPartsExt,
    extract::{FromRequestParts, OptionalFromRequestParts},
    http::request::Parts,
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
    SignIn,
}

impl CookieName {
    fn text(self, app: &App) -> &'static str {
        match (self, app.config.server.is_https()) {
            (Self::Session, true) => "__Host-session",
            (Self::Session, false) => "session",
            (Self::SignIn, true) => "__Host-sign-in",
            (Self::SignIn, false) => "sign-in",
        }
    }

    pub fn read(self, app: &App, jar: &CookieJar) -> Option<String> {
        jar.get(self.text(app))
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

/// Somebody who is signed in.
pub struct SignedIn(pub Arc<Holder>);

impl FromRequestParts<App> for SignedIn {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        let jar = CookieJar::from_headers(&parts.headers);
        let token = CookieName::Session
            .read(app, &jar)
            .ok_or(Error::Unauthenticated)?;
        let holder = service::session::holder(app, &SecretString::from(token)).await?;
        if let Some(meter) = parts.extensions.get::<Meter>() {
            meter.count(Who::Person(holder.user_id)).await?;
        }
        Ok(Self(holder))
    }
}

impl OptionalFromRequestParts<App> for SignedIn {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Option<Self>, Error> {
        match <Self as FromRequestParts<App>>::from_request_parts(parts, app).await {
            Ok(signed_in) => Ok(Some(signed_in)),
            Err(Error::Unauthenticated) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The tutor named in the path, whom the caller may edit: it is them, or they are an admin.
pub struct EditedTutor {
    pub id: TutorId,
    pub viewer: Viewer,
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
        let viewer = holder.viewer();
        // What the caller may not see is not there; what they see is not theirs to edit.
        service::tutor::get(app, viewer, id).await?;
        if holder.tutor_id != Some(id) && !viewer.is_admin {
            return Err(Error::Forbidden {
                code: "not_your_profile",
                detail: "Only the tutor or an admin edits this.".into(),
            });
        }
        Ok(Self { id, viewer })
    }
}

/// Somebody who is signed in and an admin.
pub struct Admin(pub UserId);

impl FromRequestParts<App> for Admin {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        let SignedIn(holder) =
            <SignedIn as FromRequestParts<App>>::from_request_parts(parts, app).await?;
        if holder.is_admin() {
            return Ok(Self(holder.user_id));
        }
        Err(Error::Forbidden {
            code: "not_an_admin",
            detail: "Only an admin edits this.".into(),
        })
    }
}
