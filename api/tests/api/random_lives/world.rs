//! A centre where everything is limited: the time of tutors, what students may book, and their credit.

use super::deed::{Deed, Who};
use crate::{
    cancellation,
    support::{Answer, Centre, Person, TestApp, TutorAtCentre, email, race::students, secrets},
};
use chrono::Days;
use futures::future::join_all;
use reqwest::{Method, header};
use serde_json::{Value, json};
use uuid::Uuid;

pub const STUDENTS: usize = 5;

pub const TUTORS: usize = 3;

/// A centre with two instances of the server.
pub struct World {
    pub test: TestApp,
    pub tutors: Vec<TutorAtCentre>,
    pub cast: Cast,
    students: Vec<[Person; 2]>,
    tutors_as_people: Vec<[Person; 2]>,
    guardian: [Person; 2],
    admin: [Person; 2],
}

/// The ids of people.
pub struct Cast {
    pub students: Vec<String>,
    /// As tutors.
    pub tutors: Vec<String>,
    /// As users.
    tutors_as_people: Vec<String>,
}

impl Cast {
    /// Whose booking it is.
    pub fn student(&self, id: &str) -> Option<Who> {
        let is = |other: &String| other == id;
        let student = self.students.iter().position(is).map(Who::Student);
        student.or_else(|| self.tutors_as_people.iter().position(is).map(Who::Tutor))
    }

    pub fn tutor(&self, id: &str) -> Option<usize> {
        self.tutors.iter().position(|other| other == id)
    }

    /// For whom somebody books.
    fn beneficiary(&self, who: Who) -> Option<&str> {
        match who {
            Who::Student(_) | Who::Tutor(_) => None,
            Who::Guardian => Some(&self.students[0]),
            Who::Admin => Some(&self.students[1]),
        }
    }
}

impl World {
    pub async fn new() -> Self {
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
        limit(&test, &admin, &ids[2]).await;
        for id in &ids {
            let grant = Deed::grant(id, "mathematics", 240, None);
            admin.post(&grant.path, &grant.body).await.expect(200);
        }
        let gita = test.student("Gita").await;
        let link = json!({"guardian_id": gita.id().await, "student_id": ids[0]});
        admin.post("/v1/guardianships", &link).await.expect(201);
        let gita = test.sign_in(&email("Gita")).await;
        let base = test.another_instance().await;
        let twice = |person: &Person| [person.at(&test.base), person.at(&base)];
        Self {
            cast: Cast {
                students: ids,
                tutors: tutors.iter().map(|it| it.id.to_string()).collect(),
                tutors_as_people: join_all(tutors.iter().map(|it| it.person.id())).await,
            },
            students: students.iter().map(twice).collect(),
            tutors_as_people: tutors.iter().map(|it| twice(&it.person)).collect(),
            guardian: twice(&gita),
            admin: twice(&admin),
            tutors,
            test,
        }
    }

    pub fn person(&self, who: Who, instance: usize) -> &Person {
        let both = match who {
            Who::Student(at) => &self.students[at],
            Who::Tutor(at) => &self.tutors_as_people[at],
            Who::Guardian => &self.guardian,
            Who::Admin => &self.admin,
        };
        &both[instance]
    }

    /// Does it; what was answered, of what is done twice both times.
    pub async fn act(&self, who: Who, instance: usize, deed: &Deed) -> Vec<Answer> {
        let mut body = deed.body.clone();
        if let Some(id) = self.cast.beneficiary(who).filter(|_| deed.is_for_student) {
            body["student_id"] = json!(id);
        }
        let key = Uuid::now_v7().to_string();
        let ask = |instance| {
            let person = self.person(who, instance);
            let mut request = person.request(deed.method.clone(), &deed.path);
            if let Some(etag) = &deed.etag {
                request = request.header(header::IF_MATCH, etag);
            }
            if deed.is_sent_twice {
                request = request.header("idempotency-key", &key);
            }
            if body != Value::Null {
                request = request.json(&body);
            }
            person.send(request)
        };
        if deed.is_sent_twice {
            return join_all([0, 1].map(ask)).await;
        }
        if deed.is_quoted {
            return vec![cancel_as_quoted(self.person(who, instance), &deed.path).await];
        }
        vec![ask(instance).await]
    }

    /// What students are offered who have waited, as each of them reads it.
    pub async fn offers(&self) -> Vec<Offer> {
        let each = (0..STUDENTS).map(|n| async move {
            let student = Who::Student(n);
            let person = self.person(student, n % 2);
            let listed = person.get("/v1/waitlist?status=offered").await.expect(200);
            let items = listed["items"].as_array().unwrap();
            let offer = |entry: &Value| Offer::read(student, entry);
            items.iter().map(offer).collect::<Vec<_>>()
        });
        join_all(each).await.concat()
    }
}

/// What is offered to a student who waits.
#[derive(Clone, Debug)]
pub struct Offer {
    pub entry: String,
    pub student: Who,
    pub token: String,
}

impl Offer {
    fn read(student: Who, entry: &Value) -> Self {
        let token = entry["offer"]["accept_token"].as_str().unwrap();
        secrets::met(token);
        Self {
            entry: entry["id"].as_str().unwrap().to_owned(),
            student,
            token: token.to_owned(),
        }
    }
}

/// Cancels a booking that is still as it was when it was asked what that would mean; then it means just that.
async fn cancel_as_quoted(person: &Person, cancel: &str) -> Answer {
    let booking = cancel.strip_suffix("/cancel").unwrap();
    let read = person.get(booking).await;
    if read.status != 200 {
        return read;
    }
    let etag = read.etag();
    let quoted = person.get(&format!("{booking}/cancellation-quote")).await;
    let answer = person.edit(Method::POST, cancel, &etag, &json!({})).await;
    if answer.status == 200 {
        let quoted = quoted.expect(200);
        assert_eq!(answer.body["cancellation"], quoted["now"], "{booking}");
    }
    answer
}

/// Says how much students may have, one of them less, and what cancelling means.
async fn limit(test: &TestApp, admin: &Person, student: &str) {
    edit(admin, "/v1/centre/policy", |policy| {
        policy["max_active_bookings"] = json!(10);
        policy["weekly_minutes"] = json!(720);
        policy["term_minutes"] = json!(480);
    })
    .await;
    edit(admin, &format!("/v1/quota?student_id={student}"), |quota| {
        *quota = json!({"student_id": student, "max_active_bookings": 5, "weekly_minutes": 360});
    })
    .await;
    // So short that many begin and end in one life, and across the ends of weeks.
    let first = test.now().date_naive();
    let term = |n: u64| {
        let day = |days| first + Days::new(5 * n + days);
        json!({"name": format!("Term {n}"), "first_date": day(0), "last_date": day(4)})
    };
    let terms: Vec<_> = (0..36).map(term).collect();
    edit(admin, "/v1/centre/terms", |all| {
        *all = json!({"terms": terms});
    })
    .await;
    let policy = json!({"windows": [
        {"minutes_before": 720, "consequence": "free"},
        {"minutes_before": 120, "consequence": "credit"},
    ], "grace_minutes": 15, "credit_days": 4});
    cancellation::replace(admin, "", policy).await.expect(200);
}

async fn edit(admin: &Person, path: &str, change: impl FnOnce(&mut Value)) {
    let read = admin.get(path).await;
    let etag = read.etag();
    let mut body = read.expect(200);
    change(&mut body);
    let path = path.split('?').next().unwrap_or(path);
    admin
        .edit(Method::PUT, path, &etag, &body)
        .await
        .expect(200);
}
