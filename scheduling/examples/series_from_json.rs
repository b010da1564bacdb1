//! The occurrences of series that are given as JSON, one line each, for comparison with other implementations:
//!
//! ```sh
//! cargo run -p scheduling --example series_from_json < series.jsonl
//! ```
//!
//! A line has `start` (local, `2027-01-04T16:00:00`), `zone` and `rule`. For each, a line of JSON is printed: an array of the
//! local starts with their seconds since 1970-01-01 UTC, or the code of what is wrong as a string.

use std::io::{Write, stdin, stdout};

use chrono::{NaiveDateTime, TimeDelta};
use scheduling::Tz;
use scheduling::recurrence::{Occurrence, Rule, RuleError};
use serde::Deserialize;

type Failure = Box<dyn std::error::Error>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Series {
    start: NaiveDateTime,
    zone: String,
    rule: String,
}

fn main() -> Result<(), Failure> {
    let mut out = stdout().lock();
    for line in stdin().lines() {
        let series: Series = serde_json::from_str(&line?)?;
        let zone = series.zone.parse().map_err(|_| "no such zone")?;
        let answer = match occurrences(&series, zone) {
            Ok(found) => serde_json::to_string(&found.iter().map(shown).collect::<Vec<_>>())?,
            Err(error) => serde_json::to_string(error.code())?,
        };
        writeln!(out, "{answer}")?;
    }
    Ok(())
}

fn occurrences(series: &Series, zone: Tz) -> Result<Vec<Occurrence>, RuleError> {
    let rule: Rule = series.rule.parse()?;
    rule.occurrences(series.start, TimeDelta::hours(1), zone)
}

fn shown(occurrence: &Occurrence) -> (NaiveDateTime, i64) {
    (
        occurrence.recurrence_id,
        occurrence.span.start().timestamp(),
    )
}
