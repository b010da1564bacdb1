//! The event in the tutor's calendar follows every change of its lesson.

mod busy_time;
mod meet;
mod mishaps;

use crate::support::{
    Centre, Person, TestApp, TutorAtCentre, at, email,
    lesson::{FIRST, FOURTH, SECOND, THIRD, assert_starts, book, cancel},
};
use ::entity::{
    id::{BookingId, LessonId},
    lesson,
};
use api::{
    service::queue::{self, Outcome, Work},
    store,
};
use chrono::{DateTime, TimeDelta, Utc};
use google_sandbox::{Consent, Failure, Target};
use scheduling::interval::Span;
use sea_orm::EntityTrait;
use serde_json::{Value, json};

fn hour_from(start: DateTime<Utc>) -> Span {
    Span::new(start, start + TimeDelta::hours(1)).unwrap()
}

/// A lesson of Sam with Tina, in Tina's calendar.
struct World {
    test: TestApp,
    tutor: TutorAtCentre,
    sam: Person,
    booking: String,
    lesson: LessonId,
    event: String,
}

impl World {
    async fn new() -> Self {
        let test = TestApp::start().await;
        let centre = Centre::open(&test).await;
        let tutor = centre.connected_tutor(&test, "Tina").await;
        let sam = test.student("Sam").await;
        let booking = book(&sam, &tutor, FIRST).await;
        test.run_jobs().await;
        let lesson = lesson::Entity::find().one(&test.app.db).await.unwrap();
        let event = test.google.events(&tutor.email)[0]["id"].clone();
        Self {
            lesson: lesson.unwrap().id,
            event: event.as_str().unwrap().to_owned(),
            test,
            tutor,
            sam,
            booking,
        }
    }

    /// Moves the lesson, and asks for its event to be brought in line.
    async fn move_to(&self, start: &str) {
        let now = self.test.now();
        let (db, span) = (&self.test.app.db, hour_from(at(start)));
        store::lesson::move_to(db, self.lesson, span, now)
            .await
            .unwrap();
        self.ask_for_sync().await;
    }

    async fn ask_for_sync(&self) {
        let work = Work::SyncLessonEvent(self.lesson);
        store::job::enqueue(&self.test.app.db, work, self.test.now())
            .await
            .unwrap();
    }

    /// Somebody takes a second seat of the lesson, past the service; where the booking is.
    async fn join(&self, student: &Person) -> String {
        let (booking, id) = (BookingId::generate(), student.id().await);
        self.test
            .execute(&format!(
                "INSERT INTO bookings (id, lesson_id, student_id, seat, starts_at, ends_at, status, booked_at, created_at, updated_at)
                 SELECT '{booking}', id, '{id}', 2, starts_at, ends_at, 'confirmed', now(), now(), now() FROM lessons WHERE id = '{}'",
                self.lesson
            ))
            .await;
        self.ask_for_sync().await;
        format!("/v1/bookings/{booking}")
    }

    /// What the tutor's calendar has under the id of the lesson's first event.
    fn event(&self) -> Value {
        let events = self.test.google.all_events(&self.tutor.email);
        let event = events.into_iter().find(|event| event["id"] == self.event);
        event.unwrap()
    }

    /// What the tutor does to the event in Google Calendar.
    fn edit(&self, changes: &Value) {
        let google = &self.test.google;
        google
            .patch_event(&self.tutor.email, &self.event, changes)
            .unwrap();
    }

    /// What a guest answers.
    fn answer(&self, name: &str, response: &str) {
        let answer = json!({"attendees": [{"email": email(name), "responseStatus": response}]});
        let google = &self.test.google;
        google
            .patch_event(&email(name), &self.event, &answer)
            .unwrap();
    }

    async fn calendar(&self) -> Value {
        self.sam.get(&self.booking).await.expect(200)["calendar"].clone()
    }

    /// How often Calendar was asked to change an event.
    fn patches(&self) -> usize {
        let log = self.test.google.requests();
        log.iter().filter(|it| it.method == "PATCH").count()
    }

    /// Fails unless the very event stands at this time and nothing is left to do.
    #[track_caller]
    fn assert_at(&self, start: &str) {
        assert_starts(&self.test, &self.tutor, &[start]);
        assert_eq!(self.event()["status"], "confirmed");
    }
}

/// Guests and what they have answered.
fn guests(event: &Value) -> Vec<(&str, &str)> {
    let guests = event["attendees"].as_array().unwrap();
    guests
        .iter()
        .map(|guest| {
            (
                guest["email"].as_str().unwrap(),
                guest["responseStatus"].as_str().unwrap(),
            )
        })
        .collect()
}

fn patch(failure: Failure) -> Failure {
    failure.method("PATCH")
}

#[tokio::test]
async fn a_lesson_that_is_moved_moves_its_event_and_keeps_what_others_made_of_it() {
    let world = World::new().await;
    world.answer("Sam", "accepted");
    let mut guests_now = world.event()["attendees"].clone();
    let helper =
        json!({"email": "helper@example.com", "responseStatus": "tentative", "optional": true});
    guests_now.as_array_mut().unwrap().push(helper);
    let own = json!({
        "description": "Bring the book.", "colorId": "7", "location": "Room 2",
        "reminders": {"useDefault": false, "overrides": [{"method": "popup", "minutes": 5}]},
        "attendees": guests_now,
    });
    world.edit(&own);

    assert_eq!(world.calendar().await, "current");
    world.move_to(THIRD).await;
    assert_eq!(world.calendar().await, "pending");
    world.test.run_jobs().await;
    assert_eq!(world.calendar().await, "current");
    world.assert_at(THIRD);
    let event = world.event();
    assert_eq!(at(event["end"]["dateTime"].as_str().unwrap()), at(FOURTH));
    assert_eq!(event["sequence"], 1);
    for name in ["description", "colorId", "location", "reminders"] {
        assert_eq!(event[name], own[name]);
    }
    assert_eq!(
        guests(&event),
        [
            (&*email("Sam"), "accepted"),
            ("helper@example.com", "tentative")
        ]
    );
    assert_starts(&world.test, &world.tutor, &[THIRD]);

    // Asked for again, nothing is sent, nor is anything where nothing has changed.
    let before = world.test.google.requests().len();
    world.ask_for_sync().await;
    world.test.run_jobs().await;
    assert_eq!(world.test.google.requests().len(), before);
}

#[tokio::test]
async fn an_event_of_whole_days_is_one_at_a_time_again_when_its_lesson_moves() {
    let world = World::new().await;
    world.edit(&json!({
        "start": {"date": "2027-03-02", "dateTime": null, "timeZone": null},
        "end": {"date": "2027-03-03", "dateTime": null, "timeZone": null},
    }));
    world.move_to(SECOND).await;
    world.test.run_jobs().await;
    world.assert_at(SECOND);
}

#[tokio::test]
async fn a_lesson_that_is_moved_twice_ends_where_it_was_moved_last() {
    let world = World::new().await;
    world.move_to(SECOND).await;
    world.move_to(THIRD).await;
    world.test.run_jobs().await;
    world.assert_at(THIRD);
    assert_eq!(world.patches(), 1);
    assert_eq!(world.calendar().await, "current");
}

#[tokio::test]
async fn a_lesson_that_is_moved_before_it_is_in_the_calendar_comes_to_the_right_time() {
    // Nothing was sent; the event was made, but nobody knows; it is yet to be made.
    for failure in [
        None,
        Some(Failure::lost_answer(Target::Calendar)),
        Some(Failure::held(Target::Calendar)),
    ] {
        let test = TestApp::start().await;
        let centre = Centre::open(&test).await;
        let tutor = centre.connected_tutor(&test, "Tina").await;
        let sam = test.student("Sam").await;
        let booking = book(&sam, &tutor, FIRST).await;
        if let Some(failure) = failure {
            test.google.fail_next(failure.method("POST"));
            test.run_jobs().await;
        }
        let lesson = lesson::Entity::find().one(&test.app.db).await.unwrap();
        let (id, now) = (lesson.unwrap().id, test.now());
        store::lesson::move_to(&test.app.db, id, hour_from(at(THIRD)), now)
            .await
            .unwrap();
        test.google.release_held().await;
        test.pass(TimeDelta::minutes(1));
        test.run_jobs().await;
        assert_starts(&test, &tutor, &[THIRD]);
        assert_eq!(test.google.all_events(&tutor.email).len(), 1);
        assert_eq!(sam.get(&booking).await.expect(200)["calendar"], "current");
    }
}

#[tokio::test]
async fn who_joins_or_leaves_a_lesson_disturbs_nobody_else_in_it() {
    let world = World::new().await;
    world.answer("Sam", "accepted");
    let bea = world.test.student("Bea").await;
    let bookings_of_bea = world.join(&bea).await;
    assert_eq!(world.calendar().await, "pending");
    world.test.run_jobs().await;
    let event = world.event();
    let (sam_email, bea_email) = (email("Sam"), email("Bea"));
    assert_eq!(
        guests(&event),
        [(&*sam_email, "accepted"), (&*bea_email, "needsAction")]
    );
    let summary = event["summary"].as_str().unwrap();
    assert!(summary.ends_with("Sam, Bea"), "{summary}");
    assert_eq!(event["sequence"], 0);
    let of_bea = || async { bea.get(&bookings_of_bea).await.expect(200)["calendar"].clone() };
    assert_eq!(world.calendar().await, "current");
    assert_eq!(of_bea().await, "current");

    // One leaves while a guest of the tutor's own is there.
    world.answer("Bea", "tentative");
    let mut with_helper = world.event()["attendees"].clone();
    let helper = json!({"email": "helper@example.com"});
    with_helper.as_array_mut().unwrap().push(helper);
    world.edit(&json!({"attendees": with_helper}));
    cancel(&world.sam, &world.booking).await;
    assert_eq!(world.calendar().await, "pending");
    assert_eq!(of_bea().await, "pending");
    world.test.run_jobs().await;
    let event = world.event();
    assert_eq!(
        guests(&event),
        [
            (&*bea_email, "tentative"),
            ("helper@example.com", "needsAction")
        ]
    );
    assert_eq!(world.calendar().await, "current");
    assert_eq!(of_bea().await, "current");
    world.assert_at(FIRST);

    cancel(&bea, &bookings_of_bea).await;
    world.test.run_jobs().await;
    assert_starts(&world.test, &world.tutor, &[]);
    assert_eq!(of_bea().await, "current");
}

#[tokio::test]
async fn who_joined_and_left_before_anybody_knew_of_it_is_invited_no_more() {
    let world = World::new().await;
    let bea = world.test.student("Bea").await;
    let booking = world.join(&bea).await;
    // Bea is invited, but the answer is lost.
    let lost = patch(Failure::lost_answer(Target::Calendar));
    world.test.google.fail_next(lost);
    world.test.run_jobs().await;
    assert_eq!(guests(&world.event()).len(), 2);
    cancel(&bea, &booking).await;
    world.test.run_jobs().await;
    assert_eq!(guests(&world.event()), [(&*email("Sam"), "needsAction")]);
}

#[tokio::test]
async fn a_lesson_that_is_cancelled_after_it_was_moved_leaves_the_calendar() {
    for synced_between in [true, false] {
        let world = World::new().await;
        world.move_to(SECOND).await;
        if synced_between {
            world.test.run_jobs().await;
        }
        cancel(&world.sam, &world.booking).await;
        assert_eq!(world.calendar().await, "pending");
        world.test.run_jobs().await;
        assert_starts(&world.test, &world.tutor, &[]);
        assert_eq!(world.calendar().await, "current");
    }
}

#[tokio::test]
async fn a_lesson_that_was_moved_while_the_connection_was_dead_is_brought_in_line_by_the_next() {
    let mut world = World::new().await;
    world.test.google.revoke_grants(&world.tutor.email);
    world.test.pass(TimeDelta::hours(2));
    world.move_to(SECOND).await;
    world.test.run_jobs().await;
    assert_eq!(world.calendar().await, "not_connected");
    let email = world.tutor.email.clone();
    let connected = world
        .tutor
        .person
        .connect_calendar(&email, Consent::All)
        .await;
    connected.expect(303);
    world.test.run_jobs().await;
    world.assert_at(SECOND);
    assert_eq!(world.calendar().await, "current");
}

#[tokio::test]
async fn events_of_one_tutor_are_written_one_after_the_other_and_those_of_several_at_once() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let tina = centre.connected_tutor(&test, "Tina").await;
    let theo = centre.connected_tutor(&test, "Theo").await;
    let (sam, olga) = (test.student("Sam").await, test.student("Olga").await);
    book(&sam, &tina, FIRST).await;
    book(&sam, &tina, SECOND).await;
    book(&olga, &theo, FIRST).await;
    let taken = async || {
        let workers = (0..8).map(|_| queue::take(&test.app));
        let taken = futures::future::join_all(workers).await;
        let taken = taken.into_iter().filter_map(Result::unwrap);
        let of_lessons = taken.filter(|job| matches!(job.work, Work::SyncLessonEvent(_)));
        of_lessons.collect::<Vec<_>>()
    };
    let first = taken().await;
    assert_eq!(first.len(), 2, "{first:?}");
    assert_eq!(taken().await.len(), 0);
    for job in &first {
        queue::settle(&test.app, job, Outcome::Done).await.unwrap();
    }
    assert_eq!(taken().await.len(), 1);
}
