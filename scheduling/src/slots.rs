//! What can be booked, why something can't, and what else could.
//!
//! The search ([`slots`]) and the check of one booking ([`refusals`]) follow the same rules: a
//! slot is offered exactly if there is no refusal. A slot must
//!
//! * lie in the tutor's hours with all of it, and not in time off, in a holiday or after the
//!   tutor's last date: see [`availability`](crate::availability);
//! * overlap nothing that occupies the tutor or the student, and keep the
//!   [buffers](Policy::buffer_before) to what occupies the tutor, not to the limits of the hours
//!   nor to what occupies the student;
//! * begin within [notice](Policy::minimum_notice) and [horizon](Policy::horizon), on the
//!   [start grid](crate::policy::StartGrid), and on a day and in a week in which the caps leave
//!   room. A lesson or hold counts for the date on which it starts in the tutor's zone;
//! * have one of the lengths that are offered;
//!
//! and it must be [known](Schedule::calendar_unknown) what the tutor's own calendar says.
//!
//! Time counts in whole seconds: what touches part of a second occupies all of it.
//!
//! # How the search works
//!
//! It is the algebra of a few short sorted lists. The hours of the window on the wall clock,
//! less closed dates, in UTC, less time off, are the open time. The starts are what of that lies
//! at least the length before the end of a piece, less a span of starts that each obstacle
//! rules out. What is left is counted through in steps of the grid: no slot is ever looked at
//! that can't be booked.

use chrono::{DateTime, TimeDelta, Utc};

use crate::availability::Availability;
pub use crate::caps::{Period, room};
use crate::interval::Span;
pub use crate::occupancy::{Occupancy, Occupied, OccupiedBy};
use crate::policy::Policy;
pub use crate::refusal::{Refusal, refusals};
use crate::search::bookable_starts;
use crate::seconds::{Calendar, Seconds};

/// How far from the wanted start [`alternatives`] looks, to either side.
pub const ALTERNATIVES_WITHIN: TimeDelta = TimeDelta::days(14);

/// All that decides over one tutor's time.
#[derive(Clone, Copy, Debug)]
pub struct Schedule<'a> {
    /// When the tutor is there.
    pub availability: Availability<'a>,
    /// What occupies the tutor. It must hold all that there is in the time that is asked about:
    /// see [`reach`](crate::policy::reach).
    pub occupied: &'a Occupancy,
    /// Whether what the tutor's own calendar says has not been heard for too long to offer anything.
    pub calendar_unknown: bool,
    /// When the student who wants to book has something else: sorted by start, and neither
    /// overlapping nor touching.
    pub student_busy: &'a [Span],
    /// The lengths of the lessons that can be booked.
    pub lengths: &'a [TimeDelta],
    /// Notice, horizon, start grid, buffers and caps.
    pub policy: &'a Policy,
}

/// Every slot of `length` that *begins* in `window` and could be booked at `now`, in order. The
/// last ones may end after the window. Slots overlap each other where `length` is longer than
/// the grid.
///
/// Of the time from the first start that notice allows, only
/// [`LONGEST_WINDOW`](crate::availability::LONGEST_WINDOW) is searched.
pub fn slots(schedule: &Schedule, window: Span, length: TimeDelta, now: DateTime<Utc>) -> Slots {
    let step = schedule.policy.start_grid.step();
    let starts = step.and_then(|step| bookable_starts(schedule, window, length, now, step));
    Slots {
        here: Seconds { start: 0, end: 0 },
        further: starts.unwrap_or_default().into_iter(),
        step: step.unwrap_or(1),
        seconds: length.num_seconds(),
        nanos: length.subsec_nanos().unsigned_abs(),
        calendar: Calendar::default(),
    }
}

/// The slots that [`slots`] finds, each made as it is asked for.
#[derive(Clone, Debug)]
#[must_use = "slots are only made when they are asked for"]
pub struct Slots {
    /// The next slot begins with these seconds, and there is one for each step in them.
    here: Seconds,
    further: std::vec::IntoIter<Seconds>,
    step: i64,
    /// How long each slot lasts: these, and less than a second of nanoseconds.
    seconds: i64,
    nanos: u32,
    calendar: Calendar,
}

impl Slots {
    fn count_in(&self, starts: Seconds) -> usize {
        let count = (starts.end - starts.start + self.step - 1) / self.step;
        usize::try_from(count).unwrap_or(0)
    }
}

impl Iterator for Slots {
    type Item = Span;

    #[inline]
    fn next(&mut self) -> Option<Span> {
        if self.here.start >= self.here.end {
            self.here = self.further.next()?;
        }
        let start = self.here.start;
        self.here.start += self.step;
        Span::new(
            self.calendar.instant(start, 0)?,
            self.calendar.instant(start + self.seconds, self.nanos)?,
        )
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let further = self.further.as_slice().iter();
        let further: usize = further.map(|starts| self.count_in(*starts)).sum();
        let all = self.count_in(self.here) + further;
        (all, Some(all))
    }
}

impl ExactSizeIterator for Slots {}
impl std::iter::FusedIterator for Slots {}

/// The `count` bookable slots, as long as `wanted`, that begin nearest to it: nearest first, and
/// of two that are equally near the earlier one. If `wanted` itself can be booked, it is first.
///
/// They begin at most [`ALTERNATIVES_WITHIN`] before `wanted`, and less than that after it.
pub fn alternatives(
    schedule: &Schedule,
    wanted: Span,
    now: DateTime<Utc>,
    count: usize,
) -> Vec<Span> {
    let wanted_start = wanted.start();
    let Some(window) = around(wanted_start) else {
        return Vec::new();
    };
    let found: Vec<_> = slots(schedule, window, wanted.duration(), now).collect();
    let (earlier, later) =
        found.split_at(found.partition_point(|slot| slot.start() < wanted_start));
    nearest_first(wanted_start, earlier, later)
        .take(count)
        .collect()
}

/// Where the alternatives to a start begin.
fn around(start: DateTime<Utc>) -> Option<Span> {
    let first = start.checked_sub_signed(ALTERNATIVES_WITHIN);
    let last = start.checked_add_signed(ALTERNATIVES_WITHIN);
    Span::new(
        first.unwrap_or(DateTime::<Utc>::MIN_UTC),
        last.unwrap_or(DateTime::<Utc>::MAX_UTC),
    )
}

/// Of two runs of slots in order, those that begin before `start` and those that don't, all by
/// their distance from `start`.
fn nearest_first<'a>(
    start: DateTime<Utc>,
    mut earlier: &'a [Span],
    mut later: &'a [Span],
) -> impl Iterator<Item = Span> + 'a {
    std::iter::from_fn(move || {
        let take_earlier = match (earlier.last(), later.first()) {
            (Some(before), Some(after)) => start - before.start() <= after.start() - start,
            (before, _) => before.is_some(),
        };
        if take_earlier {
            earlier.split_off_last().copied()
        } else {
            later.split_off_first().copied()
        }
    })
}
