//! A tutor whose calendar could not be read for too long is offered to nobody, and everybody is told why.

use crate::support::{
    Centre, Person, TestApp, TutorAtCentre, at,
    lesson::{book, cancel},
    opening::{assert_closed, assert_open, codes, explain, starts},
};
use api::app::App;
use chrono::TimeDelta;
use google::scope;
use google_sandbox::{Consent, Failure, Target};
use reqwest::Method;
use serde_json::{Value, json};

const UNKNOWN: [&str; 1] = ["calendar_unknown"];
const CONNECTION: &str = "/v1/calendar/connection";
const CONNECTIONS: &str = "/v1/calendar/connections";
const POLICY: &str = "/v1/centre/policy";

/// Hours of days after the outages of these tests.
const THURSDAY: &str = "2027-03-04T09:00:00Z";
const FRIDAY: &str = "2027-03-05T09:00:00Z";
const WEEK: (&str, &str) = ("2027-03-03T00:00:00Z", "2027-03-08T00:00:00Z");

/// Tina, whose calendar was read on Monday at seven, with a student and an admin.
struct World {
    test: TestApp,
    tutor: TutorAtCentre,
    sam: Person,
    ada: Person,
}

impl World {
    async fn new() -> Self {
        let test = TestApp::start().await;
        let centre = Centre::open(&test).await;
        Self {
            tutor: centre.connected_tutor(&test, "Tina").await,
            sam: test.student("Sam").await,
            ada: test.admin("Ada").await,
            test,
        }
    }

    /// From now on Google answers nothing.
    fn google_goes_down(&self) {
        let failure = Failure::status(Target::All, 500, "backendError");
        self.test.google.fail_next(failure.times(u32::MAX));
    }

    /// A world in which nobody has known for an hour what Tina's calendar says.
    async fn unknown() -> Self {
        let world = Self::new().await;
        world.google_goes_down();
        world.pass(TimeDelta::hours(25)).await;
        world
    }

    async fn pass(&self, time: TimeDelta) {
        self.test.pass(time);
        self.test.run_jobs().await;
    }

    async fn open(&self, start: &str) {
        assert_open(&self.sam, &self.tutor, start).await;
    }

    async fn closed(&self, start: &str) {
        assert_closed(&self.sam, &self.tutor, start, &UNKNOWN).await;
    }

    async fn connection(&self) -> Value {
        self.tutor.person.get(CONNECTION).await.expect(200)
    }

    /// Lets the calendar be unknown after so many hours.
    async fn unknown_after(&self, hours: Value) {
        let read = self.ada.get(POLICY).await;
        let etag = read.etag();
        let mut policy = read.expect(200);
        policy["calendar_unknown_after_hours"] = hours;
        let edited = self.ada.edit(Method::PUT, POLICY, &etag, &policy).await;
        assert_eq!(edited.expect(200), policy);
    }
}

async fn connect(test: &TestApp, tutor: &mut TutorAtCentre, consent: Consent) {
    let email = tutor.email.clone();
    let connected = tutor.person.connect_calendar(&email, consent).await;
    connected.expect(303);
    test.run_jobs().await;
}

fn only(scopes: &[&str]) -> Consent {
    Consent::Only(scopes.iter().map(|&scope| scope.to_owned()).collect())
}

#[tokio::test]
async fn a_day_after_the_last_reading_nothing_is_offered_until_google_is_back() {
    let world = World::new().await;
    let booked = book(&world.sam, &world.tutor, "2027-03-02T09:00:00Z").await;
    world.test.run_jobs().await;
    world.google_goes_down();
    world.pass(TimeDelta::hours(23)).await;
    world.open(THURSDAY).await;
    assert_eq!(world.connection().await["busy_unknown_since"], json!(null));
    world.test.pass(TimeDelta::hours(1) - TimeDelta::seconds(1));
    world.open(THURSDAY).await;
    world.test.pass(TimeDelta::seconds(1));
    world.closed(THURSDAY).await;
    world.closed(FRIDAY).await;
    assert!(starts(&world.sam, &world.tutor, WEEK).await.is_empty());
    let seen = world.connection().await;
    assert_eq!(seen["busy_unknown_since"], "2027-03-02T07:00:00Z");
    assert_eq!(seen["busy_read_at"], "2027-03-01T07:00:00Z");

    // What is booked stays, and can be cancelled.
    let lesson = world.sam.get(&booked).await.expect(200);
    assert_eq!(lesson["status"], "confirmed");
    cancel(&world.sam, &booked).await;
    world.closed(THURSDAY).await;

    world.test.google.clear_failures();
    world.pass(TimeDelta::minutes(10)).await;
    assert_eq!(world.connection().await["busy_unknown_since"], json!(null));
    world.open(THURSDAY).await;
    book(&world.sam, &world.tutor, THURSDAY).await;
}

#[tokio::test]
async fn a_booking_that_reaches_google_finds_the_calendar_known() {
    let world = World::new().await;
    // Nobody has read it for a day, because no worker runs.
    world.test.pass(TimeDelta::hours(24));
    let told = explain(&world.sam, &world.tutor, THURSDAY).await;
    assert_eq!(codes(&told["reasons"]), UNKNOWN);
    assert_eq!(told["alternatives"], json!([]));
    book(&world.sam, &world.tutor, THURSDAY).await;
    world.open(FRIDAY).await;
}

#[tokio::test]
async fn of_a_grant_that_died_what_was_read_holds_for_a_day() {
    let mut world = World::new().await;
    world.test.google.revoke_grants(&world.tutor.email);
    world.pass(TimeDelta::hours(23)).await;
    assert_eq!(world.connection().await["state"], "needs_consent");
    assert_eq!(world.connection().await["next_read_at"], json!(null));
    world.open(THURSDAY).await;
    world.pass(TimeDelta::hours(1)).await;
    world.closed(THURSDAY).await;
    connect(&world.test, &mut world.tutor, Consent::All).await;
    world.open(THURSDAY).await;
}

#[tokio::test]
async fn of_who_connects_and_is_never_read_nothing_is_known() {
    let test = TestApp::start().await;
    let mut tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let sam = test.student("Sam").await;
    let failure = Failure::status(Target::Calendar, 500, "backendError");
    let failure = failure.times(u32::MAX);
    test.google.fail_next(failure.clone());
    connect(&test, &mut tutor, Consent::All).await;
    assert_closed(&sam, &tutor, THURSDAY, &UNKNOWN).await;
    test.google.clear_failures();
    test.pass(TimeDelta::minutes(5));
    test.run_jobs().await;
    assert_open(&sam, &tutor, THURSDAY).await;

    // Who connects the same account anew keeps what is known, for no longer.
    test.google.fail_next(failure);
    test.pass(TimeDelta::hours(23));
    connect(&test, &mut tutor, Consent::All).await;
    assert_open(&sam, &tutor, THURSDAY).await;
    test.pass(TimeDelta::hours(1));
    assert_closed(&sam, &tutor, FRIDAY, &UNKNOWN).await;
    tutor.person.delete(CONNECTION).await.expect(204);
    assert_open(&sam, &tutor, FRIDAY).await;
}

#[tokio::test]
async fn who_has_granted_nothing_to_read_is_as_if_not_connected() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let sam = test.student("Sam").await;
    let mut lists = centre.tutor(&test, "Lena").await;
    connect(
        &test,
        &mut lists,
        only(&[scope::CALENDAR_CALENDARLIST_READONLY]),
    )
    .await;
    let without = centre.tutor(&test, "Tom").await;
    test.pass(TimeDelta::days(2));
    for (tutor, start) in [(&lists, THURSDAY), (&without, FRIDAY)] {
        assert_open(&sam, tutor, start).await;
        let seen = tutor.person.get(CONNECTION).await.expect(200);
        assert_eq!(seen["busy_unknown_since"], json!(null));
        book(&sam, tutor, start).await;
    }
}

#[tokio::test]
async fn where_no_google_is_set_up_nobody_misses_what_calendars_say() {
    let world = World::unknown().await;
    world.closed(THURSDAY).await;
    let without = world
        .test
        .another_instance_with(|config| config.google = None)
        .await;
    assert_open(&world.sam.at(&without), &world.tutor, THURSDAY).await;
    let seen = world.tutor.person.at(&without).get(CONNECTION).await;
    assert_eq!(seen.expect(200)["busy_unknown_since"], json!(null));
}

/// One that shares the queue with others, say.
#[tokio::test]
async fn a_worker_for_which_no_google_is_set_up_keeps_the_reading_for_others() {
    let world = World::new().await;
    let test = &world.test;
    let mut config = test.app.config.clone();
    config.google = None;
    let without = App::new(config, test.app.db.clone(), test.app.clock.clone()).unwrap();
    test.pass(TimeDelta::minutes(1));
    assert!(api::jobs::run_due(&without).await.unwrap() > 0);
    let queued = "SELECT count(*) FROM jobs WHERE kind = 'read_busy_time'";
    assert_eq!(test.count(queued).await, 1);
    for _ in 0..25 {
        test.pass(TimeDelta::hours(1));
        test.run_jobs().await;
    }
    assert_open(&world.sam, &world.tutor, THURSDAY).await;
}

#[tokio::test]
async fn the_centre_decides_for_how_long_what_was_read_last_holds() {
    let world = World::unknown().await;
    world.closed(THURSDAY).await;
    world.unknown_after(json!(26)).await;
    world.open(THURSDAY).await;
    world.unknown_after(json!(25)).await;
    world.closed(THURSDAY).await;
    world.unknown_after(json!(null)).await;
    world.open(THURSDAY).await;
    world.pass(TimeDelta::days(1)).await;
    world.open(THURSDAY).await;
    assert_eq!(world.connection().await["busy_unknown_since"], json!(null));
}

#[tokio::test]
async fn nothing_new_comes_to_be_at_a_calendar_that_nobody_knows() {
    let world = World::new().await;
    let World { tutor, sam, .. } = &world;
    let booked = book(sam, tutor, THURSDAY).await;
    let mut group = tutor.lesson("2027-03-04T11:00:00Z", 60);
    group["capacity"] = json!(3);
    let opened = tutor.person.post("/v1/lessons", &group).await;
    let standing = opened.headers["location"].to_str().unwrap().to_owned();
    world.google_goes_down();
    world.pass(TimeDelta::hours(24)).await;

    let refused = |answer: crate::support::Answer| {
        let problem = answer.expect_problem(409, "slot_unavailable");
        assert_eq!(problem["conflicts"], json!([{"code": "calendar_unknown"}]));
    };
    let lesson = tutor.lesson(FRIDAY, 60);
    refused(sam.post("/v1/holds", &lesson).await);
    let mut for_sam = lesson.clone();
    for_sam["student_id"] = json!(sam.id().await);
    refused(world.ada.post("/v1/bookings", &for_sam).await);
    let mut group = lesson.clone();
    group["capacity"] = json!(2);
    refused(tutor.person.post("/v1/lessons", &group).await);
    let then = json!({"start": lesson["start"], "end": lesson["end"]});
    for person in [sam, &tutor.person, &world.ada] {
        refused(person.post(&format!("{booked}/reschedule"), &then).await);
    }
    let series = json!({
        "tutor_id": tutor.id.0, "subject": "mathematics", "level": "School", "start": "2027-03-05T10:00",
        "minutes": 60, "rule": "FREQ=WEEKLY;COUNT=2",
    });
    let tried = sam.post("/v1/series?dry_run=true", &series).await;
    let tried = tried.expect(200);
    for occurrence in tried["occurrences"].as_array().unwrap() {
        assert_eq!(codes(&occurrence["conflicts"]), UNKNOWN, "{tried:#}");
    }
    let (from, to) = WEEK;
    let all = format!("/v1/slots?subject=mathematics&minutes=60&from={from}&to={to}");
    assert_eq!(sam.get(&all).await.expect(200)["items"], json!([]));

    // A seat in a lesson that stands takes no more of the tutor's time.
    let joined = sam.post(&format!("{standing}/join"), &json!({})).await;
    joined.expect(201);
}

#[tokio::test]
async fn others_learn_no_more_of_the_tutors_affairs_than_that() {
    let world = World::new().await;
    book(&world.ada, &world.tutor, THURSDAY).await;
    world.google_goes_down();
    world.pass(TimeDelta::hours(24)).await;
    world.closed(THURSDAY).await;
    for person in [&world.tutor.person, &world.ada] {
        let told = explain(person, &world.tutor, THURSDAY).await;
        let told = codes(&told["reasons"]);
        assert!(
            told.starts_with(&["lesson", "calendar_unknown"]),
            "{told:?}"
        );
    }
}

#[tokio::test]
async fn every_instance_sees_it_begin_and_end() {
    let world = World::new().await;
    let other = world.sam.at(&world.test.another_instance().await);
    let all = starts(&other, &world.tutor, WEEK).await;
    assert!(!all.is_empty());
    // Read by the first instance in time, the second hears nothing of it and knows all the same.
    world.pass(TimeDelta::hours(20)).await;
    world.test.pass(TimeDelta::hours(10));
    assert_eq!(starts(&other, &world.tutor, WEEK).await, all);
    world.google_goes_down();
    world.pass(TimeDelta::hours(14)).await;
    for person in [&world.sam, &other] {
        assert!(starts(person, &world.tutor, WEEK).await.is_empty());
    }
    world.test.google.clear_failures();
    world.pass(TimeDelta::minutes(10)).await;
    for person in [&world.sam, &other] {
        let left = starts(person, &world.tutor, WEEK).await;
        assert!(!left.is_empty() && all.ends_with(&left), "{left:?}");
    }
}

#[tokio::test]
async fn to_read_what_is_known_already_is_no_news() {
    let world = World::new().await;
    let changes = "SELECT sum(revision)::bigint FROM revisions";
    let before = world.test.count(changes).await;
    for _ in 0..3 {
        world.pass(TimeDelta::minutes(2)).await;
    }
    assert_eq!(
        world.connection().await["busy_read_at"],
        "2027-03-01T07:06:00Z"
    );
    assert_eq!(world.test.count(changes).await, before);
}

#[tokio::test]
async fn the_tutor_sees_when_it_is_read_next_and_what_is_missing() {
    let mut world = World::new().await;
    let seen = world.connection().await;
    let next = at(seen["next_read_at"].as_str().unwrap()) - world.test.now();
    assert!(next > TimeDelta::zero() && next <= TimeDelta::minutes(1));
    assert_eq!(seen["limitations"], json!([]));
    let (events, busy) = (scope::CALENDAR_EVENTS_OWNED, scope::CALENDAR_FREEBUSY);
    let list = scope::CALENDAR_CALENDARLIST_READONLY;
    for (granted, missing) in [
        (vec![events, busy], vec!["calendars_not_listed"]),
        (
            vec![events],
            vec!["busy_time_not_read", "calendars_not_listed"],
        ),
        (vec![events, list], vec!["others_not_read"]),
        (vec![busy, list], vec!["lessons_not_written"]),
        (
            vec![list],
            vec!["lessons_not_written", "busy_time_not_read"],
        ),
    ] {
        let gone = world.tutor.person.delete(CONNECTION).await;
        gone.expect(204);
        connect(&world.test, &mut world.tutor, only(&granted)).await;
        let seen = world.connection().await;
        assert_eq!(seen["state"], "limited");
        assert_eq!(seen["limitations"], json!(missing));
    }
    assert_eq!(world.connection().await["next_read_at"], json!(null));
}

#[tokio::test]
async fn a_connection_is_seen_by_its_tutor_and_admins_and_its_account_by_the_tutor_alone() {
    let world = World::new().await;
    let path = world.tutor.path("/calendar-connection");
    let own = world.connection().await;
    assert_eq!(own["email"], world.tutor.email);
    assert_eq!(world.tutor.person.get(&path).await.expect(200), own);
    let mut told = own;
    told["email"] = json!(null);
    assert_eq!(world.ada.get(&path).await.expect(200), told);
    let tom = Centre.tutor(&world.test, "Tom").await;
    for person in [&world.sam, &tom.person] {
        let refused = person.get(&path).await;
        refused.expect_problem(403, "not_your_profile");
    }
    let refused = world.test.stranger().get(&path).await;
    refused.expect_problem(401, "not_signed_in");
    world.tutor.hide().await;
    world.sam.get(&path).await.expect_problem(404, "not_found");
    assert_eq!(world.ada.get(&path).await.expect(200), told);
    let nothing = world.ada.get(&tom.path("/calendar-connection")).await;
    assert_eq!(nothing.expect(200)["state"], "not_connected");
}

#[tokio::test]
async fn admins_find_whose_calendar_needs_attention() {
    let world = World::new().await;
    let centre = Centre;
    let gone = centre.connected_tutor(&world.test, "Gustav").await;
    let mut limited = centre.tutor(&world.test, "Lena").await;
    connect(&world.test, &mut limited, only(&[scope::CALENDAR_FREEBUSY])).await;
    centre.tutor(&world.test, "Nora").await;
    let former = centre.connected_tutor(&world.test, "Frida").await;
    world
        .test
        .execute(&format!(
            "DELETE FROM user_roles USING tutors WHERE user_roles.user_id = tutors.user_id AND tutors.id = '{}'",
            former.id
        ))
        .await;
    world.test.google.revoke_grants(&gone.email);
    world.pass(TimeDelta::minutes(2)).await;

    let names = async |ada: &Person, query: &str| {
        let found = ada.pages_of_one(&format!("{CONNECTIONS}{query}")).await;
        let names = found
            .iter()
            .map(|it| it["name"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    let ada = &world.ada;
    assert_eq!(names(ada, "").await, ["Tina", "Gustav", "Lena", "Nora"]);
    for (query, found) in [
        ("?state=connected", vec!["Tina"]),
        ("?state=needs_consent", vec!["Gustav"]),
        ("?state=limited", vec!["Lena"]),
        ("?state=not_connected", vec!["Nora"]),
        ("?needs_attention=true", vec!["Gustav", "Lena"]),
        ("?needs_attention=true&state=limited", vec!["Lena"]),
        ("?needs_attention=true&state=connected", vec![]),
    ] {
        assert_eq!(names(ada, query).await, found, "{query}");
    }
    let page = ada.get(&format!("{CONNECTIONS}?state=needs_consent")).await;
    let item = page.expect(200)["items"][0].clone();
    assert_eq!(item["tutor_id"], json!(gone.id.0));
    let shown = ada.get(&gone.path("/calendar-connection")).await;
    assert_eq!(item["connection"], shown.expect(200));
    assert_eq!(item["connection"]["email"], json!(null));

    // An outage is something to look at, and so is a calendar that is unknown for want of a worker.
    world.google_goes_down();
    world.pass(TimeDelta::hours(1)).await;
    let attention = "?needs_attention=true&state=connected";
    assert_eq!(names(ada, attention).await, ["Tina"]);
    world.test.google.clear_failures();
    world.pass(TimeDelta::minutes(10)).await;
    assert_eq!(names(ada, attention).await, [""; 0]);
    world.test.pass(TimeDelta::hours(24));
    assert_eq!(names(ada, attention).await, ["Tina"]);

    for (query, field, code) in [
        ("?state=perhaps", "state", "unacceptable"),
        ("?limit=101", "limit", "out_of_range"),
        ("?cursor=x", "cursor", "unknown_cursor"),
    ] {
        let refused = ada.get(&format!("{CONNECTIONS}{query}")).await;
        let problem = refused.expect_problem(422, "invalid_fields");
        assert_eq!(problem["errors"][0]["field"], field);
        assert_eq!(problem["errors"][0]["code"], code);
    }
    for person in [&world.sam, &world.tutor.person] {
        let refused = person.get(CONNECTIONS).await;
        refused.expect_problem(403, "not_an_admin");
    }
}
