//! Whether the server can do its work.

use crate::{app::App, error::Error, store};
use chrono::TimeDelta;
use migration::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, raw_sql};

#[derive(FromQueryResult)]
struct Applied {
    version: String,
}

/// How long an answer is given without asking the database again: anybody may ask, as often as they like.
const FRESH: TimeDelta = TimeDelta::seconds(1);

/// Whether the database can be reached and has had every migration.
///
/// # Errors
/// [`Error::Unavailable`] if not.
pub async fn check(app: &App) -> Result<(), Error> {
    // Held while the database is asked: those who ask meanwhile hear the same.
    let mut last = app.readiness.lock().await;
    let now = app.clock.now();
    let fault = match &*last {
        Some((at, fault)) if (now - *at).abs() < FRESH => fault.clone(),
        _ => {
            let fault = fault(app).await;
            *last = Some((app.clock.now(), fault.clone()));
            fault
        }
    };
    match fault {
        Some(fault) => Err(Error::unavailable(anyhow::anyhow!(fault))),
        None => Ok(()),
    }
}

async fn fault(app: &App) -> Option<String> {
    let applied = match applied(&app.db).await {
        Ok(applied) => applied,
        // The table is not there yet: 42P01 undefined_table.
        Err(error) if store::sql_state(&error).as_deref() == Some("42P01") => Vec::new(),
        Err(error) => return Some(error.to_string()),
    };
    let mut pending = Migrator::migrations();
    pending.retain(|migration| !applied.iter().any(|name| name == migration.name()));
    let names: Vec<_> = pending.iter().map(|migration| migration.name()).collect();
    (!names.is_empty()).then(|| format!("migrations to come: {}", names.join(", ")))
}

async fn applied(db: &impl ConnectionTrait) -> Result<Vec<String>, DbErr> {
    let rows = Applied::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT version FROM seaql_migrations"#
    ))
    .all(db)
    .await?;
    Ok(rows.into_iter().map(|row| row.version).collect())
}
