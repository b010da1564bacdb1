//! What can't be asked.

use super::{
    BOOKINGS, CALENDAR, CALENDARS, CENTRE, CONNECTION, Case, FOLLOWED, HOLIDAYS, OFFERS, POLICY,
    RULES, TIME_OFF, TUTOR, fields, query,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

fn cursor(key: &Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(key.to_string())
}

/// Lists, page by page.
pub fn lists() -> Vec<Case> {
    let mut cases = Vec::new();
    for list in ["/v1/subjects", "/v1/tutors", BOOKINGS, CALENDARS, TIME_OFF] {
        let with = |query_text: &str, errors: &[_]| query(&format!("{list}?{query_text}"), errors);
        let nowhere = uuid::Uuid::nil();
        // Whatever list a cursor is for, this is none of its keys.
        let strange = [
            json!(null),
            json!({}),
            json!([]),
            json!(17),
            json!("a\u{0}b"),
            json!(["+262142-12-31T23:59:59Z", nowhere]),
            json!(["-262142-01-01T00:00:00Z", nowhere]),
            json!(["2027-03-03T08:00:00Z", "x"]),
            json!([u64::MAX, nowhere]),
        ];
        cases.extend([
            with("limit=0", &[("limit", "out_of_range")]),
            with("limit=101", &[("limit", "out_of_range")]),
            with("limit=-1", &[("limit", "unacceptable")]),
            with("limit=1.5", &[("limit", "unacceptable")]),
            with("limit=99999999999999999999", &[("limit", "unacceptable")]),
            with("limit=", &[("limit", "unacceptable")]),
            with("limit=1&limit=2", &[("limit", "duplicate")]),
            with("nonsense=1", &[("nonsense", "unknown")]),
            with("%ff=%ff", &[("\u{fffd}", "unknown")]),
            with("cursor=", &[("cursor", "too_short")]),
            with("cursor=a&cursor=b", &[("cursor", "duplicate")]),
            with("cursor=%ff%fe", &[("cursor", "unknown_cursor")]),
            with("cursor=%00", &[("cursor", "control_character")]),
            with("cursor=!!!!", &[("cursor", "unknown_cursor")]),
            with("cursor=bm9uc2Vuc2U", &[("cursor", "unknown_cursor")]),
            with(
                &format!("cursor={}", "A".repeat(501)),
                &[("cursor", "too_long")],
            ),
        ]);
        let strange = strange.iter().map(|key| {
            with(
                &format!("cursor={}", cursor(key)),
                &[("cursor", "unknown_cursor")],
            )
        });
        cases.extend(strange);
    }
    cases
}

pub fn slots() -> Vec<Case> {
    let slots = |rest: &str, errors: &[_]| query(&format!("{TUTOR}/slots?{rest}"), errors);
    let window = "from=2027-03-02T00:00:00Z&to=2027-03-03T00:00:00Z";
    vec![
        slots("", &[("from", "missing")]),
        slots(window, &[("minutes", "missing")]),
        slots(
            &format!("{window}&minutes=0"),
            &[("minutes", "out_of_range")],
        ),
        slots(
            &format!("{window}&minutes=-5"),
            &[("minutes", "out_of_range")],
        ),
        slots(
            &format!("{window}&minutes=7"),
            &[("minutes", "length_not_offered")],
        ),
        slots(
            &format!("{window}&minutes=481"),
            &[("minutes", "out_of_range")],
        ),
        slots(
            &format!("{window}&minutes=99999999"),
            &[("minutes", "unacceptable")],
        ),
        slots(
            &format!("{window}&minutes=60&minutes=60"),
            &[("minutes", "duplicate")],
        ),
        slots(
            &format!("{window}&minutes=60&time_zone=Mars/Olympus"),
            &[("time_zone", "unknown_time_zone")],
        ),
        slots(
            &format!("{window}&minutes=60&time_zone="),
            &[("time_zone", "unknown_time_zone")],
        ),
        slots(
            &format!("{window}&minutes=60&limit=1"),
            &[("limit", "unknown")],
        ),
        slots(
            "from=2027-03-03T00:00:00Z&to=2027-03-02T00:00:00Z&minutes=60",
            &[("to", "not_after_from")],
        ),
        slots(
            "from=2027-03-03T00:00:00Z&to=2027-03-03T00:00:00Z&minutes=60",
            &[("to", "not_after_from")],
        ),
        slots(
            "from=2027-03-01T00:00:00Z&to=2027-05-03T00:00:00Z&minutes=60",
            &[("to", "window_too_long")],
        ),
        slots(
            "from=1970-01-01T00:00:00Z&to=2199-12-31T00:00:00Z&minutes=60",
            &[("to", "window_too_long")],
        ),
        slots(
            "from=0000-01-01T00:00:00Z&to=2027-05-03T00:00:00Z&minutes=60",
            &[("from", "out_of_range")],
        ),
        slots(
            "from=2027-03-01T00:00:00&to=2027-03-03T00:00:00Z&minutes=60",
            &[("from", "unacceptable")],
        ),
        // A plus that is not escaped is a space.
        slots(
            "from=2027-03-01T00:00:00+01:00&to=2027-03-03T00:00:00Z&minutes=60",
            &[("from", "unacceptable")],
        ),
        slots(
            "from=2027-03-01T23:59:60Z&to=2027-03-03T00:00:00Z&minutes=60",
            &[("from", "leap_second")],
        ),
    ]
}

/// Of the list of all absences.
pub fn of_absences() -> Vec<Case> {
    vec![
        query(
            "/v1/absences?standing=perhaps",
            &[("standing", "unacceptable")],
        ),
        query("/v1/absences?from=yesterday", &[("from", "unacceptable")]),
        query(
            "/v1/absences?to=1969-12-31T23:59:59Z",
            &[("to", "out_of_range")],
        ),
        query(
            &format!("/v1/absences?cursor={}", cursor(&json!("mathematics"))),
            &[("cursor", "unknown_cursor")],
        ),
    ]
}

/// Of what was done in Google, and what is answered to it.
pub fn of_drifts() -> Vec<Case> {
    let answer = "/v1/calendar/drifts/0198c5a0-6f2e-7c3a-9d41-3f8f6a1b2c3d/answer";
    let with = |body: Value, errors: &[_]| fields("POST", answer, &body, errors);
    vec![
        query(
            "/v1/calendar/drifts?status=gone",
            &[("status", "unacceptable")],
        ),
        query(
            "/v1/calendar/drifts?lesson_id=first",
            &[("lesson_id", "unacceptable")],
        ),
        query(
            &format!("/v1/calendar/drifts?cursor={}", cursor(&json!("first"))),
            &[("cursor", "unknown_cursor")],
        ),
        with(json!({}), &[("answer", "missing")]),
        with(json!({"answer": "perhaps"}), &[("answer", "unacceptable")]),
        with(json!({"answer": "come", "why": "x"}), &[("why", "unknown")]),
    ]
}

/// All the rest.
pub fn others() -> Vec<Case> {
    vec![
        query(
            &format!(
                "/v1/subjects?cursor={}",
                cursor(&json!(["2027-03-03T08:00:00Z", uuid::Uuid::nil()]))
            ),
            &[("cursor", "unknown_cursor")],
        ),
        query(
            &format!("/v1/tutors?cursor={}", cursor(&json!("mathematics"))),
            &[("cursor", "unknown_cursor")],
        ),
        query(
            &format!("/v1/bookings?cursor={}", cursor(&json!(uuid::Uuid::nil()))),
            &[("cursor", "unknown_cursor")],
        ),
        query("/v1/tutors?level=School", &[("level", "needs_subject")]),
        query(
            "/v1/tutors?subject=%00",
            &[("subject", "control_character")],
        ),
        query("/v1/tutors?subject=", &[("subject", "too_short")]),
        query(
            &format!("/v1/tutors?subject={}", "x".repeat(65)),
            &[("subject", "too_long")],
        ),
        query("/v1/bookings?as=admin", &[("as", "unacceptable")]),
        query("/v1/bookings?status=pending", &[("status", "unacceptable")]),
        query(
            "/v1/bookings?proposal=closed",
            &[("proposal", "unacceptable")],
        ),
        query("/v1/bookings?from=yesterday", &[("from", "unacceptable")]),
        query(
            "/v1/bookings?to=%2B262142-12-31T23:59:59Z",
            &[("to", "out_of_range")],
        ),
        query(
            "/v1/bookings?from=1969-12-31T23:59:59Z",
            &[("from", "out_of_range")],
        ),
        query(
            "/v1/auth/sign-in?return_to=//evil.example",
            &[("return_to", "not_a_local_path")],
        ),
        query(
            "/v1/auth/sign-in?return_to=/%0d%0aSet-Cookie:a=b",
            &[("return_to", "not_a_local_path")],
        ),
        query("/v1/auth/sign-in?return_to=", &[("return_to", "too_short")]),
        query("/v1/auth/sign-in?nonsense=1", &[("nonsense", "unknown")]),
        query(
            &format!("/v1/auth/callback?state={}", "x".repeat(2001)),
            &[("state", "too_long")],
        ),
        query(
            "/v1/auth/callback?state=%00",
            &[("state", "control_character")],
        ),
        query(
            "/v1/auth/callback/school?iss=%00",
            &[("iss", "control_character")],
        ),
        query(
            "/v1/auth/sign-in?provider=nobody",
            &[("provider", "unknown_provider")],
        ),
        query("/v1/auth/sign-in?provider=", &[("provider", "too_short")]),
        query("/v1/auth/providers?a=1", &[("a", "unknown")]),
        query("/v1/me/identities?a=1", &[("a", "unknown")]),
        query("/livez?a=1", &[("a", "unknown")]),
        query("/readyz?a=1", &[("a", "unknown")]),
        query("/v1/me?a=1", &[("a", "unknown")]),
        query(&format!("{TUTOR}?a=1"), &[("a", "unknown")]),
        query(&format!("{OFFERS}?a=1"), &[("a", "unknown")]),
        query(&format!("{RULES}?a=1"), &[("a", "unknown")]),
        query(&format!("{POLICY}?a=1"), &[("a", "unknown")]),
        query(&format!("{FOLLOWED}?a=1"), &[("a", "unknown")]),
        query(&format!("{CENTRE}?a=1"), &[("a", "unknown")]),
        query(&format!("{CALENDAR}?a=1"), &[("a", "unknown")]),
        query(&format!("{HOLIDAYS}?a=1"), &[("a", "unknown")]),
        query("/v1/bookings/{booking}?a=1", &[("a", "unknown")]),
        query(&format!("{CONNECTION}?a=1"), &[("a", "unknown")]),
        Case::new("GET", "/v1/auth/callback", 400, "sign_in_failed"),
        Case::new(
            "GET",
            "/v1/auth/callback?code=a&state=%ff&iss=x",
            400,
            "sign_in_failed",
        ),
    ]
}
