//! What must hold after each race.

use super::{Kept, PATIENCE, Promise};
use crate::support::{self, Person, TestApp, TutorAtCentre};
use chrono::{DateTime, Utc};
use reqwest::Method;
use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

/// In time the calendar says of every booking what the booking says.
pub async fn expect_in_the_calendar(people: &[Person], promises: &[Promise]) {
    let end = Instant::now() + PATIENCE;
    for promise in promises {
        loop {
            let booking = people[promise.person].get(&promise.path).await.expect(200);
            if booking["calendar"] == "current" {
                break;
            }
            assert!(Instant::now() < end, "{booking:#}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Whoever repeats a request hears what they heard first, word for word, and nothing is done.
pub async fn expect_answered_as_before(people: &[Person], kept: &[Kept]) {
    for kept in kept {
        let person = &people[kept.person];
        let request = person.request(Method::POST, &kept.path);
        let request = request.header("idempotency-key", &kept.key);
        let again = person.send(request.json(&kept.request)).await;
        assert_eq!(again.headers["idempotent-replayed"], "true");
        assert_eq!(
            (again.status, again.body),
            (kept.status, kept.answer.clone())
        );
    }
}

/// Every booking that was answered 201 is there, cancelled exactly if it was, and there is none that was not
/// answered. So who was refused, was refused for somebody else's.
pub async fn expect_exactly(test: &TestApp, promises: &[Promise]) {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "SELECT '/v1/bookings/' || id, status::text FROM bookings WHERE booked_at IS NOT NULL",
    )
    .fetch_all(&mut test.own_connection().await)
    .await
    .unwrap();
    let status = |cancelled| if cancelled { "cancelled" } else { "confirmed" };
    let answered: BTreeSet<_> = promises
        .iter()
        .map(|promise| (promise.path.clone(), status(promise.cancelled).to_owned()))
        .collect();
    assert_eq!(
        answered.len(),
        promises.len(),
        "two were promised one booking"
    );
    let booked = rows.into_iter().collect();
    let amiss: Vec<_> = answered.symmetric_difference(&booked).collect();
    assert!(
        amiss.is_empty(),
        "promised or booked, and not both: {amiss:?}"
    );
}

/// Of every lesson that stands there is one event, at its time, and there are no others. Also of those
/// whose booking was never answered.
pub async fn expect_each_once_in_the_calendar(test: &TestApp, tutors: &[TutorAtCentre]) {
    let end = Instant::now() + PATIENCE;
    for tutor in tutors {
        loop {
            let (lessons, events) = (lessons(test, tutor).await, events(test, tutor));
            let distinct: BTreeSet<_> = events.iter().cloned().collect();
            assert_eq!(distinct.len(), events.len(), "a lesson has two events");
            if distinct == lessons {
                break;
            }
            assert!(Instant::now() < end, "{lessons:#?} and {distinct:#?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

type Lesson = (String, DateTime<Utc>, DateTime<Utc>);

async fn lessons(test: &TestApp, tutor: &TutorAtCentre) -> BTreeSet<Lesson> {
    // As text, so that no type of the server is trusted with it.
    let rows: Vec<(String, String, String)> = sqlx::query_as(
        "SELECT id::text, to_char(starts_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'),
                to_char(ends_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')
         FROM lessons WHERE tutor_id = $1::uuid AND status = 'scheduled'",
    )
    .bind(tutor.id.to_string())
    .fetch_all(&mut test.own_connection().await)
    .await
    .unwrap();
    rows.into_iter()
        .map(|(id, start, end)| (id, support::at(&start), support::at(&end)))
        .collect()
}

pub fn events(test: &TestApp, tutor: &TutorAtCentre) -> Vec<Lesson> {
    let events = test.google.events(&tutor.email);
    events
        .iter()
        .map(|event| {
            let instant = |side: &str| support::at(event[side]["dateTime"].as_str().unwrap());
            let mark = &event["extendedProperties"]["private"]["tutoringSchedulerLesson"];
            (
                mark.as_str().unwrap().to_owned(),
                instant("start"),
                instant("end"),
            )
        })
        .collect()
}
