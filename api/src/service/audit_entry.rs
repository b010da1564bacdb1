//! The audit trail: read by admins, written by PostgreSQL, and forgotten when its time is over.

use crate::{app::App, error::Error, store};

pub use crate::store::audit_entry::{AuditEntry, Filter};

/// How many entries are forgotten at a time, so that nobody waits for it.
const BATCH: u32 = 1000;

/// Entries, the newest first. One query.
pub async fn list(app: &App, filter: Filter) -> Result<Vec<AuditEntry>, Error> {
    Ok(store::audit_entry::list(&app.db, filter).await?)
}

/// Deletes a bounded number of entries that have been kept for long enough; whether there may be more.
pub async fn forget(app: &App) -> Result<bool, Error> {
    let forgotten = store::audit_entry::forget(&app.db, BATCH).await?;
    Ok(forgotten == u64::from(BATCH))
}
