//! The event of a lesson, as Google tells it now.

use super::super::{
    calendar_connection::{Failure, with_token},
    lesson_event::{is_event_of, is_lost, shown_revision},
};
use crate::{
    app::{App, Google},
    store::{
        self,
        lesson::{ForCalendar, PRIMARY_CALENDAR},
    },
};
use ::entity::id::GrantId;
use chrono::{DateTime, TimeDelta, Utc};
use google::{
    AccessRole, AttendeeResponse, CalendarEntry, Event, EventStatus, EventSync, EventTime,
};
use scheduling::drift::Shown;

/// What is listed of a calendar to find out whether it is there to be read.
const A_MOMENT: TimeDelta = TimeDelta::minutes(1);

/// In so many of the tutor's calendars an event is looked for.
const MOST_CALENDARS: usize = 50;

/// What was seen of an event that is known.
pub(super) enum Seen {
    /// It stands.
    Event(Box<Event>),
    /// It is gone, and its calendar is not.
    Nothing,
    /// What makes no sense, so nothing follows from it: another event, or one of another revision, or one that is repeated; or
    /// it is not known where it may be.
    Unclear,
    /// The tutor's own, which no longer is the one event that was opened.
    Lost,
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
            Self::Unclear | Self::Lost | Self::NoCalendar => None,
        }
    }

    /// What this guest, whom we have invited, answers to the time that the event is at, as far as the event tells.
    pub(super) fn answer_of(&self, email: &str) -> Option<AttendeeResponse> {
        let Self::Event(event) = self else {
            return None;
        };
        let Some(EventTime::At(start)) = event.start else {
            return None;
        };
        let mut guests = event.attendees.iter();
        let guest = guests.find(|it| !it.is_self && it.email.eq_ignore_ascii_case(email))?;
        (event.invites(email) && event.invites_for(start)).then_some(guest.response)
    }
}

/// Looks at an event. That it is gone is believed only where its calendar can be read, a second look says so too, and it is in
/// none of the calendars that the tutor has by now.
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
    let Some(own) = own_calendars(app, google, grant).await? else {
        return Ok(Seen::Unclear);
    };
    if !own.iter().any(|it| is_called(it, calendar)) {
        return Ok(Seen::NoCalendar);
    }
    if !is_readable(app, google, grant, calendar, app.clock.now()).await? {
        return Ok(Seen::Unclear);
    }
    if let Some(event) = find(app, google, grant, (calendar, id)).await? {
        return Ok(judge(event, lesson));
    }
    let elsewhere = find_in(app, google, grant, (lesson, id), &own).await?;
    Ok(match elsewhere {
        Elsewhere::Found { event, .. } => judge(*event, lesson),
        Elsewhere::Nowhere => Seen::Nothing,
        Elsewhere::Unknown => Seen::Unclear,
    })
}

/// Whether an event is in another calendar of the tutor.
pub(in crate::service) enum Elsewhere {
    Found {
        calendar: String,
        event: Box<Event>,
    },
    Nowhere,
    /// Not all of them could be looked into.
    Unknown,
}

/// Looks for the event of a lesson in the other calendars that the tutor has by now. Into which of them the tutor has moved it,
/// there it is from now on.
pub(in crate::service) async fn find_elsewhere(
    app: &App,
    google: &Google,
    grant: GrantId,
    lesson: &ForCalendar,
    id: &str,
) -> Result<Elsewhere, Failure> {
    match own_calendars(app, google, grant).await? {
        Some(own) => find_in(app, google, grant, (lesson, id), &own).await,
        None => Ok(Elsewhere::Unknown),
    }
}

async fn find_in(
    app: &App,
    google: &Google,
    grant: GrantId,
    (lesson, id): (&ForCalendar, &str),
    own: &[CalendarEntry],
) -> Result<Elsewhere, Failure> {
    let from = lesson.calendar();
    let others = own.iter().filter(|it| !is_called(it, from));
    let mut is_known = own.len() <= MOST_CALENDARS;
    for other in others.take(MOST_CALENDARS) {
        match find(app, google, grant, (&other.id, id)).await {
            Ok(Some(event)) if is_event_of(&event, lesson) => {
                let from_to = (id, from, &*other.id);
                store::drift::note_calendar(&app.db, lesson.id, from_to).await?;
                return Ok(Elsewhere::Found {
                    calendar: other.id.clone(),
                    event: Box::new(event),
                });
            }
            Ok(_) => {}
            Err(error) if is_about_one(&error) => is_known = false,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(if is_known {
        Elsewhere::Nowhere
    } else {
        Elsewhere::Unknown
    })
}

/// The calendars that the tutor owns; none where Google does not tell which these are.
async fn own_calendars(
    app: &App,
    google: &Google,
    grant: GrantId,
) -> Result<Option<Vec<CalendarEntry>>, google::Error> {
    let listed = with_token(app, google, grant, |token| async move {
        google.calendar.calendars(&token).await
    })
    .await;
    match listed {
        Ok(mut own) => {
            own.retain(|it| it.access_role == AccessRole::Owner);
            Ok(Some(own))
        }
        Err(error) if is_about_one(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether it is about what was asked for, and Google would tell other things.
fn is_about_one(error: &google::Error) -> bool {
    use google::Error as Google;
    matches!(
        error,
        Google::NotFound
            | Google::Gone
            | Google::InsufficientScope
            | Google::Invalid { .. }
            | Google::Protocol(_)
    )
}

fn is_called(calendar: &CalendarEntry, name: &str) -> bool {
    calendar.id == name || calendar.primary && name == PRIMARY_CALENDAR
}

/// What an event says that stands. Of a revision that is neither that of the lesson nor the last one that it was known to show
/// it is not known from where it was moved.
fn judge(event: Event, lesson: &ForCalendar) -> Seen {
    let revision = shown_revision(lesson, &event);
    let is_known =
        revision == Some(lesson.calendar_revision) || revision == lesson.calendar_event_revision;
    if is_lost(lesson, &event) {
        Seen::Lost
    } else if is_event_of(&event, lesson) && is_known && !event.repeats {
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
