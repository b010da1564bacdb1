//! The place of one student in a lesson.

use crate::id::{BookingId, LessonId, SeriesId, UserId};
use sea_orm::entity::prelude::*;

/// `Declined`, `Expired` and `Cancelled` occupy nobody's time, by the generated column `occupies`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
pub enum BookingStatus {
    Held,
    Requested,
    Confirmed,
    Declined,
    Expired,
    Cancelled,
    Completed,
    NoShow,
}

/// A row of `bookings`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "bookings")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: BookingId,
    pub lesson_id: LessonId,
    pub student_id: UserId,
    /// In the lesson, from 1 on. No two bookings of a lesson that occupy have the same.
    pub seat: i16,
    /// That of the lesson: a foreign key over lesson, start and end keeps them equal.
    pub starts_at: DateTimeUtc,
    /// That of the lesson.
    pub ends_at: DateTimeUtc,
    pub status: BookingStatus,
    /// From when on what is held or requested takes nobody's time any more.
    pub expires_at: Option<DateTimeUtc>,
    /// Since when it is more than a hold; none: it never was.
    pub booked_at: Option<DateTimeUtc>,
    /// Or declined; as the two that follow.
    pub cancelled_at: Option<DateTimeUtc>,
    pub cancelled_by: Option<UserId>,
    pub cancellation_reason: Option<String>,
    /// What that meant for the student; as the one that follows.
    pub cancellation_consequence: Option<String>,
    pub cancellation_credit_minutes: Option<i32>,
    /// What the student is charged for outside of here; none also where that was not decided then.
    pub cancellation_charged_minutes: Option<i32>,
    /// What was taken from the credit of the student; 0: it is not paid for by credit.
    pub paid_credit_minutes: i32,
    /// The series with which it was booked.
    pub series_id: Option<SeriesId>,
    /// When the rule of the series wanted it, on the wall clock of the series: RFC 5545 `RECURRENCE-ID`.
    pub recurrence_id: Option<DateTime>,
    /// When the tutor or the centre last moved it, confirmed, to another time or into the hands of another tutor.
    pub moved_at: Option<DateTimeUtc>,
    /// The time that the student wants instead, and the tutor has yet to approve; as the two that follow.
    pub proposed_starts_at: Option<DateTimeUtc>,
    pub proposed_ends_at: Option<DateTimeUtc>,
    /// Until when, and not then, the tutor may answer.
    pub proposal_expires_at: Option<DateTimeUtc>,
    /// The booking for whose proposed time this one is set aside; it is nobody's hold then.
    pub reserved_for: Option<BookingId>,
    /// Grows with each change; the entity tag is made of it.
    pub version: i32,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
