//! What every test stands on: one Postgres per process, one database per test cloned from a migrated
//! template, a stand-in for Google per test, a clock that stands still, and people who speak HTTP.

mod centre;
mod database;
pub mod frontend;
mod ledger;
pub mod lesson;
pub mod model;
pub mod opening;
mod person;
pub mod process;
mod promises;
pub mod provider;
pub mod race;
mod raw;
mod redis;
pub mod secrets;
pub mod statements;

use api::{
    app::App,
    clock::Clock,
    config::{self, Budgets, Config, Database, Google, Jobs, RateLimits, Server},
    jobs,
    seal::Keyring,
    server,
};
use chrono::{DateTime, TimeDelta, Utc};
use google::Limits;
use google_sandbox::{Client, Sandbox};
use scheduling::ranking::Weights;
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use std::{
    net::{Ipv4Addr, SocketAddr},
    num::NonZeroU32,
    time::Duration,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use centre::{Centre, TutorAtCentre, local_hours};
pub use database::empty as empty_database;
pub use person::{Answer, Person};
pub use raw::Raw;
pub use redis::Redis;

/// A Monday morning in Berlin, four weeks before the clocks change.
pub const NOW: &str = "2027-03-01T07:00:00Z";

/// Between tries of a call that Google refuses: nobody is waited for.
const SHORT_PAUSE: Duration = Duration::from_millis(1);

/// Requests per minute that no test makes which is not about them.
pub const ENOUGH: u32 = 1_000_000;

pub const CLIENT_ID: &str = "test.apps.googleusercontent.com";

const CLIENT_SECRET: &str = "GOCSPX-secret-of-the-client";

/// A server of its own for one test.
pub struct TestApp {
    pub app: App,
    pub google: Sandbox,
    pub base: url::Url,
}

impl TestApp {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// A server whose configuration differs.
    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        secrets::log_everything();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let bind = listener.local_addr().unwrap();
        let base = config::at(bind);
        let google = sandbox(&base).await;
        let mut config = config(bind, &google.issuer(), database::fresh().await);
        change(&mut config);
        let db = api::database::connect(&config.database).await.unwrap();
        let app = App::new(config, db, Clock::standing_at(NOW.parse().unwrap())).unwrap();
        tokio::spawn(server::answer(
            app.clone(),
            listener,
            CancellationToken::new(),
        ));
        let test = Self { app, google, base };
        test.set_clock(NOW.parse().unwrap());
        test
    }

    /// Another instance of the server, on the same database and clock.
    pub async fn another_instance(&self) -> url::Url {
        self.another_instance_at(self.app.clock.clone()).await
    }

    /// Another instance of the server, on the same database.
    pub async fn another_instance_at(&self, clock: Clock) -> url::Url {
        let app = &self.app;
        let app = App::new(app.config.clone(), app.db.clone(), clock).unwrap();
        serve(app, CancellationToken::new()).await
    }

    /// Another instance of the server, on the same database and clock, whose configuration differs.
    pub async fn another_instance_with(&self, change: impl FnOnce(&mut Config)) -> url::Url {
        let mut config = self.app.config.clone();
        change(&mut config);
        let app = &self.app;
        let app = App::new(config, app.db.clone(), app.clock.clone()).unwrap();
        serve(app, CancellationToken::new()).await
    }

    /// Another instance of the server, which reaches the same database by this pool, until it is told to stop.
    pub async fn another_instance_on(
        &self,
        pool: DatabaseConnection,
        stop: CancellationToken,
    ) -> url::Url {
        let app = &self.app;
        let app = App::new(app.config.clone(), pool, app.clock.clone()).unwrap();
        serve(app, stop).await
    }

    /// Another server, on a copy of the database, to which nobody may be connected any more.
    pub async fn copy(&self) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let base = config::at(listener.local_addr().unwrap());
        let mut config = self.app.config.clone();
        config.database = database::copy_of(&config.database).await;
        let db = api::database::connect(&config.database).await.unwrap();
        let app = App::new(config, db, self.app.clock.clone()).unwrap();
        tokio::spawn(server::answer(
            app.clone(),
            listener,
            CancellationToken::new(),
        ));
        Self {
            app,
            google: self.google.clone(),
            base,
        }
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.app.clock.now()
    }

    /// Moves the clock of the server and of the stand-in for Google.
    pub fn set_clock(&self, now: DateTime<Utc>) {
        self.app.clock.set(now);
        self.google.set_clock(Some(now));
    }

    pub fn pass(&self, time: TimeDelta) {
        self.set_clock(self.now() + time);
    }

    /// Runs every job that is due; how many ran.
    pub async fn run_jobs(&self) -> usize {
        jobs::run_due(&self.app).await.unwrap()
    }

    /// Changes the database behind the server's back.
    pub async fn execute(&self, sql: &str) {
        self.app.db.execute_unprepared(sql).await.unwrap();
    }

    /// The number that a query of one row and one column gives.
    pub async fn count(&self, sql: &str) -> i64 {
        let statement = Statement::from_string(self.app.db.get_database_backend(), sql);
        let row = self.app.db.query_one_raw(statement).await.unwrap();
        row.unwrap().try_get_by_index(0).unwrap()
    }

    /// Somebody who has not signed in.
    pub fn stranger(&self) -> Person {
        Person::new(self)
    }

    /// Somebody who has signed in by the chooser page of the stand-in for Google.
    pub async fn sign_in(&self, email: &str) -> Person {
        let mut person = self.stranger();
        person.sign_in(email).await;
        person
    }

    /// Somebody who is a student, for no more than having signed in.
    pub async fn student(&self, name: &str) -> Person {
        self.add_account(name);
        self.sign_in(&email(name)).await
    }

    /// Somebody who has signed in and whom an operator then made an admin.
    pub async fn admin(&self, name: &str) -> Person {
        let person = self.student(name).await;
        self.execute(&format!(
            "INSERT INTO user_roles (user_id, role, created_at) \
             SELECT id, 'admin', now() FROM users WHERE email = '{}'",
            email(name)
        ))
        .await;
        person
    }

    /// An account at the provider of somebody with this name.
    pub fn add_account(&self, name: &str) {
        self.google.add_account(google_sandbox::Account {
            email: email(name),
            name: name.to_owned(),
            time_zone: chrono_tz::Europe::Berlin,
        });
    }
}

/// Answers at a port of its own.
async fn serve(app: App, stop: CancellationToken) -> url::Url {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let base = config::at(listener.local_addr().unwrap());
    tokio::spawn(server::answer(app, listener, stop));
    base
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.google
            .secrets()
            .iter()
            .for_each(|secret| secrets::met(secret));
        secrets::keep_tables(&self.app.config.database);
        database::over(&self.app.config.database);
    }
}

/// The address of a person with this name.
pub fn email(name: &str) -> String {
    format!("{}@example.com", name.to_lowercase())
}

/// A ring of one new key.
pub fn keys() -> String {
    let keys = Keyring::generate();
    let (_, key) = keys.split_once(':').unwrap();
    secrets::met(key);
    keys
}

/// A number that who runs the tests has set.
pub fn from_env(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap())
}

/// An instant written as RFC 3339.
pub fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// What a server at this address is told, with its Google at that one and keys of its own.
pub fn config(bind: SocketAddr, google: &str, database: Database) -> Config {
    Config {
        server: Server {
            bind,
            public_url: config::at(bind),
            cors_origins: Vec::new(),
            redirect_uris: vec![frontend::BACK.to_owned()],
            metrics_bind: None,
            max_connections: 4096,
            shutdown_grace: Duration::from_secs(1),
            session_lifetime: TimeDelta::days(30),
            session_idle: TimeDelta::days(30),
        },
        database,
        google: Some(Google {
            issuer: google.parse().unwrap(),
            client_id: CLIENT_ID.to_owned(),
            client_secret: CLIENT_SECRET.into(),
            calendar_url: google.parse().unwrap(),
            sign_in_limits: Limits {
                pause: SHORT_PAUSE,
                ..Limits::SIGN_IN
            },
            calendar_limits: Limits {
                pause: SHORT_PAUSE,
                ..Limits::CALENDAR
            },
            push_address: None,
        }),
        sign_in: config::SignIn::default(),
        keys: keys().parse().unwrap(),
        centre: config::Centre {
            time_zone: chrono_tz::Europe::Berlin,
            ranking: Weights {
                load: 1,
                continuity: 2,
            },
            audit_days: 730,
            waitlist_offer: TimeDelta::minutes(120),
        },
        jobs: Jobs {
            workers: 0,
            poll: Duration::from_secs(1),
            calendar_poll: Duration::from_mins(1),
            calendar_poll_with_push: Duration::from_mins(10),
            lease: Duration::from_mins(1),
        },
        rate_limits: RateLimits {
            budgets: Some(budgets(ENOUGH)),
            trusted_proxies: Vec::new(),
            shared: None,
        },
    }
}

/// The same budget for everything.
pub fn budgets(per_minute: u32) -> Budgets {
    let all = NonZeroU32::new(per_minute).unwrap();
    Budgets {
        address: all,
        sign_in: all,
        search: all,
        read: all,
        write: all,
    }
}

async fn sandbox(base: &url::Url) -> Sandbox {
    secrets::met(CLIENT_SECRET);
    let redirect_uris = vec![base.join("v1/auth/callback").unwrap().into()];
    let client = Client {
        id: CLIENT_ID.to_owned(),
        secret: CLIENT_SECRET.to_owned(),
        redirect_uris,
    };
    let config = google_sandbox::Config {
        bind: (Ipv4Addr::LOCALHOST, 0).into(),
        accounts: Vec::new(),
        clients: vec![client],
        state_file: None,
    };
    Sandbox::start(config).await.unwrap()
}
