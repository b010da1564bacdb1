//! What Calendar refuses, what it is not even asked, and what happens when it is silent or says too much.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use google::{AccessToken, Attendee, Calendar, Error, NewEvent};
use serde_json::json;

use crate::calendar::{EVENTS, calendar, lesson, one, refusal, standing, token};
use crate::support::*;

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
    let hour = Some(Duration::from_hours(1));
    assert_eq!(error, Error::RateLimited { retry_after: hour });
    assert_eq!(stage.calls(&one()).len(), 1);
}

#[tokio::test]
async fn a_wait_beyond_all_reckoning_is_only_long() {
    let (stage, calendar) = calendar(LIMITS).await;
    let forever = u64::MAX.to_string();
    stage.on(
        &one(),
        [refusal(429, "rateLimitExceeded").header("retry-after", &forever)],
    );
    let error = calendar
        .event(&token(), "primary", &lesson().id)
        .await
        .unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(u64::MAX)));
}

#[tokio::test]
async fn a_wait_may_be_asked_for_until_a_date() {
    for (date, least, most) in [
        ((Utc::now() + TimeDelta::hours(1)).to_rfc2822(), 3590, 3600),
        ("Sun, 06 Nov 1994 08:49:37 GMT".to_owned(), 0, 0),
    ] {
        let (stage, calendar) = calendar(LIMITS).await;
        let answer = Answer::html(503).header("retry-after", &date.replace("+0000", "GMT"));
        stage.on(&one(), [answer]);
        let error = calendar
            .event(&token(), "primary", &lesson().id)
            .await
            .unwrap_err();
        let asked = error.retry_after().unwrap().as_secs();
        assert!((least..=most).contains(&asked), "{date}: {asked}");
    }
}

#[tokio::test]
async fn an_insert_is_sent_once_and_shows_as_duplicate_if_its_answer_was_lost() {
    let (stage, calendar) = calendar(LIMITS).await;
    stage.on(EVENTS, [Answer::html(502), refusal(409, "duplicate")]);
    let outcome = calendar.insert_event(&token(), "primary", &lesson()).await;
    assert!(
        matches!(outcome, Err(Error::Unavailable { .. })),
        "{outcome:?}"
    );
    assert_eq!(stage.calls(EVENTS).len(), 1);
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
    let before = stage.calls(&one()).len();
    for _ in 0..4 {
        calendar
            .event(&token(), "primary", &lesson().id)
            .await
            .unwrap();
    }
    assert_eq!(stage.calls(&one()).len(), before + 4, "at the first try");
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
