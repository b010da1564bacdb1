//! What is remembered stays as it is for its time, holds no secret, and can be emptied of a person.

use super::user_id;
use crate::{
    auth_coverage::{Who, World},
    support::{Person, TestApp, at},
};
use api::service::audit_entry;
use reqwest::Method;
use sea_orm::ConnectionTrait;
use serde_json::json;

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
    let (admin, student) = (world.person(Who::Admin, ""), world.person(Who::Student, ""));
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
        for field in ["before", "after"] {
            assert_eq!(entry[field], json!(null), "{entry:#}");
        }
        let actor = &entry["actor"]["id"];
        let is_somebody_elses = !actor.is_null() && *actor != id;
        assert_ne!(entry["address"].is_null(), is_somebody_elses, "{entry:#}");
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
const UNAUDITED: [(&str, &str); 16] = [
    ("audit_entries", "is the trail"),
    ("busy_spans", "is what Google says"),
    ("calendar_channels", "follow from what is recorded"),
    ("calendar_events", "is what Google says"),
    ("calendar_syncs", "is what Google says"),
    ("credit_lots", "follow from the ledger, which is recorded"),
    ("event_spans", "follow from what is recorded"),
    ("grant_revocations", "follow from what is recorded"),
    ("idempotency_keys", "are answers to what is recorded"),
    ("jobs", "follow from what is recorded"),
    ("pushed_requests", "say where to go, and no more"),
    ("revisions", "follow from what is recorded"),
    ("series", "never change, and are named by their bookings"),
    ("sign_in_codes", "lead to what is recorded"),
    ("seaql_migrations", "belongs to whoever deploys"),
    ("tagged_events", "is what Google says"),
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
    assert_eq!(test.count(&format!("SELECT count(*) {audited}")).await, 4);
    assert_eq!(test.count(&format!("SELECT count(*) {listed}")).await, 4);
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
