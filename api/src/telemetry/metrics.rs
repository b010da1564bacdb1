//! Metrics for Prometheus, on a port of their own: what they tell is not for the public.

use anyhow::Context;
use axum::{Router, http::header, routing::get};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// From now on, what is measured in this process is kept, and served at `/metrics` until `stopping`.
pub async fn start(bind: SocketAddr, stopping: CancellationToken) -> anyhow::Result<()> {
    let listener = TcpListener::bind(bind)
        .await
        .with_context(|| format!("can't serve metrics on {bind}"))?;
    let handle = PrometheusBuilder::new().install_recorder()?;
    let router = Router::new().route("/metrics", get(async move || render(&handle)));
    tracing::info!(address = %bind, "serving metrics");
    tokio::spawn(async move {
        let served =
            axum::serve(listener, router).with_graceful_shutdown(stopping.cancelled_owned());
        if let Err(error) = served.await {
            tracing::error!(%error, "metrics are no longer served");
        }
    });
    Ok(())
}

fn render(handle: &PrometheusHandle) -> ([(header::HeaderName, &'static str); 1], String) {
    handle.run_upkeep();
    let content_type = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    (content_type, handle.render())
}
