//! Invitations: the copies of an event in its guests' calendars, and their answers.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{error::ApiError, events};
use crate::state::{Event, State};

/// What a guest may set on their own copy without the organizer noticing.
const OWN: [&str; 4] = ["reminders", "colorId", "transparency", "visibility"];
/// What belongs to the organizer.
const SHARED: [&str; 10] = [
    "summary",
    "description",
    "location",
    "start",
    "end",
    "recurrence",
    "guestsCanModify",
    "guestsCanInviteOthers",
    "guestsCanSeeOtherGuests",
    "conferenceData",
];

/// An organizer who is listed among the guests has accepted.
pub(crate) fn mark_organizer(fields: &mut Map<String, Value>, organizer: &str) {
    if let Some(own) = entry_mut(fields, organizer)
        && own["responseStatus"] == "needsAction"
    {
        own["responseStatus"] = json!("accepted");
    }
}

fn entry_mut<'a>(fields: &'a mut Map<String, Value>, email: &str) -> Option<&'a mut Value> {
    let attendees = fields.get_mut("attendees")?.as_array_mut()?;
    attendees.iter_mut().find(|one| one["email"] == email)
}

/// A guest's entry.
pub(crate) fn entry<'a>(fields: &'a Map<String, Value>, email: &str) -> Option<&'a Value> {
    let attendees = fields.get("attendees")?.as_array()?;
    attendees.iter().find(|one| one["email"] == email)
}

/// Brings the copies of an event in line with it.
pub(crate) fn spread(state: &mut State, organizer: &str, id: &str) {
    let Some(event) = state
        .calendars
        .get(organizer)
        .and_then(|calendar| calendar.events.get(id))
        .cloned()
    else {
        return;
    };
    let mut guests: BTreeSet<String> = event
        .fields
        .get("attendees")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|guest| guest["email"].as_str().map(str::to_owned))
        .collect();
    // Those who were invited before.
    guests.extend(
        state
            .calendars
            .values()
            .filter(|calendar| is_copy(events::load(calendar, id).as_ref(), organizer))
            .map(|calendar| calendar.id.clone()),
    );
    guests.remove(organizer);
    for guest in guests {
        let Some(calendar) = state
            .calendars
            .get(&guest)
            .filter(|calendar| calendar.is_primary())
        else {
            continue;
        };
        // An occurrence that nobody has touched yet stands there as well.
        let old = events::load(calendar, id);
        let old = old.as_ref();
        if old.is_some() && !is_copy(old, organizer) {
            continue;
        }
        let invited = entry(&event.fields, &guest);
        let left = old.is_some_and(|old| old.cancelled)
            && invited.is_some_and(|entry| entry["responseStatus"] == "declined");
        let mut copy = copy(&event, old);
        copy.cancelled = event.cancelled || invited.is_none() || left;
        if old.is_none() && copy.cancelled {
            continue;
        }
        let same = old.is_some_and(|old| {
            old.fields == copy.fields
                && old.cancelled == copy.cancelled
                && old.sequence == copy.sequence
        });
        if !same {
            events::put(state, &guest, copy);
        }
    }
}

/// Lets the copies of an event have another organizer.
pub(crate) fn hand_over(state: &mut State, id: &str, (from, to): (&str, &str)) {
    let others = state.calendars.values().filter(|it| it.id != from);
    let copies = others.filter_map(|calendar| {
        let copy = calendar.events.get(id)?;
        (copy.organizer == from).then(|| (calendar.id.clone(), copy.clone()))
    });
    for (calendar, mut copy) in copies.collect::<Vec<_>>() {
        to.clone_into(&mut copy.organizer);
        events::put(state, &calendar, copy);
    }
}

fn is_copy(event: Option<&Event>, organizer: &str) -> bool {
    event.is_some_and(|event| event.organizer == organizer)
}

/// The guest's copy: what is shared from the event, what is their own from their old copy.
fn copy(event: &Event, old: Option<&Event>) -> Event {
    let mut copy = event.clone();
    for name in OWN {
        copy.fields.remove(name);
        if let Some(own) = old.and_then(|old| old.fields.get(name)) {
            copy.fields.insert(name.to_owned(), own.clone());
        }
    }
    let shared = event
        .fields
        .get("extendedProperties")
        .and_then(|p| p.get("shared"));
    let private = old
        .and_then(|old| old.fields.get("extendedProperties"))
        .and_then(|properties| properties.get("private"));
    let mut properties = Map::new();
    for (name, value) in [("shared", shared), ("private", private)] {
        if let Some(value) = value {
            properties.insert(name.to_owned(), value.clone());
        }
    }
    copy.fields.remove("extendedProperties");
    if !properties.is_empty() {
        copy.fields
            .insert("extendedProperties".to_owned(), Value::Object(properties));
    }
    copy
}

/// A guest changes their copy: their answer reaches the organizer, their own settings stay with
/// them, and anything else is refused unless guests may modify the event.
pub(crate) fn change_copy(
    state: &mut State,
    guest: &str,
    before: Event,
    wanted: &Map<String, Value>,
) -> Result<(), ApiError> {
    if wanted
        .get("status")
        .is_some_and(|status| status == "cancelled")
    {
        return events::cancel(state, guest, &before.id, None);
    }
    let differs = SHARED
        .iter()
        .any(|name| wanted.get(*name) != before.fields.get(*name));
    let organizer = before.organizer.clone();
    if differs {
        if before.fields.get("guestsCanModify") != Some(&Value::Bool(true)) {
            return Err(ApiError::new(
                403,
                "forbiddenForNonOrganizer",
                "Shared properties can only be changed by the organizer of the event.",
            ));
        }
        let body: Map<String, Value> = SHARED
            .iter()
            .filter(|name| **name != "conferenceData")
            .map(|name| {
                (
                    (*name).to_owned(),
                    wanted.get(*name).cloned().unwrap_or_default(),
                )
            })
            .collect();
        let change = events::Change {
            body: &body,
            conference: 0,
            merge: true,
        };
        events::change(state, &organizer, &before.id, None, &change)?;
    }
    let base = events::load(events::calendar(state, guest)?, &before.id).unwrap_or(before);
    let mut copy = base;
    for name in OWN {
        match wanted.get(name) {
            Some(value) => copy.fields.insert(name.to_owned(), value.clone()),
            None => copy.fields.remove(name),
        };
    }
    let private = wanted
        .get("extendedProperties")
        .and_then(|p| p.get("private"));
    let mut properties: Map<String, Value> = copy
        .fields
        .remove("extendedProperties")
        .and_then(|value| value.as_object().cloned())
        .unwrap_or_default();
    properties.remove("private");
    if let Some(private) = private {
        properties.insert("private".to_owned(), private.clone());
    }
    if !properties.is_empty() {
        copy.fields
            .insert("extendedProperties".to_owned(), Value::Object(properties));
    }
    if let (Some(answer), Some(own)) = (
        entry(wanted, guest).cloned(),
        entry_mut(&mut copy.fields, guest),
    ) {
        for name in ["responseStatus", "comment", "additionalGuests"] {
            if let Some(value) = answer.get(name) {
                own[name] = value.clone();
            }
        }
        // Whoever answers again takes their place again.
        copy.cancelled = copy.cancelled && answer["responseStatus"] == "declined";
    }
    let id = copy.id.clone();
    events::put(state, guest, copy);
    report(state, &organizer, &id, guest);
    Ok(())
}

/// Marks the guest's own entry as declined.
pub(crate) fn decline(copy: &mut Event, guest: &str) {
    if let Some(own) = entry_mut(&mut copy.fields, guest) {
        own["responseStatus"] = json!("declined");
    }
}

/// Carries a guest's answer from their copy to the organizer's event, and on to the other guests.
pub(crate) fn report(state: &mut State, organizer: &str, id: &str, guest: &str) {
    let answer = state
        .calendars
        .get(guest)
        .and_then(|calendar| calendar.events.get(id))
        .and_then(|copy| entry(&copy.fields, guest))
        .cloned();
    let event = state
        .calendars
        .get(organizer)
        .and_then(|calendar| events::load(calendar, id));
    let (Some(answer), Some(mut event)) = (answer, event) else {
        return;
    };
    match entry_mut(&mut event.fields, guest) {
        Some(entry) if *entry != answer => *entry = answer,
        _ => return,
    }
    events::put(state, organizer, event);
    spread(state, organizer, id);
}
