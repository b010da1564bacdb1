//! What people learn from what they are answered.

use super::{Absence, Fate, Group, Life, Series, occurrences, parse};
use crate::{
    random_lives::{
        deed::{Deed, Tells, Who},
        world::Cast,
    },
    support::Answer,
};
use scheduling::lifecycle::{BookingStatus, RULES, Rule};
use serde_json::Value;
use std::collections::BTreeSet;

impl Fate {
    /// Notes an answer: no input and no race is the server's fault.
    pub fn note(&mut self, cast: &Cast, (who, deed): (Who, &Deed), answer: &Answer) {
        let status = answer.status.as_u16();
        let code = answer.body["code"].as_str().unwrap_or_default();
        let Deed {
            name, path, body, ..
        } = deed;
        self.log
            .push(format!("{who:?} {name}, {path} {body}: {status} {code}"));
        *self.tally.entry((name, status)).or_default() += 1;
        let known = [200, 201, 204, 403, 404, 409, 412, 422];
        assert!(
            known.contains(&status),
            "{who:?} {deed:?}: {:#}",
            answer.body
        );
        if status >= 300 {
            self.hear_of_refusal(path, code);
            return;
        }
        match deed.tells {
            Tells::Booking => self.hear_of_booking(cast, &answer.body),
            Tells::GroupLesson => self.hear_of_group(cast, &answer.body),
            Tells::Series => self.hear_of_series(cast, deed, &answer.body),
            Tells::Matching => self.hear_of_matching(&answer.body),
            Tells::Waiting => self.hear_of_waiting(cast, &answer.body),
            Tells::Absence => self.hear_of_absence(cast, &answer.body),
            Tells::Outcomes => self.hear_of_outcomes(deed, &answer.body),
            Tells::History => expect_chain(&answer.body["items"]),
            Tells::Nothing => self.hear_of_end(path),
        }
    }

    fn hear_of_end(&mut self, path: &str) {
        let ended = self.absences.iter_mut().find(|it| path.ends_with(&it.id));
        if let Some(absence) = ended {
            absence.is_taken_back = true;
        }
    }

    /// Time has ended what was proposed, or somebody else.
    fn hear_of_refusal(&mut self, path: &str, code: &str) {
        if code == "nothing_proposed" {
            let life = self.lives.iter_mut().rfind(|life| path.contains(&life.id));
            if let Some(life) = life {
                life.proposes = false;
            }
        }
    }

    fn hear_of_booking(&mut self, cast: &Cast, booking: &Value) {
        let text = |field: &str, of: &str| booking[field][of].as_str().unwrap();
        let id = booking["id"].as_str().unwrap();
        // A hold has no status.
        let status = booking["status"].as_str().unwrap_or("held").to_owned();
        let proposes = booking["proposed_time"].is_object();
        let known = self.lives.iter_mut().rfind(|life| life.id == id);
        if let Some(life) = known {
            life.status = status;
            life.proposes = proposes;
            return;
        }
        let lesson = booking["lesson_id"].as_str();
        let is_seat = self.groups.iter().any(|it| Some(&*it.id) == lesson);
        self.lives.push(Life {
            id: id.to_owned(),
            student: cast.student(text("student", "id")).unwrap(),
            tutor: cast.tutor(text("tutor", "id")).unwrap(),
            status,
            is_seat,
            proposes,
        });
    }

    fn hear_of_group(&mut self, cast: &Cast, lesson: &Value) {
        let id = lesson["id"].as_str().unwrap();
        let (taken, capacity) = (&lesson["seats_taken"], &lesson["capacity"]);
        assert!(taken.as_i64() <= capacity.as_i64(), "{lesson:#}");
        if self.groups.iter().all(|group| group.id != id) {
            self.groups.push(Group {
                id: id.to_owned(),
                tutor: cast.tutor(lesson["tutor"]["id"].as_str().unwrap()).unwrap(),
            });
        }
    }

    fn hear_of_series(&mut self, cast: &Cast, deed: &Deed, series: &Value) {
        let id = series["id"].as_str().unwrap();
        let bookings = series["bookings"].as_array().unwrap();
        for booking in bookings {
            self.hear_of_booking(cast, booking);
        }
        let recurrence = |booking: &Value| parse(booking["recurrence_id"].as_str().unwrap());
        let told: BTreeSet<_> = bookings.iter().map(recurrence).collect();
        if let Some(known) = self.series.iter().find(|known| known.id == id) {
            // A tutor does not see those that another has taken over.
            assert!(told.is_subset(&known.occurrences), "{series:#}");
            return;
        }
        assert_eq!(occurrences(&deed.body), told, "{series:#}");
        self.series.push(Series {
            id: id.to_owned(),
            student: cast
                .student(series["student"]["id"].as_str().unwrap())
                .unwrap(),
            tutor: cast.tutor(series["tutor"]["id"].as_str().unwrap()).unwrap(),
            occurrences: told,
        });
    }

    fn hear_of_matching(&mut self, booked: &Value) {
        let students = booked["students"].as_array().unwrap();
        let lessons = students
            .iter()
            .flat_map(|it| it["bookings"].as_array().unwrap());
        assert_eq!(booked["booked"], lessons.count(), "{booked:#}");
        let mut refusals = students.iter().map(|it| &it["refusal"]["code"]);
        // It stands for a fault of ours.
        assert!(refusals.all(|code| code != "unavailable"), "{booked:#}");
        let all = students.iter().all(|it| it["refusal"].is_null());
        let outcome = if all {
            "fill a matching"
        } else {
            "refuse a part of a matching"
        };
        *self.tally.entry((outcome, 0)).or_default() += 1;
    }

    fn hear_of_waiting(&mut self, cast: &Cast, entry: &Value) {
        let id = entry["id"].as_str().unwrap();
        let student = cast.student(entry["student"]["id"].as_str().unwrap());
        if self.waiting.iter().all(|(known, _)| known != id) {
            self.waiting.push((id.to_owned(), student.unwrap()));
        }
    }

    fn hear_of_absence(&mut self, cast: &Cast, absence: &Value) {
        let id = absence["id"].as_str().unwrap();
        if self.absences.iter().any(|known| known.id == id) {
            return;
        }
        let bookings = absence["bookings"].as_array().unwrap();
        let bookings = bookings.iter().map(|it| it["booking_id"].as_str().unwrap());
        self.absences.push(Absence {
            id: id.to_owned(),
            tutor: cast.tutor(absence["tutor_id"].as_str().unwrap()).unwrap(),
            bookings: bookings.map(str::to_owned).collect(),
            is_taken_back: false,
        });
    }

    /// The request is done, whatever is said of each booking: so it is counted by booking as well.
    fn hear_of_outcomes(&mut self, deed: &Deed, done: &Value) {
        for outcome in done["bookings"].as_array().unwrap() {
            let code = &outcome["refusal"]["code"];
            // It stands for a fault of ours.
            assert_ne!(code, "unavailable", "{done:#}");
            let counted = match (deed.path.ends_with("/offers"), code.is_null()) {
                (true, true) => ("a booking that is offered to its student", 200),
                (true, false) => ("a booking that is offered to its student", 409),
                (false, true) => ("a booking that is handed over", 200),
                (false, false) => ("a booking that is handed over", 409),
            };
            *self.tally.entry(counted).or_default() += 1;
        }
    }
}

/// The steps of a booking come one after the other, each from where the one before has led.
fn expect_chain(steps: &Value) {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let (mut status, mut time, mut at) = (None, None, None);
    for it in steps.as_array().unwrap() {
        let step = it["step"].as_str().unwrap();
        let now = text(&it["at"]);
        assert!(at <= now, "{steps:#}");
        at = now;
        if it["from"].is_object() {
            assert_eq!(Some(&it["from"]), time, "{steps:#}");
        }
        if it["to"].is_object() && step != "time_proposed" {
            time = Some(&it["to"]);
        }
        let mut to_it = RULES
            .iter()
            .filter(|rule| rule.to.name() == step)
            .peekable();
        if to_it.peek().is_some() {
            let from = |rule: &Rule| rule.from.map(BookingStatus::name);
            assert!(to_it.any(|rule| from(rule) == status), "{steps:#}");
            status = Some(step);
        }
    }
}
