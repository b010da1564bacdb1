//! Leaving it to students what becomes of their lessons.

use super::{AffectedBooking, Handled, Refusal, State, bookings_of, check_stands, find};
use crate::{
    app::App,
    error::Error,
    service::{
        AbsenceId, BookingId, booking::BookingStatus, caller::Caller, idempotency::Reply,
        transaction::transaction, tutor,
    },
    store,
};
use serde::Serialize;

/// Leaves it to the students of these bookings, or of all that are open and confirmed, to take credit, or move the lesson; so also for
/// those to whom it is left already.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Conflict`] with `taken_back`; [`Error::RequestInProgress`] if the claim was lost.
pub async fn offer<A: Serialize + Send + Sync>(
    app: &App,
    caller: &Caller,
    id: AbsenceId,
    which: Option<&[BookingId]>,
    reply: Reply<Vec<Handled>, A>,
) -> Result<A, Error> {
    let tutor_id = find(&app.db, caller, id).await?.tutor_id;
    let tutor = tutor::get(app, caller, tutor_id).await?.profile.user_id;
    transaction!(app.db, |txn| {
        // Whoever changes one of these bookings, or takes the absence back, comes before or after.
        store::lock_time_of(txn, &[tutor]).await?;
        store::absence::lock(txn, id).await?;
        let now = app.clock.now();
        let absence = find(txn, caller, id).await?;
        check_stands(&absence)?;
        let bookings = bookings_of(txn, &absence, now).await?;
        let is_confirmed = |it: &AffectedBooking| it.booking.status == BookingStatus::Confirmed;
        let open = bookings
            .iter()
            .filter(|it| it.state == State::Open && is_confirmed(it));
        let open: Vec<BookingId> = open.map(|it| it.booking.id).collect();
        let state_of = |id| bookings.iter().find(|it| it.booking.id == id);
        let handled = which.unwrap_or(&open).iter().map(|id| Handled {
            booking: *id,
            outcome: match state_of(*id) {
                Some(it) if it.state.needs_tutor() && is_confirmed(it) => Ok(State::Offered),
                Some(it) if it.state.needs_tutor() => Err(Refusal::new("only_requested")),
                Some(_) => Err(Refusal::new("settled")),
                None => Err(Refusal::new("not_affected")),
            },
        });
        let handled: Vec<Handled> = handled.collect();
        let offered = handled.iter().filter(|it| it.outcome.is_ok());
        let offered: Vec<BookingId> = offered.map(|it| it.booking).collect();
        store::absence::offer(txn, id, &offered, now).await?;
        reply.keep(txn, handled).await
    })
}
