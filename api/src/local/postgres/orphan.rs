//! What a predecessor left that was killed together with its watchdog.
//!
//! Postgres itself refuses to start when the process in `postmaster.pid` exists: be it another program that got the same number, which in
//! containers is the rule, or a process that ended and that nobody has waited for. We hold the lock, and can look closer.

use std::fs;
use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::error::Error;
use super::home::Home;

/// The processes of a server that was killed notice it and end by themselves.
const PATIENCE: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(10);

/// Removes a `postmaster.pid` that nobody stands behind; refuses if somebody does. (Without `/proc` that is left to Postgres.)
pub(super) fn check(home: &Home) -> Result<(), Error> {
    let cluster = home.cluster();
    let pid_file = cluster.join("postmaster.pid");
    let Ok(text) = fs::read_to_string(&pid_file) else {
        return Ok(());
    };
    let postmaster = text
        .lines()
        .next()
        .and_then(|line| line.trim().parse::<u32>().ok());
    let start = Instant::now();
    loop {
        let Some(running) = processes_in(&cluster) else {
            return Ok(());
        };
        if running.is_empty() {
            return remove(&pid_file);
        }
        let server = postmaster.filter(|pid| running.contains(pid));
        if server.is_some() || start.elapsed() > PATIENCE {
            let pid = server.unwrap_or(running[0]);
            let running = format!("PostgreSQL alone, process {pid}; end it with: kill -INT {pid}");
            return Err(Error::Running {
                dir: home.dir.clone(),
                running,
            });
        }
        thread::sleep(POLL);
    }
}

fn remove(file: &Path) -> Result<(), Error> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::io("remove", file)(error))
        }
        _ => Ok(()),
    }
}

/// The Postgres processes that work in `cluster`, as all of a server do. None if the system doesn't tell.
fn processes_in(cluster: &Path) -> Option<Vec<u32>> {
    fs::read_link("/proc/self/cwd").ok()?;
    let works_there = |process: &Path| {
        fs::read_link(process.join("cwd")).is_ok_and(|dir| dir == cluster)
            && fs::read_to_string(process.join("comm")).is_ok_and(|name| name.trim() == "postgres")
    };
    let processes = fs::read_dir("/proc").ok()?.flatten();
    Some(
        processes
            .filter(|process| works_there(&process.path()))
            .filter_map(|process| process.file_name().to_str()?.parse().ok())
            .collect(),
    )
}
