//! Plans and bounds by turns, and branches where they differ.

use super::plan::{Best, Plan, Wishes, times};
use super::relaxation::{Choice, Goal, Prices, Relaxation};
use super::wander::Wander;
use super::{Matching, Problem};

/// How much may still be done.
pub(super) struct Effort<'a> {
    left: u64,
    stop: &'a dyn Fn() -> bool,
    until_asked: u64,
    stopped: bool,
}

/// How much is done before it is asked again whether to stop.
const BETWEEN_QUESTIONS: u64 = 100_000;

impl<'a> Effort<'a> {
    pub fn new(left: u64, stop: &'a dyn Fn() -> bool) -> Self {
        Self {
            left,
            stop,
            until_asked: BETWEEN_QUESTIONS,
            stopped: false,
        }
    }

    /// Takes the share of `size` out of `whole` of what is left.
    pub fn share(&mut self, size: usize, whole: usize) -> Self {
        let (size, whole) = (size as u128, whole.max(1) as u128);
        let share = u128::from(self.left) * size / whole;
        let share = u64::try_from(share).unwrap_or(self.left).min(self.left);
        self.left -= share;
        Self::new(share, self.stop)
    }

    /// Does something with so much of what is left at most.
    pub fn with_at_most<T>(&mut self, most: u64, work: impl FnOnce(&mut Self) -> T) -> T {
        let kept = self.left.saturating_sub(most);
        self.left -= kept;
        let done = work(self);
        self.left += kept;
        done
    }

    /// Whether there was as much left.
    pub fn spend(&mut self, units: usize) -> bool {
        let units = units as u64;
        self.left = self.left.saturating_sub(units);
        self.until_asked = self.until_asked.saturating_sub(units);
        if self.until_asked == 0 {
            self.until_asked = BETWEEN_QUESTIONS;
            self.stopped |= (self.stop)();
        }
        self.is_left()
    }

    pub fn is_left(&self) -> bool {
        self.left > 0 && !self.stopped
    }
}

/// How often prices are followed at the root, and at each branch.
const ROUNDS: u32 = 400;
const ROUNDS_OF_BRANCH: u32 = 40;

/// So often, a bound is taken, and the tutors' choice is made into a plan.
const BETWEEN_BOUNDS: u32 = 5;
const BETWEEN_PLANS: u32 = 20;

/// The first step of the prices, as a share of what they can be, and how much shorter the last one is.
const FIRST_STEP: f64 = 0.1;
const LAST_STEP: f64 = 0.01;

/// A plan is improved for as long as it takes to look at every candidate so often.
const CHAINS: u64 = 20;

/// Branches are tried where there are no more candidates: elsewhere there are too many.
const MOST_BRANCHED: usize = 1000;

/// What rounding may do to a bound.
const TOLERANCE: f64 = 1e-5;

/// Solves a part.
pub(super) fn solve(problem: &Problem, effort: &mut Effort) -> Matching {
    let wishes = Wishes::of(problem);
    let relaxation = Relaxation::new(problem);
    let mut plan = Plan::new(problem, &wishes);
    plan.fill_free();
    let mut search = Search {
        problem,
        wishes: &wishes,
        relaxation: &relaxation,
        best: plan.best(),
    };
    let size = problem.candidates.len() as u64;
    effort.with_at_most(CHAINS * size, |effort| plan.improve(effort));
    search.keep(plan.best());
    let root = Node {
        open: vec![true; problem.candidates.len()],
        fixed: Vec::new(),
        filled: relaxation.first_prices(Goal::Filled, problem.wishes),
        cost: None,
    };
    let bound = search.root(root, effort);
    let Best {
        chosen,
        filled,
        cost,
    } = search.best;
    let most = bound.most.max(filled);
    let is_most = most == filled;
    Matching {
        chosen,
        filled,
        most,
        cost,
        least_cost: if is_most {
            bound.least_cost.min(cost)
        } else {
            0
        },
    }
}

/// What is still open, and prices to begin with.
#[derive(Clone)]
struct Node {
    open: Vec<bool>,
    /// Candidates that are chosen; of their wishes nothing else is open.
    fixed: Vec<usize>,
    filled: Prices,
    cost: Option<Prices>,
}

/// No answer fills more; no answer that fills as many as the best one known costs less.
#[derive(Clone, Copy)]
struct Bound {
    most: u32,
    least_cost: u64,
}

struct Search<'a> {
    problem: &'a Problem,
    wishes: &'a Wishes,
    relaxation: &'a Relaxation,
    best: Best,
}

impl Search<'_> {
    fn keep(&mut self, found: Best) {
        if found.is_better_than(&self.best) {
            self.best = found;
        }
    }

    fn is_beaten(&self, bound: Bound) -> bool {
        let Best { filled, cost, .. } = self.best;
        bound.most < filled || (bound.most == filled && bound.least_cost >= cost)
    }

    /// Seeks the best answer of all; a bound on it.
    fn root(&mut self, mut node: Node, effort: &mut Effort) -> Bound {
        let mut bound = self.bound(&mut node, ROUNDS, effort);
        if self.problem.candidates.len() <= MOST_BRANCHED {
            let some = effort.left / 10;
            effort.with_at_most(some, |effort| self.wander(bound, effort));
            return self.explore(node, ROUNDS_OF_BRANCH, effort);
        }
        if bound.most > self.best.filled {
            let half = effort.left / 2;
            effort.with_at_most(half, |effort| self.wander(bound, effort));
            if bound.most == self.best.filled {
                bound = self.bound(&mut node, ROUNDS, effort);
            }
        }
        let cost = Bound {
            most: self.best.filled,
            ..bound
        };
        self.wander(cost, effort);
        bound
    }

    /// Changes the best plan here and there, for as long as it could be better.
    fn wander(&mut self, bound: Bound, effort: &mut Effort) {
        let mut plan = Plan::of(self.problem, self.wishes, &self.best.chosen);
        let size = self.problem.candidates.len() as u64;
        effort.with_at_most(CHAINS * size, |effort| plan.improve(effort));
        self.keep(plan.best());
        let mut wander = Wander::new(plan);
        while !self.is_beaten(bound) && effort.is_left() {
            let found = wander.step(bound.most > self.best.filled, effort);
            if let Some(found) = found {
                self.keep(found);
            }
        }
    }

    /// Seeks the best answer among what is open; a bound on it.
    fn explore(&mut self, mut node: Node, rounds: u32, effort: &mut Effort) -> Bound {
        let bound = self.bound(&mut node, rounds, effort);
        if self.is_beaten(bound) || !effort.is_left() {
            return bound;
        }
        let Some(wish) = self.undecided(&node) else {
            return self.decided(&node.fixed);
        };
        let mut bounds = Vec::new();
        for branch in self.branches(&node, wish) {
            bounds.push(self.explore(branch, ROUNDS_OF_BRANCH, effort));
            if !effort.is_left() {
                return bound;
            }
        }
        self.of_all(&bounds)
    }

    /// A wish of which it is still to be decided whether and how it is filled: one with the fewest candidates.
    fn undecided(&self, node: &Node) -> Option<usize> {
        let mut open = vec![0_usize; self.problem.wishes];
        for (place, is_open) in node.open.iter().enumerate() {
            open[self.problem.candidates[place].wish] += usize::from(*is_open);
        }
        for place in &node.fixed {
            open[self.problem.candidates[*place].wish] = 0;
        }
        let undecided = (0..open.len()).filter(|wish| open[*wish] > 0);
        undecided.min_by_key(|wish| open[*wish])
    }

    fn decided(&mut self, fixed: &[usize]) -> Bound {
        let mut plan = Plan::new(self.problem, self.wishes);
        plan.add(fixed.iter().copied());
        let found = plan.best();
        let bound = Bound {
            most: found.filled,
            least_cost: found.cost,
        };
        self.keep(found);
        bound
    }

    /// All ways to fill a wish, the cheapest first, and not to fill it.
    fn branches(&self, node: &Node, wish: usize) -> Vec<Node> {
        let candidates = self.wishes.of_wish(wish).iter();
        let open = candidates.filter(|place| node.open[**place]);
        let filled = open.map(|place| self.fix(node, *place));
        let mut unfilled = node.clone();
        for place in self.wishes.of_wish(wish) {
            unfilled.open[*place] = false;
        }
        filled.chain([unfilled]).collect()
    }

    fn fix(&self, node: &Node, place: usize) -> Node {
        let candidates = &self.problem.candidates;
        let chosen = &candidates[place];
        let mut node = node.clone();
        node.fixed.push(place);
        let left = |limit: usize| {
            let fixed = node
                .fixed
                .iter()
                .map(|place| candidates[*place].takes(limit));
            self.problem.limits[limit].saturating_sub(fixed.sum())
        };
        let left: Vec<(usize, u32)> = chosen.limits.iter().map(|it| (it.0, left(it.0))).collect();
        for (other, open) in node.open.iter_mut().enumerate() {
            let candidate = &candidates[other];
            let clash = candidate.wish == chosen.wish
                || times(candidate).any(|(person, span)| {
                    times(chosen).any(|taken| taken.0 == person && taken.1.overlaps(&span))
                })
                || left
                    .iter()
                    .any(|(limit, left)| candidate.takes(*limit) > *left);
            *open &= !clash || node.fixed.contains(&other);
        }
        node
    }

    /// The bound that follows from those of all branches.
    fn of_all(&self, bounds: &[Bound]) -> Bound {
        let as_many = bounds.iter().filter(|it| it.most >= self.best.filled);
        Bound {
            most: bounds.iter().map(|it| it.most).max().unwrap_or(0),
            least_cost: as_many.map(|it| it.least_cost).min().unwrap_or(u64::MAX),
        }
    }

    /// Follows the prices, first for how many wishes can be filled, then for the cost.
    fn bound(&mut self, node: &mut Node, rounds: u32, effort: &mut Effort) -> Bound {
        let mut most = self.fillable(&node.open);
        if most > self.best.filled {
            let bound = self.descend(node, Goal::Filled, rounds, effort);
            most = most.min(whole(bound));
        }
        if most != self.best.filled {
            let least_cost = if most > self.best.filled { 0 } else { u64::MAX };
            return Bound { most, least_cost };
        }
        let goal = Goal::Cost {
            filled: self.best.filled,
        };
        let bound = self.descend(node, goal, rounds, effort);
        Bound {
            most,
            least_cost: at_least(-bound),
        }
    }

    fn descend(&mut self, node: &mut Node, goal: Goal, rounds: u32, effort: &mut Effort) -> f64 {
        let is_cost = goal != Goal::Filled;
        let mut prices = match (is_cost, &node.cost) {
            (false, _) => node.filled.clone(),
            (true, Some(prices)) => prices.clone(),
            (true, None) => self.relaxation.first_prices(goal, self.problem.wishes),
        };
        let (mut mean, mut best_prices) = (prices.clone(), prices.clone());
        let mut lowest = f64::INFINITY;
        let mut step = self.relaxation.scale(goal) * FIRST_STEP;
        let decay: f64 = LAST_STEP.powf(1.0 / f64::from(rounds));
        for round in 0..rounds {
            if round % BETWEEN_BOUNDS == 0 {
                let choice = self.relaxation.choose(goal, &mean, &node.open);
                effort.spend(self.problem.candidates.len());
                if choice.bound < lowest {
                    lowest = choice.bound;
                    best_prices = mean.clone();
                }
                if round % BETWEEN_PLANS == 0 {
                    self.plan_by(&choice, &node.open, effort);
                }
                if self.is_proven(goal, lowest) || !effort.is_left() {
                    break;
                }
            }
            self.relaxation.sweep(goal, &mut prices, &node.open, step);
            effort.spend(self.problem.candidates.len());
            mean.approach(&prices, 0.1);
            step *= decay;
        }
        if is_cost {
            node.cost = Some(best_prices);
        } else {
            node.filled = best_prices;
        }
        lowest
    }

    /// Whether this proves the best answer known, or speaks of another number of wishes.
    fn is_proven(&self, goal: Goal, lowest: f64) -> bool {
        let Best { filled, cost, .. } = self.best;
        match goal {
            Goal::Filled => whole(lowest) <= filled,
            Goal::Cost { filled: asked } => asked != filled || at_least(-lowest) >= cost,
        }
    }

    /// Makes a plan of what the tutors would choose.
    fn plan_by(&mut self, choice: &Choice, open: &[bool], effort: &mut Effort) {
        let mut picked = choice.picked.clone();
        picked.sort_by_key(|place| (self.problem.candidates[*place].cost, *place));
        let mut plan = Plan::new(self.problem, self.wishes);
        plan.add(picked);
        for wish in 0..self.problem.wishes {
            let candidates = self.wishes.of_wish(wish).iter().copied();
            plan.add(candidates.filter(|place| open[*place]));
        }
        let size = self.problem.candidates.len() as u64;
        effort.with_at_most(CHAINS * size, |effort| plan.improve(effort));
        self.keep(plan.best());
    }

    /// How many wishes have anything open.
    fn fillable(&self, open: &[bool]) -> u32 {
        let has_any = |wish: &usize| self.wishes.of_wish(*wish).iter().any(|place| open[*place]);
        let fillable = (0..self.problem.wishes).filter(has_any).count();
        u32::try_from(fillable).unwrap_or(u32::MAX)
    }
}

/// The greatest whole number that a bound allows.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "casts to integers saturate"
)]
fn whole(bound: f64) -> u32 {
    (bound + TOLERANCE).floor() as u32
}

/// The least whole number that a bound allows.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "casts to integers saturate"
)]
fn at_least(bound: f64) -> u64 {
    (bound - TOLERANCE).ceil() as u64
}
