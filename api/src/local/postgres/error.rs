//! What can go wrong, in words for the person who started us.

use std::io;
use std::path::{Path, PathBuf};

/// Why there is no embedded Postgres.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Neither found nor installed.
    #[error(
        "no PostgreSQL found (looked at {looked_at}). Do one of: sudo apt-get install -y postgresql | \
         brew install postgresql@17 | docker compose up | DATABASE_URL=…"
    )]
    NotFound {
        /// The places, and why installing failed.
        looked_at: String,
    },
    /// The data directory is in use.
    #[error("another server is running on {}{}", dir.display(), colon(running))]
    Running {
        /// The data directory.
        dir: PathBuf,
        /// What that server said of itself; perhaps nothing.
        running: String,
    },
    /// The data belongs to a version that isn't there.
    #[error(
        "{} holds PostgreSQL {data} data, found {found}: install PostgreSQL {data} (PG_BIN_DIR names an unusual place), \
         or move the data away to start afresh", dir.display()
    )]
    OtherMajor {
        /// The cluster.
        dir: PathBuf,
        /// The major version that made it.
        data: u32,
        /// What was found instead.
        found: String,
    },
    /// A temporary server was asked for in a directory with something in it.
    #[error("{} is not empty, so it cannot be a temporary data directory", .0.display())]
    NotEmpty(PathBuf),
    /// Postgres won't run as root, and there is no other user to run it as.
    #[error(
        "PostgreSQL does not run as root, and there is no user \"postgres\" or \"nobody\"; start as an ordinary user"
    )]
    NoUser,
    /// initdb or the server failed.
    #[error("{what}; see {}{}", log.display(), colon(tail))]
    Failed {
        /// What happened.
        what: String,
        /// The log.
        log: PathBuf,
        /// Its last lines.
        tail: String,
    },
    /// The operating system said no.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

impl Error {
    /// For `map_err`: puts into words what was tried, and on what.
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            doing,
            path: path.to_owned(),
            source,
        }
    }
}

fn colon(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!(": {text}")
    }
}
