//! Calendars and events.

use std::collections::BTreeMap;

use axum::http::Method;
use chrono::TimeDelta;
use google::{
    AccessRole, AccessToken, Attendee, AttendeeResponse, Calendar, Error, EventStatus, EventTime,
    Limits, NewEvent, event_id,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::*;

pub(crate) fn token() -> AccessToken {
    AccessToken::new("ya29.token".into(), now() + TimeDelta::hours(1))
}

pub(crate) async fn calendar(limits: Limits) -> (Stage, Calendar) {
    let stage = Stage::open().await;
    let calendar = Calendar::with_limits(&stage.url, "tests", limits).unwrap();
    (stage, calendar)
}

pub(crate) fn refusal(status: u16, reason: &str) -> Answer {
    let message = format!("About {reason}.");
    Answer::json(
        status,
        &json!({ "error": { "code": status, "message": message,
            "errors": [{ "domain": "calendar", "reason": reason, "message": message }] } }),
    )
}

fn lesson() -> NewEvent {
    NewEvent {
        id: event_id(Uuid::nil(), 1),
        summary: "Algebra".to_owned(),
        description: Some("Chapter 3".to_owned()),
        location: None,
        start: now(),
        end: now() + TimeDelta::hours(1),
        time_zone: chrono_tz::Europe::Berlin,
        attendees: vec![Attendee::invited("bob@example.edu", Some("Bob".to_owned()))],
        attendees_see_each_other: false,
        private: BTreeMap::from([("lesson".to_owned(), "7".to_owned())]),
        meet: true,
    }
}

fn standing() -> Value {
    json!({
        "kind": "calendar#event", "etag": "\"3527\"", "id": lesson().id, "status": "confirmed",
        "htmlLink": "https://www.google.com/calendar/event?eid=1", "summary": "Algebra",
        "updated": "2026-03-01T10:00:00.123Z",
        "start": { "dateTime": "2026-03-02T10:00:00+01:00", "timeZone": "Europe/Berlin" },
        "end": { "dateTime": "2026-03-02T11:00:00+01:00", "timeZone": "Europe/Berlin" },
        "attendees": [
            { "email": "ada@example.edu", "organizer": true, "self": true, "responseStatus": "accepted" },
            { "email": "bob@example.edu", "displayName": "Bob", "responseStatus": "declined" },
            { "email": "room@resource.calendar.google.com", "resource": true },
        ],
        "extendedProperties": { "private": { "lesson": "7" } },
        "hangoutLink": "https://meet.google.com/abc",
    })
}

const EVENTS: &str = "/calendar/v3/calendars/primary/events";

fn one() -> String {
    format!("{EVENTS}/{}", lesson().id)
}

#[tokio::test]
async fn all_pages_of_the_list_are_read() {
    let (stage, calendar) = calendar(LIMITS).await;
    let path = "/calendar/v3/users/me/calendarList";
    let first = json!({ "nextPageToken": "two", "items": [
        { "id": "ada@example.edu", "summary": "ada@example.edu", "summaryOverride": "Me",
          "primary": true, "accessRole": "owner", "timeZone": "Europe/Berlin" },
    ] });
    let empty = json!({ "nextPageToken": "three" });
    let last = json!({ "items": [
        { "id": "x", "summary": "X", "accessRole": "freeBusyReader", "timeZone": "Mars/Olympus" },
        { "id": "y", "summary": "Y", "accessRole": "overlord" },
        { "id": "z", "deleted": true },
    ] });
    stage.on(
        path,
        [first, empty, last].map(|page| Answer::json(200, &page)),
    );
    let entries = calendar.calendars(&token()).await.unwrap();
    assert_eq!(entries.len(), 3);
    assert_eq!(entries[0].summary, "Me");
    assert!(entries[0].primary && !entries[1].primary);
    assert_eq!(entries[0].access_role, AccessRole::Owner);
    assert_eq!(entries[0].time_zone, Some(chrono_tz::Europe::Berlin));
    assert_eq!(entries[1].access_role, AccessRole::FreeBusyReader);
    assert_eq!(entries[1].time_zone, None);
    assert_eq!(entries[2].access_role, AccessRole::Other);
    let calls = stage.calls(path);
    let pages: Vec<_> = calls.iter().map(|c| c.query.get("pageToken")).collect();
    assert_eq!(
        pages,
        [None, Some(&"two".to_owned()), Some(&"three".to_owned())]
    );
    assert_eq!(calls[0].headers["authorization"], "Bearer ya29.token");
    assert_eq!(calls[0].headers["user-agent"], "tests");
}

#[tokio::test]
async fn a_list_that_goes_in_circles_is_given_up() {
    let (stage, calendar) = calendar(LIMITS).await;
    let page = Answer::json(200, &json!({ "nextPageToken": "again" }));
    stage.on("/calendar/v3/users/me/calendarList", [page]);
    let error = calendar.calendars(&token()).await.unwrap_err();
    assert!(matches!(error, Error::Protocol(_)), "{error:?}");
}

#[tokio::test]
async fn an_insert_says_what_is_meant() {
    let (stage, calendar) = calendar(LIMITS).await;
    stage.on(EVENTS, [Answer::json(200, &standing())]);
    calendar
        .insert_event(&token(), "primary", &lesson())
        .await
        .unwrap();
    let call = &stage.calls(EVENTS)[0];
    assert_eq!(call.method, Method::POST);
    assert_eq!(call.query["sendUpdates"], "all");
    assert_eq!(call.query["conferenceDataVersion"], "1");
    let body = call.json();
    assert_eq!(body["id"], lesson().id);
    assert_eq!(body["start"]["timeZone"], "Europe/Berlin");
    let start = body["start"]["dateTime"].as_str().unwrap();
    let start = chrono::DateTime::parse_from_rfc3339(start).unwrap();
    assert_eq!(start, now());
    assert_eq!(body["attendees"][0]["email"], "bob@example.edu");
    assert_eq!(body["guestsCanSeeOtherGuests"], false);
    assert_eq!(body["extendedProperties"]["private"]["lesson"], "7");
    let request = &body["conferenceData"]["createRequest"];
    assert_eq!(request["requestId"], lesson().id);
    assert_eq!(request["conferenceSolutionKey"]["type"], "hangoutsMeet");
    assert!(body.get("iCalUID").is_none());

    let event = NewEvent {
        meet: false,
        ..lesson()
    };
    calendar
        .insert_event(&token(), "primary", &event)
        .await
        .unwrap();
    assert!(
        stage.calls(EVENTS)[1]
            .json()
            .get("conferenceData")
            .is_none()
    );
}

#[tokio::test]
async fn an_event_is_read_whole() {
    let (stage, calendar) = calendar(LIMITS).await;
    stage.on(&one(), [Answer::json(200, &standing())]);
    let event = calendar
        .event(&token(), "primary", &lesson().id)
        .await
        .unwrap();
    assert_eq!(event.id, lesson().id);
    assert_eq!(event.etag.as_deref(), Some("\"3527\""));
    assert_eq!(event.status, EventStatus::Confirmed);
    assert_eq!(event.start, Some(EventTime::At(now())));
    assert_eq!(event.end, Some(EventTime::At(now() + TimeDelta::hours(1))));
    assert_eq!(
        event.meet_url.as_deref(),
        Some("https://meet.google.com/abc")
    );
    assert_eq!(event.private["lesson"], "7");
    assert_eq!(event.attendees.len(), 2, "a room is not an attendee");
    assert!(event.attendees[0].is_self && event.attendees[0].organizer);
    assert_eq!(event.attendees[1].response, AttendeeResponse::Declined);
    assert!(!event.transparent);
}

#[tokio::test]
async fn all_day_and_deleted_events_are_read_too() {
    let (stage, calendar) = calendar(LIMITS).await;
    let mut day = standing();
    day["start"] = json!({ "date": "2026-03-02" });
    day["end"] = json!({ "date": "2026-03-03" });
    let gone = json!({ "id": lesson().id, "status": "cancelled" });
    let timeless = json!({ "id": lesson().id, "status": "confirmed" });
    stage.on(&one(), [day, gone, timeless].map(|e| Answer::json(200, &e)));
    let read = async || calendar.event(&token(), "primary", &lesson().id).await;
    let start = read().await.unwrap().start;
    assert_eq!(start, Some(EventTime::Day(now().date_naive())));
    assert_eq!(read().await.unwrap().status, EventStatus::Cancelled);
    assert!(matches!(read().await, Err(Error::Protocol(_))));
}

#[tokio::test]
async fn deleting_tells_those_invited() {
    let (stage, calendar) = calendar(LIMITS).await;
    let done = Answer::Says {
        status: 204,
        headers: vec![],
        body: String::new(),
    };
    stage.on(&one(), [done]);
    calendar
        .delete_event(&token(), "primary", &lesson().id)
        .await
        .unwrap();
    let call = &stage.calls(&one())[0];
    assert_eq!(call.method, Method::DELETE);
    assert_eq!(call.query["sendUpdates"], "all");
}

#[tokio::test]
async fn refusals_are_told_apart_and_not_repeated() {
    let invalid = |status, reason: &str| Error::Invalid {
        status,
        reason: reason.to_owned(),
    };
    for (status, reason, expected) in [
        (400, "invalid", invalid(400, "invalid")),
        (400, "timeRangeEmpty", invalid(400, "timeRangeEmpty")),
        (401, "authError", Error::Unauthorized),
        (403, "quotaExceeded", Error::QuotaExceeded),
        (403, "insufficientPermissions", Error::InsufficientScope),
        (
            403,
            "forbiddenForNonOrganizer",
            invalid(403, "forbiddenForNonOrganizer"),
        ),
        (404, "notFound", Error::NotFound),
        (409, "duplicate", Error::Duplicate),
        (409, "conflict", invalid(409, "conflict")),
        (410, "deleted", Error::Gone),
        (410, "fullSyncRequired", Error::FullSyncRequired),
        (412, "conditionNotMet", Error::PreconditionFailed),
    ] {
        let (stage, calendar) = calendar(LIMITS).await;
        stage.on(&one(), [refusal(status, reason)]);
        let outcome = calendar
            .delete_event(&token(), "primary", &lesson().id)
            .await;
        assert_eq!(outcome, Err(expected), "{status} {reason}");
        assert_eq!(stage.calls(&one()).len(), 1, "{status} {reason}");
    }
}

#[tokio::test]
async fn what_passes_by_itself_is_tried_again() {
    for answer in [
        refusal(429, "rateLimitExceeded").header("retry-after", "0"),
        refusal(403, "rateLimitExceeded"),
        refusal(403, "userRateLimitExceeded"),
        refusal(500, "backendError"),
        Answer::html(502),
        Answer::html(503).header("retry-after", "0"),
    ] {
        let (stage, calendar) = calendar(LIMITS).await;
        stage.on(
            &one(),
            [
                answer.clone(),
                answer.clone(),
                Answer::json(200, &standing()),
            ],
        );
        calendar
            .event(&token(), "primary", &lesson().id)
            .await
            .unwrap();
        assert_eq!(stage.calls(&one()).len(), 3);

        stage.on(&one(), [answer]);
        let error = calendar
            .event(&token(), "primary", &lesson().id)
            .await
            .unwrap_err();
        assert!(error.is_transient(), "{error:?}");
        assert_eq!(stage.calls(&one()).len(), 6, "three tries and no more");
    }
}

#[tokio::test]
async fn a_wait_longer_than_the_budget_is_left_to_the_caller() {
    let (stage, calendar) = calendar(LIMITS).await;
    stage.on(
        &one(),
        [refusal(429, "rateLimitExceeded").header("retry-after", "3600")],
    );
    let error = calendar
        .event(&token(), "primary", &lesson().id)
        .await
        .unwrap_err();
    let hour = Some(std::time::Duration::from_secs(3600));
    assert_eq!(error, Error::RateLimited { retry_after: hour });
    assert_eq!(stage.calls(&one()).len(), 1);
}

#[tokio::test]
async fn an_insert_whose_answer_was_lost_shows_as_duplicate() {
    let (stage, calendar) = calendar(LIMITS).await;
    stage.on(EVENTS, [Answer::html(502), refusal(409, "duplicate")]);
    let outcome = calendar.insert_event(&token(), "primary", &lesson()).await;
    assert_eq!(outcome, Err(Error::Duplicate));
}

#[tokio::test]
async fn silence_and_floods_are_bounded() {
    let (stage, patient) = calendar(IMPATIENT).await;
    stage.on(&one(), [Answer::Hangs]);
    let error = patient
        .event(&token(), "primary", &lesson().id)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");

    let (stage, calendar) = calendar(LIMITS).await;
    let mut flood = standing();
    flood["description"] = json!("x".repeat(LIMITS.answer_bytes));
    stage.on(&one(), [Answer::json(200, &flood)]);
    let outcome = calendar.event(&token(), "primary", &lesson().id).await;
    assert!(outcome.is_err());
    // Long, but within bounds, and more than once over one connection.
    flood["description"] = json!("x".repeat(LIMITS.answer_bytes / 2));
    stage.on(&one(), [Answer::json(200, &flood)]);
    for _ in 0..4 {
        calendar
            .event(&token(), "primary", &lesson().id)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn an_answer_that_is_none_is_a_protocol_error() {
    let (stage, calendar) = calendar(LIMITS).await;
    for answer in [
        Answer::html(200),
        Answer::json(200, &json!({ "id": 7 })),
        Answer::html(302),
    ] {
        stage.on(&one(), [answer]);
        let error = calendar
            .event(&token(), "primary", &lesson().id)
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Protocol(_)), "{error:?}");
    }
}

#[tokio::test]
async fn ids_do_not_reach_into_the_path() {
    let (stage, calendar) = calendar(LIMITS).await;
    for id in [
        "a/../b",
        "c#d",
        "e?f=g",
        "h%2Fi",
        "j k",
        "en.german#holiday@group.v.calendar.google.com",
        "ü",
    ] {
        let _ = calendar.event(&token(), id, id).await;
        let path = stage.all_calls().last().unwrap().path.clone();
        let segments: Vec<&str> = path.split('/').collect();
        assert_eq!(segments.len(), 7, "{id} became {path}");
        for segment in [segments[4], segments[6]] {
            let decoded = percent_encoding::percent_decode_str(segment);
            assert_eq!(decoded.decode_utf8().unwrap(), id);
        }
    }
    let before = stage.all_calls().len();
    for id in ["", ".", ".."] {
        let outcome = calendar.event(&token(), id, "abcde").await;
        assert!(matches!(outcome, Err(Error::Invalid { .. })), "{id}");
        let outcome = calendar.delete_event(&token(), "primary", id).await;
        assert!(matches!(outcome, Err(Error::Invalid { .. })), "{id}");
    }
    assert_eq!(stage.all_calls().len(), before);
}

#[tokio::test]
async fn events_that_google_would_quietly_change_are_not_sent() {
    let (stage, calendar) = calendar(LIMITS).await;
    let bob = || Attendee::invited("bob@example.edu", None);
    let long = |key: usize, value: usize| BTreeMap::from([("k".repeat(key), "v".repeat(value))]);
    for event in [
        NewEvent {
            id: "abcd".to_owned(),
            ..lesson()
        },
        NewEvent {
            id: "wxyz-wxyz".to_owned(),
            ..lesson()
        },
        NewEvent {
            end: lesson().start,
            ..lesson()
        },
        NewEvent {
            private: long(45, 1),
            ..lesson()
        },
        NewEvent {
            private: long(1, 1025),
            ..lesson()
        },
        NewEvent {
            attendees: vec![bob(), Attendee::invited("BOB@example.edu", None)],
            ..lesson()
        },
    ] {
        let outcome = calendar.insert_event(&token(), "primary", &event).await;
        assert!(matches!(outcome, Err(Error::Invalid { .. })), "{event:?}");
    }
    assert!(stage.all_calls().is_empty());
}

#[tokio::test]
async fn a_token_that_is_no_header_is_not_sent() {
    let (stage, calendar) = calendar(LIMITS).await;
    for secret in ["", "a\r\nx: y", "ü"] {
        let token = AccessToken::new(secret.into(), now());
        let outcome = calendar.calendars(&token).await;
        assert_eq!(outcome, Err(Error::Unauthorized));
    }
    assert!(stage.all_calls().is_empty());
}

#[test]
fn plain_http_beyond_this_machine_is_refused() {
    let root = "http://www.googleapis.com".parse().unwrap();
    assert!(Calendar::new(&root, "tests").is_err());
    let root = "https://www.googleapis.com".parse().unwrap();
    assert!(Calendar::new(&root, "tests").is_ok());
}

#[test]
fn event_ids_are_legal_stable_and_apart() {
    let lesson = Uuid::from_u128(0x0192_f0c1_2345_7abc_8def_0123_4567_89ab);
    let id = event_id(lesson, 0);
    assert_eq!(id, "0192f0c123457abc8def0123456789ab0000");
    assert_eq!(id, event_id(lesson, 0));
    assert_ne!(id, event_id(lesson, 1));
    assert_ne!(id, event_id(Uuid::nil(), 0));
    let id = event_id(Uuid::max(), u16::MAX);
    assert!(id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'v')));
}

/// Handlers and jobs are spawned: what they await has to be movable between threads.
#[tokio::test]
async fn calls_may_be_spawned() {
    let (stage, calendar) = calendar(LIMITS).await;
    stage.on(EVENTS, [Answer::json(200, &standing())]);
    let insert = async move { calendar.insert_event(&token(), "primary", &lesson()).await };
    tokio::spawn(insert).await.unwrap().unwrap();
}
