//! What keeps lessons from being given together: nobody is in two at once, and tutors give so many in a period at most.

use crate::service::{UserId, tutor::Tutor};
use chrono::{DateTime, TimeDelta, Utc};
use scheduling::{interval::Span, slots::Period};
use std::collections::HashMap;

/// Those who are in the lessons, by numbers.
pub(in crate::service) struct People {
    numbers: HashMap<UserId, usize>,
    /// The break that those who teach need after a lesson.
    breaks: HashMap<UserId, TimeDelta>,
}

impl People {
    /// With these who teach.
    pub fn new<'a>(tutors: impl Iterator<Item = &'a Tutor>) -> Self {
        let breaks = tutors.map(|tutor| {
            let policy = &tutor.timetable.policy;
            let longer = policy.buffer_before.max(policy.buffer_after);
            (tutor.profile.user_id, longer.max(TimeDelta::zero()))
        });
        Self {
            numbers: HashMap::new(),
            breaks: breaks.collect(),
        }
    }

    /// The number of somebody, and the time that a lesson takes of them: whoever teaches needs a break after it, be it
    /// given or taken.
    pub fn takes(&mut self, id: UserId, span: Span) -> (usize, Span) {
        let next = self.numbers.len();
        let number = *self.numbers.entry(id).or_insert(next);
        let longer = self.breaks.get(&id).copied().unwrap_or_default();
        let end = span.end().checked_add_signed(longer);
        let with_break = end.and_then(|end| Span::new(span.start(), end));
        (number, with_break.unwrap_or(span))
    }
}

/// The limits under which lessons of one tutor fall, by what they begin at.
#[derive(Default)]
pub(in crate::service) struct Limits {
    of_start: HashMap<DateTime<Utc>, Vec<(usize, u32)>>,
    of_period: HashMap<Period, usize>,
}

impl Limits {
    /// The places of those for a lesson at `start` among all limits, each with the one lesson that it takes; they come to be
    /// as they are needed.
    pub fn of(
        &mut self,
        start: DateTime<Utc>,
        limits: &mut Vec<u32>,
        room: impl FnOnce() -> Vec<(Period, u32)>,
    ) -> Vec<(usize, u32)> {
        let of_period = &mut self.of_period;
        let of_start = self.of_start.entry(start).or_insert_with(|| {
            let places = room().into_iter().map(|(period, lessons)| {
                let place = *of_period.entry(period).or_insert_with(|| {
                    limits.push(lessons);
                    limits.len() - 1
                });
                (place, 1)
            });
            places.collect()
        });
        of_start.clone()
    }
}
