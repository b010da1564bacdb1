//! Holidays from an iCalendar file (RFC 5545), as countries and schools publish them.

use super::holiday_calendar::{Holiday, MOST_HOLIDAYS};
use crate::error::{Error, FieldError};
use chrono::{DateTime, Days, Months, NaiveDate, Utc};
use icalendar::{Calendar, CalendarComponent, Component, DatePerhapsTime, Event, EventStatus};
use rrule::{RRuleSet, Tz};
use scheduling::availability::DateRange;

/// How far ahead repetitions are written out.
const YEARS_AHEAD: Months = Months::new(12 * 5);

/// The longest name that is kept; the rest is cut off.
const NAME_LENGTH: usize = 200;

/// What is wrong with an event.
struct Wrong {
    code: &'static str,
    detail: &'static str,
}

/// The all-day events of a calendar that end on `today` or later, by date. Repetitions are written out for five
/// years.
///
/// # Errors
/// [`Error::Invalid`] naming each event that can't be read; and for a file that is none, or holds too much.
pub(super) fn read(text: &str, today: NaiveDate) -> Result<Vec<Holiday>, Error> {
    let calendar: Calendar = text.parse().map_err(|_| {
        Error::invalid("", "not_a_calendar", "must be an iCalendar file (RFC 5545)")
    })?;
    let mut holidays = Vec::new();
    let mut errors = Vec::new();
    let events = calendar
        .components
        .iter()
        .filter_map(|component| match component {
            CalendarComponent::Event(event) => Some(event),
            _ => None,
        });
    for (at, event) in events.enumerate() {
        match occurrences(event, today) {
            Ok(found) => holidays.extend(found),
            Err(Wrong { code, detail }) => {
                errors.push(FieldError::new(format!("events[{at}]"), code, detail));
            }
        }
        if holidays.len() > MOST_HOLIDAYS || errors.len() > 20 {
            break;
        }
    }
    if holidays.len() > MOST_HOLIDAYS {
        let detail = format!("a calendar has at most {MOST_HOLIDAYS} holidays");
        return Err(Error::invalid("", "too_many", detail));
    }
    if !errors.is_empty() {
        return Err(Error::Invalid(errors));
    }
    holidays.sort_unstable_by(|a, b| {
        (a.dates.first, a.dates.last, &a.name).cmp(&(b.dates.first, b.dates.last, &b.name))
    });
    holidays.dedup_by(|next, kept| next.dates.first == kept.dates.first && next.name == kept.name);
    Ok(holidays)
}

fn occurrences(event: &Event, today: NaiveDate) -> Result<Vec<Holiday>, Wrong> {
    if event.get_status() == Some(EventStatus::Cancelled) {
        return Ok(Vec::new());
    }
    let wrong = |code, detail| Wrong { code, detail };
    let date = |at| match at {
        Some(DatePerhapsTime::Date(date)) => Ok(Some(date)),
        Some(DatePerhapsTime::DateTime(_)) => Err(wrong("not_all_day", "must be a whole day")),
        None => Ok(None),
    };
    let first = date(event.get_start())?.ok_or(wrong("missing", "has no DTSTART"))?;
    // RFC 5545 section 3.6.1: DTEND is the day after, and a day long where there is none.
    let after = date(event.get_end())?.or(first.succ_opt());
    let days = after.map_or(1, |after| (after - first).num_days().max(1));
    let name = name(event);
    let horizon = today
        .checked_add_months(YEARS_AHEAD)
        .unwrap_or(NaiveDate::MAX);
    let starts = starts(event, first, horizon)?;
    let lasting = |start: NaiveDate| {
        let last = start.checked_add_days(Days::new(days.unsigned_abs() - 1))?;
        let dates = DateRange::new(start, last).filter(|_| last >= today)?;
        Some(Holiday {
            dates,
            name: name.clone(),
        })
    };
    Ok(starts.into_iter().filter_map(lasting).collect())
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

/// The first days of an event that may repeat.
fn starts(event: &Event, first: NaiveDate, horizon: NaiveDate) -> Result<Vec<NaiveDate>, Wrong> {
    let Some(rule) = event.property_value("RRULE") else {
        return Ok(vec![first]);
    };
    let wrong = || Wrong {
        code: "unreadable_rule",
        detail: "has an RRULE that can't be read",
    };
    // The rule counts in days, so its UNTIL is a date; the instants that it is written out with are in UTC.
    let rule: Vec<String> = rule
        .split(';')
        .map(|part| match part.strip_prefix("UNTIL=") {
            Some(until) if until.len() == 8 => format!("UNTIL={until}T000000Z"),
            _ => part.to_owned(),
        })
        .collect();
    let text = format!(
        "DTSTART:{}T000000Z\nRRULE:{}",
        first.format("%Y%m%d"),
        rule.join(";")
    );
    let set: RRuleSet = text.parse().map_err(|_| wrong())?;
    let last: DateTime<Utc> = horizon.and_time(chrono::NaiveTime::MIN).and_utc();
    let most = u16::try_from(MOST_HOLIDAYS).unwrap_or(u16::MAX);
    let found = set.before(last.with_timezone(&Tz::UTC)).all(most);
    let excluded = excluded(event);
    Ok(found
        .dates
        .into_iter()
        .map(|start| start.date_naive())
        .filter(|start| !excluded.contains(start))
        .collect())
}

fn excluded(event: &Event) -> Vec<NaiveDate> {
    let lists = event.multi_properties().get("EXDATE").into_iter().flatten();
    lists
        .flat_map(|list| list.value().split(','))
        .filter_map(|text| NaiveDate::parse_from_str(text.get(..8)?, "%Y%m%d").ok())
        .collect()
}
