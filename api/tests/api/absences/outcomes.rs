//! What students make of it that their tutor is absent, and what becomes of lessons about which nobody says anything.

use super::{DAY, World, codes, text};
use crate::support::{
    Person, at, email,
    lesson::{FIRST, FOURTH, SECOND, THIRD, assert_starts, book},
};
use chrono::TimeDelta;
use serde_json::{Value, json};

/// Cancelling costs the lesson from two days before it on.
async fn strict(world: &World) {
    let windows = json!([{"minutes_before": 2880, "consequence": "free"}]);
    world.charge_after(&windows).await;
}

async fn quote(student: &Person, booking: &str) -> Value {
    let path = format!("{booking}/cancellation-quote");
    student.get(&path).await.expect(200)["now"].clone()
}

async fn cancel(person: &Person, booking: &str) -> Value {
    let path = format!("{booking}/cancel");
    person.post(&path, &json!({})).await.expect(200)
}

#[tokio::test]
async fn a_student_takes_credit_moves_it_or_does_nothing_whatever_the_policy_says() {
    let world = World::new().await;
    strict(&world).await;
    let takes = book(&world.sam, &world.tina, FIRST).await;
    let to_move = book(&world.sam, &world.tina, SECOND).await;
    let waits = book(&world.sam, &world.tina, THIRD).await;
    let open = book(&world.olga, &world.tina, FOURTH).await;
    world.test.run_jobs().await;
    let absence = world.report(DAY).await;
    assert_eq!(quote(&world.sam, &takes).await["consequence"], "credit");
    let ids = [&takes, &to_move, &waits].map(|booking| super::id_of(booking));
    let path = format!("{absence}/offers");
    let offers = json!({"booking_ids": ids});
    for _ in 0..2 {
        let done = world.admin.post(&path, &offers).await.expect(200);
        assert_eq!(codes(done["bookings"].as_array().unwrap()), ["offered"; 3]);
    }
    let offered = ["offered", "offered", "offered", "open"];
    assert_eq!(world.states(&absence).await, offered);
    let seen = world.sam.get(&takes).await.expect(200);
    assert_eq!(
        seen["absence_offer"],
        json!({"expires_at": FIRST, "may_reschedule": true})
    );

    let quoted = quote(&world.sam, &takes).await;
    assert_eq!(quoted["consequence"], "credit");
    assert_eq!(quoted["credit_minutes"], 60);
    let cancelled = cancel(&world.sam, &takes).await;
    assert_eq!(cancelled["cancellation"]["credit_minutes"], 60);
    assert_eq!(world.credit(&world.sam).await, 60);
    let reschedule = format!("{to_move}/reschedule");
    let later = json!({"start": "2027-03-04T09:00:00Z", "end": "2027-03-04T10:00:00Z"});
    let answer = world.sam.post(&reschedule, &later).await.expect(200);
    assert_eq!(answer["absence_offer"], json!(null));
    // It is a booking as any other again.
    world.test.set_clock(at("2027-03-02T09:30:00Z"));
    assert_eq!(quote(&world.sam, &to_move).await["consequence"], "charged");
    world.settle().await;
    let states = ["credited", "rescheduled", "offered", "open"];
    assert_eq!(world.states(&absence).await, states);

    world.test.set_clock(at(FOURTH));
    world.settle().await;
    let states = ["credited", "rescheduled", "credited", "credited"];
    assert_eq!(world.states(&absence).await, states);
    for (student, booking) in [(&world.sam, &waits), (&world.olga, &open)] {
        let seen = student.get(booking).await.expect(200);
        assert_eq!(seen["status"], "cancelled");
        assert_eq!(seen["cancellation_reason"], "tutor_absent");
        let outcome = json!({"consequence": "credit", "credit_minutes": 60, "charged_minutes": 60});
        assert_eq!(seen["cancellation"], outcome);
    }
    assert_eq!(world.credit(&world.sam).await, 120);
    assert_eq!(world.credit(&world.olga).await, 60);
    world.settle().await;
    assert_eq!(world.credit(&world.olga).await, 60);
    world.test.run_jobs().await;
    assert_starts(&world.test, &world.tina, &["2027-03-04T09:00:00Z"]);
}

#[tokio::test]
async fn what_was_paid_with_credit_comes_back_and_is_good_for_two_weeks() {
    let world = World::new().await;
    strict(&world).await;
    let sam = world.sam.id().await;
    let grant = json!({
        "student_id": sam, "subject": "mathematics", "kind": "grant", "minutes": 120, "reason": "x",
        "expires_at": "2027-03-02T08:30:00Z",
    });
    world.admin.post("/v1/credits", &grant).await.expect(200);
    let mut bookings = Vec::new();
    for start in [FIRST, SECOND] {
        let mut wanted = world.tina.lesson(start, 60);
        wanted["pay_with"] = json!("credit");
        let booked = world.sam.post("/v1/bookings", &wanted).await.expect(201);
        bookings.push(format!("/v1/bookings/{}", text(&booked["id"])));
    }
    assert_eq!(world.credit(&world.sam).await, 0);
    let absence = world.report(DAY).await;
    world.offer_all(&absence).await;
    cancel(&world.sam, &bookings[0]).await;
    assert_eq!(world.credit(&world.sam).await, 60);
    world.test.set_clock(at(SECOND));
    world.settle().await;
    // The credit that paid has expired; its minutes are good for two weeks more.
    assert_eq!(world.credit(&world.sam).await, 120);
    world.test.set_clock(at("2027-03-17T10:00:00Z"));
    assert_eq!(world.credit(&world.sam).await, 0);
}

/// Nor does the student bear it that the credit expired while the tutor was being asked.
#[tokio::test]
async fn credit_that_pays_for_a_request_comes_back_where_the_tutor_is_absent() {
    let world = World::new().await;
    let asks = json!({"requires_approval": true, "approval_minutes": 1440});
    let edited = world
        .tina
        .edit(reqwest::Method::PUT, "/policy", &asks)
        .await;
    edited.expect(200);
    let sam = world.sam.id().await;
    let grant = json!({
        "student_id": sam, "subject": "mathematics", "kind": "grant", "minutes": 60, "reason": "x",
        "expires_at": "2027-03-01T08:30:00Z",
    });
    world.admin.post("/v1/credits", &grant).await.expect(200);
    let mut wanted = world.tina.lesson("2027-03-05T08:00:00Z", 60);
    wanted["pay_with"] = json!("credit");
    let booked = world.sam.post("/v1/bookings", &wanted).await.expect(201);
    assert_eq!(booked["status"], "requested");
    world.report("2027-03-05").await;
    world.test.set_clock(at("2027-03-01T09:00:00Z"));
    let booking = format!("/v1/bookings/{}", text(&booked["id"]));
    cancel(&world.sam, &booking).await;
    assert_eq!(world.credit(&world.sam).await, 60);
}

#[tokio::test]
async fn a_guardian_chooses_for_a_student() {
    let world = World::new().await;
    strict(&world).await;
    let sides = json!({"guardian_id": world.olga.id().await, "student_id": world.sam.id().await});
    world
        .admin
        .post("/v1/guardianships", &sides)
        .await
        .expect(201);
    // With a role more, she has to sign in again.
    let olga = world.test.sign_in(&email("Olga")).await;
    let takes = book(&world.sam, &world.tina, FIRST).await;
    let moves = book(&world.sam, &world.tina, SECOND).await;
    let absence = world.report(DAY).await;
    world.offer_all(&absence).await;
    assert_eq!(quote(&olga, &takes).await["consequence"], "credit");
    cancel(&olga, &takes).await;
    assert_eq!(world.credit(&world.sam).await, 60);
    let reschedule = format!("{moves}/reschedule");
    let later = json!({"start": "2027-03-04T09:00:00Z", "end": "2027-03-04T10:00:00Z"});
    olga.post(&reschedule, &later).await.expect(200);
    assert_eq!(world.states(&absence).await, ["credited", "rescheduled"]);
}

/// What is offered can still be handed over; then it is a booking as any other.
#[tokio::test]
async fn what_is_offered_and_then_handed_over_is_offered_no_more() {
    let world = World::new().await;
    strict(&world).await;
    let booking = book(&world.sam, &world.tina, FIRST).await;
    let absence = world.report(DAY).await;
    world.offer_all(&absence).await;
    let assignment = json!({"booking_id": super::id_of(&booking), "tutor_id": world.theo.id.0});
    let done = world
        .reassign(&absence, &json!({"assignments": [assignment]}))
        .await;
    assert_eq!(codes(&done), ["reassigned"]);
    let seen = world.sam.get(&booking).await.expect(200);
    assert_eq!(seen["absence_offer"], json!(null));
    assert_eq!(quote(&world.sam, &booking).await["consequence"], "free");
    world.test.pass(TimeDelta::days(1));
    assert_eq!(quote(&world.sam, &booking).await["consequence"], "charged");
    let path = format!("{absence}/offers");
    let again = json!({"booking_ids": [super::id_of(&booking), uuid::Uuid::now_v7()]});
    let done = world.admin.post(&path, &again).await.expect(200);
    let refused = ["settled", "not_affected"];
    assert_eq!(codes(done["bookings"].as_array().unwrap()), refused);
    world.test.set_clock(at(SECOND));
    world.settle().await;
    let seen = world.sam.get(&booking).await.expect(200);
    assert_eq!(seen["status"], "completed");
}

/// What becomes of a lesson with another tutor is not the absent one's to know, nor of the absence.
#[tokio::test]
async fn who_has_handed_a_lesson_over_learns_nothing_more_of_it() {
    let world = World::new().await;
    let booking = book(&world.sam, &world.tina, FIRST).await;
    let absence = world.report(DAY).await;
    world.reassign(&absence, &json!({"all": true})).await;
    for _ in 0..2 {
        assert_eq!(world.states(&absence).await, ["reassigned"]);
        let seen = world.tina.person.get(&absence).await.expect(200);
        for field in ["lesson_id", "student", "tutor"] {
            assert_eq!(seen["bookings"][0][field], json!(null), "{field}");
        }
        assert!(world.bookings(&absence).await[0]["tutor"].is_object());
        // And then once more, when it is cancelled.
        let path = format!("{booking}/cancel");
        world.sam.post(&path, &json!({})).await;
    }
}

/// A longer illness is reported anew: what was promised stays so, also when the first report is taken back.
#[tokio::test]
async fn what_is_offered_stays_so_when_another_absence_covers_it() {
    let world = World::new().await;
    strict(&world).await;
    let booking = book(&world.sam, &world.tina, FIRST).await;
    let first = world.report(DAY).await;
    world.offer_all(&first).await;
    let longer = json!({"first_date": DAY, "last_date": "2027-03-03", "reason": "illness"});
    let path = world.tina.path("/absences");
    let second = world.tina.person.post(&path, &longer).await.expect(201);
    let second = format!("/v1/absences/{}", text(&second["id"]));
    for absence in [&first, &second] {
        assert_eq!(world.states(absence).await, ["offered"]);
    }
    world.tina.person.delete(&first).await.expect(204);
    assert_eq!(world.states(&second).await, ["offered"]);
    assert_eq!(quote(&world.sam, &booking).await["consequence"], "credit");
    world.tina.person.delete(&second).await.expect(204);
    assert_eq!(quote(&world.sam, &booking).await["consequence"], "charged");
}

/// All who are in a group lesson get credit, and its calendar hears of it once.
#[tokio::test]
async fn a_group_lesson_without_its_tutor_is_called_off_for_all_in_it() {
    let world = World::new().await;
    let mut group = world.tina.lesson(FIRST, 60);
    group["capacity"] = json!(4);
    let opened = world
        .tina
        .person
        .post("/v1/lessons", &group)
        .await
        .expect(201);
    let lesson = format!("/v1/lessons/{}", text(&opened["id"]));
    for student in [&world.sam, &world.olga] {
        let join = format!("{lesson}/join");
        student.post(&join, &json!({})).await.expect(201);
    }
    world.test.run_jobs().await;
    let absence = world.report(DAY).await;
    // As if she had come into it later, by whatever way.
    let olga = world.olga.id().await;
    let later = "DELETE FROM absence_bookings WHERE booking_id IN (SELECT id FROM bookings WHERE student_id";
    world.test.execute(&format!("{later} = '{olga}')")).await;
    let deletes = world.asked("DELETE");
    world.test.set_clock(at(FIRST));
    world.settle().await;
    world.test.run_jobs().await;
    assert_eq!(world.asked("DELETE") - deletes, 1);
    assert_eq!(world.states(&absence).await, ["credited"]);
    for student in [&world.sam, &world.olga] {
        assert_eq!(world.credit(student).await, 60);
    }
    let seen = world.tina.person.get(&lesson).await.expect(200);
    assert_eq!(seen["status"], "cancelled");
}

/// Also where the tutor cancels the lesson as a whole, or too few have joined it: neither is of the student's doing.
#[tokio::test]
async fn who_is_offered_credit_pays_nothing_however_a_group_lesson_ends() {
    let world = World::new().await;
    let mut lessons = Vec::new();
    let decides_at = "2027-03-02T07:00:00Z";
    let kinds = [
        (FIRST, json!({})),
        (
            SECOND,
            json!({"minimum_students": 3, "decides_at": decides_at}),
        ),
    ];
    for (start, minimum) in kinds {
        let mut group = world.tina.lesson(start, 60);
        group["capacity"] = json!(4);
        let minimum = minimum.as_object().unwrap().clone();
        group.as_object_mut().unwrap().extend(minimum);
        let opened = world.tina.person.post("/v1/lessons", &group).await;
        let lesson = format!("/v1/lessons/{}", text(&opened.expect(201)["id"]));
        let join = format!("{lesson}/join");
        world.sam.post(&join, &json!({})).await.expect(201);
        lessons.push(lesson);
    }
    let absence = world.report(DAY).await;
    assert_eq!(codes(&world.offer_all(&absence).await), ["offered"; 2]);
    cancel(&world.tina.person, &lessons[0]).await;
    world.test.set_clock(at(decides_at));
    world.settle().await;
    assert_eq!(world.states(&absence).await, ["cancelled"; 2]);
    let listed = world.sam.get("/v1/bookings").await.expect(200);
    let seats = listed["items"].as_array().unwrap();
    assert_eq!(seats.len(), 2);
    for seat in seats {
        let nothing = json!({"consequence": "free", "credit_minutes": 0, "charged_minutes": 0});
        assert_eq!(seat["cancellation"], nothing);
    }
    assert_eq!(world.credit(&world.sam).await, 0);
}

/// The server was down: what was over before anybody could call it off has still not taken place.
#[tokio::test]
async fn a_lesson_without_its_tutor_is_never_completed() {
    let world = World::new().await;
    let booking = book(&world.sam, &world.tina, FIRST).await;
    let absence = world.report(DAY).await;
    world.test.set_clock(at("2027-03-02T18:00:00Z"));
    let completed = api::store::booking::complete_any(&world.test.app.db, world.test.now()).await;
    assert_eq!(completed.unwrap(), 0);
    world.settle().await;
    let seen = world.sam.get(&booking).await.expect(200);
    assert_eq!(seen["status"], "cancelled");
    assert_eq!(world.states(&absence).await, ["credited"]);
    assert_eq!(world.credit(&world.sam).await, 60);
}

/// Until its tutor was absent it could be cancelled freely: that is no worse now, and nothing is.
#[tokio::test]
async fn an_absence_costs_a_student_nothing_whoever_cancels() {
    let world = World::new().await;
    strict(&world).await;
    let later = "2027-03-05T08:00:00Z";
    let free = book(&world.sam, &world.tina, later).await;
    let late = book(&world.sam, &world.tina, FIRST).await;
    let tutors = book(&world.olga, &world.tina, SECOND).await;
    let centres = book(&world.olga, &world.tina, THIRD).await;
    world.report("2027-03-05").await;
    let absence = world.report(DAY).await;
    let outcome = |consequence: &str, credit: i64, charged: i64| json!({"consequence": consequence, "credit_minutes": credit, "charged_minutes": charged});
    let path = format!("{free}/cancellation-quote");
    let told = world.sam.get(&path).await.expect(200);
    assert_eq!(told["now"], outcome("free", 0, 0));
    assert_eq!(told["changes_at"], "2027-03-03T08:00:00Z");
    assert_eq!(told["then"], outcome("credit", 60, 60));
    let done = cancel(&world.sam, &free).await["cancellation"].clone();
    assert_eq!(done, outcome("free", 0, 0));
    // Whether the student is left to choose yet, or not.
    assert_eq!(quote(&world.sam, &late).await, outcome("credit", 60, 60));
    let done = cancel(&world.sam, &late).await["cancellation"].clone();
    assert_eq!(done, outcome("credit", 60, 60));
    assert_eq!(world.credit(&world.sam).await, 60);
    world.offer_all(&absence).await;
    for (person, booking) in [(&world.tina.person, &tutors), (&world.admin, &centres)] {
        let done = cancel(person, booking).await["cancellation"].clone();
        assert_eq!(done, outcome("free", 0, 0));
    }
    assert_eq!(world.credit(&world.olga).await, 0);
    assert_eq!(
        world.states(&absence).await,
        ["credited", "cancelled", "cancelled"]
    );
}
