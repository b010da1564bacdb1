//! Errors on the wire: `application/problem+json` (RFC 9457).

use super::occurrence::Occurrence;
use crate::error::{Conflict, Credential, Error, FieldError, Obstacle, QuotaUse};
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use std::borrow::Cow;
use utoipa::ToSchema;
use uuid::Uuid;

/// What went wrong (RFC 9457). Programs decide by `code`, people read `detail`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Short text for the status.
    #[schema(example = "Conflict")]
    title: &'static str,
    /// The HTTP status.
    #[schema(example = 409, minimum = 400, maximum = 599)]
    status: u16,
    /// Stable name of what went wrong.
    #[schema(value_type = String, example = "slot_unavailable")]
    code: &'static str,
    /// What went wrong, for people.
    #[schema(value_type = String, example = "This time can't be booked.")]
    detail: Cow<'static, str>,
    /// What is wrong with each field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<FieldProblem>,
    /// What stands in the way.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    conflicts: Vec<ConflictingSpan>,
    /// Times at which the same thing would be possible, nearest first; in UTC, and at most 14 days before or after the
    /// time that was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    alternatives: Vec<Alternative>,
    /// Which quota does not suffice.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    quota: Option<QuotaProblem>,
    /// What becomes of each lesson, where several were wanted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    occurrences: Vec<Occurrence>,
}

/// A quota that does not suffice.
#[derive(Debug, Serialize, ToSchema)]
pub struct QuotaProblem {
    /// `active_bookings`, `weekly_minutes` or `term_minutes`.
    #[schema(value_type = String, example = "weekly_minutes")]
    name: &'static str,
    /// How much there may be.
    #[schema(example = 120)]
    limit: i64,
    /// How much there is without what was asked for.
    #[schema(example = 90)]
    used: i64,
}

impl From<QuotaUse> for QuotaProblem {
    fn from(QuotaUse { name, limit, used }: QuotaUse) -> Self {
        Self { name, limit, used }
    }
}

/// What is wrong with one field.
#[derive(Debug, Serialize, ToSchema)]
pub struct FieldProblem {
    /// Path of the field.
    #[schema(example = "rules[2].local_end")]
    field: String,
    /// Stable name of what is wrong.
    #[schema(value_type = String, example = "out_of_range")]
    code: Cow<'static, str>,
    /// What is wrong, for people.
    #[schema(value_type = String)]
    detail: Cow<'static, str>,
}

/// One reason why a time can't be booked.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConflictingSpan {
    #[schema(value_type = ReasonCode)]
    code: &'static str,
    /// Start of what is in the way, in UTC; left out where there is no such span, or the caller may not know it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "2026-11-23T15:00:00Z")]
    start: Option<DateTime<Utc>>,
    /// End of what is in the way, in UTC; left out where `start` is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "2026-11-23T16:00:00Z")]
    end: Option<DateTime<Utc>>,
    /// The hold of the same student that is in the way, where it is one: `book_hold` books it, and `release_hold` lets it
    /// go. Told by `create_booking` and `create_hold`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    hold_id: Option<Uuid>,
}

/// Stable name of a reason why a time can't be booked. `explain_slot` says what each means.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case", example = "lesson")]
#[expect(
    dead_code,
    reason = "names the codes of the rules of scheduling for the OpenAPI document"
)]
enum ReasonCode {
    OutsideAvailability,
    OverrideClosed,
    TimeOff,
    Holiday,
    TutorEnded,
    Lesson,
    Hold,
    CalendarBusy,
    CalendarUnknown,
    Buffer,
    Notice,
    Horizon,
    DailyCap,
    WeeklyCap,
    Grid,
    LengthNotOffered,
    StudentBusy,
}

impl From<Obstacle> for ConflictingSpan {
    fn from(Obstacle { code, span, hold }: Obstacle) -> Self {
        let (start, end) = span.unzip();
        Self {
            code,
            start,
            end,
            hold_id: hold,
        }
    }
}

impl From<(DateTime<Utc>, DateTime<Utc>)> for Alternative {
    fn from((start, end): (DateTime<Utc>, DateTime<Utc>)) -> Self {
        Self { start, end }
    }
}

/// A time that could be booked instead, in UTC.
#[derive(Debug, Serialize, ToSchema)]
pub struct Alternative {
    #[schema(example = "2026-11-23T16:00:00Z")]
    start: DateTime<Utc>,
    #[schema(example = "2026-11-23T17:00:00Z")]
    end: DateTime<Utc>,
}

impl Problem {
    pub fn new(
        status: StatusCode,
        code: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            code,
            detail: detail.into(),
            errors: Vec::new(),
            conflicts: Vec::new(),
            alternatives: Vec::new(),
            quota: None,
            occurrences: Vec::new(),
        }
    }

    fn invalid(fields: Vec<FieldError>) -> Self {
        let detail = "Some fields can't be accepted; errors names them.";
        let errors = fields.into_iter().map(
            |FieldError {
                 field,
                 code,
                 detail,
             }| FieldProblem {
                field,
                code,
                detail,
            },
        );
        Self {
            errors: errors.collect(),
            ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_fields", detail)
        }
    }

    fn conflict(conflict: Conflict) -> Self {
        let conflicts = conflict.conflicts.into_iter().map(ConflictingSpan::from);
        let alternatives = conflict.alternatives.into_iter().map(Alternative::from);
        Self {
            conflicts: conflicts.collect(),
            alternatives: alternatives.collect(),
            quota: conflict.quota.map(QuotaProblem::from),
            occurrences: conflict
                .occurrences
                .into_iter()
                .map(Occurrence::from)
                .collect(),
            ..Self::new(StatusCode::CONFLICT, conflict.code, conflict.detail)
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let content_type = (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        let mut response = (status, [content_type], body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match status {
            StatusCode::UNAUTHORIZED => {
                // Browsers are signed in by a cookie, for which there is no challenge.
                let challenge = HeaderValue::from_static(CHALLENGE);
                headers.insert(header::WWW_AUTHENTICATE, challenge);
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
            }
            _ => {}
        }
        response
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let problem = match self {
            Self::Unauthenticated => Problem::new(
                StatusCode::UNAUTHORIZED,
                "not_signed_in",
                "Sign in at /v1/auth/sign-in first.",
            ),
            Self::InvalidCredential(credential) => return invalid_credential(credential),
            Self::InsufficientScope { needed } => return insufficient_scope(&needed),
            Self::Forbidden { code, detail } => Problem::new(StatusCode::FORBIDDEN, code, detail),
            Self::NotFound { what } => Problem::new(
                StatusCode::NOT_FOUND,
                "not_found",
                format!("There is no such {what}."),
            ),
            Self::Malformed { code, detail } => Problem::new(StatusCode::BAD_REQUEST, code, detail),
            Self::TooLarge { kibibytes } => Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "body_too_large",
                format!("The body must not be longer than {kibibytes} KiB."),
            ),
            Self::TooSlow { seconds } => Problem::new(
                StatusCode::REQUEST_TIMEOUT,
                "body_too_slow",
                format!("The body must be sent within {seconds} seconds."),
            ),
            Self::Invalid(fields) => Problem::invalid(fields),
            Self::Conflict(conflict) => Problem::conflict(*conflict),
            Self::RequestInProgress => {
                let detail = "The first request with this Idempotency-Key is still being answered.";
                let problem = Problem::new(StatusCode::CONFLICT, "request_in_progress", detail);
                return ([(header::RETRY_AFTER, "1")], problem).into_response();
            }
            Self::PreconditionFailed => Problem::new(
                StatusCode::PRECONDITION_FAILED,
                "stale_etag",
                "It has changed since you read it: read it again and repeat with its new ETag.",
            ),
            Self::PreconditionRequired => Problem::new(
                StatusCode::PRECONDITION_REQUIRED,
                "if_match_required",
                "Say in If-Match which version you edit: the ETag with which you read it.",
            ),
            Self::RateLimited { seconds } => return too_many(seconds),
            error @ (Self::Unavailable { .. } | Self::Contention { .. }) => {
                tracing::warn!(%error, "answered 503");
                let detail =
                    "Something that is needed here does not answer. Try again in a moment.";
                Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
            }
            error @ Self::Internal(_) => {
                tracing::error!(%error, "answered 500");
                let detail = "This is a fault of ours. The request id tells us which.";
                Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
            }
        };
        problem.into_response()
    }
}

/// How to say who asks (RFC 6750 section 3).
const CHALLENGE: &str = r#"Bearer realm="api""#;

/// Whether it was never valid, is over or was revoked is not told.
fn invalid_credential(credential: Credential) -> Response {
    let detail = match credential {
        Credential::Cookie => "The session is over. Sign in again at /v1/auth/sign-in.",
        Credential::Token => {
            "The bearer token is not valid, or no longer. Sign in again at /v1/auth/authorize."
        }
        Credential::Key => {
            "The key, or the access token for it, is not valid, or no longer. Ask at /v1/auth/token, or an admin, for another."
        }
    };
    let problem = Problem::new(StatusCode::UNAUTHORIZED, "not_signed_in", detail);
    match credential {
        Credential::Cookie => problem.into_response(),
        Credential::Token | Credential::Key => {
            let description = "not valid, or no longer";
            let error = format!(r#"error="invalid_token", error_description="{description}""#);
            challenged(problem, &error)
        }
    }
}

fn insufficient_scope(needed: &[&str]) -> Response {
    let detail = format!("This needs a key with the scope {}.", needed.join(" or "));
    let problem = Problem::new(StatusCode::FORBIDDEN, "insufficient_scope", detail);
    let scope = needed.join(" ");
    challenged(
        problem,
        &format!(r#"error="insufficient_scope", scope="{scope}""#),
    )
}

/// An answer that tells clients of OAuth what is wrong with their token (RFC 6750 section 3.1).
fn challenged(problem: Problem, error: &str) -> Response {
    let mut response = problem.into_response();
    if let Ok(challenge) = HeaderValue::try_from(format!("{CHALLENGE}, {error}")) {
        let headers = response.headers_mut();
        headers.insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

fn too_many(seconds: u64) -> Response {
    let unit = if seconds == 1 { "second" } else { "seconds" };
    let detail = format!("These are too many requests. Ask again in {seconds} {unit}.");
    let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", detail);
    ([(header::RETRY_AFTER, seconds.to_string())], problem).into_response()
}
