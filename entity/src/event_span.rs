//! A span in which Google may show, or have shown, the event of a lesson.

use crate::id::{LessonId, TutorId};
use sea_orm::entity::prelude::*;

/// A row of `event_spans`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "event_spans")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub lesson_id: LessonId,
    /// That of the lesson.
    pub tutor_id: TutorId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub starts_at: DateTimeUtc,
    #[sea_orm(primary_key, auto_increment = false)]
    pub ends_at: DateTimeUtc,
    /// When it was known that Google shows the event there no longer; none while it may.
    pub shown_until: Option<DateTimeUtc>,
}

impl ActiveModelBehavior for ActiveModel {}
