//! That a tutor follows a holiday calendar that does not hold for everybody.

use crate::id::{HolidayCalendarId, TutorId};
use sea_orm::entity::prelude::*;

/// A row of `tutor_holiday_calendars`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "tutor_holiday_calendars")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tutor_id: TutorId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub calendar_id: HolidayCalendarId,
}

impl ActiveModelBehavior for ActiveModel {}
