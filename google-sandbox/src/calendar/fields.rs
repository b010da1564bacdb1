//! The writable fields of an event: what is accepted, and in which form it is kept.

use std::sync::LazyLock;

use chrono_tz::Tz;
use serde_json::{Map, Value, json};

use super::{error::ApiError, recurrence, time::When};

/// The JSON type of a field.
enum Kind {
    Text,
    Flag,
    Object,
    List,
}

/// Fields that are kept as they are sent. `start`, `end` and those with rules of their own are below.
static PLAIN: LazyLock<Vec<(&str, Kind)>> = LazyLock::new(|| {
    let text = [
        "summary",
        "description",
        "location",
        "colorId",
        "transparency",
        "visibility",
        "eventType",
    ];
    let flags = [
        "anyoneCanAddSelf",
        "attendeesOmitted",
        "guestsCanInviteOthers",
        "guestsCanModify",
        "guestsCanSeeOtherGuests",
    ];
    let objects = [
        "source",
        "outOfOfficeProperties",
        "workingLocationProperties",
        "focusTimeProperties",
        "birthdayProperties",
        "reminders",
    ];
    let mut all: Vec<(&str, Kind)> = Vec::new();
    all.extend(text.map(|name| (name, Kind::Text)));
    all.extend(flags.map(|name| (name, Kind::Flag)));
    all.extend(objects.map(|name| (name, Kind::Object)));
    all.push(("attachments", Kind::List));
    all
});

/// Checks a whole event and keeps what is known of it.
pub(crate) fn normalise(
    given: &Map<String, Value>,
    zone: Tz,
) -> Result<Map<String, Value>, ApiError> {
    let mut kept = Map::new();
    for (name, kind) in PLAIN.iter() {
        let Some(value) = given.get(*name).filter(|value| !value.is_null()) else {
            continue;
        };
        let fits = match kind {
            Kind::Text => value.is_string(),
            Kind::Flag => value.is_boolean(),
            Kind::Object => value.is_object(),
            Kind::List => value.is_array(),
        };
        if !fits {
            return Err(ApiError::invalid(&format!("Invalid value for {name}.")));
        }
        kept.insert((*name).to_owned(), value.clone());
    }
    one_of(&kept, "transparency", &["opaque", "transparent"])?;
    one_of(
        &kept,
        "visibility",
        &["default", "public", "private", "confidential"],
    )?;
    one_of(
        &kept,
        "eventType",
        &[
            "default",
            "birthday",
            "focusTime",
            "outOfOffice",
            "workingLocation",
        ],
    )?;
    if let Some(status) = given.get("status").filter(|value| !value.is_null()) {
        kept.insert("status".to_owned(), status.clone());
        one_of(&kept, "status", &["confirmed", "tentative", "cancelled"])?;
    }

    let (start, end) = times(given, zone)?;
    kept.insert("start".to_owned(), start.to_json(zone));
    kept.insert("end".to_owned(), end.to_json(zone));
    if let Some(lines) = given.get("recurrence").filter(|value| !value.is_null()) {
        let lines = lines
            .as_array()
            .and_then(|lines| lines.iter().map(Value::as_str).collect::<Option<Vec<_>>>())
            .ok_or_else(|| ApiError::invalid("Invalid value for recurrence."))?;
        if !lines.is_empty() {
            if matches!(start, When::Instant(_, None)) {
                return Err(ApiError::required(
                    "Missing time zone definition for start time.",
                ));
            }
            recurrence::check(start, &lines)?;
            kept.insert("recurrence".to_owned(), json!(lines));
        }
    }
    if let Some(attendees) = given.get("attendees").filter(|value| !value.is_null()) {
        let attendees = guests(attendees)?;
        if !attendees.is_empty() {
            kept.insert("attendees".to_owned(), Value::Array(attendees));
        }
    }
    if let Some(properties) = given.get("extendedProperties").and_then(extended) {
        kept.insert("extendedProperties".to_owned(), properties);
    }
    Ok(kept)
}

/// Start and end, which must be of one kind and in order.
pub(crate) fn times(fields: &Map<String, Value>, zone: Tz) -> Result<(When, When), ApiError> {
    let start = When::parse(fields.get("start"), "start")?;
    let end = When::parse(fields.get("end"), "end")?;
    match (start, end) {
        (When::Date(from), When::Date(to)) if to > from => {}
        (When::Instant(..), When::Instant(..)) if end.instant(zone) >= start.instant(zone) => {}
        (When::Date(_), When::Instant(..)) | (When::Instant(..), When::Date(_)) => {
            return Err(ApiError::invalid(
                "Start and end times must either both be date or both be dateTime.",
            ));
        }
        _ => return Err(ApiError::empty_range()),
    }
    Ok((start, end))
}

fn one_of(kept: &Map<String, Value>, name: &str, allowed: &[&str]) -> Result<(), ApiError> {
    match kept.get(name) {
        None => Ok(()),
        Some(value) if value.as_str().is_some_and(|v| allowed.contains(&v)) => Ok(()),
        Some(_) => Err(ApiError::invalid(&format!("Invalid value for {name}."))),
    }
}

fn guests(value: &Value) -> Result<Vec<Value>, ApiError> {
    let list = value
        .as_array()
        .ok_or_else(|| ApiError::invalid("Invalid value for attendees."))?;
    let mut kept: Vec<Value> = Vec::new();
    for guest in list {
        let email = guest
            .get("email")
            .and_then(Value::as_str)
            .map(str::to_lowercase)
            .filter(|email| {
                email.len() <= 320
                    && !email.contains(char::is_whitespace)
                    && email.split_once('@').is_some_and(|(name, domain)| {
                        !name.is_empty() && !domain.is_empty() && !domain.contains('@')
                    })
            })
            .ok_or_else(|| ApiError::invalid("Invalid attendee email."))?;
        if kept.iter().any(|known| known["email"] == email.as_str()) {
            continue;
        }
        let mut one = json!({"email": email, "responseStatus": "needsAction"});
        for name in ["displayName", "comment"] {
            if let Some(text) = guest.get(name).filter(|value| value.is_string()) {
                one[name] = text.clone();
            }
        }
        for name in ["optional", "resource"] {
            if let Some(Value::Bool(true)) = guest.get(name) {
                one[name] = json!(true);
            }
        }
        if let Some(more) = guest.get("additionalGuests").and_then(Value::as_i64)
            && (1..=1000).contains(&more)
        {
            one["additionalGuests"] = json!(more);
        }
        match guest.get("responseStatus").and_then(Value::as_str) {
            None => {}
            Some(status @ ("needsAction" | "declined" | "tentative" | "accepted")) => {
                one["responseStatus"] = json!(status);
            }
            Some(_) => return Err(ApiError::invalid("Invalid attendee responseStatus.")),
        }
        kept.push(one);
    }
    Ok(kept)
}

/// Keys that are too long are dropped silently and values cut, as Google does.
fn extended(value: &Value) -> Option<Value> {
    let mut kept = Map::new();
    for side in ["private", "shared"] {
        let Some(Value::Object(given)) = value.get(side) else {
            continue;
        };
        let properties: Map<String, Value> = given
            .iter()
            .filter(|(key, _)| key.chars().count() <= 44)
            .filter_map(|(key, value)| {
                let text: String = value.as_str()?.chars().take(1024).collect();
                Some((key.clone(), Value::String(text)))
            })
            .take(300)
            .collect();
        if !properties.is_empty() {
            kept.insert(side.to_owned(), Value::Object(properties));
        }
    }
    (!kept.is_empty()).then_some(Value::Object(kept))
}

/// A JSON merge patch: named fields only, null removes, lists are replaced.
pub(crate) fn merge(target: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (name, value) in patch {
        match (target.get_mut(name), value) {
            (_, Value::Null) => {
                target.remove(name);
            }
            (Some(Value::Object(inner)), Value::Object(change)) => {
                if matches!(name.as_str(), "start" | "end") {
                    // A day replaces an instant and the other way round.
                    let other = match (change.contains_key("date"), change.contains_key("dateTime"))
                    {
                        (true, false) => "dateTime",
                        (false, true) => "date",
                        _ => "",
                    };
                    inner.remove(other);
                }
                merge(inner, change);
            }
            (_, Value::Object(change)) => {
                let mut fresh = Map::new();
                merge(&mut fresh, change);
                target.insert(name.clone(), Value::Object(fresh));
            }
            (_, value) => {
                target.insert(name.clone(), value.clone());
            }
        }
    }
}

/// Is this an id that a client may choose?
pub(crate) fn is_event_id(id: &str) -> bool {
    (5..=1024).contains(&id.len()) && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'v'))
}
