//! What a tutor teaches.

use crate::support::{Centre, TestApp};
use reqwest::Method;
use serde_json::{Value, json};

fn offer(subject: &str, level: &str, minutes: &[i16]) -> Value {
    json!({"subject": subject, "level": level, "lesson_minutes": minutes})
}

#[tokio::test]
async fn offers_are_replaced_all_at_once_and_listed_by_subject_and_level() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let wanted = json!({"offers": [
        offer("physics", "Bachelor", &[45, 30]),
        offer("physics", "School", &[5, 480]),
        offer("mathematics", "Bachelor", &[60]),
    ]});
    let replaced = tutor.edit(Method::PUT, "/offers", &wanted).await;
    let etag = replaced.etag();
    let replaced = replaced.expect(200);
    let read = test.student("Sam").await.get(&tutor.path("/offers")).await;
    assert_eq!(read.etag(), etag);
    assert_eq!(read.expect(200), replaced);
    let shown = |subject: &str, name: &str, level: &str, minutes: &[i16]| json!({"subject": {"slug": subject, "name": name}, "level": level, "lesson_minutes": minutes});
    let expected = json!({"items": [
        shown("mathematics", "Mathematics", "Bachelor", &[60]),
        shown("physics", "Physics", "School", &[5, 480]),
        shown("physics", "Physics", "Bachelor", &[45, 30]),
    ]});
    assert_eq!(replaced, expected);
}

#[tokio::test]
async fn every_offer_that_can_not_be_made_is_named() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let wanted = json!({"offers": [
        offer("alchemy", "School", &[60]),
        offer("physics", "School", &[60]),
        offer("physics", "Doctor", &[60]),
        offer("Physics", "School", &[60]),
        offer("physics", "school", &[60]),
        offer("physics", "School", &[90]),
    ]});
    let refused = tutor.edit(Method::PUT, "/offers", &wanted).await;
    let problem = refused.expect_problem(422, "invalid_fields");
    let errors: Vec<_> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| {
            (
                error["field"].as_str().unwrap(),
                error["code"].as_str().unwrap(),
            )
        })
        .collect();
    let expected = [
        ("offers[0].subject", "unknown_subject"),
        ("offers[2].level", "unknown_level"),
        ("offers[3].subject", "unknown_subject"),
        ("offers[4].level", "unknown_level"),
        ("offers[5]", "duplicate"),
    ];
    assert_eq!(errors, expected);
    // Which one it doubles, by the place at which the caller put it.
    assert_eq!(
        problem["errors"][4]["detail"],
        "offers[1] is for the same subject and level"
    );
    assert_eq!(
        problem["errors"][1]["detail"],
        "Physics is taught at: School, Bachelor"
    );
    let kept = tutor.person.get(&tutor.path("/offers")).await.expect(200);
    assert_eq!(kept["items"][0]["subject"]["slug"], "mathematics");
}

#[tokio::test]
async fn an_offer_that_ends_leaves_booked_lessons_and_takes_no_more() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let sam = test.student("Sam").await;
    sam.post("/v1/bookings", &tutor.lesson("2027-03-02T08:00:00Z", 60))
        .await
        .expect(201);
    let none = tutor
        .edit(Method::PUT, "/offers", &json!({"offers": []}))
        .await
        .expect(200);
    assert_eq!(none, json!({"items": []}));
    let kept = sam.get("/v1/bookings").await.expect(200);
    assert_eq!(kept["items"][0]["status"], "confirmed");
    assert_eq!(kept["items"][0]["subject"]["slug"], "mathematics");
    let refused = sam
        .post("/v1/bookings", &tutor.lesson("2027-03-02T10:00:00Z", 60))
        .await
        .expect_problem(422, "invalid_fields");
    assert_eq!(refused["errors"][0]["code"], "not_offered");
}

#[tokio::test]
async fn a_stale_etag_replaces_no_offers() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let path = tutor.path("/offers");
    let etag = tutor.person.get(&path).await.etag();
    let one = json!({"offers": [offer("physics", "School", &[60])]});
    let edited = tutor.person.edit(Method::PUT, &path, &etag, &one).await;
    assert_ne!(edited.etag(), etag);
    edited.expect(200);
    tutor
        .person
        .edit(Method::PUT, &path, &etag, &json!({"offers": []}))
        .await
        .expect_problem(412, "stale_etag");
    let kept = tutor.person.get(&path).await.expect(200);
    assert_eq!(kept["items"][0]["subject"]["slug"], "physics");
}
