//! Students who wait for room.

use crate::id::{BookingId, LessonId, SubjectId, TutorId, UserId, WaitlistEntryId};
use sea_orm::entity::prelude::*;

/// A row of `waitlist_entries`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "waitlist_entries")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: WaitlistEntryId,
    pub student_id: UserId,
    /// For a seat in this; none: it is a wish, which the fields up to `ends_at` tell.
    pub lesson_id: Option<LessonId>,
    pub subject_id: Option<SubjectId>,
    pub level: Option<String>,
    /// None: any who teaches it.
    pub tutor_id: Option<TutorId>,
    pub minutes: Option<i16>,
    /// As many as `window_ends`, by start, and apart.
    pub window_starts: Option<Vec<DateTimeUtc>>,
    pub window_ends: Option<Vec<DateTimeUtc>>,
    /// The end of the last window.
    pub ends_at: Option<DateTimeUtc>,
    /// In the order: the smaller comes first.
    pub place: i64,
    pub status: WaitlistStatus,
    /// The hold that is offered, or the request or booking that was made of it.
    pub booking_id: Option<BookingId>,
    /// How many offers the student or a guardian declined, or let lapse.
    pub turned_down: i16,
    /// Nothing is offered before, because an offer has just come to nothing.
    pub rests_until: Option<DateTimeUtc>,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

/// How things stand with somebody who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
pub enum WaitlistStatus {
    /// For an offer.
    Waiting,
    /// There is an offer; or it was accepted, and the tutor has not agreed yet.
    Offered,
    /// There is a booking.
    Accepted,
    /// The student does not wait any more.
    Left,
    /// Too many offers came to nothing.
    Lapsed,
    /// There is nothing to wait for any more.
    Over,
}

impl ActiveModelBehavior for ActiveModel {}
