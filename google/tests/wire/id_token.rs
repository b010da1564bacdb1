//! ID tokens that prove who signed in, and those that don't.

use chrono::TimeDelta;
use google::{Ask, Authorized, Error, SignIn};
use serde_json::{Value, json};

use crate::support::*;

/// Signs in with the token that `forge` makes for the nonce.
async fn with_token(
    stage: &Stage,
    sign_in: &SignIn,
    forge: impl FnOnce(&str) -> String,
) -> Result<Authorized, Error> {
    let request = sign_in.authorization_request(Ask::SignIn).await?;
    let token = forge(&stored(&request.pending, "nonce"));
    stage.on("/token", [Answer::json(200, &token_answer(&token))]);
    sign_in.exchange(THE_CODE, &request.pending, now()).await
}

/// Signs in with proper claims but for one.
async fn with_claim(name: &str, value: Value) -> Result<Authorized, Error> {
    let (stage, sign_in) = provider(LIMITS).await;
    with_token(&stage, &sign_in, |nonce| {
        let mut claims = claims(&stage, nonce);
        match value {
            Value::Null => _ = claims.as_object_mut().unwrap().remove(name),
            value => claims[name] = value,
        }
        FIRST.sign(&claims)
    })
    .await
}

fn in_seconds(seconds: i64) -> Value {
    json!((now() + TimeDelta::seconds(seconds)).timestamp())
}

#[tokio::test]
async fn claims_that_do_not_fit_are_refused() {
    for (name, value) in [
        ("iss", json!("https://evil.example")),
        ("iss", json!("accounts.google.com")),
        ("iss", Value::Null),
        ("aud", json!("client-2")),
        ("aud", json!([CLIENT_ID, "client-2"])),
        ("aud", json!([])),
        ("azp", json!("client-2")),
        ("nonce", json!("replayed")),
        ("nonce", Value::Null),
        ("exp", in_seconds(-61)),
        ("exp", Value::Null),
        ("iat", in_seconds(61)),
        ("sub", json!("")),
        ("sub", Value::Null),
        ("sub", json!("x".repeat(256))),
        ("sub", json!("a\0b")),
        ("sub", json!("zoë")),
        ("email", Value::Null),
        ("email", json!(" ")),
        ("email", json!("ada")),
        ("email", json!("ada@example.edu\0")),
        ("email", json!("ada@example.edu\r\nBcc: eve@evil.example")),
        ("email", json!(format!("{}@example.edu", "x".repeat(320)))),
        ("at_hash", json!("another-access-token")),
    ] {
        let outcome = with_claim(name, value.clone()).await;
        let Err(Error::IdToken(why)) = outcome else {
            panic!("{name} = {value}: {outcome:?}");
        };
        assert!(!why.is_empty());
    }
}

#[tokio::test]
async fn claims_that_need_not_fit_exactly() {
    for (name, value) in [
        // Clocks a minute apart.
        ("exp", in_seconds(-59)),
        ("iat", in_seconds(59)),
        ("azp", Value::Null),
        ("aud", json!([CLIENT_ID])),
        ("sub", json!("x".repeat(255))),
        ("name", Value::Null),
        ("hd", Value::Null),
    ] {
        let outcome = with_claim(name, value.clone()).await;
        assert!(outcome.is_ok(), "{name} = {value}: {outcome:?}");
    }
}

#[tokio::test]
async fn an_address_is_unverified_unless_said_otherwise() {
    for value in [Value::Null, json!(false)] {
        let authorized = with_claim("email_verified", value).await.unwrap();
        assert!(!authorized.identity.email_verified);
    }
}

#[tokio::test]
async fn signatures_that_are_none_are_refused() {
    let (stage, sign_in) = provider(LIMITS).await;
    // Announced by this provider, and refused all the same.
    let none = with_token(&stage, &sign_in, |nonce| {
        let header = json!({ "alg": "none", "kid": FIRST.id });
        format!("{}.", unsigned(&header, &claims(&stage, nonce)))
    });
    assert!(matches!(none.await, Err(Error::IdToken(_))));

    let shared_secret = with_token(&stage, &sign_in, |nonce| {
        let header = json!({ "alg": "HS256", "kid": FIRST.id });
        let signed = unsigned(&header, &claims(&stage, nonce));
        format!("{signed}.{}", encode(b"as good as any"))
    });
    assert!(matches!(shared_secret.await, Err(Error::IdToken(_))));

    let swapped = with_token(&stage, &sign_in, |nonce| {
        let mut other = claims(&stage, nonce);
        other["sub"] = json!("1");
        let good = FIRST.sign(&claims(&stage, nonce));
        let forged = FIRST.sign(&other);
        let signature = good.rsplit_once('.').unwrap().1;
        let signed = forged.rsplit_once('.').unwrap().0;
        format!("{signed}.{signature}")
    });
    assert!(matches!(swapped.await, Err(Error::IdToken(_))));

    let wrong_key = with_token(&stage, &sign_in, |nonce| {
        let header = json!({ "alg": "RS256", "kid": FIRST.id });
        let signed = unsigned(&header, &claims(&stage, nonce));
        let by_second = SECOND.sign(&claims(&stage, nonce));
        format!("{signed}.{}", by_second.rsplit_once('.').unwrap().1)
    });
    assert!(matches!(wrong_key.await, Err(Error::IdToken(_))));

    for rubbish in ["", "a.b.c", "not a token"] {
        let outcome = with_token(&stage, &sign_in, |_| rubbish.to_owned()).await;
        assert!(matches!(outcome, Err(Error::IdToken(_))), "{rubbish}");
    }
}

#[tokio::test]
async fn an_answer_without_a_token_is_refused() {
    let (stage, sign_in) = provider(LIMITS).await;
    let request = sign_in.authorization_request(Ask::SignIn).await.unwrap();
    let answer = json!({ "access_token": "a", "token_type": "Bearer", "expires_in": 3599 });
    stage.on("/token", [Answer::json(200, &answer)]);
    let outcome = sign_in.exchange(THE_CODE, &request.pending, now()).await;
    assert!(matches!(outcome, Err(Error::IdToken(_))));
}

#[tokio::test]
async fn keys_are_fetched_once_and_again_when_they_change() {
    let (stage, sign_in) = provider(LIMITS).await;
    let by = async |key: &Key| {
        let forge = |nonce: &str| key.sign(&claims(&stage, nonce));
        with_token(&stage, &sign_in, forge).await
    };
    assert!(by(&FIRST).await.is_ok());
    assert!(by(&FIRST).await.is_ok());
    assert_eq!(stage.calls("/keys").len(), 1);

    stage.on("/keys", [published(&[&FIRST, &SECOND])]);
    assert!(by(&SECOND).await.is_ok());
    assert!(by(&FIRST).await.is_ok());
    assert_eq!(stage.calls("/keys").len(), 2);
}

#[tokio::test]
async fn made_up_keys_do_not_make_us_hammer_the_provider() {
    let (stage, sign_in) = provider(LIMITS).await;
    for _ in 0..5 {
        let forge = |nonce: &str| SECOND.sign(&claims(&stage, nonce));
        let outcome = with_token(&stage, &sign_in, forge).await;
        assert!(matches!(outcome, Err(Error::IdToken(_))));
    }
    assert_eq!(
        stage.calls("/keys").len(),
        2,
        "once at first, once more in vain"
    );
}
