//! The last day of a tutor, and a tutor who moves to another zone.

use crate::support::{
    Centre, TestApp,
    lesson::book,
    opening::{assert_closed, assert_open, starts},
};
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn a_tutor_can_be_booked_until_the_end_of_the_last_date_and_not_after() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let sam = test.student("Sam").await;
    let later = book(&sam, &tutor, "2027-03-04T08:00:00Z").await;
    let end = |date| json!({"end_date": date});
    let ended = tutor
        .edit(Method::PATCH, "", &end(Some("2027-03-02")))
        .await;
    assert_eq!(ended.expect(200)["end_date"], "2027-03-02");
    assert_open(&sam, &tutor, "2027-03-02T15:00:00Z").await;
    assert_closed(&sam, &tutor, "2027-03-03T08:00:00Z", &["tutor_ended"]).await;
    // What is booked stays.
    assert_eq!(sam.get(&later).await.expect(200)["status"], "confirmed");

    // What is left out stays; null is no end.
    tutor
        .edit(Method::PATCH, "", &json!({"bio": "Patient."}))
        .await
        .expect(200);
    assert_closed(&sam, &tutor, "2027-03-03T08:00:00Z", &["tutor_ended"]).await;
    let endless = tutor.edit(Method::PATCH, "", &end(None)).await.expect(200);
    assert_eq!(endless["end_date"], json!(null));
    assert_open(&sam, &tutor, "2027-03-03T08:00:00Z").await;
}

#[tokio::test]
async fn the_last_date_ends_at_midnight_in_the_zone_of_the_tutor() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test)
        .await
        .tutor_in(&test, "Nora", "America/New_York")
        .await;
    let sam = test.student("Sam").await;
    let evening =
        json!({"rules": [{"weekday": "tuesday", "local_start": "20:00", "local_end": "02:00"}]});
    tutor
        .edit(Method::PUT, "/weekly-rules", &evening)
        .await
        .expect(200);
    let last = json!({"end_date": "2027-03-02"});
    tutor.edit(Method::PATCH, "", &last).await.expect(200);
    // Tuesday in New York is over at five in the morning of Wednesday in UTC.
    let night = ("2027-03-02T12:00:00Z", "2027-03-03T12:00:00Z");
    let open = starts(&sam, &tutor, night).await;
    assert_eq!(open.len(), 7);
    assert_eq!(open[6], "2027-03-03T04:00:00Z");
    assert_closed(&sam, &tutor, "2027-03-03T05:00:00Z", &["tutor_ended"]).await;
}

#[tokio::test]
async fn when_a_tutor_changes_zone_lessons_keep_their_instants_and_rules_move() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let sam = test.student("Sam").await;
    let booking = book(&sam, &tutor, "2027-03-02T15:00:00Z").await;
    tutor
        .put_override("2027-03-03", &["10:00-11:00"])
        .await
        .expect(200);
    let moved = json!({"time_zone": "America/New_York"});
    tutor.edit(Method::PATCH, "", &moved).await.expect(200);

    assert_eq!(
        sam.get(&booking).await.expect(200)["start"],
        "2027-03-02T15:00:00Z"
    );
    let olga = test.student("Olga").await;
    let tuesday = starts(
        &olga,
        &tutor,
        ("2027-03-02T00:00:00Z", "2027-03-03T00:00:00Z"),
    )
    .await;
    // Nine to five in New York, without the hour that was booked and is now at ten.
    assert_eq!(
        tuesday[..2],
        ["2027-03-02T14:00:00Z", "2027-03-02T16:00:00Z"]
    );
    assert_eq!(tuesday.last().unwrap(), "2027-03-02T21:00:00Z");
    assert_closed(
        &olga,
        &tutor,
        "2027-03-02T08:00:00Z",
        &["outside_availability"],
    )
    .await;
    assert_closed(&olga, &tutor, "2027-03-02T15:00:00Z", &["lesson"]).await;
    assert_open(&olga, &tutor, "2027-03-03T15:00:00Z").await;
    assert_closed(&olga, &tutor, "2027-03-03T16:00:00Z", &["override_closed"]).await;
}
