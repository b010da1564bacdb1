//! Whether the lessons of a series can be, one by one.

use crate::{
    error::{Error, Occurrence, Verdict},
    service::slot::{About, Times},
};
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use scheduling::{
    interval::Span,
    policy::{Policy, reach},
    slots::{Occupancy, Occupied, OccupiedBy, alternatives},
};

/// How many other times are offered for each lesson that can't be.
const ALTERNATIVES: usize = 3;

/// Beyond every horizon: no series reaches further.
const BEYOND: TimeDelta = TimeDelta::days(100 * 366);

/// When one lesson of a series is wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    /// When the rule wants it, on the wall clock of the series.
    pub(super) recurrence_id: NaiveDateTime,
    pub(super) at: When,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum When {
    /// As the rule wants it, and so not on a holiday.
    ByRule(Span),
    /// Just then.
    Then(Span),
    /// Not at all.
    Never,
    /// At a time that the clock skips, so never either, though it is wanted.
    Skipped,
}

impl When {
    pub(super) fn span(self) -> Option<Span> {
        match self {
            Self::ByRule(span) | Self::Then(span) => Some(span),
            Self::Never | Self::Skipped => None,
        }
    }
}

/// Who wants it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish<'a> {
    pub(super) about: &'a About,
    /// Whether the caller may know what the tutor does.
    pub(super) sees_all: bool,
    /// Codes of what does not matter to the caller.
    pub(super) disregarded: &'a [&'a str],
    pub(super) now: DateTime<Utc>,
}

/// A verdict for each lesson, as if those before it that can be were booked.
///
/// # Errors
/// [`Error::Invalid`] for what the tutor does not offer.
pub(super) fn judge(
    times: &Times,
    candidates: &[Candidate],
    wish: &Wish,
) -> Result<Vec<Occurrence>, Error> {
    let mut accepted = Vec::new();
    let mut judged = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        let occurrence = judge_one(times, candidate, &accepted, wish)?;
        if let (Verdict::Free, Some(span)) = (occurrence.verdict, candidate.at.span()) {
            accepted.push(lesson(span));
        }
        judged.push(occurrence);
    }
    add_alternatives(times, &mut judged, candidates, &accepted, wish)?;
    Ok(judged)
}

fn lesson(span: Span) -> Occupied {
    Occupied {
        span,
        by: OccupiedBy::Lesson,
    }
}

fn judge_one(
    times: &Times,
    candidate: &Candidate,
    accepted: &[Occupied],
    wish: &Wish,
) -> Result<Occurrence, Error> {
    let mut occurrence = Occurrence {
        recurrence_id: candidate.recurrence_id,
        span: candidate.at.span().map(|span| (span.start(), span.end())),
        verdict: Verdict::Skipped,
        conflicts: Vec::new(),
        alternatives: Vec::new(),
    };
    let span = match candidate.at {
        When::ByRule(span) | When::Then(span) => span,
        When::Never => return Ok(occurrence),
        When::Skipped => {
            occurrence.verdict = Verdict::Unavailable;
            return Ok(occurrence);
        }
    };
    let (tutor, occupancy) = times.only()?;
    let near = near(occupancy, accepted, span, &tutor.timetable.policy);
    let of = (tutor, &near);
    occurrence.conflicts = times.obstacles_of(of, wish.about, span, wish.now, wish.sees_all)?;
    let matters = |code| !wish.disregarded.contains(&code);
    occurrence.conflicts.retain(|it| matters(it.code));
    let is_holiday = occurrence.conflicts.iter().any(|it| it.code == "holiday");
    occurrence.verdict = match candidate.at {
        _ if occurrence.conflicts.is_empty() => Verdict::Free,
        When::ByRule(_) if is_holiday => Verdict::Holiday,
        _ => Verdict::Unavailable,
    };
    Ok(occurrence)
}

/// What of all that occupies the tutor can matter to a lesson.
fn near(occupancy: &Occupancy, accepted: &[Occupied], span: Span, policy: &Policy) -> Occupancy {
    let start = Span::lasting(span.start(), TimeDelta::seconds(1)).unwrap_or(span);
    let reach = reach(start, span.duration(), policy).unwrap_or(span);
    let all = occupancy.as_slice().iter().chain(accepted);
    Occupancy::new(all.filter(|it| it.span.overlaps(&reach)).copied().collect())
}

fn add_alternatives(
    times: &Times,
    judged: &mut [Occurrence],
    candidates: &[Candidate],
    accepted: &[Occupied],
    wish: &Wish,
) -> Result<(), Error> {
    let (tutor, occupancy) = times.only()?;
    let mut policy = tutor.timetable.policy.clone();
    if wish.disregarded.contains(&"horizon") {
        policy.horizon = BEYOND;
    }
    let occupied = Occupancy::new([occupancy.as_slice(), accepted].concat());
    let lengths = tutor.lengths(wish.about.subject.as_deref(), wish.about.level.as_deref());
    let mut schedule = times.schedule(tutor, &occupied, &lengths);
    schedule.policy = &policy;
    for (occurrence, candidate) in judged.iter_mut().zip(candidates) {
        if let (Verdict::Unavailable, Some(span)) = (occurrence.verdict, candidate.at.span()) {
            let found = alternatives(&schedule, span, wish.now, ALTERNATIVES);
            let found = found.iter().map(|slot| (slot.start(), slot.end()));
            occurrence.alternatives = found.collect();
        }
    }
    Ok(())
}
