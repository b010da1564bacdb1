//! Lessons compared with the calendars of their tutors, both ways.

use crate::support::{
    Centre, Person, TestApp, TutorAtCentre, at,
    lesson::{FIRST, SECOND, THIRD, assert_starts, book, cancel},
};
use api::service::reconciliation::{self, Report};
use chrono::TimeDelta;
use google_sandbox::{Failure, Target};
use serde_json::json;

/// Two lessons of Sam with Tina, in Tina's calendar.
struct World {
    test: TestApp,
    tutor: TutorAtCentre,
    sam: Person,
    bookings: [String; 2],
    /// What Google calls the events.
    events: [String; 2],
}

impl World {
    async fn new() -> Self {
        let test = TestApp::start().await;
        let tutor = Centre::open(&test)
            .await
            .connected_tutor(&test, "Tina")
            .await;
        let sam = test.student("Sam").await;
        let first = book(&sam, &tutor, FIRST).await;
        let second = book(&sam, &tutor, SECOND).await;
        test.run_jobs().await;
        let events = test.google.events(&tutor.email);
        let id = |n: usize| events[n]["id"].as_str().unwrap().to_owned();
        Self {
            events: [id(0), id(1)],
            test,
            tutor,
            sam,
            bookings: [first, second],
        }
    }

    async fn compare(&self, dry_run: bool) -> Report {
        let report = reconciliation::reconcile(&self.test.app, self.tutor.id, dry_run).await;
        report.unwrap().unwrap()
    }

    /// Compares twice: a dry run changes nothing, and the second one finds what the first one did. Then what is to be done is
    /// done, and nothing differs any more.
    async fn expect(&self, found: Report) {
        for dry_run in [true, true, false] {
            assert_eq!(self.compare(dry_run).await, found);
        }
        self.test.run_jobs().await;
        let Report { lessons, .. } = self.compare(false).await;
        assert_eq!(self.compare(true).await, in_step(lessons));
    }

    /// As if nobody had ever been asked to do this.
    async fn forget_jobs(&self) {
        self.test.execute("DELETE FROM jobs").await;
    }

    /// As of lessons that were written before anybody looked.
    async fn forget_spans(&self) {
        let forget =
            "UPDATE lessons SET calendar_event_starts_at = NULL, calendar_event_ends_at = NULL";
        self.test.execute(forget).await;
    }

    fn edit(&self, event: usize, changes: &serde_json::Value) {
        let (google, account) = (&self.test.google, &self.tutor.email);
        google
            .patch_event(account, &self.events[event], changes)
            .unwrap();
    }
}

fn in_step(lessons: usize) -> Report {
    Report {
        lessons,
        ..Report::default()
    }
}

#[tokio::test]
async fn where_all_is_in_step_nothing_is_done() {
    let world = World::new().await;
    world.edit(0, &json!({"description": "Bring the book."}));
    let google = &world.test.google;
    let noon = at(THIRD);
    google.insert_busy(
        &world.tutor.email,
        noon,
        noon + TimeDelta::hours(1),
        "Dentist",
    );
    world.forget_jobs().await;
    let report = world.compare(false).await;
    assert!(report.is_in_step());
    assert_eq!(report, in_step(2));
    assert_eq!(world.test.count("SELECT count(*) FROM jobs").await, 0);
    assert_starts(&world.test, &world.tutor, &[FIRST, SECOND, THIRD]);
}

#[tokio::test]
async fn what_nobody_was_going_to_write_is_written() {
    let world = World::new().await;
    book(&world.sam, &world.tutor, THIRD).await;
    // Somebody is going to.
    assert_eq!(world.compare(false).await, in_step(3));
    world.forget_jobs().await;
    let found = Report {
        unwritten: 1,
        ..in_step(3)
    };
    world.expect(found).await;
    assert_starts(&world.test, &world.tutor, &[FIRST, SECOND, THIRD]);
}

#[tokio::test]
async fn what_was_given_up_is_tried_again() {
    let world = World::new().await;
    book(&world.sam, &world.tutor, THIRD).await;
    world
        .test
        .execute("UPDATE jobs SET dead_at = now() WHERE kind = 'sync_lesson_event'")
        .await;
    let found = Report {
        unwritten: 1,
        ..in_step(3)
    };
    world.expect(found).await;
    assert_starts(&world.test, &world.tutor, &[FIRST, SECOND, THIRD]);
}

#[tokio::test]
async fn an_event_that_shows_what_is_old_is_written_anew() {
    let world = World::new().await;
    let marks = json!({"extendedProperties": {"private": {"tutoringSchedulerRevision": "0"}}});
    world.edit(0, &marks);
    world.edit(0, &json!({"summary": "Something else"}));
    let found = Report {
        outdated: 1,
        ..in_step(2)
    };
    world.expect(found).await;
    let summary = &world.test.google.events(&world.tutor.email)[0]["summary"];
    assert!(summary.as_str().unwrap().contains("Sam"), "{summary}");
}

#[tokio::test]
async fn an_event_of_whose_move_nobody_told_is_followed() {
    let world = World::new().await;
    let (start, end) = (at(THIRD), at(THIRD) + TimeDelta::hours(1));
    world.edit(
        0,
        &json!({"start": {"dateTime": start}, "end": {"dateTime": end}}),
    );
    world.forget_jobs().await;
    let found = Report {
        moved: 1,
        ..in_step(2)
    };
    world.expect(found).await;
    let booking = world.sam.get(&world.bookings[0]).await.expect(200);
    assert_eq!(at(booking["start"].as_str().unwrap()), start);
}

#[tokio::test]
async fn an_event_of_whose_deletion_nobody_told_is_followed() {
    let world = World::new().await;
    let google = &world.test.google;
    google.delete_event(&world.tutor.email, &world.events[1]);
    world.forget_jobs().await;
    let found = Report {
        missing: 1,
        ..in_step(2)
    };
    assert_eq!(world.compare(true).await, found);
    assert_eq!(world.compare(false).await, found);
    world.test.run_jobs().await;
    let drifts = world.tutor.person.get("/v1/calendar/drifts").await;
    assert_eq!(drifts.expect(200)["items"][0]["status"], "pending");
    world.test.pass(TimeDelta::hours(1));
    world.test.run_jobs().await;
    assert_eq!(world.compare(false).await, in_step(1));
}

#[tokio::test]
async fn what_was_moved_or_deleted_before_anybody_looked_is_put_back() {
    let world = World::new().await;
    let (google, account) = (&world.test.google, &world.tutor.email);
    let (start, end) = (at(THIRD), at(THIRD) + TimeDelta::hours(1));
    let moved = json!({"start": {"dateTime": start}, "end": {"dateTime": end}});
    world.edit(0, &moved);
    google.delete_event(account, &world.events[1]);
    world.forget_spans().await;
    let found = Report {
        moved: 1,
        missing: 1,
        ..in_step(2)
    };
    world.expect(found).await;
    assert_starts(&world.test, &world.tutor, &[FIRST, SECOND]);
    let drifts = world.tutor.person.get("/v1/calendar/drifts").await;
    let drifts = drifts.expect(200);
    let reasons = drifts["items"].as_array().unwrap().iter();
    let reasons: Vec<_> = reasons.map(|it| it["reasons"].clone()).collect();
    assert_eq!(reasons, [json!(["unnoticed"]), json!(["unnoticed"])]);
}

#[tokio::test]
async fn what_is_in_its_place_is_followed_from_now_on() {
    let world = World::new().await;
    world.forget_spans().await;
    assert_eq!(world.compare(true).await, in_step(2));
    let known = "SELECT count(*) FROM lessons WHERE calendar_event_starts_at IS NOT NULL";
    assert_eq!(world.test.count(known).await, 0);
    assert_eq!(world.compare(false).await, in_step(2));
    assert_eq!(world.test.count(known).await, 2);
}

#[tokio::test]
async fn of_an_event_that_is_repeated_now_nothing_is_deleted() {
    let world = World::new().await;
    world.edit(0, &json!({"recurrence": ["RRULE:FREQ=DAILY;COUNT=3"]}));
    for _ in 0..2 {
        assert_eq!(world.compare(false).await, in_step(2));
        world.test.run_jobs().await;
    }
    let event = &world.test.google.all_events(&world.tutor.email)[0];
    assert_eq!(event["status"], "confirmed");
    assert_eq!(event["recurrence"][0], "RRULE:FREQ=DAILY;COUNT=3");
}

#[tokio::test]
async fn an_event_that_a_cancelled_lesson_has_left_behind_is_deleted() {
    let world = World::new().await;
    cancel(&world.sam, &world.bookings[0]).await;
    world.forget_jobs().await;
    let found = Report {
        stray: 1,
        ..in_step(1)
    };
    world.expect(found).await;
    assert_starts(&world.test, &world.tutor, &[SECOND]);
}

#[tokio::test]
async fn of_two_events_of_a_lesson_the_one_that_it_has_stays() {
    let world = World::new().await;
    // As if it had been forgotten that there is one.
    world
        .test
        .execute(&format!(
            "UPDATE lessons SET calendar_event_id = NULL, calendar_event_revision = NULL, calendar_event_attempt = 1, \
                 calendar_event_starts_at = NULL, calendar_event_ends_at = NULL \
             WHERE starts_at = '{FIRST}'"
        ))
        .await;
    world.compare(false).await;
    world.test.run_jobs().await;
    assert_starts(&world.test, &world.tutor, &[FIRST, FIRST, SECOND]);
    let found = Report {
        stray: 1,
        ..in_step(2)
    };
    world.expect(found).await;
    assert_starts(&world.test, &world.tutor, &[FIRST, SECOND]);
    assert_ne!(
        world.test.google.events(&world.tutor.email)[0]["id"],
        world.events[0]
    );
}

#[tokio::test]
async fn what_looks_like_ours_and_is_not_known_is_told_and_left() {
    let world = World::new().await;
    // As of another installation, whose lessons are in the same calendar.
    for table in ["bookings", "lessons"] {
        let delete = format!("DELETE FROM {table} WHERE starts_at = '{SECOND}'");
        world.test.execute(&delete).await;
    }
    world.forget_jobs().await;
    let found = Report {
        unknown: 1,
        ..in_step(1)
    };
    for _ in 0..2 {
        assert_eq!(world.compare(false).await, found);
        world.test.run_jobs().await;
    }
    assert_starts(&world.test, &world.tutor, &[FIRST, SECOND]);
}

#[tokio::test]
async fn while_google_does_not_tell_nothing_differs_and_nothing_is_done() {
    let world = World::new().await;
    world.forget_jobs().await;
    let google = &world.test.google;
    let id = world.tutor.id;
    for (status, reason) in [
        (503, "backendError"),
        (429, "rateLimitExceeded"),
        (403, "quotaExceeded"),
    ] {
        let down = Failure::status(Target::Calendar, status, reason);
        google.fail_next(down.method("GET").times(u32::MAX));
        let report = reconciliation::reconcile(&world.test.app, id, false).await;
        assert!(report.is_err(), "{status}");
        google.clear_failures();
    }
    let gone = Failure::status(Target::Calendar, 404, "notFound").method("GET");
    google.fail_next(gone.times(u32::MAX));
    let unread = Report {
        unreadable: 1,
        ..in_step(2)
    };
    assert_eq!(world.compare(false).await, unread);
    google.clear_failures();
    assert_eq!(world.test.count("SELECT count(*) FROM jobs").await, 0);
    google.revoke_grants(&world.tutor.email);
    let report = reconciliation::reconcile(&world.test.app, id, false).await;
    assert_eq!(report.unwrap(), None);
}

#[tokio::test]
async fn each_calendar_is_compared_once_a_day() {
    let world = World::new().await;
    let app = &world.test.app;
    let queued = "SELECT count(*) FROM jobs WHERE kind = 'reconcile_calendar'";
    for _ in 0..2 {
        reconciliation::enqueue_due(app).await.unwrap();
        assert_eq!(world.test.count(queued).await, 1);
    }
    world.test.run_jobs().await;
    world.test.pass(TimeDelta::hours(23));
    reconciliation::enqueue_due(app).await.unwrap();
    assert_eq!(world.test.count(queued).await, 0);
    world.test.pass(TimeDelta::hours(1) + TimeDelta::seconds(1));
    reconciliation::enqueue_due(app).await.unwrap();
    assert_eq!(world.test.count(queued).await, 1);
}
