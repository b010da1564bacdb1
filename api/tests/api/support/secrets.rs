//! What nobody may ever read in a log or a table: noted wherever a test meets it, and looked for afterwards.
//!
//! Where `TEST_LOGS` names a folder, this process leaves three kinds of files there: what it logged of everything at
//! trace level (`*.log`), what was in all tables at the end of each test (`*.tables`), and the secrets that it met in
//! every writing in which they could stand there (`*.secrets`). `.ci/run` looks for these in those.

use api::config::Database;
use base64::{
    Engine,
    prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD},
};
use secrecy::ExposeSecret;
use sqlx::{Connection, PgConnection};
use std::{
    collections::BTreeSet,
    fs::File,
    io::Write,
    path::PathBuf,
    sync::{Mutex, Once, PoisonError},
};
use tracing_subscriber::{filter::LevelFilter, fmt::format::FmtSpan};

pub const FOLDER: &str = "TEST_LOGS";

/// What is no secret, and so must be found where the secrets must not: in every log, and in some table.
pub const CANARY: &str = "canary-of-the-secrets";

/// What is shorter is not secret: nobody could guess wrong.
const SHORTEST: usize = 12;

static MET: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// A file of this process, if files are wanted.
fn file(kind: &str) -> Option<File> {
    let folder = PathBuf::from(std::env::var_os(FOLDER)?);
    let path = folder.join(format!("{}.{kind}", std::process::id()));
    let file = File::options().append(true).create(true).open(path);
    Some(file.unwrap())
}

/// Logs everything, if files are wanted.
pub fn log_everything() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        if let Some(file) = file("log") {
            tracing_subscriber::fmt()
                .with_max_level(LevelFilter::TRACE)
                .with_ansi(false)
                // With their fields, also where nothing is logged within.
                .with_span_events(FmtSpan::NEW)
                .with_writer(Mutex::new(file))
                .init();
            tracing::trace!("{CANARY}");
        }
    });
}

/// Notes a secret.
pub fn met(secret: &str) {
    if secret.len() < SHORTEST {
        return;
    }
    let mut met = MET.lock().unwrap_or_else(PoisonError::into_inner);
    if met.insert(secret.to_owned())
        && let Some(mut file) = file("secrets")
    {
        let lines = writings(secret.as_bytes()).join("\n");
        writeln!(file, "{lines}").unwrap();
    }
}

/// The secrets of this process up to now.
pub fn all() -> Vec<String> {
    let met = MET.lock().unwrap_or_else(PoisonError::into_inner);
    met.iter().cloned().collect()
}

/// How a secret could stand in a text: as it is, in hex as PostgreSQL shows bytes, and in base64.
pub fn writings(secret: &[u8]) -> Vec<String> {
    let hex = |hex: String, byte: &u8| hex + &format!("{byte:02x}");
    let mut writings = vec![
        secret.iter().fold(String::new(), hex),
        // Without the last digits, which depend on what follows.
        BASE64_STANDARD_NO_PAD.encode(&secret[..secret.len() / 3 * 3]),
        BASE64_URL_SAFE_NO_PAD.encode(&secret[..secret.len() / 3 * 3]),
    ];
    writings.extend(str::from_utf8(secret).ok().map(str::to_owned));
    writings.sort();
    writings.dedup();
    writings
}

/// All rows of all tables of a database, each on a line that begins with the table.
pub async fn tables(database: &Database) -> String {
    let mut db = PgConnection::connect(database.url.expose_secret())
        .await
        .unwrap();
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT relname::text FROM pg_class WHERE relkind IN ('r', 'p', 'm') AND relnamespace = 'public'::regnamespace",
    )
    .fetch_all(&mut db)
    .await
    .unwrap();
    let mut text = String::new();
    for table in tables {
        let query = format!("SELECT t::text FROM \"{table}\" t");
        let rows: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(query))
            .fetch_all(&mut db)
            .await
            .unwrap();
        for row in rows {
            text.extend([table.as_str(), " ", &row, "\n"]);
        }
    }
    db.close().await.unwrap();
    text
}

/// Keeps what is in all tables of a database, if files are wanted.
pub fn keep_tables(database: &Database) {
    let Some(mut file) = file("tables") else {
        return;
    };
    let database = database.clone();
    // A test that ends is within its runtime, which may have one thread only.
    let text = std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(tables(&database))
    });
    file.write_all(text.join().unwrap().as_bytes()).unwrap();
}
