//! What a tutor's time, and the centre's, can't be.

use super::{
    ABSENCE_OFFERS, ABSENCES, CALENDAR, CALENDARS, CENTRE, Case, FOLLOWED, HOLIDAYS, IMPORT,
    OVERRIDE, POLICY, REASSIGNMENTS, TIME_OFF, TUTOR, fields, query,
};
use crate::support::local_hours;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// A policy of the centre that would be accepted.
pub fn policy() -> Value {
    json!({
        "minimum_notice_minutes": 60, "horizon_days": 60, "start_grid_minutes": 30, "start_grid_anchor": "midnight",
        "buffer_before_minutes": 0, "buffer_after_minutes": 0, "max_lessons_per_day": null, "max_lessons_per_week": null,
        "requires_approval": false, "approval_minutes": 1440,
        "hold_minutes": 10, "attendance_days": 14, "calendar_unknown_after_hours": 24,
        "event_moved": "reschedule", "event_deleted": "cancel", "event_deleted_grace_minutes": 60, "event_declined": "cancel",
    })
}

pub fn overrides() -> Vec<Case> {
    let with =
        |hours: Value, errors: &[_]| fields("PUT", OVERRIDE, &json!({"hours": hours}), errors);
    let span = |hours: &[&str], errors: &[_]| {
        let hours: Vec<_> = hours.iter().map(|hours| local_hours(hours)).collect();
        with(json!(hours), errors)
    };
    let mut cases = vec![
        span(&["09:00-12:00", "11:59-13:00"], &[("hours[1]", "overlaps")]),
        span(
            &["09:00-12:00", "13:00-14:00", "10:00-11:00"],
            &[("hours[2]", "overlaps")],
        ),
        span(&["22:00-02:00", "23:00-23:30"], &[("hours[1]", "overlaps")]),
        span(&["00:00-00:00", "23:00-01:00"], &[("hours[1]", "overlaps")]),
        span(&["09:00-10:00"; 25], &[("hours", "wrong_count")]),
        span(&["9:00-10:00"], &[("hours[0].local_start", "unacceptable")]),
        span(&["09:00-24:00"], &[("hours[0].local_end", "unacceptable")]),
        span(
            &["09:00-10:00:00"],
            &[("hours[0].local_end", "unacceptable")],
        ),
        with(
            json!([{"local_start": "09:00"}]),
            &[("hours[0].local_end", "missing")],
        ),
        with(json!([["09:00", "10:00"]]), &[("hours[0]", "unacceptable")]),
        with(
            json!([{"local_start": "09:00", "local_end": "10:00", "weekday": "monday"}]),
            &[("hours[0].weekday", "unknown")],
        ),
        with(json!(null), &[("hours", "unacceptable")]),
        with(json!({}), &[("hours", "unacceptable")]),
        fields("PUT", OVERRIDE, &json!({}), &[("hours", "missing")]),
        fields(
            "PUT",
            OVERRIDE,
            &json!({"hours": [], "date": "2027-03-02"}),
            &[("date", "unknown")],
        ),
        fields(
            "PUT",
            &format!("{OVERRIDE}?dry_run=yes"),
            &json!({"hours": []}),
            &[("dry_run", "unacceptable")],
        ),
        fields(
            "PUT",
            &format!("{OVERRIDE}?dry_run=true&dry_run=true"),
            &json!({"hours": []}),
            &[("dry_run", "duplicate")],
        ),
    ];
    for date in [
        "1969-12-31",
        "2200-01-01",
        "0000-01-01",
        "-5000-01-01",
        "%2B262142-12-31",
        "-262142-01-01",
    ] {
        let path = format!("/v1/tutors/{{tutor}}/overrides/{date}");
        let errors = [("date", "out_of_range")];
        cases.push(fields("PUT", &path, &json!({"hours": []}), &errors));
        cases.push(fields("DELETE", &path, &json!({}), &errors));
    }
    cases
}

pub fn absences() -> Vec<Case> {
    let with = |body: Value, errors: &[_]| fields("POST", ABSENCES, &body, errors);
    let span = |start: &str, end: &str, errors: &[_]| {
        with(
            json!({"start": start, "end": end, "reason": "other"}),
            errors,
        )
    };
    let (id, other) = (
        "0198c5a0-6f2e-7c3a-9d41-3f8f6a1b2c3d",
        "0198c5a0-7b1d-7f00-8a52-6e1d2c3b4a59",
    );
    let assignment = json!({"booking_id": id, "tutor_id": other});
    let mut cases = vec![
        with(json!({}), &[("reason", "missing")]),
        with(json!({"reason": "illness"}), &[("", "span_or_dates")]),
        with(
            json!({"first_date": "2027-03-02", "last_date": "2027-03-02", "reason": "lazy"}),
            &[("reason", "unacceptable")],
        ),
        with(
            json!({"first_date": "2027-03-02", "last_date": "2027-03-02", "reason": "other", "note": "x"}),
            &[("note", "unknown")],
        ),
        with(
            json!({"first_date": "2027-02-01", "last_date": "2027-02-02", "reason": "other"}),
            &[("last_date", "not_ahead")],
        ),
        with(
            json!({"first_date": "2027-03-03", "last_date": "2027-03-02", "reason": "other"}),
            &[("last_date", "before_first")],
        ),
        span(
            "2027-03-02T10:00:00Z",
            "2027-03-02T10:00:00Z",
            &[("end", "not_after_start")],
        ),
        span(
            "2027-02-02T10:00:00Z",
            "2027-02-02T11:00:00Z",
            &[("end", "not_ahead")],
        ),
        span(
            "2027-03-02T10:00:00Z",
            "2028-03-02T10:00:01Z",
            &[("end", "too_long")],
        ),
    ];
    let neither = [("", "some_or_all")];
    for (path, field, some) in [
        (REASSIGNMENTS, "assignments", assignment),
        (ABSENCE_OFFERS, "booking_ids", json!(id)),
    ] {
        cases.extend([
            fields("POST", path, &json!({}), &neither),
            fields("POST", path, &json!({"all": false}), &neither),
            fields("POST", path, &json!({field: [some], "all": true}), &neither),
            fields("POST", path, &json!({"all": 1}), &[("all", "unacceptable")]),
            fields(
                "POST",
                path,
                &json!({field: [some, some]}),
                &[(&format!("{field}[1]").leak()[..], "duplicate")],
            ),
            fields(
                "POST",
                path,
                &json!({field: vec![&some; 501]}),
                &[(field, "wrong_count")],
            ),
        ]);
    }
    cases
}

pub fn time_off() -> Vec<Case> {
    let with = |body: Value, errors: &[_]| fields("POST", TIME_OFF, &body, errors);
    let span =
        |start: &str, end: &str, errors: &[_]| with(json!({"start": start, "end": end}), errors);
    let dates = |first: &str, last: &str, errors: &[_]| {
        with(json!({"first_date": first, "last_date": last}), errors)
    };
    let (start, end) = ("2027-03-02T10:00:00Z", "2027-03-02T11:00:00Z");
    vec![
        with(json!({}), &[("", "span_or_dates")]),
        with(json!({"start": start}), &[("", "span_or_dates")]),
        with(
            json!({"first_date": "2027-03-02"}),
            &[("", "span_or_dates")],
        ),
        with(
            json!({"start": start, "last_date": "2027-03-02"}),
            &[("", "span_or_dates")],
        ),
        with(
            json!({"start": start, "end": end, "first_date": "2027-03-02", "last_date": "2027-03-02"}),
            &[("", "span_or_dates")],
        ),
        with(
            json!({"start": null, "end": null}),
            &[("", "span_or_dates")],
        ),
        span(start, start, &[("end", "not_after_start")]),
        span(end, start, &[("end", "not_after_start")]),
        span("0000-01-01T00:00:00Z", end, &[("start", "out_of_range")]),
        span(start, "+262142-12-31T23:59:59Z", &[("end", "out_of_range")]),
        span(start, "2027-03-02T10:59:60Z", &[("end", "leap_second")]),
        span(start, "2027-03-02", &[("end", "unacceptable")]),
        dates("2027-03-02", "2027-03-01", &[("last_date", "before_first")]),
        dates(
            "2027-02-29",
            "2027-03-01",
            &[("first_date", "unacceptable")],
        ),
        dates(
            "1969-12-31",
            "2027-03-01",
            &[("first_date", "out_of_range")],
        ),
        dates(
            "2027-03-02",
            "+262142-12-31",
            &[("last_date", "out_of_range")],
        ),
        with(
            json!({"first_date": "2027-03-02", "last_date": "2027-03-02", "note": "x".repeat(201)}),
            &[("note", "too_long")],
        ),
        with(
            json!({"first_date": "2027-03-02", "last_date": "2027-03-02", "note": "a\nb"}),
            &[("note", "control_character")],
        ),
        with(
            json!({"first_date": "2027-03-02", "last_date": "2027-03-02", "note": null}),
            &[("note", "unacceptable")],
        ),
        with(
            json!({"first_date": "2027-03-02", "last_date": "2027-03-02", "id": 1}),
            &[("id", "unknown")],
        ),
    ]
}

pub fn policies() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, value) in [
        ("minimum_notice_minutes", json!(-1)),
        ("minimum_notice_minutes", json!(43_201)),
        ("horizon_days", json!(0)),
        ("horizon_days", json!(731)),
        ("start_grid_minutes", json!(0)),
        ("start_grid_minutes", json!(1441)),
        ("start_grid_minutes", json!(-30)),
        ("buffer_before_minutes", json!(241)),
        ("buffer_after_minutes", json!(-1)),
        ("max_lessons_per_day", json!(-1)),
        ("max_lessons_per_day", json!(101)),
        ("max_lessons_per_week", json!(701)),
        ("approval_minutes", json!(14)),
        ("approval_minutes", json!(20_161)),
    ] {
        let mut whole = policy();
        whole[name] = value.clone();
        cases.push(fields("PUT", CENTRE, &whole, &[(name, "out_of_range")]));
        cases.push(fields(
            "PUT",
            POLICY,
            &json!({name: value}),
            &[(name, "out_of_range")],
        ));
    }
    for (name, value) in [
        ("minimum_notice_minutes", json!("60")),
        ("horizon_days", json!(1.5)),
        ("start_grid_minutes", json!(4_294_967_296_i64)),
        ("start_grid_anchor", json!("noon")),
        ("max_lessons_per_day", json!(true)),
    ] {
        let mut whole = policy();
        whole[name] = value.clone();
        cases.push(fields("PUT", CENTRE, &whole, &[(name, "unacceptable")]));
        cases.push(fields(
            "PUT",
            POLICY,
            &json!({name: value}),
            &[(name, "unacceptable")],
        ));
    }
    cases.push(fields(
        "PUT",
        POLICY,
        &json!({"start_grid_minutes": 7}),
        &[("start_grid_minutes", "not_a_divisor")],
    ));
    for (value, code) in [
        (json!(0), "out_of_range"),
        (json!(8761), "out_of_range"),
        (json!("24"), "unacceptable"),
    ] {
        let mut whole = policy();
        whole["calendar_unknown_after_hours"] = value;
        let errors = [("calendar_unknown_after_hours", code)];
        cases.push(fields("PUT", CENTRE, &whole, &errors));
    }
    for (name, value, code) in [
        ("event_moved", json!("follow"), "unacceptable"),
        ("event_deleted", json!("reschedule"), "unacceptable"),
        ("event_deleted_grace_minutes", json!(-1), "out_of_range"),
        ("event_deleted_grace_minutes", json!(1441), "out_of_range"),
        ("event_declined", json!(true), "unacceptable"),
    ] {
        let mut whole = policy();
        whole[name] = value;
        cases.push(fields("PUT", CENTRE, &whole, &[(name, code)]));
    }
    // Null is for ever, which nobody says by leaving it out.
    let mut whole = policy();
    let forgotten = "calendar_unknown_after_hours";
    whole.as_object_mut().unwrap().remove(forgotten);
    cases.push(fields("PUT", CENTRE, &whole, &[(forgotten, "missing")]));
    // There is nobody above the centre to leave it to.
    for name in [
        "minimum_notice_minutes",
        "horizon_days",
        "start_grid_minutes",
        "start_grid_anchor",
        "buffer_after_minutes",
        "requires_approval",
        "hold_minutes",
        "attendance_days",
        "event_moved",
        "event_deleted_grace_minutes",
    ] {
        let mut whole = policy();
        whole[name] = json!(null);
        cases.push(fields("PUT", CENTRE, &whole, &[(name, "unacceptable")]));
        whole.as_object_mut().unwrap().remove(name);
        cases.push(fields("PUT", CENTRE, &whole, &[(name, "missing")]));
    }
    cases
}

pub fn holidays() -> Vec<Case> {
    let good = json!({"first_date": "2027-05-01", "last_date": "2027-05-01", "name": "May Day"});
    let reversed = json!({"first_date": "2027-05-02", "last_date": "2027-05-01", "name": "May"});
    let all = |holidays: Value, errors: &[_]| {
        fields("PUT", HOLIDAYS, &json!({"holidays": holidays}), errors)
    };
    let with = |at: &str, value: Value, errors: &[_]| {
        let mut bad = good.clone();
        bad[at] = value;
        all(json!([good, bad]), errors)
    };
    vec![
        with(
            "last_date",
            json!("2027-04-30"),
            &[("holidays[1].last_date", "before_first")],
        ),
        all(
            json!([reversed, good, reversed]),
            &[
                ("holidays[0].last_date", "before_first"),
                ("holidays[2].last_date", "before_first"),
            ],
        ),
        with(
            "first_date",
            json!("1969-12-31"),
            &[("holidays[1].last_date", "out_of_range")],
        ),
        with(
            "last_date",
            json!("+262142-12-31"),
            &[("holidays[1].last_date", "out_of_range")],
        ),
        with(
            "first_date",
            json!("2027-02-29"),
            &[("holidays[1].first_date", "unacceptable")],
        ),
        with("name", json!(""), &[("holidays[1].name", "too_short")]),
        with(
            "name",
            json!("x".repeat(201)),
            &[("holidays[1].name", "too_long")],
        ),
        with(
            "name",
            json!("a\u{0}"),
            &[("holidays[1].name", "control_character")],
        ),
        with(
            "country",
            json!("DE"),
            &[("holidays[1].country", "unknown")],
        ),
        all(json!([good, good]), &[("holidays[1]", "duplicate")]),
        all(
            json!(vec![good.clone(); 2001]),
            &[("holidays", "wrong_count")],
        ),
        all(json!(null), &[("holidays", "unacceptable")]),
        all(
            json!([["2027-05-01", "2027-05-01", "May Day"]]),
            &[("holidays[0]", "unacceptable")],
        ),
    ]
}

/// Calendars, who follows them, and files.
pub fn calendars() -> Vec<Case> {
    let create = |body: Value, errors: &[_]| fields("POST", CALENDARS, &body, errors);
    let edit = |body: Value, errors: &[_]| fields("PATCH", CALENDAR, &body, errors);
    let follow =
        |ids: Value, errors: &[_]| fields("PUT", FOLLOWED, &json!({"calendar_ids": ids}), errors);
    let nobody = uuid::Uuid::now_v7();
    let text = "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n";
    let mut cases = vec![
        create(json!({"name": "Hesse"}), &[("centre_wide", "missing")]),
        create(
            json!({"name": "", "centre_wide": true}),
            &[("name", "too_short")],
        ),
        create(
            json!({"name": "x".repeat(101), "centre_wide": true}),
            &[("name", "too_long")],
        ),
        create(
            json!({"name": "a\tb", "centre_wide": true}),
            &[("name", "control_character")],
        ),
        create(
            json!({"name": "Hesse", "centre_wide": null}),
            &[("centre_wide", "unacceptable")],
        ),
        create(
            json!({"name": "Berlin", "centre_wide": true}),
            &[("name", "taken")],
        ),
        edit(json!({"name": ""}), &[("name", "too_short")]),
        edit(json!({"version": 1}), &[("version", "unknown")]),
        follow(json!([nobody]), &[("calendar_ids", "unknown_calendar")]),
        follow(json!([nobody, nobody]), &[("calendar_ids", "duplicate")]),
        follow(json!(["x"]), &[("calendar_ids[0]", "unacceptable")]),
        follow(
            json!((0..21).map(|_| uuid::Uuid::now_v7()).collect::<Vec<_>>()),
            &[("calendar_ids", "wrong_count")],
        ),
        Case::new("POST", IMPORT, 400, "not_a_calendar").body(text),
        Case::new("POST", IMPORT, 400, "not_a_calendar")
            .header("Content-Type", "application/json")
            .body(text),
        Case {
            errors: vec![("", "not_a_calendar")],
            ..Case::new("POST", IMPORT, 422, "invalid_fields")
                .header("Content-Type", "text/calendar")
                .body(*b"BEGIN:VCALENDAR\xff")
        },
    ];
    let huge = " ".repeat(1024 * 1024 + 1);
    cases.push(
        Case::new("POST", IMPORT, 413, "body_too_large")
            .header("Content-Type", "text/calendar")
            .body(huge),
    );
    cases
}

/// Questions about the time of one tutor that have no answer.
pub fn queries() -> Vec<Case> {
    let explain =
        |rest: &str, errors: &[_]| query(&format!("{TUTOR}/slots/explain?{rest}"), errors);
    let overrides = |rest: &str, errors: &[_]| query(&format!("{TUTOR}/overrides?{rest}"), errors);
    vec![
        explain("", &[("start", "missing")]),
        explain("start=2027-03-02T09:00:00Z", &[("minutes", "missing")]),
        explain(
            "start=2027-03-02T09:00:00Z&minutes=0",
            &[("minutes", "out_of_range")],
        ),
        explain(
            "start=2027-03-02T09:00:00Z&minutes=481",
            &[("minutes", "out_of_range")],
        ),
        explain(
            "start=2200-01-01T00:00:00Z&minutes=60",
            &[("start", "out_of_range")],
        ),
        explain(
            "start=%2B262142-12-31T23:59:59Z&minutes=60",
            &[("start", "out_of_range")],
        ),
        explain(
            "start=2027-03-02T09:00:60Z&minutes=60",
            &[("start", "leap_second")],
        ),
        explain("start=2027-03-02&minutes=60", &[("start", "unacceptable")]),
        explain(
            "start=2027-03-02T09:00:00Z&minutes=60&time_zone=Mars",
            &[("time_zone", "unknown_time_zone")],
        ),
        explain(
            "start=2027-03-02T09:00:00Z&minutes=60&subject=%00",
            &[("subject", "control_character")],
        ),
        explain(
            "start=2027-03-02T09:00:00Z&minutes=60&end=1",
            &[("end", "unknown")],
        ),
        overrides("from=2027-03-02&to=2027-03-01", &[("to", "before_first")]),
        overrides(
            "from=2027-03-02&to=2028-03-03",
            &[("to", "window_too_long")],
        ),
        overrides("to=2199-12-31", &[("to", "window_too_long")]),
        overrides("from=1969-12-31", &[("from", "out_of_range")]),
        overrides("from=2200-01-01", &[("from", "out_of_range")]),
        overrides("to=%2B262142-12-31", &[("to", "out_of_range")]),
        overrides("from=2027-02-29", &[("from", "unacceptable")]),
        overrides("limit=1", &[("limit", "unknown")]),
    ]
}

/// Searches among many that find nothing out.
pub fn searches() -> Vec<Case> {
    let window = "from=2027-03-02T00:00:00Z&to=2027-03-03T00:00:00Z";
    let search = |rest: &str, errors: &[_]| {
        query(
            &format!("/v1/slots?subject=mathematics&minutes=60&{rest}"),
            errors,
        )
    };
    let next = |rest: &str, errors: &[_]| query(&format!("/v1/slots/next?{rest}"), errors);
    let id = uuid::Uuid::nil().to_string();
    let ids = vec![id.as_str(); 101].join(",");
    let mut cases = vec![
        search("from=2027-03-02T00:00:00Z", &[("to", "missing")]),
        search(
            "from=2027-03-03T00:00:00Z&to=2027-03-02T00:00:00Z",
            &[("to", "not_after_from")],
        ),
        search(
            "from=1970-01-01T00:00:00Z&to=2199-12-31T00:00:00Z",
            &[("to", "window_too_long")],
        ),
        search(&format!("{window}&limit=0"), &[("limit", "out_of_range")]),
        search(
            &format!("{window}&limit=2001"),
            &[("limit", "out_of_range")],
        ),
        search(
            &format!("{window}&limit=65536"),
            &[("limit", "unacceptable")],
        ),
        search(&format!("{window}&rank=best"), &[("rank", "unacceptable")]),
        search(
            &format!("{window}&language=Deutsch!"),
            &[("language", "not_a_language")],
        ),
        search(&format!("{window}&level="), &[("level", "too_short")]),
        search(
            &format!("{window}&tutors={ids}"),
            &[("tutors", "unacceptable")],
        ),
        search(&format!("{window}&tutors="), &[("tutors", "unacceptable")]),
        search(
            &format!("{window}&tutors={id},"),
            &[("tutors", "unacceptable")],
        ),
        search(
            &format!("{window}&tutors=Tina"),
            &[("tutors", "unacceptable")],
        ),
        search(
            &format!("{window}&time_zone=Mars"),
            &[("time_zone", "unknown_time_zone")],
        ),
        search(&format!("{window}&cursor="), &[("cursor", "too_short")]),
        search(&format!("{window}&offset=1"), &[("offset", "unknown")]),
        query(
            &format!("/v1/slots?minutes=60&{window}"),
            &[("subject", "missing")],
        ),
        query(
            &format!("/v1/slots?subject=mathematics&{window}"),
            &[("minutes", "missing")],
        ),
        query(
            &format!("/v1/slots?subject=%00&minutes=60&{window}"),
            &[("subject", "control_character")],
        ),
        next("minutes=60", &[("subject", "missing")]),
        next(
            "subject=mathematics&minutes=4",
            &[("minutes", "out_of_range")],
        ),
        next(
            "subject=mathematics&minutes=60&from=2200-01-01T00:00:00Z",
            &[("from", "out_of_range")],
        ),
        next(
            "subject=mathematics&minutes=60&from=now",
            &[("from", "unacceptable")],
        ),
        next(
            "subject=mathematics&minutes=60&to=2027-03-02T00:00:00Z",
            &[("to", "unknown")],
        ),
        next(
            &format!("subject=mathematics&minutes=60&tutors={ids}"),
            &[("tutors", "unacceptable")],
        ),
    ];
    cases.extend(cursors());
    cases
}

/// Cursors of no page.
fn cursors() -> impl Iterator<Item = Case> {
    let keys = [
        json!(null),
        json!(17),
        json!("2027"),
        json!("+262142-12-31T23:59:59Z"),
        json!("-262142-01-01T00:00:00Z"),
        json!(["2027-03-03T08:00:00Z"]),
    ];
    keys.into_iter().map(|key| {
        let cursor = BASE64_URL_SAFE_NO_PAD.encode(key.to_string());
        let window = "from=2027-03-02T00:00:00Z&to=2027-03-03T00:00:00Z";
        let path = format!("/v1/slots?subject=mathematics&minutes=60&{window}&cursor={cursor}");
        query(&path, &[("cursor", "unknown_cursor")])
    })
}
