//! Slots of all tutors who teach something, in one list.

use super::{
    TutorId, UserId,
    caller::Caller,
    group_lesson::{self, GroupLesson},
    slot::{LONGEST_WINDOW, Times, ahead, window},
    tutor::{self, Tutor},
};
use crate::{app::App, error::Error, store::tutor::Filter};
use chrono::{DateTime, TimeDelta, Utc};
use scheduling::{
    interval::Span,
    ranking::{Standing, Weights, merge},
    slots::{Occupancy, slots},
};
use std::{collections::HashMap, sync::Arc};

/// Among so many tutors one can search at once.
pub const MOST_TUTORS: u16 = 5000;

/// A page ends early where its slots name so many tutors altogether.
const MOST_NAMED: usize = 20_000;

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
    pub tutor: Arc<Tutor>,
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
    /// Whether there are more slots than these.
    pub more: bool,
    /// Those with a free seat, from the first of these slots on and, where there are more slots, no farther than the last.
    pub group_lessons: Vec<GroupLesson>,
}

/// Slots that begin in a window, after `after` where that is given, at most `limit`. A fixed number of queries,
/// whatever the number of tutors.
///
/// # Errors
/// [`Error::Invalid`] for a window that is empty or longer than [`LONGEST_WINDOW`], for a subject or a level of it
/// that there is not, and where more than [`MOST_TUTORS`] teach this.
pub async fn search(
    app: &App,
    (caller, student): (&Caller, Option<UserId>),
    wanted: &Wanted,
    (from, to): (DateTime<Utc>, DateTime<Utc>),
    after: Option<DateTime<Utc>>,
    limit: usize,
) -> Result<Found, Error> {
    let window = window(from, to)?;
    let searched = Searched::load(app, (caller, student), wanted, window).await?;
    let rest = match after {
        None => Some(window),
        Some(after) => Span::new(window.start().max(after + A_SECOND), window.end()),
    };
    let mut found = searched.found(app, window, rest, limit);
    if let Some(page) = rest.and_then(|rest| found.page(rest)) {
        let about = (Some(wanted.subject.as_str()), wanted.level.as_deref());
        found.group_lessons =
            group_lesson::joinable(app, caller, &searched.times, about, page).await?;
    }
    Ok(found)
}

impl Found {
    /// Of the time that was still to be searched, what these slots are in.
    fn page(&self, rest: Span) -> Option<Span> {
        let last = self.slots.last().filter(|_| self.more);
        let end = last.map_or(rest.end(), |(slot, _)| slot.start() + A_SECOND);
        Span::new(rest.start(), end)
    }
}

/// Slots begin at whole seconds.
const A_SECOND: TimeDelta = TimeDelta::seconds(1);

/// The first slot that begins at `from` or later, as far ahead as anything can be booked. A fixed number of queries,
/// whatever the number of tutors.
///
/// # Errors
/// [`Error::Invalid`] for a subject or a level of it that there is not, and where more than [`MOST_TUTORS`] teach
/// this.
pub async fn next(
    app: &App,
    (caller, student): (&Caller, Option<UserId>),
    wanted: &Wanted,
    from: DateTime<Utc>,
) -> Result<Found, Error> {
    let now = app.clock.now();
    let Some(mut window) = Span::lasting(from.max(now), NEAR) else {
        return Ok(Found::default());
    };
    let searched = Searched::load(app, (caller, student), wanted, window).await?;
    let latest = searched.times.latest_start(now);
    loop {
        let found = searched.found(app, window, Some(window), 1);
        let farther = Span::lasting(window.end(), LONGEST_WINDOW);
        match farther.filter(|farther| latest.is_some_and(|latest| farther.start() <= latest)) {
            Some(farther) if found.slots.is_empty() => window = farther,
            _ => return Ok(found),
        }
    }
}

/// Where the next slot is looked for first.
const NEAR: TimeDelta = TimeDelta::days(7);

async fn eligible(app: &App, caller: &Caller, wanted: &Wanted) -> Result<Arc<Vec<TutorId>>, Error> {
    let filter = Filter {
        hidden: false,
        subject: Some(wanted.subject.clone()),
        level: wanted.level.clone(),
        minutes: Some(wanted.minutes),
        language: wanted.language.clone(),
        among: wanted.tutors.clone(),
        subjects: None,
        after: None,
        limit: i64::from(MOST_TUTORS) + 1,
    };
    let found = tutor::find(app, caller, filter).await?;
    if found.len() > usize::from(MOST_TUTORS) {
        let detail = format!("more than {MOST_TUTORS} tutors teach this: ask for less");
        return Err(Error::invalid("subject", "too_many_tutors", detail));
    }
    Ok(found)
}

/// All that a search is made in.
struct Searched {
    times: Times,
    lessons_together: Arc<HashMap<TutorId, u32>>,
    length: TimeDelta,
    rank: Rank,
}

impl Searched {
    async fn load(
        app: &App,
        (caller, student): (&Caller, Option<UserId>),
        wanted: &Wanted,
        window: Span,
    ) -> Result<Self, Error> {
        let cache = &app.cache;
        let ids = eligible(app, caller, wanted).await?;
        let revisions = cache.revisions(&ids, student);
        let mut tutors = cache.tutors(&revisions, &ids).await?;
        // Nobody learns from themselves, and who has hidden since is not found any more.
        tutors.retain(|tutor| {
            let profile = &tutor.profile;
            Some(profile.user_id) != student && profile.visible && !profile.suspended
        });
        let length = TimeDelta::minutes(wanted.minutes.into());
        let slots = (ahead(window, app.clock.now()), length);
        Ok(Self {
            times: Times::load(app, &revisions, tutors, (caller, student), slots).await?,
            lessons_together: match student {
                Some(student) => cache.lessons_together(&revisions, student).await?,
                None => Arc::default(),
            },
            length,
            rank: wanted.rank,
        })
    }

    /// The first slots that begin in `rest` of the window, if there is any.
    fn found(&self, app: &App, window: Span, rest: Option<Span>, limit: usize) -> Found {
        let ranked = self.ranked(app.config.centre.ranking, window);
        let (lengths, now) = ([self.length], app.clock.now());
        let of_tutors = ranked.iter().filter_map(|(ranked, occupancy)| {
            let schedule = self.times.schedule(&ranked.tutor, occupancy, &lengths);
            Some(slots(&schedule, rest?, self.length, now))
        });
        let mut merged = merge(of_tutors);
        let mut named = 0;
        let mut slots = Vec::new();
        while slots.len() < limit && named < MOST_NAMED {
            let Some(slot) = merged.next() else { break };
            named += slot.1.len();
            slots.push(slot);
        }
        let more = merged.next().is_some();
        Found {
            tutors: ranked.into_iter().map(|(ranked, _)| ranked).collect(),
            slots,
            more,
            group_lessons: Vec::new(),
        }
    }

    /// The tutors with what occupies them, the best first; of two that are equally good the one who has served
    /// longer.
    fn ranked(&self, balanced: Weights, window: Span) -> Vec<(RankedTutor, &Occupancy)> {
        let only = |load, continuity| Weights { load, continuity };
        let weights = match self.rank {
            Rank::Balanced => balanced,
            Rank::Load => only(1, 0),
            Rank::Continuity => only(0, 1),
        };
        let together = |id| self.lessons_together.get(&id).copied().unwrap_or_default();
        let tutors = self.times.tutors().map(|(tutor, occupancy)| {
            let standing = Standing {
                load: occupancy.taught_in(window),
                lessons_together: together(tutor.profile.id),
            };
            let tutor = Arc::clone(tutor);
            (RankedTutor { tutor, standing }, occupancy)
        });
        let mut tutors: Vec<_> = tutors.collect();
        tutors.sort_by_key(|(ranked, _)| (weights.rank(ranked.standing), ranked.tutor.profile.id));
        tutors
    }
}
