//! Who changed what is remembered, whoever changes it and how.

use crate::{
    auth_coverage::{Owner, Row, World, table},
    support::{Answer, Centre, Person, TestApp, at},
};
use api::service::audit_entry;
use chrono::TimeDelta;
use reqwest::Method;
use sea_orm::ConnectionTrait;
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
    let unsafe_rows = table(&world.tutor)
        .into_iter()
        .filter(|row| !row.method.is_safe());
    unsafe_rows.map(|row| effective(world, row)).collect()
}

/// The row with a request that makes a difference when its owner sends it.
fn effective(world: &World, mut row: Row) -> Row {
    let day = json!({"first_date": "2027-05-01", "last_date": "2027-05-01", "name": "May Day"});
    let event = "BEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20270601\r\nSUMMARY:Fair\r\nEND:VEVENT\r\n";
    match row.operation {
        "replace_followed_holiday_calendars" => {
            row.body = Some(json!({"calendar_ids": [world.calendar]}));
        }
        "replace_holidays" => row.body = Some(json!({"holidays": [day]})),
        "import_holidays" => {
            let file = format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{event}END:VCALENDAR\r\n");
            row.body = Some(json!(file));
        }
        // The tests' centre has this notice already.
        "replace_centre_policy" => {
            row.body.as_mut().unwrap()["minimum_notice_minutes"] = json!(90);
        }
        "create_booking" => {
            row.body = Some(world.tutor.lesson("2027-03-08T08:00:00Z", 60));
            row.owned = 201;
        }
        _ => {}
    }
    row
}

fn owner<'a>(world: &'a World, row: &Row) -> &'a Person {
    match row.owner {
        Owner::Student => &world.student,
        Owner::Tutor => &world.tutor.person,
        Owner::Admin => &world.admin,
    }
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
    let mut trail = Trail::from_now_on(&world.admin).await;
    let mut count = 0;
    for row in changes(&world) {
        let person = owner(&world, &row);
        let id = user_id(person).await;
        let answer = world.ask(person, &row).await;
        let operation = row.operation;
        assert_eq!(
            answer.status.as_u16(),
            row.owned,
            "{operation}: {:#}",
            answer.body
        );
        let news = trail.news().await;
        // It only says where to go: what it leads to is `finish_sign_in`.
        if operation == "connect_calendar" {
            assert_eq!(news, [json!(null); 0]);
            continue;
        }
        assert!(!news.is_empty(), "{operation} left nothing");
        for entry in news {
            assert_eq!(entry["operation"], operation, "{entry:#}");
            assert_eq!(entry["actor"]["kind"], "person", "{entry:#}");
            assert_eq!(entry["actor"]["id"], id, "{entry:#}");
            assert_eq!(entry["address"], "127.0.0.1", "{entry:#}");
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
    let mut trail = Trail::from_now_on(&world.admin).await;
    let document = serde_json::to_value(api::http::document()).unwrap();
    let document = document.to_string();
    let (mut refused, mut tried) = (0, 0);
    for row in table(&world.tutor) {
        if row.method.is_safe() {
            continue;
        }
        if row.other >= 400 {
            let answer = world.ask(&world.other, &row).await;
            assert_eq!(answer.status.as_u16(), row.other, "{}", row.operation);
            assert_eq!(trail.news().await, [json!(null); 0], "{}", row.operation);
            refused += 1;
        }
        let mut dry = effective(&world, row);
        dry.path = format!("{}?dry_run=true", dry.path).leak();
        let answer = world.ask(owner(&world, &dry), &dry).await;
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
    let (tutor, student) = (&world.tutor, &world.student);
    let mut trail = Trail::from_now_on(&world.admin).await;
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
    let before = json!({"status": "confirmed", "cancelled_at": null, "cancelled_by": null, "cancellation_reason": null});
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
    let mut trail = Trail::from_now_on(&world.admin).await;
    for (sql, action, entries) in [
        (
            "UPDATE weekly_rules SET local_end = '18:00' WHERE weekday < 3",
            "update",
            2,
        ),
        (
            "INSERT INTO user_roles SELECT id, 'guardian', now() FROM users",
            "insert",
            4,
        ),
        ("DELETE FROM weekly_rules", "delete", 1),
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

#[tokio::test]
async fn no_entry_can_be_edited_or_taken_away() {
    let test = TestApp::start().await;
    test.student("Sam").await;
    let content = "SELECT hashtextextended(string_agg(audit_entries::text, ',' ORDER BY id), 0) FROM audit_entries";
    let before = test.count(content).await;
    for sql in [
        "UPDATE audit_entries SET actor_id = NULL",
        "UPDATE audit_entries SET before = NULL, after = NULL",
        "DELETE FROM audit_entries",
        "TRUNCATE audit_entries",
        "SET LOCAL audit.forgetting = 'on'; UPDATE audit_entries SET actor_kind = 'operator', actor_id = NULL",
        "SET LOCAL audit.forgetting = 'on'; UPDATE audit_entries SET after = '[]'",
        "SET LOCAL audit.forgetting = 'on'; UPDATE audit_entries SET keep_until = now()",
        "SET LOCAL audit.forgetting = 'on'; DELETE FROM audit_entries",
    ] {
        let refused = test.app.db.execute_unprepared(sql).await.unwrap_err();
        assert!(
            refused.to_string().contains("append-only"),
            "{sql}: {refused}"
        );
    }
    assert_eq!(test.count(content).await, before);
}

#[tokio::test]
async fn entries_are_kept_for_as_long_as_is_configured_and_then_forgotten_in_parts() {
    let test = TestApp::start_with(|config| config.centre.audit_days = 10).await;
    let now = test.now();
    test.set_clock(at("2020-03-01T12:00:00Z"));
    test.student("Sam").await;
    let kept = "SELECT count(*) FROM audit_entries WHERE keep_until = at + interval '10 days'";
    let old = "SELECT count(*) FROM audit_entries WHERE at < '2021-01-01'";
    assert_eq!(test.count(kept).await, 4);
    // An operator's are kept for the usual time.
    test.execute("UPDATE users SET name = 'Samuel'").await;
    let usual = "SELECT count(*) FROM audit_entries WHERE keep_until = at + interval '730 days' AND table_name = 'users'";
    assert_eq!(test.count(usual).await, 1);
    test.execute(
        "INSERT INTO audit_entries (at, actor_kind, subject_kind, table_name, action, keep_until)
         SELECT '2020-01-01', 'operator', 'user', 'users', 'update', '2020-02-01' FROM generate_series(1, 1000)",
    )
    .await;
    test.set_clock(now);
    test.student("Olga").await;

    assert!(audit_entry::forget(&test.app).await.unwrap());
    assert_eq!(test.count(old).await, 4, "the oldest went first");
    assert!(!audit_entry::forget(&test.app).await.unwrap());
    assert_eq!(test.count(old).await, 0);
    // Hers, and the end of his session.
    assert_eq!(test.count(kept).await, 5);
    assert_eq!(test.count(usual).await, 1);
}

#[tokio::test]
async fn a_person_can_be_forgotten_without_losing_what_they_did_to_others() {
    let world = World::new().await;
    let (admin, student) = (&world.admin, &world.student);
    let path = world.tutor.path("");
    let etag = admin.get(&path).await.etag();
    admin
        .edit(Method::PATCH, &path, &etag, &json!({"bio": "Kind."}))
        .await
        .expect(200);
    let forget = async |person: &Person| {
        let id = user_id(person).await;
        let sql = format!(
            "SELECT forget_person_in_audit({})",
            id.to_string().replace('"', "'")
        );
        assert!(world.test.count(&sql).await > 0);
        id
    };
    let id = forget(student).await;
    let whose = format!(
        "/v1/audit-entries?limit=100&actor_id={}",
        id.as_str().unwrap()
    );
    let page = admin.get(&whose).await.expect(200);
    let items = page["items"].as_array().unwrap();
    assert!(
        items
            .iter()
            .any(|entry| entry["operation"] == "create_booking")
    );
    let about = format!(
        "/v1/audit-entries?limit=100&subject_id={}",
        id.as_str().unwrap()
    );
    let about = admin.get(&about).await.expect(200);
    for entry in items.iter().chain(about["items"].as_array().unwrap()) {
        for field in ["before", "after", "address"] {
            assert_eq!(entry[field], json!(null), "{entry:#}");
        }
    }
    let left = "SELECT count(*) FROM audit_entries WHERE before::text LIKE '%Sam%' OR after::text LIKE '%Sam%'";
    assert_eq!(world.test.count(left).await, 0);

    let id = forget(admin).await;
    let whose = format!(
        "/v1/audit-entries?operation=edit_tutor&actor_id={}",
        id.as_str().unwrap()
    );
    let page = admin.get(&whose).await.expect(200);
    assert_eq!(page["items"][0]["after"], json!([{"bio": "Kind."}]));
    assert_eq!(page["items"][0]["address"], json!(null));
}

/// Tables of which no trail is kept, for what reason.
const UNAUDITED: [(&str, &str); 7] = [
    ("audit_entries", "is the trail"),
    ("busy_spans", "is what Google says"),
    ("idempotency_keys", "are answers to what is recorded"),
    ("jobs", "follow from what is recorded"),
    ("lessons", "are recorded as their bookings"),
    ("revisions", "follow from what is recorded"),
    ("seaql_migrations", "belongs to whoever deploys"),
];

#[tokio::test]
async fn every_table_is_recorded_and_no_secret_of_any() {
    let mut world = World::new().await;
    let email = world.tutor.email.clone();
    let tutor = &mut world.tutor.person;
    tutor
        .connect_calendar(&email, google_sandbox::Consent::All)
        .await
        .expect(303);
    let test = &world.test;
    let exempt: Vec<_> = UNAUDITED
        .iter()
        .map(|(table, _)| format!("'{table}'"))
        .collect();
    let unrecorded = format!(
        "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
           AND relname NOT IN ({})
           AND (SELECT count(*) FROM pg_trigger WHERE tgrelid = pg_class.oid AND tgname LIKE 'audit\\_%') <> 4",
        exempt.join(", ")
    );
    assert_eq!(
        test.count(&unrecorded).await,
        0,
        "call audit_table, or say why not"
    );

    let secrets = "FROM information_schema.columns WHERE table_schema = 'public' AND column_name ~ 'hash|token|secret'";
    let listed = format!(
        "{secrets} AND EXISTS (SELECT FROM pg_trigger WHERE tgrelid = table_name::regclass AND tgname = 'audit_update'
             AND column_name = ANY((string_to_array(encode(tgargs, 'escape'), '\\000'))[3]::text[]))"
    );
    let audited = format!(
        "{secrets} AND EXISTS (SELECT FROM pg_trigger WHERE tgrelid = table_name::regclass AND tgname = 'audit_update')"
    );
    assert_eq!(test.count(&format!("SELECT count(*) {audited}")).await, 3);
    assert_eq!(test.count(&format!("SELECT count(*) {listed}")).await, 3);
    let recorded = "SELECT count(*) FROM audit_entries,
            jsonb_array_elements(coalesce(before, '[]') || coalesce(after, '[]')) AS row, jsonb_object_keys(row) AS key
        WHERE key ~ 'hash|token|secret'";
    assert_eq!(test.count(recorded).await, 0);

    let careless = "CREATE TABLE careless (id uuid, secret_word text); SELECT audit_table('careless', 'user', 'id', '{}')";
    let refused = test.app.db.execute_unprepared(careless).await.unwrap_err();
    assert!(
        refused.to_string().contains("must not be recorded"),
        "{refused}"
    );
}
