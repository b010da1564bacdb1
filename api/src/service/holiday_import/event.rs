//! On which days one event of a calendar is (RFC 5545 sections 3.6.1 and 3.8.5). Whatever can't be meant as whole
//! days is refused rather than guessed at: a wrong guess opens a day that is closed.

use chrono::{Datelike, Days, Months, NaiveDate, NaiveTime, TimeDelta};
use icalendar::{Component, DatePerhapsTime, Event, EventStatus, Property};
use rrule::{RRuleSet, Tz};
use scheduling::availability::DateRange;
use std::collections::BTreeSet;

/// How far ahead repetitions are written out.
const YEARS_AHEAD: Months = Months::new(12 * 5);

/// What is wrong with an event.
pub struct Wrong {
    pub code: &'static str,
    pub detail: String,
}

fn wrong(code: &'static str, detail: impl Into<String>) -> Wrong {
    Wrong {
        code,
        detail: detail.into(),
    }
}

/// When an event is, as far as it ends on `from` or later. `replaced` are the first days of those of its occurrences
/// that have an event of their own.
pub fn occurrences(
    event: &Event,
    replaced: &BTreeSet<NaiveDate>,
    from: NaiveDate,
) -> Result<Vec<DateRange>, Wrong> {
    let is_one_of_series = replaces(event)?.is_some();
    if event.get_status() == Some(EventStatus::Cancelled) {
        return Ok(Vec::new());
    }
    if is_one_of_series && repeats(event) {
        return Err(wrong(
            "unreadable_rule",
            "is one occurrence (RECURRENCE-ID), so it can't repeat itself",
        ));
    }
    let first = date(event, "DTSTART")?.ok_or(wrong("missing", "has no DTSTART"))?;
    let days = days(event, first)?;
    let until = from.checked_add_months(YEARS_AHEAD);
    let window = (from - days, until.unwrap_or(NaiveDate::MAX));
    let mut starts = starts(event, first, window)?;
    if !is_one_of_series {
        starts.retain(|start| !replaced.contains(start));
    }
    let mut ranges = Vec::with_capacity(starts.len());
    for start in starts {
        let last = in_range(start + (days - TimeDelta::days(1)), "the last day")?;
        ranges.extend(DateRange::new(start, last).filter(|_| last >= from));
    }
    Ok(ranges)
}

/// The first day that the occurrence had by the rule of its series, of an event that is one occurrence.
pub fn replaces(event: &Event) -> Result<Option<NaiveDate>, Wrong> {
    let Some(id) = event.properties().get("RECURRENCE-ID") else {
        return Ok(None);
    };
    if id.params().contains_key("RANGE") {
        let detail = "changes all occurrences from one on (RANGE=THISANDFUTURE); write them as a series of their own";
        return Err(wrong("this_and_future", detail));
    }
    if event.get_uid().is_none() {
        return Err(wrong("missing", "has no UID that names its series"));
    }
    whole_day(id).map(Some)
}

fn repeats(event: &Event) -> bool {
    event.property_value("RRULE").is_some() || event.multi_properties().contains_key("RDATE")
}

fn date(event: &Event, key: &str) -> Result<Option<NaiveDate>, Wrong> {
    event.properties().get(key).map(whole_day).transpose()
}

/// The days of a property that may stand several times, each with several values.
fn dates(event: &Event, key: &str) -> Result<Vec<NaiveDate>, Wrong> {
    let lists = event.multi_properties().get(key).into_iter().flatten();
    lists
        .flat_map(|list| list.value().split(','))
        .map(|text| whole_day(&Property::new(key, text)))
        .collect()
}

fn whole_day(property: &Property) -> Result<NaiveDate, Wrong> {
    match DatePerhapsTime::from_property(property) {
        Some(DatePerhapsTime::Date(date)) => in_range(date, property.key()),
        _ => Err(wrong(
            "not_all_day",
            format!("{} must be a whole day", property.key()),
        )),
    }
}

fn in_range(date: NaiveDate, of: &str) -> Result<NaiveDate, Wrong> {
    if (1970..2200).contains(&date.year()) {
        return Ok(date);
    }
    Err(wrong(
        "out_of_range",
        format!("{of} must lie in the years 1970 to 2199"),
    ))
}

/// How long each occurrence is: a day where the event does not say.
fn days(event: &Event, first: NaiveDate) -> Result<TimeDelta, Wrong> {
    let after = match (date(event, "DTEND")?, event.property_value("DURATION")) {
        (Some(_), Some(_)) => {
            return Err(wrong("end_and_duration", "has both DTEND and DURATION"));
        }
        (Some(after), None) => after,
        (None, Some(duration)) => {
            let days = days_of(duration).ok_or(wrong(
                "not_all_day",
                "DURATION must be a number of days or of weeks",
            ))?;
            let after = first.checked_add_days(days).unwrap_or(NaiveDate::MAX);
            in_range(after, "the end")?
        }
        (None, None) => first + Days::new(1),
    };
    if first < after {
        Ok(after - first)
    } else {
        Err(wrong("not_after_start", "must end after DTSTART"))
    }
}

/// Reads `P2W` or `P15D`, of which RFC 5545 section 3.6.1 wants one beside a whole day.
fn days_of(duration: &str) -> Option<Days> {
    let text = duration.strip_prefix('+').unwrap_or(duration);
    let text = text.strip_prefix('P')?;
    let (number, length) = match text.strip_suffix('W') {
        Some(weeks) => (weeks, 7),
        None => (text.strip_suffix('D')?, 1),
    };
    let is_number = number.bytes().all(|digit| digit.is_ascii_digit());
    let number: u32 = number.parse().ok().filter(|_| is_number)?;
    Some(Days::new(u64::from(number) * length))
}

/// The first days of all occurrences, those by rule as far as they lie in a window.
fn starts(
    event: &Event,
    first: NaiveDate,
    window: (NaiveDate, NaiveDate),
) -> Result<BTreeSet<NaiveDate>, Wrong> {
    let mut starts = BTreeSet::from([first]);
    if let Some(rule) = event.property_value("RRULE") {
        starts.extend(by_rule(rule, first, window)?);
    }
    starts.extend(dates(event, "RDATE")?);
    for excluded in dates(event, "EXDATE")? {
        starts.remove(&excluded);
    }
    Ok(starts)
}

fn by_rule(
    rule: &str,
    first: NaiveDate,
    (from, until): (NaiveDate, NaiveDate),
) -> Result<Vec<NaiveDate>, Wrong> {
    let midnight = |date: NaiveDate| date.and_time(NaiveTime::MIN).and_utc();
    let text = format!(
        "DTSTART:{}T000000Z\nRRULE:{}",
        first.format("%Y%m%d"),
        whole_days(rule)?
    );
    let set: RRuleSet = text.parse().map_err(|_| unreadable())?;
    let found = set
        .after(midnight(from).with_timezone(&Tz::UTC))
        .before(midnight(until).with_timezone(&Tz::UTC))
        .all(u16::MAX);
    if found.limited {
        return Err(unreadable());
    }
    Ok(found
        .dates
        .iter()
        .map(chrono::DateTime::date_naive)
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
