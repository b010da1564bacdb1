//! The tutor's own event that students join as a lesson: whom we invite to it comes and goes, and all else of it is the
//! tutor's. It is neither made here nor deleted.

use super::{
    Found, MARK, REVISION, bring_in_line, is_of, look, shown_revision, span_of, span_of_event,
};
use crate::{
    app::{App, Google},
    service::{
        calendar_connection::{Failure, with_token},
        drift::{self, Elsewhere, Kind},
        queue::Outcome,
        transaction::transaction,
    },
    store::{self, lesson::ForCalendar},
};
use ::entity::id::GrantId;
use chrono::TimeDelta;
use google::{Event, NewEvent};
use std::iter;

/// How soon to look again where it is not known where the event is.
const LOOK_AGAIN: TimeDelta = TimeDelta::hours(1);

/// Finds the event again of which it is not known where it is, since the connection had ended or nobody found it where it was.
/// Where there is none, or not only one, an event of ours takes its place.
pub(super) async fn find_again(
    app: &App,
    google: &Google,
    grant: GrantId,
    lesson: &ForCalendar,
    id: &str,
) -> Result<Outcome, Failure> {
    match find(app, google, grant, lesson, id).await? {
        Elsewhere::Unknown if lesson.ends_at > app.clock.now() => Ok(Outcome::Again(LOOK_AGAIN)),
        Elsewhere::Unknown => Ok(Outcome::Done),
        Elsewhere::Found { calendar, event } if !is_lost(lesson, &event) => {
            note_found(app, grant, lesson, (&calendar, &event)).await?;
            bring_in_line(app, google, grant, lesson.id, &event).await
        }
        _ => let_go(app, google, grant, lesson, id).await,
    }
}

/// Notes where the event is; and that it is put back, where it was moved while nobody could follow it.
async fn note_found(
    app: &App,
    grant: GrantId,
    lesson: &ForCalendar,
    (calendar, event): (&str, &Event),
) -> Result<(), Failure> {
    let span = span_of(lesson)?;
    let is_at = span_of_event(event);
    // One that shows the lesson as it is is followed.
    let is_put_back =
        is_at != Some(span) && shown_revision(lesson, event) != Some(lesson.calendar_revision);
    transaction!(app.db, |txn| {
        let place = (calendar, event.id.as_str());
        let is_noted = store::bookable_event::note_found(txn, lesson.id, grant, place).await?;
        if is_noted && is_put_back {
            drift::note_unnoticed(
                txn,
                (lesson.id, span),
                (Kind::Moved, is_at),
                app.clock.now(),
            )
            .await?;
        }
        Ok(())
    })?;
    Ok(())
}

/// Whether it no longer is the one event that was opened, of which this calendar decides.
pub(in crate::service) fn is_lost(lesson: &ForCalendar, event: &Event) -> bool {
    lesson.is_own_event(&event.id) && (event.repeats || !event.is_organized_here)
}

/// Takes off the event whom we have invited, and lets one of ours take its place: it no longer is the one event that was
/// opened.
pub(super) async fn let_go(
    app: &App,
    google: &Google,
    grant: GrantId,
    lesson: &ForCalendar,
    id: &str,
) -> Result<Outcome, Failure> {
    tracing::warn!(lesson = %lesson.id, "the event that the tutor opened is gone, or repeated by now");
    if !withdraw(app, google, grant, lesson, id).await? {
        return Ok(Outcome::Again(LOOK_AGAIN));
    }
    store::bookable_event::release(&app.db, lesson.id, grant, id).await?;
    Ok(Outcome::Again(TimeDelta::zero()))
}

/// Takes off the event of a cancelled lesson whom we have invited. It stays what it was, and so does the tutor's time.
pub(super) async fn leave(
    app: &App,
    google: &Google,
    grant: GrantId,
    lesson: &ForCalendar,
    id: &str,
) -> Result<Outcome, Failure> {
    if !withdraw(app, google, grant, lesson, id).await? {
        return Ok(Outcome::Again(LOOK_AGAIN));
    }
    let (attempt, now) = (lesson.calendar_event_attempt, app.clock.now());
    store::lesson::note_no_event(&app.db, lesson.id, (grant, None), attempt, now).await?;
    store::google_grant::hurry_busy_read(&app.db, lesson.tutor_id, now).await?;
    Ok(Outcome::Done)
}

/// What is on the event of another lesson, as which it was opened since, stays. Whether it is known where the event is, if anywhere:
/// after the lesson nobody waits for that.
async fn withdraw(
    app: &App,
    google: &Google,
    grant: GrantId,
    lesson: &ForCalendar,
    id: &str,
) -> Result<bool, Failure> {
    let (calendar, event) = match find(app, google, grant, lesson, id).await? {
        Elsewhere::Found { calendar, event } => (calendar, event),
        Elsewhere::Nowhere => return Ok(true),
        Elsewhere::Unknown => return Ok(lesson.ends_at <= app.clock.now()),
    };
    if !is_of(&event, lesson.id) || !event.is_organized_here {
        return Ok(true);
    }
    let (calendar, event) = (&*calendar, &*event);
    let withdrawn = with_token(app, google, grant, |token| async move {
        let ours = [MARK, REVISION];
        google
            .calendar
            .withdraw(&token, calendar, event, &ours)
            .await
    })
    .await;
    match withdrawn {
        Ok(()) | Err(google::Error::NotFound | google::Error::Gone) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// The event, in the calendar where it was or in another one of the tutor's own.
async fn find(
    app: &App,
    google: &Google,
    grant: GrantId,
    lesson: &ForCalendar,
    id: &str,
) -> Result<Elsewhere, Failure> {
    let calendar = lesson.calendar();
    if let Found::Ours(event) = look(app, google, grant, (calendar, id), lesson).await? {
        let calendar = calendar.to_owned();
        return Ok(Elsewhere::Found { calendar, event });
    }
    drift::find_elsewhere(app, google, grant, lesson, id).await
}

/// What is the tutor's in an event that is to be written: its title, and whom the tutor has invited, who stays whatever becomes
/// of a booking.
pub(super) fn leave_to_tutor(wanted: &mut NewEvent, event: &Event) {
    wanted.summary.clone_from(&event.summary);
    wanted
        .attendees
        .retain(|one| event.invites(&one.email) || !event.has_guest(&one.email));
}

/// Whether somebody has taken a guest off the list, whom we have invited and who was seen on it, and still has a place.
pub(super) fn misses_guest(lesson: &ForCalendar, event: &Event) -> bool {
    let invited = iter::zip(&lesson.attendee_bookings, &lesson.attendee_emails);
    let mut seen = invited.filter(|(booking, _)| lesson.calendar_event_guests.contains(booking));
    lesson.own_event_id.is_some() && seen.any(|(_, email)| event.has_lost(email))
}
