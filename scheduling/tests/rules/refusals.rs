//! Refusals by example, with buffers and caps; away from clock changes.

use chrono::TimeDelta;
use chrono::Weekday::{Fri, Mon, Sat, Sun, Thu, Tue, Wed};
use chrono_tz::{Asia, Tz, UTC};
use scheduling::availability::TimeOff;
use scheduling::interval::Span;
use scheduling::slots::OccupiedBy::{CalendarBusy, Hold, Lesson, OwnLesson};
use scheduling::slots::{Occupied, Refusal, alternatives, refusals};

use crate::support::{
    Tutor, busy, codes, date, dates, lesson, local, minutes, occupied, on, rule, span, utc,
};

// 2026-06-01 is a Monday.
const BEFORE: &str = "2026-05-25 00:00";
const NOTHING: [&str; 0] = [];

/// Every day from 08:00 to 20:00.
fn tutor(zone: Tz) -> Tutor {
    let days = [Mon, Tue, Wed, Thu, Fri, Sat, Sun];
    Tutor::with_rules(zone, 30, &days.map(|day| rule(day, "08:00", "20:00")))
}

/// The codes against 10:00 to 11:00 on the Monday.
fn at_ten(tutor: &Tutor) -> Vec<&'static str> {
    tutor.codes("2026-06-01 10:00", "2026-06-01 11:00", BEFORE)
}

#[test]
fn every_reason_is_named_in_order_with_what_stands_in_the_way() {
    let mut tutor = Tutor::with_rules(UTC, 60, &[rule(Mon, "09:00", "13:00")]);
    let at = |by, start: &str, end: &str| {
        let (start, end) = (format!("2026-06-01 {start}"), format!("2026-06-01 {end}"));
        occupied(by, &start, &end)
    };
    let first = at(Lesson, "12:00", "13:00");
    let second = at(OwnLesson, "13:30", "14:30");
    let hold = at(Hold, "13:00", "13:30");
    let calendar = at(CalendarBusy, "12:00", "13:00");
    let near = at(CalendarBusy, "13:50", "14:00");
    let gone = at(Lesson, "09:00", "10:00");
    let all = [second, calendar, first, hold, near, gone];
    let away = span("2026-06-01 12:50", "2026-06-01 12:55");
    let student = span("2026-06-01 13:44", "2026-06-01 15:00");
    tutor = tutor.occupied(&all);
    tutor.calendar_unknown = true;
    tutor.time_off = vec![
        TimeOff::Dates(dates("2026-06-01", "2026-06-02")),
        TimeOff::Span(away),
    ];
    tutor.holidays = vec![dates("2026-06-01", "2026-06-01")];
    tutor.last_date = Some(date("2026-05-31"));
    tutor.student_busy = vec![student];
    tutor.policy.minimum_notice = TimeDelta::days(2);
    tutor.policy.horizon = TimeDelta::days(1);
    tutor.policy.buffer_after = minutes(10);
    tutor.policy.max_lessons_per_day = Some(3);
    tutor.policy.max_lessons_per_week = Some(3);
    tutor.lengths.clear();

    let slot = span("2026-06-01 12:45", "2026-06-01 13:45");
    let reasons = refusals(&tutor.schedule(), slot, utc("2026-05-31 12:00"));
    let of = |occupied: Occupied| occupied.span;
    let conflict = |conflict| Some(conflict);
    let whole_days = |end| conflict(span("2026-06-01 00:00", end));
    let named: Vec<_> = reasons
        .iter()
        .map(|reason| (reason.code(), reason.conflict()))
        .collect();
    assert_eq!(
        named,
        [
            ("outside_availability", None),
            ("time_off", whole_days("2026-06-03 00:00")),
            ("time_off", conflict(away)),
            ("holiday", whole_days("2026-06-02 00:00")),
            ("tutor_ended", None),
            ("lesson", conflict(of(first))),
            ("lesson", conflict(of(second))),
            ("hold", conflict(of(hold))),
            ("calendar_busy", conflict(of(calendar))),
            ("calendar_unknown", None),
            ("buffer", conflict(of(near))),
            ("notice", None),
            ("horizon", None),
            ("daily_cap", None),
            ("weekly_cap", None),
            ("grid", None),
            ("length_not_offered", None),
            ("student_busy", conflict(student)),
        ]
    );
}

#[test]
fn a_calendar_that_nobody_knows_closes_all_hours_and_opens_none() {
    let mut tutor = tutor(UTC).occupied(&[lesson("2026-06-01 10:00", "2026-06-01 11:00")]);
    tutor.calendar_unknown = true;
    assert_eq!(at_ten(&tutor), ["lesson", "calendar_unknown"]);
    let later = tutor.codes("2026-06-02 10:00", "2026-06-02 11:00", BEFORE);
    assert_eq!(later, ["calendar_unknown"]);
    let week = ("2026-06-01 00:00", "2026-06-08 00:00");
    assert_eq!(tutor.starts(week.0, week.1, 60, BEFORE), NOTHING);
    let slot = span("2026-06-02 10:00", "2026-06-02 11:00");
    assert_eq!(alternatives(&tutor.schedule(), slot, utc(BEFORE), 5), []);
}

#[test]
fn an_override_that_closes_the_usual_hours_is_named() {
    let mut tutor = tutor(UTC);
    tutor.overrides = vec![on("2026-06-01", &[local("10:30", "22:00")])];
    assert_eq!(at_ten(&tutor), ["override_closed"]);
    let later = tutor.codes("2026-06-01 21:30", "2026-06-01 22:30", BEFORE);
    assert_eq!(later, ["outside_availability"]);
    let earlier = tutor.codes("2026-06-01 07:30", "2026-06-01 08:30", BEFORE);
    assert_eq!(earlier, ["outside_availability"]);
    tutor.holidays = vec![dates("2026-06-01", "2026-06-01")];
    assert_eq!(at_ten(&tutor), ["override_closed"]);
    tutor.overrides.clear();
    assert_eq!(at_ten(&tutor), ["holiday"]);
}

#[test]
fn a_holiday_next_to_the_slot_is_no_reason() {
    let mut tutor = tutor(UTC);
    tutor.weekly_rules = vec![rule(Mon, "20:00", "04:00")];
    tutor.holidays = vec![dates("2026-06-02", "2026-06-03")];
    let until = |end| tutor.codes("2026-06-01 23:00", end, BEFORE);
    assert_eq!(until("2026-06-02 00:00"), NOTHING);
    assert_eq!(until("2026-06-02 00:30"), ["holiday"]);
    tutor.holidays = vec![dates("2026-05-30", "2026-05-31")];
    let reasons = tutor.codes("2026-06-02 00:00", "2026-06-02 01:00", BEFORE);
    assert_eq!(reasons, NOTHING);
}

#[test]
fn conflicts_of_dates_are_in_the_tutors_zone() {
    let mut tutor = tutor(Asia::Kolkata);
    let days = dates("2026-06-01", "2026-06-02");
    tutor.time_off = vec![TimeOff::Dates(days)];
    tutor.holidays = vec![days];
    let slot = span("2026-06-01 10:00", "2026-06-01 11:00");
    let reasons = refusals(&tutor.schedule(), slot, utc(BEFORE));
    let conflict = span("2026-05-31 18:30", "2026-06-02 18:30");
    let expected = [Refusal::TimeOff { conflict }, Refusal::Holiday { conflict }];
    assert_eq!(reasons, expected);
}

/// The codes against 10:00 to 11:00, with buffers, and something from `start` to `end`.
fn near(by: scheduling::slots::OccupiedBy, buffers: (i64, i64), times: &str) -> Vec<&'static str> {
    let (start, end) = times.split_once('-').expect("two times");
    let (start, end) = (format!("2026-06-01 {start}"), format!("2026-06-01 {end}"));
    let mut tutor = tutor(UTC).occupied(&[occupied(by, &start, &end)]);
    tutor.policy.buffer_before = minutes(buffers.0);
    tutor.policy.buffer_after = minutes(buffers.1);
    let reasons = at_ten(&tutor);
    let offered = tutor.starts("2026-06-01 10:00", "2026-06-01 10:01", 60, BEFORE);
    assert_eq!(offered.is_empty(), !reasons.is_empty(), "{times}");
    reasons
}

#[test]
fn between_lessons_the_longer_buffer_is_kept_once() {
    for by in [Lesson, OwnLesson, Hold] {
        for buffers in [(10, 20), (20, 10), (20, 20), (-5, 20)] {
            assert_eq!(near(by, buffers, "09:00-09:40"), NOTHING);
            assert_eq!(near(by, buffers, "09:00-09:41"), ["buffer"]);
            assert_eq!(near(by, buffers, "09:00-10:00"), ["buffer"]);
            assert_eq!(near(by, buffers, "11:20-12:00"), NOTHING);
            assert_eq!(near(by, buffers, "11:19-12:00"), ["buffer"]);
            assert_eq!(near(by, buffers, "11:00-12:00"), ["buffer"]);
        }
        assert_eq!(near(by, (-5, -5), "11:00-12:00"), NOTHING);
        assert_eq!(near(by, (0, 0), "09:00-10:00"), NOTHING);
    }
    assert_eq!(near(Lesson, (9, 9), "10:59-12:00"), ["lesson"]);
    assert_eq!(near(OwnLesson, (9, 9), "09:00-10:01"), ["lesson"]);
    assert_eq!(near(Hold, (9, 9), "10:30-10:40"), ["hold"]);
}

#[test]
fn to_the_calendar_each_side_has_its_own_buffer() {
    let near = |times| near(CalendarBusy, (10, 20), times);
    assert_eq!(near("09:00-09:50"), NOTHING);
    assert_eq!(near("09:00-09:51"), ["buffer"]);
    assert_eq!(near("11:20-12:00"), NOTHING);
    assert_eq!(near("11:19-12:00"), ["buffer"]);
    assert_eq!(near("10:59-12:00"), ["calendar_busy"]);
}

#[test]
fn no_buffer_is_kept_to_the_student_or_to_the_limits_of_hours() {
    let mut tutor = tutor(UTC);
    tutor.policy.buffer_before = minutes(60);
    tutor.policy.buffer_after = minutes(60);
    tutor.student_busy = vec![
        span("2026-06-01 09:00", "2026-06-01 10:00"),
        span("2026-06-01 11:00", "2026-06-01 12:00"),
    ];
    tutor.weekly_rules = vec![rule(Mon, "10:00", "11:00")];
    assert_eq!(at_ten(&tutor), NOTHING);
    assert_eq!(
        tutor.starts("2026-06-01 00:00", "2026-06-02 00:00", 60, BEFORE),
        ["10:00"]
    );
    tutor.student_busy.truncate(1);
    tutor
        .student_busy
        .push(span("2026-06-01 10:59", "2026-06-01 12:00"));
    assert_eq!(at_ten(&tutor), ["student_busy"]);
}

#[test]
fn caps_count_lessons_and_holds_by_their_local_date() {
    let all = [
        lesson("2026-06-01 12:00", "2026-06-01 13:00"),
        occupied(Hold, "2026-06-01 13:00", "2026-06-01 14:00"),
        occupied(OwnLesson, "2026-06-01 14:00", "2026-06-01 15:00"),
        busy("2026-06-01 15:00", "2026-06-01 16:00"),
        // Begins the day before.
        lesson("2026-05-31 23:30", "2026-06-01 00:30"),
    ];
    let mut tutor = tutor(UTC).occupied(&all);
    let with_cap = |tutor: &mut Tutor, cap| {
        tutor.policy.max_lessons_per_day = Some(cap);
        let reasons = at_ten(tutor);
        let found = tutor.starts("2026-06-01 10:00", "2026-06-01 10:01", 60, BEFORE);
        assert_eq!(found.is_empty(), !reasons.is_empty());
        reasons
    };
    assert_eq!(with_cap(&mut tutor, 3), NOTHING);
    assert_eq!(with_cap(&mut tutor, 2), ["daily_cap"]);
    assert_eq!(with_cap(&mut tutor, 0), ["daily_cap"]);
    // In Kolkata, 23:30 UTC on the 31st is the 1st already.
    tutor.zone = Asia::Kolkata;
    assert_eq!(with_cap(&mut tutor, 3), ["daily_cap"]);
    assert_eq!(with_cap(&mut tutor, 4), NOTHING);
}

#[test]
fn a_day_that_is_full_leaves_the_next_one() {
    let all = [lesson("2026-06-01 12:00", "2026-06-01 13:00")];
    let mut tutor = tutor(UTC).occupied(&all);
    tutor.policy.max_lessons_per_day = Some(1);
    let found = tutor.starts("2026-05-31 18:00", "2026-06-02 10:00", 120, BEFORE);
    assert_eq!(found, ["18:00", "08:00", "08:30", "09:00", "09:30"]);
}

#[test]
fn a_week_is_from_monday_to_sunday() {
    let all = [
        lesson("2026-06-01 08:00", "2026-06-01 09:00"),
        lesson("2026-06-07 19:00", "2026-06-07 20:00"),
    ];
    let mut tutor = tutor(UTC).occupied(&all);
    tutor.policy.max_lessons_per_week = Some(2);
    let at = |tutor: &Tutor, day: &str| {
        let (start, end) = (format!("{day} 10:00"), format!("{day} 11:00"));
        let reasons = tutor.codes(&start, &end, BEFORE);
        let found = tutor.starts(&start, &end, 60, BEFORE);
        assert_eq!(found.is_empty(), !reasons.is_empty(), "{day}");
        reasons
    };
    assert_eq!(at(&tutor, "2026-05-31"), NOTHING);
    assert_eq!(at(&tutor, "2026-06-01"), ["weekly_cap"]);
    assert_eq!(at(&tutor, "2026-06-07"), ["weekly_cap"]);
    assert_eq!(at(&tutor, "2026-06-08"), NOTHING);
    tutor.policy.max_lessons_per_week = Some(3);
    assert_eq!(at(&tutor, "2026-06-04"), NOTHING);
    tutor.policy.max_lessons_per_week = Some(0);
    assert_eq!(at(&tutor, "2026-06-08"), ["weekly_cap"]);
    // The last days of December may be in the first week of the next year.
    let new_year = [lesson("2027-01-03 10:00", "2027-01-03 11:00")];
    let mut tutor = tutor.occupied(&new_year);
    tutor.policy.max_lessons_per_week = Some(1);
    assert_eq!(at(&tutor, "2026-12-28"), ["weekly_cap"]);
    assert_eq!(at(&tutor, "2026-12-27"), NOTHING);
    assert_eq!(at(&tutor, "2027-01-04"), NOTHING);
}

#[test]
fn a_slot_may_begin_within_a_second() {
    let tutor = tutor(UTC);
    let start = utc("2026-06-01 10:00") + TimeDelta::milliseconds(250);
    let slot = Span::lasting(start, minutes(60)).expect("a span");
    let reasons = refusals(&tutor.schedule(), slot, utc(BEFORE));
    assert_eq!(codes(&reasons), ["grid"]);
}
