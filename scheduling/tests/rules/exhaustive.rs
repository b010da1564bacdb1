//! Thirty-one years of zones with awkward clocks, every minute of them, against the oracle.

use std::ops::RangeInclusive;
use std::thread;
use std::time::Instant;

use chrono::Weekday::{Fri, Mon, Sat, Sun, Thu, Tue, Wed};
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::{Africa, America, Antarctica, Asia, Australia, Pacific, Tz};
use scheduling::availability::TimeOff;
use scheduling::interval::Span;
use scheduling::policy::StartGrid;
use scheduling::slots::{Occupancy, Occupied, OccupiedBy, refusals, slots};

use crate::oracle::{Case, Oracle};
use crate::support::{Tutor, dates, local, minutes, on, rule, utc};

const AWKWARD: [Tz; 12] = [
    Australia::Lord_Howe,
    Africa::Casablanca,
    Africa::El_Aaiun,
    Pacific::Apia,
    America::Santiago,
    Asia::Beirut,
    Antarctica::Troll,
    Asia::Gaza,
    America::Sao_Paulo,
    Asia::Tehran,
    America::Havana,
    Pacific::Chatham,
];

/// Hours through most nights, in which clocks change, and something of everything each year.
fn tutor(zone: Tz, year: i32) -> Tutor {
    let day = |month_and_day: &str| format!("{year}-{month_and_day}");
    let nights = [Thu, Fri, Sat].map(|day| rule(day, "21:40", "05:10"));
    let days = [Mon, Tue, Wed, Sat, Sun].map(|day| rule(day, "00:00", "00:00"));
    let mut tutor = Tutor::with_rules(zone, 30, &[]);
    tutor.weekly_rules.extend(nights.into_iter().chain(days));
    let every_month = (1..=12).flat_map(|month| {
        let closed = on(&day(&format!("{month:02}-11")), &[]);
        let hours = [local("00:00", "03:20"), local("22:30", "02:30")];
        [closed, on(&day(&format!("{month:02}-26")), &hours)]
    });
    tutor.overrides = every_month.collect();
    tutor.time_off = (1..=12)
        .map(|month| day(&format!("{month:02}-04")))
        .map(|day| TimeOff::Dates(dates(&day, &day)))
        .collect();
    tutor.holidays = [("03-25", "03-27"), ("10-25", "10-29"), ("12-30", "12-31")]
        .map(|(first, last)| dates(&day(first), &day(last)))
        .to_vec();
    tutor.policy.buffer_before = minutes(10);
    tutor.policy.max_lessons_per_day = Some(3);
    tutor.policy.max_lessons_per_week = Some(14);
    tutor.policy.horizon = TimeDelta::days(400);
    tutor
}

/// Something every few hours, never at the same time of day for long.
fn occupied(year: Span) -> Occupancy {
    use OccupiedBy::{CalendarBusy, GroupLesson, Hold, Lesson, OwnLesson};
    let kinds = [Lesson, CalendarBusy, GroupLesson, Hold, OwnLesson];
    let starts = std::iter::successors(Some(year.start()), |start| {
        Some(*start + minutes(13 * 60 + 5)).filter(|next| *next < year.end())
    });
    let all = starts
        .zip(kinds.into_iter().cycle())
        .map(|(start, by)| Occupied {
            span: Span::lasting(start, minutes(50)).expect("a span"),
            by,
        });
    Occupancy::new(all.collect())
}

fn new_year(year: i32) -> DateTime<Utc> {
    utc(&format!("{year}-01-01 00:00"))
}

fn check(zone: Tz, year: i32, start_grid: StartGrid) -> (usize, usize) {
    let window = Span::new(new_year(year), new_year(year + 1)).expect("a year");
    let mut tutor = tutor(zone, year);
    tutor.policy.start_grid = start_grid;
    tutor.occupied = occupied(window);
    let case = Case {
        tutor,
        now: window.start(),
        window,
        length: minutes(90),
    };
    let (oracle, schedule) = (Oracle::new(&case), case.tutor.schedule());
    let expected = oracle.starts();
    let found: Vec<_> = slots(&schedule, window, case.length, case.now).collect();
    let starts: Vec<_> = found.iter().map(Span::start).collect();
    assert_eq!(starts, expected, "{zone} {year}");
    let mut checked = 0;
    let every = (0..window.duration().num_minutes()).step_by(331);
    for start in every.map(|minute| window.start() + minutes(minute)) {
        let slot = Span::lasting(start, case.length).expect("a slot");
        let reasons = refusals(&schedule, slot, case.now);
        let codes = reasons
            .iter()
            .map(scheduling::slots::Refusal::code)
            .collect();
        assert_eq!(oracle.codes(start), codes, "{zone} {start}");
        checked += 1;
    }
    (found.len(), checked)
}

fn check_years(years: RangeInclusive<i32>) {
    let begun = Instant::now();
    let zones = AWKWARD.map(|zone| {
        let years = years.clone();
        thread::spawn(move || check_zone(zone, years))
    });
    let (mut found, mut checked) = (0, 0);
    for zone in zones {
        let (slots, refused) = zone.join().expect("the zone agrees");
        found += slots;
        checked += refused;
    }
    let zones = AWKWARD.len();
    println!(
        "{zones} zones, {found} slots, {checked} refusals, {:?}",
        begun.elapsed()
    );
    assert!(found > 1000 && checked > 1000);
}

fn check_zone(zone: Tz, years: RangeInclusive<i32>) -> (usize, usize) {
    let step = minutes(30);
    let of_years = years.map(|year| match year % 2 {
        0 => check(zone, year, StartGrid::Midnight(step)),
        _ => check(zone, year, StartGrid::SpanStart(step)),
    });
    of_years.fold((0, 0), |all, of_year| {
        (all.0 + of_year.0, all.1 + of_year.1)
    })
}

#[test]
fn a_year_of_each_awkward_zone() {
    check_years(2011..=2011);
}

#[test]
#[ignore = "takes minutes: .ci/run exhaustive"]
fn years_of_each_awkward_zone() {
    check_years(2007..=2037);
}
