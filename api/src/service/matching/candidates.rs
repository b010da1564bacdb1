//! What could be booked for each wish.

use super::{
    Wish,
    bounds::{Limits, People},
    quotas::{Places, Quotas},
};
use crate::{
    service::{slot::Times, tutor::Tutor},
    store::cache::OfStudents,
};
use chrono::{DateTime, TimeDelta, Utc};
use scheduling::{
    interval::{Span, subtract, union},
    matching::{Candidate, Problem},
    ranking::{Standing, Weights},
    slots::{Occupancy, Period, room, slots},
};
use std::{
    collections::{BTreeMap, HashMap},
    iter,
    sync::Arc,
};

/// So many tutors are considered for a wish: one half are those who rank best, the other half are others by turns, lest
/// all wishes crowd at the same few.
const MOST_TUTORS_EACH: usize = 60;

/// So many options are considered for a wish.
const MOST_OPTIONS_EACH: usize = 300;

/// All that decides over what could be booked.
pub(super) struct Centre {
    pub times: Times,
    pub of_students: OfStudents,
    pub quotas: Quotas,
    pub weights: Weights,
    /// The window around all windows.
    pub window: Span,
    pub now: DateTime<Utc>,
}

/// A lesson that could be booked.
pub(super) struct Choice {
    pub tutor: Arc<Tutor>,
    pub span: Span,
    pub rank: u32,
}

/// A tutor whom a wish considers, by places.
struct Considered {
    wish: usize,
    tutor: usize,
    rank: u32,
    /// How many tutors come first.
    after: usize,
    /// How many slots of this tutor at most.
    most: usize,
}

impl Centre {
    /// What could be booked for each wish, and what cannot be booked together. Candidates and choices go together.
    pub fn options(&self, wishes: &[Wish]) -> (Problem, Vec<Choice>) {
        let mut considered: Vec<Vec<Considered>> = Vec::new();
        considered.resize_with(self.times.tutors().count(), Vec::new);
        for it in self.considered(wishes) {
            considered[it.tutor].push(it);
        }
        let free: Vec<Vec<Span>> = wishes.iter().map(|wish| self.free(wish)).collect();
        let mut options = Options::new(self, wishes);
        for (of_tutor, considered) in iter::zip(self.times.tutors(), considered) {
            options.add(of_tutor, &considered, &free);
        }
        options.in_order()
    }

    fn slots(&self, tutor: &Tutor, occupancy: &Occupancy, minutes: i16) -> Vec<Span> {
        let length = TimeDelta::minutes(minutes.into());
        let lengths = [length];
        let schedule = self.times.schedule(tutor, occupancy, &lengths);
        slots(&schedule, self.window, length, self.now).collect()
    }

    fn room(&self, tutor: &Tutor, occupancy: &Occupancy, slot: Span) -> Vec<(Period, u32)> {
        room(&self.times.schedule(tutor, occupancy, &[]), slot.start())
    }

    /// The parts of the windows in which the student has nothing else.
    fn free(&self, wish: &Wish) -> Vec<Span> {
        let windows = union(wish.windows.clone());
        match self.of_students.busy.get(&wish.student) {
            Some(busy) => subtract(&windows, &busy.time),
            None => windows,
        }
    }

    /// The tutors for each wish.
    fn considered(&self, wishes: &[Wish]) -> Vec<Considered> {
        let tutors: Vec<(&Arc<Tutor>, &Occupancy)> = self.times.tutors().collect();
        let load = |(_, occupancy): &(_, &Occupancy)| occupancy.taught_in(self.window);
        let loads: Vec<TimeDelta> = tutors.iter().map(load).collect();
        let mut teaching = HashMap::new();
        let mut considered = Vec::new();
        for (number, wish) in wishes.iter().enumerate() {
            let kind = (&wish.subject, &wish.level, wish.minutes);
            let teaching = teaching.entry(kind).or_insert_with(|| {
                let teaches = |place: &usize| is_taught(tutors[*place].0, wish);
                (0..tutors.len()).filter(teaches).collect::<Vec<_>>()
            });
            let able = teaching.iter().copied();
            let able = able.filter(|place| tutors[*place].0.profile.user_id != wish.student);
            let worth = |place: usize| self.worth(wish, tutors[place].0, loads[place]);
            let ranked = ranked(able.map(|place| (worth(place), place)).collect(), number);
            let most = MOST_OPTIONS_EACH / ranked.len().max(1);
            let ranked = ranked.into_iter().enumerate();
            considered.extend(ranked.map(|(after, (rank, tutor))| Considered {
                wish: number,
                tutor,
                rank,
                after,
                most,
            }));
        }
        considered
    }

    /// Where a tutor stands for a wish: the least is the best. Whom the student prefers comes first.
    fn worth(&self, wish: &Wish, tutor: &Tutor, load: TimeDelta) -> (usize, i64) {
        let id = tutor.profile.id;
        let preferred = wish.preferred.iter().position(|preferred| *preferred == id);
        let together = self.of_students.lessons_together.get(&wish.student);
        let standing = Standing {
            load,
            lessons_together: together.and_then(|it| it.get(&id)).copied().unwrap_or(0),
        };
        let place = preferred.unwrap_or(wish.preferred.len());
        (place, self.weights.rank(standing))
    }
}

fn is_taught(tutor: &Tutor, wish: &Wish) -> bool {
    let length = TimeDelta::minutes(wish.minutes.into());
    let lengths = tutor.lengths(Some(&wish.subject), Some(&wish.level));
    lengths.contains(&length)
}

/// The tutors that the wish with this number considers, with their ranks; who are worth the same have the same rank.
fn ranked<W: Ord + Copy>(mut tutors: Vec<(W, usize)>, number: usize) -> Vec<(u32, usize)> {
    tutors.sort_unstable();
    let mut rank = 0;
    let mut last = None;
    let ranked = tutors.into_iter().map(|(worth, tutor)| {
        rank += u32::from(last.replace(worth) != Some(worth));
        (rank, tutor)
    });
    let mut ranked: Vec<_> = ranked.collect();
    // Of those who rank the same, others come first for each wish.
    for same in ranked.chunk_by_mut(|one, other| one.0 == other.0) {
        same.rotate_left(number % same.len());
    }
    if ranked.len() > MOST_TUTORS_EACH {
        let others = ranked.split_off(MOST_TUTORS_EACH / 2);
        let by_turns = by_turns(others.len(), MOST_TUTORS_EACH / 2, number);
        ranked.extend(by_turns.map(|place| others[place]));
    }
    ranked
}

/// So many of `count` places, spread over all of them, and others for each number.
fn by_turns(count: usize, most: usize, number: usize) -> impl Iterator<Item = usize> {
    let most = most.min(count);
    (0..most).map(move |at| (at * count / most + number) % count)
}

/// What is found tutor by tutor.
struct Options<'a> {
    centre: &'a Centre,
    wishes: &'a [Wish],
    limits: Vec<u32>,
    /// With the number of tutors who come first for the wish.
    found: Vec<(usize, Candidate, Choice)>,
    people: People,
    quotas: Places,
}

impl<'a> Options<'a> {
    fn new(centre: &'a Centre, wishes: &'a [Wish]) -> Self {
        let tutors = centre.times.tutors();
        Self {
            centre,
            wishes,
            limits: Vec::new(),
            found: Vec::new(),
            people: People::new(tutors.map(|(tutor, _)| &**tutor)),
            quotas: Places::default(),
        }
    }

    /// What was found, wish by wish, from the tutors who come first for each.
    fn in_order(mut self) -> (Problem, Vec<Choice>) {
        let key = |found: &(usize, Candidate, Choice)| (found.1.wish, found.0, found.2.span);
        self.found.sort_unstable_by_key(key);
        let found = self.found.into_iter();
        let (candidates, choices) = found.map(|(_, one, other)| (one, other)).unzip();
        let problem = Problem {
            wishes: self.wishes.len(),
            limits: self.limits,
            candidates,
        };
        (problem, choices)
    }

    /// Adds what one tutor could teach.
    fn add(
        &mut self,
        (tutor, occupancy): (&Arc<Tutor>, &Occupancy),
        considered: &[Considered],
        free: &[Vec<Span>],
    ) {
        let centre = self.centre;
        let mut slots = BTreeMap::new();
        let mut limits = Limits::default();
        for it in considered {
            let minutes = self.wishes[it.wish].minutes;
            let slots = slots
                .entry(minutes)
                .or_insert_with(|| centre.slots(tutor, occupancy, minutes));
            let fitting = fitting(slots, &free[it.wish]);
            for span in chosen(fitting, it.most, it.wish) {
                let room = || centre.room(tutor, occupancy, span);
                let mut limits = limits.of(span.start(), &mut self.limits, room);
                let student = self.wishes[it.wish].student;
                let quotas = &centre.quotas;
                limits.extend(quotas.of((student, span), &mut self.quotas, &mut self.limits));
                let candidate = Candidate {
                    wish: it.wish,
                    tutor: self.people.takes(tutor.profile.user_id, span),
                    student: self.people.takes(student, span),
                    limits,
                    cost: it.rank,
                };
                let choice = Choice {
                    tutor: Arc::clone(tutor),
                    span,
                    rank: it.rank,
                };
                self.found.push((it.after, candidate, choice));
            }
        }
    }
}

/// The slots, all of one length and by start, that lie in free time.
fn fitting(slots: &[Span], free: &[Span]) -> Vec<Span> {
    let within = |free: &Span| {
        let first = slots.partition_point(|slot| slot.start() < free.start());
        let end = slots.partition_point(|slot| slot.end() <= free.end());
        slots.get(first..end).unwrap_or_default()
    };
    free.iter().flat_map(within).copied().collect()
}

/// At most so many of some slots: first those that follow each other without overlapping, which leave the tutor no gaps,
/// then those between.
fn chosen(slots: Vec<Span>, most: usize, number: usize) -> Vec<Span> {
    if slots.len() <= most {
        return slots;
    }
    let mut known = DateTime::<Utc>::MIN_UTC;
    let (following, between): (Vec<Span>, Vec<Span>) = slots.into_iter().partition(|slot| {
        let follows = known <= slot.start();
        if follows {
            known = slot.end();
        }
        follows
    });
    let first = by_turns(following.len(), most, number).map(|place| following[place]);
    let mut chosen: Vec<Span> = first.collect();
    let rest = by_turns(between.len(), most - chosen.len(), number);
    chosen.extend(rest.map(|place| between[place]));
    chosen.sort_unstable();
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn quarters(starts: impl IntoIterator<Item = i64>) -> Vec<Span> {
        let at = |quarter| DateTime::UNIX_EPOCH + TimeDelta::minutes(15 * quarter);
        let span = |start| Span::lasting(at(start), TimeDelta::hours(1)).expect("an hour");
        starts.into_iter().map(span).collect()
    }

    #[test]
    fn places_by_turns_are_distinct_and_every_place_has_its_turn() {
        for (count, most) in [(1, 1), (7, 3), (100, 30), (5, 9)] {
            let mut all = BTreeSet::new();
            for number in 0..count {
                let places: BTreeSet<_> = by_turns(count, most, number).collect();
                assert_eq!(places.len(), most.min(count));
                all.extend(places);
            }
            assert_eq!(all.len(), count);
        }
        assert_eq!(by_turns(0, 3, 1).count(), 0);
    }

    #[test]
    fn slots_that_leave_no_gaps_come_first() {
        let slots = || quarters(0..13);
        assert_eq!(chosen(slots(), 13, 0), slots());
        assert_eq!(chosen(slots(), 4, 1), quarters([0, 4, 8, 12]));
        let more = chosen(slots(), 6, 0);
        assert_eq!(more.len(), 6);
        assert!(
            quarters([0, 4, 8, 12])
                .iter()
                .all(|slot| more.contains(slot))
        );
    }

    #[test]
    fn slots_fit_with_all_of_their_length() {
        let slots = quarters(0..13);
        let free = [
            slots[3],
            quarters([8, 10])
                .into_iter()
                .reduce(|a, b| Span::new(a.start(), b.end()).expect("a span"))
                .expect("one"),
        ];
        assert_eq!(fitting(&slots, &free), quarters([3, 8, 9, 10]));
    }

    #[test]
    fn who_is_worth_the_same_ranks_the_same_and_wishes_begin_elsewhere() {
        let tutors = || vec![(5, 0), (1, 1), (5, 2), (1, 3)];
        assert_eq!(ranked(tutors(), 0), [(1, 1), (1, 3), (2, 0), (2, 2)]);
        assert_eq!(ranked(tutors(), 1), [(1, 3), (1, 1), (2, 2), (2, 0)]);
        let many = ranked((0..1000).map(|it| (it, it)).collect(), 3);
        assert_eq!(many.len(), MOST_TUTORS_EACH);
        assert_eq!(many[29], (30, 29));
    }
}
