//! One lesson of a series that is wanted, and what becomes of it.

use super::{
    local_time::date_time,
    problem::{Alternative, ConflictingSpan},
};
use crate::error;
use chrono::{DateTime, NaiveDateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

/// One lesson of a series, and what becomes of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Occurrence {
    /// When the rule wants it, on the wall clock of the series: the name of the occurrence (RFC 5545 `RECURRENCE-ID`).
    #[serde(with = "date_time")]
    #[schema(value_type = String, pattern = "^(19[7-9][0-9]|2[01][0-9]{2})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]$", example = "2027-01-11T16:00")]
    recurrence_id: NaiveDateTime,
    /// When it would be, in UTC; null where it is skipped.
    #[schema(required, example = "2027-01-11T15:00:00Z")]
    start: Option<DateTime<Utc>>,
    /// When it would end.
    #[schema(required, example = "2027-01-11T16:00:00Z")]
    end: Option<DateTime<Utc>>,
    verdict: Verdict,
    /// Why it is not `free`: none where it is `skipped`, or the clock of the series does not show that time.
    conflicts: Vec<ConflictingSpan>,
    /// Where it is `unavailable`: other times for it, the nearest first, at most 14 days before or after it.
    alternatives: Vec<Alternative>,
}

/// What becomes of a lesson: `free`, it can be booked; `unavailable`, it can't; `holiday`, it is left out, for the centre is
/// closed then; `skipped`, it is left out, as the exceptions say.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Free,
    Unavailable,
    Holiday,
    Skipped,
}

impl From<error::Verdict> for Verdict {
    fn from(verdict: error::Verdict) -> Self {
        match verdict {
            error::Verdict::Free => Self::Free,
            error::Verdict::Unavailable => Self::Unavailable,
            error::Verdict::Holiday => Self::Holiday,
            error::Verdict::Skipped => Self::Skipped,
        }
    }
}

impl From<error::Occurrence> for Occurrence {
    fn from(occurrence: error::Occurrence) -> Self {
        let (start, end) = occurrence.span.unzip();
        let conflicts = occurrence.conflicts.into_iter();
        let alternatives = occurrence.alternatives.into_iter();
        Self {
            recurrence_id: occurrence.recurrence_id,
            start,
            end,
            verdict: occurrence.verdict.into(),
            conflicts: conflicts.map(ConflictingSpan::from).collect(),
            alternatives: alternatives.map(Alternative::from).collect(),
        }
    }
}
