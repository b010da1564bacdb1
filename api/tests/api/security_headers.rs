//! What every answer says to browsers.

use crate::support::TestApp;
use reqwest::{Method, header::HeaderMap};

#[track_caller]
fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    let mut values = headers.get_all(name).iter();
    let value = values.next().unwrap_or_else(|| panic!("no {name}"));
    assert!(values.next().is_none(), "{name} stands twice");
    value.to_str().unwrap()
}

/// Of every kind: a page, a document, a redirect, an answer, refusals of handlers and of layers, a preflight.
const PATHS: [(&str, &str, u16); 10] = [
    ("GET", "/docs/", 200),
    ("GET", "/docs/swagger-ui-bundle.js", 200),
    ("GET", "/docs", 303),
    ("GET", "/openapi.json", 200),
    ("GET", "/livez", 200),
    ("GET", "/v1/me", 401),
    ("GET", "/v1/auth/sign-in", 303),
    ("GET", "/nowhere", 404),
    ("PUT", "/v1/me", 405),
    ("OPTIONS", "/v1/me", 200),
];

#[tokio::test]
async fn every_answer_defends_whoever_reads_it_in_a_browser() {
    let test = TestApp::start_with(|config| {
        config.server.cors_origins = vec!["https://app.example.org".to_owned()];
    })
    .await;
    let stranger = test.stranger();
    for (method, path, status) in PATHS {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let answer = stranger.send(stranger.request(method, path)).await;
        assert_eq!(answer.status, status, "{path}");
        let said = |name| header(&answer.headers, name);
        assert_eq!(said("x-content-type-options"), "nosniff");
        assert_eq!(said("x-frame-options"), "DENY");
        assert_eq!(said("cross-origin-opener-policy"), "same-origin");
        assert_eq!(said("cross-origin-resource-policy"), "same-origin");
        assert!(said("permissions-policy").contains("camera=()"));
        assert!(["same-origin", "no-referrer"].contains(&said("referrer-policy")));
        let policy = said("content-security-policy");
        for wanted in [
            "default-src 'none'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(wanted), "{path}: {policy}");
        }
        for loophole in ["unsafe", "*", "http"] {
            assert!(!policy.contains(loophole), "{path}: {policy}");
        }
        assert_eq!(
            policy.contains("script-src"),
            path.starts_with("/docs/"),
            "{path}"
        );
        // Only https can be promised from then on.
        assert!(!answer.headers.contains_key("strict-transport-security"));
    }
}

#[tokio::test]
async fn where_browsers_come_by_https_they_are_told_to_go_on_so() {
    let test = TestApp::start_with(|config| {
        config.server.public_url = "https://book.example.org".parse().unwrap();
    })
    .await;
    for path in ["/docs/", "/v1/me", "/livez", "/nowhere"] {
        let answer = test.stranger().get(path).await;
        let told = header(&answer.headers, "strict-transport-security");
        assert_eq!(told, "max-age=31536000");
    }
}
