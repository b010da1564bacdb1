//! Grants whose end Google is still to be told.

use ::entity::{google_grant, grant_revocation, id::GrantId};
use chrono::{DateTime, Utc};
use sea_orm::{ActiveValue::Set, ConnectionTrait, DbErr, EntityTrait};

pub use ::entity::grant_revocation::Model as Revocation;

/// Keeps of a grant what it takes to end it.
pub async fn insert(
    txn: &impl ConnectionTrait,
    grant: google_grant::Model,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let row = grant_revocation::ActiveModel {
        id: Set(grant.id),
        user_id: Set(grant.user_id),
        refresh_token: Set(grant.refresh_token),
        refresh_token_key_id: Set(grant.refresh_token_key_id),
        created_at: Set(now),
    };
    grant_revocation::Entity::insert(row)
        .exec_without_returning(txn)
        .await
        .map(|_| ())
}

pub async fn find(db: &impl ConnectionTrait, id: GrantId) -> Result<Option<Revocation>, DbErr> {
    grant_revocation::Entity::find_by_id(id).one(db).await
}

pub async fn delete(db: &impl ConnectionTrait, id: GrantId) -> Result<(), DbErr> {
    grant_revocation::Entity::delete_by_id(id)
        .exec(db)
        .await
        .map(|_| ())
}
