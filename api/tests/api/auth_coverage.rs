//! Every operation of the document, asked by those who may and those who may not.

use crate::support::{Answer, Centre, Person, TestApp, TutorAtCentre};
use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// An operation with a request that looks valid, and what it answers to whom.
struct Row {
    operation: &'static str,
    method: Method,
    /// With `{tutor}`, `{booking}` and others of [`World::path`] for their ids.
    path: &'static str,
    /// A text is a calendar file.
    body: Option<Value>,
    /// Whether the request says which version it edits.
    edit: bool,
    /// Who owns what the request is about.
    owner: Owner,
    stranger: u16,
    /// A student who has nothing to do with it.
    other: u16,
    owned: u16,
}

#[derive(Clone, Copy, PartialEq)]
enum Owner {
    Student,
    /// An admin may too.
    Tutor,
    Admin,
}

impl Row {
    /// Something that anybody who is signed in may read.
    fn read(operation: &'static str, path: &'static str) -> Self {
        Self {
            operation,
            method: Method::GET,
            path,
            body: None,
            edit: false,
            owner: Owner::Student,
            stranger: 401,
            other: 200,
            owned: 200,
        }
    }

    /// Something that anybody may read.
    fn open(operation: &'static str, path: &'static str, status: u16) -> Self {
        let row = Self::read(operation, path);
        Self {
            stranger: status,
            other: status,
            owned: status,
            ..row
        }
    }

    fn sent(self, method: Method, body: Value) -> Self {
        Self {
            method,
            body: Some(body),
            ..self
        }
    }

    fn edit(self, method: Method, body: Value) -> Self {
        let row = self.sent(method, body);
        Self { edit: true, ..row }
    }

    fn removal(self) -> Self {
        Self {
            method: Method::DELETE,
            edit: true,
            ..self
        }
    }

    /// What only the tutor and admins may.
    fn of_tutor(self) -> Self {
        let owned = self.owned;
        self.of(Owner::Tutor).answers(403, owned)
    }

    /// What only admins may.
    fn of_admin(self, owned: u16) -> Self {
        self.of(Owner::Admin).answers(403, owned)
    }

    fn of(self, owner: Owner) -> Self {
        Self { owner, ..self }
    }

    fn answers(self, other: u16, owned: u16) -> Self {
        Self {
            other,
            owned,
            ..self
        }
    }
}

fn table(tutor: &TutorAtCentre) -> Vec<Row> {
    [time_of_tutors(), centre(), others(tutor)]
        .into_iter()
        .flatten()
        .collect()
}

/// When a tutor is there.
fn time_of_tutors() -> Vec<Row> {
    let day = json!({"first_date": "2027-04-01", "last_date": "2027-04-01"});
    vec![
        Row::read("list_overrides", "/v1/tutors/{tutor}/overrides"),
        Row::read("put_override", "/v1/tutors/{tutor}/overrides/{date}")
            .edit(Method::PUT, json!({"hours": []}))
            .of_tutor(),
        Row::read("get_override", "/v1/tutors/{tutor}/overrides/{date}"),
        Row::read("delete_override", "/v1/tutors/{tutor}/overrides/{date}")
            .removal()
            .of(Owner::Tutor)
            .answers(403, 204),
        Row::read("list_time_off", "/v1/tutors/{tutor}/time-off").of_tutor(),
        Row::read("create_time_off", "/v1/tutors/{tutor}/time-off")
            .sent(Method::POST, day)
            .of(Owner::Tutor)
            .answers(403, 201),
        Row::read("get_time_off", "/v1/tutors/{tutor}/time-off/{time_off}").of_tutor(),
        Row::read("delete_time_off", "/v1/tutors/{tutor}/time-off/{time_off}")
            .removal()
            .of(Owner::Tutor)
            .answers(403, 204),
        Row::read("get_tutor_policy", "/v1/tutors/{tutor}/policy"),
        Row::read("replace_tutor_policy", "/v1/tutors/{tutor}/policy")
            .edit(Method::PUT, json!({"horizon_days": 70}))
            .of_tutor(),
        Row::read(
            "list_followed_holiday_calendars",
            "/v1/tutors/{tutor}/holiday-calendars",
        ),
        Row::read(
            "replace_followed_holiday_calendars",
            "/v1/tutors/{tutor}/holiday-calendars",
        )
        .edit(Method::PUT, json!({"calendar_ids": []}))
        .of_tutor(),
        Row::read(
            "explain_slot",
            "/v1/tutors/{tutor}/slots/explain?start=2027-03-02T09:00:00Z&minutes=60",
        ),
        Row::read(
            "search_slots",
            "/v1/slots?subject=mathematics&from=2027-03-02T00:00:00Z&to=2027-03-03T00:00:00Z&minutes=60",
        ),
        Row::read("next_slot", "/v1/slots/next?subject=mathematics&minutes=60"),
    ]
}

/// What only admins edit.
fn centre() -> Vec<Row> {
    let policy = json!({
        "minimum_notice_minutes": 60, "horizon_days": 60, "start_grid_minutes": 30, "start_grid_anchor": "midnight",
        "buffer_before_minutes": 0, "buffer_after_minutes": 0,
    });
    vec![
        Row::read("get_centre_policy", "/v1/centre/policy"),
        Row::read("replace_centre_policy", "/v1/centre/policy")
            .edit(Method::PUT, policy)
            .of_admin(200),
        Row::read("list_holiday_calendars", "/v1/holiday-calendars"),
        Row::read("create_holiday_calendar", "/v1/holiday-calendars")
            .sent(Method::POST, json!({"name": "Hesse", "centre_wide": false}))
            .of_admin(201),
        Row::read("get_holiday_calendar", "/v1/holiday-calendars/{calendar}"),
        Row::read("edit_holiday_calendar", "/v1/holiday-calendars/{calendar}")
            .edit(Method::PATCH, json!({"centre_wide": true}))
            .of_admin(200),
        Row::read("list_holidays", "/v1/holiday-calendars/{calendar}/holidays"),
        Row::read(
            "replace_holidays",
            "/v1/holiday-calendars/{calendar}/holidays",
        )
        .edit(Method::PUT, json!({"holidays": []}))
        .of_admin(200),
        Row::read("import_holidays", "/v1/holiday-calendars/{calendar}/import")
            .edit(
                Method::POST,
                json!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n"),
            )
            .of_admin(200),
        Row::read(
            "delete_holiday_calendar",
            "/v1/holiday-calendars/{calendar}",
        )
        .removal()
        .of_admin(204),
    ]
}

/// All the rest.
fn others(tutor: &TutorAtCentre) -> Vec<Row> {
    let rule = json!({"weekday": "monday", "local_start": "09:00", "local_end": "12:00"});
    let offer = json!({"subject": "mathematics", "level": "School", "lesson_minutes": [60]});
    vec![
        Row::open("livez", "/livez", 200),
        Row::open("readyz", "/readyz", 200),
        Row::open("sign_in", "/v1/auth/sign-in", 303),
        Row::open("finish_sign_in", "/v1/auth/callback?state=a&code=b", 400),
        Row::open(
            "finish_sign_in_at_provider",
            "/v1/auth/callback/{provider}?state=a&code=b",
            400,
        ),
        Row::open("list_providers", "/v1/auth/providers", 200),
        Row::read("list_identities", "/v1/me/identities"),
        Row::read("link_identity", "/v1/me/identities")
            .sent(Method::POST, json!({"provider": "google"})),
        Row {
            method: Method::POST,
            ..Row::read("confirm_identity", "/v1/me/identities/{identity}/confirm")
        }
        .answers(404, 200),
        // The only one by which its user signs in.
        Row {
            method: Method::DELETE,
            ..Row::read("unlink_identity", "/v1/me/identities/{identity}")
        }
        .answers(404, 409),
        Row::read("get_me", "/v1/me"),
        Row::read("edit_me", "/v1/me").edit(Method::PATCH, json!({"time_zone": "Europe/Rome"})),
        Row::read("list_subjects", "/v1/subjects"),
        Row::read("list_tutors", "/v1/tutors"),
        Row::read("get_tutor", "/v1/tutors/{tutor}"),
        Row::read("edit_tutor", "/v1/tutors/{tutor}")
            .edit(Method::PATCH, json!({"bio": "Patient."}))
            .of_tutor(),
        Row::read(
            "list_slots",
            "/v1/tutors/{tutor}/slots?from=2027-03-02T00:00:00Z&to=2027-03-03T00:00:00Z&minutes=60",
        ),
        Row::read("list_offers", "/v1/tutors/{tutor}/offers"),
        Row::read("replace_offers", "/v1/tutors/{tutor}/offers")
            .edit(Method::PUT, json!({"offers": [offer]}))
            .of_tutor(),
        Row::read("list_weekly_rules", "/v1/tutors/{tutor}/weekly-rules"),
        Row::read("replace_weekly_rules", "/v1/tutors/{tutor}/weekly-rules")
            .edit(Method::PUT, json!({"rules": [rule]}))
            .of_tutor(),
        Row::read("list_bookings", "/v1/bookings"),
        // To book is nobody's own: what the owner has taken, another one doesn't get.
        Row::read("create_booking", "/v1/bookings")
            .sent(Method::POST, tutor.lesson("2027-03-02T08:00:00Z", 60))
            .answers(409, 409),
        Row::read("get_booking", "/v1/bookings/{booking}").answers(404, 200),
        Row::read("cancel_booking", "/v1/bookings/{booking}/cancel")
            .sent(Method::POST, json!({}))
            .answers(404, 200),
        Row::read("get_calendar_connection", "/v1/calendar/connection"),
        Row::read("connect_calendar", "/v1/calendar/connection")
            .sent(Method::POST, json!({}))
            .of_tutor(),
        Row {
            method: Method::DELETE,
            ..Row::read("disconnect_calendar", "/v1/calendar/connection")
        }
        .of(Owner::Tutor)
        .answers(204, 204),
        // Last, for nobody is signed in afterwards.
        Row {
            method: Method::POST,
            ..Row::read("sign_out", "/v1/auth/sign-out")
        }
        .answers(204, 204),
    ]
}

struct World {
    test: TestApp,
    tutor: TutorAtCentre,
    student: Person,
    other: Person,
    admin: Person,
    booking: String,
    time_off: String,
    calendar: String,
    /// By which the student signs in.
    identity: String,
}

/// The id of what was created.
fn id(created: Answer) -> String {
    created.expect(201)["id"].as_str().unwrap().to_owned()
}

impl World {
    async fn new() -> Self {
        let test = TestApp::start().await;
        let centre = Centre::open(&test).await;
        let tutor = centre.tutor(&test, "Tina").await;
        let student = test.student("Sam").await;
        let other = test.student("Olga").await;
        let booked = student
            .post("/v1/bookings", &tutor.lesson("2027-03-02T08:00:00Z", 60))
            .await;
        let admin = test.admin("Ada").await;
        let day = json!({"first_date": "2027-04-02", "last_date": "2027-04-02"});
        let off = tutor.person.post(&tutor.path("/time-off"), &day).await;
        let calendar = json!({"name": "Berlin", "centre_wide": false});
        let calendar = admin.post("/v1/holiday-calendars", &calendar).await;
        let identities = student.get("/v1/me/identities").await.expect(200);
        Self {
            test,
            tutor,
            student,
            other,
            admin,
            booking: id(booked),
            time_off: id(off),
            calendar: id(calendar),
            identity: identities["items"][0]["id"].as_str().unwrap().to_owned(),
        }
    }

    fn path(&self, row: &Row) -> String {
        self.fill(row.path)
    }

    fn fill(&self, path: &str) -> String {
        path.replace("{tutor}", &self.tutor.id.to_string())
            .replace("{booking}", &self.booking)
            .replace("{time_off}", &self.time_off)
            .replace("{calendar}", &self.calendar)
            .replace("{identity}", &self.identity)
            .replace("{date}", "2027-03-20")
    }

    /// What is read to learn the version that a row edits.
    fn versioned(&self, row: &Row) -> String {
        let of = ["/v1/tutors/{tutor}", "/v1/holiday-calendars/{calendar}"];
        let of = of.into_iter().find(|of| row.path.starts_with(of));
        self.fill(of.unwrap_or(row.path))
    }

    async fn ask(&self, person: &Person, row: &Row) -> Answer {
        let path = self.path(row);
        let mut request = person.request(row.method.clone(), &path);
        if row.edit {
            let seen = person.get(&self.versioned(row)).await;
            let etag = seen.headers.get("etag").cloned();
            let none = reqwest::header::HeaderValue::from_static("\"1\"");
            request = request.header("if-match", etag.unwrap_or(none));
        }
        match &row.body {
            Some(Value::String(file)) => {
                request = request.header("content-type", "text/calendar");
                request = request.body(file.clone());
            }
            Some(body) => request = request.json(body),
            None => {}
        }
        person.send(request).await
    }
}

/// Each operation as `method path`, with its id and whether it needs a session.
fn documented() -> Vec<(String, String, bool)> {
    let document = serde_json::to_value(api::http::document()).unwrap();
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let security = &operation["security"];
            let needs_session = *security == json!([{"session": []}]);
            assert!(needs_session || *security == json!([{}]), "{method} {path}");
            let id = operation["operationId"].as_str().unwrap().to_owned();
            found.push((format!("{method} {path}"), id, needs_session));
        }
    }
    found
}

fn needs_session(row: &Row) -> bool {
    let found = documented()
        .into_iter()
        .find(|(_, id, _)| id == row.operation);
    found.unwrap().2
}

#[tokio::test]
async fn the_table_holds_every_operation_of_the_document_and_no_other() {
    let world = World::new().await;
    let template = |row: &Row| {
        let path = row.path.split('?').next().unwrap();
        let path = path.replace("{time_off}", "{time_off_id}");
        let path = ["{tutor}", "{booking}", "{calendar}", "{identity}"]
            .iter()
            .fold(path, |path, id| path.replace(id, "{id}"));
        let method = row.method.as_str().to_lowercase();
        (format!("{method} {path}"), row.operation.to_owned())
    };
    let tabled: Vec<_> = table(&world.tutor).iter().map(template).collect();
    let distinct: BTreeSet<_> = tabled.iter().cloned().collect();
    assert_eq!(distinct.len(), tabled.len(), "a row stands twice");
    let documented: BTreeSet<_> = documented()
        .into_iter()
        .map(|(place, id, _)| (place, id))
        .collect();
    let missing: Vec<_> = documented.difference(&distinct).collect();
    assert!(missing.is_empty(), "not in the table: {missing:?}");
    let gone: Vec<_> = distinct.difference(&documented).collect();
    assert!(gone.is_empty(), "not in the document: {gone:?}");
}

#[tokio::test]
async fn who_has_no_live_session_is_told_to_sign_in_wherever_the_document_says_so() {
    let world = World::new().await;
    let stranger = world.test.stranger();
    let mut people = vec![("a stranger", stranger)];
    for made_up in [
        "made-up",
        "",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "%00",
    ] {
        let mut liar = world.test.stranger();
        liar.set_cookie("session", made_up);
        people.push(("a made-up session", liar));
    }
    // The cookie of another name, in which https sites keep theirs, is not looked at on plain http.
    let mut misnamed = world.test.stranger();
    misnamed.set_cookie("__Host-session", world.other.cookie("session").unwrap());
    people.push(("a session under another name", misnamed));
    let token = world.student.cookie("session").unwrap().to_owned();
    let mut expired = world.test.stranger();
    expired.set_cookie("session", &token);
    people.push(("an expired session", expired));
    let mut ended = world.test.stranger();
    ended.set_cookie("session", world.other.cookie("session").unwrap());
    ended
        .send(ended.request(Method::POST, "/v1/auth/sign-out"))
        .await
        .expect(204);
    people.push(("an ended session", ended));

    world.student.get("/v1/me").await.expect(200);
    world.test.pass(TimeDelta::days(30) - TimeDelta::seconds(1));
    world.student.get("/v1/me").await.expect(200);
    world.test.pass(TimeDelta::seconds(1));

    for row in table(&world.tutor) {
        for (who, person) in &people {
            let answer = world.ask(person, &row).await;
            let what = format!("{} for {who}", row.operation);
            assert_eq!(answer.status.as_u16(), row.stranger, "{what}");
            assert_eq!(row.stranger == 401, needs_session(&row), "{what}");
            if row.stranger == 401 {
                assert_eq!(answer.headers["www-authenticate"], "Cookie", "{what}");
                answer.expect_problem(401, "not_signed_in");
            }
        }
    }
}

/// Nobody learns by a 404 or a 422 what there is before having signed in.
#[tokio::test]
async fn a_stranger_is_told_to_sign_in_whatever_is_asked_for() {
    let world = World::new().await;
    let stranger = world.test.stranger();
    let rows = table(&world.tutor);
    for row in rows.iter().filter(|row| row.stranger == 401) {
        let path = row
            .path
            .replace("{tutor}", "x")
            .replace("{calendar}", "x")
            .replace("{booking}", &uuid::Uuid::nil().to_string())
            .replace("{identity}", "x");
        let path = format!("{}?nonsense=1", path.split('?').next().unwrap());
        let request = stranger.request(row.method.clone(), &path).body("{");
        let answer = stranger.send(request).await;
        assert_eq!(answer.status.as_u16(), 401, "{}", row.operation);
        answer.expect_problem(401, "not_signed_in");
    }
}

#[tokio::test]
async fn each_operation_answers_another_student_and_the_owner_as_the_table_says() {
    let world = World::new().await;
    for row in table(&world.tutor) {
        let answer = world.ask(&world.other, &row).await;
        assert_eq!(
            answer.status.as_u16(),
            row.other,
            "{} for another student: {:#}",
            row.operation,
            answer.body
        );
        let owner = match row.owner {
            Owner::Student => &world.student,
            Owner::Tutor => &world.tutor.person,
            Owner::Admin => &world.admin,
        };
        let answer = world.ask(owner, &row).await;
        assert_eq!(
            answer.status.as_u16(),
            row.owned,
            "{} for the owner: {:#}",
            row.operation,
            answer.body
        );
    }
    world.student.get("/v1/me").await.expect(401);
}

#[tokio::test]
async fn an_admin_may_what_a_tutor_may_and_a_tutor_not_what_an_admin_may() {
    let world = World::new().await;
    for row in table(&world.tutor) {
        let (who, answer) = match row.owner {
            Owner::Tutor if row.path.contains("{tutor}") => {
                (row.owned, world.ask(&world.admin, &row).await)
            }
            Owner::Admin => (403, world.ask(&world.tutor.person, &row).await),
            Owner::Student | Owner::Tutor => continue,
        };
        let status = answer.status.as_u16();
        assert_eq!(status, who, "{}: {:#}", row.operation, answer.body);
        if row.owner == Owner::Admin {
            answer.expect_problem(403, "not_an_admin");
        }
    }
}

#[tokio::test]
async fn a_booking_of_somebody_else_is_answered_like_one_that_does_not_exist() {
    let world = World::new().await;
    let nowhere = uuid::Uuid::now_v7().to_string();
    let stray = Centre.tutor(&world.test, "Theo").await.person;
    for person in [&world.other, &stray] {
        for below in ["", "/cancel"] {
            let mut answers = Vec::new();
            for id in [&world.booking, &nowhere] {
                let path = format!("/v1/bookings/{id}{below}");
                let answer = if below.is_empty() {
                    person.get(&path).await
                } else {
                    person.post(&path, &json!({"reason": "x"})).await
                };
                answers.push(answer.expect_problem(404, "not_found"));
            }
            assert_eq!(answers[0], answers[1]);
        }
    }
    let path = format!("/v1/bookings/{}", world.booking);
    let kept = world.student.get(&path).await.expect(200);
    assert_eq!(kept["status"], "confirmed");
}

#[tokio::test]
async fn a_hidden_tutor_is_answered_like_one_that_does_not_exist() {
    let world = World::new().await;
    world.tutor.hide().await;
    let nowhere = uuid::Uuid::now_v7().to_string();
    let rows = table(&world.tutor);
    let about_tutors = rows.iter().filter(|row| row.path.contains("{tutor}"));
    let mut count = 0;
    for row in about_tutors {
        let mut answers = Vec::new();
        for id in [&world.tutor.id.to_string(), &nowhere] {
            let path = world.fill(&row.path.replace("{tutor}", id));
            let mut request = world.other.request(row.method.clone(), &path);
            if let Some(body) = &row.body {
                request = request.header("if-match", "\"4\"").json(body);
            }
            answers.push(
                world
                    .other
                    .send(request)
                    .await
                    .expect_problem(404, "not_found"),
            );
        }
        assert_eq!(answers[0], answers[1], "{}", row.operation);
        count += 1;
    }
    assert_eq!(count, 20);
    let mut wanted = world.tutor.lesson("2027-03-03T08:00:00Z", 60);
    let hidden = world.other.post("/v1/bookings", &wanted).await;
    wanted["tutor_id"] = json!(nowhere);
    let missing = world.other.post("/v1/bookings", &wanted).await;
    assert_eq!(
        hidden.expect_problem(404, "not_found"),
        missing.expect_problem(404, "not_found")
    );
    world
        .tutor
        .person
        .get(&world.tutor.path(""))
        .await
        .expect(200);
}

#[tokio::test]
async fn a_tutor_edits_no_other_tutor() {
    let world = World::new().await;
    let meddler = Centre.tutor(&world.test, "Theo").await.person;
    let rows = table(&world.tutor);
    for row in rows
        .iter()
        .filter(|row| row.path.contains("{tutor}") && row.owner == Owner::Tutor)
    {
        world
            .ask(&meddler, row)
            .await
            .expect_problem(403, "not_your_profile");
    }
    world.tutor.hide().await;
    for row in rows
        .iter()
        .filter(|row| row.path.contains("{tutor}") && row.owner == Owner::Tutor)
    {
        world
            .ask(&meddler, row)
            .await
            .expect_problem(404, "not_found");
    }
}

#[tokio::test]
async fn a_change_that_a_page_of_another_site_asks_for_is_refused() {
    let world = World::new().await;
    for row in table(&world.tutor) {
        let safe = row.method == Method::GET;
        for (header, value) in [
            ("origin", "https://evil.example"),
            ("origin", "null"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            let path = world.path(&row);
            let request = world.student.request(row.method.clone(), &path);
            let answer = world.student.send(request.header(header, value)).await;
            if safe {
                assert_ne!(answer.body["code"], "cross_origin", "{}", row.operation);
            } else {
                answer.expect_problem(403, "cross_origin");
            }
        }
    }
    let origin = world.test.base.origin().ascii_serialization();
    let request = world
        .student
        .request(Method::POST, "/v1/auth/sign-out")
        .header("origin", origin);
    world.student.send(request).await.expect(204);
}
