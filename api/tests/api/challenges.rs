//! What who is not known, or may not, is told of how to ask (RFC 6750 section 3).

use crate::{
    auth_coverage::{Who, World},
    support::{Answer, Person},
};
use chrono::TimeDelta;
use reqwest::Method;

const PLAIN: &str = r#"Bearer realm="api""#;
const INVALID: &str =
    r#"Bearer realm="api", error="invalid_token", error_description="not valid, or no longer""#;

/// The challenge of an answer, and what its problem says.
#[track_caller]
fn refusal(answer: Answer, status: u16, code: &str) -> (String, String) {
    let challenge = answer.headers["www-authenticate"].to_str().unwrap();
    let challenge = challenge.to_owned();
    let problem = answer.expect_problem(status, code);
    (challenge, problem["detail"].as_str().unwrap().to_owned())
}

async fn unknown(person: &Person) -> (String, String) {
    let answer = person.get("/v1/tutors").await;
    refusal(answer, 401, "not_signed_in")
}

#[tokio::test]
async fn who_shows_nothing_is_told_to_sign_in() {
    let world = World::new().await;
    let stranger = world.test.stranger();
    let (challenge, detail) = unknown(&stranger).await;
    assert_eq!(challenge, PLAIN);
    assert_eq!(detail, "Sign in at /v1/auth/sign-in first.");
    let basic = stranger.request(Method::GET, "/v1/tutors");
    let basic = stranger.send(basic.header("authorization", "Basic eDp5"));
    assert_eq!(refusal(basic.await, 401, "not_signed_in").0, PLAIN);
}

#[tokio::test]
async fn who_shows_a_session_that_is_over_is_told_so() {
    let world = World::new().await;
    let student = world.person(Who::Student, "");
    student.get("/v1/tutors").await.expect(200);
    world.test.pass(TimeDelta::days(31));
    let (challenge, detail) = unknown(student).await;
    assert_eq!(challenge, PLAIN);
    assert!(detail.starts_with("The session is over."), "{detail}");
}

/// By what is told, nobody learns which tokens there have been.
#[tokio::test]
async fn who_shows_a_bearer_token_that_is_not_valid_is_told_no_more_than_that() {
    let world = World::new().await;
    let of_session = world.person(Who::Student, "").cookie("session").unwrap();
    let of_session = Person::with_bearer(&world.test, of_session);
    let of_app = world.person(Who::KeyWithScope, "");
    for known in [&of_session, of_app] {
        known.get("/v1/tutors").await.expect(200);
    }
    world.test.pass(TimeDelta::days(3 * 365));
    let made_up = |token| Person::with_bearer(&world.test, token);
    let never = made_up("tss_nothing");
    assert_eq!(unknown(&of_session).await, unknown(&never).await);
    assert_eq!(unknown(&never).await.0, INVALID);
    let never = made_up("tsk_nothing");
    assert_eq!(unknown(of_app).await, unknown(&never).await);
    assert_eq!(unknown(&never).await.0, INVALID);
    let (_, detail) = unknown(&made_up("tsa_nothing")).await;
    assert!(detail.starts_with("The key, or the access token"));
}

#[tokio::test]
async fn an_app_is_told_which_scope_it_lacks() {
    let world = World::new().await;
    let answer = world
        .person(Who::KeyWithoutScope, "list_tutors")
        .get("/v1/tutors")
        .await;
    let (challenge, detail) = refusal(answer, 403, "insufficient_scope");
    let needed = r#"error="insufficient_scope", scope="availability:read""#;
    assert_eq!(challenge, format!("{PLAIN}, {needed}"));
    assert_eq!(detail, "This needs a key with the scope availability:read.");
}
