//! Recurring events: from a rule to its occurrences.

use chrono::{DateTime, Duration, NaiveDate, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;
use rrule::{Frequency, RRule, RRuleSet, Unvalidated};

use super::{
    error::ApiError,
    fields,
    time::{Reckonable, When, resolve},
};
use crate::state::{Calendar, Event};

/// How many occurrences an unbounded question gets at most.
const MOST: u16 = 750;
/// The earliest and latest instants with which the rules are asked.
const YEARS: (i32, i32) = (1900, 2200);

/// Refuses rules that cannot be expanded.
pub(crate) fn check(start: When, lines: &[&str]) -> Result<(), ApiError> {
    set(start, lines)
        .map(|_| ())
        .ok_or_else(|| ApiError::invalid("Invalid recurrence rule."))
}

/// The starts of the occurrences between `from` and `to`, which belong to a start of `length`.
pub(crate) fn starts(
    event: &Event,
    zone: Tz,
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
) -> Vec<DateTime<Utc>> {
    let Some((start, length)) = span(event, zone) else {
        return Vec::new();
    };
    let lines: Vec<&str> = event
        .fields
        .get("recurrence")
        .and_then(|lines| lines.as_array())
        .map(|lines| lines.iter().filter_map(|line| line.as_str()).collect())
        .unwrap_or_default();
    let Some(mut set) = set(start, &lines) else {
        return Vec::new();
    };
    // A day is asked for in UTC: a margin covers every zone, and the caller looks again.
    let margin = Duration::days(1);
    if let Some(from) = from.and_then(|from| from.checked_sub_signed(length + margin)) {
        set = set.after(clamp(from).with_timezone(&rrule::Tz::UTC));
    }
    let latest = to.and_then(|to| to.checked_add_signed(margin));
    let latest = clamp(latest.unwrap_or(DateTime::<Utc>::MAX_UTC));
    set = set.before(latest.with_timezone(&rrule::Tz::UTC));
    let most = if to.is_some() {
        MOST.saturating_mul(4)
    } else {
        MOST
    };
    set.all(most)
        .dates
        .into_iter()
        .map(|date| match start {
            When::Date(_) => resolve(zone, date.naive_local()),
            When::Instant(..) => date.with_timezone(&Utc),
        })
        .collect()
}

/// Would the rule put an occurrence at this instant?
pub(crate) fn occurs(event: &Event, zone: Tz, at: DateTime<Utc>) -> bool {
    starts(event, zone, Some(at), Some(at)).contains(&at)
}

/// Start and length of an event.
pub(crate) fn span(event: &Event, zone: Tz) -> Option<(When, Duration)> {
    let (start, end) = fields::times(&event.fields, zone).ok()?;
    Some((start, end.instant(zone) - start.instant(zone)))
}

fn clamp(at: DateTime<Utc>) -> DateTime<Utc> {
    let bound = |year| Utc.with_ymd_and_hms(year, 1, 1, 0, 0, 0).single();
    match (bound(YEARS.0), bound(YEARS.1)) {
        (Some(low), Some(high)) => at.clamp(low, high),
        _ => at,
    }
}

/// The start of one occurrence as the API tells it.
pub(crate) fn start_at(master: &Event, zone: Tz, at: DateTime<Utc>) -> When {
    match span(master, zone) {
        Some((When::Date(_), _)) => When::Date(at.with_timezone(&zone).date_naive()),
        Some((When::Instant(_, own), _)) => When::Instant(at, own),
        None => When::Instant(at, None),
    }
}

/// The end of one occurrence.
pub(crate) fn end_at(master: &Event, zone: Tz, at: DateTime<Utc>) -> When {
    let Ok((start, end)) = fields::times(&master.fields, zone) else {
        return When::Instant(at, None);
    };
    match (start, end) {
        (When::Date(first), When::Date(last)) => {
            When::Date(at.with_timezone(&zone).date_naive() + (last - first))
        }
        _ => When::Instant(at + (end.instant(zone) - start.instant(zone)), end.zone()),
    }
}

/// The id of an occurrence.
pub(crate) fn instance_id(master: &Event, zone: Tz, at: DateTime<Utc>) -> String {
    match start_at(master, zone, at) {
        When::Date(date) => format!("{}_{}", master.id, date.format("%Y%m%d")),
        When::Instant(at, _) => format!("{}_{}", master.id, at.format("%Y%m%dT%H%M%SZ")),
    }
}

/// The recurring event and the occurrence that an id like `abc_20260105T090000Z` names.
pub(crate) fn by_instance_id<'a>(
    calendar: &'a Calendar,
    id: &str,
) -> Option<(&'a Event, DateTime<Utc>)> {
    let (master, stamp) = id.rsplit_once('_')?;
    let master = calendar.events.get(master)?;
    if !is_recurring(master) {
        return None;
    }
    let at = if let Ok(at) = NaiveDateTime::parse_from_str(stamp, "%Y%m%dT%H%M%SZ") {
        at.and_utc()
    } else {
        let date = NaiveDate::parse_from_str(stamp, "%Y%m%d").ok()?;
        resolve(calendar.time_zone, date.into())
    };
    if !at.is_reckonable() {
        return None;
    }
    let named = instance_id(master, calendar.time_zone, at) == id;
    (named && occurs(master, calendar.time_zone, at)).then_some((master, at))
}

pub(crate) fn is_recurring(event: &Event) -> bool {
    event.fields.contains_key("recurrence")
}

/// The rules with their start. Whole days run in UTC, so that no clock change can shift them.
fn set(start: When, lines: &[&str]) -> Option<RRuleSet> {
    let first = match start {
        When::Date(date) => rrule::Tz::UTC.from_utc_datetime(&date.into()),
        When::Instant(at, zone) => at.with_timezone(&rrule::Tz::from(zone.unwrap_or(Tz::UTC))),
    };
    let mut set = RRuleSet::new(first);
    let mut any = false;
    for line in lines.iter().take(100) {
        let (head, value) = line.split_once(':')?;
        let mut head = head.split(';');
        match head.next()?.to_ascii_uppercase().as_str() {
            "RRULE" => {
                let rule: RRule<Unvalidated> = until_in_utc(value).parse().ok()?;
                // Google knows nothing finer than a day.
                if matches!(
                    rule.get_freq(),
                    Frequency::Hourly | Frequency::Minutely | Frequency::Secondly
                ) {
                    return None;
                }
                set = set.rrule(rule.validate(first).ok()?);
                any = true;
            }
            kind @ ("EXDATE" | "RDATE") => {
                let zone = head
                    .find_map(|parameter| parameter.strip_prefix("TZID="))
                    .map_or_else(
                        || Some(start.zone().unwrap_or(Tz::UTC)),
                        |id| id.parse().ok(),
                    )?;
                for text in value.split(',').take(1000) {
                    let date =
                        parse_date(text.trim(), zone, start)?.with_timezone(&first.timezone());
                    set = match kind {
                        "EXDATE" => set.exdate(date),
                        _ => set.rdate(date),
                    };
                }
                any |= kind == "RDATE";
            }
            _ => return None,
        }
    }
    any.then_some(set)
}

/// The rule with an UNTIL in UTC, which is what the parser wants beside a zoned start.
fn until_in_utc(rule: &str) -> String {
    let part = |part: &str| match part.split_once('=') {
        Some((name, value)) if name.eq_ignore_ascii_case("UNTIL") => match value.len() {
            8 => format!("UNTIL={value}T235959Z"),
            15 => format!("UNTIL={value}Z"),
            _ => part.to_owned(),
        },
        _ => part.to_owned(),
    };
    rule.split(';').map(part).collect::<Vec<_>>().join(";")
}

fn parse_date(text: &str, zone: Tz, start: When) -> Option<DateTime<Utc>> {
    if let Ok(date) = NaiveDate::parse_from_str(text, "%Y%m%d") {
        return Some(match start {
            When::Date(_) => date.and_time(chrono::NaiveTime::MIN).and_utc(),
            // The day alone: the occurrence of that day.
            When::Instant(at, own) => {
                let own = own.unwrap_or(Tz::UTC);
                resolve(own, date.and_time(at.with_timezone(&own).time()))
            }
        });
    }
    if let Some(text) = text.strip_suffix('Z') {
        let at = NaiveDateTime::parse_from_str(text, "%Y%m%dT%H%M%S").ok()?;
        return Some(at.and_utc());
    }
    let local = NaiveDateTime::parse_from_str(text, "%Y%m%dT%H%M%S").ok()?;
    Some(resolve(zone, local))
}
