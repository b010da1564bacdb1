//! What a caller configures and asks for.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Somebody who can sign in here and who has a calendar.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The address; also the id of the primary calendar.
    pub email: String,
    /// The full name as shown in the chooser and in ID tokens.
    pub name: String,
    /// The zone of the primary calendar.
    pub time_zone: chrono_tz::Tz,
}

/// The stable `sub` of an account: 21 decimal digits, as Google's are.
pub fn subject(email: &str) -> String {
    let hash = Sha256::digest(email.to_lowercase().as_bytes());
    let number = hash
        .iter()
        .take(16)
        .fold(0_u128, |sum, byte| (sum << 8) | u128::from(*byte));
    format!("1{:020}", number % 100_000_000_000_000_000_000)
}

/// An application registered for sign-in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// The client id.
    pub id: String,
    /// The client secret.
    pub secret: String,
    /// Where a person may be sent back to; compared exactly, as Google does.
    pub redirect_uris: Vec<String>,
}

/// How to start a sandbox.
#[derive(Clone, Debug)]
pub struct Config {
    /// The address to listen on. Only loopback is accepted; port 0 takes any free port.
    pub bind: SocketAddr,
    /// The people.
    pub accounts: Vec<Account>,
    /// The applications.
    pub clients: Vec<Client>,
    /// Where everything is kept between runs; nothing is kept when absent.
    pub state_file: Option<PathBuf>,
}

/// How the person answers the consent page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Consent {
    /// Ticks every box.
    All,
    /// Ticks these scopes only. Sign-in scopes cannot be unticked.
    Only(Vec<String>),
    /// Presses Cancel.
    Deny,
}

/// Which part of the sandbox a failure strikes. Pages and the control plane never fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Everything that stands for Google.
    All,
    /// The Calendar API.
    Calendar,
    /// The token endpoint.
    Token,
    /// The discovery document.
    Discovery,
    /// The signing keys.
    Jwks,
    /// The userinfo endpoint.
    UserInfo,
    /// The revocation endpoint.
    Revoke,
    /// The authorization endpoint and its pages.
    Authorization,
}

/// What happens to a request that a failure strikes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The request is refused and changes nothing.
    Status {
        /// The HTTP status.
        status: u16,
        /// The `reason` of the error envelope, or the `error` of an OAuth answer.
        reason: String,
        /// Seconds for a `Retry-After` header.
        retry_after: Option<u32>,
    },
    /// The request waits this long and is then served, unless the caller has given up by then.
    Hang(Duration),
    /// The lost answer: the change is applied, and then the caller sees something else.
    AfterEffect {
        /// The status answered; absent, the connection is dropped without an answer.
        status: Option<u16>,
        /// The reason answered with the status.
        reason: String,
    },
    /// The late effect: the connection is dropped without an answer, and the request is carried out when
    /// [`Sandbox::release_held`](crate::Sandbox::release_held) says so, as if it arrived only then.
    Held,
}

/// A planned failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What it strikes.
    pub target: Target,
    /// Only requests with this method.
    pub method: Option<String>,
    /// Only requests whose path contains this text.
    pub path: Option<String>,
    /// Only requests whose query contains this text, still percent-encoded.
    pub query: Option<String>,
    /// How many requests it strikes; `u32::MAX` means until it is cleared.
    pub count: u32,
    /// What it does to them.
    pub effect: Effect,
}

impl Failure {
    /// Strikes the next request to `target`, with any method and path.
    pub fn new(target: Target, effect: Effect) -> Self {
        Self {
            target,
            method: None,
            path: None,
            query: None,
            count: 1,
            effect,
        }
    }

    /// The next request to `target` is refused with this status and reason.
    pub fn status(target: Target, status: u16, reason: &str) -> Self {
        Self::new(
            target,
            Effect::Status {
                status,
                reason: reason.to_owned(),
                retry_after: None,
            },
        )
    }

    /// The next request to `target` takes effect, but its answer never arrives.
    pub fn lost_answer(target: Target) -> Self {
        Self::new(
            target,
            Effect::AfterEffect {
                status: None,
                reason: String::new(),
            },
        )
    }

    /// The next request to `target` is not answered, and takes effect when it is released.
    pub fn held(target: Target) -> Self {
        Self::new(target, Effect::Held)
    }

    /// Strikes only requests with this method.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        self.method = Some(method.to_uppercase());
        self
    }

    /// Strikes only requests whose path contains this text.
    #[must_use]
    pub fn path(mut self, part: &str) -> Self {
        self.path = Some(part.to_owned());
        self
    }

    /// Strikes only requests whose query contains this text, still percent-encoded.
    #[must_use]
    pub fn query(mut self, part: &str) -> Self {
        self.query = Some(part.to_owned());
        self
    }

    /// Strikes this many requests; `u32::MAX` means until cleared.
    #[must_use]
    pub fn times(mut self, count: u32) -> Self {
        self.count = count;
        self
    }
}

/// One request that the sandbox served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RequestLog {
    /// The HTTP method.
    pub method: String,
    /// The path, still percent-encoded, without the query.
    pub path: String,
    /// The query, still percent-encoded. Empty for sign-in endpoints, whose queries may hold secrets.
    pub query: String,
    /// The status answered; 0 when the connection was dropped instead.
    pub status: u16,
}

/// What becomes of a Meet link that is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Meets {
    /// It is there at once.
    #[default]
    AtOnce,
    /// It is pending until [`Sandbox::settle_meets`](crate::Sandbox::settle_meets).
    Pending,
    /// The calendar takes no such conferences, and the event is refused with it.
    Refused,
}

/// A push that was withheld: what is to be posted, without a body.
#[derive(Clone)]
pub struct PushMessage {
    /// Where to.
    pub address: String,
    /// Among them the channel's token.
    pub headers: Vec<(&'static str, String)>,
}
