//! The `events` methods.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State as Shares},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono_tz::Tz;
use serde_json::{Value, json};

use super::{
    caller::{self, Caller, MOVE_EVENTS, Method, Params, READ_EVENTS, WRITE_EVENTS},
    error::ApiError,
    events::{self, Change},
    list::Query,
    partial, recurrence, render,
    sync::{self, Page, SyncToken},
    time::stamp,
};
use crate::{
    shared::Shared,
    state::{Calendar, State},
};

type Answer = Result<Response, ApiError>;

/// `POST …/events`
pub(crate) async fn insert(
    Shares(shared): Shares<Arc<Shared>>,
    caller: Caller,
    Path(calendar): Path<String>,
    params: Params,
    body: Bytes,
) -> Answer {
    caller.may(&Method("Events.Insert", WRITE_EVENTS))?;
    let body = caller::object(&body)?;
    let conference = check_write(&params)?;
    shared.write(|state| {
        let calendar = caller.calendar(state, &calendar)?;
        let change = Change {
            body: &body,
            conference,
            merge: false,
        };
        let id = events::insert(state, &calendar, &caller.email, &change)?;
        show(state, &calendar, &id, None)
    })
}

/// `POST …/events/import`: a private copy of an event that stands elsewhere too.
pub(crate) async fn import(
    shares: Shares<Arc<Shared>>,
    caller: Caller,
    path: Path<String>,
    params: Params,
    body: Bytes,
) -> Answer {
    if caller::object(&body)?
        .get("iCalUID")
        .is_none_or(Value::is_null)
    {
        return Err(ApiError::required("Missing iCal UID."));
    }
    insert(shares, caller, path, params, body).await
}

/// `GET …/events/{id}`
pub(crate) async fn get(
    Shares(shared): Shares<Arc<Shared>>,
    caller: Caller,
    Path((calendar, id)): Path<(String, String)>,
    params: Params,
    headers: HeaderMap,
) -> Answer {
    caller.may(&Method("Events.Get", READ_EVENTS))?;
    let zone = params.zone("timeZone")?;
    shared.read(|state| {
        let calendar = caller.calendar(state, &calendar)?;
        let event = events::load(events::calendar(state, &calendar)?, &id);
        let etag = render::etag(&event.ok_or_else(ApiError::not_found)?);
        if caller::is_unchanged(&headers, &etag) {
            return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response());
        }
        show(state, &calendar, &id, zone)
    })
}

/// `PATCH …/events/{id}`
pub(crate) async fn patch(
    shares: Shares<Arc<Shared>>,
    caller: Caller,
    path: Path<(String, String)>,
    params: Params,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    caller.may(&Method("Events.Patch", WRITE_EVENTS))?;
    change(&shares.0, &caller, &path.0, &params, &headers, &body, true)
}

/// `PUT …/events/{id}`
pub(crate) async fn update(
    shares: Shares<Arc<Shared>>,
    caller: Caller,
    path: Path<(String, String)>,
    params: Params,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    caller.may(&Method("Events.Update", WRITE_EVENTS))?;
    change(&shares.0, &caller, &path.0, &params, &headers, &body, false)
}

fn change(
    shared: &Arc<Shared>,
    caller: &Caller,
    (calendar, id): &(String, String),
    params: &Params,
    headers: &HeaderMap,
    body: &Bytes,
    merge: bool,
) -> Answer {
    let body = caller::object(body)?;
    let conference = check_write(params)?;
    shared.write(|state| {
        let calendar = caller.calendar(state, calendar)?;
        let change = Change {
            body: &body,
            conference,
            merge,
        };
        events::change(state, &calendar, id, Some(headers), &change)?;
        show(state, &calendar, id, None)
    })
}

/// `POST …/events/{id}/move`
pub(crate) async fn relocate(
    Shares(shared): Shares<Arc<Shared>>,
    caller: Caller,
    Path((calendar, id)): Path<(String, String)>,
    params: Params,
) -> Answer {
    caller.may(&Method("Events.Move", MOVE_EVENTS))?;
    check_write(&params)?;
    let to = params.get("destination");
    let to = to.ok_or_else(|| ApiError::required("Required").parameter("destination"))?;
    shared.write(|state| {
        let from = caller.calendar(state, &calendar)?;
        let to = caller.calendar(state, to)?;
        events::relocate(state, &from, &id, &to)?;
        show(state, &to, &id, None)
    })
}

/// `DELETE …/events/{id}`
pub(crate) async fn delete(
    Shares(shared): Shares<Arc<Shared>>,
    caller: Caller,
    Path((calendar, id)): Path<(String, String)>,
    params: Params,
    headers: HeaderMap,
) -> Answer {
    caller.may(&Method("Events.Delete", WRITE_EVENTS))?;
    check_write(&params)?;
    shared.write(|state| {
        let calendar = caller.calendar(state, &calendar)?;
        events::cancel(state, &calendar, &id, Some(&headers))?;
        Ok(StatusCode::NO_CONTENT.into_response())
    })
}

/// `GET …/events`
pub(crate) async fn list(
    Shares(shared): Shares<Arc<Shared>>,
    caller: Caller,
    Path(calendar): Path<String>,
    params: Params,
    headers: HeaderMap,
) -> Answer {
    caller.may(&Method("Events.List", READ_EVENTS))?;
    let mut query = Query::parse(&params)?;
    let size = params.page_size(250, 2500)?;
    shared.read(|state| {
        let id = caller.calendar(state, &calendar)?;
        let mut of_token = None;
        if let Some(text) = params.get("syncToken") {
            let token = SyncToken::decode(text, &id, state)?;
            if token.single != query.single {
                let text = "The parameters must be those of the initial synchronization.";
                return Err(ApiError::invalid(text).parameter("singleEvents"));
            }
            query.since = Some(token.version);
            (query.from, query.to) = (token.from, token.to);
            of_token = Some(token.version);
        }
        let calendar = events::calendar(state, &id)?;
        let etag = collection_etag(calendar);
        if caller::is_unchanged(&headers, &etag) && of_token.is_none() {
            return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response());
        }
        let question = format!(
            "{id} {} {of_token:?} {} {:?} {:?} {:?}",
            query.single,
            query.deleted,
            query.from,
            query.to,
            params.get("orderBy")
        );
        let found = query.run(calendar);
        let size = state.page_limit.map_or(size, |most| size.min(most));
        let page = sync::page(&params, &question, size, state.version, found)?;
        let zone = query.zone.unwrap_or(calendar.time_zone);
        let mut body = collection(calendar, zone);
        finish(&mut body, page, |version| SyncToken {
            of: id.clone(),
            version,
            generation: state.generation,
            single: query.single,
            from: query.from,
            to: query.to,
        });
        partial::curtail(&params, &mut body)?;
        Ok(([(header::ETAG, etag)], Json(body)).into_response())
    })
}

/// `GET …/events/{id}/instances`
pub(crate) async fn instances(
    Shares(shared): Shares<Arc<Shared>>,
    caller: Caller,
    Path((calendar, id)): Path<(String, String)>,
    params: Params,
) -> Answer {
    caller.may(&Method("Events.Instances", READ_EVENTS))?;
    let mut query = Query::parse(&params)?;
    query.single = true;
    let size = params.page_size(250, 2500)?;
    let original = params.instant("originalStart")?;
    shared.read(|state| {
        let calendar_id = caller.calendar(state, &calendar)?;
        let calendar = events::calendar(state, &calendar_id)?;
        let master = calendar.events.get(&id).ok_or_else(ApiError::not_found)?;
        if !recurrence::is_recurring(master) {
            return Err(ApiError::invalid("The event is not a recurring event."));
        }
        // The question is put to a calendar that holds this series and nothing else.
        let mut alone = Calendar {
            events: std::collections::BTreeMap::new(),
            ..calendar.clone()
        };
        let series = events::exceptions(calendar, &id).map(|(event, _)| event);
        for event in series.chain([master]) {
            alone.events.insert(event.id.clone(), event.clone());
        }
        let mut found = query.run(&alone);
        if let Some(original) = original {
            found.retain(|(_, event)| {
                event["originalStartTime"]["dateTime"]
                    .as_str()
                    .and_then(caller::parse_instant)
                    == Some(original)
            });
        }
        let question = format!(
            "instances {calendar_id} {id} {:?} {:?}",
            query.from, query.to
        );
        let page = sync::page(&params, &question, size, state.version, found)?;
        let zone = query.zone.unwrap_or(calendar.time_zone);
        let mut body = collection(calendar, zone);
        finish(&mut body, page, |version| SyncToken {
            of: format!("{calendar_id} {id}"),
            version,
            generation: state.generation,
            single: true,
            from: query.from,
            to: query.to,
        });
        Ok(Json(body).into_response())
    })
}

/// Checks the parameters of a write and returns `conferenceDataVersion`.
fn check_write(params: &Params) -> Result<i64, ApiError> {
    match params.get("sendUpdates") {
        None | Some("all" | "externalOnly" | "none") => {}
        Some(_) => {
            return Err(
                ApiError::invalid("Invalid value for sendUpdates.").parameter("sendUpdates")
            );
        }
    }
    let version = params.number("conferenceDataVersion")?.unwrap_or(0);
    if !(0..=1).contains(&version) {
        let error = ApiError::invalid("Invalid value for conferenceDataVersion.");
        return Err(error.parameter("conferenceDataVersion"));
    }
    Ok(version)
}

fn show(state: &State, calendar: &str, id: &str, zone: Option<Tz>) -> Answer {
    let calendar = events::calendar(state, calendar)?;
    let event = events::load(calendar, id).ok_or_else(ApiError::not_found)?;
    let zone = zone.unwrap_or(calendar.time_zone);
    let etag = render::etag(&event);
    let body = render::event(calendar, &event, zone);
    Ok(([(header::ETAG, etag)], Json(body)).into_response())
}

fn collection_etag(calendar: &Calendar) -> String {
    let last = calendar.events.values().map(|event| event.version).max();
    format!("\"p32{:012x}o\"", last.unwrap_or(0).max(calendar.version))
}

/// An answer of the kind `calendar#events` without its items.
fn collection(calendar: &Calendar, zone: Tz) -> Value {
    let last = calendar.events.values().map(|event| event.updated).max();
    let mut body = json!({
        "kind": "calendar#events",
        "etag": collection_etag(calendar),
        "summary": calendar.summary,
        "updated": stamp(last.unwrap_or(calendar.updated)),
        "timeZone": zone.name(),
        "accessRole": "owner",
        "defaultReminders": [{"method": "popup", "minutes": 10}],
    });
    if let Some(description) = &calendar.description {
        body["description"] = json!(description);
    }
    body
}

fn finish(body: &mut Value, page: Page, token: impl FnOnce(u64) -> SyncToken) {
    body["items"] = Value::Array(page.items);
    match page.next {
        Ok(next) => body["nextPageToken"] = json!(next),
        Err(version) => body["nextSyncToken"] = json!(token(version).encode()),
    }
}
