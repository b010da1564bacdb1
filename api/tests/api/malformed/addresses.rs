//! Addresses that lead nowhere, methods that are not known there, and versions that never were.

use super::{
    BOOKINGS, CALENDAR, CANCEL, CENTRE, Case, FOLLOWED, HOLIDAYS, ME, OFFERS, OVERRIDE, POLICY,
    RULES, TIME_OFF, TUTOR, sent,
};

pub fn preconditions() -> Vec<Case> {
    let mut cases = Vec::new();
    let policy = super::time::policy().to_string();
    for (method, target, body) in [
        ("PATCH", ME, "{}"),
        ("PATCH", TUTOR, "{}"),
        ("PUT", OFFERS, r#"{"offers": []}"#),
        ("PUT", RULES, r#"{"rules": []}"#),
        ("PUT", OVERRIDE, r#"{"hours": []}"#),
        ("DELETE", OVERRIDE, ""),
        ("PUT", POLICY, "{}"),
        ("PUT", FOLLOWED, r#"{"calendar_ids": []}"#),
        ("PUT", CENTRE, &policy),
        ("PATCH", CALENDAR, "{}"),
        ("DELETE", CALENDAR, ""),
        ("PUT", HOLIDAYS, r#"{"holidays": []}"#),
        ("POST", CANCEL, "{}"),
    ] {
        // Weak tags never match (RFC 9110 section 13.1.1), and tags that we don't write neither.
        for tag in [
            "\"*\"",
            "\"76\", W/\"3\", \"77\"",
            "W/\"1\"",
            "W/\"3\"",
            "\"\"",
            "\"0\"",
            "\"-1\"",
            "\"+1\"",
            "\"+3\"",
            "\"03\"",
            "\"77\"",
            "\"2147483647\"",
            "\"2147483648\"",
        ] {
            let case = sent(method, target, body, 412, "stale_etag");
            cases.push(case.header("If-Match", tag));
        }
        // What is no tag at all is the fault of the client, and not of time.
        for tag in ["1", "nonsense", ""] {
            let case = sent(method, target, body, 400, "bad_if_match");
            cases.push(case.header("If-Match", tag));
        }
    }
    cases
}

pub fn addresses() -> Vec<Case> {
    let nowhere = |target: &str| Case::new("GET", target, 404, "no_such_route");
    let missing = |target: &str| Case::new("GET", target, 404, "not_found");
    let refused = |method, target: &str| Case::new(method, target, 405, "method_not_allowed");
    let long = format!("/v1/bookings/{}", "a".repeat(20_000));
    vec![
        nowhere("/v1"),
        nowhere("/v1/"),
        nowhere("/v2/me"),
        nowhere("/v1/me/"),
        nowhere("//v1/me"),
        nowhere("/V1/me"),
        nowhere("/v1/../v1/me"),
        nowhere("/v1/tutors/../../etc/passwd"),
        nowhere("/..%2f..%2fetc%2fpasswd"),
        nowhere("/%ff"),
        nowhere("/%00"),
        nowhere("/.env"),
        nowhere("/metrics/x"),
        Case::new("POST", "/v1/nonsense", 404, "no_such_route"),
        Case::new("OPTIONS", "/v1/nonsense", 404, "no_such_route"),
        missing("/v1/bookings/x"),
        missing("/v1/bookings/17"),
        missing("/v1/bookings/%ff"),
        missing("/v1/bookings/%00"),
        missing("/v1/bookings/%zz"),
        missing("/v1/bookings/..%2f..%2fetc%2fpasswd"),
        missing("/v1/bookings/{booking}%20"),
        missing("/v1/bookings/00000000-0000-0000-0000-000000000000"),
        missing("/v1/bookings/'%20OR%201=1"),
        missing("/v1/tutors/x"),
        missing("/v1/tutors/%ff/offers"),
        missing("/v1/tutors/x/weekly-rules"),
        missing("/v1/tutors/x/slots?from=2027-03-02T00:00:00Z&to=2027-03-03T00:00:00Z&minutes=60"),
        missing("/v1/tutors/{booking}"),
        missing("/v1/tutors/x/slots/explain?start=2027-03-02T00:00:00Z&minutes=60"),
        missing("/v1/tutors/{booking}/overrides"),
        missing("/v1/tutors/{booking}/policy"),
        missing("/v1/tutors/{booking}/holiday-calendars"),
        missing("/v1/tutors/{booking}/time-off"),
        missing("/v1/holiday-calendars/x"),
        missing("/v1/holiday-calendars/{booking}"),
        missing("/v1/holiday-calendars/{booking}/holidays"),
        sent(
            "PUT",
            "/v1/tutors/{tutor}/overrides/tomorrow",
            r#"{"hours": []}"#,
            404,
            "not_found",
        ),
        sent(
            "PUT",
            "/v1/tutors/{tutor}/overrides/2027-02-29",
            r#"{"hours": []}"#,
            404,
            "not_found",
        ),
        sent(
            "PUT",
            "/v1/holiday-calendars/{booking}/holidays",
            r#"{"holidays": []}"#,
            404,
            "not_found",
        )
        .header("If-Match", "\"1\""),
        Case::new("DELETE", "/v1/tutors/{tutor}/time-off/x", 404, "not_found"),
        Case::new(
            "DELETE",
            "/v1/tutors/{tutor}/time-off/{booking}",
            404,
            "not_found",
        ),
        Case::new("DELETE", OVERRIDE, 404, "not_found"),
        missing(OVERRIDE),
        missing("/v1/tutors/{tutor}/time-off/x"),
        refused("POST", OVERRIDE),
        refused("PUT", TIME_OFF),
        refused("DELETE", CENTRE),
        refused("PATCH", HOLIDAYS),
        Case::new("GET", &long, 414, "uri_too_long"),
        missing(&format!("/v1/bookings/{}", "a".repeat(8 * 1024 - 13))),
        Case::new("GET", ME, 431, "headers_too_large").header("x", &"a".repeat(16 * 1024)),
        Case::new("GET", ME, 431, "headers_too_large")
            .header("Cookie", &format!("session={}", "a".repeat(60_000))),
        sent("POST", "/v1/bookings/x/cancel", "{}", 404, "not_found"),
        sent("PATCH", "/v1/tutors/x", "{}", 404, "not_found"),
        refused("PUT", ME),
        refused("POST", ME),
        refused("OPTIONS", ME),
        refused("TRACE", ME),
        refused("BREW", ME),
        refused("PUT", BOOKINGS),
        refused("HEAD", CANCEL),
        refused("GET", CANCEL),
        refused("GET", "/v1/auth/sign-out"),
        refused("POST", "/livez"),
        refused("DELETE", TUTOR),
        refused("POST", RULES),
        refused("OPTIONS", "/readyz"),
    ]
}
