//! What is taught.

use crate::support::{Centre, TestApp};
use api::store::seed::{NewSubject, insert_subject};
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
