//! Which pages may call from a browser: our own, and those of the origins that are listed.

use super::{credentials::Credentials, problem::Problem};
use crate::config;
use axum::{
    extract::{Request, State},
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use std::{sync::Arc, time::Duration};
use tower_http::cors::{AllowOrigin, CorsLayer};

/// How long a browser may go by the answer to a preflight; none remembers it for longer than two hours.
const REMEMBERED: Duration = Duration::from_hours(2);

/// Tells browsers that pages of the listed origins may call as whoever is signed in there, and read the answers.
/// None where no origin is listed.
pub fn layer(config: &config::Server) -> Option<CorsLayer> {
    let origins = config.cors_origins.iter();
    let origins: Vec<_> = origins
        .filter_map(|o| HeaderValue::try_from(o).ok())
        .collect();
    let methods = [
        Method::GET,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
    ];
    (!origins.is_empty()).then(|| {
        CorsLayer::new()
            .allow_origin(AllowOrigin::list(origins))
            .allow_credentials(true)
            .allow_methods(methods)
            .allow_headers([
                header::AUTHORIZATION,
                header::CONTENT_TYPE,
                header::IF_MATCH,
                HeaderName::from_static("idempotency-key"),
            ])
            .expose_headers([
                header::ETAG,
                header::LOCATION,
                header::RETRY_AFTER,
                header::WWW_AUTHENTICATE,
                HeaderName::from_static("ratelimit"),
                HeaderName::from_static("ratelimit-policy"),
                HeaderName::from_static("idempotent-replayed"),
                HeaderName::from_static("x-request-id"),
            ])
            .max_age(REMEMBERED)
    })
}

/// The origins whose pages may ask for changes.
#[derive(Clone)]
pub struct Origins(Arc<[String]>);

impl Origins {
    pub fn new(config: &config::Server) -> Self {
        let own = config.public_url.origin().ascii_serialization();
        let all = config.cors_origins.iter().cloned().chain([own]);
        Self(all.collect())
    }

    /// Clients that are no browsers say nothing of where they come from.
    fn may_ask_for_a_change(&self, request: &Request) -> bool {
        let headers = request.headers();
        if let Some(origin) = headers.get(header::ORIGIN) {
            let mut all = self.0.iter();
            return all.any(|known| known.as_bytes() == origin.as_bytes());
        }
        headers
            .get("sec-fetch-site")
            .is_none_or(|site| site == "same-origin" || site == "none")
    }
}

/// Refuses changes that a page asks for whose origin is not listed: the session cookie would speak for somebody
/// who did not mean it. Who shows a token means it, and then the cookies don't count.
pub async fn check_origin(
    State(origins): State<Origins>,
    mut request: Request,
    next: Next,
) -> Response {
    let credentials = Credentials::of(request.headers());
    if credentials == Credentials::Bearer {
        request.headers_mut().remove(header::COOKIE);
    } else if !request.method().is_safe() && !origins.may_ask_for_a_change(&request) {
        let detail =
            "Changes are accepted from pages of this server, and of those that it lists, only.";
        return Problem::new(StatusCode::FORBIDDEN, "cross_origin", detail).into_response();
    }
    next.run(request).await
}
