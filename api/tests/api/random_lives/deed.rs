//! What people ask of the server.

mod absences;
mod waiting;

use crate::support::race::Times;
use chrono::{DateTime, NaiveDateTime, Utc};
use reqwest::Method;
use serde_json::{Value, json};

/// Somebody at the centre, by their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Student(usize),
    Tutor(usize),
    /// Of the first student.
    Guardian,
    Admin,
}

/// What an answer tells of, if it is a good one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tells {
    Booking,
    GroupLesson,
    Series,
    Matching,
    /// Somebody who waits.
    Waiting,
    Absence,
    /// What was done with the bookings of an absence, and what was not.
    Outcomes,
    History,
    Nothing,
}

/// A request that somebody makes.
#[derive(Clone, Debug)]
pub struct Deed {
    pub name: &'static str,
    pub method: Method,
    pub path: String,
    pub body: Value,
    pub tells: Tells,
    /// Whether it is for a student, whom guardians and admins must name.
    pub is_for_student: bool,
    /// The `If-Match` that is sent: of any version, or of one that there may no longer be.
    pub etag: Option<String>,
    /// Whether it is sent twice at once, under one key.
    pub is_sent_twice: bool,
    /// Whether it cancels a booking of which it was asked just before what that would mean.
    pub is_quoted: bool,
}

impl Deed {
    fn post(name: &'static str, path: impl Into<String>, body: Value, tells: Tells) -> Self {
        Self {
            name,
            method: Method::POST,
            path: path.into(),
            body,
            tells,
            is_for_student: false,
            etag: None,
            is_sent_twice: false,
            is_quoted: false,
        }
    }

    fn delete(name: &'static str, path: impl Into<String>) -> Self {
        Self {
            method: Method::DELETE,
            ..Self::post(name, path, Value::Null, Tells::Nothing)
        }
    }

    fn for_student(self) -> Self {
        Self {
            is_for_student: true,
            ..self
        }
    }

    pub fn look(path: impl Into<String>) -> Self {
        Self {
            method: Method::GET,
            ..Self::post("look", path, Value::Null, Tells::Nothing)
        }
    }

    pub fn book(lesson: Value) -> Self {
        let name = match lesson.get("pay_with") {
            Some(_) => "book with credit",
            None => "book",
        };
        Self::post(name, "/v1/bookings", lesson, Tells::Booking).for_student()
    }

    pub fn twice(self) -> Self {
        Self {
            name: "book twice",
            is_sent_twice: true,
            ..self
        }
    }

    pub fn hold(lesson: Value) -> Self {
        Self::post("hold", "/v1/holds", lesson, Tells::Booking).for_student()
    }

    pub fn book_hold(id: &str, pays_with_credit: bool) -> Self {
        let path = format!("/v1/holds/{id}/book");
        if pays_with_credit {
            let body = json!({"pay_with": "credit"});
            return Self::post("book a hold with credit", path, body, Tells::Booking);
        }
        Self::post("book a hold", path, json!({}), Tells::Booking)
    }

    pub fn release_hold(id: &str) -> Self {
        Self::delete("release a hold", format!("/v1/holds/{id}"))
    }

    /// A step of a booking.
    pub fn step(name: &'static str, id: &str, body: Value) -> Self {
        let step = match name {
            "record attendance" => "attendance",
            "propose a time" => "reschedule",
            "approve a time" => "reschedule/approve",
            "decline a time" => "reschedule/decline",
            "withdraw a time" => "reschedule/withdraw",
            "leave a lesson" => "cancel",
            name => name,
        };
        let path = format!("/v1/bookings/{id}/{step}");
        Self {
            etag: Some("*".to_owned()),
            ..Self::post(name, path, body, Tells::Booking)
        }
    }

    pub fn cancel_version(id: &str, version: i32) -> Self {
        Self {
            name: "cancel a version",
            etag: Some(format!("\"{version}\"")),
            ..Self::step("cancel", id, json!({}))
        }
    }

    pub fn cancel_as_quoted(id: &str) -> Self {
        Self {
            name: "cancel as quoted",
            is_quoted: true,
            ..Self::step("cancel", id, json!({}))
        }
    }

    pub fn read_history(id: &str) -> Self {
        Self {
            name: "read a history",
            tells: Tells::History,
            ..Self::look(format!("/v1/bookings/{id}/history"))
        }
    }

    pub fn open_lesson(
        mut lesson: Value,
        capacity: i16,
        minimum: Option<(i16, DateTime<Utc>)>,
    ) -> Self {
        lesson["capacity"] = json!(capacity);
        if let Some((students, decides_at)) = minimum {
            lesson["minimum_students"] = json!(students);
            lesson["decides_at"] = json!(decides_at);
        }
        Self::post("open a lesson", "/v1/lessons", lesson, Tells::GroupLesson)
    }

    pub fn join(lesson: &str) -> Self {
        let path = format!("/v1/lessons/{lesson}/join");
        Self::post("join", path, json!({}), Tells::Booking).for_student()
    }

    pub fn join_with_credit(lesson: &str) -> Self {
        Self {
            name: "join with credit",
            body: json!({"pay_with": "credit"}),
            ..Self::join(lesson)
        }
    }

    pub fn move_lesson(id: &str, (start, end): Times) -> Self {
        let (path, to) = (
            format!("/v1/lessons/{id}/reschedule"),
            json!({"start": start, "end": end}),
        );
        Self::post("move a lesson", path, to, Tells::GroupLesson)
    }

    pub fn cancel_lesson(id: &str) -> Self {
        let path = format!("/v1/lessons/{id}/cancel");
        Self::post("cancel a lesson", path, json!({}), Tells::GroupLesson)
    }

    pub fn edit_lesson(id: &str, version: i32, capacity: i16) -> Self {
        let (path, changes) = (format!("/v1/lessons/{id}"), json!({"capacity": capacity}));
        Self {
            method: Method::PATCH,
            etag: Some(format!("\"{version}\"")),
            ..Self::post("edit a lesson", path, changes, Tells::GroupLesson)
        }
    }

    /// So many students it takes from now on, of which it is decided then.
    pub fn change_minimum(id: &str, (students, at): (i16, DateTime<Utc>)) -> Self {
        Self {
            name: "change a minimum",
            body: json!({"minimum_students": students, "decides_at": at}),
            etag: Some("*".to_owned()),
            ..Self::edit_lesson(id, 1, 2)
        }
    }

    pub fn book_series(series: Value) -> Self {
        Self::post("book a series", "/v1/series", series, Tells::Series).for_student()
    }

    pub fn try_series(series: Value) -> Self {
        let path = "/v1/series?dry_run=true";
        Self::post("try a series", path, series, Tells::Nothing).for_student()
    }

    pub fn cancel_series(id: &str, scope: &str, of: NaiveDateTime) -> Self {
        let (path, part) = (
            format!("/v1/series/{id}/cancel"),
            json!({"scope": scope, "recurrence_id": local(of)}),
        );
        Self::post("cancel of a series", path, part, Tells::Series)
    }

    pub fn move_series(id: &str, scope: &str, of: NaiveDateTime, to: NaiveDateTime) -> Self {
        let path = format!("/v1/series/{id}/reschedule");
        let to = json!({"scope": scope, "recurrence_id": local(of), "start": local(to)});
        Self::post("move of a series", path, to, Tells::Series)
    }

    pub fn book_matching(assignments: &[Value]) -> Self {
        let body = json!({"assignments": assignments});
        Self::post(
            "book a matching",
            "/v1/matchings/book",
            body,
            Tells::Matching,
        )
    }

    pub fn grant(
        student: &str,
        subject: &str,
        minutes: i64,
        expires_at: Option<DateTime<Utc>>,
    ) -> Self {
        let mut change = json!({
            "student_id": student, "subject": subject, "kind": "grant", "minutes": minutes, "reason": "?",
        });
        if let Some(at) = expires_at {
            change["expires_at"] = json!(at);
        }
        Self::post("grant", "/v1/credits", change, Tells::Nothing)
    }

    pub fn let_book_more(student: &str) -> Self {
        let quota = json!({
            "student_id": student, "max_active_bookings": 12, "weekly_minutes": 900, "term_minutes": 600,
        });
        Self {
            method: Method::PUT,
            etag: Some("*".to_owned()),
            ..Self::post("let book more", "/v1/quota", quota, Tells::Nothing)
        }
    }

    pub fn withdraw(student: &str, subject: &str, minutes: i64) -> Self {
        let mut deed = Self::grant(student, subject, minutes, None);
        deed.name = "withdraw";
        deed.body["kind"] = json!("withdraw");
        deed
    }
}

/// A time on a wall clock, as it is sent.
pub fn local(time: NaiveDateTime) -> String {
    time.format("%Y-%m-%dT%H:%M").to_string()
}
