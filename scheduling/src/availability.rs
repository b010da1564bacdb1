//! When a tutor is there: weekly rules, overrides, time off and holidays on the wall clock of
//! the tutor's zone.
//!
//! # Local time is a set of instants
//!
//! Hours are a *set*: an instant belongs to them exactly when the wall clock in the tutor's zone
//! shows, at that instant, a date and time inside them. Everything else follows.
//!
//! * Hours that the clock skips do not exist. Where it jumps from 02:00 to 03:00, a rule
//!   02:00-03:00 gives nothing that day, 01:30-02:30 gives half an hour, and 01:00-04:00 gives
//!   two hours in one piece.
//! * Hours that the clock shows twice count twice. Where it falls back from 03:00 to 02:00,
//!   01:00-04:00 gives four hours in one piece, and 01:00-02:30 gives two spans: it is over at
//!   the first 02:30, and on again from the second 02:00 to the second 02:30.
//! * A day may begin at 01:00 (Santiago, Beirut), repeat its last hour, change by half an hour
//!   (Lord Howe) or two (Troll), or be missing altogether (Apia, 2011-12-30). A rule that
//!   passes midnight still covers what is left of it on the day after a missing one.
//! * A closed date is closed for as long as the clock shows that date: 23, 24, 25 hours, or none.
//!
//! # Which hours a date has
//!
//! 1. What *starts* on a date are the hours of its override, if it has one (none: it is
//!    closed), and else those of the weekly rules of its weekday that are valid on it.
//! 2. What starts on a date and passes midnight goes on into the next date, whatever an override
//!    says about that next date, even that it is closed: an override replaces what starts on its
//!    date. Time off closes all of a date.
//! 3. Holidays close whole dates, with the rest of what began the evening before. A date whose
//!    override has hours is not closed by a holiday: the tutor's word for that very date is the
//!    more specific one. An override without hours leaves the holiday in force.
//! 4. Time off closes whole dates or any span, always.
//! 5. After the tutor's last date nothing is open.
//!
//! # Limits
//!
//! Hours count in whole seconds. Of any window only the first [`LONGEST_WINDOW`] is looked at:
//! what was not looked at is closed. No date or zone makes these functions panic. Rules,
//! overrides, time off and holidays may come in any order.

use chrono::{Datelike, NaiveDate, NaiveTime, TimeDelta, Timelike, Weekday};
use chrono_tz::Tz;

use crate::hours;
use crate::interval::{Span, union};
use crate::local_clock::LocalClock;
use crate::policy::StartGrid;
use crate::seconds::{DAY, Seconds};

/// As far into a window as anything is looked at.
pub const LONGEST_WINDOW: TimeDelta = TimeDelta::days(366);

/// Hours of some day on the wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LocalHours {
    /// The first moment inside.
    pub start: NaiveTime,
    /// The first moment after it. When that is not later than `start`, it is meant on the next
    /// day: 22:00-02:00 passes midnight, 18:00-00:00 lasts until midnight, 00:00-00:00 is the
    /// whole day.
    pub end: NaiveTime,
}

/// The same hours on the same day of each week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WeeklyRule {
    /// The day of the week on which it starts.
    pub weekday: Weekday,
    /// The first moment inside.
    pub start: NaiveTime,
    /// The first moment after it, on the next day if it is not later than `start`, as in
    /// [`LocalHours`].
    pub end: NaiveTime,
    /// The first date on which it may start; without one, it always could.
    pub valid_from: Option<NaiveDate>,
    /// The last date on which it may start; without one, it always will. A rule that starts on
    /// this date and passes midnight is finished on the next.
    pub valid_until: Option<NaiveDate>,
}

/// What starts on one date in place of the weekly rules.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DateOverride {
    /// The date. If several overrides have the same one, all their hours count.
    pub date: NaiveDate,
    /// The hours that start on it; without any, nothing does. What began the evening before goes
    /// on, unless a holiday closes the date.
    pub hours: Vec<LocalHours>,
}

/// Dates one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DateRange {
    /// The first date inside.
    pub first: NaiveDate,
    /// The last date inside. A range whose last date is before its first has none.
    pub last: NaiveDate,
}

impl DateRange {
    /// The dates from `first` to `last`, both included; none if `last` is before `first`.
    pub fn new(first: NaiveDate, last: NaiveDate) -> Option<Self> {
        (first <= last).then_some(Self { first, last })
    }
}

/// Time in which a tutor is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimeOff {
    /// Exactly this.
    Span(Span),
    /// Whole dates in the tutor's zone.
    Dates(DateRange),
}

impl TimeOff {
    /// From its first instant to its last on the wall clock of `zone`; none where that skips all of its dates.
    pub fn span_in(self, zone: Tz) -> Option<Span> {
        match self {
            Self::Span(span) => Some(span),
            Self::Dates(dates) => hours::span_of(dates, zone),
        }
    }
}

/// When a tutor is there. By default, never.
#[derive(Clone, Copy, Debug)]
pub struct Availability<'a> {
    /// The zone on whose wall clock all dates and times are.
    pub zone: Tz,
    /// The usual week.
    pub weekly_rules: &'a [WeeklyRule],
    /// Dates that are not as usual; at most one of each.
    pub overrides: &'a [DateOverride],
    /// When the tutor is away.
    pub time_off: &'a [TimeOff],
    /// Dates on which the centre is closed, unless the tutor has hours by an override on them.
    pub holidays: &'a [DateRange],
    /// The last date of the tutor; without one, there is no end.
    pub last_date: Option<NaiveDate>,
}

impl Availability<'_> {
    /// All the time in `window` in which the tutor is there: sorted, and neither overlapping nor
    /// touching.
    pub fn open_spans(&self, window: Span) -> Vec<Span> {
        let window = shortened(window);
        let clock = LocalClock::new(self.zone, Seconds::touched_by(window));
        // The grid, of which nothing is seen here, that costs the least.
        let open = hours::open(self, &clock, StartGrid::SpanStart(TimeDelta::days(1)));
        let spans = open
            .into_iter()
            .filter_map(|stretch| stretch.seconds().span()?.intersect(&window));
        union(spans.collect())
    }
}

/// The part of a window that is looked at.
pub(crate) fn shortened(window: Span) -> Span {
    Span::lasting(window.start(), LONGEST_WINDOW.min(window.duration())).unwrap_or(window)
}

impl LocalHours {
    /// The seconds from the midnight with which its day begins.
    pub(crate) fn seconds(self) -> Seconds {
        let start = i64::from(self.start.num_seconds_from_midnight());
        let end = i64::from(self.end.num_seconds_from_midnight());
        Seconds {
            start,
            end: if end > start { end } else { end + DAY },
        }
    }
}

impl WeeklyRule {
    pub(crate) fn hours(&self) -> LocalHours {
        LocalHours {
            start: self.start,
            end: self.end,
        }
    }

    /// The first and the last day on which it may start.
    fn valid_days(&self) -> (i64, i64) {
        (
            self.valid_from.map_or(-FAR_AWAY, day_number),
            self.valid_until.map_or(FAR_AWAY, day_number),
        )
    }

    /// Every day from `first` to `last` on which it starts.
    pub(crate) fn days(&self, first: i64, last: i64) -> impl Iterator<Item = i64> {
        let (valid_first, valid_last) = self.valid_days();
        let first = first_on(self.weekday, first.max(valid_first));
        (first..=last.min(valid_last)).step_by(7)
    }
}

impl DateRange {
    /// All the seconds that the wall clock shows on its dates; none if it has no dates.
    pub(crate) fn seconds(self) -> Option<Seconds> {
        Self::new(self.first, self.last).map(|dates| Seconds {
            start: day_number(dates.first) * DAY,
            end: (day_number(dates.last) + 1) * DAY,
        })
    }
}

/// A number of days longer than all of chrono's calendar.
const FAR_AWAY: i64 = 1 << 40;

/// Days from 1970-01-01.
pub(crate) fn day_number(date: NaiveDate) -> i64 {
    const EPOCH_FROM_COMMON_ERA: i64 = 719_163;
    i64::from(date.num_days_from_ce()) - EPOCH_FROM_COMMON_ERA
}

/// The first day from `day` on that is a `weekday`. 1970-01-01 was a Thursday.
fn first_on(weekday: Weekday, day: i64) -> i64 {
    let wanted = i64::from(weekday.num_days_from_monday());
    day + (wanted - (day + 3)).rem_euclid(7)
}

/// The places of the first two rules that have time in common on some date, on the wall clock:
/// past midnight into the next day, and from Sunday into Monday, too. Rules that are never valid
/// in the same week have none. Rules that only touch have none.
pub fn overlapping_rules(rules: &[WeeklyRule]) -> Option<(usize, usize)> {
    first_pair(rules, rules_overlap)
}

/// The places of the first two of the hours of one date that have time in common. Hours that
/// only touch have none.
pub fn overlapping_hours(hours: &[LocalHours]) -> Option<(usize, usize)> {
    first_pair(hours, |one, other| one.seconds().overlaps(other.seconds()))
}

fn first_pair<T>(all: &[T], are_pair: impl Fn(&T, &T) -> bool) -> Option<(usize, usize)> {
    all.iter().enumerate().find_map(|(i, one)| {
        let mut later = all.iter().enumerate().skip(i + 1);
        later.find_map(|(j, other)| are_pair(one, other).then_some((i, j)))
    })
}

/// Whether two rules have time in common: no rule lasts longer than a day, so the other one
/// then starts on the day before, on the same day, or on the day after.
fn rules_overlap(rule: &WeeklyRule, other: &WeeklyRule) -> bool {
    let (one, two) = (rule.hours().seconds(), other.hours().seconds());
    (-1..=1).any(|shift| {
        one.overlaps(two.widened(-shift * DAY, shift * DAY)) && start_together(rule, other, shift)
    })
}

/// Whether there is a date on which `rule` starts, such that `other` starts `shift` days later.
fn start_together(rule: &WeeklyRule, other: &WeeklyRule, shift: i64) -> bool {
    let (first, last) = other.valid_days();
    let mut days = rule.days(first - shift, last - shift);
    // All of them are on the same weekday.
    days.next()
        .is_some_and(|day| first_on(other.weekday, day + shift) == day + shift)
}
