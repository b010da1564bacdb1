//! What a frontend on another site has asked of a provider for somebody who is signed in, until a browser goes there.
//! Only the hash of what the browser brings along is stored.

use crate::id::SessionId;
use sea_orm::entity::prelude::*;

/// A row of `pushed_requests`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "pushed_requests")]
pub struct Model {
    /// SHA-256 of what stands in the address.
    #[sea_orm(primary_key, auto_increment = false)]
    pub request_hash: Vec<u8>,
    /// In which it was asked.
    pub session_id: SessionId,
    /// To where the browser goes, and what it carries, sealed.
    pub sealed_start: String,
    pub expires_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
