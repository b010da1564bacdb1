//! Slots by example, away from clock changes.

use chrono::Weekday::{Fri, Mon, Sat, Sun, Thu, Tue, Wed};
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::{Asia, Europe, TZ_VARIANTS, UTC};
use scheduling::availability::TimeOff;
use scheduling::interval::Span;
use scheduling::policy::{Policy, StartGrid, reach};
use scheduling::slots::{Refusal, refusals, slots};

use crate::support::{Tutor, busy, codes, lesson, minutes, rule, show, span, starts, utc};

// 2026-06-01 is a Monday.
const MONDAY: (&str, &str) = ("2026-06-01 00:00", "2026-06-02 00:00");
const BEFORE: &str = "2026-05-25 00:00";

#[test]
fn without_rules_nothing_is_bookable() {
    let nobody = Tutor::with_rules(UTC, 30, &[]);
    let found = nobody.starts(MONDAY.0, MONDAY.1, 30, BEFORE);
    assert_eq!(found, [] as [&str; 0]);
    let slot = span("2026-06-01 10:00", "2026-06-01 11:00");
    let reasons = refusals(&nobody.schedule(), slot, utc(BEFORE));
    assert_eq!(reasons, [Refusal::OutsideAvailability]);
}

#[test]
fn slots_fill_the_hours_and_end_within_them() {
    let tutor = Tutor::with_rules(UTC, 30, &[rule(Mon, "09:00", "11:00")]);
    let window = span(MONDAY.0, MONDAY.1);
    let found: Vec<_> = slots(&tutor.schedule(), window, minutes(60), utc(BEFORE)).collect();
    assert_eq!(
        show(&found),
        [
            "06-01 09:00 - 06-01 10:00",
            "06-01 09:30 - 06-01 10:30",
            "06-01 10:00 - 06-01 11:00"
        ]
    );
}

#[test]
fn hours_that_touch_are_one_time() {
    let rules = [rule(Mon, "22:00", "00:00"), rule(Tue, "00:00", "02:00")];
    let tutor = Tutor::with_rules(UTC, 60, &rules);
    let found = tutor.starts(MONDAY.0, "2026-06-03 00:00", 120, BEFORE);
    assert_eq!(found, ["22:00", "23:00", "00:00"]);
}

#[test]
fn a_slot_begins_in_the_window_and_may_end_after_it() {
    let occupied = [busy("2026-06-01 12:00", "2026-06-01 13:00")];
    let tutor = Tutor::with_rules(UTC, 30, &[rule(Mon, "09:00", "17:00")]).occupied(&occupied);
    let begins = |from, to| tutor.starts(from, to, 60, BEFORE);
    let found = begins("2026-06-01 10:00", "2026-06-01 11:00");
    assert_eq!(found, ["10:00", "10:30"]);
    // What lies after the window is in the way just the same.
    let found = begins("2026-06-01 10:30", "2026-06-01 12:00");
    assert_eq!(found, ["10:30", "11:00"]);
    let found = begins("2026-06-01 10:30:01", "2026-06-01 11:00:01");
    assert_eq!(found, ["11:00"]);
}

#[test]
fn what_occupies_a_span_blocks_exactly_that() {
    let occupied = [
        lesson("2026-06-01 11:30", "2026-06-01 12:00"),
        busy("2026-06-01 10:00", "2026-06-01 10:30"),
        // One inside the other, and one that began days ago.
        busy("2026-06-01 10:05", "2026-06-01 10:10"),
        busy("2026-05-29 00:00", "2026-06-01 09:30"),
    ];
    let tutor = Tutor::with_rules(UTC, 30, &[rule(Mon, "09:00", "13:00")]).occupied(&occupied);
    let found = tutor.starts(MONDAY.0, MONDAY.1, 30, BEFORE);
    assert_eq!(found, ["09:30", "10:30", "11:00", "12:00", "12:30"]);
}

#[test]
fn what_touches_part_of_a_second_occupies_all_of_it() {
    let mut other = busy("2026-06-01 10:00", "2026-06-01 10:30");
    let just_over = other.span.end() + TimeDelta::milliseconds(1);
    other.span = Span::new(other.span.start(), just_over).expect("a span");
    let tutor = Tutor::with_rules(UTC, 30, &[rule(Mon, "10:00", "12:00")]).occupied(&[other]);
    let found = tutor.starts(MONDAY.0, MONDAY.1, 30, BEFORE);
    assert_eq!(found, ["11:00", "11:30"]);
    let reasons = tutor.codes("2026-06-01 10:30", "2026-06-01 11:00", BEFORE);
    assert_eq!(reasons, ["calendar_busy"]);
}

#[test]
fn what_reaches_into_the_window_by_a_second_is_in_the_way() {
    let found = |tutor: &Tutor| tutor.starts("2026-06-01 10:00", "2026-06-01 10:31", 30, BEFORE);
    let mut tutor = Tutor::with_rules(UTC, 30, &[rule(Mon, "09:00", "12:00")]);
    assert_eq!(found(&tutor), ["10:00", "10:30"]);
    tutor.student_busy = vec![span("2026-06-01 09:00", "2026-06-01 10:00:01")];
    assert_eq!(found(&tutor), ["10:30"]);
    tutor.student_busy = vec![span("2026-06-01 10:59:59", "2026-06-01 12:00")];
    assert_eq!(found(&tutor), ["10:00"]);
    tutor.student_busy.clear();
    tutor.time_off = vec![TimeOff::Span(span(
        "2026-06-01 09:00",
        "2026-06-01 10:00:01",
    ))];
    assert_eq!(found(&tutor), ["10:30"]);
    tutor.time_off.clear();
    let before = tutor.clone();
    let tutor = before
        .clone()
        .occupied(&[busy("2026-06-01 09:00", "2026-06-01 10:00:01")]);
    assert_eq!(found(&tutor), ["10:30"]);
    let tutor = before.occupied(&[lesson("2026-06-01 10:59:59", "2026-06-01 12:00")]);
    assert_eq!(found(&tutor), ["10:00"]);
}

#[test]
fn only_lengths_that_are_offered_are_found() {
    let mut tutor = Tutor::with_rules(UTC, 60, &[rule(Mon, "09:00", "11:00")]);
    tutor.lengths = vec![minutes(60)];
    let found = |length| tutor.starts(MONDAY.0, MONDAY.1, length, BEFORE);
    assert_eq!(found(60), ["09:00", "10:00"]);
    assert_eq!(found(30), [] as [&str; 0]);
    let reasons = tutor.codes("2026-06-01 09:00", "2026-06-01 09:30", BEFORE);
    assert_eq!(reasons, ["length_not_offered"]);
}

#[test]
fn notice_and_horizon_include_their_limit() {
    let rules = [rule(Mon, "00:00", "00:00"), rule(Tue, "00:00", "00:00")];
    let mut tutor = Tutor::with_rules(UTC, 60, &rules);
    tutor.policy.minimum_notice = TimeDelta::hours(2);
    tutor.policy.horizon = TimeDelta::hours(5);
    let at = |now| tutor.starts(MONDAY.0, MONDAY.1, 60, now);
    assert_eq!(at("2026-06-01 08:00"), ["10:00", "11:00", "12:00", "13:00"]);
    assert_eq!(at("2026-06-01 08:00:01"), ["11:00", "12:00", "13:00"]);
    assert_eq!(at("2026-06-01 07:59:59"), ["10:00", "11:00", "12:00"]);
}

#[test]
fn no_policy_lets_a_lesson_begin_in_the_past() {
    let mut tutor = Tutor::with_rules(UTC, 60, &[rule(Mon, "00:00", "00:00")]);
    tutor.policy.minimum_notice = TimeDelta::hours(-5);
    let past = ("2026-06-01 09:00", "2026-06-01 10:00");
    let at = |now| tutor.codes(past.0, past.1, now);
    assert_eq!(at("2026-06-01 09:00:01"), ["notice"]);
    assert_eq!(at("2026-06-01 09:00"), [] as [&str; 0]);
}

#[test]
fn lengths_without_sense_open_nothing() {
    let mut tutor = Tutor::with_rules(UTC, 60, &[rule(Mon, "00:00", "00:00")]);
    let senseless = [minutes(0), minutes(-60), TimeDelta::MAX, TimeDelta::MIN];
    tutor.lengths.extend(senseless);
    let window = span(MONDAY.0, MONDAY.1);
    let count = |length| slots(&tutor.schedule(), window, length, utc(BEFORE)).count();
    assert_eq!(count(minutes(60)), 24);
    for length in senseless {
        assert_eq!(count(length), 0, "{length}");
    }
}

#[test]
fn a_policy_without_sense_opens_nothing() {
    let count = |change: &dyn Fn(&mut Policy)| {
        let mut tutor = Tutor::with_rules(UTC, 60, &[rule(Mon, "00:00", "00:00")]);
        change(&mut tutor.policy);
        tutor.starts(MONDAY.0, MONDAY.1, 60, BEFORE).len()
    };
    for step in [
        minutes(0),
        minutes(-5),
        TimeDelta::milliseconds(999),
        TimeDelta::MIN,
    ] {
        for grid in [StartGrid::Midnight(step), StartGrid::SpanStart(step)] {
            assert_eq!(count(&|policy| policy.start_grid = grid), 0, "{grid:?}");
        }
    }
    // Coarser than a day: only midnight, or the beginning of the hours.
    let coarse = StartGrid::Midnight(TimeDelta::MAX);
    assert_eq!(count(&|policy| policy.start_grid = coarse), 1);
    let coarse = StartGrid::SpanStart(TimeDelta::MAX);
    assert_eq!(count(&|policy| policy.start_grid = coarse), 1);
    assert_eq!(count(&|policy| policy.minimum_notice = TimeDelta::MAX), 0);
    assert_eq!(count(&|policy| policy.horizon = TimeDelta::MIN), 0);
    assert_eq!(count(&|policy| policy.horizon = TimeDelta::MAX), 24);
    assert_eq!(count(&|policy| policy.buffer_before = TimeDelta::MAX), 24);
}

#[test]
fn the_grid_is_on_the_wall_clock() {
    let rules = [rule(Mon, "09:00", "11:00")];
    let in_zone = |zone| Tutor::with_rules(zone, 60, &rules);
    let found = |zone| in_zone(zone).starts(MONDAY.0, MONDAY.1, 60, BEFORE);
    assert_eq!(found(Asia::Kolkata), ["03:30", "04:30"]);
    assert_eq!(found(Asia::Kathmandu), ["03:15", "04:15"]);

    let tutor = in_zone(Asia::Kathmandu);
    let reasons = |start: &str| {
        let slot = Span::lasting(start.parse().expect("a value"), minutes(30)).expect("a value");
        codes(&refusals(&tutor.schedule(), slot, utc(BEFORE)))
    };
    assert_eq!(reasons("2026-06-01T04:15:00Z"), [] as [&str; 0]);
    assert_eq!(reasons("2026-06-01T04:30:00Z"), ["grid"]);
    assert_eq!(reasons("2026-06-01T04:15:01Z"), ["grid"]);
    assert_eq!(reasons("2026-06-01T04:15:00.001Z"), ["grid"]);
}

#[test]
fn a_grid_that_does_not_divide_the_day_begins_anew_at_midnight() {
    let rules = [rule(Mon, "20:00", "04:00")];
    let tutor = Tutor::with_rules(UTC, 7 * 60, &rules);
    let found = tutor.starts(MONDAY.0, "2026-06-03 00:00", 60, BEFORE);
    assert_eq!(found, ["21:00", "00:00"]);
}

#[test]
fn a_grid_may_count_from_the_start_of_the_hours() {
    let rules = [
        rule(Mon, "09:10", "10:40"),
        // Touches the one before, but counts for itself.
        rule(Mon, "10:40", "12:00"),
        // Counts from Monday evening, also after midnight.
        rule(Mon, "23:20", "01:10"),
    ];
    let mut tutor = Tutor::with_rules(UTC, 30, &rules);
    tutor.policy.start_grid = StartGrid::SpanStart(minutes(60));
    let found = |length| tutor.starts(MONDAY.0, "2026-06-03 00:00", length, BEFORE);
    assert_eq!(
        found(30),
        ["09:10", "10:10", "10:40", "23:20", "00:20"],
        "11:40 would end too late"
    );
    assert_eq!(found(90), ["09:10", "10:10", "23:20"]);
    // What occupies the beginning does not move the grid.
    let tutor = tutor.occupied(&[busy("2026-06-01 09:00", "2026-06-01 09:15")]);
    let found = tutor.starts(MONDAY.0, "2026-06-01 10:40", 30, BEFORE);
    assert_eq!(found, ["10:10"]);
    let at = |start, end| tutor.codes(start, end, BEFORE);
    let reasons = at("2026-06-01 09:40", "2026-06-01 10:10");
    assert_eq!(reasons, ["grid"]);
    // Outside of all hours there is nothing that could be off a grid.
    let reasons = at("2026-06-01 08:47", "2026-06-01 09:17");
    assert_eq!(reasons, ["outside_availability", "calendar_busy"]);
}

#[test]
fn where_hours_overlap_the_grid_counts_from_those_that_begin_last() {
    let rules = [
        rule(Mon, "09:00", "15:00"),
        rule(Mon, "10:20", "11:10"),
        rule(Mon, "10:25", "10:35"),
    ];
    let mut tutor = Tutor::with_rules(UTC, 30, &rules);
    tutor.policy.start_grid = StartGrid::SpanStart(minutes(30));
    let found = tutor.starts(MONDAY.0, "2026-06-01 12:00", 30, BEFORE);
    let expected = [
        "09:00", "09:30", "10:00", "10:20", "10:25", "10:50", "11:30",
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_year_ahead_is_searched_and_no_further() {
    let mut tutor = Tutor::with_rules(Europe::Berlin, 60, &[rule(Mon, "09:00", "10:00")]);
    tutor.policy.horizon = TimeDelta::MAX;
    let always = Span::new(DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC).expect("a value");
    let now = utc("2026-06-01 00:00");
    let found = slots(&tutor.schedule(), always, minutes(60), now);
    // 2026-06-01 to 2027-06-02 has 53 Mondays, the last on 05-31.
    assert_eq!(found.count(), 53);
    // A slot that is longer is never offered; to the check, the rest of it counts as closed.
    let long = Span::lasting(now, TimeDelta::days(400)).expect("a span");
    tutor.lengths = vec![long.duration()];
    tutor.weekly_rules = [Mon, Tue, Wed, Thu, Fri, Sat, Sun]
        .map(|day| rule(day, "00:00", "00:00"))
        .to_vec();
    let mut found = slots(&tutor.schedule(), always, long.duration(), now);
    assert_eq!(found.next(), None);
    let reasons = refusals(&tutor.schedule(), long, now);
    assert_eq!(codes(&reasons), ["outside_availability"]);
}

#[test]
fn the_ends_of_time_do_no_harm() {
    let rules = [rule(Mon, "22:00", "02:00"), rule(Tue, "00:00", "00:00")];
    let (first, last) = (DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC);
    let week = TimeDelta::days(7);
    for zone in TZ_VARIANTS {
        let mut tutor = Tutor::with_rules(zone, 30, &rules);
        tutor.policy.max_lessons_per_day = Some(9);
        tutor.policy.max_lessons_per_week = Some(9);
        let schedule = tutor.schedule();
        for (window, now) in [
            (Span::new(first, first + week), first),
            (Span::new(last - week, last), last - week),
            (Span::new(last - week, last), last),
            (Span::new(first, last), first),
        ] {
            let window = window.expect("a value");
            for slot in slots(&schedule, window, minutes(30), now) {
                assert_eq!(refusals(&schedule, slot, now), [], "{zone} {slot:?}");
            }
            refusals(&schedule, window, now);
        }
    }
}

#[test]
fn slots_may_be_made_one_by_one() {
    let tutor = Tutor::with_rules(UTC, 30, &[rule(Mon, "09:00", "11:00")]);
    let window = span(MONDAY.0, MONDAY.1);
    let mut found = slots(&tutor.schedule(), window, minutes(60), utc(BEFORE));
    assert_eq!(starts(found.next()), ["09:00"]);
    assert_eq!(found.len(), 2);
    assert_eq!(found.by_ref().count(), 2);
    assert_eq!(found.next(), None);
}

#[test]
fn reach_is_where_occupied_spans_matter() {
    let mut policy = Tutor::with_rules(UTC, 30, &[]).policy;
    let window = span("2026-06-11 10:00", "2026-06-11 12:00");
    let reach = |length, policy: &Policy| reach(window, length, policy);
    let expected = span("2026-06-11 10:00", "2026-06-11 13:00");
    assert_eq!(reach(minutes(60), &policy), Some(expected));
    assert_eq!(reach(minutes(0), &policy), None);
    let endless = reach(TimeDelta::MAX, &policy).map(|span| span.end());
    assert_eq!(endless, Some(DateTime::<Utc>::MAX_UTC));

    policy.buffer_before = minutes(15);
    policy.buffer_after = minutes(-15);
    let expected = span("2026-06-11 09:45", "2026-06-11 13:15");
    assert_eq!(reach(minutes(60), &policy), Some(expected));
    policy.max_lessons_per_day = Some(3);
    let expected = span("2026-06-09 10:00", "2026-06-13 12:00");
    assert_eq!(reach(minutes(60), &policy), Some(expected));
    policy.max_lessons_per_week = Some(3);
    let expected = span("2026-06-03 10:00", "2026-06-19 12:00");
    assert_eq!(reach(minutes(60), &policy), Some(expected));
    policy.buffer_after = TimeDelta::MAX;
    let all = Span::new(DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC);
    assert_eq!(reach(minutes(60), &policy), all);
}
