//! Runs the real thing.

use std::env;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::*;

const LIMIT: Duration = Duration::from_secs(20);

/// A directory that goes with its test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let dir = env::temp_dir().join(format!("tutoring-scratch-{}-{name}", process::id()));
        fs::create_dir(&dir).expect("a new directory");
        Self(dir)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn start(data_dir: &Path, temporary: bool) -> Result<Postgres, Error> {
    Postgres::start(Options {
        settings: &UNSAFE_BUT_FAST,
        temporary,
        ..Options::new(data_dir)
    })
}

fn is_reachable(socket_dir: &Path) -> bool {
    UnixStream::connect(socket_dir.join(".s.PGSQL.5432")).is_ok()
}

/// The process that `postmaster.pid` names.
fn pid(data_dir: &Path) -> String {
    let text =
        fs::read_to_string(data_dir.join("postgres/postmaster.pid")).expect("postmaster.pid");
    text.lines().next().expect("a line").to_owned()
}

fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < LIMIT, "not within {LIMIT:?}: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_temporary_server_leaves_nothing() {
    let postgres = Postgres::temporary(&[]).expect("a server");
    let (dir, socket_dir) = (
        postgres.data_dir().to_owned(),
        postgres.home.socket_dir.clone(),
    );
    assert!(is_reachable(&socket_dir));
    assert!(find::major_of(postgres.version()).is_some());
    drop(postgres);
    assert!(!dir.exists());
}

#[test]
fn a_temporary_server_never_removes_what_was_there() {
    let scratch = Scratch::new("occupied");
    fs::write(scratch.0.join("thesis.txt"), "years of work").expect("a file");
    assert!(matches!(start(&scratch.0, true), Err(Error::NotEmpty(_))));
    assert!(scratch.0.join("thesis.txt").exists());
}

#[test]
fn data_lasts_for_one_server_at_a_time() {
    let scratch = Scratch::new("lasting");
    let mut first = start(&scratch.0, false).expect("a server");
    first.announce_url("http://localhost:8080");
    let refused = start(&scratch.0, false).expect_err("a refusal").to_string();
    assert!(
        refused.starts_with("another server is running on ")
            && refused.ends_with(": http://localhost:8080"),
        "{refused}"
    );
    first.stop().expect("a clean stop");
    first.stop().expect("nothing to do");
    let cluster = scratch.0.join("postgres");
    assert!(!cluster.join("postmaster.pid").exists());

    // After a power cut an old file claims to be ready, and its process id may be somebody else's now: ours here.
    let stale = format!(
        "{}\n{}\n1\n5432\n\n\n\nready\n",
        process::id(),
        cluster.display()
    );
    fs::write(cluster.join("postmaster.pid"), stale).expect("postmaster.pid");
    let marker = cluster.join("marker");
    fs::write(&marker, "").expect("a file");
    let second = start(&scratch.0, false).expect("a server");
    assert!(marker.exists() && is_reachable(&second.home.socket_dir));
    drop(first);
    assert!(
        is_reachable(&second.home.socket_dir),
        "it is no longer the first server's"
    );
    drop(second);

    fs::write(cluster.join("PG_VERSION"), "9999\n").expect("PG_VERSION");
    let refused = start(&scratch.0, false).expect_err("a refusal").to_string();
    assert!(
        refused.contains("holds PostgreSQL 9999 data, found PostgreSQL "),
        "{refused}"
    );
}

#[test]
fn a_long_path_gets_a_short_socket() {
    let scratch = Scratch::new(&"long".repeat(30));
    let postgres = start(&scratch.0.join("data"), true).expect("a server");
    let socket_dir = postgres.home.socket_dir.clone();
    assert!(is_reachable(&socket_dir));
    assert!(!postgres.url("postgres").contains("longlong"));
    drop(postgres);
    assert!(!socket_dir.exists());
}

#[test]
fn an_unexpected_end_is_told() {
    let mut postgres = Postgres::temporary(&[]).expect("a server");
    let (sender, receiver) = mpsc::channel();
    postgres.on_exit(move |why| sender.send(why).expect("a receiver"));
    let killed = Command::new("/bin/sh")
        .args(["-c", r#"kill -KILL "$1""#, "sh", &pid(postgres.data_dir())])
        .status();
    assert!(killed.is_ok_and(|status| status.success()));
    let why = receiver.recv_timeout(LIMIT).expect("a reason");
    assert!(
        why.starts_with("PostgreSQL ended unexpectedly (signal: 9"),
        "{why}"
    );

    let (sender, receiver) = mpsc::channel();
    postgres.on_exit(move |why| sender.send(why).expect("a receiver"));
    receiver
        .recv_timeout(LIMIT)
        .expect("a reason, also for who asks later");
    postgres.stop().expect("nothing to do");
}

#[test]
fn a_server_that_does_not_start_says_why() {
    let error = Postgres::temporary(&[("no_such_setting", "1")])
        .expect_err("an error")
        .to_string();
    assert!(
        error.starts_with("PostgreSQL did not start (exit status: 1)")
            && error.contains("no_such_setting"),
        "{error}"
    );
}

#[test]
fn without_binaries_the_ways_out_are_told() {
    let scratch = Scratch::new("nothing");
    let search = Search::only(&[]).with_bin_dir(Path::new("/nowhere"));
    let error = Postgres::start_with(Options::new(&scratch.0), &search)
        .expect_err("an error")
        .to_string();
    assert!(
        error.starts_with(
            "no PostgreSQL found (looked at PG_BIN_DIR=/nowhere). Do one of: sudo apt-get"
        ),
        "{error}"
    );
}

#[test]
fn a_url_is_encoded() {
    assert_eq!(
        percent_encode("/tmp/a b/ü".as_bytes()),
        "%2Ftmp%2Fa%20b%2F%C3%BC"
    );
}

/// Another process, because we want to survive.
#[test]
fn sigkill_leaves_nothing() {
    let this = env::current_exe().expect("this program");
    let name = format!(
        "{}::stays_until_killed",
        module_path!().split_once("::").expect("a path").1
    );
    let mut other = Command::new(this)
        .args(["--ignored", "--exact", "--nocapture", &name])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a process");
    let mut lines = BufReader::new(other.stdout.take().expect("its output"))
        .lines()
        .map_while(Result::ok);
    let dir = lines
        .find_map(|line| {
            line.split_once("data_dir=")
                .map(|(_, dir)| PathBuf::from(dir))
        })
        .expect("its directory");
    assert!(is_reachable(&dir.join("postgres.socket")));
    other.kill().expect("its end");
    other.wait().expect("its end");
    eventually("the directory goes", || !dir.exists());
}

#[test]
#[ignore = "is started, and killed, by another test"]
fn stays_until_killed() {
    let postgres = Postgres::temporary(&[]).expect("a server");
    println!("\ndata_dir={}", postgres.data_dir().display());
    loop {
        thread::park();
    }
}

mod finding {
    use super::super::find::Found;
    use super::super::owner::Owner;
    use super::*;

    /// Makes a pretended server. A shell writes it: while we have a program open for writing, a fork elsewhere in this process would
    /// keep it from being run.
    fn pretend(bin: &Path, version: &str) {
        let script = r#"
            mkdir -p "$1"
            printf '#!/bin/sh\necho "postgres (PostgreSQL) %s (Debian)"\n' "$2" >"$1/postgres"
            cp "$1/postgres" "$1/initdb"
            chmod +x "$1/postgres" "$1/initdb"
        "#;
        let status = Command::new("/bin/sh")
            .args(["-c", script, "sh"])
            .arg(bin)
            .arg(version)
            .status();
        assert!(status.is_ok_and(|status| status.success()));
    }

    fn find(search: &Search, wanted: Option<u32>) -> Found {
        search.find(Path::new("/nowhere"), &Owner::Ourselves, wanted)
    }

    fn chosen(found: Found) -> Option<(String, u32)> {
        found
            .chosen
            .map(|installation| (installation.version, installation.major))
    }

    #[test]
    fn the_path_comes_first_then_the_newest() {
        let scratch = Scratch::new("order");
        let versions = scratch.0.join("versions");
        pretend(&versions.join("9.6/bin"), "9.6.24");
        pretend(&versions.join("17/bin"), "17.2");
        pretend(&scratch.0.join("bin"), "15.18");
        let none = Search::only(&[&scratch.0]);
        assert!(find(&none, None).chosen.is_none());
        let only_versions = none.with_versions_in(&versions, "");
        assert_eq!(
            chosen(find(&only_versions, None)),
            Some(("17.2".to_owned(), 17))
        );
        let all = Search::only(&[&scratch.0.join("bin")]).with_versions_in(&versions, "");
        assert_eq!(chosen(find(&all, None)), Some(("15.18".to_owned(), 15)));
        assert_eq!(chosen(find(&all, Some(9))), Some(("9.6.24".to_owned(), 9)));
        assert_eq!(find(&all, Some(16)).others.len(), 3);
        let pinned = all.with_bin_dir(&versions.join("9.6/bin"));
        assert_eq!(chosen(find(&pinned, None)), Some(("9.6.24".to_owned(), 9)));
        assert!(find(&pinned, Some(17)).chosen.is_none());
    }

    #[test]
    fn what_does_not_run_is_passed_over() {
        let scratch = Scratch::new("broken");
        let (broken, good) = (scratch.0.join("broken"), scratch.0.join("good"));
        pretend(&broken, "");
        pretend(&good, "18beta1");
        let found = find(&Search::only(&[&broken, &good]), None);
        assert_eq!(chosen(found), Some(("18beta1".to_owned(), 18)));
        let found = find(&Search::only(&[&broken]), None);
        assert!(
            found.looked_at[0].contains("does not say its version"),
            "{:?}",
            found.looked_at
        );
    }
}

#[test]
fn another_process_finds_the_server_that_runs_and_makes_none_where_there_is_no_data() {
    let scratch = Scratch::new("running");
    let data_dir = scratch.0.join("data");
    assert!(!Postgres::has_data(&data_dir).expect("an answer"));
    assert!(!data_dir.exists());
    let mut postgres = start(&data_dir, false).expect("a server");
    assert!(Postgres::has_data(&data_dir).expect("an answer"));
    let found = Postgres::running_url(&data_dir, "postgres").expect("an answer");
    assert_eq!(found, Some(postgres.url("postgres")));
    postgres.stop().expect("stopped");
    let found = Postgres::running_url(&data_dir, "postgres").expect("an answer");
    assert_eq!(found, None);
    assert!(Postgres::has_data(&data_dir).expect("an answer"));
}
