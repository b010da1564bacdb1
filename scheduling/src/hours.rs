//! From hours on the wall clock to seconds of UTC in which a tutor is there.
//!
//! What the wall clock says is settled on the wall clock, in seconds since 1970-01-01 00:00 as
//! it shows them; only the result is turned into UTC, once for each piece of the clock.

use chrono_tz::Tz;

use crate::availability::{Availability, DateOverride, DateRange, TimeOff, day_number};
use crate::interval::Span;
use crate::local_clock::LocalClock;
use crate::policy::StartGrid;
use crate::seconds::{DAY, Seconds, Stretch, subtract, tidy};

/// When the tutor is there in the time of `clock`, in UTC: in order and without overlaps, and
/// with the anchors of `grid`.
pub(crate) fn open(
    availability: &Availability,
    clock: &LocalClock,
    grid: StartGrid,
) -> Vec<Stretch> {
    let closed = closed_dates(availability, clock);
    let open = subtract(local_hours(availability, clock, grid), &closed);
    subtract(clock.utc_stretches(&open), &away(availability, clock))
}

/// The hours of the rules and overrides, before anything closes them, on every day that `clock`
/// shows: in order and without overlaps.
pub(crate) fn local_hours(
    availability: &Availability,
    clock: &LocalClock,
    grid: StartGrid,
) -> Vec<Stretch> {
    let Some((first, last)) = clock.days() else {
        return Vec::new();
    };
    let first = first - 1; // what starts the day before may pass midnight
    let mut hours = Vec::with_capacity(16);
    let overridden = days(availability.overrides.iter(), first, last);
    for rule in availability.weekly_rules {
        let seconds = rule.hours().seconds();
        let days = rule.days(first, last);
        let days = days.filter(|day| overridden.binary_search(day).is_err());
        days.for_each(|day| push_hours(&mut hours, day, seconds, grid));
    }
    for on_date in availability.overrides {
        let day = day_number(on_date.date);
        if (first..=last).contains(&day) {
            for local in &on_date.hours {
                push_hours(&mut hours, day, local.seconds(), grid);
            }
        }
    }
    hours.sort_by_key(|stretch| stretch.start);
    without_overlaps(hours)
}

/// Adds what starts on `day`; cut at midnight where the grid begins anew there.
fn push_hours(hours: &mut Vec<Stretch>, day: i64, seconds: Seconds, grid: StartGrid) {
    let midnight = day * DAY;
    let (start, end) = (midnight + seconds.start, midnight + seconds.end);
    let mut push = |start, end, anchor| hours.push(Stretch { start, end, anchor });
    match grid {
        StartGrid::SpanStart(_) => push(start, end, start),
        StartGrid::Midnight(_) if seconds.end <= DAY => push(start, end, midnight),
        StartGrid::Midnight(_) => {
            push(start, midnight + DAY, midnight);
            push(midnight + DAY, end, midnight + DAY);
        }
    }
}

/// Of stretches that are sorted by start, what can be seen from above if each one lies on top of
/// those that start before it.
fn without_overlaps(stretches: Vec<Stretch>) -> Vec<Stretch> {
    if stretches
        .windows(2)
        .all(|pair| pair[0].end <= pair[1].start)
    {
        return stretches;
    }
    let mut seen = Vec::with_capacity(2 * stretches.len());
    let mut beneath: Vec<Stretch> = Vec::new();
    for next in stretches {
        uncover(&mut seen, &mut beneath, next.start);
        beneath.push(next);
    }
    uncover(&mut seen, &mut beneath, i64::MAX);
    seen
}

/// Moves what can be seen of the pile before `until`, from where the last thing seen ends.
fn uncover(seen: &mut Vec<Stretch>, pile: &mut Vec<Stretch>, until: i64) {
    while let Some(top) = pile.pop() {
        let start = seen
            .last()
            .map_or(top.start, |last| last.end.max(top.start));
        let end = top.end.min(until);
        if start < end {
            seen.push(Stretch { start, end, ..top });
        }
        if until < top.end {
            pile.push(top);
            break;
        }
    }
}

/// The days of overrides from `first` to `last`, in order.
fn days<'a>(overrides: impl Iterator<Item = &'a DateOverride>, first: i64, last: i64) -> Vec<i64> {
    let days = overrides.map(|on_date| day_number(on_date.date));
    let mut days: Vec<_> = days.filter(|day| (first..=last).contains(day)).collect();
    days.sort_unstable();
    days
}

/// The dates on which the tutor is not there whatever the hours, on the wall clock.
fn closed_dates(availability: &Availability, clock: &LocalClock) -> Vec<Seconds> {
    let mut closed = Vec::new();
    let shown = |dates: &Seconds| clock.shows(*dates);
    closed.extend(
        availability
            .time_off
            .iter()
            .filter_map(|time_off| match time_off {
                TimeOff::Dates(dates) => dates.seconds().filter(shown),
                TimeOff::Span(_) => None,
            }),
    );
    closed.extend(after_last_date(availability).filter(shown));
    closed.extend(closed_by_holidays(availability, clock));
    tidy(closed)
}

/// The time after the tutor's last date, on the wall clock.
pub(crate) fn after_last_date(availability: &Availability) -> Option<Seconds> {
    availability.last_date.map(|date| Seconds {
        start: (day_number(date) + 1) * DAY,
        end: i64::MAX,
    })
}

/// The holidays that `clock` shows, without the dates that an override opens, on the wall clock:
/// in order and without overlaps. To close a date opens nothing, so an override without hours
/// leaves the holiday as it is.
pub(crate) fn closed_by_holidays(availability: &Availability, clock: &LocalClock) -> Vec<Seconds> {
    let holidays = availability.holidays.iter();
    let shown = holidays.filter_map(|dates| dates.seconds().filter(|dates| clock.shows(*dates)));
    let closed = tidy(shown.collect());
    let Some((first, last)) = clock.days().filter(|_| !closed.is_empty()) else {
        return closed;
    };
    let overrides = availability.overrides.iter();
    let opening = overrides.filter(|on_date| !on_date.hours.is_empty());
    let opened = days(opening, first, last).into_iter().map(|day| Seconds {
        start: day * DAY,
        end: (day + 1) * DAY,
    });
    let closed = closed.into_iter().map(Stretch::from).collect();
    let left = subtract(closed, &tidy(opened.collect()));
    left.into_iter().map(Stretch::seconds).collect()
}

/// The spans of time off in the time of `clock`, in UTC.
fn away(availability: &Availability, clock: &LocalClock) -> Vec<Seconds> {
    let spans = availability
        .time_off
        .iter()
        .filter_map(|time_off| match time_off {
            TimeOff::Span(span) => Some(Seconds::touched_by(*span)),
            TimeOff::Dates(_) => None,
        });
    tidy(spans.filter(|span| clock.over.overlaps(*span)).collect())
}

/// From the first to the last instant at which the wall clock of `zone` shows any of `dates`;
/// none if it skips them all.
pub(crate) fn span_of(dates: DateRange, zone: Tz) -> Option<Span> {
    const FURTHEST_FROM_UTC: i64 = 2 * DAY;
    let local = dates.seconds()?;
    let around = |midnight| {
        let near = Seconds {
            start: midnight,
            end: midnight,
        };
        LocalClock::new(zone, near.widened(FURTHEST_FROM_UTC, FURTHEST_FROM_UTC))
    };
    let (first, last) = (around(local.start), around(local.end));
    let seconds = Seconds {
        start: first.utc(local).map(|seconds| seconds.start).min()?,
        end: last.utc(local).map(|seconds| seconds.end).max()?,
    };
    seconds.span()
}
