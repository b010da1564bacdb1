//! Google saying no, or not so soon: when the event of a lesson is tried again.

use crate::support::{
    Centre, Person, TestApp, TutorAtCentre,
    lesson::{FIRST, SECOND, assert_starts, book, cancel},
};
use chrono::TimeDelta;
use google_sandbox::{Effect, Failure, Target};
use serde_json::{Value, json};

async fn start() -> (TestApp, TutorAtCentre, Person) {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let tutor = centre.connected_tutor(&test, "Tina").await;
    let student = test.student("Sam").await;
    (test, tutor, student)
}

fn insert_answers(status: u16, reason: &str, retry_after: Option<u32>) -> Failure {
    let effect = Effect::Status {
        status,
        reason: reason.to_owned(),
        retry_after,
    };
    Failure::new(Target::Calendar, effect)
        .method("POST")
        .path("/events")
}

async fn failing_since(tutor: &TutorAtCentre) -> Value {
    let connection = tutor.person.get("/v1/calendar/connection").await;
    connection.expect(200)["failing_since"].clone()
}

#[tokio::test]
async fn a_refused_event_is_no_fault_of_the_connection_and_tried_again_after_hours() {
    for (status, reason) in [(400, "invalid"), (404, "notFound")] {
        let (test, tutor, student) = start().await;
        let booking = book(&student, &tutor, FIRST).await;
        test.google.fail_next(insert_answers(status, reason, None));
        test.run_jobs().await;
        assert_eq!(failing_since(&tutor).await, json!(null));
        assert_eq!(
            student.get(&booking).await.expect(200)["calendar"],
            "pending"
        );
        let told = format!(
            "SELECT count(*) FROM jobs WHERE kind = 'sync_lesson_event' AND last_error LIKE '%{}%'",
            if status == 404 { "not found" } else { reason }
        );
        assert_eq!(test.count(&told).await, 1);

        // Other lessons are not held up.
        book(&student, &tutor, SECOND).await;
        test.run_jobs().await;
        assert_starts(&test, &tutor, &[SECOND]);
        let inserts = test.inserts();
        test.pass(TimeDelta::hours(5));
        test.run_jobs().await;
        assert_eq!(test.inserts(), inserts, "tried again too soon");
        test.pass(TimeDelta::hours(4));
        test.run_jobs().await;
        assert_starts(&test, &tutor, &[FIRST, SECOND]);
        assert_eq!(test.events_to_write().await, 0);
    }
}

#[tokio::test]
async fn a_refusal_of_everything_is_a_fault_of_the_connection_and_over_in_minutes() {
    for reason in ["accessNotConfigured", "domainPolicy"] {
        let (test, tutor, student) = start().await;
        let lessons = [FIRST, SECOND];
        for start in lessons {
            book(&student, &tutor, start).await;
        }
        let refused = insert_answers(403, reason, None);
        test.google.fail_next(refused.times(2));
        test.run_jobs().await;
        assert_ne!(failing_since(&tutor).await, json!(null));
        test.pass(TimeDelta::minutes(5));
        test.run_jobs().await;
        assert_starts(&test, &tutor, &lessons);
        assert_eq!(failing_since(&tutor).await, json!(null));
    }
}

#[tokio::test]
async fn an_event_that_is_refused_for_days_is_given_up_and_can_be_asked_for_again() {
    let (test, tutor, student) = start().await;
    book(&student, &tutor, FIRST).await;
    let refused = insert_answers(400, "invalid", None).times(u32::MAX);
    test.google.fail_next(refused);
    let dead = "SELECT count(*) FROM jobs WHERE dead_at IS NOT NULL";
    test.run_jobs().await;
    // Tried every nine hours: after two days and a quarter it is not given up, after four it is.
    for _ in 0..6 {
        test.pass(TimeDelta::hours(9));
        test.run_jobs().await;
    }
    assert_eq!(test.count(dead).await, 0);
    for _ in 0..5 {
        test.pass(TimeDelta::hours(9));
        test.run_jobs().await;
    }
    assert_eq!(test.count(dead).await, 1);
    let inserts = test.inserts();
    test.pass(TimeDelta::days(10));
    test.run_jobs().await;
    assert_eq!(test.inserts(), inserts, "given up");

    test.google.clear_failures();
    test.execute(
        "UPDATE jobs SET dead_at = NULL, failing_since = NULL, attempts = 0, run_at = now() \
         WHERE dead_at IS NOT NULL",
    )
    .await;
    test.run_jobs().await;
    assert_starts(&test, &tutor, &[FIRST]);
}

/// The event is not asked for within `least`, and stands after `most`.
async fn expect_pause(failure: Failure, least: TimeDelta, most: TimeDelta) {
    let (test, tutor, student) = start().await;
    book(&student, &tutor, FIRST).await;
    test.google.fail_next(failure);
    test.run_jobs().await;
    assert_eq!(test.inserts(), 1);
    test.pass(least - TimeDelta::seconds(1));
    test.run_jobs().await;
    assert_eq!(test.inserts(), 1, "tried again too soon");
    test.pass(most - least + TimeDelta::seconds(1));
    test.run_jobs().await;
    assert_starts(&test, &tutor, &[FIRST]);
}

#[tokio::test]
async fn a_used_up_quota_is_given_time() {
    let failure = insert_answers(403, "quotaExceeded", None);
    expect_pause(failure, TimeDelta::minutes(60), TimeDelta::minutes(90)).await;
}

#[tokio::test]
async fn google_is_given_the_time_that_it_asks_for() {
    let (least, most) = (TimeDelta::minutes(10), TimeDelta::minutes(15));
    let failure = insert_answers(429, "rateLimitExceeded", Some(600));
    expect_pause(failure, least, most).await;
    let failure = insert_answers(503, "backendError", Some(600));
    expect_pause(failure, least, most).await;
}

#[tokio::test]
async fn google_is_not_given_days() {
    let (least, most) = (TimeDelta::minutes(60), TimeDelta::minutes(90));
    for asked in [1_000_000, u32::MAX] {
        let failure = insert_answers(503, "backendError", Some(asked));
        expect_pause(failure, least, most).await;
    }
}

#[tokio::test]
async fn after_days_without_a_worker_nothing_is_given_up_at_once() {
    let (test, tutor, student) = start().await;
    book(&student, &tutor, FIRST).await;
    let outage = insert_answers(503, "backendError", None).times(u32::MAX);
    test.google.fail_next(outage);
    test.run_jobs().await;
    test.pass(TimeDelta::days(4));
    test.run_jobs().await;
    test.google.clear_failures();
    test.pass(TimeDelta::minutes(5));
    test.run_jobs().await;
    assert_starts(&test, &tutor, &[FIRST]);
}

#[tokio::test]
async fn busy_time_is_not_read_while_google_asks_to_wait() {
    let (test, tutor, student) = start().await;
    let booking = book(&student, &tutor, FIRST).await;
    test.run_jobs().await;
    test.pass(TimeDelta::minutes(1));
    let effect = Effect::Status {
        status: 429,
        reason: "rateLimitExceeded".to_owned(),
        retry_after: Some(600),
    };
    let too_fast = Failure::new(Target::Calendar, effect)
        .method("GET")
        .path("/events");
    test.google.fail_next(too_fast);
    let asked = || {
        let log = test.google.requests();
        log.iter()
            .filter(|r| r.method == "GET" && r.path.ends_with("/events"))
            .count()
    };
    let before = asked();
    test.run_jobs().await;
    assert_eq!(asked(), before + 1);

    test.pass(TimeDelta::seconds(30));
    book(&student, &tutor, SECOND).await;
    assert_eq!(asked(), before + 1, "before a booking");
    cancel(&student, &booking).await;
    test.run_jobs().await;
    assert_starts(&test, &tutor, &[SECOND]);
    assert_eq!(asked(), before + 1, "after an event was deleted");

    test.pass(TimeDelta::minutes(15));
    test.run_jobs().await;
    assert_eq!(asked(), before + 2);
}
