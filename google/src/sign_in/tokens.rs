//! The token endpoint (RFC 6749 §4.1.3 and §6).

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use oauth2::basic::{
    BasicErrorResponse, BasicErrorResponseType, BasicRevocationErrorResponse,
    BasicTokenIntrospectionResponse, BasicTokenType,
};
use oauth2::{
    AuthType, ClientId, ClientSecret, EndpointNotSet, EndpointSet, ExtraTokenFields, RedirectUrl,
    RequestTokenError, StandardRevocableToken, StandardTokenResponse, TokenResponse as _,
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::provider::Announcement;
use super::{AccessToken, ProviderConfig};
use crate::error::foreign;
use crate::{Error, scope};

/// The ID token as it came, to be verified by itself.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct WithIdToken {
    pub(super) id_token: Option<String>,
}

impl std::fmt::Debug for WithIdToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WithIdToken")
    }
}

impl ExtraTokenFields for WithIdToken {}

pub(super) type Answer = StandardTokenResponse<WithIdToken, BasicTokenType>;

/// The OAuth library's client, with authorization and token endpoints set.
pub(super) type Client = oauth2::Client<
    BasicErrorResponse,
    Answer,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

/// Us, as a client of what the provider announced.
pub(super) fn client(config: &ProviderConfig, announcement: &Announcement) -> Client {
    oauth2::Client::new(ClientId::new(config.client_id.clone()))
        .set_client_secret(ClientSecret::new(
            config.client_secret.expose_secret().to_owned(),
        ))
        .set_auth_type(if announcement.secret_in_body {
            AuthType::RequestBody
        } else {
            AuthType::BasicAuth
        })
        .set_redirect_uri(RedirectUrl::from_url(config.redirect_url.clone()))
        .set_auth_uri(announcement.authorization.clone())
        .set_token_uri(announcement.token.clone())
}

/// The access token of an answer. Without `expires_in` nobody knows for how long, so it counts as used up.
pub(super) fn access_token(answer: &Answer, now: DateTime<Utc>) -> AccessToken {
    let lasts = answer.expires_in().unwrap_or_default();
    let lasts = TimeDelta::from_std(lasts).unwrap_or_default();
    AccessToken {
        secret: answer.access_token().secret().clone().into(),
        expires_at: now.checked_add_signed(lasts).unwrap_or(now),
    }
}

pub(super) fn refresh_token(answer: &Answer) -> Option<SecretString> {
    let token = answer.refresh_token()?;
    Some(token.secret().clone().into())
}

/// The scopes of an answer, each by the name under which it is asked for: Google answers some by another.
pub(super) fn scopes(answer: &Answer) -> Option<BTreeSet<String>> {
    let scopes = answer.scopes()?.iter().map(|scope| match scope.as_str() {
        "https://www.googleapis.com/auth/userinfo.email" => scope::EMAIL,
        "https://www.googleapis.com/auth/userinfo.profile" => scope::PROFILE,
        other => other,
    });
    Some(scopes.map(str::to_owned).collect())
}

/// What a failure at the token endpoint means; `invalid_grant` means `dead`.
pub(super) fn refused(
    error: RequestTokenError<Error, BasicErrorResponse>,
    dead: impl FnOnce() -> Error,
) -> Error {
    match error {
        RequestTokenError::ServerResponse(answer) => match answer.error() {
            BasicErrorResponseType::InvalidGrant => dead(),
            code => Error::Refused(foreign(code.as_ref())),
        },
        RequestTokenError::Request(error) => error,
        // The values in it may be tokens: only where it went wrong is told.
        RequestTokenError::Parse(error, _) => Error::protocol(format!(
            "the answer of the token endpoint is not one (at {})",
            foreign(&error.path().to_string())
        )),
        RequestTokenError::Other(reason) => Error::protocol(foreign(&reason)),
    }
}
