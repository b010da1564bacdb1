//! Lessons that repeat: RFC 5545 recurrence rules on the wall clock of a zone.
//!
//! A rule says on which dates there is a lesson, and the first lesson at which local time. So 16:00 stays 16:00 when
//! the clocks change. As everywhere here, and as RFC 5545 (3.3.10) wants it, what the clock skips does not exist: such an
//! occurrence is left out, and does not count. Of a time that the clock shows twice, the first is meant (3.3.5).
//!
//! Of RFC 5545 there is what lessons need: `FREQ` `DAILY`, `WEEKLY` or `MONTHLY`, `INTERVAL`, `BYDAY`, `BYMONTHDAY`,
//! `WKST`, and one of `COUNT` and `UNTIL`. The first lesson must itself be an occurrence; RFC 5545 leaves open what a
//! rule means otherwise.
//!
//! Each date of two years is looked at once, so no rule costs more than another, not even one that never comes true. The
//! crate `rrule` agrees (a test compares them) where it follows RFC 5545; but it goes through 100,000 periods of a rule
//! that never comes true, refuses `-5MO`, takes `MO,1TU` for what is both, reads `XXMO` as `MO`, and moves what the
//! clock skips by an hour.

use chrono::{
    DateTime, Datelike, Months, NaiveDate, NaiveDateTime, TimeDelta, TimeZone, Utc, Weekday,
};
use chrono_tz::Tz;
use std::{ops::RangeInclusive, str::FromStr};

use crate::interval::Span;

/// No series has more occurrences.
pub const MOST_OCCURRENCES: usize = 200;

/// No occurrence begins longer after the first.
pub const LONGEST_SERIES: Months = Months::new(24);

/// The years in which a series can begin. Beyond, no zone knows what its clocks will do.
pub const YEARS: RangeInclusive<i32> = 1970..=2200;

/// The longest rule that is read, in bytes. All weekdays and all days of the month take less.
const LONGEST_TEXT: usize = 400;

/// A recurrence rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    frequency: Frequency,
    /// Of so many days, weeks or months, one; at least 1.
    interval: i64,
    by_day: Vec<Day>,
    /// 1 to 31, or from the end of the month -1 to -31.
    by_month_day: Vec<i64>,
    /// With which day weeks begin: it decides which are skipped.
    week_start: Weekday,
    end: End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Frequency {
    Daily,
    Weekly,
    Monthly,
}

/// A weekday, or only one of those in a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Day {
    weekday: Weekday,
    /// 1 to 5, or from the end of the month -1 to -5.
    nth: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Count(usize),
    /// The last instant at which an occurrence can begin.
    Until(DateTime<Utc>),
}

/// One of the lessons that a rule makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occurrence {
    /// When it begins on the wall clock: what RFC 5545 calls its recurrence id, for its name stays when it is moved.
    pub recurrence_id: NaiveDateTime,
    /// When it is.
    pub span: Span,
}

/// Why something is not a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// It is not a rule by RFC 5545.
    #[error("is not a recurrence rule by RFC 5545")]
    Malformed,
    /// It is a rule, but not one that lessons can have.
    #[error(
        "may have FREQ (DAILY, WEEKLY or MONTHLY), INTERVAL, BYDAY, BYMONTHDAY, WKST, and COUNT or UNTIL, and nothing else"
    )]
    Unsupported,
    /// It has neither `COUNT` nor `UNTIL`.
    #[error("must have COUNT or UNTIL")]
    Unbounded,
    /// It has more than [`MOST_OCCURRENCES`].
    #[error("must have at most 200 occurrences")]
    TooMany,
    /// It reaches beyond [`LONGEST_SERIES`].
    #[error("must end at most two years after start")]
    TooLong,
    /// It ends before it begins.
    #[error("must not end before start")]
    EndsBeforeStart,
    /// The first lesson is not an occurrence of the rule.
    #[error("must be an occurrence of the rule")]
    StartNotOnRule,
    /// The clock never shows the time of the first lesson, or nobody knows yet.
    #[error("must be a time that the clocks of the zone will show")]
    StartSkipped,
}

impl RuleError {
    /// The stable name of the reason, for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Unsupported => "unsupported",
            Self::Unbounded => "unbounded",
            Self::TooMany => "too_many",
            Self::TooLong => "beyond_two_years",
            Self::EndsBeforeStart => "ends_before_start",
            Self::StartNotOnRule => "not_on_rule",
            Self::StartSkipped => "skipped",
        }
    }

    /// Whether it is the first lesson that must be another, rather than the rule.
    pub fn is_of_start(self) -> bool {
        matches!(self, Self::StartNotOnRule | Self::StartSkipped)
    }
}

impl Rule {
    /// The lessons of this `length` that the rule makes, in order; the first begins at `start` on the wall clock of
    /// `zone`. Never none.
    ///
    /// # Errors
    /// See [`RuleError`].
    pub fn occurrences(
        &self,
        start: NaiveDateTime,
        length: TimeDelta,
        zone: Tz,
    ) -> Result<Vec<Occurrence>, RuleError> {
        let first = start.date();
        if !YEARS.contains(&first.year()) || instant(start, zone).is_none() {
            return Err(RuleError::StartSkipped);
        }
        if !self.includes(first, first) {
            return Err(RuleError::StartNotOnRule);
        }
        let last = first + LONGEST_SERIES;
        if let End::Until(until) = self.end
            && until.with_timezone(&zone).date_naive() > last
        {
            return Err(RuleError::TooLong);
        }
        let dates = first.iter_days().take_while(|date| *date <= last);
        let mut occurrences = Vec::new();
        for date in dates.filter(|date| self.includes(*date, first)) {
            let recurrence_id = date.and_time(start.time());
            let Some(begin) = instant(recurrence_id, zone) else {
                continue;
            };
            if self.is_over(&occurrences, begin) {
                break;
            }
            if occurrences.len() == MOST_OCCURRENCES {
                return Err(RuleError::TooMany);
            }
            occurrences.push(Occurrence {
                recurrence_id,
                span: Span::lasting(begin, length).ok_or(RuleError::TooLong)?,
            });
        }
        match self.end {
            End::Count(count) if occurrences.len() < count => Err(RuleError::TooLong),
            End::Until(_) if occurrences.is_empty() => Err(RuleError::EndsBeforeStart),
            End::Count(_) | End::Until(_) => Ok(occurrences),
        }
    }

    fn is_over(&self, before: &[Occurrence], next: DateTime<Utc>) -> bool {
        match self.end {
            End::Count(count) => before.len() == count,
            End::Until(until) => next > until,
        }
    }

    /// Whether there is an occurrence on `date`, where the rule begins with `first`.
    fn includes(&self, date: NaiveDate, first: NaiveDate) -> bool {
        let periods = match self.frequency {
            Frequency::Daily => (date - first).num_days(),
            Frequency::Weekly => (self.week_of(date) - self.week_of(first)).num_weeks(),
            Frequency::Monthly => month(date) - month(first),
        };
        periods % self.interval == 0 && self.includes_within_period(date, first)
    }

    fn includes_within_period(&self, date: NaiveDate, first: NaiveDate) -> bool {
        if self.by_day.is_empty() && self.by_month_day.is_empty() {
            return match self.frequency {
                Frequency::Daily => true,
                Frequency::Weekly => date.weekday() == first.weekday(),
                Frequency::Monthly => date.day() == first.day(),
            };
        }
        let (day, from_end) = days_of_month(date);
        let is_month_day = self
            .by_month_day
            .iter()
            .any(|it| [day, from_end].contains(it));
        let is_day = self.by_day.iter().any(|it| it.is(date));
        (is_month_day || self.by_month_day.is_empty()) && (is_day || self.by_day.is_empty())
    }

    /// The first day of the week of a date.
    fn week_of(&self, date: NaiveDate) -> NaiveDate {
        date - TimeDelta::days(date.weekday().days_since(self.week_start).into())
    }
}

impl Day {
    fn is(self, date: NaiveDate) -> bool {
        let (day, from_end) = days_of_month(date);
        let is_nth = |nth| nth == (day + 6) / 7 || nth == (from_end - 6) / 7;
        self.weekday == date.weekday() && self.nth.is_none_or(is_nth)
    }
}

/// When the wall clock first shows `local`, if ever.
fn instant(local: NaiveDateTime, zone: Tz) -> Option<DateTime<Utc>> {
    Some(zone.from_local_datetime(&local).earliest()?.to_utc())
}

/// Months from the common era.
fn month(date: NaiveDate) -> i64 {
    i64::from(date.year()) * 12 + i64::from(date.month0())
}

/// The day of the month from 1 on, and from its end from -1 on.
fn days_of_month(date: NaiveDate) -> (i64, i64) {
    let day = i64::from(date.day());
    (day, day - i64::from(date.num_days_in_month()) - 1)
}

impl FromStr for Rule {
    type Err = RuleError;

    /// Reads the value of an `RRULE` property.
    fn from_str(text: &str) -> Result<Self, RuleError> {
        if text.len() > LONGEST_TEXT {
            return Err(RuleError::Malformed);
        }
        let mut parts = Parts::default();
        for part in text.to_ascii_uppercase().split(';') {
            let (name, value) = part.split_once('=').ok_or(RuleError::Malformed)?;
            parts.read(name, value)?;
        }
        parts.rule()
    }
}

/// What stands in a rule.
#[derive(Default)]
struct Parts {
    frequency: Option<Frequency>,
    interval: Option<i64>,
    by_day: Option<Vec<Day>>,
    by_month_day: Option<Vec<i64>>,
    week_start: Option<Weekday>,
    count: Option<usize>,
    until: Option<DateTime<Utc>>,
}

impl Parts {
    fn read(&mut self, name: &str, value: &str) -> Result<(), RuleError> {
        match name {
            "FREQ" => once(&mut self.frequency, frequency(value)?),
            "INTERVAL" => once(&mut self.interval, number(value, 1..=i64::from(u16::MAX))?),
            "BYDAY" => once(&mut self.by_day, list(value, day)?),
            "BYMONTHDAY" => once(&mut self.by_month_day, list(value, |it| ordinal(it, 31))?),
            "WKST" => once(&mut self.week_start, weekday(value)?),
            "COUNT" => once(&mut self.count, count(value)?),
            "UNTIL" => once(&mut self.until, until(value)?),
            "BYSECOND" | "BYMINUTE" | "BYHOUR" | "BYYEARDAY" | "BYWEEKNO" | "BYMONTH"
            | "BYSETPOS" => Err(RuleError::Unsupported),
            _ => Err(RuleError::Malformed),
        }
    }

    fn rule(self) -> Result<Rule, RuleError> {
        let frequency = self.frequency.ok_or(RuleError::Malformed)?;
        let by_day = self.by_day.unwrap_or_default();
        let by_month_day = self.by_month_day.unwrap_or_default();
        let has_nth = by_day.iter().any(|day| day.nth.is_some());
        if (has_nth && frequency != Frequency::Monthly)
            || (!by_month_day.is_empty() && frequency == Frequency::Weekly)
        {
            return Err(RuleError::Malformed);
        }
        let end = match (self.count, self.until) {
            (Some(count), None) if count > MOST_OCCURRENCES => return Err(RuleError::TooMany),
            (Some(count), None) => End::Count(count),
            (None, Some(until)) => End::Until(until),
            (None, None) => return Err(RuleError::Unbounded),
            (Some(_), Some(_)) => return Err(RuleError::Malformed),
        };
        Ok(Rule {
            frequency,
            interval: self.interval.unwrap_or(1),
            by_day,
            by_month_day,
            week_start: self.week_start.unwrap_or(Weekday::Mon),
            end,
        })
    }
}

/// No part may stand twice.
fn once<T>(part: &mut Option<T>, value: T) -> Result<(), RuleError> {
    match part.replace(value) {
        None => Ok(()),
        Some(_) => Err(RuleError::Malformed),
    }
}

fn frequency(value: &str) -> Result<Frequency, RuleError> {
    match value {
        "DAILY" => Ok(Frequency::Daily),
        "WEEKLY" => Ok(Frequency::Weekly),
        "MONTHLY" => Ok(Frequency::Monthly),
        "SECONDLY" | "MINUTELY" | "HOURLY" | "YEARLY" => Err(RuleError::Unsupported),
        _ => Err(RuleError::Malformed),
    }
}

fn list<T>(value: &str, item: impl Fn(&str) -> Result<T, RuleError>) -> Result<Vec<T>, RuleError> {
    value.split(',').map(item).collect()
}

fn number(value: &str, range: RangeInclusive<i64>) -> Result<i64, RuleError> {
    let digits = value.bytes().all(|byte| byte.is_ascii_digit());
    let number = value
        .parse()
        .ok()
        .filter(|number| digits && range.contains(number));
    number.ok_or(RuleError::Malformed)
}

fn count(value: &str) -> Result<usize, RuleError> {
    let count = number(value, 1..=i64::MAX)?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

/// A number that may count from the end.
fn ordinal(value: &str, most: i64) -> Result<i64, RuleError> {
    match value.strip_prefix('-') {
        Some(from_end) => Ok(-number(from_end, 1..=most)?),
        None => number(value.strip_prefix('+').unwrap_or(value), 1..=most),
    }
}

fn day(value: &str) -> Result<Day, RuleError> {
    let (nth, name) = value
        .split_at_checked(value.len().saturating_sub(2))
        .ok_or(RuleError::Malformed)?;
    Ok(Day {
        weekday: weekday(name)?,
        nth: match nth {
            "" => None,
            nth => Some(ordinal(nth, 5)?),
        },
    })
}

fn weekday(value: &str) -> Result<Weekday, RuleError> {
    Ok(match value {
        "MO" => Weekday::Mon,
        "TU" => Weekday::Tue,
        "WE" => Weekday::Wed,
        "TH" => Weekday::Thu,
        "FR" => Weekday::Fri,
        "SA" => Weekday::Sat,
        "SU" => Weekday::Sun,
        _ => return Err(RuleError::Malformed),
    })
}

/// In UTC, as RFC 5545 wants it where the start has a zone.
fn until(value: &str) -> Result<DateTime<Utc>, RuleError> {
    let until = NaiveDateTime::parse_from_str(value, "%Y%m%dT%H%M%SZ");
    until
        .map(|until| until.and_utc())
        .map_err(|_| RuleError::Malformed)
}
