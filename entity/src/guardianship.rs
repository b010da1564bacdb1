//! That one user acts for another.

use crate::id::UserId;
use sea_orm::entity::prelude::*;

/// A row of `guardianships`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "guardianships")]
pub struct Model {
    /// Books, moves and cancels for the student.
    #[sea_orm(primary_key, auto_increment = false)]
    pub guardian_id: UserId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub student_id: UserId,
    pub created_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
