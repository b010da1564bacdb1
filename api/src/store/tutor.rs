//! Tutors.

use super::{
    offer::{self, Offer},
    timetable::{self, Timetable},
};
use ::entity::{
    id::{TutorId, UserId},
    tutor,
};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult,
    PaginatorTrait, QueryFilter, raw_sql,
};
use std::collections::{HashMap, HashSet};
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
    /// Nobody finds or books a tutor who is suspended.
    pub suspended: bool,
    /// The last local date on which the tutor teaches.
    pub end_date: Option<NaiveDate>,
    pub version: i32,
}

/// The user that a tutor is, or was.
pub async fn user_of(db: &impl ConnectionTrait, id: TutorId) -> Result<Option<UserId>, DbErr> {
    let found = tutor::Entity::find_by_id(id).one(db).await?;
    Ok(found.map(|tutor| tutor.user_id))
}

/// The tutor that a user is, if any.
pub async fn of_user(db: &impl ConnectionTrait, user_id: UserId) -> Result<Option<TutorId>, DbErr> {
    let row = tutor::Entity::find()
        .filter(tutor::COLUMN.user_id.eq(user_id))
        .one(db)
        .await?;
    Ok(row.map(|row| row.id))
}

/// A tutor with all that decides when they can be booked, except what occupies their time.
#[derive(Clone, Debug)]
pub struct Tutor {
    pub profile: Profile,
    pub offers: Vec<Offer>,
    pub timetable: Timetable,
}

impl Tutor {
    /// The lengths of lesson on offer for a subject at a level, or for any.
    pub fn lengths(&self, subject: Option<&str>, level: Option<&str>) -> Vec<TimeDelta> {
        let asked = |offer: &&Offer| {
            subject.is_none_or(|slug| offer.slug == slug)
                && level.is_none_or(|level| offer.level == level)
        };
        let offers = self.offers.iter().filter(asked);
        let mut lengths: Vec<_> = offers
            .flat_map(|offer| &offer.lesson_minutes)
            .map(|minutes| TimeDelta::minutes((*minutes).into()))
            .collect();
        lengths.sort_unstable();
        lengths.dedup();
        lengths
    }
}

/// Those of these tutors that there are, as far as their timetables matter from `now` on. Seven queries, whatever
/// the number of tutors.
pub async fn load(
    db: &impl ConnectionTrait,
    ids: &[TutorId],
    now: DateTime<Utc>,
) -> Result<HashMap<TutorId, Tutor>, DbErr> {
    // With their versions first: what is read afterwards is no older than them.
    let profiles = profiles(db, ids).await?;
    let mut timetables = timetable::of_tutors(db, ids, now).await?;
    let mut offers: HashMap<TutorId, Vec<Offer>> = HashMap::new();
    for offer in offer::of_tutors(db, ids).await? {
        offers.entry(offer.tutor_id).or_default().push(offer);
    }
    let tutor = |profile: Profile| {
        let id = profile.id;
        let tutor = Tutor {
            offers: offers.remove(&id).unwrap_or_default(),
            timetable: timetables.remove(&id)?,
            profile,
        };
        Some((id, tutor))
    };
    Ok(profiles.into_iter().filter_map(tutor).collect())
}

async fn profiles(db: &impl ConnectionTrait, ids: &[TutorId]) -> Result<Vec<Profile>, DbErr> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    Profile::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT tutors.id, tutors.user_id, users.name, bio, languages, tutors.time_zone, visible, suspended_at IS NOT NULL AS suspended,
                  end_date, tutors.version
           FROM tutors JOIN users ON users.id = tutors.user_id WHERE tutors.id = ANY({ids})"#
    ))
    .all(db)
    .await
}

/// Which tutors are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Filter {
    /// Also those whom students may not find.
    pub hidden: bool,
    /// Slug of a subject that they teach.
    pub subject: Option<String>,
    /// The level at which they teach the subject.
    pub level: Option<String>,
    /// How long a lesson they offer in it.
    pub minutes: Option<i16>,
    /// A language in which they teach, as a BCP 47 tag; without a region it is that of all (RFC 4647 section 3.3.1).
    pub language: Option<String>,
    /// Only these, where there are any.
    pub among: Vec<TutorId>,
    /// Only those who teach one of the subjects with these slugs, where there are any.
    pub subjects: Option<Vec<String>>,
    /// Tutors after this one.
    pub after: Option<TutorId>,
    /// How many at most.
    pub limit: i64,
}

/// Tutors by id: the longest-serving first.
pub async fn find(db: &impl ConnectionTrait, filter: &Filter) -> Result<Vec<TutorId>, DbErr> {
    #[derive(FromQueryResult)]
    struct Row {
        id: TutorId,
    }
    let Filter {
        hidden,
        subject,
        level,
        minutes,
        language,
        among,
        subjects,
        after,
        limit,
    } = filter.clone();
    let among: Option<Vec<Uuid>> =
        (!among.is_empty()).then(|| among.iter().map(|id| id.0).collect());
    let rows = Row::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT tutors.id FROM tutors
           WHERE ({hidden} OR visible AND NOT EXISTS (
                 SELECT FROM users WHERE users.id = user_id AND suspended_at IS NOT NULL)) AND ({after}::uuid IS NULL OR tutors.id > {after})
             AND ({language}::text IS NULL OR EXISTS (
                 SELECT 1 FROM unnest(languages) AS tag WHERE starts_with(lower(tag) || '-', lower({language}) || '-')))
             AND ({among}::uuid[] IS NULL OR tutors.id = ANY({among}))
             AND ({subject}::text IS NULL OR tutors.id IN (
                 SELECT tutor_id FROM offers JOIN subjects ON subjects.id = subject_id
                 WHERE slug = {subject} AND ({minutes}::smallint IS NULL OR {minutes} = ANY(lesson_minutes))
                   AND ({level}::text IS NULL OR offers.level = {level})))
             AND ({subjects}::text[] IS NULL OR tutors.id IN (
                 SELECT tutor_id FROM offers JOIN subjects ON subjects.id = subject_id WHERE slug = ANY({subjects})))
           ORDER BY tutors.id LIMIT {limit}"#
    ))
    .all(db)
    .await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// Those of these tutors who are tutors still. What a tutor leaves behind stays, so that one who comes back finds it.
pub async fn still_tutors(
    db: &impl ConnectionTrait,
    ids: &[TutorId],
) -> Result<HashSet<TutorId>, DbErr> {
    #[derive(FromQueryResult)]
    struct Row {
        id: TutorId,
    }
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let rows = Row::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT id FROM tutors WHERE id = ANY({ids}) AND EXISTS (
               SELECT FROM user_roles WHERE user_roles.user_id = tutors.user_id AND role = 'tutor')"#
    ))
    .all(db)
    .await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// How many of these tutors there are.
pub async fn count(db: &impl ConnectionTrait, ids: &[TutorId]) -> Result<usize, DbErr> {
    let ids = ids.iter().copied();
    let found = tutor::Entity::find().filter(tutor::COLUMN.id.is_in(ids));
    let found = found.count(db).await?;
    Ok(usize::try_from(found).unwrap_or(usize::MAX))
}

/// Makes a user a tutor whom students don't find, unless the user is one.
pub async fn insert_hidden(
    txn: &impl ConnectionTrait,
    user_id: UserId,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let id = TutorId::generate();
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"INSERT INTO tutors (id, user_id, time_zone, visible, created_at, updated_at)
           SELECT {id}, users.id, time_zone, false, {now}, {now} FROM users WHERE users.id = {user_id}
           ON CONFLICT ON CONSTRAINT tutors_user_key DO NOTHING"#
    ))
    .await
    .map(|_| ())
}

/// Lets students no longer find the tutor that a user is.
pub async fn hide(
    txn: &impl ConnectionTrait,
    user_id: UserId,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE tutors SET visible = false, version = version + 1, updated_at = {now}
           WHERE user_id = {user_id}"#
    ))
    .await
    .map(|_| ())
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
