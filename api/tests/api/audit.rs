//! Who changed what is remembered, whoever changes it and how.

mod keeping;

use crate::{
    auth_coverage::{Row, Who, World, table},
    support::{Answer, Centre, Person, TestApp, at},
};
use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};

/// What was remembered last, the oldest first, and how far the trail reaches.
struct Trail<'a> {
    admin: &'a Person,
    seen: i64,
}

impl<'a> Trail<'a> {
    async fn from_now_on(admin: &'a Person) -> Self {
        let mut trail = Self { admin, seen: 0 };
        trail.news().await;
        trail
    }

    /// What was remembered since the last time, the oldest first.
    async fn news(&mut self) -> Vec<Value> {
        let page = self.admin.get("/v1/audit-entries?limit=100").await;
        let page = page.expect(200)["items"].as_array().unwrap().clone();
        let id = |entry: &Value| entry["id"].as_i64().unwrap();
        let mut news: Vec<_> = page.into_iter().filter(|it| id(it) > self.seen).collect();
        news.sort_by_key(id);
        self.seen = news.last().map_or(self.seen, id);
        news
    }
}

async fn user_id(person: &Person) -> Value {
    person.get("/v1/me").await.expect(200)["id"].clone()
}

fn request_id(answer: &Answer) -> &str {
    answer.headers["x-request-id"].to_str().unwrap()
}

/// The rows that change something, so that each does.
fn changes(world: &World) -> Vec<Row> {
    let unsafe_rows = table(world)
        .into_iter()
        .filter(|row| !row.is_safe() && !row.is_open() && owner(row).is_some())
        // It proposes, and keeps nothing.
        .filter(|row| row.operation != "create_matching");
    unsafe_rows.map(effective).collect()
}

/// The row with a request that makes a difference when its owner sends it.
fn effective(mut row: Row) -> Row {
    let day = json!({"first_date": "2027-05-01", "last_date": "2027-05-01", "name": "May Day"});
    let event = "BEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20270601\r\nSUMMARY:Fair\r\nEND:VEVENT\r\n";
    match row.operation {
        "replace_followed_holiday_calendars" => {
            row.body = Some(json!({"calendar_ids": ["{calendar}"]}));
        }
        "put_override" => {
            let hours = [crate::support::local_hours("10:00-12:00")];
            row.body = Some(json!({"hours": hours}));
        }
        "replace_holidays" => row.body = Some(json!({"holidays": [day]})),
        "import_holidays" => {
            let file = format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{event}END:VCALENDAR\r\n");
            row.body = Some(json!(file));
        }
        "book_matching" => {
            let lesson = &mut row.body.as_mut().unwrap()["assignments"][0];
            lesson["student_id"] = json!("{student}");
            lesson["tutor_id"] = json!("{tutor}");
        }
        // The tests' centre has this notice already.
        "replace_centre_policy" => {
            row.body.as_mut().unwrap()["minimum_notice_minutes"] = json!(90);
        }
        _ => {}
    }
    row
}

/// Somebody who may, if anybody may as things stand.
fn owner(row: &Row) -> Option<Who> {
    let owners = [Who::Tutor, Who::Student, Who::Admin];
    let mut may = owners.into_iter().filter(|who| row.answer_to(*who) < 400);
    may.next()
}

#[tokio::test]
async fn every_operation_that_changes_something_leaves_who_did_it_from_where() {
    let mut world = World::new().await;
    let email = world.tutor.email.clone();
    let tutor = &mut world.tutor.person;
    tutor
        .connect_calendar(&email, google_sandbox::Consent::All)
        .await
        .expect(303);
    world.test.run_jobs().await;
    // There is no such event in that calendar, so that its deletion has come to nothing.
    world
        .test
        .execute("UPDATE calendar_drifts SET status = 'pending', resolved_at = NULL WHERE kind = 'deleted'")
        .await;
    let rows = changes(&world);
    world.test.app.db.clone().close().await.unwrap();
    let mut count = 0;
    for row in rows {
        let world = world.copy().await;
        let who = owner(&row).unwrap();
        let id = user_id(world.person(who, "")).await;
        let mut trail = Trail::from_now_on(world.person(Who::Admin, "")).await;
        let answer = world.ask(who, &row).await;
        let operation = row.operation;
        let expected = row.answer_to(who);
        let status = answer.status.as_u16();
        assert_eq!(status, expected, "{operation}: {:#}", answer.body);
        let news = trail.news().await;
        // They only say where to go: what it leads to is `finish_sign_in`. And this identity is confirmed already.
        if matches!(
            operation,
            "connect_calendar"
                | "authorize_calendar"
                | "link_identity"
                | "authorize_identity"
                | "confirm_identity"
        ) {
            assert_eq!(news, [json!(null); 0]);
            continue;
        }
        assert!(!news.is_empty(), "{operation} left nothing");
        for entry in news {
            assert_eq!(entry["operation"], operation, "{entry:#}");
            assert_eq!(entry["actor"]["kind"], "person", "{entry:#}");
            assert_eq!(entry["actor"]["id"], id, "{entry:#}");
            // From where somebody acted is erased with them.
            if operation != "erase_me" {
                assert_eq!(entry["address"], "127.0.0.1", "{entry:#}");
            }
            assert_eq!(entry["request_id"], request_id(&answer), "{entry:#}");
            assert_eq!(at(entry["at"].as_str().unwrap()), world.test.now());
        }
        count += 1;
    }
    assert!(count > 15, "{count}");
}

#[tokio::test]
async fn what_is_refused_or_only_tried_leaves_nothing() {
    let world = World::new().await;
    let mut trail = Trail::from_now_on(world.person(Who::Admin, "")).await;
    let document = serde_json::to_value(api::http::document()).unwrap();
    let document = document.to_string();
    let (mut refused, mut tried) = (0, 0);
    for row in table(&world) {
        if row.is_safe() || row.is_open() {
            continue;
        }
        if row.answer_to(Who::OtherStudent) >= 400 {
            world.ask(Who::OtherStudent, &row).await;
            assert_eq!(trail.news().await, [json!(null); 0], "{}", row.operation);
            refused += 1;
        }
        let Some(owner) = owner(&row) else { continue };
        let mut dry = effective(row);
        dry.path = format!("{}?dry_run=true", dry.path).leak();
        let answer = world.ask(owner, &dry).await;
        // Other operations don't know the parameter, and refuse it.
        tried += u32::from(answer.status.is_success());
        assert_eq!(trail.news().await, [json!(null); 0], "{}", dry.operation);
    }
    let parameter = document.matches(r#""name":"dry_run""#).count();
    assert_eq!(tried, u32::try_from(parameter).unwrap());
    assert!(refused > 15, "{refused}");
}

#[tokio::test]
async fn an_edit_is_remembered_by_what_was_before_and_what_is_after() {
    let world = World::new().await;
    let (tutor, student) = (&world.tutor, world.person(Who::Student, ""));
    let mut trail = Trail::from_now_on(world.person(Who::Admin, "")).await;
    let told =
        |entry: &Value| ["table", "action", "before", "after"].map(|field| entry[field].clone());

    let bio = json!({"bio": "Patient.", "visible": true});
    tutor.edit(Method::PATCH, "", &bio).await.expect(200);
    let news = trail.news().await;
    assert_eq!(
        news[0]["subject"],
        json!({"kind": "tutor", "id": tutor.id.0})
    );
    assert_eq!(news[0]["actor"]["name"], "Tina");
    let edited = [
        json!("tutors"),
        json!("update"),
        json!([{"bio": ""}]),
        json!([{"bio": "Patient."}]),
    ];
    assert_eq!(news.iter().map(told).collect::<Vec<_>>(), [edited]);
    // The version alone is nothing to remember.
    tutor.edit(Method::PATCH, "", &bio).await.expect(200);
    assert_eq!(trail.news().await, [json!(null); 0]);

    let rule = json!({"weekday": "monday", "local_start": "09:00", "local_end": "12:00"});
    let rules = json!({"rules": [rule]});
    tutor
        .edit(Method::PUT, "/weekly-rules", &rules)
        .await
        .expect(200);
    let news = trail.news().await;
    let [deleted, inserted] = news.try_into().unwrap();
    assert_eq!(deleted["action"], "delete");
    assert_eq!(deleted["before"].as_array().unwrap().len(), 5);
    assert_eq!(deleted["after"], json!(null));
    assert_eq!(inserted["action"], "insert");
    assert_eq!(inserted["before"], json!(null));
    let [row] = inserted["after"]
        .as_array()
        .unwrap()
        .clone()
        .try_into()
        .unwrap();
    assert_eq!(row["weekday"], 1);
    assert_eq!(row["local_end"], "12:00:00");

    let lesson = tutor.lesson("2027-03-08T08:00:00Z", 60);
    let booked = student.post("/v1/bookings", &lesson).await.expect(201);
    let path = format!("/v1/bookings/{}/cancel", booked["id"].as_str().unwrap());
    student
        .post(&path, &json!({"reason": "Ill."}))
        .await
        .expect(200);
    let news = trail.news().await;
    let [made, cancelled] = news.try_into().unwrap();
    let subject = json!({"kind": "booking", "id": booked["id"]});
    assert_eq!(made["subject"], subject);
    assert_eq!(made["after"][0]["starts_at"], "2027-03-08T08:00:00+00:00");
    assert_eq!(made["after"][0]["student_id"], user_id(student).await);
    assert_eq!(cancelled["subject"], subject);
    let before = json!({"status": "confirmed", "cancelled_at": null, "cancelled_by": null, "cancellation_reason": null,
        "cancellation_consequence": null, "cancellation_credit_minutes": null, "cancellation_charged_minutes": null});
    assert_eq!(cancelled["before"], json!([before]));
    assert_eq!(cancelled["after"][0]["cancellation_reason"], "Ill.");
}

#[tokio::test]
async fn signing_in_is_remembered_as_done_by_whoever_signed_in() {
    let test = TestApp::start().await;
    let admin = test.admin("Ada").await;
    let mut trail = Trail::from_now_on(&admin).await;
    let mut sam = test.student("Sam").await;
    let id = user_id(&sam).await;
    let news = trail.news().await;
    let tables: Vec<_> = news
        .iter()
        .map(|entry| entry["table"].as_str().unwrap())
        .collect();
    assert_eq!(tables, ["users", "user_roles", "identities", "sessions"]);
    for entry in &news {
        assert_eq!(entry["operation"], "finish_sign_in");
        assert_eq!(entry["subject"], json!({"kind": "user", "id": id}));
    }
    // Nobody knew who it was before there was a user.
    assert_eq!(
        news[0]["actor"],
        json!({"kind": "person", "id": null, "name": null})
    );
    assert_eq!(
        news[3]["actor"],
        json!({"kind": "person", "id": id, "name": "Sam"})
    );

    // Sessions that expired were ended by nobody. Using one is no change.
    test.pass(TimeDelta::days(1));
    sam.get("/v1/me").await.expect(200);
    assert_eq!(trail.news().await, [json!(null); 0]);
    test.pass(TimeDelta::days(29));
    sam.sign_in("sam@example.com").await;
    let admin = test.admin("Adam").await;
    trail.admin = &admin;
    let news = trail.news().await;
    let ended: Vec<_> = news
        .iter()
        .filter(|entry| entry["action"] == "delete")
        .collect();
    assert_eq!(ended.len(), 2);
    for entry in ended {
        assert_eq!(entry["actor"]["kind"], "job");
        assert_eq!(entry["operation"], "forget_expired_sessions");
    }
}

#[tokio::test]
async fn what_is_done_by_sql_is_remembered_as_done_by_an_operator() {
    let world = World::new().await;
    let mut trail = Trail::from_now_on(world.person(Who::Admin, "")).await;
    for (sql, action, entries) in [
        (
            "UPDATE weekly_rules SET local_end = '18:00' WHERE weekday < 3",
            "update",
            4,
        ),
        (
            "INSERT INTO user_roles SELECT id, 'guardian', now() FROM users WHERE name IN ('Sam', 'Olga')",
            "insert",
            2,
        ),
        ("DELETE FROM weekly_rules", "delete", 2),
        ("TRUNCATE offers", "truncate", 1),
        (
            "UPDATE users SET name = name, version = version + 1",
            "update",
            0,
        ),
    ] {
        world.test.execute(sql).await;
        let news = trail.news().await;
        assert_eq!(news.len(), entries, "{sql}: {news:#?}");
        for entry in news {
            assert_eq!(
                entry["actor"],
                json!({"kind": "operator", "id": null, "name": null})
            );
            assert_eq!(entry["action"], action);
            for field in ["operation", "address", "request_id"] {
                assert_eq!(entry[field], json!(null), "{sql}");
            }
        }
    }
}

#[tokio::test]
async fn what_the_server_does_by_itself_is_remembered_as_done_by_a_job() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test)
        .await
        .connected_tutor(&test, "Tina")
        .await;
    let admin = test.admin("Ada").await;
    let mut trail = Trail::from_now_on(&admin).await;
    test.pass(TimeDelta::minutes(1));
    test.run_jobs().await;
    assert_eq!(
        trail.news().await,
        [json!(null); 0],
        "reading changes nothing"
    );
    test.google.revoke_grants(&tutor.email);
    test.pass(TimeDelta::hours(1));
    test.run_jobs().await;
    let news = trail.news().await;
    let [dead] = news.try_into().unwrap();
    let job = json!({"kind": "job", "id": null, "name": null});
    assert_eq!(dead["actor"], job);
    assert_eq!(dead["operation"], "read_busy_time");
    assert_eq!(dead["table"], "google_grants");
    assert_eq!(dead["address"], json!(null));
    assert_eq!(dead["before"][0]["state"], "live");
    assert_eq!(dead["after"][0]["state"], "dead");
}

/// Google is asked on a task of its own, which may outlive the request.
#[tokio::test]
async fn what_a_booking_finds_out_at_google_is_remembered_as_found_out_by_it() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let tutor = centre.connected_tutor(&test, "Tina").await;
    let sam = test.student("Sam").await;
    let admin = test.admin("Ada").await;
    test.google.revoke_grants(&tutor.email);
    test.pass(TimeDelta::hours(1));
    let mut trail = Trail::from_now_on(&admin).await;
    let lesson = tutor.lesson("2027-03-02T09:00:00Z", 60);
    let booked = sam.post("/v1/bookings", &lesson).await;
    let news = trail.news().await;
    let tables: Vec<_> = news.iter().map(|entry| &entry["table"]).collect();
    assert_eq!(tables, ["google_grants", "bookings"]);
    for entry in &news {
        assert_eq!(entry["actor"]["name"], "Sam");
        assert_eq!(entry["operation"], "create_booking");
        assert_eq!(entry["request_id"], request_id(&booked));
    }
}

#[tokio::test]
async fn a_client_behind_a_proxy_is_remembered_by_its_own_address_and_any_request_id_is_kept() {
    let test = TestApp::start_with(|config| {
        config.rate_limits.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;
    let admin = test.admin("Ada").await;
    let mut trail = Trail::from_now_on(&admin).await;
    let long = "x".repeat(1000);
    for (number, (sent, kept)) in [
        (
            "'\"}; DROP TABLE audit_entries; --",
            Some("'\"}; DROP TABLE audit_entries; --"),
        ),
        (&long, Some(&long[..128])),
        ("caf\u{e9}", None),
    ]
    .into_iter()
    .enumerate()
    {
        let name = json!({"name": format!("Ada {number}")});
        let request = admin.request(Method::PATCH, "/v1/me").json(&name);
        let etag = admin.get("/v1/me").await.etag();
        let request = request
            .header("if-match", etag)
            .header("x-forwarded-for", "198.51.100.1, 2001:db8::7")
            .header("x-request-id", sent.as_bytes());
        admin.send(request).await.expect(200);
        let [entry] = trail.news().await.try_into().unwrap();
        assert_eq!(entry["address"], "2001:db8::7");
        assert_eq!(entry["request_id"], json!(kept));
    }
}
