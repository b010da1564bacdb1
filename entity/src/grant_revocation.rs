//! That Google is still to be told of the end of a grant.

use crate::id::{GrantId, UserId};
use sea_orm::entity::prelude::*;

/// A row of `grant_revocations`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "grant_revocations")]
pub struct Model {
    /// That of the grant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: GrantId,
    /// Whose grant it was, to which the token is sealed.
    pub user_id: UserId,
    /// Sealed; never in clear.
    pub refresh_token: Vec<u8>,
    /// Names the key that sealed the refresh token.
    pub refresh_token_key_id: String,
    pub created_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
