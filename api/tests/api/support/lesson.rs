//! Booking and cancelling lessons, and what stands of them in the tutor's calendar.

use super::{Person, TestApp, TutorAtCentre, at};
use chrono::{DateTime, Utc};
use serde_json::json;

/// Hours of one working day, one after the other.
pub const FIRST: &str = "2027-03-02T08:00:00Z";
pub const SECOND: &str = "2027-03-02T09:00:00Z";
pub const THIRD: &str = "2027-03-02T10:00:00Z";
pub const FOURTH: &str = "2027-03-02T11:00:00Z";

/// Books an hour; where the booking is.
pub async fn book(student: &Person, tutor: &TutorAtCentre, start: &str) -> String {
    let booked = student.post("/v1/bookings", &tutor.lesson(start, 60)).await;
    assert_eq!(booked.status, 201, "{:#}", booked.body);
    booked.headers["location"].to_str().unwrap().to_owned()
}

pub async fn cancel(student: &Person, booking: &str) {
    let path = format!("{booking}/cancel");
    student.post(&path, &json!({})).await.expect(200);
}

/// Fails unless events begin at these times in the tutor's calendar, and no others.
#[track_caller]
pub fn assert_starts(test: &TestApp, tutor: &TutorAtCentre, expected: &[&str]) {
    let events = test.google.events(&tutor.email);
    let mut starts: Vec<DateTime<Utc>> = events
        .iter()
        .map(|event| at(event["start"]["dateTime"].as_str().unwrap()))
        .collect();
    starts.sort_unstable();
    let expected: Vec<_> = expected.iter().map(|start| at(start)).collect();
    assert_eq!(starts, expected);
}

impl TestApp {
    /// How many lessons' events are still to be written, or were given up.
    pub async fn events_to_write(&self) -> i64 {
        self.count("SELECT count(*) FROM jobs WHERE kind = 'sync_lesson_event'")
            .await
    }

    /// How often Calendar was asked to insert an event.
    pub fn inserts(&self) -> usize {
        let log = self.google.requests();
        let insert = |method: &str, path: &str| method == "POST" && path.ends_with("/events");
        log.iter()
            .filter(|request| insert(&request.method, &request.path))
            .count()
    }
}
