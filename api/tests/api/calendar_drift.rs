//! What people do in Google with the events of lessons, and what becomes of the lessons.

mod declined;
mod deleted;
mod moved;
mod unread;

use crate::support::{
    Answer, Centre, Person, TestApp, TutorAtCentre, at, email,
    lesson::{FIRST, THIRD, book},
};
use ::entity::{id::LessonId, lesson};
use api::store::{self, job::Work};
use chrono::TimeDelta;
use reqwest::Method;
use sea_orm::EntityTrait;
use serde_json::{Value, json};

const DRIFTS: &str = "/v1/calendar/drifts";
const POLICY: &str = "/v1/centre/policy";

/// A lesson of Sam with Tina at [`FIRST`], in Tina's calendar, which has been read since.
struct World {
    test: TestApp,
    centre: Centre,
    tutor: TutorAtCentre,
    sam: Person,
    admin: Person,
    /// Where the booking is.
    booking: String,
    lesson: LessonId,
    /// What Google calls the event.
    event: String,
}

impl World {
    async fn new() -> Self {
        let test = TestApp::start().await;
        let centre = Centre::open(&test).await;
        let tutor = centre.connected_tutor(&test, "Tina").await;
        let sam = test.student("Sam").await;
        let admin = test.admin("Ada").await;
        let booking = book(&sam, &tutor, FIRST).await;
        Self::with(test, centre, tutor, (sam, booking), admin).await
    }

    /// A lesson for several at [`FIRST`], which Sam and Olga have joined. The booking is Sam's.
    async fn of_group() -> (Self, Person, String) {
        let test = TestApp::start().await;
        let centre = Centre::open(&test).await;
        let tutor = centre.connected_tutor(&test, "Tina").await;
        let (sam, olga) = (test.student("Sam").await, test.student("Olga").await);
        let admin = test.admin("Ada").await;
        let mut lesson = tutor.lesson(FIRST, 60);
        lesson["capacity"] = json!(4);
        let opened = tutor.person.post("/v1/lessons", &lesson).await;
        let lesson = opened.headers["location"].to_str().unwrap().to_owned();
        let mut bookings = Vec::new();
        for student in [&sam, &olga] {
            let joined = student.post(&format!("{lesson}/join"), &json!({})).await;
            bookings.push(joined.headers["location"].to_str().unwrap().to_owned());
        }
        let [of_sam, of_olga] = bookings.try_into().unwrap();
        let world = Self::with(test, centre, tutor, (sam, of_sam), admin).await;
        (world, olga, of_olga)
    }

    async fn with(
        test: TestApp,
        centre: Centre,
        tutor: TutorAtCentre,
        (sam, booking): (Person, String),
        admin: Person,
    ) -> Self {
        test.run_jobs().await;
        let lesson = lesson::Entity::find().one(&test.app.db).await.unwrap();
        let event = test.google.events(&tutor.email)[0]["id"].clone();
        let world = Self {
            lesson: lesson.unwrap().id,
            event: event.as_str().unwrap().to_owned(),
            test,
            centre,
            tutor,
            sam,
            admin,
            booking,
        };
        world.read_anew().await;
        world
    }

    /// Lets a minute pass, and what is due be done.
    async fn read_anew(&self) {
        self.after(TimeDelta::minutes(1)).await;
    }

    async fn after(&self, time: TimeDelta) {
        self.test.pass(time);
        self.test.run_jobs().await;
    }

    /// Looks at the event once more, whether there is a reason to or not.
    async fn look_again(&self) {
        self.ask_to_follow().await;
        self.test.run_jobs().await;
    }

    async fn ask_to_follow(&self) {
        let work = Work::FollowLessonEvent(self.lesson);
        let (db, now) = (&self.test.app.db, self.test.now());
        store::job::enqueue(db, work, now).await.unwrap();
    }

    /// What the tutor does to the event in Google Calendar.
    fn edit(&self, changes: &Value) {
        let google = &self.test.google;
        google
            .patch_event(&self.tutor.email, &self.event, changes)
            .unwrap();
    }

    /// The tutor drags the event to this time.
    fn drag(&self, start: &str, minutes: i64) {
        let (start, end) = (at(start), at(start) + TimeDelta::minutes(minutes));
        self.edit(&json!({"start": {"dateTime": start}, "end": {"dateTime": end}}));
    }

    fn delete(&self) {
        let google = &self.test.google;
        google.delete_event(&self.tutor.email, &self.event);
    }

    /// What a guest answers to the invitation.
    fn answer(&self, name: &str, response: &str) {
        let answer = json!({"attendees": [{"email": email(name), "responseStatus": response}]});
        let google = &self.test.google;
        google
            .patch_event(&email(name), &self.event, &answer)
            .unwrap();
    }

    async fn set_policy(&self, changes: &[(&str, Value)]) {
        let before = self.admin.get(POLICY).await;
        let etag = before.etag();
        let mut policy = before.expect(200);
        for (name, value) in changes {
            policy[*name] = value.clone();
        }
        let replaced = self.admin.edit(Method::PUT, POLICY, &etag, &policy).await;
        replaced.expect(200);
    }

    /// Lets cancelling cost the lesson, whenever a student does so.
    async fn charge(&self) {
        let path = "/v1/cancellation-policy";
        let etag = self.admin.get(path).await.etag();
        let policy = json!({"policy": {"windows": [], "grace_minutes": 0, "credit_days": 30}});
        let replaced = self.admin.edit(Method::PUT, path, &etag, &policy).await;
        replaced.expect(200);
    }

    async fn booking(&self) -> Value {
        self.sam.get(&self.booking).await.expect(200)
    }

    /// Fails unless the booking stands at this time, and one event in the tutor's calendar.
    async fn assert_at(&self, start: &str) {
        let booking = self.booking().await;
        assert_eq!(booking["status"], "confirmed", "{booking:#}");
        assert_eq!(at(booking["start"].as_str().unwrap()), at(start));
        crate::support::lesson::assert_starts(&self.test, &self.tutor, &[start]);
        assert_eq!(booking["calendar"], "current");
    }

    /// The drifts that the tutor sees, as kind, status and reasons.
    async fn told(&self) -> Vec<String> {
        let drifts = drifts(&self.tutor.person, "").await;
        let told = drifts.iter().map(|it| {
            let words = it["reasons"].as_array().unwrap().iter();
            let words = [&it["kind"], &it["status"]].into_iter().chain(words);
            let words: Vec<_> = words.map(|it| it.as_str().unwrap()).collect();
            words.join(" ")
        });
        told.collect()
    }

    /// How often Calendar was asked for something of an event, as the method says.
    fn asked(&self, method: &str) -> usize {
        let log = self.test.google.requests();
        let of_event = |path: &str| path.contains("/events/") && !path.ends_with("/watch");
        log.iter()
            .filter(|it| it.method == method && of_event(&it.path))
            .count()
    }
}

async fn drifts(person: &Person, query: &str) -> Vec<Value> {
    let page = person.get(&format!("{DRIFTS}{query}")).await.expect(200);
    page["items"].as_array().unwrap().clone()
}

async fn undo(person: &Person, drift: &Value) -> Answer {
    let id = drift["id"].as_str().unwrap();
    let request = person.request(Method::POST, &format!("{DRIFTS}/{id}/undo"));
    person.send(request).await
}

async fn answer(person: &Person, drift: &Value, answer: &str) -> Answer {
    let id = drift["id"].as_str().unwrap();
    let path = format!("{DRIFTS}/{id}/answer");
    person.post(&path, &json!({"answer": answer})).await
}

#[tokio::test]
async fn what_we_write_ourselves_comes_back_and_makes_no_work() {
    let world = World::new().await;
    let moved = json!({"start": THIRD, "end": at(THIRD) + TimeDelta::hours(1)});
    let path = format!("{}/reschedule", world.booking);
    world.sam.post(&path, &moved).await.expect(200);
    world.test.run_jobs().await;
    let before = [world.asked("GET"), world.asked("PATCH")];
    for _ in 0..3 {
        world.read_anew().await;
    }
    // What others make of it is no drift either.
    world.edit(&json!({"description": "Bring the book.", "colorId": "7"}));
    world.answer("Sam", "accepted");
    world.read_anew().await;
    assert_eq!([world.asked("GET"), world.asked("PATCH")], before);
    world.assert_at(THIRD).await;
    assert_eq!(world.told().await, [""; 0]);
}

#[tokio::test]
async fn a_list_comes_in_pages_and_by_status_and_lesson() {
    let world = World::new().await;
    world
        .set_policy(&[("event_moved", json!("put_back"))])
        .await;
    for _ in 0..2 {
        world.drag(THIRD, 60);
        world.read_anew().await;
        world.read_anew().await;
    }
    world.delete();
    world.read_anew().await;
    let told = [
        "moved put_back policy",
        "moved put_back policy",
        "deleted pending",
    ];
    assert_eq!(world.told().await, told);
    let all = drifts(&world.tutor.person, "").await;
    assert_eq!(world.tutor.person.pages_of_one(DRIFTS).await, all);
    let pending = drifts(&world.admin, "?status=pending").await;
    assert_eq!(pending, all[2..]);
    let lesson = world.lesson.to_string();
    let of_lesson = drifts(&world.admin, &format!("?lesson_id={lesson}")).await;
    assert_eq!(of_lesson, all);
    let of_none = format!("?lesson_id={}", uuid::Uuid::now_v7());
    assert_eq!(drifts(&world.admin, &of_none).await, [Value::Null; 0]);
}
