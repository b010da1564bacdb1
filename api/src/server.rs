//! Serving until told to stop.

mod connection;
mod room;

use crate::{app::App, http, jobs, telemetry};
use connection::{Limits, converse};
use room::Room;
use std::{future::Future, sync::Arc, time::Duration};
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// After a connection could not be accepted: most likely there are too many.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// Serves requests and runs jobs until `stop`; then lets what is under way come to its end, for the
/// configured grace at most.
pub async fn serve(
    app: App,
    listener: TcpListener,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let stopping = CancellationToken::new();
    let grace = app.config.server.shutdown_grace;
    if let Some(bind) = app.config.server.metrics_bind {
        telemetry::metrics::start(bind, stopping.clone()).await?;
    }
    let both = async {
        tokio::join!(
            answer(app.clone(), listener, stopping.clone()),
            jobs::work(app, stopping.clone())
        );
    };
    tokio::pin!(both);
    tokio::select! {
        () = &mut both => anyhow::bail!("the server ended by itself"),
        () = stop => tracing::info!("stopping"),
    }
    stopping.cancel();
    if tokio::time::timeout(grace, both).await.is_err() {
        tracing::warn!(
            ?grace,
            "stopped before everything under way had ended; jobs run again elsewhere"
        );
    }
    Ok(())
}

/// Answers requests until `stopping`, and those under way then.
pub async fn answer(app: App, listener: TcpListener, stopping: CancellationToken) {
    let room = Arc::new(Room::new(app.config.server.max_connections));
    let router = http::router(app);
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = stopping.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                // Until there is a place, who comes next waits in the backlog of the operating system.
                let place = tokio::select! {
                    () = stopping.cancelled() => break,
                    place = room.enter() => place,
                };
                let (room, router, stopping) = (room.clone(), router.clone(), stopping.clone());
                connections.spawn(async move {
                    converse(stream, peer, router, Limits::USUAL, &room, stopping).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}
