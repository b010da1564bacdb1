//! Extractors that read hostile input: bounded, strict, and with problem+json for a rejection.

use crate::{
    error::Error,
    http::{unreadable, validate},
};
use axum::{
    body::Bytes,
    extract::{
        DefaultBodyLimit, FromRequest, FromRequestParts, Request,
        rejection::{BytesRejection, FailedToBufferBody},
    },
    http::{HeaderMap, header, request::Parts},
};
use garde::Validate;
use serde::de::DeserializeOwned;
use std::time::Duration;
use tokio::time::timeout;

/// The longest body that is usual, in KiB.
pub const USUAL_KIB: usize = 64;

/// How long a body may take to arrive: a MiB at less than a Mbit/s.
pub const BODY_TIME: Duration = Duration::from_secs(10);

/// A JSON body of at most so many KiB, read strictly and validated.
pub struct Json<T, const KIB: usize = USUAL_KIB>(pub T);

impl<S, T, const KIB: usize> FromRequest<S> for Json<T, KIB>
where
    S: Send + Sync,
    T: DeserializeOwned + Validate<Context = ()>,
{
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        check_json(request.headers())?;
        let body = read(request, state, KIB, BODY_TIME).await?;
        valid(&body).map(Self)
    }
}

/// As [`Json`], where all fields are optional: without a body, none is there.
pub struct OptionalJson<T>(pub T);

impl<S, T> FromRequest<S> for OptionalJson<T>
where
    S: Send + Sync,
    T: DeserializeOwned + Validate<Context = ()>,
{
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        let is_json = check_json(request.headers());
        let body = read(request, state, USUAL_KIB, BODY_TIME).await?;
        if body.is_empty() {
            return valid(b"{}").map(Self);
        }
        is_json?;
        valid(&body).map(Self)
    }
}

/// The absence of a body. An operation that takes none refuses one rather than drops what somebody meant by it; `{}`
/// means nothing, and is what some clients always send.
pub struct NoBody;

impl<S: Send + Sync> FromRequest<S> for NoBody {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        let unexpected = || Error::Malformed {
            code: "unexpected_body",
            detail: "This takes no body: send none.".into(),
        };
        match read(request, state, 1, BODY_TIME).await {
            Ok(body) if means_nothing(&body) => Ok(Self),
            Ok(_) | Err(Error::TooLarge { .. }) => Err(unexpected()),
            Err(error) => Err(error),
        }
    }
}

fn means_nothing(body: &[u8]) -> bool {
    let text = body.trim_ascii();
    let within = text
        .strip_prefix(b"{")
        .and_then(|text| text.strip_suffix(b"}"));
    text.is_empty() || within.is_some_and(|within| within.trim_ascii().is_empty())
}

fn check_json(headers: &HeaderMap) -> Result<(), Error> {
    if is_of_type(headers, "application/json") {
        return Ok(());
    }
    Err(Error::Malformed {
        code: "not_json",
        detail: "Send a JSON body with Content-Type: application/json.".into(),
    })
}

fn valid<T: DeserializeOwned + Validate<Context = ()>>(body: &[u8]) -> Result<T, Error> {
    let value = parse(body)?;
    validate::check(&value)?;
    Ok(value)
}

/// The whole body, if it is no longer than so many KiB.
pub async fn read<S: Send + Sync>(
    mut request: Request,
    state: &S,
    kibibytes: usize,
    limit: Duration,
) -> Result<Bytes, Error> {
    DefaultBodyLimit::max(kibibytes * 1024).apply(&mut request);
    let body = timeout(limit, Bytes::from_request(request, state));
    let body = body.await.map_err(|_| Error::TooSlow {
        seconds: limit.as_secs(),
    })?;
    body.map_err(|rejection| match rejection {
        BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_)) => {
            Error::TooLarge { kibibytes }
        }
        _ => Error::Malformed {
            code: "body_unreadable",
            detail: "The body could not be read.".into(),
        },
    })
}

/// RFC 9110 section 8.3 and RFC 6838: the media type without its parameters.
fn is_of_type(headers: &HeaderMap, wanted: &str) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| {
            value
                .split(';')
                .next()
                .is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case(wanted))
        })
}

/// Reads an object. serde would let a list of its values pass for one, and calls some well-formed JSON a
/// syntax error, so what it refuses is looked at again.
fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let read = serde_path_to_error::deserialize(&mut json);
    let is_list = body.trim_ascii_start().starts_with(b"[");
    match read {
        Ok(value) if !is_list && json.end().is_ok() => Ok(value),
        _ if serde_json::from_slice::<serde_json::Value>(body).is_err() => Err(Error::Malformed {
            code: "malformed_json",
            detail: "The body is not JSON.".into(),
        }),
        Err(error) if !is_list => {
            let message = error.inner().to_string();
            let end = message.rfind(" at line ").unwrap_or(message.len());
            Err(unreadable::rejected(error.path(), &message[..end]))
        }
        _ => Err(Error::invalid(
            "",
            "unacceptable",
            unreadable::NOT_AN_OBJECT,
        )),
    }
}

/// The text of an iCalendar file.
pub struct CalendarFile(pub String);

/// The longest iCalendar file, in KiB.
const CALENDAR_FILE_KIB: usize = 1024;

impl<S: Send + Sync> FromRequest<S> for CalendarFile {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        if !is_of_type(request.headers(), "text/calendar") {
            return Err(Error::Malformed {
                code: "not_a_calendar",
                detail: "Send an iCalendar file with Content-Type: text/calendar.".into(),
            });
        }
        let body = read(request, state, CALENDAR_FILE_KIB, BODY_TIME).await?;
        String::from_utf8(body.into())
            .map(Self)
            .map_err(|_| Error::invalid("", "not_a_calendar", "must be in UTF-8"))
    }
}

/// Query parameters, read strictly and validated.
pub struct Query<T>(pub T);

impl<S, T> FromRequestParts<S> for Query<T>
where
    S: Send + Sync,
    T: DeserializeOwned + Validate<Context = ()>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let query = parts.uri.query().unwrap_or_default();
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        let deserializer = serde_urlencoded::Deserializer::new(pairs);
        let value: T = serde_path_to_error::deserialize(deserializer)
            .map_err(|error| unreadable::rejected(error.path(), &error.inner().to_string()))?;
        validate::check(&value)?;
        Ok(Self(value))
    }
}

/// Ids in the path. What is not an id names nothing, so it is a 404.
pub struct Path<T>(pub T);

impl<S, T> FromRequestParts<S> for Path<T>
where
    S: Send + Sync,
    T: DeserializeOwned + Send,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let axum::extract::Path(value) = axum::extract::Path::<T>::from_request_parts(parts, state)
            .await
            .map_err(|_| Error::not_found("thing"))?;
        Ok(Self(value))
    }
}

/// The absence of query parameters: an operation that takes none refuses them.
#[derive(serde::Deserialize, garde::Validate)]
#[serde(deny_unknown_fields)]
pub struct NoQuery {}

/// Whether an edit is only tried.
#[derive(serde::Deserialize, garde::Validate, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DryRun {
    /// Only tries the edit: it is refused as the edit would be, and nothing is written.
    #[garde(skip)]
    #[serde(default)]
    #[param(default = false)]
    pub dry_run: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use futures::{StreamExt, stream};

    #[tokio::test]
    async fn who_takes_too_long_to_send_a_body_is_told_so() {
        let begun = stream::iter([Ok::<_, std::io::Error>("{")]);
        let body = Body::from_stream(begun.chain(stream::pending()));
        let read = read(Request::new(body), &(), 1, Duration::from_millis(1)).await;
        assert!(matches!(read, Err(Error::TooSlow { .. })), "{read:?}");
    }
}
