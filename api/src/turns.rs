//! Whoever wants a tutor's time waits for it before taking a connection of the pool.
//!
//! The lock on a tutor's time is in Postgres, and who waits for it there holds a connection. If everybody
//! did, one tutor whom many want, or whose lock a dead instance still holds, would take the whole pool,
//! and nobody could even sign in. This bounds how many do; it decides nothing about who gets what.

use ::entity::id::TutorId;
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Connections that may be at one tutor's time: one works, and one waits at the lock to go on at once.
const AT_A_TIME: usize = 2;

/// How long somebody waits for their turn; as long as for a connection of the pool.
const PATIENCE: Duration = Duration::from_secs(5);

/// Far more than there are connections, so that tutors who share one by chance hardly notice. They are never
/// made or removed, so there is nothing to leak.
const QUEUES: usize = 1024;

/// The queues of this instance for the time of tutors, each first come, first served.
pub struct Turns(Box<[Semaphore]>);

impl Turns {
    /// Waits for a turn at the time of this tutor, which ends when dropped; none if it takes too long.
    pub async fn at_time_of(&self, tutor: TutorId) -> Option<SemaphorePermit<'_>> {
        // The end of a UUIDv7 is random.
        let [.., high, low] = tutor.0.into_bytes();
        let queue = &self.0[usize::from(u16::from_be_bytes([high, low])) % QUEUES];
        // No queue is ever closed, so there is no other reason to get none.
        let turn = tokio::time::timeout(PATIENCE, queue.acquire()).await;
        turn.ok()?.ok()
    }
}

impl Default for Turns {
    fn default() -> Self {
        Self((0..QUEUES).map(|_| Semaphore::new(AT_A_TIME)).collect())
    }
}
