//! Sign-in: OAuth 2.0 authorization code with PKCE (RFC 6749, RFC 7636), and OpenID Connect.

mod cached;
mod id_token;
mod profile;
mod provider;
mod tokens;
mod types;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use oauth2::{
    AuthorizationCode, ClientId, CsrfToken, PkceCodeChallenge, PkceCodeVerifier, RefreshToken,
    Scope, TokenResponse as _,
};
use openidconnect::Nonce;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tracing::instrument;

pub use types::{
    AccessToken, Ask, AuthorizationRequest, AuthorizationResponse, Authorized, Identity,
    PendingAuthorization, ProviderConfig, Refreshed,
};

use crate::error::foreign;
use crate::http::Http;
use crate::retry::with_retries;
use crate::{Error, Limits, scope};
use id_token::{Expected, Failure};
use profile::Profile;
use provider::{Announcement, Provider};

/// One OpenID Connect provider and us as its client. Cheap to clone; clones share what was discovered.
#[derive(Clone)]
pub struct SignIn {
    inner: Arc<Inner>,
}

struct Inner {
    config: ProviderConfig,
    http: Http,
    provider: Provider,
}

impl SignIn {
    /// Does no I/O: what the provider announces is read at first use and kept for as long as it allows.
    ///
    /// Take the client from [`http_client`](crate::http_client): it must not follow redirects.
    pub fn new(config: ProviderConfig, http: reqwest::Client) -> Self {
        Self::with_limits(config, http, Limits::SIGN_IN)
    }

    /// As [`SignIn::new`], with other limits.
    pub fn with_limits(config: ProviderConfig, http: reqwest::Client, limits: Limits) -> Self {
        Self {
            inner: Arc::new(Inner {
                config,
                http: Http::new(http, limits),
                provider: Provider::default(),
            }),
        }
    }

    /// Where to send the browser, and what to keep until it comes back.
    ///
    /// <https://developers.google.com/identity/protocols/oauth2/web-server#creatingclient>
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] or [`Error::Protocol`] if the provider can't be discovered.
    #[instrument(name = "google.authorization_request", skip_all)]
    pub async fn authorization_request(&self, ask: Ask<'_>) -> Result<AuthorizationRequest, Error> {
        let announcement = self.announcement().await?;
        let client = tokens::client(&self.inner.config, &announcement);
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let nonce = Nonce::new_random();
        let scopes: Vec<&str> = match ask {
            Ask::SignIn => scope::SIGN_IN.to_vec(),
            Ask::Calendar { .. } => [&[scope::OPENID, scope::EMAIL], scope::CALENDAR].concat(),
        };
        let mut request = client
            .authorize_url(CsrfToken::new_random)
            .add_scopes(scopes.iter().map(|scope| Scope::new((*scope).to_owned())))
            .set_pkce_challenge(challenge)
            .add_extra_param("nonce", nonce.secret());
        if let Ask::Calendar { login_hint } = ask {
            request = request
                .add_extra_param("access_type", "offline")
                // Without it a refresh token comes the first time only.
                .add_extra_param("prompt", "consent")
                .add_extra_param("include_granted_scopes", "true")
                .add_extra_param("login_hint", login_hint);
        }
        let (url, state) = request.url();
        Ok(AuthorizationRequest {
            url,
            pending: PendingAuthorization {
                state: state.into_secret(),
                nonce: nonce.secret().clone(),
                pkce_verifier: verifier.into_secret(),
                asked_scopes: scopes.into_iter().map(str::to_owned).collect(),
            },
        })
    }

    /// Turns the code that came back into a proven identity and tokens. Check the state first
    /// ([`PendingAuthorization::state_matches`]). The code is sent once and no more, for it works once; and not at all
    /// where the answer is another provider's.
    ///
    /// # Errors
    ///
    /// [`Error::OtherIssuer`] where the answer does not say that it is this provider's, though it should;
    /// [`Error::Refused`] with the provider's code, `invalid_grant` for a code that is used, expired or not ours;
    /// [`Error::IdToken`] if the answer does not prove an identity with an e-mail address; [`Error::Unavailable`],
    /// [`Error::RateLimited`] and [`Error::Protocol`] as everywhere. After any of them the sign-in starts anew.
    #[instrument(name = "google.exchange", skip_all)]
    pub async fn exchange(
        &self,
        response: AuthorizationResponse<'_>,
        pending: &PendingAuthorization,
        now: DateTime<Utc>,
    ) -> Result<Authorized, Error> {
        let announcement = self.announcement().await?;
        announcement.check_issuer(response.issuer)?;
        let client = tokens::client(&self.inner.config, &announcement);
        let answer = client
            .exchange_code(AuthorizationCode::new(response.code.to_owned()))
            .set_pkce_verifier(PkceCodeVerifier::new(pending.pkce_verifier.clone()))
            .request_async(&self.inner.http)
            .await
            .map_err(|error| {
                tokens::refused(error, || Error::Refused("invalid_grant".to_owned()))
            })?;
        let identity = self.identity(&announcement, &answer, pending, now).await?;
        Ok(Authorized {
            identity,
            // RFC 6749 §5.1: left out if identical to what was asked.
            granted_scopes: tokens::scopes(&answer).unwrap_or_else(|| pending.asked_scopes.clone()),
            access_token: tokens::access_token(&answer, now),
            refresh_token: tokens::refresh_token(&answer),
        })
    }

    /// A new access token for a refresh token.
    ///
    /// # Errors
    ///
    /// [`Error::GrantDead`] if the refresh token works no more, else as [`SignIn::exchange`]; tried again within the
    /// limits.
    #[instrument(name = "google.refresh", skip_all)]
    pub async fn refresh(
        &self,
        refresh_token: &SecretString,
        now: DateTime<Utc>,
    ) -> Result<Refreshed, Error> {
        let announcement = self.announcement().await?;
        let client = tokens::client(&self.inner.config, &announcement);
        let used = RefreshToken::new(refresh_token.expose_secret().to_owned());
        let answer = with_retries(&self.inner.http.limits, || async {
            client
                .exchange_refresh_token(&used)
                .request_async(&self.inner.http)
                .await
                .map_err(|error| tokens::refused(error, || Error::GrantDead))
        })
        .await?;
        Ok(Refreshed {
            access_token: tokens::access_token(&answer, now),
            rotated_refresh_token: tokens::refresh_token(&answer)
                .filter(|new| new.expose_secret() != refresh_token.expose_secret()),
            granted_scopes: tokens::scopes(&answer),
        })
    }

    /// Gives a token, and the grant it belongs to, back (RFC 7009). One that is no longer valid counts as given back.
    ///
    /// # Errors
    ///
    /// [`Error::Protocol`] if the provider announces no revocation endpoint, else as [`SignIn::refresh`].
    #[instrument(name = "google.revoke", skip_all)]
    pub async fn revoke(&self, token: &SecretString) -> Result<(), Error> {
        let announcement = self.announcement().await?;
        let Some(url) = &announcement.revocation else {
            return Err(Error::protocol(
                "the provider announces no revocation endpoint",
            ));
        };
        let config = &self.inner.config;
        let form = [
            ("token", token.expose_secret()),
            ("client_id", &config.client_id),
            ("client_secret", config.client_secret.expose_secret()),
        ];
        with_retries(&self.inner.http.limits, || async {
            let answer = self.inner.http.post_form(url, &form).await?;
            if answer.status().is_success() {
                return Ok(());
            }
            match serde_json::from_slice::<Refusal>(answer.body()) {
                // What Google answers for a token that is expired or revoked.
                Ok(refusal) if refusal.error == "invalid_token" => Ok(()),
                Ok(refusal) => Err(Error::Refused(foreign(&refusal.error))),
                Err(_) => Err(Error::protocol(format!(
                    "the revocation endpoint answered {}",
                    answer.status()
                ))),
            }
        })
        .await
    }

    async fn announcement(&self) -> Result<Arc<Announcement>, Error> {
        let Inner {
            config,
            http,
            provider,
        } = &*self.inner;
        provider.announcement(http, &config.issuer).await
    }

    /// Who it is by the ID token, and by userinfo where that has no e-mail address.
    async fn identity(
        &self,
        announcement: &Announcement,
        answer: &tokens::Answer,
        pending: &PendingAuthorization,
        now: DateTime<Utc>,
    ) -> Result<Identity, Error> {
        let mut profile = self.profile(announcement, answer, pending, now).await?;
        if profile.lacks_email()
            && let Some(url) = &announcement.userinfo
        {
            let token = answer.access_token().secret();
            let told = self.inner.http.document_for(url, token).await?;
            profile = profile.completed_by(&told)?;
        }
        profile.into_identity(announcement.issuer.as_str())
    }

    /// Who the ID token says it is, with newer keys if the ones at hand don't have the token's.
    async fn profile(
        &self,
        announcement: &Announcement,
        answer: &tokens::Answer,
        pending: &PendingAuthorization,
        now: DateTime<Utc>,
    ) -> Result<Profile, Error> {
        let Some(token) = &answer.extra_fields().id_token else {
            return Err(Error::IdToken("there is none".to_owned()));
        };
        let expected = Expected {
            issuer: &announcement.issuer,
            client_id: &ClientId::new(self.inner.config.client_id.clone()),
            algorithms: &announcement.algorithms,
            nonce: &Nonce::new(pending.nonce.clone()),
            access_token: answer.access_token(),
            now,
        };
        let Inner { http, provider, .. } = &*self.inner;
        let keys = provider.keys(http, announcement).await?;
        match expected.profile(token, &keys) {
            Err(Failure::UnknownKey) => {
                let keys = provider.newer_keys(http, announcement, &keys).await?;
                Ok(expected.profile(token, &keys)?)
            }
            done => Ok(done?),
        }
    }
}

/// An error as RFC 6749 §5.2 words it.
#[derive(Deserialize)]
struct Refusal {
    error: String,
}
