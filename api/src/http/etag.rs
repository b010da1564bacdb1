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
    let tag = HeaderValue::from_str(&format!("\"{version}\""))
        .unwrap_or(HeaderValue::from_static("\"0\""));
    [(header::ETAG, tag)]
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
        Versions::of(&parts.headers)
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
            Versions::of(&parts.headers).and_then(Versions::listed),
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
    fn of(headers: &HeaderMap) -> Option<Self> {
        let fields: Vec<_> = headers.get_all(header::IF_MATCH).iter().collect();
        let texts = fields.iter().filter_map(|field| field.to_str().ok());
        let tags = texts.flat_map(|text| text.split(',').map(str::trim));
        match fields.len() {
            0 => None,
            1 if fields[0].as_bytes().trim_ascii() == b"*" => Some(Self::Any),
            _ => Some(Self::OneOf(tags.filter_map(version).collect())),
        }
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

/// A tag that we did not make matches nothing: neither a weak one, nor another spelling of a version, nor the last one
/// that there can be, after which there is no next. None of ours holds a comma.
fn version(tag: &str) -> Option<i32> {
    let version: i32 = tag.strip_prefix('"')?.strip_suffix('"')?.parse().ok()?;
    (version < i32::MAX && tag == format!("\"{version}\"")).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which version an edit of something that has version 7 is for.
    fn chosen(fields: &[&'static str]) -> Option<i32> {
        let fields = fields
            .iter()
            .map(|field| (header::IF_MATCH, HeaderValue::from_static(field)));
        Versions::of(&fields.collect())?.choose(7)
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
            &["7"],
            &["\"07\""],
            &["\"+7\""],
            &["\"7"],
            &["\"6\", \"8\""],
            &["\"2147483647\""],
            &["*, \"6\", \"8\""],
            &["*", "*"],
            &["\"*\""],
            &[""],
        ] {
            assert_eq!(chosen(fields), None, "{fields:?}");
        }
    }

    /// It may have become the current one since that was read.
    #[test]
    fn of_a_single_version_the_statement_that_writes_decides() {
        assert_eq!(chosen(&["\"6\""]), Some(6));
    }
}
