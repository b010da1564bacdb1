//! Google Calendar v3, as far as the service needs it.

mod bounded;
mod busy;
mod change;
mod event;
mod hub;
mod list;
mod listed;
mod refusal;
mod sync;
mod types;
mod watch;

use chrono::{DateTime, Utc};
use tracing::instrument;
use url::Url;

pub use event::{event_id, lesson_of_event};
pub use listed::{EventChanges, EventSync, EventType, ListedEvent, Outdated, SyncToken};
pub use types::{
    AccessRole, Attendee, AttendeeResponse, BusySpan, CalendarEntry, Event, EventStatus, EventTime,
    FreeBusy, NewEvent,
};
pub use watch::{Channel, NewChannel};

use crate::{AccessToken, Error, Limits};
use hub::Hubs;

/// Google Calendar, or its stand-in. Cheap to clone; clones share connections.
///
/// What every call may fail with, besides what it says itself: [`Error::Unauthorized`] (drop the token, try once with
/// a new one), [`Error::InsufficientScope`], [`Error::RateLimited`], [`Error::QuotaExceeded`], [`Error::Unavailable`]
/// and [`Error::Protocol`].
#[derive(Clone)]
pub struct Calendar {
    hubs: Hubs,
}

impl Calendar {
    /// `root` is `https://www.googleapis.com`, or where the stand-in is. Does no I/O. Trusts the certificates of the
    /// web's authorities as compiled in.
    ///
    /// # Errors
    ///
    /// [`Error::Protocol`] if `root` is plain http and not on a loopback address, or `user_agent` is not a header value.
    pub fn new(root: &Url, user_agent: &str) -> Result<Self, Error> {
        Self::with_limits(root, user_agent, Limits::CALENDAR)
    }

    /// As [`Calendar::new`], with other limits.
    pub fn with_limits(root: &Url, user_agent: &str, limits: Limits) -> Result<Self, Error> {
        let hubs = Hubs::new(root, user_agent, limits)?;
        Ok(Self { hubs })
    }

    /// The calendars on the user's list, those too that are hidden from view.
    ///
    /// Needs [`scope::CALENDAR_CALENDARLIST_READONLY`](crate::scope::CALENDAR_CALENDARLIST_READONLY).
    #[instrument(name = "google.calendars", skip_all)]
    pub async fn calendars(&self, token: &AccessToken) -> Result<Vec<CalendarEntry>, Error> {
        list::calendars(&self.hubs, token).await
    }

    /// When the calendars are busy within `[from, until)`.
    ///
    /// All or nothing, but for calendars that are not found: if the reading of a single one fails, so does this, because
    /// what could not be read is not free. Windows over 90 days and more than 50 calendars are asked for in portions. Needs
    /// [`scope::CALENDAR_FREEBUSY`](crate::scope::CALENDAR_FREEBUSY).
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for an empty window.
    #[instrument(name = "google.busy", skip_all, fields(calendars = calendar_ids.len()))]
    pub async fn busy(
        &self,
        token: &AccessToken,
        calendar_ids: &[String],
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<FreeBusy, Error> {
        busy::busy(&self.hubs, token, calendar_ids, (from, until)).await
    }

    /// Makes an event; Google mails those invited.
    ///
    /// Safe to repeat, because the id is ours. That is left to the caller: it is sent once, so that an answer tells all
    /// about this call. Needs [`scope::CALENDAR_EVENTS_OWNED`](crate::scope::CALENDAR_EVENTS_OWNED).
    ///
    /// # Errors
    ///
    /// [`Error::Duplicate`] if the id is taken: by an earlier insert whose answer was lost, or by an event deleted
    /// since. Read it with [`Calendar::event`] and compare. [`Error::leaves_open`] tells after which it may yet be made.
    /// [`Error::NotFound`] if there is no such calendar; [`Error::Invalid`] for an event that can't be sent.
    #[instrument(name = "google.insert_event", skip_all, fields(event = %event.id))]
    pub async fn insert_event(
        &self,
        token: &AccessToken,
        calendar_id: &str,
        event: &NewEvent,
    ) -> Result<Event, Error> {
        event::insert(&self.hubs, token, calendar_id, event).await
    }

    /// Reads an event. A deleted one may come as [`EventStatus::Cancelled`] rather than as an error.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if there never was one, [`Error::Gone`] if it has been deleted.
    #[instrument(name = "google.event", skip_all, fields(event = %id))]
    pub async fn event(
        &self,
        token: &AccessToken,
        calendar_id: &str,
        id: &str,
    ) -> Result<Event, Error> {
        event::get(&self.hubs, token, calendar_id, id).await
    }

    /// Makes an event that stands say what `wanted` does: its times, its title, whom we invite, and the private
    /// properties. Whatever else others have made of it stays: text, colour, reminders, guests of their own, and what
    /// guests have answered. Google mails the guests if there is anything new for them. Of an event that was not made here the first
    /// change also says whether guests see each other, and that they invite nobody.
    ///
    /// Only if the event is still as it was read. So a repetition after a lost answer changes nothing, and what is held
    /// up on its way takes no effect once the event has been written anew.
    ///
    /// # Errors
    ///
    /// [`Error::PreconditionFailed`] if the event has changed since, which a change whose answer was lost does too;
    /// [`Error::Gone`] or [`Error::NotFound`] if it no longer stands; [`Error::Invalid`] for an event that can't be sent.
    #[instrument(name = "google.change_event", skip_all, fields(event = %event.id))]
    pub async fn change_event(
        &self,
        token: &AccessToken,
        calendar_id: &str,
        event: &Event,
        wanted: &NewEvent,
    ) -> Result<(), Error> {
        change::change(&self.hubs, token, calendar_id, event, wanted).await
    }

    /// Takes off the list of an event that stands whom we have invited, and these and our other private properties off the
    /// event; all else stays. Google tells the guests.
    ///
    /// Only if the event is still as it was read.
    ///
    /// # Errors
    ///
    /// As [`Calendar::change_event`].
    #[instrument(name = "google.withdraw", skip_all, fields(event = %event.id))]
    pub async fn withdraw(
        &self,
        token: &AccessToken,
        calendar_id: &str,
        event: &Event,
        properties: &[&str],
    ) -> Result<(), Error> {
        change::withdraw(&self.hubs, token, calendar_id, event, properties).await
    }

    /// Deletes an event; Google tells those invited.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`] if it has been deleted before, which is also what a repeated delete whose first answer was lost
    /// gives; [`Error::NotFound`] if there never was one.
    #[instrument(name = "google.delete_event", skip_all, fields(event = %id))]
    pub async fn delete_event(
        &self,
        token: &AccessToken,
        calendar_id: &str,
        id: &str,
    ) -> Result<(), Error> {
        event::delete(&self.hubs, token, calendar_id, id).await
    }

    /// Lists the events of a window, or what has changed since the last listing: all pages of it, repeated events as
    /// their occurrences.
    ///
    /// All or nothing: a single event that makes no sense fails the whole, because it is neither deleted nor free time.
    /// Needs [`scope::CALENDAR_EVENTS_OWNED`](crate::scope::CALENDAR_EVENTS_OWNED), and a calendar that the user owns.
    ///
    /// # Errors
    ///
    /// [`Error::FullSyncRequired`] if the sync token is no longer good: forget what was listed, and make a full sync.
    /// [`Error::Unavailable`] also if a full sync is cut short, which another one mends. [`Error::NotFound`] if there is
    /// no such calendar; [`Error::Invalid`] for an empty window; [`Error::Protocol`] also if there is no end to it.
    #[instrument(name = "google.events", skip_all)]
    pub async fn events(
        &self,
        token: &AccessToken,
        calendar_id: &str,
        sync: EventSync<'_>,
    ) -> Result<EventChanges, Error> {
        sync::events(&self.hubs, token, calendar_id, &sync).await
    }

    /// Opens a channel through which Google tells that events of a calendar have changed, but not which: then make an
    /// incremental sync. Messages may be lost, so make one from time to time anyway.
    ///
    /// Sent once, because an id is good for one channel. The first message may come before this returns. Needs
    /// [`scope::CALENDAR_EVENTS_OWNED`](crate::scope::CALENDAR_EVENTS_OWNED), and a calendar that the user owns.
    ///
    /// # Errors
    ///
    /// [`Error::PushNotSupported`] if the calendar can't be watched; [`Error::NotFound`] if there is none;
    /// [`Error::Invalid`] for a channel that can't be opened, with reason `channelIdNotUnique` if its id was used.
    /// [`Error::leaves_open`] tells after which it may be open all the same, until its time is over: take another id.
    #[instrument(name = "google.watch", skip_all, fields(channel = %channel.id))]
    pub async fn watch(
        &self,
        token: &AccessToken,
        calendar_id: &str,
        channel: &NewChannel,
    ) -> Result<Channel, Error> {
        watch::watch(&self.hubs, token, calendar_id, channel).await
    }

    /// Stops a channel. One that is not there is stopped: over, stopped before, or opened by another user, as whom it
    /// can't be stopped at all. Messages that are on their way may still come.
    ///
    /// Needs [`scope::CALENDAR_EVENTS_OWNED`](crate::scope::CALENDAR_EVENTS_OWNED).
    #[instrument(name = "google.stop_channel", skip_all, fields(channel = %id))]
    pub async fn stop_channel(
        &self,
        token: &AccessToken,
        id: &str,
        resource_id: &str,
    ) -> Result<(), Error> {
        watch::stop(&self.hubs, token, id, resource_id).await
    }
}
