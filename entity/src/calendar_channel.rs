//! A channel by which Google tells that something in a calendar has changed.

use crate::id::{CalendarId, ChannelId, UserId};
use sea_orm::entity::prelude::*;

/// A row of `calendar_channels`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "calendar_channels")]
pub struct Model {
    /// What Google calls it as well.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ChannelId,
    /// Who has connected the account.
    pub user_id: UserId,
    /// None where it is no longer on the list.
    pub calendar_id: Option<CalendarId>,
    /// Where Google tells it.
    pub address: String,
    /// SHA-256 of the token that comes with each message.
    pub token_hash: Vec<u8>,
    /// What Google calls what is watched; none where that is not known yet.
    pub resource_id: Option<String>,
    /// None where Google has not said that it is open.
    pub expires_at: Option<DateTimeUtc>,
    /// When the first message came by it; none: none has come.
    pub heard_at: Option<DateTimeUtc>,
    /// From when on another one may be asked for of the same calendar.
    pub renew_at: DateTimeUtc,
    pub created_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
