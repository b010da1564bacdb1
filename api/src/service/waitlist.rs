//! Waiting for room: for a seat in a group lesson, or for a lesson at some time, with a tutor or with any who teaches it.
//!
//! Room is offered in turn (`scheduling::waitlist`). An offer is a hold: nobody else can take what it sets aside, and
//! accepting it is booking the hold. How an offer ended, and that there is room, triggers write down; see the migration.

mod joining;
mod offering;

pub use crate::store::waitlist::Entry;
pub use ::entity::{id::WaitlistEntryId, waitlist_entry::WaitlistStatus};
pub use joining::{MOST_WAITING, Wanted, Wish, join};
pub use offering::{MOST_OFFERS, MOST_PER_RUN, offer_seats, offer_time, sweep};

use super::{
    BookingId, LessonId, UserId,
    booking::{Detail, turn},
    caller::Caller,
    hold,
    idempotency::Reply,
    step,
    transaction::transaction,
};
use crate::{
    app::App,
    error::Error,
    origin::{self, Actor},
    seal::Sealed,
    store::{
        self,
        waitlist::{Filter, Side},
    },
};
use chrono::{DateTime, Utc};
use scheduling::lifecycle::Step;
use sea_orm::{ConnectionTrait, DatabaseTransaction};
use serde::Serialize;
use std::sync::Arc;
use uuid::Uuid;

/// Which entries are listed, and where the page begins.
#[derive(Debug)]
pub struct Listing {
    pub student: Option<UserId>,
    pub lesson: Option<LessonId>,
    pub status: Option<WaitlistStatus>,
    pub before: Option<WaitlistEntryId>,
    pub limit: u32,
}

/// Entries that the caller may see, the newest first. One query.
pub async fn list(app: &App, caller: &Caller, listing: Listing) -> Result<Vec<Entry>, Error> {
    let filter = Filter {
        side: seen_by(caller),
        now: app.clock.now(),
        id: None,
        student: listing.student,
        lesson: listing.lesson,
        status: listing.status,
        before: listing.before,
        limit: listing.limit.into(),
    };
    Ok(store::waitlist::list(&app.db, filter).await?)
}

/// An entry, if the caller may see it.
pub async fn get(app: &App, caller: &Caller, id: WaitlistEntryId) -> Result<Entry, Error> {
    find(&app.db, caller, id, app.clock.now()).await
}

async fn find(
    db: &impl ConnectionTrait,
    caller: &Caller,
    id: WaitlistEntryId,
    now: DateTime<Utc>,
) -> Result<Entry, Error> {
    let found = store::waitlist::find(db, Filter::one(seen_by(caller), id, now)).await?;
    found.ok_or(Error::not_found("waitlist entry"))
}

/// Those who wait, as far as a caller may know of them: whoever sees an entry may also act for its student.
fn seen_by(caller: &Caller) -> Side {
    match caller {
        Caller::Person(person) if person.is_admin() => EVERYBODY,
        Caller::Person(person) => Side::Students(person.acts_for()),
        Caller::App(access) => Side::Centre {
            tutors: access.tutors().map(<[_]>::to_vec),
            subjects: access.subjects().map(<[_]>::to_vec),
        },
    }
}

const EVERYBODY: Side = Side::Centre {
    tutors: None,
    subjects: None,
};

/// The hold that is offered.
///
/// # Errors
/// [`Error::Conflict`] with `already_accepted`, `no_offer` and `already_ended`.
fn open_offer(entry: &Entry) -> Result<BookingId, Error> {
    let (code, detail) = match (entry.status, entry.booking_id) {
        (WaitlistStatus::Offered, Some(hold)) => return Ok(hold),
        (WaitlistStatus::Accepted, _) => ("already_accepted", "The offer is accepted already."),
        (WaitlistStatus::Waiting | WaitlistStatus::Offered, _) => (
            "no_offer",
            "There is no offer: it has lapsed, or has not come yet.",
        ),
        (WaitlistStatus::Left | WaitlistStatus::Lapsed | WaitlistStatus::Over, _) => {
            return Err(already_ended());
        }
    };
    Err(Error::conflict(code, detail))
}

fn already_ended() -> Error {
    Error::conflict("already_ended", "The student does not wait any more.")
}

/// The hold that is offered, if it is the one that is meant, where one is.
///
/// # Errors
/// As [`open_offer`]; [`Error::Conflict`] with `no_offer` where it is another one.
fn meant_offer(entry: &Entry, meant: Option<BookingId>) -> Result<BookingId, Error> {
    let hold = open_offer(entry)?;
    if meant.is_some_and(|meant| meant != hold) {
        let detail = "This offer has lapsed; there is another one.";
        return Err(Error::conflict("no_offer", detail));
    }
    Ok(hold)
}

/// An offer that somebody answers: the entry, and the hold that they were shown, where they say.
pub type Answered = (WaitlistEntryId, Option<BookingId>);

/// Books what is offered: see [`hold::book`]. A seat in a group lesson is confirmed at once.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Conflict`] with `already_accepted`, `no_offer`, `already_ended`, and as [`hold::book`].
pub async fn accept<A: Serialize + Send + Sync>(
    app: &App,
    caller: &Caller,
    (id, meant): Answered,
    pay_with_credit: bool,
    reply: Reply<Detail, A>,
) -> Result<A, Error> {
    let hold = meant_offer(&get(app, caller, id).await?, meant)?;
    match hold::book(app, caller, (hold, pay_with_credit), reply).await {
        // Somebody was faster, or time: what there is now says which.
        Err(Error::NotFound { what: "hold" }) => {
            open_offer(&get(app, caller, id).await?)?;
            Err(Error::conflict("no_offer", "The offer has just lapsed."))
        }
        booked => booked,
    }
}

/// As [`accept_token`], where the caller is the student or acts in the student's name: who may only look, or acts for the
/// centre, is given nothing that acts for the student.
pub fn shown_token(app: &App, caller: &Caller, entry: &Entry) -> Result<Option<String>, Error> {
    if step::acts_for(caller, entry.student_id) {
        accept_token(app, entry)
    } else {
        Ok(None)
    }
}

/// What an offer can be accepted by without a session: it names the entry and the hold, which says until when it is good
/// and can be booked once. None where there is no offer.
fn accept_token(app: &App, entry: &Entry) -> Result<Option<String>, Error> {
    let Ok(hold) = open_offer(entry) else {
        return Ok(None);
    };
    let plain = [entry.id.0.into_bytes(), hold.0.into_bytes()].concat();
    let sealed = app.config.keys.seal(TOKEN, &plain);
    Ok(Some(sealed.map_err(Error::internal)?.to_text()))
}

const TOKEN: &[u8] = b"waitlist offer";

/// Reads what [`accept_token`] made.
fn read_token(app: &App, token: &str) -> Option<(WaitlistEntryId, BookingId)> {
    let plain = app
        .config
        .keys
        .open(TOKEN, &Sealed::from_text(token)?)
        .ok()?;
    let (entry, hold) = plain.split_at_checked(16)?;
    let entry = Uuid::from_slice(entry).ok()?;
    Some((
        WaitlistEntryId(entry),
        BookingId(Uuid::from_slice(hold).ok()?),
    ))
}

/// Books what is offered, in the name of the student whose token it is.
///
/// # Errors
/// [`Error::Invalid`] for what is no token, and where the student is suspended; else as [`accept`].
pub async fn accept_by_token<A: Serialize + Send + Sync>(
    app: &App,
    token: &str,
    reply: Reply<Detail, A>,
) -> Result<A, Error> {
    let unknown = || Error::invalid("token", "invalid_grant", "is not that of an offer");
    let (id, hold) = read_token(app, token).ok_or_else(unknown)?;
    let by_id = Filter::one(EVERYBODY, id, app.clock.now());
    let entry = store::waitlist::find(&app.db, by_id).await?;
    let entry = entry.ok_or_else(unknown)?;
    let student = store::person::find(&app.db, entry.student_id).await?;
    let student = student.ok_or_else(unknown)?;
    origin::act_as(Actor::Person(Some(student.user_id.0)));
    let caller = Caller::Person(Arc::new(student));
    accept(app, &caller, (id, Some(hold)), false, reply).await
}

/// Turns an offer down: it goes to the next, and the student waits behind all who wait now; where the centre takes it
/// back, the student keeps the place.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Conflict`] with `already_accepted`, `no_offer` and `already_ended`.
pub async fn decline(app: &App, caller: &Caller, offer: Answered) -> Result<Entry, Error> {
    end_offer(app, caller, offer, Giving::Up).await
}

/// Waits no longer. An open offer goes to the next.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Conflict`] with `already_ended`, and `already_accepted` where there is a booking: that is
/// cancelled by itself.
pub async fn leave(app: &App, caller: &Caller, id: WaitlistEntryId) -> Result<(), Error> {
    let whichever = (id, None);
    end_offer(app, caller, whichever, Giving::All)
        .await
        .map(|_| ())
}

/// What somebody gives up who waits.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Giving {
    /// The offer.
    Up,
    /// Waiting.
    All,
}

async fn end_offer(
    app: &App,
    caller: &Caller,
    (id, meant): Answered,
    giving: Giving,
) -> Result<Entry, Error> {
    let before = get(app, caller, id).await?;
    let _turn = match before.offered_tutor_id {
        Some(tutor) => Some(turn(app, before.student_id, tutor).await?),
        None => None,
    };
    let left = transaction!(app.db, |txn| {
        let now = app.clock.now();
        let entry = find_locked(txn, caller, id, now).await?;
        match (meant_offer(&entry, meant), giving) {
            (Ok(hold), _) => withdraw(txn, caller, hold, now).await?,
            (Err(_), Giving::All) if entry.status == WaitlistStatus::Waiting => {}
            (Err(error), _) => return Err(error),
        }
        // Time ends offers without any lock: then it is looked again what there is.
        if giving == Giving::All && !store::waitlist::leave(txn, id, now).await? {
            return Err(step::changed_meanwhile());
        }
        find(txn, caller, id, now).await
    })?;
    app.work_enqueued.notify_one();
    Ok(left)
}

/// An entry, with the time of the two locked between whom there is an offer.
async fn find_locked(
    txn: &DatabaseTransaction,
    caller: &Caller,
    id: WaitlistEntryId,
    now: DateTime<Utc>,
) -> Result<Entry, Error> {
    let before = find(txn, caller, id, now).await?;
    let people: Vec<_> = [before.offered_tutor_user_id, Some(before.student_id)]
        .into_iter()
        .flatten()
        .collect();
    store::lock_time_of(txn, &people).await?;
    store::booking::expire(txn, &people, now).await?;
    let entry = find(txn, caller, id, now).await?;
    // Another tutor's, perhaps, whose time is not locked.
    if open_offer(&entry).ok() != open_offer(&before).ok() {
        return Err(step::changed_meanwhile());
    }
    Ok(entry)
}

/// Lets go of what is offered: a trigger lets the student wait on.
async fn withdraw(
    txn: &DatabaseTransaction,
    caller: &Caller,
    hold: BookingId,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let hold = hold::find(txn, caller, hold, now).await?;
    let status = step::take(&hold, caller, Step::Cancel, now)?;
    step::end(txn, caller, &hold, (status, None), now).await
}
