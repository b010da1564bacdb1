//! Google failing in every way it knows, and coming back: no booking is lost, and no event is doubled.

use crate::support::{
    Centre, TestApp, TutorAtCentre, at, email,
    lesson::{FIRST, FOURTH, SECOND, THIRD, assert_starts, book, cancel},
};
use ::entity::lesson;
use api::jobs;
use chrono::TimeDelta;
use google::{AccessToken, Calendar, NewEvent, event_id, scope};
use google_sandbox::{Effect, Failure, Target};
use sea_orm::EntityTrait;
use serde_json::json;
use std::{collections::BTreeMap, time::Duration};

/// Lessons are booked and cancelled while Google fails like this.
async fn live_through(failure: Failure) {
    let test = TestApp::start_with(|config| {
        let google = config.google.as_mut().unwrap();
        google.calendar_limits.total = Duration::from_secs(1);
        google.sign_in_limits.total = Duration::from_secs(1);
    })
    .await;
    let centre = Centre::open(&test).await;
    let tutor = centre.connected_tutor(&test, "Tina").await;
    let student = test.student("Sam").await;
    let first = book(&student, &tutor, FIRST).await;
    test.run_jobs().await;
    assert_starts(&test, &tutor, &[FIRST]);

    // The access token at hand has ended when the outage begins.
    test.pass(TimeDelta::hours(1));
    test.google.fail_next(failure.times(u32::MAX));
    let second = book(&student, &tutor, SECOND).await;
    let third = book(&student, &tutor, THIRD).await;
    let fourth = book(&student, &tutor, FOURTH).await;
    test.run_jobs().await;
    cancel(&student, &first).await;
    cancel(&student, &second).await;
    test.pass(TimeDelta::seconds(5));
    test.run_jobs().await;
    for booking in [&third, &fourth] {
        let booking = student.get(booking).await.expect(200);
        assert_eq!(booking["status"], "confirmed");
        assert_eq!(booking["calendar"], "pending");
    }
    let connection = tutor.person.get("/v1/calendar/connection").await;
    assert_ne!(connection.expect(200)["failing_since"], json!(null));

    test.google.clear_failures();
    test.pass(TimeDelta::hours(2));
    test.run_jobs().await;
    assert_starts(&test, &tutor, &[THIRD, FOURTH]);
    for booking in [&first, &second, &third, &fourth] {
        let booking = student.get(booking).await.expect(200);
        assert_eq!(booking["calendar"], "current");
    }
    let connection = tutor.person.get("/v1/calendar/connection").await;
    let connection = connection.expect(200);
    assert_eq!(connection["state"], "connected");
    assert_eq!(connection["failing_since"], json!(null));

    // The ids of the deleted events stay taken; that is nobody's trouble.
    book(&student, &tutor, FIRST).await;
    book(&student, &tutor, SECOND).await;
    test.run_jobs().await;
    assert_starts(&test, &tutor, &[FIRST, SECOND, THIRD, FOURTH]);
    for _ in 0..3 {
        test.pass(TimeDelta::hours(1));
        test.run_jobs().await;
    }
    assert_starts(&test, &tutor, &[FIRST, SECOND, THIRD, FOURTH]);
}

#[tokio::test]
async fn calendar_answers_500() {
    live_through(Failure::status(Target::Calendar, 500, "backendError")).await;
}

#[tokio::test]
async fn calendar_answers_429() {
    live_through(Failure::status(Target::Calendar, 429, "rateLimitExceeded")).await;
}

#[tokio::test]
async fn calendar_answers_403_because_of_the_rate() {
    live_through(Failure::status(Target::Calendar, 403, "rateLimitExceeded")).await;
    live_through(Failure::status(
        Target::Calendar,
        403,
        "userRateLimitExceeded",
    ))
    .await;
}

#[tokio::test]
async fn calendar_answers_403_because_of_the_quota() {
    live_through(Failure::status(Target::Calendar, 403, "quotaExceeded")).await;
}

#[tokio::test]
async fn calendar_asks_for_a_long_pause() {
    let effect = Effect::Status {
        status: 503,
        reason: "backendError".to_owned(),
        retry_after: Some(3600),
    };
    live_through(Failure::new(Target::Calendar, effect)).await;
}

#[tokio::test]
async fn calendar_accepts_no_access_token() {
    live_through(Failure::status(Target::Calendar, 401, "authError")).await;
}

#[tokio::test]
async fn calendar_hangs() {
    let hang = Effect::Hang(Duration::from_mins(10));
    live_through(Failure::new(Target::Calendar, hang)).await;
}

#[tokio::test]
async fn calendar_does_what_it_is_told_and_the_answers_are_lost() {
    live_through(Failure::lost_answer(Target::Calendar)).await;
}

#[tokio::test]
async fn calendar_does_what_it_is_told_and_answers_500() {
    let effect = Effect::AfterEffect {
        status: Some(500),
        reason: "backendError".to_owned(),
    };
    live_through(Failure::new(Target::Calendar, effect)).await;
}

#[tokio::test]
async fn only_inserts_fail() {
    let lost = Failure::lost_answer(Target::Calendar);
    let failed = Failure::status(Target::Calendar, 500, "backendError");
    for failure in [lost, failed] {
        live_through(failure.method("POST")).await;
    }
}

#[tokio::test]
async fn the_token_endpoint_is_down() {
    live_through(Failure::status(Target::Token, 500, "internal_failure")).await;
    live_through(Failure::lost_answer(Target::Token)).await;
}

#[tokio::test]
async fn one_lost_answer_is_mended_within_seconds() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let tutor = centre.connected_tutor(&test, "Tina").await;
    let student = test.student("Sam").await;
    let booking = book(&student, &tutor, FIRST).await;
    test.google
        .fail_next(Failure::lost_answer(Target::Calendar).method("POST"));
    test.run_jobs().await;
    test.pass(TimeDelta::seconds(2));
    test.run_jobs().await;
    assert_starts(&test, &tutor, &[FIRST]);
    assert_eq!(
        student.get(&booking).await.expect(200)["calendar"],
        "current"
    );
    cancel(&student, &booking).await;
    test.google
        .fail_next(Failure::lost_answer(Target::Calendar).method("DELETE"));
    test.run_jobs().await;
    assert_starts(&test, &tutor, &[]);
    assert_eq!(
        student.get(&booking).await.expect(200)["calendar"],
        "current"
    );
}

#[tokio::test]
async fn a_slot_is_booked_and_cancelled_again_and_again() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let tutor = centre.connected_tutor(&test, "Tina").await;
    let student = test.student("Sam").await;
    for _ in 0..3 {
        let booking = book(&student, &tutor, FIRST).await;
        test.run_jobs().await;
        assert_starts(&test, &tutor, &[FIRST]);
        cancel(&student, &booking).await;
        test.run_jobs().await;
        assert_starts(&test, &tutor, &[]);
    }
    // Cancelled before anything reached Google.
    let booking = book(&student, &tutor, FIRST).await;
    cancel(&student, &booking).await;
    test.run_jobs().await;
    assert_starts(&test, &tutor, &[]);
    book(&student, &tutor, FIRST).await;
    test.run_jobs().await;
    assert_starts(&test, &tutor, &[FIRST]);
}

/// An event of the tutor's own that happens to have the id which comes first for the one lesson there is.
async fn take_first_id(test: &TestApp, tutor: &TutorAtCentre) -> String {
    let lesson = lesson::Entity::find().one(&test.app.db).await.unwrap();
    let id = event_id(lesson.unwrap().id.0, 0);
    let client = &test.app.config.google.as_ref().unwrap().client_id;
    let scopes = [scope::CALENDAR_EVENTS_OWNED];
    let token = test.google.access_token(client, &tutor.email, &scopes);
    let token = AccessToken::new(token.into(), test.now() + TimeDelta::hours(1));
    let foreign = NewEvent {
        id: id.clone(),
        summary: "Not a lesson".to_owned(),
        description: None,
        location: None,
        start: at("2027-03-06T08:00:00Z"),
        end: at("2027-03-06T09:00:00Z"),
        time_zone: chrono_tz::UTC,
        attendees: Vec::new(),
        attendees_see_each_other: false,
        private: BTreeMap::new(),
        meet: false,
    };
    let calendar = Calendar::new(&test.google.calendar_url().parse().unwrap(), "test").unwrap();
    let made = calendar.insert_event(&token, "primary", &foreign).await;
    made.unwrap();
    id
}

const FOREIGN: &str = "2027-03-06T08:00:00Z";

#[tokio::test]
async fn an_event_that_happens_to_have_our_id_is_left_alone() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let tutor = centre.connected_tutor(&test, "Tina").await;
    let student = test.student("Sam").await;
    let booking = book(&student, &tutor, FIRST).await;
    take_first_id(&test, &tutor).await;
    test.run_jobs().await;
    assert_starts(&test, &tutor, &[FIRST, FOREIGN]);
    cancel(&student, &booking).await;
    test.run_jobs().await;
    assert_starts(&test, &tutor, &[FOREIGN]);
}

#[tokio::test]
async fn an_event_of_which_only_the_next_id_tells_is_deleted_with_its_lesson() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let tutor = centre.connected_tutor(&test, "Tina").await;
    let student = test.student("Sam").await;
    let booking = book(&student, &tutor, FIRST).await;
    take_first_id(&test, &tutor).await;
    // The first insert is told that its id is taken; of the next one the answer is lost.
    let taken = Effect::AfterEffect {
        status: Some(409),
        reason: "duplicate".to_owned(),
    };
    test.google
        .fail_next(Failure::new(Target::Calendar, taken).method("POST"));
    let lost = Failure::lost_answer(Target::Calendar).method("POST");
    test.google.fail_next(lost.times(u32::MAX));
    test.run_jobs().await;
    assert_starts(&test, &tutor, &[FIRST, FOREIGN]);
    test.google.clear_failures();
    cancel(&student, &booking).await;
    test.run_jobs().await;
    assert_starts(&test, &tutor, &[FOREIGN]);
}

#[tokio::test]
async fn an_id_that_is_taken_by_an_event_which_google_no_longer_shows_is_skipped() {
    // What is gone is gone; what is not there may be about to come, so it is given ten minutes.
    for (reading, wait) in [((410, "deleted"), 0), ((404, "notFound"), 10)] {
        let test = TestApp::start().await;
        let centre = Centre::open(&test).await;
        let tutor = centre.connected_tutor(&test, "Tina").await;
        let student = test.student("Sam").await;
        book(&student, &tutor, FIRST).await;
        let taken = || {
            let taken = Failure::status(Target::Calendar, 409, "duplicate");
            test.google.fail_next(taken.method("POST").path("/events"));
            let (status, reason) = reading;
            let reading = Failure::status(Target::Calendar, status, reason);
            test.google.fail_next(reading.method("GET"));
        };
        for _ in 0..wait {
            taken();
            test.run_jobs().await;
            assert_starts(&test, &tutor, &[]);
            test.pass(TimeDelta::minutes(1));
        }
        taken();
        test.run_jobs().await;
        assert_starts(&test, &tutor, &[FIRST]);
        let event = &test.google.all_events(&tutor.email)[0];
        assert!(event["id"].as_str().unwrap().ends_with("0001"), "{event:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_at_once_make_one_event_of_each_lesson() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let tutor = centre.connected_tutor(&test, "Tina").await;
    let student = test.student("Sam").await;
    let all = [FIRST, SECOND, THIRD, FOURTH];
    let mut bookings = Vec::new();
    for start in all {
        bookings.push(book(&student, &tutor, start).await);
    }
    test.google
        .fail_next(Failure::lost_answer(Target::Calendar).times(2));
    let (app, other) = (test.app.clone(), test.app.clone());
    let (one, two) = tokio::join!(
        tokio::spawn(async move { jobs::run_due(&app).await }),
        tokio::spawn(async move { jobs::run_due(&other).await }),
    );
    assert!(one.unwrap().unwrap() + two.unwrap().unwrap() >= all.len());
    test.pass(TimeDelta::minutes(1));
    test.run_jobs().await;
    assert_starts(&test, &tutor, &all);
    assert_eq!(test.google.all_events(&tutor.email).len(), all.len());
}

#[tokio::test]
async fn the_job_of_a_worker_that_died_is_taken_over() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let tutor = centre.connected_tutor(&test, "Tina").await;
    let student = test.student("Sam").await;
    book(&student, &tutor, FIRST).await;
    // It had made the event, and could not say so any more.
    let lease = test.now() + TimeDelta::minutes(1);
    test.run_jobs().await;
    test.execute("UPDATE lessons SET calendar_event_id = NULL, calendar_event_revision = NULL")
        .await;
    test.execute(&format!(
        "INSERT INTO jobs (id, kind, key, run_at, created_at, leased_until, attempts) \
         SELECT gen_random_uuid(), 'sync_lesson_event', id::text, created_at, created_at, '{}', 1 FROM lessons",
        lease.to_rfc3339()
    ))
    .await;
    assert_eq!(test.run_jobs().await, 0, "the lease still holds");
    test.pass(TimeDelta::minutes(1));
    test.run_jobs().await;
    assert_starts(&test, &tutor, &[FIRST]);
    assert_eq!(test.google.all_events(&tutor.email).len(), 1);
}

#[tokio::test]
async fn what_is_logged_of_a_failed_job_names_nobody() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let tutor = centre.connected_tutor(&test, "Tina").await;
    let student = test.student("Sam").await;
    book(&student, &tutor, FIRST).await;
    let failure = Failure::status(Target::Calendar, 500, "backendError");
    test.google.fail_next(failure.times(u32::MAX));
    test.run_jobs().await;
    let told = format!(
        "SELECT count(*) FROM jobs WHERE last_error LIKE '%{}%' OR last_error LIKE '%ya29%'",
        email("Sam")
    );
    assert_eq!(test.count(&told).await, 0);
    let failed = "SELECT count(*) FROM jobs WHERE last_error IS NOT NULL";
    assert_eq!(test.count(failed).await, 1);
}
