//! Busy time of the calendars that a tutor owns, kept in step with their events by what has changed.

use crate::support::{CLIENT_ID, Centre, TestApp, TutorAtCentre, at};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use google::scope;
use google_sandbox::{Consent, Effect, Failure, Target};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use serde_json::{Value, json};
use std::time::Duration;

const MORNING: &str = "2027-03-02T08:00:00Z";
const NOON: &str = "2027-03-02T11:00:00Z";
const AFTERNOON: &str = "2027-03-02T14:00:00Z";

/// A tutor whose calendar has been read.
struct World {
    test: TestApp,
    tutor: TutorAtCentre,
}

/// All but to ask when calendars are busy.
const EVENTS_AND_LIST: [&str; 2] = [
    scope::CALENDAR_EVENTS_OWNED,
    scope::CALENDAR_CALENDARLIST_READONLY,
];

impl World {
    async fn new() -> Self {
        let test = TestApp::start().await;
        let centre = Centre::open(&test).await;
        let tutor = centre.connected_tutor(&test, "Tina").await;
        let world = Self { test, tutor };
        world.read_anew().await;
        world
    }

    async fn before_connecting() -> Self {
        let test = TestApp::start().await;
        let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
        Self { test, tutor }
    }

    /// Connects the tutor's account with these scopes and no others.
    async fn grant(&mut self, scopes: &[&str]) {
        let scopes = scopes.iter().map(|&scope| scope.to_owned());
        let granted = Consent::Only(scopes.collect());
        let account = self.tutor.email.clone();
        let tutor = &mut self.tutor.person;
        tutor.connect_calendar(&account, granted).await.expect(303);
    }

    async fn read_anew(&self) {
        self.test.pass(TimeDelta::minutes(1));
        assert!(self.test.run_jobs().await > 0);
    }

    /// An event of an hour.
    fn busy(&self, start: &str) -> String {
        let (start, account) = (at(start), &self.tutor.email);
        let end = start + TimeDelta::hours(1);
        let id = self.test.google.insert_busy(account, start, end, "Dentist");
        assert!(!id.is_empty());
        id
    }

    fn patch(&self, id: &str, changes: &Value) {
        let patched = self.test.google.patch_event(&self.tutor.email, id, changes);
        patched.unwrap_or_else(|refusal| panic!("{changes}: {refusal}"));
    }

    /// Which of the hours in the morning, at noon and in the afternoon are free.
    async fn free(&self) -> [bool; 3] {
        let student = self.test.student("Searcher").await;
        let path = "/slots?from=2027-03-02T00:00:00Z&to=2027-03-03T00:00:00Z&minutes=60";
        let slots = student.get(&self.tutor.path(path)).await.expect(200);
        let slots = slots["items"].as_array().unwrap();
        [MORNING, NOON, AFTERNOON].map(|start| slots.iter().any(|slot| slot["start"] == start))
    }

    /// The queries by which events were listed.
    fn listings(&self) -> Vec<String> {
        let log = self.test.google.requests().into_iter();
        log.filter(|it| it.method == "GET" && it.path.ends_with("/events"))
            .map(|it| it.query)
            .collect()
    }

    async fn failing_since(&self) -> Value {
        let connection = self.tutor.person.get("/v1/calendar/connection").await;
        connection.expect(200)["failing_since"].clone()
    }
}

/// Listing events fails like this.
fn listing(effect: Effect) -> Failure {
    let failure = Failure::new(Target::Calendar, effect);
    failure.method("GET").path("/events")
}

fn time(at: DateTime<Utc>) -> Value {
    json!({ "dateTime": at, "timeZone": "Europe/Berlin", "date": null })
}

#[tokio::test]
async fn after_the_first_reading_it_is_asked_what_has_changed() {
    let world = World::new().await;
    let id = world.busy(MORNING);
    let before = world.listings().len();
    world.read_anew().await;
    assert_eq!(world.free().await, [false, true, true]);
    let moved = at(NOON);
    let moved = json!({ "start": time(moved), "end": time(moved + TimeDelta::hours(1)) });
    world.patch(&id, &moved);
    world.read_anew().await;
    assert_eq!(world.free().await, [true, false, true]);
    for (change, is_free) in [
        (json!({ "transparency": "transparent" }), true),
        (json!({ "transparency": "opaque" }), false),
        (
            json!({ "attendees": [{ "email": world.tutor.email, "responseStatus": "declined" }] }),
            true,
        ),
        (json!({ "attendees": [] }), false),
    ] {
        world.patch(&id, &change);
        world.read_anew().await;
        assert_eq!(world.free().await, [true, is_free, true], "{change}");
    }
    world.test.google.delete_event(&world.tutor.email, &id);
    world.read_anew().await;
    assert_eq!(world.free().await, [true; 3]);
    let listings = &world.listings()[before..];
    assert_eq!(listings.len(), 7);
    assert!(listings.iter().all(|query| query.contains("syncToken=")));
    let kept = "SELECT count(*) FROM calendar_events";
    assert_eq!(world.test.count(kept).await, 0);
}

#[tokio::test]
async fn a_repeated_event_blocks_by_its_occurrences() {
    let world = World::new().await;
    let id = world.busy(MORNING);
    world.patch(&id, &json!({ "recurrence": ["RRULE:FREQ=DAILY;COUNT=30"] }));
    world.read_anew().await;
    assert_eq!(world.free().await, [false, true, true]);
    let spans = "SELECT count(*) FROM busy_spans";
    assert_eq!(world.test.count(spans).await, 30);

    let occurrence = format!("{id}_20270302T080000Z");
    let moved = at(AFTERNOON);
    let moved = json!({ "start": time(moved), "end": time(moved + TimeDelta::hours(1)) });
    world.patch(&occurrence, &moved);
    world.read_anew().await;
    assert_eq!(world.free().await, [true, true, false]);
    world
        .test
        .google
        .delete_event(&world.tutor.email, &occurrence);
    world.read_anew().await;
    assert_eq!(world.free().await, [true; 3]);
    assert_eq!(world.test.count(spans).await, 29);

    world.patch(&id, &json!({ "recurrence": ["RRULE:FREQ=DAILY;COUNT=2"] }));
    world.read_anew().await;
    assert_eq!(world.test.count(spans).await, 1);
    world.test.google.delete_event(&world.tutor.email, &id);
    world.read_anew().await;
    assert_eq!(world.test.count(spans).await, 0);
}

#[tokio::test]
async fn when_a_sync_token_expires_all_is_read_anew_and_nothing_looks_free_meanwhile() {
    let world = World::new().await;
    world.busy(MORNING);
    let gone = world.busy(NOON);
    world.read_anew().await;
    assert_eq!(world.free().await, [false, false, true]);
    let google = &world.test.google;
    google.expire_sync_tokens();
    google.delete_event(&world.tutor.email, &gone);
    world.busy(AFTERNOON);
    // The increment is refused, and then the full listing fails as well.
    let expired = listing(Effect::Status {
        status: 410,
        reason: "fullSyncRequired".to_owned(),
        retry_after: None,
    });
    google.fail_next(expired.times(1));
    google.fail_next(
        Failure::status(Target::Calendar, 500, "backendError")
            .method("GET")
            .path("/events")
            .times(10),
    );
    world.read_anew().await;
    assert_eq!(world.free().await, [false, false, true]);
    assert_ne!(world.failing_since().await, json!(null));
    google.clear_failures();
    world.read_anew().await;
    assert_eq!(world.free().await, [false, true, false]);
    assert_eq!(world.failing_since().await, json!(null));
    let last = world.listings().pop().unwrap();
    assert!(last.contains("timeMin=") && !last.contains("syncToken="));
}

#[tokio::test]
async fn a_token_that_google_calls_malformed_leads_to_a_full_sync() {
    let world = World::new().await;
    world
        .test
        .execute("UPDATE calendar_syncs SET sync_token = 'nonsense'")
        .await;
    world.busy(MORNING);
    world.read_anew().await;
    assert_eq!(world.free().await, [false, true, true]);
    assert_eq!(world.failing_since().await, json!(null));
    let [.., increment, full] = &world.listings()[..] else {
        panic!("two listings")
    };
    assert!(increment.contains("syncToken=nonsense"));
    assert!(full.contains("timeMin="));
}

#[tokio::test]
async fn what_has_long_been_in_the_calendar_is_known_when_it_comes_near() {
    let world = World::new().await;
    // Beyond all that the first reading told.
    let far = at("2027-05-20T08:00:00Z");
    let account = &world.tutor.email;
    let google = &world.test.google;
    google.insert_busy(account, far, far + TimeDelta::hours(1), "Dentist");
    world.busy(MORNING);
    world.test.execute("DELETE FROM calendar_syncs").await;
    world.read_anew().await;
    let first = "SELECT count(*) FROM calendar_events WHERE starts_at < '2027-03-03'";
    assert_eq!(world.test.count(first).await, 1);
    let spans = "SELECT count(*) FROM busy_spans";
    assert_eq!(world.test.count(spans).await, 1);
    let mut full = 0;
    for _ in 0..30 {
        world.test.pass(TimeDelta::days(1));
        let before = world.listings().len();
        world.test.run_jobs().await;
        let listings = &world.listings()[before..];
        full += listings.iter().filter(|it| it.contains("timeMin=")).count();
    }
    assert_eq!(world.test.count(spans).await, 1);
    assert!((2..=4).contains(&full), "{full} full listings in 30 days");
    assert_eq!(world.test.count(first).await, 0);
}

#[tokio::test]
async fn a_longer_horizon_is_read_at_once() {
    let world = World::new().await;
    let far = at("2027-08-25T08:00:00Z");
    let account = &world.tutor.email;
    let google = &world.test.google;
    google.insert_busy(account, far, far + TimeDelta::hours(1), "Dentist");
    world.test.execute("DELETE FROM calendar_syncs").await;
    world.read_anew().await;
    let spans = "SELECT count(*) FROM busy_spans";
    assert_eq!(world.test.count(spans).await, 0);
    let path = world.tutor.path("/policy");
    let tutor = &world.tutor.person;
    let etag = tutor.get(&path).await.etag();
    let policy = json!({ "horizon_days": 300 });
    let put = reqwest::Method::PUT;
    tutor.edit(put, &path, &etag, &policy).await.expect(200);
    world.read_anew().await;
    assert_eq!(world.test.count(spans).await, 1);
}

#[tokio::test]
async fn what_is_told_late_undoes_nothing_that_was_told_since() {
    let world = World::new().await;
    let id = world.busy(MORNING);
    world.test.pass(TimeDelta::minutes(1));
    let late = listing(Effect::Hang(Duration::from_secs(1)));
    world.test.google.fail_next(late.times(1));
    let student = world.test.student("Sam").await;
    let booking = async {
        let lesson = world.tutor.lesson("2027-03-03T08:00:00Z", 60);
        student.post("/v1/bookings", &lesson).await.expect(201);
    };
    let reading = async {
        let asked = "SELECT count(*) FROM google_grants WHERE busy_attempted_at > busy_read_at";
        while world.test.count(asked).await == 0 {
            tokio::task::yield_now().await;
        }
        world.test.google.delete_event(&world.tutor.email, &id);
        world.busy(NOON);
        world.test.run_jobs().await;
    };
    tokio::join!(booking, reading);
    assert_eq!(world.free().await, [true, false, true]);
    world.read_anew().await;
    assert_eq!(world.free().await, [true, false, true]);
}

#[tokio::test]
async fn our_own_event_blocks_only_where_there_is_no_lesson() {
    let world = World::new().await;
    let student = world.test.student("Sam").await;
    let lesson = world.tutor.lesson(MORNING, 60);
    student.post("/v1/bookings", &lesson).await.expect(201);
    world.test.run_jobs().await;
    world.read_anew().await;
    let spans = "SELECT count(*) FROM busy_spans";
    assert_eq!(world.test.count(spans).await, 0);
    let ours = &world.test.google.events(&world.tutor.email)[0];
    let id = ours["id"].as_str().unwrap().to_owned();

    // The tutor drags it to noon in Google, and copies it to the afternoon. The lesson follows the event, and not the copy.
    let moved = at(NOON);
    let moved = json!({ "start": time(moved), "end": time(moved + TimeDelta::hours(1)) });
    world.patch(&id, &moved);
    let copy = world.busy(AFTERNOON);
    let marks = json!({ "extendedProperties": ours["extendedProperties"] });
    world.patch(&copy, &marks);
    world.read_anew().await;
    world.read_anew().await;
    assert_eq!(world.free().await, [true, false, false]);
    assert_eq!(world.test.count(spans).await, 1);

    // What stands of an event once its lesson has begun is the tutor's own again.
    world.test.set_clock(at(NOON));
    world.test.run_jobs().await;
    let evening = at("2027-03-02T18:00:00Z");
    let moved = json!({ "start": time(evening), "end": time(evening + TimeDelta::hours(1)) });
    world.patch(&id, &moved);
    world.read_anew().await;
    assert_eq!(world.test.count(spans).await, 2);
}

#[tokio::test]
async fn an_appointment_at_the_time_of_a_lesson_keeps_blocking_when_the_lesson_is_gone() {
    let world = World::new().await;
    let student = world.test.student("Sam").await;
    let lesson = world.tutor.lesson(MORNING, 60);
    let booked = student.post("/v1/bookings", &lesson).await;
    let booking = booked.headers["location"].to_str().unwrap().to_owned();
    booked.expect(201);
    world.busy(MORNING);
    world.read_anew().await;
    let path = format!("{booking}/cancel");
    student.post(&path, &json!({})).await.expect(200);
    assert_eq!(world.free().await, [false, true, true]);
}

#[tokio::test]
async fn without_the_right_to_ask_for_busy_time_the_events_tell_it() {
    let mut world = World::before_connecting().await;
    world.grant(&EVENTS_AND_LIST).await;
    world.busy(MORNING);
    world.test.run_jobs().await;
    assert_eq!(world.free().await, [false, true, true]);
    assert_eq!(world.failing_since().await, json!(null));
    let asked = world.test.google.requests();
    assert!(asked.iter().all(|it| !it.path.ends_with("/freeBusy")));
}

#[tokio::test]
async fn of_a_calendar_whose_events_can_not_be_read_it_is_asked_when_it_is_busy() {
    let refusals = [
        (403, "insufficientPermissions"),
        (403, "forbidden"),
        (400, "badRequest"),
    ];
    for (status, reason) in refusals {
        let world = World::new().await;
        world.busy(MORNING);
        let failure = Failure::status(Target::Calendar, status, reason);
        let failure = failure.method("GET").path("/events");
        world.test.google.fail_next(failure.times(u32::MAX));
        world.read_anew().await;
        assert_eq!(world.free().await, [false, true, true], "{reason}");
        assert_eq!(world.failing_since().await, json!(null), "{reason}");
        world.test.google.clear_failures();
        world.busy(NOON);
        world.read_anew().await;
        assert_eq!(world.free().await, [false, false, true], "{reason}");
    }
}

#[tokio::test]
async fn while_it_can_not_be_read_which_calendars_there_are_it_is_asked_again() {
    let mut world = World::before_connecting().await;
    let failure = Failure::status(Target::Calendar, 500, "backendError");
    let failure = failure.path("calendarList").times(u32::MAX);
    world.test.google.fail_next(failure);
    world.grant(&EVENTS_AND_LIST).await;
    world.busy(MORNING);
    world.test.run_jobs().await;
    assert_ne!(world.failing_since().await, json!(null));
    world.test.google.clear_failures();
    world.test.pass(TimeDelta::minutes(5));
    world.test.run_jobs().await;
    assert_eq!(world.free().await, [false, true, true]);
    assert_eq!(world.failing_since().await, json!(null));

    // Without the list nothing can be known, and what was known is not true for ever.
    world.test.google.revoke_grants(&world.tutor.email);
    world.grant(&[scope::CALENDAR_EVENTS_OWNED]).await;
    world.test.run_jobs().await;
    assert_eq!(world.free().await, [true; 3]);
}

#[tokio::test]
async fn of_a_calendar_that_blocks_no_more_no_events_are_kept() {
    let world = World::new().await;
    world.busy(MORNING);
    world.read_anew().await;
    let kept = "SELECT count(*) FROM calendar_events";
    assert_eq!(world.test.count(kept).await, 1);
    let tutor = &world.tutor.person;
    let path = "/v1/calendar/calendars";
    let etag = tutor.get(path).await.etag();
    let none = json!({ "blocking": [] });
    let chosen = tutor.edit(reqwest::Method::PUT, path, &etag, &none);
    chosen.await.expect(200);
    assert_eq!(world.test.count(kept).await, 0);
    world.test.run_jobs().await;
    assert_eq!(world.free().await, [true; 3]);
}

/// Google's answer to when the tutor is busy, within the horizon.
async fn free_busy(world: &World) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
    let root = world.test.google.calendar_url().parse().unwrap();
    let account = &world.tutor.email;
    let secret = world
        .test
        .google
        .access_token(CLIENT_ID, account, scope::CALENDAR);
    let now = world.test.now();
    let token = google::AccessToken::new(secret.into(), now + TimeDelta::hours(1));
    let calendar = google::Calendar::new(&root, "tests").unwrap();
    let ids = [account.clone()];
    let until = now + TimeDelta::days(60);
    let told = calendar.busy(&token, &ids, now, until).await.unwrap();
    let clipped = told.busy.into_iter();
    clipped
        .map(|span| (span.start.max(now), span.end.min(until)))
        .filter(|(start, end)| start < end)
        .collect()
}

/// What is kept, within the horizon.
async fn kept(world: &World) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
    let now = world.test.now();
    let mut connection = world.test.own_connection().await;
    sqlx::query_as(
        "SELECT greatest(starts_at, $1), least(ends_at, $2) FROM busy_spans
         WHERE starts_at < $2 AND ends_at > $1 ORDER BY starts_at",
    )
    .bind(now)
    .bind(now + TimeDelta::days(60))
    .fetch_all(&mut connection)
    .await
    .unwrap()
}

/// Somebody's calendar, by a seed.
struct Whims {
    rng: StdRng,
    ids: Vec<String>,
}

impl Whims {
    fn one_of(&mut self, words: &[&'static str]) -> &'static str {
        words.choose(&mut self.rng).unwrap()
    }

    /// Within the horizon, around it, or over one of its ends.
    fn times(&mut self) -> Value {
        let first: NaiveDate = "2027-02-20".parse().unwrap();
        let day = first + TimeDelta::days(self.rng.random_range(0..90));
        if self.rng.random_bool(0.1) {
            let until = day + TimeDelta::days(self.rng.random_range(1..3));
            return json!({
                "start": { "date": day, "dateTime": null }, "end": { "date": until, "dateTime": null },
            });
        }
        let quarters = |n: i64| TimeDelta::minutes(15 * n);
        let start = day.and_hms_opt(0, 0, 0).unwrap().and_utc();
        let start = start + quarters(self.rng.random_range(0..96));
        json!({ "start": time(start), "end": time(start + quarters(self.rng.random_range(0..8))) })
    }

    fn change(&mut self, account: &str) -> Value {
        match self.rng.random_range(0..7) {
            0..=2 => self.times(),
            3 => json!({ "transparency": self.one_of(&["opaque", "transparent"]) }),
            4 => {
                let answer = self.one_of(&["declined", "accepted", "needsAction", "tentative"]);
                json!({ "attendees": [{ "email": account, "responseStatus": answer }] })
            }
            5 => json!({ "recurrence": [self.one_of(&[
                "RRULE:FREQ=WEEKLY",
                "RRULE:FREQ=DAILY;COUNT=5",
                "RRULE:FREQ=MONTHLY;BYDAY=-1SU",
                "RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SU;UNTIL=20270501T000000Z",
            ])] }),
            _ => json!({ "recurrence": null, "status": self.one_of(&["confirmed", "tentative"]) }),
        }
    }

    fn create(&mut self, world: &World) {
        let id = world.busy(MORNING);
        for change in [self.times(), self.change(&world.tutor.email)] {
            // What makes no sense for an event is refused.
            let _ = world
                .test
                .google
                .patch_event(&world.tutor.email, &id, &change);
        }
        self.ids.push(id);
    }

    fn edit(&mut self, world: &World) {
        let google = &world.test.google;
        let id = self.ids.choose(&mut self.rng).unwrap().clone();
        if self.rng.random_bool(0.3) {
            google.delete_event(&world.tutor.email, &id);
        } else {
            let change = self.change(&world.tutor.email);
            let _ = google.patch_event(&world.tutor.email, &id, &change);
        }
    }
}

/// Of 500 events in a zone whose clocks change within the horizon.
#[tokio::test]
async fn busy_time_is_what_google_says_of_calendars_of_hundreds_of_events() {
    for seed in 0..4 {
        let world = World::new().await;
        let rng = StdRng::seed_from_u64(seed);
        let ids = Vec::new();
        let mut whims = Whims { rng, ids };
        for _ in 0..500 {
            whims.create(&world);
        }
        if seed % 2 == 0 {
            world.test.google.expire_sync_tokens();
        }
        for round in 0..6 {
            world.read_anew().await;
            let expected = free_busy(&world).await;
            assert!(expected.len() > 50, "{}", expected.len());
            assert_eq!(kept(&world).await, expected, "seed {seed}, round {round}");
            for _ in 0..40 {
                whims.edit(&world);
            }
            whims.create(&world);
        }
    }
}
