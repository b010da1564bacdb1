//! Which of many wishes for lessons are filled, by whom and when.
//!
//! Each wish has candidates: a tutor, a time, a cost. Of each wish at most one is chosen, and what
//! is chosen overlaps neither in a tutor's time nor in a student's and keeps to limits such as
//! the caps of tutors and the quotas of students. First as many wishes as possible are filled; then, of all ways to fill so many, the
//! one of the least total cost is sought.
//!
//! # How it is solved
//!
//! Candidates differ in length and overlap, so this is no bipartite matching but a packing
//! problem, NP-hard in general. Yet what one tutor can teach is easy: without the other tutors it
//! is weighted interval scheduling. So
//!
//! * *Parts* that share nobody's time are solved one by one;
//! * *A plan* begins with first come, first served, and is improved by chains: a wish takes
//!   a time, and whoever had it moves;
//! * *The relaxation* says how much better it could be at most: everything but the
//!   tutors' time is priced (Lagrangian relaxation), each tutor is solved exactly at these prices,
//!   and the prices follow a subgradient. Hours are an interval matrix, which is totally
//!   unimodular, so this bound is as good as that of the linear program. What the tutors would
//!   choose is where the next plans begin;
//! * *The search* branches where plan and bound still differ and there are few candidates; where
//!   there are many, it changes the best plan at random places, as long as there is effort left.
//!
//! Effort is counted rather than timed: the same problem with the same effort has the same answer.

mod parts;
mod plan;
mod relaxation;
mod search;
mod wander;

use crate::interval::Span;

/// A way to fill a wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The place of the wish among all.
    pub wish: usize,
    /// Who teaches, and the time that it takes of them: the break that they need after the lesson
    /// is part of it.
    pub tutor: (usize, Span),
    /// Who learns, who is somebody else, and the time that it takes of them.
    pub student: (usize, Span),
    /// The places, in [`Problem::limits`], of the limits under which it falls, and how much it takes of each.
    pub limits: Vec<(usize, u32)>,
    /// The less the better.
    pub cost: u32,
}

impl Candidate {
    /// How much it takes of a limit.
    fn takes(&self, limit: usize) -> u32 {
        let its = self.limits.iter().find(|its| its.0 == limit);
        its.map_or(0, |(_, takes)| *takes)
    }
}

/// What is wanted and what is possible. People are numbered; one who both teaches and learns has
/// one number, and one time.
#[derive(Clone, Debug, Default)]
pub struct Problem {
    /// How many wishes there are.
    pub wishes: usize,
    /// How much all that is chosen may take of each limit: lessons, say, or minutes.
    pub limits: Vec<u32>,
    /// Of equal ones, those that stand first are preferred.
    pub candidates: Vec<Candidate>,
}

impl Problem {
    /// Whether a candidate could be chosen if nothing else was.
    pub fn can_stand(&self, candidate: &Candidate) -> bool {
        let mut limits = candidate.limits.iter();
        limits.all(|(limit, takes)| *takes <= self.limits[*limit])
    }
}

/// An answer to a [`Problem`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matching {
    /// The candidate that is chosen for each wish.
    pub chosen: Vec<Option<usize>>,
    /// How many wishes are filled.
    pub filled: u32,
    /// No answer fills more.
    pub most: u32,
    /// The sum of the costs of what is chosen.
    pub cost: u64,
    /// No answer that fills as many costs less; 0 unless `filled` is `most`.
    pub least_cost: u64,
}

/// Seeks the best answer until it is proven, `effort` is used up, or `stop` says so. A unit of effort is a look at a
/// candidate: some ten million of them are a second.
pub fn solve(problem: &Problem, effort: u64, stop: &dyn Fn() -> bool) -> Matching {
    let mut whole = Matching {
        chosen: vec![None; problem.wishes],
        filled: 0,
        most: 0,
        cost: 0,
        least_cost: 0,
    };
    let parts = parts::split(problem);
    let mut unsolved: usize = parts.iter().map(|part| part.problem.candidates.len()).sum();
    let mut effort = search::Effort::new(effort, stop);
    for part in parts {
        let size = part.problem.candidates.len();
        let solved = search::solve(&part.problem, &mut effort.share(size, unsolved));
        unsolved -= size;
        whole.filled += solved.filled;
        whole.most += solved.most;
        whole.cost += solved.cost;
        whole.least_cost += solved.least_cost;
        for place in solved.chosen.into_iter().flatten() {
            let candidate = part.places[place];
            whole.chosen[problem.candidates[candidate].wish] = Some(candidate);
        }
    }
    if whole.filled < whole.most {
        whole.least_cost = 0;
    }
    whole
}

/// First come, first served: each wish, in order, takes the cheapest candidate that is still free.
pub fn first_come(problem: &Problem) -> Matching {
    let wishes = plan::Wishes::of(problem);
    let mut plan = plan::Plan::new(problem, &wishes);
    plan.fill_free();
    let best = plan.best();
    Matching {
        most: best.filled,
        least_cost: 0,
        chosen: best.chosen,
        filled: best.filled,
        cost: best.cost,
    }
}
