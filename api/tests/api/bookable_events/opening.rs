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
        (
            changed(THIRD, json!({"guestsCanModify": true})),
            "guests_can_modify",
        ),
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

/// The titles of the group lessons that a search for slots finds.
async fn found(student: &Person, path: &str) -> Vec<String> {
    let path = format!("{path}from=2027-03-02T00:00:00Z&to=2027-03-03T00:00:00Z&minutes=60");
    let found = student.get(&path).await.expect(200);
    let lessons = found["group_lessons"].as_array().unwrap().iter();
    let titles = lessons.map(|lesson| lesson["title"].as_str().unwrap().to_owned());
    titles.collect()
}

#[tokio::test]
async fn who_looks_for_slots_finds_the_seats_that_are_free_too() {
    let world = World::new().await;
    let of_tutor = format!("{}?", world.tutor.path("/slots"));
    let of_all = "/v1/slots?subject=mathematics&".to_owned();
    for path in [&of_tutor, &of_all] {
        assert_eq!(found(&world.sam, path).await, [""; 0]);
    }
    let mut wanted = world.wanted(&world.event);
    wanted["capacity"] = json!(2);
    let lesson = place(&world.tutor.person.post(EVENTS, &wanted).await);
    let theo = world.centre.tutor(&world.test, "Theo").await;
    let of_theo = format!("{}?", theo.path("/slots"));
    let of_school = format!("{of_tutor}subject=mathematics&level=School&");
    for path in [&of_tutor, &of_all, &of_school] {
        assert_eq!(found(&world.sam, path).await, ["Office hours"], "{path}");
    }
    assert_eq!(found(&world.sam, &of_theo).await, [""; 0]);
    // Nobody joins their own lesson.
    assert_eq!(found(&world.tutor.person, &of_tutor).await, [""; 0]);
    let later = world
        .tutor
        .path("/slots?from=2027-03-02T08:00:01Z&to=2027-03-03T00:00:00Z&minutes=60");
    let later = world.sam.get(&later).await.expect(200);
    assert_eq!(later["group_lessons"], json!([]));

    // Who has something else then, or is in it already, finds none.
    let booking = theo.lesson(FIRST, 60);
    world.olga.post("/v1/bookings", &booking).await.expect(201);
    world.join(&world.sam, &lesson).await;
    let ute = world.test.student("Ute").await;
    for path in [&of_tutor, &of_all] {
        assert_eq!(found(&world.olga, path).await, [""; 0]);
        assert_eq!(found(&world.sam, path).await, [""; 0]);
        assert_eq!(found(&ute, path).await, ["Office hours"]);
    }
    let udo = world.test.student("Udo").await;
    world.join(&udo, &lesson).await;
    for path in [&of_tutor, &of_all] {
        assert_eq!(found(&ute, path).await, [""; 0]);
    }
}

#[tokio::test]
async fn pages_of_slots_name_each_lesson_once() {
    let world = World::new().await;
    for start in [FIRST, FOURTH] {
        let event = insert(&world.test, &world.tutor.email, start);
        place(&world.open_event(&event).await);
    }
    let window = "from=2027-03-02T00:00:00Z&to=2027-03-03T00:00:00Z";
    let path = format!("/v1/slots?subject=mathematics&minutes=60&{window}&limit=1");
    let (mut starts, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = world.sam.get(&format!("{path}{cursor}")).await.expect(200);
        let lessons = page["group_lessons"].as_array().unwrap().clone();
        starts.extend(
            lessons
                .iter()
                .map(|lesson| lesson["start"].as_str().unwrap().to_owned()),
        );
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(starts, [FIRST, FOURTH]);
}

#[tokio::test]
async fn an_event_of_a_calendar_that_two_tutors_own_is_one_lesson() {
    let world = World::new().await;
    let theo = world.centre.connected_tutor(&world.test, "Theo").await;
    let shared = world
        .test
        .google
        .add_calendar(&world.tutor.email, "Courses");
    let google = &world.test.google;
    google.share_calendar(&shared, &theo.email, "owner");
    let event = insert(&world.test, &shared, THIRD);
    world.after(TimeDelta::hours(2)).await;
    let mut opened = Vec::new();
    for tutor in [&world.tutor, &theo] {
        let calendars = tutor.person.get("/v1/calendar/calendars").await.expect(200);
        let calendars = calendars["items"].as_array().unwrap().clone();
        let courses = calendars.iter().find(|it| it["summary"] == "Courses");
        let mut wanted = world.wanted(&event);
        wanted["calendar_id"] = courses.unwrap()["id"].clone();
        opened.push(tutor.person.post(EVENTS, &wanted).await);
    }
    opened.pop().unwrap().expect_problem(409, "already_open");
    opened.pop().unwrap().expect(201);
}

#[tokio::test]
async fn an_event_that_took_place_and_is_moved_ahead_can_be_opened_again() {
    let world = World::new().await;
    let lesson = place(&world.open().await);
    world.join(&world.sam, &lesson).await;
    world.test.run_jobs().await;
    world.after(TimeDelta::days(2)).await;
    world.drag("2027-03-09T08:00:00Z", 60);
    world.read_anew().await;
    let again = place(&world.open().await);
    assert_ne!(again, lesson);
    world.join(&world.olga, &again).await;
    for _ in 0..2 {
        world.read_anew().await;
    }
    assert_eq!(world.starts(), ["2027-03-09T08:00:00Z"]);
    // Who came the time before is not asked to come again.
    assert_eq!(world.guests(), [email("Olga"), GUEST.to_owned()]);
}
