//! Why a slot can't be booked.

use chrono::{DateTime, Utc};

use crate::availability::{Availability, TimeOff, shortened};
use crate::caps::Lessons;
use crate::hours::{after_last_date, closed_by_holidays, local_hours, span_of};
use crate::interval::Span;
use crate::local_clock::LocalClock;
use crate::occupancy::{Occupied, OccupiedBy, overlapping};
use crate::policy::{Cap, StartGrid};
use crate::seconds::{DAY, Seconds, Stretch};
use crate::slots::Schedule;

/// A reason why a slot can't be booked. Reasons are in the order in which they stand here, and
/// those of one kind in the order of what stands in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refusal {
    /// All or part of it is not in the tutor's hours.
    OutsideAvailability,
    /// It would be in the hours of the tutor's weekly rules, but an override says otherwise.
    /// This stands in place of [`Self::OutsideAvailability`].
    OverrideClosed,
    /// The tutor is away.
    TimeOff {
        /// When. Dates reach from the first to the last instant that shows them in the zone.
        conflict: Span,
    },
    /// The centre is closed.
    Holiday {
        /// From the first to the last instant of the holiday in the tutor's zone.
        conflict: Span,
    },
    /// It is after the tutor's last date.
    TutorEnded,
    /// The tutor gives or takes a lesson.
    Lesson {
        /// When that lesson is.
        conflict: Span,
    },
    /// The slot is set aside for somebody.
    Hold {
        /// What is set aside.
        conflict: Span,
    },
    /// The tutor's own calendar says busy.
    CalendarBusy {
        /// When it says so.
        conflict: Span,
    },
    /// Nobody knows any more what the tutor's own calendar says, of whatever time.
    CalendarUnknown,
    /// It is too near to something that it does not overlap.
    Buffer {
        /// When that is.
        conflict: Span,
    },
    /// It begins too soon, or has begun.
    Notice,
    /// It begins too far ahead.
    Horizon,
    /// The tutor has as many lessons on that date as may be.
    DailyCap,
    /// The tutor has as many lessons in that week as may be.
    WeeklyCap,
    /// It begins at a time at which lessons don't begin.
    Grid,
    /// The tutor gives no lessons of this length.
    LengthNotOffered,
    /// The student has something else.
    StudentBusy {
        /// When that is.
        conflict: Span,
    },
}

impl Refusal {
    /// The stable name of the reason, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::OutsideAvailability => "outside_availability",
            Self::OverrideClosed => "override_closed",
            Self::TimeOff { .. } => "time_off",
            Self::Holiday { .. } => "holiday",
            Self::TutorEnded => "tutor_ended",
            Self::Lesson { .. } => "lesson",
            Self::Hold { .. } => "hold",
            Self::CalendarBusy { .. } => "calendar_busy",
            Self::CalendarUnknown => "calendar_unknown",
            Self::Buffer { .. } => "buffer",
            Self::Notice => "notice",
            Self::Horizon => "horizon",
            Self::DailyCap => "daily_cap",
            Self::WeeklyCap => "weekly_cap",
            Self::Grid => "grid",
            Self::LengthNotOffered => "length_not_offered",
            Self::StudentBusy { .. } => "student_busy",
        }
    }

    /// The span that stands in the way, if the reason is one.
    pub fn conflict(&self) -> Option<Span> {
        match *self {
            Self::TimeOff { conflict }
            | Self::Holiday { conflict }
            | Self::Lesson { conflict }
            | Self::Hold { conflict }
            | Self::CalendarBusy { conflict }
            | Self::Buffer { conflict }
            | Self::StudentBusy { conflict } => Some(conflict),
            Self::OutsideAvailability
            | Self::OverrideClosed
            | Self::TutorEnded
            | Self::CalendarUnknown
            | Self::Notice
            | Self::Horizon
            | Self::DailyCap
            | Self::WeeklyCap
            | Self::Grid
            | Self::LengthNotOffered => None,
        }
    }
}

/// Every reason why `slot` can't be booked at `now`, in the order of [`Refusal`]; none if it can.
/// There is one for each span that stands in the way.
///
/// What a slot longer than [`LONGEST_WINDOW`](crate::availability::LONGEST_WINDOW) has beyond
/// that is outside the availability.
pub fn refusals(schedule: &Schedule, slot: Span, now: DateTime<Utc>) -> Vec<Refusal> {
    let question = Question::new(schedule, slot);
    let mut reasons = Vec::new();
    reasons.extend(question.outside_hours());
    question.closed(&mut reasons);
    reasons.extend(question.conflicts());
    reasons.extend(
        schedule
            .calendar_unknown
            .then_some(Refusal::CalendarUnknown),
    );
    question.outside_policy(now, &mut reasons);
    reasons.extend(question.off_grid().then_some(Refusal::Grid));
    let student_busy = overlapping(schedule.student_busy, question.seconds);
    reasons.extend(student_busy.map(|(conflict, _)| Refusal::StudentBusy { conflict }));
    reasons.sort_unstable();
    reasons
}

/// A slot about which it is asked, and what the tutor's wall clock shows in it.
struct Question<'a> {
    schedule: &'a Schedule<'a>,
    slot: Span,
    /// The seconds that the slot touches.
    seconds: Seconds,
    clock: LocalClock,
    /// The tutor's hours on the wall clock, before anything closes them.
    hours: Vec<Stretch>,
}

impl<'a> Question<'a> {
    fn new(schedule: &'a Schedule, slot: Span) -> Self {
        let availability = &schedule.availability;
        let looked_at = Seconds::touched_by(shortened(slot));
        let clock = LocalClock::new(availability.zone, looked_at);
        Self {
            schedule,
            slot,
            seconds: Seconds::touched_by(slot),
            hours: local_hours(availability, &clock, schedule.policy.start_grid),
            clock,
        }
    }

    fn overlaps(&self, span: Span) -> bool {
        Seconds::touched_by(span).overlaps(self.seconds)
    }

    fn outside_hours(&self) -> Option<Refusal> {
        if self.all_in(&self.hours) {
            return None;
        }
        let usual = Availability {
            overrides: &[],
            ..self.schedule.availability
        };
        let usual = local_hours(&usual, &self.clock, self.schedule.policy.start_grid);
        Some(if self.all_in(&usual) {
            Refusal::OverrideClosed
        } else {
            Refusal::OutsideAvailability
        })
    }

    /// Whether the wall clock shows nothing but `hours` in all of the slot.
    fn all_in(&self, hours: &[Stretch]) -> bool {
        let mut known = self.seconds.start;
        for open in self.clock.utc_stretches(hours) {
            if open.start > known {
                return false;
            }
            known = open.end;
        }
        known >= self.seconds.end
    }

    fn closed(&self, reasons: &mut Vec<Refusal>) {
        let availability = &self.schedule.availability;
        let away = availability
            .time_off
            .iter()
            .filter_map(|time_off| match *time_off {
                TimeOff::Span(span) => self.overlaps(span).then_some(span),
                TimeOff::Dates(dates) => {
                    let shown = dates.seconds().filter(|local| self.clock.shows(*local));
                    shown.and_then(|_| span_of(dates, availability.zone))
                }
            });
        reasons.extend(away.map(|conflict| Refusal::TimeOff { conflict }));

        let closed = closed_by_holidays(availability, &self.clock);
        let holidays = availability.holidays.iter().filter(|dates| {
            dates.seconds().is_some_and(|dates| {
                let common = closed.iter().filter_map(|closed| closed.intersect(dates));
                common.into_iter().any(|common| self.clock.shows(common))
            })
        });
        let spans = holidays.filter_map(|dates| span_of(*dates, availability.zone));
        reasons.extend(spans.map(|conflict| Refusal::Holiday { conflict }));

        let ended = after_last_date(availability).is_some_and(|after| self.clock.shows(after));
        reasons.extend(ended.then_some(Refusal::TutorEnded));
    }

    /// What the slot overlaps or comes too near to.
    fn conflicts(&self) -> impl Iterator<Item = Refusal> {
        let (before, after) = self.schedule.policy.buffers();
        let widest = before.max(after);
        let near = self.seconds.widened(widest, widest);
        let near = self.schedule.occupied.overlapping(near);
        near.filter_map(move |(occupied, touched)| {
            let (before, after) = gaps(occupied.by, before, after);
            let conflict = occupied.span;
            if touched.overlaps(self.seconds) {
                Some(overlap(*occupied))
            } else if touched.overlaps(self.seconds.widened(before, after)) {
                Some(Refusal::Buffer { conflict })
            } else {
                None
            }
        })
    }

    fn outside_policy(&self, now: DateTime<Utc>, reasons: &mut Vec<Refusal>) {
        let Schedule {
            policy, lengths, ..
        } = self.schedule;
        let start = self.slot.start();
        let too_soon = policy.earliest_start(now).is_none_or(|at| start < at);
        let too_far = start > policy.latest_start(now);
        let start_second = Seconds {
            start: self.seconds.start,
            end: self.seconds.start + 1,
        };
        let lessons = Lessons::around(self.schedule, start_second);
        let reached = |cap: Option<Cap>| {
            let lessons = lessons.as_ref().zip(cap);
            lessons.is_some_and(|(lessons, cap)| lessons.are_enough(cap, self.seconds.start))
        };
        let daily = reached(policy.daily_cap());
        let weekly = reached(policy.weekly_cap());
        let offered = lengths.contains(&self.slot.duration());
        reasons.extend(too_soon.then_some(Refusal::Notice));
        reasons.extend(too_far.then_some(Refusal::Horizon));
        reasons.extend(daily.then_some(Refusal::DailyCap));
        reasons.extend(weekly.then_some(Refusal::WeeklyCap));
        reasons.extend((!offered).then_some(Refusal::LengthNotOffered));
    }

    fn off_grid(&self) -> bool {
        let grid = self.schedule.policy.start_grid;
        let start = self.seconds.start;
        let Some(local) = self.clock.local(start) else {
            return true;
        };
        let anchor = match grid {
            StartGrid::Midnight(_) => Some(local.div_euclid(DAY) * DAY),
            StartGrid::SpanStart(_) => self.anchor_at(local),
        };
        let past_second = self.slot.start().timestamp_subsec_nanos() > 0;
        let off = |anchor| grid.step().is_none_or(|step| (local - anchor) % step != 0);
        // Outside of hours there may be nothing to count from.
        anchor.is_some_and(|anchor| past_second || off(anchor))
    }

    fn anchor_at(&self, local: i64) -> Option<i64> {
        let inside = |hours: &&Stretch| hours.start <= local && local < hours.end;
        self.hours.iter().find(inside).map(|hours| hours.anchor)
    }
}

/// The gaps in seconds that are kept between what occupies and a slot: before the slot, and
/// after it.
pub(crate) fn gaps(by: OccupiedBy, before: i64, after: i64) -> (i64, i64) {
    match by {
        // It keeps its own buffers too.
        OccupiedBy::Lesson | OccupiedBy::GroupLesson | OccupiedBy::OwnLesson | OccupiedBy::Hold => {
            (before.max(after), before.max(after))
        }
        OccupiedBy::CalendarBusy => (before, after),
    }
}

fn overlap(occupied: Occupied) -> Refusal {
    let conflict = occupied.span;
    match occupied.by {
        OccupiedBy::Lesson | OccupiedBy::GroupLesson | OccupiedBy::OwnLesson => {
            Refusal::Lesson { conflict }
        }
        OccupiedBy::Hold => Refusal::Hold { conflict },
        OccupiedBy::CalendarBusy => Refusal::CalendarBusy { conflict },
    }
}
