//! Sessions that were stolen or planted, and credentials in places where none belong.

use crate::support::{Centre, Person, Raw, TestApp, email};
use chrono::TimeDelta;
use reqwest::{Method, header};
use serde_json::json;

/// Session fixation: whoever knows what was in the browser before the sign-in has nothing afterwards.
#[tokio::test]
async fn a_session_that_was_planted_before_the_sign_in_is_nobodys_afterwards() {
    let test = TestApp::start().await;
    let attacker = test.student("Eve").await;
    test.add_account("Sam");
    for planted in [
        attacker.cookie("session").unwrap(),
        &"A".repeat(43),
        "x",
        "",
    ] {
        let mut victim = test.stranger();
        victim.set_cookie("session", planted);
        victim.sign_in(&email("Sam")).await;
        assert_ne!(victim.cookie("session"), Some(planted));
        victim.get("/v1/me").await.expect(200);
        let mut by_cookie = test.stranger();
        by_cookie.set_cookie("session", planted);
        let by_token = Person::with_bearer(&test, planted);
        for thief in [by_cookie, by_token] {
            let answer = thief.get("/v1/me").await;
            answer.expect_problem(401, "not_signed_in");
        }
    }
}

#[tokio::test]
async fn a_session_that_was_stolen_is_of_no_use_after_the_sign_out() {
    let test = TestApp::start().await;
    let victim = test.student("Sam").await;
    let token = victim.cookie("session").unwrap();
    let mut by_cookie = test.stranger();
    by_cookie.set_cookie("session", token);
    let thieves = [by_cookie, Person::with_bearer(&test, token)];
    for thief in &thieves {
        thief.get("/v1/me").await.expect(200);
    }
    let signed_out = victim.post("/v1/auth/sign-out", &json!({})).await;
    signed_out.expect(204);
    let elsewhere = test.another_instance().await;
    for thief in &thieves {
        for thief in [thief, &thief.at(&elsewhere)] {
            for path in ["/v1/me", "/v1/sessions", "/v1/bookings"] {
                let answer = thief.get(path).await;
                answer.expect_problem(401, "not_signed_in");
            }
        }
    }
}

#[tokio::test]
async fn two_authorization_headers_are_nobody() {
    let test = TestApp::start().await;
    let (sam, eve) = (test.student("Sam").await, test.student("Eve").await);
    let token = |person: &Person| format!("Bearer {}", person.cookie("session").unwrap());
    for (first, second) in [
        (token(&sam), token(&eve)),
        (token(&sam), token(&sam)),
        (token(&sam), "Bearer x".to_owned()),
        ("Bearer x".to_owned(), token(&sam)),
        (token(&sam), "Basic eDp5".to_owned()),
        ("Basic eDp5".to_owned(), token(&sam)),
    ] {
        for person in [&test.stranger(), &eve] {
            let raw = Raw {
                method: "GET",
                target: "/v1/me".to_owned(),
                headers: vec![
                    ("Authorization", first.clone()),
                    ("Authorization", second.clone()),
                ],
                body: Vec::new(),
            };
            let answer = person.send_raw(&raw).await;
            answer.expect_problem(401, "not_signed_in");
        }
    }
}

#[tokio::test]
async fn no_credential_is_read_from_the_query_or_the_body() {
    let test = TestApp::start().await;
    Centre::open(&test).await;
    let admin = test.admin("Ada").await;
    let session = admin.cookie("session").unwrap();
    let app = json!({"name": "Kiosk"});
    let app = admin.post("/v1/third-party-apps", &app).await.expect(201);
    let path = format!("/v1/third-party-apps/{}/keys", app["id"].as_str().unwrap());
    let expires_at = test.now() + TimeDelta::days(1);
    let new = json!({"scopes": ["availability:read"], "expires_at": expires_at});
    let made = admin.post(&path, &new).await.expect(201);
    let stranger = test.stranger();
    for token in [session, made["key"].as_str().unwrap()] {
        for name in ["access_token", "api_key", "key", "token", "session"] {
            let answer = stranger.get(&format!("/v1/tutors?{name}={token}")).await;
            answer.expect_problem(401, "not_signed_in");
            let form = stranger.request(Method::POST, "/v1/bookings");
            let answer = stranger.send(form.form(&[(name, token)])).await;
            answer.expect_problem(401, "not_signed_in");
            for header in ["x-api-key", "x-access-token", "proxy-authorization"] {
                let request = stranger.request(Method::GET, "/v1/tutors");
                let answer = stranger.send(request.header(header, token)).await;
                answer.expect_problem(401, "not_signed_in");
            }
        }
    }
}

#[tokio::test]
async fn cookies_beyond_measure_are_refused_and_odd_ones_are_nobody() {
    let test = TestApp::start().await;
    let sam = test.student("Sam").await;
    let session = sam.cookie("session").unwrap();
    let stranger = test.stranger();
    let ask = async |cookie: String| {
        let request = stranger.request(Method::GET, "/v1/me");
        stranger.send(request.header(header::COOKIE, cookie)).await
    };
    for cookie in [
        format!("session={session}; x={}", "a".repeat(17_000)),
        format!("session={}", "a".repeat(17_000)),
        format!("session={session}; {}", "a=b; ".repeat(4_000)),
    ] {
        ask(cookie).await.expect_problem(431, "headers_too_large");
    }
    for cookie in [
        format!("session={}", "a".repeat(8_000)),
        format!("Session={session}"),
        format!("session={session}%00"),
        format!("session=={session}"),
    ] {
        ask(cookie).await.expect_problem(401, "not_signed_in");
    }
}
