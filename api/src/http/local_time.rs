//! Times of day and dates by the clock of a tutor.
#![allow(
    clippy::ref_option,
    clippy::trivially_copy_pass_by_ref,
    reason = "serde fixes these signatures"
)]

use super::validate;
use crate::error::Error;
use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime};
use garde::Validate;
use scheduling::availability;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use utoipa::ToSchema;

/// A span of a day, by the clock in the tutor's time zone.
#[derive(Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LocalHours {
    /// `HH:MM`.
    #[garde(skip)]
    #[serde(serialize_with = "write", deserialize_with = "read")]
    #[schema(value_type = String, pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$", example = "10:00")]
    local_start: NaiveTime,
    /// `HH:MM`. When it is not after `local_start`, it is on the next day: `00:00` is the midnight that ends the day.
    #[garde(skip)]
    #[serde(serialize_with = "write", deserialize_with = "read")]
    #[schema(value_type = String, pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$", example = "12:30")]
    local_end: NaiveTime,
}

impl From<availability::LocalHours> for LocalHours {
    fn from(hours: availability::LocalHours) -> Self {
        Self {
            local_start: hours.start,
            local_end: hours.end,
        }
    }
}

impl From<LocalHours> for availability::LocalHours {
    fn from(hours: LocalHours) -> Self {
        Self {
            start: hours.local_start,
            end: hours.local_end,
        }
    }
}

pub fn write<S: Serializer>(time: &NaiveTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&time.format("%H:%M"))
}

pub fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NaiveTime, D::Error> {
    let text = <std::borrow::Cow<'_, str>>::deserialize(deserializer)?;
    NaiveTime::parse_from_str(&text, "%H:%M")
        .ok()
        // There are other ways to write it that chrono reads.
        .filter(|time| text == time.format("%H:%M").to_string())
        .ok_or_else(|| D::Error::custom("must be a time such as 16:00"))
}

/// A date and time on some wall clock, to the minute, for `serde(with = …)`.
pub mod date_time {
    use super::{Datelike, Deserializer, NaiveDateTime, Serializer, YEARS, not_a_date_time};
    use serde::Deserialize;

    const FORMAT: &str = "%Y-%m-%dT%H:%M";

    pub fn serialize<S: Serializer>(at: &NaiveDateTime, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&at.format(FORMAT))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<NaiveDateTime, D::Error> {
        let text = <std::borrow::Cow<'_, str>>::deserialize(deserializer)?;
        read(&text).ok_or_else(not_a_date_time)
    }

    pub fn read(text: &str) -> Option<NaiveDateTime> {
        let read = NaiveDateTime::parse_from_str(text, FORMAT).ok();
        // There are other ways to write it that chrono reads.
        read.filter(|at| YEARS.contains(&at.year()) && text == at.format(FORMAT).to_string())
    }
}

/// As [`date_time`], where it may be left out.
pub mod optional_date_time {
    use super::{Deserializer, NaiveDateTime, Serializer, date_time, not_a_date_time};
    use serde::Deserialize;

    pub fn serialize<S: Serializer>(
        at: &Option<NaiveDateTime>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => date_time::serialize(at, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<NaiveDateTime>, D::Error> {
        let text = <Option<std::borrow::Cow<'_, str>>>::deserialize(deserializer)?;
        let read =
            |text: std::borrow::Cow<'_, str>| date_time::read(&text).ok_or_else(not_a_date_time);
        text.map(read).transpose()
    }
}

/// As for dates.
const YEARS: std::ops::RangeInclusive<i32> = 1970..=2199;

fn not_a_date_time<E: serde::de::Error>() -> E {
    E::custom("must be a local time such as 2027-01-11T16:00")
}

/// The dates from `first` to `last`, both included.
///
/// # Errors
/// For dates in the wrong order, by the name of the field of the last.
pub fn dates(
    first: NaiveDate,
    last: NaiveDate,
    field_of_last: &str,
) -> Result<availability::DateRange, Error> {
    validate::optional_date(&Some(first), &())
        .and(validate::optional_date(&Some(last), &()))
        .map_err(|_| {
            Error::invalid(
                field_of_last,
                "out_of_range",
                "must lie in the years 1970 to 2199",
            )
        })?;
    availability::DateRange::new(first, last).ok_or_else(|| {
        Error::invalid(
            field_of_last,
            "before_first",
            "must not be before the first date",
        )
    })
}
