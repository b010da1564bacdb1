//! Extractors that read hostile input: bounded, strict, and with problem+json for a rejection.

use crate::{
    error::{Error, FieldError},
    http::validate,
};
use axum::{
    body::Bytes,
    extract::{
        FromRequest, FromRequestParts, Request,
        rejection::{BytesRejection, FailedToBufferBody},
    },
    http::{HeaderMap, header, request::Parts},
};
use garde::Validate;
use serde::de::DeserializeOwned;

/// A JSON body, read strictly and validated.
pub struct Json<T>(pub T);

impl<S, T> FromRequest<S> for Json<T>
where
    S: Send + Sync,
    T: DeserializeOwned + Validate<Context = ()>,
{
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        if !is_json(request.headers()) {
            return Err(Error::Malformed {
                code: "not_json",
                detail: "Send a JSON body with Content-Type: application/json.".into(),
            });
        }
        let body =
            Bytes::from_request(request, state)
                .await
                .map_err(|rejection| match rejection {
                    BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_)) => {
                        Error::TooLarge
                    }
                    _ => Error::Malformed {
                        code: "body_unreadable",
                        detail: "The body could not be read.".into(),
                    },
                })?;
        let mut json = serde_json::Deserializer::from_slice(&body);
        let value: T = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let (path, cause) = (error.path().to_string(), error.into_inner());
            match cause.classify() {
                serde_json::error::Category::Data => Error::Invalid(vec![FieldError::new(
                    path,
                    "unacceptable",
                    without_position(&cause),
                )]),
                _ => Error::Malformed {
                    code: "malformed_json",
                    detail: "The body is not JSON.".into(),
                },
            }
        })?;
        json.end().map_err(|_| Error::Malformed {
            code: "malformed_json",
            detail: "The body is not JSON.".into(),
        })?;
        validate::check(&value)?;
        Ok(Self(value))
    }
}

/// RFC 9110 section 8.3 and RFC 6838: the media type without its parameters.
fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| {
            value.split(';').next().is_some_and(|media_type| {
                media_type.trim().eq_ignore_ascii_case("application/json")
            })
        })
}

fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let end = text.rfind(" at line ").unwrap_or(text.len());
    shortened(&text[..end])
}

/// What serde says may repeat the input, so it is cut to a length.
fn shortened(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
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
        let value: T = serde_path_to_error::deserialize(deserializer).map_err(|error| {
            let path = error.path().to_string();
            let field = if path == "." { String::new() } else { path };
            Error::Invalid(vec![FieldError::new(
                field,
                "unacceptable",
                shortened(&error.into_inner().to_string()),
            )])
        })?;
        validate::check(&value)?;
        Ok(Self(value))
    }
}

/// One id in the path. What is not an id names nothing, so it is a 404.
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
