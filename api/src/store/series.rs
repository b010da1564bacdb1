//! Series of bookings.

use super::{booking::Side, conditions::Conditions};
use ::entity::{
    id::{SeriesId, SubjectId, TutorId, UserId},
    series,
};
use chrono::{DateTime, NaiveDateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ConnectionTrait, DatabaseBackend, DbErr, EntityTrait, FromQueryResult,
    Statement, raw_sql,
};
use std::collections::HashSet;
use uuid::Uuid;

/// A series to be made.
#[derive(Clone, Debug)]
pub struct NewSeries {
    pub student_id: UserId,
    pub tutor_id: TutorId,
    pub subject_id: SubjectId,
    pub level: String,
    /// IANA name of the zone on whose wall clock the lessons repeat.
    pub time_zone: String,
    pub local_start: NaiveDateTime,
    pub minutes: i16,
    /// RFC 5545 `RRULE`.
    pub rule: String,
}

pub async fn insert(
    txn: &impl ConnectionTrait,
    new: NewSeries,
    now: DateTime<Utc>,
) -> Result<SeriesId, DbErr> {
    let id = SeriesId::generate();
    let row = series::ActiveModel {
        id: Set(id),
        student_id: Set(new.student_id),
        tutor_id: Set(new.tutor_id),
        subject_id: Set(new.subject_id),
        level: Set(new.level),
        time_zone: Set(new.time_zone),
        local_start: Set(new.local_start),
        minutes: Set(new.minutes),
        rule: Set(new.rule),
        created_at: Set(now),
    };
    series::Entity::insert(row)
        .exec_without_returning(txn)
        .await?;
    Ok(id)
}

/// A series with the names of all that it is about.
#[derive(Clone, Debug, FromQueryResult)]
pub struct Series {
    pub id: SeriesId,
    pub student_id: UserId,
    pub student_name: String,
    pub tutor_id: TutorId,
    pub tutor_name: String,
    pub subject_slug: String,
    pub subject_name: String,
    pub level: String,
    pub time_zone: String,
    pub local_start: NaiveDateTime,
    pub minutes: i16,
    pub rule: String,
    /// Grows with each change of a booking, for it is the sum of their versions.
    pub version: i32,
    pub created_at: DateTime<Utc>,
}

/// Which series are listed, and where the page begins.
#[derive(Clone, Debug)]
pub struct Filter {
    pub side: Side,
    pub id: Option<SeriesId>,
    pub student: Option<UserId>,
    pub tutor: Option<TutorId>,
    pub after: Option<SeriesId>,
    pub limit: i64,
}

impl Filter {
    /// All of this side.
    pub fn all(side: Side) -> Self {
        Self {
            side,
            id: None,
            student: None,
            tutor: None,
            after: None,
            limit: 1,
        }
    }
}

const SELECT: &str = r"SELECT series.id, series.student_id, students.name AS student_name,
       series.tutor_id, tutor_users.name AS tutor_name,
       subjects.slug AS subject_slug, subjects.name AS subject_name, series.level,
       series.time_zone, series.local_start, series.minutes, series.rule, series.created_at,
       (SELECT coalesce(sum(version), 0)::integer FROM bookings WHERE series_id = series.id) AS version
FROM series
JOIN tutors ON tutors.id = series.tutor_id
JOIN users AS tutor_users ON tutor_users.id = tutors.user_id
JOIN users AS students ON students.id = series.student_id
JOIN subjects ON subjects.id = series.subject_id";

/// Series by id, those that were booked first.
pub async fn list(db: &impl ConnectionTrait, filter: Filter) -> Result<Vec<Series>, DbErr> {
    let mut conditions = Conditions::with([]);
    add_side(filter.side, &mut conditions);
    if let Some(id) = filter.id {
        conditions.add("series.id = ?", [id.into()]);
    }
    if let Some(id) = filter.student {
        conditions.add("series.student_id = ?", [id.into()]);
    }
    if let Some(id) = filter.tutor {
        conditions.add("series.tutor_id = ?", [id.into()]);
    }
    if let Some(id) = filter.after {
        conditions.add("series.id > ?", [id.into()]);
    }
    let limit = filter.limit;
    let sql = format!(
        "{SELECT} WHERE {} ORDER BY series.id LIMIT {limit}",
        conditions.sql
    );
    Series::find_by_statement(Statement::from_sql_and_values(
        DatabaseBackend::Postgres,
        sql,
        conditions.values,
    ))
    .all(db)
    .await
}

fn add_side(side: Side, conditions: &mut Conditions) {
    let uuids = |ids: Vec<UserId>| ids.into_iter().map(|id| id.0).collect::<Vec<Uuid>>();
    match side {
        Side::Students(students) => {
            conditions.add("series.student_id = ANY(?)", [uuids(students).into()]);
        }
        Side::Tutor(id) => conditions.add("series.tutor_id = ?", [id.into()]),
        Side::Person { students, tutor } => conditions.add(
            "(series.student_id = ANY(?) OR series.tutor_id = ?)",
            [uuids(students).into(), tutor.into()],
        ),
        Side::Centre { tutors, subjects } => {
            conditions.add("true", []);
            if let Some(ids) = tutors {
                let ids: Vec<Uuid> = ids.into_iter().map(|id| id.0).collect();
                conditions.add("series.tutor_id = ANY(?)", [ids.into()]);
            }
            if let Some(slugs) = subjects {
                conditions.add("subjects.slug = ANY(?)", [slugs.into()]);
            }
        }
    }
}

/// When the rule of a series wanted what was booked.
pub async fn booked(
    db: &impl ConnectionTrait,
    id: SeriesId,
) -> Result<HashSet<NaiveDateTime>, DbErr> {
    #[derive(FromQueryResult)]
    struct Row {
        recurrence_id: NaiveDateTime,
    }
    let rows = Row::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT recurrence_id FROM bookings WHERE series_id = {id}"#
    ));
    let rows = rows.all(db).await?.into_iter();
    Ok(rows.map(|row| row.recurrence_id).collect())
}
