//! Mass assignment: fields that nobody may set are refused wherever a body is read (OWASP API3:2023).

use crate::{
    auth_coverage::{Row, Who, World, table},
    support::secrets::tables,
};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Columns of ours, and names by which others call them.
const FORBIDDEN: [&str; 14] = [
    "id",
    "user_id",
    "tutor_id",
    "student_id",
    "role",
    "roles",
    "is_admin",
    "email_verified",
    "version",
    "status",
    "created_at",
    "suspended_at",
    "confirmed_at",
    "secret_hash",
];

/// The names of the fields that the body of an operation may have, by the document; None: it reads no JSON.
fn known_fields(document: &Value, row: &Row) -> Option<BTreeSet<String>> {
    let paths = document["paths"].as_object().unwrap().values();
    let mut operations = paths.flat_map(|item| item.as_object().unwrap().values());
    let operation = operations.find(|found| found["operationId"] == row.operation)?;
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    let name = schema["$ref"].as_str()?.rsplit('/').next()?;
    let properties = &document["components"]["schemas"][name]["properties"];
    let names = properties.as_object().into_iter().flatten();
    Some(names.map(|(name, _)| name.clone()).collect())
}

/// A body with one more field, and with one more in each of the objects in its lists.
fn with_field(body: &Value, name: &str) -> Vec<(Value, String)> {
    let mut bodies = Vec::new();
    let mut whole = body.clone();
    whole[name] = json!(true);
    bodies.push((whole, name.to_owned()));
    for (list, items) in body.as_object().unwrap() {
        if items[0].is_object() && items[0].get(name).is_none() {
            let mut nested = body.clone();
            nested[list][0][name] = json!(true);
            bodies.push((nested, format!("{list}[0].{name}")));
        }
    }
    bodies
}

#[tokio::test]
async fn a_field_that_nobody_may_set_is_refused_and_changes_nothing() {
    let world = World::new().await;
    let document = serde_json::to_value(api::http::document()).unwrap();
    let database = &world.test.app.config.database;
    let mut operations = BTreeSet::new();
    let mut faults = Vec::new();
    let mut before = None;
    for row in table(&world) {
        let (Some(body @ Value::Object(_)), Some(known)) =
            (&row.body, known_fields(&document, &row))
        else {
            continue;
        };
        let may = |who: &Who| ![401, 403, 404].contains(&row.answer_to(*who));
        let who = Who::ALL.into_iter().find(may).unwrap();
        for name in FORBIDDEN {
            for (body, field) in with_field(body, name) {
                if known.contains(&field) {
                    continue;
                }
                let row = Row {
                    body: Some(body),
                    operation: row.operation,
                    method: row.method.clone(),
                    path: row.path,
                    edit: row.edit,
                    answers: row.answers,
                };
                let answer = world.ask(who, &row).await;
                let told = &answer.body["errors"][0];
                if answer.status != 422 || told["field"] != field || told["code"] != "unknown" {
                    faults.push(format!("{} {field}: {}", row.operation, answer.body));
                }
                // The first request is when a session was used last.
                if before.is_none() {
                    before = Some(tables(database).await);
                }
            }
        }
        operations.insert(row.operation);
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert_eq!(before.unwrap(), tables(database).await);
    let reading = table(&world)
        .into_iter()
        .filter(|row| [Method::POST, Method::PUT, Method::PATCH].contains(&row.method))
        .filter(|row| known_fields(&document, row).is_some())
        .map(|row| row.operation);
    assert_eq!(operations, reading.collect(), "all that read a body");
    assert!(operations.len() > 15, "{operations:?}");
}
