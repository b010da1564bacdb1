//! Finding `postgres` and `initdb` on this machine.

use std::cmp::Reverse;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::owner::Owner;

/// Where packages put versions side by side: a directory, what the names in it start with, and how we call it in a message.
const SIDE_BY_SIDE: [(&str, &str, &str); 6] = [
    ("/usr/lib/postgresql", "", "/usr/lib/postgresql/*/bin"),
    ("/usr", "pgsql-", "/usr/pgsql-*/bin"),
    ("/opt/homebrew/opt", "postgresql@", "Homebrew"),
    ("/usr/local/opt", "postgresql@", "Homebrew"),
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql@", "Homebrew"),
    (
        "/Applications/Postgres.app/Contents/Versions",
        "",
        "Postgres.app",
    ),
];

/// Postgres's binaries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Installation {
    /// The directory with `postgres` and `initdb`.
    pub(super) bin: PathBuf,
    /// `15.18`
    pub(super) version: String,
    /// `15`: what data is compatible with.
    pub(super) major: u32,
}

/// Where to look.
#[derive(Debug)]
pub(super) struct Search {
    bin_dir: Option<PathBuf>,
    path: OsString,
    side_by_side: Vec<(PathBuf, String, String)>,
}

/// What a search brought.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) chosen: Option<Installation>,
    /// Those of another major version than the one wanted.
    pub(super) others: Vec<Installation>,
    /// The places, with what was wrong there.
    pub(super) looked_at: Vec<String>,
}

impl Search {
    pub(super) fn from_env() -> Self {
        Self {
            bin_dir: env::var_os("PG_BIN_DIR")
                .filter(|dir| !dir.is_empty())
                .map(PathBuf::from),
            path: env::var_os("PATH").unwrap_or_default(),
            side_by_side: SIDE_BY_SIDE
                .map(|(dir, prefix, name)| (dir.into(), prefix.into(), name.into()))
                .into(),
        }
    }

    /// Whether the binaries were chosen by `PG_BIN_DIR`: then no others are taken.
    pub(super) fn is_pinned(&self) -> bool {
        self.bin_dir.is_some()
    }

    /// The first binaries, in our order, that run as `owner` and are of the major version `wanted`.
    pub(super) fn find(&self, private: &Path, owner: &Owner, wanted: Option<u32>) -> Found {
        let mut found = Found {
            chosen: None,
            others: Vec::new(),
            looked_at: Vec::new(),
        };
        let sources: [&dyn Fn() -> Vec<Place>; 3] =
            [&|| self.on_path(), &|| self.where_pg_config_says(), &|| {
                self.in_known_places(private)
            }];
        if let Some(dir) = &self.bin_dir {
            let place = Place {
                name: format!("PG_BIN_DIR={}", dir.display()),
                bins: vec![dir.clone()],
            };
            found.add(&[place], owner, wanted);
            return found;
        }
        for source in sources {
            if found.add(&source(), owner, wanted) {
                break;
            }
        }
        found
    }

    fn on_path(&self) -> Vec<Place> {
        vec![Place {
            name: "PATH".to_owned(),
            bins: env::split_paths(&self.path)
                .filter(|dir| dir.is_absolute())
                .collect(),
        }]
    }

    /// `pg_config` knows the directory, but comes with the client libraries too: it doesn't mean that there is a server.
    fn where_pg_config_says(&self) -> Vec<Place> {
        let program = env::split_paths(&self.path)
            .map(|dir| dir.join("pg_config"))
            .find(|program| program.is_file());
        let output = program.and_then(|program| {
            Command::new(program)
                .arg("--bindir")
                .stdin(Stdio::null())
                .output()
                .ok()
        });
        let bins =
            output.map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
        vec![Place {
            name: "pg_config --bindir".to_owned(),
            bins: bins.into_iter().filter(|bin| bin.is_absolute()).collect(),
        }]
    }

    fn in_known_places(&self, private: &Path) -> Vec<Place> {
        let versions = self.side_by_side.iter().map(|(dir, prefix, name)| Place {
            name: name.clone(),
            bins: newest_first(dir, prefix),
        });
        let private = Place {
            name: private.display().to_string(),
            bins: vec![private.to_owned()],
        };
        versions.chain([private]).collect()
    }
}

impl Found {
    /// Looks through some places; true if the right one is among them.
    fn add(&mut self, places: &[Place], owner: &Owner, wanted: Option<u32>) -> bool {
        for place in places {
            let mut name = place.name.clone();
            for bin in place.bins.iter().filter(|bin| is_server(bin)) {
                match inspect(bin, owner) {
                    Ok(installation) if wanted.is_none_or(|major| major == installation.major) => {
                        self.chosen = Some(installation);
                        return true;
                    }
                    Ok(installation) => self.others.push(installation),
                    Err(reason) => name = format!("{name} ({reason})"),
                }
            }
            if self.looked_at.last() != Some(&name) {
                self.looked_at.push(name);
            }
        }
        false
    }
}

struct Place {
    name: String,
    bins: Vec<PathBuf>,
}

fn is_server(bin: &Path) -> bool {
    ["postgres", "initdb"]
        .iter()
        .all(|program| bin.join(program).is_file())
}

/// The `bin` directories below `dir/<prefix><version>`, the highest version first.
fn newest_first(dir: &Path, prefix: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            Some((
                major_of(entry.file_name().to_str()?.strip_prefix(prefix)?)?,
                entry.path().join("bin"),
            ))
        })
        .collect();
    versions.sort_by_key(|(major, _)| Reverse(*major));
    versions.into_iter().map(|(_, bin)| bin).collect()
}

/// Asks the server in `bin` for its version, as the user who will run it: so that it is known to work.
pub(super) fn inspect(bin: &Path, owner: &Owner) -> Result<Installation, String> {
    let program = bin.join("postgres");
    let mut command = Command::new(&program);
    command
        .arg("--version")
        .current_dir("/")
        .stdin(Stdio::null());
    owner.apply(&mut command);
    let output = command
        .output()
        .map_err(|error| format!("{} does not run: {error}", program.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let version = text
        .split_once("(PostgreSQL) ")
        .and_then(|(_, rest)| rest.split_whitespace().next())
        .unwrap_or_default();
    let major = major_of(version).filter(|_| output.status.success());
    let major = major.ok_or_else(|| {
        format!(
            "{} does not say its version: {}",
            program.display(),
            output.status
        )
    })?;
    Ok(Installation {
        bin: bin.to_owned(),
        version: version.to_owned(),
        major,
    })
}

/// The digits in front: `15.18`, `18beta1`.
pub(super) fn major_of(version: &str) -> Option<u32> {
    let end = version
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(version.len());
    version[..end].parse().ok()
}

#[cfg(test)]
impl Search {
    /// Looks only into these directories.
    pub(super) fn only(bins: &[&Path]) -> Self {
        Self {
            bin_dir: None,
            path: env::join_paths(bins).unwrap_or_default(),
            side_by_side: Vec::new(),
        }
    }

    pub(super) fn with_versions_in(mut self, dir: &Path, prefix: &str) -> Self {
        self.side_by_side
            .push((dir.to_owned(), prefix.to_owned(), "versions".to_owned()));
        self
    }

    pub(super) fn with_bin_dir(mut self, bin: &Path) -> Self {
        self.bin_dir = Some(bin.to_owned());
        self
    }
}
