//! Whoever wants the time of a tutor and of a student waits for it before taking a connection of the pool.
//!
//! The locks on people's time are in Postgres, and who waits for one there holds a connection. If everybody
//! did, one tutor whom many want, one student who wants many, or one whose lock a dead instance still holds,
//! would take the whole pool, and nobody could even sign in. This bounds how many do; it decides nothing
//! about who gets what.

use ::entity::id::{TutorId, UserId};
use std::time::Duration;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};
use uuid::Uuid;

/// Connections that may be at one person's time: one works, and one waits at the lock to go on at once.
const AT_A_TIME: usize = 2;

/// How long somebody waits for their turn; as long as for a connection of the pool.
const PATIENCE: Duration = Duration::from_secs(5);

/// Far more than there are connections, so that people who share one by chance hardly notice. They are never
/// made or removed, so there is nothing to leak.
const QUEUES: usize = 1024;

/// The queues of this instance for people's time, each first come, first served.
#[derive(Default)]
pub struct Turns {
    students: Queues,
    tutors: Queues,
}

/// A turn, which ends when dropped.
pub struct Turn<'a> {
    _student: SemaphorePermit<'a>,
    _tutor: SemaphorePermit<'a>,
    has_waited: bool,
}

impl Turn<'_> {
    /// Whether somebody was in the way, who may have taken what is wanted.
    pub fn has_waited(&self) -> bool {
        self.has_waited
    }
}

impl Turns {
    /// Waits for a turn at the time of this student and this tutor; none if it takes too long.
    pub async fn at_time_of(&self, student: UserId, tutor: TutorId) -> Option<Turn<'_>> {
        // The student's first: who wants many keeps only themselves waiting.
        let both = async {
            let (at_student, waited_for_student) = self.students.turn(student.0).await?;
            let (at_tutor, waited_for_tutor) = self.tutors.turn(tutor.0).await?;
            Some(Turn {
                _student: at_student,
                _tutor: at_tutor,
                has_waited: waited_for_student || waited_for_tutor,
            })
        };
        timeout(PATIENCE, both).await.ok()?
    }
}

struct Queues(Box<[Semaphore]>);

impl Queues {
    /// A turn, and whether it had to be waited for.
    async fn turn(&self, id: Uuid) -> Option<(SemaphorePermit<'_>, bool)> {
        // The end of a UUIDv7 is random.
        let [.., high, low] = id.into_bytes();
        let queue = &self.0[usize::from(u16::from_be_bytes([high, low])) % QUEUES];
        if let Ok(turn) = queue.try_acquire() {
            return Some((turn, false));
        }
        // No queue is ever closed, so there is always a turn to come.
        Some((queue.acquire().await.ok()?, true))
    }
}

impl Default for Queues {
    fn default() -> Self {
        Self((0..QUEUES).map(|_| Semaphore::new(AT_A_TIME)).collect())
    }
}
