//! The `calendars` and `calendarList` methods.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State as Shares},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use chrono_tz::Tz;
use serde_json::{Map, Value, json};

use super::{
    caller::{self, Caller, Method, Params},
    error::ApiError,
    events,
    sync::{self, SyncToken},
};
use crate::{
    shared::Shared,
    state::{Calendar, State, random},
};

type Answer = Result<Response, ApiError>;

const READ: &[&str] = &[
    "calendar",
    "calendar.readonly",
    "calendar.calendars",
    "calendar.calendars.readonly",
    "calendar.app.created",
];
const WRITE: &[&str] = &["calendar", "calendar.calendars", "calendar.app.created"];
const READ_LIST: &[&str] = &[
    "calendar",
    "calendar.readonly",
    "calendar.calendarlist",
    "calendar.calendarlist.readonly",
];
const READ_ENTRY: &[&str] = &[
    "calendar",
    "calendar.readonly",
    "calendar.calendarlist",
    "calendar.calendarlist.readonly",
    "calendar.app.created",
];

/// `GET /calendars/{id}`
pub(crate) async fn get(
    Shares(shared): Shares<Arc<Shared>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer {
    caller.may(&Method("Calendars.Get", READ))?;
    shared.read(|state| {
        let id = caller.calendar(state, &id)?;
        Ok(Json(resource(events::calendar(state, &id)?)).into_response())
    })
}

/// `POST /calendars`: a secondary calendar.
pub(crate) async fn insert(
    Shares(shared): Shares<Arc<Shared>>,
    caller: Caller,
    body: Bytes,
) -> Answer {
    caller.may(&Method("Calendars.Insert", WRITE))?;
    let body = caller::object(&body)?;
    if !body.get("summary").is_some_and(Value::is_string) {
        return Err(ApiError::required("Missing title."));
    }
    shared.write(|state| {
        let mut calendar = secondary(state, &caller.email);
        apply(&mut calendar, &body)?;
        let answer = Json(resource(&calendar)).into_response();
        state.calendars.insert(calendar.id.clone(), calendar);
        Ok(answer)
    })
}

/// An empty calendar that its owner has beside the primary one.
fn secondary(state: &mut State, owner: &str) -> Calendar {
    let now = state.now();
    Calendar {
        id: format!("c_{}@group.calendar.google.com", random(26).to_lowercase()),
        owner: owner.to_owned(),
        summary: String::new(),
        description: None,
        location: None,
        time_zone: Tz::UTC,
        created: now,
        updated: now,
        version: state.next_version(),
        deleted: false,
        shared: BTreeMap::new(),
        events: BTreeMap::new(),
    }
}

/// Makes a secondary calendar, as its owner would; its id.
pub(crate) fn add(state: &mut State, owner: &str, summary: &str) -> String {
    let mut calendar = secondary(state, &owner.to_lowercase());
    summary.clone_into(&mut calendar.summary);
    let id = calendar.id.clone();
    state.calendars.insert(id.clone(), calendar);
    id
}

/// Deletes a secondary calendar, as its owner would.
pub(crate) fn remove(state: &mut State, id: &str) -> Result<(), ApiError> {
    let version = state.next_version();
    let calendar = events::calendar_mut(state, id)?;
    if calendar.is_primary() {
        let text = "A primary calendar cannot be deleted.";
        return Err(ApiError::new(403, "cannotDeletePrimaryCalendar", text));
    }
    calendar.deleted = true;
    calendar.version = version;
    calendar.events.clear();
    Ok(())
}

/// Moves a calendar into another zone, as its owner would.
pub(crate) fn set_time_zone(state: &mut State, id: &str, zone: Tz) -> Result<(), ApiError> {
    let (now, version) = (state.now(), state.next_version());
    let calendar = events::calendar_mut(state, id)?;
    calendar.time_zone = zone;
    (calendar.updated, calendar.version) = (now, version);
    Ok(())
}

/// Puts a calendar on the list of somebody else, or changes what they may do with it.
pub(crate) fn share(state: &mut State, id: &str, email: &str, role: &str) -> Result<(), ApiError> {
    let version = state.next_version();
    let calendar = events::calendar_mut(state, id)?;
    calendar
        .shared
        .insert(email.to_lowercase(), role.to_owned());
    calendar.version = version;
    Ok(())
}

/// `PATCH` and `PUT /calendars/{id}`
pub(crate) async fn patch(
    Shares(shared): Shares<Arc<Shared>>,
    caller: Caller,
    Path(id): Path<String>,
    body: Bytes,
) -> Answer {
    caller.may(&Method("Calendars.Patch", WRITE))?;
    let body = caller::object(&body)?;
    shared.write(|state| {
        let id = caller.calendar(state, &id)?;
        let (now, version) = (state.now(), state.next_version());
        let calendar = events::calendar_mut(state, &id)?;
        apply(calendar, &body)?;
        (calendar.updated, calendar.version) = (now, version);
        Ok(Json(resource(calendar)).into_response())
    })
}

/// `DELETE /calendars/{id}`
pub(crate) async fn delete(
    Shares(shared): Shares<Arc<Shared>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer {
    caller.may(&Method("Calendars.Delete", WRITE))?;
    shared.write(|state| {
        let id = caller.calendar(state, &id)?;
        remove(state, &id)?;
        Ok(StatusCode::NO_CONTENT.into_response())
    })
}

fn apply(calendar: &mut Calendar, body: &Map<String, Value>) -> Result<(), ApiError> {
    let text = |name: &str| match body.get(name) {
        None => Ok(None),
        Some(Value::Null) => Ok(Some(None)),
        Some(Value::String(text)) => Ok(Some(Some(text.clone()))),
        Some(_) => Err(ApiError::invalid(&format!("Invalid value for {name}."))),
    };
    if let Some(Some(zone)) = text("timeZone")? {
        calendar.time_zone = zone
            .parse()
            .map_err(|_| ApiError::invalid("Invalid time zone."))?;
    }
    if let Some(Some(summary)) = text("summary")? {
        calendar.summary = summary;
    }
    if let Some(description) = text("description")? {
        calendar.description = description;
    }
    if let Some(location) = text("location")? {
        calendar.location = location;
    }
    Ok(())
}

/// `GET /users/me/calendarList/{id}`
pub(crate) async fn get_entry(
    Shares(shared): Shares<Arc<Shared>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer {
    caller.may(&Method("CalendarList.Get", READ_ENTRY))?;
    shared.read(|state| {
        let calendar = caller.listed(state, &id)?;
        Ok(Json(entry(calendar, &caller.email)).into_response())
    })
}

/// `GET /users/me/calendarList`
pub(crate) async fn list(
    Shares(shared): Shares<Arc<Shared>>,
    caller: Caller,
    params: Params,
) -> Answer {
    caller.may(&Method("CalendarList.List", READ_LIST))?;
    let size = params.page_size(100, 250)?;
    let deleted = params.flag("showDeleted")?.unwrap_or(false);
    shared.read(|state| {
        let of = format!("calendarList {}", caller.email);
        let since = match params.get("syncToken") {
            Some(_) if params.get("minAccessRole").is_some() => {
                let text = "Sync token cannot be used with minAccessRole.";
                return Err(ApiError::invalid(text).parameter("minAccessRole"));
            }
            Some(text) => Some(SyncToken::decode(text, &of, state)?.version),
            None => None,
        };
        let found = entries(state, &caller.email, since, deleted);
        let last = found
            .iter()
            .map(|(_, version, _)| *version)
            .max()
            .unwrap_or(0);
        let found = found
            .into_iter()
            .map(|(key, _, item)| (key, item))
            .collect();
        let question = format!("{of} {since:?} {deleted}");
        let page = sync::page(&params, &question, size, state.version, found)?;
        let mut body = json!({
            "kind": "calendar#calendarList",
            "etag": format!("\"p32{last:012x}o\""),
            "items": page.items,
        });
        match page.next {
            Ok(next) => body["nextPageToken"] = json!(next),
            Err(version) => {
                let token = SyncToken {
                    of,
                    version,
                    generation: state.generation,
                    single: false,
                    from: None,
                    to: None,
                };
                body["nextSyncToken"] = json!(token.encode());
            }
        }
        Ok(Json(body).into_response())
    })
}

/// The calendars of a person: the primary one first, then by age.
fn entries(
    state: &State,
    email: &str,
    since: Option<u64>,
    deleted: bool,
) -> Vec<(String, u64, Value)> {
    let mut found: Vec<(String, u64, Value)> = state
        .calendars
        .values()
        .filter(|calendar| calendar.role(email).is_some())
        .filter(|calendar| match since {
            Some(since) => calendar.version > since,
            None => deleted || !calendar.deleted,
        })
        .map(|calendar| {
            let rank = i32::from(calendar.id != email);
            let key = format!(
                "{rank}{:020}~{}",
                calendar.created.timestamp_millis(),
                calendar.id
            );
            (key, calendar.version, entry(calendar, email))
        })
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

fn etag(calendar: &Calendar) -> String {
    format!("\"{}\"", calendar.updated.timestamp_millis() * 2000)
}

fn resource(calendar: &Calendar) -> Value {
    let mut body = json!({
        "kind": "calendar#calendar",
        "etag": etag(calendar),
        "id": calendar.id,
        "summary": calendar.summary,
        "timeZone": calendar.time_zone.name(),
        "conferenceProperties": {"allowedConferenceSolutionTypes": ["hangoutsMeet"]},
    });
    add_words(calendar, &mut body);
    body
}

/// A calendar as it stands on the list of somebody.
fn entry(calendar: &Calendar, email: &str) -> Value {
    let primary = calendar.id == email;
    let mut body = json!({
        "kind": "calendar#calendarListEntry",
        "etag": etag(calendar),
        "id": calendar.id,
        "summary": calendar.summary,
        "timeZone": calendar.time_zone.name(),
        "colorId": "14",
        "backgroundColor": "#9fe1e7",
        "foregroundColor": "#000000",
        "selected": true,
        "accessRole": calendar.role(email),
        "defaultReminders": if primary { json!([{"method": "popup", "minutes": 10}]) } else { json!([]) },
        "conferenceProperties": {"allowedConferenceSolutionTypes": ["hangoutsMeet"]},
    });
    if primary {
        body["primary"] = json!(true);
    }
    if calendar.deleted {
        body["deleted"] = json!(true);
    }
    add_words(calendar, &mut body);
    body
}

fn add_words(calendar: &Calendar, body: &mut Value) {
    if let Some(description) = &calendar.description {
        body["description"] = json!(description);
    }
    if let Some(location) = &calendar.location {
        body["location"] = json!(location);
    }
}
