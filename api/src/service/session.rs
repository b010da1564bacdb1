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
use sea_orm::DatabaseTransaction;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use std::sync::Arc;

pub use crate::store::session::Holder;
pub use ::entity::{id::SessionId, session::Model as Session};

/// How stale the time of last use may get, so that reading does not mean writing.
const LAST_USE_PRECISION: TimeDelta = TimeDelta::minutes(5);

/// The longest `User-Agent` that is kept.
const USER_AGENT_LENGTH: usize = 300;

/// So many sessions a person has at most; the oldest end first.
pub const MOST_SESSIONS: u8 = 50;

/// Begins a session, unless the user is suspended; the token is shown here and never again.
pub async fn begin(
    app: &App,
    user_id: UserId,
    user_agent: Option<&str>,
) -> Result<Option<SecretString>, Error> {
    origin::act_as(Actor::Person(Some(user_id.0)));
    let begun = transaction!(app.db, |txn| {
        begin_within(app, txn, user_id, user_agent).await
    })?;
    if let Err(error) = forget_expired(app, app.clock.now()).await {
        tracing::warn!(%error, "expired sessions are left for the next sign-in");
    }
    Ok(begun.map(|(_, token)| token))
}

/// As [`begin`], together with other things.
pub(super) async fn begin_within(
    app: &App,
    txn: &DatabaseTransaction,
    user_id: UserId,
    user_agent: Option<&str>,
) -> Result<Option<(SessionId, SecretString)>, Error> {
    if !store::person::hold(txn, user_id).await? {
        return Ok(None);
    }
    let now = app.clock.now();
    let token = new_token();
    let user_agent: Option<String> = user_agent.map(|text| {
        text.chars()
            .filter(|c| !c.is_control())
            .take(USER_AGENT_LENGTH)
            .collect()
    });
    let new = NewSession {
        user_id,
        token_hash: hash(&token),
        user_agent: user_agent.as_deref(),
        expires_at: now + app.config.server.session_lifetime,
    };
    let id = store::session::insert(txn, new, now).await?;
    store::session::delete_oldest(txn, user_id, MOST_SESSIONS.into()).await?;
    Ok(Some((id, token)))
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

/// Begins unlike a key of a third-party app.
fn new_token() -> SecretString {
    let random = BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
    format!("tss_{random}").into()
}

/// Who holds the session with this token. What is read for them afterwards is no older than this call.
///
/// # Errors
/// [`Error::Unauthenticated`] when the session is unknown, ended or over, or the person is suspended.
pub async fn holder(app: &App, token: &SecretString) -> Result<Arc<Holder>, Error> {
    let token_hash = hash(token);
    app.cache.catch_up().await?;
    let mut holder = find(app, &token_hash).await?;
    let now = app.clock.now();
    if holder.last_used_at <= used_since(app) {
        // Another instance may have seen it used.
        app.cache.forget_session(&token_hash);
        holder = find(app, &token_hash).await?;
    }
    if holder.expires_at <= now || holder.last_used_at <= used_since(app) {
        return Err(Error::Unauthenticated);
    }
    if holder.last_used_at <= now - LAST_USE_PRECISION {
        store::session::touch(&app.db, holder.session_id, now).await?;
        app.cache.forget_session(&token_hash);
    }
    Ok(holder)
}

async fn find(app: &App, token_hash: &TokenHash) -> Result<Arc<Holder>, Error> {
    let found = app.cache.holder(*token_hash).await?;
    found.ok_or(Error::Unauthenticated)
}

/// A session that was last used before is over.
fn used_since(app: &App) -> DateTime<Utc> {
    app.clock.now() - app.config.server.session_idle
}

/// The sessions of a user that are not over, the newest first.
pub async fn list(app: &App, user_id: UserId) -> Result<Vec<Session>, Error> {
    let (now, most) = (app.clock.now(), MOST_SESSIONS.into());
    Ok(store::session::of_user(&app.db, user_id, (now, used_since(app)), most).await?)
}

/// When a session ends if it is not used.
pub fn ends_at(app: &App, session: &Session) -> DateTime<Utc> {
    let idle = session.last_used_at + app.config.server.session_idle;
    session.expires_at.min(idle)
}

/// Ends a session of a user.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn end(app: &App, user_id: UserId, id: SessionId) -> Result<(), Error> {
    let ended = transaction!(app.db, |txn| {
        Ok(store::session::delete(txn, user_id, id).await?)
    })?;
    if ended {
        Ok(())
    } else {
        Err(Error::not_found("session"))
    }
}

/// Ends the session of this holder, unless it has ended.
pub async fn end_if_any(app: &App, holder: &Holder) -> Result<(), Error> {
    match end(app, holder.user_id, holder.session_id).await {
        Err(Error::NotFound { .. }) => Ok(()),
        outcome => outcome,
    }
}

/// Ends all sessions of a user but one.
pub async fn end_all(app: &App, user_id: UserId, but: Option<SessionId>) -> Result<(), Error> {
    transaction!(app.db, |txn| {
        Ok(store::session::delete_of_user(txn, user_id, but).await?)
    })?;
    Ok(())
}

/// What becomes of a session whose holder has got a role.
#[derive(Debug)]
pub enum Renewed {
    /// There was nothing new.
    Same,
    /// It has this token from now on.
    Token(SecretString),
    /// It has ended.
    Ended,
}

/// Ends all sessions of a holder, but gives this one another token if it is `renewable`: whoever has seen the token before
/// has nothing now.
///
/// # Errors
/// [`Error::Unauthenticated`] where the session has ended meanwhile.
pub(super) async fn renew(
    txn: &DatabaseTransaction,
    holder: &Holder,
    renewable: bool,
) -> Result<Renewed, Error> {
    let kept = renewable.then_some(holder.session_id);
    store::session::delete_of_user(txn, holder.user_id, kept).await?;
    if !renewable {
        return Ok(Renewed::Ended);
    }
    let token = new_token();
    if store::session::replace_token(txn, holder.session_id, hash(&token)).await? {
        Ok(Renewed::Token(token))
    } else {
        Err(Error::Unauthenticated)
    }
}

fn hash(token: &SecretString) -> TokenHash {
    Sha256::digest(token.expose_secret()).into()
}
