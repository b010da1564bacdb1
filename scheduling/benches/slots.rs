//! How long the decisions take, for a tutor with a full week: `cargo bench -p scheduling`.
//!
//! Eight weekly rules in Berlin, and three occupied spans a day for nine weeks. Prints the best
//! of several rounds, which is the one that least else got in the way of.

use std::hint::black_box;
use std::time::{Duration, Instant};

use chrono::{DateTime, NaiveTime, TimeDelta, Utc, Weekday};
use chrono_tz::Europe::Berlin;
use scheduling::availability::{WeeklyRule, weekly_spans};
use scheduling::interval::Span;
use scheduling::policy::Policy;
use scheduling::slots::{Occupied, OccupiedBy, Schedule, alternatives, refusals, slots};

fn main() {
    // Without this argument it's a test of whether the benchmark runs.
    let rounds = if std::env::args().any(|arg| arg == "--bench") {
        50
    } else {
        1
    };
    let (rules, occupied) = (rules(), occupied());
    let policy = Policy {
        minimum_notice: TimeDelta::hours(12),
        horizon: TimeDelta::days(90),
        start_grid: TimeDelta::minutes(30),
    };
    let schedule = Schedule {
        zone: Berlin,
        rules: &rules,
        occupied: &occupied,
        policy: &policy,
    };
    let now = start() - TimeDelta::days(1);
    let hour = TimeDelta::hours(1);
    let days = |count| Span::lasting(start(), TimeDelta::days(count)).expect("a window");
    let slot = Span::lasting(start() + TimeDelta::hours(9), hour).expect("a slot");

    let week = slots(&schedule, days(7), hour, now).count();
    println!("{week} slots in 7 days");
    measure("slots, 7 days", rounds, || {
        slots(&schedule, days(7), hour, now).count()
    });
    measure("slots, 7 days with a change of clocks", rounds, || {
        let window = Span::lasting(start() + TimeDelta::days(19), TimeDelta::days(7));
        slots(&schedule, window.expect("a window"), hour, now).count()
    });
    measure("slots, 62 days", rounds, || {
        slots(&schedule, days(62), hour, now).count()
    });
    measure("first slot in 7 days", rounds, || {
        slots(&schedule, days(7), hour, now).next()
    });
    measure("refusals", rounds, || refusals(&schedule, slot, now));
    measure("alternatives, 5", rounds, || {
        alternatives(&schedule, slot, now, 5)
    });
    measure("weekly spans, 7 days", rounds, || {
        weekly_spans(&rules, Berlin, days(7))
    });
}

fn measure<T>(name: &str, rounds: u32, work: impl Fn() -> T) {
    const TIMES: u32 = 500;
    let round = || {
        let begun = Instant::now();
        for _ in 0..TIMES {
            black_box(work());
        }
        begun.elapsed() / TIMES
    };
    let best = (0..rounds).map(|_| round()).min().unwrap_or(Duration::ZERO);
    println!("{name}: {best:?}");
}

/// A Monday, in good time before the change of clocks on 2026-03-29.
fn start() -> DateTime<Utc> {
    "2026-03-09T00:00:00Z".parse().expect("a date and time")
}

fn rules() -> Vec<WeeklyRule> {
    use Weekday::{Fri, Mon, Thu, Tue, Wed};
    let rule = |weekday, start, end| {
        let hour = |hour| NaiveTime::from_hms_opt(hour, 0, 0).expect("a time");
        let (start, end) = (hour(start), hour(end));
        WeeklyRule {
            weekday,
            start,
            end,
            valid_from: None,
            valid_until: None,
        }
    };
    let mornings = [Mon, Tue, Wed, Thu, Fri].map(|day| rule(day, 8, 12));
    let afternoons = [Mon, Tue, Thu].map(|day| rule(day, 13, 19));
    mornings.into_iter().chain(afternoons).collect()
}

fn occupied() -> Vec<Occupied> {
    let at = |day, hour, by| {
        let begin = start() + TimeDelta::days(day) + TimeDelta::hours(hour);
        let span = Span::lasting(begin, TimeDelta::hours(1)).expect("a span");
        Occupied { span, by }
    };
    let day = |day| {
        [
            at(day, 9, OccupiedBy::Lesson),
            at(day, 14, OccupiedBy::CalendarBusy),
            at(day, 16, OccupiedBy::Lesson),
        ]
    };
    (0..63).flat_map(day).collect()
}
