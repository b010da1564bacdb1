//! Those who wait for room, and what they make of what they are offered.

use super::{Fate, REMEMBERED, anybody};
use crate::random_lives::{
    deed::{Deed, Who},
    world::{Cast, TUTORS},
};
use chrono::{DateTime, TimeDelta, Utc};
use rand::{
    Rng,
    seq::{IndexedRandom, IteratorRandom},
};
use serde_json::{Value, json};

impl Fate {
    /// An answer to an offer, or somebody begins to wait, or ends it.
    pub(super) fn of_waiting(
        &mut self,
        cast: &Cast,
        now: DateTime<Utc>,
    ) -> Option<(Vec<Who>, Deed)> {
        if !self.offers.is_empty() && self.rng.random_bool(0.5) {
            return self.of_offers();
        }
        Some(match self.rng.random_range(0..10) {
            0..5 => {
                let recent = self.groups.len().saturating_sub(REMEMBERED / 8);
                let group = self.groups[recent..].choose(&mut self.rng)?;
                (anybody(), Deed::wait_for_seat(&group.id))
            }
            5..8 => (anybody(), Deed::wait_for_time(&self.wish(cast, now))),
            _ => {
                let all = self.waiting.iter().rev().take(REMEMBERED / 2);
                let (entry, student) = all.choose(&mut self.rng)?.clone();
                let deed = match self.rng.random_range(0..4) {
                    0 => Deed::accept(&entry),
                    1 => Deed::decline_offer(&entry),
                    _ => Deed::wait_no_longer(&entry),
                };
                (vec![student, Who::Admin], deed)
            }
        })
    }

    fn of_offers(&mut self) -> Option<(Vec<Who>, Deed)> {
        let offer = self.offers.choose(&mut self.rng)?.clone();
        let (entry, may) = (&*offer.entry, vec![offer.student]);
        Some(match self.rng.random_range(0..13) {
            0..3 => (may, Deed::accept(entry)),
            3..6 => (may, Deed::accept_with_credit(entry)),
            6..8 => (may, Deed::accept_twice(entry)),
            8..10 => (anybody(), Deed::accept_by_token(&offer.token)),
            10..12 => {
                let may = vec![offer.student, Who::Admin];
                (may, Deed::decline_offer(entry))
            }
            _ => (may, Deed::wait_no_longer(entry)),
        })
    }

    /// A lesson within some hours of a day or two.
    fn wish(&mut self, cast: &Cast, now: DateTime<Utc>) -> Value {
        let windows = (0..self.rng.random_range(1..3)).map(|_| {
            let (start, _) = self.time(now, 4);
            let hours = self.rng.random_range(1..6);
            json!({"start": start, "end": start + TimeDelta::hours(hours)})
        });
        let windows: Vec<_> = windows.collect();
        let mut wish = json!({
            "subject": "mathematics", "level": "School", "windows": windows,
            "minutes": if self.rng.random_bool(0.7) { 60 } else { 90 },
        });
        if self.rng.random_bool(0.7) {
            wish["tutor_id"] = json!(cast.tutors[self.rng.random_range(0..TUTORS)]);
        }
        wish
    }
}
