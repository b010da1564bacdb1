//! What the provider announces about itself (OpenID Connect Discovery 1.0) and its keys.

use std::sync::Arc;
use std::time::Duration;

use openidconnect::core::{
    CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClientAuthMethod, CoreGrantType,
    CoreJsonWebKey, CoreJsonWebKeySet, CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm, CoreJwsSigningAlgorithm, CoreResponseMode, CoreResponseType,
    CoreSubjectIdentifierType,
};
use openidconnect::{
    AdditionalProviderMetadata, AuthUrl, IssuerUrl, JwsSigningAlgorithm, ProviderMetadata, TokenUrl,
};
use serde::{Deserialize, Serialize};
use url::Url;

use super::cached::Cached;
use crate::Error;
use crate::address::require_secure;
use crate::http::Http;

/// The provider, as far as it is known yet.
#[derive(Default)]
pub(super) struct Provider {
    announcement: Cached<Announcement>,
    keys: Cached<CoreJsonWebKeySet>,
}

/// What is needed of a discovery document, checked.
pub(super) struct Announcement {
    pub(super) issuer: IssuerUrl,
    pub(super) authorization: AuthUrl,
    pub(super) token: TokenUrl,
    pub(super) revocation: Option<Url>,
    pub(super) userinfo: Option<Url>,
    /// Whether the client secret goes into the body rather than into a header.
    pub(super) secret_in_body: bool,
    /// The signatures under ID tokens; none of them symmetric.
    pub(super) algorithms: Vec<CoreJwsSigningAlgorithm>,
    keys: Url,
    /// Whether every authorization response says whose it is (RFC 9207 §3).
    names_itself: bool,
}

impl Provider {
    pub(super) async fn announcement(
        &self,
        http: &Http,
        issuer: &Url,
    ) -> Result<Arc<Announcement>, Error> {
        self.announcement
            .get(|| async {
                require_secure(issuer, "the issuer")?;
                let mut url = issuer.clone();
                let path = issuer.path().trim_end_matches('/');
                url.set_path(&format!("{path}/.well-known/openid-configuration"));
                let (body, keep) = http.document(&url).await?;
                Ok((Announcement::read(&body, issuer)?, keep))
            })
            .await
    }

    pub(super) async fn keys(
        &self,
        http: &Http,
        announcement: &Announcement,
    ) -> Result<Arc<CoreJsonWebKeySet>, Error> {
        self.keys.get(|| fetch_keys(http, announcement)).await
    }

    /// The keys after `old` lacked the one asked for: the provider may have changed them.
    pub(super) async fn newer_keys(
        &self,
        http: &Http,
        announcement: &Announcement,
        old: &Arc<CoreJsonWebKeySet>,
    ) -> Result<Arc<CoreJsonWebKeySet>, Error> {
        self.keys
            .renew(old, || fetch_keys(http, announcement))
            .await
    }
}

async fn fetch_keys(
    http: &Http,
    announcement: &Announcement,
) -> Result<(CoreJsonWebKeySet, Duration), Error> {
    let (body, keep) = http.document(&announcement.keys).await?;
    let keys = serde_json::from_slice(&body)
        .map_err(|_| Error::protocol("the provider's key set is not one"))?;
    Ok((keys, keep))
}

/// Known to RFC 8414 and RFC 9207 rather than to OpenID Connect Discovery.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct OfOAuth {
    revocation_endpoint: Option<Url>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

impl AdditionalProviderMetadata for OfOAuth {}

type Document = ProviderMetadata<
    OfOAuth,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

impl Announcement {
    fn read(body: &[u8], issuer: &Url) -> Result<Self, Error> {
        let document: Document = serde_json::from_slice(body).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            Error::protocol(format!(
                "the discovery document is not one (at {line}:{column})"
            ))
        })?;
        // Exactly the issuer (OpenID Connect Discovery 1.0 §4.3), but for the slash that parsing a bare host adds.
        if document.issuer().trim_end_matches('/') != issuer.as_str().trim_end_matches('/') {
            return Err(Error::protocol(
                "the discovery document is of another issuer",
            ));
        }
        let Some(token) = document.token_endpoint().cloned() else {
            return Err(Error::protocol("the provider announces no token endpoint"));
        };
        let of_oauth = document.additional_metadata();
        let revocation = of_oauth.revocation_endpoint.clone();
        let userinfo = document.userinfo_endpoint().map(|url| url.url().clone());
        for url in [
            document.authorization_endpoint().url(),
            token.url(),
            document.jwks_uri().url(),
        ]
        .into_iter()
        .chain(&revocation)
        .chain(&userinfo)
        {
            require_secure(url, "an endpoint of the provider")?;
        }
        let announced = document.id_token_signing_alg_values_supported();
        Ok(Self {
            issuer: document.issuer().clone(),
            authorization: document.authorization_endpoint().clone(),
            token,
            revocation,
            userinfo,
            secret_in_body: document
                .token_endpoint_auth_methods_supported()
                .is_some_and(|methods| methods.contains(&CoreClientAuthMethod::ClientSecretPost)),
            algorithms: announced
                .iter()
                .filter(|a| !a.uses_shared_secret() && **a != CoreJwsSigningAlgorithm::None)
                .cloned()
                .collect(),
            keys: document.jwks_uri().url().clone(),
            names_itself: of_oauth.authorization_response_iss_parameter_supported,
        })
    }

    /// Whether an authorization response that names this issuer, or none, can be ours (RFC 9207 §2.4).
    pub(super) fn check_issuer(&self, named: Option<&str>) -> Result<(), Error> {
        match named {
            Some(issuer) if issuer == self.issuer.as_str() => Ok(()),
            None if !self.names_itself => Ok(()),
            _ => Err(Error::OtherIssuer),
        }
    }
}
