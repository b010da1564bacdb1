//! A scripted server, keys to sign with, and what most tests begin with.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, Uri};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use google::{AuthorizationResponse, Limits, PendingAuthorization, ProviderConfig, SignIn};
use rsa::sha2::{Digest, Sha256};
use rsa::traits::PublicKeyParts;
use rsa::{Pkcs1v15Sign, RsaPrivateKey};
use serde_json::{Value, json};
use url::Url;

pub(crate) const CLIENT_ID: &str = "client-1";
pub(crate) const CLIENT_SECRET: &str = "hush-client-secret-of-32-or-more-bytes";

/// What a browser brings back from a provider that does not name itself.
pub(crate) const THE_CODE: AuthorizationResponse<'_> = AuthorizationResponse {
    code: "the-code",
    issuer: None,
};

/// Short pauses, and long enough for a busy machine.
pub(crate) const LIMITS: Limits = Limits {
    total: Duration::from_secs(8),
    tries: 3,
    pause: Duration::from_millis(1),
    answer_bytes: 64 * 1024,
};

/// For those that wait in vain.
pub(crate) const IMPATIENT: Limits = Limits {
    total: Duration::from_millis(700),
    ..LIMITS
};

pub(crate) fn now() -> DateTime<Utc> {
    "2026-03-02T09:00:00Z".parse().unwrap()
}

/// One answer of the server.
#[derive(Clone)]
pub(crate) enum Answer {
    Says {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: String,
    },
    /// Never.
    Hangs,
}

impl Answer {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::Says {
            status,
            headers: vec![("content-type", "application/json".to_owned())],
            body: body.to_string(),
        }
    }

    pub(crate) fn html(status: u16) -> Self {
        Self::Says {
            status,
            headers: vec![("content-type", "text/html".to_owned())],
            body: "<html><body>Oops</body></html>".to_owned(),
        }
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        if let Self::Says { headers, .. } = &mut self {
            headers.push((name, value.to_owned()));
        }
        self
    }
}

/// One request that came.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Call {
    pub(crate) fn form(&self) -> BTreeMap<String, String> {
        pairs(&String::from_utf8(self.body.clone()).unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

fn pairs(encoded: &str) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(encoded.as_bytes())
        .into_owned()
        .collect()
}

#[derive(Default)]
struct Script {
    answers: HashMap<String, VecDeque<Answer>>,
    calls: Vec<Call>,
}

/// The server.
#[derive(Clone)]
pub(crate) struct Stage {
    pub(crate) url: Url,
    script: Arc<Mutex<Script>>,
}

impl Stage {
    pub(crate) async fn open() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let script = Arc::new(Mutex::new(Script::default()));
        let app = axum::Router::new()
            .fallback(play)
            .with_state(Arc::clone(&script));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self {
            url: url.parse().unwrap(),
            script,
        }
    }

    /// What a path answers, in turn; the last for ever.
    pub(crate) fn on(&self, path: &str, answers: impl IntoIterator<Item = Answer>) {
        let answers = answers.into_iter().collect();
        let mut script = self.script.lock().unwrap();
        script.answers.insert(path.to_owned(), answers);
    }

    pub(crate) fn calls(&self, path: &str) -> Vec<Call> {
        let script = self.script.lock().unwrap();
        let calls = script.calls.iter().filter(|call| call.path == path);
        calls.cloned().collect()
    }

    pub(crate) fn all_calls(&self) -> Vec<Call> {
        self.script.lock().unwrap().calls.clone()
    }

    pub(crate) fn at(&self, path: &str) -> String {
        self.url.join(path).unwrap().to_string()
    }
}

async fn play(
    State(script): State<Arc<Mutex<Script>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let answer = {
        let mut script = script.lock().unwrap();
        script.calls.push(Call {
            method,
            path: uri.path().to_owned(),
            query: pairs(uri.query().unwrap_or_default()),
            headers,
            body: body.to_vec(),
        });
        let answers = script.answers.get_mut(uri.path());
        answers.and_then(|answers| match answers.len() {
            0 => None,
            1 => answers.front().cloned(),
            _ => answers.pop_front(),
        })
    };
    match answer {
        Some(Answer::Says {
            status,
            headers,
            body,
        }) => {
            let mut response = Response::builder().status(status);
            for (name, value) in headers {
                response = response.header(name, value);
            }
            response.body(body.into()).unwrap()
        }
        Some(Answer::Hangs) => std::future::pending().await,
        None => Response::builder()
            .status(501)
            .body(Body::from("not in the script"))
            .unwrap(),
    }
}

/// A key of the provider's.
pub(crate) struct Key {
    pub(crate) id: &'static str,
    key: RsaPrivateKey,
}

fn new_key(id: &'static str) -> Key {
    let key = RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048).unwrap();
    Key { id, key }
}

pub(crate) static FIRST: LazyLock<Key> = LazyLock::new(|| new_key("key-1"));
pub(crate) static SECOND: LazyLock<Key> = LazyLock::new(|| new_key("key-2"));

impl Key {
    pub(crate) fn jwk(&self) -> Value {
        json!({
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.id,
            "n": encode(self.key.n().to_bytes_be()), "e": encode(self.key.e().to_bytes_be()),
        })
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        let signed = unsigned(
            &json!({ "alg": "RS256", "typ": "JWT", "kid": self.id }),
            claims,
        );
        let digest = Sha256::digest(&signed);
        let signature = self.key.sign(Pkcs1v15Sign::new::<Sha256>(), &digest);
        format!("{signed}.{}", encode(signature.unwrap()))
    }
}

pub(crate) fn unsigned(header: &Value, claims: &Value) -> String {
    format!(
        "{}.{}",
        encode(header.to_string()),
        encode(claims.to_string())
    )
}

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// What is read from a pending authorization, as a cookie would store it.
pub(crate) fn stored(pending: &PendingAuthorization, field: &str) -> String {
    let stored = serde_json::to_value(pending).unwrap();
    stored[field].as_str().unwrap().to_owned()
}

pub(crate) fn published(keys: &[&Key]) -> Answer {
    let keys: Vec<Value> = keys.iter().map(|key| key.jwk()).collect();
    Answer::json(200, &json!({ "keys": keys }))
}

pub(crate) fn discovery(stage: &Stage) -> Value {
    json!({
        "issuer": stage.url.as_str().trim_end_matches('/'),
        "authorization_endpoint": stage.at("/auth"),
        "token_endpoint": stage.at("/token"),
        "revocation_endpoint": stage.at("/revoke"),
        "jwks_uri": stage.at("/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
    })
}

pub(crate) const DISCOVERY: &str = "/.well-known/openid-configuration";

/// A provider that works, and us as its client.
pub(crate) async fn provider(limits: Limits) -> (Stage, SignIn) {
    let stage = Stage::open().await;
    stage.on(DISCOVERY, [Answer::json(200, &discovery(&stage))]);
    stage.on("/keys", [published(&[&FIRST])]);
    let sign_in = sign_in(&stage, limits);
    (stage, sign_in)
}

pub(crate) fn sign_in(stage: &Stage, limits: Limits) -> SignIn {
    let http = google::http_client("tests").unwrap();
    SignIn::with_limits(config(stage.url.clone()), http, limits)
}

pub(crate) fn config(issuer: Url) -> ProviderConfig {
    ProviderConfig {
        issuer,
        client_id: CLIENT_ID.to_owned(),
        client_secret: CLIENT_SECRET.into(),
        redirect_url: "http://localhost:8080/v1/auth/callback".parse().unwrap(),
    }
}

/// The claims of somebody who has just signed in.
pub(crate) fn claims(stage: &Stage, nonce: &str) -> Value {
    json!({
        "iss": stage.url.as_str().trim_end_matches('/'),
        "aud": CLIENT_ID,
        "azp": CLIENT_ID,
        "sub": "1089",
        "email": "ada@example.edu",
        "email_verified": true,
        "name": "Ada Lovelace",
        "picture": "https://example.edu/ada.png",
        "locale": "en-GB",
        "hd": "example.edu",
        "nonce": nonce,
        "iat": now().timestamp(),
        "exp": (now() + TimeDelta::hours(1)).timestamp(),
    })
}

pub(crate) fn token_answer(id_token: &str) -> Value {
    json!({
        "access_token": "ya29.access",
        "expires_in": 3599,
        "token_type": "Bearer",
        "id_token": id_token,
    })
}
