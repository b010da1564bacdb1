//! Booking a lesson and giving it up again.

use super::{
    BookingId, LessonId, TutorId, UserId, absence, busy_time,
    caller::Caller,
    credit, group_lesson, hold,
    idempotency::Reply,
    quota,
    slot::{About, Times},
    step,
    transaction::transaction,
    tutor,
};
use crate::{
    app::App,
    error::{Conflict, Error, Obstacle},
    store::{
        self,
        booking::{Filter, Standing},
        lesson::NewLesson,
        new_booking::NewBooking,
        tutor::Profile,
        violated,
    },
    turns::Turn,
};
use ::entity::{google_grant::GrantState, id::SubjectId};
use chrono::{DateTime, TimeDelta, Utc};
use google::scope;
use scheduling::{interval::Span, lifecycle::Step};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr};
use serde::Serialize;

pub use crate::store::booking::{Detail, Side};
pub use ::entity::booking::BookingStatus;
pub(super) use scheduling::policy::LONGEST_LESSON;

/// What a student wants to book.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub tutor_id: TutorId,
    /// Slug of the subject.
    pub subject: String,
    pub level: String,
    pub start: DateTime<Utc>,
    pub end: DateTime<Utc>,
    /// Whether credit of the student pays for it.
    pub pay_with_credit: bool,
    /// Whether the quotas of the student are to be disregarded.
    pub beyond_quota: bool,
}

impl Wanted {
    fn about(&self) -> About {
        About {
            subject: Some(self.subject.clone()),
            level: Some(self.level.clone()),
        }
    }
}

/// How a slot is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taking {
    Book,
    Hold,
    /// A hold for so long, for somebody who waits.
    Offer(TimeDelta),
}

/// Books a lesson for a student for whom the caller may act; from a tutor who wants to be asked, a student requests it.
/// The lesson, the booking, the work on the tutor's calendar and, for a
/// request with a key, its answer come to be in one transaction or not at all.
///
/// # Errors
/// [`Error::NotFound`] for a tutor that the student may not see; [`Error::Invalid`] for what the tutor
/// does not offer; [`Error::Conflict`] with `slot_unavailable`, its reasons and alternatives;
/// [`Error::RequestInProgress`] if the claim was lost.
pub async fn create<A: Serialize + Send + Sync>(
    app: &App,
    caller: &Caller,
    student: UserId,
    wanted: Wanted,
    reply: Reply<Detail, A>,
) -> Result<A, Error> {
    take(app, caller, student, wanted, Taking::Book, reply).await
}

/// Takes a slot for a student; see [`create`].
///
/// # Errors
/// See [`create`].
pub(super) async fn take<A: Serialize + Send + Sync>(
    app: &App,
    caller: &Caller,
    student: UserId,
    wanted: Wanted,
    taking: Taking,
    reply: Reply<Detail, A>,
) -> Result<A, Error> {
    let span = span(wanted.start, wanted.end)?;
    let tutor = tutor::get(app, caller, wanted.tutor_id).await?;
    check_taught(&tutor.profile, student)?;
    busy_time::read_if_stale(app, wanted.tutor_id).await;
    let people = [tutor.profile.user_id, student];
    match book(
        app,
        (caller, student),
        people,
        (&wanted, taking),
        span,
        reply,
    )
    .await
    {
        Ok(answer) => {
            app.work_enqueued.notify_one();
            Ok(answer)
        }
        Err(Error::Conflict(mut conflict)) if conflict.code == SLOT_UNAVAILABLE => {
            app.cache.catch_up().await?;
            let whose = (caller, Some(student));
            let times = Times::around(app, whose, wanted.tutor_id, span).await?;
            let alternatives = times.alternatives(&wanted.about(), span, app.clock.now())?;
            conflict.alternatives = alternatives
                .iter()
                .map(|slot| (slot.start(), slot.end()))
                .collect();
            hold::name_own(app, caller, student, &mut conflict.conflicts).await?;
            Err(Error::Conflict(conflict))
        }
        Err(error) => Err(error),
    }
}

async fn book<A: Serialize + Send + Sync>(
    app: &App,
    (caller, student): (&Caller, UserId),
    people: [UserId; 2],
    (wanted, taking): (&Wanted, Taking),
    span: Span,
    reply: Reply<Detail, A>,
) -> Result<A, Error> {
    let turn = turn(app, student, wanted.tutor_id).await?;
    if turn.has_waited() {
        // Who comes too late need not take a connection.
        app.cache.catch_up().await?;
        let times = Times::around(app, (caller, Some(student)), wanted.tutor_id, span).await?;
        offered(&times, wanted, span, app.clock.now())?;
    }
    transaction!(app.db, |txn| {
        store::lock_time_of(txn, &people).await?;
        store::booking::expire(txn, &people, app.clock.now()).await?;
        let detail = insert(app, txn, (caller, student), (wanted, taking), span).await?;
        reply.keep(txn, detail).await
    })
}

pub(super) fn span(start: DateTime<Utc>, end: DateTime<Utc>) -> Result<Span, Error> {
    let span = Span::new(start, end)
        .ok_or_else(|| Error::invalid("end", "not_after_start", "must be after start"))?;
    if span.duration() > LONGEST_LESSON {
        let detail = format!(
            "must be at most {} hours after start",
            LONGEST_LESSON.num_hours()
        );
        return Err(Error::invalid("end", "too_long", detail));
    }
    Ok(span)
}

/// Takes a slot in a transaction that has locked the time of both.
pub(super) async fn insert(
    app: &App,
    txn: &DatabaseTransaction,
    (caller, student): (&Caller, UserId),
    (wanted, taking): (&Wanted, Taking),
    span: Span,
) -> Result<Detail, Error> {
    let now = app.clock.now();
    let asks_now = caller.user_id() == Some(student) && !matches!(taking, Taking::Offer(_));
    if !asks_now && !store::person::hold(txn, student).await? {
        return Err(Error::not_found("student"));
    }
    let times = Times::within(app, txn, (caller, Some(student)), wanted.tutor_id, span).await?;
    let tutor = times.only()?.0;
    check_taught(&tutor.profile, student)?;
    let subject_id = offered(&times, wanted, span, now)?;
    let terms = tutor.timetable.terms;
    if quota::binds(caller, wanted.beyond_quota, &tutor.timetable)? {
        quota::check(app, txn, student, span).await?;
    }
    let standing = match taking {
        Taking::Hold => {
            hold::check_number(txn, student, now).await?;
            let expires_at = Some(now + terms.hold);
            step::begin(caller, (student, None), Step::Hold, span, expires_at, now)?
        }
        Taking::Offer(lasting) => hold::offered(caller, student, lasting, span, now)?,
        Taking::Book => booked(caller, (student, None), terms.approval, span, now)?,
    };
    let new = NewBooking {
        student_id: student,
        lesson: NewLesson {
            tutor_id: wanted.tutor_id,
            subject_id,
            level: wanted.level.clone(),
            span,
            expires_at: standing.expires_at,
        },
        standing,
        occurrence: None,
        reserved_for: None,
    };
    let inserted = store::new_booking::insert(txn, vec![new], now).await;
    let id = inserted.map_err(translate)?.remove(0);
    if wanted.pay_with_credit {
        credit::pay(txn, (id, student), span, now).await?;
    }
    if taking != Taking::Book {
        return hold::find(txn, caller, id, now).await;
    }
    find(txn, caller, id, now).await
}

/// How a booking stands that the caller makes of a slot, or of a hold of it: students and third-party apps ask a tutor
/// who wants to be asked.
pub(super) fn booked(
    caller: &Caller,
    (student, hold): (UserId, Option<&Detail>),
    approval: Option<TimeDelta>,
    span: Span,
    now: DateTime<Utc>,
) -> Result<Standing, Error> {
    match approval {
        Some(time) if asks(caller, student) => {
            let expires_at = Some(now + time);
            step::begin(
                caller,
                (student, hold),
                Step::Request,
                span,
                expires_at,
                now,
            )
        }
        Some(_) | None => step::begin(caller, (student, hold), Step::Confirm, span, None, now),
    }
}

/// Whether the caller asks for a student, where a tutor wants to be asked: it is not for them to say yes.
pub(super) fn asks(caller: &Caller, student: UserId) -> bool {
    matches!(caller, Caller::App(_)) || step::acts_for(caller, student)
}

/// The subject of a lesson that can be booked.
///
/// # Errors
/// [`Error::Invalid`] for what the tutor does not offer, and `slot_unavailable`.
fn offered(
    times: &Times,
    wanted: &Wanted,
    span: Span,
    now: DateTime<Utc>,
) -> Result<SubjectId, Error> {
    let (tutor, _) = times.only()?;
    let offers = &mut tutor.offers.iter();
    let offer = offers
        .find(|offer| offer.slug == wanted.subject && offer.level == wanted.level)
        .ok_or_else(not_offered)?;
    let obstacles = times.obstacles(&wanted.about(), span, now, false)?;
    if obstacles.is_empty() {
        Ok(offer.subject_id)
    } else {
        Err(unavailable(obstacles))
    }
}

/// The caller's turn at the time of a student and a tutor, to be held while a transaction locks it.
pub(super) async fn turn(app: &App, student: UserId, tutor: TutorId) -> Result<Turn<'_>, Error> {
    app.turns
        .at_time_of(student, tutor)
        .await
        .ok_or_else(|| Error::Unavailable {
            cause: anyhow::anyhow!("too many wait for the time of {student} or tutor {tutor}"),
            retry_after: None,
        })
}

/// The constraints have the last word.
pub(super) fn translate(error: DbErr) -> Error {
    let code = match violated(&error) {
        Some("lessons_tutor_no_overlap") => "lesson",
        Some("bookings_student_no_overlap") => "student_busy",
        _ => return error.into(),
    };
    unavailable(vec![Obstacle {
        code,
        span: None,
        hold: None,
    }])
}

pub(super) const SLOT_UNAVAILABLE: &str = "slot_unavailable";

pub(super) fn unavailable(conflicts: Vec<Obstacle>) -> Error {
    Error::Conflict(Box::new(Conflict {
        code: SLOT_UNAVAILABLE,
        detail: "This time can't be booked; conflicts says why, alternatives what could be booked instead.".into(),
        conflicts,
        alternatives: Vec::new(),
        quota: None,
        occurrences: Vec::new(),
    }))
}

/// Which bookings are listed, and where the page begins.
#[derive(Debug)]
pub struct Listing {
    pub side: Side,
    /// Only those of this student.
    pub student: Option<UserId>,
    /// Only those on lessons of this tutor.
    pub tutor: Option<TutorId>,
    /// Only those in this lesson.
    pub lesson: Option<LessonId>,
    /// Only those on lessons of tutors who are suspended or tutors no longer, or are not.
    pub needs_tutor: Option<bool>,
    /// Only those with one of these, where there are any.
    pub status: Option<Vec<BookingStatus>>,
    /// Only those for which another time is proposed, and can still be approved.
    pub proposed: bool,
    pub from: Option<DateTime<Utc>>,
    pub until: Option<DateTime<Utc>>,
    pub after: Option<(DateTime<Utc>, BookingId)>,
    pub limit: u32,
}

/// Bookings by start, the earliest first. One query.
pub async fn list(app: &App, listing: Listing) -> Result<Vec<Detail>, Error> {
    let Listing {
        side,
        status,
        proposed,
        student,
        tutor,
        lesson,
        needs_tutor,
        from,
        until,
        after,
        limit,
    } = listing;
    let filter = Filter {
        student,
        tutor,
        lesson,
        needs_tutor,
        status,
        proposed,
        from,
        until,
        after,
        limit: limit.into(),
        ..Filter::all(side, false, app.clock.now())
    };
    Ok(store::booking::list(&app.db, filter).await?)
}

/// A booking, if the caller may see it.
pub async fn get(app: &App, caller: &Caller, id: BookingId) -> Result<Detail, Error> {
    find(&app.db, caller, id, app.clock.now()).await
}

pub(super) async fn find(
    db: &impl ConnectionTrait,
    caller: &Caller,
    id: BookingId,
    now: DateTime<Utc>,
) -> Result<Detail, Error> {
    let filter = Filter {
        id: Some(id),
        ..Filter::all(seen_by(caller), false, now)
    };
    let found = store::booking::find(db, filter).await?;
    found.ok_or(Error::not_found("booking"))
}

/// A booking as it is now, in a transaction that has locked the time of those whose it was before.
///
/// # Errors
/// As [`get`]; [`Error::Conflict`] with `tutor_changed` if another tutor has it by now.
pub(super) async fn find_again(
    txn: &DatabaseTransaction,
    caller: &Caller,
    before: &Detail,
    now: DateTime<Utc>,
) -> Result<Detail, Error> {
    let booking = find(txn, caller, before.id, now).await?;
    if booking.tutor_id == before.tutor_id {
        return Ok(booking);
    }
    let detail = "Another tutor has just been found for this booking; look at it again.";
    Err(Error::conflict("tutor_changed", detail))
}

/// The bookings that a caller may see.
pub(super) fn seen_by(caller: &Caller) -> Side {
    match caller {
        Caller::Person(person) if person.is_admin() => Side::centre(),
        Caller::Person(person) => Side::Person {
            students: person.acts_for(),
            tutor: person.tutor_id,
        },
        Caller::App(access) => Side::Centre {
            tutors: access.tutors().map(<[_]>::to_vec),
            subjects: access.subjects().map(<[_]>::to_vec),
        },
    }
}

/// The bookings of the whole centre, as far as the caller may see them: for admins and third-party apps.
///
/// # Errors
/// [`Error::Forbidden`].
pub fn of_centre(caller: &Caller) -> Result<Side, Error> {
    if caller.is_admin() || matches!(caller, Caller::App(_)) {
        return Ok(seen_by(caller));
    }
    Err(Error::Forbidden {
        code: "not_an_admin",
        detail: "Only admins see the bookings of the whole centre.".into(),
    })
}

/// The time of a booking.
pub(super) fn time_of(booking: &Detail) -> Result<Span, Error> {
    Span::new(booking.starts_at, booking.ends_at)
        .ok_or_else(|| Error::internal(anyhow::anyhow!("a booking that ends before it starts")))
}

/// Whether a change that is meant for one of these versions is meant for this one.
pub(super) fn check_version(booking: &Detail, versions: Option<&[i32]>) -> Result<(), Error> {
    if versions.is_some_and(|versions| !versions.contains(&booking.version)) {
        return Err(Error::PreconditionFailed);
    }
    Ok(())
}

/// Refuses what would take others along, or tear the student from them.
///
/// # Errors
/// [`Error::Conflict`] with `group_lesson`.
pub(super) fn check_alone(booking: &Detail) -> Result<(), Error> {
    if booking.capacity == 1 {
        return Ok(());
    }
    let detail = "This is a seat in a group lesson, which is moved as a whole; who can't come then leaves it.";
    Err(Error::conflict("group_lesson", detail))
}

/// Whether a tutor may teach a student at all.
pub(super) fn check_taught(tutor: &Profile, student: UserId) -> Result<(), Error> {
    if tutor.suspended {
        let detail = "This tutor is suspended and teaches nobody.";
        return Err(Error::conflict("tutor_suspended", detail));
    }
    if tutor.user_id == student {
        let detail = "Nobody can book a lesson with themselves.";
        return Err(Error::conflict("own_lesson", detail));
    }
    Ok(())
}

pub(super) fn not_offered() -> Error {
    let detail = "this tutor does not teach this subject at this level";
    Error::invalid("subject", "not_offered", detail)
}

/// For so long a hold that came to nothing is kept, in case somebody asks what became of it.
const HOLDS_KEPT: TimeDelta = TimeDelta::days(1);

/// Writes down what time has done: what has expired, which lessons are over, which group lessons have too few
/// students, and which lessons have begun without their tutor. Nobody waits for that: what has expired
/// takes nobody's time anyway. Whether there may be more.
pub async fn settle(app: &App) -> Result<bool, Error> {
    let now = app.clock.now();
    let decided = group_lesson::decide(app).await?;
    let called_off = absence::call_off(app).await?;
    let expired = transaction!(
        app.db,
        |txn| Ok(store::booking::expire_any(txn, now).await?)
    )?;
    let ended = transaction!(app.db, |txn| Ok(store::booking::expire_proposals_any(
        txn, now
    )
    .await?))?;
    let completed = transaction!(app.db, |txn| Ok(
        store::booking::complete_any(txn, now).await?
    ))?;
    transaction!(app.db, |txn| Ok(store::drift::lapse(txn, now).await?))?;
    let before = now - HOLDS_KEPT;
    let forgotten = transaction!(app.db, |txn| Ok(
        store::booking::forget_holds(txn, before).await?
    ))?;
    Ok(decided || called_off || expired + ended + completed + forgotten > 0)
}

/// How the booking stands in the tutor's calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InCalendar {
    /// The tutor has not connected a calendar, or the connection is dead.
    NotConnected,
    /// The calendar is being brought up to date.
    Pending,
    /// The calendar says what the booking says.
    Current,
}

/// Whether the tutor's calendar says what the booking says.
pub fn in_calendar(booking: &Detail) -> InCalendar {
    let may_write = booking
        .grant_scopes
        .iter()
        .flatten()
        .any(|granted| granted == scope::CALENDAR_EVENTS_OWNED);
    match booking.grant_state {
        _ if booking.calendar_current => InCalendar::Current,
        Some(GrantState::Live) if may_write => InCalendar::Pending,
        Some(_) | None => InCalendar::NotConnected,
    }
}
