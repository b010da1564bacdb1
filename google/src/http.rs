//! The HTTP client for sign-in.

use std::pin::Pin;
use std::time::Duration;

use oauth2::http::Response;
use oauth2::{AsyncHttpClient, HttpRequest, HttpResponse};
use reqwest::StatusCode;
use reqwest::header::{ACCEPT, AUTHORIZATION, CACHE_CONTROL, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;
use url::Url;

use crate::error::foreign;
use crate::limits::CONNECT_TIMEOUT;
use crate::retry::{retry_after, with_retries};
use crate::{Error, Limits};

/// A client fit for [`SignIn`](crate::SignIn): follows no redirects (an open one would carry secrets off), gives up
/// connecting after 3 s, and speaks TLS by *ring*, which it makes this process's provider unless there is one already.
///
/// It trusts what the system trusts, so a slim container image needs the package `ca-certificates`.
///
/// # Errors
///
/// [`Error::Protocol`] if the client can't be built, which is what a machine without any CA certificates gives.
pub fn http_client(user_agent: &str) -> Result<reqwest::Client, Error> {
    install_tls_provider();
    reqwest::Client::builder()
        .user_agent(user_agent)
        .redirect(Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(Duration::from_mins(1))
        .build()
        .map_err(|error| Error::protocol(format!("no HTTP client: {}", chain(&error))))
}

/// Makes *ring* the TLS provider of the process, unless one has been chosen.
pub(crate) fn install_tls_provider() {
    // An error means that there is one: as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// A client with its bounds.
#[derive(Clone)]
pub(crate) struct Http {
    client: reqwest::Client,
    pub(crate) limits: Limits,
}

impl Http {
    pub(crate) fn new(client: reqwest::Client, limits: Limits) -> Self {
        Self { client, limits }
    }

    /// Fetches a JSON document, with retries. Gives its bytes and for how long they may be kept.
    pub(crate) async fn document(&self, url: &Url) -> Result<(Vec<u8>, Duration), Error> {
        let answer = self.get(url, None).await?;
        let keep = max_age(answer.headers());
        Ok((answer.into_body(), keep))
    }

    /// Fetches the JSON document that the holder of this access token is shown (RFC 6750 §2.1), with retries.
    pub(crate) async fn document_for(&self, url: &Url, token: &str) -> Result<Vec<u8>, Error> {
        let mut bearer = HeaderValue::try_from(format!("Bearer {token}"))
            .map_err(|_| Error::protocol("the access token is none"))?;
        bearer.set_sensitive(true);
        Ok(self.get(url, Some(bearer)).await?.into_body())
    }

    async fn get(&self, url: &Url, bearer: Option<HeaderValue>) -> Result<HttpResponse, Error> {
        with_retries(&self.limits, || async {
            let mut request = self
                .client
                .get(url.clone())
                .header(ACCEPT, "application/json");
            if let Some(bearer) = &bearer {
                request = request.header(AUTHORIZATION, bearer.clone());
            }
            let answer = self.send(request.build().map_err(|e| failed(&e))?).await?;
            if answer.status() == StatusCode::OK {
                return Ok(answer);
            }
            let (path, status) = (url.path(), answer.status());
            Err(Error::protocol(format!("{path} answered {status}")))
        })
        .await
    }

    /// Posts a form once, within the limits of time.
    pub(crate) async fn post_form(
        &self,
        url: &Url,
        form: &[(&str, &str)],
    ) -> Result<HttpResponse, Error> {
        let request = self.client.post(url.clone()).form(form).build();
        self.send(request.map_err(|e| failed(&e))?).await
    }

    /// Sends once. An answer that says "not now" is an error; any other is for the caller to judge.
    async fn send(&self, request: reqwest::Request) -> Result<HttpResponse, Error> {
        let exchange = async {
            let mut response = self.client.execute(request).await.map_err(|e| failed(&e))?;
            let mut answer = Response::builder().status(response.status());
            if let Some(headers) = answer.headers_mut() {
                *headers = std::mem::take(response.headers_mut());
                not_now(response.status(), headers)?;
            }
            let body = read(response, self.limits.answer_bytes).await?;
            answer
                .body(body)
                .map_err(|_| Error::protocol("an answer that is none"))
        };
        tokio::time::timeout(self.limits.total, exchange)
            .await
            .unwrap_or_else(|_| Err(Error::unavailable("no answer in time")))
    }
}

/// For the OAuth library: its requests are sent once. The future is boxed so that it is plainly `Send`.
impl<'c> AsyncHttpClient<'c> for Http {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Error>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async { self.send(request.try_into().map_err(|e| failed(&e))?).await })
    }
}

/// Whether a status means that the other side can't answer at present.
fn not_now(status: StatusCode, headers: &HeaderMap) -> Result<(), Error> {
    let retry_after = || retry_after(headers.get(RETRY_AFTER).and_then(|v| v.to_str().ok()));
    if status == StatusCode::TOO_MANY_REQUESTS {
        return Err(Error::RateLimited {
            retry_after: retry_after(),
        });
    }
    if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT {
        return Err(Error::Unavailable {
            reason: format!("answered {status}"),
            retry_after: retry_after(),
        });
    }
    Ok(())
}

/// Reads an answer, refusing one that is too long rather than filling the memory with it.
async fn read(mut response: reqwest::Response, limit: usize) -> Result<Vec<u8>, Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|e| failed(&e))? {
        if body.len() + chunk.len() > limit {
            return Err(Error::protocol("the answer is too long"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// How long a document may be kept: as it says, but a minute at least and a day at most; an hour if it says nothing.
fn max_age(headers: &HeaderMap) -> Duration {
    let said = headers
        .get_all(CACHE_CONTROL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .find_map(|directive| directive.trim().strip_prefix("max-age=")?.parse().ok());
    Duration::from_secs(said.unwrap_or(3600).clamp(60, 86_400))
}

/// A request that came to no answer.
fn failed(error: &reqwest::Error) -> Error {
    if error.is_builder() {
        return Error::protocol(format!("no request: {}", chain(error)));
    }
    Error::unavailable(chain(error))
}

/// What went wrong, with its causes, and without the URL.
fn chain(error: &reqwest::Error) -> String {
    let mut text = match error {
        e if e.is_timeout() => "timed out".to_owned(),
        e if e.is_connect() => "can't connect".to_owned(),
        _ => "the exchange failed".to_owned(),
    };
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    foreign(&text)
}
