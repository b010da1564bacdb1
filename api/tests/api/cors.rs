//! Which pages may call, and with what: what browsers are told, and what is refused whatever they do.

use crate::support::{Answer, Person, TestApp};
use reqwest::{Method, header};
use serde_json::{Value, json};

const APP: &str = "https://app.example.org";
const OTHER_APP: &str = "http://localhost:5173";

async fn start() -> TestApp {
    TestApp::start_with(|config| {
        config.server.cors_origins = vec![APP.to_owned(), OTHER_APP.to_owned()];
    })
    .await
}

async fn from(person: &Person, origin: &str, method: Method, path: &str) -> Answer {
    let request = person.request(method, path).header(header::ORIGIN, origin);
    person.send(request).await
}

async fn preflight(person: &Person, origin: &str, path: &str) -> Answer {
    let request = person
        .request(Method::OPTIONS, path)
        .header(header::ORIGIN, origin)
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "content-type, idempotency-key",
        );
    person.send(request).await
}

#[track_caller]
fn says<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    answer
        .headers
        .get(name)
        .map(|value| value.to_str().unwrap())
}

/// The members of a list, in lower case and in order.
#[track_caller]
fn list(answer: &Answer, name: &str) -> Vec<String> {
    let text = says(answer, name).unwrap().to_lowercase();
    let mut members: Vec<_> = text
        .split(',')
        .map(|member| member.trim().to_owned())
        .collect();
    members.sort();
    members
}

#[tokio::test]
async fn a_page_of_a_listed_origin_reads_answers_as_who_is_signed_in() {
    let test = start().await;
    let sam = test.student("Sam").await;
    for origin in [APP, OTHER_APP] {
        let answer = from(&sam, origin, Method::GET, "/v1/me").await;
        assert_eq!(says(&answer, "access-control-allow-origin"), Some(origin));
        assert_eq!(
            says(&answer, "access-control-allow-credentials"),
            Some("true")
        );
        assert!(list(&answer, "vary").contains(&"origin".to_owned()));
        let exposed = [
            "etag",
            "idempotent-replayed",
            "location",
            "ratelimit",
            "ratelimit-policy",
            "retry-after",
            "www-authenticate",
            "x-request-id",
        ];
        assert_eq!(list(&answer, "access-control-expose-headers"), exposed);
        answer.expect(200);
    }
    // Refusals can be read too.
    let answer = from(&test.stranger(), APP, Method::GET, "/v1/me").await;
    assert_eq!(says(&answer, "access-control-allow-origin"), Some(APP));
    answer.expect_problem(401, "not_signed_in");
}

#[tokio::test]
async fn a_page_of_a_listed_origin_may_ask_for_changes() {
    let test = start().await;
    let sam = test.student("Sam").await;
    let answer = from(&sam, APP, Method::POST, "/v1/auth/sign-out").await;
    assert_eq!(says(&answer, "access-control-allow-origin"), Some(APP));
    answer.expect(204);
}

#[tokio::test]
async fn a_preflight_is_answered_at_once() {
    let test = start().await;
    // No table is asked, and nobody counts.
    test.execute("ALTER TABLE sessions RENAME TO sessions_elsewhere")
        .await;
    let answer = preflight(&test.stranger(), APP, "/v1/bookings").await;
    assert_eq!(says(&answer, "access-control-allow-origin"), Some(APP));
    assert_eq!(
        says(&answer, "access-control-allow-credentials"),
        Some("true")
    );
    assert_eq!(says(&answer, "access-control-max-age"), Some("7200"));
    let methods = ["delete", "get", "patch", "post", "put"];
    assert_eq!(list(&answer, "access-control-allow-methods"), methods);
    let headers = [
        "authorization",
        "content-type",
        "idempotency-key",
        "if-match",
    ];
    assert_eq!(list(&answer, "access-control-allow-headers"), headers);
    assert_eq!(says(&answer, "ratelimit"), None);
    answer.expect(200);
}

/// Each differs from an origin that is listed, or from our own, in something that browsers tell apart.
fn strangers(test: &TestApp) -> Vec<String> {
    let own = test.base.origin().ascii_serialization();
    [
        "null",
        "",
        "https://evil.example",
        "http://app.example.org",
        "https://app.example.org:8443",
        "https://example.org",
        "https://other.example.org",
        "https://x.app.example.org",
        "https://app.example.org.evil.example",
        "https://evil-app.example.org",
        "https://app.example.org/",
        "https://APP.example.org",
        "https://app.example.org, https://evil.example",
        "http://localhost",
        "https://localhost:5173",
        "http://127.0.0.1:1",
        &own.replace("http", "https"),
        &own.replace("127.0.0.1", "localhost"),
    ]
    .map(str::to_owned)
    .to_vec()
}

#[tokio::test]
async fn all_other_pages_read_nothing_and_change_nothing() {
    let test = start().await;
    let sam = test.student("Sam").await;
    for origin in strangers(&test) {
        let answer = preflight(&sam, &origin, "/v1/bookings").await;
        assert_eq!(
            says(&answer, "access-control-allow-origin"),
            None,
            "{origin}"
        );
        let answer = from(&sam, &origin, Method::GET, "/v1/me").await;
        assert_eq!(
            says(&answer, "access-control-allow-origin"),
            None,
            "{origin}"
        );
        let answer = from(&sam, &origin, Method::POST, "/v1/auth/sign-out").await;
        assert_eq!(
            says(&answer, "access-control-allow-origin"),
            None,
            "{origin}"
        );
        answer.expect_problem(403, "cross_origin");
    }
    sam.get("/v1/me").await.expect(200);
}

/// What a form can send needs no preflight, so nothing stops it but the server.
#[tokio::test]
async fn a_form_of_another_site_is_refused_whatever_it_claims_to_be() {
    let test = start().await;
    let sam = test.student("Sam").await;
    for site in ["cross-site", "same-site"] {
        for (origin, is_told) in [("https://evil.example", true), ("null", true), ("", false)] {
            for kind in [
                "application/x-www-form-urlencoded",
                "text/plain",
                "multipart/form-data; boundary=x",
            ] {
                let mut request = sam
                    .request(Method::POST, "/v1/auth/sign-out")
                    .header("sec-fetch-site", site)
                    .header("sec-fetch-mode", "navigate")
                    .header(header::CONTENT_TYPE, kind)
                    .body("{}");
                if is_told {
                    request = request.header(header::ORIGIN, origin);
                }
                let answer = sam.send(request).await;
                answer.expect_problem(403, "cross_origin");
            }
        }
    }
    sam.get("/v1/me").await.expect(200);
}

#[tokio::test]
async fn behind_https_pages_of_other_schemes_ports_and_subdomains_are_of_other_sites() {
    let test = TestApp::start_with(|config| {
        config.server.public_url = "https://book.example.org".parse().unwrap();
    })
    .await;
    let stranger = test.stranger();
    for origin in [
        "http://book.example.org",
        "https://book.example.org:8443",
        "https://evil.book.example.org",
        "https://sibling.example.org",
        "https://example.org",
    ] {
        let answer = from(&stranger, origin, Method::POST, "/v1/auth/sign-out").await;
        answer.expect_problem(403, "cross_origin");
    }
    let own = "https://book.example.org";
    let answer = from(&stranger, own, Method::POST, "/v1/auth/sign-out").await;
    assert_ne!(answer.status, 403, "{:#}", answer.body);
}

#[tokio::test]
async fn where_no_origin_is_listed_browsers_are_told_nothing() {
    let test = TestApp::start().await;
    let sam = test.student("Sam").await;
    let answer = from(&sam, APP, Method::GET, "/v1/me").await;
    assert!(
        answer
            .headers
            .keys()
            .all(|name| !name.as_str().starts_with("access-control"))
    );
    let answer = preflight(&sam, APP, "/v1/bookings").await;
    answer.expect_problem(405, "method_not_allowed");
}

/// No page can make a browser send a token, so there is nothing to guard against; but neither do cookies count
/// that it may have sent along.
#[tokio::test]
async fn who_shows_a_token_needs_no_origin_and_has_no_cookies() {
    let test = start().await;
    let sam = test.student("Sam").await;
    for (method, path) in [(Method::POST, "/v1/bookings"), (Method::GET, "/v1/me")] {
        let request = sam
            .request(method, path)
            .header(header::ORIGIN, "https://evil.example")
            .bearer_auth("nonsense")
            .json(&json!({}));
        let answer = sam.send(request).await;
        answer.expect_problem(401, "not_signed_in");
    }
    // What a browser was told in a dialogue it sends by itself, as it does cookies.
    let request = sam
        .request(Method::POST, "/v1/auth/sign-out")
        .header(header::ORIGIN, "https://evil.example")
        .basic_auth("sam", Some("secret"));
    sam.send(request).await.expect_problem(403, "cross_origin");
    let request = sam.request(Method::GET, "/v1/me");
    let answer = sam.send(request.basic_auth("sam", Some("secret"))).await;
    assert_ne!(answer.expect(200)["email"], Value::Null);
}
