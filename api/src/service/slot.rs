//! When a tutor can be booked, and why not.

use super::{
    TutorId, UserId,
    caller::Caller,
    group_lesson::{self, AGAINST_JOINING, GroupLesson},
    reassignment::AT_SHORT_NOTICE,
    reschedule::Moving,
    step,
    tutor::{Tutor, check_shown, seen},
};
use crate::{
    app::App,
    error::{Error, Obstacle},
    store::{cache::OccupiedTime, occupied::AsOf, revision::Revisions},
};
use chrono::{DateTime, TimeDelta, Utc};
use scheduling::{
    interval::{Span, subtract},
    policy::reach,
    slots::{
        ALTERNATIVES_WITHIN, Occupancy, Occupied, OccupiedBy, Refusal, Schedule, alternatives,
        refusals, slots,
    },
};
use sea_orm::DatabaseTransaction;
use std::{iter, sync::Arc};

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
    /// The lengths of lesson that the tutor offers for it.
    fn lengths(&self, tutor: &Tutor) -> Result<Vec<TimeDelta>, Error> {
        let (subject, level) = (self.subject.as_deref(), self.level.as_deref());
        let lengths = tutor.lengths(subject, level);
        if lengths.is_empty() && (subject.is_some() || level.is_some()) {
            let detail = "this tutor does not teach this subject at this level";
            return Err(Error::invalid("subject", "not_offered", detail));
        }
        Ok(lengths)
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
    /// The booking that would be moved there.
    pub moving: Option<Moving>,
}

/// What could be booked of a tutor.
#[derive(Debug)]
pub struct Found {
    /// By start.
    pub slots: Vec<Span>,
    /// Those with a free seat; none where a booking would be moved.
    pub group_lessons: Vec<GroupLesson>,
}

/// Every slot, and every seat, that could be booked now for a student, or for anybody where none is given.
///
/// # Errors
/// [`Error::NotFound`] for a tutor that the student may not see; [`Error::Invalid`] for a window that is
/// empty or longer than [`LONGEST_WINDOW`], and for a length that the tutor does not offer.
pub async fn search(
    app: &App,
    caller: &Caller,
    student: Option<UserId>,
    search: Search,
) -> Result<Found, Error> {
    let window = window(search.from, search.to)?;
    let length = TimeDelta::minutes(search.minutes.into());
    let ahead = ahead(window, app.clock.now());
    let times = Times::of_tutor(app, (caller, student), search.tutor_id, ahead, length).await?;
    let times = making_room(times, search.moving.as_ref())?;
    let (tutor, occupancy) = times.only()?;
    let about = about(&search.about, search.moving.as_ref(), tutor);
    let lengths = about.lengths(tutor)?;
    if !lengths.contains(&length) {
        return Err(Error::invalid(
            "minutes",
            "length_not_offered",
            "this tutor offers no lesson of this length",
        ));
    }
    let schedule = times.schedule(tutor, occupancy, &lengths);
    let present = search.moving.as_ref().map(Moving::time).transpose()?;
    let slots = slots(&schedule, window, length, app.clock.now());
    let slots = slots.filter(|slot| Some(*slot) != present).collect();
    let about = (about.subject.as_deref(), about.level.as_deref());
    let group_lessons = match search.moving {
        Some(_) => Vec::new(),
        None => group_lesson::joinable(app, caller, &times, about, window).await?,
    };
    Ok(Found {
        slots,
        group_lessons,
    })
}

/// What the lesson would be about: what is asked for, or else what the booking is about that would be moved.
fn about(asked: &About, moving: Option<&Moving>, tutor: &Tutor) -> About {
    match moving {
        Some(moving) if asked.subject.is_none() => moving.about(tutor),
        _ => asked.clone(),
    }
}

fn making_room(times: Times, moving: Option<&Moving>) -> Result<Times, Error> {
    match moving {
        Some(moving) => moving.makes_room(times),
        None => Ok(times),
    }
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

/// The part of a window in which slots can be.
pub(super) fn ahead(window: Span, now: DateTime<Utc>) -> Span {
    let none_left = Span::lasting(now, TimeDelta::seconds(1)).unwrap_or(window);
    Span::new(window.start().max(now), window.end()).unwrap_or(none_left)
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

/// Why a tutor could or couldn't be booked for a student, or for anybody where none is given, for so many minutes from
/// `start` on, or why a booking could or couldn't be moved there.
///
/// # Errors
/// [`Error::NotFound`] for a tutor that the caller may not see.
pub async fn explain(
    app: &App,
    (caller, student): (&Caller, Option<UserId>),
    (tutor_id, moving): (TutorId, Option<&Moving>),
    about: &About,
    start: DateTime<Utc>,
    minutes: i16,
) -> Result<Explanation, Error> {
    let slot = Span::lasting(start, TimeDelta::minutes(minutes.into()))
        .ok_or_else(|| Error::invalid("minutes", "out_of_range", "must be more than nothing"))?;
    let now = app.clock.now();
    let times = Times::around(app, (caller, student), tutor_id, slot).await?;
    let times = making_room(times, moving)?;
    let about = &self::about(about, moving, times.only()?.0);
    let sees_all = caller.may_edit(tutor_id);
    let mut obstacles = times.obstacles(about, slot, now, sees_all)?;
    let present = moving.map(Moving::time).transpose()?;
    if present == Some(slot) {
        let same_time = Obstacle {
            code: "same_time",
            span: None,
            hold: None,
        };
        obstacles.insert(0, same_time);
    }
    let alternatives = if obstacles.is_empty() {
        Vec::new()
    } else {
        let mut alternatives = times.alternatives(about, slot, now)?;
        alternatives.retain(|it| Some(*it) != present);
        alternatives
    };
    Ok(Explanation {
        slot,
        obstacles,
        alternatives,
    })
}

/// All that decides whether a student can book any of some tutors, for some stretch of time.
pub(super) struct Times {
    tutors: Vec<Arc<Tutor>>,
    occupied: OccupiedTime,
    student: Option<UserId>,
    /// Whether calendars are read at all: where none is, nobody misses what they say.
    reads_calendars: bool,
    /// Whether who asks may know when the student has other lessons: see [`knows`].
    knows_student: bool,
}

impl Times {
    /// All that decides over slots of `length` that begin in `window`.
    pub(super) async fn load(
        app: &App,
        revisions: &Revisions,
        tutors: Vec<Arc<Tutor>>,
        (caller, student): (&Caller, Option<UserId>),
        (window, length): (Span, TimeDelta),
    ) -> Result<Self, Error> {
        let ids: Vec<TutorId> = tutors.iter().map(|tutor| tutor.profile.id).collect();
        let needed = needed(&tutors, window, length);
        let occupied = app.cache.occupied(revisions, &ids, student, needed);
        Ok(Self {
            occupied: occupied.await?,
            tutors,
            student,
            reads_calendars: app.google.is_some(),
            knows_student: knows(caller, student),
        })
    }

    /// All that decides over slots of a tutor whom the caller sees, for a student.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub(super) async fn of_tutor(
        app: &App,
        (caller, student): (&Caller, Option<UserId>),
        id: TutorId,
        window: Span,
        length: TimeDelta,
    ) -> Result<Self, Error> {
        check_shown(app, caller, id).await?;
        let revisions = app.cache.revisions(&[id], student);
        let tutor = app.cache.tutors(&revisions, &[id]).await?.pop();
        let tutors = vec![seen(tutor, caller)?];
        Self::load(app, &revisions, tutors, (caller, student), (window, length)).await
    }

    /// All that decides over a slot of a tutor and over its alternatives, as [`Times::of_tutor`].
    pub(super) async fn around(
        app: &App,
        whose: (&Caller, Option<UserId>),
        id: TutorId,
        slot: Span,
    ) -> Result<Self, Error> {
        let from = slot.start().checked_sub_signed(ALTERNATIVES_WITHIN);
        let until = slot.start().checked_add_signed(ALTERNATIVES_WITHIN);
        let window = from
            .zip(until)
            .and_then(|(from, until)| Span::new(from, until));
        Self::of_tutor(app, whose, id, window.unwrap_or(slot), slot.duration()).await
    }

    /// All that decides over one slot of a tutor, in a transaction that has locked its time and that of the student, where one
    /// is given.
    pub(super) async fn within(
        app: &App,
        txn: &DatabaseTransaction,
        (caller, student): (&Caller, Option<UserId>),
        id: TutorId,
        slot: Span,
    ) -> Result<Self, Error> {
        Self::of_lesson(app, txn, (caller, student), id, slot)
            .await?
            .seen_by(caller)
    }

    /// As [`Times::within`], over slots of `length` that begin in `window`.
    pub(super) async fn within_window(
        app: &App,
        txn: &DatabaseTransaction,
        (caller, student): (&Caller, Option<UserId>),
        id: TutorId,
        starts: (Span, TimeDelta),
    ) -> Result<Self, Error> {
        Self::of_lessons(app, txn, (caller, student), id, starts)
            .await?
            .seen_by(caller)
    }

    fn seen_by(mut self, caller: &Caller) -> Result<Self, Error> {
        for tutor in &mut self.tutors {
            *tutor = seen(Some(Arc::clone(tutor)), caller)?;
        }
        Ok(self)
    }

    /// As [`Times::within`], of a tutor with whom the student has a lesson: whoever may see that may ask.
    pub(super) async fn of_lesson(
        app: &App,
        txn: &DatabaseTransaction,
        whose: (&Caller, Option<UserId>),
        id: TutorId,
        slot: Span,
    ) -> Result<Self, Error> {
        let start = Span::lasting(slot.start(), TimeDelta::seconds(1)).unwrap_or(slot);
        Self::of_lessons(app, txn, whose, id, (start, slot.duration())).await
    }

    /// As [`Times::of_lesson`], over slots of `length` that begin in `window`.
    pub(super) async fn of_lessons(
        app: &App,
        txn: &DatabaseTransaction,
        (caller, student): (&Caller, Option<UserId>),
        id: TutorId,
        (window, length): (Span, TimeDelta),
    ) -> Result<Self, Error> {
        let revisions = app.cache.revisions_within(txn, id, student).await?;
        let tutor = app.cache.tutor_within(txn, &revisions, id).await?;
        let tutors = vec![tutor.ok_or(Error::not_found("tutor"))?];
        let needed = needed(&tutors, window, length);
        let both = (id, student);
        let occupied = app.cache.occupied_within(txn, &revisions, both, needed);
        Ok(Self {
            occupied: occupied.await?,
            tutors,
            student,
            reads_calendars: app.google.is_some(),
            knows_student: knows(caller, student),
        })
    }

    /// As if the one tutor's lesson at this time were not there, which is to be moved.
    pub(super) fn without(mut self, lesson: Span) -> Self {
        for of_tutor in &mut self.occupied.tutors {
            let is_other = |it: &&Occupied| it.span != lesson || it.by == OccupiedBy::CalendarBusy;
            let others = of_tutor.time.as_slice().iter().filter(is_other);
            *of_tutor = Arc::new(AsOf {
                time: Occupancy::new(others.copied().collect()),
                until: of_tutor.until,
            });
        }
        self.without_of_student(lesson)
    }

    /// As if the student had nothing then, because that moves as well.
    pub(super) fn without_of_student(mut self, lesson: Span) -> Self {
        let of_student = &mut self.occupied.student;
        *of_student = Arc::new(AsOf {
            time: subtract(&of_student.time, &[lesson]),
            until: of_student.until,
        });
        self
    }

    /// The latest instant at which a lesson of any of the tutors can begin, by their horizons.
    pub(super) fn latest_start(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let tutors = self.tutors.iter();
        tutors
            .map(|tutor| tutor.timetable.policy.latest_start(now))
            .max()
    }

    /// The tutors, and what occupies each.
    pub(super) fn tutors(&self) -> impl Iterator<Item = (&Arc<Tutor>, &Occupancy)> {
        let occupancies = self.occupied.tutors.iter().map(|it| &it.time);
        iter::zip(&self.tutors, occupancies)
    }

    /// The tutors who give group lessons that begin in `window`.
    pub(super) fn givers_of_group_lessons(&self, window: Span) -> Vec<TutorId> {
        let begins_in = |it: &&Occupied| {
            it.by == OccupiedBy::GroupLesson
                && window.start() <= it.span.start()
                && it.span.start() < window.end()
        };
        self.tutors()
            .filter(|(_, occupancy)| occupancy.as_slice().iter().any(|it| begins_in(&it)))
            .map(|(tutor, _)| tutor.profile.id)
            .collect()
    }

    /// Whether a student could be in a lesson that stands of one of the tutors.
    pub(super) fn leave_room_for(
        &self,
        tutor: TutorId,
        lesson: Span,
        now: DateTime<Utc>,
    ) -> Result<bool, Error> {
        let mut tutors = self.tutors();
        let is_other = |tutor: &Tutor| Some(tutor.profile.user_id) != self.student;
        let of_tutor = tutors.find(|(it, _)| it.profile.id == tutor && is_other(it));
        let Some(of_tutor) = of_tutor else {
            return Ok(false);
        };
        let mut obstacles = self.obstacles_of(of_tutor, &About::default(), lesson, now, true)?;
        obstacles.retain(|it| AGAINST_JOINING.contains(&it.code));
        Ok(obstacles.is_empty())
    }

    /// The one tutor that was asked for.
    pub(super) fn only(&self) -> Result<(&Arc<Tutor>, &Occupancy), Error> {
        self.tutors().next().ok_or(Error::not_found("tutor"))
    }

    pub(super) fn schedule<'a>(
        &'a self,
        tutor: &'a Tutor,
        occupied: &'a Occupancy,
        lengths: &'a [TimeDelta],
    ) -> Schedule<'a> {
        // Tutors who look at their own time are not in their own way as students too.
        let is_own = Some(tutor.profile.user_id) == self.student;
        Schedule {
            availability: tutor.timetable.availability(),
            occupied,
            calendar_unknown: self.reads_calendars && tutor.timetable.calendar_unknown,
            student_busy: if is_own {
                &[]
            } else {
                &self.occupied.student.time
            },
            lengths,
            policy: &tutor.timetable.policy,
        }
    }

    /// Why this slot of the one tutor can't be booked: see [`Times::obstacles_of`].
    pub(super) fn obstacles(
        &self,
        about: &About,
        slot: Span,
        now: DateTime<Utc>,
        sees_all: bool,
    ) -> Result<Vec<Obstacle>, Error> {
        self.obstacles_of(self.only()?, about, slot, now, sees_all)
    }

    /// Why the one tutor can't give a lesson at this time, on the word of those who may disregard [`AT_SHORT_NOTICE`];
    /// empty when they can. Who does not see all learns no times.
    pub(super) fn obstacles_at_short_notice(
        &self,
        about: &About,
        slot: Span,
        now: DateTime<Utc>,
        sees_all: bool,
    ) -> Result<Vec<Obstacle>, Error> {
        // All of them first: what may be disregarded must hide none of the others.
        let mut obstacles = self.obstacles(about, slot, now, true)?;
        obstacles.retain(|obstacle| !AT_SHORT_NOTICE.contains(&obstacle.code));
        if !sees_all {
            for obstacle in &mut obstacles {
                obstacle.span = None;
            }
            obstacles.dedup();
        }
        Ok(obstacles)
    }

    /// Why this slot of one of the tutors can't be booked; empty when it can. Unless the caller sees all: each reason
    /// once, so that nobody learns how many lessons the tutor has, and the tutor's affairs only where nothing else
    /// is in the way, so that nobody learns more of them than from what is offered.
    pub(super) fn obstacles_of(
        &self,
        (tutor, occupancy): (&Arc<Tutor>, &Occupancy),
        about: &About,
        slot: Span,
        now: DateTime<Utc>,
        sees_all: bool,
    ) -> Result<Vec<Obstacle>, Error> {
        let lengths = about.lengths(tutor)?;
        let mut refusals = refusals(&self.schedule(tutor, occupancy, &lengths), slot, now);
        if !sees_all && !refusals.iter().all(is_affair_of_tutor) {
            refusals.retain(|refusal| !is_affair_of_tutor(refusal));
        }
        let mut obstacles = Vec::new();
        for refusal in refusals {
            let obstacle = self.obstacle(&refusal, sees_all);
            if !obstacles.contains(&obstacle) {
                obstacles.push(obstacle);
            }
        }
        Ok(obstacles)
    }

    /// What the tutor has in that time is nobody else's business: others are told when it is only of their own clash and
    /// of holidays, which everybody may know.
    fn obstacle(&self, refusal: &Refusal, sees_all: bool) -> Obstacle {
        let is_known = match refusal {
            Refusal::StudentBusy { .. } => self.knows_student,
            Refusal::Holiday { .. } => true,
            _ => sees_all,
        };
        let conflict = refusal.conflict().filter(|_| is_known);
        Obstacle {
            code: refusal.code(),
            span: conflict.map(|span| (span.start(), span.end())),
            hold: None,
        }
    }

    /// Bookable slots of the one tutor, as long as the one that was wanted, and nearest to it.
    pub(super) fn alternatives(
        &self,
        about: &About,
        wanted: Span,
        now: DateTime<Utc>,
    ) -> Result<Vec<Span>, Error> {
        let (tutor, occupancy) = self.only()?;
        let lengths = about.lengths(tutor)?;
        let schedule = self.schedule(tutor, occupancy, &lengths);
        Ok(alternatives(&schedule, wanted, now, ALTERNATIVES))
    }
}

/// Whether a caller may know when a student has other lessons: the student's tutors and third-party apps may not.
fn knows(caller: &Caller, student: Option<UserId>) -> bool {
    caller.is_admin() || student.is_some_and(|student| step::acts_for(caller, student))
}

/// The time in which what occupies these tutors must be known.
fn needed(tutors: &[Arc<Tutor>], window: Span, length: TimeDelta) -> Span {
    let reaches = tutors
        .iter()
        .filter_map(|tutor| reach(window, length, &tutor.timetable.policy));
    reaches.fold(window, |a, b| {
        Span::new(a.start().min(b.start()), a.end().max(b.end())).unwrap_or(a)
    })
}

/// Whether it tells what the tutor does with their time.
fn is_affair_of_tutor(refusal: &Refusal) -> bool {
    match refusal {
        Refusal::TimeOff { .. }
        | Refusal::Lesson { .. }
        | Refusal::Hold { .. }
        | Refusal::CalendarBusy { .. }
        | Refusal::Buffer { .. }
        | Refusal::DailyCap
        | Refusal::WeeklyCap => true,
        Refusal::OutsideAvailability
        | Refusal::OverrideClosed
        | Refusal::Holiday { .. }
        | Refusal::TutorEnded
        | Refusal::CalendarUnknown
        | Refusal::Notice
        | Refusal::Horizon
        | Refusal::Grid
        | Refusal::LengthNotOffered
        | Refusal::StudentBusy { .. } => false,
    }
}
