//! A user who teaches.

use crate::id::{TutorId, UserId};
use sea_orm::entity::prelude::*;

/// A row of `tutors`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "tutors")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: TutorId,
    pub user_id: UserId,
    pub bio: String,
    /// BCP 47 tags.
    pub languages: Vec<String>,
    /// IANA name of the zone in which the weekly rules are meant.
    pub time_zone: String,
    /// Whether students find this tutor.
    pub visible: bool,
    /// Grows with each edit of the profile, the offers or the weekly rules; the entity tag is made of it.
    pub version: i32,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
