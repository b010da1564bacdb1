//! The connection to Postgres, and bringing its schema up to date.

use crate::config;
use anyhow::Context;
use migration::{Migrator, MigratorTrait};
use sea_orm::{DatabaseConnection, SqlxPostgresConnector};
use secrecy::{ExposeSecret, SecretString};
use sqlx::{
    ConnectOptions, Connection, PgConnection,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use std::time::Duration;

/// How long the first connection may take; after that the reason is told.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a request waits for a connection of the pool.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection that lay idle this long is tried before it is used. Trying every one costs a round trip
/// per request.
const TRY_AFTER_IDLE: Duration = Duration::from_secs(10);

/// What Postgres ends by itself, so that a client that stands still can't hold up the others.
const LIMITS: [(&str, &str); 3] = [
    ("lock_timeout", "10s"),
    ("statement_timeout", "20s"),
    ("idle_in_transaction_session_timeout", "30s"),
];

/// Any number that nobody else locks.
const MIGRATION_LOCK: i64 = 0x7475_746f_7269_6e67;

/// A pool of connections.
///
/// # Errors
/// Within seconds, with the reason, when the database can't be reached; the pool alone would only say
/// that it timed out.
pub async fn connect(settings: &config::Database) -> anyhow::Result<DatabaseConnection> {
    pool(settings, &LIMITS).await
}

/// SeaORM is given a pool and not the address, which it would put into a span with the password.
async fn pool(
    settings: &config::Database,
    limits: &'static [(&'static str, &'static str)],
) -> anyhow::Result<DatabaseConnection> {
    plain_connection(&settings.url).await?.close().await?;
    let options: PgConnectOptions = settings.url.expose_secret().parse()?;
    let options = options
        .disable_statement_logging()
        .options(limits.iter().copied());
    let pool = PgPoolOptions::new()
        .max_connections(settings.max_connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .before_acquire(|connection, metadata| {
            Box::pin(async move {
                if metadata.idle_for >= TRY_AFTER_IDLE {
                    connection.ping().await?;
                }
                Ok(true)
            })
        });
    let pool = pool.connect_with(options).await?;
    Ok(SqlxPostgresConnector::from_sqlx_postgres_pool(pool))
}

/// Brings the schema up to date. Of several that do so at once, one works and the others wait.
pub async fn migrate(settings: &config::Database) -> anyhow::Result<()> {
    let mut lock = plain_connection(&settings.url).await?;
    sqlx::query("SELECT pg_advisory_lock($1)")
        .bind(MIGRATION_LOCK)
        .execute(&mut lock)
        .await?;
    let db = pool(settings, &[]).await?;
    Migrator::up(&db, None)
        .await
        .context("the schema could not be brought up to date")?;
    db.close().await?;
    lock.close().await?;
    Ok(())
}

async fn plain_connection(url: &SecretString) -> anyhow::Result<PgConnection> {
    tokio::time::timeout(CONNECT_TIMEOUT, PgConnection::connect(url.expose_secret()))
        .await
        .context("timed out")
        .and_then(|connected| Ok(connected?))
        .context("the database at DATABASE_URL can't be reached")
}
