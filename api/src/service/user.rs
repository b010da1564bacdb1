//! The signed-in person's own account.

use super::{UserId, transaction::transaction};
use crate::{app::App, error::Error, store};

/// What a person changes of the own account; what is None stays.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    pub name: Option<String>,
    pub time_zone: Option<String>,
}

/// Edits the account if it is still at `version`.
pub async fn update(app: &App, id: UserId, version: i32, changes: Changes) -> Result<(), Error> {
    let changes = (changes.name.as_deref(), changes.time_zone.as_deref());
    transaction!(app.db, |txn| {
        if store::user::update(txn, id, version, changes, app.clock.now()).await? {
            Ok(())
        } else {
            Err(Error::PreconditionFailed)
        }
    })
}
