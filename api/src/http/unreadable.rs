//! What serde and the types that it reads object to, by field and in our words: theirs name types of the sources.

use crate::error::Error;
use std::borrow::Cow;

pub const NOT_AN_OBJECT: &str = "must be an object";
const NOT_A_STRING: &str = "must be a string";
const NOT_A_WHOLE_NUMBER: &str = "must be a whole number";
const NOT_A_NUMBER_THAT_FITS: &str = "must be a number in range";
const NOT_A_BOOLEAN: &str = "must be true or false";
const NOT_A_UUID: &str = "must be a UUID";
const NOT_A_TIME: &str =
    "must be written as the documentation shows: 2026-11-23T15:00:00Z, or 2026-11-23 for a date";

/// The refusal of a request, from what serde says of the value at a path. The name of a field that is missing or stands
/// twice is in its message only.
pub fn rejected(path: &serde_path_to_error::Path, message: &str) -> Error {
    let is_whole = path.iter().len() == 0;
    let within = if is_whole {
        String::new()
    } else {
        path.to_string()
    };
    let named = |before: &str| message.strip_prefix(before)?.strip_suffix('`');
    let (field, code, detail): (_, _, Cow<'_, str>) = if let Some(name) = named("missing field `") {
        (below(&within, name), "missing", "is missing".into())
    } else if let Some(name) = named("duplicate field `") {
        (below(&within, name), "duplicate", "stands twice".into())
    } else if message.starts_with("unknown field `") {
        let known = message.rfind(", expected").map_or("", |at| &message[at..]);
        let detail = format!("is not known here{known}");
        (within, "unknown", detail.into())
    } else if is_whole {
        (within, "unacceptable", NOT_AN_OBJECT.into())
    } else {
        (within, "unacceptable", in_our_words(message))
    };
    Error::invalid(&shortened(&field), code, shortened(&detail))
}

/// The path of a field of what stands at a path.
fn below(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// The name of a field that is not known is the input's, so it is cut to a length.
fn shortened(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

fn in_our_words(message: &str) -> Cow<'_, str> {
    if let Some((found, wanted)) = message.rsplit_once(", expected ") {
        return wanted_instead(found, wanted);
    }
    match message {
        ours if ours.starts_with("must ") => ours,
        // Of serde_json, where it wants the name of a variant.
        "expected value" => NOT_A_STRING,
        "invalid digit found in string" | "cannot parse integer from empty string" => {
            NOT_A_WHOLE_NUMBER
        }
        "number too large to fit in target type" | "number too small to fit in target type" => {
            NOT_A_NUMBER_THAT_FITS
        }
        "provided string was not `true` or `false`" => NOT_A_BOOLEAN,
        uuid if uuid.starts_with("UUID parsing failed") => NOT_A_UUID,
        "input contains invalid characters"
        | "input is out of range"
        | "premature end of input"
        | "trailing input"
        | "no possible date and time matching input"
        | "input is not enough for unique date and time" => NOT_A_TIME,
        _ => "can't be read",
    }
    .into()
}

/// In the words of the documentation of what was `wanted` where something else was `found`.
fn wanted_instead(found: &str, wanted: &str) -> Cow<'static, str> {
    if found.starts_with("unknown variant") {
        return format!("must be {}", wanted.replace('`', "")).into();
    }
    match wanted {
        "i16" | "i32" | "i64" | "u8" | "u16" | "u32" | "u64" => {
            if found.starts_with("invalid type: floating point") {
                "must be a whole number, written without a decimal point"
            } else if found.starts_with("invalid value") {
                NOT_A_NUMBER_THAT_FITS
            } else {
                NOT_A_WHOLE_NUMBER
            }
        }
        "a boolean" => NOT_A_BOOLEAN,
        "a sequence" => "must be a list",
        "an object" | "a map" => NOT_AN_OBJECT,
        of_struct if of_struct.starts_with("struct ") => NOT_AN_OBJECT,
        "an RFC 3339 formatted date and time string" | "a formatted date string" => NOT_A_TIME,
        "a formatted UUID string" => NOT_A_UUID,
        // And what reads itself from one.
        _ => NOT_A_STRING,
    }
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{DateTime, NaiveDate, Utc};
    use serde::Deserialize;
    use uuid::Uuid;

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Colour {
        Red,
        Green,
    }

    #[derive(Debug, Deserialize)]
    struct Inner {}

    /// What is told of a value that is to be a `T`.
    fn told<T: for<'de> Deserialize<'de> + std::fmt::Debug>(json: &str) -> String {
        let message = serde_json::from_str::<T>(json).expect_err(json).to_string();
        let end = message.rfind(" at line ").unwrap_or(message.len());
        in_our_words(&message[..end]).into_owned()
    }

    #[test]
    fn the_words_for_a_value_of_another_type_are_ours() {
        assert_eq!(told::<String>("17"), NOT_A_STRING);
        assert_eq!(told::<Colour>("17"), NOT_A_STRING);
        assert_eq!(told::<Colour>(r#""blue""#), "must be red or green");
        assert_eq!(told::<bool>(r#""yes""#), NOT_A_BOOLEAN);
        assert_eq!(told::<Vec<u8>>("{}"), "must be a list");
        assert_eq!(told::<Inner>("17"), NOT_AN_OBJECT);
        assert_eq!(told::<Uuid>("17"), NOT_A_UUID);
        assert_eq!(told::<Uuid>(r#""x""#), NOT_A_UUID);
    }

    #[test]
    fn numbers_are_told_how_to_be_written() {
        assert_eq!(told::<u32>(r#""1""#), NOT_A_WHOLE_NUMBER);
        assert_eq!(told::<u32>("-1"), NOT_A_NUMBER_THAT_FITS);
        assert_eq!(told::<i32>("3000000000"), NOT_A_NUMBER_THAT_FITS);
        let fraction = "must be a whole number, written without a decimal point";
        assert_eq!(told::<i32>("60.0"), fraction);
    }

    #[test]
    fn times_are_told_how_to_be_written() {
        for wrong in [
            "17",
            r#""""#,
            r#""yesterday""#,
            r#""2026-02-30""#,
            r#""2026-02-03x""#,
        ] {
            assert_eq!(told::<NaiveDate>(wrong), NOT_A_TIME, "{wrong}");
            assert_eq!(told::<DateTime<Utc>>(wrong), NOT_A_TIME, "{wrong}");
        }
    }
}
