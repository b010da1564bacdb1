//! Time in which tutors are away.

use super::{
    TimeOffId, TutorId,
    transaction::transaction,
    tutor::{begin_edit, check_version},
};
use crate::{app::App, error::Error, store};
use scheduling::availability;

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

/// Enters time off of a tutor who is still at `version`. A dry run only says whether it could.
///
/// # Errors
/// [`Error::Invalid`] with `too_many` where the tutor has enough.
pub async fn create(
    app: &App,
    id: TutorId,
    version: i32,
    time: availability::TimeOff,
    note: &str,
    dry_run: bool,
) -> Result<Option<TimeOffId>, Error> {
    if dry_run {
        return check_version(app, id, version).await.map(|()| None);
    }
    transaction!(app.db, |txn| {
        begin_edit(app, txn, id, version).await?;
        if store::time_off::count(txn, id).await? >= MOST_TIME_OFF {
            let detail = format!("a tutor has at most {MOST_TIME_OFF} times off: delete old ones");
            return Err(Error::invalid("", "too_many", detail));
        }
        let made = store::time_off::insert(txn, id, time, note, app.clock.now()).await?;
        Ok(Some(made))
    })
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
    transaction!(app.db, |txn| {
        begin_edit(app, txn, tutor_id, version).await?;
        if store::time_off::delete(txn, tutor_id, id).await? {
            Ok(())
        } else {
            Err(Error::not_found("time off"))
        }
    })
}
