//! Moving a booked lesson to another time.

use super::{
    BookingId, TutorId, UserId,
    app_key::Scope,
    booking::{
        self, BookingStatus, Detail, SLOT_UNAVAILABLE, check_taught, find, find_again, span,
        time_of, translate, turn, unavailable,
    },
    busy_time,
    caller::Caller,
    cancellation, credit,
    idempotency::Reply,
    proposal, quota,
    reassignment::AT_SHORT_NOTICE,
    slot::{About, Times},
    step,
    transaction::transaction,
};
use crate::{
    app::App,
    error::Error,
    store::{self, booking::Standing, job::Work, tutor::Tutor},
};
use chrono::{DateTime, Timelike, Utc};
use scheduling::{
    interval::{Span, subtract},
    lifecycle::{Actor, Step},
};
use sea_orm::DatabaseTransaction;
use serde::Serialize;

/// Moves a booking to another time with the same tutor: the old time is free exactly when the new one is taken. A
/// student, and a third-party app, move it to what could be booked, and propose it where the tutor who wants to be asked
/// has approved the time that it has; tutors and the centre may disregard notice, horizon and grid. It lasts as long as before, or as is on
/// offer. A group lesson is moved with everybody in it, by other means. The booking's version must be one of those that are given, if any are.
///
/// # Errors
/// [`Error::NotFound`], [`Error::PreconditionFailed`]; [`Error::Invalid`] for a time that can't be; [`Error::Conflict`]
/// with the code of what is in the way, or with `slot_unavailable`, its reasons and alternatives;
/// [`Error::RequestInProgress`] if the claim was lost.
pub async fn reschedule<A: Serialize + Send + Sync>(
    app: &App,
    caller: &Caller,
    (id, versions): (BookingId, Option<Vec<i32>>),
    (start, end): (DateTime<Utc>, DateTime<Utc>),
    reply: Reply<Detail, A>,
) -> Result<A, Error> {
    let to = span(start, end)?;
    let before = booking::get(app, caller, id).await?;
    busy_time::read_if_stale(app, before.tutor_id).await;
    let _turn = turn(app, before.student_id, before.tutor_id).await?;
    let people = [before.tutor_user_id, before.student_id];
    let moved = transaction!(app.db, |txn| {
        store::lock_time_of(txn, &people).await?;
        let now = app.clock.now();
        let booking = find_again(txn, caller, &before, now).await?;
        booking::check_version(&booking, versions.as_deref())?;
        store::booking::expire(txn, &people, now).await?;
        move_to(app, txn, caller, &booking, to).await?;
        reply.keep(txn, find(txn, caller, id, now).await?).await
    });
    match moved {
        Ok(answer) => {
            app.work_enqueued.notify_one();
            Ok(answer)
        }
        Err(Error::Conflict(mut conflict)) if conflict.code == SLOT_UNAVAILABLE => {
            conflict.alternatives = alternatives(app, caller, &before, to).await?;
            Err(Error::Conflict(conflict))
        }
        Err(error) => Err(error),
    }
}

/// Where the booking could be moved instead, by whoever could book there.
async fn alternatives(
    app: &App,
    caller: &Caller,
    booking: &Detail,
    wanted: Span,
) -> Result<Vec<(DateTime<Utc>, DateTime<Utc>)>, Error> {
    app.cache.catch_up().await?;
    let whose = (caller, Some(booking.student_id));
    let times = match Times::around(app, whose, booking.tutor_id, wanted).await {
        // The tutor is hidden: there is nothing to book.
        Err(Error::NotFound { .. }) => return Ok(Vec::new()),
        times => without(times?, booking)?,
    };
    let about = about(booking, times.only()?.0);
    let alternatives = times.alternatives(&about, wanted, app.clock.now())?;
    let present = time_of(booking)?;
    let others = alternatives.iter().filter(|it| **it != present);
    Ok(others.map(|it| (it.start(), it.end())).collect())
}

/// As if the lesson of a booking were not there, nor the time that is set aside for another one: what is proposed now makes
/// room for another proposal.
fn without(times: Times, booking: &Detail) -> Result<Times, Error> {
    let lesson = time_of(booking)?;
    let proposed: Vec<_> = booking.proposed().into_iter().collect();
    let set_aside = subtract(&proposed, &[lesson]).into_iter();
    Ok(set_aside.fold(times.without(lesson), Times::without))
}

/// A booking that is to be moved, where one is named: with whom, and for whom.
///
/// # Errors
/// [`Error::Forbidden`] for a third-party app that may do nothing with bookings; [`Error::Invalid`] for one that the caller
/// does not see, that is of another tutor or student, that is over or given up, that they move no longer, and for a seat in a
/// group lesson, which is not moved by itself; and for a length that it can't have.
pub async fn to_move(
    app: &App,
    caller: &Caller,
    (tutor, student): (TutorId, Option<UserId>),
    (id, minutes): (BookingId, i16),
) -> Result<Moving, Error> {
    if let Caller::App(access) = caller {
        access.check_any(&[Scope::BookingsRead, Scope::BookingsWrite])?;
    }
    let booking = booking::get(app, caller, id).await;
    let refused = |code, detail| Error::invalid("moving_booking_id", code, detail);
    let unknown = || refused("unknown_booking", "there is no such booking");
    let booking = match booking {
        Err(Error::NotFound { .. }) => return Err(unknown()),
        booking => booking?,
    };
    let is_of_student = student.is_none_or(|student| booking.student_id == student);
    if booking.tutor_id != tutor || !is_of_student {
        return Err(unknown());
    }
    if booking.capacity > 1 {
        let detail = "is a seat in a group lesson, which is moved as a whole";
        return Err(refused("group_lesson", detail));
    }
    let stands = [BookingStatus::Requested, BookingStatus::Confirmed].contains(&booking.status);
    if !stands || booking.starts_at <= app.clock.now() {
        let detail = "is over, or was given up";
        return Err(refused("not_movable", detail));
    }
    check_paid_length(&booking, minutes)?;
    if caller.may_edit(tutor) {
        return Ok(Moving(booking));
    }
    match cancellation::check_movable(&app.db, caller, &booking, app.clock.now()).await {
        Err(Error::Conflict(conflict)) => {
            let code = conflict.code;
            Err(Error::invalid("moving_booking_id", code, conflict.detail))
        }
        movable => movable.map(|()| Moving(booking)),
    }
}

fn check_paid_length(booking: &Detail, minutes: i16) -> Result<(), Error> {
    let paid = booking.paid_credit_minutes;
    if paid == 0 || paid == i32::from(minutes) {
        return Ok(());
    }
    let detail = format!("{paid} minutes of credit paid for it: it stays as long as it is");
    Err(Error::invalid("minutes", "paid_with_credit", detail))
}

/// A booking that is to be moved.
#[derive(Debug)]
pub struct Moving(Detail);

impl Moving {
    /// For whom it is.
    pub fn student(&self) -> UserId {
        self.0.student_id
    }

    /// Where it is: nothing is moved to there.
    pub(super) fn time(&self) -> Result<Span, Error> {
        time_of(&self.0)
    }

    /// See [`about`].
    pub(super) fn about(&self, tutor: &Tutor) -> About {
        about(&self.0, tutor)
    }

    /// See [`without`].
    pub(super) fn makes_room(&self, times: Times) -> Result<Times, Error> {
        without(times, &self.0)
    }
}

/// As [`reschedule`], in a transaction that has locked the time of both.
pub(super) async fn move_to(
    app: &App,
    txn: &DatabaseTransaction,
    caller: &Caller,
    booking: &Detail,
    to: Span,
) -> Result<(), Error> {
    booking::check_alone(booking)?;
    let now = app.clock.now();
    check_time(to, now)?;
    // In its place comes this; also of one that has expired, as is told of the booking.
    store::booking::drop_proposal(txn, booking.id, now).await?;
    let whose = (caller, Some(booking.student_id));
    let times = Times::of_lesson(app, txn, whose, booking.tutor_id, to).await?;
    let times = times.without(time_of(booking)?);
    let (tutor, _) = times.only()?;
    check_taught(&tutor.profile, booking.student_id)?;
    let approval = tutor.timetable.terms.approval;
    let asked_for = proposal::asked_for(caller, booking, approval);
    let step = asked_for.map_or(Step::Reschedule, |_| Step::ProposeTime);
    let standing = standing_at(booking, caller, step, to, now)?;
    if to == time_of(booking)? {
        let detail = "The booking is at this time already.";
        return Err(Error::conflict("same_time", detail));
    }
    let decides = caller.may_edit(booking.tutor_id);
    credit::check_length(booking, to)?;
    if !decides {
        cancellation::check_movable(txn, caller, booking, now).await?;
    }
    if !decides && tutor.timetable.has_quotas {
        quota::check_move(app, txn, (booking.student_id, booking.id), to).await?;
    }
    let obstacles = times.obstacles(&about(booking, tutor), to, now, decides)?;
    let obstacles = obstacles
        .into_iter()
        .filter(|obstacle| match obstacle.code {
            "length_not_offered" => to.duration() != booking.ends_at - booking.starts_at,
            code => !decides || !AT_SHORT_NOTICE.contains(&code),
        });
    let obstacles: Vec<_> = obstacles.collect();
    if !obstacles.is_empty() {
        return Err(unavailable(obstacles));
    }
    if let Some(asked_for) = asked_for {
        return proposal::propose(txn, booking, to, asked_for, now).await;
    }
    let moved = store::lesson::move_to(txn, booking.lesson_id, to, now).await;
    moved.map_err(translate)?;
    let by_others = decides && step::actor(booking, caller) != Actor::Student;
    stand(txn, booking, (standing, by_others), now).await?;
    Ok(store::job::enqueue(txn, Work::SyncLessonEvent(booking.lesson_id), now).await?)
}

/// How a booking stands once the caller has moved it, or proposed to.
///
/// # Errors
/// See [`step::take`].
pub(super) fn standing_at(
    booking: &Detail,
    caller: &Caller,
    step: Step,
    to: Span,
    now: DateTime<Utc>,
) -> Result<Standing, Error> {
    Ok(Standing {
        status: step::take(booking, caller, step, now)?,
        expires_at: booking.expires_at.map(|at| at.min(to.start())),
    })
}

/// Lets a booking stand so whose lesson has moved, on the word of somebody else than the student and
/// their guardians, or not.
pub(super) async fn stand(
    txn: &DatabaseTransaction,
    booking: &Detail,
    (standing, by_others): (Standing, bool),
    now: DateTime<Utc>,
) -> Result<(), Error> {
    if !store::booking::set_standing(txn, booking.id, booking.version, standing, now).await? {
        return Err(step::changed_meanwhile());
    }
    if by_others && booking.status == BookingStatus::Confirmed {
        store::booking::note_moved(txn, booking.id, now).await?;
    }
    if let Some(expires_at) = standing.expires_at {
        store::lesson::keep_tentative(txn, booking.lesson_id, expires_at, now).await?;
    }
    Ok(())
}

/// Whether a lesson can be moved to this time, whoever has what then.
fn check_time(to: Span, now: DateTime<Utc>) -> Result<(), Error> {
    if to.start() <= now {
        return Err(Error::invalid("start", "not_ahead", "must be ahead"));
    }
    let is_whole = |at: &DateTime<Utc>| at.second() == 0 && at.nanosecond() == 0;
    if !is_whole(&to.start()) || !is_whole(&to.end()) {
        return Err(Error::invalid(
            "start",
            "not_whole_minutes",
            "must be whole minutes, like end",
        ));
    }
    Ok(())
}

/// What the lesson is about, if the tutor still offers it; a lesson that is booked outlives the offer.
pub(super) fn about(booking: &Detail, tutor: &Tutor) -> About {
    let (subject, level) = (&booking.subject_slug, &booking.level);
    let mut offers = tutor.offers.iter();
    if offers.any(|offer| offer.slug == *subject && offer.level == *level) {
        About {
            subject: Some(subject.clone()),
            level: Some(level.clone()),
        }
    } else {
        About::default()
    }
}
