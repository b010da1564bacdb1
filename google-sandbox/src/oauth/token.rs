//! The token, revocation and userinfo endpoints.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use axum::{
    Json,
    body::Bytes,
    extract::{RawQuery, State as Shares},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

use super::{bearer, claims, error, scopes};
use crate::{shared::Shared, state::State};

/// An OAuth error before it becomes an answer.
type Failed = (StatusCode, &'static str, &'static str);

const BAD_GRANT: Failed = (StatusCode::BAD_REQUEST, "invalid_grant", "Bad Request");
const DEAD_TOKEN: Failed = (
    StatusCode::BAD_REQUEST,
    "invalid_grant",
    "Token has been expired or revoked.",
);
const BAD_REQUEST: Failed = (
    StatusCode::BAD_REQUEST,
    "invalid_request",
    "The request cannot be read.",
);

type Form = BTreeMap<String, String>;

fn parse(body: &[u8]) -> Result<Form, Failed> {
    serde_urlencoded::from_bytes::<Vec<(String, String)>>(body)
        .map(|pairs| pairs.into_iter().collect())
        .map_err(|_| BAD_REQUEST)
}

/// `POST /token`
pub(crate) async fn token(
    Shares(shared): Shares<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let answer = parse(&body).and_then(|form| {
        let client = authenticate(&shared, &headers, &form)?;
        match form.get("grant_type").map(String::as_str) {
            Some("authorization_code") => exchange(&shared, &client, &form),
            Some("refresh_token") => refresh(&shared, &client, &form),
            None => Err((
                StatusCode::BAD_REQUEST,
                "invalid_request",
                "Missing required parameter: grant_type",
            )),
            Some(_) => Err((
                StatusCode::BAD_REQUEST,
                "unsupported_grant_type",
                "Invalid grant_type",
            )),
        }
    });
    answer.unwrap_or_else(|(status, code, description)| error(status, code, description))
}

/// The client, by `client_secret_basic` or `client_secret_post`.
fn authenticate(shared: &Arc<Shared>, headers: &HeaderMap, form: &Form) -> Result<String, Failed> {
    let (id, secret) = basic(headers).unwrap_or_else(|| {
        let field = |name| form.get(name).cloned().unwrap_or_default();
        (field("client_id"), field("client_secret"))
    });
    if id.is_empty() {
        return Err((
            StatusCode::BAD_REQUEST,
            "invalid_request",
            "Could not determine client ID from request.",
        ));
    }
    let unknown = (
        StatusCode::UNAUTHORIZED,
        "invalid_client",
        "The OAuth client was not found.",
    );
    let expected = shared
        .read(|state| state.client(&id).map(|client| client.secret.clone()))
        .ok_or(unknown)?;
    if expected != secret {
        return Err((
            StatusCode::UNAUTHORIZED,
            "invalid_client",
            "The provided client secret is invalid.",
        ));
    }
    Ok(id)
}

fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let encoded = value.strip_prefix("Basic ")?;
    let text = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    // Both halves are form-encoded before they are joined (RFC 6749, 2.3.1).
    let decode = |text: &str| {
        serde_urlencoded::from_str::<Vec<(String, String)>>(&format!("v={text}"))
            .ok()
            .and_then(|pairs| pairs.into_iter().next())
            .map(|(_, value)| value)
    };
    Some((decode(id)?, decode(secret)?))
}

fn exchange(shared: &Arc<Shared>, client: &str, form: &Form) -> Result<Response, Failed> {
    shared.write(|state| {
        let given = form.get("code").ok_or(BAD_REQUEST)?;
        if let Some(verifier) = form.get("code_verifier") {
            state.hand_out(verifier);
        }
        // Taken out whatever comes next: a code is good for one try.
        let code = state.codes.remove(given).ok_or((
            StatusCode::BAD_REQUEST,
            "invalid_grant",
            "Malformed auth code.",
        ))?;
        if code.client != client || code.expires <= state.now() {
            return Err(BAD_GRANT);
        }
        if form.get("redirect_uri") != Some(&code.redirect_uri) {
            return Err((
                StatusCode::BAD_REQUEST,
                "redirect_uri_mismatch",
                "Bad Request",
            ));
        }
        match (&code.challenge, form.get("code_verifier")) {
            (None, _) => {}
            (Some(_), None) => {
                return Err((
                    StatusCode::BAD_REQUEST,
                    "invalid_grant",
                    "Missing code verifier.",
                ));
            }
            (Some(challenge), Some(verifier)) if challenge.accepts(verifier) => {}
            (Some(_), Some(_)) => {
                return Err((
                    StatusCode::BAD_REQUEST,
                    "invalid_grant",
                    "Invalid code verifier.",
                ));
            }
        }
        let refresh = state.allow(client, &code.email, &code.scopes, code.offline);
        Ok(issue(
            shared,
            state,
            client,
            &code.email,
            &code.scopes,
            refresh,
            code.nonce.as_deref(),
        ))
    })
}

fn refresh(shared: &Arc<Shared>, client: &str, form: &Form) -> Result<Response, Failed> {
    shared.write(|state| {
        let given = form.get("refresh_token").ok_or(BAD_REQUEST)?;
        let (email, granted) = state
            .grants
            .iter()
            .filter(|grant| grant.client == client)
            .find_map(|grant| {
                let token = grant.refresh_tokens.iter().find(|t| t.token == *given)?;
                Some((grant.email.clone(), token.scopes.clone()))
            })
            .ok_or(DEAD_TOKEN)?;
        let scopes = match form.get("scope") {
            None => granted,
            Some(asked) => {
                let asked: BTreeSet<String> =
                    asked.split_whitespace().map(scopes::canonical).collect();
                if !asked.is_subset(&granted) {
                    return Err((
                        StatusCode::BAD_REQUEST,
                        "invalid_scope",
                        "Some requested scopes were invalid.",
                    ));
                }
                asked
            }
        };
        Ok(issue(shared, state, client, &email, &scopes, None, None))
    })
}

fn issue(
    shared: &Arc<Shared>,
    state: &mut State,
    client: &str,
    email: &str,
    scopes: &BTreeSet<String>,
    refresh: Option<String>,
    nonce: Option<&str>,
) -> Response {
    let access = state.issue_access_token(client, email, scopes);
    let mut body = json!({
        "access_token": access,
        "expires_in": 3599,
        "scope": scopes::join(scopes),
        "token_type": "Bearer",
    });
    if let Some(refresh) = refresh {
        body["refresh_token"] = json!(refresh);
    }
    if scopes.contains("openid")
        && let Some(token) = state.access_tokens.get(&access)
    {
        let id_token = claims::id_token(shared, state, &access, token, nonce);
        state.hand_out(&id_token);
        body["id_token"] = json!(id_token);
    }
    let headers = [(header::CACHE_CONTROL, "no-store")];
    (headers, Json(body)).into_response()
}

/// `POST /revoke`: takes back the whole grant behind a token.
pub(crate) async fn revoke(
    Shares(shared): Shares<Arc<Shared>>,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    let field = |text: &[u8]| parse(text).ok().and_then(|mut form| form.remove("token"));
    let token = field(&body).or_else(|| field(query.unwrap_or_default().as_bytes()));
    let Some(token) = token else {
        return error(
            StatusCode::BAD_REQUEST,
            "invalid_request",
            "Missing required parameter: token",
        );
    };
    let revoked = shared.write(|state| {
        let refresh = state.grants.iter().find(|grant| {
            grant
                .refresh_tokens
                .iter()
                .any(|known| known.token == token)
        });
        let owner = match (refresh, state.access_tokens.get(&token)) {
            (Some(grant), _) => (grant.client.clone(), grant.email.clone()),
            (None, Some(access)) => (access.client.clone(), access.email.clone()),
            (None, None) => return false,
        };
        state.revoke(Some(&owner.0), &owner.1);
        true
    });
    if revoked {
        Json(json!({})).into_response()
    } else {
        error(
            StatusCode::BAD_REQUEST,
            "invalid_token",
            "Token expired or revoked",
        )
    }
}

/// `GET /v1/userinfo`
pub(crate) async fn userinfo(Shares(shared): Shares<Arc<Shared>>, headers: HeaderMap) -> Response {
    let claims = shared.read(|state| {
        let token = state.access_tokens.get(bearer(&headers)?)?;
        let usable = token.expires > state.now() && token.scopes.contains("openid");
        usable.then(|| claims::person(&shared.origin, state, token))
    });
    if let Some(claims) = claims {
        Json(claims).into_response()
    } else {
        let mut response = error(
            StatusCode::UNAUTHORIZED,
            "invalid_request",
            "Invalid Credentials",
        );
        response.headers_mut().insert(
            header::WWW_AUTHENTICATE,
            header::HeaderValue::from_static("Bearer error=\"invalid_token\""),
        );
        response
    }
}
