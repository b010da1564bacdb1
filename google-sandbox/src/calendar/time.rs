//! Starts and ends of events.

use chrono::{
    DateTime, Datelike, Duration, LocalResult, NaiveDate, NaiveDateTime, SecondsFormat,
    SubsecRound, TimeZone, Utc,
};
use chrono_tz::Tz;
use serde_json::{Value, json};

use super::error::ApiError;

/// Years with which one can reckon without ever leaving the range of dates.
pub(crate) trait Reckonable: Datelike {
    fn is_reckonable(&self) -> bool {
        (1..=9998).contains(&self.year())
    }
}

impl Reckonable for NaiveDate {}
impl Reckonable for DateTime<Utc> {}

/// One end of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// A whole day.
    Date(NaiveDate),
    /// An instant, perhaps with the zone in which the person thinks of it.
    Instant(DateTime<Utc>, Option<Tz>),
}

impl When {
    /// Reads an `EventDateTime`. `which` is "start" or "end".
    pub(crate) fn parse(value: Option<&Value>, which: &str) -> Result<Self, ApiError> {
        let invalid = || ApiError::invalid(&format!("Invalid {which} time."));
        let missing = || ApiError::required(&format!("Missing {which} time."));
        let object = match value {
            None | Some(Value::Null) => return Err(missing()),
            Some(Value::Object(object)) => object,
            Some(_) => return Err(invalid()),
        };
        let text = |name: &str| match object.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(invalid()),
        };
        let zone = match text("timeZone")? {
            None => None,
            Some(name) => Some(name.parse::<Tz>().map_err(|_| {
                ApiError::invalid(&format!("Invalid time zone definition for {which} time."))
            })?),
        };
        match (text("date")?, text("dateTime")?) {
            (None, None) => Err(missing()),
            (Some(_), Some(_)) => Err(invalid()),
            (Some(date), None) => date
                .parse()
                .ok()
                .filter(Reckonable::is_reckonable)
                .map(Self::Date)
                .ok_or_else(invalid),
            (None, Some(time)) => {
                let at = if let Ok(at) = DateTime::parse_from_rfc3339(time) {
                    at.with_timezone(&Utc)
                } else {
                    let local: NaiveDateTime = time.parse().map_err(|_| invalid())?;
                    let zone = zone.ok_or_else(|| {
                        ApiError::required(&format!(
                            "Missing time zone definition for {which} time."
                        ))
                    })?;
                    resolve(zone, local)
                };
                if !at.is_reckonable() {
                    return Err(invalid());
                }
                Ok(Self::Instant(at.trunc_subsecs(0), zone))
            }
        }
    }

    /// The instant; a day begins at midnight of the calendar's zone.
    pub(crate) fn instant(self, calendar: Tz) -> DateTime<Utc> {
        match self {
            Self::Date(date) => resolve(calendar, date.into()),
            Self::Instant(at, _) => at,
        }
    }

    /// As the API tells it, with the offset of `zone`.
    pub(crate) fn to_json(self, zone: Tz) -> Value {
        match self {
            Self::Date(date) => json!({"date": date.to_string()}),
            Self::Instant(at, own) => {
                let mut value = json!({"dateTime": rfc3339(at, zone)});
                if let Some(own) = own {
                    value["timeZone"] = json!(own.name());
                }
                value
            }
        }
    }

    pub(crate) fn zone(self) -> Option<Tz> {
        match self {
            Self::Date(_) => None,
            Self::Instant(_, zone) => zone,
        }
    }
}

/// A local time as an instant: the earlier of two, and after a gap the time moved forward.
pub(crate) fn resolve(zone: Tz, local: NaiveDateTime) -> DateTime<Utc> {
    match zone.from_local_datetime(&local) {
        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => at.with_timezone(&Utc),
        LocalResult::None => {
            // Read with the offset from before the gap.
            let before = local
                .checked_sub_signed(Duration::hours(3))
                .and_then(|earlier| zone.from_local_datetime(&earlier).earliest());
            match before {
                Some(at) => at.with_timezone(&Utc) + Duration::hours(3),
                None => local.and_utc(),
            }
        }
    }
}

/// RFC 3339 with the offset of a zone; `Z` for UTC.
pub(crate) fn rfc3339(at: DateTime<Utc>, zone: Tz) -> String {
    if zone == Tz::UTC {
        at.to_rfc3339_opts(SecondsFormat::Secs, true)
    } else {
        at.with_timezone(&zone)
            .to_rfc3339_opts(SecondsFormat::Secs, true)
    }
}

/// RFC 3339 in UTC with milliseconds.
pub(crate) fn stamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}
