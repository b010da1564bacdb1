//! What goes into a sign-in and what comes out of it.

use std::collections::BTreeSet;
use std::fmt;

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use url::{Position, Url};

/// Which provider, and as which client.
#[derive(Clone, Debug)]
pub struct ProviderConfig {
    /// The issuer, for Google `https://accounts.google.com`. Everything else is read from its discovery document.
    /// Plain `http` is accepted on a loopback address only.
    pub issuer: Url,
    /// The client id given by the provider.
    pub client_id: String,
    /// The client secret given by the provider.
    pub client_secret: SecretString,
    /// Where the provider sends the browser back to, exactly as registered there.
    pub redirect_url: Url,
}

/// What to ask the user for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask<'a> {
    /// Who they are: [`scope::SIGN_IN`](crate::scope::SIGN_IN).
    SignIn,
    /// Lasting access to their calendar: [`scope::CALENDAR`](crate::scope::CALENDAR), with a refresh token.
    ///
    /// People may choose another account all the same: compare the identity that comes back with who is signed in.
    Calendar {
        /// E-mail address or subject of the account that is signed in, so that the provider offers that one.
        login_hint: &'a str,
    },
}

/// A sign-in about to start.
#[derive(Clone)]
pub struct AuthorizationRequest {
    /// Where to send the browser.
    pub url: Url,
    /// What to keep until it comes back.
    pub pending: PendingAuthorization,
}

/// Without the query of the URL, which holds `state` and nonce.
impl fmt::Debug for AuthorizationRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationRequest")
            .field("endpoint", &&self.url[..Position::AfterPath])
            .field("pending", &self.pending)
            .finish()
    }
}

/// What the provider sent the browser back with, where the person agreed (RFC 6749 §4.1.2).
#[derive(Clone, Copy)]
pub struct AuthorizationResponse<'a> {
    /// The parameter `code`.
    pub code: &'a str,
    /// The parameter `iss`: who answers (RFC 9207). Where there is one, it must be the issuer; and there must be one
    /// where the provider announces that it says so. Else another provider's answer may have been slipped in.
    pub issuer: Option<&'a str>,
}

impl fmt::Debug for AuthorizationResponse<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationResponse")
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

/// The caller's half of a sign-in that is under way: keep it encrypted and bound to the browser, for a few minutes,
/// and use it once.
#[derive(Clone, Serialize, Deserialize)]
pub struct PendingAuthorization {
    pub(crate) state: String,
    pub(crate) nonce: String,
    pub(crate) pkce_verifier: String,
    pub(crate) asked_scopes: BTreeSet<String>,
}

impl PendingAuthorization {
    /// The `state` that was sent out: what tells this sign-in from others of the same browser.
    pub fn state(&self) -> &str {
        &self.state
    }

    /// Whether the `state` that came back is the one sent out, compared in constant time.
    ///
    /// If not, somebody else's answer is being slipped in (RFC 6749 §10.12): stop.
    pub fn state_matches(&self, state: &str) -> bool {
        self.state.as_bytes().ct_eq(state.as_bytes()).into()
    }

    /// What the user was asked for.
    pub fn asked_scopes(&self) -> &BTreeSet<String> {
        &self.asked_scopes
    }
}

impl fmt::Debug for PendingAuthorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingAuthorization")
            .field("asked_scopes", &self.asked_scopes)
            .finish_non_exhaustive()
    }
}

/// A sign-in that came to a good end.
#[derive(Clone, Debug)]
pub struct Authorized {
    /// Who it is; the subject is proven by the ID token.
    pub identity: Identity,
    /// What they granted, which may be less than asked (granular consent) or more (granted earlier).
    pub granted_scopes: BTreeSet<String>,
    /// Good for about an hour.
    pub access_token: AccessToken,
    /// Good until it dies ([`Error::GrantDead`](crate::Error::GrantDead)). Comes with [`Ask::Calendar`] only. Encrypt it.
    pub refresh_token: Option<SecretString>,
}

impl Authorized {
    /// Whether all of `scopes` were granted.
    pub fn covers(&self, scopes: &[&str]) -> bool {
        scopes
            .iter()
            .all(|scope| self.granted_scopes.contains(*scope))
    }
}

/// Who signed in, as the verified ID token says; and where that has no address, the userinfo endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The issuer, in its full form (`https://accounts.google.com`), whichever of its forms the token had.
    pub issuer: String,
    /// Identifies the account for good together with the issuer; never reused, unlike the e-mail address.
    pub subject: String,
    /// The e-mail address. It may change, and proves nothing unless `email_verified`.
    pub email: String,
    /// Whether the provider says that it verified the address. For Google it is authoritative only for `@gmail.com`
    /// and where there is a `hosted_domain` as well.
    pub email_verified: bool,
    /// The full name, for display.
    pub name: Option<String>,
    /// Where there is a picture.
    pub picture: Option<String>,
    /// The language, as a BCP 47 tag.
    pub locale: Option<String>,
    /// The Google Workspace domain of the account (claim `hd`).
    pub hosted_domain: Option<String>,
}

/// A short-lived bearer token, with its end.
#[derive(Clone, Debug)]
pub struct AccessToken {
    pub(crate) secret: SecretString,
    /// From then on it is no longer accepted.
    pub expires_at: DateTime<Utc>,
}

impl AccessToken {
    /// A token obtained elsewhere, a test's for instance.
    pub fn new(secret: SecretString, expires_at: DateTime<Utc>) -> Self {
        Self { secret, expires_at }
    }
}

/// What came of a refresh.
#[derive(Clone, Debug)]
pub struct Refreshed {
    /// The new access token.
    pub access_token: AccessToken,
    /// If present, it replaces the refresh token that was used: store it before anything else.
    pub rotated_refresh_token: Option<SecretString>,
    /// What the new access token covers, if the provider says.
    pub granted_scopes: Option<BTreeSet<String>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_for_debugging_holds_no_secret() {
        let secret = || SecretString::from("hidden");
        let url: Url = "https://id.example/auth?state=hidden&nonce=hidden"
            .parse()
            .expect("a URL");
        let access_token = AccessToken::new(secret(), DateTime::UNIX_EPOCH);
        let pending = PendingAuthorization {
            state: "hidden".into(),
            nonce: "hidden".into(),
            pkce_verifier: "hidden".into(),
            asked_scopes: BTreeSet::from(["openid".into()]),
        };
        let identity = Identity {
            issuer: "https://id.example".into(),
            subject: "1".into(),
            email: "sam@example.com".into(),
            email_verified: true,
            name: None,
            picture: None,
            locale: None,
            hosted_domain: None,
        };
        let config = ProviderConfig {
            issuer: "https://id.example".parse().expect("a URL"),
            client_id: "client".into(),
            client_secret: secret(),
            redirect_url: "https://tutors.example".parse().expect("a URL"),
        };
        let shown = [
            format!("{config:?}"),
            format!("{:?}", AuthorizationRequest { url, pending }),
            format!(
                "{:?}",
                AuthorizationResponse {
                    code: "hidden",
                    issuer: Some("https://id.example"),
                }
            ),
            format!(
                "{:?}",
                Authorized {
                    identity,
                    granted_scopes: BTreeSet::new(),
                    access_token: access_token.clone(),
                    refresh_token: Some(secret()),
                }
            ),
            format!(
                "{:?}",
                Refreshed {
                    access_token,
                    rotated_refresh_token: Some(secret()),
                    granted_scopes: None,
                }
            ),
        ];
        let shown = shown.join("\n");
        assert!(shown.contains("https://id.example/auth") && shown.contains("sam@example.com"));
        assert!(!shown.contains("hidden"), "{shown}");
    }
}
