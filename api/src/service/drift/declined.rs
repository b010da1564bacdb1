//! A student declines the invitation to a lesson: the place is given back where that is free, and else the student is asked.

use super::{
    super::{
        booking::{BookingStatus, Detail, turn},
        caller::Caller,
        cancellation, step,
        transaction::transaction,
    },
    Kind, Status,
    changing::{as_student, is_as_seen},
    following::Case,
};
use crate::{
    error::Error,
    store::{
        self,
        booking::{Filter, Side},
        drift::{Guest, NewDrift},
    },
};
use chrono::{DateTime, Utc};
use google::AttendeeResponse as Response;
use scheduling::{
    drift::{Declined, gives_back},
    lifecycle::Step,
};
use sea_orm::DatabaseTransaction;

/// Why a booking is cancelled whose student declined the invitation.
pub const EVENT_DECLINED: &str = "event_declined";

/// Does what follows from what the students have answered to the invitation: who was asked already is not asked again, until
/// they have taken their no back.
///
/// # Errors
/// The last one that there was with any of them, once all had their turn.
pub(super) async fn follow(case: &Case<'_>, policy: Declined) -> Result<(), Error> {
    let mut outcome = Ok(());
    for guest in store::drift::guests(&case.app.db, case.lesson.id).await? {
        let followed = match (case.seen.answer_of(&guest.email), guest.known) {
            // Who has left and come again has said no to the place that they gave back.
            (Some(Response::Declined), None) if guest.has_left => decide(case, &guest, None).await,
            (Some(Response::Declined), None) => give_back_or_ask(case, &guest, policy).await,
            // That there is no answer may be our own doing.
            (Some(Response::Accepted | Response::Tentative), Some(_)) => {
                take_back(case, &guest).await
            }
            _ => Ok(()),
        };
        outcome = followed.and(outcome);
    }
    outcome
}

/// The student has answered otherwise since.
async fn take_back(case: &Case<'_>, guest: &Guest) -> Result<(), Error> {
    let (Some(id), Some(status)) = (guest.known, guest.known_status) else {
        return Ok(());
    };
    let app = case.app;
    transaction!(app.db, |txn| {
        let step = (status, Status::Withdrawn);
        store::drift::resolve(txn, id, step, app.clock.now()).await?;
        Ok(())
    })
}

async fn give_back_or_ask(case: &Case<'_>, guest: &Guest, policy: Declined) -> Result<(), Error> {
    match decide(case, guest, Some(policy)).await {
        // It can't be given back just so.
        Err(Error::Conflict(_) | Error::Forbidden { .. }) => decide(case, guest, None).await,
        outcome => outcome,
    }
}

/// Gives the place back, if that is the policy, and else asks.
async fn decide(case: &Case<'_>, guest: &Guest, policy: Option<Declined>) -> Result<(), Error> {
    let app = case.app;
    let student = as_student(app, guest.student_id).await?;
    let tutor = store::tutor::user_of(&app.db, case.lesson.tutor_id).await?;
    let people = [Some(guest.student_id), tutor].into_iter().flatten();
    let people: Vec<_> = people.collect();
    let _turn = turn(app, guest.student_id, case.lesson.tutor_id).await?;
    transaction!(app.db, |txn| {
        store::lock_time_of(txn, &people).await?;
        let now = app.clock.now();
        if !is_as_seen(txn, case).await? {
            return Ok(());
        }
        let Some(booking) = find(txn, case, guest, now).await? else {
            return Ok(());
        };
        let Some((student, policy)) = student.as_ref().zip(policy) else {
            return ask(txn, case, guest, now).await;
        };
        let consequence = cancellation::consequence(txn, student, &booking, now).await?;
        if !gives_back(policy, consequence) {
            return ask(txn, case, guest, now).await;
        }
        give_back(txn, case, student, &booking, now).await
    })?;
    app.work_enqueued.notify_one();
    Ok(())
}

/// The booking, if it still is of the lesson whose invitation was declined, and that ahead.
async fn find(
    txn: &DatabaseTransaction,
    case: &Case<'_>,
    guest: &Guest,
    now: DateTime<Utc>,
) -> Result<Option<Detail>, Error> {
    let filter = Filter {
        id: Some(guest.booking_id),
        lesson: Some(case.lesson.id),
        status: Some(vec![BookingStatus::Confirmed]),
        ..Filter::all(Side::centre(), false, now)
    };
    let found = store::booking::list(txn, filter).await?.pop();
    Ok(found.filter(|it| it.starts_at > now))
}

async fn ask(
    txn: &DatabaseTransaction,
    case: &Case<'_>,
    guest: &Guest,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let question = NewDrift {
        booking_id: Some(guest.booking_id),
        ..case.drift(Kind::Declined, Status::Asked)
    };
    store::drift::insert(txn, question, now).await?;
    Ok(())
}

async fn give_back(
    txn: &DatabaseTransaction,
    case: &Case<'_>,
    student: &Caller,
    booking: &Detail,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let given_back = NewDrift {
        booking_id: Some(booking.id),
        ..case.drift(Kind::Declined, Status::Cancelled)
    };
    store::drift::insert(txn, given_back, now).await?;
    let status = step::take(booking, student, Step::Cancel, now)?;
    step::end(txn, student, booking, (status, Some(EVENT_DECLINED)), now).await
}
