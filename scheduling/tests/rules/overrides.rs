//! Overrides, time off, holidays and the last date by example, away from clock changes.

use chrono::Weekday::{Fri, Mon, Thu, Tue, Wed};
use chrono::{NaiveDate, TimeDelta};
use chrono_tz::{Pacific, UTC};
use scheduling::availability::{DateRange, LocalHours, TimeOff, overlapping_hours};
use scheduling::policy::StartGrid;

use crate::support::{Tutor, date, dates, local, minutes, on, rule, span};

// 2026-06-01 is a Monday.
const WEEK: (&str, &str) = ("2026-06-01 00:00", "2026-06-08 00:00");
const BEFORE: &str = "2026-05-25 00:00";
const NOTHING: [&str; 0] = [];

/// Monday to Wednesday 09:00-12:00, and the night from Thursday to Friday.
fn tutor() -> Tutor {
    let mornings = [Mon, Tue, Wed].map(|day| rule(day, "09:00", "12:00"));
    let mut rules = mornings.to_vec();
    rules.push(rule(Thu, "22:00", "02:00"));
    Tutor::with_rules(UTC, 30, &rules)
}

fn week(tutor: &Tutor) -> Vec<String> {
    tutor.open(WEEK.0, WEEK.1)
}

#[test]
fn an_override_replaces_what_starts_on_its_date() {
    let mut tutor = tutor();
    tutor.overrides = vec![
        on(
            "2026-06-01",
            &[local("14:00", "15:00"), local("08:00", "10:00")],
        ),
        on("2026-06-02", &[]),
        on("2026-06-06", &[local("10:00", "11:00")]),
    ];
    assert_eq!(
        week(&tutor),
        [
            "06-01 08:00 - 06-01 10:00",
            "06-01 14:00 - 06-01 15:00",
            "06-03 09:00 - 06-03 12:00",
            "06-04 22:00 - 06-05 02:00",
            "06-06 10:00 - 06-06 11:00",
        ]
    );
}

#[test]
fn an_override_leaves_what_began_the_evening_before() {
    let mut tutor = tutor();
    tutor.weekly_rules.push(rule(Fri, "00:30", "05:00"));
    tutor.overrides = vec![on("2026-06-05", &[])];
    assert_eq!(week(&tutor)[3..], ["06-04 22:00 - 06-05 02:00"]);
    // And its own hours go on into the next date in the same way.
    tutor.overrides = vec![
        on("2026-06-04", &[]),
        on("2026-06-05", &[local("23:00", "01:00")]),
        on("2026-06-06", &[]),
    ];
    assert_eq!(week(&tutor)[3..], ["06-05 23:00 - 06-06 01:00"]);
}

#[test]
fn an_override_from_before_the_window_is_clipped_not_lost() {
    let mut tutor = tutor();
    tutor.overrides = vec![on("2026-05-31", &[local("22:00", "03:00")])];
    assert_eq!(week(&tutor)[0], "06-01 00:00 - 06-01 03:00");
}

#[test]
fn overrides_of_one_date_add_up_in_any_order() {
    let mut tutor = tutor();
    tutor.overrides = vec![
        on("2026-06-02", &[local("15:00", "16:00")]),
        on("2026-06-01", &[]),
        on("2026-06-02", &[]),
        on(
            "2026-06-02",
            &[local("08:00", "09:00"), local("15:30", "17:00")],
        ),
    ];
    let expected = ["06-02 08:00 - 06-02 09:00", "06-02 15:00 - 06-02 17:00"];
    assert_eq!(week(&tutor)[..2], expected);
}

#[test]
fn time_off_takes_away_exactly_that() {
    let mut tutor = tutor();
    tutor.time_off = vec![
        TimeOff::Span(span("2026-06-02 11:00", "2026-06-03 10:00")),
        TimeOff::Span(span("2026-06-01 09:30", "2026-06-01 10:00")),
        TimeOff::Dates(dates("2026-06-05", "2026-06-05")),
    ];
    assert_eq!(
        week(&tutor),
        [
            "06-01 09:00 - 06-01 09:30",
            "06-01 10:00 - 06-01 12:00",
            "06-02 09:00 - 06-02 11:00",
            "06-03 10:00 - 06-03 12:00",
            "06-04 22:00 - 06-05 00:00",
        ]
    );
    // Even on a date with an override.
    tutor.overrides = vec![on("2026-06-05", &[local("10:00", "11:00")])];
    assert_eq!(week(&tutor)[4..], ["06-04 22:00 - 06-05 00:00"]);
}

#[test]
fn dates_are_those_of_the_tutors_calendar() {
    let mut tutor = Tutor::with_rules(Pacific::Kiritimati, 30, &[]);
    tutor.overrides = vec![on("2026-06-02", &[local("00:00", "00:00")])];
    let expected = ["06-01 10:00 - 06-02 10:00"];
    assert_eq!(week(&tutor), expected);
    tutor
        .overrides
        .push(on("2026-06-03", &[local("00:00", "00:00")]));
    tutor.time_off = vec![TimeOff::Dates(dates("2026-06-03", "2026-06-09"))];
    assert_eq!(week(&tutor), expected);
    tutor.time_off.clear();
    tutor.last_date = Some(date("2026-06-02"));
    assert_eq!(week(&tutor), expected);
}

#[test]
fn a_holiday_closes_whole_dates_but_not_those_with_an_override_that_opens() {
    let mut tutor = tutor();
    tutor.holidays = vec![
        dates("2026-06-02", "2026-06-03"),
        dates("2026-06-05", "2026-06-05"),
    ];
    let expected = ["06-01 09:00 - 06-01 12:00", "06-04 22:00 - 06-05 00:00"];
    assert_eq!(week(&tutor), expected);
    tutor.overrides = vec![on("2026-06-03", &[local("10:00", "11:00")])];
    assert_eq!(
        week(&tutor),
        [
            "06-01 09:00 - 06-01 12:00",
            "06-03 10:00 - 06-03 11:00",
            "06-04 22:00 - 06-05 00:00",
        ]
    );
}

/// Closing a date opens nothing.
#[test]
fn an_override_without_hours_leaves_the_holiday_in_force() {
    let mut tutor = Tutor::with_rules(UTC, 30, &[rule(Tue, "22:00", "02:00")]);
    tutor.holidays = vec![dates("2026-06-03", "2026-06-03")];
    let until_midnight = ["06-02 22:00 - 06-03 00:00"];
    assert_eq!(week(&tutor), until_midnight);
    tutor.overrides = vec![on("2026-06-03", &[])];
    assert_eq!(week(&tutor), until_midnight);
    let found = tutor.starts(WEEK.0, WEEK.1, 60, BEFORE);
    assert_eq!(found, ["22:00", "22:30", "23:00"]);
    let reasons = |tutor: &Tutor| tutor.codes("2026-06-03 00:00", "2026-06-03 01:00", BEFORE);
    assert_eq!(reasons(&tutor), ["holiday"]);
    tutor
        .overrides
        .push(on("2026-06-03", &[local("10:00", "11:00")]));
    assert_eq!(
        week(&tutor),
        ["06-02 22:00 - 06-03 02:00", "06-03 10:00 - 06-03 11:00"]
    );
    assert_eq!(reasons(&tutor), NOTHING);
}

#[test]
fn after_the_last_date_nothing_is_open() {
    let mut tutor = tutor();
    tutor.last_date = Some(date("2026-06-04"));
    assert_eq!(week(&tutor)[3..], ["06-04 22:00 - 06-05 00:00"]);
    tutor.overrides = vec![on("2026-06-05", &[local("10:00", "11:00")])];
    assert_eq!(week(&tutor)[3..], ["06-04 22:00 - 06-05 00:00"]);
    tutor.last_date = Some(date("2026-05-31"));
    assert_eq!(week(&tutor), NOTHING);
}

#[test]
fn a_range_of_dates_is_never_reversed() {
    let (first, last) = (date("2026-06-01"), date("2026-06-02"));
    assert!(DateRange::new(first, last).is_some());
    assert!(DateRange::new(first, first).is_some());
    assert_eq!(DateRange::new(last, first), None);
    // One that was made all the same closes nothing.
    let reversed = DateRange {
        first: date("2026-06-03"),
        last: date("2026-06-01"),
    };
    let mut tutor = tutor();
    let expected = week(&tutor);
    tutor.time_off = vec![TimeOff::Dates(reversed)];
    tutor.holidays = vec![reversed];
    assert_eq!(week(&tutor), expected);
    let reasons = tutor.codes("2026-06-02 09:00", "2026-06-02 10:00", BEFORE);
    assert_eq!(reasons, NOTHING);
}

#[test]
fn a_grid_counts_from_the_start_of_an_overrides_hours() {
    let mut tutor = tutor();
    tutor.policy.start_grid = StartGrid::SpanStart(minutes(60));
    tutor.overrides = vec![on("2026-06-01", &[local("09:20", "12:00")])];
    tutor.time_off = vec![TimeOff::Span(span("2026-06-01 09:00", "2026-06-01 09:50"))];
    let found = tutor.starts(WEEK.0, "2026-06-02 00:00", 60, BEFORE);
    assert_eq!(found, ["10:20"]);
}

#[test]
fn hours_of_one_date_overlap_if_they_have_time_in_common() {
    let overlap = |hours: &[LocalHours]| overlapping_hours(hours);
    assert_eq!(overlap(&[]), None);
    let (early, late) = (local("09:00", "12:00"), local("12:00", "14:00"));
    assert_eq!(overlap(&[early, late]), None);
    assert_eq!(
        overlap(&[late, early, local("11:59", "12:00")]),
        Some((1, 2))
    );
    let night = local("22:00", "02:00");
    // Tomorrow's small hours are not those of this date.
    assert_eq!(overlap(&[night, local("00:00", "02:00")]), None);
    assert_eq!(overlap(&[night, local("23:00", "00:00")]), Some((0, 1)));
    assert_eq!(overlap(&[local("00:00", "00:00"), night]), Some((0, 1)));
}

#[test]
fn many_overrides_and_extreme_dates_do_no_harm() {
    let mut tutor = tutor();
    let first = date("2026-06-01");
    tutor.overrides = (0..10_000)
        .map(|day| {
            on(
                &(first + TimeDelta::days(day)).to_string(),
                &[local("09:00", "10:00")],
            )
        })
        .rev()
        .collect();
    let always = DateRange::new(NaiveDate::MIN, NaiveDate::MAX).expect("a range");
    tutor
        .overrides
        .extend([NaiveDate::MIN, NaiveDate::MAX].map(|date| {
            scheduling::availability::DateOverride {
                date,
                hours: vec![local("22:00", "02:00")],
            }
        }));
    tutor.holidays = vec![always; 1000];
    let found = tutor.starts(WEEK.0, WEEK.1, 60, BEFORE);
    assert_eq!(found, ["09:00"; 7]);
    tutor.time_off = vec![TimeOff::Dates(always)];
    assert_eq!(tutor.starts(WEEK.0, WEEK.1, 60, BEFORE), NOTHING);
    let reasons = tutor.codes("2026-06-01 09:00", "2026-06-01 10:00", BEFORE);
    assert_eq!(reasons, ["time_off"]);
    tutor.last_date = Some(NaiveDate::MAX);
    assert_eq!(
        tutor.codes("2026-06-01 09:00", "2026-06-01 10:00", BEFORE),
        ["time_off"]
    );
    tutor.last_date = Some(NaiveDate::MIN);
    let reasons = tutor.codes("2026-06-01 09:00", "2026-06-01 10:00", BEFORE);
    assert_eq!(reasons, ["time_off", "tutor_ended"]);
}
