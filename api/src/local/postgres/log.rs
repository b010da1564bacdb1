//! `postgres.log`: what initdb, the server and (if need be) pip say. It starts afresh with every start.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::error::Error;

/// How many of the last lines are quoted in an error.
const QUOTED_LINES: usize = 4;

#[derive(Debug, Clone)]
pub(super) struct Log {
    path: PathBuf,
}

impl Log {
    /// Empties the log of the last run.
    pub(super) fn begin(dir: &Path) -> Result<Self, Error> {
        let path = dir.join("postgres.log");
        File::create(&path).map_err(Error::io("write", &path))?;
        Ok(Self { path })
    }

    /// Where a child's output goes.
    pub(super) fn output(&self) -> io::Result<Stdio> {
        Ok(OpenOptions::new().append(true).open(&self.path)?.into())
    }

    /// The last lines, in one.
    pub(super) fn tail(&self) -> String {
        self.last_lines(QUOTED_LINES)
    }

    /// The last line, and where to read on.
    pub(super) fn last_line(&self) -> String {
        format!("{} (see {})", self.last_lines(1), self.path.display())
    }

    fn last_lines(&self, count: usize) -> String {
        let text = fs::read(&self.path).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<_> = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect();
        lines[lines.len().saturating_sub(count)..].join(" | ")
    }

    /// An error that quotes the log.
    pub(super) fn failed(&self, what: impl Into<String>) -> Error {
        Error::Failed {
            what: what.into(),
            log: self.path.clone(),
            tail: self.tail(),
        }
    }
}
