//! What can't be booked, cancelled or connected.

use super::{BOOKINGS, CANCEL, CONNECTION, Case, fields};
use crate::support::TutorAtCentre;
use serde_json::{Value, json};

pub fn bookings(tutor: &TutorAtCentre) -> Vec<Case> {
    let good = tutor.lesson("2027-03-03T08:00:00Z", 60);
    let with = |at: &str, value: Value, errors: &[_]| {
        let mut bad = good.clone();
        bad[at] = value;
        fields("POST", BOOKINGS, &bad, errors)
    };
    let without = |at: &str, errors: &[_]| {
        let mut bad = good.clone();
        bad.as_object_mut().unwrap().remove(at);
        fields("POST", BOOKINGS, &bad, errors)
    };
    vec![
        without("tutor_id", &[("tutor_id", "missing")]),
        without("end", &[("end", "missing")]),
        with("tutor_id", json!("me"), &[("tutor_id", "unacceptable")]),
        with("tutor_id", json!(null), &[("tutor_id", "unacceptable")]),
        with(
            "subject",
            json!("x\u{0}"),
            &[("subject", "control_character")],
        ),
        with("subject", json!("alchemy"), &[("subject", "not_offered")]),
        with("level", json!(["School"]), &[("level", "unacceptable")]),
        with("level", json!("x".repeat(10_000)), &[("level", "too_long")]),
        with("start", json!("2027-03-03"), &[("start", "unacceptable")]),
        with(
            "start",
            json!("2027-03-03T08:00:00"),
            &[("start", "unacceptable")],
        ),
        with(
            "start",
            json!("2027-03-32T08:00:00Z"),
            &[("start", "unacceptable")],
        ),
        with(
            "start",
            json!("2027-03-03T25:00:00Z"),
            &[("start", "unacceptable")],
        ),
        with(
            "start",
            json!("0000-01-01T00:00:00Z"),
            &[("start", "out_of_range")],
        ),
        with(
            "start",
            json!("+262142-12-31T23:59:59Z"),
            &[("start", "out_of_range")],
        ),
        with(
            "start",
            json!("+262143-01-01T00:00:00Z"),
            &[("start", "unacceptable")],
        ),
        with(
            "start",
            json!("-262142-01-01T00:00:00Z"),
            &[("start", "out_of_range")],
        ),
        with(
            "start",
            json!("2027-03-03T07:59:60Z"),
            &[("start", "leap_second")],
        ),
        with(
            "end",
            json!("2027-03-03T08:59:60Z"),
            &[("end", "leap_second")],
        ),
        with("start", json!(1_804_060_800), &[("start", "unacceptable")]),
        with("start", json!(true), &[("start", "unacceptable")]),
        with(
            "end",
            json!("2027-03-03T08:00:00Z"),
            &[("end", "not_after_start")],
        ),
        with(
            "end",
            json!("2027-03-03T07:00:00Z"),
            &[("end", "not_after_start")],
        ),
        with("end", json!("2027-03-03T16:00:01Z"), &[("end", "too_long")]),
        with("end", json!("2199-12-31T00:00:00Z"), &[("end", "too_long")]),
        with("status", json!("confirmed"), &[("status", "unknown")]),
        with(
            "student",
            json!(uuid::Uuid::nil()),
            &[("student", "unknown")],
        ),
        with("student_id", json!("x"), &[("student_id", "unacceptable")]),
    ]
}

/// What can't be cancelled so, nor connected.
pub fn cancellations_and_connections() -> Vec<Case> {
    let cancel = |body: Value, errors: &[_]| fields("POST", CANCEL, &body, errors);
    vec![
        cancel(json!({"reason": ""}), &[("reason", "too_short")]),
        cancel(
            json!({"reason": "x".repeat(501)}),
            &[("reason", "too_long")],
        ),
        cancel(
            json!({"reason": "\u{1b}[2J"}),
            &[("reason", "control_character")],
        ),
        cancel(
            json!({"reason": {"text": "ill"}}),
            &[("reason", "unacceptable")],
        ),
        fields(
            "POST",
            CONNECTION,
            &json!({"return_to": "https://evil.example/"}),
            &[("return_to", "not_a_local_path")],
        ),
        fields(
            "POST",
            CONNECTION,
            &json!({"return_to": "//evil.example/"}),
            &[("return_to", "not_a_local_path")],
        ),
        fields(
            "POST",
            CONNECTION,
            &json!({"return_to": "/\\evil.example/"}),
            &[("return_to", "not_a_local_path")],
        ),
        fields(
            "POST",
            CONNECTION,
            &json!({"return_to": "/a\r\nSet-Cookie: a=b"}),
            &[("return_to", "not_a_local_path")],
        ),
    ]
}
