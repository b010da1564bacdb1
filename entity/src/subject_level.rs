//! A level at which a subject is taught.

use crate::id::SubjectId;
use sea_orm::entity::prelude::*;

/// A row of `subject_levels`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "subject_levels")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject_id: SubjectId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub level: String,
    /// Order among the levels of the subject, easiest first.
    pub position: i16,
}

impl ActiveModelBehavior for ActiveModel {}
