//! What users may be, and what follows when that changes: whoever has got or lost a role holds another token from then
//! on, so that one that was seen before is worth nothing now.

use super::{UserId, hold, session, transaction::transaction};
use crate::{
    app::App,
    error::Error,
    store::{self, job::Work},
};
use chrono::{DateTime, Utc};
use scheduling::lifecycle::Actor;
use sea_orm::{DatabaseConnection, DatabaseTransaction};

pub use crate::store::account::{Account, Filter};
pub use ::entity::user_role::Role;

/// Users, the newest first.
pub async fn list(app: &App, filter: Filter) -> Result<Vec<Account>, Error> {
    Ok(store::account::list(&app.db, filter).await?)
}

/// # Errors
/// [`Error::NotFound`].
pub async fn get(app: &App, id: UserId) -> Result<Account, Error> {
    let found = store::account::find(&app.db, id).await?;
    found.ok_or(Error::not_found("user"))
}

/// A user who can be edited: of somebody who is erased there is nothing to edit.
async fn within(txn: &DatabaseTransaction, id: UserId) -> Result<Account, Error> {
    let found = store::account::find(txn, id).await?;
    let found = found.filter(|account| account.erased_at.is_none());
    found.ok_or(Error::not_found("user"))
}

/// Sets what a user is, if the user is still at `version`. A new tutor is hidden until the profile says otherwise, and one
/// who is a tutor no longer is hidden again; lessons that are booked stay.
///
/// # Errors
/// [`Error::NotFound`], [`Error::PreconditionFailed`]; [`Error::Conflict`] with `last_admin`.
pub async fn set(app: &App, id: UserId, version: i32, roles: &[Role]) -> Result<Account, Error> {
    let now = app.clock.now();
    transaction!(app.db, |txn| {
        within(txn, id).await?;
        let admins = store::account::lock_admins(txn).await?;
        if !store::account::move_on(txn, id, version, now).await? {
            return Err(Error::PreconditionFailed);
        }
        if !roles.contains(&Role::Admin) {
            check_admin_left(&admins, id)?;
        }
        let before = store::account::roles(txn, id).await?;
        for role in before.iter().filter(|role| !roles.contains(role)) {
            take(txn, id, *role, now).await?;
        }
        for role in roles.iter().filter(|role| !before.contains(role)) {
            give(txn, id, *role, now).await?;
        }
        if before.len() != roles.len() || before.iter().any(|role| !roles.contains(role)) {
            store::session::delete_of_user(txn, id, None).await?;
        }
        within(txn, id).await
    })
}

/// Gives a user a role; whether the user did not have it. Ends no sessions.
pub(super) async fn give(
    txn: &DatabaseTransaction,
    id: UserId,
    role: Role,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let is_new = store::user::grant_role(txn, id, role, now).await?;
    if is_new {
        store::account::touch(txn, id, now).await?;
    }
    if role == Role::Tutor {
        store::tutor::insert_hidden(txn, id, now).await?;
    }
    Ok(is_new)
}

/// Takes a role from a user. Ends no sessions.
pub(super) async fn take(
    txn: &DatabaseTransaction,
    id: UserId,
    role: Role,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    store::account::take_role(txn, id, role).await?;
    store::account::touch(txn, id, now).await?;
    if role == Role::Tutor {
        store::tutor::hide(txn, id, now).await?;
    }
    Ok(())
}

pub(super) fn check_admin_left(admins: &[UserId], without: UserId) -> Result<(), Error> {
    if admins == [without] {
        let detail = "This is the last admin. Make somebody else one first.";
        return Err(Error::conflict("last_admin", detail));
    }
    Ok(())
}

/// Whom an operator may have meant.
#[derive(Debug)]
pub enum Meant {
    One(Account),
    /// Nobody has signed in with the address at a provider that vouches for it, or there is no user with the id.
    Nobody,
    /// Several users sign in with the address, and an address is no proof of being one person.
    Several(Vec<UserId>),
}

/// Makes somebody an admin who signs in with this address, or has this id; or lets them be one no longer. That may be
/// the last one: who does it can make another. Who loses the role is meant by an address for which nobody vouches, too.
pub async fn set_admin(
    db: &DatabaseConnection,
    person: &str,
    is_admin: bool,
    now: DateTime<Utc>,
) -> Result<Meant, Error> {
    let email = person.to_lowercase();
    let id = match person.parse() {
        Ok(id) => id,
        Err(_) => match &store::account::with_address(db, &email, is_admin).await?[..] {
            [] => return Ok(Meant::Nobody),
            [id] => *id,
            several => return Ok(Meant::Several(several.to_vec())),
        },
    };
    transaction!(*db, |txn| {
        let account = store::account::find(txn, id).await?;
        if account.is_none_or(|account| account.erased_at.is_some()) {
            return Ok(Meant::Nobody);
        }
        let roles = store::account::roles(txn, id).await?;
        if roles.contains(&Role::Admin) != is_admin {
            if is_admin {
                give(txn, id, Role::Admin, now).await?;
            } else {
                take(txn, id, Role::Admin, now).await?;
            }
            store::session::delete_of_user(txn, id, None).await?;
        }
        within(txn, id).await.map(Meant::One)
    })
}

/// So many admins are listed at most.
const LISTED_ADMINS: i64 = 1000;

/// The admins, the newest user first.
pub async fn admins(db: &DatabaseConnection) -> Result<Vec<Account>, Error> {
    let filter = store::account::Filter {
        role: Some(Role::Admin),
        limit: LISTED_ADMINS,
        ..Default::default()
    };
    Ok(store::account::list(db, filter).await?)
}

/// Suspends a user: all their sessions end, nobody finds or books them as a tutor, and they can't sign in. Lessons that are
/// booked stay until somebody reassigns or cancels them; what is offered to or by them, which nobody could accept, is taken
/// back, and whoever waits keeps the place.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Conflict`] with `last_admin` or `already_suspended`.
pub async fn suspend(app: &App, id: UserId, reason: Option<&str>) -> Result<Account, Error> {
    let suspended = transaction!(app.db, |txn| {
        // Who is just accepting an offer comes before or after.
        store::lock_time_of(txn, &[id]).await?;
        let now = app.clock.now();
        let admins = store::account::lock_admins(txn).await?;
        check_admin_left(&admins, id)?;
        if within(txn, id).await?.suspended_at.is_some() {
            let detail = "This user is suspended already.";
            return Err(Error::conflict("already_suspended", detail));
        }
        store::account::set_suspended(txn, id, Some((now, reason)), now).await?;
        store::session::delete_of_user(txn, id, None).await?;
        let offers = store::waitlist::offers_of(txn, id, now).await?;
        hold::take_back(txn, Actor::Admin, offers, now).await?;
        within(txn, id).await
    })?;
    app.work_enqueued.notify_one();
    Ok(suspended)
}

/// Ends a suspension.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Conflict`] with `not_suspended`.
pub async fn reinstate(app: &App, id: UserId) -> Result<Account, Error> {
    let now = app.clock.now();
    transaction!(app.db, |txn| {
        if within(txn, id).await?.suspended_at.is_none() {
            let detail = "This user is not suspended.";
            return Err(Error::conflict("not_suspended", detail));
        }
        store::account::set_suspended(txn, id, None, now).await?;
        if let Some(tutor) = store::tutor::of_user(txn, id).await? {
            store::job::enqueue(txn, Work::OpenTaggedEvents(tutor), now).await?;
        }
        within(txn, id).await
    })
}

/// Ends all sessions of a user.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn end_sessions(app: &App, id: UserId) -> Result<(), Error> {
    get(app, id).await?;
    session::end_all(app, id, None).await
}
