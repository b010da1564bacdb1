//! Which addresses we talk to.

use url::{Host, Url};

use crate::Error;

/// Refuses plain `http`, except to this very machine, where the stand-in for Google runs.
pub(crate) fn require_secure(url: &Url, what: &str) -> Result<(), Error> {
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    if url.scheme() == "https" || (url.scheme() == "http" && loopback) {
        Ok(())
    } else {
        Err(Error::protocol(format!(
            "{what} must be https, or http on a loopback address"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::require_secure;

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for (url, good) in [
            ("https://accounts.google.com", true),
            ("http://127.0.0.1:9000", true),
            ("http://[::1]:9000", true),
            ("http://localhost:9000", true),
            ("http://accounts.google.com", false),
            ("http://localhost.example.org", false),
            ("http://10.0.0.1", false),
            ("ftp://localhost", false),
        ] {
            let url = url.parse().expect("a URL");
            assert_eq!(require_secure(&url, "the issuer").is_ok(), good, "{url}");
        }
    }
}
