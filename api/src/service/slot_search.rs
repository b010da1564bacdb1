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
    let searched = Searched::load(app, student, wanted, window).await?;
    let rest = match after {
        None => Some(window),
        Some(after) => Span::new(window.start().max(after + A_SECOND), window.end()),
    };
    Ok(searched.found(app, window, rest, limit))
}

/// Slots begin at whole seconds.
const A_SECOND: TimeDelta = TimeDelta::seconds(1);

/// The first slot that begins at `from` or later, as far ahead as anything can be booked. A fixed number of queries,
/// and one more for every two months that have none.
///
/// # Errors
/// [`Error::Invalid`] where more than [`MOST_TUTORS`] teach this.
pub async fn next(
    app: &App,
    student: UserId,
    wanted: &Wanted,
    from: DateTime<Utc>,
) -> Result<Found, Error> {
    let now = app.clock.now();
    let Some(mut window) = Span::lasting(from.max(now), NEAR) else {
        return Ok(Found::default());
    };
    let mut searched = Searched::load(app, student, wanted, window).await?;
    let latest = searched.times.latest_start(now);
    loop {
        let found = searched.found(app, window, Some(window), 1);
        let farther = Span::lasting(window.end(), LONGEST_WINDOW);
        match farther.filter(|farther| latest.is_some_and(|latest| farther.start() <= latest)) {
            Some(farther) if found.slots.is_empty() => window = farther,
            _ => return Ok(found),
        }
        let length = searched.length;
        searched.times.move_to(&app.db, window, length).await?;
    }
}

/// Where the next slot is looked for first.
const NEAR: TimeDelta = TimeDelta::days(7);

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

/// All that a search is made in.
struct Searched {
    eligible: Vec<Eligible>,
    times: Times,
    lessons_together: HashMap<TutorId, u32>,
    length: TimeDelta,
    rank: Rank,
}

impl Searched {
    async fn load(
        app: &App,
        student: UserId,
        wanted: &Wanted,
        window: Span,
    ) -> Result<Self, Error> {
        let eligible = eligible(app, student, wanted).await?;
        let ids: Vec<TutorId> = eligible.iter().map(|tutor| tutor.id).collect();
        let length = TimeDelta::minutes(wanted.minutes.into());
        let since = app.clock.now() - TOGETHER_SINCE;
        Ok(Self {
            times: Times::load(app, &app.db, &ids, student, window, length).await?,
            lessons_together: store::booking::lessons_together(&app.db, student, since).await?,
            eligible,
            length,
            rank: wanted.rank,
        })
    }

    /// The first slots that begin in `rest` of the window, if there is any.
    fn found(&self, app: &App, window: Span, rest: Option<Span>, limit: usize) -> Found {
        let tutors = self.ranked(app.config.centre.ranking, window);
        let lengths = [self.length];
        let slots = rest.map(|rest| {
            let of_tutors = tutors.iter().filter_map(|ranked| {
                let timetable = self.times.of_tutor(ranked.tutor.id)?;
                let schedule = self.times.schedule(timetable, &lengths);
                Some(slots(&schedule, rest, self.length, app.clock.now()))
            });
            merge(of_tutors).take(limit).collect()
        });
        Found {
            slots: slots.unwrap_or_default(),
            tutors,
        }
    }

    /// The tutors, the best first; of two that are equally good the one who has served longer.
    fn ranked(&self, balanced: Weights, window: Span) -> Vec<RankedTutor> {
        let only = |load, continuity| Weights { load, continuity };
        let weights = match self.rank {
            Rank::Balanced => balanced,
            Rank::Load => only(1, 0),
            Rank::Continuity => only(0, 1),
        };
        let standing = |tutor: &Eligible| Standing {
            load: self.times.occupied.of_tutor(tutor.id).taught_in(window),
            lessons_together: self
                .lessons_together
                .get(&tutor.id)
                .copied()
                .unwrap_or_default(),
        };
        let tutors = self.eligible.iter().map(|tutor| RankedTutor {
            standing: standing(tutor),
            tutor: tutor.clone(),
        });
        let mut tutors: Vec<_> = tutors.collect();
        tutors.sort_by_key(|ranked| (weights.rank(ranked.standing), ranked.tutor.id));
        tutors
    }
}
