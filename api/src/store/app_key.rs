//! Keys of third-party apps.

use ::entity::{
    app_key,
    id::{AppId, AppKeyId, TutorId},
};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, FromQueryResult, IntoActiveModel,
    QueryFilter, QueryOrder, QuerySelect, raw_sql,
    sea_query::{Expr, Func},
};
use std::{collections::HashMap, fmt};
use uuid::Uuid;

/// SHA-256 of a key's secret.
pub type SecretHash = [u8; 32];

/// A key that works, unless it has expired.
#[derive(Clone)]
pub struct AppKey {
    pub id: AppKeyId,
    pub app_id: AppId,
    pub secret_hash: SecretHash,
    pub scopes: Vec<String>,
    /// Only these tutors, where there are any.
    pub tutor_ids: Option<Vec<TutorId>>,
    /// Only the subjects with these slugs, where there are any.
    pub subjects: Option<Vec<String>>,
    pub expires_at: DateTime<Utc>,
    pub last_used_at: Option<DateTime<Utc>>,
}

impl fmt::Debug for AppKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AppKey({})", self.id)
    }
}

/// Those of these keys that are not revoked, of apps that are enabled.
pub async fn live(
    db: &impl ConnectionTrait,
    ids: &[AppKeyId],
) -> Result<HashMap<AppKeyId, AppKey>, DbErr> {
    #[derive(FromQueryResult)]
    struct Row {
        id: AppKeyId,
        app_id: AppId,
        secret_hash: Vec<u8>,
        scopes: Vec<String>,
        tutor_ids: Option<Vec<Uuid>>,
        subjects: Option<Vec<String>>,
        expires_at: DateTime<Utc>,
        last_used_at: Option<DateTime<Utc>>,
    }
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let rows = Row::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT app_keys.id, app_id, secret_hash, scopes, tutor_ids, subjects, expires_at, last_used_at
           FROM app_keys JOIN third_party_apps ON third_party_apps.id = app_id
           WHERE app_keys.id = ANY({ids}) AND revoked_at IS NULL AND enabled"#
    ))
    .all(db)
    .await?;
    rows.into_iter()
        .map(|row| {
            let key = AppKey {
                id: row.id,
                app_id: row.app_id,
                secret_hash: SecretHash::try_from(row.secret_hash)
                    .map_err(|_| DbErr::Type("a hash of another length".to_owned()))?,
                scopes: row.scopes,
                tutor_ids: row
                    .tutor_ids
                    .map(|ids| ids.into_iter().map(TutorId).collect()),
                subjects: row.subjects,
                expires_at: row.expires_at,
                last_used_at: row.last_used_at,
            };
            Ok((key.id, key))
        })
        .collect()
}

/// Notes when a key was used last.
pub async fn touch(
    db: &impl ConnectionTrait,
    id: AppKeyId,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    app_key::Entity::update_many()
        .set(app_key::ActiveModel {
            last_used_at: Set(Some(now)),
            ..Default::default()
        })
        .filter(app_key::COLUMN.id.eq(id))
        .exec(db)
        .await
        .map(|_| ())
}

/// A key to be made.
pub struct NewKey<'a> {
    pub id: AppKeyId,
    pub app_id: AppId,
    pub label: Option<&'a str>,
    pub secret_hash: SecretHash,
    pub scopes: Vec<String>,
    pub tutor_ids: Option<&'a [TutorId]>,
    pub subjects: Option<&'a [String]>,
    pub expires_at: DateTime<Utc>,
}

pub async fn insert(
    txn: &impl ConnectionTrait,
    new: NewKey<'_>,
    now: DateTime<Utc>,
) -> Result<app_key::Model, DbErr> {
    let key = app_key::Model {
        id: new.id,
        app_id: new.app_id,
        label: new.label.map(str::to_owned),
        secret_hash: new.secret_hash.to_vec(),
        scopes: new.scopes,
        tutor_ids: new.tutor_ids.map(|ids| ids.iter().map(|id| id.0).collect()),
        subjects: new.subjects.map(<[String]>::to_vec),
        created_at: now,
        expires_at: new.expires_at,
        last_used_at: None,
        revoked_at: None,
    };
    app_key::Entity::insert(key.clone().into_active_model())
        .exec_without_returning(txn)
        .await?;
    Ok(key)
}

/// The keys of an app, revoked and expired ones too, the newest first.
pub async fn of_app(
    db: &impl ConnectionTrait,
    app_id: AppId,
    after: Option<AppKeyId>,
    limit: u64,
) -> Result<Vec<app_key::Model>, DbErr> {
    let mut query = app_key::Entity::find().filter(app_key::COLUMN.app_id.eq(app_id));
    if let Some(after) = after {
        query = query.filter(app_key::COLUMN.id.lt(after));
    }
    query
        .order_by_desc(app_key::COLUMN.id)
        .limit(limit)
        .all(db)
        .await
}

/// How many keys of an app work.
pub async fn count_live(
    txn: &impl ConnectionTrait,
    app_id: AppId,
    now: DateTime<Utc>,
) -> Result<i64, DbErr> {
    #[derive(FromQueryResult)]
    struct Row {
        keys: i64,
    }
    let row = Row::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT count(*) AS keys FROM app_keys
           WHERE app_id = {app_id} AND revoked_at IS NULL AND expires_at > {now}"#
    ))
    .one(txn)
    .await?;
    Ok(row.map_or(0, |row| row.keys))
}

/// Ends a key of an app for good; whether there is such a key. One that has ended stays as it is.
pub async fn revoke(
    txn: &impl ConnectionTrait,
    app_id: AppId,
    id: AppKeyId,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let revoked = app_key::Entity::update_many()
        .col_expr(
            app_key::Column::RevokedAt,
            Func::coalesce([Expr::col(app_key::Column::RevokedAt), Expr::val(now)]).into(),
        )
        .filter(
            app_key::COLUMN
                .id
                .eq(id)
                .and(app_key::COLUMN.app_id.eq(app_id)),
        )
        .exec(txn)
        .await?;
    Ok(revoked.rows_affected == 1)
}
