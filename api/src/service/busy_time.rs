//! Busy time of tutors' Google calendars, kept in Postgres so that a search never waits for Google.

use super::{
    TutorId, calendar,
    calendar_connection::{self, Failure},
    policy,
    transaction::transaction,
};
use crate::{
    app::{App, Google},
    error::Error,
    origin,
    store::{self, calendar::Blocking, google_grant::BusyReadClaim},
};
use ::entity::id::GrantId;
use chrono::{DateTime, TimeDelta, Utc};
use google::BusySpan;
use scheduling::interval::{Span, subtract, union};
use std::time::Duration;

/// A booking is made on busy time that was asked for at most this long ago. It is also the pause
/// between questions about one tutor, so that a burst of bookings asks Google once.
const STALE_AFTER: TimeDelta = TimeDelta::seconds(10);

/// How long a booking waits for Google; after that it goes by what is known.
const PATIENCE: Duration = Duration::from_secs(2);

/// The calendar of which busy time is read where it is not known which there are.
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
    // In a box, for the compiler has a limit to how deep futures are in each other.
    match Box::pin(ask(app, google, &claim, (window, read_at), list_first)).await {
        Ok(reading) => {
            store_busy(app, tutor_id, &claim, &reading, window, read_at).await?;
            Ok(true)
        }
        // The grant is noted as dead, or does not cover busy time; only the tutor can mend that.
        Err(Failure::Google(google::Error::GrantDead | google::Error::InsufficientScope)) => {
            Ok(false)
        }
        Err(Failure::Google(error)) => {
            store::google_grant::note_failure(&app.db, claim.id, read_at).await?;
            Err(calendar_connection::unavailable(error))
        }
        Err(Failure::Ours(error)) => Err(error),
    }
}

/// What Google has told.
struct Reading {
    /// Of which calendars.
    asked: Blocking,
    /// When they are busy.
    busy: Vec<BusySpan>,
    /// Those of which it told nothing.
    unreadable: Vec<String>,
}

/// Asks when the calendars that block are busy. Where one of them is gone, the list tells which; where the list does
/// not, each is asked about by itself.
async fn ask(
    app: &App,
    google: &Google,
    claim: &BusyReadClaim,
    (window, read_at): (Span, DateTime<Utc>),
    list_first: bool,
) -> Result<Reading, Failure> {
    let mut is_new = list_first && list(app, google, claim, read_at).await?;
    let mut may_list = !list_first;
    loop {
        let asked = blocking(app, claim, is_new).await?;
        match busy(app, google, claim.id, &asked.google_ids, window).await {
            Err(google::Error::NotFound) if asked.is_listed && may_list => {
                is_new = list(app, google, claim, read_at).await?;
                may_list = false;
            }
            Err(google::Error::NotFound) if asked.is_listed => {
                return Ok(ask_one_by_one(app, google, claim.id, asked, window).await?);
            }
            busy => {
                return Ok(Reading {
                    asked,
                    busy: busy?,
                    unreadable: Vec::new(),
                });
            }
        }
    }
}

/// Reads which calendars there are; whether Google told. That it did not is no reason not to read when those are busy that
/// are known.
async fn list(
    app: &App,
    google: &Google,
    claim: &BusyReadClaim,
    read_at: DateTime<Utc>,
) -> Result<bool, Failure> {
    match calendar::read(app, google, claim, read_at).await {
        Err(Failure::Google(error)) if error != google::Error::GrantDead => {
            tracing::warn!(user = %claim.user_id, %error, "it can't be read which calendars there are");
            Ok(false)
        }
        outcome => outcome.map(|()| true),
    }
}

/// The calendars to ask about: those that Google told nothing of once more when the list is new.
async fn blocking(
    app: &App,
    claim: &BusyReadClaim,
    list_is_new: bool,
) -> Result<Blocking, Failure> {
    let mut blocking = store::calendar::blocking(&app.db, claim.id, list_is_new)
        .await?
        .ok_or(google::Error::GrantDead)?;
    if !blocking.is_listed {
        blocking.google_ids = vec![CALENDAR.to_owned()];
    }
    Ok(blocking)
}

async fn ask_one_by_one(
    app: &App,
    google: &Google,
    grant: GrantId,
    asked: Blocking,
    window: Span,
) -> Result<Reading, google::Error> {
    let (mut spans, mut unreadable) = (Vec::new(), Vec::new());
    for id in &asked.google_ids {
        match busy(app, google, grant, std::slice::from_ref(id), window).await {
            Ok(busy) => spans.extend(busy),
            // Every account has its main one: what says otherwise is no reason to think it free.
            Err(google::Error::NotFound) if asked.primary.as_ref() != Some(id) => {
                unreadable.push(id.clone());
            }
            Err(error) => return Err(error),
        }
    }
    // Then it is not about single ones.
    if unreadable.len() == asked.google_ids.len() {
        return Err(google::Error::NotFound);
    }
    tracing::warn!(%grant, count = unreadable.len(), "Google lists calendars and tells nothing of them");
    Ok(Reading {
        asked,
        busy: spans,
        unreadable,
    })
}

async fn busy(
    app: &App,
    google: &Google,
    grant: GrantId,
    calendars: &[String],
    window: Span,
) -> Result<Vec<BusySpan>, google::Error> {
    if calendars.is_empty() {
        return Ok(Vec::new());
    }
    calendar_connection::with_token(app, google, grant, |token| async move {
        google
            .calendar
            .busy(&token, calendars, window.start(), window.end())
            .await
    })
    .await
}

impl Reading {
    /// When the tutor is busy, but for our own events, which Google counts as well and which are ours to count. They stand in
    /// the primary calendar. Some people let another copy them: of that no more is left out than what is just as long, since
    /// whatever else there is at that time is the tutor's own.
    fn without(&self, ours: &[Span]) -> Vec<Span> {
        let is_primary = |span: &BusySpan| match &self.asked.primary {
            Some(primary) => span.calendar_id == *primary,
            None => true,
        };
        let (primary, others): (Vec<_>, Vec<_>) = self.busy.iter().partition(|it| is_primary(it));
        let spans = |busy: Vec<&BusySpan>| -> Vec<Span> {
            let spans = busy.into_iter();
            spans.filter_map(|it| Span::new(it.start, it.end)).collect()
        };
        let of_primary = subtract(&union(spans(primary)), &union(ours.to_vec()));
        let of_others = spans(others).into_iter().filter(|it| !ours.contains(it));
        union(of_primary.into_iter().chain(of_others).collect())
    }
}

async fn store_busy(
    app: &App,
    tutor_id: TutorId,
    claim: &BusyReadClaim,
    reading: &Reading,
    window: Span,
    read_at: DateTime<Utc>,
) -> Result<(), Error> {
    transaction!(app.db, |txn| {
        store::lock_time_of(txn, &[claim.user_id]).await?;
        let asked = &reading.asked;
        if !store::google_grant::note_busy_read(txn, claim.id, asked.version, read_at).await? {
            // Another account is connected by now, or none; or other calendars block; or what is known is newer.
            return Ok(());
        }
        let (of, unreadable) = (&asked.google_ids, &reading.unreadable);
        store::calendar::note_unreadable(txn, claim.user_id, of, unreadable, read_at).await?;
        let ours = store::event_span::perhaps_in_calendar(txn, tutor_id, window, read_at).await?;
        Ok(store::busy_span::replace(txn, tutor_id, &reading.without(&ours)).await?)
    })
}

async fn window(app: &App, tutor_id: TutorId, now: DateTime<Utc>) -> Result<Option<Span>, Error> {
    let (_, policy) = policy::of_tutor(app, tutor_id).await?;
    // The longest lesson that begins on the last day of the horizon still ends within two days, buffer and all.
    let horizon = policy.rules().horizon + TimeDelta::days(2);
    let end = now.checked_add_signed(horizon);
    Ok(end.and_then(|end| Span::new(now - PAST, end)))
}
