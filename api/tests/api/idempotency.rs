//! Repeating a request by its `Idempotency-Key`.

use crate::support::{Answer, Centre, Person, TestApp, TutorAtCentre, at};
use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};

fn lesson(tutor: &TutorAtCentre, start: &str) -> Value {
    json!({
        "tutor_id": tutor.id.0, "subject": "mathematics", "level": "School",
        "start": at(start), "end": at(start) + TimeDelta::minutes(60),
    })
}

async fn post(person: &Person, key: &str, body: &Value) -> Answer {
    let request = person.request(Method::POST, "/v1/bookings");
    person
        .send(request.header("idempotency-key", key).json(body))
        .await
}

#[tokio::test]
async fn a_repeated_booking_is_made_once_and_answered_as_before() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let student = test.student("Sam").await;
    let wanted = lesson(&tutor, "2027-03-02T08:00:00Z");

    let first = post(&student, "one", &wanted).await;
    assert!(!first.headers.contains_key("idempotent-replayed"));
    let (location, etag) = (first.headers["location"].clone(), first.etag());
    let booking = first.expect(201);

    let second = post(&student, "\"one\"", &wanted).await;
    assert_eq!(second.headers["idempotent-replayed"], "true");
    assert_eq!(second.headers["location"], location);
    assert_eq!(second.etag(), etag);
    assert_eq!(second.expect(201), booking);

    let mine = student.get("/v1/bookings").await.expect(200);
    assert_eq!(mine["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_refusal_is_repeated_too_with_its_reasons() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let (student, other) = (test.student("Sam").await, test.student("Olga").await);
    let wanted = lesson(&tutor, "2027-03-02T08:00:00Z");
    other.post("/v1/bookings", &wanted).await.expect(201);

    let first = post(&student, "one", &wanted)
        .await
        .expect_problem(409, "slot_unavailable");
    let second = post(&student, "one", &wanted).await;
    assert_eq!(second.headers["idempotent-replayed"], "true");
    assert_eq!(second.expect_problem(409, "slot_unavailable"), first);
}

#[tokio::test]
async fn a_key_used_for_something_else_is_refused() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let student = test.student("Sam").await;
    post(&student, "one", &lesson(&tutor, "2027-03-02T08:00:00Z"))
        .await
        .expect(201);
    let reused = post(&student, "one", &lesson(&tutor, "2027-03-02T10:00:00Z")).await;
    let problem = reused.expect_problem(422, "invalid_fields");
    assert_eq!(problem["errors"][0]["code"], "idempotency_key_reused");
}

#[tokio::test]
async fn keys_of_two_people_have_nothing_to_do_with_each_other() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let (student, other) = (test.student("Sam").await, test.student("Olga").await);
    post(&student, "one", &lesson(&tutor, "2027-03-02T08:00:00Z"))
        .await
        .expect(201);
    post(&other, "one", &lesson(&tutor, "2027-03-02T10:00:00Z"))
        .await
        .expect(201);
}

#[tokio::test]
async fn of_many_at_once_one_is_done_and_the_others_hear_of_it_or_are_asked_to_wait() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let student = test.student("Sam").await;
    let wanted = lesson(&tutor, "2027-03-02T08:00:00Z");
    let answers = futures::future::join_all((0..16).map(|_| post(&student, "one", &wanted))).await;
    let mut made = Vec::new();
    for answer in answers {
        if answer.status == 201 {
            made.push(answer.expect(201)["id"].clone());
        } else {
            assert_eq!(answer.headers["retry-after"], "1");
            answer.expect_problem(409, "request_in_progress");
        }
    }
    assert!(
        !made.is_empty() && made.iter().all(|id| *id == made[0]),
        "{made:?}"
    );
}

#[tokio::test]
async fn a_key_is_forgotten_after_a_day() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let student = test.student("Sam").await;
    let wanted = lesson(&tutor, "2027-03-09T08:00:00Z");
    post(&student, "one", &wanted).await.expect(201);
    test.pass(TimeDelta::hours(25));
    post(&student, "one", &wanted)
        .await
        .expect_problem(409, "slot_unavailable");
}

#[tokio::test]
async fn a_fault_of_ours_gives_the_key_back() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let student = test.student("Sam").await;
    let wanted = lesson(&tutor, "2027-03-02T08:00:00Z");
    sql(&test, "ALTER TABLE jobs RENAME TO jobs_elsewhere").await;
    post(&student, "one", &wanted)
        .await
        .expect_problem(500, "internal");
    sql(&test, "ALTER TABLE jobs_elsewhere RENAME TO jobs").await;
    post(&student, "one", &wanted).await.expect(201);
}

#[tokio::test]
async fn keys_that_are_none_are_refused() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let student = test.student("Sam").await;
    let wanted = lesson(&tutor, "2027-03-02T08:00:00Z");
    for key in ["", "\"\"", &"k".repeat(256)] {
        post(&student, key, &wanted)
            .await
            .expect_problem(400, "bad_idempotency_key");
    }
}

async fn sql(test: &TestApp, statement: &str) {
    use sea_orm::ConnectionTrait;
    test.app.db.execute_unprepared(statement).await.unwrap();
}
