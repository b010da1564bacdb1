//! Moving a booked lesson to another time.

use super::{
    BookingId,
    booking::{
        self, BookingStatus, Detail, check_taught, find, span, time_of, translate, turn,
        unavailable,
    },
    caller::Caller,
    idempotency::Reply,
    reassignment::AT_SHORT_NOTICE,
    slot::{About, Times},
    step,
    transaction::transaction,
};
use crate::{
    app::App,
    error::Error,
    store::{self, booking::Standing, job::Work},
};
use chrono::{DateTime, TimeDelta, Utc};
use scheduling::{interval::Span, lifecycle::Step};
use sea_orm::DatabaseTransaction;
use serde::Serialize;

/// Moves a booking to another time with the same tutor: the old time is free exactly when the new one is taken. A
/// student moves it to what could be booked, and asks again where the tutor wants to be asked; tutors and the centre
/// may disregard notice, horizon, grid and lengths. The booking's version must be one of those that are given, if any are.
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
    let _turn = turn(app, before.student_id, before.tutor_id).await?;
    let people = [before.tutor_user_id, before.student_id];
    let moved = transaction!(app.db, |txn| {
        store::lock_time_of(txn, &people).await?;
        let now = app.clock.now();
        let booking = find(txn, caller, id, now).await?;
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
        Err(Error::Conflict(mut conflict)) if conflict.code == "slot_unavailable" => {
            app.cache.catch_up().await?;
            let whose = (caller, Some(before.student_id));
            let times = Times::around(app, whose, before.tutor_id, to).await?;
            let times = times.without(time_of(&before)?);
            let alternatives = times.alternatives(&about(&before), to, app.clock.now())?;
            let alternatives = alternatives.iter();
            conflict.alternatives = alternatives.map(|it| (it.start(), it.end())).collect();
            Err(Error::Conflict(conflict))
        }
        Err(error) => Err(error),
    }
}

async fn move_to(
    app: &App,
    txn: &DatabaseTransaction,
    caller: &Caller,
    booking: &Detail,
    to: Span,
) -> Result<(), Error> {
    let now = app.clock.now();
    let from = time_of(booking)?;
    if to == from {
        let detail = "The booking is at this time already.";
        return Err(Error::conflict("same_time", detail));
    }
    if to.start() <= now {
        return Err(Error::invalid("start", "not_ahead", "must be ahead"));
    }
    let whose = (caller, Some(booking.student_id));
    let times = Times::within(app, txn, whose, booking.tutor_id, to).await?;
    let times = times.without(from);
    let (tutor, _) = times.only()?;
    check_taught(&tutor.profile, booking.student_id)?;
    let approval = tutor.timetable.terms.approval;
    let standing = standing_at(booking, caller, approval, to, now)?;
    let is_student = step::acts_for(caller, booking.student_id);
    let sees_all = caller.may_edit(booking.tutor_id);
    let mut obstacles = times.obstacles(&about(booking), to, now, sees_all)?;
    if !is_student {
        obstacles.retain(|obstacle| !AT_SHORT_NOTICE.contains(&obstacle.code));
    }
    if !obstacles.is_empty() {
        return Err(unavailable(obstacles));
    }
    let moved = store::lesson::move_to(txn, booking.lesson_id, to, now).await;
    moved.map_err(translate)?;
    stand(txn, booking, standing, now).await?;
    Ok(store::job::enqueue(txn, Work::SyncLessonEvent(booking.lesson_id), now).await?)
}

/// How a booking stands once the caller has moved it.
///
/// # Errors
/// See [`step::take`].
pub(super) fn standing_at(
    booking: &Detail,
    caller: &Caller,
    approval: Option<TimeDelta>,
    to: Span,
    now: DateTime<Utc>,
) -> Result<Standing, Error> {
    let is_student = step::acts_for(caller, booking.student_id);
    Ok(match approval {
        Some(time) if is_student && booking.status == BookingStatus::Confirmed => Standing {
            status: step::take(booking, caller, Step::Request, now)?,
            expires_at: Some((now + time).min(to.start())),
        },
        Some(_) | None => Standing {
            status: step::take(booking, caller, Step::Reschedule, now)?,
            expires_at: booking.expires_at.map(|at| at.min(to.start())),
        },
    })
}

/// Lets a booking stand so whose lesson has moved.
pub(super) async fn stand(
    txn: &DatabaseTransaction,
    booking: &Detail,
    standing: Standing,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    if !store::booking::set_standing(txn, booking.id, booking.version, standing, now).await? {
        return Err(Error::PreconditionFailed);
    }
    if let Some(expires_at) = standing.expires_at {
        store::lesson::keep_tentative(txn, booking.lesson_id, expires_at, now).await?;
    }
    Ok(())
}

fn about(booking: &Detail) -> About {
    About {
        subject: Some(booking.subject_slug.clone()),
        level: Some(booking.level.clone()),
    }
}
