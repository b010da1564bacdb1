//! From weekly rules in a tutor's zone to spans of UTC time.
//!
//! # What a rule means when clocks change
//!
//! A rule is a *set*: an instant belongs to it exactly when the wall clock in the tutor's zone
//! shows, at that instant, a date and time inside the rule. Everything else follows.
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
//!
//! # Limits
//!
//! Rules count in whole seconds. Only the first [`LONGEST_WINDOW`] of a window is looked at:
//! what was not looked at is closed. No date or zone makes these functions panic.

use chrono::{Datelike, NaiveDate, NaiveTime, TimeDelta, Timelike, Weekday};
use chrono_tz::Tz;

use crate::interval::{Span, union};
use crate::local_clock::{DAY, LocalClock, Piece, ceil_second, floor_second, instant};

/// As far into a window as anything is looked at.
pub const LONGEST_WINDOW: TimeDelta = TimeDelta::days(366);

/// The same hours on the same day of each week, on the wall clock of the tutor's zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WeeklyRule {
    /// The day of the week on which it starts.
    pub weekday: Weekday,
    /// The first moment inside.
    pub start: NaiveTime,
    /// The first moment after it. When that is not later than `start`, it is meant on the next
    /// day: 22:00-02:00 passes midnight, 18:00-00:00 lasts until midnight, 00:00-00:00 is the
    /// whole day.
    pub end: NaiveTime,
    /// The first date on which it may start; without one, it always could.
    pub valid_from: Option<NaiveDate>,
    /// The last date on which it may start; without one, it always will. A rule that starts on
    /// this date and passes midnight is finished on the next.
    pub valid_until: Option<NaiveDate>,
}

impl WeeklyRule {
    /// Seconds `[start, end)` from the midnight with which its day begins.
    fn seconds(&self) -> (i64, i64) {
        let start = i64::from(self.start.num_seconds_from_midnight());
        let end = i64::from(self.end.num_seconds_from_midnight());
        (start, if end > start { end } else { end + DAY })
    }

    /// The first and the last day on which it may start, counted from 1970-01-01.
    fn valid_days(&self) -> (i64, i64) {
        (
            self.valid_from.map_or(-FAR_AWAY, day_number),
            self.valid_until.map_or(FAR_AWAY, day_number),
        )
    }

    fn starts_on(&self, day: i64) -> bool {
        let (first, last) = self.valid_days();
        weekday_of(day) == weekday_number(self.weekday) && first <= day && day <= last
    }
}

/// A number of days longer than all of chrono's calendar.
const FAR_AWAY: i64 = 1 << 40;

/// Days from 1970-01-01.
fn day_number(date: NaiveDate) -> i64 {
    const EPOCH_FROM_COMMON_ERA: i64 = 719_163;
    i64::from(date.num_days_from_ce()) - EPOCH_FROM_COMMON_ERA
}

/// 0 for Monday. 1970-01-01 was a Thursday.
fn weekday_of(day: i64) -> i64 {
    (day + 3).rem_euclid(7)
}

fn weekday_number(weekday: Weekday) -> i64 {
    i64::from(weekday.num_days_from_monday())
}

/// All the time in `window` that belongs to any of `rules` on the wall clock of `zone`: sorted,
/// and neither overlapping nor touching.
pub fn weekly_spans(rules: &[WeeklyRule], zone: Tz, window: Span) -> Vec<Span> {
    let window = shortened(window);
    weekly_spans_on(&LocalClock::new(zone, window), rules, window)
}

/// The part of a window that is looked at.
pub(crate) fn shortened(window: Span) -> Span {
    Span::lasting(window.start(), LONGEST_WINDOW.min(window.duration())).unwrap_or(window)
}

/// As [`weekly_spans`], on a clock that covers `window`, which is not too long.
pub(crate) fn weekly_spans_on(clock: &LocalClock, rules: &[WeeklyRule], window: Span) -> Vec<Span> {
    let hours = local_hours(clock.pieces(), rules);
    let (start, end) = (floor_second(window.start()), ceil_second(window.end()));
    let mut spans = Vec::with_capacity(hours.len() + clock.pieces().len());
    for piece in clock.pieces() {
        let from = piece.start.max(start) + piece.offset;
        let to = piece.end.min(end) + piece.offset;
        let first = hours.partition_point(|&(_, over)| over <= from);
        for &(opens, closes) in hours[first..].iter().take_while(|(opens, _)| *opens < to) {
            let utc = |local: i64| instant(local - piece.offset);
            let span = Span::new(utc(opens.max(from)), utc(closes.min(to)));
            spans.extend(span.and_then(|span| span.intersect(&window)));
        }
    }
    union(spans)
}

/// The hours of `rules` on every day that the pieces show, as seconds `[start, end)` on the wall
/// clock since 1970: sorted, and neither overlapping nor touching.
fn local_hours(pieces: &[Piece], rules: &[WeeklyRule]) -> Vec<(i64, i64)> {
    let from = pieces.iter().map(|piece| piece.start + piece.offset).min();
    let to = pieces.iter().map(|piece| piece.end + piece.offset).max();
    let (Some(from), Some(to)) = (from, to) else {
        return Vec::new();
    };
    // What starts the day before may pass midnight.
    let mut hours = Vec::new();
    for day in from.div_euclid(DAY) - 1..=to.div_euclid(DAY) {
        for rule in rules.iter().filter(|rule| rule.starts_on(day)) {
            let (start, end) = rule.seconds();
            hours.push((day * DAY + start, day * DAY + end));
        }
    }
    hours.sort_unstable();
    hours.dedup_by(|next, kept| {
        let joins = next.0 <= kept.1;
        if joins {
            kept.1 = kept.1.max(next.1);
        }
        joins
    });
    hours
}

/// The places of the first two rules that have time in common on some date, on the wall clock:
/// past midnight into the next day, and from Sunday into Monday, too. Rules that are never valid
/// in the same week have none. Rules that only touch have none.
pub fn overlapping_rules(rules: &[WeeklyRule]) -> Option<(usize, usize)> {
    rules.iter().enumerate().find_map(|(i, rule)| {
        let later = rules.iter().enumerate().skip(i + 1);
        later
            .filter(|(_, other)| overlap(rule, other))
            .map(|(j, _)| (i, j))
            .next()
    })
}

/// Whether two rules have time in common: no rule lasts longer than a day, so the other one
/// then starts on the day before, on the same day, or on the day after.
fn overlap(rule: &WeeklyRule, other: &WeeklyRule) -> bool {
    let (start, end) = rule.seconds();
    let (other_start, other_end) = other.seconds();
    (-1..=1).any(|shift| {
        start < other_end + shift * DAY
            && other_start + shift * DAY < end
            && start_together(rule, other, shift)
    })
}

/// Whether there is a date on which `rule` starts, such that `other` starts `shift` days later.
fn start_together(rule: &WeeklyRule, other: &WeeklyRule, shift: i64) -> bool {
    let weekday = weekday_number(rule.weekday);
    if (weekday + shift).rem_euclid(7) != weekday_number(other.weekday) {
        return false;
    }
    let (rule_first, rule_last) = rule.valid_days();
    let (other_first, other_last) = other.valid_days();
    let first = rule_first.max(other_first - shift);
    let last = rule_last.min(other_last - shift);
    first + (weekday - weekday_of(first)).rem_euclid(7) <= last
}
