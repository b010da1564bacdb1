//! Subjects and their levels.

use ::entity::{id::SubjectId, subject};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, FromQueryResult,
    QueryFilter, raw_sql, sea_query::Expr,
};

/// A subject with its levels, easiest first.
#[derive(Debug, FromQueryResult)]
pub struct SubjectWithLevels {
    pub id: SubjectId,
    pub slug: String,
    pub name: String,
    pub version: i32,
    pub levels: Vec<String>,
}

/// Subjects by slug, those after `after`; of these, where there are any.
pub async fn list(
    db: &impl ConnectionTrait,
    among: Option<&[String]>,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<SubjectWithLevels>, DbErr> {
    let among = among.map(<[String]>::to_vec);
    let after = after.unwrap_or_default().to_owned();
    SubjectWithLevels::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT id, slug, name, version, ARRAY(
               SELECT level FROM subject_levels WHERE subject_id = subjects.id ORDER BY position
           ) AS levels
           FROM subjects WHERE slug > {after} AND ({among}::text[] IS NULL OR slug = ANY({among})) ORDER BY slug LIMIT {limit}"#
    ))
    .all(db)
    .await
}

/// The subjects with these slugs.
pub async fn by_slugs(
    db: &impl ConnectionTrait,
    slugs: Vec<String>,
) -> Result<Vec<SubjectWithLevels>, DbErr> {
    SubjectWithLevels::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT id, slug, name, version, ARRAY(
               SELECT level FROM subject_levels WHERE subject_id = subjects.id ORDER BY position
           ) AS levels
           FROM subjects WHERE slug = ANY({slugs})"#
    ))
    .all(db)
    .await
}

/// Makes a subject without levels.
///
/// # Errors
/// `subjects_slug_key` is for the caller to translate.
pub async fn insert(
    txn: &impl ConnectionTrait,
    slug: &str,
    name: &str,
    now: DateTime<Utc>,
) -> Result<SubjectId, DbErr> {
    let id = SubjectId::generate();
    let row = subject::ActiveModel {
        id: Set(id),
        slug: Set(slug.to_owned()),
        name: Set(name.to_owned()),
        version: Set(1),
        created_at: Set(now),
    };
    subject::Entity::insert(row)
        .exec_without_returning(txn)
        .await?;
    Ok(id)
}

/// Moves a subject that is still at `version` on to the next, with another name if there is one; whether it was.
pub async fn update(
    txn: &impl ConnectionTrait,
    id: SubjectId,
    version: i32,
    name: Option<&str>,
) -> Result<bool, DbErr> {
    let mut row = subject::ActiveModel::default();
    if let Some(name) = name {
        row.name = Set(name.to_owned());
    }
    let updated = subject::Entity::update_many()
        .set(row)
        .col_expr(
            subject::Column::Version,
            Expr::col(subject::Column::Version).add(1),
        )
        .filter(subject::COLUMN.id.eq(id))
        .filter(subject::COLUMN.version.eq(version))
        .exec(txn)
        .await?;
    Ok(updated.rows_affected == 1)
}

/// Deletes a subject that is still at `version`, with its levels; whether it was.
///
/// # Errors
/// `offers_subject_level_fkey` and `lessons_subject_level_fkey` are for the caller to translate.
pub async fn delete(
    txn: &impl ConnectionTrait,
    id: SubjectId,
    version: i32,
) -> Result<bool, DbErr> {
    let deleted = subject::Entity::delete_many()
        .filter(subject::COLUMN.id.eq(id))
        .filter(subject::COLUMN.version.eq(version))
        .exec(txn)
        .await?;
    Ok(deleted.rows_affected == 1)
}

/// The levels of a subject but for these that are on offer, or at which lessons were booked.
pub async fn levels_in_use(
    txn: &impl ConnectionTrait,
    id: SubjectId,
    but: &[String],
) -> Result<Vec<String>, DbErr> {
    #[derive(FromQueryResult)]
    struct Row {
        level: String,
    }
    let but = but.to_vec();
    let rows = Row::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT level FROM subject_levels AS levels
           WHERE subject_id = {id} AND level <> ALL({but}::text[])
             AND (EXISTS (SELECT FROM offers WHERE subject_id = {id} AND offers.level = levels.level)
                  OR EXISTS (SELECT FROM lessons WHERE subject_id = {id} AND lessons.level = levels.level))
           ORDER BY position"#
    ))
    .all(txn)
    .await?;
    Ok(rows.into_iter().map(|row| row.level).collect())
}

/// Makes these the levels of a subject, easiest first.
///
/// # Errors
/// As [`delete`].
pub async fn replace_levels(
    txn: &impl ConnectionTrait,
    id: SubjectId,
    levels: &[String],
) -> Result<(), DbErr> {
    let levels = levels.to_vec();
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"DELETE FROM subject_levels WHERE subject_id = {id} AND level <> ALL({levels}::text[])"#
    ))
    .await?;
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"INSERT INTO subject_levels (subject_id, level, position)
           SELECT {id}, level, place - 1 FROM unnest({levels}::text[]) WITH ORDINALITY AS wanted (level, place)
           ON CONFLICT ON CONSTRAINT subject_levels_pkey DO UPDATE SET position = excluded.position
           WHERE subject_levels.position <> excluded.position"#
    ))
    .await
    .map(|_| ())
}
