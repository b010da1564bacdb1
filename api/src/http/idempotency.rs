//! `Idempotency-Key`: a request may be repeated until an answer arrives, and is done once.

use super::etag::etag;
use crate::{
    app::App,
    error::Error,
    origin,
    service::idempotency::{self, Claim, Claimed},
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
use utoipa::IntoParams;
use uuid::Uuid;

/// The longest answer that is kept, in bytes.
const ANSWER_LIMIT: usize = 256 * 1024;

const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The key of a request, if it came with one.
pub struct IdempotencyKey(Option<String>);

/// How [`IdempotencyKey`] is documented.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(
    dead_code,
    reason = "says in the OpenAPI document what the extractor reads"
)]
pub struct IdempotencyHeader {
    /// A key of the caller's choice. Repeated with the same key within 24 hours, the request is done once and answered
    /// as before, with `Idempotent-Replayed: true`: also after what it made has changed, so read that for its present
    /// state.
    ///
    /// So is a refusal of what was asked for (403, 404, 409, 412, and 422): what is tried anew after one, because
    /// something has changed since, needs another key. Not kept, so that the same key can be sent again: what was
    /// refused before it was begun (400, 401, 408, 413, 428, 429, 422 of what the schema forbids, and 403 and 404 of who
    /// asks), what came while the first was being answered (409 `request_in_progress`), and what failed for a fault of
    /// ours (5xx).
    #[param(
        rename = "Idempotency-Key",
        nullable = false,
        min_length = 1,
        max_length = 255,
        pattern = "^[!-~]([ -~]*[!-~])?$"
    )]
    key: Option<String>,
}

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
pub struct Kept<T = Value> {
    status: u16,
    location: Option<String>,
    etag: Option<String>,
    content_type: Option<String>,
    body: T,
}

impl<T> Kept<T> {
    /// What a thing is now, at this version.
    pub fn ok(version: i32, body: T) -> Self {
        let [(_, etag)] = etag(version);
        Self {
            status: StatusCode::OK.as_u16(),
            location: None,
            etag: etag.to_str().ok().map(str::to_owned),
            content_type: Some("application/json".to_owned()),
            body,
        }
    }

    /// What came of what was done, where that is nothing to edit.
    pub fn outcome(body: T) -> Self {
        Self {
            etag: None,
            ..Self::ok(0, body)
        }
    }

    /// What was noted, which nobody edits, and where it is.
    pub fn noted(location: String, body: T) -> Self {
        Self {
            etag: None,
            ..Self::created(location, 0, body)
        }
    }

    /// What was created, and where it is.
    pub fn created(location: String, version: i32, body: T) -> Self {
        Self {
            status: StatusCode::CREATED.as_u16(),
            location: Some(location),
            ..Self::ok(version, body)
        }
    }

    /// As [`Kept::created`], where nobody edits it.
    pub fn created_for_good(location: String, body: T) -> Self {
        Self {
            etag: None,
            ..Self::created(location, 0, body)
        }
    }
}

impl IdempotencyKey {
    /// Does the work once for this key; when repeated, answers as before. `request` is what was asked.
    ///
    /// The work keeps its own success, by the claim that it is given, on the transaction that makes it one.
    /// Refusals are kept here. The work goes on when the caller hangs up.
    pub async fn once<W>(
        self,
        app: &App,
        caller_id: Uuid,
        request: &impl Serialize,
        work: impl FnOnce(Option<Claim>) -> W,
    ) -> Result<Response, Error>
    where
        W: Future<Output = Result<Response, Error>> + Send + 'static,
    {
        let claim = match self.0 {
            None => None,
            Some(key) => match idempotency::claim(app, caller_id, key, request).await? {
                Claimed::Do(claim) => Some(claim),
                Claimed::Done(answer) => return replay(answer),
                Claimed::InProgress => return Err(Error::RequestInProgress),
                Claimed::Reused => {
                    return Err(Error::invalid(
                        "Idempotency-Key",
                        "idempotency_key_reused",
                        "was used for another request",
                    ));
                }
            },
        };
        let (app, work) = (app.clone(), work(claim.clone()));
        let done = async move {
            match (work.await, claim) {
                (Err(error), Some(claim)) => refuse(&app, &claim, error).await,
                (outcome, _) => outcome,
            }
        };
        tokio::spawn(origin::carried(done).in_current_span())
            .await
            .map_err(Error::internal)?
    }
}

/// Keeps a refusal. Faults of ours are not kept: repeating the request may help.
async fn refuse(app: &App, claim: &Claim, error: Error) -> Result<Response, Error> {
    let response = error.into_response();
    if response.status().is_server_error() {
        claim.release(app).await?;
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, ANSWER_LIMIT)
        .await
        .map_err(Error::internal)?;
    let text = |name: HeaderName| parts.headers.get(name)?.to_str().ok().map(str::to_owned);
    let kept = Kept::<Value> {
        status: parts.status.as_u16(),
        location: text(header::LOCATION),
        etag: text(header::ETAG),
        content_type: text(header::CONTENT_TYPE),
        body: serde_json::from_slice(&body).unwrap_or_default(),
    };
    match claim.keep_refusal(app, &kept).await {
        // Whoever has taken over may be told otherwise.
        Err(Error::RequestInProgress) => return Err(Error::RequestInProgress),
        Err(error) => tracing::error!(%error, "a refusal could not be kept for repetitions"),
        Ok(()) => {}
    }
    Ok(Response::from_parts(parts, Body::from(body)))
}

impl<T: Serialize> Kept<T> {
    /// The answer as it is sent.
    pub fn response(self) -> Result<Response, Error> {
        let status = StatusCode::from_u16(self.status).map_err(Error::internal)?;
        let body = Bytes::from(serde_json::to_vec(&self.body).map_err(Error::internal)?);
        let mut response = (status, body).into_response();
        let headers = [
            (header::LOCATION, self.location),
            (header::ETAG, self.etag),
            (header::CONTENT_TYPE, self.content_type),
        ];
        for (name, value) in headers {
            if let Some(value) = value {
                let value = HeaderValue::from_str(&value).map_err(Error::internal)?;
                response.headers_mut().insert(name, value);
            }
        }
        Ok(response)
    }
}

fn replay(answer: Value) -> Result<Response, Error> {
    let kept: Kept = serde_json::from_value(answer).map_err(Error::internal)?;
    let mut response = kept.response()?;
    response
        .headers_mut()
        .insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}
