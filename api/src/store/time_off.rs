//! Time in which tutors are away.

use ::entity::{
    id::{TimeOffId, TutorId},
    time_off,
};
use chrono::{DateTime, Utc};
use scheduling::{
    availability::{self, DateRange},
    interval::Span,
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect,
};

/// Time in which a tutor is away, and what for.
#[derive(Clone, Debug)]
pub struct TimeOff {
    pub id: TimeOffId,
    pub time: availability::TimeOff,
    pub note: String,
}

impl TryFrom<time_off::Model> for TimeOff {
    type Error = DbErr;

    fn try_from(row: time_off::Model) -> Result<Self, DbErr> {
        Ok(Self {
            id: row.id,
            time: time(&row)?,
            note: row.note,
        })
    }
}

fn time(row: &time_off::Model) -> Result<availability::TimeOff, DbErr> {
    let span = || Span::new(row.starts_at?, row.ends_at?).map(availability::TimeOff::Span);
    let dates =
        || DateRange::new(row.first_date?, row.last_date?).map(availability::TimeOff::Dates);
    span()
        .or_else(dates)
        .ok_or_else(|| DbErr::Type(format!("time off {}", row.id)))
}

/// Time off of a tutor, in the order in which it was entered.
pub async fn of_tutor(
    db: &impl ConnectionTrait,
    tutor_id: TutorId,
    after: Option<TimeOffId>,
    limit: u64,
) -> Result<Vec<TimeOff>, DbErr> {
    let mut query = time_off::Entity::find()
        .filter(time_off::COLUMN.tutor_id.eq(tutor_id))
        .order_by_asc(time_off::COLUMN.id)
        .limit(limit);
    if let Some(after) = after {
        query = query.filter(time_off::Column::Id.gt(after));
    }
    let rows = query.all(db).await?;
    rows.into_iter().map(TimeOff::try_from).collect()
}

/// Time off of a tutor.
pub async fn get(
    db: &impl ConnectionTrait,
    tutor_id: TutorId,
    id: TimeOffId,
) -> Result<Option<TimeOff>, DbErr> {
    let row = time_off::Entity::find_by_id(id)
        .filter(time_off::COLUMN.tutor_id.eq(tutor_id))
        .one(db)
        .await?;
    row.map(TimeOff::try_from).transpose()
}

/// Time off of all these tutors that is not over at `now`.
pub async fn of_tutors(
    db: &impl ConnectionTrait,
    tutors: &[TutorId],
    now: DateTime<Utc>,
) -> Result<Vec<(TutorId, availability::TimeOff)>, DbErr> {
    // A date is over everywhere a day after it is over in UTC.
    let yesterday = now.date_naive().pred_opt().unwrap_or_default();
    let rows = time_off::Entity::find()
        .filter(time_off::COLUMN.tutor_id.eq_any(tutors.to_vec()))
        .filter(
            time_off::COLUMN
                .ends_at
                .gt(now)
                .or(time_off::COLUMN.last_date.gte(yesterday)),
        )
        .order_by_asc(time_off::COLUMN.tutor_id)
        .all(db)
        .await?;
    rows.iter()
        .map(|row| Ok((row.tutor_id, time(row)?)))
        .collect()
}

pub async fn count(db: &impl ConnectionTrait, tutor_id: TutorId) -> Result<u64, DbErr> {
    time_off::Entity::find()
        .filter(time_off::COLUMN.tutor_id.eq(tutor_id))
        .count(db)
        .await
}

pub async fn insert(
    txn: &impl ConnectionTrait,
    tutor_id: TutorId,
    new: &TimeOff,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let (span, dates) = match new.time {
        availability::TimeOff::Span(span) => (Some(span), None),
        availability::TimeOff::Dates(dates) => (None, Some(dates)),
    };
    let row = time_off::ActiveModel {
        id: Set(new.id),
        tutor_id: Set(tutor_id),
        starts_at: Set(span.map(|span| span.start())),
        ends_at: Set(span.map(|span| span.end())),
        first_date: Set(dates.map(|dates| dates.first)),
        last_date: Set(dates.map(|dates| dates.last)),
        note: Set(new.note.clone()),
        created_at: Set(now),
    };
    time_off::Entity::insert(row)
        .exec_without_returning(txn)
        .await
        .map(|_| ())
}

/// Whether there was any.
pub async fn delete(
    txn: &impl ConnectionTrait,
    tutor_id: TutorId,
    id: TimeOffId,
) -> Result<bool, DbErr> {
    let deleted = time_off::Entity::delete_by_id(id)
        .filter(time_off::COLUMN.tutor_id.eq(tutor_id))
        .exec(txn)
        .await?;
    Ok(deleted.rows_affected == 1)
}
