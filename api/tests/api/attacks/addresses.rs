//! Addresses and methods by which somebody may try to get past a check.

use crate::{
    auth_coverage::{Who, World, table},
    support::{Raw, TestApp, secrets::tables},
};
use reqwest::Method;
use serde_json::json;

/// Ways to write the address of something that only admins may read.
const WRITINGS: [&str; 18] = [
    "/v1//users",
    "//v1/users",
    "/v1/users/",
    "/v1/users//",
    "/V1/users",
    "/v1/Users",
    "/v1/%75sers",
    "/%76%31/users",
    "/v1%2fusers",
    "/v1/users%2f",
    "/v1/users%00",
    "/v1/users%20",
    "/v1/users;a=b",
    "/v1/users.json",
    "/v1/./users",
    "/v1/me/../users",
    "/v1/me/%2e%2e/users",
    "/docs/../v1/users",
];

#[tokio::test]
async fn no_writing_of_an_address_gets_past_a_check() {
    let test = TestApp::start().await;
    let student = test.student("Sam").await;
    let target = |writing: &str| Raw {
        method: "GET",
        target: writing.to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
    };
    student.send_raw(&target("/v1/users")).await.expect(403);
    for writing in WRITINGS {
        for (person, refusal) in [(&test.stranger(), 401), (&student, 403)] {
            let answer = person.send_raw(&target(writing)).await;
            let status = answer.status.as_u16();
            assert!(
                [refusal, 404, 400].contains(&status),
                "{writing}: {answer:?}"
            );
        }
    }
}

/// Every path of the document, asked by methods that it does not name.
#[tokio::test]
async fn head_options_and_trace_reveal_nothing_and_change_nothing() {
    let world = World::new().await;
    let stranger = world.person(Who::Anonymous, "");
    let admin = world.person(Who::Admin, "");
    admin.get("/v1/me").await.expect(200);
    let database = &world.test.app.config.database;
    let before = tables(database).await;
    let secret = "what-was-sent-along";
    for row in table(&world) {
        let target = world.fill(row.path).replace("{provider}", "google");
        // These do what a GET does, which is in the table.
        let methods: &[_] = if row.is_open() {
            &["OPTIONS", "TRACE"]
        } else {
            &["HEAD", "OPTIONS", "TRACE"]
        };
        for method in methods {
            for person in [stranger, admin] {
                let raw = Raw {
                    method,
                    target: target.clone(),
                    headers: vec![("X-Secret", secret.to_owned())],
                    body: Vec::new(),
                };
                let answer = person.send_raw(&raw).await;
                let is_read = *method == "HEAD" && answer.status != 405;
                let what = format!("{method} {target}: {answer:?}");
                assert!(
                    is_read || [405, 404, 200].contains(&answer.status.as_u16()),
                    "{what}"
                );
                assert!(!answer.body.to_string().contains(secret), "{what}");
                assert!(*method != "HEAD" || answer.body == json!(""), "{what}");
                assert!(answer.status != 200 || *method != "TRACE", "{what}");
                if std::ptr::eq(person, stranger) {
                    assert!(
                        !answer.status.is_success() || *method == "OPTIONS",
                        "{what}"
                    );
                }
                let allowed = answer.headers.get("access-control-allow-origin");
                assert!(allowed.is_none(), "{what}");
            }
        }
    }
    assert_eq!(before, tables(database).await);
}

#[tokio::test]
async fn a_method_is_what_the_request_says_and_no_header_or_field_overrides_it() {
    let test = TestApp::start().await;
    let student = test.student("Sam").await;
    let sessions = "SELECT count(*) FROM sessions";
    for name in [
        "x-http-method-override",
        "x-http-method",
        "x-method-override",
    ] {
        for method in [Method::GET, Method::POST] {
            let is_get = method == Method::GET;
            let request = student
                .request(method, "/v1/sessions?")
                .header(name, "DELETE");
            let answer = student.send(request).await;
            assert_eq!(answer.status, if is_get { 200 } else { 405 });
        }
    }
    let request = student.request(Method::POST, "/v1/sessions?_method=DELETE");
    let form = [("_method", "DELETE")];
    let answer = student.send(request.form(&form)).await;
    assert_eq!(answer.status, 405);
    assert_eq!(test.count(sessions).await, 1);
}
