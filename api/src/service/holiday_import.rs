//! Holidays from an iCalendar file (RFC 5545), as countries and schools publish them.

mod event;

use super::holiday_calendar::{Holiday, MOST_HOLIDAYS};
use crate::error::{Error, FieldError};
use chrono::NaiveDate;
use event::Wrong;
use icalendar::{Calendar, Component, Event, parser::unfold};
use std::{
    cmp::Reverse,
    collections::{BTreeSet, HashMap},
};

/// The longest name that is kept; the rest is cut off.
const NAME_LENGTH: usize = 200;

/// How many events may repeat. A rule that never comes true is looked for in thousands of years.
const MOST_RULES: usize = 100;

/// So many faults are named at most.
const MOST_ERRORS: usize = 20;

/// A calendar holds events, and these may hold alarms. The parser goes down as deep as the file does.
const DEEPEST: usize = 4;

/// The all-day events of a calendar that are not over everywhere on `today`, by date. Repetitions are written out
/// for five years. Takes seconds for the worst of files.
///
/// # Errors
/// [`Error::Invalid`] naming each event that can't be read; and for a file that is none, or holds too much.
pub(super) fn read(text: &str, today: NaiveDate) -> Result<Vec<Holiday>, Error> {
    let calendar = parse(text)?;
    let events: Vec<&Event> = calendar.events().collect();
    let rules = events
        .iter()
        .filter(|event| event.property_value("RRULE").is_some());
    if rules.count() > MOST_RULES {
        let detail = format!("at most {MOST_RULES} events may repeat");
        return Err(Error::invalid("", "too_many", detail));
    }
    // A date is over everywhere a day after it is over in UTC.
    let from = today.pred_opt().unwrap_or(today);
    all(&events, from).map(in_order)
}

fn all(events: &[&Event], from: NaiveDate) -> Result<Vec<Holiday>, Error> {
    let replaced = replaced(events);
    let mut holidays = Vec::new();
    let mut errors = Vec::new();
    for (at, event) in events.iter().enumerate() {
        let replaced = event.get_uid().and_then(|uid| replaced.get(uid));
        match event::occurrences(event, replaced.unwrap_or(&BTreeSet::new()), from) {
            Ok(found) => {
                let name = name(event);
                holidays.extend(found.into_iter().map(|dates| Holiday {
                    dates,
                    name: name.clone(),
                }));
            }
            Err(Wrong { code, detail }) => {
                errors.push(FieldError::new(format!("events[{at}]"), code, detail));
            }
        }
        if holidays.len() > MOST_HOLIDAYS || errors.len() >= MOST_ERRORS {
            break;
        }
    }
    if !errors.is_empty() {
        return Err(Error::Invalid(errors));
    }
    if holidays.len() > MOST_HOLIDAYS {
        let detail = format!("a calendar has at most {MOST_HOLIDAYS} holidays");
        return Err(Error::invalid("", "too_many", detail));
    }
    Ok(holidays)
}

/// By the UID of their series, the occurrences that have an event of their own.
fn replaced<'a>(events: &[&'a Event]) -> HashMap<&'a str, BTreeSet<NaiveDate>> {
    let mut replaced: HashMap<_, BTreeSet<_>> = HashMap::new();
    for event in events {
        // What can't be read is refused where the event itself is read.
        if let (Some(uid), Ok(Some(date))) = (event.get_uid(), event::replaces(event)) {
            replaced.entry(uid).or_default().insert(date);
        }
    }
    replaced
}

/// By date. Of two that begin on one day and have one name the longer one stays.
fn in_order(mut holidays: Vec<Holiday>) -> Vec<Holiday> {
    holidays.sort_unstable_by(|a, b| {
        let key = |holiday: &Holiday| (holiday.dates.first, Reverse(holiday.dates.last));
        (&a.name, key(a)).cmp(&(&b.name, key(b)))
    });
    holidays.dedup_by(|next, kept| next.dates.first == kept.dates.first && next.name == kept.name);
    holidays.sort_by_key(|holiday| holiday.dates.first);
    holidays
}

fn parse(text: &str) -> Result<Calendar, Error> {
    let refused = || Error::invalid("", "not_a_calendar", "must be an iCalendar file (RFC 5545)");
    let text = unfold(text.trim_start_matches('\u{feff}'));
    let mut depth = 0_usize;
    for line in text.lines() {
        match line.split_once(':') {
            Some((begin, _)) if begin.eq_ignore_ascii_case("BEGIN") => depth += 1,
            Some((end, _)) if end.eq_ignore_ascii_case("END") => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEEPEST {
            return Err(refused());
        }
    }
    // The parser makes an empty calendar of what is none, which would close all holidays.
    if !text.trim_start().starts_with("BEGIN:VCALENDAR") {
        return Err(refused());
    }
    text.parse().map_err(|_| refused())
}

fn name(event: &Event) -> String {
    let summary = event.get_summary().unwrap_or_default().trim();
    let clean: String = summary
        .chars()
        .filter(|c| !c.is_control())
        .take(NAME_LENGTH)
        .collect();
    if clean.is_empty() {
        "Holiday".to_owned()
    } else {
        clean
    }
}
