//! What became of a booking, as those see it whose booking it is.

use crate::support::{
    Centre, Person, TestApp, at, email,
    lesson::{FIRST, FOURTH, SECOND, THIRD},
};
use api::origin::{self, Actor};
use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};

async fn history(person: &Person, booking: &str) -> Vec<Value> {
    let path = format!("{booking}/history");
    let found = person.get(&path).await.expect(200);
    found["items"].as_array().unwrap().clone()
}

/// Each step as `rescheduled by tutor`.
fn told(history: &[Value]) -> Vec<String> {
    let told = history.iter().map(|it| {
        let by = it["by"].as_str().unwrap_or("nobody");
        format!("{} by {by}", it["step"].as_str().unwrap())
    });
    told.collect()
}

fn hour(start: &str) -> Value {
    json!({"start": start, "end": at(start) + TimeDelta::hours(1)})
}

async fn step(person: &Person, booking: &str, step: &str, body: Value) -> Value {
    let path = format!("{booking}/{step}");
    let answer = person.edit(Method::POST, &path, "*", &body).await;
    answer.expect(200)
}

async fn answer(person: &Person, booking: &str, answer: &str) {
    let path = format!("{booking}/reschedule/{answer}");
    let request = person.request(Method::POST, &path).header("if-match", "*");
    person.send(request).await.expect(200);
}

#[tokio::test]
async fn each_step_is_told_in_order_with_its_role_and_its_times() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let tutor = centre.tutor(&test, "Tina").await;
    let policy = json!({"requires_approval": true, "approval_minutes": 60});
    let replaced = tutor.edit(Method::PUT, "/policy", &policy).await;
    replaced.expect(200);
    let other = centre.tutor(&test, "Theo").await;
    let (sam, admin) = (test.student("Sam").await, test.admin("Ada").await);
    let gita = test.student("Gita").await.id().await;
    let link = json!({"guardian_id": gita, "student_id": sam.id().await});
    admin.post("/v1/guardianships", &link).await.expect(201);
    let gita = test.sign_in(&email("Gita")).await;

    let hold = sam.post("/v1/holds", &tutor.lesson(FIRST, 60)).await;
    let id = hold.expect(201)["id"].as_str().unwrap().to_owned();
    let booking = format!("/v1/bookings/{id}");
    let path = format!("/v1/holds/{id}/book");
    test.pass(TimeDelta::minutes(1));
    sam.post(&path, &json!({})).await.expect(201);
    let later = json!({"start": FIRST, "end": at(FIRST) + TimeDelta::minutes(90)});
    step(&gita, &booking, "reschedule", later).await;
    step(&tutor.person, &booking, "approve", json!({})).await;
    step(&sam, &booking, "reschedule", hour(THIRD)).await;
    answer(&tutor.person, &booking, "decline").await;
    step(&gita, &booking, "reschedule", hour(THIRD)).await;
    answer(&gita, &booking, "withdraw").await;
    step(&sam, &booking, "reschedule", hour(THIRD)).await;
    answer(&admin, &booking, "approve").await;
    step(&sam, &booking, "reschedule", hour(SECOND)).await;
    step(&tutor.person, &booking, "reschedule", hour(FOURTH)).await;
    let to = json!({"tutor_id": other.id});
    step(&admin, &booking, "reassign", to).await;
    let reason = json!({"reason": "I am ill."});
    step(&other.person, &booking, "cancel", reason).await;

    let steps = history(&sam, &booking).await;
    assert_eq!(
        told(&steps),
        [
            "held by student",
            "requested by student",
            "rescheduled by guardian",
            "confirmed by tutor",
            "time_proposed by student",
            "time_declined by tutor",
            "time_proposed by guardian",
            "time_withdrawn by guardian",
            "time_proposed by student",
            "rescheduled by admin",
            "time_proposed by student",
            "rescheduled by tutor",
            "reassigned by admin",
            "cancelled by tutor",
        ]
    );
    assert_eq!(steps[0]["at"], "2027-03-01T07:00:00Z");
    assert_eq!(steps[0]["to"], hour(FIRST));
    assert_eq!(steps[1]["at"], "2027-03-01T07:01:00Z");
    assert_eq!(steps[2]["from"], hour(FIRST));
    let longer = json!({"start": FIRST, "end": "2027-03-02T09:30:00Z"});
    assert_eq!(steps[2]["to"], longer);
    assert_eq!(steps[4]["from"], longer);
    assert_eq!(steps[4]["to"], hour(THIRD));
    assert_eq!(steps[9]["from"], longer);
    assert_eq!(steps[9]["to"], hour(THIRD));
    assert_eq!(steps[11]["from"], hour(THIRD));
    assert_eq!(steps[11]["to"], hour(FOURTH));
    assert_eq!(steps[13]["reason"], "I am ill.");
    for person in [&gita, &other.person, &admin] {
        assert_eq!(history(person, &booking).await, steps);
    }
    let olga = test.student("Olga").await;
    let path = format!("{booking}/history");
    for stranger in [&olga, &tutor.person] {
        let unseen = stranger.get(&path).await;
        unseen.expect_problem(404, "not_found");
    }
    let content = serde_json::to_string(&steps).unwrap();
    for secret in ["Sam", "Tina", "Theo", "Gita", "@", &gita.id().await] {
        assert!(!content.contains(secret), "{secret} in {content}");
    }
}

/// As the job does it.
async fn settle(test: &TestApp) {
    let origin = test.app.origin(Actor::Job, Some("regularly".into()));
    let settled = async { while api::service::booking::settle(&test.app).await.unwrap() {} };
    origin::scope(origin, settled).await;
}

#[tokio::test]
async fn what_time_does_is_told_as_the_servers_own() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let sam = test.student("Sam").await;
    let booking = crate::support::lesson::book(&sam, &tutor, FIRST).await;
    let policy = json!({"requires_approval": true, "approval_minutes": 60});
    let replaced = tutor.edit(Method::PUT, "/policy", &policy).await;
    replaced.expect(200);
    let ignored = crate::support::lesson::book(&sam, &tutor, SECOND).await;
    step(&sam, &booking, "reschedule", hour(THIRD)).await;
    test.pass(TimeDelta::hours(2));
    settle(&test).await;
    test.set_clock(at(FOURTH));
    settle(&test).await;
    step(
        &tutor.person,
        &booking,
        "attendance",
        json!({"attended": false}),
    )
    .await;
    assert_eq!(
        told(&history(&sam, &booking).await),
        [
            "confirmed by student",
            "time_proposed by student",
            "time_expired by system",
            "completed by system",
            "no_show by tutor",
        ]
    );
    let ignored = history(&sam, &ignored).await;
    assert_eq!(
        told(&ignored),
        ["requested by student", "expired by system"]
    );
}

#[tokio::test]
async fn what_was_emptied_or_forgotten_tells_nothing_and_breaks_nothing() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let (sam, admin) = (test.student("Sam").await, test.admin("Ada").await);
    let booking = crate::support::lesson::book(&sam, &tutor, FIRST).await;
    step(&sam, &booking, "reschedule", hour(SECOND)).await;
    let etag = sam.get("/v1/me").await.etag();
    let request = sam.request(Method::DELETE, "/v1/me");
    let erased = sam.send(request.header("if-match", etag)).await;
    erased.expect(204);
    assert_eq!(history(&admin, &booking).await, Vec::<Value>::new());
}

#[tokio::test]
async fn what_expired_is_the_servers_own_also_where_somebody_else_is_the_first_to_need_the_time() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let sam = test.student("Sam").await;
    let booking = crate::support::lesson::book(&sam, &tutor, FIRST).await;
    let policy = json!({"requires_approval": true, "approval_minutes": 60});
    let replaced = tutor.edit(Method::PUT, "/policy", &policy).await;
    replaced.expect(200);
    let ignored = crate::support::lesson::book(&sam, &tutor, SECOND).await;
    step(&sam, &booking, "reschedule", hour(THIRD)).await;
    test.pass(TimeDelta::hours(2));
    // Before anything is swept, the same time once more, and where a request was.
    step(&sam, &booking, "reschedule", hour(THIRD)).await;
    step(&sam, &booking, "reschedule", hour(SECOND)).await;
    let told_of = async |booking: &str| told(&history(&sam, booking).await);
    assert_eq!(
        told_of(&booking).await,
        [
            "confirmed by student",
            "time_proposed by student",
            "time_expired by system",
            "time_proposed by student",
            "time_proposed by student",
        ]
    );
    let expired = ["requested by student", "expired by system"];
    assert_eq!(told_of(&ignored).await, expired);
}
