//! Access tokens at hand, refreshed when needed.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use moka::Expiry;
use moka::future::Cache;
use secrecy::SecretString;
use uuid::Uuid;

use crate::{AccessToken, Error, SignIn};

/// A token is not handed out in the last minute of its life, in which it could end on the way.
const SPARE: TimeDelta = TimeDelta::seconds(60);

/// How many users' tokens are kept at most; those used least go first.
const CAPACITY: u64 = 100_000;

/// Why there is no access token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError<E> {
    /// The provider's doing; [`Error::GrantDead`] is the one to act upon.
    #[error(transparent)]
    Provider(Error),
    /// The stored grant could not be read or replaced: the caller's own error, shared among all who waited for it.
    #[error("the stored grant is not available")]
    Grant(Arc<E>),
}

impl<E> Clone for TokenError<E> {
    fn clone(&self) -> Self {
        match self {
            Self::Provider(error) => Self::Provider(error.clone()),
            Self::Grant(error) => Self::Grant(Arc::clone(error)),
        }
    }
}

/// The access tokens of users, kept in memory and refreshed from the stored grant, once at a time per user.
///
/// Cheap to clone; clones share the tokens.
#[derive(Clone)]
pub struct AccessTokens {
    sign_in: SignIn,
    held: Cache<Uuid, Held>,
}

#[derive(Clone)]
struct Held {
    token: AccessToken,
    /// What was left of the token's life, without the spare, when it came.
    lasts: Duration,
}

struct AsLongAsItLasts;

impl Expiry<Uuid, Held> for AsLongAsItLasts {
    fn expire_after_create(&self, _: &Uuid, held: &Held, _: Instant) -> Option<Duration> {
        Some(held.lasts)
    }
}

impl AccessTokens {
    /// None yet; they will come from `sign_in`.
    pub fn new(sign_in: SignIn) -> Self {
        Self {
            sign_in,
            held: Cache::builder()
                .max_capacity(CAPACITY)
                .expire_after(AsLongAsItLasts)
                .build(),
        }
    }

    /// A token that is good for a minute at least.
    ///
    /// `load` yields the user's decrypted refresh token, and is called only if a refresh is needed. `replace` stores
    /// the one that the provider gave in exchange for it, if it gave one, before anybody gets the access token.
    /// Whoever asks while a refresh is under way waits for its outcome, good or bad.
    ///
    /// # Errors
    ///
    /// [`TokenError::Provider`] with what [`SignIn::refresh`] fails with, [`TokenError::Grant`] with what `load` or
    /// `replace` failed with. Failures are not remembered: the next call tries anew.
    pub async fn get<E, L, R>(
        &self,
        user: Uuid,
        now: DateTime<Utc>,
        load: impl FnOnce() -> L + Send,
        replace: impl FnOnce(SecretString) -> R + Send,
    ) -> Result<AccessToken, TokenError<E>>
    where
        E: Send + Sync + 'static,
        L: Future<Output = Result<SecretString, E>> + Send,
        R: Future<Output = Result<(), E>> + Send,
    {
        if let Some(held) = self.held.get(&user).await {
            if now + SPARE < held.token.expires_at {
                return Ok(held.token);
            }
            self.held.invalidate(&user).await;
        }
        let refresh = async {
            let grant = |error| TokenError::Grant(Arc::new(error));
            let refresh_token = load().await.map_err(grant)?;
            let refreshed = self.sign_in.refresh(&refresh_token, now).await;
            let refreshed = refreshed.map_err(TokenError::Provider)?;
            if let Some(rotated) = refreshed.rotated_refresh_token {
                replace(rotated).await.map_err(grant)?;
            }
            let token = refreshed.access_token;
            let lasts = (token.expires_at - SPARE - now).to_std();
            Ok(Held {
                token,
                lasts: lasts.unwrap_or_default(),
            })
        };
        match self.held.try_get_with(user, refresh).await {
            Ok(held) => Ok(held.token),
            Err(error) => Err(TokenError::clone(&error)),
        }
    }

    /// Forgets the user's token: after [`Error::Unauthorized`], when the grant is replaced, and on disconnecting.
    ///
    /// A refresh that is under way is not stopped, and its token is kept. Where grants come and go, use the id of the
    /// stored grant for the user's, so that an old grant's token can't pass for a new one's.
    pub async fn invalidate(&self, user: Uuid) {
        self.held.invalidate(&user).await;
    }
}
