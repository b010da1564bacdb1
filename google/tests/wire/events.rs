//! Listing events: all pages or nothing, and when to start anew.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use google::{
    Calendar, Error, EventChanges, EventSync, EventTime, EventType, ListedEvent, SyncToken,
};
use serde_json::{Value, json};

use crate::calendar::{EVENTS, calendar, refusal, token};
use crate::support::*;

fn full() -> EventSync<'static> {
    EventSync::Full {
        from: now(),
        until: now() + TimeDelta::days(7),
    }
}

async fn list(calendar: &Calendar, sync: EventSync<'_>) -> Result<EventChanges, Error> {
    calendar.events(&token(), "primary", sync).await
}

async fn increment(calendar: &Calendar) -> Result<EventChanges, Error> {
    list(
        calendar,
        EventSync::Incremental(&SyncToken("sync-1".into())),
    )
    .await
}

fn page(items: &[Value]) -> Value {
    json!({ "kind": "calendar#events", "timeZone": "Europe/Berlin", "items": items })
}

fn more(items: &[Value], next: &str) -> Answer {
    let mut page = page(items);
    page["nextPageToken"] = json!(next);
    Answer::json(200, &page)
}

fn last(items: &[Value]) -> Answer {
    let mut page = page(items);
    page["nextSyncToken"] = json!("sync-2");
    Answer::json(200, &page)
}

fn event(id: &str) -> Value {
    json!({
        "id": id, "status": "confirmed",
        "start": { "dateTime": "2026-03-02T10:00:00+01:00" },
        "end": { "dateTime": "2026-03-02T11:00:00+01:00" },
    })
}

fn tombstone(id: &str) -> Value {
    json!({ "kind": "calendar#event", "etag": "\"1\"", "id": id, "status": "cancelled" })
}

fn ids(changes: &EventChanges) -> Vec<&str> {
    changes.events.iter().map(|e| e.id.as_str()).collect()
}

fn names(query: &BTreeMap<String, String>) -> BTreeSet<&str> {
    query.keys().map(String::as_str).collect()
}

#[tokio::test]
async fn a_window_is_asked_for_and_then_what_changed() {
    let (stage, calendar) = calendar(LIMITS).await;
    stage.on(EVENTS, [last(&[])]);
    list(&calendar, full()).await.unwrap();
    increment(&calendar).await.unwrap();
    let calls = stage.calls(EVENTS);
    let always = [
        "singleEvents",
        "maxResults",
        "maxAttendees",
        "fields",
        "alt",
    ];

    let query = &calls[0].query;
    let expected = always.iter().copied().chain(["timeMin", "timeMax"]);
    assert_eq!(names(query), expected.collect());
    let at = |name: &str| query[name].parse::<DateTime<Utc>>().unwrap();
    assert_eq!(at("timeMin"), now());
    assert_eq!(at("timeMax"), now() + TimeDelta::days(7));
    assert_eq!(query["singleEvents"], "true");
    assert_eq!(query["maxResults"], "1000");

    let query = &calls[1].query;
    let expected = always.iter().copied().chain(["syncToken"]);
    assert_eq!(names(query), expected.collect());
    assert_eq!(query["syncToken"], "sync-1");
    for name in always {
        assert_eq!(query[name], calls[0].query[name], "{name}");
    }
}

#[tokio::test]
async fn all_pages_are_read_short_and_empty_ones_too() {
    let (stage, calendar) = calendar(LIMITS).await;
    let mut without_items = page(&[]);
    without_items["nextPageToken"] = json!("four");
    without_items.as_object_mut().unwrap().remove("items");
    stage.on(
        EVENTS,
        [
            more(&[], "two"),
            more(&[event("bbbbb"), event("ccccc")], "three"),
            Answer::json(200, &without_items),
            // The last word counts.
            last(&[event("aaaaa"), tombstone("ccccc")]),
        ],
    );
    let changes = list(&calendar, full()).await.unwrap();
    assert_eq!(ids(&changes), ["aaaaa", "bbbbb"]);
    assert_eq!(changes.cancelled, BTreeSet::from(["ccccc".to_owned()]));
    assert_eq!(changes.sync_token, SyncToken("sync-2".to_owned()));
    assert_eq!(changes.time_zone, Some(chrono_tz::Europe::Berlin));
    let calls = stage.calls(EVENTS);
    let pages: Vec<_> = calls.iter().map(|c| c.query.get("pageToken")).collect();
    let [two, three, four] = ["two", "three", "four"].map(str::to_owned);
    assert_eq!(pages, [None, Some(&two), Some(&three), Some(&four)]);
    assert!(
        calls
            .iter()
            .all(|c| c.query["timeMin"] == calls[0].query["timeMin"])
    );
}

#[tokio::test]
async fn an_event_is_listed_with_all_that_is_needed() {
    let (stage, calendar) = calendar(LIMITS).await;
    let mut moved = event("series_20260302T090000Z");
    let more = json!({
        "etag": "\"3527\"", "status": "tentative", "summary": "Algebra", "transparency": "transparent",
        "eventType": "focusTime", "updated": "2026-03-01T10:00:00.123Z",
        "attendees": [{ "self": true, "responseStatus": "declined" }],
        "recurringEventId": "series",
        "originalStartTime": { "dateTime": "2026-03-02T10:00:00+01:00", "timeZone": "Europe/Berlin" },
        "extendedProperties": { "private": { "lesson": "7" } },
    });
    for (name, value) in more.as_object().unwrap() {
        moved[name] = value.clone();
    }
    stage.on(EVENTS, [last(&[moved])]);
    let changes = list(&calendar, full()).await.unwrap();
    let expected = ListedEvent {
        id: "series_20260302T090000Z".to_owned(),
        etag: Some("\"3527\"".to_owned()),
        tentative: true,
        summary: "Algebra".to_owned(),
        start: EventTime::At(now()),
        end: EventTime::At(now() + TimeDelta::hours(1)),
        transparent: true,
        event_type: EventType::FocusTime,
        declined: true,
        guest_declined: false,
        recurring_event_id: Some("series".to_owned()),
        original_start: Some(EventTime::At(now())),
        private: BTreeMap::from([("lesson".to_owned(), "7".to_owned())]),
        updated: Some("2026-03-01T10:00:00.123Z".parse().unwrap()),
    };
    assert_eq!(changes.events, [expected]);
}

#[tokio::test]
async fn the_owners_no_is_told_from_that_of_a_guest() {
    let (stage, calendar) = calendar(LIMITS).await;
    let mut one = event("aaaaa");
    one["attendees"] = json!([
        { "self": true, "responseStatus": "accepted" }, { "responseStatus": "declined" },
    ]);
    let mut two = event("bbbbb");
    two["attendees"] = json!([
        { "responseStatus": "accepted" }, { "resource": true, "responseStatus": "declined" },
    ]);
    stage.on(EVENTS, [last(&[one, two])]);
    let events = list(&calendar, full()).await.unwrap().events;
    let answers = events.iter().map(|it| (it.declined, it.guest_declined));
    assert_eq!(answers.collect::<Vec<_>>(), [(false, true), (false, false)]);
}

#[tokio::test]
async fn kinds_are_told_apart_and_new_ones_are_other() {
    for (name, expected) in [
        (json!(null), EventType::Default),
        (json!("default"), EventType::Default),
        (json!("birthday"), EventType::Birthday),
        (json!("focusTime"), EventType::FocusTime),
        (json!("fromGmail"), EventType::FromGmail),
        (json!("outOfOffice"), EventType::OutOfOffice),
        (json!("workingLocation"), EventType::WorkingLocation),
        (json!("siesta"), EventType::Other),
    ] {
        let (stage, calendar) = calendar(LIMITS).await;
        let mut one = event("aaaaa");
        one["eventType"] = name;
        stage.on(EVENTS, [last(&[one])]);
        let changes = list(&calendar, full()).await.unwrap();
        assert_eq!(changes.events[0].event_type, expected);
    }
}

#[tokio::test]
async fn of_what_was_deleted_there_is_little_more_than_the_id() {
    let (stage, calendar) = calendar(LIMITS).await;
    let mut occurrence = tombstone("series_20260302T090000Z");
    occurrence["recurringEventId"] = json!("series");
    occurrence["originalStartTime"] = json!({ "dateTime": "2026-03-02T10:00:00+01:00" });
    let mut whole = event("bbbbb");
    whole["status"] = json!("cancelled");
    stage.on(EVENTS, [last(&[tombstone("aaaaa"), occurrence, whole])]);
    let changes = increment(&calendar).await.unwrap();
    assert!(changes.events.is_empty());
    let expected = ["aaaaa", "bbbbb", "series_20260302T090000Z"].map(str::to_owned);
    assert_eq!(changes.cancelled, BTreeSet::from(expected));
}

#[tokio::test]
async fn days_are_those_of_the_calendars_zone_across_a_change_of_clocks() {
    for (zone, day, start, end) in [
        (
            "Europe/Berlin",
            ("2026-03-29", "2026-03-30"),
            "2026-03-28T23:00:00Z",
            "2026-03-29T22:00:00Z",
        ),
        (
            "Africa/Cairo",
            ("2026-04-24", "2026-04-25"),
            "2026-04-23T22:00:00Z",
            "2026-04-24T21:00:00Z",
        ),
    ] {
        let (stage, calendar) = calendar(LIMITS).await;
        let item = json!({ "id": "aaaaa", "start": { "date": day.0 }, "end": { "date": day.1 } });
        let page = json!({ "timeZone": zone, "items": [item], "nextSyncToken": "sync-2" });
        stage.on(EVENTS, [Answer::json(200, &page)]);
        let changes = list(&calendar, full()).await.unwrap();
        let event = &changes.events[0];
        assert_eq!(event.start, EventTime::Day(day.0.parse().unwrap()));
        let span = event.span(changes.time_zone.unwrap());
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        assert_eq!(span, at(start)..at(end), "{zone}");
        assert!(event.blocks());
    }
}

#[tokio::test]
async fn an_unknown_zone_is_none() {
    let (stage, calendar) = calendar(LIMITS).await;
    let page = json!({ "timeZone": "Mars/Olympus", "nextSyncToken": "sync-2" });
    stage.on(EVENTS, [Answer::json(200, &page)]);
    let changes = list(&calendar, full()).await.unwrap();
    assert_eq!(changes.time_zone, None);
}

#[tokio::test]
async fn one_event_that_makes_no_sense_fails_the_whole() {
    let with = |name: &str, value: Value| {
        let mut event = event("bbbbb");
        event[name] = value;
        event
    };
    for item in [
        with("id", json!(null)),
        with("id", json!("")),
        with("start", json!(null)),
        with("end", json!({})),
        with("start", json!({ "date": "2026-03-02" })),
        with("start", json!({ "dateTime": "2026-03-02T11:00:01+01:00" })),
        with("start", json!({ "dateTime": "soon" })),
        with("status", json!(7)),
        json!({ "id": "bbbbb" }),
        json!({ "status": "cancelled" }),
        json!({ "id": "bbbbb", "start": { "date": "2026-03-02" }, "end": { "date": "2026-03-02" } }),
        json!("bbbbb"),
    ] {
        let (stage, calendar) = calendar(LIMITS).await;
        stage.on(EVENTS, [last(&[event("aaaaa"), item.clone()])]);
        for outcome in [list(&calendar, full()).await, increment(&calendar).await] {
            assert!(matches!(outcome, Err(Error::Protocol(_))), "{item}");
        }
    }
}

#[tokio::test]
async fn a_listing_without_a_sync_token_is_none() {
    let (stage, calendar) = calendar(LIMITS).await;
    stage.on(EVENTS, [Answer::json(200, &page(&[event("aaaaa")]))]);
    let outcome = list(&calendar, full()).await;
    assert!(matches!(outcome, Err(Error::Protocol(_))), "{outcome:?}");
}

#[tokio::test]
async fn a_listing_that_goes_in_circles_is_given_up() {
    let (stage, calendar) = calendar(LIMITS).await;
    stage.on(EVENTS, [more(&[event("aaaaa")], "again")]);
    for outcome in [list(&calendar, full()).await, increment(&calendar).await] {
        assert!(matches!(outcome, Err(Error::Protocol(_))), "{outcome:?}");
    }
    assert_eq!(stage.calls(EVENTS).len(), 250, "125 pages each");
}

fn malformed(what: &str) -> Answer {
    let message = format!("Invalid {what} token value.");
    let errors = [json!({ "domain": "global", "reason": "invalid", "message": message })];
    let error = json!({ "code": 400, "message": message, "errors": errors });
    Answer::json(400, &json!({ "error": error }))
}

#[tokio::test]
async fn an_increment_that_is_refused_asks_for_a_full_sync_at_first_and_on_the_way() {
    for answer in [
        refusal(410, "fullSyncRequired"),
        refusal(410, "updatedMinTooLongAgo"),
        refusal(410, "gone"),
        Answer::html(410),
        malformed("sync"),
        malformed("page"),
        refusal(400, "invalid"),
    ] {
        let (stage, calendar) = calendar(LIMITS).await;
        stage.on(EVENTS, [answer.clone()]);
        assert_eq!(increment(&calendar).await, Err(Error::FullSyncRequired));
        assert_eq!(stage.calls(EVENTS).len(), 1);
        stage.on(EVENTS, [more(&[event("aaaaa")], "two"), answer]);
        assert_eq!(increment(&calendar).await, Err(Error::FullSyncRequired));
        assert_eq!(stage.calls(EVENTS).len(), 3);
    }
}

#[tokio::test]
async fn a_full_sync_that_is_cut_short_is_mended_by_another() {
    for answer in [
        refusal(410, "fullSyncRequired"),
        refusal(410, "gone"),
        malformed("page"),
    ] {
        let (stage, calendar) = calendar(LIMITS).await;
        stage.on(
            EVENTS,
            [
                more(&[event("aaaaa")], "two"),
                answer,
                last(&[event("bbbbb")]),
            ],
        );
        let error = list(&calendar, full()).await.unwrap_err();
        assert!(error.is_transient(), "{error:?}");
        assert_eq!(stage.calls(EVENTS).len(), 2);
        let changes = list(&calendar, full()).await.unwrap();
        assert_eq!(ids(&changes), ["bbbbb"]);
        assert!(!stage.calls(EVENTS)[2].query.contains_key("pageToken"));
    }
}

#[tokio::test]
async fn other_refusals_are_what_they_are() {
    let invalid = |reason: &str| Error::Invalid {
        status: 400,
        reason: reason.to_owned(),
    };
    for (status, reason, expected) in [
        (400, "badRequest", invalid("badRequest")),
        (401, "authError", Error::Unauthorized),
        (403, "quotaExceeded", Error::QuotaExceeded),
        (404, "notFound", Error::NotFound),
    ] {
        let (stage, calendar) = calendar(LIMITS).await;
        stage.on(EVENTS, [refusal(status, reason)]);
        assert_eq!(increment(&calendar).await, Err(expected.clone()));
        assert_eq!(list(&calendar, full()).await, Err(expected));
    }
    let (stage, calendar) = calendar(LIMITS).await;
    stage.on(EVENTS, [refusal(400, "invalid")]);
    assert_eq!(list(&calendar, full()).await, Err(invalid("invalid")));
}

#[tokio::test]
async fn a_page_that_comes_too_fast_is_asked_for_again() {
    let (stage, calendar) = calendar(LIMITS).await;
    stage.on(
        EVENTS,
        [
            refusal(403, "rateLimitExceeded"),
            more(&[event("aaaaa")], "two"),
            refusal(403, "userRateLimitExceeded"),
            refusal(503, "backendError"),
            last(&[event("bbbbb")]),
        ],
    );
    let changes = increment(&calendar).await.unwrap();
    assert_eq!(ids(&changes), ["aaaaa", "bbbbb"]);
    assert_eq!(stage.calls(EVENTS).len(), 5);
}

#[tokio::test]
async fn no_window_and_no_id_are_not_sent() {
    let (stage, calendar) = calendar(LIMITS).await;
    let empty = EventSync::Full {
        from: now(),
        until: now(),
    };
    let outcome = list(&calendar, empty).await;
    assert!(matches!(outcome, Err(Error::Invalid { .. })));
    let outcome = calendar.events(&token(), "..", full()).await;
    assert!(matches!(outcome, Err(Error::Invalid { .. })));
    assert!(stage.all_calls().is_empty());
}

#[tokio::test]
async fn a_full_page_of_events_is_not_too_long_an_answer() {
    let stage = Stage::open().await;
    let calendar = Calendar::new(&stage.url, "tests").unwrap();
    let items: Vec<Value> = (0..2500)
        .map(|n| {
            let mut event = event(&format!("event{n}_20260302T090000Z"));
            event["summary"] = json!("A".repeat(200));
            event["recurringEventId"] = json!(format!("event{n}"));
            event["extendedProperties"] = json!({ "private": { "note": "n".repeat(1024) } });
            event
        })
        .collect();
    stage.on(EVENTS, [last(&items)]);
    let changes = list(&calendar, full()).await.unwrap();
    assert_eq!(changes.events.len(), 2500);
}
