//! Budgets that several instances share through Redis.
//!
//! They need a redis-server, so they run by themselves: `cargo test -p api --test api rate_limit::shared -- --include-ignored`.

use super::{header, per_minute, refused};
use crate::support::{
    ENOUGH, NOW, Person, Redis, TestApp, at, budgets,
    process::{Orders, Server, SharedOrders},
};
use api::{
    clock::Clock,
    config::{self, Budgets, SharedBudgets},
    seal::Keyring,
};
use chrono::{TimeDelta, Utc};
use futures::future::join_all;
use reqwest::StatusCode;
use secrecy::ExposeSecret;
use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

/// Longer than Redis takes, but for a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(20);

/// For what is expected not to answer.
const IMPATIENCE: Duration = Duration::from_millis(100);

async fn start(url: &str, patience: Duration, change: impl FnOnce(&mut Budgets)) -> TestApp {
    let mut changed = budgets(ENOUGH);
    change(&mut changed);
    let redis = redis::Client::open(url).unwrap();
    TestApp::start_with(|config| {
        config.rate_limits.budgets = Some(changed);
        config.rate_limits.shared = Some(SharedBudgets { redis, patience });
    })
    .await
}

/// How many of so many requests, sent at once to these servers in turn, are answered and not refused.
async fn answered(at: &[Person], requests: usize) -> usize {
    let asked = (0..requests).map(|n| at[n % at.len()].get("/v1/me"));
    let answers = join_all(asked).await;
    let answered = |status: StatusCode| {
        assert!(status == 200 || status == 429, "{status}");
        status == 200
    };
    answers
        .iter()
        .filter(|answer| answered(answer.status))
        .count()
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn two_instances_let_through_together_what_one_would() {
    let redis = Redis::start().await;
    let test = start(&redis.url(), PATIENCE, |all| all.read = per_minute(30)).await;
    let second = test.another_instance().await;
    let sam = test.student("Sam").await;
    // Whoever comes while the second one connects is counted by it alone.
    test.stranger().at(&second).get("/v1/me").await.expect(401);
    let both = [sam.at(&test.base), sam.at(&second)];
    assert_eq!(answered(&both, 100).await, 30);
    test.pass(TimeDelta::seconds(6));
    assert_eq!(answered(&both, 100).await, 3);
    test.pass(TimeDelta::minutes(1));
    assert_eq!(answered(&both, 100).await, 30);
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn what_is_told_of_a_shared_budget_is_what_is_told_of_one_in_memory() {
    let redis = Redis::start().await;
    let shared = start(&redis.url(), PATIENCE, |all| all.read = per_minute(7)).await;
    let alone = super::start(|all| all.read = per_minute(7), &[]).await;
    let people = [shared.student("Sam").await, alone.student("Sam").await];
    for milliseconds in [
        0, 0, 500, 8071, 0, 1, 0, 0, 0, 0, 8000, 571, 60_000, 0, 0, 0,
    ] {
        let [one, other] = [&shared, &alone].map(|test| {
            test.pass(TimeDelta::milliseconds(milliseconds));
            test.now()
        });
        assert_eq!(one, other);
        let [mut told, mut expected] =
            [people[0].get("/v1/me").await, people[1].get("/v1/me").await];
        assert_eq!(told.status, expected.status);
        for name in ["ratelimit", "ratelimit-policy", "retry-after"] {
            // Of the address more was counted in the one than in the other, by as much as the other waits.
            let [told, expected] = [&mut told, &mut expected].map(|answer| {
                let value = answer.headers.remove(name);
                value.map(|value| {
                    value
                        .to_str()
                        .unwrap()
                        .split(',')
                        .next()
                        .unwrap()
                        .to_owned()
                })
            });
            assert_eq!(told, expected, "{name} after {milliseconds} ms");
        }
    }
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn signing_in_counts_in_one_call_against_both_budgets_of_the_address() {
    let redis = Redis::start().await;
    let test = start(&redis.url(), PATIENCE, |all| all.sign_in = per_minute(4)).await;
    let stranger = test.stranger();
    stranger.get("/v1/auth/sign-in").await.expect(303);
    redis.ask::<()>(&["CONFIG", "RESETSTAT"]).await;
    stranger.get("/v1/auth/sign-in").await.expect(303);
    let stats: String = redis.ask(&["INFO", "commandstats"]).await;
    let calls = stats
        .lines()
        .filter_map(|line| line.split_once("cmdstat_eval"));
    let calls: Vec<_> = calls
        .map(|(_, rest)| rest.split(',').next().unwrap())
        .collect();
    assert_eq!(calls, ["sha:calls=1"]);
    for _ in 0..2 {
        stranger.get("/v1/auth/sign-in").await.expect(303);
    }
    let headers = refused(stranger.get("/v1/auth/sign-in").await, 15);
    let limit = header(&headers, "ratelimit");
    assert!(
        limit.starts_with("\"sign_in\";r=0;t=15, \"address\";r=99999"),
        "{limit}"
    );
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn what_is_kept_is_short_and_forgotten_when_nothing_is_owed_any_more() {
    let redis = Redis::start().await;
    let test = start(&redis.url(), PATIENCE, |all| all.read = per_minute(30)).await;
    test.student("Sam").await.get("/v1/me").await.expect(200);
    let keys: Vec<String> = redis.ask(&["KEYS", "*"]).await;
    assert_eq!(keys.len(), 3, "{keys:?}");
    for key in keys {
        assert!(key.starts_with("tutoring:rate_limit:{"), "{key}");
        assert!(key.len() < 100, "{key}");
        let seconds: u64 = redis.ask(&["TTL", &key]).await;
        assert!((1..=120).contains(&seconds), "{key}: {seconds}");
    }
}

/// Else a slow clock would give back what was counted by a fast one, or the other way round.
#[tokio::test]
#[ignore = "needs redis-server"]
async fn instances_whose_clocks_are_apart_share_a_budget_all_the_same() {
    let redis = Redis::start().await;
    let test = start(&redis.url(), PATIENCE, |all| all.read = per_minute(6)).await;
    let behind = Clock::standing_at(at(NOW) - TimeDelta::seconds(5));
    let second = test.another_instance_at(behind).await;
    let sam = test.student("Sam").await;
    test.stranger().at(&second).get("/v1/me").await.expect(401);
    let both = [sam.at(&test.base), sam.at(&second)];
    assert_eq!(answered(&both, 40).await, 6);
    assert_eq!(answered(&both, 40).await, 0);
}

/// An address at which everything is accepted, and nothing answered.
async fn silence() -> (String, tokio::task::JoinHandle<()>) {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .unwrap();
    let url = format!("redis://{}/", listener.local_addr().unwrap());
    let hold = tokio::spawn(async move {
        let mut all = Vec::new();
        while let Ok(accepted) = listener.accept().await {
            all.push(accepted);
        }
    });
    (url, hold)
}

/// As long as no Redis is of use, each instance counts for itself.
async fn counts_alone(url: &str) {
    let test = start(url, IMPATIENCE, |all| all.read = per_minute(5)).await;
    let sam = test.student("Sam").await;
    let second = sam.at(&test.another_instance().await);
    let begun = Instant::now();
    assert_eq!(answered(&[sam], 20).await, 5);
    assert_eq!(answered(&[second], 20).await, 5);
    // Of forty requests at most one for each instance waited.
    assert!(begun.elapsed() < IMPATIENCE * 20, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_redis_that_never_answers_holds_nobody_up() {
    counts_alone(&silence().await.0).await;
}

#[tokio::test]
async fn where_there_is_no_redis_each_instance_counts_for_itself() {
    let gone = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("redis://{}/", gone.local_addr().unwrap());
    drop(gone);
    counts_alone(&url).await;
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn with_a_wrong_password_each_instance_counts_for_itself() {
    let redis = Redis::start().await;
    counts_alone(&redis.url_with("wrong")).await;
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn redis_is_asked_again_a_second_after_it_failed() {
    let mut redis = Redis::start().await;
    let test = start(&redis.url(), PATIENCE, |all| all.read = per_minute(5)).await;
    let sam = test.student("Sam").await;
    assert_eq!(answered(&[sam.at(&test.base)], 5).await, 5);
    redis.kill();
    // The first to notice opens a budget of memory, and it is as large.
    assert_eq!(answered(&[sam.at(&test.base)], 20).await, 5);
    redis.start_again().await;
    assert_eq!(answered(&[sam.at(&test.base)], 20).await, 0);
    test.pass(TimeDelta::seconds(1));
    sam.get("/v1/me").await.expect(200);
    let keys: Vec<String> = redis.ask(&["KEYS", "*person*"]).await;
    assert_eq!(keys.len(), 1);
}

/// Two servers in processes of their own, with one database, one Redis and clocks that run.
struct Servers {
    test: TestApp,
    bases: [url::Url; 2],
    metrics: [SocketAddr; 2],
    _processes: [Server; 2],
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap()
}

impl Servers {
    async fn start(redis: &Redis, read: u32, patience: Duration) -> Self {
        let keys = Keyring::generate();
        let test = TestApp::start_with(|config| config.keys = keys.parse().unwrap()).await;
        test.set_clock(Utc::now());
        let metrics = [free_address(), free_address()];
        let sockets = [(); 2].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
        let start = |at: usize| {
            let shared = SharedOrders {
                redis: redis.url(),
                patience,
                read: per_minute(read),
                metrics: metrics[at],
            };
            let orders = Orders {
                database: test.app.config.database.url.expose_secret().to_owned(),
                google: test.google.issuer(),
                keys: keys.clone(),
                shared: Some(shared),
                provider: None,
            };
            Server::start(&orders, &sockets[at])
        };
        let processes = [start(0), start(1)];
        let bases = [0, 1].map(|at| config::at(sockets[at].local_addr().unwrap()));
        for base in &bases {
            let connecting = test.stranger().at(base);
            connecting.get("/v1/me").await.expect(401);
        }
        Self {
            test,
            bases,
            metrics,
            _processes: processes,
        }
    }

    async fn student(&self, name: &str) -> [Person; 2] {
        let student = self.test.student(name).await;
        [student.at(&self.bases[0]), student.at(&self.bases[1])]
    }

    /// The value of a metric of each server.
    async fn metric(&self, name: &str) -> [u64; 2] {
        let mut values = [0; 2];
        for (value, address) in values.iter_mut().zip(&self.metrics) {
            let http = google::http_client("test").unwrap();
            let answer = http
                .get(format!("http://{address}/metrics"))
                .send()
                .await
                .unwrap();
            let text = answer.text().await.unwrap();
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            *value = line.unwrap().trim().parse().unwrap();
        }
        values
    }
}

const FALLBACKS: &str = "rate_limit_fallbacks_total ";
const SHARED: &str = "rate_limit_shared ";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn two_processes_share_a_budget_to_the_request() {
    let redis = Redis::start().await;
    let servers = Servers::start(&redis, 60, PATIENCE).await;
    let sam = servers.student("Sam").await;
    let begun = Instant::now();
    let answered = answered(&sam, 300).await;
    // One more for each second that has passed.
    let most = 60 + usize::try_from(begun.elapsed().as_secs()).unwrap();
    println!("{answered} of 300 answered; 60 to {most} may be");
    assert!((60..=most).contains(&answered), "{answered} of {most}");
    assert_eq!(servers.metric(FALLBACKS).await, [0, 0]);
    assert_eq!(servers.metric(SHARED).await, [1, 1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn redis_is_killed_and_comes_back_and_no_caller_sees_an_error() {
    let mut redis = Redis::start().await;
    let servers = Servers::start(&redis, 60, Duration::from_secs(2)).await;
    let [sam, olga] = [servers.student("Sam").await, servers.student("Olga").await];
    let is_over = AtomicBool::new(false);
    let load = async {
        let mut all = 0;
        while !is_over.load(Ordering::Relaxed) {
            all += answered(&sam, 30).await;
        }
        all
    };
    let outage = async {
        assert_eq!(servers.metric(SHARED).await, [1, 1]);
        redis.kill();
        while servers.metric(SHARED).await != [0, 0] {
            answered(&olga, 2).await;
        }
        redis.start_again().await;
        while servers.metric(SHARED).await != [1, 1] {
            answered(&olga, 2).await;
        }
        is_over.store(true, Ordering::Relaxed);
    };
    let begun = Instant::now();
    let (answered_through_it, ()) = tokio::join!(load, outage);
    // A budget before, one of each server meanwhile, and one afterwards.
    let refilled = 4 * usize::try_from(begun.elapsed().as_secs()).unwrap();
    assert!((60..=4 * 60 + refilled).contains(&answered_through_it));
    assert!(
        servers
            .metric(FALLBACKS)
            .await
            .iter()
            .all(|count| *count > 0)
    );

    let lena = servers.student("Lena").await;
    let fallbacks = servers.metric(FALLBACKS).await;
    let begun = Instant::now();
    let answered = answered(&lena, 200).await;
    let most = 60 + usize::try_from(begun.elapsed().as_secs()).unwrap();
    assert!((60..=most).contains(&answered), "{answered} of {most}");
    assert_eq!(servers.metric(FALLBACKS).await, fallbacks);
}
