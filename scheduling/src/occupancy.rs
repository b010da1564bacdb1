//! What stands in the way of a tutor's lessons.

use chrono::TimeDelta;

use crate::interval::Span;
use crate::seconds::{Seconds, ceil_second, floor_second};

/// A span in which a tutor can't be booked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Occupied {
    /// The whole of it, also where it reaches out of the time that is asked about.
    pub span: Span,
    /// What it is.
    pub by: OccupiedBy,
}

/// What occupies a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OccupiedBy {
    /// A lesson that the tutor gives.
    Lesson,
    /// A lesson that the tutor gives, with room for several students.
    GroupLesson,
    /// A lesson that the tutor takes, as somebody else's student. It does not count towards the
    /// caps.
    OwnLesson,
    /// A slot set aside for some student.
    Hold,
    /// Something in one of the tutor's own calendars.
    CalendarBusy,
}

impl OccupiedBy {
    /// Whether it counts towards the caps on lessons.
    pub(crate) fn counts(self) -> bool {
        self.is_taught() || self == Self::Hold
    }

    fn is_taught(self) -> bool {
        matches!(self, Self::Lesson | Self::GroupLesson)
    }
}

/// All that occupies one tutor's time, in order. The spans may overlap each other: a lesson is
/// busy in the tutor's calendar as well.
#[derive(Clone, Debug, Default)]
pub struct Occupancy {
    sorted: Vec<Occupied>,
    /// How many seconds the longest one touches.
    longest: i64,
}

impl Occupancy {
    /// Sorts what is occupied, which costs next to nothing if it is sorted by start already.
    pub fn new(mut occupied: Vec<Occupied>) -> Self {
        occupied.sort_unstable();
        let lengths = occupied.iter().map(|occupied| {
            let seconds = Seconds::touched_by(occupied.span);
            seconds.end - seconds.start
        });
        Self {
            longest: lengths.max().unwrap_or(0),
            sorted: occupied,
        }
    }

    /// All of it, sorted by start.
    pub fn as_slice(&self) -> &[Occupied] {
        &self.sorted
    }

    /// How long the lessons are that the tutor gives and that start in `window`.
    pub fn taught_in(&self, window: Span) -> TimeDelta {
        let starts_before = |instant| move |occupied: &Occupied| occupied.span.start() < instant;
        let first = self.sorted.partition_point(starts_before(window.start()));
        let in_window = self.sorted[first..]
            .iter()
            .take_while(|occupied| starts_before(window.end())(occupied));
        let taught = in_window.filter(|occupied| occupied.by.is_taught());
        taught.map(|occupied| occupied.span.duration()).sum()
    }

    /// What overlaps `seconds`, and the seconds that it touches.
    pub(crate) fn overlapping(
        &self,
        seconds: Seconds,
    ) -> impl Iterator<Item = (&Occupied, Seconds)> {
        let over = |occupied: &Occupied| {
            floor_second(occupied.span.start()) + self.longest <= seconds.start
        };
        let first = self.sorted.partition_point(over);
        self.sorted[first..]
            .iter()
            .map(|occupied| (occupied, Seconds::touched_by(occupied.span)))
            .take_while(move |(_, touched)| touched.start < seconds.end)
            .filter(move |(_, touched)| seconds.start < touched.end)
    }
}

/// Which of tidy spans overlap `seconds`, and the seconds that they touch.
pub(crate) fn overlapping(
    tidy: &[Span],
    seconds: Seconds,
) -> impl Iterator<Item = (Span, Seconds)> {
    let first = tidy.partition_point(|span| ceil_second(span.end()) <= seconds.start);
    let touched = tidy[first..]
        .iter()
        .map(|span| (*span, Seconds::touched_by(*span)));
    touched.take_while(move |(_, touched)| touched.start < seconds.end)
}
