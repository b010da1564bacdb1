//! Whatever people do, in whatever order and at the same time, what must always hold, holds.

mod checks;

use crate::support::{
    Answer, Centre, Person, TestApp, TutorAtCentre, email, from_env,
    race::{Times, lasting, students},
};
use chrono::{DateTime, Datelike, NaiveTime, TimeDelta, Utc};
use futures::future::join_all;
use rand::{
    Rng, SeedableRng,
    rngs::StdRng,
    seq::{IndexedRandom, IteratorRandom},
};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How many operations one run has, unless `OPERATIONS` says so.
const OPERATIONS: u64 = 2500;

const STUDENTS: usize = 5;

const TUTORS: usize = 3;

/// So many at most act at the same moment.
const AT_ONCE: usize = 8;

/// Those of whom something may still become.
const REMEMBERED: usize = 40;

/// Somebody at the centre, by their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Student(usize),
    Tutor(usize),
    /// Of the first student.
    Guardian,
    Admin,
}

/// What somebody does.
#[derive(Clone, Debug)]
enum Deed {
    Book {
        tutor: usize,
        at: Times,
    },
    /// The same request twice at once, under one key.
    BookTwice {
        tutor: usize,
        at: Times,
    },
    Hold {
        tutor: usize,
        at: Times,
    },
    BookHold(String),
    ReleaseHold(String),
    Approve(String),
    Decline(String),
    Cancel(String),
    /// Meant for a version that there may no longer be.
    CancelVersion(String, i32),
    Reschedule {
        id: String,
        at: Times,
    },
    RecordAttendance(String, bool),
    Reassign {
        id: String,
        tutor: usize,
    },
    Look(String),
}

/// What has come to be, and whose it is.
#[derive(Clone, Debug)]
struct Life {
    id: String,
    student: usize,
    tutor: usize,
    /// As it was said last.
    status: String,
}

/// A centre with two instances of the server.
struct World {
    test: TestApp,
    tutors: Vec<TutorAtCentre>,
    students: Vec<[Person; 2]>,
    tutors_as_people: Vec<[Person; 2]>,
    guardian: [Person; 2],
    admin: [Person; 2],
    ids: Vec<String>,
}

impl World {
    async fn new() -> Self {
        let test = TestApp::start().await;
        let centre = Centre::open(&test).await;
        let mut tutors = Vec::new();
        for n in 0..TUTORS {
            tutors.push(centre.connected_tutor(&test, &format!("Tutor{n}")).await);
        }
        let asks = json!({"requires_approval": true, "approval_minutes": 90});
        tutors[2]
            .edit(Method::PUT, "/policy", &asks)
            .await
            .expect(200);
        let admin = test.admin("Ada").await;
        let students = students(&test, STUDENTS).await;
        let ids = join_all(students.iter().map(Person::id)).await;
        let gita = test.student("Gita").await;
        let link = json!({"guardian_id": gita.id().await, "student_id": ids[0]});
        admin.post("/v1/guardianships", &link).await.expect(201);
        let gita = test.sign_in(&email("Gita")).await;
        let base = test.another_instance().await;
        let twice = |person: &Person| [person.at(&test.base), person.at(&base)];
        Self {
            students: students.iter().map(twice).collect(),
            tutors_as_people: tutors.iter().map(|it| twice(&it.person)).collect(),
            guardian: twice(&gita),
            admin: twice(&admin),
            tutors,
            ids,
            test,
        }
    }

    fn person(&self, who: Who, instance: usize) -> &Person {
        let both = match who {
            Who::Student(at) => &self.students[at],
            Who::Tutor(at) => &self.tutors_as_people[at],
            Who::Guardian => &self.guardian,
            Who::Admin => &self.admin,
        };
        &both[instance]
    }

    /// For whom somebody books.
    fn beneficiary(&self, who: Who) -> Option<&str> {
        match who {
            Who::Student(_) | Who::Tutor(_) => None,
            Who::Guardian => Some(&self.ids[0]),
            Who::Admin => Some(&self.ids[1]),
        }
    }

    fn lesson(&self, who: Who, tutor: usize, at: Times) -> Value {
        let mut lesson = self.tutors[tutor].lesson_over(at);
        if let Some(id) = self.beneficiary(who) {
            lesson["student_id"] = json!(id);
        }
        lesson
    }

    /// Does it; what was answered, of what is done twice both times.
    async fn act(&self, who: Who, instance: usize, deed: &Deed) -> Vec<Answer> {
        let person = self.person(who, instance);
        let step = async |id: &str, step: &str, body: Value| {
            let path = format!("/v1/bookings/{id}/{step}");
            person.edit(Method::POST, &path, "*", &body).await
        };
        let nothing = json!({});
        let answer = match deed {
            Deed::Book { tutor, at } => {
                let lesson = self.lesson(who, *tutor, *at);
                person.post("/v1/bookings", &lesson).await
            }
            Deed::BookTwice { tutor, at } => {
                let lesson = self.lesson(who, *tutor, *at);
                let key = uuid::Uuid::now_v7().to_string();
                let both = [0, 1].map(|instance| {
                    let person = self.person(who, instance);
                    let request = person.request(Method::POST, "/v1/bookings");
                    person.send(request.header("idempotency-key", &key).json(&lesson))
                });
                return join_all(both).await;
            }
            Deed::Hold { tutor, at } => {
                let lesson = self.lesson(who, *tutor, *at);
                person.post("/v1/holds", &lesson).await
            }
            Deed::BookHold(id) => person.post(&format!("/v1/holds/{id}/book"), &nothing).await,
            Deed::ReleaseHold(id) => person.delete(&format!("/v1/holds/{id}")).await,
            Deed::Approve(id) => step(id, "approve", nothing).await,
            Deed::Decline(id) => step(id, "decline", json!({"reason": "no"})).await,
            Deed::Cancel(id) => step(id, "cancel", nothing).await,
            Deed::CancelVersion(id, version) => {
                let (path, etag) = (
                    format!("/v1/bookings/{id}/cancel"),
                    format!("\"{version}\""),
                );
                person.edit(Method::POST, &path, &etag, &nothing).await
            }
            Deed::Reschedule {
                id,
                at: (start, end),
            } => step(id, "reschedule", json!({"start": start, "end": end})).await,
            Deed::RecordAttendance(id, attended) => {
                step(id, "attendance", json!({"attended": attended})).await
            }
            Deed::Reassign { id, tutor } => {
                step(
                    id,
                    "reassign",
                    json!({"tutor_id": self.tutors[*tutor].id.0}),
                )
                .await
            }
            Deed::Look(id) => person.get(&format!("/v1/bookings/{id}")).await,
        };
        vec![answer]
    }
}

/// What happens, from one seed: the same again as far as who is first does not matter.
struct Fate {
    rng: StdRng,
    lives: Vec<Life>,
    /// How often each deed was answered how.
    tally: BTreeMap<(&'static str, u16), usize>,
    log: Vec<String>,
}

impl Fate {
    fn new(seed: u64) -> Self {
        Self {
            rng: StdRng::seed_from_u64(seed),
            lives: Vec::new(),
            tally: BTreeMap::new(),
            log: Vec::new(),
        }
    }

    /// A time within the next days, mostly when tutors are there; there are too few for all.
    fn time(&mut self, now: DateTime<Utc>) -> Times {
        let mut date = now.date_naive() + TimeDelta::days(self.rng.random_range(0..3));
        while date.weekday().number_from_monday() > 5 {
            date = date.succ_opt().unwrap();
        }
        let half_hours = self.rng.random_range(15..31);
        let start = date.and_time(NaiveTime::MIN).and_utc() + TimeDelta::minutes(30 * half_hours);
        let minutes = *[60, 60, 90].choose(&mut self.rng).unwrap();
        lasting(start, minutes)
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
    fn deed(&mut self, now: DateTime<Utc>) -> (Who, Deed) {
        // Holds do not last, and lessons are days away.
        let among = if self.rng.random() {
            REMEMBERED
        } else {
            REMEMBERED / 8
        };
        let recent = self.lives.len().saturating_sub(among);
        let life = self.lives[recent..].choose(&mut self.rng).cloned();
        let old = self.lives[..recent].iter().rev().take(REMEMBERED);
        let old = old.choose(&mut self.rng).cloned();
        let Some(life) = life.filter(|_| self.rng.random_bool(0.6)) else {
            return self.beginning(now);
        };
        let old = old.unwrap_or_else(|| life.clone());
        let (tutor, at) = (self.rng.random_range(0..TUTORS), self.time(now));
        let (yes, version) = (self.rng.random(), self.rng.random_range(1..4));
        let id = || life.id.clone();
        let (student, teacher) = (Who::Student(life.student), Who::Tutor(life.tutor));
        let of_holds = [
            (vec![student], Deed::BookHold(id())),
            (vec![student], Deed::BookHold(id())),
            (vec![student, Who::Admin], Deed::ReleaseHold(id())),
        ];
        let of_requests = [
            (vec![teacher, Who::Admin], Deed::Approve(id())),
            (vec![teacher, Who::Admin], Deed::Approve(id())),
            (vec![teacher], Deed::Decline(id())),
        ];
        let of_bookings = [
            (vec![student, teacher, Who::Admin], Deed::Cancel(id())),
            (vec![student], Deed::CancelVersion(id(), version)),
            (
                vec![student, teacher, Who::Admin],
                Deed::Reschedule { id: id(), at },
            ),
            (
                vec![student, teacher, Who::Admin],
                Deed::Reschedule { id: id(), at },
            ),
            (
                vec![Who::Tutor(old.tutor), Who::Admin],
                Deed::RecordAttendance(old.id, yes),
            ),
            (vec![Who::Admin], Deed::Reassign { id: id(), tutor }),
            (vec![student], Deed::Look(id())),
        ];
        let deeds = match &*life.status {
            "held" => of_holds.to_vec(),
            "requested" => [&of_requests[..], &of_bookings].concat(),
            _ => of_bookings.to_vec(),
        };
        let all = [&of_holds[..], &of_requests, &of_bookings].concat();
        let deeds = if self.rng.random_bool(0.8) {
            deeds
        } else {
            all
        };
        let (may, deed) = deeds.choose(&mut self.rng).unwrap().clone();
        (self.who(may), deed)
    }

    /// What needs nothing to have been before.
    fn beginning(&mut self, now: DateTime<Utc>) -> (Who, Deed) {
        let (tutor, at) = (self.rng.random_range(0..TUTORS), self.time(now));
        let anybody = (0..STUDENTS).map(Who::Student);
        let who = self.who(anybody.chain([Who::Guardian, Who::Admin]).collect());
        let deed = match self.rng.random_range(0..10) {
            0..5 => Deed::Book { tutor, at },
            5 => Deed::BookTwice { tutor, at },
            _ => Deed::Hold { tutor, at },
        };
        (who, deed)
    }

    /// Notes an answer: no input and no race is the server's fault.
    fn note(&mut self, who: Who, deed: &Deed, answer: &Answer) {
        let status = answer.status.as_u16();
        let code = answer.body["code"].as_str().unwrap_or_default();
        self.log.push(format!("{who:?} {deed:?}: {status} {code}"));
        *self.tally.entry((deed.name(), status)).or_default() += 1;
        let known = [200, 201, 204, 403, 404, 409, 412, 422];
        assert!(
            known.contains(&status),
            "{who:?} {deed:?}: {:#}",
            answer.body
        );
        let Some(id) = answer.body["id"].as_str().filter(|_| status < 300) else {
            return;
        };
        // A hold has no status.
        let is = answer.body["status"].as_str().unwrap_or("held");
        let known = self.lives.iter_mut().rfind(|life| life.id == id);
        if let Some(life) = known {
            is.clone_into(&mut life.status);
            return;
        }
        let (Deed::Book { tutor, .. } | Deed::BookTwice { tutor, .. } | Deed::Hold { tutor, .. }) =
            deed
        else {
            return;
        };
        let student = match who {
            Who::Student(at) => at,
            Who::Guardian | Who::Tutor(_) => 0,
            Who::Admin => 1,
        };
        self.lives.push(Life {
            id: id.to_owned(),
            student,
            tutor: *tutor,
            status: is.to_owned(),
        });
    }
}

impl Deed {
    fn name(&self) -> &'static str {
        match self {
            Self::Book { .. } => "book",
            Self::BookTwice { .. } => "book twice",
            Self::Hold { .. } => "hold",
            Self::BookHold(_) => "book a hold",
            Self::ReleaseHold(_) => "release a hold",
            Self::Approve(_) => "approve",
            Self::Decline(_) => "decline",
            Self::Cancel(_) => "cancel",
            Self::CancelVersion(..) => "cancel a version",
            Self::Reschedule { .. } => "reschedule",
            Self::RecordAttendance(..) => "record attendance",
            Self::Reassign { .. } => "reassign",
            Self::Look(_) => "look",
        }
    }
}

/// A moment at which some act, each at one of the instances.
async fn moment(world: &World, fate: &mut Fate) {
    let now = world.test.now();
    let count = fate.rng.random_range(1..=AT_ONCE);
    let deeds: Vec<_> = (0..count).map(|_| fate.deed(now)).collect();
    let answers = join_all(
        deeds
            .iter()
            .enumerate()
            .map(|(at, (who, deed))| world.act(*who, at % 2, deed)),
    )
    .await;
    for ((who, deed), answers) in deeds.iter().zip(answers) {
        let booked = answers.iter().filter(|answer| answer.status == 201);
        let mut ids = booked.map(|answer| &answer.body["id"]);
        let first = ids.next();
        assert!(
            ids.all(|id| Some(id) == first),
            "one key, two bookings: {deed:?}"
        );
        for answer in &answers {
            fate.note(*who, deed, answer);
        }
    }
}

/// Time passes, and what it does is written down or not.
async fn pass_time(world: &World, fate: &mut Fate) {
    let minutes = *[2, 2, 12, 60, 240, 720].choose(&mut fate.rng).unwrap();
    world.test.pass(TimeDelta::minutes(minutes));
    if fate.rng.random() {
        checks::settle(&world.test).await;
    }
    if fate.rng.random() {
        world.test.run_jobs().await;
    }
}

/// Says how to see it again, if something is wrong.
struct Replay<'a>(u64, &'a mut Fate);

impl Drop for Replay<'_> {
    fn drop(&mut self) {
        let Self(seed, fate) = self;
        if std::thread::panicking() {
            let last = fate.log.len().saturating_sub(60);
            eprintln!("SEED={seed}\n{}", fate.log[last..].join("\n"));
        }
        println!("SEED={seed}: {:?}", fate.tally);
    }
}

async fn live(seed: u64) {
    let operations = from_env("OPERATIONS").unwrap_or(OPERATIONS);
    let seed = from_env("SEED").unwrap_or(seed);
    let world = World::new().await;
    let mut fate = Fate::new(seed);
    let replay = Replay(seed, &mut fate);
    while (replay.1.log.len() as u64) < operations {
        moment(&world, replay.1).await;
        if replay.1.rng.random_bool(0.2) {
            pass_time(&world, replay.1).await;
            world.test.expect_nobody_double_booked().await;
        }
    }
    checks::expect_sound(&world.test, &world.tutors).await;
    if operations >= OPERATIONS {
        replay.1.expect_variety();
    }
}

impl Fate {
    /// Each deed was done now and then, and refused now and then: else the run would show little.
    fn expect_variety(&self) {
        let count = |name: &str, done: bool| -> usize {
            let of = self
                .tally
                .iter()
                .filter(|((of, status), _)| *of == name && (*status < 300) == done);
            of.map(|(_, count)| count).sum()
        };
        for (name, _) in self.tally.keys() {
            assert!(count(name, true) > 0, "{name}: {:?}", self.tally);
            assert!(
                *name == "look" || count(name, false) > 0,
                "{name}: {:?}",
                self.tally
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_must_hold_holds_after_a_first_life() {
    live(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_must_hold_holds_after_a_second_life() {
    live(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_must_hold_holds_after_a_third_life() {
    live(3).await;
}

/// The seed differs each time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_must_hold_holds_after_a_life_that_nobody_has_lived() {
    live(rand::random()).await;
}
