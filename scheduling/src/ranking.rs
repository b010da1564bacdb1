//! Which of several tutors are offered first, and slots of several tutors in one list.

use chrono::TimeDelta;
use std::cmp::Reverse;

use crate::interval::Span;

/// What speaks for and against a tutor, for one student.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// How long the tutor teaches already in the time that is asked about.
    pub load: TimeDelta,
    /// How many lessons the two have had or will have together.
    pub lessons_together: u32,
}

/// How much each counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weights {
    /// Points lost for each hour of load.
    pub load: u32,
    /// Points won for each lesson together, up to [`MOST_LESSONS_TOGETHER`].
    pub continuity: u32,
}

/// More lessons together than this say no more.
pub const MOST_LESSONS_TOGETHER: u32 = 20;

impl Weights {
    /// The place of a standing among others: the least is the best. In sixtieths of a point.
    pub fn rank(self, standing: Standing) -> i64 {
        let lessons = standing.lessons_together.min(MOST_LESSONS_TOGETHER);
        let lost = standing.load.num_minutes().saturating_mul(self.load.into());
        lost.saturating_sub(i64::from(lessons) * i64::from(self.continuity) * 60)
    }

    /// The place of somebody who could take over `lessons` of those of one student that need another tutor: the least is
    /// the best. One who takes all of them comes before two who take some each, and then it is as in [`Weights::rank`].
    pub fn rank_substitute(self, lessons: usize, standing: Standing) -> (Reverse<usize>, i64) {
        (Reverse(lessons), self.rank(standing))
    }
}

/// The slots of several tutors by start, each with the places of the tutors who have it, in order.
///
/// Each iterator gives the slots of one tutor, in order, and all of one length. No slot is asked for before it is
/// needed: the first of a thousand tutors cost no more than a look at each.
pub fn merge<I: Iterator<Item = Span>>(tutors: impl IntoIterator<Item = I>) -> Merged<I> {
    let mut sources: Vec<I> = tutors.into_iter().collect();
    let heads: Vec<Option<Span>> = sources.iter_mut().map(Iterator::next).collect();
    Merged {
        sources,
        starts: heads.iter().copied().map(start).collect(),
        heads,
    }
}

/// What [`merge`] makes.
#[derive(Debug)]
#[must_use = "slots are only looked for when they are asked for"]
pub struct Merged<I> {
    sources: Vec<I>,
    /// The next slot of each tutor who has one.
    heads: Vec<Option<Span>>,
    /// When these begin. Tutors have most of their slots in common, so to look at all of them for each slot is
    /// less work than to keep them in order.
    starts: Vec<i64>,
}

/// Microseconds since 1970; at the end of time for nobody.
fn start(head: Option<Span>) -> i64 {
    head.map_or(i64::MAX, |slot| slot.start().timestamp_micros())
}

impl<I: Iterator<Item = Span>> Iterator for Merged<I> {
    type Item = (Span, Vec<usize>);

    fn next(&mut self) -> Option<Self::Item> {
        let first = *self.starts.iter().min()?;
        let mut slot = None;
        let mut places = Vec::new();
        for (place, next) in self.starts.iter_mut().enumerate() {
            if *next == first {
                let following = self.sources[place].next();
                slot = std::mem::replace(&mut self.heads[place], following);
                *next = start(following);
                places.push(place);
            }
        }
        Some((slot?, places))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;

    fn slot(hour: i64) -> Span {
        let start = DateTime::UNIX_EPOCH + TimeDelta::hours(hour);
        Span::lasting(start, TimeDelta::hours(1)).expect("a slot")
    }

    #[test]
    fn slots_of_several_tutors_come_by_start_with_all_who_have_them() {
        let tutors = [vec![1, 3], vec![], vec![1, 2, 3], vec![3]];
        let tutors = tutors.map(|hours| hours.into_iter().map(slot));
        let merged: Vec<_> = merge(tutors).collect();
        let expected = [
            (slot(1), vec![0, 2]),
            (slot(2), vec![2]),
            (slot(3), vec![0, 2, 3]),
        ];
        assert_eq!(merged, expected);
    }

    #[test]
    fn load_counts_against_and_lessons_together_count_for_a_tutor() {
        let weights = Weights {
            load: 1,
            continuity: 2,
        };
        let rank = |hours, lessons_together| {
            let load = TimeDelta::hours(hours);
            weights.rank(Standing {
                load,
                lessons_together,
            })
        };
        assert!(rank(1, 0) < rank(2, 0));
        assert!(rank(1, 1) < rank(1, 0));
        assert_eq!(rank(2, 1), rank(0, 0));
        assert_eq!(rank(0, MOST_LESSONS_TOGETHER), rank(0, u32::MAX));
    }

    #[test]
    fn who_takes_over_more_of_a_students_lessons_comes_first_whatever_the_load() {
        let weights = Weights {
            load: 1,
            continuity: 2,
        };
        let rank = |lessons, hours, lessons_together| {
            let load = TimeDelta::hours(hours);
            let standing = Standing {
                load,
                lessons_together,
            };
            weights.rank_substitute(lessons, standing)
        };
        assert!(rank(2, 40, 0) < rank(1, 0, 9));
        assert!(rank(2, 1, 0) < rank(2, 2, 0));
        assert!(rank(2, 2, 1) < rank(2, 2, 0));
    }
}
