//! What can be booked, why something can't, and what else could.
//!
//! The search ([`slots`]) and the check of one booking ([`refusals`]) ask the same function, so
//! that what is offered is accepted, and what is refused has a reason.

use std::ops::ControlFlow;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::availability::WeeklyRule;
use crate::board::{Board, Place};
use crate::interval::Span;
use crate::local_clock::ceil_second;
use crate::policy::{Policy, reach};

/// How far from the wanted start [`alternatives`] looks, to either side.
pub const ALTERNATIVES_WITHIN: TimeDelta = TimeDelta::days(14);

/// All that decides over one tutor's time.
#[derive(Clone, Copy, Debug)]
pub struct Schedule<'a> {
    /// The zone on whose wall clock the rules and the start grid are.
    pub zone: Tz,
    /// When the tutor is there. Without rules, never.
    pub rules: &'a [WeeklyRule],
    /// What stands in the way, in any order. It must hold all that there is in the time that is
    /// asked about: see [`reach`].
    pub occupied: &'a [Occupied],
    /// Notice, horizon and start grid.
    pub policy: &'a Policy,
}

/// A span in which a tutor can't be booked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Occupied {
    /// The whole of it, also where it reaches out of the time that is asked about.
    pub span: Span,
    /// What it is.
    pub by: OccupiedBy,
}

/// What occupies a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OccupiedBy {
    /// A lesson booked here.
    Lesson,
    /// Something in one of the tutor's own calendars.
    CalendarBusy,
    /// A lesson that the student who wants to book has with somebody else.
    StudentBusy,
}

/// A reason why a slot can't be booked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The tutor isn't there, for all or part of it.
    OutsideAvailability,
    /// The tutor has a lesson.
    Lesson {
        /// When that lesson is.
        conflict: Span,
    },
    /// The tutor's own calendar says busy.
    CalendarBusy {
        /// When it says so.
        conflict: Span,
    },
    /// The student has a lesson.
    StudentBusy {
        /// When that lesson is.
        conflict: Span,
    },
    /// It begins too soon, or has begun.
    Notice,
    /// It begins too far ahead.
    Horizon,
    /// It begins at a time at which lessons don't begin.
    Grid,
}

impl Refusal {
    /// The stable name of the reason, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::OutsideAvailability => "outside_availability",
            Self::Lesson { .. } => "lesson",
            Self::CalendarBusy { .. } => "calendar_busy",
            Self::StudentBusy { .. } => "student_busy",
            Self::Notice => "notice",
            Self::Horizon => "horizon",
            Self::Grid => "grid",
        }
    }

    /// The span that stands in the way, if the reason is one.
    pub fn conflict(&self) -> Option<Span> {
        match *self {
            Self::Lesson { conflict }
            | Self::CalendarBusy { conflict }
            | Self::StudentBusy { conflict } => Some(conflict),
            Self::OutsideAvailability | Self::Notice | Self::Horizon | Self::Grid => None,
        }
    }
}

impl From<Occupied> for Refusal {
    fn from(occupied: Occupied) -> Self {
        let conflict = occupied.span;
        match occupied.by {
            OccupiedBy::Lesson => Self::Lesson { conflict },
            OccupiedBy::CalendarBusy => Self::CalendarBusy { conflict },
            OccupiedBy::StudentBusy => Self::StudentBusy { conflict },
        }
    }
}

/// Every slot of `length` that *begins* in `window` and could be booked at `now`, in order. The
/// last ones may end after the window. Slots overlap each other where `length` is longer than
/// the grid.
///
/// Of the time from the first start that notice allows, only
/// [`LONGEST_WINDOW`](crate::availability::LONGEST_WINDOW) is searched.
pub fn slots(schedule: &Schedule, window: Span, length: TimeDelta, now: DateTime<Utc>) -> Slots {
    let starts = allowed_starts(schedule.policy, window, now);
    let search = starts.and_then(|starts| {
        Some(Search {
            board: Board::new(schedule, reach(starts, length)?, now),
            place: Place::default(),
            from: ceil_second(starts.start()),
            until: starts.end(),
        })
    });
    Slots { search, length }
}

/// The part of `window` in which notice and horizon allow a slot to begin.
fn allowed_starts(policy: &Policy, window: Span, now: DateTime<Utc>) -> Option<Span> {
    let latest = policy.latest_start(now);
    let just_after = latest
        .checked_add_signed(TimeDelta::nanoseconds(1))
        .unwrap_or(latest);
    Span::new(policy.earliest_start(now)?, just_after)?.intersect(&window)
}

/// The slots that [`slots`] finds, each as it is asked for: the first one costs no more than the
/// layout of the window.
#[derive(Clone, Debug)]
#[must_use = "slots are only looked for when they are asked for"]
pub struct Slots {
    search: Option<Search>,
    length: TimeDelta,
}

#[derive(Clone, Debug)]
struct Search {
    board: Board,
    place: Place,
    /// The next candidate begins here or later, in UTC seconds.
    from: i64,
    /// All candidates begin before.
    until: DateTime<Utc>,
}

impl Iterator for Slots {
    type Item = Span;

    fn next(&mut self) -> Option<Span> {
        let search = self.search.as_mut()?;
        loop {
            let slot = search
                .board
                .candidate(search.from, self.length, &mut search.place)
                .filter(|slot| slot.start() < search.until)?;
            search.from = slot.start().timestamp() + 1;
            let stop = |_| ControlFlow::Break(());
            if search
                .board
                .judge(slot, &mut search.place, stop)
                .is_continue()
            {
                return Some(slot);
            }
        }
    }
}

impl std::iter::FusedIterator for Slots {}

/// Every reason why `slot` can't be booked at `now`; none if it can. There is one for each span
/// that stands in the way.
pub fn refusals(schedule: &Schedule, slot: Span, now: DateTime<Utc>) -> Vec<Refusal> {
    let mut reasons = Vec::new();
    let note = |reason| {
        reasons.push(reason);
        ControlFlow::Continue(())
    };
    let board = Board::new(schedule, slot, now);
    let _ = board.judge(slot, &mut Place::default(), note);
    reasons
}

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
