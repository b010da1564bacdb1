//! People who speak HTTP: strangers, and whoever has signed in. All share one way to ask.

use super::{TestApp, secrets};
use google_sandbox::{Consent, Sandbox};
use reqwest::{Method, StatusCode, header};
use serde_json::Value;
use std::collections::BTreeMap;
use url::Url;

/// A browser of somebody.
pub struct Person {
    base: Url,
    google: Sandbox,
    http: reqwest::Client,
    cookies: BTreeMap<String, String>,
    /// What is sent as `Authorization: Bearer`.
    bearer: Option<String>,
}

/// What the server answered.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: header::HeaderMap,
    pub body: Value,
}

impl Answer {
    /// The body, if the status is this one.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{:#}", self.body);
        self.body
    }

    /// The body, if this is a problem with this status and code.
    #[track_caller]
    pub fn expect_problem(self, status: u16, code: &str) -> Value {
        let content_type = self
            .headers
            .get(header::CONTENT_TYPE)
            .map(|value| value.to_str().unwrap().to_owned());
        let body = self.expect(status);
        assert_eq!(content_type.as_deref(), Some("application/problem+json"));
        assert_eq!(body["code"], code, "{body:#}");
        assert_eq!(body["status"], status, "{body:#}");
        body
    }

    /// Where the browser is sent.
    #[track_caller]
    pub fn target(&self) -> &str {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{:#}", self.body);
        self.headers[header::LOCATION].to_str().unwrap()
    }

    pub fn etag(&self) -> String {
        self.headers[header::ETAG].to_str().unwrap().to_owned()
    }
}

impl Person {
    pub(super) fn new(test: &TestApp) -> Self {
        let http = google::http_client("test").unwrap();
        Self {
            base: test.base.clone(),
            google: test.google.clone(),
            http,
            cookies: BTreeMap::new(),
            bearer: None,
        }
    }

    /// Somebody who sends this token, and no cookies.
    pub fn with_bearer(test: &TestApp, token: &str) -> Self {
        secrets::met(token);
        Self {
            bearer: Some(token.to_owned()),
            ..Self::new(test)
        }
    }

    pub(super) fn base(&self) -> &Url {
        &self.base
    }

    /// The same person at another server that knows their session.
    pub fn at(&self, base: &Url) -> Self {
        Self {
            base: base.clone(),
            google: self.google.clone(),
            http: self.http.clone(),
            cookies: self.cookies.clone(),
            bearer: self.bearer.clone(),
        }
    }

    /// A request of this person, with the cookies that the server set.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let mut request = self.http.request(method, self.base.join(path).unwrap());
        if let Some(token) = &self.bearer {
            request = request.bearer_auth(token);
        }
        if self.cookies.is_empty() {
            return request;
        }
        let cookies: Vec<_> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        request.header(header::COOKIE, cookies.join("; "))
    }

    pub async fn get(&self, path: &str) -> Answer {
        answer(self.request(Method::GET, path)).await
    }

    /// All items of a list, read in pages of one.
    pub async fn pages_of_one(&self, path: &str) -> Vec<Value> {
        let separator = if path.contains('?') { '&' } else { '?' };
        let first = format!("{path}{separator}limit=1");
        let (mut items, mut next) = (Vec::new(), first.clone());
        loop {
            let page = self.get(&next).await.expect(200);
            let found = page["items"].as_array().unwrap();
            assert!(found.len() <= 1, "{page:#}");
            items.extend(found.iter().cloned());
            let Some(cursor) = page["next_cursor"].as_str() else {
                assert!(page["next_cursor"].is_null(), "{page:#}");
                return items;
            };
            assert_eq!(found.len(), 1, "a page before the last is full");
            next = format!("{first}&cursor={cursor}");
        }
    }

    pub async fn delete(&self, path: &str) -> Answer {
        answer(self.request(Method::DELETE, path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        answer(self.request(Method::POST, path).json(body)).await
    }

    /// An edit of the version with this entity tag.
    pub async fn edit(&self, method: Method, path: &str, etag: &str, body: &Value) -> Answer {
        answer(
            self.request(method, path)
                .header(header::IF_MATCH, etag)
                .json(body),
        )
        .await
    }

    /// What the server answered to a request built by hand, if it lived to do so.
    pub async fn try_send(&self, request: reqwest::RequestBuilder) -> reqwest::Result<Answer> {
        try_answer(request).await
    }

    /// Sends a request built by hand.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        answer(request).await
    }

    /// Signs in by the account chooser and agrees to everything.
    pub async fn sign_in(&mut self, email: &str) {
        let target = self.start_sign_in().await;
        let callback = self.google.authorize(&target, email, Consent::All).unwrap();
        let back = self.follow(&callback).await;
        assert_eq!(back.status, StatusCode::SEE_OTHER, "{:#}", back.body);
        assert!(self.cookies.contains_key("session"));
    }

    /// Goes to the sign-in; the address of the provider to which the server sends the browser.
    pub async fn start_sign_in(&mut self) -> Url {
        self.start_at("/v1/auth/sign-in?provider=google&return_to=/docs/")
            .await
    }

    /// Goes to a sign-in; the address to which the server sends the browser.
    pub async fn start_at(&mut self, path: &str) -> Url {
        let sent = self.follow(&self.base.join(path).unwrap()).await;
        let target = sent.target().parse().unwrap();
        meet_those_in(&target);
        target
    }

    /// Opens an address of the server as a browser does, and keeps the cookies that it sets.
    pub async fn follow(&mut self, url: &Url) -> Answer {
        meet_those_in(url);
        let path = &url[url::Position::BeforePath..];
        let answer = self.get(path).await;
        self.keep_cookies(&answer);
        answer
    }

    /// Connects the calendar by the consent page.
    pub async fn connect_calendar(&mut self, email: &str, consent: Consent) -> Answer {
        let request = self
            .request(Method::POST, "/v1/calendar/connection")
            .json(&serde_json::json!({}));
        let started = answer(request).await;
        self.keep_cookies(&started);
        let target: Url = started.expect(200)["authorization_url"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap();
        let callback = self.google.authorize(&target, email, consent).unwrap();
        self.follow(&callback).await
    }

    /// Keeps the cookies that an answer sets, as a browser does.
    pub fn keep_cookies(&mut self, answer: &Answer) {
        for cookie in answer.headers.get_all(header::SET_COOKIE) {
            let cookie = cookie::Cookie::parse(cookie.to_str().unwrap().to_owned()).unwrap();
            if cookie.max_age() == Some(cookie::time::Duration::ZERO) {
                self.cookies.remove(cookie.name());
            } else {
                secrets::met(cookie.value());
                self.cookies
                    .insert(cookie.name().to_owned(), cookie.value().to_owned());
            }
        }
    }

    /// The id of the user, whatever they may ask.
    pub async fn id(&self) -> String {
        let me = self.get("/v1/me").await.expect(200);
        me["id"].as_str().unwrap().to_owned()
    }

    /// The value of a cookie.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies.get(name).map(String::as_str)
    }

    /// The names and values of the cookies of sign-ins under way.
    pub fn sign_ins(&self) -> Vec<(String, String)> {
        let all = self
            .cookies
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()));
        all.filter(|(name, _)| name.contains("sign-in-")).collect()
    }

    pub fn set_cookie(&mut self, name: &str, value: &str) {
        self.cookies.insert(name.to_owned(), value.to_owned());
    }
}

/// Notes what is secret of an address on the way to a provider or back.
fn meet_those_in(url: &Url) {
    for (name, value) in url.query_pairs() {
        if ["state", "nonce", "code", "request"].contains(&&*name) {
            secrets::met(&value);
        }
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Answer {
    try_answer(request).await.unwrap()
}

async fn try_answer(request: reqwest::RequestBuilder) -> reqwest::Result<Answer> {
    let response = request.send().await?;
    let (status, headers) = (response.status(), response.headers().clone());
    let bytes = response.bytes().await?;
    let body = serde_json::from_slice(&bytes)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
    for name in ["key", "client_secret", "access_token"] {
        if let Some(secret) = body[name].as_str() {
            secrets::met(secret);
        }
    }
    Ok(Answer {
        status,
        headers,
        body,
    })
}
