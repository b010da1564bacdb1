//! A Redis of a test's own, which can be killed and started again.

use std::{
    io::ErrorKind,
    net::{Ipv4Addr, TcpListener},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// Kills the server when its own input ends, which it does even when the test program is killed.
const GUARD: &str = r#""$@" & server=$!; read -r _; kill -9 $server; wait $server"#;

/// Longer than a start takes, but for a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(30);

/// Keeps nothing on disk.
pub struct Redis {
    port: u16,
    password: &'static str,
    process: Option<Child>,
}

impl Redis {
    /// A server that nobody else knows, and that wants a password.
    pub async fn start() -> Self {
        must_be_installed();
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let mut redis = Self {
            port,
            password: "open-sesame",
            process: None,
        };
        redis.start_again().await;
        redis
    }

    pub fn url(&self) -> String {
        self.url_with(self.password)
    }

    pub fn url_with(&self, password: &str) -> String {
        format!("redis://:{password}@127.0.0.1:{}/", self.port)
    }

    /// Empty, at the same address as before.
    pub async fn start_again(&mut self) {
        let port = self.port.to_string();
        let process = Command::new("sh")
            .args(["-c", GUARD, "sh", "redis-server"])
            .args(["--port", &port, "--bind", "127.0.0.1"])
            .args(["--requirepass", self.password])
            .args(["--save", "", "--appendonly", "no", "--dir", "/tmp"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.process = Some(process.unwrap());
        let client = redis::Client::open(self.url()).unwrap();
        let begun = Instant::now();
        while let Err(error) = client.get_multiplexed_async_connection().await {
            assert!(begun.elapsed() < PATIENCE, "redis-server: {error}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// SIGKILL: nothing of it runs any more when this returns.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            drop(process.stdin.take());
            process.wait().unwrap();
        }
    }

    /// What a command answers.
    pub async fn ask<T: redis::FromRedisValue>(&self, command: &[&str]) -> T {
        let client = redis::Client::open(self.url()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let mut asked = redis::cmd(command[0]);
        asked.arg(&command[1..]);
        asked.query_async(&mut connection).await.unwrap()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Fails, and says what to do about it, where there is no redis-server.
fn must_be_installed() {
    let asked = Command::new("redis-server").arg("--version").output();
    if let Err(error) = asked {
        assert_eq!(error.kind(), ErrorKind::NotFound, "redis-server: {error}");
        panic!("these tests need redis-server: apt-get install redis-server");
    }
}
