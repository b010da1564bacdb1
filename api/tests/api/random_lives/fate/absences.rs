//! Tutors who can't teach, and what the centre and their students make of it.

use super::{Absence, Fate, REMEMBERED};
use crate::random_lives::{
    deed::{Deed, Who},
    world::{Cast, TUTORS},
};
use chrono::{DateTime, TimeDelta, Utc};
use rand::{Rng, seq::IndexedRandom};
use serde_json::{Value, json};

impl Fate {
    pub(super) fn of_absences(&mut self, cast: &Cast, now: DateTime<Utc>) -> (Vec<Who>, Deed) {
        let recent = self.absences.len().saturating_sub(REMEMBERED / 8);
        let recent = &self.absences[recent..];
        let stands = |it: &&Absence| !it.is_taken_back && !it.bookings.is_empty();
        let touching = recent.iter().rfind(stands);
        let any = recent.choose(&mut self.rng);
        let known = if self.rng.random_bool(0.6) {
            touching.or(any)
        } else {
            any
        };
        let known = known.cloned();
        let Some(absence) = known.filter(|_| self.rng.random_bool(0.75)) else {
            return self.falling_ill(cast, now);
        };
        let tutor = Who::Tutor(absence.tutor);
        let centre = vec![Who::Admin, Who::Admin, Who::Admin, tutor];
        let id = &absence.id;
        match self.rng.random_range(0..18) {
            0..3 => {
                let another = Who::Tutor((absence.tutor + 1) % TUTORS);
                (vec![tutor, Who::Admin, another], Deed::take_back(id))
            }
            3..6 => (centre, Deed::find_tutors(id, None)),
            6..9 => {
                let some = self.some_of(&absence);
                let others = self.rng.random_range(1..TUTORS);
                let tutors = some.map(|it| (it, &cast.tutors[(absence.tutor + others) % TUTORS]));
                let tutors: Vec<_> = tutors.collect();
                (centre, Deed::find_tutors(id, Some(&tutors)))
            }
            9..11 => (centre, Deed::offer_to_students(id, None)),
            11..14 => {
                let some: Vec<_> = self.some_of(&absence).cloned().collect();
                (centre, Deed::offer_to_students(id, Some(&some)))
            }
            _ => {
                let anybody = (0..TUTORS).map(Who::Tutor).chain(centre);
                (anybody.collect(), Deed::look_at_absence(id))
            }
        }
    }

    /// One of its bookings, or two, or one that is none of them.
    fn some_of<'a>(&mut self, absence: &'a Absence) -> impl Iterator<Item = &'a String> + use<'a> {
        let count = self.rng.random_range(1..3);
        let some = absence.bookings.choose_multiple(&mut self.rng, count);
        let some: Vec<_> = some.collect();
        let none = some.is_empty().then_some(&absence.id);
        some.into_iter().chain(none)
    }

    fn falling_ill(&mut self, cast: &Cast, now: DateTime<Utc>) -> (Vec<Who>, Deed) {
        let tutor = self.rng.random_range(0..TUTORS);
        let (may, id) = (vec![Who::Tutor(tutor), Who::Admin], &cast.tutors[tutor]);
        let time = self.while_ill(now);
        let deed = if self.rng.random_bool(0.2) {
            Deed::try_absence(id, time)
        } else {
            Deed::report_absence(id, time)
        };
        (may, deed)
    }

    /// A day, some hours of one, or a time that is over.
    fn while_ill(&mut self, now: DateTime<Utc>) -> Value {
        let (start, _) = self.time(now, 2);
        let end = start + TimeDelta::hours(self.rng.random_range(2..6));
        match self.rng.random_range(0..12) {
            0..7 => json!({"first_date": start.date_naive(), "last_date": start.date_naive()}),
            7..9 => json!({"start": now - TimeDelta::hours(5), "end": now - TimeDelta::hours(1)}),
            _ => json!({"start": start, "end": end}),
        }
    }
}
