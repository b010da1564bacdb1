//! A document of the provider, kept for as long as it allows, and fetched once however many ask.

use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::Error;

/// Fetching anew before the time is up is done once in this while at most, whatever arrives.
const BETWEEN_RENEWALS: Duration = Duration::from_mins(1);

/// A value with an end, and the one place that renews it.
pub(super) struct Cached<T> {
    held: RwLock<Option<(Arc<T>, Instant)>>,
    fetching: Mutex<Past>,
}

/// What happened at earlier fetches.
#[derive(Default)]
struct Past {
    failed: Option<(Instant, Error)>,
    renewed: Option<Instant>,
}

impl<T> Default for Cached<T> {
    fn default() -> Self {
        Self {
            held: RwLock::new(None),
            fetching: Mutex::default(),
        }
    }
}

impl<T> Cached<T> {
    /// The value held if it is still good, else what `fetch` brings.
    pub(super) async fn get<F>(&self, fetch: impl FnOnce() -> F) -> Result<Arc<T>, Error>
    where
        F: Future<Output = Result<(T, Duration), Error>>,
    {
        if let Some(value) = self.held() {
            return Ok(value);
        }
        let since = Instant::now();
        let mut past = self.fetching.lock().await;
        if let Some(value) = self.held() {
            return Ok(value);
        }
        if let Some((at, error)) = &past.failed
            && *at >= since
        {
            // Somebody tried while this one waited: it would fare no better.
            return Err(error.clone());
        }
        self.fetch(&mut past, fetch).await
    }

    /// What `fetch` brings, unless `old` has been replaced already or a renewal was made a moment ago.
    pub(super) async fn renew<F>(
        &self,
        old: &Arc<T>,
        fetch: impl FnOnce() -> F,
    ) -> Result<Arc<T>, Error>
    where
        F: Future<Output = Result<(T, Duration), Error>>,
    {
        let mut past = self.fetching.lock().await;
        if let Some(value) = self.held()
            && !Arc::ptr_eq(&value, old)
        {
            return Ok(value);
        }
        if past
            .renewed
            .is_some_and(|at| at.elapsed() < BETWEEN_RENEWALS)
        {
            return Ok(Arc::clone(old));
        }
        past.renewed = Some(Instant::now());
        self.fetch(&mut past, fetch).await
    }

    async fn fetch<F>(&self, past: &mut Past, fetch: impl FnOnce() -> F) -> Result<Arc<T>, Error>
    where
        F: Future<Output = Result<(T, Duration), Error>>,
    {
        match fetch().await {
            Ok((value, keep)) => {
                let value = Arc::new(value);
                *self.held.write().unwrap_or_else(PoisonError::into_inner) =
                    Some((Arc::clone(&value), Instant::now() + keep));
                past.failed = None;
                Ok(value)
            }
            Err(error) => {
                past.failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    fn held(&self) -> Option<Arc<T>> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.as_ref()
            .filter(|(_, until)| Instant::now() < *until)
            .map(|(value, _)| Arc::clone(value))
    }
}
