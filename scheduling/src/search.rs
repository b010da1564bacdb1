//! The search for slots, as set algebra: see [`slots`](crate::slots).

use chrono::{DateTime, TimeDelta, Utc};

use crate::availability::{LONGEST_WINDOW, shortened};
use crate::caps::Lessons;
use crate::hours;
use crate::interval::Span;
use crate::local_clock::LocalClock;
use crate::occupancy::overlapping;
use crate::refusal::gaps;
use crate::seconds::{Seconds, Stretch, ceil_second, ceil_seconds, floor_second, subtract, tidy};
use crate::slots::Schedule;

/// The starts in `window` of all slots of `length` that could be booked at `now`: one every
/// `step` seconds from the beginning of each run.
pub(crate) fn bookable_starts(
    schedule: &Schedule,
    window: Span,
    length: TimeDelta,
    now: DateTime<Utc>,
    step: i64,
) -> Option<Vec<Seconds>> {
    let sensible = TimeDelta::zero() < length && length <= LONGEST_WINDOW;
    if !sensible || schedule.calendar_unknown || !schedule.lengths.contains(&length) {
        return None;
    }
    let length = ceil_seconds(length);
    let starts = shortened(schedule.policy.allowed_starts(window, now)?);
    let starts = Seconds {
        start: ceil_second(starts.start()),
        // Every slot must end before the end of time.
        end: ceil_second(starts.end()).min(floor_second(DateTime::<Utc>::MAX_UTC) - length),
    };
    let clock = LocalClock::new(schedule.availability.zone, starts.widened(0, length));
    let open = hours::open(&schedule.availability, &clock, schedule.policy.start_grid);
    let long_enough = cut_to_starts(open, length);
    let free = subtract(long_enough, &ruled_out(schedule, starts, length));
    let on_grid = |free| first_on_grid(free, starts.end, step);
    Some(free.into_iter().filter_map(on_grid).collect())
}

/// Cuts open time to where something of `length` can begin. Stretches that touch are one time.
fn cut_to_starts(mut open: Vec<Stretch>, length: i64) -> Vec<Stretch> {
    let (mut next_start, mut open_until) = (i64::MAX, i64::MAX);
    for stretch in open.iter_mut().rev() {
        if stretch.end < next_start {
            open_until = stretch.end;
        }
        next_start = stretch.start;
        stretch.end = stretch.end.min(open_until - length + 1);
    }
    open.retain(|stretch| stretch.start < stretch.end);
    open
}

/// The seconds, among `starts` and around them, in which no lesson of `length` can begin.
fn ruled_out(schedule: &Schedule, starts: Seconds, length: i64) -> Vec<Seconds> {
    let (before, after) = schedule.policy.buffers();
    let widest = before.max(after);
    let near = starts.widened(widest, length + widest);
    let mut ruled_out = Vec::with_capacity(32);
    ruled_out.extend(
        schedule
            .occupied
            .overlapping(near)
            .map(|(occupied, touched)| {
                let (before, after) = gaps(occupied.by, before, after);
                touched.widened(length + after - 1, before)
            }),
    );
    let student_busy = overlapping(schedule.student_busy, near);
    ruled_out.extend(student_busy.map(|(_, touched)| touched.widened(length - 1, 0)));
    if let Some(lessons) = Lessons::around(schedule, starts) {
        let caps = schedule.policy.caps();
        ruled_out.extend(caps.flat_map(|cap| lessons.full_periods(cap)));
    }
    tidy(ruled_out)
}

/// The part of `free` before `until`, from its first second on the grid.
fn first_on_grid(free: Stretch, until: i64, step: i64) -> Option<Seconds> {
    let run = Seconds {
        start: free.start + (free.anchor - free.start).rem_euclid(step),
        end: free.end.min(until),
    };
    (run.start < run.end).then_some(run)
}
