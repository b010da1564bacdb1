//! Booking a lesson and giving it up again.

use crate::support::{Centre, TestApp, TutorAtCentre, at, email};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

fn lesson(tutor: &TutorAtCentre, start: DateTime<Utc>, minutes: i64) -> Value {
    json!({
        "tutor_id": tutor.id.0, "subject": "mathematics", "level": "School",
        "start": start, "end": start + TimeDelta::minutes(minutes),
    })
}

#[tokio::test]
async fn a_student_books_and_the_event_stands_in_the_tutors_calendar_with_the_student_as_attendee()
{
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let tutor = centre.connected_tutor(&test, "Tina").await;
    let student = test.student("Sam").await;

    let path = format!(
        "/v1/tutors/{}/slots?from=2027-03-02T00:00:00Z&to=2027-03-03T00:00:00Z&minutes=60&time_zone=Asia/Kolkata",
        tutor.id
    );
    let slots = student.get(&path).await.expect(200);
    // Nine to five in Berlin, every half hour, the last at four.
    assert_eq!(slots["items"].as_array().unwrap().len(), 15);
    assert_eq!(slots["items"][0]["start"], "2027-03-02T08:00:00Z");
    assert_eq!(
        slots["items"][0]["local_start"],
        "2027-03-02T13:30:00+05:30"
    );

    let booked = student
        .post(
            "/v1/bookings",
            &lesson(&tutor, at("2027-03-02T08:00:00Z"), 60),
        )
        .await;
    let location = booked.headers["location"].to_str().unwrap().to_owned();
    let booking = booked.expect(201);
    assert_eq!(booking["calendar"], "pending");

    test.run_jobs().await;
    let events = test.google.events(&tutor.email);
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["attendees"][0]["email"], email("Sam"));
    assert_eq!(
        at(events[0]["start"]["dateTime"].as_str().unwrap()),
        at("2027-03-02T08:00:00Z")
    );
    assert_eq!(
        student.get(&location).await.expect(200)["calendar"],
        "current"
    );

    let other = test.student("Olga").await;
    let refused = other
        .post(
            "/v1/bookings",
            &lesson(&tutor, at("2027-03-02T08:30:00Z"), 60),
        )
        .await;
    let problem = refused.expect_problem(409, "slot_unavailable");
    assert_eq!(problem["conflicts"][0]["code"], "lesson");
    let alternative = &problem["alternatives"][0];
    assert_eq!(alternative["start"], "2027-03-02T09:00:00Z");
    other
        .post(
            "/v1/bookings",
            &lesson(&tutor, at("2027-03-02T09:00:00Z"), 60),
        )
        .await
        .expect(201);

    student
        .post(&format!("{location}/cancel"), &json!({"reason": "ill"}))
        .await
        .expect(200);
    test.run_jobs().await;
    let events = test.google.events(&tutor.email);
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["attendees"][0]["email"], email("Olga"));
    let again = other.get(&path).await.expect(200);
    assert_eq!(again["items"][0]["start"], "2027-03-02T08:00:00Z");
}
