//! Who acts for whom.

use ::entity::{guardianship, id::UserId};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult,
    PaginatorTrait, QueryFilter, raw_sql, sea_query::OnConflict,
};

/// A guardian and a student, with their names.
#[derive(Clone, Debug, FromQueryResult)]
pub struct Guardianship {
    pub guardian_id: UserId,
    pub guardian_name: String,
    pub student_id: UserId,
    pub student_name: String,
    pub created_at: DateTime<Utc>,
}

/// Guardianships by guardian and student: of this guardian, of this student, and of anybody who is either.
pub async fn list(
    db: &impl ConnectionTrait,
    (guardian, student, either): (Option<UserId>, Option<UserId>, Option<UserId>),
    after: Option<(UserId, UserId)>,
    limit: i64,
) -> Result<Vec<Guardianship>, DbErr> {
    let (after_guardian, after_student) = after.unzip();
    Guardianship::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT guardian_id, guardians.name AS guardian_name, student_id, students.name AS student_name,
                  guardianships.created_at
           FROM guardianships
           JOIN users AS guardians ON guardians.id = guardian_id
           JOIN users AS students ON students.id = student_id
           WHERE ({guardian}::uuid IS NULL OR guardian_id = {guardian})
             AND ({student}::uuid IS NULL OR student_id = {student})
             AND ({either}::uuid IS NULL OR guardian_id = {either} OR student_id = {either})
             AND ({after_guardian}::uuid IS NULL OR (guardian_id, student_id) > ({after_guardian}, {after_student}))
           ORDER BY guardian_id, student_id LIMIT {limit}"#
    ))
    .all(db)
    .await
}

/// Links a guardian to a student; whether they were not linked before.
pub async fn insert(
    txn: &impl ConnectionTrait,
    guardian_id: UserId,
    student_id: UserId,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let row = guardianship::ActiveModel {
        guardian_id: Set(guardian_id),
        student_id: Set(student_id),
        created_at: Set(now),
    };
    let key = [
        guardianship::Column::GuardianId,
        guardianship::Column::StudentId,
    ];
    let inserted = guardianship::Entity::insert(row)
        .on_conflict(OnConflict::columns(key).do_nothing().to_owned())
        .exec_without_returning(txn)
        .await?;
    Ok(inserted == 1)
}

/// Ends a guardianship; whether there was one.
pub async fn delete(
    txn: &impl ConnectionTrait,
    guardian_id: UserId,
    student_id: UserId,
) -> Result<bool, DbErr> {
    let deleted = guardianship::Entity::delete_by_id((guardian_id, student_id))
        .exec(txn)
        .await?;
    Ok(deleted.rows_affected == 1)
}

/// How many guardians a student has, and how many students a guardian.
pub async fn counts(
    db: &impl ConnectionTrait,
    guardian_id: UserId,
    student_id: UserId,
) -> Result<(u64, u64), DbErr> {
    let of_guardian = guardianship::Entity::find()
        .filter(guardianship::COLUMN.guardian_id.eq(guardian_id))
        .count(db)
        .await?;
    let of_student = guardianship::Entity::find()
        .filter(guardianship::COLUMN.student_id.eq(student_id))
        .count(db)
        .await?;
    Ok((of_student, of_guardian))
}
