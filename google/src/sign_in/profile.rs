//! What a provider tells of a person: in the ID token, and where that says too little, at its userinfo endpoint
//! (OpenID Connect Core 1.0 §5.3).

use serde::Deserialize;
use serde_json::Value;

use super::Identity;
use crate::Error;

/// In bytes (RFC 5321 §4.5.3.1: 64 before the @ and 255 after it).
const LONGEST_EMAIL: usize = 320;

/// What is known of somebody whose subject is proven.
#[derive(Debug)]
pub(super) struct Profile {
    pub(super) subject: String,
    pub(super) email: Option<String>,
    /// About this very address, so it is taken only together with it.
    pub(super) email_verified: bool,
    pub(super) name: Option<String>,
    pub(super) picture: Option<String>,
    pub(super) locale: Option<String>,
    pub(super) hosted_domain: Option<String>,
}

/// The claims of a userinfo answer that matter here.
#[derive(Deserialize)]
struct UserInfo {
    sub: String,
    email: Option<String>,
    /// Anything but `true` vouches for nothing.
    email_verified: Option<Value>,
    name: Option<String>,
    picture: Option<String>,
    locale: Option<String>,
}

impl Profile {
    /// Whether an e-mail address is still to be asked for.
    pub(super) fn lacks_email(&self) -> bool {
        email(self.email.as_deref()).is_none()
    }

    /// The profile with what a userinfo answer adds. What the ID token says stands: it is signed.
    pub(super) fn completed_by(self, answer: &[u8]) -> Result<Self, Error> {
        let told: UserInfo = serde_json::from_slice(answer)
            .map_err(|_| Error::protocol("the answer of the userinfo endpoint is not one"))?;
        // Another subject's answer is a substituted token (OpenID Connect Core 1.0 §5.3.4).
        if told.sub != self.subject {
            return Err(Error::IdToken("userinfo is of another subject".to_owned()));
        }
        Ok(Self {
            email: told.email,
            email_verified: told.email_verified == Some(Value::Bool(true)),
            name: self.name.or(told.name),
            picture: self.picture.or(told.picture),
            locale: self.locale.or(told.locale),
            ..self
        })
    }

    pub(super) fn into_identity(self, issuer: &str) -> Result<Identity, Error> {
        let Some(email) = email(self.email.as_deref()) else {
            return Err(Error::IdToken("nothing tells an e-mail address".to_owned()));
        };
        Ok(Identity {
            issuer: issuer.to_owned(),
            email: email.to_owned(),
            subject: self.subject,
            email_verified: self.email_verified,
            name: self.name,
            picture: self.picture,
            locale: self.locale,
            hosted_domain: self.hosted_domain,
        })
    }
}

/// An address as far as can be told without writing to it.
fn email(text: Option<&str>) -> Option<&str> {
    let text = text.map(str::trim)?;
    let is_address = (3..=LONGEST_EMAIL).contains(&text.len())
        && text.contains('@')
        && !text.contains(|c: char| c.is_control() || c.is_whitespace());
    is_address.then_some(text)
}
