//! What happens to every request before a route sees it, and to every answer after.

use super::problem::Problem;
use crate::app::App;
use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use std::{any::Any, time::Duration};
use tracing::Span;

/// How long a request may take.
const TIME_LIMIT: Duration = Duration::from_secs(30);

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

pub async fn security_headers(request: Request, next: Next) -> Response {
    let is_personal = request.uri().path().starts_with("/v1/");
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    if is_personal {
        let no_store = HeaderValue::from_static("no-store");
        headers.entry(header::CACHE_CONTROL).or_insert(no_store);
    }
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    // A route may be stricter.
    headers
        .entry(header::REFERRER_POLICY)
        .or_insert(HeaderValue::from_static("same-origin"));
    response
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

/// Refuses changes that a page of another site asks for: the session cookie would speak for somebody
/// who did not mean it. Clients that are no browsers send neither header.
pub async fn same_origin(State(app): State<App>, request: Request, next: Next) -> Response {
    if matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    ) || is_same_origin(&app, &request)
    {
        return next.run(request).await;
    }
    let detail = "Changes are accepted from pages of this server only.";
    Problem::new(StatusCode::FORBIDDEN, "cross_origin", detail).into_response()
}

fn is_same_origin(app: &App, request: &Request) -> bool {
    let headers = request.headers();
    if let Some(origin) = headers.get(header::ORIGIN) {
        return origin.as_bytes()
            == app
                .config
                .server
                .public_url
                .origin()
                .ascii_serialization()
                .as_bytes();
    }
    headers
        .get("sec-fetch-site")
        .is_none_or(|site| site == "same-origin" || site == "none")
}
