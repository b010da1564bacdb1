//! Lessons.

use super::{drift, event_span};
use ::entity::{
    id::{GrantId, LessonId, SubjectId, TutorId},
    lesson::{self, LessonStatus},
};
use chrono::{DateTime, Utc};
use scheduling::interval::Span;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult,
    QueryFilter, raw_sql,
};
use uuid::Uuid;

/// A lesson to be made.
#[derive(Clone, Debug)]
pub struct NewLesson {
    pub tutor_id: TutorId,
    pub subject_id: SubjectId,
    pub level: String,
    pub span: Span,
    /// From when on it takes nobody's time any more, unless it is booked; none where it is.
    pub expires_at: Option<DateTime<Utc>>,
}

/// # Errors
/// `lessons_tutor_no_overlap` is for the caller to translate.
pub async fn insert(
    txn: &impl ConnectionTrait,
    new: NewLesson,
    now: DateTime<Utc>,
) -> Result<LessonId, DbErr> {
    let id = LessonId::generate();
    lesson::Entity::insert(row(id, new, now))
        .exec_without_returning(txn)
        .await?;
    Ok(id)
}

pub(super) fn row(id: LessonId, new: NewLesson, now: DateTime<Utc>) -> lesson::ActiveModel {
    lesson::ActiveModel {
        id: Set(id),
        tutor_id: Set(new.tutor_id),
        subject_id: Set(new.subject_id),
        level: Set(new.level),
        starts_at: Set(new.span.start()),
        ends_at: Set(new.span.end()),
        status: Set(match new.expires_at {
            Some(_) => LessonStatus::Tentative,
            None => LessonStatus::Scheduled,
        }),
        expires_at: Set(new.expires_at),
        capacity: Set(1),
        minimum: Set(1),
        decides_at: Set(None),
        decided_at: Set(None),
        title: Set(String::new()),
        description: Set(String::new()),
        version: Set(1),
        calendar_event_attempt: Set(0),
        calendar_revision: Set(1),
        created_at: Set(now),
        updated_at: Set(now),
        ..Default::default()
    }
}

/// Lets a lesson stand that was tentative, for somebody has booked it.
pub async fn schedule(
    txn: &impl ConnectionTrait,
    id: LessonId,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE lessons SET status = 'scheduled', expires_at = NULL, updated_at = {now}
           WHERE id = {id} AND status = 'tentative'"#
    ))
    .await
    .map(|_| ())
}

/// Moves a lesson to another time, and its bookings with it. Whoever moves it asks for its event to be brought in line.
///
/// # Errors
/// `lessons_tutor_no_overlap` and `bookings_student_no_overlap` are for the caller to translate.
pub async fn move_to(
    txn: &impl ConnectionTrait,
    id: LessonId,
    span: Span,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    lesson::Entity::update_many()
        .set(lesson::ActiveModel {
            starts_at: Set(span.start()),
            ends_at: Set(span.end()),
            updated_at: Set(now),
            ..Default::default()
        })
        .filter(lesson::COLUMN.id.eq(id))
        .exec(txn)
        .await
        .map(|_| ())
}

/// Lets a lesson be tentative until then.
pub async fn keep_tentative(
    txn: &impl ConnectionTrait,
    id: LessonId,
    expires_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE lessons SET status = 'tentative', expires_at = {expires_at}, updated_at = {now} WHERE id = {id}"#
    ))
    .await
    .map(|_| ())
}

/// Cancels the lesson of one student when nobody is booked on it any more.
pub async fn cancel_if_empty(
    txn: &impl ConnectionTrait,
    id: LessonId,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE lessons SET status = 'cancelled', expires_at = NULL, updated_at = {now}
           WHERE id = {id} AND status <> 'cancelled' AND capacity = 1
             AND NOT EXISTS (SELECT 1 FROM bookings WHERE lesson_id = {id} AND occupies)"#
    ))
    .await
    .map(|_| ())
}

/// As [`cancel_if_empty`], of several. One statement.
pub async fn cancel_all_if_empty(
    txn: &impl ConnectionTrait,
    ids: &[LessonId],
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE lessons SET status = 'cancelled', expires_at = NULL, updated_at = {now}
           WHERE id = ANY({ids}) AND status <> 'cancelled' AND capacity = 1
             AND NOT EXISTS (SELECT 1 FROM bookings WHERE lesson_id = lessons.id AND occupies)"#
    ))
    .await
    .map(|_| ())
}

/// What Google lets one call the primary calendar.
pub const PRIMARY_CALENDAR: &str = "primary";

/// A lesson with all that its event in the calendar is made of.
#[derive(Debug, FromQueryResult)]
pub struct ForCalendar {
    pub id: LessonId,
    pub tutor_id: TutorId,
    pub time_zone: String,
    pub subject: String,
    pub level: String,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    pub status: LessonStatus,
    pub calendar_event_id: Option<String>,
    pub calendar_event_calendar: Option<String>,
    pub calendar_event_attempt: i16,
    pub calendar_event_asked_at: Option<DateTime<Utc>>,
    pub calendar_revision: i32,
    pub calendar_event_revision: Option<i32>,
    pub calendar_event_starts_at: Option<DateTime<Utc>>,
    pub calendar_event_ends_at: Option<DateTime<Utc>>,
    pub title: String,
    /// More than one in a group lesson.
    pub capacity: i16,
    pub student_names: Vec<String>,
    /// Of those who are not erased; as the next, in the same order.
    pub attendee_names: Vec<String>,
    pub attendee_emails: Vec<String>,
    pub attendee_bookings: Vec<Uuid>,
    /// The bookings whose students were among the guests when the tutor's own event was last looked at.
    pub calendar_event_guests: Vec<Uuid>,
    /// The event of the tutor's own that students join as this lesson.
    pub own_event_id: Option<String>,
    /// The grant by which the tutor's calendar can be reached.
    pub grant_id: Option<GrantId>,
    /// The calendar that receives lessons; none: the primary one.
    pub receiving_calendar: Option<String>,
    /// Whether a Meet link is wanted.
    pub meet_link: bool,
    /// Since when Google has been making the Meet link of the event.
    pub meet_pending_since: Option<DateTime<Utc>>,
}

impl ForCalendar {
    /// What Google calls the calendar in which the event stands, or may stand; where it does not, the one that receives
    /// lessons.
    pub fn calendar(&self) -> &str {
        let is_somewhere =
            self.calendar_event_id.is_some() || self.calendar_event_asked_at.is_some();
        let receiving = self.receiving_calendar.as_ref().filter(|_| !is_somewhere);
        let calendar = self.calendar_event_calendar.as_ref().or(receiving);
        calendar.map_or(PRIMARY_CALENDAR, String::as_str)
    }

    /// Whether this is an event of the tutor's own, which students join as this lesson.
    pub fn is_own_event(&self, event: &str) -> bool {
        self.own_event_id.as_deref() == Some(event)
    }

    /// When the event was last known to be.
    pub fn event_span(&self) -> Option<Span> {
        let span = self
            .calendar_event_starts_at
            .zip(self.calendar_event_ends_at);
        span.and_then(|(start, end)| Span::new(start, end))
    }
}

pub async fn for_calendar(
    db: &impl ConnectionTrait,
    id: LessonId,
) -> Result<Option<ForCalendar>, DbErr> {
    ForCalendar::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT lessons.id, tutors.id AS tutor_id, tutors.time_zone,
                  subjects.name AS subject, level, starts_at, ends_at, status, calendar_event_id, calendar_event_calendar,
                  calendar_event_attempt, calendar_event_asked_at, calendar_revision, calendar_event_revision,
                  calendar_event_starts_at, calendar_event_ends_at,
                  google_grants.id AS grant_id, CASE WHEN NOT is_primary THEN google_id END AS receiving_calendar,
                  coalesce(meet_links, false) AS meet_link, meet_pending_since, title, capacity, student_names, attendee_names, attendee_emails,
                  attendee_bookings, calendar_event_guests, own_event_id
           FROM lessons
           JOIN tutors ON tutors.id = lessons.tutor_id
           JOIN subjects ON subjects.id = lessons.subject_id
           LEFT JOIN google_grants ON google_grants.user_id = tutors.user_id AND state = 'live'
           LEFT JOIN calendars ON calendars.user_id = google_grants.user_id AND receives_lessons AND access_role = 'owner'
           CROSS JOIN LATERAL (
               SELECT coalesce(array_agg(users.name ORDER BY bookings.id), ARRAY[]::text[]) AS student_names,
                      coalesce(array_agg(users.name ORDER BY bookings.id) FILTER (WHERE erased_at IS NULL), ARRAY[]::text[]) AS attendee_names,
                      coalesce(array_agg(users.email ORDER BY bookings.id) FILTER (WHERE erased_at IS NULL), ARRAY[]::text[]) AS attendee_emails,
                      coalesce(array_agg(bookings.id ORDER BY bookings.id) FILTER (WHERE erased_at IS NULL), ARRAY[]::uuid[]) AS attendee_bookings
               FROM bookings JOIN users ON users.id = bookings.student_id
               WHERE bookings.lesson_id = lessons.id AND is_invited(bookings.status)) AS students
           WHERE lessons.id = {id}"#
    ))
    .one(db)
    .await
}

/// Notes when Google was last asked, or is about to be, to make the event in this calendar of the account that `grant` opens,
/// with an outcome that is open; none: nothing is open. Whether so: nothing is noted when another account is connected by
/// now, or an event is known by now, or may be in another calendar.
pub async fn note_event_asked(
    db: &impl ConnectionTrait,
    id: LessonId,
    (grant, calendar): (GrantId, &str),
    asked_at: Option<DateTime<Utc>>,
) -> Result<bool, DbErr> {
    let noted = db
        .execute_raw(raw_sql!(
            Postgres,
            r#"UPDATE lessons SET calendar_event_asked_at = {asked_at},
                   calendar_event_calendar = CASE WHEN {asked_at}::timestamptz IS NOT NULL THEN {calendar} END
               WHERE id = {id} AND calendar_event_id IS NULL AND coalesce(calendar_event_calendar, {calendar}) = {calendar}
                 AND EXISTS (SELECT 1 FROM google_grants WHERE id = {grant})"#
        ))
        .await?;
    Ok(noted.rows_affected() == 1)
}

/// Notes which event stands in the calendar that `grant` opens, how many ids were taken by others, and that nothing is
/// open. What the event shows is not known yet. Nothing is noted when another calendar is connected by now.
pub async fn note_event(
    db: &impl ConnectionTrait,
    id: LessonId,
    grant: GrantId,
    event_id: &str,
    attempt: i16,
) -> Result<(), DbErr> {
    db.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE lessons SET calendar_event_id = {event_id}, calendar_event_revision = 0,
               calendar_event_attempt = {attempt}, calendar_event_asked_at = NULL
           WHERE id = {id} AND EXISTS (SELECT 1 FROM google_grants WHERE id = {grant})"#
    ))
    .await
    .map(|_| ())
}

/// Notes that no event stands in the calendar that `grant` opens, how many ids were used up, and that nothing is open.
/// Where one may come to stand all the same, `calendar` is in which. Nothing is noted when another calendar is connected
/// by now.
pub async fn note_no_event(
    db: &impl ConnectionTrait,
    id: LessonId,
    (grant, calendar): (GrantId, Option<&str>),
    attempt: i16,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    db.execute_raw(raw_sql!(
        Postgres,
        r#"WITH noted AS (
               UPDATE lessons SET calendar_event_id = NULL, calendar_event_calendar = {calendar}, calendar_event_revision = NULL,
                   meet_url = NULL, meet_pending_since = NULL,
                   calendar_event_attempt = {attempt}, calendar_event_asked_at = NULL
               WHERE id = {id} AND EXISTS (SELECT 1 FROM google_grants WHERE id = {grant})
               RETURNING id)
           UPDATE event_spans SET shown_until = {now} FROM noted
           WHERE lesson_id = noted.id AND shown_until IS NULL"#
    ))
    .await
    .map(|_| ())
}

/// Notes that the event was made to show the lesson as it was at `revision`, and so stood when that was. Nothing is noted when the
/// lesson has changed since, or another event or none is known by now.
pub async fn note_event_current(
    db: &impl ConnectionTrait,
    id: LessonId,
    event_id: &str,
    revision: i32,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    db.execute_raw(raw_sql!(
        Postgres,
        r#"WITH noted AS (
               UPDATE lessons SET calendar_event_revision = {revision}
               WHERE id = {id} AND calendar_event_id = {event_id} AND calendar_revision = {revision}
               RETURNING id, starts_at, ends_at)
           UPDATE event_spans SET shown_until = {now} FROM noted
           WHERE lesson_id = noted.id AND shown_until IS NULL
             AND (event_spans.starts_at, event_spans.ends_at) <> (noted.starts_at, noted.ends_at)"#
    ))
    .await
    .map(|_| ())
}

/// Notes where the Meet conference of this event is, or since when Google has been making it, where that was not known.
pub async fn note_meet(
    db: &impl ConnectionTrait,
    id: LessonId,
    event_id: &str,
    (url, pending_since): (Option<String>, Option<DateTime<Utc>>),
) -> Result<(), DbErr> {
    db.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE lessons SET meet_url = {url},
               meet_pending_since = CASE WHEN {pending_since}::timestamptz IS NOT NULL THEN coalesce(meet_pending_since, {pending_since}) END
           WHERE id = {id} AND calendar_event_id = {event_id}
             AND (meet_url IS DISTINCT FROM {url} OR (meet_pending_since IS NULL) <> ({pending_since}::timestamptz IS NULL))"#
    ))
    .await
    .map(|_| ())
}

/// Lessons of a tutor that are not over and perhaps not in the calendar as they should be: of a cancelled
/// one an event may be left from an earlier connection, or from an insert whose answer was lost.
pub async fn out_of_step_with_calendar(
    db: &impl ConnectionTrait,
    tutor_id: TutorId,
    now: DateTime<Utc>,
) -> Result<Vec<LessonId>, DbErr> {
    #[derive(FromQueryResult)]
    struct Row {
        id: LessonId,
    }
    let rows = Row::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT id FROM lessons
           WHERE tutor_id = {tutor_id} AND ends_at > {now}
             AND (status = 'cancelled' OR calendar_event_revision IS DISTINCT FROM calendar_revision)"#
    ))
    .all(db)
    .await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// Forgets in which calendars of a tutor's account events are or were: it is another account by now, or none ever again.
pub async fn forget_event_calendars(
    txn: &impl ConnectionTrait,
    tutor_id: TutorId,
) -> Result<(), DbErr> {
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE lessons SET calendar_event_calendar = NULL, calendar_event_asked_at = NULL
           WHERE tutor_id = {tutor_id} AND (calendar_event_calendar IS NOT NULL OR calendar_event_asked_at IS NOT NULL)"#
    ))
    .await
    .map(|_| ())
}

/// Forgets which events stand in the calendar of a tutor: it is no longer ours, or another one. In which of the account's
/// calendars they are stays known, so that they are found there should the account be connected again.
pub async fn forget_calendar_events(
    txn: &impl ConnectionTrait,
    tutor_id: TutorId,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    lesson::Entity::update_many()
        .set(lesson::ActiveModel {
            calendar_event_id: Set(None),
            calendar_event_revision: Set(None),
            meet_url: Set(None),
            meet_pending_since: Set(None),
            ..Default::default()
        })
        .filter(lesson::COLUMN.tutor_id.eq(tutor_id))
        .filter(lesson::COLUMN.calendar_event_id.is_not_null())
        .exec(txn)
        .await?;
    drift::supersede(txn, tutor_id, now).await?;
    event_span::forget(txn, tutor_id).await
}
