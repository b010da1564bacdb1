//! What can go wrong, without HTTP.
//!
//! A variant that reaches the caller carries only text written for the caller. What is for the log
//! stays inside [`Error::Internal`] and [`Error::Unavailable`], of which callers see nothing.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use sea_orm::DbErr;
use std::{borrow::Cow, fmt};
use uuid::Uuid;

#[derive(Debug)]
pub enum Error {
    /// Nobody is signed in.
    Unauthenticated,
    /// What was sent to say who asks is not valid, or no longer; why is not told.
    InvalidCredential(Credential),
    /// A third-party app asked whose key has none of these scopes.
    InsufficientScope { needed: Vec<&'static str> },
    /// Signed in, and not allowed.
    Forbidden {
        code: &'static str,
        detail: Cow<'static, str>,
    },
    /// There is no such thing, or the caller may not know that there is.
    NotFound { what: &'static str },
    /// Could not be read at all.
    Malformed {
        code: &'static str,
        detail: Cow<'static, str>,
    },
    /// Too much to be read at all.
    TooLarge {
        /// How much may be.
        kibibytes: usize,
    },
    /// Took the caller too long to send.
    TooSlow {
        /// How long it may take.
        seconds: u64,
    },
    /// Well-formed, but not acceptable.
    Invalid(Vec<FieldError>),
    /// Clashes with what is there.
    Conflict(Box<Conflict>),
    /// The same request, by its idempotency key, is being done elsewhere; its answer can be asked for in a moment.
    RequestInProgress,
    /// The thing has changed since the caller read it.
    PreconditionFailed,
    /// An edit must say which version it is meant for.
    PreconditionRequired,
    /// The caller asks too often.
    RateLimited {
        /// Whole seconds until there is room for the next request.
        seconds: u64,
    },
    /// Something that is needed can't be reached; trying again may help.
    Unavailable {
        cause: anyhow::Error,
        /// For how long it is not to be tried again, where that is known.
        retry_after: Option<TimeDelta>,
    },
    /// Two transactions got in each other's way; trying again helps.
    Contention { cause: DbErr },
    /// A fault of ours.
    Internal(anyhow::Error),
}

/// What was sent to say who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential {
    /// The token of a session, in its cookie.
    Cookie,
    /// The token of a session, by itself.
    Token,
    /// The key of a third-party app, or an access token for one.
    Key,
}

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// Path of the field, such as `rules[2].local_end`.
    pub field: String,
    /// Stable, for programs.
    pub code: Cow<'static, str>,
    /// For people.
    pub detail: Cow<'static, str>,
}

impl FieldError {
    pub fn new(
        field: impl Into<String>,
        code: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            field: field.into(),
            code: code.into(),
            detail: detail.into(),
        }
    }
}

/// Why something can't be done as things stand, and what could be done instead.
#[derive(Clone, Debug)]
pub struct Conflict {
    /// Stable, for programs.
    pub code: &'static str,
    /// For people.
    pub detail: Cow<'static, str>,
    /// What stands in the way.
    pub conflicts: Vec<Obstacle>,
    /// Times at which the same thing would be possible.
    pub alternatives: Vec<(DateTime<Utc>, DateTime<Utc>)>,
    /// Which quota does not suffice.
    pub quota: Option<QuotaUse>,
    /// What stands in the way of which lesson, where several were wanted.
    pub occurrences: Vec<Occurrence>,
}

/// How much of something there may be, and is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaUse {
    /// Stable, for programs.
    pub name: &'static str,
    pub limit: i64,
    pub used: i64,
}

/// One lesson of a series, as it was wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occurrence {
    /// When the rule wants it, on the wall clock of the series.
    pub recurrence_id: NaiveDateTime,
    /// When it would be; none where the clock does not show that time.
    pub span: Option<(DateTime<Utc>, DateTime<Utc>)>,
    pub verdict: Verdict,
    pub conflicts: Vec<Obstacle>,
    /// Times at which it would be possible.
    pub alternatives: Vec<(DateTime<Utc>, DateTime<Utc>)>,
}

/// What becomes of one lesson of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It can be booked.
    Free,
    /// It can't.
    Unavailable,
    /// It is left out, for the centre is closed.
    Holiday,
    /// It is left out, as was wished.
    Skipped,
}

/// One thing that stands in the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// Stable, for programs: a reason code of the slot engine.
    pub code: &'static str,
    /// The span that is in the way, where there is one and the caller may know of it.
    pub span: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// The student's own hold, where that is in the way.
    pub hold: Option<Uuid>,
}

impl Error {
    pub fn not_found(what: &'static str) -> Self {
        Self::NotFound { what }
    }

    pub fn invalid(field: &str, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::Invalid(vec![FieldError::new(field, code, detail)])
    }

    /// The same of fields that are parts of this one.
    #[must_use]
    pub fn within(self, field: &str) -> Self {
        let Self::Invalid(mut fields) = self else {
            return self;
        };
        for error in &mut fields {
            error.field = format!("{field}.{}", error.field);
        }
        Self::Invalid(fields)
    }

    pub fn conflict(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::Conflict(Box::new(Conflict {
            code,
            detail: detail.into(),
            conflicts: Vec::new(),
            alternatives: Vec::new(),
            quota: None,
            occurrences: Vec::new(),
        }))
    }

    pub fn unavailable(cause: impl Into<anyhow::Error>) -> Self {
        Self::Unavailable {
            cause: cause.into(),
            retry_after: None,
        }
    }

    pub fn internal(cause: impl Into<anyhow::Error>) -> Self {
        Self::Internal(cause.into())
    }
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        match error {
            DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => Self::unavailable(error),
            other if crate::store::is_disconnected(&other) => Self::unavailable(other),
            other => match crate::store::sql_state(&other).as_deref() {
                // Serialization failure and deadlock: https://www.postgresql.org/docs/current/mvcc-serialization-failure-handling.html
                Some("40001" | "40P01") => Self::Contention { cause: other },
                // Admin shutdown, crash shutdown, cannot connect now, too many connections.
                // So are a lock or an answer that took too long, and a transaction that stood still.
                Some("57P01" | "57P02" | "57P03" | "53300" | "55P03" | "57014" | "25P03") => {
                    Self::unavailable(other)
                }
                _ => Self::Internal(other.into()),
            },
        }
    }
}

/// For the log, not for callers.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unauthenticated => f.write_str("unauthenticated"),
            Self::InvalidCredential(credential) => write!(f, "invalid credential: {credential:?}"),
            Self::InsufficientScope { needed } => write!(f, "insufficient scope: {needed:?}"),
            Self::Forbidden { code, .. } => write!(f, "forbidden: {code}"),
            Self::NotFound { what } => write!(f, "not found: {what}"),
            Self::Malformed { code, .. } => write!(f, "malformed: {code}"),
            Self::TooLarge { kibibytes } => write!(f, "larger than {kibibytes} KiB"),
            Self::TooSlow { seconds } => write!(f, "sent in more than {seconds} s"),
            Self::Invalid(fields) => {
                write!(f, "invalid:")?;
                fields
                    .iter()
                    .try_for_each(|field| write!(f, " {} {}", field.field, field.code))
            }
            Self::Conflict(conflict) => write!(f, "conflict: {}", conflict.code),
            Self::RequestInProgress => f.write_str("request in progress"),
            Self::PreconditionFailed => f.write_str("precondition failed"),
            Self::PreconditionRequired => f.write_str("precondition required"),
            Self::RateLimited { seconds } => write!(f, "rate limited for {seconds} s"),
            Self::Unavailable { cause, .. } => write!(f, "unavailable: {cause:#}"),
            Self::Contention { cause } => write!(f, "contention: {cause}"),
            Self::Internal(cause) => write!(f, "internal: {cause:#}"),
        }
    }
}

impl std::error::Error for Error {}
