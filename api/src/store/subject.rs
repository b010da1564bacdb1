//! Subjects and their levels.

use ::entity::id::SubjectId;
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, raw_sql};

/// A subject with its levels, easiest first.
#[derive(Debug, FromQueryResult)]
pub struct SubjectWithLevels {
    pub id: SubjectId,
    pub slug: String,
    pub name: String,
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
        r#"SELECT id, slug, name, ARRAY(
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
        r#"SELECT id, slug, name, ARRAY(
               SELECT level FROM subject_levels WHERE subject_id = subjects.id ORDER BY position
           ) AS levels
           FROM subjects WHERE slug = ANY({slugs})"#
    ))
    .all(db)
    .await
}
