//! What a request proves by who sends it.

use axum::http::{HeaderMap, header};

/// What is looked at to find out who asks. Never both: what a page of another site can make a browser send along
/// must not add to what a client shows on purpose, nor the other way round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// `Authorization: Bearer …`, which no browser sends by itself. Cookies of such a request don't count.
    Bearer,
    /// Cookies, if anything. Browsers send them whoever's page asks, as they do what they were told in a dialogue
    /// (`Authorization: Basic …`): so the page must be one that may.
    Cookie,
}

impl Credentials {
    /// Of a request with these headers.
    pub fn of(headers: &HeaderMap) -> Self {
        let mut fields = headers.get_all(header::AUTHORIZATION).iter();
        let is_bearer = fields.any(|field| {
            let scheme = field.as_bytes().split(|byte| *byte == b' ').next();
            scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"bearer"))
        });
        if is_bearer {
            Self::Bearer
        } else {
            Self::Cookie
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn of(fields: &[&[u8]]) -> Credentials {
        let fields = fields.iter().map(|field| {
            let value = HeaderValue::from_bytes(field).expect("a value");
            (header::AUTHORIZATION, value)
        });
        Credentials::of(&fields.collect())
    }

    #[test]
    fn a_bearer_token_is_one_however_its_scheme_is_written() {
        for token in [
            &b"Bearer x"[..],
            b"bearer x",
            b"BEARER  x",
            b"Bearer",
            b"Bearer \xff",
        ] {
            assert_eq!(of(&[token]), Credentials::Bearer);
            assert_eq!(of(&[b"Basic x", token]), Credentials::Bearer);
        }
    }

    #[test]
    fn all_else_is_left_to_cookies() {
        assert_eq!(of(&[]), Credentials::Cookie);
        for field in ["Basic x", "Negotiate x", "Bearers x", ""] {
            assert_eq!(of(&[field.as_bytes()]), Credentials::Cookie);
        }
    }
}
