//! Users, their roles and identities.

use ::entity::{
    id::{IdentityId, UserId},
    identity, user,
    user_role::{self, Role},
};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::{Set, Unchanged},
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, QueryFilter,
    sea_query::{Expr, OnConflict},
};

/// The identity of an account at a provider.
pub async fn identity(
    db: &impl ConnectionTrait,
    issuer: &str,
    subject: &str,
) -> Result<Option<identity::Model>, DbErr> {
    identity::Entity::find()
        .filter(identity::COLUMN.issuer.eq(issuer))
        .filter(identity::COLUMN.subject.eq(subject))
        .one(db)
        .await
}

/// A user to be made.
pub struct NewUser<'a> {
    pub name: &'a str,
    pub email: &'a str,
    pub time_zone: &'a str,
}

pub async fn insert(
    txn: &impl ConnectionTrait,
    new: NewUser<'_>,
    roles: &[Role],
    now: DateTime<Utc>,
) -> Result<UserId, DbErr> {
    let id = UserId::generate();
    let row = user::ActiveModel {
        id: Set(id),
        name: Set(new.name.to_owned()),
        email: Set(new.email.to_owned()),
        time_zone: Set(new.time_zone.to_owned()),
        version: Set(1),
        suspended_at: Set(None),
        suspension_reason: Set(None),
        created_at: Set(now),
        updated_at: Set(now),
    };
    user::Entity::insert(row)
        .exec_without_returning(txn)
        .await?;
    for role in roles {
        grant_role(txn, id, *role, now).await?;
    }
    Ok(id)
}

/// Gives a role; whether the user did not have it.
pub async fn grant_role(
    txn: &impl ConnectionTrait,
    user_id: UserId,
    role: Role,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let row = user_role::ActiveModel {
        user_id: Set(user_id),
        role: Set(role),
        created_at: Set(now),
    };
    let inserted = user_role::Entity::insert(row)
        .on_conflict(
            OnConflict::columns([user_role::Column::UserId, user_role::Column::Role])
                .do_nothing()
                .to_owned(),
        )
        .exec_without_returning(txn)
        .await?;
    Ok(inserted == 1)
}

pub async fn insert_identity(
    txn: &impl ConnectionTrait,
    user_id: UserId,
    account: (&str, &str, &str),
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let (issuer, subject, email) = account;
    let row = identity::ActiveModel {
        id: Set(IdentityId::generate()),
        user_id: Set(user_id),
        issuer: Set(issuer.to_owned()),
        subject: Set(subject.to_owned()),
        email: Set(email.to_owned()),
        created_at: Set(now),
        last_sign_in_at: Set(None),
    };
    identity::Entity::insert(row)
        .exec_without_returning(txn)
        .await
        .map(|_| ())
}

/// Notes a sign-in, and the address that the provider now tells.
pub async fn note_sign_in(
    txn: &impl ConnectionTrait,
    identity: &identity::Model,
    email: &str,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let row = identity::ActiveModel {
        id: Unchanged(identity.id),
        email: Set(email.to_owned()),
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

/// Edits the user if it is still at `version`; whether it was.
pub async fn update(
    db: &impl ConnectionTrait,
    id: UserId,
    version: i32,
    (name, time_zone): (Option<&str>, Option<&str>),
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let mut row = user::ActiveModel {
        version: Set(version + 1),
        updated_at: Set(now),
        ..Default::default()
    };
    if let Some(name) = name {
        row.name = Set(name.to_owned());
    }
    if let Some(time_zone) = time_zone {
        row.time_zone = Set(time_zone.to_owned());
    }
    let updated = user::Entity::update_many()
        .set(row)
        .filter(user::COLUMN.id.eq(id))
        .filter(user::COLUMN.version.eq(version))
        .exec(db)
        .await?;
    Ok(updated.rows_affected == 1)
}
