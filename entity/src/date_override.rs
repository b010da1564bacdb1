//! What holds on one date instead of the weekly rules.

use crate::id::TutorId;
use sea_orm::entity::prelude::*;

/// A row of `date_overrides`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "date_overrides")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tutor_id: TutorId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub date: Date,
    /// None: closed.
    pub local_starts: Vec<Time>,
    /// As many as `local_starts`. Not after its start means: on the next day.
    pub local_ends: Vec<Time>,
}

impl ActiveModelBehavior for ActiveModel {}
