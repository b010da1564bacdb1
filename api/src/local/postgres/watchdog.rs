//! A small shell outside our process that ends Postgres when we end, in whatever way.
//!
//! It reads a pipe that we hold open. Everything that we run says its own process id into that pipe before it becomes `initdb`,
//! `postgres` or `pip` (a shell keeps its id through `exec`), so there is no moment in which something runs that the watchdog doesn't
//! know. When the pipe closes because we stopped, or because we were killed, it interrupts what runs, waits for its end, and
//! removes what is temporary. So a clean stop and a crash take the same way. It also keeps the lock on the data directory meanwhile.

use std::ffi::OsStr;
use std::io::{self, PipeWriter, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::error::Error;
use super::lock::{Lock, STOPPING};
use super::log::Log;
use super::search_path;

/// Arguments: the lock file, what to write into it, directories to remove. Input: a process id per line, or `-`; the last one counts.
/// Each leads a process group, and signals go to the group: a pip that is a script wouldn't pass them on.
/// A process that has ended but that nobody has waited for (state Z, in containers without an init) doesn't count as running.
/// Postgres takes an interrupt as "end all connections, write everything, stop"; if it hasn't after 10 s, it is told more firmly.
const SCRIPT: &str = r#"
trap '' HUP INT TERM
lock=$1 stopping=$2
shift 2
pid=-
runs() {
    kill -0 "$pid" || return 1
    { read -r _ _ state _ <"/proc/$pid/stat"; } && [ "$state" = Z ] && return 1
    return 0
}
while read -r line; do pid=$line; done
echo "$stopping" >"$lock"
if [ "$pid" != - ] && kill -s INT -- "-$pid"; then
    polls=0
    while runs; do
        polls=$((polls + 1))
        case $polls in
            500) kill -s QUIT -- "-$pid" ;;
            750) kill -s KILL -- "-$pid" ;;
            800) break ;;
        esac
        sleep 0.02 || { sleep 1; polls=$((polls + 49)); }
    done
fi
rm -rf -- "$@"
"#;

/// Says who we are, then becomes the command. Its standard output must not keep the pipe open.
/// Whatever our umask is: a private copy of Postgres that root installs is for another user. Clusters are private by themselves.
const SPEAK_AND_BECOME: &str = r#"umask 022; echo $$; exec "$@" >&2"#;

const POLL: Duration = Duration::from_millis(5);

/// The end of the pipe that we speak into; empty once it is closed.
type Pipe = Arc<Mutex<Option<PipeWriter>>>;

#[derive(Debug)]
pub(super) struct Watchdog {
    process: Option<Child>,
    pipe: Pipe,
    /// Where everything that we run writes to.
    pub(super) log: Log,
}

impl Watchdog {
    /// Starts watching. At the end `remove` is removed.
    pub(super) fn start(lock: &Lock, log: Log, remove: &[&Path]) -> Result<Self, Error> {
        Self::spawn(lock, log, remove).map_err(Error::io("run", Path::new("/bin/sh")))
    }

    fn spawn(lock: &Lock, log: Log, remove: &[&Path]) -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", SCRIPT, "postgres-watchdog"])
            .arg(lock.path())
            .arg(STOPPING)
            .args(remove);
        // A group of its own, so that Ctrl-C doesn't reach it.
        command
            .process_group(0)
            .current_dir("/")
            .env_clear()
            .env("PATH", search_path());
        let process = command
            .stdin(reader)
            .stdout(lock.share()?)
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self {
            process: Some(process),
            pipe: Arc::new(Mutex::new(Some(writer))),
            log,
        })
    }

    /// A command to be run under the watchdog's eyes, in a process group of its own. Drop it once it is spawned: it holds the pipe.
    pub(super) fn command(&self, program: impl AsRef<OsStr>) -> io::Result<Command> {
        let writer = self
            .pipe
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            .map(PipeWriter::try_clone)
            .transpose()?;
        let writer = writer.ok_or(io::ErrorKind::BrokenPipe)?;
        let mut command = Command::new("/bin/sh");
        command.args(["-c", SPEAK_AND_BECOME, "sh"]).arg(program);
        command
            .process_group(0)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(writer)
            .stderr(self.log.output()?);
        Ok(command)
    }

    /// Runs a command of [`Watchdog::command`] to its end, which comes by force after `limit`.
    pub(super) fn run(&self, mut command: Command, limit: Duration) -> io::Result<ExitStatus> {
        let mut child = command.spawn()?;
        drop(command);
        let start = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if start.elapsed() > limit {
                child.kill()?;
                break child.wait()?;
            }
            thread::sleep(POLL);
        };
        self.teller().nothing_runs();
        Ok(status)
    }

    /// A handle for whoever learns first that Postgres has ended.
    pub(super) fn teller(&self) -> Teller {
        Teller(Arc::clone(&self.pipe))
    }

    /// Has Postgres interrupted and waits until the watchdog has done its work; false if somebody killed it. Does nothing the second time.
    pub(super) fn close(&mut self) -> bool {
        drop(
            self.pipe
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
        self.process
            .take()
            .is_none_or(|mut process| process.wait().is_ok_and(|status| status.code().is_some()))
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.close();
    }
}

/// Speaks to the watchdog.
pub(super) struct Teller(Pipe);

impl Teller {
    /// What ran has ended: its process id may soon be somebody else's.
    pub(super) fn nothing_runs(&self) {
        if let Some(pipe) = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_mut()
        {
            // If the watchdog is gone, it won't interrupt anybody either.
            let _ = pipe.write_all(b"-\n");
        }
    }
}
