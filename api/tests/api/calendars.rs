//! Which calendars of a Google account block the tutor's time.

use crate::support::{Answer, Centre, TestApp, TutorAtCentre, at, email};
use chrono::TimeDelta;
use google::scope;
use google_sandbox::{Consent, Effect, Failure, Target};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

const CALENDARS: &str = "/v1/calendar/calendars";
const MORNING: &str = "2027-03-02T08:00:00Z";
const NOON: &str = "2027-03-02T11:00:00Z";
const AFTERNOON: &str = "2027-03-02T14:00:00Z";

/// A tutor who has a calendar of the family beside the main one, and has just connected them.
struct World {
    test: TestApp,
    tutor: TutorAtCentre,
    /// What Google calls the calendar of the family.
    family: String,
}

impl World {
    async fn new() -> Self {
        let mut world = Self::before_connecting().await;
        let account = world.tutor.email.clone();
        world.connect(&account, Consent::All).await;
        world.test.run_jobs().await;
        world
    }

    async fn before_connecting() -> Self {
        let test = TestApp::start().await;
        let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
        let family = test.google.add_calendar(&tutor.email, "Family");
        Self {
            test,
            tutor,
            family,
        }
    }

    async fn connect(&mut self, account: &str, consent: Consent) {
        let tutor = &mut self.tutor.person;
        tutor.connect_calendar(account, consent).await.expect(303);
    }

    async fn list(&self) -> Value {
        self.tutor.person.get(CALENDARS).await.expect(200)
    }

    /// The names of all calendars, and of those that block.
    async fn names(&self) -> (Vec<String>, Vec<String>) {
        let list = self.list().await;
        let items = list["items"].as_array().unwrap();
        let name = |item: &Value| item["summary"].as_str().unwrap().to_owned();
        let blocking = items.iter().filter(|item| item["blocks"] == true);
        (
            items.iter().map(name).collect(),
            blocking.map(name).collect(),
        )
    }

    async fn named(&self, name: &str) -> Value {
        let list = self.list().await;
        let mut items = list["items"].as_array().unwrap().iter();
        let found = items.find(|item| item["summary"] == name).cloned();
        found.unwrap_or_else(|| panic!("{name} is not in {list:#}"))
    }

    /// Lets the calendars of these names block.
    async fn choose(&self, names: &[&str]) -> Answer {
        let mut ids = Vec::new();
        for name in names {
            ids.push(self.named(name).await["id"].clone());
        }
        self.put(&json!({"blocking": ids})).await
    }

    async fn put(&self, body: &Value) -> Answer {
        let tutor = &self.tutor.person;
        let etag = tutor.get(CALENDARS).await.etag();
        tutor.edit(Method::PUT, CALENDARS, &etag, body).await
    }

    /// An event of an hour.
    fn busy(&self, calendar: &str, start: &str) {
        let (google, start) = (&self.test.google, at(start));
        let id = google.insert_busy(calendar, start, start + TimeDelta::hours(1), "Dentist");
        assert!(!id.is_empty());
    }

    async fn read_anew(&self) {
        self.test.pass(TimeDelta::minutes(1));
        assert!(self.test.run_jobs().await > 0);
    }

    /// Whether a student is offered an hour that begins then.
    async fn is_free(&self, start: &str) -> bool {
        let student = self.test.student("Searcher").await;
        let path = "/slots?from=2027-03-02T00:00:00Z&to=2027-03-03T00:00:00Z&minutes=60";
        let slots = student.get(&self.tutor.path(path)).await.expect(200);
        let slots = slots["items"].as_array().unwrap();
        slots.iter().any(|slot| slot["start"] == start)
    }

    async fn connection(&self) -> Value {
        let connection = self.tutor.person.get("/v1/calendar/connection").await;
        connection.expect(200)
    }

    /// How often Google was asked something.
    fn asked(&self, path: &str) -> usize {
        let log = self.test.google.requests();
        log.iter().filter(|it| it.path.ends_with(path)).count()
    }
}

#[tokio::test]
async fn at_first_the_main_calendar_alone_blocks() {
    let mut world = World::before_connecting().await;
    let nothing = json!({"items": [], "read_at": null, "meet_links": false});
    assert_eq!(world.list().await, nothing);
    let account = world.tutor.email.clone();
    world.connect(&account, Consent::All).await;
    assert_eq!(world.list().await, nothing);
    let early = world.put(&json!({"blocking": []})).await;
    early.expect_problem(409, "calendars_not_read");

    world.test.run_jobs().await;
    let list = world.list().await;
    assert_eq!(at(list["read_at"].as_str().unwrap()), world.test.now());
    let [main, family] = &list["items"].as_array().unwrap()[..] else {
        panic!("{list:#}")
    };
    for (calendar, expected) in [
        (
            main,
            json!({"summary": account, "primary": true, "blocks": true, "time_zone": "Europe/Berlin"}),
        ),
        (
            family,
            json!({"summary": "Family", "primary": false, "blocks": false, "time_zone": "UTC"}),
        ),
    ] {
        for (field, value) in expected.as_object().unwrap() {
            assert_eq!(calendar[field], *value, "{field} of {calendar:#}");
        }
        assert_eq!(calendar["access_role"], "owner");
        assert_eq!(calendar["unreadable_since"], json!(null));
    }
}

#[tokio::test]
async fn what_is_in_a_chosen_calendar_blocks_and_in_no_other() {
    let world = World::new().await;
    let main = world.tutor.email.as_str();
    world.busy(main, MORNING);
    world.busy(&world.family, NOON);
    world.read_anew().await;
    assert!(!world.is_free(MORNING).await && world.is_free(NOON).await);

    let chosen = world.choose(&[main, "Family"]).await;
    let tag = chosen.etag();
    let body = chosen.expect(200);
    let read = world.tutor.person.get(CALENDARS).await;
    assert_eq!(read.etag(), tag);
    assert_eq!(read.expect(200), body);
    world.test.run_jobs().await;
    assert!(!world.is_free(MORNING).await && !world.is_free(NOON).await);

    // What is known stays until Google has told more.
    world.choose(&["Family"]).await.expect(200);
    assert!(!world.is_free(MORNING).await && !world.is_free(NOON).await);
    world.test.run_jobs().await;
    assert!(world.is_free(MORNING).await && !world.is_free(NOON).await);

    // Where none blocks there is nothing to ask.
    world.choose(&[]).await.expect(200);
    let before = world.asked("/events");
    world.test.run_jobs().await;
    world.read_anew().await;
    assert!(world.is_free(MORNING).await && world.is_free(NOON).await);
    assert_eq!(world.asked("/events"), before);
    let connection = world.connection().await;
    let read_at = connection["busy_read_at"].as_str().unwrap();
    assert_eq!(at(read_at), world.test.now());
}

#[tokio::test]
async fn a_booking_right_after_the_choice_asks_google() {
    let world = World::new().await;
    world.busy(&world.family, NOON);
    let student = world.test.student("Sam").await;
    let early = world.tutor.lesson("2027-03-03T08:00:00Z", 60);
    student.post("/v1/bookings", &early).await.expect(201);
    world.choose(&["Family"]).await.expect(200);
    let lesson = world.tutor.lesson(NOON, 60);
    let refused = student.post("/v1/bookings", &lesson).await;
    let problem = refused.expect_problem(409, "slot_unavailable");
    assert_eq!(problem["conflicts"], json!([{"code": "calendar_busy"}]));
}

#[tokio::test]
async fn what_was_asked_before_the_choice_and_is_told_after_it_does_not_count() {
    let world = World::new().await;
    world.busy(&world.family, NOON);
    world.test.pass(TimeDelta::minutes(1));
    let late = Effect::Hang(Duration::from_secs(1));
    let late = Failure::new(Target::Calendar, late).path("/events");
    world.test.google.fail_next(late);
    let student = world.test.student("Sam").await;
    let booking = async {
        let lesson = world.tutor.lesson("2027-03-03T08:00:00Z", 60);
        student.post("/v1/bookings", &lesson).await.expect(201);
    };
    let choosing = async {
        let asked = "SELECT count(*) FROM google_grants WHERE busy_attempted_at > busy_read_at";
        while world.test.count(asked).await == 0 {
            tokio::task::yield_now().await;
        }
        world.choose(&["Family"]).await.expect(200);
        world.test.run_jobs().await;
        assert!(!world.is_free(NOON).await);
    };
    tokio::join!(booking, choosing);
    assert!(!world.is_free(NOON).await);
}

#[tokio::test]
async fn a_calendar_of_somebody_else_blocks_of_which_only_free_and_busy_is_to_be_seen() {
    let mut world = World::before_connecting().await;
    world.test.add_account("Fred");
    let (main, fred) = (world.tutor.email.clone(), email("Fred"));
    world
        .test
        .google
        .share_calendar(&fred, &main, "freeBusyReader");
    world.connect(&main, Consent::All).await;
    world.test.run_jobs().await;
    assert_eq!(world.named(&fred).await["access_role"], "free_busy_reader");
    assert_eq!(world.named(&fred).await["primary"], false);
    world.busy(&fred, NOON);
    world.choose(&[&main, &fred]).await.expect(200);
    world.test.run_jobs().await;
    assert!(!world.is_free(NOON).await);
    assert!(world.is_free(MORNING).await);
}

#[tokio::test]
async fn one_calendar_that_is_deleted_keeps_the_others_from_nothing() {
    let world = World::new().await;
    let main = world.tutor.email.as_str();
    world.busy(&world.family, NOON);
    world.choose(&[main, "Family"]).await.expect(200);
    world.test.run_jobs().await;
    assert_eq!(world.asked("/calendarList"), 1);

    world.test.google.delete_calendar(&world.family);
    world.busy(main, MORNING);
    world.read_anew().await;
    assert!(!world.is_free(MORNING).await && world.is_free(NOON).await);
    assert_eq!(world.names().await.0, [main]);
    assert_eq!(world.connection().await["failing_since"], json!(null));
    world.read_anew().await;
    assert_eq!(world.asked("/calendarList"), 2);
}

#[tokio::test]
async fn a_booking_finds_out_too_that_a_calendar_is_deleted() {
    let world = World::new().await;
    let main = world.tutor.email.as_str();
    world.choose(&[main, "Family"]).await.expect(200);
    world.test.run_jobs().await;
    world.test.google.delete_calendar(&world.family);
    world.busy(main, MORNING);
    world.test.pass(TimeDelta::seconds(11));
    let student = world.test.student("Sam").await;
    let lesson = world.tutor.lesson(MORNING, 60);
    let refused = student.post("/v1/bookings", &lesson).await;
    refused.expect_problem(409, "slot_unavailable");
}

#[tokio::test]
async fn one_calendar_of_which_google_tells_nothing_keeps_the_others_from_nothing() {
    let mut world = World::before_connecting().await;
    world.test.add_account("Fred");
    let (main, fred) = (world.tutor.email.clone(), email("Fred"));
    let google = world.test.google.clone();
    google.share_calendar(&fred, &main, "none");
    world.connect(&main, Consent::All).await;
    world.test.run_jobs().await;
    world.busy(&main, MORNING);
    world.busy(&fred, NOON);
    world.choose(&[&main, "Family", &fred]).await.expect(200);
    world.test.run_jobs().await;
    assert!(!world.is_free(MORNING).await);
    assert_eq!(world.connection().await["failing_since"], json!(null));
    let unreadable = world.named(&fred).await;
    assert_eq!(unreadable["blocks"], true);
    assert_eq!(unreadable["access_role"], "other");
    let since = unreadable["unreadable_since"].as_str().unwrap();
    assert_eq!(at(since), world.test.now());

    // From then on nothing is asked about it.
    let before = (world.asked("/events"), world.asked("/freeBusy"));
    world.read_anew().await;
    let after = (world.asked("/events"), world.asked("/freeBusy"));
    assert_eq!(after, (before.0 + 2, before.1));

    google.share_calendar(&fred, &main, "reader");
    world.test.pass(TimeDelta::hours(1));
    world.test.run_jobs().await;
    assert!(!world.is_free(NOON).await);
    assert_eq!(world.named(&fred).await["unreadable_since"], json!(null));
}

#[tokio::test]
async fn the_list_is_read_once_an_hour() {
    let world = World::new().await;
    let main = world.tutor.email.as_str();
    world.choose(&["Family"]).await.expect(200);
    world.test.run_jobs().await;
    world.test.google.add_calendar(main, "Choir");
    for _ in 0..5 {
        world.test.pass(TimeDelta::minutes(10));
        world.test.run_jobs().await;
    }
    assert_eq!(world.asked("/calendarList"), 1);
    assert_eq!(world.names().await.0, [main, "Family"]);
    let before = world.tutor.person.get(CALENDARS).await.etag();
    world.test.pass(TimeDelta::minutes(10));
    world.test.run_jobs().await;
    assert_eq!(world.asked("/calendarList"), 2);
    let (all, blocking) = world.names().await;
    assert_eq!(all, [main, "Choir", "Family"]);
    assert_eq!(blocking, ["Family"]);
    let after = world.tutor.person.get(CALENDARS).await.etag();
    assert_ne!(before, after);
    world.test.pass(TimeDelta::hours(1));
    world.test.run_jobs().await;
    assert_eq!(world.tutor.person.get(CALENDARS).await.etag(), after);
}

#[tokio::test]
async fn busy_time_is_read_though_the_list_is_not() {
    let mut world = World::before_connecting().await;
    let main = world.tutor.email.clone();
    let google = world.test.google.clone();
    let fail = || {
        let failure = Failure::status(Target::Calendar, 403, "forbidden").path("calendarList");
        google.fail_next(failure.times(u32::MAX));
    };
    fail();
    world.busy(&main, MORNING);
    world.connect(&main, Consent::All).await;
    world.test.run_jobs().await;
    assert!(!world.is_free(MORNING).await);
    assert_eq!(world.connection().await["failing_since"], json!(null));
    assert_eq!(world.list().await["read_at"], json!(null));

    google.clear_failures();
    world.read_anew().await;
    world.choose(&["Family"]).await.expect(200);
    fail();
    world.busy(&world.family, NOON);
    world.test.pass(TimeDelta::hours(2));
    world.test.run_jobs().await;
    assert!(world.is_free(MORNING).await && !world.is_free(NOON).await);
    assert_eq!(world.names().await.1, ["Family"]);
}

#[tokio::test]
async fn the_choice_stays_with_the_account() {
    let mut world = World::new().await;
    let main = world.tutor.email.clone();
    world.busy(&main, MORNING);
    world.busy(&world.family, NOON);
    world.choose(&["Family"]).await.expect(200);
    world.test.run_jobs().await;
    let chosen = world.named("Family").await["id"].clone();

    world.test.pass(TimeDelta::minutes(1));
    world.connect(&main, Consent::All).await;
    assert_eq!(world.names().await.1, ["Family"]);
    assert_eq!(world.asked("/calendarList"), 1);
    world.test.run_jobs().await;
    assert_eq!(world.asked("/calendarList"), 2);
    assert_eq!(world.named("Family").await["id"], chosen);
    assert!(world.is_free(MORNING).await && !world.is_free(NOON).await);

    // Nothing of it holds for another account.
    world.test.add_account("Fred");
    let fred = email("Fred");
    let etag = world.tutor.person.get(CALENDARS).await.etag();
    world.connect(&fred, Consent::All).await;
    assert_eq!(
        world.list().await,
        json!({"items": [], "read_at": null, "meet_links": false})
    );
    world.test.run_jobs().await;
    assert_eq!(
        world.names().await,
        (vec![fred.clone()], vec![fred.clone()])
    );
    let tutor = &world.tutor.person;
    let none = json!({"blocking": []});
    let stale = tutor.edit(Method::PUT, CALENDARS, &etag, &none).await;
    stale.expect_problem(412, "stale_etag");
    let gone = world.put(&json!({"blocking": [chosen]})).await;
    gone.expect_problem(422, "invalid_fields");
    world.connect(&main, Consent::All).await;
    world.test.run_jobs().await;
    assert_eq!(world.names().await.1, [main.as_str()]);
    assert_eq!(world.test.count("SELECT count(*) FROM calendars").await, 2);

    let gone = world.tutor.person.delete("/v1/calendar/connection").await;
    gone.expect(204);
    assert_eq!(world.test.count("SELECT count(*) FROM calendars").await, 0);
}

#[tokio::test]
async fn without_the_right_to_read_the_list_the_main_calendar_blocks() {
    let mut world = World::before_connecting().await;
    let main = world.tutor.email.clone();
    let limited = [scope::CALENDAR_EVENTS_OWNED, scope::CALENDAR_FREEBUSY];
    let limited = Consent::Only(limited.map(str::to_owned).to_vec());
    world.busy(&main, MORNING);
    world.busy(&world.family, NOON);
    world.connect(&main, limited.clone()).await;
    for _ in 0..3 {
        world.test.run_jobs().await;
        world.test.pass(TimeDelta::hours(1));
    }
    assert!(!world.is_free(MORNING).await && world.is_free(NOON).await);
    assert_eq!(world.asked("/calendarList"), 0);
    assert_eq!(
        world.list().await,
        json!({"items": [], "read_at": null, "meet_links": false})
    );
    let refused = world.put(&json!({"blocking": []})).await;
    refused.expect_problem(409, "calendars_not_read");

    // A choice that can be seen no more holds no more.
    world.connect(&main, Consent::All).await;
    world.test.run_jobs().await;
    world.choose(&["Family"]).await.expect(200);
    world.test.google.revoke_grants(&main);
    world.connect(&main, limited).await;
    world.test.run_jobs().await;
    assert_eq!(
        world.list().await,
        json!({"items": [], "read_at": null, "meet_links": false})
    );
    assert!(!world.is_free(MORNING).await && world.is_free(NOON).await);
}

#[tokio::test]
async fn a_choice_that_is_refused_or_only_tried_changes_nothing() {
    let world = World::new().await;
    let (test, tutor) = (&world.test, &world.tutor.person);
    let theo = Centre.connected_tutor(test, "Theo").await;
    let theirs = theo.person.get(CALENDARS).await.expect(200);
    let theirs = theirs["items"][0]["id"].clone();
    test.run_jobs().await;
    let before = tutor.get(CALENDARS).await;
    let (etag, before) = (before.etag(), before.expect(200));
    let jobs = "SELECT sum(revision)::bigint FROM jobs";
    let queued = test.count(jobs).await;
    let family = world.named("Family").await["id"].clone();
    let only_family = json!({"blocking": [family]});

    let stale = tutor.edit(Method::PUT, CALENDARS, "\"77\"", &only_family);
    stale.await.expect_problem(412, "stale_etag");
    let unversioned = tutor.request(Method::PUT, CALENDARS).json(&only_family);
    let unversioned = tutor.send(unversioned).await;
    unversioned.expect_problem(428, "if_match_required");
    let unknown = uuid::Uuid::now_v7();
    let mut refusals = Vec::new();
    for id in [json!(unknown), theirs] {
        let refused = world.put(&json!({"blocking": [family, id]})).await;
        let problem = refused.expect_problem(422, "invalid_fields");
        assert_eq!(problem["errors"][0]["field"], "blocking[1]");
        assert_eq!(problem["errors"][0]["code"], "unknown_calendar");
        refusals.push(problem);
    }
    assert_eq!(refusals[0], refusals[1]);
    for (ids, code) in [
        (vec![family.clone(), family.clone()], "duplicate"),
        (
            (0..51).map(|_| json!(uuid::Uuid::now_v7())).collect(),
            "wrong_count",
        ),
    ] {
        let refused = world.put(&json!({"blocking": ids})).await;
        let problem = refused.expect_problem(422, "invalid_fields");
        assert_eq!(problem["errors"][0]["code"], code);
    }
    let path = format!("{CALENDARS}?dry_run=true");
    let tried = tutor.edit(Method::PUT, &path, &etag, &only_family).await;
    assert!(!tried.headers.contains_key("etag"));
    let tried = tried.expect(200);
    assert_ne!(tried, before);

    let after = tutor.get(CALENDARS).await;
    assert_eq!((after.etag(), after.expect(200)), (etag.clone(), before));
    assert_eq!(test.count(jobs).await, queued);
    let chosen = tutor
        .edit(Method::PUT, CALENDARS, &etag, &only_family)
        .await;
    assert_eq!(chosen.expect(200), tried);
}

#[tokio::test]
async fn only_tutors_choose_and_only_of_what_is_connected() {
    let world = World::before_connecting().await;
    let none = json!({"blocking": []});
    let refused = world.put(&none).await;
    refused.expect_problem(409, "not_connected");
    let student = world.test.student("Sam").await;
    let list = student.get(CALENDARS).await;
    let etag = list.etag();
    assert_eq!(
        list.expect(200),
        json!({"items": [], "read_at": null, "meet_links": false})
    );
    let refused = student.edit(Method::PUT, CALENDARS, &etag, &none).await;
    refused.expect_problem(403, "not_a_tutor");
}

#[tokio::test]
async fn our_own_lessons_are_not_counted_as_busy_whatever_blocks() {
    let world = World::new().await;
    let main = world.tutor.email.as_str();
    world.choose(&[main, "Family"]).await.expect(200);
    let student = world.test.student("Sam").await;
    let lesson = world.tutor.lesson(MORNING, 60);
    let booked = student.post("/v1/bookings", &lesson).await;
    let booking = booked.headers["location"].to_str().unwrap().to_owned();
    booked.expect(201);
    // The family's calendar shows it too, by somebody's tool.
    world.busy(&world.family, MORNING);
    world.busy(&world.family, AFTERNOON);
    world.test.run_jobs().await;
    world.read_anew().await;
    assert_eq!(world.test.google.events(main).len(), 1);
    let spans = "SELECT count(*) FROM busy_spans";
    assert_eq!(world.test.count(spans).await, 1);
    assert!(!world.is_free(AFTERNOON).await);
    let moved = json!({"start": "2027-03-02T08:30:00Z", "end": "2027-03-02T09:30:00Z"});
    let path = format!("{booking}/reschedule");
    student.post(&path, &moved).await.expect(200);
}

#[tokio::test]
async fn while_google_is_down_one_can_choose_and_it_holds_once_google_is_back() {
    let world = World::new().await;
    let main = world.tutor.email.as_str();
    world.busy(main, MORNING);
    world.busy(&world.family, NOON);
    world.read_anew().await;
    let failure = Failure::status(Target::Calendar, 503, "backendError");
    world.test.google.fail_next(failure.times(u32::MAX));
    world.choose(&["Family"]).await.expect(200);
    for _ in 0..3 {
        world.test.run_jobs().await;
        world.test.pass(TimeDelta::minutes(10));
    }
    assert_eq!(world.names().await.1, ["Family"]);
    assert!(!world.is_free(MORNING).await && world.is_free(NOON).await);
    assert_ne!(world.connection().await["failing_since"], json!(null));
    world.test.google.clear_failures();
    world.test.run_jobs().await;
    assert!(world.is_free(MORNING).await && !world.is_free(NOON).await);
    assert_eq!(world.connection().await["failing_since"], json!(null));
}

#[tokio::test]
async fn the_trail_tells_of_the_choice_and_nothing_of_a_private_life() {
    let world = World::new().await;
    let admin = world.test.admin("Ada").await;
    world.choose(&["Family"]).await.expect(200);
    let path = "/v1/audit-entries?operation=replace_calendar_choice";
    let entries = admin.get(path).await.expect(200);
    let entries = entries["items"].as_array().unwrap();
    let family = world.named("Family").await["id"].clone();
    let of_family = |entry: &&Value| entry["after"][0] == json!({"id": family, "blocks": true});
    assert_eq!(entries.len(), 2);
    assert_eq!(entries.iter().filter(of_family).count(), 1);
    assert_eq!(entries[0]["actor"]["id"], world.tutor.person.id().await);
    let told = "SELECT count(*) FROM audit_entries WHERE table_name = 'calendars' AND concat(before, after) ~ 'Family|group.calendar'";
    assert_eq!(world.test.count(told).await, 0);
}

/// Which calendar receives lessons, by its name.
async fn receiving(world: &World) -> String {
    let list = world.list().await;
    let items = list["items"].as_array().unwrap().iter();
    let mut receiving = items.filter(|it| it["receives_lessons"] == true);
    let found = receiving.next().unwrap()["summary"].as_str().unwrap();
    assert!(receiving.next().is_none(), "{list:#}");
    found.to_owned()
}

impl World {
    /// Lets the calendar of this name receive lessons, and the main one block.
    async fn receive(&self, name: &str) -> Answer {
        let blocking = [self.named(&self.tutor.email).await["id"].clone()];
        let receiving = self.named(name).await["id"].clone();
        self.put(&json!({"blocking": blocking, "receiving": receiving}))
            .await
    }

    /// Books an hour, and lets the calendar follow; where to find the booking.
    async fn book(&self, start: &str) -> String {
        let student = self.test.student("Sam").await;
        let lesson = self.tutor.lesson(start, 60);
        let booked = student.post("/v1/bookings", &lesson).await;
        let booking = booked.headers["location"].to_str().unwrap().to_owned();
        booked.expect(201);
        self.test.run_jobs().await;
        booking
    }

    /// When the events in the main calendar and in the family's start.
    fn starts(&self) -> [Vec<String>; 2] {
        [&self.tutor.email, &self.family].map(|calendar| {
            let events = self.test.google.events(calendar);
            let start = |event: &Value| at(event["start"]["dateTime"].as_str().unwrap());
            let mut starts: Vec<_> = events.iter().map(start).collect();
            starts.sort();
            let texts = starts.iter().map(|it| it.format("%FT%TZ").to_string());
            texts.collect()
        })
    }
}

#[tokio::test]
async fn lessons_go_into_the_calendar_that_receives_them_and_stay_there() {
    let world = World::new().await;
    assert_eq!(receiving(&world).await, world.tutor.email);
    world.receive("Family").await.expect(200);
    assert_eq!(receiving(&world).await, "Family");
    let first = world.book(MORNING).await;
    assert_eq!(world.starts(), [vec![], vec![MORNING.to_owned()]]);
    world.read_anew().await;

    // What is there already follows there, what comes goes elsewhere.
    world.receive(&world.tutor.email).await.expect(200);
    let second = world.book(NOON).await;
    let student = world.test.student("Sam").await;
    let moved = json!({"start": AFTERNOON, "end": "2027-03-02T15:00:00Z"});
    let path = format!("{first}/reschedule");
    student.post(&path, &moved).await.expect(200);
    world.test.run_jobs().await;
    let [noon, afternoon] = [NOON, AFTERNOON].map(str::to_owned);
    assert_eq!(world.starts(), [vec![noon], vec![afternoon]]);
    for booking in [first, second] {
        let path = format!("{booking}/cancel");
        student.post(&path, &json!({})).await.expect(200);
    }
    world.test.run_jobs().await;
    assert_eq!(world.starts(), [vec![], vec![]] as [Vec<String>; 2]);
}

#[tokio::test]
async fn an_event_that_the_tutor_deleted_is_made_anew_where_lessons_go_now() {
    let world = World::new().await;
    world.receive("Family").await.expect(200);
    let booking = world.book(MORNING).await;
    let google = &world.test.google;
    let event = google.events(&world.family)[0]["id"].clone();
    google.delete_event(&world.family, event.as_str().unwrap());
    world.receive(&world.tutor.email).await.expect(200);
    let student = world.test.student("Sam").await;
    let moved = json!({"start": NOON, "end": "2027-03-02T12:00:00Z"});
    let path = format!("{booking}/reschedule");
    student.post(&path, &moved).await.expect(200);
    world.test.run_jobs().await;
    assert_eq!(world.starts(), [vec![NOON.to_owned()], vec![]]);
}

#[tokio::test]
async fn where_the_receiving_calendar_is_gone_the_main_one_receives() {
    let world = World::new().await;
    world.receive("Family").await.expect(200);
    world.test.google.delete_calendar(&world.family);
    world.book(MORNING).await;
    assert_eq!(world.starts()[0], [MORNING]);
    assert_eq!(receiving(&world).await, world.tutor.email);
    assert_eq!(world.connection().await["failing_since"], json!(null));
}

#[tokio::test]
async fn where_the_receiving_calendar_is_not_to_be_written_to_the_main_one_receives() {
    let world = World::new().await;
    world.receive("Family").await.expect(200);
    let refusal = Failure::status(Target::Calendar, 403, "forbidden");
    world.test.google.fail_next(refusal.method("POST"));
    world.book(MORNING).await;
    assert_eq!(world.starts(), [vec![MORNING.to_owned()], vec![]]);
    assert_eq!(receiving(&world).await, world.tutor.email);
}

/// What is refused for now comes into the calendar that receives lessons by then.
#[tokio::test]
async fn a_refusal_binds_no_lesson_to_a_calendar() {
    let world = World::new().await;
    world.receive("Family").await.expect(200);
    let refusal = Failure::status(Target::Calendar, 403, "quotaExceeded");
    world.test.google.fail_next(refusal.method("POST"));
    world.book(MORNING).await;
    let nothing: [Vec<String>; 2] = [vec![], vec![]];
    assert_eq!(world.starts(), nothing);
    world.receive(&world.tutor.email).await.expect(200);
    world.test.pass(TimeDelta::hours(2));
    world.test.run_jobs().await;
    assert_eq!(world.starts(), [vec![MORNING.to_owned()], vec![]]);
}

#[tokio::test]
async fn an_event_that_google_denies_for_a_moment_is_not_doubled_in_another_calendar() {
    let world = World::new().await;
    world.receive("Family").await.expect(200);
    let booking = world.book(MORNING).await;
    world.receive(&world.tutor.email).await.expect(200);
    let denial = Failure::status(Target::Calendar, 404, "notFound");
    let event = format!("/events/{}", google_id(&world));
    world
        .test
        .google
        .fail_next(denial.method("GET").path(&event));
    let student = world.test.student("Sam").await;
    let moved = json!({"start": NOON, "end": "2027-03-02T12:00:00Z"});
    let path = format!("{booking}/reschedule");
    student.post(&path, &moved).await.expect(200);
    world.test.run_jobs().await;
    assert_eq!(world.starts(), [vec![], vec![NOON.to_owned()]]);
}

/// Of the only event in the family's calendar.
fn google_id(world: &World) -> String {
    let events = world.test.google.events(&world.family);
    events[0]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_lesson_in_another_calendar_is_found_there_when_the_account_is_connected_again() {
    let mut world = World::new().await;
    let main = world.tutor.email.clone();
    world.receive("Family").await.expect(200);
    world.book(MORNING).await;
    let gone = world.tutor.person.delete("/v1/calendar/connection").await;
    gone.expect(204);
    world.connect(&main, Consent::All).await;
    world.test.run_jobs().await;
    assert_eq!(world.starts(), [vec![], vec![MORNING.to_owned()]]);

    // Another account has no such calendar.
    world.test.add_account("Fred");
    let fred = email("Fred");
    world.connect(&fred, Consent::All).await;
    world.test.run_jobs().await;
    let events = world.test.google.events(&fred);
    assert_eq!(events.len(), 1);
    assert_eq!(world.connection().await["failing_since"], json!(null));
    let waiting = "SELECT count(*) FROM jobs WHERE kind = 'sync_lesson_event'";
    assert_eq!(world.test.count(waiting).await, 0);
}

#[tokio::test]
async fn only_a_calendar_of_ones_own_receives_lessons() {
    let mut world = World::before_connecting().await;
    world.test.add_account("Fred");
    let (main, fred) = (world.tutor.email.clone(), email("Fred"));
    world.test.google.share_calendar(&fred, &main, "writer");
    world.connect(&main, Consent::All).await;
    world.test.run_jobs().await;
    let others = world.named(&fred).await["id"].clone();
    let unknown = json!(uuid::Uuid::now_v7());
    for (id, code) in [(others, "not_own_calendar"), (unknown, "unknown_calendar")] {
        let refused = world.put(&json!({"blocking": [], "receiving": id})).await;
        let problem = refused.expect_problem(422, "invalid_fields");
        assert_eq!(problem["errors"][0]["field"], "receiving");
        assert_eq!(problem["errors"][0]["code"], code);
    }
    assert_eq!(receiving(&world).await, main);
}

#[tokio::test]
async fn a_calendar_with_lessons_in_it_is_read_though_it_does_not_block() {
    let world = World::new().await;
    world.receive("Family").await.expect(200);
    let booking = world.book(MORNING).await;
    world.busy(&world.family, AFTERNOON);
    world.read_anew().await;
    assert!(world.is_free(AFTERNOON).await);
    let google = &world.test.google;
    let mut events = google.events(&world.family).into_iter();
    let event = events.find(|it| it["summary"] != "Dentist").unwrap();
    let moved = json!({
        "start": {"dateTime": at(NOON)}, "end": {"dateTime": at(NOON) + TimeDelta::hours(1)},
    });
    let id = event["id"].as_str().unwrap();
    google.patch_event(&world.family, id, &moved).unwrap();
    world.read_anew().await;
    let student = world.test.student("Sam").await;
    let followed = student.get(&booking).await.expect(200);
    assert_eq!(at(followed["start"].as_str().unwrap()), at(NOON));
    let kept = "SELECT count(*) FROM calendar_events";
    assert_eq!(world.test.count(kept).await, 0);

    // Once it blocks, it does so by all that is in it, not only by what is new.
    world.choose(&["Family"]).await.expect(200);
    world.test.run_jobs().await;
    assert!(!world.is_free(AFTERNOON).await);
    assert!(world.is_free(MORNING).await && !world.is_free(NOON).await);
}
