//! Against the stand-in for Google, which keeps calendars: what we hold of one stays in step with it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use google::{
    AccessToken, BusySpan, Calendar, Error, EventChanges, EventSync, EventTime, EventType,
    ListedEvent, NewChannel, SyncToken, scope,
};
use google_sandbox::{Account, Client, Config, Sandbox};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use crate::support::now;

const TUTOR: &str = "ada@example.edu";
const CLIENT: &str = "client-1";

/// A tutor with a calendar, who has connected it.
struct Tutor {
    sandbox: Sandbox,
    calendar: Calendar,
    token: AccessToken,
    secret: String,
    http: reqwest::Client,
    zone: Tz,
    /// First day, and the day after the last.
    days: (NaiveDate, NaiveDate),
}

async fn sandbox(zone: Tz) -> Sandbox {
    let sandbox = Sandbox::start(Config {
        bind: ([127, 0, 0, 1], 0).into(),
        accounts: vec![Account {
            email: TUTOR.to_owned(),
            name: "Ada".to_owned(),
            time_zone: zone,
        }],
        clients: vec![Client {
            id: CLIENT.to_owned(),
            secret: "hush".to_owned(),
            redirect_uris: vec![],
        }],
        state_file: None,
    });
    sandbox.await.unwrap()
}

impl Tutor {
    fn connected(sandbox: &Sandbox, zone: Tz) -> Self {
        let root = sandbox.calendar_url().parse().unwrap();
        let secret = sandbox.access_token(CLIENT, TUTOR, scope::CALENDAR);
        Self {
            sandbox: sandbox.clone(),
            calendar: Calendar::new(&root, "tests").unwrap(),
            token: AccessToken::new(secret.clone().into(), now() + TimeDelta::hours(1)),
            http: google::http_client("tests").unwrap(),
            secret,
            zone,
            // The clock changes within.
            days: ("2026-03-01".parse().unwrap(), "2026-04-15".parse().unwrap()),
        }
    }

    /// The window that is kept in step; it begins and ends within days.
    fn window(&self) -> (DateTime<Utc>, DateTime<Utc>) {
        let noon = |day: NaiveDate| day.and_hms_opt(12, 0, 0).unwrap().and_utc();
        (noon(self.days.0), noon(self.days.1))
    }

    async fn list(&self) -> EventChanges {
        let (from, until) = self.window();
        self.events(EventSync::Full { from, until }).await.unwrap()
    }

    async fn events(&self, sync: EventSync<'_>) -> Result<EventChanges, Error> {
        self.calendar.events(&self.token, "primary", sync).await
    }

    async fn busy(&self) -> Vec<BusySpan> {
        let (from, until) = self.window();
        let ids = [TUTOR.to_owned()];
        let busy = self.calendar.busy(&self.token, &ids, from, until);
        busy.await.unwrap().busy
    }

    /// Makes an event as another application would.
    async fn insert(&self, event: &Value) -> String {
        let url = format!(
            "{}/calendar/v3/calendars/primary/events",
            self.sandbox.calendar_url()
        );
        let request = self.http.post(url).bearer_auth(&self.secret).json(event);
        let made: Value = request.send().await.unwrap().json().await.unwrap();
        let id = made["id"].as_str();
        id.unwrap_or_else(|| panic!("{event}: {made}")).to_owned()
    }
}

/// What somebody does to their calendar in no time.
struct Whims {
    rng: StdRng,
    zone: Tz,
    days: (NaiveDate, NaiveDate),
    /// Events and occurrences, gone ones too.
    known: BTreeSet<String>,
}

impl Whims {
    fn new(seed: u64, tutor: &Tutor) -> Self {
        Self {
            rng: StdRng::seed_from_u64(seed),
            zone: tutor.zone,
            days: tutor.days,
            known: BTreeSet::new(),
        }
    }

    async fn act(&mut self, tutor: &Tutor) {
        if self.known.is_empty() || self.rng.random_bool(0.4) {
            let event = self.event();
            self.known.insert(tutor.insert(&event).await);
            return;
        }
        let known: Vec<&String> = self.known.iter().collect();
        let id = (*known.choose(&mut self.rng).unwrap()).clone();
        if self.rng.random_bool(0.3) {
            tutor.sandbox.delete_event(TUTOR, &id);
        } else {
            let change = self.change();
            // What makes no sense for an event is refused.
            let _ = tutor.sandbox.patch_event(TUTOR, &id, &change);
        }
    }

    fn event(&mut self) -> Value {
        let mut event = self.times();
        event["summary"] = json!(format!("Event {}", self.known.len()));
        event["eventType"] = json!(self.one_of(&[
            "default",
            "default",
            "default",
            "focusTime",
            "outOfOffice",
            "workingLocation",
            "birthday",
        ]));
        event["status"] = json!(self.one_of(&["confirmed", "tentative"]));
        event["transparency"] = json!(self.one_of(&["opaque", "opaque", "transparent"]));
        if self.rng.random_bool(0.3) {
            event["attendees"] = self.answer();
        }
        if self.rng.random_bool(0.2) {
            event["extendedProperties"] = json!({ "private": { "lesson": "7" } });
        }
        if self.rng.random_bool(0.3) {
            event["recurrence"] = self.rule();
        }
        event
    }

    fn change(&mut self) -> Value {
        match self.rng.random_range(0..8) {
            0..=2 => self.times(),
            3 => json!({ "transparency": self.one_of(&["opaque", "transparent"]) }),
            4 => json!({ "attendees": self.answer() }),
            5 => json!({ "status": self.one_of(&["confirmed", "tentative"]) }),
            6 => json!({ "recurrence": self.rule() }),
            _ => json!({ "recurrence": null, "summary": "Once" }),
        }
    }

    fn answer(&mut self) -> Value {
        let answers = ["needsAction", "declined", "tentative", "accepted"];
        json!([
            { "email": "bob@example.edu", "responseStatus": self.one_of(&answers) },
            { "email": TUTOR, "responseStatus": self.one_of(&answers) },
        ])
    }

    fn rule(&mut self) -> Value {
        json!([self.one_of(&[
            "RRULE:FREQ=WEEKLY",
            "RRULE:FREQ=DAILY;COUNT=5",
            "RRULE:FREQ=WEEKLY;UNTIL=20260501T000000Z",
            "RRULE:FREQ=DAILY;INTERVAL=3;COUNT=40",
        ])])
    }

    /// Within the window, around it, or over one of its ends; whole days or quarters of an hour, none at all included.
    fn times(&mut self) -> Value {
        let span = (self.days.1 - self.days.0).num_days();
        let day = self.days.0 + TimeDelta::days(self.rng.random_range(-4..span + 4));
        if self.rng.random_bool(0.3) {
            let until = day + TimeDelta::days(self.rng.random_range(1..4));
            return json!({
                "start": { "date": day, "dateTime": null }, "end": { "date": until, "dateTime": null },
            });
        }
        let quarters = |n: i64| TimeDelta::minutes(15 * n);
        let start = day.and_hms_opt(0, 0, 0).unwrap().and_utc();
        let start = start + quarters(self.rng.random_range(0..96));
        let end = start + quarters(self.rng.random_range(0..40));
        let time = |at: DateTime<Utc>| json!({ "dateTime": at, "timeZone": self.zone.name(), "date": null });
        json!({ "start": time(start), "end": time(end) })
    }

    fn one_of(&mut self, words: &[&'static str]) -> &'static str {
        words.choose(&mut self.rng).unwrap()
    }
}

/// What is held of a calendar.
struct Held {
    events: BTreeMap<String, ListedEvent>,
    sync_token: SyncToken,
}

impl Held {
    fn new(listed: EventChanges) -> Self {
        let events = listed.events.into_iter();
        Self {
            events: events.map(|event| (event.id.clone(), event)).collect(),
            sync_token: listed.sync_token,
        }
    }

    fn take(&mut self, changes: EventChanges) {
        let outdated = changes.outdated();
        self.events.retain(|id, event| {
            let series = event.recurring_event_id.as_deref();
            !outdated.ids.contains(id.as_str())
                && !series.is_some_and(|series| outdated.repeated.contains(series))
        });
        let events = changes.events.into_iter();
        self.events
            .extend(events.map(|event| (event.id.clone(), event)));
        self.sync_token = changes.sync_token;
    }

    fn within(&self, tutor: &Tutor) -> Vec<ListedEvent> {
        let (from, until) = tutor.window();
        let events = self.events.values().filter(|event| {
            let span = event.span(tutor.zone);
            span.start < until && span.end > from
        });
        events.cloned().collect()
    }

    /// When the calendar is busy by what is held, in order; spans neither overlap nor touch.
    fn busy(&self, tutor: &Tutor) -> Vec<BusySpan> {
        let events = self.within(tutor);
        let blocking = events.iter().filter(|event| event.blocks());
        let mut spans: Vec<_> = blocking.map(|event| event.span(tutor.zone)).collect();
        spans.sort_by_key(|span| span.start);
        let mut united: Vec<BusySpan> = Vec::new();
        for span in spans.into_iter().filter(|span| !span.is_empty()) {
            match united.last_mut() {
                Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
                _ => united.push(BusySpan {
                    calendar_id: TUTOR.to_owned(),
                    start: span.start,
                    end: span.end,
                }),
            }
        }
        united
    }
}

/// With only what differs in the message.
fn agree(held: &[ListedEvent], fresh: &[ListedEvent], when: &str) {
    let without = |all: &[ListedEvent], others: &[ListedEvent]| {
        let differ = all.iter().filter(|event| !others.contains(event));
        differ.cloned().collect::<Vec<_>>()
    };
    assert_eq!(without(held, fresh), without(fresh, held), "{when}");
    assert_eq!(held.len(), fresh.len(), "{when}");
}

async fn stays_in_step(zone: Tz, seeds: std::ops::Range<u64>) {
    let sandbox = sandbox(zone).await;
    let mut told = (0, 0);
    for seed in seeds {
        sandbox.reset();
        let tutor = Tutor::connected(&sandbox, zone);
        let mut whims = Whims::new(seed, &tutor);
        let mut held = Held::new(tutor.list().await);
        for round in 0..12 {
            for _ in 0..whims.rng.random_range(1..6) {
                whims.act(&tutor).await;
            }
            let changes = tutor.events(EventSync::Incremental(&held.sync_token)).await;
            let changes = changes.unwrap();
            assert_eq!(changes.time_zone, Some(zone));
            told.0 += changes.events.len();
            told.1 += changes.cancelled.len();
            held.take(changes);
            let fresh = tutor.list().await;
            assert!(fresh.cancelled.is_empty());
            whims
                .known
                .extend(fresh.events.iter().map(|e| e.id.clone()));
            let when = format!("{seed}.{round} in {zone}");
            agree(&held.within(&tutor), &fresh.events, &when);
            assert_eq!(held.busy(&tutor), tutor.busy().await, "{when}");
        }
    }
    assert!(told.0 > 100 && told.1 > 100, "{told:?}");
}

#[tokio::test]
async fn what_is_held_stays_in_step() {
    stays_in_step(chrono_tz::Europe::Berlin, 0..8).await;
}

#[tokio::test]
async fn what_is_held_stays_in_step_where_the_clock_skips_midnight() {
    stays_in_step(chrono_tz::America::Havana, 100..108).await;
}

#[tokio::test]
async fn what_becomes_repeated_or_single_is_told_to_be_gone_as_what_it_was() {
    let zone = chrono_tz::Europe::Berlin;
    let tutor = Tutor::connected(&sandbox(zone).await, zone);
    let (from, _) = tutor.window();
    let until = from + TimeDelta::hours(1);
    let id = tutor.sandbox.insert_busy(TUTOR, from, until, "Lesson");
    let mut held = Held::new(tutor.list().await);
    let mut change = async |recurrence: Value| {
        let change = json!({ "recurrence": recurrence });
        tutor.sandbox.patch_event(TUTOR, &id, &change).unwrap();
        let changes = tutor.events(EventSync::Incremental(&held.sync_token)).await;
        let changes = changes.unwrap();
        held.take(changes.clone());
        (changes.events.len(), changes.cancelled)
    };
    let occurrences = ["20260301", "20260302"].map(|day| format!("{id}_{day}T120000Z"));
    let (events, cancelled) = change(json!(["RRULE:FREQ=DAILY;COUNT=2"])).await;
    assert_eq!((events, cancelled), (2, BTreeSet::from([id.clone()])));
    let (events, cancelled) = change(json!(null)).await;
    assert_eq!((events, cancelled), (1, BTreeSet::from(occurrences)));
    assert_eq!(held.within(&tutor), tutor.list().await.events);
}

#[tokio::test]
async fn what_is_asked_for_is_all_that_is_needed() {
    let zone = chrono_tz::Europe::Berlin;
    let tutor = Tutor::connected(&sandbox(zone).await, zone);
    let (from, _) = tutor.window();
    let time =
        |hours| json!({ "dateTime": from + TimeDelta::hours(hours), "timeZone": "Europe/Berlin" });
    let series = tutor
        .insert(&json!({
            "summary": "Algebra", "description": "x".repeat(8000), "start": time(0), "end": time(1),
            "status": "tentative", "transparency": "transparent", "eventType": "focusTime",
            "recurrence": ["RRULE:FREQ=DAILY;COUNT=1"],
            "attendees": [
                { "email": "bob@example.edu", "responseStatus": "accepted" },
                { "email": TUTOR, "responseStatus": "declined" },
            ],
            "extendedProperties": { "private": { "lesson": "7" }, "shared": { "room": "3" } },
        }))
        .await;
    let listed = tutor.list().await;
    let event = &listed.events[0];
    assert!(event.etag.is_some() && event.updated.is_some());
    let expected = ListedEvent {
        id: format!("{series}_20260301T120000Z"),
        etag: event.etag.clone(),
        tentative: true,
        summary: "Algebra".to_owned(),
        start: EventTime::At(from),
        end: EventTime::At(from + TimeDelta::hours(1)),
        transparent: true,
        event_type: EventType::FocusTime,
        declined: true,
        guest_declined: false,
        recurring_event_id: Some(series),
        original_start: Some(EventTime::At(from)),
        private: BTreeMap::from([("lesson".to_owned(), "7".to_owned())]),
        updated: event.updated,
    };
    assert_eq!(listed.events, [expected]);
}

#[tokio::test]
async fn an_increment_may_be_asked_for_again_and_ends_with_its_token() {
    let zone = chrono_tz::Europe::Berlin;
    let tutor = Tutor::connected(&sandbox(zone).await, zone);
    let first = tutor.list().await;
    let id = tutor
        .sandbox
        .insert_busy(TUTOR, tutor.window().0, tutor.window().1, "Away");
    for _ in 0..2 {
        let again = EventSync::Incremental(&first.sync_token);
        let changes = tutor.events(again).await.unwrap();
        assert_eq!(changes.events.len(), 1);
        assert_eq!(changes.events[0].id, id);
    }
    tutor.sandbox.expire_sync_tokens();
    for text in [first.sync_token.0.as_str(), "never-was-one", ""] {
        let stale = SyncToken(text.to_owned());
        let outcome = tutor.events(EventSync::Incremental(&stale)).await;
        assert_eq!(outcome, Err(Error::FullSyncRequired), "{text}");
    }
    assert_eq!(tutor.list().await.events.len(), 1);
}

#[tokio::test]
async fn a_channel_is_opened_once_and_stopped_for_good() {
    let zone = chrono_tz::Europe::Berlin;
    let sandbox = sandbox(zone).await;
    sandbox.set_clock(Some(now()));
    let tutor = Tutor::connected(&sandbox, zone);
    let (calendar, token) = (&tutor.calendar, &tutor.token);
    let new = NewChannel {
        id: "channel-1".to_owned(),
        // Nobody listens there.
        address: "http://127.0.0.1:9/push".parse().unwrap(),
        token: "hush".into(),
        time_to_live: Duration::from_hours(48),
    };
    let channel = calendar.watch(token, "primary", &new).await.unwrap();
    assert_eq!(channel.id, "channel-1");
    assert_eq!(channel.expires_at, now() + TimeDelta::hours(48));
    let again = calendar.watch(token, "primary", &new).await;
    let used = Error::Invalid {
        status: 400,
        reason: "channelIdNotUnique".to_owned(),
    };
    assert_eq!(again, Err(used));
    for _ in 0..2 {
        let stopped = calendar.stop_channel(token, &channel.id, &channel.resource_id);
        assert_eq!(stopped.await, Ok(()));
    }
}
