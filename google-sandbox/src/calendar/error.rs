//! Errors in the envelope of the Calendar API.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

/// An error answer.
#[derive(Clone, Debug)]
pub(crate) struct ApiError(Box<Parts>);

#[derive(Clone, Debug)]
struct Parts {
    status: StatusCode,
    domain: &'static str,
    reason: String,
    message: String,
    location: Option<(&'static str, String)>,
    details: Option<Value>,
}

impl ApiError {
    pub(crate) fn new(status: u16, reason: &str, message: &str) -> Self {
        Self(Box::new(Parts {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            domain: match reason {
                "quotaExceeded" | "rateLimitExceeded" | "userRateLimitExceeded" => "usageLimits",
                "timeRangeEmpty"
                | "timeRangeTooLong"
                | "fullSyncRequired"
                | "forbiddenForNonOrganizer" => "calendar",
                _ => "global",
            },
            reason: reason.to_owned(),
            message: message.to_owned(),
            location: None,
            details: None,
        }))
    }

    pub(crate) fn invalid(message: &str) -> Self {
        Self::new(400, "invalid", message)
    }

    pub(crate) fn required(message: &str) -> Self {
        Self::new(400, "required", message)
    }

    pub(crate) fn not_found() -> Self {
        Self::new(404, "notFound", "Not Found")
    }

    pub(crate) fn empty_range() -> Self {
        Self::new(400, "timeRangeEmpty", "The specified time range is empty.")
    }

    /// The error is about this query parameter.
    pub(crate) fn parameter(mut self, name: &str) -> Self {
        self.0.location = Some(("parameter", name.to_owned()));
        self
    }

    /// The error is about this header.
    pub(crate) fn header(mut self, name: &str) -> Self {
        self.0.location = Some(("header", name.to_owned()));
        self
    }

    /// The token does not hold any scope that this method accepts.
    pub(crate) fn insufficient_scopes(method: &str) -> Self {
        let mut error = Self::new(403, "insufficientPermissions", "Insufficient Permission");
        error.0.details = Some(json!([{
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
            "domain": "googleapis.com",
            "metadata": {"service": "calendar-json.googleapis.com", "method": method},
        }]));
        error
    }

    /// Status and message, for callers inside the process.
    pub(crate) fn words(&self) -> String {
        format!(
            "{} {}: {}",
            self.0.status.as_u16(),
            self.0.reason,
            self.0.message
        )
    }
}

/// The error of a planned failure.
pub(crate) fn planned(status: StatusCode, reason: &str) -> ApiError {
    let message = match reason {
        "backendError" => "Backend Error",
        "rateLimitExceeded" => "Rate Limit Exceeded",
        "userRateLimitExceeded" => "User Rate Limit Exceeded",
        "quotaExceeded" => "Calendar usage limits exceeded.",
        "authError" => "Invalid Credentials",
        "notFound" => "Not Found",
        "fullSyncRequired" => "Sync token is no longer valid, a full sync is required.",
        _ => "This failure was planned.",
    };
    ApiError::new(status.as_u16(), reason, message)
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let parts = *self.0;
        let mut one = json!({
            "domain": parts.domain,
            "reason": parts.reason,
            "message": parts.message,
        });
        if let Some((kind, name)) = &parts.location {
            one["locationType"] = json!(kind);
            one["location"] = json!(name);
        }
        let mut error = json!({
            "errors": [one],
            "code": parts.status.as_u16(),
            "message": parts.message,
        });
        let limited = parts.details.is_some();
        if let Some(details) = parts.details {
            error["message"] = json!("Request had insufficient authentication scopes.");
            error["status"] = json!("PERMISSION_DENIED");
            error["details"] = details;
        }
        let mut response = (parts.status, Json(json!({"error": error}))).into_response();
        let challenge = if limited {
            "Bearer realm=\"https://accounts.google.com/\", error=\"insufficient_scope\""
        } else {
            "Bearer realm=\"https://accounts.google.com/\", error=\"invalid_token\""
        };
        if limited || parts.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static(challenge),
            );
        }
        response
    }
}
