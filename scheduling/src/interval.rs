//! Half-open spans of UTC time, and their algebra.
//!
//! A *tidy* slice is sorted by start, and its spans neither overlap nor touch. [`union`] makes a
//! slice tidy; [`subtract`] and [`intersect`] want tidy slices, give tidy ones, and look at each
//! span once.

use chrono::{DateTime, TimeDelta, Utc};

/// The time from `start` up to but not including `end`. It is never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    start: DateTime<Utc>,
    end: DateTime<Utc>,
}

impl Span {
    /// The span from `start` up to but not including `end`; none if that would be empty.
    pub fn new(start: DateTime<Utc>, end: DateTime<Utc>) -> Option<Self> {
        (start < end).then_some(Self { start, end })
    }

    /// The span that begins at `start` and lasts `length`; none if that would be empty, or would
    /// end after the last instant that can be represented.
    pub fn lasting(start: DateTime<Utc>, length: TimeDelta) -> Option<Self> {
        Self::new(start, start.checked_add_signed(length)?)
    }

    /// The first instant inside.
    pub fn start(&self) -> DateTime<Utc> {
        self.start
    }

    /// The first instant after it, which is no longer inside.
    pub fn end(&self) -> DateTime<Utc> {
        self.end
    }

    /// How long it lasts; always more than zero.
    pub fn duration(&self) -> TimeDelta {
        self.end - self.start
    }

    /// Whether the two have an instant in common. Spans that only touch have none.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// Whether all of `other` lies inside.
    pub fn contains(&self, other: &Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// What the two have in common.
    pub fn intersect(&self, other: &Self) -> Option<Self> {
        Self::new(self.start.max(other.start), self.end.min(other.end))
    }
}

/// All the time that is in any of `spans`, tidy.
///
/// ```
/// use scheduling::interval::{Span, union};
/// # use chrono::{DateTime, TimeDelta};
/// let hour = |n| Span::lasting(DateTime::UNIX_EPOCH + TimeDelta::hours(n), TimeDelta::hours(1));
/// let spans = [hour(5), hour(1), hour(0)].into_iter().flatten().collect();
/// assert_eq!(union(spans).len(), 2); // 00:00-02:00 and 05:00-06:00
/// ```
pub fn union(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_unstable();
    spans.dedup_by(|next, kept| {
        let joins = next.start <= kept.end;
        if joins {
            kept.end = kept.end.max(next.end);
        }
        joins
    });
    spans
}

/// The time that is in `from` and not in `minus`. Both must be tidy.
pub fn subtract(from: &[Span], minus: &[Span]) -> Vec<Span> {
    let mut left = Vec::with_capacity(from.len());
    let mut at = 0;
    for span in from {
        let mut start = span.start;
        while let Some(cut) = minus.get(at).filter(|cut| cut.start < span.end) {
            left.extend(Span::new(start, cut.start));
            start = start.max(cut.end);
            if cut.end > span.end {
                break; // it may reach into the next span as well
            }
            at += 1;
        }
        left.extend(Span::new(start, span.end));
    }
    left
}

/// The time that is both in `a` and in `b`. Both must be tidy.
pub fn intersect(a: &[Span], b: &[Span]) -> Vec<Span> {
    let mut both = Vec::new();
    let (mut i, mut j) = (0, 0);
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        both.extend(x.intersect(y));
        if x.end <= y.end {
            i += 1;
        } else {
            j += 1;
        }
    }
    both
}
