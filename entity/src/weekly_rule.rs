//! A weekly span of availability, in local time of the tutor.

use crate::id::{TutorId, WeeklyRuleId};
use sea_orm::entity::prelude::*;

/// A row of `weekly_rules`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "weekly_rules")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: WeeklyRuleId,
    pub tutor_id: TutorId,
    /// ISO 8601: 1 is Monday, 7 is Sunday.
    pub weekday: i16,
    pub local_start: Time,
    /// Not after `local_start` means: on the next day. 00:00 is the midnight that ends the day.
    pub local_end: Time,
    /// First date on which the rule starts a span.
    pub valid_from: Option<Date>,
    /// Last date on which the rule starts a span.
    pub valid_until: Option<Date>,
}

impl ActiveModelBehavior for ActiveModel {}
