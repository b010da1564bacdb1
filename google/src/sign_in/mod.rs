//! Sign-in: OAuth 2.0 authorization code with PKCE, and OpenID Connect.

mod types;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use secrecy::SecretString;

pub use types::{
    AccessToken, Ask, AuthorizationRequest, Authorized, Identity, PendingAuthorization,
    ProviderConfig, Refreshed,
};

use crate::{Error, Limits};

/// One OpenID Connect provider and us as its client. Cheap to clone; clones share what was discovered.
#[derive(Clone)]
pub struct SignIn {
    inner: Arc<(ProviderConfig, reqwest::Client, Limits)>,
}

impl SignIn {
    /// Does no I/O: what the provider announces is read at first use and kept for as long as it allows.
    pub fn new(config: ProviderConfig, http: reqwest::Client) -> Self {
        Self::with_limits(config, http, Limits::SIGN_IN)
    }

    /// As [`SignIn::new`], with other limits.
    pub fn with_limits(config: ProviderConfig, http: reqwest::Client, limits: Limits) -> Self {
        Self {
            inner: Arc::new((config, http, limits)),
        }
    }

    /// Where to send the browser, and what to keep until it comes back.
    pub async fn authorization_request(&self, ask: Ask<'_>) -> Result<AuthorizationRequest, Error> {
        let _ = (ask, &self.inner);
        todo!()
    }

    /// Turns the code that came back into a proven identity and tokens. Check the state first
    /// ([`PendingAuthorization::state_matches`]). Never sent twice, for a code works once.
    pub async fn exchange(
        &self,
        code: &str,
        pending: &PendingAuthorization,
        now: DateTime<Utc>,
    ) -> Result<Authorized, Error> {
        let _ = (code, pending, now);
        todo!()
    }

    /// A new access token for a refresh token.
    pub async fn refresh(
        &self,
        refresh_token: &SecretString,
        now: DateTime<Utc>,
    ) -> Result<Refreshed, Error> {
        let _ = (refresh_token, now);
        todo!()
    }

    /// Gives a token, and the grant it belongs to, back. One that is no longer valid counts as given back.
    pub async fn revoke(&self, token: &SecretString) -> Result<(), Error> {
        let _ = token;
        todo!()
    }
}
