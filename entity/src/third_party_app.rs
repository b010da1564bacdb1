//! Software of others that may touch some of the centre's data.

use crate::id::AppId;
use sea_orm::entity::prelude::*;

/// A row of `third_party_apps`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "third_party_apps")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: AppId,
    pub name: String,
    /// While it is not, none of its keys works.
    pub enabled: bool,
    /// Grows with each edit; the entity tag is made of it.
    pub version: i32,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
