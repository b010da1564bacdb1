//! The server process, from its start to its end.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io;
use std::mem;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::PORT;
use super::cluster::plain_environment;
use super::error::Error;
use super::find::Installation;
use super::home::Home;
use super::log::Log;
use super::watchdog::{Teller, Watchdog};

/// After a crash the server first repeats what it hadn't written yet.
const LIMIT_TO_START: Duration = Duration::from_mins(2);
/// How long an exit may take that the watchdog has seen to already.
const LIMIT_TO_END: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(2);

type Callback = Box<dyn FnOnce(String) + Send>;

/// A running `postgres`.
#[derive(Debug)]
pub(super) struct Server {
    pid: u32,
    life: Arc<Life>,
    log: Log,
}

/// What we know about the process; shared with the thread that waits for its end.
#[derive(Default)]
struct Life {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    ended: Option<ExitStatus>,
    is_stopping: bool,
    on_exit: Option<Callback>,
}

impl Server {
    /// Starts the server and waits until it accepts connections.
    pub(super) fn start(
        home: &Home,
        installation: &Installation,
        watchdog: &Watchdog,
        settings: &[(&str, &str)],
    ) -> Result<Self, Error> {
        let pid_file = home.cluster().join("postmaster.pid");
        let stale = fs::read_to_string(&pid_file).unwrap_or_default();
        let child = spawn(home, installation, watchdog, settings)
            .map_err(Error::io("run", &installation.bin.join("postgres")))?;
        let server = Self {
            pid: child.id(),
            life: Arc::default(),
            log: watchdog.log.clone(),
        };
        server.wait_on_a_thread(child, watchdog.teller())?;
        server.wait_until_ready(&pid_file, &stale)?;
        Ok(server)
    }

    fn wait_on_a_thread(&self, child: Child, teller: Teller) -> Result<(), Error> {
        let (life, log) = (Arc::clone(&self.life), self.log.clone());
        let wait = move || life.wait_for(child, &teller, &log);
        let thread = thread::Builder::new()
            .name("postgres-exit".to_owned())
            .spawn(wait);
        thread
            .map(drop)
            .map_err(Error::io("start a thread for", Path::new("postgres")))
    }

    /// The server itself says in `postmaster.pid` when it is ready. After a crash an old file says so, too.
    fn wait_until_ready(&self, pid_file: &Path, stale: &str) -> Result<(), Error> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.life.wait(POLL) {
                return Err(self
                    .log
                    .failed(format!("PostgreSQL did not start ({status})")));
            }
            let text = fs::read_to_string(pid_file).unwrap_or_default();
            if text != stale && is_ready(&text, self.pid) {
                return Ok(());
            }
            if start.elapsed() > LIMIT_TO_START {
                return Err(self.log.failed(format!(
                    "PostgreSQL was not ready within {} s",
                    LIMIT_TO_START.as_secs()
                )));
            }
        }
    }

    /// Stops the server by way of the watchdog.
    pub(super) fn stop(&self, watchdog: &mut Watchdog) -> Result<(), Error> {
        let is_first = {
            let mut state = self.life.state();
            !mem::replace(&mut state.is_stopping, true) && state.ended.is_none()
        };
        let limit = if watchdog.close() {
            LIMIT_TO_END
        } else {
            Duration::ZERO
        };
        if !is_first {
            return Ok(());
        }
        let ended = self
            .life
            .wait(limit)
            .or_else(|| self.end_without_watchdog());
        match ended {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(self
                .log
                .failed(format!("PostgreSQL did not stop cleanly ({status})"))),
            None => Err(self.log.failed("PostgreSQL does not stop")),
        }
    }

    /// Somebody must have killed the watchdog.
    fn end_without_watchdog(&self) -> Option<ExitStatus> {
        ["INT", "QUIT", "KILL"].iter().find_map(|signal| {
            // If the signal can't be sent, the wait tells.
            let _ = Command::new("/bin/sh")
                .args([
                    "-c",
                    r#"kill -s "$1" "$2""#,
                    "sh",
                    signal,
                    &self.pid.to_string(),
                ])
                .stdin(Stdio::null())
                .stderr(Stdio::null())
                .status();
            self.life.wait(LIMIT_TO_END)
        })
    }

    pub(super) fn on_exit(&self, callback: Callback) {
        let mut state = self.life.state();
        match state.ended {
            Some(status) if !state.is_stopping => {
                drop(state);
                callback(unexpected(status, &self.log));
            }
            _ => state.on_exit = Some(callback),
        }
    }
}

impl Life {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The server's end, if it comes within `limit`.
    fn wait(&self, limit: Duration) -> Option<ExitStatus> {
        let waited = self
            .changed
            .wait_timeout_while(self.state(), limit, |state| state.ended.is_none());
        waited.unwrap_or_else(PoisonError::into_inner).0.ended
    }

    /// Runs on its own thread for as long as the server does.
    fn wait_for(&self, mut child: Child, teller: &Teller, log: &Log) {
        let Ok(status) = child.wait() else { return };
        teller.nothing_runs();
        let mut state = self.state();
        state.ended = Some(status);
        let callback = if state.is_stopping {
            None
        } else {
            state.on_exit.take()
        };
        drop(state);
        self.changed.notify_all();
        if let Some(callback) = callback {
            callback(unexpected(status, log));
        }
    }
}

impl fmt::Debug for Life {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Life")
            .field("ended", &self.state().ended)
            .finish_non_exhaustive()
    }
}

fn unexpected(status: ExitStatus, log: &Log) -> String {
    log.failed(format!("PostgreSQL ended unexpectedly ({status})"))
        .to_string()
}

fn spawn(
    home: &Home,
    installation: &Installation,
    watchdog: &Watchdog,
    settings: &[(&str, &str)],
) -> io::Result<Child> {
    let mut socket = OsString::from("unix_socket_directories=");
    socket.push(&home.socket_dir);
    let mut command = watchdog.command(installation.bin.join("postgres"))?;
    command
        .arg("-D")
        .arg(home.cluster())
        .arg("-p")
        .arg(PORT.to_string())
        .arg("-c")
        .arg(socket);
    let ours = [
        ("listen_addresses", ""),
        ("unix_socket_permissions", "0700"),
        ("timezone", "UTC"),
        ("log_timezone", "UTC"),
    ];
    for (name, value) in ours.iter().chain(settings) {
        command.arg("-c").arg(format!("{name}={value}"));
    }
    plain_environment(&mut command);
    home.owner.apply(&mut command);
    command.spawn()
}

/// The first line is the process, the eighth its state.
fn is_ready(postmaster_pid: &str, pid: u32) -> bool {
    let lines: Vec<_> = postmaster_pid.lines().map(str::trim).collect();
    lines.first() == Some(&pid.to_string().as_str()) && lines.get(7) == Some(&"ready")
}
