//! Bookings that were made at once, by a recurrence rule.

use crate::id::{SeriesId, SubjectId, TutorId, UserId};
use sea_orm::entity::prelude::*;

/// A row of `series`. It never changes; its bookings do.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "series")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: SeriesId,
    pub student_id: UserId,
    pub tutor_id: TutorId,
    pub subject_id: SubjectId,
    pub level: String,
    /// IANA name of the tutor's zone when it was booked.
    pub time_zone: String,
    /// When the first occurrence begins, on the wall clock of that zone.
    pub local_start: DateTime,
    pub minutes: i16,
    /// RFC 5545 `RRULE`.
    pub rule: String,
    pub created_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
