//! The connection of a tutor's Google Calendar.

mod standing;

pub use standing::{Connection, Filter, Limitation, OfTutor, State, get, list, of_tutor};

use super::{UserId, calendar, calendar_channel, queue::Outcome, transaction::transaction};
use crate::{
    app::{App, Google},
    error::Error,
    seal::Sealed,
    store::{
        self,
        google_grant::{Kept, NewGrant},
        job::Work,
    },
};
use ::entity::{google_grant, id::GrantId};
use chrono::{DateTime, TimeDelta, Utc};
use google::{AccessToken, TokenError};
use sea_orm::{DatabaseTransaction, DbErr};
use secrecy::{ExposeSecret, SecretString};

/// How long Google is left alone at least when a quota is used up. It does not say when there will be more.
const QUOTA_PAUSE: TimeDelta = TimeDelta::hours(1);

/// Google's `Retry-After` is heeded up to this.
const LONGEST_RETRY_AFTER: TimeDelta = TimeDelta::hours(1);

/// What the seal of a refresh token is bound to.
fn seal_context(user_id: UserId) -> Vec<u8> {
    format!("google refresh token of {user_id}").into_bytes()
}

/// What a user granted.
pub struct Grant {
    /// The `sub` of the Google account.
    pub subject: String,
    pub email: String,
    pub scopes: Vec<String>,
    pub refresh_token: SecretString,
}

/// Keeps what a user granted, and sets to work on it: busy time is read, and lessons that stand go into
/// the calendar.
pub async fn keep(app: &App, user_id: UserId, grant: Grant) -> Result<(), Error> {
    let sealed = seal(app, user_id, &grant.refresh_token)?;
    let new = NewGrant {
        user_id,
        subject: grant.subject,
        email: grant.email,
        scopes: grant.scopes,
        refresh_token: sealed.bytes,
        refresh_token_key_id: sealed.key_id,
    };
    let before = store::google_grant::of_user(&app.db, user_id).await?;
    if before.is_some_and(|grant| grant.subject != new.subject) {
        // With the new grant they can't be stopped.
        calendar_channel::end_all(app, user_id).await;
    }
    transaction!(app.db, |txn| put(txn, &new, app.clock.now()).await)?;
    app.work_enqueued.notify_one();
    Ok(())
}

async fn put(txn: &DatabaseTransaction, new: &NewGrant, now: DateTime<Utc>) -> Result<(), Error> {
    store::lock_time_of(txn, &[new.user_id]).await?;
    let tutor = store::tutor::of_user(txn, new.user_id).await?;
    let before = store::google_grant::of_user(txn, new.user_id).await?;
    let other_account = before
        .as_ref()
        .is_some_and(|grant| grant.subject != new.subject);
    if other_account || !calendar::may_list(&new.scopes) {
        store::calendar::forget(txn, new.user_id).await?;
    }
    let knows_busy_time = calendar::may_know_busy_time(&new.scopes);
    let same = before.filter(|_| !other_account);
    let kept = same.map(|grant| {
        let keeps_busy_time = knows_busy_time && calendar::may_know_busy_time(&grant.scopes);
        Kept {
            busy_read_at: grant.busy_read_at.filter(|_| keeps_busy_time),
            meet_links: grant.meet_links,
        }
    });
    store::google_grant::put(txn, new, kept.unwrap_or_default(), now).await?;
    store::calendar_channel::doubt(txn, new.user_id, now).await?;
    let Some(tutor) = tutor else { return Ok(()) };
    if other_account || !knows_busy_time {
        store::busy_span::replace(txn, tutor, &[]).await?;
    }
    // What happened in between nobody was told.
    store::calendar_event::forget_all(txn, new.user_id).await?;
    if other_account {
        store::lesson::forget_calendar_events(txn, tutor, now).await?;
        store::lesson::forget_event_calendars(txn, tutor).await?;
    }
    store::job::enqueue(txn, Work::ReadBusyTime(tutor), now).await?;
    for lesson in store::lesson::out_of_step_with_calendar(txn, tutor, now).await? {
        store::job::enqueue(txn, Work::SyncLessonEvent(lesson), now).await?;
    }
    for lesson in store::drift::pending_of(txn, tutor).await? {
        store::job::enqueue(txn, Work::FollowLessonEvent(lesson), now).await?;
    }
    Ok(())
}

/// Ends the connection: Google is told, the token, the busy time and which calendars block are forgotten. Events of lessons
/// stay in the calendar, which is now the tutor's own business.
pub async fn disconnect(app: &App, user_id: UserId) -> Result<(), Error> {
    calendar_channel::end_all(app, user_id).await;
    let ended = transaction!(app.db, |txn| {
        let now = app.clock.now();
        store::lock_time_of(txn, &[user_id]).await?;
        let grant = store::google_grant::of_user(txn, user_id).await?;
        store::google_grant::delete(txn, user_id).await?;
        if let Some(tutor) = store::tutor::of_user(txn, user_id).await? {
            store::busy_span::replace(txn, tutor, &[]).await?;
            store::lesson::forget_calendar_events(txn, tutor, now).await?;
        }
        Ok(grant)
    })?;
    let (Some(grant), Some(google)) = (ended, &app.google) else {
        return Ok(());
    };
    google.access_tokens.invalidate(grant.id.0).await;
    let told = match open(app, grant.user_id, &sealed(grant)) {
        Ok(token) => google.sign_in.revoke(&token).await,
        Err(error) => Err(unreadable(&error)),
    };
    if let Err(error) = told {
        tracing::warn!(user = %user_id, %error, "Google was not told of the end of a connection");
    }
    Ok(())
}

/// Ends the connection of somebody who is being erased. Google is told by a job, which keeps the token until Google knows.
pub(super) async fn end_for_good(
    txn: &DatabaseTransaction,
    user_id: UserId,
    now: DateTime<Utc>,
) -> Result<Option<GrantId>, Error> {
    let Some(grant) = store::google_grant::of_user(txn, user_id).await? else {
        return Ok(None);
    };
    let id = grant.id;
    store::google_grant::delete(txn, user_id).await?;
    store::grant_revocation::insert(txn, grant, now).await?;
    store::job::enqueue(txn, Work::RevokeGrant(id), now).await?;
    Ok(Some(id))
}

/// Tells Google of the end of a grant, and forgets its token when Google knows.
pub async fn revoke(app: &App, id: GrantId) -> Result<Outcome, Error> {
    let Some(revocation) = store::grant_revocation::find(&app.db, id).await? else {
        return Ok(Outcome::Done);
    };
    let sealed = Sealed {
        key_id: revocation.refresh_token_key_id,
        bytes: revocation.refresh_token,
    };
    let token = match open(app, revocation.user_id, &sealed) {
        Ok(token) => token,
        Err(error) => return Ok(Outcome::Refused(error)),
    };
    let Some(google) = &app.google else {
        let cause = anyhow::anyhow!("Google is not configured any more");
        return Ok(Outcome::Refused(Error::unavailable(cause)));
    };
    google.access_tokens.invalidate(id.0).await;
    google.sign_in.revoke(&token).await.map_err(unavailable)?;
    store::grant_revocation::delete(&app.db, id).await?;
    Ok(Outcome::Done)
}

/// Calls Google with an access token of this grant. A token that Google does not accept is replaced
/// once; a grant that is dead is noted as such.
pub(super) async fn with_token<T, F>(
    app: &App,
    google: &Google,
    grant: GrantId,
    call: impl Fn(AccessToken) -> F,
) -> Result<T, google::Error>
where
    F: Future<Output = Result<T, google::Error>>,
{
    let token = access_token(app, google, grant).await?;
    match call(token).await {
        Err(google::Error::Unauthorized) => {
            google.access_tokens.invalidate(grant.0).await;
            call(access_token(app, google, grant).await?).await
        }
        outcome => outcome,
    }
}

/// Access tokens are kept by grant, not by user: a refresh that is under way while the user connects
/// another account must not leave a token of the account before.
async fn access_token(
    app: &App,
    google: &Google,
    id: GrantId,
) -> Result<AccessToken, google::Error> {
    let now = app.clock.now();
    let load = || refresh_token(app, id);
    let replace = |rotated| keep_rotated(app, id, rotated, now);
    match google.access_tokens.get(id.0, now, load, replace).await {
        Ok(token) => Ok(token),
        Err(TokenError::Provider(google::Error::GrantDead)) => {
            tracing::warn!(grant = %id, "Google no longer honours the grant");
            let noted = transaction!(app.db, |txn| {
                Ok(store::google_grant::mark_dead(txn, id, now).await?)
            });
            noted.map_err(|error| unreadable(&error))?;
            Err(google::Error::GrantDead)
        }
        Err(TokenError::Provider(error)) => Err(error),
        Err(TokenError::Grant(error)) => match &*error {
            Error::NotFound { .. } => Err(google::Error::GrantDead),
            error => Err(unreadable(error)),
        },
    }
}

async fn refresh_token(app: &App, id: GrantId) -> Result<SecretString, Error> {
    let grant = live(app, id).await?;
    open(app, grant.user_id, &sealed(grant))
}

async fn keep_rotated(
    app: &App,
    id: GrantId,
    rotated: SecretString,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let sealed = seal(app, live(app, id).await?.user_id, &rotated)?;
    let sealed = (sealed.key_id, sealed.bytes);
    Ok(store::google_grant::rotate_refresh_token(&app.db, id, sealed, now).await?)
}

async fn live(app: &App, id: GrantId) -> Result<google_grant::Model, Error> {
    store::google_grant::live(&app.db, id)
        .await?
        .ok_or(Error::not_found("grant"))
}

/// Why something that needs Google failed: for a reason of Google's, which is to be judged, or of ours.
pub(super) enum Failure {
    Google(google::Error),
    Ours(Error),
}

impl From<google::Error> for Failure {
    fn from(error: google::Error) -> Self {
        Self::Google(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Ours(error)
    }
}

impl From<DbErr> for Failure {
    fn from(error: DbErr) -> Self {
        Self::Ours(error.into())
    }
}

/// A failure of Google for those who know nothing of Google: when to ask again at the earliest.
pub(super) fn unavailable(error: google::Error) -> Error {
    let retry_after = match &error {
        google::Error::QuotaExceeded => Some(QUOTA_PAUSE),
        // What is too long to be reckoned with is longer than the longest, too.
        error => error.retry_after().map(|asked| {
            TimeDelta::from_std(asked).map_or(LONGEST_RETRY_AFTER, |it| it.min(LONGEST_RETRY_AFTER))
        }),
    };
    Error::Unavailable {
        cause: error.into(),
        retry_after,
    }
}

/// Our own trouble with the grant, for callers that know only Google's.
fn unreadable(error: &Error) -> google::Error {
    google::Error::Unavailable {
        reason: format!("the grant can't be used: {error}"),
        retry_after: None,
    }
}

fn seal(app: &App, user_id: UserId, token: &SecretString) -> Result<Sealed, Error> {
    app.config
        .keys
        .seal(&seal_context(user_id), token.expose_secret().as_bytes())
        .map_err(Error::internal)
}

fn sealed(grant: google_grant::Model) -> Sealed {
    Sealed {
        key_id: grant.refresh_token_key_id,
        bytes: grant.refresh_token,
    }
}

fn open(app: &App, user_id: UserId, sealed: &Sealed) -> Result<SecretString, Error> {
    let token = app
        .config
        .keys
        .open(&seal_context(user_id), sealed)
        .map_err(Error::internal)?;
    String::from_utf8(token)
        .map(SecretString::from)
        .map_err(Error::internal)
}
