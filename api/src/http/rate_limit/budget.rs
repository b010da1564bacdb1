//! One budget, and where somebody stands with it.

use super::Who;
use crate::clock::Clock;
use governor::{
    Quota, RateLimiter, middleware::StateInformationMiddleware, state::keyed::HashMapStateStore,
};
use std::{
    num::NonZeroU32,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

/// The time over which a quota is spread.
const WINDOW: Duration = Duration::from_mins(1);

/// After so many requests, those whose budget is full again are forgotten. So no more are remembered than
/// these, and those who are still owed something.
const FORGET_EVERY: u32 = 1024;

/// The generic cell rate algorithm: a budget refills all the time, and not at the end of a window.
type Cells = RateLimiter<Who, HashMapStateStore<Who>, Clock, StateInformationMiddleware>;

/// So many requests per minute of everyone, all of which may come at once.
pub struct Budget {
    name: &'static str,
    quota: Quota,
    clock: Clock,
    cells: Cells,
    counted: AtomicU32,
}

/// Where somebody stands with a budget after a request was counted.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    name: &'static str,
    quota: u32,
    remaining: u32,
    /// Whole seconds after which there is room for another request.
    refill: u64,
    /// The same, where there was none for this one.
    pub retry_after: Option<u64>,
}

impl Budget {
    pub fn new(name: &'static str, per_minute: NonZeroU32, clock: Clock) -> Self {
        let quota = Quota::per_minute(per_minute);
        Self {
            name,
            quota,
            cells: Cells::new(quota, HashMapStateStore::default(), clock.clone()),
            clock,
            counted: AtomicU32::new(0),
        }
    }

    pub fn name(&self) -> &'static str {
        self.name
    }

    /// How long it takes to pay one request back.
    pub fn interval(&self) -> Duration {
        self.quota.replenish_interval()
    }

    /// How many requests may come at once.
    pub fn burst(&self) -> u32 {
        self.quota.burst_size().get()
    }

    /// Counts a request of this sender, in the memory of this instance.
    pub fn count(&self, who: Who) -> Standing {
        self.forget_now_and_then();
        match self.cells.check_key(&who) {
            Ok(state) => self.accepted(state.remaining_burst_capacity()),
            Err(not_until) => self.refused(not_until.wait_time_from(self.clock.elapsed())),
        }
    }

    /// After a request for which there was room.
    pub fn accepted(&self, remaining: u32) -> Standing {
        Standing {
            name: self.name,
            quota: self.burst(),
            remaining,
            refill: whole_seconds(self.interval()),
            retry_after: None,
        }
    }

    /// After a request for which there will be room in so much time.
    pub fn refused(&self, wait: Duration) -> Standing {
        let seconds = whole_seconds(wait);
        Standing {
            refill: seconds,
            retry_after: Some(seconds),
            ..self.accepted(0)
        }
    }

    fn forget_now_and_then(&self) {
        if self.counted.fetch_add(1, Ordering::Relaxed) % FORGET_EVERY == FORGET_EVERY - 1 {
            self.cells.retain_recent();
            self.cells.shrink_to_fit();
        }
    }
}

impl Standing {
    /// A member of `RateLimit-Policy`.
    pub fn policy(&self) -> String {
        format!("\"{}\";q={};w={}", self.name, self.quota, WINDOW.as_secs())
    }

    /// A member of `RateLimit`.
    pub fn limit(&self) -> String {
        format!("\"{}\";r={};t={}", self.name, self.remaining, self.refill)
    }
}

/// Rounded up, and at least one: who waits that long finds room.
fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0 || time.is_zero())
}

impl governor::clock::Clock for Clock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{DateTime, TimeDelta};
    use std::net::{IpAddr, Ipv4Addr};

    fn sender(n: u32) -> Who {
        Who::Network(IpAddr::from(Ipv4Addr::from_bits(n)).into())
    }

    #[test]
    fn of_those_who_came_only_those_are_remembered_who_are_owed_something() {
        let mut now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        let clock = Clock::standing_at(now);
        let budget = Budget::new("test", NonZeroU32::new(60).expect("60"), clock.clone());
        let used_up = (0..100).find(|_| budget.count(sender(0)).retry_after.is_some());
        assert_eq!(used_up, Some(60));
        let mut most = 0;
        for n in 1..=30_000 {
            now += TimeDelta::milliseconds(1);
            clock.set(now);
            budget.count(sender(n));
            most = most.max(budget.cells.len());
        }
        // A request is paid back in a second, and forgotten within another one.
        assert!(most <= 2000 + 1 + FORGET_EVERY as usize, "{most}");
        assert_eq!(budget.count(sender(0)).remaining, 29);
    }
}
