//! Requests that their callers may repeat without doing them twice, by a key of their choice
//! (draft-ietf-httpapi-idempotency-key-header).

use super::UserId;
use crate::{
    app::App,
    error::Error,
    store::{self, idempotency_key::Key},
};
use chrono::TimeDelta;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// How long a request counts as being answered; longer than any request may take.
const IN_FLIGHT: TimeDelta = TimeDelta::minutes(1);

/// How long an answer is kept.
const KEPT: TimeDelta = TimeDelta::hours(24);

/// What to do with a request that came with a key.
#[derive(Debug)]
pub enum Claim {
    /// Do it.
    Do,
    /// It was done; this was answered.
    Done(Value),
    /// It is being done.
    InFlight,
    /// The key was used for something else.
    Reused,
}

/// Takes a key for a request, unless it is taken.
pub async fn claim(
    app: &App,
    user_id: UserId,
    key: &str,
    request: &impl Serialize,
) -> Result<Claim, Error> {
    let now = app.clock.now();
    let key = Key { user_id, key };
    let hash = Sha256::digest(serde_json::to_vec(request).map_err(Error::internal)?).to_vec();
    store::idempotency_key::forget(&app.db, now - KEPT).await?;
    if store::idempotency_key::claim(&app.db, key, hash.clone(), now + IN_FLIGHT, now).await? {
        return Ok(Claim::Do);
    }
    let taken = store::idempotency_key::find(&app.db, key).await?;
    Ok(match taken {
        Some(taken) if taken.request_hash != hash => Claim::Reused,
        Some(taken) => taken.answer.map_or(Claim::InFlight, Claim::Done),
        // Given back between the two queries.
        None => Claim::InFlight,
    })
}

/// Keeps what was answered, for repetitions within a day.
pub async fn keep(app: &App, user_id: UserId, key: &str, answer: Value) -> Result<(), Error> {
    Ok(store::idempotency_key::answer(&app.db, Key { user_id, key }, answer).await?)
}

/// Gives the key back: the request failed for a fault of ours and may be repeated.
pub async fn release(app: &App, user_id: UserId, key: &str) -> Result<(), Error> {
    Ok(store::idempotency_key::release(&app.db, Key { user_id, key }).await?)
}
