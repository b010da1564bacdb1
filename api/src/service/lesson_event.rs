//! The event of a lesson in its tutor's Google Calendar.

use super::{
    LessonId,
    calendar_connection::{unavailable, with_token},
    queue::Outcome,
};
use crate::{
    app::{App, Google},
    error::Error,
    store::{self, job::Work, lesson::ForCalendar},
};
use ::entity::{id::GrantId, lesson::LessonStatus};
use chrono::{DateTime, TimeDelta, Utc};
use google::{Attendee, EventStatus, NewEvent, event_id};
use sea_orm::DbErr;
use std::collections::BTreeMap;

/// The calendar that receives lessons.
const CALENDAR: &str = "primary";

/// The private extended property that marks an event as ours.
const MARK: &str = "tutoringSchedulerLesson";

/// How many used-up event ids are skipped in one run.
const MOST_IDS: i16 = 20;

/// For so long after it was sent an insert may still make an event, although it was not answered. Google
/// names no limit; this is meant to be well beyond what a request can last.
const ON_ITS_WAY: TimeDelta = TimeDelta::minutes(10);

/// How soon to look again for an event that may still come.
const LOOK_AGAIN: TimeDelta = TimeDelta::minutes(1);

/// Makes the calendar say what the lesson says. May be repeated at any time: the event's id follows
/// from the lesson, so there is never a second event.
pub async fn sync(app: &App, id: LessonId) -> Result<Outcome, Error> {
    let Some(google) = &app.google else {
        return Ok(Outcome::Done);
    };
    let Some(lesson) = store::lesson::for_calendar(&app.db, id).await? else {
        return Ok(Outcome::Done);
    };
    let Some(grant) = lesson.grant_id else {
        // Connecting the calendar enqueues this again.
        return Ok(Outcome::Done);
    };
    let outcome = match (lesson.status, &lesson.calendar_event_id) {
        (LessonStatus::Scheduled, Some(_)) => return Ok(Outcome::Done),
        (LessonStatus::Scheduled, None) => insert(app, google, grant, &lesson).await,
        (LessonStatus::Tentative | LessonStatus::Cancelled, _) => {
            delete(app, google, grant, &lesson).await
        }
    };
    match outcome {
        Ok(outcome) => {
            store::google_grant::note_success(&app.db, grant).await?;
            Ok(outcome)
        }
        Err(Failure::Google(error)) => failed(app, grant, id, error).await,
        Err(Failure::Ours(error)) => Err(error),
    }
}

/// What a failure of Google means for the job and for the connection.
async fn failed(
    app: &App,
    grant: GrantId,
    lesson: LessonId,
    error: google::Error,
) -> Result<Outcome, Error> {
    use google::Error as Google;
    match error {
        // Only the tutor can mend these; connecting again enqueues this again.
        Google::GrantDead | Google::InsufficientScope => Ok(Outcome::Done),
        // An answer about this event: the connection is as good as ever. Other statuses that are
        // `Invalid` refuse the account or the project, and with it every event.
        Google::Invalid { status: 400, .. }
        | Google::NotFound
        | Google::Gone
        | Google::Duplicate
        | Google::PreconditionFailed => {
            tracing::error!(%lesson, %error, "Google refuses the event of a lesson");
            Ok(Outcome::Refused(Error::internal(error)))
        }
        error => {
            store::google_grant::note_failure(&app.db, grant, app.clock.now()).await?;
            Err(unavailable(error))
        }
    }
}

enum Failure {
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

async fn insert(
    app: &App,
    google: &Google,
    grant: GrantId,
    lesson: &ForCalendar,
) -> Result<Outcome, Failure> {
    let first = lesson.calendar_event_attempt;
    let mut asked_before = lesson.calendar_event_asked_at;
    for attempt in first..first.saturating_add(MOST_IDS) {
        let event = &event(lesson, attempt)?;
        let now = app.clock.now();
        let open_since = asked_before.unwrap_or(now);
        // Before it is sent: of an insert that was cut off nobody else would know.
        store::lesson::note_event_asked(&app.db, lesson.id, Some(now)).await?;
        let inserted = with_token(app, google, grant, |token| async move {
            google.calendar.insert_event(&token, CALENDAR, event).await
        })
        .await;
        let found = match inserted {
            Ok(_) => Found::Ours,
            Err(google::Error::Duplicate) => {
                // This insert was answered; what is open is older.
                store::lesson::note_event_asked(&app.db, lesson.id, Some(open_since)).await?;
                look(app, google, grant, &event.id, lesson.id).await?
            }
            Err(error) => {
                // What was answered is not open; an earlier insert may be.
                if !error.leaves_open() {
                    store::lesson::note_event_asked(&app.db, lesson.id, asked_before).await?;
                }
                return Err(error.into());
            }
        };
        match found {
            Found::Ours => {
                let id = Some(event.id.clone());
                store::lesson::set_calendar_event(&app.db, lesson.id, grant, id, attempt).await?;
                return Ok(Outcome::Done);
            }
            // Taken, by an event that can't be seen: perhaps ours, which is just being made. Beside an event
            // with the next id it would be a second one.
            Found::Nothing if is_on_its_way(open_since, now) => {
                return Ok(Outcome::Again(LOOK_AGAIN));
            }
            // The id is used up. That is written down before the next one is tried: should the answer to
            // that be lost, its id is the one to look for.
            Found::Nothing | Found::Another => {
                let next = attempt + 1;
                store::lesson::set_calendar_event(&app.db, lesson.id, grant, None, next).await?;
                asked_before = None;
            }
        }
    }
    Err(Failure::Ours(Error::internal(anyhow::anyhow!(
        "all event ids of lesson {} are used up",
        lesson.id
    ))))
}

/// Whether an insert that was sent then may still make an event.
fn is_on_its_way(asked_at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    now < asked_at + ON_ITS_WAY
}

/// What has a certain id.
enum Found {
    /// The event of the lesson, which stands.
    Ours,
    /// One that is deleted, or not of the lesson. No insert with this id will make an event any more.
    Another,
    Nothing,
}

async fn look(
    app: &App,
    google: &Google,
    grant: GrantId,
    id: &str,
    lesson: LessonId,
) -> Result<Found, google::Error> {
    let event = with_token(app, google, grant, |token| async move {
        google.calendar.event(&token, CALENDAR, id).await
    })
    .await;
    let event = match event {
        Ok(event) => event,
        Err(google::Error::NotFound) => return Ok(Found::Nothing),
        Err(google::Error::Gone) => return Ok(Found::Another),
        Err(error) => return Err(error),
    };
    let stands = event.status != EventStatus::Cancelled;
    if stands && event.private.get(MARK) == Some(&lesson.to_string()) {
        Ok(Found::Ours)
    } else {
        Ok(Found::Another)
    }
}

/// Deletes the event also where none is known: an insert whose answer was lost may have made one, or may
/// still do so.
async fn delete(
    app: &App,
    google: &Google,
    grant: GrantId,
    lesson: &ForCalendar,
) -> Result<Outcome, Failure> {
    let now = app.clock.now();
    let attempt = lesson.calendar_event_attempt;
    let (id, found) = if let Some(id) = &lesson.calendar_event_id {
        (id.clone(), Found::Ours)
    } else {
        let id = event_id_of(lesson, attempt)?;
        let found = look(app, google, grant, &id, lesson.id).await?;
        (id, found)
    };
    match found {
        Found::Ours => remove(app, google, grant, &id).await?,
        Found::Nothing
            if lesson
                .calendar_event_asked_at
                .is_some_and(|asked_at| is_on_its_way(asked_at, now)) =>
        {
            return Ok(Outcome::Again(LOOK_AGAIN));
        }
        Found::Nothing | Found::Another => {}
    }
    store::lesson::set_calendar_event(&app.db, lesson.id, grant, None, attempt).await?;
    store::job::hurry(&app.db, Work::ReadBusyTime(lesson.tutor_id), now).await?;
    Ok(Outcome::Done)
}

async fn remove(app: &App, google: &Google, grant: GrantId, id: &str) -> Result<(), google::Error> {
    let deleted = with_token(app, google, grant, |token| async move {
        google.calendar.delete_event(&token, CALENDAR, id).await
    })
    .await;
    match deleted {
        Err(google::Error::NotFound | google::Error::Gone) => Ok(()),
        outcome => outcome,
    }
}

fn event_id_of(lesson: &ForCalendar, attempt: i16) -> Result<String, Error> {
    Ok(event_id(
        lesson.id.0,
        u16::try_from(attempt).map_err(Error::internal)?,
    ))
}

fn event(lesson: &ForCalendar, attempt: i16) -> Result<NewEvent, Error> {
    let names = lesson.student_names.join(", ");
    let attendees = lesson
        .student_emails
        .iter()
        .zip(&lesson.student_names)
        .map(|(email, name)| Attendee::invited(email.clone(), Some(name.clone())));
    Ok(NewEvent {
        id: event_id_of(lesson, attempt)?,
        summary: format!("{}, {}: {names}", lesson.subject, lesson.level),
        description: None,
        location: None,
        start: lesson.starts_at,
        end: lesson.ends_at,
        time_zone: lesson.time_zone.parse().map_err(|_| {
            Error::internal(anyhow::anyhow!(
                "lesson {} has a tutor in the unknown zone {:?}",
                lesson.id,
                lesson.time_zone
            ))
        })?,
        attendees: attendees.collect(),
        attendees_see_each_other: false,
        private: BTreeMap::from([(MARK.to_owned(), lesson.id.to_string())]),
        meet: false,
    })
}
