//! A person who signs in.

use crate::id::UserId;
use sea_orm::entity::prelude::*;

/// A row of `users`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: UserId,
    /// As the person wants to be called.
    pub name: String,
    /// Where the person is written to. Not unique: users are told apart by their identities.
    pub email: String,
    /// IANA name of the zone in which the person wants to see times.
    pub time_zone: String,
    /// Grows with each edit; the entity tag is made of it.
    pub version: i32,
    /// Since when the person may not sign in; none: they may.
    pub suspended_at: Option<DateTimeUtc>,
    pub suspension_reason: Option<String>,
    /// Since when nothing of the person is left but that somebody was there.
    pub erased_at: Option<DateTimeUtc>,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
