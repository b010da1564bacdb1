//! Codes by which frontends on other sites get a session (RFC 6749 section 4.1), or what they have asked of a provider for
//! somebody who has one: sent to an address that is listed, good once and for a minute, and only for who asked (RFC 7636).

use crate::{
    app::App,
    error::Error,
    origin::{self, Actor},
    service::{UserId, session, transaction::transaction},
    store::{self, sign_in_code::CodeHash, sign_in_code::NewCode},
};
use ::entity::sign_in_code;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Within what time a code is to be exchanged.
const TIME_LIMIT: TimeDelta = TimeDelta::minutes(1);

/// For how long it is remembered that a code was used, so that its session ends when it comes again.
const REMEMBERED: TimeDelta = TimeDelta::hours(1);

/// How a frontend asked for a code.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Exchange {
    /// As it was asked for: a parsed one may be written otherwise.
    pub redirect_uri: String,
    /// The frontend's own, given back as it is.
    pub state: Option<String>,
    /// SHA-256 of what only who asked knows, in base64.
    pub code_challenge: String,
}

impl Exchange {
    /// # Errors
    /// [`Error::Invalid`] for an address that is not one of `REDIRECT_URIS`, and for what is no challenge by SHA-256.
    pub fn new(
        app: &App,
        redirect_uri: String,
        state: Option<String>,
        code_challenge: String,
    ) -> Result<Self, Error> {
        // To the letter (RFC 9700 section 2.1).
        if !app.config.server.redirect_uris.contains(&redirect_uri) {
            let detail = "must be one of the addresses that REDIRECT_URIS lists";
            return Err(Error::invalid("redirect_uri", "not_allowed", detail));
        }
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
    pub fn target(&self, app: &App, parameters: &[(&str, &str)]) -> String {
        let issuer = app.config.server.public_url.origin().ascii_serialization();
        let separator = if self.redirect_uri.contains('?') {
            '&'
        } else {
            '?'
        };
        let start = format!("{}{separator}", self.redirect_uri);
        let length = start.len();
        let state = self.state.iter().map(|state| ("state", state));
        url::form_urlencoded::Serializer::for_suffix(start, length)
            .extend_pairs(parameters)
            .extend_pairs(state)
            // RFC 9207.
            .append_pair("iss", &issuer)
            .finish()
    }
}

/// A code for a user, unless they are suspended: for a session or, where there is an answer of a provider, for that.
pub(super) async fn issue(
    app: &App,
    user_id: UserId,
    exchange: &Exchange,
    sealed_answer: Option<&str>,
) -> Result<Option<SecretString>, Error> {
    let now = app.clock.now();
    let code = random();
    origin::act_as(Actor::Person(Some(user_id.0)));
    let issued = transaction!(app.db, |txn| {
        if !store::person::hold(txn, user_id).await? {
            return Ok(false);
        }
        let new = NewCode {
            code_hash: hash(&code),
            user_id,
            code_challenge: &exchange.code_challenge,
            redirect_uri: &exchange.redirect_uri,
            sealed_answer,
            expires_at: now + TIME_LIMIT,
        };
        store::sign_in_code::insert(txn, new).await?;
        store::sign_in_code::delete_expired(txn, now - REMEMBERED).await?;
        Ok(true)
    })?;
    Ok(issued.then_some(code))
}

/// What is sent to redeem a code.
pub struct Redemption {
    pub code: SecretString,
    /// What the challenge was made of.
    pub verifier: SecretString,
    /// As it was asked with.
    pub redirect_uri: String,
}

impl Redemption {
    /// Whether it is by whoever asked for the code, and in time.
    fn is_good_for(&self, found: &sign_in_code::Model, now: DateTime<Utc>) -> bool {
        proves(&self.verifier, &found.code_challenge)
            && self.redirect_uri == found.redirect_uri
            && found.expires_at > now
    }
}

/// The session for a code, to whoever knows the verifier that belongs to it: its token, and for how long it is good at
/// most. None: the code is unknown, over, somebody else's, for something else, or was used; in which case the session that
/// it was used for ends, for one of both is a thief (RFC 6749 section 4.1.2).
pub async fn redeem(
    app: &App,
    redemption: &Redemption,
    user_agent: Option<&str>,
) -> Result<Option<(SecretString, TimeDelta)>, Error> {
    let now = app.clock.now();
    let code_hash = hash(&redemption.code);
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
        let begun = if found.sealed_answer.is_none() && redemption.is_good_for(&found, now) {
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

/// The sealed answer of a provider for a code, to the user who asked and knows the verifier. None: the code is unknown,
/// over, somebody else's, for something else, or was used.
pub(super) async fn redeem_answer(
    app: &App,
    user_id: UserId,
    redemption: &Redemption,
) -> Result<Option<String>, Error> {
    let now = app.clock.now();
    let code_hash = hash(&redemption.code);
    transaction!(app.db, |txn| {
        let found = store::sign_in_code::lock(txn, code_hash).await?;
        let Some(found) = found.filter(|found| found.used_at.is_none()) else {
            return Ok(None);
        };
        store::sign_in_code::note_use(txn, code_hash, None, now).await?;
        let is_good = found.user_id == user_id && redemption.is_good_for(&found, now);
        Ok(found.sealed_answer.filter(|_| is_good))
    })
}

/// RFC 7636 section 4.6.
fn proves(verifier: &SecretString, challenge: &str) -> bool {
    let proven = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.expose_secret()));
    proven.as_bytes().ct_eq(challenge.as_bytes()).into()
}

/// What nobody guesses.
pub(super) fn random() -> SecretString {
    BASE64_URL_SAFE_NO_PAD
        .encode(rand::random::<[u8; 32]>())
        .into()
}

pub(super) fn hash(code: &SecretString) -> CodeHash {
    Sha256::digest(code.expose_secret()).into()
}
