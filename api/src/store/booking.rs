//! Bookings.

use super::conditions::Conditions;
use ::entity::{
    booking::{self, BookingStatus},
    google_grant::GrantState,
    id::{BookingId, LessonId, TutorId, UserId},
};
use chrono::{DateTime, Utc};
use scheduling::interval::Span;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseBackend, DbErr, EntityTrait, ExprTrait,
    FromQueryResult, QueryFilter, Statement, raw_sql, sea_query::Expr,
};
use std::collections::HashMap;
use uuid::Uuid;

/// # Errors
/// `bookings_student_no_overlap` is for the caller to translate.
pub async fn insert(
    txn: &impl ConnectionTrait,
    lesson_id: LessonId,
    student_id: UserId,
    span: Span,
    now: DateTime<Utc>,
) -> Result<BookingId, DbErr> {
    let id = BookingId::generate();
    let row = booking::ActiveModel {
        id: Set(id),
        lesson_id: Set(lesson_id),
        student_id: Set(student_id),
        starts_at: Set(span.start()),
        ends_at: Set(span.end()),
        status: Set(BookingStatus::Confirmed),
        cancelled_at: Set(None),
        cancelled_by: Set(None),
        cancellation_reason: Set(None),
        version: Set(1),
        created_at: Set(now),
        updated_at: Set(now),
    };
    booking::Entity::insert(row)
        .exec_without_returning(txn)
        .await?;
    Ok(id)
}

/// A booking with the names of all that it is about.
#[derive(Clone, Debug, FromQueryResult)]
pub struct Detail {
    pub id: BookingId,
    pub lesson_id: LessonId,
    pub status: BookingStatus,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    pub student_id: UserId,
    pub student_name: String,
    pub tutor_id: TutorId,
    pub tutor_user_id: UserId,
    pub tutor_name: String,
    pub tutor_time_zone: String,
    pub subject_slug: String,
    pub subject_name: String,
    pub level: String,
    /// Whether the event in the tutor's calendar is known to say what the booking says.
    pub calendar_current: bool,
    pub grant_state: Option<GrantState>,
    pub grant_scopes: Option<Vec<String>>,
    pub cancelled_at: Option<DateTime<Utc>>,
    pub cancellation_reason: Option<String>,
    pub version: i32,
    pub created_at: DateTime<Utc>,
}

/// Whose bookings.
#[derive(Clone, Debug)]
pub enum Side {
    /// Those that these users have as students.
    Students(Vec<UserId>),
    /// Those on lessons of this tutor.
    Tutor(TutorId),
    /// Those that a person may see: as one of these students or in their name, or as the tutor.
    Person {
        students: Vec<UserId>,
        tutor: Option<TutorId>,
    },
    /// Those of the centre, on lessons of these tutors and about the subjects with these slugs, where there are any.
    Centre {
        tutors: Option<Vec<TutorId>>,
        subjects: Option<Vec<String>>,
    },
}

impl Side {
    /// Everybody's.
    pub fn centre() -> Self {
        Self::Centre {
            tutors: None,
            subjects: None,
        }
    }
}

/// Which bookings are listed, and where the page begins.
#[derive(Clone, Debug)]
pub struct Filter {
    pub side: Side,
    pub student: Option<UserId>,
    pub tutor: Option<TutorId>,
    /// Whether the tutor is suspended, or a tutor no longer.
    pub needs_tutor: Option<bool>,
    pub id: Option<BookingId>,
    pub status: Option<BookingStatus>,
    /// Bookings that end after this.
    pub from: Option<DateTime<Utc>>,
    /// Bookings that start before this.
    pub until: Option<DateTime<Utc>>,
    /// Bookings after this start and id.
    pub after: Option<(DateTime<Utc>, BookingId)>,
    pub limit: i64,
}

const SELECT: &str = r"SELECT bookings.id, bookings.lesson_id, bookings.status, bookings.starts_at, bookings.ends_at,
       bookings.student_id, students.name AS student_name,
       lessons.tutor_id, tutors.user_id AS tutor_user_id, tutor_users.name AS tutor_name,
       tutors.time_zone AS tutor_time_zone,
       subjects.slug AS subject_slug, subjects.name AS subject_name, lessons.level,
       coalesce(calendar_event_revision = calendar_revision, NOT is_invited(bookings.status)) AS calendar_current,
       google_grants.state AS grant_state, google_grants.scopes AS grant_scopes,
       bookings.cancelled_at, bookings.cancellation_reason, bookings.version, bookings.created_at
FROM bookings
JOIN lessons ON lessons.id = bookings.lesson_id
JOIN tutors ON tutors.id = lessons.tutor_id
JOIN users AS tutor_users ON tutor_users.id = tutors.user_id
JOIN users AS students ON students.id = bookings.student_id
JOIN subjects ON subjects.id = lessons.subject_id
LEFT JOIN google_grants ON google_grants.user_id = tutors.user_id";

/// Bookings by start, the earliest first.
pub async fn list(db: &impl ConnectionTrait, filter: Filter) -> Result<Vec<Detail>, DbErr> {
    let mut conditions = filter.side.conditions();
    if let Some(id) = filter.student {
        conditions.add("bookings.student_id = ?", [id.into()]);
    }
    if let Some(id) = filter.tutor {
        conditions.add("lessons.tutor_id = ?", [id.into()]);
    }
    if let Some(needed) = filter.needs_tutor {
        let condition = "(tutor_users.suspended_at IS NOT NULL OR NOT EXISTS (
            SELECT FROM user_roles WHERE user_id = tutors.user_id AND role = 'tutor')) = ?";
        conditions.add(condition, [needed.into()]);
    }
    if let Some(id) = filter.id {
        conditions.add("bookings.id = ?", [id.into()]);
    }
    if let Some(status) = filter.status {
        conditions.add("bookings.status = ?", [status.into()]);
    }
    if let Some(from) = filter.from {
        conditions.add("bookings.ends_at > ?", [from.into()]);
    }
    if let Some(until) = filter.until {
        conditions.add("bookings.starts_at < ?", [until.into()]);
    }
    if let Some((start, id)) = filter.after {
        conditions.add(
            "(bookings.starts_at, bookings.id) > (?, ?)",
            [start.into(), id.into()],
        );
    }
    let limit = filter.limit;
    let sql = format!(
        "{SELECT} WHERE {} ORDER BY bookings.starts_at, bookings.id LIMIT {limit}",
        conditions.sql
    );
    Detail::find_by_statement(Statement::from_sql_and_values(
        DatabaseBackend::Postgres,
        sql,
        conditions.values,
    ))
    .all(db)
    .await
}

impl Side {
    fn conditions(self) -> Conditions {
        let mut conditions = Conditions::default();
        match self {
            Self::Students(students) => {
                let students: Vec<Uuid> = students.into_iter().map(|id| id.0).collect();
                conditions.add("bookings.student_id = ANY(?)", [students.into()]);
            }
            Self::Tutor(id) => conditions.add("lessons.tutor_id = ?", [id.into()]),
            Self::Person { students, tutor } => {
                let students: Vec<Uuid> = students.into_iter().map(|id| id.0).collect();
                conditions.add(
                    "(bookings.student_id = ANY(?) OR lessons.tutor_id = ?)",
                    [students.into(), tutor.into()],
                );
            }
            Self::Centre { tutors, subjects } => {
                conditions.add("true", []);
                if let Some(ids) = tutors {
                    let ids: Vec<Uuid> = ids.into_iter().map(|id| id.0).collect();
                    conditions.add("lessons.tutor_id = ANY(?)", [ids.into()]);
                }
                if let Some(slugs) = subjects {
                    conditions.add("subjects.slug = ANY(?)", [slugs.into()]);
                }
            }
        }
        conditions
    }
}

/// A booking, if it is among those of this side.
pub async fn find(
    db: &impl ConnectionTrait,
    side: Side,
    id: BookingId,
) -> Result<Option<Detail>, DbErr> {
    let filter = Filter {
        side,
        student: None,
        tutor: None,
        needs_tutor: None,
        id: Some(id),
        status: None,
        from: None,
        until: None,
        after: None,
        limit: 1,
    };
    Ok(list(db, filter).await?.pop())
}

/// How a booking ends.
pub struct Cancellation<'a> {
    /// None: a third-party app.
    pub by: Option<UserId>,
    pub reason: Option<&'a str>,
}

/// Cancels a booking that is still at `version`; whether it was.
pub async fn cancel(
    txn: &impl ConnectionTrait,
    id: BookingId,
    version: i32,
    cancellation: Cancellation<'_>,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let updated = booking::Entity::update_many()
        .set(booking::ActiveModel {
            status: Set(BookingStatus::Cancelled),
            cancelled_at: Set(Some(now)),
            cancelled_by: Set(cancellation.by),
            cancellation_reason: Set(cancellation.reason.map(str::to_owned)),
            version: Set(version + 1),
            updated_at: Set(now),
            ..Default::default()
        })
        .filter(booking::COLUMN.id.eq(id))
        .filter(booking::COLUMN.version.eq(version))
        .exec(txn)
        .await?;
    Ok(updated.rows_affected == 1)
}

/// Puts a booking into another lesson at the same time.
pub async fn move_to(
    txn: &impl ConnectionTrait,
    id: BookingId,
    lesson_id: LessonId,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    booking::Entity::update_many()
        .col_expr(
            booking::Column::Version,
            Expr::col(booking::Column::Version).add(1),
        )
        .set(booking::ActiveModel {
            lesson_id: Set(lesson_id),
            updated_at: Set(now),
            ..Default::default()
        })
        .filter(booking::COLUMN.id.eq(id))
        .exec(txn)
        .await
        .map(|_| ())
}

/// With which tutors each of these students has lessons that begin after `since`, and how many.
pub async fn lessons_together(
    db: &impl ConnectionTrait,
    students: &[UserId],
    since: DateTime<Utc>,
) -> Result<HashMap<UserId, HashMap<TutorId, u32>>, DbErr> {
    #[derive(FromQueryResult)]
    struct Row {
        student_id: UserId,
        tutor_id: TutorId,
        lessons: i64,
    }
    let ids: Vec<Uuid> = students.iter().map(|id| id.0).collect();
    let rows = Row::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT student_id, tutor_id, count(*) AS lessons
           FROM bookings JOIN lessons ON lessons.id = lesson_id
           WHERE student_id = ANY({ids}) AND bookings.status <> 'cancelled' AND bookings.starts_at > {since}
           GROUP BY student_id, tutor_id"#
    ))
    .all(db)
    .await?;
    let mut found: HashMap<UserId, HashMap<TutorId, u32>> =
        students.iter().map(|id| (*id, HashMap::new())).collect();
    for row in rows {
        let lessons = u32::try_from(row.lessons).unwrap_or(u32::MAX);
        let together = found.entry(row.student_id).or_default();
        together.insert(row.tutor_id, lessons);
    }
    Ok(found)
}
