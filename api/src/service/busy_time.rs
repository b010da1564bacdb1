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
/// is no reason not to book: then what was read last decides.
pub(super) async fn read_if_stale(app: &App, tutor_id: TutorId) {
    if app.google.is_none() {
        return;
    }
    let owned = app.clone();
    // On a task of its own, so that it comes to its end also when nobody waits for it any more.
    let reading = tokio::spawn(origin::carried(async move {
        let now = owned.clock.now();
        let before = now - STALE_AFTER;
        let claim = store::google_grant::claim_stale_busy_read(&owned.db, tutor_id, before, now);
        read(&owned, tutor_id, claim.await?, now, false).await
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
            tracing::warn!(tutor = %tutor_id, "booking by the busy time read last: Google is slow");
        }
    }
}

/// Reads the busy time of a tutor from Google and replaces what was known; and before that, now and then, which
/// calendars there are. Whether the calendar is still connected.
pub async fn refresh(app: &App, tutor_id: TutorId) -> Result<bool, Error> {
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
) -> Result<bool, Error> {
    let (Some(google), Some(claim)) = (&app.google, claim) else {
        return Ok(false);
    };
    let Some(window) = window(app, tutor_id, read_at).await? else {
        return Ok(false);
    };
    let question = Question {
        app,
        google,
        claim: &claim,
        window,
        read_at,
    };
    match ask_and_store(question, tutor_id, list_first).await {
        Ok(()) => Ok(true),
        // The grant is noted as dead, or does not cover busy time; only the tutor can mend that.
        Err(Failure::Google(google::Error::GrantDead)) => Ok(false),
        Err(Failure::Google(google::Error::InsufficientScope))
            if !calendar::may_know_busy_time(&claim.scopes) =>
        {
            Ok(false)
        }
        Err(Failure::Google(error)) => {
            store::google_grant::note_failure(&app.db, claim.id, read_at).await?;
            Err(calendar_connection::unavailable(error))
        }
        Err(Failure::Ours(error)) => Err(error),
    }
}

/// Where somebody else was faster, or the choice of calendars another one meanwhile, it is asked once more; if then again it
/// is so, what is known is new enough.
async fn ask_and_store(
    question: Question<'_>,
    tutor_id: TutorId,
    list_first: bool,
) -> Result<(), Failure> {
    for list_first in [list_first, false] {
        // In a box, for the compiler has a limit to how deep futures are in each other.
        let reading = Box::pin(reading::ask(question, list_first)).await?;
        if store(question, tutor_id, &reading).await? {
            break;
        }
    }
    Ok(())
}

/// Stores what was read, and has lessons follow what was done with their events; whether it could be.
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
    let (is_stored, is_followed) = transaction!(app.db, |txn| {
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
        Ok((true, reading.have_followed(txn, read_at).await?))
    })?;
    if is_followed {
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
