//! Calendar v3.

mod attendees;
pub(crate) mod calendars;
mod caller;
mod conference;
pub(crate) mod error;
mod events;
mod fields;
mod freebusy;
mod list;
mod partial;
pub(crate) mod push;
mod recurrence;
mod render;
mod routes;
mod sync;
mod time;
pub(crate) mod watch;

use std::sync::Arc;

use axum::{
    Router,
    routing::{get, post},
};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use self::{error::ApiError, events::Change, list::Query, time::rfc3339};
pub(crate) use self::{events::settle_conferences, time::resolve};
use crate::{shared::Shared, state::State};

pub(crate) fn router() -> Router<Arc<Shared>> {
    let api = Router::new()
        .route("/users/me/calendarList", get(calendars::list))
        .route(
            "/users/me/calendarList/{calendar}",
            get(calendars::get_entry),
        )
        .route("/calendars", post(calendars::insert))
        .route(
            "/calendars/{calendar}",
            get(calendars::get)
                .patch(calendars::patch)
                .put(calendars::patch)
                .delete(calendars::delete),
        )
        .route(
            "/calendars/{calendar}/events",
            get(routes::list).post(routes::insert),
        )
        .route("/calendars/{calendar}/events/import", post(routes::import))
        .route("/calendars/{calendar}/events/watch", post(watch::watch))
        .route(
            "/calendars/{calendar}/events/{event}",
            get(routes::get)
                .patch(routes::patch)
                .put(routes::update)
                .delete(routes::delete),
        )
        .route(
            "/calendars/{calendar}/events/{event}/move",
            post(routes::relocate),
        )
        .route(
            "/calendars/{calendar}/events/{event}/instances",
            get(routes::instances),
        )
        .route("/freeBusy", post(freebusy::query))
        .route("/channels/stop", post(watch::stop))
        .fallback(|| async { ApiError::not_found() })
        .method_not_allowed_fallback(|| async { ApiError::not_found() });
    Router::new().nest("/calendar/v3", api)
}

/// Every event of a primary calendar, as its owner sees it.
pub(crate) fn all_events(state: &State, email: &str) -> Vec<Value> {
    let query = Query::everything();
    state
        .calendars
        .get(&email.to_lowercase())
        .map(|calendar| query.run(calendar))
        .unwrap_or_default()
        .into_iter()
        .map(|(_, event)| event)
        .collect()
}

/// The occurrences in a window of a primary calendar, in order.
pub(crate) fn agenda(
    state: &State,
    email: &str,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Vec<Value> {
    let query = Query::agenda(from, to);
    state
        .calendars
        .get(&email.to_lowercase())
        .map(|calendar| query.run(calendar))
        .unwrap_or_default()
        .into_iter()
        .map(|(_, event)| event)
        .collect()
}

/// When a calendar is busy with events that don't have this private property.
pub(crate) fn busy_without(
    state: &State,
    id: &str,
    (from, to): (DateTime<Utc>, DateTime<Utc>),
    property: &str,
) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
    let calendar = state.calendars.get(&id.to_lowercase());
    let Some(calendar) = calendar.filter(|calendar| !calendar.deleted) else {
        return Vec::new();
    };
    freebusy::busy_with(calendar, from, to, |event| {
        let properties = event.fields.get("extendedProperties");
        properties.is_none_or(|all| all["private"].get(property).is_none())
    })
}

/// A plain event in a primary calendar, made by its owner.
pub(crate) fn insert_busy(
    state: &mut State,
    email: &str,
    start: DateTime<Utc>,
    end: DateTime<Utc>,
    summary: &str,
) -> Result<String, String> {
    let email = email.to_lowercase();
    let zone = state
        .calendars
        .get(&email)
        .map(|calendar| calendar.time_zone)
        .ok_or_else(|| format!("there is no account {email}"))?;
    let when = |at| json!({"dateTime": rfc3339(at, zone), "timeZone": zone.name()});
    let body = json!({"summary": summary, "start": when(start), "end": when(end)});
    let body = body.as_object().cloned().unwrap_or_default();
    let change = Change {
        body: &body,
        conference: 0,
        merge: false,
    };
    events::insert(state, &email, &email, &change).map_err(|error| error.words())
}

/// Deletes an event from a primary calendar, as its owner would.
pub(crate) fn delete_as_owner(state: &mut State, email: &str, id: &str) -> Result<(), String> {
    events::cancel(state, &email.to_lowercase(), id, None).map_err(|error| error.words())
}

/// Moves an event from one calendar of a person into another one, as they would.
pub(crate) fn move_as_owner(
    state: &mut State,
    from: &str,
    id: &str,
    to: &str,
) -> Result<(), String> {
    let (from, to) = (from.to_lowercase(), to.to_lowercase());
    events::relocate(state, &from, id, &to).map_err(|error| error.words())
}

/// Patches an event in a primary calendar, as its owner would.
pub(crate) fn patch_as_owner(
    state: &mut State,
    email: &str,
    id: &str,
    changes: &Value,
) -> Result<Value, String> {
    let email = email.to_lowercase();
    let body = changes.as_object().ok_or("the changes are not an object")?;
    let change = Change {
        body,
        conference: 1,
        merge: true,
    };
    let run = |state: &mut State| {
        events::change(state, &email, id, None, &change)?;
        let calendar = events::calendar(state, &email)?;
        let event = events::load(calendar, id).ok_or_else(ApiError::not_found)?;
        Ok(render::event(calendar, &event, calendar.time_zone))
    };
    run(state).map_err(|error: ApiError| error.words())
}
