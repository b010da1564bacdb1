//! What must stay secret is neither in the log, at any level, nor in a table; nor in what is shown for debugging.
//!
//! The server is this test program started once more, which logs everything at trace level. `.ci/run` looks
//! through the logs and tables of all other tests in the same way.

use crate::support::{
    self, Centre, Person, TestApp, TutorAtCentre, email,
    process::{Orders, ProviderOrders, Server},
    provider::{Provider, SAM, sign},
    secrets::{self, CANARY},
};
use aho_corasick::AhoCorasick;
use api::config::{self, Config, Mode};
use base64::{Engine, prelude::BASE64_STANDARD};
use chrono::{TimeDelta, Utc};
use google_sandbox::{Consent, Failure, Target};
use reqwest::{Method, header};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::{
    net::{Ipv4Addr, TcpListener},
    path::PathBuf,
    time::{Duration, Instant},
};
use url::Url;

/// Longer than anything here takes, but for a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_mins(2);

/// A server in another process that logs everything.
struct World {
    test: TestApp,
    school: Provider,
    tutor: TutorAtCentre,
    base: Url,
    orders: Orders,
    socket: TcpListener,
    server: Server,
    logs: PathBuf,
}

impl World {
    /// The application in this process, by the clock of the provider and of the server under test: what they say is never of a
    /// time to come, however long the test has taken.
    fn test_now(&self) -> &TestApp {
        self.test.app.clock.set(Utc::now());
        &self.test
    }

    async fn new() -> Self {
        let keys = support::keys();
        let test = TestApp::start_with(|config| config.keys = keys.parse().unwrap()).await;
        test.set_clock(Utc::now());
        test.google.set_clock(None);
        let school = Provider::start("school").await;
        school.forge(|claims| sign("key-0", 0, &of_now(claims)));
        let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let base = config::at(socket.local_addr().unwrap());
        let callback = base.join("v1/auth/callback").unwrap();
        test.google
            .add_redirect_uri(support::CLIENT_ID, callback.as_str());
        let orders = Orders {
            database: test.app.config.database.url.expose_secret().to_owned(),
            google: test.google.issuer(),
            keys,
            shared: None,
            provider: Some(ProviderOrders {
                id: school.id.to_owned(),
                issuer: school.issuer.clone(),
            }),
        };
        let name = format!("secrets-{}", std::process::id());
        let logs = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&logs).unwrap();
        let server = Server::start_logging(&orders, &socket, &logs);
        Self {
            tutor: TutorAtCentre {
                person: tutor.person.at(&base),
                ..tutor
            },
            test,
            school,
            base,
            orders,
            socket,
            server,
            logs,
        }
    }

    /// A browser at the server that logs.
    fn stranger(&self) -> Person {
        self.test.stranger().at(&self.base)
    }

    fn with_bearer(&self, token: &str) -> Person {
        Person::with_bearer(&self.test, token).at(&self.base)
    }

    /// Another process, which has nothing in memory.
    fn restart(&mut self) {
        self.server.kill();
        self.server = Server::start_logging(&self.orders, &self.socket, &self.logs);
    }

    /// What was logged, at last.
    fn log(&mut self) -> String {
        self.server.kill();
        let files = std::fs::read_dir(&self.logs).unwrap();
        let paths = files.map(|file| file.unwrap().path());
        let logs = paths.filter(|path| path.extension().is_some_and(|kind| kind == "log"));
        let bytes: Vec<u8> = logs.flat_map(|log| std::fs::read(log).unwrap()).collect();
        std::fs::remove_dir_all(&self.logs).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// The claims of an ID token that was issued just now.
fn of_now(mut claims: Value) -> Value {
    claims["iat"] = json!(Utc::now().timestamp());
    claims["exp"] = json!((Utc::now() + TimeDelta::hours(1)).timestamp());
    claims
}

fn with(url: &Url, name: &str, value: &str) -> Url {
    let others: Vec<_> = url
        .query_pairs()
        .into_owned()
        .filter(|(other, _)| other != name)
        .collect();
    let mut url = url.clone();
    url.query_pairs_mut()
        .clear()
        .extend_pairs(others)
        .append_pair(name, value);
    url
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_in_the_log_at_any_level_nor_in_a_table() {
    let mut world = World::new().await;
    let sam = sign_in(&world).await;
    sign_in_elsewhere(&world).await;
    let admin = world.test_now().admin("Ada").await.at(&world.base);
    use_keys(&world, &admin).await;
    use_calendar(&mut world, &sam).await;
    // Their connections were to a server that is gone.
    let (sam, admin) = (sam.at(&world.base), admin.at(&world.base));
    let hash = change_sessions(&world, &admin).await;
    fail(&world, &sam).await;

    let log = world.log();
    let tables = secrets::tables(&world.test.app.config.database).await;
    let test = &world.test;
    test.google
        .secrets()
        .iter()
        .for_each(|secret| secrets::met(secret));
    for level in ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"] {
        assert!(log.contains(level), "nothing was logged as {level}");
    }
    let canaries = [CANARY.as_bytes().to_vec()];
    assert!(
        !found(&canaries, &log).is_empty(),
        "nothing can be found in the log"
    );
    assert!(
        !found(&canaries, &tables).is_empty(),
        "no text can be found in the tables"
    );
    assert!(
        !found(&[hash], &tables).is_empty(),
        "no bytes can be found in the tables"
    );
    let all: Vec<_> = secrets::all().into_iter().map(String::into_bytes).collect();
    assert!(all.len() > 50, "there is more than {}", all.len());
    for (place, text) in [("log", &log), ("tables", &tables)] {
        let found = found(&all, text);
        assert!(found.is_empty(), "in the {place}:\n{}", found.join("\n"));
    }
}

/// The lines of a text that hold a secret, in whatever writing.
fn found(secrets: &[Vec<u8>], text: &str) -> Vec<String> {
    let writings = secrets.iter().flat_map(|secret| secrets::writings(secret));
    let matcher = AhoCorasick::new(writings).unwrap();
    let lines = text.lines().filter(|line| matcher.is_match(line));
    lines
        .map(|line| line.chars().take(1000).collect())
        .collect()
}

/// Signs in with Google, and fails to in several ways.
async fn sign_in(world: &World) -> Person {
    let google = &world.test.google;
    world.test.add_account("Sam");
    let mut sam = world.stranger();
    let target = sam.start_sign_in().await;
    let callback = google
        .authorize(&target, &email("Sam"), Consent::All)
        .unwrap();
    sam.follow(&with(&callback, "state", "a-state-that-nobody-knows"))
        .await
        .expect(400);
    sam.follow(&callback).await.expect(303);
    sam.follow(&callback).await.expect(400);
    for (name, value) in [
        ("code", "4/0A-code-that-nobody-knows"),
        ("error", "server_error"),
    ] {
        let mut other = world.stranger();
        let target = other.start_sign_in().await;
        let callback = google
            .authorize(&target, &email("Sam"), Consent::All)
            .unwrap();
        other
            .follow(&with(&callback, name, value))
            .await
            .expect(303);
    }
    let mut other = world.stranger();
    let target = other.start_sign_in().await;
    let callback = google
        .authorize(&target, &email("Sam"), Consent::All)
        .unwrap();
    google.fail_next(Failure::status(Target::Token, 400, "invalid_request"));
    other.follow(&callback).await.expect(303);
    google.clear_failures();
    sam
}

/// Signs in at another provider and links an account there, also by a token that proves nothing.
async fn sign_in_elsewhere(world: &World) {
    let school = &world.school;
    let mut sue = world.stranger();
    let target = sue.start_at("/v1/auth/sign-in?provider=school").await;
    let back = school.authorize(&target, &SAM);
    assert_eq!(sue.follow(&back).await.target(), "/docs/");
    let mut olga = world.test_now().student("Olga").await.at(&world.base);
    let asked = json!({"provider": "school"});
    let asked = olga.post("/v1/me/identities", &asked).await;
    olga.keep_cookies(&asked);
    let target = asked.expect(200)["authorization_url"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    olga.follow(&school.authorize(&target, &SAM))
        .await
        .expect(303);
    school.forge(|mut claims| {
        claims["aud"] = json!("somebody else");
        sign("key-0", 0, &of_now(claims))
    });
    let mut eve = world.stranger();
    let target = eve.start_at("/v1/auth/sign-in?provider=school").await;
    let back = school.authorize(&target, &SAM);
    let answer = eve.follow(&back).await;
    assert_eq!(answer.target(), "/docs/?sign_in_error=sign_in_failed");
}

/// Makes a key, and uses it and its access tokens, well and badly.
async fn use_keys(world: &World, admin: &Person) {
    let app = json!({"name": "Kiosk"});
    let app = admin.post("/v1/third-party-apps", &app).await.expect(201);
    let path = format!("/v1/third-party-apps/{}/keys", app["id"].as_str().unwrap());
    let expires_at = Utc::now() + TimeDelta::days(30);
    let new = json!({"scopes": ["availability:read"], "expires_at": expires_at});
    let made = admin.post(&path, &new).await.expect(201);
    let text = |name: &str| made[name].as_str().unwrap();
    let (key, id, secret) = (text("key"), text("client_id"), text("client_secret"));
    let kiosk = world.with_bearer(key);
    kiosk.get("/v1/tutors").await.expect(200);
    kiosk.get("/v1/users").await.expect(403);
    let stranger = world.stranger();
    for query in ["key", "access_token", "token"] {
        stranger
            .get(&format!("/v1/tutors?{query}={key}"))
            .await
            .expect(401);
    }
    let last = if key.ends_with('A') { 'E' } else { 'A' };
    let bent = format!("{}{last}", &key[..key.len() - 1]);
    world.with_bearer(&bent).get("/v1/tutors").await.expect(401);
    let ask = || stranger.request(Method::POST, "/v1/auth/token");
    let form = [("grant_type", "client_credentials")];
    let posted = [form[0], ("client_id", id), ("client_secret", secret)];
    let by_header = ask().form(&form).basic_auth(id, Some(secret));
    secrets::met(&BASE64_STANDARD.encode(format!("{id}:{secret}")));
    for (request, status) in [
        (ask().form(&posted), 200),
        (by_header, 200),
        (ask().form(&form).basic_auth(secret, Some(id)), 401),
        (ask().form(&[posted[1], posted[2]]), 400),
    ] {
        let answer = stranger.send(request).await.expect(status);
        if let Some(token) = answer["access_token"].as_str() {
            world.with_bearer(token).get("/v1/tutors").await.expect(200);
            let bent = &token[..token.len() - 2];
            world.with_bearer(bent).get("/v1/tutors").await.expect(401);
        }
    }
}

/// Connects the calendar of the tutor, books, and has the access token refreshed by a server that has none.
async fn use_calendar(world: &mut World, sam: &Person) {
    let address = world.tutor.email.clone();
    let refused = world.tutor.person.connect_calendar(&address, Consent::Deny);
    refused.await.expect(303);
    let agreed = world.tutor.person.connect_calendar(&address, Consent::All);
    agreed.await.expect(303);
    let day = Utc::now().date_naive() + TimeDelta::days(7);
    let monday = day.week(chrono::Weekday::Mon).first_day() + TimeDelta::days(7);
    let google = world.test.google.clone();
    // Nobody books by a calendar that is not known.
    let unread = "SELECT count(*) FROM google_grants WHERE busy_read_at IS NULL";
    let end = Instant::now() + PATIENCE;
    while world.test.count(unread).await > 0 {
        assert!(Instant::now() < end, "the calendar is not read");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    google.fail_next(Failure::status(Target::Calendar, 401, "authError"));
    for (nth, hour) in [9, 11].into_iter().enumerate() {
        let start = format!("{monday}T{hour:02}:00:00Z");
        let wanted = world.tutor.lesson(&start, 60);
        let sam = sam.at(&world.base);
        for _ in 0..2 {
            let request = sam
                .request(Method::POST, "/v1/bookings")
                .header("idempotency-key", format!("{CANARY}-{nth}"));
            sam.send(request.json(&wanted)).await.expect(201);
        }
        until("the event", || google.events(&address).len() == nth + 1).await;
        world.restart();
    }
    let person = world.tutor.person.at(&world.base);
    google.fail_next(Failure::status(Target::Revoke, 503, "backendError"));
    person.delete("/v1/calendar/connection").await.expect(204);
}

/// Changes and ends sessions; the hash of the token of one that lasts.
async fn change_sessions(world: &World, admin: &Person) -> Vec<u8> {
    let invitation = json!({"role": "tutor", "email": email("Nora")});
    let invited = admin.post("/v1/invitations", &invitation).await.expect(201);
    let mut nora = world.test_now().student("Nora").await.at(&world.base);
    let path = format!("/v1/invitations/{}/accept", invited["id"].as_str().unwrap());
    let accepted = nora.post(&path, &json!({})).await;
    nora.keep_cookies(&accepted);
    accepted.expect(204);
    let token = nora.cookie("session").unwrap().to_owned();
    let frontend = world.with_bearer(&token);
    frontend.get("/v1/sessions").await.expect(200);
    // What is not an id, but a secret in its place.
    frontend
        .send(
            frontend
                .request(Method::PATCH, "/v1/me")
                .header(header::IF_MATCH, &token),
        )
        .await;
    let other = world
        .test_now()
        .sign_in(&email("Nora"))
        .await
        .at(&world.base);
    other
        .post("/v1/auth/sign-out", &json!({}))
        .await
        .expect(204);
    other.get("/v1/me").await.expect(401);
    Sha256::digest(token).to_vec()
}

/// Faults of ours, while secrets are at hand.
async fn fail(world: &World, sam: &Person) {
    let request = sam
        .request(Method::GET, "/v1/me")
        .header("x-request-id", CANARY);
    sam.send(request).await.expect(200);
    world
        .test
        .execute("ALTER TABLE sessions RENAME TO hidden")
        .await;
    let mut fred = world.stranger();
    let target = fred.start_sign_in().await;
    let callback = world
        .test
        .google
        .authorize(&target, &email("Sam"), Consent::All)
        .unwrap();
    fred.follow(&callback).await.expect(303);
    sam.get("/v1/sessions").await.expect(500);
    world
        .test
        .execute("ALTER TABLE hidden RENAME TO sessions")
        .await;
}

#[test]
fn what_is_shown_of_the_configuration_for_debugging_holds_no_secret() {
    let key = support::keys();
    let (_, key) = key.split_once(':').unwrap();
    let settings = [
        ("PUBLIC_URL", "https://tutors.example".to_owned()),
        (
            "DATABASE_URL",
            "postgres://us:hidden-1@db/tutoring".to_owned(),
        ),
        ("ENCRYPTION_KEYS", format!("1:{key}")),
        ("GOOGLE_CLIENT_ID", "client".to_owned()),
        ("GOOGLE_CLIENT_SECRET", "hidden-2".to_owned()),
        ("REDIS_URL", "redis://us:hidden-3@redis/0".to_owned()),
    ];
    let lookup = |name: &str| {
        let found = settings.iter().find(|(one, _)| *one == name);
        found.map(|(_, value)| value.clone())
    };
    let Mode::Production(config) = Config::load(&lookup).unwrap() else {
        panic!("meant for production");
    };
    let shown = format!("{config:?} {config:#?}");
    assert!(shown.contains("tutors.example"));
    for secret in ["hidden-", key] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
