//! Requests that their callers may repeat without doing them twice, by a key of their choice
//! (draft-ietf-httpapi-idempotency-key-header).
//!
//! A request claims its key, and keeps its answer under it. What a request creates and the answer that
//! tells of it are written by one transaction, so there is no moment at which a killed server leaves one
//! without the other. The whole answer is kept and not only the id of what was created: a repetition is
//! to hear what the first request would have heard, also when the thing has changed or gone since.
//!
//! A claim ends by itself, so that a key is not lost with a server. Whoever works longer than that may
//! find that a repetition has taken over, and must then leave nothing behind: keeping the answer fails, and
//! with it the transaction.

use crate::{
    app::App,
    error::Error,
    store::{self, idempotency_key::Key},
};
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ConnectionTrait, DatabaseTransaction};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// How long a claim stands; longer than any request should take.
const IN_FLIGHT: TimeDelta = TimeDelta::minutes(1);

/// How long an answer is kept.
const KEPT: TimeDelta = TimeDelta::hours(24);

/// One in so many requests with a key deletes those that are older.
const FORGETTING: u32 = 50;

/// What to do with a request that came with a key.
#[derive(Debug)]
pub enum Claimed {
    /// Do it.
    Do(Claim),
    /// It was done; this was answered.
    Done(Value),
    /// It is being done.
    InProgress,
    /// The key was used for something else.
    Reused,
}

/// The right to do the request of a key.
#[derive(Clone, Debug)]
pub struct Claim {
    caller_id: Uuid,
    key: String,
    /// When somebody else may take over; tells this claim from theirs.
    until: DateTime<Utc>,
}

/// Takes a key for a request, unless it is taken.
pub async fn claim(
    app: &App,
    caller_id: Uuid,
    key: String,
    request: &impl Serialize,
) -> Result<Claimed, Error> {
    let now = app.clock.now();
    let hash = Sha256::digest(serde_json::to_vec(request).map_err(Error::internal)?).to_vec();
    let forgotten = now - KEPT;
    if rand::random_ratio(1, FORGETTING) {
        store::idempotency_key::forget(&app.db, forgotten).await?;
    }
    let until = now + IN_FLIGHT;
    let claim = Claim {
        caller_id,
        key,
        until,
    };
    if store::idempotency_key::claim(&app.db, claim.key(), hash.clone(), until, (now, forgotten))
        .await?
    {
        return Ok(Claimed::Do(claim));
    }
    let taken = store::idempotency_key::find(&app.db, claim.key()).await?;
    Ok(match taken {
        Some(taken) if taken.request_hash != hash => Claimed::Reused,
        Some(taken) => taken.answer.map_or(Claimed::InProgress, Claimed::Done),
        // Given back between the two queries.
        None => Claimed::InProgress,
    })
}

impl Claim {
    fn key(&self) -> Key<'_> {
        Key {
            caller_id: self.caller_id,
            key: &self.key,
        }
    }

    async fn keep(
        &self,
        db: &impl ConnectionTrait,
        answer: &(impl Serialize + Sync),
    ) -> Result<(), Error> {
        let answer = serde_json::to_value(answer).map_err(Error::internal)?;
        if store::idempotency_key::answer(db, self.key(), self.until, answer).await? {
            Ok(())
        } else {
            Err(Error::RequestInProgress)
        }
    }

    /// Keeps the answer to a request that has done nothing.
    ///
    /// # Errors
    /// [`Error::RequestInProgress`] if somebody else has taken over.
    pub async fn keep_refusal(
        &self,
        app: &App,
        answer: &(impl Serialize + Sync),
    ) -> Result<(), Error> {
        self.keep(&app.db, answer).await
    }

    /// Gives the key back: the request failed for a fault of ours and may be repeated. A key that somebody
    /// else has taken over stays theirs; so does an answer that was kept by a commit of which we did not hear.
    pub async fn release(&self, app: &App) -> Result<(), Error> {
        Ok(store::idempotency_key::release(&app.db, self.key(), self.until).await?)
    }
}

/// How a use case whose outcome is a `T` answers.
#[derive(Debug)]
pub struct Reply<T, A> {
    pub answer: fn(T) -> A,
    /// Under which the answer is kept, for a request with a key.
    pub claim: Option<Claim>,
}

impl<T, A: Serialize + Sync> Reply<T, A> {
    /// The answer, kept for repetitions within a day. On the transaction that does what it tells of, as its
    /// last statement: a repetition that takes over waits for the row until the commit.
    ///
    /// # Errors
    /// [`Error::RequestInProgress`] if somebody else has taken over.
    pub(super) async fn keep(&self, txn: &DatabaseTransaction, outcome: T) -> Result<A, Error> {
        let answer = (self.answer)(outcome);
        if let Some(claim) = &self.claim {
            claim.keep(txn, &answer).await?;
        }
        Ok(answer)
    }
}
