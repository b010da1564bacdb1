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
use std::collections::HashMap;

/// SHA-256 of a session's token.
pub type TokenHash = [u8; 32];

/// Who holds a session.
#[derive(Clone, Debug, FromQueryResult)]
pub struct Holder {
    pub session_id: SessionId,
    pub last_used_at: DateTime<Utc>,
    /// The session is over from then on.
    pub expires_at: DateTime<Utc>,
    pub user_id: UserId,
    pub name: String,
    pub email: String,
    pub time_zone: String,
    pub version: i32,
    pub roles: Vec<String>,
    pub tutor_id: Option<TutorId>,
    /// How often the user had changed when this was read.
    pub revision: i64,
}

/// The holders of the sessions whose tokens have these hashes, and of those that are over too.
pub async fn holders(
    db: &impl ConnectionTrait,
    token_hashes: &[TokenHash],
) -> Result<HashMap<TokenHash, Holder>, DbErr> {
    #[derive(FromQueryResult)]
    struct Row {
        token_hash: Vec<u8>,
        #[sea_orm(nested)]
        holder: Holder,
    }
    let token_hashes: Vec<Vec<u8>> = token_hashes.iter().map(|hash| hash.to_vec()).collect();
    let rows = Row::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT sessions.token_hash, sessions.id AS session_id, sessions.last_used_at, sessions.expires_at,
                  users.id AS user_id, users.name, users.email, users.time_zone, users.version, tutors.id AS tutor_id,
                  ARRAY(SELECT role FROM user_roles WHERE user_id = users.id ORDER BY role) AS roles,
                  coalesce(revisions.revision, 0) AS revision
           FROM sessions
           JOIN users ON users.id = sessions.user_id
           LEFT JOIN tutors ON tutors.user_id = users.id
           LEFT JOIN revisions ON revisions.id = users.id AND NOT of_time
           WHERE sessions.token_hash = ANY({token_hashes})"#
    ))
    .all(db)
    .await?;
    rows.into_iter()
        .map(|row| {
            let hash = TokenHash::try_from(row.token_hash)
                .map_err(|_| DbErr::Type("a hash of another length".to_owned()))?;
            Ok((hash, row.holder))
        })
        .collect()
}

/// A session to be made.
pub struct NewSession<'a> {
    pub user_id: UserId,
    pub token_hash: TokenHash,
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
        token_hash: Set(new.token_hash.to_vec()),
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

/// Notes when a session was used last.
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
