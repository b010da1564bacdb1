//! Connections on which nothing is asked, or nothing in full, so that nobody else gets one.

use crate::support::TestApp;
use std::{net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

const MOST: usize = 8;

/// Far less than a connection may be idle for.
const SOON: Duration = Duration::from_secs(20);

async fn server_with_few_places() -> (TestApp, SocketAddr) {
    let test = TestApp::start_with(|config| config.server.max_connections = MOST).await;
    let address = test.app.config.server.bind;
    (test, address)
}

/// As many connections as there may be, on each of which this is said.
async fn occupy(address: SocketAddr, said: &str) -> Vec<TcpStream> {
    let mut connections = Vec::new();
    for _ in 0..MOST {
        let mut connection = TcpStream::connect(address).await.unwrap();
        connection.write_all(said.as_bytes()).await.unwrap();
        connections.push(connection);
    }
    connections
}

#[tokio::test]
async fn connections_that_are_only_held_keep_nobody_out() {
    let (test, address) = server_with_few_places().await;
    for said in [
        "",
        "GET /livez HTTP/1.1\r\nHost: x\r\nX-Slow: ",
        "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n",
    ] {
        let mut held = occupy(address, said).await;
        let stranger = test.stranger();
        let asked = timeout(SOON, stranger.get("/livez"));
        asked.await.expect("answered").expect(200);
        let mut rest = Vec::new();
        let hung_up = timeout(SOON, held[0].read_to_end(&mut rest)).await;
        // Hung up on with or without something unread.
        let _ = hung_up.expect("more connections are open than may be");
    }
}
