//! Where a browser goes after the provider: to a page of this server, and nowhere else.

use crate::error::Error;
use url::Url;

/// The longest path that is returned to.
const LENGTH: usize = 1000;

/// A path on this server, and nothing that a browser takes for another server's address.
pub(super) fn return_path(public_url: &Url, path: &str) -> Result<String, Error> {
    let refused = || {
        Error::invalid(
            "return_to",
            "not_a_local_path",
            "must be a path on this server, such as /docs/",
        )
    };
    if !path.starts_with('/')
        || path.len() > LENGTH
        || !path.bytes().all(|b| b.is_ascii_graphic() && b != b'\\')
    {
        return Err(refused());
    }
    let url = public_url.join(path).map_err(|_| refused())?;
    let path = &url[url::Position::BeforePath..];
    // With the dots taken out, "/.//host" has become an address of another server.
    if url.origin() != public_url.origin() || path.starts_with("//") {
        return Err(refused());
    }
    Ok(path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_this_server_are_returned_to() {
        let public_url = Url::parse("https://book.example.org").expect("a URL");
        for (path, expected) in [
            ("/", "/"),
            ("/docs/?a=b#c", "/docs/?a=b#c"),
            ("/a/../b", "/b"),
            ("/%2F%2Fevil.example", "/%2F%2Fevil.example"),
        ] {
            assert_eq!(return_path(&public_url, path).expect("accepted"), expected);
        }
        let long = format!("/{}", "a".repeat(1000));
        for path in [
            "",
            "docs",
            "//evil.example",
            "/\\evil.example",
            "/\t/evil.example",
            "/.//evil.example",
            "/a/..//evil.example",
            "/%2e//evil.example",
            "https://evil.example/",
            "/a\nb",
            "/a b",
            "/ü",
            &long,
        ] {
            assert!(return_path(&public_url, path).is_err(), "{path:?}");
        }
    }
}
