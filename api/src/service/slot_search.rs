//! Slots of all tutors who teach something, in one list.

use super::{
    TutorId,
    slot::{LONGEST_WINDOW, Times, window},
};
use crate::{
    app::App,
    error::Error,
    service::UserId,
    store::{self, tutor::Eligible},
};
use chrono::{DateTime, TimeDelta, Utc};
use scheduling::{
    interval::Span,
    ranking::{Standing, Weights, merge},
    slots::slots,
};
use std::collections::HashMap;

/// Among so many tutors one can search at once.
pub const MOST_TUTORS: usize = 5000;

/// How far back lessons count as lessons together.
const TOGETHER_SINCE: TimeDelta = TimeDelta::days(365);

/// What the lesson is to be, and with whom.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Slug of the subject.
    pub subject: String,
    pub level: Option<String>,
    /// BCP 47 tag of a language of lessons.
    pub language: Option<String>,
    /// Only these tutors, where there are any.
    pub tutors: Vec<TutorId>,
    pub minutes: i16,
    pub rank: Rank,
}

/// What decides which of the tutors who have a slot is named first.
#[derive(Clone, Copy, Debug)]
pub enum Rank {
    /// Load and continuity, by the weights in the configuration.
    Balanced,
    /// Who teaches least in the window.
    Load,
    /// With whom the student has had most lessons.
    Continuity,
}

/// A tutor who has at least one of the slots, or could have.
#[derive(Clone, Debug)]
pub struct RankedTutor {
    pub tutor: Eligible,
    pub standing: Standing,
}

/// A slot and the places, in [`Found::tutors`], of those who have it.
pub type FoundSlot = (Span, Vec<usize>);

/// What a search found.
#[derive(Debug, Default)]
pub struct Found {
    /// The best first.
    pub tutors: Vec<RankedTutor>,
    /// By start.
    pub slots: Vec<FoundSlot>,
}

/// Slots that begin in a window, after `after` where that is given, at most `limit`. A fixed number of queries,
/// whatever the number of tutors.
///
/// # Errors
/// [`Error::Invalid`] for a window that is empty or longer than [`LONGEST_WINDOW`], and where more than
/// [`MOST_TUTORS`] teach this.
pub async fn search(
    app: &App,
    student: UserId,
    wanted: &Wanted,
    (from, to): (DateTime<Utc>, DateTime<Utc>),
    after: Option<DateTime<Utc>>,
    limit: usize,
) -> Result<Found, Error> {
    let window = window(from, to)?;
    let eligible = eligible(app, student, wanted).await?;
    find(app, student, wanted, eligible, window, after, limit).await
}

/// The first slot that begins at `from` or later, as far ahead as anything can be booked.
///
/// # Errors
/// As [`search`].
pub async fn next(
    app: &App,
    student: UserId,
    wanted: &Wanted,
    from: DateTime<Utc>,
) -> Result<Found, Error> {
    let eligible = eligible(app, student, wanted).await?;
    let from = from.max(app.clock.now());
    let mut begin = from;
    while begin - from < FARTHEST {
        let length = if begin == from { NEAR } else { LONGEST_WINDOW };
        let Some(window) = Span::lasting(begin, length) else {
            break;
        };
        let found = find(app, student, wanted, eligible.clone(), window, None, 1).await?;
        if !found.slots.is_empty() {
            return Ok(found);
        }
        begin = window.end();
    }
    Ok(Found::default())
}

/// Where the next slot is looked for first.
const NEAR: TimeDelta = TimeDelta::days(7);

/// No horizon is farther.
const FARTHEST: TimeDelta = TimeDelta::days(730);

async fn eligible(app: &App, student: UserId, wanted: &Wanted) -> Result<Vec<Eligible>, Error> {
    let filter = store::tutor::Teaches {
        subject: &wanted.subject,
        level: wanted.level.as_deref(),
        language: wanted.language.as_deref(),
        minutes: wanted.minutes,
        among: &wanted.tutors,
        except: student,
    };
    let found = store::tutor::eligible(&app.db, filter, MOST_TUTORS + 1).await?;
    if found.len() > MOST_TUTORS {
        let detail = format!("more than {MOST_TUTORS} tutors teach this: ask for less");
        return Err(Error::invalid("subject", "too_many_tutors", detail));
    }
    Ok(found)
}

async fn find(
    app: &App,
    student: UserId,
    wanted: &Wanted,
    eligible: Vec<Eligible>,
    window: Span,
    after: Option<DateTime<Utc>>,
    limit: usize,
) -> Result<Found, Error> {
    let (now, length) = (app.clock.now(), TimeDelta::minutes(wanted.minutes.into()));
    let ids: Vec<TutorId> = eligible.iter().map(|tutor| tutor.id).collect();
    let times = Times::load(app, &app.db, &ids, student, window, length).await?;
    let together = store::booking::lessons_together(&app.db, student, now - TOGETHER_SINCE).await?;
    let tutors = ranked(app, wanted.rank, eligible, &times, &together, window);

    let begin = after.map_or(window.start(), |after| after + TimeDelta::seconds(1));
    let Some(rest) = Span::new(begin, window.end()) else {
        return Ok(Found {
            tutors,
            slots: Vec::new(),
        });
    };
    let lengths = [length];
    let of_tutors = tutors.iter().filter_map(|ranked| {
        let timetable = times.of_tutor(ranked.tutor.id)?;
        Some(slots(
            &times.schedule(timetable, &lengths),
            rest,
            length,
            now,
        ))
    });
    let slots = merge(of_tutors).take(limit).collect();
    Ok(Found { tutors, slots })
}

/// The tutors, the best first; of two that are equally good the one who has served longer.
fn ranked(
    app: &App,
    rank: Rank,
    eligible: Vec<Eligible>,
    times: &Times,
    together: &HashMap<TutorId, u32>,
    window: Span,
) -> Vec<RankedTutor> {
    let weights = match rank {
        Rank::Balanced => app.config.centre.ranking,
        Rank::Load => Weights {
            load: 1,
            continuity: 0,
        },
        Rank::Continuity => Weights {
            load: 0,
            continuity: 1,
        },
    };
    let mut tutors: Vec<_> = eligible
        .into_iter()
        .filter(|tutor| times.of_tutor(tutor.id).is_some())
        .map(|tutor| RankedTutor {
            standing: Standing {
                load: times.occupied.of_tutor(tutor.id).taught_in(window),
                lessons_together: together.get(&tutor.id).copied().unwrap_or_default(),
            },
            tutor,
        })
        .collect();
    tutors.sort_by_key(|ranked| (weights.rank(ranked.standing), ranked.tutor.id));
    tutors
}
