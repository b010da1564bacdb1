//! The control plane of tests and demonstrations, over HTTP. It is described on the index page.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::Bytes,
    extract::State as Shares,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use chrono::{DateTime, Datelike, Utc};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;

use crate::{
    calendar,
    oauth::scopes,
    server,
    shared::Shared,
    state::State,
    types::{Account, Effect, Failure, Meets, Target},
};

pub(crate) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/_control/reset", post(reset))
        .route("/_control/mint", post(mint))
        .route("/_control/clock", post(clock))
        .route("/_control/expire-sync-tokens", post(expire_sync_tokens))
        .route("/_control/fail", post(fail))
        .route("/_control/clear-failures", post(clear_failures))
        .route("/_control/release", post(release))
        .route("/_control/revoke", post(revoke))
        .route("/_control/pushes", post(pushes))
        .route("/_control/meets", post(meets))
        .route("/_control/requests", get(requests))
}

type Answer = Result<Response, Refused>;

/// Why a command was not carried out.
struct Refused(StatusCode, String);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.0, Json(json!({"error": self.1}))).into_response()
    }
}

/// Reads a command. An empty body stands for `{}`; the content type does not matter.
fn command<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, Refused> {
    if !server::is_same_site(headers) {
        let why = "commands from other sites are refused";
        return Err(Refused(StatusCode::FORBIDDEN, why.to_owned()));
    }
    let text = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(text)
        .map_err(|error| Refused(StatusCode::BAD_REQUEST, error.to_string()))
}

fn done() -> Response {
    Json(json!({"ok": true})).into_response()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

async fn reset(Shares(shared): Shares<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Answer {
    let Nothing {} = command(&headers, &body)?;
    shared.write(State::reset);
    Ok(done())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mint {
    email: String,
    client_id: Option<String>,
    scopes: Option<Vec<String>>,
    name: Option<String>,
    time_zone: Option<chrono_tz::Tz>,
}

/// An access token and a refresh token for a person, who is added if unknown.
async fn mint(Shares(shared): Shares<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Answer {
    let mint: Mint = command(&headers, &body)?;
    shared.write(|state| {
        let bad = |why: &str| Refused(StatusCode::BAD_REQUEST, why.to_owned());
        let client = match (mint.client_id, state.clients.first()) {
            (Some(id), _) => id,
            (None, Some(client)) => client.id.clone(),
            (None, None) => return Err(bad("there is no client")),
        };
        if !mint.email.contains('@') {
            return Err(bad("that is not an address"));
        }
        if state.account(&mint.email).is_none() {
            let local = mint.email.split('@').next().unwrap_or_default();
            state.add_account(Account {
                name: mint.name.unwrap_or_else(|| local.to_owned()),
                time_zone: mint.time_zone.unwrap_or(chrono_tz::UTC),
                email: mint.email.clone(),
            });
        }
        let granted = match mint.scopes {
            Some(scopes) => scopes.iter().map(|s| scopes::canonical(s)).collect(),
            None => scopes::everything(),
        };
        let refresh = state.allow(&client, &mint.email, &granted, true);
        let access = state.issue_access_token(&client, &mint.email, &granted);
        Ok(Json(json!({
            "access_token": access,
            "refresh_token": refresh,
            "expires_in": 3599,
            "scope": scopes::join(&granted),
            "token_type": "Bearer",
        }))
        .into_response())
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Clock {
    now: Option<DateTime<Utc>>,
}

async fn clock(Shares(shared): Shares<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Answer {
    let clock: Clock = command(&headers, &body)?;
    if clock
        .now
        .is_some_and(|now| !(1970..=9000).contains(&now.year()))
    {
        let why = "the clock runs from 1970 to 9000";
        return Err(Refused(StatusCode::BAD_REQUEST, why.to_owned()));
    }
    let now = shared.write(|state| {
        state.clock = clock.now;
        state.now()
    });
    Ok(Json(json!({"now": now})).into_response())
}

async fn expire_sync_tokens(
    Shares(shared): Shares<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let Nothing {} = command(&headers, &body)?;
    shared.write(|state| state.generation += 1);
    Ok(done())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fail {
    target: Option<Target>,
    method: Option<String>,
    path: Option<String>,
    query: Option<String>,
    /// -1 means until cleared.
    count: Option<i64>,
    status: Option<u16>,
    reason: Option<String>,
    retry_after: Option<u32>,
    hang_ms: Option<u64>,
    #[serde(default)]
    after: bool,
    #[serde(default)]
    held: bool,
}

async fn fail(Shares(shared): Shares<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Answer {
    let fail: Fail = command(&headers, &body)?;
    if fail
        .status
        .is_some_and(|status| !(400..600).contains(&status))
    {
        let why = "status must be between 400 and 599";
        return Err(Refused(StatusCode::BAD_REQUEST, why.to_owned()));
    }
    let reason = fail.reason.unwrap_or_else(|| "backendError".to_owned());
    let effect = match fail.hang_ms {
        _ if fail.held => Effect::Held,
        Some(time) => Effect::Hang(Duration::from_millis(time.min(600_000))),
        None if fail.after => Effect::AfterEffect {
            status: fail.status,
            reason,
        },
        None => Effect::Status {
            status: fail.status.unwrap_or(503),
            reason,
            retry_after: fail.retry_after,
        },
    };
    let count = match fail.count {
        None => 1,
        Some(count) => u32::try_from(count).unwrap_or(u32::MAX),
    };
    if count > 0 {
        shared.write(|state| {
            state.failures.push(Failure {
                target: fail.target.unwrap_or(Target::All),
                method: fail.method,
                path: fail.path,
                query: fail.query,
                count,
                effect,
            });
        });
    }
    Ok(done())
}

async fn clear_failures(
    Shares(shared): Shares<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let Nothing {} = command(&headers, &body)?;
    shared.write(|state| state.failures.clear());
    Ok(done())
}

async fn release(Shares(shared): Shares<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Answer {
    let Nothing {} = command(&headers, &body)?;
    let statuses = server::release_held(&shared).await;
    Ok(Json(json!({"statuses": statuses})).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Revoke {
    email: String,
    client_id: Option<String>,
}

async fn revoke(Shares(shared): Shares<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Answer {
    let revoke: Revoke = command(&headers, &body)?;
    shared.write(|state| state.revoke(revoke.client_id.as_deref(), &revoke.email));
    Ok(done())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MeetLinks {
    /// What becomes of those that are asked for from now on.
    new: Option<Meets>,
    /// Whether those that are pending are made, or fail.
    settle: Option<bool>,
}

async fn meets(Shares(shared): Shares<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Answer {
    let links: MeetLinks = command(&headers, &body)?;
    shared.write(|state| {
        if let Some(meets) = links.new {
            state.meets = meets;
        }
        if let Some(succeed) = links.settle {
            calendar::settle_conferences(state, succeed);
        }
    });
    Ok(done())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pushes {
    lose: Option<i64>,
    repeat: Option<i64>,
}

async fn pushes(Shares(shared): Shares<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Answer {
    let pushes: Pushes = command(&headers, &body)?;
    let count = |asked: i64| u32::try_from(asked).unwrap_or(u32::MAX);
    shared.write(|state| {
        if let Some(lose) = pushes.lose {
            state.pushes.lose = count(lose);
        }
        if let Some(repeat) = pushes.repeat {
            state.pushes.repeat = count(repeat);
        }
    });
    Ok(done())
}

async fn requests(Shares(shared): Shares<Arc<Shared>>) -> Response {
    let log: Vec<_> = shared.read(|state| state.log.iter().cloned().collect());
    Json(log).into_response()
}
