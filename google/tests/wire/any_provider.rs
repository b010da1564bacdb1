//! What other providers than Google do: tell the address at the userinfo endpoint, and say whose answer it is.

use google::{Ask, AuthorizationResponse, Authorized, Error, Limits};
use serde_json::{Value, json};

use crate::support::*;

const USERINFO: &str = "/me";

/// Signs in with an ID token that lacks these claims, where userinfo answers so.
async fn signed_in(
    limits: Limits,
    lacking: &[&str],
    answer: Answer,
) -> (Stage, Result<Authorized, Error>) {
    let (stage, sign_in) = provider(limits).await;
    let mut document = discovery(&stage);
    document["userinfo_endpoint"] = json!(stage.at(USERINFO));
    stage.on(DISCOVERY, [Answer::json(200, &document)]);
    stage.on(USERINFO, [answer]);
    let request = sign_in.authorization_request(Ask::SignIn).await.unwrap();
    let mut claims = claims(&stage, &stored(&request.pending, "nonce"));
    for claim in lacking {
        claims.as_object_mut().unwrap().remove(*claim);
    }
    let token = token_answer(&FIRST.sign(&claims));
    stage.on("/token", [Answer::json(200, &token)]);
    let outcome = sign_in.exchange(THE_CODE, &request.pending, now()).await;
    (stage, outcome)
}

fn told() -> Value {
    json!({ "sub": "1089", "email": " ada@school.example ", "email_verified": true, "name": "Ada" })
}

#[tokio::test]
async fn an_address_that_the_id_token_lacks_is_asked_for() {
    let lacking = ["email", "email_verified", "name"];
    let (stage, outcome) = signed_in(LIMITS, &lacking, Answer::json(200, &told())).await;
    let identity = outcome.unwrap().identity;
    assert_eq!(identity.email, "ada@school.example");
    assert!(identity.email_verified);
    assert_eq!(identity.name.as_deref(), Some("Ada"));
    assert_eq!(identity.locale.as_deref(), Some("en-GB"), "the ID token's");
    let calls = stage.calls(USERINFO);
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].method, "GET");
    assert_eq!(calls[0].headers["authorization"], "Bearer ya29.access");
}

#[tokio::test]
async fn what_the_id_token_says_is_not_asked_for() {
    let (stage, outcome) = signed_in(LIMITS, &["name"], Answer::json(200, &told())).await;
    assert_eq!(outcome.unwrap().identity.email, "ada@example.edu");
    assert!(stage.calls(USERINFO).is_empty());
}

#[tokio::test]
async fn an_address_is_vouched_for_by_true_alone_and_by_who_tells_it() {
    for vouched in [json!(false), json!("true"), json!(1), Value::Null] {
        let mut told = told();
        told["email_verified"] = vouched.clone();
        // That the ID token vouches for an address which it does not name says nothing of this one.
        let (_, outcome) = signed_in(LIMITS, &["email"], Answer::json(200, &told)).await;
        assert!(!outcome.unwrap().identity.email_verified, "{vouched}");
    }
}

#[tokio::test]
async fn userinfo_of_another_subject_signs_nobody_in() {
    for other in ["1", "", "1089 "] {
        let mut told = told();
        told["sub"] = json!(other);
        let (_, outcome) = signed_in(LIMITS, &["email"], Answer::json(200, &told)).await;
        assert!(
            matches!(outcome, Err(Error::IdToken(_))),
            "{other:?}: {outcome:?}"
        );
    }
}

#[tokio::test]
async fn without_an_address_anywhere_nobody_is_signed_in() {
    for email in [Value::Null, json!(""), json!(" ")] {
        let mut told = told();
        told["email"] = email;
        let (_, outcome) = signed_in(LIMITS, &["email"], Answer::json(200, &told)).await;
        assert!(matches!(outcome, Err(Error::IdToken(_))), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_userinfo_endpoint_that_answers_nonsense_is_a_broken_protocol() {
    let elsewhere = Answer::json(302, &told()).header("location", "/elsewhere");
    for answer in [
        Answer::html(200),
        Answer::json(200, &json!({ "email": "ada@school.example" })),
        Answer::json(200, &json!("x".repeat(LIMITS.answer_bytes + 1))),
        Answer::json(401, &json!({})),
        elsewhere,
    ] {
        let (stage, outcome) = signed_in(LIMITS, &["email"], answer).await;
        assert!(matches!(outcome, Err(Error::Protocol(_))), "{outcome:?}");
        assert!(stage.calls("/elsewhere").is_empty());
    }
}

#[tokio::test]
async fn a_userinfo_endpoint_that_is_down_is_tried_again_and_given_up() {
    let (stage, outcome) = signed_in(LIMITS, &["email"], Answer::html(503)).await;
    assert!(matches!(outcome, Err(Error::Unavailable { .. })));
    assert_eq!(stage.calls(USERINFO).len(), 3);
    let (_, outcome) = signed_in(IMPATIENT, &["email"], Answer::Hangs).await;
    assert!(matches!(outcome, Err(Error::Unavailable { .. })));
}

#[tokio::test]
async fn an_access_token_is_not_sent_over_plain_http() {
    let (stage, sign_in) = provider(LIMITS).await;
    let mut document = discovery(&stage);
    document["userinfo_endpoint"] = json!("http://school.example/me");
    stage.on(DISCOVERY, [Answer::json(200, &document)]);
    let outcome = sign_in.authorization_request(Ask::SignIn).await;
    assert!(matches!(outcome, Err(Error::Protocol(_))), "{outcome:?}");
}

/// Brings back a code from who names itself so; whether the provider announces that it does.
async fn brought_back(announced: bool, issuer: Option<&str>) -> (Stage, Result<Authorized, Error>) {
    let (stage, sign_in) = provider(LIMITS).await;
    let mut document = discovery(&stage);
    document["authorization_response_iss_parameter_supported"] = json!(announced);
    stage.on(DISCOVERY, [Answer::json(200, &document)]);
    let request = sign_in.authorization_request(Ask::SignIn).await.unwrap();
    let token = FIRST.sign(&claims(&stage, &stored(&request.pending, "nonce")));
    stage.on("/token", [Answer::json(200, &token_answer(&token))]);
    let own = stage.url.as_str().trim_end_matches('/').to_owned();
    let response = AuthorizationResponse {
        code: "the-code",
        issuer: issuer.map(|issuer| if issuer == "own" { &own } else { issuer }),
    };
    let outcome = sign_in.exchange(response, &request.pending, now()).await;
    (stage, outcome)
}

#[tokio::test]
async fn a_code_of_another_issuer_never_leaves() {
    for (announced, issuer, good) in [
        (false, None, true),
        (false, Some("own"), true),
        (true, Some("own"), true),
        (true, None, false),
        (true, Some(""), false),
        (true, Some("https://evil.example"), false),
        (false, Some("https://evil.example"), false),
        (false, Some(""), false),
    ] {
        let (stage, outcome) = brought_back(announced, issuer).await;
        assert_eq!(outcome.is_ok(), good, "{announced} {issuer:?}: {outcome:?}");
        if !good {
            assert_eq!(outcome.unwrap_err(), Error::OtherIssuer);
        }
        assert_eq!(stage.calls("/token").len(), usize::from(good));
    }
}
