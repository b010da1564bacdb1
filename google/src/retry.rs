//! Bounded tries with full jitter, within one budget of time.

use std::future::Future;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::{Instant, sleep, timeout_at};

use crate::{Error, Limits};

/// Calls until it succeeds, fails for good, or the limits are reached; then returns the last failure.
pub(crate) async fn with_retries<T, Fut>(
    limits: &Limits,
    mut call: impl FnMut() -> Fut,
) -> Result<T, Error>
where
    Fut: Future<Output = Result<T, Error>>,
{
    let deadline = Instant::now() + limits.total;
    let mut done = 0;
    loop {
        let outcome = timeout_at(deadline, call())
            .await
            .unwrap_or_else(|_| Err(Error::unavailable("no answer in time")));
        done += 1;
        let error = match outcome {
            Err(error) if error.is_brief() && done < limits.tries => error,
            other => return other,
        };
        let pause = error
            .retry_after()
            .unwrap_or_else(|| jittered(limits.pause, done - 1));
        let next = Instant::now().checked_add(pause);
        if next.is_none_or(|next| next >= deadline) {
            return Err(error);
        }
        tracing::debug!(tries = done, ?pause, %error, "trying again");
        sleep(pause).await;
    }
}

/// `random() * 2^n * unit`, as Google's own clients do it (`googleapiclient/http.py`).
fn jittered(unit: Duration, n: u32) -> Duration {
    unit.mul_f64(rand::random::<f64>() * f64::from(1_u32 << n.min(10)))
}

/// `Retry-After`, in seconds or as a date (RFC 9110 §10.2.3); a date that has passed asks for no wait.
pub(crate) fn retry_after(value: Option<&str>) -> Option<Duration> {
    let value = value?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = DateTime::parse_from_rfc2822(value).ok()?.to_utc();
    Some((date - Utc::now()).to_std().unwrap_or_default())
}
