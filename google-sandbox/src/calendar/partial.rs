//! Partial answers: `fields` and `maxAttendees`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{caller::Params, error::ApiError};

/// How deep a selection may go; no answer is deeper.
const DEPTH: usize = 10;

/// Cuts a list of events down to what the parameters ask for.
pub(crate) fn curtail(params: &Params, body: &mut Value) -> Result<(), ApiError> {
    if let Some(most) = params.number("maxAttendees")? {
        let most = usize::try_from(most)
            .ok()
            .filter(|most| *most > 0)
            .ok_or_else(|| {
                ApiError::invalid("Invalid value for maxAttendees.").parameter("maxAttendees")
            })?;
        for event in body["items"].as_array_mut().into_iter().flatten() {
            omit_attendees(event, most);
        }
    }
    if let Some(text) = params.get("fields") {
        let selection = Selection::parse(text).ok_or_else(|| {
            let text = format!("Invalid field selection {text}");
            ApiError::new(400, "invalidParameter", &text).parameter("fields")
        })?;
        selection.apply(body);
    }
    Ok(())
}

/// Of more than so many attendees only the owner of the calendar stays.
fn omit_attendees(event: &mut Value, most: usize) {
    let attendees = event.get_mut("attendees").and_then(Value::as_array_mut);
    if let Some(attendees) = attendees.filter(|attendees| attendees.len() > most) {
        attendees.retain(|one| one["self"] == true);
        event["attendeesOmitted"] = json!(true);
    }
}

/// Which fields are wanted; an empty one wants all.
#[derive(Default)]
struct Selection(BTreeMap<String, Selection>);

impl Selection {
    /// Reads `a,b/c,d(e,f)`.
    fn parse(text: &str) -> Option<Self> {
        let mut rest = text;
        let selection = Self::list(&mut rest, DEPTH)?;
        rest.is_empty().then_some(selection)
    }

    fn list(rest: &mut &str, depth: usize) -> Option<Self> {
        let mut selection = Self::default();
        loop {
            let (name, below) = Self::field(rest, depth)?;
            selection.0.insert(name, below);
            match rest.strip_prefix(',') {
                Some(more) => *rest = more,
                None => return Some(selection),
            }
        }
    }

    fn field(rest: &mut &str, depth: usize) -> Option<(String, Self)> {
        let depth = depth.checked_sub(1)?;
        let end = rest
            .find(|c: char| !c.is_ascii_alphanumeric())
            .unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        *rest = after;
        let mut below = Self::default();
        if let Some(after) = rest.strip_prefix('/') {
            *rest = after;
            let (name, field) = Self::field(rest, depth)?;
            below.0.insert(name, field);
        } else if let Some(after) = rest.strip_prefix('(') {
            *rest = after;
            below = Self::list(rest, depth)?;
            *rest = rest.strip_prefix(')')?;
        }
        (!name.is_empty()).then(|| (name.to_owned(), below))
    }

    fn apply(&self, value: &mut Value) {
        if self.0.is_empty() {
            return;
        }
        match value {
            Value::Array(all) => all.iter_mut().for_each(|one| self.apply(one)),
            Value::Object(fields) => {
                fields.retain(|name, _| self.0.contains_key(name));
                for (name, field) in fields {
                    self.0[name].apply(field);
                }
            }
            _ => {}
        }
    }
}
