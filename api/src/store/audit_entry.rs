//! Who changed what. Triggers write it.

use super::conditions::Conditions;
use crate::origin::Origin;
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ConnectionTrait, DatabaseBackend, DbErr, FromQueryResult, Statement, raw_sql};
use serde_json::Value;
use uuid::Uuid;

/// Tells on whose behalf the rest of this transaction is.
pub async fn tell(txn: &impl ConnectionTrait, origin: &Origin) -> Result<(), DbErr> {
    let (actor, now) = (origin.actor(), origin.now());
    let text = |value: Option<String>| value.unwrap_or_default();
    let kind = actor.kind();
    let id = text(actor.id().map(|id| id.to_string()));
    let operation = text(origin.operation.as_deref().map(str::to_owned));
    let sender = origin.sender.as_ref();
    let address = text(sender.map(|sender| sender.address.to_string()));
    let request_id = text(sender.and_then(|sender| sender.request_id.clone()));
    let keep_until = (now + TimeDelta::days(origin.keep_days.into())).to_rfc3339();
    let now = now.to_rfc3339();
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"SELECT set_config('audit.at', {now}, true), set_config('audit.keep_until', {keep_until}, true),
                  set_config('audit.actor_kind', {kind}, true), set_config('audit.actor_id', {id}, true),
                  set_config('audit.operation', {operation}, true), set_config('audit.address', {address}, true),
                  set_config('audit.request_id', {request_id}, true)"#
    ))
    .await
    .map(|_| ())
}

/// One change, as it was made.
#[derive(Clone, Debug, FromQueryResult)]
pub struct AuditEntry {
    pub id: i64,
    pub at: DateTime<Utc>,
    pub actor_kind: String,
    pub actor_id: Option<Uuid>,
    /// Of a user who still exists, or of the app of a key.
    pub actor_name: Option<String>,
    pub operation: Option<String>,
    pub address: Option<String>,
    pub request_id: Option<String>,
    pub subject_kind: String,
    pub subject_id: Option<Uuid>,
    pub table_name: String,
    pub action: String,
    pub before: Option<Value>,
    pub after: Option<Value>,
}

/// Which entries, all of them where nothing is said, and where the page begins.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub actor_id: Option<Uuid>,
    pub subject_kind: Option<&'static str>,
    pub subject_id: Option<Uuid>,
    pub operation: Option<String>,
    pub request_id: Option<String>,
    /// Made then or later.
    pub from: Option<DateTime<Utc>>,
    /// Made before.
    pub until: Option<DateTime<Utc>>,
    /// Older than the entry made then, with this id.
    pub after: Option<(DateTime<Utc>, i64)>,
    pub limit: u32,
}

const SELECT: &str = r"SELECT entries.id, at, actor_kind, actor_id, coalesce(users.name, apps.name) AS actor_name, operation, host(address) AS address,
       request_id, subject_kind, subject_id, table_name, action, before, after
FROM audit_entries AS entries
LEFT JOIN users ON users.id = actor_id AND actor_kind = 'person'
LEFT JOIN app_keys ON app_keys.id = actor_id AND actor_kind = 'key'
LEFT JOIN third_party_apps AS apps ON apps.id = app_keys.app_id";

/// Entries, the newest first.
pub async fn list(db: &impl ConnectionTrait, filter: Filter) -> Result<Vec<AuditEntry>, DbErr> {
    let mut conditions = Conditions::default();
    let equal = [
        ("actor_id = ?", filter.actor_id.map(Into::into)),
        ("subject_kind = ?", filter.subject_kind.map(Into::into)),
        ("subject_id = ?", filter.subject_id.map(Into::into)),
        ("operation = ?", filter.operation.map(Into::into)),
        ("request_id = ?", filter.request_id.map(Into::into)),
        ("at >= ?", filter.from.map(Into::into)),
        ("at < ?", filter.until.map(Into::into)),
    ];
    for (condition, value) in equal {
        if let Some(value) = value {
            conditions.add(condition, [value]);
        }
    }
    if let Some((at, id)) = filter.after {
        conditions.add("(at, entries.id) < (?, ?)", [at.into(), id.into()]);
    }
    let condition = if conditions.sql.is_empty() {
        "true"
    } else {
        &conditions.sql
    };
    let limit = filter.limit;
    let sql = format!("{SELECT} WHERE {condition} ORDER BY at DESC, entries.id DESC LIMIT {limit}");
    AuditEntry::find_by_statement(Statement::from_sql_and_values(
        DatabaseBackend::Postgres,
        sql,
        conditions.values,
    ))
    .all(db)
    .await
}

/// Deletes entries that have been kept for long enough, this many at most; how many there were. By the clock of the
/// database, as the trigger that protects them goes by no other.
pub async fn forget(db: &impl ConnectionTrait, most: u32) -> Result<u64, DbErr> {
    let most = i64::from(most);
    let deleted = db
        .execute_raw(raw_sql!(
            Postgres,
            r#"DELETE FROM audit_entries WHERE id IN (
                   SELECT id FROM audit_entries WHERE keep_until <= now() ORDER BY keep_until
                   LIMIT {most} FOR UPDATE SKIP LOCKED)"#
        ))
        .await?;
    Ok(deleted.rows_affected())
}
