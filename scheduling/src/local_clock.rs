//! The wall clock of a zone over a stretch of UTC time, as plain arithmetic.
//!
//! Between two changes of its offset a zone's wall clock is UTC plus a constant. So the changes
//! are looked for once, and everything after that is integer sums. All numbers are whole seconds
//! since 1970-01-01 00:00, in UTC or on the wall clock, which also keeps dates that chrono could
//! not represent from doing any harm.

use std::num::NonZeroU32;

use chrono::{DateTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use crate::interval::Span;

pub(crate) const DAY: i64 = 86_400;

/// How far apart the offset is looked up while searching for changes. Less than half of the
/// shortest time between two changes in the tz database: just under seven days, in Recife and
/// Boa Vista in October 2000 and in Gaza in 2040. A test holds the database to that.
const STRIDE: i64 = 3 * DAY;

/// A stretch of time, in UTC seconds `[start, end)`, in which the offset does not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) start: i64,
    pub(crate) end: i64,
    /// What to add to UTC to get the wall clock, in seconds.
    pub(crate) offset: i64,
}

/// The wall clock of a zone over a stretch of time: pieces in order, without holes.
#[derive(Clone, Debug)]
pub(crate) struct LocalClock {
    pieces: Vec<Piece>,
}

impl LocalClock {
    /// The wall clock of `zone` over `window`, widened to whole seconds.
    pub(crate) fn new(zone: Tz, window: Span) -> Self {
        let (start, end) = (floor_second(window.start()), ceil_second(window.end()));
        let mut pieces = Vec::with_capacity(2);
        let mut piece = Piece {
            start,
            end,
            offset: offset_at(zone, start),
        };
        let mut known = start;
        while known < end {
            let next = (known + STRIDE).min(end);
            let offset = offset_at(zone, next);
            if offset != piece.offset {
                let change = change_between(zone, known, next, piece.offset);
                pieces.push(Piece {
                    end: change,
                    ..piece
                });
                piece = Piece {
                    start: change,
                    end,
                    offset,
                };
            }
            known = next;
        }
        if piece.start < piece.end {
            pieces.push(piece);
        }
        Self { pieces }
    }

    pub(crate) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// The first instant from `from` on at which the wall clock is on `grid`. `piece` is where
    /// to begin to look, and where the instant was found: it only ever grows.
    #[inline]
    pub(crate) fn next_on_grid(&self, from: i64, grid: Grid, piece: &mut usize) -> Option<i64> {
        while let Some(here) = self.pieces.get(*piece) {
            let from = from.max(here.start);
            let found = from + grid.wait(from + here.offset);
            if found < here.end {
                return Some(found);
            }
            *piece += 1;
        }
        None
    }

    /// Whether the wall clock is on `grid` at `at`. `piece` is where to begin to look, as in
    /// [`Self::next_on_grid`].
    #[inline]
    pub(crate) fn on_grid(&self, at: DateTime<Utc>, grid: Grid, piece: &mut usize) -> bool {
        let second = at.timestamp();
        at.timestamp_subsec_nanos() == 0 && self.next_on_grid(second, grid, piece) == Some(second)
    }
}

/// The times of day that are a multiple of so many seconds since midnight.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grid(NonZeroU32);

impl Grid {
    /// None if that is less than a second. More than a day is as good as a day: only midnight.
    pub(crate) fn new(step: TimeDelta) -> Option<Self> {
        let seconds = u32::try_from(step.num_seconds().min(DAY)).ok()?;
        NonZeroU32::new(seconds).map(Self)
    }

    /// How long, in seconds, it takes from `local` until the wall clock is on the grid, if its
    /// offset doesn't change.
    #[inline]
    fn wait(self, local: i64) -> i64 {
        let into_day = local.rem_euclid(DAY);
        // Both fit, being less than a day. In 32 bits the division costs far less.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let past_grid = i64::from(into_day as u32 % self.0);
        if past_grid == 0 {
            0
        } else {
            (i64::from(self.0.get()) - past_grid).min(DAY - into_day)
        }
    }
}

/// The first second in `(known, next]` at which the offset is no longer `offset`, given that it
/// still is at `known` and not at `next`, and changes only once in between.
fn change_between(zone: Tz, known: i64, next: i64, offset: i64) -> i64 {
    let (mut before, mut after) = (known, next);
    while after - before > 1 {
        let middle = before + (after - before) / 2;
        if offset_at(zone, middle) == offset {
            before = middle;
        } else {
            after = middle;
        }
    }
    after
}

fn offset_at(zone: Tz, second: i64) -> i64 {
    let instant = instant(second).naive_utc();
    let offset = zone.offset_from_utc_datetime(&instant).fix();
    i64::from(offset.local_minus_utc())
}

/// The instant that is `second`, or the nearest one that can be represented.
pub(crate) fn instant(second: i64) -> DateTime<Utc> {
    let nearest = if second < 0 {
        DateTime::<Utc>::MIN_UTC
    } else {
        DateTime::<Utc>::MAX_UTC
    };
    DateTime::from_timestamp(second, 0).unwrap_or(nearest)
}

/// The second in which `instant` lies.
pub(crate) fn floor_second(instant: DateTime<Utc>) -> i64 {
    instant.timestamp()
}

/// The first whole second that is not before `instant`.
pub(crate) fn ceil_second(instant: DateTime<Utc>) -> i64 {
    instant.timestamp() + i64::from(instant.timestamp_subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::TZ_VARIANTS;

    /// In every zone, each day and at every change: the clock agrees with chrono-tz, and changes
    /// lie far enough apart to be found.
    #[test]
    fn agrees_with_the_tz_database_in_every_zone() {
        let (from, to) = (instant(946_684_800), instant(2_524_608_000)); // 2000 to 2050
        let window = Span::new(from, to).expect("fifty years");
        for zone in TZ_VARIANTS {
            let clock = LocalClock::new(zone, window);
            let pieces = clock.pieces();
            assert_eq!(
                pieces.first().map(|piece| piece.start),
                Some(from.timestamp())
            );
            assert_eq!(pieces.last().map(|piece| piece.end), Some(to.timestamp()));
            for pair in pieces.windows(2) {
                assert_eq!(pair[0].end, pair[1].start, "{zone}");
                assert_ne!(pair[0].offset, pair[1].offset, "{zone}");
                let first = pair[0].start == from.timestamp();
                assert!(first || pair[0].end - pair[0].start > 2 * STRIDE, "{zone}");
            }
            for piece in pieces {
                let days = (piece.start..piece.end).step_by(86_400);
                for second in days.chain([piece.end - 1]) {
                    assert_eq!(offset_at(zone, second), piece.offset, "{zone} {second}");
                }
            }
        }
    }
}
