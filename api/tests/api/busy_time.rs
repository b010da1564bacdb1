//! Busy time of the tutor's Google Calendar, and what it means for slots and bookings.

use crate::support::{Centre, TestApp, TutorAtCentre, at, email};
use chrono::TimeDelta;
use google_sandbox::{Consent, Effect, Failure, Target};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const MORNING: &str = "2027-03-02T08:00:00Z";
const NOON: &str = "2027-03-02T11:00:00Z";

/// Where the hours are that a student can book between two days.
fn hours(tutor: &TutorAtCentre, from: &str, to: &str) -> String {
    tutor.path(&format!(
        "/slots?from={from}T00:00:00Z&to={to}T00:00:00Z&minutes=60"
    ))
}

/// When the bookable hours begin on Tuesday and Wednesday.
async fn free(test: &TestApp, tutor: &TutorAtCentre) -> Vec<String> {
    let student = test.student("Searcher").await;
    let path = hours(tutor, "2027-03-02", "2027-03-04");
    let slots = student.get(&path).await.expect(200);
    let slots = slots["items"].as_array().unwrap();
    slots
        .iter()
        .map(|slot| slot["start"].as_str().unwrap().to_owned())
        .collect()
}

/// An event that the tutor makes.
fn busy(test: &TestApp, tutor: &TutorAtCentre, from: &str, until: &str) -> String {
    let id = test
        .google
        .insert_busy(&tutor.email, at(from), at(until), "Dentist");
    assert!(!id.is_empty());
    id
}

async fn read_anew(test: &TestApp) {
    test.pass(TimeDelta::minutes(1));
    assert!(test.run_jobs().await > 0);
}

#[tokio::test]
async fn an_event_of_the_tutors_hides_the_slots_that_it_touches() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let tutor = centre.connected_tutor(&test, "Tina").await;
    let all = free(&test, &tutor).await;
    assert_eq!(all.len(), 30);
    let id = busy(
        &test,
        &tutor,
        "2027-03-02T09:15:00Z",
        "2027-03-02T10:00:00Z",
    );
    read_anew(&test).await;
    let hidden: Vec<_> = all
        .iter()
        .filter(|start| {
            let start = at(start);
            start < at("2027-03-02T10:00:00Z") && start > at("2027-03-02T08:15:00Z")
        })
        .cloned()
        .collect();
    let left = free(&test, &tutor).await;
    assert_eq!(hidden.len(), 3);
    assert_eq!(left.len(), 27);
    assert!(hidden.iter().all(|start| !left.contains(start)));

    // What is marked as free, or deleted, does not block.
    let free_of_charge = json!({"transparency": "transparent"});
    test.google
        .patch_event(&tutor.email, &id, &free_of_charge)
        .unwrap();
    read_anew(&test).await;
    assert_eq!(free(&test, &tutor).await, all);
    test.google
        .patch_event(&tutor.email, &id, &json!({"transparency": "opaque"}))
        .unwrap();
    read_anew(&test).await;
    assert_eq!(free(&test, &tutor).await, left);
    test.google.delete_event(&tutor.email, &id);
    read_anew(&test).await;
    assert_eq!(free(&test, &tutor).await, all);
}

#[tokio::test]
async fn a_booking_asks_google_itself_when_busy_time_is_not_fresh() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let tutor = centre.connected_tutor(&test, "Tina").await;
    let student = test.student("Sam").await;
    test.pass(TimeDelta::seconds(10));
    busy(&test, &tutor, MORNING, "2027-03-02T08:30:00Z");
    let refused = student
        .post("/v1/bookings", &tutor.lesson(MORNING, 60))
        .await;
    let problem = refused.expect_problem(409, "slot_unavailable");
    assert_eq!(problem["conflicts"], json!([{"code": "calendar_busy"}]));
    assert_eq!(problem["alternatives"][0]["start"], "2027-03-02T08:30:00Z");

    // A burst of bookings asks once.
    let asked = |test: &TestApp| {
        let log = test.google.requests();
        log.iter()
            .filter(|r| r.method == "GET" && r.path.ends_with("/events"))
            .count()
    };
    let before = asked(&test);
    for start in [NOON, "2027-03-02T13:00:00Z", "2027-03-03T08:00:00Z"] {
        let booked = student.post("/v1/bookings", &tutor.lesson(start, 60)).await;
        booked.expect(201);
    }
    assert_eq!(asked(&test), before);
}

#[tokio::test]
async fn a_move_asks_google_as_a_booking_does() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let tutor = centre.connected_tutor(&test, "Tina").await;
    let student = test.student("Sam").await;
    let lesson = tutor.lesson(MORNING, 60);
    let booked = student.post("/v1/bookings", &lesson).await;
    let path = format!(
        "{}/reschedule",
        booked.headers["location"].to_str().unwrap()
    );
    booked.expect(201);
    test.pass(TimeDelta::seconds(11));
    busy(&test, &tutor, NOON, "2027-03-02T12:00:00Z");
    let to = json!({"start": NOON, "end": "2027-03-02T12:00:00Z"});
    let refused = student.post(&path, &to).await;
    let problem = refused.expect_problem(409, "slot_unavailable");
    assert_eq!(problem["conflicts"], json!([{"code": "calendar_busy"}]));
}

#[tokio::test]
async fn a_move_of_a_group_lesson_asks_google_too() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let tutor = centre.connected_tutor(&test, "Tina").await;
    let mut lesson = tutor.lesson(MORNING, 60);
    lesson["capacity"] = json!(3);
    let opened = tutor.person.post("/v1/lessons", &lesson).await;
    let path = format!(
        "{}/reschedule",
        opened.headers["location"].to_str().unwrap()
    );
    opened.expect(201);
    test.pass(TimeDelta::seconds(11));
    busy(&test, &tutor, NOON, "2027-03-02T12:00:00Z");
    let to = json!({"start": NOON, "end": "2027-03-02T12:00:00Z"});
    let refused = tutor.person.post(&path, &to).await;
    let problem = refused.expect_problem(409, "slot_unavailable");
    assert_eq!(problem["conflicts"][0]["code"], "calendar_busy");
}

#[tokio::test]
async fn who_is_to_take_a_lesson_over_is_asked_about_too() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let tutor = centre.connected_tutor(&test, "Tina").await;
    let other = centre.connected_tutor(&test, "Theo").await;
    let admin = test.admin("Ada").await;
    let student = test.student("Sam").await;
    let booked = student.post("/v1/bookings", &tutor.lesson(NOON, 60)).await;
    let path = format!("{}/reassign", booked.headers["location"].to_str().unwrap());
    booked.expect(201);
    test.pass(TimeDelta::seconds(11));
    busy(&test, &other, NOON, "2027-03-02T12:00:00Z");
    let to = json!({"tutor_id": other.id});
    let refused = admin.post(&path, &to).await;
    let problem = refused.expect_problem(409, "slot_unavailable");
    assert_eq!(problem["conflicts"][0]["code"], "calendar_busy");
}

#[tokio::test]
async fn a_move_of_a_series_asks_google_too() {
    for query in ["", "?dry_run=true"] {
        let test = TestApp::start().await;
        let centre = Centre::open(&test).await;
        let tutor = centre.connected_tutor(&test, "Tina").await;
        let student = test.student("Sam").await;
        let wanted = json!({
            "tutor_id": tutor.id, "subject": "mathematics", "level": "School",
            "start": "2027-03-02T09:00", "minutes": 60, "rule": "FREQ=WEEKLY;COUNT=3",
        });
        let booked = student.post("/v1/series", &wanted).await;
        let path = booked.headers["location"].to_str().unwrap().to_owned();
        booked.expect(201);
        test.pass(TimeDelta::seconds(11));
        busy(&test, &tutor, NOON, "2027-03-02T12:00:00Z");
        let moved = json!({
            "scope": "all", "recurrence_id": "2027-03-02T09:00", "start": "2027-03-02T12:00",
        });
        let answer = student
            .post(&format!("{path}/reschedule{query}"), &moved)
            .await;
        let told = answer.body.to_string();
        assert!(told.contains("calendar_busy"), "{told}");
    }
}

#[tokio::test]
async fn while_google_fails_what_was_read_last_decides() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let tutor = centre.connected_tutor(&test, "Tina").await;
    let student = test.student("Sam").await;
    busy(&test, &tutor, MORNING, "2027-03-02T09:00:00Z");
    read_anew(&test).await;
    let known = free(&test, &tutor).await;
    let failure = Failure::status(Target::All, 500, "backendError");
    test.google.fail_next(failure.times(u32::MAX));
    test.pass(TimeDelta::hours(2));
    let refused = student
        .post("/v1/bookings", &tutor.lesson(MORNING, 60))
        .await;
    refused.expect_problem(409, "slot_unavailable");
    let booked = student.post("/v1/bookings", &tutor.lesson(NOON, 60)).await;
    booked.expect(201);
    for _ in 0..3 {
        test.pass(TimeDelta::hours(1));
        test.run_jobs().await;
    }
    let connection = tutor.person.get("/v1/calendar/connection").await;
    let connection = connection.expect(200);
    assert_ne!(connection["failing_since"], json!(null));
    assert_eq!(connection["state"], "connected");
    test.google.clear_failures();
    let left = free(&test, &tutor).await;
    assert_eq!(left.len(), known.len() - 3);
    assert!(left.iter().all(|start| known.contains(start)));
    assert!(!left.contains(&MORNING.to_owned()));
}

#[tokio::test]
async fn a_booking_does_not_wait_for_a_google_that_hangs() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let tutor = centre.connected_tutor(&test, "Tina").await;
    let student = test.student("Sam").await;
    busy(&test, &tutor, MORNING, "2027-03-02T09:00:00Z");
    read_anew(&test).await;
    test.pass(TimeDelta::minutes(1));
    let hang = Effect::Hang(Duration::from_mins(10));
    let hang = Failure::new(Target::All, hang);
    test.google.fail_next(hang.times(u32::MAX));
    let began = Instant::now();
    let refused = student
        .post("/v1/bookings", &tutor.lesson(MORNING, 60))
        .await;
    refused.expect_problem(409, "slot_unavailable");
    let booked = student.post("/v1/bookings", &tutor.lesson(NOON, 60)).await;
    booked.expect(201);
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn while_google_hangs_one_of_those_who_book_waits_for_it_in_half_a_minute() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let mut tutors = Vec::new();
    for name in ["Tina", "Tom", "Tess", "Toni", "Ted"] {
        tutors.push(centre.connected_tutor(&test, name).await);
    }
    let student = test.student("Sam").await;
    test.pass(TimeDelta::minutes(1));
    let hang = Effect::Hang(Duration::from_mins(10));
    let hang = Failure::new(Target::Calendar, hang);
    test.google.fail_next(hang.times(u32::MAX));
    let mut count = 0;
    let mut book = async |tutor: &TutorAtCentre| {
        let start = format!("2027-03-{:02}T{:02}:00:00Z", 2 + count / 6, 8 + count % 6);
        count += 1;
        let booked = student
            .post("/v1/bookings", &tutor.lesson(&start, 60))
            .await;
        booked.expect(201);
        let asked = "SELECT count(*) FROM google_grants WHERE busy_attempted_at > busy_read_at";
        test.count(asked).await
    };
    for tutor in &tutors[..3] {
        assert_eq!(book(tutor).await, 1);
    }
    test.pass(TimeDelta::seconds(30));
    // Who asks Google nothing is not the one.
    let without = centre.tutor(&test, "Will").await;
    assert_eq!(book(&without).await, 1);
    for tutor in &tutors[1..4] {
        assert_eq!(book(tutor).await, 2);
    }
    // Once it answers again everybody is asked about.
    test.google.clear_failures();
    test.pass(TimeDelta::seconds(30));
    assert_eq!(book(&tutors[4]).await, 2);
    assert_eq!(book(&tutors[2]).await, 2);
    let read = format!(
        "SELECT count(*) FROM google_grants WHERE busy_read_at = '{}'",
        test.now()
    );
    assert_eq!(test.count(&read).await, 2);
}

#[tokio::test]
async fn our_own_lessons_are_not_counted_as_busy() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let tutor = centre.connected_tutor(&test, "Tina").await;
    let student = test.student("Sam").await;
    let before = free(&test, &tutor).await;
    let booked = student
        .post("/v1/bookings", &tutor.lesson(MORNING, 60))
        .await;
    let location = booked.headers["location"].to_str().unwrap().to_owned();
    booked.expect(201);
    test.run_jobs().await;
    read_anew(&test).await;
    assert_eq!(test.google.events(&tutor.email).len(), 1);
    let spans = "SELECT count(*) FROM busy_spans";
    assert_eq!(test.count(spans).await, 0);
    assert_eq!(free(&test, &tutor).await.len(), before.len() - 2);

    // Right after the cancellation the event still stands, and a booking asks Google.
    let path = format!("{location}/cancel");
    student.post(&path, &json!({})).await.expect(200);
    test.pass(TimeDelta::minutes(1));
    let booked = student
        .post("/v1/bookings", &tutor.lesson(MORNING, 60))
        .await;
    let location = booked.headers["location"].to_str().unwrap().to_owned();
    booked.expect(201);
    let path = format!("{location}/cancel");
    student.post(&path, &json!({})).await.expect(200);
    test.run_jobs().await;
    assert_eq!(free(&test, &tutor).await, before);
    assert_eq!(test.count(spans).await, 0);
    read_anew(&test).await;
    assert_eq!(free(&test, &tutor).await, before);
}

#[tokio::test]
async fn what_the_tutor_has_beside_a_lesson_blocks_once_the_lesson_is_gone() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let tutor = centre.connected_tutor(&test, "Tina").await;
    let student = test.student("Sam").await;
    let booked = student
        .post("/v1/bookings", &tutor.lesson(MORNING, 60))
        .await;
    let location = booked.headers["location"].to_str().unwrap().to_owned();
    booked.expect(201);
    test.run_jobs().await;
    busy(
        &test,
        &tutor,
        "2027-03-02T08:30:00Z",
        "2027-03-02T09:30:00Z",
    );
    read_anew(&test).await;
    let path = format!("{location}/cancel");
    student.post(&path, &json!({})).await.expect(200);
    test.pass(TimeDelta::seconds(1));
    test.run_jobs().await;
    let left = free(&test, &tutor).await;
    assert_eq!(left[0], "2027-03-02T09:30:00Z");
}

#[tokio::test]
async fn an_event_of_many_days_counts_though_it_began_long_ago() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let tutor = centre.connected_tutor(&test, "Tina").await;
    busy(
        &test,
        &tutor,
        "2027-02-01T00:00:00Z",
        "2027-03-03T10:00:00Z",
    );
    read_anew(&test).await;
    assert_eq!(free(&test, &tutor).await[0], "2027-03-03T10:00:00Z");
}

#[tokio::test]
async fn an_event_at_the_end_of_the_horizon_counts() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let tutor = centre.connected_tutor(&test, "Tina").await;
    // The sixtieth day is the last on which a lesson may begin.
    busy(
        &test,
        &tutor,
        "2027-04-29T00:00:00Z",
        "2027-07-01T00:00:00Z",
    );
    read_anew(&test).await;
    let student = test.student("Sam").await;
    let path = hours(&tutor, "2027-04-28", "2027-05-02");
    let slots = student.get(&path).await.expect(200);
    let starts: Vec<&Value> = slots["items"].as_array().unwrap().iter().collect();
    assert!(!starts.is_empty());
    for slot in starts {
        assert!(at(slot["end"].as_str().unwrap()) <= at("2027-04-29T00:00:00Z"));
    }
}

#[tokio::test]
async fn what_comes_within_a_longer_horizon_is_read_soon() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let tutor = centre.connected_tutor(&test, "Tina").await;
    let ada = test.admin("Ada").await;
    busy(
        &test,
        &tutor,
        "2027-05-19T00:00:00Z",
        "2027-07-20T00:00:00Z",
    );
    read_anew(&test).await;
    let student = test.student("Sam").await;
    let path = hours(&tutor, "2027-05-18", "2027-05-22");
    let none = student.get(&path).await.expect(200);
    assert_eq!(none["items"], json!([]));
    let read = ada.get("/v1/centre/policy").await;
    let etag = read.etag();
    let mut policy = read.expect(200);
    policy["horizon_days"] = json!(90);
    let edited = ada.edit(Method::PUT, "/v1/centre/policy", &etag, &policy);
    edited.await.expect(200);
    test.pass(TimeDelta::seconds(30));
    test.run_jobs().await;
    let slots = student.get(&path).await.expect(200);
    let slots = slots["items"].as_array().unwrap();
    assert!(!slots.is_empty());
    for slot in slots {
        assert!(at(slot["end"].as_str().unwrap()) <= at("2027-05-19T00:00:00Z"));
    }

    // A tutor's own horizon as well.
    let own = json!({"horizon_days": 150});
    let own = tutor.edit(Method::PUT, "/policy", &own).await;
    own.expect(200);
    test.pass(TimeDelta::seconds(3));
    test.run_jobs().await;
    let path = hours(&tutor, "2027-07-19", "2027-07-22");
    let slots = student.get(&path).await.expect(200);
    let slots = slots["items"].as_array().unwrap();
    assert!(!slots.is_empty());
    for slot in slots {
        assert!(at(slot["start"].as_str().unwrap()) >= at("2027-07-20T00:00:00Z"));
    }
}

#[tokio::test]
async fn an_event_of_a_whole_day_is_that_day_in_the_zone_of_the_calendar() {
    let test = TestApp::start().await;
    test.google.add_account(google_sandbox::Account {
        email: email("Tina"),
        name: "Tina".to_owned(),
        time_zone: chrono_tz::Pacific::Auckland,
    });
    let centre = Centre::open(&test).await;
    let tutor = centre.connected_tutor(&test, "Tina").await;
    let id = busy(&test, &tutor, MORNING, NOON);
    let third_of_march = json!({
        "start": {"date": "2027-03-03", "dateTime": null, "timeZone": null},
        "end": {"date": "2027-03-04", "dateTime": null, "timeZone": null},
    });
    test.google
        .patch_event(&tutor.email, &id, &third_of_march)
        .unwrap();
    read_anew(&test).await;
    // It lasts from 11:00 on the second to 11:00 on the third, in UTC.
    let left = free(&test, &tutor).await;
    let last = left.iter().rfind(|start| start.as_str() < NOON).unwrap();
    assert_eq!(last, "2027-03-02T10:00:00Z");
    let next = left.iter().find(|start| start.as_str() >= NOON).unwrap();
    assert_eq!(next, "2027-03-03T11:00:00Z");
}

#[tokio::test]
async fn reading_goes_on_though_a_booking_had_just_read() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let tutor = centre.connected_tutor(&test, "Tina").await;
    test.pass(TimeDelta::minutes(1));
    // The booking looked at its clock a moment after the job did, and was first to say so.
    test.execute(
        "UPDATE google_grants SET busy_attempted_at = busy_attempted_at + interval '61 seconds'",
    )
    .await;
    test.run_jobs().await;
    busy(&test, &tutor, MORNING, NOON);
    test.pass(TimeDelta::minutes(2));
    test.run_jobs().await;
    assert_eq!(free(&test, &tutor).await[0], NOON);
}

#[tokio::test]
async fn what_is_read_while_the_tutor_disconnects_is_forgotten() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let mut tutor = centre.tutor(&test, "Tina").await;
    let email = tutor.email.clone();
    let connected = tutor.person.connect_calendar(&email, Consent::All).await;
    connected.expect(303);
    busy(&test, &tutor, MORNING, NOON);
    // Google answers late, and never hears that the connection has ended.
    let late = Effect::Hang(Duration::from_secs(1));
    test.google
        .fail_next(Failure::new(Target::Calendar, late).path("/events"));
    let deaf = Failure::status(Target::Revoke, 500, "backendError");
    test.google.fail_next(deaf.times(u32::MAX));
    let disconnect = async {
        let asked = "SELECT count(*) FROM google_grants WHERE busy_attempted_at IS NOT NULL";
        while test.count(asked).await == 0 {
            tokio::task::yield_now().await;
        }
        let gone = tutor.person.delete("/v1/calendar/connection").await;
        gone.expect(204);
    };
    tokio::join!(test.run_jobs(), disconnect);
    assert_eq!(test.count("SELECT count(*) FROM busy_spans").await, 0);
    assert_eq!(free(&test, &tutor).await[0], MORNING);
}
