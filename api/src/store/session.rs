//! Sign-in sessions.

use super::person::{self, Person};
use ::entity::{
    id::{SessionId, UserId},
    session,
};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseBackend, DbErr, EntityTrait,
    FromQueryResult, QueryFilter, QueryOrder, QuerySelect, Statement, raw_sql,
};
use std::{collections::HashMap, ops::Deref, sync::Arc};

/// SHA-256 of a session's token.
pub type TokenHash = [u8; 32];

/// A session and who holds it.
#[derive(Clone, Debug)]
pub struct Holder {
    pub session_id: SessionId,
    pub last_used_at: DateTime<Utc>,
    /// The session is over from then on, however much it is used.
    pub expires_at: DateTime<Utc>,
    pub person: Arc<Person>,
}

impl Deref for Holder {
    type Target = Person;

    fn deref(&self) -> &Person {
        &self.person
    }
}

/// The holders of the sessions whose tokens have these hashes, and of those that are over too. Nobody who is suspended
/// holds one.
pub async fn holders(
    db: &impl ConnectionTrait,
    token_hashes: &[TokenHash],
) -> Result<HashMap<TokenHash, Holder>, DbErr> {
    #[derive(FromQueryResult)]
    struct Row {
        token_hash: Vec<u8>,
        session_id: SessionId,
        last_used_at: DateTime<Utc>,
        expires_at: DateTime<Utc>,
        #[sea_orm(nested)]
        person: Person,
    }
    let token_hashes: Vec<Vec<u8>> = token_hashes.iter().map(|hash| hash.to_vec()).collect();
    let sql = format!(
        "SELECT sessions.token_hash, sessions.id AS session_id, sessions.last_used_at, sessions.expires_at, {}
         FROM sessions JOIN users ON users.id = sessions.user_id {}
         WHERE sessions.token_hash = ANY($1) AND users.suspended_at IS NULL AND users.erased_at IS NULL",
        person::COLUMNS,
        person::JOINS
    );
    let statement =
        Statement::from_sql_and_values(DatabaseBackend::Postgres, sql, [token_hashes.into()]);
    let rows = Row::find_by_statement(statement).all(db).await?;
    rows.into_iter()
        .map(|row| {
            let hash = TokenHash::try_from(row.token_hash)
                .map_err(|_| DbErr::Type("a hash of another length".to_owned()))?;
            let holder = Holder {
                session_id: row.session_id,
                last_used_at: row.last_used_at,
                expires_at: row.expires_at,
                person: Arc::new(row.person),
            };
            Ok((hash, holder))
        })
        .collect()
}

/// A session to be made.
pub struct NewSession<'a> {
    pub user_id: UserId,
    pub token_hash: TokenHash,
    pub user_agent: Option<&'a str>,
    pub expires_at: DateTime<Utc>,
}

pub async fn insert(
    db: &impl ConnectionTrait,
    new: NewSession<'_>,
    now: DateTime<Utc>,
) -> Result<SessionId, DbErr> {
    let id = SessionId::generate();
    let row = session::ActiveModel {
        id: Set(id),
        user_id: Set(new.user_id),
        token_hash: Set(new.token_hash.to_vec()),
        user_agent: Set(new.user_agent.map(str::to_owned)),
        created_at: Set(now),
        last_used_at: Set(now),
        expires_at: Set(new.expires_at),
    };
    session::Entity::insert(row)
        .exec_without_returning(db)
        .await?;
    Ok(id)
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

/// Sessions of a user that are not over, the newest first.
pub async fn of_user(
    db: &impl ConnectionTrait,
    user_id: UserId,
    (now, used_since): (DateTime<Utc>, DateTime<Utc>),
    limit: u64,
) -> Result<Vec<session::Model>, DbErr> {
    session::Entity::find()
        .filter(session::COLUMN.user_id.eq(user_id))
        .filter(session::COLUMN.expires_at.gt(now))
        .filter(session::COLUMN.last_used_at.gt(used_since))
        .order_by_desc(session::COLUMN.id)
        .limit(limit)
        .all(db)
        .await
}

/// Ends a session of a user; whether there was such a one.
pub async fn delete(
    txn: &impl ConnectionTrait,
    user_id: UserId,
    id: SessionId,
) -> Result<bool, DbErr> {
    let deleted = session::Entity::delete_many()
        .filter(session::COLUMN.id.eq(id))
        .filter(session::COLUMN.user_id.eq(user_id))
        .exec(txn)
        .await?;
    Ok(deleted.rows_affected == 1)
}

/// Ends all sessions of a user but one; how many there were.
pub async fn delete_of_user(
    txn: &impl ConnectionTrait,
    user_id: UserId,
    but: Option<SessionId>,
) -> Result<u64, DbErr> {
    let mut query = session::Entity::delete_many().filter(session::COLUMN.user_id.eq(user_id));
    if let Some(but) = but {
        query = query.filter(session::COLUMN.id.ne(but));
    }
    Ok(query.exec(txn).await?.rows_affected)
}

/// Ends those sessions of a user that are not among the newest so many.
pub async fn delete_oldest(
    txn: &impl ConnectionTrait,
    user_id: UserId,
    kept: i64,
) -> Result<(), DbErr> {
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"DELETE FROM sessions WHERE id IN (
               SELECT id FROM sessions WHERE user_id = {user_id} ORDER BY id DESC OFFSET {kept} LIMIT 1000)"#
    ))
    .await
    .map(|_| ())
}

/// Gives a session another token; whether there is such a session.
pub async fn replace_token(
    txn: &impl ConnectionTrait,
    id: SessionId,
    token_hash: TokenHash,
) -> Result<bool, DbErr> {
    let replaced = session::Entity::update_many()
        .set(session::ActiveModel {
            token_hash: Set(token_hash.to_vec()),
            ..Default::default()
        })
        .filter(session::COLUMN.id.eq(id))
        .exec(txn)
        .await?;
    Ok(replaced.rows_affected == 1)
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
