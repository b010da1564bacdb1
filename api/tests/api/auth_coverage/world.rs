//! A centre with one of everybody, of which any number of copies can be made.

use super::table::Row;
use crate::support::{Answer, Centre, Person, TestApp, TutorAtCentre, email};
use chrono::TimeDelta;
use google::scope::CALENDAR_CALENDARLIST_READONLY;
use google_sandbox::subject;
use reqwest::header::HeaderValue;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    Anonymous,
    Student,
    OtherStudent,
    Tutor,
    OtherTutor,
    Guardian,
    ForeignGuardian,
    Admin,
    Suspended,
    KeyWithoutScope,
    KeyWithScope,
    ExpiredKey,
}

impl Who {
    pub const ALL: [Self; 12] = [
        Self::Anonymous,
        Self::Student,
        Self::OtherStudent,
        Self::Tutor,
        Self::OtherTutor,
        Self::Guardian,
        Self::ForeignGuardian,
        Self::Admin,
        Self::Suspended,
        Self::KeyWithoutScope,
        Self::KeyWithScope,
        Self::ExpiredKey,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Student => "student",
            Self::OtherStudent => "other student",
            Self::Tutor => "tutor",
            Self::OtherTutor => "other tutor",
            Self::Guardian => "guardian",
            Self::ForeignGuardian => "foreign guardian",
            Self::Admin => "admin",
            Self::Suspended => "suspended",
            Self::KeyWithoutScope => "key without scope",
            Self::KeyWithScope => "key with scope",
            Self::ExpiredKey => "expired key",
        }
    }
}

const SCOPES: [&str; 3] = ["availability:read", "bookings:read", "bookings:write"];

pub struct World {
    pub test: TestApp,
    pub tutor: TutorAtCentre,
    people: BTreeMap<Who, Person>,
    /// Keys with one scope each, and keys with all others, in the order of [`SCOPES`].
    keys: Vec<(Person, Person)>,
    /// What stands in paths and bodies for ids, by name.
    ids: BTreeMap<&'static str, String>,
}

/// The id of what was created.
fn id(created: Answer) -> String {
    created.expect(201)["id"].as_str().unwrap().to_owned()
}

/// The scope that an operation asks of a key, by the document.
fn scope(operation: &str) -> Option<String> {
    let document = serde_json::to_value(api::http::document()).unwrap();
    let paths = document["paths"].as_object().unwrap().values();
    let mut operations = paths.flat_map(|item| item.as_object().unwrap().values());
    let found = operations.find(|found| found["operationId"] == operation)?;
    let security = found["security"].as_array()?;
    let scope = security.iter().find_map(|one| one["app_key"][0].as_str())?;
    Some(scope.to_owned())
}

impl World {
    pub async fn new() -> Self {
        let test = TestApp::start().await;
        let centre = Centre::open(&test).await;
        let tutor = centre.tutor(&test, "Tina").await;
        let other_tutor = centre.tutor(&test, "Theo").await;
        let admin = test.admin("Ada").await;
        let [student, other, suspended] = [
            test.student("Sam").await,
            test.student("Olga").await,
            test.student("Ute").await,
        ];
        let guardian = guardian(&test, &admin, "Gita", &student).await;
        let foreign_guardian = guardian_of_another(&test, &admin, &other).await;
        let mut ids = BTreeMap::from([
            ("tutor", tutor.id.to_string()),
            ("other_tutor", other_tutor.id.to_string()),
            ("student", student.id().await),
            ("other", other.id().await),
            ("guardian", guardian.id().await),
            ("suspended", suspended.id().await),
            ("date", "2027-03-20".to_owned()),
        ]);
        let (keys, expired) = keys(&test, &admin, &mut ids).await;
        let people = BTreeMap::from([
            (Who::Anonymous, test.stranger()),
            (Who::Student, student),
            (Who::OtherStudent, other),
            (Who::Tutor, tutor.person.at(&test.base)),
            (Who::OtherTutor, other_tutor.person),
            (Who::Guardian, guardian),
            (Who::ForeignGuardian, foreign_guardian),
            (Who::Admin, admin),
            (Who::Suspended, suspended),
            (Who::ExpiredKey, expired),
        ]);
        let mut world = Self {
            test,
            tutor,
            people,
            keys,
            ids,
        };
        world.fill_centre().await;
        world
    }

    /// Makes what the operations are about.
    async fn fill_centre(&mut self) {
        let student = &self.people[&Who::Student];
        let admin = &self.people[&Who::Admin];
        let wanted = self.tutor.lesson("2027-03-02T08:00:00Z", 60);
        let booked = id(student.post("/v1/bookings", &wanted).await);
        let hold = self.tutor.lesson("2027-03-03T12:00:00Z", 60);
        let hold = id(student.post("/v1/holds", &hold).await);
        let requested = self.tutor.lesson("2027-03-02T12:00:00Z", 60);
        let requested = id(student.post("/v1/bookings", &requested).await);
        let begun = self.tutor.lesson("2027-03-02T14:00:00Z", 60);
        let begun = id(student.post("/v1/bookings", &begun).await);
        let proposed = self.tutor.lesson("2027-03-10T13:00:00Z", 60);
        let proposed = id(student.post("/v1/bookings", &proposed).await);
        self.test
            .execute(&format!(
                "UPDATE bookings SET proposed_starts_at = '2027-03-10T14:00:00Z', proposed_ends_at = '2027-03-10T15:00:00Z',
                     proposal_expires_at = '2027-03-01T09:00:00Z' WHERE id = '{proposed}';
                 UPDATE bookings SET status = 'requested', expires_at = '2027-03-01T09:00:00Z' WHERE id = '{requested}';
                 UPDATE lessons SET status = 'tentative', expires_at = '2027-03-01T09:00:00Z'
                 WHERE id = (SELECT lesson_id FROM bookings WHERE id = '{requested}');
                 UPDATE lessons SET starts_at = '2027-03-01T06:30:00Z', ends_at = '2027-03-01T07:30:00Z'
                 WHERE id = (SELECT lesson_id FROM bookings WHERE id = '{begun}')"
            ))
            .await;
        let mut lesson = self.tutor.lesson("2027-03-04T08:00:00Z", 60);
        lesson["capacity"] = json!(8);
        let lesson = id(self.tutor.person.post("/v1/lessons", &lesson).await);
        let (entry, offered) = self.waiting(student).await;
        let series = json!({
            "tutor_id": self.tutor.id.0, "subject": "mathematics", "level": "School",
            "start": "2027-03-05T09:00", "minutes": 60, "rule": "FREQ=WEEKLY;COUNT=2",
        });
        let series = id(student.post("/v1/series", &series).await);
        let day = json!({"first_date": "2027-04-02", "last_date": "2027-04-02"});
        let of_tutor = self.tutor.path("/time-off");
        let off = id(self.tutor.person.post(&of_tutor, &day).await);
        let absent = self.tutor.lesson("2027-03-09T10:00:00Z", 60);
        student.post("/v1/bookings", &absent).await.expect(201);
        let day =
            json!({"first_date": "2027-03-09", "last_date": "2027-03-09", "reason": "illness"});
        let of_tutor = self.tutor.path("/absences");
        let absence = id(self.tutor.person.post(&of_tutor, &day).await);
        self.tutor.put_override("2027-03-20", &[]).await.expect(200);
        let calendar = json!({"name": "Berlin", "centre_wide": false});
        let calendar = id(admin.post("/v1/holiday-calendars", &calendar).await);
        let subject = json!({"slug": "latin", "name": "Latin", "levels": ["School"]});
        admin.post("/v1/subjects", &subject).await.expect(201);
        let invitation = json!({"role": "tutor", "email": email("Sam")});
        let invitation = id(admin.post("/v1/invitations", &invitation).await);
        let second = self.test.sign_in(&email("Sam")).await;
        let sessions = second.get("/v1/sessions").await.expect(200);
        let session = sessions["items"][0]["id"].as_str().unwrap().to_owned();
        let identities = student.get("/v1/me/identities").await.expect(200);
        let identity = identities["items"][0]["id"].as_str().unwrap().to_owned();
        let path = format!("/v1/users/{}/suspend", self.ids["suspended"]);
        admin.post(&path, &json!({})).await.expect(200);
        let google_calendar = self.calendars().await;
        let (deletion, question) = self.drifts(&booked).await;
        self.ids.extend([
            ("deletion", deletion),
            ("question", question),
            ("absence", absence),
            ("booking", booked),
            ("hold", hold),
            ("lesson", lesson),
            ("entry", entry),
            ("offered", offered),
            ("requested", requested),
            ("proposed", proposed),
            ("begun", begun),
            ("series", series),
            ("time_off", off),
            ("calendar", calendar),
            ("google_calendar", google_calendar),
            ("subject", "latin".to_owned()),
            ("invitation", invitation),
            ("session", session),
            ("identity", identity),
        ]);
    }

    /// Lets the tutor have connected an account, which Google honours no longer, with two calendars of which the primary one
    /// blocks; the other one.
    async fn calendars(&self) -> String {
        let (tutor, email, now) = (self.tutor.id, &self.tutor.email, self.test.now());
        let (subject, scope) = (subject(email), CALENDAR_CALENDARLIST_READONLY);
        let other = uuid::Uuid::now_v7().to_string();
        self.test
            .execute(&format!(
                "INSERT INTO google_grants (id, user_id, subject, email, scopes, refresh_token, refresh_token_key_id, state,
                     calendars_read_at, connected_at, updated_at)
                 SELECT gen_random_uuid(), user_id, '{subject}', '{email}', ARRAY['{scope}'], '', '', 'dead', '{now}', '{now}', '{now}'
                 FROM tutors WHERE id = '{tutor}';
                 INSERT INTO calendars (id, user_id, google_id, summary, access_role, is_primary, blocks)
                 SELECT two.id, user_id, google_id, google_id, 'owner', is_primary, is_primary
                 FROM google_grants, (VALUES (gen_random_uuid(), '{email}', true), (uuid '{other}', 'family', false))
                     AS two (id, google_id, is_primary)"
            ))
            .await;
        other
    }

    /// What was done in Google with the event of a booking: its tutor has deleted it, and its student has declined.
    async fn drifts(&self, booking: &str) -> (String, String) {
        let [deletion, question] = [(); 2].map(|()| uuid::Uuid::now_v7().to_string());
        self.test
            .execute(&format!(
                "INSERT INTO calendar_drifts (id, kind, status, lesson_id, tutor_id, booking_id, student_id, starts_at, ends_at, reasons,
                     cancels_at, created_at)
                 SELECT two.id, kind, two.status, lessons.id, tutor_id, booking_id, CASE WHEN booking_id IS NOT NULL THEN student_id END,
                     lessons.starts_at, lessons.ends_at, '{{}}', cancels_at, '2027-03-01T07:00:00Z'
                 FROM bookings JOIN lessons ON lessons.id = lesson_id,
                     (VALUES (uuid '{deletion}', 'deleted', 'pending', NULL, timestamptz '2027-03-01T08:00:00Z'),
                     (uuid '{question}', 'declined', 'asked', uuid '{booking}', NULL)) AS two (id, kind, status, booking_id, cancels_at)
                 WHERE bookings.id = '{booking}'"
            ))
            .await;
        (deletion, question)
    }

    /// Entries of the student: one that waits, and one for which there is an offer.
    async fn waiting(&self, student: &Person) -> (String, String) {
        let wait = async |minutes: i16, window: Value| {
            let wish = json!({
                "tutor_id": self.tutor.id.0, "subject": "mathematics", "level": "School", "minutes": minutes,
                "windows": [window],
            });
            id(student.post("/v1/waitlist", &json!({"wish": wish})).await)
        };
        let sunday = json!({"start": "2027-03-07T08:00:00Z", "end": "2027-03-07T12:00:00Z"});
        let entry = wait(90, sunday).await;
        let monday = json!({"start": "2027-03-08T09:00:00Z", "end": "2027-03-08T10:00:00Z"});
        let offered = wait(60, monday).await;
        self.test.run_jobs().await;
        (entry, offered)
    }

    /// The same, on a copy of the database: what is done to it, this one does not see.
    pub async fn copy(&self) -> Self {
        let test = self.test.copy().await;
        let at = |person: &Person| person.at(&test.base);
        Self {
            tutor: TutorAtCentre {
                person: at(&self.tutor.person),
                id: self.tutor.id,
                email: self.tutor.email.clone(),
            },
            people: self
                .people
                .iter()
                .map(|(who, person)| (*who, at(person)))
                .collect(),
            keys: self.keys.iter().map(|(a, b)| (at(a), at(b))).collect(),
            ids: self.ids.clone(),
            test,
        }
    }

    /// Who asks for an operation.
    pub fn person(&self, who: Who, operation: &str) -> &Person {
        let place = || {
            let scope = scope(operation);
            let place = scope.map(|scope| SCOPES.iter().position(|one| *one == scope).unwrap());
            place.unwrap_or_default()
        };
        match who {
            Who::KeyWithScope => &self.keys[place()].0,
            Who::KeyWithoutScope => &self.keys[place()].1,
            who => &self.people[&who],
        }
    }

    /// Puts ids for their names in braces.
    pub fn fill(&self, text: &str) -> String {
        self.ids.iter().fold(text.to_owned(), |text, (name, id)| {
            text.replace(&format!("{{{name}}}"), id)
        })
    }

    /// All ids, by name; some of the names are of dates.
    pub fn ids(&self) -> &BTreeMap<&'static str, String> {
        &self.ids
    }

    /// Lets a name stand for another id; for which it stood.
    pub fn rename(&mut self, name: &'static str, id: &str) -> String {
        self.ids.insert(name, id.to_owned()).unwrap()
    }

    /// What is read to learn the version that a row edits.
    fn versioned(&self, row: &Row) -> String {
        let of = [
            "/v1/tutors/{tutor}",
            "/v1/holiday-calendars/{calendar}",
            "/v1/users/{student}",
        ];
        let of = of.into_iter().find(|of| row.path.starts_with(of));
        self.fill(of.unwrap_or(row.path))
    }

    /// Asks as somebody; whoever edits knows the version, even if they could not have read it.
    pub async fn ask(&self, who: Who, row: &Row) -> Answer {
        let person = self.person(who, row.operation);
        self.ask_as(person, row).await
    }

    pub async fn ask_as(&self, person: &Person, row: &Row) -> Answer {
        let mut request = self.request(person, row);
        if row.edit {
            request = request.header("if-match", self.etag(person, row).await);
        }
        person.send(request).await
    }

    /// The entity tag of what a row edits, even if this person could not have read it.
    pub async fn etag(&self, person: &Person, row: &Row) -> HeaderValue {
        let reader = if ["/v1/me", "/v1/calendar/calendars"].contains(&row.path) {
            person
        } else {
            &self.people[&Who::Admin]
        };
        let seen = reader.get(&self.versioned(row)).await;
        let etag = seen.headers.get("etag").cloned();
        etag.unwrap_or(HeaderValue::from_static("\"1\""))
    }

    /// The request of an operation, which says nothing of a version.
    pub fn request(&self, person: &Person, row: &Row) -> reqwest::RequestBuilder {
        let request = person.request(row.method.clone(), &self.fill(row.path));
        match &row.body {
            Some(Value::String(form)) if !form.starts_with("BEGIN:") => request
                .header("content-type", "application/x-www-form-urlencoded")
                .body(form.clone()),
            Some(Value::String(file)) => request
                .header("content-type", "text/calendar")
                .body(file.clone()),
            Some(body) => {
                let body: Value = serde_json::from_str(&self.fill(&body.to_string())).unwrap();
                request.json(&body)
            }
            None => request,
        }
    }
}

async fn guardian(test: &TestApp, admin: &Person, name: &str, of: &Person) -> Person {
    let guardian = test.student(name).await.id().await;
    let link = json!({"guardian_id": guardian, "student_id": of.id().await});
    admin.post("/v1/guardianships", &link).await.expect(201);
    test.sign_in(&email(name)).await
}

async fn guardian_of_another(test: &TestApp, admin: &Person, of: &Person) -> Person {
    guardian(test, admin, "Frieda", of).await
}

/// Keys with each scope and with all others, and one that has expired.
async fn keys(
    test: &TestApp,
    admin: &Person,
    ids: &mut BTreeMap<&'static str, String>,
) -> (Vec<(Person, Person)>, Person) {
    let app = json!({"name": "Kiosk"});
    let app = id(admin.post("/v1/third-party-apps", &app).await);
    let path = format!("/v1/third-party-apps/{app}/keys");
    ids.insert("app", app);
    let expires_at = test.now() + TimeDelta::days(30);
    let make = async |scopes: &[&str]| {
        let new = json!({"scopes": scopes, "expires_at": expires_at});
        admin.post(&path, &new).await.expect(201)
    };
    let key = |made: &Value| Person::with_bearer(test, made["key"].as_str().unwrap());
    let mut keys = Vec::new();
    for scope in SCOPES {
        let others: Vec<_> = SCOPES.into_iter().filter(|other| *other != scope).collect();
        keys.push((key(&make(&[scope]).await), key(&make(&others).await)));
    }
    let expired = make(&SCOPES).await;
    let expired_id = expired["id"].as_str().unwrap();
    test.execute(&format!(
        "UPDATE app_keys SET expires_at = '{}' WHERE id = '{expired_id}'",
        test.now()
    ))
    .await;
    ids.insert("key", expired_id.to_owned());
    (keys, key(&expired))
}
