//! The only queries. Every function takes the connection or the transaction on which it runs.

pub mod absence;
pub mod account;
pub mod app_key;
pub mod audit_entry;
pub mod batch;
pub mod bookable_event;
pub mod bookable_tag;
pub mod booking;
pub mod busy_span;
pub mod cache;
pub mod calendar;
pub mod calendar_channel;
pub mod calendar_event;
pub mod cancellation_policy;
pub mod centre;
mod conditions;
pub mod credit;
pub mod date_override;
pub mod drift;
pub mod erasure;
pub mod event_span;
pub mod export;
pub mod google_grant;
pub mod grant_revocation;
pub mod group_lesson;
pub mod guardianship;
pub mod holiday_calendar;
pub mod idempotency_key;
pub mod identity;
pub mod invitation;
pub mod job;
pub mod lesson;
pub mod new_booking;
pub mod occupied;
pub mod offer;
pub mod person;
pub mod policy;
pub mod pushed_request;
pub mod quota;
pub mod reconciliation;
pub mod revision;
#[cfg(feature = "local")]
pub mod seed;
pub mod series;
pub mod session;
pub mod sign_in_code;
pub mod subject;
pub mod third_party_app;
pub mod time_off;
pub mod timetable;
pub mod tutor;
pub mod user;
pub mod waitlist;
pub mod weekly_rule;

use ::entity::id::UserId;
use sea_orm::{ConnectionTrait, DbErr, RuntimeErr, raw_sql};
use sqlx::postgres::PgDatabaseError;
use std::borrow::Cow;
use uuid::Uuid;

/// Takes locks that last until the end of the transaction, on people whose time is about to be written.
/// All of them in one call and before any row is written, so that every transaction takes them in the
/// same order.
///
/// The exclusion constraints alone are right, but deadlock under contention: two inserts wait for each
/// other's index entries. With the lock first, they queue. And a person who both teaches and learns has
/// one time, of which each constraint sees a part: what is read under the lock is the whole.
pub async fn lock_time_of(txn: &impl ConnectionTrait, people: &[UserId]) -> Result<(), DbErr> {
    let mut keys: Vec<i64> = people
        .iter()
        .map(|id| i64::from_be_bytes(low_half(id.0)))
        .collect();
    keys.sort_unstable();
    keys.dedup();
    // In one statement, which takes them in the order of the list.
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"SELECT pg_advisory_xact_lock(key) FROM unnest({keys}::bigint[]) AS key"#
    ))
    .await
    .map(|_| ())
}

/// The random half of a `UUIDv7`.
fn low_half(id: Uuid) -> [u8; 8] {
    let mut half = [0; 8];
    half.copy_from_slice(&id.as_bytes()[8..]);
    half
}

/// The SQLSTATE of a database error.
pub fn sql_state(error: &DbErr) -> Option<Cow<'_, str>> {
    postgres(error).map(|error| error.code().into())
}

/// The name of the constraint that was violated.
pub fn violated(error: &DbErr) -> Option<&str> {
    postgres(error).and_then(PgDatabaseError::constraint)
}

/// Whether the connection was lost: the server was restarted, say.
pub fn is_disconnected(error: &DbErr) -> bool {
    matches!(
        error,
        DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))
            if matches!(**error, sqlx::Error::Io(_) | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed)
    )
}

fn postgres(error: &DbErr) -> Option<&PgDatabaseError> {
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) =
        error
    else {
        return None;
    };
    error.as_database_error()?.try_downcast_ref()
}
