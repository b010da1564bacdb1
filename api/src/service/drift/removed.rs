//! A tutor takes a student off the guests of an event that students join: the booking is cancelled, as by the tutor.

use super::{
    super::{
        booking::{self, BookingStatus, Detail, turn},
        caller::Caller,
        step,
        transaction::transaction,
    },
    Kind, Status,
    changing::{because, is_as_seen, reasons},
    following::Case,
    seen::Seen,
    write_event_anew,
};
use crate::{
    error::Error,
    store::{
        self,
        booking::{Filter, Side},
        drift::{Guest, NewDrift},
    },
};
use scheduling::{drift::Why, lifecycle::Step};
use sea_orm::DatabaseTransaction;

/// Why a booking is cancelled whose student the tutor took off the guests of the event.
pub const EVENT_GUEST_REMOVED: &str = "event_guest_removed";

/// Cancels the bookings of those who were guests and are no more; and notes who is. Who was never seen among the guests may be
/// there by another address, and is not missed. Whether the lesson was still as seen: else less was done.
///
/// # Errors
/// The last one that there was with any of them, once all had their turn.
pub(super) async fn follow(case: &Case<'_>) -> Result<bool, Error> {
    let (Some(own), Seen::Event(event)) = (&case.lesson.own_event_id, &case.seen) else {
        return Ok(true);
    };
    let mut outcome = Ok(true);
    let mut present = Vec::new();
    for guest in store::drift::guests(&case.app.db, case.lesson.id).await? {
        let id = guest.booking_id;
        let was_seen = case.lesson.calendar_event_guests.contains(&id.0);
        if event.has_guest(&guest.email) {
            present.push(id);
        } else if was_seen && event.has_lost(&guest.email) {
            let followed = cancel(case, &guest).await;
            // Else whoever looks next shall miss them, too.
            if !matches!(followed, Ok(true)) {
                present.push(id);
            }
            outcome = match (outcome, followed) {
                (Ok(before), Ok(this)) => Ok(before && this),
                (Err(error), _) | (_, Err(error)) => Err(error),
            };
        }
    }
    store::bookable_event::note_guests(&case.app.db, case.lesson.id, own, &present).await?;
    outcome
}

/// Whether the lesson was still as seen: else nothing is done.
async fn cancel(case: &Case<'_>, guest: &Guest) -> Result<bool, Error> {
    let Some(caller) = Caller::tutor_alone(case.app, case.lesson.tutor_id).await? else {
        return put_back(case, guest, because(Why::TutorSuspended)).await;
    };
    match cancel_as(case, guest, &caller).await {
        Ok(is_as_seen) => Ok(is_as_seen),
        Err(error) => put_back(case, guest, reasons(error)?).await,
    }
}

async fn cancel_as(case: &Case<'_>, guest: &Guest, caller: &Caller) -> Result<bool, Error> {
    let app = case.app;
    let Some(before) = find(case, guest).await? else {
        return Ok(true);
    };
    let _turn = turn(app, before.student_id, before.tutor_id).await?;
    let people = [before.tutor_user_id, before.student_id];
    let is_as_seen = transaction!(app.db, |txn| {
        store::lock_time_of(txn, &people).await?;
        if !is_as_seen(txn, case).await? {
            return Ok(false);
        }
        let now = app.clock.now();
        let booking = booking::find_again(txn, caller, &before, now).await?;
        let status = step::take(&booking, caller, Step::Cancel, now)?;
        note(txn, case, guest, Status::Cancelled, Vec::new()).await?;
        let why = (status, Some(EVENT_GUEST_REMOVED));
        step::end(txn, caller, &booking, why, now).await?;
        Ok(true)
    })?;
    app.work_enqueued.notify_one();
    Ok(is_as_seen)
}

/// The booking, if it still stands.
async fn find(case: &Case<'_>, guest: &Guest) -> Result<Option<Detail>, Error> {
    let filter = Filter {
        id: Some(guest.booking_id),
        lesson: Some(case.lesson.id),
        status: Some(vec![BookingStatus::Confirmed]),
        ..Filter::all(Side::centre(), false, case.now)
    };
    Ok(store::booking::list(&case.app.db, filter).await?.pop())
}

/// Invites the student again.
async fn put_back(case: &Case<'_>, guest: &Guest, reasons: Vec<String>) -> Result<bool, Error> {
    let app = case.app;
    let is_as_seen = transaction!(app.db, |txn| {
        if !is_as_seen(txn, case).await? {
            return Ok(false);
        }
        note(txn, case, guest, Status::PutBack, reasons.clone()).await?;
        store::bookable_event::forget_guest(txn, case.lesson.id, guest.booking_id).await?;
        write_event_anew(txn, case.lesson.id, Some(case.span), app.clock.now()).await?;
        Ok(true)
    })?;
    app.work_enqueued.notify_one();
    Ok(is_as_seen)
}

async fn note(
    txn: &DatabaseTransaction,
    case: &Case<'_>,
    guest: &Guest,
    status: Status,
    reasons: Vec<String>,
) -> Result<(), Error> {
    let drift = NewDrift {
        booking_id: Some(guest.booking_id),
        reasons,
        ..case.drift(Kind::Removed, status)
    };
    store::drift::insert(txn, drift, case.app.clock.now()).await?;
    Ok(())
}
