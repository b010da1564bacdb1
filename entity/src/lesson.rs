//! One meeting of a tutor, at a time, with room for `capacity` students.

use crate::id::{LessonId, SubjectId, TutorId};
use sea_orm::entity::prelude::*;

/// Every status but `Cancelled` occupies the time of the tutor; `Tentative` does so until it expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
pub enum LessonStatus {
    /// Nobody has booked it yet: it is held, or requested.
    Tentative,
    Scheduled,
    Cancelled,
}

/// A row of `lessons`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "lessons")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: LessonId,
    pub tutor_id: TutorId,
    pub subject_id: SubjectId,
    pub level: String,
    pub starts_at: DateTimeUtc,
    pub ends_at: DateTimeUtc,
    pub status: LessonStatus,
    /// From when on a tentative lesson takes nobody's time any more.
    pub expires_at: Option<DateTimeUtc>,
    /// More than one in a group lesson, to which what follows until the calendar's belongs.
    pub capacity: i16,
    /// So many students it takes.
    pub minimum: i16,
    /// When it is decided whether there are enough; none where one is enough.
    pub decides_at: Option<DateTimeUtc>,
    /// When that was decided; none: not yet.
    pub decided_at: Option<DateTimeUtc>,
    /// Empty where there is none.
    pub title: String,
    /// Empty where there is none.
    pub description: String,
    /// Grows with each change that people make; the entity tag is made of it.
    pub version: i32,
    /// The event that stands in the calendar of the tutor; none when none does.
    pub calendar_event_id: Option<String>,
    /// What Google calls the calendar in which the event stands, or may stand; none: in the primary one, if at all.
    pub calendar_event_calendar: Option<String>,
    /// Counts the event ids that were taken when the event was to be made: the id of a deleted event stays so.
    pub calendar_event_attempt: i16,
    /// When Google was last asked to make the event without an answer; none when nothing is open.
    pub calendar_event_asked_at: Option<DateTimeUtc>,
    /// Counts changes of what the event says: the database does, by triggers.
    pub calendar_revision: i32,
    /// The last revision that the event is known to show, 0 where none is; none where no event stands.
    pub calendar_event_revision: Option<i32>,
    /// When the event was last known to be, as the next; none: not known.
    pub calendar_event_starts_at: Option<DateTimeUtc>,
    pub calendar_event_ends_at: Option<DateTimeUtc>,
    /// The bookings whose students were among the guests when the tutor's own event was last looked at.
    pub calendar_event_guests: Vec<Uuid>,
    /// What Google calls the event of the tutor's own that students join as this lesson; none: the event is ours.
    pub own_event_id: Option<String>,
    /// Where its Meet conference is, once there is one.
    pub meet_url: Option<String>,
    /// Since when Google has been making the Meet conference; none: it is not.
    pub meet_pending_since: Option<DateTimeUtc>,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
