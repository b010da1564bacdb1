//! That whoever has an address is asked to take a role.

use crate::{
    id::{InvitationId, UserId},
    user_role::Role,
};
use sea_orm::entity::prelude::*;

/// What became of an invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
pub enum InvitationState {
    /// Not answered; until it expires it can be.
    Open,
    Accepted,
    Declined,
    Withdrawn,
}

/// A row of `invitations`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "invitations")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: InvitationId,
    /// What the invited person will be.
    pub role: Role,
    /// In lower case. Whoever signs in with it, verified, may accept.
    pub email: String,
    pub invited_by: UserId,
    /// For a guardian, the student; for a student, the guardian.
    pub other_id: Option<UserId>,
    pub state: InvitationState,
    pub answered_by: Option<UserId>,
    pub answered_at: Option<DateTimeUtc>,
    pub created_at: DateTimeUtc,
    pub expires_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
