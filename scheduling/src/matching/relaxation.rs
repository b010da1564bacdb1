//! How good an answer could be at most.
//!
//! The relaxation forgets that a wish is filled once, that limits hold and that a student can't be in two places, and
//! asks a price for each instead. Any prices give a bound; good prices give a good one.

use std::collections::HashMap;

use super::Problem;

/// A tutor's candidates, by their ends.
struct Lane {
    places: Vec<usize>,
    /// For each, how many end before it begins.
    before: Vec<usize>,
}

impl Lane {
    fn new(problem: &Problem, mut places: Vec<usize>) -> Self {
        let span = |place: usize| problem.candidates[place].tutor.1;
        places.sort_by_key(|place| span(*place).end());
        let ends_before = |place: &usize| {
            let start = span(*place).start();
            places.partition_point(|other| span(*other).end() <= start)
        };
        Self {
            before: places.iter().map(ends_before).collect(),
            places,
        }
    }

    /// Adds the candidates that are worth most together and do not overlap to `picked`; what they are worth.
    fn pick(
        &self,
        worth: impl Fn(usize) -> f64,
        picked: &mut Vec<usize>,
        sums: &mut Vec<f64>,
    ) -> f64 {
        sums.clear();
        sums.push(0.0);
        for (at, (place, before)) in std::iter::zip(&self.places, &self.before).enumerate() {
            let with = sums[*before] + worth(*place);
            sums.push(with.max(sums[at]));
        }
        let mut at = self.places.len();
        while at > 0 {
            if sums[at] > sums[at - 1] {
                picked.push(self.places[at - 1]);
                at = self.before[at - 1];
            } else {
                at -= 1;
            }
        }
        sums[self.places.len()]
    }
}

/// What the bound is on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Goal {
    /// How many wishes are filled, at most.
    Filled,
    /// What it costs to fill so many, at least.
    Cost { filled: u32 },
}

pub(super) struct Relaxation {
    lanes: Vec<Lane>,
    costs: Vec<f64>,
    /// How much there is of each thing with a price.
    room: Vec<f64>,
    /// The things that each candidate takes, first its wish, and how much of them: one at most.
    takes: Vec<Vec<(usize, f64)>>,
}

/// What each thing costs, and what a filled wish is worth.
#[derive(Clone, Debug)]
pub(super) struct Prices {
    of: Vec<f64>,
    worth: f64,
}

/// What the tutors would choose at some prices.
pub(super) struct Choice {
    /// The bound that follows: at least the best number of filled wishes, or at least minus the least cost.
    pub bound: f64,
    pub picked: Vec<usize>,
}

impl Relaxation {
    pub fn new(problem: &Problem) -> Self {
        let mut room = vec![1.0; problem.wishes];
        let units = units(problem);
        let limits = std::iter::zip(&problem.limits, &units);
        room.extend(limits.map(|(limit, unit)| f64::from(*limit) / unit));
        let mut takes: Vec<Vec<(usize, f64)>> = Vec::with_capacity(problem.candidates.len());
        let mut lanes: Vec<Vec<usize>> = Vec::new();
        for (place, candidate) in problem.candidates.iter().enumerate() {
            let limits = candidate.limits.iter();
            let limits = limits.map(|(limit, takes)| {
                let of_unit = f64::from(*takes) / units[*limit];
                (problem.wishes + limit, of_unit)
            });
            let wish = (candidate.wish, 1.0);
            takes.push(std::iter::once(wish).chain(limits).collect());
            if lanes.len() <= candidate.tutor.0 {
                lanes.resize_with(candidate.tutor.0 + 1, Vec::new);
            }
            lanes[candidate.tutor.0].push(place);
        }
        add_students(problem, &mut room, &mut takes);
        lanes.retain(|lane| !lane.is_empty());
        Self {
            lanes: lanes
                .into_iter()
                .map(|places| Lane::new(problem, places))
                .collect(),
            costs: problem
                .candidates
                .iter()
                .map(|candidate| candidate.cost.into())
                .collect(),
            room,
            takes,
        }
    }

    /// Prices to begin with: no wish is worth more than them.
    pub fn first_prices(&self, goal: Goal, wishes: usize) -> Prices {
        let mut of = vec![0.0; self.room.len()];
        if goal == Goal::Filled {
            of[..wishes].fill(1.0);
            return Prices { of, worth: 1.0 };
        }
        let worth = self.scale(goal);
        let mut cheapest = vec![worth; wishes];
        for (takes, cost) in std::iter::zip(&self.takes, &self.costs) {
            let wish = takes[0].0;
            cheapest[wish] = cost.min(cheapest[wish]);
        }
        for (price, cheapest) in std::iter::zip(&mut of, cheapest) {
            *price = worth - cheapest;
        }
        Prices { of, worth }
    }

    /// About how much prices can differ.
    pub fn scale(&self, goal: Goal) -> f64 {
        match goal {
            Goal::Filled => 1.0,
            Goal::Cost { .. } => 1.0 + self.costs.iter().copied().fold(0.0, f64::max),
        }
    }

    /// What a candidate gains at these prices.
    fn gain(&self, goal: Goal, prices: &Prices, place: usize) -> f64 {
        let takes = self.takes[place].iter();
        let price: f64 = takes.map(|(thing, much)| prices.of[*thing] * much).sum();
        match goal {
            Goal::Filled => 1.0 - price,
            Goal::Cost { .. } => prices.worth - self.costs[place] - price,
        }
    }

    /// What the tutors choose, of what is open, at these prices.
    pub fn choose(&self, goal: Goal, prices: &Prices, open: &[bool]) -> Choice {
        let gain = |place| {
            if open[place] {
                self.gain(goal, prices, place)
            } else {
                -1.0
            }
        };
        let (mut picked, mut sums) = (Vec::new(), Vec::new());
        let lanes = self.lanes.iter();
        let gained: f64 = lanes
            .map(|lane| lane.pick(gain, &mut picked, &mut sums))
            .sum();
        let paid = std::iter::zip(&prices.of, &self.room).map(|(price, room)| price * room);
        let bound = gained + paid.sum::<f64>();
        let bound = match goal {
            Goal::Filled => bound,
            Goal::Cost { filled } => bound - prices.worth * f64::from(filled),
        };
        Choice { bound, picked }
    }

    /// Moves the prices by `step`: each tutor chooses, and what they take gets dearer for those who come after; then
    /// everything gets cheaper by as much as if all of it had been taken once (an incremental subgradient).
    pub fn sweep(&self, goal: Goal, prices: &mut Prices, open: &[bool], step: f64) {
        let (mut picked, mut sums) = (Vec::new(), Vec::new());
        let mut all = 0;
        for lane in &self.lanes {
            picked.clear();
            let gain = |place| {
                if open[place] {
                    self.gain(goal, prices, place)
                } else {
                    -1.0
                }
            };
            lane.pick(gain, &mut picked, &mut sums);
            for (thing, much) in picked.iter().flat_map(|place| &self.takes[*place]) {
                prices.of[*thing] += step * much;
            }
            all += picked.len();
        }
        for (price, room) in std::iter::zip(&mut prices.of, &self.room) {
            *price = (*price - step * room).max(0.0);
        }
        if let Goal::Cost { filled } = goal {
            let over = count(all) - f64::from(filled);
            prices.worth -= step * over / count(self.lanes.len());
        }
    }
}

impl Prices {
    /// Moves towards others: their mean over time is steadier than they are.
    pub fn approach(&mut self, others: &Self, share: f64) {
        let toward = |price: &mut f64, other: f64| *price += share * (other - *price);
        for (price, other) in std::iter::zip(&mut self.of, &others.of) {
            toward(price, *other);
        }
        toward(&mut self.worth, others.worth);
    }
}

/// The most that a candidate takes of each limit: in such units prices of minutes and of lessons move alike.
fn units(problem: &Problem) -> Vec<f64> {
    let mut units = vec![1_u32; problem.limits.len()];
    for (limit, takes) in problem.candidates.iter().flat_map(|it| &it.limits) {
        units[*limit] = units[*limit].max(*takes);
    }
    units.into_iter().map(f64::from).collect()
}

fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::MAX, f64::from)
}

/// Of what a student could do at one moment, one thing can be chosen. Only where there are several wishes to choose from.
fn add_students(problem: &Problem, room: &mut Vec<f64>, takes: &mut [Vec<(usize, f64)>]) {
    let mut students: HashMap<usize, Vec<usize>> = HashMap::new();
    for (place, candidate) in problem.candidates.iter().enumerate() {
        let of_student = students.entry(candidate.student.0).or_default();
        of_student.push(place);
    }
    let mut students: Vec<_> = students.into_iter().collect();
    students.sort_unstable();
    for (_, places) in students {
        let candidate = |place: &usize| &problem.candidates[*place];
        let wish = candidate(&places[0]).wish;
        if places.iter().all(|place| candidate(place).wish == wish) {
            continue;
        }
        // Whatever overlaps does so when one of it begins.
        let starts = places
            .iter()
            .map(|place| candidate(place).student.1.start());
        let mut starts: Vec<_> = starts.collect();
        starts.sort_unstable();
        starts.dedup();
        let first = room.len();
        room.resize(first + starts.len(), 1.0);
        for place in places {
            let span = candidate(&place).student.1;
            let from = starts.partition_point(|start| *start < span.start());
            let until = starts.partition_point(|start| *start < span.end());
            takes[place].extend((first + from..first + until).map(|moment| (moment, 1.0)));
        }
    }
}
