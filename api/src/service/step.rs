//! The steps of a booking's life, by the rules of [`lifecycle`].

use super::{
    BookingId, UserId,
    booking::{self, Detail},
    caller::Caller,
    cancellation,
    idempotency::Reply,
    proposal,
    transaction::transaction,
};
use crate::{
    app::App,
    error::Error,
    store::{
        self,
        booking::{Cancellation, Standing, row_status},
        job::Work,
    },
};
use ::entity::booking::BookingStatus as Status;
use chrono::{DateTime, TimeDelta, Utc};
use scheduling::{
    interval::Span,
    lifecycle::{self, Actor, BookingStatus, Refusal, Step},
};
use sea_orm::{DatabaseTransaction, DbErr};
use serde::Serialize;

/// What somebody does with a booking, apart from moving it at once.
#[derive(Clone, Debug)]
pub enum Change {
    /// A lesson that nobody is left on is cancelled as well, and leaves the calendar, unless it is a group lesson.
    Cancel { reason: Option<String> },
    /// The tutor does not want to; as `Cancel`.
    Decline { reason: Option<String> },
    /// The tutor wants to.
    Approve,
    /// The lesson moves to the time that is proposed.
    ApproveTime,
    /// The lesson stays where it is, as the tutor wants.
    DeclineTime,
    /// The lesson stays where it is, as the student wants after all.
    WithdrawTime,
    /// Whether the student was there.
    RecordAttendance { attended: bool },
}

/// Changes a booking that the caller sees. The booking's version must be one of those that are given, if any are.
///
/// # Errors
/// [`Error::NotFound`], [`Error::PreconditionFailed`]; [`Error::Conflict`] with the code of what is in the way;
/// [`Error::Forbidden`] with `not_yours_to_decide`; [`Error::RequestInProgress`] if the claim was lost.
pub async fn make<A: Serialize + Send + Sync>(
    app: &App,
    caller: &Caller,
    (id, versions): (BookingId, Option<Vec<i32>>),
    change: Change,
    reply: Reply<Detail, A>,
) -> Result<A, Error> {
    let before = booking::get(app, caller, id).await?;
    let _turn = booking::turn(app, before.student_id, before.tutor_id).await?;
    let people = [before.tutor_user_id, before.student_id];
    let answer = transaction!(app.db, |txn| {
        store::lock_time_of(txn, &people).await?;
        let now = app.clock.now();
        let booking = booking::find_again(txn, caller, &before, now).await?;
        booking::check_version(&booking, versions.as_deref())?;
        apply(app, txn, caller, &booking, &change).await?;
        reply
            .keep(txn, booking::find(txn, caller, id, now).await?)
            .await
    })?;
    app.work_enqueued.notify_one();
    Ok(answer)
}

async fn apply(
    app: &App,
    txn: &DatabaseTransaction,
    caller: &Caller,
    booking: &Detail,
    change: &Change,
) -> Result<(), Error> {
    let now = app.clock.now();
    match change {
        Change::ApproveTime => proposal::approve(app, txn, caller, booking, now).await,
        Change::DeclineTime => proposal::end(txn, caller, booking, Step::DeclineTime, now).await,
        Change::WithdrawTime => proposal::end(txn, caller, booking, Step::WithdrawTime, now).await,
        Change::Cancel { reason } => {
            let status = take(booking, caller, Step::Cancel, now)?;
            end(txn, caller, booking, (status, reason.as_deref()), now).await
        }
        Change::Decline { reason } => {
            let status = take(booking, caller, Step::Decline, now)?;
            end(txn, caller, booking, (status, reason.as_deref()), now).await
        }
        Change::Approve => {
            let status = take(booking, caller, Step::Confirm, now)?;
            stand(txn, booking, status, now).await?;
            store::lesson::schedule(txn, booking.lesson_id, now).await?;
            Ok(store::job::enqueue(txn, Work::SyncLessonEvent(booking.lesson_id), now).await?)
        }
        Change::RecordAttendance { attended } => {
            let (policy, _) = store::policy::of_centre(txn).await?;
            let window = policy.terms().attendance;
            let step = if *attended {
                Step::RecordAttendance
            } else {
                Step::RecordNoShow
            };
            let status = take_within(booking, caller, step, window, now)?;
            stand(txn, booking, status, now).await
        }
    }
}

/// Lets a booking stand so for good.
pub(super) async fn stand(
    txn: &DatabaseTransaction,
    booking: &Detail,
    status: Status,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let standing = Standing {
        status,
        expires_at: None,
    };
    let stands = store::booking::set_standing(txn, booking.id, booking.version, standing, now);
    if stands.await? {
        Ok(())
    } else {
        Err(changed_meanwhile())
    }
}

/// By time itself, which waits for no lock: the transaction runs again, and sees what has become of it.
pub(super) fn changed_meanwhile() -> Error {
    Error::Contention {
        cause: DbErr::RecordNotUpdated,
    }
}

/// Ends a booking before its lesson.
pub(super) async fn end(
    txn: &DatabaseTransaction,
    caller: &Caller,
    booking: &Detail,
    ending: (Status, Option<&str>),
    now: DateTime<Utc>,
) -> Result<(), Error> {
    give_up(txn, caller, booking, ending, now).await?;
    store::lesson::cancel_if_empty(txn, booking.lesson_id, now).await?;
    if booking.status == Status::Held {
        // No event was made of it.
        return Ok(());
    }
    Ok(store::job::enqueue(txn, Work::SyncLessonEvent(booking.lesson_id), now).await?)
}

/// Ends a booking, with all that it means for the student; of its lesson the caller takes care.
pub(super) async fn give_up(
    txn: &DatabaseTransaction,
    caller: &Caller,
    booking: &Detail,
    (status, reason): (Status, Option<&str>),
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let cancellation = Cancellation {
        status,
        by: caller.user_id(),
        reason,
        outcome: cancellation::settle(txn, caller, booking, now).await?,
    };
    if store::booking::cancel(txn, booking.id, booking.version, cancellation, now).await? {
        Ok(())
    } else {
        Err(changed_meanwhile())
    }
}

/// The status of a booking after the caller takes a step at `now`.
///
/// # Errors
/// [`Error::Conflict`] with the code of what is in the way; [`Error::Forbidden`] with `not_yours_to_decide`.
pub(super) fn take(
    booking: &Detail,
    caller: &Caller,
    step: Step,
    now: DateTime<Utc>,
) -> Result<Status, Error> {
    take_within(booking, caller, step, TimeDelta::zero(), now)
}

/// As [`take`], where the tutor may say for so long after the lesson who was there.
///
/// # Errors
/// As [`take`].
pub(super) fn take_within(
    booking: &Detail,
    caller: &Caller,
    step: Step,
    attendance_window: TimeDelta,
    now: DateTime<Utc>,
) -> Result<Status, Error> {
    let standing = booking.standing(attendance_window);
    let taken = lifecycle::take_as(&standing, step, &actors(booking, caller), now);
    taken.map(row_status).map_err(refused)
}

/// How a booking stands that the caller makes for a student, of nothing or of a hold, by this step; what does not stand
/// for good does so until `expires_at`, and the beginning of the lesson at the latest.
///
/// # Errors
/// As [`take`].
pub(super) fn begin(
    caller: &Caller,
    (student, hold): (UserId, Option<&Detail>),
    step: Step,
    span: Span,
    expires_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<Standing, Error> {
    let actors = match hold {
        Some(hold) => actors(hold, caller),
        None if matches!(caller, Caller::App(_)) => vec![Actor::App],
        None if acts_for(caller, student) => vec![Actor::Student],
        None => vec![Actor::Admin],
    };
    let nothing = lifecycle::Standing {
        status: None,
        starts_at: span.start(),
        ends_at: span.end(),
        expires_at: None,
        proposal_expires_at: None,
        attendance_window: TimeDelta::zero(),
    };
    let before = hold.map_or(nothing, |hold| hold.standing(TimeDelta::zero()));
    let status = lifecycle::take_as(&before, step, &actors, now).map_err(refused)?;
    Ok(Standing {
        status: row_status(status),
        expires_at: expires_at.map(|at| at.min(span.start())),
    })
}

/// Whether the caller is this student, or acts in the student's name.
pub(super) fn acts_for(caller: &Caller, student: UserId) -> bool {
    matches!(caller, Caller::Person(person) if person.acts_for().contains(&student))
}

/// All that the caller is to a booking.
fn actors(booking: &Detail, caller: &Caller) -> Vec<Actor> {
    let Caller::Person(person) = caller else {
        return vec![Actor::App];
    };
    let is = [
        (Actor::Student, acts_for(caller, booking.student_id)),
        (Actor::Tutor, person.tutor_id == Some(booking.tutor_id)),
        (Actor::Admin, person.is_admin()),
    ];
    let are = is.into_iter().filter(|(_, is)| *is);
    are.map(|(actor, _)| actor).collect()
}

/// What the caller is first of all to a booking.
pub(super) fn actor(booking: &Detail, caller: &Caller) -> Actor {
    actors(booking, caller)
        .first()
        .copied()
        .unwrap_or(Actor::Admin)
}

/// What somebody is told who can't take a step.
pub(super) fn refused(refusal: Refusal) -> Error {
    let detail = match refusal {
        Refusal::Status(BookingStatus::Held) => "This is only held, and not booked.",
        Refusal::Status(BookingStatus::Requested) => "The tutor has not approved this booking yet.",
        Refusal::Status(BookingStatus::Confirmed) => "This booking is confirmed already.",
        Refusal::Status(BookingStatus::Declined) => "The tutor has declined this booking.",
        Refusal::Status(BookingStatus::Cancelled) => "This booking is cancelled already.",
        Refusal::Status(BookingStatus::Completed) => "This lesson is over.",
        Refusal::Status(BookingStatus::NoShow) => {
            "This lesson is over, and the student was not there."
        }
        Refusal::Status(BookingStatus::Expired) | Refusal::Expired => "It has expired.",
        Refusal::AlreadyStarted => "The lesson has begun.",
        Refusal::NotStarted => "The lesson has not begun.",
        Refusal::NotEnded => "The lesson is not over.",
        Refusal::NotExpired => "It has not expired.",
        Refusal::NothingProposed => "No other time is proposed for this lesson, or not any more.",
        Refusal::TooLate => "It is too long ago; an admin still can.",
        Refusal::Actor => {
            return Error::Forbidden {
                code: "not_yours_to_decide",
                detail: "Somebody else decides about that: the tutor, or the student.".into(),
            };
        }
    };
    Error::conflict(refusal.code(), detail)
}
