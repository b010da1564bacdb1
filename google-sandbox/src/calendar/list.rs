//! Which events a question selects.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::Value;

use super::{
    caller::Params,
    error::ApiError,
    events, fields,
    recurrence::{self, is_recurring},
    render,
};
use crate::state::{Calendar, Event};

/// Parameters that must not stand beside a sync token.
const NOT_WITH_SYNC: [&str; 8] = [
    "iCalUID",
    "orderBy",
    "privateExtendedProperty",
    "q",
    "sharedExtendedProperty",
    "timeMin",
    "timeMax",
    "updatedMin",
];

/// What is asked of a calendar.
#[derive(Default)]
pub(crate) struct Query {
    pub(crate) single: bool,
    pub(crate) deleted: bool,
    pub(crate) from: Option<DateTime<Utc>>,
    pub(crate) to: Option<DateTime<Utc>>,
    /// Only what changed after this version.
    pub(crate) since: Option<u64>,
    pub(crate) zone: Option<Tz>,
    order: Order,
    updated_min: Option<DateTime<Utc>>,
    uid: Option<String>,
    text: Option<String>,
    private: Vec<(String, String)>,
    shared: Vec<(String, String)>,
    types: Vec<String>,
}

#[derive(Clone, Copy, Default)]
enum Order {
    #[default]
    Created,
    Start,
    Updated,
}

impl Query {
    /// Everything, deleted events included.
    pub(crate) fn everything() -> Self {
        Self {
            deleted: true,
            ..Self::default()
        }
    }

    /// What happens in a window, in order.
    pub(crate) fn agenda(from: DateTime<Utc>, to: DateTime<Utc>) -> Self {
        Self {
            single: true,
            from: Some(from),
            to: Some(to),
            order: Order::Start,
            ..Self::default()
        }
    }

    /// Reads and checks the parameters, all but the tokens.
    pub(crate) fn parse(params: &Params) -> Result<Self, ApiError> {
        if params.get("syncToken").is_some() {
            for name in NOT_WITH_SYNC {
                if params.get(name).is_some() {
                    let text = format!("Sync token cannot be used with {name}.");
                    return Err(ApiError::invalid(&text).parameter(name));
                }
            }
            if params.flag("showDeleted")? == Some(false) {
                let text = "Sync token cannot be used with showDeleted=false.";
                return Err(ApiError::invalid(text).parameter("showDeleted"));
            }
        }
        let single = params.flag("singleEvents")?.unwrap_or(false);
        let order = match params.get("orderBy") {
            None => Order::Created,
            Some("updated") => Order::Updated,
            Some("startTime") if single => Order::Start,
            Some("startTime") => {
                let text = "The requested ordering is not available for the particular query.";
                return Err(ApiError::invalid(text).parameter("orderBy"));
            }
            Some(_) => {
                return Err(ApiError::invalid("Invalid value for orderBy.").parameter("orderBy"));
            }
        };
        let (from, to) = (params.instant("timeMin")?, params.instant("timeMax")?);
        if let (Some(from), Some(to)) = (from, to)
            && to <= from
        {
            return Err(ApiError::empty_range().parameter("timeMax"));
        }
        let pairs = |name: &str| {
            params
                .all(name)
                .into_iter()
                .map(|text| {
                    text.split_once('=')
                        .map(|(key, value)| (key.to_owned(), value.to_owned()))
                        .ok_or_else(|| ApiError::invalid("Invalid property.").parameter(name))
                })
                .collect::<Result<Vec<_>, _>>()
        };
        Ok(Self {
            single,
            deleted: params.flag("showDeleted")?.unwrap_or(false),
            from,
            to,
            since: None,
            zone: params.zone("timeZone")?,
            order,
            updated_min: params.instant("updatedMin")?,
            uid: params.get("iCalUID").map(str::to_owned),
            text: params.get("q").map(str::to_lowercase),
            private: pairs("privateExtendedProperty")?,
            shared: pairs("sharedExtendedProperty")?,
            types: params
                .all("eventTypes")
                .into_iter()
                .map(str::to_owned)
                .collect(),
        })
    }

    /// The selected events in order, each with a key that says where in the order it stands.
    pub(crate) fn run(&self, calendar: &Calendar) -> Vec<(String, Value)> {
        let zone = self.zone.unwrap_or(calendar.time_zone);
        let mut found: Vec<(String, Value)> = self
            .candidates(calendar)
            .into_iter()
            .filter(|event| self.wants(calendar, event))
            .map(|event| {
                let shown = if event.cancelled && !self.deleted {
                    render::tombstone(calendar, &event, zone)
                } else {
                    render::event(calendar, &event, zone)
                };
                (self.key(calendar, &event), shown)
            })
            .collect();
        found.sort_by(|(a, _), (b, _)| a.cmp(b));
        found
    }

    fn key(&self, calendar: &Calendar, event: &Event) -> String {
        let by = match self.order {
            Order::Created => event.created,
            Order::Updated => event.updated,
            Order::Start => bounds(calendar, event).map_or(event.created, |(start, _)| start),
        };
        // Shifted, so that years before 1970 sort as well.
        format!(
            "{:020}~{}",
            by.timestamp_millis().saturating_add(1 << 60),
            event.id
        )
    }

    fn candidates(&self, calendar: &Calendar) -> Vec<Event> {
        let mut found = Vec::new();
        for event in calendar.events.values() {
            let changed = self.since.is_none_or(|since| event.version > since);
            if self.single && is_recurring(event) {
                if changed {
                    found.extend(self.expand(calendar, event));
                }
            } else if changed {
                found.push(event.clone());
            }
        }
        if self.single {
            self.add_gone(calendar, &mut found);
        }
        found
    }

    /// The occurrences of a recurring event without those that have an exception.
    fn expand(&self, calendar: &Calendar, master: &Event) -> Vec<Event> {
        let starts = recurrence::starts(master, calendar.time_zone, self.from, self.to);
        starts
            .into_iter()
            .map(|at| events::occurrence(calendar, master, at))
            .filter(|event| !calendar.events.contains_key(&event.id))
            .collect()
    }

    /// What is in the list of single events no more, unless it came back.
    fn add_gone(&self, calendar: &Calendar, found: &mut Vec<Event>) {
        let Some(since) = self.since else {
            return;
        };
        let standing: BTreeSet<String> = found.iter().map(|event| event.id.clone()).collect();
        for event in calendar.events.values() {
            let gone = event.gone.iter().filter(|gone| gone.version > since);
            let gone = gone.filter(|gone| {
                let now = calendar.events.get(&gone.id);
                now.is_none_or(is_recurring) && !standing.contains(&gone.id)
            });
            found.extend(gone.map(|gone| Event {
                id: gone.id.clone(),
                instance: gone.instance.clone(),
                cancelled: true,
                ..event.clone()
            }));
        }
    }

    fn wants(&self, calendar: &Calendar, event: &Event) -> bool {
        self.wants_status(calendar, event)
            && self.in_window(calendar, event)
            && self.updated_min.is_none_or(|min| event.updated >= min)
            && self.uid.as_ref().is_none_or(|uid| *uid == event.uid)
            && self.has_properties(event)
            && self.has_type(event)
            && self.has_text(event)
    }

    fn wants_status(&self, calendar: &Calendar, event: &Event) -> bool {
        if !event.cancelled || self.deleted || self.since.is_some() || self.updated_min.is_some() {
            return true;
        }
        // A cancelled occurrence is part of what a live recurring event is.
        !self.single
            && event.instance.as_ref().is_some_and(|instance| {
                calendar
                    .events
                    .get(&instance.master)
                    .is_some_and(|master| !master.cancelled)
            })
    }

    fn in_window(&self, calendar: &Calendar, event: &Event) -> bool {
        if self.since.is_some() || (self.from.is_none() && self.to.is_none()) {
            return true;
        }
        let overlaps = |start: DateTime<Utc>, end: DateTime<Utc>| {
            self.from.is_none_or(|from| end > from) && self.to.is_none_or(|to| start < to)
        };
        if is_recurring(event) {
            let Some((_, length)) = recurrence::span(event, calendar.time_zone) else {
                return false;
            };
            return recurrence::starts(event, calendar.time_zone, self.from, self.to)
                .into_iter()
                .any(|start| overlaps(start, start + length));
        }
        bounds(calendar, event).is_some_and(|(start, end)| overlaps(start, end))
    }

    fn has_properties(&self, event: &Event) -> bool {
        let all = |side: &str, wanted: &[(String, String)]| {
            wanted.iter().all(|(key, value)| {
                event
                    .fields
                    .get("extendedProperties")
                    .and_then(|properties| properties.get(side)?.get(key)?.as_str())
                    == Some(value)
            })
        };
        all("private", &self.private) && all("shared", &self.shared)
    }

    fn has_type(&self, event: &Event) -> bool {
        let kind = event.fields.get("eventType").and_then(Value::as_str);
        self.types.is_empty() || self.types.iter().any(|t| t == kind.unwrap_or("default"))
    }

    fn has_text(&self, event: &Event) -> bool {
        let Some(wanted) = &self.text else {
            return true;
        };
        let mut text = String::new();
        for name in ["summary", "description", "location"] {
            text.push_str(
                event
                    .fields
                    .get(name)
                    .and_then(Value::as_str)
                    .unwrap_or_default(),
            );
            text.push('\n');
        }
        for guest in event
            .fields
            .get("attendees")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            for name in ["email", "displayName"] {
                text.push_str(guest[name].as_str().unwrap_or_default());
                text.push('\n');
            }
        }
        let text = text.to_lowercase();
        wanted.split_whitespace().all(|word| text.contains(word))
    }
}

/// Start and end of a single event.
pub(crate) fn bounds(calendar: &Calendar, event: &Event) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    let (start, end) = fields::times(&event.fields, calendar.time_zone).ok()?;
    Some((
        start.instant(calendar.time_zone),
        end.instant(calendar.time_zone),
    ))
}
