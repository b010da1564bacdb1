//! The event of a lesson in its tutor's Google Calendar.

use super::{LessonId, calendar_connection::with_token};
use crate::{
    app::{App, Google},
    error::Error,
    store::{self, job::Work, lesson::ForCalendar},
};
use ::entity::{id::GrantId, lesson::LessonStatus};
use google::{Attendee, EventStatus, NewEvent, event_id};
use sea_orm::DbErr;
use std::collections::BTreeMap;

/// The calendar that receives lessons.
const CALENDAR: &str = "primary";

/// The private extended property that marks an event as ours.
const MARK: &str = "tutoringSchedulerLesson";

/// How many used-up event ids are skipped in one run.
const MOST_IDS: i16 = 20;

/// Makes the calendar say what the lesson says. May be repeated at any time: the event's id follows
/// from the lesson, so there is never a second event.
pub async fn sync(app: &App, id: LessonId) -> Result<(), Error> {
    let Some(google) = &app.google else {
        return Ok(());
    };
    let Some(lesson) = store::lesson::for_calendar(&app.db, id).await? else {
        return Ok(());
    };
    let Some(grant) = lesson.grant_id else {
        // Connecting the calendar enqueues this again.
        return Ok(());
    };
    let outcome = match (lesson.status, &lesson.calendar_event_id) {
        (LessonStatus::Scheduled, Some(_)) => return Ok(()),
        (LessonStatus::Scheduled, None) => insert(app, google, grant, &lesson).await,
        (LessonStatus::Cancelled, _) => delete(app, google, grant, &lesson).await,
    };
    match outcome {
        Ok(()) => Ok(store::google_grant::note_success(&app.db, grant).await?),
        // Only the tutor can mend these; connecting again enqueues this again.
        Err(Failure::Google(google::Error::GrantDead | google::Error::InsufficientScope)) => Ok(()),
        Err(Failure::Google(error)) => {
            store::google_grant::note_failure(&app.db, grant, app.clock.now()).await?;
            Err(Error::Unavailable {
                cause: error.into(),
            })
        }
        Err(Failure::Ours(error)) => Err(error),
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
) -> Result<(), Failure> {
    let first = lesson.calendar_event_attempt;
    for attempt in first..first.saturating_add(MOST_IDS) {
        let event = &event(lesson, attempt)?;
        let inserted = with_token(app, google, grant, |token| async move {
            google.calendar.insert_event(&token, CALENDAR, event).await
        })
        .await;
        match inserted {
            Ok(_) => {}
            Err(google::Error::Duplicate)
                if stands(app, google, grant, &event.id, lesson.id).await? => {}
            // The id is used up, by an event that is deleted or not ours. That is written down before the
            // next one is tried: should the answer to that be lost, its id is the one to look for.
            Err(google::Error::Duplicate) => {
                let next = attempt + 1;
                store::lesson::set_calendar_event(&app.db, lesson.id, grant, None, next).await?;
                continue;
            }
            Err(error) => return Err(error.into()),
        }
        return Ok(store::lesson::set_calendar_event(
            &app.db,
            lesson.id,
            grant,
            Some(event.id.clone()),
            attempt,
        )
        .await?);
    }
    Err(Failure::Ours(Error::internal(anyhow::anyhow!(
        "all event ids of lesson {} are used up",
        lesson.id
    ))))
}

/// Whether the event with this id is that of this lesson and has not been deleted.
async fn stands(
    app: &App,
    google: &Google,
    grant: GrantId,
    id: &str,
    lesson: LessonId,
) -> Result<bool, google::Error> {
    let event = with_token(app, google, grant, |token| async move {
        google.calendar.event(&token, CALENDAR, id).await
    })
    .await;
    let event = match event {
        Ok(event) => event,
        Err(google::Error::NotFound | google::Error::Gone) => return Ok(false),
        Err(error) => return Err(error),
    };
    Ok(event.status != EventStatus::Cancelled
        && event.private.get(MARK) == Some(&lesson.to_string()))
}

/// Deletes the event also where none is known: an insert whose answer was lost may have made one.
async fn delete(
    app: &App,
    google: &Google,
    grant: GrantId,
    lesson: &ForCalendar,
) -> Result<(), Failure> {
    let attempt = lesson.calendar_event_attempt;
    let known = lesson.calendar_event_id.clone();
    let is_known = known.is_some();
    let id = &known.map_or_else(|| event_id_of(lesson, attempt), Ok)?;
    if is_known || stands(app, google, grant, id, lesson.id).await? {
        let deleted = with_token(app, google, grant, |token| async move {
            google.calendar.delete_event(&token, CALENDAR, id).await
        })
        .await;
        match deleted {
            Ok(()) | Err(google::Error::NotFound | google::Error::Gone) => {}
            Err(error) => return Err(error.into()),
        }
    }
    store::lesson::set_calendar_event(&app.db, lesson.id, grant, None, attempt + 1).await?;
    Ok(store::job::enqueue(
        &app.db,
        Work::ReadBusyTime(lesson.tutor_id),
        app.clock.now(),
    )
    .await?)
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
