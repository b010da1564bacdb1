//! Which events are opened, by whom, and how they are closed again.

use super::*;
use google_sandbox::{Failure, Target};

#[tokio::test]
async fn an_event_becomes_a_lesson_that_students_find() {
    let world = World::new().await;
    let opened = world.open().await;
    let lesson = place(&opened);
    let opened = opened.expect(201);
    for (field, expected) in [
        ("title", json!("Office hours")),
        ("start", json!(FIRST)),
        ("end", json!(SECOND)),
        ("capacity", json!(3)),
        ("seats_taken", json!(0)),
        ("own_event", json!(true)),
        ("status", json!("scheduled")),
    ] {
        assert_eq!(opened[field], expected, "{field}");
    }
    let found = world.sam.get("/v1/lessons").await.expect(200);
    assert_eq!(found["items"][0], opened);
    assert_eq!(world.sam.get(&lesson).await.expect(200), opened);
    world.test.run_jobs().await;
    // What others read of the event is as it was, and there is no second one.
    assert_eq!(world.starts(), [FIRST]);
    let event = world.event();
    assert_eq!(event["summary"], "Office hours");
    assert_eq!(event["description"], "Room 7.");
    assert_eq!(world.guests(), [GUEST]);
}

#[tokio::test]
async fn an_event_is_one_lesson_however_often_it_is_opened() {
    let world = World::new().await;
    let post = || {
        let request = world.tutor.person.request(Method::POST, EVENTS);
        let request = request.header("idempotency-key", "\"once\"");
        world
            .tutor
            .person
            .send(request.json(&world.wanted(&world.event)))
    };
    let opened = post().await.expect(201);
    let again = post().await;
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(again.expect(201), opened);
    let [one, other] = [world.open().await, world.open().await];
    one.expect_problem(409, "already_open");
    other.expect_problem(409, "already_open");
}

#[tokio::test]
async fn several_who_open_an_event_at_once_make_one_lesson_of_it() {
    let world = World::new().await;
    let attempts = (0..8).map(|_| world.open());
    let answers = futures::future::join_all(attempts).await;
    let opened = answers.iter().filter(|answer| answer.status == 201);
    assert_eq!(opened.count(), 1);
    for refused in answers.into_iter().filter(|answer| answer.status != 201) {
        refused.expect_problem(409, "already_open");
    }
}

#[tokio::test]
async fn only_tutors_with_a_calendar_open_events() {
    let world = World::new().await;
    let wanted = world.wanted(&world.event);
    let theo = world.centre.tutor(&world.test, "Theo").await;
    let stranger = world.test.stranger();
    let refused = stranger.post(EVENTS, &wanted).await;
    refused.expect_problem(401, "not_signed_in");
    let refused = world.sam.post(EVENTS, &wanted).await;
    refused.expect_problem(403, "not_a_tutor");
    let refused = theo.person.post(EVENTS, &wanted).await;
    refused.expect_problem(409, "not_connected");
    let theo = world.centre.connected_tutor(&world.test, "Thea").await;
    let refused = theo.person.post(EVENTS, &wanted).await;
    assert_error(refused, "calendar_id", "unknown_calendar");
}

#[track_caller]
fn assert_error(answer: Answer, field: &str, code: &str) {
    let refused = answer.expect_problem(422, "invalid_fields");
    let error = &refused["errors"][0];
    assert_eq!(error["field"], field, "{refused:#}");
    assert_eq!(error["code"], code, "{refused:#}");
}

#[tokio::test]
async fn what_is_no_event_that_students_can_join_is_not_opened() {
    let world = World::new().await;
    let (test, email) = (&world.test, &world.tutor.email);
    let changed = |start: &str, changes: Value| {
        let event = insert(test, email, start);
        test.google.patch_event(email, &event, &changes).unwrap();
        event
    };
    let day = |date: &str| json!({"date": date, "dateTime": null});
    let long = json!({"end": {"dateTime": at(THIRD) + TimeDelta::hours(9)}});
    let crooked = json!({"start": {"dateTime": at(THIRD) + TimeDelta::seconds(7)}});
    let zone = json!({
        "start": {"dateTime": at(FOURTH), "timeZone": "Europe/Berlin"},
        "end": {"dateTime": at(FOURTH) + TimeDelta::hours(1), "timeZone": "Europe/Berlin"},
        "recurrence": ["RRULE:FREQ=WEEKLY;COUNT=3"],
    });
    let deleted = insert(test, email, THIRD);
    test.google.delete_event(email, &deleted);
    let invited = insert(test, &crate::support::email("Sam"), THIRD);
    let invitation = json!({"attendees": [{"email": email}]});
    let sams = crate::support::email("Sam");
    test.google
        .patch_event(&sams, &invited, &invitation)
        .unwrap();
    let lesson = world.tutor.lesson(SECOND, 60);
    world.sam.post("/v1/bookings", &lesson).await.expect(201);
    test.run_jobs().await;
    let events = test.google.events(email);
    let ours = events
        .iter()
        .find(|it| it["summary"].as_str().unwrap().contains("Sam"));
    let ours = ours.unwrap()["id"].as_str().unwrap().to_owned();
    for (event, code) in [
        ("nosuchevent".to_owned(), "unknown_event"),
        ("..".to_owned(), "unknown_event"),
        (deleted, "unknown_event"),
        (ours, "lesson_event"),
        (invited, "not_organizer"),
        (insert(test, email, "2027-03-01T06:00:00Z"), "not_ahead"),
        (
            changed(
                THIRD,
                json!({"start": day("2027-03-02"), "end": day("2027-03-03")}),
            ),
            "all_day",
        ),
        (changed(THIRD, long), "too_long"),
        (changed(THIRD, crooked), "not_whole_minutes"),
        (changed(FOURTH, zone), "repeated"),
    ] {
        assert_error(world.open_event(&event).await, "event_id", code);
    }
    let mut wanted = world.wanted(&world.event);
    wanted["level"] = json!("Bachelor");
    let refused = world.tutor.person.post(EVENTS, &wanted).await;
    refused.expect_problem(422, "invalid_fields");
    assert_eq!(
        test.count("SELECT count(*) FROM lessons WHERE capacity > 1")
            .await,
        0
    );
}

#[tokio::test]
async fn of_a_calendar_that_others_share_nothing_is_opened() {
    let world = World::new().await;
    let shared = world.test.google.add_calendar(&email("Sam"), "Club");
    world
        .test
        .google
        .share_calendar(&shared, &world.tutor.email, "writer");
    let event = insert(&world.test, &shared, THIRD);
    world.after(TimeDelta::hours(2)).await;
    let calendars = world.tutor.person.get("/v1/calendar/calendars").await;
    let calendars = calendars.expect(200)["items"].as_array().unwrap().clone();
    let club = calendars.iter().find(|it| it["summary"] == "Club").unwrap();
    let mut wanted = world.wanted(&event);
    wanted["calendar_id"] = club["id"].clone();
    let refused = world.tutor.person.post(EVENTS, &wanted).await;
    assert_error(refused, "calendar_id", "not_own_calendar");
}

#[tokio::test]
async fn of_a_repeated_event_one_occurrence_is_opened_and_no_other_is_touched() {
    let world = World::new().await;
    world.edit(&json!({
        "start": {"dateTime": at(FIRST), "timeZone": "Europe/Berlin"},
        "end": {"dateTime": at(SECOND), "timeZone": "Europe/Berlin"},
        "recurrence": ["RRULE:FREQ=WEEKLY;COUNT=3"],
    }));
    let occurrence = format!("{}_20270309T080000Z", world.event);
    let lesson = place(&world.open_event(&occurrence).await);
    let booking = world.join(&world.sam, &lesson).await;
    world.test.run_jobs().await;
    let event = |id: &str| {
        let event = world
            .test
            .google
            .patch_event(&world.tutor.email, id, &json!({}));
        event.unwrap()
    };
    assert_eq!(
        guests(&event(&occurrence)),
        [email("Sam"), GUEST.to_owned()]
    );
    assert_eq!(guests(&event(&world.event)), [GUEST]);
    world.read_anew().await;
    let booking = world.sam.get(&booking).await.expect(200);
    assert_eq!(booking["start"], "2027-03-09T08:00:00Z");
    assert_eq!(booking["calendar"], "current");
    assert_eq!(world.told().await, [""; 0]);
}

#[tokio::test]
async fn while_google_is_silent_nothing_is_opened() {
    let world = World::new().await;
    let mut silent = Failure::status(Target::Calendar, 503, "backendError");
    silent.count = u32::MAX;
    world.test.google.fail_next(silent);
    world.open().await.expect_problem(503, "unavailable");
    world.test.google.clear_failures();
    place(&world.open().await);
}

#[tokio::test]
async fn hours_and_notice_bind_nobody_who_has_an_event_then_and_other_lessons_do() {
    let world = World::new().await;
    let late = insert(&world.test, &world.tutor.email, "2027-03-02T20:00:00Z");
    place(&world.open_event(&late).await);
    let lesson = world.tutor.lesson(THIRD, 60);
    world.sam.post("/v1/bookings", &lesson).await.expect(201);
    let at_once = insert(&world.test, &world.tutor.email, THIRD);
    let refused = world.open_event(&at_once).await;
    let refused = refused.expect_problem(409, "slot_unavailable");
    assert_eq!(refused["conflicts"][0]["code"], "lesson");
}

#[tokio::test]
async fn closing_takes_the_students_off_and_leaves_the_event_and_its_time() {
    let (world, of_sam, _) = World::joined().await;
    let lessons = world.tutor.person.get("/v1/lessons").await.expect(200);
    let lesson = lessons["items"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/lessons/{lesson}/cancel");
    world.tutor.person.post(&path, &json!({})).await.expect(200);
    // The tutor is there all the same, whether Google was asked since or not.
    assert!(!world.is_free(FIRST).await);
    world.test.run_jobs().await;
    world.read_anew().await;
    assert!(!world.is_free(FIRST).await);
    assert!(world.is_free(SECOND).await);
    assert_eq!(
        world.sam.get(&of_sam).await.expect(200)["status"],
        "cancelled"
    );
    assert_eq!(world.guests(), [GUEST]);
    let event = world.event();
    assert_eq!(event["summary"], "Office hours");
    let left = event["extendedProperties"]["private"].as_object();
    assert!(left.is_none_or(serde_json::Map::is_empty), "{event:#}");

    let lesson = place(&world.open().await);
    world.join(&world.sam, &lesson).await;
    world.test.run_jobs().await;
    assert_eq!(world.guests(), [email("Sam"), GUEST.to_owned()]);
}

#[tokio::test]
async fn an_event_that_is_opened_again_at_once_keeps_its_new_guests() {
    let (world, ..) = World::joined().await;
    let lessons = world.tutor.person.get("/v1/lessons").await.expect(200);
    let lesson = lessons["items"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/lessons/{lesson}/cancel");
    world.tutor.person.post(&path, &json!({})).await.expect(200);
    let again = place(&world.open().await);
    world.join(&world.sam, &again).await;
    for _ in 0..3 {
        world.read_anew().await;
    }
    assert_eq!(world.guests(), [email("Sam"), GUEST.to_owned()]);
    assert_eq!(world.told().await, [""; 0]);
}
