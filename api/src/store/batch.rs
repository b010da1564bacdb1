//! Reads that are asked for at about the same time are made at once.

use futures::FutureExt;
use sea_orm::{ConnAcquireErr, DbErr};
use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
    mem,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::oneshot;

/// How long a read may take: on a connection that is dead unnoticed it would take for ever, and all would wait.
const PATIENCE: Duration = Duration::from_secs(5);

/// One way of reading many things by their keys. Whoever asks while reads are under way is served by the next one,
/// together with all who wait; so a read always begins after it was asked for, and what it finds is never older
/// than the question.
pub struct Batch<K, V>(Arc<Inner<K, V>>);

struct Inner<K, V> {
    at_once: usize,
    read: Box<dyn Fn(Vec<K>) -> Reading<K, V> + Send + Sync>,
    waiting: Mutex<Waiting<K, V>>,
}

type Reading<K, V> = Pin<Box<dyn Future<Output = Result<HashMap<K, V>, DbErr>> + Send>>;

struct Waiting<K, V> {
    questions: Vec<Question<K, V>>,
    under_way: usize,
}

struct Question<K, V> {
    keys: Vec<K>,
    answer: oneshot::Sender<Result<Vec<Option<V>>, DbErr>>,
}

impl<K, V> Batch<K, V>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Reads by `read`, which answers with what there is, at most `at_once` times at the same time.
    pub fn new<F>(at_once: usize, read: impl Fn(Vec<K>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<HashMap<K, V>, DbErr>> + Send + 'static,
    {
        let waiting = Waiting {
            questions: Vec::new(),
            under_way: 0,
        };
        Self(Arc::new(Inner {
            at_once,
            read: Box::new(move |keys| Box::pin(read(keys))),
            waiting: Mutex::new(waiting),
        }))
    }

    /// What there is under each of the keys, in their order.
    pub async fn get(&self, keys: Vec<K>) -> Result<Vec<Option<V>>, DbErr> {
        let (answer, answered) = oneshot::channel();
        if self.0.enqueue(Question { keys, answer }) {
            tokio::spawn(Arc::clone(&self.0).serve());
        }
        answered.await.unwrap_or(Err(DbErr::ConnectionAcquire(
            ConnAcquireErr::ConnectionClosed,
        )))
    }
}

impl<K, V> Inner<K, V>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn waiting(&self) -> MutexGuard<'_, Waiting<K, V>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether one more has to serve.
    fn enqueue(&self, question: Question<K, V>) -> bool {
        let mut waiting = self.waiting();
        waiting.questions.push(question);
        let one_more = waiting.under_way < self.at_once;
        waiting.under_way += usize::from(one_more);
        one_more
    }

    /// All who wait, or none and this one serves no longer.
    fn next(&self) -> Option<Vec<Question<K, V>>> {
        let mut waiting = self.waiting();
        if waiting.questions.is_empty() {
            waiting.under_way -= 1;
            return None;
        }
        Some(mem::take(&mut waiting.questions))
    }

    async fn try_read(&self, keys: Vec<K>) -> Result<HashMap<K, V>, DbErr> {
        let reading = AssertUnwindSafe(async { (self.read)(keys).await }).catch_unwind();
        match tokio::time::timeout(PATIENCE, reading).await {
            Ok(Ok(found)) => found,
            Ok(Err(_panic)) => Err(DbErr::Custom("a read panicked".to_owned())),
            Err(_elapsed) => Err(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout)),
        }
    }

    async fn serve(self: Arc<Self>) {
        while let Some(questions) = self.next() {
            let keys: HashSet<&K> = questions.iter().flat_map(|of| &of.keys).collect();
            let keys: Vec<K> = keys.into_iter().cloned().collect();
            let found = match self.try_read(keys.clone()).await {
                // The server may have been restarted, and the connections of the pool not know yet.
                Err(DbErr::Query(_) | DbErr::Exec(_)) => self.try_read(keys).await,
                found => found,
            };
            for Question { keys, answer } in questions {
                let values = match &found {
                    Ok(found) => Ok(keys.iter().map(|key| found.get(key).cloned()).collect()),
                    Err(error) => Err(error.clone()),
                };
                // Whoever asked may have gone away.
                let _ = answer.send(values);
            }
        }
    }
}
