//! Push channels.

use std::time::Duration;

use axum::http::Method;
use chrono::DateTime;
use google::{Calendar, Channel, Error, NewChannel};
use serde_json::{Value, json};

use crate::calendar::{calendar, refusal, token};
use crate::support::*;

const WATCH: &str = "/calendar/v3/calendars/primary/events/watch";
const STOP: &str = "/calendar/v3/channels/stop";

fn new_channel() -> NewChannel {
    NewChannel {
        id: "01234567-89ab-cdef-0123-456789abcdef".to_owned(),
        address: "https://api.example.org/v1/google/push".parse().unwrap(),
        token: "hush-channel-token".into(),
        time_to_live: Duration::from_hours(48),
    }
}

fn opened(expiration: &Value) -> Answer {
    Answer::json(
        200,
        &json!({
            "kind": "api#channel", "id": new_channel().id, "resourceId": "o3hgv1538sdjfh",
            "resourceUri": "https://www.googleapis.com/calendar/v3/calendars/primary/events?alt=json",
            "token": "hush-channel-token", "expiration": expiration,
        }),
    )
}

async fn watch(calendar: &Calendar, channel: &NewChannel) -> Result<Channel, Error> {
    calendar.watch(&token(), "primary", channel).await
}

#[tokio::test]
async fn a_channel_is_opened_and_its_end_is_a_text_or_a_number() {
    for expiration in [json!("1426325213000"), json!(1_426_325_213_000_i64)] {
        let (stage, calendar) = calendar(LIMITS).await;
        stage.on(WATCH, [opened(&expiration)]);
        let channel = watch(&calendar, &new_channel()).await.unwrap();
        let expected = Channel {
            id: new_channel().id,
            resource_id: "o3hgv1538sdjfh".to_owned(),
            expires_at: DateTime::from_timestamp_millis(1_426_325_213_000).unwrap(),
        };
        assert_eq!(channel, expected);
        let call = &stage.calls(WATCH)[0];
        assert_eq!(call.method, Method::POST);
        assert_eq!(call.headers["authorization"], "Bearer ya29.token");
        assert_eq!(call.headers["user-agent"], "tests");
        let expected = json!({
            "id": new_channel().id, "type": "web_hook", "token": "hush-channel-token",
            "address": "https://api.example.org/v1/google/push", "params": { "ttl": "172800" },
        });
        assert_eq!(call.json(), expected);
    }
}

#[tokio::test]
async fn a_channel_whose_end_is_not_told_may_be_open() {
    for expiration in [json!(null), json!("soon"), json!(true), json!(u64::MAX)] {
        let (stage, calendar) = calendar(LIMITS).await;
        stage.on(WATCH, [opened(&expiration)]);
        let error = watch(&calendar, &new_channel()).await.unwrap_err();
        assert!(
            matches!(error, Error::Protocol(_)),
            "{expiration}: {error:?}"
        );
        assert!(error.leaves_open());
    }
    let (stage, calendar) = calendar(LIMITS).await;
    stage.on(WATCH, [Answer::html(200)]);
    let error = watch(&calendar, &new_channel()).await.unwrap_err();
    assert!(matches!(error, Error::Protocol(_)), "{error:?}");
}

#[tokio::test]
async fn refusals_of_a_channel_are_told_apart() {
    for (status, reason, expected) in [
        (
            400,
            "pushNotSupportedForRequestedResource",
            Error::PushNotSupported,
        ),
        (
            400,
            "channelIdNotUnique",
            Error::Invalid {
                status: 400,
                reason: "channelIdNotUnique".to_owned(),
            },
        ),
        (401, "authError", Error::Unauthorized),
        (403, "insufficientPermissions", Error::InsufficientScope),
        (404, "notFound", Error::NotFound),
    ] {
        let (stage, calendar) = calendar(LIMITS).await;
        stage.on(WATCH, [refusal(status, reason)]);
        let outcome = watch(&calendar, &new_channel()).await;
        assert_eq!(outcome, Err(expected), "{reason}");
        assert!(!outcome.unwrap_err().is_transient());
    }
}

#[tokio::test]
async fn a_channel_is_asked_for_once() {
    for answer in [
        refusal(503, "backendError"),
        refusal(403, "rateLimitExceeded"),
    ] {
        let (stage, calendar) = calendar(LIMITS).await;
        stage.on(WATCH, [answer]);
        let error = watch(&calendar, &new_channel()).await.unwrap_err();
        assert!(error.is_transient(), "{error:?}");
        assert_eq!(stage.calls(WATCH).len(), 1);
    }
    let (stage, calendar) = calendar(IMPATIENT).await;
    stage.on(WATCH, [Answer::Hangs]);
    let error = watch(&calendar, &new_channel()).await.unwrap_err();
    assert!(error.leaves_open(), "{error:?}");
    assert_eq!(stage.calls(WATCH).len(), 1);
}

#[tokio::test]
async fn an_answer_beyond_all_bounds_is_not_read() {
    let (stage, calendar) = calendar(LIMITS).await;
    stage.on(WATCH, [opened(&json!("1".repeat(LIMITS.answer_bytes)))]);
    let error = watch(&calendar, &new_channel()).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
}

#[tokio::test]
async fn channels_that_can_not_be_opened_are_not_asked_for() {
    let (stage, calendar) = calendar(LIMITS).await;
    let with_id = |id: &str| NewChannel {
        id: id.to_owned(),
        ..new_channel()
    };
    let with_token = |token: &str| NewChannel {
        token: token.into(),
        ..new_channel()
    };
    for channel in [
        with_id(""),
        with_id(&"a".repeat(65)),
        with_id("a b"),
        with_token(&"t".repeat(257)),
        with_token("a\r\nb"),
        NewChannel {
            address: "http://api.example.org/push".parse().unwrap(),
            ..new_channel()
        },
        NewChannel {
            time_to_live: Duration::from_millis(999),
            ..new_channel()
        },
    ] {
        let outcome = watch(&calendar, &channel).await;
        assert!(matches!(outcome, Err(Error::Invalid { .. })), "{channel:?}");
    }
    assert!(stage.all_calls().is_empty());
}

#[test]
fn the_secret_of_a_channel_does_not_show() {
    assert!(!format!("{:?}", new_channel()).contains("hush"));
}

#[tokio::test]
async fn a_channel_is_stopped_again_if_need_be() {
    let (stage, calendar) = calendar(LIMITS).await;
    let done = Answer::Says {
        status: 204,
        headers: vec![],
        body: String::new(),
    };
    stage.on(STOP, [refusal(503, "backendError"), done]);
    calendar
        .stop_channel(&token(), "channel-1", "o3hgv1538sdjfh")
        .await
        .unwrap();
    let calls = stage.calls(STOP);
    assert_eq!(calls.len(), 2);
    let expected = json!({ "id": "channel-1", "resourceId": "o3hgv1538sdjfh" });
    assert_eq!(calls[1].json(), expected);
}

#[tokio::test]
async fn a_channel_that_is_not_there_is_stopped() {
    let (stage, calendar) = calendar(LIMITS).await;
    stage.on(STOP, [refusal(404, "notFound")]);
    let outcome = calendar.stop_channel(&token(), "channel-1", "r").await;
    assert_eq!(outcome, Ok(()));
    stage.on(STOP, [refusal(401, "authError")]);
    let outcome = calendar.stop_channel(&token(), "channel-1", "r").await;
    assert_eq!(outcome, Err(Error::Unauthorized));
}
