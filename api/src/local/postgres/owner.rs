//! Whom Postgres runs as. It refuses to run as root, so root hands it to a user without privileges.

use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::error::Error;

/// In order of preference; macOS puts an underscore before the names of its services.
const USERS: [&str; 3] = ["postgres", "_postgres", "nobody"];

/// The user of the server's processes and files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Owner {
    /// We are an ordinary user.
    Ourselves,
    /// We are root.
    User { name: String, uid: u32, gid: u32 },
}

impl Owner {
    /// Us, if we aren't root; else the owner of the cluster that is there; else `postgres` or `nobody`.
    pub(super) fn choose(cluster: &Path) -> Result<Self, Error> {
        if our_uid().map_err(Error::io("make", Path::new("a pipe")))? != 0 {
            return Ok(Self::Ourselves);
        }
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        match fs::metadata(cluster) {
            Ok(data) if data.uid() != 0 => Ok(Self::of(&passwd, data.uid(), data.gid())),
            _ => USERS
                .iter()
                .find_map(|name| Self::named(&passwd, name))
                .ok_or(Error::NoUser),
        }
    }

    fn of(passwd: &str, uid: u32, gid: u32) -> Self {
        let name = passwd
            .lines()
            .filter_map(parse)
            .find(|user| user.1 == uid)
            .map_or_else(|| uid.to_string(), |user| user.0.to_owned());
        Self::User { name, uid, gid }
    }

    fn named(passwd: &str, wanted: &str) -> Option<Self> {
        let (name, uid, gid) = passwd
            .lines()
            .filter_map(parse)
            .find(|user| user.0 == wanted && user.1 != 0)?;
        Some(Self::User {
            name: name.to_owned(),
            uid,
            gid,
        })
    }

    /// Has `command` run as this user.
    pub(super) fn apply(&self, command: &mut Command) {
        if let Self::User { uid, gid, .. } = self {
            command.uid(*uid).gid(*gid);
        }
    }

    /// Gives `path` to this user.
    pub(super) fn give(&self, path: &Path) -> Result<(), Error> {
        match self {
            Self::Ourselves => Ok(()),
            Self::User { uid, gid, .. } => {
                chown(path, Some(*uid), Some(*gid)).map_err(Error::io("change the owner of", path))
            }
        }
    }

    /// Whether this user can enter `dir`. Asked of the system itself, which also knows about access lists and mounts.
    pub(super) fn can_enter(&self, dir: &Path) -> bool {
        if *self == Self::Ourselves {
            return true;
        }
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", r#"cd -- "$1""#, "sh"])
            .arg(dir)
            .current_dir("/");
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        self.apply(&mut command);
        command.status().is_ok_and(|status| status.success())
    }
}

/// A line of `/etc/passwd`: name, user, group. (macOS writes `nobody` as -2.)
fn parse(line: &str) -> Option<(&str, u32, u32)> {
    let id = |text: &str| {
        text.parse::<u32>()
            .ok()
            .or_else(|| text.parse::<i32>().ok().map(i32::cast_unsigned))
    };
    let mut fields = line.split(':');
    let name = fields.next()?;
    let (uid, gid) = (id(fields.nth(1)?)?, id(fields.next()?)?);
    Some((name, uid, gid))
}

/// Our user. The standard library doesn't tell; a pipe belongs to whoever made it, and needs no file system.
pub(super) fn our_uid() -> io::Result<u32> {
    let (reader, _writer) = io::pipe()?;
    Ok(File::from(OwnedFd::from(reader)).metadata()?.uid())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "# comment\nroot:x:0:0:root:/root:/bin/sh\npostgres:x:101:104:admin,,,:/var/lib/postgresql:/bin/bash\n\
                          nobody:*:-2:-2:Unprivileged:/var/empty:/usr/bin/false\n";

    #[test]
    fn users_are_read_from_passwd() {
        let user = |name: &str, uid, gid| Owner::User {
            name: name.to_owned(),
            uid,
            gid,
        };
        assert_eq!(
            Owner::named(PASSWD, "postgres"),
            Some(user("postgres", 101, 104))
        );
        assert_eq!(
            Owner::named(PASSWD, "nobody"),
            Some(user("nobody", u32::MAX - 1, u32::MAX - 1))
        );
        assert_eq!(Owner::named(PASSWD, "root"), None);
        assert_eq!(Owner::named(PASSWD, "_postgres"), None);
        assert_eq!(Owner::of(PASSWD, 101, 7), user("postgres", 101, 7));
        assert_eq!(Owner::of(PASSWD, 4711, 7), user("4711", 4711, 7));
    }
}
