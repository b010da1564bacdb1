//! An OpenID Connect provider beside the stand-in for Google, honest until a test makes it lie.

use axum::{
    Form, Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::{get, post},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use google::Limits;
use rsa::{
    Pkcs1v15Sign, RsaPrivateKey,
    sha2::{Digest, Sha256},
    traits::PublicKeyParts,
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, HashMap},
    net::Ipv4Addr,
    sync::{Arc, LazyLock, Mutex},
};
use url::Url;

use super::{NOW, TestApp, secrets};

/// Two keys, made once: providers share them unless a test says otherwise.
static KEYS: LazyLock<[RsaPrivateKey; 2]> = LazyLock::new(|| {
    [(); 2].map(|()| RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048).unwrap())
});

const SECRET: &str = "school-secret";

/// An account at the provider.
#[derive(Clone)]
pub struct Account {
    pub subject: &'static str,
    pub email: &'static str,
    pub verified: bool,
}

/// Sam, whose address is verified.
pub const SAM: Account = Account {
    subject: "sam-1",
    email: "sam@school.example",
    verified: true,
};

/// Makes an ID token of honest claims.
pub type Forge = Arc<dyn Fn(Value) -> String + Send + Sync>;

/// The provider. Clones are the same one.
#[derive(Clone)]
pub struct Provider {
    pub issuer: String,
    pub id: &'static str,
    state: Arc<Mutex<Behaviour>>,
}

struct Behaviour {
    /// Which of [`KEYS`] are published, by their ids.
    published: Vec<(&'static str, usize)>,
    names_itself: bool,
    email_in_id_token: bool,
    forge: Option<Forge>,
    now: DateTime<Utc>,
    codes: HashMap<String, Grant>,
    tokens: HashMap<String, Account>,
    /// Tokens that were asked for.
    exchanges: usize,
}

struct Grant {
    account: Account,
    asked: BTreeMap<String, String>,
}

impl Provider {
    pub async fn start(id: &'static str) -> Self {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .unwrap();
        let provider = Self {
            issuer: format!("http://{}", listener.local_addr().unwrap()),
            id,
            state: Arc::new(Mutex::new(Behaviour {
                published: vec![("key-0", 0)],
                names_itself: false,
                email_in_id_token: false,
                forge: None,
                now: NOW.parse().unwrap(),
                codes: HashMap::new(),
                tokens: HashMap::new(),
                exchanges: 0,
            })),
        };
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/keys", get(keys))
            .route("/token", post(token))
            .route("/me", get(userinfo))
            .with_state(provider.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        provider
    }

    /// What the server is told of it.
    pub fn settings(&self) -> api::config::Provider {
        settings(self.id, &self.issuer)
    }

    /// Somebody agrees: where the browser is sent back to.
    pub fn authorize(&self, target: &Url, account: &Account) -> Url {
        assert!(
            target
                .as_str()
                .starts_with(&format!("{}/auth?", self.issuer)),
            "{target}"
        );
        let asked: BTreeMap<_, _> = target.query_pairs().into_owned().collect();
        let code = format!("code-{}-{}", self.id, asked["state"]);
        let mut back: Url = asked["redirect_uri"].parse().unwrap();
        back.query_pairs_mut()
            .append_pair("code", &code)
            .append_pair("state", &asked["state"]);
        let mut state = self.state.lock().unwrap();
        if state.names_itself {
            back.query_pairs_mut().append_pair("iss", &self.issuer);
        }
        let account = account.clone();
        state.codes.insert(code, Grant { account, asked });
        back
    }

    /// From now on it announces that it says in every answer who answers.
    pub fn name_itself(&self) {
        self.state.lock().unwrap().names_itself = true;
    }

    /// From now on the ID token holds the address.
    pub fn put_email_into_id_token(&self) {
        self.state.lock().unwrap().email_in_id_token = true;
    }

    /// From now on ID tokens are made so.
    pub fn forge(&self, forge: impl Fn(Value) -> String + Send + Sync + 'static) {
        self.state.lock().unwrap().forge = Some(Arc::new(forge));
    }

    /// From now on these keys are published, by their ids.
    pub fn publish(&self, keys: &[(&'static str, usize)]) {
        self.state.lock().unwrap().published = keys.to_vec();
    }

    /// How often a code was sent.
    pub fn exchanges(&self) -> usize {
        self.state.lock().unwrap().exchanges
    }
}

/// What a server is told of a provider.
pub fn settings(id: &str, issuer: &str) -> api::config::Provider {
    secrets::met(SECRET);
    api::config::Provider {
        id: id.to_owned(),
        name: format!("The {id} & Co"),
        issuer: issuer.parse().unwrap(),
        client_id: format!("client-of-{id}"),
        client_secret: SECRET.into(),
        limits: Limits::SIGN_IN,
    }
}

/// A server with these providers beside Google.
pub async fn start_with(providers: &[&Provider]) -> TestApp {
    let settings: Vec<_> = providers
        .iter()
        .map(|provider| provider.settings())
        .collect();
    TestApp::start_with(|config| config.sign_in.providers = settings).await
}

async fn discovery(State(provider): State<Provider>) -> Json<Value> {
    let issuer = &provider.issuer;
    Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/auth"),
        "token_endpoint": format!("{issuer}/token"),
        "userinfo_endpoint": format!("{issuer}/me"),
        "jwks_uri": format!("{issuer}/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        "authorization_response_iss_parameter_supported": provider.state.lock().unwrap().names_itself,
    }))
}

async fn keys(State(provider): State<Provider>) -> Json<Value> {
    let published = provider.state.lock().unwrap().published.clone();
    let keys: Vec<_> = published
        .into_iter()
        .map(|(id, key)| jwk(id, key))
        .collect();
    Json(json!({ "keys": keys }))
}

async fn token(
    State(provider): State<Provider>,
    headers: HeaderMap,
    Form(form): Form<BTreeMap<String, String>>,
) -> Result<Json<Value>, (StatusCode, Json<Value>)> {
    let refused = || {
        (
            StatusCode::BAD_REQUEST,
            Json(json!({ "error": "invalid_grant" })),
        )
    };
    let mut state = provider.state.lock().unwrap();
    state.exchanges += 1;
    let client = format!("client-of-{}", provider.id);
    let basic = base64::prelude::BASE64_STANDARD.encode(format!("{client}:{SECRET}"));
    assert_eq!(headers["authorization"], format!("Basic {basic}"));
    let grant = state.codes.remove(&form["code"]).ok_or_else(refused)?;
    let challenge = encode(Sha256::digest(&form["code_verifier"]));
    assert_eq!(grant.asked["code_challenge_method"], "S256");
    if grant.asked["code_challenge"] != challenge
        || grant.asked["redirect_uri"] != form["redirect_uri"]
    {
        return Err(refused());
    }
    let account = grant.account;
    let mut claims = json!({
        "iss": provider.issuer, "aud": client, "sub": account.subject, "nonce": grant.asked["nonce"],
        "iat": state.now.timestamp(), "exp": (state.now + TimeDelta::hours(1)).timestamp(),
    });
    if state.email_in_id_token {
        claims["email"] = json!(account.email);
        claims["email_verified"] = json!(account.verified);
    }
    let access_token = format!("access-{}", form["code"]);
    secrets::met(&access_token);
    secrets::met(&form["code_verifier"]);
    state.tokens.insert(access_token.clone(), account);
    let id_token = match &state.forge {
        Some(forge) => forge(claims),
        None => sign("key-0", 0, &claims),
    };
    secrets::met(&id_token);
    Ok(Json(json!({
        "access_token": access_token, "token_type": "Bearer", "expires_in": 3600, "id_token": id_token,
    })))
}

async fn userinfo(
    State(provider): State<Provider>,
    headers: HeaderMap,
) -> Result<Json<Value>, StatusCode> {
    let bearer = headers["authorization"].to_str().unwrap();
    let state = provider.state.lock().unwrap();
    let account = bearer.strip_prefix("Bearer ");
    let account = account.and_then(|token| state.tokens.get(token));
    let account = account.ok_or(StatusCode::UNAUTHORIZED)?;
    Ok(Json(json!({
        "sub": account.subject, "email": account.email, "email_verified": account.verified,
    })))
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// The public half of one of the keys, under this id.
pub fn jwk(id: &str, key: usize) -> Value {
    let key = &KEYS[key];
    json!({
        "kty": "RSA", "use": "sig", "alg": "RS256", "kid": id,
        "n": encode(key.n().to_bytes_be()), "e": encode(key.e().to_bytes_be()),
    })
}

/// What a signature is made over.
pub fn unsigned(header: &Value, claims: &Value) -> String {
    format!(
        "{}.{}",
        encode(header.to_string()),
        encode(claims.to_string())
    )
}

/// A token signed with one of the keys, which it calls by this id.
pub fn sign(id: &str, key: usize, claims: &Value) -> String {
    let signed = unsigned(&json!({ "alg": "RS256", "typ": "JWT", "kid": id }), claims);
    let digest = Sha256::digest(&signed);
    let signature = KEYS[key].sign(Pkcs1v15Sign::new::<Sha256>(), &digest);
    format!("{signed}.{}", encode(signature.unwrap()))
}

/// A token signed with HS256 and this secret (RFC 2104).
pub fn sign_hs256(id: &str, secret: &[u8], claims: &Value) -> String {
    let signed = unsigned(&json!({ "alg": "HS256", "typ": "JWT", "kid": id }), claims);
    let mut key = [0; 64];
    if secret.len() > 64 {
        key[..32].copy_from_slice(&Sha256::digest(secret));
    } else {
        key[..secret.len()].copy_from_slice(secret);
    }
    let inner = Sha256::new()
        .chain_update(key.map(|byte| byte ^ 0x36))
        .chain_update(&signed)
        .finalize();
    let outer = Sha256::new()
        .chain_update(key.map(|byte| byte ^ 0x5c))
        .chain_update(inner)
        .finalize();
    format!("{signed}.{}", encode(outer))
}
