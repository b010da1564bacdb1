use google_sandbox::{Consent, Sandbox, subject};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use url::Url;

use crate::support::{Api, CLIENT, REDIRECT, SECRET, TUTOR, http, reason, start};

const OWNED: &str = "https://www.googleapis.com/auth/calendar.events.owned";
const FREEBUSY: &str = "https://www.googleapis.com/auth/calendar.freebusy";

fn authorization(sandbox: &Sandbox, scopes: &str, more: &[(&str, &str)]) -> Url {
    let mut url = Url::parse(&format!("{}/o/oauth2/v2/auth", sandbox.issuer())).expect("a URL");
    url.query_pairs_mut()
        .append_pair("client_id", CLIENT)
        .append_pair("redirect_uri", REDIRECT)
        .append_pair("response_type", "code")
        .append_pair("scope", scopes)
        .append_pair("state", "s1")
        .append_pair("access_type", "offline")
        .extend_pairs(more);
    url
}

fn parameter(url: &Url, name: &str) -> Option<String> {
    let mut pairs = url.query_pairs();
    pairs
        .find(|(n, _)| n == name)
        .map(|(_, value)| value.into_owned())
}

async fn exchange(sandbox: &Sandbox, back: &Url) -> Value {
    let code = parameter(back, "code").expect("a code");
    let form = [
        ("client_id", CLIENT),
        ("client_secret", SECRET),
        ("grant_type", "authorization_code"),
        ("redirect_uri", REDIRECT),
        ("code", &code),
    ];
    let answer = http()
        .post(format!("{}/token", sandbox.issuer()))
        .form(&form)
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK);
    answer.json().await.expect("tokens")
}

async fn refresh(sandbox: &Sandbox, token: &str) -> (StatusCode, Value) {
    let form = [
        ("client_id", CLIENT),
        ("client_secret", SECRET),
        ("grant_type", "refresh_token"),
        ("refresh_token", token),
    ];
    let url = format!("{}/token", sandbox.issuer());
    let answer = http()
        .post(url)
        .form(&form)
        .send()
        .await
        .expect("an answer");
    (answer.status(), answer.json().await.expect("JSON"))
}

fn words(tokens: &Value) -> Vec<&str> {
    tokens["scope"].as_str().unwrap_or("").split(' ').collect()
}

#[tokio::test]
async fn consent_can_be_partial() {
    let sandbox = start().await;
    let url = authorization(&sandbox, &format!("openid email {OWNED} {FREEBUSY}"), &[]);
    let only = Consent::Only(vec![FREEBUSY.to_owned()]);
    let back = sandbox.authorize(&url, TUTOR, only).expect("a redirect");
    assert_eq!(parameter(&back, "state").as_deref(), Some("s1"));

    let tokens = exchange(&sandbox, &back).await;
    assert!(words(&tokens).contains(&FREEBUSY));
    assert!(!words(&tokens).contains(&OWNED));
    assert!(tokens["refresh_token"].is_string());
}

#[tokio::test]
async fn consent_can_be_denied() {
    let sandbox = start().await;
    let url = authorization(&sandbox, &format!("openid {OWNED}"), &[]);
    let back = sandbox
        .authorize(&url, TUTOR, Consent::Deny)
        .expect("a redirect");
    assert_eq!(parameter(&back, "error").as_deref(), Some("access_denied"));
    assert_eq!(parameter(&back, "state").as_deref(), Some("s1"));
}

#[tokio::test]
async fn scopes_can_be_asked_for_bit_by_bit() {
    let sandbox = start().await;
    let first = authorization(&sandbox, "openid email", &[]);
    let back = sandbox
        .authorize(&first, TUTOR, Consent::All)
        .expect("a redirect");
    exchange(&sandbox, &back).await;

    let more = [("include_granted_scopes", "true"), ("prompt", "consent")];
    let second = authorization(&sandbox, OWNED, &more);
    let back = sandbox
        .authorize(&second, TUTOR, Consent::All)
        .expect("a redirect");
    let tokens = exchange(&sandbox, &back).await;
    assert!(words(&tokens).contains(&"openid"), "granted before");
    assert!(words(&tokens).contains(&OWNED));
}

#[tokio::test]
async fn a_redirect_uri_must_be_registered_exactly() {
    let sandbox = start().await;
    let asks = |uri: &str| {
        let url = authorization(&sandbox, "openid", &[]);
        let text = url.as_str().replace("127.0.0.1%3A9999%2Fcb", uri);
        let url = Url::parse(&text).expect("a URL");
        sandbox.authorize(&url, TUTOR, Consent::All)
    };
    let refused = asks("127.0.0.1%3A9998%2Fcb").expect_err("another port");
    assert!(refused.starts_with("redirect_uri_mismatch"), "{refused}");
    sandbox.add_redirect_uri(CLIENT, "http://127.0.0.1:9998/cb");
    asks("127.0.0.1%3A9998%2Fcb").expect("registered by now");
}

#[tokio::test]
async fn revoked_grants_are_dead() {
    let sandbox = start().await;
    let token = sandbox.grant(CLIENT, TUTOR, &["openid", OWNED]);
    let (status, tokens) = refresh(&sandbox, &token).await;
    assert_eq!(status, StatusCode::OK);
    assert!(tokens["refresh_token"].is_null(), "the old one stays good");

    sandbox.revoke_grants(TUTOR);
    let (status, body) = refresh(&sandbox, &token).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let expected = "Token has been expired or revoked.";
    assert_eq!(
        body,
        json!({"error": "invalid_grant", "error_description": expected})
    );
}

#[tokio::test]
async fn the_oldest_of_too_many_refresh_tokens_dies() {
    let sandbox = start().await;
    let first = sandbox.grant(CLIENT, TUTOR, &["openid"]);
    let second = sandbox.grant(CLIENT, TUTOR, &["openid"]);
    for _ in 0..99 {
        sandbox.grant(CLIENT, TUTOR, &["openid"]);
    }
    assert_eq!(refresh(&sandbox, &first).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(refresh(&sandbox, &second).await.0, StatusCode::OK);
}

#[tokio::test]
async fn every_method_wants_its_scope() {
    let sandbox = start().await;
    let api = Api::with_scopes(&sandbox, TUTOR, &[OWNED]);
    api.get("/calendars/primary/events").await;
    let window = json!({"timeMin": "2027-01-01T00:00:00Z", "timeMax": "2027-01-02T00:00:00Z"});
    for (method, path) in [
        (Method::POST, "/freeBusy"),
        (Method::GET, "/users/me/calendarList"),
    ] {
        let (status, body) = api.call(method, path, Some(&window)).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{path}");
        assert_eq!(reason(&body), "insufficientPermissions");
        let why = "Request had insufficient authentication scopes.";
        assert_eq!(body["error"]["message"], why);
    }
}

#[tokio::test]
async fn access_tokens_expire_with_the_clock() {
    let sandbox = start().await;
    let api = Api::of(&sandbox, TUTOR);
    sandbox.set_clock(Some(chrono::Utc::now() + chrono::Duration::hours(2)));
    let (status, body) = api
        .call(Method::GET, "/calendars/primary/events", None)
        .await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert_eq!(reason(&body), "authError");
}

#[test]
fn subjects_look_like_googles() {
    let one = subject(TUTOR);
    assert_eq!(one.len(), 21);
    assert!(one.bytes().all(|b| b.is_ascii_digit()));
    assert_eq!(one, subject("Tutor@Example.com"));
    assert_ne!(one, subject("other@example.com"));
}
