//! Series: lessons that repeat, booked, cancelled and moved together.

mod booking;
mod changes;

use crate::support::{Answer, Centre, Person, TestApp, TutorAtCentre, at};
use serde_json::{Value, json};

const SERIES: &str = "/v1/series";

/// The first lesson of most tests: a Tuesday at ten in Berlin, 09:00 in UTC. On 28 March the clocks change.
const START: &str = "2027-03-02T10:00";

/// A tutor in Berlin who lets people book a year ahead, two students and an admin.
struct World {
    test: TestApp,
    tutor: TutorAtCentre,
    sam: Person,
    olga: Person,
    ada: Person,
}

impl World {
    async fn new() -> Self {
        let test = TestApp::start().await;
        test.execute("UPDATE centre SET horizon_days = 400").await;
        let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
        Self {
            sam: test.student("Sam").await,
            olga: test.student("Olga").await,
            ada: test.admin("Ada").await,
            tutor,
            test,
        }
    }

    fn weekly(&self, count: usize) -> Value {
        self.wanted(START, &format!("FREQ=WEEKLY;COUNT={count}"))
    }

    fn wanted(&self, start: &str, rule: &str) -> Value {
        json!({
            "tutor_id": self.tutor.id.0, "subject": "mathematics", "level": "School",
            "start": start, "minutes": 60, "rule": rule,
        })
    }

    /// Books it; the series.
    async fn book(&self, student: &Person, wanted: &Value) -> Value {
        let booked = student.post(SERIES, wanted).await;
        let location = booked.headers["location"].to_str().unwrap().to_owned();
        let series = booked.expect(201);
        assert_eq!(location, path(&series, ""));
        series
    }

    /// A lesson of Olga, who is in the way.
    async fn take(&self, start: &str) {
        let lesson = self.tutor.lesson(start, 60);
        self.olga.post("/v1/bookings", &lesson).await.expect(201);
    }

    async fn count(&self, table: &str) -> i64 {
        self.test
            .count(&format!("SELECT count(*) FROM {table}"))
            .await
    }

    async fn read(&self, series: &Value) -> Value {
        self.sam.get(&path(series, "")).await.expect(200)
    }
}

fn path(series: &Value, below: &str) -> String {
    format!("{SERIES}/{}{below}", series["id"].as_str().unwrap())
}

/// A field of each, and how each stands.
fn each<'a>(items: &'a Value, fields: &[&str]) -> Vec<String> {
    let text = |item: &'a Value, field: &&str| item[*field].as_str().unwrap_or("null").to_owned();
    let items = items.as_array().unwrap().iter();
    items
        .map(|item| {
            let texts: Vec<_> = fields.iter().map(|field| text(item, field)).collect();
            texts.join(" ")
        })
        .collect()
}

/// When the bookings begin that stand.
fn standing(series: &Value) -> Vec<String> {
    let all = each(&series["bookings"], &["start", "status"]);
    let stand = all.iter().filter_map(|it| it.strip_suffix(" confirmed"));
    stand.map(str::to_owned).collect()
}

fn verdicts(occurrences: &Value) -> Vec<String> {
    each(occurrences, &["recurrence_id", "verdict"])
}

fn codes(occurrence: &Value) -> Vec<String> {
    each(&occurrence["conflicts"], &["code"])
}

fn skip(recurrence_id: &str) -> Value {
    json!({"recurrence_id": recurrence_id, "skip": true})
}

async fn dry_run(person: &Person, wanted: &Value) -> Answer {
    person.post(&format!("{SERIES}?dry_run=true"), wanted).await
}
