//! Access tokens at hand, refreshed when needed.

use std::future::Future;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use uuid::Uuid;

use crate::{AccessToken, Error, SignIn};

/// Why there is no access token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError<E> {
    /// The provider's doing.
    #[error(transparent)]
    Provider(Error),
    /// The stored grant could not be read or replaced: the caller's own error, shared among all who waited for it.
    #[error("the stored grant is not available")]
    Grant(Arc<E>),
}

/// The access tokens of users, cached in memory and refreshed from the stored grant, once at a time per user.
#[derive(Clone)]
pub struct AccessTokens {
    sign_in: SignIn,
}

impl AccessTokens {
    /// An empty cache over `sign_in`.
    pub fn new(sign_in: SignIn) -> Self {
        Self { sign_in }
    }

    /// A token that is good for a minute at least.
    ///
    /// `load` yields the decrypted refresh token and is called only if a refresh is needed; `replace` stores one that
    /// the provider gave in exchange for it, before this returns.
    pub async fn get<E, L, R>(
        &self,
        user: Uuid,
        now: DateTime<Utc>,
        load: impl FnOnce() -> L,
        replace: impl FnOnce(SecretString) -> R,
    ) -> Result<AccessToken, TokenError<E>>
    where
        E: Send + Sync + 'static,
        L: Future<Output = Result<SecretString, E>>,
        R: Future<Output = Result<(), E>>,
    {
        let _ = (user, now, load, replace, &self.sign_in);
        todo!()
    }

    /// Forgets the user's token: after [`Error::Unauthorized`], when the grant is replaced, and on disconnecting.
    pub async fn invalidate(&self, user: Uuid) {
        let _ = user;
        todo!()
    }
}
