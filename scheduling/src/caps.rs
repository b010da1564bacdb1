//! Caps: how many lessons may begin on a local day, or in an ISO week of local days.

use crate::local_clock::LocalClock;
use crate::occupancy::Occupancy;
use crate::policy::Cap;
use crate::seconds::{DAY, Seconds};
use crate::slots::Schedule;

/// The UTC seconds among `starts` in which no further lesson may begin, because their day or
/// week is full.
pub(crate) fn full_periods(schedule: &Schedule, cap: Cap, starts: Seconds) -> Vec<Seconds> {
    if cap.lessons == 0 {
        return vec![starts];
    }
    let clock = clock_around(schedule, cap, starts);
    let mut periods: Vec<_> = periods(schedule.occupied, cap, &clock).collect();
    periods.sort_unstable();
    let same = periods.chunk_by(|one, other| one == other);
    let full = same.filter(|lessons| is_full(cap, lessons.len()));
    full.flat_map(|lessons| {
        let (first, end) = cap.days_of(lessons[0]);
        clock.utc(Seconds {
            start: first * DAY,
            end: end * DAY,
        })
    })
    .collect()
}

/// Whether no further lesson may begin on the day or in the week of the UTC second `start`.
pub(crate) fn is_reached(schedule: &Schedule, cap: Cap, start: i64) -> bool {
    let starts = Seconds {
        start,
        end: start + 1,
    };
    let clock = clock_around(schedule, cap, starts);
    let here = clock
        .local(start)
        .map(|local| cap.period(local.div_euclid(DAY)));
    let lessons = periods(schedule.occupied, cap, &clock);
    is_full(cap, lessons.filter(|period| Some(*period) == here).count())
}

fn is_full(cap: Cap, lessons: usize) -> bool {
    u32::try_from(lessons).map_or(true, |lessons| lessons >= cap.lessons)
}

/// A clock that shows all of the days or weeks in which `starts` lie.
fn clock_around(schedule: &Schedule, cap: Cap, starts: Seconds) -> LocalClock {
    let reach = starts.widened(cap.longest(), cap.longest());
    LocalClock::new(schedule.availability.zone, reach)
}

/// The day or week of each lesson and hold that begins in the time of `clock`.
fn periods(occupied: &Occupancy, cap: Cap, clock: &LocalClock) -> impl Iterator<Item = i64> {
    occupied
        .overlapping(clock.over)
        .filter(|(occupied, _)| occupied.by.counts())
        .filter_map(move |(_, touched)| {
            let local = clock.local(touched.start)?;
            Some(cap.period(local.div_euclid(DAY)))
        })
}
