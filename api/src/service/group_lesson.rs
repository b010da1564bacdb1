//! Group lessons: a tutor opens one, and students join until all seats are taken.
//!
//! Whoever gives a seat away or changes how many there are locks the seats of the lesson, and only then the time of
//! people. So whoever holds that lock knows for whom else to lock, and nobody waits in a circle.

mod everybody;
mod joining;

pub use crate::store::group_lesson::{GroupLesson, Seats};
pub use ::entity::lesson::LessonStatus;
pub use everybody::{cancel, decide, reschedule};
pub(super) use everybody::{cancel_all, lock_everybody, move_to};
pub use joining::join;
pub(super) use joining::{AGAINST_JOINING, take_seat};

use super::{
    LessonId, TutorId,
    booking::{not_offered, span, translate, turn, unavailable},
    busy_time,
    caller::Caller,
    hold,
    idempotency::Reply,
    slot::{About, Times},
    step,
    transaction::transaction,
    tutor,
};
use crate::{
    app::App,
    error::{Error, Obstacle},
    store::{
        self,
        group_lesson::{Edited, Filter, NewGroupLesson, Viewer},
        job::Work,
        tutor::Profile,
    },
};
use ::entity::id::SubjectId;
use chrono::{DateTime, TimeDelta, Utc};
use scheduling::{
    interval::Span,
    lifecycle::{self, Actor, BookingStatus, Step},
};
use sea_orm::{ConnectionTrait, DatabaseTransaction};
use serde::Serialize;

/// A lesson that is to be opened.
#[derive(Clone, Debug)]
pub struct Opening {
    pub tutor_id: TutorId,
    /// Slug of the subject.
    pub subject: String,
    pub level: String,
    pub start: DateTime<Utc>,
    pub end: DateTime<Utc>,
    pub seats: Seats,
    pub title: String,
    pub description: String,
}

/// Opens a lesson with nobody in it yet, on the word of the tutor or of the centre, who may disregard notice, horizon,
/// grid and lengths. It takes the time of the tutor from then on, and stands in the calendar.
///
/// # Errors
/// [`Error::NotFound`] for a tutor whom the caller does not see, [`Error::Forbidden`] with `not_your_profile`;
/// [`Error::Invalid`] for what the tutor does not offer, for times that are not ahead and for seats that can't be;
/// [`Error::Conflict`] with `tutor_suspended`, `former_tutor`, and with `slot_unavailable` and its reasons;
/// [`Error::RequestInProgress`] if the claim was lost.
pub async fn open<A: Serialize + Send + Sync>(
    app: &App,
    caller: &Caller,
    new: Opening,
    reply: Reply<GroupLesson, A>,
) -> Result<A, Error> {
    let span = span(new.start, new.end)?;
    let tutor = tutor::get(app, caller, new.tutor_id).await?;
    if !may_manage(caller, new.tutor_id) {
        return Err(Error::Forbidden {
            code: "not_your_profile",
            detail: "Only the tutor or an admin may.".into(),
        });
    }
    busy_time::read_if_stale(app, new.tutor_id).await;
    let owner = tutor.profile.user_id;
    let _turn = turn(app, owner, new.tutor_id).await?;
    let answer = transaction!(app.db, |txn| {
        store::lock_time_of(txn, &[owner]).await?;
        let now = app.clock.now();
        store::booking::expire(txn, &[owner], now).await?;
        check_ahead(span, now)?;
        check_seats(new.seats, span, now)?;
        let subject = (new.subject.as_str(), new.level.as_str());
        let when = (span, Word::Caller);
        let subject_id = check_free(app, txn, caller, (new.tutor_id, subject), when).await?;
        let lesson = NewGroupLesson {
            tutor_id: new.tutor_id,
            subject_id,
            level: new.level.clone(),
            span,
            seats: new.seats,
            title: new.title.clone(),
            description: new.description.clone(),
            own_event: None,
        };
        let inserted = store::group_lesson::insert(txn, lesson, now).await;
        let id = inserted.map_err(translate)?;
        store::job::enqueue(txn, Work::SyncLessonEvent(id), now).await?;
        reply.keep(txn, find(txn, caller, id).await?).await
    })?;
    app.work_enqueued.notify_one();
    Ok(answer)
}

/// What is disregarded of a time at which the tutor has an event, and so means to be there: the hours, and whatever else is in
/// the calendar, first of all the event itself.
const ON_THE_WORD_OF_THE_EVENT: [&str; 4] = [
    "outside_availability",
    "override_closed",
    "calendar_busy",
    "buffer",
];

/// On what a tutor is to be at a lesson.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// That of whoever opens or moves it.
    Caller,
    /// There is an event of the tutor's own at that time.
    OwnEvent,
}

impl Word {
    /// Of a lesson whose event the tutor has moved.
    pub(super) fn of(lesson: &GroupLesson) -> Self {
        if lesson.is_own_event {
            Self::OwnEvent
        } else {
            Self::Caller
        }
    }

    fn disregards(self, obstacle: &Obstacle) -> bool {
        self == Self::OwnEvent && ON_THE_WORD_OF_THE_EVENT.contains(&obstacle.code)
    }
}

/// The subject of the lesson, if the tutor offers it at the level and is free.
pub(super) async fn check_free(
    app: &App,
    txn: &DatabaseTransaction,
    caller: &Caller,
    (id, (subject, level)): (TutorId, (&str, &str)),
    (span, word): (Span, Word),
) -> Result<SubjectId, Error> {
    let times = Times::within(app, txn, (caller, None), id, span).await?;
    let (tutor, _) = times.only()?;
    check_teaches(&tutor.profile)?;
    if !store::tutor::still_tutors(txn, &[id]).await?.contains(&id) {
        let detail = "This is a tutor no longer.";
        return Err(Error::conflict("former_tutor", detail));
    }
    let mut offers = tutor.offers.iter();
    let offer = offers
        .find(|offer| offer.slug == subject && offer.level == level)
        .ok_or_else(not_offered)?;
    let (now, sees_all) = (app.clock.now(), caller.may_edit(id));
    let mut obstacles = times.obstacles_at_short_notice(&About::default(), span, now, sees_all)?;
    obstacles.retain(|obstacle| !word.disregards(obstacle));
    if obstacles.is_empty() {
        Ok(offer.subject_id)
    } else {
        Err(unavailable(obstacles))
    }
}

fn check_teaches(tutor: &Profile) -> Result<(), Error> {
    if tutor.suspended {
        let detail = "This tutor is suspended and teaches nobody.";
        return Err(Error::conflict("tutor_suspended", detail));
    }
    Ok(())
}

fn check_ahead(span: Span, now: DateTime<Utc>) -> Result<(), Error> {
    if span.start() <= now {
        return Err(Error::invalid("start", "not_ahead", "must be ahead"));
    }
    Ok(())
}

/// Whether there can be a lesson at this time with these seats, of which it is yet to be decided if they are enough.
fn check_seats(seats: Seats, span: Span, now: DateTime<Utc>) -> Result<(), Error> {
    let Seats {
        capacity,
        minimum,
        decides_at,
    } = seats;
    if minimum > capacity {
        let detail = "must be at most capacity";
        let code = "more_than_capacity";
        return Err(Error::invalid("minimum_students", code, detail));
    }
    let (code, detail) = match decides_at {
        None if minimum == 1 => return Ok(()),
        None => (
            "needs_deadline",
            "must be given where more than one student is needed",
        ),
        Some(_) if minimum == 1 => (
            "needs_minimum",
            "is of use together with minimum_students only",
        ),
        Some(at) if at <= now => ("not_ahead", "must be ahead"),
        Some(at) if at >= span.start() => ("not_before_start", "must be before start"),
        Some(_) => return Ok(()),
    };
    Err(Error::invalid("decides_at", code, detail))
}

/// Which lessons are listed, and where the page begins.
#[derive(Debug)]
pub struct Listing {
    /// Slug of the subject.
    pub subject: Option<String>,
    pub level: Option<String>,
    pub tutor: Option<TutorId>,
    pub from: Option<DateTime<Utc>>,
    pub until: Option<DateTime<Utc>>,
    pub after: Option<(DateTime<Utc>, LessonId)>,
    pub limit: u32,
}

/// Lessons by start, the earliest first: what the caller could join, and all that the caller decides about. One query.
pub async fn list(app: &App, caller: &Caller, listing: Listing) -> Result<Vec<GroupLesson>, Error> {
    let filter = Filter {
        viewer: viewer(caller),
        open_at: Some(app.clock.now()),
        id: None,
        subject: listing.subject,
        level: listing.level,
        tutors: listing.tutor.map(|id| vec![id]),
        from: listing.from,
        until: listing.until,
        vacant: None,
        after: listing.after,
        limit: listing.limit.into(),
    };
    Ok(store::group_lesson::list(&app.db, filter).await?)
}

/// So many lessons a search for slots names, the earliest; `list` lists all.
const MOST_FOUND: i64 = 200;

/// Lessons that begin in a window, of the tutors about whose time these are, that their student could join right now. No query
/// where there is no group lesson then.
pub(super) async fn joinable(
    app: &App,
    caller: &Caller,
    times: &Times,
    (subject, level): (Option<&str>, Option<&str>),
    window: Span,
) -> Result<Vec<GroupLesson>, Error> {
    let tutors = times.givers_of_group_lessons(window);
    if tutors.is_empty() {
        return Ok(Vec::new());
    }
    let now = app.clock.now();
    let filter = Filter {
        viewer: viewer(caller),
        open_at: Some(now),
        id: None,
        subject: subject.map(str::to_owned),
        level: level.map(str::to_owned),
        tutors: Some(tutors),
        from: None,
        until: None,
        vacant: Some((window, now)),
        after: None,
        limit: MOST_FOUND,
    };
    let mut found = Vec::new();
    for lesson in store::group_lesson::list(&app.db, filter).await? {
        if times.leave_room_for(lesson.tutor_id, time_of(&lesson)?, now)? {
            found.push(lesson);
        }
    }
    Ok(found)
}

/// A lesson, if the caller may see it.
pub async fn get(app: &App, caller: &Caller, id: LessonId) -> Result<GroupLesson, Error> {
    find(&app.db, caller, id).await
}

pub(super) async fn find(
    db: &impl ConnectionTrait,
    caller: &Caller,
    id: LessonId,
) -> Result<GroupLesson, Error> {
    let found = store::group_lesson::find(db, Filter::one(viewer(caller), id)).await?;
    found.ok_or(Error::not_found("lesson"))
}

fn viewer(caller: &Caller) -> Viewer {
    match caller {
        Caller::Person(person) if person.is_admin() => Viewer::Centre,
        Caller::Person(person) => Viewer::Person {
            students: person.acts_for(),
            tutor: person.tutor_id,
        },
        Caller::App(access) => Viewer::App {
            tutors: access.tutors().map(<[_]>::to_vec),
            subjects: access.subjects().map(<[_]>::to_vec),
        },
    }
}

/// Whether the caller decides about lessons of this tutor, whom the caller sees.
fn may_manage(caller: &Caller, tutor: TutorId) -> bool {
    caller.may_edit(tutor) || matches!(caller, Caller::App(_))
}

/// A lesson about which the caller decides.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Forbidden`] with `not_yours_to_decide`.
async fn find_managed(
    db: &impl ConnectionTrait,
    caller: &Caller,
    id: LessonId,
) -> Result<GroupLesson, Error> {
    let lesson = find(db, caller, id).await?;
    if may_manage(caller, lesson.tutor_id) {
        return Ok(lesson);
    }
    Err(Error::Forbidden {
        code: "not_yours_to_decide",
        detail: "Only the tutor of the lesson or an admin decides about it.".into(),
    })
}

/// Whether something can be done with the bookings of a lesson at `now`, on somebody's word.
///
/// # Errors
/// [`Error::Conflict`] with `already_cancelled` and `already_started`.
pub(super) fn check_step(
    lesson: &GroupLesson,
    step: Step,
    actor: Actor,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    if lesson.status == LessonStatus::Cancelled {
        let detail = "This lesson is cancelled.";
        return Err(Error::conflict("already_cancelled", detail));
    }
    let standing = lifecycle::Standing {
        status: Some(BookingStatus::Confirmed),
        starts_at: lesson.starts_at,
        ends_at: lesson.ends_at,
        expires_at: None,
        proposal_expires_at: None,
        attendance_window: TimeDelta::zero(),
    };
    let taken = lifecycle::take(&standing, step, actor, now);
    taken.map(|_| ()).map_err(step::refused)
}

fn actor(caller: &Caller, lesson: &GroupLesson) -> Actor {
    match caller {
        Caller::Person(person) if person.tutor_id == Some(lesson.tutor_id) => Actor::Tutor,
        Caller::Person(_) => Actor::Admin,
        Caller::App(_) => Actor::App,
    }
}

/// The time of a lesson.
fn time_of(lesson: &GroupLesson) -> Result<Span, Error> {
    Span::new(lesson.starts_at, lesson.ends_at)
        .ok_or_else(|| Error::internal(anyhow::anyhow!("a lesson that ends before it starts")))
}

/// What is changed of a lesson; what is None stays.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    pub capacity: Option<i16>,
    /// One: a deadline there is goes.
    pub minimum: Option<i16>,
    pub decides_at: Option<DateTime<Utc>>,
    pub title: Option<String>,
    pub description: Option<String>,
}

impl Changes {
    /// What the lesson is with them.
    ///
    /// # Errors
    /// [`Error::Conflict`] with `seats_taken`, [`Error::Invalid`] for seats that can't be.
    fn apply(&self, lesson: &GroupLesson, now: DateTime<Utc>) -> Result<Edited, Error> {
        let minimum = self.minimum.unwrap_or(lesson.minimum);
        let kept = lesson.decides_at.filter(|_| minimum > 1);
        let seats = Seats {
            capacity: self.capacity.unwrap_or(lesson.capacity),
            minimum,
            decides_at: self.decides_at.or(kept),
        };
        if lesson.seats_taken - lesson.seats_offered > seats.capacity.into() {
            let detail = "More students than that are in this lesson.";
            return Err(Error::conflict("seats_taken", detail));
        }
        let undecided = self.minimum.is_some() || self.decides_at.is_some();
        if undecided {
            check_seats(seats, time_of(lesson)?, now)?;
        } else if seats.capacity < minimum {
            let (code, detail) = ("more_than_capacity", "must be at least minimum_students");
            return Err(Error::invalid("capacity", code, detail));
        }
        let or = |new: &Option<String>, old: &String| new.as_ref().unwrap_or(old).clone();
        Ok(Edited {
            seats,
            undecided,
            title: or(&self.title, &lesson.title),
            description: or(&self.description, &lesson.description),
        })
    }
}

/// Takes back so many offers of seats, those of who came last; who they were made to waits on as if there had been none.
async fn take_back_offers(
    txn: &DatabaseTransaction,
    caller: &Caller,
    lesson: &GroupLesson,
    at_most: usize,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    if at_most == 0 || lesson.seats_offered == 0 {
        return Ok(());
    }
    let mut offered = store::waitlist::offers_in(txn, lesson.id, now).await?;
    let kept = offered.len().saturating_sub(at_most);
    let offered = offered.split_off(kept);
    let holds = hold::take_back(txn, actor(caller, lesson), offered, now).await?;
    let students: Vec<_> = holds.iter().map(|hold| hold.student_id).collect();
    Ok(store::waitlist::end_rest(txn, lesson.id, &students).await?)
}

/// Edits a lesson that is yet to begin, if it is still at `version`. Nobody loses a seat by it; what is offered of seats that
/// are no more is taken back.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Forbidden`] with `not_yours_to_decide`, [`Error::PreconditionFailed`];
/// [`Error::Conflict`] with `seats_taken`, `already_cancelled` and `already_started`; [`Error::Invalid`] for seats that
/// can't be.
pub async fn edit(
    app: &App,
    caller: &Caller,
    (id, version): (LessonId, i32),
    changes: &Changes,
) -> Result<GroupLesson, Error> {
    find_managed(&app.db, caller, id).await?;
    let edited = transaction!(app.db, |txn| {
        store::group_lesson::lock_seats(txn, id).await?;
        let now = app.clock.now();
        let lesson = find_managed(txn, caller, id).await?;
        check_step(&lesson, Step::Reschedule, actor(caller, &lesson), now)?;
        let edited = changes.apply(&lesson, now)?;
        let seats_left = i64::from(edited.seats.capacity) - lesson.seats_taken;
        let too_many = usize::try_from(-seats_left).unwrap_or_default();
        take_back_offers(txn, caller, &lesson, too_many, now).await?;
        // Accepting takes no lock of seats: an offer may have been accepted since it was counted.
        let seats_taken = find_managed(txn, caller, id).await?.seats_taken;
        if seats_taken > edited.seats.capacity.into() {
            return Err(step::changed_meanwhile());
        }
        if !store::group_lesson::update(txn, id, version, edited, now).await? {
            return Err(Error::PreconditionFailed);
        }
        store::job::enqueue(txn, Work::SyncLessonEvent(id), now).await?;
        find(txn, caller, id).await
    })?;
    app.work_enqueued.notify_one();
    Ok(edited)
}
