//! Frontends on another site get a session by a code, once, and only who asked.

use crate::support::{
    Answer, Person, TestApp, email,
    frontend::{BACK, FRONTEND, VERIFIER, challenge, location, parameters},
};
use chrono::TimeDelta;
use google_sandbox::Consent;
use reqwest::Method;
use serde_json::Value;
use url::Url;

async fn start() -> TestApp {
    TestApp::start_with(|config| {
        config.server.cors_origins = vec![FRONTEND.to_owned()];
    })
    .await
}

fn asked(test: &TestApp, redirect_uri: &str) -> Url {
    let mut url = test.base.join("/v1/auth/authorize").unwrap();
    url.query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", "app")
        .append_pair("scope", "openid")
        .append_pair("redirect_uri", redirect_uri)
        .append_pair("state", "s t&te")
        .append_pair("code_challenge", &challenge())
        .append_pair("code_challenge_method", "S256");
    url
}

/// To where Sam's browser comes after the provider.
async fn arrive(test: &TestApp, browser: &mut Person, consent: Consent) -> Url {
    let sent = browser.follow(&asked(test, BACK)).await;
    assert_eq!(sent.status, 303, "{:#}", sent.body);
    let callback = test
        .google
        .authorize(&location(&sent), &email("Sam"), consent)
        .unwrap();
    let back = browser.follow(&callback).await;
    assert_eq!(back.status, 303, "{:#}", back.body);
    assert_eq!(back.headers["cache-control"], "no-store");
    assert_eq!(back.headers["referrer-policy"], "no-referrer");
    location(&back)
}

async fn code(test: &TestApp) -> String {
    test.add_account("Sam");
    let arrived = arrive(test, &mut test.stranger(), Consent::All).await;
    parameters(&arrived)["code"].clone()
}

async fn redeem(test: &TestApp, code: &str, verifier: &str, redirect_uri: &str) -> Answer {
    let frontend = test.stranger();
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("code_verifier", verifier),
        ("redirect_uri", redirect_uri),
    ];
    let request = frontend.request(Method::POST, "/v1/auth/token").form(&form);
    frontend.send(request.header("origin", FRONTEND)).await
}

fn refused(answer: Answer) {
    assert_eq!(answer.expect(400)["error"], "invalid_grant");
}

#[tokio::test]
async fn a_frontend_on_another_site_gets_a_session_as_a_bearer_token() {
    let test = start().await;
    test.add_account("Sam");
    let mut browser = test.stranger();
    let arrived = arrive(&test, &mut browser, Consent::All).await;
    assert!(arrived.as_str().starts_with(BACK), "{arrived}");
    let came = parameters(&arrived);
    assert_eq!(came["state"], "s t&te");
    assert_eq!(came["iss"], test.base.origin().ascii_serialization());
    assert_eq!(came["from"], "api");
    // The browser itself is signed in nowhere.
    assert_eq!(browser.cookie("session"), None);

    let answer = redeem(&test, &came["code"], VERIFIER, BACK).await;
    assert_eq!(answer.headers["access-control-allow-origin"], FRONTEND);
    assert_eq!(answer.headers["cache-control"], "no-store");
    let session = answer.expect(200);
    assert_eq!(session["token_type"], "Bearer");
    assert_eq!(session["expires_in"], 30 * 24 * 60 * 60);
    assert_eq!(session.get("scope"), None);
    let sam = Person::with_bearer(&test, session["access_token"].as_str().unwrap());
    assert_eq!(sam.get("/v1/me").await.expect(200)["email"], email("Sam"));
    // It speaks for nobody but who holds it, so any page may use it that the browser lets read the answer.
    let request = sam.request(Method::DELETE, "/v1/sessions?keep_current=true");
    let request = request.header("origin", FRONTEND);
    sam.send(request).await.expect(204);
    let listed = sam.get("/v1/sessions").await.expect(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_code_that_comes_again_ends_the_session_that_it_was_exchanged_for() {
    let test = start().await;
    let code = code(&test).await;
    let session = redeem(&test, &code, VERIFIER, BACK).await.expect(200);
    let sam = Person::with_bearer(&test, session["access_token"].as_str().unwrap());
    sam.get("/v1/me").await.expect(200);
    refused(redeem(&test, &code, VERIFIER, BACK).await);
    sam.get("/v1/me").await.expect_problem(401, "not_signed_in");
    refused(redeem(&test, &code, VERIFIER, BACK).await);
}

#[tokio::test]
async fn of_many_who_exchange_a_code_at_once_none_keeps_a_session() {
    let test = start().await;
    let code = code(&test).await;
    let all = (0..16).map(|_| redeem(&test, &code, VERIFIER, BACK));
    let answers = futures::future::join_all(all).await;
    let got: Vec<_> = answers
        .iter()
        .filter(|answer| answer.status == 200)
        .collect();
    assert_eq!(got.len(), 1);
    assert_eq!(test.count("SELECT count(*) FROM sessions").await, 0);
}

#[tokio::test]
async fn a_code_is_good_only_for_who_asked_and_for_a_minute() {
    let test = start().await;
    for (verifier, redirect_uri) in [
        ("", BACK),
        ("x", BACK),
        (&VERIFIER[1..], BACK),
        (VERIFIER, "https://app.example.org/signed-in"),
        (VERIFIER, "https://app.example.org/signed-in?from=api&"),
    ] {
        let code = code(&test).await;
        refused(redeem(&test, &code, verifier, redirect_uri).await);
        // It is used up by that.
        refused(redeem(&test, &code, VERIFIER, BACK).await);
    }
    let late = code(&test).await;
    test.pass(TimeDelta::minutes(1));
    refused(redeem(&test, &late, VERIFIER, BACK).await);
    refused(redeem(&test, "AAAA", VERIFIER, BACK).await);
    assert_eq!(test.count("SELECT count(*) FROM sessions").await, 0);
    let kept = "SELECT count(*) FROM sign_in_codes";
    assert_eq!(test.count(kept).await, 6);
    test.pass(TimeDelta::hours(2));
    let last = code(&test).await;
    assert_eq!(test.count(kept).await, 1);
    let stored = format!(
        "SELECT count(*) FROM sign_in_codes c WHERE strpos(to_jsonb(c)::text, '{last}') > 0"
    );
    assert_eq!(test.count(&stored).await, 0);
}

#[tokio::test]
async fn who_is_suspended_gets_neither_a_code_nor_a_session_by_one() {
    let test = start().await;
    let code = code(&test).await;
    test.execute("UPDATE users SET suspended_at = now()").await;
    refused(redeem(&test, &code, VERIFIER, BACK).await);
    let arrived = arrive(&test, &mut test.stranger(), Consent::All).await;
    let came = parameters(&arrived);
    assert_eq!(came["error"], "access_denied");
    assert_eq!(came["error_description"], "suspended");
}

#[tokio::test]
async fn a_no_is_told_to_the_frontend() {
    let test = start().await;
    test.add_account("Sam");
    let arrived = arrive(&test, &mut test.stranger(), Consent::Deny).await;
    assert!(arrived.as_str().starts_with(BACK), "{arrived}");
    let came = parameters(&arrived);
    assert_eq!(came["error"], "access_denied");
    assert_eq!(came["error_description"], "access_denied");
    assert_eq!(came["state"], "s t&te");
}

#[tokio::test]
async fn a_code_is_sent_to_no_other_address() {
    let test = start().await;
    for redirect_uri in [
        "https://app.example.org/signed-in",
        "https://app.example.org/signed-in?from=api&",
        "https://app.example.org/signed-in?from=api#",
        "https://app.example.org/other/../signed-in?from=api",
        "https://evil.example/",
        "http://app.example.org/",
        "https://app.example.org:444/",
        "https://app.example.org:80/",
        "https://app.example.org",
        "https://app.example.org.evil.example/",
        "https://evil.example/https://app.example.org/",
        "https://evil.example?https://app.example.org/",
        "https://evil.example#https://app.example.org/",
        "https://app.example.org@evil.example/",
        "https://app.example.org:pass@evil.example/",
        "https://user@app.example.org/",
        "https://user:pass@app.example.org/",
        "https://app.example.org/#fragment",
        "https://APP.example.org/",
        "HTTPS://app.example.org/",
        "https:app.example.org/",
        "https:/app.example.org/",
        "https:///app.example.org/",
        "https:\\\\app.example.org/",
        "https://app.example.org\\@evil.example/",
        "https://evil.example\\.app.example.org/",
        "https://sub.app.example.org/",
        "https://example.org/",
        "//app.example.org/",
        "/signed-in",
        "javascript:alert(1)",
        "data:text/html,x",
        "https://app.example.org/\n",
        " https://app.example.org/",
        "https://app.example.org/ü",
        "https://app。example.org/",
        "https://app.example.org%2f@evil.example/",
        "https://%61pp.example.org/",
        "https://[::1]/",
        "",
    ] {
        let mut browser = test.stranger();
        let answer = browser.follow(&asked(&test, redirect_uri)).await;
        let refused = answer.expect_problem(422, "invalid_fields");
        assert_eq!(
            refused["errors"][0]["field"], "redirect_uri",
            "{redirect_uri}"
        );
    }
    let long = format!("{FRONTEND}/{}", "x".repeat(1000));
    let answer = test.stranger().follow(&asked(&test, &long)).await;
    answer.expect_problem(422, "invalid_fields");
}

#[tokio::test]
async fn a_challenge_must_be_one() {
    let test = start().await;
    let with = |name: &str, value: Option<&str>| {
        let mut url = asked(&test, BACK);
        let pairs: Vec<_> = url.query_pairs().into_owned().collect();
        let kept = pairs.into_iter().filter(|(other, _)| other != name);
        let kept: Vec<_> = kept.collect();
        url.query_pairs_mut().clear().extend_pairs(kept);
        if let Some(value) = value {
            url.query_pairs_mut().append_pair(name, value);
        }
        url
    };
    let padded = format!("{}=", &"A".repeat(43));
    for (name, value) in [
        ("code_challenge", None),
        ("code_challenge", Some("short")),
        ("code_challenge", Some(&*padded)),
        (
            "code_challenge",
            Some("!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!"),
        ),
        ("code_challenge_method", None),
        ("code_challenge_method", Some("plain")),
        ("response_type", None),
        ("response_type", Some("token")),
        ("state", None),
        ("state", Some("")),
    ] {
        let answer = test.stranger().follow(&with(name, value)).await;
        let refused: Value = answer.expect_problem(422, "invalid_fields");
        assert_eq!(refused["errors"][0]["field"], name, "{value:?}");
    }
}
