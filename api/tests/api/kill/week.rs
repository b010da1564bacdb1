//! What people would like.

use crate::support::{TutorAtCentre, race::lasting};
use chrono::{Datelike, Days, NaiveDate, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Europe::Berlin;
use rand::{
    Rng,
    rngs::StdRng,
    seq::{IndexedRandom, SliceRandom},
};
use serde_json::{Value, json};

pub const WAITLIST: &str = "/v1/waitlist";

/// Below a tutor.
pub const ABSENCES: &str = "/absences";

/// What somebody would like, and whether they then give it up again.
pub struct Wish {
    pub path: String,
    pub body: Value,
    pub is_given_up: bool,
}

impl Wish {
    fn new(path: &str, body: Value, is_given_up: bool) -> Self {
        Self {
            path: path.to_owned(),
            body,
            is_given_up,
        }
    }
}

/// What people would like in the days of a round: tutors and times at random, of which many overlap.
pub struct Week<'a> {
    rng: &'a mut StdRng,
    monday: NaiveDate,
    tutors: &'a [TutorAtCentre],
}

impl<'a> Week<'a> {
    pub fn new(rng: &'a mut StdRng, round: u64, tutors: &'a [TutorAtCentre]) -> Self {
        let today = Utc::now().with_timezone(&Berlin).date_naive();
        let to_monday = 7 - u64::from(today.weekday().num_days_from_monday());
        Self {
            rng,
            monday: today + Days::new(to_monday + 7 * round),
            tutors,
        }
    }

    /// A group lesson of each tutor on each day.
    pub async fn open_groups(&self) -> Vec<String> {
        let mut groups = Vec::new();
        for day in 0..5 {
            let noon = (self.monday + Days::new(day)).and_hms_opt(12, 0, 0);
            let noon = noon.unwrap().and_local_timezone(Berlin).unwrap().to_utc();
            for tutor in self.tutors {
                let mut lesson = tutor.lesson_over(lasting(noon, 60));
                lesson["capacity"] = json!(3);
                let opened = tutor.person.post("/v1/lessons", &lesson).await.expect(201);
                groups.push(opened["id"].as_str().unwrap().to_owned());
            }
        }
        groups
    }

    fn local(&mut self) -> NaiveDateTime {
        let date = self.monday + Days::new(self.rng.random_range(0..5));
        let half_hours = self.rng.random_range(0..14);
        date.and_hms_opt(9, 0, 0).unwrap() + TimeDelta::minutes(30 * half_hours)
    }

    /// The body of a booking.
    fn lesson(&mut self) -> Value {
        let start = self.local().and_local_timezone(Berlin).unwrap().to_utc();
        let minutes = if self.rng.random() { 60 } else { 90 };
        let tutor = self.tutors.choose(self.rng).unwrap();
        tutor.lesson_over(lasting(start, minutes))
    }

    /// The body of a series.
    fn series(&mut self) -> Value {
        let start = self.local().format("%Y-%m-%dT%H:%M").to_string();
        json!({
            "tutor_id": self.tutors.choose(self.rng).unwrap().id.0, "subject": "mathematics", "level": "School",
            "start": start, "minutes": 60, "rule": "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR;COUNT=2",
        })
    }

    /// Of a student: one after the other.
    pub fn wishes(&mut self, groups: &[String]) -> Vec<Wish> {
        let mut paid = self.lesson();
        paid["pay_with"] = json!("credit");
        let join = format!("/v1/lessons/{}/join", groups.choose(self.rng).unwrap());
        let mut wishes = vec![
            Wish::new("/v1/bookings", self.lesson(), false),
            Wish::new("/v1/bookings", self.lesson(), true),
            Wish::new("/v1/bookings", paid, self.rng.random()),
            Wish::new(&join, json!({}), self.rng.random_bool(0.3)),
        ];
        if self.rng.random_bool(0.3) {
            wishes.push(Wish::new("/v1/series", self.series(), false));
        }
        if self.rng.random_bool(0.4) {
            let entry = self.waiting(groups);
            wishes.push(Wish::new(WAITLIST, entry, self.rng.random_bool(0.3)));
        }
        wishes.shuffle(self.rng);
        wishes
    }

    /// For what somebody waits: a seat, or some hours of a tutor.
    fn waiting(&mut self, groups: &[String]) -> Value {
        if self.rng.random() {
            return json!({"lesson_id": groups.choose(self.rng).unwrap()});
        }
        let start = self.local().and_local_timezone(Berlin).unwrap().to_utc();
        let window = json!({"start": start, "end": start + TimeDelta::hours(4)});
        json!({"wish": {
            "subject": "mathematics", "level": "School", "minutes": 60, "windows": [window],
            "tutor_id": self.tutors.choose(self.rng).unwrap().id.0,
        }})
    }

    /// Of each tutor, to have more groups.
    pub fn openings(&mut self) -> Vec<Vec<Wish>> {
        let tutors = self.tutors.iter();
        let of_each = tutors.map(|tutor| {
            let mut lesson = self.lesson();
            lesson["tutor_id"] = json!(tutor.id.0);
            lesson["capacity"] = json!(2);
            vec![Wish::new("/v1/lessons", lesson, false)]
        });
        of_each.collect()
    }

    /// Of the centre: some hours without a tutor, whose lessons others are to have.
    pub fn absences(&mut self) -> Vec<Wish> {
        // Of each one at most, for the same absence can't be reported twice.
        let tutors: Vec<_> = self.tutors.choose_multiple(self.rng, 4).collect();
        let absence = |tutor: &TutorAtCentre| {
            let start = self.local().and_local_timezone(Berlin).unwrap().to_utc();
            let time =
                json!({"start": start, "end": start + TimeDelta::hours(8), "reason": "illness"});
            Wish::new(&tutor.path(ABSENCES), time, false)
        };
        tutors.into_iter().map(absence).collect()
    }

    /// Of the centre, for students of whom each is named once.
    pub fn matchings(&mut self, students: &[String]) -> Vec<Wish> {
        let mut wishes = Vec::new();
        for two in students.chunks(2) {
            let lessons = two
                .iter()
                .flat_map(|student| [student, student])
                .enumerate();
            let mut drawn = Vec::new();
            let lessons = lessons.map(|(n, student)| {
                let mut lesson = self.lesson();
                // Nobody asks for the same twice.
                while drawn.contains(&lesson) {
                    lesson = self.lesson();
                }
                drawn.push(lesson.clone());
                lesson["id"] = json!(format!("wish {n}"));
                lesson["student_id"] = json!(student);
                lesson
            });
            let lessons = json!({"assignments": lessons.collect::<Vec<_>>()});
            wishes.push(Wish::new("/v1/matchings/book", lessons, false));
        }
        wishes
    }
}
