//! Deletes what the audit trail has kept for long enough, in every instance that runs jobs: whoever comes second
//! finds nothing to do.

use crate::{app::App, service::audit_entry};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const PAUSE: Duration = Duration::from_hours(1);

pub async fn regularly(app: App, stop: CancellationToken) {
    while !stop.is_cancelled() {
        match audit_entry::forget(&app).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(%error, "old entries of the audit trail are left for later");
            }
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}
