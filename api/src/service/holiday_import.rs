//! Holidays from an iCalendar file (RFC 5545), as countries and schools publish them.

use super::holiday_calendar::{Holiday, MOST_HOLIDAYS};
use crate::error::{Error, FieldError};
use chrono::{Datelike, Days, Months, NaiveDate, NaiveTime, TimeDelta};
use icalendar::{Calendar, Component, DatePerhapsTime, Event, EventStatus, parser::unfold};
use rrule::{RRuleSet, Tz};
use scheduling::availability::DateRange;
use std::cmp::Reverse;

/// How far ahead repetitions are written out.
const YEARS_AHEAD: Months = Months::new(12 * 5);

/// The longest name that is kept; the rest is cut off.
const NAME_LENGTH: usize = 200;

/// How many events may repeat. A rule that never comes true is looked for in thousands of years.
const MOST_RULES: usize = 100;

/// So many faults are named at most.
const MOST_ERRORS: usize = 20;

/// A calendar holds events, and these may hold alarms. The parser goes down as deep as the file does.
const DEEPEST: usize = 4;

/// What is wrong with an event.
struct Wrong {
    code: &'static str,
    detail: &'static str,
}

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
    let mut holidays = Vec::new();
    let mut errors = Vec::new();
    for (at, event) in events.into_iter().enumerate() {
        match occurrences(event, from) {
            Ok(found) => holidays.extend(found),
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
    // Of two that begin on one day and have one name the longer one stays.
    holidays.sort_unstable_by(|a, b| {
        let key = |holiday: &Holiday| (holiday.dates.first, Reverse(holiday.dates.last));
        (&a.name, key(a)).cmp(&(&b.name, key(b)))
    });
    holidays.dedup_by(|next, kept| next.dates.first == kept.dates.first && next.name == kept.name);
    holidays.sort_by_key(|holiday| holiday.dates.first);
    Ok(holidays)
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

/// When a holiday that an event tells of is, as far as it ends on `from` or later.
fn occurrences(event: &Event, from: NaiveDate) -> Result<Vec<Holiday>, Wrong> {
    if event.get_status() == Some(EventStatus::Cancelled) {
        return Ok(Vec::new());
    }
    let first = date(event.get_start())?.ok_or(wrong("missing", "has no DTSTART"))?;
    // RFC 5545 section 3.6.1: DTEND is the day after, and a day long where there is none.
    let after = date(event.get_end())?.or(first.succ_opt());
    let days = after.map_or(1, |after| (after - first).num_days().max(1));
    let name = name(event);
    let lasting = |start: NaiveDate| {
        let last = start.checked_add_days(Days::new(days.unsigned_abs() - 1))?;
        let dates = DateRange::new(start, last).filter(|_| last >= from)?;
        let name = name.clone();
        Some(Holiday { dates, name })
    };
    let starts = starts(event, first, from - TimeDelta::days(days))?;
    Ok(starts.into_iter().filter_map(lasting).collect())
}

fn wrong(code: &'static str, detail: &'static str) -> Wrong {
    Wrong { code, detail }
}

fn date(at: Option<DatePerhapsTime>) -> Result<Option<NaiveDate>, Wrong> {
    at.map(|at| match at {
        DatePerhapsTime::Date(date) if (1970..2200).contains(&date.year()) => Ok(date),
        DatePerhapsTime::Date(_) => {
            Err(wrong("out_of_range", "must lie in the years 1970 to 2199"))
        }
        DatePerhapsTime::DateTime(_) => Err(wrong("not_all_day", "must be a whole day")),
    })
    .transpose()
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

/// The first days, from `from` on, of an event that may repeat.
fn starts(event: &Event, first: NaiveDate, from: NaiveDate) -> Result<Vec<NaiveDate>, Wrong> {
    let Some(rule) = event.property_value("RRULE") else {
        return Ok(vec![first]);
    };
    let last = from
        .checked_add_months(YEARS_AHEAD)
        .unwrap_or(NaiveDate::MAX);
    let midnight = |date: NaiveDate| date.and_time(NaiveTime::MIN).and_utc();
    let text = format!(
        "DTSTART:{}T000000Z\nRRULE:{}",
        first.format("%Y%m%d"),
        whole_days(rule)?
    );
    let set: RRuleSet = text.parse().map_err(|_| unreadable())?;
    let found = set
        .after(midnight(from).with_timezone(&Tz::UTC))
        .before(midnight(last).with_timezone(&Tz::UTC))
        .all(u16::MAX);
    if found.limited {
        return Err(unreadable());
    }
    let excluded = excluded(event);
    Ok(found
        .dates
        .into_iter()
        .map(|start| start.date_naive())
        .filter(|start| !excluded.contains(start))
        .collect())
}

fn unreadable() -> Wrong {
    wrong("unreadable_rule", "has an RRULE that can't be read")
}

/// A rule of whole days as the parser wants it: it knows instants in UTC only, so UNTIL becomes one.
///
/// # Errors
/// For what may not stand beside whole days (RFC 5545 section 3.3.10): parts of a day.
fn whole_days(rule: &str) -> Result<String, Wrong> {
    let parts = rule.split(';').map(|part| {
        let part = part.to_ascii_uppercase();
        match part.split_once('=').ok_or(unreadable())? {
            ("FREQ", "SECONDLY" | "MINUTELY" | "HOURLY")
            | ("BYSECOND" | "BYMINUTE" | "BYHOUR", _) => Err(unreadable()),
            ("UNTIL", until) => {
                let date = until.get(..8).ok_or(unreadable())?;
                Ok(format!("UNTIL={date}T000000Z"))
            }
            _ => Ok(part),
        }
    });
    Ok(parts.collect::<Result<Vec<_>, Wrong>>()?.join(";"))
}

fn excluded(event: &Event) -> Vec<NaiveDate> {
    let several = event.multi_properties().get("EXDATE").into_iter().flatten();
    let lists = several.chain(event.properties().get("EXDATE"));
    lists
        .flat_map(|list| list.value().split(','))
        .filter_map(|text| NaiveDate::parse_from_str(text.get(..8)?, "%Y%m%d").ok())
        .collect()
}
