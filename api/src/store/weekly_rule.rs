//! Weekly rules of tutors.

use ::entity::{
    id::{TutorId, WeeklyRuleId},
    weekly_rule,
};
use chrono::Weekday;
use scheduling::availability::WeeklyRule;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder,
};

pub async fn of_tutor(
    db: &impl ConnectionTrait,
    tutor_id: TutorId,
) -> Result<Vec<WeeklyRule>, DbErr> {
    let rows = weekly_rule::Entity::find()
        .filter(weekly_rule::COLUMN.tutor_id.eq(tutor_id))
        .order_by_asc(weekly_rule::COLUMN.weekday)
        .order_by_asc(weekly_rule::COLUMN.local_start)
        .order_by_asc(weekly_rule::COLUMN.id)
        .all(db)
        .await?;
    rows.iter().map(rule).collect()
}

/// The weekly rules of all these tutors, by tutor.
pub async fn of_tutors(
    db: &impl ConnectionTrait,
    tutors: &[TutorId],
) -> Result<Vec<(TutorId, WeeklyRule)>, DbErr> {
    let rows = weekly_rule::Entity::find()
        .filter(weekly_rule::COLUMN.tutor_id.eq_any(tutors.to_vec()))
        .order_by_asc(weekly_rule::COLUMN.tutor_id)
        .all(db)
        .await?;
    rows.iter()
        .map(|row| Ok((row.tutor_id, rule(row)?)))
        .collect()
}

fn rule(row: &weekly_rule::Model) -> Result<WeeklyRule, DbErr> {
    let weekday = u8::try_from(row.weekday - 1)
        .ok()
        .and_then(|day| Weekday::try_from(day).ok())
        .ok_or_else(|| DbErr::Type(format!("weekday {}", row.weekday)))?;
    Ok(WeeklyRule {
        weekday,
        start: row.local_start,
        end: row.local_end,
        valid_from: row.valid_from,
        valid_until: row.valid_until,
    })
}

/// Replaces all weekly rules of a tutor.
pub async fn replace(
    txn: &impl ConnectionTrait,
    tutor_id: TutorId,
    rules: &[WeeklyRule],
) -> Result<(), DbErr> {
    weekly_rule::Entity::delete_many()
        .filter(weekly_rule::COLUMN.tutor_id.eq(tutor_id))
        .exec(txn)
        .await?;
    if rules.is_empty() {
        return Ok(());
    }
    let rows = rules.iter().map(|rule| weekly_rule::ActiveModel {
        id: Set(WeeklyRuleId::generate()),
        tutor_id: Set(tutor_id),
        weekday: Set(i16::try_from(rule.weekday.number_from_monday()).unwrap_or_default()),
        local_start: Set(rule.start),
        local_end: Set(rule.end),
        valid_from: Set(rule.valid_from),
        valid_until: Set(rule.valid_until),
    });
    weekly_rule::Entity::insert_many(rows)
        .exec_without_returning(txn)
        .await
        .map(|_| ())
}
