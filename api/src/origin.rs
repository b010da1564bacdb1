//! On whose behalf something is done, and by which request or job: what the audit trail says beside what changed.
//!
//! It goes along with the task. Each transaction tells PostgreSQL of it, where triggers write the trail; a change that
//! is made without any counts as an operator's.

use crate::clock::Clock;
use chrono::{DateTime, Utc};
use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};
use uuid::Uuid;

tokio::task_local! {
    static CURRENT: Arc<Origin>;
}

/// Who does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A user; none as long as they have not said who they are.
    Person(Option<Uuid>),
    /// A third-party app, by one of its keys.
    Key(Uuid),
    /// The server by itself.
    Job,
    /// Somebody at the command line.
    Operator,
}

impl Actor {
    pub fn kind(self) -> &'static str {
        match self {
            Self::Person(_) => "person",
            Self::Key(_) => "key",
            Self::Job => "job",
            Self::Operator => "operator",
        }
    }

    pub fn id(self) -> Option<Uuid> {
        match self {
            Self::Person(id) => id,
            Self::Key(id) => Some(id),
            Self::Job | Self::Operator => None,
        }
    }
}

/// Where a request comes from.
#[derive(Clone, Debug)]
pub struct Sender {
    pub address: IpAddr,
    pub request_id: Option<String>,
}

#[derive(Debug)]
pub struct Origin {
    actor: Mutex<Actor>,
    /// The `operationId` of a request, the kind of a job, the name of a command.
    pub operation: Option<Arc<str>>,
    /// None: it is no request.
    pub sender: Option<Sender>,
    /// For how many days what is done is remembered.
    pub keep_days: u32,
    clock: Clock,
}

impl Origin {
    pub fn new(actor: Actor, operation: Option<Arc<str>>, keep_days: u32, clock: Clock) -> Self {
        Self {
            actor: Mutex::new(actor),
            operation,
            sender: None,
            keep_days,
            clock,
        }
    }

    #[must_use]
    pub fn of_request(self, sender: Sender) -> Self {
        Self {
            sender: Some(sender),
            ..self
        }
    }

    pub fn actor(&self) -> Actor {
        *self.actor.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }
}

/// Does something on behalf of this origin.
pub async fn scope<F: Future>(origin: Origin, work: F) -> F::Output {
    CURRENT.scope(Arc::new(origin), work).await
}

/// On whose behalf this task works.
pub fn current() -> Option<Arc<Origin>> {
    CURRENT.try_with(Arc::clone).ok()
}

/// Says who it is, where that has only now been found out.
pub fn act_as(actor: Actor) {
    if let Some(origin) = current() {
        *origin.actor.lock().unwrap_or_else(PoisonError::into_inner) = actor;
    }
}

/// Work that another task goes on with, on behalf of the same origin.
pub fn carried<F: Future>(work: F) -> impl Future<Output = F::Output> {
    let origin = current();
    async move {
        match origin {
            Some(origin) => CURRENT.scope(origin, work).await,
            None => work.await,
        }
    }
}
