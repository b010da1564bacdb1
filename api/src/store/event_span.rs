//! When Google may show our own events.

use super::{busy_span::SpanRow, occupied::a_lesson_before};
use ::entity::id::{GrantId, LessonId, TutorId};
use chrono::{DateTime, Utc};
use scheduling::interval::Span;
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, raw_sql};

/// Spans in which Google, asked at `read_at`, may have shown one of our own events: of lessons that stand, and
/// wherever an event stood or was to stand that was not yet known to be gone from there.
pub async fn perhaps_in_calendar(
    db: &impl ConnectionTrait,
    tutor_id: TutorId,
    window: Span,
    read_at: DateTime<Utc>,
) -> Result<Vec<Span>, DbErr> {
    let (from, until) = (window.start(), window.end());
    let earliest = a_lesson_before(from);
    let rows = SpanRow::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT starts_at, ends_at FROM lessons
           WHERE tutor_id = {tutor_id} AND starts_at > {earliest} AND starts_at < {until} AND ends_at > {from} AND status <> 'cancelled'
           UNION ALL
           SELECT starts_at, ends_at FROM event_spans
           WHERE tutor_id = {tutor_id} AND starts_at > {earliest} AND starts_at < {until} AND ends_at > {from}
             AND (shown_until IS NULL OR shown_until > {read_at})"#
    ))
    .all(db)
    .await?;
    Ok(rows.iter().filter_map(SpanRow::span).collect())
}

/// Notes where the event of a lesson is about to be put in the calendar that `grant` opens, before Google is asked to.
/// Nothing is noted when another calendar is connected by now.
pub async fn note(
    db: &impl ConnectionTrait,
    (lesson_id, tutor_id): (LessonId, TutorId),
    grant: GrantId,
    span: Span,
) -> Result<(), DbErr> {
    let (start, end) = (span.start(), span.end());
    db.execute_raw(raw_sql!(
        Postgres,
        r#"INSERT INTO event_spans (lesson_id, tutor_id, starts_at, ends_at)
           SELECT {lesson_id}, {tutor_id}, {start}, {end} FROM google_grants WHERE id = {grant}
           ON CONFLICT ON CONSTRAINT event_spans_pkey DO UPDATE SET shown_until = NULL"#
    ))
    .await
    .map(|_| ())
}

/// Forgets where events of a tutor may stand: the calendar is no longer ours, or another one.
pub async fn forget(txn: &impl ConnectionTrait, tutor_id: TutorId) -> Result<(), DbErr> {
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"DELETE FROM event_spans WHERE tutor_id = {tutor_id}"#
    ))
    .await
    .map(|_| ())
}
