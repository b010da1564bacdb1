//! What becomes of a booking: approved or declined, moved, attended or not.

use crate::support::{
    Answer, Centre, Person, TestApp, TutorAtCentre, at,
    lesson::{FIRST, FOURTH, SECOND, THIRD, assert_starts, book},
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

    /// With a tutor who wants to be asked, and has an hour for an answer.
    async fn asking() -> Self {
        let world = Self::new().await;
        let policy = json!({"requires_approval": true, "approval_minutes": 60});
        let replaced = world.tutor.edit(Method::PUT, "/policy", &policy).await;
        assert_eq!(replaced.expect(200)["effective"]["requires_approval"], true);
        world
    }

    async fn settle(&self) {
        while api::service::booking::settle(&self.test.app).await.unwrap() {}
    }

    async fn status(&self, booking: &str) -> Value {
        self.sam.get(booking).await.expect(200)["status"].clone()
    }
}

/// Whatever its version.
async fn step(person: &Person, booking: &str, step: &str, body: Value) -> Answer {
    let path = format!("{booking}/{step}");
    person.edit(Method::POST, &path, "*", &body).await
}

async fn move_to(person: &Person, booking: &str, start: &str, minutes: i64) -> Answer {
    let end = at(start) + TimeDelta::minutes(minutes);
    step(
        person,
        booking,
        "reschedule",
        json!({"start": start, "end": end}),
    )
    .await
}

#[tokio::test]
async fn a_tutor_who_wants_to_be_asked_approves_and_then_it_stands_in_the_calendar() {
    let world = World::asking().await;
    let booking = book(&world.sam, &world.tutor, FIRST).await;
    let requested = world.sam.get(&booking).await.expect(200);
    assert_eq!(requested["status"], "requested");
    assert_eq!(requested["expires_at"], "2027-03-01T08:00:00Z");
    world.test.run_jobs().await;
    assert_starts(&world.test, &world.tutor, &[]);
    let taken = world
        .olga
        .post("/v1/bookings", &world.tutor.lesson(FIRST, 60))
        .await;
    taken.expect_problem(409, "slot_unavailable");
    step(&world.sam, &booking, "approve", json!({}))
        .await
        .expect_problem(403, "not_yours_to_decide");
    step(&world.olga, &booking, "approve", json!({}))
        .await
        .expect_problem(404, "not_found");
    let tutor = &world.tutor.person;
    let approved = step(tutor, &booking, "approve", json!({}))
        .await
        .expect(200);
    assert_eq!(approved["status"], "confirmed");
    assert_eq!(approved["expires_at"], Value::Null);
    step(tutor, &booking, "approve", json!({}))
        .await
        .expect_problem(409, "already_confirmed");
    step(tutor, &booking, "decline", json!({}))
        .await
        .expect_problem(409, "already_confirmed");
    world.test.run_jobs().await;
    assert_starts(&world.test, &world.tutor, &[FIRST]);
    world.test.pass(TimeDelta::hours(2));
    world.settle().await;
    assert_eq!(world.status(&booking).await, "confirmed");
}

#[tokio::test]
async fn what_is_declined_or_not_answered_in_time_is_free() {
    let world = World::asking().await;
    let declined = book(&world.sam, &world.tutor, FIRST).await;
    let tutor = &world.tutor.person;
    let answer = step(tutor, &declined, "decline", json!({"reason": "I am away."})).await;
    let answer = answer.expect(200);
    assert_eq!(answer["status"], "declined");
    assert_eq!(answer["cancellation_reason"], "I am away.");
    step(tutor, &declined, "approve", json!({}))
        .await
        .expect_problem(409, "already_declined");
    let ignored = book(&world.sam, &world.tutor, SECOND).await;
    world.test.pass(TimeDelta::hours(1));
    assert_eq!(world.status(&ignored).await, "expired");
    step(tutor, &ignored, "approve", json!({}))
        .await
        .expect_problem(409, "expired");
    book(&world.olga, &world.tutor, FIRST).await;
    book(&world.olga, &world.tutor, SECOND).await;
    assert_eq!(world.status(&ignored).await, "expired");
    let listed = |status| world.sam.get(status);
    let expired = listed("/v1/bookings?status=expired").await.expect(200);
    assert_eq!(expired["items"].as_array().unwrap().len(), 1);
    let requested = listed("/v1/bookings?status=requested").await.expect(200);
    assert_eq!(requested["items"], json!([]));
}

#[tokio::test]
async fn the_centre_books_without_asking_and_approves_for_a_tutor() {
    let world = World::asking().await;
    let admin = world.test.admin("Ada").await;
    let mut lesson = world.tutor.lesson(FIRST, 60);
    lesson["student_id"] = json!(world.sam.id().await);
    let booked = admin.post("/v1/bookings", &lesson).await.expect(201);
    assert_eq!(booked["status"], "confirmed");
    let booking = book(&world.sam, &world.tutor, SECOND).await;
    let approved = step(&admin, &booking, "approve", json!({}))
        .await
        .expect(200);
    assert_eq!(approved["status"], "confirmed");
}

#[tokio::test]
async fn a_hold_of_a_tutor_who_wants_to_be_asked_becomes_a_request() {
    let world = World::asking().await;
    let hold = world
        .sam
        .post("/v1/holds", &world.tutor.lesson(FIRST, 60))
        .await
        .expect(201);
    world.test.pass(TimeDelta::minutes(5));
    let path = format!("/v1/holds/{}/book", hold["id"].as_str().unwrap());
    let requested = world.sam.post(&path, &json!({})).await.expect(201);
    assert_eq!(requested["status"], "requested");
    assert_eq!(requested["expires_at"], "2027-03-01T08:05:00Z");
    // Beyond the hold's own time.
    world.test.pass(TimeDelta::minutes(30));
    let taken = world
        .olga
        .post("/v1/bookings", &world.tutor.lesson(FIRST, 60))
        .await;
    taken.expect_problem(409, "slot_unavailable");
}

#[tokio::test]
async fn a_booking_is_moved_and_stays_the_same_booking() {
    let world = World::new().await;
    let booking = book(&world.sam, &world.tutor, FIRST).await;
    book(&world.olga, &world.tutor, THIRD).await;
    let before = world.sam.get(&booking).await.expect(200);
    let refused = move_to(&world.sam, &booking, THIRD, 60).await;
    let refused = refused.expect_problem(409, "slot_unavailable");
    assert_eq!(refused["conflicts"][0]["code"], "lesson");
    // The nearest that is free once the booking itself is out of the way.
    assert_eq!(refused["alternatives"][0]["start"], SECOND);
    assert_eq!(world.sam.get(&booking).await.expect(200), before);
    // Over the time that it has itself.
    let moved = move_to(&world.sam, &booking, "2027-03-02T08:30:00Z", 90)
        .await
        .expect(200);
    assert_eq!(
        (&moved["id"], &moved["lesson_id"]),
        (&before["id"], &before["lesson_id"])
    );
    assert_eq!(moved["start"], "2027-03-02T08:30:00Z");
    assert_eq!(moved["end"], THIRD);
    assert_eq!(moved["status"], "confirmed");
    move_to(&world.sam, &booking, "2027-03-02T08:30:00Z", 90)
        .await
        .expect_problem(409, "same_time");
    let moved = move_to(&world.sam, &booking, FOURTH, 60).await;
    let etag = moved.etag();
    moved.expect(200);
    book(&world.olga, &world.tutor, FIRST).await;
    let path = format!("{booking}/reschedule");
    let body = json!({"start": SECOND, "end": THIRD});
    let stale = world.sam.edit(Method::POST, &path, "\"1\"", &body).await;
    stale.expect_problem(412, "stale_etag");
    world
        .sam
        .edit(Method::POST, &path, &etag, &body)
        .await
        .expect(200);
    world.test.expect_nobody_double_booked().await;
}

#[tokio::test]
async fn students_move_within_policy_and_tutors_and_admins_at_short_notice() {
    let world = World::new().await;
    let booking = book(&world.sam, &world.tutor, FIRST).await;
    world.test.set_clock(at("2027-03-02T07:50:00Z"));
    let soon = "2027-03-02T08:10:00Z";
    let refused = move_to(&world.sam, &booking, soon, 60).await;
    let refused = refused.expect_problem(409, "slot_unavailable");
    let codes: Vec<_> = refused["conflicts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["code"])
        .collect();
    assert_eq!(codes, ["notice", "grid"]);
    let stranger = move_to(&world.olga, &booking, SECOND, 60).await;
    stranger.expect_problem(404, "not_found");
    move_to(&world.tutor.person, &booking, soon, 60)
        .await
        .expect(200);
    let admin = world.test.admin("Ada").await;
    move_to(&admin, &booking, "2027-03-02T08:20:00Z", 60)
        .await
        .expect(200);
    // Not into the past, and not outside the tutor's hours.
    let past = move_to(&admin, &booking, "2027-03-02T07:00:00Z", 60).await;
    assert_eq!(
        past.expect_problem(422, "invalid_fields")["errors"][0]["code"],
        "not_ahead"
    );
    let night = move_to(&admin, &booking, "2027-03-02T20:00:00Z", 60).await;
    night.expect_problem(409, "slot_unavailable");
    world.test.set_clock(at("2027-03-02T08:20:00Z"));
    move_to(&admin, &booking, FOURTH, 60)
        .await
        .expect_problem(409, "already_started");
}

#[tokio::test]
async fn an_app_moves_to_what_could_be_booked_and_a_tutor_not_into_time_off() {
    let world = World::new().await;
    let admin = world.test.admin("Ada").await;
    let app = json!({"name": "Kiosk"});
    let app = admin.post("/v1/third-party-apps", &app).await.expect(201);
    let keys = format!("/v1/third-party-apps/{}/keys", app["id"].as_str().unwrap());
    let key = json!({"scopes": ["bookings:write"], "expires_at": "2027-12-01T00:00:00Z"});
    let key = admin.post(&keys, &key).await.expect(201);
    let kiosk = Person::with_bearer(&world.test, key["key"].as_str().unwrap());
    let booking = book(&world.sam, &world.tutor, FIRST).await;
    let off = json!({"start": SECOND, "end": FOURTH});
    let path = world.tutor.path("/time-off");
    world.tutor.person.post(&path, &off).await.expect(201);
    let ten_past = "2027-03-02T12:10:00Z";
    let codes = async |person: &Person, start: &str| {
        let refused = move_to(person, &booking, start, 60).await;
        let refused = refused.expect_problem(409, "slot_unavailable");
        let conflicts = refused["conflicts"].as_array().unwrap().clone();
        let codes = conflicts.into_iter().map(|it| it["code"].clone());
        codes.collect::<Vec<_>>()
    };
    assert_eq!(codes(&kiosk, ten_past).await, ["grid"]);
    // What the tutor may disregard hides nothing else.
    let tutor = &world.tutor.person;
    assert_eq!(codes(tutor, "2027-03-02T09:10:00Z").await, ["time_off"]);
    move_to(tutor, &booking, ten_past, 60).await.expect(200);
    move_to(&kiosk, &booking, "2027-03-02T13:00:00Z", 60)
        .await
        .expect(200);
}

#[tokio::test]
async fn what_is_requested_can_be_moved_and_what_was_approved_is_not_lost_by_asking_for_more() {
    let world = World::asking().await;
    let booking = book(&world.sam, &world.tutor, FIRST).await;
    let tutor = &world.tutor.person;
    let path = format!("{booking}/approve");
    let read = tutor.get(&booking).await.etag();
    world.test.pass(TimeDelta::minutes(10));
    let moved = move_to(&world.sam, &booking, SECOND, 60).await.expect(200);
    assert_eq!(moved["status"], "requested");
    // It waits no longer for that.
    assert_eq!(moved["expires_at"], "2027-03-01T08:00:00Z");
    // The tutor approves what was read, and nothing else.
    let nothing = json!({});
    let unread = tutor.post(&path, &nothing).await;
    unread.expect_problem(428, "if_match_required");
    let stale = tutor.edit(Method::POST, &path, &read, &nothing).await;
    stale.expect_problem(412, "stale_etag");
    let read = tutor.get(&booking).await.etag();
    let approved = tutor.edit(Method::POST, &path, &read, &nothing).await;
    approved.expect(200);
    world.test.run_jobs().await;
    assert_starts(&world.test, &world.tutor, &[SECOND]);
    let proposed = move_to(&world.sam, &booking, THIRD, 60).await.expect(200);
    assert_eq!(proposed["proposed_time"]["start"], THIRD);
    assert_eq!(proposed["start"], SECOND);
    // The old time is free, and the tutor's own move needs no approval.
    book(&world.olga, &world.tutor, FIRST).await;
    let moved = move_to(tutor, &booking, FOURTH, 60).await.expect(200);
    assert_eq!(moved["status"], "confirmed");
}

#[tokio::test]
async fn a_tutor_who_moves_a_lesson_learns_nothing_of_the_students_other_lessons() {
    let world = World::new().await;
    let theo = Centre.tutor(&world.test, "Theo").await;
    let booking = book(&world.sam, &world.tutor, FIRST).await;
    book(&world.sam, &theo, THIRD).await;
    for (person, known) in [(&world.tutor.person, false), (&world.sam, true)] {
        let refused = move_to(person, &booking, "2027-03-02T09:30:00Z", 60).await;
        let refused = refused.expect_problem(409, "slot_unavailable");
        let reason = &refused["conflicts"][0];
        assert_eq!(reason["code"], "student_busy");
        assert_eq!(reason["start"].is_string(), known, "{reason}");
    }
}

#[tokio::test]
async fn a_moved_lesson_lasts_as_long_as_before_or_as_is_on_offer() {
    let world = World::new().await;
    let booking = book(&world.sam, &world.tutor, FIRST).await;
    let tutor = &world.tutor.person;
    for minutes in [1, 30, 61] {
        let refused = move_to(tutor, &booking, SECOND, minutes).await;
        let refused = refused.expect_problem(409, "slot_unavailable");
        assert_eq!(refused["conflicts"][0]["code"], "length_not_offered");
    }
    for (start, end) in [
        (
            "2027-03-02T09:00:00.0000001Z",
            "2027-03-02T09:00:00.0000005Z",
        ),
        ("2027-03-02T09:00:30Z", "2027-03-02T10:00:30Z"),
    ] {
        let body = json!({"start": start, "end": end});
        let refused = step(tutor, &booking, "reschedule", body).await;
        let refused = refused.expect_problem(422, "invalid_fields");
        assert_eq!(refused["errors"][0]["code"], "not_whole_minutes");
    }
    // What is offered no more still lasts as long as it did.
    world
        .tutor
        .edit(Method::PUT, "/offers", &json!({"offers": []}))
        .await
        .expect(200);
    move_to(&world.sam, &booking, SECOND, 60).await.expect(200);
    let longer = move_to(&world.sam, &booking, SECOND, 90).await;
    longer.expect_problem(409, "slot_unavailable");
}

#[tokio::test]
async fn lessons_with_a_hidden_tutor_can_be_moved_and_with_a_suspended_one_not() {
    let world = World::new().await;
    let booking = book(&world.sam, &world.tutor, FIRST).await;
    book(&world.olga, &world.tutor, THIRD).await;
    world.tutor.hide().await;
    let taken = move_to(&world.sam, &booking, THIRD, 60).await;
    let taken = taken.expect_problem(409, "slot_unavailable");
    assert_eq!(taken["alternatives"], Value::Null);
    move_to(&world.sam, &booking, SECOND, 60).await.expect(200);
    let admin = world.test.admin("Ada").await;
    let id = world.tutor.person.id().await;
    let path = format!("/v1/users/{id}/suspend");
    admin.post(&path, &json!({})).await.expect(200);
    move_to(&world.sam, &booking, FIRST, 60)
        .await
        .expect_problem(409, "tutor_suspended");
}

#[tokio::test]
async fn a_tutor_who_is_also_the_students_guardian_acts_as_either() {
    let world = World::asking().await;
    let admin = world.test.admin("Ada").await;
    let tina = world.tutor.person.id().await;
    let link = json!({"guardian_id": tina, "student_id": world.sam.id().await});
    admin.post("/v1/guardianships", &link).await.expect(201);
    let tina = world.test.sign_in(&world.tutor.email).await;
    let booking = book(&world.sam, &world.tutor, FIRST).await;
    step(&tina, &booking, "approve", json!({}))
        .await
        .expect(200);
    let moved = move_to(&tina, &booking, SECOND, 60).await.expect(200);
    assert_eq!(moved["status"], "confirmed");
    step(&tina, &booking, "cancel", json!({})).await.expect(200);
}

#[tokio::test]
async fn a_shorter_time_for_an_answer_than_for_a_hold_frees_the_slot_everywhere() {
    let world = World::asking().await;
    world
        .test
        .execute("UPDATE centre SET hold_minutes = 60; UPDATE tutors SET approval_minutes = 15")
        .await;
    let olga = world.olga.at(&world.test.another_instance().await);
    let lesson = world.tutor.lesson(FIRST, 60);
    let hold = world.sam.post("/v1/holds", &lesson).await.expect(201);
    // The other instance remembers the tutor's time from now on.
    let taken = olga.post("/v1/bookings", &lesson).await;
    taken.expect_problem(409, "slot_unavailable");
    let path = format!("/v1/holds/{}/book", hold["id"].as_str().unwrap());
    world.sam.post(&path, &json!({})).await.expect(201);
    world.test.pass(TimeDelta::minutes(15));
    olga.post("/v1/bookings", &lesson).await.expect(201);
}

#[tokio::test]
async fn lessons_finish_by_themselves_and_the_tutor_says_who_was_there() {
    let world = World::new().await;
    let booking = book(&world.sam, &world.tutor, FIRST).await;
    let cancelled = book(&world.sam, &world.tutor, SECOND).await;
    step(&world.sam, &cancelled, "cancel", json!({}))
        .await
        .expect(200);
    let tutor = &world.tutor.person;
    let attended = |attended: bool| json!({"attended": attended});
    step(tutor, &booking, "attendance", attended(false))
        .await
        .expect_problem(409, "not_started");
    world.test.set_clock(at("2027-03-02T08:59:59Z"));
    world.settle().await;
    assert_eq!(world.status(&booking).await, "confirmed");
    world.test.set_clock(at(SECOND));
    world.settle().await;
    assert_eq!(world.status(&booking).await, "completed");
    assert_eq!(world.status(&cancelled).await, "cancelled");
    step(&world.sam, &booking, "attendance", attended(true))
        .await
        .expect_problem(403, "not_yours_to_decide");
    step(tutor, &booking, "attendance", attended(true))
        .await
        .expect_problem(409, "already_completed");
    let missed = step(tutor, &booking, "attendance", attended(false))
        .await
        .expect(200);
    assert_eq!(missed["status"], "no_show");
    let there = step(tutor, &booking, "attendance", attended(true))
        .await
        .expect(200);
    assert_eq!(there["status"], "completed");
    step(tutor, &cancelled, "attendance", attended(true))
        .await
        .expect_problem(409, "already_cancelled");
    world.test.set_clock(at("2027-03-16T09:00:01Z"));
    step(tutor, &booking, "attendance", attended(false))
        .await
        .expect_problem(409, "attendance_window_over");
    let admin = world.test.admin("Ada").await;
    step(&admin, &booking, "attendance", attended(false))
        .await
        .expect(200);
    step(&admin, &booking, "cancel", json!({}))
        .await
        .expect_problem(409, "already_no_show");
}
