//! A Postgres of our own, for the server that is started without `DATABASE_URL`, and for tests.
//!
//! [`Postgres::start`] takes the binaries that the machine has, makes a cluster below a data directory if there is none, and runs the
//! server as our child: on a Unix socket only, in a directory that only its owner may enter, with fsync on. Nothing stays behind,
//! however we end: a watchdog outside our process (see `watchdog.rs`) interrupts Postgres as soon as we stop or die.
//!
//! Below the data directory:
//!
//! | name | what it is |
//! | --- | --- |
//! | `postgres/` | the cluster; as `postgres.new/` while it is being made |
//! | `postgres.log` | what initdb and the server said since the last start |
//! | `postgres.lock` | locked while a server runs here, and says where that one can be reached |
//! | `postgres.socket/` | the socket, unless its path would be too long |
//! | `postgresql-18.6.3/` | a private copy of Postgres, if the machine had none |

mod cluster;
mod error;
mod find;
mod home;
mod install;
mod lock;
mod log;
mod orphan;
mod owner;
mod server;
#[cfg(test)]
mod tests;
mod watchdog;

use std::env;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::iter;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

pub use self::error::Error;
use self::find::{Installation, Search};
use self::home::Home;
use self::lock::Lock;
use self::log::Log;
use self::server::Server;
use self::watchdog::Watchdog;

/// The port that names the socket file; nothing listens on TCP. It stands in the URL so that a `PGPORT` in our environment is not used.
const PORT: u16 = 5432;

/// What a server that is thrown away needn't do.
const UNSAFE_BUT_FAST: [(&str, &str); 3] = [
    ("fsync", "off"),
    ("synchronous_commit", "off"),
    ("full_page_writes", "off"),
];

/// How to start a server.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// Where everything is kept, `.data` for example. Made if it isn't there.
    pub data_dir: &'a Path,
    /// Told, in one line, what takes long or is surprising.
    pub announce: &'a dyn Fn(&str),
    /// Settings of the server (`-c name=value`), which win over ours.
    pub settings: &'a [(&'a str, &'a str)],
    /// Where our own server can be reached, for the message of a second one. See [`Postgres::announce_url`].
    pub running_url: Option<&'a str>,
    /// Remove `data_dir` as soon as the server has stopped, even if we are killed. It must be new or empty.
    pub temporary: bool,
}

impl<'a> Options<'a> {
    /// A lasting server in `data_dir` that announces nothing.
    pub fn new(data_dir: &'a Path) -> Self {
        Self {
            data_dir,
            announce: &|_| {},
            settings: &[],
            running_url: None,
            temporary: false,
        }
    }
}

/// A running server. Dropping it stops it.
#[derive(Debug)]
pub struct Postgres {
    // In the order in which they must go.
    server: Server,
    watchdog: Watchdog,
    /// None once it is stopped: from then on the directory may be another server's.
    lock: Option<Lock>,
    home: Home,
    version: String,
}

impl Postgres {
    /// Starts the server and waits until it accepts connections: about 0.5 s the first time, 0.05 s from then on.
    ///
    /// It blocks, and takes longer when Postgres has to be installed first.
    pub fn start(options: Options<'_>) -> Result<Self, Error> {
        Self::start_with(options, &Search::from_env())
    }

    /// Starts a server for tests: in a directory of its own that is removed at the end, and without any care for a power cut.
    ///
    /// A `static` is fine: the server stops and the directory goes when the process ends.
    pub fn temporary(settings: &[(&str, &str)]) -> Result<Self, Error> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let names = iter::repeat_with(|| {
            format!(
                "tutoring-test-{}-{}",
                process::id(),
                COUNT.fetch_add(1, Ordering::Relaxed)
            )
        });
        let mut unused = names
            .map(|name| env::temp_dir().join(name))
            .filter(|dir| !dir.exists());
        let data_dir = unused.next().unwrap_or_default();
        let settings: Vec<_> = UNSAFE_BUT_FAST.iter().chain(settings).copied().collect();
        Self::start(Options {
            settings: &settings,
            temporary: true,
            ..Options::new(&data_dir)
        })
    }

    /// Whether there is a cluster for this data directory.
    pub fn has_data(data_dir: &Path) -> Result<bool, Error> {
        Home::exists(data_dir)
    }

    /// The URL of a database of the server that runs on this data directory, perhaps in another process, if one does.
    pub fn running_url(data_dir: &Path, database: &str) -> Result<Option<String>, Error> {
        let home = Home::prepare(data_dir, false, &|_| {})?;
        Ok(home
            .running_socket_dir()
            .map(|socket_dir| url(&socket_dir, database)))
    }

    fn start_with(options: Options<'_>, search: &Search) -> Result<Self, Error> {
        let mut home = Home::prepare(options.data_dir, options.temporary, options.announce)?;
        let lock = Lock::take(&home.dir)?;
        home.make_socket_dir()?;
        let watchdog = Watchdog::start(&lock, Log::begin(&home.dir)?, &home.removed_at_the_end())?;
        lock.write(options.running_url.unwrap_or_default());

        let installation = Self::choose_installation(&home, search, &watchdog, options.announce)?;
        if !home.cluster().exists() {
            (options.announce)(&format!(
                "creating a PostgreSQL {} cluster in {}",
                installation.major,
                home.cluster().display()
            ));
            cluster::create(&home, &installation, &watchdog)?;
        }
        orphan::check(&home)?;
        let server = Server::start(&home, &installation, &watchdog, options.settings)?;
        Ok(Self {
            server,
            watchdog,
            lock: Some(lock),
            home,
            version: installation.version,
        })
    }

    /// The binaries for the data that is there; the first that are found if there is none; failing that, those of a new private copy.
    fn choose_installation(
        home: &Home,
        search: &Search,
        watchdog: &Watchdog,
        announce: &dyn Fn(&str),
    ) -> Result<Installation, Error> {
        let cluster = home.cluster();
        let wanted = cluster::major(&cluster)?;
        let found = search.find(&install::bin_dir(&home.dir), &home.owner, wanted);
        if let Some(installation) = found.chosen {
            return Ok(installation);
        }
        let mut looked_at = found.looked_at.join(", ");
        let would_do = wanted.map_or(found.others.is_empty(), |major| major == install::MAJOR);
        if would_do && !search.is_pinned() {
            match install::install(home, watchdog, announce) {
                Ok(installation) => return Ok(installation),
                Err(reason) => {
                    looked_at = format!("{looked_at}; installing a copy with pip failed: {reason}");
                }
            }
        }
        let Some(data) = wanted else {
            return Err(Error::NotFound { looked_at });
        };
        let found = match found.others.first() {
            Some(other) => format!("PostgreSQL {} in {}", other.version, other.bin.display()),
            None => format!("no PostgreSQL (looked at {looked_at})"),
        };
        Err(Error::OtherMajor {
            dir: cluster,
            data,
            found,
        })
    }

    /// The URL of a database of this server, in the form that sqlx and psql understand.
    pub fn url(&self, database: &str) -> String {
        url(&self.home.socket_dir, database)
    }

    /// The server's version, `15.18` for example.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Where the data really is: for root this may be another place than the one asked for.
    pub fn data_dir(&self) -> &Path {
        &self.home.dir
    }

    /// Has `callback` called, on a thread of its own, if the server ends without being asked to. It is told why.
    ///
    /// Called at once if that has happened already. A later callback replaces an earlier one.
    pub fn on_exit(&self, callback: impl FnOnce(String) + Send + 'static) {
        self.server.on_exit(Box::new(callback));
    }

    /// Tells a second server that wants the same data directory where this one can be reached.
    pub fn announce_url(&self, url: &str) {
        if let Some(lock) = &self.lock {
            lock.write(url);
        }
    }

    /// Stops the server: connections are ended, data is written. Takes about 30 ms; does nothing the second time.
    pub fn stop(&mut self) -> Result<(), Error> {
        let Some(lock) = self.lock.take() else {
            return Ok(());
        };
        let result = self.server.stop(&mut self.watchdog);
        // The watchdog has done this, unless somebody killed it.
        let removed = self
            .home
            .removed_at_the_end()
            .into_iter()
            .try_for_each(home::remove_dir);
        lock.write("");
        result.and(removed)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Nobody is left to be told.
        let _ = self.stop();
    }
}

fn url(socket_dir: &Path, database: &str) -> String {
    let host = percent_encode(socket_dir.as_os_str().as_bytes());
    let database = percent_encode(database.as_bytes());
    format!("postgres://postgres@localhost:{PORT}/{database}?host={host}&sslmode=disable")
}

/// Encodes what could be mistaken for a part of a URL.
fn percent_encode(bytes: &[u8]) -> String {
    let mut encoded = String::with_capacity(bytes.len());
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// Our search path with the usual places behind it, for helpers such as `sleep` and `rm` even if ours is empty.
fn search_path() -> OsString {
    let mut path = env::var_os("PATH").unwrap_or_default();
    if !path.is_empty() {
        path.push(":");
    }
    path.push("/usr/bin:/bin");
    path
}
