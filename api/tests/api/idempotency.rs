//! Repeating a request by its `Idempotency-Key`.

use crate::support::{Answer, Centre, Person, TestApp, TutorAtCentre, at};
use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::Executor;

fn lesson(tutor: &TutorAtCentre, start: &str) -> Value {
    json!({
        "tutor_id": tutor.id.0, "subject": "mathematics", "level": "School",
        "start": at(start), "end": at(start) + TimeDelta::minutes(60),
    })
}

async fn post(person: &Person, key: &str, body: &Value) -> Answer {
    post_to(person, "/v1/bookings", key, body).await
}

async fn post_to(person: &Person, path: &str, key: &str, body: &Value) -> Answer {
    let request = person.request(Method::POST, path);
    person
        .send(request.header("idempotency-key", key).json(body))
        .await
}

#[tokio::test]
async fn a_repeated_booking_is_made_once_and_answered_as_before() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let student = test.student("Sam").await;
    let wanted = lesson(&tutor, "2027-03-02T08:00:00Z");

    let first = post(&student, "one", &wanted).await;
    assert!(!first.headers.contains_key("idempotent-replayed"));
    let (location, etag) = (first.headers["location"].clone(), first.etag());
    let booking = first.expect(201);

    let second = post(&student, "\"one\"", &wanted).await;
    assert_eq!(second.headers["idempotent-replayed"], "true");
    assert_eq!(second.headers["location"], location);
    assert_eq!(second.etag(), etag);
    assert_eq!(second.expect(201), booking);

    let mine = student.get("/v1/bookings").await.expect(200);
    assert_eq!(mine["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_refusal_is_repeated_too_with_its_reasons() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let (student, other) = (test.student("Sam").await, test.student("Olga").await);
    let wanted = lesson(&tutor, "2027-03-02T08:00:00Z");
    other.post("/v1/bookings", &wanted).await.expect(201);

    let first = post(&student, "one", &wanted)
        .await
        .expect_problem(409, "slot_unavailable");
    let second = post(&student, "one", &wanted).await;
    assert_eq!(second.headers["idempotent-replayed"], "true");
    assert_eq!(second.expect_problem(409, "slot_unavailable"), first);
}

#[tokio::test]
async fn what_is_refused_before_it_is_begun_leaves_the_key_free() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let student = test.student("Sam").await;
    let wanted = lesson(&tutor, "2027-03-02T08:00:00Z");

    let mut misspelt = wanted.clone();
    misspelt["strat"] = misspelt["start"].take();
    for misread in [json!({}), json!([]), misspelt] {
        let refused = post(&student, "one", &misread).await;
        refused.expect_problem(422, "invalid_fields");
    }
    let stranger = post(&test.stranger(), "one", &wanted).await;
    stranger.expect_problem(401, "not_signed_in");

    let booked = post(&student, "one", &wanted).await;
    assert!(!booked.headers.contains_key("idempotent-replayed"));
    booked.expect(201);
}

/// Whatever it is that was asked for and refused.
#[tokio::test]
async fn a_refusal_of_what_is_not_there_or_not_offered_is_kept() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let student = test.student("Sam").await;
    let wanted = lesson(&tutor, "2027-03-02T08:00:00Z");
    let mut missing = wanted.clone();
    missing["tutor_id"] = json!(uuid::Uuid::nil());
    let mut not_offered = wanted;
    not_offered["level"] = json!("Master");
    for (key, body, status) in [("one", missing, 404), ("two", not_offered, 422)] {
        let first = post(&student, key, &body).await.expect(status);
        let second = post(&student, key, &body).await;
        assert_eq!(second.headers["idempotent-replayed"], "true", "{key}");
        assert_eq!(second.expect(status), first);
    }
}

#[tokio::test]
async fn a_key_used_for_something_else_is_refused() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let student = test.student("Sam").await;
    post(&student, "one", &lesson(&tutor, "2027-03-02T08:00:00Z"))
        .await
        .expect(201);
    let reused = post(&student, "one", &lesson(&tutor, "2027-03-02T10:00:00Z")).await;
    let problem = reused.expect_problem(422, "invalid_fields");
    assert_eq!(problem["errors"][0]["code"], "idempotency_key_reused");
}

#[tokio::test]
async fn keys_of_two_people_have_nothing_to_do_with_each_other() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let (student, other) = (test.student("Sam").await, test.student("Olga").await);
    post(&student, "one", &lesson(&tutor, "2027-03-02T08:00:00Z"))
        .await
        .expect(201);
    post(&other, "one", &lesson(&tutor, "2027-03-02T10:00:00Z"))
        .await
        .expect(201);
}

#[tokio::test]
async fn a_key_is_forgotten_after_a_day() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let student = test.student("Sam").await;
    let wanted = lesson(&tutor, "2027-03-09T08:00:00Z");
    post(&student, "one", &wanted).await.expect(201);
    test.pass(TimeDelta::hours(25));
    post(&student, "one", &wanted)
        .await
        .expect_problem(409, "slot_unavailable");
}

#[tokio::test]
async fn the_day_of_a_key_that_was_taken_over_begins_anew() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let student = test.student("Sam").await;
    let wanted = lesson(&tutor, "2027-03-09T08:00:00Z");
    post(&student, "one", &wanted).await.expect(201);
    // As a server leaves it that was killed at this request.
    test.execute(
        "UPDATE idempotency_keys SET answer = NULL, in_flight_until = created_at + interval '1 minute'",
    )
    .await;
    test.pass(TimeDelta::hours(23));
    post(&student, "one", &wanted)
        .await
        .expect_problem(409, "slot_unavailable");
    test.pass(TimeDelta::hours(23));
    let again = post(&student, "one", &wanted).await;
    assert_eq!(again.headers["idempotent-replayed"], "true");
}

#[tokio::test]
async fn what_is_under_way_goes_on_when_its_caller_hangs_up() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let (student, other) = (test.student("Sam").await, test.student("Olga").await);
    let wanted = lesson(&tutor, "2027-03-02T08:00:00Z");
    let mut connection = test.own_connection().await;
    // Nothing but the booking's own transaction, which has the lock on the tutor's time by then, waits for this.
    let lock = "BEGIN; LOCK TABLE jobs IN SHARE MODE";
    connection.execute(lock).await.unwrap();
    tokio::select! {
        answer = student.post("/v1/bookings", &wanted) => panic!("{}", answer.status),
        () = test.until_waiting_for_a_lock(1) => {}
    }
    // By now the server has seen the hanging up.
    other.get("/v1/me").await.expect(200);
    connection.execute("ROLLBACK").await.unwrap();
    // Whoever wants the same comes after the one who hung up, who has the lock on the tutor's time.
    other
        .post("/v1/bookings", &wanted)
        .await
        .expect_problem(409, "slot_unavailable");
    assert_eq!(
        student.get("/v1/bookings").await.expect(200)["items"][0]["start"],
        wanted["start"]
    );
}

#[tokio::test]
async fn a_fault_of_ours_gives_the_key_back() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let student = test.student("Sam").await;
    let wanted = lesson(&tutor, "2027-03-02T08:00:00Z");
    test.execute("ALTER TABLE jobs RENAME TO jobs_elsewhere")
        .await;
    post(&student, "one", &wanted)
        .await
        .expect_problem(500, "internal");
    test.execute("ALTER TABLE jobs_elsewhere RENAME TO jobs")
        .await;
    post(&student, "one", &wanted).await.expect(201);
}

/// From here on the server is as good as killed once it has changed a booking: nothing that it writes after that
/// commit gets through.
async fn die_after_the_next_commit(test: &TestApp) {
    test.execute(
        "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             IF NOT EXISTS (SELECT FROM bookings WHERE xmin = pg_current_xact_id()::xid) THEN
                 RAISE 'killed after the commit';
             END IF;
             RETURN NEW;
         END $$;
         CREATE TRIGGER die BEFORE UPDATE OR DELETE ON idempotency_keys
         FOR EACH ROW EXECUTE FUNCTION die()",
    )
    .await;
}

#[tokio::test]
async fn a_server_killed_after_the_commit_has_kept_the_answer_with_it() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let student = test.student("Sam").await;
    let wanted = lesson(&tutor, "2027-03-02T08:00:00Z");
    die_after_the_next_commit(&test).await;

    let booking = post(&student, "one", &wanted).await.expect(201);
    let again = post(&student, "one", &wanted).await;
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(again.expect(201), booking);

    let path = format!("/v1/bookings/{}/cancel", booking["id"].as_str().unwrap());
    let cancelled = post_to(&student, &path, "two", &json!({}))
        .await
        .expect(200);
    let again = post_to(&student, &path, "two", &json!({})).await;
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(again.expect(200), cancelled);
}

#[tokio::test]
async fn a_booking_that_was_cancelled_since_is_answered_as_it_was_made() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let student = test.student("Sam").await;
    let wanted = lesson(&tutor, "2027-03-02T08:00:00Z");
    let first = post(&student, "one", &wanted).await;
    let (location, etag) = (first.headers["location"].clone(), first.etag());
    let booking = first.expect(201);
    let path = location.to_str().unwrap();
    let cancel = format!("{path}/cancel");
    student.post(&cancel, &json!({})).await.expect(200);

    let again = post(&student, "one", &wanted).await;
    assert_eq!(again.headers["location"], location);
    assert_eq!(again.etag(), etag);
    assert_eq!(again.expect(201), booking);
    let now = student.get(path).await.expect(200);
    assert_eq!(now["status"], "cancelled");
}

/// Lets a request get as far as the table of lessons, does something else meanwhile, and lets it go on.
async fn with_lessons_locked(
    test: &TestApp,
    request: impl Future<Output = Answer>,
    meanwhile: impl Future<Output = ()>,
) -> Answer {
    let mut connection = test.own_connection().await;
    let lock = "BEGIN; LOCK TABLE lessons IN ACCESS EXCLUSIVE MODE";
    connection.execute(lock).await.unwrap();
    let meanwhile = async {
        test.until_waiting_for_a_lock(1).await;
        meanwhile.await;
        connection.execute("ROLLBACK").await.unwrap();
    };
    tokio::join!(request, meanwhile).0
}

#[tokio::test]
async fn a_request_that_outlives_its_claim_books_nothing_beside_the_one_that_took_over() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let student = test.student("Sam").await;
    let wanted = lesson(&tutor, "2027-03-02T08:00:00Z");
    let taking_over = async {
        test.until_waiting_for_a_lock(1).await;
        test.pass(TimeDelta::seconds(61));
        post(&student, "one", &wanted).await
    };
    // The first has the lock on the tutor's time, so that it comes to its end before the second begins.
    let first = with_lessons_locked(
        &test,
        post(&student, "one", &wanted),
        test.until_waiting_for_a_lock(2),
    );
    let (first, second) = Box::pin(async { tokio::join!(first, taking_over) }).await;
    first.expect_problem(409, "request_in_progress");
    let booking = second.expect(201);
    assert_eq!(post(&student, "one", &wanted).await.expect(201), booking);
    assert_eq!(test.count("SELECT count(*) FROM lessons").await, 1);
}

/// Another server has taken over the request, and answered.
async fn answer_elsewhere(test: &TestApp) {
    test.execute(
        r#"UPDATE idempotency_keys SET in_flight_until = NULL, answer =
           '{"status": 201, "location": "/elsewhere", "etag": null, "content_type": null, "body": {}}'"#,
    )
    .await;
}

async fn expect_answered_elsewhere(student: &Person, wanted: &Value) {
    let again = post(student, "one", wanted).await;
    assert_eq!(again.headers["location"], "/elsewhere");
    again.expect(201);
}

#[tokio::test]
async fn a_late_success_does_not_replace_the_answer_of_whoever_took_over() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let student = test.student("Sam").await;
    let wanted = lesson(&tutor, "2027-03-02T08:00:00Z");
    let request = post(&student, "one", &wanted);
    let late = with_lessons_locked(&test, request, answer_elsewhere(&test)).await;
    late.expect_problem(409, "request_in_progress");
    expect_answered_elsewhere(&student, &wanted).await;
    assert_eq!(test.count("SELECT count(*) FROM bookings").await, 0);
}

#[tokio::test]
async fn a_late_refusal_does_not_replace_the_answer_of_whoever_took_over() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let (student, other) = (test.student("Sam").await, test.student("Olga").await);
    let wanted = lesson(&tutor, "2027-03-02T08:00:00Z");
    other.post("/v1/bookings", &wanted).await.expect(201);
    let request = post(&student, "one", &wanted);
    let late = with_lessons_locked(&test, request, answer_elsewhere(&test)).await;
    late.expect_problem(409, "request_in_progress");
    expect_answered_elsewhere(&student, &wanted).await;
}

#[tokio::test]
async fn a_late_fault_does_not_forget_the_answer_of_whoever_took_over() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let student = test.student("Sam").await;
    let wanted = lesson(&tutor, "2027-03-02T08:00:00Z");
    test.execute("ALTER TABLE jobs RENAME TO jobs_elsewhere")
        .await;
    let request = post(&student, "one", &wanted);
    let late = with_lessons_locked(&test, request, answer_elsewhere(&test)).await;
    late.expect_problem(500, "internal");
    expect_answered_elsewhere(&student, &wanted).await;
}

#[tokio::test]
async fn keys_that_are_none_are_refused() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let student = test.student("Sam").await;
    let wanted = lesson(&tutor, "2027-03-02T08:00:00Z");
    for key in ["", "\"\"", &"k".repeat(256)] {
        post(&student, key, &wanted)
            .await
            .expect_problem(400, "bad_idempotency_key");
    }
}

#[tokio::test]
async fn what_admins_make_is_made_once() {
    let test = TestApp::start().await;
    let admin = test.admin("Ada").await;
    let [mother, child] = [test.student("Mona").await, test.student("Cleo").await];
    let sides = json!({"guardian_id": mother.id().await, "student_id": child.id().await});
    for (path, body, table) in [
        (
            "/v1/third-party-apps",
            json!({"name": "Kiosk"}),
            "third_party_apps",
        ),
        ("/v1/guardianships", sides, "guardianships"),
    ] {
        let first = post_to(&admin, path, table, &body).await;
        let location = first.headers["location"].clone();
        let made = first.expect(201);
        let second = post_to(&admin, path, table, &body).await;
        assert_eq!(second.headers["idempotent-replayed"], "true");
        assert_eq!(second.headers["location"], location);
        assert_eq!(second.expect(201), made);
        let rows = format!("SELECT count(*) FROM {table}");
        assert_eq!(test.count(&rows).await, 1);
    }
}
