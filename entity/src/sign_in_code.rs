//! What a frontend on another site exchanges for a session, or redeems for what it has asked of a provider: once. Only
//! the hash of the code is stored.

use crate::id::{SessionId, UserId};
use sea_orm::entity::prelude::*;

/// A row of `sign_in_codes`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sign_in_codes")]
pub struct Model {
    /// SHA-256 of the code.
    #[sea_orm(primary_key, auto_increment = false)]
    pub code_hash: Vec<u8>,
    /// Who signed in.
    pub user_id: UserId,
    /// By which whoever exchanges it proves to be who asked (RFC 7636).
    pub code_challenge: String,
    /// To where the code was sent.
    pub redirect_uri: String,
    pub expires_at: DateTimeUtc,
    pub used_at: Option<DateTimeUtc>,
    /// What it was exchanged for; none when that has ended.
    pub session_id: Option<SessionId>,
    /// What the provider has answered, sealed, until it is redeemed; none of a code for a session.
    pub sealed_answer: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}
