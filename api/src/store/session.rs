//! Sign-in sessions.

use ::entity::{
    id::{SessionId, TutorId, UserId},
    session,
};
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult,
    QueryFilter, raw_sql,
};

/// Who holds a session.
#[derive(Debug, FromQueryResult)]
pub struct Holder {
    pub session_id: SessionId,
    pub last_used_at: DateTime<Utc>,
    pub user_id: UserId,
    pub name: String,
    pub email: String,
    pub time_zone: String,
    pub version: i32,
    pub roles: Vec<String>,
    pub tutor_id: Option<TutorId>,
}

/// The holder of the live session whose token has this hash.
pub async fn holder(
    db: &impl ConnectionTrait,
    token_hash: &[u8],
    now: DateTime<Utc>,
) -> Result<Option<Holder>, DbErr> {
    let token_hash = token_hash.to_vec();
    Holder::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT sessions.id AS session_id, sessions.last_used_at, users.id AS user_id, users.name, users.email,
                  users.time_zone, users.version, tutors.id AS tutor_id,
                  ARRAY(SELECT role FROM user_roles WHERE user_id = users.id ORDER BY role) AS roles
           FROM sessions
           JOIN users ON users.id = sessions.user_id
           LEFT JOIN tutors ON tutors.user_id = users.id
           WHERE sessions.token_hash = {token_hash} AND sessions.expires_at > {now}"#
    ))
    .one(db)
    .await
}

/// A session to be made.
pub struct NewSession<'a> {
    pub user_id: UserId,
    pub token_hash: Vec<u8>,
    pub user_agent: Option<&'a str>,
    pub lifetime: TimeDelta,
}

pub async fn insert(
    db: &impl ConnectionTrait,
    new: NewSession<'_>,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let row = session::ActiveModel {
        id: Set(SessionId::generate()),
        user_id: Set(new.user_id),
        token_hash: Set(new.token_hash),
        user_agent: Set(new.user_agent.map(str::to_owned)),
        created_at: Set(now),
        last_used_at: Set(now),
        expires_at: Set(now + new.lifetime),
    };
    session::Entity::insert(row)
        .exec_without_returning(db)
        .await
        .map(|_| ())
}

pub async fn touch(
    db: &impl ConnectionTrait,
    id: SessionId,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    session::Entity::update_many()
        .set(session::ActiveModel {
            last_used_at: Set(now),
            ..Default::default()
        })
        .filter(session::COLUMN.id.eq(id))
        .exec(db)
        .await
        .map(|_| ())
}

pub async fn delete(db: &impl ConnectionTrait, id: SessionId) -> Result<(), DbErr> {
    session::Entity::delete_by_id(id).exec(db).await.map(|_| ())
}

/// Deletes what has expired, a bounded number at a time.
pub async fn delete_expired(db: &impl ConnectionTrait, now: DateTime<Utc>) -> Result<(), DbErr> {
    db.execute_raw(raw_sql!(
        Postgres,
        r#"DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at <= {now} LIMIT 1000)"#
    ))
    .await
    .map(|_| ())
}
