//! The directories: where the data is, and where the socket is.

use std::env;
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::{self, Path, PathBuf};
use std::process;

use super::PORT;
use super::error::Error;
use super::owner::{Owner, our_uid};

/// The operating systems allow 104 to 108 bytes for the path of a socket.
const LONGEST_SOCKET_PATH: usize = 100;

#[derive(Debug)]
pub(super) struct Home {
    /// The data directory, absolute.
    pub(super) dir: PathBuf,
    /// Whom the server runs as.
    pub(super) owner: Owner,
    /// Where the socket is.
    pub(super) socket_dir: PathBuf,
    temporary: bool,
}

impl Home {
    /// Makes the data directory, where the user that Postgres runs as can reach it.
    pub(super) fn prepare(
        wanted: &Path,
        temporary: bool,
        announce: &dyn Fn(&str),
    ) -> Result<Self, Error> {
        let wanted = path::absolute(wanted).map_err(Error::io("find", wanted))?;
        let owner = Owner::choose(&cluster_in(&wanted))?;
        let dir = reachable(&wanted, &owner, announce)?;
        make_dirs_for(&owner, &dir)?;
        let dir = dir.canonicalize().map_err(Error::io("find", &dir))?;
        if temporary
            && fs::read_dir(&dir)
                .map_err(Error::io("read", &dir))?
                .next()
                .is_some()
        {
            return Err(Error::NotEmpty(dir));
        }
        Ok(Self {
            socket_dir: dir.join("postgres.socket"),
            dir,
            owner,
            temporary,
        })
    }

    /// Whether there is a cluster for this data directory. Of a directory that is not there, none is made.
    pub(super) fn exists(wanted: &Path) -> Result<bool, Error> {
        let wanted = path::absolute(wanted).map_err(Error::io("find", wanted))?;
        let elsewhere = places(&wanted);
        let mut dirs = elsewhere.iter().chain([&wanted]);
        Ok(dirs.any(|dir| cluster_in(dir).is_dir()))
    }

    /// Where the socket of the server is that runs here, if one does: the fifth line of `postmaster.pid`
    /// (<https://www.postgresql.org/docs/current/storage-file-layout.html>). One that was killed may have left it.
    pub(super) fn running_socket_dir(&self) -> Option<PathBuf> {
        let text = fs::read_to_string(self.cluster().join("postmaster.pid")).ok()?;
        let dir = PathBuf::from(text.lines().nth(4)?);
        let socket = dir.join(format!(".s.PGSQL.{PORT}"));
        UnixStream::connect(socket).ok().map(|_| dir)
    }

    pub(super) fn cluster(&self) -> PathBuf {
        cluster_in(&self.dir)
    }

    /// Makes a fresh directory for the socket that only the server's user may enter: here, or in a place with a shorter name.
    pub(super) fn make_socket_dir(&mut self) -> Result<(), Error> {
        if is_fit_for_socket(&self.socket_dir) {
            remove_dir(&self.socket_dir)?;
            make_private_dir(&self.socket_dir).map_err(Error::io("create", &self.socket_dir))?;
        } else {
            self.socket_dir = make_short_dir(&self.owner)?;
        }
        self.owner.give(&self.socket_dir)
    }

    /// What the watchdog removes once Postgres has stopped.
    pub(super) fn removed_at_the_end(&self) -> Vec<&Path> {
        let mut directories = vec![self.socket_dir.as_path()];
        if self.temporary {
            directories.push(&self.dir);
        }
        directories
    }
}

fn cluster_in(dir: &Path) -> PathBuf {
    dir.join("postgres")
}

/// Makes a directory and what is missing above it. Whatever our umask is, another user has to get through.
fn make_dirs_for(owner: &Owner, dir: &Path) -> Result<(), Error> {
    let missing: Vec<_> = dir.ancestors().take_while(|dir| !dir.exists()).collect();
    fs::create_dir_all(dir).map_err(Error::io("create", dir))?;
    if *owner == Owner::Ourselves {
        return Ok(());
    }
    missing.into_iter().try_for_each(|dir| {
        fs::set_permissions(dir, Permissions::from_mode(0o755)).map_err(Error::io("open up", dir))
    })
}

/// Where the data of `wanted` is when Postgres runs as somebody who can't get there.
fn places(wanted: &Path) -> [PathBuf; 2] {
    let name_there = format!(
        "tutoring-scheduler-{:016x}",
        hash(wanted.as_os_str().as_bytes())
    );
    ["/var/lib", "/var/tmp"].map(|place| Path::new(place).join(&name_there))
}

/// `wanted`, unless the owner can't get there (for example below /root): then a place of the same name every time.
fn reachable(wanted: &Path, owner: &Owner, announce: &dyn Fn(&str)) -> Result<PathBuf, Error> {
    let existing = wanted
        .ancestors()
        .find(|dir| dir.exists())
        .unwrap_or(Path::new("/"));
    let Owner::User { name, .. } = owner else {
        return Ok(wanted.to_owned());
    };
    if owner.can_enter(existing) {
        return Ok(wanted.to_owned());
    }
    let places = places(wanted);
    let dir = places
        .iter()
        .find(|dir| dir.is_dir())
        .or_else(|| places.iter().find(|dir| fs::create_dir(dir).is_ok()));
    let dir =
        dir.ok_or_else(|| Error::io("create", &places[0])(io::ErrorKind::PermissionDenied.into()))?;
    // Anybody can make a directory in /var/tmp.
    let is_ours = fs::symlink_metadata(dir)
        .is_ok_and(|data| data.is_dir() && our_uid().is_ok_and(|uid| uid == data.uid()));
    if !is_ours {
        return Err(Error::io("use", dir)(
            io::ErrorKind::PermissionDenied.into(),
        ));
    }
    fs::set_permissions(dir, Permissions::from_mode(0o755)).map_err(Error::io("open up", dir))?;
    announce(&format!(
        "the user {name:?}, whom root has PostgreSQL run as, cannot enter {}: the data is in {}",
        existing.display(),
        dir.display()
    ));
    Ok(dir.clone())
}

/// FNV-1a: the standard library's hashes may change from one release to the next, a directory's name may not.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Whether the path isn't too long, can stand in a URL, and can stand in a setting whose commas separate directories.
fn is_fit_for_socket(dir: &Path) -> bool {
    let socket = dir.join(format!(".s.PGSQL.{PORT}"));
    socket.as_os_str().len() <= LONGEST_SOCKET_PATH
        && socket
            .to_str()
            .is_some_and(|path| !path.contains([',', '"']))
}

fn make_private_dir(dir: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(dir)
}

/// Makes a private directory with a short name. A name that somebody else has taken is never used.
fn make_short_dir(owner: &Owner) -> Result<PathBuf, Error> {
    let bases = [env::temp_dir(), PathBuf::from("/tmp")];
    let names = |base: &PathBuf| {
        (0..100)
            .map(|n| format!("tutoring-{}-{n}", process::id()))
            .map(|name| base.join(name))
            .collect::<Vec<_>>()
    };
    let usable = bases
        .iter()
        .filter(|base| owner.can_enter(base))
        .flat_map(names)
        .filter(|dir| is_fit_for_socket(dir));
    let mut last = None;
    for dir in usable {
        match make_private_dir(&dir) {
            Ok(()) => return Ok(dir),
            Err(error) => last = Some(Error::io("create", &dir)(error)),
        }
    }
    Err(last.unwrap_or_else(|| Error::io("use", &bases[0])(io::ErrorKind::InvalidFilename.into())))
}

/// Removes a directory, if there is one.
pub(super) fn remove_dir(dir: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::io("remove", dir)(error))
        }
        _ => Ok(()),
    }
}

/// Makes a directory that only `owner` may enter.
pub(super) fn make_dir_of(owner: &Owner, dir: &Path) -> Result<(), Error> {
    make_private_dir(dir).map_err(Error::io("create", dir))?;
    owner.give(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_needs_a_short_and_plain_path() {
        assert!(is_fit_for_socket(Path::new(
            "/home/ada/scheduler/.data/postgres.socket"
        )));
        assert!(is_fit_for_socket(Path::new(
            "/home/ada/my projects/ü/.data"
        )));
        assert!(!is_fit_for_socket(Path::new("/home/ada/a,b/.data")));
        assert!(!is_fit_for_socket(&Path::new("/home").join("x".repeat(90))));
    }

    #[test]
    fn the_hash_never_changes() {
        assert_eq!(hash(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(hash(b"foobar"), 0x8594_4171_f739_67e8);
    }
}
