//! Cancelling and moving lessons of a series: one, one and all that follow it, or all.

use super::{
    Detail, find, get, instant,
    judge::{Candidate, When, Wish, judge},
    sync, translate, unavailable, window, zone_of,
};
use crate::{
    app::App,
    error::{Error, Occurrence, Verdict},
    service::{
        SeriesId, TutorId, UserId,
        booking::{self, BookingStatus, LONGEST_LESSON, check_taught, time_of, turn},
        busy_time,
        caller::Caller,
        cancellation, credit,
        idempotency::Reply,
        proposal, quota,
        reassignment::AT_SHORT_NOTICE,
        reschedule::{about, stand, standing_at},
        slot::Times,
        step,
        transaction::transaction,
    },
    store::{self, booking::Standing},
};
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use scheduling::{
    Tz,
    interval::Span,
    lifecycle::{Actor, Step},
};
use sea_orm::DatabaseTransaction;
use serde::Serialize;
use std::{cmp::Reverse, collections::BTreeSet};

/// How much of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One occurrence.
    This,
    /// One and all that follow it by the rule.
    ThisAndFollowing,
    All,
}

/// Which lessons of a series.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    pub scope: Scope,
    /// The one occurrence. Of `All` lessons, none is needed.
    pub recurrence_id: Option<NaiveDateTime>,
}

/// Where to lessons move.
#[derive(Clone, Copy, Debug)]
pub struct Move {
    pub scope: Scope,
    /// The occurrence that `start` is about; the others move as far, on the wall clock of the series.
    pub recurrence_id: NaiveDateTime,
    /// On the wall clock of the series.
    pub start: NaiveDateTime,
    /// How long they are from then on; as long as they were, where nothing is said.
    pub minutes: Option<i16>,
}

/// Cancels lessons of a series that have not begun, as the caller could cancel each. The series must be at one of these
/// versions, if any are given.
///
/// # Errors
/// [`Error::NotFound`], [`Error::PreconditionFailed`]; [`Error::Invalid`] for an occurrence that there is not;
/// [`Error::Conflict`] with `nothing_ahead`, and for `This` with what is in the way; [`Error::Forbidden`];
/// [`Error::RequestInProgress`] if the claim was lost.
pub async fn cancel<A: Serialize + Send + Sync>(
    app: &App,
    caller: &Caller,
    (id, versions): (SeriesId, Option<Vec<i32>>),
    part: Part,
    reason: Option<String>,
    reply: Reply<Detail, A>,
) -> Result<A, Error> {
    let before = get(app, caller, id).await?;
    let _turn = turn(app, before.series.student_id, before.series.tutor_id).await?;
    let people = people(&before);
    let answer = transaction!(app.db, |txn| {
        store::lock_time_of(txn, &people).await?;
        let now = app.clock.now();
        let series = find(txn, caller, id, now).await?;
        check_people(&series, &people)?;
        check_version(&series, versions.as_deref())?;
        let chosen = part.choose(&series, now)?;
        cancel_all(txn, caller, &chosen, reason.as_deref(), now).await?;
        reply.keep(txn, find(txn, caller, id, now).await?).await
    })?;
    app.work_enqueued.notify_one();
    Ok(answer)
}

async fn cancel_all(
    txn: &DatabaseTransaction,
    caller: &Caller,
    bookings: &[&booking::Detail],
    reason: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    for booking in bookings {
        let status = step::take(booking, caller, Step::Cancel, now)?;
        step::give_up(txn, caller, booking, (status, reason), now).await?;
    }
    let lessons: Vec<_> = bookings.iter().map(|it| it.lesson_id).collect();
    store::lesson::cancel_all_if_empty(txn, &lessons, now).await?;
    sync(txn, lessons.into_iter(), now).await
}

/// Says of each lesson whether it could move; nothing is written.
///
/// # Errors
/// As [`reschedule`], but for `series_unavailable`.
pub async fn try_reschedule(
    app: &App,
    caller: &Caller,
    (id, versions): (SeriesId, Option<Vec<i32>>),
    wanted: Move,
) -> Result<Vec<Occurrence>, Error> {
    let before = get(app, caller, id).await?;
    busy_time::read_if_stale(app, before.series.tutor_id).await;
    let _turn = turn(app, before.series.student_id, before.series.tutor_id).await?;
    let people = people(&before);
    transaction!(app.db, true, |txn| {
        store::lock_time_of(txn, &people).await?;
        let series = find(txn, caller, id, app.clock.now()).await?;
        check_people(&series, &people)?;
        check_version(&series, versions.as_deref())?;
        store::booking::expire(txn, &people, app.clock.now()).await?;
        let moves = moves(app, txn, caller, &series, wanted).await?;
        Ok(moves.into_iter().map(|it| it.occurrence).collect())
    })
}

/// Moves lessons of a series that have not begun, all or none, each as the caller could move it: see
/// [`crate::service::reschedule::reschedule`]. They stay the same bookings. The series must be at one of these versions,
/// if any are given.
///
/// # Errors
/// As [`cancel`]; [`Error::Invalid`] for a time that can't be; [`Error::Conflict`] with `same_time`, `tutor_suspended`,
/// `tutor_changed`, `too_late_to_move`, `quota_exceeded`, or `series_unavailable` and a verdict for each lesson.
pub async fn reschedule<A: Serialize + Send + Sync>(
    app: &App,
    caller: &Caller,
    (id, versions): (SeriesId, Option<Vec<i32>>),
    wanted: Move,
    reply: Reply<Detail, A>,
) -> Result<A, Error> {
    let before = get(app, caller, id).await?;
    busy_time::read_if_stale(app, before.series.tutor_id).await;
    let _turn = turn(app, before.series.student_id, before.series.tutor_id).await?;
    let people = people(&before);
    let answer = transaction!(app.db, |txn| {
        store::lock_time_of(txn, &people).await?;
        let now = app.clock.now();
        let series = find(txn, caller, id, now).await?;
        check_people(&series, &people)?;
        check_version(&series, versions.as_deref())?;
        store::booking::expire(txn, &people, now).await?;
        let moves = moves(app, txn, caller, &series, wanted).await?;
        let done = move_all(txn, moves, now).await?;
        check_quotas(app, txn, &done).await?;
        reply.keep(txn, find(txn, caller, id, now).await?).await
    })?;
    app.work_enqueued.notify_one();
    Ok(answer)
}

/// A lesson that is to move.
struct Moving<'a> {
    booking: &'a booking::Detail,
    /// Where and how it stands then, if there is such a time.
    then: Option<(Span, Standing)>,
    /// Whether the quotas of the student hold.
    is_bound: bool,
    /// Whether somebody else than the student and their guardians moves it.
    by_others: bool,
    occurrence: Occurrence,
}

/// What becomes of each lesson that is to move, by the start that it has now.
async fn moves<'a>(
    app: &App,
    txn: &DatabaseTransaction,
    caller: &Caller,
    series: &'a Detail,
    wanted: Move,
) -> Result<Vec<Moving<'a>>, Error> {
    let part = Part {
        scope: wanted.scope,
        recurrence_id: Some(wanted.recurrence_id),
    };
    let chosen = part.choose(series, app.clock.now())?;
    for booking in chosen.iter().filter(|it| it.proposed().is_some()) {
        // Else the lessons would be in the way of what is set aside for themselves.
        store::booking::drop_proposal(txn, booking.id, app.clock.now()).await?;
    }
    let targets = targets(&chosen, series, wanted, app.clock.now())?;
    // Another tutor may have taken some of them over.
    let tutors: BTreeSet<TutorId> = chosen.iter().map(|it| it.tutor_id).collect();
    let mut moves = Vec::with_capacity(chosen.len());
    for tutor in tutors {
        let of_tutor = chosen.iter().zip(&targets);
        let of_tutor = of_tutor.filter(|(booking, _)| booking.tutor_id == tutor);
        let (bookings, candidates): (Vec<_>, Vec<_>) = of_tutor.unzip();
        moves.extend(
            moves_with(
                app,
                txn,
                caller,
                (bookings, candidates),
                &chosen,
                wanted.minutes.is_some(),
            )
            .await?,
        );
    }
    moves.sort_by_key(|it| it.booking.starts_at);
    Ok(moves)
}

/// When each of the chosen would be.
fn targets(
    chosen: &[&booking::Detail],
    series: &Detail,
    wanted: Move,
    now: DateTime<Utc>,
) -> Result<Vec<Candidate>, Error> {
    let zone = zone_of(&series.series)?;
    let reference = occurrence(series, wanted.recurrence_id)?;
    let by = wanted.start - local(reference.starts_at, zone);
    let length = wanted.minutes.map(|it| TimeDelta::minutes(it.into()));
    let mut targets = Vec::with_capacity(chosen.len());
    let mut is_same = true;
    for booking in chosen {
        let from = time_of(booking)?;
        let start = local(from.start(), zone).checked_add_signed(by);
        let start = start.and_then(|start| instant(start, zone));
        let length = length.unwrap_or(from.duration());
        let to = start.and_then(|start| Span::lasting(start, length));
        if to.is_some_and(|to| to.start() <= now) {
            return Err(Error::invalid("start", "not_ahead", "must be ahead"));
        }
        is_same &= to == Some(from);
        targets.push(Candidate {
            recurrence_id: booking.recurrence_id.unwrap_or_default(),
            at: to.map_or(When::Skipped, When::Then),
        });
    }
    if is_same {
        let detail = "The lessons are at these times already.";
        return Err(Error::conflict("same_time", detail));
    }
    Ok(targets)
}

fn local(instant: DateTime<Utc>, zone: Tz) -> NaiveDateTime {
    instant.with_timezone(&zone).naive_local()
}

/// What becomes of those with one tutor.
async fn moves_with<'a>(
    app: &App,
    txn: &DatabaseTransaction,
    caller: &Caller,
    (bookings, candidates): (Vec<&&'a booking::Detail>, Vec<&Candidate>),
    all_that_move: &[&booking::Detail],
    sets_length: bool,
) -> Result<Vec<Moving<'a>>, Error> {
    let Some(any) = bookings.first() else {
        return Ok(Vec::new());
    };
    let (tutor_id, student) = (any.tutor_id, any.student_id);
    let candidates: Vec<Candidate> = candidates.into_iter().copied().collect();
    let window = window(&candidates).unwrap_or(time_of(any)?);
    let whose = (caller, Some(student));
    let mut times = Times::of_lessons(app, txn, whose, tutor_id, (window, LONGEST_LESSON)).await?;
    let decides = caller.may_edit(tutor_id);
    for booking in &bookings {
        times = times.without(time_of(booking)?);
        if !decides {
            cancellation::check_movable(txn, caller, booking, app.clock.now()).await?;
        }
    }
    for booking in all_that_move {
        times = times.without_of_student(time_of(booking)?);
    }
    let (tutor, _) = times.only()?;
    check_taught(&tutor.profile, student)?;
    let [rest @ .., length] = &AT_SHORT_NOTICE;
    let wish = Wish {
        about: &about(any, tutor),
        sees_all: decides,
        // A lesson may last as long as before, whatever is on offer.
        disregarded: match (decides, sets_length) {
            (true, false) => &AT_SHORT_NOTICE,
            (true, true) => rest,
            (false, false) => &[*length],
            (false, true) => &[],
        },
        now: app.clock.now(),
    };
    let judged = judge(&times, &candidates, &wish)?;
    let approval = tutor.timetable.terms.approval;
    let all = bookings.into_iter().zip(candidates).zip(judged);
    all.map(|((booking, candidate), occurrence)| {
        let then = |to| {
            credit::check_length(booking, to)?;
            let step = Step::Reschedule;
            let standing = standing_at(booking, caller, step, to, wish.now)?;
            if proposal::asked_for(caller, booking, approval).is_some() {
                return Err(approval_needed());
            }
            Ok((to, standing))
        };
        let then = candidate.at.span().map(then).transpose();
        then.map(|then| Moving {
            booking,
            then,
            is_bound: !decides && tutor.timetable.has_quotas,
            by_others: decides && step::actor(booking, caller) != Actor::Student,
            occurrence,
        })
    })
    .collect()
}

async fn move_all<'a>(
    txn: &DatabaseTransaction,
    mut moves: Vec<Moving<'a>>,
    now: DateTime<Utc>,
) -> Result<Vec<Moving<'a>>, Error> {
    let is_free = |it: &Moving| it.occurrence.verdict == Verdict::Free;
    if !moves.iter().all(is_free) {
        return Err(unavailable(
            moves.into_iter().map(|it| it.occurrence).collect(),
        ));
    }
    // The constraints look at each lesson as it is written: none may come to where the next one still is.
    let goes_on = |it: &Moving| {
        it.then
            .is_some_and(|(to, _)| to.start() >= it.booking.starts_at)
    };
    if moves.iter().all(goes_on) {
        moves.sort_by_key(|it| Reverse(it.booking.starts_at));
    }
    for moving in &moves {
        if let Some(then) = moving.then {
            move_to(txn, moving.booking, then, moving.by_others, now).await?;
        }
    }
    sync(txn, moves.iter().map(|it| it.booking.lesson_id), now).await?;
    Ok(moves)
}

/// Whether the student may have the lessons at the times to which they have moved.
async fn check_quotas(
    app: &App,
    txn: &DatabaseTransaction,
    moved: &[Moving<'_>],
) -> Result<(), Error> {
    for moving in moved.iter().filter(|it| it.is_bound) {
        if let Some((to, _)) = moving.then {
            let whose = (moving.booking.student_id, moving.booking.id);
            quota::check_move(app, txn, whose, to).await?;
        }
    }
    Ok(())
}

async fn move_to(
    txn: &DatabaseTransaction,
    booking: &booking::Detail,
    (to, standing): (Span, Standing),
    by_others: bool,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let moved = store::lesson::move_to(txn, booking.lesson_id, to, now).await;
    moved.map_err(translate)?;
    stand(txn, booking, (standing, by_others), now).await
}

impl Part {
    /// The bookings that it is about: exactly the one, or those that are still ahead.
    fn choose(self, series: &Detail, now: DateTime<Utc>) -> Result<Vec<&booking::Detail>, Error> {
        let from = match (self.scope, self.recurrence_id) {
            (Scope::This | Scope::ThisAndFollowing, None) => {
                let detail = "must say which occurrence";
                return Err(Error::invalid("recurrence_id", "needs_occurrence", detail));
            }
            (Scope::This, Some(id)) => return Ok(vec![occurrence(series, id)?]),
            (Scope::ThisAndFollowing, Some(id)) => occurrence(series, id)?.recurrence_id,
            (Scope::All, _) => None,
        };
        let is_ahead = |it: &&booking::Detail| {
            let stands = [BookingStatus::Requested, BookingStatus::Confirmed].contains(&it.status);
            stands && it.starts_at > now && it.recurrence_id >= from
        };
        let chosen: Vec<_> = series.bookings.iter().filter(is_ahead).collect();
        if chosen.is_empty() {
            let detail = "None of these lessons is ahead.";
            return Err(Error::conflict("nothing_ahead", detail));
        }
        Ok(chosen)
    }
}

fn occurrence(series: &Detail, id: NaiveDateTime) -> Result<&booking::Detail, Error> {
    let mut bookings = series.bookings.iter();
    let found = bookings.find(|it| it.recurrence_id == Some(id));
    found.ok_or_else(|| {
        let detail = "must be an occurrence of this series that was booked";
        Error::invalid("recurrence_id", "unknown_occurrence", detail)
    })
}

/// All whose time may change.
fn people(series: &Detail) -> Vec<UserId> {
    let tutors = series.bookings.iter().map(|it| it.tutor_user_id);
    tutors.chain([series.series.student_id]).collect()
}

/// Whether all whose time is touched are among those who are locked.
fn check_people(series: &Detail, locked: &[UserId]) -> Result<(), Error> {
    if people(series).iter().all(|id| locked.contains(id)) {
        return Ok(());
    }
    let detail = "Another tutor has just been found for one of these lessons; look at them again.";
    Err(Error::conflict("tutor_changed", detail))
}

/// Whether a change that is meant for one of these versions is meant for this one.
fn check_version(series: &Detail, versions: Option<&[i32]>) -> Result<(), Error> {
    if versions.is_some_and(|versions| !versions.contains(&series.series.version)) {
        return Err(Error::PreconditionFailed);
    }
    Ok(())
}

/// Each lesson is proposed by itself: who approves says so of one time.
fn approval_needed() -> Error {
    let detail = "The tutor approved these times, and moves the lessons; or propose another time for one of them.";
    Error::conflict("approval_needed", detail)
}
