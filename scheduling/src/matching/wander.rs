//! Changes of a plan at random places, of which those stay that do no harm.

use super::plan::{Best, Plan};
use super::search::Effort;

/// A plan on its way.
pub(super) struct Wander<'a> {
    plan: Plan<'a>,
    /// The most that were filled, and the least that this cost.
    best: (usize, i64),
    random: SplitMix,
}

/// How much effort one step may take.
const STEP: u64 = 20_000;

/// What costs less than a share of so much more than the best is as good to go on from (Dueck 1993).
const NEAR: i64 = 100;

impl<'a> Wander<'a> {
    pub fn new(plan: Plan<'a>) -> Self {
        Self {
            best: plan.value(),
            plan,
            random: SplitMix(0),
        }
    }

    /// Fills a wish that is not filled, or more cheaply one that is, at the expense of others who move. Where only
    /// `to_fill` counts, that may cost what it will. The plan, if it is better now.
    pub fn step(&mut self, to_fill: bool, effort: &mut Effort) -> Option<Best> {
        effort.spend(100);
        let place = self.anywhere(to_fill)?;
        let mark = self.plan.mark();
        let (filled, cost) = self.plan.value();
        effort.with_at_most(STEP, |effort| {
            self.plan.force(place, effort);
            for wish in self.plan.unfilled() {
                self.plan.fill_nearby(wish, effort);
            }
        });
        let (now, costs) = self.plan.value();
        let (most, least) = self.best;
        let near = least + least / NEAR;
        let is_near = now > filled || (now == filled && (to_fill || costs <= near.max(cost)));
        if !is_near {
            self.plan.undo(mark);
            return None;
        }
        if now < most || (now == most && costs >= least) {
            return None;
        }
        self.best = (now, costs);
        Some(self.plan.best())
    }

    fn anywhere(&mut self, to_fill: bool) -> Option<usize> {
        let unfilled = self.plan.unfilled();
        let wish = if to_fill && !unfilled.is_empty() {
            unfilled[self.random.below(unfilled.len())]
        } else {
            self.random.below(self.plan.wishes())
        };
        let candidates = self.plan.cheaper(wish);
        (!candidates.is_empty()).then(|| candidates[self.random.below(candidates.len())])
    }
}

/// Numbers that look random and are always the same (Steele, Lea and Flood 2014).
struct SplitMix(u64);

impl SplitMix {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let below = (u128::from(mixed ^ (mixed >> 31)) * end as u128) >> 64;
        usize::try_from(below).unwrap_or(0)
    }
}
