//! An insert that Google carries out long after nobody waits for the answer any more.

use crate::support::{
    Centre, Person, TestApp, TutorAtCentre,
    lesson::{FIRST, assert_starts, book, cancel},
};
use chrono::TimeDelta;
use google_sandbox::{Effect, Failure, Target};

fn insert(failure: Failure) -> Failure {
    failure.method("POST").path("/events")
}

fn insert_held() -> Failure {
    insert(Failure::held(Target::Calendar))
}

fn insert_too_fast() -> Failure {
    let effect = Effect::Status {
        status: 429,
        reason: "rateLimitExceeded".to_owned(),
        retry_after: Some(600),
    };
    insert(Failure::new(Target::Calendar, effect))
}

/// A lesson that was cancelled after its insert was sent, and before Google carried it out.
async fn cancelled_while_on_its_way() -> (TestApp, TutorAtCentre, Person) {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let tutor = centre.connected_tutor(&test, "Tina").await;
    let student = test.student("Sam").await;
    let booking = book(&student, &tutor, FIRST).await;
    test.google.fail_next(insert_held());
    test.run_jobs().await;
    cancel(&student, &booking).await;
    test.run_jobs().await;
    assert_starts(&test, &tutor, &[]);
    (test, tutor, student)
}

#[tokio::test]
async fn an_event_that_comes_after_its_lesson_was_cancelled_is_deleted() {
    let (test, tutor, _) = cancelled_while_on_its_way().await;
    for _ in 0..5 {
        test.pass(TimeDelta::minutes(1));
        test.run_jobs().await;
    }
    assert_eq!(test.google.release_held().await, [200]);
    assert_starts(&test, &tutor, &[FIRST]);
    test.pass(TimeDelta::minutes(1));
    test.run_jobs().await;
    assert_starts(&test, &tutor, &[]);
    assert_eq!(test.events_to_write().await, 0);
}

#[tokio::test]
async fn an_event_that_comes_after_its_lesson_was_cancelled_does_not_block_its_time() {
    let (test, tutor, student) = cancelled_while_on_its_way().await;
    assert_eq!(test.google.release_held().await, [200]);
    assert_starts(&test, &tutor, &[FIRST]);
    // Long enough for busy time to be read anew before the booking, and before the event is looked for.
    test.pass(TimeDelta::seconds(30));
    book(&student, &tutor, FIRST).await;
}

#[tokio::test]
async fn an_event_that_does_not_come_is_not_waited_for_without_end() {
    let (test, tutor, _) = cancelled_while_on_its_way().await;
    assert_eq!(test.events_to_write().await, 1);
    for _ in 0..10 {
        test.pass(TimeDelta::minutes(1));
        test.run_jobs().await;
    }
    assert_eq!(test.events_to_write().await, 0);
    assert_starts(&test, &tutor, &[]);
}

#[tokio::test]
async fn where_nothing_was_sent_nothing_is_waited_for() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let tutor = centre.connected_tutor(&test, "Tina").await;
    let student = test.student("Sam").await;
    let booking = book(&student, &tutor, FIRST).await;
    cancel(&student, &booking).await;
    test.run_jobs().await;
    assert_eq!(test.events_to_write().await, 0);
    // Nor where the event is known, and deleted.
    let booking = book(&student, &tutor, FIRST).await;
    test.run_jobs().await;
    cancel(&student, &booking).await;
    test.run_jobs().await;
    assert_eq!(test.events_to_write().await, 0);
    // Nor where Google said no.
    let booking = book(&student, &tutor, FIRST).await;
    test.google.fail_next(insert_too_fast());
    test.run_jobs().await;
    cancel(&student, &booking).await;
    test.run_jobs().await;
    assert_eq!(test.events_to_write().await, 0);
}

#[tokio::test]
async fn a_refusal_does_not_end_the_wait_for_an_earlier_insert() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let tutor = centre.connected_tutor(&test, "Tina").await;
    let student = test.student("Sam").await;
    let booking = book(&student, &tutor, FIRST).await;
    test.google.fail_next(insert_held());
    test.run_jobs().await;
    test.pass(TimeDelta::minutes(9));
    test.google.fail_next(insert_too_fast());
    test.run_jobs().await;
    cancel(&student, &booking).await;
    test.run_jobs().await;
    assert_eq!(test.events_to_write().await, 1);
    // It is the held one that was waited for, not the refused one.
    test.pass(TimeDelta::minutes(1));
    test.run_jobs().await;
    assert_eq!(test.events_to_write().await, 0);
}

#[tokio::test]
async fn an_insert_that_comes_late_is_not_joined_by_one_with_the_next_id() {
    for refused_before in [false, true] {
        not_joined(refused_before).await;
    }
}

async fn not_joined(refused_before: bool) {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let tutor = centre.connected_tutor(&test, "Tina").await;
    let student = test.student("Sam").await;
    let booking = book(&student, &tutor, FIRST).await;
    if refused_before {
        test.google.fail_next(insert_too_fast());
        test.run_jobs().await;
        test.pass(TimeDelta::minutes(15));
    }
    // The id is already taken by the first insert, and the event is not there to be read yet.
    test.google.fail_next(insert_held());
    let taken = Failure::status(Target::Calendar, 409, "duplicate");
    test.google.fail_next(insert(taken));
    test.run_jobs().await;
    test.pass(TimeDelta::minutes(1));
    test.run_jobs().await;
    assert_starts(&test, &tutor, &[]);
    assert_eq!(test.google.release_held().await, [200]);
    assert_starts(&test, &tutor, &[FIRST]);
    test.pass(TimeDelta::minutes(1));
    test.run_jobs().await;
    assert_starts(&test, &tutor, &[FIRST]);
    assert_eq!(
        student.get(&booking).await.expect(200)["calendar"],
        "current"
    );
    assert_eq!(test.events_to_write().await, 0);
}
