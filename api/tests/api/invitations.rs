//! Invitations: who may send which, and who may accept.

use crate::support::{Centre, Person, TestApp, email};
use chrono::TimeDelta;
use serde_json::{Value, json};

async fn invite(by: &Person, role: &str, name: &str) -> String {
    let new = json!({"role": role, "email": email(name)});
    let made = by.post("/v1/invitations", &new).await.expect(201);
    assert_eq!(made["state"], "open");
    format!("/v1/invitations/{}", made["id"].as_str().unwrap())
}

#[tokio::test]
async fn who_is_invited_as_a_tutor_becomes_one_by_accepting_and_holds_another_session() {
    let test = TestApp::start().await;
    Centre::open(&test).await;
    let admin = test.admin("Ada").await;
    // Before they have ever signed in, and in another spelling.
    let new = json!({"role": "tutor", "email": "TINA@Example.com"});
    let made = admin.post("/v1/invitations", &new).await.expect(201);
    let path = format!("/v1/invitations/{}", made["id"].as_str().unwrap());
    let mut tina = test.student("Tina").await;
    let phone = test.sign_in(&email("Tina")).await;
    let other = test.student("Olga").await;
    let received = tina.get("/v1/invitations").await.expect(200);
    assert_eq!(received["items"][0]["role"], "tutor");
    assert_eq!(received["items"][0]["invited_by"]["name"], "Ada");
    assert_eq!(
        other.get("/v1/invitations").await.expect(200)["items"],
        json!([])
    );
    let accept = format!("{path}/accept");
    other
        .post(&accept, &json!({}))
        .await
        .expect_problem(404, "not_found");

    let old = tina.cookie("session").unwrap().to_owned();
    let request = tina
        .request(reqwest::Method::POST, &accept)
        .json(&json!({}));
    let answer = tina.send(request).await;
    assert_eq!(answer.status, 204);
    tina.keep_cookies(&answer);
    assert_ne!(tina.cookie("session").unwrap(), old);
    let me = tina.get("/v1/me").await.expect(200);
    assert_eq!(me["roles"], json!(["student", "tutor"]));
    let tutor = format!("/v1/tutors/{}", me["tutor_id"].as_str().unwrap());
    assert_eq!(tina.get(&tutor).await.expect(200)["visible"], false);
    // What was seen of the session before is worth nothing.
    let mut thief = test.stranger();
    thief.set_cookie("session", &old);
    for gone in [&thief, &phone] {
        gone.get("/v1/me")
            .await
            .expect_problem(401, "not_signed_in");
    }
    tina.post(&accept, &json!({}))
        .await
        .expect_problem(404, "not_found");
    let sent = admin.get("/v1/invitations?which=sent").await.expect(200);
    assert_eq!(sent["items"][0]["state"], "accepted");
}

#[tokio::test]
async fn only_admins_invite_tutors_and_admins_and_guardians_of_others() {
    let test = TestApp::start().await;
    let admin = test.admin("Ada").await;
    let (sam, olga) = (test.student("Sam").await, test.student("Olga").await);
    for role in ["tutor", "admin"] {
        let new = json!({"role": role, "email": email("Tina")});
        sam.post("/v1/invitations", &new)
            .await
            .expect_problem(403, "not_an_admin");
    }
    for id in [olga.id().await, uuid::Uuid::now_v7().to_string()] {
        let new = json!({"role": "guardian", "email": email("Gita"), "student_id": id});
        sam.post("/v1/invitations", &new)
            .await
            .expect_problem(404, "not_found");
    }
    let new = json!({"role": "guardian", "email": email("Gita"), "student_id": olga.id().await});
    let made = admin.post("/v1/invitations", &new).await.expect(201);
    assert_eq!(made["other"]["name"], "Olga");
    admin
        .post("/v1/invitations", &new)
        .await
        .expect_problem(409, "already_invited");
    let new = json!({"role": "tutor", "email": email("Tina"), "student_id": olga.id().await});
    admin
        .post("/v1/invitations", &new)
        .await
        .expect_problem(422, "invalid_fields");
    for wrong in ["", "x", "a@", "a b@example.com", "a\n@example.com"] {
        let new = json!({"role": "guardian", "email": wrong});
        sam.post("/v1/invitations", &new)
            .await
            .expect_problem(422, "invalid_fields");
    }
}

#[tokio::test]
async fn student_and_guardian_invite_each_other() {
    let test = TestApp::start().await;
    let sam = test.student("Sam").await;
    let mut gita = test.student("Gita").await;
    let to_gita = invite(&sam, "guardian", "Gita").await;
    let request = gita.request(reqwest::Method::POST, &format!("{to_gita}/accept"));
    let answer = gita.send(request.json(&json!({}))).await;
    gita.keep_cookies(&answer);
    answer.expect(204);
    let listed = gita.get("/v1/guardianships").await.expect(200);
    assert_eq!(listed["items"][0]["student"]["name"], "Sam");

    let olga = test.student("Olga").await;
    let to_olga = invite(&gita, "student", "Olga").await;
    olga.post(&format!("{to_olga}/accept"), &json!({}))
        .await
        .expect(204);
    // Gita was a guardian before, so nothing of hers ends.
    let listed = gita.get("/v1/guardianships").await.expect(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);

    let to_self = invite(&olga, "guardian", "Olga").await;
    olga.post(&format!("{to_self}/accept"), &json!({}))
        .await
        .expect_problem(409, "same_person");
    let again = invite(&sam, "guardian", "Gita").await;
    gita.post(&format!("{again}/accept"), &json!({}))
        .await
        .expect_problem(409, "already_guardian");
}

#[tokio::test]
async fn invitations_are_declined_withdrawn_and_run_out() {
    let test = TestApp::start().await;
    let sam = test.student("Sam").await;
    let gita = test.student("Gita").await;
    let state = async |which: usize| {
        let sent = sam.get("/v1/invitations?which=sent").await.expect(200);
        sent["items"][which]["state"].clone()
    };
    let first = invite(&sam, "guardian", "Gita").await;
    sam.post(&format!("{first}/decline"), &json!({}))
        .await
        .expect_problem(404, "not_found");
    gita.post(&format!("{first}/withdraw"), &json!({}))
        .await
        .expect_problem(404, "not_found");
    gita.post(&format!("{first}/decline"), &json!({}))
        .await
        .expect(204);
    assert_eq!(state(0).await, "declined");
    let second = invite(&sam, "guardian", "Gita").await;
    sam.post(&format!("{second}/withdraw"), &json!({}))
        .await
        .expect(204);
    assert_eq!(state(0).await, "withdrawn");
    let third = invite(&sam, "guardian", "Gita").await;
    test.pass(TimeDelta::days(14));
    assert_eq!(state(0).await, "expired");
    for end in ["accept", "decline"] {
        gita.post(&format!("{third}/{end}"), &json!({}))
            .await
            .expect_problem(404, "not_found");
    }
    invite(&sam, "guardian", "Gita").await;
    assert_eq!(
        gita.get("/v1/guardianships").await.expect(200)["items"],
        json!([])
    );
    let received = gita.get("/v1/invitations").await.expect(200);
    assert_eq!(received["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_invitation_is_worth_nothing_once_its_sender_may_not_send_it() {
    let test = TestApp::start().await;
    let admin = test.admin("Ada").await;
    let second = test.admin("Bea").await;
    let tina = test.student("Tina").await;
    let path = invite(&second, "tutor", "Tina").await;
    let id = second.id().await;
    let user = format!("/v1/users/{id}");
    let etag = admin.get(&user).await.etag();
    let roles = json!({"roles": ["student"]});
    admin
        .edit(
            reqwest::Method::PUT,
            &format!("{user}/roles"),
            &etag,
            &roles,
        )
        .await
        .expect(200);
    tina.post(&format!("{path}/accept"), &json!({}))
        .await
        .expect_problem(404, "not_found");
    let me = tina.get("/v1/me").await.expect(200);
    assert_eq!(me["tutor_id"], Value::Null);
}

#[tokio::test]
async fn a_person_has_ten_open_invitations_at_most() {
    let test = TestApp::start().await;
    let sam = test.student("Sam").await;
    for n in 0..10 {
        invite(&sam, "guardian", &format!("g{n}")).await;
    }
    let one_more = json!({"role": "guardian", "email": email("g10")});
    sam.post("/v1/invitations", &one_more)
        .await
        .expect_problem(409, "too_many_invitations");
}

#[tokio::test]
async fn a_guardian_whom_an_admin_invited_is_none_once_the_admin_is_none() {
    let test = TestApp::start().await;
    let (admin, second) = (test.admin("Ada").await, test.admin("Bea").await);
    let (sam, gita) = (test.student("Sam").await, test.student("Gita").await);
    let new = json!({"role": "guardian", "email": email("Gita"), "student_id": sam.id().await});
    let made = second.post("/v1/invitations", &new).await.expect(201);
    let user = format!("/v1/users/{}", second.id().await);
    let etag = admin.get(&user).await.etag();
    let roles = json!({"roles": ["student"]});
    admin
        .edit(
            reqwest::Method::PUT,
            &format!("{user}/roles"),
            &etag,
            &roles,
        )
        .await
        .expect(200);
    let accept = format!("/v1/invitations/{}/accept", made["id"].as_str().unwrap());
    gita.post(&accept, &json!({}))
        .await
        .expect_problem(404, "not_found");
}

/// An address may have become somebody else's since.
#[tokio::test]
async fn an_address_counts_only_while_its_owner_signs_in_with_it() {
    let test = TestApp::start().await;
    let admin = test.admin("Ada").await;
    let robin = test.student("Robin").await;
    let id = robin.id().await;
    test.execute(&format!(
        "INSERT INTO identities (id, user_id, issuer, subject, email, created_at, confirmed_at, last_sign_in_at)
         VALUES (gen_random_uuid(), '{id}', 'https://id.example.org', '1', 'robin@school.edu', '2026-01-01', '2026-01-01', '2026-01-01')"
    ))
    .await;
    let new = json!({"role": "admin", "email": "robin@school.edu"});
    admin.post("/v1/invitations", &new).await.expect(201);
    assert_eq!(
        robin.get("/v1/invitations").await.expect(200)["items"],
        json!([])
    );
}

#[tokio::test]
async fn only_an_admins_invitation_opens_a_sign_up_that_is_closed() {
    let test = TestApp::start_with(|config| {
        config.sign_in.sign_up_domains = vec!["school.edu".to_owned()];
    })
    .await;
    let arrive = async |name: &str| {
        test.add_account(name);
        let mut person = test.stranger();
        let target = person.start_sign_in().await;
        let consent = google_sandbox::Consent::All;
        let callback = test
            .google
            .authorize(&target, &email(name), consent)
            .unwrap();
        person.follow(&callback).await;
        person
    };
    let new = |role: &str, name: &str, by: &str| {
        format!(
            "INSERT INTO invitations (id, role, email, invited_by, other_id, created_at, expires_at)
             SELECT gen_random_uuid(), '{role}', '{}', id, id, now(), '2028-01-01' FROM users WHERE name = '{by}'",
            email(name)
        )
    };
    test.execute(
        "INSERT INTO users (id, name, email, time_zone, created_at, updated_at)
         VALUES (gen_random_uuid(), 'Sam', 'sam@school.edu', 'UTC', now(), now()),
                (gen_random_uuid(), 'Ada', 'ada@school.edu', 'UTC', now(), now());
         INSERT INTO user_roles SELECT id, 'admin', now() FROM users WHERE name = 'Ada'",
    )
    .await;
    assert_eq!(arrive("Gita").await.cookie("session"), None);
    test.execute(&new("guardian", "Gita", "Sam")).await;
    assert_eq!(arrive("Gita").await.cookie("session"), None);
    test.execute(&new("guardian", "Hanna", "Ada")).await;
    let hanna = arrive("Hanna").await;
    hanna.get("/v1/me").await.expect(200);
}
