//! How an event looks to the owner of a calendar.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::{Map, Value, json};

use super::{
    recurrence,
    time::{When, stamp},
};
use crate::state::{Calendar, Event};

/// An event as JSON, with times in `zone`.
pub(crate) fn event(calendar: &Calendar, event: &Event, zone: Tz) -> Value {
    let mut shown = event.fields.clone();
    let mut put = |name: &str, value: Value| {
        shown.insert(name.to_owned(), value);
    };
    let status = match event.fields.get("status") {
        _ if event.cancelled => json!("cancelled"),
        Some(status) => status.clone(),
        None => json!("confirmed"),
    };
    put("kind", json!("calendar#event"));
    put("etag", json!(etag(event)));
    put("id", json!(event.id));
    put("status", status);
    put(
        "htmlLink",
        json!(format!(
            "https://www.google.com/calendar/event?eid={}",
            event.id
        )),
    );
    put("created", json!(stamp(event.created)));
    put("updated", json!(stamp(event.updated)));
    put("creator", person(calendar, &event.creator));
    put("organizer", person(calendar, &event.organizer));
    put("iCalUID", json!(event.uid));
    put("sequence", json!(event.sequence));
    for which in ["start", "end"] {
        if let Ok(when) = When::parse(event.fields.get(which), which) {
            put(which, when.to_json(zone));
        }
    }
    if !event.fields.contains_key("reminders") {
        put("reminders", json!({"useDefault": true}));
    }
    if !event.fields.contains_key("eventType") {
        put("eventType", json!("default"));
    }
    if let Some(Value::Array(attendees)) = event.fields.get("attendees") {
        let attendees = attendees.iter().map(|one| attendee(calendar, event, one));
        put("attendees", attendees.collect());
    }
    if let Some(instance) = &event.instance {
        put("recurringEventId", json!(instance.master));
        put(
            "originalStartTime",
            original(calendar, event, instance.original, zone),
        );
    }
    Value::Object(shown)
}

/// What is told of a cancelled event to somebody who did not ask for deleted ones.
pub(crate) fn tombstone(calendar: &Calendar, event: &Event, zone: Tz) -> Value {
    let mut shown = json!({
        "kind": "calendar#event",
        "etag": etag(event),
        "id": event.id,
        "status": "cancelled",
    });
    if let Some(instance) = &event.instance {
        shown["recurringEventId"] = json!(instance.master);
        shown["originalStartTime"] = original(calendar, event, instance.original, zone);
    }
    shown
}

/// An opaque mark of the version: twice the microseconds of the last change, as Google's look.
pub(crate) fn etag(event: &Event) -> String {
    let version = i64::try_from(event.version % 2000).unwrap_or(0);
    format!("\"{}\"", event.updated.timestamp_millis() * 2000 + version)
}

fn original(calendar: &Calendar, event: &Event, at: DateTime<Utc>, zone: Tz) -> Value {
    let Some(instance) = &event.instance else {
        return Value::Null;
    };
    let when = match calendar.events.get(&instance.master) {
        Some(master) => recurrence::start_at(master, calendar.time_zone, at),
        None if instance.all_day => When::Date(at.with_timezone(&calendar.time_zone).date_naive()),
        None => When::Instant(at, None),
    };
    when.to_json(zone)
}

fn person(calendar: &Calendar, email: &str) -> Value {
    let mut person = json!({"email": email});
    if email == calendar.id || email == calendar.owner {
        person["self"] = json!(true);
    }
    if email == calendar.id && !calendar.is_primary() {
        person["displayName"] = json!(calendar.summary);
    }
    person
}

fn attendee(calendar: &Calendar, event: &Event, stored: &Value) -> Value {
    let mut shown: Map<String, Value> = stored.as_object().cloned().unwrap_or_default();
    let email = stored["email"].as_str().unwrap_or_default();
    if email == calendar.id {
        shown.insert("self".to_owned(), json!(true));
    }
    if email == event.organizer {
        shown.insert("organizer".to_owned(), json!(true));
    }
    Value::Object(shown)
}
