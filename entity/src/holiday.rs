//! Dates on which those who follow a calendar do not teach.

use crate::id::HolidayCalendarId;
use sea_orm::entity::prelude::*;

/// A row of `holidays`: whole days in the zone of whoever follows the calendar.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "holidays")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub calendar_id: HolidayCalendarId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub first_date: Date,
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// Inclusive.
    pub last_date: Date,
}

impl ActiveModelBehavior for ActiveModel {}
