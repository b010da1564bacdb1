//! Booking a lesson and giving it up again.

use crate::support::{Centre, Person, TestApp, TutorAtCentre, at, email};
use chrono::{DateTime, TimeDelta, Utc};
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn a_student_books_and_the_event_stands_in_the_tutors_calendar_with_the_student_as_attendee()
{
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let tutor = centre.connected_tutor(&test, "Tina").await;
    let student = test.student("Sam").await;

    let path = format!(
        "/v1/tutors/{}/slots?from=2027-03-02T00:00:00Z&to=2027-03-03T00:00:00Z&minutes=60&time_zone=Asia/Kolkata",
        tutor.id
    );
    let slots = student.get(&path).await.expect(200);
    // Nine to five in Berlin, every half hour, the last at four.
    assert_eq!(slots["items"].as_array().unwrap().len(), 15);
    assert_eq!(slots["items"][0]["start"], "2027-03-02T08:00:00Z");
    assert_eq!(
        slots["items"][0]["local_start"],
        "2027-03-02T13:30:00+05:30"
    );

    let booked = student
        .post("/v1/bookings", &tutor.lesson("2027-03-02T08:00:00Z", 60))
        .await;
    let location = booked.headers["location"].to_str().unwrap().to_owned();
    let booking = booked.expect(201);
    assert_eq!(booking["calendar"], "pending");

    test.run_jobs().await;
    let events = test.google.events(&tutor.email);
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["attendees"][0]["email"], email("Sam"));
    assert_eq!(
        at(events[0]["start"]["dateTime"].as_str().unwrap()),
        at("2027-03-02T08:00:00Z")
    );
    assert_eq!(
        student.get(&location).await.expect(200)["calendar"],
        "current"
    );

    let other = test.student("Olga").await;
    let refused = other
        .post("/v1/bookings", &tutor.lesson("2027-03-02T08:30:00Z", 60))
        .await;
    let problem = refused.expect_problem(409, "slot_unavailable");
    assert_eq!(problem["conflicts"][0]["code"], "lesson");
    let alternative = &problem["alternatives"][0];
    assert_eq!(alternative["start"], "2027-03-02T09:00:00Z");
    other
        .post("/v1/bookings", &tutor.lesson("2027-03-02T09:00:00Z", 60))
        .await
        .expect(201);

    student
        .post(&format!("{location}/cancel"), &json!({"reason": "ill"}))
        .await
        .expect(200);
    test.run_jobs().await;
    let events = test.google.events(&tutor.email);
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["attendees"][0]["email"], email("Olga"));
    let again = other.get(&path).await.expect(200);
    assert_eq!(again["items"][0]["start"], "2027-03-02T08:00:00Z");
}

/// A tutor and a student with nothing booked.
struct World {
    test: TestApp,
    tutor: TutorAtCentre,
    sam: Person,
}

impl World {
    async fn new() -> Self {
        let test = TestApp::start().await;
        let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
        let sam = test.student("Sam").await;
        Self { test, tutor, sam }
    }

    /// Books an hour for Sam; the path of the booking.
    async fn book(&self, start: &str) -> String {
        book(&self.sam, &self.tutor, start).await
    }

    /// Asks for a lesson that can't be had; what is told.
    async fn refused(&self, start: &str, minutes: i64) -> Value {
        self.sam
            .post("/v1/bookings", &self.tutor.lesson(start, minutes))
            .await
            .expect_problem(409, "slot_unavailable")
    }
}

async fn book(student: &Person, tutor: &TutorAtCentre, start: &str) -> String {
    let answer = student.post("/v1/bookings", &tutor.lesson(start, 60)).await;
    let location = answer.headers["location"].to_str().unwrap().to_owned();
    answer.expect(201);
    location
}

async fn cancel(person: &Person, location: &str) -> Value {
    person
        .post(&format!("{location}/cancel"), &json!({}))
        .await
        .expect(200)
}

async fn listed(person: &Person, query: &str) -> Vec<String> {
    let list = person
        .get(&format!("/v1/bookings{query}"))
        .await
        .expect(200);
    let items = list["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| item["start"].as_str().unwrap().to_owned())
        .collect()
}

fn codes(problem: &Value) -> Vec<&str> {
    let conflicts = problem["conflicts"].as_array().unwrap();
    conflicts
        .iter()
        .map(|conflict| conflict["code"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn both_sides_see_the_same_booking() {
    let world = World::new().await;
    let location = world.book("2027-03-02T08:00:00Z").await;
    let seen = world.sam.get(&location).await;
    let also = world.tutor.person.get(&location).await;
    assert_eq!(seen.etag(), also.etag());
    let (seen, also) = (seen.expect(200), also.expect(200));
    assert_eq!(seen, also);
    assert_eq!(seen["status"], "confirmed");
    assert_eq!(seen["start"], "2027-03-02T08:00:00Z");
    assert_eq!(seen["end"], "2027-03-02T09:00:00Z");
    assert_eq!(seen["time_zone"], "Europe/Berlin");
    assert_eq!(
        seen["tutor"],
        json!({"id": world.tutor.id.0, "name": "Tina"})
    );
    assert_eq!(seen["student"]["name"], "Sam");
    assert_eq!(
        seen["subject"],
        json!({"slug": "mathematics", "name": "Mathematics"})
    );
    assert_eq!(seen["level"], "School");
    assert_eq!(seen["calendar"], "not_connected");
    assert!(seen["cancelled_at"].is_null() && seen["cancellation_reason"].is_null());
}

#[tokio::test]
async fn bookings_are_listed_by_side_status_and_time() {
    let world = World::new().await;
    let other = Centre.tutor(&world.test, "Theo").await;
    let [one, two, three] = [
        "2027-03-02T08:00:00Z",
        "2027-03-02T09:00:00Z",
        "2027-03-03T08:00:00Z",
    ];
    // In another order than the one in which they are listed.
    world.book(three).await;
    let second = world.book(two).await;
    book(&world.sam, &other, one).await;
    cancel(&world.sam, &second).await;
    // Tina learns something herself, from Theo.
    book(&world.tutor.person, &other, two).await;

    let (sam, tina) = (&world.sam, &world.tutor.person);
    assert_eq!(listed(sam, "").await, [one, two, three]);
    assert_eq!(listed(sam, "?as=student").await, [one, two, three]);
    assert!(listed(sam, "?as=tutor").await.is_empty());
    assert_eq!(listed(tina, "?as=tutor").await, [two, three]);
    assert_eq!(listed(tina, "").await, [two]);
    assert_eq!(listed(&other.person, "?as=tutor").await, [one, two]);
    assert_eq!(listed(sam, "?status=confirmed").await, [one, three]);
    assert_eq!(listed(sam, "?status=cancelled").await, [two]);
    assert_eq!(listed(tina, "?as=tutor&status=confirmed").await, [three]);
    // What only touches the time asked for is not in it.
    assert_eq!(
        listed(sam, "?from=2027-03-02T09:00:00Z").await,
        [two, three]
    );
    assert_eq!(
        listed(sam, "?from=2027-03-02T08:59:59Z").await,
        [one, two, three]
    );
    assert_eq!(listed(sam, "?to=2027-03-02T09:00:00Z").await, [one]);
    assert_eq!(listed(sam, "?to=2027-03-02T09:00:01Z").await, [one, two]);
    let within = "?from=2027-03-02T10:00:00%2B01:00&to=2027-03-03T00:00:00%2B01:00";
    assert_eq!(listed(sam, within).await, [two]);
    assert!(
        listed(sam, "?from=2027-03-03T00:00:00Z&to=2027-03-02T00:00:00Z")
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn paging_to_the_end_shows_every_booking_once() {
    let world = World::new().await;
    let other = Centre.tutor(&world.test, "Theo").await;
    // Three at one start, of which two are cancelled, and two others.
    for _ in 0..2 {
        cancel(&world.sam, &world.book("2027-03-02T08:00:00Z").await).await;
    }
    for start in ["2027-03-02T08:00:00Z", "2027-03-02T09:30:00Z"] {
        world.book(start).await;
    }
    book(&world.sam, &other, "2027-03-02T10:30:00Z").await;
    for (person, query, count) in [
        (&world.sam, "", 5),
        (&world.sam, "?status=cancelled", 2),
        (&world.sam, "?from=2027-03-02T09:00:00Z", 2),
        (&world.tutor.person, "?as=tutor", 4),
    ] {
        let path = format!("/v1/bookings{query}");
        let whole = person.get(&path).await.expect(200);
        let paged = person.pages_of_one(&path).await;
        assert_eq!(paged.len(), count, "{query}");
        assert_eq!(whole["items"], json!(paged), "{query}");
        let ids: std::collections::BTreeSet<_> =
            paged.iter().map(|item| item["id"].to_string()).collect();
        assert_eq!(ids.len(), count, "{query}");
    }
}

#[tokio::test]
async fn the_tutor_cancels_and_the_student_reads_why() {
    let world = World::new().await;
    let location = world.book("2027-03-02T08:00:00Z").await;
    let reason = json!({"reason": "I am ill.\nSorry!"});
    let answer = world
        .tutor
        .person
        .post(&format!("{location}/cancel"), &reason)
        .await;
    let etag = answer.etag();
    let cancelled = answer.expect(200);
    assert_eq!(cancelled["status"], "cancelled");
    assert_eq!(cancelled["cancelled_at"], "2027-03-01T07:00:00Z");
    let read = world.sam.get(&location).await;
    assert_eq!(read.etag(), etag);
    let read = read.expect(200);
    assert_eq!(read, cancelled);
    assert_eq!(read["cancellation_reason"], "I am ill.\nSorry!");
    // The time is free at once, for the same student too.
    world.book("2027-03-02T08:00:00Z").await;
}

#[tokio::test]
async fn a_booking_is_cancelled_once() {
    let world = World::new().await;
    let location = world.book("2027-03-02T08:00:00Z").await;
    let path = format!("{location}/cancel");
    let body = json!({"reason": "first"});
    let asked = (0..8).map(|at| {
        let person = if at % 2 == 0 {
            &world.sam
        } else {
            &world.tutor.person
        };
        person.post(&path, &body)
    });
    let answers = join_all(asked).await;
    assert_eq!(
        answers.iter().filter(|answer| answer.status == 200).count(),
        1
    );
    for answer in answers.into_iter().filter(|answer| answer.status != 200) {
        answer.expect_problem(409, "already_cancelled");
    }
    world
        .sam
        .post(&path, &json!({"reason": "second"}))
        .await
        .expect_problem(409, "already_cancelled");
    let kept = world.sam.get(&location).await.expect(200);
    assert_eq!(kept["cancellation_reason"], "first");
}

#[tokio::test]
async fn what_has_begun_is_not_cancelled() {
    let world = World::new().await;
    let location = world.book("2027-03-02T08:00:00Z").await;
    let other = world.book("2027-03-02T09:00:00Z").await;
    world.test.set_clock(at("2027-03-02T08:00:00Z"));
    for person in [&world.sam, &world.tutor.person] {
        person
            .post(&format!("{location}/cancel"), &json!({}))
            .await
            .expect_problem(409, "already_started");
    }
    world.test.set_clock(at("2027-03-02T08:59:59.999999Z"));
    cancel(&world.sam, &other).await;
}

#[tokio::test]
async fn a_cancellation_of_what_has_changed_since_is_refused() {
    let world = World::new().await;
    let location = world.book("2027-03-02T08:00:00Z").await;
    let path = format!("{location}/cancel");
    let etag = world.sam.get(&location).await.etag();
    world
        .sam
        .edit(Method::POST, &path, "\"2\"", &json!({}))
        .await
        .expect_problem(412, "stale_etag");
    // One of several is enough.
    let several = format!("\"2\", {etag}");
    let cancelled = world
        .sam
        .edit(Method::POST, &path, &several, &json!({}))
        .await;
    assert_ne!(cancelled.etag(), etag);
    cancelled.expect(200);
    world
        .sam
        .edit(Method::POST, &path, &etag, &json!({}))
        .await
        .expect_problem(412, "stale_etag");
}

#[tokio::test]
async fn what_is_not_on_offer_is_not_booked() {
    let world = World::new().await;
    for (field, value) in [
        ("subject", "physics"),
        ("level", "Bachelor"),
        ("subject", "alchemy"),
    ] {
        let mut wanted = world.tutor.lesson("2027-03-02T08:00:00Z", 60);
        wanted[field] = json!(value);
        let refused = world.sam.post("/v1/bookings", &wanted).await;
        let problem = refused.expect_problem(422, "invalid_fields");
        assert_eq!(problem["errors"][0]["code"], "not_offered");
    }
    let problem = world.refused("2027-03-02T08:00:00Z", 45).await;
    assert_eq!(codes(&problem), ["length_not_offered"]);
    // At no other time is there a lesson of this length.
    assert!(problem.get("alternatives").is_none(), "{problem:#}");
}

#[tokio::test]
async fn nobody_books_themselves() {
    let world = World::new().await;
    let wanted = world.tutor.lesson("2027-03-02T08:00:00Z", 60);
    let refused = world.tutor.person.post("/v1/bookings", &wanted).await;
    let problem = refused.expect_problem(409, "own_lesson");
    assert!(problem.get("conflicts").is_none());
}

#[tokio::test]
async fn each_reason_why_a_time_can_not_be_booked_has_its_code() {
    let world = World::new().await;
    for (start, minutes, expected) in [
        ("2027-03-02T08:15:00Z", 60, &["grid"][..]),
        ("2027-03-02T08:00:00.000001Z", 60, &["grid"]),
        ("2027-03-02T07:30:00Z", 60, &["outside_availability"]),
        ("2027-03-02T15:30:00Z", 60, &["outside_availability"]),
        ("2027-03-06T08:00:00Z", 60, &["outside_availability"]),
        ("2027-02-26T08:00:00Z", 60, &["notice"]),
        ("2027-04-30T07:30:00Z", 60, &["horizon"]),
        ("2027-03-02T08:00:00Z", 61, &["length_not_offered"]),
    ] {
        let problem = world.refused(start, minutes).await;
        assert_eq!(codes(&problem), expected, "{start}");
    }
    let everything = world.refused("2020-01-01T03:07:00Z", 61).await;
    let mut found = codes(&everything);
    found.sort_unstable();
    assert_eq!(
        found,
        [
            "grid",
            "length_not_offered",
            "notice",
            "outside_availability"
        ]
    );
    world.test.pass(TimeDelta::minutes(61));
    assert_eq!(
        codes(&world.refused("2027-03-01T08:30:00Z", 60).await),
        ["notice"]
    );
    assert!(listed(&world.sam, "").await.is_empty());
}

#[tokio::test]
async fn a_student_who_is_busy_with_another_tutor_is_told_when() {
    let world = World::new().await;
    let theo = Centre.tutor(&world.test, "Theo").await;
    book(&world.sam, &theo, "2027-03-02T08:30:00Z").await;
    let problem = world.refused("2027-03-02T09:00:00Z", 60).await;
    let own = json!({
        "code": "student_busy", "start": "2027-03-02T08:30:00Z", "end": "2027-03-02T09:30:00Z",
    });
    assert_eq!(problem["conflicts"], json!([own]));
    assert_eq!(problem["alternatives"][0]["start"], "2027-03-02T09:30:00Z");
    // What only touches is not in the way.
    world.book("2027-03-02T09:30:00Z").await;
}

#[tokio::test]
async fn what_the_tutor_has_to_do_is_told_to_nobody() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test)
        .await
        .connected_tutor(&test, "Tina")
        .await;
    let (sam, olga) = (test.student("Sam").await, test.student("Olga").await);
    book(&sam, &tutor, "2027-03-02T08:00:00Z").await;
    book(&sam, &tutor, "2027-03-02T09:00:00Z").await;
    let busy = |from, to| {
        let (from, to) = (at(from), at(to));
        test.google
            .insert_busy(&tutor.email, from, to, "Oncologist");
    };
    busy("2027-03-02T13:10:00Z", "2027-03-02T13:20:00Z");
    busy("2027-03-02T13:40:00Z", "2027-03-02T13:50:00Z");
    test.pass(TimeDelta::minutes(2));
    test.run_jobs().await;
    for (start, minutes, expected) in [
        // However many there are, and wherever they lie.
        ("2027-03-02T08:30:00Z", 90, "lesson"),
        ("2027-03-02T13:00:00Z", 60, "calendar_busy"),
    ] {
        let answer = olga
            .post("/v1/bookings", &tutor.lesson(start, minutes))
            .await;
        let problem = answer.expect_problem(409, "slot_unavailable");
        assert_eq!(problem["conflicts"], json!([{"code": expected}]));
        let told = problem.to_string();
        for private in ["Sam", "Oncologist", "13:10", "13:50", "example.com"] {
            assert!(!told.contains(private), "{told}");
        }
    }
}

#[tokio::test]
async fn what_is_told_as_an_alternative_can_be_booked_nearest_first() {
    let world = World::new().await;
    let olga = world.test.student("Olga").await;
    let theo = Centre.tutor(&world.test, "Theo").await;
    book(&olga, &world.tutor, "2027-03-02T10:00:00Z").await;
    book(&world.sam, &theo, "2027-03-02T11:00:00Z").await;
    let mut taken = 0;
    loop {
        let answer = world
            .sam
            .post(
                "/v1/bookings",
                &world.tutor.lesson("2027-03-02T10:00:00Z", 60),
            )
            .await;
        let problem = answer.expect_problem(409, "slot_unavailable");
        let alternatives = problem["alternatives"].as_array().unwrap().clone();
        assert_eq!(alternatives.len(), 5);
        let distances: Vec<_> = alternatives
            .iter()
            .map(|slot| {
                let start: DateTime<Utc> = at(slot["start"].as_str().unwrap());
                (start - at("2027-03-02T10:00:00Z")).abs()
            })
            .collect();
        assert!(distances.is_sorted(), "{alternatives:#?}");
        if taken == 0 {
            assert_eq!(alternatives[0]["start"], "2027-03-02T09:00:00Z");
        }
        if taken == 8 {
            break;
        }
        let start = alternatives[taken % 5]["start"].as_str().unwrap();
        world.book(start).await;
        taken += 1;
    }
}

#[tokio::test]
async fn a_student_sees_no_other_student_and_no_address_of_anybody_else() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test)
        .await
        .connected_tutor(&test, "Tina")
        .await;
    let (sam, olga) = (test.student("Samuel").await, test.student("Olga").await);
    let sams = book(&sam, &tutor, "2027-03-02T08:00:00Z").await;
    let olgas = book(&olga, &tutor, "2027-03-02T10:00:00Z").await;
    test.run_jobs().await;
    let slots = "/slots?from=2027-03-02T00:00:00Z&to=2027-03-03T00:00:00Z&minutes=60";
    for path in [
        "/v1/tutors",
        &tutor.path(""),
        &tutor.path("/offers"),
        &tutor.path("/weekly-rules"),
        &tutor.path(slots),
        "/v1/bookings",
        "/v1/bookings?as=tutor",
        "/v1/calendar/connection",
        &olgas,
        &sams,
    ] {
        let told = olga.get(path).await.body.to_string();
        for private in ["Samuel", "samuel@", &tutor.email, "@example"] {
            assert!(!told.contains(private), "{path}: {told}");
        }
    }
    let taken = olga
        .post("/v1/bookings", &tutor.lesson("2027-03-02T08:00:00Z", 60))
        .await
        .expect_problem(409, "slot_unavailable");
    assert!(!taken.to_string().contains("Samuel"), "{taken}");
    // The tutor sees names, and no addresses either.
    let told = tutor
        .person
        .get("/v1/bookings?as=tutor")
        .await
        .body
        .to_string();
    assert!(told.contains("Samuel") && told.contains("Olga"), "{told}");
    assert!(!told.contains('@'), "{told}");
}

/// Who goes through a list need not read each thing of it again before the next step.
#[tokio::test]
async fn what_is_listed_says_for_which_version_the_next_step_is() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let student = test.student("Sam").await;
    let wanted = tutor.lesson("2027-03-02T08:00:00Z", 60);
    student.post("/v1/bookings", &wanted).await.expect(201);
    let mut group = tutor.lesson("2027-03-04T08:00:00Z", 60);
    group["capacity"] = json!(4);
    tutor.person.post("/v1/lessons", &group).await.expect(201);
    let series = json!({
        "tutor_id": tutor.id.0, "subject": "mathematics", "level": "School",
        "start": "2027-03-05T09:00", "minutes": 60, "rule": "FREQ=WEEKLY;COUNT=2",
    });
    student.post("/v1/series", &series).await.expect(201);

    for (person, list) in [
        (&student, "/v1/bookings"),
        (&tutor.person, "/v1/bookings?as=tutor"),
        (&tutor.person, "/v1/lessons"),
        (&student, "/v1/series"),
    ] {
        let listed = person.get(list).await.expect(200);
        let item = &listed["items"][0];
        let path = list.split('?').next().unwrap();
        let path = format!("{path}/{}", item["id"].as_str().unwrap());
        let read = person.get(&path).await;
        assert_eq!(item["etag"], read.etag(), "{list}");
        assert_eq!(read.expect(200)["etag"], item["etag"], "{list}");
    }
    let listed = student.get("/v1/bookings").await.expect(200);
    let first = &listed["items"][0];
    let path = format!("/v1/bookings/{}/cancel", first["id"].as_str().unwrap());
    let etag = first["etag"].as_str().unwrap();
    let cancelled = student.edit(Method::POST, &path, etag, &json!({})).await;
    assert_ne!(cancelled.expect(200)["etag"], first["etag"]);
    let again = student.edit(Method::POST, &path, etag, &json!({})).await;
    again.expect_problem(412, "stale_etag");
}
