//! How many connections may be open at once, and who makes room for others when there are as many.

use std::sync::Arc;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore, SemaphorePermit};

/// Connections that are open now.
const OPEN: &str = "connections_open";

/// Connections that were ended, while nothing was asked on them, to make room for others.
const ENDED: &str = "connections_ended_for_room_total";

/// Places for connections. When all are taken, whoever has gone longest without asking anything is told to leave.
pub struct Room {
    places: Arc<Semaphore>,
    /// A permit is the wish that one connection leaves. Who can't leave drops it, and so hands it on to the next in
    /// the queue.
    wishes: Semaphore,
}

impl Room {
    /// For so many connections.
    pub fn new(places: usize) -> Self {
        metrics::describe_gauge!(OPEN, "Connections that are open");
        metrics::gauge!(OPEN).set(0);
        metrics::describe_counter!(
            ENDED,
            "Connections ended to make room for others, while nothing was asked on them"
        );
        metrics::counter!(ENDED).increment(0);
        Self {
            places: Arc::new(Semaphore::new(places)),
            wishes: Semaphore::new(0),
        }
    }

    /// A place, once there is one.
    pub async fn enter(&self) -> Result<Place, AcquireError> {
        let places = self.places.clone();
        let permit = if let Ok(permit) = places.clone().try_acquire_owned() {
            permit
        } else {
            self.wishes.add_permits(1);
            let permit = places.acquire_owned().await?;
            // Somebody may have left by themselves.
            self.wishes.forget_permits(1);
            permit
        };
        metrics::gauge!(OPEN).increment(1);
        Ok(Place(permit))
    }

    /// Waits, at the end of the queue, to be told to leave.
    pub async fn told_to_leave(&self) -> Result<Wish<'_>, AcquireError> {
        self.wishes.acquire().await.map(Wish)
    }
}

/// Is given back when dropped.
pub struct Place(#[expect(dead_code, reason = "is held")] OwnedSemaphorePermit);

impl Drop for Place {
    fn drop(&mut self) {
        metrics::gauge!(OPEN).decrement(1);
    }
}

/// That a connection leaves. Passes to the next one when dropped.
pub struct Wish<'a>(SemaphorePermit<'a>);

impl Wish<'_> {
    /// The connection leaves.
    pub fn comply(self) {
        self.0.forget();
        metrics::counter!(ENDED).increment(1);
    }
}
