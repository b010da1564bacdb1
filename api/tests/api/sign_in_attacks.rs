//! Attacks on signing in, through the whole server, by a provider that can be made to lie (RFC 9700).

mod tokens;

use crate::support::{
    Person, TestApp, email,
    provider::{Account, Provider, SAM, start_with},
};
use google_sandbox::Consent;
use reqwest::header;
use url::Url;

const AT_SCHOOL: &str = "/v1/auth/sign-in?provider=school&return_to=/docs/";
const FAILED: &str = "/docs/?sign_in_error=sign_in_failed";

/// A sign-in at this provider from which the browser is about to return.
async fn about_to_return(test: &TestApp, provider: &Provider) -> (Person, Url) {
    let mut person = test.stranger();
    let path = format!("/v1/auth/sign-in?provider={}", provider.id);
    let target = person.start_at(&path).await;
    (person, provider.authorize(&target, &SAM))
}

/// The address with one query parameter replaced.
fn with(url: &Url, name: &str, value: &str) -> Url {
    let pairs: Vec<_> = url.query_pairs().into_owned().collect();
    let others = pairs.into_iter().filter(|(key, _)| key != name);
    let mut changed = url.clone();
    changed
        .query_pairs_mut()
        .clear()
        .extend_pairs(others)
        .append_pair(name, value);
    changed
}

async fn nobody_came_in(test: &TestApp) {
    for table in ["users", "identities", "sessions"] {
        let count = format!("SELECT count(*) FROM {table}");
        assert_eq!(test.count(&count).await, 0, "{table}");
    }
}

/// Login CSRF: the attacker finishes their own sign-in in the browser of a victim.
#[tokio::test]
async fn an_answer_is_of_use_to_the_browser_that_asked_only() {
    let school = Provider::start("school").await;
    let test = start_with(&[&school]).await;
    let (attacker, back) = about_to_return(&test, &school).await;
    let (mut other, _) = about_to_return(&test, &school).await;
    for victim in [&mut test.stranger(), &mut other] {
        let answer = victim.follow(&back).await;
        answer.expect_problem(400, "sign_in_failed");
        assert_eq!(victim.cookie("session"), None);
    }
    // The attacker's sign-in under the name of the victim's, where cookies can be planted.
    let [(name, _)] = other.sign_ins().try_into().unwrap();
    let [(_, sealed)] = attacker.sign_ins().try_into().unwrap();
    other.set_cookie(&name, &sealed);
    let answer = other.follow(&back).await;
    answer.expect_problem(400, "sign_in_failed");
    nobody_came_in(&test).await;
    assert_eq!(school.exchanges(), 0, "the code was not even sent");
}

#[tokio::test]
async fn a_wrong_state_finishes_nothing() {
    let school = Provider::start("school").await;
    let test = start_with(&[&school]).await;
    let (mut person, back) = about_to_return(&test, &school).await;
    let (_, state) = back
        .query_pairs()
        .find(|(name, _)| name == "state")
        .unwrap();
    for wrong in [
        "",
        "guessed",
        &state[1..],
        &format!("{state}A"),
        &state.to_lowercase(),
    ] {
        let answer = person.follow(&with(&back, "state", wrong)).await;
        answer.expect_problem(400, "sign_in_failed");
    }
    assert_eq!(school.exchanges(), 0);
    nobody_came_in(&test).await;
    person.follow(&back).await.expect(303);
}

#[tokio::test]
async fn a_code_works_once_and_in_its_own_sign_in() {
    let school = Provider::start("school").await;
    let test = start_with(&[&school]).await;
    let (mut person, back) = about_to_return(&test, &school).await;
    let [(name, sealed)] = person.sign_ins().try_into().unwrap();
    assert_eq!(person.follow(&back).await.target(), "/docs/");
    let answer = person.follow(&back).await;
    answer.expect_problem(400, "sign_in_failed");
    // With the cookie kept, the provider refuses the code.
    let mut replayed = test.stranger();
    replayed.set_cookie(&name, &sealed);
    assert_eq!(replayed.follow(&back).await.target(), FAILED);
    assert_eq!(replayed.cookie("session"), None);

    // A stolen code, injected into another sign-in, fails by PKCE.
    let (_, stolen) = about_to_return(&test, &school).await;
    let (_, code) = stolen
        .query_pairs()
        .find(|(name, _)| name == "code")
        .unwrap();
    let (mut thief, back) = about_to_return(&test, &school).await;
    let answer = thief.follow(&with(&back, "code", &code)).await;
    assert_eq!(answer.target(), FAILED);
    assert_eq!(thief.cookie("session"), None);
    assert_eq!(test.count("SELECT count(*) FROM sessions").await, 1);
}

/// Mix-up: a provider that is evil, or was taken over, gets codes of another one sent to it (RFC 9700 section 4.4).
#[tokio::test]
async fn an_answer_of_another_provider_is_refused_before_its_code_is_sent() {
    let (school, evil) = (
        Provider::start("school").await,
        Provider::start("evil").await,
    );
    let test = start_with(&[&school, &evil]).await;
    test.add_account("Sam");
    for path in [
        "/v1/auth/callback",
        "/v1/auth/callback/evil",
        "/v1/auth/callback/nobody",
        "/v1/auth/callback/SCHOOL",
    ] {
        let (mut person, mut back) = about_to_return(&test, &school).await;
        back.set_path(path);
        assert_eq!(person.follow(&back).await.target(), FAILED, "{path}");
        assert_eq!(person.cookie("session"), None);
    }
    let mut person = test.stranger();
    let target = person.start_sign_in().await;
    let back = test.google.authorize(&target, &email("Sam"), Consent::All);
    let mut back = back.unwrap();
    back.set_path("/v1/auth/callback/evil");
    assert_eq!(person.follow(&back).await.target(), FAILED);
    assert_eq!(school.exchanges() + evil.exchanges(), 0);
    nobody_came_in(&test).await;
}

#[tokio::test]
async fn an_answer_that_names_another_issuer_is_refused_before_its_code_is_sent() {
    let school = Provider::start("school").await;
    school.name_itself();
    let test = start_with(&[&school]).await;
    for named in ["https://evil.example", "", "http://127.0.0.1"] {
        let (mut person, back) = about_to_return(&test, &school).await;
        let answer = person.follow(&with(&back, "iss", named)).await;
        assert_eq!(answer.target(), FAILED, "{named}");
    }
    let (mut person, mut back) = about_to_return(&test, &school).await;
    let pairs: Vec<_> = back.query_pairs().into_owned().collect();
    let unnamed = pairs.iter().filter(|(name, _)| name != "iss");
    back.query_pairs_mut().clear().extend_pairs(unnamed);
    assert_eq!(
        person.follow(&back).await.target(),
        FAILED,
        "without a name"
    );
    assert_eq!(school.exchanges(), 0);
    nobody_came_in(&test).await;
    let (mut person, back) = about_to_return(&test, &school).await;
    assert_eq!(person.follow(&back).await.target(), "/docs/");
}

#[tokio::test]
async fn an_address_that_is_not_verified_signs_nobody_in() {
    for in_id_token in [true, false] {
        let school = Provider::start("school").await;
        if in_id_token {
            school.put_email_into_id_token();
        }
        let test = start_with(&[&school]).await;
        let mut person = test.stranger();
        let target = person.start_at(AT_SCHOOL).await;
        let unverified = Account {
            verified: false,
            ..SAM
        };
        let back = school.authorize(&target, &unverified);
        let answer = person.follow(&back).await;
        assert_eq!(answer.target(), "/docs/?sign_in_error=email_not_verified");
        assert_eq!(person.cookie("session"), None);
        nobody_came_in(&test).await;
    }
}

/// Session fixation, and what is left of the session that a browser had.
#[tokio::test]
async fn a_new_sign_in_makes_a_new_session_and_ends_the_old_one() {
    let school = Provider::start("school").await;
    let test = start_with(&[&school]).await;
    let mut person = test.student("Olga").await;
    let old = person.cookie("session").unwrap().to_owned();
    let target = person.start_at(AT_SCHOOL).await;
    let back = school.authorize(&target, &SAM);
    assert_eq!(person.follow(&back).await.target(), "/docs/");
    let new = person.cookie("session").unwrap();
    assert_ne!(new, old);
    assert_eq!(person.get("/v1/me").await.expect(200)["email"], SAM.email);
    let mut left_behind = test.stranger();
    left_behind.set_cookie("session", &old);
    let answer = left_behind.get("/v1/me").await;
    answer.expect_problem(401, "not_signed_in");

    // A session that somebody planted does not become anybody's.
    let mut fixed = test.stranger();
    fixed.set_cookie("session", "planted-by-an-attacker");
    let target = fixed.start_at(AT_SCHOOL).await;
    let back = school.authorize(&target, &SAM);
    fixed.follow(&back).await.expect(303);
    assert_ne!(fixed.cookie("session"), Some("planted-by-an-attacker"));
    let mut planted = test.stranger();
    planted.set_cookie("session", "planted-by-an-attacker");
    planted.get("/v1/me").await.expect(401);
}

/// Each is refused, or leads to a page of this server whatever a browser makes of it.
#[tokio::test]
async fn nobody_is_sent_on_to_another_site() {
    let school = Provider::start("school").await;
    let test = start_with(&[&school]).await;
    let payloads = [
        "//evil.example",
        "///evil.example",
        "////evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "\\/evil.example",
        "/\\/evil.example",
        "https://evil.example",
        "https:/evil.example",
        "https:evil.example",
        "http:///evil.example",
        "HtTpS://evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "evil.example",
        "@evil.example",
        "/@evil.example",
        "/:80@evil.example",
        ".evil.example",
        "/.//evil.example",
        "/..//evil.example",
        "/a/..//evil.example",
        "/%2e//evil.example",
        "/%2e%2e//evil.example",
        "/%2f%2fevil.example",
        "/%5cevil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "/\r\nLocation: https://evil.example",
        "/\u{0}/evil.example",
        "/\u{2f}\u{2f}evil.example",
        "/\u{ff0f}evil.example",
        "/\u{2044}evil.example",
        "/?next=//evil.example",
        "/#//evil.example",
        " //evil.example",
        "//evil.example/%2f..",
        "?//evil.example",
        "//127.0.0.1@evil.example",
    ];
    assert!(payloads.len() >= 30);
    let mut led_home = 0;
    for payload in payloads {
        let mut person = test.stranger();
        let mut start = test.base.join(AT_SCHOOL).unwrap();
        start
            .query_pairs_mut()
            .clear()
            .append_pair("provider", "school")
            .append_pair("return_to", payload);
        let started = person.follow(&start).await;
        if started.status == 422 {
            let problem = started.expect_problem(422, "invalid_fields");
            assert_eq!(problem["errors"][0]["field"], "return_to", "{payload:?}");
            continue;
        }
        let back = school.authorize(&started.target().parse().unwrap(), &SAM);
        for answer in [
            person.follow(&with(&back, "code", "wrong")).await,
            finished(&test, &start, &school).await,
        ] {
            let location = answer.headers[header::LOCATION].to_str().unwrap();
            let led_to = test.base.join("/v1/auth/callback").unwrap();
            let led_to = led_to.join(location).unwrap();
            assert_eq!(
                led_to.origin(),
                test.base.origin(),
                "{payload:?}: {location}"
            );
            assert!(location.starts_with('/'), "{location}");
            assert!(!location[1..].starts_with(['/', '\\']), "{location}");
        }
        led_home += 1;
    }
    assert!((1..payloads.len() / 3).contains(&led_home), "{led_home}");
}

async fn finished(test: &TestApp, start: &Url, school: &Provider) -> crate::support::Answer {
    let mut person = test.stranger();
    let target = person.follow(start).await.target().parse().unwrap();
    let back = school.authorize(&target, &SAM);
    person.follow(&back).await
}
