//! What we say to Calendar and what it says to us.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use serde_json::Value;

use super::EventType;

/// A calendar on the user's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CalendarEntry {
    /// Its id; an e-mail address, more often than not.
    pub id: String,
    /// What the user calls it.
    pub summary: String,
    /// Whether it is the account's own main calendar.
    pub primary: bool,
    /// What the user may do with it.
    pub access_role: AccessRole,
    /// Its zone, if it has one that we know.
    pub time_zone: Option<Tz>,
}

/// What a user may do with a calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessRole {
    /// Everything.
    Owner,
    /// Read and write events.
    Writer,
    /// Read events.
    Reader,
    /// See free/busy only.
    FreeBusyReader,
    /// Something that Google has added since.
    Other,
}

/// What free/busy tells of the calendars that it was asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FreeBusy {
    /// When they are busy, by calendar and in order; spans of one calendar neither overlap nor touch, but may reach beyond
    /// the window.
    pub busy: Vec<BusySpan>,
    /// Those that are gone, or not this user's to read: of them nothing is told.
    pub not_found: BTreeSet<String>,
}

/// A half-open span during which a calendar is busy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BusySpan {
    /// On which calendar.
    pub calendar_id: String,
    /// From.
    pub start: DateTime<Utc>,
    /// Until, exclusive.
    pub end: DateTime<Utc>,
}

/// An event to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// Chosen by us with [`event_id`](crate::event_id), which makes the insert safe to repeat.
    pub id: String,
    /// The title.
    pub summary: String,
    /// The text; Google takes simple HTML for markup, so escape what users wrote.
    pub description: Option<String>,
    /// Where.
    pub location: Option<String>,
    /// From.
    pub start: DateTime<Utc>,
    /// Until.
    pub end: DateTime<Utc>,
    /// In which zone it is thought and shown.
    pub time_zone: Tz,
    /// Who is invited. They are mailed by Google.
    pub attendees: Vec<Attendee>,
    /// Whether the invited see each other; not in a group lesson of minors.
    pub attendees_see_each_other: bool,
    /// Ours alone: extended properties on this calendar's copy, beside those that name whom we invite. Keys up to 44 characters, values up to 1024; longer
    /// ones are refused here, because Google drops or cuts them silently.
    /// <https://developers.google.com/workspace/calendar/api/guides/extended-properties>
    pub private: BTreeMap<String, String>,
    /// Whether Google shall add a Meet link. It comes later: read the event again until there is one.
    pub meet: bool,
}

/// Somebody invited to an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attendee {
    /// Their e-mail address.
    pub email: String,
    /// Their name, for display.
    pub name: Option<String>,
    /// What they said. For a new event: [`AttendeeResponse::NeedsAction`].
    pub response: AttendeeResponse,
    /// Whether they are the organiser.
    pub organizer: bool,
    /// Whether this is the account whose calendar is being read.
    pub is_self: bool,
}

impl Attendee {
    /// Somebody to be invited, who has not answered yet.
    pub fn invited(email: impl Into<String>, name: Option<String>) -> Self {
        Self {
            email: email.into(),
            name,
            response: AttendeeResponse::NeedsAction,
            organizer: false,
            is_self: false,
        }
    }
}

/// What an attendee said to an invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttendeeResponse {
    /// Nothing yet.
    NeedsAction,
    /// No.
    Declined,
    /// Perhaps.
    Tentative,
    /// Yes.
    Accepted,
}

/// An event as it stands in a calendar.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is what Google tells of an event, and none follows from the others"
)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its id, unique within its calendar.
    pub id: String,
    /// Its version; opaque.
    pub etag: Option<String>,
    /// Whether it stands. A deleted event may still be read, as cancelled.
    pub status: EventStatus,
    /// The title; empty if there is none.
    pub summary: String,
    /// The text.
    pub description: Option<String>,
    /// Where.
    pub location: Option<String>,
    /// From; absent from what is left of a deleted event.
    pub start: Option<EventTime>,
    /// Until, exclusive; absent from what is left of a deleted event.
    pub end: Option<EventTime>,
    /// Whether it leaves its time free (`transparency: transparent`).
    pub transparent: bool,
    /// Who is invited.
    pub attendees: Vec<Attendee>,
    /// The attendees as Google tells them, rooms and all: whoever changes the list sends back what stays. None where it has told
    /// only some of them.
    pub(super) guests: Option<Vec<Value>>,
    /// Our extended properties on this copy.
    pub private: BTreeMap<String, String>,
    /// Where the video meeting is, once there is one.
    pub meet_url: Option<String>,
    /// Whether Google is still making it.
    pub meet_pending: bool,
    /// Its page in Google Calendar.
    pub html_link: Option<String>,
    /// If it is an occurrence of a repeated event, the id of that.
    pub recurring_event_id: Option<String>,
    /// Whether it is repeated itself.
    pub repeats: bool,
    /// What kind of event it is.
    pub event_type: EventType,
    /// Whether it is organized in this calendar: else it is a copy of somebody else's, whose guests can't be changed here.
    pub is_organized_here: bool,
    /// Whether its guests may change it.
    pub guests_can_modify: bool,
    /// When it was last changed.
    pub updated: Option<DateTime<Utc>>,
}

/// Whether an event stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventStatus {
    /// It does.
    Confirmed,
    /// It may.
    Tentative,
    /// It does not: cancelled or deleted.
    Cancelled,
}

/// The start or end of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventTime {
    /// At an instant.
    At(DateTime<Utc>),
    /// An all-day event's day, in the zone of the calendar.
    Day(NaiveDate),
}
