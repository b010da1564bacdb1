//! What the centre, and a tutor who differs from it, decide about booking.

use ::entity::{
    centre::{self, StartGridAnchor},
    id::TutorId,
    tutor,
};
use chrono::TimeDelta;
use scheduling::policy::{self, StartGrid};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter,
};

/// A tutor's own policy, in which None leaves it to the centre; or the centre's, in which only the caps
/// may be None, which is no cap.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQueryResult)]
pub struct Policy {
    pub minimum_notice_minutes: Option<i32>,
    pub horizon_days: Option<i32>,
    pub start_grid_minutes: Option<i32>,
    pub start_grid_anchor: Option<StartGridAnchor>,
    pub buffer_before_minutes: Option<i32>,
    pub buffer_after_minutes: Option<i32>,
    pub max_lessons_per_day: Option<i32>,
    pub max_lessons_per_week: Option<i32>,
}

impl Policy {
    /// What holds where a tutor has this policy and the centre that one.
    #[must_use]
    pub fn or(self, centre: &Self) -> Self {
        Self {
            minimum_notice_minutes: self
                .minimum_notice_minutes
                .or(centre.minimum_notice_minutes),
            horizon_days: self.horizon_days.or(centre.horizon_days),
            start_grid_minutes: self.start_grid_minutes.or(centre.start_grid_minutes),
            start_grid_anchor: self.start_grid_anchor.or(centre.start_grid_anchor),
            buffer_before_minutes: self.buffer_before_minutes.or(centre.buffer_before_minutes),
            buffer_after_minutes: self.buffer_after_minutes.or(centre.buffer_after_minutes),
            max_lessons_per_day: self.max_lessons_per_day.or(centre.max_lessons_per_day),
            max_lessons_per_week: self.max_lessons_per_week.or(centre.max_lessons_per_week),
        }
    }

    /// As the rules of scheduling know it. What nobody has decided allows nothing.
    pub fn rules(&self) -> policy::Policy {
        let minutes = |column: Option<i32>| TimeDelta::minutes(column.unwrap_or_default().into());
        let cap = |column: Option<i32>| column.map(|most| u32::try_from(most).unwrap_or_default());
        let grid = minutes(self.start_grid_minutes);
        policy::Policy {
            minimum_notice: minutes(self.minimum_notice_minutes),
            horizon: TimeDelta::days(self.horizon_days.unwrap_or_default().into()),
            start_grid: match self.start_grid_anchor {
                Some(StartGridAnchor::SpanStart) => StartGrid::SpanStart(grid),
                Some(StartGridAnchor::Midnight) | None => StartGrid::Midnight(grid),
            },
            buffer_before: minutes(self.buffer_before_minutes),
            buffer_after: minutes(self.buffer_after_minutes),
            max_lessons_per_day: cap(self.max_lessons_per_day),
            max_lessons_per_week: cap(self.max_lessons_per_week),
        }
    }
}

/// The centre's policy and its version.
pub async fn of_centre(db: &impl ConnectionTrait) -> Result<(Policy, i32), DbErr> {
    let row = centre::Entity::find_by_id(true)
        .one(db)
        .await?
        .ok_or_else(|| DbErr::RecordNotFound("centre".to_owned()))?;
    let policy = Policy {
        minimum_notice_minutes: Some(row.minimum_notice_minutes),
        horizon_days: Some(row.horizon_days),
        start_grid_minutes: Some(row.start_grid_minutes),
        start_grid_anchor: Some(row.start_grid_anchor),
        buffer_before_minutes: Some(row.buffer_before_minutes),
        buffer_after_minutes: Some(row.buffer_after_minutes),
        max_lessons_per_day: row.max_lessons_per_day,
        max_lessons_per_week: row.max_lessons_per_week,
    };
    Ok((policy, row.version))
}

/// A tutor's own policy.
pub async fn of_tutor(db: &impl ConnectionTrait, id: TutorId) -> Result<Policy, DbErr> {
    let row = tutor::Entity::find_by_id(id)
        .one(db)
        .await?
        .ok_or_else(|| DbErr::RecordNotFound("tutor".to_owned()))?;
    Ok(Policy {
        minimum_notice_minutes: row.minimum_notice_minutes,
        horizon_days: row.horizon_days,
        start_grid_minutes: row.start_grid_minutes,
        start_grid_anchor: row.start_grid_anchor,
        buffer_before_minutes: row.buffer_before_minutes,
        buffer_after_minutes: row.buffer_after_minutes,
        max_lessons_per_day: row.max_lessons_per_day,
        max_lessons_per_week: row.max_lessons_per_week,
    })
}

/// Replaces the centre's policy if the centre is still at `version`; whether it was. Only a cap that is
/// None is written; everything else that is None stays.
pub async fn replace_centre(
    txn: &impl ConnectionTrait,
    version: i32,
    policy: Policy,
) -> Result<bool, DbErr> {
    let row = centre::ActiveModel {
        id: NotSet,
        minimum_notice_minutes: policy.minimum_notice_minutes.map_or(NotSet, Set),
        horizon_days: policy.horizon_days.map_or(NotSet, Set),
        start_grid_minutes: policy.start_grid_minutes.map_or(NotSet, Set),
        start_grid_anchor: policy.start_grid_anchor.map_or(NotSet, Set),
        buffer_before_minutes: policy.buffer_before_minutes.map_or(NotSet, Set),
        buffer_after_minutes: policy.buffer_after_minutes.map_or(NotSet, Set),
        max_lessons_per_day: Set(policy.max_lessons_per_day),
        max_lessons_per_week: Set(policy.max_lessons_per_week),
        version: Set(version + 1),
    };
    let updated = centre::Entity::update_many()
        .set(row)
        .filter(centre::COLUMN.version.eq(version))
        .exec(txn)
        .await?;
    Ok(updated.rows_affected == 1)
}

/// Replaces a tutor's own policy.
pub async fn replace_tutor(
    txn: &impl ConnectionTrait,
    id: TutorId,
    policy: Policy,
) -> Result<(), DbErr> {
    let row = tutor::ActiveModel {
        minimum_notice_minutes: Set(policy.minimum_notice_minutes),
        horizon_days: Set(policy.horizon_days),
        start_grid_minutes: Set(policy.start_grid_minutes),
        start_grid_anchor: Set(policy.start_grid_anchor),
        buffer_before_minutes: Set(policy.buffer_before_minutes),
        buffer_after_minutes: Set(policy.buffer_after_minutes),
        max_lessons_per_day: Set(policy.max_lessons_per_day),
        max_lessons_per_week: Set(policy.max_lessons_per_week),
        ..Default::default()
    };
    tutor::Entity::update_many()
        .set(row)
        .filter(tutor::COLUMN.id.eq(id))
        .exec(txn)
        .await
        .map(|_| ())
}
