//! What was answered 201 outlives the server being killed, and reaches the calendar exactly once. A request
//! whose answer was lost is repeated, and never clashes with itself.
//!
//! The server is this test program started once more, so that there is a process to kill; its database
//! and its Google are here and live on. It listens on a socket of ours, as under a supervisor: whoever
//! calls while it is down waits for the next one.

mod checks;

use crate::support::{
    Answer, Centre, Person, TestApp, TutorAtCentre, from_env,
    process::{Orders, Server},
    race::{Times, lasting, students},
};
use api::{config, seal::Keyring};
use checks::{events, expect_each_once_in_the_calendar, expect_exactly, expect_in_the_calendar};
use chrono::{DateTime, Datelike, Days, TimeDelta, Utc};
use chrono_tz::Europe::Berlin;
use futures::future::join_all;
use google_sandbox::{Failure, Target};
use rand::{Rng, SeedableRng, rngs::StdRng};
use reqwest::Method;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use std::{
    net::{Ipv4Addr, TcpListener},
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};
use uuid::Uuid;

/// How often the server is killed, unless `ROUNDS` says otherwise.
const ROUNDS: u64 = 4;
const STUDENTS: usize = 64;
const WISHES: usize = 4;
const TUTORS: usize = 4;

/// Of one request. A server is killed once, but a client may have several connections to it.
const TRIES: usize = 4;

/// Longer than anything here takes, but for a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_mins(2);

/// A booking that was answered 201.
struct Promise {
    student: usize,
    path: String,
    cancelled: bool,
}

/// What all clients together were told in one race.
#[derive(Default)]
struct Told {
    promises: Vec<Promise>,
    refused: usize,
    /// Requests of which no answer came, and which were repeated.
    repeated: usize,
    /// Of these, those that had been done.
    replayed: usize,
}

impl Told {
    fn add(&mut self, other: Self) {
        self.promises.extend(other.promises);
        self.refused += other.refused;
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

    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let base = config::at(socket.local_addr().unwrap());
    let orders = Orders {
        database: test.app.config.database.url.expose_secret().to_owned(),
        google: test.google.issuer(),
        keys,
        shared: None,
        provider: None,
    };
    let people: Vec<_> = students.iter().map(|student| student.at(&base)).collect();
    slow_down_commits(&test).await;
    let weeks = 7 * (rounds + 2);
    test.execute(&format!("UPDATE centre SET horizon_days = {weeks}"))
        .await;
    let mut server = Server::start(&orders, &socket);
    let mut all = Told::default();
    for round in 0..rounds {
        let wishes = wishes(&mut rng, round);
        let booked = AtomicUsize::new(0);
        let racing = race(&people, &tutors, &wishes, &booked);
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
        expect_in_the_calendar(&people, &told.promises).await;
        expect_each_once_in_the_calendar(&test, &tutors).await;
        all.add(told);
        expect_exactly(&test, &all.promises).await;
    }
    report(&test, &tutors, rounds, &all).await;
}

/// For whoever reads the output. What must hold was asserted before: nobody is double-booked, and no answer
/// had another status than 200, 201 or 409.
async fn report(test: &TestApp, tutors: &[TutorAtCentre], rounds: u64, told: &Told) {
    let again = test.google.requests().into_iter().filter(|request| {
        request.method == "POST" && request.path.ends_with("/events") && request.status == 409
    });
    let in_calendars = tutors.iter().map(|tutor| events(test, tutor).len());
    println!(
        "{rounds} kills; {} answered 201, {} refused, {} repeated of which {} had been done; {} bookings, {} lessons that \
         stand, {} events; Google was told twice of {} lessons",
        told.promises.len(),
        told.refused,
        told.repeated,
        told.replayed,
        test.count("SELECT count(*) FROM bookings").await,
        test.count("SELECT count(*) FROM lessons WHERE status <> 'cancelled'")
            .await,
        in_calendars.sum::<usize>(),
        again.count()
    );
}

/// For each student, different tutors and times that they would like, on days of this round; many overlap.
fn wishes(rng: &mut StdRng, round: u64) -> Vec<Vec<(usize, Times)>> {
    let today = Utc::now().with_timezone(&Berlin).date_naive();
    let to_monday = 7 - u64::from(today.weekday().num_days_from_monday());
    let monday = today + Days::new(to_monday + 7 * round);
    let mut wish = || {
        let date = monday + Days::new(rng.random_range(0..5));
        let half_hours = rng.random_range(0..14);
        let local = date.and_hms_opt(9, 0, 0).unwrap() + TimeDelta::minutes(30 * half_hours);
        let start: DateTime<Utc> = local.and_local_timezone(Berlin).unwrap().to_utc();
        let minutes = if rng.random() { 60 } else { 90 };
        (rng.random_range(0..TUTORS), lasting(start, minutes))
    };
    let mut some = || {
        let mut wishes = Vec::new();
        while wishes.len() < WISHES {
            let wish = wish();
            if !wishes.contains(&wish) {
                wishes.push(wish);
            }
        }
        wishes
    };
    (0..STUDENTS).map(|_| some()).collect()
}

/// Every student tries one wish after the other and cancels some of what they got.
async fn race(
    people: &[Person],
    tutors: &[TutorAtCentre],
    wishes: &[Vec<(usize, Times)>],
    booked: &AtomicUsize,
) -> Told {
    let each =
        people
            .iter()
            .zip(wishes)
            .enumerate()
            .map(|(student, (person, wishes))| async move {
                let mut told = Told::default();
                for (n, (tutor, times)) in wishes.iter().enumerate() {
                    let wanted = tutors[*tutor].lesson_over(*times);
                    let answer = until_answered(person, "/v1/bookings", &wanted, &mut told).await;
                    if answer.status == 409 {
                        answer.expect_problem(409, "slot_unavailable");
                        told.refused += 1;
                        continue;
                    }
                    booked.fetch_add(1, Ordering::Relaxed);
                    let path = location(answer);
                    let cancelled = n % 4 == 3;
                    if cancelled {
                        let cancel = format!("{path}/cancel");
                        let answer = until_answered(person, &cancel, &json!({}), &mut told).await;
                        answer.expect(200);
                    }
                    told.promises.push(Promise {
                        student,
                        path,
                        cancelled,
                    });
                }
                told
            });
    let mut all = Told::default();
    for told in join_all(each).await {
        all.add(told);
    }
    all
}

/// Sends the very same request until an answer comes.
async fn until_answered(person: &Person, path: &str, body: &Value, told: &mut Told) -> Answer {
    let key = Uuid::now_v7().to_string();
    for _ in 0..TRIES {
        let request = person.request(Method::POST, path);
        let request = request.header("idempotency-key", &key).json(body);
        if let Ok(answer) = person.try_send(request).await {
            told.replayed += usize::from(answer.headers.contains_key("idempotent-replayed"));
            return answer;
        }
        told.repeated += 1;
    }
    panic!("no answer to {TRIES} requests");
}

fn location(booked: Answer) -> String {
    let location = booked.headers.get("location").cloned();
    booked.expect(201);
    location.unwrap().to_str().unwrap().to_owned()
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
