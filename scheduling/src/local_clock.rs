//! The wall clock of a zone over a stretch of UTC time, as plain arithmetic.
//!
//! Between two changes of its offset a zone's wall clock is UTC plus a constant. So the changes
//! are looked for once, and everything after that is integer sums.

use chrono::{Offset, TimeZone};
use chrono_tz::Tz;

use crate::seconds::{DAY, Seconds, Stretch, instant};

/// How far apart the offset is looked up while searching for changes. Less than the shortest
/// time between two changes in the tz database since 1980: just under seven days, in Recife and
/// Boa Vista in October 2000 and in Gaza in 2040. A test holds the database to that.
const STRIDE: i64 = 6 * DAY;

/// A stretch of time, in UTC seconds `[start, end)`, in which the offset does not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Piece {
    start: i64,
    end: i64,
    /// What to add to UTC to get the wall clock, in seconds.
    offset: i64,
}

impl Piece {
    /// What the wall clock shows.
    fn local(self) -> Seconds {
        Seconds {
            start: self.start + self.offset,
            end: self.end + self.offset,
        }
    }
}

/// The wall clock of a zone over a stretch of time: pieces in order, without holes.
#[derive(Clone, Debug)]
pub(crate) struct LocalClock {
    /// What it covers, in UTC seconds.
    pub(crate) over: Seconds,
    pieces: Vec<Piece>,
}

impl LocalClock {
    /// The wall clock of `zone` over the UTC seconds `over`.
    pub(crate) fn new(zone: Tz, over: Seconds) -> Self {
        let mut pieces = Vec::with_capacity(2);
        let mut piece = Piece {
            start: over.start,
            end: over.end,
            offset: offset_at(zone, over.start),
        };
        let mut known = over.start;
        while known < over.end {
            let next = (known + STRIDE).min(over.end);
            let offset = offset_at(zone, next);
            if offset != piece.offset {
                let change = change_between(zone, known, next, piece.offset);
                pieces.push(Piece {
                    end: change,
                    ..piece
                });
                piece = Piece {
                    start: change,
                    end: over.end,
                    offset,
                };
            }
            known = next;
        }
        if piece.start < piece.end {
            pieces.push(piece);
        }
        Self { over, pieces }
    }

    /// All that the wall clock shows from its earliest to its latest, and what it skips in
    /// between; none if it covers no time.
    fn hull(&self) -> Option<Seconds> {
        let shown = self.pieces.iter().map(|piece| piece.local());
        shown.reduce(|all, local| Seconds {
            start: all.start.min(local.start),
            end: all.end.max(local.end),
        })
    }

    /// The first and the last date that the wall clock shows, in days since 1970-01-01.
    pub(crate) fn days(&self) -> Option<(i64, i64)> {
        let hull = self.hull()?;
        Some((hull.start.div_euclid(DAY), (hull.end - 1).div_euclid(DAY)))
    }

    /// What the wall clock shows at the UTC second `at`, if it covers that.
    pub(crate) fn local(&self, at: i64) -> Option<i64> {
        let here = self.pieces.iter().find(|piece| at < piece.end)?;
        (here.start <= at).then_some(at + here.offset)
    }

    /// Whether the wall clock ever shows any of `local`.
    pub(crate) fn shows(&self, local: Seconds) -> bool {
        self.pieces
            .iter()
            .any(|piece| piece.local().overlaps(local))
    }

    /// When the wall clock shows `local`, in UTC seconds.
    pub(crate) fn utc(&self, local: Seconds) -> impl Iterator<Item = Seconds> {
        let shown = self
            .pieces
            .iter()
            .filter(move |piece| piece.local().overlaps(local));
        shown.map(move |piece| Seconds {
            start: piece.start.max(local.start - piece.offset),
            end: piece.end.min(local.end - piece.offset),
        })
    }

    /// When the wall clock shows each of `local`, in UTC seconds. Both are in order and without
    /// overlaps.
    pub(crate) fn utc_stretches(&self, local: &[Stretch]) -> Vec<Stretch> {
        let mut utc = Vec::with_capacity(local.len() + self.pieces.len());
        for piece in &self.pieces {
            let shown = piece.local();
            let first = local.partition_point(|stretch| stretch.end <= shown.start);
            let here = local[first..].iter();
            utc.extend(
                here.take_while(|stretch| stretch.start < shown.end)
                    .map(|stretch| Stretch {
                        start: piece.start.max(stretch.start - piece.offset),
                        end: piece.end.min(stretch.end - piece.offset),
                        anchor: stretch.anchor - piece.offset,
                    }),
            );
        }
        utc
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

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::TZ_VARIANTS;

    /// In every zone, each day and at every change: the clock agrees with chrono-tz, and changes
    /// lie far enough apart to be found.
    #[test]
    fn agrees_with_the_tz_database_in_every_zone() {
        let over = Seconds {
            start: 315_532_800, // 1980
            end: 4_102_444_800, // 2100
        };
        for zone in TZ_VARIANTS {
            let pieces = LocalClock::new(zone, over).pieces;
            assert_eq!(pieces.first().map(|piece| piece.start), Some(over.start));
            assert_eq!(pieces.last().map(|piece| piece.end), Some(over.end));
            for pair in pieces.windows(2) {
                assert_eq!(pair[0].end, pair[1].start, "{zone}");
                assert_ne!(pair[0].offset, pair[1].offset, "{zone}");
                let first = pair[0].start == over.start;
                assert!(first || pair[0].end - pair[0].start > STRIDE, "{zone}");
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
