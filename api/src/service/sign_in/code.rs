//! Codes by which frontends on other sites get a session (RFC 6749 section 4.1): sent to an address that is allowed, good
//! once and for a minute, and only for who asked (RFC 7636).

use crate::{
    app::App,
    error::Error,
    origin::{self, Actor},
    service::{UserId, session, transaction::transaction},
    store::{self, sign_in_code::CodeHash, sign_in_code::NewCode},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use url::Url;

/// Within what time a code is to be exchanged.
const TIME_LIMIT: TimeDelta = TimeDelta::minutes(1);

/// For how long it is remembered that a code was used, so that its session ends when it comes again.
const REMEMBERED: TimeDelta = TimeDelta::hours(1);

/// The longest address to which a code is sent.
const REDIRECT_URI_LENGTH: usize = 1000;

/// How a frontend asked for a code.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Exchange {
    pub redirect_uri: Url,
    /// The frontend's own, given back as it is.
    pub state: String,
    /// SHA-256 of what only who asked knows, in base64.
    pub code_challenge: String,
}

impl Exchange {
    /// # Errors
    /// [`Error::Invalid`] for an address that is not of one of the origins in `CORS_ORIGINS`, and for what is no challenge
    /// by SHA-256.
    pub fn new(
        app: &App,
        redirect_uri: &str,
        state: String,
        code_challenge: String,
    ) -> Result<Self, Error> {
        let redirect_uri = allowed(app, redirect_uri).ok_or_else(|| {
            let detail = "must be an address of one of the origins that CORS_ORIGINS lists";
            Error::invalid("redirect_uri", "not_allowed", detail)
        })?;
        let challenge = BASE64_URL_SAFE_NO_PAD.decode(&code_challenge);
        if challenge.is_ok_and(|bytes| bytes.len() == 32) {
            return Ok(Self {
                redirect_uri,
                state,
                code_challenge,
            });
        }
        let detail = "must be SHA-256 of the verifier in base64url, without padding";
        Err(Error::invalid("code_challenge", "not_a_challenge", detail))
    }

    /// Where the browser goes, with these parameters.
    pub fn target(&self, app: &App, parameters: &[(&str, &str)]) -> Url {
        let issuer = app.config.server.public_url.origin().ascii_serialization();
        let mut url = self.redirect_uri.clone();
        url.query_pairs_mut()
            .extend_pairs(parameters)
            .append_pair("state", &self.state)
            // RFC 9207.
            .append_pair("iss", &issuer);
        url
    }
}

/// An address to which a code may be sent, exactly as it stands.
fn allowed(app: &App, text: &str) -> Option<Url> {
    if text.len() > REDIRECT_URI_LENGTH || !text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\')
    {
        return None;
    }
    let url = Url::parse(text).ok()?;
    let origin = url.origin().ascii_serialization();
    let is_plain =
        url.fragment().is_none() && url.username().is_empty() && url.password().is_none();
    let is_listed = app.config.server.cors_origins.contains(&origin);
    // What parsing has changed, somebody may have meant for another server.
    (is_plain && is_listed && text.starts_with(&format!("{origin}/"))).then_some(url)
}

/// A code for somebody who has signed in.
pub(super) async fn issue(
    app: &App,
    user_id: UserId,
    exchange: &Exchange,
) -> Result<SecretString, Error> {
    let now = app.clock.now();
    let code = SecretString::from(BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()));
    transaction!(app.db, |txn| {
        let new = NewCode {
            code_hash: hash(&code),
            user_id,
            code_challenge: &exchange.code_challenge,
            redirect_uri: exchange.redirect_uri.as_str(),
            expires_at: now + TIME_LIMIT,
        };
        store::sign_in_code::insert(txn, new).await?;
        Ok(store::sign_in_code::delete_expired(txn, now - REMEMBERED).await?)
    })?;
    Ok(code)
}

/// The session for a code, to whoever knows the verifier that belongs to it: its token, and for how long it is good at
/// most. None: the code is unknown, over, somebody else's, or was used; in which case the session that it was used for
/// ends, for one of both is a thief (RFC 6749 section 4.1.2).
pub async fn redeem(
    app: &App,
    code: &SecretString,
    verifier: &SecretString,
    redirect_uri: &str,
    user_agent: Option<&str>,
) -> Result<Option<(SecretString, TimeDelta)>, Error> {
    let now = app.clock.now();
    let code_hash = hash(code);
    let user_id = store::sign_in_code::user_of(&app.db, code_hash).await?;
    origin::act_as(Actor::Person(user_id.map(|id| id.0)));
    let token = transaction!(app.db, |txn| {
        let Some(found) = store::sign_in_code::lock(txn, code_hash).await? else {
            return Ok(None);
        };
        if found.used_at.is_some() {
            if let Some(session_id) = found.session_id {
                store::session::delete(txn, found.user_id, session_id).await?;
            }
            return Ok(None);
        }
        let is_asker =
            proves(verifier, &found.code_challenge) && redirect_uri == found.redirect_uri;
        let begun = if is_asker && found.expires_at > now {
            session::begin_within(app, txn, found.user_id, user_agent).await?
        } else {
            None
        };
        let (session_id, token) = begun.unzip();
        store::sign_in_code::note_use(txn, code_hash, session_id, now).await?;
        Ok(token)
    })?;
    Ok(token.map(|token| (token, app.config.server.session_lifetime)))
}

/// RFC 7636 section 4.6.
fn proves(verifier: &SecretString, challenge: &str) -> bool {
    let proven = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.expose_secret()));
    proven.as_bytes().ct_eq(challenge.as_bytes()).into()
}

fn hash(code: &SecretString) -> CodeHash {
    Sha256::digest(code.expose_secret()).into()
}
