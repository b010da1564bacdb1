//! Tutors.

use ::entity::{
    id::{SubjectId, TutorId, UserId},
    tutor,
};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult,
    QueryFilter, raw_sql,
};

/// A tutor as others see them.
#[derive(Clone, Debug, FromQueryResult)]
pub struct Profile {
    pub id: TutorId,
    pub user_id: UserId,
    pub name: String,
    pub bio: String,
    pub languages: Vec<String>,
    pub time_zone: String,
    pub visible: bool,
    pub version: i32,
}

pub async fn profile(db: &impl ConnectionTrait, id: TutorId) -> Result<Option<Profile>, DbErr> {
    Profile::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT tutors.id, tutors.user_id, users.name, bio, languages, tutors.time_zone, visible, tutors.version
           FROM tutors JOIN users ON users.id = tutors.user_id WHERE tutors.id = {id}"#
    ))
    .one(db)
    .await
}

/// The tutor that a user is, if any.
pub async fn of_user(db: &impl ConnectionTrait, user_id: UserId) -> Result<Option<TutorId>, DbErr> {
    let row = tutor::Entity::find()
        .filter(tutor::COLUMN.user_id.eq(user_id))
        .one(db)
        .await?;
    Ok(row.map(|row| row.id))
}

/// Which tutors are listed, and where the page begins.
#[derive(Default)]
pub struct Filter {
    pub subject_id: Option<SubjectId>,
    pub level: Option<String>,
    /// Tutors after this one.
    pub after: Option<TutorId>,
    pub limit: i64,
}

/// Visible tutors, the longest-serving first.
pub async fn list(db: &impl ConnectionTrait, filter: Filter) -> Result<Vec<Profile>, DbErr> {
    let Filter {
        subject_id,
        level,
        after,
        limit,
    } = filter;
    Profile::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT tutors.id, tutors.user_id, users.name, bio, languages, tutors.time_zone, visible, tutors.version
           FROM tutors JOIN users ON users.id = tutors.user_id
           WHERE visible AND ({after}::uuid IS NULL OR tutors.id > {after})
             AND ({subject_id}::uuid IS NULL OR EXISTS (
                 SELECT 1 FROM offers WHERE offers.tutor_id = tutors.id AND offers.subject_id = {subject_id}
                   AND ({level}::text IS NULL OR offers.level = {level})))
           ORDER BY tutors.id LIMIT {limit}"#
    ))
    .all(db)
    .await
}

/// What a tutor changes of the profile; what is None stays.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    pub bio: Option<String>,
    pub languages: Option<Vec<String>>,
    pub time_zone: Option<String>,
    pub visible: Option<bool>,
}

/// Edits the tutor if it is still at `version`; whether it was. With no changes it moves the version
/// on, which every edit of what belongs to the tutor does.
pub async fn update(
    txn: &impl ConnectionTrait,
    id: TutorId,
    version: i32,
    changes: Changes,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let mut row = tutor::ActiveModel {
        version: Set(version + 1),
        updated_at: Set(now),
        ..Default::default()
    };
    if let Some(bio) = changes.bio {
        row.bio = Set(bio);
    }
    if let Some(languages) = changes.languages {
        row.languages = Set(languages);
    }
    if let Some(time_zone) = changes.time_zone {
        row.time_zone = Set(time_zone);
    }
    if let Some(visible) = changes.visible {
        row.visible = Set(visible);
    }
    let updated = tutor::Entity::update_many()
        .set(row)
        .filter(tutor::COLUMN.id.eq(id))
        .filter(tutor::COLUMN.version.eq(version))
        .exec(txn)
        .await?;
    Ok(updated.rows_affected == 1)
}
