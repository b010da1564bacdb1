//! Other tutors for many lessons at once.

use super::{
    AffectedBooking, Handled, Refusal, State, bookings_of, check_stands, find, substitutes,
};
use crate::{
    app::App,
    error::Error,
    service::{
        AbsenceId, BookingId, TutorId,
        booking::{Detail, time_of},
        caller::Caller,
        idempotency::Reply,
        matching::{self, Limits, People},
        reassignment::{self, Substitute},
        transaction::transaction,
    },
};
use scheduling::matching::{Candidate, Problem};
use serde::Serialize;
use std::{collections::HashMap, iter::zip};

/// Who is to take a booking over.
#[derive(Clone, Copy, Debug)]
pub struct Assignment {
    pub booking: BookingId,
    pub tutor: TutorId,
}

/// A booking, and who is to take it over: the best first, then who could where that fails.
type Wanted = (BookingId, Vec<TutorId>);

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
    let wanted: Vec<Wanted> = match assignments {
        Some(named) => named
            .iter()
            .map(|it| (it.booking, vec![it.tutor]))
            .collect(),
        None => best(app, caller, &bookings).await?,
    };
    let affected = |id| bookings.iter().find(|it| it.booking.id == id);
    let mut handled = Vec::with_capacity(wanted.len());
    for (booking, tutors) in &wanted {
        let (booking, best) = (*booking, tutors.first().copied());
        let outcome = hand_over(app, caller, (id, affected(booking)), best).await;
        handled.push(Handled { booking, outcome });
    }
    // Whoever is chosen for a lesson comes before those who stand in for whom somebody else was faster.
    for (Handled { booking, outcome }, (_, tutors)) in zip(&mut handled, &wanted) {
        for other in tutors.iter().skip(1) {
            if !matches!(
                outcome,
                Err(Refusal {
                    code: "slot_unavailable",
                    ..
                })
            ) {
                break;
            }
            let affected = affected(*booking);
            *outcome = hand_over(app, caller, (id, affected), Some(*other)).await;
        }
    }
    // Of its own, since what was handed over has transactions of its own.
    transaction!(app.db, |txn| reply.keep(txn, handled.clone()).await)
}

async fn hand_over(
    app: &App,
    caller: &Caller,
    (absence, affected): (AbsenceId, Option<&AffectedBooking>),
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
    let to = (tutor, Some(absence));
    let handed_over = reassignment::reassign(app, caller, as_seen, to, reply).await;
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

/// For all that are open the best substitutes, such that the most are taken over, nobody has two at once, and nobody more
/// than they give; after each, who else could take it over. What another tutor has already, that tutor is to have.
async fn best(
    app: &App,
    caller: &Caller,
    bookings: &[AffectedBooking],
) -> Result<Vec<Wanted>, Error> {
    let open = bookings.iter().filter(|it| it.state == State::Open);
    let open: Vec<&Detail> = open.map(|it| &it.booking).collect();
    let mut found = substitutes(app, caller, open.iter().copied()).await?;
    let able = open.iter().map(|booking| found.remove(&booking.id));
    let able: Vec<_> = able.map(Option::unwrap_or_default).collect();
    let (problem, tutors) = problem(&open, &able)?;
    let chosen = matching::solved(problem).await?.chosen;
    let in_order = zip(chosen, &able).map(|(place, able)| {
        let Some(best) = place.map(|place| tutors[place]) else {
            return Vec::new();
        };
        let able = able.iter().map(|it| it.ranked.tutor.profile.id);
        let others = able.filter(|id| *id != best);
        std::iter::once(best).chain(others).collect()
    });
    let mut of_open: HashMap<BookingId, Vec<TutorId>> =
        zip(open.iter().map(|booking| booking.id), in_order).collect();
    let wanted = bookings.iter().filter_map(|it| {
        let tutors = match it.state {
            State::Open => of_open.remove(&it.booking.id)?,
            State::Reassigned => vec![it.booking.tutor_id],
            _ => return None,
        };
        Some((it.booking.id, tutors))
    });
    Ok(wanted.collect())
}

/// What cannot be taken over together, with the tutor of each candidate.
fn problem(
    bookings: &[&Detail],
    able: &[Vec<Substitute>],
) -> Result<(Problem, Vec<TutorId>), Error> {
    let tutors = able.iter().flatten().map(|it| &*it.ranked.tutor);
    let mut people = People::new(tutors);
    let mut limits = Vec::new();
    let mut limits_of: HashMap<TutorId, Limits> = HashMap::new();
    let (mut candidates, mut tutors) = (Vec::new(), Vec::new());
    for (wish, (booking, able)) in bookings.iter().zip(able).enumerate() {
        let span = time_of(booking)?;
        for (cost, Substitute { ranked, room }) in (0..).zip(able) {
            let tutor = &ranked.tutor.profile;
            let limits_of = limits_of.entry(tutor.id).or_default();
            candidates.push(Candidate {
                wish,
                tutor: people.takes(tutor.user_id, span),
                student: people.takes(booking.student_id, span),
                limits: limits_of.of(span.start(), &mut limits, || room.clone()),
                cost,
            });
            tutors.push(tutor.id);
        }
    }
    let problem = Problem {
        wishes: bookings.len(),
        limits,
        candidates,
    };
    Ok((problem, tutors))
}
