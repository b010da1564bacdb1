//! Whether an ID token proves who signed in (OpenID Connect Core 1.0 §3.1.3.7).

use std::str::FromStr;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use openidconnect::core::{
    CoreGenderClaim, CoreIdTokenVerifier, CoreJsonWebKeySet, CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
};
use openidconnect::{
    AccessTokenHash, AdditionalClaims, ClaimsVerificationError, ClientId, IdTokenClaims, IssuerUrl,
    JsonWebKey, JsonWebKeyId, JsonWebKeyUse, Nonce, SignatureVerificationError,
};
use serde::{Deserialize, Serialize};

use super::profile::Profile;
use crate::Error;
use crate::error::foreign;

/// How far apart the provider's clock and ours may be.
const SKEW: TimeDelta = TimeDelta::seconds(60);

/// Google's issuer, and the other form in which its tokens may name it.
/// <https://developers.google.com/identity/openid-connect/openid-connect#validatinganidtoken>
const GOOGLE: &str = "https://accounts.google.com";
const GOOGLE_BARE: &str = "accounts.google.com";

/// What a token has to fit.
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a IssuerUrl,
    pub(super) client_id: &'a ClientId,
    pub(super) algorithms: &'a [CoreJwsSigningAlgorithm],
    pub(super) nonce: &'a Nonce,
    pub(super) access_token: &'a oauth2::AccessToken,
    pub(super) now: DateTime<Utc>,
}

/// Why a token is not accepted.
#[derive(Debug)]
pub(super) enum Failure {
    /// It is signed with a key that is not in the set: newer keys may help.
    UnknownKey,
    /// For good.
    Unacceptable(String),
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self::IdToken(match failure {
            Failure::UnknownKey => "signed with an unknown key".to_owned(),
            Failure::Unacceptable(why) => foreign(&why),
        })
    }
}

/// Google's claim beyond the standard ones.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Hosted {
    hd: Option<String>,
}

impl AdditionalClaims for Hosted {}

type Claims = IdTokenClaims<Hosted, CoreGenderClaim>;

type IdToken = openidconnect::IdToken<
    Hosted,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;

impl Expected<'_> {
    /// Whom `token` proves by a signature of one of `keys`.
    pub(super) fn profile(
        &self,
        token: &str,
        keys: &CoreJsonWebKeySet,
    ) -> Result<Profile, Failure> {
        let mut verifier = CoreIdTokenVerifier::new_public_client(
            self.client_id.clone(),
            self.issuer.clone(),
            keys.clone(),
        )
        .set_allowed_algs(self.algorithms.iter().cloned())
        .set_time_fn(|| self.now - SKEW)
        .set_issue_time_verifier_fn(|issued| {
            if issued > self.now + SKEW {
                return Err("issued in the future".to_owned());
            }
            Ok(())
        });
        let spelled_out;
        let mut token = token;
        if self.issuer.as_str() == GOOGLE
            && let Some(bare) = BareIssuer::of(token)
        {
            bare.check_signature(keys)?;
            spelled_out = bare.spelled_out();
            token = &spelled_out;
            verifier = verifier.insecure_disable_signature_check();
        }
        let token = IdToken::from_str(token)
            .map_err(|_| Failure::Unacceptable("it is not a token".to_owned()))?;
        let claims = token.claims(&verifier, self.nonce).map_err(refused)?;
        self.check_authorized_party(claims)?;
        self.check_access_token(&token, claims, &verifier)?;
        read(claims)
    }

    /// Issued for us, and not only mentioning us.
    fn check_authorized_party(&self, claims: &Claims) -> Result<(), Failure> {
        match claims.authorized_party() {
            Some(party) if party != self.client_id => Err(Failure::Unacceptable(
                "issued for another client".to_owned(),
            )),
            _ => Ok(()),
        }
    }

    /// If the token says which access token came with it, it has to be the one that did.
    fn check_access_token(
        &self,
        token: &IdToken,
        claims: &Claims,
        verifier: &CoreIdTokenVerifier<'_>,
    ) -> Result<(), Failure> {
        let Some(said) = claims.access_token_hash() else {
            return Ok(());
        };
        let unusable = |_| Failure::Unacceptable("its access token hash is unusable".to_owned());
        let algorithm = token.signing_alg().map_err(unusable)?;
        let key = token.signing_key(verifier).map_err(unusable)?;
        match AccessTokenHash::from_token(self.access_token, algorithm, key) {
            Ok(actual) if actual == *said => Ok(()),
            _ => Err(Failure::Unacceptable(
                "it came with another access token".to_owned(),
            )),
        }
    }
}

fn read(claims: &Claims) -> Result<Profile, Failure> {
    let subject = claims.subject().as_str();
    // OpenID Connect Core 1.0 §2: at most 255 ASCII characters.
    let is_subject = (1..=255).contains(&subject.len()) && subject.is_ascii();
    if !is_subject || subject.contains(|c: char| c.is_control()) {
        return Err(Failure::Unacceptable("it has no usable subject".to_owned()));
    }
    Ok(Profile {
        subject: subject.to_owned(),
        email: claims.email().map(|email| email.to_string()),
        email_verified: claims.email_verified().unwrap_or(false),
        name: claims
            .name()
            .and_then(|n| n.get(None))
            .map(|n| n.to_string()),
        picture: claims
            .picture()
            .and_then(|p| p.get(None))
            .map(|p| p.to_string()),
        locale: claims.locale().map(ToString::to_string),
        hosted_domain: claims.additional_claims().hd.clone(),
    })
}

fn refused(error: ClaimsVerificationError) -> Failure {
    match error {
        ClaimsVerificationError::SignatureVerification(
            SignatureVerificationError::NoMatchingKey,
        ) => Failure::UnknownKey,
        ClaimsVerificationError::SignatureVerification(error) => {
            Failure::Unacceptable(format!("its signature: {error}"))
        }
        error => Failure::Unacceptable(error.to_string()),
    }
}

/// A token of Google's whose issuer is not a URL, which the library can't represent: its signature is checked here,
/// over what was signed, and its claims by the library after the issuer has been spelled out.
struct BareIssuer<'a> {
    signed: &'a str,
    header: &'a str,
    claims: serde_json::Map<String, serde_json::Value>,
    signature: &'a str,
}

#[derive(Deserialize)]
struct Header {
    alg: CoreJwsSigningAlgorithm,
    kid: JsonWebKeyId,
}

impl<'a> BareIssuer<'a> {
    fn of(token: &'a str) -> Option<Self> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).ok()?;
        let claims: serde_json::Map<_, _> = serde_json::from_slice(&claims).ok()?;
        (claims.get("iss")? == GOOGLE_BARE).then_some(Self {
            signed,
            header,
            claims,
            signature,
        })
    }

    fn check_signature(&self, keys: &CoreJsonWebKeySet) -> Result<(), Failure> {
        let bad = |why: &str| Failure::Unacceptable(format!("its signature: {why}"));
        let decode = |part| {
            BASE64_URL_SAFE_NO_PAD
                .decode(part)
                .map_err(|_| bad("unreadable"))
        };
        let header: Header = serde_json::from_slice(&decode(self.header)?)
            .map_err(|_| bad("without a usable header"))?;
        if header.alg != CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256 {
            return Err(bad("not RS256"));
        }
        let key = keys
            .keys()
            .iter()
            .filter(|key| key.key_use().is_none_or(JsonWebKeyUse::allows_signature))
            .find(|key| key.key_id() == Some(&header.kid))
            .ok_or(Failure::UnknownKey)?;
        key.verify_signature(
            &header.alg,
            self.signed.as_bytes(),
            &decode(self.signature)?,
        )
        .map_err(|_| bad("does not fit"))
    }

    fn spelled_out(mut self) -> String {
        self.claims.insert("iss".to_owned(), GOOGLE.into());
        let claims = serde_json::Value::Object(self.claims).to_string();
        let claims = BASE64_URL_SAFE_NO_PAD.encode(claims);
        format!("{}.{claims}.{}", self.header, self.signature)
    }
}

#[cfg(test)]
mod tests;
