//! Calls through the generated client, and what keeps them within bounds.

use std::sync::{Arc, OnceLock};

use google_calendar3::CalendarHub;
use google_calendar3::common::{self, Body, Delegate, Response, Retry};
use google_calendar3::hyper::body::Bytes;
use google_calendar3::hyper::header::{
    AUTHORIZATION, CONTENT_TYPE, HeaderMap, IF_MATCH, RETRY_AFTER, USER_AGENT,
};
use google_calendar3::hyper::http::request;
use google_calendar3::hyper::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::ExposeSecret;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use super::bounded::BoundedConnector;
use super::refusal;
use crate::address::require_secure;
use crate::error::foreign;
use crate::http::install_tls_provider;
use crate::limits::CONNECT_TIMEOUT;
use crate::retry::with_retries;
use crate::{AccessToken, Error, Limits};

type Connector = BoundedConnector<HttpsConnector<HttpConnector>>;

/// The generated client's entry, for one call.
pub(super) type Hub = CalendarHub<Connector>;

/// What all calls share.
#[derive(Clone)]
pub(super) struct Hubs {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client<Connector, Body>,
    root: String,
    user_agent: String,
    limits: Limits,
}

impl Hubs {
    pub(super) fn new(root: &Url, user_agent: &str, limits: Limits) -> Result<Self, Error> {
        require_secure(root, "the address of Calendar")?;
        if !user_agent.bytes().all(|b| (b' '..0x7f).contains(&b)) {
            return Err(Error::protocol("the user agent is not a header value"));
        }
        install_tls_provider();
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let tls = HttpsConnectorBuilder::new()
            .with_webpki_roots()
            .https_or_http()
            // Version 1.1 only: the bound on answers counts what a connection brings for one request.
            .enable_http1()
            .wrap_connector(tcp);
        let connector = BoundedConnector::new(tls, limits.answer_bytes);
        Ok(Self {
            inner: Arc::new(Inner {
                client: Client::builder(TokioExecutor::new()).build(connector),
                root: root.as_str().trim_end_matches('/').to_owned(),
                user_agent: user_agent.to_owned(),
                limits,
            }),
        })
    }

    /// Makes a call within the limits, and reads its failures.
    ///
    /// `call` runs one request of the generated client with the witness as its delegate.
    pub(super) async fn call<T, F>(
        &self,
        token: &AccessToken,
        call: impl Fn(Hub, Witness) -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = common::Result<T>>,
    {
        self.call_within(&self.inner.limits, token, call).await
    }

    /// As [`Hubs::call`], without trying again.
    pub(super) async fn call_once<T, F>(
        &self,
        token: &AccessToken,
        call: impl Fn(Hub, Witness) -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = common::Result<T>>,
    {
        let once = Limits {
            tries: 1,
            ..self.inner.limits
        };
        self.call_within(&once, token, call).await
    }

    async fn call_within<T, F>(
        &self,
        limits: &Limits,
        token: &AccessToken,
        call: impl Fn(Hub, Witness) -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = common::Result<T>>,
    {
        let hub = self.hub(token)?;
        with_retries(limits, || async {
            let witness = Witness::default();
            let seen = Arc::clone(&witness.refusal);
            match call(hub.clone(), witness).await {
                Ok(answer) => Ok(answer),
                Err(error) => Err(seen.get().cloned().unwrap_or_else(|| unanswered(&error))),
            }
        })
        .await
    }

    /// Patches what is at `path` below the API, if it is still at the version `etag`; within the limits, for at most
    /// one of several tries takes effect. The generated client can't say `If-Match`.
    pub(super) async fn patch(
        &self,
        token: &AccessToken,
        path: &str,
        etag: &str,
        body: &Value,
    ) -> Result<(), Error> {
        with_retries(&self.inner.limits, || async {
            let request = self.request(Method::PATCH, token, path)?;
            // By its status it is known what took place, whether or not the body breaks off.
            self.send(request.header(IF_MATCH, etag), body)
                .await
                .map(drop)
        })
        .await
    }

    /// Posts to `path` below the API, without trying again, where the generated client can't read the answer.
    pub(super) async fn post_once<T: DeserializeOwned>(
        &self,
        token: &AccessToken,
        path: &str,
        body: &Value,
    ) -> Result<T, Error> {
        let once = Limits {
            tries: 1,
            ..self.inner.limits
        };
        with_retries(&once, || async {
            let request = self.request(Method::POST, token, path)?;
            let answer = self.send(request, body).await?;
            let answer =
                answer.ok_or_else(|| Error::unavailable("the answer broke off or was too long"))?;
            serde_json::from_slice(&answer).map_err(|error| senseless(&error))
        })
        .await
    }

    fn request(
        &self,
        method: Method,
        token: &AccessToken,
        path: &str,
    ) -> Result<request::Builder, Error> {
        let Inner {
            root, user_agent, ..
        } = &*self.inner;
        let token = sendable(token)?;
        Ok(Request::builder()
            .method(method)
            .uri(format!("{root}/calendar/v3/{path}"))
            .header(USER_AGENT, user_agent)
            .header(AUTHORIZATION, format!("Bearer {token}"))
            .header(CONTENT_TYPE, "application/json"))
    }

    /// Sends a request and reads refusals. Of a success, the body, if it came whole.
    async fn send(&self, request: request::Builder, body: &Value) -> Result<Option<Bytes>, Error> {
        let body = Full::new(Bytes::from(body.to_string())).map_err(|never| match never {});
        let request = request
            .body(body.boxed())
            .map_err(|_| Error::protocol("an etag or address that can't be sent"))?;
        let answer = self.inner.client.request(request).await;
        let answer = answer.map_err(|error| unanswered(&common::Error::HttpError(error)))?;
        let (parts, body) = answer.into_parts();
        let body = body
            .collect()
            .await
            .map(http_body_util::Collected::to_bytes);
        if parts.status.is_success() {
            return Ok(body.ok());
        }
        let envelope = serde_json::from_slice(&body.unwrap_or_default()).ok();
        Err(refused(
            parts.status.as_u16(),
            &parts.headers,
            envelope.as_ref(),
        ))
    }

    fn hub(&self, token: &AccessToken) -> Result<Hub, Error> {
        let Inner {
            client,
            root,
            user_agent,
            ..
        } = &*self.inner;
        let token = sendable(token)?;
        let mut hub = CalendarHub::new(client.clone(), token.to_owned());
        hub.user_agent(user_agent.clone());
        hub.root_url(format!("{root}/"));
        hub.base_url(format!("{root}/calendar/v3/"));
        Ok(hub)
    }
}

/// Sees status and headers of a refusal, which the generated client keeps from its caller.
#[derive(Default)]
pub(super) struct Witness {
    refusal: Arc<OnceLock<Error>>,
}

impl Delegate for Witness {
    fn http_failure(&mut self, response: &Response, envelope: Option<&Value>) -> Retry {
        let refusal = refused(response.status().as_u16(), response.headers(), envelope);
        // A witness sees one request: there is none to replace.
        let _ = self.refusal.set(refusal);
        Retry::Abort
    }
}

fn refused(status: u16, headers: &HeaderMap, envelope: Option<&Value>) -> Error {
    let after = headers
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok());
    refusal::read(status, after, envelope)
}

/// The text of a token; the generated client panics on what is not a header value.
fn sendable(token: &AccessToken) -> Result<&str, Error> {
    let token = token.secret.expose_secret();
    if token.is_empty() || !token.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(Error::Unauthorized);
    }
    Ok(token)
}

/// A call to which there was no answer, or none that makes sense.
fn unanswered(error: &common::Error) -> Error {
    match error {
        common::Error::HttpError(error) => {
            let mut text = if error.is_connect() {
                "can't connect"
            } else {
                "the exchange failed"
            }
            .to_owned();
            let mut source = std::error::Error::source(error);
            while let Some(cause) = source {
                text.push_str(": ");
                text.push_str(&cause.to_string());
                source = cause.source();
            }
            Error::unavailable(foreign(&text))
        }
        // The generated client takes an answer that breaks off, or is cut for its length, for an empty one.
        common::Error::JsonDecodeError(body, _) if body.is_empty() => {
            Error::unavailable("the answer broke off or was too long")
        }
        common::Error::JsonDecodeError(_, error) => senseless(error),
        _ => Error::protocol("the call failed within the client"),
    }
}

fn senseless(error: &serde_json::Error) -> Error {
    Error::protocol(format!(
        "the answer is not what was asked for (at {}:{})",
        error.line(),
        error.column()
    ))
}

/// Everything but what RFC 3986 calls unreserved.
const ID: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// An id as one segment of a path: the generated client inserts it as it is.
pub(super) fn segment(id: &str) -> Result<String, Error> {
    // Dots stay a way up however they are written (WHATWG URL, "double-dot URL path segment").
    if matches!(id, "" | "." | "..") || id.len() > 1024 {
        return Err(Error::unsendable("not an id"));
    }
    Ok(utf8_percent_encode(id, ID).to_string())
}
