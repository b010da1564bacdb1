//! When a tutor is there, week by week.

use crate::support::{Centre, Person, TestApp, TutorAtCentre};
use reqwest::Method;
use serde_json::{Value, json};

fn rule(weekday: &str, start: &str, end: &str) -> Value {
    json!({"weekday": weekday, "local_start": start, "local_end": end})
}

fn valid(mut rule: Value, from: Option<&str>, until: Option<&str>) -> Value {
    rule["valid_from"] = json!(from);
    rule["valid_until"] = json!(until);
    rule
}

async fn put(tutor: &TutorAtCentre, rules: &[Value]) -> crate::support::Answer {
    let body = json!({"rules": rules});
    tutor.edit(Method::PUT, "/weekly-rules", &body).await
}

/// The local starts of one-hour slots in Berlin, cut to the minute.
async fn starts(person: &Person, tutor: &TutorAtCentre, from: &str, to: &str) -> Vec<String> {
    let window = format!(
        "/slots?from={from}T00:00:00%2B01:00&to={to}T00:00:00%2B01:00&minutes=60&time_zone=Europe/Berlin"
    );
    let slots = person.get(&tutor.path(&window)).await.expect(200);
    let items = slots["items"].as_array().unwrap();
    items
        .iter()
        .map(|slot| slot["local_start"].as_str().unwrap()[5..16].to_owned())
        .collect()
}

#[tokio::test]
async fn rules_are_replaced_all_at_once_and_listed_in_the_order_of_the_week() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let rules = [
        rule("sunday", "20:00", "00:00"),
        valid(rule("monday", "14:00", "18:00"), Some("2027-03-01"), None),
        valid(rule("monday", "09:00", "12:30"), None, Some("2027-06-30")),
    ];
    let replaced = put(&tutor, &rules).await;
    let etag = replaced.etag();
    let replaced = replaced.expect(200);
    assert_eq!(replaced["time_zone"], "Europe/Berlin");
    let expected = json!([
        rules[2],
        rules[1],
        valid(rule("sunday", "20:00", "00:00"), None, None),
    ]);
    assert_eq!(replaced["items"], expected);
    let read = test
        .student("Sam")
        .await
        .get(&tutor.path("/weekly-rules"))
        .await;
    assert_eq!(read.etag(), etag);
    assert_eq!(read.expect(200), replaced);
}

#[tokio::test]
async fn two_rules_that_overlap_are_named() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let elsewhere = rule("thursday", "09:00", "12:00");
    for (one, other) in [
        (
            rule("monday", "09:00", "12:00"),
            rule("monday", "11:30", "14:00"),
        ),
        (
            rule("monday", "09:00", "12:00"),
            rule("monday", "10:00", "11:00"),
        ),
        // Past midnight, and past the end of the week.
        (
            rule("monday", "22:00", "02:00"),
            rule("tuesday", "01:00", "03:00"),
        ),
        (
            rule("sunday", "22:00", "02:00"),
            rule("monday", "01:30", "03:00"),
        ),
        (
            rule("monday", "01:30", "03:00"),
            rule("sunday", "22:00", "02:00"),
        ),
        // Twenty-four hours.
        (
            rule("monday", "09:00", "09:00"),
            rule("tuesday", "08:30", "10:00"),
        ),
        (
            valid(rule("monday", "09:00", "12:00"), None, Some("2027-03-08")),
            valid(rule("monday", "11:00", "13:00"), Some("2027-03-08"), None),
        ),
    ] {
        let problem = put(&tutor, &[one.clone(), elsewhere.clone(), other.clone()])
            .await
            .expect_problem(422, "invalid_fields");
        let expected =
            json!([{"field": "rules[2]", "code": "overlaps", "detail": "overlaps rules[0]"}]);
        assert_eq!(problem["errors"], expected, "{one} {other}");
    }
    let kept = tutor.person.get(&tutor.path("/weekly-rules")).await;
    assert_eq!(kept.expect(200)["items"].as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn rules_that_only_touch_or_never_meet_are_accepted() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let rules = [
        rule("monday", "09:00", "12:00"),
        rule("monday", "12:00", "14:00"),
        rule("sunday", "22:00", "00:00"),
        rule("monday", "00:00", "02:00"),
        valid(rule("friday", "09:00", "12:00"), None, Some("2027-03-05")),
        // The fifth is a Friday, so the next one is the twelfth.
        valid(rule("friday", "10:00", "13:00"), Some("2027-03-06"), None),
    ];
    put(&tutor, &rules).await.expect(200);
    let sam = test.student("Sam").await;
    // What touches is one stretch of time.
    let monday = starts(&sam, &tutor, "2027-03-08", "2027-03-09").await;
    assert!(monday.contains(&"03-08T11:30".to_owned()), "{monday:?}");
    let midnight = starts(&sam, &tutor, "2027-03-07", "2027-03-08").await;
    assert_eq!(
        midnight,
        ["03-07T22:00", "03-07T22:30", "03-07T23:00", "03-07T23:30"]
    );
    let fridays = starts(&sam, &tutor, "2027-03-05", "2027-03-06").await;
    assert_eq!(fridays.first().unwrap(), "03-05T09:00");
    let fridays = starts(&sam, &tutor, "2027-03-12", "2027-03-13").await;
    assert_eq!(fridays.first().unwrap(), "03-12T10:00");
}

#[tokio::test]
async fn a_rule_past_midnight_ends_on_the_next_day() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let until = valid(rule("friday", "23:00", "01:30"), None, Some("2027-03-05"));
    put(&tutor, &[until]).await.expect(200);
    let sam = test.student("Sam").await;
    let night = starts(&sam, &tutor, "2027-03-01", "2027-04-01").await;
    // It begins on its last day, and still ends on the day after.
    assert_eq!(
        night,
        ["03-05T23:00", "03-05T23:30", "03-06T00:00", "03-06T00:30"]
    );
    sam.post("/v1/bookings", &tutor.lesson("2027-03-05T22:30:00Z", 60))
        .await
        .expect(201);
}

#[tokio::test]
async fn a_tutor_without_rules_is_never_free_and_booked_lessons_stay() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let sam = test.student("Sam").await;
    sam.post("/v1/bookings", &tutor.lesson("2027-03-02T08:00:00Z", 60))
        .await
        .expect(201);
    put(&tutor, &[]).await.expect(200);
    assert!(
        starts(&sam, &tutor, "2027-03-01", "2027-05-01")
            .await
            .is_empty()
    );
    let refused = sam
        .post("/v1/bookings", &tutor.lesson("2027-03-02T10:00:00Z", 60))
        .await
        .expect_problem(409, "slot_unavailable");
    assert_eq!(
        refused["conflicts"],
        json!([{"code": "outside_availability"}])
    );
    assert!(refused.get("alternatives").is_none(), "{refused:#}");
    let kept = sam.get("/v1/bookings").await.expect(200);
    assert_eq!(kept["items"][0]["status"], "confirmed");
}

#[tokio::test]
async fn a_stale_etag_replaces_no_rules() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let path = tutor.path("/weekly-rules");
    let etag = tutor.person.get(&path).await.etag();
    put(&tutor, &[rule("monday", "09:00", "12:00")])
        .await
        .expect(200);
    tutor
        .person
        .edit(Method::PUT, &path, &etag, &json!({"rules": []}))
        .await
        .expect_problem(412, "stale_etag");
    let kept = tutor.person.get(&path).await.expect(200);
    assert_eq!(kept["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_dry_run_replaces_no_rules_and_names_those_that_overlap() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let before = tutor.person.get(&tutor.path("/weekly-rules")).await;
    let etag = before.etag();
    let path = tutor.path("/weekly-rules?dry_run=true");
    let attempt = async |etag: &str, rules: &[Value]| {
        let body = json!({"rules": rules});
        tutor.person.edit(Method::PUT, &path, etag, &body).await
    };
    let wanted = [valid(rule("monday", "09:00", "12:00"), None, None)];
    let tried = attempt(&etag, &wanted).await;
    assert!(!tried.headers.contains_key("etag"));
    assert_eq!(tried.expect(200)["items"], json!(wanted));
    let overlapping = [
        rule("monday", "09:00", "12:00"),
        rule("tuesday", "09:00", "12:00"),
        rule("monday", "11:00", "13:00"),
    ];
    let refused = attempt(&etag, &overlapping).await;
    let refused = refused.expect_problem(422, "invalid_fields");
    let overlap = json!({"field": "rules[2]", "code": "overlaps", "detail": "overlaps rules[0]"});
    assert_eq!(refused["errors"], json!([overlap]));
    attempt("\"1\"", &wanted)
        .await
        .expect_problem(412, "stale_etag");
    let after = tutor.person.get(&tutor.path("/weekly-rules")).await;
    assert_eq!((after.etag(), after.body), (etag, before.body));
}
