//! What the audit trail tells.

use crate::support::TestApp;
use scheduling::lifecycle::RULES;
use serde_json::{Map, Value};
use sqlx::AssertSqlSafe;
use std::collections::BTreeMap;
use uuid::Uuid;

type Row = Map<String, Value>;

/// The trail tells all of every booking and every group lesson, and every entry of the ledger; and by what it tells, every
/// booking came to be, and changed, by rules only.
pub async fn expect_told(test: &TestApp) {
    let bookings = told(test, "bookings", expect_legal).await;
    let left_out = "occupies, version, created_at, updated_at";
    assert!(!bookings.is_empty());
    let mut kept = rows(test, "bookings", left_out).await;
    // What is set aside for a proposal is told by the booking.
    kept.retain(|_, row| !row.contains_key("reserved_for"));
    assert_eq!(kept, bookings);
    let lessons = told(test, "lessons", |_, _, _| {}).await;
    let left_out =
        "calendar_event_id, calendar_event_calendar, calendar_event_attempt, calendar_event_asked_at, calendar_revision,
        calendar_event_revision, calendar_event_starts_at, calendar_event_ends_at, calendar_event_guests, meet_url, meet_pending_since, expires_at, version, created_at, updated_at";
    let groups = rows(test, "lessons", left_out).await;
    let groups = groups.into_iter().filter(|(_, row)| row["capacity"] != 1);
    assert_eq!(groups.collect::<BTreeMap<_, _>>(), lessons);
    let untold =
        "SELECT (SELECT count(*) FROM credit_entries) - coalesce(sum(jsonb_array_length(after)), 0)
        FROM audit_entries WHERE table_name = 'credit_entries'";
    assert_eq!(test.count(untold).await, 0, "entries of the ledger");
}

/// What the trail says that is in a table; `changes` is told each row as it was, and what changed of it.
async fn told(
    test: &TestApp,
    table: &str,
    changes: impl Fn(Uuid, &Row, &Row),
) -> BTreeMap<Uuid, Row> {
    let entries: Vec<(Uuid, String, Option<Value>)> = sqlx::query_as(
        "SELECT subject_id, action, after FROM audit_entries WHERE table_name = $1 ORDER BY id",
    )
    .bind(table)
    .fetch_all(&mut test.own_connection().await)
    .await
    .unwrap();
    let mut told: BTreeMap<Uuid, Row> = BTreeMap::new();
    for (id, action, after) in entries {
        if action == "delete" {
            let forgotten = told.remove(&id).unwrap();
            assert!(!forgotten.contains_key("booked_at"), "{forgotten:?}");
            continue;
        }
        let Some(Value::Object(after)) = after.map(|mut after| after[0].take()) else {
            panic!("{id} {action}: nothing told")
        };
        let row = told.entry(id).or_default();
        changes(id, row, &after);
        row.extend(after);
        row.retain(|_, value| !value.is_null());
    }
    told
}

fn expect_legal(id: Uuid, before: &Row, after: &Row) {
    let Some(to) = after.get("status") else {
        return;
    };
    let from = before.get("status");
    let legal = |rule: &scheduling::lifecycle::Rule| {
        rule.from.map(|from| Value::from(from.name())).as_ref() == from && to == rule.to.name()
    };
    assert!(RULES.iter().any(legal), "{id} went from {from:?} to {to}");
}

/// What is in a table, but for some columns.
async fn rows(test: &TestApp, table: &str, left_out: &str) -> BTreeMap<Uuid, Row> {
    let mut connection = test.own_connection().await;
    // As the trail writes times.
    sqlx::query("SET timezone = 'UTC'")
        .execute(&mut connection)
        .await
        .unwrap();
    let sql = format!(
        "SELECT id, jsonb_strip_nulls(to_jsonb({table}) - '{{{left_out}}}'::text[]) FROM {table}"
    );
    let rows: Vec<(Uuid, Value)> = sqlx::query_as(AssertSqlSafe(sql))
        .fetch_all(&mut connection)
        .await
        .unwrap();
    let object = |(id, row)| match row {
        Value::Object(row) => (id, row),
        other => panic!("{id}: {other}"),
    };
    rows.into_iter().map(object).collect()
}
