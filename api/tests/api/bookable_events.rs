//! Events of a tutor's own Google calendar that students join.

mod following;
mod guests;
mod opening;
mod tags;

use crate::support::{
    Answer, Centre, Person, TestApp, TutorAtCentre, at, email,
    lesson::{FIRST, FOURTH, SECOND, THIRD},
};
use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};

const EVENTS: &str = "/v1/calendar/bookable-events";
const GUEST: &str = "zoe@example.org";

/// Tina has office hours at [`FIRST`] in her calendar, to which she has invited Zoe herself.
struct World {
    test: TestApp,
    centre: Centre,
    tutor: TutorAtCentre,
    sam: Person,
    olga: Person,
    /// Our id of Tina's main calendar.
    calendar: String,
    /// What Google calls the event.
    event: String,
}

impl World {
    async fn new() -> Self {
        let test = TestApp::start().await;
        let centre = Centre::open(&test).await;
        let tutor = centre.connected_tutor(&test, "Tina").await;
        let (sam, olga) = (test.student("Sam").await, test.student("Olga").await);
        let calendars = tutor.person.get("/v1/calendar/calendars").await.expect(200);
        let event = insert(&test, &tutor.email, FIRST);
        let world = Self {
            calendar: calendars["items"][0]["id"].as_str().unwrap().to_owned(),
            event,
            test,
            centre,
            tutor,
            sam,
            olga,
        };
        world.edit(&json!({
            "description": "Room 7.", "attendees": [{"email": GUEST, "responseStatus": "accepted"}],
        }));
        world.read_anew().await;
        world
    }

    /// As [`World::new`], with the event open and Sam and Olga in it; where their bookings are.
    async fn joined() -> (Self, String, String) {
        let world = Self::new().await;
        let lesson = place(&world.open().await);
        let of_sam = world.join(&world.sam, &lesson).await;
        let of_olga = world.join(&world.olga, &lesson).await;
        world.test.run_jobs().await;
        world.read_anew().await;
        assert_eq!(world.guests(), [email("Olga"), email("Sam"), GUEST.into()]);
        (world, of_sam, of_olga)
    }

    fn wanted(&self, event: &str) -> Value {
        json!({
            "calendar_id": self.calendar, "event_id": event, "subject": "mathematics", "level": "School", "capacity": 3,
        })
    }

    async fn open(&self) -> Answer {
        self.open_event(&self.event).await
    }

    async fn open_event(&self, event: &str) -> Answer {
        self.tutor.person.post(EVENTS, &self.wanted(event)).await
    }

    /// Joins a lesson; where the booking is.
    async fn join(&self, student: &Person, lesson: &str) -> String {
        place(&student.post(&format!("{lesson}/join"), &json!({})).await)
    }

    /// Lets a minute pass, and what is due be done.
    async fn read_anew(&self) {
        self.after(TimeDelta::minutes(1)).await;
    }

    async fn after(&self, time: TimeDelta) {
        self.test.pass(time);
        self.test.run_jobs().await;
    }

    /// What the tutor does to the event in Google Calendar.
    fn edit(&self, changes: &Value) {
        let google = &self.test.google;
        google
            .patch_event(&self.tutor.email, &self.event, changes)
            .unwrap();
    }

    fn drag(&self, start: &str, minutes: i64) {
        let (start, end) = (at(start), at(start) + TimeDelta::minutes(minutes));
        self.edit(&json!({"start": {"dateTime": start}, "end": {"dateTime": end}}));
    }

    /// What the tutor makes of the guests.
    fn invite(&self, guests: &[&str]) {
        let guests = guests.iter().map(|email| json!({"email": email}));
        self.edit(&json!({"attendees": guests.collect::<Vec<_>>()}));
    }

    fn event(&self) -> Value {
        let events = self.test.google.events(&self.tutor.email);
        let event = events.into_iter().find(|event| event["id"] == self.event);
        event.unwrap_or_default()
    }

    /// The addresses of the event's guests.
    fn guests(&self) -> Vec<String> {
        guests(&self.event())
    }

    fn starts(&self) -> Vec<String> {
        let mut starts: Vec<_> = self.test.google.events(&self.tutor.email);
        starts.sort_by_key(|event| event["start"]["dateTime"].to_string());
        let starts = starts.iter().map(|event| &event["start"]["dateTime"]);
        starts
            .map(|start| {
                let start = at(start.as_str().unwrap());
                start.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
            })
            .collect()
    }

    /// Whether a student is offered an hour that begins then.
    async fn is_free(&self, start: &str) -> bool {
        let path = "/slots?from=2027-03-02T00:00:00Z&to=2027-03-03T00:00:00Z&minutes=60";
        let slots = self.olga.get(&self.tutor.path(path)).await.expect(200);
        let slots = slots["items"].as_array().unwrap();
        slots.iter().any(|slot| slot["start"] == start)
    }

    /// The drifts that the tutor sees, as kind, status and reasons.
    async fn told(&self) -> Vec<String> {
        let drifts = self.tutor.person.get("/v1/calendar/drifts").await;
        let drifts = drifts.expect(200)["items"].as_array().unwrap().clone();
        let told = drifts.iter().map(|it| {
            let words = it["reasons"].as_array().unwrap().iter();
            let words = [&it["kind"], &it["status"]].into_iter().chain(words);
            let words: Vec<_> = words.map(|it| it.as_str().unwrap()).collect();
            words.join(" ")
        });
        told.collect()
    }
}

/// An event of an hour; what Google calls it.
fn insert(test: &TestApp, calendar: &str, start: &str) -> String {
    let (google, start) = (&test.google, at(start));
    google.insert_busy(calendar, start, start + TimeDelta::hours(1), "Office hours")
}

fn guests(event: &Value) -> Vec<String> {
    let guests = event["attendees"].as_array().into_iter().flatten();
    let mut guests: Vec<_> = guests
        .map(|guest| guest["email"].as_str().unwrap().to_owned())
        .collect();
    guests.sort_unstable();
    guests
}

/// Where that is which was created.
#[track_caller]
fn place(created: &Answer) -> String {
    assert_eq!(created.status, 201, "{:#}", created.body);
    created.headers["location"].to_str().unwrap().to_owned()
}
