//! What tutors do on single dates instead of their weekly rules.

use ::entity::{date_override, id::TutorId};
use chrono::NaiveDate;
use scheduling::availability::{DateOverride, DateRange, LocalHours};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait,
    QueryFilter, QueryOrder, sea_query::OnConflict,
};

/// Overrides of dates in `dates`, by date.
pub async fn of_tutor(
    db: &impl ConnectionTrait,
    tutor_id: TutorId,
    dates: DateRange,
) -> Result<Vec<DateOverride>, DbErr> {
    let rows = date_override::Entity::find()
        .filter(date_override::COLUMN.tutor_id.eq(tutor_id))
        .filter(date_override::COLUMN.date.between(dates.first, dates.last))
        .order_by_asc(date_override::COLUMN.date)
        .all(db)
        .await?;
    Ok(rows.into_iter().map(date_override).collect())
}

/// Overrides of all these tutors from a date on, by tutor and date.
pub async fn of_tutors(
    db: &impl ConnectionTrait,
    tutors: &[TutorId],
    from: NaiveDate,
) -> Result<Vec<(TutorId, DateOverride)>, DbErr> {
    let rows = date_override::Entity::find()
        .filter(date_override::COLUMN.tutor_id.eq_any(tutors.to_vec()))
        .filter(date_override::COLUMN.date.gte(from))
        .order_by_asc(date_override::COLUMN.tutor_id)
        .order_by_asc(date_override::COLUMN.date)
        .all(db)
        .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.tutor_id, date_override(row)))
        .collect())
}

fn date_override(row: date_override::Model) -> DateOverride {
    let hours = row.local_starts.into_iter().zip(row.local_ends);
    DateOverride {
        date: row.date,
        hours: hours
            .map(|(start, end)| LocalHours { start, end })
            .collect(),
    }
}

/// How many dates a tutor has overrides for, from a date on.
pub async fn count(
    db: &impl ConnectionTrait,
    tutor_id: TutorId,
    from: NaiveDate,
) -> Result<u64, DbErr> {
    date_override::Entity::find()
        .filter(date_override::COLUMN.tutor_id.eq(tutor_id))
        .filter(date_override::COLUMN.date.gte(from))
        .count(db)
        .await
}

/// Sets what a tutor does on a date.
pub async fn put(
    txn: &impl ConnectionTrait,
    tutor_id: TutorId,
    new: DateOverride,
) -> Result<(), DbErr> {
    let row = date_override::ActiveModel {
        tutor_id: Set(tutor_id),
        date: Set(new.date),
        local_starts: Set(new.hours.iter().map(|hours| hours.start).collect()),
        local_ends: Set(new.hours.iter().map(|hours| hours.end).collect()),
    };
    date_override::Entity::insert(row)
        .on_conflict(
            OnConflict::columns([date_override::Column::TutorId, date_override::Column::Date])
                .update_columns([
                    date_override::Column::LocalStarts,
                    date_override::Column::LocalEnds,
                ])
                .to_owned(),
        )
        .exec_without_returning(txn)
        .await
        .map(|_| ())
}

/// Lets the weekly rules hold on a date again; whether there was an override.
pub async fn delete(
    txn: &impl ConnectionTrait,
    tutor_id: TutorId,
    date: NaiveDate,
) -> Result<bool, DbErr> {
    let deleted = date_override::Entity::delete_by_id((tutor_id, date))
        .exec(txn)
        .await?;
    Ok(deleted.rows_affected == 1)
}
