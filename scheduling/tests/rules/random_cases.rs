//! Random tutors in every zone, compared with the oracle.
//!
//! `SCHEDULING_CASES=100 cargo test --release -p scheduling` runs a hundred times as many.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use chrono_tz::{TZ_VARIANTS, Tz};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestRunner;
use scheduling::availability::{
    LocalHours, TimeOff, WeeklyRule, overlapping_hours, overlapping_rules,
};
use scheduling::interval::Span;
use scheduling::policy::reach;
use scheduling::slots::{Occupancy, Refusal, alternatives, refusals, slots};

use crate::oracle::{Case, Oracle};
use crate::some;
use crate::support::{minutes, open_spans, utc};

/// How often something was seen, to be sure that a test looked at what it is about.
#[derive(Default)]
struct Seen(RefCell<BTreeMap<&'static str, usize>>);

impl Seen {
    fn note(&self, what: &'static str, times: usize) {
        *self.0.borrow_mut().entry(what).or_default() += times;
    }

    fn expect(&self, at_least: usize, what: &[&'static str]) {
        let all = self.0.borrow();
        println!("{all:?}");
        for what in what {
            let times = all.get(what).copied().unwrap_or_default();
            assert!(times >= at_least, "{what} was seen {times} times only");
        }
    }
}

fn check<S: Strategy>(
    cases: u32,
    strategy: &S,
    test: impl Fn(S::Value) -> Result<(), TestCaseError>,
) {
    let more = std::env::var("SCHEDULING_CASES").ok();
    let more = more.and_then(|more| more.parse().ok()).unwrap_or(1);
    let config = ProptestConfig {
        cases: cases.saturating_mul(more),
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    if let Err(failure) = TestRunner::new(config).run(strategy, test) {
        panic!("{failure}");
    }
}

const CODES: [&str; 17] = [
    "outside_availability",
    "override_closed",
    "time_off",
    "holiday",
    "tutor_ended",
    "lesson",
    "hold",
    "calendar_busy",
    "calendar_unknown",
    "buffer",
    "notice",
    "horizon",
    "daily_cap",
    "weekly_cap",
    "grid",
    "length_not_offered",
    "student_busy",
];

/// Slots and refusals are exactly those of the oracle.
fn agrees_with_the_oracle(case: &Case, at: &[Index], seen: &Seen) -> Result<(), TestCaseError> {
    let (oracle, schedule) = (Oracle::new(case), case.tutor.schedule());
    let expected = oracle.starts();
    let found: Vec<_> = slots(&schedule, case.window, case.length, case.now).collect();
    let starts: Vec<_> = found.iter().map(Span::start).collect();
    prop_assert_eq!(&starts, &expected);
    prop_assert!(found.iter().all(|slot| slot.duration() == case.length));

    let total = usize::try_from(case.window.duration().num_minutes()).expect("a window");
    let anywhere = at.iter().map(|index| {
        let minute = i64::try_from(index.index(total)).expect("a minute");
        case.window.start() + minutes(minute)
    });
    for start in anywhere.chain(expected.iter().copied().step_by(9)) {
        let slot = Span::lasting(start, case.length).expect("a slot");
        let reasons = refusals(&schedule, slot, case.now);
        let codes: BTreeSet<_> = reasons.iter().map(Refusal::code).collect();
        prop_assert_eq!(&codes, &oracle.codes(start), "{}", start);
        prop_assert!(reasons.is_sorted());
        conflicts_are_there(case, slot, &reasons)?;
        for code in codes {
            seen.note(code, 1);
        }
    }
    seen.note("cases", 1);
    seen.note("cases with slots", usize::from(!found.is_empty()));
    seen.note("slots", found.len());
    let zone = case.tutor.zone;
    let offsets = [case.window.start(), case.window.end()].map(|at| some::offset(zone, at));
    seen.note("changes of clocks", usize::from(offsets[0] != offsets[1]));
    Ok(())
}

/// What is said to stand in the way is there, and nothing that stands in the way is left out.
fn conflicts_are_there(case: &Case, slot: Span, reasons: &[Refusal]) -> Result<(), TestCaseError> {
    let tutor = &case.tutor;
    let occupied = tutor
        .occupied
        .as_slice()
        .iter()
        .map(|occupied| occupied.span);
    let away = tutor.time_off.iter().filter_map(|time_off| match time_off {
        TimeOff::Span(span) => Some(*span),
        TimeOff::Dates(_) => None,
    });
    let all: Vec<_> = occupied
        .chain(away)
        .chain(tutor.student_busy.iter().copied())
        .collect();
    for reason in reasons {
        let Some(conflict) = reason.conflict() else {
            continue;
        };
        let is_near = matches!(reason, Refusal::Buffer { .. });
        prop_assert_eq!(conflict.overlaps(&slot), !is_near);
        let of_dates = matches!(reason, Refusal::TimeOff { .. } | Refusal::Holiday { .. });
        prop_assert!(of_dates || all.contains(&conflict));
    }
    let mut overlapping: Vec<_> = all.iter().filter(|span| span.overlaps(&slot)).collect();
    let named: Vec<_> = reasons.iter().filter_map(Refusal::conflict).collect();
    overlapping.retain(|span| !named.contains(span));
    prop_assert_eq!(overlapping, Vec::<&Span>::new());
    Ok(())
}

fn some_places() -> impl Strategy<Value = Vec<Index>> {
    prop::collection::vec(any::<Index>(), 20)
}

#[test]
fn the_oracle_agrees_in_every_zone() {
    let seen = Seen::default();
    for zone in TZ_VARIANTS {
        check(6, &(some::in_zone(zone), some_places()), |(case, at)| {
            agrees_with_the_oracle(&case, &at, &seen)
        });
        seen.note("zones", 1);
    }
    seen.expect(TZ_VARIANTS.len(), &["zones"]);
    seen.expect(250, &["cases with slots", "changes of clocks"]);
    seen.expect(20, &CODES);
}

#[test]
fn the_oracle_agrees_at_unusual_changes() {
    let seen = Seen::default();
    check(
        4000,
        &(some::at_unusual_change(), some_places()),
        |(case, at)| agrees_with_the_oracle(&case, &at, &seen),
    );
    seen.expect(500, &["cases with slots", "changes of clocks"]);
    seen.expect(20, &CODES);
}

#[test]
fn what_is_out_of_reach_does_not_matter() {
    let seen = Seen::default();
    check(1500, &some::at_unusual_change(), |case| {
        let find = |case: &Case| -> Vec<_> {
            slots(&case.tutor.schedule(), case.window, case.length, case.now).collect()
        };
        let reach = reach(case.window, case.length, &case.tutor.policy).expect("a span");
        let mut near = case.clone();
        let occupied = case.tutor.occupied.as_slice().iter().copied();
        let (known, unknown): (Vec<_>, Vec<_>) =
            occupied.partition(|occupied| occupied.span.overlaps(&reach));
        near.tutor.occupied = Occupancy::new(known);
        prop_assert_eq!(find(&near), find(&case));
        seen.note("out of reach", unknown.len());
        Ok(())
    });
    seen.expect(200, &["out of reach"]);
}

#[test]
fn alternatives_are_the_nearest_slots() {
    let seen = Seen::default();
    check(
        300,
        &(some::at_unusual_change(), 0..12_usize),
        |(case, count)| {
            let schedule = case.tutor.schedule();
            let wanted = Span::lasting(case.window.start(), case.length).expect("a slot");
            let two_weeks = TimeDelta::days(14);
            let window = Span::new(wanted.start() - two_weeks, wanted.start() + two_weeks);
            let window = window.expect("a window");
            let mut expected: Vec<_> = slots(&schedule, window, case.length, case.now).collect();
            expected.sort_by_key(|slot| ((slot.start() - wanted.start()).abs(), slot.start()));
            expected.truncate(count);
            let found = alternatives(&schedule, wanted, case.now, count);
            prop_assert_eq!(&found, &expected);
            seen.note("alternatives", found.len());
            Ok(())
        },
    );
    seen.expect(200, &["alternatives"]);
}

#[test]
fn rules_and_hours_overlap_exactly_if_their_times_do() {
    let seen = Seen::default();
    let moment = utc("2026-06-03 12:00");
    let one = || some::rule(moment.date_naive());
    check(2000, &(one(), one()), |(one, other)| {
        // Without changes of clocks, time in common on the wall clock is time in common.
        let window = Span::lasting(moment - TimeDelta::days(30), TimeDelta::days(60));
        let in_common = |one: WeeklyRule, other: WeeklyRule| {
            let spans = |rule| open_spans(&[rule], Tz::UTC, window.expect("a window"));
            !scheduling::interval::intersect(&spans(one), &spans(other)).is_empty()
        };
        let expected = in_common(one, other).then_some((0, 1));
        prop_assert_eq!(overlapping_rules(&[one, other]), expected);
        seen.note("overlap", usize::from(expected.is_some()));
        seen.note("no overlap", usize::from(expected.is_none()));

        let on_one_date = |rule: WeeklyRule| WeeklyRule {
            weekday: chrono::Weekday::Wed,
            valid_from: Some(moment.date_naive()),
            valid_until: Some(moment.date_naive()),
            ..rule
        };
        let [hours, others] = [one, other].map(|rule| LocalHours {
            start: rule.start,
            end: rule.end,
        });
        let expected = in_common(on_one_date(one), on_one_date(other)).then_some((0, 1));
        prop_assert_eq!(overlapping_hours(&[hours, others]), expected);
        Ok(())
    });
    seen.expect(150, &["overlap", "no overlap"]);
}
