//! Out to the provider, back with a code, and the life of the grant after that.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use google::{Ask, AuthorizationRequest, Authorized, Error, SignIn, scope};
use rsa::sha2::{Digest, Sha256};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use crate::support::*;

fn query(request: &AuthorizationRequest) -> BTreeMap<String, String> {
    request.url.query_pairs().into_owned().collect()
}

async fn exchange(
    stage: &Stage,
    sign_in: &SignIn,
    answer: serde_json::Value,
) -> Result<Authorized, Error> {
    let request = sign_in.authorization_request(Ask::SignIn).await?;
    let nonce = stored(&request.pending, "nonce");
    let mut whole = token_answer(&FIRST.sign(&claims(stage, &nonce)));
    for (field, value) in answer.as_object().unwrap() {
        whole[field] = value.clone();
    }
    stage.on("/token", [Answer::json(200, &whole)]);
    sign_in.exchange(THE_CODE, &request.pending, now()).await
}

#[tokio::test]
async fn a_sign_in_asks_for_an_identity_and_no_more() {
    let (stage, sign_in) = provider(LIMITS).await;
    let request = sign_in.authorization_request(Ask::SignIn).await.unwrap();
    assert!(request.url.as_str().starts_with(&stage.at("/auth")));
    let query = query(&request);
    assert_eq!(query["response_type"], "code");
    assert_eq!(query["client_id"], CLIENT_ID);
    assert_eq!(query["scope"], "openid email profile");
    assert_eq!(
        query["redirect_uri"],
        "http://localhost:8080/v1/auth/callback"
    );
    assert_eq!(query["code_challenge_method"], "S256");
    let verifier = stored(&request.pending, "pkce_verifier");
    assert_eq!(query["code_challenge"], encode(Sha256::digest(verifier)));
    assert_eq!(query["nonce"], stored(&request.pending, "nonce"));
    assert!(request.pending.state_matches(&query["state"]));
    assert!(!request.pending.state_matches("another"));
    assert!(!request.pending.state_matches(""));
    for absent in ["access_type", "prompt", "client_secret", "login_hint"] {
        assert!(!query.contains_key(absent), "{absent}");
    }
}

#[tokio::test]
async fn connecting_a_calendar_asks_for_lasting_access_to_it() {
    let (_stage, sign_in) = provider(LIMITS).await;
    let login_hint = "ada@example.edu";
    let ask = Ask::Calendar { login_hint };
    let request = sign_in.authorization_request(ask).await.unwrap();
    let query = query(&request);
    assert_eq!(query["access_type"], "offline");
    assert_eq!(query["prompt"], "consent");
    assert_eq!(query["include_granted_scopes"], "true");
    assert_eq!(query["login_hint"], login_hint);
    let asked: Vec<&str> = query["scope"].split(' ').collect();
    assert_eq!(asked, [&["openid", "email"], scope::CALENDAR].concat());
}

#[tokio::test]
async fn no_two_requests_share_a_secret() {
    let (_stage, sign_in) = provider(LIMITS).await;
    let one = sign_in.authorization_request(Ask::SignIn).await.unwrap();
    let two = sign_in.authorization_request(Ask::SignIn).await.unwrap();
    for field in ["state", "nonce", "pkce_verifier"] {
        assert_ne!(stored(&one.pending, field), stored(&two.pending, field));
    }
}

#[tokio::test]
async fn a_code_becomes_an_identity_and_tokens() {
    let (stage, sign_in) = provider(LIMITS).await;
    let extra = json!({ "refresh_token": "1//refresh", "scope": "openid email extra" });
    let authorized = exchange(&stage, &sign_in, extra).await.unwrap();

    let identity = &authorized.identity;
    assert_eq!(identity.issuer, stage.url.as_str().trim_end_matches('/'));
    assert_eq!(identity.subject, "1089");
    assert_eq!(identity.email, "ada@example.edu");
    assert!(identity.email_verified);
    assert_eq!(identity.name.as_deref(), Some("Ada Lovelace"));
    assert_eq!(
        identity.picture.as_deref(),
        Some("https://example.edu/ada.png")
    );
    assert_eq!(identity.locale.as_deref(), Some("en-GB"));
    assert_eq!(identity.hosted_domain.as_deref(), Some("example.edu"));
    assert!(authorized.covers(&["openid", "extra"]));
    assert!(!authorized.covers(scope::SIGN_IN));
    assert_eq!(
        authorized.access_token.expires_at,
        now() + TimeDelta::seconds(3599)
    );
    let refresh_token = authorized.refresh_token.as_ref().unwrap();
    assert_eq!(refresh_token.expose_secret(), "1//refresh");

    let calls = stage.calls("/token");
    assert_eq!(calls.len(), 1);
    let form = calls[0].form();
    assert_eq!(form["grant_type"], "authorization_code");
    assert_eq!(form["code"], "the-code");
    assert_eq!(form["client_id"], CLIENT_ID);
    assert_eq!(form["client_secret"], CLIENT_SECRET);
    assert!(form.contains_key("code_verifier"));

    let shown = format!("{authorized:?}");
    for secret in ["ya29.access", "1//refresh"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[tokio::test]
async fn scopes_left_out_are_those_asked_for() {
    let (stage, sign_in) = provider(LIMITS).await;
    let authorized = exchange(&stage, &sign_in, json!({})).await.unwrap();
    assert!(authorized.covers(scope::SIGN_IN));
    assert!(authorized.refresh_token.is_none());
}

#[tokio::test]
async fn scopes_go_by_one_name() {
    let (stage, sign_in) = provider(LIMITS).await;
    let long = "https://www.googleapis.com/auth/userinfo.profile openid https://www.googleapis.com/auth/userinfo.email";
    let extra = json!({ "scope": long });
    let authorized = exchange(&stage, &sign_in, extra).await.unwrap();
    assert!(authorized.covers(scope::SIGN_IN));
    assert_eq!(authorized.granted_scopes.len(), 3);
}

#[tokio::test]
async fn a_provider_that_wants_the_secret_in_a_header_gets_it_there() {
    let (stage, sign_in) = provider(LIMITS).await;
    let mut document = discovery(&stage);
    document["token_endpoint_auth_methods_supported"] = json!(["client_secret_basic"]);
    stage.on(DISCOVERY, [Answer::json(200, &document)]);
    exchange(&stage, &sign_in, json!({})).await.unwrap();
    let call = &stage.calls("/token")[0];
    assert!(
        call.headers["authorization"]
            .to_str()
            .unwrap()
            .starts_with("Basic ")
    );
    assert!(!call.form().contains_key("client_secret"));
}

#[tokio::test]
async fn a_code_is_never_sent_twice() {
    for answer in [
        Answer::html(503),
        Answer::json(429, &json!({})).header("retry-after", "0"),
        Answer::json(400, &json!({ "error": "invalid_grant" })),
        Answer::html(400),
        Answer::html(200),
        Answer::json(302, &json!({})).header("location", "/elsewhere"),
        Answer::json(
            200,
            &json!({ "access_token": "x".repeat(LIMITS.answer_bytes) }),
        ),
    ] {
        let (stage, sign_in) = provider(LIMITS).await;
        let request = sign_in.authorization_request(Ask::SignIn).await.unwrap();
        stage.on("/token", [answer]);
        let outcome = sign_in.exchange(THE_CODE, &request.pending, now()).await;
        assert!(outcome.is_err());
        assert_eq!(stage.calls("/token").len(), 1);
        assert!(stage.calls("/elsewhere").is_empty());
    }
}

#[tokio::test]
async fn what_the_provider_says_to_a_code_is_told_apart() {
    let (stage, sign_in) = provider(IMPATIENT).await;
    let request = sign_in.authorization_request(Ask::SignIn).await.unwrap();
    let say = async |answer| {
        stage.on("/token", [answer]);
        let outcome = sign_in.exchange(THE_CODE, &request.pending, now()).await;
        outcome.unwrap_err()
    };
    let refused = |code: &str| Error::Refused(code.to_owned());
    let error = |status, code| Answer::json(status, &json!({ "error": code }));

    assert_eq!(
        say(error(400, "invalid_grant")).await,
        refused("invalid_grant")
    );
    assert_eq!(
        say(error(401, "invalid_client")).await,
        refused("invalid_client")
    );
    assert!(matches!(
        say(Answer::html(502)).await,
        Error::Unavailable { .. }
    ));
    assert!(matches!(say(Answer::html(400)).await, Error::Protocol(_)));
    let hidden = say(Answer::json(
        200,
        &json!({ "access_token": ["ya29.hidden"] }),
    ))
    .await;
    assert!(matches!(hidden, Error::Protocol(_)));
    assert!(!format!("{hidden} {hidden:?}").contains("ya29"));
}

#[tokio::test]
async fn a_code_that_is_never_answered_is_given_up() {
    let (stage, sign_in) = provider(IMPATIENT).await;
    let request = sign_in.authorization_request(Ask::SignIn).await.unwrap();
    stage.on("/token", [Answer::Hangs]);
    let outcome = sign_in.exchange(THE_CODE, &request.pending, now()).await;
    assert!(matches!(outcome, Err(Error::Unavailable { .. })));
    assert_eq!(stage.calls("/token").len(), 1);
}

#[tokio::test]
async fn a_refresh_gives_a_new_access_token_and_keeps_the_grant() {
    let (stage, sign_in) = provider(LIMITS).await;
    let answer = json!({ "access_token": "ya29.new", "expires_in": 3600, "token_type": "Bearer",
        "scope": scope::CALENDAR_FREEBUSY });
    stage.on("/token", [Answer::html(503), Answer::json(200, &answer)]);
    let refreshed = sign_in.refresh(&"1//old".into(), now()).await.unwrap();
    assert_eq!(
        refreshed.access_token.expires_at,
        now() + TimeDelta::hours(1)
    );
    assert!(refreshed.rotated_refresh_token.is_none());
    let scopes = refreshed.granted_scopes.unwrap();
    assert!(scopes.contains(scope::CALENDAR_FREEBUSY));
    let calls = stage.calls("/token");
    assert_eq!(calls.len(), 2, "a refresh is tried again");
    assert_eq!(calls[1].form()["grant_type"], "refresh_token");
    assert_eq!(calls[1].form()["refresh_token"], "1//old");
}

#[tokio::test]
async fn a_rotated_refresh_token_is_handed_over_and_the_same_one_is_not() {
    let (stage, sign_in) = provider(LIMITS).await;
    for (given, rotated) in [("1//new", true), ("1//old", false)] {
        let answer = json!({ "access_token": "a", "expires_in": 3600, "token_type": "Bearer",
            "refresh_token": given });
        stage.on("/token", [Answer::json(200, &answer)]);
        let refreshed = sign_in.refresh(&"1//old".into(), now()).await.unwrap();
        assert_eq!(refreshed.rotated_refresh_token.is_some(), rotated);
    }
}

#[tokio::test]
async fn a_token_without_an_end_counts_as_used_up() {
    let (stage, sign_in) = provider(LIMITS).await;
    let answer = json!({ "access_token": "a", "token_type": "Bearer" });
    stage.on("/token", [Answer::json(200, &answer)]);
    let refreshed = sign_in.refresh(&"1//old".into(), now()).await.unwrap();
    assert_eq!(refreshed.access_token.expires_at, now());
}

#[tokio::test]
async fn a_dead_grant_is_known_from_an_outage() {
    let (stage, sign_in) = provider(LIMITS).await;
    let token: SecretString = "1//old".into();
    let dead = json!({ "error": "invalid_grant", "error_description": "Token has been expired or revoked." });
    stage.on("/token", [Answer::json(400, &dead)]);
    let error = sign_in.refresh(&token, now()).await.unwrap_err();
    assert_eq!(error, Error::GrantDead);
    assert!(!error.is_transient());
    assert_eq!(stage.calls("/token").len(), 1, "it stays dead");

    stage.on("/token", [Answer::html(502)]);
    let error = sign_in.refresh(&token, now()).await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    assert_eq!(stage.calls("/token").len(), 1 + 3);

    let later = Answer::json(429, &json!({})).header("retry-after", "120");
    stage.on("/token", [later]);
    let error = sign_in.refresh(&token, now()).await.unwrap_err();
    assert_eq!(error.retry_after().unwrap().as_secs(), 120);
    assert_eq!(
        stage.calls("/token").len(),
        1 + 3 + 1,
        "too long to wait for"
    );
}

#[tokio::test]
async fn a_token_that_is_invalid_already_counts_as_revoked() {
    let (stage, sign_in) = provider(LIMITS).await;
    stage.on(
        "/revoke",
        [Answer::html(503), Answer::json(200, &json!({}))],
    );
    sign_in.revoke(&"1//token".into()).await.unwrap();
    assert_eq!(stage.calls("/revoke")[1].form()["token"], "1//token");

    stage.on(
        "/revoke",
        [Answer::json(400, &json!({ "error": "invalid_token" }))],
    );
    sign_in.revoke(&"1//token".into()).await.unwrap();

    stage.on(
        "/revoke",
        [Answer::json(401, &json!({ "error": "invalid_client" }))],
    );
    let error = sign_in.revoke(&"1//token".into()).await.unwrap_err();
    assert_eq!(error, Error::Refused("invalid_client".to_owned()));

    stage.on("/revoke", [Answer::html(404)]);
    let error = sign_in.revoke(&"1//token".into()).await.unwrap_err();
    assert!(matches!(error, Error::Protocol(_)), "{error:?}");
}

#[tokio::test]
async fn nothing_secret_shows() {
    let (stage, sign_in) = provider(LIMITS).await;
    let request = sign_in.authorization_request(Ask::SignIn).await.unwrap();
    let pending = format!("{:?}", request.pending);
    for field in ["state", "nonce", "pkce_verifier"] {
        assert!(
            !pending.contains(&stored(&request.pending, field)),
            "{pending}"
        );
    }
    let config = format!("{:?}", config(stage.url.clone()));
    assert!(!config.contains(CLIENT_SECRET), "{config}");
}
