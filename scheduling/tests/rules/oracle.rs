//! The same decisions as the crate makes, the slow and obvious way: minute by minute, asking
//! chrono-tz about each. It knows nothing of spans, changes of offset or sorted lists, and uses
//! nothing of the crate but its types. All that it is asked about is in whole minutes.

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use scheduling::availability::{DateRange, LocalHours, TimeOff};
use scheduling::interval::Span;
use scheduling::policy::StartGrid;
use scheduling::slots::OccupiedBy::{CalendarBusy, GroupLesson, Hold, Lesson, OwnLesson};

use crate::support::Tutor;

/// A question about a tutor.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) tutor: Tutor,
    pub(crate) now: DateTime<Utc>,
    pub(crate) window: Span,
    pub(crate) length: TimeDelta,
}

/// What is so in one minute.
#[expect(clippy::struct_excessive_bools, reason = "they are independent")]
#[derive(Clone, Debug)]
struct Minute {
    local: NaiveDateTime,
    in_hours: bool,
    in_weekly_rules: bool,
    off: bool,
    holiday: bool,
    ended: bool,
}

/// Every minute from the beginning of the window until no slot can reach further.
pub(crate) struct Oracle<'a> {
    case: &'a Case,
    minutes: Vec<Minute>,
    /// The local date of each lesson that a cap counts.
    lessons: Vec<NaiveDate>,
}

impl<'a> Oracle<'a> {
    pub(crate) fn new(case: &'a Case) -> Self {
        let total = case.window.duration() + case.length;
        let minutes = (0..total.num_minutes())
            .map(|minute| {
                look_at(
                    &case.tutor,
                    case.window.start() + TimeDelta::minutes(minute),
                )
            })
            .collect();
        let counted = case.tutor.occupied.as_slice().iter();
        let counted = counted.filter(|occupied| matches!(occupied.by, Lesson | GroupLesson | Hold));
        let local = |start: DateTime<Utc>| start.with_timezone(&case.tutor.zone).date_naive();
        Self {
            case,
            minutes,
            lessons: counted.map(|it| local(it.span.start())).collect(),
        }
    }

    /// Every minute of the window at which a slot can begin.
    pub(crate) fn starts(&self) -> Vec<DateTime<Utc>> {
        (0..self.case.window.duration().num_minutes())
            .map(|minute| self.case.window.start() + TimeDelta::minutes(minute))
            .filter(|start| self.accepts(*start))
            .collect()
    }

    /// As `codes(start).is_empty()`, but gives up early.
    fn accepts(&self, start: DateTime<Utc>) -> bool {
        self.minutes_of(start)
            .first()
            .is_some_and(|first| first.in_hours)
            && !self.off_grid(start)
            && self.codes(start).is_empty()
    }

    fn minutes_of(&self, start: DateTime<Utc>) -> &[Minute] {
        let at = |instant: DateTime<Utc>| {
            let minute = (instant - self.case.window.start()).num_minutes();
            usize::try_from(minute).expect("a minute of the window")
        };
        &self.minutes[at(start)..at(start + self.case.length)]
    }

    /// The codes of all reasons against the slot that begins at `start`.
    pub(crate) fn codes(&self, start: DateTime<Utc>) -> BTreeSet<&'static str> {
        let Case {
            tutor, now, length, ..
        } = self.case;
        let policy = &tutor.policy;
        let minutes = self.minutes_of(start);
        let (end, date) = (start + *length, minutes[0].local.date());
        let mut codes = BTreeSet::new();
        let mut refuse = |reason: bool, code| {
            if reason {
                codes.insert(code);
            }
        };
        let in_hours = minutes.iter().all(|minute| minute.in_hours);
        let usually = minutes.iter().all(|minute| minute.in_weekly_rules);
        refuse(!in_hours && usually, "override_closed");
        refuse(!in_hours && !usually, "outside_availability");
        refuse(minutes.iter().any(|minute| minute.off), "time_off");
        refuse(minutes.iter().any(|minute| minute.holiday), "holiday");
        refuse(minutes.iter().any(|minute| minute.ended), "tutor_ended");
        for occupied in tutor.occupied.as_slice() {
            let (from, to) = (occupied.span.start(), occupied.span.end());
            let overlaps = from < end && start < to;
            refuse(
                overlaps,
                match occupied.by {
                    Lesson | GroupLesson | OwnLesson => "lesson",
                    Hold => "hold",
                    CalendarBusy => "calendar_busy",
                },
            );
            let (before, after) = match occupied.by {
                CalendarBusy => (policy.buffer_before, policy.buffer_after),
                Lesson | GroupLesson | OwnLesson | Hold => {
                    let longer = policy.buffer_before.max(policy.buffer_after);
                    (longer, longer)
                }
            };
            let just_before = to <= start && start - to < before;
            let just_after = end <= from && from - end < after;
            refuse(just_before || just_after, "buffer");
        }
        refuse(tutor.calendar_unknown, "calendar_unknown");
        refuse(
            start < *now || start - *now < policy.minimum_notice,
            "notice",
        );
        refuse(start - *now > policy.horizon, "horizon");
        let lessons = |wanted: &dyn Fn(NaiveDate) -> bool| {
            self.lessons.iter().filter(|date| wanted(**date)).count()
        };
        let full = |cap: Option<u32>, count| cap.is_some_and(|cap| count >= cap as usize);
        let on_date = lessons(&|other| other == date);
        let in_week = lessons(&|other| other.iso_week() == date.iso_week());
        refuse(full(policy.max_lessons_per_day, on_date), "daily_cap");
        refuse(full(policy.max_lessons_per_week, in_week), "weekly_cap");
        refuse(self.off_grid(start), "grid");
        refuse(!tutor.lengths.contains(length), "length_not_offered");
        let student = tutor.student_busy.iter();
        let student = student.filter(|span| span.start() < end && start < span.end());
        refuse(student.count() > 0, "student_busy");
        codes
    }

    fn off_grid(&self, start: DateTime<Utc>) -> bool {
        let tutor = &self.case.tutor;
        let local = self.minutes_of(start)[0].local;
        match tutor.policy.start_grid {
            StartGrid::Midnight(step) => {
                let since = local - local.date().and_time(NaiveTime::MIN);
                since.num_minutes() % step.num_minutes() != 0
            }
            StartGrid::SpanStart(step) => {
                let begun = hours_around(tutor, local, true).into_iter();
                let last = begun.map(|(from, _)| from).max();
                last.is_some_and(|from| (local - from).num_minutes() % step.num_minutes() != 0)
            }
        }
    }
}

fn look_at(tutor: &Tutor, instant: DateTime<Utc>) -> Minute {
    let local = instant.with_timezone(&tutor.zone).naive_local();
    let date = local.date();
    let is_in = |range: &DateRange| range.first <= date && date <= range.last;
    let overrides = tutor.overrides.iter();
    let mut overrides = overrides.filter(|other| other.date == date);
    let opened = overrides.any(|other| !other.hours.is_empty());
    Minute {
        local,
        in_hours: !hours_around(tutor, local, true).is_empty(),
        in_weekly_rules: !hours_around(tutor, local, false).is_empty(),
        off: tutor.time_off.iter().any(|time_off| match time_off {
            TimeOff::Span(span) => span.start() <= instant && instant < span.end(),
            TimeOff::Dates(range) => is_in(range),
        }),
        holiday: !opened && tutor.holidays.iter().any(is_in),
        ended: tutor.last_date.is_some_and(|last| date > last),
    }
}

/// The hours, as local beginning and end, that contain a local time.
fn hours_around(
    tutor: &Tutor,
    local: NaiveDateTime,
    with_overrides: bool,
) -> Vec<(NaiveDateTime, NaiveDateTime)> {
    let mut around = Vec::new();
    for date in [local.date().pred_opt().expect("a date"), local.date()] {
        for hours in hours_of(tutor, date, with_overrides) {
            let end_date = if hours.start < hours.end {
                date
            } else {
                date.succ_opt().expect("a date")
            };
            let (from, to) = (date.and_time(hours.start), end_date.and_time(hours.end));
            if from <= local && local < to {
                around.push((from, to));
            }
        }
    }
    around
}

/// What starts on a date.
fn hours_of(tutor: &Tutor, date: NaiveDate, with_overrides: bool) -> Vec<LocalHours> {
    let overrides: Vec<_> = tutor
        .overrides
        .iter()
        .filter(|other| other.date == date)
        .collect();
    if with_overrides && !overrides.is_empty() {
        return overrides
            .iter()
            .flat_map(|other| other.hours.clone())
            .collect();
    }
    let rules = tutor.weekly_rules.iter();
    let rules = rules.filter(|rule| {
        date.weekday() == rule.weekday
            && rule.valid_from.is_none_or(|from| from <= date)
            && rule.valid_until.is_none_or(|until| date <= until)
    });
    rules
        .map(|rule| LocalHours {
            start: rule.start,
            end: rule.end,
        })
        .collect()
}
