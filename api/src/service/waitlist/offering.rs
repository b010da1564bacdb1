//! Offering what room there is to those who wait, in turn.
//!
//! Each offer is a transaction of its own, under the same locks and by the same rules as if its student booked. One job
//! at a time makes the offers of a lesson or tutor, so the order is kept; and what a server was killed in the middle of,
//! the next one goes on with.

use super::WaitlistEntryId;
use crate::{
    app::App,
    error::{Conflict, Error},
    service::{
        BookingId, LessonId, TutorId, UserId,
        booking::{self, Taking, Wanted, turn},
        busy_time,
        caller::Caller,
        group_lesson,
        slot::Times,
        transaction::transaction,
    },
    store::{self, waitlist::ForTime},
};
use chrono::{DateTime, TimeDelta, Utc};
use scheduling::{
    interval::Span,
    quota::Quota,
    slots::slots,
    waitlist::{Waiting, in_turn},
};
use sea_orm::DatabaseTransaction;
use std::{collections::HashMap, sync::Arc};

/// So many offers a student can leave unanswered at a time, lest somebody keep the time of many from others.
pub const MOST_OFFERS: i64 = 3;

/// With so many who wait a run deals at most: each can have many windows, and a run must end within its time.
pub const MOST_PER_RUN: u16 = 25;

/// The place behind which another run is to go on, if there may be more than these.
fn next_run<T>(waiting: &[Waiting<T>]) -> Option<i64> {
    let last = waiting.last().map(|one| one.place);
    last.filter(|_| waiting.len() == usize::from(MOST_PER_RUN))
}

/// Offers the free seats of a lesson to those behind a place, until there are none left; the place behind which another run
/// is to go on, if there may be more of either.
pub async fn offer_seats(
    app: &App,
    lesson: LessonId,
    after: Option<i64>,
) -> Result<Option<i64>, Error> {
    let now = app.clock.now();
    let page = (after, MOST_PER_RUN);
    let waiting = store::waitlist::waiting_for_seat(&app.db, lesson, page, now).await?;
    let next = next_run(&waiting);
    let waiting = in_turn(waiting, now);
    let callers = in_names_of(app, waiting.iter().map(|(_, student)| *student)).await?;
    for (id, student) in waiting {
        let Some(caller) = callers.get(&student) else {
            continue;
        };
        match offer_seat(app, caller, (id, student), lesson).await {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(error) => pass_over(app, id, error).await?,
        }
    }
    Ok(next)
}

/// Whether there was a seat left.
async fn offer_seat(
    app: &App,
    caller: &Caller,
    (id, student): (WaitlistEntryId, UserId),
    lesson: LessonId,
) -> Result<bool, Error> {
    let before = group_lesson::get(app, caller, lesson).await?;
    let people = [before.tutor_user_id, student];
    let taking = Taking::Offer(app.config.centre.waitlist_offer);
    let _turn = turn(app, student, before.tutor_id).await?;
    transaction!(app.db, |txn| {
        store::group_lesson::lock_seats(txn, lesson).await?;
        store::lock_time_of(txn, &people).await?;
        let now = app.clock.now();
        store::booking::expire(txn, &people, now).await?;
        let lesson = group_lesson::find(txn, caller, lesson).await?;
        if lesson.seats_taken >= lesson.capacity.into() {
            return Ok(false);
        }
        if store::waitlist::count_offers(txn, student).await? >= MOST_OFFERS {
            return Ok(true);
        }
        let whose = (caller, student);
        let hold = group_lesson::take_seat(app, txn, whose, &lesson, taking, now).await?;
        note_offer(app, txn, id, hold).await?;
        Ok(true)
    })
}

/// Offers the free time of a tutor to each behind a place whose wish it can fulfil; the place behind which another run is
/// to go on, if there may be more.
pub async fn offer_time(
    app: &App,
    tutor: TutorId,
    after: Option<i64>,
) -> Result<Option<i64>, Error> {
    let now = app.clock.now();
    let page = (after, MOST_PER_RUN);
    let waiting = store::waitlist::waiting_for_time(&app.db, tutor, page, now).await?;
    let next = next_run(&waiting);
    let waiting = in_turn(waiting, now);
    if !waiting.is_empty() {
        busy_time::read_if_stale(app, tutor).await;
    }
    let callers = in_names_of(app, waiting.iter().map(|wish| wish.student_id)).await?;
    for wish in waiting {
        if let Some(caller) = callers.get(&wish.student_id)
            && let Err(error) = offer_slot(app, caller, tutor, &wish).await
        {
            pass_over(app, wish.id, error).await?;
        }
    }
    Ok(next)
}

/// The students, but for those who are suspended: what is offered is what the student could book.
async fn in_names_of(
    app: &App,
    students: impl Iterator<Item = UserId>,
) -> Result<HashMap<UserId, Caller>, Error> {
    let students: Vec<_> = students.collect();
    let people = store::person::find_all(&app.db, &students).await?;
    let callers = people
        .into_iter()
        .map(|person| (person.user_id, Caller::Person(Arc::new(person))));
    Ok(callers.collect())
}

/// Whoever can't take what there is keeps the place. Nor is a fault any of theirs, nor of those who wait behind them: it is
/// tried again when they have rested, which the sweep sees.
///
/// # Errors
/// The error itself, where everybody is in it: the same is tried again soon, and until then nobody else gets what is promised.
async fn pass_over(app: &App, id: WaitlistEntryId, error: Error) -> Result<(), Error> {
    match error {
        Error::Conflict(_)
        | Error::Invalid(_)
        | Error::NotFound { .. }
        | Error::Forbidden { .. } => return Ok(()),
        Error::Unavailable { .. } | Error::Contention { .. } => return Err(error),
        fault => {
            tracing::error!(entry = %id, error = %fault, "nothing could be offered; left for later");
        }
    }
    let until = app.clock.now() + AFTER_FAULT;
    transaction!(app.db, |txn| Ok(
        store::waitlist::rest(txn, id, until).await?
    ))
}

/// For so long nothing is offered to whom something could not be offered for a fault.
const AFTER_FAULT: TimeDelta = TimeDelta::minutes(5);

/// Says that a hold is an offer to somebody.
///
/// # Errors
/// [`Error::Conflict`] if they wait no longer.
async fn note_offer(
    app: &App,
    txn: &DatabaseTransaction,
    id: WaitlistEntryId,
    hold: BookingId,
) -> Result<(), Error> {
    if store::waitlist::note_offer(txn, id, hold, app.clock.now()).await? {
        return Ok(());
    }
    Err(Error::conflict("already_ended", "Nobody waits for it."))
}

/// Offers somebody the first time that there is, or where that is beyond a quota of the week or term, one of later days.
async fn offer_slot(
    app: &App,
    caller: &Caller,
    tutor: TutorId,
    wish: &ForTime,
) -> Result<(), Error> {
    let mut from = app.clock.now();
    let declined = store::booking::declined(&app.db, wish.student_id, tutor, from).await?;
    for _ in 0..MOST_DAYS {
        let first = first_slot(app, caller, (tutor, wish), (from, &declined)).await?;
        let Some((owner, span)) = first else {
            return Ok(());
        };
        match offer_span(app, caller, (tutor, wish), (owner, span)).await {
            Err(Error::Conflict(conflict)) if is_of_time(&conflict) => {
                from = span.start() + TimeDelta::days(1);
            }
            done => return done,
        }
    }
    Ok(())
}

/// On so many days it is tried until one is within the quotas: a week is full, and the next is not.
const MOST_DAYS: usize = 8;

/// Whether there is too much at that time, and perhaps not at another.
fn is_of_time(conflict: &Conflict) -> bool {
    let quota = conflict.quota.map(|quota| quota.name);
    quota.is_some_and(|name| name != Quota::ActiveBookings.name())
}

async fn offer_span(
    app: &App,
    caller: &Caller,
    (tutor_id, wish): (TutorId, &ForTime),
    (owner, span): (UserId, Span),
) -> Result<(), Error> {
    let wanted = Wanted {
        tutor_id,
        subject: wish.subject.clone(),
        level: wish.level.clone(),
        start: span.start(),
        end: span.end(),
        pay_with_credit: false,
        beyond_quota: false,
    };
    let (people, student) = ([owner, wish.student_id], wish.student_id);
    let taking = Taking::Offer(app.config.centre.waitlist_offer);
    let _turn = turn(app, student, tutor_id).await?;
    transaction!(app.db, |txn| {
        store::lock_time_of(txn, &people).await?;
        store::booking::expire(txn, &people, app.clock.now()).await?;
        if store::waitlist::count_offers(txn, student).await? >= MOST_OFFERS {
            return Ok(());
        }
        let whose = (caller, student);
        let hold = booking::insert(app, txn, whose, (&wanted, taking), span).await?;
        note_offer(app, txn, wish.id, hold.id).await
    })
}

/// The first time in the windows, from then on, at which the student could book this tutor, who has not declined it, and the
/// user that the tutor is.
async fn first_slot(
    app: &App,
    caller: &Caller,
    (tutor, wish): (TutorId, &ForTime),
    (from, declined): (DateTime<Utc>, &[Span]),
) -> Result<Option<(UserId, Span)>, Error> {
    // What was offered just now is no longer free.
    app.cache.catch_up().await?;
    let (now, length) = (app.clock.now(), wish.length);
    for window in &wish.windows {
        // The last lesson that fits begins its length before the end.
        let last = window.end() - length + TimeDelta::seconds(1);
        let Some(starts) = Span::new(window.start().max(from), last) else {
            continue;
        };
        let whose = (caller, Some(wish.student_id));
        let times = Times::of_tutor(app, whose, tutor, starts, length).await?;
        let (tutor, occupancy) = times.only()?;
        let lengths = tutor.lengths(Some(&wish.subject), Some(&wish.level));
        if !lengths.contains(&length) {
            return Ok(None);
        }
        let schedule = times.schedule(tutor, occupancy, &lengths);
        let is_wanted = |slot: &Span| declined.iter().all(|it| it.intersect(slot).is_none());
        if let Some(slot) = slots(&schedule, starts, length, now).find(is_wanted) {
            return Ok(Some((tutor.profile.user_id, slot)));
        }
    }
    Ok(None)
}

/// So long after they ended, entries are forgotten.
const KEPT: TimeDelta = TimeDelta::days(180);

/// Looks after what no trigger tells: time that has passed, and when nothing of that is left, new hours of a tutor, and
/// windows that have come near enough. Whether there is more to do at once.
pub async fn sweep(app: &App) -> Result<bool, Error> {
    let now = app.clock.now();
    let wishes = transaction!(app.db, |txn| Ok(
        store::waitlist::end_wishes(txn, now).await?
    ))?;
    let for_seats = transaction!(app.db, |txn| Ok(
        store::waitlist::end_for_seats(txn, now).await?
    ))?;
    let forgotten = transaction!(app.db, |txn| Ok(
        store::waitlist::forget(txn, now - KEPT).await?
    ))?;
    if wishes + for_seats + forgotten > 0 {
        return Ok(true);
    }
    transaction!(app.db, |txn| Ok(store::waitlist::ask_for_offers(
        txn, None, now
    )
    .await?))?;
    app.work_enqueued.notify_one();
    Ok(false)
}
