//! Lessons that are held online by Google Meet.

use crate::support::{
    Centre, Person, TestApp, TutorAtCentre, email,
    lesson::{FIRST, SECOND, THIRD, assert_starts, book, cancel},
};
use chrono::TimeDelta;
use google_sandbox::{Consent, Meets};
use reqwest::Method;
use serde_json::{Value, json};

const CALENDARS: &str = "/v1/calendar/calendars";

/// Tina, whose lessons get a Meet link, and Sam.
struct World {
    test: TestApp,
    tutor: TutorAtCentre,
    sam: Person,
}

impl World {
    async fn new(meets: Meets) -> Self {
        let test = TestApp::start().await;
        test.google.set_meets(meets);
        let centre = Centre::open(&test).await;
        let world = Self {
            tutor: centre.connected_tutor(&test, "Tina").await,
            sam: test.student("Sam").await,
            test,
        };
        world.want_links(true).await;
        world
    }

    async fn want_links(&self, wanted: bool) {
        let tutor = &self.tutor.person;
        let read = tutor.get(CALENDARS).await;
        let etag = read.etag();
        let main = read.expect(200)["items"][0]["id"].clone();
        let body = json!({"blocking": [main], "meet_links": wanted});
        let edited = tutor.edit(Method::PUT, CALENDARS, &etag, &body).await;
        assert_eq!(edited.expect(200)["meet_links"], json!(wanted));
        let read = tutor.get(CALENDARS).await.expect(200);
        assert_eq!(read["meet_links"], json!(wanted));
    }

    async fn book(&self, start: &str) -> String {
        let booking = book(&self.sam, &self.tutor, start).await;
        self.test.run_jobs().await;
        booking
    }

    /// Moves a lesson, and its event with it.
    async fn reschedule(&self, booking: &str, start: &str) {
        let to = self.tutor.lesson(start, 60);
        let to = json!({"start": to["start"], "end": to["end"]});
        let path = format!("{booking}/reschedule");
        self.tutor.person.post(&path, &to).await.expect(200);
        self.test.run_jobs().await;
    }

    async fn pass(&self, time: TimeDelta) {
        self.test.pass(time);
        self.test.run_jobs().await;
    }

    async fn connect(&mut self, account: &str) {
        let tutor = &mut self.tutor.person;
        let connected = tutor.connect_calendar(account, Consent::All).await;
        connected.expect(303);
        self.test.run_jobs().await;
    }

    async fn wants_links(&self) -> Value {
        self.tutor.person.get(CALENDARS).await.expect(200)["meet_links"].clone()
    }

    /// The link of a booking, and how it stands in the calendar.
    async fn seen(&self, person: &Person, booking: &str) -> (Value, Value) {
        let booking = person.get(booking).await.expect(200);
        (booking["meet_url"].clone(), booking["calendar"].clone())
    }

    /// The link that Google shows.
    fn link(&self, nth: usize) -> Value {
        self.test.google.events(&self.tutor.email)[nth]["hangoutLink"].clone()
    }

    /// How often Google was asked for an event.
    fn inserts(&self) -> usize {
        let log = self.test.google.requests();
        let is_insert = |method: &str, path: &str| method == "POST" && path.ends_with("/events");
        log.iter()
            .filter(|it| is_insert(&it.method, &it.path))
            .count()
    }
}

#[tokio::test]
async fn who_is_in_the_lesson_sees_the_link_as_long_as_they_are() {
    let world = World::new(Meets::AtOnce).await;
    let booking = world.book(FIRST).await;
    let link = world.link(0);
    assert!(
        link.as_str()
            .unwrap()
            .starts_with("https://meet.google.com/")
    );
    for person in [&world.sam, &world.tutor.person] {
        let seen = world.seen(person, &booking).await;
        assert_eq!(seen, (link.clone(), json!("current")));
    }
    cancel(&world.sam, &booking).await;
    assert_eq!(world.seen(&world.sam, &booking).await.0, json!(null));
    world.test.run_jobs().await;
    assert_eq!(world.seen(&world.sam, &booking).await.0, json!(null));
}

#[tokio::test]
async fn a_link_that_google_is_still_making_is_looked_for() {
    let world = World::new(Meets::Pending).await;
    let booking = world.book(FIRST).await;
    let pending = (json!(null), json!("current"));
    assert_eq!(world.seen(&world.sam, &booking).await, pending);
    let looks = || {
        let log = world.test.google.requests();
        let is_look = |method: &str, path: &str| method == "GET" && path.contains("/events/");
        log.iter()
            .filter(|it| is_look(&it.method, &it.path))
            .count()
    };
    for _ in 0..60 {
        world.pass(TimeDelta::seconds(10)).await;
        assert_eq!(world.seen(&world.sam, &booking).await, pending);
    }
    assert!((5..=8).contains(&looks()), "{}", looks());
    world.test.google.settle_meets(true);
    world.pass(TimeDelta::minutes(10)).await;
    let made = (world.link(0), json!("current"));
    assert_ne!(made.0, json!(null));
    assert_eq!(world.seen(&world.sam, &booking).await, made);
    assert_eq!(world.inserts(), 1);
    assert_eq!(world.test.events_to_write().await, 0);
}

#[tokio::test]
async fn a_link_that_google_fails_to_make_keeps_nobody_waiting() {
    let world = World::new(Meets::Pending).await;
    let booking = world.book(FIRST).await;
    world.test.google.settle_meets(false);
    world.pass(TimeDelta::seconds(10)).await;
    let without = (json!(null), json!("current"));
    assert_eq!(world.seen(&world.sam, &booking).await, without);

    // Nor does one that it never makes, after a day.
    let second = world.book(SECOND).await;
    for _ in 0..30 {
        assert_eq!(world.test.events_to_write().await, 1);
        world.pass(TimeDelta::hours(1)).await;
        if world.test.events_to_write().await == 0 {
            break;
        }
    }
    assert_eq!(world.seen(&world.sam, &second).await, without);
    assert_eq!(world.test.events_to_write().await, 0);
}

#[tokio::test]
async fn an_account_without_meet_gets_events_without_links() {
    let world = World::new(Meets::Refused).await;
    let booking = world.book(FIRST).await;
    assert_starts(&world.test, &world.tutor, &[FIRST]);
    let without = (json!(null), json!("current"));
    assert_eq!(world.seen(&world.sam, &booking).await, without);
    assert_eq!(world.inserts(), 2);
}

#[tokio::test]
async fn a_lesson_that_is_moved_keeps_its_link() {
    let world = World::new(Meets::AtOnce).await;
    let booking = world.book(FIRST).await;
    let link = world.link(0);
    world.reschedule(&booking, SECOND).await;
    assert_starts(&world.test, &world.tutor, &[SECOND]);
    assert_eq!(world.link(0), link);
    assert_eq!(world.seen(&world.sam, &booking).await.0, link);

    // An event that is made anew has another one.
    let event = world.test.google.events(&world.tutor.email)[0].clone();
    let id = event["id"].as_str().unwrap();
    world.test.google.delete_event(&world.tutor.email, id);
    world.reschedule(&booking, THIRD).await;
    let other = world.link(0);
    assert!(other != link && other != json!(null));
    assert_eq!(world.seen(&world.sam, &booking).await.0, other);
}

#[tokio::test]
async fn only_what_comes_into_the_calendar_from_then_on_gets_a_link() {
    let mut world = World::new(Meets::AtOnce).await;
    world.want_links(false).await;
    let without = world.book(FIRST).await;
    assert_eq!(world.link(0), json!(null));
    world.want_links(true).await;
    let with = world.book(SECOND).await;
    assert_eq!(world.seen(&world.sam, &without).await.0, json!(null));
    assert_eq!(world.seen(&world.sam, &with).await.0, world.link(1));
    // Whoever says nothing of it leaves it as it is, and so does who grants the same account anew.
    let tutor = &world.tutor.person;
    let read = tutor.get(CALENDARS).await;
    let body = json!({"blocking": []});
    let etag = read.etag();
    let edited = tutor.edit(Method::PUT, CALENDARS, &etag, &body).await;
    assert_eq!(edited.expect(200)["meet_links"], json!(true));
    let account = world.tutor.email.clone();
    world.connect(&account).await;
    assert_eq!(world.wants_links().await, json!(true));
    assert_eq!(world.seen(&world.sam, &with).await.0, world.link(1));

    // Another account has other links, if any.
    world.test.add_account("Work");
    world.connect(&email("Work")).await;
    assert_eq!(world.wants_links().await, json!(false));
    assert_eq!(world.seen(&world.sam, &with).await.0, json!(null));
}

#[tokio::test]
async fn nobody_is_sent_to_what_is_no_address_of_a_page() {
    let world = World::new(Meets::AtOnce).await;
    let booking = world.book(FIRST).await;
    let id = world.test.google.events(&world.tutor.email)[0]["id"].clone();
    let script = json!({"conferenceData": {"entryPoints": [
        {"entryPointType": "video", "uri": "javascript:alert(1)"}]}});
    world
        .test
        .google
        .patch_event(&world.tutor.email, id.as_str().unwrap(), &script)
        .unwrap();
    world.reschedule(&booking, SECOND).await;
    let seen = world.seen(&world.sam, &booking).await;
    assert_eq!(seen, (json!(null), json!("current")));
}
