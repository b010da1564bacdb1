//! That a tutor teaches a subject at a level.

use crate::id::{OfferId, SubjectId, TutorId};
use sea_orm::entity::prelude::*;

/// A row of `offers`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "offers")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: OfferId,
    pub tutor_id: TutorId,
    pub subject_id: SubjectId,
    pub level: String,
    /// The lengths of lesson on offer, in minutes.
    pub lesson_minutes: Vec<i16>,
    pub created_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
