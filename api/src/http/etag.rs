//! Entity tags (RFC 9110 section 8.8.3) made of versions, and `If-Match` (section 13.1.1).

use crate::error::Error;
use axum::{
    extract::FromRequestParts,
    http::{HeaderValue, header, request::Parts},
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

/// The version for which an edit is meant. An edit without one is refused.
pub struct IfMatch(pub i32);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let header = parts
            .headers
            .get(header::IF_MATCH)
            .ok_or(Error::PreconditionRequired)?;
        version(header).map(Self).ok_or(Error::PreconditionFailed)
    }
}

/// The version for which a change is meant, where the caller says so.
pub struct MaybeIfMatch(pub Option<i32>);

impl<S: Send + Sync> FromRequestParts<S> for MaybeIfMatch {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let Some(header) = parts.headers.get(header::IF_MATCH) else {
            return Ok(Self(None));
        };
        version(header)
            .map(|version| Self(Some(version)))
            .ok_or(Error::PreconditionFailed)
    }
}

/// A tag that we did not make matches nothing: neither another spelling of a version, nor the last one
/// that there can be, after which there is no next.
fn version(header: &HeaderValue) -> Option<i32> {
    let tag = header.to_str().ok()?.trim();
    let version: i32 = tag.strip_prefix('"')?.strip_suffix('"')?.parse().ok()?;
    (version < i32::MAX && tag == format!("\"{version}\"")).then_some(version)
}
