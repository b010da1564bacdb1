//! Running what is queued: taking a job, and what becomes of it.

use super::transaction::transaction;
use crate::{
    app::App,
    error::Error,
    store::{
        self,
        job::{Leased, Settlement},
    },
};
use chrono::{DateTime, TimeDelta, Utc};

pub use crate::store::job::{Leased as Job, Work};

/// A job that has failed for this long is given up, unless it is of a kind that never is.
const PATIENCE: TimeDelta = TimeDelta::days(3);

/// No job is given up before so many attempts: for some of its time there may have been no worker.
const FEWEST_ATTEMPTS: i32 = 8;

/// The longest pause between attempts, where nobody asks for a longer one: so soon after an outage all
/// is as it should be.
const LONGEST_PAUSE: TimeDelta = TimeDelta::minutes(5);

/// The pause after a refusal: somebody has to do something first.
const PAUSE_AFTER_REFUSAL: TimeDelta = TimeDelta::hours(6);

/// How a run ended.
#[derive(Debug)]
pub enum Outcome {
    Done,
    /// To be run again after this time.
    Again(TimeDelta),
    /// To be gone on with at once, from here on.
    Further(i64),
    /// To be tried again soon, or when the error says.
    Failed(Error),
    /// What was asked for is not acceptable as it is: trying again soon is no use.
    Refused(Error),
}

/// The job that has waited longest, now this worker's.
pub async fn take(app: &App) -> Result<Option<Job>, Error> {
    transaction!(app.db, |txn| {
        store::job::lock_leasing(txn).await?;
        // After the wait, or the lease would be over before the run is.
        let now = app.clock.now();
        Ok(store::job::lease(txn, now, now + app.config.jobs.lease).await?)
    })
}

/// Writes down how a run ended.
pub async fn settle(app: &App, job: &Leased, outcome: Outcome) -> Result<(), Error> {
    let now = app.clock.now();
    let settlement = match outcome {
        Outcome::Done => Settlement::Done,
        Outcome::Again(after) => Settlement::Again(now + after),
        Outcome::Further(progress) => Settlement::Further(progress),
        Outcome::Failed(error) => {
            let asked = match &error {
                Error::Unavailable { retry_after, .. } => retry_after.unwrap_or_default(),
                _ => TimeDelta::zero(),
            };
            let pause = pause(job.attempts).max(jittered(asked));
            failed(job, &error, now, pause)
        }
        Outcome::Refused(error) => failed(job, &error, now, jittered(PAUSE_AFTER_REFUSAL)),
    };
    Ok(store::job::settle(&app.db, job, settlement, now).await?)
}

fn failed(job: &Leased, error: &Error, now: DateTime<Utc>, pause: TimeDelta) -> Settlement {
    let (kind, attempts) = (job.work.kind(), job.attempts);
    tracing::warn!(job = %job.id, kind, attempts, %error, "job failed");
    let error = error.to_string().chars().take(500).collect();
    let lasted = job
        .failing_since
        .map_or(TimeDelta::zero(), |since| now - since);
    if lasted >= PATIENCE && attempts >= FEWEST_ATTEMPTS && !job.work.is_lasting() {
        tracing::error!(job = %job.id, kind, "job is given up");
        Settlement::Dead { error }
    } else {
        let at = now + pause;
        Settlement::Retry { at, error }
    }
}

/// Exponential with jitter, from a second to [`LONGEST_PAUSE`].
fn pause(attempts: i32) -> TimeDelta {
    let most = TimeDelta::seconds(1_i64 << attempts.clamp(0, 12)).min(LONGEST_PAUSE);
    most / 2 + upto(most / 2)
}

/// Not sooner, and up to half as long again, so that those who were told the same don't come at once.
fn jittered(least: TimeDelta) -> TimeDelta {
    least + upto(least / 2)
}

fn upto(most: TimeDelta) -> TimeDelta {
    TimeDelta::milliseconds(rand::random_range(0..=most.num_milliseconds()))
}
