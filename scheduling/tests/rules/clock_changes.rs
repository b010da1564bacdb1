//! What rules and grid mean on the days on which clocks change. The dates are those of the tz
//! database; each test names the change that it is about.

use chrono::Weekday::{Fri, Sat, Sun, Thu};
use chrono_tz::Tz;
use chrono_tz::{Africa, America, Antarctica, Asia, Australia, Europe, Pacific};

use crate::support::{Tutor, hours, open_spans, rule, span};

const NOTHING: [&str; 0] = [];

/// Europe/Berlin, Sunday 2026-03-29: at 01:00 UTC, 02:00 CET becomes 03:00 CEST.
fn berlin_gap(start: &str, end: &str) -> Vec<String> {
    let rule = rule(Sun, start, end);
    hours(rule, Europe::Berlin, "2026-03-28 12:00", "2026-03-29 20:00")
}

#[test]
fn hours_that_the_clock_skips_do_not_exist() {
    assert_eq!(berlin_gap("02:00", "03:00"), NOTHING);
    assert_eq!(berlin_gap("02:15", "02:45"), NOTHING);
    assert_eq!(berlin_gap("01:30", "02:30"), ["03-29 00:30 - 03-29 01:00"]);
    assert_eq!(berlin_gap("02:30", "03:30"), ["03-29 01:00 - 03-29 01:30"]);
}

#[test]
fn hours_around_a_gap_are_one_span() {
    assert_eq!(berlin_gap("01:00", "04:00"), ["03-29 00:00 - 03-29 02:00"]);
}

#[test]
fn rules_that_a_gap_brings_together_are_one_span() {
    let rules = [rule(Sun, "01:00", "02:00"), rule(Sun, "03:00", "04:00")];
    let window = span("2026-03-29 00:00", "2026-03-30 00:00");
    let spans = open_spans(&rules, Europe::Berlin, window);
    assert_eq!(spans, [span("2026-03-29 00:00", "2026-03-29 02:00")]);
}

/// Europe/Berlin, Sunday 2026-10-25: at 01:00 UTC, 03:00 CEST becomes 02:00 CET.
fn berlin_fold(start: &str, end: &str) -> Vec<String> {
    let rule = rule(Sun, start, end);
    hours(rule, Europe::Berlin, "2026-10-24 12:00", "2026-10-25 20:00")
}

#[test]
fn hours_that_the_clock_shows_twice_count_twice() {
    assert_eq!(berlin_fold("01:00", "04:00"), ["10-24 23:00 - 10-25 03:00"]);
    assert_eq!(berlin_fold("02:00", "03:00"), ["10-25 00:00 - 10-25 02:00"]);
}

#[test]
fn a_rule_with_an_edge_inside_a_fold_gives_two_spans() {
    assert_eq!(
        berlin_fold("01:00", "02:30"),
        ["10-24 23:00 - 10-25 00:30", "10-25 01:00 - 10-25 01:30"]
    );
    assert_eq!(
        berlin_fold("02:30", "03:30"),
        ["10-25 00:30 - 10-25 01:00", "10-25 01:30 - 10-25 02:30"]
    );
}

#[test]
fn a_slot_may_span_a_change_and_lasts_as_long_as_any() {
    let rules = [rule(Sun, "01:00", "04:00")];
    let berlin = Tutor::with_rules(Europe::Berlin, 30, &rules);
    let (from, to) = ("2026-03-29 00:00", "2026-03-29 02:00");
    let found = berlin.starts(from, to, 60, "2026-03-01 00:00");
    assert_eq!(found, ["00:00", "00:30", "01:00"]);
    let (from, to) = ("2026-10-24 23:00", "2026-10-25 03:00");
    let found = berlin.starts(from, to, 120, "2026-10-01 00:00");
    assert_eq!(found, ["23:00", "23:30", "00:00", "00:30", "01:00"]);
}

/// America/Santiago, 2026-09-06: at 04:00 UTC, midnight -04 becomes 01:00 -03.
/// Asia/Beirut, 2026-03-29: at 22:00 UTC the day before, midnight +02 becomes 01:00 +03.
#[test]
fn a_day_may_have_no_midnight() {
    let santiago = |rule| {
        let (from, to) = ("2026-09-05 12:00", "2026-09-06 20:00");
        hours(rule, America::Santiago, from, to)
    };
    assert_eq!(santiago(rule(Sun, "00:00", "01:00")), NOTHING);
    let expected = ["09-06 04:00 - 09-06 05:00"];
    assert_eq!(santiago(rule(Sun, "00:00", "02:00")), expected);
    let expected = ["09-06 03:00 - 09-06 05:00"];
    assert_eq!(santiago(rule(Sat, "23:00", "02:00")), expected);
    let expected = ["09-06 03:00 - 09-06 04:00"];
    assert_eq!(santiago(rule(Sat, "23:00", "00:00")), expected);

    let beirut = |rule| {
        let (from, to) = ("2026-03-28 12:00", "2026-03-30 12:00");
        hours(rule, Asia::Beirut, from, to)
    };
    let expected = ["03-28 22:00 - 03-29 21:00"];
    assert_eq!(beirut(rule(Sun, "00:00", "00:00")), expected);
}

/// America/Santiago, 2026-04-05: at 03:00 UTC, midnight -03 becomes 23:00 -04 of 04-04.
#[test]
fn a_day_may_repeat_its_last_hour() {
    let santiago = |rule| {
        let (from, to) = ("2026-04-04 12:00", "2026-04-05 20:00");
        hours(rule, America::Santiago, from, to)
    };
    let expected = ["04-05 02:00 - 04-05 04:00"];
    assert_eq!(santiago(rule(Sat, "23:00", "00:00")), expected);
    // Sunday begins, for an instant that never comes, at the first midnight.
    let expected = ["04-05 04:00 - 04-05 05:00"];
    assert_eq!(santiago(rule(Sun, "00:00", "01:00")), expected);
    let expected = ["04-05 02:30 - 04-05 03:00", "04-05 03:30 - 04-05 04:30"];
    assert_eq!(santiago(rule(Sat, "23:30", "00:30")), expected);
}

/// Pacific/Apia: at 10:00 UTC on 2011-12-30, the end of Thursday 12-29 (-10) became the
/// beginning of Saturday 12-31 (+14).
#[test]
fn a_day_may_be_missing() {
    let apia = |rule| {
        let (from, to) = ("2011-12-28 12:00", "2012-01-01 06:00");
        hours(rule, Pacific::Apia, from, to)
    };
    assert_eq!(apia(rule(Fri, "00:00", "00:00")), NOTHING);
    assert_eq!(apia(rule(Fri, "09:00", "17:00")), NOTHING);
    let expected = ["12-29 19:00 - 12-30 03:00"];
    assert_eq!(apia(rule(Thu, "09:00", "17:00")), expected);
    let expected = ["12-30 19:00 - 12-31 03:00"];
    assert_eq!(apia(rule(Sat, "09:00", "17:00")), expected);
    let expected = ["12-30 08:00 - 12-30 10:00"];
    assert_eq!(apia(rule(Thu, "22:00", "02:00")), expected);
    let expected = ["12-30 10:00 - 12-30 12:00"];
    assert_eq!(apia(rule(Fri, "22:00", "02:00")), expected);
}

/// Lord Howe: at 15:00 UTC on 2026-04-04, 02:00 +11 becomes 01:30 +10:30; at 15:30 UTC
/// on 2026-10-03, 02:00 +10:30 becomes 02:30 +11. Both are Sundays there.
#[test]
fn a_clock_may_change_by_half_an_hour() {
    let autumn = |rule| {
        let (from, to) = ("2026-04-04 06:00", "2026-04-05 06:00");
        hours(rule, Australia::Lord_Howe, from, to)
    };
    let expected = ["04-04 14:00 - 04-04 16:30"];
    assert_eq!(autumn(rule(Sun, "01:00", "03:00")), expected);
    let expected = ["04-04 14:00 - 04-04 14:45", "04-04 15:00 - 04-04 15:15"];
    assert_eq!(autumn(rule(Sun, "01:00", "01:45")), expected);

    let spring = rule(Sun, "01:00", "03:00");
    let (from, to) = ("2026-10-03 06:00", "2026-10-04 06:00");
    let expected = ["10-03 14:30 - 10-03 16:00"];
    assert_eq!(hours(spring, Australia::Lord_Howe, from, to), expected);
}

#[test]
fn the_grid_stays_on_the_wall_clock_after_half_an_hour() {
    let rules = [rule(Sun, "00:00", "00:00")];
    let lord_howe = Tutor::with_rules(Australia::Lord_Howe, 60, &rules);
    let (from, to) = ("2026-04-04 13:00", "2026-04-04 18:00");
    let found = lord_howe.starts(from, to, 60, "2026-04-01 00:00");
    // Midnight, 01:00; then 02:00 once the clock has been put back from there, 03:00, 04:00.
    assert_eq!(found, ["13:00", "14:00", "15:30", "16:30", "17:30"]);
}

/// Antarctica/Troll: at 01:00 UTC on 2026-03-29, 01:00 +00 becomes 03:00 +02; at 01:00 UTC on
/// 2026-10-25, 03:00 +02 becomes 01:00 +00.
#[test]
fn a_clock_may_change_by_two_hours() {
    let spring = |rule| {
        let (from, to) = ("2026-03-28 06:00", "2026-03-29 20:00");
        hours(rule, Antarctica::Troll, from, to)
    };
    assert_eq!(spring(rule(Sun, "01:00", "03:00")), NOTHING);
    let expected = ["03-29 00:00 - 03-29 02:00"];
    assert_eq!(spring(rule(Sun, "00:00", "04:00")), expected);

    let autumn = rule(Sun, "00:00", "04:00");
    let (from, to) = ("2026-10-24 06:00", "2026-10-25 20:00");
    let expected = ["10-24 22:00 - 10-25 04:00"];
    assert_eq!(hours(autumn, Antarctica::Troll, from, to), expected);
}

/// Summer time is the standard, and winter or Ramadan the exception: Africa/Casablanca goes from
/// +01 to +00 at 02:00 UTC on 2026-02-15 (03:00 becomes 02:00), and back at 02:00 UTC on
/// 2026-03-22. Europe/Dublin goes from +01 to +00 at 01:00 UTC on 2026-10-25.
#[test]
fn summer_time_may_be_negative() {
    let around = |zone: Tz, from, to| hours(rule(Sun, "01:00", "04:00"), zone, from, to);
    assert_eq!(
        around(Africa::Casablanca, "2026-02-14 12:00", "2026-02-15 12:00"),
        ["02-15 00:00 - 02-15 04:00"]
    );
    assert_eq!(
        around(Africa::Casablanca, "2026-03-21 12:00", "2026-03-22 12:00"),
        ["03-22 01:00 - 03-22 03:00"]
    );
    assert_eq!(
        around(Europe::Dublin, "2026-10-24 12:00", "2026-10-25 12:00"),
        ["10-25 00:00 - 10-25 04:00"]
    );
}

/// Two changes inside one week: America/Recife had summer time only from 03:00 UTC on 2000-10-08
/// to 02:00 UTC on 2000-10-15.
#[test]
fn changes_a_week_apart_are_both_seen() {
    let (from, to) = ("2000-10-01 12:00", "2000-10-22 12:00");
    assert_eq!(
        hours(rule(Sat, "12:00", "13:00"), America::Recife, from, to),
        [
            "10-07 15:00 - 10-07 16:00",
            "10-14 14:00 - 10-14 15:00",
            "10-21 15:00 - 10-21 16:00"
        ]
    );
}
