//! Accepting connections, and what surrounds every request: host check, planned failures, log.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{DefaultBodyLimit, Request, State as Shares},
    http::{HeaderMap, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};
use tower::ServiceExt;
use tower_http::catch_panic::CatchPanicLayer;

use crate::{
    calendar, control, oauth, pages,
    shared::Shared,
    state::Held,
    types::{Effect, Failure, RequestLog, Target},
};

/// The largest request body accepted.
const BODY_LIMIT: usize = 1 << 20;

/// Marks an answer that must not reach the caller.
#[derive(Clone)]
struct Dropped;

/// Every route of the sandbox.
pub(crate) fn router(shared: &Arc<Shared>) -> Router {
    Router::new()
        .merge(oauth::router())
        .merge(calendar::router())
        .merge(control::router())
        .merge(pages::router())
        .with_state(shared.clone())
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(CatchPanicLayer::new())
        .layer(middleware::from_fn_with_state(shared.clone(), surround))
}

/// Refuses any address but loopback: there is no password here.
pub(crate) fn require_loopback(address: SocketAddr) -> anyhow::Result<()> {
    anyhow::ensure!(
        address.ip().is_loopback(),
        "the Google sandbox serves loopback addresses only, not {address}"
    );
    Ok(())
}

/// Serves until told to stop, or until nobody is left who could tell.
pub(crate) async fn serve(listener: TcpListener, router: Router, mut stop: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            _ = stop.changed() => break,
            accepted = listener.accept() => accepted,
        };
        while connections.try_join_next().is_some() {}
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::debug!("a connection was not accepted: {error}");
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
        };
        let router = router.clone();
        connections.spawn(async move {
            let _ = stream.set_nodelay(true);
            let service = service_fn(move |request| answer(router.clone(), request));
            // An error here is a caller that went away, or an answer dropped on purpose.
            let _ = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(Duration::from_mins(1))
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer(
    router: Router,
    request: hyper::Request<Incoming>,
) -> Result<Response<Body>, io::Error> {
    let response = router
        .oneshot(request.map(Body::new))
        .await
        .unwrap_or_else(|never: Infallible| match never {});
    if response.extensions().get::<Dropped>().is_some() {
        return Err(io::Error::other("the answer is lost on purpose"));
    }
    Ok(response)
}

/// Which part of Google a path belongs to; none for pages and the control plane.
fn target(path: &str) -> Option<Target> {
    Some(match path {
        "/token" => Target::Token,
        "/revoke" => Target::Revoke,
        "/oauth2/v3/certs" => Target::Jwks,
        "/v1/userinfo" => Target::UserInfo,
        "/.well-known/openid-configuration" => Target::Discovery,
        _ if path.starts_with("/o/oauth2/") => Target::Authorization,
        _ if path.starts_with("/calendar/v3/") => Target::Calendar,
        _ => return None,
    })
}

async fn surround(Shares(shared): Shares<Arc<Shared>>, request: Request, next: Next) -> Response {
    if !is_local_host(request.headers()) {
        // A name that somebody else points at this machine.
        return (StatusCode::MISDIRECTED_REQUEST, "loopback hosts only\n").into_response();
    }
    let method = request.method().as_str().to_owned();
    let path = request.uri().path().to_owned();
    let Some(target) = target(&path) else {
        return next.run(request).await;
    };
    let asked = request.uri().query().unwrap_or_default().to_owned();
    let query = match target {
        Target::Calendar => asked.clone(),
        _ => String::new(),
    };
    let failure = shared.read(|state| {
        let request = (method.as_str(), path.as_str(), asked.as_str());
        strike(&mut state.failures, target, request)
    });
    let response = match failure {
        Some(Effect::Status {
            status,
            reason,
            retry_after,
        }) => refusal(target, status, &reason, retry_after),
        Some(Effect::Hang(time)) => {
            tokio::time::sleep(time).await;
            next.run(request).await
        }
        Some(Effect::AfterEffect { status, reason }) => {
            next.run(request).await;
            status.map_or_else(dropped, |status| refusal(target, status, &reason, None))
        }
        Some(Effect::Held) => {
            let request = received(request).await;
            shared.read(|state| state.held.push(Held { request, next }));
            dropped()
        }
        None => next.run(request).await,
    };
    let lost = response.extensions().get::<Dropped>().is_some();
    let status = if lost { 0 } else { response.status().as_u16() };
    shared.read(|state| {
        state.record(RequestLog {
            method,
            path,
            query,
            status,
        });
    });
    response
}

/// The request with its body, which does not end with the connection.
async fn received(request: Request) -> Request {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, BODY_LIMIT).await.unwrap_or_default();
    Request::from_parts(parts, body.into())
}

/// Carries out what was held, the oldest first; the statuses that nobody was told.
pub(crate) async fn release_held(shared: &Shared) -> Vec<u16> {
    let held = shared.read(|state| std::mem::take(&mut state.held));
    let mut statuses = Vec::new();
    for Held { request, next } in held {
        statuses.push(next.run(request).await.status().as_u16());
    }
    statuses
}

fn dropped() -> Response {
    let mut response = Response::default();
    response.extensions_mut().insert(Dropped);
    response
}

/// The first planned failure that matches, used up by one.
fn strike(
    failures: &mut Vec<Failure>,
    target: Target,
    (method, path, query): (&str, &str, &str),
) -> Option<Effect> {
    let has = |text: &str, part: &Option<String>| part.as_ref().is_none_or(|it| text.contains(it));
    let index = failures.iter().position(|failure| {
        (failure.target == Target::All || failure.target == target)
            && failure
                .method
                .as_ref()
                .is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
            && has(path, &failure.path)
            && has(query, &failure.query)
    })?;
    let failure = failures.get_mut(index)?;
    let effect = failure.effect.clone();
    if failure.count != u32::MAX {
        failure.count = failure.count.saturating_sub(1);
        if failure.count == 0 {
            failures.remove(index);
        }
    }
    Some(effect)
}

/// An error as the struck part of Google would word it.
fn refusal(target: Target, status: u16, reason: &str, retry_after: Option<u32>) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = if target == Target::Calendar {
        calendar::error::planned(status, reason).into_response()
    } else {
        oauth::error(status, reason, "This failure was planned.")
    };
    if let Some(seconds) = retry_after {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

/// Is the request addressed to this machine by one of its own names?
fn is_local_host(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST).and_then(|h| h.to_str().ok()) else {
        return false;
    };
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => host.split(':').next(),
    };
    matches!(name, Some("localhost" | "::1"))
        || name
            .and_then(|name| name.parse::<std::net::Ipv4Addr>().ok())
            .is_some_and(|ip| ip.is_loopback())
}

/// May this request change something? Browsers say where a request comes from; other programs don't.
pub(crate) fn is_same_site(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if let Some(site) = text("sec-fetch-site")
        && !matches!(site, "same-origin" | "none")
    {
        return false;
    }
    match (text("origin"), text("host")) {
        (None, _) => true,
        (Some(origin), Some(host)) => origin == format!("http://{host}"),
        (Some(_), None) => false,
    }
}
