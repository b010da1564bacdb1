//! Requests that no client should send: each is refused in the same form, and names what is wrong.

use crate::support::{Answer, Centre, Person, Raw, TestApp, TutorAtCentre};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// What nobody outside may read.
const INTERNALS: [&str; 12] = [
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
    "/work",
    "/home",
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

/// Every operation that reads JSON, with a body that it would accept.
fn json_operations(tutor: &TutorAtCentre) -> [(&'static str, &'static str, Value); 7] {
    let rule = json!({"weekday": "monday", "local_start": "09:00", "local_end": "12:00"});
    let offer = json!({"subject": "mathematics", "level": "School", "lesson_minutes": [60]});
    [
        ("PATCH", ME, json!({"name": "Sam"})),
        ("PATCH", TUTOR, json!({"bio": "Patient."})),
        ("PUT", OFFERS, json!({"offers": [offer]})),
        ("PUT", RULES, json!({"rules": [rule]})),
        ("POST", BOOKINGS, tutor.lesson("2027-03-03T08:00:00Z", 60)),
        ("POST", CANCEL, json!({"reason": "ill"})),
        ("POST", CONNECTION, json!({"return_to": "/docs/"})),
    ]
}

/// What is wrong with a body is told alike wherever bodies are read.
fn bodies(tutor: &TutorAtCentre) -> Vec<Case> {
    let mut cases = Vec::new();
    for (method, target, good) in json_operations(tutor) {
        let good = good.to_string();
        let malformed = |body: Vec<u8>| sent(method, target, body, 400, "malformed_json");
        cases.extend([
            malformed(Vec::new()),
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
                format!("{good}{}", " ".repeat(70 * 1024)),
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

fn me() -> Vec<Case> {
    let field = |body: Value, errors: &[_]| fields("PATCH", ME, &body, errors);
    vec![
        field(json!({"name": ""}), &[("name", "too_short")]),
        field(json!({"name": " \u{a0} "}), &[("name", "too_short")]),
        field(json!({"name": "x".repeat(201)}), &[("name", "too_long")]),
        field(json!({"name": "x\u{0}"}), &[("name", "control_character")]),
        field(json!({"name": "x\u{85}"}), &[("name", "control_character")]),
        // A name stands in one line: in a calendar entry, and in the header of an email.
        field(
            json!({"name": "Sam\r\nBcc: all@example.org"}),
            &[("name", "control_character")],
        ),
        field(json!({"name": 17}), &[("name", "unacceptable")]),
        field(json!({"name": ["Sam"]}), &[("name", "unacceptable")]),
        field(json!({"email": "sam@example.org"}), &[("email", "unknown")]),
        field(json!({"roles": ["admin"]}), &[("roles", "unknown")]),
        text(
            "PATCH",
            ME,
            r#"{"name": "a", "name": "b"}"#,
            &[("name", "duplicate")],
        ),
        sent("PATCH", ME, r#"{"name": "\ud83d"}"#, 400, "malformed_json"),
        field(
            json!({"time_zone": "Europe/Atlantis"}),
            &[("time_zone", "unknown_time_zone")],
        ),
        field(
            json!({"time_zone": "../../etc/passwd"}),
            &[("time_zone", "unknown_time_zone")],
        ),
        field(
            json!({"time_zone": ""}),
            &[("time_zone", "unknown_time_zone")],
        ),
        field(
            json!({"name": "", "time_zone": "x"}),
            &[("name", "too_short"), ("time_zone", "unknown_time_zone")],
        ),
    ]
}

fn tutors() -> Vec<Case> {
    let field = |body: Value, errors: &[_]| fields("PATCH", TUTOR, &body, errors);
    let mut cases = vec![
        field(json!({"bio": "x".repeat(4001)}), &[("bio", "too_long")]),
        field(json!({"bio": "x\u{7}"}), &[("bio", "control_character")]),
        field(
            json!({"languages": ["de", "Deutsch!"]}),
            &[("languages", "not_a_language")],
        ),
        field(
            json!({"languages": ["de", "en", "de"]}),
            &[("languages", "duplicate")],
        ),
        field(
            json!({"languages": vec!["de"; 21]}),
            &[("languages", "wrong_count")],
        ),
        field(
            json!({"languages": ["de", 1]}),
            &[("languages[1]", "unacceptable")],
        ),
        field(json!({"languages": "de"}), &[("languages", "unacceptable")]),
        field(json!({"visible": "yes"}), &[("visible", "unacceptable")]),
        field(json!({"visible": 1}), &[("visible", "unacceptable")]),
        field(json!({"version": 1}), &[("version", "unknown")]),
        field(
            json!({"time_zone": "UTC+1"}),
            &[("time_zone", "unknown_time_zone")],
        ),
    ];
    let good = json!({"subject": "mathematics", "level": "School", "lesson_minutes": [60]});
    let offers = |at: &str, value: Value, errors: &[_]| {
        let mut bad = good.clone();
        bad[at] = value;
        fields("PUT", OFFERS, &json!({"offers": [good, bad]}), errors)
    };
    cases.extend([
        offers("subject", json!(""), &[("offers[1].subject", "too_short")]),
        offers(
            "subject",
            json!("x\u{0}"),
            &[("offers[1].subject", "control_character")],
        ),
        offers(
            "subject",
            json!(null),
            &[("offers[1].subject", "unacceptable")],
        ),
        offers(
            "subject",
            json!("alchemy"),
            &[("offers[1].subject", "unknown_subject")],
        ),
        offers(
            "level",
            json!("x".repeat(65)),
            &[("offers[1].level", "too_long")],
        ),
        offers(
            "level",
            json!("Doctor"),
            &[("offers[1].level", "unknown_level")],
        ),
        offers(
            "lesson_minutes",
            json!([]),
            &[("offers[1].lesson_minutes", "wrong_count")],
        ),
        offers(
            "lesson_minutes",
            json!([60, 60]),
            &[("offers[1].lesson_minutes", "duplicate")],
        ),
        offers(
            "lesson_minutes",
            json!([60, 4]),
            &[("offers[1].lesson_minutes[1]", "out_of_range")],
        ),
        offers(
            "lesson_minutes",
            json!([0]),
            &[("offers[1].lesson_minutes[0]", "out_of_range")],
        ),
        offers(
            "lesson_minutes",
            json!([-5]),
            &[("offers[1].lesson_minutes[0]", "out_of_range")],
        ),
        offers(
            "lesson_minutes",
            json!([481]),
            &[("offers[1].lesson_minutes[0]", "out_of_range")],
        ),
        offers(
            "lesson_minutes",
            json!([60, 99_999_999]),
            &[("offers[1].lesson_minutes[1]", "unacceptable")],
        ),
        offers(
            "lesson_minutes",
            json!([60.5]),
            &[("offers[1].lesson_minutes[0]", "unacceptable")],
        ),
        offers(
            "lesson_minutes",
            json!(["60"]),
            &[("offers[1].lesson_minutes[0]", "unacceptable")],
        ),
        offers("price", json!(1), &[("offers[1].price", "unknown")]),
        fields(
            "PUT",
            OFFERS,
            &json!({"offers": [good, {"subject": "mathematics", "level": "School"}]}),
            &[("offers[1].lesson_minutes", "missing")],
        ),
        fields(
            "PUT",
            OFFERS,
            &json!({"offers": vec![good.clone(); 101]}),
            &[("offers", "wrong_count")],
        ),
        fields(
            "PUT",
            OFFERS,
            &json!({"offers": null}),
            &[("offers", "unacceptable")],
        ),
        fields("PUT", OFFERS, &json!({}), &[("offers", "missing")]),
    ]);
    let good = json!({"weekday": "monday", "local_start": "09:00", "local_end": "12:00"});
    let rules = |at: &str, value: Value, errors: &[_]| {
        let mut bad = good.clone();
        bad["weekday"] = json!("tuesday");
        bad[at] = value;
        fields("PUT", RULES, &json!({"rules": [good, bad]}), errors)
    };
    cases.extend([
        rules("weekday", json!("Montag"), &[("rules[1].weekday", "unacceptable")]),
        rules("weekday", json!(1), &[("rules[1].weekday", "unacceptable")]),
        rules("local_start", json!("9:00"), &[("rules[1].local_start", "unacceptable")]),
        rules("local_start", json!(" 9:00"), &[("rules[1].local_start", "unacceptable")]),
        rules("local_start", json!("1: 30"), &[("rules[1].local_start", "unacceptable")]),
        rules("local_start", json!("09:00:00"), &[("rules[1].local_start", "unacceptable")]),
        rules("local_end", json!("24:00"), &[("rules[1].local_end", "unacceptable")]),
        rules("local_end", json!("12:60"), &[("rules[1].local_end", "unacceptable")]),
        rules("local_end", json!(900), &[("rules[1].local_end", "unacceptable")]),
        rules("local_end", json!("１２:０"), &[("rules[1].local_end", "unacceptable")]),
        rules("valid_from", json!("2027-02-29"), &[("rules[1].valid_from", "unacceptable")]),
        rules("valid_from", json!("0000-01-01"), &[("rules[1].valid_from", "out_of_range")]),
        rules("valid_until", json!("+262142-12-31"), &[("rules[1].valid_until", "out_of_range")]),
        rules("valid_until", json!("2027-03-01T00:00:00Z"), &[("rules[1].valid_until", "unacceptable")]),
        rules("time_zone", json!("Europe/Berlin"), &[("rules[1].time_zone", "unknown")]),
        fields("PUT", RULES, &json!({"rules": [good, {"weekday": "friday", "local_end": "12:00"}]}), &[("rules[1].local_start", "missing")]),
        fields("PUT", RULES, &json!({"rules": [good, good]}), &[("rules[1]", "overlaps")]),
        fields(
            "PUT",
            RULES,
            &json!({"rules": [{"weekday": "monday", "local_start": "09:00", "local_end": "12:00", "valid_from": "2027-03-02", "valid_until": "2027-03-01"}]}),
            &[("rules[0].valid_until", "before_valid_from")],
        ),
        fields("PUT", RULES, &json!({"rules": vec![good.clone(); 101]}), &[("rules", "wrong_count")]),
        fields("PUT", RULES, &json!({"rules": {"0": good}}), &[("rules", "unacceptable")]),
    ]);
    cases
}

fn bookings(tutor: &TutorAtCentre) -> Vec<Case> {
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
    let cancel = |body: Value, errors: &[_]| fields("POST", CANCEL, &body, errors);
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
            "student_id",
            json!(uuid::Uuid::nil()),
            &[("student_id", "unknown")],
        ),
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

fn cursor(key: &Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(key.to_string())
}

fn queries() -> Vec<Case> {
    let mut cases = Vec::new();
    for list in ["/v1/subjects", "/v1/tutors", BOOKINGS] {
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
    let slots = |rest: &str, errors: &[_]| query(&format!("{TUTOR}/slots?{rest}"), errors);
    let window = "from=2027-03-02T00:00:00Z&to=2027-03-03T00:00:00Z";
    cases.extend([
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
        query("/v1/bookings?from=yesterday", &[("from", "unacceptable")]),
        query(
            "/v1/bookings?to=%2B262142-12-31T23:59:59Z",
            &[("to", "out_of_range")],
        ),
        query(
            "/v1/bookings?from=1969-12-31T23:59:59Z",
            &[("from", "out_of_range")],
        ),
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
        query("/livez?a=1", &[("a", "unknown")]),
        query("/readyz?a=1", &[("a", "unknown")]),
        query("/v1/me?a=1", &[("a", "unknown")]),
        query(&format!("{TUTOR}?a=1"), &[("a", "unknown")]),
        query(&format!("{OFFERS}?a=1"), &[("a", "unknown")]),
        query(&format!("{RULES}?a=1"), &[("a", "unknown")]),
        query("/v1/bookings/{booking}?a=1", &[("a", "unknown")]),
        query(&format!("{CONNECTION}?a=1"), &[("a", "unknown")]),
        Case::new("GET", "/v1/auth/callback", 400, "sign_in_failed"),
        Case::new(
            "GET",
            "/v1/auth/callback?code=a&state=%ff&iss=x",
            400,
            "sign_in_failed",
        ),
    ]);
    cases
}

fn preconditions() -> Vec<Case> {
    let mut cases = Vec::new();
    for (method, target, body) in [
        ("PATCH", ME, "{}"),
        ("PATCH", TUTOR, "{}"),
        ("PUT", OFFERS, r#"{"offers": []}"#),
        ("PUT", RULES, r#"{"rules": []}"#),
        ("POST", CANCEL, "{}"),
    ] {
        // Weak tags never match (RFC 9110 section 13.1.1), and tags that we don't write neither.
        for tag in [
            "*",
            "W/\"1\"",
            "W/\"3\"",
            "1",
            "\"\"",
            "\"0\"",
            "\"-1\"",
            "\"+1\"",
            "\"+3\"",
            "\"03\"",
            "\"77\"",
            "\"2147483647\"",
            "\"2147483648\"",
            "nonsense",
            "",
        ] {
            let case = sent(method, target, body, 412, "stale_etag");
            cases.push(case.header("If-Match", tag));
        }
    }
    cases
}

fn addresses() -> Vec<Case> {
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
        missing(&long),
        sent("POST", "/v1/bookings/x/cancel", "{}", 404, "not_found"),
        sent("PATCH", "/v1/tutors/x", "{}", 404, "not_found"),
        refused("DELETE", ME),
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

struct World {
    // Stands as long as the test.
    _test: TestApp,
    tutor: TutorAtCentre,
    student: Person,
    booking: String,
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
        Self {
            _test: test,
            tutor,
            student,
            booking,
        }
    }

    fn fill(&self, target: &str) -> String {
        target
            .replace("{tutor}", &self.tutor.id.to_string())
            .replace("{booking}", &self.booking)
    }

    /// Sends a request as the person who may, with the current version where an edit names none.
    async fn send(&self, raw: &Raw) -> Answer {
        let mut raw = raw.clone();
        let tutors = (raw.target.contains("{tutor}") && raw.method != "GET")
            || raw.target.contains(CONNECTION);
        let person = if tutors {
            &self.tutor.person
        } else {
            &self.student
        };
        raw.target = self.fill(&raw.target);
        let names_version = raw.headers.iter().any(|(name, _)| *name == "If-Match");
        if matches!(raw.method, "PATCH" | "PUT") && !names_version {
            let path = raw.target.split('?').next().unwrap();
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
            (&self.tutor.person, "/v1/bookings?as=tutor"),
            (&self.tutor.person, ME),
            (&self.tutor.person, CONNECTION),
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
    world.refuses(&bodies(&world.tutor)).await;
}

#[tokio::test]
async fn an_account_is_not_changed_to_what_can_not_be() {
    World::new().await.refuses(&me()).await;
}

#[tokio::test]
async fn a_tutor_is_not_changed_to_what_can_not_be() {
    World::new().await.refuses(&tutors()).await;
}

#[tokio::test]
async fn what_can_not_be_is_neither_booked_nor_cancelled() {
    let world = World::new().await;
    world.refuses(&bookings(&world.tutor)).await;
}

#[tokio::test]
async fn a_query_that_can_not_be_answered_is_refused() {
    World::new().await.refuses(&queries()).await;
}

#[tokio::test]
async fn an_edit_of_no_known_version_is_refused() {
    World::new().await.refuses(&preconditions()).await;
}

#[tokio::test]
async fn an_edit_that_names_no_version_is_refused() {
    let world = World::new().await;
    for (method, path) in [
        ("PATCH", ME),
        ("PATCH", TUTOR),
        ("PUT", OFFERS),
        ("PUT", RULES),
    ] {
        let person = &world.tutor.person;
        let request = person.request(method.parse().unwrap(), &world.fill(path));
        let answer = person.send(request.json(&json!({}))).await;
        answer.expect_problem(428, "if_match_required");
    }
}

#[tokio::test]
async fn an_address_that_leads_nowhere_is_refused() {
    World::new().await.refuses(&addresses()).await;
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
        .filter(|operation| operation["requestBody"].is_object());
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
