//! Erasing a person: what is left says that somebody was there, and nothing of who it was.

use super::{UserId, calendar_connection, role, transaction::transaction};
use crate::{
    app::App,
    error::Error,
    store::{self, job::Work},
};
use chrono::{DateTime, Utc};
use sea_orm::DatabaseTransaction;

/// Erases a user who is still at `version`. Lessons and bookings stay as the centre's record, those ahead of the student
/// cancelled; Google is told by a job that the calendar is no longer ours. To erase somebody again does nothing.
///
/// # Errors
/// [`Error::NotFound`], [`Error::PreconditionFailed`]; [`Error::Conflict`] with `last_admin`, and with `lessons_ahead` for
/// a tutor whose lessons are neither reassigned nor cancelled.
pub async fn erase(app: &App, id: UserId, version: i32) -> Result<(), Error> {
    let now = app.clock.now();
    let grant = transaction!(app.db, |txn| {
        store::lock_time_of(txn, &[id]).await?;
        let admins = store::account::lock_admins(txn).await?;
        let found = store::erasure::lock(txn, id).await?;
        let user = found.ok_or(Error::not_found("user"))?;
        if user.erased_at.is_some() {
            return Ok(None);
        }
        if user.version != version {
            return Err(Error::PreconditionFailed);
        }
        role::check_admin_left(&admins, id)?;
        if store::erasure::has_lessons_ahead(txn, id, now).await? {
            let detail = "This tutor has lessons ahead. Reassign or cancel them first.";
            return Err(Error::conflict("lessons_ahead", detail));
        }
        remove(txn, id, &user.addresses, now).await
    })?;
    if let (Some(grant), Some(google)) = (grant, &app.google) {
        google.access_tokens.invalidate(grant.0).await;
    }
    app.work_enqueued.notify_one();
    Ok(())
}

async fn remove(
    txn: &DatabaseTransaction,
    id: UserId,
    addresses: &[String],
    now: DateTime<Utc>,
) -> Result<Option<super::GrantId>, Error> {
    for booking in store::erasure::cancel_bookings_ahead(txn, id, now).await? {
        let lesson = booking.lesson_id;
        store::lesson::cancel_if_empty(txn, lesson, now).await?;
        store::job::enqueue(txn, Work::SyncLessonEvent(lesson), now).await?;
        if booking.paid_credit_minutes > 0 {
            // Nobody can use it any more, and it was not used: it expires.
            store::credit::give_back(txn, booking.id, None, now).await?;
        }
    }
    let grant = calendar_connection::end_for_good(txn, id, now).await?;
    if let Some(tutor) = store::tutor::of_user(txn, id).await? {
        store::lesson::forget_calendar_events(txn, tutor, now).await?;
        store::lesson::forget_event_calendars(txn, tutor).await?;
        store::erasure::empty_tutor(txn, id, now).await?;
    }
    store::erasure::delete_reasons(txn, id, now).await?;
    let invitations = store::erasure::delete_invitations(txn, id, addresses).await?;
    store::erasure::delete_account(txn, id, addresses).await?;
    store::erasure::pseudonymise(txn, id, now).await?;
    // Last: the triggers have just written what all of this was before.
    store::erasure::forget_in_audit(txn, id, &invitations).await?;
    Ok(grant)
}
