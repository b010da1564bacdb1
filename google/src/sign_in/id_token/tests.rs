//! Google's two issuers. All else is tried over the wire, which can't play `https://accounts.google.com`.

use std::sync::LazyLock;

use rsa::sha2::{Digest, Sha256};
use rsa::traits::PublicKeyParts;
use rsa::{Pkcs1v15Sign, RsaPrivateKey};
use serde_json::{Value, json};

use super::*;

static KEY: LazyLock<RsaPrivateKey> = LazyLock::new(|| {
    RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048).expect("a key can be made")
});

fn encode(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn keys() -> CoreJsonWebKeySet {
    let (n, e) = (encode(KEY.n().to_bytes_be()), encode(KEY.e().to_bytes_be()));
    let signing = json!({ "kty": "RSA", "use": "sig", "kid": "1", "n": n, "e": e });
    let encrypting = json!({ "kty": "RSA", "use": "enc", "kid": "2", "n": n, "e": e });
    serde_json::from_value(json!({ "keys": [signing, encrypting] })).expect("a key set")
}

fn now() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000)
}

fn claims(issuer: &str) -> Value {
    json!({
        "iss": issuer, "aud": "client-1", "sub": "1089", "email": "ada@gmail.com", "nonce": "n",
        "iat": now().timestamp(), "exp": now().timestamp() + 3600,
    })
}

fn token(header: &Value, claims: &Value) -> String {
    let signed = format!(
        "{}.{}",
        encode(header.to_string()),
        encode(claims.to_string())
    );
    let signature = KEY.sign(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(&signed));
    format!("{signed}.{}", encode(signature.expect("it can sign")))
}

fn header() -> Value {
    json!({ "alg": "RS256", "kid": "1", "typ": "JWT" })
}

fn profile_from(configured: &str, token: &str) -> Result<Profile, Failure> {
    let expected = Expected {
        issuer: &IssuerUrl::new(configured.to_owned()).expect("a URL"),
        client_id: &ClientId::new("client-1".to_owned()),
        algorithms: &[CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256],
        nonce: &Nonce::new("n".to_owned()),
        access_token: &oauth2::AccessToken::new("ya29.access".to_owned()),
        now: now(),
    };
    expected.profile(token, &keys())
}

fn profile(token: &str) -> Result<Profile, Failure> {
    profile_from(GOOGLE, token)
}

#[test]
fn either_issuer_of_googles_is_one_and_the_same() {
    for issuer in [GOOGLE, GOOGLE_BARE] {
        let profile = profile(&token(&header(), &claims(issuer))).expect(issuer);
        assert_eq!(profile.subject, "1089");
    }
}

#[test]
fn the_short_form_is_googles_alone() {
    let token = token(&header(), &claims(GOOGLE_BARE));
    assert!(profile_from("https://accounts.example.edu", &token).is_err());
    for issuer in [
        "http://accounts.google.com",
        "accounts.google.com.evil.example",
        "google.com",
    ] {
        let token = self::token(&header(), &claims(issuer));
        assert!(profile(&token).is_err(), "{issuer}");
    }
}

#[test]
fn the_short_form_is_not_a_way_around_the_signature() {
    let good = token(&header(), &claims(GOOGLE_BARE));
    let (_, signature) = good.rsplit_once('.').expect("a token");

    let mut other = claims(GOOGLE_BARE);
    other["sub"] = json!("1");
    let forged = token(&header(), &other);
    let (forged, _) = forged.rsplit_once('.').expect("a token");
    for signature in [signature, "", "AAAA", "!"] {
        let outcome = profile(&format!("{forged}.{signature}"));
        assert!(
            matches!(outcome, Err(Failure::Unacceptable(_))),
            "{outcome:?}"
        );
    }

    for wrong in [
        json!({ "alg": "none", "kid": "1" }),
        json!({ "alg": "HS256", "kid": "1" }),
        json!({ "alg": "RS512", "kid": "1" }),
        json!({ "alg": "RS256" }),
        json!({ "alg": "RS256", "kid": "1", "crit": ["exp"] }),
    ] {
        let outcome = profile(&token(&wrong, &claims(GOOGLE_BARE)));
        assert!(
            matches!(outcome, Err(Failure::Unacceptable(_))),
            "{wrong}: {outcome:?}"
        );
    }
    for unknown in ["2", "3"] {
        let header = json!({ "alg": "RS256", "kid": unknown });
        let outcome = profile(&token(&header, &claims(GOOGLE_BARE)));
        assert!(matches!(outcome, Err(Failure::UnknownKey)), "{outcome:?}");
    }
}

#[test]
fn the_short_form_is_not_a_way_around_the_claims() {
    for (name, value) in [
        ("aud", json!("client-2")),
        ("azp", json!("client-2")),
        ("nonce", json!("replayed")),
        ("exp", json!(now().timestamp() - 61)),
        ("iat", json!(now().timestamp() + 61)),
        ("sub", json!("")),
        ("at_hash", json!("AAAA")),
    ] {
        let mut claims = claims(GOOGLE_BARE);
        claims[name] = value;
        let outcome = profile(&token(&header(), &claims));
        assert!(
            matches!(outcome, Err(Failure::Unacceptable(_))),
            "{name}: {outcome:?}"
        );
    }
}

#[test]
fn an_access_token_that_belongs_to_the_id_token_is_accepted() {
    let hash = Sha256::digest("ya29.access");
    for issuer in [GOOGLE, GOOGLE_BARE] {
        let mut claims = claims(issuer);
        claims["at_hash"] = json!(encode(&hash[..16]));
        profile(&token(&header(), &claims)).expect(issuer);
    }
}
