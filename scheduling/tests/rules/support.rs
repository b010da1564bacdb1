//! Short ways to write down times, rules and schedules.

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc, Weekday};
use chrono_tz::Tz;
use scheduling::availability::{
    Availability, DateOverride, DateRange, LocalHours, TimeOff, WeeklyRule,
};
use scheduling::interval::Span;
use scheduling::policy::{Policy, StartGrid};
use scheduling::slots::{Occupancy, Occupied, OccupiedBy, Refusal, Schedule, refusals, slots};

/// A tutor and a student, and all that decides over their time.
#[derive(Clone, Debug)]
pub(crate) struct Tutor {
    pub(crate) zone: Tz,
    pub(crate) weekly_rules: Vec<WeeklyRule>,
    pub(crate) overrides: Vec<DateOverride>,
    pub(crate) time_off: Vec<TimeOff>,
    pub(crate) holidays: Vec<DateRange>,
    pub(crate) last_date: Option<NaiveDate>,
    pub(crate) occupied: Occupancy,
    pub(crate) calendar_unknown: bool,
    pub(crate) student_busy: Vec<Span>,
    pub(crate) lengths: Vec<TimeDelta>,
    pub(crate) policy: Policy,
}

impl Tutor {
    /// Never there, not occupied, with the usual lengths and no restrictions but a grid.
    pub(crate) fn new(zone: Tz, start_grid: StartGrid) -> Self {
        Self {
            zone,
            weekly_rules: Vec::new(),
            overrides: Vec::new(),
            time_off: Vec::new(),
            holidays: Vec::new(),
            last_date: None,
            occupied: Occupancy::default(),
            calendar_unknown: false,
            student_busy: Vec::new(),
            lengths: [30, 45, 60, 90, 120].map(minutes).to_vec(),
            policy: Policy {
                minimum_notice: TimeDelta::zero(),
                horizon: TimeDelta::days(365),
                start_grid,
                buffer_before: TimeDelta::zero(),
                buffer_after: TimeDelta::zero(),
                max_lessons_per_day: None,
                max_lessons_per_week: None,
            },
        }
    }

    /// With rules and a grid of so many minutes from midnight.
    pub(crate) fn with_rules(zone: Tz, grid: i64, rules: &[WeeklyRule]) -> Self {
        Self {
            weekly_rules: rules.to_vec(),
            ..Self::new(zone, StartGrid::Midnight(minutes(grid)))
        }
    }

    pub(crate) fn occupied(self, occupied: &[Occupied]) -> Self {
        Self {
            occupied: Occupancy::new(occupied.to_vec()),
            ..self
        }
    }

    pub(crate) fn availability(&self) -> Availability<'_> {
        Availability {
            zone: self.zone,
            weekly_rules: &self.weekly_rules,
            overrides: &self.overrides,
            time_off: &self.time_off,
            holidays: &self.holidays,
            last_date: self.last_date,
        }
    }

    pub(crate) fn schedule(&self) -> Schedule<'_> {
        Schedule {
            availability: self.availability(),
            occupied: &self.occupied,
            calendar_unknown: self.calendar_unknown,
            student_busy: &self.student_busy,
            lengths: &self.lengths,
            policy: &self.policy,
        }
    }

    /// The beginnings of the slots of so many minutes that begin in a window.
    pub(crate) fn starts(&self, from: &str, to: &str, length: i64, now: &str) -> Vec<String> {
        let found = slots(&self.schedule(), span(from, to), minutes(length), utc(now));
        starts(found)
    }

    /// The codes of all reasons against a slot.
    pub(crate) fn codes(&self, start: &str, end: &str, now: &str) -> Vec<&'static str> {
        codes(&refusals(&self.schedule(), span(start, end), utc(now)))
    }

    /// When the tutor is there between two moments, as `["03-29 01:00 - 03-29 02:00"]` in UTC.
    pub(crate) fn open(&self, from: &str, to: &str) -> Vec<String> {
        show(&self.availability().open_spans(span(from, to)))
    }
}

/// All the time of rules, and nothing else, in a window.
pub(crate) fn open_spans(rules: &[WeeklyRule], zone: Tz, window: Span) -> Vec<Span> {
    let tutor = Tutor::with_rules(zone, 60, rules);
    tutor.availability().open_spans(window)
}

pub(crate) fn codes(reasons: &[Refusal]) -> Vec<&'static str> {
    reasons.iter().map(Refusal::code).collect()
}

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
    show(&open_spans(&[rule], zone, span(from, to)))
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

pub(crate) fn local(start: &str, end: &str) -> LocalHours {
    LocalHours {
        start: time(start),
        end: time(end),
    }
}

pub(crate) fn on(day: &str, hours: &[LocalHours]) -> DateOverride {
    DateOverride {
        date: date(day),
        hours: hours.to_vec(),
    }
}

pub(crate) fn dates(first: &str, last: &str) -> DateRange {
    DateRange::new(date(first), date(last)).expect("a range")
}

pub(crate) fn occupied(by: OccupiedBy, start: &str, end: &str) -> Occupied {
    Occupied {
        span: span(start, end),
        by,
    }
}

pub(crate) fn busy(start: &str, end: &str) -> Occupied {
    occupied(OccupiedBy::CalendarBusy, start, end)
}

pub(crate) fn lesson(start: &str, end: &str) -> Occupied {
    occupied(OccupiedBy::Lesson, start, end)
}
