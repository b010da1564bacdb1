//! How long the decisions take: `cargo bench -p scheduling`.
//!
//! Each tutor has eight weekly rules, an override a month, a week of time off, a few holidays,
//! three occupied spans a day, buffers and caps; the students are busy once a day.

use std::hint::black_box;

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc, Weekday};
use chrono_tz::{TZ_VARIANTS, Tz};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use scheduling::availability::{
    Availability, DateOverride, DateRange, LocalHours, TimeOff, WeeklyRule,
};
use scheduling::interval::Span;
use scheduling::policy::{Policy, StartGrid};
use scheduling::recurrence::{Occurrence, Rule};
use scheduling::slots::{
    Occupancy, Occupied, OccupiedBy, Schedule, Slots, alternatives, refusals, slots,
};

criterion_group!(benches, one_tutor, many_tutors, one_slot, one_series);
criterion_main!(benches);

fn one_tutor(criterion: &mut Criterion) {
    let tutor = Tutor::new(Tz::Europe__Berlin);
    let mut group = criterion.benchmark_group("slots of one tutor");
    for count in [7, 62, 365] {
        group.bench_function(BenchmarkId::new("days", count), |bencher| {
            bencher.iter(|| tutor.slots(black_box(days(count))).count());
        });
    }
    group.bench_function("first of 62 days", |bencher| {
        bencher.iter(|| tutor.slots(black_box(days(62))).next());
    });
    group.finish();
}

fn many_tutors(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("slots of 14 days");
    for count in [40, 1000] {
        let zones = TZ_VARIANTS.into_iter().step_by(29).cycle();
        let tutors: Vec<_> = zones.take(count).map(Tutor::new).collect();
        group.bench_function(BenchmarkId::new("tutors", count), |bencher| {
            let found = |tutor: &Tutor| tutor.slots(black_box(days(14))).count();
            bencher.iter(|| tutors.iter().map(found).sum::<usize>());
        });
    }
    group.finish();
}

fn one_slot(criterion: &mut Criterion) {
    let tutor = Tutor::new(Tz::Europe__Berlin);
    let slot = Span::lasting(start() + TimeDelta::hours(9), hours(1)).expect("a slot");
    criterion.bench_function("refusals", |bencher| {
        bencher.iter(|| refusals(&tutor.schedule(), black_box(slot), now()));
    });
    criterion.bench_function("alternatives, 5", |bencher| {
        bencher.iter(|| alternatives(&tutor.schedule(), black_box(slot), now(), 5));
    });
}

/// Of each of 52 weeks whether there can be a lesson, and what else there could be: what a dry run of a series asks.
fn one_series(criterion: &mut Criterion) {
    let tutor = Tutor::new(Tz::Europe__Berlin);
    let first = start().naive_utc() + TimeDelta::hours(9);
    criterion.bench_function("a series of 52 weeks", |bencher| {
        bencher.iter(|| {
            let rule: Rule = black_box("FREQ=WEEKLY;COUNT=52").parse().expect("a rule");
            let lessons = rule.occurrences(first, hours(1), Tz::Europe__Berlin);
            let judge = |lesson: &Occurrence| {
                let schedule = tutor.schedule();
                let reasons = refusals(&schedule, lesson.span, now()).len();
                reasons + alternatives(&schedule, lesson.span, now(), 3).len()
            };
            lessons.expect("a series").iter().map(judge).sum::<usize>()
        });
    });
}

struct Tutor {
    zone: Tz,
    weekly_rules: Vec<WeeklyRule>,
    overrides: Vec<DateOverride>,
    time_off: Vec<TimeOff>,
    holidays: Vec<DateRange>,
    occupied: Occupancy,
    student_busy: Vec<Span>,
    lengths: [TimeDelta; 2],
    policy: Policy,
}

impl Tutor {
    fn new(zone: Tz) -> Self {
        let break_off = range(40, 47);
        Self {
            zone,
            weekly_rules: weekly_rules(),
            overrides: (0..12).map(|month| date_override(month * 30 + 5)).collect(),
            time_off: vec![TimeOff::Dates(break_off), TimeOff::Span(at(10, 11))],
            holidays: (0..12).map(|month| range(month * 31, month * 31)).collect(),
            occupied: occupied(),
            student_busy: (0..365).map(|day| at(day, 10)).collect(),
            lengths: [TimeDelta::minutes(30), TimeDelta::minutes(60)],
            policy: Policy {
                minimum_notice: hours(12),
                horizon: TimeDelta::days(400),
                start_grid: StartGrid::Midnight(TimeDelta::minutes(30)),
                buffer_before: TimeDelta::minutes(5),
                buffer_after: TimeDelta::minutes(10),
                max_lessons_per_day: Some(5),
                max_lessons_per_week: Some(25),
            },
        }
    }

    fn schedule(&self) -> Schedule<'_> {
        Schedule {
            availability: Availability {
                zone: self.zone,
                weekly_rules: &self.weekly_rules,
                overrides: &self.overrides,
                time_off: &self.time_off,
                holidays: &self.holidays,
                last_date: None,
            },
            occupied: &self.occupied,
            calendar_unknown: false,
            student_busy: &self.student_busy,
            lengths: &self.lengths,
            policy: &self.policy,
        }
    }

    fn slots(&self, window: Span) -> Slots {
        slots(&self.schedule(), window, hours(1), now())
    }
}

/// A Monday, in good time before the change of clocks on 2026-03-29.
fn start() -> DateTime<Utc> {
    "2026-03-09T00:00:00Z".parse().expect("a date and time")
}

fn now() -> DateTime<Utc> {
    start() - TimeDelta::days(1)
}

fn hours(count: i64) -> TimeDelta {
    TimeDelta::hours(count)
}

fn days(count: i64) -> Span {
    Span::lasting(start(), TimeDelta::days(count)).expect("a window")
}

/// An hour on some day from the start on.
fn at(day: i64, hour: i64) -> Span {
    let begin = start() + TimeDelta::days(day) + hours(hour);
    Span::lasting(begin, hours(1)).expect("a span")
}

fn date(day: i64) -> NaiveDate {
    start().date_naive() + TimeDelta::days(day)
}

fn range(first: i64, last: i64) -> DateRange {
    DateRange::new(date(first), date(last)).expect("a range")
}

fn time(hour: u32) -> NaiveTime {
    NaiveTime::from_hms_opt(hour, 0, 0).expect("a time")
}

fn weekly_rules() -> Vec<WeeklyRule> {
    use Weekday::{Fri, Mon, Thu, Tue, Wed};
    let rule = |weekday, start, end| WeeklyRule {
        weekday,
        start: time(start),
        end: time(end),
        valid_from: None,
        valid_until: None,
    };
    let mornings = [Mon, Tue, Wed, Thu, Fri].map(|day| rule(day, 8, 12));
    let afternoons = [Mon, Tue, Thu].map(|day| rule(day, 13, 19));
    mornings.into_iter().chain(afternoons).collect()
}

fn date_override(day: i64) -> DateOverride {
    let hours = LocalHours {
        start: time(10),
        end: time(16),
    };
    DateOverride {
        date: date(day),
        hours: vec![hours],
    }
}

fn occupied() -> Occupancy {
    let days = (0..365).flat_map(|day| {
        let of = |hour, by| Occupied {
            span: at(day, hour),
            by,
        };
        [
            of(9, OccupiedBy::Lesson),
            of(14, OccupiedBy::CalendarBusy),
            of(16, OccupiedBy::Lesson),
        ]
    });
    Occupancy::new(days.collect())
}
