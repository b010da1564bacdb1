//! What a centre or a tutor decides about booking, apart from the hours.
//!
//! Lengths of time count in whole seconds.

use chrono::{DateTime, TimeDelta, Utc};

use crate::interval::Span;
use crate::seconds::DAY;

/// The longest lesson that there can be, and so the longest time of a tutor that is looked at.
pub const LONGEST_LESSON: TimeDelta = TimeDelta::hours(8);

/// What a booking must keep to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The shortest time between booking and the beginning of the lesson. A lesson that begins
    /// exactly this far ahead is still accepted. Less than nothing counts as nothing: no lesson
    /// is ever booked in the past.
    pub minimum_notice: TimeDelta,
    /// The longest time between booking and the beginning of the lesson. A lesson that begins
    /// exactly this far ahead is still accepted.
    pub horizon: TimeDelta,
    /// At which times lessons begin.
    pub start_grid: StartGrid,
    /// The time kept free before each lesson of the tutor. Between two lessons, or a lesson and a
    /// hold, the longer of this and `buffer_after` is kept: each keeps its own, and one break
    /// serves both. What the tutor's calendar says is busy keeps none of its own. Less than
    /// nothing counts as nothing.
    pub buffer_before: TimeDelta,
    /// The time kept free after each lesson of the tutor, as `buffer_before`.
    pub buffer_after: TimeDelta,
    /// How many lessons and holds may begin on one date of the tutor's calendar; 0 is never.
    pub max_lessons_per_day: Option<u32>,
    /// How many lessons and holds may begin in one ISO week, Monday to Sunday, of the tutor's
    /// calendar; 0 is never.
    pub max_lessons_per_week: Option<u32>,
}

/// The times on the tutor's wall clock at which lessons begin: at multiples of so much after
/// something. Usual are 5, 10, 15, 20, 30 and 60 minutes; under one second, nothing is ever on
/// the grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StartGrid {
    /// After midnight: with 15 minutes at :00, :15, :30 and :45. It begins anew each day.
    Midnight(TimeDelta),
    /// After the beginning of the hours, of a weekly rule or an override, in which the lesson
    /// begins: where they begin at 09:10, with 30 minutes at 09:10, 09:40 and so on. Hours that
    /// touch others, and hours of which something is taken away, still count from their own
    /// beginning. Where hours overlap, those that begin last count.
    SpanStart(TimeDelta),
}

impl StartGrid {
    /// The distance of two starts in seconds, at most a day; none if nothing is on the grid.
    pub(crate) fn step(self) -> Option<i64> {
        let (Self::Midnight(step) | Self::SpanStart(step)) = self;
        let seconds = step.num_seconds().min(DAY);
        (seconds > 0).then_some(seconds)
    }
}

/// So many lessons in each period of so many days, counted from a Monday.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cap {
    days: i64,
    pub(crate) lessons: u32,
}

impl Cap {
    /// The number of the period in which `day` lies. Days count from 1970-01-01, a Thursday.
    pub(crate) fn period(self, day: i64) -> i64 {
        (day + 3).div_euclid(self.days)
    }

    /// The first day of a period, and the first one after it.
    pub(crate) fn days_of(self, period: i64) -> (i64, i64) {
        let first = period * self.days - 3;
        (first, first + self.days)
    }

    /// No two instants of a period are as many seconds apart: a date that a zone repeats when it
    /// moves across the date line lasts two days.
    pub(crate) fn longest(self) -> i64 {
        (self.days + 1) * DAY
    }
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

    /// The part of `window` in which notice and horizon allow a lesson to begin.
    pub(crate) fn allowed_starts(&self, window: Span, now: DateTime<Utc>) -> Option<Span> {
        let latest = self.latest_start(now);
        let just_after = latest
            .checked_add_signed(TimeDelta::nanoseconds(1))
            .unwrap_or(latest);
        Span::new(self.earliest_start(now)?, just_after)?.intersect(&window)
    }

    /// The seconds kept free before and after a lesson.
    pub(crate) fn buffers(&self) -> (i64, i64) {
        (
            self.buffer_before.num_seconds().max(0),
            self.buffer_after.num_seconds().max(0),
        )
    }

    pub(crate) fn daily_cap(&self) -> Option<Cap> {
        let cap = |lessons| Cap { days: 1, lessons };
        self.max_lessons_per_day.map(cap)
    }

    pub(crate) fn weekly_cap(&self) -> Option<Cap> {
        let cap = |lessons| Cap { days: 7, lessons };
        self.max_lessons_per_week.map(cap)
    }

    pub(crate) fn caps(&self) -> impl Iterator<Item = Cap> {
        self.daily_cap().into_iter().chain(self.weekly_cap())
    }
}

/// The time in which occupied spans must be known, in order to find the slots of `length` that
/// begin in `window`. None if there can't be any such slot.
///
/// The last slot begins just before the window ends, and so reaches past it by its length; what
/// is nearer than the buffers matters too; and with caps, all of the first and the last day or
/// week, which lies somewhere else in each zone.
pub fn reach(window: Span, length: TimeDelta, policy: &Policy) -> Option<Span> {
    if length <= TimeDelta::zero() {
        return None;
    }
    let period = policy.caps().map(Cap::longest).max();
    let period = TimeDelta::seconds(period.unwrap_or(0));
    let buffer = policy.buffer_before.max(policy.buffer_after);
    let before = period.max(buffer);
    let after = length.checked_add(&buffer.max(TimeDelta::zero()));
    let after = period.max(after.unwrap_or(TimeDelta::MAX));
    let start = window.start().checked_sub_signed(before);
    let end = window.end().checked_add_signed(after);
    Span::new(
        start.unwrap_or(DateTime::<Utc>::MIN_UTC),
        end.unwrap_or(DateTime::<Utc>::MAX_UTC),
    )
}
