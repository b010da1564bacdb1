//! Bad input for each operation: a clear code, and nothing changed. What can be wrong with a request is read from the
//! document, so neither an operation nor a field can be forgotten.

mod digest;
mod document;
mod requests;
mod schema;

use crate::{
    auth_coverage::{Row, Who, World, table},
    support::{Answer, Person},
};
use digest::digest;
use document::{Document, Operation};
use requests::{Bad, Good, Refusal};
use reqwest::header::HeaderValue;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const PEOPLE: &[&str] = &["auth", "me", "users", "third-party apps"];
const CENTRE: &[&str] = &["subjects", "centre", "calendar", "absences"];
const TUTORS: &[&str] = &["tutors", "credit", "matchings"];
const LESSONS: &[&str] = &["bookings", "lessons", "series", "holds", "waitlist"];

#[test]
fn every_operation_that_changes_something_is_tried() {
    let document = Document::new();
    let tags: BTreeSet<_> = document.changes().iter().map(Operation::tag).collect();
    let tried = [PEOPLE, CENTRE, TUTORS, LESSONS].concat();
    assert_eq!(tags, tried.into_iter().collect());
}

#[tokio::test]
async fn nothing_changes_about_people_by_bad_input() {
    try_all(PEOPLE).await;
}

#[tokio::test]
async fn nothing_changes_about_the_centre_by_bad_input() {
    try_all(CENTRE).await;
}

#[tokio::test]
async fn nothing_changes_about_tutors_by_bad_input() {
    try_all(TUTORS).await;
}

#[tokio::test]
async fn nothing_changes_about_lessons_by_bad_input() {
    try_all(LESSONS).await;
}

/// Tries all that can be wrong with the operations that have these tags.
async fn try_all(tags: &[&str]) {
    let world = World::new().await;
    let document = Document::new();
    let rows = table(&world);
    let (mut faults, mut count) = (Vec::new(), 0);
    for operation in document.changes() {
        // What it answers is said by RFC 6749: see below.
        if !tags.contains(&operation.tag()) || operation.id() == "issue_token" {
            continue;
        }
        let row = rows.iter().find(|row| row.operation == operation.id());
        let row = row.unwrap_or_else(|| panic!("{} has no row", operation.id()));
        let asking = Asking::new(&world, row).await;
        let before = digest(&world.test).await;
        for bad in good(&world, &operation, row).gone_bad() {
            let answer = asking.ask(&bad).await;
            if let Some(fault) = fault(&operation, &bad, &answer) {
                let (status, told) = (answer.status.as_u16(), &answer.body);
                let (id, what) = (operation.id(), &bad.what);
                faults.push(format!("{id} {what:.300}\n  {fault}: {status} {told:.400}"));
            }
            count += 1;
        }
        let after = digest(&world.test).await;
        let changed: Vec<_> = before
            .iter()
            .filter(|(table, hash)| after[*table] != **hash)
            .collect();
        if !changed.is_empty() {
            faults.push(format!("{} has changed {changed:?}", operation.id()));
        }
    }
    assert!(
        faults.is_empty(),
        "{} of {count}:\n{}",
        faults.len(),
        faults.join("\n")
    );
    assert!(count > 400, "only {count} requests");
}

/// The request of the table, from which bad ones are made.
fn good<'a>(world: &World, operation: &'a Operation<'a>, row: &Row) -> Good<'a> {
    let path = row.path.split('?').next().unwrap();
    let body = match &row.body {
        Some(body) => serde_json::from_str(&world.fill(&body.to_string())).unwrap(),
        None => json!({}),
    };
    Good {
        operation,
        path: world.fill(path),
        body,
    }
}

/// Somebody who may do something, and the version that they have read.
struct Asking<'a> {
    person: &'a Person,
    row: &'a Row,
    etag: Option<HeaderValue>,
}

impl<'a> Asking<'a> {
    async fn new(world: &'a World, row: &'a Row) -> Self {
        let succeeds = |who: &Who| row.answer_to(*who) < 400;
        let is_heard = |who: &Who| ![401, 403, 404].contains(&row.answer_to(*who));
        let find = |may: &dyn Fn(&Who) -> bool| Who::ALL.into_iter().find(|who| may(who));
        let who = find(&succeeds).or_else(|| find(&is_heard)).unwrap();
        let person = world.person(who, row.operation);
        let etag = if row.edit {
            Some(world.etag(person, row).await)
        } else {
            None
        };
        Self { person, row, etag }
    }

    async fn ask(&self, bad: &Bad) -> Answer {
        let mut request = self.person.request(self.row.method.clone(), &bad.target);
        let etag = self.etag.as_ref().filter(|_| !bad.says_of_version());
        if let Some(etag) = etag {
            request = request.header("if-match", etag);
        }
        if let Some((name, value)) = &bad.header {
            request = request.header(*name, value);
        }
        if let Some((media_type, body)) = &bad.body {
            request = request.body(body.clone());
            if let Some(media_type) = media_type {
                request = request.header("content-type", media_type);
            }
        }
        self.person.send(request).await
    }
}

/// What is wrong with how bad input was refused.
fn fault(operation: &Operation<'_>, bad: &Bad, answer: &Answer) -> Option<String> {
    let status = answer.status.as_u16();
    if !(400..500).contains(&status) {
        return Some("is not refused".to_owned());
    }
    let media_type = answer.headers.get("content-type");
    if media_type.is_none_or(|one| one != "application/problem+json") {
        return Some(format!("is {media_type:?}"));
    }
    let code = answer.body["code"].as_str().unwrap_or_default();
    if !operation.may_answer(status, code) {
        return Some("is not as the document says".to_owned());
    }
    let errors = errors(&answer.body);
    if let Some((_, code)) = errors
        .iter()
        .find(|(_, code)| !operation.knows_field_code(code))
    {
        return Some(format!("has a code that is not in the table, {code}"));
    }
    if is_as_expected(&bad.refusal, (status, code), &errors) {
        return None;
    }
    Some(format!("is not {:?}", bad.refusal))
}

fn errors(body: &Value) -> Vec<(&str, &str)> {
    let errors = body["errors"].as_array().into_iter().flatten();
    errors
        .map(|error| {
            let field = error["field"].as_str().unwrap_or("?");
            (field, error["code"].as_str().unwrap_or("?"))
        })
        .collect()
}

fn is_as_expected(refusal: &Refusal, told: (u16, &str), errors: &[(&str, &str)]) -> bool {
    match refusal {
        Refusal::With(status, code) => told == (*status, code),
        Refusal::Field(field, code) => {
            let is_named = |(named, told): &(&str, &str)| {
                named == field && code.is_none_or(|code| code == *told)
            };
            told == (422, "invalid_fields") && errors.iter().any(is_named)
        }
        Refusal::Absent(field) => {
            // Of a list the whole may be named.
            let is_named =
                |(named, _): &(&str, &str)| !named.is_empty() && field.starts_with(named);
            told == (404, "not_found")
                || (told == (422, "invalid_fields") && errors.iter().any(is_named))
        }
    }
}

/// How the token endpoint refuses is said by RFC 6749 section 5.2.
#[tokio::test]
async fn nothing_is_issued_for_bad_input() {
    let world = World::new().await;
    let stranger = world.person(Who::Anonymous, "issue_token");
    let form = "application/x-www-form-urlencoded";
    let good = "grant_type=authorization_code&code=x&code_verifier=x&redirect_uri=x";
    let before = digest(&world.test).await;
    for (media_type, body, error) in [
        (form, "", "invalid_request"),
        (form, "nonsense", "invalid_request"),
        (form, "code=x", "invalid_request"),
        (form, "grant_type=authorization_code", "invalid_request"),
        (form, "grant_type=client_credentials", "invalid_request"),
        (form, "grant_type=password", "unsupported_grant_type"),
        (form, &format!("{good}&code=x"), "invalid_request"),
        (form, good, "invalid_grant"),
        (
            "application/json",
            r#"{"grant_type": "client_credentials"}"#,
            "invalid_request",
        ),
        ("text/plain", good, "invalid_request"),
    ] {
        let request = stranger.request(reqwest::Method::POST, "/v1/auth/token");
        let request = request
            .header("content-type", media_type)
            .body(body.to_owned());
        let refused = stranger.send(request).await.expect(400);
        assert_eq!(refused["error"], error, "{media_type} {body}");
    }
    assert_eq!(digest(&world.test).await, before);
}
