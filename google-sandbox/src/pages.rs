//! The pages for developers.

use std::sync::Arc;

use axum::{Router, extract::State as Shares, http::StatusCode, response::Response, routing::get};

use crate::{html, shared::Shared};

pub(crate) fn router() -> Router<Arc<Shared>> {
    Router::new().route("/", get(index))
}

async fn index(Shares(_shared): Shares<Arc<Shared>>) -> Response {
    html::page(StatusCode::OK, "Sandbox", false, "")
}
