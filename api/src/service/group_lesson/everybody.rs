//! What is done with a group lesson and everybody in it: in one transaction, or not at all.

use super::{
    GroupLesson, LessonStatus, Word, actor, check_ahead, check_step, check_teaches, find,
    find_managed, take_back_offers, time_of,
};
use crate::{
    app::App,
    error::{Error, Obstacle},
    service::{
        LessonId, UserId,
        booking::{span, translate, turn, unavailable},
        busy_time,
        caller::Caller,
        cancellation::GOOD_FOR_DAYS,
        idempotency::Reply,
        slot::{About, Times},
        transaction::transaction,
    },
    store::{
        self,
        group_lesson::{Filter, Viewer},
        job::Work,
    },
};
use chrono::{DateTime, Utc};
use scheduling::{
    interval::{Span, subtract},
    lifecycle::{Actor, Step},
};
use sea_orm::DatabaseTransaction;
use serde::Serialize;

/// Why bookings are cancelled of a lesson that too few students have joined.
pub const TOO_FEW: &str = "too_few";

/// Locks the seats of a lesson and the time of its tutor and of all who are in it.
pub(in crate::service) async fn lock_everybody(
    app: &App,
    txn: &DatabaseTransaction,
    lesson: &GroupLesson,
) -> Result<(), Error> {
    store::group_lesson::lock_seats(txn, lesson.id).await?;
    let students = store::group_lesson::students(txn, lesson.id).await?;
    let people = [&[lesson.tutor_user_id], &students[..]].concat();
    store::lock_time_of(txn, &people).await?;
    Ok(store::booking::expire(txn, &people, app.clock.now()).await?)
}

fn check_version(lesson: &GroupLesson, versions: Option<&[i32]>) -> Result<(), Error> {
    if versions.is_some_and(|versions| !versions.contains(&lesson.version)) {
        return Err(Error::PreconditionFailed);
    }
    Ok(())
}

/// Cancels a lesson that has not begun, and the bookings of all who are in it, with the same reason. The lesson's version
/// must be one of those that are given, if any are.
///
/// # Errors
/// [`Error::NotFound`], [`Error::PreconditionFailed`], [`Error::Forbidden`] with `not_yours_to_decide`;
/// [`Error::Conflict`] with `already_cancelled` and `already_started`; [`Error::RequestInProgress`] if the claim was lost.
pub async fn cancel<A: Serialize + Send + Sync>(
    app: &App,
    caller: &Caller,
    (id, versions): (LessonId, Option<Vec<i32>>),
    reason: Option<&str>,
    reply: Reply<GroupLesson, A>,
) -> Result<A, Error> {
    let before = find_managed(&app.db, caller, id).await?;
    let _turn = turn(app, before.tutor_user_id, before.tutor_id).await?;
    let answer = transaction!(app.db, |txn| {
        lock_everybody(app, txn, &before).await?;
        let now = app.clock.now();
        let lesson = find_managed(txn, caller, id).await?;
        check_version(&lesson, versions.as_deref())?;
        check_step(&lesson, Step::Cancel, actor(caller, &lesson), now)?;
        let by = caller.user_id();
        cancel_all(txn, id, (by, reason), now).await?;
        reply.keep(txn, find(txn, caller, id).await?).await
    })?;
    app.work_enqueued.notify_one();
    Ok(answer)
}

/// Cancels a lesson and all bookings in it: those who paid with credit get it back.
pub(in crate::service) async fn cancel_all(
    txn: &DatabaseTransaction,
    id: LessonId,
    why: (Option<UserId>, Option<&str>),
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let paid = store::group_lesson::cancel(txn, id, why, now).await?;
    for booking in paid {
        store::credit::give_back(txn, booking, Some(GOOD_FOR_DAYS), now).await?;
    }
    Ok(store::job::enqueue(txn, Work::SyncLessonEvent(id), now).await?)
}

/// Moves a lesson, and all who are in it, to another time at which the tutor and each of them is free. Who is only offered a
/// seat has said yes to no time: the offer is taken back, and made anew of what the lesson is then. The tutor and the centre may disregard notice, horizon, grid and lengths. The lesson's version must be one of those that are given, if
/// any are.
///
/// # Errors
/// As [`cancel`]; [`Error::Invalid`] for a time that can't be; [`Error::Conflict`] with `same_time`, `tutor_suspended`,
/// and with `slot_unavailable` and its reasons, of which none tells which student.
pub async fn reschedule<A: Serialize + Send + Sync>(
    app: &App,
    caller: &Caller,
    (id, versions): (LessonId, Option<Vec<i32>>),
    (start, end): (DateTime<Utc>, DateTime<Utc>),
    reply: Reply<GroupLesson, A>,
) -> Result<A, Error> {
    let to = span(start, end)?;
    let before = find_managed(&app.db, caller, id).await?;
    busy_time::read_if_stale(app, before.tutor_id).await;
    let _turn = turn(app, before.tutor_user_id, before.tutor_id).await?;
    let answer = transaction!(app.db, |txn| {
        lock_everybody(app, txn, &before).await?;
        let lesson = find_managed(txn, caller, id).await?;
        check_version(&lesson, versions.as_deref())?;
        move_to(app, txn, caller, &lesson, (to, Word::Caller)).await?;
        reply.keep(txn, find(txn, caller, id).await?).await
    })?;
    app.work_enqueued.notify_one();
    Ok(answer)
}

/// As [`reschedule`], in a transaction that has locked everybody.
pub(in crate::service) async fn move_to(
    app: &App,
    txn: &DatabaseTransaction,
    caller: &Caller,
    lesson: &GroupLesson,
    (to, word): (Span, Word),
) -> Result<(), Error> {
    let (id, now) = (lesson.id, app.clock.now());
    check_step(lesson, Step::Reschedule, actor(caller, lesson), now)?;
    take_back_offers(txn, caller, lesson, usize::MAX, now).await?;
    let students = store::group_lesson::students(txn, id).await?;
    check_move(app, txn, caller, lesson, (&students, to, word)).await?;
    let moved = store::group_lesson::move_to(txn, id, to, now).await;
    moved.map_err(translate)?;
    Ok(store::job::enqueue(txn, Work::SyncLessonEvent(id), now).await?)
}

/// Whether the tutor and all these students, whose time is locked, are free at another time.
async fn check_move(
    app: &App,
    txn: &DatabaseTransaction,
    caller: &Caller,
    lesson: &GroupLesson,
    (students, to, word): (&[UserId], Span, Word),
) -> Result<(), Error> {
    let (now, from) = (app.clock.now(), time_of(lesson)?);
    if to == from {
        let detail = "The lesson is at this time already.";
        return Err(Error::conflict("same_time", detail));
    }
    check_ahead(to, now)?;
    if to.duration() != from.duration()
        && store::group_lesson::is_paid_with_credit(txn, lesson.id).await?
    {
        let detail = "Credit paid for seats in this lesson: it stays as long as it is.";
        return Err(Error::conflict("paid_with_credit", detail));
    }
    let times = Times::within(app, txn, (caller, None), lesson.tutor_id, to).await?;
    let times = times.without(from);
    check_teaches(&times.only()?.0.profile)?;
    let sees_all = caller.may_edit(lesson.tutor_id);
    let mut obstacles = times.obstacles_at_short_notice(&About::default(), to, now, sees_all)?;
    obstacles.retain(|obstacle| !word.disregards(obstacle));
    let window = (to.start(), Some(to.end()));
    let busy = store::occupied::of_students(txn, students, window, now).await?;
    let is_busy = |time: &[Span]| {
        let mut others = subtract(time, &[from]).into_iter();
        others.any(|span| span.intersect(&to).is_some())
    };
    if busy.values().any(|of_one| is_busy(&of_one.time)) {
        // Whose other lesson it is, and when, is nobody else's business.
        let (code, span) = ("student_busy", None);
        obstacles.push(Obstacle {
            code,
            span,
            hold: None,
        });
    }
    if obstacles.is_empty() {
        Ok(())
    } else {
        Err(unavailable(obstacles))
    }
}

/// Decides of lessons whose deadline has passed whether there are enough students, and cancels those with too few.
/// Whether any was decided.
pub async fn decide(app: &App) -> Result<bool, Error> {
    let mut any = false;
    for id in store::group_lesson::due(&app.db, app.clock.now()).await? {
        match decide_one(app, id).await {
            Ok(()) => any = true,
            Err(error) => tracing::warn!(lesson = %id, %error, "left for later"),
        }
    }
    if any {
        app.work_enqueued.notify_one();
    }
    Ok(any)
}

fn is_due(lesson: &GroupLesson, now: DateTime<Utc>) -> bool {
    lesson.status == LessonStatus::Scheduled
        && lesson.decided_at.is_none()
        && lesson.decides_at.is_some_and(|at| at <= now)
}

async fn decide_one(app: &App, id: LessonId) -> Result<(), Error> {
    let by_id = || Filter::one(Viewer::Centre, id);
    transaction!(app.db, |txn| {
        let Some(before) = store::group_lesson::find(txn, by_id()).await? else {
            return Ok(());
        };
        lock_everybody(app, txn, &before).await?;
        let now = app.clock.now();
        // Whoever edited or cancelled it meanwhile, or decided, was faster.
        let lesson = store::group_lesson::find(txn, by_id()).await?;
        let Some(lesson) = lesson.filter(|lesson| is_due(lesson, now)) else {
            return Ok(());
        };
        store::group_lesson::note_decided(txn, id, now).await?;
        // A lesson that has begun, because nobody decided in time, takes place.
        let may_cancel = check_step(&lesson, Step::Cancel, Actor::Clock, now).is_ok();
        // Who has only an offer may not come.
        let coming = lesson.seats_taken - lesson.seats_offered;
        if may_cancel && coming < lesson.minimum.into() {
            cancel_all(txn, id, (None, Some(TOO_FEW)), now).await?;
        }
        Ok(())
    })
}
