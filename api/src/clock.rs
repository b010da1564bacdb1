//! Where "now" comes from: the rules take it as an argument, and this is the one place that reads it.

use chrono::{DateTime, SubsecRound, TimeZone, Utc};
use std::{
    sync::{
        Arc, LazyLock,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

/// The wall clock, or one that a test sets.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    #[default]
    System,
    /// Microseconds since the epoch.
    Set(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands at `now` until it is set again.
    pub fn standing_at(now: DateTime<Utc>) -> Self {
        Self::Set(Arc::new(AtomicI64::new(now.timestamp_micros())))
    }

    /// Moves a standing clock; the wall clock can't be moved.
    pub fn set(&self, now: DateTime<Utc>) {
        if let Self::Set(micros) = self {
            micros.store(now.timestamp_micros(), Ordering::Relaxed);
        }
    }

    /// The present instant in the precision that Postgres keeps: microseconds.
    pub fn now(&self) -> DateTime<Utc> {
        match self {
            Self::System => Utc::now().trunc_subsecs(6),
            Self::Set(micros) => Utc
                .timestamp_micros(micros.load(Ordering::Relaxed))
                .single()
                .unwrap_or_default(),
        }
    }
    /// Time since some instant in the past, for measuring how long ago something was: setting the wall
    /// clock of the machine does not change it.
    pub fn elapsed(&self) -> Duration {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        match self {
            Self::System => START.elapsed(),
            Self::Set(micros) => {
                let micros = u64::try_from(micros.load(Ordering::Relaxed));
                Duration::from_micros(micros.unwrap_or_default())
            }
        }
    }
}
