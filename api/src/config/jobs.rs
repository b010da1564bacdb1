//! Work outside requests.

use super::Vars;
use std::time::Duration;

#[derive(Clone, Debug)]
pub struct Jobs {
    /// How many jobs this instance runs at once; 0 runs none.
    pub workers: u32,
    /// How often the queue is looked at when nothing wakes a worker.
    pub poll: Duration,
    /// How often the busy time of a connected calendar is read, at least.
    pub calendar_poll: Duration,
    /// The same where Google tells of all changes.
    pub calendar_poll_with_push: Duration,
    /// How long a worker has a job to itself. One that is killed leaves its job until then.
    pub lease: Duration,
}

impl Jobs {
    /// `JOB_WORKERS`: 4 when not set. `JOB_POLL_SECONDS`: 2 when not set.
    /// `CALENDAR_POLL_SECONDS`: 60 when not set; each calendar that blocks costs Google one request per period, and each
    /// connected tutor one more an hour.
    /// `CALENDAR_POLL_WITH_PUSH_SECONDS`: 600 when not set; the period for tutors of whose calendars Google tells every
    /// change. Messages may be lost, so it is not for ever. Both are half an hour at most: a calendar that was not read for an
    /// hour may count as unknown.
    /// `JOB_LEASE_SECONDS`: 60 when not set; what an instance was doing when it was killed, another one takes over after this.
    pub fn load(vars: &mut Vars<'_>) -> Self {
        Self {
            workers: vars.number("JOB_WORKERS", 4, 0..=64),
            poll: Duration::from_secs(vars.number("JOB_POLL_SECONDS", 2, 1..=60).into()),
            calendar_poll: Duration::from_secs(
                vars.number("CALENDAR_POLL_SECONDS", 60, 5..=1800).into(),
            ),
            calendar_poll_with_push: Duration::from_secs(
                vars.number("CALENDAR_POLL_WITH_PUSH_SECONDS", 600, 60..=1800)
                    .into(),
            ),
            lease: Duration::from_secs(vars.number("JOB_LEASE_SECONDS", 60, 30..=600).into()),
        }
    }

    /// How long a run may take: less than the lease, so that two runs of one job never overlap.
    pub fn time_limit(&self) -> Duration {
        self.lease * 5 / 6
    }
}
