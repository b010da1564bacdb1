//! Time in which tutors are away.

use super::{
    TimeOffId, TutorId, UserId,
    booking::turn,
    idempotency::Reply,
    transaction::transaction,
    tutor::{begin_addition, begin_edit},
};
use crate::{app::App, error::Error, store};
use scheduling::availability;
use sea_orm::ConnectionTrait;
use serde::Serialize;

pub use crate::store::time_off::TimeOff;

/// How much time off a tutor may have entered.
const MOST_TIME_OFF: u64 = 1000;

/// Time off of a tutor, in the order in which it was entered.
pub async fn list(
    app: &App,
    id: TutorId,
    after: Option<TimeOffId>,
    limit: u32,
) -> Result<Vec<TimeOff>, Error> {
    Ok(store::time_off::of_tutor(&app.db, id, after, limit.into()).await?)
}

/// Time off of a tutor.
///
/// # Errors
/// [`Error::NotFound`] where the tutor has none with this id.
pub async fn get(app: &App, tutor_id: TutorId, id: TimeOffId) -> Result<TimeOff, Error> {
    let found = store::time_off::get(&app.db, tutor_id, id).await?;
    found.ok_or(Error::not_found("time off"))
}

/// Time off that was entered, and the version of the tutor with it.
#[derive(Debug)]
pub struct Entered {
    pub tutor_id: TutorId,
    pub version: i32,
    pub time_off: TimeOff,
}

/// Enters time off of a tutor, whichever the version of the tutor is.
///
/// # Errors
/// As [`check_room`]; [`Error::RequestInProgress`] if the claim was lost.
pub async fn create<A: Serialize + Send + Sync>(
    app: &App,
    tutor_id: TutorId,
    time: availability::TimeOff,
    note: String,
    reply: Reply<Entered, A>,
) -> Result<A, Error> {
    transaction!(app.db, |txn| {
        let version = begin_addition(app, txn, tutor_id).await?;
        room(txn, tutor_id).await?;
        let time_off = TimeOff {
            id: TimeOffId::generate(),
            time,
            note: note.clone(),
        };
        store::time_off::insert(txn, tutor_id, &time_off, app.clock.now()).await?;
        let entered = Entered {
            tutor_id,
            version,
            time_off,
        };
        reply.keep(txn, entered).await
    })
}

/// Whether more time off can be entered.
///
/// # Errors
/// [`Error::Invalid`] with `too_many` where the tutor has enough.
pub async fn check_room(app: &App, id: TutorId) -> Result<(), Error> {
    room(&app.db, id).await
}

pub(super) async fn room(db: &impl ConnectionTrait, id: TutorId) -> Result<(), Error> {
    if store::time_off::count(db, id).await? < MOST_TIME_OFF {
        return Ok(());
    }
    let detail = format!("a tutor has at most {MOST_TIME_OFF} times off: delete old ones");
    Err(Error::invalid("", "too_many", detail))
}

/// Who a tutor is whose time off goes. Their time is locked then before anything else: whoever hands lessons over because of
/// it comes before or after.
pub(super) async fn owner(app: &App, tutor_id: TutorId) -> Result<UserId, Error> {
    let user = store::tutor::user_of(&app.db, tutor_id).await?;
    user.ok_or(Error::not_found("tutor"))
}

/// Takes back time off of a tutor who is still at `version`.
///
/// # Errors
/// [`Error::NotFound`] where there is none.
pub async fn delete(
    app: &App,
    tutor_id: TutorId,
    version: i32,
    id: TimeOffId,
) -> Result<(), Error> {
    let owner = owner(app, tutor_id).await?;
    let _turn = turn(app, owner, tutor_id).await?;
    transaction!(app.db, |txn| {
        store::lock_time_of(txn, &[owner]).await?;
        begin_edit(app, txn, tutor_id, version).await?;
        if store::time_off::delete(txn, tutor_id, id).await? {
            Ok(())
        } else {
            Err(Error::not_found("time off"))
        }
    })
}
