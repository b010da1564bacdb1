//! The event in the tutor's calendar follows every change of its lesson.

use crate::support::{
    Centre, Person, TestApp, TutorAtCentre, at, email,
    lesson::{FIRST, FOURTH, SECOND, THIRD, assert_starts, book, cancel},
};
use ::entity::{
    id::{LessonId, UserId},
    lesson,
};
use api::{
    service::lesson_event,
    store::{self, job::Work},
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

    /// Moves the lesson, as the service does.
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

    /// Somebody joins the lesson; where the booking is.
    async fn join(&self, student: &Person) -> String {
        let id = student.get("/v1/me").await.expect(200)["id"].clone();
        let id = UserId(id.as_str().unwrap().parse().unwrap());
        let (db, now) = (&self.test.app.db, self.test.now());
        let lesson = lesson::Entity::find_by_id(self.lesson).one(db).await;
        let span = hour_from(lesson.unwrap().unwrap().starts_at);
        let booking = store::booking::insert(db, self.lesson, id, span, now)
            .await
            .unwrap();
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
async fn a_lesson_that_is_moved_while_google_fails_is_right_afterwards() {
    let status = |status, reason| Failure::status(Target::Calendar, status, reason);
    for failure in [
        status(500, "backendError"),
        status(429, "rateLimitExceeded"),
        status(403, "quotaExceeded"),
        status(401, "authError"),
        patch(status(412, "conditionNotMet")),
        patch(status(503, "backendError")),
        Failure::lost_answer(Target::Calendar),
        patch(Failure::lost_answer(Target::Calendar)),
    ] {
        let world = World::new().await;
        world.test.google.fail_next(failure.times(u32::MAX));
        world.move_to(SECOND).await;
        world.test.run_jobs().await;
        world.move_to(THIRD).await;
        for _ in 0..6 {
            world.test.pass(TimeDelta::minutes(10));
            world.test.run_jobs().await;
        }
        world.test.google.clear_failures();
        world.test.pass(TimeDelta::hours(2));
        world.test.run_jobs().await;
        world.assert_at(THIRD);
        assert_eq!(world.calendar().await, "current");
        assert_eq!(world.test.events_to_write().await, 0);
    }
}

#[tokio::test]
async fn a_change_whose_answer_was_lost_is_not_made_twice() {
    let world = World::new().await;
    let lost = patch(Failure::lost_answer(Target::Calendar));
    world.test.google.fail_next(lost);
    world.move_to(SECOND).await;
    world.test.run_jobs().await;
    assert_eq!(world.calendar().await, "pending");
    world.test.pass(TimeDelta::seconds(2));
    world.test.run_jobs().await;
    world.assert_at(SECOND);
    assert_eq!(world.calendar().await, "current");
    assert_eq!(world.event()["sequence"], 1);
}

#[tokio::test]
async fn a_change_that_google_carries_out_late_undoes_nothing_newer() {
    // Also when the lesson is back where it was, so that the event seems to be right already.
    for last in [THIRD, FIRST] {
        let world = World::new().await;
        // The first of the tries that one call makes; the others meet a Google that is down.
        let google = &world.test.google;
        google.fail_next(patch(Failure::held(Target::Calendar)));
        let down = patch(Failure::status(Target::Calendar, 503, "backendError"));
        google.fail_next(down.times(2));
        world.move_to(SECOND).await;
        world.test.run_jobs().await;
        world.move_to(last).await;
        world.test.run_jobs().await;
        world.assert_at(last);
        assert_eq!(google.release_held().await, [412]);
        world.assert_at(last);
        assert_eq!(world.calendar().await, "current");
    }
}

#[tokio::test]
async fn what_the_tutor_changes_at_the_same_moment_is_not_lost() {
    let world = World::new().await;
    // The event is read, and then changed before ours arrives: it is refused, and begun anew.
    let changed = patch(Failure::status(Target::Calendar, 412, "conditionNotMet"));
    world.test.google.fail_next(changed);
    world.move_to(SECOND).await;
    world.test.run_jobs().await;
    world.edit(&json!({"description": "Bring the book."}));
    let connection = world.tutor.person.get("/v1/calendar/connection").await;
    assert_eq!(connection.expect(200)["failing_since"], json!(null));
    world.test.pass(TimeDelta::seconds(2));
    world.test.run_jobs().await;
    world.assert_at(SECOND);
    assert_eq!(world.event()["description"], "Bring the book.");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_at_once_leave_the_newest_state() {
    let world = World::new().await;
    for (n, start) in [SECOND, THIRD, FOURTH, FIRST, THIRD]
        .into_iter()
        .enumerate()
    {
        let sync = || {
            let (app, lesson) = (world.test.app.clone(), world.lesson);
            tokio::spawn(async move { lesson_event::sync(&app, lesson).await })
        };
        // One that began before the lesson was moved, and two after, whatever comes of each.
        world.ask_for_sync().await;
        let before = sync();
        world.move_to(start).await;
        let (before, one, two) = tokio::join!(before, sync(), sync());
        for outcome in [before, one, two] {
            outcome.unwrap().unwrap();
        }
        world.test.pass(TimeDelta::seconds(2));
        world.test.run_jobs().await;
        world.assert_at(start);
        assert_eq!(world.calendar().await, "current", "move {n}");
    }
    assert_eq!(world.test.google.all_events(&world.tutor.email).len(), 1);
}

#[tokio::test]
async fn an_event_that_the_tutor_has_deleted_is_made_anew_when_its_lesson_moves() {
    let world = World::new().await;
    let google = &world.test.google;
    google.delete_event(&world.tutor.email, &world.event);
    world.ask_for_sync().await;
    world.test.run_jobs().await;
    assert_starts(&world.test, &world.tutor, &[]);
    world.move_to(SECOND).await;
    world.test.run_jobs().await;
    assert_starts(&world.test, &world.tutor, &[SECOND]);
    assert_eq!(world.calendar().await, "current");
    assert_eq!(world.event()["status"], "cancelled");

    // The new one moves, too.
    world.move_to(THIRD).await;
    world.test.run_jobs().await;
    assert_starts(&world.test, &world.tutor, &[THIRD]);
    assert_eq!(google.all_events(&world.tutor.email).len(), 2);
}

#[tokio::test]
async fn an_event_that_google_denies_for_a_moment_is_not_doubled() {
    for (status, reason) in [(404, "notFound"), (410, "deleted")] {
        let world = World::new().await;
        let denied = Failure::status(Target::Calendar, status, reason);
        world.test.google.fail_next(denied.clone().method("GET"));
        let gone = patch(denied);
        world.move_to(SECOND).await;
        if status == 404 {
            world.test.run_jobs().await;
            world.assert_at(SECOND);
        } else {
            // What is said to be deleted is so: another event takes its place.
            world
                .test
                .google
                .delete_event(&world.tutor.email, &world.event);
            world.test.run_jobs().await;
            assert_starts(&world.test, &world.tutor, &[SECOND]);
        }
        // It may also go between the look and the change: then the next look tells.
        world.test.google.fail_next(gone);
        world.move_to(THIRD).await;
        world.test.run_jobs().await;
        world.test.pass(TimeDelta::hours(10));
        world.test.run_jobs().await;
        assert_starts(&world.test, &world.tutor, &[THIRD]);
        assert_eq!(world.calendar().await, "current");
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

const BUSY: &str = "SELECT count(*) FROM busy_spans";

#[tokio::test]
async fn the_time_that_a_lesson_was_moved_from_can_be_booked_while_its_event_still_stands_there() {
    let world = World::new().await;
    let down = patch(Failure::status(Target::Calendar, 503, "backendError"));
    world.test.google.fail_next(down.times(u32::MAX));
    world.move_to(FOURTH).await;
    world.test.run_jobs().await;
    world.test.pass(TimeDelta::minutes(1));
    world.test.run_jobs().await;
    world.assert_at(FIRST);
    assert_eq!(world.test.count(BUSY).await, 0);
    let bea = world.test.student("Bea").await;
    book(&bea, &world.tutor, FIRST).await;
    world.test.run_jobs().await;
    assert_eq!(world.test.events_to_write().await, 1);

    world.test.google.clear_failures();
    world.test.pass(TimeDelta::hours(1));
    world.test.run_jobs().await;
    assert_starts(&world.test, &world.tutor, &[FIRST, FOURTH]);
    assert_eq!(world.test.count(BUSY).await, 0);
}

#[tokio::test]
async fn the_time_that_a_lesson_was_moved_from_is_the_tutors_again_once_the_event_has_followed() {
    let world = World::new().await;
    world.move_to(FOURTH).await;
    world.test.run_jobs().await;
    let (from, until) = (at(FIRST), at(SECOND));
    let google = &world.test.google;
    google.insert_busy(&world.tutor.email, from, until, "Dentist");
    world.test.pass(TimeDelta::minutes(1));
    world.test.run_jobs().await;
    assert_eq!(world.test.count(BUSY).await, 1);
    let bea = world.test.student("Bea").await;
    let wanted = world.tutor.lesson(FIRST, 60);
    let refused = bea.post("/v1/bookings", &wanted).await;
    refused.expect_problem(409, "slot_unavailable");
}

#[tokio::test]
async fn what_was_read_before_an_event_moved_or_went_is_known_to_show_it_where_it_was() {
    let world = World::new().await;
    let perhaps = |read_at| {
        let day = Span::new(at("2027-03-02T00:00:00Z"), at("2027-03-03T00:00:00Z"));
        let (db, tutor) = (world.test.app.db.clone(), world.tutor.id);
        async move {
            let spans = store::event_span::perhaps_in_calendar(&db, tutor, day.unwrap(), read_at);
            let mut starts: Vec<_> = spans.await.unwrap().iter().map(Span::start).collect();
            starts.sort_unstable();
            starts.dedup();
            starts
        }
    };
    let [first, second, third] = [FIRST, SECOND, THIRD].map(at);
    world.move_to(SECOND).await;
    let moved_at = world.test.now();
    assert_eq!(perhaps(moved_at).await, [first, second]);
    world.test.pass(TimeDelta::seconds(1));
    world.test.run_jobs().await;
    world.test.pass(TimeDelta::seconds(1));
    assert_eq!(perhaps(moved_at).await, [first, second]);
    assert_eq!(perhaps(world.test.now()).await, [second]);

    // Back and forth: where the event may stand again, it is looked for again.
    let down = patch(Failure::status(Target::Calendar, 503, "backendError"));
    world.test.google.fail_next(down.times(u32::MAX));
    for start in [FIRST, THIRD] {
        world.move_to(start).await;
        world.test.run_jobs().await;
    }
    world.test.pass(TimeDelta::seconds(1));
    let now = world.test.now();
    assert_eq!(perhaps(now).await, [first, second, third]);
    world.test.google.clear_failures();
    world.test.pass(TimeDelta::minutes(10));
    world.test.run_jobs().await;
    world.assert_at(THIRD);

    // Cancelled, but the event stands; then it is gone.
    cancel(&world.sam, &world.booking).await;
    world.test.pass(TimeDelta::seconds(1));
    let cancelled_at = world.test.now();
    world.test.run_jobs().await;
    assert_eq!(perhaps(cancelled_at).await, [third]);
    world.test.pass(TimeDelta::seconds(1));
    assert!(perhaps(world.test.now()).await.is_empty());
}
