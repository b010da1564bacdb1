//! Who acts for whom: a guardian books and cancels for a student.

use super::{
    UserId, caller::Person, idempotency::Reply, role, session::Holder, transaction::transaction,
};
use crate::{app::App, error::Error, store};
use ::entity::user_role::Role;
use sea_orm::DatabaseTransaction;
use serde::Serialize;

pub use crate::store::guardianship::Guardianship;

/// So many guardians a student has at most, and as many students a guardian.
const MOST: u64 = 20;

/// Which guardianships are listed, and where the page begins.
#[derive(Clone, Copy, Debug)]
pub struct Listing {
    pub guardian: Option<UserId>,
    pub student: Option<UserId>,
    pub after: Option<(UserId, UserId)>,
    pub limit: u32,
}

/// Guardianships: of which the person is one side, or for admins all.
pub async fn list(
    app: &App,
    person: &Person,
    listing: Listing,
) -> Result<Vec<Guardianship>, Error> {
    let either = (!person.is_admin()).then_some(person.user_id);
    let sides = (listing.guardian, listing.student, either);
    let limit = listing.limit.into();
    Ok(store::guardianship::list(&app.db, sides, listing.after, limit).await?)
}

/// Links a guardian to a student, on the word of an admin.
///
/// # Errors
/// [`Error::Invalid`] for users that there are not, and for one person as both; [`Error::Conflict`] with
/// `already_guardian` or `too_many_guardians`.
pub async fn create<A: Serialize + Send + Sync>(
    app: &App,
    (guardian, student): (UserId, UserId),
    reply: Reply<Guardianship, A>,
) -> Result<A, Error> {
    if guardian == student {
        let detail = "must be somebody else than the guardian";
        return Err(Error::invalid("student_id", "same_person", detail));
    }
    transaction!(app.db, |txn| {
        for (field, id) in [("guardian_id", guardian), ("student_id", student)] {
            if store::person::find(txn, id).await?.is_none() {
                return Err(Error::invalid(
                    field,
                    "unknown_user",
                    "there is no such user",
                ));
            }
        }
        if link(app, txn, guardian, student).await? {
            store::session::delete_of_user(txn, guardian, None).await?;
        }
        let sides = (Some(guardian), Some(student), None);
        let found = store::guardianship::list(txn, sides, None, 1).await?.pop();
        let missing = || Error::internal(anyhow::anyhow!("the guardianship is not there"));
        reply.keep(txn, found.ok_or_else(missing)?).await
    })
}

/// Links a guardian to a student; whether the guardian has got that role by it. Ends no sessions.
pub(super) async fn link(
    app: &App,
    txn: &DatabaseTransaction,
    guardian: UserId,
    student: UserId,
) -> Result<bool, Error> {
    store::account::lock(txn, &[guardian, student]).await?;
    if !store::guardianship::insert(txn, guardian, student, app.clock.now()).await? {
        let detail = "This is the student's guardian already.";
        return Err(Error::conflict("already_guardian", detail));
    }
    let (of_student, of_guardian) = store::guardianship::counts(txn, guardian, student).await?;
    if of_student.max(of_guardian) > MOST {
        let detail =
            format!("A student has {MOST} guardians at most, and a guardian {MOST} students.");
        return Err(Error::conflict("too_many_guardians", detail));
    }
    role::give(txn, guardian, Role::Guardian, app.clock.now()).await
}

/// Ends a guardianship: either side may, and admins. Lessons that the guardian booked stay. Who is nobody's guardian any
/// more signs in again everywhere, but for the session in which they said so themselves.
///
/// # Errors
/// [`Error::NotFound`], also for guardianships of others.
pub async fn delete(
    app: &App,
    holder: &Holder,
    guardian: UserId,
    student: UserId,
) -> Result<(), Error> {
    let person = &holder.person;
    let is_side = person.user_id == guardian || person.user_id == student;
    if !is_side && !person.is_admin() {
        return Err(Error::not_found("guardianship"));
    }
    transaction!(app.db, |txn| {
        // Nobody holds up a stranger, nor learns whether there is one, by naming them as the other side.
        let sides = (Some(guardian), Some(student), None);
        if store::guardianship::list(txn, sides, None, 1)
            .await?
            .is_empty()
        {
            return Err(Error::not_found("guardianship"));
        }
        store::account::lock(txn, &[guardian, student]).await?;
        if !store::guardianship::delete(txn, guardian, student).await? {
            return Err(Error::not_found("guardianship"));
        }
        let (_, left) = store::guardianship::counts(txn, guardian, student).await?;
        if left == 0 {
            role::take(txn, guardian, Role::Guardian, app.clock.now()).await?;
            let own = (guardian == person.user_id).then_some(holder.session_id);
            store::session::delete_of_user(txn, guardian, own).await?;
        }
        Ok(())
    })
}
