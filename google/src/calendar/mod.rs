//! Google Calendar v3, as far as the service needs it.

mod types;

use chrono::{DateTime, Utc};
use url::Url;
use uuid::Uuid;

pub use types::{
    AccessRole, Attendee, AttendeeResponse, BusySpan, CalendarEntry, Event, EventStatus, EventTime,
    NewEvent,
};

use crate::{AccessToken, Error, Limits};

/// Google Calendar, or its stand-in. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct Calendar {}

/// The id of a lesson's event: legal for Calendar (`[0-9a-v]{5,1024}`), and the same for the same input.
pub fn event_id(lesson: Uuid, attempt: u16) -> String {
    format!("{}{attempt:04x}", lesson.simple())
}

impl Calendar {
    /// `root` is `https://www.googleapis.com`, or where the stand-in is.
    pub fn new(root: &Url, user_agent: &str) -> Result<Self, Error> {
        Self::with_limits(root, user_agent, Limits::CALENDAR)
    }

    /// As [`Calendar::new`], with other limits.
    pub fn with_limits(root: &Url, user_agent: &str, limits: Limits) -> Result<Self, Error> {
        let _ = (root, user_agent, limits);
        todo!()
    }

    /// The calendars on the user's list.
    pub async fn calendars(&self, token: &AccessToken) -> Result<Vec<CalendarEntry>, Error> {
        let _ = token;
        todo!()
    }

    /// When the calendars are busy between `from` and `until`.
    pub async fn busy(
        &self,
        token: &AccessToken,
        calendar_ids: &[String],
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<BusySpan>, Error> {
        let _ = (token, calendar_ids, from, until);
        todo!()
    }

    /// Makes an event and mails its attendees.
    pub async fn insert_event(
        &self,
        token: &AccessToken,
        calendar_id: &str,
        event: &NewEvent,
    ) -> Result<Event, Error> {
        let _ = (token, calendar_id, event);
        todo!()
    }

    /// Reads an event.
    pub async fn event(
        &self,
        token: &AccessToken,
        calendar_id: &str,
        id: &str,
    ) -> Result<Event, Error> {
        let _ = (token, calendar_id, id);
        todo!()
    }

    /// Deletes an event and mails its attendees.
    pub async fn delete_event(
        &self,
        token: &AccessToken,
        calendar_id: &str,
        id: &str,
    ) -> Result<(), Error> {
        let _ = (token, calendar_id, id);
        todo!()
    }
}
