//! Bookings.

use super::conditions::Conditions;
use ::entity::{
    booking::{self, BookingStatus},
    google_grant::GrantState,
    id::{AbsenceId, BookingId, LessonId, SeriesId, TutorId, UserId},
};
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use scheduling::{cancellation::Outcome, interval::Span, lifecycle};
use sea_orm::{
    ActiveEnum, ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseBackend, DbErr,
    EntityTrait, FromQueryResult, PaginatorTrait, QueryFilter, Statement, raw_sql,
};
use std::collections::HashMap;
use uuid::Uuid;

/// How a booking stands that is held, requested or confirmed.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    pub status: BookingStatus,
    /// Of what is held or requested.
    pub expires_at: Option<DateTime<Utc>>,
}

impl Standing {
    pub(super) fn booked_at(self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        (self.status != BookingStatus::Held).then_some(now)
    }
}

/// A booking with the names of all that it is about.
#[derive(Clone, Debug, FromQueryResult)]
pub struct Detail {
    pub id: BookingId,
    pub lesson_id: LessonId,
    /// What has expired is `Expired`, whether somebody has written that down or not.
    pub status: BookingStatus,
    pub expires_at: Option<DateTime<Utc>>,
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
    /// Of the lesson; more than one in a group lesson.
    pub capacity: i16,
    /// Whether the event in the tutor's calendar is known to say what the booking says.
    pub calendar_current: bool,
    pub meet_url: Option<String>,
    pub grant_state: Option<GrantState>,
    pub grant_scopes: Option<Vec<String>>,
    pub cancelled_at: Option<DateTime<Utc>>,
    pub cancellation_reason: Option<String>,
    pub cancellation_consequence: Option<String>,
    pub cancellation_credit_minutes: Option<i32>,
    /// None also where that was not decided when it was cancelled.
    pub cancellation_charged_minutes: Option<i32>,
    /// 0: it is not paid for by credit.
    pub paid_credit_minutes: i32,
    pub series_id: Option<SeriesId>,
    /// When the rule of the series wanted it, on the wall clock of the series.
    pub recurrence_id: Option<NaiveDateTime>,
    /// Whether the tutor is absent, and the student may take credit for it, or move it.
    pub absence_offered: bool,
    /// When the tutor or the centre last moved it, confirmed, to another time or into the hands of another tutor.
    pub moved_at: Option<DateTime<Utc>>,
    /// The time that the student wants instead, if the tutor may still approve it; as the two that follow.
    pub proposed_starts_at: Option<DateTime<Utc>>,
    pub proposed_ends_at: Option<DateTime<Utc>>,
    pub proposal_expires_at: Option<DateTime<Utc>>,
    pub version: i32,
    pub booked_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
}

impl Detail {
    /// As the rules of scheduling know it, where the tutor may say for `attendance_window` who was there.
    pub fn standing(&self, attendance_window: TimeDelta) -> lifecycle::Standing {
        lifecycle::Standing {
            status: Some(rule_status(self.status)),
            starts_at: self.starts_at,
            ends_at: self.ends_at,
            expires_at: self.expires_at,
            proposal_expires_at: self.proposal_expires_at,
            attendance_window,
        }
    }

    /// The time that the student wants instead, if the tutor may still approve it.
    pub fn proposed(&self) -> Option<Span> {
        let (start, end) = self.proposed_starts_at.zip(self.proposed_ends_at)?;
        Span::new(start, end)
    }
}

fn rule_status(status: BookingStatus) -> lifecycle::BookingStatus {
    use lifecycle::BookingStatus as Rule;
    match status {
        BookingStatus::Held => Rule::Held,
        BookingStatus::Requested => Rule::Requested,
        BookingStatus::Confirmed => Rule::Confirmed,
        BookingStatus::Declined => Rule::Declined,
        BookingStatus::Expired => Rule::Expired,
        BookingStatus::Cancelled => Rule::Cancelled,
        BookingStatus::Completed => Rule::Completed,
        BookingStatus::NoShow => Rule::NoShow,
    }
}

/// As the rules of scheduling name it.
pub fn row_status(status: lifecycle::BookingStatus) -> BookingStatus {
    use lifecycle::BookingStatus as Rule;
    match status {
        Rule::Held => BookingStatus::Held,
        Rule::Requested => BookingStatus::Requested,
        Rule::Confirmed => BookingStatus::Confirmed,
        Rule::Declined => BookingStatus::Declined,
        Rule::Expired => BookingStatus::Expired,
        Rule::Cancelled => BookingStatus::Cancelled,
        Rule::Completed => BookingStatus::Completed,
        Rule::NoShow => BookingStatus::NoShow,
    }
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
    /// What is set aside, rather than what was ever booked.
    pub held: bool,
    /// The present.
    pub now: DateTime<Utc>,
    pub student: Option<UserId>,
    pub tutor: Option<TutorId>,
    pub lesson: Option<LessonId>,
    /// Whether the tutor is suspended, or a tutor no longer.
    pub needs_tutor: Option<bool>,
    pub id: Option<BookingId>,
    /// Only these.
    pub ids: Option<Vec<BookingId>>,
    pub series: Option<SeriesId>,
    /// Only those whose tutor was absent by this report.
    pub absence: Option<AbsenceId>,
    pub status: Option<Vec<BookingStatus>>,
    /// Only those for which another time is proposed, and can still be approved.
    pub proposed: bool,
    /// Bookings that end after this.
    pub from: Option<DateTime<Utc>>,
    /// Bookings that start before this.
    pub until: Option<DateTime<Utc>>,
    /// Bookings after this start and id.
    pub after: Option<(DateTime<Utc>, BookingId)>,
    pub limit: i64,
}

const SELECT: &str = r"SELECT bookings.id, bookings.lesson_id,
       CASE WHEN bookings.expires_at <= $1 THEN 'expired' ELSE bookings.status END AS status, bookings.expires_at,
       bookings.starts_at, bookings.ends_at,
       bookings.student_id, students.name AS student_name,
       lessons.tutor_id, tutors.user_id AS tutor_user_id, tutor_users.name AS tutor_name,
       tutors.time_zone AS tutor_time_zone,
       subjects.slug AS subject_slug, subjects.name AS subject_name, lessons.level, lessons.capacity,
       coalesce(calendar_event_revision = calendar_revision, NOT is_invited(bookings.status)) AS calendar_current,
       CASE WHEN is_invited(bookings.status) THEN meet_url END AS meet_url,
       google_grants.state AS grant_state, google_grants.scopes AS grant_scopes,
       bookings.cancelled_at, bookings.cancellation_reason,
       bookings.cancellation_consequence, bookings.cancellation_credit_minutes,
       bookings.cancellation_charged_minutes, bookings.paid_credit_minutes,
       bookings.series_id, bookings.recurrence_id, bookings.moved_at,
       bookings.status = 'confirmed' AND EXISTS (
           SELECT FROM absent_bookings WHERE booking_id = bookings.id AND offered_at IS NOT NULL) AS absence_offered,
       CASE WHEN proposal_expires_at > $1 THEN proposed_starts_at END AS proposed_starts_at,
       CASE WHEN proposal_expires_at > $1 THEN proposed_ends_at END AS proposed_ends_at,
       CASE WHEN proposal_expires_at > $1 THEN proposal_expires_at END AS proposal_expires_at,
       bookings.version, bookings.booked_at, bookings.created_at
FROM bookings
JOIN lessons ON lessons.id = bookings.lesson_id
JOIN tutors ON tutors.id = lessons.tutor_id
JOIN users AS tutor_users ON tutor_users.id = tutors.user_id
JOIN users AS students ON students.id = bookings.student_id
JOIN subjects ON subjects.id = lessons.subject_id
LEFT JOIN google_grants ON google_grants.user_id = tutors.user_id";

impl Filter {
    /// All of this side that was ever booked, or is held.
    pub fn all(side: Side, held: bool, now: DateTime<Utc>) -> Self {
        Self {
            side,
            held,
            now,
            student: None,
            tutor: None,
            lesson: None,
            needs_tutor: None,
            id: None,
            ids: None,
            series: None,
            absence: None,
            status: None,
            proposed: false,
            from: None,
            until: None,
            after: None,
            limit: 1,
        }
    }
}

/// Bookings by start, the earliest first.
pub async fn list(db: &impl ConnectionTrait, filter: Filter) -> Result<Vec<Detail>, DbErr> {
    let mut conditions = Conditions::with([filter.now.into()]);
    filter.side.add_to(&mut conditions);
    if filter.held {
        let condition = "bookings.status = 'held' AND bookings.expires_at > $1 AND bookings.reserved_for IS NULL";
        conditions.add(condition, []);
    } else {
        conditions.add("bookings.booked_at IS NOT NULL", []);
    }
    if let Some(id) = filter.student {
        conditions.add("bookings.student_id = ?", [id.into()]);
    }
    if let Some(id) = filter.tutor {
        conditions.add("lessons.tutor_id = ?", [id.into()]);
    }
    if let Some(id) = filter.lesson {
        conditions.add("bookings.lesson_id = ?", [id.into()]);
    }
    if let Some(needed) = filter.needs_tutor {
        let condition = "(tutor_users.suspended_at IS NOT NULL OR NOT EXISTS (
            SELECT FROM user_roles WHERE user_id = tutors.user_id AND role = 'tutor')) = ?";
        conditions.add(condition, [needed.into()]);
    }
    if let Some(id) = filter.id {
        conditions.add("bookings.id = ?", [id.into()]);
    }
    if let Some(ids) = filter.ids {
        let ids: Vec<Uuid> = ids.into_iter().map(|id| id.0).collect();
        conditions.add("bookings.id = ANY(?)", [ids.into()]);
    }
    if let Some(id) = filter.series {
        conditions.add("bookings.series_id = ?", [id.into()]);
    }
    if let Some(id) = filter.absence {
        let condition =
            "bookings.id IN (SELECT booking_id FROM absence_bookings WHERE absence_id = ?)";
        conditions.add(condition, [id.into()]);
    }
    if let Some(statuses) = filter.status {
        let statuses = statuses.iter().map(ActiveEnum::to_value);
        let statuses: Vec<String> = statuses.collect();
        let condition =
            "CASE WHEN bookings.expires_at <= $1 THEN 'expired' ELSE bookings.status END = ANY(?)";
        conditions.add(condition, [statuses.into()]);
    }
    if filter.proposed {
        conditions.add("bookings.proposal_expires_at > $1", []);
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
    fn add_to(self, conditions: &mut Conditions) {
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
    }
}

/// One of these, if there is any.
pub async fn find(db: &impl ConnectionTrait, filter: Filter) -> Result<Option<Detail>, DbErr> {
    Ok(list(db, filter).await?.pop())
}

/// Confirms what is held or requested, or requests what is held, or says who was there, if the booking is still at
/// `version`; whether it was.
pub async fn set_standing(
    txn: &impl ConnectionTrait,
    id: BookingId,
    version: i32,
    Standing { status, expires_at }: Standing,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let status = status.to_value();
    let updated = txn.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE bookings SET status = {status}, expires_at = {expires_at}, booked_at = coalesce(booked_at, {now}),
               version = version + 1, updated_at = {now}
           WHERE id = {id} AND version = {version}"#
    ));
    Ok(updated.await?.rows_affected() == 1)
}

/// Notes that the tutor or the centre has moved a booking, or handed it over.
pub async fn note_moved(
    txn: &impl ConnectionTrait,
    id: BookingId,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    booking::Entity::update_many()
        .set(booking::ActiveModel {
            moved_at: Set(Some(now)),
            ..Default::default()
        })
        .filter(booking::COLUMN.id.eq(id))
        .exec(txn)
        .await
        .map(|_| ())
}

/// How many live holds a student has, without what is offered to those who wait.
pub async fn count_holds(
    txn: &impl ConnectionTrait,
    student_id: UserId,
    now: DateTime<Utc>,
) -> Result<i64, DbErr> {
    let row = txn
        .query_one_raw(raw_sql!(
            Postgres,
            r#"SELECT count(*) AS count FROM bookings
               WHERE student_id = {student_id} AND status = 'held' AND expires_at > {now}
                 AND reserved_for IS NULL
                 AND NOT EXISTS (SELECT FROM waitlist_entries WHERE booking_id = bookings.id)"#
        ))
        .await?;
    row.map_or(Ok(0), |row| row.try_get("", "count"))
}

/// For how many bookings of a student, this one left out, another time is proposed.
pub async fn count_other_proposals(
    txn: &impl ConnectionTrait,
    (student_id, booking): (UserId, BookingId),
    now: DateTime<Utc>,
) -> Result<u64, DbErr> {
    booking::Entity::find()
        .filter(booking::COLUMN.student_id.eq(student_id))
        .filter(booking::COLUMN.id.ne(booking))
        .filter(booking::COLUMN.proposal_expires_at.gt(now))
        .count(txn)
        .await
}

/// Frees what has expired of the time of these people, as who wants it must: no constraint knows what time it is.
pub async fn expire(
    txn: &impl ConnectionTrait,
    people: &[UserId],
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let people: Vec<Uuid> = people.iter().map(|id| id.0).collect();
    txn.execute_raw(raw_sql!(
        Postgres,
        // What somebody else has locked is being freed by them, and the constraints wait for that.
        r#"WITH due AS (
               SELECT bookings.id FROM bookings
               JOIN lessons ON lessons.id = lesson_id JOIN tutors ON tutors.id = tutor_id
               WHERE bookings.expires_at <= {now} AND (student_id = ANY({people}) OR user_id = ANY({people}))
               FOR UPDATE OF bookings SKIP LOCKED),
           expired AS (
               UPDATE bookings SET status = 'expired', expires_at = NULL, version = version + 1, updated_at = {now}
               WHERE id IN (SELECT id FROM due) RETURNING lesson_id)
           UPDATE lessons SET status = 'cancelled', updated_at = {now}
           WHERE status = 'tentative' AND id IN (SELECT lesson_id FROM expired)"#
    ))
    .await
    .map(|_| ())
}

/// As [`expire`], of anybody, a bounded number at a time; how many there were.
pub async fn expire_any(db: &impl ConnectionTrait, now: DateTime<Utc>) -> Result<u64, DbErr> {
    let updated = db.execute_raw(raw_sql!(
        Postgres,
        r#"WITH due AS (
               SELECT id FROM bookings WHERE expires_at <= {now} ORDER BY expires_at LIMIT 500 FOR UPDATE SKIP LOCKED),
           expired AS (
               UPDATE bookings SET status = 'expired', expires_at = NULL, version = version + 1, updated_at = {now}
               WHERE id IN (SELECT id FROM due) RETURNING lesson_id)
           UPDATE lessons SET status = 'cancelled', updated_at = {now}
           WHERE status = 'tentative' AND id IN (SELECT lesson_id FROM expired)"#
    ));
    Ok(updated.await?.rows_affected())
}

/// As [`expire_any`], of proposals whose time nobody keeps set aside any more.
pub async fn expire_proposals_any(
    db: &impl ConnectionTrait,
    now: DateTime<Utc>,
) -> Result<u64, DbErr> {
    let updated = db.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE bookings SET proposed_starts_at = NULL, proposed_ends_at = NULL, proposal_expires_at = NULL,
               version = version + 1, updated_at = {now}
           WHERE id IN (
               SELECT id FROM bookings AS due WHERE proposal_expires_at <= {now}
                 AND NOT EXISTS (SELECT FROM bookings WHERE reserved_for = due.id AND occupies)
               ORDER BY proposal_expires_at LIMIT 500 FOR UPDATE SKIP LOCKED)"#
    ));
    Ok(updated.await?.rows_affected())
}

/// Completes what is confirmed and over, unless its tutor was absent, once no proposal is left of it, a bounded number at a time; how many there were.
pub async fn complete_any(db: &impl ConnectionTrait, now: DateTime<Utc>) -> Result<u64, DbErr> {
    let updated = db.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE bookings SET status = 'completed', version = version + 1, updated_at = {now}
           WHERE id IN (
               SELECT id FROM bookings WHERE status = 'confirmed' AND ends_at <= {now} AND proposal_expires_at IS NULL
                 AND NOT EXISTS (SELECT FROM absent_bookings WHERE booking_id = bookings.id)
               ORDER BY ends_at LIMIT 500 FOR UPDATE SKIP LOCKED)"#
    ));
    Ok(updated.await?.rows_affected())
}

/// Forgets holds that came to nothing, which nobody can ask about any more, and their lessons, a bounded number at a
/// time; how many lessons.
pub async fn forget_holds(db: &impl ConnectionTrait, before: DateTime<Utc>) -> Result<u64, DbErr> {
    let deleted = db.execute_raw(raw_sql!(
        Postgres,
        r#"WITH gone AS (
               DELETE FROM bookings WHERE id IN (
                   SELECT id FROM bookings WHERE booked_at IS NULL AND NOT occupies AND updated_at < {before}
                   LIMIT 500 FOR UPDATE SKIP LOCKED)
               RETURNING id, lesson_id)
           DELETE FROM lessons WHERE id IN (SELECT lesson_id FROM gone) AND status = 'cancelled' AND capacity = 1
               AND NOT EXISTS (SELECT FROM bookings WHERE lesson_id = lessons.id AND bookings.id NOT IN (SELECT id FROM gone))"#
    ));
    Ok(deleted.await?.rows_affected())
}

/// Ends holds, on nobody's word who waits; whether all of them were still holds.
pub async fn end_holds(
    txn: &impl ConnectionTrait,
    ids: &[BookingId],
    status: BookingStatus,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let status = status.to_value();
    let updated = txn.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE bookings SET status = {status}, expires_at = NULL, cancelled_at = {now}, version = version + 1, updated_at = {now}
           WHERE id = ANY({ids}) AND status = 'held'"#
    ));
    Ok(usize::try_from(updated.await?.rows_affected()).is_ok_and(|ended| ended == ids.len()))
}

/// How a booking ends.
pub struct Cancellation<'a> {
    /// `Cancelled` or `Declined`.
    pub status: BookingStatus,
    /// None: a third-party app.
    pub by: Option<UserId>,
    pub reason: Option<&'a str>,
    /// What it means for the student; none for what was only held.
    pub outcome: Option<Outcome>,
}

/// Cancels or declines a booking that is still at `version`; whether it was.
pub async fn cancel(
    txn: &impl ConnectionTrait,
    id: BookingId,
    version: i32,
    cancellation: Cancellation<'_>,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let outcome = cancellation.outcome;
    let updated = booking::Entity::update_many()
        .set(booking::ActiveModel {
            status: Set(cancellation.status),
            expires_at: Set(None),
            cancelled_at: Set(Some(now)),
            cancelled_by: Set(cancellation.by),
            cancellation_reason: Set(cancellation.reason.map(str::to_owned)),
            cancellation_consequence: Set(outcome.map(|it| it.consequence.name().to_owned())),
            cancellation_credit_minutes: Set(outcome.map(|it| it.credit_minutes)),
            cancellation_charged_minutes: Set(outcome.map(|it| it.charged_minutes)),
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

/// Puts a booking that is still at `version` into another lesson at the same time; whether it was.
pub async fn move_to(
    txn: &impl ConnectionTrait,
    (id, version): (BookingId, i32),
    lesson_id: LessonId,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let updated = booking::Entity::update_many()
        .set(booking::ActiveModel {
            lesson_id: Set(lesson_id),
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

/// Notes the time that the student wants instead, if the booking is still at `version`; whether it was. Whoever does so
/// sets that time aside.
pub async fn propose(
    txn: &impl ConnectionTrait,
    (id, version): (BookingId, i32),
    span: Span,
    expires_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let (start, end) = (span.start(), span.end());
    let updated = txn.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE bookings SET proposed_starts_at = {start}, proposed_ends_at = {end}, proposal_expires_at = {expires_at},
               version = version + 1, updated_at = {now}
           WHERE id = {id} AND version = {version}"#
    ));
    Ok(updated.await?.rows_affected() == 1)
}

/// Ends what is proposed, if anything is: what was set aside for it is free. Whoever does so moves the version on.
pub async fn drop_proposal(
    txn: &impl ConnectionTrait,
    id: BookingId,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE bookings SET proposed_starts_at = NULL, proposed_ends_at = NULL, proposal_expires_at = NULL, updated_at = {now}
           WHERE id = {id} AND proposed_starts_at IS NOT NULL"#
    ))
    .await
    .map(|_| ())
}

/// When a student wanted lessons that this tutor, or the centre, declined, of what is ahead.
pub async fn declined(
    db: &impl ConnectionTrait,
    student_id: UserId,
    tutor_id: TutorId,
    now: DateTime<Utc>,
) -> Result<Vec<Span>, DbErr> {
    #[derive(FromQueryResult)]
    struct Row {
        starts_at: DateTime<Utc>,
        ends_at: DateTime<Utc>,
    }
    let rows = Row::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT bookings.starts_at, bookings.ends_at FROM bookings JOIN lessons ON lessons.id = lesson_id
           WHERE student_id = {student_id} AND tutor_id = {tutor_id} AND bookings.status = 'declined' AND bookings.starts_at > {now}"#
    ))
    .all(db)
    .await?;
    let spans = rows.into_iter();
    Ok(spans
        .filter_map(|row| Span::new(row.starts_at, row.ends_at))
        .collect())
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
           WHERE student_id = ANY({ids}) AND bookings.status IN ('confirmed', 'completed') AND bookings.starts_at > {since}
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
