//! What is done again and again in every instance that runs jobs: whoever comes second finds nothing to do.

use crate::{
    app::App,
    error::Error,
    origin::{self, Actor},
    service,
};
use std::{future::Future, time::Duration};
use tokio_util::sync::CancellationToken;

/// Deletes what the audit trail has kept for long enough.
pub async fn forget_audit_entries(app: App, stop: CancellationToken) {
    let work = || service::audit_entry::forget(&app);
    regularly("forget_audit_entries", Duration::from_hours(1), stop, work).await;
}

/// Writes down what time has done to bookings.
pub async fn settle_bookings(app: App, stop: CancellationToken) {
    let name = "settle_bookings";
    let work = || {
        let origin = app.origin(Actor::Job, Some(name.into()));
        origin::scope(origin, service::booking::settle(&app))
    };
    regularly(name, Duration::from_secs(30), stop, work).await;
}

/// Writes down which credit has expired.
pub async fn expire_credit(app: App, stop: CancellationToken) {
    let name = "expire_credit";
    let work = || {
        let origin = app.origin(Actor::Job, Some(name.into()));
        origin::scope(origin, service::credit::expire(&app))
    };
    regularly(name, Duration::from_hours(1), stop, work).await;
}

/// Looks for room for those who wait of which nobody told.
pub async fn offer_room(app: App, stop: CancellationToken) {
    let name = "offer_room";
    let work = || {
        let origin = app.origin(Actor::Job, Some(name.into()));
        origin::scope(origin, service::waitlist::sweep(&app))
    };
    regularly(name, Duration::from_mins(5), stop, work).await;
}

/// Has the calendars compared that were not for a day.
pub async fn reconcile_calendars(app: App, stop: CancellationToken) {
    let work = || service::reconciliation::enqueue_due(&app);
    regularly("reconcile_calendars", Duration::from_mins(10), stop, work).await;
}

/// `work` says whether there is more to do at once.
async fn regularly<F>(
    name: &str,
    pause: Duration,
    stop: CancellationToken,
    work: impl Fn() -> F + Send,
) where
    F: Future<Output = Result<bool, Error>> + Send,
{
    while !stop.is_cancelled() {
        match work().await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::warn!(name, %error, "left for later"),
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}
