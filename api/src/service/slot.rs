//! When a tutor can be booked, and why not.

use super::{TutorId, UserId, session::Viewer, tutor::visible};
use crate::{
    app::App,
    error::{Error, Obstacle},
    store::{self, occupied::OccupiedTime, timetable::Timetable},
};
use chrono::{DateTime, TimeDelta, Utc};
use scheduling::{
    interval::Span,
    policy::reach,
    slots::{ALTERNATIVES_WITHIN, Refusal, Schedule, alternatives, refusals, slots},
};
use sea_orm::ConnectionTrait;

/// The longest window that can be searched.
pub const LONGEST_WINDOW: TimeDelta = TimeDelta::days(62);

/// How many other times are offered where one can't be booked.
const ALTERNATIVES: usize = 5;

/// What the lesson is to be about; for anything that the tutor teaches where nothing is said.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// Slug of the subject.
    pub subject: Option<String>,
    pub level: Option<String>,
}

impl About {
    fn lengths(&self, timetable: &Timetable) -> Vec<TimeDelta> {
        timetable.lengths(self.subject.as_deref(), self.level.as_deref())
    }
}

/// A question about the time of a tutor.
#[derive(Debug)]
pub struct Search {
    pub tutor_id: TutorId,
    pub about: About,
    /// Slots that begin in here.
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    pub minutes: i16,
}

/// Every slot that this student could book now.
///
/// # Errors
/// [`Error::NotFound`] for a tutor that the student may not see; [`Error::Invalid`] for a window that is
/// empty or longer than [`LONGEST_WINDOW`], and for a length that the tutor does not offer.
pub async fn search(app: &App, viewer: Viewer, search: Search) -> Result<Vec<Span>, Error> {
    let window = window(search.from, search.to)?;
    let length = TimeDelta::minutes(search.minutes.into());
    visible(&app.db, viewer, search.tutor_id).await?;
    let times = Times::load(
        app,
        &app.db,
        &[search.tutor_id],
        viewer.user_id,
        window,
        length,
    )
    .await?;
    let timetable = times.only()?;
    let lengths = search.about.lengths(timetable);
    if !lengths.contains(&length) {
        return Err(Error::invalid(
            "minutes",
            "length_not_offered",
            "this tutor offers no lesson of this length",
        ));
    }
    let schedule = times.schedule(timetable, &lengths);
    Ok(slots(&schedule, window, length, app.clock.now()).collect())
}

/// The window of a search.
///
/// # Errors
/// [`Error::Invalid`] for one that is empty or longer than [`LONGEST_WINDOW`].
pub(super) fn window(from: DateTime<Utc>, to: DateTime<Utc>) -> Result<Span, Error> {
    let window = Span::new(from, to)
        .ok_or_else(|| Error::invalid("to", "not_after_from", "must be after from"))?;
    if window.duration() > LONGEST_WINDOW {
        let days = LONGEST_WINDOW.num_days();
        let detail = format!("must be at most {days} days after from");
        return Err(Error::invalid("to", "window_too_long", detail));
    }
    Ok(window)
}

/// Why a slot can or can't be booked.
#[derive(Debug)]
pub struct Explanation {
    pub slot: Span,
    /// Every reason against it; none where it can be booked.
    pub obstacles: Vec<Obstacle>,
    /// Slots of the same length that can be booked, the nearest first; none where the slot itself can.
    pub alternatives: Vec<Span>,
}

/// Why this viewer could or couldn't book a tutor for so many minutes from `start` on.
///
/// # Errors
/// [`Error::NotFound`] for a tutor that the viewer may not see.
pub async fn explain(
    app: &App,
    viewer: Viewer,
    tutor_id: TutorId,
    about: &About,
    start: DateTime<Utc>,
    minutes: i16,
) -> Result<Explanation, Error> {
    let profile = visible(&app.db, viewer, tutor_id).await?;
    let slot = Span::lasting(start, TimeDelta::minutes(minutes.into()))
        .ok_or_else(|| Error::invalid("minutes", "out_of_range", "must be more than nothing"))?;
    let now = app.clock.now();
    let times = Times::of_slot(app, &app.db, tutor_id, viewer.user_id, slot).await?;
    let sees_all = viewer.is_admin || viewer.user_id == profile.user_id;
    let obstacles = times.obstacles(about, slot, now, sees_all)?;
    let alternatives = if obstacles.is_empty() {
        Vec::new()
    } else {
        let times = Times::around(app, &app.db, tutor_id, viewer.user_id, slot).await?;
        times.alternatives(about, slot, now)?
    };
    Ok(Explanation {
        slot,
        obstacles,
        alternatives,
    })
}

/// All that decides whether a student can book any of some tutors, for some stretch of time.
pub(super) struct Times {
    /// By id.
    timetables: Vec<Timetable>,
    pub(super) occupied: OccupiedTime,
    student: UserId,
}

impl Times {
    /// All that decides over slots of `length` that begin in `window`. A fixed number of queries, whatever the
    /// number of tutors.
    pub(super) async fn load(
        app: &App,
        db: &impl ConnectionTrait,
        tutors: &[TutorId],
        student: UserId,
        window: Span,
        length: TimeDelta,
    ) -> Result<Self, Error> {
        let mut times = Self {
            timetables: store::timetable::of_tutors(db, tutors, app.clock.now()).await?,
            occupied: OccupiedTime::default(),
            student,
        };
        times.move_to(db, window, length).await?;
        Ok(times)
    }

    /// Makes them decide over slots of `length` that begin in another window. One query.
    pub(super) async fn move_to(
        &mut self,
        db: &impl ConnectionTrait,
        window: Span,
        length: TimeDelta,
    ) -> Result<(), Error> {
        let needed = self
            .timetables
            .iter()
            .filter_map(|timetable| reach(window, length, &timetable.policy))
            .reduce(|a, b| Span::new(a.start().min(b.start()), a.end().max(b.end())).unwrap_or(a));
        let tutors: Vec<TutorId> = self.timetables.iter().map(|of| of.tutor_id).collect();
        self.occupied = match needed {
            Some(needed) => store::occupied::load(db, &tutors, self.student, needed).await?,
            None => OccupiedTime::default(),
        };
        Ok(())
    }

    /// The latest instant at which a lesson of any of the tutors can begin, by their horizons.
    pub(super) fn latest_start(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let timetables = self.timetables.iter();
        timetables.map(|of| of.policy.latest_start(now)).max()
    }

    /// All that decides over one slot of one tutor.
    pub(super) async fn of_slot(
        app: &App,
        db: &impl ConnectionTrait,
        tutor: TutorId,
        student: UserId,
        slot: Span,
    ) -> Result<Self, Error> {
        let start = Span::lasting(slot.start(), TimeDelta::seconds(1)).unwrap_or(slot);
        Self::load(app, db, &[tutor], student, start, slot.duration()).await
    }

    /// All that decides over a slot of a tutor and over its alternatives.
    pub(super) async fn around(
        app: &App,
        db: &impl ConnectionTrait,
        tutor: TutorId,
        student: UserId,
        slot: Span,
    ) -> Result<Self, Error> {
        let from = slot.start().checked_sub_signed(ALTERNATIVES_WITHIN);
        let until = slot.start().checked_add_signed(ALTERNATIVES_WITHIN);
        let window = from
            .zip(until)
            .and_then(|(from, until)| Span::new(from, until));
        Self::load(
            app,
            db,
            &[tutor],
            student,
            window.unwrap_or(slot),
            slot.duration(),
        )
        .await
    }

    /// The timetable of one of several tutors.
    pub(super) fn of_tutor(&self, id: TutorId) -> Option<&Timetable> {
        let at = self
            .timetables
            .binary_search_by_key(&id, |timetable| timetable.tutor_id);
        at.ok().map(|at| &self.timetables[at])
    }

    /// The timetable of the one tutor that was asked for.
    pub(super) fn only(&self) -> Result<&Timetable, Error> {
        self.timetables.first().ok_or(Error::not_found("tutor"))
    }

    pub(super) fn schedule<'a>(
        &'a self,
        timetable: &'a Timetable,
        lengths: &'a [TimeDelta],
    ) -> Schedule<'a> {
        // Tutors who look at their own time are not in their own way as students too.
        let is_own = timetable.user_id == self.student;
        Schedule {
            availability: timetable.availability(),
            occupied: self.occupied.of_tutor(timetable.tutor_id),
            student_busy: if is_own {
                &[]
            } else {
                &self.occupied.of_student
            },
            lengths,
            policy: &timetable.policy,
        }
    }

    /// Why this slot of the one tutor can't be booked; empty when it can. Each reason once, so that nobody
    /// learns how many lessons the tutor has, unless the caller sees all.
    pub(super) fn obstacles(
        &self,
        about: &About,
        slot: Span,
        now: DateTime<Utc>,
        sees_all: bool,
    ) -> Result<Vec<Obstacle>, Error> {
        let timetable = self.only()?;
        let lengths = about.lengths(timetable);
        let mut obstacles = Vec::new();
        for refusal in refusals(&self.schedule(timetable, &lengths), slot, now) {
            let obstacle = obstacle(&refusal, sees_all);
            if !obstacles.contains(&obstacle) {
                obstacles.push(obstacle);
            }
        }
        Ok(obstacles)
    }

    /// Bookable slots of the one tutor, as long as the one that was wanted, and nearest to it.
    pub(super) fn alternatives(
        &self,
        about: &About,
        wanted: Span,
        now: DateTime<Utc>,
    ) -> Result<Vec<Span>, Error> {
        let timetable = self.only()?;
        let lengths = about.lengths(timetable);
        Ok(alternatives(
            &self.schedule(timetable, &lengths),
            wanted,
            now,
            ALTERNATIVES,
        ))
    }
}

/// What the tutor has in that time is nobody else's business: others are told when it is only of their own clash
/// and of holidays, which everybody may know.
fn obstacle(refusal: &Refusal, sees_all: bool) -> Obstacle {
    let is_known = matches!(
        refusal,
        Refusal::StudentBusy { .. } | Refusal::Holiday { .. }
    );
    let conflict = refusal.conflict().filter(|_| sees_all || is_known);
    Obstacle {
        code: refusal.code(),
        span: conflict.map(|span| (span.start(), span.end())),
    }
}
