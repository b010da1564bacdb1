//! A sign-in under way. The browser carries it, sealed: the server keeps nothing for strangers. What is asked for a frontend on
//! another site waits at the server, sealed as well, before the browser comes and after the provider has answered.

use super::{Answer, Exchange, Started};
use crate::{app::App, error::Error, seal::Sealed, service::UserId};
use ::entity::id::SessionId;
use chrono::{DateTime, Utc};
use google::PendingAuthorization;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// What must not be read by whoever carries it, nor be taken for something else.
pub(super) trait Sealable: Serialize + DeserializeOwned {
    /// What the seal is bound to.
    const CONTEXT: &[u8];

    fn seal(&self, app: &App) -> Result<String, Error> {
        let plain = serde_json::to_vec(self).map_err(Error::internal)?;
        let sealed = app.config.keys.seal(Self::CONTEXT, &plain);
        Ok(sealed.map_err(Error::internal)?.to_text())
    }

    /// None for what was not sealed here.
    fn open(app: &App, text: &str) -> Option<Self> {
        let sealed = Sealed::from_text(text)?;
        serde_json::from_slice(&app.config.keys.open(Self::CONTEXT, &sealed).ok()?).ok()
    }
}

/// What somebody who is signed in can ask of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Task {
    ConnectCalendar,
    LinkIdentity,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Purpose {
    SignIn,
    /// For a frontend on another site.
    Exchange(Exchange),
    ConnectCalendar(UserId),
    /// Only in the session in which it was asked for.
    LinkIdentity(UserId, SessionId),
    /// For a frontend on another site, which redeems it in the session in which it asked.
    Redeem(Task, UserId, SessionId, Exchange),
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Pending {
    /// The id of the provider, which alone may answer.
    pub(super) provider: String,
    pub(super) purpose: Purpose,
    pub(super) authorization: PendingAuthorization,
    pub(super) return_to: String,
    pub(super) expires_at: DateTime<Utc>,
}

impl Sealable for Pending {
    const CONTEXT: &[u8] = b"pending sign-in";
}

impl Sealable for Started {
    const CONTEXT: &[u8] = b"started sign-in";
}

/// A sign-in whose provider has answered, and from whom nothing has been taken yet.
#[derive(Serialize, Deserialize)]
pub(super) struct Answered {
    pub(super) pending: Pending,
    pub(super) answer: Answer,
}

impl Sealable for Answered {
    const CONTEXT: &[u8] = b"answered sign-in";
}
