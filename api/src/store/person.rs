//! Who somebody is, and what they may do.

use ::entity::id::{TutorId, UserId};
use sea_orm::{ConnectionTrait, DatabaseBackend, DbErr, FromQueryResult, Statement, raw_sql};
use std::collections::HashSet;
use uuid::Uuid;

/// A user with all that decides what they may do.
#[derive(Clone, Debug, FromQueryResult)]
pub struct Person {
    pub user_id: UserId,
    pub name: String,
    pub email: String,
    pub time_zone: String,
    pub version: i32,
    pub roles: Vec<String>,
    /// The tutor that this person is.
    pub tutor_id: Option<TutorId>,
    /// For whom this person acts as a guardian, by id.
    pub students: Vec<Uuid>,
    /// How often the user had changed when this was read.
    pub revision: i64,
}

/// What [`Person`] is selected by, from `users` and [`JOINS`].
pub(super) const COLUMNS: &str = "users.id AS user_id, users.name, users.email, users.time_zone, users.version,
       ARRAY(SELECT role FROM user_roles WHERE user_id = users.id ORDER BY role) AS roles,
       tutors.id AS tutor_id,
       ARRAY(SELECT student_id FROM guardianships WHERE guardian_id = users.id
             AND EXISTS (SELECT FROM user_roles WHERE user_id = users.id AND role = 'guardian') ORDER BY student_id) AS students,
       coalesce(revisions.revision, 0) AS revision";

pub(super) const JOINS: &str = "LEFT JOIN tutors ON tutors.user_id = users.id
           AND EXISTS (SELECT FROM user_roles WHERE user_id = users.id AND role = 'tutor')
       LEFT JOIN revisions ON revisions.id = users.id AND NOT of_time";

/// Whether there is such a user, who is neither suspended nor erased and won't be before the end of the transaction.
pub async fn hold(txn: &impl ConnectionTrait, id: UserId) -> Result<bool, DbErr> {
    let row = txn
        .query_one_raw(raw_sql!(
            Postgres,
            r#"SELECT id FROM users WHERE id = {id} AND suspended_at IS NULL AND erased_at IS NULL FOR SHARE"#
        ))
        .await?;
    Ok(row.is_some())
}

/// Those of these users who are there, and neither suspended nor erased.
pub async fn present(db: &impl ConnectionTrait, ids: &[UserId]) -> Result<HashSet<UserId>, DbErr> {
    #[derive(FromQueryResult)]
    struct Row {
        id: UserId,
    }
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let rows = Row::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT id FROM users WHERE id = ANY({ids}) AND suspended_at IS NULL AND erased_at IS NULL"#
    ));
    let rows = rows.all(db).await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// A user who is neither suspended nor erased.
pub async fn find(db: &impl ConnectionTrait, id: UserId) -> Result<Option<Person>, DbErr> {
    Ok(find_all(db, &[id]).await?.pop())
}

/// Those of these users who are neither suspended nor erased. One query.
pub async fn find_all(db: &impl ConnectionTrait, ids: &[UserId]) -> Result<Vec<Person>, DbErr> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let sql = format!(
        "SELECT {COLUMNS} FROM users {JOINS}
         WHERE users.id = ANY($1) AND users.suspended_at IS NULL AND users.erased_at IS NULL"
    );
    Person::find_by_statement(Statement::from_sql_and_values(
        DatabaseBackend::Postgres,
        sql,
        [ids.into()],
    ))
    .all(db)
    .await
}
