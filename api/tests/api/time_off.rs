//! When a tutor is away.

use crate::support::{
    Answer, Centre, Person, TestApp, TutorAtCentre,
    lesson::book,
    opening::{assert_closed, assert_open},
};
use reqwest::Method;
use serde_json::{Value, json};

async fn start() -> (TestApp, TutorAtCentre, Person) {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let sam = test.student("Sam").await;
    (test, tutor, sam)
}

async fn enter(person: &Person, tutor: &TutorAtCentre, body: &Value) -> Answer {
    person.post(&tutor.path("/time-off"), body).await
}

fn dates(first: &str, last: &str) -> Value {
    json!({"first_date": first, "last_date": last, "note": "Skiing"})
}

#[tokio::test]
async fn a_span_off_closes_whatever_touches_it_and_nothing_else() {
    let (test, tutor, sam) = start().await;
    let booking = book(&sam, &tutor, "2027-03-02T10:00:00Z").await;
    let span = json!({"start": "2027-03-02T10:00:00Z", "end": "2027-03-02T11:30:00Z"});
    let entered = enter(&tutor.person, &tutor, &span).await.expect(201);
    assert_eq!(entered["start"], "2027-03-02T10:00:00Z");
    assert_eq!(entered["note"], "");
    assert!(entered.get("first_date").is_none(), "{entered:#}");
    let olga = test.student("Olga").await;
    assert_open(&olga, &tutor, "2027-03-02T09:00:00Z").await;
    assert_closed(
        &olga,
        &tutor,
        "2027-03-02T09:30:00Z",
        &["time_off", "lesson"],
    )
    .await;
    assert_closed(&olga, &tutor, "2027-03-02T11:00:00Z", &["time_off"]).await;
    assert_open(&olga, &tutor, "2027-03-02T11:30:00Z").await;
    assert_eq!(sam.get(&booking).await.expect(200)["status"], "confirmed");
}

#[tokio::test]
async fn whole_days_off_are_days_in_the_zone_of_the_tutor_wherever_that_is() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test)
        .await
        .tutor_in(&test, "Nora", "America/New_York")
        .await;
    let sam = test.student("Sam").await;
    enter(&tutor.person, &tutor, &dates("2027-03-02", "2027-03-03"))
        .await
        .expect(201);
    assert_open(&sam, &tutor, "2027-03-01T21:00:00Z").await;
    for start in ["2027-03-02T14:00:00Z", "2027-03-03T21:00:00Z"] {
        assert_closed(&sam, &tutor, start, &["time_off"]).await;
    }
    assert_open(&sam, &tutor, "2027-03-04T14:00:00Z").await;
    // The days move with the tutor.
    let moved = json!({"time_zone": "Asia/Tokyo"});
    tutor.edit(Method::PATCH, "", &moved).await.expect(200);
    assert_closed(&sam, &tutor, "2027-03-03T07:00:00Z", &["time_off"]).await;
    assert_open(&sam, &tutor, "2027-03-04T00:00:00Z").await;
}

#[tokio::test]
async fn time_off_stands_above_an_override() {
    let (_test, tutor, sam) = start().await;
    tutor
        .put_override("2027-03-06", &["10:00-14:00"])
        .await
        .expect(200);
    assert_open(&sam, &tutor, "2027-03-06T09:00:00Z").await;
    enter(&tutor.person, &tutor, &dates("2027-03-06", "2027-03-06"))
        .await
        .expect(201);
    assert_closed(&sam, &tutor, "2027-03-06T09:00:00Z", &["time_off"]).await;
}

#[tokio::test]
async fn time_off_is_listed_page_by_page_for_the_tutor_and_admins_and_taken_back() {
    let (test, tutor, sam) = start().await;
    let first = enter(&tutor.person, &tutor, &dates("2027-03-02", "2027-03-02")).await;
    let stale = first.etag();
    let location = first.headers["location"].to_str().unwrap().to_owned();
    let second = enter(&tutor.person, &tutor, &dates("2027-03-09", "2027-03-10")).await;
    let etag = second.etag();
    let all = [first.expect(201), second.expect(201)];
    let path = tutor.path("/time-off");
    let admin = test.admin("Ada").await;
    for person in [&tutor.person, &admin] {
        assert_eq!(person.pages_of_one(&path).await, all);
    }
    sam.get(&path).await.expect_problem(403, "not_your_profile");
    let delete = |etag: String| {
        let request = tutor.person.request(Method::DELETE, &location);
        tutor.person.send(request.header("if-match", etag))
    };
    delete(stale).await.expect_problem(412, "stale_etag");
    assert_closed(&sam, &tutor, "2027-03-02T09:00:00Z", &["time_off"]).await;
    let deleted = delete(etag).await;
    assert_eq!(deleted.status, 204);
    assert_open(&sam, &tutor, "2027-03-02T09:00:00Z").await;
    delete(deleted.etag())
        .await
        .expect_problem(404, "not_found");
    // Of another tutor it is nobody's to take back.
    let theo = Centre.tutor(&test, "Theo").await;
    let id = all[1]["id"].as_str().unwrap();
    let foreign = theo.path(&format!("/time-off/{id}"));
    let request = theo.person.request(Method::DELETE, &foreign);
    let etag = theo.person.get(&theo.path("")).await.etag();
    let foreign = theo.person.send(request.header("if-match", etag)).await;
    foreign.expect_problem(404, "not_found");
}

async fn with_key(person: &Person, path: &str, key: &str, body: &Value) -> Answer {
    let request = person.request(Method::POST, path).json(body);
    person.send(request.header("idempotency-key", key)).await
}

#[tokio::test]
async fn a_repetition_with_its_key_enters_nothing_twice() {
    let (test, tutor, _sam) = start().await;
    let path = tutor.path("/time-off");
    let body = dates("2027-03-02", "2027-03-02");
    let first = with_key(&tutor.person, &path, "one", &body).await;
    let again = with_key(&tutor.person, &path, "one", &body).await;
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(
        (first.etag(), &first.headers["location"]),
        (again.etag(), &again.headers["location"])
    );
    assert_eq!(first.expect(201), again.expect(201));
    assert_eq!(test.count("SELECT count(*) FROM time_off").await, 1);
    let other = dates("2027-03-03", "2027-03-03");
    let reused = with_key(&tutor.person, &path, "one", &other).await;
    let reused = reused.expect_problem(422, "invalid_fields");
    assert_eq!(reused["errors"][0]["code"], "idempotency_key_reused");
    with_key(&tutor.person, &path, "two", &other)
        .await
        .expect(201);

    // A key is for one tutor, also of an admin who edits several.
    let admin = test.admin("Ada").await;
    let theo = Centre.tutor(&test, "Theo").await;
    with_key(&admin, &path, "one", &body).await.expect(201);
    let elsewhere = with_key(&admin, &theo.path("/time-off"), "one", &body).await;
    let elsewhere = elsewhere.expect_problem(422, "invalid_fields");
    assert_eq!(elsewhere["errors"][0]["code"], "idempotency_key_reused");
}

#[tokio::test]
async fn a_dry_run_enters_nothing_and_says_what_would_be_refused() {
    let (test, tutor, sam) = start().await;
    let path = tutor.path("/time-off?dry_run=true");
    let body = dates("2027-03-02", "2027-03-02");
    let etag = tutor.person.get(&tutor.path("")).await.etag();
    assert_eq!(tutor.person.post(&path, &body).await.status, 204);
    assert_open(&sam, &tutor, "2027-03-02T09:00:00Z").await;
    assert_eq!(tutor.person.get(&tutor.path("")).await.etag(), etag);
    test.execute(&format!(
        "INSERT INTO time_off (id, tutor_id, first_date, last_date, created_at) \
         SELECT gen_random_uuid(), '{}', '2020-01-01', '2020-01-01', now() FROM generate_series(1, 1000)",
        tutor.id
    ))
    .await;
    for path in [path, tutor.path("/time-off")] {
        let refused = tutor.person.post(&path, &body).await;
        let refused = refused.expect_problem(422, "invalid_fields");
        assert_eq!(refused["errors"][0]["code"], "too_many");
    }
}

#[tokio::test]
async fn time_off_is_where_its_location_says_for_the_tutor_and_admins() {
    let (test, tutor, sam) = start().await;
    let entered = enter(&tutor.person, &tutor, &dates("2027-03-02", "2027-03-03")).await;
    let location = entered.headers["location"].to_str().unwrap().to_owned();
    let etag = entered.etag();
    let entered = entered.expect(201);
    for person in [&tutor.person, &test.admin("Ada").await] {
        let read = person.get(&location).await;
        assert_eq!(read.etag(), etag);
        assert_eq!(read.expect(200), entered);
    }
    let refused = sam.get(&location).await;
    refused.expect_problem(403, "not_your_profile");
    let nowhere = tutor.path(&format!("/time-off/{}", uuid::Uuid::nil()));
    let none = tutor.person.get(&nowhere).await;
    none.expect_problem(404, "not_found");
    // Of another tutor it is nobody's to see.
    let theo = Centre.tutor(&test, "Theo").await;
    let foreign = theo.path(&format!("/time-off/{}", entered["id"].as_str().unwrap()));
    let foreign = theo.person.get(&foreign).await;
    foreign.expect_problem(404, "not_found");
}
