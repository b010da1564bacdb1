//! Budgets that all instances share, kept in Redis. Whatever becomes of Redis, no request fails of it, and none
//! waits for it longer than is set.

use super::{
    Who,
    budget::{Budget, Standing},
};
use crate::{clock::Clock, config};
use redis::{AsyncConnectionConfig, RedisError, Script, aio::MultiplexedConnection};
use std::{
    fmt::Display,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::timeout;

/// For how long Redis is not asked after it did not answer.
const PAUSE: Duration = Duration::from_secs(1);

/// How long it may take to connect. Of the requests, only the one that began it waits for that, and no longer
/// than for anything else.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);

/// By how much the clocks of instances may differ before one of them forgets what another one counted.
const CLOCKS_APART: Duration = Duration::from_mins(1);

/// Requests that were counted by this instance alone because Redis did not answer.
const FALLBACKS: &str = "rate_limit_fallbacks_total";

/// 1 while the budgets are shared, 0 while this instance counts for itself.
const IN_USE: &str = "rate_limit_shared";

/// The connection to Redis, and what became of it.
pub struct Shared {
    redis: redis::Client,
    patience: Duration,
    script: Script,
    clock: Clock,
    state: Mutex<State>,
}

struct State {
    link: Link,
    /// Connections made so far: what an earlier one did says nothing of the present one.
    made: u64,
    /// Whether the last count was shared; none before the first.
    in_use: Option<bool>,
}

enum Link {
    Up(Connection),
    /// Somebody is connecting.
    Probing,
    /// Not to be asked before this time of the clock.
    Down(Duration),
}

#[derive(Clone)]
struct Connection {
    number: u64,
    connection: MultiplexedConnection,
}

impl Shared {
    pub fn new(config: &config::SharedBudgets, clock: Clock) -> Self {
        metrics::describe_counter!(
            FALLBACKS,
            "Requests counted by this instance alone because Redis did not answer"
        );
        metrics::counter!(FALLBACKS).increment(0);
        metrics::describe_gauge!(
            IN_USE,
            "1 while rate limits are shared through Redis, 0 while this instance counts for itself"
        );
        metrics::gauge!(IN_USE).set(0);
        Self {
            redis: config.redis.clone(),
            patience: config.patience,
            script: Script::new(include_str!("shared.lua")),
            state: Mutex::new(State {
                link: Link::Down(Duration::ZERO),
                made: 0,
                in_use: None,
            }),
            clock,
        }
    }

    /// Counts a request against these budgets of its sender, until one of them is used up. None: Redis did
    /// not answer, so the instance has to count for itself.
    pub async fn count(self: &Arc<Self>, who: Who, budgets: &[&Budget]) -> Option<Vec<Standing>> {
        let standings = self.ask(who, budgets).await;
        if standings.is_none() {
            metrics::counter!(FALLBACKS).increment(1);
        }
        standings
    }

    async fn ask(self: &Arc<Self>, who: Who, budgets: &[&Budget]) -> Option<Vec<Standing>> {
        let connected = timeout(self.patience, self.connection()).await;
        let Connection {
            number,
            mut connection,
        } = connected.ok()??;
        match timeout(self.patience, self.run(&mut connection, who, budgets)).await {
            Ok(Ok(numbers)) => {
                self.answered(number);
                Some(standings(budgets, &numbers))
            }
            Ok(Err(error)) => {
                self.failed(number, &error);
                None
            }
            Err(_) => {
                self.failed(number, &"it did not answer in time");
                None
            }
        }
    }

    /// One round trip, and one more after Redis has started anew and doesn't know the script.
    async fn run(
        &self,
        connection: &mut MultiplexedConnection,
        who: Who,
        budgets: &[&Budget],
    ) -> Result<Vec<u64>, RedisError> {
        let mut call = self.script.prepare_invoke();
        call.arg(self.clock.now().timestamp_micros());
        call.arg(micros(CLOCKS_APART));
        for budget in budgets {
            // In braces stands what decides where a cluster keeps it: all of one sender together.
            call.key(format!("tutoring:rate_limit:{{{who}}}:{}", budget.name()));
            let interval = micros(budget.interval());
            call.arg(interval)
                .arg(interval * u64::from(budget.burst() - 1));
        }
        call.invoke_async(connection).await
    }

    /// None: there is no connection now, and it is too early to try, or somebody else is trying.
    async fn connection(self: &Arc<Self>) -> Option<Connection> {
        let probe = {
            let mut state = self.state();
            match &state.link {
                Link::Up(connection) => return Some(connection.clone()),
                Link::Down(until) if self.clock.elapsed() >= *until => {
                    state.link = Link::Probing;
                    // A task of its own, so that it comes to an end even if the request does before.
                    tokio::spawn(Arc::clone(self).probe())
                }
                Link::Probing | Link::Down(_) => return None,
            }
        };
        probe.await.ok()?
    }

    async fn probe(self: Arc<Self>) -> Option<Connection> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None);
        let connecting = self
            .redis
            .get_multiplexed_async_connection_with_config(&config);
        let connected = timeout(CONNECT_LIMIT, connecting).await;
        let mut state = self.state();
        match connected {
            Ok(Ok(connection)) => {
                state.made += 1;
                let connection = Connection {
                    number: state.made,
                    connection,
                };
                state.link = Link::Up(connection.clone());
                return Some(connection);
            }
            Ok(Err(error)) => self.down(&mut state, &error),
            Err(_) => self.down(&mut state, &"it can't be connected to in time"),
        }
        None
    }

    fn answered(&self, number: u64) {
        let mut state = self.state();
        if state.is_by(number) && state.in_use.replace(true) != Some(true) {
            metrics::gauge!(IN_USE).set(1);
            tracing::info!("rate limits are shared through Redis");
        }
    }

    fn failed(&self, number: u64, why: &dyn Display) {
        let mut state = self.state();
        if state.is_by(number) {
            self.down(&mut state, why);
        }
    }

    fn down(&self, state: &mut State, why: &dyn Display) {
        state.link = Link::Down(self.clock.elapsed() + PAUSE);
        if state.in_use.replace(false) != Some(false) {
            metrics::gauge!(IN_USE).set(0);
            tracing::warn!(%why, "rate limits are counted by this instance alone: Redis is of no use");
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that is done with the lock held can leave it half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether the connection with this number is the present one.
    fn is_by(&self, number: u64) -> bool {
        matches!(&self.link, Link::Up(connection) if connection.number == number)
    }
}

/// What the script says of each budget, as the budgets of memory would.
fn standings(budgets: &[&Budget], numbers: &[u64]) -> Vec<Standing> {
    let said = numbers.as_chunks::<2>().0;
    let each = budgets.iter().zip(said);
    each.map(|(budget, [wait, owed])| {
        if *wait > 0 {
            return budget.refused(Duration::from_micros(*wait));
        }
        let owed = owed.div_ceil(micros(budget.interval()));
        let remaining = u64::from(budget.burst()).saturating_sub(owed);
        budget.accepted(u32::try_from(remaining).unwrap_or_default())
    })
    .collect()
}

/// At least one: what is too short to be counted takes no time at all.
fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX).max(1)
}
