use std::time::Duration;

use google_sandbox::{Effect, Failure, Target};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::{Api, CLIENT, SECRET, TUTOR, event, http, reason, start};

const EVENTS: &str = "/calendars/primary/events";

#[tokio::test]
async fn a_failure_strikes_as_often_as_planned() {
    let sandbox = start().await;
    let api = Api::of(&sandbox, TUTOR);
    sandbox.fail_next(Failure {
        effect: Effect::Status {
            status: 403,
            reason: "rateLimitExceeded".to_owned(),
            retry_after: Some(7),
        },
        ..Failure::status(Target::Calendar, 403, "")
            .method("POST")
            .times(2)
    });

    api.get(EVENTS).await; // another method
    for _ in 0..2 {
        let answer = api
            .request(Method::POST, EVENTS)
            .json(&event(9))
            .send()
            .await;
        let answer = answer.expect("an answer");
        assert_eq!(answer.status(), StatusCode::FORBIDDEN);
        assert_eq!(answer.headers()["retry-after"], "7");
        let body = answer.json().await.expect("an envelope");
        assert_eq!(reason(&body), "rateLimitExceeded");
    }
    api.insert(&event(9)).await;
    assert_eq!(sandbox.events(TUTOR).len(), 1);
}

#[tokio::test]
async fn a_lost_answer_leaves_its_effect() {
    let sandbox = start().await;
    let api = Api::of(&sandbox, TUTOR);
    let mut lesson = event(9);
    lesson["id"] = json!("abcde12345");

    sandbox.fail_next(Failure::lost_answer(Target::Calendar).method("POST"));
    let answer = api.request(Method::POST, EVENTS).json(&lesson).send().await;
    assert!(answer.is_err(), "the connection is dropped");
    assert_eq!(sandbox.events(TUTOR).len(), 1);
    assert_eq!(sandbox.requests().last().expect("a request").status, 0);

    let (status, body) = api.call(Method::POST, EVENTS, Some(&lesson)).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(reason(&body), "duplicate");
}

#[tokio::test]
async fn a_change_can_be_applied_and_answered_with_an_error() {
    let sandbox = start().await;
    let api = Api::of(&sandbox, TUTOR);
    sandbox.fail_next(Failure::new(
        Target::Calendar,
        Effect::AfterEffect {
            status: Some(500),
            reason: "backendError".to_owned(),
        },
    ));
    let (status, body) = api.call(Method::POST, EVENTS, Some(&event(9))).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(reason(&body), "backendError");
    assert_eq!(sandbox.events(TUTOR).len(), 1);
}

#[tokio::test]
async fn a_caller_who_gives_up_on_a_hanging_request_changes_nothing() {
    let sandbox = start().await;
    let api = Api::of(&sandbox, TUTOR);
    sandbox.fail_next(Failure::new(
        Target::Calendar,
        Effect::Hang(Duration::from_mins(10)),
    ));
    let request = api.request(Method::POST, EVENTS).json(&event(9));
    let answer = request.timeout(Duration::from_millis(50)).send().await;
    assert!(answer.expect_err("no answer").is_timeout());
    assert!(sandbox.events(TUTOR).is_empty());
}

#[tokio::test]
async fn a_held_request_takes_effect_when_it_is_released() {
    let sandbox = start().await;
    let api = Api::of(&sandbox, TUTOR);
    let mut lesson = event(9);
    lesson["id"] = json!("abcde12345");
    sandbox.fail_next(Failure::held(Target::Calendar).method("POST").times(2));
    for _ in 0..2 {
        let request = api.request(Method::POST, EVENTS).json(&lesson);
        let answer = request.send().await;
        assert!(answer.is_err(), "the connection is dropped");
    }
    assert!(sandbox.all_events(TUTOR).is_empty());
    assert_eq!(sandbox.requests().last().expect("a request").status, 0);

    assert_eq!(sandbox.release_held().await, [200, 409]);
    assert_eq!(sandbox.events(TUTOR).len(), 1);
    assert!(sandbox.release_held().await.is_empty(), "released once");
}

#[tokio::test]
async fn the_token_endpoint_fails_in_its_own_words() {
    let sandbox = start().await;
    let refresh = sandbox.grant(CLIENT, TUTOR, &["openid"]);
    let form = [
        ("client_id", CLIENT),
        ("client_secret", SECRET),
        ("grant_type", "refresh_token"),
        ("refresh_token", &refresh),
    ];
    let ask = || {
        http()
            .post(format!("{}/token", sandbox.issuer()))
            .form(&form)
            .send()
    };

    sandbox
        .fail_next(Failure::status(Target::Token, 503, "temporarily_unavailable").times(u32::MAX));
    for _ in 0..3 {
        let answer = ask().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        let body: serde_json::Value = answer.json().await.expect("JSON");
        assert_eq!(body["error"], "temporarily_unavailable");
    }
    sandbox.clear_failures();
    assert_eq!(ask().await.expect("an answer").status(), StatusCode::OK);
    assert_eq!(sandbox.requests().len(), 4);
}

#[tokio::test]
async fn a_listing_can_be_cut_off_in_its_midst() {
    let sandbox = start().await;
    let api = Api::of(&sandbox, TUTOR);
    for hour in [9, 11, 13] {
        api.insert(&event(hour)).await;
    }
    sandbox.limit_pages(2);
    let expired = Failure::status(Target::Calendar, 410, "fullSyncRequired").query("pageToken=");
    sandbox.fail_next(expired);
    let first = api.get(EVENTS).await;
    assert_eq!(first["items"].as_array().map(Vec::len), Some(2));
    let next = first["nextPageToken"].as_str().expect("another page");
    let next = format!("{EVENTS}?pageToken={next}");
    let (status, body) = api.call(Method::GET, &next, None).await;
    assert_eq!(
        (status, reason(&body)),
        (StatusCode::GONE, "fullSyncRequired")
    );
    let last = api.get(&next).await;
    assert_eq!(last["items"].as_array().map(Vec::len), Some(1));
}
