//! A server in a process of its own: this test program, started once more.

use crate::support::{self, secrets};
use api::{
    app::App,
    clock::Clock,
    config::{Database, SharedBudgets},
    database, server,
};
use serde::{Deserialize, Serialize};
use std::{
    fs::File,
    net::{SocketAddr, TcpListener},
    num::NonZeroU32,
    os::{
        fd::{AsFd, OwnedFd},
        unix::process::parent_id,
    },
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};
use tracing_subscriber::{
    Layer,
    filter::{LevelFilter, Targets},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

/// What the server is told.
#[derive(Clone, Serialize, Deserialize)]
pub struct Orders {
    pub database: String,
    pub google: String,
    pub keys: String,
    pub shared: Option<SharedOrders>,
    /// Another provider where people sign in.
    pub provider: Option<ProviderOrders>,
}

/// A provider, as it was started.
#[derive(Clone, Serialize, Deserialize)]
pub struct ProviderOrders {
    pub id: String,
    pub issuer: String,
}

/// How requests are counted of this server and others.
#[derive(Clone, Serialize, Deserialize)]
pub struct SharedOrders {
    pub redis: String,
    pub patience: Duration,
    /// Of one person per minute.
    pub read: NonZeroU32,
    pub metrics: SocketAddr,
}

const ORDERS: &str = "TEST_SERVER_ORDERS";

#[test]
#[ignore = "is started, and killed, by other tests"]
fn serves_until_killed() {
    let Ok(orders) = std::env::var(ORDERS) else {
        return;
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(serve(serde_json::from_str(&orders).unwrap()));
}

async fn serve(orders: Orders) {
    secrets::log_everything();
    log_faults();
    let socket = std::io::stdin().as_fd().try_clone_to_owned().unwrap();
    let listener = TcpListener::from(socket);
    listener.set_nonblocking(true).unwrap();
    let database = Database {
        url: orders.database.into(),
        max_connections: 16,
        migrate_on_start: false,
    };
    let bind = listener.local_addr().unwrap();
    let mut config = support::config(bind, &orders.google, database);
    config.keys = orders.keys.parse().unwrap();
    config.jobs.workers = 4;
    if let Some(ProviderOrders { id, issuer }) = orders.provider {
        config.sign_in.providers = vec![support::provider::settings(&id, &issuer)];
    }
    config.jobs.calendar_poll = Duration::from_secs(5);
    if let Some(shared) = orders.shared {
        config.server.metrics_bind = Some(shared.metrics);
        config.rate_limits.budgets.as_mut().unwrap().read = shared.read;
        config.rate_limits.shared = Some(SharedBudgets {
            redis: redis::Client::open(shared.redis).unwrap(),
            patience: shared.patience,
        });
    }
    let db = database::connect(&config.database).await.unwrap();
    let app = App::new(config, db, Clock::System).unwrap();
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    server::serve(app, listener, parent_gone()).await.unwrap();
}

/// Says why a request was answered with a fault of ours, which the one who asked is not told.
fn log_faults() {
    let faults = Targets::new().with_target("api::http::problem", LevelFilter::WARN);
    let printed = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    // Unless everything is logged.
    let _ = tracing_subscriber::registry()
        .with(printed.with_filter(faults))
        .try_init();
}

/// So that nothing stays behind, whatever becomes of the test.
async fn parent_gone() {
    let parent = parent_id();
    while parent_id() == parent {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Ends when dropped.
pub struct Server(Child);

impl Server {
    pub fn start(orders: &Orders, socket: &TcpListener) -> Self {
        Self::spawn(
            Command::new(std::env::current_exe().unwrap()).stdout(Stdio::null()),
            orders,
            socket,
        )
    }

    /// One that leaves all it logs in this folder, and what it prints besides.
    pub fn start_logging(orders: &Orders, socket: &TcpListener, folder: &Path) -> Self {
        let printed = folder.join("printed.log");
        let printed = File::options().append(true).create(true).open(printed);
        let printed = printed.unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .env(secrets::FOLDER, folder)
            .stdout(printed.try_clone().unwrap())
            .stderr(printed);
        Self::spawn(&mut command, orders, socket)
    }

    fn spawn(command: &mut Command, orders: &Orders, socket: &TcpListener) -> Self {
        let socket = OwnedFd::from(socket.try_clone().unwrap());
        let process = command
            .args([
                "--ignored",
                "--exact",
                "--nocapture",
                "support::process::serves_until_killed",
            ])
            .env(ORDERS, serde_json::to_string(orders).unwrap())
            .stdin(socket)
            .spawn();
        Self(process.unwrap())
    }

    /// SIGKILL: nothing of it runs any more when this returns.
    pub fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
