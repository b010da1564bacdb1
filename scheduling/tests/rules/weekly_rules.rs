//! Weekly rules by example, away from clock changes.

use chrono::NaiveDate;
use chrono::Weekday::{Fri, Mon, Sat, Sun, Thu, Tue, Wed};
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::{Asia, Europe, Pacific, TZ_VARIANTS, UTC};
use scheduling::availability::{LONGEST_WINDOW, WeeklyRule, overlapping_rules};
use scheduling::interval::Span;

use crate::support::{date, hours, open_spans, rule, span};

// 2026-06-01 is a Monday.
const WEEK: (&str, &str) = ("2026-06-01 00:00", "2026-06-08 00:00");

#[test]
fn no_rule_no_time() {
    assert_eq!(open_spans(&[], UTC, span(WEEK.0, WEEK.1)), []);
}

#[test]
fn a_rule_is_on_the_wall_clock_of_its_zone() {
    let tuesday = rule(Tue, "09:00", "17:00");
    let in_zone = |zone| hours(tuesday, zone, WEEK.0, WEEK.1);
    assert_eq!(in_zone(UTC), ["06-02 09:00 - 06-02 17:00"]);
    assert_eq!(in_zone(Europe::Berlin), ["06-02 07:00 - 06-02 15:00"]);
    assert_eq!(in_zone(Asia::Kathmandu), ["06-02 03:15 - 06-02 11:15"]);
    assert_eq!(in_zone(Pacific::Kiritimati), ["06-01 19:00 - 06-02 03:00"]);
}

#[test]
fn a_rule_may_pass_midnight() {
    let in_week = |rule| hours(rule, UTC, WEEK.0, WEEK.1);
    assert_eq!(
        in_week(rule(Tue, "22:00", "02:00")),
        ["06-02 22:00 - 06-03 02:00"]
    );
    assert_eq!(
        in_week(rule(Tue, "22:00", "00:00")),
        ["06-02 22:00 - 06-03 00:00"]
    );
    assert_eq!(
        in_week(rule(Tue, "00:00", "00:00")),
        ["06-02 00:00 - 06-03 00:00"]
    );
    assert_eq!(
        in_week(rule(Tue, "10:00", "10:00")),
        ["06-02 10:00 - 06-03 10:00"]
    );
}

#[test]
fn what_began_before_the_window_is_clipped_not_lost() {
    assert_eq!(
        hours(rule(Sun, "22:00", "02:00"), UTC, WEEK.0, WEEK.1),
        ["06-01 00:00 - 06-01 02:00", "06-07 22:00 - 06-08 00:00"]
    );
}

#[test]
fn a_window_may_end_within_a_second() {
    let rules = [rule(Mon, "00:00", "00:00")];
    let start = "2026-06-01T10:00:00.25Z".parse().expect("a value");
    let end = "2026-06-01T10:00:00.75Z".parse().expect("a value");
    let window = Span::new(start, end).expect("a value");
    assert_eq!(open_spans(&rules, UTC, window), [window]);
}

#[test]
fn rules_that_overlap_or_touch_become_one_span() {
    let rules = [
        rule(Mon, "12:00", "14:00"),
        rule(Mon, "09:00", "12:00"),
        rule(Mon, "13:00", "15:00"),
        rule(Mon, "16:00", "17:00"),
    ];
    assert_eq!(
        open_spans(&rules, UTC, span(WEEK.0, WEEK.1)),
        [
            span("2026-06-01 09:00", "2026-06-01 15:00"),
            span("2026-06-01 16:00", "2026-06-01 17:00"),
        ]
    );
}

#[test]
fn validity_bounds_the_date_on_which_a_rule_starts() {
    let valid = |from: &str, until: &str| WeeklyRule {
        valid_from: Some(date(from)),
        valid_until: Some(date(until)),
        ..rule(Mon, "22:00", "02:00")
    };
    let in_june = |rule| hours(rule, UTC, "2026-06-01 00:00", "2026-06-30 00:00");
    assert_eq!(
        in_june(valid("2026-06-08", "2026-06-15")),
        ["06-08 22:00 - 06-09 02:00", "06-15 22:00 - 06-16 02:00"]
    );
    assert_eq!(in_june(valid("2026-06-09", "2026-06-14")), [] as [&str; 0]);
    assert_eq!(in_june(valid("2026-06-15", "2026-06-08")), [] as [&str; 0]);
}

#[test]
fn validity_is_on_the_tutors_calendar() {
    let only = WeeklyRule {
        valid_from: Some(date("2026-06-02")),
        valid_until: Some(date("2026-06-02")),
        ..rule(Tue, "09:00", "10:00")
    };
    // It is still Monday in UTC.
    assert_eq!(
        hours(
            only,
            Pacific::Kiritimati,
            "2026-05-01 00:00",
            "2026-07-01 00:00"
        ),
        ["06-01 19:00 - 06-01 20:00"]
    );
}

#[test]
fn a_window_is_looked_at_for_a_limited_time() {
    let every_day = [Mon, Tue, Wed, Thu, Fri, Sat, Sun];
    let rules = every_day.map(|day| rule(day, "00:00", "00:00"));
    let endless = Span::new(DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC).expect("a value");
    let spans = open_spans(&rules, UTC, endless);
    assert_eq!(spans.len(), 1);
    assert_eq!(spans[0].duration(), LONGEST_WINDOW);
}

#[test]
fn the_ends_of_time_do_no_harm() {
    let rules = [
        rule(Mon, "22:00", "02:00"),
        WeeklyRule {
            valid_from: Some(NaiveDate::MIN),
            valid_until: Some(NaiveDate::MAX),
            ..rule(Thu, "00:00", "00:00")
        },
    ];
    let (first, last) = (DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC);
    for zone in TZ_VARIANTS {
        for days in [1, 9] {
            let length = TimeDelta::days(days);
            let windows = [
                Span::new(first, first + length),
                Span::new(last - length, last),
            ];
            for window in windows.into_iter().flatten() {
                let spans = open_spans(&rules, zone, window);
                assert!(spans.iter().all(|span| window.contains(span)));
                assert!(days == 1 || !spans.is_empty(), "{zone} {window:?}");
            }
        }
    }
}

fn overlap(one: WeeklyRule, other: WeeklyRule) -> bool {
    let found = overlapping_rules(&[one, other]);
    assert_eq!(found, overlapping_rules(&[other, one]));
    found == Some((0, 1))
}

#[test]
fn overlap_is_time_in_common() {
    let morning = rule(Mon, "09:00", "12:00");
    assert!(overlap(morning, rule(Mon, "11:00", "13:00")));
    assert!(overlap(morning, rule(Mon, "10:00", "11:00")));
    assert!(overlap(morning, morning));
    assert!(!overlap(morning, rule(Mon, "12:00", "13:00")));
    assert!(!overlap(morning, rule(Tue, "09:00", "12:00")));
}

#[test]
fn overlap_passes_midnight_and_the_end_of_the_week() {
    assert!(overlap(
        rule(Mon, "22:00", "02:00"),
        rule(Tue, "01:00", "03:00")
    ));
    assert!(!overlap(
        rule(Mon, "22:00", "02:00"),
        rule(Tue, "02:00", "03:00")
    ));
    assert!(overlap(
        rule(Sun, "22:00", "02:00"),
        rule(Mon, "01:00", "03:00")
    ));
    assert!(overlap(
        rule(Sun, "00:00", "00:00"),
        rule(Sat, "23:00", "00:30")
    ));
    assert!(!overlap(
        rule(Sun, "00:00", "00:00"),
        rule(Mon, "00:00", "00:00")
    ));
    assert!(overlap(
        rule(Sun, "10:00", "10:00"),
        rule(Mon, "09:59", "11:00")
    ));
}

#[test]
fn rules_that_are_never_valid_together_do_not_overlap() {
    let valid = |from: Option<&str>, until: Option<&str>, rule| WeeklyRule {
        valid_from: from.map(date),
        valid_until: until.map(date),
        ..rule
    };
    let morning = rule(Mon, "09:00", "12:00");
    let until = |day| valid(None, Some(day), morning);
    let from = |day| valid(Some(day), None, morning);
    assert!(overlap(until("2026-06-08"), from("2026-06-08")));
    assert!(!overlap(until("2026-06-08"), from("2026-06-09")));
    // Both are valid from the 9th to the 14th, but there is no Monday in that.
    let short = valid(Some("2026-06-09"), Some("2026-06-14"), morning);
    assert!(!overlap(short, morning));
    // Starts on the last valid day, and reaches into the first of the other.
    let night = valid(None, Some("2026-06-08"), rule(Mon, "22:00", "02:00"));
    let next = |day| valid(Some(day), None, rule(Tue, "01:00", "03:00"));
    assert!(overlap(night, next("2026-06-09")));
    assert!(!overlap(night, next("2026-06-10")));
}

#[test]
fn the_first_overlapping_pair_is_named() {
    let rules = [
        rule(Mon, "09:00", "10:00"),
        rule(Tue, "09:00", "12:00"),
        rule(Wed, "09:00", "12:00"),
        rule(Wed, "11:00", "12:00"),
        rule(Tue, "11:00", "12:00"),
    ];
    assert_eq!(overlapping_rules(&rules), Some((1, 4)));
    assert_eq!(overlapping_rules(&rules[..3]), None);
    assert_eq!(overlapping_rules(&[]), None);
}
