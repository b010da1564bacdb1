//! Keys of third-party apps: `tsk_`, the id of the key, and a secret of which only the hash is stored. What a key may do
//! is said by its scopes; instead of the key itself, an app may send short-lived access tokens for some of them
//! (RFC 6749 section 4.4).

use super::{TutorId, transaction::transaction};
use crate::{
    app::App,
    error::Error,
    seal::Sealed,
    store::{
        self,
        app_key::{AppKey, NewKey, SecretHash},
        tutor::{Filter, Tutor},
    },
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use subtle::ConstantTimeEq;
use uuid::Uuid;

pub use ::entity::{
    app_key::Model as Key,
    id::{AppId, AppKeyId},
};

/// What a third-party app may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Read tutors, what they teach, when they are there, and what can be booked.
    AvailabilityRead,
    /// Read bookings.
    BookingsRead,
    /// Book and cancel for students.
    BookingsWrite,
}

impl Scope {
    pub const ALL: [Self; 3] = [
        Self::AvailabilityRead,
        Self::BookingsRead,
        Self::BookingsWrite,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::AvailabilityRead => "availability:read",
            Self::BookingsRead => "bookings:read",
            Self::BookingsWrite => "bookings:write",
        }
    }

    /// What it lets an app do.
    pub fn description(self) -> &'static str {
        match self {
            Self::AvailabilityRead => {
                "Read tutors, what they teach, when they are there, and what can be booked."
            }
            Self::BookingsRead => "Read bookings.",
            Self::BookingsWrite => "Book and cancel for students.",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }
}

/// What a third-party app may do with the key, or access token, that it sent.
#[derive(Clone, Debug)]
pub struct Access {
    pub(super) key: Arc<AppKey>,
    scopes: Vec<Scope>,
}

impl Access {
    pub fn key_id(&self) -> AppKeyId {
        self.key.id
    }

    pub fn allows(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }

    /// # Errors
    /// [`Error::InsufficientScope`], unless one of these scopes is among those of the app.
    pub fn check_any(&self, needed: &[Scope]) -> Result<(), Error> {
        if needed.iter().any(|scope| self.allows(*scope)) {
            return Ok(());
        }
        let needed = needed.iter().map(|scope| scope.name()).collect();
        Err(Error::InsufficientScope { needed })
    }

    /// The tutors to which the key is limited.
    pub(super) fn tutors(&self) -> Option<&[TutorId]> {
        self.key.tutor_ids.as_deref()
    }

    /// Slugs of the subjects to which the key is limited.
    pub(super) fn subjects(&self) -> Option<&[String]> {
        self.key.subjects.as_deref()
    }

    pub(super) fn reaches_tutor(&self, id: TutorId) -> bool {
        self.tutors().is_none_or(|tutors| tutors.contains(&id))
    }

    pub(super) fn reaches_subject(&self, slug: &str) -> bool {
        self.subjects()
            .is_none_or(|subjects| subjects.iter().any(|subject| subject == slug))
    }

    /// Lets a filter through which only those pass to whom the key is limited; whether there can be any.
    pub(super) fn narrow(&self, filter: &mut Filter) -> bool {
        if let Some(tutors) = self.tutors() {
            if filter.among.is_empty() {
                filter.among = tutors.to_vec();
            } else {
                filter.among.retain(|id| tutors.contains(id));
            }
            if filter.among.is_empty() {
                return false;
            }
        }
        if let Some(slug) = &filter.subject {
            return self.reaches_subject(slug);
        }
        filter.subjects = self.subjects().map(<[String]>::to_vec);
        true
    }

    /// The tutor with what they teach of the subjects to which the key is limited, if they teach any.
    pub(super) fn narrowed(&self, tutor: Arc<Tutor>) -> Option<Arc<Tutor>> {
        if self.subjects().is_none() {
            return Some(tutor);
        }
        let mut narrowed = Tutor::clone(&tutor);
        narrowed
            .offers
            .retain(|offer| self.reaches_subject(&offer.slug));
        (!narrowed.offers.is_empty()).then(|| narrowed.into())
    }
}

const KEY: &str = "tsk_";
const TOKEN: &str = "tsa_";

/// So many characters of base64 are the 16 bytes of an id.
const ID_LENGTH: usize = 22;

/// How long an access token is good for.
pub const TOKEN_LIFETIME: TimeDelta = TimeDelta::minutes(15);

/// What the seal of an access token is bound to.
const TOKEN_SEAL: &[u8] = b"access token of a third-party app";

/// How stale the time of last use may get, so that reading does not mean writing.
const LAST_USE_PRECISION: TimeDelta = TimeDelta::minutes(5);

/// Whether this is a key of a third-party app or a token for one, and not the token of a session.
pub fn is_of_app(token: &str) -> bool {
    token.starts_with(KEY) || token.starts_with(TOKEN)
}

/// What the app that sent this may do. What is read for it afterwards is no older than this call.
///
/// # Errors
/// [`Error::Unauthenticated`] when the key is unknown, revoked or expired, its app is disabled, or the token is over.
pub async fn access(app: &App, presented: &SecretString) -> Result<Access, Error> {
    let text = presented.expose_secret();
    app.cache.catch_up().await?;
    if let Some(sealed) = text.strip_prefix(TOKEN) {
        let token = open(app, sealed).ok_or(Error::Unauthenticated)?;
        if token.expires_at <= app.clock.now() {
            return Err(Error::Unauthenticated);
        }
        let key = live(app, AppKeyId(token.key_id)).await?;
        let scopes = token.scopes.iter().filter_map(|name| Scope::parse(name));
        let scopes = scopes.filter(|scope| key.scopes.iter().any(|name| name == scope.name()));
        return Ok(Access {
            scopes: scopes.collect(),
            key,
        });
    }
    let key = text.strip_prefix(KEY).ok_or(Error::Unauthenticated)?;
    let (id, secret) = key
        .split_at_checked(ID_LENGTH)
        .ok_or(Error::Unauthenticated)?;
    authenticate(app, id, secret).await
}

/// The key with this id in base64 and this secret.
async fn authenticate(app: &App, id: &str, secret: &str) -> Result<Access, Error> {
    let id = BASE64_URL_SAFE_NO_PAD.decode(id).ok();
    let id = id.and_then(|bytes| Uuid::from_slice(&bytes).ok());
    let key = live(app, AppKeyId(id.ok_or(Error::Unauthenticated)?)).await?;
    if !bool::from(key.secret_hash.ct_eq(&hash(secret))) {
        return Err(Error::Unauthenticated);
    }
    note_use(app, &key).await?;
    let scopes = key.scopes.iter().filter_map(|name| Scope::parse(name));
    Ok(Access {
        scopes: scopes.collect(),
        key,
    })
}

async fn live(app: &App, id: AppKeyId) -> Result<Arc<AppKey>, Error> {
    let found = app.cache.app_key(id).await?;
    found
        .filter(|key| key.expires_at > app.clock.now())
        .ok_or(Error::Unauthenticated)
}

async fn note_use(app: &App, key: &AppKey) -> Result<(), Error> {
    let now = app.clock.now();
    if key
        .last_used_at
        .is_none_or(|at| at <= now - LAST_USE_PRECISION)
    {
        store::app_key::touch(&app.db, key.id, now).await?;
        app.cache.forget_app_key(&key.id);
    }
    Ok(())
}

fn hash(secret: &str) -> SecretHash {
    Sha256::digest(secret).into()
}

/// What is sealed into an access token.
#[derive(Serialize, Deserialize)]
struct Token {
    key_id: Uuid,
    scopes: Vec<String>,
    expires_at: DateTime<Utc>,
}

fn open(app: &App, text: &str) -> Option<Token> {
    let sealed = Sealed::from_text(text)?;
    serde_json::from_slice(&app.config.keys.open(TOKEN_SEAL, &sealed).ok()?).ok()
}

/// An access token and what it is for.
#[derive(Debug)]
pub struct Issued {
    pub token: SecretString,
    /// No longer than the key.
    pub lasts: TimeDelta,
    pub scopes: Vec<Scope>,
}

/// Why no access token is issued (RFC 6749 section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenRefusal {
    InvalidClient,
    InvalidScope,
}

/// Issues an access token for a key by its parts, for some of its scopes or for all.
///
/// # Errors
/// Faults of ours; a [`TokenRefusal`] is an answer.
pub async fn issue_token(
    app: &App,
    client_id: &str,
    client_secret: &SecretString,
    scopes: Option<&str>,
) -> Result<Result<Issued, TokenRefusal>, Error> {
    app.cache.catch_up().await?;
    let id = client_id.strip_prefix(KEY).unwrap_or_default();
    let access = match authenticate(app, id, client_secret.expose_secret()).await {
        Err(Error::Unauthenticated) => return Ok(Err(TokenRefusal::InvalidClient)),
        access => access?,
    };
    let asked = match scopes {
        None => access.scopes.clone(),
        Some(names) => {
            let asked: Option<Vec<Scope>> = names.split_whitespace().map(Scope::parse).collect();
            match asked {
                Some(asked)
                    if asked.iter().all(|scope| access.allows(*scope)) && !asked.is_empty() =>
                {
                    asked
                }
                _ => return Ok(Err(TokenRefusal::InvalidScope)),
            }
        }
    };
    let now = app.clock.now();
    let lasts = TOKEN_LIFETIME.min(access.key.expires_at - now);
    let token = Token {
        key_id: access.key.id.0,
        scopes: asked.iter().map(|scope| scope.name().to_owned()).collect(),
        expires_at: now + lasts,
    };
    let plain = serde_json::to_vec(&token).map_err(Error::internal)?;
    let sealed = app.config.keys.seal(TOKEN_SEAL, &plain);
    let sealed = sealed.map_err(Error::internal)?.to_text();
    Ok(Ok(Issued {
        token: format!("{TOKEN}{sealed}").into(),
        lasts,
        scopes: asked,
    }))
}

/// What a key is to be.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Which installation of the app is to hold it, as admins call it.
    pub label: Option<String>,
    pub scopes: Vec<Scope>,
    /// Only these tutors, where there are any.
    pub tutor_ids: Option<Vec<TutorId>>,
    /// Only the subjects with these slugs, where there are any.
    pub subjects: Option<Vec<String>>,
    pub expires_at: DateTime<Utc>,
}

/// A key as it is shown once.
#[derive(Debug)]
pub struct Made {
    pub key: Key,
    /// `tsk_` and the id: what an OAuth client is called.
    pub client_id: String,
    pub secret: SecretString,
}

/// So many keys of an app work at once, at most.
pub const MOST_KEYS: u8 = 20;

/// How long a key works, at most.
pub const LONGEST_LIFETIME: TimeDelta = TimeDelta::days(2 * 365);

/// Makes a key for an app.
///
/// # Errors
/// [`Error::NotFound`] for an app that there is not; [`Error::Invalid`] for an end that is past or too far ahead, and
/// for tutors and subjects that there are not; [`Error::Conflict`] with `too_many_keys`.
pub async fn create(app: &App, app_id: AppId, wanted: &Wanted) -> Result<Made, Error> {
    let now = app.clock.now();
    if wanted.expires_at <= now || wanted.expires_at > now + LONGEST_LIFETIME {
        let detail = format!(
            "must be within {} days from now",
            LONGEST_LIFETIME.num_days()
        );
        return Err(Error::invalid("expires_at", "out_of_range", detail));
    }
    let secret = SecretString::from(BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()));
    let id = AppKeyId::generate();
    let scopes: Vec<String> = wanted
        .scopes
        .iter()
        .map(|scope| scope.name().to_owned())
        .collect();
    let key = transaction!(app.db, |txn| {
        store::third_party_app::lock(txn, app_id)
            .await?
            .ok_or(Error::not_found("third-party app"))?;
        if store::app_key::count_live(txn, app_id, now).await? >= MOST_KEYS.into() {
            let detail = format!("An app has {MOST_KEYS} keys at most. Revoke one first.");
            return Err(Error::conflict("too_many_keys", detail));
        }
        check_limits(txn, wanted).await?;
        let new = NewKey {
            id,
            app_id,
            label: wanted.label.as_deref(),
            secret_hash: hash(secret.expose_secret()),
            scopes: scopes.clone(),
            tutor_ids: wanted.tutor_ids.as_deref(),
            subjects: wanted.subjects.as_deref(),
            expires_at: wanted.expires_at,
        };
        Ok(store::app_key::insert(txn, new, now).await?)
    })?;
    Ok(Made {
        client_id: client_id(id),
        secret,
        key,
    })
}

/// By which an OAuth client names a key.
pub fn client_id(id: AppKeyId) -> String {
    format!("{KEY}{}", BASE64_URL_SAFE_NO_PAD.encode(id.0))
}

async fn check_limits(txn: &sea_orm::DatabaseTransaction, wanted: &Wanted) -> Result<(), Error> {
    if let Some(ids) = &wanted.tutor_ids
        && store::tutor::count(txn, ids).await? < ids.len()
    {
        return Err(Error::invalid(
            "tutor_ids",
            "unknown_tutor",
            "some are no tutors",
        ));
    }
    if let Some(slugs) = &wanted.subjects {
        let found = store::subject::by_slugs(txn, slugs.clone()).await?;
        if found.len() < slugs.len() {
            return Err(Error::invalid(
                "subjects",
                "unknown_subject",
                "some are no subjects",
            ));
        }
    }
    Ok(())
}

/// The keys of an app, the newest first, revoked and expired ones too.
///
/// # Errors
/// [`Error::NotFound`] for an app that there is not.
pub async fn list(
    app: &App,
    app_id: AppId,
    after: Option<AppKeyId>,
    limit: u32,
) -> Result<Vec<Key>, Error> {
    super::third_party_app::get(app, app_id).await?;
    Ok(store::app_key::of_app(&app.db, app_id, after, limit.into()).await?)
}

/// Ends a key for good, and with it its access tokens.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn revoke(app: &App, app_id: AppId, id: AppKeyId) -> Result<(), Error> {
    let revoked = transaction!(app.db, |txn| {
        Ok(store::app_key::revoke(txn, app_id, id, app.clock.now()).await?)
    })?;
    if revoked {
        Ok(())
    } else {
        Err(Error::not_found("key"))
    }
}
