//! Busy time of tutors' Google calendars, kept in Postgres so that a search never waits for Google.

use super::{TutorId, calendar_connection, policy, transaction::transaction};
use crate::{
    app::{App, Google},
    error::Error,
    origin,
    store::{self, google_grant::BusyReadClaim},
};
use ::entity::id::GrantId;
use chrono::{DateTime, TimeDelta, Utc};
use scheduling::interval::{Span, subtract, union};
use std::time::Duration;

/// A booking is made on busy time that was asked for at most this long ago. It is also the pause
/// between questions about one tutor, so that a burst of bookings asks Google once.
const STALE_AFTER: TimeDelta = TimeDelta::seconds(10);

/// How long a booking waits for Google; after that it goes by what is known.
const PATIENCE: Duration = Duration::from_secs(2);

/// The calendar of which busy time is read.
const CALENDAR: &str = "primary";

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
        read(&owned, tutor_id, claim.await?, now).await
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

/// Reads the busy time of a tutor from Google and replaces what was known. Whether the calendar is
/// still connected.
pub async fn refresh(app: &App, tutor_id: TutorId) -> Result<bool, Error> {
    let now = app.clock.now();
    let claim = store::google_grant::claim_busy_read(&app.db, tutor_id, now).await?;
    read(app, tutor_id, claim, now).await
}

async fn read(
    app: &App,
    tutor_id: TutorId,
    claim: Option<BusyReadClaim>,
    read_at: DateTime<Utc>,
) -> Result<bool, Error> {
    let (Some(google), Some(claim)) = (&app.google, claim) else {
        return Ok(false);
    };
    let Some(window) = window(app, tutor_id, read_at).await? else {
        return Ok(false);
    };
    match ask(app, google, claim.id, window).await {
        Ok(busy) => {
            store_busy(app, tutor_id, &claim, busy, window, read_at).await?;
            Ok(true)
        }
        // The grant is noted as dead, or does not cover busy time; only the tutor can mend that.
        Err(google::Error::GrantDead | google::Error::InsufficientScope) => Ok(false),
        Err(error) => {
            store::google_grant::note_failure(&app.db, claim.id, read_at).await?;
            Err(calendar_connection::unavailable(error))
        }
    }
}

async fn ask(
    app: &App,
    google: &Google,
    grant: GrantId,
    window: Span,
) -> Result<Vec<Span>, google::Error> {
    let busy = calendar_connection::with_token(app, google, grant, |token| async move {
        google
            .calendar
            .busy(&token, &[CALENDAR.to_owned()], window.start(), window.end())
            .await
    })
    .await?;
    Ok(union(
        busy.iter()
            .filter_map(|span| Span::new(span.start, span.end))
            .collect(),
    ))
}

/// Google counts our own events as busy. They are ours to count, so they are left out.
async fn store_busy(
    app: &App,
    tutor_id: TutorId,
    claim: &BusyReadClaim,
    busy: Vec<Span>,
    window: Span,
    read_at: DateTime<Utc>,
) -> Result<(), Error> {
    transaction!(app.db, |txn| {
        store::lock_time_of(txn, &[claim.user_id]).await?;
        if !store::google_grant::note_busy_read(txn, claim.id, read_at).await? {
            // Another account is connected by now, or none; or what is known is newer.
            return Ok(());
        }
        let ours = store::event_span::perhaps_in_calendar(txn, tutor_id, window, read_at).await?;
        let theirs = subtract(&busy, &union(ours));
        Ok(store::busy_span::replace(txn, tutor_id, &theirs).await?)
    })
}

async fn window(app: &App, tutor_id: TutorId, now: DateTime<Utc>) -> Result<Option<Span>, Error> {
    let (_, policy) = policy::of_tutor(app, tutor_id).await?;
    // The longest lesson that begins on the last day of the horizon still ends within two days, buffer and all.
    let horizon = policy.rules().horizon + TimeDelta::days(2);
    let end = now.checked_add_signed(horizon);
    Ok(end.and_then(|end| Span::new(now - PAST, end)))
}
