//! Calendars and events.

use std::collections::BTreeMap;

use axum::http::Method;
use chrono::TimeDelta;
use google::{
    AccessRole, AccessToken, Attendee, AttendeeResponse, Calendar, Error, EventStatus, EventTime,
    Limits, NewEvent, event_id, lesson_of_event,
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

pub(crate) fn lesson() -> NewEvent {
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

pub(crate) fn standing() -> Value {
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

pub(crate) const EVENTS: &str = "/calendar/v3/calendars/primary/events";

pub(crate) fn one() -> String {
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
    assert!(calls.iter().all(|c| c.query["showHidden"] == "true"));
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

#[test]
fn event_ids_are_legal_stable_and_apart() {
    let lesson = Uuid::from_u128(0x0192_f0c1_2345_7abc_8def_0123_4567_89ab);
    let id = event_id(lesson, 0);
    assert_eq!(id, "0192f0c123457abc8def0123456789ab0000");
    assert_eq!(id, event_id(lesson, 0));
    assert_ne!(id, event_id(lesson, 1));
    assert_ne!(id, event_id(Uuid::nil(), 0));
    assert_eq!(lesson_of_event(&id), Some(lesson));
    for other in [
        "",
        "abcde",
        &id[..35],
        &format!("{id}0"),
        &format!("{id}_20260302T090000Z"),
        &id.to_uppercase(),
        &format!("{}-000", &id[..32]),
        &format!("{}+001", &id[..32]),
        &format!("é{}", &id[2..]),
    ] {
        assert_eq!(lesson_of_event(other), None, "{other}");
    }
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
