//! The accounts by which somebody signs in: linked by proof and by an explicit yes, and never by themselves.

use crate::support::{
    Answer, Person, TestApp, email,
    provider::{Account, Provider, SAM, start_with},
};
use chrono::TimeDelta;
use google_sandbox::Consent;
use reqwest::header;
use serde_json::{Value, json};
use url::Url;

const IDENTITIES: &str = "/v1/me/identities";

/// Asks to link an account of this provider; where to prove it.
async fn ask(person: &mut Person, provider: &str) -> Url {
    let body = json!({"provider": provider, "return_to": "/settings?tab=2#accounts"});
    let started = person.post(IDENTITIES, &body).await;
    person.keep_cookies(&started);
    let body = started.expect(200);
    body["authorization_url"].as_str().unwrap().parse().unwrap()
}

/// Proves an account of the provider; what the browser comes back to.
async fn prove(person: &mut Person, provider: &Provider, account: &Account) -> String {
    let target = ask(person, provider.id).await;
    let back = provider.authorize(&target, account);
    person.follow(&back).await.target().to_owned()
}

/// The id that is to be confirmed.
#[track_caller]
fn asked_for(target: &str) -> String {
    let id = target.strip_prefix("/settings?tab=2&confirm_identity=");
    let id = id.and_then(|rest| rest.strip_suffix("#accounts"));
    id.unwrap_or_else(|| panic!("{target}")).to_owned()
}

async fn confirm(person: &Person, id: &str) -> Answer {
    person
        .post(&format!("{IDENTITIES}/{id}/confirm"), &json!({}))
        .await
}

async fn all(person: &Person) -> Vec<Value> {
    let list = person.get(IDENTITIES).await.expect(200);
    list["items"].as_array().unwrap().clone()
}

async fn id(person: &Person) -> Value {
    person.get("/v1/me").await.expect(200)["id"].clone()
}

/// Signs in at a provider beside Google.
async fn sign_in(test: &TestApp, provider: &Provider, account: &Account) -> Person {
    let mut person = test.stranger();
    let path = format!("/v1/auth/sign-in?provider={}", provider.id);
    let target = person.start_at(&path).await;
    let back = provider.authorize(&target, account);
    assert_eq!(person.follow(&back).await.target(), "/docs/");
    person
}

#[tokio::test]
async fn an_account_that_was_proven_and_confirmed_signs_the_same_person_in() {
    let school = Provider::start("school").await;
    let test = start_with(&[&school]).await;
    let mut sam = test.student("Sam").await;
    let target = prove(&mut sam, &school, &SAM).await;
    assert!(sam.sign_ins().is_empty(), "the attempt is over");
    let asked = asked_for(&target);

    let listed = all(&sam).await;
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[0]["provider"], "google");
    assert_ne!(listed[0]["confirmed_at"], json!(null));
    assert_eq!(listed[0]["expires_at"], json!(null));
    assert_eq!(listed[1]["id"], asked);
    assert_eq!(listed[1]["provider"], "school");
    assert_eq!(listed[1]["issuer"], school.issuer);
    assert_eq!(listed[1]["email"], SAM.email);
    assert_eq!(listed[1]["confirmed_at"], json!(null));
    assert_eq!(listed[1]["expires_at"], "2027-03-01T07:15:00Z");

    let confirmed = confirm(&sam, &asked).await.expect(200);
    assert_eq!(confirmed["confirmed_at"], "2027-03-01T07:00:00Z");
    assert_eq!(confirm(&sam, &asked).await.expect(200), confirmed);
    let by_school = sign_in(&test, &school, &SAM).await;
    assert_eq!(id(&by_school).await, id(&sam).await);
    assert_eq!(test.count("SELECT count(*) FROM users").await, 1);
    let email_of_sam = by_school.get("/v1/me").await.expect(200)["email"].clone();
    assert_eq!(email_of_sam, email("Sam"), "linking changes no address");

    // Proven once more, it is known.
    let again = asked_for(&prove(&mut sam, &school, &SAM).await);
    assert_eq!(again, asked);
}

#[tokio::test]
async fn what_is_not_confirmed_signs_nobody_in_and_stands_in_nobodys_way() {
    let school = Provider::start("school").await;
    let test = start_with(&[&school]).await;
    let mut thief = test.student("Thea").await;
    let asked = asked_for(&prove(&mut thief, &school, &SAM).await);

    let owner = sign_in(&test, &school, &SAM).await;
    assert_ne!(id(&owner).await, id(&thief).await);
    confirm(&thief, &asked)
        .await
        .expect_problem(409, "identity_taken");
    let again = sign_in(&test, &school, &SAM).await;
    assert_eq!(id(&again).await, id(&owner).await);
    let target = prove(&mut thief, &school, &SAM).await;
    assert_eq!(
        target,
        "/settings?tab=2&sign_in_error=identity_taken#accounts"
    );
    assert_eq!(all(&owner).await.len(), 1);
}

#[tokio::test]
async fn the_same_address_at_another_provider_is_another_person() {
    let school = Provider::start("school").await;
    let test = start_with(&[&school]).await;
    let sam = test.student("Sam").await;
    let same = Account {
        subject: "another",
        email: "sam@example.com",
        verified: true,
    };
    let other = sign_in(&test, &school, &same).await;
    let (one, two) = (sam.get("/v1/me").await, other.get("/v1/me").await);
    let (one, two) = (one.expect(200), two.expect(200));
    assert_eq!(one["email"], two["email"]);
    assert_ne!(one["id"], two["id"]);
}

#[tokio::test]
async fn an_account_is_confirmed_within_fifteen_minutes_by_who_proved_it() {
    let school = Provider::start("school").await;
    let test = start_with(&[&school]).await;
    let mut sam = test.student("Sam").await;
    let other = test.student("Olga").await;
    let asked = asked_for(&prove(&mut sam, &school, &SAM).await);
    for somebody_else in [&other, &test.stranger()] {
        let refused = confirm(somebody_else, &asked).await;
        assert!(matches!(refused.status.as_u16(), 401 | 404));
    }
    let nowhere = uuid::Uuid::now_v7().to_string();
    assert_eq!(
        confirm(&other, &asked)
            .await
            .expect_problem(404, "not_found"),
        confirm(&other, &nowhere)
            .await
            .expect_problem(404, "not_found")
    );
    assert_eq!(all(&other).await.len(), 1);

    test.pass(TimeDelta::minutes(15));
    assert_eq!(all(&sam).await.len(), 1);
    confirm(&sam, &asked).await.expect_problem(404, "not_found");
    let asked = asked_for(&prove(&mut sam, &school, &SAM).await);
    test.pass(TimeDelta::minutes(15) - TimeDelta::seconds(1));
    confirm(&sam, &asked).await.expect(200);
    assert_eq!(
        test.count("SELECT count(*) FROM identities WHERE confirmed_at IS NULL")
            .await,
        0
    );
}

#[tokio::test]
async fn what_nobody_confirmed_is_swept_out() {
    let school = Provider::start("school").await;
    let test = start_with(&[&school]).await;
    let mut sam = test.student("Sam").await;
    let olga = Account {
        subject: "olga-1",
        ..SAM
    };
    prove(&mut sam, &school, &SAM).await;
    test.pass(TimeDelta::minutes(15));
    prove(&mut sam, &school, &olga).await;
    let unconfirmed = "SELECT count(*) FROM identities WHERE confirmed_at IS NULL";
    assert_eq!(test.count(unconfirmed).await, 1);
    prove(&mut sam, &school, &olga).await;
    assert_eq!(test.count(unconfirmed).await, 1, "asked for twice is once");
}

#[tokio::test]
async fn an_account_without_a_verified_address_is_not_linked() {
    let school = Provider::start("school").await;
    let test = start_with(&[&school]).await;
    let mut sam = test.student("Sam").await;
    let unverified = Account {
        verified: false,
        ..SAM
    };
    let target = prove(&mut sam, &school, &unverified).await;
    assert_eq!(
        target,
        "/settings?tab=2&sign_in_error=email_not_verified#accounts"
    );
    assert_eq!(all(&sam).await.len(), 1);
}

/// An attempt to link is worth something in its own session only: else somebody could be made to prove an account
/// for another one.
#[tokio::test]
async fn an_account_is_linked_in_the_session_that_asked_for_it_only() {
    let school = Provider::start("school").await;
    let test = start_with(&[&school]).await;
    let mut thief = test.student("Thea").await;
    let target = ask(&mut thief, "school").await;
    let planted = thief.sign_ins();
    let same_user = test.sign_in(&email("Thea")).await;
    for mut victim in [test.student("Vic").await, test.stranger(), same_user] {
        for (name, value) in &planted {
            victim.set_cookie(name, value);
        }
        let back = school.authorize(&target, &SAM);
        let answer = victim.follow(&back).await;
        assert_eq!(
            answer.target(),
            "/settings?tab=2&sign_in_error=other_person#accounts"
        );
    }
    assert_eq!(all(&thief).await.len(), 1);
    let unconfirmed = "SELECT count(*) FROM identities WHERE confirmed_at IS NULL";
    assert_eq!(test.count(unconfirmed).await, 0);
}

#[tokio::test]
async fn an_attempt_to_link_signs_nobody_in_and_one_to_sign_in_links_nothing() {
    let school = Provider::start("school").await;
    let test = start_with(&[&school]).await;
    let mut sam = test.student("Sam").await;
    let session = sam.cookie("session").unwrap().to_owned();
    prove(&mut sam, &school, &SAM).await;
    assert_eq!(sam.cookie("session"), Some(session.as_str()));

    let path = "/v1/auth/sign-in?provider=school";
    let target = sam.start_at(path).await;
    let before = id(&sam).await;
    let back = school.authorize(&target, &SAM);
    sam.follow(&back).await.expect(303);
    assert_ne!(id(&sam).await, before, "somebody else, and no link");
    assert_eq!(all(&sam).await.len(), 1);
}

#[tokio::test]
async fn all_accounts_but_the_last_can_be_unlinked() {
    let school = Provider::start("school").await;
    let test = start_with(&[&school]).await;
    let mut sam = test.student("Sam").await;
    let other = test.student("Olga").await;
    let google = all(&sam).await[0]["id"].as_str().unwrap().to_owned();
    let google = format!("{IDENTITIES}/{google}");
    sam.delete(&google)
        .await
        .expect_problem(409, "last_identity");
    // What is not confirmed does not count, and can be dismissed.
    let asked = asked_for(&prove(&mut sam, &school, &SAM).await);
    sam.delete(&google)
        .await
        .expect_problem(409, "last_identity");
    sam.delete(&format!("{IDENTITIES}/{asked}"))
        .await
        .expect(204);
    confirm(&sam, &asked).await.expect_problem(404, "not_found");

    let asked = asked_for(&prove(&mut sam, &school, &SAM).await);
    confirm(&sam, &asked).await.expect(200);
    other.delete(&google).await.expect_problem(404, "not_found");
    sam.delete(&google).await.expect(204);
    sam.delete(&google).await.expect_problem(404, "not_found");
    let last = format!("{IDENTITIES}/{asked}");
    sam.delete(&last).await.expect_problem(409, "last_identity");
    let by_school = sign_in(&test, &school, &SAM).await;
    assert_eq!(id(&by_school).await, id(&sam).await);
    let by_google = test.sign_in(&email("Sam")).await;
    assert_ne!(id(&by_google).await, id(&sam).await, "a new user");
}

#[tokio::test]
async fn of_two_that_unlink_the_last_two_accounts_at_once_one_is_refused() {
    let school = Provider::start("school").await;
    let test = start_with(&[&school]).await;
    let mut sam = test.student("Sam").await;
    let asked = asked_for(&prove(&mut sam, &school, &SAM).await);
    confirm(&sam, &asked).await.expect(200);
    let paths: Vec<_> = all(&sam)
        .await
        .iter()
        .map(|one| format!("{IDENTITIES}/{}", one["id"].as_str().unwrap()))
        .collect();
    let answers = tokio::join!(sam.delete(&paths[0]), sam.delete(&paths[1]));
    let mut statuses = [answers.0.status.as_u16(), answers.1.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 409]);
}

#[tokio::test]
async fn linking_asks_for_a_provider_and_a_path_of_this_server() {
    let test = start_with(&[&Provider::start("school").await]).await;
    let sam = test.student("Sam").await;
    for (body, field) in [
        (json!({"provider": "nobody"}), "provider"),
        (json!({"provider": ""}), "provider"),
        (json!({}), "provider"),
        (
            json!({"provider": "school", "return_to": "//evil.example"}),
            "return_to",
        ),
    ] {
        let refused = sam.post(IDENTITIES, &body).await;
        assert!(!refused.headers.contains_key(header::SET_COOKIE));
        let problem = refused.expect_problem(422, "invalid_fields");
        assert_eq!(problem["errors"][0]["field"], field, "{body}");
    }
    let mut sam = sam;
    let target = ask(&mut sam, "google").await;
    let back = test.google.authorize(&target, "x", Consent::Deny).unwrap();
    let denied = "/settings?tab=2&sign_in_error=access_denied#accounts";
    assert_eq!(sam.follow(&back).await.target(), denied);
}
