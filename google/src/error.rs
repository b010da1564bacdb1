//! The one error type of the crate.

use std::time::Duration;

/// What can go wrong when talking to the provider or to Calendar.
///
/// The variants are what a caller may have to tell apart. Texts are for the log; they hold neither tokens nor bodies.
/// Meanings follow <https://developers.google.com/workspace/calendar/api/guides/errors>.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The refresh token no longer works (`invalid_grant`): revoked, expired, replaced or unused for half a year. Only
    /// the user can mend it, by connecting again.
    #[error("the grant is dead: the user has to connect again")]
    GrantDead,

    /// The provider said no, with its error code (`access_denied`, `invalid_client`, …, RFC 6749 §4.1.2.1 and §5.2).
    #[error("the provider refused: {0}")]
    Refused(String),

    /// 401: the access token is not accepted. Drop it from the cache, and try once more with a new one.
    #[error("the access token is not accepted")]
    Unauthorized,

    /// 403: the user did not grant what this call needs.
    #[error("the granted scopes do not cover this call")]
    InsufficientScope,

    /// 404: no such calendar or event, or none that this user may see.
    #[error("not found")]
    NotFound,

    /// 410 `deleted`: the event was there and has been deleted.
    #[error("already deleted")]
    Gone,

    /// 409 `duplicate`: an event with this id exists already, or existed and was deleted. After a failure that left
    /// open whether an insert took place, this is the sign that it did: read the event and compare.
    #[error("an event with this id exists already")]
    Duplicate,

    /// 412: the thing changed since it was read.
    #[error("changed in the meantime")]
    PreconditionFailed,

    /// 410 to a listing with a sync token, or a malformed sync token: forget what was synchronised and read everything.
    #[error("the sync token is no longer good: a full sync is needed")]
    FullSyncRequired,

    /// 400 `pushNotSupportedForRequestedResource`: this calendar can't be watched (holidays and birthdays can't), now or
    /// later; look at it from time to time.
    #[error("the calendar can't be watched")]
    PushNotSupported,

    /// 429, or 403 with `rateLimitExceeded` or `userRateLimitExceeded`: too fast; seconds to minutes help.
    #[error("rate limited")]
    RateLimited {
        /// How long the provider asks to wait, if it says.
        retry_after: Option<Duration>,
    },

    /// 403 `quotaExceeded` and its kin (too many invitations among them): hours help, seconds do not.
    #[error("quota exceeded")]
    QuotaExceeded,

    /// The other side could not be reached, was too slow, or failed (5xx). Whether a write took place is open.
    #[error("unavailable: {reason}")]
    Unavailable {
        /// What happened, for the log.
        reason: String,
        /// How long the provider asks to wait, if it says.
        retry_after: Option<Duration>,
    },

    /// The request was not acceptable (another 4xx, or refused before it was sent, with status 400).
    #[error("refused as invalid ({status}): {reason}")]
    Invalid {
        /// The HTTP status.
        status: u16,
        /// Google's reason code where there is one, else a few words.
        reason: String,
    },

    /// The ID token does not prove who signed in. Never sign anybody in on this.
    #[error("the ID token is not acceptable: {0}")]
    IdToken(String),

    /// The authorization response is not this provider's (RFC 9207 §2.4). Never go on with it.
    #[error("the authorization response is not this provider's")]
    OtherIssuer,

    /// The answer, or the configuration, is not what the protocol says.
    #[error("protocol error: {0}")]
    Protocol(String),
}

impl Error {
    /// Whether the same call may succeed later without anybody doing anything: worth a job's retry with backoff.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::RateLimited { .. } | Self::QuotaExceeded | Self::Unavailable { .. }
        )
    }

    /// How long the other side asks to wait before the next try, if it said so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after } | Self::Unavailable { retry_after, .. } => {
                *retry_after
            }
            _ => None,
        }
    }

    /// Whether a change that was asked for may have been made, or may yet be.
    pub fn leaves_open(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Protocol(_))
    }

    /// Whether another try within the same call, seconds later, makes sense.
    pub(crate) fn is_brief(&self) -> bool {
        matches!(self, Self::RateLimited { .. } | Self::Unavailable { .. })
    }

    pub(crate) fn unavailable(reason: impl Into<String>) -> Self {
        Self::Unavailable {
            reason: reason.into(),
            retry_after: None,
        }
    }

    pub(crate) fn protocol(reason: impl Into<String>) -> Self {
        Self::Protocol(reason.into())
    }

    /// Refused here, before anything was sent.
    pub(crate) fn unsendable(reason: impl Into<String>) -> Self {
        Self::Invalid {
            status: 400,
            reason: reason.into(),
        }
    }
}

/// A text from outside, made fit for a log line: printable, and no longer than needed to recognise it.
pub(crate) fn foreign(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(120).collect()
}
