//! Push channels: opening, stopping, and noticing changes.

use std::{net::IpAddr, sync::Arc};

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State as Shares},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Duration, Utc};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use url::{Host, Url};

use super::{
    caller::{self, Caller, Method, READ_EVENTS},
    error::ApiError,
};
use crate::{
    shared::Shared,
    state::{Channel, Push, State, hex},
};

/// How long a channel lives at most, and unless asked otherwise.
const LIFE: Duration = Duration::seconds(604_800);
/// How many live channels there may be; it's a stand-in for one developer.
const MOST_CHANNELS: usize = 10_000;

/// The scopes that may stop channels: all that may open one, of whatever.
const STOP: &[&str] = &[
    "calendar",
    "calendar.readonly",
    "calendar.acls",
    "calendar.acls.readonly",
    "calendar.app.created",
    "calendar.calendarlist",
    "calendar.calendarlist.readonly",
    "calendar.events",
    "calendar.events.freebusy",
    "calendar.events.owned",
    "calendar.events.owned.readonly",
    "calendar.events.public.readonly",
    "calendar.events.readonly",
    "calendar.settings",
    "calendar.settings.readonly",
];

/// `POST …/events/watch`
pub(crate) async fn watch(
    Shares(shared): Shares<Arc<Shared>>,
    caller: Caller,
    Path(calendar): Path<String>,
    body: Bytes,
) -> Result<Response, ApiError> {
    caller.may(&Method("Events.Watch", READ_EVENTS))?;
    let body = caller::object(&body)?;
    shared.write(|state| {
        let calendar = caller.calendar(state, &calendar)?;
        let id = text(&body, "id")?
            .filter(|id| !id.is_empty())
            .ok_or_else(|| ApiError::required("Missing channel id."))?;
        if id.len() > 64
            || !id
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_+/=".contains(&b))
        {
            return Err(ApiError::new(
                400,
                "channelIdInvalid",
                "Invalid channel id.",
            ));
        }
        match text(&body, "type")?.as_deref() {
            Some("web_hook" | "webhook") => {}
            _ => return Err(ApiError::invalid("Unknown channel type.")),
        }
        let address = text(&body, "address")?
            .filter(|address| !address.is_empty())
            .ok_or_else(|| ApiError::required("Missing address for push notifications."))?;
        check_address(&address)?;
        let token = text(&body, "token")?;
        if token.as_ref().is_some_and(|token| {
            token.len() > 256 || token.bytes().any(|b| !(32..127).contains(&b))
        }) {
            return Err(ApiError::invalid("Invalid channel token."));
        }
        if state.channels.contains_key(&id) {
            let error = format!("Channel id {id} not unique");
            return Err(ApiError::new(400, "channelIdNotUnique", &error));
        }
        if state.channels.len() >= MOST_CHANNELS {
            let now = state.now();
            state
                .channels
                .retain(|_, channel| !channel.stopped && channel.expires > now);
        }
        if state.channels.len() >= MOST_CHANNELS {
            return Err(ApiError::new(
                403,
                "rateLimitExceeded",
                "Rate Limit Exceeded",
            ));
        }
        let expires = expiration(&body, state.now())?;
        let hash = Sha256::digest(format!("{} {calendar}", caller.email).as_bytes());
        let resource_id = hex(&hash, 14);
        let mut uri = shared.origin.clone();
        uri.push_str("/calendar/v3/calendars/");
        uri.extend(url::form_urlencoded::byte_serialize(calendar.as_bytes()));
        uri.push_str("/events?alt=json");
        let channel = Channel {
            id: id.clone(),
            resource_id,
            resource_uri: uri,
            calendar,
            email: caller.email.clone(),
            client: caller.client.clone(),
            address,
            token,
            expires,
            messages: 0,
            stopped: false,
        };
        let mut answer = json!({
            "kind": "api#channel",
            "id": channel.id,
            "resourceId": channel.resource_id,
            "resourceUri": channel.resource_uri,
            "expiration": channel.expires.timestamp_millis().to_string(),
        });
        if let Some(token) = &channel.token {
            answer["token"] = json!(token);
            state.hand_out(token);
        }
        state.channels.insert(id.clone(), channel);
        send(state, &id, "sync");
        Ok(Json(answer).into_response())
    })
}

/// `POST /channels/stop`
pub(crate) async fn stop(
    Shares(shared): Shares<Arc<Shared>>,
    caller: Caller,
    body: Bytes,
) -> Result<Response, ApiError> {
    caller.may(&Method("Channels.Stop", STOP))?;
    let body = caller::object(&body)?;
    let id = text(&body, "id")?.ok_or_else(|| ApiError::required("Missing channel id."))?;
    let resource =
        text(&body, "resourceId")?.ok_or_else(|| ApiError::required("Missing resource id."))?;
    shared.write(|state| {
        let channel = state.channels.get_mut(&id).filter(|channel| {
            channel.resource_id == resource
                && channel.email == caller.email
                && channel.client == caller.client
                && !channel.stopped
        });
        if let Some(channel) = channel {
            // The id stays taken.
            channel.stopped = true;
            Ok(StatusCode::NO_CONTENT.into_response())
        } else {
            let text = format!("Channel '{id}' not found for project");
            Err(ApiError::new(404, "notFound", &text))
        }
    })
}

fn text(body: &Map<String, Value>, name: &str) -> Result<Option<String>, ApiError> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(ApiError::invalid(&format!("Invalid value for {name}."))),
    }
}

/// Only addresses on this machine: the sandbox never calls out.
fn check_address(address: &str) -> Result<(), ApiError> {
    let local = Url::parse(address).is_ok_and(|url| {
        let host = match url.host() {
            Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
            Some(Host::Ipv4(ip)) => IpAddr::from(ip).is_loopback(),
            Some(Host::Ipv6(ip)) => IpAddr::from(ip).is_loopback(),
            None => false,
        };
        host && matches!(url.scheme(), "http" | "https")
    });
    if local {
        return Ok(());
    }
    Err(ApiError::new(
        400,
        "push.webhookUrlNotAllowed",
        "The sandbox sends to loopback addresses only.",
    ))
}

/// `expiration` (milliseconds) or `params.ttl` (seconds), numbers or texts; never beyond a week.
fn expiration(body: &Map<String, Value>, now: DateTime<Utc>) -> Result<DateTime<Utc>, ApiError> {
    let number = |value: &Value| match value {
        Value::String(text) => text.parse::<i64>().ok(),
        value => value.as_i64(),
    };
    let invalid = || ApiError::invalid("Invalid expiration.");
    let longest = now + LIFE;
    let asked = match body.get("expiration").filter(|value| !value.is_null()) {
        Some(value) => Some(
            number(value)
                .and_then(DateTime::from_timestamp_millis)
                .ok_or_else(invalid)?,
        ),
        None => match body.get("params").and_then(|params| params.get("ttl")) {
            Some(ttl) => {
                let seconds = number(ttl).filter(|ttl| *ttl > 0).ok_or_else(invalid)?;
                Some(now + Duration::seconds(seconds.min(LIFE.num_seconds())))
            }
            None => None,
        },
    };
    match asked {
        Some(at) if at <= now => Err(invalid()),
        Some(at) => Ok(at.min(longest)),
        None => Ok(longest),
    }
}

/// A calendar has changed: tells every live channel on it.
pub(crate) fn changed(state: &mut State, calendar: &str) {
    let ids: Vec<String> = state
        .channels
        .values()
        .filter(|channel| channel.calendar == calendar)
        .map(|channel| channel.id.clone())
        .collect();
    for id in ids {
        send(state, &id, "exists");
    }
}

/// The ids of the channels that are open on a calendar.
pub(crate) fn open(state: &State, calendar: &str) -> Vec<String> {
    let now = state.now();
    let channels = state.channels.values();
    let open = channels.filter(|it| it.calendar == calendar && !it.stopped && it.expires > now);
    open.map(|channel| channel.id.clone()).collect()
}

/// Puts a message to a channel into the outbox, unless it is to be lost; twice, if it is to be repeated.
fn send(state: &mut State, id: &str, word: &'static str) {
    let now = state.now();
    let Some(channel) = state
        .channels
        .get_mut(id)
        .filter(|channel| !channel.stopped && channel.expires > now)
    else {
        return;
    };
    channel.messages += 1;
    let push = Push {
        channel: channel.clone(),
        state: word,
    };
    let planned = |count: &mut u32| {
        let hit = *count > 0;
        if *count != u32::MAX {
            *count = count.saturating_sub(1);
        }
        hit
    };
    if planned(&mut state.pushes.lose) {
        return;
    }
    if planned(&mut state.pushes.repeat) {
        state.pushes.outbox.push(push.clone());
    }
    state.pushes.outbox.push(push);
}
