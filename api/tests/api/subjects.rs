//! What is taught.

use crate::support::{Answer, Centre, Person, TestApp};
use api::store::seed::{NewSubject, insert_subject};
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn subjects_are_listed_by_slug_with_their_levels_easiest_first() {
    let test = TestApp::start().await;
    Centre::open(&test).await;
    let list = test
        .student("Sam")
        .await
        .get("/v1/subjects")
        .await
        .expect(200);
    let items = list["items"].as_array().unwrap();
    let slugs: Vec<_> = items.iter().map(|item| &item["slug"]).collect();
    assert_eq!(slugs, ["mathematics", "physics"]);
    assert_eq!(items[0]["name"], "Mathematics");
    assert_eq!(items[0]["levels"], json!(["School", "Bachelor"]));
    assert!(list["next_cursor"].is_null());
}

#[tokio::test]
async fn paging_to_the_end_shows_every_subject_once() {
    let test = TestApp::start().await;
    Centre::open(&test).await;
    for slug in ["art", "zoology", "latin", "latin-2", "latina"] {
        let new = NewSubject {
            slug,
            name: slug,
            levels: &["School"],
        };
        insert_subject(&test.app.db, &new, test.now())
            .await
            .unwrap();
    }
    let sam = test.student("Sam").await;
    let whole = sam.get("/v1/subjects?limit=7").await.expect(200);
    assert!(whole["next_cursor"].is_null(), "the last page says so");
    let paged = sam.pages_of_one("/v1/subjects").await;
    assert_eq!(paged.len(), 7);
    assert_eq!(json!(paged), whole["items"]);
    let first = sam.get("/v1/subjects?limit=6").await.expect(200);
    assert_eq!(first["items"].as_array().unwrap().len(), 6);
    let rest = format!(
        "/v1/subjects?cursor={}",
        first["next_cursor"].as_str().unwrap()
    );
    let rest = sam.get(&rest).await.expect(200);
    assert_eq!(rest["items"], json!([paged[6]]));
}

#[tokio::test]
async fn a_centre_without_subjects_lists_none() {
    let test = TestApp::start().await;
    let sam = test.student("Sam").await;
    let list = sam.get("/v1/subjects").await.expect(200);
    assert_eq!(list, json!({"items": [], "next_cursor": null}));
}

async fn delete(admin: &Person, path: &str, etag: &str) -> Answer {
    let request = admin.request(Method::DELETE, path);
    admin.send(request.header("if-match", etag)).await
}

#[tokio::test]
async fn an_admin_makes_a_subject_once() {
    let test = TestApp::start().await;
    let admin = test.admin("Ada").await;
    let new = json!({"slug": "ancient-greek-2", "name": "Ancient Greek", "levels": ["Beginner", "Advanced"]});
    let send = async || {
        let request = admin.request(Method::POST, "/v1/subjects");
        admin
            .send(request.header("idempotency-key", "\"greek\"").json(&new))
            .await
    };
    let made = send().await;
    let location = made.headers["location"].to_str().unwrap().to_owned();
    let etag = made.etag();
    let made = made.expect(201);
    assert_eq!(made["levels"], new["levels"]);
    assert_eq!(send().await.expect(201), made);
    let read = admin.get(&location).await;
    assert_eq!(read.etag(), etag);
    assert_eq!(read.expect(200), made);
    let taken = admin
        .post("/v1/subjects", &new)
        .await
        .expect_problem(422, "invalid_fields");
    assert_eq!(taken["errors"][0]["code"], "taken");
    for (field, value, code) in [
        ("slug", json!("Ancient"), "unacceptable"),
        ("slug", json!("a--b"), "unacceptable"),
        ("slug", json!(""), "unacceptable"),
        ("slug", json!("a".repeat(65)), "unacceptable"),
        ("slug", json!("a-".repeat(16) + "a"), "unacceptable"),
        ("levels", json!([]), "wrong_count"),
        ("levels", json!(["A", "A"]), "duplicate"),
        ("levels", json!(["A", " "]), "too_short"),
        ("levels", json!(["A\nB"]), "control_character"),
        ("levels", json!(["x".repeat(65)]), "too_long"),
        ("name", json!("x".repeat(101)), "too_long"),
    ] {
        let mut bad = new.clone();
        bad[field] = value;
        let refused = admin.post("/v1/subjects", &bad).await;
        let refused = refused.expect_problem(422, "invalid_fields");
        assert_eq!(refused["errors"][0]["code"], code, "{bad}");
    }
    for nowhere in ["/v1/subjects/none", "/v1/subjects/%00", "/v1/subjects/%FF"] {
        let answer = admin.get(nowhere).await;
        assert!(
            answer.status.is_client_error(),
            "{nowhere}: {}",
            answer.status
        );
    }
}

#[tokio::test]
async fn levels_change_places_come_and_go_unless_somebody_offers_them() {
    let test = TestApp::start().await;
    let elsewhere = test.another_instance().await;
    let admin = test.admin("Ada").await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let sam = test.student("Sam").await.at(&elsewhere);
    let offers = tutor.path("/offers");
    sam.get(&offers).await.expect(200);
    let path = "/v1/subjects/mathematics";
    let first = admin.get(path).await.etag();
    let change = json!({"name": "Maths", "levels": ["Master", "Bachelor", "School"]});
    let changed = admin.edit(Method::PATCH, path, &first, &change).await;
    let second = changed.etag();
    assert_ne!(first, second);
    let changed = changed.expect(200);
    assert_eq!(changed["levels"], change["levels"]);
    assert_eq!(
        sam.get("/v1/subjects").await.expect(200)["items"][0],
        changed
    );
    let late = admin.edit(Method::PATCH, path, &first, &change).await;
    late.expect_problem(412, "stale_etag");

    let without = json!({"levels": ["Bachelor"]});
    let refused = admin.edit(Method::PATCH, path, &second, &without).await;
    let refused = refused.expect_problem(409, "in_use");
    assert!(
        refused["detail"].as_str().unwrap().contains("School"),
        "{refused}"
    );
    assert_eq!(admin.get(path).await.etag(), second);
    tutor
        .edit(Method::PUT, "/offers", &json!({"offers": []}))
        .await
        .expect(200);
    let left = admin
        .edit(Method::PATCH, path, &second, &without)
        .await
        .expect(200);
    assert_eq!(left["levels"], json!(["Bachelor"]));
    assert_eq!(sam.get(path).await.expect(200), left);
}

#[tokio::test]
async fn a_subject_is_deleted_when_nobody_offers_it_and_no_lesson_was_booked() {
    let test = TestApp::start().await;
    let admin = test.admin("Ada").await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let sam = test.student("Sam").await;
    let path = "/v1/subjects/mathematics";
    let etag = admin.get(path).await.etag();
    delete(&admin, path, &etag)
        .await
        .expect_problem(409, "in_use");
    let wanted = tutor.lesson("2027-03-02T08:00:00Z", 60);
    sam.post("/v1/bookings", &wanted).await.expect(201);
    tutor
        .edit(Method::PUT, "/offers", &json!({"offers": []}))
        .await
        .expect(200);
    delete(&admin, path, &etag)
        .await
        .expect_problem(409, "in_use");
    let unused = "/v1/subjects/physics";
    delete(&admin, unused, "\"9\"")
        .await
        .expect_problem(412, "stale_etag");
    delete(&admin, unused, "\"1\"").await.expect(204);
    delete(&admin, unused, "\"1\"")
        .await
        .expect_problem(404, "not_found");
    sam.get(unused).await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn a_key_sees_the_subjects_that_it_is_limited_to() {
    let test = TestApp::start().await;
    let admin = test.admin("Ada").await;
    Centre::open(&test).await;
    let app = admin
        .post("/v1/third-party-apps", &json!({"name": "Kiosk"}))
        .await
        .expect(201);
    let keys = format!("/v1/third-party-apps/{}/keys", app["id"].as_str().unwrap());
    let new = json!({"scopes": ["availability:read"], "subjects": ["physics"], "expires_at": "2027-12-01T00:00:00Z"});
    let key = admin.post(&keys, &new).await.expect(201);
    let kiosk = Person::with_bearer(&test, key["key"].as_str().unwrap());
    kiosk.get("/v1/subjects/physics").await.expect(200);
    kiosk
        .get("/v1/subjects/mathematics")
        .await
        .expect_problem(404, "not_found");
}
