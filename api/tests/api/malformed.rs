//! Requests that no client should send: each is refused in the same form, and names what is wrong.

mod addresses;
mod bodies;
mod bookings;
mod lessons;
mod people;
mod queries;
mod time;

use crate::support::{
    Answer, Centre, Person, Raw, TestApp, TutorAtCentre,
    frontend::{BACK, challenge},
};
use serde_json::{Value, json};

/// What nobody outside may read.
const INTERNALS: [&str; 22] = [
    "sqlx",
    "sea_orm",
    "SELECT",
    "panicked",
    "relation",
    "column",
    "constraint",
    "Postgres",
    "src/",
    ".rs",
    env!("CARGO_MANIFEST_DIR"),
    "/home",
    // Of serde and the types that it reads.
    "invalid type",
    "invalid value",
    "struct ",
    "sequence",
    "variant",
    "floating point",
    "target type",
    "parsing failed",
    "end of input",
    "can't be read",
];

/// A request, and how it is refused.
struct Case {
    raw: Raw,
    status: u16,
    code: &'static str,
    /// The fields that are named with their codes, where the status is 422.
    errors: Vec<(&'static str, &'static str)>,
}

impl Case {
    fn new(method: &'static str, target: &str, status: u16, code: &'static str) -> Self {
        let raw = Raw {
            method,
            target: target.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        };
        Self {
            raw,
            status,
            code,
            errors: Vec::new(),
        }
    }

    fn header(mut self, name: &'static str, value: &str) -> Self {
        self.raw.headers.push((name, value.to_owned()));
        self
    }

    fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.raw.body = body.into();
        self
    }
}

/// A body that claims to be JSON.
fn sent(
    method: &'static str,
    target: &str,
    body: impl Into<Vec<u8>>,
    status: u16,
    code: &'static str,
) -> Case {
    Case::new(method, target, status, code)
        .header("Content-Type", "application/json")
        .body(body)
}

/// JSON of which some fields can't be accepted.
fn fields(
    method: &'static str,
    target: &str,
    body: &Value,
    errors: &[(&'static str, &'static str)],
) -> Case {
    text(method, target, &body.to_string(), errors)
}

/// As [`fields`], with the JSON as it is written.
fn text(
    method: &'static str,
    target: &str,
    body: &str,
    errors: &[(&'static str, &'static str)],
) -> Case {
    Case {
        errors: errors.to_vec(),
        ..sent(method, target, body, 422, "invalid_fields")
    }
}

/// A query of which some parameters can't be accepted.
fn query(target: &str, errors: &[(&'static str, &'static str)]) -> Case {
    Case {
        errors: errors.to_vec(),
        ..Case::new("GET", target, 422, "invalid_fields")
    }
}

const ME: &str = "/v1/me";
const TUTOR: &str = "/v1/tutors/{tutor}";
const OFFERS: &str = "/v1/tutors/{tutor}/offers";
const RULES: &str = "/v1/tutors/{tutor}/weekly-rules";
const BOOKINGS: &str = "/v1/bookings";
const CANCEL: &str = "/v1/bookings/{booking}/cancel";
const CONNECTION: &str = "/v1/calendar/connection";
const IDENTITIES: &str = "/v1/me/identities";
const OVERRIDE: &str = "/v1/tutors/{tutor}/overrides/2027-03-02";
const TIME_OFF: &str = "/v1/tutors/{tutor}/time-off";
const ABSENCES: &str = "/v1/tutors/{tutor}/absences";
const REASSIGNMENTS: &str = "/v1/absences/{absence}/reassignments";
const ABSENCE_OFFERS: &str = "/v1/absences/{absence}/offers";
const POLICY: &str = "/v1/tutors/{tutor}/policy";
const FOLLOWED: &str = "/v1/tutors/{tutor}/holiday-calendars";
const CENTRE: &str = "/v1/centre/policy";
const CALENDARS: &str = "/v1/holiday-calendars";
const CALENDAR: &str = "/v1/holiday-calendars/{calendar}";
const HOLIDAYS: &str = "/v1/holiday-calendars/{calendar}/holidays";
const USER: &str = "/v1/users/{other}";
const ROLES: &str = "/v1/users/{other}/roles";
const APPS: &str = "/v1/third-party-apps";
const APP: &str = "/v1/third-party-apps/{app}";
const IMPORT: &str = "/v1/holiday-calendars/{calendar}/import";

/// Those on events of tutors' own.
fn operations_on_events() -> [(&'static str, &'static str, Value); 2] {
    let opening = json!({
        "calendar_id": uuid::Uuid::nil(), "event_id": "x", "subject": "mathematics", "level": "School", "capacity": 4,
    });
    let tag = json!({"tag": "#open", "subject": "mathematics", "level": "School", "capacity": 4});
    [
        ("POST", "/v1/calendar/bookable-events", opening),
        (
            "PUT",
            "/v1/tutors/{tutor}/bookable-tags",
            json!({ "tags": [tag] }),
        ),
    ]
}

/// Those on several lessons or students at once.
fn operations_on_lessons(tutor: &TutorAtCentre) -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("POST", "/v1/lessons", lessons::good(tutor)),
        ("PATCH", lessons::LESSON, lessons::changes()),
        (
            "POST",
            "/v1/lessons/{lesson}/join",
            json!({"student_id": uuid::Uuid::nil()}),
        ),
        (
            "POST",
            "/v1/lessons/{lesson}/cancel",
            json!({"reason": "ill"}),
        ),
        (
            "POST",
            "/v1/lessons/{lesson}/reschedule",
            json!({"start": "2027-03-03T08:00:00Z", "end": "2027-03-03T09:00:00Z"}),
        ),
        (
            "POST",
            "/v1/waitlist",
            json!({"wish": {
                "subject": "mathematics", "level": "School", "minutes": 60,
                "windows": [{"start": "2027-03-09T08:00:00Z", "end": "2027-03-09T12:00:00Z"}],
            }}),
        ),
        ("POST", "/v1/waitlist-offers/accept", json!({"token": "x"})),
        (
            "POST",
            "/v1/waitlist/{booking}/accept",
            json!({"pay_with": "credit"}),
        ),
        (
            "POST",
            "/v1/waitlist/{booking}/decline",
            json!({"hold_id": "01a2037d-3c83-7367-b0cb-efdb96f3cd29"}),
        ),
        (
            "POST",
            "/v1/holds/{booking}/book",
            json!({"pay_with": "credit"}),
        ),
        (
            "POST",
            "/v1/series",
            json!({
                "tutor_id": tutor.id.0, "subject": "mathematics", "level": "School", "start": "2027-03-03T09:00",
                "minutes": 60, "rule": "FREQ=WEEKLY;COUNT=2", "exceptions": [],
            }),
        ),
        (
            "POST",
            "/v1/series/{series}/cancel",
            json!({"scope": "all"}),
        ),
        (
            "POST",
            "/v1/series/{series}/reschedule",
            json!({"scope": "all", "recurrence_id": "2027-03-05T09:00", "start": "2027-03-05T10:00"}),
        ),
        (
            "POST",
            "/v1/matchings",
            json!({"requests": [{
                "id": "x", "student_id": tutor.id.0, "subject": "mathematics", "level": "School", "minutes": 60,
                "windows": [{"start": "2027-03-03T08:00:00Z", "end": "2027-03-03T12:00:00Z"}],
            }]}),
        ),
        (
            "POST",
            "/v1/matchings/book",
            json!({"assignments": [{
                "id": "x", "student_id": tutor.id.0, "tutor_id": tutor.id.0, "subject": "mathematics",
                "level": "School", "start": "2027-03-03T08:00:00Z", "end": "2027-03-03T09:00:00Z",
            }]}),
        ),
        (
            "POST",
            ABSENCES,
            json!({"first_date": "2027-04-02", "last_date": "2027-04-02", "reason": "illness"}),
        ),
        (
            "POST",
            REASSIGNMENTS,
            json!({"assignments": [{"booking_id": uuid::Uuid::nil(), "tutor_id": tutor.id.0}]}),
        ),
        (
            "POST",
            ABSENCE_OFFERS,
            json!({"booking_ids": [uuid::Uuid::nil()]}),
        ),
    ]
}

/// Every operation that reads JSON, with a body that it would accept.
fn json_operations(tutor: &TutorAtCentre) -> Vec<(&'static str, &'static str, Value)> {
    let rule = json!({"weekday": "monday", "local_start": "09:00", "local_end": "12:00"});
    let offer = json!({"subject": "mathematics", "level": "School", "lesson_minutes": [60]});
    let mut operations = operations_on_people();
    operations.extend(operations_on_lessons(tutor));
    operations.extend(operations_on_events());
    operations.extend([
        ("PATCH", ME, json!({"name": "Sam"})),
        ("PATCH", TUTOR, json!({"bio": "Patient."})),
        ("PUT", OFFERS, json!({"offers": [offer]})),
        ("PUT", RULES, json!({"rules": [rule]})),
        ("POST", BOOKINGS, tutor.lesson("2027-03-03T08:00:00Z", 60)),
        ("POST", CANCEL, json!({"reason": "ill"})),
        ("POST", "/v1/bookings/{booking}/decline", json!({"reason": "ill"})),
        ("POST", "/v1/bookings/{booking}/attendance", json!({"attended": true})),
        (
            "POST",
            "/v1/bookings/{booking}/reschedule",
            json!({"start": "2027-03-03T08:00:00Z", "end": "2027-03-03T09:00:00Z"}),
        ),
        ("POST", "/v1/holds", tutor.lesson("2027-03-03T08:00:00Z", 60)),
        ("POST", CONNECTION, json!({"return_to": "/docs/"})),
        (
            "POST",
            IDENTITIES,
            json!({"provider": "google", "return_to": "/docs/"}),
        ),
        (
            "POST",
            "/v1/me/identities/authorize",
            json!({"provider": "google", "redirect_uri": BACK, "code_challenge": challenge(), "state": "x"}),
        ),
        (
            "POST",
            "/v1/calendar/connection/authorize",
            json!({"redirect_uri": BACK, "code_challenge": challenge(), "state": "x"}),
        ),
        (
            "POST",
            "/v1/me/identities/redeem",
            json!({"code": "x", "code_verifier": "x", "redirect_uri": BACK}),
        ),
        (
            "POST",
            "/v1/calendar/connection/redeem",
            json!({"code": "x", "code_verifier": "x", "redirect_uri": BACK}),
        ),
        (
            "PUT",
            OVERRIDE,
            json!({"hours": [crate::support::local_hours("09:00-12:00")]}),
        ),
        (
            "POST",
            TIME_OFF,
            json!({"first_date": "2027-04-01", "last_date": "2027-04-01", "note": ""}),
        ),
        (
            "PUT",
            POLICY,
            json!({"horizon_days": 60, "start_grid_anchor": "midnight"}),
        ),
        ("PUT", FOLLOWED, json!({"calendar_ids": []})),
        ("PUT", "/v1/calendar/calendars", json!({"blocking": []})),
        ("PUT", CENTRE, time::policy()),
        (
            "PUT",
            "/v1/cancellation-policy",
            json!({"policy": {"windows": [], "grace_minutes": 0, "credit_days": 30}}),
        ),
        (
            "PUT",
            "/v1/centre/terms",
            json!({"terms": [{"name": "Spring", "first_date": "2027-04-01", "last_date": "2027-07-01"}]}),
        ),
        (
            "POST",
            "/v1/credits",
            json!({"student_id": uuid::Uuid::nil(), "subject": "mathematics", "kind": "grant", "minutes": 60, "reason": "x"}),
        ),
        (
            "PUT",
            "/v1/quota",
            json!({"student_id": uuid::Uuid::nil(), "weekly_minutes": 60}),
        ),
        (
            "POST",
            CALENDARS,
            json!({"name": "Hesse", "centre_wide": false}),
        ),
        ("PATCH", CALENDAR, json!({"centre_wide": false})),
        (
            "PUT",
            HOLIDAYS,
            json!({"holidays": [{"first_date": "2027-05-01", "last_date": "2027-05-01", "name": "May Day"}]}),
        ),
    ]);
    operations
}

/// Those about people and what they may do.
fn operations_on_people() -> Vec<(&'static str, &'static str, Value)> {
    let id = uuid::Uuid::nil();
    let key = json!({"scopes": ["bookings:read"], "expires_at": "2027-12-01T00:00:00Z", "tutor_ids": [id], "subjects": ["mathematics"]});
    vec![
        (
            "POST",
            "/v1/calendar/drifts/0198c5a0-6f2e-7c3a-9d41-3f8f6a1b2c3d/answer",
            json!({"answer": "come"}),
        ),
        ("PUT", ROLES, json!({"roles": ["student"]})),
        ("POST", "/v1/users/{other}/suspend", json!({"reason": "x"})),
        (
            "POST",
            "/v1/guardianships",
            json!({"guardian_id": id, "student_id": id}),
        ),
        (
            "POST",
            "/v1/invitations",
            json!({"role": "guardian", "email": "grandma@example.com"}),
        ),
        (
            "POST",
            "/v1/subjects",
            json!({"slug": "biology", "name": "Biology", "levels": ["School"]}),
        ),
        (
            "PATCH",
            "/v1/subjects/physics",
            json!({"name": "Physics", "levels": ["School", "Bachelor"]}),
        ),
        ("POST", APPS, json!({"name": "Kiosk"})),
        ("PATCH", APP, json!({"name": "Kiosk", "enabled": true})),
        ("POST", "/v1/third-party-apps/{app}/keys", key),
        (
            "POST",
            "/v1/bookings/{booking}/reassign",
            json!({"tutor_id": id}),
        ),
    ]
}

/// What only admins may stands in such paths.
const OF_ADMINS: [&str; 12] = [
    "/v1/absences",
    "/cancellation-policy",
    "/v1/credits",
    "/v1/quota",
    "/v1/subjects",
    "/centre/",
    CALENDARS,
    "/users/",
    APPS,
    "/guardianships",
    "/reassign",
    "/matchings",
];

struct World {
    // Stands as long as the test.
    _test: TestApp,
    tutor: TutorAtCentre,
    student: Person,
    admin: Person,
    absence: String,
    booking: String,
    lesson: String,
    series: String,
    calendar: String,
    /// A user to whom nothing matters.
    other: String,
    app: String,
}

impl World {
    async fn new() -> Self {
        let test = TestApp::start().await;
        let centre = Centre::open(&test).await;
        let tutor = centre.tutor(&test, "Tina").await;
        let student = test.student("Sam").await;
        let booked = student
            .post("/v1/bookings", &tutor.lesson("2027-03-02T08:00:00Z", 60))
            .await
            .expect(201);
        let booking = booked["id"].as_str().unwrap().to_owned();
        let opened = lessons::good(&tutor);
        let opened = tutor.person.post("/v1/lessons", &opened).await;
        let lesson = opened.expect(201)["id"].as_str().unwrap().to_owned();
        let series = json!({
            "tutor_id": tutor.id.0, "subject": "mathematics", "level": "School",
            "start": "2027-03-05T09:00", "minutes": 60, "rule": "FREQ=WEEKLY;COUNT=2",
        });
        let series = student.post("/v1/series", &series).await.expect(201);
        let day =
            json!({"first_date": "2027-04-03", "last_date": "2027-04-03", "reason": "family"});
        let absence = tutor.person.post(&tutor.path("/absences"), &day).await;
        let absence = absence.expect(201);
        let admin = test.admin("Ada").await;
        let other = test.student("Olga").await.id().await;
        let app = admin
            .post(APPS, &json!({"name": "Kiosk"}))
            .await
            .expect(201);
        let calendar = json!({"name": "Berlin", "centre_wide": false});
        let calendar = admin.post(CALENDARS, &calendar).await.expect(201);
        Self {
            _test: test,
            tutor,
            student,
            admin,
            absence: absence["id"].as_str().unwrap().to_owned(),
            booking,
            lesson,
            series: series["id"].as_str().unwrap().to_owned(),
            calendar: calendar["id"].as_str().unwrap().to_owned(),
            other,
            app: app["id"].as_str().unwrap().to_owned(),
        }
    }

    fn fill(&self, target: &str) -> String {
        target
            .replace("{tutor}", &self.tutor.id.to_string())
            .replace("{absence}", &self.absence)
            .replace("{booking}", &self.booking)
            .replace("{lesson}", &self.lesson)
            .replace("{series}", &self.series)
            .replace("{calendar}", &self.calendar)
            .replace("{other}", &self.other)
            .replace("{app}", &self.app)
    }

    /// Sends a request as the person who may, with the current version where an edit names none.
    async fn send(&self, raw: &Raw) -> Answer {
        let mut raw = raw.clone();
        let is_read = matches!(raw.method, "GET" | "HEAD") && !raw.target.starts_with(TIME_OFF);
        let person = if is_read && !raw.target.contains(CONNECTION) {
            &self.student
        } else if ["{tutor}", CONNECTION, "/v1/lessons"]
            .iter()
            .any(|part| raw.target.contains(part))
        {
            &self.tutor.person
        } else if OF_ADMINS.iter().any(|part| raw.target.contains(part)) {
            &self.admin
        } else {
            &self.student
        };
        let versioned = [TUTOR, CALENDAR, USER, APP]
            .into_iter()
            .find(|of| raw.target.starts_with(of));
        let versioned = self.fill(versioned.unwrap_or(&raw.target));
        raw.target = self.fill(&raw.target);
        let names_version = raw.headers.iter().any(|(name, _)| *name == "If-Match");
        if (matches!(raw.method, "PATCH" | "PUT" | "DELETE") || raw.target.ends_with("/import"))
            && !names_version
        {
            let path = versioned.split('?').next().unwrap();
            let seen = person.get(path).await;
            if let Some(etag) = seen.headers.get("etag") {
                let etag = etag.to_str().unwrap().to_owned();
                raw.headers.push(("If-Match", etag));
            }
        }
        person.send_raw(&raw).await
    }

    /// All that the requests could have changed.
    async fn state(&self) -> Vec<Value> {
        let mut state = Vec::new();
        for (person, path) in [
            (&self.student, ME),
            (&self.student, TUTOR),
            (&self.student, RULES),
            (&self.student, BOOKINGS),
            (&self.student, lessons::LESSON),
            (&self.tutor.person, "/v1/bookings?as=tutor"),
            (&self.tutor.person, ME),
            (&self.tutor.person, CONNECTION),
            (&self.tutor.person, "/v1/tutors/{tutor}/overrides"),
            (&self.tutor.person, TIME_OFF),
            (&self.tutor.person, POLICY),
            (&self.tutor.person, FOLLOWED),
            (&self.admin, CENTRE),
            (&self.admin, "/v1/cancellation-policy"),
            (&self.admin, "/v1/centre/terms"),
            (&self.student, "/v1/credits/entries"),
            (&self.student, "/v1/quota"),
            (&self.admin, CALENDARS),
            (&self.admin, CALENDAR),
            (&self.admin, HOLIDAYS),
        ] {
            let answer = person.get(&self.fill(path)).await;
            state.push(json!(
                answer.headers.get("etag").map(|tag| tag.to_str().unwrap())
            ));
            state.push(answer.expect(200));
        }
        state
    }

    /// Why the answer is not the refusal that was expected, if it isn't.
    async fn fault(&self, case: &Case) -> Option<String> {
        let answer = self.send(&case.raw).await;
        let body = &answer.body;
        let got: Vec<_> = body["errors"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|error| {
                (
                    error["field"].as_str().unwrap(),
                    error["code"].as_str().unwrap(),
                )
            })
            .collect();
        let head = case.raw.method == "HEAD";
        let type_ = answer
            .headers
            .get("content-type")
            .map(|value| value.to_str().unwrap());
        let as_expected = answer.status.as_u16() == case.status
            && type_ == Some("application/problem+json")
            && (head || (body["code"] == case.code && body["status"] == case.status))
            && got == case.errors
            && (case.status != 405 || answer.headers.contains_key("allow"))
            && answer.headers.contains_key("x-request-id");
        let told = body.to_string();
        let leak = INTERNALS.iter().find(|internal| told.contains(**internal));
        if as_expected && leak.is_none() {
            return None;
        }
        let mut sent = String::from_utf8_lossy(&case.raw.body).into_owned();
        sent.truncate(sent.floor_char_boundary(200));
        Some(format!(
            "{} {} {:?} {sent}\n  wanted {} {} {:?}, got {} {} {leak:?} {told}",
            case.raw.method,
            case.raw.target,
            case.raw.headers,
            case.status,
            case.code,
            case.errors,
            answer.status,
            type_.unwrap_or_default(),
        ))
    }

    async fn refuses(&self, cases: &[Case]) {
        let before = self.state().await;
        let mut faults = Vec::new();
        for case in cases {
            faults.extend(self.fault(case).await);
        }
        assert!(
            faults.is_empty(),
            "{} of {}:\n{}",
            faults.len(),
            cases.len(),
            faults.join("\n")
        );
        assert_eq!(
            self.state().await,
            before,
            "a refused request changes nothing"
        );
    }
}

#[tokio::test]
async fn a_body_that_is_not_the_json_asked_for_is_refused() {
    let world = World::new().await;
    world.refuses(&bodies::bodies(&world.tutor)).await;
}

#[tokio::test]
async fn an_account_is_not_changed_to_what_can_not_be() {
    World::new().await.refuses(&people::me()).await;
}

#[tokio::test]
async fn a_tutor_is_not_changed_to_what_can_not_be() {
    let world = World::new().await;
    world.refuses(&people::profiles()).await;
    world.refuses(&people::offers()).await;
    world.refuses(&people::sets_of_offers()).await;
    world.refuses(&people::rules()).await;
    world.refuses(&people::sets_of_rules()).await;
}

#[tokio::test]
async fn what_can_not_be_is_neither_booked_nor_cancelled() {
    let world = World::new().await;
    world.refuses(&bookings::bookings(&world.tutor)).await;
    world.refuses(&lessons::lessons(&world.tutor)).await;
    world
        .refuses(&bookings::cancellations_and_connections())
        .await;
}

#[tokio::test]
async fn a_tutors_time_is_not_changed_to_what_can_not_be() {
    let world = World::new().await;
    world.refuses(&time::overrides()).await;
    world.refuses(&time::time_off()).await;
    world.refuses(&time::absences()).await;
    world.refuses(&time::policies()).await;
    world.refuses(&time::holidays()).await;
    world.refuses(&time::calendars()).await;
}

#[tokio::test]
async fn a_query_that_can_not_be_answered_is_refused() {
    let world = World::new().await;
    world.refuses(&queries::lists()).await;
    world.refuses(&queries::slots()).await;
    world.refuses(&time::queries()).await;
    world.refuses(&time::searches()).await;
    world.refuses(&queries::of_absences()).await;
    world.refuses(&queries::of_drifts()).await;
    world.refuses(&queries::others()).await;
}

#[tokio::test]
async fn an_edit_of_no_known_version_is_refused() {
    World::new()
        .await
        .refuses(&addresses::preconditions())
        .await;
}

#[tokio::test]
async fn an_edit_that_names_no_version_is_refused() {
    let world = World::new().await;
    for (method, path) in [
        ("PATCH", ME),
        ("PATCH", TUTOR),
        ("PUT", OFFERS),
        ("PUT", RULES),
        ("PUT", OVERRIDE),
        ("DELETE", OVERRIDE),
        ("PUT", POLICY),
        ("PUT", FOLLOWED),
        ("PUT", CENTRE),
        ("PATCH", CALENDAR),
        ("DELETE", CALENDAR),
        ("PUT", HOLIDAYS),
        ("POST", IMPORT),
    ] {
        let is_for_admins = path.contains(CALENDARS) || path == CENTRE;
        let person = if is_for_admins && path != FOLLOWED {
            &world.admin
        } else {
            &world.tutor.person
        };
        let request = person.request(method.parse().unwrap(), &world.fill(path));
        let answer = person.send(request.json(&json!({}))).await;
        answer.expect_problem(428, "if_match_required");
    }
}

#[tokio::test]
async fn an_address_that_leads_nowhere_is_refused() {
    World::new().await.refuses(&addresses::addresses()).await;
}

/// Of what is longer than the server reads at all it can't say more than the status.
#[tokio::test]
async fn a_head_beyond_all_measure_is_refused() {
    let test = TestApp::start().await;
    let raw = |target: &str, field: usize| Raw {
        method: "GET",
        target: target.to_owned(),
        headers: vec![("x", "a".repeat(field))],
        body: Vec::new(),
    };
    let stranger = test.stranger();
    let answer = stranger.send_raw(&raw("/livez", 200_000)).await;
    assert_eq!(answer.expect(431), json!(""));
    let answer = stranger
        .send_raw(&raw(&format!("/{}", "a".repeat(65_000)), 1))
        .await;
    answer.expect_problem(414, "uri_too_long");
    let answer = stranger
        .send_raw(&raw(&format!("/{}", "a".repeat(200_000)), 1))
        .await;
    assert!([414, 431].contains(&answer.status.as_u16()), "{answer:?}");
}

#[tokio::test]
async fn head_is_answered_like_get_without_the_body() {
    let world = World::new().await;
    for path in ["/livez", ME, TUTOR, "/v1/bookings/{booking}"] {
        let raw = Raw {
            method: "HEAD",
            target: world.fill(path),
            headers: Vec::new(),
            body: Vec::new(),
        };
        let answer = world.student.send_raw(&raw).await;
        let same = world.student.get(&raw.target).await;
        assert_eq!(answer.headers.get("etag"), same.headers.get("etag"));
        assert_eq!(answer.expect(200), json!(""));
    }
}

/// Whatever is sent, the fault is never ours.
#[tokio::test]
async fn no_body_makes_any_operation_fail() {
    let world = World::new().await;
    let operations = json_operations(&world.tutor);
    let documented = serde_json::to_value(api::http::document()).unwrap();
    let with_body = documented["paths"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|item| item.as_object().unwrap().values())
        .filter(|operation| operation["requestBody"]["content"]["application/json"].is_object());
    assert_eq!(
        with_body.count(),
        operations.len(),
        "the operations that read JSON"
    );

    let values = [
        json!(null),
        json!(false),
        json!(0),
        json!(-1),
        json!(1e308),
        json!(i64::MIN),
        json!(u64::MAX),
        json!(""),
        json!("\u{0}"),
        json!("\u{feff}\u{202e}\u{fffd}"),
        json!("'; DROP TABLE users; --"),
        json!("{id}$1%s%n"),
        json!("x".repeat(60_000)),
        json!("2027-03-02T08:00:00.123456789Z"),
        json!("+262142-12-31T23:59:59.999999999Z"),
        json!("9999-12-31T23:59:59+23:59"),
        json!("00000000-0000-0000-0000-000000000000"),
        json!("23:59"),
        json!([]),
        json!([null]),
        json!(vec![0; 20_000]),
        json!({}),
        json!({"": ""}),
    ];
    for (method, target, good) in &operations {
        let mut bodies: Vec<Value> = values.to_vec();
        for path in leaves(good, "") {
            for value in &values {
                let mut bad = good.clone();
                *bad.pointer_mut(&path).unwrap() = value.clone();
                bodies.push(bad);
            }
        }
        for body in bodies {
            let case = sent(method, target, body.to_string(), 0, "");
            let answer = world.send(&case.raw).await;
            let told = answer.body.to_string();
            assert!(
                answer.status.as_u16() < 500,
                "{method} {target} {:.300} {told}",
                body.to_string()
            );
            assert!(
                !told.contains("panicked") && !told.contains("sqlx"),
                "{told}"
            );
        }
    }
}

/// The JSON pointers of all that stands in a value.
fn leaves(value: &Value, at: &str) -> Vec<String> {
    let below: Vec<(String, &Value)> = match value {
        Value::Object(object) => object
            .iter()
            .map(|(key, value)| (format!("{at}/{key}"), value))
            .collect(),
        Value::Array(array) => array
            .iter()
            .enumerate()
            .map(|(key, value)| (format!("{at}/{key}"), value))
            .collect(),
        _ => Vec::new(),
    };
    let mut found: Vec<_> = below.iter().map(|(path, _)| path.clone()).collect();
    found.extend(below.iter().flat_map(|(path, value)| leaves(value, path)));
    found
}

/// Whoever asks for a field by a name of any length gets a short answer.
#[tokio::test]
async fn a_refusal_does_not_repeat_all_that_was_sent() {
    let world = World::new().await;
    let name = "x".repeat(50_000);
    let case = sent(
        "PATCH",
        ME,
        json!({name: 1}).to_string(),
        422,
        "invalid_fields",
    );
    let answer = world
        .send(&case.raw)
        .await
        .expect_problem(422, "invalid_fields");
    assert!(answer.to_string().len() < 1000, "{answer:.2000}");
    let case = sent(
        "POST",
        BOOKINGS,
        json!({"start": "x".repeat(50_000)}).to_string(),
        422,
        "",
    );
    let answer = world
        .send(&case.raw)
        .await
        .expect_problem(422, "invalid_fields");
    assert!(answer.to_string().len() < 1000, "{answer:.2000}");
    let odd = sent("PATCH", ME, "{\"a\\u0000\\u001b\": 1}", 422, "");
    let answer = world
        .send(&odd.raw)
        .await
        .expect_problem(422, "invalid_fields");
    assert_eq!(answer["errors"][0]["field"], "a");
}
