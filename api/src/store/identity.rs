//! Accounts at sign-in providers: those by which users sign in, and those that are still to be confirmed.

use ::entity::{
    id::{IdentityId, UserId},
    identity, user,
};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::{Set, Unchanged},
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, QueryFilter, QueryOrder,
    QuerySelect, raw_sql,
    sea_query::{Expr, LockType},
};

/// An account at a provider, as the provider tells of it.
#[derive(Clone, Copy)]
pub struct Account<'a> {
    pub issuer: &'a str,
    pub subject: &'a str,
    pub email: &'a str,
    pub email_authoritative: bool,
}

/// The confirmed identity that an account is.
pub async fn confirmed(
    db: &impl ConnectionTrait,
    issuer: &str,
    subject: &str,
) -> Result<Option<identity::Model>, DbErr> {
    identity::Entity::find()
        .filter(identity::COLUMN.issuer.eq(issuer))
        .filter(identity::COLUMN.subject.eq(subject))
        .filter(identity::COLUMN.confirmed_at.is_not_null())
        .one(db)
        .await
}

/// Until the end of the transaction nobody else edits which identities this user has.
pub async fn lock_those_of(txn: &impl ConnectionTrait, user_id: UserId) -> Result<(), DbErr> {
    user::Entity::find_by_id(user_id)
        .lock(LockType::NoKeyUpdate)
        .one(txn)
        .await
        .map(|_| ())
}

/// All of a user, oldest first, without those that were asked for at `since` or before and never confirmed.
pub async fn of_user(
    db: &impl ConnectionTrait,
    user_id: UserId,
    since: DateTime<Utc>,
) -> Result<Vec<identity::Model>, DbErr> {
    let is_live = identity::COLUMN
        .confirmed_at
        .is_not_null()
        .or(identity::COLUMN.created_at.gt(since));
    identity::Entity::find()
        .filter(identity::COLUMN.user_id.eq(user_id))
        .filter(is_live)
        .order_by_asc(identity::Column::Id)
        .all(db)
        .await
}

/// Makes an account the user's, confirmed or not.
pub async fn insert(
    txn: &impl ConnectionTrait,
    user_id: UserId,
    account: Account<'_>,
    confirmed_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<IdentityId, DbErr> {
    let id = IdentityId::generate();
    let row = identity::ActiveModel {
        id: Set(id),
        user_id: Set(user_id),
        issuer: Set(account.issuer.to_owned()),
        subject: Set(account.subject.to_owned()),
        email: Set(account.email.to_owned()),
        email_authoritative: Set(account.email_authoritative),
        created_at: Set(now),
        last_sign_in_at: Set(None),
        confirmed_at: Set(confirmed_at),
    };
    identity::Entity::insert(row)
        .exec_without_returning(txn)
        .await?;
    Ok(id)
}

/// Forgets what this user asked for of this account before.
pub async fn delete_unconfirmed(
    txn: &impl ConnectionTrait,
    user_id: UserId,
    account: Account<'_>,
) -> Result<(), DbErr> {
    identity::Entity::delete_many()
        .filter(identity::COLUMN.user_id.eq(user_id))
        .filter(identity::COLUMN.issuer.eq(account.issuer))
        .filter(identity::COLUMN.subject.eq(account.subject))
        .filter(identity::COLUMN.confirmed_at.is_null())
        .exec(txn)
        .await
        .map(|_| ())
}

/// Deletes what nobody confirmed in time, a bounded number at a time.
pub async fn delete_expired(db: &impl ConnectionTrait, since: DateTime<Utc>) -> Result<(), DbErr> {
    db.execute_raw(raw_sql!(
        Postgres,
        r#"DELETE FROM identities WHERE id IN (
               SELECT id FROM identities WHERE confirmed_at IS NULL AND created_at <= {since} LIMIT 1000)"#
    ))
    .await
    .map(|_| ())
}

/// Confirms what this user asked for after `since`; whether there was any.
pub async fn confirm(
    db: &impl ConnectionTrait,
    user_id: UserId,
    id: IdentityId,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let updated = identity::Entity::update_many()
        .set(identity::ActiveModel {
            confirmed_at: Set(Some(now)),
            ..Default::default()
        })
        .filter(identity::COLUMN.id.eq(id))
        .filter(identity::COLUMN.user_id.eq(user_id))
        .filter(identity::COLUMN.confirmed_at.is_null())
        .filter(identity::COLUMN.created_at.gt(since))
        .exec(db)
        .await?;
    Ok(updated.rows_affected == 1)
}

pub async fn delete(txn: &impl ConnectionTrait, id: IdentityId) -> Result<(), DbErr> {
    identity::Entity::delete_by_id(id)
        .exec(txn)
        .await
        .map(|_| ())
}

/// Notes a sign-in, and what the provider now tells of the address.
pub async fn note_sign_in(
    txn: &impl ConnectionTrait,
    identity: &identity::Model,
    account: Account<'_>,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let email = account.email;
    let row = identity::ActiveModel {
        id: Unchanged(identity.id),
        email: Set(email.to_owned()),
        email_authoritative: Set(account.email_authoritative),
        last_sign_in_at: Set(Some(now)),
        ..Default::default()
    };
    identity::Entity::update(row).exec(txn).await?;
    user::Entity::update_many()
        .col_expr(
            user::Column::Version,
            Expr::col(user::Column::Version).add(1),
        )
        .set(user::ActiveModel {
            email: Set(email.to_owned()),
            updated_at: Set(now),
            ..Default::default()
        })
        .filter(user::COLUMN.id.eq(identity.user_id))
        .filter(user::COLUMN.email.eq(identity.email.as_str()))
        .filter(user::COLUMN.email.ne(email))
        .exec(txn)
        .await
        .map(|_| ())
}
