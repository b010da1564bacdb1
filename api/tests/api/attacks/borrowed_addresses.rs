//! A Google account that somebody opened with an address of another domain, years ago: Google goes on saying that the
//! address is verified, whoever has it now.

use crate::support::{
    Answer, Person, TestApp, email,
    provider::{Account, Provider, SAM},
};
use google_sandbox::Consent;
use serde_json::{Value, json};

const REFUSED: &str = "email_not_authoritative";

/// Has an account with the address of this name that is in no Workspace.
fn open_consumer_account(test: &TestApp, name: &str) {
    test.add_account(name);
    test.google.make_consumer(&email(name));
}

/// Signs in at Google; where the browser ends.
async fn arrive(test: &TestApp, name: &str) -> (Person, String) {
    let mut person = test.stranger();
    let target = person.start_sign_in().await;
    let back = test.google.authorize(&target, &email(name), Consent::All);
    let target = person.follow(&back.unwrap()).await.target().to_owned();
    (person, target)
}

/// Somebody with a consumer account.
async fn consumer(test: &TestApp, name: &str) -> Person {
    open_consumer_account(test, name);
    arrive(test, name).await.0
}

async fn invite(by: &Person, new: &Value) -> String {
    let made = by.post("/v1/invitations", new).await.expect(201);
    format!("/v1/invitations/{}", made["id"].as_str().unwrap())
}

async fn accept(person: &Person, invitation: &str) -> Answer {
    person
        .post(&format!("{invitation}/accept"), &json!({}))
        .await
}

#[tokio::test]
async fn who_once_had_the_address_of_an_invited_person_gets_nothing_by_it() {
    let test = TestApp::start().await;
    let (admin, sam) = (test.admin("Ada").await, test.student("Sam").await);
    let thief = consumer(&test, "Tina").await;
    let other = consumer(&test, "Olga").await;
    let nowhere = format!("/v1/invitations/{}", uuid::Uuid::now_v7());
    for new in [
        json!({"role": "tutor", "email": email("Tina")}),
        json!({"role": "admin", "email": email("Tina")}),
        json!({"role": "student", "email": email("Tina")}),
        json!({"role": "guardian", "email": email("Tina"), "student_id": sam.id().await}),
    ] {
        let invitation = invite(&admin, &new).await;
        // Whoever has such an address, invited or not, is told the same of what there is and of what there is not.
        let mut told = Vec::new();
        for person in [&thief, &other] {
            told.push(person.get("/v1/invitations").await);
            for path in [&invitation, &nowhere] {
                told.push(accept(person, path).await);
                let decline = format!("{path}/decline");
                told.push(person.post(&decline, &json!({})).await);
            }
        }
        let first = told.remove(0).expect_problem(403, REFUSED);
        for answer in told {
            assert_eq!(answer.expect_problem(403, REFUSED), first);
        }
    }
    let me = thief.get("/v1/me").await.expect(200);
    assert_eq!(me["roles"], json!(["student"]));
    assert_eq!(me["tutor_id"], Value::Null);
    let links = thief.get("/v1/guardianships").await.expect(200);
    assert_eq!(links["items"], json!([]));
    let kept = "SELECT count(*) FROM invitations WHERE state = 'open'";
    assert_eq!(test.count(kept).await, 4);
    let person = email("Tina");
    let grant = api::admin::run(&test.app.db, &api::admin::Command::Grant { person }).await;
    assert!(grant.unwrap_err().to_string().contains("vouches"));
    // What such a person sent is theirs all the same.
    let new = json!({"role": "guardian", "email": "grandma@example.org"});
    invite(&thief, &new).await;
    let sent = thief.get("/v1/invitations?which=sent").await.expect(200);
    assert_eq!(sent["items"][0]["email"], "grandma@example.org");
}

#[tokio::test]
async fn the_address_of_an_invited_person_opens_a_closed_sign_up_to_nobody_who_once_had_it() {
    let school = Provider::start("school").await;
    let settings = school.settings();
    let test = TestApp::start_with(|config| {
        config.sign_in.providers = vec![settings];
        config.sign_in.sign_up_domains = vec!["example.com".to_owned(), "b.example".to_owned()];
    })
    .await;
    let admin = test.admin("Ada").await;
    for (name, is_invited) in [("Tina", true), ("Olga", false)] {
        if is_invited {
            let new = json!({"role": "tutor", "email": email(name)});
            invite(&admin, &new).await;
        }
        open_consumer_account(&test, name);
        let (person, target) = arrive(&test, name).await;
        assert_eq!(target, format!("/docs/?sign_in_error={REFUSED}"), "{name}");
        assert_eq!(person.cookie("session"), None);
    }
    // Elsewhere the word of the provider counts, which the operator chose.
    let new = json!({"role": "tutor", "email": SAM.email});
    let invitation = invite(&admin, &new).await;
    let mut sam = test.stranger();
    let target = sam.start_at("/v1/auth/sign-in?provider=school").await;
    let back = school.authorize(&target, &SAM);
    assert_eq!(sam.follow(&back).await.target(), "/docs/");
    accept(&sam, &invitation).await.expect(204);
}

#[tokio::test]
async fn a_tutor_who_is_told_so_signs_in_otherwise_and_accepts() {
    let school = Provider::start("school").await;
    let test = crate::support::provider::start_with(&[&school]).await;
    let admin = test.admin("Ada").await;
    let mut tina = consumer(&test, "Tina").await;
    let new = json!({"role": "tutor", "email": email("Tina")});
    let invitation = invite(&admin, &new).await;
    accept(&tina, &invitation)
        .await
        .expect_problem(403, REFUSED);
    // Linked to the same person, the school's account counts from the first sign-in by it.
    let body = json!({"provider": "school", "return_to": "/docs/"});
    let started = tina.post("/v1/me/identities", &body).await;
    tina.keep_cookies(&started);
    let target = started.expect(200);
    let target = target["authorization_url"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let account = Account {
        subject: "tina-1",
        email: "tina@example.com",
        verified: true,
    };
    tina.follow(&school.authorize(&target, &account)).await;
    let identities = tina.get("/v1/me/identities").await.expect(200);
    let id = identities["items"][1]["id"].as_str().unwrap();
    let confirm = format!("/v1/me/identities/{id}/confirm");
    tina.post(&confirm, &json!({})).await.expect(200);
    let mut again = test.stranger();
    test.pass(chrono::TimeDelta::minutes(1));
    let target = again.start_at("/v1/auth/sign-in?provider=school").await;
    again.follow(&school.authorize(&target, &account)).await;
    accept(&again, &invitation).await.expect(204);
}

#[tokio::test]
async fn each_sign_in_says_anew_whether_the_address_counts() {
    let test = TestApp::start().await;
    let admin = test.admin("Ada").await;
    let tina = test.student("Tina").await;
    let new = json!({"role": "tutor", "email": email("Tina")});
    let invitation = invite(&admin, &new).await;
    let received = tina.get("/v1/invitations").await.expect(200);
    assert_eq!(received["items"].as_array().unwrap().len(), 1);
    // The school has given the account up.
    test.google.make_consumer(&email("Tina"));
    let (tina, _) = arrive(&test, "Tina").await;
    accept(&tina, &invitation)
        .await
        .expect_problem(403, REFUSED);
    // Identities of before the migration are like that, until the next sign-in.
    let olga = test.student("Olga").await;
    olga.get("/v1/invitations").await.expect(200);
    test.execute("UPDATE identities SET email_authoritative = DEFAULT")
        .await;
    olga.get("/v1/invitations")
        .await
        .expect_problem(403, REFUSED);
    let (olga, _) = arrive(&test, "Olga").await;
    olga.get("/v1/invitations").await.expect(200);
}
