//! Slots that are set aside: for whom, for how long, and what becomes of them.

use crate::support::{
    Centre, Person, TestApp, TutorAtCentre,
    lesson::{FIRST, FOURTH, SECOND, THIRD, assert_starts, book},
    race::Tally,
};
use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};

/// A tutor and two students with nothing booked.
struct World {
    test: TestApp,
    tutor: TutorAtCentre,
    sam: Person,
    olga: Person,
}

impl World {
    async fn new() -> Self {
        let test = TestApp::start().await;
        let tutor = Centre::open(&test)
            .await
            .connected_tutor(&test, "Tina")
            .await;
        Self {
            sam: test.student("Sam").await,
            olga: test.student("Olga").await,
            tutor,
            test,
        }
    }

    async fn hold(&self, student: &Person, start: &str) -> Value {
        let answer = student
            .post("/v1/holds", &self.tutor.lesson(start, 60))
            .await;
        let location = answer.headers["location"].to_str().unwrap().to_owned();
        let hold = answer.expect(201);
        assert_eq!(location, path(&hold, ""));
        hold
    }

    async fn refused(&self, student: &Person, path: &str, start: &str) -> Value {
        let lesson = self.tutor.lesson(start, 60);
        let refused = student.post(path, &lesson).await;
        refused.expect_problem(409, "slot_unavailable")
    }

    /// The first slot of the day on which [`FIRST`] is.
    async fn first_slot(&self) -> Value {
        let path = self
            .tutor
            .path("/slots?from=2027-03-02T00:00:00Z&to=2027-03-03T00:00:00Z&minutes=60");
        self.olga.get(&path).await.expect(200)["items"][0]["start"].clone()
    }
}

fn path(hold: &Value, below: &str) -> String {
    format!("/v1/holds/{}{below}", hold["id"].as_str().unwrap())
}

#[tokio::test]
async fn what_is_held_nobody_else_can_hold_or_book_until_it_is_booked_by_whom_it_was_held_for() {
    let world = World::new().await;
    let hold = world.hold(&world.sam, FIRST).await;
    assert_eq!(hold["expires_at"], "2027-03-01T07:10:00Z");
    assert_eq!(
        world.sam.get("/v1/holds").await.expect(200)["items"][0],
        hold
    );
    assert_eq!(world.sam.get(&path(&hold, "")).await.expect(200), hold);
    assert_eq!(world.first_slot().await, SECOND);
    for wanted in ["/v1/holds", "/v1/bookings"] {
        world.refused(&world.olga, wanted, FIRST).await;
        // Nor can the student be in two places.
        world.refused(&world.sam, wanted, FIRST).await;
    }
    // It is no booking yet.
    let booking = format!("/v1/bookings/{}", hold["id"].as_str().unwrap());
    world
        .sam
        .get(&booking)
        .await
        .expect_problem(404, "not_found");
    let mine = world.sam.get("/v1/bookings").await.expect(200);
    assert_eq!(mine["items"], json!([]));
    world.test.run_jobs().await;
    assert_starts(&world.test, &world.tutor, &[]);

    world.test.pass(TimeDelta::minutes(9));
    let booked = world.sam.post(&path(&hold, "/book"), &json!({})).await;
    let booked = booked.expect(201);
    assert_eq!(
        (&booked["id"], &booked["status"]),
        (&hold["id"], &json!("confirmed"))
    );
    assert_eq!(booked["expires_at"], Value::Null);
    world
        .sam
        .get(&path(&hold, ""))
        .await
        .expect_problem(404, "not_found");
    world.test.pass(TimeDelta::hours(1));
    assert_eq!(world.sam.get(&booking).await.expect(200), booked);
    world.test.run_jobs().await;
    assert_starts(&world.test, &world.tutor, &[FIRST]);
}

/// A query is not where it is said how to pay, and to say nothing of it takes no body.
#[tokio::test]
async fn a_hold_is_booked_and_a_booking_cancelled_without_a_body() {
    let world = World::new().await;
    let hold = world.hold(&world.sam, FIRST).await;
    let book = path(&hold, "/book");
    let post = |path: &str| world.sam.request(Method::POST, path);
    let misplaced = world
        .sam
        .send(post(&format!("{book}?pay_with=credit")))
        .await;
    let misplaced = misplaced.expect_problem(422, "invalid_fields");
    assert_eq!(misplaced["errors"][0]["field"], "pay_with");
    let booked = world.sam.send(post(&book)).await;
    let booking = booked.headers["location"].to_str().unwrap().to_owned();
    assert_eq!(booked.expect(201)["status"], "confirmed");
    let cancelled = world.sam.send(post(&format!("{booking}/cancel"))).await;
    assert_eq!(cancelled.expect(200)["status"], "cancelled");
}

/// It was meant for another operation, or for a field that there is not.
#[tokio::test]
async fn a_body_that_nobody_reads_is_refused_and_an_empty_object_is_none() {
    let world = World::new().await;
    let hold = path(&world.hold(&world.sam, FIRST).await, "");
    let release = || world.sam.request(Method::DELETE, &hold);
    let meant = release().json(&json!({"reason": "I am ill."}));
    let refused = world.sam.send(meant).await;
    refused.expect_problem(400, "unexpected_body");
    world.sam.get(&hold).await.expect(200);
    let nothing = release().json(&json!({}));
    world.sam.send(nothing).await.expect(204);
}

#[tokio::test]
async fn what_has_expired_is_free_at_that_moment_with_no_sweeper_about() {
    let world = World::new().await;
    let hold = world.hold(&world.sam, FIRST).await;
    // Asked for by all who keep it in memory.
    assert_eq!(world.first_slot().await, SECOND);
    world
        .test
        .pass(TimeDelta::minutes(10) - TimeDelta::nanoseconds(1000));
    assert_eq!(world.first_slot().await, SECOND);
    world.refused(&world.olga, "/v1/bookings", FIRST).await;
    world.test.pass(TimeDelta::nanoseconds(1000));
    assert_eq!(world.first_slot().await, FIRST);
    for below in ["", "/book"] {
        let method = if below.is_empty() {
            Method::GET
        } else {
            Method::POST
        };
        let request = world.sam.request(method, &path(&hold, below));
        let gone = world.sam.send(request).await;
        gone.expect_problem(404, "not_found");
    }
    assert_eq!(
        world.sam.get("/v1/holds").await.expect(200)["items"],
        json!([])
    );
    book(&world.olga, &world.tutor, FIRST).await;
    // The student is free as well, with any tutor.
    book(&world.sam, &world.tutor, SECOND).await;
    assert_eq!(world.first_slot().await, THIRD);
}

/// Who has forgotten what they hold is told what to book, or to let go.
#[tokio::test]
async fn whose_own_hold_is_in_the_way_is_told_which_and_nobody_else_is() {
    let world = World::new().await;
    let hold = world.hold(&world.sam, FIRST).await;
    for path in ["/v1/bookings", "/v1/holds"] {
        let refused = world.refused(&world.sam, path, FIRST).await;
        let conflicts = refused["conflicts"].as_array().unwrap();
        assert_eq!(conflicts.len(), 1, "{refused:#}");
        assert_eq!(conflicts[0]["code"], "student_busy");
        assert_eq!(conflicts[0]["hold_id"], hold["id"]);
        let of_another = world.refused(&world.olga, path, FIRST).await;
        assert!(of_another["conflicts"][0].get("hold_id").is_none());
    }
    // What is booked is no hold.
    let book = world.sam.post(&path(&hold, "/book"), &json!({})).await;
    book.expect(201);
    let refused = world.refused(&world.sam, "/v1/bookings", FIRST).await;
    assert_eq!(refused["conflicts"][0]["code"], "student_busy");
    assert!(refused["conflicts"][0].get("hold_id").is_none());
}

#[tokio::test]
async fn a_hold_is_let_go_by_whoever_acts_for_its_student_and_by_nobody_else() {
    let world = World::new().await;
    let hold = world.hold(&world.sam, FIRST).await;
    for (person, code) in [(&world.olga, 404), (&world.tutor.person, 403)] {
        person.delete(&path(&hold, "")).await.expect(code);
        let refused = person.post(&path(&hold, "/book"), &json!({})).await;
        refused.expect(code);
    }
    world.sam.delete(&path(&hold, "")).await.expect(204);
    world.sam.delete(&path(&hold, "")).await.expect(404);
    assert_eq!(world.first_slot().await, FIRST);
    let admin = world.test.admin("Ada").await;
    let hold = world.hold(&world.olga, FIRST).await;
    admin.delete(&path(&hold, "")).await.expect(204);
    assert_eq!(world.first_slot().await, FIRST);
}

#[tokio::test]
async fn a_student_holds_three_slots_at_a_time() {
    let world = World::new().await;
    let hold = world.hold(&world.sam, FIRST).await;
    world.hold(&world.sam, SECOND).await;
    world.hold(&world.sam, THIRD).await;
    let lesson = world.tutor.lesson(FOURTH, 60);
    let fourth = || world.sam.post("/v1/holds", &lesson);
    fourth().await.expect_problem(409, "too_many_holds");
    world
        .sam
        .post(&path(&hold, "/book"), &json!({}))
        .await
        .expect(201);
    fourth().await.expect(201);
    fourth().await.expect_problem(409, "slot_unavailable");
    world.test.pass(TimeDelta::minutes(10));
    fourth().await.expect(201);
}

#[tokio::test]
async fn a_hold_counts_towards_the_caps_of_its_tutor() {
    let world = World::new().await;
    let policy = json!({"max_lessons_per_day": 1});
    world
        .tutor
        .edit(Method::PUT, "/policy", &policy)
        .await
        .expect(200);
    world.hold(&world.sam, FIRST).await;
    let refused = world.refused(&world.olga, "/v1/bookings", FOURTH).await;
    assert_eq!(refused["conflicts"][0]["code"], "daily_cap");
}

#[tokio::test]
async fn holds_that_came_to_nothing_are_forgotten() {
    let world = World::new().await;
    world.hold(&world.sam, FIRST).await;
    let released = world.hold(&world.sam, SECOND).await;
    world.sam.delete(&path(&released, "")).await.expect(204);
    book(&world.olga, &world.tutor, THIRD).await;
    while api::service::booking::settle(&world.test.app)
        .await
        .unwrap()
    {}
    assert_eq!(world.test.count("SELECT count(*) FROM bookings").await, 3);
    world.test.pass(TimeDelta::days(1) + TimeDelta::minutes(11));
    while api::service::booking::settle(&world.test.app)
        .await
        .unwrap()
    {}
    world.test.pass(TimeDelta::days(1) + TimeDelta::minutes(11));
    while api::service::booking::settle(&world.test.app)
        .await
        .unwrap()
    {}
    assert_eq!(world.test.count("SELECT count(*) FROM bookings").await, 1);
    assert_eq!(world.test.count("SELECT count(*) FROM lessons").await, 1);
}

#[tokio::test]
async fn people_who_free_each_others_time_do_not_deadlock() {
    let world = World::new().await;
    let theo = Centre.connected_tutor(&world.test, "Theo").await;
    let mut race = Tally::new("each frees the time of the other");
    for _ in 0..20 {
        for (student, tutor) in [(&world.sam, &theo), (&world.olga, &world.tutor)] {
            let lesson = tutor.lesson(FIRST, 60);
            student.post("/v1/holds", &lesson).await.expect(201);
        }
        world.test.pass(TimeDelta::minutes(10));
        let wanted = [
            (&world.sam, world.tutor.lesson(SECOND, 60)),
            (&world.olga, theo.lesson(SECOND, 60)),
        ];
        let booked = wanted
            .iter()
            .map(|(student, lesson)| student.post("/v1/holds", lesson));
        let sweep = api::service::booking::settle(&world.test.app);
        let (answers, swept) = tokio::join!(race.race(booked), sweep);
        swept.unwrap();
        for answer in answers {
            let hold = answer.expect(201);
            let student = [&world.sam, &world.olga];
            let path = path(&hold, "");
            for student in student {
                student.delete(&path).await;
            }
        }
    }
    race.expect_only(&[201]);
    assert_eq!(world.test.deadlocks().await, 0);
}
