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
    /// Whose pages may call this server from a browser, as signed in there. An origin is written as browsers
    /// write it.
    pub cors_origins: Vec<String>,
    /// Addresses of frontends on other sites to which a sign-in may be answered, to the letter.
    pub redirect_uris: Vec<String>,
    /// Where metrics are served to Prometheus; none: nowhere.
    pub metrics_bind: Option<SocketAddr>,
    /// How many connections may be open at once.
    pub max_connections: usize,
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
    /// `MAX_CONNECTIONS`: see [`max_connections`].
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
            cors_origins: cors_origins(vars),
            redirect_uris: redirect_uris(vars),
            metrics_bind: metrics_bind(vars),
            max_connections: max_connections(vars),
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

/// `CORS_ORIGINS`: origins such as `https://app.example.org`, with commas between them: whose pages may call
/// this server from a browser, as signed in there. Each is https, or http on a loopback address. None when not
/// set.
pub(crate) fn cors_origins(vars: &mut Vars<'_>) -> Vec<String> {
    let text = vars.text("CORS_ORIGINS").unwrap_or_default();
    let origins = text.split(',').map(str::trim);
    let origins: Vec<_> = origins.filter(|origin| !origin.is_empty()).collect();
    if !origins.iter().all(|origin| is_origin(origin)) {
        let what = "must be origins as browsers write them, such as https://app.example.org,http://localhost:5173: \
                    https, or http on a loopback address, with no path and no wildcard";
        vars.mistake("CORS_ORIGINS", what);
    }
    origins.into_iter().map(str::to_owned).collect()
}

/// `REDIRECT_URIS`: addresses of frontends on other sites, such as `https://app.example.org/signed-in`, with commas
/// between them, to which people come back who signed in at `/v1/auth/authorize`. Each is https, or http on a loopback
/// address, without a fragment, and compared to the letter (RFC 9700 section 2.1). None when not set.
pub(crate) fn redirect_uris(vars: &mut Vars<'_>) -> Vec<String> {
    let text = vars.text("REDIRECT_URIS").unwrap_or_default();
    let uris = text.split(',').map(str::trim).filter(|uri| !uri.is_empty());
    let uris: Vec<_> = uris.map(str::to_owned).collect();
    for uri in uris.iter().filter(|uri| !is_redirect_uri(uri)) {
        let what = format!(
            "must not have {uri:?}: give addresses such as https://app.example.org/signed-in, https, or http on a loopback address"
        );
        vars.mistake("REDIRECT_URIS", &what);
    }
    uris
}

fn is_redirect_uri(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| {
        let has_user = !url.username().is_empty() || url.password().is_some();
        is_safe(&url) && url.fragment().is_none() && !has_user && text.len() <= 1000
    })
}

/// Browsers send origins in one way of writing, and that is what they are compared with.
fn is_origin(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| {
        url.origin().ascii_serialization() == text && is_safe(&url) && !text.contains('*')
    })
}

/// `METRICS_BIND`: an address and port, such as `127.0.0.1:9090`, to serve metrics at `/metrics`, to whoever
/// reaches it; nowhere when not set.
pub(crate) fn metrics_bind(vars: &mut Vars<'_>) -> Option<SocketAddr> {
    let text = vars.text("METRICS_BIND")?;
    let bind = text.parse().ok();
    if bind.is_none() {
        let what = "must be an address and port, such as 127.0.0.1:9090";
        vars.mistake("METRICS_BIND", what);
    }
    bind
}

/// `MAX_CONNECTIONS`: how many connections may be open at once; 512 when not set, so that the database and others find
/// room among the 1,024 file descriptors that a process often has.
pub(crate) fn max_connections(vars: &mut Vars<'_>) -> usize {
    let most = vars.number("MAX_CONNECTIONS", 512, 1..=65_535);
    usize::try_from(most).unwrap_or(usize::MAX)
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
        Ok(url) if is_safe(&url) => return Some(url),
        Ok(_) => "must be https, or http on a loopback address",
    };
    vars.mistake("PUBLIC_URL", problem);
    None
}

/// Whether nobody on the way can read along.
fn is_safe(url: &Url) -> bool {
    url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url))
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
