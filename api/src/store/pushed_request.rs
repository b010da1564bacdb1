//! What frontends on other sites ask of providers, until a browser goes there.

use ::entity::{id::SessionId, pushed_request};
use chrono::{DateTime, Utc};
use sea_orm::{ActiveValue::Set, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, raw_sql};

/// SHA-256 of what stands in the address.
pub type RequestHash = [u8; 32];

/// A request to be kept.
pub struct NewRequest {
    pub request_hash: RequestHash,
    pub session_id: SessionId,
    pub sealed_start: String,
    pub expires_at: DateTime<Utc>,
}

/// # Errors
/// `pushed_requests_session_fkey`, for the caller to translate, where the session has ended.
pub async fn insert(db: &impl ConnectionTrait, new: NewRequest) -> Result<(), DbErr> {
    let row = pushed_request::ActiveModel {
        request_hash: Set(new.request_hash.to_vec()),
        session_id: Set(new.session_id),
        sealed_start: Set(new.sealed_start),
        expires_at: Set(new.expires_at),
    };
    pushed_request::Entity::insert(row)
        .exec_without_returning(db)
        .await
        .map(|_| ())
}

/// What was kept of a request that is not over, to whoever comes first.
pub async fn take(
    db: &impl ConnectionTrait,
    request_hash: RequestHash,
    now: DateTime<Utc>,
) -> Result<Option<String>, DbErr> {
    #[derive(FromQueryResult)]
    struct Row {
        sealed_start: String,
    }
    let hash = request_hash.to_vec();
    let row = Row::find_by_statement(raw_sql!(
        Postgres,
        r#"DELETE FROM pushed_requests WHERE request_hash = {hash} AND expires_at > {now} RETURNING sealed_start"#
    ))
    .one(db)
    .await?;
    Ok(row.map(|row| row.sealed_start))
}

/// Deletes what ended before `since`, a bounded number at a time.
pub async fn delete_expired(db: &impl ConnectionTrait, since: DateTime<Utc>) -> Result<(), DbErr> {
    db.execute_raw(raw_sql!(
        Postgres,
        r#"DELETE FROM pushed_requests WHERE request_hash IN (
               SELECT request_hash FROM pushed_requests WHERE expires_at <= {since} LIMIT 1000)"#
    ))
    .await
    .map(|_| ())
}
