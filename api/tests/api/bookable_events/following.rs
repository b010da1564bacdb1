//! The lesson follows its event, and the event its lesson.

use super::*;
use google_sandbox::Consent;

#[tokio::test]
async fn an_event_that_the_tutor_moves_takes_the_lesson_along() {
    let (world, of_sam, _) = World::joined().await;
    // In the evening too, which is none of the tutor's hours.
    for start in [THIRD, "2027-03-02T19:00:00Z"] {
        world.drag(start, 60);
        world.read_anew().await;
        world.read_anew().await;
        let booking = world.sam.get(&of_sam).await.expect(200);
        assert_eq!(booking["status"], "confirmed");
        assert_eq!(booking["start"], start);
        assert_eq!(world.starts(), [start]);
        assert!(world.is_free(FIRST).await);
    }
    assert_eq!(
        world.told().await,
        ["moved rescheduled", "moved rescheduled"]
    );
    assert_eq!(world.guests(), [email("Olga"), email("Sam"), GUEST.into()]);
}

#[tokio::test]
async fn an_event_that_is_moved_where_a_student_can_not_come_is_put_back() {
    let (world, of_sam, _) = World::joined().await;
    let theo = world.centre.tutor(&world.test, "Theo").await;
    let other = theo.lesson(THIRD, 60);
    world.sam.post("/v1/bookings", &other).await.expect(201);
    world.drag(THIRD, 60);
    world.read_anew().await;
    world.read_anew().await;
    assert_eq!(world.told().await, ["moved put_back student_busy"]);
    assert_eq!(world.starts(), [FIRST]);
    let booking = world.sam.get(&of_sam).await.expect(200);
    assert_eq!(booking["start"], FIRST);
    assert_eq!(world.event()["summary"], "Office hours");
}

#[tokio::test]
async fn a_lesson_that_is_moved_here_takes_the_event_along() {
    let (world, of_sam, _) = World::joined().await;
    let lessons = world.sam.get("/v1/lessons").await.expect(200);
    let path = format!(
        "/v1/lessons/{}/reschedule",
        lessons["items"][0]["id"].as_str().unwrap()
    );
    let to = json!({"start": THIRD, "end": FOURTH});
    world.tutor.person.post(&path, &to).await.expect(200);
    world.test.run_jobs().await;
    world.read_anew().await;
    assert_eq!(world.starts(), [THIRD]);
    assert_eq!(world.sam.get(&of_sam).await.expect(200)["start"], THIRD);
    assert_eq!(world.event()["summary"], "Office hours");
    assert!(world.is_free(FIRST).await);
    assert!(!world.is_free(THIRD).await);
    assert_eq!(world.told().await, [""; 0]);
}

#[tokio::test]
async fn an_event_that_is_moved_before_anybody_was_invited_takes_the_lesson_along() {
    let world = World::new().await;
    let lesson = place(&world.open().await);
    world.drag(THIRD, 60);
    world.test.run_jobs().await;
    world.read_anew().await;
    assert_eq!(world.starts(), [THIRD]);
    assert_eq!(world.sam.get(&lesson).await.expect(200)["start"], THIRD);
}

#[tokio::test]
async fn a_lesson_counts_once_and_with_its_event() {
    let world = World::new().await;
    let second = insert(&world.test, &world.tutor.email, FOURTH);
    place(&world.open().await);
    place(&world.open_event(&second).await);
    for _ in 0..2 {
        world.test.run_jobs().await;
        world.read_anew().await;
        let busy = "SELECT count(*) FROM busy_spans";
        assert_eq!(world.test.count(busy).await, 0);
        for (start, is_free) in [
            (FIRST, false),
            (SECOND, true),
            (THIRD, true),
            (FOURTH, false),
        ] {
            assert_eq!(world.is_free(start).await, is_free, "{start}");
        }
    }
}

#[tokio::test]
async fn an_event_that_the_tutor_deletes_ends_the_lesson() {
    let (world, of_sam, _) = World::joined().await;
    world
        .test
        .google
        .delete_event(&world.tutor.email, &world.event);
    world.read_anew().await;
    assert_eq!(world.told().await, ["deleted pending"]);
    world.after(TimeDelta::hours(1)).await;
    let booking = world.sam.get(&of_sam).await.expect(200);
    assert_eq!(booking["cancellation_reason"], "event_deleted");
    assert_eq!(world.told().await, ["deleted cancelled"]);
    assert_eq!(world.starts(), [""; 0]);
    world.read_anew().await;
    assert!(world.is_free(FIRST).await);
}

#[tokio::test]
async fn whoever_undoes_the_deletion_gets_an_event_of_ours() {
    let (world, of_sam, _) = World::joined().await;
    world
        .test
        .google
        .delete_event(&world.tutor.email, &world.event);
    world.read_anew().await;
    let drifts = world
        .tutor
        .person
        .get("/v1/calendar/drifts")
        .await
        .expect(200);
    let path = format!(
        "/v1/calendar/drifts/{}/undo",
        drifts["items"][0]["id"].as_str().unwrap()
    );
    let undo = world.tutor.person.request(Method::POST, &path);
    world.tutor.person.send(undo).await.expect(200);
    for _ in 0..3 {
        world.after(TimeDelta::hours(1)).await;
    }
    assert_eq!(world.starts(), [FIRST]);
    let events = world.test.google.events(&world.tutor.email);
    assert_eq!(guests(&events[0]), [email("Olga"), email("Sam")]);
    assert_eq!(
        world.sam.get(&of_sam).await.expect(200)["status"],
        "confirmed"
    );
    let lessons = world.tutor.person.get("/v1/lessons").await.expect(200);
    assert_eq!(lessons["items"][0]["own_event"], false);
}

#[tokio::test]
async fn an_event_that_is_repeated_by_now_invites_nobody_to_all_of_them() {
    let (world, of_sam, _) = World::joined().await;
    world.edit(&json!({
        "start": {"dateTime": at(FIRST), "timeZone": "Europe/Berlin"},
        "end": {"dateTime": at(SECOND), "timeZone": "Europe/Berlin"},
        "recurrence": ["RRULE:FREQ=WEEKLY;COUNT=3"],
    }));
    for _ in 0..3 {
        world.read_anew().await;
    }
    let master = world
        .test
        .google
        .patch_event(&world.tutor.email, &world.event, &json!({}));
    assert_eq!(guests(&master.unwrap()), [GUEST]);
    let events = world.test.google.events(&world.tutor.email);
    let ours = events
        .iter()
        .filter(|it| guests(it) == [email("Olga"), email("Sam")]);
    assert_eq!(ours.count(), 1);
    assert_eq!(
        world.sam.get(&of_sam).await.expect(200)["calendar"],
        "current"
    );
}

#[tokio::test]
async fn an_event_outlives_the_connection() {
    let (mut world, of_sam, _) = World::joined().await;
    let path = "/v1/calendar/connection";
    world.tutor.person.delete(path).await.expect(204);
    let cancel = format!("{of_sam}/cancel");
    world.sam.post(&cancel, &json!({})).await.expect(200);
    world.test.run_jobs().await;
    assert_eq!(world.guests(), [email("Olga"), email("Sam"), GUEST.into()]);
    let account = world.tutor.email.clone();
    let connected = world.tutor.person.connect_calendar(&account, Consent::All);
    connected.await.expect(303);
    world.test.run_jobs().await;
    world.read_anew().await;
    assert_eq!(world.starts(), [FIRST]);
    assert_eq!(world.guests(), [email("Olga"), GUEST.to_owned()]);
    assert_eq!(world.told().await, [""; 0]);
}

#[tokio::test]
async fn lessons_and_calendars_that_are_compared_are_in_step() {
    let (world, ..) = World::joined().await;
    let report = api::service::reconciliation::reconcile(&world.test.app, world.tutor.id, true);
    let report = report.await.unwrap().unwrap();
    assert!(report.is_in_step(), "{report:?}");
    assert_eq!(report.lessons, 1);
}

#[tokio::test]
async fn an_event_that_the_tutor_makes_longer_makes_the_lesson_longer() {
    let (world, of_sam, _) = World::joined().await;
    world.drag(FIRST, 90);
    world.read_anew().await;
    world.read_anew().await;
    let booking = world.sam.get(&of_sam).await.expect(200);
    assert_eq!(booking["end"], "2027-03-02T09:30:00Z");
    assert_eq!(world.told().await, ["moved rescheduled"]);
    world.drag(FIRST, 9 * 60);
    world.read_anew().await;
    let booking = world.sam.get(&of_sam).await.expect(200);
    assert_eq!(booking["end"], "2027-03-02T09:30:00Z");
    assert!(
        world
            .told()
            .await
            .contains(&"moved put_back other_length".to_owned())
    );
}

#[tokio::test]
async fn a_lesson_is_moved_here_only_where_its_tutor_is_free() {
    let (world, ..) = World::joined().await;
    insert(&world.test, &world.tutor.email, THIRD);
    world.read_anew().await;
    let lessons = world.sam.get("/v1/lessons").await.expect(200);
    let path = format!(
        "/v1/lessons/{}/reschedule",
        lessons["items"][0]["id"].as_str().unwrap()
    );
    for (start, end, code) in [
        (THIRD, FOURTH, "calendar_busy"),
        (
            "2027-03-02T20:00:00Z",
            "2027-03-02T21:00:00Z",
            "outside_availability",
        ),
    ] {
        let to = json!({"start": start, "end": end});
        let refused = world.tutor.person.post(&path, &to).await;
        let refused = refused.expect_problem(409, "slot_unavailable");
        assert_eq!(refused["conflicts"][0]["code"], code);
    }
}

#[tokio::test]
async fn an_event_that_was_moved_while_nobody_could_follow_is_put_back_and_the_tutor_told() {
    let (mut world, of_sam, _) = World::joined().await;
    let path = "/v1/calendar/connection";
    world.tutor.person.delete(path).await.expect(204);
    world.drag(THIRD, 60);
    let lessons = world.sam.get("/v1/lessons").await.expect(200);
    let lesson = format!(
        "/v1/lessons/{}",
        lessons["items"][0]["id"].as_str().unwrap()
    );
    let ute = world.test.student("Ute").await;
    world.join(&ute, &lesson).await;
    let account = world.tutor.email.clone();
    let connected = world.tutor.person.connect_calendar(&account, Consent::All);
    connected.await.expect(303);
    world.test.run_jobs().await;
    world.read_anew().await;
    assert_eq!(world.starts(), [FIRST]);
    assert!(world.guests().contains(&email("Ute")));
    assert_eq!(world.sam.get(&of_sam).await.expect(200)["start"], FIRST);
    assert_eq!(world.told().await, ["moved put_back unnoticed"]);
}
