//! Group lessons: those with room for several students, also while nobody is in them.

use super::{booking::Standing, conditions::Conditions, low_half};
use ::entity::{
    id::{BookingId, LessonId, SubjectId, TutorId, UserId},
    lesson::{self, LessonStatus},
};
use chrono::{DateTime, Utc};
use scheduling::interval::Span;
use sea_orm::{
    ActiveEnum, ActiveValue::Set, ConnectionTrait, DatabaseBackend, DbErr, EntityTrait,
    FromQueryResult, Statement, raw_sql,
};
use uuid::Uuid;

/// A group lesson to be made.
#[derive(Clone, Debug)]
pub struct NewGroupLesson {
    pub tutor_id: TutorId,
    pub subject_id: SubjectId,
    pub level: String,
    pub span: Span,
    pub seats: Seats,
    pub title: String,
    pub description: String,
    /// The event of the tutor's own that it is; none: it gets one of ours.
    pub own_event: Option<OwnEvent>,
}

/// An event in the tutor's own calendar, by what Google calls both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnEvent {
    pub calendar: String,
    pub id: String,
}

/// How many students can be in it, and must.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seats {
    /// From 2 to 100.
    pub capacity: i16,
    /// From 1 to the capacity.
    pub minimum: i16,
    /// When it is decided whether there are enough; none where one is enough.
    pub decides_at: Option<DateTime<Utc>>,
}

/// # Errors
/// `lessons_tutor_no_overlap` and `lessons_own_event_key` are for the caller to translate.
pub async fn insert(
    txn: &impl ConnectionTrait,
    new: NewGroupLesson,
    now: DateTime<Utc>,
) -> Result<LessonId, DbErr> {
    let id = LessonId::generate();
    let (event_id, event_calendar) = new.own_event.map(|it| (it.id, it.calendar)).unzip();
    let row = lesson::ActiveModel {
        id: Set(id),
        tutor_id: Set(new.tutor_id),
        subject_id: Set(new.subject_id),
        level: Set(new.level),
        starts_at: Set(new.span.start()),
        ends_at: Set(new.span.end()),
        status: Set(LessonStatus::Scheduled),
        expires_at: Set(None),
        capacity: Set(new.seats.capacity),
        minimum: Set(new.seats.minimum),
        decides_at: Set(new.seats.decides_at),
        decided_at: Set(None),
        title: Set(new.title),
        description: Set(new.description),
        version: Set(1),
        own_event_id: Set(event_id.clone()),
        // It shows nothing of the lesson yet, and is where it was read.
        calendar_event_revision: Set(event_id.as_ref().map(|_| 0)),
        calendar_event_starts_at: Set(event_id.as_ref().map(|_| new.span.start())),
        calendar_event_ends_at: Set(event_id.as_ref().map(|_| new.span.end())),
        calendar_event_id: Set(event_id),
        calendar_event_calendar: Set(event_calendar),
        calendar_event_attempt: Set(0),
        calendar_event_asked_at: Set(None),
        calendar_event_guests: Set(Vec::new()),
        calendar_revision: Set(1),
        meet_url: Set(None),
        meet_pending_since: Set(None),
        created_at: Set(now),
        updated_at: Set(now),
    };
    lesson::Entity::insert(row)
        .exec_without_returning(txn)
        .await?;
    Ok(id)
}

/// A group lesson with the names of all that it is about, and of its students only how many they are.
#[derive(Clone, Debug, FromQueryResult)]
pub struct GroupLesson {
    pub id: LessonId,
    pub status: LessonStatus,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    pub tutor_id: TutorId,
    pub tutor_user_id: UserId,
    pub tutor_name: String,
    pub tutor_time_zone: String,
    pub subject_slug: String,
    pub subject_name: String,
    pub level: String,
    pub title: String,
    pub description: String,
    pub capacity: i16,
    pub minimum: i16,
    pub decides_at: Option<DateTime<Utc>>,
    pub decided_at: Option<DateTime<Utc>>,
    /// Also of those to whom a seat is offered.
    pub seats_taken: i64,
    /// Of these, the ones that are only offered.
    pub seats_offered: i64,
    /// How many students wait for a seat.
    pub waiting: i64,
    pub version: i32,
    /// Whether it is an event of the tutor's own.
    pub is_own_event: bool,
    pub created_at: DateTime<Utc>,
}

/// Who looks, and so what there is to see.
#[derive(Clone, Debug)]
pub enum Viewer {
    /// Everything.
    Centre,
    /// What this tutor gives, what these students are or were in, and what stands of tutors whom students find.
    Person {
        students: Vec<UserId>,
        tutor: Option<TutorId>,
    },
    /// What these tutors give, where there are any, of those whom students find, about the subjects with these slugs,
    /// where there are any.
    App {
        tutors: Option<Vec<TutorId>>,
        subjects: Option<Vec<String>>,
    },
}

/// Which group lessons are listed, and where the page begins.
#[derive(Clone, Debug)]
pub struct Filter {
    pub viewer: Viewer,
    /// A person, unless it is the tutor, sees only what still begins and has a free seat at this time.
    pub open_at: Option<DateTime<Utc>>,
    pub id: Option<LessonId>,
    /// Slug of the subject.
    pub subject: Option<String>,
    pub level: Option<String>,
    pub tutors: Option<Vec<TutorId>>,
    /// Lessons that end after this.
    pub from: Option<DateTime<Utc>>,
    /// Lessons that start before this.
    pub until: Option<DateTime<Utc>>,
    /// Only what begins in this window, and at this time is yet to begin and has a free seat for which nobody waits.
    pub vacant: Option<(Span, DateTime<Utc>)>,
    /// Lessons after this start and id.
    pub after: Option<(DateTime<Utc>, LessonId)>,
    pub limit: i64,
}

impl Filter {
    /// One lesson, if the viewer sees it.
    pub fn one(viewer: Viewer, id: LessonId) -> Self {
        Self {
            viewer,
            open_at: None,
            id: Some(id),
            subject: None,
            level: None,
            tutors: None,
            from: None,
            until: None,
            vacant: None,
            after: None,
            limit: 1,
        }
    }
}

const SELECT: &str = r"SELECT lessons.id, lessons.status, lessons.starts_at, lessons.ends_at,
       lessons.tutor_id, tutors.user_id AS tutor_user_id, tutor_users.name AS tutor_name,
       tutors.time_zone AS tutor_time_zone,
       subjects.slug AS subject_slug, subjects.name AS subject_name, lessons.level, title, description,
       capacity, minimum, decides_at, decided_at, seats_taken, seats_offered, waiting,
       lessons.version, own_event_id IS NOT NULL AS is_own_event, lessons.created_at
FROM lessons
JOIN tutors ON tutors.id = lessons.tutor_id
JOIN users AS tutor_users ON tutor_users.id = tutors.user_id
JOIN subjects ON subjects.id = lessons.subject_id
CROSS JOIN LATERAL (
    SELECT count(*) AS seats_taken, count(*) FILTER (WHERE status = 'held') AS seats_offered
    FROM bookings WHERE lesson_id = lessons.id AND occupies) AS taken
CROSS JOIN LATERAL (
    SELECT count(*) AS waiting FROM waitlist_entries WHERE lesson_id = lessons.id AND status = 'waiting') AS who_wait
WHERE capacity > 1 AND ";

/// Group lessons by start, the earliest first.
pub async fn list(db: &impl ConnectionTrait, filter: Filter) -> Result<Vec<GroupLesson>, DbErr> {
    let mut conditions = Conditions::default();
    filter.viewer.add_to(filter.open_at, &mut conditions);
    if let Some(id) = filter.id {
        conditions.add("lessons.id = ?", [id.into()]);
    }
    if let Some(slug) = filter.subject {
        conditions.add("subjects.slug = ?", [slug.into()]);
    }
    if let Some(level) = filter.level {
        conditions.add("lessons.level = ?", [level.into()]);
    }
    if let Some(ids) = filter.tutors {
        let ids: Vec<Uuid> = ids.into_iter().map(|id| id.0).collect();
        conditions.add("lessons.tutor_id = ANY(?)", [ids.into()]);
    }
    if let Some(from) = filter.from {
        conditions.add("lessons.ends_at > ?", [from.into()]);
    }
    if let Some(until) = filter.until {
        conditions.add("lessons.starts_at < ?", [until.into()]);
    }
    if let Some((window, now)) = filter.vacant {
        let times = [now.into(), window.start().into(), window.end().into()];
        conditions.add(VACANT, times);
    }
    if let Some((start, id)) = filter.after {
        let condition = "(lessons.starts_at, lessons.id) > (?, ?)";
        conditions.add(condition, [start.into(), id.into()]);
    }
    let limit = filter.limit;
    let sql = format!(
        "{SELECT} {} ORDER BY lessons.starts_at, lessons.id LIMIT {limit}",
        conditions.sql
    );
    GroupLesson::find_by_statement(Statement::from_sql_and_values(
        DatabaseBackend::Postgres,
        sql,
        conditions.values,
    ))
    .all(db)
    .await
}

/// One of these, if there is any.
pub async fn find(db: &impl ConnectionTrait, filter: Filter) -> Result<Option<GroupLesson>, DbErr> {
    Ok(list(db, filter).await?.pop())
}

const STANDS: &str = "visible AND suspended_at IS NULL AND lessons.status = 'scheduled'";
const OPEN: &str = "visible AND suspended_at IS NULL AND lessons.status = 'scheduled'
    AND lessons.starts_at > ? AND seats_taken < capacity";
const VACANT: &str = "lessons.status = 'scheduled' AND lessons.starts_at > ? AND lessons.starts_at >= ? AND lessons.starts_at < ?
    AND seats_taken < capacity AND waiting = 0";
const IN_IT: &str =
    "EXISTS (SELECT FROM bookings WHERE lesson_id = lessons.id AND student_id = ANY(?))";

impl Viewer {
    fn add_to(self, open_at: Option<DateTime<Utc>>, conditions: &mut Conditions) {
        match self {
            Self::Centre => conditions.add("true", []),
            Self::Person { students, tutor } => match (open_at, tutor) {
                (Some(now), None) => conditions.add(OPEN, [now.into()]),
                (Some(now), Some(tutor)) => {
                    let condition = format!("({OPEN} OR lessons.tutor_id = ?)");
                    conditions.add(&condition, [now.into(), tutor.into()]);
                }
                (None, tutor) => {
                    let students: Vec<Uuid> = students.into_iter().map(|id| id.0).collect();
                    let condition = format!("({STANDS} OR lessons.tutor_id = ? OR {IN_IT})");
                    conditions.add(&condition, [tutor.into(), students.into()]);
                }
            },
            Self::App { tutors, subjects } => {
                conditions.add("visible AND suspended_at IS NULL", []);
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

/// Keeps who is in a lesson from growing, and how many may be from changing, until the end of the transaction. Taken
/// before anybody's time is locked, so that all of those who are in it can then be locked in one call.
pub async fn lock_seats(txn: &impl ConnectionTrait, id: LessonId) -> Result<(), DbErr> {
    let key = i64::from_be_bytes(low_half(id.0));
    txn.execute_raw(raw_sql!(Postgres, r#"SELECT pg_advisory_xact_lock({key})"#))
        .await
        .map(|_| ())
}

/// The students who have a seat.
pub async fn students(db: &impl ConnectionTrait, id: LessonId) -> Result<Vec<UserId>, DbErr> {
    #[derive(FromQueryResult)]
    struct Row {
        student_id: UserId,
    }
    let rows = Row::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT student_id FROM bookings WHERE lesson_id = {id} AND occupies"#
    ))
    .all(db)
    .await?;
    Ok(rows.into_iter().map(|row| row.student_id).collect())
}

/// Gives a student the first free seat of a lesson that is yet to begin; none where there
/// is no free seat. Who calls has locked the seats: else two might choose the same, and one of them fail.
///
/// # Errors
/// `bookings_student_no_overlap` is for the caller to translate.
pub async fn take_seat(
    txn: &impl ConnectionTrait,
    lesson_id: LessonId,
    student_id: UserId,
    standing: Standing,
    now: DateTime<Utc>,
) -> Result<Option<BookingId>, DbErr> {
    let id = BookingId::generate();
    let (status, expires_at) = (standing.status.to_value(), standing.expires_at);
    let booked_at = standing.booked_at(now);
    let inserted = txn.execute_raw(raw_sql!(
        Postgres,
        r#"WITH lesson AS MATERIALIZED (
               SELECT id, starts_at, ends_at, capacity FROM lessons
               WHERE id = {lesson_id} AND capacity > 1 AND status = 'scheduled' AND starts_at > {now}
               FOR NO KEY UPDATE)
           INSERT INTO bookings (id, lesson_id, student_id, seat, starts_at, ends_at, status, expires_at, booked_at, created_at, updated_at)
           SELECT {id}, lesson.id, {student_id}, free.seat, starts_at, ends_at, {status}, {expires_at}::timestamptz, {booked_at}::timestamptz, {now}, {now}
           FROM lesson, generate_series(1, capacity) AS free (seat)
           WHERE capacity > (SELECT count(*) FROM bookings WHERE lesson_id = lesson.id AND occupies)
             AND NOT EXISTS (SELECT FROM bookings WHERE lesson_id = lesson.id AND occupies AND bookings.seat = free.seat)
           ORDER BY free.seat LIMIT 1"#
    ));
    Ok((inserted.await?.rows_affected() == 1).then_some(id))
}

/// What is edited of a lesson.
#[derive(Clone, Debug)]
pub struct Edited {
    pub seats: Seats,
    /// Whether it is yet to be decided, again perhaps, if there are enough students.
    pub undecided: bool,
    pub title: String,
    pub description: String,
}

/// Edits a lesson that is still at `version`; whether it was.
pub async fn update(
    txn: &impl ConnectionTrait,
    id: LessonId,
    version: i32,
    edited: Edited,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let Edited {
        seats,
        undecided,
        title,
        description,
    } = edited;
    let Seats {
        capacity,
        minimum,
        decides_at,
    } = seats;
    let updated = txn.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE lessons SET capacity = {capacity}, minimum = {minimum}, decides_at = {decides_at},
               decided_at = CASE WHEN NOT {undecided} THEN decided_at END,
               title = {title}, description = {description}, version = version + 1, updated_at = {now}
           WHERE id = {id} AND version = {version}"#
    ));
    Ok(updated.await?.rows_affected() == 1)
}

/// Moves a lesson to another time, and all who are in it. A deadline stays, unless the lesson begins before it then.
///
/// # Errors
/// `lessons_tutor_no_overlap` and `bookings_student_no_overlap` are for the caller to translate.
pub async fn move_to(
    txn: &impl ConnectionTrait,
    id: LessonId,
    span: Span,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let (start, end) = (span.start(), span.end());
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE lessons SET starts_at = {start}, ends_at = {end},
               decides_at = CASE WHEN decides_at > {start} THEN {start} ELSE decides_at END, version = version + 1, updated_at = {now}
           WHERE id = {id}"#
    ))
    .await?;
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE bookings SET moved_at = {now}, version = version + 1, updated_at = {now} WHERE lesson_id = {id} AND occupies"#
    ))
    .await
    .map(|_| ())
}

/// Whether credit paid for any seat that is taken.
pub async fn is_paid_with_credit(txn: &impl ConnectionTrait, id: LessonId) -> Result<bool, DbErr> {
    let found = txn.query_one_raw(raw_sql!(
        Postgres,
        r#"SELECT FROM bookings WHERE lesson_id = {id} AND occupies AND paid_credit_minutes > 0 LIMIT 1"#
    ));
    Ok(found.await?.is_some())
}

/// Cancels a lesson that has not begun, and the bookings of all who are in it; those for which credit paid, by student.
pub async fn cancel(
    txn: &impl ConnectionTrait,
    id: LessonId,
    (by, reason): (Option<UserId>, Option<&str>),
    now: DateTime<Utc>,
) -> Result<Vec<BookingId>, DbErr> {
    #[derive(FromQueryResult)]
    struct Row {
        id: BookingId,
    }
    let paid = Row::find_by_statement(raw_sql!(
        Postgres,
        r#"WITH cancelled AS (
               UPDATE bookings SET status = 'cancelled', expires_at = NULL,
                   cancelled_at = {now}, cancelled_by = {by}, cancellation_reason = {reason},
                   cancellation_consequence = CASE WHEN status <> 'held' THEN 'free' END,
                   cancellation_credit_minutes = CASE WHEN status <> 'held' THEN paid_credit_minutes END,
                   cancellation_charged_minutes = CASE WHEN status <> 'held' THEN 0 END,
                   version = version + 1, updated_at = {now}
               WHERE lesson_id = {id} AND occupies
               RETURNING id, student_id, paid_credit_minutes)
           SELECT id FROM cancelled WHERE paid_credit_minutes > 0 ORDER BY student_id"#
    ))
    .all(txn)
    .await?;
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE lessons SET status = 'cancelled', version = version + 1, updated_at = {now} WHERE id = {id}"#
    ))
    .await?;
    Ok(paid.into_iter().map(|row| row.id).collect())
}

/// Lessons of which it is time to decide whether there are enough students, a bounded number.
pub async fn due(db: &impl ConnectionTrait, now: DateTime<Utc>) -> Result<Vec<LessonId>, DbErr> {
    #[derive(FromQueryResult)]
    struct Row {
        id: LessonId,
    }
    let rows = Row::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT id FROM lessons
           WHERE decides_at <= {now} AND decides_at IS NOT NULL AND decided_at IS NULL AND status = 'scheduled'
           ORDER BY decides_at LIMIT 500"#
    ))
    .all(db)
    .await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// Notes that it is decided whether there are enough students.
pub async fn note_decided(
    txn: &impl ConnectionTrait,
    id: LessonId,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE lessons SET decided_at = {now}, updated_at = {now} WHERE id = {id}"#
    ))
    .await
    .map(|_| ())
}
