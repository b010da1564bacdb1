//! A span in which the Google calendar of a tutor blocks.

use crate::id::TutorId;
use sea_orm::entity::prelude::*;

/// A row of `busy_spans`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "busy_spans")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tutor_id: TutorId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub starts_at: DateTimeUtc,
    pub ends_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
