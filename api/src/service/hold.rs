//! Slots that are set aside for a student for some minutes.

use super::{
    BookingId, UserId,
    booking::{self, BookingStatus, Detail, Taking, Wanted, seen_by, turn},
    caller::Caller,
    credit,
    idempotency::Reply,
    step,
    transaction::transaction,
    waitlist::MOST_WAITING,
};
use crate::{
    app::App,
    error::{Error, Obstacle},
    store::{
        self,
        booking::{Filter, Side, Standing, row_status},
        job::Work,
    },
};
use chrono::{DateTime, TimeDelta, Utc};
use scheduling::{
    interval::Span,
    lifecycle::{self, Actor, Step},
};
use sea_orm::ConnectionTrait;
use serde::Serialize;

/// How many slots a student can hold at a time, lest somebody hold a tutor's whole week.
pub const MOST_HOLDS: i64 = 3;

/// Sets a slot aside for a student for whom the caller may act.
///
/// # Errors
/// As [`booking::create`], and [`Error::Conflict`] with `too_many_holds`.
pub async fn create<A: Serialize + Send + Sync>(
    app: &App,
    caller: &Caller,
    student: UserId,
    wanted: Wanted,
    reply: Reply<Detail, A>,
) -> Result<A, Error> {
    booking::take(app, caller, student, wanted, Taking::Hold, reply).await
}

/// Whether this student, whose time is locked, can hold another slot.
pub(super) async fn check_number(
    txn: &impl ConnectionTrait,
    student: UserId,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    if store::booking::count_holds(txn, student, now).await? < MOST_HOLDS {
        return Ok(());
    }
    let detail = "A student can hold three slots at a time: book one of them or let it go.";
    Err(Error::conflict("too_many_holds", detail))
}

/// Says which hold of the student it is that is in the student's way, where the caller may know of when.
pub(super) async fn name_own(
    app: &App,
    caller: &Caller,
    student: UserId,
    obstacles: &mut [Obstacle],
) -> Result<(), Error> {
    let are_known =
        |obstacle: &&mut Obstacle| obstacle.code == "student_busy" && obstacle.span.is_some();
    let mut known: Vec<_> = obstacles.iter_mut().filter(are_known).collect();
    if known.is_empty() {
        return Ok(());
    }
    let held = list(app, caller, student).await?;
    for obstacle in &mut known {
        let is_in_it = |hold: &&Detail| {
            obstacle
                .span
                .is_some_and(|(start, end)| hold.starts_at < end && start < hold.ends_at)
        };
        obstacle.hold = held.iter().find(is_in_it).map(|hold| hold.id.0);
    }
    Ok(())
}

/// How a hold stands that is offered to a student who waits, for so long.
///
/// # Errors
/// As [`step::take`].
pub(super) fn offered(
    caller: &Caller,
    student: UserId,
    lasting: TimeDelta,
    span: Span,
    now: DateTime<Utc>,
) -> Result<Standing, Error> {
    let expires_at = Some(now + lasting);
    step::begin(caller, (student, None), Step::Hold, span, expires_at, now)
}

/// The live holds of a student, by start, as far as the caller may see them; offers to those who wait are among them.
pub async fn list(app: &App, caller: &Caller, student: UserId) -> Result<Vec<Detail>, Error> {
    let filter = Filter {
        student: Some(student),
        limit: MOST_HOLDS + MOST_WAITING,
        ..Filter::all(seen_by(caller), true, app.clock.now())
    };
    Ok(store::booking::list(&app.db, filter).await?)
}

/// A live hold, if the caller may see it.
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
        ..Filter::all(seen_by(caller), true, now)
    };
    let found = store::booking::find(db, filter).await?;
    found.ok_or(Error::not_found("hold"))
}

/// Lets a slot go.
///
/// # Errors
/// [`Error::NotFound`], also of what has expired; [`Error::Forbidden`] with `not_yours_to_decide`.
pub async fn release(app: &App, caller: &Caller, id: BookingId) -> Result<(), Error> {
    let before = get(app, caller, id).await?;
    let _turn = turn(app, before.student_id, before.tutor_id).await?;
    transaction!(app.db, |txn| {
        store::lock_time_of(txn, &[before.tutor_user_id, before.student_id]).await?;
        let now = app.clock.now();
        let hold = find(txn, caller, id, now).await?;
        let status = step::take(&hold, caller, Step::Cancel, now)?;
        step::end(txn, caller, &hold, (status, None), now).await
    })
}

/// Sets these aside no longer, on the word of somebody whose they are not: a student to whom one was offered waits on, and
/// keeps the place. What they take is locked: the time of either of the two, or the seats. What it was.
///
/// # Errors
/// As [`step::take`].
pub(super) async fn take_back(
    txn: &impl ConnectionTrait,
    by: Actor,
    ids: Vec<BookingId>,
    now: DateTime<Utc>,
) -> Result<Vec<Detail>, Error> {
    let filter = Filter {
        limit: i64::try_from(ids.len()).unwrap_or(i64::MAX),
        ids: Some(ids),
        ..Filter::all(Side::centre(), true, now)
    };
    let holds = store::booking::list(txn, filter).await?;
    let mut status = None;
    for hold in &holds {
        let standing = hold.standing(TimeDelta::zero());
        let taken = lifecycle::take(&standing, Step::TakeBack, by, now);
        status = Some(row_status(taken.map_err(step::refused)?));
    }
    let Some(status) = status else {
        return Ok(holds);
    };
    let ids: Vec<_> = holds.iter().map(|hold| hold.id).collect();
    if !store::booking::end_holds(txn, &ids, status, now).await? {
        return Err(step::changed_meanwhile());
    }
    let lessons: Vec<_> = holds.iter().map(|hold| hold.lesson_id).collect();
    store::lesson::cancel_all_if_empty(txn, &lessons, now).await?;
    Ok(holds)
}

/// Books what is held: the hold becomes a booking with the same id. From a tutor who wants to be asked, a student
/// requests it.
///
/// # Errors
/// [`Error::NotFound`], also of what has expired; [`Error::Forbidden`] with `not_yours_to_decide`; [`Error::Conflict`]
/// with `tutor_suspended` or `insufficient_credit`; [`Error::RequestInProgress`] if the claim was lost.
pub async fn book<A: Serialize + Send + Sync>(
    app: &App,
    caller: &Caller,
    (id, pay_with_credit): (BookingId, bool),
    reply: Reply<Detail, A>,
) -> Result<A, Error> {
    let before = get(app, caller, id).await?;
    let _turn = turn(app, before.student_id, before.tutor_id).await?;
    let answer = transaction!(app.db, |txn| {
        store::lock_time_of(txn, &[before.tutor_user_id, before.student_id]).await?;
        let now = app.clock.now();
        let hold = find(txn, caller, id, now).await?;
        let revisions = app.cache.revisions_within(txn, hold.tutor_id, None).await?;
        let tutor = app
            .cache
            .tutor_within(txn, &revisions, hold.tutor_id)
            .await?;
        let tutor = tutor.ok_or(Error::not_found("hold"))?;
        booking::check_taught(&tutor.profile, hold.student_id)?;
        let span = booking::time_of(&hold)?;
        // In a group lesson, the tutor has said yes to all who come.
        let approval = tutor.timetable.terms.approval;
        let approval = approval.filter(|_| hold.capacity == 1);
        let standing =
            booking::booked(caller, (hold.student_id, Some(&hold)), approval, span, now)?;
        if !store::booking::set_standing(txn, id, hold.version, standing, now).await? {
            return Err(step::changed_meanwhile());
        }
        if pay_with_credit {
            credit::pay(txn, (id, hold.student_id), span, now).await?;
        }
        match (standing.status, standing.expires_at) {
            (BookingStatus::Confirmed, _) | (_, None) => {
                store::lesson::schedule(txn, hold.lesson_id, now).await?;
                store::job::enqueue(txn, Work::SyncLessonEvent(hold.lesson_id), now).await?;
            }
            (_, Some(expires_at)) => {
                store::lesson::keep_tentative(txn, hold.lesson_id, expires_at, now).await?;
            }
        }
        reply
            .keep(txn, booking::find(txn, caller, id, now).await?)
            .await
    })?;
    app.work_enqueued.notify_one();
    Ok(answer)
}
