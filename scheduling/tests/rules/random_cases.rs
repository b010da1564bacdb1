//! Random schedules around changes of clocks, compared with the oracle.

use std::cell::Cell;
use std::collections::BTreeMap;

use chrono::{DateTime, Days, NaiveTime, Offset, TimeDelta, TimeZone, Utc, Weekday};
use chrono_tz::{Africa, America, Antarctica, Asia, Australia, Europe, Pacific, TZ_VARIANTS, Tz};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestRunner;
use scheduling::availability::{WeeklyRule, overlapping_rules, weekly_spans};
use scheduling::interval::Span;
use scheduling::policy::Policy;
use scheduling::slots::{Occupied, OccupiedBy, Refusal, alternatives, refusals, slots};

use crate::oracle::{Case, Oracle};
use crate::support::utc;

/// Zones with unusual changes, and a time shortly before one of them.
const UNUSUAL: [(Tz, &str); 19] = [
    (Australia::Lord_Howe, "2026-03-30 00:00"),
    (Australia::Lord_Howe, "2026-09-30 00:00"),
    (Africa::Casablanca, "2026-02-10 00:00"),
    (Africa::Casablanca, "2026-03-18 00:00"),
    (Africa::Casablanca, "2031-11-20 00:00"),
    (Pacific::Apia, "2011-12-28 00:00"),
    (Pacific::Apia, "2012-03-25 00:00"),
    (Pacific::Kwajalein, "1993-08-18 00:00"),
    (America::Santiago, "2026-04-01 00:00"),
    (America::Santiago, "2026-09-01 00:00"),
    (Antarctica::Troll, "2026-03-25 00:00"),
    (Antarctica::Troll, "2026-10-20 00:00"),
    (Asia::Beirut, "2026-03-25 00:00"),
    (Asia::Kathmandu, "1985-12-28 00:00"),
    (Europe::Berlin, "2026-03-25 00:00"),
    (Europe::Dublin, "2026-10-20 00:00"),
    (America::New_York, "2026-10-28 00:00"),
    (Pacific::Chatham, "2026-04-01 00:00"),
    (America::Recife, "2000-10-10 00:00"),
];

fn offset(zone: Tz, at: DateTime<Utc>) -> i32 {
    let offset = zone.offset_from_utc_datetime(&at.naive_utc());
    offset.fix().local_minus_utc()
}

/// The next change of the zone's clock within a year, or `from` if there is none.
fn next_change(zone: Tz, from: DateTime<Utc>) -> DateTime<Utc> {
    let changed = |at: &DateTime<Utc>| offset(zone, *at) != offset(zone, from);
    let days = (1..366).map(|day| from + TimeDelta::days(day));
    let Some(day_after) = days.into_iter().find(changed) else {
        return from;
    };
    (0..=24 * 60)
        .map(|minute| day_after - TimeDelta::days(1) + TimeDelta::minutes(minute))
        .find(changed)
        .unwrap_or(from)
}

/// A zone and a moment, mostly one at which its clock changes. From 1980 on all offsets are
/// whole minutes.
fn zone_and_moment() -> impl Strategy<Value = (Tz, DateTime<Utc>)> {
    let unusual = select(&UNUSUAL[..]).prop_map(|(zone, before)| (zone, utc(before)));
    let any = (select(&TZ_VARIANTS[..]), 0_i64..57 * 365)
        .prop_map(|(zone, day)| (zone, utc("1980-01-02 00:00") + TimeDelta::days(day)));
    prop_oneof![2 => unusual, 1 => any].prop_map(|(zone, from)| (zone, next_change(zone, from)))
}

fn some_time() -> impl Strategy<Value = NaiveTime> {
    let minute = prop_oneof![
        2 => Just(0_u32),
        6 => (0..96_u32).prop_map(|quarter| quarter * 15),
        2 => 0..1440_u32,
    ];
    minute.prop_map(|minute| {
        NaiveTime::from_num_seconds_from_midnight_opt(minute * 60, 0).expect("a time")
    })
}

/// A rule on a day near the moment, sometimes with dates of validity near it.
fn some_rule(zone: Tz, moment: DateTime<Utc>) -> impl Strategy<Value = WeeklyRule> {
    let today = moment.with_timezone(&zone).date_naive();
    let near = move |days: u64| today - Days::new(4) + Days::new(days);
    let some_date = || prop::option::weighted(0.2, (0..8_u64).prop_map(near));
    (0..4_u8, some_time(), some_time(), some_date(), some_date()).prop_map(
        move |(day, start, end, valid_from, valid_until)| WeeklyRule {
            weekday: weekday_before(near(5), day),
            start,
            end,
            valid_from,
            valid_until,
        },
    )
}

fn weekday_before(date: chrono::NaiveDate, days: u8) -> Weekday {
    use chrono::Datelike;
    (0..days).fold(date.weekday(), |weekday, _| weekday.pred())
}

fn some_occupied(moment: DateTime<Utc>) -> impl Strategy<Value = Occupied> {
    let by = select(
        &[
            OccupiedBy::Lesson,
            OccupiedBy::CalendarBusy,
            OccupiedBy::StudentBusy,
        ][..],
    );
    let length = prop_oneof![1..90_i64, 1..600_i64];
    (-3000..3000_i64, length, by).prop_map(move |(start, length, by)| {
        let start = moment + TimeDelta::minutes(start);
        let span = Span::lasting(start, TimeDelta::minutes(length)).expect("a span");
        Occupied { span, by }
    })
}

fn some_policy() -> impl Strategy<Value = Policy> {
    let notice = prop_oneof![2 => Just(0_i64), 1 => 0..3000_i64];
    let horizon = prop_oneof![2 => Just(90 * 1440_i64), 1 => 0..9000_i64];
    let grid = select(&[5_i64, 10, 15, 20, 30, 60, 7, 1440][..]);
    (notice, horizon, grid).prop_map(|(notice, horizon, grid)| Policy {
        minimum_notice: TimeDelta::minutes(notice),
        horizon: TimeDelta::minutes(horizon),
        start_grid: TimeDelta::minutes(grid),
    })
}

fn some_case() -> impl Strategy<Value = Case> {
    zone_and_moment().prop_flat_map(|(zone, moment)| {
        let rules = prop::collection::vec(some_rule(zone, moment), 0..6);
        let occupied = prop::collection::vec(some_occupied(moment), 0..6);
        let window = (0..1500_i64, 1..2400_i64);
        let length = prop_oneof![select(&[30_i64, 45, 60, 90, 120][..]), 1..240_i64];
        (
            rules,
            occupied,
            some_policy(),
            window,
            length,
            -1000..4000_i64,
        )
            .prop_map(
                move |(rules, occupied, policy, window, length, since)| Case {
                    zone,
                    rules,
                    occupied,
                    policy,
                    now: moment - TimeDelta::minutes(since),
                    window: Span::lasting(
                        moment - TimeDelta::minutes(window.0),
                        TimeDelta::minutes(window.1),
                    )
                    .expect("a window"),
                    length: TimeDelta::minutes(length),
                },
            )
    })
}

/// How often something was seen, to be sure that a test looked at what it is about.
#[derive(Default)]
struct Seen(Cell<BTreeMap<&'static str, usize>>);

impl Seen {
    fn note(&self, what: &'static str, times: usize) {
        let mut all = self.0.take();
        *all.entry(what).or_default() += times;
        self.0.set(all);
    }

    fn expect(&self, at_least: usize, what: &[&'static str]) {
        let all = self.0.take();
        for what in what {
            let times = all.get(what).copied().unwrap_or_default();
            println!("{what}: {times}");
            assert!(times >= at_least, "{what} was seen {times} times only");
        }
        self.0.set(all);
    }
}

fn check<S: Strategy>(
    cases: u32,
    strategy: &S,
    test: impl Fn(S::Value) -> Result<(), TestCaseError>,
) {
    let config = ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    if let Err(failure) = TestRunner::new(config).run(strategy, test) {
        panic!("{failure}");
    }
}

#[test]
fn slots_are_exactly_those_of_the_oracle() {
    let seen = Seen::default();
    check(1000, &some_case(), |case| {
        let expected = Oracle::new(&case).starts();
        let found: Vec<_> = slots(&case.schedule(), case.window, case.length, case.now).collect();
        let starts: Vec<_> = found.iter().map(Span::start).collect();
        prop_assert_eq!(&starts, &expected);
        prop_assert!(found.iter().all(|slot| slot.duration() == case.length));
        seen.note("a case with slots", usize::from(!expected.is_empty()));
        let changes =
            offset(case.zone, case.window.start()) != offset(case.zone, case.window.end());
        seen.note("a change of clocks", usize::from(changes));
        Ok(())
    });
    seen.expect(150, &["a case with slots", "a change of clocks"]);
}

#[test]
fn refusals_are_exactly_those_of_the_oracle() {
    let seen = Seen::default();
    // Anywhere in the window, at times not on a whole minute.
    let seconds = select(&[0_i64, 0, 0, 0, 1, 30, 59][..]);
    let anywhere = prop::collection::vec((0..2400_i64, seconds), 20);
    check(500, &(some_case(), anywhere), |(case, anywhere)| {
        let (oracle, schedule) = (Oracle::new(&case), case.schedule());
        let anywhere = anywhere.iter().map(|(minute, seconds)| {
            let minute = minute % case.window.duration().num_minutes();
            case.window.start() + TimeDelta::seconds((minute * 60 - seconds).max(0))
        });
        let bookable = oracle.starts().into_iter().step_by(7);
        for start in anywhere.chain(bookable) {
            let slot = Span::lasting(start, case.length).expect("a slot");
            let found = refusals(&schedule, slot, case.now);
            let mut codes: Vec<_> = found.iter().map(Refusal::code).collect();
            codes.sort_unstable();
            prop_assert_eq!(&codes, &oracle.codes(start), "{}", start);
            seen.note("bookable", usize::from(codes.is_empty()));
            for code in codes {
                seen.note(code, 1);
            }
            for conflict in found.iter().filter_map(Refusal::conflict) {
                prop_assert!(conflict.overlaps(&slot));
                prop_assert!(case.occupied.iter().any(|other| other.span == conflict));
            }
        }
        Ok(())
    });
    let reasons = [
        "outside_availability",
        "lesson",
        "calendar_busy",
        "notice",
        "horizon",
        "grid",
    ];
    seen.expect(50, &reasons);
    seen.expect(100, &["bookable"]);
}

#[test]
fn search_and_check_agree() {
    let seen = Seen::default();
    check(250, &some_case(), |case| {
        let schedule = case.schedule();
        let mut found = slots(&schedule, case.window, case.length, case.now).peekable();
        let step = TimeDelta::minutes(5);
        let mut start = case.window.start();
        while start < case.window.end() {
            let slot = Span::lasting(start, case.length).expect("a slot");
            while found.next_if(|next| next.start() < start).is_some() {}
            let offered = found.next_if_eq(&slot).is_some();
            let accepted = refusals(&schedule, slot, case.now).is_empty();
            prop_assert_eq!(offered, accepted, "{}", start);
            seen.note("offered", usize::from(offered));
            start += step;
        }
        Ok(())
    });
    seen.expect(100, &["offered"]);
}

#[test]
fn alternatives_are_the_nearest_slots() {
    let seen = Seen::default();
    check(150, &(some_case(), 0..12_usize), |(case, count)| {
        let wanted = Span::lasting(case.window.start(), case.length).expect("a slot");
        let two_weeks = TimeDelta::days(14);
        let window = Span::new(wanted.start() - two_weeks, wanted.start() + two_weeks);
        let window = window.expect("a window");
        let mut expected: Vec<_> = slots(&case.schedule(), window, case.length, case.now).collect();
        expected.sort_by_key(|slot| ((slot.start() - wanted.start()).abs(), slot.start()));
        expected.truncate(count);
        let found = alternatives(&case.schedule(), wanted, case.now, count);
        prop_assert_eq!(&found, &expected);
        seen.note("alternatives", found.len());
        Ok(())
    });
    seen.expect(100, &["alternatives"]);
}

#[test]
fn rules_overlap_exactly_if_their_times_do() {
    let seen = Seen::default();
    let moment = utc("2026-06-03 12:00");
    let one = || some_rule(Tz::UTC, moment);
    check(1500, &(one(), one()), |(one, other)| {
        // Without changes of clocks, time in common on the wall clock is time in common.
        let window = Span::lasting(moment - TimeDelta::days(30), TimeDelta::days(60));
        let spans = |rule| weekly_spans(&[rule], Tz::UTC, window.expect("a window"));
        let common = scheduling::interval::intersect(&spans(one), &spans(other));
        let expected = (!common.is_empty()).then_some((0, 1));
        prop_assert_eq!(overlapping_rules(&[one, other]), expected);
        seen.note("overlap", usize::from(expected.is_some()));
        seen.note("no overlap", usize::from(expected.is_none()));
        Ok(())
    });
    seen.expect(150, &["overlap", "no overlap"]);
}
