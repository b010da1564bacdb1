//! Finding another tutor for a lesson that is booked.

use super::{
    BookingId, TutorId,
    booking::{
        Detail, check_cancel, check_taught, find, get, not_offered, translate, turn, unavailable,
    },
    caller::Caller,
    idempotency::Reply,
    slot::{About, Times},
    transaction::transaction,
    tutor,
};
use crate::{
    app::App,
    error::Error,
    store::{self, job::Work, lesson::NewLesson},
};
use scheduling::interval::Span;
use sea_orm::DatabaseTransaction;
use serde::Serialize;

/// Hands a booking over to another tutor, who teaches the same and is free then, on the word of the centre, which may
/// do so at short notice. The booking stays; its lesson is another, so that it leaves the calendar of the one tutor and
/// comes into that of the other.
///
/// # Errors
/// [`Error::NotFound`] for a booking or tutor that there is not, [`Error::PreconditionFailed`]; [`Error::Invalid`] for
/// what the tutor does not teach; [`Error::Conflict`] as [`cancel`], with `same_tutor`, `own_lesson`, `tutor_suspended`,
/// and with `slot_unavailable` and its reasons; [`Error::RequestInProgress`] if the claim was lost.
pub async fn reassign<A: Serialize + Send + Sync>(
    app: &App,
    caller: &Caller,
    (id, version): (BookingId, Option<i32>),
    tutor_id: TutorId,
    reply: Reply<Detail, A>,
) -> Result<A, Error> {
    let before = get(app, caller, id).await?;
    let tutor = tutor::get(app, caller, tutor_id).await?.profile.clone();
    check_taught(&tutor, before.student_id)?;
    let _turn = turn(app, before.student_id, tutor_id).await?;
    let people = [before.tutor_user_id, tutor.user_id, before.student_id];
    let answer = transaction!(app.db, |txn| {
        store::lock_time_of(txn, &people).await?;
        let booking = find(txn, caller, id).await?;
        if version.is_some_and(|version| version != booking.version) {
            return Err(Error::PreconditionFailed);
        }
        check_cancel(&booking, caller, app.clock.now())?;
        if booking.tutor_id == tutor_id {
            let detail = "The booking is with this tutor already.";
            return Err(Error::conflict("same_tutor", detail));
        }
        hand_over(app, txn, caller, &booking, tutor_id).await?;
        reply.keep(txn, find(txn, caller, id).await?).await
    })?;
    app.work_enqueued.notify_one();
    Ok(answer)
}

/// What the centre may disregard when it finds another tutor.
const AT_SHORT_NOTICE: [&str; 4] = ["notice", "horizon", "grid", "length_not_offered"];

async fn hand_over(
    app: &App,
    txn: &DatabaseTransaction,
    caller: &Caller,
    booking: &Detail,
    tutor_id: TutorId,
) -> Result<(), Error> {
    let now = app.clock.now();
    let span = Span::new(booking.starts_at, booking.ends_at)
        .ok_or_else(|| Error::internal(anyhow::anyhow!("a booking that ends before it starts")))?;
    let about = About {
        subject: Some(booking.subject_slug.clone()),
        level: Some(booking.level.clone()),
    };
    // The student is there at that time: it is this very lesson.
    let times = Times::within(app, txn, (caller, None), tutor_id, span).await?;
    check_taught(&times.only()?.0.profile, booking.student_id)?;
    let mut obstacles = times.obstacles(&about, span, now, true)?;
    obstacles.retain(|obstacle| !AT_SHORT_NOTICE.contains(&obstacle.code));
    if !obstacles.is_empty() {
        return Err(unavailable(obstacles));
    }
    let (tutor, _) = times.only()?;
    let mut offers = tutor.offers.iter();
    let offer = offers.find(|offer| offer.slug == booking.subject_slug);
    let lesson = NewLesson {
        tutor_id,
        subject_id: offer.ok_or_else(not_offered)?.subject_id,
        level: booking.level.clone(),
        span,
    };
    let lesson_id = store::lesson::insert(txn, lesson, now).await;
    let lesson_id = lesson_id.map_err(translate)?;
    store::booking::move_to(txn, booking.id, lesson_id, now).await?;
    store::lesson::cancel_if_empty(txn, booking.lesson_id, now).await?;
    for lesson in [booking.lesson_id, lesson_id] {
        store::job::enqueue(txn, Work::SyncLessonEvent(lesson), now).await?;
    }
    Ok(())
}
