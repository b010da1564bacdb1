//! The same decisions as the crate makes, the slow and obvious way: minute by minute, asking
//! chrono-tz about each. It knows nothing of spans, changes of offset or sorted lists. All that
//! it is asked about is in whole minutes, except for single starts.

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Timelike, Utc};
use chrono_tz::Tz;
use scheduling::availability::WeeklyRule;
use scheduling::interval::Span;
use scheduling::policy::Policy;
use scheduling::slots::{Occupied, OccupiedBy, Schedule};

#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) zone: Tz,
    pub(crate) rules: Vec<WeeklyRule>,
    pub(crate) occupied: Vec<Occupied>,
    pub(crate) policy: Policy,
    pub(crate) now: DateTime<Utc>,
    pub(crate) window: Span,
    pub(crate) length: TimeDelta,
}

/// For each minute from the beginning of the window until no slot can reach further: whether the
/// tutor is there.
pub(crate) struct Oracle<'a> {
    case: &'a Case,
    open: Vec<bool>,
}

impl Case {
    pub(crate) fn schedule(&self) -> Schedule<'_> {
        Schedule {
            zone: self.zone,
            rules: &self.rules,
            occupied: &self.occupied,
            policy: &self.policy,
        }
    }
}

impl<'a> Oracle<'a> {
    pub(crate) fn new(case: &'a Case) -> Self {
        let total = case.window.duration() + case.length;
        let open = (0..total.num_minutes())
            .map(|minute| is_open(case, case.window.start() + TimeDelta::minutes(minute)))
            .collect();
        Self { case, open }
    }

    /// Every minute of the window at which a slot can begin.
    pub(crate) fn starts(&self) -> Vec<DateTime<Utc>> {
        (0..self.case.window.duration().num_minutes())
            .map(|minute| self.case.window.start() + TimeDelta::minutes(minute))
            .filter(|start| self.codes(*start).is_empty())
            .collect()
    }

    /// The codes of all reasons against the slot that begins at `start`, in alphabetical order.
    pub(crate) fn codes(&self, start: DateTime<Utc>) -> Vec<&'static str> {
        let (case, end) = (self.case, start + self.case.length);
        let mut codes: Vec<_> = case
            .occupied
            .iter()
            .filter(|other| start < other.span.end() && other.span.start() < end)
            .map(|other| match other.by {
                OccupiedBy::Lesson => "lesson",
                OccupiedBy::CalendarBusy => "calendar_busy",
                OccupiedBy::StudentBusy => "student_busy",
            })
            .collect();
        if !self.all_open(start, end) {
            codes.push("outside_availability");
        }
        if start < case.now + case.policy.minimum_notice {
            codes.push("notice");
        }
        if start > case.now + case.policy.horizon {
            codes.push("horizon");
        }
        let local = start.with_timezone(&case.zone);
        let into_day = TimeDelta::seconds(i64::from(local.num_seconds_from_midnight()));
        if into_day.num_seconds() % case.policy.start_grid.num_seconds() != 0 {
            codes.push("grid");
        }
        codes.sort_unstable();
        codes
    }

    fn all_open(&self, start: DateTime<Utc>, end: DateTime<Utc>) -> bool {
        let from = (start - self.case.window.start()).num_minutes();
        let to = (end - self.case.window.start() + TimeDelta::seconds(59)).num_minutes();
        (from..to).all(|minute| usize::try_from(minute).is_ok_and(|minute| self.open[minute]))
    }
}

fn is_open(case: &Case, instant: DateTime<Utc>) -> bool {
    let local = instant.with_timezone(&case.zone).naive_local();
    let (today, time) = (local.date(), local.time());
    let yesterday = today.pred_opt().expect("a day before");
    case.rules.iter().any(|rule| {
        if rule.start < rule.end {
            starts_on(rule, today) && rule.start <= time && time < rule.end
        } else {
            starts_on(rule, today) && rule.start <= time
                || starts_on(rule, yesterday) && time < rule.end
        }
    })
}

fn starts_on(rule: &WeeklyRule, date: NaiveDate) -> bool {
    date.weekday() == rule.weekday
        && rule.valid_from.is_none_or(|from| from <= date)
        && rule.valid_until.is_none_or(|until| date <= until)
}
