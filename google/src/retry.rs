//! Bounded tries with full jitter, within one budget of time.

use std::future::Future;
use std::time::Duration;

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
        if Instant::now() + pause >= deadline {
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

/// The seconds form of `Retry-After`; a date is taken as not said.
pub(crate) fn retry_after(value: Option<&str>) -> Option<Duration> {
    value?.trim().parse().ok().map(Duration::from_secs)
}
