//! Who is calling, and what they ask.

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    body::Bytes,
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts},
};
use chrono::{DateTime, SubsecRound, Utc};
use chrono_tz::Tz;
use serde_json::{Map, Value};

use super::{error::ApiError, time::Reckonable};
use crate::{
    oauth::{bearer, scopes},
    shared::Shared,
    state::{Calendar, State},
};

/// A method of the API with the scopes any of which opens it.
pub(crate) struct Method(pub(crate) &'static str, pub(crate) &'static [&'static str]);

/// The scopes that may read events.
pub(crate) const READ_EVENTS: &[&str] = &[
    "calendar",
    "calendar.readonly",
    "calendar.events",
    "calendar.events.readonly",
    "calendar.events.owned",
    "calendar.events.owned.readonly",
    "calendar.events.public.readonly",
    "calendar.app.created",
];

/// The scopes that may change events.
pub(crate) const WRITE_EVENTS: &[&str] = &[
    "calendar",
    "calendar.events",
    "calendar.events.owned",
    "calendar.app.created",
];

/// The scopes that may move events into other calendars.
pub(crate) const MOVE_EVENTS: &[&str] = &["calendar", "calendar.events", "calendar.events.owned"];

/// The person and application behind an access token.
pub(crate) struct Caller {
    pub(crate) email: String,
    pub(crate) client: String,
    scopes: BTreeSet<String>,
}

impl Caller {
    /// Refuses the call unless the token holds a scope for this method.
    pub(crate) fn may(&self, method: &Method) -> Result<(), ApiError> {
        if method
            .1
            .iter()
            .any(|scope| scopes::holds(&self.scopes, scope))
        {
            Ok(())
        } else {
            let name = format!("calendar.v3.{}", method.0);
            Err(ApiError::insufficient_scopes(&name))
        }
    }

    /// The id of a calendar that the caller owns, alone or with others, `primary` resolved.
    pub(crate) fn calendar(&self, state: &State, id: &str) -> Result<String, ApiError> {
        let calendar = self.listed(state, id)?;
        if calendar.role(&self.email) == Some("owner") {
            Ok(calendar.id.clone())
        } else {
            Err(ApiError::not_found())
        }
    }

    /// A calendar on the caller's list.
    pub(crate) fn listed<'a>(&self, state: &'a State, id: &str) -> Result<&'a Calendar, ApiError> {
        let id = if id == "primary" { &self.email } else { id };
        let found = state.calendars.get(&id.to_lowercase());
        found
            .filter(|calendar| !calendar.deleted && calendar.role(&self.email).is_some())
            .ok_or_else(ApiError::not_found)
    }

    /// A calendar of which the caller may see when it is busy.
    pub(crate) fn shown<'a>(&self, state: &'a State, id: &str) -> Result<&'a Calendar, ApiError> {
        let calendar = self.listed(state, id)?;
        match calendar.role(&self.email) {
            Some("none") | None => Err(ApiError::not_found()),
            Some(_) => Ok(calendar),
        }
    }
}

impl FromRequestParts<Arc<Shared>> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, ApiError> {
        let token = bearer(&parts.headers).ok_or_else(|| {
            ApiError::new(401, "required", "Login Required.").header("Authorization")
        })?;
        shared
            .read(|state| {
                let now = state.now();
                let known = state.access_tokens.get(token)?;
                (known.expires > now).then(|| Self {
                    email: known.email.clone(),
                    client: known.client.clone(),
                    scopes: known.scopes.clone(),
                })
            })
            .ok_or_else(|| {
                ApiError::new(401, "authError", "Invalid Credentials").header("Authorization")
            })
    }
}

/// The query parameters, repeats included.
pub(crate) struct Params(Vec<(String, String)>);

impl FromRequestParts<Arc<Shared>> for Params {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Shared>) -> Result<Self, ApiError> {
        serde_urlencoded::from_str(parts.uri.query().unwrap_or_default())
            .map(Self)
            .map_err(|_| ApiError::invalid("Bad Request"))
    }
}

impl Params {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(n, _)| n == name)?;
        Some(value)
    }

    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let hits = self.0.iter().filter(|(n, _)| n == name);
        hits.map(|(_, value)| value.as_str()).collect()
    }

    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, ApiError> {
        match self.get(name) {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(other) => Err(invalid_value(name, other)),
        }
    }

    pub(crate) fn number(&self, name: &str) -> Result<Option<i64>, ApiError> {
        self.get(name)
            .map(|text| text.parse().map_err(|_| invalid_value(name, text)))
            .transpose()
    }

    /// An instant with an offset; fractions of a second are ignored.
    pub(crate) fn instant(&self, name: &str) -> Result<Option<DateTime<Utc>>, ApiError> {
        self.get(name)
            .map(|text| parse_instant(text).ok_or_else(|| invalid_value(name, text)))
            .transpose()
    }

    pub(crate) fn zone(&self, name: &str) -> Result<Option<Tz>, ApiError> {
        self.get(name)
            .map(|text| text.parse().map_err(|_| invalid_value(name, text)))
            .transpose()
    }

    /// How many entries a page may hold.
    pub(crate) fn page_size(&self, usual: usize, most: usize) -> Result<usize, ApiError> {
        match self.number("maxResults")? {
            None => Ok(usual),
            Some(number) => usize::try_from(number)
                .ok()
                .filter(|number| *number > 0)
                .map(|number| number.min(most))
                .ok_or_else(|| invalid_value("maxResults", &number.to_string())),
        }
    }
}

/// RFC 3339 with its offset.
pub(crate) fn parse_instant(text: &str) -> Option<DateTime<Utc>> {
    // A `+` that was not percent-encoded arrives as a space.
    let text = text.replace(' ', "+");
    let instant = DateTime::parse_from_rfc3339(&text).ok()?.to_utc();
    instant.is_reckonable().then(|| instant.trunc_subsecs(0))
}

fn invalid_value(name: &str, value: &str) -> ApiError {
    ApiError::invalid(&format!("Invalid value '{value}' for parameter {name}.")).parameter(name)
}

/// A JSON object as request body.
pub(crate) fn object(body: &Bytes) -> Result<Map<String, Value>, ApiError> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(map)) => Ok(map),
        _ => Err(ApiError::new(400, "parseError", "Parse Error")),
    }
}

/// Refuses with 412 unless `If-Match` is absent or names this etag.
pub(crate) fn if_match(headers: &HeaderMap, etag: &str) -> Result<(), ApiError> {
    match headers.get(header::IF_MATCH) {
        Some(wanted) if !names(wanted.as_bytes(), etag) => {
            Err(ApiError::new(412, "conditionNotMet", "Precondition Failed").header("If-Match"))
        }
        _ => Ok(()),
    }
}

/// Does the caller already hold this version?
pub(crate) fn is_unchanged(headers: &HeaderMap, etag: &str) -> bool {
    headers
        .get(header::IF_NONE_MATCH)
        .is_some_and(|known| names(known.as_bytes(), etag))
}

fn names(list: &[u8], etag: &str) -> bool {
    String::from_utf8_lossy(list)
        .split(',')
        .any(|one| one.trim() == "*" || one.trim().trim_start_matches("W/") == etag)
}
