//! A choice of candidates that can stand together, and chains of moves that improve it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::search::Effort;
use super::{Candidate, Problem};
use crate::interval::Span;

/// The candidates of each wish, the cheapest first.
pub(super) struct Wishes(Vec<Vec<usize>>);

impl Wishes {
    pub fn of(problem: &Problem) -> Self {
        let mut wishes = vec![Vec::new(); problem.wishes];
        for (place, candidate) in problem.candidates.iter().enumerate() {
            wishes[candidate.wish].push(place);
        }
        for candidates in &mut wishes {
            candidates.sort_by_key(|place| problem.candidates[*place].cost);
        }
        Self(wishes)
    }

    pub fn of_wish(&self, wish: usize) -> &[usize] {
        &self.0[wish]
    }
}

/// What a plan comes to.
#[derive(Clone, Debug)]
pub(super) struct Best {
    pub chosen: Vec<Option<usize>>,
    pub filled: u32,
    pub cost: u64,
}

impl Best {
    pub fn is_better_than(&self, other: &Self) -> bool {
        (other.filled, self.cost) < (self.filled, other.cost)
    }
}

/// When somebody has something: by its start, its end and the wish that it fills.
type Busy = BTreeMap<DateTime<Utc>, (DateTime<Utc>, usize)>;

/// How many others may have to move at a time.
const MOST_MOVED: usize = 2;

const AT_ANY_COST: i64 = i64::MAX / 2;

/// How long a chain of moves may be.
const LONGEST_CHAIN: u32 = 40;
const SHORT_CHAIN: u32 = 3;

pub(super) struct Plan<'a> {
    problem: &'a Problem,
    wishes: &'a Wishes,
    chosen: Vec<Option<usize>>,
    busy: Vec<Busy>,
    /// The wishes filled under each limit, and how much each takes of it.
    under: Vec<Vec<(usize, u32)>>,
    /// How much is left of each limit.
    left: Vec<u32>,
    /// What each change replaced, so that it can be undone.
    trail: Vec<(usize, Option<usize>)>,
}

impl<'a> Plan<'a> {
    pub fn new(problem: &'a Problem, wishes: &'a Wishes) -> Self {
        let people = problem.candidates.iter();
        let people = people.map(|it| it.tutor.0.max(it.student.0) + 1).max();
        Self {
            problem,
            wishes,
            chosen: vec![None; problem.wishes],
            busy: vec![Busy::new(); people.unwrap_or(0)],
            under: vec![Vec::new(); problem.limits.len()],
            left: problem.limits.clone(),
            trail: Vec::new(),
        }
    }

    pub fn of(problem: &'a Problem, wishes: &'a Wishes, chosen: &[Option<usize>]) -> Self {
        let mut plan = Self::new(problem, wishes);
        plan.add(chosen.iter().flatten().copied());
        plan
    }

    /// Chooses those of some candidates, in order, that still can be.
    pub fn add(&mut self, candidates: impl IntoIterator<Item = usize>) {
        for place in candidates {
            let wish = self.problem.candidates[place].wish;
            if self.chosen[wish].is_none() && self.is_free(place) {
                self.set(wish, Some(place));
            }
        }
    }

    /// Gives each wish that is not filled the cheapest candidate that is free.
    pub fn fill_free(&mut self) {
        for wish in 0..self.problem.wishes {
            self.add(self.wishes.of_wish(wish).iter().copied());
        }
    }

    pub fn best(&self) -> Best {
        let chosen = || self.chosen.iter().flatten();
        let costs = chosen().map(|place| u64::from(self.problem.candidates[*place].cost));
        Best {
            cost: costs.sum(),
            filled: u32::try_from(chosen().count()).unwrap_or(u32::MAX),
            chosen: self.chosen.clone(),
        }
    }

    /// Fills wishes by moving others, then moves wishes to what costs less.
    pub fn improve(&mut self, effort: &mut Effort) {
        for wish in 0..self.problem.wishes {
            if self.chosen[wish].is_none() {
                let mut seen = vec![false; self.problem.wishes];
                self.place_within(wish, AT_ANY_COST, &mut seen, LONGEST_CHAIN, effort);
            }
        }
        while self.cheapen(effort) && effort.is_left() {}
    }

    /// Fills a wish in this way, whoever is in the way, and then again those who were, as far as that goes.
    pub fn force(&mut self, place: usize, effort: &mut Effort) {
        let wish = self.problem.candidates[place].wish;
        self.set(wish, None);
        let mut moved = self.blockers(place);
        for wish in &moved {
            self.set(*wish, None);
        }
        if !self.is_free(place) {
            return;
        }
        self.set(wish, Some(place));
        moved.sort_by_key(|wish| self.wishes.of_wish(*wish).len());
        let mut kept = vec![false; self.problem.wishes];
        kept[wish] = true;
        for wish in moved {
            let mut seen = kept.clone();
            self.place_within(wish, AT_ANY_COST, &mut seen, SHORT_CHAIN, effort);
        }
    }

    /// The wishes that are not filled.
    pub fn unfilled(&self) -> Vec<usize> {
        let wishes = 0..self.problem.wishes;
        wishes.filter(|wish| self.chosen[*wish].is_none()).collect()
    }

    /// Candidates that are cheaper than what is chosen for their wish; all, where nothing is.
    pub fn cheaper(&self, wish: usize) -> &'a [usize] {
        let candidates = self.wishes.of_wish(wish);
        let Some(chosen) = self.chosen[wish] else {
            return candidates;
        };
        let now = self.cost(chosen);
        &candidates[..candidates.partition_point(|place| self.cost(*place) < now)]
    }

    /// How many wishes are filled, and what that costs.
    pub fn value(&self) -> (usize, i64) {
        let chosen = || self.chosen.iter().flatten();
        (
            chosen().count(),
            chosen().map(|place| self.cost(*place)).sum(),
        )
    }

    pub fn wishes(&self) -> usize {
        self.problem.wishes
    }

    /// Fills a wish if few have to move.
    pub fn fill_nearby(&mut self, wish: usize, effort: &mut Effort) {
        let mut seen = vec![false; self.problem.wishes];
        self.place_within(wish, AT_ANY_COST, &mut seen, SHORT_CHAIN, effort);
    }

    pub fn mark(&self) -> usize {
        self.trail.len()
    }

    /// Whether any wish could be moved to something cheaper on the whole.
    fn cheapen(&mut self, effort: &mut Effort) -> bool {
        let mut any = false;
        for wish in 0..self.problem.wishes {
            let Some(place) = self.chosen[wish] else {
                continue;
            };
            let (cheapest, now) = (self.wishes.of_wish(wish)[0], self.cost(place));
            if self.cost(cheapest) == now {
                continue;
            }
            let mark = self.trail.len();
            self.set(wish, None);
            let mut seen = vec![false; self.problem.wishes];
            let moved = self.place_within(wish, now - 1, &mut seen, LONGEST_CHAIN, effort);
            match moved {
                Some(_) => any = true,
                None => self.undo(mark),
            }
        }
        any
    }

    /// Fills a wish, if that and all the moves that it takes cost no more than `limit`; what it does cost. Each other
    /// wish is moved at most once.
    fn place_within(
        &mut self,
        wish: usize,
        limit: i64,
        seen: &mut [bool],
        chain: u32,
        effort: &mut Effort,
    ) -> Option<i64> {
        seen[wish] = true;
        let wishes = self.wishes;
        let affordable = |place: &&usize| self.cost(**place) <= limit;
        let candidates = wishes.of_wish(wish);
        let candidates = &candidates[..candidates.iter().take_while(affordable).count()];
        effort.spend(candidates.len());
        let free = candidates.iter().find(|place| self.is_free(**place));
        if let Some(place) = free {
            self.set(wish, Some(*place));
            return Some(self.cost(*place));
        }
        if chain == 0 {
            return None;
        }
        for place in candidates {
            if !effort.spend(1) {
                return None;
            }
            let cost = self.displace(*place, limit, seen, chain - 1, effort);
            if cost.is_some() {
                return cost;
            }
        }
        None
    }

    /// Chooses a candidate and moves those in its way, if that costs no more than `limit`; what it does cost.
    fn displace(
        &mut self,
        place: usize,
        limit: i64,
        seen: &mut [bool],
        chain: u32,
        effort: &mut Effort,
    ) -> Option<i64> {
        let blockers = self.blockers(place);
        if blockers.len() > MOST_MOVED || blockers.iter().any(|wish| seen[*wish]) {
            return None;
        }
        let mark = self.trail.len();
        let before = |wish: &usize| self.chosen[*wish].map_or(0, |place| self.cost(place));
        let before: Vec<i64> = blockers.iter().map(before).collect();
        for wish in &blockers {
            self.set(*wish, None);
        }
        self.set(self.problem.candidates[place].wish, Some(place));
        let mut cost = self.cost(place);
        for (wish, before) in std::iter::zip(&blockers, before) {
            let limit = limit - cost + before;
            let Some(moved) = self.place_within(*wish, limit, seen, chain, effort) else {
                self.undo(mark);
                return None;
            };
            cost += moved - before;
        }
        Some(cost)
    }

    fn cost(&self, place: usize) -> i64 {
        self.problem.candidates[place].cost.into()
    }

    fn is_free(&self, place: usize) -> bool {
        let candidate = &self.problem.candidates[place];
        let mut times = times(candidate);
        times.all(|(person, span)| self.busy_in(person, span).next().is_none())
            && candidate
                .limits
                .iter()
                .all(|(limit, takes)| *takes <= self.left[*limit])
    }

    /// The wishes that can't stay as they are if this candidate is chosen.
    fn blockers(&self, place: usize) -> Vec<usize> {
        let candidate = &self.problem.candidates[place];
        let mut blockers = Vec::new();
        for (person, span) in times(candidate) {
            blockers.extend(self.busy_in(person, span));
        }
        blockers.sort_unstable();
        blockers.dedup();
        for (limit, takes) in &candidate.limits {
            let under = &self.under[*limit];
            let (going, staying): (Vec<_>, Vec<_>) =
                under.iter().partition(|(wish, _)| blockers.contains(wish));
            let freed: u32 = going.iter().map(|(_, takes)| takes).sum();
            let mut left = self.left[*limit] + freed;
            // Who came last goes first.
            for (wish, freed) in staying.iter().rev() {
                if left >= *takes {
                    break;
                }
                blockers.push(*wish);
                left += freed;
            }
        }
        blockers
    }

    /// What somebody has in a span, the latest first.
    fn busy_in(&self, person: usize, span: Span) -> impl Iterator<Item = usize> {
        let earlier = self.busy[person].range(..span.end()).rev();
        earlier
            .map(|(_, busy)| *busy)
            .take_while(move |(end, _)| span.start() < *end)
            .map(|(_, wish)| wish)
    }

    fn set(&mut self, wish: usize, place: Option<usize>) {
        let before = self.put(wish, place);
        self.trail.push((wish, before));
    }

    /// Takes back all changes since a mark.
    pub fn undo(&mut self, mark: usize) {
        for (wish, before) in self.trail.split_off(mark).into_iter().rev() {
            self.put(wish, before);
        }
    }

    fn put(&mut self, wish: usize, place: Option<usize>) -> Option<usize> {
        let before = std::mem::replace(&mut self.chosen[wish], place);
        if let Some(old) = before {
            let old = &self.problem.candidates[old];
            for (person, span) in times(old) {
                self.busy[person].remove(&span.start());
            }
            for (limit, takes) in &old.limits {
                self.under[*limit].retain(|(under, _)| *under != wish);
                self.left[*limit] += takes;
            }
        }
        if let Some(new) = place {
            let new = &self.problem.candidates[new];
            for (person, span) in times(new) {
                self.busy[person].insert(span.start(), (span.end(), wish));
            }
            for (limit, takes) in &new.limits {
                self.under[*limit].push((wish, *takes));
                self.left[*limit] -= takes;
            }
        }
        before
    }
}

/// Whose time a candidate takes, and when.
pub(super) fn times(candidate: &Candidate) -> impl Iterator<Item = (usize, Span)> {
    [candidate.tutor, candidate.student].into_iter()
}
