//! The signed-in person's own account.

use crate::support::{Centre, TestApp};
use futures::future::join_all;
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn who_signs_in_for_the_first_time_is_a_student_in_the_zone_of_the_centre() {
    let test = TestApp::start().await;
    let me = test.student("Sam").await.get("/v1/me").await.expect(200);
    assert_eq!(me["name"], "Sam");
    assert_eq!(me["email"], "sam@example.com");
    assert_eq!(me["time_zone"], "Europe/Berlin");
    assert_eq!(me["roles"], json!(["student"]));
    assert!(me["tutor_id"].is_null());
}

#[tokio::test]
async fn a_tutor_learns_which_tutor_that_is() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let me = tutor.person.get("/v1/me").await.expect(200);
    assert_eq!(me["roles"], json!(["tutor"]));
    assert_eq!(me["tutor_id"], tutor.id.to_string());
}

#[tokio::test]
async fn what_is_left_out_of_an_edit_stays() {
    let test = TestApp::start().await;
    let sam = test.student("Sam").await;
    let first = sam.get("/v1/me").await.etag();
    let named = sam
        .edit(
            Method::PATCH,
            "/v1/me",
            &first,
            &json!({"name": "Samira Ω 😀"}),
        )
        .await;
    let second = named.etag();
    assert_ne!(first, second);
    assert_eq!(named.body["name"], "Samira Ω 😀");
    assert_eq!(named.body["time_zone"], "Europe/Berlin");
    let change = json!({"name": null, "time_zone": "Asia/Tokyo"});
    let moved = sam.edit(Method::PATCH, "/v1/me", &second, &change).await;
    let read = sam.get("/v1/me").await;
    assert_eq!(moved.etag(), read.etag());
    let (moved, read) = (moved.expect(200), read.expect(200));
    assert_eq!(moved, read);
    assert_eq!(read["name"], "Samira Ω 😀");
    assert_eq!(read["time_zone"], "Asia/Tokyo");
}

#[tokio::test]
async fn the_new_name_is_what_others_see() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let sam = test.student("Sam").await;
    sam.post("/v1/bookings", &tutor.lesson("2027-03-02T08:00:00Z", 60))
        .await
        .expect(201);
    let etag = sam.get("/v1/me").await.etag();
    sam.edit(Method::PATCH, "/v1/me", &etag, &json!({"name": "Samira"}))
        .await
        .expect(200);
    let list = tutor.person.get("/v1/bookings?as=tutor").await.expect(200);
    assert_eq!(list["items"][0]["student"]["name"], "Samira");
}

#[tokio::test]
async fn an_edit_of_what_has_changed_since_is_refused() {
    let test = TestApp::start().await;
    let sam = test.student("Sam").await;
    let etag = sam.get("/v1/me").await.etag();
    let change = json!({"name": "One"});
    sam.edit(Method::PATCH, "/v1/me", &etag, &change)
        .await
        .expect(200);
    let late = json!({"name": "Two"});
    sam.edit(Method::PATCH, "/v1/me", &etag, &late)
        .await
        .expect_problem(412, "stale_etag");
    assert_eq!(sam.get("/v1/me").await.expect(200)["name"], "One");
}

/// RFC 9110 section 13.1.1.
#[tokio::test]
async fn an_edit_may_name_several_versions_or_any_but_no_weak_one() {
    let test = TestApp::start().await;
    let sam = test.student("Sam").await;
    let edit = async |tag: &str, name: &str| {
        let change = json!({"name": name});
        sam.edit(Method::PATCH, "/v1/me", tag, &change).await
    };
    let first = sam.get("/v1/me").await.etag();
    let list = format!("\"x\", {first}, \"77\"");
    let second = edit(&list, "One").await.etag();
    assert_ne!(first, second);
    edit(&list, "Two").await.expect_problem(412, "stale_etag");
    let weak = format!("W/{second}");
    edit(&weak, "Two").await.expect_problem(412, "stale_etag");
    let third = edit("*", "Two").await.etag();
    assert_eq!(sam.get("/v1/me").await.etag(), third);
    assert_eq!(sam.get("/v1/me").await.expect(200)["name"], "Two");
}

#[tokio::test]
async fn of_edits_of_one_version_at_once_exactly_one_wins() {
    let test = TestApp::start().await;
    let sam = test.student("Sam").await;
    let etag = sam.get("/v1/me").await.etag();
    let edits = (0..8).map(|at| {
        let change = json!({"name": format!("Sam {at}")});
        let (sam, etag) = (&sam, &etag);
        async move { sam.edit(Method::PATCH, "/v1/me", etag, &change).await }
    });
    let answers = join_all(edits).await;
    let (won, lost): (Vec<_>, Vec<_>) = answers
        .into_iter()
        .partition(|answer| answer.status.is_success());
    assert_eq!(won.len(), 1);
    for answer in lost {
        answer.expect_problem(412, "stale_etag");
    }
    let name = &sam.get("/v1/me").await.expect(200)["name"];
    assert_eq!(won[0].body["name"], *name);
}
