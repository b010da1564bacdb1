//! Invitations to take a role. They are sent to an address, and whoever signs in with it may accept, by a provider that is
//! authoritative for it.
//!
//! That holds for every role. Tutors, admins and guardians get power by it; a student gives some, but to a guardian who
//! takes them for the one who was meant; and what is only read names people already.

use super::{
    UserId,
    caller::Person,
    guardianship, role,
    session::{self, Holder, Renewed},
    transaction::transaction,
};
use crate::{
    app::App,
    error::Error,
    store::{
        self,
        invitation::{NewInvitation, Side},
        violated,
    },
};
use chrono::TimeDelta;
use sea_orm::{ConnectionTrait, DatabaseTransaction};

pub use crate::store::invitation::Invitation;
pub use ::entity::{id::InvitationId, invitation::InvitationState, user_role::Role};

/// How long an invitation can be accepted.
pub const LIFETIME: TimeDelta = TimeDelta::days(14);

/// So many invitations of one person are open at most; of an admin many more.
const MOST: i64 = 10;
const MOST_OF_ADMIN: i64 = 1000;

/// To what somebody is invited.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub role: Role,
    pub email: String,
    /// The student whose guardian it will be, where that is not the inviter.
    pub student: Option<UserId>,
}

/// Invites. Admins invite tutors, admins, and guardians of any student; everybody invites guardians of their own, and
/// students as whose guardian they want to act. The answer does not depend on who has the address, if anybody does.
///
/// # Errors
/// [`Error::Forbidden`]; [`Error::NotFound`] for the student; [`Error::Conflict`] with `already_invited` or
/// `too_many_invitations`.
pub async fn create(app: &App, person: &Person, wanted: &Wanted) -> Result<Invitation, Error> {
    let other_id = other(app, person, wanted).await?;
    let now = app.clock.now();
    let new = NewInvitation {
        role: wanted.role,
        email: wanted.email.to_lowercase(),
        invited_by: person.user_id,
        other_id,
        expires_at: now + LIFETIME,
    };
    transaction!(app.db, |txn| {
        store::account::lock(txn, &[person.user_id]).await?;
        let open = store::invitation::count_open(txn, person.user_id, now).await?;
        let most = if person.is_admin() {
            MOST_OF_ADMIN
        } else {
            MOST
        };
        if open >= most {
            let detail = format!("Only {most} invitations may be open. Withdraw one first.");
            return Err(Error::conflict("too_many_invitations", detail));
        }
        store::invitation::withdraw_expired(txn, &new, now).await?;
        let inserted = store::invitation::insert(txn, new.clone(), now).await;
        let id = inserted.map_err(|error| match violated(&error) {
            Some("invitations_open_key") => Error::conflict(
                "already_invited",
                "There is such an invitation already, and it is open.",
            ),
            _ => error.into(),
        })?;
        find(txn, Side::All, id).await
    })
}

/// The other side of the guardianship that is offered, if one is.
async fn other(app: &App, person: &Person, wanted: &Wanted) -> Result<Option<UserId>, Error> {
    let only_admins = || Error::Forbidden {
        code: "not_an_admin",
        detail: "Only an admin may.".into(),
    };
    if wanted.student.is_some() && wanted.role != Role::Guardian {
        let detail = "is of use for guardians only";
        return Err(Error::invalid("student_id", "needs_guardian", detail));
    }
    match wanted.role {
        Role::Tutor | Role::Admin if person.is_admin() => Ok(None),
        Role::Tutor | Role::Admin => Err(only_admins()),
        Role::Student => Ok(Some(person.user_id)),
        Role::Guardian => match wanted.student {
            None => Ok(Some(person.user_id)),
            Some(id) if id == person.user_id => Ok(Some(id)),
            Some(_) if !person.is_admin() => Err(Error::not_found("student")),
            Some(id) => match store::person::find(&app.db, id).await? {
                Some(_) => Ok(Some(id)),
                None => Err(Error::not_found("student")),
            },
        },
    }
}

/// Invitations that this person sent, or for admins all, the newest first.
pub async fn sent(
    app: &App,
    person: &Person,
    before: Option<InvitationId>,
    limit: u32,
) -> Result<Vec<Invitation>, Error> {
    let side = sent_by(person);
    Ok(store::invitation::list(&app.db, side, None, before, limit.into()).await?)
}

fn sent_by(person: &Person) -> Side {
    if person.is_admin() {
        Side::All
    } else {
        Side::SentBy(person.user_id)
    }
}

/// Invitations that this person could accept, the newest first.
///
/// # Errors
/// [`Error::Forbidden`] with `email_not_authoritative`.
pub async fn received(
    app: &App,
    person: &Person,
    before: Option<InvitationId>,
    limit: u32,
) -> Result<Vec<Invitation>, Error> {
    let side = sent_to(app, &app.db, person).await?;
    Ok(store::invitation::list(&app.db, side, None, before, limit.into()).await?)
}

/// What is sent to the person. Whose address is not vouched for is told so before anything is looked up: they learn what
/// to do, and not whether there is anything for the address.
async fn sent_to(app: &App, db: &impl ConnectionTrait, person: &Person) -> Result<Side, Error> {
    let address = store::account::address(db, person.user_id).await?;
    if address.as_ref().is_some_and(|found| !found.authoritative) {
        return Err(Error::Forbidden {
            code: "email_not_authoritative",
            detail: "Invitations count only for an address that the provider says is yours today. For this one it does not, \
                or you have not signed in since it was asked to. Sign in again; if this comes back, sign in by an account \
                of the school or company that gave you the address, or ask to be invited at another address."
                .into(),
        });
    }
    Ok(Side::SentTo {
        address: address.map(|found| found.email),
        now: app.clock.now(),
        only_of_admins: false,
    })
}

async fn find(
    db: &impl ConnectionTrait,
    side: Side,
    id: InvitationId,
) -> Result<Invitation, Error> {
    let found = store::invitation::list(db, side, Some(id), None, 1)
        .await?
        .pop();
    found.ok_or(Error::not_found("invitation"))
}

/// Accepts an invitation. Who gets a role by it holds another token afterwards: where the session is `renewable` it is
/// returned here; all other sessions end.
///
/// # Errors
/// [`Error::NotFound`] for what is not sent to this person, or not open; [`Error::Forbidden`] with
/// `email_not_authoritative`; [`Error::Conflict`] as [`guardianship::create`].
pub async fn accept(
    app: &App,
    holder: &Holder,
    renewable: bool,
    id: InvitationId,
) -> Result<Renewed, Error> {
    let person = &holder.person;
    transaction!(app.db, |txn| {
        let side = sent_to(app, txn, person).await?;
        let invitation = find(txn, side, id).await?;
        answer(app, txn, id, InvitationState::Accepted, person).await?;
        let me = person.user_id;
        let is_new = match (invitation.role, invitation.other_id) {
            (Role::Guardian, Some(student)) => guarded(app, txn, me, student).await?,
            (Role::Student, Some(guardian)) => {
                if guarded(app, txn, guardian, me).await? {
                    store::session::delete_of_user(txn, guardian, None).await?;
                }
                false
            }
            (role, _) => role::give(txn, me, role, app.clock.now()).await?,
        };
        if is_new {
            session::renew(txn, holder, renewable).await
        } else {
            Ok(Renewed::Same)
        }
    })
}

async fn guarded(
    app: &App,
    txn: &DatabaseTransaction,
    guardian: UserId,
    student: UserId,
) -> Result<bool, Error> {
    if guardian == student {
        let detail = "Nobody is their own guardian.";
        return Err(Error::conflict("same_person", detail));
    }
    guardianship::link(app, txn, guardian, student).await
}

/// Declines an invitation.
///
/// # Errors
/// [`Error::NotFound`] for what is not sent to this person, or not open; [`Error::Forbidden`] with
/// `email_not_authoritative`.
pub async fn decline(app: &App, person: &Person, id: InvitationId) -> Result<(), Error> {
    transaction!(app.db, |txn| {
        let side = sent_to(app, txn, person).await?;
        find(txn, side, id).await?;
        answer(app, txn, id, InvitationState::Declined, person).await
    })
}

/// Withdraws an invitation: its sender may, and admins.
///
/// # Errors
/// [`Error::NotFound`] for what is somebody else's, or not open.
pub async fn withdraw(app: &App, person: &Person, id: InvitationId) -> Result<(), Error> {
    transaction!(app.db, |txn| {
        find(txn, sent_by(person), id).await?;
        answer(app, txn, id, InvitationState::Withdrawn, person).await
    })
}

async fn answer(
    app: &App,
    txn: &DatabaseTransaction,
    id: InvitationId,
    state: InvitationState,
    by: &Person,
) -> Result<(), Error> {
    if store::invitation::answer(txn, id, state, by.user_id, app.clock.now()).await? {
        Ok(())
    } else {
        Err(Error::not_found("invitation"))
    }
}
