//! How much students may book: at a time, in a week, and in a term.

use crate::support::{
    Answer, Centre, Person, TestApp, TutorAtCentre,
    lesson::{FIRST, FOURTH, SECOND, THIRD, book, cancel},
};
use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};

const CENTRE: &str = "/v1/centre/policy";
const TERMS: &str = "/v1/centre/terms";
const NEXT_WEEK: &str = "2027-03-09T08:00:00Z";

struct World {
    test: TestApp,
    tutor: TutorAtCentre,
    sam: Person,
    admin: Person,
}

impl World {
    async fn new() -> Self {
        let test = TestApp::start_with(|config| config.database.max_connections = 32).await;
        let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
        Self {
            sam: test.student("Sam").await,
            admin: test.admin("Ada").await,
            tutor,
            test,
        }
    }

    /// Changes some of the centre's policy.
    async fn centre(&self, changes: Value) {
        let read = self.admin.get(CENTRE).await;
        let etag = read.etag();
        let mut policy = read.expect(200);
        for (name, value) in changes.as_object().unwrap() {
            policy[name] = value.clone();
        }
        let edited = self.admin.edit(Method::PUT, CENTRE, &etag, &policy).await;
        edited.expect(200);
    }

    /// Says what holds for Sam.
    async fn own(&self, mut quota: Value) -> Value {
        let sam = self.sam.id().await;
        let read = self.admin.get(&format!("/v1/quota?student_id={sam}")).await;
        quota["student_id"] = json!(sam);
        let edited = self
            .admin
            .edit(Method::PUT, "/v1/quota", &read.etag(), &quota)
            .await;
        edited.expect(200)
    }

    async fn terms(&self, terms: Value) -> Answer {
        let etag = self.admin.get(TERMS).await.etag();
        let terms = json!({"terms": terms});
        self.admin.edit(Method::PUT, TERMS, &etag, &terms).await
    }

    async fn refused(&self, path: &str, start: &str, expected: Value) {
        let lesson = self.tutor.lesson(start, 60);
        let refused = self.sam.post(path, &lesson).await;
        let problem = refused.expect_problem(409, "quota_exceeded");
        assert_eq!(problem["quota"], expected);
        assert_eq!(problem["alternatives"], Value::Null);
    }
}

fn exceeded(name: &str, limit: i64, used: i64) -> Value {
    json!({"name": name, "limit": limit, "used": used})
}

#[tokio::test]
async fn a_student_has_so_many_bookings_at_a_time_holds_included() {
    let world = World::new().await;
    world.centre(json!({"max_active_bookings": 2})).await;
    let booking = book(&world.sam, &world.tutor, FIRST).await;
    let hold = world
        .sam
        .post("/v1/holds", &world.tutor.lesson(SECOND, 60))
        .await
        .expect(201);
    let full = exceeded("active_bookings", 2, 2);
    for path in ["/v1/bookings", "/v1/holds"] {
        world.refused(path, THIRD, full.clone()).await;
    }
    // What was held counts once, as a hold and as a booking.
    let path = format!("/v1/holds/{}/book", hold["id"].as_str().unwrap());
    world.sam.post(&path, &json!({})).await.expect(201);
    let standing = world.sam.get("/v1/quota").await.expect(200);
    assert_eq!(standing["active_bookings"], json!({"limit": 2, "used": 2}));
    assert_eq!(
        standing["weekly_minutes"],
        json!({"limit": null, "used": 120})
    );
    cancel(&world.sam, &booking).await;
    let third = world
        .sam
        .post("/v1/holds", &world.tutor.lesson(THIRD, 60))
        .await;
    third.expect(201);
    world.refused("/v1/bookings", FOURTH, full.clone()).await;
    // What has expired counts no longer, nor do lessons that are over.
    world.test.pass(TimeDelta::minutes(10));
    book(&world.sam, &world.tutor, FOURTH).await;
    world.refused("/v1/bookings", NEXT_WEEK, full).await;
    world
        .test
        .set_clock(crate::support::at("2027-03-02T12:00:00Z"));
    book(&world.sam, &world.tutor, NEXT_WEEK).await;
    // Others have quotas of their own.
    let olga = world.test.student("Olga").await;
    book(&olga, &world.tutor, "2027-03-09T09:00:00Z").await;
}

#[tokio::test]
async fn a_student_has_so_many_minutes_in_a_week() {
    let world = World::new().await;
    world.centre(json!({"weekly_minutes": 150})).await;
    let first = book(&world.sam, &world.tutor, FIRST).await;
    book(&world.sam, &world.tutor, SECOND).await;
    world
        .refused("/v1/bookings", THIRD, exceeded("weekly_minutes", 150, 120))
        .await;
    let next = book(&world.sam, &world.tutor, NEXT_WEEK).await;
    // Nor is anything moved into a week that is full, but within it, and by others.
    let move_to = |person: &'static str, booking: String, start: &'static str| {
        let end = crate::support::at(start) + TimeDelta::minutes(60);
        let body = json!({"start": start, "end": end});
        let person = if person == "sam" {
            &world.sam
        } else {
            &world.tutor.person
        };
        async move { person.post(&format!("{booking}/reschedule"), &body).await }
    };
    let refused = move_to("sam", next.clone(), FOURTH).await;
    refused.expect_problem(409, "quota_exceeded");
    move_to("sam", first, THIRD).await.expect(200);
    move_to("tina", next, FOURTH).await.expect(200);
    let standing = world
        .sam
        .get("/v1/quota?at=2027-03-07T20:00:00Z")
        .await
        .expect(200);
    assert_eq!(
        standing["weekly_minutes"],
        json!({"limit": 150, "used": 180})
    );
    assert_eq!(standing["week_start"], "2027-02-28T23:00:00Z");
    let after = world
        .sam
        .get("/v1/quota?at=2027-03-07T23:00:00Z")
        .await
        .expect(200);
    assert_eq!(after["weekly_minutes"], json!({"limit": 150, "used": 0}));
}

#[tokio::test]
async fn a_student_has_so_many_minutes_in_a_term() {
    let world = World::new().await;
    world.centre(json!({"term_minutes": 60})).await;
    let term = |name, first, last| json!({"name": name, "first_date": first, "last_date": last});
    let (winter, spring) = (
        term("Winter", "2027-01-01", "2027-03-02"),
        term("Spring", "2027-03-09", "2027-06-30"),
    );
    let terms = world.terms(json!([spring, winter])).await.expect(200);
    assert_eq!(terms["items"], json!([winter, spring]));
    book(&world.sam, &world.tutor, FIRST).await;
    world
        .refused("/v1/bookings", SECOND, exceeded("term_minutes", 60, 60))
        .await;
    // Between terms nothing counts.
    book(&world.sam, &world.tutor, "2027-03-03T08:00:00Z").await;
    book(&world.sam, &world.tutor, "2027-03-03T09:00:00Z").await;
    book(&world.sam, &world.tutor, NEXT_WEEK).await;
    world
        .refused(
            "/v1/bookings",
            "2027-03-10T08:00:00Z",
            exceeded("term_minutes", 60, 60),
        )
        .await;
    let standing = world.sam.get("/v1/quota").await.expect(200);
    assert_eq!(standing["term"], "Winter");
    assert_eq!(standing["term_minutes"], json!({"limit": 60, "used": 60}));
    let overlapping = json!([winter, term("Other", "2027-03-02", "2027-03-03")]);
    let problem = world
        .terms(overlapping)
        .await
        .expect_problem(422, "invalid_fields");
    assert_eq!(
        (
            &problem["errors"][0]["field"],
            &problem["errors"][0]["code"]
        ),
        (&json!("terms[1]"), &json!("overlaps"))
    );
    let stale = world
        .admin
        .edit(Method::PUT, TERMS, "\"1\"", &json!({"terms": []}))
        .await;
    stale.expect_problem(412, "stale_etag");
    let by_student = world
        .sam
        .edit(Method::PUT, TERMS, "\"1\"", &json!({"terms": []}))
        .await;
    by_student.expect_problem(403, "not_an_admin");
}

#[tokio::test]
async fn what_is_said_for_a_student_stands_above_the_centre() {
    let world = World::new().await;
    // Also where the centre has none, and it is remembered that nobody has.
    let booking = book(&world.sam, &world.tutor, FIRST).await;
    cancel(&world.sam, &booking).await;
    let standing = world.own(json!({"max_active_bookings": 1})).await;
    assert_eq!(standing["active_bookings"], json!({"limit": 1, "used": 0}));
    book(&world.sam, &world.tutor, FIRST).await;
    world
        .refused("/v1/bookings", SECOND, exceeded("active_bookings", 1, 1))
        .await;
    let olga = world.test.student("Olga").await;
    book(&olga, &world.tutor, THIRD).await;
    world
        .centre(json!({"max_active_bookings": 1, "weekly_minutes": 60}))
        .await;
    world.own(json!({"max_active_bookings": 5})).await;
    world
        .refused("/v1/bookings", SECOND, exceeded("weekly_minutes", 60, 60))
        .await;
    world
        .own(json!({"max_active_bookings": 5, "weekly_minutes": 120}))
        .await;
    book(&world.sam, &world.tutor, SECOND).await;
    let own = format!("/v1/quota?student_id={}", world.sam.id().await);
    let body = json!({"student_id": world.sam.id().await, "weekly_minutes": 600});
    for person in [&world.sam, &world.tutor.person] {
        let refused = person.edit(Method::PUT, "/v1/quota", "\"3\"", &body).await;
        refused.expect_problem(403, "not_an_admin");
    }
    let stale = world
        .admin
        .edit(Method::PUT, "/v1/quota", "\"2\"", &body)
        .await;
    stale.expect_problem(412, "stale_etag");
    olga.get(&own).await.expect_problem(404, "not_found");
    world
        .tutor
        .person
        .get(&own)
        .await
        .expect_problem(404, "not_found");
}

#[tokio::test]
async fn admins_are_bound_unless_they_say_so_and_nobody_else_can() {
    let world = World::new().await;
    world.centre(json!({"max_active_bookings": 0})).await;
    let mut lesson = world.tutor.lesson(FIRST, 60);
    lesson["student_id"] = json!(world.sam.id().await);
    let refused = world.admin.post("/v1/bookings", &lesson).await;
    refused.expect_problem(409, "quota_exceeded");
    lesson["beyond_quota"] = json!(true);
    for person in [&world.sam, &world.tutor.person] {
        for path in ["/v1/bookings", "/v1/holds"] {
            let refused = person.post(path, &lesson).await;
            let is_sam = std::ptr::eq(person, &raw const world.sam);
            let (status, code) = if is_sam {
                (403, "not_an_admin")
            } else {
                (404, "not_found")
            };
            refused.expect_problem(status, code);
        }
    }
    world.admin.post("/v1/bookings", &lesson).await.expect(201);
    lesson["start"] = json!(SECOND);
    lesson["end"] = json!(THIRD);
    world.admin.post("/v1/holds", &lesson).await.expect(201);
}

#[tokio::test]
async fn a_series_is_tried_as_it_is_booked() {
    let world = World::new().await;
    world.centre(json!({"weekly_minutes": 60})).await;
    let twice_a_week = json!({
        "tutor_id": world.tutor.id.0, "subject": "mathematics", "level": "School",
        "start": "2027-03-02T09:00", "minutes": 60, "rule": "FREQ=WEEKLY;BYDAY=TU,TH;COUNT=4",
    });
    for path in ["/v1/series?dry_run=true", "/v1/series"] {
        let refused = world.sam.post(path, &twice_a_week).await;
        let problem = refused.expect_problem(409, "quota_exceeded");
        // Without what was asked for, none of which there is.
        let quota = json!({"name": "weekly_minutes", "limit": 60, "used": 0});
        assert_eq!(problem["quota"], quota);
    }
    let mut once_a_week = twice_a_week;
    once_a_week["rule"] = json!("FREQ=WEEKLY;COUNT=4");
    for (path, status) in [("/v1/series?dry_run=true", 200), ("/v1/series", 201)] {
        world.sam.post(path, &once_a_week).await.expect(status);
    }
}
