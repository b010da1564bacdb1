//! Requests of an operation, each with one thing wrong.

use super::{
    document::Operation,
    schema::{Place, Schema, Step},
};
use serde_json::{Value, json};
use uuid::Uuid;

/// A request with something wrong.
pub struct Bad {
    /// What is.
    pub what: String,
    /// With the query.
    pub target: String,
    pub header: Option<(&'static str, String)>,
    /// As it is sent, and of which type.
    pub body: Option<(Option<String>, Vec<u8>)>,
    pub refusal: Refusal,
}

impl Bad {
    /// Whether it says by itself for which version it is meant.
    pub fn says_of_version(&self) -> bool {
        matches!(self.header, Some(("if-match", _)))
    }
}

/// How it is to be refused.
#[derive(Debug)]
pub enum Refusal {
    /// With this status and code.
    With(u16, &'static str),
    /// As a field that can't be accepted, with this code where there is only one.
    Field(String, Option<&'static str>),
    /// As what is not there: by 404, or as a field that can't be accepted.
    Absent(String),
}

/// A request that is well-formed, of which the others are made.
pub struct Good<'a> {
    pub operation: &'a Operation<'a>,
    /// With ids in it.
    pub path: String,
    pub body: Value,
}

/// Where an id that isn't there is no reason to refuse anything.
const PASSED_OVER: [(&str, &str); 8] = [
    // It says of each student what became of their lessons.
    ("book_matching", "assignments[0].student_id"),
    ("book_matching", "assignments[0].tutor_id"),
    // These say of each booking what became of it.
    ("offer_absence", "booking_ids[0]"),
    ("reassign_absence", "assignments[0].booking_id"),
    ("reassign_absence", "assignments[0].tutor_id"),
    // Refused as any offer that there is no more: by 409.
    ("accept_waitlist_offer", "hold_id"),
    ("decline_waitlist_offer", "hold_id"),
    // Whom the student would like best need not be there.
    ("create_matching", "requests[0].preferred_tutors[0]"),
];

impl Good<'_> {
    /// Everything that can be wrong with a request of this operation.
    pub fn gone_bad(&self) -> Vec<Bad> {
        let of_body = match self.operation.body() {
            None => self.bodies_that_nobody_reads(),
            Some(("application/json", schema)) => [
                self.bodies_that_are_no_json(),
                self.fields(schema),
                self.ids_in_body(schema),
            ]
            .into_iter()
            .flatten()
            .collect(),
            Some(("text/calendar", _)) => self.bodies_that_are_no_calendar(),
            Some((other, _)) => panic!("{other} is not known here"),
        };
        [self.paths(), self.queries(), self.headers(), of_body]
            .into_iter()
            .flatten()
            .collect()
    }

    fn bad(&self, what: impl Into<String>, refusal: Refusal) -> Bad {
        let media_type = self.operation.body().map(|(media_type, _)| media_type);
        let body = media_type.map(|media_type| (Some(media_type.to_owned()), self.text()));
        Bad {
            what: what.into(),
            target: self.path.clone(),
            header: None,
            body,
            refusal,
        }
    }

    /// The body, as it is sent.
    fn text(&self) -> Vec<u8> {
        match &self.body {
            Value::String(text) => text.clone().into_bytes(),
            body => body.to_string().into_bytes(),
        }
    }

    fn paths(&self) -> Vec<Bad> {
        let template: Vec<_> = self.operation.path.split('/').collect();
        let segments: Vec<_> = self.path.split('/').collect();
        let mut all = Vec::new();
        for (name, schema) in self.operation.parameters("path") {
            let named = format!("{{{name}}}");
            let place = template
                .iter()
                .position(|segment| *segment == named)
                .unwrap();
            let mut wrong = vec!["x".to_owned(), "%00".to_owned(), "%ff".to_owned()];
            // There may be an override for any date.
            if schema.format() != Some("date") {
                wrong.push(Uuid::now_v7().to_string());
                wrong.push(Uuid::nil().to_string());
            }
            for value in wrong {
                let mut segments = segments.clone();
                segments[place] = &value;
                all.push(Bad {
                    target: segments.join("/"),
                    ..self.bad(format!("{name} {value}"), Refusal::With(404, "not_found"))
                });
            }
        }
        all
    }

    fn queries(&self) -> Vec<Bad> {
        let unknown = ("nonsense", "1".to_owned(), Some("unknown"));
        let mut all = vec![self.query(unknown)];
        for (name, schema) in self.operation.parameters("query") {
            let wrong = schema.wrong_texts().into_iter();
            all.extend(wrong.map(|value| self.query((name, value, None))));
            let mut twice = self.query((name, "x".to_owned(), None));
            twice.target = format!("{}&{name}=x", twice.target);
            all.push(twice);
            if schema.is_id() {
                let nowhere = Uuid::now_v7().to_string();
                let refusal = Refusal::Absent(name.to_owned());
                all.push(Bad {
                    refusal,
                    ..self.query((name, nowhere, None))
                });
            }
        }
        all
    }

    fn query(&self, (name, value, code): (&str, String, Option<&'static str>)) -> Bad {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair(name, &value)
            .finish();
        Bad {
            target: format!("{}?{query}", self.path),
            ..self.bad(format!("?{query}"), Refusal::Field(name.to_owned(), code))
        }
    }

    fn headers(&self) -> Vec<Bad> {
        let keys = [String::new(), "\"\"".to_owned(), "x".repeat(256)];
        let tags = ["", "1", "\"1", "1\"", "\"1\" \"1\"", "*, \"1\""].map(str::to_owned);
        let mut all = Vec::new();
        for (name, _) in self.operation.parameters("header") {
            let (name, wrong, code) = match name {
                "Idempotency-Key" => ("idempotency-key", &keys[..], "bad_idempotency_key"),
                "If-Match" => ("if-match", &tags[..], "bad_if_match"),
                other => panic!("{other} is not known here"),
            };
            for value in wrong {
                let refusal = Refusal::With(400, code);
                all.push(Bad {
                    header: Some((name, value.clone())),
                    ..self.bad(format!("{name}: {value}"), refusal)
                });
            }
        }
        all
    }

    fn sent(&self, media_type: Option<&str>, body: impl Into<Vec<u8>>, refusal: Refusal) -> Bad {
        let body = body.into();
        let media_type = media_type.map(str::to_owned);
        let text = String::from_utf8_lossy(&body);
        let what = format!("{media_type:?} {text:.100}");
        Bad {
            body: Some((media_type, body)),
            ..self.bad(what, refusal)
        }
    }

    fn bodies_that_nobody_reads(&self) -> Vec<Bad> {
        let json = Some("application/json");
        let refused = || Refusal::With(400, "unexpected_body");
        vec![
            self.sent(json, r#"{"pay_with": "credit"}"#, refused()),
            self.sent(json, "[]", refused()),
            self.sent(json, "null", refused()),
            self.sent(json, "{", refused()),
            self.sent(json, vec![b' '; 100_000], refused()),
            self.sent(Some("text/plain"), "please", refused()),
            self.sent(None, "please", refused()),
        ]
    }

    fn bodies_that_are_no_json(&self) -> Vec<Bad> {
        let json = Some("application/json");
        let malformed = |body: &[u8]| self.sent(json, body, Refusal::With(400, "malformed_json"));
        let mistyped = |media_type| {
            let refusal = Refusal::With(400, "not_json");
            self.sent(media_type, self.text(), refusal)
        };
        let no_object = |body: Value| {
            let refusal = Refusal::Field(String::new(), Some("unacceptable"));
            self.sent(json, body.to_string(), refusal)
        };
        let text = self.text();
        let mut all = vec![
            malformed(b"nonsense"),
            malformed(b"\xff"),
            malformed(&text[..text.len() - 1]),
            malformed(&[&text[..], b"x"].concat()),
            mistyped(None),
            mistyped(Some("text/plain")),
            mistyped(Some("application/x-www-form-urlencoded")),
            no_object(json!([])),
            no_object(json!([self.body])),
            no_object(json!("text")),
            no_object(json!(17)),
            no_object(json!(true)),
            no_object(json!(null)),
        ];
        if self.operation.needs_body() {
            all.push(malformed(b""));
            let refusal = Refusal::With(400, "not_json");
            all.push(self.sent(None, "", refusal));
        }
        all
    }

    fn bodies_that_are_no_calendar(&self) -> Vec<Bad> {
        let calendar = Some("text/calendar");
        let mistyped = |media_type| {
            let refusal = Refusal::With(400, "not_a_calendar");
            self.sent(media_type, self.text(), refusal)
        };
        let unreadable = |body: &[u8]| {
            let refusal = Refusal::Field(String::new(), None);
            self.sent(calendar, body, refusal)
        };
        vec![
            mistyped(None),
            mistyped(Some("application/json")),
            unreadable(b""),
            unreadable(b"nonsense"),
            unreadable(b"\xff"),
            unreadable(b"[]"),
            unreadable(b"BEGIN:VCALENDAR\r\n"),
        ]
    }

    /// Every field in turn with values that the schema does not allow, without what it asks for, and beside one that it
    /// does not know.
    fn fields(&self, schema: Schema<'_>) -> Vec<Bad> {
        let mut all = Vec::new();
        for place in schema.places() {
            if !place.steps.is_empty() {
                let wrong = place.schema.wrong().into_iter();
                let refusal = || Refusal::Field(place.name(), None);
                all.extend(wrong.map(|value| self.with(schema, &place, value, refusal())));
            }
            if place.schema.kind() == "object" {
                all.extend(self.of_object(schema, &place));
            }
        }
        all
    }

    /// The request without the fields that it need not have, where it does not have this one: perhaps they exclude each
    /// other.
    fn with_room_for(&self, schema: Schema<'_>, place: &Place<'_>) -> Self {
        let mut body = self.body.clone();
        if let Step::Field(first) = &place.steps[0]
            && body.get(first).is_none()
        {
            let fields = body.as_object_mut().unwrap();
            fields.retain(|name, _| schema.required().contains(&&**name));
        }
        Self {
            operation: self.operation,
            path: self.path.clone(),
            body,
        }
    }

    fn with(&self, schema: Schema<'_>, place: &Place<'_>, value: Value, refusal: Refusal) -> Bad {
        let mut body = self.body.clone();
        schema.put(&mut body, &place.steps, value);
        self.sent(Some("application/json"), body.to_string(), refusal)
    }

    fn of_object(&self, schema: Schema<'_>, place: &Place<'_>) -> Vec<Bad> {
        let object = self.object_at(place);
        let mut all = Vec::new();
        if place.schema.is_strict() {
            let mut more = object.clone();
            more["nonsense"] = json!(1);
            let refusal = Refusal::Field(place.field("nonsense"), Some("unknown"));
            all.push(self.with(schema, place, more, refusal));
        }
        for name in place.schema.required() {
            let mut less = object.clone();
            less.as_object_mut().unwrap().remove(name);
            let refusal = Refusal::Field(place.field(name), Some("missing"));
            all.push(self.with(schema, place, less, refusal));
        }
        all
    }

    /// What stands at this place, or could.
    fn object_at(&self, place: &Place<'_>) -> Value {
        let mut body = self.body.clone();
        let steps = place.name().replace("[0]", "/0").replace('.', "/");
        let pointer = if steps.is_empty() {
            steps
        } else {
            format!("/{steps}")
        };
        match body.pointer_mut(&pointer) {
            Some(object @ Value::Object(_)) => object.take(),
            _ => place.schema.sample(),
        }
    }

    /// Every id in turn as one that isn't there.
    fn ids_in_body(&self, schema: Schema<'_>) -> Vec<Bad> {
        let operation = self.operation.id();
        let ids = schema.places().into_iter().filter(|place| {
            place.schema.is_id() && !PASSED_OVER.contains(&(operation, &place.name()))
        });
        let absent = ids.map(|place| {
            let refusal = Refusal::Absent(place.name());
            let good = self.with_room_for(schema, &place);
            good.with(schema, &place, json!(Uuid::now_v7()), refusal)
        });
        absent.collect()
    }
}
