//! All that stands in a database, in short.

use crate::support::TestApp;
use sea_orm::{ConnectionTrait, DbErr, Statement};
use std::collections::BTreeMap;

/// What may differ though nothing was changed: when a session was used last is moved on by any request, answered
/// however. Everything else counts. Rate limits are counted in memory; claims on an `Idempotency-Key` are made only by
/// requests that bring a good one; and no worker runs that could take a job.
const EXCEPTIONS: [(&str, &str); 1] = [("sessions", "last_used_at")];

/// The hash of each table's rows.
pub async fn digest(test: &TestApp) -> BTreeMap<String, String> {
    let tables = "SELECT relname::text, '' FROM pg_class WHERE relkind IN ('r', 'p', 'm') \
         AND relnamespace = 'public'::regnamespace";
    let tables = pairs(test, tables).await.unwrap();
    let hashes: Vec<_> = tables.iter().map(|(table, _)| hash_of(table)).collect();
    let hashes = pairs(test, &hashes.join(" UNION ALL ")).await.unwrap();
    assert_eq!(hashes.len(), tables.len());
    hashes.into_iter().collect()
}

fn hash_of(table: &str) -> String {
    let exceptions = EXCEPTIONS.iter().filter(|(of, _)| *of == table);
    let row = exceptions.fold("to_jsonb(t)".to_owned(), |row, (_, column)| {
        format!("{row} - '{column}'")
    });
    format!(
        "SELECT '{table}', coalesce(md5(string_agg(({row})::text, ',' ORDER BY ({row})::text)), '') FROM \"{table}\" t"
    )
}

async fn pairs(test: &TestApp, sql: &str) -> Result<Vec<(String, String)>, DbErr> {
    let db = &test.app.db;
    let statement = Statement::from_string(db.get_database_backend(), sql);
    let rows = db.query_all_raw(statement).await?;
    let pair =
        |row: &sea_orm::QueryResult| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?));
    rows.iter().map(pair).collect()
}
