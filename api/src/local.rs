//! The local mode: a Postgres of our own, a stand-in for Google, and demo data, so that one command with
//! nothing set up runs everything. A cargo feature, off in the container image.

mod demo;
pub mod postgres;

use crate::{
    admin,
    app::App,
    clock::Clock,
    config::{self, Centre, Config, Database, Google, Jobs, RateLimits, Server, SignIn, Vars},
    database,
    seal::Keyring,
    server,
};
use anyhow::{Context, bail};
use google::Limits;
use google_sandbox::Sandbox;
use postgres::{Options, Postgres};
use std::{
    io::Write,
    net::SocketAddr,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::{net::TcpListener, sync::oneshot};

/// What can be set in the local mode.
#[derive(Debug)]
pub struct Settings {
    bind: SocketAddr,
    /// Where Postgres, the stand-in for Google and the key keep their data.
    data_dir: PathBuf,
    /// Where the stand-in for Google listens.
    google_port: u16,
    /// Providers beside the stand-in for Google.
    sign_in: SignIn,
    centre: Centre,
    rate_limits: RateLimits,
    cors_origins: Vec<String>,
    redirect_uris: Vec<String>,
    metrics_bind: Option<SocketAddr>,
    max_connections: usize,
}

impl Settings {
    /// `DATA_DIR`: `.data` when not set. `LOCAL_GOOGLE_PORT`: one above that of `BIND` when not set.
    pub fn load(vars: &mut Vars<'_>, bind: SocketAddr) -> Self {
        Self {
            bind,
            data_dir: vars
                .text("DATA_DIR")
                .map_or_else(|| PathBuf::from(".data"), PathBuf::from),
            google_port: vars.parsed(
                "LOCAL_GOOGLE_PORT",
                bind.port().wrapping_add(1),
                "a port number",
            ),
            sign_in: SignIn::load(vars),
            centre: Centre::load(vars),
            rate_limits: RateLimits::load(vars),
            cors_origins: config::cors_origins(vars),
            redirect_uris: config::redirect_uris(vars),
            metrics_bind: config::metrics_bind(vars),
            max_connections: config::max_connections(vars),
        }
    }
}

/// Starts everything, serves until `stop`, and stops everything.
pub async fn serve(settings: Settings, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
    let bind = settings.bind;
    let listener = TcpListener::bind(bind).await.with_context(|| {
        format!("can't listen on {bind}; BIND=127.0.0.1:PORT chooses another address")
    })?;
    let mut postgres = start_postgres(&settings).await?;
    let outcome = with_postgres(&settings, &postgres, listener, stop).await;
    tokio::task::spawn_blocking(move || postgres.stop()).await??;
    outcome
}

async fn with_postgres(
    settings: &Settings,
    postgres: &Postgres,
    listener: TcpListener,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let public_url = config::at(settings.bind);
    let sandbox = demo::start_sandbox(
        settings.bind.ip(),
        settings.google_port,
        postgres.data_dir(),
        &public_url,
    )
    .await
    .context("the stand-in for Google can't start; LOCAL_GOOGLE_PORT chooses another port")?;
    let config = config(settings, postgres, &sandbox)?;
    database::migrate(&config.database).await?;
    let db = database::connect(&config.database).await?;
    let app = App::new(config, db, Clock::System)?;
    demo::fill(&app, &sandbox).await.context("demo data")?;
    postgres.announce_url(public_url.as_str());
    greet(&public_url, &sandbox, postgres);
    let outcome = server::serve(app.clone(), listener, or_postgres_gone(stop, postgres)).await;
    app.db.clone().close().await?;
    sandbox.shutdown().await;
    outcome
}

/// Stops also when Postgres dies, for nothing works without it.
fn or_postgres_gone(
    stop: impl Future<Output = ()>,
    postgres: &Postgres,
) -> impl Future<Output = ()> {
    let (tell, gone) = oneshot::channel();
    postgres.on_exit(move |why| {
        let _ = tell.send(why);
    });
    async {
        tokio::select! {
            () = stop => {}
            Ok(why) = gone => tracing::error!(%why, "PostgreSQL ended"),
        }
    }
}

/// Brings the schema of the local database up to date.
pub async fn migrate(settings: Settings) -> anyhow::Result<()> {
    let mut postgres = start_postgres(&settings).await?;
    let outcome = database::migrate(&database_settings(postgres.url("postgres"))).await;
    tokio::task::spawn_blocking(move || postgres.stop()).await??;
    outcome
}

/// Says who is an admin in the local database, whether or not a server runs on it.
pub async fn administer(settings: Settings, command: &admin::Command) -> anyhow::Result<()> {
    let data_dir = &settings.data_dir;
    if !Postgres::has_data(data_dir)? {
        bail!(
            "there is no local database in {}: start the server and sign in first, or set DATABASE_URL",
            data_dir.display()
        );
    }
    if let Some(url) = Postgres::running_url(data_dir, "postgres")? {
        return administer_at(url, command).await;
    }
    let mut postgres = start_postgres(&settings).await?;
    let outcome = administer_at(postgres.url("postgres"), command).await;
    tokio::task::spawn_blocking(move || postgres.stop()).await??;
    outcome
}

async fn administer_at(url: String, command: &admin::Command) -> anyhow::Result<()> {
    let db = database::connect(&database_settings(url)).await?;
    admin::run(&db, command).await?;
    Ok(db.close().await?)
}

async fn start_postgres(settings: &Settings) -> anyhow::Result<Postgres> {
    let data_dir = settings.data_dir.clone();
    let start = move || {
        let announce = |line: &str| tracing::info!("{line}");
        let mut options = Options::new(&data_dir);
        options.announce = &announce;
        Postgres::start(options)
    };
    Ok(tokio::task::spawn_blocking(start).await??)
}

fn database_settings(url: String) -> Database {
    Database {
        url: url.into(),
        max_connections: 10,
        migrate_on_start: true,
    }
}

fn config(settings: &Settings, postgres: &Postgres, sandbox: &Sandbox) -> anyhow::Result<Config> {
    Ok(Config {
        server: Server {
            bind: settings.bind,
            public_url: config::at(settings.bind),
            cors_origins: settings.cors_origins.clone(),
            redirect_uris: settings.redirect_uris.clone(),
            metrics_bind: settings.metrics_bind,
            max_connections: settings.max_connections,
            shutdown_grace: Duration::from_secs(5),
            session_lifetime: chrono::TimeDelta::days(30),
            session_idle: chrono::TimeDelta::days(7),
        },
        database: database_settings(postgres.url("postgres")),
        google: Some(Google {
            issuer: sandbox.issuer().parse()?,
            client_id: demo::CLIENT_ID.to_owned(),
            client_secret: demo::CLIENT_SECRET.into(),
            calendar_url: sandbox.calendar_url().parse()?,
            sign_in_limits: Limits::SIGN_IN,
            calendar_limits: Limits::CALENDAR,
            push_address: Some(config::at_push_path(&config::at(settings.bind))),
        }),
        sign_in: settings.sign_in.clone(),
        keys: keyring(&postgres.data_dir().join("encryption.keys"))?,
        centre: settings.centre.clone(),
        rate_limits: settings.rate_limits.clone(),
        // Cheap here, and a developer who drops an event into a calendar wants to see it count.
        jobs: Jobs {
            workers: 4,
            poll: Duration::from_secs(1),
            calendar_poll: Duration::from_secs(5),
            calendar_poll_with_push: Duration::from_mins(1),
            lease: Duration::from_mins(1),
        },
    })
}

/// The key of this data directory, made at the first start.
fn keyring(path: &Path) -> anyhow::Result<Keyring> {
    if !path.exists() {
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        file.write_all(Keyring::generate().as_bytes())?;
    }
    std::fs::read_to_string(path)?
        .trim()
        .parse()
        .with_context(|| format!("the key in {}", path.display()))
}

fn greet(public_url: &url::Url, sandbox: &Sandbox, postgres: &Postgres) {
    println!(
        "
  Tutoring Scheduler is running, with demo data and a local stand-in for Google.

    API and docs      {public_url}docs/
    sign in           {public_url}v1/auth/sign-in   (as {student}, {tutor} or {admin})
    calendars         {sandbox}/
    data              {data} (PostgreSQL {version})

  Ctrl-C stops it; the data stays.
",
        student = demo::STUDENT,
        tutor = demo::TUTOR,
        admin = demo::ADMIN,
        sandbox = sandbox.issuer(),
        data = postgres.data_dir().display(),
        version = postgres.version(),
    );
}
