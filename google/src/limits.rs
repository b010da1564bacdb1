//! How long, how often and how much.

use std::time::Duration;

/// The bounds of one call to the other side.
///
/// Tries again are made only after answers that say so (5xx, 429, 403 `rateLimitExceeded` and
/// `userRateLimitExceeded`) and after failures to connect or to read. Between tries it waits `random() * 2^n * pause`,
/// or what `Retry-After` asks for, as long as that fits into `total`; else the error is returned at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For the whole call, with all tries and the pauses between them.
    pub total: Duration,
    /// How many times at most the request is sent; 1 means never again.
    pub tries: u32,
    /// The unit of the pause between tries.
    pub pause: Duration,
    /// The longest answer that is read, in bytes.
    pub answer_bytes: usize,
}

impl Limits {
    /// For discovery, keys, token exchange, refresh and revocation: 10 s, 3 tries, 1 MiB.
    pub const SIGN_IN: Self = Self {
        total: Duration::from_secs(10),
        tries: 3,
        pause: Duration::from_millis(500),
        answer_bytes: 1 << 20,
    };

    /// For Calendar, where a page of events or the free/busy of 50 calendars is long: 20 s, 3 tries, 8 MiB.
    pub const CALENDAR: Self = Self {
        total: Duration::from_secs(20),
        tries: 3,
        pause: Duration::from_secs(1),
        answer_bytes: 8 << 20,
    };
}

/// How long establishing a connection may take.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
