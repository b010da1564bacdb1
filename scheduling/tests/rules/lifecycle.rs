//! The life of a booking: each rule at its edges, what no rule allows, and the table in docs/lifecycle.md.

use crate::support::utc;
use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use scheduling::lifecycle::{
    Actor, BookingStatus, RULES, Refusal, Rule, Standing, Step, When, take, take_as,
};
use std::{collections::HashSet, fmt::Write as _, fs, path::Path};

const ACTORS: [Actor; 5] = [
    Actor::Student,
    Actor::Tutor,
    Actor::Admin,
    Actor::App,
    Actor::Clock,
];

const STEPS: [Step; 17] = [
    Step::Hold,
    Step::Request,
    Step::Confirm,
    Step::Decline,
    Step::Expire,
    Step::Reschedule,
    Step::ProposeTime,
    Step::ApproveTime,
    Step::DeclineTime,
    Step::WithdrawTime,
    Step::ExpireTime,
    Step::Cancel,
    Step::CallOff,
    Step::TakeBack,
    Step::Complete,
    Step::RecordAttendance,
    Step::RecordNoShow,
];

const JUST: TimeDelta = TimeDelta::nanoseconds(1);

/// A booking of a lesson from 10:00 to 11:00 that is held or requested until 09:00, or for which another time is proposed
/// until 08:00.
fn standing(status: Option<BookingStatus>) -> Standing {
    Standing {
        status,
        starts_at: utc("2026-06-01 10:00"),
        ends_at: utc("2026-06-01 11:00"),
        expires_at: matches!(status, Some(BookingStatus::Held | BookingStatus::Requested))
            .then(|| utc("2026-06-01 09:00")),
        proposal_expires_at: (status == Some(BookingStatus::Confirmed))
            .then(|| utc("2026-06-01 08:00")),
        attendance_window: TimeDelta::days(7),
    }
}

/// The first moment when a rule holds and the last one, if there are such.
fn edges(rule: &Rule) -> (Option<DateTime<Utc>>, Option<DateTime<Utc>>) {
    let booking = standing(rule.from);
    let expiry = booking.expires_at.unwrap_or(booking.starts_at);
    let proposal_expiry = booking.proposal_expires_at.unwrap_or(booking.starts_at);
    match rule.when {
        When::WhileProposed => (None, Some(proposal_expiry - JUST)),
        When::AfterProposal => (Some(proposal_expiry), None),
        When::BeforeStart => (None, Some(booking.starts_at - JUST)),
        When::BeforeExpiry => (None, Some(expiry - JUST)),
        When::AfterExpiry => (Some(expiry), None),
        When::AfterStart => (Some(booking.starts_at), None),
        When::AfterEnd => (Some(booking.ends_at), None),
        When::WithinAttendanceWindow => (
            Some(booking.starts_at),
            Some(booking.ends_at + booking.attendance_window),
        ),
    }
}

#[test]
fn each_rule_holds_from_its_first_moment_to_its_last() {
    for rule in RULES {
        let (first, last) = edges(&rule);
        for actor in rule.by {
            let at = |now| take(&standing(rule.from), rule.step, *actor, now);
            if let Some(first) = first {
                assert_eq!(at(first), Ok(rule.to), "{rule:?}");
                assert!(at(first - JUST).is_err(), "{rule:?}");
            }
            if let Some(last) = last {
                assert_eq!(at(last), Ok(rule.to), "{rule:?}");
                assert!(at(last + JUST).is_err(), "{rule:?}");
            }
        }
    }
}

#[test]
fn what_is_requested_expires_when_the_lesson_begins_at_the_latest() {
    let booking = Standing {
        expires_at: Some(utc("2026-06-01 12:00")),
        ..standing(Some(BookingStatus::Requested))
    };
    let confirm = |now| take(&booking, Step::Confirm, Actor::Tutor, now);
    assert!(confirm(booking.starts_at - JUST).is_ok());
    assert_eq!(confirm(booking.starts_at), Err(Refusal::Expired));
    let expire = take(&booking, Step::Expire, Actor::Clock, booking.starts_at);
    assert_eq!(expire, Ok(BookingStatus::Expired));
}

#[test]
fn without_a_proposal_there_is_nothing_to_answer_and_it_ends_when_the_lesson_begins_at_the_latest()
{
    let confirmed = standing(Some(BookingStatus::Confirmed));
    let proposed_until = |proposal_expires_at| Standing {
        proposal_expires_at,
        ..confirmed
    };
    let answers = [
        (Step::ApproveTime, Actor::Tutor),
        (Step::DeclineTime, Actor::Admin),
        (Step::WithdrawTime, Actor::Student),
    ];
    for (step, actor) in answers {
        let answer = |until, now| take(&proposed_until(until), step, actor, now);
        let early = utc("2026-06-01 07:00");
        assert_eq!(answer(None, early), Err(Refusal::NothingProposed));
        let long_after = Some(utc("2026-06-01 12:00"));
        assert!(answer(long_after, confirmed.starts_at - JUST).is_ok());
        let begun = answer(long_after, confirmed.starts_at);
        assert_eq!(begun, Err(Refusal::NothingProposed));
    }
}

#[test]
fn no_two_rules_say_different_things_of_the_same() {
    let mut seen = HashSet::new();
    for rule in RULES {
        for actor in rule.by {
            assert!(seen.insert((rule.from, rule.step, *actor)), "{rule:?}");
        }
    }
}

#[test]
fn every_status_is_reached_and_what_does_not_occupy_is_final() {
    for status in BookingStatus::ALL {
        assert!(RULES.iter().any(|rule| rule.to == status), "{status:?}");
        let goes_on = RULES.iter().any(|rule| rule.from == Some(status));
        assert_eq!(goes_on, status.occupies(), "{status:?}");
    }
}

#[test]
fn what_is_in_the_way_is_named() {
    use BookingStatus::{Cancelled, Confirmed, Held, Requested};
    let now = utc("2026-06-01 08:00");
    let refused = |status, step, actor, now| {
        let taken = take(&standing(Some(status)), step, actor, now);
        taken.err().map(Refusal::code)
    };
    for (refusal, code) in [
        (
            refused(Cancelled, Step::Cancel, Actor::Admin, now),
            "already_cancelled",
        ),
        (
            refused(Requested, Step::Confirm, Actor::Student, now),
            "not_yours_to_decide",
        ),
        (
            refused(Held, Step::Confirm, Actor::Student, utc("2026-06-01 09:00")),
            "expired",
        ),
        (
            refused(Held, Step::Expire, Actor::Clock, now),
            "not_expired",
        ),
        (
            refused(
                Confirmed,
                Step::Cancel,
                Actor::Student,
                utc("2026-06-01 10:00"),
            ),
            "already_started",
        ),
        (
            refused(Confirmed, Step::RecordNoShow, Actor::Tutor, now),
            "not_started",
        ),
        (
            refused(
                Confirmed,
                Step::Complete,
                Actor::Clock,
                utc("2026-06-01 10:59"),
            ),
            "not_ended",
        ),
        (
            refused(
                Confirmed,
                Step::RecordNoShow,
                Actor::Tutor,
                utc("2026-06-08 11:01"),
            ),
            "attendance_window_over",
        ),
    ] {
        assert_eq!(refusal, Some(code));
    }
}

proptest! {
    /// Nothing happens but by the table.
    #[test]
    fn a_step_is_taken_exactly_if_a_rule_says_so(
        status in prop::option::of(prop::sample::select(&BookingStatus::ALL[..])),
        step in prop::sample::select(&STEPS[..]),
        actor in prop::sample::select(&ACTORS[..]),
        minutes in -1000_i64..20_000,
    ) {
        let booking = standing(status);
        let now = booking.starts_at + TimeDelta::minutes(minutes);
        let allowed = RULES.iter().find(|rule| {
            let (first, last) = edges(rule);
            rule.from == status && rule.step == step && rule.by.contains(&actor)
                && first.is_none_or(|first| first <= now) && last.is_none_or(|last| now <= last)
        });
        prop_assert_eq!(take(&booking, step, actor, now).ok(), allowed.map(|rule| rule.to));
    }
}

#[test]
fn who_is_several_acts_as_the_one_who_may() {
    use Actor::{Admin, Student, Tutor};
    let begun = utc("2026-06-01 10:30");
    let long_ago = utc("2026-06-10 10:30");
    let taken = |actors: &[Actor], now| {
        let standing = standing(Some(BookingStatus::Confirmed));
        take_as(&standing, Step::RecordNoShow, actors, now)
    };
    assert_eq!(taken(&[Student], begun), Err(Refusal::Actor));
    assert_eq!(taken(&[Student, Tutor], begun), Ok(BookingStatus::NoShow));
    assert_eq!(taken(&[Student, Tutor], long_ago), Err(Refusal::TooLate));
    assert_eq!(taken(&[Tutor, Admin], long_ago), Ok(BookingStatus::NoShow));
    assert_eq!(taken(&[], begun), Err(Refusal::Actor));
}

/// `RecordNoShow` as `record no show`.
fn words(name: impl std::fmt::Debug) -> String {
    let mut words = String::new();
    for c in format!("{name:?}").chars() {
        if c.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(c.to_lowercase());
    }
    words
}

fn table() -> String {
    let mut text = String::from(
        "# The life of a booking\n\n\
         Every step that may be taken, as `scheduling/src/lifecycle.rs` has them and the server asks; generated by \
         its test.\nThe student is also a guardian in the student's name; the app is one of a third party; the clock is \
         nobody.\n\
         To propose a time is what rescheduling is to a student, or an app, of a confirmed lesson with a tutor who wants \
         to be asked: the\nlesson stays, and the other time is set aside, until the tutor has answered. Whatever moves \
         the lesson, ends it or hands it to another\ntutor ends the proposal as well. Lessons of a series are proposed \
         one by one; a seat in a group lesson is not moved at all.\n\n\
         | before | step | by | when | after |\n| --- | --- | --- | --- | --- |\n",
    );
    for rule in RULES {
        let from = rule
            .from
            .map_or("none".to_owned(), |from| format!("`{}`", from.name()));
        let by: Vec<String> = rule.by.iter().map(words).collect();
        let (step, when, to) = (words(rule.step), words(rule.when), rule.to.name());
        let by = by.join(", ");
        writeln!(text, "| {from} | {step} | {by} | {when} | `{to}` |").expect("a String takes all");
    }
    text
}

#[test]
fn the_table_in_the_docs_is_this_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/lifecycle.md");
    if std::env::var_os("WRITE_DOCS").is_some() {
        fs::write(&path, table()).expect("docs/ can be written");
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == table(),
        "WRITE_DOCS=1 cargo test -p scheduling --test rules lifecycle"
    );
}
