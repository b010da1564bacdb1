//! Any model at all: nothing panics, and a slot is offered exactly if nothing speaks against it.
//!
//! `.ci/run fuzz` for some seconds; `cargo +nightly fuzz run slots`, in the folder `scheduling`, for longer.

#![no_main]

use arbitrary::Arbitrary;
use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc, Weekday};
use chrono_tz::TZ_VARIANTS;
use libfuzzer_sys::fuzz_target;
use scheduling::availability::{
    Availability, DateOverride, DateRange, LocalHours, TimeOff, WeeklyRule,
};
use scheduling::interval::{Span, union};
use scheduling::policy::{Policy, StartGrid, reach};
use scheduling::slots::{
    Occupancy, Occupied, OccupiedBy, Schedule, alternatives, refusals, slots,
};

/// How many slots, and how many starts that are none, are looked at one by one.
const LOOKED_AT: usize = 40;

#[derive(Arbitrary, Debug)]
struct Model {
    zone: u16,
    rules: Vec<Rule>,
    overrides: Vec<(Day, Vec<(Time, Time)>)>,
    away: Vec<Away>,
    holidays: Vec<(Day, Day)>,
    last_date: Option<Day>,
    occupied: Vec<(Moment, Length, u8)>,
    student_busy: Vec<(Moment, Length)>,
    lengths: Vec<Length>,
    policy: Rules,
    window: (Moment, Length),
    length: Length,
    now: Moment,
    elsewhere: Vec<(Moment, Length)>,
}

#[derive(Arbitrary, Debug)]
struct Rule {
    weekday: u8,
    hours: (Time, Time),
    valid: (Option<Day>, Option<Day>),
}

#[derive(Arbitrary, Debug)]
enum Away {
    Span(Moment, Length),
    Dates(Day, Day),
}

#[derive(Arbitrary, Debug)]
struct Rules {
    notice: Length,
    horizon: Length,
    from_midnight: bool,
    step: Length,
    buffers: (Length, Length),
    caps: (Option<u8>, Option<u8>),
}

/// A date, mostly near the middle of 2026.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Day {
    Near(i8),
    Any(i32),
}

/// A time of day, mostly on a quarter of an hour.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Time {
    Quarter(u8),
    Any(u32, u32),
}

/// An instant, mostly near the middle of 2026.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Moment {
    Minute(i16),
    Near(i32, u32),
    Any(i64, u32),
}

/// A length of time, mostly a few quarters of an hour.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Length {
    Quarters(u8),
    Seconds(i32),
    Any(i64, u32),
}

fuzz_target!(|model: Model| check(&model));

fn check(model: &Model) {
    let Some((window, length)) = span(model.window).zip(Some(model.length.delta())) else {
        return;
    };
    let zone = TZ_VARIANTS[usize::from(model.zone) % TZ_VARIANTS.len()];
    let (rules, overrides) = (rules(model), overrides(model));
    let (time_off, holidays) = (time_off(model), ranges(&model.holidays));
    let occupied = Occupancy::new(occupied(model));
    let student_busy = union(model.student_busy.iter().copied().filter_map(span).collect());
    let mut lengths: Vec<_> = model.lengths.iter().map(|length| length.delta()).collect();
    lengths.push(length);
    let policy = policy(&model.policy);
    let schedule = Schedule {
        availability: Availability {
            zone,
            weekly_rules: &rules,
            overrides: &overrides,
            time_off: &time_off,
            holidays: &holidays,
            last_date: model.last_date.map(Day::date),
        },
        occupied: &occupied,
        calendar_unknown: false,
        student_busy: &student_busy,
        lengths: &lengths,
        policy: &policy,
    };
    let now = model.now.instant();
    offers_are_accepted(&schedule, window, length, now);
    for slot in model.elsewhere.iter().copied().filter_map(span).take(LOOKED_AT) {
        acceptance_is_offered(&schedule, slot, now);
        alternatives(&schedule, slot, now, 3);
    }
    schedule.availability.open_spans(window);
    reach(window, length, &policy);
}

fn offers_are_accepted(schedule: &Schedule, window: Span, length: TimeDelta, now: DateTime<Utc>) {
    let mut before = None;
    for slot in slots(schedule, window, length, now).take(LOOKED_AT) {
        assert!(refusals(schedule, slot, now).is_empty(), "{slot:?}");
        assert!(window.start() <= slot.start() && slot.start() < window.end());
        assert_eq!(slot.duration(), length);
        assert!(before < Some(slot), "in order");
        before = Some(slot);
    }
}

fn acceptance_is_offered(schedule: &Schedule, slot: Span, now: DateTime<Utc>) {
    let just_there = Span::lasting(slot.start(), TimeDelta::nanoseconds(1));
    let Some(window) = just_there.filter(|_| slot.end() < DateTime::<Utc>::MAX_UTC) else {
        return;
    };
    let offered = slots(schedule, window, slot.duration(), now).next();
    let accepted = refusals(schedule, slot, now).is_empty();
    let last_second = DateTime::<Utc>::MAX_UTC - TimeDelta::seconds(2);
    assert!(offered.is_some() == accepted || slot.end() > last_second, "{slot:?}");
}

fn rules(model: &Model) -> Vec<WeeklyRule> {
    let rule = |rule: &Rule| WeeklyRule {
        weekday: Weekday::try_from(rule.weekday % 7).expect("a weekday"),
        start: rule.hours.0.time(),
        end: rule.hours.1.time(),
        valid_from: rule.valid.0.map(Day::date),
        valid_until: rule.valid.1.map(Day::date),
    };
    model.rules.iter().map(rule).collect()
}

fn overrides(model: &Model) -> Vec<DateOverride> {
    let hours = |(start, end): &(Time, Time)| LocalHours {
        start: start.time(),
        end: end.time(),
    };
    let overrides = model.overrides.iter().map(|(day, all)| DateOverride {
        date: day.date(),
        hours: all.iter().map(hours).collect(),
    });
    overrides.collect()
}

fn time_off(model: &Model) -> Vec<TimeOff> {
    let away = model.away.iter().filter_map(|away| match *away {
        Away::Span(start, length) => span((start, length)).map(TimeOff::Span),
        Away::Dates(first, last) => Some(TimeOff::Dates(range(first, last))),
    });
    away.collect()
}

fn ranges(days: &[(Day, Day)]) -> Vec<DateRange> {
    days.iter().map(|(first, last)| range(*first, *last)).collect()
}

/// Reversed ones too.
fn range(first: Day, last: Day) -> DateRange {
    DateRange {
        first: first.date(),
        last: last.date(),
    }
}

fn occupied(model: &Model) -> Vec<Occupied> {
    let kinds = [
        OccupiedBy::Lesson,
        OccupiedBy::GroupLesson,
        OccupiedBy::OwnLesson,
        OccupiedBy::Hold,
        OccupiedBy::CalendarBusy,
    ];
    let occupied = model.occupied.iter().filter_map(|(start, length, by)| {
        Some(Occupied {
            span: span((*start, *length))?,
            by: kinds[usize::from(by % 5)],
        })
    });
    occupied.collect()
}

fn policy(rules: &Rules) -> Policy {
    let step = rules.step.delta();
    Policy {
        minimum_notice: rules.notice.delta(),
        horizon: rules.horizon.delta(),
        start_grid: if rules.from_midnight {
            StartGrid::Midnight(step)
        } else {
            StartGrid::SpanStart(step)
        },
        buffer_before: rules.buffers.0.delta(),
        buffer_after: rules.buffers.1.delta(),
        max_lessons_per_day: rules.caps.0.map(u32::from),
        max_lessons_per_week: rules.caps.1.map(u32::from),
    }
}

fn span((start, length): (Moment, Length)) -> Option<Span> {
    Span::lasting(start.instant(), length.delta())
}

impl Day {
    fn date(self) -> NaiveDate {
        match self {
            Self::Near(days) => middle().date_naive() + TimeDelta::days(days.into()),
            Self::Any(days) => NaiveDate::from_num_days_from_ce_opt(days).unwrap_or(NaiveDate::MAX),
        }
    }
}

impl Time {
    fn time(self) -> NaiveTime {
        let (second, nanos) = match self {
            Self::Quarter(quarter) => (u32::from(quarter % 96) * 900, 0),
            Self::Any(second, nanos) => (second % 86_400, nanos % 1_000_000_000),
        };
        NaiveTime::from_num_seconds_from_midnight_opt(second, nanos).expect("a time")
    }
}

impl Moment {
    fn instant(self) -> DateTime<Utc> {
        let any = |second, nanos: u32| DateTime::from_timestamp(second, nanos % 1_000_000_000);
        let instant = match self {
            Self::Minute(minutes) => Some(middle() + TimeDelta::minutes(minutes.into())),
            Self::Near(second, nanos) => any(middle().timestamp() + i64::from(second), nanos),
            Self::Any(second, nanos) => any(second, nanos),
        };
        instant.unwrap_or(DateTime::<Utc>::MAX_UTC)
    }
}

impl Length {
    fn delta(self) -> TimeDelta {
        match self {
            Self::Quarters(quarters) => TimeDelta::minutes(15 * i64::from(quarters)),
            Self::Seconds(seconds) => TimeDelta::seconds(seconds.into()),
            Self::Any(second, nanos) => {
                TimeDelta::new(second, nanos % 1_000_000_000).unwrap_or(TimeDelta::MAX)
            }
        }
    }
}

/// A Wednesday.
fn middle() -> DateTime<Utc> {
    "2026-07-01T00:00:00Z".parse().expect("a date and time")
}
