use std::collections::BTreeSet;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Api, STUDENT, TUTOR, event, id, invitation, start};

fn weekly(rule: &str) -> Value {
    let mut event = event(9);
    event["recurrence"] = json!([rule]);
    event
}

fn ids(list: &Value) -> BTreeSet<String> {
    list["items"]
        .as_array()
        .into_iter()
        .flatten()
        .map(id)
        .collect()
}

#[tokio::test]
async fn rules_and_excluded_dates_expand() {
    let sandbox = start().await;
    let api = Api::of(&sandbox, TUTOR);
    let mut lesson = event(9);
    lesson["recurrence"] = json!([
        "RRULE:FREQ=WEEKLY;UNTIL=20270209",
        "EXDATE;TZID=Europe/Berlin:20270119T100000",
    ]);
    let made = api.insert(&lesson).await;
    let list = api
        .get(&format!(
            "/calendars/primary/events/{}/instances",
            id(&made)
        ))
        .await;
    let expected = ["20270112", "20270126", "20270202", "20270209"];
    let expected = expected.map(|day| format!("{}_{day}T090000Z", id(&made)));
    assert_eq!(ids(&list), BTreeSet::from(expected));
}

#[tokio::test]
async fn a_shortened_series_tells_which_lessons_are_gone() {
    let sandbox = start().await;
    let api = Api::of(&sandbox, TUTOR);
    let made = api.insert(&weekly("RRULE:FREQ=WEEKLY;COUNT=4")).await;
    let full = api.get("/calendars/primary/events?singleEvents=true").await;
    assert_eq!(ids(&full).len(), 4);

    let shorter = json!({"recurrence": ["RRULE:FREQ=WEEKLY;COUNT=2"]});
    let (status, _) = api.patch(&id(&made), &shorter).await;
    assert_eq!(status, StatusCode::OK);
    let token = full["nextSyncToken"].as_str().expect("a sync token");
    let path = format!("/calendars/primary/events?singleEvents=true&syncToken={token}");
    let increment = api.get(&path).await;
    let gone: Vec<&Value> = increment["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|event| event["status"] == "cancelled")
        .collect();
    assert_eq!(gone.len(), 2);
    assert!(
        gone.iter()
            .all(|event| event["recurringEventId"] == made["id"])
    );
    assert_eq!(ids(&increment).len(), 4);
}

#[tokio::test]
async fn one_lesson_of_a_series_is_cancelled_for_the_guest_as_well() {
    let sandbox = start().await;
    let api = Api::of(&sandbox, TUTOR);
    let mut lesson = invitation(9);
    lesson["recurrence"] = json!(["RRULE:FREQ=WEEKLY;COUNT=3"]);
    let made = api.insert(&lesson).await;
    sandbox.delete_event(TUTOR, &format!("{}_20270119T090000Z", id(&made)));

    let student = Api::of(&sandbox, STUDENT);
    let list = student
        .get("/calendars/primary/events?singleEvents=true")
        .await;
    let expected = ["20270112", "20270126"].map(|day| format!("{}_{day}T090000Z", id(&made)));
    assert_eq!(ids(&list), BTreeSet::from(expected));
}

#[tokio::test]
async fn hostile_rules_are_refused_or_bounded() {
    let sandbox = start().await;
    let api = Api::of(&sandbox, TUTOR);
    let path = "/calendars/primary/events";
    for rule in [
        "RRULE:FREQ=SECONDLY",
        "RRULE:FREQ=WEEKLY;INTERVAL=0;BYDAY=XX",
        "RRULE",
        "DTSTART:20270101T000000Z",
        "EXDATE:20270119T100000",
        "\u{e9}\u{e9}\u{e9}",
    ] {
        let (status, _) = api.call(Method::POST, path, Some(&weekly(rule))).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{rule}");
    }
    // Never happens, or never ends.
    for rule in [
        "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "RRULE:FREQ=DAILY",
    ] {
        api.call(Method::POST, path, Some(&weekly(rule))).await;
    }
    let list = api
        .get("/calendars/primary/events?singleEvents=true&maxResults=2500")
        .await;
    assert!(ids(&list).len() <= 800);
}

#[tokio::test]
async fn malformed_input_is_refused() {
    let sandbox = start().await;
    let api = Api::of(&sandbox, TUTOR);
    let path = "/calendars/primary/events";
    let far = json!({"start": {"date": "+262142-12-31"}, "end": {"date": "+262143-01-01"}});
    let mut early = event(9);
    early["start"] = json!({"dateTime": "0000-01-01T00:00:00", "timeZone": "Pacific/Apia"});
    for body in [
        json!([]),
        json!({"start": 1, "end": 2}),
        json!({"start": {"date": "2027-02-30"}, "end": {"date": "2027-03-01"}}),
        json!({"start": {"dateTime": "2027-01-01T00:00:00Z", "timeZone": "Mars/Base"}, "end": {}}),
        far,
    ] {
        let (status, _) = api.call(Method::POST, path, Some(&body)).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
    }
    api.call(Method::POST, path, Some(&early)).await;
    for query in [
        "pageToken=x",
        "syncToken=%F0%9F%92%A9",
        "maxResults=-1",
        "timeMin=+300000-01-01T00:00:00Z",
        "timeZone=Nowhere",
        "orderBy=size",
        "singleEvents=maybe",
    ] {
        let path = format!("{path}?{query}");
        let (status, _) = api.call(Method::GET, &path, None).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}");
    }
    let (status, _) = api
        .call(Method::GET, "/calendars/primary/events/a_b_c_%2F", None)
        .await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    api.get(path).await;
}
