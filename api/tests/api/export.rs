//! What people get of what is kept of them.

use crate::support::{Centre, Person, TestApp, email};
use reqwest::Method;
use serde_json::{Value, json};
use std::io::{Cursor, Read};
use zip::ZipArchive;

const MINE: &str = "/v1/me/export";

/// The files of an archive, by name.
struct Files(ZipArchive<Cursor<Vec<u8>>>);

impl Files {
    async fn of(person: &Person, path: &str) -> Self {
        let answer = person.request(Method::GET, path).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "application/zip");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        let disposition = answer.headers()["content-disposition"].to_str().unwrap();
        assert!(disposition.starts_with("attachment"), "{disposition}");
        let bytes = answer.bytes().await.unwrap().to_vec();
        Self(ZipArchive::new(Cursor::new(bytes)).unwrap())
    }

    fn names(&self) -> Vec<String> {
        self.0
            .file_names()
            .map(|name| name.unwrap().into_owned())
            .collect()
    }

    fn text(&mut self, name: &str) -> String {
        let mut text = String::new();
        self.0
            .by_name(name)
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        text
    }

    fn list(&mut self, name: &str) -> Vec<Value> {
        serde_json::from_str(&self.text(&format!("{name}.json"))).unwrap()
    }
}

#[tokio::test]
async fn a_student_gets_profile_bookings_and_a_calendar_and_nothing_of_others() {
    let test = TestApp::start().await;
    let admin = test.admin("Ada").await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let [sam, olga] = [test.student("Sam").await, test.student("Olga").await];
    for (student, start) in [
        (&sam, "2027-03-02T08:00:00Z"),
        (&olga, "2027-03-02T10:00:00Z"),
    ] {
        student
            .post("/v1/bookings", &tutor.lesson(start, 60))
            .await
            .expect(201);
    }
    let invitation = json!({"role": "tutor", "email": email("Sam")});
    admin.post("/v1/invitations", &invitation).await.expect(201);
    let id = sam.id().await;
    let gift = json!({"student_id": id, "subject": "mathematics", "kind": "grant", "minutes": 60, "reason": "A gift."});
    admin.post("/v1/credits", &gift).await.expect(200);
    let quota = json!({"student_id": id, "weekly_minutes": 600});
    let limited = admin.edit(Method::PUT, "/v1/quota", "\"1\"", &quota).await;
    limited.expect(200);
    let mut files = Files::of(&sam, MINE).await;
    assert_eq!(files.list("profile")[0]["email"], email("Sam"));
    assert_eq!(files.list("roles")[0]["role"], "student");
    assert_eq!(files.list("identities")[0]["issuer"], test.google.issuer());
    assert_eq!(files.list("sessions").len(), 1);
    assert_eq!(files.list("invitations")[0]["sent"], false);
    assert_eq!(files.list("credits")[0]["remaining_minutes"], 60);
    assert_eq!(files.list("credit_entries")[0]["reason"], "A gift.");
    assert_eq!(files.list("quota")[0]["weekly_minutes"], 600);
    let bookings = files.list("bookings");
    assert_eq!(bookings.len(), 1);
    assert_eq!(bookings[0]["tutor"], "Tina");
    assert_eq!(bookings[0]["subject"], "mathematics");
    let trail = files.list("audit_entries");
    assert!(
        trail
            .iter()
            .any(|it| it["table_name"] == "bookings" && it["by_you"] == true)
    );
    let calendar = files.text("calendar.ics");
    assert_eq!(calendar.matches("BEGIN:VEVENT").count(), 1);
    assert!(calendar.contains("DTSTART:20270302T080000Z"), "{calendar}");
    assert!(
        calendar.contains("Mathematics (School) with Tina"),
        "{calendar}"
    );
    for name in [
        "tutor",
        "offers",
        "group_lessons",
        "lessons_taught",
        "google_connection",
        "google_calendars",
        "google_calendar_events",
        "calendar_drifts",
    ] {
        assert_eq!(files.list(name), [Value::Null; 0], "{name}");
    }
    for name in files.names() {
        let content = files.text(&name).to_lowercase();
        assert!(
            !content.contains("olga") && !content.contains("ada@"),
            "{name}: {content}"
        );
    }
}

#[tokio::test]
async fn a_tutor_gets_what_is_taught_and_when_and_no_secret() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test)
        .await
        .connected_tutor(&test, "Tina")
        .await;
    let sam = test.student("Sam").await;
    sam.post("/v1/bookings", &tutor.lesson("2027-03-02T08:00:00Z", 60))
        .await
        .expect(201);
    let mut group = tutor.lesson("2027-03-04T08:00:00Z", 60);
    group["capacity"] = json!(5);
    group["title"] = json!("Clinic");
    tutor.person.post("/v1/lessons", &group).await.expect(201);
    let off = json!({"first_date": "2027-04-01", "last_date": "2027-04-01", "note": "Easter"});
    tutor
        .person
        .post(&tutor.path("/time-off"), &off)
        .await
        .expect(201);
    tutor.put_override("2027-03-20", &[]).await.expect(200);
    let mut files = Files::of(&tutor.person, MINE).await;
    assert_eq!(files.list("tutor")[0]["id"], tutor.id.to_string());
    assert_eq!(files.list("offers")[0]["lesson_minutes"], json!([60, 90]));
    assert_eq!(files.list("weekly_rules").len(), 5);
    assert_eq!(files.list("overrides")[0]["date"], "2027-03-20");
    assert_eq!(files.list("time_off")[0]["note"], "Easter");
    assert_eq!(files.list("google_connection")[0]["email"], tutor.email);
    assert_eq!(files.list("google_calendars")[0]["summary"], tutor.email);
    assert_eq!(files.list("lessons_taught")[0]["student"], "Sam");
    assert_eq!(files.list("group_lessons")[0]["title"], "Clinic");
    assert!(files.text("calendar.ics").contains("with Sam"));
    for name in files.names() {
        let content = files.text(&name);
        for secret in ["token", "hash", "sam@example.com"] {
            assert!(!content.contains(secret), "{name} has {secret}: {content}");
        }
    }
}

#[tokio::test]
async fn an_admin_exports_the_same_for_somebody() {
    let test = TestApp::start().await;
    let admin = test.admin("Ada").await;
    let sam = test.student("Sam").await;
    let path = format!("/v1/users/{}/export", sam.id().await);
    let (mut own, mut by_admin) = (Files::of(&sam, MINE).await, Files::of(&admin, &path).await);
    assert_eq!(own.names(), by_admin.names());
    for name in own.names() {
        assert_eq!(own.text(&name), by_admin.text(&name));
    }
    let nobody = format!("/v1/users/{}/export", uuid::Uuid::now_v7());
    admin.get(&nobody).await.expect_problem(404, "not_found");
    let etag = sam.get("/v1/me").await.etag();
    let erase = sam
        .request(Method::DELETE, "/v1/me")
        .header("if-match", etag);
    sam.send(erase).await.expect(204);
    admin.get(&path).await.expect_problem(404, "not_found");
}

/// Who once had an address is not told what is sent to whoever has it now.
#[tokio::test]
async fn invitations_are_in_the_export_of_whose_address_is_vouched_for() {
    let test = TestApp::start().await;
    let admin = test.admin("Ada").await;
    for (name, expected) in [("Tim", 1), ("Tina", 0)] {
        let invitation = json!({"role": "tutor", "email": email(name)});
        admin.post("/v1/invitations", &invitation).await.expect(201);
        test.add_account(name);
        if expected == 0 {
            test.google.make_consumer(&email(name));
        }
        let person = test.sign_in(&email(name)).await;
        let mut files = Files::of(&person, MINE).await;
        assert_eq!(files.list("invitations").len(), expected, "{name}");
    }
}
