//! Joining a group lesson. Leaving is cancelling the booking.

use super::{GroupLesson, check_step, find, time_of};
use crate::{
    app::App,
    error::Error,
    service::{
        BookingId, LessonId, UserId,
        booking::{self, check_taught, translate, turn, unavailable},
        caller::Caller,
        credit,
        idempotency::Reply,
        quota,
        slot::{About, Times},
        step,
        transaction::transaction,
    },
    store::{self, job::Work, violated},
};
use chrono::{DateTime, Utc};
use scheduling::lifecycle::{Actor, Step};
use sea_orm::{DatabaseTransaction, DbErr};
use serde::Serialize;

/// Gives a student for whom the caller may act the first free seat of a lesson: by a booking that is confirmed at once,
/// because the tutor has opened the lesson. Credit of the student pays for it, if it is to.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Conflict`] with `full`, `already_joined`, `already_cancelled`, `already_started`,
/// `own_lesson`, `tutor_suspended`, and with `slot_unavailable` and its reasons: the student has something else then, or
/// it is too late by the tutor's notice; `quota_exceeded`; `insufficient_credit`; [`Error::RequestInProgress`] if the claim was lost.
pub async fn join<A: Serialize + Send + Sync>(
    app: &App,
    caller: &Caller,
    (id, student): (LessonId, UserId),
    pay_with_credit: bool,
    reply: Reply<booking::Detail, A>,
) -> Result<A, Error> {
    let before = super::get(app, caller, id).await?;
    let _turn = turn(app, student, before.tutor_id).await?;
    let people = [before.tutor_user_id, student];
    let answer = transaction!(app.db, |txn| {
        store::group_lesson::lock_seats(txn, id).await?;
        store::lock_time_of(txn, &people).await?;
        let now = app.clock.now();
        store::booking::expire(txn, &people, now).await?;
        let lesson = find(txn, caller, id).await?;
        let booking = take_seat(app, txn, (caller, student), &lesson, now).await?;
        if pay_with_credit {
            credit::pay(txn, (booking, student), time_of(&lesson)?, now).await?;
        }
        store::job::enqueue(txn, Work::SyncLessonEvent(id), now).await?;
        let detail = booking::find(txn, caller, booking, now).await?;
        reply.keep(txn, detail).await
    })?;
    app.work_enqueued.notify_one();
    Ok(answer)
}

async fn take_seat(
    app: &App,
    txn: &DatabaseTransaction,
    (caller, student): (&Caller, UserId),
    lesson: &GroupLesson,
    now: DateTime<Utc>,
) -> Result<BookingId, Error> {
    if caller.user_id() != Some(student) && !store::person::hold(txn, student).await? {
        return Err(Error::not_found("student"));
    }
    let span = time_of(lesson)?;
    // Whether it stands, and has not begun; then, whether a booking can come to be.
    check_step(lesson, Step::Cancel, Actor::Admin, now)?;
    step::begin(caller, (student, None), Step::Confirm, span, None, now)?;
    let students = store::group_lesson::students(txn, lesson.id).await?;
    if students.contains(&student) {
        let detail = "The student is in this lesson already.";
        return Err(Error::conflict("already_joined", detail));
    }
    let times = Times::within(app, txn, (caller, Some(student)), lesson.tutor_id, span).await?;
    let (tutor, _) = times.only()?;
    check_taught(&tutor.profile, student)?;
    let mut obstacles = times.obstacles(&About::default(), span, now, false)?;
    let keeps_notice = step::acts_for(caller, student);
    // The tutor's time is the lesson's already.
    obstacles.retain(|obstacle| match obstacle.code {
        "student_busy" => true,
        "notice" => keeps_notice,
        _ => false,
    });
    if !obstacles.is_empty() {
        return Err(unavailable(obstacles));
    }
    if quota::binds(caller, false, &tutor.timetable)? {
        quota::check(app, txn, student, span).await?;
    }
    let taken = store::group_lesson::take_seat(txn, lesson.id, student, now).await;
    let taken = taken.map_err(translated)?;
    taken.ok_or_else(|| Error::conflict("full", "All seats of this lesson are taken."))
}

/// The constraints have the last word. Nobody takes a seat without the lock; should somebody, the next is taken.
fn translated(error: DbErr) -> Error {
    if violated(&error) == Some("bookings_lesson_seat_key") {
        return Error::Contention { cause: error };
    }
    translate(error)
}
