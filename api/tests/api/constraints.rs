//! The constraints alone keep lessons apart, whoever writes past the service and its locks.

use crate::support::{
    Centre, Person, TestApp,
    race::{Times, crowded, lasting, on_day, students},
};
use chrono::TimeDelta;
use futures::future::join_all;
use rand::Rng;
use sqlx::{Connection, PgConnection, PgTransaction};
use std::collections::BTreeMap;

const WRITERS: usize = 32;
const TRIES: u64 = 25;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn without_any_lock_no_two_lessons_of_a_tutor_or_a_student_overlap() {
    let test = crowded().await;
    let centre = Centre::open(&test).await;
    let mut tutors = Vec::new();
    for name in ["Tina", "Tom", "Tara"] {
        tutors.push(centre.tutor(&test, name).await.id.to_string());
    }
    let students = join_all(students(&test, 3).await.iter().map(id)).await;
    let writers = (0..WRITERS).map(|_| write(&test, &tutors, &students));
    let mut outcomes: BTreeMap<String, usize> = BTreeMap::new();
    for outcome in join_all(writers).await.into_iter().flatten() {
        *outcomes.entry(outcome).or_default() += 1;
    }
    println!("written without locks: {outcomes:?}");
    let possible = [
        "written",
        "lessons_tutor_no_overlap",
        "bookings_student_no_overlap",
        // Why the service locks first: two that wait for each other.
        "40P01",
    ];
    assert!(
        outcomes
            .keys()
            .all(|outcome| possible.contains(&&**outcome))
    );
    assert!(outcomes["written"] > 0 && outcomes["lessons_tutor_no_overlap"] > 0);
    assert!(outcomes["bookings_student_no_overlap"] > 0);
    test.expect_nobody_double_booked().await;
}

async fn id(student: &Person) -> String {
    let me = student.get("/v1/me").await.expect(200);
    me["id"].as_str().unwrap().to_owned()
}

/// Writes lessons with a booking each, one after the other, at random on few days; how each ended.
async fn write(test: &TestApp, tutors: &[String], students: &[String]) -> Vec<String> {
    let mut connection = test.own_connection().await;
    sqlx::query("SET deadlock_timeout = '20ms'")
        .execute(&mut connection)
        .await
        .unwrap();
    let mut outcomes = Vec::new();
    for day in 0..TRIES {
        let pick = |all: &[String]| all[rand::random_range(0..all.len())].clone();
        let (tutor, student) = (pick(tutors), pick(students));
        let minutes = 15 * rand::rng().random_range(0..16);
        let start = on_day(day, 9, 0) + TimeDelta::minutes(minutes);
        let length = [60, 90][rand::random_range(0..2)];
        let ended = book(&mut connection, &tutor, &student, lasting(start, length)).await;
        outcomes.push(ended.map_or_else(|error| name(&error), |()| "written".to_owned()));
    }
    outcomes
}

async fn book(
    connection: &mut PgConnection,
    tutor: &str,
    student: &str,
    times: Times,
) -> sqlx::Result<()> {
    let mut txn = connection.begin().await?;
    insert(&mut txn, tutor, student, times).await?;
    txn.commit().await
}

async fn insert(
    txn: &mut PgTransaction<'_>,
    tutor: &str,
    student: &str,
    (start, end): Times,
) -> sqlx::Result<()> {
    sqlx::query(
        "WITH lesson AS (
             INSERT INTO lessons (id, tutor_id, subject_id, level, starts_at, ends_at, status, created_at, updated_at)
             SELECT gen_random_uuid(), $1::uuid, id, 'School', $2::timestamptz, $3::timestamptz, 'scheduled', now(), now()
             FROM subjects WHERE slug = 'mathematics'
             RETURNING id, starts_at, ends_at)
         INSERT INTO bookings (id, lesson_id, student_id, starts_at, ends_at, status, booked_at, created_at, updated_at)
         SELECT gen_random_uuid(), id, $4::uuid, starts_at, ends_at, 'confirmed', now(), now(), now() FROM lesson",
    )
    .bind(tutor)
    .bind(start.to_rfc3339())
    .bind(end.to_rfc3339())
    .bind(student)
    .execute(&mut **txn)
    .await
    .map(|_| ())
}

/// The constraint that was violated, or else the SQLSTATE.
fn name(error: &sqlx::Error) -> String {
    let error = error.as_database_error().unwrap();
    let constraint = error.constraint().map(str::to_owned);
    constraint.unwrap_or_else(|| error.code().unwrap().into_owned())
}
