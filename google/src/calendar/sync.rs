//! Listing events: a window as a whole, and what has changed since.
//!
//! <https://developers.google.com/workspace/calendar/api/guides/sync>

use std::collections::{BTreeMap, BTreeSet};

use google_calendar3::api;

use super::event::time_from_api;
use super::hub::{Hubs, segment};
use super::{EventChanges, EventSync, EventTime, EventType, ListedEvent, SyncToken};
use crate::{AccessToken, Error};

/// Google gives up to 2500 at a time. With all their guests these would be longer than an answer may be.
const EVENTS_A_PAGE: i32 = 1000;

/// All who can be in a group lesson, and its tutor.
const MOST_ATTENDEES: i32 = 101;

/// Beyond that something goes round in circles, or is too much to hold at once: these are 125 000 events, a hundred a
/// day for over three years. Empty pages count, of which Google may give some.
const PAGES: usize = 125;

/// Google gives some dozen characters.
const LONGEST_TOKEN: usize = 4096;

/// An id has 1024 at most, and that of an occurrence some more.
const LONGEST_ID: usize = 2000;

/// Only what is read: of guests not who they are. Descriptions and the data of conferences would make most of a page: 8 kB
/// for an event are usual, and with so many of them the page would be longer than an answer may be.
/// <https://developers.google.com/workspace/calendar/api/guides/performance#partial>
const FIELDS: &str = "nextPageToken,nextSyncToken,timeZone,\
    items(id,etag,status,summary,start,end,transparency,eventType,attendees(self,resource,responseStatus),\
    recurringEventId,originalStartTime,extendedProperties/private,updated)";

pub(super) async fn events(
    hubs: &Hubs,
    token: &AccessToken,
    calendar_id: &str,
    sync: &EventSync<'_>,
) -> Result<EventChanges, Error> {
    if matches!(sync, EventSync::Full { from, until } if from >= until) {
        return Err(Error::unsendable("timeRangeEmpty"));
    }
    let calendar = segment(calendar_id)?;
    let mut told = BTreeMap::new();
    let mut page_token = None;
    for _ in 0..PAGES {
        let page = page(hubs, token, &calendar, sync, page_token.as_deref()).await?;
        for event in page.items.into_iter().flatten() {
            let (id, listed) = from_api(event)?;
            // One that changes while the pages are read may be on two of them.
            told.insert(id, listed);
        }
        // A page may be short, or empty: only this says whether there are more.
        page_token = page.next_page_token;
        if page_token.is_none() {
            let sync_token = page
                .next_sync_token
                .filter(|token| (1..=LONGEST_TOKEN).contains(&token.len()))
                .ok_or_else(|| Error::protocol("a listing without a sync token"))?;
            let zone = page.time_zone.and_then(|zone| zone.parse().ok());
            return Ok(changes(told, zone, SyncToken(sync_token)));
        }
    }
    Err(Error::protocol("the listing of events has no end"))
}

fn changes(
    told: BTreeMap<String, Option<ListedEvent>>,
    time_zone: Option<chrono_tz::Tz>,
    sync_token: SyncToken,
) -> EventChanges {
    let mut events = Vec::new();
    let mut cancelled = BTreeSet::new();
    for (id, listed) in told {
        match listed {
            Some(event) => events.push(event),
            None => drop(cancelled.insert(id)),
        }
    }
    EventChanges {
        events,
        cancelled,
        time_zone,
        sync_token,
    }
}

async fn page(
    hubs: &Hubs,
    token: &AccessToken,
    calendar: &str,
    sync: &EventSync<'_>,
    page_token: Option<&str>,
) -> Result<api::Events, Error> {
    let page = hubs.call(token, |hub, mut witness| async move {
        let call = hub.events().list(calendar);
        // All but the start is the same for each, as a sync token asks.
        let mut call = call
            .single_events(true)
            .max_results(EVENTS_A_PAGE)
            // Of more than that, "only the participant is returned".
            .max_attendees(MOST_ATTENDEES)
            .param("fields", FIELDS);
        call = match sync {
            EventSync::Full { from, until } => call.time_min(*from).time_max(*until),
            EventSync::Incremental(SyncToken(sync_token)) => call.sync_token(sync_token),
        };
        if let Some(page_token) = page_token {
            call = call.page_token(page_token);
        }
        Ok(call.delegate(&mut witness).doit().await?.1)
    });
    page.await
        .map_err(|error| refused(error, sync, page_token.is_some()))
}

/// What a refusal means for a run of pages, of which only the caller can start another.
fn refused(error: Error, sync: &EventSync<'_>, under_way: bool) -> Error {
    let invalid = matches!(&error, Error::Invalid { status: 400, reason } if reason == "invalid");
    let expired = matches!(error, Error::Gone | Error::FullSyncRequired);
    match sync {
        EventSync::Incremental(_) if expired || invalid => Error::FullSyncRequired,
        // The full sync is what it asks for; another try starts it anew.
        EventSync::Full { .. } if expired || (invalid && under_way) => {
            Error::unavailable("the listing of events was cut short")
        }
        _ => error,
    }
}

/// The event of this id, or none if it no longer stands. Whatever is neither fails the whole: it would be missed, or
/// taken for free time.
fn from_api(event: api::Event) -> Result<(String, Option<ListedEvent>), Error> {
    let is_id =
        |id: &String| (1..=LONGEST_ID).contains(&id.len()) && !id.contains(char::is_control);
    let Some(id) = event.id.filter(is_id) else {
        return Err(Error::protocol("an event without an id"));
    };
    if event.status.as_deref() == Some("cancelled") {
        return Ok((id, None));
    }
    if !event.recurring_event_id.iter().all(is_id) {
        return Err(Error::protocol("an occurrence of an event without an id"));
    }
    let (start, end) = times(event.start, event.end)?;
    let attendees = event.attendees.as_deref().unwrap_or_default();
    let has_declined = |is_self: bool| {
        attendees.iter().any(|attendee| {
            (attendee.self_ == Some(true)) == is_self
                && attendee.resource != Some(true)
                && attendee.response_status.as_deref() == Some("declined")
        })
    };
    let (declined, guest_declined) = (has_declined(true), has_declined(false));
    let properties = event.extended_properties.and_then(|all| all.private);
    let listed = ListedEvent {
        id: id.clone(),
        etag: event.etag,
        tentative: event.status.as_deref() == Some("tentative"),
        summary: event.summary.unwrap_or_default(),
        start,
        end,
        transparent: event.transparency.as_deref() == Some("transparent"),
        event_type: event_type(event.event_type.as_deref()),
        declined,
        guest_declined,
        recurring_event_id: event.recurring_event_id,
        original_start: time_from_api(event.original_start_time),
        private: properties.into_iter().flatten().collect(),
        updated: event.updated,
    };
    Ok((id, Some(listed)))
}

fn times(
    start: Option<api::EventDateTime>,
    end: Option<api::EventDateTime>,
) -> Result<(EventTime, EventTime), Error> {
    use EventTime::{At, Day};
    match (time_from_api(start), time_from_api(end)) {
        (Some(At(start)), Some(At(end))) if start <= end => Ok((At(start), At(end))),
        (Some(Day(start)), Some(Day(end))) if start < end => Ok((Day(start), Day(end))),
        _ => Err(Error::protocol("an event that stands, without its times")),
    }
}

pub(super) fn event_type(name: Option<&str>) -> EventType {
    match name {
        None | Some("default") => EventType::Default,
        Some("birthday") => EventType::Birthday,
        Some("focusTime") => EventType::FocusTime,
        Some("fromGmail") => EventType::FromGmail,
        Some("outOfOffice") => EventType::OutOfOffice,
        Some("workingLocation") => EventType::WorkingLocation,
        Some(_) => EventType::Other,
    }
}
