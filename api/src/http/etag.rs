//! Entity tags (RFC 9110 section 8.8.3) made of versions, and `If-Match` (section 13.1.1).

use crate::error::Error;
use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderValue, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde::Serialize;

/// The header that tells a version.
pub fn etag(version: i32) -> [(header::HeaderName, HeaderValue); 1] {
    let tag = HeaderValue::from_str(&tag(version)).unwrap_or(HeaderValue::from_static("\"0\""));
    [(header::ETAG, tag)]
}

/// A version as `ETag` and `If-Match` write it: where things are listed, each tells its own.
pub fn tag(version: i32) -> String {
    format!("\"{version}\"")
}

/// The answer to an edit of `version`: what the thing is now, and its new tag. One that was only tried changed no tag.
pub fn edited(version: i32, dry_run: bool, body: impl Serialize) -> Response {
    let body = axum::Json(body);
    if dry_run {
        body.into_response()
    } else {
        (etag(version + 1), body).into_response()
    }
}

/// For which versions an edit is meant. An edit without any is refused.
pub struct IfMatch(Versions);

impl IfMatch {
    /// The version for which the edit is meant, of something that has `current` now. A single one is not compared:
    /// the statement that writes does it.
    pub fn choose(&self, current: i32) -> Result<i32, Error> {
        self.0.choose(current).ok_or(Error::PreconditionFailed)
    }

    /// The versions for which a change is meant; none for whatever there is.
    pub fn versions(self) -> Option<Vec<i32>> {
        self.0.listed()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        Versions::of(&parts.headers)?
            .map(Self)
            .ok_or(Error::PreconditionRequired)
    }
}

/// The versions for which a change is meant, where the caller says so.
pub struct MaybeIfMatch(pub Option<Vec<i32>>);

impl<S: Send + Sync> FromRequestParts<S> for MaybeIfMatch {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        Ok(Self(
            Versions::of(&parts.headers)?.and_then(Versions::listed),
        ))
    }
}

/// What `If-Match` lists.
#[derive(Debug, PartialEq, Eq)]
enum Versions {
    /// `*`: whatever there is.
    Any,
    /// Perhaps none that there can be.
    OneOf(Vec<i32>),
}

impl Versions {
    fn of(headers: &HeaderMap) -> Result<Option<Self>, Error> {
        let fields = headers.get_all(header::IF_MATCH).iter();
        let fields: Vec<_> = fields.map(HeaderValue::as_bytes).collect();
        match fields[..] {
            [] => return Ok(None),
            [one] if one.trim_ascii() == b"*" => return Ok(Some(Self::Any)),
            _ => {}
        }
        let mut tags = Vec::new();
        for field in fields {
            tags.extend(tags_of(field).ok_or_else(unreadable)?);
        }
        if tags.is_empty() {
            return Err(unreadable());
        }
        let versions = tags.into_iter().filter_map(version);
        Ok(Some(Self::OneOf(versions.collect())))
    }

    fn listed(self) -> Option<Vec<i32>> {
        match self {
            Self::Any => None,
            Self::OneOf(versions) => Some(versions),
        }
    }

    fn choose(&self, current: i32) -> Option<i32> {
        match self {
            Self::Any => Some(current),
            Self::OneOf(versions) => match versions[..] {
                [version] => Some(version),
                _ => versions.contains(&current).then_some(current),
            },
        }
    }
}

fn unreadable() -> Error {
    Error::Malformed {
        code: "bad_if_match",
        detail: "If-Match must hold ETags as they were sent, with their quotes, or an asterisk."
            .into(),
    }
}

/// The entity tags of a field, with commas and perhaps nothing between them; none if there is something else.
fn tags_of(field: &[u8]) -> Option<Vec<&[u8]>> {
    let mut tags = Vec::new();
    let mut rest = field.trim_ascii();
    while !rest.is_empty() {
        if let Some((b',', after)) = rest.split_first() {
            rest = after.trim_ascii_start();
            continue;
        }
        let opaque = rest.strip_prefix(b"W/").unwrap_or(rest);
        let within = opaque.strip_prefix(b"\"")?;
        let length = within.iter().position(|byte| *byte == b'"')?;
        if !within[..length].iter().all(|byte| is_in_tag(*byte)) {
            return None;
        }
        let (tag, after) = rest.split_at(rest.len() - within.len() + length + 1);
        tags.push(tag);
        rest = after.trim_ascii_start();
        if !(rest.is_empty() || rest.starts_with(b",")) {
            return None;
        }
    }
    Some(tags)
}

/// RFC 9110 section 8.8.3, apart from the quote.
fn is_in_tag(byte: u8) -> bool {
    byte > b' ' && byte != 0x7f
}

/// A tag that we did not make matches nothing: neither a weak one, nor another spelling of a version, nor the last one
/// that there can be, after which there is no next.
fn version(tag: &[u8]) -> Option<i32> {
    let tag = str::from_utf8(tag).ok()?;
    let version: i32 = tag.strip_prefix('"')?.strip_suffix('"')?.parse().ok()?;
    (version < i32::MAX && tag == format!("\"{version}\"")).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which version an edit of something that has version 7 is for.
    fn chosen(fields: &[&'static str]) -> Option<i32> {
        versions(fields).expect("tags")?.choose(7)
    }

    fn versions(fields: &[&'static str]) -> Result<Option<Versions>, Error> {
        let fields = fields
            .iter()
            .map(|field| (header::IF_MATCH, HeaderValue::from_static(field)));
        Versions::of(&fields.collect())
    }

    #[test]
    fn one_of_a_list_is_enough() {
        for fields in [
            &["\"7\""][..],
            &[" \"7\" "],
            &["\"6\", \"7\""],
            &["\"7\",\"8\",,"],
            &["W/\"7\", \"x\", \"7\""],
            &["\"6\"", "\"7\""],
            &["*"],
        ] {
            assert_eq!(chosen(fields), Some(7), "{fields:?}");
        }
    }

    #[test]
    fn what_is_no_tag_of_ours_matches_nothing() {
        for fields in [
            &["W/\"7\""][..],
            &["\"07\""],
            &["\"+7\""],
            &["\"6\", \"8\""],
            &["\"2147483647\""],
            &["\"*\""],
            &["\"\""],
            &["\"6,7\""],
        ] {
            assert_eq!(chosen(fields), None, "{fields:?}");
        }
    }

    #[test]
    fn what_is_no_tag_at_all_is_refused() {
        for fields in [
            &["7"][..],
            &["\"7"],
            &["7\""],
            &["\"6\" \"7\""],
            &["\"7\"x"],
            &["w/\"7\""],
            &["\"7 8\""],
            &["\"7\", 8"],
            &["*, \"6\", \"8\""],
            &["*", "*"],
            &[""],
            &[", ,"],
        ] {
            let refused = versions(fields);
            assert!(
                matches!(refused, Err(Error::Malformed { .. })),
                "{fields:?}: {refused:?}"
            );
        }
    }

    /// It may have become the current one since that was read.
    #[test]
    fn of_a_single_version_the_statement_that_writes_decides() {
        assert_eq!(chosen(&["\"6\""]), Some(6));
    }
}
