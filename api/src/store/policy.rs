//! What the centre, and a tutor who differs from it, decide about booking.

use ::entity::{
    centre::{self, EventDeclined, EventDeleted, EventMoved, StartGridAnchor},
    id::TutorId,
    tutor,
};
use chrono::TimeDelta;
use scheduling::{
    drift,
    policy::{self, StartGrid},
};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter,
};

/// What holds for a tutor, or for the centre.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct Policy {
    pub minimum_notice_minutes: i32,
    pub horizon_days: i32,
    pub start_grid_minutes: i32,
    pub start_grid_anchor: StartGridAnchor,
    pub buffer_before_minutes: i32,
    pub buffer_after_minutes: i32,
    /// None is no cap.
    pub max_lessons_per_day: Option<i32>,
    /// None is no cap.
    pub max_lessons_per_week: Option<i32>,
    /// Whether the tutor is asked before a lesson is booked.
    pub requires_approval: bool,
    /// How long the tutor has for an answer.
    pub approval_minutes: i32,
    /// How long a slot is set aside. The centre's, for all tutors.
    pub hold_minutes: i32,
    /// For how many days after a lesson its tutor may say who was there. The centre's, for all tutors.
    pub attendance_days: i32,
    /// For how many hours what was last read of a tutor's busy time decides, before nothing is offered; None: for ever.
    pub calendar_unknown_after_hours: Option<i32>,
    /// What becomes of a lesson whose event in Google was moved. The centre's, as the three that follow.
    pub event_moved: EventMoved,
    pub event_deleted: EventDeleted,
    /// For how long a deletion can be undone.
    pub event_deleted_grace_minutes: i32,
    pub event_declined: EventDeclined,
    /// How many lessons ahead a student may have; None is no quota. The centre's, as the two that follow.
    pub max_active_bookings: Option<i32>,
    /// How many minutes a week.
    pub weekly_minutes: Option<i32>,
    /// How many minutes a term.
    pub term_minutes: Option<i32>,
}

/// What a tutor has decided; None leaves it to the centre.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQueryResult)]
pub struct OwnPolicy {
    pub minimum_notice_minutes: Option<i32>,
    pub horizon_days: Option<i32>,
    pub start_grid_minutes: Option<i32>,
    pub start_grid_anchor: Option<StartGridAnchor>,
    pub buffer_before_minutes: Option<i32>,
    pub buffer_after_minutes: Option<i32>,
    pub max_lessons_per_day: Option<i32>,
    pub max_lessons_per_week: Option<i32>,
    pub requires_approval: Option<bool>,
    pub approval_minutes: Option<i32>,
}

/// How bookings live, as far as the centre or the tutor decides it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// How long a tutor who is asked before a lesson is booked has for an answer; none for one who is not asked.
    pub approval: Option<TimeDelta>,
    /// How long a slot is set aside.
    pub hold: TimeDelta,
    /// For how long after a lesson its tutor may say who was there.
    pub attendance: TimeDelta,
}

impl Policy {
    /// What holds where a tutor has decided this and the centre has this policy.
    #[must_use]
    pub fn with(&self, own: &OwnPolicy) -> Self {
        Self {
            minimum_notice_minutes: own
                .minimum_notice_minutes
                .unwrap_or(self.minimum_notice_minutes),
            horizon_days: own.horizon_days.unwrap_or(self.horizon_days),
            start_grid_minutes: own.start_grid_minutes.unwrap_or(self.start_grid_minutes),
            start_grid_anchor: own.start_grid_anchor.unwrap_or(self.start_grid_anchor),
            buffer_before_minutes: own
                .buffer_before_minutes
                .unwrap_or(self.buffer_before_minutes),
            buffer_after_minutes: own
                .buffer_after_minutes
                .unwrap_or(self.buffer_after_minutes),
            max_lessons_per_day: own.max_lessons_per_day.or(self.max_lessons_per_day),
            max_lessons_per_week: own.max_lessons_per_week.or(self.max_lessons_per_week),
            requires_approval: own.requires_approval.unwrap_or(self.requires_approval),
            approval_minutes: own.approval_minutes.unwrap_or(self.approval_minutes),
            hold_minutes: self.hold_minutes,
            attendance_days: self.attendance_days,
            calendar_unknown_after_hours: self.calendar_unknown_after_hours,
            event_moved: self.event_moved,
            event_deleted: self.event_deleted,
            event_deleted_grace_minutes: self.event_deleted_grace_minutes,
            event_declined: self.event_declined,
            max_active_bookings: self.max_active_bookings,
            weekly_minutes: self.weekly_minutes,
            term_minutes: self.term_minutes,
        }
    }

    /// Whether there is any limit to what a student may book.
    pub fn has_quotas(&self) -> bool {
        let quotas = [
            self.max_active_bookings,
            self.weekly_minutes,
            self.term_minutes,
        ];
        quotas.iter().any(Option::is_some)
    }

    pub fn terms(&self) -> Terms {
        let approval = TimeDelta::minutes(self.approval_minutes.into());
        Terms {
            approval: self.requires_approval.then_some(approval),
            hold: TimeDelta::minutes(self.hold_minutes.into()),
            attendance: TimeDelta::days(self.attendance_days.into()),
        }
    }

    /// What becomes of lessons whose events were changed in Google.
    pub fn drift(&self) -> drift::Policy {
        drift::Policy {
            moved: match self.event_moved {
                EventMoved::Reschedule => drift::Moved::Reschedule,
                EventMoved::PutBack => drift::Moved::PutBack,
            },
            deleted: match self.event_deleted {
                EventDeleted::Cancel => drift::Deleted::Cancel,
                EventDeleted::PutBack => drift::Deleted::PutBack,
            },
            grace: TimeDelta::minutes(self.event_deleted_grace_minutes.into()),
            declined: match self.event_declined {
                EventDeclined::Cancel => drift::Declined::Cancel,
                EventDeclined::Ask => drift::Declined::Ask,
            },
        }
    }

    /// As the rules of scheduling know it.
    pub fn rules(&self) -> policy::Policy {
        let minutes = |column: i32| TimeDelta::minutes(column.into());
        let cap = |column: Option<i32>| column.map(|most| u32::try_from(most).unwrap_or_default());
        let grid = minutes(self.start_grid_minutes);
        policy::Policy {
            minimum_notice: minutes(self.minimum_notice_minutes),
            horizon: TimeDelta::days(self.horizon_days.into()),
            start_grid: match self.start_grid_anchor {
                StartGridAnchor::SpanStart => StartGrid::SpanStart(grid),
                StartGridAnchor::Midnight => StartGrid::Midnight(grid),
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
    #[derive(FromQueryResult)]
    struct Row {
        #[sea_orm(nested)]
        policy: Policy,
        version: i32,
    }
    let query = centre::Entity::find_by_id(true).into_model::<Row>();
    let row = query.one(db).await?;
    row.map(|row| (row.policy, row.version))
        .ok_or_else(|| DbErr::RecordNotFound("centre".to_owned()))
}

/// What a tutor has decided.
pub async fn of_tutor(db: &impl ConnectionTrait, id: TutorId) -> Result<OwnPolicy, DbErr> {
    let query = tutor::Entity::find_by_id(id).into_model();
    let row = query.one(db).await?;
    row.ok_or_else(|| DbErr::RecordNotFound("tutor".to_owned()))
}

/// Replaces the centre's policy if the centre is still at `version`; whether it was.
pub async fn replace_centre(
    txn: &impl ConnectionTrait,
    version: i32,
    policy: &Policy,
) -> Result<bool, DbErr> {
    let row = centre::ActiveModel {
        id: NotSet,
        minimum_notice_minutes: Set(policy.minimum_notice_minutes),
        horizon_days: Set(policy.horizon_days),
        start_grid_minutes: Set(policy.start_grid_minutes),
        start_grid_anchor: Set(policy.start_grid_anchor),
        buffer_before_minutes: Set(policy.buffer_before_minutes),
        buffer_after_minutes: Set(policy.buffer_after_minutes),
        max_lessons_per_day: Set(policy.max_lessons_per_day),
        max_lessons_per_week: Set(policy.max_lessons_per_week),
        requires_approval: Set(policy.requires_approval),
        approval_minutes: Set(policy.approval_minutes),
        hold_minutes: Set(policy.hold_minutes),
        attendance_days: Set(policy.attendance_days),
        calendar_unknown_after_hours: Set(policy.calendar_unknown_after_hours),
        event_moved: Set(policy.event_moved),
        event_deleted: Set(policy.event_deleted),
        event_deleted_grace_minutes: Set(policy.event_deleted_grace_minutes),
        event_declined: Set(policy.event_declined),
        max_active_bookings: Set(policy.max_active_bookings),
        weekly_minutes: Set(policy.weekly_minutes),
        term_minutes: Set(policy.term_minutes),
        version: Set(version + 1),
    };
    let updated = centre::Entity::update_many()
        .set(row)
        .filter(centre::COLUMN.version.eq(version))
        .exec(txn)
        .await?;
    Ok(updated.rows_affected == 1)
}

/// Replaces what a tutor has decided.
pub async fn replace_tutor(
    txn: &impl ConnectionTrait,
    id: TutorId,
    policy: &OwnPolicy,
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
        requires_approval: Set(policy.requires_approval),
        approval_minutes: Set(policy.approval_minutes),
        ..Default::default()
    };
    tutor::Entity::update_many()
        .set(row)
        .filter(tutor::COLUMN.id.eq(id))
        .exec(txn)
        .await
        .map(|_| ())
}
