//! Another time for a confirmed lesson with a tutor who wants to be asked.

use crate::support::{
    Answer, Centre, Person, TestApp, TutorAtCentre, at,
    lesson::{FIRST, FOURTH, SECOND, THIRD, assert_starts, book},
    race::{Tally, reasons},
};
use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};

mod races;

/// A tutor who wants to be asked and has an hour for an answer, and two students.
pub struct World {
    pub test: TestApp,
    pub centre: Centre,
    pub tutor: TutorAtCentre,
    pub sam: Person,
    pub olga: Person,
}

impl World {
    pub async fn new() -> Self {
        let test = TestApp::start_with(|config| config.database.max_connections = 32).await;
        let centre = Centre::open(&test).await;
        let tutor = centre.connected_tutor(&test, "Tina").await;
        let policy = json!({"requires_approval": true, "approval_minutes": 60});
        let replaced = tutor.edit(Method::PUT, "/policy", &policy).await;
        replaced.expect(200);
        Self {
            sam: test.student("Sam").await,
            olga: test.student("Olga").await,
            centre,
            tutor,
            test,
        }
    }

    /// A lesson of an hour that the tutor has approved.
    pub async fn confirmed(&self, student: &Person, start: &str) -> String {
        let booking = book(student, &self.tutor, start).await;
        let approved = self.tutor.person.take_step(&booking, "approve").await;
        approved.expect(200);
        booking
    }

    /// Whether the student could book the tutor from then on.
    async fn try_to_book(&self, student: &Person, start: &str) -> Answer {
        let wanted = self.tutor.lesson(start, 60);
        student.post("/v1/bookings", &wanted).await
    }

    async fn expect_taken(&self, start: &str) {
        let refused = self.try_to_book(&self.olga, start).await;
        refused.expect_problem(409, "slot_unavailable");
    }

    async fn expect_free(&self, start: &str) {
        let booked = self.try_to_book(&self.olga, start).await.expect(201);
        let path = format!("/v1/bookings/{}/cancel", booked["id"].as_str().unwrap());
        self.olga.post(&path, &json!({})).await.expect(200);
    }

    /// Fails unless nothing is set aside for a proposal, or was left of one.
    async fn expect_nothing_reserved(&self) {
        let left = "SELECT count(*) FROM bookings WHERE reserved_for IS NOT NULL";
        assert_eq!(self.test.count(left).await, 0);
        let lessons = "SELECT count(*) FROM lessons
                       WHERE NOT EXISTS (SELECT FROM bookings WHERE lesson_id = lessons.id)";
        assert_eq!(self.test.count(lessons).await, 0);
        self.test.expect_nobody_double_booked().await;
    }

    async fn settle(&self) {
        while api::service::booking::settle(&self.test.app).await.unwrap() {}
    }
}

impl Person {
    /// Whatever the version of the booking.
    pub async fn take_step(&self, booking: &str, step: &str) -> Answer {
        let path = format!("{booking}/{step}");
        self.edit(Method::POST, &path, "*", &json!({})).await
    }

    pub async fn answer(&self, booking: &str, step: &str) -> Answer {
        let path = format!("{booking}/reschedule/{step}");
        let request = self.request(Method::POST, &path).header("if-match", "*");
        self.send(request).await
    }
}

pub fn hour(start: &str) -> Value {
    json!({"start": start, "end": at(start) + TimeDelta::hours(1)})
}

pub async fn propose(person: &Person, booking: &str, start: &str) -> Answer {
    person
        .post(&format!("{booking}/reschedule"), &hour(start))
        .await
}

#[tokio::test]
async fn a_proposed_time_is_set_aside_and_the_lesson_moves_there_when_the_tutor_approves() {
    let world = World::new().await;
    let booking = world.confirmed(&world.sam, FIRST).await;
    world.test.run_jobs().await;
    let before = world.sam.get(&booking).await.expect(200);
    let proposed = propose(&world.sam, &booking, THIRD).await.expect(200);
    assert_eq!(proposed["start"], FIRST);
    assert_eq!(proposed["status"], "confirmed");
    assert_eq!(
        proposed["proposed_time"],
        json!({"start": THIRD, "end": FOURTH, "expires_at": "2027-03-01T08:00:00Z"})
    );
    for start in [FIRST, THIRD] {
        world.expect_taken(start).await;
    }
    let other = world.centre.tutor(&world.test, "Theo").await;
    for start in [FIRST, THIRD] {
        let elsewhere = world
            .sam
            .post("/v1/bookings", &other.lesson(start, 60))
            .await;
        assert_eq!(reasons(elsewhere), ["student_busy"]);
    }
    world.test.run_jobs().await;
    assert_starts(&world.test, &world.tutor, &[FIRST]);
    let event = world.test.google.events(&world.tutor.email)[0]["id"].clone();

    let tutor = &world.tutor.person;
    let approved = tutor.answer(&booking, "approve").await.expect(200);
    assert_eq!(approved["start"], THIRD);
    assert_eq!(approved["proposed_time"], Value::Null);
    for same in ["id", "lesson_id", "created_at"] {
        assert_eq!(approved[same], before[same], "{same}");
    }
    world.expect_free(FIRST).await;
    world.expect_taken(THIRD).await;
    world.expect_nothing_reserved().await;
    world.test.run_jobs().await;
    let events = world.test.google.events(&world.tutor.email);
    let live: Vec<_> = events.iter().filter(|it| it["id"] == event).collect();
    assert_eq!(live.len(), 1);
    assert_eq!(
        at(live[0]["start"]["dateTime"].as_str().unwrap()),
        at(THIRD)
    );
}

#[tokio::test]
async fn a_proposed_time_may_overlap_that_of_the_lesson() {
    let world = World::new().await;
    let booking = world.confirmed(&world.sam, SECOND).await;
    for (start, minutes, taken) in [
        ("2027-03-02T09:30:00Z", 60, &["2027-03-02T10:00:00Z"][..]),
        ("2027-03-02T08:30:00Z", 90, &[FIRST, SECOND]),
        (SECOND, 90, &["2027-03-02T10:15:00Z"]),
        // All of it is the lesson's own.
        (FIRST, 60, &[FIRST]),
    ] {
        let end = at(start) + TimeDelta::minutes(minutes);
        let to = json!({"start": start, "end": end});
        let path = format!("{booking}/reschedule");
        let proposed = world.sam.post(&path, &to).await.expect(200);
        assert_eq!(proposed["proposed_time"]["start"], start);
        world.test.expect_nobody_double_booked().await;
        for start in taken {
            world.expect_taken(start).await;
        }
        let tutor = &world.tutor.person;
        let approved = tutor.answer(&booking, "approve").await.expect(200);
        assert_eq!(approved["start"], start);
        assert_eq!(at(approved["end"].as_str().unwrap()), end);
        world.expect_nothing_reserved().await;
    }
}

#[tokio::test]
async fn whatever_ends_a_proposal_frees_its_time_and_leaves_the_lesson() {
    let world = World::new().await;
    let booking = world.confirmed(&world.sam, FIRST).await;
    let tutor = &world.tutor.person;
    for (person, step) in [(tutor, "decline"), (&world.sam, "withdraw")] {
        propose(&world.sam, &booking, SECOND).await.expect(200);
        let ended = person.answer(&booking, step).await.expect(200);
        assert_eq!(ended["start"], FIRST);
        assert_eq!(ended["proposed_time"], Value::Null);
        world.expect_free(SECOND).await;
        world.expect_nothing_reserved().await;
    }
    propose(&world.sam, &booking, SECOND).await.expect(200);
    world.test.pass(TimeDelta::hours(1));
    let expired = world.sam.get(&booking).await.expect(200);
    assert_eq!(expired["proposed_time"], Value::Null);
    assert_eq!(expired["start"], FIRST);
    for (person, step) in [
        (tutor, "approve"),
        (tutor, "decline"),
        (&world.sam, "withdraw"),
    ] {
        let late = person.answer(&booking, step).await;
        late.expect_problem(409, "nothing_proposed");
    }
    world.expect_free(SECOND).await;
    world.settle().await;
    world.expect_nothing_reserved().await;
    world.expect_taken(FIRST).await;
}

#[tokio::test]
async fn who_cancels_moves_or_reassigns_the_lesson_ends_its_proposal() {
    let world = World::new().await;
    let admin = world.test.admin("Ada").await;
    let other = world.centre.tutor(&world.test, "Theo").await;
    let booking = world.confirmed(&world.sam, FIRST).await;
    propose(&world.sam, &booking, SECOND).await.expect(200);
    // Right into the time that is set aside, and elsewhere.
    for start in [SECOND, FOURTH] {
        let moved = propose(&world.tutor.person, &booking, start).await;
        let moved = moved.expect(200);
        assert_eq!(moved["start"], start);
        assert_eq!(moved["proposed_time"], Value::Null);
        world.expect_nothing_reserved().await;
        propose(&world.sam, &booking, THIRD).await.expect(200);
    }
    let path = format!("{booking}/reassign");
    let to = json!({"tutor_id": other.id});
    let reassigned = admin.post(&path, &to).await.expect(200);
    assert_eq!(reassigned["proposed_time"], Value::Null);
    world.expect_free(THIRD).await;

    let booking = world.confirmed(&world.sam, FIRST).await;
    propose(&world.sam, &booking, SECOND).await.expect(200);
    let path = format!("{booking}/cancel");
    let cancelled = world.sam.post(&path, &json!({})).await.expect(200);
    assert_eq!(cancelled["proposed_time"], Value::Null);
    for start in [FIRST, SECOND] {
        world.expect_free(start).await;
    }
    world.settle().await;
    let reserved = "SELECT count(*) FROM bookings WHERE reserved_for IS NOT NULL";
    assert_eq!(world.test.count(reserved).await, 0);
    world.test.expect_nobody_double_booked().await;
}

#[tokio::test]
async fn nothing_is_proposed_any_more_for_when_the_tutor_is_absent() {
    let world = World::new().await;
    let booking = world.confirmed(&world.sam, FIRST).await;
    let thursday = "2027-03-04T09:00:00Z";
    propose(&world.sam, &booking, thursday).await.expect(200);
    let date = &thursday[..10];
    let ill = json!({"first_date": date, "last_date": date, "reason": "illness"});
    let absences = world.tutor.path("/absences");
    world.tutor.person.post(&absences, &ill).await.expect(201);
    let seen = world.sam.get(&booking).await.expect(200);
    assert_eq!(seen["proposed_time"], Value::Null);
    let approved = world.tutor.person.answer(&booking, "approve").await;
    approved.expect_problem(409, "nothing_proposed");
    world.expect_nothing_reserved().await;
}

#[tokio::test]
async fn who_erases_themselves_takes_a_proposal_along() {
    let world = World::new().await;
    let booking = world.confirmed(&world.sam, FIRST).await;
    propose(&world.sam, &booking, SECOND).await.expect(200);
    let etag = world.sam.get("/v1/me").await.etag();
    let request = world.sam.request(Method::DELETE, "/v1/me");
    let erased = world.sam.send(request.header("if-match", etag)).await;
    erased.expect(204);
    for start in [FIRST, SECOND] {
        world.expect_free(start).await;
    }
    world.expect_nothing_reserved().await;
}

#[tokio::test]
async fn another_proposal_takes_the_place_of_one_and_nobody_approves_what_they_did_not_see() {
    let world = World::new().await;
    let tutor = &world.tutor.person;
    let booking = world.confirmed(&world.sam, FIRST).await;
    propose(&world.sam, &booking, SECOND).await.expect(200);
    let seen = tutor.get(&booking).await.etag();
    // What can't be had leaves the proposal as it is.
    let others = world.confirmed(&world.olga, FOURTH).await;
    let refused = propose(&world.sam, &booking, FOURTH).await;
    assert_eq!(reasons(refused), ["lesson"]);
    world.expect_taken(SECOND).await;
    let proposed = propose(&world.sam, &booking, THIRD).await.expect(200);
    assert_eq!(proposed["proposed_time"]["start"], THIRD);
    world.expect_free(SECOND).await;
    let path = format!("{booking}/reschedule/approve");
    let request = |etag: &str| tutor.request(Method::POST, &path).header("if-match", etag);
    let stale = tutor.send(request(&seen)).await;
    stale.expect_problem(412, "stale_etag");
    let blind = tutor.send(tutor.request(Method::POST, &path)).await;
    blind.expect_problem(428, "if_match_required");
    let seen = tutor.get(&booking).await.etag();
    let approved = tutor.send(request(&seen)).await.expect(200);
    assert_eq!(approved["start"], THIRD);
    assert_eq!(world.olga.get(&others).await.expect(200)["start"], FOURTH);
}

#[tokio::test]
async fn each_side_does_its_part_and_others_see_nothing() {
    let world = World::new().await;
    let booking = world.confirmed(&world.sam, FIRST).await;
    let tutor = &world.tutor.person;
    let nothing = tutor.answer(&booking, "approve").await;
    nothing.expect_problem(409, "nothing_proposed");
    let admin = world.test.admin("Ada").await;
    let gita = world.test.student("Gita").await.id().await;
    let link = json!({"guardian_id": gita, "student_id": world.sam.id().await});
    admin.post("/v1/guardianships", &link).await.expect(201);
    let gita = world.test.sign_in(&crate::support::email("Gita")).await;
    propose(&gita, &booking, SECOND).await.expect(200);
    for (person, step) in [
        (&world.sam, "approve"),
        (&gita, "decline"),
        (tutor, "withdraw"),
        (&admin, "withdraw"),
    ] {
        let refused = person.answer(&booking, step).await;
        refused.expect_problem(403, "not_yours_to_decide");
    }
    for step in ["approve", "decline", "withdraw"] {
        let unseen = world.olga.answer(&booking, step).await;
        unseen.expect_problem(404, "not_found");
    }
    gita.answer(&booking, "withdraw").await.expect(200);
    propose(&gita, &booking, SECOND).await.expect(200);
    let approved = admin.answer(&booking, "approve").await.expect(200);
    assert_eq!(approved["start"], SECOND);
}

#[tokio::test]
async fn what_is_set_aside_is_no_hold_and_no_booking_of_anybody() {
    let world = World::new().await;
    let booking = world.confirmed(&world.sam, FIRST).await;
    propose(&world.sam, &booking, SECOND).await.expect(200);
    let reserved: uuid::Uuid =
        sqlx::query_scalar("SELECT id FROM bookings WHERE reserved_for IS NOT NULL")
            .fetch_one(&mut world.test.own_connection().await)
            .await
            .unwrap();
    let holds = world.sam.get("/v1/holds").await.expect(200);
    assert_eq!(holds["items"], json!([]));
    let hold = format!("/v1/holds/{reserved}");
    let book_it = world.sam.post(&format!("{hold}/book"), &json!({})).await;
    for answer in [
        world.sam.get(&hold).await,
        world.sam.delete(&hold).await,
        world.sam.get(&format!("/v1/bookings/{reserved}")).await,
        book_it,
    ] {
        answer.expect_problem(404, "not_found");
    }
    let listed = world.sam.get("/v1/bookings").await.expect(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    for start in [THIRD, FOURTH, "2027-03-02T12:00:00Z"] {
        let lesson = world.tutor.lesson(start, 60);
        world.sam.post("/v1/holds", &lesson).await.expect(201);
    }
}

#[tokio::test]
async fn a_proposal_ends_at_the_beginning_of_either_time_at_the_latest() {
    let world = World::new().await;
    let policy = json!({"requires_approval": true, "approval_minutes": 10_000});
    let replaced = world.tutor.edit(Method::PUT, "/policy", &policy).await;
    replaced.expect(200);
    let booking = world.confirmed(&world.sam, SECOND).await;
    for (start, until) in [(FIRST, FIRST), (THIRD, SECOND)] {
        let proposed = propose(&world.sam, &booking, start).await.expect(200);
        assert_eq!(proposed["proposed_time"]["expires_at"], until);
    }
    world.test.set_clock(at(SECOND));
    let late = world.tutor.person.answer(&booking, "approve").await;
    late.expect_problem(409, "nothing_proposed");
    world.test.set_clock(at(THIRD));
    world.settle().await;
    world.expect_nothing_reserved().await;
    let over = world.sam.get(&booking).await.expect(200);
    assert_eq!(over["status"], "completed");
}

#[tokio::test]
async fn a_proposal_counts_once_in_quotas_and_is_not_approved_beyond_them() {
    let world = World::new().await;
    let booking = world.confirmed(&world.sam, FIRST).await;
    world
        .test
        .execute("UPDATE centre SET max_active_bookings = 2, weekly_minutes = 60")
        .await;
    let next_week = "2027-03-09T09:00:00Z";
    propose(&world.sam, &booking, next_week).await.expect(200);
    let standing = world.sam.get("/v1/quota").await.expect(200);
    assert_eq!(standing["active_bookings"], json!({"limit": 2, "used": 1}));
    // The lesson is still in this week.
    let other = "2027-03-10T09:00:00Z";
    let elsewhere = book(&world.sam, &world.tutor, other).await;
    let tutor = &world.tutor.person;
    let refused = tutor.answer(&booking, "approve").await;
    refused.expect_problem(409, "quota_exceeded");
    let path = format!("{elsewhere}/cancel");
    world.sam.post(&path, &json!({})).await.expect(200);
    let approved = tutor.answer(&booking, "approve").await.expect(200);
    assert_eq!(approved["start"], next_week);
}

#[tokio::test]
async fn nobody_proposes_what_cancelling_would_be_charged_for() {
    let world = World::new().await;
    let booking = world.confirmed(&world.sam, FIRST).await;
    let windows = r#"[{"minutes_before": 2880, "consequence": "free"}]"#;
    world
        .test
        .execute(&format!(
            "UPDATE cancellation_policies SET windows = '{windows}'"
        ))
        .await;
    let refused = propose(&world.sam, &booking, SECOND).await;
    refused.expect_problem(409, "too_late_to_move");
    world.expect_nothing_reserved().await;
}

#[tokio::test]
async fn nobody_sets_more_than_three_times_aside_or_one_for_longer_by_asking_again() {
    let world = World::new().await;
    let day = |days: i64, start: &str| (at(start) + TimeDelta::days(days)).to_rfc3339();
    let mut bookings = Vec::new();
    for days in 0..4 {
        bookings.push(world.confirmed(&world.sam, &day(days, FIRST)).await);
    }
    for (days, booking) in (0..3).zip(&bookings) {
        propose(&world.sam, booking, &day(days, SECOND))
            .await
            .expect(200);
    }
    let fourth = async || propose(&world.sam, &bookings[3], &day(3, SECOND)).await;
    fourth().await.expect_problem(409, "too_many_proposals");
    // Another time in place of one is no more than there were; the same one is not asked for again.
    let third = async || propose(&world.sam, &bookings[2], &day(2, THIRD)).await;
    let until = third().await.expect(200)["proposed_time"]["expires_at"].clone();
    world.test.pass(TimeDelta::minutes(30));
    third().await.expect_problem(409, "same_time");
    let kept = world.sam.get(&bookings[2]).await.expect(200);
    assert_eq!(kept["proposed_time"]["expires_at"], until);
    world.sam.answer(&bookings[0], "withdraw").await.expect(200);
    fourth().await.expect(200);
}

#[tokio::test]
async fn the_lessons_of_a_suspended_tutor_stay_where_they_are() {
    let world = World::new().await;
    let admin = world.test.admin("Ada").await;
    let booking = world.confirmed(&world.sam, FIRST).await;
    propose(&world.sam, &booking, SECOND).await.expect(200);
    let id = world.tutor.person.id().await;
    let path = format!("/v1/users/{id}/suspend");
    admin.post(&path, &json!({})).await.expect(200);
    let refused = admin.answer(&booking, "approve").await;
    refused.expect_problem(409, "tutor_suspended");
    admin.answer(&booking, "decline").await.expect(200);
}

#[tokio::test]
async fn nothing_is_recorded_by_itself_of_what_is_set_aside() {
    let world = World::new().await;
    let booking = world.confirmed(&world.sam, FIRST).await;
    propose(&world.sam, &booking, SECOND).await.expect(200);
    world.sam.answer(&booking, "withdraw").await.expect(200);
    let others = "SELECT count(*) FROM audit_entries
                  WHERE table_name = 'bookings' AND subject_id NOT IN (SELECT id FROM bookings)";
    assert_eq!(world.test.count(others).await, 0);
}

#[tokio::test]
async fn who_is_refused_another_proposal_is_offered_the_time_of_the_first_one_as_well() {
    let world = World::new().await;
    let booking = world.confirmed(&world.sam, FIRST).await;
    world.confirmed(&world.olga, THIRD).await;
    propose(&world.sam, &booking, SECOND).await.expect(200);
    let refused = propose(&world.sam, &booking, THIRD).await;
    let problem = refused.expect_problem(409, "slot_unavailable");
    let offered = problem["alternatives"].as_array().unwrap();
    assert!(
        offered.iter().any(|it| it["start"] == SECOND),
        "{problem:#}"
    );
}

#[tokio::test]
async fn a_tutor_lists_what_waits_for_an_answer() {
    let world = World::new().await;
    let proposed = world.confirmed(&world.sam, FIRST).await;
    world.confirmed(&world.olga, SECOND).await;
    propose(&world.sam, &proposed, THIRD).await.expect(200);
    let open = async |person: &Person, side: &str| {
        let path = format!("/v1/bookings?proposal=open{side}");
        let listed = person.get(&path).await.expect(200);
        let items = listed["items"].as_array().unwrap().iter();
        let ids = items.map(|it| format!("/v1/bookings/{}", it["id"].as_str().unwrap()));
        ids.collect::<Vec<_>>()
    };
    let tutor = &world.tutor.person;
    assert_eq!(open(tutor, "&as=tutor").await, [&*proposed]);
    assert_eq!(open(&world.sam, "").await, [&*proposed]);
    assert_eq!(open(&world.olga, "").await, [""; 0]);
    // Nobody has written down yet that it is too late.
    world.test.pass(TimeDelta::hours(1));
    assert_eq!(open(tutor, "&as=tutor").await, [""; 0]);
}
