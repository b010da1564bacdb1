//! Busy time of tutors' Google calendars, kept in Postgres so that a search never waits for Google.

mod events;
mod reading;

use super::{
    TutorId, calendar,
    calendar_connection::{self, Failure},
    policy,
    transaction::transaction,
};
use crate::{
    app::App,
    error::Error,
    origin,
    store::{self, google_grant::BusyReadClaim},
};
use chrono::{DateTime, TimeDelta, Utc};
use reading::{Question, Reading};
use scheduling::interval::Span;
use std::time::Duration;

/// A booking is made on busy time that was asked for at most this long ago. It is also the pause
/// between questions about one tutor, so that a burst of bookings asks Google once.
const STALE_AFTER: TimeDelta = TimeDelta::seconds(10);

/// How long a booking waits for Google; after that it goes by what is known.
const PATIENCE: Duration = Duration::from_secs(2);

/// Busy time is read from this long ago, so that what is under way is known.
const PAST: TimeDelta = TimeDelta::days(1);

/// Reads the busy time of a tutor before a booking, if it was not just read. Google being slow or down
/// is no reason not to book: then what was read last decides, and others don't wait for it either.
pub(super) async fn read_if_stale(app: &App, tutor_id: TutorId) {
    let Some(google) = &app.google else { return };
    let began = app.clock.now();
    if google.bookings.is_open(began) {
        return;
    }
    let owned = app.clone();
    // On a task of its own, so that it comes to its end also when nobody waits for it any more.
    let reading = tokio::spawn(origin::carried(async move {
        let now = owned.clock.now();
        let before = now - STALE_AFTER;
        let claim = store::google_grant::claim_stale_busy_read(&owned.db, tutor_id, before, now);
        let claim = claim.await?;
        let google = owned.google.as_ref();
        let claim = claim.filter(|_| google.is_some_and(|it| it.bookings.may_ask(now)));
        read(&owned, tutor_id, claim, now, false).await
    }));
    let read = match tokio::time::timeout(PATIENCE, reading).await {
        Ok(Ok(read)) => Ok(read),
        Ok(Err(panic)) => Ok(Err(Error::internal(panic))),
        Err(elapsed) => Err(elapsed),
    };
    match read {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => {
            tracing::warn!(tutor = %tutor_id, %error, "booking by the busy time read last");
        }
        Err(_) => {
            google.bookings.note_silence(began, app.clock.now());
            tracing::warn!(tutor = %tutor_id, "booking by the busy time read last: Google is slow");
        }
    }
}

/// What became of a reading.
#[derive(Debug, PartialEq, Eq)]
pub enum Refreshed {
    Read,
    /// What was read could not be kept: it is not known whether what is known is newer.
    Superseded,
    /// Nothing is connected, or not so that busy time can be read, before the tutor has granted that.
    NotConnected,
}

/// Reads the busy time of a tutor from Google and replaces what was known; and before that, now and then, which
/// calendars there are.
pub async fn refresh(app: &App, tutor_id: TutorId) -> Result<Refreshed, Error> {
    let now = app.clock.now();
    let claim = store::google_grant::claim_busy_read(&app.db, tutor_id, now).await?;
    let list_first = claim
        .as_ref()
        .is_some_and(|claim| calendar::is_due(claim, now));
    read(app, tutor_id, claim, now, list_first).await
}

async fn read(
    app: &App,
    tutor_id: TutorId,
    claim: Option<BusyReadClaim>,
    read_at: DateTime<Utc>,
    list_first: bool,
) -> Result<Refreshed, Error> {
    let (Some(google), Some(claim)) = (&app.google, claim) else {
        return Ok(Refreshed::NotConnected);
    };
    let Some(window) = window(app, tutor_id, read_at).await? else {
        return Ok(Refreshed::NotConnected);
    };
    let question = Question {
        app,
        google,
        claim: &claim,
        window,
        read_at,
    };
    // A little less than a job may take, so that it is noted that there was no answer.
    let patience = app.config.jobs.time_limit() * 9 / 10;
    let reading = ask_and_store(question, tutor_id, list_first);
    let reading = tokio::time::timeout(patience, reading).await;
    let reading = reading.unwrap_or_else(|elapsed| Err(no_answer(&elapsed)));
    if is_answer(&reading) {
        google.bookings.note_answer(app.clock.now());
    }
    match reading {
        Ok(true) => Ok(Refreshed::Read),
        Ok(false) => Ok(Refreshed::Superseded),
        // The grant is noted as dead, or does not cover busy time; only the tutor can mend that.
        Err(Failure::Google(google::Error::GrantDead)) => Ok(Refreshed::NotConnected),
        Err(Failure::Google(google::Error::InsufficientScope))
            if !calendar::may_know_busy_time(&claim.scopes) =>
        {
            store::google_grant::note_nothing_to_read(&app.db, claim.id).await?;
            Ok(Refreshed::NotConnected)
        }
        Err(Failure::Google(error)) => {
            store::google_grant::note_read_failure(&app.db, claim.id, read_at).await?;
            Err(calendar_connection::unavailable(error))
        }
        Err(Failure::Ours(error)) => Err(error),
    }
}

/// Whether Google has answered, and be it no.
fn is_answer(reading: &Result<bool, Failure>) -> bool {
    !matches!(
        reading,
        Err(Failure::Google(google::Error::Unavailable { .. }) | Failure::Ours(_))
    )
}

fn no_answer(elapsed: &tokio::time::error::Elapsed) -> Failure {
    Failure::Google(google::Error::Unavailable {
        reason: format!("not all was told in time: {elapsed}"),
        retry_after: None,
    })
}

/// Where somebody else was faster, or the choice of calendars another one meanwhile, it is asked once more. Whether what was
/// told could be kept.
async fn ask_and_store(
    question: Question<'_>,
    tutor_id: TutorId,
    list_first: bool,
) -> Result<bool, Failure> {
    for list_first in [list_first, false] {
        // In a box, for the compiler has a limit to how deep futures are in each other.
        let reading = Box::pin(reading::ask(question, list_first)).await?;
        if store(question, tutor_id, &reading).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Stores what was read, and has lessons follow what was done with their events, and events opened that have a tag; whether it
/// could be.
async fn store(
    question: Question<'_>,
    tutor_id: TutorId,
    reading: &Reading,
) -> Result<bool, Error> {
    let Question {
        app,
        claim,
        window,
        read_at,
        ..
    } = question;
    let (is_stored, is_more_to_do) = transaction!(app.db, |txn| {
        store::lock_time_of(txn, &[claim.user_id]).await?;
        if !reading.is_next(txn, claim.user_id).await? {
            return Ok((false, false));
        }
        if !store::google_grant::note_busy_read(txn, claim.id, reading.version, read_at).await? {
            // Another account is connected by now, or none; or other calendars block; or what is known is newer.
            return Ok((false, false));
        }
        let ours = store::event_span::perhaps_in_calendar(txn, tutor_id, window, read_at).await?;
        let busy = reading.store(txn, (window, read_at), &ours).await?;
        store::busy_span::replace(txn, tutor_id, &busy).await?;
        let is_followed = reading.have_followed(txn, read_at).await?;
        let is_tagged = reading.have_opened(txn, tutor_id, read_at).await?;
        Ok((true, is_followed || is_tagged))
    })?;
    if is_more_to_do {
        app.work_enqueued.notify_one();
    }
    Ok(is_stored)
}

async fn window(app: &App, tutor_id: TutorId, now: DateTime<Utc>) -> Result<Option<Span>, Error> {
    let (_, policy) = policy::of_tutor(app, tutor_id).await?;
    // The longest lesson that begins on the last day of the horizon still ends within two days, buffer and all.
    let horizon = policy.rules().horizon + TimeDelta::days(2);
    let end = now.checked_add_signed(horizon);
    Ok(end.and_then(|end| Span::new(now - PAST, end)))
}
