//! A centre with subjects and tutors, which people can't make by the API yet.

use super::{Answer, Person, TestApp, email};
use ::entity::user_role::Role;
use api::{
    service::{
        TutorId,
        tutor::{self, WantedOffer},
        weekly_rule,
    },
    store::{
        self,
        seed::{NewSubject, NewTutor},
        user::NewUser,
    },
};
use chrono::{NaiveTime, TimeDelta, Weekday};
use google_sandbox::{Consent, subject};
use reqwest::Method;
use scheduling::availability::WeeklyRule;
use serde_json::{Value, json};

/// Mathematics and physics, at two levels each.
pub struct Centre;

/// A tutor who is signed in.
pub struct TutorAtCentre {
    pub person: Person,
    pub id: TutorId,
    pub email: String,
}

impl TutorAtCentre {
    /// The path of the tutor, and what lies below it.
    pub fn path(&self, below: &str) -> String {
        format!("/v1/tutors/{}{below}", self.id)
    }

    /// What a student sends to book a lesson of mathematics at school.
    pub fn lesson(&self, start: &str, minutes: i64) -> Value {
        let start = super::at(start);
        json!({
            "tutor_id": self.id.0, "subject": "mathematics", "level": "School",
            "start": start, "end": start + TimeDelta::minutes(minutes),
        })
    }

    /// Edits what lies at the path, whatever its version.
    pub async fn edit(&self, method: Method, below: &str, body: &Value) -> Answer {
        let path = self.path(below);
        let etag = self.person.get(&path).await.etag();
        self.person.edit(method, &path, &etag, body).await
    }

    /// Sets what the tutor does on a date, as spans such as `10:00-12:30`.
    pub async fn put_override(&self, date: &str, hours: &[&str]) -> Answer {
        let hours: Vec<_> = hours.iter().map(|hours| local_hours(hours)).collect();
        let path = self.path(&format!("/overrides/{date}"));
        let etag = self.person.get(&self.path("")).await.etag();
        self.person
            .edit(Method::PUT, &path, &etag, &json!({"hours": hours}))
            .await
    }

    /// Gives the tutor as many overrides from today on as there may be, and some of days that are over.
    pub async fn fill_overrides(&self, test: &TestApp) {
        test.execute(&format!(
            "INSERT INTO date_overrides (tutor_id, date, local_starts, local_ends) \
             SELECT '{}', date '{}' + n, '{{}}', '{{}}' FROM generate_series(-9, 999) AS n",
            self.id,
            test.now().date_naive()
        ))
        .await;
    }

    /// Lets students no longer find the tutor.
    pub async fn hide(&self) {
        self.edit(Method::PATCH, "", &json!({"visible": false}))
            .await
            .expect(200);
    }
}

/// `10:00-12:30` as it is sent.
pub fn local_hours(hours: &str) -> Value {
    let (start, end) = hours.split_once('-').unwrap();
    json!({"local_start": start, "local_end": end})
}

impl Centre {
    pub async fn open(test: &TestApp) -> Self {
        for (slug, name) in [("mathematics", "Mathematics"), ("physics", "Physics")] {
            let new = NewSubject {
                slug,
                name,
                levels: &["School", "Bachelor"],
            };
            store::seed::insert_subject(&test.app.db, &new, test.now())
                .await
                .unwrap();
        }
        Self
    }

    /// A tutor of mathematics at school, in lessons of 60 and 90 minutes, who is there from nine to
    /// five in Berlin on every working day, and has no calendar connected.
    pub async fn tutor(&self, test: &TestApp, name: &str) -> TutorAtCentre {
        self.tutor_in(test, name, "Europe/Berlin").await
    }

    /// As [`Centre::tutor`], in another zone.
    pub async fn tutor_in(&self, test: &TestApp, name: &str, time_zone: &str) -> TutorAtCentre {
        let email = email(name);
        let id = insert(test, name, &email, time_zone).await;
        let offer = WantedOffer {
            subject: "mathematics".to_owned(),
            level: "School".to_owned(),
            lesson_minutes: vec![60, 90],
        };
        tutor::replace_offers(&test.app, id, 1, &[offer], false)
            .await
            .unwrap();
        weekly_rule::replace(&test.app, id, 2, &nine_to_five(), false)
            .await
            .unwrap();
        test.add_account(name);
        TutorAtCentre {
            person: test.sign_in(&email).await,
            id,
            email,
        }
    }

    /// As [`Centre::tutor`], with the calendar connected and its busy time read.
    pub async fn connected_tutor(&self, test: &TestApp, name: &str) -> TutorAtCentre {
        let mut tutor = self.tutor(test, name).await;
        let email = tutor.email.clone();
        tutor
            .person
            .connect_calendar(&email, Consent::All)
            .await
            .expect(303);
        test.run_jobs().await;
        tutor
    }
}

async fn insert(test: &TestApp, name: &str, email: &str, time_zone: &str) -> TutorId {
    let (db, now) = (&test.app.db, test.now());
    let new = NewUser {
        name,
        email,
        time_zone,
    };
    let user_id = store::user::insert(db, new, &[Role::Tutor], now)
        .await
        .unwrap();
    let issuer = test.google.issuer();
    let account = store::identity::Account {
        issuer: &issuer,
        subject: &subject(email),
        email,
        email_authoritative: true,
    };
    store::identity::insert(db, user_id, account, Some(now), now)
        .await
        .unwrap();
    let new = NewTutor {
        user_id,
        bio: "",
        languages: &["en"],
        time_zone,
    };
    store::seed::insert_tutor(db, &new, now).await.unwrap()
}

fn nine_to_five() -> Vec<WeeklyRule> {
    let at = |hour| NaiveTime::from_hms_opt(hour, 0, 0).unwrap();
    [
        Weekday::Mon,
        Weekday::Tue,
        Weekday::Wed,
        Weekday::Thu,
        Weekday::Fri,
    ]
    .map(|weekday| WeeklyRule {
        weekday,
        start: at(9),
        end: at(17),
        valid_from: None,
        valid_until: None,
    })
    .into()
}
