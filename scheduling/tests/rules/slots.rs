//! Slots and refusals by example, away from clock changes.

use chrono::Weekday::{Mon, Tue};
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::{Asia, Europe, TZ_VARIANTS, UTC};
use scheduling::interval::Span;
use scheduling::policy::{Policy, reach};
use scheduling::slots::{Refusal, refusals, slots};

use crate::support::{busy, lesson, minutes, policy, rule, schedule, show, span, starts, utc};

// 2026-06-01 is a Monday.
const MONDAY: (&str, &str) = ("2026-06-01 00:00", "2026-06-02 00:00");
const BEFORE: &str = "2026-05-25 00:00";

fn codes(reasons: &[Refusal]) -> Vec<&'static str> {
    reasons.iter().map(Refusal::code).collect()
}

#[test]
fn without_rules_nothing_is_bookable() {
    let policy = policy(30);
    let nobody = schedule(UTC, &[], &[], &policy);
    let window = span(MONDAY.0, MONDAY.1);
    assert_eq!(slots(&nobody, window, minutes(30), utc(BEFORE)).count(), 0);
    let slot = span("2026-06-01 10:00", "2026-06-01 11:00");
    let reasons = refusals(&nobody, slot, utc(BEFORE));
    assert_eq!(reasons, [Refusal::OutsideAvailability]);
}

#[test]
fn slots_fill_the_hours_and_end_within_them() {
    let rules = [rule(Mon, "09:00", "11:00")];
    let policy = policy(30);
    let tutor = schedule(UTC, &rules, &[], &policy);
    let window = span(MONDAY.0, MONDAY.1);
    let found: Vec<_> = slots(&tutor, window, minutes(60), utc(BEFORE)).collect();
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
fn a_slot_begins_in_the_window_and_may_end_after_it() {
    let rules = [rule(Mon, "09:00", "17:00")];
    let occupied = [busy("2026-06-01 12:00", "2026-06-01 13:00")];
    let policy = policy(30);
    let tutor = schedule(UTC, &rules, &occupied, &policy);
    let begins = |from, to| {
        let found = slots(&tutor, span(from, to), minutes(60), utc(BEFORE));
        starts(found)
    };
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
    let rules = [rule(Mon, "09:00", "13:00")];
    let occupied = [
        lesson("2026-06-01 11:30", "2026-06-01 12:00"),
        busy("2026-06-01 10:00", "2026-06-01 10:30"),
        // One inside the other, and one that began days ago.
        busy("2026-06-01 10:05", "2026-06-01 10:10"),
        busy("2026-05-29 00:00", "2026-06-01 09:30"),
    ];
    let policy = policy(30);
    let tutor = schedule(UTC, &rules, &occupied, &policy);
    let found = slots(&tutor, span(MONDAY.0, MONDAY.1), minutes(30), utc(BEFORE));
    assert_eq!(starts(found), ["09:30", "10:30", "11:00", "12:00", "12:30"]);
}

#[test]
fn a_refusal_names_every_reason_and_conflict() {
    let rules = [rule(Mon, "09:00", "13:00")];
    let one = lesson("2026-06-01 12:00", "2026-06-01 13:00");
    let two = busy("2026-06-01 12:00", "2026-06-01 13:00");
    let three = lesson("2026-06-01 13:30", "2026-06-01 14:30");
    let occupied = [
        three,
        two,
        one,
        lesson("2026-06-01 09:00", "2026-06-01 10:00"),
    ];
    let policy = Policy {
        minimum_notice: TimeDelta::days(2),
        horizon: TimeDelta::days(1),
        start_grid: minutes(60),
    };
    let tutor = schedule(UTC, &rules, &occupied, &policy);
    let slot = span("2026-06-01 12:45", "2026-06-01 13:45");
    let reasons = refusals(&tutor, slot, utc("2026-05-31 12:00"));
    assert_eq!(
        codes(&reasons),
        [
            "outside_availability",
            "lesson",
            "calendar_busy",
            "lesson",
            "notice",
            "horizon",
            "grid"
        ]
    );
    let conflicts: Vec<_> = reasons.iter().map(Refusal::conflict).collect();
    let of = |occupied: scheduling::slots::Occupied| Some(occupied.span);
    assert_eq!(
        conflicts,
        [None, of(one), of(two), of(three), None, None, None]
    );
}

#[test]
fn notice_and_horizon_include_their_limit() {
    let rules = [rule(Mon, "00:00", "00:00"), rule(Tue, "00:00", "00:00")];
    let policy = Policy {
        minimum_notice: TimeDelta::hours(2),
        horizon: TimeDelta::hours(5),
        start_grid: minutes(60),
    };
    let tutor = schedule(UTC, &rules, &[], &policy);
    let window = span(MONDAY.0, MONDAY.1);
    let at = |now| starts(slots(&tutor, window, minutes(60), utc(now)));
    assert_eq!(at("2026-06-01 08:00"), ["10:00", "11:00", "12:00", "13:00"]);
    assert_eq!(at("2026-06-01 08:00:01"), ["11:00", "12:00", "13:00"]);
    assert_eq!(at("2026-06-01 07:59:59"), ["10:00", "11:00", "12:00"]);
}

#[test]
fn no_policy_lets_a_lesson_begin_in_the_past() {
    let rules = [rule(Mon, "00:00", "00:00")];
    let policy = Policy {
        minimum_notice: TimeDelta::hours(-5),
        ..policy(60)
    };
    let tutor = schedule(UTC, &rules, &[], &policy);
    let past = span("2026-06-01 09:00", "2026-06-01 10:00");
    let now = utc("2026-06-01 09:00:01");
    assert_eq!(codes(&refusals(&tutor, past, now)), ["notice"]);
    assert_eq!(refusals(&tutor, past, past.start()), []);
}

#[test]
fn values_without_sense_open_nothing() {
    let rules = [rule(Mon, "00:00", "00:00")];
    let window = span(MONDAY.0, MONDAY.1);
    let count = |policy: &Policy, length| {
        let tutor = schedule(UTC, &rules, &[], policy);
        slots(&tutor, window, length, utc(BEFORE)).count()
    };
    let sane = policy(60);
    assert_eq!(count(&sane, minutes(60)), 24);
    for length in [minutes(0), minutes(-60), TimeDelta::MAX, TimeDelta::MIN] {
        assert_eq!(count(&sane, length), 0, "{length}");
    }
    for start_grid in [
        minutes(0),
        minutes(-5),
        TimeDelta::milliseconds(999),
        TimeDelta::MIN,
    ] {
        let policy = Policy {
            start_grid,
            ..sane.clone()
        };
        assert_eq!(count(&policy, minutes(60)), 0, "{start_grid}");
    }
    // Coarser than a day: only midnight.
    let policy = Policy {
        start_grid: TimeDelta::MAX,
        ..sane.clone()
    };
    assert_eq!(count(&policy, minutes(60)), 1);
    for (minimum_notice, horizon) in [
        (TimeDelta::MAX, sane.horizon),
        (sane.minimum_notice, TimeDelta::MIN),
    ] {
        let policy = Policy {
            minimum_notice,
            horizon,
            ..sane.clone()
        };
        assert_eq!(count(&policy, minutes(60)), 0);
    }
    let policy = Policy {
        horizon: TimeDelta::MAX,
        ..sane
    };
    assert_eq!(count(&policy, minutes(60)), 24);
}

#[test]
fn the_grid_is_on_the_wall_clock() {
    let rules = [rule(Mon, "09:00", "11:00")];
    let policy = policy(60);
    let in_kolkata = schedule(Asia::Kolkata, &rules, &[], &policy);
    let window = span(MONDAY.0, MONDAY.1);
    let found = slots(&in_kolkata, window, minutes(60), utc(BEFORE));
    assert_eq!(starts(found), ["03:30", "04:30"]);
    let in_kathmandu = schedule(Asia::Kathmandu, &rules, &[], &policy);
    let found = slots(&in_kathmandu, window, minutes(60), utc(BEFORE));
    assert_eq!(starts(found), ["03:15", "04:15"]);

    let reasons = |start: &str| {
        let slot = Span::lasting(start.parse().expect("a value"), minutes(30)).expect("a value");
        codes(&refusals(&in_kathmandu, slot, utc(BEFORE)))
    };
    assert_eq!(reasons("2026-06-01T04:15:00Z"), [] as [&str; 0]);
    assert_eq!(reasons("2026-06-01T04:30:00Z"), ["grid"]);
    assert_eq!(reasons("2026-06-01T04:15:01Z"), ["grid"]);
    assert_eq!(reasons("2026-06-01T04:15:00.001Z"), ["grid"]);
}

#[test]
fn a_grid_that_does_not_divide_the_day_begins_anew_at_midnight() {
    let rules = [rule(Mon, "20:00", "00:00"), rule(Tue, "00:00", "04:00")];
    let policy = policy(7 * 60);
    let tutor = schedule(UTC, &rules, &[], &policy);
    let window = span("2026-06-01 00:00", "2026-06-03 00:00");
    let found = slots(&tutor, window, minutes(60), utc(BEFORE));
    assert_eq!(starts(found), ["21:00", "00:00"]);
}

#[test]
fn a_year_ahead_is_searched_and_no_further() {
    let rules = [rule(Mon, "09:00", "10:00")];
    let policy = Policy {
        horizon: TimeDelta::MAX,
        ..policy(60)
    };
    let tutor = schedule(Europe::Berlin, &rules, &[], &policy);
    let always = Span::new(DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC).expect("a value");
    let found = slots(&tutor, always, minutes(60), utc("2026-06-01 00:00"));
    // 2026-06-01 to 2027-06-02 has 53 Mondays, the last on 05-31.
    assert_eq!(found.count(), 53);
}

#[test]
fn the_ends_of_time_do_no_harm() {
    let rules = [rule(Mon, "22:00", "02:00"), rule(Tue, "00:00", "00:00")];
    let policy = policy(30);
    let (first, last) = (DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC);
    let week = TimeDelta::days(7);
    for zone in TZ_VARIANTS {
        let tutor = schedule(zone, &rules, &[], &policy);
        for (window, now) in [
            (Span::new(first, first + week), first),
            (Span::new(last - week, last), last - week),
            (Span::new(last - week, last), last),
            (Span::new(first, last), first),
        ] {
            let window = window.expect("a value");
            for slot in slots(&tutor, window, minutes(30), now) {
                assert_eq!(refusals(&tutor, slot, now), [], "{zone} {slot:?}");
            }
            refusals(&tutor, window, now);
        }
    }
}

#[test]
fn reach_is_where_occupied_spans_matter() {
    let window = span("2026-06-01 10:00", "2026-06-01 12:00");
    let expected = span("2026-06-01 10:00", "2026-06-01 13:00");
    assert_eq!(reach(window, minutes(60)), Some(expected));
    assert_eq!(reach(window, minutes(0)), None);
    let endless = reach(window, TimeDelta::MAX).map(|span| span.end());
    assert_eq!(endless, Some(DateTime::<Utc>::MAX_UTC));
}
