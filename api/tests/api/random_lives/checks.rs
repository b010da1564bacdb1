//! What must hold, whatever happened.

mod absences;
mod calendar;
mod trail;
mod waiting;

use super::{fate::Series, world::World};
use crate::support::TestApp;
use api::origin::{self, Actor};
use chrono::{NaiveDateTime, TimeDelta};
use std::collections::{BTreeMap, BTreeSet};

pub use trail::expect_told;
pub use waiting::expect_no_seat_left;

/// As the jobs do it.
pub async fn settle(test: &TestApp) {
    let origin = test.app.origin(Actor::Job, Some("regularly".into()));
    origin::scope(origin, settled(test)).await;
}

async fn settled(test: &TestApp) {
    while api::service::booking::settle(&test.app).await.unwrap() {}
    while api::service::credit::expire(&test.app).await.unwrap() {}
    while api::service::waitlist::sweep(&test.app).await.unwrap() {}
}

const OFFERS_TO_MAKE: &str =
    "SELECT count(*) FROM jobs WHERE kind IN ('offer_seats', 'offer_time')";

/// Lets time do its part and all jobs run, also those that wait because somebody was in their way.
async fn finish(test: &TestApp) {
    for _ in 0..10 {
        settle(test).await;
        test.run_jobs().await;
        if test.count(OFFERS_TO_MAKE).await == 0 {
            return;
        }
        test.pass(TimeDelta::minutes(10));
    }
    panic!("offers that can't be made");
}

/// When time has done its part, and all jobs have run.
pub async fn expect_sound(world: &World) {
    let test = &world.test;
    finish(test).await;
    assert_eq!(
        test.events_to_write().await,
        0,
        "events that could not be written"
    );
    test.expect_nobody_double_booked().await;
    test.expect_ledger_balanced().await;
    test.expect_promises_kept().await;
    test.expect_nothing_left_open().await;
    expect_within_quotas(test).await;
    expect_decided(test).await;
    expect_told(test).await;
    for tutor in &world.tutors {
        calendar::expect_lessons(test, tutor).await;
    }
    absences::expect_settled(world).await;
    expect_no_seat_left(world).await;
    assert_eq!(test.deadlocks().await, 0, "deadlocks");
}

/// Of what stands now, nobody has more than they may, but for what others than they have moved: tutors and admins are not
/// bound then. Counted from the tables by the wall clock of Berlin, and by the audit trail.
pub async fn expect_within_quotas(test: &TestApp) {
    let mut connection = test.own_connection().await;
    // Compiling the query takes a second, and running it some milliseconds.
    let off = sqlx::query("SET jit = off");
    off.execute(&mut connection).await.unwrap();
    let exceeded: Vec<(uuid::Uuid, String)> = sqlx::query_as(
        "WITH live AS (
            SELECT student_id, ends_at, starts_at AT TIME ZONE 'Europe/Berlin' AS local,
                   extract(epoch FROM ends_at - starts_at) / 60 AS minutes
            FROM bookings WHERE occupies AND reserved_for IS NULL AND (expires_at IS NULL OR expires_at > $1) AND NOT EXISTS (
                SELECT FROM audit_entries
                WHERE subject_id = bookings.id AND table_name = 'bookings' AND action = 'update' AND after -> 0 ?| '{starts_at,ends_at}'
                  AND actor_id <> student_id AND actor_id NOT IN (
                      SELECT guardian_id FROM guardianships WHERE guardianships.student_id = bookings.student_id))),
         allowed AS (
            SELECT users.id AS student_id,
                   coalesce(own.max_active_bookings, centre.max_active_bookings) AS bookings,
                   coalesce(own.weekly_minutes, centre.weekly_minutes) AS of_week,
                   coalesce(own.term_minutes, centre.term_minutes) AS of_term
            FROM centre, users LEFT JOIN student_quotas AS own ON own.student_id = users.id)
         SELECT student_id, 'bookings' FROM live JOIN allowed USING (student_id)
         WHERE ends_at > $1 GROUP BY student_id, bookings HAVING count(*) > bookings
         UNION ALL SELECT student_id, 'of a week' FROM live JOIN allowed USING (student_id)
         GROUP BY student_id, of_week, date_trunc('week', local) HAVING sum(minutes) > of_week
         UNION ALL SELECT student_id, 'of a term' FROM live JOIN allowed USING (student_id)
         JOIN terms ON local::date BETWEEN first_date AND last_date
         GROUP BY student_id, of_term, first_date HAVING sum(minutes) > of_term",
    )
    .bind(test.now())
    .fetch_all(&mut connection)
    .await
    .unwrap();
    assert!(exceeded.is_empty(), "more than allowed: {exceeded:?}");
}

/// Of each group lesson it was decided in time, and what stands then had enough students.
async fn expect_decided(test: &TestApp) {
    let undecided = "SELECT count(*) FROM lessons WHERE status = 'scheduled' AND decided_at IS NULL AND decides_at <= $1";
    let undecided: i64 = sqlx::query_scalar(undecided)
        .bind(test.now())
        .fetch_one(test.app.db.get_postgres_connection_pool())
        .await
        .unwrap();
    assert_eq!(undecided, 0, "lessons of which nobody decided");
    let too_few = "SELECT count(*) FROM lessons WHERE status = 'scheduled' AND decided_at < starts_at AND minimum > (
        SELECT count(*) FROM bookings WHERE lesson_id = lessons.id AND booked_at <= decided_at
            AND (cancelled_at IS NULL OR cancelled_at >= decided_at))";
    assert_eq!(test.count(too_few).await, 0, "lessons with too few");
}

/// Every series is one that was answered, and has had exactly the lessons that it was answered with.
pub async fn expect_series(test: &TestApp, series: &[Series]) {
    let rows: Vec<(String, NaiveDateTime)> = sqlx::query_as(
        "SELECT series.id::text, recurrence_id FROM series LEFT JOIN bookings
         ON series_id = series.id AND bookings.student_id = series.student_id",
    )
    .fetch_all(test.app.db.get_postgres_connection_pool())
    .await
    .unwrap();
    let mut kept: BTreeMap<String, BTreeSet<NaiveDateTime>> = BTreeMap::new();
    for (id, recurrence_id) in rows {
        assert!(kept.entry(id).or_default().insert(recurrence_id));
    }
    let told = series
        .iter()
        .map(|it| (it.id.clone(), it.occurrences.clone()));
    assert_eq!(told.collect::<BTreeMap<_, _>>(), kept);
}
