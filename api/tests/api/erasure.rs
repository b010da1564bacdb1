//! Erasing people.

use crate::support::{Answer, Centre, Person, TestApp, TutorAtCentre, at, email};
use chrono::TimeDelta;
use google_sandbox::{Consent, Failure, Target};
use reqwest::{Method, header};
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};

const FIRST: &str = "2027-03-02T08:00:00Z";
const SECOND: &str = "2027-03-02T10:00:00Z";

async fn erase(person: &Person, path: &str, etag: &str) -> Answer {
    let request = person.request(Method::DELETE, path);
    person.send(request.header(header::IF_MATCH, etag)).await
}

async fn erase_me(person: &Person) -> Answer {
    let etag = person.get("/v1/me").await.etag();
    erase(person, "/v1/me", &etag).await
}

async fn book(person: &Person, tutor: &TutorAtCentre, start: &str) -> String {
    let booked = person.post("/v1/bookings", &tutor.lesson(start, 60)).await;
    booked.expect(201)["id"].as_str().unwrap().to_owned()
}

async fn user(admin: &Person, id: &str) -> Value {
    admin.get(&format!("/v1/users/{id}")).await.expect(200)
}

/// In how many rows of which columns a text stands, in whatever case, in the whole database.
async fn found(test: &TestApp, planted: &str) -> Vec<(String, i64)> {
    let db = &test.app.db;
    let columns = "SELECT format('%I.%I', table_name, column_name) AS place, table_name::text, column_name::text
        FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
        WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND udt_name IN ('text', '_text', 'jsonb', 'json', 'varchar', 'inet')
        ORDER BY place";
    let columns = Statement::from_string(db.get_database_backend(), columns);
    let mut found = Vec::new();
    for row in db.query_all_raw(columns).await.unwrap() {
        let place: String = row.try_get("", "place").unwrap();
        let table: String = row.try_get("", "table_name").unwrap();
        let column: String = row.try_get("", "column_name").unwrap();
        let sql = format!(
            "SELECT count(*) FROM \"{table}\" WHERE strpos(lower(\"{column}\"::text), lower('{planted}')) > 0"
        );
        let count = test.count(&sql).await;
        if count > 0 {
            found.push((place, count));
        }
    }
    found
}

/// Everything that a person can leave behind, in texts that stand nowhere else.
const PLANTED: [&str; 11] = [
    "Xaverine",
    "xaverine@example.com",
    "PlantedName",
    "PlantedBio",
    "PlantedReason",
    "PlantedNote",
    "PlantedAgent",
    "PlantedSuspension",
    "x-planted",
    "PlantedTitle",
    "PlantedDescription",
];

/// A tutor who is a student, too, and has done everything.
async fn plant(test: &TestApp, admin: &Person) -> (TutorAtCentre, String) {
    let centre = Centre::open(test).await;
    let other = centre.tutor(test, "Tina").await;
    let mut tutor = centre.connected_tutor(test, "Xaverine").await;
    let id = tutor.person.id().await;
    tutor
        .edit(Method::PATCH, "", &json!({"bio": "PlantedBio"}))
        .await
        .expect(200);
    let languages = "UPDATE tutors SET languages = ARRAY['x-planted'] WHERE bio = 'PlantedBio'";
    test.execute(languages).await;
    let off = json!({"first_date": "2027-04-01", "last_date": "2027-04-01", "note": "PlantedNote"});
    tutor
        .person
        .post(&tutor.path("/time-off"), &off)
        .await
        .expect(201);
    tutor.put_override("2027-03-20", &[]).await.expect(200);
    test.google.insert_busy(
        &tutor.email,
        at(SECOND),
        at("2027-03-02T12:00:00Z"),
        "Dentist",
    );

    let cancelled = book(&tutor.person, &other, SECOND).await;
    let reason = json!({"reason": "PlantedReason"});
    let cancel = format!("/v1/bookings/{cancelled}/cancel");
    let key = tutor
        .person
        .request(Method::POST, &cancel)
        .header("idempotency-key", "\"one\"");
    tutor.person.send(key.json(&reason)).await.expect(200);
    book(&tutor.person, &other, FIRST).await;
    // A group lesson, which is cancelled so that the tutor can go.
    let mut group = tutor.lesson("2027-03-04T08:00:00Z", 60);
    group["capacity"] = json!(5);
    group["title"] = json!("PlantedTitle");
    group["description"] = json!("PlantedDescription");
    let opened = tutor.person.post("/v1/lessons", &group).await.expect(201);
    let cancel = format!("/v1/lessons/{}/cancel", opened["id"].as_str().unwrap());
    tutor.person.post(&cancel, &json!({})).await.expect(200);
    // What the person wrote about somebody else's lesson.
    let student = test.student("Sam").await;
    let taught = book(&student, &tutor, "2027-03-03T08:00:00Z").await;
    let cancel = format!("/v1/bookings/{taught}/cancel");
    tutor.person.post(&cancel, &reason).await.expect(200);
    book(&student, &tutor, "2027-03-01T12:00:00Z").await;

    let invitation = json!({"role": "admin", "email": email("Xaverine")});
    admin.post("/v1/invitations", &invitation).await.expect(201);
    let invitation = json!({"role": "student", "email": "ward@example.com"});
    tutor
        .person
        .post("/v1/invitations", &invitation)
        .await
        .expect(201);
    let link = json!({"guardian_id": student.id().await, "student_id": id});
    let key = admin
        .request(Method::POST, "/v1/guardianships")
        .header("idempotency-key", "\"two\"");
    admin.send(key.json(&link)).await.expect(201);
    let suspension = json!({"reason": "PlantedSuspension"});
    admin
        .post(&format!("/v1/users/{id}/suspend"), &suspension)
        .await
        .expect(200);
    admin
        .post(&format!("/v1/users/{id}/reinstate"), &json!({}))
        .await
        .expect(200);
    tutor.person.sign_in(&email("Xaverine")).await;
    test.execute(&format!(
        "UPDATE sessions SET user_agent = 'PlantedAgent' WHERE user_id = '{id}'"
    ))
    .await;
    let etag = tutor.person.get("/v1/me").await.etag();
    let name = json!({"name": "PlantedName"});
    tutor
        .person
        .edit(Method::PATCH, "/v1/me", &etag, &name)
        .await
        .expect(200);
    (tutor, id)
}

#[tokio::test]
async fn nothing_of_an_erased_person_is_left_in_any_table() {
    let test = TestApp::start().await;
    let admin = test.admin("Ada").await;
    let (tutor, id) = plant(&test, &admin).await;
    // The lesson that the tutor has ahead is over by then.
    test.pass(TimeDelta::hours(7));
    test.run_jobs().await;
    let subject = google_sandbox::subject(&tutor.email);
    for planted in PLANTED.into_iter().chain([subject.as_str()]) {
        let before = found(&test, planted).await;
        assert!(!before.is_empty(), "{planted} was never there");
    }
    let numbers = "SELECT (SELECT count(*) FROM bookings) * 1000 + (SELECT count(*) FROM lessons)";
    let before = test.count(numbers).await;

    let seen = admin.get(&format!("/v1/users/{id}")).await.etag();
    erase(&admin, &format!("/v1/users/{id}"), &seen)
        .await
        .expect(204);
    test.run_jobs().await;
    for planted in PLANTED.into_iter().chain([subject.as_str()]) {
        let after = found(&test, planted).await;
        assert!(after.is_empty(), "{planted}: {after:?}");
    }
    assert_eq!(test.count(numbers).await, before);
    let left = user(&admin, &id).await;
    assert_eq!(left["name"], "Former user");
    assert_eq!(left["roles"], json!([]));
    assert_eq!(at(left["erased_at"].as_str().unwrap()), test.now());
    let entries = format!("/v1/audit-entries?operation=erase_user&subject_id={id}");
    let entries = admin.get(&entries).await.expect(200);
    let entries = entries["items"].as_array().unwrap();
    assert!(!entries.is_empty());
    for entry in entries {
        assert_eq!(entry["actor"]["id"], admin.id().await, "{entry:#}");
        assert!(
            entry["before"].is_null() && entry["after"].is_null(),
            "{entry:#}"
        );
    }
}

#[tokio::test]
async fn who_erases_themselves_is_signed_out_everywhere_and_somebody_new_when_they_come_back() {
    let test = TestApp::start().await;
    let elsewhere = test.another_instance().await;
    let sam = test.student("Sam").await;
    let id = sam.id().await;
    let there = sam.at(&elsewhere);
    there.get("/v1/me").await.expect(200);
    sam.delete("/v1/me")
        .await
        .expect_problem(428, "if_match_required");
    erase(&sam, "/v1/me", "\"77\"")
        .await
        .expect_problem(412, "stale_etag");
    let etag = sam.get("/v1/me").await.etag();
    let erased = erase(&sam, "/v1/me", &etag).await;
    let cookie = erased.headers[header::SET_COOKIE]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(cookie.starts_with("session=;"), "{cookie}");
    erased.expect(204);
    erase(&sam, "/v1/me", &etag)
        .await
        .expect_problem(401, "not_signed_in");
    there
        .get("/v1/me")
        .await
        .expect_problem(401, "not_signed_in");
    let back = test.sign_in(&email("Sam")).await;
    assert_ne!(back.id().await, id);
    assert_eq!(back.get("/v1/me").await.expect(200)["name"], "Sam");
}

#[tokio::test]
async fn lessons_ahead_of_a_student_are_cancelled_and_leave_the_calendar() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test)
        .await
        .connected_tutor(&test, "Tina")
        .await;
    let sam = test.student("Sam").await;
    let past = book(&sam, &tutor, FIRST).await;
    test.run_jobs().await;
    test.set_clock(at(SECOND));
    let ahead = book(&sam, &tutor, "2027-03-03T08:00:00Z").await;
    test.run_jobs().await;
    assert_eq!(test.google.events(&tutor.email).len(), 2);
    erase_me(&sam).await.expect(204);
    test.run_jobs().await;
    let events = test.google.events(&tutor.email);
    assert_eq!(events.len(), 1, "that of the past lesson stays the tutor's");
    let tina = &tutor.person;
    let [past, ahead] = [
        tina.get(&format!("/v1/bookings/{past}")).await.expect(200),
        tina.get(&format!("/v1/bookings/{ahead}")).await.expect(200),
    ];
    assert_eq!(past["status"], "confirmed");
    assert_eq!(past["student"]["name"], "Former user");
    assert_eq!(ahead["status"], "cancelled");
    let olga = test.student("Olga").await;
    book(&olga, &tutor, "2027-03-03T08:00:00Z").await;
}

#[tokio::test]
async fn a_tutor_is_erased_once_no_lesson_is_ahead() {
    let test = TestApp::start().await;
    let elsewhere = test.another_instance().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let sam = test.student("Sam").await;
    let booking = book(&sam, &tutor, FIRST).await;
    erase_me(&tutor.person)
        .await
        .expect_problem(409, "lessons_ahead");
    tutor.person.get("/v1/me").await.expect(200);
    sam.post(&format!("/v1/bookings/{booking}/cancel"), &json!({}))
        .await
        .expect(200);
    for base in [&test.base, &elsewhere] {
        sam.at(base).get(&tutor.path("")).await.expect(200);
    }
    erase_me(&tutor.person).await.expect(204);
    for base in [&test.base, &elsewhere] {
        let sam = sam.at(base);
        sam.get(&tutor.path(""))
            .await
            .expect_problem(404, "not_found");
        let list = sam.get("/v1/tutors").await.expect(200);
        assert_eq!(list["items"], json!([]));
        let booked = sam
            .get(&format!("/v1/bookings/{booking}"))
            .await
            .expect(200);
        assert_eq!(booked["tutor"]["name"], "Former user");
    }
}

#[tokio::test]
async fn the_last_admin_stays() {
    let test = TestApp::start().await;
    let ada = test.admin("Ada").await;
    erase_me(&ada).await.expect_problem(409, "last_admin");
    let berta = test.admin("Berta").await;
    erase_me(&ada).await.expect(204);
    erase_me(&berta).await.expect_problem(409, "last_admin");
}

#[tokio::test]
async fn to_erase_somebody_again_does_nothing_and_nobody_edits_them() {
    let test = TestApp::start().await;
    let admin = test.admin("Ada").await;
    let sam = test.student("Sam").await;
    let path = format!("/v1/users/{}", sam.id().await);
    let etag = admin.get(&path).await.etag();
    erase(&admin, &path, "\"77\"")
        .await
        .expect_problem(412, "stale_etag");
    erase(&admin, &path, &etag).await.expect(204);
    let entries = test.count("SELECT count(*) FROM audit_entries").await;
    erase(&admin, &path, &etag).await.expect(204);
    assert_eq!(
        test.count("SELECT count(*) FROM audit_entries").await,
        entries
    );
    let etag = admin.get(&path).await.etag();
    let roles = format!("{path}/roles");
    let refused = admin
        .edit(Method::PUT, &roles, &etag, &json!({"roles": ["admin"]}))
        .await;
    refused.expect_problem(404, "not_found");
    let refused = admin.post(&format!("{path}/suspend"), &json!({})).await;
    refused.expect_problem(404, "not_found");
    let nobody = format!("/v1/users/{}", uuid::Uuid::now_v7());
    erase(&admin, &nobody, "\"1\"")
        .await
        .expect_problem(404, "not_found");
}

#[tokio::test]
async fn google_is_told_of_the_end_once_it_can_be_reached_and_only_then_is_the_token_gone() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test)
        .await
        .connected_tutor(&test, "Tina")
        .await;
    let failure = Failure::status(Target::Revoke, 503, "backendError");
    test.google.fail_next(failure.times(u32::MAX));
    erase_me(&tutor.person).await.expect(204);
    let kept = "SELECT count(*) FROM grant_revocations";
    for _ in 0..6 {
        test.run_jobs().await;
        assert_eq!(test.count(kept).await, 1);
        test.pass(TimeDelta::minutes(10));
    }
    assert_eq!(test.count("SELECT count(*) FROM google_grants").await, 0);
    let google = &test.google;
    let asked = || {
        google
            .requests()
            .iter()
            .filter(|it| it.path.ends_with("/revoke"))
            .count()
    };
    assert!(asked() >= 6, "{}", asked());
    google.clear_failures();
    test.run_jobs().await;
    assert_eq!(test.count(kept).await, 0);
    assert_eq!(test.count("SELECT count(*) FROM jobs").await, 0);
}

#[tokio::test]
async fn a_grant_that_google_no_longer_knows_counts_as_given_back() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test)
        .await
        .connected_tutor(&test, "Tina")
        .await;
    test.google.revoke_grants(&tutor.email);
    erase_me(&tutor.person).await.expect(204);
    test.run_jobs().await;
    assert_eq!(
        test.count("SELECT count(*) FROM grant_revocations").await,
        0
    );
}

/// What a request that began before the erasure would still write is refused by the database.
#[tokio::test]
async fn nothing_is_written_of_somebody_who_is_erased() {
    let test = TestApp::start().await;
    let mut tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let email = tutor.email.clone();
    tutor
        .person
        .connect_calendar(&email, Consent::All)
        .await
        .expect(303);
    let [sam, olga] = [test.student("Sam").await, test.student("Olga").await];
    let (erased, id) = (sam.id().await, olga.id().await);
    book(&olga, &tutor, FIRST).await;
    erase_me(&sam).await.expect(204);
    for (table, column) in [
        ("sessions", "user_id"),
        ("identities", "user_id"),
        ("user_roles", "user_id"),
    ] {
        let sql = format!(
            "INSERT INTO {table} SELECT (jsonb_populate_record({table}, jsonb_build_object('id', gen_random_uuid(),
                 '{column}', '{erased}', 'token_hash', '\\x' || repeat('00', 32), 'subject', 'other'))).*
             FROM {table} WHERE {column} = '{id}' LIMIT 1"
        );
        let refused = test.app.db.execute_unprepared(&sql).await.unwrap_err();
        assert!(
            refused.to_string().contains("is erased"),
            "{table}: {refused}"
        );
    }
    let booking = format!(
        "INSERT INTO bookings (id, lesson_id, student_id, seat, starts_at, ends_at, status, booked_at, created_at, updated_at)
         SELECT gen_random_uuid(), lesson_id, '{erased}', 2, starts_at, ends_at, 'confirmed', now(), now(), now()
         FROM bookings WHERE student_id = '{id}'"
    );
    let refused = test.app.db.execute_unprepared(&booking).await.unwrap_err();
    assert!(refused.to_string().contains("is erased"), "{refused}");
}
