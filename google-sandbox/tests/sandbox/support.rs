//! A running sandbox with a tutor and a student, and a client of its APIs.

use std::{path::PathBuf, time::Duration};

use chrono::{DateTime, TimeZone, Utc};
use google_sandbox::{Account, Client, Config, Sandbox};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

pub(crate) const CLIENT: &str = "demo.apps.googleusercontent.com";
pub(crate) const SECRET: &str = "GOCSPX-demo";
pub(crate) const REDIRECT: &str = "http://127.0.0.1:9999/cb";
pub(crate) const TUTOR: &str = "tutor@example.com";
pub(crate) const STUDENT: &str = "student@example.com";
pub(crate) const WHOLE: &str = "https://www.googleapis.com/auth/calendar";

pub(crate) fn config(state_file: Option<PathBuf>) -> Config {
    let person = |email: &str, name: &str| Account {
        email: email.to_owned(),
        name: name.to_owned(),
        time_zone: chrono_tz::Europe::Berlin,
    };
    Config {
        bind: ([127, 0, 0, 1], 0).into(),
        accounts: vec![person(TUTOR, "Tara Tutor"), person(STUDENT, "Sam Student")],
        clients: vec![Client {
            id: CLIENT.to_owned(),
            secret: SECRET.to_owned(),
            redirect_uris: vec![REDIRECT.to_owned()],
        }],
        state_file,
    }
}

pub(crate) async fn start() -> Sandbox {
    Sandbox::start(config(None)).await.expect("a sandbox")
}

/// A plain HTTP client.
pub(crate) fn http() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(20))
        .build()
        .expect("a client")
}

/// A person's view of the Calendar API.
pub(crate) struct Api {
    base: String,
    token: String,
    http: reqwest::Client,
}

impl Api {
    pub(crate) fn of(sandbox: &Sandbox, email: &str) -> Self {
        Self::with_scopes(sandbox, email, &[WHOLE])
    }

    pub(crate) fn with_scopes(sandbox: &Sandbox, email: &str, scopes: &[&str]) -> Self {
        Self {
            base: format!("{}/calendar/v3", sandbox.calendar_url()),
            token: sandbox.access_token(CLIENT, email, scopes),
            http: http(),
        }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.base))
            .bearer_auth(&self.token)
    }

    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> (StatusCode, Value) {
        let mut request = self.request(method, path);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.expect("an answer");
        let status = answer.status();
        let text = answer.text().await.expect("a body");
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, body) = self.call(Method::GET, path, None).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        body
    }

    pub(crate) async fn insert(&self, event: &Value) -> Value {
        let path = "/calendars/primary/events";
        let (status, body) = self.call(Method::POST, path, Some(event)).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body
    }

    pub(crate) async fn patch(&self, id: &str, changes: &Value) -> (StatusCode, Value) {
        let path = format!("/calendars/primary/events/{id}");
        self.call(Method::PATCH, &path, Some(changes)).await
    }
}

pub(crate) fn at(hour: u32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2027, 1, 12, hour, 0, 0)
        .single()
        .expect("an instant")
}

/// An hour's event on 12 January 2027.
pub(crate) fn event(hour: u32) -> Value {
    let when = |hour| json!({"dateTime": at(hour).to_rfc3339(), "timeZone": "Europe/Berlin"});
    json!({"summary": "Lesson", "start": when(hour), "end": when(hour + 1)})
}

/// An event with the student invited.
pub(crate) fn invitation(hour: u32) -> Value {
    let mut event = event(hour);
    event["attendees"] = json!([{"email": STUDENT}]);
    event
}

pub(crate) fn id(event: &Value) -> String {
    event["id"].as_str().expect("an id").to_owned()
}

pub(crate) fn reason(body: &Value) -> &str {
    body["error"]["errors"][0]["reason"].as_str().unwrap_or("")
}
