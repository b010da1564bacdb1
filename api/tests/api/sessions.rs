//! Sign-in sessions: listed, ended, over by themselves, renewed, and sent as bearer tokens.

use crate::support::{Person, TestApp, email};
use chrono::TimeDelta;
use serde_json::json;

#[tokio::test]
async fn a_person_lists_and_ends_their_own_sessions() {
    let test = TestApp::start().await;
    let phone = test.student("Sam").await;
    test.pass(TimeDelta::minutes(10));
    let laptop = test.sign_in(&email("Sam")).await;
    let other = test.student("Olga").await;

    let listed = laptop.get("/v1/sessions").await.expect(200);
    let items = listed["items"].as_array().unwrap();
    assert_eq!(items.len(), 2, "{listed:#}");
    assert_eq!(items[0]["current"], true);
    assert_eq!(items[1]["current"], false);
    assert_eq!(items[1]["created_at"], "2027-03-01T07:00:00Z");
    assert_eq!(items[0]["expires_at"], "2027-03-31T07:10:00Z");
    assert!(!listed.to_string().contains("hash"));

    let of_phone = format!("/v1/sessions/{}", items[1]["id"].as_str().unwrap());
    let not_there = other.delete(&of_phone).await;
    let nowhere = format!("/v1/sessions/{}", uuid::Uuid::now_v7());
    assert_eq!(
        not_there.expect_problem(404, "not_found"),
        other
            .delete(&nowhere)
            .await
            .expect_problem(404, "not_found")
    );
    phone.get("/v1/me").await.expect(200);
    laptop.delete(&of_phone).await.expect(204);
    phone
        .get("/v1/me")
        .await
        .expect_problem(401, "not_signed_in");
    laptop
        .delete(&of_phone)
        .await
        .expect_problem(404, "not_found");
    laptop.get("/v1/me").await.expect(200);
    other.get("/v1/me").await.expect(200);
}

#[tokio::test]
async fn all_sessions_end_everywhere_or_everywhere_else() {
    let test = TestApp::start().await;
    let phone = test.student("Sam").await;
    let tablet = test.sign_in(&email("Sam")).await;
    let laptop = test.sign_in(&email("Sam")).await;
    let other = test.student("Olga").await;
    laptop
        .delete("/v1/sessions?keep_current=true")
        .await
        .expect(204);
    for gone in [&phone, &tablet] {
        gone.get("/v1/me")
            .await
            .expect_problem(401, "not_signed_in");
    }
    let phone = test.sign_in(&email("Sam")).await;
    laptop.delete("/v1/sessions").await.expect(204);
    for gone in [&phone, &laptop] {
        gone.get("/v1/me")
            .await
            .expect_problem(401, "not_signed_in");
    }
    other.get("/v1/me").await.expect(200);
}

#[tokio::test]
async fn a_session_that_is_not_used_ends_and_one_that_is_used_does_not() {
    let test = TestApp::start_with(|config| {
        config.server.session_idle = TimeDelta::days(7);
    })
    .await;
    let used = test.student("Sam").await;
    let unused = test.sign_in(&email("Sam")).await;
    // Another instance has the session in memory as it was at first.
    let there = test.another_instance().await;
    let elsewhere = used.at(&there);
    elsewhere.get("/v1/me").await.expect(200);
    for _ in 0..3 {
        test.pass(TimeDelta::days(3));
        used.get("/v1/me").await.expect(200);
    }
    unused
        .get("/v1/me")
        .await
        .expect_problem(401, "not_signed_in");
    elsewhere.get("/v1/me").await.expect(200);
    let listed = used.get("/v1/sessions").await.expect(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    test.pass(TimeDelta::days(7) - TimeDelta::seconds(1));
    elsewhere.get("/v1/me").await.expect(200);
    test.pass(TimeDelta::days(7));
    used.get("/v1/me")
        .await
        .expect_problem(401, "not_signed_in");
}

#[tokio::test]
async fn nobody_has_more_than_fifty_sessions() {
    let test = TestApp::start().await;
    let first = test.student("Sam").await;
    let id = first.id().await;
    let old = format!(
        "INSERT INTO sessions (id, user_id, token_hash, created_at, last_used_at, expires_at)
         SELECT gen_random_uuid(), '{id}', decode(lpad(to_hex(n), 64, '0'), 'hex'), now(), now(), '2028-01-01'
         FROM generate_series(1, 48) AS n"
    );
    test.execute(&old).await;
    // Ids of version 4 may be greater than those of version 7.
    test.execute("UPDATE sessions SET id = ('00000000' || substr(id::text, 9))::uuid WHERE token_hash < '\\x01'")
        .await;
    let second = test.sign_in(&email("Sam")).await;
    assert_eq!(test.count("SELECT count(*) FROM sessions").await, 50);
    first.get("/v1/me").await.expect(200);
    let third = test.sign_in(&email("Sam")).await;
    assert_eq!(test.count("SELECT count(*) FROM sessions").await, 50);
    for person in [&first, &second, &third] {
        person.get("/v1/me").await.expect(200);
    }
}

#[tokio::test]
async fn the_token_of_a_session_is_good_as_a_bearer_token_and_then_cookies_dont_count() {
    let test = TestApp::start().await;
    let student = test.student("Sam").await;
    let other = test.student("Olga").await;
    let token = student.cookie("session").unwrap();
    let frontend = Person::with_bearer(&test, token);
    assert_eq!(frontend.id().await, student.id().await);
    let mut mixed = Person::with_bearer(&test, token);
    mixed.set_cookie("session", other.cookie("session").unwrap());
    assert_eq!(mixed.id().await, student.id().await);
    let mut wrong = Person::with_bearer(&test, "wrong");
    wrong.set_cookie("session", other.cookie("session").unwrap());
    wrong
        .get("/v1/me")
        .await
        .expect_problem(401, "not_signed_in");
    for scheme in ["Bearer", "Bearer ", "bearer x", "Bearer x, Basic y"] {
        let request = other.request(reqwest::Method::GET, "/v1/me");
        let request = request.header("authorization", scheme);
        let answer = other.send(request).await;
        answer.expect_problem(401, "not_signed_in");
    }
    frontend
        .post("/v1/auth/sign-out", &json!({}))
        .await
        .expect(204);
    student
        .get("/v1/me")
        .await
        .expect_problem(401, "not_signed_in");
}
