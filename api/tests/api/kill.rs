//! What was promised (bookings, also with credit, seats, also those that were waited for, series, matchings, lessons that
//! other tutors take over, groups that are opened) outlives the server being killed, and reaches the calendar exactly once. A request whose answer was lost is repeated, never clashes with itself,
//! and is answered as before whenever it is repeated.
//!
//! The server is this test program started once more, so that there is a process to kill; its database
//! and its Google are here and live on. It listens on a socket of ours, as under a supervisor: whoever
//! calls while it is down waits for the next one.

mod checks;
mod race;
mod week;

use crate::{
    random_lives::checks::expect_told,
    support::{
        Centre, Person, TestApp, TutorAtCentre, from_env,
        process::{Orders, Server},
        race::students,
    },
};
use api::{config, seal::Keyring};
use checks::{
    events, expect_answered_as_before, expect_each_once_in_the_calendar, expect_exactly,
    expect_in_the_calendar,
};
use chrono::Utc;
use futures::future::join_all;
use google_sandbox::{Failure, Target};
use race::race;
use rand::{Rng, SeedableRng, rngs::StdRng};
use reqwest::StatusCode;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use std::{
    net::{Ipv4Addr, TcpListener},
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};
use week::Week;

/// How often the server is killed, unless `ROUNDS` says otherwise.
const ROUNDS: u64 = 4;
const STUDENTS: usize = 64;
const TUTORS: usize = 4;
const MATCHINGS: usize = 6;

/// Of one request. A server is killed once, but a client may have several connections to it.
const TRIES: usize = 4;

/// Longer than anything here takes, but for a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_mins(2);

/// A booking that was answered.
struct Promise {
    /// Who asked for it.
    person: usize,
    path: String,
    cancelled: bool,
}

/// A request that was answered, and how.
struct Kept {
    person: usize,
    path: String,
    key: String,
    request: Value,
    status: StatusCode,
    answer: Value,
}

/// What all clients together were told in one race.
#[derive(Default)]
struct Told {
    promises: Vec<Promise>,
    kept: Vec<Kept>,
    refused: usize,
    /// Lessons of tutors who were absent.
    handed_over: usize,
    /// Requests of which no answer came, and which were repeated.
    repeated: usize,
    /// Of these, those that had been done.
    replayed: usize,
}

impl Told {
    fn add(&mut self, other: Self) {
        self.promises.extend(other.promises);
        self.kept.extend(other.kept);
        self.refused += other.refused;
        self.handed_over += other.handed_over;
        self.repeated += other.repeated;
        self.replayed += other.replayed;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_answered_201_outlives_sigkill_and_reaches_the_calendar_exactly_once() {
    let seed = from_env("SEED").unwrap_or_else(rand::random);
    let rounds = from_env("ROUNDS").unwrap_or(ROUNDS);
    println!("SEED={seed} ROUNDS={rounds}");
    let mut rng = StdRng::seed_from_u64(seed);
    let keys = Keyring::generate();
    let test = TestApp::start_with(|config| config.keys = keys.parse().unwrap()).await;
    test.set_clock(Utc::now());
    test.google.set_clock(None);
    let centre = Centre::open(&test).await;
    let tutors = join_all((0..TUTORS).map(|n| {
        let (centre, test) = (&centre, &test);
        async move { centre.connected_tutor(test, &format!("Tutor{n}")).await }
    }))
    .await;
    let students = students(&test, STUDENTS).await;
    let (admin, other) = (test.admin("Ada").await, test.admin("Ben").await);
    grant_credit(&admin, &students).await;
    let mut matched = Vec::new();
    for n in 0..2 * MATCHINGS {
        matched.push(test.student(&format!("Matched{n}")).await.id().await);
    }

    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let base = config::at(socket.local_addr().unwrap());
    let orders = Orders {
        database: test.app.config.database.url.expose_secret().to_owned(),
        google: test.google.issuer(),
        keys,
        shared: None,
        provider: None,
    };
    let people = students.iter().chain([&admin, &other]);
    let people = people.chain(tutors.iter().map(|tutor| &tutor.person));
    let people: Vec<_> = people.map(|person| person.at(&base)).collect();
    slow_down_commits(&test).await;
    let weeks = 7 * (rounds + 2);
    test.execute(&format!("UPDATE centre SET horizon_days = {weeks}"))
        .await;
    let mut server = Server::start(&orders, &socket);
    let mut all = Told::default();
    for round in 0..rounds {
        let mut week = Week::new(&mut rng, round, &tutors);
        let groups = week.open_groups().await;
        let mut wishes: Vec<_> = (0..STUDENTS).map(|_| week.wishes(&groups)).collect();
        wishes.extend([week.matchings(&matched), week.absences()]);
        wishes.extend(week.openings());
        let booked = AtomicUsize::new(0);
        let racing = race(&people, &wishes, &booked);
        let killing = async {
            kill_in_mid_race(&mut rng, round, &test, &tutors, &booked, &mut server).await;
            println!("round {round}: {}", under_way(&test).await);
            end_what_the_killed_held(&test).await;
            server = Server::start(&orders, &socket);
        };
        let (told, ()) = tokio::join!(racing, killing);
        println!(
            "round {round}: {} answered 201, {} refused, {} repeated of which {} had been done",
            told.promises.len(),
            told.refused,
            told.repeated,
            told.replayed
        );
        test.expect_nobody_double_booked().await;
        test.expect_ledger_balanced().await;
        until_offered(&test).await;
        test.expect_promises_kept().await;
        expect_told(&test).await;
        expect_answered_as_before(&people, &told.kept).await;
        expect_in_the_calendar(&people, &told.promises).await;
        expect_each_once_in_the_calendar(&test, &tutors).await;
        all.add(told);
        expect_exactly(&test, &all.promises).await;
    }
    report(&test, &tutors, rounds, &all).await;
}

/// For whoever reads the output. What must hold was asserted before: nobody is double-booked, and no answer
/// was anything but what was wanted, or a refusal for somebody else's sake.
async fn report(test: &TestApp, tutors: &[TutorAtCentre], rounds: u64, told: &Told) {
    let again = test.google.requests().into_iter().filter(|request| {
        request.method == "POST" && request.path.ends_with("/events") && request.status == 409
    });
    let in_calendars = tutors.iter().map(|tutor| events(test, tutor).len());
    println!(
        "{rounds} kills; {} answered 201, {} refused, {} handed over, {} repeated of which {} had been done; {} bookings, {} lessons that \
         stand, {} events; Google was told twice of {} lessons",
        told.promises.len(),
        told.refused,
        told.handed_over,
        told.repeated,
        told.replayed,
        test.count("SELECT count(*) FROM bookings").await,
        test.count("SELECT count(*) FROM lessons WHERE status <> 'cancelled'")
            .await,
        in_calendars.sum::<usize>(),
        again.count()
    );
}

/// Enough for all that they pay for.
async fn grant_credit(admin: &Person, students: &[Person]) {
    for student in students {
        let grant = json!({
            "student_id": student.id().await, "subject": "mathematics", "kind": "grant", "minutes": 10_000, "reason": "?",
        });
        admin.post("/v1/credits", &grant).await.expect(200);
    }
}

/// Makes the moment last in which a booking is committed and its answer is not on its way: Postgres ends a commit
/// also when nobody is there any more to hear of it.
async fn slow_down_commits(test: &TestApp) {
    test.execute(
        "CREATE FUNCTION take_long() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             PERFORM pg_sleep(0.03 * random());
             RETURN NULL;
         END $$;
         CREATE CONSTRAINT TRIGGER take_long AFTER INSERT OR UPDATE ON bookings
         DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION take_long()",
    )
    .await;
}

/// Waits for a moment that hurts: in every other round some time after some booking, in the others as
/// soon as Google has made an event of which it could not tell us.
async fn kill_in_mid_race(
    rng: &mut StdRng,
    round: u64,
    test: &TestApp,
    tutors: &[TutorAtCentre],
    booked: &AtomicUsize,
    server: &mut Server,
) {
    let events = || -> usize {
        let of = |tutor: &TutorAtCentre| test.google.all_events(&tutor.email).len();
        tutors.iter().map(of).sum()
    };
    let begun = Instant::now();
    if round.is_multiple_of(2) {
        let enough = rng.random_range(1..30);
        until(begun + PATIENCE, "bookings", || {
            booked.load(Ordering::Relaxed) >= enough
        })
        .await;
        tokio::time::sleep(Duration::from_micros(rng.random_range(0..30_000))).await;
    } else {
        let lost = Failure::lost_answer(Target::Calendar)
            .method("POST")
            .path("/events");
        let (before, more) = (events(), rng.random_range(1..10));
        test.google.fail_next(lost.times(u32::MAX));
        until(begun + PATIENCE, "events", || events() >= before + more).await;
    }
    server.kill();
    test.google.clear_failures();
}

async fn until(end: Instant, what: &str, is_so: impl Fn() -> bool) {
    while !is_so() {
        assert!(Instant::now() < end, "no {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Until the server has made the offers that the killed one did not.
async fn until_offered(test: &TestApp) {
    let end = Instant::now() + PATIENCE;
    let waiting = "SELECT count(*) FROM jobs WHERE kind IN ('offer_seats', 'offer_time')";
    while test.count(waiting).await > 0 {
        assert!(Instant::now() < end, "offers are not made");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    test.app.clock.set(Utc::now());
}

/// What the killed server had not finished.
async fn under_way(test: &TestApp) -> String {
    let mut connection = test.own_connection().await;
    let leased: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM jobs WHERE leased_until IS NOT NULL AND kind = 'sync_lesson_event'",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap();
    let waiting: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM jobs WHERE leased_until IS NULL AND kind = 'sync_lesson_event'",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap();
    format!("killed with {leased} events being written and {waiting} waiting")
}

/// Does what time would: leases and claims that the killed server held end. It is before the next server starts, so that
/// nobody's are ended but those of the dead.
async fn end_what_the_killed_held(test: &TestApp) {
    test.execute(
        "UPDATE jobs SET leased_until = now() WHERE leased_until IS NOT NULL;
         UPDATE idempotency_keys SET in_flight_until = now() WHERE in_flight_until IS NOT NULL",
    )
    .await;
}
