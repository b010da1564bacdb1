//! One connection: the requests that come on it, and for how long it may keep us waiting.

use super::room::Room;
use axum::{Router, body::Body, extract::ConnectInfo};
use futures::poll;
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{net::SocketAddr, pin::pin, task::Poll, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::Notify,
};
use tokio_io_timeout::TimeoutWriter;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// How long a connection may keep us waiting.
#[derive(Clone, Copy)]
pub struct Limits {
    /// For the head of a request, and before one.
    head: Duration,
    /// For taking any more of an answer.
    write: Duration,
}

impl Limits {
    /// Proxies usually keep a connection for a minute after the last request; that they do so for less than the
    /// server spares them errors.
    pub const USUAL: Self = Self {
        head: Duration::from_secs(75),
        write: Duration::from_secs(30),
    };
}

/// What is kept of a connection before it is read, in bytes. Less than a head may have is refused with an answer
/// that says so; more than this, without one.
const BUFFER: usize = 64 * 1024;

/// Answers the requests of one connection, one after the other.
pub async fn converse<Io>(
    io: Io,
    peer: SocketAddr,
    router: Router,
    limits: Limits,
    room: &Room,
    stopping: CancellationToken,
) where
    Io: AsyncRead + AsyncWrite,
{
    let asked = Notify::new();
    let service = service_fn(|request: Request<Incoming>| {
        asked.notify_one();
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().oneshot(request)
    });
    let mut io = TimeoutWriter::new(io);
    io.set_timeout(Some(limits.write));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(Box::pin(io)), service);
    let mut connection = pin!(connection);
    let mut has_asked = false;
    let mut told_to_leave = pin!(room.told_to_leave());
    let ended = loop {
        tokio::select! {
            biased;
            ended = connection.as_mut() => break ended,
            () = asked.notified() => {
                has_asked = true;
                told_to_leave.set(room.told_to_leave());
            }
            () = stopping.cancelled() => {
                connection.as_mut().graceful_shutdown();
                break connection.await;
            }
            Ok(wish) = &mut told_to_leave => {
                connection.as_mut().graceful_shutdown();
                if !has_asked {
                    // hyper would wait for the rest of a head that has begun.
                    wish.comply();
                    return;
                }
                if let Poll::Ready(ended) = poll!(connection.as_mut()) {
                    wish.comply();
                    break ended;
                }
                // It leaves after its answer; perhaps somebody else can do so now.
                drop(wish);
                break connection.await;
            }
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
    use std::sync::Arc;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
        task::JoinHandle,
        time::{Instant, interval, timeout},
    };

    const SHORT: Duration = Duration::from_millis(20);

    /// Longer than any test takes.
    const AGES: Duration = Duration::from_mins(1);

    const PATIENT: Limits = Limits {
        head: AGES,
        write: AGES,
    };

    const HURRIED: Limits = Limits {
        head: SHORT,
        ..PATIENT
    };

    /// More bytes than are ever on their way to a client.
    const MUCH: usize = 1024 * 1024;

    struct Client {
        io: DuplexStream,
        server: JoinHandle<()>,
    }

    /// A connection to a server that says hello, or much.
    fn connect(room: &Arc<Room>, limits: Limits) -> Client {
        let (io, server) = duplex(1024);
        let router = Router::new()
            .route("/", get(async || "hello"))
            .route("/much", get(async || "x".repeat(MUCH)));
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        let room = room.clone();
        let server = tokio::spawn(async move {
            let place = room.enter().await;
            let stopping = CancellationToken::new();
            converse(server, peer, router, limits, &room, stopping).await;
            drop(place);
        });
        Client { io, server }
    }

    fn connect_alone(limits: Limits) -> Client {
        connect(&Arc::new(Room::new(1)), limits)
    }

    impl Client {
        async fn send(&mut self, text: &str) {
            self.io.write_all(text.as_bytes()).await.expect("sent");
        }

        async fn ask(&mut self, path: &str) {
            let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
            self.send(&request).await;
        }

        /// Asks for a hello, and reads it.
        async fn greet(&mut self) {
            self.ask("/").await;
            let mut answer = Vec::new();
            while !answer.ends_with(b"hello") {
                let read = timeout(AGES / 2, self.io.read_buf(&mut answer)).await;
                assert!(read.expect("answered").expect("answered") > 0, "hung up on");
            }
        }

        /// All that comes until the server hangs up.
        async fn read(&mut self) -> String {
            let mut text = String::new();
            let read = self.io.read_to_string(&mut text);
            timeout(AGES / 2, read)
                .await
                .expect("hung up")
                .expect("text");
            text
        }
    }

    #[tokio::test]
    async fn who_sends_a_head_byte_by_byte_is_hung_up_on() {
        let mut client = connect_alone(HURRIED);
        client.send("GET / HTTP/1.1\r\nx: ").await;
        let mut pace = interval(SHORT / 10);
        while client.io.write_all(b"x").await.is_ok() {
            pace.tick().await;
        }
        let answer = client.read().await;
        assert!(!answer.contains("200 OK"), "{answer}");
    }

    #[tokio::test]
    async fn who_never_says_anything_is_hung_up_on() {
        assert_eq!(connect_alone(HURRIED).read().await, "");
    }

    #[tokio::test]
    async fn a_connection_that_is_not_used_again_is_ended() {
        let mut client = connect_alone(HURRIED);
        client.ask("/").await;
        let answer = client.read().await;
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        assert_eq!(answer.matches("hello").count(), 1);
    }

    #[tokio::test]
    async fn who_does_not_take_the_answer_is_hung_up_on() {
        let write = SHORT;
        let mut client = connect_alone(Limits { write, ..PATIENT });
        client.ask("/much").await;
        let ended = timeout(AGES / 2, client.server).await;
        ended.expect("hung up").expect("no panic");
    }

    #[tokio::test]
    async fn who_takes_the_answer_slowly_gets_all_of_it() {
        let write = Duration::from_secs(3);
        let mut client = connect_alone(Limits { write, ..PATIENT });
        let begun = Instant::now();
        client.ask("/much").await;
        let mut pace = interval(Duration::from_millis(5));
        let mut answer = Vec::new();
        while answer.len() < MUCH {
            pace.tick().await;
            let read = client.io.read_buf(&mut answer).await.expect("an answer");
            assert!(read > 0, "hung up on");
        }
        assert!(begun.elapsed() > write, "too fast to prove anything");
    }

    #[tokio::test]
    async fn who_has_asked_nothing_for_longest_makes_room() {
        let room = Arc::new(Room::new(2));
        let mut first = connect(&room, PATIENT);
        let mut silent = connect(&room, PATIENT);
        first.greet().await;
        // By now both are served, and the first asks once more.
        first.greet().await;
        let mut third = connect(&room, PATIENT);
        third.greet().await;
        assert_eq!(silent.read().await, "");
        let mut fourth = connect(&room, PATIENT);
        fourth.greet().await;
        assert_eq!(first.read().await, "");
        third.greet().await;
    }

    #[tokio::test]
    async fn who_has_only_begun_to_ask_makes_room() {
        let room = Arc::new(Room::new(1));
        let mut slow = connect(&room, PATIENT);
        slow.send("GET / HTTP/1.1\r\nx: ").await;
        connect(&room, PATIENT).greet().await;
        assert_eq!(slow.read().await, "");
    }

    #[tokio::test]
    async fn who_is_being_answered_is_answered_before_making_room() {
        let room = Arc::new(Room::new(1));
        let mut busy = connect(&room, PATIENT);
        busy.ask("/much").await;
        busy.io.read_u8().await.expect("an answer");
        let mut next = connect(&room, PATIENT);
        let (answer, ()) = tokio::join!(busy.read(), next.greet());
        assert!(answer.len() > MUCH);
    }

    /// Else whoever comes next would be sent away for a place that was free already.
    #[tokio::test]
    async fn nobody_is_told_to_leave_once_there_is_room() {
        let room = Arc::new(Room::new(1));
        let mut first = connect(&room, PATIENT);
        first.ask("/much").await;
        first.io.read_u8().await.expect("an answer");
        let mut second = connect(&room, PATIENT);
        tokio::task::yield_now().await;
        drop(first);
        second.greet().await;
        second.greet().await;
    }
}
