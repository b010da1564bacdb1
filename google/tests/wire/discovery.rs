//! What the provider announces: fetched once, checked, and not forgotten.

use google::{Ask, Error};
use serde_json::json;

use crate::support::*;

#[tokio::test]
async fn many_who_sign_in_at_once_cost_one_fetch() {
    let (stage, sign_in) = provider(LIMITS).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let sign_in = sign_in.clone();
        tasks.spawn(async move { sign_in.authorization_request(Ask::SignIn).await });
    }
    assert!(tasks.join_all().await.iter().all(Result::is_ok));
    assert_eq!(stage.calls(DISCOVERY).len(), 1);
}

#[tokio::test]
async fn a_fetch_that_fails_fails_those_who_wait_and_is_tried_again_by_the_next() {
    let (stage, sign_in) = provider(LIMITS).await;
    stage.on(DISCOVERY, [Answer::json(404, &json!({}))]);
    let (one, two) = tokio::join!(
        sign_in.authorization_request(Ask::SignIn),
        sign_in.authorization_request(Ask::SignIn)
    );
    assert!(matches!(one, Err(Error::Protocol(_))));
    assert!(matches!(two, Err(Error::Protocol(_))));
    assert_eq!(stage.calls(DISCOVERY).len(), 1);

    stage.on(DISCOVERY, [Answer::json(200, &discovery(&stage))]);
    assert!(sign_in.authorization_request(Ask::SignIn).await.is_ok());
}

#[tokio::test]
async fn an_outage_is_survived_if_short_and_told_if_long() {
    let (stage, sign_in) = provider(LIMITS).await;
    stage.on(
        DISCOVERY,
        [
            Answer::html(502),
            Answer::html(503).header("retry-after", "0"),
            Answer::json(200, &discovery(&stage)),
        ],
    );
    assert!(sign_in.authorization_request(Ask::SignIn).await.is_ok());

    let (stage, sign_in) = provider(LIMITS).await;
    stage.on(DISCOVERY, [Answer::html(502)]);
    let error = sign_in
        .authorization_request(Ask::SignIn)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
    assert!(error.is_transient());
    assert_eq!(stage.calls(DISCOVERY).len(), 3);
}

#[tokio::test]
async fn a_provider_that_never_answers_is_given_up() {
    let (stage, sign_in) = provider(IMPATIENT).await;
    stage.on(DISCOVERY, [Answer::Hangs]);
    let error = sign_in
        .authorization_request(Ask::SignIn)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
}

#[tokio::test]
async fn a_provider_that_is_not_there_is_unavailable() {
    let stage = Stage::open().await;
    // Port 9 (discard) of this machine: nobody listens.
    let http = google::http_client("tests").unwrap();
    let config = config("http://127.0.0.1:9".parse().unwrap());
    let sign_in = google::SignIn::with_limits(config, http, LIMITS);
    let error = sign_in
        .authorization_request(Ask::SignIn)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
    assert!(stage.all_calls().is_empty());
}

#[tokio::test]
async fn announcements_that_are_not_to_be_trusted() {
    for (field, value) in [
        ("issuer", json!("https://evil.example")),
        ("token_endpoint", json!("http://evil.example/token")),
        ("jwks_uri", json!("http://evil.example/keys")),
        ("authorization_endpoint", json!("http://evil.example/auth")),
        ("revocation_endpoint", json!("http://evil.example/revoke")),
        ("token_endpoint", json!(null)),
        ("padding", json!("x".repeat(LIMITS.answer_bytes))),
    ] {
        let (stage, sign_in) = provider(LIMITS).await;
        let mut document = discovery(&stage);
        document[field] = value;
        stage.on(DISCOVERY, [Answer::json(200, &document)]);
        let error = sign_in
            .authorization_request(Ask::SignIn)
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Protocol(_)), "{field}: {error:?}");
    }
}

#[tokio::test]
async fn plain_http_beyond_this_machine_is_refused() {
    let http = google::http_client("tests").unwrap();
    let config = config("http://accounts.example.edu".parse().unwrap());
    let sign_in = google::SignIn::with_limits(config, http, LIMITS);
    let error = sign_in
        .authorization_request(Ask::SignIn)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Protocol(_)), "{error:?}");
}

#[tokio::test]
async fn an_issuer_with_a_path_is_asked_below_that_path() {
    let stage = Stage::open().await;
    let issuer = stage.at("/realms/centre");
    let mut document = discovery(&stage);
    document["issuer"] = json!(issuer);
    let path = "/realms/centre/.well-known/openid-configuration";
    stage.on(path, [Answer::json(200, &document)]);
    let http = google::http_client("tests").unwrap();
    let sign_in = google::SignIn::new(config(issuer.parse().unwrap()), http);
    assert!(sign_in.authorization_request(Ask::SignIn).await.is_ok());
}
