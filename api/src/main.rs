//! The commands.

use anyhow::{Context, bail};
use api::{
    admin,
    app::App,
    clock::Clock,
    config::{self, Config, Mode},
    database, http, reconcile, server, telemetry,
};
use clap::{Parser, Subcommand};
use std::{
    io::{ErrorKind, Write},
    net::{Ipv4Addr, SocketAddr},
    process::ExitCode,
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    signal::unix::{SignalKind, signal},
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The tutoring scheduler. Settings come from the environment; README.md lists them.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Clone, Subcommand)]
enum Command {
    /// Serve the API and run jobs (the default). With nothing set, brings its own Postgres, a stand-in
    /// for Google and demo data.
    Serve,
    /// Bring the schema of the database up to date.
    Migrate,
    /// Say who is an admin: the first one, or others.
    Admin {
        #[command(subcommand)]
        command: admin::Command,
    },
    /// Compare lessons with the calendars of their tutors, and mend what differs. Safe at any time.
    Reconcile(reconcile::Command),
    /// Print the OpenAPI document.
    Openapi,
    /// Ask the server of this container whether it is ready, and exit accordingly.
    Healthcheck,
}

fn main() -> ExitCode {
    let command = Cli::parse().command.unwrap_or(Command::Serve);
    let run = || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        runtime.block_on(run(command))
    };
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Serve => serve().await,
        Command::Migrate => migrate().await,
        Command::Admin { command } => administer(&command).await,
        Command::Reconcile(command) => reconcile_calendars(&command).await,
        Command::Openapi => {
            let document = http::document().to_pretty_json()?;
            match writeln!(std::io::stdout(), "{document}") {
                // Whoever reads it has seen enough.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
                written => Ok(written?),
            }
        }
        Command::Healthcheck => healthcheck().await,
    }
}

fn load() -> anyhow::Result<Mode> {
    Ok(Config::load(&variable)?)
}

fn variable(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

async fn serve() -> anyhow::Result<()> {
    telemetry::start();
    match load()? {
        Mode::Production(config) => {
            if config.database.migrate_on_start {
                database::migrate(&config.database).await?;
            }
            let db = database::connect(&config.database).await?;
            let bind = config.server.bind;
            let listener = TcpListener::bind(bind)
                .await
                .with_context(|| format!("can't listen on {bind}"))?;
            tracing::info!(address = %bind, public_url = %config.server.public_url, "listening");
            server::serve(
                App::new(*config, db, Clock::System)?,
                listener,
                stop_signal()?,
            )
            .await
        }
        #[cfg(feature = "local")]
        Mode::Local(settings) => api::local::serve(*settings, stop_signal()?).await,
    }
}

async fn migrate() -> anyhow::Result<()> {
    telemetry::start();
    // Of a database that is given, nothing but its address matters here.
    if std::env::var_os("DATABASE_URL").is_some() {
        let settings = config::Database::load_alone(&variable)?;
        return database::migrate(&settings).await;
    }
    match load()? {
        Mode::Production(config) => database::migrate(&config.database).await,
        #[cfg(feature = "local")]
        Mode::Local(settings) => api::local::migrate(*settings).await,
    }
}

async fn administer(command: &admin::Command) -> anyhow::Result<()> {
    // Of a database that is given, nothing but its address matters here.
    if std::env::var_os("DATABASE_URL").is_some() {
        let settings = config::Database::load_alone(&variable)?;
        let db = database::connect(&settings).await?;
        return admin::run(&db, command).await;
    }
    match load()? {
        Mode::Production(config) => {
            admin::run(&database::connect(&config.database).await?, command).await
        }
        #[cfg(feature = "local")]
        Mode::Local(settings) => api::local::administer(*settings, command).await,
    }
}

async fn reconcile_calendars(command: &reconcile::Command) -> anyhow::Result<()> {
    telemetry::start();
    match load()? {
        Mode::Production(config) => {
            let db = database::connect(&config.database).await?;
            reconcile::run(&App::new(*config, db, Clock::System)?, command).await
        }
        #[cfg(feature = "local")]
        Mode::Local(_) => bail!(
            "with nothing set, the stand-in for Google is part of the server, which compares by itself"
        ),
    }
}

/// Ctrl-C, or what Cloud Run and Docker send.
fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

async fn healthcheck() -> anyhow::Result<()> {
    let port = std::env::var("PORT")
        .ok()
        .map_or(Ok(8080), |port| port.parse())
        .context("PORT")?;
    let ask = async {
        let mut stream = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
        stream.write_all(b"GET /readyz HTTP/1.0\r\n\r\n").await?;
        let mut status_line = [0; 12];
        stream.read_exact(&mut status_line).await?;
        anyhow::Ok(status_line)
    };
    let status_line = tokio::time::timeout(Duration::from_secs(3), ask)
        .await
        .context("no answer")??;
    if !status_line.ends_with(b" 200") {
        bail!("not ready: {}", String::from_utf8_lossy(&status_line));
    }
    Ok(())
}
