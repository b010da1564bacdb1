//! `freeBusy.query`

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::State as Shares,
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Duration, Utc};
use chrono_tz::Tz;
use serde_json::{Map, Value, json};

use super::{
    attendees,
    caller::{self, Caller, Method},
    error::ApiError,
    events,
    list::bounds,
    recurrence,
    time::rfc3339,
};
use crate::{
    shared::Shared,
    state::{Calendar, Event},
};

const SCOPES: &[&str] = &[
    "calendar",
    "calendar.readonly",
    "calendar.freebusy",
    "calendar.events.freebusy",
];
/// The longest window; Google refuses anything beyond about three months.
const LONGEST: Duration = Duration::days(93);
const MOST_CALENDARS: usize = 50;

type Span = (DateTime<Utc>, DateTime<Utc>);

/// `POST /freeBusy`
pub(crate) async fn query(
    Shares(shared): Shares<Arc<Shared>>,
    caller: Caller,
    body: Bytes,
) -> Result<Response, ApiError> {
    caller.may(&Method("Freebusy.Query", SCOPES))?;
    let body = caller::object(&body)?;
    let instant = |name: &str| match body.get(name) {
        None | Some(Value::Null) => Err(ApiError::required(&format!("Missing {name} parameter."))),
        Some(value) => value
            .as_str()
            .and_then(caller::parse_instant)
            .ok_or_else(|| ApiError::invalid(&format!("Invalid value for {name}."))),
    };
    let (from, to) = (instant("timeMin")?, instant("timeMax")?);
    if to <= from {
        return Err(ApiError::empty_range());
    }
    if to - from > LONGEST {
        let text = "The requested time range is too long.";
        return Err(ApiError::new(400, "timeRangeTooLong", text));
    }
    let zone: Tz = match body.get("timeZone") {
        None | Some(Value::Null) => Tz::UTC,
        Some(name) => name
            .as_str()
            .and_then(|name| name.parse().ok())
            .ok_or_else(|| ApiError::invalid("Invalid time zone."))?,
    };
    let ids = items(&body)?;
    if ids.len() > MOST_CALENDARS {
        let text = "Too many calendars requested.";
        return Err(ApiError::new(400, "tooManyCalendarsRequested", text));
    }
    let calendars: Map<String, Value> = shared.read(|state| {
        ids.into_iter()
            .map(|id| {
                let shown = caller.shown(state, &id);
                let busy = shown.map(|calendar| busy(calendar, from, to));
                let answer = match busy {
                    Ok(spans) => json!({"busy": spans.iter().map(|(start, end)| {
                        json!({"start": rfc3339(*start, zone), "end": rfc3339(*end, zone)})
                    }).collect::<Vec<_>>()}),
                    Err(_) => json!({
                        "errors": [{"domain": "global", "reason": "notFound"}],
                        "busy": [],
                    }),
                };
                (id, answer)
            })
            .collect()
    });
    let answer = json!({
        "kind": "calendar#freeBusy",
        "timeMin": rfc3339(from, Tz::UTC),
        "timeMax": rfc3339(to, Tz::UTC),
        "calendars": calendars,
    });
    Ok(Json(answer).into_response())
}

fn items(body: &Map<String, Value>) -> Result<Vec<String>, ApiError> {
    let invalid = || ApiError::invalid("Invalid value for items.");
    match body.get("items") {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(items) => items
            .as_array()
            .ok_or_else(invalid)?
            .iter()
            .map(|item| item["id"].as_str().map(str::to_owned).ok_or_else(invalid))
            .collect(),
    }
}

/// When a calendar is busy within a window: merged and in order.
pub(crate) fn busy(calendar: &Calendar, from: DateTime<Utc>, to: DateTime<Utc>) -> Vec<Span> {
    busy_with(calendar, from, to, |_| true)
}

/// When a calendar is busy within a window with those of its events that count: merged and in order.
pub(crate) fn busy_with(
    calendar: &Calendar,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    counts: impl Fn(&Event) -> bool,
) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for event in calendar
        .events
        .values()
        .filter(|event| blocks(calendar, event) && counts(event))
    {
        if recurrence::is_recurring(event) {
            let starts = recurrence::starts(event, calendar.time_zone, Some(from), Some(to));
            spans.extend(
                starts
                    .into_iter()
                    .map(|at| events::occurrence(calendar, event, at))
                    .filter(|one| !calendar.events.contains_key(&one.id))
                    .filter_map(|one| bounds(calendar, &one)),
            );
        } else {
            spans.extend(bounds(calendar, event));
        }
    }
    spans.retain(|(start, end)| start < end && *end > from && *start < to);
    spans.sort_unstable();
    let mut merged: Vec<Span> = Vec::new();
    for (start, end) in spans {
        match merged.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ => merged.push((start, end)),
        }
    }
    merged
}

/// Does an event take up its owner's time?
fn blocks(calendar: &Calendar, event: &Event) -> bool {
    let is = |name: &str, value: &str| event.fields.get(name).is_some_and(|v| v == value);
    let declined = attendees::entry(&event.fields, &calendar.id)
        .is_some_and(|entry| entry["responseStatus"] == "declined");
    !event.cancelled
        && !declined
        && !is("transparency", "transparent")
        && !is("eventType", "workingLocation")
        && !is("eventType", "birthday")
}
