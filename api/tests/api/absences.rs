//! Tutors who can't teach for a while, and what becomes of their lessons.

mod outcomes;
mod races;
mod reassigning;
mod reporting;

use crate::support::{Centre, Person, TestApp, TutorAtCentre};
use reqwest::Method;
use serde_json::{Value, json};

/// Tina, who falls ill, with Theo and Thea, who teach the same; and a student, Sam.
struct World {
    test: TestApp,
    tina: TutorAtCentre,
    theo: TutorAtCentre,
    thea: TutorAtCentre,
    sam: Person,
    olga: Person,
    admin: Person,
}

/// All of that Tuesday.
const DAY: &str = "2027-03-02";

impl World {
    async fn new() -> Self {
        Self::of(TestApp::start().await).await
    }

    async fn of(test: TestApp) -> Self {
        let centre = Centre::open(&test).await;
        Self {
            tina: centre.connected_tutor(&test, "Tina").await,
            theo: centre.connected_tutor(&test, "Theo").await,
            thea: centre.connected_tutor(&test, "Thea").await,
            sam: test.student("Sam").await,
            olga: test.student("Olga").await,
            admin: test.admin("Ada").await,
            test,
        }
    }

    /// Where the absence of a day is that Tina reports.
    async fn report(&self, date: &str) -> String {
        let path = self.tina.path("/absences");
        let reported = self.tina.person.post(&path, &ill_on(date)).await;
        assert_eq!(reported.status, 201, "{:#}", reported.body);
        reported.headers["location"].to_str().unwrap().to_owned()
    }

    /// What the centre sees of it.
    async fn bookings(&self, absence: &str) -> Vec<Value> {
        let seen = self.admin.get(absence).await.expect(200);
        seen["bookings"].as_array().unwrap().clone()
    }

    async fn states(&self, absence: &str) -> Vec<String> {
        let bookings = self.bookings(absence).await.into_iter();
        bookings.map(|it| text(&it["state"])).collect()
    }

    async fn reassign(&self, absence: &str, body: &Value) -> Vec<Value> {
        let path = format!("{absence}/reassignments");
        let done = self.admin.post(&path, body).await.expect(200);
        done["bookings"].as_array().unwrap().clone()
    }

    async fn offer_all(&self, absence: &str) -> Vec<Value> {
        let path = format!("{absence}/offers");
        let done = self.admin.post(&path, &json!({"all": true})).await;
        done.expect(200)["bookings"].as_array().unwrap().clone()
    }

    /// Makes cancelling cost the lesson, but for these windows.
    async fn charge_after(&self, windows: &Value) {
        let path = "/v1/cancellation-policy";
        let etag = self.admin.get(path).await.etag();
        let policy = json!({"policy": {"windows": windows, "grace_minutes": 0, "credit_days": 30}});
        let replaced = self.admin.edit(Method::PUT, path, &etag, &policy).await;
        replaced.expect(200);
    }

    async fn settle(&self) {
        while api::service::booking::settle(&self.test.app).await.unwrap() {}
    }

    /// The minutes of credit that a student has.
    async fn credit(&self, student: &Person) -> i64 {
        let credits = student.get("/v1/credits").await.expect(200);
        credits["items"][0]["minutes"].as_i64().unwrap_or_default()
    }

    /// How often Google was asked to do this with an event.
    fn asked(&self, method: &str) -> usize {
        let log = self.test.google.requests();
        let asked = |of: &str, path: &str| of == method && path.contains("/events");
        log.iter().filter(|it| asked(&it.method, &it.path)).count()
    }
}

fn ill_on(date: &str) -> Value {
    json!({"first_date": date, "last_date": date, "reason": "illness"})
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn id_of(booking: &str) -> &str {
    booking.rsplit('/').next().unwrap()
}

fn codes(done: &[Value]) -> Vec<String> {
    let code = |it: &Value| match &it["refusal"] {
        Value::Null => text(&it["state"]),
        refusal => text(&refusal["code"]),
    };
    done.iter().map(code).collect()
}
