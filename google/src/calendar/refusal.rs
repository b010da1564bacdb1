//! What a refusal of Calendar means.
//!
//! The envelope is `{"error":{"errors":[{"domain","reason","message"}],"code","message"}}`; which status and reason
//! ask for what is in <https://developers.google.com/workspace/calendar/api/guides/errors>.

use serde_json::Value;

use crate::Error;
use crate::error::foreign;
use crate::retry::retry_after;

/// Reads an answer that is no success.
pub(super) fn read(status: u16, after: Option<&str>, envelope: Option<&Value>) -> Error {
    let text = |pointer| {
        envelope
            .and_then(|e| e.pointer(pointer))
            .and_then(Value::as_str)
    };
    let reason = text("/error/errors/0/reason").unwrap_or_default();
    let message = text("/error/message").unwrap_or_default();
    let after = retry_after(after);
    match (status, reason) {
        (400, "invalid") if message.to_ascii_lowercase().contains("sync token") => {
            Error::FullSyncRequired
        }
        (400, "pushNotSupportedForRequestedResource") => Error::PushNotSupported,
        // About the address of a channel, and not about the token.
        (401, "push.webhookUrlUnauthorized") => Error::Invalid {
            status,
            reason: reason.to_owned(),
        },
        (401, _) => Error::Unauthorized,
        (403, "rateLimitExceeded" | "userRateLimitExceeded") | (429, _) => {
            Error::RateLimited { retry_after: after }
        }
        (403, "quotaExceeded" | "dailyLimitExceeded" | "calendarUsageLimitsExceeded") => {
            Error::QuotaExceeded
        }
        (403, "insufficientPermissions" | "insufficientScopes") => Error::InsufficientScope,
        (404, _) => Error::NotFound,
        (409, "duplicate") => Error::Duplicate,
        (410, "fullSyncRequired" | "updatedMinTooLongAgo") => Error::FullSyncRequired,
        (410, _) => Error::Gone,
        (412, _) => Error::PreconditionFailed,
        (408 | 500.., _) => Error::Unavailable {
            reason: format!("answered {status} {}", foreign(reason)),
            retry_after: after,
        },
        (400..500, _) => Error::Invalid {
            status,
            reason: foreign(if reason.is_empty() { message } else { reason }),
        },
        _ => Error::protocol(format!("answered {status}")),
    }
}

/// What a reading of one calendar's free/busy failed with, inside an answer that is a success.
pub(super) fn of_one_calendar(reason: &str) -> Error {
    match reason {
        "notFound" => Error::NotFound,
        "internalError" | "backendError" => Error::unavailable(format!("free/busy: {reason}")),
        "rateLimitExceeded" | "userRateLimitExceeded" => Error::RateLimited { retry_after: None },
        "quotaExceeded" => Error::QuotaExceeded,
        other => Error::Invalid {
            status: 200,
            reason: foreign(other),
        },
    }
}
