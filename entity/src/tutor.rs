//! A user who teaches.

use crate::{
    centre::StartGridAnchor,
    id::{TutorId, UserId},
};
use sea_orm::entity::prelude::*;

/// A row of `tutors`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "tutors")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: TutorId,
    pub user_id: UserId,
    pub bio: String,
    /// BCP 47 tags.
    pub languages: Vec<String>,
    /// IANA name of the zone in which the weekly rules are meant.
    pub time_zone: String,
    /// Whether students find this tutor.
    pub visible: bool,
    /// The last local date on which the tutor teaches.
    pub end_date: Option<Date>,
    /// This and the rest of the policy: None where the centre's holds.
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
    /// Grows with each edit of the profile, the offers, the policy or the availability; the entity tag is made of it.
    pub version: i32,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
