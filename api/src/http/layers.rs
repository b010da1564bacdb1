//! What happens to every request before a route sees it, and to every answer after.

use super::problem::Problem;
use axum::{
    body::Body,
    extract::Request,
    http::StatusCode,
    middleware::Next,
    response::{IntoResponse, Response},
};
use std::{any::Any, time::Duration};
use tracing::Span;

/// How long a request may take.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// The longest path and query, in bytes.
const TARGET_LIMIT: usize = 8 * 1024;

/// The longest headers, names and values together, in bytes.
const HEADERS_LIMIT: usize = 16 * 1024;

/// A span with the path but without the query, which may hold a code.
pub fn span(request: &Request) -> Span {
    let id = request
        .headers()
        .get("x-request-id")
        .and_then(|id| id.to_str().ok())
        .unwrap_or_default();
    let path = request.uri().path();
    // Probes come every few seconds.
    if matches!(path, "/livez" | "/readyz") {
        return tracing::debug_span!("probe", path);
    }
    tracing::info_span!("request", method = %request.method(), path, id)
}

pub fn log<B>(response: &Response<B>, latency: Duration, span: &Span) {
    if span.is_disabled() {
        return;
    }
    let (status, milliseconds) = (response.status().as_u16(), latency.as_millis());
    tracing::info!(status, milliseconds, "answered");
}

/// Refuses what is longer than any request has reason to be, while there is still a request to answer: of what
/// is longer than the server reads at all, it says so without a body.
pub async fn head_limit(request: Request, next: Next) -> Response {
    if request
        .uri()
        .path_and_query()
        .map_or(0, |target| target.as_str().len())
        > TARGET_LIMIT
    {
        let detail = format!("An address must not be longer than {TARGET_LIMIT} bytes.");
        return Problem::new(StatusCode::URI_TOO_LONG, "uri_too_long", detail).into_response();
    }
    let fields = request.headers().iter();
    let length: usize = fields
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if length > HEADERS_LIMIT {
        let detail = format!("Headers must not be longer than {HEADERS_LIMIT} bytes together.");
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        return Problem::new(status, "headers_too_large", detail).into_response();
    }
    next.run(request).await
}

/// Answers 503 when a request takes too long. Its transaction, if any, is rolled back; but what takes an
/// `Idempotency-Key` comes to its end.
pub async fn time_limit(request: Request, next: Next) -> Response {
    tokio::time::timeout(TIME_LIMIT, next.run(request))
        .await
        .unwrap_or_else(|_| {
            tracing::error!("request took too long");
            Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "too_slow",
                "This took too long. Try again in a moment.",
            )
            .into_response()
        })
}

#[allow(
    clippy::needless_pass_by_value,
    reason = "the layer fixes the signature"
)]
pub fn panicked(cause: Box<dyn Any + Send>) -> Response<Body> {
    let text = cause
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| cause.downcast_ref::<String>().map(String::as_str));
    tracing::error!(panic = text.unwrap_or("?"), "request panicked");
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "internal",
        "This is a fault of ours.",
    )
    .into_response()
}
