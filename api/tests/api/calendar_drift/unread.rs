//! What can't be read is neither deleted nor anywhere.

use super::World;
use crate::support::lesson::FIRST;
use chrono::TimeDelta;
use google_sandbox::{Consent, Failure, Target};
use serde_json::json;

fn reading(status: u16, reason: &str) -> Failure {
    Failure::status(Target::Calendar, status, reason).method("GET")
}

/// Whatever Google answers in the place of the event, for an hour, nothing is done; and what was there before stands after.
#[tokio::test]
async fn an_event_that_can_not_be_read_is_not_deleted() {
    let down: Vec<Failure> = [
        (500, "backendError"),
        (503, "backendError"),
        (429, "rateLimitExceeded"),
        (403, "quotaExceeded"),
        (403, "forbidden"),
        (403, "insufficientPermissions"),
        (401, "authError"),
        (400, "badRequest"),
        // Of the whole calendar: it can't be told from one that is gone.
        (404, "notFound"),
        (410, "deleted"),
    ]
    .map(|(status, reason)| reading(status, reason).times(u32::MAX))
    .into();
    // For a moment.
    let denied = [reading(404, "notFound"), reading(410, "deleted")];
    for failure in down.into_iter().chain(denied) {
        let world = World::new().await;
        world.test.google.fail_next(failure.clone());
        for _ in 0..4 {
            world.look_again().await;
            world.after(TimeDelta::minutes(20)).await;
        }
        world.test.google.clear_failures();
        world.after(TimeDelta::hours(7)).await;
        world.assert_at(FIRST).await;
        assert_eq!(world.told().await, [""; 0], "{failure:?}");
    }
}

/// A calendar of the tutor's that can't be read may be the one that it is in now.
#[tokio::test]
async fn an_event_that_may_be_elsewhere_is_not_deleted() {
    let world = World::new().await;
    let google = &world.test.google;
    let family = google.add_calendar(&world.tutor.email, "Family");
    world.after(TimeDelta::hours(1)).await;
    let no_list = reading(403, "insufficientPermissions").path("/calendarList");
    let no_other = reading(403, "insufficientPermissions").path(&family[..20]);
    world.delete();
    for failure in [no_list, no_other] {
        google.fail_next(failure.times(u32::MAX));
        for _ in 0..4 {
            world.look_again().await;
            world.after(TimeDelta::minutes(20)).await;
        }
        google.clear_failures();
        assert_eq!(world.booking().await["status"], "confirmed");
        assert_eq!(world.told().await, [""; 0]);
    }
    world.look_again().await;
    assert_eq!(world.told().await, ["deleted pending"]);
}

#[tokio::test]
async fn a_lesson_is_followed_after_its_calendar_could_not_be_read() {
    let world = World::new().await;
    let google = &world.test.google;
    google.fail_next(reading(404, "notFound").times(u32::MAX));
    world.look_again().await;
    google.clear_failures();
    world.drag(crate::support::lesson::THIRD, 60);
    world.after(TimeDelta::minutes(11)).await;
    world.read_anew().await;
    assert_eq!(world.told().await, ["moved rescheduled"]);
}

#[tokio::test]
async fn a_grant_that_is_dead_deletes_nothing() {
    let world = World::new().await;
    world.test.google.revoke_grants(&world.tutor.email);
    for _ in 0..3 {
        world.look_again().await;
        world.after(TimeDelta::hours(1)).await;
    }
    assert_eq!(world.booking().await["status"], "confirmed");
    assert_eq!(world.told().await, [""; 0]);
}

#[tokio::test]
async fn while_google_is_down_no_lesson_is_cancelled() {
    let world = World::new().await;
    world.delete();
    world.read_anew().await;
    let down = reading(503, "backendError").times(u32::MAX);
    world.test.google.fail_next(down);
    world.after(TimeDelta::hours(1)).await;
    assert_eq!(world.booking().await["status"], "confirmed");
    assert_eq!(world.told().await, ["deleted pending"]);
    world.test.google.clear_failures();
    world.after(TimeDelta::minutes(10)).await;
    assert_eq!(world.booking().await["status"], "cancelled");
    assert_eq!(world.told().await, ["deleted cancelled"]);
}

#[tokio::test]
async fn a_deletion_that_can_not_be_seen_any_more_waits_until_it_can() {
    for is_undone in [false, true] {
        let mut world = World::new().await;
        world.delete();
        world.read_anew().await;
        world.test.google.revoke_grants(&world.tutor.email);
        world.after(TimeDelta::hours(1)).await;
        assert_eq!(world.booking().await["status"], "confirmed");
        assert_eq!(world.told().await, ["deleted pending"]);
        if is_undone {
            world.edit(&json!({"status": "confirmed"}));
        }
        let account = world.tutor.email.clone();
        let tutor = &mut world.tutor.person;
        let connected = tutor.connect_calendar(&account, Consent::All).await;
        connected.expect(303);
        world.test.run_jobs().await;
        let (status, told) = if is_undone {
            ("confirmed", "deleted undone")
        } else {
            ("cancelled", "deleted cancelled")
        };
        assert_eq!(world.booking().await["status"], status);
        assert_eq!(world.told().await, [told]);
    }
}

#[tokio::test]
async fn an_event_that_does_not_say_what_we_wrote_is_left_alone() {
    let world = World::new().await;
    let marks = json!({"extendedProperties": {"private": {"tutoringSchedulerRevision": "99"}}});
    world.edit(&marks);
    world.drag(crate::support::lesson::THIRD, 60);
    world.read_anew().await;
    world.look_again().await;
    let booking = world.booking().await;
    assert_eq!(booking["status"], "confirmed");
    assert_eq!(world.told().await, [""; 0]);
}
