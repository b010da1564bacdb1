//! What is wrong with a body is told alike wherever bodies are read.

use super::{CANCEL, CONNECTION, Case, HOLIDAYS, json_operations, sent, text};
use crate::support::TutorAtCentre;

/// Where no field of the body has to be there.
const MAY_BE_LEFT_OUT: [&str; 9] = [
    CANCEL,
    CONNECTION,
    "/v1/bookings/{booking}/decline",
    "/v1/holds/{booking}/book",
    "/v1/lessons/{lesson}/cancel",
    "/v1/lessons/{lesson}/join",
    "/v1/users/{other}/suspend",
    "/v1/waitlist/{booking}/accept",
    "/v1/waitlist/{booking}/decline",
];

/// What is wrong with a body is told alike wherever bodies are read.
pub fn bodies(tutor: &TutorAtCentre) -> Vec<Case> {
    let mut cases = Vec::new();
    for (method, target, good) in json_operations(tutor) {
        let good = good.to_string();
        let is_long = target == HOLIDAYS || target.starts_with("/v1/matchings");
        let kibibytes = if is_long { 1024 } else { 64 };
        let malformed = |body: Vec<u8>| sent(method, target, body, 400, "malformed_json");
        if !MAY_BE_LEFT_OUT.contains(&target) {
            cases.push(malformed(Vec::new()));
        }
        cases.extend([
            malformed(b"nonsense".to_vec()),
            malformed(good.as_bytes()[..good.len() - 1].to_vec()),
            malformed(format!("{good}x").into_bytes()),
            malformed(format!("{good}{good}").into_bytes()),
            malformed(b"{\"\xff\": 1}".to_vec()),
            malformed(br#"{"\ud800": 1}"#.to_vec()),
            malformed("[".repeat(60_000).into_bytes()),
            Case::new(method, target, 400, "not_json").body(&*good),
            Case::new(method, target, 400, "not_json")
                .header("Content-Type", "text/plain")
                .body(&*good),
            Case::new(method, target, 400, "not_json")
                .header("Content-Type", "application/jsonp; charset=utf-8")
                .body(&*good),
            Case::new(method, target, 400, "not_json")
                .header("Content-Type", "multipart/form-data; boundary=x")
                .body(&*good),
            sent(
                method,
                target,
                format!("{good}{}", " ".repeat(kibibytes * 1024)),
                413,
                "body_too_large",
            ),
            text(method, target, "\"text\"", &[("", "unacceptable")]),
            text(method, target, "17", &[("", "unacceptable")]),
            text(method, target, "null", &[("", "unacceptable")]),
            text(method, target, " []", &[("", "unacceptable")]),
            text(method, target, r#"["Sam"]"#, &[("", "unacceptable")]),
            text(
                method,
                target,
                r#"{"nonsense": 1}"#,
                &[("nonsense", "unknown")],
            ),
            Case {
                errors: vec![("nonsense", "unknown")],
                ..sent(
                    method,
                    &format!("{target}?nonsense=1"),
                    &*good,
                    422,
                    "invalid_fields",
                )
            },
        ]);
    }
    cases
}
