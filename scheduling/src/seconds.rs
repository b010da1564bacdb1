//! Runs of whole seconds, and their algebra: what the engine computes with.
//!
//! A second is a number since 1970-01-01 00:00, in UTC or on a wall clock. Plain integers can't
//! fall out of chrono's calendar, and cost a fraction of its date arithmetic.

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};

use crate::interval::Span;

/// The length of a day on the wall clock.
pub(crate) const DAY: i64 = 86_400;

/// The seconds from `start` up to but not including `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Seconds {
    pub(crate) start: i64,
    pub(crate) end: i64,
}

impl Seconds {
    /// Every second that `span` touches.
    pub(crate) fn touched_by(span: Span) -> Self {
        Self {
            start: floor_second(span.start()),
            end: ceil_second(span.end()),
        }
    }

    pub(crate) fn overlaps(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// What the two have in common.
    pub(crate) fn intersect(self, other: Self) -> Option<Self> {
        let start = self.start.max(other.start);
        let end = self.end.min(other.end);
        (start < end).then_some(Self { start, end })
    }

    /// Longer by so much at the beginning and at the end.
    pub(crate) fn widened(self, before: i64, after: i64) -> Self {
        Self {
            start: self.start - before,
            end: self.end + after,
        }
    }

    pub(crate) fn span(self) -> Option<Span> {
        Span::new(instant(self.start), instant(self.end))
    }
}

/// A run of seconds, and the second from which the start grid is counted in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) start: i64,
    pub(crate) end: i64,
    pub(crate) anchor: i64,
}

impl Stretch {
    pub(crate) fn seconds(self) -> Seconds {
        Seconds {
            start: self.start,
            end: self.end,
        }
    }
}

impl From<Seconds> for Stretch {
    /// With its own beginning for an anchor.
    fn from(seconds: Seconds) -> Self {
        Self {
            start: seconds.start,
            end: seconds.end,
            anchor: seconds.start,
        }
    }
}

/// Sorts the runs, and joins those that overlap or touch.
pub(crate) fn tidy(mut runs: Vec<Seconds>) -> Vec<Seconds> {
    // The stable sort is the one that is quick with a few sorted lists one after the other.
    runs.sort();
    runs.dedup_by(|next, kept| {
        let joins = next.start <= kept.end;
        if joins {
            kept.end = kept.end.max(next.end);
        }
        joins
    });
    runs
}

/// What is in `from` and not in `minus`. `from` must be sorted without overlaps, `minus` tidy.
pub(crate) fn subtract(from: Vec<Stretch>, minus: &[Seconds]) -> Vec<Stretch> {
    if minus.is_empty() {
        return from;
    }
    let mut left = Vec::with_capacity(from.len() + minus.len());
    let mut at = 0;
    for mut stretch in from {
        while let Some(cut) = minus.get(at).filter(|cut| cut.start < stretch.end) {
            if stretch.start < cut.start {
                left.push(Stretch {
                    end: cut.start,
                    ..stretch
                });
            }
            stretch.start = stretch.start.max(cut.end);
            if cut.end > stretch.end {
                break; // it may reach into the next stretch as well
            }
            at += 1;
        }
        if stretch.start < stretch.end {
            left.push(stretch);
        }
    }
    left
}

/// Turns seconds into instants, without date arithmetic as long as they are on the same day of
/// UTC.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Calendar {
    /// The second with which the day begins.
    midnight: i64,
    /// The same day; the default of both is 1970-01-01.
    date: NaiveDate,
}

impl Calendar {
    /// The instant so many nanoseconds, less than a second of them, after `second`; none if that
    /// can't be represented.
    #[inline]
    pub(crate) fn instant(&mut self, second: i64, nanos: u32) -> Option<DateTime<Utc>> {
        if !(0..DAY).contains(&(second - self.midnight)) {
            let day = second.div_euclid(DAY);
            self.date = NaiveDate::from_epoch_days(day.try_into().ok()?)?;
            self.midnight = day * DAY;
        }
        let into_day = u32::try_from(second - self.midnight).ok()?;
        let time = NaiveTime::from_num_seconds_from_midnight_opt(into_day, nanos)?;
        Some(self.date.and_time(time).and_utc())
    }
}

/// The instant that is `second`, or the nearest one that can be represented.
#[inline]
pub(crate) fn instant(second: i64) -> DateTime<Utc> {
    let nearest = if second < 0 {
        DateTime::<Utc>::MIN_UTC
    } else {
        DateTime::<Utc>::MAX_UTC
    };
    DateTime::from_timestamp(second, 0).unwrap_or(nearest)
}

/// The second in which `instant` lies.
#[inline]
pub(crate) fn floor_second(instant: DateTime<Utc>) -> i64 {
    instant.timestamp()
}

/// The first whole second that is not before `instant`.
#[inline]
pub(crate) fn ceil_second(instant: DateTime<Utc>) -> i64 {
    instant.timestamp() + i64::from(instant.timestamp_subsec_nanos() > 0)
}

/// How many seconds `length` touches when it begins with a whole one.
pub(crate) fn ceil_seconds(length: TimeDelta) -> i64 {
    length.num_seconds() + i64::from(length.subsec_nanos() > 0)
}
