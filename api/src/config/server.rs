//! Where the server listens and how the world reaches it.

use super::Vars;
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};
use url::Url;

#[derive(Clone, Debug)]
pub struct Server {
    pub bind: SocketAddr,
    /// How browsers reach this server; cookies, redirects and the Origin check depend on it.
    pub public_url: Url,
    /// How long requests and jobs in flight may take to end after SIGTERM or Ctrl-C.
    pub shutdown_grace: Duration,
    /// How long a person stays signed in, at most.
    pub session_lifetime: chrono::TimeDelta,
    /// A session that is not used for so long is over.
    pub session_idle: chrono::TimeDelta,
}

/// `BIND`: the address to listen on; 127.0.0.1:8080 when not set.
/// `PORT`: set by Cloud Run; means that port on all interfaces, and wins over `BIND`.
pub(super) fn bind(vars: &mut Vars<'_>) -> SocketAddr {
    let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 8080));
    if vars.text("PORT").is_some() {
        let port = vars.parsed("PORT", 8080_u16, "a port number");
        return SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    }
    vars.parsed("BIND", local, "an address and port, such as 127.0.0.1:8080")
}

impl Server {
    /// `PUBLIC_URL`: how browsers reach this server, such as `https://book.example.org`; required.
    /// `SHUTDOWN_GRACE_SECONDS`: 8 when not set, because Cloud Run kills after 10.
    /// `SESSION_DAYS`: how long a sign-in lasts, however much it is used; 30 when not set.
    /// `SESSION_IDLE_DAYS`: after how long without use it ends; 7 when not set.
    pub fn load(vars: &mut Vars<'_>, bind: SocketAddr) -> Self {
        let text = vars.required(
            "PUBLIC_URL",
            "how browsers reach this server, such as https://book.example.org",
        );
        let fallback = at(bind);
        let public_url = if text.is_empty() {
            fallback
        } else {
            public_url(vars, &text).unwrap_or(fallback)
        };
        Self {
            bind,
            public_url,
            shutdown_grace: Duration::from_secs(
                vars.number("SHUTDOWN_GRACE_SECONDS", 8, 1..=300).into(),
            ),
            session_lifetime: chrono::TimeDelta::days(
                vars.number("SESSION_DAYS", 30, 1..=365).into(),
            ),
            session_idle: chrono::TimeDelta::days(
                vars.number("SESSION_IDLE_DAYS", 7, 1..=365).into(),
            ),
        }
    }

    /// Whether browsers reach this server by https, so that cookies may be bound to it.
    pub fn is_https(&self) -> bool {
        self.public_url.scheme() == "https"
    }
}

/// `http://` and this address.
pub fn at(bind: SocketAddr) -> Url {
    Url::parse(&format!("http://{bind}")).unwrap_or_else(|_| unreachable!("an address makes a URL"))
}

fn public_url(vars: &mut Vars<'_>, text: &str) -> Option<Url> {
    let problem = match Url::parse(text) {
        Err(_) => "must be a URL such as https://book.example.org",
        Ok(url) if url.path() != "/" || url.query().is_some() || url.fragment().is_some() => {
            "must have no path, query or fragment"
        }
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            "must hold no user or password"
        }
        Ok(url) if url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url)) => {
            return Some(url);
        }
        Ok(_) => "must be https, or http on a loopback address",
    };
    vars.mistake("PUBLIC_URL", problem);
    None
}

pub(super) fn is_loopback(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        host == "localhost"
            || host
                .trim_matches(['[', ']'])
                .parse::<IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    })
}
