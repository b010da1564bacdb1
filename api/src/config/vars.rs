//! Reading variables and collecting every mistake in them.

use std::{fmt, str::FromStr};

/// The environment, and what was found wrong in it so far.
pub struct Vars<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    mistakes: Vec<String>,
}

/// Everything that is wrong with the settings, one line each.
#[derive(Debug, PartialEq, Eq)]
pub struct Mistakes(pub Vec<String>);

impl<'a> Vars<'a> {
    pub fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            lookup,
            mistakes: Vec::new(),
        }
    }

    /// The value of a variable; one that is empty counts as not set.
    pub fn text(&self, name: &str) -> Option<String> {
        (self.lookup)(name)
            .map(|value| value.trim().to_owned())
            .filter(|value| !value.is_empty())
    }

    /// The value of a variable that must be set; `why` says what it is for.
    pub fn required(&mut self, name: &str, why: &str) -> String {
        self.text(name).unwrap_or_else(|| {
            self.mistake(name, &format!("is missing: {why}"));
            String::new()
        })
    }

    /// The parsed value of a variable, or `default` where it is not set.
    pub fn parsed<T: FromStr>(&mut self, name: &str, default: T, expected: &str) -> T {
        let Some(text) = self.text(name) else {
            return default;
        };
        text.parse().unwrap_or_else(|_| {
            self.mistake(name, &format!("must be {expected}"));
            default
        })
    }

    /// A whole number within bounds.
    pub fn number(
        &mut self,
        name: &str,
        default: u32,
        range: std::ops::RangeInclusive<u32>,
    ) -> u32 {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        let value = self.parsed(name, default, &expected);
        if range.contains(&value) {
            return value;
        }
        self.mistake(name, &format!("must be {expected}"));
        default
    }

    pub fn mistake(&mut self, name: &str, what: &str) {
        self.mistakes.push(format!("{name} {what}"));
    }

    /// `value` when nothing was wrong.
    pub fn finish<T>(self, value: T) -> Result<T, Mistakes> {
        if self.mistakes.is_empty() {
            Ok(value)
        } else {
            Err(Mistakes(self.mistakes))
        }
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the settings can't be used:")?;
        self.0
            .iter()
            .try_for_each(|mistake| write!(f, "\n  - {mistake}"))
    }
}

impl std::error::Error for Mistakes {}
