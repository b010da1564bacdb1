//! The HTTP client for sign-in.

use std::time::Duration;

use reqwest::redirect::Policy;

use crate::limits::CONNECT_TIMEOUT;
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
        .pool_idle_timeout(Duration::from_secs(60))
        .build()
        .map_err(|error| Error::protocol(format!("no HTTP client: {}", chain(&error))))
}

/// Makes *ring* the TLS provider of the process, unless one has been chosen.
pub(crate) fn install_tls_provider() {
    // An error means that there is one: as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Reads an answer, refusing one that is too long rather than filling the memory with it.
pub(crate) async fn read(
    mut response: reqwest::Response,
    limits: &Limits,
) -> Result<Vec<u8>, Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|e| failed(&e))? {
        if body.len() + chunk.len() > limits.answer_bytes {
            return Err(Error::protocol("the answer is too long"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// A request that came to no answer.
pub(crate) fn failed(error: &reqwest::Error) -> Error {
    if error.is_builder() {
        return Error::protocol(format!("no request: {}", chain(error)));
    }
    Error::unavailable(chain(error))
}

/// An error with its causes in one line, without the URL.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = match error.downcast_ref::<reqwest::Error>() {
        Some(e) if e.is_timeout() => "timed out".to_owned(),
        Some(e) if e.is_connect() => "can't connect".to_owned(),
        Some(_) => "the exchange failed".to_owned(),
        None => error.to_string(),
    };
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    crate::error::foreign(&text)
}
