//! The events of tutors' Google calendars: when they are, and how far they are known.

use super::busy_span::SpanRow;
use ::entity::id::{CalendarId, LessonId, UserId};
use chrono::{DateTime, Utc};
use scheduling::interval::Span;
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, raw_sql};
use std::collections::HashMap;
use uuid::Uuid;

/// How far the events of a calendar are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synced {
    /// With which Google is asked what has changed.
    pub sync_token: String,
    /// IANA name of the calendar's zone, when its events were read.
    pub time_zone: String,
    /// Where the window ends of which events are known.
    pub until: DateTime<Utc>,
}

/// An event that blocks, or an occurrence of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockingEvent {
    pub google_id: String,
    /// The repeated event of which it is an occurrence.
    pub recurring_event_id: Option<String>,
    pub span: Span,
    /// The lesson of which it is our event.
    pub lesson_id: Option<LessonId>,
}

#[derive(FromQueryResult)]
struct TokenRow {
    calendar_id: CalendarId,
    sync_token: String,
}

/// The sync tokens of a user's calendars, of those that have one.
pub async fn sync_tokens(
    db: &impl ConnectionTrait,
    user_id: UserId,
) -> Result<HashMap<CalendarId, String>, DbErr> {
    let rows = TokenRow::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT calendar_id, sync_token FROM calendar_syncs JOIN calendars ON calendars.id = calendar_id
           WHERE user_id = {user_id}"#
    ))
    .all(db)
    .await?;
    let tokens = rows
        .into_iter()
        .map(|row| (row.calendar_id, row.sync_token));
    Ok(tokens.collect())
}

/// Forgets the events of a calendar.
pub async fn forget(txn: &impl ConnectionTrait, calendar: CalendarId) -> Result<(), DbErr> {
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"DELETE FROM calendar_syncs WHERE calendar_id = {calendar}"#
    ))
    .await
    .map(|_| ())
}

/// Forgets the events of all calendars of a user.
pub async fn forget_all(txn: &impl ConnectionTrait, user_id: UserId) -> Result<(), DbErr> {
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"DELETE FROM calendar_syncs WHERE calendar_id IN (SELECT id FROM calendars WHERE user_id = {user_id})"#
    ))
    .await
    .map(|_| ())
}

/// Notes how far the events of a calendar are known.
pub async fn note_synced(
    txn: &impl ConnectionTrait,
    calendar: CalendarId,
    synced: &Synced,
) -> Result<(), DbErr> {
    let Synced {
        sync_token,
        time_zone,
        until,
    } = synced.clone();
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"INSERT INTO calendar_syncs AS known (calendar_id, sync_token, time_zone, synced_until)
           VALUES ({calendar}, {sync_token}, {time_zone}, {until})
           ON CONFLICT ON CONSTRAINT calendar_syncs_pkey DO UPDATE
           SET sync_token = excluded.sync_token, time_zone = excluded.time_zone, synced_until = excluded.synced_until
           WHERE (known.sync_token, known.time_zone, known.synced_until)
               <> (excluded.sync_token, excluded.time_zone, excluded.synced_until)"#
    ))
    .await
    .map(|_| ())
}

/// Drops events by their ids, and the occurrences of those that are repeated by the ids of these.
pub async fn delete(
    txn: &impl ConnectionTrait,
    calendar: CalendarId,
    ids: Vec<String>,
    repeated: Vec<String>,
) -> Result<(), DbErr> {
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"DELETE FROM calendar_events
           WHERE calendar_id = {calendar} AND (google_id = ANY({ids}::text[]) OR recurring_event_id = ANY({repeated}::text[]))"#
    ))
    .await
    .map(|_| ())
}

/// Adds events, of which none is known.
pub async fn insert(
    txn: &impl ConnectionTrait,
    calendar: CalendarId,
    events: &[BlockingEvent],
) -> Result<(), DbErr> {
    if events.is_empty() {
        return Ok(());
    }
    let google_ids: Vec<_> = events.iter().map(|it| it.google_id.clone()).collect();
    // No array of a parameter has nulls in it: what there is none of is empty.
    let recurring = events.iter().map(|it| it.recurring_event_id.clone());
    let recurring: Vec<_> = recurring.map(Option::unwrap_or_default).collect();
    let starts: Vec<_> = events.iter().map(|it| it.span.start()).collect();
    let ends: Vec<_> = events.iter().map(|it| it.span.end()).collect();
    let lessons = events.iter().map(|it| it.lesson_id.map(|id| id.0));
    let lessons: Vec<Uuid> = lessons.map(Option::unwrap_or_default).collect();
    let none = Uuid::nil();
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"INSERT INTO calendar_events (calendar_id, google_id, recurring_event_id, starts_at, ends_at, lesson_id)
           SELECT {calendar}, google_id, nullif(recurring_event_id, ''), starts_at, ends_at, nullif(lesson_id, {none})
           FROM unnest({google_ids}::text[], {recurring}::text[], {starts}::timestamptz[], {ends}::timestamptz[], {lessons}::uuid[])
               AS told (google_id, recurring_event_id, starts_at, ends_at, lesson_id)"#
    ))
    .await
    .map(|_| ())
}

/// When an event blocks.
#[derive(FromQueryResult)]
pub struct EventSpan {
    pub calendar_id: CalendarId,
    /// Whether it is the event of a lesson: of ours, or one of the tutor's own.
    pub is_ours: bool,
    #[sea_orm(nested)]
    pub span: SpanRow,
}

/// When the events of these calendars block, of those that end after `from`. Where the event of a lesson stands that is
/// ahead is left out: the lesson follows it, or it is put back.
pub async fn spans(
    db: &impl ConnectionTrait,
    calendars: &[CalendarId],
    from: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Vec<EventSpan>, DbErr> {
    let ids: Vec<Uuid> = calendars.iter().map(|id| id.0).collect();
    EventSpan::find_by_statement(raw_sql!(
        Postgres,
        r#"WITH own AS MATERIALIZED (
               SELECT own_event_id, bool_or(lessons.status = 'scheduled' AND calendar_event_id = own_event_id
                          AND calendar_event_starts_at IS NOT NULL AND lessons.starts_at > {now}) AS is_followed
               FROM lessons JOIN tutors ON tutors.id = tutor_id JOIN calendars ON calendars.user_id = tutors.user_id
               WHERE calendars.id = ANY({ids}::uuid[]) AND own_event_id IS NOT NULL AND lessons.status <> 'cancelled' AND lessons.ends_at > {from}
               GROUP BY own_event_id)
           SELECT calendar_id, lesson_id IS NOT NULL OR own_event_id IS NOT NULL AS is_ours, starts_at, ends_at
           FROM calendar_events LEFT JOIN own ON own_event_id = google_id
           WHERE calendar_id = ANY({ids}::uuid[]) AND ends_at > {from} AND is_followed IS NOT TRUE
             AND NOT EXISTS (
                 SELECT FROM lessons WHERE lessons.id = calendar_events.lesson_id AND status = 'scheduled'
                     AND calendar_event_id = google_id AND lessons.starts_at > {now}
                     AND (calendar_event_starts_at, calendar_event_ends_at) = (lessons.starts_at, lessons.ends_at))"#
    ))
    .all(db)
    .await
}
