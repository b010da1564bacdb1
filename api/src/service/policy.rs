//! What the centre, and a tutor who differs from it, decide about booking.

use super::{TutorId, transaction::transaction, tutor::begin_edit};
use crate::{app::App, error::Error, store};

pub use crate::store::policy::{OwnPolicy, Policy};
pub use ::entity::centre::{EventDeclined, EventDeleted, EventMoved, StartGridAnchor};

/// The centre's policy and its version.
pub async fn of_centre(app: &App) -> Result<(Policy, i32), Error> {
    Ok(store::policy::of_centre(&app.db).await?)
}

/// What a tutor has decided, and what holds together with the centre's policy.
pub async fn of_tutor(app: &App, id: TutorId) -> Result<(OwnPolicy, Policy), Error> {
    let own = store::policy::of_tutor(&app.db, id).await?;
    let (centre, _) = store::policy::of_centre(&app.db).await?;
    let effective = centre.with(&own);
    Ok((own, effective))
}

/// Replaces the centre's policy if it is still at `version`.
pub async fn replace_centre(
    app: &App,
    version: i32,
    policy: &Policy,
    dry_run: bool,
) -> Result<(), Error> {
    transaction!(app.db, dry_run, |txn| {
        let (before, _) = store::policy::of_centre(txn).await?;
        if !store::policy::replace_centre(txn, version, policy).await? {
            return Err(Error::PreconditionFailed);
        }
        if policy.horizon_days > before.horizon_days && !dry_run {
            // So far ahead nobody has asked yet when tutors are busy.
            store::google_grant::hurry_busy_reads(txn, app.clock.now()).await?;
        }
        Ok(())
    })
}

/// Replaces what a tutor has decided if the tutor is still at `version`; what holds then.
pub async fn replace_tutor(
    app: &App,
    id: TutorId,
    version: i32,
    policy: &OwnPolicy,
    dry_run: bool,
) -> Result<Policy, Error> {
    transaction!(app.db, dry_run, |txn| {
        begin_edit(app, txn, id, version).await?;
        let before = store::policy::of_tutor(txn, id).await?;
        store::policy::replace_tutor(txn, id, policy).await?;
        let (centre, _) = store::policy::of_centre(txn).await?;
        let effective = centre.with(policy);
        if effective.horizon_days > centre.with(&before).horizon_days && !dry_run {
            store::google_grant::hurry_busy_read(txn, id, app.clock.now()).await?;
        }
        Ok(effective)
    })
}
