//! Google tells when something in a calendar has changed, and what comes of it where it does not.

use crate::support::{
    Answer, Centre, TestApp, TutorAtCentre, at, email,
    statements::{logging_pool, noting},
};
use api::{
    app::App,
    config::{PUSH_PATH, at_push_path},
    service::{calendar_channel, queue::Outcome},
    store::{
        self,
        calendar_channel::Channel,
        job::{Settlement, Work},
    },
};
use chrono::{DateTime, TimeDelta, Utc};
use futures::future::join_all;
use google_sandbox::{Consent, Effect, Failure, Target};
use reqwest::{Method, header::HeaderValue};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

const MORNING: &str = "2027-03-02T08:00:00Z";
const NOON: &str = "2027-03-02T11:00:00Z";
const CALENDARS: &str = "/v1/calendar/calendars";

/// So soon at the latest it is read what has changed, where it was just read.
const SOON: TimeDelta = TimeDelta::seconds(3);

/// What Google is asked for a channel at.
const WATCH: &str = "/events/watch";
const STOP: &str = "/channels/stop";

/// The token of a channel whose token is known here, by its hash.
const TOKEN: &str = "token-of-a-channel";

/// A tutor who has connected a calendar, with another one beside the main one.
struct World {
    test: TestApp,
    tutor: TutorAtCentre,
    family: String,
}

impl World {
    /// Where the main calendar is watched.
    async fn new() -> Self {
        let world = Self::where_watching(None).await;
        assert_eq!(world.open().len(), 1);
        world.heard().await;
        world
    }

    /// Where something else becomes of the first tries to watch.
    async fn where_watching(failure: Option<Failure>) -> Self {
        let test = TestApp::start_with(|config| {
            let address = at_push_path(&config.server.public_url);
            config.google.as_mut().unwrap().push_address = Some(address);
        })
        .await;
        if let Some(failure) = failure {
            test.google.fail_next(failure.path(WATCH));
        }
        let centre = Centre::open(&test).await;
        let tutor = centre.connected_tutor(&test, "Tina").await;
        let family = test.google.add_calendar(&tutor.email, "Family");
        Self {
            test,
            tutor,
            family,
        }
    }

    /// The channels that are open at Google to the main calendar.
    fn open(&self) -> Vec<String> {
        self.test.google.channels(&self.tutor.email)
    }

    /// Those that we know of.
    async fn known(&self) -> Vec<Channel> {
        let db = &self.test.app.db;
        let user = store::tutor::user_of(db, self.tutor.id).await.unwrap();
        store::calendar_channel::of_user(db, user.unwrap())
            .await
            .unwrap()
    }

    /// When by each channel that is open a message has come, and what is due then is done.
    async fn heard(&self) {
        let is_unheard = |it: &Channel| it.expires_at.is_some() && it.heard_at.is_none();
        while self.known().await.iter().any(is_unheard) {
            tokio::task::yield_now().await;
        }
        self.test.run_jobs().await;
    }

    /// The one channel that there is, open and nothing else.
    async fn one(&self) -> Channel {
        self.heard().await;
        let known = self.known().await;
        let [one] = known.as_slice() else {
            panic!("{known:#?}")
        };
        assert!(one.expires_at.is_some_and(|end| end > self.test.now()));
        assert_eq!(self.open(), [one.id.to_string()]);
        one.clone()
    }

    /// The one channel that there is, and gives it a token that is known here.
    async fn with_known_token(&self) -> Channel {
        let learn = format!("UPDATE calendar_channels SET token_hash = sha256('{TOKEN}')");
        self.test.execute(&learn).await;
        self.one().await
    }

    async fn send(&self, channel: &str, token: &str, state: &str) -> Answer {
        let message = [
            ("x-goog-channel-id", channel),
            ("x-goog-channel-token", token),
            ("x-goog-resource-state", state),
            ("x-goog-resource-id", "resource"),
            ("x-goog-message-number", "2"),
        ];
        self.post(&message).await
    }

    async fn post(&self, headers: &[(&'static str, &str)]) -> Answer {
        let stranger = self.test.stranger();
        let mut request = stranger.request(Method::POST, PUSH_PATH);
        for (name, value) in headers {
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            request = request.header(*name, value);
        }
        stranger.send(request).await
    }

    async fn is_asked_for(&self) -> bool {
        let soon = self.test.now() + SOON;
        let due = format!(
            "SELECT count(*) FROM jobs WHERE kind = 'read_busy_time' AND run_at <= '{soon}'"
        );
        self.test.count(&due).await > 0
    }

    /// When Google has told of a change.
    async fn told(&self) {
        while !self.is_asked_for().await {
            tokio::task::yield_now().await;
        }
    }

    /// When Google is about to be asked for a channel.
    async fn asking(&self) {
        let now = self.test.now();
        let is_new = |channel: &Channel| channel.created_at == now;
        while !self.known().await.iter().any(is_new) {
            tokio::task::yield_now().await;
        }
    }

    /// How often Google was asked something.
    fn asked(&self, path: &str) -> usize {
        let log = self.test.google.requests();
        log.iter().filter(|it| it.path.ends_with(path)).count()
    }

    /// How often busy time was read.
    fn readings(&self) -> usize {
        let log = self.test.google.requests();
        let is_reading = |method: &str, path: &str| method == "GET" && path.ends_with("/events");
        log.iter()
            .filter(|it| is_reading(&it.method, &it.path))
            .count()
    }

    fn busy(&self, calendar: &str, start: &str) {
        let (google, start) = (&self.test.google, at(start));
        let id = google.insert_busy(calendar, start, start + TimeDelta::hours(1), "Dentist");
        assert!(!id.is_empty());
    }

    async fn is_free(&self, start: &str) -> bool {
        let student = self.test.student("Searcher").await;
        let path = "/slots?from=2027-03-02T00:00:00Z&to=2027-03-03T00:00:00Z&minutes=60";
        let slots = student.get(&self.tutor.path(path)).await.expect(200);
        let slots = slots["items"].as_array().unwrap();
        slots.iter().any(|slot| slot["start"] == start)
    }

    /// Lets the calendars of these names block.
    async fn choose(&self, names: &[&str]) {
        let tutor = &self.tutor.person;
        let read = tutor.get(CALENDARS).await;
        let etag = read.etag();
        let list = read.expect(200);
        let items = list["items"].as_array().unwrap().iter();
        let chosen = items.filter(|it| names.contains(&it["summary"].as_str().unwrap()));
        let ids: Vec<&Value> = chosen.map(|it| &it["id"]).collect();
        assert_eq!(ids.len(), names.len());
        let body = json!({"blocking": ids});
        let edited = tutor.edit(Method::PUT, CALENDARS, &etag, &body).await;
        edited.expect(200);
    }

    async fn pass(&self, time: TimeDelta) -> usize {
        self.test.pass(time);
        self.test.run_jobs().await
    }

    /// Lets the list of calendars be read anew, and what then is due be done.
    async fn read_list(&self) {
        self.pass(TimeDelta::minutes(61)).await;
    }

    /// In how long busy time is read next.
    async fn next_reading(&self) -> TimeDelta {
        let now = self.test.now();
        let seconds = format!(
            "SELECT extract(epoch FROM run_at - '{now}')::bigint FROM jobs WHERE kind = 'read_busy_time'"
        );
        TimeDelta::seconds(self.test.count(&seconds).await)
    }

    fn another_app(&self) -> App {
        let app = &self.test.app;
        App::new(app.config.clone(), app.db.clone(), app.clock.clone()).unwrap()
    }
}

fn unavailable() -> Failure {
    Failure::status(Target::Calendar, 503, "backendError")
}

fn is_often(pause: TimeDelta) -> bool {
    (TimeDelta::seconds(47)..=TimeDelta::seconds(60)).contains(&pause)
}

fn is_rarely(pause: TimeDelta) -> bool {
    (TimeDelta::minutes(8) - TimeDelta::seconds(1)..=TimeDelta::minutes(10)).contains(&pause)
}

#[tokio::test]
async fn a_change_in_a_calendar_reaches_the_slots_at_once() {
    let world = World::new().await;
    let main = world.tutor.email.as_str();
    assert!(world.is_free(MORNING).await);
    world.busy(main, MORNING);
    world.told().await;
    world.pass(SOON).await;
    assert!(!world.is_free(MORNING).await && world.is_free(NOON).await);

    // What does not block is not watched.
    assert!(world.test.google.channels(&world.family).is_empty());
}

#[tokio::test]
async fn busy_time_is_read_rarely_while_google_tells_of_all_changes_and_often_else() {
    let world = World::new().await;
    // When it was read there was no channel yet.
    assert!(is_often(world.next_reading().await));
    world.pass(TimeDelta::minutes(1)).await;
    assert!(is_rarely(world.next_reading().await));
    assert_eq!(world.pass(TimeDelta::seconds(470)).await, 0);
    assert_eq!(world.pass(TimeDelta::seconds(130)).await, 1);

    // A message may be lost, and the reading finds out all the same.
    world.test.google.lose_pushes(u32::MAX);
    world.busy(&world.tutor.email, MORNING);
    assert_eq!(world.pass(TimeDelta::minutes(10)).await, 1);
    assert!(!world.is_free(MORNING).await);

    // One calendar of which Google does not tell is enough.
    world.test.add_account("Fred");
    let fred = email("Fred");
    world
        .test
        .google
        .share_calendar(&fred, &world.tutor.email, "reader");
    world.read_list().await;
    world.choose(&[&world.tutor.email, &fred]).await;
    world.test.run_jobs().await;
    assert!(is_often(world.next_reading().await));
    world.choose(&[&world.tutor.email]).await;
    world.test.run_jobs().await;
    assert!(is_rarely(world.next_reading().await));

    // A channel that ends before the next reading is none to rely on.
    let end = world.test.now() + TimeDelta::minutes(3);
    let soon = format!("UPDATE calendar_channels SET expires_at = '{end}'");
    world.test.execute(&soon).await;
    world.pass(TimeDelta::minutes(1)).await;
    world
        .test
        .execute("UPDATE jobs SET run_at = created_at")
        .await;
    world.test.run_jobs().await;
    assert!(is_often(world.next_reading().await));
}

#[tokio::test]
async fn where_push_is_off_nothing_is_watched_and_busy_time_is_read_often() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let tutor = centre.connected_tutor(&test, "Tina").await;
    assert!(test.google.channels(&tutor.email).is_empty());
    for _ in 0..5 {
        test.pass(TimeDelta::minutes(1));
        assert_eq!(test.run_jobs().await, 1);
    }
}

#[tokio::test]
async fn a_message_may_come_before_google_has_answered() {
    let late = Failure::new(Target::Calendar, Effect::Hang(Duration::from_secs(1)));
    let world = World::where_watching(Some(unavailable())).await;
    world.test.google.fail_next(late.path(WATCH));
    world.test.pass(TimeDelta::minutes(13));
    let early = async {
        world.asking().await;
        let learn = format!("UPDATE calendar_channels SET token_hash = sha256('{TOKEN}')");
        world.test.execute(&learn).await;
        let id = world.known().await[0].id.to_string();
        world.send(&id, TOKEN, "sync").await.expect(204);
        let known = world.known().await;
        assert_eq!(known[0].resource_id.as_deref(), Some("resource"));
        assert_eq!(known[0].expires_at, None);
    };
    tokio::join!(world.test.run_jobs(), early);
    let channel = world.one().await;
    assert_ne!(channel.resource_id.as_deref(), Some("resource"));
    world
        .send(&channel.id.to_string(), TOKEN, "exists")
        .await
        .expect(204);
    assert!(world.is_asked_for().await);
}

#[tokio::test]
async fn what_is_not_googles_is_answered_like_what_is_and_changes_nothing() {
    let world = World::new().await;
    let id = &world.with_known_token().await.id.to_string();
    let good = world.send(id, TOKEN, "sync").await;
    assert!(!world.is_asked_for().await, "only told that it is open");
    let before = world.known().await;

    let unknown = uuid::Uuid::now_v7().to_string();
    let long = "x".repeat(2000);
    for (id, token, state) in [
        (id.as_str(), "token-of-another", "exists"),
        (id, "", "exists"),
        (id, long.as_str(), "exists"),
        (id, "\u{e9}", "exists"),
        (id, TOKEN, "deleted"),
        (id, TOKEN, ""),
        (unknown.as_str(), TOKEN, "exists"),
        ("nonsense", TOKEN, "exists"),
        ("", TOKEN, "exists"),
        (long.as_str(), TOKEN, "exists"),
    ] {
        let answer = world.send(id, token, state).await;
        assert_eq!(answer.status, good.status, "{id} {token} {state}");
        assert_eq!(answer.body, good.body);
        let names = |answer: &Answer| answer.headers.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&answer), names(&good));
    }
    world.post(&[]).await.expect(204);
    let twice = [
        ("x-goog-channel-id", id.as_str()),
        ("x-goog-channel-token", TOKEN),
        ("x-goog-channel-token", "another"),
        ("x-goog-resource-state", "exists"),
    ];
    world.post(&twice).await.expect(204);
    assert!(!world.is_asked_for().await);
    assert_eq!(world.known().await, before);

    // A body says nothing, and does no harm.
    let stranger = world.test.stranger();
    let with_body = stranger
        .request(Method::POST, PUSH_PATH)
        .header("x-goog-channel-id", id)
        .header("x-goog-channel-token", TOKEN)
        .header("x-goog-resource-state", "not_exists")
        .header("content-type", "application/json")
        .body("{".repeat(1000));
    stranger.send(with_body).await.expect(204);
    assert!(world.is_asked_for().await);
}

#[tokio::test]
async fn a_message_takes_two_statements_and_what_is_none_takes_none() {
    let (statements, _guard) = noting();
    let world = World::new().await;
    let id = &world.with_known_token().await.id.to_string();
    let pool = logging_pool(&world.test.app.config.database).await;
    let base = world
        .test
        .another_instance_on(pool, CancellationToken::new())
        .await;
    let google = world.test.stranger().at(&base);
    let unknown = uuid::Uuid::now_v7().to_string();
    for (id, token, most) in [
        ("nonsense", TOKEN, 0),
        (id, "", 0),
        (unknown.as_str(), TOKEN, 1),
        (id, "token-of-another", 1),
        (id, TOKEN, 2),
    ] {
        statements.take();
        let message = google
            .request(Method::POST, PUSH_PATH)
            .header("x-goog-channel-id", id)
            .header("x-goog-channel-token", token)
            .header("x-goog-resource-state", "exists");
        google.send(message).await.expect(204);
        let mut taken = statements.take();
        // Beside them stands what they are run within.
        taken.retain(|text| text.starts_with('"'));
        assert_eq!(taken.len(), most, "{id} {token}: {taken:#?}");
    }
}

#[tokio::test]
async fn nobody_who_sends_messages_is_told_to_wait_and_google_is_told_to_send_them_again() {
    let world = World::new().await;
    let id = world.with_known_token().await.id.to_string();
    let limited = TestApp::start_with(|config| {
        config.rate_limits.budgets = Some(crate::support::budgets(1));
    })
    .await;
    for _ in 0..3 {
        let stranger = limited.stranger();
        let message = stranger.request(Method::POST, PUSH_PATH);
        let answer = stranger.send(message).await;
        assert!(!answer.headers.contains_key("ratelimit"));
        answer.expect(204);
    }
    world.test.app.db.clone().close().await.unwrap();
    let refused = world.send(&id, TOKEN, "exists").await;
    refused.expect_problem(503, "unavailable");
    let get = world.test.stranger().get(PUSH_PATH).await;
    get.expect_problem(405, "method_not_allowed");
}

#[tokio::test]
async fn a_burst_of_messages_is_one_reading() {
    let world = World::new().await;
    let id = world.with_known_token().await.id.to_string();
    let before = world.readings();
    for _ in 0..5 {
        let burst = (0..20).map(|_| world.send(&id, TOKEN, "exists"));
        for answer in join_all(burst).await {
            answer.expect(204);
        }
        world.test.run_jobs().await;
    }
    world.pass(SOON).await;
    assert_eq!(world.readings(), before + 1);
    assert!(!world.is_asked_for().await);
}

#[tokio::test]
async fn changes_that_do_not_end_are_read_every_three_seconds() {
    let world = World::new().await;
    let id = world.with_known_token().await.id.to_string();
    world.pass(TimeDelta::minutes(2)).await;
    let before = world.readings();
    for _ in 0..30 {
        world.send(&id, TOKEN, "exists").await.expect(204);
        world.pass(TimeDelta::seconds(1)).await;
    }
    assert_eq!(world.readings(), before + 10);

    // After a pause the first is read at once.
    world.pass(SOON).await;
    let before = world.readings();
    world.test.pass(SOON);
    world.send(&id, TOKEN, "exists").await.expect(204);
    world.test.run_jobs().await;
    assert_eq!(world.readings(), before + 1);
}

#[tokio::test]
async fn a_message_during_a_reading_leads_to_one_more() {
    let world = World::new().await;
    let id = world.with_known_token().await.id.to_string();
    let before = world.readings();
    let late = Failure::new(Target::Calendar, Effect::Hang(Duration::from_secs(1)));
    world
        .test
        .google
        .fail_next(late.method("GET").path("/events"));
    world.send(&id, TOKEN, "exists").await.expect(204);
    world.test.pass(SOON);
    let meanwhile = async {
        let is_running = "SELECT count(*) FROM jobs WHERE leased_until IS NOT NULL";
        while world.test.count(is_running).await == 0 {
            tokio::task::yield_now().await;
        }
        for _ in 0..3 {
            world.send(&id, TOKEN, "exists").await.expect(204);
        }
    };
    tokio::join!(world.test.run_jobs(), meanwhile);
    assert_eq!(world.readings(), before + 1);
    world.pass(SOON).await;
    assert_eq!(world.readings(), before + 2);
    assert!(!world.is_asked_for().await);
}

/// Messages may come for as long as Google refuses to be asked.
#[tokio::test]
async fn messages_do_not_cut_the_pause_after_a_failure_short() {
    let world = World::new().await;
    let (db, tutor) = (&world.test.app.db, world.tutor.id);
    let now = world.test.now() + SOON;
    let hurry = async |now| {
        let hurried = store::google_grant::hurry_busy_read(db, tutor, now).await;
        hurried.unwrap();
    };
    let work = Work::ReadBusyTime(tutor);
    let lease = async |now: DateTime<Utc>| {
        let leased = store::job::lease(db, now, now + TimeDelta::minutes(1)).await;
        leased.unwrap().unwrap()
    };
    hurry(now).await;
    let first = lease(now).await;
    hurry(now).await;
    let retry = |minutes| Settlement::Retry {
        at: now + TimeDelta::minutes(minutes),
        error: "no".to_owned(),
    };
    store::job::settle(db, &first, retry(3), now).await.unwrap();
    hurry(now).await;
    let asleep = store::job::lease(db, now, now + TimeDelta::minutes(1)).await;
    assert!(asleep.unwrap().is_none());

    // Who asks, rather than hurries, gets a first attempt.
    let later = now + TimeDelta::minutes(3);
    let second = lease(later).await;
    assert_eq!((second.attempts, second.failing_since), (2, Some(now)));
    store::job::enqueue(db, work, later).await.unwrap();
    store::job::settle(db, &second, retry(9), later)
        .await
        .unwrap();
    let third = lease(later).await;
    assert_eq!((third.attempts, third.failing_since), (1, None));

    // And what was hurried while it went well runs once more, though it had failed before.
    store::job::settle(db, &third, retry(3), later)
        .await
        .unwrap();
    let later = later + TimeDelta::minutes(3);
    let third = lease(later).await;
    assert_eq!(third.failing_since, Some(later - TimeDelta::minutes(3)));
    hurry(later).await;
    let again = Settlement::Again(later + TimeDelta::minutes(9));
    store::job::settle(db, &third, again, later).await.unwrap();
    assert_eq!(lease(later + SOON).await.work, work);
}

#[tokio::test]
async fn a_channel_is_renewed_before_it_ends_and_the_old_one_stopped_afterwards() {
    let world = World::new().await;
    let first = world.one().await;
    world.pass(TimeDelta::days(4)).await;
    assert_eq!(world.one().await, first);
    world.pass(TimeDelta::hours(31)).await;
    let second = world.one().await;
    assert_ne!(second.id, first.id);
    assert_eq!((world.asked(WATCH), world.asked(STOP)), (2, 1));
    let log = world.test.google.requests();
    let last = |path| log.iter().rposition(|it| it.path.ends_with(path));
    assert!(last(WATCH) < last(STOP));

    // Where the old one can't be stopped, that is tried again, and no reading of busy time makes the pauses shorter.
    let deaf = unavailable().path(STOP).times(u32::MAX);
    world.test.google.fail_next(deaf);
    world.pass(TimeDelta::hours(24 * 5 + 7)).await;
    let before = world.readings();
    for _ in 0..15 {
        world.pass(TimeDelta::minutes(1)).await;
    }
    assert!(world.readings() > before);
    assert_eq!(world.open().len(), 2);
    let attempts = "SELECT attempts::bigint FROM jobs WHERE kind = 'watch_calendars'";
    assert!(world.test.count(attempts).await >= 5);
    world.test.google.clear_failures();
    world.pass(TimeDelta::minutes(5)).await;
    world.one().await;
}

#[tokio::test]
async fn a_channel_that_google_ended_is_replaced() {
    let world = World::new().await;
    let first = world.one().await;
    // Nobody was there to renew it.
    world.pass(TimeDelta::days(8)).await;
    assert_ne!(world.one().await.id, first.id);
    assert_eq!(world.asked(STOP), 0);
}

#[tokio::test]
async fn a_channel_of_which_google_has_not_answered_is_replaced_and_stopped_once_it_is_heard_of() {
    let lost = Failure::lost_answer(Target::Calendar);
    let world = World::where_watching(Some(lost)).await;
    let [unknown]: [String; 1] = world.open().try_into().unwrap();
    // It says that it is open, and works.
    while world.known().await[0].resource_id.is_none() {
        tokio::task::yield_now().await;
    }
    world.busy(&world.tutor.email, MORNING);
    world.told().await;
    world.pass(SOON).await;
    assert!(!world.is_free(MORNING).await);
    // But nobody relies on it.
    assert!(is_often(world.next_reading().await));
    world.pass(TimeDelta::minutes(9)).await;
    assert_eq!(world.open(), [unknown.as_str()]);
    world.pass(TimeDelta::minutes(4)).await;
    assert_ne!(world.one().await.id.to_string(), unknown);
}

#[tokio::test]
async fn a_channel_by_which_no_message_has_come_is_not_relied_on() {
    let world = World::where_watching(Some(unavailable())).await;
    world.test.google.lose_pushes(1);
    world.pass(TimeDelta::minutes(13)).await;
    assert_eq!(world.known().await.len(), 1);
    for _ in 0..3 {
        world.pass(TimeDelta::minutes(1)).await;
        assert!(is_often(world.next_reading().await));
    }
    world.busy(&world.tutor.email, MORNING);
    world.told().await;
    world.pass(SOON).await;
    assert!(is_rarely(world.next_reading().await));
    world.one().await;
}

/// Whether channels outlive the grant by which they were opened Google does not say.
#[tokio::test]
async fn who_grants_anew_is_watched_by_another_channel() {
    let mut world = World::new().await;
    let first = world.one().await;
    world.test.google.revoke_grants(&world.tutor.email);
    world.pass(TimeDelta::minutes(61)).await;
    let tutor = &mut world.tutor.person;
    let connected = tutor.connect_calendar(&world.tutor.email, Consent::All);
    connected.await.expect(303);
    world.test.run_jobs().await;
    world.pass(TimeDelta::minutes(1)).await;
    assert_ne!(world.one().await.id, first.id);
}

#[tokio::test]
async fn a_channel_of_which_nothing_is_heard_is_replaced() {
    let held = Failure::held(Target::Calendar);
    let world = World::where_watching(Some(held)).await;
    world.pass(TimeDelta::minutes(13)).await;
    let channel = world.one().await;
    // The first one opens only now, and is one of many that may say anything.
    assert_eq!(world.test.google.release_held().await, [200]);
    assert_eq!(world.open().len(), 2);
    assert_eq!(world.known().await, [channel]);
}

#[tokio::test]
async fn a_calendar_that_can_not_be_watched_is_asked_for_daily() {
    let reason = "pushNotSupportedForRequestedResource";
    let refusal = Failure::status(Target::Calendar, 400, reason);
    let world = World::where_watching(Some(refusal)).await;
    for _ in 0..23 {
        world.pass(TimeDelta::hours(1)).await;
        assert!(is_often(world.next_reading().await));
    }
    assert_eq!(world.asked(WATCH), 1);
    for _ in 0..6 {
        world.pass(TimeDelta::hours(1)).await;
    }
    assert_eq!(world.asked(WATCH), 2);
    world.one().await;
}

/// That the domain is not verified, say. It is no fault of the tutor's.
#[tokio::test]
async fn an_address_that_google_does_not_accept_is_tried_again_every_hour() {
    let reason = "push.webhookUrlUnauthorized";
    let refusal = Failure::status(Target::Calendar, 401, reason);
    let world = World::where_watching(Some(refusal)).await;
    let connection = world.tutor.person.get("/v1/calendar/connection").await;
    let connection = connection.expect(200);
    assert_eq!(connection["state"], "connected");
    assert_eq!(connection["failing_since"], json!(null));
    world.pass(TimeDelta::minutes(55)).await;
    assert_eq!(world.asked(WATCH), 1);
    world.pass(TimeDelta::minutes(18)).await;
    assert_eq!(world.asked(WATCH), 2);
    world.one().await;
}

#[tokio::test]
async fn while_google_opens_no_channel_busy_time_is_read_as_ever_and_google_is_not_pressed() {
    let world = World::where_watching(Some(unavailable().times(u32::MAX))).await;
    for _ in 0..9 {
        let before = world.readings();
        world.pass(TimeDelta::minutes(1)).await;
        assert_eq!(world.readings(), before + 1);
    }
    assert_eq!(world.asked(WATCH), 1);
    world.busy(&world.tutor.email, MORNING);
    world.pass(TimeDelta::minutes(1)).await;
    assert!(!world.is_free(MORNING).await);
    let connection = world.tutor.person.get("/v1/calendar/connection").await;
    assert_eq!(connection.expect(200)["failing_since"], json!(null));
    for _ in 0..50 {
        world.pass(TimeDelta::minutes(1)).await;
    }
    assert!((4..=7).contains(&world.asked(WATCH)));
    assert_eq!(world.known().await.len(), 1);

    world.test.google.clear_failures();
    world.pass(TimeDelta::minutes(13)).await;
    world.one().await;
}

#[tokio::test]
async fn a_calendar_that_blocks_no_longer_is_not_watched_any_more() {
    let world = World::new().await;
    world.read_list().await;
    world.choose(&["Family"]).await;
    world.test.run_jobs().await;
    assert!(world.open().is_empty());
    assert_eq!(world.test.google.channels(&world.family).len(), 1);
    world.busy(&world.family, MORNING);
    world.told().await;
    world.pass(SOON).await;
    assert!(!world.is_free(MORNING).await);

    // Nor is one that is gone.
    world.test.google.delete_calendar(&world.family);
    world.read_list().await;
    assert!(world.test.google.channels(&world.family).is_empty());
    assert!(world.known().await.is_empty());
}

#[tokio::test]
async fn channels_to_an_address_that_is_no_longer_ours_are_replaced() {
    let world = World::new().await;
    let first = world.one().await;
    let elsewhere = "UPDATE calendar_channels SET address = 'https://old.example.org/'";
    world.test.execute(elsewhere).await;
    world.pass(TimeDelta::minutes(1)).await;
    assert_ne!(world.one().await.id, first.id);
}

#[tokio::test]
async fn with_another_account_its_calendar_is_watched() {
    let mut world = World::new().await;
    world.test.add_account("Work");
    let former = std::mem::replace(&mut world.tutor.email, email("Work"));
    let tutor = &mut world.tutor.person;
    let connected = tutor.connect_calendar(&world.tutor.email, Consent::All);
    connected.await.expect(303);
    world.test.run_jobs().await;
    world.one().await;
    assert!(world.test.google.channels(&former).is_empty());
}

#[tokio::test]
async fn who_disconnects_while_a_channel_is_opened_has_none() {
    let world = World::where_watching(Some(unavailable())).await;
    let late = Failure::new(Target::Calendar, Effect::Hang(Duration::from_secs(1)));
    world.test.google.fail_next(late.path(WATCH));
    world.test.pass(TimeDelta::minutes(13));
    let disconnect = async {
        world.asking().await;
        let gone = world.tutor.person.delete("/v1/calendar/connection").await;
        gone.expect(204);
    };
    tokio::join!(world.test.run_jobs(), disconnect);
    assert!(world.known().await.is_empty());
    assert_eq!(world.test.count("SELECT count(*) FROM jobs").await, 0);
}

#[tokio::test]
async fn who_disconnects_is_watched_no_more() {
    let world = World::new().await;
    let tutor = &world.tutor.person;
    let gone = tutor.delete("/v1/calendar/connection").await;
    gone.expect(204);
    assert!(world.open().is_empty() && world.known().await.is_empty());
    let log = world.test.google.requests();
    let last = |path| log.iter().rposition(|it| it.path.ends_with(path)).unwrap();
    assert!(last(STOP) < last("/revoke"), "{log:#?}");
}

#[tokio::test]
async fn who_disconnects_does_not_wait_for_google_for_long() {
    let world = World::new().await;
    let id = world.with_known_token().await.id.to_string();
    let hang = Failure::new(Target::Calendar, Effect::Hang(Duration::from_mins(10)));
    world.test.google.fail_next(hang.times(u32::MAX));
    let began = Instant::now();
    let tutor = &world.tutor.person;
    let gone = tutor.delete("/v1/calendar/connection").await;
    gone.expect(204);
    assert!(began.elapsed() < Duration::from_secs(10));
    assert_eq!(world.open().len(), 1);
    assert!(world.known().await.is_empty());
    // What it says is of an unknown one.
    world.send(&id, TOKEN, "exists").await.expect(204);
    assert!(!world.is_asked_for().await);
}

#[tokio::test]
async fn nothing_is_left_of_who_is_erased() {
    let world = World::new().await;
    let tutor = &world.tutor.person;
    let etag = tutor.get("/v1/me").await.etag();
    let erased = tutor
        .edit(Method::DELETE, "/v1/me", &etag, &json!({}))
        .await;
    erased.expect(204);
    let left = "SELECT count(*) FROM calendar_channels";
    assert_eq!(world.test.count(left).await, 0);
}

#[tokio::test]
async fn of_two_instances_at_once_one_opens_a_channel() {
    let world = World::new().await;
    let apps = [world.another_app(), world.another_app()];
    for round in 2..7 {
        world.test.execute("DELETE FROM calendar_channels").await;
        let at_once = (0..8).map(|n| calendar_channel::keep(&apps[n % 2], world.tutor.id));
        for outcome in join_all(at_once).await {
            assert!(matches!(
                outcome.unwrap(),
                Outcome::Done | Outcome::Again(_)
            ));
        }
        assert_eq!(world.asked(WATCH), round);
        assert_eq!(world.known().await.len(), 1);
    }
}
