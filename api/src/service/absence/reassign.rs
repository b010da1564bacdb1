//! Other tutors for many lessons at once.

use super::{
    AffectedBooking, Handled, Refusal, State, bookings_of, check_stands, find, substitutes,
};
use crate::{
    app::App,
    error::Error,
    service::{
        AbsenceId, BookingId, TutorId, UserId,
        booking::{Detail, time_of},
        caller::Caller,
        idempotency::Reply,
        reassignment,
        slot_search::RankedTutor,
        transaction::transaction,
    },
};
use chrono::TimeDelta;
use scheduling::{
    interval::Span,
    matching::{Candidate, Problem, solve},
};
use serde::Serialize;
use std::collections::HashMap;

/// Who is to take a booking over.
#[derive(Clone, Copy, Debug)]
pub struct Assignment {
    pub booking: BookingId,
    pub tutor: TutorId,
}

/// Hands over these bookings, or all that are open, to the best substitutes together; each in a transaction of its own, as
/// one is handed over, so that one that can't be is in nobody's way. One that its tutor has already counts as done: so a
/// repetition goes on where the first one was interrupted.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Conflict`] with `taken_back`; [`Error::RequestInProgress`] if the claim was lost.
pub async fn reassign<A: Serialize + Send + Sync>(
    app: &App,
    caller: &Caller,
    id: AbsenceId,
    assignments: Option<Vec<Assignment>>,
    reply: Reply<Vec<Handled>, A>,
) -> Result<A, Error> {
    let absence = find(&app.db, caller, id).await?;
    check_stands(&absence)?;
    let bookings = bookings_of(&app.db, &absence, app.clock.now()).await?;
    let wanted = match assignments {
        Some(named) => named
            .iter()
            .map(|it| (it.booking, Some(it.tutor)))
            .collect(),
        None => best(app, caller, &bookings).await?,
    };
    let mut handled = Vec::with_capacity(wanted.len());
    for (booking, tutor) in wanted {
        let affected = bookings.iter().find(|it| it.booking.id == booking);
        let outcome = hand_over(app, caller, affected, tutor).await;
        handled.push(Handled { booking, outcome });
    }
    // Of its own, since what was handed over has transactions of its own.
    transaction!(app.db, |txn| reply.keep(txn, handled.clone()).await)
}

async fn hand_over(
    app: &App,
    caller: &Caller,
    affected: Option<&AffectedBooking>,
    tutor: Option<TutorId>,
) -> Result<State, Refusal> {
    let affected = affected.ok_or(Refusal::new("not_affected"))?;
    let tutor = tutor.ok_or(Refusal::new("no_substitute"))?;
    let booking = &affected.booking;
    if affected.state == State::Reassigned && booking.tutor_id == tutor {
        return Ok(State::Reassigned);
    }
    if !affected.state.needs_tutor() {
        return Err(Refusal::new("settled"));
    }
    // What its student has done with it meanwhile stands.
    let as_seen = (booking.id, Some(vec![booking.version]));
    let reply = Reply {
        answer: |booking: Detail| booking.id,
        claim: None,
    };
    let handed_over = reassignment::reassign(app, caller, as_seen, tutor, reply).await;
    handed_over.map_err(refusal)?;
    Ok(State::Reassigned)
}

/// What is told of an error that hinders one booking only.
fn refusal(error: Error) -> Refusal {
    match error {
        Error::Conflict(conflict) => Refusal {
            code: conflict.code,
            conflicts: conflict.conflicts,
        },
        Error::PreconditionFailed => Refusal::new("changed_meanwhile"),
        Error::NotFound { .. } => Refusal::new("not_found"),
        Error::Invalid(_) => Refusal::new("not_offered"),
        Error::Forbidden { code, .. } => Refusal::new(code),
        other => {
            tracing::error!(error = %other, "a lesson of an absence could not be handed over");
            Refusal::new("unavailable")
        }
    }
}

/// So much effort goes into choosing: a fraction of a second.
const EFFORT: u64 = 2_000_000;

/// For all that are open the best substitutes, such that the most are taken over and nobody has two at once.
async fn best(
    app: &App,
    caller: &Caller,
    bookings: &[AffectedBooking],
) -> Result<Vec<(BookingId, Option<TutorId>)>, Error> {
    let open = bookings.iter().filter(|it| it.state == State::Open);
    let open: Vec<&Detail> = open.map(|it| &it.booking).collect();
    let mut found = substitutes(app, caller, open.iter().copied()).await?;
    let able = open.iter().map(|booking| found.remove(&booking.id));
    let able: Vec<_> = able.map(Option::unwrap_or_default).collect();
    let (problem, tutors) = problem(&open, &able)?;
    let solved = tokio::task::spawn_blocking(move || solve(&problem, EFFORT, &|| false));
    let chosen = solved.await.map_err(Error::internal)?.chosen;
    let chosen = chosen.into_iter().map(|place| place.map(|at| tutors[at]));
    Ok(open.iter().map(|booking| booking.id).zip(chosen).collect())
}

/// What cannot be taken over together, with the tutor of each candidate. Caps are left to the handing over.
fn problem(
    bookings: &[&Detail],
    able: &[Vec<RankedTutor>],
) -> Result<(Problem, Vec<TutorId>), Error> {
    let mut numbers: HashMap<UserId, usize> = HashMap::new();
    let mut number = |id: UserId| {
        let next = numbers.len();
        *numbers.entry(id).or_insert(next)
    };
    let (mut candidates, mut tutors) = (Vec::new(), Vec::new());
    for (wish, (booking, able)) in bookings.iter().zip(able).enumerate() {
        let span = time_of(booking)?;
        for (cost, RankedTutor { tutor, .. }) in (0..).zip(able) {
            candidates.push(Candidate {
                wish,
                tutor: (
                    number(tutor.profile.user_id),
                    with_break(span, &tutor.timetable.policy),
                ),
                student: (number(booking.student_id), span),
                limits: Vec::new(),
                cost,
            });
            tutors.push(tutor.profile.id);
        }
    }
    let problem = Problem {
        wishes: bookings.len(),
        limits: Vec::new(),
        candidates,
    };
    Ok((problem, tutors))
}

/// The time that a lesson takes of a tutor.
fn with_break(span: Span, policy: &scheduling::policy::Policy) -> Span {
    let longer = policy.buffer_before.max(policy.buffer_after);
    let end = span.end().checked_add_signed(longer.max(TimeDelta::zero()));
    end.and_then(|end| Span::new(span.start(), end))
        .unwrap_or(span)
}
