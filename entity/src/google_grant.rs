//! That a user lets the service act on their Google Calendar.

use crate::id::{GrantId, UserId};
use sea_orm::entity::prelude::*;

/// Whether Google still honours the grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
pub enum GrantState {
    Live,
    Dead,
}

/// A row of `google_grants`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "google_grants")]
pub struct Model {
    /// Another one each time the user grants: what is known of one grant says nothing of the next.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: GrantId,
    pub user_id: UserId,
    /// The `sub` of the Google account that granted; it need not be the one that signs in.
    pub subject: String,
    pub email: String,
    /// What was granted, which may be less than what was asked.
    pub scopes: Vec<String>,
    /// Sealed; never in clear.
    pub refresh_token: Vec<u8>,
    /// Names the key that sealed the refresh token.
    pub refresh_token_key_id: String,
    pub state: GrantState,
    /// Since when Google could not be read; none while it can.
    pub failing_since: Option<DateTimeUtc>,
    /// Since when lessons could not be written to the calendar; none while they can.
    pub writing_failing_since: Option<DateTimeUtc>,
    /// When busy time was last read.
    pub busy_read_at: Option<DateTimeUtc>,
    /// When busy time was last asked for, whatever came of it.
    pub busy_attempted_at: Option<DateTimeUtc>,
    /// When Google last told which calendars there are; none while only the primary one is known to be there.
    pub calendars_read_at: Option<DateTimeUtc>,
    /// Moves on with each change of which calendars there are, and of which of them block.
    pub calendars_version: i32,
    /// Whether lessons get a Meet link.
    pub meet_links: bool,
    pub connected_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
