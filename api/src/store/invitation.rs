//! Invitations to take a role.

use ::entity::{
    id::{InvitationId, UserId},
    invitation::{self, InvitationState},
    user_role::Role,
};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveEnum, ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait,
    FromQueryResult, QueryFilter, raw_sql,
};

/// An invitation, with the names of those whom it is about.
#[derive(Clone, Debug, FromQueryResult)]
pub struct Invitation {
    pub id: InvitationId,
    pub role: Role,
    pub email: String,
    pub invited_by: UserId,
    pub inviter_name: String,
    /// For a guardian, the student; for a student, the guardian.
    pub other_id: Option<UserId>,
    pub other_name: Option<String>,
    pub state: InvitationState,
    pub answered_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

/// Who may see an invitation.
#[derive(Clone, Debug)]
pub enum Side {
    /// Everybody's, for admins.
    All,
    /// Those that this person sent.
    SentBy(UserId),
    /// Those that are open, sent to this address, in lower case, by somebody who still may.
    SentTo {
        address: Option<String>,
        now: DateTime<Utc>,
        /// Only those that admins sent.
        only_of_admins: bool,
    },
}

/// Invitations, the newest first.
pub async fn list(
    db: &impl ConnectionTrait,
    side: Side,
    id: Option<InvitationId>,
    before: Option<InvitationId>,
    limit: i64,
) -> Result<Vec<Invitation>, DbErr> {
    let (sent_by, sent_to, now, only_of_admins) = match side {
        Side::All => (None, None, None, false),
        Side::SentBy(user_id) => (Some(user_id), None, None, false),
        Side::SentTo {
            address,
            now,
            only_of_admins,
        } => {
            let address = address.unwrap_or_default();
            (None, Some(address), Some(now), only_of_admins)
        }
    };
    Invitation::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT invitations.id, role, invitations.email, invited_by, inviters.name AS inviter_name, other_id,
                  others.name AS other_name, state, answered_at, invitations.created_at, expires_at
           FROM invitations
           JOIN users AS inviters ON inviters.id = invited_by
           LEFT JOIN users AS others ON others.id = other_id
           WHERE ({sent_by}::uuid IS NULL OR invited_by = {sent_by})
             AND ({sent_to}::text IS NULL
                  OR (invitations.email = {sent_to} AND state = 'open' AND expires_at > {now}
                      AND inviters.suspended_at IS NULL AND others.suspended_at IS NULL
                      AND (NOT {only_of_admins} AND other_id = invited_by
                           OR EXISTS (SELECT FROM user_roles AS held WHERE held.user_id = invited_by AND held.role = 'admin'))))
             AND ({id}::uuid IS NULL OR invitations.id = {id})
             AND ({before}::uuid IS NULL OR invitations.id < {before})
           ORDER BY invitations.id DESC LIMIT {limit}"#
    ))
    .all(db)
    .await
}

/// An invitation to be made.
#[derive(Clone, Debug)]
pub struct NewInvitation {
    pub role: Role,
    /// In lower case.
    pub email: String,
    pub invited_by: UserId,
    pub other_id: Option<UserId>,
    pub expires_at: DateTime<Utc>,
}

/// # Errors
/// `invitations_open_key` is for the caller to translate.
pub async fn insert(
    txn: &impl ConnectionTrait,
    new: NewInvitation,
    now: DateTime<Utc>,
) -> Result<InvitationId, DbErr> {
    let id = InvitationId::generate();
    let row = invitation::ActiveModel {
        id: Set(id),
        role: Set(new.role),
        email: Set(new.email),
        invited_by: Set(new.invited_by),
        other_id: Set(new.other_id),
        state: Set(InvitationState::Open),
        answered_by: Set(None),
        answered_at: Set(None),
        created_at: Set(now),
        expires_at: Set(new.expires_at),
    };
    invitation::Entity::insert(row)
        .exec_without_returning(txn)
        .await?;
    Ok(id)
}

/// Withdraws what is open of the same kind but has expired, so that it can be sent anew.
pub async fn withdraw_expired(
    txn: &impl ConnectionTrait,
    new: &NewInvitation,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let (email, role, other_id) = (new.email.clone(), new.role.to_value(), new.other_id);
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE invitations SET state = 'withdrawn', answered_at = {now}
           WHERE email = {email} AND role = {role} AND other_id IS NOT DISTINCT FROM {other_id}
             AND state = 'open' AND expires_at <= {now}"#
    ))
    .await
    .map(|_| ())
}

/// How many invitations of a person are open.
pub async fn count_open(
    txn: &impl ConnectionTrait,
    invited_by: UserId,
    now: DateTime<Utc>,
) -> Result<i64, DbErr> {
    #[derive(FromQueryResult)]
    struct Row {
        open: i64,
    }
    let row = Row::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT count(*) AS open FROM invitations
           WHERE invited_by = {invited_by} AND state = 'open' AND expires_at > {now}"#
    ))
    .one(txn)
    .await?;
    Ok(row.map_or(0, |row| row.open))
}

/// Ends an invitation that is open and has not expired; whether it was.
pub async fn answer(
    txn: &impl ConnectionTrait,
    id: InvitationId,
    state: InvitationState,
    by: UserId,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let answered = invitation::Entity::update_many()
        .set(invitation::ActiveModel {
            state: Set(state),
            answered_by: Set(Some(by)),
            answered_at: Set(Some(now)),
            ..Default::default()
        })
        .filter(invitation::COLUMN.id.eq(id))
        .filter(invitation::COLUMN.state.eq(InvitationState::Open))
        .filter(invitation::COLUMN.expires_at.gt(now))
        .exec(txn)
        .await?;
    Ok(answered.rows_affected == 1)
}
