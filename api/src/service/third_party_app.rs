//! Third-party apps: software of others that may touch some of the centre's data, by keys.

use super::{app_key::AppId, idempotency::Reply, transaction::transaction};
use crate::{app::App, error::Error, store};
use serde::Serialize;

pub use ::entity::third_party_app::Model as ThirdPartyApp;

/// Registers an app. It has no keys yet.
pub async fn create<A: Serialize + Send + Sync>(
    app: &App,
    name: &str,
    reply: Reply<ThirdPartyApp, A>,
) -> Result<A, Error> {
    transaction!(app.db, |txn| {
        let made = store::third_party_app::insert(txn, name, app.clock.now()).await?;
        reply.keep(txn, made).await
    })
}

/// Apps, the newest first.
pub async fn list(
    app: &App,
    after: Option<AppId>,
    limit: u32,
) -> Result<Vec<ThirdPartyApp>, Error> {
    Ok(store::third_party_app::list(&app.db, after, limit.into()).await?)
}

/// # Errors
/// [`Error::NotFound`].
pub async fn get(app: &App, id: AppId) -> Result<ThirdPartyApp, Error> {
    let found = store::third_party_app::find(&app.db, id).await?;
    found.ok_or(Error::not_found("third-party app"))
}

/// Edits an app if it is still at `version`. While it is not enabled, none of its keys works.
///
/// # Errors
/// [`Error::NotFound`], [`Error::PreconditionFailed`].
pub async fn update(
    app: &App,
    id: AppId,
    version: i32,
    (name, enabled): (Option<&str>, Option<bool>),
) -> Result<ThirdPartyApp, Error> {
    transaction!(app.db, |txn| {
        let before = store::third_party_app::find(txn, id).await?;
        before.ok_or(Error::not_found("third-party app"))?;
        let now = app.clock.now();
        if !store::third_party_app::update(txn, id, version, (name, enabled), now).await? {
            return Err(Error::PreconditionFailed);
        }
        let after = store::third_party_app::find(txn, id).await?;
        after.ok_or(Error::not_found("third-party app"))
    })
}
