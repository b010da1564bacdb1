//! The event of a lesson, as Google tells it now.

use super::super::{
    calendar_connection::{Failure, with_token},
    lesson_event::{is_of, shown_revision},
};
use crate::{
    app::{App, Google},
    store::{self, lesson::ForCalendar},
};
use ::entity::id::GrantId;
use chrono::{DateTime, TimeDelta, Utc};
use google::{AttendeeResponse, Event, EventStatus, EventSync, EventTime};
use scheduling::drift::Shown;

/// What is listed of a calendar to find out whether it is there to be read.
const A_MOMENT: TimeDelta = TimeDelta::minutes(1);

/// What was seen of an event that is known.
pub(super) enum Seen {
    /// It stands.
    Event(Box<Event>),
    /// It is gone, and its calendar is not.
    Nothing,
    /// What makes no sense, so nothing follows from it: another event, or one of another revision, or one that is repeated.
    Unclear,
    /// Its calendar is gone.
    NoCalendar,
}

impl Seen {
    pub(super) fn shown(&self) -> Option<Shown> {
        match self {
            Self::Event(event) => Some(match (event.start, event.end) {
                (Some(EventTime::At(start)), Some(EventTime::At(end))) => Shown::At(start, end),
                (Some(EventTime::Day(_)), Some(EventTime::Day(_))) => Shown::Days,
                _ => return None,
            }),
            Self::Nothing => Some(Shown::Nothing),
            Self::Unclear | Self::NoCalendar => None,
        }
    }

    /// Whether this guest says no to the time that the event is at, as far as the event tells.
    pub(super) fn is_declined_by(&self, email: &str) -> bool {
        let Self::Event(event) = self else {
            return false;
        };
        let Some(EventTime::At(start)) = event.start else {
            return false;
        };
        event.invites_for(start)
            && event.attendees.iter().any(|attendee| {
                attendee.response == AttendeeResponse::Declined
                    && !attendee.is_self
                    && attendee.email.eq_ignore_ascii_case(email)
            })
    }
}

/// Looks at an event. That it is gone is believed only where its calendar can be read, a second look says so too, and it is in
/// none of the tutor's other calendars.
pub(super) async fn look(
    app: &App,
    google: &Google,
    grant: GrantId,
    lesson: &ForCalendar,
    id: &str,
) -> Result<Seen, Failure> {
    let calendar = lesson.calendar();
    if let Some(event) = find(app, google, grant, (calendar, id)).await? {
        return Ok(judge(event, lesson));
    }
    if !is_readable(app, google, grant, calendar, app.clock.now()).await? {
        return Ok(Seen::NoCalendar);
    }
    if let Some(event) = find(app, google, grant, (calendar, id)).await? {
        return Ok(judge(event, lesson));
    }
    let elsewhere = find_elsewhere(app, google, grant, lesson, id).await?;
    Ok(elsewhere.map_or(Seen::Nothing, |event| judge(event, lesson)))
}

/// An event that the tutor has moved into another calendar of theirs, where it is from now on.
pub(in crate::service) async fn find_elsewhere(
    app: &App,
    google: &Google,
    grant: GrantId,
    lesson: &ForCalendar,
    id: &str,
) -> Result<Option<Event>, Failure> {
    for other in store::drift::other_calendars(&app.db, lesson.id).await? {
        if let Some(event) = find(app, google, grant, (&other, id)).await? {
            let from_to = (id, lesson.calendar(), &*other);
            store::drift::note_calendar(&app.db, lesson.id, from_to).await?;
            return Ok(Some(event));
        }
    }
    Ok(None)
}

/// What an event says that stands. Of a revision that is neither that of the lesson nor the last one that it was known to show
/// it is not known from where it was moved.
fn judge(event: Event, lesson: &ForCalendar) -> Seen {
    let revision = shown_revision(lesson, &event);
    let is_known =
        revision == Some(lesson.calendar_revision) || revision == lesson.calendar_event_revision;
    let is_ours = is_of(&event, lesson.id) || lesson.is_own_event(&event.id);
    if is_ours && is_known && !event.repeats {
        Seen::Event(Box::new(event))
    } else {
        Seen::Unclear
    }
}

/// An event that stands, unless Google says that there is none.
async fn find(
    app: &App,
    google: &Google,
    grant: GrantId,
    (calendar, id): (&str, &str),
) -> Result<Option<Event>, google::Error> {
    let event = with_token(app, google, grant, |token| async move {
        google.calendar.event(&token, calendar, id).await
    })
    .await;
    match event {
        Ok(event) => Ok(Some(event).filter(|it| it.status != EventStatus::Cancelled)),
        Err(google::Error::NotFound | google::Error::Gone) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether a calendar is there to be read.
async fn is_readable(
    app: &App,
    google: &Google,
    grant: GrantId,
    calendar: &str,
    now: DateTime<Utc>,
) -> Result<bool, google::Error> {
    let moment = EventSync::Full {
        from: now,
        until: now + A_MOMENT,
    };
    let listed = with_token(app, google, grant, |token| async move {
        google.calendar.events(&token, calendar, moment).await
    })
    .await;
    match listed {
        Ok(_) => Ok(true),
        Err(google::Error::NotFound | google::Error::Gone) => Ok(false),
        Err(error) => Err(error),
    }
}
