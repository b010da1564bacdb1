//! Who changed what. Triggers write it.

use super::conditions::Conditions;
use crate::origin::Origin;
use ::entity::{
    booking::BookingStatus,
    id::{BookingId, LessonId},
};
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{
    ActiveEnum, ConnectionTrait, DatabaseBackend, DbErr, FromQueryResult, Statement, raw_sql,
};
use serde::{Deserialize, Deserializer, de::Error as _};
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

/// What a row of `bookings` has in an entry: of an update, only what changed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Columns {
    #[serde(deserialize_with = "status")]
    pub status: Option<BookingStatus>,
    pub lesson_id: Option<LessonId>,
    pub starts_at: Option<DateTime<Utc>>,
    pub ends_at: Option<DateTime<Utc>>,
    pub proposed_starts_at: Option<DateTime<Utc>>,
    pub proposed_ends_at: Option<DateTime<Utc>>,
    pub proposal_expires_at: Option<DateTime<Utc>>,
    pub cancellation_reason: Option<String>,
}

fn status<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<BookingStatus>, D::Error> {
    let name = Option::<String>::deserialize(deserializer)?;
    let status = name.map(|name| BookingStatus::try_from_value(&name));
    status.transpose().map_err(D::Error::custom)
}

/// One change of a booking.
#[derive(Clone, Debug)]
pub struct BookingEntry {
    pub at: DateTime<Utc>,
    pub operation: Option<String>,
    pub is_insert: bool,
    pub before: Columns,
    pub after: Columns,
    /// What whoever made it is to the booking now: `student`, `guardian`, `tutor` (any who had it), `admin`, `app` or
    /// `system`.
    pub role: Option<String>,
}

/// The changes of a booking, the newest first, so many at most. What was emptied of a person tells nothing.
pub async fn of_booking(
    db: &impl ConnectionTrait,
    id: BookingId,
    limit: i64,
) -> Result<Vec<BookingEntry>, DbErr> {
    #[derive(FromQueryResult)]
    struct Row {
        at: DateTime<Utc>,
        operation: Option<String>,
        action: String,
        before: Option<Value>,
        after: Option<Value>,
        role: Option<String>,
    }
    let rows = Row::find_by_statement(raw_sql!(
        Postgres,
        r#"WITH entries AS (
               SELECT id, at, actor_kind, actor_id, operation, action, before -> 0 AS before, after -> 0 AS after
               FROM audit_entries WHERE subject_id = {id} AND table_name = 'bookings'
               ORDER BY at DESC, id DESC LIMIT {limit}),
           taught AS (
               SELECT DISTINCT user_id FROM lessons JOIN tutors ON tutors.id = tutor_id
               WHERE lessons.id IN (
                   SELECT lesson_id FROM bookings WHERE id = {id}
                   UNION SELECT (before ->> 'lesson_id')::uuid FROM entries WHERE before ? 'lesson_id'))
           SELECT at, operation, action, before, after,
                  CASE WHEN actor_kind = 'key' THEN 'app' WHEN actor_kind <> 'person' THEN 'system'
                      WHEN actor_id = student_id THEN 'student'
                      WHEN EXISTS (SELECT FROM guardianships WHERE guardian_id = actor_id AND guardianships.student_id = bookings.student_id) THEN 'guardian'
                      WHEN EXISTS (SELECT FROM taught WHERE user_id = actor_id) THEN 'tutor'
                      WHEN EXISTS (SELECT FROM user_roles WHERE user_id = actor_id AND role = 'admin') THEN 'admin'
                  END AS role
           FROM entries JOIN bookings ON bookings.id = {id} ORDER BY at DESC, entries.id DESC"#
    ))
    .all(db)
    .await?;
    let columns = |value: Option<Value>| {
        let value = value.map(serde_json::from_value::<Columns>).transpose();
        value
            .map(Option::unwrap_or_default)
            .map_err(|error| DbErr::Json(error.to_string()))
    };
    rows.into_iter()
        .map(|row| {
            Ok(BookingEntry {
                at: row.at,
                operation: row.operation,
                is_insert: row.action == "insert",
                before: columns(row.before)?,
                after: columns(row.after)?,
                role: row.role,
            })
        })
        .collect()
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
