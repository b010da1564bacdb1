//! The tutor deletes the event of a lesson.

use super::{World, drifts, undo};
use crate::support::{
    at,
    lesson::{FIRST, SECOND, assert_starts},
};
use api::service::booking;
use chrono::TimeDelta;
use google_sandbox::{Failure, Target};
use serde_json::{Value, json};

/// What the tutor sees of the one deletion.
async fn deletion(world: &World) -> Value {
    let drifts = drifts(&world.tutor.person, "").await;
    let [drift] = &drifts[..] else {
        panic!("{drifts:#?}")
    };
    assert_eq!(drift["kind"], "deleted");
    drift.clone()
}

#[tokio::test]
async fn a_lesson_is_cancelled_an_hour_after_its_event_was_deleted() {
    let world = World::new().await;
    world.charge().await;
    world.delete();
    world.read_anew().await;
    let found = deletion(&world).await;
    assert_eq!(found["status"], "pending");
    let cancels_at = at(found["cancels_at"].as_str().unwrap());
    assert_eq!(cancels_at, world.test.now() + TimeDelta::hours(1));
    assert!(found["resolved_at"].is_null());
    world.look_again().await;
    world.after(TimeDelta::minutes(59)).await;
    assert_eq!(world.booking().await["status"], "confirmed");

    world.read_anew().await;
    let booking = world.booking().await;
    assert_eq!(booking["status"], "cancelled");
    assert_eq!(booking["cancellation_reason"], "event_deleted");
    assert_eq!(
        booking["cancellation"]["consequence"], "free",
        "{booking:#}"
    );
    assert_eq!(deletion(&world).await["status"], "cancelled");
    assert_starts(&world.test, &world.tutor, &[]);
    for _ in 0..2 {
        world.look_again().await;
        world.read_anew().await;
    }
    assert_eq!(deletion(&world).await["status"], "cancelled");
    assert_starts(&world.test, &world.tutor, &[]);
    let late = undo(&world.tutor.person, &found).await;
    late.expect_problem(409, "already_decided");
}

#[tokio::test]
async fn who_deleted_it_or_the_centre_undoes_that() {
    for by_admin in [false, true] {
        let world = World::new().await;
        world.delete();
        world.read_anew().await;
        let found = deletion(&world).await;
        let theo = world.centre.tutor(&world.test, "Theo").await;
        for other in [&world.sam, &theo.person] {
            undo(other, &found).await.expect_problem(404, "not_found");
        }
        world.test.pass(TimeDelta::minutes(59));
        let who = if by_admin {
            &world.admin
        } else {
            &world.tutor.person
        };
        let undone = undo(who, &found).await.expect(200);
        assert_eq!(undone["status"], "undone");
        assert_eq!(undo(who, &found).await.expect(200), undone);
        for _ in 0..3 {
            world.after(TimeDelta::hours(1)).await;
        }
        world.assert_at(FIRST).await;
        assert_eq!(deletion(&world).await["status"], "undone");
        // A deleted id stays taken: it is another event.
        assert_eq!(world.test.google.all_events(&world.tutor.email).len(), 2);
    }
}

#[tokio::test]
async fn an_event_that_is_back_in_google_cancels_nothing() {
    let world = World::new().await;
    world.delete();
    world.read_anew().await;
    world.edit(&json!({"status": "confirmed"}));
    world.after(TimeDelta::hours(1)).await;
    world.assert_at(FIRST).await;
    assert_eq!(deletion(&world).await["status"], "undone");
}

#[tokio::test]
async fn what_is_changed_meanwhile_is_not_cancelled() {
    let world = World::new().await;
    world.delete();
    world.read_anew().await;
    let moved = json!({"start": SECOND, "end": at(SECOND) + TimeDelta::hours(1)});
    let path = format!("{}/reschedule", world.booking);
    world.sam.post(&path, &moved).await.expect(200);
    assert_eq!(deletion(&world).await["status"], "superseded");
    world.after(TimeDelta::hours(1)).await;
    world.assert_at(SECOND).await;
    assert_eq!(deletion(&world).await["status"], "superseded");
}

#[tokio::test]
async fn what_is_changed_here_comes_before_what_is_deleted_in_google() {
    let world = World::new().await;
    world.delete();
    let moved = json!({"start": SECOND, "end": at(SECOND) + TimeDelta::hours(1)});
    let path = format!("{}/reschedule", world.booking);
    world.sam.post(&path, &moved).await.expect(200);
    world.read_anew().await;
    world.after(TimeDelta::hours(2)).await;
    world.assert_at(SECOND).await;
    assert_eq!(world.told().await, ["deleted put_back changed_here"]);
}

#[tokio::test]
async fn who_joins_meanwhile_does_not_bring_the_event_back() {
    for is_noticed in [false, true] {
        let (world, _, _) = World::of_group().await;
        world.delete();
        if is_noticed {
            world.read_anew().await;
        }
        let uma = world.test.student("Uma").await;
        let path = format!("/v1/lessons/{}/join", world.lesson);
        let joined = uma.post(&path, &json!({})).await;
        let of_uma = joined.headers["location"].to_str().unwrap().to_owned();
        world.test.run_jobs().await;
        let found = deletion(&world).await;
        assert_eq!(found["status"], "pending");
        assert_starts(&world.test, &world.tutor, &[]);
        if is_noticed {
            undo(&world.tutor.person, &found).await.expect(200);
            world.read_anew().await;
            world.assert_at(FIRST).await;
            let event = &world.test.google.events(&world.tutor.email)[0];
            assert_eq!(event["attendees"].as_array().unwrap().len(), 3);
        } else {
            world.after(TimeDelta::hours(1)).await;
            assert_eq!(uma.get(&of_uma).await.expect(200)["status"], "cancelled");
        }
    }
}

#[tokio::test]
async fn what_has_changed_meanwhile_is_written_to_the_event_that_is_back() {
    let (world, _, _) = World::of_group().await;
    world.delete();
    world.read_anew().await;
    let uma = world.test.student("Uma").await;
    let path = format!("/v1/lessons/{}/join", world.lesson);
    uma.post(&path, &json!({})).await.expect(201);
    world.test.run_jobs().await;
    world.edit(&json!({"status": "confirmed"}));
    world.read_anew().await;
    assert_eq!(deletion(&world).await["status"], "undone");
    world.assert_at(FIRST).await;
    let event = &world.test.google.events(&world.tutor.email)[0];
    assert_eq!(event["attendees"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn nobody_hears_too_late_that_a_lesson_is_cancelled() {
    let world = World::new().await;
    world.delete();
    world.read_anew().await;
    let down = Failure::status(Target::Calendar, 503, "backendError");
    world
        .test
        .google
        .fail_next(down.method("GET").times(u32::MAX));
    world.after(TimeDelta::hours(1)).await;
    world.test.set_clock(at(FIRST) - TimeDelta::minutes(50));
    world.test.google.clear_failures();
    world.test.run_jobs().await;
    world.assert_at(FIRST).await;
    assert_eq!(world.told().await, ["deleted put_back too_late"]);
}

#[tokio::test]
async fn a_calendar_that_is_gone_too_cancels_nothing() {
    let world = World::new().await;
    let google = &world.test.google;
    let family = google.add_calendar(&world.tutor.email, "Family");
    world.after(TimeDelta::hours(1)).await;
    google
        .move_event(&world.tutor.email, &world.event, &family)
        .unwrap();
    world.read_anew().await;
    google.delete_event(&family, &world.event);
    world.read_anew().await;
    assert_eq!(deletion(&world).await["status"], "pending");
    google.delete_calendar(&family);
    world.after(TimeDelta::hours(1)).await;
    world.read_anew().await;
    assert_eq!(world.told().await, ["deleted put_back calendar_gone"]);
    world.assert_at(FIRST).await;
}

#[tokio::test]
async fn of_a_calendar_that_is_gone_the_events_are_made_anew() {
    let world = World::new().await;
    let google = &world.test.google;
    let family = google.add_calendar(&world.tutor.email, "Family");
    world.after(TimeDelta::hours(1)).await;
    google
        .move_event(&world.tutor.email, &world.event, &family)
        .unwrap();
    world.read_anew().await;
    google.delete_calendar(&family);
    world.look_again().await;
    world.after(TimeDelta::minutes(11)).await;
    world.assert_at(FIRST).await;
    assert_eq!(world.told().await, ["deleted put_back calendar_gone"]);
}

#[tokio::test]
async fn an_event_that_is_deleted_again_and_again_is_left_for_a_while() {
    let world = World::new().await;
    let put_back = [("event_deleted", json!("put_back"))];
    world.set_policy(&put_back).await;
    let account = &world.tutor.email;
    for _ in 0..15 {
        for event in world.test.google.events(account) {
            let id = event["id"].as_str().unwrap();
            world.test.google.delete_event(account, id);
        }
        world.read_anew().await;
    }
    assert_eq!(world.told().await.len(), 10);
    world.after(TimeDelta::hours(1)).await;
    world.assert_at(FIRST).await;
}

#[tokio::test]
async fn who_disconnects_has_deleted_nothing() {
    let world = World::new().await;
    world.delete();
    world.read_anew().await;
    let gone = world.tutor.person.delete("/v1/calendar/connection").await;
    gone.expect(204);
    assert_eq!(deletion(&world).await["status"], "superseded");
    world.after(TimeDelta::hours(2)).await;
    assert_eq!(world.booking().await["status"], "confirmed");
}

#[tokio::test]
async fn what_is_open_when_the_lesson_begins_lapses() {
    let world = World::new().await;
    world.delete();
    world.read_anew().await;
    let found = deletion(&world).await;
    world.test.google.revoke_grants(&world.tutor.email);
    world.test.run_jobs().await;
    world.test.set_clock(at(FIRST));
    let late = undo(&world.tutor.person, &found).await;
    late.expect_problem(409, "already_decided");
    booking::settle(&world.test.app).await.unwrap();
    assert_eq!(deletion(&world).await["status"], "lapsed");
    assert_eq!(world.booking().await["status"], "confirmed");
}

#[tokio::test]
async fn without_a_time_of_grace_it_is_cancelled_at_once() {
    let world = World::new().await;
    let at_once = [("event_deleted_grace_minutes", json!(0))];
    world.set_policy(&at_once).await;
    world.delete();
    world.read_anew().await;
    assert_eq!(world.booking().await["status"], "cancelled");
    assert_eq!(deletion(&world).await["status"], "cancelled");
}

#[tokio::test]
async fn where_the_centre_wants_it_so_the_event_is_made_anew_at_once() {
    let world = World::new().await;
    world
        .set_policy(&[("event_deleted", json!("put_back"))])
        .await;
    world.delete();
    world.read_anew().await;
    world.assert_at(FIRST).await;
    assert_eq!(world.told().await, ["deleted put_back policy"]);
    world.read_anew().await;
    assert_eq!(world.told().await.len(), 1);
}

#[tokio::test]
async fn of_a_lesson_that_begins_soon_the_student_is_told_in_time() {
    let world = World::new().await;
    world.test.set_clock(at(FIRST) - TimeDelta::minutes(41));
    world.test.run_jobs().await;
    world.delete();
    world.read_anew().await;
    let found = deletion(&world).await;
    let cancels_at = at(found["cancels_at"].as_str().unwrap());
    assert_eq!(cancels_at, at(FIRST) - TimeDelta::minutes(20));
    world.after(TimeDelta::minutes(20)).await;
    assert_eq!(world.booking().await["status"], "cancelled");
}

#[tokio::test]
async fn a_lesson_that_has_begun_takes_place() {
    // Before anybody noticed, or before anybody could do what was to be done.
    for is_noticed in [false, true] {
        let world = World::new().await;
        world.test.set_clock(at(FIRST) - TimeDelta::minutes(41));
        world.test.run_jobs().await;
        world.delete();
        if is_noticed {
            world.read_anew().await;
        }
        world.test.set_clock(at(FIRST));
        world.test.run_jobs().await;
        assert_eq!(world.booking().await["status"], "confirmed");
        let expected: &[&str] = if is_noticed { &["deleted lapsed"] } else { &[] };
        assert_eq!(world.told().await, expected);
    }
}

#[tokio::test]
async fn of_a_group_lesson_everybody_is_told() {
    let (world, olga, of_olga) = World::of_group().await;
    world.delete();
    world.read_anew().await;
    world.after(TimeDelta::hours(1)).await;
    for booking in [world.booking().await, olga.get(&of_olga).await.expect(200)] {
        assert_eq!(booking["status"], "cancelled");
        assert_eq!(booking["cancellation_reason"], "event_deleted");
    }
    assert_eq!(deletion(&world).await["status"], "cancelled");
    assert_starts(&world.test, &world.tutor, &[]);
}

#[tokio::test]
async fn what_was_deleted_while_nobody_could_be_told_is_found_by_a_full_listing() {
    let world = World::new().await;
    world.delete();
    world.test.google.expire_sync_tokens();
    world.read_anew().await;
    assert_eq!(deletion(&world).await["status"], "pending");
}
