//! What a tutor does on single dates.

use crate::support::{
    Centre, Person, TestApp, TutorAtCentre,
    lesson::book,
    local_hours,
    opening::{assert_closed, assert_open, starts},
};
use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};

const TUESDAY: (&str, &str) = ("2027-03-02T00:00:00Z", "2027-03-03T00:00:00Z");

async fn start() -> (TestApp, TutorAtCentre, Person) {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let sam = test.student("Sam").await;
    (test, tutor, sam)
}

#[tokio::test]
async fn an_override_replaces_the_hours_of_its_date_and_of_no_other() {
    let (_test, tutor, sam) = start().await;
    let monday = starts(&sam, &tutor, ("2027-03-01T00:00:00Z", TUESDAY.0)).await;
    let wednesday = starts(&sam, &tutor, (TUESDAY.1, "2027-03-04T00:00:00Z")).await;
    let put = tutor
        .put_override("2027-03-02", &["18:00-19:30", "10:00-11:00"])
        .await
        .expect(200);
    let hours = [local_hours("18:00-19:30"), local_hours("10:00-11:00")];
    assert_eq!(put, json!({"date": "2027-03-02", "hours": hours}));
    let open = [
        "2027-03-02T09:00:00Z",
        "2027-03-02T17:00:00Z",
        "2027-03-02T17:30:00Z",
    ];
    assert_eq!(starts(&sam, &tutor, TUESDAY).await, open);
    for start in open {
        assert_open(&sam, &tutor, start).await;
    }
    assert_closed(&sam, &tutor, "2027-03-02T12:00:00Z", &["override_closed"]).await;
    assert_closed(
        &sam,
        &tutor,
        "2027-03-02T20:00:00Z",
        &["outside_availability"],
    )
    .await;
    let others = [
        ("2027-03-01T00:00:00Z", TUESDAY.0),
        (TUESDAY.1, "2027-03-04T00:00:00Z"),
    ];
    assert_eq!(starts(&sam, &tutor, others[0]).await, monday);
    assert_eq!(starts(&sam, &tutor, others[1]).await, wednesday);
    book(&sam, &tutor, open[2]).await;
}

#[tokio::test]
async fn an_override_without_hours_closes_its_date_and_leaves_what_is_booked() {
    let (_test, tutor, sam) = start().await;
    let booking = book(&sam, &tutor, "2027-03-02T08:00:00Z").await;
    tutor.put_override("2027-03-02", &[]).await.expect(200);
    assert!(starts(&sam, &tutor, TUESDAY).await.is_empty());
    assert_closed(&sam, &tutor, "2027-03-02T12:00:00Z", &["override_closed"]).await;
    assert_eq!(sam.get(&booking).await.expect(200)["status"], "confirmed");
}

#[tokio::test]
async fn an_override_opens_a_day_off_and_goes_on_past_midnight_into_a_closed_date() {
    let (_test, tutor, sam) = start().await;
    assert_closed(
        &sam,
        &tutor,
        "2027-03-06T22:00:00Z",
        &["outside_availability"],
    )
    .await;
    tutor
        .put_override("2027-03-06", &["22:00-02:00"])
        .await
        .expect(200);
    tutor.put_override("2027-03-07", &[]).await.expect(200);
    let weekend = ("2027-03-06T00:00:00Z", "2027-03-08T00:00:00Z");
    let open = starts(&sam, &tutor, weekend).await;
    assert_eq!((open.len(), &*open[0]), (7, "2027-03-06T21:00:00Z"));
    // Half past midnight on Sunday in Berlin.
    assert_open(&sam, &tutor, "2027-03-06T23:30:00Z").await;
    book(&sam, &tutor, "2027-03-06T23:30:00Z").await;
}

#[tokio::test]
async fn without_its_override_a_date_is_as_usual_again() {
    let (_test, tutor, sam) = start().await;
    let usual = starts(&sam, &tutor, TUESDAY).await;
    let etag = tutor.put_override("2027-03-02", &[]).await.etag();
    let path = tutor.path("/overrides/2027-03-02");
    let delete = |etag: String| {
        let request = tutor.person.request(Method::DELETE, &path);
        tutor.person.send(request.header("if-match", etag))
    };
    let deleted = delete(etag.clone()).await;
    assert_eq!(deleted.status, 204, "{:#}", deleted.body);
    assert_eq!(starts(&sam, &tutor, TUESDAY).await, usual);
    delete(etag).await.expect_problem(412, "stale_etag");
    delete(deleted.etag())
        .await
        .expect_problem(404, "not_found");
}

#[tokio::test]
async fn overrides_are_listed_by_date_for_whoever_sees_the_tutor() {
    let (_test, tutor, sam) = start().await;
    for date in ["2027-03-09", "2027-03-02", "2028-03-02", "2027-02-28"] {
        tutor.put_override(date, &["10:00-12:00"]).await.expect(200);
    }
    let list = async |query: &str| -> Vec<String> {
        let list = sam
            .get(&tutor.path(&format!("/overrides{query}")))
            .await
            .expect(200);
        assert_eq!(list["time_zone"], "Europe/Berlin");
        let items = list["items"].as_array().unwrap();
        items
            .iter()
            .map(|on_date| on_date["date"].as_str().unwrap().to_owned())
            .collect()
    };
    // From today on, for 366 days.
    assert_eq!(list("").await, ["2027-03-02", "2027-03-09"]);
    assert_eq!(list("?from=2027-03-02&to=2027-03-02").await, ["2027-03-02"]);
    assert_eq!(list("?from=2028-03-02").await, ["2028-03-02"]);
    assert_eq!(list("?from=2027-02-28&to=2027-03-01").await, ["2027-02-28"]);
    assert!(list("?from=2199-12-31").await.is_empty());
}

#[tokio::test]
async fn the_etag_of_an_answer_serves_for_the_next_edit_of_whatever_the_tutor_has() {
    let (_test, tutor, _sam) = start().await;
    let edit = async |below: &str, etag: &str, body: Value| {
        let answer = tutor
            .person
            .edit(Method::PUT, &tutor.path(below), etag, &body)
            .await;
        assert_eq!(answer.status, 200, "{below}: {:#}", answer.body);
        answer.etag()
    };
    let first = tutor.person.get(&tutor.path("")).await.etag();
    let etag = edit("/overrides/2027-03-02", &first, json!({"hours": []})).await;
    let etag = edit("/policy", &etag, json!({"horizon_days": 30})).await;
    let etag = edit("/holiday-calendars", &etag, json!({"calendar_ids": []})).await;
    let etag = edit("/weekly-rules", &etag, json!({"rules": []})).await;
    edit("/overrides/2027-03-03", &etag, json!({"hours": []})).await;
    let stale = tutor
        .person
        .edit(Method::PUT, &tutor.path("/policy"), &first, &json!({}))
        .await;
    stale.expect_problem(412, "stale_etag");
}

#[tokio::test]
async fn a_dry_run_writes_nothing_and_names_what_is_wrong() {
    let (_test, tutor, sam) = start().await;
    let usual = starts(&sam, &tutor, TUESDAY).await;
    let etag = tutor.person.get(&tutor.path("")).await.etag();
    let path = tutor.path("/overrides/2027-03-02?dry_run=true");
    let attempt = async |etag: &str, hours: &[&str]| {
        let hours: Vec<_> = hours.iter().map(|hours| local_hours(hours)).collect();
        let body = json!({"hours": hours});
        tutor.person.edit(Method::PUT, &path, etag, &body).await
    };
    let tried = attempt(&etag, &["10:00-11:00"]).await;
    assert!(!tried.headers.contains_key("etag"));
    assert_eq!(
        tried.expect(200)["hours"],
        json!([local_hours("10:00-11:00")])
    );
    let wrong = attempt(&etag, &["10:00-11:00", "20:00-02:00", "23:00-23:30"]).await;
    let wrong = wrong.expect_problem(422, "invalid_fields");
    let overlap = json!({"field": "hours[2]", "code": "overlaps", "detail": "overlaps hours[1]"});
    assert_eq!(wrong["errors"], json!([overlap]));
    attempt("\"1\"", &[])
        .await
        .expect_problem(412, "stale_etag");
    assert_eq!(starts(&sam, &tutor, TUESDAY).await, usual);
    assert_eq!(tutor.person.get(&tutor.path("")).await.etag(), etag);
}

#[tokio::test]
async fn an_admin_edits_a_tutor_whom_nobody_else_sees_and_another_tutor_does_not() {
    let (test, tutor, sam) = start().await;
    let admin = test.admin("Ada").await;
    let meddler = Centre.tutor(&test, "Theo").await.person;
    tutor.hide().await;
    let etag = admin.get(&tutor.path("")).await.etag();
    let path = tutor.path("/overrides/2027-03-02");
    let close = async |person: &Person| {
        person
            .edit(Method::PUT, &path, &etag, &json!({"hours": []}))
            .await
    };
    close(&sam).await.expect_problem(404, "not_found");
    close(&meddler).await.expect_problem(404, "not_found");
    close(&admin).await.expect(200);
    assert!(starts(&tutor.person, &tutor, TUESDAY).await.is_empty());
}

#[tokio::test]
async fn no_more_than_a_thousand_dates_ahead_have_an_override() {
    let (test, tutor, _sam) = start().await;
    tutor.fill_overrides(&test).await;
    let refused = tutor.put_override("2040-01-01", &[]).await;
    let refused = refused.expect_problem(422, "invalid_fields");
    let error = &refused["errors"][0];
    assert_eq!(
        (&error["field"], &error["code"]),
        (&json!("date"), &json!("too_many"))
    );
    // What is there already can be replaced, and what is over does not count.
    tutor
        .put_override("2027-03-02", &["10:00-11:00"])
        .await
        .expect(200);
    test.pass(TimeDelta::days(1));
    tutor.put_override("2040-01-01", &[]).await.expect(200);
}

#[tokio::test]
async fn the_override_of_a_date_is_shown_to_whoever_sees_the_tutor() {
    let (test, tutor, sam) = start().await;
    let put = tutor.put_override("2027-03-02", &["10:00-11:00"]).await;
    let path = tutor.path("/overrides/2027-03-02");
    let read = sam.get(&path).await;
    assert_eq!(read.etag(), put.etag());
    assert_eq!(read.expect(200), put.expect(200));
    for date in ["2027-03-03", "2027-02-30", "soon"] {
        let none = sam.get(&tutor.path(&format!("/overrides/{date}"))).await;
        none.expect_problem(404, "not_found");
    }
    let theo = Centre.tutor(&test, "Theo").await;
    let other = sam.get(&theo.path("/overrides/2027-03-02")).await;
    other.expect_problem(404, "not_found");
    tutor.hide().await;
    sam.get(&path).await.expect_problem(404, "not_found");
    tutor.person.get(&path).await.expect(200);
}

#[tokio::test]
async fn a_date_that_no_tutor_lives_to_see_is_refused_whatever_is_done_with_it() {
    let (_test, tutor, _sam) = start().await;
    let etag = tutor.person.get(&tutor.path("")).await.etag();
    for date in ["-262143-01-01", "0001-01-01", "2200-01-01", "+262142-12-31"] {
        let path = tutor.path(&format!("/overrides/{date}"));
        for (method, body) in [
            (Method::GET, json!({})),
            (Method::PUT, json!({"hours": []})),
            (Method::DELETE, json!({})),
        ] {
            let request = tutor.person.request(method.clone(), &path);
            let request = request.header("if-match", &etag).json(&body);
            let refused = tutor.person.send(request).await;
            assert_eq!(refused.status, 422, "{method} {date}: {:#}", refused.body);
        }
    }
}
