//! Time in which a tutor is away.

use crate::id::{TimeOffId, TutorId};
use sea_orm::entity::prelude::*;

/// A row of `time_off`: either a span or whole days.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "time_off")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: TimeOffId,
    pub tutor_id: TutorId,
    pub starts_at: Option<DateTimeUtc>,
    pub ends_at: Option<DateTimeUtc>,
    /// In the tutor's zone.
    pub first_date: Option<Date>,
    /// Inclusive, in the tutor's zone.
    pub last_date: Option<Date>,
    /// For the tutor and the centre, not for students.
    pub note: String,
    pub created_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
