//! Another time for a confirmed lesson, which its tutor has yet to approve: the lesson stays where it is, and the other
//! time is set aside.

use super::{
    booking::{BookingStatus, Detail, SLOT_UNAVAILABLE, check_taught, time_of, translate},
    caller::Caller,
    quota, step,
};
use crate::{
    app::App,
    error::Error,
    store::{self, booking::Standing, job::Work, lesson::NewLesson, new_booking::NewBooking},
};
use chrono::{DateTime, TimeDelta, Utc};
use scheduling::{
    interval::{Span, subtract},
    lifecycle::{Refusal, Step},
};
use sea_orm::DatabaseTransaction;

/// For how many lessons a student can propose other times at a time, lest somebody hold a tutor's whole week.
pub const MOST_PROPOSALS: u64 = 3;

/// For how long another time is proposed, where the caller can only ask for it: what a tutor has approved who wants to be
/// asked, and for so long, nobody moves but the tutor and the centre.
pub(super) fn asked_for(
    caller: &Caller,
    booking: &Detail,
    approval: Option<TimeDelta>,
) -> Option<TimeDelta> {
    let is_approved = booking.status == BookingStatus::Confirmed;
    approval.filter(|_| is_approved && !caller.may_edit(booking.tutor_id))
}

/// Sets another time aside until the tutor has answered, for so long and as long as both times are ahead.
///
/// # Errors
/// [`Error::Conflict`] with `same_time` for what is proposed already, whose time for an answer does not begin again, and
/// with `too_many_proposals`.
pub(super) async fn propose(
    txn: &DatabaseTransaction,
    booking: &Detail,
    to: Span,
    asked_for: TimeDelta,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    check_number(txn, booking, to, now).await?;
    let expires_at = (now + asked_for).min(booking.starts_at).min(to.start());
    let which = (booking.id, booking.version);
    if !store::booking::propose(txn, which, to, expires_at, now).await? {
        return Err(step::changed_meanwhile());
    }
    // The rest is the lesson's own already.
    let spans = subtract(&[to], &[time_of(booking)?]);
    if spans.is_empty() {
        return Ok(());
    }
    let subject_id = store::credit::subject_of(txn, booking.id).await?;
    let standing = Standing {
        status: BookingStatus::Held,
        expires_at: Some(expires_at),
    };
    let set_aside = spans.into_iter().map(|span| NewBooking {
        student_id: booking.student_id,
        lesson: NewLesson {
            tutor_id: booking.tutor_id,
            subject_id,
            level: booking.level.clone(),
            span,
            expires_at: Some(expires_at),
        },
        standing,
        occurrence: None,
        reserved_for: Some(booking.id),
    });
    let inserted = store::new_booking::insert(txn, set_aside.collect(), now).await;
    inserted.map(drop).map_err(translate)
}

async fn check_number(
    txn: &DatabaseTransaction,
    booking: &Detail,
    to: Span,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    if booking.proposed() == Some(to) {
        let detail = "This time is proposed already.";
        return Err(Error::conflict("same_time", detail));
    }
    let whose = (booking.student_id, booking.id);
    if store::booking::count_other_proposals(txn, whose, now).await? < MOST_PROPOSALS {
        return Ok(());
    }
    let detail = "A student can propose other times for three lessons at a time: withdraw one, or wait for an answer.";
    Err(Error::conflict("too_many_proposals", detail))
}

/// Moves the lesson to the time that is proposed: its old time is free exactly when it has the new one.
///
/// # Errors
/// See [`step::take`]; [`Error::Conflict`] with `tutor_suspended`, or `quota_exceeded` by what the student has booked
/// since.
pub(super) async fn approve(
    app: &App,
    txn: &DatabaseTransaction,
    caller: &Caller,
    booking: &Detail,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    end(txn, caller, booking, Step::ApproveTime, now).await?;
    let revisions = app.cache.revisions_within(txn, booking.tutor_id, None);
    let tutor = app
        .cache
        .tutor_within(txn, &revisions.await?, booking.tutor_id)
        .await?;
    let tutor = tutor.ok_or(Error::not_found("booking"))?;
    check_taught(&tutor.profile, booking.student_id)?;
    let to = booking
        .proposed()
        .ok_or_else(|| Error::internal(anyhow::anyhow!("approved, and nothing proposed")))?;
    quota::check_move(app, txn, (booking.student_id, booking.id), to).await?;
    let moved = store::lesson::move_to(txn, booking.lesson_id, to, now).await;
    moved.map_err(|error| match translate(error) {
        // By a clock that is ahead it had expired, and somebody has the time.
        Error::Conflict(it) if it.code == SLOT_UNAVAILABLE => {
            step::refused(Refusal::NothingProposed)
        }
        error => error,
    })?;
    Ok(store::job::enqueue(txn, Work::SyncLessonEvent(booking.lesson_id), now).await?)
}

/// Ends what is proposed, by this step.
///
/// # Errors
/// See [`step::take`].
pub(super) async fn end(
    txn: &DatabaseTransaction,
    caller: &Caller,
    booking: &Detail,
    step: Step,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let status = step::take(booking, caller, step, now)?;
    store::booking::drop_proposal(txn, booking.id, now).await?;
    step::stand(txn, booking, status, now).await
}
