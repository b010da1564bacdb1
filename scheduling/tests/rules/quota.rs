//! Quotas: at their edges, and weeks and terms by the clock of a zone.

use crate::support::utc;
use chrono::{NaiveDate, TimeDelta};
use scheduling::{
    Tz,
    quota::{Exceeded, Limits, Quota, Used, days, exceeded, week},
};

const USED: Used = Used {
    active_bookings: 2,
    weekly_minutes: 120,
    term_minutes: 600,
};

#[test]
fn what_fits_exactly_is_not_too_much() {
    let limits = |active_bookings, weekly_minutes, term_minutes| Limits {
        active_bookings,
        weekly_minutes,
        term_minutes,
    };
    assert_eq!(exceeded(&Limits::default(), &USED, 10_000), None);
    let exact = limits(Some(3), Some(180), Some(660));
    assert_eq!(exceeded(&exact, &USED, 60), None);
    for (limits, quota, limit, used) in [
        (limits(Some(2), None, None), Quota::ActiveBookings, 2, 2),
        (
            limits(None, Some(179), None),
            Quota::WeeklyMinutes,
            179,
            120,
        ),
        (limits(None, None, Some(659)), Quota::TermMinutes, 659, 600),
        (
            limits(Some(9), Some(0), Some(0)),
            Quota::WeeklyMinutes,
            0,
            120,
        ),
    ] {
        let expected = Exceeded { quota, limit, used };
        assert_eq!(exceeded(&limits, &USED, 60), Some(expected));
    }
}

#[test]
fn a_week_begins_on_monday_by_the_clock_of_the_zone() {
    let span = week(utc("2026-03-29 20:00"), Tz::Europe__Berlin).expect("a week");
    // Clocks go forward on that Sunday, so the week is an hour shorter.
    assert_eq!(span.start(), utc("2026-03-22 23:00"));
    assert_eq!(span.end(), utc("2026-03-29 22:00"));
    let next = week(utc("2026-03-29 22:00"), Tz::Europe__Berlin).expect("a week");
    assert_eq!(next.start(), span.end());
    assert_eq!(next.duration(), TimeDelta::days(7));
}

#[test]
fn a_day_whose_midnight_is_skipped_begins_when_clocks_show_it() {
    let date = NaiveDate::from_ymd_opt(2026, 4, 24).expect("a date");
    // In Egypt clocks go from midnight to one.
    let span = days(date, date, Tz::Africa__Cairo).expect("a day");
    assert_eq!(span.start(), utc("2026-04-23 22:00"));
    assert_eq!(span.duration(), TimeDelta::hours(23));
}
