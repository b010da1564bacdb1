//! Joining a group lesson. Leaving is cancelling the booking.

use super::{GroupLesson, check_step, find, time_of};
use crate::{
    app::App,
    error::Error,
    service::{
        BookingId, LessonId, UserId,
        booking::{self, Taking, check_taught, translate, turn, unavailable},
        caller::Caller,
        credit, hold,
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

/// What keeps a student out of a lesson that stands: all else of its tutor's time is the lesson's already.
pub(in crate::service) const AGAINST_JOINING: [&str; 3] = ["student_busy", "time_off", "notice"];

/// Gives a student for whom the caller may act the first free seat of a lesson: by a booking that is confirmed at once,
/// because the tutor has opened the lesson. Credit of the student pays for it, if it is to.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Conflict`] with `full`, `waitlist_ahead`, `already_joined`, `already_cancelled`, `already_started`,
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
        let whose = (caller, student);
        let booking = take_seat(app, txn, whose, &lesson, Taking::Book, now).await?;
        if pay_with_credit {
            credit::pay(txn, (booking, student), time_of(&lesson)?, now).await?;
        }
        if lesson.waiting > 0 {
            store::waitlist::note_joined(txn, (id, student), booking, now).await?;
        }
        store::job::enqueue(txn, Work::SyncLessonEvent(id), now).await?;
        let detail = booking::find(txn, caller, booking, now).await?;
        reply.keep(txn, detail).await
    })?;
    app.work_enqueued.notify_one();
    Ok(answer)
}

/// Takes the first free seat for a student, in a transaction that has locked the seats and the time of both people.
pub(in crate::service) async fn take_seat(
    app: &App,
    txn: &DatabaseTransaction,
    (caller, student): (&Caller, UserId),
    lesson: &GroupLesson,
    taking: Taking,
    now: DateTime<Utc>,
) -> Result<BookingId, Error> {
    let asks_now = caller.user_id() == Some(student) && !matches!(taking, Taking::Offer(_));
    if !asks_now && !store::person::hold(txn, student).await? {
        return Err(Error::not_found("student"));
    }
    let span = time_of(lesson)?;
    // Whether it stands, and has not begun; then, whether a booking can come to be.
    check_step(lesson, Step::Cancel, Actor::Admin, now)?;
    let standing = match taking {
        Taking::Offer(lasting) => hold::offered(caller, student, lasting, span, now)?,
        Taking::Book | Taking::Hold => {
            step::begin(caller, (student, None), Step::Confirm, span, None, now)?
        }
    };
    let students = store::group_lesson::students(txn, lesson.id).await?;
    if students.contains(&student) {
        let detail = "The student is in this lesson already, or is offered a seat.";
        return Err(Error::conflict("already_joined", detail));
    }
    if taking == Taking::Book {
        check_turn(txn, lesson, student, now).await?;
    }
    let times = Times::within(app, txn, (caller, Some(student)), lesson.tutor_id, span).await?;
    let (tutor, _) = times.only()?;
    check_taught(&tutor.profile, student)?;
    // All of them first: what is the lesson's already must not hide that the tutor is away, nor the notice.
    let mut obstacles = times.obstacles(&About::default(), span, now, true)?;
    let keeps_notice = step::acts_for(caller, student);
    obstacles.retain(|obstacle| {
        AGAINST_JOINING.contains(&obstacle.code) && (keeps_notice || obstacle.code != "notice")
    });
    for obstacle in obstacles.iter_mut().filter(|it| it.code == "time_off") {
        obstacle.span = None;
    }
    obstacles.dedup();
    if !obstacles.is_empty() {
        return Err(unavailable(obstacles));
    }
    if quota::binds(caller, false, &tutor.timetable)? {
        quota::check(app, txn, student, span).await?;
    }
    let taken = store::group_lesson::take_seat(txn, lesson.id, student, standing, now).await;
    let taken = taken.map_err(translated)?;
    taken.ok_or_else(|| Error::conflict("full", "All seats of this lesson are taken."))
}

/// Free seats are first offered to those who wait. Whose turn it is need not wait for the offer.
///
/// # Errors
/// [`Error::Conflict`] with `waitlist_ahead`, until that is done.
async fn check_turn(
    txn: &DatabaseTransaction,
    lesson: &GroupLesson,
    student: UserId,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let free = i64::from(lesson.capacity) - lesson.seats_taken;
    if lesson.waiting > 0
        && free > 0
        && store::waitlist::are_seats_promised(txn, lesson.id, now).await?
        && !store::waitlist::is_among_first(txn, (lesson.id, student), free, now).await?
    {
        let detail = "Others wait for this lesson, and are offered the free seats first.";
        return Err(Error::conflict("waitlist_ahead", detail));
    }
    Ok(())
}

/// The constraints have the last word. Nobody takes a seat without the lock; should somebody, the next is taken.
fn translated(error: DbErr) -> Error {
    if violated(&error) == Some("bookings_lesson_seat_key") {
        return Error::Contention { cause: error };
    }
    translate(error)
}
