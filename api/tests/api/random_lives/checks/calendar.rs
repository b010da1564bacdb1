//! What stands in the tutors' calendars.

use crate::support::{TestApp, TutorAtCentre, at};
use chrono::{DateTime, Utc};
use serde_json::Value;
use std::collections::BTreeSet;

/// A lesson, its time, and its guests in order.
type Event = (String, DateTime<Utc>, DateTime<Utc>, Vec<String>);

/// Of every lesson that stands there is one event, at its time, with its students as guests, also if there are none; and
/// there are no others.
pub async fn expect_lessons(test: &TestApp, tutor: &TutorAtCentre) {
    let rows: Vec<Event> = sqlx::query_as(
        "SELECT lessons.id::text, lessons.starts_at, lessons.ends_at,
                array_remove(array_agg(email ORDER BY email), NULL)
         FROM lessons
         LEFT JOIN bookings ON lesson_id = lessons.id AND bookings.status IN ('confirmed', 'completed', 'no_show')
         LEFT JOIN users ON users.id = student_id
         WHERE tutor_id = $1 AND lessons.status = 'scheduled'
         GROUP BY lessons.id",
    )
    .bind(tutor.id.0)
    .fetch_all(&mut test.own_connection().await)
    .await
    .unwrap();
    let lessons = BTreeSet::from_iter(rows);
    let events = test.google.events(&tutor.email);
    // Those to which somebody else invites the tutor are not the tutor's.
    let own = events.iter().filter(|it| it["organizer"]["self"] == true);
    let events: Vec<Event> = own.map(event).collect();
    let distinct: BTreeSet<Event> = events.iter().cloned().collect();
    assert_eq!(distinct.len(), events.len(), "a lesson has two events");
    let amiss: Vec<_> = lessons.symmetric_difference(&distinct).collect();
    assert!(
        amiss.is_empty(),
        "in the table or the calendar, and not both: {amiss:#?}"
    );
}

fn event(event: &Value) -> Event {
    let instant = |side: &str| at(event[side]["dateTime"].as_str().unwrap());
    let mark = &event["extendedProperties"]["private"]["tutoringSchedulerLesson"];
    let guests = event["attendees"].as_array().into_iter().flatten();
    let guests = guests.map(|guest| guest["email"].as_str().unwrap().to_owned());
    let mut guests: Vec<String> = guests.collect();
    guests.sort_unstable();
    (
        mark.as_str().unwrap().to_owned(),
        instant("start"),
        instant("end"),
        guests,
    )
}
