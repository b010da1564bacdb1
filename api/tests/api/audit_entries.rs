//! The audit trail as admins read it.

use crate::{
    auth_coverage::{Who, World, table},
    support::{Person, TestApp},
};
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};

const LIST: &str = "/v1/audit-entries";

/// A hundred thousand entries of a long time ago, in which everything that can be asked for is rare.
const GROW: &str = "
    INSERT INTO audit_entries (at, actor_kind, actor_id, operation, request_id, subject_kind, subject_id, table_name, action, keep_until)
    SELECT timestamptz '2026-01-01Z' + n * interval '1 minute', 'person', gen_random_uuid(), 'edit_' || n % 1000, n::text,
           CASE n % 1000 WHEN 7 THEN 'invitation' ELSE 'kind_' || n % 1000 END, gen_random_uuid(), 'users', 'update', '2126-01-01Z'
    FROM generate_series(1, 100000) AS n;
    ANALYZE audit_entries;
";

fn ids(items: &[Value]) -> Vec<i64> {
    items
        .iter()
        .map(|entry| entry["id"].as_i64().unwrap())
        .collect()
}

async fn items(admin: &Person, query: &str) -> Vec<Value> {
    let page = admin.get(&format!("{LIST}?limit=100&{query}")).await;
    page.expect(200)["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn pages_show_every_entry_once_and_the_newest_first_also_among_those_of_one_instant() {
    let test = TestApp::start().await;
    // All of a sign-in have the same time.
    test.student("Sam").await;
    test.pass(chrono::TimeDelta::minutes(1));
    let admin = test.admin("Ada").await;
    let all = ids(&items(&admin, "").await);
    let count = test.count("SELECT count(*) FROM audit_entries").await;
    assert_eq!(i64::try_from(all.len()).unwrap(), count);
    assert_eq!(ids(&admin.pages_of_one(LIST).await), all);
    let filtered = format!("{LIST}?subject_kind=user&operation=finish_sign_in");
    let by_one = admin.pages_of_one(&filtered).await;
    assert_eq!(by_one.len(), 8);
    assert!(by_one.iter().is_sorted_by(|a, b| {
        let key = |entry: &Value| {
            (
                entry["at"].as_str().unwrap().to_owned(),
                entry["id"].as_i64(),
            )
        };
        key(a) > key(b)
    }));
}

#[tokio::test]
async fn each_filter_leaves_what_it_names() {
    let test = TestApp::start().await;
    let sam = test.student("Sam").await;
    let admin = test.admin("Ada").await;
    test.pass(chrono::TimeDelta::minutes(1));
    let me = sam.get("/v1/me").await;
    let (etag, id) = (me.etag(), me.body["id"].as_str().unwrap().to_owned());
    let edited = sam
        .edit(
            reqwest::Method::PATCH,
            "/v1/me",
            &etag,
            &json!({"name": "Samuel"}),
        )
        .await;
    let request = edited.headers["x-request-id"].to_str().unwrap().to_owned();
    edited.expect(200);
    test.execute("UPDATE centre SET horizon_days = 50").await;

    let edit = ids(&items(&admin, "operation=edit_me").await);
    assert_eq!(edit.len(), 1);
    for query in [
        format!("request_id={request}"),
        format!("subject_id={id}&from=2027-03-01T07:01:00Z"),
        format!("subject_id={id}&subject_kind=user&operation=edit_me"),
        format!("actor_id={id}&from=2027-03-01T07:00:00.000001Z&to=2027-03-01T07:01:00.000001Z"),
    ] {
        assert_eq!(ids(&items(&admin, &query).await), edit, "{query}");
    }
    let centre = items(&admin, "subject_kind=centre").await;
    assert_eq!(centre[0]["after"], json!([{"horizon_days": 50}]));
    assert_eq!(centre[0]["subject"], json!({"kind": "centre", "id": null}));
    for query in [
        "operation=edit",
        "subject_kind=invitation",
        "request_id=1",
        "to=2026-01-01T00:00:00Z",
        "from=2027-03-01T07:01:00.000001Z",
        "actor_id=00000000-0000-0000-0000-000000000000",
        "subject_id=00000000-0000-0000-0000-000000000000",
    ] {
        assert_eq!(items(&admin, query).await, [json!(null); 0], "{query}");
    }
}

#[tokio::test]
async fn whatever_a_table_calls_its_subject_can_be_asked_for() {
    let test = TestApp::start().await;
    let admin = test.admin("Ada").await;
    let kinds = "SELECT DISTINCT split_part(encode(tgargs, 'escape'), '\\000', 1) AS kind
                 FROM pg_trigger WHERE tgname = 'audit_insert'";
    let db = &test.app.db;
    let kinds = Statement::from_string(db.get_database_backend(), kinds);
    let kinds = db.query_all_raw(kinds).await.unwrap();
    assert!(kinds.len() > 5);
    for row in kinds {
        let kind: String = row.try_get_by_index(0).unwrap();
        items(&admin, &format!("subject_kind={kind}")).await;
    }
}

#[tokio::test]
async fn what_a_key_did_names_its_app() {
    let world = World::new().await;
    let rows = table(&world);
    let booking = rows.iter().find(|row| row.operation == "create_booking");
    let booked = world.ask(Who::KeyWithScope, booking.unwrap()).await;
    booked.expect(201);
    let admin = world.person(Who::Admin, "");
    let entries = items(admin, "operation=create_booking").await;
    let apps = admin.get("/v1/third-party-apps").await.expect(200);
    assert_eq!(entries[0]["actor"]["kind"], "key");
    assert_eq!(entries[0]["actor"]["name"], apps["items"][0]["name"]);
    assert!(entries[0]["actor"]["name"].is_string());
}

#[tokio::test]
async fn only_admins_read_it_and_nonsense_is_refused() {
    let test = TestApp::start().await;
    test.stranger()
        .get(LIST)
        .await
        .expect_problem(401, "not_signed_in");
    let sam = test.student("Sam").await;
    sam.get(LIST).await.expect_problem(403, "not_an_admin");
    let admin = test.admin("Ada").await;
    for (query, code) in [
        ("cursor=x", "unknown_cursor"),
        (
            "cursor=WyIwMDAxLTAxLTAxVDAwOjAwOjAwWiIsMV0",
            "unknown_cursor",
        ),
        ("actor_id=x", "unacceptable"),
        ("subject_kind=users", "unacceptable"),
        ("from=2027-03-01", "unacceptable"),
        ("to=2300-01-01T00:00:00Z", "out_of_range"),
        ("operation=", "too_short"),
        ("request_id=%00", "control_character"),
        ("limit=101", "out_of_range"),
        ("user=1", "unknown"),
    ] {
        let refused = admin.get(&format!("{LIST}?{query}")).await;
        let problem = refused.expect_problem(422, "invalid_fields");
        assert_eq!(problem["errors"][0]["code"], code, "{query}: {problem:#}");
    }
}

#[tokio::test]
async fn a_page_reads_about_as_many_entries_as_it_shows_whatever_is_asked_for() {
    // Over one connection, so that what it counts can be asked for at once.
    let test = TestApp::start_with(|config| config.database.max_connections = 1).await;
    let admin = test.admin("Ada").await;
    test.execute(GROW).await;
    let read = async || {
        test.execute("SELECT pg_stat_force_next_flush()").await;
        let read = "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables WHERE relname = 'audit_entries'";
        let read = test.count(read).await;
        test.execute("SELECT pg_stat_reset()").await;
        read
    };
    test.count("SELECT count(*) FROM audit_entries WHERE action = 'insert'")
        .await;
    assert!(read().await >= 100_000, "what is counted is seen");
    let one = &items(&admin, "request_id=77777").await[0];
    let id = one["actor"]["id"].as_str().unwrap();
    let subject = one["subject"]["id"].as_str().unwrap();
    read().await;
    for query in [
        String::new(),
        format!("actor_id={id}"),
        format!("subject_id={subject}"),
        "subject_kind=invitation".to_owned(),
        "operation=edit_7".to_owned(),
        "request_id=77777".to_owned(),
        "from=2026-01-02T00:00:00Z&to=2026-01-03T00:00:00Z".to_owned(),
        "to=2026-01-03T00:00:00Z".to_owned(),
    ] {
        let page = admin
            .get(&format!("{LIST}?limit=20&{query}"))
            .await
            .expect(200);
        assert_ne!(page["items"], json!([]), "{query}");
        let cursor = page["next_cursor"].as_str().unwrap_or_default();
        if !cursor.is_empty() {
            admin
                .get(&format!("{LIST}?limit=20&{query}&cursor={cursor}"))
                .await
                .expect(200);
        }
        let read = read().await;
        assert!(read <= 210, "{query} read {read}");
    }
}
