//! ID tokens that prove nothing.

use super::{FAILED, about_to_return, nobody_came_in};
use crate::support::{
    NOW, TestApp,
    provider::{Provider, jwk, sign, sign_hs256, start_with, unsigned},
};
use serde_json::{Value, json};

/// What the browser is told whose provider makes its ID token so.
async fn told(forge: impl Fn(Value) -> String + Send + Sync + 'static) -> (TestApp, String) {
    let school = Provider::start("school").await;
    let test = start_with(&[&school]).await;
    school.forge(forge);
    let (mut person, back) = about_to_return(&test, &school).await;
    let target = person.follow(&back).await.target().to_owned();
    assert_eq!(person.cookie("session").is_some(), target == "/docs/");
    (test, target)
}

/// A token that is honest but for one claim; null takes it away.
fn but_for(name: &'static str, value: Value) -> impl Fn(Value) -> String {
    move |mut claims| {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
        sign("key-0", 0, &claims)
    }
}

fn in_seconds(seconds: i64) -> Value {
    let now: chrono::DateTime<chrono::Utc> = NOW.parse().unwrap();
    json!(now.timestamp() + seconds)
}

#[tokio::test]
async fn an_honest_token_signs_in() {
    let (_, target) = told(|claims| sign("key-0", 0, &claims)).await;
    assert_eq!(target, "/docs/");
}

#[tokio::test]
async fn a_token_for_somebody_else_signs_nobody_in() {
    for (name, value) in [
        ("nonce", json!("of-another-sign-in")),
        ("nonce", Value::Null),
        ("iss", json!("https://evil.example")),
        ("iss", json!("https://accounts.google.com")),
        ("iss", Value::Null),
        ("aud", json!("client-of-another")),
        ("aud", json!(["client-of-school", "client-of-another"])),
        ("aud", Value::Null),
        ("azp", json!("client-of-another")),
        ("sub", json!("")),
        ("sub", Value::Null),
        // Userinfo still tells of the one who agreed.
        ("sub", json!("the-admin")),
        ("at_hash", json!("of-another-token")),
    ] {
        let (test, target) = told(but_for(name, value.clone())).await;
        assert_eq!(target, FAILED, "{name} = {value}");
        nobody_came_in(&test).await;
    }
}

#[tokio::test]
async fn a_token_of_another_time_signs_nobody_in() {
    for (name, value) in [
        ("exp", in_seconds(-61)),
        ("exp", json!(0)),
        ("exp", Value::Null),
        ("iat", in_seconds(61)),
        ("iat", in_seconds(86_400)),
    ] {
        let (test, target) = told(but_for(name, value.clone())).await;
        assert_eq!(target, FAILED, "{name} = {value}");
        nobody_came_in(&test).await;
    }
}

#[tokio::test]
async fn a_token_that_nobody_signed_signs_nobody_in() {
    type Forge = fn(Value) -> String;
    let forgeries: [(&str, Forge); 6] = [
        ("alg none", |claims| {
            format!("{}.", unsigned(&json!({"alg": "none"}), &claims))
        }),
        ("alg none with a key id", |claims| {
            let header = json!({"alg": "none", "kid": "key-0"});
            format!("{}.", unsigned(&header, &claims))
        }),
        ("alg nOnE and a signature of another", |claims| {
            let header = json!({"alg": "nOnE", "kid": "key-0"});
            let good = sign("key-0", 0, &claims);
            let (_, signature) = good.rsplit_once('.').unwrap();
            format!("{}.{signature}", unsigned(&header, &claims))
        }),
        ("the signature taken away", |claims| {
            let good = sign("key-0", 0, &claims);
            format!("{}.", good.rsplit_once('.').unwrap().0)
        }),
        ("claims changed under the signature", |mut claims| {
            let good = sign("key-0", 0, &claims);
            let (_, signature) = good.rsplit_once('.').unwrap();
            claims["exp"] = json!(claims["exp"].as_i64().unwrap() + 1);
            let header = json!({"alg": "RS256", "typ": "JWT", "kid": "key-0"});
            format!("{}.{signature}", unsigned(&header, &claims))
        }),
        ("the key in the header", |claims| {
            let header = json!({"alg": "RS256", "kid": "key-0", "jwk": jwk("key-0", 1)});
            let bad = sign("key-0", 1, &claims);
            let (_, signature) = bad.rsplit_once('.').unwrap();
            format!("{}.{signature}", unsigned(&header, &claims))
        }),
    ];
    for (what, forge) in forgeries {
        let (test, target) = told(forge).await;
        assert_eq!(target, FAILED, "{what}");
        nobody_came_in(&test).await;
    }
}

/// The public key is known to everybody, and so is no secret to sign with.
#[tokio::test]
async fn hs256_with_the_public_key_or_the_client_secret_signs_nobody_in() {
    let public = jwk("key-0", 0);
    let modulus = public["n"].as_str().unwrap().to_owned();
    for secret in [public.to_string(), modulus, "school-secret".to_owned()] {
        let (test, target) =
            told(move |claims| sign_hs256("key-0", secret.as_bytes(), &claims)).await;
        assert_eq!(target, FAILED);
        nobody_came_in(&test).await;
    }
}

#[tokio::test]
async fn a_key_that_the_provider_does_not_publish_signs_nobody_in() {
    for (id, key) in [("key-0", 1), ("key-1", 1), ("key-1", 0), ("", 0)] {
        let (test, target) = told(move |claims| sign(id, key, &claims)).await;
        assert_eq!(target, FAILED, "{id} {key}");
        nobody_came_in(&test).await;
    }
}

/// Each provider vouches for its own people only, though both are trusted.
#[tokio::test]
async fn a_provider_does_not_sign_for_another() {
    let (school, evil) = (
        Provider::start("school").await,
        Provider::start("evil").await,
    );
    evil.publish(&[("key-1", 1)]);
    let test = start_with(&[&school, &evil]).await;
    // The keys of both are known to the server.
    evil.forge(|claims| sign("key-1", 1, &claims));
    for provider in [&school, &evil] {
        let (mut person, back) = about_to_return(&test, provider).await;
        assert_eq!(person.follow(&back).await.target(), "/docs/");
    }
    assert_eq!(test.count("SELECT count(*) FROM users").await, 2);

    school.forge(|claims| sign("key-1", 1, &claims));
    let issuer = school.issuer.clone();
    evil.forge(move |mut claims| {
        claims["iss"] = json!(issuer);
        claims["aud"] = json!("client-of-school");
        sign("key-1", 1, &claims)
    });
    for provider in [&school, &evil] {
        let (mut person, back) = about_to_return(&test, provider).await;
        assert_eq!(
            person.follow(&back).await.target(),
            FAILED,
            "{}",
            provider.id
        );
        assert_eq!(person.cookie("session"), None);
    }
    assert_eq!(test.count("SELECT count(*) FROM users").await, 2);
    assert_eq!(test.count("SELECT count(*) FROM sessions").await, 2);
}

#[tokio::test]
async fn keys_that_change_while_somebody_is_at_the_provider_are_followed() {
    let school = Provider::start("school").await;
    let test = start_with(&[&school]).await;
    let (mut first, back) = about_to_return(&test, &school).await;
    assert_eq!(first.follow(&back).await.target(), "/docs/");

    let (mut second, back) = about_to_return(&test, &school).await;
    school.publish(&[("key-1", 1)]);
    school.forge(|claims| sign("key-1", 1, &claims));
    assert_eq!(second.follow(&back).await.target(), "/docs/");
    // What the old key signs is worth nothing any more.
    school.forge(|claims| sign("key-0", 0, &claims));
    let (mut third, back) = about_to_return(&test, &school).await;
    assert_eq!(third.follow(&back).await.target(), FAILED);
    assert_eq!(third.cookie("session"), None);
}
