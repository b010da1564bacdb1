//! What holds for every tutor who has not said otherwise.

use sea_orm::entity::prelude::*;

/// The one row of `centre`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "centre")]
pub struct Model {
    /// Always true.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: bool,
    pub minimum_notice_minutes: i32,
    pub horizon_days: i32,
    pub start_grid_minutes: i32,
    pub start_grid_anchor: StartGridAnchor,
    pub buffer_before_minutes: i32,
    pub buffer_after_minutes: i32,
    /// None: as many as there is room for.
    pub max_lessons_per_day: Option<i32>,
    /// None: as many as there is room for.
    pub max_lessons_per_week: Option<i32>,
    pub requires_approval: bool,
    pub approval_minutes: i32,
    pub hold_minutes: i32,
    pub attendance_days: i32,
    /// After how many hours in which it was not read busy time counts as unknown; None: never.
    pub calendar_unknown_after_hours: Option<i32>,
    /// What becomes of a lesson whose event in Google was moved.
    pub event_moved: EventMoved,
    /// Of one whose event was deleted.
    pub event_deleted: EventDeleted,
    /// For how long that can be undone.
    pub event_deleted_grace_minutes: i32,
    /// Of the place of a student who has declined the invitation.
    pub event_declined: EventDeclined,
    /// How much a student may book, as the two that follow; None: any number.
    pub max_active_bookings: Option<i32>,
    pub weekly_minutes: Option<i32>,
    pub term_minutes: Option<i32>,
    /// Grows with each edit of the policy.
    pub version: i32,
}

/// From where the start grid is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum StartGridAnchor {
    #[sea_orm(string_value = "midnight")]
    Midnight,
    #[sea_orm(string_value = "span_start")]
    SpanStart,
}

/// What becomes of a lesson whose event was moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
pub enum EventMoved {
    Reschedule,
    PutBack,
}

/// What becomes of a lesson whose event was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
pub enum EventDeleted {
    Cancel,
    PutBack,
}

/// What becomes of the place of a student who has declined the invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
pub enum EventDeclined {
    Cancel,
    Ask,
}

impl ActiveModelBehavior for ActiveModel {}
