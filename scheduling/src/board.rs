//! One tutor's time over a window, laid out so that a slot is decided at a glance.
//!
//! [`Board::judge`] is the only place where it is decided whether a slot can be booked. A new
//! reason to refuse (a hold, a holiday, a cap) is added there, and by that to the search, to the
//! check of a booking and to the explanation.

use std::ops::ControlFlow;

use chrono::{DateTime, TimeDelta, Utc};

use crate::availability::{shortened, weekly_spans_on};
use crate::interval::Span;
use crate::local_clock::{Grid, LocalClock, ceil_second, instant};
use crate::slots::{Occupied, Refusal, Schedule};

/// One tutor's time over a window. Nothing outside of the window is open.
#[derive(Clone, Debug)]
pub(crate) struct Board {
    clock: LocalClock,
    /// Tidy: see [`crate::interval`].
    open: Vec<Span>,
    /// Sorted by start; these may overlap, as a lesson is busy in the tutor's calendar as well.
    occupied: Vec<Occupied>,
    earliest_start: Option<DateTime<Utc>>,
    latest_start: DateTime<Utc>,
    /// None if nothing is ever on the grid.
    grid: Option<Grid>,
}

/// How far along a board one has come. Slots that are looked at in order of their start take up
/// where the last one left off; to go back, begin with a new one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place {
    open: usize,
    occupied: usize,
    piece: usize,
}

impl Board {
    pub(crate) fn new(schedule: &Schedule, window: Span, now: DateTime<Utc>) -> Self {
        let window = shortened(window);
        let clock = LocalClock::new(schedule.zone, window);
        let in_window = |occupied: &&Occupied| occupied.span.overlaps(&window);
        let mut occupied: Vec<_> = schedule
            .occupied
            .iter()
            .filter(in_window)
            .copied()
            .collect();
        occupied.sort_unstable();
        Self {
            open: weekly_spans_on(&clock, schedule.rules, window),
            clock,
            occupied,
            earliest_start: schedule.policy.earliest_start(now),
            latest_start: schedule.policy.latest_start(now),
            grid: Grid::new(schedule.policy.start_grid),
        }
    }

    /// Tells `refuse` every reason why `slot` can't be booked, for as long as it wants to hear
    /// more. No reason: it can.
    #[inline]
    pub(crate) fn judge(
        &self,
        slot: Span,
        place: &mut Place,
        mut refuse: impl FnMut(Refusal) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        if !self.is_open(slot, place) {
            refuse(Refusal::OutsideAvailability)?;
        }
        for conflict in self.conflicts(slot, place) {
            refuse(Refusal::from(*conflict))?;
        }
        if self.earliest_start.is_none_or(|at| slot.start() < at) {
            refuse(Refusal::Notice)?;
        }
        if slot.start() > self.latest_start {
            refuse(Refusal::Horizon)?;
        }
        if !self.is_on_grid(slot.start(), place) {
            refuse(Refusal::Grid)?;
        }
        ControlFlow::Continue(())
    }

    fn is_open(&self, slot: Span, place: &mut Place) -> bool {
        let over = |span: &Span| span.end() <= slot.start();
        place.open += count_while(&self.open[place.open..], over);
        let here = self.open.get(place.open);
        here.is_some_and(|span| span.contains(&slot))
    }

    fn conflicts(&self, slot: Span, place: &mut Place) -> impl Iterator<Item = &Occupied> {
        let over = |occupied: &Occupied| occupied.span.end() <= slot.start();
        place.occupied += count_while(&self.occupied[place.occupied..], over);
        self.occupied[place.occupied..]
            .iter()
            .take_while(move |occupied| occupied.span.start() < slot.end())
            .filter(move |occupied| occupied.span.overlaps(&slot))
    }

    fn is_on_grid(&self, start: DateTime<Utc>, place: &mut Place) -> bool {
        self.grid
            .is_some_and(|grid| self.clock.on_grid(start, grid, &mut place.piece))
    }

    /// The first slot of `length` that begins at `from` or later, lies in open time and is on
    /// the grid: a slot worth judging. `from` is in UTC seconds.
    ///
    /// This only saves the time to judge slots of which that is known to be untrue.
    #[inline]
    pub(crate) fn candidate(
        &self,
        from: i64,
        length: TimeDelta,
        place: &mut Place,
    ) -> Option<Span> {
        let grid = self.grid?;
        loop {
            let open = self.open.get(place.open)?;
            let from = from.max(ceil_second(open.start()));
            let start = self.clock.next_on_grid(from, grid, &mut place.piece)?;
            let slot = Span::lasting(instant(start), length)?;
            if slot.end() <= open.end() {
                return Some(slot);
            }
            place.open += 1;
        }
    }
}

/// How many at the beginning of `items` are as `wanted`.
fn count_while<T>(items: &[T], wanted: impl Fn(&T) -> bool) -> usize {
    items.iter().take_while(|item| wanted(item)).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;
    use crate::slots::OccupiedBy;

    /// On a board that is wider than the slot, too, only what overlaps the slot is a conflict:
    /// not what is over, though something that began earlier still goes on.
    #[test]
    fn only_what_overlaps_the_slot_is_a_conflict() {
        let span = |from, to| Span::new(instant(from), instant(to)).expect("a span");
        let lesson = |from, to| Occupied {
            span: span(from, to),
            by: OccupiedBy::Lesson,
        };
        let occupied = [
            lesson(0, 100),
            lesson(10, 20),
            lesson(60, 70),
            lesson(80, 90),
        ];
        let policy = Policy {
            minimum_notice: TimeDelta::zero(),
            horizon: TimeDelta::days(1),
            start_grid: TimeDelta::minutes(5),
        };
        let schedule = Schedule {
            zone: chrono_tz::UTC,
            rules: &[],
            occupied: &occupied,
            policy: &policy,
        };
        let board = Board::new(&schedule, span(0, 1000), instant(0));
        let mut conflicts = Vec::new();
        let _ = board.judge(span(50, 80), &mut Place::default(), |reason| {
            conflicts.extend(reason.conflict());
            ControlFlow::Continue(())
        });
        assert_eq!(conflicts, [span(0, 100), span(60, 70)]);
    }
}
