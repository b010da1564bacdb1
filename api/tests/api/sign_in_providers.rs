//! Signing in where there are several providers, in several tabs, and where not everybody may.

use crate::support::{
    Person, TestApp, email,
    provider::{Account, Provider, SAM, start_with},
};
use google_sandbox::Consent;
use reqwest::{Method, header};
use serde_json::json;
use url::Url;

const AT_SCHOOL: &str = "/v1/auth/sign-in?provider=school&return_to=/docs/";

/// A request as browsers make it for a page.
async fn page(person: &Person, path: &str) -> crate::support::Answer {
    let request = person.request(Method::GET, path);
    let accept = "text/html,application/xhtml+xml,*/*;q=0.8";
    person.send(request.header(header::ACCEPT, accept)).await
}

#[tokio::test]
async fn people_choose_among_providers_and_come_back_to_where_they_were() {
    let (school, club) = (
        Provider::start("school").await,
        Provider::start("club").await,
    );
    let test = start_with(&[&school, &club]).await;
    let stranger = test.stranger();
    let listed = stranger.get("/v1/auth/providers").await.expect(200);
    let expected = json!({"items": [
        {"id": "google", "name": "Google"},
        {"id": "school", "name": "The school & Co"},
        {"id": "club", "name": "The club & Co"},
    ]});
    assert_eq!(listed, expected);

    let path = "/v1/auth/sign-in?return_to=/a?b=%22%3E%3Cscript%3E%26c=d%23e";
    let answer = page(&stranger, path).await;
    assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
    assert!(!answer.headers.contains_key(header::SET_COOKIE));
    let html = answer.expect(200);
    let html = html.as_str().unwrap();
    for forbidden in ["<script", "<style", " style=", " on", "javascript:"] {
        assert!(!html.contains(forbidden), "{forbidden} in {html}");
    }
    assert!(html.contains(">The school &amp; Co</a>"), "{html}");
    let links: Vec<_> = html.split("href=\"").skip(1).collect();
    assert_eq!(links.len(), 3);
    let link = links[1].split('"').next().unwrap().replace("&amp;", "&");

    let mut sam = test.stranger();
    let target = sam.start_at(&link).await;
    let back = school.authorize(&target, &SAM);
    assert!(back.path().ends_with("/v1/auth/callback/school"), "{back}");
    let answer = sam.follow(&back).await;
    assert_eq!(answer.target(), "/a?b=%22%3E%3Cscript%3E&c=d#e");
    let me = sam.get("/v1/me").await.expect(200);
    assert_eq!(me["email"], SAM.email);
    assert_eq!(me["name"], "sam");
    assert_eq!(me["roles"], json!(["student"]));
}

#[tokio::test]
async fn where_there_is_one_provider_nobody_has_to_choose() {
    let school = Provider::start("school").await;
    let settings = school.settings();
    let test = TestApp::start_with(|config| {
        config.google = None;
        config.sign_in.providers = vec![settings];
    })
    .await;
    let mut sam = test.stranger();
    let target = sam.start_at("/v1/auth/sign-in").await;
    let back = school.authorize(&target, &SAM);
    assert_eq!(sam.follow(&back).await.target(), "/docs/");
    sam.get("/v1/me").await.expect(200);
    // Without Google there are no calendars, and a tutor is told so.
    test.execute("INSERT INTO user_roles SELECT id, 'tutor', now() FROM users")
        .await;
    test.execute(
        "INSERT INTO tutors (id, user_id, bio, languages, time_zone, version, created_at, updated_at) \
         SELECT gen_random_uuid(), id, '', '{}', 'UTC', 1, now(), now() FROM users",
    )
    .await;
    let refused = sam.post("/v1/calendar/connection", &json!({})).await;
    refused.expect_problem(409, "no_calendars");
    let state = sam.get("/v1/calendar/connection").await.expect(200);
    assert_eq!(state["state"], "not_connected");
}

#[tokio::test]
async fn a_provider_that_is_down_does_not_keep_people_from_the_others() {
    let school = Provider::start("school").await;
    let mut gone = school.settings();
    gone.id = "gone".to_owned();
    // Nobody listens there.
    gone.issuer = "http://127.0.0.1:9/".parse().unwrap();
    gone.limits.tries = 1;
    let settings = vec![gone, school.settings()];
    let test = TestApp::start_with(|config| config.sign_in.providers = settings).await;
    let mut sam = test.stranger();
    let answer = page(&sam, "/v1/auth/sign-in?provider=gone&return_to=/a%23b").await;
    assert_eq!(answer.target(), "/a?sign_in_error=provider_unavailable#b");
    let answer = sam.get("/v1/auth/sign-in?provider=gone").await;
    answer.expect_problem(503, "unavailable");
    let target = sam.start_at(AT_SCHOOL).await;
    let back = school.authorize(&target, &SAM);
    assert_eq!(sam.follow(&back).await.target(), "/docs/");
}

#[tokio::test]
async fn tabs_do_not_disturb_each_other() {
    let school = Provider::start("school").await;
    let test = start_with(&[&school]).await;
    test.add_account("Sam");
    let mut sam = test.stranger();
    let one = sam
        .start_at("/v1/auth/sign-in?provider=school&return_to=/one")
        .await;
    let two = sam
        .start_at("/v1/auth/sign-in?provider=google&return_to=/two")
        .await;
    assert_eq!(sam.sign_ins().len(), 2);
    let back = school.authorize(&one, &SAM);
    assert_eq!(sam.follow(&back).await.target(), "/one");
    assert_eq!(sam.sign_ins().len(), 1);
    let back = test
        .google
        .authorize(&two, &email("Sam"), Consent::All)
        .unwrap();
    assert_eq!(sam.follow(&back).await.target(), "/two");
    assert!(sam.sign_ins().is_empty());
    let me = sam.get("/v1/me").await.expect(200);
    assert_eq!(me["email"], email("Sam"), "the last one counts");
}

#[tokio::test]
async fn a_browser_does_not_collect_sign_ins_without_end() {
    let test = TestApp::start().await;
    let mut sam = test.stranger();
    for n in 1..=4 {
        sam.start_sign_in().await;
        assert_eq!(sam.sign_ins().len(), n);
    }
    // Not ours, so none of ours to take away.
    sam.set_cookie("sign-in-of-somebody", "x");
    sam.set_cookie("sign-in-+0000001", "x");
    let target = sam.start_sign_in().await;
    assert_eq!(sam.sign_ins().len(), 1 + 2);
    test.add_account("Sam");
    let back = test.google.authorize(&target, &email("Sam"), Consent::All);
    assert_eq!(sam.follow(&back.unwrap()).await.target(), "/docs/");
}

#[tokio::test]
async fn who_comes_back_to_nothing_gets_a_page_with_a_way_on() {
    let test = TestApp::start().await;
    let stranger = test.stranger();
    for path in [
        "/v1/auth/callback?state=a&code=b",
        "/v1/auth/callback/school?error=access_denied",
    ] {
        let answer = page(&stranger, path).await;
        assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
        let html = answer.expect(400);
        let html = html.as_str().unwrap();
        assert!(html.contains("href=\"/v1/auth/sign-in\""), "{html}");
        assert!(!html.contains("<style") && !html.contains("<script"));
        let answer = stranger.get(path).await;
        answer.expect_problem(400, "sign_in_failed");
    }
}

#[tokio::test]
async fn a_failed_sign_in_leaves_the_browser_as_it_was() {
    let school = Provider::start("school").await;
    let test = start_with(&[&school]).await;
    let mut sam = test.student("Sam").await;
    let session = sam.cookie("session").unwrap().to_owned();
    let unverified = Account {
        verified: false,
        ..SAM
    };
    let target = sam.start_at(AT_SCHOOL).await;
    let back = school.authorize(&target, &unverified);
    let answer = sam.follow(&back).await;
    assert_eq!(answer.target(), "/docs/?sign_in_error=email_not_verified");
    assert_eq!(sam.cookie("session"), Some(session.as_str()));
    assert!(sam.sign_ins().is_empty());
    assert_eq!(sam.get("/v1/me").await.expect(200)["email"], email("Sam"));

    // The provider's own refusals.
    for (error, code) in [
        ("access_denied", "access_denied"),
        ("temporarily_unavailable", "provider_unavailable"),
        ("server_error", "provider_unavailable"),
        ("invalid_scope", "sign_in_failed"),
        ("%3Cscript%3E%0A", "sign_in_failed"),
    ] {
        let target = sam.start_at(AT_SCHOOL).await;
        let (_, state) = target
            .query_pairs()
            .find(|(name, _)| name == "state")
            .unwrap();
        let back = format!("/v1/auth/callback/school?state={state}&error={error}");
        let answer = sam.follow(&test.base.join(&back).unwrap()).await;
        assert_eq!(answer.target(), format!("/docs/?sign_in_error={code}"));
    }
    assert_eq!(sam.cookie("session"), Some(session.as_str()));
    assert_eq!(school.exchanges(), 1);
}

/// A centre that only people of these domains may join.
async fn closed_centre(school: &Provider, domains: &[&str]) -> TestApp {
    let settings = school.settings();
    TestApp::start_with(|config| {
        config.sign_in.providers = vec![settings];
        config.sign_in.sign_up_domains = domains.iter().map(|d| (*d).to_owned()).collect();
    })
    .await
}

async fn by_google(test: &TestApp, name: &str, address: &str) -> String {
    test.google.add_account(google_sandbox::Account {
        email: address.to_owned(),
        name: name.to_owned(),
        time_zone: chrono_tz::Europe::Berlin,
    });
    let mut person = test.stranger();
    let target = person.start_sign_in().await;
    let back = test.google.authorize(&target, address, Consent::All);
    person.follow(&back.unwrap()).await.target().to_owned()
}

async fn by_school(test: &TestApp, school: &Provider, account: &Account) -> String {
    let mut person = test.stranger();
    let target: Url = person.start_at(AT_SCHOOL).await;
    let back = school.authorize(&target, account);
    person.follow(&back).await.target().to_owned()
}

const CLOSED: &str = "/docs/?sign_in_error=sign_up_closed";

#[tokio::test]
async fn where_sign_up_is_for_some_domains_others_are_refused() {
    let school = Provider::start("school").await;
    let test = closed_centre(&school, &["school.example", "gmail.com"]).await;
    assert_eq!(
        by_google(&test, "Ada", "ada@school.example").await,
        "/docs/"
    );
    for address in ["bob@other.example", "bob@sub.school.example"] {
        assert_eq!(by_google(&test, "Bob", address).await, CLOSED, "{address}");
    }
    // Google does not say that somebody belongs to gmail.com: there is no such claim.
    assert_eq!(by_google(&test, "Bob", "bob@gmail.com").await, CLOSED);

    assert_eq!(by_school(&test, &school, &SAM).await, "/docs/");
    let shouted = Account {
        subject: "shouted",
        email: "Ann@SCHOOL.example",
        verified: true,
    };
    assert_eq!(by_school(&test, &school, &shouted).await, "/docs/");
    for email in [
        "eve@evil.example",
        "eve@notschool.example",
        "eve@school.example.evil.example",
        "\"eve@school.example\"@evil.example",
    ] {
        let stranger = Account {
            subject: "eve",
            email,
            verified: true,
        };
        assert_eq!(
            by_school(&test, &school, &stranger).await,
            CLOSED,
            "{email}"
        );
    }
    let unverified = Account {
        subject: "unverified",
        verified: false,
        ..SAM
    };
    let answer = by_school(&test, &school, &unverified).await;
    assert_eq!(answer, "/docs/?sign_in_error=email_not_verified");
    assert_eq!(test.count("SELECT count(*) FROM users").await, 3);
}

#[tokio::test]
async fn who_has_signed_up_before_still_signs_in() {
    let school = Provider::start("school").await;
    let test = closed_centre(&school, &["school.example"]).await;
    assert_eq!(by_school(&test, &school, &SAM).await, "/docs/");
    let moved = Account {
        email: "sam@elsewhere.example",
        ..SAM
    };
    assert_eq!(by_school(&test, &school, &moved).await, "/docs/");
    assert_eq!(test.count("SELECT count(*) FROM users").await, 1);
}
