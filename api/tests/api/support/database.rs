//! One Postgres per process, one database per test, gone when the test is over: hundreds would fill a small disk.

use super::secrets;
use api::{config::Database, database, local::postgres::Postgres};
use secrecy::ExposeSecret;
use sqlx::{Connection, Executor, PgConnection};
use std::sync::{
    Mutex, OnceLock, PoisonError,
    atomic::{AtomicU32, Ordering},
};
use tokio::sync::OnceCell;

const TEMPLATE: &str = "migrated";

const PASSWORD: &str = "password-of-the-database";

/// The databases of tests that are over.
static OVER: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// A migrated database that nobody else has.
pub async fn fresh() -> Database {
    static TEMPLATE_MADE: OnceCell<()> = OnceCell::const_new();
    static COUNT: AtomicU32 = AtomicU32::new(0);
    TEMPLATE_MADE.get_or_init(make_template).await;
    let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
    create(&format!(
        "CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY file_copy"
    ))
    .await;
    settings(&name)
}

/// A copy of a database to which nobody is connected.
pub async fn copy_of(database: &Database) -> Database {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let origin = name_of(database);
    let name = format!("copy_{}", COUNT.fetch_add(1, Ordering::Relaxed));
    create(&format!(
        "CREATE DATABASE {name} TEMPLATE {origin} STRATEGY file_copy"
    ))
    .await;
    settings(&name)
}

/// A database with nothing in it.
pub async fn empty() -> Database {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("empty_{}", COUNT.fetch_add(1, Ordering::Relaxed));
    create(&format!("CREATE DATABASE {name}")).await;
    settings(&name)
}

/// Says that a test needs its database no more. The next test that makes one drops it: a test that ends can't wait.
pub fn over(database: &Database) {
    let mut over = OVER.lock().unwrap_or_else(PoisonError::into_inner);
    over.push(name_of(database));
}

fn name_of(database: &Database) -> String {
    let url: url::Url = database.url.expose_secret().parse().unwrap();
    url.path().trim_start_matches('/').to_owned()
}

async fn make_template() {
    create(&format!("CREATE DATABASE {TEMPLATE}")).await;
    database::migrate(&settings(TEMPLATE)).await.unwrap();
    // An hour's notice, as tests are written for.
    execute(TEMPLATE, "UPDATE centre SET minimum_notice_minutes = 60").await;
}

async fn create(statement: &str) {
    let over = std::mem::take(&mut *OVER.lock().unwrap_or_else(PoisonError::into_inner));
    for name in over {
        execute("postgres", &format!("DROP DATABASE {name} WITH (FORCE)")).await;
    }
    execute("postgres", statement).await;
}

async fn execute(database: &str, statement: &str) {
    let mut connection = PgConnection::connect(&postgres().url(database))
        .await
        .unwrap();
    connection
        .execute(sqlx::AssertSqlSafe(statement))
        .await
        .unwrap();
    connection.close().await.unwrap();
}

fn settings(name: &str) -> Database {
    let mut url: url::Url = postgres().url(name).parse().unwrap();
    // Nobody asks for it; but whoever logs how they connect, logs it.
    url.set_password(Some(PASSWORD)).unwrap();
    secrets::met(PASSWORD);
    Database {
        url: String::from(url).into(),
        max_connections: 8,
        migrate_on_start: false,
    }
}

fn postgres() -> &'static Postgres {
    static POSTGRES: OnceLock<Postgres> = OnceLock::new();
    POSTGRES.get_or_init(|| Postgres::temporary(&[("max_connections", "500")]).unwrap())
}
