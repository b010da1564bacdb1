//! The OpenAPI document: committed as it is served, whole, and free of what misleads its readers.

use scheduling::slots::ALTERNATIVES_WITHIN;
use serde_json::Value;
use std::{collections::BTreeSet, fs, path::Path};
use syn::{Meta, Token, punctuated::Punctuated, visit::Visit};

fn document() -> Value {
    serde_json::to_value(api::http::document()).unwrap()
}

fn operations(document: &Value) -> Vec<(String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    paths
        .iter()
        .flat_map(|(path, item)| {
            item.as_object()
                .unwrap()
                .iter()
                .map(move |(method, operation)| (format!("{method} {path}"), operation))
        })
        .collect()
}

#[test]
fn the_committed_document_is_the_one_that_is_served() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../openapi.json");
    let committed = fs::read_to_string(path).unwrap_or_default();
    let served = api::http::document().to_pretty_json().unwrap();
    assert!(
        committed.trim_end() == served,
        "openapi.json is out of date: cargo run -- openapi > openapi.json"
    );
}

#[test]
fn every_operation_says_what_it_does_and_what_it_answers() {
    let document = document();
    let mut ids = BTreeSet::new();
    for (name, operation) in operations(&document) {
        for field in ["summary", "description", "operationId"] {
            assert!(
                operation[field]
                    .as_str()
                    .is_some_and(|text| !text.is_empty()),
                "{name} has no {field}"
            );
        }
        assert!(
            operation["tags"]
                .as_array()
                .is_some_and(|tags| tags.len() == 1),
            "{name} has not one tag"
        );
        assert!(
            operation["security"].is_array(),
            "{name} does not say who may call it"
        );
        assert!(
            ids.insert(operation["operationId"].to_string()),
            "{name} shares its operationId"
        );
        for (status, response) in operation["responses"].as_object().unwrap() {
            let response = resolve(&document, response);
            assert!(
                response["description"]
                    .as_str()
                    .is_some_and(|text| !text.is_empty()),
                "{name} {status}"
            );
            // RFC 6749 section 5.2 says how that one refuses.
            let is_refused_token = operation["operationId"] == "issue_token"
                && matches!(status.as_str(), "400" | "401");
            if status.starts_with(['4', '5']) && !is_refused_token {
                assert!(
                    response["content"]["application/problem+json"].is_object(),
                    "{name} {status} is no problem"
                );
            }
        }
        for wanted in ["422", "500", "503"] {
            assert!(
                operation["responses"][wanted].is_object(),
                "{name} does not document {wanted}"
            );
        }
        let is_protected = operation["security"][0] == serde_json::json!({"session": []});
        if operation["operationId"] == "issue_token" {
            continue;
        }
        assert_eq!(
            operation["responses"]["401"].is_object(),
            is_protected,
            "{name}: 401 and security disagree"
        );
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_schema_is_used() {
    let document = document();
    let mut references = BTreeSet::new();
    collect(&document, &mut references);
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for reference in &references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(
            document.pointer(pointer).is_some(),
            "{reference} leads nowhere"
        );
    }
    for name in schemas.keys() {
        assert!(
            references.contains(&format!("#/components/schemas/{name}")),
            "{name} is not used"
        );
    }
}

/// What is meant, where a reference stands in its place.
fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(reference) => document.pointer(&reference[1..]).unwrap(),
        None => value,
    }
}

/// Two schemas of one name silently overwrite each other, so no two types of routes may share one.
#[test]
fn no_two_schemas_share_a_name() {
    let routes = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http");
    let mut names = Vec::new();
    for directory in [routes.clone(), routes.join("routes")] {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "rs") {
                names.extend(schema_names(
                    &syn::parse_file(&fs::read_to_string(path).unwrap()).unwrap(),
                ));
            }
        }
    }
    let mut seen = BTreeSet::new();
    assert!(names.len() > 20);
    for name in names {
        assert!(seen.insert(name.clone()), "two schemas are called {name}");
    }
}

fn schema_names(file: &syn::File) -> Vec<String> {
    let types = file.items.iter().filter_map(|item| match item {
        syn::Item::Struct(item) => Some((&item.ident, &item.attrs)),
        syn::Item::Enum(item) => Some((&item.ident, &item.attrs)),
        _ => None,
    });
    let text = |attribute: &syn::Attribute| match &attribute.meta {
        syn::Meta::List(list) => list.tokens.to_string(),
        _ => String::new(),
    };
    types
        .filter(|(_, attributes)| {
            attributes.iter().any(|attribute| {
                attribute.path().is_ident("derive") && text(attribute).contains("ToSchema")
            })
        })
        .map(|(ident, attributes)| {
            let renamed = attributes
                .iter()
                .filter(|attribute| attribute.path().is_ident("schema"))
                .find_map(|attribute| {
                    text(attribute)
                        .split_once("as = ")
                        .map(|(_, name)| name.split(',').next().unwrap().trim().to_owned())
                });
            renamed.unwrap_or_else(|| ident.to_string())
        })
        .collect()
}

fn collect(value: &Value, references: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            if let Some(Value::String(reference)) = object.get("$ref") {
                references.insert(reference.clone());
            }
            object.values().for_each(|value| collect(value, references));
        }
        Value::Array(array) => array.iter().for_each(|value| collect(value, references)),
        _ => {}
    }
}

/// Whether a schema lets a value be null.
fn allows_null(schema: &Value) -> bool {
    let among =
        |list: &Value, null: &Value| list.as_array().is_some_and(|list| list.contains(null));
    let null = Value::from("null");
    among(&schema["type"], &null) || among(&schema["oneOf"], &serde_json::json!({"type": null}))
}

#[test]
fn what_the_server_may_leave_out_of_an_answer_it_never_writes_as_null() {
    let document = document();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let mut left_out = 0;
    // What the server reads refuses unknown fields.
    for (name, schema) in schemas
        .iter()
        .filter(|(_, schema)| schema["additionalProperties"] != false)
    {
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        for (field, schema) in schema["properties"].as_object().into_iter().flatten() {
            if !required.contains(&Value::from(field.as_str())) {
                assert!(!allows_null(schema), "{name}.{field}");
                left_out += 1;
            }
        }
    }
    assert!(left_out > 5);
}

#[test]
fn the_document_lists_every_reason_of_a_refusal() {
    let document = document();
    let listed = &document["components"]["schemas"]["ConflictingSpan"]["properties"]["code"];
    let listed = resolve(&document, listed)["enum"].as_array().unwrap();
    let listed: BTreeSet<_> = listed.iter().map(|code| code.as_str().unwrap()).collect();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scheduling/src/refusal.rs");
    let source = fs::read_to_string(path).unwrap();
    let codes = source
        .split("=> \"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap());
    assert_eq!(listed, codes.collect());
    let explain = &document["paths"]["/v1/tutors/{id}/slots/explain"]["get"]["description"];
    for code in listed {
        let cell = format!("`{code}`");
        assert!(explain.as_str().unwrap().contains(&cell), "{code}");
    }
}

/// Those of linking an account and of connecting a calendar stand there, the others at the sign-in.
#[test]
fn the_document_lists_every_way_in_which_a_sign_in_fails() {
    let document = document();
    let described = |path: &str, method: &str| {
        let text = &document["paths"][path][method]["description"];
        text.as_str().unwrap().to_owned()
    };
    let all = [
        described("/v1/auth/sign-in", "get"),
        described("/v1/me/identities", "post"),
        described("/v1/calendar/connection", "post"),
    ];
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/service/sign_in/failure.rs");
    let source = fs::read_to_string(path).unwrap();
    let codes: Vec<_> = source
        .split("=> \"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    assert_eq!(codes.len(), 12);
    for code in codes {
        let cell = format!("`{code}`");
        assert!(all.iter().any(|text| text.contains(&cell)), "{code}");
    }
}

#[test]
fn the_document_says_how_far_alternatives_are_looked_for() {
    let document = document();
    let within = format!(
        "within {} days to either side",
        ALTERNATIVES_WITHIN.num_days()
    );
    for (path, method) in [
        ("/v1/tutors/{id}/slots/explain", "get"),
        ("/v1/bookings", "post"),
    ] {
        let description = document["paths"][path][method]["description"].as_str();
        assert!(description.unwrap().contains(&within), "{path}");
    }
}

/// What stands after these in the sources, so many arguments later, is a code.
const CODES: [(&str, usize); 7] = [
    ("Error::invalid(", 1),
    ("FieldError::new(", 1),
    ("Problem::new(", 1),
    ("Error::conflict(", 0),
    ("broken(", 0),
    ("wrong(", 0),
    ("code: ", 0),
];

fn codes(source: &str) -> Vec<&str> {
    let after = |(marker, skipped): (&'static str, usize)| {
        source.split(marker).skip(1).filter_map(move |rest| {
            let argument = rest.splitn(skipped + 2, ',').nth(skipped)?.trim();
            let code = argument.strip_prefix('"')?.split('"').next()?;
            Some(code.split(": ").next().unwrap_or(code))
        })
    };
    CODES.into_iter().flat_map(after).collect()
}

fn sources(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                sources(&path)
            } else {
                vec![fs::read_to_string(path).unwrap()]
            }
        })
        .collect()
}

#[test]
fn the_table_of_codes_holds_every_code_that_the_sources_name() {
    let document = document();
    let table = document["info"]["description"].as_str().unwrap();
    let sources = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let named: BTreeSet<_> = sources.iter().flat_map(|source| codes(source)).collect();
    assert!(named.len() > 40, "{named:?}");
    let missing: Vec<_> = named
        .iter()
        // The second of two sign-ins that make one account tries again, and tells nobody.
        .filter(|code| **code != "signed_up" && !table.contains(&format!("`{code}`")))
        .collect();
    assert!(missing.is_empty(), "not in the table: {missing:?}");
}

/// The rules that garde brings have no code of the table, so fields have only ours.
#[test]
fn every_rule_of_a_field_is_one_of_ours() {
    let sources = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let mut rules = Rules::default();
    // There are other files among the sources.
    for source in sources.iter().filter_map(|text| syn::parse_file(text).ok()) {
        rules.visit_file(&source);
    }
    assert!(rules.0.len() > 100);
    let ours = ["custom", "dive", "inner", "skip", "transparent"];
    let others: Vec<_> = rules
        .0
        .iter()
        .filter(|rule| !ours.contains(&rule.as_str()))
        .collect();
    assert!(others.is_empty(), "{others:?}");
}

/// The names of all rules of fields.
#[derive(Default)]
struct Rules(Vec<String>);

impl Rules {
    fn read(&mut self, list: &syn::MetaList) {
        let rules = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
        for rule in rules.unwrap() {
            self.0.push(rule.path().get_ident().unwrap().to_string());
            match rule {
                Meta::List(inner) if inner.path.is_ident("inner") => self.read(&inner),
                _ => {}
            }
        }
    }
}

impl<'ast> Visit<'ast> for Rules {
    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        if let Meta::List(list) = &attribute.meta
            && list.path.is_ident("garde")
        {
            self.read(list);
        }
    }
}
