//! Tutors who can't teach for a while: whose lessons that are, and what becomes of them.
//!
//! The time is closed by time off, as any other; an absence stands exactly as long as its time off does. What becomes of
//! a lesson is done by what does it anyway: another tutor takes it over, or its student moves or cancels it.

mod called_off;
mod offer;
mod reassign;

use super::{
    AbsenceId, TimeOffId, TutorId,
    booking::{BookingStatus, Detail, Side, turn},
    caller::Caller,
    hold,
    idempotency::Reply,
    reassignment::{Substitute, substitutes_of},
    slot_search::RankedTutor,
    step, time_off,
    transaction::transaction,
    tutor::{self, begin_addition},
};
use crate::{
    app::App,
    error::{Error, Obstacle},
    store::{
        self,
        absence::{Affected, Viewer},
        booking::Filter,
    },
};
use chrono::{DateTime, TimeDelta, Utc};
use scheduling::{
    availability,
    interval::Span,
    lifecycle::{Actor, Step},
};
use sea_orm::{ConnectionTrait, DatabaseTransaction};
use serde::Serialize;
use std::collections::HashMap;

pub use crate::store::absence::Absence;
pub use called_off::call_off;
pub use offer::offer;
pub use reassign::{Assignment, reassign};

/// So many bookings can need another tutor because of one absence.
const MOST_AFFECTED: usize = 500;

/// The longest absence.
const LONGEST: TimeDelta = TimeDelta::days(366);

/// So many substitutes are named for a lesson.
const MOST_SUBSTITUTES: usize = 10;

/// What became of a booking whose tutor is absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing yet.
    Open,
    /// It is left to the student.
    Offered,
    /// Another tutor has it.
    Reassigned,
    /// It is at another time.
    Rescheduled,
    /// It is cancelled, and the lesson owed to the student.
    Credited,
    /// It is cancelled, declined or expired.
    Cancelled,
    /// The tutor was, or will be, there after all.
    Kept,
}

impl State {
    fn of(absence: &Absence, then: &Affected, booking: &Detail) -> Self {
        use BookingStatus::{Cancelled, Completed, Declined, Expired, NoShow};
        match booking.status {
            // What becomes of it later is no more of the absence.
            _ if booking.tutor_id != absence.tutor_id => Self::Reassigned,
            _ if booking.starts_at != then.starts_at => Self::Rescheduled,
            Cancelled if booking.cancellation_consequence.as_deref() == Some("credit") => {
                Self::Credited
            }
            Cancelled | Declined | Expired => Self::Cancelled,
            Completed | NoShow => Self::Kept,
            _ if absence.time_off_id.is_none() => Self::Kept,
            // Be it by another absence of that time.
            _ if booking.absence_offered => Self::Offered,
            _ => Self::Open,
        }
    }

    /// Whether it still needs somebody to teach it.
    fn needs_tutor(self) -> bool {
        matches!(self, Self::Open | Self::Offered)
    }
}

/// A booking whose tutor is absent.
#[derive(Clone, Debug)]
pub struct AffectedBooking {
    /// When the lesson was to be when the absence was reported.
    pub span: (DateTime<Utc>, DateTime<Utc>),
    pub booking: Detail,
    pub state: State,
    /// Whether its lesson and people are told as they are now: not to a tutor who has it no more.
    pub is_told: bool,
    /// Who could take it over, the best first; told to the centre only, and only while it needs somebody.
    pub substitutes: Vec<RankedTutor>,
}

/// An absence, and all whose tutor is absent by it, by start.
#[derive(Debug)]
pub struct Report {
    pub absence: Absence,
    pub bookings: Vec<AffectedBooking>,
}

/// What is done with one of the bookings of an absence: so it stands then, or why it was not done.
#[derive(Clone, Debug)]
pub struct Handled {
    pub booking: super::BookingId,
    pub outcome: Result<State, Refusal>,
}

/// Why something was not done with a booking.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub code: &'static str,
    pub conflicts: Vec<Obstacle>,
}

impl Refusal {
    fn new(code: &'static str) -> Self {
        Self {
            code,
            conflicts: Vec::new(),
        }
    }
}

/// Closes a tutor's time, lets go what is set aside in it, cancels group lessons that nobody is in, and notes whose lessons
/// need another tutor: those that have not begun. A dry run tells of them, and notes nothing.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Conflict`] with `already_reported` for exactly the time of an absence that stands;
/// [`Error::Invalid`] for time that is over or too long, for more lessons or times off than there can be; [`Error::RequestInProgress`] if the claim was lost.
pub async fn report<A: Serialize + Send + Sync>(
    app: &App,
    caller: &Caller,
    tutor_id: TutorId,
    (time, reason): (availability::TimeOff, &str),
    dry_run: bool,
    reply: Reply<Report, A>,
) -> Result<A, Error> {
    let tutor = tutor::get(app, caller, tutor_id).await?;
    let span = span_of(time, tutor.timetable.zone, app.clock.now())?;
    let seen = affected_in(&app.db, tutor_id, span, app.clock.now()).await?;
    let substitutes = substitutes(app, caller, seen.iter()).await?;
    let user_id = tutor.profile.user_id;
    let _turn = turn(app, user_id, tutor_id).await?;
    let answer = transaction!(app.db, dry_run, |txn| {
        store::lock_time_of(txn, &[user_id]).await?;
        let now = app.clock.now();
        store::booking::expire(txn, &[user_id], now).await?;
        let (absence, span) = close(app, txn, tutor_id, time, reason).await?;
        called_off::call_off_empty(txn, tutor_id, span, now).await?;
        let bookings = affected_in(txn, tutor_id, span, now).await?;
        let ids: Vec<_> = bookings.iter().map(|booking| booking.id).collect();
        store::absence::insert(txn, &absence, &ids).await?;
        let bookings = bookings.into_iter().map(|booking| AffectedBooking {
            span: (booking.starts_at, booking.ends_at),
            state: if booking.absence_offered {
                State::Offered
            } else {
                State::Open
            },
            is_told: true,
            // Who has booked this very moment is looked at later.
            substitutes: ranked(substitutes.get(&booking.id).cloned()),
            booking,
        });
        let bookings = bookings.collect();
        reply.keep(txn, Report { absence, bookings }).await
    })?;
    app.work_enqueued.notify_one();
    Ok(answer)
}

fn span_of(
    time: availability::TimeOff,
    zone: scheduling::Tz,
    now: DateTime<Utc>,
) -> Result<Span, Error> {
    let (field, span) = match time {
        availability::TimeOff::Span(_) => ("end", time.span_in(zone)),
        availability::TimeOff::Dates(_) => ("last_date", time.span_in(zone)),
    };
    let span = span.filter(|span| span.end() > now);
    let span = span.ok_or_else(|| Error::invalid(field, "not_ahead", "must be ahead"))?;
    if span.duration() > LONGEST {
        let detail = format!(
            "must be at most {} days after the start",
            LONGEST.num_days()
        );
        return Err(Error::invalid(field, "too_long", detail));
    }
    Ok(span)
}

/// Closes the time of a tutor, which is locked: that which these dates are now, should the tutor's zone change later.
async fn close(
    app: &App,
    txn: &DatabaseTransaction,
    tutor_id: TutorId,
    time: availability::TimeOff,
    reason: &str,
) -> Result<(Absence, Span), Error> {
    let now = app.clock.now();
    begin_addition(app, txn, tutor_id).await?;
    let tutor = store::tutor::load(txn, &[tutor_id], now).await?;
    let tutor = tutor.get(&tutor_id).ok_or(Error::not_found("tutor"))?;
    let span = span_of(time, tutor.timetable.zone, now)?;
    if let Some(first) = store::absence::standing_at(txn, tutor_id, span).await? {
        let detail = format!("This absence is reported already: it is /v1/absences/{first}.");
        return Err(Error::conflict("already_reported", detail));
    }
    time_off::room(txn, tutor_id).await?;
    let time_off = time_off::TimeOff {
        id: TimeOffId::generate(),
        time: availability::TimeOff::Span(span),
        note: String::new(),
    };
    store::time_off::insert(txn, tutor_id, &time_off, now).await?;
    store::absence::drop_proposals(txn, tutor_id, span, now).await?;
    let holds = store::absence::holds_in(txn, tutor_id, span).await?;
    hold::take_back(txn, Actor::Tutor, holds, now).await?;
    let absence = Absence {
        id: AbsenceId::generate(),
        tutor_id,
        time_off_id: Some(time_off.id),
        reason: reason.to_owned(),
        starts_at: span.start(),
        ends_at: span.end(),
        created_at: now,
    };
    Ok((absence, span))
}

/// The bookings with a tutor in this time whose lessons have not begun.
async fn affected_in(
    db: &impl ConnectionTrait,
    tutor_id: TutorId,
    span: Span,
    now: DateTime<Utc>,
) -> Result<Vec<Detail>, Error> {
    let filter = Filter {
        status: Some(vec![BookingStatus::Requested, BookingStatus::Confirmed]),
        from: Some(span.start().max(now)),
        until: Some(span.end()),
        limit: i64::try_from(MOST_AFFECTED + 1).unwrap_or(i64::MAX),
        ..Filter::all(Side::Tutor(tutor_id), false, now)
    };
    let mut found = store::booking::list(db, filter).await?;
    // Somebody began to teach the others.
    found.retain(|booking| booking.starts_at > now);
    if found.len() > MOST_AFFECTED {
        let detail =
            format!("more than {MOST_AFFECTED} bookings are affected: report less at once");
        return Err(Error::invalid("", "too_many", detail));
    }
    Ok(found)
}

/// Who could take over each of these bookings, for the centre.
async fn substitutes(
    app: &App,
    caller: &Caller,
    bookings: impl Iterator<Item = &Detail>,
) -> Result<HashMap<super::BookingId, Vec<Substitute>>, Error> {
    if !caller.is_admin() {
        return Ok(HashMap::new());
    }
    let now = app.clock.now();
    let may_move = |booking: &&Detail| {
        booking.capacity == 1 && step::take(booking, caller, Step::Reschedule, now).is_ok()
    };
    let bookings: Vec<&Detail> = bookings.filter(may_move).collect();
    let found = substitutes_of(app, caller, &bookings, MOST_SUBSTITUTES).await?;
    let ids = bookings.iter().map(|booking| booking.id);
    Ok(ids.zip(found).collect())
}

fn ranked(substitutes: Option<Vec<Substitute>>) -> Vec<RankedTutor> {
    let substitutes = substitutes.into_iter().flatten();
    substitutes.map(|substitute| substitute.ranked).collect()
}

/// Which absences are listed, and where the page begins.
#[derive(Debug, Default)]
pub struct Listing {
    /// Only those of this tutor.
    pub tutor: Option<TutorId>,
    /// Only those that stand, or are taken back.
    pub standing: Option<bool>,
    pub from: Option<DateTime<Utc>>,
    pub until: Option<DateTime<Utc>>,
    pub after: Option<AbsenceId>,
    pub limit: u32,
}

/// Absences in the order in which they were reported: for admins all, for a tutor the tutor's own.
pub async fn list(app: &App, caller: &Caller, listing: Listing) -> Result<Vec<Absence>, Error> {
    let filter = store::absence::Filter {
        viewer: viewer(caller),
        tutor: listing.tutor,
        standing: listing.standing,
        from: listing.from,
        until: listing.until,
        after: listing.after,
        limit: listing.limit.into(),
    };
    Ok(store::absence::list(&app.db, filter).await?)
}

fn viewer(caller: &Caller) -> Viewer {
    match caller {
        Caller::Person(person) if person.is_admin() => Viewer::Centre,
        Caller::Person(person) => Viewer::Tutor(person.tutor_id),
        Caller::App(_) => Viewer::Tutor(None),
    }
}

/// An absence, for its tutor and admins, with what became of the lessons.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn get(app: &App, caller: &Caller, id: AbsenceId) -> Result<Report, Error> {
    let absence = find(&app.db, caller, id).await?;
    let mut bookings = bookings_of(&app.db, &absence, app.clock.now()).await?;
    let needing = bookings.iter().filter(|it| it.state.needs_tutor());
    let mut found = substitutes(app, caller, needing.map(|it| &it.booking)).await?;
    for it in &mut bookings {
        it.is_told = caller.is_admin() || it.state != State::Reassigned;
        it.substitutes = ranked(found.remove(&it.booking.id));
    }
    Ok(Report { absence, bookings })
}

async fn find(db: &impl ConnectionTrait, caller: &Caller, id: AbsenceId) -> Result<Absence, Error> {
    let found = store::absence::find(db, id, viewer(caller)).await?;
    found.ok_or(Error::not_found("absence"))
}

/// All whose tutor is absent by it, as it stands with them now. Two queries.
async fn bookings_of(
    db: &impl ConnectionTrait,
    absence: &Absence,
    now: DateTime<Utc>,
) -> Result<Vec<AffectedBooking>, Error> {
    let then = store::absence::affected(db, absence.id).await?;
    let filter = Filter {
        absence: Some(absence.id),
        limit: i64::try_from(MOST_AFFECTED).unwrap_or(i64::MAX),
        ..Filter::all(Side::centre(), false, now)
    };
    let bookings = store::booking::list(db, filter).await?;
    let mut bookings: HashMap<_, _> = bookings.into_iter().map(|it| (it.id, it)).collect();
    let affected = then.into_iter().filter_map(|then| {
        let booking = bookings.remove(&then.booking_id)?;
        Some(AffectedBooking {
            span: (then.starts_at, then.ends_at),
            state: State::of(absence, &then, &booking),
            booking,
            is_told: true,
            substitutes: Vec::new(),
        })
    });
    Ok(affected.collect())
}

/// Refuses to do any more with an absence that is taken back.
fn check_stands(absence: &Absence) -> Result<(), Error> {
    if absence.time_off_id.is_some() {
        return Ok(());
    }
    let detail = "This absence is taken back: the tutor is there.";
    Err(Error::conflict("taken_back", detail))
}

/// Refuses to hand over, in a transaction that has locked the tutor's time, what the tutor is there for after all.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Conflict`] with `taken_back`.
pub(super) async fn check_still_stands(
    txn: &DatabaseTransaction,
    caller: &Caller,
    id: AbsenceId,
) -> Result<(), Error> {
    check_stands(&find(txn, caller, id).await?)
}

/// Takes an absence back: the time is open again, and lessons that still are the tutor's stay so. One that is taken back
/// already stays so.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn take_back(app: &App, caller: &Caller, id: AbsenceId) -> Result<(), Error> {
    let tutor_id = find(&app.db, caller, id).await?.tutor_id;
    let owner = time_off::owner(app, tutor_id).await?;
    let _turn = turn(app, owner, tutor_id).await?;
    transaction!(app.db, |txn| {
        store::lock_time_of(txn, &[owner]).await?;
        let absence = find(txn, caller, id).await?;
        let Some(time_off) = absence.time_off_id else {
            return Ok(());
        };
        begin_addition(app, txn, absence.tutor_id).await?;
        store::time_off::delete(txn, absence.tutor_id, time_off).await?;
        Ok(())
    })
}
