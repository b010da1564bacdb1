//! What an account and a tutor can't be.

use super::{Case, ME, OFFERS, RULES, TUTOR, fields, sent, text};
use serde_json::{Value, json};

pub fn me() -> Vec<Case> {
    let field = |body: Value, errors: &[_]| fields("PATCH", ME, &body, errors);
    let invitation = |email: &str, errors: &[_]| {
        let body = json!({"role": "guardian", "email": email});
        fields("POST", "/v1/invitations", &body, errors)
    };
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
        invitation("sam", &[("email", "not_an_email")]),
        invitation("sam@", &[("email", "not_an_email")]),
        invitation("s a m@example.org", &[("email", "not_an_email")]),
        invitation(
            &format!("sam@{}", "x".repeat(320)),
            &[("email", "too_long")],
        ),
        invitation("sam@example.org\u{0}", &[("email", "control_character")]),
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

pub fn profiles() -> Vec<Case> {
    let field = |body: Value, errors: &[_]| fields("PATCH", TUTOR, &body, errors);
    vec![
        field(json!({"bio": "x".repeat(4001)}), &[("bio", "too_long")]),
        field(json!({"bio": "x\u{7}"}), &[("bio", "control_character")]),
        field(
            json!({"languages": ["de", "Deutsch!"]}),
            &[("languages[1]", "not_a_language")],
        ),
        field(
            json!({"languages": ["de", "en", "de"]}),
            &[("languages", "duplicate")],
        ),
        field(
            json!({"languages": vec!["de"; 21]}),
            &[("languages", "wrong_count"), ("languages", "duplicate")],
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
    ]
}

pub fn offers() -> Vec<Case> {
    let good = json!({"subject": "mathematics", "level": "School", "lesson_minutes": [60]});
    let with = |at: &str, value: Value, errors: &[_]| {
        let mut bad = good.clone();
        bad[at] = value;
        fields("PUT", OFFERS, &json!({"offers": [good, bad]}), errors)
    };
    vec![
        with("subject", json!(""), &[("offers[1].subject", "too_short")]),
        with(
            "subject",
            json!("x\u{0}"),
            &[("offers[1].subject", "control_character")],
        ),
        with(
            "subject",
            json!(null),
            &[("offers[1].subject", "unacceptable")],
        ),
        with(
            "subject",
            json!("alchemy"),
            &[("offers[1].subject", "unknown_subject")],
        ),
        with(
            "level",
            json!("x".repeat(65)),
            &[("offers[1].level", "too_long")],
        ),
        with(
            "level",
            json!("Doctor"),
            &[("offers[1].level", "unknown_level")],
        ),
        with(
            "lesson_minutes",
            json!([]),
            &[("offers[1].lesson_minutes", "wrong_count")],
        ),
        with(
            "lesson_minutes",
            json!([60, 60]),
            &[("offers[1].lesson_minutes", "duplicate")],
        ),
        with(
            "lesson_minutes",
            json!([60, 4]),
            &[("offers[1].lesson_minutes[1]", "out_of_range")],
        ),
        with(
            "lesson_minutes",
            json!([0]),
            &[("offers[1].lesson_minutes[0]", "out_of_range")],
        ),
        with(
            "lesson_minutes",
            json!([-5]),
            &[("offers[1].lesson_minutes[0]", "out_of_range")],
        ),
        with(
            "lesson_minutes",
            json!([481]),
            &[("offers[1].lesson_minutes[0]", "out_of_range")],
        ),
        with(
            "lesson_minutes",
            json!([60, 99_999_999]),
            &[("offers[1].lesson_minutes[1]", "out_of_range")],
        ),
        with(
            "lesson_minutes",
            json!([60.5]),
            &[("offers[1].lesson_minutes[0]", "unacceptable")],
        ),
        with(
            "lesson_minutes",
            json!(["60"]),
            &[("offers[1].lesson_minutes[0]", "unacceptable")],
        ),
        with("price", json!(1), &[("offers[1].price", "unknown")]),
    ]
}

/// Lists of offers that are not what is asked for.
pub fn sets_of_offers() -> Vec<Case> {
    let good = json!({"subject": "mathematics", "level": "School", "lesson_minutes": [60]});
    vec![
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
        fields(
            "PUT",
            OFFERS,
            &json!({"offers": [good, ["mathematics", "School", [60]]]}),
            &[("offers[1]", "unacceptable")],
        ),
        fields("PUT", OFFERS, &json!({}), &[("offers", "missing")]),
    ]
}

pub fn rules() -> Vec<Case> {
    let good = json!({"weekday": "monday", "local_start": "09:00", "local_end": "12:00"});
    let with = |at: &str, value: Value, errors: &[_]| {
        let mut bad = good.clone();
        bad["weekday"] = json!("tuesday");
        bad[at] = value;
        fields("PUT", RULES, &json!({"rules": [good, bad]}), errors)
    };
    vec![
        with(
            "weekday",
            json!("Montag"),
            &[("rules[1].weekday", "unacceptable")],
        ),
        with("weekday", json!(1), &[("rules[1].weekday", "unacceptable")]),
        with(
            "local_start",
            json!("9:00"),
            &[("rules[1].local_start", "unacceptable")],
        ),
        with(
            "local_start",
            json!(" 9:00"),
            &[("rules[1].local_start", "unacceptable")],
        ),
        with(
            "local_start",
            json!("1: 30"),
            &[("rules[1].local_start", "unacceptable")],
        ),
        with(
            "local_start",
            json!("09:00:00"),
            &[("rules[1].local_start", "unacceptable")],
        ),
        with(
            "local_end",
            json!("24:00"),
            &[("rules[1].local_end", "unacceptable")],
        ),
        with(
            "local_end",
            json!("12:60"),
            &[("rules[1].local_end", "unacceptable")],
        ),
        with(
            "local_end",
            json!(900),
            &[("rules[1].local_end", "unacceptable")],
        ),
        with(
            "local_end",
            json!("１２:０"),
            &[("rules[1].local_end", "unacceptable")],
        ),
        with(
            "valid_from",
            json!("2027-02-29"),
            &[("rules[1].valid_from", "unacceptable")],
        ),
        with(
            "valid_from",
            json!("0000-01-01"),
            &[("rules[1].valid_from", "out_of_range")],
        ),
        with(
            "valid_until",
            json!("+262142-12-31"),
            &[("rules[1].valid_until", "out_of_range")],
        ),
        with(
            "valid_until",
            json!("2027-03-01T00:00:00Z"),
            &[("rules[1].valid_until", "unacceptable")],
        ),
        with(
            "time_zone",
            json!("Europe/Berlin"),
            &[("rules[1].time_zone", "unknown")],
        ),
    ]
}

/// Rules that can't stand together.
pub fn sets_of_rules() -> Vec<Case> {
    let good = json!({"weekday": "monday", "local_start": "09:00", "local_end": "12:00"});
    let with = |rules: Value, errors: &[_]| fields("PUT", RULES, &json!({"rules": rules}), errors);
    vec![
        with(
            json!([good, {"weekday": "friday", "local_end": "12:00"}]),
            &[("rules[1].local_start", "missing")],
        ),
        with(json!([good, good]), &[("rules[1]", "overlaps")]),
        with(
            json!([{"weekday": "monday", "local_start": "09:00", "local_end": "12:00", "valid_from": "2027-03-02", "valid_until": "2027-03-01"}]),
            &[("rules[0].valid_until", "before_valid_from")],
        ),
        with(json!(vec![good.clone(); 101]), &[("rules", "wrong_count")]),
        with(json!({"0": good}), &[("rules", "unacceptable")]),
        with(
            json!([["monday", "09:00", "12:00", null, null]]),
            &[("rules[0]", "unacceptable")],
        ),
    ]
}
