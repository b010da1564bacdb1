//! Lessons that begin without their tutor: nobody took them over, and their students chose nothing.

use crate::{
    app::App,
    error::Error,
    service::{
        LessonId, TutorId, UserId,
        booking::{BookingStatus, Detail, Side},
        cancellation, step,
        transaction::transaction,
    },
    store::{
        self,
        booking::{Cancellation, Filter, row_status},
        job::Work,
    },
};
use chrono::{DateTime, TimeDelta, Utc};
use scheduling::{
    interval::Span,
    lifecycle::{self, Actor, Step},
};
use sea_orm::DatabaseTransaction;
use std::collections::BTreeSet;

/// Why bookings are cancelled whose tutor is absent.
pub const TUTOR_ABSENT: &str = "tutor_absent";

/// Cancels what has begun without its tutor, and gives the students credit, if there are any. Whether there was any.
pub async fn call_off(app: &App) -> Result<bool, Error> {
    let now = app.clock.now();
    let due = store::absence::due(&app.db, None, now).await?;
    let mut lessons: BTreeSet<LessonId> = due.iter().map(|due| due.lesson_id).collect();
    lessons.extend(store::absence::empty_due(&app.db, None, now).await?);
    let mut any = false;
    for id in lessons {
        match call_off_one(app, id).await {
            Ok(()) => any = true,
            Err(error) => tracing::warn!(lesson = %id, %error, "left for later"),
        }
    }
    if any {
        app.work_enqueued.notify_one();
    }
    Ok(any)
}

async fn call_off_one(app: &App, id: LessonId) -> Result<(), Error> {
    transaction!(app.db, |txn| {
        store::group_lesson::lock_seats(txn, id).await?;
        let now = app.clock.now();
        let before = confirmed(txn, id, now).await?;
        let people = before
            .iter()
            .flat_map(|it| [it.tutor_user_id, it.student_id]);
        let people: Vec<UserId> = people.collect();
        store::lock_time_of(txn, &people).await?;
        let due = store::absence::due(txn, Some(id), now).await?;
        // All who are in a group lesson are without its tutor, also who came into it after that was reported.
        let is_due = |it: &Detail| {
            let is_named = due.iter().any(|due| due.booking_id == it.id);
            is_named || (it.capacity > 1 && !due.is_empty())
        };
        let bookings = confirmed(txn, id, now).await?;
        let bookings: Vec<Detail> = bookings.into_iter().filter(is_due).collect();
        for booking in &bookings {
            let standing = booking.standing(TimeDelta::zero());
            let taken = lifecycle::take(&standing, Step::CallOff, Actor::Clock, now);
            let status = row_status(taken.map_err(step::refused)?);
            cancel(txn, booking, status, now).await?;
        }
        if let Some(booking) = bookings.first()
            && booking.capacity == 1
        {
            store::lesson::cancel_if_empty(txn, id, now).await?;
            return Ok(store::job::enqueue(txn, Work::SyncLessonEvent(id), now).await?);
        }
        let empty = store::absence::empty_due(txn, Some(id), now).await?;
        if bookings.is_empty() && empty.is_empty() {
            return Ok(());
        }
        cancel_group(txn, id, now).await
    })
}

async fn cancel_group(
    txn: &DatabaseTransaction,
    id: LessonId,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let why = (None, Some(TUTOR_ABSENT));
    store::group_lesson::cancel(txn, id, why, now).await?;
    Ok(store::job::enqueue(txn, Work::SyncLessonEvent(id), now).await?)
}

/// Cancels group lessons of a tutor that nobody is in, nor can join while the tutor's time is locked.
pub(super) async fn call_off_empty(
    txn: &DatabaseTransaction,
    tutor_id: TutorId,
    span: Span,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    for id in store::absence::empty_in(txn, tutor_id, span, now).await? {
        cancel_group(txn, id, now).await?;
    }
    Ok(())
}

async fn confirmed(
    txn: &DatabaseTransaction,
    id: LessonId,
    now: DateTime<Utc>,
) -> Result<Vec<Detail>, Error> {
    let filter = Filter {
        lesson: Some(id),
        status: Some(vec![BookingStatus::Confirmed]),
        limit: i64::from(i16::MAX),
        ..Filter::all(Side::centre(), false, now)
    };
    Ok(store::booking::list(txn, filter).await?)
}

/// Cancels a booking for credit.
async fn cancel(
    txn: &DatabaseTransaction,
    booking: &Detail,
    status: BookingStatus,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let cancellation = Cancellation {
        status,
        by: None,
        reason: Some(TUTOR_ABSENT),
        outcome: Some(cancellation::settle_absence(txn, booking, now).await?),
    };
    if store::booking::cancel(txn, booking.id, booking.version, cancellation, now).await? {
        Ok(())
    } else {
        Err(step::changed_meanwhile())
    }
}
