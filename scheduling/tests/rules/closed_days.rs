//! Overrides, closed dates, caps and grids on the days on which clocks change. The dates are
//! those of the tz database, and the changes those of `clock_changes`.

use chrono::Weekday::{Fri, Sat, Sun, Thu};
use chrono_tz::Tz;
use chrono_tz::{America, Antarctica, Asia, Australia, Europe, Pacific};
use scheduling::availability::TimeOff;
use scheduling::policy::StartGrid;
use scheduling::slots::{OccupiedBy, refusals};

use crate::support::{Tutor, date, dates, lesson, local, minutes, occupied, on, rule, span, utc};

const NOTHING: [&str; 0] = [];
const BEFORE: &str = "2026-01-01 00:00";

/// There all of the days around a change, with a grid of an hour from midnight.
fn always(zone: Tz) -> Tutor {
    let days = [Thu, Fri, Sat, Sun].map(|day| rule(day, "00:00", "00:00"));
    Tutor::with_rules(zone, 60, &days)
}

/// What an override 01:30-02:30 gives, on a day on which the clock skips or repeats hours.
#[test]
fn hours_of_an_override_are_skipped_and_repeated_too() {
    let mut tutor = always(Europe::Berlin);
    let hours = [local("01:30", "02:30")];
    tutor.overrides = vec![on("2026-03-29", &hours), on("2026-10-25", &hours)];
    let found = tutor.open("2026-03-28 23:00", "2026-03-29 22:00");
    assert_eq!(found, ["03-29 00:30 - 03-29 01:00"]);
    let found = tutor.open("2026-10-24 22:00", "2026-10-25 23:00");
    let expected = ["10-24 23:30 - 10-25 00:30", "10-25 01:00 - 10-25 01:30"];
    assert_eq!(found, expected);
    let skipped = [local("02:00", "03:00")];
    tutor.overrides = vec![on("2026-03-29", &skipped)];
    assert_eq!(tutor.open("2026-03-28 23:00", "2026-03-29 22:00"), NOTHING);
}

/// Europe/Berlin: 2026-03-29 has 23 hours, 2026-10-25 has 25.
#[test]
fn a_closed_date_is_as_long_as_the_clock_shows_it() {
    let short = dates("2026-03-29", "2026-03-29");
    let long = dates("2026-10-25", "2026-10-25");
    let mut off = always(Europe::Berlin);
    off.time_off = vec![TimeOff::Dates(short), TimeOff::Dates(long)];
    let mut holiday = always(Europe::Berlin);
    holiday.holidays = vec![short, long];
    for tutor in [off, holiday] {
        let spring = tutor.open("2026-03-28 12:00", "2026-03-30 12:00");
        assert_eq!(spring, ["03-28 12:00 - 03-28 23:00"]);
        let autumn = tutor.open("2026-10-24 12:00", "2026-10-26 12:00");
        assert_eq!(autumn, ["10-24 12:00 - 10-24 22:00"]);
        let slot = span("2026-03-29 00:00", "2026-03-29 01:00");
        let reasons = refusals(&tutor.schedule(), slot, utc(BEFORE));
        let conflict = span("2026-03-28 23:00", "2026-03-29 22:00");
        assert_eq!(reasons[0].conflict(), Some(conflict));
    }
}

/// America/Santiago: 2026-09-06 begins at 01:00, and 2026-04-04 repeats its last hour.
#[test]
fn closed_dates_begin_where_midnight_is_missing_and_end_after_a_second_one() {
    let mut tutor = always(America::Santiago);
    tutor.time_off = vec![TimeOff::Dates(dates("2026-09-06", "2026-09-06"))];
    let found = tutor.open("2026-09-06 02:00", "2026-09-07 12:00");
    assert_eq!(found, ["09-06 02:00 - 09-06 04:00"]);
    tutor.time_off = vec![TimeOff::Dates(dates("2026-04-04", "2026-04-04"))];
    let found = tutor.open("2026-04-04 02:00", "2026-04-05 05:00");
    assert_eq!(
        found,
        ["04-04 02:00 - 04-04 03:00", "04-05 04:00 - 04-05 05:00"]
    );
    tutor.time_off.clear();
    tutor.last_date = Some(date("2026-04-04"));
    let found = tutor.open("2026-04-05 02:00", "2026-04-05 12:00");
    assert_eq!(found, ["04-05 02:00 - 04-05 04:00"]);
}

/// Asia/Beirut: 2026-03-29 begins at 01:00.
#[test]
fn an_override_may_begin_at_a_midnight_that_is_missing() {
    let mut tutor = always(Asia::Beirut);
    tutor.policy.start_grid = StartGrid::SpanStart(minutes(60));
    tutor.overrides = vec![on("2026-03-29", &[local("00:00", "03:00")])];
    let found = tutor.open("2026-03-28 22:00", "2026-03-29 12:00");
    assert_eq!(found, ["03-28 22:00 - 03-29 00:00"]);
    let found = tutor.starts("2026-03-28 22:00", "2026-03-29 12:00", 60, BEFORE);
    assert_eq!(found, ["22:00", "23:00"]);
}

/// Pacific/Apia: there was no 2011-12-30.
#[test]
fn a_date_that_is_missing_closes_nothing() {
    let window = ("2011-12-30 08:00", "2011-12-30 12:00");
    let mut tutor = always(Pacific::Apia);
    let missing = dates("2011-12-30", "2011-12-30");
    tutor.time_off = vec![TimeOff::Dates(missing)];
    tutor.holidays = vec![missing];
    tutor.overrides = vec![on("2011-12-30", &[])];
    assert_eq!(
        tutor.open(window.0, window.1),
        ["12-30 08:00 - 12-30 12:00"]
    );
    assert_eq!(
        tutor.codes(window.0, "2011-12-30 10:00", "2011-01-01 00:00"),
        NOTHING
    );
    // What the override starts that evening is still there on the day after.
    tutor.weekly_rules.clear();
    tutor.overrides = vec![on("2011-12-30", &[local("22:00", "01:00")])];
    assert_eq!(
        tutor.open(window.0, window.1),
        ["12-30 10:00 - 12-30 11:00"]
    );
    // The range around it is closed in one piece.
    tutor.time_off = vec![TimeOff::Dates(dates("2011-12-29", "2011-12-31"))];
    let slot = span("2011-12-30 10:00", "2011-12-30 11:00");
    let reasons = refusals(&tutor.schedule(), slot, utc("2011-12-30 00:00"));
    let conflict = span("2011-12-29 10:00", "2011-12-31 10:00");
    assert_eq!(reasons.len(), 1);
    assert_eq!(reasons[0].conflict(), Some(conflict));
}

/// The day of a cap is 23 or 25 hours long in Berlin.
#[test]
fn a_cap_counts_all_of_a_longer_day_and_no_more_of_a_shorter_one() {
    let mut tutor = always(Europe::Berlin).occupied(&[
        // The first and the last hour of 10-25.
        lesson("2026-10-24 22:00", "2026-10-24 23:00"),
        occupied(OccupiedBy::Hold, "2026-10-25 22:00", "2026-10-25 23:00"),
        // The last hour of 03-28, the first and the last one of 03-29.
        lesson("2026-03-28 22:00", "2026-03-28 23:00"),
        lesson("2026-03-28 23:00", "2026-03-29 00:00"),
        lesson("2026-03-29 21:00", "2026-03-29 22:00"),
    ]);
    tutor.policy.max_lessons_per_day = Some(2);
    assert_eq!(
        tutor.codes("2026-10-25 08:00", "2026-10-25 09:00", BEFORE),
        ["daily_cap"]
    );
    assert_eq!(
        tutor.codes("2026-03-29 08:00", "2026-03-29 09:00", BEFORE),
        ["daily_cap"]
    );
    assert_eq!(
        tutor.codes("2026-03-28 08:00", "2026-03-28 09:00", BEFORE),
        NOTHING
    );
    let found = tutor.starts("2026-03-28 20:00", "2026-03-30 12:00", 60, BEFORE);
    assert_eq!(found, ["20:00", "21:00"]);
    let found = tutor.starts("2026-10-24 20:00", "2026-10-26 12:00", 60, BEFORE);
    assert_eq!(found, ["20:00", "21:00"]);
    tutor.policy.max_lessons_per_day = Some(3);
    assert_eq!(
        tutor.codes("2026-10-25 08:00", "2026-10-25 09:00", BEFORE),
        NOTHING
    );
    assert_eq!(
        tutor.codes("2026-03-29 08:00", "2026-03-29 09:00", BEFORE),
        NOTHING
    );
}

/// `America/St_Johns`: at 02:31 UTC on 2010-11-07, a minute after midnight became 23:01 of 11-06.
#[test]
fn a_date_that_comes_back_is_one_date_to_a_cap() {
    let mut tutor = always(America::St_Johns).occupied(&[
        lesson("2010-11-07 02:00", "2010-11-07 02:30"),
        // On 11-07, for a minute.
        lesson("2010-11-07 02:30", "2010-11-07 02:45"),
        lesson("2010-11-07 02:45", "2010-11-07 03:00"),
    ]);
    tutor.policy.max_lessons_per_day = Some(2);
    let at = |tutor: &Tutor, start, end| {
        let reasons = tutor.codes(start, end, "2010-11-01 00:00");
        let found = tutor.starts(start, end, 60, "2010-11-01 00:00");
        assert_eq!(found.is_empty(), !reasons.is_empty());
        reasons
    };
    let reasons = at(&tutor, "2010-11-06 20:30", "2010-11-06 21:30");
    assert_eq!(reasons, ["daily_cap"]);
    let reasons = at(&tutor, "2010-11-07 20:30", "2010-11-07 21:30");
    assert_eq!(reasons, NOTHING);
    tutor.policy.max_lessons_per_day = Some(1);
    let reasons = at(&tutor, "2010-11-07 20:30", "2010-11-07 21:30");
    assert_eq!(reasons, ["daily_cap"]);
}

/// A grid from the start of hours goes by the wall clock, where it jumps too.
#[test]
fn a_grid_from_the_start_of_hours_goes_on_by_the_wall_clock() {
    let starts = |zone, from, to| {
        let mut tutor = Tutor::with_rules(zone, 30, &[rule(Sat, "23:50", "06:00")]);
        tutor.policy.start_grid = StartGrid::SpanStart(minutes(60));
        tutor.starts(from, to, 30, BEFORE)
    };
    // 23:50, 00:50, 01:50; then 03:50 and 04:50, an hour and two after 02:00 UTC less ten.
    let spring = starts(Europe::Berlin, "2026-03-28 22:00", "2026-03-29 04:00");
    assert_eq!(spring, ["22:50", "23:50", "00:50", "01:50", "02:50"]);
    // 01:30 is skipped here to 02:30 after half an hour: 23:50, 00:50, 01:50, 02:50, 03:50.
    let spring = starts(Australia::Lord_Howe, "2026-10-03 13:00", "2026-10-03 18:00");
    assert_eq!(
        spring,
        ["13:20", "14:20", "15:20", "15:50", "16:50", "17:50"]
    );
    // Here the clock shows 01:00 to 03:00 twice: 02:50, then 01:50 and 02:50 again.
    let autumn = starts(Antarctica::Troll, "2026-10-24 21:00", "2026-10-25 04:00");
    assert_eq!(
        autumn,
        [
            "21:50", "22:50", "23:50", "00:50", "01:50", "02:50", "03:50"
        ]
    );
}

#[test]
fn a_step_longer_than_an_hour_tells_the_wall_clock_from_elapsed_time() {
    let mut tutor = Tutor::with_rules(Europe::Berlin, 30, &[rule(Sun, "00:00", "08:00")]);
    tutor.policy.start_grid = StartGrid::SpanStart(minutes(120));
    // 00:00 CET; 02:00 is skipped; 04:00 and 06:00 CEST.
    let found = tutor.starts("2026-03-28 23:00", "2026-03-29 12:00", 60, BEFORE);
    assert_eq!(found, ["23:00", "02:00", "04:00"]);
    // 00:00 CEST; 02:00 CEST and CET; 04:00 and 06:00 CET.
    let found = tutor.starts("2026-10-24 22:00", "2026-10-25 12:00", 60, BEFORE);
    assert_eq!(found, ["22:00", "00:00", "01:00", "03:00", "05:00"]);
}
