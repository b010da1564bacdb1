//! Cancelling, for everybody and around the beginning of the lesson.

use chrono::TimeDelta;
use scheduling::lifecycle::{Actor, BookingStatus, CancelRefusal, cancel};

use crate::support::utc;

const EVERYBODY: [Actor; 3] = [Actor::Student, Actor::Tutor, Actor::Admin];

#[test]
fn a_lesson_can_be_cancelled_until_it_begins() {
    let begins = utc("2026-06-01 10:00");
    let just = TimeDelta::nanoseconds(1);
    for actor in EVERYBODY {
        let at = |now| cancel(BookingStatus::Confirmed, actor, begins, now);
        assert_eq!(at(begins - just), Ok(BookingStatus::Cancelled));
        assert_eq!(at(begins), Err(CancelRefusal::AlreadyStarted));
        assert_eq!(at(begins + just), Err(CancelRefusal::AlreadyStarted));
    }
}

#[test]
fn cancelled_is_final_and_is_the_first_thing_to_be_told() {
    let begins = utc("2026-06-01 10:00");
    for actor in EVERYBODY {
        for now in [utc("2026-05-01 10:00"), utc("2026-06-02 10:00")] {
            let result = cancel(BookingStatus::Cancelled, actor, begins, now);
            assert_eq!(result, Err(CancelRefusal::AlreadyCancelled));
        }
    }
}

#[test]
fn reasons_have_stable_names() {
    assert_eq!(CancelRefusal::AlreadyCancelled.code(), "already_cancelled");
    assert_eq!(CancelRefusal::AlreadyStarted.code(), "already_started");
}
