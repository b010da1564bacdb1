//! What it takes to keep up with the calendars of a centre: how long the first reading lasts, how many requests it costs at
//! rest, and how long a change takes until it counts. Everything runs in this process, on this machine: a Postgres, a
//! stand-in for Google and one instance of the server, with the pauses that it has by default.
//!
//! `cargo run --release -p api --example calendar_load [tutors] [events] [push|off|lost|outage]`
//!
//! `push`: Google tells of changes. `off`: it is not asked to. `lost`: it is, and every message is lost. `outage`: students
//! search and book while Google answers, and while it does not.

mod outage;

use anyhow::{Context, bail, ensure};
use api::{
    app::App,
    clock::Clock,
    config::{self, Config, Jobs, RateLimits},
    database,
    local::postgres::Postgres,
    seal::Keyring,
    server,
    service::{
        TutorId, UserId,
        calendar_connection::{self, Grant},
        caller::Caller,
        slot::{self, About, Search},
        tutor::{self, WantedOffer},
        weekly_rule,
    },
    store::{
        self,
        seed::{NewSubject, NewTutor},
        user::NewUser,
    },
};
use chrono::{DateTime, DurationRound, NaiveTime, TimeDelta, Utc, Weekday};
use entity::user_role::Role;
use google::{Limits, scope};
use google_sandbox::{Account, Client, Sandbox, subject};
use rand::{Rng, SeedableRng, rngs::StdRng};
use scheduling::availability::WeeklyRule;
use sea_orm::{ConnectionTrait, FromQueryResult, raw_sql};
use std::{
    collections::BTreeMap,
    env,
    net::Ipv4Addr,
    time::{Duration, Instant},
};
use tokio::{net::TcpListener, time::sleep};

const CLIENT_ID: &str = "load.apps.googleusercontent.com";
const CLIENT_SECRET: &str = "of-nothing-but-a-stand-in";
const SUBJECT: &str = "mathematics";

/// How long requests at rest are counted.
const REST: Duration = Duration::from_mins(3);

/// Over so long the changes are spread.
const CHANGES: Duration = Duration::from_mins(1);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut args = env::args().skip(1);
    let tutors: usize = args.next().as_deref().unwrap_or("200").parse()?;
    let events: usize = args.next().as_deref().unwrap_or("1000").parse()?;
    let mode = args.next().unwrap_or_else(|| "push".to_owned());
    ensure!(
        ["push", "off", "lost", "outage"].contains(&mode.as_str()),
        "push, off, lost or outage"
    );

    let postgres = tokio::task::spawn_blocking(|| Postgres::temporary(&[])).await??;
    let sandbox = start_sandbox(tutors).await?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let config = config(&listener, &postgres, &sandbox, mode != "off")?;
    database::migrate(&config.database).await?;
    let db = database::connect(&config.database).await?;
    let app = App::new(config, db, Clock::System)?;
    let load = Load::new(app.clone(), sandbox, tutors, events).await?;
    let serving = tokio::spawn(server::serve(app, listener, std::future::pending()));
    load.run(&mode).await?;
    serving.abort();
    Ok(())
}

fn email(tutor: usize) -> String {
    format!("tutor{tutor}@example.org")
}

async fn start_sandbox(tutors: usize) -> anyhow::Result<Sandbox> {
    let accounts = (0..tutors).map(|tutor| Account {
        email: email(tutor),
        name: format!("Tutor {tutor}"),
        time_zone: chrono_tz::Europe::Berlin,
    });
    Sandbox::start(google_sandbox::Config {
        bind: (Ipv4Addr::LOCALHOST, 0).into(),
        accounts: accounts.collect(),
        clients: vec![Client {
            id: CLIENT_ID.to_owned(),
            secret: CLIENT_SECRET.to_owned(),
            redirect_uris: Vec::new(),
        }],
        state_file: None,
    })
    .await
}

fn config(
    listener: &TcpListener,
    postgres: &Postgres,
    sandbox: &Sandbox,
    push: bool,
) -> anyhow::Result<Config> {
    let bind = listener.local_addr()?;
    let public_url = config::at(bind);
    Ok(Config {
        google: Some(config::Google {
            issuer: sandbox.issuer().parse()?,
            client_id: CLIENT_ID.to_owned(),
            client_secret: CLIENT_SECRET.into(),
            calendar_url: sandbox.calendar_url().parse()?,
            sign_in_limits: Limits::SIGN_IN,
            calendar_limits: Limits::CALENDAR,
            push_address: push.then(|| config::at_push_path(&public_url)),
        }),
        server: config::Server {
            bind,
            public_url,
            cors_origins: Vec::new(),
            redirect_uris: Vec::new(),
            metrics_bind: None,
            max_connections: 1000,
            shutdown_grace: Duration::from_secs(1),
            session_lifetime: TimeDelta::days(1),
            session_idle: TimeDelta::days(1),
        },
        database: config::Database {
            url: postgres.url("postgres").into(),
            max_connections: 10,
            migrate_on_start: true,
        },
        sign_in: config::SignIn::default(),
        keys: Keyring::generate().parse()?,
        centre: config::Centre {
            time_zone: chrono_tz::Europe::Berlin,
            ranking: scheduling::ranking::Weights {
                load: 1,
                continuity: 2,
            },
            audit_days: 730,
            waitlist_offer: TimeDelta::minutes(120),
        },
        rate_limits: RateLimits {
            budgets: None,
            trusted_proxies: Vec::new(),
            shared: None,
        },
        jobs: Jobs {
            workers: 4,
            poll: Duration::from_secs(2),
            calendar_poll: Duration::from_mins(1),
            calendar_poll_with_push: Duration::from_mins(10),
            lease: Duration::from_mins(1),
        },
    })
}

struct Load {
    app: App,
    sandbox: Sandbox,
    tutors: Vec<(UserId, TutorId)>,
    student: UserId,
    /// When every tutor is free, as far as their calendars go.
    free_at: DateTime<Utc>,
}

impl Load {
    async fn new(app: App, sandbox: Sandbox, tutors: usize, events: usize) -> anyhow::Result<Self> {
        let now = app.clock.now();
        let free_at = now.duration_trunc(TimeDelta::hours(1))? + TimeDelta::days(40);
        let mut rng = StdRng::seed_from_u64(7);
        let subject = NewSubject {
            slug: SUBJECT,
            name: "Mathematics",
            levels: &["School"],
        };
        store::seed::insert_subject(&app.db, &subject, now).await?;
        let student = insert_user(&app, "student@example.org", Role::Student).await?;
        let mut load = Self {
            app,
            sandbox,
            tutors: Vec::new(),
            student,
            free_at,
        };
        for tutor in 0..tutors {
            load.add_tutor(tutor).await?;
            for _ in 0..events {
                let minutes = rng.random_range(0..39 * 24 * 60 / 5) * 5;
                let start = now.duration_trunc(TimeDelta::hours(1))? + TimeDelta::minutes(minutes);
                let end = start + TimeDelta::minutes(rng.random_range(3..18) * 5);
                load.sandbox.insert_busy(&email(tutor), start, end, "Busy");
            }
        }
        println!("{tutors} tutors with {events} events each");
        Ok(load)
    }

    async fn add_tutor(&mut self, number: usize) -> anyhow::Result<()> {
        let user_id = insert_user(&self.app, &email(number), Role::Tutor).await?;
        let new = NewTutor {
            user_id,
            bio: "",
            languages: &["en"],
            time_zone: "Europe/Berlin",
        };
        let id = store::seed::insert_tutor(&self.app.db, &new, self.app.clock.now()).await?;
        let offer = WantedOffer {
            subject: SUBJECT.to_owned(),
            level: "School".to_owned(),
            lesson_minutes: vec![60],
        };
        tutor::replace_offers(&self.app, id, 1, &[offer], false).await?;
        let days = [0, 1, 2, 3, 4, 5, 6].map(Weekday::try_from);
        let all_day = days.into_iter().flatten().map(|weekday| WeeklyRule {
            weekday,
            start: NaiveTime::MIN,
            end: NaiveTime::MIN,
            valid_from: None,
            valid_until: None,
        });
        let all_day: Vec<_> = all_day.collect();
        weekly_rule::replace(&self.app, id, 2, &all_day, false).await?;
        self.tutors.push((user_id, id));
        Ok(())
    }

    async fn run(&self, mode: &str) -> anyhow::Result<()> {
        self.first_reading().await?;
        // Until channels are open and each tutor has been read once more.
        sleep(Duration::from_secs(100)).await;
        match mode {
            "outage" => return self.outage().await,
            "lost" => self.sandbox.lose_pushes(u32::MAX),
            _ => {}
        }
        self.rest().await;
        self.changes().await
    }

    async fn first_reading(&self) -> anyhow::Result<()> {
        let before = self.requests();
        let began = Instant::now();
        for (number, (user_id, _)) in self.tutors.iter().enumerate() {
            calendar_connection::keep(&self.app, *user_id, self.grant(number)).await?;
        }
        println!("connected after {:.1} s", began.elapsed().as_secs_f64());
        while self.count_read().await? < self.tutors.len() {
            sleep(Duration::from_millis(100)).await;
        }
        println!(
            "all read after {:.1} s, with {} requests",
            began.elapsed().as_secs_f64(),
            self.requests() - before,
        );
        Ok(())
    }

    fn grant(&self, number: usize) -> Grant {
        let (email, scopes) = (email(number), scope::CALENDAR);
        let refresh_token = self.sandbox.grant(CLIENT_ID, &email, scopes).into();
        Grant {
            subject: subject(&email),
            email,
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            refresh_token,
        }
    }

    async fn count_read(&self) -> anyhow::Result<usize> {
        let read = "SELECT count(*) FROM google_grants WHERE busy_read_at IS NOT NULL";
        let statement = sea_orm::Statement::from_string(sea_orm::DbBackend::Postgres, read);
        let row = self.app.db.query_one_raw(statement).await?;
        let count: i64 = row.context("a count")?.try_get_by_index(0)?;
        Ok(count.try_into()?)
    }

    fn requests(&self) -> usize {
        self.sandbox.requests().len()
    }

    async fn rest(&self) {
        let before = self.requests();
        sleep(REST).await;
        let count = u32::try_from(self.requests() - before).unwrap_or(u32::MAX);
        let tutors = u32::try_from(self.tutors.len()).unwrap_or(u32::MAX);
        let per_minute = f64::from(count) * 60.0 / REST.as_secs_f64();
        println!(
            "at rest: {per_minute:.0} requests a minute, {:.1} per tutor and hour",
            per_minute * 60.0 / f64::from(tutors),
        );
    }

    /// One change in the calendar of each tutor, at different times.
    async fn changes(&self) -> anyhow::Result<()> {
        let count = u32::try_from(self.tutors.len())?;
        let mut rng = StdRng::seed_from_u64(8);
        let mut at: Vec<_> = (0..count).map(|_| CHANGES.mul_f64(rng.random())).collect();
        at.sort();
        let began = Instant::now();
        let mut waiting = BTreeMap::new();
        let mut lags = Vec::new();
        let mut next = 0;
        while next < at.len() || !waiting.is_empty() {
            while next < at.len() && at[next] <= began.elapsed() {
                let end = self.free_at + TimeDelta::hours(1);
                let email = email(next);
                self.sandbox.insert_busy(&email, self.free_at, end, "New");
                waiting.insert(self.tutors[next].1, Instant::now());
                next += 1;
            }
            for tutor in self.busy_by_now().await? {
                if waiting.contains_key(&tutor) {
                    self.check_hidden(tutor).await?;
                    lags.extend(waiting.remove(&tutor).map(|since| since.elapsed()));
                }
            }
            sleep(Duration::from_millis(20)).await;
            if began.elapsed() > Duration::from_mins(15) {
                bail!("{} changes never counted", waiting.len());
            }
        }
        lags.sort();
        let at = |share: usize| lags[(lags.len() - 1) * share / 100].as_secs_f64();
        println!(
            "{} changes within {} s counted after: p50 {:.2} s, p99 {:.2} s, at most {:.2} s",
            lags.len(),
            CHANGES.as_secs(),
            at(50),
            at(99),
            at(100),
        );
        Ok(())
    }

    async fn busy_by_now(&self) -> anyhow::Result<Vec<TutorId>> {
        #[derive(FromQueryResult)]
        struct Row {
            tutor_id: TutorId,
        }
        let free_at = self.free_at;
        let rows = Row::find_by_statement(raw_sql!(
            Postgres,
            r#"SELECT tutor_id FROM busy_spans WHERE starts_at <= {free_at} AND ends_at > {free_at}"#
        ));
        let rows = rows.all(&self.app.db).await?;
        Ok(rows.into_iter().map(|row| row.tutor_id).collect())
    }

    /// Fails if the search still offers the time.
    async fn check_hidden(&self, tutor_id: TutorId) -> anyhow::Result<()> {
        let search = Search {
            moving: None,
            tutor_id,
            about: About::default(),
            from: self.free_at,
            to: self.free_at + TimeDelta::minutes(30),
            minutes: 60,
        };
        let person = store::person::find(&self.app.db, self.student).await?;
        let caller = Caller::Person(person.context("the student")?.into());
        self.app.cache.catch_up().await?;
        let found = slot::search(&self.app, &caller, Some(self.student), search).await?;
        ensure!(found.slots.is_empty(), "{found:?}");
        Ok(())
    }
}

async fn insert_user(app: &App, email: &str, role: Role) -> anyhow::Result<UserId> {
    let new = NewUser {
        name: "Somebody",
        email,
        time_zone: "Europe/Berlin",
    };
    Ok(store::user::insert(&app.db, new, &[role], app.clock.now()).await?)
}
