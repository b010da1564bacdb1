//! Edits that are only tried: they answer what the edit then answers, and leave everything as it was.

use crate::support::{Answer, Centre, Person, TestApp, TutorAtCentre, local_hours};
use reqwest::{Method, header};
use serde_json::{Value, json};

struct World {
    test: TestApp,
    tutor: TutorAtCentre,
    admin: Person,
    /// Somebody of whom nothing is said.
    student: String,
    /// Two holiday calendars, Berlin and Hesse.
    calendars: [Value; 2],
}

impl World {
    async fn new() -> Self {
        let test = TestApp::start().await;
        let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
        let admin = test.admin("Ada").await;
        let mut calendars = [Value::Null, Value::Null];
        for (calendar, name) in calendars.iter_mut().zip(["Berlin", "Hesse"]) {
            let new = json!({"name": name, "centre_wide": false});
            *calendar = admin.post(CALENDARS, &new).await.expect(201)["id"].clone();
        }
        Self {
            student: test.student("Sam").await.id().await,
            test,
            tutor,
            admin,
            calendars,
        }
    }

    fn calendar(&self, below: &str) -> String {
        format!("{CALENDARS}/{}{below}", self.calendars[0].as_str().unwrap())
    }

    /// The answers to an edit that is tried and to the edit itself. A text is a calendar file.
    async fn both(&self, edit: &Edit, etag: &str) -> (Answer, Answer) {
        let send = async |query: &str| {
            let path = format!("{}{query}", edit.path);
            let request = self.admin.request(edit.method.clone(), &path);
            let request = request.header(header::IF_MATCH, etag);
            self.admin
                .send(match &edit.body {
                    Value::String(file) => request
                        .header(header::CONTENT_TYPE, "text/calendar")
                        .body(file.clone()),
                    body => request.json(body),
                })
                .await
        };
        let tried = send("?dry_run=true").await;
        (tried, send("").await)
    }
}

const CALENDARS: &str = "/v1/holiday-calendars";

struct Edit {
    /// Where the version is read.
    of: String,
    method: Method,
    path: String,
    body: Value,
}

/// Every edit that can be tried, with lists in another order than that in which they are shown.
fn edits(world: &World) -> Vec<Edit> {
    let edit = |of: &str, method, path: &str, body| Edit {
        of: of.to_owned(),
        method,
        path: path.to_owned(),
        body,
    };
    let tutor = |method, below: &str, body| {
        edit(
            &world.tutor.path(""),
            method,
            &world.tutor.path(below),
            body,
        )
    };
    let calendar =
        |method, below: &str, body| edit(&world.calendar(""), method, &world.calendar(below), body);
    let rule = |day| json!({"weekday": day, "local_start": "09:00", "local_end": "12:00"});
    let offer =
        |subject, level| json!({"subject": subject, "level": level, "lesson_minutes": [60, 45]});
    let holiday = |date, name| json!({"first_date": date, "last_date": date, "name": name});
    let event = |date| format!("BEGIN:VEVENT\r\nDTSTART;VALUE=DATE:{date}\r\nEND:VEVENT\r\n");
    let [berlin, hesse] = &world.calendars;
    let centre = json!({
        "minimum_notice_minutes": 5, "horizon_days": 6, "start_grid_minutes": 15, "start_grid_anchor": "span_start",
        "buffer_before_minutes": 7, "buffer_after_minutes": 8, "max_lessons_per_day": 9, "max_lessons_per_week": null,
        "requires_approval": true, "approval_minutes": 90,
        "hold_minutes": 11, "attendance_days": 12, "calendar_unknown_after_hours": 48,
        "event_moved": "put_back", "event_deleted": "put_back", "event_deleted_grace_minutes": 13, "event_declined": "ask",
    });
    vec![
        tutor(
            Method::PATCH,
            "",
            json!({"bio": "Patient.", "languages": ["pt-BR"], "time_zone": "Asia/Tokyo", "visible": false, "end_date": "2027-06-30"}),
        ),
        tutor(Method::PATCH, "", json!({"end_date": null})),
        tutor(
            Method::PUT,
            "/offers",
            json!({"offers": [offer("physics", "Bachelor"), offer("physics", "School"), offer("mathematics", "School")]}),
        ),
        tutor(
            Method::PUT,
            "/bookable-tags",
            json!({"tags": [{"tag": "#open", "subject": "mathematics", "level": "School", "capacity": 4, "description": ""}]}),
        ),
        tutor(
            Method::PUT,
            "/weekly-rules",
            json!({"rules": [rule("friday"), rule("monday")]}),
        ),
        tutor(
            Method::PUT,
            "/overrides/2027-03-02",
            json!({"hours": [local_hours("15:00-16:00"), local_hours("10:00-11:00")]}),
        ),
        tutor(Method::PUT, "/policy", json!({"horizon_days": 7})),
        tutor(
            Method::PUT,
            "/holiday-calendars",
            json!({"calendar_ids": [hesse, berlin]}),
        ),
        edit(
            "/v1/centre/policy",
            Method::PUT,
            "/v1/centre/policy",
            centre,
        ),
        calendar(
            Method::PATCH,
            "",
            json!({"name": "Bavaria", "centre_wide": true}),
        ),
        calendar(
            Method::PUT,
            "/holidays",
            json!({"holidays": [holiday("2027-05-01", "B"), holiday("2027-05-01", "A"), holiday("2027-04-01", "C")]}),
        ),
        calendar(
            Method::POST,
            "/import",
            json!(format!(
                "BEGIN:VCALENDAR\r\n{}{}END:VCALENDAR\r\n",
                event("20271003"),
                event("20270501")
            )),
        ),
    ]
}

/// Edits of what holds for students.
fn edits_for_students(world: &World) -> [Edit; 3] {
    let edit = |path: &str, body| Edit {
        of: path.to_owned(),
        method: Method::PUT,
        path: path.to_owned(),
        body,
    };
    let windows = json!([{"minutes_before": 60, "consequence": "credit"}]);
    let policy = json!({"windows": windows, "grace_minutes": 1, "credit_days": 2});
    let term = |name, date| json!({"name": name, "first_date": date, "last_date": date});
    let terms = [term("B", "2027-05-01"), term("A", "2027-04-01")];
    let quota = json!({"student_id": world.student, "weekly_minutes": 60});
    [
        edit("/v1/cancellation-policy", json!({"policy": policy})),
        edit("/v1/centre/terms", json!({"terms": terms})),
        edit("/v1/quota", quota),
    ]
}

#[tokio::test]
async fn an_edit_that_is_tried_answers_what_the_edit_then_answers_and_writes_nothing() {
    let world = World::new().await;
    for edit in edits(&world).into_iter().chain(edits_for_students(&world)) {
        let name = format!("{} {}", edit.method, edit.path);
        let before = world.admin.get(&edit.of).await;
        let etag = before.etag();
        let (tried, done) = world.both(&edit, &etag).await;
        assert_eq!(done.status, 200, "{name}: {:#}", done.body);
        assert_eq!(
            (tried.status, &tried.body),
            (done.status, &done.body),
            "{name}"
        );
        assert!(!tried.headers.contains_key(header::ETAG), "{name}");
        // Had the trial moved the version on, the edit would have been refused.
        assert_ne!(done.etag(), etag, "{name}");

        let (tried, refused) = world.both(&edit, &etag).await;
        tried.expect_problem(412, "stale_etag");
        refused.expect_problem(412, "stale_etag");
    }
}

/// Edits of what is refused, with the code.
fn refused(world: &World) -> Vec<(Edit, &'static str)> {
    let nil = uuid::Uuid::nil();
    let overlapping = json!({"hours": [local_hours("10:00-12:00"), local_hours("11:00-13:00")]});
    let unknown =
        json!({"offers": [{"subject": "alchemy", "level": "School", "lesson_minutes": [60]}]});
    let of_tutor = [
        ("/offers", unknown, "unknown_subject"),
        (
            "/holiday-calendars",
            json!({"calendar_ids": [nil]}),
            "unknown_calendar",
        ),
        ("/overrides/2027-03-02", overlapping, "overlaps"),
        ("/overrides/2040-01-01", json!({"hours": []}), "too_many"),
    ];
    let mut edits: Vec<_> = of_tutor
        .into_iter()
        .map(|(below, body, code)| {
            let edit = Edit {
                of: world.tutor.path(""),
                method: Method::PUT,
                path: world.tutor.path(below),
                body,
            };
            (edit, code)
        })
        .collect();
    let taken = Edit {
        of: world.calendar(""),
        method: Method::PATCH,
        path: world.calendar(""),
        body: json!({"name": "Hesse"}),
    };
    edits.push((taken, "taken"));
    edits
}

#[tokio::test]
async fn an_edit_that_is_tried_is_refused_as_the_edit_is() {
    let world = World::new().await;
    world.tutor.fill_overrides(&world.test).await;
    for (edit, code) in refused(&world) {
        let etag = world.admin.get(&edit.of).await.etag();
        for etag in [etag.as_str(), "\"99\""] {
            let (tried, done) = world.both(&edit, etag).await;
            assert_eq!(
                (tried.status, &tried.body),
                (done.status, &done.body),
                "{code}"
            );
            if etag != "\"99\"" {
                let problem = tried.expect_problem(422, "invalid_fields");
                assert_eq!(problem["errors"][0]["code"], code);
            }
        }
        assert_eq!(world.admin.get(&edit.of).await.etag(), etag, "{code}");
    }
}

#[tokio::test]
async fn a_holiday_calendar_that_is_tried_is_not_made() {
    let world = World::new().await;
    let dry = format!("{CALENDARS}?dry_run=true");
    let new = |name| json!({"name": name, "centre_wide": true});
    assert_eq!(world.admin.post(&dry, &new("Bavaria")).await.status, 204);
    let count = "SELECT count(*) FROM holiday_calendars";
    assert_eq!(world.test.count(count).await, 2);
    let tried = world.admin.post(&dry, &new("Hesse")).await;
    let refused = world.admin.post(CALENDARS, &new("Hesse")).await;
    let problem = refused.expect_problem(422, "invalid_fields");
    assert_eq!(problem["errors"][0]["code"], "taken");
    assert_eq!(tried.expect_problem(422, "invalid_fields"), problem);
    // A key that was only tried with is still good for making it.
    let make = async |path: &str| {
        let request = world
            .admin
            .request(Method::POST, path)
            .json(&new("Bavaria"));
        world
            .admin
            .send(request.header("idempotency-key", "one"))
            .await
    };
    assert_eq!(make(&dry).await.status, 204);
    make(CALENDARS).await.expect(201);
}
