//! Subjects and their levels.

use ::entity::{id::SubjectId, subject, subject_level};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ConnectionTrait, DbErr, EntityTrait, ExprTrait, FromQueryResult, QueryFilter,
    raw_sql,
};

/// A subject with its levels, easiest first.
#[derive(Debug, FromQueryResult)]
pub struct SubjectWithLevels {
    pub id: SubjectId,
    pub slug: String,
    pub name: String,
    pub levels: Vec<String>,
}

/// Subjects by slug, those after `after`.
pub async fn list(
    db: &impl ConnectionTrait,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<SubjectWithLevels>, DbErr> {
    let after = after.unwrap_or_default().to_owned();
    SubjectWithLevels::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT id, slug, name, ARRAY(
               SELECT level FROM subject_levels WHERE subject_id = subjects.id ORDER BY position
           ) AS levels
           FROM subjects WHERE slug > {after} ORDER BY slug LIMIT {limit}"#
    ))
    .all(db)
    .await
}

pub async fn by_slug(
    db: &impl ConnectionTrait,
    slug: &str,
) -> Result<Option<subject::Model>, DbErr> {
    subject::Entity::find()
        .filter(subject::COLUMN.slug.eq(slug))
        .one(db)
        .await
}

/// A subject to be made.
#[cfg(feature = "local")]
pub struct NewSubject<'a> {
    pub slug: &'a str,
    pub name: &'a str,
    pub levels: &'a [&'a str],
}

#[cfg(feature = "local")]
pub async fn insert(
    txn: &impl ConnectionTrait,
    new: &NewSubject<'_>,
    now: DateTime<Utc>,
) -> Result<SubjectId, DbErr> {
    let id = SubjectId::generate();
    let row = subject::ActiveModel {
        id: Set(id),
        slug: Set(new.slug.to_owned()),
        name: Set(new.name.to_owned()),
        created_at: Set(now),
    };
    subject::Entity::insert(row)
        .exec_without_returning(txn)
        .await?;
    let levels =
        new.levels
            .iter()
            .zip(0_i16..)
            .map(|(level, position)| subject_level::ActiveModel {
                subject_id: Set(id),
                level: Set((*level).to_owned()),
                position: Set(position),
            });
    subject_level::Entity::insert_many(levels)
        .exec_without_returning(txn)
        .await?;
    Ok(id)
}
