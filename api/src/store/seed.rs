//! Making what people can't make yet by the API: for demo data and tests.

use ::entity::{
    id::{SubjectId, TutorId, UserId},
    identity, subject, subject_level, tutor,
};
use chrono::{DateTime, Utc};
use sea_orm::{ActiveValue::Set, ConnectionTrait, DbErr, EntityTrait, QueryFilter};

/// A subject to be made.
pub struct NewSubject<'a> {
    pub slug: &'a str,
    pub name: &'a str,
    pub levels: &'a [&'a str],
}

pub async fn insert_subject(
    txn: &impl ConnectionTrait,
    new: &NewSubject<'_>,
    now: DateTime<Utc>,
) -> Result<SubjectId, DbErr> {
    let id = SubjectId::generate();
    let row = subject::ActiveModel {
        id: Set(id),
        slug: Set(new.slug.to_owned()),
        name: Set(new.name.to_owned()),
        version: Set(1),
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

/// A tutor to be made.
pub struct NewTutor<'a> {
    pub user_id: UserId,
    pub bio: &'a str,
    pub languages: &'a [&'a str],
    pub time_zone: &'a str,
}

pub async fn insert_tutor(
    txn: &impl ConnectionTrait,
    new: &NewTutor<'_>,
    now: DateTime<Utc>,
) -> Result<TutorId, DbErr> {
    let id = TutorId::generate();
    let row = tutor::ActiveModel {
        id: Set(id),
        user_id: Set(new.user_id),
        bio: Set(new.bio.to_owned()),
        languages: Set(new.languages.iter().map(|tag| (*tag).to_owned()).collect()),
        time_zone: Set(new.time_zone.to_owned()),
        visible: Set(true),
        version: Set(1),
        created_at: Set(now),
        updated_at: Set(now),
        ..Default::default()
    };
    tutor::Entity::insert(row)
        .exec_without_returning(txn)
        .await?;
    Ok(id)
}

/// Makes identities at a stand-in for Google that has moved to another port belong to where it is now. Those of
/// other providers on this machine stay.
pub async fn move_loopback_identities(
    db: &impl ConnectionTrait,
    issuer: &str,
    others: &[&str],
) -> Result<(), DbErr> {
    identity::Entity::update_many()
        .set(identity::ActiveModel {
            issuer: Set(issuer.to_owned()),
            ..Default::default()
        })
        .filter(identity::COLUMN.issuer.starts_with("http://127.0.0.1:"))
        .filter(identity::COLUMN.issuer.ne(issuer))
        .filter(identity::COLUMN.issuer.is_not_in(others.iter().copied()))
        .exec(db)
        .await
        .map(|_| ())
}
