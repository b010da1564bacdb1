//! Nobody waits again and again for somebody who does not answer.

use chrono::{DateTime, TimeDelta, Utc};
use std::sync::atomic::{AtomicI64, Ordering};

/// After somebody has waited in vain, for so long nobody else does; then one tries.
const PAUSE: TimeDelta = TimeDelta::seconds(30);

/// A circuit breaker: open from the first wait in vain until an answer. Instants are in microseconds since 1970.
#[derive(Debug, Default)]
pub struct Breaker {
    /// When the next one may try; zero while it is closed.
    next_try: AtomicI64,
    last_answer: AtomicI64,
}

impl Breaker {
    /// Whether to ask is no use now.
    pub fn is_open(&self, now: DateTime<Utc>) -> bool {
        now.timestamp_micros() < self.next_try.load(Ordering::Relaxed)
    }

    /// Whether the caller may ask, and nobody else for a while where it is not known to be of use.
    pub fn may_ask(&self, now: DateTime<Utc>) -> bool {
        let next_try = self.next_try.load(Ordering::Relaxed);
        if next_try == 0 {
            return true;
        }
        let later = (now + PAUSE).timestamp_micros();
        now.timestamp_micros() >= next_try
            && self
                .next_try
                .compare_exchange(next_try, later, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    pub fn note_answer(&self, now: DateTime<Utc>) {
        let now = now.timestamp_micros();
        self.last_answer.store(now, Ordering::Relaxed);
        self.next_try.store(0, Ordering::Relaxed);
    }

    /// Somebody has waited in vain since then. Others may have had answers.
    pub fn note_silence(&self, since: DateTime<Utc>, now: DateTime<Utc>) {
        if self.last_answer.load(Ordering::Relaxed) < since.timestamp_micros() {
            let later = (now + PAUSE).timestamp_micros();
            self.next_try.store(later, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_silence_one_asks_in_half_a_minute_until_there_is_an_answer() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        let breaker = Breaker::default();
        assert!(breaker.may_ask(now) && breaker.may_ask(now));
        breaker.note_silence(now, now);
        let later = now + PAUSE;
        let before = later - TimeDelta::microseconds(1);
        assert!(breaker.is_open(before) && !breaker.may_ask(before));
        assert!(!breaker.is_open(later) && breaker.may_ask(later));
        assert!(breaker.is_open(later) && !breaker.may_ask(later));
        assert!(breaker.may_ask(later + PAUSE));
        breaker.note_answer(later + PAUSE);
        assert!(breaker.may_ask(later) && breaker.may_ask(later));
    }

    #[test]
    fn who_waits_in_vain_while_others_have_answers_stops_nobody() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        let breaker = Breaker::default();
        breaker.note_answer(now + TimeDelta::seconds(1));
        breaker.note_silence(now, now + TimeDelta::seconds(2));
        assert!(!breaker.is_open(now + TimeDelta::seconds(2)));
    }
}
