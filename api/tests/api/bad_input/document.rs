//! What the OpenAPI document says of operations: what they take, and how they refuse.

use super::schema::Schema;
use serde_json::Value;
use std::collections::BTreeSet;

/// The document, as it is served.
pub struct Document(Value);

impl Document {
    pub fn new() -> Self {
        Self(serde_json::to_value(api::http::document()).unwrap())
    }

    /// What is meant, where a reference stands in its place.
    pub fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(reference) => self.0.pointer(&reference[1..]).unwrap(),
            None => value,
        }
    }

    /// The operations that change something.
    pub fn changes(&self) -> Vec<Operation<'_>> {
        let paths = self.0["paths"].as_object().unwrap();
        let operations = paths.iter().flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().iter();
            let changing = methods.filter(|(method, _)| *method != "get");
            changing.map(move |(_, value)| Operation {
                document: self,
                path,
                value,
            })
        });
        operations.collect()
    }

    /// The codes that the table of the document knows for a status; for 422 also those of single fields.
    fn codes(&self, status: u16) -> BTreeSet<&str> {
        let table = self.0["info"]["description"].as_str().unwrap();
        let rows = table.lines().filter(|line| {
            let cell = line.split('|').nth(1).unwrap_or_default();
            cell.split(',').any(|one| one.trim() == status.to_string())
        });
        rows.flat_map(quoted).collect()
    }
}

/// An operation that changes something.
pub struct Operation<'a> {
    document: &'a Document,
    /// With the names of its parameters in braces.
    pub path: &'a str,
    value: &'a Value,
}

impl<'a> Operation<'a> {
    pub fn id(&self) -> &'a str {
        self.value["operationId"].as_str().unwrap()
    }

    pub fn tag(&self) -> &'a str {
        self.value["tags"][0].as_str().unwrap()
    }

    /// The media type and the schema of its body; none for one that takes no body.
    pub fn body(&self) -> Option<(&'a str, Schema<'a>)> {
        let content = self.value["requestBody"]["content"].as_object()?;
        let (media_type, body) = content.iter().next().unwrap();
        Some((media_type, Schema::of(self.document, &body["schema"])))
    }

    /// Whether there must be a body.
    pub fn needs_body(&self) -> bool {
        self.value["requestBody"]["required"] == true
    }

    /// The names and schemas of its parameters in the `path`, the `query` or a `header`.
    pub fn parameters(&self, place: &str) -> Vec<(&'a str, Schema<'a>)> {
        let parameters = self.value["parameters"].as_array().into_iter().flatten();
        let those = parameters.filter(|parameter| parameter["in"] == place);
        let named = those.map(|parameter| {
            let schema = Schema::of(self.document, &parameter["schema"]);
            (parameter["name"].as_str().unwrap(), schema)
        });
        named.collect()
    }

    /// Whether the document says that it may be refused like this.
    pub fn may_answer(&self, status: u16, code: &str) -> bool {
        let response = &self.value["responses"][status.to_string()];
        let response = self.document.resolve(response);
        let problem = &response["content"]["application/problem+json"];
        let description = response["description"].as_str().unwrap_or_default();
        let is_told =
            problem["example"]["code"] == code || quoted(description).any(|quoted| quoted == code);
        problem.is_object() && is_told && self.document.codes(status).contains(code)
    }

    /// Whether the table of the document knows this code of a field.
    pub fn knows_field_code(&self, code: &str) -> bool {
        self.document.codes(422).contains(code)
    }
}

/// What stands in backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}
