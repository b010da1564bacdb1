//! Rules for single fields. A rule names its stable code in front of the text for people:
//! `too_long: must have at most 200 characters`.
#![allow(
    clippy::ref_option,
    clippy::trivially_copy_pass_by_ref,
    clippy::ptr_arg,
    reason = "garde fixes the signatures of rules"
)]

use crate::{
    error::{Error, FieldError},
    service::subject::is_slug,
};
use chrono::{DateTime, Datelike, NaiveDate, Utc};
use chrono_tz::Tz;
use garde::{Result, Validate};
use secrecy::{ExposeSecret, SecretString};

/// Runs all rules of a request and reports every field that breaks one.
pub fn check<T: Validate<Context = ()>>(value: &T) -> std::result::Result<(), Error> {
    let Err(report) = value.validate() else {
        return Ok(());
    };
    let errors = report.iter().map(|(path, error)| {
        let message = error.message();
        let (code, detail) = message
            .split_once(": ")
            .unwrap_or(("unacceptable", message));
        FieldError::new(path.to_string(), code.to_owned(), detail.to_owned())
    });
    Err(Error::Invalid(errors.collect()))
}

/// All of these, or all that is wrong with them.
pub fn all<T>(
    values: impl IntoIterator<Item = std::result::Result<T, Error>>,
) -> std::result::Result<Vec<T>, Error> {
    let (mut accepted, mut wrong) = (Vec::new(), Vec::new());
    for value in values {
        match value {
            Ok(value) => accepted.push(value),
            Err(Error::Invalid(errors)) => wrong.extend(errors),
            Err(error) => return Err(error),
        }
    }
    if wrong.is_empty() {
        Ok(accepted)
    } else {
        Err(Error::Invalid(wrong))
    }
}

fn broken(code: &str, detail: &str) -> garde::Error {
    garde::Error::new(format!("{code}: {detail}"))
}

/// Text of so many characters, with no control characters but line breaks and tabs.
/// Postgres can't store U+0000, and no other one is ever meant.
pub fn text(min: usize, max: usize) -> impl Fn(&str, &()) -> Result {
    move |value, ()| {
        let length = value.chars().count();
        if value
            .chars()
            .any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
        {
            return Err(broken(
                "control_character",
                "must not contain control characters",
            ));
        }
        if length > max {
            return Err(broken(
                "too_long",
                &format!("must have at most {max} characters"),
            ));
        }
        if length < min || (min > 0 && value.trim().is_empty()) {
            return Err(broken(
                "too_short",
                &format!("must have at least {min} characters that show"),
            ));
        }
        Ok(())
    }
}

/// [`text`] in one line: what stands in a list, in a calendar entry or in the header of an email.
pub fn line(min: usize, max: usize) -> impl Fn(&str, &()) -> Result {
    move |value, ()| {
        if value.contains(['\n', '\r', '\t']) {
            return Err(broken("control_character", "must be one line without tabs"));
        }
        text(min, max)(value, &())
    }
}

/// No blank at either end.
pub fn trimmed(value: &str, (): &()) -> Result {
    if value.trim() == value {
        Ok(())
    } else {
        Err(broken(
            "unacceptable",
            "must neither begin nor end with a blank",
        ))
    }
}

/// [`line`] where there is any.
pub fn optional_line(min: usize, max: usize) -> impl Fn(&Option<String>, &()) -> Result {
    move |value, ()| {
        value
            .as_deref()
            .map_or(Ok(()), |value| line(min, max)(value, &()))
    }
}

/// [`text`] where there is any.
pub fn optional_text(min: usize, max: usize) -> impl Fn(&Option<String>, &()) -> Result {
    move |value, ()| {
        value
            .as_deref()
            .map_or(Ok(()), |value| text(min, max)(value, &()))
    }
}

/// The longest email address, in characters (RFC 5321 section 4.5.3.1).
const LONGEST_EMAIL: usize = 320;

/// An email address.
pub fn email(value: &str, (): &()) -> Result {
    line(1, LONGEST_EMAIL)(value, &())?;
    garde::rules::email::parse_email(value)
        .map_err(|_| broken("not_an_email", "must be an email address"))
}

/// A whole number within bounds.
pub fn number<T: PartialOrd + std::fmt::Display + Copy>(
    min: T,
    max: T,
) -> impl Fn(&T, &()) -> Result {
    move |value, ()| {
        if (min..=max).contains(value) {
            return Ok(());
        }
        Err(broken(
            "out_of_range",
            &format!("must be from {min} to {max}"),
        ))
    }
}

/// A whole number of minutes of which a day is a multiple.
pub fn divides_day(value: &i32, (): &()) -> Result {
    number(1, 1440)(value, &())?;
    if 1440 % value == 0 {
        return Ok(());
    }
    Err(broken("not_a_divisor", "must divide a day of 1440 minutes"))
}

/// A list of so many items.
pub fn items<T>(min: usize, max: usize) -> impl Fn(&Vec<T>, &()) -> Result {
    move |value, ()| {
        if (min..=max).contains(&value.len()) {
            return Ok(());
        }
        Err(broken(
            "wrong_count",
            &format!("must have {min} to {max} items"),
        ))
    }
}

/// A list in which nothing stands twice.
pub fn distinct<T: PartialEq>(value: &[T], (): &()) -> Result {
    let mut rest = value;
    while let Some((first, others)) = rest.split_first() {
        if others.contains(first) {
            return Err(broken("duplicate", "must not hold the same item twice"));
        }
        rest = others;
    }
    Ok(())
}

/// The IANA name of a time zone.
pub fn time_zone(value: &str, (): &()) -> Result {
    value
        .parse::<Tz>()
        .map(|_| ())
        .map_err(|_| broken("unknown_time_zone", "must be the IANA name of a time zone"))
}

/// [`time_zone`] where there is one.
pub fn optional_time_zone(value: &Option<String>, (): &()) -> Result {
    value
        .as_deref()
        .map_or(Ok(()), |value| time_zone(value, &()))
}

/// The slug of a subject.
pub fn slug(value: &str, (): &()) -> Result {
    if is_slug(value) {
        return Ok(());
    }
    Err(broken(
        "unacceptable",
        "must be lower-case words of letters and digits with hyphens between them",
    ))
}

/// A text that nobody else may know, of at most so many characters.
pub fn secret(max: usize) -> impl Fn(&SecretString, &()) -> Result {
    move |value, ()| text(0, max)(value.expose_secret(), &())
}

/// A BCP 47 language tag in its simple forms: `de`, `pt-BR`, `zh-Hant`.
pub fn language(value: &str, (): &()) -> Result {
    if is_language(value) {
        return Ok(());
    }
    Err(broken(
        "not_a_language",
        "must be a language tag such as de or pt-BR",
    ))
}

fn is_language(tag: &str) -> bool {
    let mut parts = tag.split('-');
    let language = parts.next().unwrap_or_default();
    let is_primary =
        (2..=3).contains(&language.len()) && language.bytes().all(|b| b.is_ascii_lowercase());
    let are_subtags = parts.all(|part| {
        (2..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
    });
    is_primary && are_subtags && tag.len() <= 20
}

/// An instant that people can mean. Postgres and calendars can't hold every year that RFC 3339 can write,
/// nor leap seconds.
pub fn instant(value: &DateTime<Utc>, (): &()) -> Result {
    if value.timestamp_subsec_nanos() >= 1_000_000_000 {
        return Err(broken("leap_second", "must not lie in a leap second"));
    }
    if (1970..2200).contains(&value.year()) {
        return Ok(());
    }
    Err(broken("out_of_range", "must lie in the years 1970 to 2199"))
}

/// [`instant`] where there is one.
pub fn optional_instant(value: &Option<DateTime<Utc>>, (): &()) -> Result {
    value.as_ref().map_or(Ok(()), |value| instant(value, &()))
}

/// The last date that people can mean.
pub const LAST_DATE: NaiveDate = NaiveDate::from_ymd_opt(2199, 12, 31).unwrap();

/// A date that people can mean, where there is one.
pub fn optional_date(value: &Option<NaiveDate>, (): &()) -> Result {
    match value {
        Some(date) if !(1970..2200).contains(&date.year()) => {
            Err(broken("out_of_range", "must lie in the years 1970 to 2199"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_wrong_with_a_list_is_told_at_once() {
        let bad = |field: &str| Err(Error::invalid(field, "unacceptable", ""));
        let found = all([Ok(1), bad("a"), Ok(2), bad("b")]);
        let Err(Error::Invalid(errors)) = found else {
            panic!("{found:?}");
        };
        let fields: Vec<_> = errors.iter().map(|error| &*error.field).collect();
        assert_eq!(fields, ["a", "b"]);
        assert!(matches!(all([Ok(1), Ok(2)]).as_deref(), Ok([1, 2])));
    }

    #[test]
    fn what_is_wrong_with_more_than_a_list_comes_first() {
        let found = all::<()>([
            Err(Error::invalid("a", "unacceptable", "")),
            Err(Error::not_found("student")),
        ]);
        assert!(matches!(found, Err(Error::NotFound { .. })), "{found:?}");
    }
}
