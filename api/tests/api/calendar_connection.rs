//! Connecting a tutor's Google Calendar, losing it and getting it back.

use crate::support::{Centre, TestApp, TutorAtCentre, at, email};
use api::{app::App, jobs, seal::Keyring};
use chrono::TimeDelta;
use google::scope;
use google_sandbox::{Consent, Failure, Target};
use reqwest::{Method, header};
use serde_json::{Value, json};
use url::Url;

const CONNECTION: &str = "/v1/calendar/connection";
const FIRST: &str = "2027-03-02T08:00:00Z";
const SECOND: &str = "2027-03-02T10:00:00Z";

async fn connection(tutor: &TutorAtCentre) -> Value {
    tutor.person.get(CONNECTION).await.expect(200)
}

/// Connects the account with this address; where the browser ends up.
async fn connect(tutor: &mut TutorAtCentre, account: &str, consent: Consent) -> String {
    let answer = tutor.person.connect_calendar(account, consent).await;
    let location = answer.headers[header::LOCATION].to_str().unwrap();
    let location = location.to_owned();
    answer.expect(303);
    location
}

async fn book(test: &TestApp, tutor: &TutorAtCentre, start: &str) -> String {
    let student = test.student("Sam").await;
    let booked = student.post("/v1/bookings", &tutor.lesson(start, 60)).await;
    let location = booked.headers["location"].to_str().unwrap().to_owned();
    booked.expect(201);
    location
}

async fn cancel(test: &TestApp, booking: &str) {
    let student = test.student("Sam").await;
    let path = format!("{booking}/cancel");
    student.post(&path, &json!({})).await.expect(200);
}

/// When the events begin that stand in the calendar of this account.
fn starts(test: &TestApp, account: &str) -> Vec<String> {
    let events = test.google.events(account);
    let mut starts: Vec<_> = events
        .iter()
        .map(|event| at(event["start"]["dateTime"].as_str().unwrap()))
        .collect();
    starts.sort_unstable();
    starts
        .iter()
        .map(|start| start.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))
        .collect()
}

/// How often Calendar was asked something.
fn asked(test: &TestApp, path: &str) -> usize {
    let log = test.google.requests();
    let asked = log.iter().filter(|request| request.path.ends_with(path));
    asked.count()
}

fn only(scopes: &[&str]) -> Consent {
    Consent::Only(scopes.iter().map(|&scope| scope.to_owned()).collect())
}

/// Another instance of the service, on the same database.
fn another_instance(test: &TestApp, keys: Option<Keyring>) -> App {
    let mut config = test.app.config.clone();
    config.keys = keys.unwrap_or(config.keys);
    App::new(config, test.app.db.clone(), test.app.clock.clone()).unwrap()
}

#[tokio::test]
async fn connecting_asks_for_three_scopes_and_lasting_access() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let mut tutor = centre.tutor(&test, "Tina").await;
    assert_eq!(connection(&tutor).await["state"], "not_connected");
    let started = tutor.person.post(CONNECTION, &json!({})).await.expect(200);
    let target: Url = started["authorization_url"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let asked: std::collections::BTreeMap<_, _> = target.query_pairs().into_owned().collect();
    let mut scopes: Vec<_> = asked["scope"].split(' ').collect();
    scopes.sort_unstable();
    let mut expected = vec![
        "openid",
        "email",
        "https://www.googleapis.com/auth/calendar.events.owned",
        "https://www.googleapis.com/auth/calendar.freebusy",
        "https://www.googleapis.com/auth/calendar.calendarlist.readonly",
    ];
    expected.sort_unstable();
    assert_eq!(scopes, expected);
    assert_eq!(asked["access_type"], "offline");
    assert_eq!(asked["include_granted_scopes"], "true");
    assert_eq!(asked["code_challenge_method"], "S256");
    assert_eq!(asked["login_hint"], tutor.email);

    let email = tutor.email.clone();
    assert_eq!(connect(&mut tutor, &email, Consent::All).await, "/docs/");
    let connected = connection(&tutor).await;
    assert_eq!(connected["state"], "connected");
    assert_eq!(connected["email"], email);
    assert_eq!(connected["missing_scopes"], json!([]));
    assert_eq!(connected["busy_read_at"], json!(null));
    test.run_jobs().await;
    assert_eq!(
        at(connection(&tutor).await["busy_read_at"].as_str().unwrap()),
        test.now()
    );
}

#[tokio::test]
async fn without_the_right_to_write_events_lessons_wait_for_it_quietly() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let mut tutor = centre.tutor(&test, "Tina").await;
    let email = tutor.email.clone();
    connect(&mut tutor, &email, only(&[scope::CALENDAR_FREEBUSY])).await;
    let limited = connection(&tutor).await;
    assert_eq!(limited["state"], "limited");
    assert_eq!(
        limited["missing_scopes"],
        json!([
            scope::CALENDAR_EVENTS_OWNED,
            scope::CALENDAR_CALENDARLIST_READONLY
        ])
    );
    book(&test, &tutor, FIRST).await;
    for _ in 0..5 {
        test.run_jobs().await;
        test.pass(TimeDelta::hours(1));
    }
    assert!(
        asked(&test, "/events") <= 1,
        "asked in vain again and again"
    );
    let waiting = "SELECT count(*) FROM jobs WHERE kind = 'sync_lesson_event'";
    assert_eq!(test.count(waiting).await, 0);
    assert_eq!(connection(&tutor).await["failing_since"], json!(null));

    connect(&mut tutor, &email, Consent::All).await;
    assert_eq!(connection(&tutor).await["state"], "connected");
    test.run_jobs().await;
    assert_eq!(starts(&test, &email), [FIRST]);
}

#[tokio::test]
async fn without_the_right_to_read_busy_time_nobody_asks_for_it_again_and_again() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let mut tutor = centre.tutor(&test, "Tina").await;
    let email = tutor.email.clone();
    connect(&mut tutor, &email, only(&[scope::CALENDAR_EVENTS_OWNED])).await;
    assert_eq!(connection(&tutor).await["state"], "limited");
    for _ in 0..5 {
        test.run_jobs().await;
        test.pass(TimeDelta::hours(1));
    }
    assert!(asked(&test, "/freeBusy") <= 1);
    assert_eq!(test.count("SELECT count(*) FROM jobs").await, 0);

    // Lessons reach the calendar all the same, and a mishap on the way is over when it is over.
    let failure = Failure::status(Target::Calendar, 500, "backendError");
    test.google.fail_next(failure.path("/events"));
    book(&test, &tutor, FIRST).await;
    test.run_jobs().await;
    assert_ne!(connection(&tutor).await["failing_since"], json!(null));
    test.pass(TimeDelta::minutes(1));
    test.run_jobs().await;
    assert_eq!(starts(&test, &email), [FIRST]);
    assert_eq!(connection(&tutor).await["failing_since"], json!(null));

    connect(&mut tutor, &email, Consent::All).await;
    test.google
        .insert_busy(&email, at(SECOND), at("2027-03-02T16:00:00Z"), "Dentist");
    test.run_jobs().await;
    let student = test.student("Olga").await;
    let refused = student
        .post("/v1/bookings", &tutor.lesson(SECOND, 60))
        .await;
    refused.expect_problem(409, "slot_unavailable");
}

#[tokio::test]
async fn a_tutor_who_refuses_is_not_connected() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let mut tutor = centre.tutor(&test, "Tina").await;
    let email = tutor.email.clone();
    assert_eq!(
        connect(&mut tutor, &email, Consent::Deny).await,
        "/docs/?sign_in_error=access_denied"
    );
    assert_eq!(connection(&tutor).await["state"], "not_connected");
    assert_eq!(test.run_jobs().await, 0);
    tutor.person.get("/v1/me").await.expect(200);
}

#[tokio::test]
async fn only_tutors_connect_a_calendar() {
    let test = TestApp::start().await;
    let student = test.student("Sam").await;
    let refused = student.post(CONNECTION, &json!({})).await;
    refused.expect_problem(403, "not_a_tutor");
    let refused = test.stranger().post(CONNECTION, &json!({})).await;
    refused.expect_problem(401, "not_signed_in");
    let state = student.get(CONNECTION).await.expect(200);
    assert_eq!(state["state"], "not_connected");
    let refused = student
        .post(CONNECTION, &json!({"return_to": "//evil.example"}))
        .await;
    assert!(refused.status.is_client_error());
}

#[tokio::test]
async fn a_calendar_is_connected_only_by_who_asked_for_it() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let tina = centre.tutor(&test, "Tina").await;
    let mut tom = centre.tutor(&test, "Tom").await;
    let request = tina
        .person
        .request(Method::POST, CONNECTION)
        .json(&json!({}));
    let started = tina.person.send(request).await;
    let cookie = started.headers[header::SET_COOKIE].to_str().unwrap();
    let cookie = cookie::Cookie::parse(cookie.to_owned()).unwrap();
    let target: Url = started.body["authorization_url"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    // On a shared computer Tom signs in while Tina's tab is at Google; then he agrees in it.
    for mut person in [tom.person, test.stranger()] {
        let back = test
            .google
            .authorize(&target, &tom.email, Consent::All)
            .unwrap();
        person.set_cookie(cookie.name(), cookie.value());
        let answer = person.follow(&back).await;
        assert_eq!(answer.target(), "/docs/?sign_in_error=other_person");
    }
    tom.person = test.sign_in(&tom.email).await;
    for tutor in [&tina, &tom] {
        assert_eq!(connection(tutor).await["state"], "not_connected");
    }
}

#[tokio::test]
async fn a_grant_that_was_revoked_at_google_is_seen_and_lessons_catch_up_when_it_is_given_again() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let mut tutor = centre.connected_tutor(&test, "Tina").await;
    let email = tutor.email.clone();
    let first = book(&test, &tutor, FIRST).await;
    test.run_jobs().await;
    test.google.revoke_grants(&email);
    test.pass(TimeDelta::minutes(1));
    test.run_jobs().await;
    let dead = connection(&tutor).await;
    assert_eq!(dead["state"], "needs_consent");
    assert_ne!(dead["failing_since"], json!(null));

    let asked = test.google.requests().len();
    for _ in 0..5 {
        test.pass(TimeDelta::minutes(10));
        assert_eq!(test.run_jobs().await, 0);
    }
    assert_eq!(test.google.requests().len(), asked, "asked in vain");

    // Bookings go on, and wait.
    let second = book(&test, &tutor, SECOND).await;
    cancel(&test, &first).await;
    let student = test.student("Sam").await;
    assert_eq!(
        student.get(&second).await.expect(200)["calendar"],
        "not_connected"
    );
    test.run_jobs().await;
    assert_eq!(starts(&test, &email), [FIRST]);

    connect(&mut tutor, &email, Consent::All).await;
    assert_eq!(connection(&tutor).await["state"], "connected");
    assert_eq!(connection(&tutor).await["failing_since"], json!(null));
    test.run_jobs().await;
    assert_eq!(starts(&test, &email), [SECOND]);
    assert_eq!(
        student.get(&second).await.expect(200)["calendar"],
        "current"
    );
    // Once more changes nothing.
    connect(&mut tutor, &email, Consent::All).await;
    test.run_jobs().await;
    assert_eq!(starts(&test, &email), [SECOND]);
}

#[tokio::test]
async fn with_another_account_lessons_move_to_its_calendar_and_so_does_busy_time() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let mut tutor = centre.connected_tutor(&test, "Tina").await;
    let old = tutor.email.clone();
    test.google
        .insert_busy(&old, at(SECOND), at("2027-03-02T12:00:00Z"), "Dentist");
    book(&test, &tutor, FIRST).await;
    test.pass(TimeDelta::minutes(1));
    test.run_jobs().await;
    assert_eq!(test.count("SELECT count(*) FROM busy_spans").await, 1);

    test.add_account("Work");
    let new = email("Work");
    // Of this one busy time may not be read, so nothing is known of it.
    connect(&mut tutor, &new, only(&[scope::CALENDAR_EVENTS_OWNED])).await;
    assert_eq!(connection(&tutor).await["email"], new);
    test.run_jobs().await;
    assert_eq!(starts(&test, &new), [FIRST]);
    assert_eq!(test.count("SELECT count(*) FROM busy_spans").await, 0);

    // And back, where the event still stands.
    test.pass(TimeDelta::minutes(1));
    connect(&mut tutor, &old, Consent::All).await;
    test.run_jobs().await;
    assert_eq!(starts(&test, &old), [FIRST, SECOND]);
    assert_eq!(test.count("SELECT count(*) FROM busy_spans").await, 1);
}

#[tokio::test]
async fn an_event_left_in_another_accounts_calendar_goes_when_that_is_connected_again() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let mut tutor = centre.connected_tutor(&test, "Tina").await;
    let (old, new) = (tutor.email.clone(), email("Work"));
    let booking = book(&test, &tutor, FIRST).await;
    test.run_jobs().await;
    test.add_account("Work");
    connect(&mut tutor, &new, Consent::All).await;
    test.run_jobs().await;
    cancel(&test, &booking).await;
    test.run_jobs().await;
    assert!(starts(&test, &new).is_empty());
    assert_eq!(starts(&test, &old), [FIRST]);
    connect(&mut tutor, &old, Consent::All).await;
    test.run_jobs().await;
    assert!(starts(&test, &old).is_empty());
}

#[tokio::test]
async fn an_instance_that_was_not_told_uses_the_new_grant_too() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let mut tutor = centre.tutor(&test, "Tina").await;
    let email = tutor.email.clone();
    connect(&mut tutor, &email, only(&[scope::CALENDAR_FREEBUSY])).await;
    let other = another_instance(&test, None);
    jobs::run_due(&other).await.unwrap();
    assert_ne!(connection(&tutor).await["busy_read_at"], json!(null));
    book(&test, &tutor, FIRST).await;

    // The other instance still holds an access token that may not write events.
    test.pass(TimeDelta::minutes(1));
    connect(&mut tutor, &email, Consent::All).await;
    jobs::run_due(&other).await.unwrap();
    assert_eq!(starts(&test, &email), [FIRST]);

    // And now one to the calendar of another account.
    test.add_account("Work");
    test.pass(TimeDelta::minutes(1));
    connect(&mut tutor, &super::support::email("Work"), Consent::All).await;
    jobs::run_due(&other).await.unwrap();
    assert_eq!(starts(&test, &super::support::email("Work")), [FIRST]);
}

#[tokio::test]
async fn disconnecting_tells_google_and_forgets() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let mut tutor = centre.connected_tutor(&test, "Tina").await;
    let email = tutor.email.clone();
    test.google
        .insert_busy(&email, at(SECOND), at("2027-03-02T12:00:00Z"), "Dentist");
    let first = book(&test, &tutor, FIRST).await;
    test.pass(TimeDelta::minutes(1));
    test.run_jobs().await;
    assert_eq!(test.count("SELECT count(*) FROM busy_spans").await, 1);
    for _ in 0..2 {
        tutor.person.delete(CONNECTION).await.expect(204);
        assert_eq!(connection(&tutor).await["state"], "not_connected");
        assert_eq!(asked(&test, "/revoke"), 1);
    }
    assert_eq!(test.count("SELECT count(*) FROM google_grants").await, 0);
    assert_eq!(test.count("SELECT count(*) FROM busy_spans").await, 0);
    let events = test.google.events(&email).len();
    assert_eq!(events, 2, "the lesson stays, as does the tutor's own event");

    // What happens to the lesson meanwhile reaches the calendar with the next connection.
    cancel(&test, &first).await;
    book(&test, &tutor, "2027-03-03T08:00:00Z").await;
    test.pass(TimeDelta::minutes(1));
    test.run_jobs().await;
    assert_eq!(test.google.events(&email).len(), events);
    connect(&mut tutor, &email, Consent::All).await;
    test.run_jobs().await;
    assert_eq!(starts(&test, &email), [SECOND, "2027-03-03T08:00:00Z"]);
    let student = test.student("Olga").await;
    let booked = student.post("/v1/bookings", &tutor.lesson(FIRST, 60)).await;
    booked.expect(201);
}

#[tokio::test]
async fn disconnecting_does_not_depend_on_google() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let tutor = centre.connected_tutor(&test, "Tina").await;
    let failure = Failure::status(Target::All, 500, "backendError");
    test.google.fail_next(failure.times(u32::MAX));
    tutor.person.delete(CONNECTION).await.expect(204);
    assert_eq!(connection(&tutor).await["state"], "not_connected");
    assert_eq!(test.count("SELECT count(*) FROM google_grants").await, 0);
}

const SWAP: &str = "UPDATE google_grants SET refresh_token = other.refresh_token
    FROM google_grants other WHERE other.user_id <> google_grants.user_id";

#[tokio::test]
async fn a_refresh_token_is_of_use_to_its_owner_only() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let tina = centre.connected_tutor(&test, "Tina").await;
    let tom = centre.connected_tutor(&test, "Tom").await;
    test.execute(SWAP).await;
    // The access tokens at hand end.
    test.pass(TimeDelta::hours(1));
    let asked = asked(&test, "/token");
    test.run_jobs().await;
    for tutor in [&tina, &tom] {
        let connection = connection(tutor).await;
        assert_ne!(connection["failing_since"], json!(null));
        assert_eq!(connection["email"], tutor.email);
    }
    assert_eq!(
        self::asked(&test, "/token"),
        asked,
        "used for somebody else"
    );
    // Whoever finds that out can still end it.
    for tutor in [&tina, &tom] {
        tutor.person.delete(CONNECTION).await.expect(204);
        assert_eq!(connection(tutor).await["state"], "not_connected");
    }
}

#[tokio::test]
async fn after_a_change_of_keys_what_an_old_key_sealed_still_works() {
    let old = Keyring::generate();
    let test = TestApp::start_with(|config| config.keys = old.parse().unwrap()).await;
    let centre = Centre::open(&test).await;
    let tutor = centre.connected_tutor(&test, "Tina").await;
    let new = Keyring::generate().replacen("1:", "2:", 1);
    test.pass(TimeDelta::minutes(1));

    // The old key was thrown away too early: nothing is lost, and it is seen.
    let hasty = another_instance(&test, Some(new.parse().unwrap()));
    jobs::run_due(&hasty).await.unwrap();
    let failing = connection(&tutor).await;
    assert_eq!(failing["state"], "connected");
    assert_ne!(failing["failing_since"], json!(null));

    let both = format!("{new},{old}");
    let rotated = another_instance(&test, Some(both.parse().unwrap()));
    book(&test, &tutor, FIRST).await;
    test.pass(TimeDelta::minutes(1));
    jobs::run_due(&rotated).await.unwrap();
    assert_eq!(connection(&tutor).await["failing_since"], json!(null));
    assert_eq!(starts(&test, &tutor.email), [FIRST]);
}
