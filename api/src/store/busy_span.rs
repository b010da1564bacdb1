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

/// The busy time of a tutor, by start.
pub async fn of_tutor(db: &impl ConnectionTrait, tutor_id: TutorId) -> Result<Vec<Span>, DbErr> {
    let rows = SpanRow::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT starts_at, ends_at FROM busy_spans WHERE tutor_id = {tutor_id} ORDER BY starts_at"#
    ))
    .all(db)
    .await?;
    Ok(rows.iter().filter_map(SpanRow::span).collect())
}

/// Replaces the busy time of a tutor, where it has changed at all. The spans must be sorted and not overlap each other.
pub async fn replace(
    txn: &impl ConnectionTrait,
    tutor_id: TutorId,
    spans: &[Span],
) -> Result<(), DbErr> {
    if of_tutor(txn, tutor_id).await? == spans {
        return Ok(());
    }
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
