//! What can't be a group lesson.

use super::{Case, fields, query};
use crate::support::TutorAtCentre;
use serde_json::{Value, json};

const LESSONS: &str = "/v1/lessons";
pub const LESSON: &str = "/v1/lessons/{lesson}";

/// A lesson that could be opened.
pub fn good(tutor: &TutorAtCentre) -> Value {
    let mut lesson = tutor.lesson("2027-03-04T08:00:00Z", 60);
    for (field, value) in changes().as_object().unwrap() {
        lesson[field] = value.clone();
    }
    lesson
}

pub fn changes() -> Value {
    json!({
        "capacity": 8, "minimum_students": 2, "decides_at": "2027-03-03T08:00:00Z", "title": "Clinic",
        "description": "Bring a book.",
    })
}

pub fn lessons(tutor: &TutorAtCentre) -> Vec<Case> {
    let mut cases = Vec::new();
    for (field, value, code) in [
        ("capacity", json!(1), "out_of_range"),
        ("capacity", json!(101), "out_of_range"),
        ("capacity", json!(100_000), "unacceptable"),
        ("capacity", json!("8"), "unacceptable"),
        ("minimum_students", json!(0), "out_of_range"),
        ("minimum_students", json!(9), "more_than_capacity"),
        ("decides_at", json!("2027-02-01T08:00:00Z"), "not_ahead"),
        (
            "decides_at",
            json!("2027-03-04T08:00:00Z"),
            "not_before_start",
        ),
        ("decides_at", json!("0000-01-01T00:00:00Z"), "out_of_range"),
        ("title", json!("a\nb"), "control_character"),
        ("title", json!("x".repeat(101)), "too_long"),
        ("description", json!("x".repeat(2001)), "too_long"),
        ("description", json!("x\u{0}"), "control_character"),
        ("room", json!("2"), "unknown"),
    ] {
        for (method, target, mut bad) in
            [("POST", LESSONS, good(tutor)), ("PATCH", LESSON, changes())]
        {
            bad[field] = value.clone();
            cases.push(fields(method, target, &bad, &[(field, code)]));
        }
    }
    cases.push(query(
        "/v1/lessons?tutor_id=me",
        &[("tutor_id", "unacceptable")],
    ));
    cases.push(query(
        "/v1/lessons?cursor=x",
        &[("cursor", "unknown_cursor")],
    ));
    cases.push(query("/v1/lessons?open=true", &[("open", "unknown")]));
    cases
}
