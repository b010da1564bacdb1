//! `Idempotency-Key`: a request may be repeated until an answer arrives, and is done once.

use super::problem::Problem;
use crate::{
    app::App,
    error::Error,
    service::{
        UserId,
        idempotency::{self, Claim},
    },
};
use axum::{
    body::{Body, Bytes},
    extract::FromRequestParts,
    http::{HeaderName, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing::Instrument;

/// The longest answer that is kept, in bytes.
const ANSWER_LIMIT: usize = 256 * 1024;

const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The key of a request, if it came with one.
pub struct IdempotencyKey(Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let Some(header) = parts.headers.get("idempotency-key") else {
            return Ok(Self(None));
        };
        let text = header.to_str().unwrap_or_default().trim();
        // A string of RFC 8941 stands in quotes; most clients send it bare.
        let key = text
            .strip_prefix('"')
            .and_then(|text| text.strip_suffix('"'))
            .unwrap_or(text);
        let is_printable = key.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if is_printable && (1..=255).contains(&key.len()) {
            return Ok(Self(Some(key.to_owned())));
        }
        Err(Error::Malformed {
            code: "bad_idempotency_key",
            detail: "Idempotency-Key must have 1 to 255 printable ASCII characters.".into(),
        })
    }
}

/// An answer as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    status: u16,
    location: Option<String>,
    etag: Option<String>,
    content_type: Option<String>,
    body: Value,
}

impl IdempotencyKey {
    /// Does the work once for this key; when repeated, answers as before. `request` is what was asked.
    ///
    /// The work goes on when the caller hangs up, so that its answer is there when they ask again.
    pub async fn once(
        self,
        app: &App,
        user_id: UserId,
        request: &impl Serialize,
        work: impl Future<Output = Result<Response, Error>> + Send + 'static,
    ) -> Result<Response, Error> {
        let Some(key) = self.0 else {
            return work.await;
        };
        match idempotency::claim(app, user_id, &key, request).await? {
            Claim::Done(answer) => replay(answer),
            Claim::InFlight => Ok(in_flight()),
            Claim::Reused => Err(Error::invalid(
                "Idempotency-Key",
                "idempotency_key_reused",
                "was used for another request",
            )),
            Claim::Do => {
                let app = app.clone();
                let kept =
                    async move { keep(&app, user_id, &key, work.await.into_response()).await };
                tokio::spawn(kept.in_current_span())
                    .await
                    .map_err(Error::internal)?
            }
        }
    }
}

/// Faults of ours are not kept: repeating the request may help.
async fn keep(
    app: &App,
    user_id: UserId,
    key: &str,
    response: Response,
) -> Result<Response, Error> {
    if response.status().is_server_error() {
        idempotency::release(app, user_id, key).await?;
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, ANSWER_LIMIT)
        .await
        .map_err(Error::internal)?;
    let text = |name: HeaderName| parts.headers.get(name)?.to_str().ok().map(str::to_owned);
    let kept = Kept {
        status: parts.status.as_u16(),
        location: text(header::LOCATION),
        etag: text(header::ETAG),
        content_type: text(header::CONTENT_TYPE),
        body: serde_json::from_slice(&body).unwrap_or_default(),
    };
    let kept = serde_json::to_value(kept).map_err(Error::internal)?;
    if let Err(error) = idempotency::keep(app, user_id, key, kept).await {
        tracing::error!(%error, "an answer could not be kept for repetitions");
    }
    Ok(Response::from_parts(parts, Body::from(body)))
}

fn replay(answer: Value) -> Result<Response, Error> {
    let kept: Kept = serde_json::from_value(answer).map_err(Error::internal)?;
    let status = StatusCode::from_u16(kept.status).map_err(Error::internal)?;
    let body = Bytes::from(serde_json::to_vec(&kept.body).map_err(Error::internal)?);
    let mut response = (status, body).into_response();
    let headers = [
        (header::LOCATION, kept.location),
        (header::ETAG, kept.etag),
        (header::CONTENT_TYPE, kept.content_type),
        (REPLAYED, Some("true".to_owned())),
    ];
    for (name, value) in headers {
        if let Some(value) = value {
            response.headers_mut().insert(
                name,
                HeaderValue::from_str(&value).map_err(Error::internal)?,
            );
        }
    }
    Ok(response)
}

fn in_flight() -> Response {
    let detail = "The first request with this Idempotency-Key is still being answered.";
    let problem = Problem::new(StatusCode::CONFLICT, "request_in_progress", detail);
    ([(header::RETRY_AFTER, "1")], problem).into_response()
}
