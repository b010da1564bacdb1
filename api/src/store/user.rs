//! Users and their roles.

use ::entity::{
    id::UserId,
    user,
    user_role::{self, Role},
};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter,
    sea_query::OnConflict,
};

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
        erased_at: Set(None),
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
