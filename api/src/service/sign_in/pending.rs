//! A sign-in under way. The browser carries it, sealed: the server keeps nothing for strangers.

use super::Exchange;
use crate::{app::App, error::Error, seal::Sealed, service::UserId};
use ::entity::id::SessionId;
use chrono::{DateTime, Utc};
use google::PendingAuthorization;
use serde::{Deserialize, Serialize};

/// What the seal is bound to.
const SEAL_CONTEXT: &[u8] = b"pending sign-in";

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Purpose {
    SignIn,
    /// For a frontend on another site.
    Exchange(Exchange),
    ConnectCalendar(UserId),
    /// Only in the session in which it was asked for.
    LinkIdentity(UserId, SessionId),
}

#[derive(Serialize, Deserialize)]
pub(super) struct Pending {
    /// The id of the provider, which alone may answer.
    pub(super) provider: String,
    pub(super) purpose: Purpose,
    pub(super) authorization: PendingAuthorization,
    pub(super) return_to: String,
    pub(super) expires_at: DateTime<Utc>,
}

impl Pending {
    pub(super) fn seal(&self, app: &App) -> Result<String, Error> {
        let plain = serde_json::to_vec(self).map_err(Error::internal)?;
        let sealed = app
            .config
            .keys
            .seal(SEAL_CONTEXT, &plain)
            .map_err(Error::internal)?;
        Ok(sealed.to_text())
    }

    /// None for what was not sealed here.
    pub(super) fn open(app: &App, text: &str) -> Option<Self> {
        let sealed = Sealed::from_text(text)?;
        serde_json::from_slice(&app.config.keys.open(SEAL_CONTEXT, &sealed).ok()?).ok()
    }
}
