//! Whether the server can do its work.

use crate::{app::App, error::Error};
use migration::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, raw_sql};

#[derive(FromQueryResult)]
struct Applied {
    version: String,
}

/// The names of the migrations that this version wants and the database has not had.
///
/// # Errors
/// [`Error::Unavailable`] when the database can't be reached.
pub async fn pending_migrations(app: &App) -> Result<Vec<String>, Error> {
    let applied = match applied(&app.db).await {
        Ok(applied) => applied,
        // The table is not there yet: 42P01 undefined_table.
        Err(error) if crate::store::sql_state(&error).as_deref() == Some("42P01") => Vec::new(),
        Err(error) => return Err(Error::unavailable(error)),
    };
    let wanted = Migrator::migrations()
        .into_iter()
        .map(|migration| migration.name().to_owned());
    Ok(wanted.filter(|name| !applied.contains(name)).collect())
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
