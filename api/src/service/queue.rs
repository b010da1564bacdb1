//! Running what is queued: taking a job, and what becomes of it.

use crate::{
    app::App,
    error::Error,
    store::{
        self,
        job::{Leased, Settlement},
    },
};
use chrono::TimeDelta;

pub use crate::store::job::{Leased as Job, Work};

/// After so many attempts, which take about four days, a job is given up, unless it recurs anyway.
const MOST_ATTEMPTS: i32 = 1200;

/// The longest pause between attempts: so soon after an outage all is as it should be.
const LONGEST_PAUSE: TimeDelta = TimeDelta::minutes(5);

/// How a run ended.
#[derive(Debug)]
pub enum Outcome {
    Done,
    /// To be run again after this time.
    Again(TimeDelta),
    Failed(Error),
}

/// The job that has waited longest, now this worker's.
pub async fn take(app: &App) -> Result<Option<Job>, Error> {
    let now = app.clock.now();
    Ok(store::job::lease(&app.db, now, now + app.config.jobs.lease).await?)
}

/// Writes down how a run ended.
pub async fn settle(app: &App, job: &Leased, outcome: Outcome) -> Result<(), Error> {
    let now = app.clock.now();
    let settlement = match outcome {
        Outcome::Done => Settlement::Done,
        Outcome::Again(after) => Settlement::Again(now + after),
        Outcome::Failed(error) => {
            let attempts = job.attempts;
            tracing::warn!(job = %job.id, kind = job.work.kind(), attempts, %error, "job failed");
            let error = error.to_string().chars().take(500).collect();
            if attempts >= MOST_ATTEMPTS && !job.work.recurs() {
                tracing::error!(job = %job.id, kind = job.work.kind(), "job is given up");
                Settlement::Dead { error }
            } else {
                Settlement::Retry {
                    at: now + pause(attempts),
                    error,
                }
            }
        }
    };
    Ok(store::job::settle(&app.db, job, settlement, now).await?)
}

/// Exponential with jitter, from a second to [`LONGEST_PAUSE`].
fn pause(attempts: i32) -> TimeDelta {
    let most = TimeDelta::seconds(1_i64 << attempts.clamp(0, 12)).min(LONGEST_PAUSE);
    most / 2 + TimeDelta::milliseconds(rand::random_range(0..=most.num_milliseconds() / 2))
}

/// How many jobs wait or run.
pub async fn unsettled(app: &App) -> Result<i64, Error> {
    Ok(store::job::unsettled(&app.db, app.clock.now()).await?)
}
