//! One server per data directory.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use super::error::Error;

/// What the watchdog writes into the lock file while it shuts Postgres down.
pub(super) const STOPPING: &str = "stopping";

/// Our predecessor may have died this very moment: its watchdog needs a little to say that it is stopping…
const PATIENCE: Duration = Duration::from_millis(250);
/// …and then some more to have stopped.
const PATIENCE_WHILE_STOPPING: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(10);

/// A locked file. The watchdog holds the same lock, so that it isn't free before Postgres is gone, even if we are killed.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
    path: PathBuf,
}

impl Lock {
    pub(super) fn take(dir: &Path) -> Result<Self, Error> {
        let path = dir.join("postgres.lock");
        let mut open = OpenOptions::new();
        let file = open
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(Error::io("open", &path))?;
        let start = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { file, path }),
                Err(TryLockError::Error(error)) => return Err(Error::io("lock", &path)(error)),
                Err(TryLockError::WouldBlock) => {}
            }
            let holder = fs::read_to_string(&path)
                .unwrap_or_default()
                .trim()
                .to_owned();
            let patience = if holder == STOPPING {
                PATIENCE_WHILE_STOPPING
            } else {
                PATIENCE
            };
            if start.elapsed() > patience {
                return Err(Error::Running {
                    dir: dir.to_owned(),
                    running: holder,
                });
            }
            thread::sleep(POLL);
        }
    }

    /// Says something to whoever finds the file locked. It is a courtesy: if it can't be written, nothing else fails.
    pub(super) fn write(&self, text: &str) {
        let write = || -> io::Result<()> {
            let mut file = &self.file;
            file.set_len(0)?;
            file.rewind()?;
            file.write_all(text.as_bytes())
        };
        let _ = write();
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The same lock for a child: it is held until both have let go.
    pub(super) fn share(&self) -> io::Result<Stdio> {
        Ok(self.file.try_clone()?.into())
    }
}
