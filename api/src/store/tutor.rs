//! Tutors.

use ::entity::{
    id::{SubjectId, TutorId, UserId},
    tutor,
};
use chrono::{DateTime, NaiveDate, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult,
    QueryFilter, raw_sql,
};
use uuid::Uuid;

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
    /// The last local date on which the tutor teaches.
    pub end_date: Option<NaiveDate>,
    pub version: i32,
}

pub async fn profile(db: &impl ConnectionTrait, id: TutorId) -> Result<Option<Profile>, DbErr> {
    Profile::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT tutors.id, tutors.user_id, users.name, bio, languages, tutors.time_zone, visible, end_date, tutors.version
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
        r#"SELECT tutors.id, tutors.user_id, users.name, bio, languages, tutors.time_zone, visible, end_date, tutors.version
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

/// A tutor who could give a lesson.
#[derive(Clone, Debug, FromQueryResult)]
pub struct Eligible {
    pub id: TutorId,
    pub name: String,
    pub time_zone: String,
}

/// Which tutors could give a lesson.
#[derive(Clone, Copy, Debug)]
pub struct Teaches<'a> {
    /// Slug of the subject.
    pub subject: &'a str,
    pub level: Option<&'a str>,
    /// BCP 47 tag.
    pub language: Option<&'a str>,
    pub minutes: i16,
    /// Only these, where there are any.
    pub among: &'a [TutorId],
    pub except: UserId,
}

/// Visible tutors who offer such a lesson, by id.
pub async fn eligible(
    db: &impl ConnectionTrait,
    teaches: Teaches<'_>,
    limit: usize,
) -> Result<Vec<Eligible>, DbErr> {
    let Teaches {
        subject,
        level,
        language,
        minutes,
        among,
        except,
    } = teaches;
    let among: Option<Vec<Uuid>> =
        (!among.is_empty()).then(|| among.iter().map(|id| id.0).collect());
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    Eligible::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT tutors.id, users.name, tutors.time_zone
           FROM tutors JOIN users ON users.id = tutors.user_id
           WHERE visible AND user_id <> {except}
             AND ({language}::text IS NULL OR {language} = ANY(languages))
             AND ({among}::uuid[] IS NULL OR tutors.id = ANY({among}))
             AND tutors.id IN (
                 SELECT tutor_id FROM offers JOIN subjects ON subjects.id = subject_id
                 WHERE slug = {subject} AND {minutes} = ANY(lesson_minutes)
                   AND ({level}::text IS NULL OR offers.level = {level}))
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
    /// Some(None): no end.
    pub end_date: Option<Option<NaiveDate>>,
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
    if let Some(end_date) = changes.end_date {
        row.end_date = Set(end_date);
    }
    let updated = tutor::Entity::update_many()
        .set(row)
        .filter(tutor::COLUMN.id.eq(id))
        .filter(tutor::COLUMN.version.eq(version))
        .exec(txn)
        .await?;
    Ok(updated.rows_affected == 1)
}

/// Moves the version of the tutor on, whichever it is; the one that it is then, if there is such a tutor.
pub async fn move_on(
    txn: &impl ConnectionTrait,
    id: TutorId,
    now: DateTime<Utc>,
) -> Result<Option<i32>, DbErr> {
    #[derive(FromQueryResult)]
    struct Row {
        version: i32,
    }
    let row = Row::find_by_statement(raw_sql!(
        Postgres,
        r#"UPDATE tutors SET version = version + 1, updated_at = {now} WHERE id = {id} RETURNING version"#
    ))
    .one(txn)
    .await?;
    Ok(row.map(|row| row.version))
}
