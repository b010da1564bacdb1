//! Sign-in sessions: opaque tokens, of which only hashes are stored.

use super::{UserId, transaction::transaction};
use crate::{
    app::App,
    error::Error,
    origin::{self, Actor},
    store::{
        self,
        session::{NewSession, TokenHash},
    },
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use std::sync::Arc;

pub use crate::store::session::Holder;

/// Who looks at something, as far as it decides what they see.
#[derive(Clone, Copy, Debug)]
pub struct Viewer {
    pub user_id: UserId,
    /// Sees everything.
    pub is_admin: bool,
}

impl Holder {
    pub fn is_admin(&self) -> bool {
        self.roles.iter().any(|role| role == "admin")
    }

    pub fn viewer(&self) -> Viewer {
        Viewer {
            user_id: self.user_id,
            is_admin: self.is_admin(),
        }
    }
}

/// How stale the time of last use may get, so that reading does not mean writing.
const LAST_USE_PRECISION: TimeDelta = TimeDelta::minutes(5);

/// The longest `User-Agent` that is kept.
const USER_AGENT_LENGTH: usize = 300;

/// Begins a session; the token is shown here and never again.
pub async fn begin(
    app: &App,
    user_id: UserId,
    user_agent: Option<&str>,
) -> Result<SecretString, Error> {
    let token = SecretString::from(BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()));
    let user_agent: Option<String> = user_agent.map(|text| {
        text.chars()
            .filter(|c| !c.is_control())
            .take(USER_AGENT_LENGTH)
            .collect()
    });
    let now = app.clock.now();
    origin::act_as(Actor::Person(Some(user_id.0)));
    transaction!(app.db, |txn| {
        let new = NewSession {
            user_id,
            token_hash: hash(&token),
            user_agent: user_agent.as_deref(),
            lifetime: app.config.server.session_lifetime,
        };
        Ok(store::session::insert(txn, new, now).await?)
    })?;
    if let Err(error) = forget_expired(app, now).await {
        tracing::warn!(%error, "expired sessions are left for the next sign-in");
    }
    Ok(token)
}

/// Sessions end by themselves: nobody ends those that have expired.
async fn forget_expired(app: &App, now: DateTime<Utc>) -> Result<(), Error> {
    let by_itself = app.origin(Actor::Job, Some("forget_expired_sessions".into()));
    origin::scope(by_itself, async {
        transaction!(app.db, |txn| {
            Ok(store::session::delete_expired(txn, now).await?)
        })
    })
    .await
}

/// Who holds the session with this token. What is read for them afterwards is no older than this call.
///
/// # Errors
/// [`Error::Unauthenticated`] when the session is unknown, ended or expired.
pub async fn holder(app: &App, token: &SecretString) -> Result<Arc<Holder>, Error> {
    let (now, token_hash) = (app.clock.now(), hash(token));
    app.cache.catch_up().await?;
    let found = app.cache.holder(token_hash).await?;
    let holder = found
        .filter(|holder| holder.expires_at > now)
        .ok_or(Error::Unauthenticated)?;
    if holder.last_used_at <= now - LAST_USE_PRECISION {
        store::session::touch(&app.db, holder.session_id, now).await?;
        app.cache.forget(&token_hash);
    }
    Ok(holder)
}

/// Ends a session.
pub async fn end(app: &App, holder: &Holder) -> Result<(), Error> {
    transaction!(app.db, |txn| {
        Ok(store::session::delete(txn, holder.session_id).await?)
    })
}

fn hash(token: &SecretString) -> TokenHash {
    Sha256::digest(token.expose_secret()).into()
}
