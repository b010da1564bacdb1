//! What is taught.

use crate::id::SubjectId;
use sea_orm::entity::prelude::*;

/// A row of `subjects`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "subjects")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: SubjectId,
    /// Stable, readable name for addresses, such as `mathematics`.
    pub slug: String,
    pub name: String,
    /// Grows with each edit of the subject or its levels; the entity tag is made of it.
    pub version: i32,
    pub created_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
