//! Changing events. Everything that changes one, over HTTP or not, comes through here.

use std::collections::BTreeMap;

use axum::http::HeaderMap;
use serde_json::{Map, Value};

use super::{
    attendees, caller::if_match, conference, error::ApiError, fields, recurrence, render, watch,
};
use crate::state::{Calendar, Event, Gone, Instance, State};

/// A write.
pub(crate) struct Change<'a> {
    pub(crate) body: &'a Map<String, Value>,
    /// `conferenceDataVersion`
    pub(crate) conference: i64,
    /// Named fields only?
    pub(crate) merge: bool,
}

/// Makes an event and returns its id.
pub(crate) fn insert(
    state: &mut State,
    calendar_id: &str,
    creator: &str,
    change: &Change<'_>,
) -> Result<String, ApiError> {
    let now = state.now();
    let calendar = calendar(state, calendar_id)?;
    let id = match change.body.get("id") {
        None | Some(Value::Null) => uuid::Uuid::new_v4().simple().to_string(),
        Some(Value::String(id)) if fields::is_event_id(id) => id.clone(),
        Some(_) => return Err(ApiError::invalid("Invalid resource id value.")),
    };
    let mut kept = fields::normalise(change.body, calendar.time_zone)?;
    if kept
        .get("status")
        .is_some_and(|status| status != "tentative")
    {
        kept.remove("status");
    }
    if calendar.events.contains_key(&id) {
        return Err(ApiError::new(
            409,
            "duplicate",
            "The requested identifier already exists.",
        ));
    }
    let seed = (id.as_str(), state.meets);
    conference::apply(change.conference, change.body, None, &mut kept, seed)?;
    attendees::mark_organizer(&mut kept, calendar_id);
    let uid = match change.body.get("iCalUID").and_then(Value::as_str) {
        Some(uid) if !uid.is_empty() => uid.to_owned(),
        _ => format!("{id}@google.com"),
    };
    let event = Event {
        id: id.clone(),
        uid,
        creator: creator.to_owned(),
        organizer: calendar_id.to_owned(),
        created: now,
        updated: now,
        version: 0,
        sequence: 0,
        cancelled: false,
        fields: kept,
        instance: None,
        gone: Vec::new(),
    };
    put(state, calendar_id, event);
    attendees::spread(state, calendar_id, &id);
    Ok(id)
}

/// Makes the conferences that are pending, or lets them fail.
pub(crate) fn settle_conferences(state: &mut State, succeeds: bool) {
    let calendars = state.calendars.iter();
    let settled = calendars.flat_map(|(calendar, it)| {
        it.events.values().filter_map(|event| {
            let mut event = event.clone();
            let id = event.id.clone();
            conference::settle(&mut event.fields, &id, succeeds).then(|| (calendar.clone(), event))
        })
    });
    for (calendar, event) in settled.collect::<Vec<_>>() {
        put(state, &calendar, event);
    }
}

/// Changes an event, or one occurrence of a recurring one.
pub(crate) fn change(
    state: &mut State,
    calendar_id: &str,
    id: &str,
    headers: Option<&HeaderMap>,
    change: &Change<'_>,
) -> Result<(), ApiError> {
    let calendar = calendar(state, calendar_id)?;
    let zone = calendar.time_zone;
    let mut event = load(calendar, id).ok_or_else(ApiError::not_found)?;
    if let Some(headers) = headers {
        if_match(headers, &render::etag(&event))?;
    }
    let before = event.clone();
    let mut wanted = change.body.clone();
    if change.merge {
        wanted.clone_from(&before.fields);
        fields::merge(&mut wanted, change.body);
    }
    if event.instance.is_some() {
        wanted.remove("recurrence");
    }
    let mut kept = fields::normalise(&wanted, zone)?;
    conference::apply(
        change.conference,
        change.body,
        Some(&before.fields),
        &mut kept,
        (id, state.meets),
    )?;
    let kind = |fields: &Map<String, Value>| {
        fields
            .get("eventType")
            .and_then(Value::as_str)
            .unwrap_or("default")
            .to_owned()
    };
    if kind(&kept) != kind(&before.fields) {
        return Err(ApiError::new(
            400,
            "eventTypeRestriction",
            "Event type cannot be changed.",
        ));
    }
    if before.organizer != calendar_id {
        return attendees::change_copy(state, calendar_id, before, &kept);
    }
    let status = kept.remove("status");
    match status.as_ref().and_then(Value::as_str) {
        Some("cancelled") => return cancel(state, calendar_id, id, None),
        Some("tentative") => {
            kept.insert("status".to_owned(), "tentative".into());
            event.cancelled = false;
        }
        Some(_) => event.cancelled = false,
        // A whole event is a live one; a patch that does not say leaves it as it is.
        None => event.cancelled = event.cancelled && change.merge,
    }
    attendees::mark_organizer(&mut kept, calendar_id);
    let moved = ["start", "end", "recurrence"]
        .iter()
        .any(|name| kept.get(*name) != before.fields.get(*name));
    if moved {
        event.sequence += 1;
    }
    event.fields = kept;
    let orphans = orphans(calendar, &event, moved);
    if moved && event.instance.is_none() {
        let gone = gone(calendar, &before, &event, state.version + 1);
        event
            .gone
            .retain(|known| gone.iter().all(|new| new.id != known.id));
        event.gone.extend(gone);
    }
    put(state, calendar_id, event);
    for orphan in orphans {
        if let Ok(calendar) = self::calendar_mut(state, calendar_id) {
            calendar.events.remove(&orphan);
        }
    }
    attendees::spread(state, calendar_id, id);
    Ok(())
}

/// What a change takes out of the list of single events.
fn gone(calendar: &Calendar, before: &Event, after: &Event, version: u64) -> Vec<Gone> {
    let stay = singles(calendar, after);
    singles(calendar, before)
        .into_iter()
        .filter(|(id, _)| !stay.contains_key(id))
        .map(|(id, instance)| Gone {
            id,
            instance,
            version,
        })
        .collect()
}

/// What an event puts into the list of single events: itself, or its occurrences.
fn singles(calendar: &Calendar, event: &Event) -> BTreeMap<String, Option<Instance>> {
    if !recurrence::is_recurring(event) {
        return BTreeMap::from([(event.id.clone(), None)]);
    }
    recurrence::starts(event, calendar.time_zone, None, None)
        .into_iter()
        .map(|at| occurrence(calendar, event, at))
        .map(|one| (one.id, one.instance))
        .collect()
}

/// Exceptions whose occurrence the rule no longer makes.
fn orphans(calendar: &Calendar, master: &Event, moved: bool) -> Vec<String> {
    if !moved || master.instance.is_some() {
        return Vec::new();
    }
    exceptions(calendar, &master.id)
        .filter(|(_, instance)| {
            !recurrence::is_recurring(master)
                || !recurrence::occurs(master, calendar.time_zone, instance.original)
        })
        .map(|(event, _)| event.id.clone())
        .collect()
}

/// Moves an event into another calendar, which is its organizer from now on; in the one where it was it is cancelled.
/// <https://developers.google.com/workspace/calendar/api/v3/reference/events/move>
pub(crate) fn relocate(state: &mut State, from: &str, id: &str, to: &str) -> Result<(), ApiError> {
    calendar(state, to)?;
    let event = load(calendar(state, from)?, id);
    let event = event
        .filter(|event| !event.cancelled)
        .ok_or_else(ApiError::not_found)?;
    if event.organizer != from {
        return Err(ApiError::new(
            403,
            "forbiddenForNonOrganizer",
            "Shared properties can only be changed by the organizer of the event.",
        ));
    }
    let mut moved = event.clone();
    to.clone_into(&mut moved.organizer);
    let mut left = event;
    left.cancelled = true;
    put(state, from, left);
    attendees::hand_over(state, id, (from, to));
    put(state, to, moved);
    attendees::spread(state, to, id);
    Ok(())
}

/// Cancels an event, one occurrence, or one's own copy of somebody else's event.
pub(crate) fn cancel(
    state: &mut State,
    calendar_id: &str,
    id: &str,
    headers: Option<&HeaderMap>,
) -> Result<(), ApiError> {
    let calendar = calendar(state, calendar_id)?;
    let mut event = load(calendar, id).ok_or_else(ApiError::not_found)?;
    if event.cancelled {
        return Err(ApiError::new(410, "deleted", "Resource has been deleted"));
    }
    if let Some(headers) = headers {
        if_match(headers, &render::etag(&event))?;
    }
    let copied = event.organizer != calendar_id;
    let of_series: Vec<Event> = exceptions(calendar, id)
        .filter(|(exception, _)| !exception.cancelled)
        .map(|(exception, _)| exception.clone())
        .collect();
    event.cancelled = true;
    if copied {
        attendees::decline(&mut event, calendar_id);
    }
    let organizer = event.organizer.clone();
    put(state, calendar_id, event);
    if copied {
        attendees::report(state, &organizer, id, calendar_id);
    } else {
        attendees::spread(state, calendar_id, id);
    }
    for mut exception in of_series {
        exception.cancelled = true;
        let id = exception.id.clone();
        put(state, calendar_id, exception);
        if !copied {
            attendees::spread(state, calendar_id, &id);
        }
    }
    Ok(())
}

/// The exceptions of a recurring event.
pub(crate) fn exceptions<'a>(
    calendar: &'a Calendar,
    master: &str,
) -> impl Iterator<Item = (&'a Event, &'a Instance)> {
    calendar
        .events
        .values()
        .filter_map(|event| Some((event, event.instance.as_ref()?)))
        .filter(move |(_, instance)| instance.master == master)
}

/// An event by its id: a stored one, or an occurrence that nobody has touched yet.
pub(crate) fn load(calendar: &Calendar, id: &str) -> Option<Event> {
    if let Some(event) = calendar.events.get(id) {
        return Some(event.clone());
    }
    let (master, at) = recurrence::by_instance_id(calendar, id)?;
    Some(occurrence(calendar, master, at))
}

/// One occurrence of a recurring event as an event of its own.
pub(crate) fn occurrence(
    calendar: &Calendar,
    master: &Event,
    at: chrono::DateTime<chrono::Utc>,
) -> Event {
    let zone = calendar.time_zone;
    let start = recurrence::start_at(master, zone, at);
    let mut event = Event {
        id: recurrence::instance_id(master, zone, at),
        instance: Some(Instance {
            master: master.id.clone(),
            original: at,
            all_day: matches!(start, super::time::When::Date(_)),
        }),
        gone: Vec::new(),
        ..master.clone()
    };
    event.fields.remove("recurrence");
    event.fields.insert("start".to_owned(), start.to_json(zone));
    let end = recurrence::end_at(master, zone, at);
    event.fields.insert("end".to_owned(), end.to_json(zone));
    event
}

/// Stores an event as changed now and tells whoever watches the calendar.
pub(crate) fn put(state: &mut State, calendar_id: &str, mut event: Event) {
    event.version = state.next_version();
    event.updated = state.now();
    if let Ok(calendar) = calendar_mut(state, calendar_id) {
        calendar.events.insert(event.id.clone(), event);
        watch::changed(state, calendar_id);
    }
}

pub(crate) fn calendar<'a>(state: &'a State, id: &str) -> Result<&'a Calendar, ApiError> {
    state.calendars.get(id).ok_or_else(ApiError::not_found)
}

pub(crate) fn calendar_mut<'a>(
    state: &'a mut State,
    id: &str,
) -> Result<&'a mut Calendar, ApiError> {
    state.calendars.get_mut(id).ok_or_else(ApiError::not_found)
}
