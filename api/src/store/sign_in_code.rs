//! What frontends on other sites exchange for sessions, or redeem for what they have asked of providers.

use ::entity::{
    id::{SessionId, UserId},
    sign_in_code,
};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QuerySelect, raw_sql,
};

/// SHA-256 of a code.
pub type CodeHash = [u8; 32];

/// A code to be kept.
pub struct NewCode<'a> {
    pub code_hash: CodeHash,
    pub user_id: UserId,
    pub code_challenge: &'a str,
    pub redirect_uri: &'a str,
    pub sealed_answer: Option<&'a str>,
    pub expires_at: DateTime<Utc>,
}

pub async fn insert(txn: &impl ConnectionTrait, new: NewCode<'_>) -> Result<(), DbErr> {
    let row = sign_in_code::ActiveModel {
        code_hash: Set(new.code_hash.to_vec()),
        user_id: Set(new.user_id),
        code_challenge: Set(new.code_challenge.to_owned()),
        redirect_uri: Set(new.redirect_uri.to_owned()),
        expires_at: Set(new.expires_at),
        used_at: Set(None),
        session_id: Set(None),
        sealed_answer: Set(new.sealed_answer.map(str::to_owned)),
    };
    sign_in_code::Entity::insert(row)
        .exec_without_returning(txn)
        .await
        .map(|_| ())
}

/// Whose code this is.
pub async fn user_of(
    db: &impl ConnectionTrait,
    code_hash: CodeHash,
) -> Result<Option<UserId>, DbErr> {
    let found = sign_in_code::Entity::find_by_id(code_hash.to_vec());
    Ok(found.one(db).await?.map(|code| code.user_id))
}

/// The code with this hash, used or not, to which nobody else comes until the end of the transaction.
pub async fn lock(
    txn: &impl ConnectionTrait,
    code_hash: CodeHash,
) -> Result<Option<sign_in_code::Model>, DbErr> {
    sign_in_code::Entity::find_by_id(code_hash.to_vec())
        .lock_exclusive()
        .one(txn)
        .await
}

/// Notes that a code was used, and what for if it was good for anything.
pub async fn note_use(
    txn: &impl ConnectionTrait,
    code_hash: CodeHash,
    session_id: Option<SessionId>,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    sign_in_code::Entity::update_many()
        .set(sign_in_code::ActiveModel {
            used_at: Set(Some(now)),
            session_id: Set(session_id),
            sealed_answer: Set(None),
            ..Default::default()
        })
        .filter(sign_in_code::COLUMN.code_hash.eq(code_hash.to_vec()))
        .exec(txn)
        .await
        .map(|_| ())
}

/// Deletes what ended before `since`, a bounded number at a time.
pub async fn delete_expired(txn: &impl ConnectionTrait, since: DateTime<Utc>) -> Result<(), DbErr> {
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"DELETE FROM sign_in_codes WHERE code_hash IN (
               SELECT code_hash FROM sign_in_codes WHERE expires_at <= {since} LIMIT 1000)"#
    ))
    .await
    .map(|_| ())
}
