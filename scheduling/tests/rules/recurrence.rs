//! Series: which occurrences a recurrence rule has, and when they are.

use std::time::{Duration, Instant};

use chrono::{NaiveDate, NaiveDateTime, TimeDelta, TimeZone, Utc, Weekday};
use chrono_tz::{America, Australia, Europe, TZ_VARIANTS, Tz};
use proptest::prelude::*;
use rrule::{Frequency, NWeekday, RRule};
use scheduling::recurrence::{Occurrence, Rule, RuleError};

fn occurrences(start: &str, rule: &str, zone: Tz) -> Result<Vec<Occurrence>, RuleError> {
    let rule: Rule = rule.parse()?;
    rule.occurrences(local(start), TimeDelta::hours(1), zone)
}

fn local(text: &str) -> NaiveDateTime {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").expect("a local time")
}

/// The local starts.
fn starts(start: &str, rule: &str) -> Vec<String> {
    let found = occurrences(start, rule, Tz::UTC).expect("a series");
    let starts = found.iter().map(|it| it.recurrence_id);
    starts.map(|it| it.format("%m-%d").to_string()).collect()
}

fn weekday(name: &str) -> Weekday {
    match name.parse() {
        Ok(NWeekday::Every(weekday)) => weekday,
        other => panic!("{name}: {other:?}"),
    }
}

fn refused(rule: &str) -> &'static str {
    let found = occurrences("2027-01-04 16:00", rule, Europe::Berlin);
    found.map_or_else(RuleError::code, |_| "accepted")
}

#[test]
fn four_in_the_afternoon_stays_so_over_both_changes_of_the_clocks() {
    // Each zone with its offsets in hours, times two, in winter and in summer.
    for (zone, winter, summer) in [
        (Europe::Berlin, 2, 4),
        (America::New_York, -10, -8),
        (Australia::Sydney, 20, 22),
        (Australia::Lord_Howe, 21, 22),
        (America::St_Johns, -7, -5),
    ] {
        let rule = "FREQ=WEEKLY;COUNT=52";
        let found = occurrences("2027-01-04 16:00", rule, zone).expect("a series");
        assert_eq!(found.len(), 52, "{zone}");
        let mut offsets = Vec::new();
        for it in found {
            let shown = it.span.start().with_timezone(&zone).naive_local();
            assert_eq!(shown, it.recurrence_id, "{zone}");
            assert_eq!(shown.format("%a %H:%M").to_string(), "Mon 16:00", "{zone}");
            assert_eq!(it.span.duration(), TimeDelta::hours(1));
            let offset = it.recurrence_id - it.span.start().naive_utc();
            offsets.push(offset.num_minutes() / 30);
        }
        offsets.dedup();
        let northern = [winter, summer, winter];
        let southern = [summer, winter, summer];
        assert!(
            offsets == northern || offsets == southern,
            "{zone}: {offsets:?}"
        );
    }
}

/// Europe/Berlin, Sunday 2027-03-28: at 01:00 UTC, 02:00 CET becomes 03:00 CEST.
#[test]
fn what_the_clock_skips_is_no_occurrence_and_does_not_count() {
    let found = occurrences("2027-03-14 02:30", "FREQ=WEEKLY;COUNT=4", Europe::Berlin);
    let starts = found
        .expect("a series")
        .into_iter()
        .map(|it| it.span.start());
    let starts: Vec<_> = starts
        .map(|it| it.format("%m-%d %H:%M").to_string())
        .collect();
    assert_eq!(
        starts,
        ["03-14 01:30", "03-21 01:30", "04-04 00:30", "04-11 00:30"]
    );
    let skipped = occurrences("2027-03-28 02:30", "FREQ=WEEKLY;COUNT=4", Europe::Berlin);
    assert_eq!(skipped, Err(RuleError::StartSkipped));
}

/// Europe/Berlin, Sunday 2027-10-31: at 01:00 UTC, 03:00 CEST becomes 02:00 CET.
#[test]
fn of_a_time_that_the_clock_shows_twice_the_first_is_meant() {
    let found = occurrences("2027-10-31 02:30", "FREQ=DAILY;COUNT=2", Europe::Berlin);
    let starts = found
        .expect("a series")
        .into_iter()
        .map(|it| it.span.start());
    let starts: Vec<_> = starts
        .map(|it| it.format("%m-%d %H:%M").to_string())
        .collect();
    assert_eq!(starts, ["10-31 00:30", "11-01 01:30"]);
}

#[test]
fn rules_mean_what_rfc_5545_says() {
    for (start, rule, expected) in [
        (
            "2027-01-04 16:00",
            "FREQ=DAILY;INTERVAL=3;COUNT=3",
            "01-04 01-07 01-10",
        ),
        (
            "2027-01-04 16:00",
            "freq=weekly;byday=mo,th;count=4",
            "01-04 01-07 01-11 01-14",
        ),
        // The example of WKST in RFC 5545: with weeks from Monday, and from Sunday.
        (
            "1997-08-05 09:00",
            "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO",
            "08-05 08-10 08-19 08-24",
        ),
        (
            "1997-08-05 09:00",
            "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU",
            "08-05 08-17 08-19 08-31",
        ),
        // Months without a 31st have none.
        (
            "2027-01-31 16:00",
            "FREQ=MONTHLY;COUNT=3",
            "01-31 03-31 05-31",
        ),
        (
            "2027-01-31 16:00",
            "FREQ=MONTHLY;BYMONTHDAY=-1;COUNT=3",
            "01-31 02-28 03-31",
        ),
        (
            "2027-01-29 16:00",
            "FREQ=MONTHLY;BYDAY=-1FR;COUNT=3",
            "01-29 02-26 03-26",
        ),
        (
            "2027-01-01 16:00",
            "FREQ=MONTHLY;BYDAY=-5FR;COUNT=3",
            "01-01 04-02 07-02",
        ),
        (
            "2027-01-04 16:00",
            "FREQ=MONTHLY;BYDAY=+1MO,3TU;COUNT=4",
            "01-04 01-19 02-01 02-16",
        ),
        // Either of them, not what is both.
        (
            "2027-01-04 16:00",
            "FREQ=MONTHLY;BYDAY=MO,1TU;COUNT=5",
            "01-04 01-05 01-11 01-18 01-25",
        ),
        (
            "2027-08-13 16:00",
            "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13;COUNT=2",
            "08-13 10-13",
        ),
        (
            "2027-01-04 16:00",
            "FREQ=WEEKLY;UNTIL=20270118T160000Z",
            "01-04 01-11 01-18",
        ),
        (
            "2027-01-04 16:00",
            "FREQ=WEEKLY;UNTIL=20270118T155959Z",
            "01-04 01-11",
        ),
    ] {
        assert_eq!(starts(start, rule).join(" "), expected, "{rule}");
    }
}

#[test]
fn what_is_not_a_rule_for_lessons_is_refused() {
    for (code, rules) in [
        (
            "malformed",
            &[
                "",
                "FREQ",
                "COUNT=3",
                "FREQ=WEEKLY;COUNT=0",
                "FREQ=WEEKLY;COUNT=-3",
                "FREQ=WEEKLY;COUNT=3;",
                "FREQ=WEEKLY;COUNT=3;COUNT=3",
                "FREQ=WEEKLY;COUNT=3;UNTIL=20270118T160000Z",
                "FREQ=WEEKLY;INTERVAL=0;COUNT=3",
                "FREQ=WEEKLY;INTERVAL=65536;COUNT=3",
                "FREQ=WEEKLY;BYDAY=XXMO;COUNT=3",
                "FREQ=WEEKLY;BYDAY=1MO;COUNT=3",
                "FREQ=WEEKLY;BYDAY=;COUNT=3",
                "FREQ=WEEKLY;BYDAY=é;COUNT=3",
                "FREQ=MONTHLY;BYDAY=6MO;COUNT=3",
                "FREQ=MONTHLY;BYDAY=0MO;COUNT=3",
                "FREQ=MONTHLY;BYMONTHDAY=32;COUNT=3",
                "FREQ=MONTHLY;BYMONTHDAY=+-4;COUNT=3",
                "FREQ=WEEKLY;BYMONTHDAY=4;COUNT=3",
                "FREQ=WEEKLY;UNTIL=20270118",
                "FREQ=WEEKLY;UNTIL=20270118T160000",
                "FREQ=WEEKLY;X-A=1;COUNT=3",
                "RRULE:FREQ=WEEKLY;COUNT=3",
                " FREQ=WEEKLY;COUNT=3",
            ][..],
        ),
        (
            "unsupported",
            &[
                "FREQ=YEARLY;COUNT=3",
                "FREQ=SECONDLY;COUNT=3",
                "FREQ=WEEKLY;BYHOUR=9,16;COUNT=3",
                "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=1;COUNT=3",
            ],
        ),
        ("unbounded", &["FREQ=WEEKLY"]),
        (
            "too_many",
            &[
                "FREQ=DAILY;COUNT=201",
                "FREQ=DAILY;COUNT=99999999999999999999",
            ][..1],
        ),
        ("too_many", &["FREQ=DAILY;UNTIL=20280101T000000Z"]),
        (
            "beyond_two_years",
            &[
                "FREQ=WEEKLY;COUNT=106",
                "FREQ=WEEKLY;UNTIL=20290106T000000Z",
                "FREQ=MONTHLY;INTERVAL=65535;COUNT=2",
            ],
        ),
        ("ends_before_start", &["FREQ=WEEKLY;UNTIL=20261231T000000Z"]),
        (
            "not_on_rule",
            &[
                "FREQ=WEEKLY;BYDAY=TU;COUNT=3",
                "FREQ=MONTHLY;BYMONTHDAY=1;BYDAY=5MO;COUNT=3",
            ],
        ),
    ] {
        for rule in rules {
            assert_eq!(refused(rule), code, "{rule}");
        }
    }
    let long = format!("FREQ=WEEKLY;COUNT=3;BYDAY=MO{}", ",MO".repeat(1000));
    assert_eq!(refused(&long), "malformed");
}

#[test]
fn two_years_and_two_hundred_occurrences_are_the_most() {
    let two_years = occurrences("2027-01-04 16:00", "FREQ=WEEKLY;COUNT=105", Tz::UTC);
    assert_eq!(two_years.map(|it| it.len()), Ok(105));
    let two_hundred = occurrences("2027-01-04 16:00", "FREQ=DAILY;COUNT=200", Tz::UTC);
    assert_eq!(two_hundred.map(|it| it.len()), Ok(200));
}

#[test]
fn no_rule_takes_long_not_even_one_that_never_comes_true() {
    let begun = Instant::now();
    for interval in 1..1000 {
        for rule in [
            "DAILY;BYMONTHDAY=31;BYDAY=MO",
            "MONTHLY;BYMONTHDAY=1;BYDAY=5MO",
            "MONTHLY;BYMONTHDAY=29",
        ] {
            let rule = format!("FREQ={rule};INTERVAL={interval};COUNT=200");
            assert!(occurrences("2028-02-29 16:00", &rule, Europe::Berlin).is_err());
        }
    }
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
}

proptest! {
    #[test]
    fn any_text_and_start_are_answered(text in ".{0,60}", rule in "(FREQ|COUNT|INTERVAL|BYDAY|UNTIL)=(DAILY|-?[0-9]{1,20}|[A-Z]{2}|[0-9]{8}T[0-9]{6}Z)", day in any::<i32>(), zone in 0..TZ_VARIANTS.len()) {
        let date = NaiveDate::from_num_days_from_ce_opt(day / 30).expect("a date");
        let start = date.and_hms_opt(2, 30, 0).expect("a time");
        for text in [text, format!("FREQ=WEEKLY;COUNT=9;{rule}"), "FREQ=DAILY;COUNT=3".to_owned()] {
            if let Ok(rule) = text.parse::<Rule>() {
                let found = rule.occurrences(start, TimeDelta::hours(1), TZ_VARIANTS[zone]);
                prop_assert!(found.is_err() || found.is_ok_and(|found| !found.is_empty()));
            }
        }
    }

    /// Where the crate keeps to RFC 5545, and the clocks don't change.
    #[test]
    fn the_crate_rrule_agrees(
        frequency in prop::sample::select(vec![Frequency::Daily, Frequency::Weekly, Frequency::Monthly]),
        interval in 1..6_u16,
        days in prop::sample::subsequence(vec!["MO", "TU", "WE", "TH", "FR", "SA", "SU"], 0..4),
        nth in prop::option::of(prop::sample::select(vec![-4, -1, 1, 2, 5_i16])),
        month_days in prop::collection::vec(prop::sample::select(vec![-31, -2, -1, 1, 13, 28, 31_i8]), 0..3),
        week_start in prop::sample::select(vec!["MO", "SU", "WE"]),
        day in 0..1500_i64,
    ) {
        let nth = nth.filter(|_| frequency == Frequency::Monthly);
        let by_day: Vec<NWeekday> = days.iter().map(|day| NWeekday::new(nth, weekday(day))).collect();
        let month_days = if frequency == Frequency::Weekly { Vec::new() } else { month_days };
        let from = Utc.with_ymd_and_hms(2026, 1, 1, 16, 0, 0).unwrap() + TimeDelta::days(day);
        let theirs = RRule::new(frequency)
            .interval(interval)
            .week_start(weekday(week_start))
            .by_weekday(by_day)
            .by_month_day(month_days.clone())
            .count(20);
        let from = from.with_timezone(&rrule::Tz::UTC);
        // The first occurrence from there on, so that the rule begins with one.
        let first = theirs.clone().build(from).expect("a rule").into_iter().next();
        prop_assume!(first.is_some());
        let first = first.expect("an occurrence");
        let theirs = theirs.build(first).expect("a rule").into_iter();
        let theirs: Vec<_> = theirs.map(|it| it.naive_utc()).collect();

        let list = |name: &str, items: Vec<String>| if items.is_empty() { String::new() } else { format!(";{name}={}", items.join(",")) };
        let days = days.iter().map(|day| format!("{}{day}", nth.map_or_else(String::new, |nth| nth.to_string())));
        let text = format!(
            "FREQ={frequency};INTERVAL={interval};WKST={week_start};COUNT=20{}{}",
            list("BYDAY", days.collect()),
            list("BYMONTHDAY", month_days.iter().map(ToString::to_string).collect()),
        );
        let rule: Rule = text.parse().expect("a rule");
        match rule.occurrences(first.naive_utc(), TimeDelta::hours(1), Tz::UTC) {
            Ok(ours) => prop_assert_eq!(ours.iter().map(|it| it.recurrence_id).collect::<Vec<_>>(), theirs, "{}", text),
            Err(RuleError::TooLong) => prop_assert!(theirs[19] > first.naive_utc() + TimeDelta::days(730), "{}", text),
            Err(error) => prop_assert!(false, "{} {}", text, error),
        }
    }
}
