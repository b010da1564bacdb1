//! What tutors teach.

use ::entity::{
    id::{OfferId, SubjectId, TutorId},
    offer,
};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult,
    QueryFilter, raw_sql,
};
use uuid::Uuid;

/// An offer with the subject's names.
#[derive(Clone, Debug, FromQueryResult)]
pub struct Offer {
    pub tutor_id: TutorId,
    pub subject_id: SubjectId,
    pub slug: String,
    pub name: String,
    pub level: String,
    pub lesson_minutes: Vec<i16>,
}

/// All offers of these tutors, in one query.
pub async fn of_tutors(db: &impl ConnectionTrait, tutors: &[TutorId]) -> Result<Vec<Offer>, DbErr> {
    let tutors: Vec<Uuid> = tutors.iter().map(|id| id.0).collect();
    Offer::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT tutor_id, offers.subject_id, slug, name, offers.level, lesson_minutes
           FROM offers
           JOIN subjects ON subjects.id = offers.subject_id
           JOIN subject_levels ON subject_levels.subject_id = offers.subject_id AND subject_levels.level = offers.level
           WHERE tutor_id = ANY({tutors})
           ORDER BY tutor_id, slug, position"#
    ))
    .all(db)
    .await
}

/// An offer to be made.
#[derive(Clone, Debug)]
pub struct NewOffer {
    pub subject_id: SubjectId,
    pub level: String,
    pub lesson_minutes: Vec<i16>,
}

/// Replaces all offers of a tutor.
///
/// # Errors
/// `offers_subject_level_fkey` and `offers_tutor_subject_level_key` are for the caller to translate.
pub async fn replace(
    txn: &impl ConnectionTrait,
    tutor_id: TutorId,
    offers: &[NewOffer],
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    offer::Entity::delete_many()
        .filter(offer::COLUMN.tutor_id.eq(tutor_id))
        .exec(txn)
        .await?;
    if offers.is_empty() {
        return Ok(());
    }
    let rows = offers.iter().map(|new| offer::ActiveModel {
        id: Set(OfferId::generate()),
        tutor_id: Set(tutor_id),
        subject_id: Set(new.subject_id),
        level: Set(new.level.clone()),
        lesson_minutes: Set(new.lesson_minutes.clone()),
        created_at: Set(now),
    });
    offer::Entity::insert_many(rows)
        .exec_without_returning(txn)
        .await
        .map(|_| ())
}
