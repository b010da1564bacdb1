//! A student declines the invitation to a lesson.

use super::{World, answer, drifts};
use crate::support::{
    Person, at, email,
    lesson::{FIRST, SECOND, assert_starts},
};
use chrono::TimeDelta;
use google_sandbox::{Failure, Target};
use serde_json::{Value, json};

/// What somebody sees of the one question.
async fn question(person: &Person) -> Value {
    let drifts = drifts(person, "").await;
    let [drift] = &drifts[..] else {
        panic!("{drifts:#?}")
    };
    assert_eq!(drift["kind"], "declined");
    drift.clone()
}

/// Sam has declined, where that costs the lesson.
async fn asked() -> World {
    let world = World::new().await;
    world.charge().await;
    world.answer("Sam", "declined");
    world.read_anew().await;
    assert_eq!(world.told().await, ["declined asked"]);
    world
}

#[tokio::test]
async fn where_that_is_free_the_student_has_cancelled() {
    let world = World::new().await;
    world.answer("Sam", "declined");
    world.read_anew().await;
    let booking = world.booking().await;
    assert_eq!(booking["status"], "cancelled");
    assert_eq!(booking["cancellation_reason"], "event_declined");
    assert_starts(&world.test, &world.tutor, &[]);
    for _ in 0..2 {
        world.look_again().await;
        world.read_anew().await;
    }
    assert_eq!(world.told().await, ["declined cancelled"]);
    let seen = question(&world.sam).await;
    assert_eq!(seen["student"]["name"], "Sam");
    assert!(
        world
            .booking
            .ends_with(seen["booking_id"].as_str().unwrap())
    );
}

#[tokio::test]
async fn where_it_is_not_free_the_student_is_asked() {
    let world = asked().await;
    world.assert_at(FIRST).await;
    let found = question(&world.sam).await;
    assert_eq!(found["status"], "asked");
    assert!(found["resolved_at"].is_null());
    let olga = world.test.student("Olga").await;
    assert!(drifts(&olga, "").await.is_empty());
    answer(&olga, &found, "come")
        .await
        .expect_problem(404, "not_found");
    assert_eq!(question(&world.tutor.person).await, found);
    assert_eq!(question(&world.admin).await, found);
    let by_tutor = answer(&world.tutor.person, &found, "cancel").await;
    by_tutor.expect_problem(403, "not_yours_to_decide");
    world.look_again().await;
    assert_eq!(world.told().await, ["declined asked"]);

    let answered = answer(&world.sam, &found, "cancel").await.expect(200);
    assert_eq!(answered["status"], "cancelled");
    let again = answer(&world.sam, &found, "cancel").await.expect(200);
    assert_eq!(again, answered);
    let late = answer(&world.sam, &found, "come").await;
    late.expect_problem(409, "already_decided");
    let booking = world.booking().await;
    assert_eq!(booking["status"], "cancelled");
    assert_eq!(
        booking["cancellation"]["consequence"], "charged",
        "{booking:#}"
    );
    world.test.run_jobs().await;
    assert_starts(&world.test, &world.tutor, &[]);
}

#[tokio::test]
async fn who_comes_all_the_same_is_not_asked_again() {
    let world = asked().await;
    let found = question(&world.sam).await;
    let answered = answer(&world.sam, &found, "come").await.expect(200);
    assert_eq!(answered["status"], "kept");
    let late = answer(&world.sam, &found, "cancel").await;
    late.expect_problem(409, "already_decided");
    world.edit(&json!({"description": "Bring the book."}));
    world.read_anew().await;
    world.look_again().await;
    assert_eq!(world.told().await, ["declined kept"]);
    world.assert_at(FIRST).await;
    let guests = &world.test.google.events(&world.tutor.email)[0]["attendees"];
    assert_eq!(guests[0]["responseStatus"], "declined");

    // Who says yes, and then no, says so anew.
    world.answer("Sam", "accepted");
    world.read_anew().await;
    world.answer("Sam", "declined");
    world.read_anew().await;
    let told = ["declined withdrawn", "declined asked"];
    assert_eq!(world.told().await, told);
}

#[tokio::test]
async fn a_guardian_answers_for_the_student() {
    let world = asked().await;
    let gita = world.test.student("Gita").await.id().await;
    let link = json!({"guardian_id": gita, "student_id": world.sam.id().await});
    let linked = world.admin.post("/v1/guardianships", &link).await;
    linked.expect(201);
    let gita = world.test.sign_in(&email("Gita")).await;
    let found = question(&gita).await;
    let answered = answer(&gita, &found, "come").await.expect(200);
    assert_eq!(answered["status"], "kept");
}

#[tokio::test]
async fn the_answer_in_google_counts_too() {
    let world = asked().await;
    world.answer("Sam", "accepted");
    world.read_anew().await;
    assert_eq!(world.told().await, ["declined withdrawn"]);
    world.assert_at(FIRST).await;
}

#[tokio::test]
async fn a_question_ends_with_the_booking() {
    let world = asked().await;
    let found = question(&world.sam).await;
    let path = format!("{}/cancel", world.booking);
    world.tutor.person.post(&path, &json!({})).await.expect(200);
    assert_eq!(question(&world.sam).await["status"], "superseded");
    let late = answer(&world.sam, &found, "come").await;
    late.expect_problem(409, "already_decided");
}

#[tokio::test]
async fn where_the_centre_wants_it_so_the_student_is_always_asked() {
    let world = World::new().await;
    world.set_policy(&[("event_declined", json!("ask"))]).await;
    world.answer("Sam", "declined");
    world.read_anew().await;
    assert_eq!(world.told().await, ["declined asked"]);
    world.assert_at(FIRST).await;
}

#[tokio::test]
async fn who_leaves_a_group_lesson_so_disturbs_nobody_else_in_it() {
    let (world, olga, of_olga) = World::of_group().await;
    world.answer("Olga", "accepted");
    world.answer("Sam", "declined");
    world.read_anew().await;
    assert_eq!(world.booking().await["status"], "cancelled");
    let booking = olga.get(&of_olga).await.expect(200);
    assert_eq!(booking["status"], "confirmed");
    assert_eq!(world.told().await, ["declined cancelled"]);
    let event = &world.test.google.events(&world.tutor.email)[0];
    let guests = event["attendees"].as_array().unwrap().iter();
    let guests: Vec<_> = guests.map(|it| it["email"].clone()).collect();
    assert_eq!(guests, [json!(email("Olga"))]);
    // Of other people's questions nobody learns.
    assert!(drifts(&olga, "").await.is_empty());
}

/// What Sam has answered, as the tutor's calendar tells.
fn response(world: &World) -> Value {
    let event = &world.test.google.events(&world.tutor.email)[0];
    event["attendees"][0]["responseStatus"].clone()
}

#[tokio::test]
async fn a_no_to_one_time_is_no_answer_to_another() {
    for in_google in [true, false] {
        let world = World::new().await;
        if in_google {
            world.answer("Sam", "declined");
            world.drag(SECOND, 60);
        } else {
            world.charge().await;
            world.answer("Sam", "declined");
            world.read_anew().await;
            let path = format!("{}/reschedule", world.booking);
            let moved = json!({"start": SECOND, "end": at(SECOND) + TimeDelta::hours(1)});
            world.admin.post(&path, &moved).await.expect(200);
            assert_eq!(world.told().await, ["declined superseded"]);
        }
        for _ in 0..3 {
            world.read_anew().await;
        }
        world.assert_at(SECOND).await;
        assert_eq!(response(&world), "needsAction");
        // Asked anew, Sam may say no again.
        world.answer("Sam", "declined");
        world.read_anew().await;
        let told = world.told().await;
        let expected = ["moved rescheduled", "declined superseded"][usize::from(!in_google)];
        assert_eq!(told[0], expected);
        assert!(told[1].starts_with("declined "), "{told:?}");
    }
}

#[tokio::test]
async fn a_no_to_a_time_where_the_lesson_can_not_be_is_no_answer_to_its_own() {
    let world = World::new().await;
    world
        .set_policy(&[("event_moved", json!("put_back"))])
        .await;
    world.drag(SECOND, 60);
    world.answer("Sam", "declined");
    for _ in 0..3 {
        world.read_anew().await;
    }
    world.assert_at(FIRST).await;
    assert_eq!(response(&world), "needsAction");
    assert_eq!(world.told().await, ["moved put_back policy"]);
}

#[tokio::test]
async fn an_event_that_is_put_back_takes_no_question_back() {
    let world = asked().await;
    world
        .set_policy(&[("event_moved", json!("put_back"))])
        .await;
    world.drag(SECOND, 60);
    for _ in 0..3 {
        world.read_anew().await;
    }
    world.assert_at(FIRST).await;
    let told = ["declined asked", "moved put_back policy"];
    assert_eq!(world.told().await, told);
}

#[tokio::test]
async fn a_no_of_which_it_is_not_known_to_what_is_none() {
    let world = World::new().await;
    // As of events that were made before that was written on them.
    let unknown = json!({"extendedProperties": {"private": {"invitationStart": null}}});
    world.edit(&unknown);
    world.answer("Sam", "declined");
    world.read_anew().await;
    world.look_again().await;
    assert_eq!(world.told().await, [""; 0]);
    let path = format!("{}/reschedule", world.booking);
    let moved = json!({"start": SECOND, "end": at(SECOND) + TimeDelta::hours(1)});
    world.sam.post(&path, &moved).await.expect(200);
    world.read_anew().await;
    world.assert_at(SECOND).await;
    assert_eq!(response(&world), "needsAction");
}

#[tokio::test]
async fn who_left_so_and_joins_again_is_asked() {
    let (world, _, _) = World::of_group().await;
    world.answer("Sam", "declined");
    let down = Failure::status(Target::Calendar, 503, "backendError").method("PATCH");
    world.test.google.fail_next(down.times(u32::MAX));
    world.read_anew().await;
    assert_eq!(world.told().await, ["declined cancelled"]);
    let path = format!("/v1/lessons/{}/join", world.lesson);
    world.sam.post(&path, &json!({})).await.expect(201);
    world.test.google.clear_failures();
    world.after(TimeDelta::minutes(10)).await;
    world.read_anew().await;
    let told = ["declined cancelled", "declined asked"];
    assert_eq!(world.told().await, told);
}

#[tokio::test]
async fn several_leave_a_group_lesson_at_once() {
    let (world, _, _) = World::of_group().await;
    world.answer("Sam", "declined");
    world.answer("Olga", "declined");
    world.read_anew().await;
    let told = ["declined cancelled", "declined cancelled"];
    assert_eq!(world.told().await, told);
    let event = &world.test.google.events(&world.tutor.email)[0];
    assert_eq!(event["attendees"].as_array().map_or(0, Vec::len), 0);
}
