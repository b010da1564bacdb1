//! Busy time of tutors' Google calendars.

use ::entity::{busy_span, id::TutorId};
use chrono::{DateTime, Utc};
use scheduling::interval::Span;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult,
    QueryFilter, raw_sql,
};

/// A start and an end, as rows have them.
#[derive(Debug, FromQueryResult)]
pub struct SpanRow {
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
}

impl SpanRow {
    /// None only for what a CHECK constraint keeps out.
    pub fn span(&self) -> Option<Span> {
        Span::new(self.starts_at, self.ends_at)
    }
}

/// Busy spans that overlap the window.
pub async fn of_tutor(
    db: &impl ConnectionTrait,
    tutor_id: TutorId,
    window: Span,
) -> Result<Vec<Span>, DbErr> {
    let (from, until) = (window.start(), window.end());
    let rows = SpanRow::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT starts_at, ends_at FROM busy_spans
           WHERE tutor_id = {tutor_id} AND tstzrange(starts_at, ends_at, '[)') && tstzrange({from}, {until}, '[)')"#
    ))
    .all(db)
    .await?;
    Ok(rows.iter().filter_map(SpanRow::span).collect())
}

/// Replaces the busy time of a tutor. The spans must not overlap each other.
pub async fn replace(
    txn: &impl ConnectionTrait,
    tutor_id: TutorId,
    spans: &[Span],
) -> Result<(), DbErr> {
    busy_span::Entity::delete_many()
        .filter(busy_span::COLUMN.tutor_id.eq(tutor_id))
        .exec(txn)
        .await?;
    // Three parameters a row, of 65,535 at most.
    for part in spans.chunks(10_000) {
        let rows = part.iter().map(|span| busy_span::ActiveModel {
            tutor_id: Set(tutor_id),
            starts_at: Set(span.start()),
            ends_at: Set(span.end()),
        });
        busy_span::Entity::insert_many(rows)
            .exec_without_returning(txn)
            .await?;
    }
    Ok(())
}
