//! Whatever goes wrong on the way to Google, the event ends up as its lesson is, and is one.

use super::{World, patch};
use crate::support::lesson::{FIRST, FOURTH, SECOND, THIRD, assert_starts};
use api::service::lesson_event;
use chrono::TimeDelta;
use google_sandbox::{Failure, Target};
use serde_json::json;

#[tokio::test]
async fn a_lesson_that_is_moved_while_google_fails_is_right_afterwards() {
    let status = |status, reason| Failure::status(Target::Calendar, status, reason);
    for failure in [
        status(500, "backendError"),
        status(429, "rateLimitExceeded"),
        status(403, "quotaExceeded"),
        status(401, "authError"),
        patch(status(412, "conditionNotMet")),
        patch(status(503, "backendError")),
        Failure::lost_answer(Target::Calendar),
        patch(Failure::lost_answer(Target::Calendar)),
    ] {
        let world = World::new().await;
        world.test.google.fail_next(failure.times(u32::MAX));
        world.move_to(SECOND).await;
        world.test.run_jobs().await;
        world.move_to(THIRD).await;
        for _ in 0..6 {
            world.test.pass(TimeDelta::minutes(10));
            world.test.run_jobs().await;
        }
        world.test.google.clear_failures();
        world.test.pass(TimeDelta::hours(2));
        world.test.run_jobs().await;
        world.assert_at(THIRD);
        assert_eq!(world.calendar().await, "current");
        assert_eq!(world.test.events_to_write().await, 0);
    }
}

#[tokio::test]
async fn a_change_whose_answer_was_lost_is_not_made_twice() {
    let world = World::new().await;
    let lost = patch(Failure::lost_answer(Target::Calendar));
    world.test.google.fail_next(lost);
    world.move_to(SECOND).await;
    world.test.run_jobs().await;
    assert_eq!(world.calendar().await, "pending");
    world.test.pass(TimeDelta::seconds(2));
    world.test.run_jobs().await;
    world.assert_at(SECOND);
    assert_eq!(world.calendar().await, "current");
    assert_eq!(world.event()["sequence"], 1);
}

#[tokio::test]
async fn a_change_that_google_carries_out_late_undoes_nothing_newer() {
    // Also when the lesson is back where it was, so that the event seems to be right already.
    for last in [THIRD, FIRST] {
        let world = World::new().await;
        // The first of the tries that one call makes; the others meet a Google that is down.
        let google = &world.test.google;
        google.fail_next(patch(Failure::held(Target::Calendar)));
        let down = patch(Failure::status(Target::Calendar, 503, "backendError"));
        google.fail_next(down.times(2));
        world.move_to(SECOND).await;
        world.test.run_jobs().await;
        world.move_to(last).await;
        world.test.run_jobs().await;
        world.assert_at(last);
        assert_eq!(google.release_held().await, [412]);
        world.assert_at(last);
        assert_eq!(world.calendar().await, "current");
    }
}

#[tokio::test]
async fn what_the_tutor_changes_at_the_same_moment_is_not_lost() {
    let world = World::new().await;
    // The event is read, and then changed before ours arrives: it is refused, and begun anew.
    let changed = patch(Failure::status(Target::Calendar, 412, "conditionNotMet"));
    world.test.google.fail_next(changed);
    world.move_to(SECOND).await;
    world.test.run_jobs().await;
    world.edit(&json!({"description": "Bring the book."}));
    let connection = world.tutor.person.get("/v1/calendar/connection").await;
    assert_eq!(connection.expect(200)["failing_since"], json!(null));
    world.test.pass(TimeDelta::seconds(2));
    world.test.run_jobs().await;
    world.assert_at(SECOND);
    assert_eq!(world.event()["description"], "Bring the book.");
}

#[tokio::test]
async fn a_change_that_is_refused_is_no_fault_of_the_connection_and_tried_again_after_hours() {
    for (status, reason) in [(400, "invalid"), (403, "forbiddenForNonOrganizer")] {
        let world = World::new().await;
        let refused = patch(Failure::status(Target::Calendar, status, reason));
        world.test.google.fail_next(refused);
        world.move_to(SECOND).await;
        world.test.run_jobs().await;
        let connection = world.tutor.person.get("/v1/calendar/connection").await;
        assert_eq!(connection.expect(200)["failing_since"], json!(null));
        world.test.pass(TimeDelta::hours(5));
        world.test.run_jobs().await;
        assert_eq!(world.patches(), 1, "tried again too soon");
        world.test.pass(TimeDelta::hours(4));
        world.test.run_jobs().await;
        world.assert_at(SECOND);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_at_once_leave_the_newest_state() {
    let world = World::new().await;
    for (n, start) in [SECOND, THIRD, FOURTH, FIRST, THIRD]
        .into_iter()
        .enumerate()
    {
        let sync = || {
            let (app, lesson) = (world.test.app.clone(), world.lesson);
            tokio::spawn(async move { lesson_event::sync(&app, lesson).await })
        };
        // One that began before the lesson was moved, and two after, whatever comes of each.
        world.ask_for_sync().await;
        let before = sync();
        world.move_to(start).await;
        let (before, one, two) = tokio::join!(before, sync(), sync());
        for outcome in [before, one, two] {
            outcome.unwrap().unwrap();
        }
        world.test.pass(TimeDelta::seconds(2));
        world.test.run_jobs().await;
        world.assert_at(start);
        assert_eq!(world.calendar().await, "current", "move {n}");
    }
    assert_eq!(world.test.google.all_events(&world.tutor.email).len(), 1);
}

#[tokio::test]
async fn an_event_that_the_tutor_has_deleted_is_made_anew_when_its_lesson_moves() {
    let world = World::new().await;
    let google = &world.test.google;
    google.delete_event(&world.tutor.email, &world.event);
    world.ask_for_sync().await;
    world.test.run_jobs().await;
    assert_starts(&world.test, &world.tutor, &[]);
    world.move_to(SECOND).await;
    world.test.run_jobs().await;
    assert_starts(&world.test, &world.tutor, &[SECOND]);
    assert_eq!(world.calendar().await, "current");
    assert_eq!(world.event()["status"], "cancelled");

    // The new one moves, too.
    world.move_to(THIRD).await;
    world.test.run_jobs().await;
    assert_starts(&world.test, &world.tutor, &[THIRD]);
    assert_eq!(google.all_events(&world.tutor.email).len(), 2);
}

#[tokio::test]
async fn an_event_that_google_denies_for_a_moment_is_not_doubled() {
    for (status, reason) in [(404, "notFound"), (410, "deleted")] {
        let world = World::new().await;
        let denied = Failure::status(Target::Calendar, status, reason);
        world.test.google.fail_next(denied.clone().method("GET"));
        let gone = patch(denied);
        world.move_to(SECOND).await;
        if status == 404 {
            world.test.run_jobs().await;
            world.assert_at(SECOND);
        } else {
            // What is said to be deleted is so: another event takes its place.
            world
                .test
                .google
                .delete_event(&world.tutor.email, &world.event);
            world.test.run_jobs().await;
            assert_starts(&world.test, &world.tutor, &[SECOND]);
        }
        // It may also go between the look and the change: then the next look tells.
        world.test.google.fail_next(gone);
        world.move_to(THIRD).await;
        world.test.run_jobs().await;
        world.test.pass(TimeDelta::seconds(2));
        world.test.run_jobs().await;
        assert_starts(&world.test, &world.tutor, &[THIRD]);
        assert_eq!(world.calendar().await, "current");
    }
}
