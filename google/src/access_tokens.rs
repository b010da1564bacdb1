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

/// How many grants' tokens are kept at most; those used least go first.
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

/// The access tokens of stored grants, by a grant's id, kept in memory and refreshed once at a time per grant.
///
/// A user who grants anew gives another grant with another id, so that a token of the one before can't pass for its own.
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
    /// `load` yields the grant's decrypted refresh token, and is called only if a refresh is needed. `replace` stores
    /// the one that the provider gave in exchange for it, if it gave one, before anybody gets the access token.
    /// Whoever asks while a refresh is under way waits for its outcome, good or bad.
    ///
    /// # Errors
    ///
    /// [`TokenError::Provider`] with what [`SignIn::refresh`] fails with, [`TokenError::Grant`] with what `load` or
    /// `replace` failed with. Failures are not remembered: the next call tries anew.
    pub async fn get<E, L, R>(
        &self,
        grant: Uuid,
        now: DateTime<Utc>,
        load: impl FnOnce() -> L + Send,
        replace: impl FnOnce(SecretString) -> R + Send,
    ) -> Result<AccessToken, TokenError<E>>
    where
        E: Send + Sync + 'static,
        L: Future<Output = Result<SecretString, E>> + Send,
        R: Future<Output = Result<(), E>> + Send,
    {
        if let Some(held) = self.held.get(&grant).await {
            if now + SPARE < held.token.expires_at {
                return Ok(held.token);
            }
            self.held.invalidate(&grant).await;
        }
        let refresh = async {
            let unavailable = |error| TokenError::Grant(Arc::new(error));
            let refresh_token = load().await.map_err(unavailable)?;
            let refreshed = self.sign_in.refresh(&refresh_token, now).await;
            let refreshed = refreshed.map_err(TokenError::Provider)?;
            if let Some(rotated) = refreshed.rotated_refresh_token {
                replace(rotated).await.map_err(unavailable)?;
            }
            let token = refreshed.access_token;
            let lasts = (token.expires_at - SPARE - now).to_std();
            Ok(Held {
                token,
                lasts: lasts.unwrap_or_default(),
            })
        };
        match self.held.try_get_with(grant, refresh).await {
            Ok(held) => Ok(held.token),
            Err(error) => Err(TokenError::clone(&error)),
        }
    }

    /// Forgets the grant's token: after [`Error::Unauthorized`], and when the grant has ended.
    ///
    /// A refresh that is under way is not stopped, and its token is kept.
    pub async fn invalidate(&self, grant: Uuid) {
        self.held.invalidate(&grant).await;
    }
}
