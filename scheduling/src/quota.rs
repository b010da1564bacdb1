//! How much a student may book: at a time, in a week, and in a term.

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use crate::interval::Span;

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Quota {
    /// Bookings of lessons that are not over.
    ActiveBookings,
    /// Minutes of lessons that begin in one ISO week.
    WeeklyMinutes,
    /// Minutes of lessons that begin in one term.
    TermMinutes,
}

impl Quota {
    /// The stable name, for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::ActiveBookings => "active_bookings",
            Self::WeeklyMinutes => "weekly_minutes",
            Self::TermMinutes => "term_minutes",
        }
    }
}

/// How much of each there may be; none: any amount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Of [`Quota::ActiveBookings`].
    pub active_bookings: Option<i64>,
    /// Of [`Quota::WeeklyMinutes`].
    pub weekly_minutes: Option<i64>,
    /// Of [`Quota::TermMinutes`].
    pub term_minutes: Option<i64>,
}

/// How much of each there is already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// Of [`Quota::ActiveBookings`].
    pub active_bookings: i64,
    /// Of [`Quota::WeeklyMinutes`], in the week of the lesson.
    pub weekly_minutes: i64,
    /// Of [`Quota::TermMinutes`], in the term of the lesson; 0 where it is in none.
    pub term_minutes: i64,
}

impl Used {
    /// How much there is of what a quota limits.
    pub fn of(&self, quota: Quota) -> i64 {
        match quota {
            Quota::ActiveBookings => self.active_bookings,
            Quota::WeeklyMinutes => self.weekly_minutes,
            Quota::TermMinutes => self.term_minutes,
        }
    }
}

/// A quota that does not suffice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exceeded {
    /// Which.
    pub quota: Quota,
    /// How much there may be.
    pub limit: i64,
    /// How much there is.
    pub used: i64,
}

/// The first quota that another lesson of so many minutes would exceed.
pub fn exceeded(limits: &Limits, used: &Used, minutes: i64) -> Option<Exceeded> {
    let quotas = [
        (Quota::ActiveBookings, limits.active_bookings, 1),
        (Quota::WeeklyMinutes, limits.weekly_minutes, minutes),
        (Quota::TermMinutes, limits.term_minutes, minutes),
    ];
    quotas.into_iter().find_map(|(quota, limit, wanted)| {
        let (limit, used) = (limit?, used.of(quota));
        (used.saturating_add(wanted) > limit).then_some(Exceeded { quota, limit, used })
    })
}

/// The ISO week, Monday to Sunday by the clock of `zone`, in which an instant lies.
pub fn week(at: DateTime<Utc>, zone: Tz) -> Option<Span> {
    let date = at.with_timezone(&zone).date_naive();
    let monday = date.checked_sub_days(Days::new(date.weekday().num_days_from_monday().into()))?;
    days(monday, monday.checked_add_days(Days::new(6))?, zone)
}

/// The days from `first` to `last`, both included, by the clock of `zone`.
pub fn days(first: NaiveDate, last: NaiveDate, zone: Tz) -> Option<Span> {
    Span::new(start_of(first, zone)?, start_of(last.succ_opt()?, zone)?)
}

/// The first moment of a date: where clocks skip midnight, the first that they show.
fn start_of(date: NaiveDate, zone: Tz) -> Option<DateTime<Utc>> {
    let midnight = date.and_time(NaiveTime::MIN);
    // Clocks skip whole quarters of an hour since 1970; Samoa and Kwajalein skipped a day.
    let later = (0..=96)
        .filter_map(|quarters| midnight.checked_add_signed(TimeDelta::minutes(15 * quarters)));
    let mut shown = later.filter_map(|local| zone.from_local_datetime(&local).earliest());
    shown.next().map(|start| start.to_utc())
}
