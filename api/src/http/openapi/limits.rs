//! Says of every limited operation that it is, and which budget it counts against.

use super::{operations, problem};
use crate::http::rate_limit::Class;
use axum::http::StatusCode;
use std::collections::BTreeMap;
use utoipa::openapi::{
    Object, OpenApi, Ref, RefOr, Type,
    header::{Header, HeaderBuilder},
    response::Response,
};

/// The name of the answer 429 among the components.
const REFUSAL: &str = "RateLimited";

const INTRODUCTION: &str = "\n\n**Rate limits.** Requests are counted for each person, each key of an app, and each client address (of \
    IPv6, its first 64 bits). Beside the budgets below, `address` is over all of them together. `RateLimit-Policy` \
    says how many requests a budget has per minute, all of which may come at once; `RateLimit` how many remain, and \
    within how many seconds there will be one more. What is refused with 429 is not done: repeat it after \
    `Retry-After`, with the same `Idempotency-Key`.\n\n| budget | of each | operations |\n| --- | --- | --- |";

pub fn describe(document: &mut OpenApi) {
    let rows = Class::ALL.map(|class| {
        let (budget, of_each) = (class.budget(), class.of_each());
        let names = limit(document, class).join("`, `");
        format!("\n| `{budget}` | {of_each} | `{names}` |")
    });
    let description = document.info.description.get_or_insert_default();
    description.push_str(INTRODUCTION);
    description.extend(rows);
    let components = document.components.get_or_insert_default();
    let responses = &mut components.responses;
    responses.insert(REFUSAL.to_owned(), refusal().into());
    components.headers.extend(headers());
}

/// Documents 429 for all operations of this class; their names.
fn limit(document: &mut OpenApi, class: Class) -> Vec<String> {
    let mut names = Vec::new();
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in operations(item) {
            if Class::of(&method, path) == Some(class) {
                let refusal = Ref::from_response_name(REFUSAL);
                let responses = &mut operation.responses.responses;
                responses.insert("429".to_owned(), refusal.into());
                names.extend(operation.operation_id.clone());
            }
        }
    }
    names
}

fn refusal() -> Response {
    let description =
        "A budget is used up, and nothing was done. `Retry-After` says when to ask again.";
    let (_, refusal) = problem(StatusCode::TOO_MANY_REQUESTS, "rate_limited", description);
    let RefOr::T(mut refusal) = refusal else {
        unreachable!("an answer is written out")
    };
    for name in headers().into_keys() {
        let header = Ref::new(format!("#/components/headers/{name}"));
        refusal.headers.insert(name, RefOr::Ref(header));
    }
    refusal
}

fn headers() -> BTreeMap<String, RefOr<Header>> {
    let described = [
        (
            "RateLimit",
            Type::String,
            "How many requests remain of each budget that the request counted against, and within how many seconds \
             there will be one more: `\"read\";r=299;t=1, \"address\";r=2999;t=1`. A list of structured fields \
             (draft-ietf-httpapi-ratelimit-headers), on the answers of operations that document 429.",
        ),
        (
            "RateLimit-Policy",
            Type::String,
            "The same budgets: how many requests (q) per how many seconds (w), such as \
             `\"read\";q=300;w=60, \"address\";q=3000;w=60`.",
        ),
        (
            "Retry-After",
            Type::Integer,
            "Whole seconds until there is room for the request.",
        ),
    ];
    described
        .into_iter()
        .map(|(name, of_type, description)| {
            let schema = Object::with_type(of_type);
            let header = HeaderBuilder::new()
                .schema(Some(schema))
                .description(Some(description));
            (name.to_owned(), header.build().into())
        })
        .collect()
}
