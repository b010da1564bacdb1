//! HTTP: the router and the order of its layers. Everything here turns requests into calls of
//! [`crate::service`], and what comes back into answers.

mod archive;
mod auth;
mod cors;
mod credentials;
mod cursor;
mod etag;
mod extract;
mod headers;
mod idempotency;
mod instant;
mod json;
mod layers;
mod local_time;
mod object;
mod occurrence;
mod openapi;
mod origin;
mod problem;
mod rate_limit;
mod routes;
mod scope;
mod sign_in_cookie;
mod sign_in_page;
mod unreadable;
mod validate;

use crate::app::App;
use axum::{
    Router, extract::DefaultBodyLimit, http::StatusCode, middleware, response::IntoResponse,
};
use origin::Operations;
use problem::Problem;
use rate_limit::Limiter;
use std::sync::Arc;
use tower::{ServiceBuilder, util::option_layer};
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::CompressionLayer,
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer},
    trace::TraceLayer,
};
use utoipa_swagger_ui::{Config, SwaggerUi};

pub use openapi::document;

/// The longest body of a request.
const BODY_LIMIT: usize = extract::USUAL_KIB * 1024;

/// All routes and layers. Requests must come with the address that they come from, in
/// [`axum::extract::ConnectInfo`].
pub fn router(app: App) -> Router {
    let (mut router, document) = openapi::routes().split_for_parts();
    if let Some(limiter) = Limiter::new(&app.config.rate_limits, &app.clock) {
        let limit = middleware::from_fn_with_state(Arc::new(limiter), rate_limit::limit);
        router = router.route_layer(limit);
    }
    let known = (app.clone(), Arc::new(Operations::of(&document)));
    router = router.route_layer(middleware::from_fn_with_state(known, origin::note));
    let server = &app.config.server;
    let docs = Config::from("/openapi.json")
        // Without the bar on top, which asks for the address of a document.
        .use_base_layout()
        .try_it_out_enabled(true)
        .with_credentials(true)
        .validator_url("none")
        .display_request_duration(true);
    // The first is outermost.
    let layers = ServiceBuilder::new()
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .layer(
            TraceLayer::new_for_http()
                .make_span_with(layers::span)
                .on_request(())
                .on_response(layers::log),
        )
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(CompressionLayer::new())
        .layer(middleware::from_fn_with_state(
            headers::Security::new(server),
            headers::secure,
        ))
        .layer(option_layer(cors::layer(server)))
        .layer(CatchPanicLayer::custom(layers::panicked))
        .layer(middleware::from_fn(layers::time_limit))
        .layer(middleware::from_fn(layers::head_limit))
        .layer(middleware::from_fn_with_state(
            cors::Origins::new(server),
            cors::check_origin,
        ))
        .layer(DefaultBodyLimit::max(BODY_LIMIT));
    router
        .merge(
            SwaggerUi::new("/docs")
                .config(docs)
                .url("/openapi.json", document),
        )
        .fallback(no_such_route)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(layers)
        .with_state(app)
}

async fn no_such_route() -> impl IntoResponse {
    Problem::new(
        StatusCode::NOT_FOUND,
        "no_such_route",
        "There is nothing at this address; /docs shows what there is.",
    )
}

async fn method_not_allowed() -> impl IntoResponse {
    let detail = "This address does not know this method; Allow names those that it knows.";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
}
