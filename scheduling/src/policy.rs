//! What a centre or a tutor decides about booking, apart from the hours.

use chrono::{DateTime, TimeDelta, Utc};

use crate::interval::Span;

/// When a lesson may begin, seen from now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The shortest time between booking and the beginning of the lesson. A lesson that begins
    /// exactly this far ahead is still accepted. Less than nothing counts as nothing: no lesson
    /// is ever booked in the past.
    pub minimum_notice: TimeDelta,
    /// The longest time between booking and the beginning of the lesson. A lesson that begins
    /// exactly this far ahead is still accepted.
    pub horizon: TimeDelta,
    /// Lessons begin when the time on the tutor's wall clock, counted from midnight, is a
    /// multiple of this: with 15 minutes at :00, :15, :30 and :45. Usual are 5, 10, 15, 20, 30
    /// and 60 minutes. Whole seconds count; under one second, nothing is ever on the grid.
    pub start_grid: TimeDelta,
}

impl Policy {
    /// The earliest beginning that notice allows; none if that is beyond all time.
    pub fn earliest_start(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        now.checked_add_signed(self.minimum_notice.max(TimeDelta::zero()))
    }

    /// The latest beginning that the horizon allows.
    pub fn latest_start(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let beyond_all_time = if self.horizon < TimeDelta::zero() {
            DateTime::<Utc>::MIN_UTC
        } else {
            DateTime::<Utc>::MAX_UTC
        };
        now.checked_add_signed(self.horizon)
            .unwrap_or(beyond_all_time)
    }
}

/// The time in which occupied spans must be known, in order to find the slots of `length` that
/// begin in `window`. None if there can't be any such slot.
///
/// The last slot begins just before the window ends, and so reaches past it by its length.
pub fn reach(window: Span, length: TimeDelta) -> Option<Span> {
    if length <= TimeDelta::zero() {
        return None;
    }
    let end = window.end().checked_add_signed(length);
    Span::new(window.start(), end.unwrap_or(DateTime::<Utc>::MAX_UTC))
}
