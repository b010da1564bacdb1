//! What must hold, whatever happened.

use crate::support::{TestApp, TutorAtCentre, at};
use chrono::{DateTime, Utc};
use scheduling::lifecycle::RULES;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

pub async fn settle(test: &TestApp) {
    while api::service::booking::settle(&test.app).await.unwrap() {}
}

/// When time has done its part, and all jobs have run.
pub async fn expect_sound(test: &TestApp, tutors: &[TutorAtCentre]) {
    settle(test).await;
    test.run_jobs().await;
    assert_eq!(
        test.events_to_write().await,
        0,
        "events that could not be written"
    );
    test.expect_nobody_double_booked().await;
    expect_legal_lives(test).await;
    for tutor in tutors {
        expect_lessons_in_calendar(test, tutor).await;
    }
    assert_eq!(test.deadlocks().await, 0, "deadlocks");
}

/// Every booking came to be, and changed, by rules only; and the audit trail tells all of it.
async fn expect_legal_lives(test: &TestApp) {
    let mut connection = test.own_connection().await;
    let entries: Vec<(uuid::Uuid, String, Option<Value>)> = sqlx::query_as(
        "SELECT subject_id, action, after -> 0 FROM audit_entries WHERE table_name = 'bookings' ORDER BY id",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    let mut told: BTreeMap<uuid::Uuid, Map<String, Value>> = BTreeMap::new();
    for (id, action, after) in entries {
        if action == "delete" {
            let forgotten = told.remove(&id).unwrap();
            assert!(!forgotten.contains_key("booked_at"), "{forgotten:?}");
            continue;
        }
        let booking = told.entry(id).or_default();
        let Some(Value::Object(after)) = after else {
            panic!("{id} {action}: nothing told")
        };
        if let Some(to) = after.get("status") {
            let from = booking.get("status");
            let legal = |rule: &scheduling::lifecycle::Rule| {
                rule.from.map(|from| Value::from(from.name())).as_ref() == from
                    && to == rule.to.name()
            };
            assert!(RULES.iter().any(legal), "{id} went from {from:?} to {to}");
        }
        booking.extend(after);
        booking.retain(|_, value| !value.is_null());
    }
    // As the trail writes times.
    sqlx::query("SET timezone = 'UTC'")
        .execute(&mut connection)
        .await
        .unwrap();
    let rows: Vec<(uuid::Uuid, Value)> = sqlx::query_as(
        "SELECT id, jsonb_strip_nulls(to_jsonb(bookings)
             - '{occupies, version, created_at, updated_at}'::text[]) FROM bookings",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    assert!(!rows.is_empty());
    assert_eq!(rows.len(), told.len());
    for (id, row) in rows {
        assert_eq!(
            Value::Object(told.remove(&id).unwrap()),
            row,
            "the trail and the table of {id}"
        );
    }
}

/// A lesson, its time, and its guests in order.
type Event = (String, DateTime<Utc>, DateTime<Utc>, Vec<String>);

/// Of every lesson that stands there is one event, at its time, with its students as guests; and there are no others.
async fn expect_lessons_in_calendar(test: &TestApp, tutor: &TutorAtCentre) {
    let rows: Vec<Event> = sqlx::query_as(
        "SELECT lessons.id::text, lessons.starts_at, lessons.ends_at, array_agg(email ORDER BY email)
         FROM lessons
         JOIN bookings ON lesson_id = lessons.id AND bookings.status IN ('confirmed', 'completed', 'no_show')
         JOIN users ON users.id = student_id
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
