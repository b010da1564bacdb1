//! Free/busy: everything asked for is answered, or nothing is.

use chrono::{DateTime, TimeDelta, Utc};
use google::{BusySpan, Error};
use serde_json::{Value, json};

use crate::calendar::{calendar, refusal, token};
use crate::support::*;

const PATH: &str = "/calendar/v3/freeBusy";

fn at(hours: i64) -> DateTime<Utc> {
    now() + TimeDelta::hours(hours)
}

fn period(from: i64, until: i64) -> Value {
    json!({ "start": at(from).to_rfc3339(), "end": at(until).to_rfc3339() })
}

fn ids(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

fn answer(calendars: &Value) -> Answer {
    Answer::json(
        200,
        &json!({ "kind": "calendar#freeBusy", "calendars": calendars }),
    )
}

fn span(id: &str, from: i64, until: i64) -> BusySpan {
    BusySpan {
        calendar_id: id.to_owned(),
        start: at(from),
        end: at(until),
    }
}

#[tokio::test]
async fn spans_come_in_order_and_united_by_calendar() {
    let (stage, calendar) = calendar(LIMITS).await;
    let a = [
        period(5, 6),
        period(1, 2),
        period(2, 3),
        period(1, 2),
        period(9, 9),
    ];
    stage.on(
        PATH,
        [answer(
            &json!({ "a": { "busy": a }, "b": { "busy": [period(1, 2)] }, "c": { "busy": [] } }),
        )],
    );
    let asked = ids(&["b", "a", "c", "a"]);
    let spans = calendar
        .busy(&token(), &asked, at(0), at(24))
        .await
        .unwrap();
    assert_eq!(
        spans.busy,
        [span("a", 1, 3), span("a", 5, 6), span("b", 1, 2)]
    );
    assert!(spans.not_found.is_empty());
    let body = stage.calls(PATH)[0].json();
    assert_eq!(
        body["items"],
        json!([{ "id": "a" }, { "id": "b" }, { "id": "c" }])
    );
    assert_eq!(body["calendarExpansionMax"], 50);
    for (field, expected) in [("timeMin", at(0)), ("timeMax", at(24))] {
        let sent = DateTime::parse_from_rfc3339(body[field].as_str().unwrap());
        assert_eq!(sent.unwrap(), expected);
    }
}

#[tokio::test]
async fn what_could_not_be_read_is_never_free() {
    let unreadable =
        |reason: &str| json!({ "errors": [{ "domain": "global", "reason": reason }], "busy": [] });
    let fine = || json!({ "busy": [] });
    for calendars in [
        json!({ "a": fine(), "b": unreadable("internalError") }),
        json!({ "a": fine(), "b": unreadable("somethingNew") }),
        json!({ "a": fine(), "b": {} }),
        json!({ "a": fine() }),
        json!({ "a": fine(), "b": { "busy": [{ "start": at(1).to_rfc3339() }] } }),
        json!({ "a": fine(), "b": { "busy": [period(2, 1)] } }),
        json!(null),
    ] {
        let (stage, calendar) = calendar(LIMITS).await;
        stage.on(PATH, [answer(&calendars)]);
        let outcome = calendar
            .busy(&token(), &ids(&["a", "b"]), at(0), at(24))
            .await;
        assert!(outcome.is_err(), "{calendars}");
    }
    let (stage, calendar) = calendar(LIMITS).await;
    stage.on(PATH, [refusal(403, "insufficientPermissions")]);
    let outcome = calendar.busy(&token(), &ids(&["a"]), at(0), at(24)).await;
    assert_eq!(outcome, Err(Error::InsufficientScope));
}

#[tokio::test]
async fn a_calendar_that_is_not_found_keeps_nothing_from_being_told_of_the_others() {
    let not_found = json!({ "errors": [{ "domain": "global", "reason": "notFound" }], "busy": [] });
    let busy = json!({ "busy": [period(1, 2)] });
    let (stage, calendar) = calendar(LIMITS).await;
    // It goes while the portions of a long window are asked for.
    stage.on(
        PATH,
        [
            answer(&json!({ "a": busy, "b": busy, "c": not_found })),
            answer(&json!({ "a": busy, "b": not_found, "c": not_found })),
        ],
    );
    let asked = ids(&["a", "b", "c"]);
    let until = at(0) + TimeDelta::days(91);
    let told = calendar.busy(&token(), &asked, at(0), until).await.unwrap();
    assert_eq!(told.busy, [span("a", 1, 2)]);
    assert_eq!(Vec::from_iter(told.not_found), ["b", "c"]);
}

#[tokio::test]
async fn long_windows_are_asked_for_in_portions_without_a_gap() {
    let (stage, calendar) = calendar(LIMITS).await;
    stage.on(
        PATH,
        [answer(&json!({ "a": { "busy": [period(2159, 2161)] } }))],
    );
    let until = at(0) + TimeDelta::days(181);
    let spans = calendar
        .busy(&token(), &ids(&["a"]), at(0), until)
        .await
        .unwrap();
    assert_eq!(
        spans.busy,
        [span("a", 2159, 2161)],
        "once, though it came with each portion"
    );
    let windows: Vec<(DateTime<Utc>, DateTime<Utc>)> = stage
        .calls(PATH)
        .iter()
        .map(|call| {
            let field = |name: &str| call.json()[name].as_str().unwrap().parse().unwrap();
            (field("timeMin"), field("timeMax"))
        })
        .collect();
    let days = |n| at(0) + TimeDelta::days(n);
    assert_eq!(
        windows,
        [
            (days(0), days(90)),
            (days(90), days(180)),
            (days(180), days(181))
        ]
    );
}

#[tokio::test]
async fn many_calendars_are_asked_for_fifty_at_a_time() {
    let (stage, calendar) = calendar(LIMITS).await;
    let asked: Vec<String> = (0..120).map(|n| format!("calendar-{n}")).collect();
    let all: serde_json::Map<String, Value> = asked
        .iter()
        .map(|id| (id.clone(), json!({ "busy": [period(1, 2)] })))
        .collect();
    stage.on(PATH, [answer(&all.into())]);
    let spans = calendar
        .busy(&token(), &asked, at(0), at(24))
        .await
        .unwrap();
    assert_eq!(spans.busy.len(), 120);
    let sizes: Vec<usize> = stage
        .calls(PATH)
        .iter()
        .map(|call| call.json()["items"].as_array().unwrap().len())
        .collect();
    assert_eq!(sizes, [50, 50, 20]);
}

#[tokio::test]
async fn no_window_is_refused_and_no_calendar_costs_nothing() {
    let (stage, calendar) = calendar(LIMITS).await;
    let outcome = calendar.busy(&token(), &ids(&["a"]), at(1), at(1)).await;
    assert!(matches!(outcome, Err(Error::Invalid { .. })));
    let spans = calendar.busy(&token(), &[], at(0), at(1)).await.unwrap();
    assert!(spans.busy.is_empty());
    assert!(stage.all_calls().is_empty());
}
