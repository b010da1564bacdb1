//! What a schema of the document allows, and values that it does not.

use super::document::Document;
use serde_json::{Value, json};
use uuid::Uuid;

/// A schema, without the null that it may allow.
#[derive(Clone, Copy)]
pub struct Schema<'a> {
    document: &'a Document,
    value: &'a Value,
    is_nullable: bool,
}

/// One step of the way from a body to something in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    Field(String),
    /// The first of a list.
    Item,
}

/// Something in a body.
pub struct Place<'a> {
    pub steps: Vec<Step>,
    pub schema: Schema<'a>,
}

impl Place<'_> {
    /// As refusals call it: `rules[0].local_end`.
    pub fn name(&self) -> String {
        self.steps
            .iter()
            .fold(String::new(), |name, step| match step {
                Step::Field(field) if name.is_empty() => field.clone(),
                Step::Field(field) => format!("{name}.{field}"),
                Step::Item => format!("{name}[0]"),
            })
    }

    /// As refusals call a field of it.
    pub fn field(&self, field: &str) -> String {
        match self.name() {
            name if name.is_empty() => field.to_owned(),
            name => format!("{name}.{field}"),
        }
    }
}

impl<'a> Schema<'a> {
    pub fn of(document: &'a Document, value: &'a Value) -> Self {
        let value = document.resolve(value);
        let null = json!("null");
        if let Some(kinds) = value["oneOf"].as_array() {
            let kind = kinds.iter().find(|kind| kind["type"] != null).unwrap();
            return Self {
                is_nullable: kinds.len() > 1,
                ..Self::of(document, kind)
            };
        }
        let kinds = value["type"].as_array();
        Self {
            document,
            value,
            is_nullable: kinds.is_some_and(|kinds| kinds.contains(&null)),
        }
    }

    pub fn kind(&self) -> &'a str {
        let kind = match &self.value["type"] {
            Value::Array(kinds) => kinds.iter().find(|kind| **kind != "null").unwrap(),
            kind => kind,
        };
        kind.as_str().unwrap()
    }

    pub fn format(&self) -> Option<&'a str> {
        self.value["format"].as_str()
    }

    pub fn is_id(&self) -> bool {
        self.format() == Some("uuid")
    }

    fn number(&self, name: &str) -> Option<i64> {
        self.value[name].as_i64()
    }

    fn length(&self, name: &str) -> Option<usize> {
        Some(usize::try_from(self.number(name)?).unwrap())
    }

    pub fn required(&self) -> Vec<&'a str> {
        let names = self.value["required"].as_array().into_iter().flatten();
        names.map(|name| name.as_str().unwrap()).collect()
    }

    /// Whether fields of other names are refused.
    pub fn is_strict(&self) -> bool {
        self.value["additionalProperties"] == false
    }

    fn field(&self, name: &str) -> Self {
        Self::of(self.document, &self.value["properties"][name])
    }

    fn item(&self) -> Self {
        Self::of(self.document, &self.value["items"])
    }

    /// All that can stand in it, itself first.
    pub fn places(self) -> Vec<Place<'a>> {
        self.places_at(&[])
    }

    fn places_at(self, steps: &[Step]) -> Vec<Place<'a>> {
        let mut places = vec![Place {
            steps: steps.to_vec(),
            schema: self,
        }];
        let fields = self.value["properties"].as_object().into_iter().flatten();
        for (name, _) in fields {
            let below = [steps, &[Step::Field(name.clone())]].concat();
            places.extend(self.field(name).places_at(&below));
        }
        if self.kind() == "array" {
            let below = [steps, &[Step::Item]].concat();
            places.extend(self.item().places_at(&below));
        }
        places
    }

    /// A value that it allows.
    pub fn sample(&self) -> Value {
        let example = &self.value["example"];
        match (self.kind(), self.format()) {
            ("object", _) => {
                let names = self.required().into_iter();
                names
                    .map(|name| (name.to_owned(), self.field(name).sample()))
                    .collect()
            }
            _ if !example.is_null() => example.clone(),
            ("array", _) => json!([self.item().sample()]),
            ("boolean", _) => json!(false),
            ("integer", _) => json!(self.number("minimum").unwrap_or(1)),
            (_, Some("uuid")) => json!(Uuid::nil()),
            (_, Some("date")) => json!("2027-04-01"),
            (_, Some("date-time")) => json!("2027-04-01T08:00:00Z"),
            _ => match &self.value["enum"][0] {
                Value::Null => json!("x"),
                one => one.clone(),
            },
        }
    }

    /// Puts a value in a body in which perhaps not all is there that leads to it.
    pub fn put(&self, body: &mut Value, steps: &[Step], value: Value) {
        let Some((step, rest)) = steps.split_first() else {
            *body = value;
            return;
        };
        if body.is_null() {
            *body = self.sample();
        }
        match step {
            Step::Field(name) => {
                let schema = self.field(name);
                let fields = body.as_object_mut().unwrap();
                let field = fields.entry(name).or_insert_with(|| schema.sample());
                schema.put(field, rest, value);
            }
            Step::Item => {
                let items = body.as_array_mut().unwrap();
                if items.is_empty() {
                    items.push(self.item().sample());
                }
                self.item().put(&mut items[0], rest, value);
            }
        }
    }

    /// Values that it does not allow.
    pub fn wrong(&self) -> Vec<Value> {
        let mut wrong = match self.kind() {
            "string" => vec![json!(17), json!(true), json!([]), json!({})],
            "integer" => vec![json!("60"), json!(1.5), json!(true), json!([]), json!({})],
            "boolean" => vec![json!("true"), json!(1), json!([]), json!({})],
            "array" => vec![json!("x"), json!(17), json!({})],
            _ => vec![json!("x"), json!(17), json!(["x"])],
        };
        match self.kind() {
            "string" => wrong.extend(self.wrong_texts().into_iter().map(Value::String)),
            "integer" => wrong.extend(self.wrong_numbers()),
            "array" => wrong.extend(self.wrong_lists()),
            _ => {}
        }
        if !self.is_nullable {
            wrong.push(Value::Null);
        }
        wrong
    }

    /// Texts that it does not allow, where it allows some.
    pub fn wrong_texts(&self) -> Vec<String> {
        let too_short = self.length("minLength").filter(|length| *length > 0);
        let too_short = too_short.map(|length| "x".repeat(length - 1));
        let too_long = self.length("maxLength");
        let too_long = too_long.map(|length| "x".repeat(length + 1));
        let mut wrong: Vec<_> = too_short.into_iter().chain(too_long).collect();
        let others: &[&str] = match (self.kind(), self.format()) {
            ("boolean", _) => &["yes", "1", ""],
            (_, Some("uuid")) => &["x", ""],
            (_, Some("date-time")) => &[
                "yesterday",
                "2027-03-02T08:00:00",
                "2027-02-30T08:00:00Z",
                "",
            ],
            (_, Some("date")) => &["tomorrow", "2027-02-30", ""],
            (_, Some("email")) => &["nobody", ""],
            _ if self.value["enum"].is_array() => &["nonsense", ""],
            _ if self.value["pattern"].is_string() => &["\u{0}"],
            _ => &[],
        };
        wrong.extend(others.iter().map(|text| (*text).to_owned()));
        wrong
    }

    fn wrong_numbers(&self) -> Vec<Value> {
        let below = self.number("minimum").map(|least| least - 1);
        let above = self.number("maximum").map(|most| most + 1);
        let beyond = [i64::from(i32::MIN) - 1, i64::from(i32::MAX) + 1];
        let wrong = below.into_iter().chain(above).chain(beyond);
        wrong.map(Value::from).collect()
    }

    fn wrong_lists(&self) -> Vec<Value> {
        let too_few = self.length("minItems").filter(|length| *length > 0);
        let too_few = too_few.map(|length| length - 1);
        let too_many = self.length("maxItems").map(|length| length + 1);
        let lengths = too_few.into_iter().chain(too_many);
        lengths
            .map(|length| json!(vec![self.item().sample(); length]))
            .collect()
    }
}
