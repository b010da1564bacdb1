//! Says of every operation how it refuses what it can't read, from what it takes; and of a body that may be left out that
//! it must not be null.

use super::{super::etag, operations, problem};
use axum::http::{Method, StatusCode};
use utoipa::openapi::{
    OpenApi, RefOr,
    path::{Operation, ParameterIn},
    request_body::RequestBody,
    schema::Schema,
};

/// A code, and when it is the answer.
type Refusal = (&'static str, &'static str);

const OF_JSON: &[Refusal] = &[
    ("malformed_json", "the body is not JSON"),
    ("not_json", "the body is not sent as JSON"),
    ("body_unreadable", "the body breaks off"),
];

const OF_CALENDARS: &[Refusal] = &[
    ("not_a_calendar", "the body is not sent as a calendar"),
    ("body_unreadable", "the body breaks off"),
];

const OF_NO_BODY: &[Refusal] = &[
    ("unexpected_body", "there is a body, and none is taken"),
    ("body_unreadable", "the body breaks off"),
];

/// An asterisk, or entity tags with commas between them.
const ETAGS: &str = r#"^(\*|(W/)?"[!#-~]*"( *, *(W/)?"[!#-~]*")*)$"#;

pub fn describe(document: &mut OpenApi) {
    let items = document.paths.paths.values_mut();
    for (method, operation) in items.flat_map(operations) {
        deny_null(operation);
        describe_preconditions(operation);
        let refusals = [of_body(&method, operation), of_headers(operation)].concat();
        let Some((first, _)) = refusals.first() else {
            continue;
        };
        let (status, response) = problem(StatusCode::BAD_REQUEST, first, &told(&refusals));
        let responses = &mut operation.responses.responses;
        responses.insert(status, response);
        if operation.request_body.is_none() {
            let detail = "The body did not arrive within ten seconds.";
            let (status, response) = problem(StatusCode::REQUEST_TIMEOUT, "body_too_slow", detail);
            operation.responses.responses.insert(status, response);
        }
    }
}

/// What the document derives of an `Option` allows both.
fn deny_null(operation: &mut Operation) {
    let Some(RefOr::T(body)) = &mut operation.request_body else {
        return;
    };
    for content in body.content.values_mut() {
        if let RefOr::T(content) = content
            && let Some(RefOr::T(Schema::OneOf(either))) = &content.schema
        {
            content.schema = either
                .items
                .iter()
                .find(|one| matches!(one, RefOr::Ref(_)))
                .cloned();
        }
    }
}

fn describe_preconditions(operation: &mut Operation) {
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(parameter) = parameter
            && parameter.name == "If-Match"
            && let Some(RefOr::T(Schema::Object(object))) = &mut parameter.schema
        {
            object.pattern = Some(ETAGS.to_owned());
            object.examples = vec![etag::tag(3).into()];
        }
    }
}

fn of_body(method: &Method, operation: &Operation) -> Vec<Refusal> {
    let refusals = match &operation.request_body {
        None if *method == Method::GET => &[],
        None => OF_NO_BODY,
        Some(body) if takes(body, "application/json") => OF_JSON,
        Some(body) if takes(body, "text/calendar") => OF_CALENDARS,
        // How a form is refused is said by RFC 6749.
        Some(_) => &[],
    };
    refusals.to_vec()
}

fn takes(body: &RefOr<RequestBody>, media_type: &str) -> bool {
    matches!(body, RefOr::T(body) if body.content.contains_key(media_type))
}

fn of_headers(operation: &Operation) -> Vec<Refusal> {
    let parameters = operation.parameters.iter().flatten();
    let headers = parameters.filter_map(|parameter| match parameter {
        RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Header => {
            Some(parameter.name.as_str())
        }
        _ => None,
    });
    let refusals = headers.filter_map(|name| match name {
        "Idempotency-Key" => Some((
            "bad_idempotency_key",
            "the Idempotency-Key is none that there can be",
        )),
        "If-Match" => Some((
            "bad_if_match",
            "If-Match holds neither ETags, with their quotes, nor an asterisk",
        )),
        _ => None,
    });
    refusals.collect()
}

/// Each reason, with its code in backticks, by which readers and tests find it.
fn told(refusals: &[Refusal]) -> String {
    let each = refusals
        .iter()
        .map(|(code, when)| format!("{when} (`{code}`)"));
    let each: Vec<_> = each.collect();
    format!("Malformed: {}.", each.join("; "))
}
