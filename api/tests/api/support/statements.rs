//! What a server sends to its database.

use api::config::Database;
use sea_orm::{DatabaseConnection, SqlxPostgresConnector};
use secrecy::ExposeSecret;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use std::{
    fmt::{self, Write},
    mem::take,
    sync::{Arc, LazyLock, Mutex},
};
use tracing::{
    Dispatch, Event, Subscriber,
    field::{Field, Visit},
    span,
    subscriber::{self, DefaultGuard, NoSubscriber},
};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt},
};

/// The statements and transactions of what runs on this thread: of all of a test, its servers included. Of statements the
/// text, in which no values stand, and how many rows they found.
#[derive(Clone, Default)]
pub struct Statements(Arc<Mutex<Vec<String>>>);

impl Statements {
    /// Those since the last call.
    pub fn take(&self) -> Vec<String> {
        take(&mut *self.0.lock().unwrap())
    }

    fn push(&self, text: String) {
        self.0.lock().unwrap().push(text);
    }
}

impl<S: Subscriber> Layer<S> for Statements {
    /// Where transactions begin and end.
    fn on_new_span(&self, span: &span::Attributes<'_>, _: &span::Id, _: Context<'_, S>) {
        let metadata = span.metadata();
        if metadata.target().starts_with("sea_orm") {
            self.push(metadata.name().to_owned());
        }
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "sqlx::query" {
            let mut text = Text::default();
            event.record(&mut text);
            self.push(text.0);
        }
    }
}

/// A statement, from the fields in which it is logged.
#[derive(Default)]
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if ["summary", "db.statement", "rows_returned"].contains(&field.name()) {
            write!(self.0, "{value:?} ").unwrap();
        }
    }
}

/// While there has been but one subscriber, whether an event is of interest is decided by the thread that is the first to come
/// to it, for all threads: by one that has none, that it is not.
static ANOTHER: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(NoSubscriber::new()));

/// From now on, until the guard goes, the statements of this thread are noted.
pub fn noting() -> (Statements, DefaultGuard) {
    LazyLock::force(&ANOTHER);
    let statements = Statements::default();
    let subscriber = tracing_subscriber::registry().with(statements.clone());
    (statements, subscriber::set_default(subscriber))
}

/// A pool like that of the server, which logs statements.
pub async fn logging_pool(settings: &Database) -> DatabaseConnection {
    let options: PgConnectOptions = settings.url.expose_secret().parse().unwrap();
    let pool = PgPoolOptions::new().max_connections(settings.max_connections);
    let pool = pool.connect_with(options).await.unwrap();
    SqlxPostgresConnector::from_sqlx_postgres_pool(pool)
}
