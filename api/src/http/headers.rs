//! What every answer says to browsers, so that what they get from here can't be turned against its readers.

use crate::config;
use axum::{
    extract::{Request, State},
    http::{HeaderName, HeaderValue, header},
    middleware::Next,
    response::Response,
};

/// An answer is not a page; and where a browser takes it for one, that one can do nothing.
const NOTHING: &str =
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What Swagger UI needs: its own files, the icons that stand in its style sheet, and the API.
const DOCS: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Nothing of what browsers offer to pages is needed by ours.
const NO_FEATURES: &str = "accelerometer=(), camera=(), display-capture=(), fullscreen=(), geolocation=(), gyroscope=(), \
    magnetometer=(), microphone=(), midi=(), payment=(), publickey-credentials-get=(), usb=()";

/// A year, as browsers want it before they believe that it is meant.
const HTTPS_ONLY: &str = "max-age=31536000";

const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");
const CROSS_ORIGIN_OPENER_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-opener-policy");
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");

/// What differs between servers.
#[derive(Clone, Copy)]
pub struct Security {
    is_https: bool,
}

impl Security {
    pub fn new(config: &config::Server) -> Self {
        Self {
            is_https: config.is_https(),
        }
    }
}

pub async fn secure(State(security): State<Security>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let is_personal = path.starts_with("/v1/");
    let policy = match path {
        _ if path.starts_with("/docs/") => HeaderValue::from_static(DOCS),
        _ => HeaderValue::from_static(NOTHING),
    };
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (CROSS_ORIGIN_OPENER_POLICY, "same-origin"),
        (CROSS_ORIGIN_RESOURCE_POLICY, "same-origin"),
        (PERMISSIONS_POLICY, NO_FEATURES),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if security.is_https {
        let value = HeaderValue::from_static(HTTPS_ONLY);
        headers.insert(header::STRICT_TRANSPORT_SECURITY, value);
    }
    // A route may be stricter, and knows best for how long its answer holds.
    headers
        .entry(header::REFERRER_POLICY)
        .or_insert(HeaderValue::from_static("same-origin"));
    if is_personal {
        let no_store = HeaderValue::from_static("no-store");
        headers.entry(header::CACHE_CONTROL).or_insert(no_store);
    }
    response
}
