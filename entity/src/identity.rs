//! An account at a sign-in provider by which a user signs in.

use crate::id::{IdentityId, UserId};
use sea_orm::entity::prelude::*;

/// A row of `identities`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "identities")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: IdentityId,
    pub user_id: UserId,
    /// The OpenID Connect issuer.
    pub issuer: String,
    /// The `sub` claim, never given to another account of the issuer. Unique among those that are confirmed.
    pub subject: String,
    /// The address that the provider last told.
    pub email: String,
    /// Whether the provider vouched then that the address is this person's today, and not only once.
    pub email_authoritative: bool,
    pub created_at: DateTimeUtc,
    pub last_sign_in_at: Option<DateTimeUtc>,
    /// When the user said, signed in, that this account is theirs. None: it is only asked for, and signs nobody in.
    pub confirmed_at: Option<DateTimeUtc>,
}

impl ActiveModelBehavior for ActiveModel {}
