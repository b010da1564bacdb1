//! Serving until told to stop.

use crate::{app::App, http, jobs, telemetry};
use axum::{Router, body::Body, extract::ConnectInfo};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{future::Future, net::SocketAddr, pin::pin, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt;

/// How long a connection may take for the head of a request, and wait for one. Proxies usually keep theirs for
/// a minute after the last request; that they do so for less than the server spares them errors.
const HEAD_LIMIT: Duration = Duration::from_secs(75);

/// What is kept of a connection before it is read, in bytes. Less than a head may have is refused with an answer
/// that says so; more than this, without one.
const BUFFER: usize = 64 * 1024;

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
    let router = http::router(app);
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = stopping.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let router = router.clone();
                connections.spawn(converse(stream, peer, router, HEAD_LIMIT, stopping.clone()));
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

/// Answers the requests of one connection, one after the other.
async fn converse<Io>(
    io: Io,
    peer: SocketAddr,
    router: Router,
    head_limit: Duration,
    stopping: CancellationToken,
) where
    Io: AsyncRead + AsyncWrite + Unpin,
{
    let service = service_fn(|request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().oneshot(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_limit)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(io), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopping.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke off");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    const SHORT: Duration = Duration::from_millis(20);

    /// A connection to a server that says hello, and waits this long for a head.
    fn connect(head_limit: Duration) -> DuplexStream {
        let (client, server) = duplex(1024);
        let router = Router::new().route("/", get(async || "hello"));
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        let stopping = CancellationToken::new();
        tokio::spawn(converse(server, peer, router, head_limit, stopping));
        client
    }

    /// All that comes until the server hangs up.
    async fn read(client: &mut DuplexStream) -> String {
        let mut text = String::new();
        client.read_to_string(&mut text).await.expect("text");
        text
    }

    #[tokio::test]
    async fn who_sends_a_head_byte_by_byte_is_hung_up_on() {
        let mut client = connect(SHORT);
        client
            .write_all(b"GET / HTTP/1.1\r\nx: ")
            .await
            .expect("sent");
        let mut pace = tokio::time::interval(SHORT / 10);
        while client.write_all(b"x").await.is_ok() {
            pace.tick().await;
        }
        let answer = read(&mut client).await;
        assert!(!answer.contains("200 OK"), "{answer}");
    }

    #[tokio::test]
    async fn who_never_says_anything_is_hung_up_on() {
        assert_eq!(read(&mut connect(SHORT)).await, "");
    }

    #[tokio::test]
    async fn a_connection_that_is_not_used_again_is_ended() {
        let mut client = connect(SHORT);
        let request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
        client.write_all(request).await.expect("sent");
        let answer = read(&mut client).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        assert_eq!(answer.matches("hello").count(), 1);
    }
}
