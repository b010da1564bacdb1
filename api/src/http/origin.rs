//! Notes which operation a request is, and where it comes from, for the audit trail.

use super::rate_limit::client;
use crate::{
    app::App,
    origin::{self, Actor, Sender},
};
use axum::{
    extract::{ConnectInfo, MatchedPath, Request, State},
    http::Method,
    middleware::Next,
    response::Response,
};
use std::{collections::HashMap, net::SocketAddr, sync::Arc};
use utoipa::openapi::OpenApi;

/// The longest request id that is kept; who sends one chooses it.
pub const REQUEST_ID_LENGTH: usize = 128;

/// The `operationId` of each path and method.
pub struct Operations(HashMap<String, HashMap<Method, Arc<str>>>);

impl Operations {
    pub fn of(document: &OpenApi) -> Self {
        let paths = document.paths.paths.iter();
        Self(
            paths
                .map(|(path, item)| {
                    let ids = super::openapi::operations(&mut item.clone())
                        .filter_map(|(method, operation)| {
                            Some((method, operation.operation_id.as_deref()?.into()))
                        })
                        .collect();
                    (path.clone(), ids)
                })
                .collect(),
        )
    }

    fn id(&self, method: &Method, path: &str) -> Option<Arc<str>> {
        self.0.get(path)?.get(method).cloned()
    }
}

pub async fn note(
    State((app, operations)): State<(App, Arc<Operations>)>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    route: MatchedPath,
    request: Request,
    next: Next,
) -> Response {
    let headers = request.headers();
    let request_id = headers.get("x-request-id").and_then(|id| id.to_str().ok());
    let trusted_proxies = &app.config.rate_limits.trusted_proxies;
    let sender = Sender {
        address: client::address(peer.ip(), headers, trusted_proxies),
        request_id: request_id.map(|id| id.chars().take(REQUEST_ID_LENGTH).collect()),
    };
    let operation = operations.id(request.method(), route.as_str());
    let origin = app
        .origin(Actor::Person(None), operation)
        .of_request(sender);
    origin::scope(origin, next.run(request)).await
}
