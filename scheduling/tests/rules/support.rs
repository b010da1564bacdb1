//! Short ways to write down times, rules and schedules.

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc, Weekday};
use chrono_tz::Tz;
use scheduling::availability::{WeeklyRule, weekly_spans};
use scheduling::interval::Span;
use scheduling::policy::Policy;
use scheduling::slots::{Occupied, OccupiedBy, Schedule};

/// As in `2026-03-29 01:00`, in UTC; seconds may follow.
pub(crate) fn utc(text: &str) -> DateTime<Utc> {
    let full = if text.len() == 16 {
        format!("{text}:00Z")
    } else {
        format!("{text}Z")
    };
    full.parse().expect("a date and time")
}

pub(crate) fn span(start: &str, end: &str) -> Span {
    Span::new(utc(start), utc(end)).expect("a span")
}

pub(crate) fn time(text: &str) -> NaiveTime {
    NaiveTime::parse_from_str(text, "%H:%M").expect("a time")
}

pub(crate) fn date(text: &str) -> NaiveDate {
    text.parse().expect("a date")
}

pub(crate) fn rule(weekday: Weekday, start: &str, end: &str) -> WeeklyRule {
    WeeklyRule {
        weekday,
        start: time(start),
        end: time(end),
        valid_from: None,
        valid_until: None,
    }
}

pub(crate) fn minutes(count: i64) -> TimeDelta {
    TimeDelta::minutes(count)
}

/// What one rule gives between two moments, as `["03-29 01:00 - 03-29 02:00"]` in UTC.
pub(crate) fn hours(rule: WeeklyRule, zone: Tz, from: &str, to: &str) -> Vec<String> {
    show(&weekly_spans(&[rule], zone, span(from, to)))
}

pub(crate) fn show(spans: &[Span]) -> Vec<String> {
    let at = |instant: DateTime<Utc>| instant.format("%m-%d %H:%M").to_string();
    spans
        .iter()
        .map(|span| format!("{} - {}", at(span.start()), at(span.end())))
        .collect()
}

/// Only the beginnings, as `"10:00"` in UTC.
pub(crate) fn starts(spans: impl IntoIterator<Item = Span>) -> Vec<String> {
    spans
        .into_iter()
        .map(|span| span.start().format("%H:%M").to_string())
        .collect()
}

pub(crate) fn busy(start: &str, end: &str) -> Occupied {
    Occupied {
        span: span(start, end),
        by: OccupiedBy::CalendarBusy,
    }
}

pub(crate) fn lesson(start: &str, end: &str) -> Occupied {
    Occupied {
        span: span(start, end),
        by: OccupiedBy::Lesson,
    }
}

/// No notice, a year's horizon.
pub(crate) fn policy(grid: i64) -> Policy {
    Policy {
        minimum_notice: TimeDelta::zero(),
        horizon: TimeDelta::days(365),
        start_grid: minutes(grid),
    }
}

pub(crate) fn schedule<'a>(
    zone: Tz,
    rules: &'a [WeeklyRule],
    occupied: &'a [Occupied],
    policy: &'a Policy,
) -> Schedule<'a> {
    Schedule {
        zone,
        rules,
        occupied,
        policy,
    }
}
