//! Handing lessons over to other tutors.

use crate::support::{Centre, TestApp};
use serde_json::json;

#[tokio::test]
async fn a_booking_is_handed_over_to_another_tutor_and_moves_from_calendar_to_calendar() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let before = centre.connected_tutor(&test, "Tina").await;
    let after = centre.connected_tutor(&test, "Theo").await;
    let busy = centre.tutor(&test, "Bo").await;
    let admin = test.admin("Ada").await;
    let student = test.student("Sam").await;
    let booked = student
        .post("/v1/bookings", &before.lesson("2027-03-01T09:00:00Z", 60))
        .await
        .expect(201);
    let other = test.student("Olga").await;
    other
        .post("/v1/bookings", &busy.lesson("2027-03-01T09:00:00Z", 60))
        .await
        .expect(201);
    test.run_jobs().await;
    let booking = format!("/v1/bookings/{}", booked["id"].as_str().unwrap());
    let reassign = format!("{booking}/reassign");
    // Half an hour before, which is too late for anybody but the centre.
    test.set_clock(crate::support::at("2027-03-01T08:30:00Z"));
    let to = |id: &dyn ToString| json!({"tutor_id": id.to_string()});
    student
        .post(&reassign, &to(&after.id))
        .await
        .expect_problem(403, "not_an_admin");
    before
        .person
        .post(&reassign, &to(&after.id))
        .await
        .expect_problem(403, "not_an_admin");
    admin
        .post(&reassign, &to(&before.id))
        .await
        .expect_problem(409, "same_tutor");
    let refused = admin.post(&reassign, &to(&busy.id)).await;
    let refused = refused.expect_problem(409, "slot_unavailable");
    assert_eq!(refused["conflicts"][0]["code"], "lesson");
    admin
        .post(&reassign, &to(&uuid::Uuid::now_v7()))
        .await
        .expect_problem(404, "not_found");

    let moved = admin.post(&reassign, &to(&after.id)).await.expect(200);
    assert_eq!(moved["id"], booked["id"]);
    assert_eq!(moved["tutor"]["name"], "Theo");
    assert_eq!(moved["status"], "confirmed");
    test.run_jobs().await;
    let events = |tutor: &str| test.google.events(tutor);
    let standing = |tutor: &str| {
        events(tutor)
            .into_iter()
            .filter(|event| event["status"] != "cancelled")
            .count()
    };
    assert_eq!(standing(&before.email), 0);
    assert_eq!(standing(&after.email), 1);
    assert_eq!(
        student.get(&booking).await.expect(200)["calendar"],
        "current"
    );
    before
        .person
        .get(&booking)
        .await
        .expect_problem(404, "not_found");
    after.person.get(&booking).await.expect(200);
    // The time of the first tutor is free again.
    let free = before.path("/slots/explain?start=2027-03-01T09:00:00Z&minutes=60");
    let reasons = before.person.get(&free).await.expect(200)["reasons"].clone();
    assert_eq!(reasons, json!([{"code": "notice"}]));
}
