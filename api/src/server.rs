//! Serving until told to stop.

use crate::{app::App, http, jobs};
use anyhow::Context;
use std::future::Future;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Serves requests and runs jobs until `stop`; then lets what is under way come to its end, for the
/// configured grace at most.
pub async fn serve(
    app: App,
    listener: TcpListener,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let stopping = CancellationToken::new();
    let grace = app.config.server.shutdown_grace;
    let requests = axum::serve(listener, http::service(app.clone()))
        .with_graceful_shutdown(stopping.clone().cancelled_owned())
        .into_future();
    let both = async { tokio::join!(requests, jobs::work(app, stopping.clone())).0 };
    tokio::pin!(both);
    tokio::select! {
        ended = &mut both => return ended.context("the server ended by itself"),
        () = stop => tracing::info!("stopping"),
    }
    stopping.cancel();
    if let Ok(ended) = tokio::time::timeout(grace, both).await {
        return ended.context("the server ended badly");
    }
    tracing::warn!(
        ?grace,
        "stopped before everything under way had ended; jobs run again elsewhere"
    );
    Ok(())
}
