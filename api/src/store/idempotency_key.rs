//! Requests that their callers may repeat without doing them twice.

use ::entity::idempotency_key;
use chrono::{DateTime, Utc};
use sea_orm::{ActiveValue::Set, ConnectionTrait, DbErr, EntityTrait, QueryFilter, raw_sql};
use serde_json::Value;
use uuid::Uuid;

/// Whose request it is, and by which key they know it.
#[derive(Clone, Copy, Debug)]
pub struct Key<'a> {
    pub caller_id: Uuid,
    pub key: &'a str,
}

/// Takes a key that is new or older than `forgotten`, or whose request was cut off; whether it was.
///
/// Its commit does not wait for the disk: whatever is then done in the key's name commits later, and does, so after a
/// crash there is never that without this.
pub async fn claim(
    db: &impl ConnectionTrait,
    Key { caller_id, key }: Key<'_>,
    request_hash: Vec<u8>,
    in_flight_until: DateTime<Utc>,
    (now, forgotten): (DateTime<Utc>, DateTime<Utc>),
) -> Result<bool, DbErr> {
    let key = key.to_owned();
    let claimed = db
        .execute_raw(raw_sql!(
            Postgres,
            r#"INSERT INTO idempotency_keys (user_id, key, request_hash, in_flight_until, created_at)
               SELECT {caller_id}, {key}, {request_hash}, {in_flight_until}, {now}
               WHERE set_config('synchronous_commit', 'off', true) = 'off'
               ON CONFLICT ON CONSTRAINT idempotency_keys_pkey DO UPDATE
               SET in_flight_until = excluded.in_flight_until, created_at = excluded.created_at,
                   request_hash = excluded.request_hash, answer = NULL
               WHERE idempotency_keys.created_at < {forgotten}
                  OR (idempotency_keys.in_flight_until <= {now}
                      AND idempotency_keys.request_hash = excluded.request_hash)"#
        ))
        .await?;
    Ok(claimed.rows_affected() == 1)
}

pub async fn find(
    db: &impl ConnectionTrait,
    Key { caller_id, key }: Key<'_>,
) -> Result<Option<idempotency_key::Model>, DbErr> {
    idempotency_key::Entity::find_by_id((caller_id, key.to_owned()))
        .one(db)
        .await
}

/// Keeps what was answered, if the claim that ends at `in_flight_until` still stands; whether it did.
///
/// That instant tells claims of one key apart: each is later than the one that it takes over from.
pub async fn answer(
    db: &impl ConnectionTrait,
    Key { caller_id, key }: Key<'_>,
    in_flight_until: DateTime<Utc>,
    answer: Value,
) -> Result<bool, DbErr> {
    let kept = idempotency_key::Entity::update_many()
        .set(idempotency_key::ActiveModel {
            in_flight_until: Set(None),
            answer: Set(Some(answer)),
            ..Default::default()
        })
        .filter(idempotency_key::COLUMN.caller_id.eq(caller_id))
        .filter(idempotency_key::COLUMN.key.eq(key))
        .filter(idempotency_key::COLUMN.in_flight_until.eq(in_flight_until))
        .exec(db)
        .await?;
    Ok(kept.rows_affected == 1)
}

/// Gives a key back whose request came to nothing, if the claim that ends at `in_flight_until` still stands.
pub async fn release(
    db: &impl ConnectionTrait,
    Key { caller_id, key }: Key<'_>,
    in_flight_until: DateTime<Utc>,
) -> Result<(), DbErr> {
    idempotency_key::Entity::delete_by_id((caller_id, key.to_owned()))
        .filter(idempotency_key::COLUMN.in_flight_until.eq(in_flight_until))
        .exec(db)
        .await
        .map(|_| ())
}

/// Deletes keys older than `before`, a bounded number at a time.
pub async fn forget(db: &impl ConnectionTrait, before: DateTime<Utc>) -> Result<(), DbErr> {
    db.execute_raw(raw_sql!(
        Postgres,
        r#"DELETE FROM idempotency_keys WHERE (user_id, key) IN (
               SELECT user_id, key FROM idempotency_keys WHERE created_at < {before} LIMIT 1000)"#
    ))
    .await
    .map(|_| ())
}
