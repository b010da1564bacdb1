//! A centre whose tutors have calendars of all kinds, two instances of the server, and what is known of all that.

use super::{
    own::{INVITING, LENDING, OwnEvent},
    step::{Slot, Step},
};
use crate::support::{Answer, Centre, Person, TestApp, TutorAtCentre, at, email, race::Times};
use api::{app::App, config::at_push_path, jobs, service::TutorId};
use chrono::{DateTime, Datelike, TimeDelta, Utc};
use futures::future::join_all;
use google_sandbox::{Consent, PushMessage};
use reqwest::{Method, header};
use scheduling::interval::{Span, intersect, union};
use serde_json::{Value, json};
use sqlx::PgConnection;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

pub const TUTORS: usize = 3;
const STUDENTS: usize = 4;

/// The private property that names the lesson of an event.
pub const MARK: &str = "tutoringSchedulerLesson";

/// For so long before the end of the horizon it is looked at what is busy.
pub const AHEAD: TimeDelta = TimeDelta::days(59);

/// What is late arrives before that.
const LATEST: TimeDelta = TimeDelta::minutes(9);

/// Longer than jobs ever run that come to an end.
const PATIENCE: Duration = Duration::from_mins(1);

const CONNECTION: &str = "/v1/calendar/connection";
const CALENDARS: &str = "/v1/calendar/calendars";

pub struct World {
    pub test: TestApp,
    pub tutors: Vec<Tutor>,
    pub students: Vec<Person>,
    admin: Person,
    /// Two more, which run jobs.
    instances: Vec<App>,
    /// Another instance, which people ask.
    other: url::Url,
    pub memory: Arc<Mutex<Memory>>,
    /// Of nobody but the test.
    pub connection: tokio::sync::Mutex<PgConnection>,
}

pub struct Tutor {
    pub at_centre: TutorAtCentre,
    /// What Google calls the primary calendar, and the account.
    pub account: String,
    /// What Google calls them, the primary one first, and those that are shared.
    pub calendars: Vec<String>,
}

impl Tutor {
    pub fn id(&self) -> TutorId {
        self.at_centre.id
    }

    fn person(&self) -> &Person {
        &self.at_centre.person
    }
}

/// What has come of the steps.
#[derive(Default)]
pub struct Memory {
    bookings: Vec<Booking>,
    /// Group lessons, and the tutor of each.
    lessons: Vec<(String, usize)>,
    pub events: Vec<OwnEvent>,
    pub pushes: Vec<PushMessage>,
    /// Since when something may be late.
    pub late_since: Option<DateTime<Utc>>,
    /// Whether nothing goes wrong at Google.
    pub is_calm: bool,
    pub known: [Known; TUTORS],
    /// Lessons whose events their tutors have moved or deleted.
    pub changed: BTreeSet<String>,
    pub log: Vec<String>,
    pub tally: BTreeMap<String, usize>,
}

struct Booking {
    id: String,
    student: usize,
    tutor: usize,
}

/// What is known of a tutor's calendars.
#[derive(Default)]
pub struct Known {
    /// What Google calls those that block.
    pub blocking: Vec<String>,
    /// Which has received lessons, and from when on.
    pub receiving: Vec<(DateTime<Utc>, String)>,
    /// When the tutor is known to be busy, and has been ever since that was learnt.
    pub busy: Vec<Span>,
    is_revoked: bool,
}

/// An event of a lesson that stands in a tutor's calendar.
pub struct LessonEvent {
    pub tutor: usize,
    pub calendar: String,
    pub lesson: String,
    pub event: Value,
}

impl World {
    pub async fn new() -> Self {
        let test = TestApp::start_with(|config| {
            let address = at_push_path(&config.server.public_url);
            let google = config.google.as_mut().unwrap();
            google.push_address = Some(address);
            google.calendar_limits.total = Duration::from_secs(5);
            config.server.session_lifetime = TimeDelta::days(1000);
        })
        .await;
        test.google.withhold_pushes();
        test.google.limit_pages(6);
        let tutors = tutors(&test).await;
        let mut students = Vec::new();
        for n in 0..STUDENTS {
            students.push(test.student(&format!("Student{n}")).await);
        }
        let app = |_| {
            let app = &test.app;
            App::new(app.config.clone(), app.db.clone(), app.clock.clone()).unwrap()
        };
        let instances = (0..2).map(app).collect();
        let memory = Memory {
            is_calm: true,
            ..Memory::default()
        };
        Self {
            connection: test.own_connection().await.into(),
            other: test.another_instance().await,
            admin: test.admin("Ada").await,
            memory: Arc::new(memory.into()),
            instances,
            students,
            tutors,
            test,
        }
    }

    pub fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn tutor(&self, number: usize) -> &Tutor {
        &self.tutors[number % TUTORS]
    }

    /// Lets something happen.
    pub async fn take(&mut self, number: usize, step: &Step) {
        let began = self.test.now();
        let outcome = match step {
            Step::Connect(tutor) => self.connect(*tutor).await,
            Step::Mend => self.mend().await,
            Step::AtOnce(steps) => {
                let acting = steps.iter().map(|step| self.act(step, false));
                join_all(acting).await.join("; ")
            }
            step => self.act(step, true).await,
        };
        let began = began.format("%d %b %H:%M:%S");
        let line = format!("{number:4} {began} {step:?}: {outcome}");
        self.memory().log.push(line);
    }

    /// `is_alone` says whether nothing else happens meanwhile.
    async fn act(&self, step: &Step, is_alone: bool) -> String {
        let outcome = self.outcome(step, is_alone).await;
        let name = format!("{step:?}");
        let name = name.split(['(', ' ']).next().unwrap_or_default();
        let result = outcome.split(' ').next().unwrap_or_default();
        let is_answer = result.parse::<u16>().is_ok();
        let entry = if is_answer {
            format!("{name} {result}")
        } else {
            name.to_owned()
        };
        *self.memory().tally.entry(entry).or_default() += 1;
        outcome
    }

    async fn outcome(&self, step: &Step, is_alone: bool) -> String {
        match step {
            Step::Book {
                student,
                tutor,
                at,
                minutes,
            } => {
                let people = (student % STUDENTS, tutor % TUTORS);
                self.book(people, self.times(*at, *minutes), is_alone).await
            }
            Step::Move(booking, at) => self.reschedule(*booking, *at, is_alone).await,
            Step::Cancel(booking, by_tutor) => self.cancel(*booking, *by_tutor).await,
            Step::Open { tutor, at, seats } => self.open(tutor % TUTORS, *at, *seats).await,
            Step::Join(lesson, student) => self.join(*lesson, student % STUDENTS).await,
            Step::MoveLesson(lesson, at) => {
                let (start, end) = self.times(*at, 60);
                let to = json!({"start": start, "end": end});
                self.of_lesson(*lesson, "reschedule", &to).await
            }
            Step::CancelLesson(lesson) => self.of_lesson(*lesson, "cancel", &json!({})).await,
            Step::HandOver(booking, tutor) => self.hand_over(*booking, tutor % TUTORS).await,
            Step::Answer(lesson, answer) => self.answer(*lesson, answer),
            Step::Drag(lesson, at) => self.drag(*lesson, *at),
            Step::Remove(lesson) => self.remove(*lesson),
            Step::Own(own) => self.edit(own),
            Step::Choose(tutor, blocking, receiving) => {
                self.choose(tutor % TUTORS, *blocking, *receiving).await
            }
            Step::Pass(minutes) => self.pass(TimeDelta::minutes(*minutes)).await,
            Step::Work(instances) => format!("ran {}", self.work(*instances).await),
            Step::Killed(micros) => {
                self.work_until_killed(*micros).await;
                String::new()
            }
            Step::Push(delivery) => format!("sent {}", self.deliver(*delivery).await),
            Step::Fault(fault) => {
                self.plan(*fault);
                String::new()
            }
            Step::Calm => {
                self.calm();
                String::new()
            }
            Step::Arrive => format!("answers {:?}", self.arrive().await),
            Step::ExpireTokens => {
                self.test.google.expire_sync_tokens();
                String::new()
            }
            Step::Revoke(tutor) => {
                self.test.google.revoke_grants(&self.tutor(*tutor).account);
                self.memory().known[tutor % TUTORS].is_revoked = true;
                String::new()
            }
            Step::Disconnect(tutor) => self.disconnect(tutor % TUTORS).await,
            Step::Connect(_) | Step::Mend | Step::AtOnce(_) => unreachable!("{step:?}"),
        }
    }

    /// Moves the clock on. What is late arrives before that would be too late.
    pub async fn pass(&self, time: TimeDelta) -> String {
        let late_since = self.memory().late_since;
        let until = self.test.now() + time;
        let mut outcome = String::new();
        if late_since.is_some_and(|since| since + LATEST <= until) {
            outcome = format!("before that arrives {:?}", self.arrive().await);
        }
        self.test.pass(time);
        outcome
    }

    /// Runs the jobs that are due; how many.
    pub async fn work(&self, instances: usize) -> usize {
        let apps = self.instances.iter().chain([&self.test.app]);
        let working = apps.take(instances).map(jobs::run_due);
        let working = tokio::time::timeout(PATIENCE, join_all(working)).await;
        let ran = working.expect("jobs that have no end");
        ran.into_iter().map(Result::unwrap).sum()
    }

    fn times(&self, Slot(day, half_hour): Slot, minutes: i64) -> Times {
        let mut date = self.test.now().date_naive() + TimeDelta::days(day);
        while date.weekday().number_from_monday() > 5 {
            date += TimeDelta::days(1);
        }
        let seven = date.and_hms_opt(7, 0, 0).unwrap().and_utc();
        let start = seven + TimeDelta::minutes(30 * half_hour);
        (start, start + TimeDelta::minutes(minutes))
    }

    /// As that of an instance or the other.
    fn person(&self, person: &Person, time: Times) -> Person {
        let is_even = time.0.timestamp() / 1800 % 2 == 0;
        person.at(if is_even {
            &self.test.base
        } else {
            &self.other
        })
    }

    async fn book(&self, (student, tutor): (usize, usize), time: Times, is_alone: bool) -> String {
        let lesson = self.tutors[tutor].at_centre.lesson_over(time);
        let before = self.before_booking(tutor, is_alone).await;
        let person = self.person(&self.students[student], time);
        let answer = person.post("/v1/bookings", &lesson).await;
        if answer.status == 201 {
            self.expect_free(tutor, before, time).await;
            self.remember_booking(&answer.body, student, tutor);
        }
        outcome(&answer)
    }

    fn remember_booking(&self, booking: &Value, student: usize, tutor: usize) {
        let id = booking["id"].as_str().unwrap().to_owned();
        self.memory().bookings.push(Booking { id, student, tutor });
    }

    /// One of the last bookings, mostly one that was just made.
    fn booking(&self, number: usize) -> Option<(String, usize, usize)> {
        let memory = self.memory();
        let among = if number.is_multiple_of(3) { 25 } else { 4 };
        let recent = memory.bookings.len().saturating_sub(among);
        let recent = &memory.bookings[recent..];
        let booking = recent.get(number % recent.len().max(1))?;
        Some((booking.id.clone(), booking.student, booking.tutor))
    }

    async fn reschedule(&self, booking: usize, at: Slot, is_alone: bool) -> String {
        let Some((id, student, tutor)) = self.booking(booking) else {
            return "no booking".to_owned();
        };
        let time = self.times(at, 60);
        let before = self.before_booking(tutor, is_alone).await;
        let person = self.person(&self.students[student], time);
        let to = json!({"start": time.0, "end": time.1});
        let path = format!("/v1/bookings/{id}/reschedule");
        let answer = post_any_version(&person, &path, &to).await;
        if answer.status == 200 {
            self.expect_free(tutor, before, time).await;
        }
        format!("{} {id}", outcome(&answer))
    }

    async fn cancel(&self, booking: usize, by_tutor: bool) -> String {
        let Some((id, student, tutor)) = self.booking(booking) else {
            return "no booking".to_owned();
        };
        let person = if by_tutor {
            self.tutors[tutor].person()
        } else {
            &self.students[student]
        };
        let path = format!("/v1/bookings/{id}/cancel");
        let answer = post_any_version(person, &path, &json!({})).await;
        format!("{} {id}", outcome(&answer))
    }

    async fn hand_over(&self, booking: usize, tutor: usize) -> String {
        let Some((id, ..)) = self.booking(booking) else {
            return "no booking".to_owned();
        };
        let path = format!("/v1/bookings/{id}/reassign");
        let to = json!({"tutor_id": self.tutors[tutor].id().0});
        let answer = post_any_version(&self.admin, &path, &to).await;
        if answer.status == 200 {
            let mut memory = self.memory();
            let booking = memory.bookings.iter_mut().find(|it| it.id == id);
            booking.unwrap().tutor = tutor;
        }
        format!("{} {id}", outcome(&answer))
    }

    async fn open(&self, tutor: usize, at: Slot, seats: i16) -> String {
        let mut lesson = self.tutors[tutor].at_centre.lesson_over(self.times(at, 60));
        lesson["capacity"] = json!(seats);
        let opened = self.tutors[tutor].person().post("/v1/lessons", &lesson);
        let opened = opened.await;
        if opened.status == 201 {
            let id = opened.body["id"].as_str().unwrap().to_owned();
            self.memory().lessons.push((id, tutor));
        }
        outcome(&opened)
    }

    /// One of the last group lessons.
    fn lesson(&self, number: usize) -> Option<(String, usize)> {
        let memory = self.memory();
        let recent = memory.lessons.len().saturating_sub(8);
        let recent = &memory.lessons[recent..];
        recent.get(number % recent.len().max(1)).cloned()
    }

    async fn join(&self, lesson: usize, student: usize) -> String {
        let Some((id, tutor)) = self.lesson(lesson) else {
            return "no lesson".to_owned();
        };
        let path = format!("/v1/lessons/{id}/join");
        let joined = self.students[student].post(&path, &json!({})).await;
        if joined.status == 201 {
            self.remember_booking(&joined.body, student, tutor);
        }
        format!("{} {id}", outcome(&joined))
    }

    async fn of_lesson(&self, lesson: usize, deed: &str, body: &Value) -> String {
        let Some((id, tutor)) = self.lesson(lesson) else {
            return "no lesson".to_owned();
        };
        let path = format!("/v1/lessons/{id}/{deed}");
        let done = self.tutors[tutor].person().post(&path, body).await;
        format!("{} {id}", outcome(&done))
    }

    /// The events of lessons that stand in the calendars of a tutor.
    pub fn lesson_events(&self, tutor: usize) -> Vec<LessonEvent> {
        let mut found = Vec::new();
        for calendar in &self.tutors[tutor].calendars {
            for event in self.test.google.events(calendar) {
                let mark = &event["extendedProperties"]["private"][MARK];
                if let Some(lesson) = mark.as_str().map(str::to_owned) {
                    let calendar = calendar.clone();
                    found.push(LessonEvent {
                        tutor,
                        calendar,
                        lesson,
                        event,
                    });
                }
            }
        }
        found
    }

    pub fn lesson_event(&self, number: usize) -> Option<LessonEvent> {
        let all = (0..TUTORS).flat_map(|tutor| self.lesson_events(tutor));
        let mut all: Vec<_> = all.collect();
        let count = all.len().max(1);
        (number % count < all.len()).then(|| all.swap_remove(number % count))
    }

    fn answer(&self, number: usize, answer: &str) -> String {
        let Some(lesson) = self.lesson_event(number) else {
            return "no lesson".to_owned();
        };
        let guests = lesson.event["attendees"].as_array();
        let Some(guest) = guests.and_then(|guests| guests.get(number % guests.len().max(1))) else {
            return "no guest".to_owned();
        };
        let (guest, id) = (guest["email"].as_str().unwrap(), &lesson.event["id"]);
        let answer = json!({"attendees": [{"email": guest, "responseStatus": answer}]});
        let google = &self.test.google;
        let answered = google.patch_event(guest, id.as_str().unwrap(), &answer);
        answered.map_or_else(
            |refusal| refusal,
            |_| format!("{guest} of {}", lesson.lesson),
        )
    }

    /// The event of a lesson that is ahead, which its tutor is about to change.
    fn event_to_change(&self, number: usize) -> Option<LessonEvent> {
        let found = self.lesson_event(number)?;
        let start = at(found.event["start"]["dateTime"].as_str()?);
        (start > self.test.now()).then(|| {
            self.memory().changed.insert(found.lesson.clone());
            found
        })
    }

    fn drag(&self, number: usize, to: Slot) -> String {
        let Some(found) = self.event_to_change(number) else {
            return "no lesson".to_owned();
        };
        let time = |side: &str| at(found.event[side]["dateTime"].as_str().unwrap());
        let minutes = (time("end") - time("start")).num_minutes();
        let (start, end) = self.times(to, minutes);
        let changes = json!({"start": {"dateTime": start}, "end": {"dateTime": end}});
        let id = found.event["id"].as_str().unwrap();
        let google = &self.test.google;
        let dragged = google.patch_event(&found.calendar, id, &changes);
        dragged.map_or_else(
            |refusal| refusal,
            |_| format!("{} to {start}", found.lesson),
        )
    }

    fn remove(&self, number: usize) -> String {
        let Some(found) = self.event_to_change(number) else {
            return "no lesson".to_owned();
        };
        let id = found.event["id"].as_str().unwrap();
        self.test.google.delete_event(&found.calendar, id);
        found.lesson
    }

    async fn choose(&self, tutor: usize, blocking: u8, receiving: usize) -> String {
        let person = self.tutors[tutor].person();
        let read = person.get(CALENDARS).await;
        let (etag, list) = (read.etag(), read.expect(200));
        let items = list["items"].as_array().unwrap();
        let chosen = items.iter().enumerate();
        let chosen = chosen.filter(|(n, _)| (blocking >> n) & 1 == 1);
        let chosen: Vec<_> = chosen.map(|(_, item)| &item["id"]).collect();
        let own = items.iter().filter(|item| item["access_role"] == "owner");
        let own: Vec<_> = own.map(|item| &item["id"]).collect();
        let receiving = own.get(receiving % (own.len() + 1));
        let body = json!({"blocking": chosen, "receiving": receiving});
        let edited = person.edit(Method::PUT, CALENDARS, &etag, &body).await;
        outcome(&edited)
    }

    pub async fn connect(&mut self, tutor: usize) -> String {
        let Tutor {
            at_centre, account, ..
        } = &mut self.tutors[tutor % TUTORS];
        let connected = at_centre.person.connect_calendar(account, Consent::All);
        let connected = connected.await;
        let now = self.test.now();
        if self.standings().await[tutor % TUTORS].connected_at == Some(now) {
            self.memory().known[tutor % TUTORS].is_revoked = false;
        }
        outcome(&connected)
    }

    /// Connects those whose connection has ended.
    pub async fn mend(&mut self) -> String {
        let mut outcomes = Vec::new();
        for (tutor, standing) in self.standings().await.iter().enumerate() {
            if !standing.is_live {
                outcomes.push(format!("{tutor} {}", self.connect(tutor).await));
            }
        }
        outcomes.join(", ")
    }

    async fn disconnect(&self, tutor: usize) -> String {
        let gone = self.tutors[tutor].person().delete(CONNECTION).await;
        self.memory().known[tutor].busy.clear();
        outcome(&gone)
    }

    /// How a tutor's connection is shown.
    pub async fn connection_of(&self, tutor: usize) -> Value {
        self.tutors[tutor]
            .person()
            .get(CONNECTION)
            .await
            .expect(200)
    }

    pub fn window(&self) -> Span {
        let now = self.test.now();
        Span::new(now, now + AHEAD).unwrap()
    }

    /// When a tutor is busy with what is their own, as Google has it.
    pub fn busy(&self, tutor: usize) -> Vec<Span> {
        let blocking = self.memory().known[tutor].blocking.clone();
        let window = self.window();
        let of = |calendar: &String| {
            let window = (window.start(), window.end());
            let google = &self.test.google;
            google.busy_without(calendar, window, MARK)
        };
        let spans = blocking.iter().flat_map(of);
        let spans = spans.filter_map(|(start, end)| Span::new(start, end));
        intersect(&union(spans.collect()), &[window])
    }

    /// What is known to be busy need not stay so where it stands no more.
    pub fn forget_what_stands_no_more(&self) {
        for tutor in 0..TUTORS {
            let standing = self.busy(tutor);
            let busy = &mut self.memory().known[tutor].busy;
            *busy = intersect(busy, &standing);
        }
    }

    /// What is known before a booking.
    async fn before_booking(&self, tutor: usize, is_alone: bool) -> Before {
        let (is_well, known) = {
            let memory = self.memory();
            let known = &memory.known[tutor];
            (memory.is_calm && !known.is_revoked, known.busy.clone())
        };
        let asks = is_alone && is_well && self.is_to_be_asked(tutor).await;
        let told = asks.then(|| self.busy(tutor));
        Before { known, told }
    }

    /// Whether a booking now asks Google when the tutor is busy.
    async fn is_to_be_asked(&self, tutor: usize) -> bool {
        let asks = "SELECT EXISTS (
            SELECT FROM google_grants JOIN tutors USING (user_id)
            WHERE tutors.id = $1 AND state = 'live' AND coalesce(busy_attempted_at <= $2 - interval '10 seconds', true)
                AND NOT EXISTS (SELECT FROM jobs WHERE kind = 'read_busy_time' AND key = $1::text AND failing_since IS NOT NULL))";
        self.says(asks, tutor).await
    }

    /// Whether Google has told at this instant when the tutor is busy, and not too late for a booking to wait for it.
    async fn is_read(&self, tutor: usize) -> bool {
        let is_read = "SELECT EXISTS (
            SELECT FROM google_grants JOIN tutors USING (user_id) WHERE tutors.id = $1 AND busy_read_at = $2)";
        self.says(is_read, tutor).await
    }

    async fn says(&self, query: &'static str, tutor: usize) -> bool {
        sqlx::query_scalar(query)
            .bind(self.tutors[tutor].id().0)
            .bind(self.test.now())
            .fetch_one(&mut *self.connection.lock().await)
            .await
            .unwrap()
    }

    /// Fails if a tutor was busy then as far as was known, or as Google told, and has been since.
    async fn expect_free(&self, tutor: usize, before: Before, (start, end): Times) {
        let booked = Span::new(start, end).unwrap();
        let busy = match before.told {
            Some(told) if self.is_read(tutor).await => told,
            _ => before.known,
        };
        let busy = intersect(&busy, &self.busy(tutor));
        let busy = intersect(&busy, &[booked]);
        assert!(
            busy.is_empty(),
            "booked while the calendar of tutor {tutor} is known to be busy: {busy:?}"
        );
    }
}

/// When nobody may book a tutor.
struct Before {
    known: Vec<Span>,
    /// Where Google is asked before the booking, what it says.
    told: Option<Vec<Span>>,
}

/// Tina has one calendar. Tom has others beside it, and one of Fred's, and most of them block. What Tess gives comes into a
/// calendar of its own.
async fn tutors(test: &TestApp) -> Vec<Tutor> {
    let centre = Centre::open(test).await;
    for name in [LENDING, INVITING] {
        test.add_account(name);
    }
    let mut tutors = Vec::new();
    let calendars: [(&str, &[&str]); TUTORS] = [
        ("Tina", &[]),
        ("Tom", &["Family", "Club"]),
        ("Tess", &["Lessons"]),
    ];
    for (name, others) in calendars {
        let account = email(name);
        let mut at_centre = centre.tutor(test, name).await;
        let mut calendars = vec![account.clone()];
        calendars.extend(
            others
                .iter()
                .map(|it| test.google.add_calendar(&account, it)),
        );
        if name == "Tom" {
            let fred = email(LENDING);
            test.google
                .share_calendar(&fred, &account, "freeBusyReader");
            calendars.push(fred);
        }
        let connected = at_centre.person.connect_calendar(&account, Consent::All);
        connected.await.expect(303);
        tutors.push(Tutor {
            at_centre,
            account,
            calendars,
        });
    }
    test.run_jobs().await;
    for tutor in &tutors[1..] {
        let read = tutor.person().get(CALENDARS).await;
        let (etag, list) = (read.etag(), read.expect(200));
        let items = list["items"].as_array().unwrap();
        let ids: Vec<_> = items.iter().map(|item| &item["id"]).collect();
        let lessons = items.iter().find(|item| item["summary"] == "Lessons");
        let choice = json!({"blocking": ids, "receiving": lessons.map(|it| &it["id"])});
        let edited = tutor.person().edit(Method::PUT, CALENDARS, &etag, &choice);
        edited.await.expect(200);
    }
    test.run_jobs().await;
    tutors
}

async fn post_any_version(person: &Person, path: &str, body: &Value) -> Answer {
    let request = person.request(Method::POST, path);
    let request = request.header(header::IF_MATCH, "*").json(body);
    person.send(request).await
}

/// What was answered, in short. No input and no trouble of Google's is the server's fault; of many who come at once to a slow
/// machine somebody may be told to try again.
fn outcome(answer: &Answer) -> String {
    let status = answer.status.as_u16();
    let known = [200, 201, 204, 303, 403, 404, 409, 412, 422, 503];
    assert!(known.contains(&status), "{status}: {:#}", answer.body);
    let conflicts = answer.body["conflicts"].as_array().into_iter().flatten();
    let codes = [&answer.body].into_iter().chain(conflicts);
    let codes: Vec<_> = codes.filter_map(|it| it["code"].as_str()).collect();
    let id = answer.body["id"].as_str().unwrap_or_default();
    format!("{status} {}{id}", codes.join(" "))
}
