//! The cluster: Postgres's name for a directory with databases.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use super::error::Error;
use super::find::{Installation, major_of};
use super::home::{Home, make_dir_of, remove_dir};
use super::search_path;
use super::watchdog::Watchdog;

const LIMIT: Duration = Duration::from_mins(3);

/// The major version of the data, if there is any.
pub(super) fn major(cluster: &Path) -> Result<Option<u32>, Error> {
    if !cluster.exists() {
        return Ok(None);
    }
    let file = cluster.join("PG_VERSION");
    let text = fs::read_to_string(&file).map_err(Error::io("read", &file))?;
    let unknown = || Error::io("understand", &file)(io::ErrorKind::InvalidData.into());
    major_of(text.trim()).map(Some).ok_or_else(unknown)
}

/// Makes a cluster. It gets its name last, so that a half-made one never counts.
pub(super) fn create(
    home: &Home,
    installation: &Installation,
    watchdog: &Watchdog,
) -> Result<(), Error> {
    let cluster = home.cluster();
    let new = cluster.with_extension("new");
    let [usual, fallback] = locales(installation.major);
    let mut status = initdb(home, installation, &new, usual, watchdog)?;
    if !status.success() && watchdog.log.tail().contains("invalid locale") {
        status = initdb(home, installation, &new, fallback, watchdog)?;
    }
    if status.success() {
        return fs::rename(&new, &cluster).map_err(Error::io("create", &cluster));
    }
    remove_dir(&new)?;
    Err(watchdog.log.failed(format!("initdb failed ({status})")))
}

/// Where the system doesn't have `C.UTF-8` (macOS for a long time), Postgres brings its own since version 17; else plain `C`.
fn locales(major: u32) -> [&'static [&'static str]; 2] {
    let own: &[&str] = &[
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
    ];
    [
        &["--locale=C.UTF-8"],
        if major >= 17 { own } else { &["--locale=C"] },
    ]
}

fn initdb(
    home: &Home,
    installation: &Installation,
    data: &Path,
    locale: &[&str],
    watchdog: &Watchdog,
) -> Result<ExitStatus, Error> {
    remove_dir(data)?;
    make_dir_of(&home.owner, data)?;
    let program = installation.bin.join("initdb");
    let run = || {
        let mut command = watchdog.command(&program)?;
        command
            .arg("--pgdata")
            .arg(data)
            .args([
                "--username=postgres",
                "--auth=trust",
                "--encoding=UTF8",
                "--no-sync",
            ])
            .args(locale);
        plain_environment(&mut command);
        home.owner.apply(&mut command);
        watchdog.run(command, LIMIT)
    };
    run().map_err(Error::io("run", &program))
}

/// Keeps our secrets, `PG…` variables and languages away from Postgres.
pub(super) fn plain_environment(command: &mut Command) {
    command
        .env_clear()
        .env("PATH", search_path())
        .env("LC_ALL", "C");
    if let Some(libraries) = std::env::var_os("LD_LIBRARY_PATH") {
        command.env("LD_LIBRARY_PATH", libraries);
    }
}
