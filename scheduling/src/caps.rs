//! Caps: how many lessons may begin on a local day, or in an ISO week of local days.

use chrono::{DateTime, Utc};

use crate::local_clock::LocalClock;
use crate::policy::Cap;
use crate::seconds::{DAY, Seconds, floor_second};
use crate::slots::Schedule;

/// The lessons and holds that count on the days and in the weeks of some starts.
pub(crate) struct Lessons {
    /// Shows all of those days and weeks.
    clock: LocalClock,
    /// The local day of each, in order.
    days: Vec<i64>,
}

impl Lessons {
    /// Those that matter to `starts`, in UTC; none if there are no caps.
    pub(crate) fn around(schedule: &Schedule, starts: Seconds) -> Option<Self> {
        let caps = schedule.policy.caps();
        let longest = caps.map(Cap::longest).max()?;
        let reach = starts.widened(longest, longest);
        let clock = LocalClock::new(schedule.availability.zone, reach);
        let counted = schedule.occupied.overlapping(reach);
        let counted = counted.filter(|(occupied, _)| occupied.by.counts());
        let day = |start| clock.local(start).map(|local| local.div_euclid(DAY));
        let days = counted.filter_map(|(_, touched)| day(touched.start));
        let mut days: Vec<_> = days.collect();
        // Where a clock goes back across midnight, so does the date.
        days.sort_unstable();
        Some(Self { clock, days })
    }

    /// The UTC seconds in which no further lesson may begin, because their day or week is full.
    pub(crate) fn full_periods(&self, cap: Cap) -> impl Iterator<Item = Seconds> {
        let never = (cap.lessons == 0).then_some(self.clock.over);
        let same = move |one: &i64, other: &i64| cap.period(*one) == cap.period(*other);
        let full = self.days.chunk_by(same);
        let full = full.filter(move |lessons| is_full(cap, lessons.len()));
        let full = full.flat_map(move |lessons| {
            let (first, end) = cap.days_of(cap.period(lessons[0]));
            self.clock.utc(Seconds {
                start: first * DAY,
                end: end * DAY,
            })
        });
        never.into_iter().chain(full)
    }

    /// Whether no further lesson may begin on the day or in the week of the UTC second `start`.
    pub(crate) fn are_enough(&self, cap: Cap, start: i64) -> bool {
        let local = self.clock.local(start);
        let here = local.map(|local| cap.period(local.div_euclid(DAY)));
        let same = |day: &&i64| Some(cap.period(**day)) == here;
        is_full(cap, self.days.iter().filter(same).count())
    }
}

/// A local day or ISO week of a tutor for which there is a cap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Period {
    days: i64,
    number: i64,
}

/// How many more lessons may begin on the day and in the week of `start`, for each cap that there is.
pub fn room(schedule: &Schedule, start: DateTime<Utc>) -> Vec<(Period, u32)> {
    let start = floor_second(start);
    let around = Seconds {
        start,
        end: start + 1,
    };
    let Some(lessons) = Lessons::around(schedule, around) else {
        return Vec::new();
    };
    let Some(local) = lessons.clock.local(start) else {
        return Vec::new();
    };
    let room = schedule.policy.caps().map(|cap| {
        let number = cap.period(local.div_euclid(DAY));
        let here = lessons
            .days
            .iter()
            .filter(|day| cap.period(**day) == number);
        let taken = u32::try_from(here.count()).unwrap_or(u32::MAX);
        let period = Period {
            days: cap.longest(),
            number,
        };
        (period, cap.lessons.saturating_sub(taken))
    });
    room.collect()
}

fn is_full(cap: Cap, lessons: usize) -> bool {
    u32::try_from(lessons).map_or(true, |lessons| lessons >= cap.lessons)
}
