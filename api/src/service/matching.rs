//! Many wishes for lessons at once: who could teach them, and when, so that the most are filled.
//!
//! A proposal keeps nothing and promises nothing. What is made of it is decided when it is booked, student by student,
//! by the rules by which everything is booked.

mod bounds;
mod candidates;
mod quotas;
mod whole_booking;

use super::{
    TutorId, UserId,
    caller::Caller,
    slot::{LONGEST_WINDOW, Times, ahead},
    tutor::{self, Tutor},
};
use crate::{
    app::App,
    error::{Error, FieldError},
    store::{self, tutor::Filter},
};
use candidates::Centre;
use chrono::TimeDelta;
use quotas::Quotas;
use scheduling::{
    interval::Span,
    matching::{self, Matching, Problem},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

pub(super) use bounds::{Limits, People};
pub use whole_booking::{Assignment, Booked, Refusal, book};

/// So many can be matched at once.
pub const MOST_WISHES: usize = 500;

/// Among so many tutors altogether.
const MOST_TUTORS: usize = 5000;

/// How much is done for the best answer: some seconds.
const EFFORT: u64 = 60_000_000;

/// The longest that is done for the best answer, where the machine is slow.
const LONGEST: Duration = Duration::from_secs(5);

/// It takes a whole core and some memory, so one at a time; who comes meanwhile waits so long at most.
static ROOM: Semaphore = Semaphore::const_new(1);
const PATIENCE: Duration = Duration::from_secs(10);

/// A lesson that a student wants.
#[derive(Clone, Debug)]
pub struct Wish {
    pub student: UserId,
    /// Slug of the subject.
    pub subject: String,
    pub level: String,
    pub minutes: i16,
    /// The lesson is to lie within one of them; those that overlap or touch are one.
    pub windows: Vec<Span>,
    /// The tutors whom the student would like best, the best first.
    pub preferred: Vec<TutorId>,
}

/// What becomes of a wish.
#[derive(Debug)]
pub enum Outcome {
    Filled(Filled),
    /// Nobody could teach it in its windows, whatever the others want.
    NoOption,
    /// Somebody could, but by the quotas the student may have none of it, whatever becomes of the others.
    OverQuota,
    /// Somebody could, but it would cost others theirs.
    Lost,
}

/// Who could teach a lesson, and when.
#[derive(Debug)]
pub struct Filled {
    pub tutor: Arc<Tutor>,
    pub span: Span,
    /// The place of the tutor among those who teach this, for the student: the best have 1.
    pub rank: u32,
}

/// How wishes could be filled.
#[derive(Debug)]
pub struct Proposal {
    /// In the order of the wishes.
    pub outcomes: Vec<Outcome>,
    pub filled: u32,
    /// Of the options that were looked at, none fill more.
    pub most: u32,
    /// The sum of the ranks of what is filled.
    pub total_rank: u64,
    /// To fill as many has at least this sum; known only where no more can be filled.
    pub least_total_rank: Option<u64>,
    pub took: Duration,
}

/// Who could teach all these lessons, and when: as many as possible, and of all ways to do that, one of the least total
/// rank. For the centre, on behalf of all students. A fixed number of queries for each pair of a subject and a level.
///
/// # Errors
/// [`Error::Invalid`] for a student, a subject or a level that there is not, for windows that are too far apart, and
/// where too many teach this; [`Error::Unavailable`] where others are before it for too long.
pub async fn propose(app: &App, caller: &Caller, wishes: Vec<Wish>) -> Result<Proposal, Error> {
    let window = all_windows(&wishes)?;
    let room = room().await?;
    check_students(app, &wishes).await?;
    let centre = load(app, caller, &wishes, window).await?;
    let work = move || {
        let _room = room;
        solve(&centre, &wishes)
    };
    tokio::task::spawn_blocking(work)
        .await
        .map_err(Error::internal)
}

/// Solves a problem, as there is room for it.
///
/// # Errors
/// [`Error::Unavailable`] where others are before it for too long.
pub(super) async fn solved(problem: Problem) -> Result<Matching, Error> {
    let room = room().await?;
    let work = move || {
        let _room = room;
        let begun = Instant::now();
        matching::solve(&problem, EFFORT, &|| begun.elapsed() > LONGEST)
    };
    tokio::task::spawn_blocking(work)
        .await
        .map_err(Error::internal)
}

async fn room() -> Result<SemaphorePermit<'static>, Error> {
    let room = timeout(PATIENCE, ROOM.acquire()).await;
    room.map_err(Error::unavailable)?.map_err(Error::internal)
}

/// The window around all windows.
fn all_windows(wishes: &[Wish]) -> Result<Span, Error> {
    let windows = wishes.iter().flat_map(|wish| &wish.windows).copied();
    let whole = windows
        .reduce(|a, b| Span::new(a.start().min(b.start()), a.end().max(b.end())).unwrap_or(a));
    let whole =
        whole.ok_or_else(|| Error::invalid("requests", "wrong_count", "must have windows"))?;
    if whole.duration() > LONGEST_WINDOW {
        let days = LONGEST_WINDOW.num_days();
        let detail = format!("all windows must lie within {days} days");
        return Err(Error::invalid("requests", "window_too_long", detail));
    }
    Ok(whole)
}

async fn check_students(app: &App, wishes: &[Wish]) -> Result<(), Error> {
    let students: BTreeSet<UserId> = wishes.iter().map(|wish| wish.student).collect();
    let students: Vec<UserId> = students.into_iter().collect();
    let present = store::person::present(&app.db, &students).await?;
    let absent = wishes.iter().enumerate();
    let absent = absent.filter(|(_, wish)| !present.contains(&wish.student));
    let errors = absent.map(|(place, _)| {
        let field = format!("requests[{place}].student_id");
        FieldError::new(field, "unknown_user", "there is no such student")
    });
    let errors: Vec<_> = errors.collect();
    if errors.is_empty() {
        return Ok(());
    }
    Err(Error::Invalid(errors))
}

/// All that decides over the wishes.
async fn load(app: &App, caller: &Caller, wishes: &[Wish], window: Span) -> Result<Centre, Error> {
    let now = app.clock.now();
    let ids = eligible(app, caller, wishes).await?;
    let revisions = app.cache.revisions(&ids, None);
    let tutors = app.cache.tutors(&revisions, &ids).await?;
    let tutors = tutors.into_iter().filter_map(|tutor| caller.sees(tutor));
    // Who has hidden since is not found any more.
    let is_shown = |tutor: &Arc<Tutor>| tutor.profile.visible && !tutor.profile.suspended;
    let tutors: Vec<_> = tutors.filter(is_shown).collect();
    let longest = wishes.iter().map(|wish| wish.minutes).max().unwrap_or(0);
    let longest = TimeDelta::minutes(longest.into());
    let slots = (ahead(window, now), longest);
    let students: BTreeSet<UserId> = wishes.iter().map(|wish| wish.student).collect();
    let students: Vec<UserId> = students.into_iter().collect();
    Ok(Centre {
        times: Times::load(app, &revisions, tutors, (caller, None), slots).await?,
        of_students: app.cache.of_students(&students, window).await?,
        quotas: Quotas::load(app, &students, window).await?,
        weights: app.config.centre.ranking,
        window,
        now,
    })
}

/// Whoever teaches any of this.
async fn eligible(app: &App, caller: &Caller, wishes: &[Wish]) -> Result<Vec<TutorId>, Error> {
    let mut asked = BTreeMap::new();
    for (place, wish) in wishes.iter().enumerate() {
        asked.entry((&wish.subject, &wish.level)).or_insert(place);
    }
    let mut eligible = BTreeSet::new();
    for ((subject, level), place) in asked {
        let filter = Filter {
            hidden: false,
            subject: Some(subject.clone()),
            level: Some(level.clone()),
            limit: i64::try_from(MOST_TUTORS + 1).unwrap_or(i64::MAX),
            ..Filter::default()
        };
        let found = tutor::find(app, caller, filter).await;
        eligible.extend(
            found
                .map_err(|error| error.within(&format!("requests[{place}]")))?
                .iter()
                .copied(),
        );
        if eligible.len() > MOST_TUTORS {
            let detail = format!("more than {MOST_TUTORS} tutors teach this: ask for less");
            return Err(Error::invalid("requests", "too_many_tutors", detail));
        }
    }
    Ok(eligible.into_iter().collect())
}

fn solve(centre: &Centre, wishes: &[Wish]) -> Proposal {
    let begun = Instant::now();
    let (problem, choices) = centre.options(wishes);
    let mut outcomes: Vec<Outcome> = wishes.iter().map(|_| Outcome::NoOption).collect();
    for candidate in &problem.candidates {
        let outcome = &mut outcomes[candidate.wish];
        if problem.can_stand(candidate) {
            *outcome = Outcome::Lost;
        } else if matches!(outcome, Outcome::NoOption) {
            *outcome = Outcome::OverQuota;
        }
    }
    let found = matching::solve(&problem, EFFORT, &|| begun.elapsed() > LONGEST);
    let chosen = std::iter::zip(&mut outcomes, &found.chosen);
    for (outcome, place) in chosen {
        if let Some(choice) = place.map(|place| &choices[place]) {
            *outcome = Outcome::Filled(Filled {
                tutor: Arc::clone(&choice.tutor),
                span: choice.span,
                rank: choice.rank,
            });
        }
    }
    Proposal {
        outcomes,
        filled: found.filled,
        most: found.most,
        total_rank: found.cost,
        least_total_rank: (found.filled == found.most).then_some(found.least_cost),
        took: begun.elapsed(),
    }
}
