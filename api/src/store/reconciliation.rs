//! Lessons as they are compared with their events.

use ::entity::{
    id::{GrantId, LessonId, TutorId},
    lesson::LessonStatus,
};
use chrono::{DateTime, Utc};
use scheduling::interval::Span;
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, QueryResult, raw_sql};
use uuid::Uuid;

/// What may be done with the calendars of a tutor.
#[derive(Clone, Debug, FromQueryResult)]
pub struct Connection {
    pub grant_id: GrantId,
    pub scopes: Vec<String>,
    /// When the last of the tutor's lessons ends; none: there is none ahead.
    pub last_ends_at: Option<DateTime<Utc>>,
}

/// By which grant the calendars of a tutor can be reached; none: by none.
pub async fn connection(
    db: &impl ConnectionTrait,
    tutor_id: TutorId,
    now: DateTime<Utc>,
) -> Result<Option<Connection>, DbErr> {
    Connection::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT google_grants.id AS grant_id, scopes,
                  (SELECT max(ends_at) FROM lessons WHERE tutor_id = {tutor_id} AND starts_at > {now} AND status = 'scheduled')
                      AS last_ends_at
           FROM tutors JOIN google_grants ON google_grants.user_id = tutors.user_id AND state = 'live'
           WHERE tutors.id = {tutor_id}"#
    ))
    .one(db)
    .await
}

/// What Google calls the tutor's own calendars.
pub async fn own_calendars(
    db: &impl ConnectionTrait,
    tutor_id: TutorId,
) -> Result<Vec<String>, DbErr> {
    #[derive(FromQueryResult)]
    struct Row {
        google_id: String,
    }
    let rows = Row::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT google_id FROM calendars JOIN tutors ON tutors.user_id = calendars.user_id
           WHERE tutors.id = {tutor_id} AND access_role = 'owner' ORDER BY is_primary DESC, google_id"#
    ));
    let rows = rows.all(db).await?;
    Ok(rows.into_iter().map(|row| row.google_id).collect())
}

/// A lesson, and what is known of its event.
#[derive(Clone, Debug, FromQueryResult)]
pub struct Lesson {
    pub id: LessonId,
    pub tutor_id: TutorId,
    pub status: LessonStatus,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    pub calendar_event_id: Option<String>,
    pub calendar_event_asked_at: Option<DateTime<Utc>>,
    pub calendar_revision: i32,
    pub calendar_event_revision: Option<i32>,
    /// Whether the event is one of the tutor's own.
    pub is_own_event: bool,
    /// Whether it is known when the event is.
    pub is_span_known: bool,
    /// Whether somebody is about to look at its event.
    pub is_queued: bool,
}

impl Lesson {
    pub fn span(&self) -> Option<Span> {
        Span::new(self.starts_at, self.ends_at)
    }
}

/// The lessons of a tutor that are ahead and stand, and whatever else these are.
pub async fn lessons(
    db: &impl ConnectionTrait,
    tutor_id: TutorId,
    these: &[LessonId],
    now: DateTime<Utc>,
) -> Result<Vec<Lesson>, DbErr> {
    let these: Vec<Uuid> = these.iter().map(|id| id.0).collect();
    Lesson::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT lessons.id, tutor_id, status, starts_at, ends_at, calendar_event_id, calendar_event_asked_at,
                  calendar_revision, calendar_event_revision, own_event_id IS NOT NULL AS is_own_event,
                  calendar_event_starts_at IS NOT NULL AS is_span_known,
                  EXISTS (SELECT FROM jobs WHERE kind IN ('sync_lesson_event', 'follow_lesson_event') AND key = lessons.id::text
                      AND dead_at IS NULL) AS is_queued
           FROM (SELECT * FROM lessons WHERE tutor_id = {tutor_id} AND starts_at > {now} AND status = 'scheduled'
                 UNION SELECT * FROM lessons WHERE id = ANY({these}::uuid[])) AS lessons
"#
    ))
    .all(db)
    .await
}

/// Locks a lesson until the end of the transaction, if it is as it was, and it still is not known when its event is; whether so.
pub async fn lock_unknown(txn: &impl ConnectionTrait, lesson: &Lesson) -> Result<bool, DbErr> {
    let Lesson {
        id,
        starts_at,
        ends_at,
        calendar_event_id: event,
        calendar_revision: revision,
        ..
    } = lesson.clone();
    let found = txn.query_one_raw(raw_sql!(
        Postgres,
        r#"SELECT FROM lessons
           WHERE id = {id} AND status = 'scheduled' AND starts_at = {starts_at} AND ends_at = {ends_at}
             AND calendar_event_id = {event} AND calendar_event_starts_at IS NULL
             AND calendar_revision = {revision} AND calendar_event_revision = {revision}
           FOR NO KEY UPDATE"#
    ));
    Ok(found.await?.is_some())
}

/// Notes that the event of a lesson is when the lesson is.
pub async fn note_in_place(
    db: &impl ConnectionTrait,
    id: LessonId,
    span: Span,
) -> Result<(), DbErr> {
    let (start, end) = (span.start(), span.end());
    db.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE lessons SET calendar_event_starts_at = starts_at, calendar_event_ends_at = ends_at
           WHERE id = {id} AND starts_at = {start} AND ends_at = {end} AND calendar_event_id IS NOT NULL
             AND calendar_event_starts_at IS NULL AND calendar_event_revision = calendar_revision"#
    ))
    .await
    .map(|_| ())
}

/// Notes that the event of a lesson shows not what it was thought to.
pub async fn note_outdated(txn: &impl ConnectionTrait, id: LessonId) -> Result<(), DbErr> {
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE lessons SET calendar_event_revision = 0
           WHERE id = {id} AND calendar_event_id IS NOT NULL AND calendar_event_revision = calendar_revision"#
    ))
    .await
    .map(|_| ())
}

/// Takes it upon the caller to have those tutors compared who were not since then, those that wait longest first.
pub async fn take_due(
    txn: &impl ConnectionTrait,
    before: DateTime<Utc>,
    limit: i64,
    now: DateTime<Utc>,
) -> Result<Vec<TutorId>, DbErr> {
    tutors(
        &txn.query_all_raw(raw_sql!(
            Postgres,
            r#"UPDATE google_grants SET reconcile_queued_at = {now} FROM tutors
               WHERE tutors.user_id = google_grants.user_id AND google_grants.id IN (
                   SELECT id FROM google_grants
                   WHERE state = 'live' AND (reconcile_queued_at IS NULL OR reconcile_queued_at < {before})
                   ORDER BY reconcile_queued_at NULLS FIRST LIMIT {limit} FOR UPDATE SKIP LOCKED)
               RETURNING tutors.id"#
        ))
        .await?,
    )
}

/// All tutors whose calendars can be reached.
pub async fn connected(db: &impl ConnectionTrait) -> Result<Vec<TutorId>, DbErr> {
    tutors(
        &db.query_all_raw(raw_sql!(
            Postgres,
            r#"SELECT tutors.id FROM google_grants JOIN tutors USING (user_id) WHERE state = 'live' ORDER BY tutors.id"#
        ))
        .await?,
    )
}

fn tutors(rows: &[QueryResult]) -> Result<Vec<TutorId>, DbErr> {
    rows.iter().map(|row| row.try_get("", "id")).collect()
}
