//! Holidays that belong together, such as those of a country or the breaks of a school.

use crate::id::HolidayCalendarId;
use sea_orm::entity::prelude::*;

/// A row of `holiday_calendars`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "holiday_calendars")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: HolidayCalendarId,
    pub name: String,
    /// Whether it holds for every tutor, not only for those who follow it.
    pub centre_wide: bool,
    pub version: i32,
    pub created_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
