//! A calendar of a Google account that a user has connected.

use crate::id::{CalendarId, UserId};
use sea_orm::entity::prelude::*;

/// What the user may do with a calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
pub enum AccessRole {
    Owner,
    Writer,
    Reader,
    FreeBusyReader,
    /// Something that Google has added since, or nothing.
    Other,
}

/// A row of `calendars`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "calendars")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: CalendarId,
    /// Who has connected the account.
    pub user_id: UserId,
    pub google_id: String,
    /// What the user calls it; cut where it is longer than we keep.
    pub summary: String,
    /// IANA name; none where it has none that we know.
    pub time_zone: Option<String>,
    pub access_role: AccessRole,
    pub is_primary: bool,
    /// Whether what is in it is busy time of the tutor.
    pub blocks: bool,
    /// Whether lessons are put into it; where that is so of none, the primary one receives them.
    pub receives_lessons: bool,
    /// Since when Google has listed it, and not told when it is busy; none where it does, or was not asked.
    pub unreadable_since: Option<DateTimeUtc>,
}

impl ActiveModelBehavior for ActiveModel {}
