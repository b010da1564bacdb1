//! Many clients at once, and what must hold in the tables afterwards.

use super::{Answer, Person, TestApp, TutorAtCentre};
use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use chrono_tz::Europe::Berlin;
use futures::future::join_all;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// A start and an end.
pub type Times = (DateTime<Utc>, DateTime<Utc>);

/// How often each race is run.
pub const ROUNDS: u64 = 50;

/// How many clients race.
pub const CLIENTS: usize = 64;

/// A server that lets many in at once, and books far enough ahead for a day per round.
pub async fn crowded() -> TestApp {
    let test = TestApp::start_with(|config| config.database.max_connections = 32).await;
    test.execute("UPDATE centre SET horizon_days = 100").await;
    test
}

/// This many students, signed in.
pub async fn students(test: &TestApp, count: usize) -> Vec<Person> {
    join_all((0..count).map(|n| async move { test.student(&format!("Student{n}")).await })).await
}

/// An instant by the clock in Berlin on the working day of this round.
pub fn on_day(round: u64, hour: u32, minute: u32) -> DateTime<Utc> {
    let monday = NaiveDate::from_ymd_opt(2027, 3, 8).unwrap();
    let date = monday + Days::new(round / 5 * 7 + round % 5);
    let local = date.and_hms_opt(hour, minute, 0).unwrap();
    local.and_local_timezone(Berlin).unwrap().to_utc()
}

pub fn lasting(start: DateTime<Utc>, minutes: i64) -> Times {
    (start, start + TimeDelta::minutes(minutes))
}

/// Whether two half-open spans have an instant in common.
pub fn overlap(one: Times, other: Times) -> bool {
    one.0 < other.1 && other.0 < one.1
}

impl TutorAtCentre {
    /// The body of a booking of this tutor.
    pub fn lesson_over(&self, (start, end): Times) -> Value {
        json!({
            "tutor_id": self.id.0, "subject": "mathematics", "level": "School",
            "start": start, "end": end,
        })
    }
}

/// What a race came to: how many answers of each status, and the slowest.
pub struct Tally {
    what: &'static str,
    statuses: BTreeMap<u16, usize>,
    slowest: Duration,
    begun: Instant,
}

impl Tally {
    pub fn new(what: &'static str) -> Self {
        Self {
            what,
            statuses: BTreeMap::new(),
            slowest: Duration::ZERO,
            begun: Instant::now(),
        }
    }

    /// Starts all at once and waits for all.
    pub async fn race<F>(&mut self, requests: impl IntoIterator<Item = F>) -> Vec<Answer>
    where
        F: Future<Output = Answer>,
    {
        let timed = requests.into_iter().map(|request| async {
            let begun = Instant::now();
            (request.await, begun.elapsed())
        });
        let mut answers = Vec::new();
        for (answer, took) in join_all(timed).await {
            self.slowest = self.slowest.max(took);
            *self.statuses.entry(answer.status.as_u16()).or_default() += 1;
            answers.push(answer);
        }
        answers
    }

    /// Fails if there was an answer with any other status than these.
    #[track_caller]
    pub fn expect_only(&self, statuses: &[u16]) {
        let others = self
            .statuses
            .keys()
            .find(|status| !statuses.contains(status));
        assert_eq!(others, None, "{}: {:?}", self.what, self.statuses);
    }
}

/// For whoever reads the output: no test asks how fast it was.
impl Drop for Tally {
    fn drop(&mut self) {
        println!(
            "{}: {:?}, slowest {:?}, {:?} in all",
            self.what,
            self.statuses,
            self.slowest,
            self.begun.elapsed()
        );
    }
}

/// The codes of the reasons for a refusal of a slot.
#[track_caller]
pub fn reasons(refusal: Answer) -> Vec<String> {
    let problem = refusal.expect_problem(409, "slot_unavailable");
    let conflicts = problem["conflicts"].as_array().unwrap().iter();
    conflicts
        .map(|conflict| conflict["code"].as_str().unwrap().to_owned())
        .collect()
}

impl TestApp {
    /// A connection that the server knows nothing of.
    pub async fn own_connection(&self) -> PgConnection {
        PgConnection::connect(self.app.config.database.url.expose_secret())
            .await
            .unwrap()
    }

    /// Until this many of the server's connections stand still.
    pub async fn until_waiting_for_a_lock(&self, count: i64) {
        let waiting = "SELECT count(*) FROM pg_stat_activity
                       WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let mut connection = self.own_connection().await;
        let patience = Instant::now() + Duration::from_secs(8);
        while sqlx::query_scalar::<_, i64>(waiting)
            .fetch_one(&mut connection)
            .await
            .unwrap()
            < count
        {
            assert!(Instant::now() < patience, "nobody waits");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Asks the tables, by comparing everything with everything and not by the constraints, whether
    /// nobody is in two places at once and nothing is half booked.
    pub async fn expect_nobody_double_booked(&self) {
        let mut connection = self.own_connection().await;
        for (what, query) in CHECKS {
            let count: i64 = sqlx::query_scalar(query)
                .fetch_one(&mut connection)
                .await
                .unwrap();
            assert_eq!(count, 0, "{what}");
        }
    }

    /// Ends the server's connections, and tells how many deadlocks there were in its database.
    pub async fn deadlocks(&self) -> i64 {
        self.app.db.clone().close().await.unwrap();
        let mut connection = self.own_connection().await;
        // What a connection counted is told when it ends.
        let others = "SELECT count(*) FROM pg_stat_activity
                      WHERE datname = current_database() AND pid <> pg_backend_pid()";
        let patience = Instant::now() + Duration::from_secs(20);
        while sqlx::query_scalar::<_, i64>(others)
            .fetch_one(&mut connection)
            .await
            .unwrap()
            > 0
        {
            assert!(Instant::now() < patience, "connections stay");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        sqlx::query_scalar(
            "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()",
        )
        .fetch_one(&mut connection)
        .await
        .unwrap()
    }
}

const CHECKS: [(&str, &str); 10] = [
    (
        "lessons of one tutor that overlap",
        "SELECT count(*) FROM lessons AS one JOIN lessons AS other
         ON one.tutor_id = other.tutor_id AND one.id < other.id
            AND one.starts_at < other.ends_at AND other.starts_at < one.ends_at
         WHERE one.status <> 'cancelled' AND other.status <> 'cancelled'",
    ),
    (
        "bookings of one student that overlap",
        "SELECT count(*) FROM bookings AS one JOIN bookings AS other
         ON one.student_id = other.student_id AND one.id < other.id
            AND one.starts_at < other.ends_at AND other.starts_at < one.ends_at
         WHERE one.occupies AND other.occupies",
    ),
    (
        "lessons that a person gives while they have one themselves",
        "SELECT count(*) FROM lessons JOIN tutors ON tutors.id = lessons.tutor_id
         JOIN bookings ON bookings.student_id = tutors.user_id
            AND bookings.starts_at < lessons.ends_at AND lessons.starts_at < bookings.ends_at
         WHERE lessons.status <> 'cancelled' AND bookings.occupies",
    ),
    (
        "lessons that stand without exactly one student",
        "SELECT count(*) FROM lessons WHERE status <> 'cancelled' AND capacity = 1 AND 1 <>
         (SELECT count(*) FROM bookings WHERE lesson_id = lessons.id AND occupies)",
    ),
    (
        "lessons with more students than seats",
        "SELECT count(*) FROM lessons WHERE capacity <
         (SELECT count(*) FROM bookings WHERE lesson_id = lessons.id AND occupies)",
    ),
    (
        "seats that two have",
        "SELECT count(*) FROM (SELECT FROM bookings WHERE occupies GROUP BY lesson_id, seat HAVING count(*) > 1) AS shared",
    ),
    (
        "bookings that stand on a lesson that does not",
        "SELECT count(*) FROM bookings JOIN lessons ON lessons.id = bookings.lesson_id
         WHERE bookings.occupies AND lessons.status = 'cancelled'",
    ),
    (
        "bookings at another time than their lesson",
        "SELECT count(*) FROM bookings JOIN lessons ON lessons.id = bookings.lesson_id
         WHERE (bookings.starts_at, bookings.ends_at) <> (lessons.starts_at, lessons.ends_at)",
    ),
    (
        "proposed times that are neither set aside nor the lesson's own",
        "SELECT count(*) FROM bookings WHERE proposed_starts_at IS NOT NULL AND NOT (
             SELECT coalesce(range_agg(tstzrange(starts_at, ends_at)), '{}') FROM bookings AS taken
             WHERE bookings.id IN (taken.id, taken.reserved_for)
         ) @> tstzrange(proposed_starts_at, proposed_ends_at)",
    ),
    (
        "times that are set aside for no proposal",
        "SELECT count(*) FROM bookings AS taken JOIN bookings ON bookings.id = taken.reserved_for
         WHERE taken.occupies AND bookings.proposed_starts_at IS NULL",
    ),
];
