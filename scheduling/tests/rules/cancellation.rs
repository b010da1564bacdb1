//! What cancelling means: by example, and for any policy that there can be.

use crate::support::utc;
use chrono::{DateTime, TimeDelta, Utc};
use proptest::{prelude::*, sample::subsequence};
use scheduling::{
    cancellation::{
        Booking,
        Consequence::{self, Charged, Credit, Free},
        Outcome, Policy, Quote, Window, quote,
    },
    lifecycle::Actor,
};

fn window(minutes: i64, consequence: Consequence) -> Window {
    Window {
        until: TimeDelta::minutes(minutes),
        consequence,
    }
}

/// Free until a day before, credit until two hours before.
fn usual() -> Policy {
    let windows = vec![window(24 * 60, Free), window(120, Credit)];
    Policy::new(windows, TimeDelta::zero()).expect("windows in order")
}

/// An hour from 10:00 on, booked a month before.
fn booking(paid: Option<i32>) -> Booking {
    Booking {
        starts_at: utc("2026-06-10 10:00"),
        booked_at: utc("2026-05-10 10:00"),
        moved_at: None,
        tutor_absent: false,
        minutes: 60,
        paid,
    }
}

/// Of [`booking`], if credit did not pay for it.
fn outcome(consequence: Consequence, credit_minutes: i32) -> Outcome {
    Outcome {
        consequence,
        credit_minutes,
        charged_minutes: if consequence == Free { 0 } else { 60 },
    }
}

#[test]
fn each_window_ends_at_its_second() {
    let second = TimeDelta::seconds(1);
    let (day_before, hours_before) = (utc("2026-06-09 10:00"), utc("2026-06-10 08:00"));
    let by_student = |now| quote(&usual(), Actor::Student, &booking(None), now);
    let free = Quote {
        outcome: outcome(Free, 0),
        change: Some((day_before, outcome(Credit, 60))),
    };
    assert_eq!(by_student(utc("2026-06-01 10:00")), free);
    assert_eq!(by_student(day_before - second), free);
    let credit = Quote {
        outcome: outcome(Credit, 60),
        change: Some((hours_before, outcome(Charged, 0))),
    };
    assert_eq!(by_student(day_before), credit);
    assert_eq!(by_student(hours_before - second), credit);
    let charged = Quote {
        outcome: outcome(Charged, 0),
        change: None,
    };
    assert_eq!(by_student(hours_before), charged);
    assert_eq!(by_student(utc("2026-06-10 10:00") - second), charged);
}

#[test]
fn credit_that_paid_comes_back_unless_the_lesson_counts_as_taken() {
    let paid = booking(Some(45));
    for (now, minutes) in [
        ("2026-06-01 10:00", 45),
        ("2026-06-09 12:00", 45),
        ("2026-06-10 09:00", 0),
    ] {
        let quote = quote(&usual(), Actor::Student, &paid, utc(now));
        assert_eq!(quote.outcome.credit_minutes, minutes, "{now}");
    }
}

#[test]
fn whoever_else_cancels_the_student_bears_no_consequence() {
    for by in [Actor::Tutor, Actor::Admin, Actor::Clock] {
        for (paid, minutes) in [(None, 0), (Some(60), 60)] {
            let late = quote(&usual(), by, &booking(paid), utc("2026-06-10 09:59"));
            assert_eq!(late.outcome, outcome(Free, minutes));
            assert_eq!(late.change, None);
        }
    }
}

#[test]
fn where_nothing_is_said_it_is_free_until_the_lesson_begins() {
    let last = utc("2026-06-10 10:00") - TimeDelta::seconds(1);
    let quote = quote(&Policy::default(), Actor::Student, &booking(None), last);
    assert_eq!(quote.outcome.consequence, Free);
    assert_eq!(quote.change, None);
}

#[test]
fn who_has_only_just_booked_may_think_again() {
    let windows = vec![window(24 * 60, Free)];
    let policy = Policy::new(windows, TimeDelta::minutes(15)).expect("windows in order");
    let late = Booking {
        booked_at: utc("2026-06-10 09:00"),
        ..booking(None)
    };
    let at = |now| quote(&policy, Actor::Student, &late, utc(now));
    assert_eq!(
        at("2026-06-10 09:14"),
        Quote {
            outcome: outcome(Free, 0),
            change: Some((utc("2026-06-10 09:15"), outcome(Charged, 0))),
        }
    );
    assert_eq!(at("2026-06-10 09:15").outcome.consequence, Charged);
    // What was booked long ago changes when its window ends.
    let early = quote(
        &policy,
        Actor::Student,
        &booking(None),
        utc("2026-05-10 10:01"),
    );
    let changes_at = early.change.map(|(at, _)| at);
    assert_eq!(changes_at, Some(utc("2026-06-09 10:00")));
}

#[test]
fn who_was_moved_by_somebody_else_has_a_day_to_cancel_freely_and_the_quote_says_so() {
    let moved = Booking {
        moved_at: Some(utc("2026-06-09 09:30")),
        ..booking(None)
    };
    let at = |now| quote(&usual(), Actor::Student, &moved, utc(now));
    let hour_before = outcome(Charged, 0);
    assert_eq!(
        at("2026-06-09 12:00"),
        Quote {
            outcome: outcome(Free, 0),
            change: Some((utc("2026-06-10 09:30"), hour_before)),
        }
    );
    assert_eq!(at("2026-06-10 09:30").outcome, hour_before);
    let shortly = Booking {
        moved_at: Some(utc("2026-06-10 09:00")),
        ..booking(None)
    };
    let quote = quote(&usual(), Actor::Student, &shortly, utc("2026-06-10 09:59"));
    assert_eq!((quote.outcome, quote.change), (outcome(Free, 0), None));
}

#[test]
fn windows_that_are_out_of_order_are_no_policy() {
    let minute = TimeDelta::minutes(1);
    for windows in [
        vec![window(10, Free), window(10, Credit)],
        vec![window(10, Free), window(20, Credit)],
        vec![window(20, Credit), window(10, Free)],
        vec![window(20, Free), window(10, Free)],
        vec![window(-1, Free)],
    ] {
        assert_eq!(Policy::new(windows.clone(), minute), None, "{windows:?}");
    }
    assert_eq!(Policy::new(Vec::new(), -minute), None);
    assert!(Policy::new(Vec::new(), minute).is_some());
}

fn policies() -> impl Strategy<Value = Policy> {
    let consequences = subsequence(Consequence::ALL.to_vec(), 0..=3);
    let lengths = prop::collection::btree_set(0..5000_i64, 3);
    (consequences, lengths, 0..3000_i64).prop_map(|(consequences, lengths, grace)| {
        let windows = std::iter::zip(lengths.into_iter().rev(), consequences);
        let windows = windows.map(|(minutes, consequence)| window(minutes, consequence));
        Policy::new(windows.collect(), TimeDelta::minutes(grace)).expect("windows in order")
    })
}

/// Bookings that were made at most so many seconds before the lesson.
fn bookings() -> impl Strategy<Value = Booking> {
    let paid = prop::option::of(1..=480);
    let moved = prop::option::of(1..400_000_i64);
    let bookings = (1..400_000_i64, moved, any::<bool>(), 1..=480, paid);
    bookings.prop_map(|(before, moved, tutor_absent, minutes, paid)| Booking {
        booked_at: booking(None).starts_at - TimeDelta::seconds(before),
        moved_at: moved.map(|it| booking(None).starts_at - TimeDelta::seconds(it.min(before))),
        tutor_absent,
        minutes,
        paid,
        ..booking(None)
    })
}

proptest! {
    #[test]
    fn it_never_becomes_more_lenient_and_changes_exactly_when_it_was_said_to(
        policy in policies(), booking in bookings(), seconds in 1..400_000_i64,
    ) {
        let at = |now: DateTime<Utc>| quote(&policy, Actor::Student, &booking, now);
        // Before that it was another lesson.
        let since = booking.moved_at.unwrap_or(booking.booked_at);
        let now = (booking.starts_at - TimeDelta::seconds(seconds)).max(since);
        let present = at(now);
        let second = TimeDelta::seconds(1);
        let until = present.change.map_or(booking.starts_at, |(at, _)| at);
        // Up to the last second before the change nothing is different.
        for then in [now, now + (until - now) / 2, until - second, until - TimeDelta::nanoseconds(1)] {
            prop_assert_eq!(at(then.max(now)), present);
        }
        if let Some((changes_at, outcome)) = present.change {
            prop_assert!(now < changes_at && changes_at < booking.starts_at);
            prop_assert_eq!(at(changes_at).outcome, outcome);
            prop_assert!(outcome.consequence > present.outcome.consequence);
        }
    }

    #[test]
    fn an_absent_tutor_makes_it_credit_at_worst_and_nothing_else(policy in policies(), booking in bookings(), seconds in 1..400_000_i64) {
        let now = booking.starts_at - TimeDelta::seconds(seconds);
        let consequence = |tutor_absent| {
            let booking = Booking { tutor_absent, ..booking };
            quote(&policy, Actor::Student, &booking, now).outcome.consequence
        };
        prop_assert_eq!(consequence(true), consequence(false).min(Credit));
    }

    #[test]
    fn nothing_is_given_that_was_not_paid_or_missed(policy in policies(), booking in bookings(), seconds in 1..400_000_i64) {
        let now = booking.starts_at - TimeDelta::seconds(seconds);
        let Outcome { consequence, credit_minutes, charged_minutes } = quote(&policy, Actor::Student, &booking, now).outcome;
        prop_assert!((0..=480).contains(&credit_minutes));
        prop_assert!(consequence != Charged || credit_minutes == 0);
        // Credit is what credit paid, or what is charged for: nobody gains any by booking and cancelling.
        prop_assert!(credit_minutes <= booking.paid.unwrap_or(charged_minutes));
        prop_assert!(charged_minutes == 0 || booking.paid.is_none());
        prop_assert_eq!(charged_minutes > 0, consequence != Free && booking.paid.is_none());
    }
}
