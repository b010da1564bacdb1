//! What was answered 201 outlives the server being killed, and reaches the calendar exactly once.
//!
//! The server is this test program started once more, so that there is a process to kill; its database
//! and its Google are here and live on. It listens on a socket of ours, as under a supervisor: whoever
//! calls while it is down waits for the next one.

use crate::support::{
    self, Answer, Centre, Person, TestApp, TutorAtCentre,
    race::{Times, lasting, students},
};
use api::{
    app::App,
    clock::Clock,
    config::{self, Database},
    database,
    seal::Keyring,
    server,
};
use chrono::{DateTime, Datelike, Days, TimeDelta, Utc};
use chrono_tz::Europe::Berlin;
use futures::future::join_all;
use google_sandbox::{Failure, Target};
use rand::{Rng, SeedableRng, rngs::StdRng};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, TcpListener},
    os::{
        fd::{AsFd, OwnedFd},
        unix::process::parent_id,
    },
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

const ROUNDS: u64 = 6;
const STUDENTS: usize = 64;
const WISHES: usize = 4;
const TUTORS: usize = 4;

/// Longer than anything here takes, but for a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_mins(2);

/// What the server that is killed is told.
#[derive(Serialize, Deserialize)]
struct Orders {
    database: String,
    google: String,
    keys: String,
}

const ORDERS: &str = "TEST_SERVER_ORDERS";

#[test]
#[ignore = "is started, and killed, by another test"]
fn serves_until_killed() {
    let Ok(orders) = std::env::var(ORDERS) else {
        return;
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(serve(serde_json::from_str(&orders).unwrap()));
}

async fn serve(orders: Orders) {
    let socket = std::io::stdin().as_fd().try_clone_to_owned().unwrap();
    let listener = TcpListener::from(socket);
    listener.set_nonblocking(true).unwrap();
    let database = Database {
        url: orders.database.into(),
        max_connections: 16,
        migrate_on_start: false,
    };
    let bind = listener.local_addr().unwrap();
    let mut config = support::config(bind, &orders.google, database);
    config.keys = orders.keys.parse().unwrap();
    config.jobs.workers = 4;
    config.jobs.calendar_poll = Duration::from_secs(5);
    // What a killed server was doing is free again after this.
    config.jobs.lease = Duration::from_secs(3);
    let db = database::connect(&config.database).await.unwrap();
    let app = App::new(config, db, Clock::System).unwrap();
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    server::serve(app, listener, parent_gone()).await.unwrap();
}

/// So that nothing stays behind, whatever becomes of the test.
async fn parent_gone() {
    let parent = parent_id();
    while parent_id() == parent {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// A server in a process of its own.
struct Server(Child);

impl Server {
    fn start(orders: &Orders, socket: &TcpListener) -> Self {
        let socket = OwnedFd::from(socket.try_clone().unwrap());
        let process = Command::new(std::env::current_exe().unwrap())
            .args([
                "--ignored",
                "--exact",
                "--nocapture",
                "kill::serves_until_killed",
            ])
            .env(ORDERS, serde_json::to_string(orders).unwrap())
            .stdin(socket)
            .stdout(Stdio::null())
            .spawn();
        Self(process.unwrap())
    }

    /// SIGKILL: nothing of it runs any more when this returns.
    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A booking that was answered 201, and what is known of its end.
struct Promise {
    student: usize,
    path: String,
    /// Of the cancellation: none asked for, answered 200, or not answered.
    cancelled: Option<bool>,
}

/// What all clients together were told in one race.
#[derive(Default)]
struct Told {
    promises: Vec<Promise>,
    refused: usize,
    unanswered: usize,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_answered_201_outlives_sigkill_and_reaches_the_calendar_exactly_once() {
    let seed = std::env::var("SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("SEED={seed}");
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
    };
    let mut server = Server::start(&orders, &socket);
    let mut promises = Vec::new();
    for round in 0..ROUNDS {
        let people: Vec<_> = students.iter().map(|student| student.at(&base)).collect();
        let wishes = wishes(&mut rng, round);
        let booked = AtomicUsize::new(0);
        let racing = race(&people, &tutors, &wishes, &booked);
        let killing = async {
            kill_in_mid_race(&mut rng, round, &test, &tutors, &booked, &mut server).await;
            println!("round {round}: {}", under_way(&test).await);
            server = Server::start(&orders, &socket);
        };
        let (told, ()) = tokio::join!(racing, killing);
        println!(
            "round {round}: {} answered 201, {} refused, {} not answered",
            told.promises.len(),
            told.refused,
            told.unanswered
        );
        test.expect_nobody_double_booked().await;
        promises.extend(told.promises);
        expect_kept(&people, &promises, Instant::now() + PATIENCE).await;
        expect_each_once_in_the_calendar(&test, &tutors).await;
    }
    let again = test.google.requests().into_iter().filter(|request| {
        request.method == "POST" && request.path.ends_with("/events") && request.status == 409
    });
    println!(
        "{} promises kept; Google was told twice of {} lessons",
        promises.len(),
        again.count()
    );
}

/// For each student, tutors and times that they would like, on days of this round; many overlap.
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
    (0..STUDENTS)
        .map(|_| (0..WISHES).map(|_| wish()).collect())
        .collect()
}

/// Every student tries one wish after the other and cancels some of what they got. A request that is
/// cut off is not repeated.
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
                    match person.try_post("/v1/bookings", &wanted).await {
                        Err(_) => told.unanswered += 1,
                        Ok(answer) if answer.status == 409 => told.refused += 1,
                        Ok(answer) => {
                            booked.fetch_add(1, Ordering::Relaxed);
                            let path = location(answer);
                            let cancelled = if n % 4 == 3 {
                                Some(cancel(person, &path).await)
                            } else {
                                None
                            };
                            told.promises.push(Promise {
                                student,
                                path,
                                cancelled,
                            });
                        }
                    }
                }
                told
            });
    let mut all = Told::default();
    for told in join_all(each).await {
        all.promises.extend(told.promises);
        all.refused += told.refused;
        all.unanswered += told.unanswered;
    }
    all
}

fn location(booked: Answer) -> String {
    let location = booked.headers.get("location").cloned();
    booked.expect(201);
    location.unwrap().to_str().unwrap().to_owned()
}

/// Whether the cancellation was answered.
async fn cancel(person: &Person, path: &str) -> bool {
    match person.try_post(&format!("{path}/cancel"), &json!({})).await {
        Ok(answer) => {
            answer.expect(200);
            true
        }
        Err(_) => false,
    }
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

/// Every booking that was answered 201 is there, cancelled exactly if it was, and in time the calendar
/// says so.
async fn expect_kept(people: &[Person], promises: &[Promise], end: Instant) {
    for promise in promises {
        loop {
            let booking = people[promise.student].get(&promise.path).await.expect(200);
            let status = booking["status"].as_str().unwrap();
            match promise.cancelled {
                None => assert_eq!(status, "confirmed"),
                Some(true) => assert_eq!(status, "cancelled"),
                Some(false) => assert!(["confirmed", "cancelled"].contains(&status)),
            }
            if booking["calendar"] == "current" {
                break;
            }
            assert!(Instant::now() < end, "{booking:#}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Of every lesson that stands there is one event, at its time, and there are no others. Also of those
/// whose booking was never answered.
async fn expect_each_once_in_the_calendar(test: &TestApp, tutors: &[TutorAtCentre]) {
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
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

type Lesson = (String, DateTime<Utc>, DateTime<Utc>);

async fn lessons(test: &TestApp, tutor: &TutorAtCentre) -> BTreeSet<Lesson> {
    // As text, so that no type of the server is trusted with it.
    let rows: Vec<(String, String, String)> = sqlx::query_as(
        "SELECT id::text, to_char(starts_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'),
                to_char(ends_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')
         FROM lessons WHERE tutor_id = $1::uuid AND status <> 'cancelled'",
    )
    .bind(tutor.id.to_string())
    .fetch_all(&mut test.own_connection().await)
    .await
    .unwrap();
    rows.into_iter()
        .map(|(id, start, end)| (id, support::at(&start), support::at(&end)))
        .collect()
}

fn events(test: &TestApp, tutor: &TutorAtCentre) -> Vec<Lesson> {
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
