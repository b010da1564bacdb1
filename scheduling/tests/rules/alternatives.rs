//! Alternatives by example. That they are the nearest slots is checked on random cases, too.

use chrono::Weekday::{Mon, Sun};
use chrono_tz::UTC;
use scheduling::slots::alternatives;

use crate::support::{Tutor, busy, minutes, rule, show, span, starts, utc};

#[test]
fn the_nearest_come_first_and_of_two_the_earlier() {
    let rules = [rule(Mon, "09:00", "15:00")];
    let occupied = [busy("2026-06-01 11:30", "2026-06-01 12:30")];
    let tutor = Tutor::with_rules(UTC, 30, &rules).occupied(&occupied);
    let wanted = span("2026-06-01 11:30", "2026-06-01 12:00");
    let find = |count| {
        starts(alternatives(
            &tutor.schedule(),
            wanted,
            utc("2026-05-31 00:00"),
            count,
        ))
    };
    assert_eq!(find(5), ["11:00", "10:30", "12:30", "10:00", "13:00"]);
    assert_eq!(find(1), ["11:00"]);
    assert_eq!(find(0), [] as [&str; 0]);
}

#[test]
fn what_is_wanted_is_first_if_it_is_free() {
    let rules = [rule(Mon, "09:00", "15:00")];
    let tutor = Tutor::with_rules(UTC, 30, &rules);
    let wanted = span("2026-06-01 10:00", "2026-06-01 11:00");
    let found = alternatives(&tutor.schedule(), wanted, utc("2026-05-31 00:00"), 3);
    assert_eq!(starts(found), ["10:00", "09:30", "10:30"]);
}

#[test]
fn they_lie_within_two_weeks_and_the_horizon() {
    let rules = [rule(Sun, "09:00", "10:00"), rule(Mon, "09:00", "10:00")];
    let mut tutor = Tutor::with_rules(UTC, 30, &rules);
    let wanted = span("2026-06-15 09:00", "2026-06-15 10:00");
    let find = |tutor: &Tutor, now| show(&alternatives(&tutor.schedule(), wanted, utc(now), 99));
    // Exactly two weeks before is in, exactly two weeks after isn't.
    assert_eq!(
        find(&tutor, "2026-05-01 00:00"),
        [
            "06-15 09:00 - 06-15 10:00",
            "06-14 09:00 - 06-14 10:00",
            "06-21 09:00 - 06-21 10:00",
            "06-08 09:00 - 06-08 10:00",
            "06-22 09:00 - 06-22 10:00",
            "06-07 09:00 - 06-07 10:00",
            "06-28 09:00 - 06-28 10:00",
            "06-01 09:00 - 06-01 10:00",
        ]
    );
    tutor.policy.horizon = minutes(24 * 60);
    let expected = ["06-08 09:00 - 06-08 10:00"];
    assert_eq!(find(&tutor, "2026-06-07 10:00"), expected);
}
