//! The event of a lesson, as Google tells it now.

use super::super::{
    calendar_connection::with_token,
    lesson_event::{MARK, REVISION},
};
use crate::{
    app::{App, Google},
    store::lesson::ForCalendar,
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
    /// What makes no sense, so nothing follows from it: another event, or one of another revision, or no calendar.
    Unclear,
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
            Self::Unclear => None,
        }
    }

    /// Whether this guest says no, as far as the event tells.
    pub(super) fn is_declined_by(&self, email: &str) -> bool {
        let Self::Event(event) = self else {
            return false;
        };
        event.attendees.iter().any(|attendee| {
            attendee.response == AttendeeResponse::Declined
                && !attendee.is_self
                && attendee.email.eq_ignore_ascii_case(email)
        })
    }
}

/// Looks at an event. That it is gone is believed only where the calendar can be read, and a second look says so too.
pub(super) async fn look(
    app: &App,
    google: &Google,
    grant: GrantId,
    lesson: &ForCalendar,
    id: &str,
) -> Result<Seen, google::Error> {
    let Some(found) = find(app, google, grant, (lesson.calendar(), id)).await? else {
        return look_again(app, google, grant, lesson, id).await;
    };
    Ok(judge(found, lesson))
}

async fn look_again(
    app: &App,
    google: &Google,
    grant: GrantId,
    lesson: &ForCalendar,
    id: &str,
) -> Result<Seen, google::Error> {
    if !is_readable(app, google, grant, lesson.calendar(), app.clock.now()).await? {
        return Ok(Seen::Unclear);
    }
    let found = find(app, google, grant, (lesson.calendar(), id)).await?;
    Ok(found.map_or(Seen::Nothing, |event| judge(event, lesson)))
}

fn judge(event: Event, lesson: &ForCalendar) -> Seen {
    if event.status == EventStatus::Cancelled {
        return Seen::Nothing;
    }
    let says = |name, value: String| event.private.get(name) == Some(&value);
    if says(MARK, lesson.id.to_string()) && says(REVISION, lesson.calendar_revision.to_string()) {
        Seen::Event(Box::new(event))
    } else {
        Seen::Unclear
    }
}

/// An event, unless Google says that there is none.
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
        Ok(event) => Ok(Some(event)),
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
