//! Third-party apps.

use ::entity::{id::AppId, third_party_app};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel,
    QueryFilter, QueryOrder, QuerySelect,
};

pub async fn insert(
    txn: &impl ConnectionTrait,
    name: &str,
    now: DateTime<Utc>,
) -> Result<third_party_app::Model, DbErr> {
    let app = third_party_app::Model {
        id: AppId::generate(),
        name: name.to_owned(),
        enabled: true,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    third_party_app::Entity::insert(app.clone().into_active_model())
        .exec_without_returning(txn)
        .await?;
    Ok(app)
}

pub async fn find(
    db: &impl ConnectionTrait,
    id: AppId,
) -> Result<Option<third_party_app::Model>, DbErr> {
    third_party_app::Entity::find_by_id(id).one(db).await
}

/// Lets nobody else change the app, or make keys for it, until the end of the transaction.
pub async fn lock(
    txn: &impl ConnectionTrait,
    id: AppId,
) -> Result<Option<third_party_app::Model>, DbErr> {
    third_party_app::Entity::find_by_id(id)
        .lock_exclusive()
        .one(txn)
        .await
}

/// Apps, the newest first.
pub async fn list(
    db: &impl ConnectionTrait,
    after: Option<AppId>,
    limit: u64,
) -> Result<Vec<third_party_app::Model>, DbErr> {
    let mut query = third_party_app::Entity::find();
    if let Some(after) = after {
        query = query.filter(third_party_app::COLUMN.id.lt(after));
    }
    query
        .order_by_desc(third_party_app::COLUMN.id)
        .limit(limit)
        .all(db)
        .await
}

/// Edits the app if it is still at `version`; whether it was.
pub async fn update(
    txn: &impl ConnectionTrait,
    id: AppId,
    version: i32,
    (name, enabled): (Option<&str>, Option<bool>),
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let mut row = third_party_app::ActiveModel {
        version: Set(version + 1),
        updated_at: Set(now),
        ..Default::default()
    };
    if let Some(name) = name {
        row.name = Set(name.to_owned());
    }
    if let Some(enabled) = enabled {
        row.enabled = Set(enabled);
    }
    let updated = third_party_app::Entity::update_many()
        .set(row)
        .filter(third_party_app::COLUMN.id.eq(id))
        .filter(third_party_app::COLUMN.version.eq(version))
        .exec(txn)
        .await?;
    Ok(updated.rows_affected == 1)
}
