//! What happens, from one seed: the same again as far as who is first does not matter.

mod absences;
mod hearing;
mod waiting;

use super::{
    deed::{Deed, Who, local},
    world::{Cast, Offer, STUDENTS, TUTORS},
};
use crate::support::race::{Times, lasting};
use chrono::{
    DateTime, Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc, Weekday,
};
use rand::{
    Rng, SeedableRng,
    rngs::StdRng,
    seq::{IndexedRandom, IteratorRandom},
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Those of whom something may still become.
const REMEMBERED: usize = 40;

/// A hold or a booking, and whose it is.
#[derive(Clone, Debug)]
struct Life {
    id: String,
    student: Who,
    tutor: usize,
    /// As it was said last.
    status: String,
    /// Whether it is one of several in a lesson.
    is_seat: bool,
    /// Whether another time is proposed for it, as it was said last.
    proposes: bool,
}

/// A group lesson.
#[derive(Clone, Debug)]
struct Group {
    id: String,
    tutor: usize,
}

/// A series as it was booked.
#[derive(Clone, Debug)]
pub struct Series {
    pub id: String,
    student: Who,
    tutor: usize,
    /// The occurrences that were not left out, on the wall clock of the tutor.
    pub occurrences: BTreeSet<NaiveDateTime>,
}

/// An absence, and the bookings that it touched when it was reported.
#[derive(Clone, Debug)]
struct Absence {
    id: String,
    tutor: usize,
    bookings: Vec<String>,
    is_taken_back: bool,
}

/// See the module.
pub struct Fate {
    pub rng: StdRng,
    lives: Vec<Life>,
    groups: Vec<Group>,
    pub series: Vec<Series>,
    /// Those who wait, or have waited.
    waiting: Vec<(String, Who)>,
    /// As they were when somebody last looked.
    pub offers: Vec<Offer>,
    absences: Vec<Absence>,
    /// How often each deed was answered how.
    pub tally: BTreeMap<(&'static str, u16), usize>,
    pub log: Vec<String>,
}

impl Fate {
    pub fn new(seed: u64) -> Self {
        Self {
            rng: StdRng::seed_from_u64(seed),
            lives: Vec::new(),
            groups: Vec::new(),
            series: Vec::new(),
            waiting: Vec::new(),
            offers: Vec::new(),
            absences: Vec::new(),
            tally: BTreeMap::new(),
            log: Vec::new(),
        }
    }

    /// A working day that is so many days ahead at most, or the first one after that.
    fn date(&mut self, now: DateTime<Utc>, days: i64) -> NaiveDate {
        let mut date = now.date_naive() + TimeDelta::days(self.rng.random_range(0..days));
        while date.weekday().number_from_monday() > 5 {
            date = date.succ_opt().unwrap();
        }
        date
    }

    /// A time within so many days, mostly when tutors are there. Within the next few there are too few for all.
    fn time(&mut self, now: DateTime<Utc>, days: i64) -> Times {
        let half_hours = self.rng.random_range(15..31);
        let start = self.date(now, days).and_time(NaiveTime::MIN).and_utc();
        let minutes = *[60, 60, 90].choose(&mut self.rng).unwrap();
        lasting(start + TimeDelta::minutes(30 * half_hours), minutes)
    }

    fn lesson(&mut self, cast: &Cast, now: DateTime<Utc>, days: i64) -> Value {
        let time = self.time(now, days);
        let tutor = &cast.tutors[self.rng.random_range(0..TUTORS)];
        lesson(tutor, time)
    }

    /// Mostly somebody who may, and now and then anybody.
    fn who(&mut self, mut may: Vec<Who>) -> Who {
        if self.rng.random_bool(0.1) {
            may = vec![Who::Guardian, Who::Admin];
            may.extend((0..STUDENTS).map(Who::Student));
            may.extend((0..TUTORS).map(Who::Tutor));
        }
        *may.choose(&mut self.rng).unwrap()
    }

    /// Mostly what can be done as far as is known, and now and then anything.
    pub fn deed(&mut self, cast: &Cast, now: DateTime<Utc>) -> (Who, Deed) {
        if self.rng.random_bool(0.3)
            && let Some((may, deed)) = self.answer()
        {
            return (self.who(may), deed);
        }
        let (may, deed) = match self.rng.random_range(0..100) {
            0..36 => self.of_bookings(cast, now),
            36..43 => Some(self.of_proposals(cast, now)),
            43..53 => self.of_groups(now),
            53..58 => self.of_series(),
            58..70 => self.of_waiting(cast, now),
            70..76 => Some(self.of_absences(cast, now)),
            _ => None,
        }
        .unwrap_or_else(|| self.beginning(cast, now));
        (self.who(may), deed)
    }

    fn of_bookings(&mut self, cast: &Cast, now: DateTime<Utc>) -> Option<(Vec<Who>, Deed)> {
        // Holds do not last, and lessons are days away.
        let among = if self.rng.random() {
            REMEMBERED
        } else {
            REMEMBERED / 8
        };
        let recent = self.lives.len().saturating_sub(among);
        let life = self.lives[recent..].choose(&mut self.rng)?.clone();
        let old = self.lives[..recent].iter().rev().take(REMEMBERED);
        let (over, any) = (old.clone().filter(|it| it.status == "confirmed"), old);
        let over = over
            .choose(&mut self.rng)
            .filter(|_| self.rng.random_bool(0.7));
        let old = over.or_else(|| any.choose(&mut self.rng));
        let old = old.unwrap_or(&life).clone();
        let kinds = match &*life.status {
            _ if self.rng.random_bool(0.2) => 0..15,
            "held" => 0..3,
            "requested" => 3..15,
            _ => 6..15,
        };
        let (student, teacher) = (life.student, Who::Tutor(life.tutor));
        let sides = || vec![student, teacher, Who::Admin];
        let id = &*life.id;
        let step = |name, body| Deed::step(name, id, body);
        Some(match self.rng.random_range(kinds) {
            0..2 => (
                vec![student],
                Deed::book_hold(id, self.rng.random_bool(0.3)),
            ),
            2 => (vec![student, Who::Admin], Deed::release_hold(id)),
            3..5 => (vec![teacher, Who::Admin], step("approve", json!({}))),
            5 => (vec![teacher], step("decline", json!({"reason": "no"}))),
            6 => (sides(), step("cancel", json!({}))),
            7 => (sides(), Deed::cancel_as_quoted(id)),
            8 => {
                let version = self.rng.random_range(1..4);
                (vec![student], Deed::cancel_version(id, version))
            }
            9..11 => {
                let (start, end) = self.time(now, 5);
                let to = json!({"start": start, "end": end});
                (sides(), step("reschedule", to))
            }
            11 => {
                let body = json!({"attended": self.rng.random::<bool>()});
                let deed = Deed::step("record attendance", &old.id, body);
                (vec![Who::Tutor(old.tutor), Who::Admin], deed)
            }
            12..14 => (sides(), Deed::read_history(id)),
            _ => {
                let tutor = &cast.tutors[self.rng.random_range(0..TUTORS)];
                (
                    vec![Who::Admin],
                    step("reassign", json!({"tutor_id": tutor})),
                )
            }
        })
    }

    /// Somebody answers who may not do so for long.
    fn answer(&mut self) -> Option<(Vec<Who>, Deed)> {
        let mut open = self.lives.iter().rev().filter(|it| it.proposes);
        let life = open.next()?.clone();
        Some(self.answer_to(&life))
    }

    fn answer_to(&mut self, life: &Life) -> (Vec<Who>, Deed) {
        let decides = vec![Who::Tutor(life.tutor), Who::Admin];
        let step = |name| Deed::step(name, &life.id, json!({}));
        match self.rng.random_range(0..7) {
            0..2 => (decides, step("approve a time")),
            2..4 => (decides, step("decline a time")),
            _ => (vec![life.student], step("withdraw a time")),
        }
    }

    /// A proposal, or an answer where there may be nothing to answer; or what can be moved later.
    fn of_proposals(&mut self, cast: &Cast, now: DateTime<Utc>) -> (Vec<Who>, Deed) {
        let asks = TUTORS - 1;
        let confirmed = |it: &&Life| it.tutor == asks && it.status == "confirmed" && !it.is_seat;
        let confirmed = self.lives.iter().rev().filter(confirmed).take(5);
        let life = confirmed.choose(&mut self.rng).cloned();
        let Some(life) = life.filter(|_| self.rng.random_bool(0.7)) else {
            let lesson = lesson(&cast.tutors[asks], self.time(now, 6));
            return (vec![Who::Admin], Deed::book(lesson));
        };
        if self.rng.random_bool(0.15) {
            return self.answer_to(&life);
        }
        let (start, end) = self.time(now, 6);
        let to = json!({"start": start, "end": end});
        (
            vec![life.student],
            Deed::step("propose a time", &life.id, to),
        )
    }

    fn of_groups(&mut self, now: DateTime<Utc>) -> Option<(Vec<Who>, Deed)> {
        let seats = self.lives.iter().rev();
        let seats = seats.filter(|it| it.is_seat && it.status == "confirmed");
        let seat = seats.take(REMEMBERED / 4).choose(&mut self.rng).cloned();
        let recent = self.groups.len().saturating_sub(REMEMBERED / 8);
        let group = self.groups[recent..].choose(&mut self.rng)?.clone();
        let decides = vec![Who::Tutor(group.tutor), Who::Admin];
        let decides_at = now + TimeDelta::minutes(self.rng.random_range(-30..600));
        Some(match self.rng.random_range(0..20) {
            0 => (decides, Deed::cancel_lesson(&group.id)),
            1..4 => {
                let to = self.time(now, 12);
                (decides, Deed::move_lesson(&group.id, to))
            }
            4..6 => {
                let capacity = self.rng.random_range(2..4);
                let version = self.rng.random_range(1..3);
                (decides, Deed::edit_lesson(&group.id, version, capacity))
            }
            6..8 => {
                let minimum = (2, decides_at);
                (decides, Deed::change_minimum(&group.id, minimum))
            }
            8..10 => {
                let seat = seat?;
                let may = vec![seat.student, Who::Tutor(seat.tutor), Who::Admin];
                (may, Deed::step("leave a lesson", &seat.id, json!({})))
            }
            10..13 => (anybody(), Deed::join_with_credit(&group.id)),
            _ => (anybody(), Deed::join(&group.id)),
        })
    }

    fn of_series(&mut self) -> Option<(Vec<Who>, Deed)> {
        let recent = self.series.len().saturating_sub(REMEMBERED / 8);
        let series = self.series[recent..].choose(&mut self.rng)?.clone();
        let of = *series.occurrences.iter().choose(&mut self.rng)?;
        let scopes = ["this", "this_and_following", "all"];
        let scope = scopes.choose(&mut self.rng)?;
        let deed = if self.rng.random_bool(0.3) {
            Deed::cancel_series(&series.id, scope, of)
        } else {
            let hours = *[-24, -2, -1, 1, 2, 24].choose(&mut self.rng)?;
            Deed::move_series(&series.id, scope, of, of + TimeDelta::hours(hours))
        };
        Some((
            vec![series.student, Who::Tutor(series.tutor), Who::Admin],
            deed,
        ))
    }

    /// What needs nothing to have been before.
    fn beginning(&mut self, cast: &Cast, now: DateTime<Utc>) -> (Vec<Who>, Deed) {
        let lesson = self.lesson(cast, now, 3);
        let deed = match self.rng.random_range(0..36) {
            0..9 => Deed::book(lesson),
            9..13 => Deed::book(with_credit(lesson)),
            13..15 => Deed::book(lesson).twice(),
            15..22 => Deed::hold(lesson),
            22..25 => {
                let lesson = self.lesson(cast, now, 8);
                return self.opening(cast, now, lesson);
            }
            25..28 => Deed::book_series(self.wanted_series(cast, now)),
            28 => Deed::try_series(self.wanted_series(cast, now)),
            29 => return (vec![Who::Admin], self.matching(cast, now)),
            30..34 => {
                let may = vec![Who::Admin, Who::Admin, Who::Admin, Who::Guardian];
                return (may, self.change_of_credit(cast, now));
            }
            34 => {
                let may = vec![Who::Admin, Who::Student(4)];
                return (may, Deed::let_book_more(&cast.students[4]));
            }
            _ => Deed::look(
                *["/v1/bookings", "/v1/quota", "/v1/credits", "/v1/waitlist"]
                    .choose(&mut self.rng)
                    .unwrap(),
            ),
        };
        (anybody(), deed)
    }

    fn opening(&mut self, cast: &Cast, now: DateTime<Utc>, lesson: Value) -> (Vec<Who>, Deed) {
        let decides_at = now + TimeDelta::minutes(self.rng.random_range(5..600));
        let minimum = self.rng.random::<bool>().then_some((2, decides_at));
        let capacity = self.rng.random_range(2..4);
        let tutor = lesson["tutor_id"].as_str().and_then(|id| cast.tutor(id));
        let may = vec![Who::Tutor(tutor.unwrap_or_default()), Who::Admin];
        (may, Deed::open_lesson(lesson, capacity, minimum))
    }

    fn wanted_series(&mut self, cast: &Cast, now: DateTime<Utc>) -> Value {
        let start = self.date(now, 12).and_hms_opt(9, 0, 0).unwrap();
        let start = start + TimeDelta::minutes(30 * self.rng.random_range(0..14));
        let count = self.rng.random_range(2..5);
        let rules = [
            "FREQ=WEEKLY",
            "FREQ=DAILY",
            "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR",
        ];
        let rule = rules.choose(&mut self.rng).unwrap();
        let mut series = json!({
            "tutor_id": cast.tutors[self.rng.random_range(0..TUTORS)],
            "subject": "mathematics", "level": "School",
            "start": local(start), "minutes": 60, "rule": format!("{rule};COUNT={count}"),
        });
        if self.rng.random_bool(0.3) {
            let skipped = *occurrences(&series).iter().choose(&mut self.rng).unwrap();
            series["exceptions"] = json!([{"recurrence_id": local(skipped), "skip": true}]);
        }
        series
    }

    fn matching(&mut self, cast: &Cast, now: DateTime<Utc>) -> Deed {
        let assignments = (0..self.rng.random_range(1..5)).map(|n| {
            let mut lesson = self.lesson(cast, now, 8);
            lesson["id"] = json!(format!("wish {n}"));
            lesson["student_id"] = json!(cast.students.choose(&mut self.rng));
            lesson
        });
        Deed::book_matching(&assignments.collect::<Vec<_>>())
    }

    fn change_of_credit(&mut self, cast: &Cast, now: DateTime<Utc>) -> Deed {
        let student = cast.students.choose(&mut self.rng).unwrap();
        let minutes = 30 * self.rng.random_range(1..9);
        let subject = "mathematics";
        if self.rng.random_bool(0.2) {
            return Deed::withdraw(student, subject, minutes);
        }
        let hours = self.rng.random_range(1..72);
        let expires_at = self
            .rng
            .random::<bool>()
            .then_some(now + TimeDelta::hours(hours));
        Deed::grant(student, subject, minutes, expires_at)
    }
}

fn anybody() -> Vec<Who> {
    let students = (0..STUDENTS).map(Who::Student);
    students.chain([Who::Guardian, Who::Admin]).collect()
}

/// The body of a booking.
fn lesson(tutor: &str, (start, end): Times) -> Value {
    json!({
        "tutor_id": tutor, "subject": "mathematics", "level": "School", "start": start, "end": end,
    })
}

fn with_credit(mut lesson: Value) -> Value {
    lesson["pay_with"] = json!("credit");
    lesson
}

fn parse(local: &str) -> NaiveDateTime {
    NaiveDateTime::parse_from_str(local, "%Y-%m-%dT%H:%M").unwrap()
}

/// When a series that was asked for is to be, counted by hand.
fn occurrences(series: &Value) -> BTreeSet<NaiveDateTime> {
    let rule = series["rule"].as_str().unwrap();
    let (rule, count) = rule.split_once(";COUNT=").unwrap();
    let start = parse(series["start"].as_str().unwrap());
    let every = if rule == "FREQ=WEEKLY" { 7 } else { 1 };
    let is_wanted = |at: &NaiveDateTime| {
        let weekend = [Weekday::Sat, Weekday::Sun].contains(&at.weekday());
        !(rule.contains("BYDAY") && weekend)
    };
    let days = (0..).map(|n| start + Days::new(n * every));
    let all = days.filter(is_wanted).take(count.parse().unwrap());
    let skipped = series["exceptions"][0]["recurrence_id"].as_str().map(parse);
    all.filter(|at| Some(*at) != skipped).collect()
}
