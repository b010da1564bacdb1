//! Finding another tutor for a lesson that is booked.

use super::{
    AbsenceId, BookingId, TutorId, UserId, absence,
    booking::{
        BookingStatus, Detail, check_alone, check_taught, check_version, find, find_again, get,
        not_offered, time_of, translate, turn, unavailable,
    },
    busy_time,
    caller::Caller,
    idempotency::Reply,
    slot::{About, Times},
    slot_search::RankedTutor,
    step,
    transaction::transaction,
    tutor::{self, Tutor},
};
use crate::{
    app::App,
    error::Error,
    store::{self, job::Work, lesson::NewLesson, tutor::Filter},
};
use ::entity::id::SubjectId;
use chrono::{DateTime, TimeDelta, Utc};
use scheduling::{
    interval::Span,
    lifecycle::{Actor, Step},
    ranking::Standing,
    slots::{Occupancy, Period, room},
};
use sea_orm::DatabaseTransaction;
use serde::Serialize;
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};

/// Hands a booking over to another tutor, who teaches the same and is free then, on the word of the centre, which may
/// do so at short notice; so its student can cancel it freely for a day, as what is moved. The booking stays; its lesson is another, so that it leaves the calendar of the one tutor and
/// comes into that of the other.
///
/// # Errors
/// [`Error::NotFound`] for a booking or tutor that there is not, [`Error::PreconditionFailed`]; [`Error::Invalid`] for
/// what the tutor does not teach; [`Error::Conflict`] as [`step::make`], with `taken_back` where it is because of an absence
/// that stands no more, with `same_tutor`, `own_lesson`,
/// `tutor_suspended`, `former_tutor`, and with `slot_unavailable` and its reasons; [`Error::RequestInProgress`] if the
/// claim was lost.
pub async fn reassign<A: Serialize + Send + Sync>(
    app: &App,
    caller: &Caller,
    (id, versions): (BookingId, Option<Vec<i32>>),
    (tutor_id, because_of): (TutorId, Option<AbsenceId>),
    reply: Reply<Detail, A>,
) -> Result<A, Error> {
    let before = get(app, caller, id).await?;
    let tutor = tutor::get(app, caller, tutor_id).await?.profile.clone();
    check_taught(&tutor, before.student_id)?;
    busy_time::read_if_stale(app, tutor_id).await;
    let _turn = turn(app, before.student_id, tutor_id).await?;
    let people = [before.tutor_user_id, tutor.user_id, before.student_id];
    let answer = transaction!(app.db, |txn| {
        store::lock_time_of(txn, &people).await?;
        let now = app.clock.now();
        let booking = find_again(txn, caller, &before, now).await?;
        store::booking::expire(txn, &people, now).await?;
        if let Some(absence) = because_of {
            absence::check_still_stands(txn, caller, absence).await?;
        }
        check_version(&booking, versions.as_deref())?;
        check_alone(&booking)?;
        step::take(&booking, caller, Step::Reschedule, now)?;
        hand_over(app, txn, caller, &booking, tutor_id).await?;
        reply.keep(txn, find(txn, caller, id, now).await?).await
    })?;
    app.work_enqueued.notify_one();
    Ok(answer)
}

async fn hand_over(
    app: &App,
    txn: &DatabaseTransaction,
    caller: &Caller,
    booking: &Detail,
    tutor_id: TutorId,
) -> Result<(), Error> {
    let now = app.clock.now();
    let span = time_of(booking)?;
    // The student is there at that time: it is this very lesson.
    let times = Times::within(app, txn, (caller, None), tutor_id, span).await?;
    let still_tutors = store::tutor::still_tutors(txn, &[tutor_id]).await?;
    let subject_id = check(&times, times.only()?, &still_tutors, booking, now)?;
    let lesson = NewLesson {
        tutor_id,
        subject_id,
        level: booking.level.clone(),
        span,
        expires_at: booking.expires_at,
    };
    let lesson_id = store::lesson::insert(txn, lesson, now).await;
    let lesson_id = lesson_id.map_err(translate)?;
    let as_seen = (booking.id, booking.version);
    if !store::booking::move_to(txn, as_seen, lesson_id, now).await? {
        return Err(step::changed_meanwhile());
    }
    if booking.status == BookingStatus::Confirmed && step::actor(booking, caller) != Actor::Student
    {
        store::booking::note_moved(txn, booking.id, now).await?;
    }
    store::lesson::cancel_if_empty(txn, booking.lesson_id, now).await?;
    for lesson in [booking.lesson_id, lesson_id] {
        store::job::enqueue(txn, Work::SyncLessonEvent(lesson), now).await?;
    }
    Ok(())
}

/// What the centre may disregard when it finds another tutor.
pub(super) const AT_SHORT_NOTICE: [&str; 4] = ["notice", "horizon", "grid", "length_not_offered"];

/// Whether a tutor can take a booking over: the subject of the lesson then. It decides over what is listed and over what
/// is done.
///
/// # Errors
/// Why not.
fn check(
    times: &Times,
    (tutor, occupancy): (&Arc<Tutor>, &Occupancy),
    still_tutors: &HashSet<TutorId>,
    booking: &Detail,
    now: DateTime<Utc>,
) -> Result<SubjectId, Error> {
    let id = tutor.profile.id;
    if booking.tutor_id == id {
        let detail = "The booking is with this tutor already.";
        return Err(Error::conflict("same_tutor", detail));
    }
    if !still_tutors.contains(&id) {
        let detail = "This is a tutor no longer.";
        return Err(Error::conflict("former_tutor", detail));
    }
    check_taught(&tutor.profile, booking.student_id)?;
    let about = About {
        subject: Some(booking.subject_slug.clone()),
        level: Some(booking.level.clone()),
    };
    let span = time_of(booking)?;
    let mut obstacles = times.obstacles_of((tutor, occupancy), &about, span, now, true)?;
    obstacles.retain(|obstacle| !AT_SHORT_NOTICE.contains(&obstacle.code));
    if !obstacles.is_empty() {
        return Err(unavailable(obstacles));
    }
    let mut offers = tutor.offers.iter();
    let offer = offers.find(|offer| offer.slug == booking.subject_slug);
    Ok(offer.ok_or_else(not_offered)?.subject_id)
}

/// Among so many tutors of a subject, the longest-serving, substitutes are looked for.
const MOST_TUTORS: i64 = 5000;

/// The time around the start of a lesson whose load decides who is better, to either side.
const LOAD_WITHIN: TimeDelta = TimeDelta::hours(84);

/// The tutors to whom a booking can be handed over right now, the best first, as a search ranks them: at most `limit`.
///
/// # Errors
/// [`Error::NotFound`] for a booking that there is not; [`Error::Conflict`] for one that can't be reassigned.
pub async fn substitutes(
    app: &App,
    caller: &Caller,
    id: BookingId,
    limit: usize,
) -> Result<Vec<RankedTutor>, Error> {
    let booking = get(app, caller, id).await?;
    check_alone(&booking)?;
    step::take(&booking, caller, Step::Reschedule, app.clock.now())?;
    let found = substitutes_of(app, caller, &[&booking], limit).await?;
    let found = found.into_iter().flatten();
    Ok(found.map(|substitute| substitute.ranked).collect())
}

/// Somebody to whom a booking can be handed over.
#[derive(Clone, Debug)]
pub(super) struct Substitute {
    pub ranked: RankedTutor,
    /// How many lessons more the tutor gives in the periods of this one.
    pub room: Vec<(Period, u32)>,
}

/// For each of these bookings the tutors to whom it can be handed over right now, at most `limit`, the best first: who
/// could take over most of what its student has among them, and then as a search ranks them. A fixed number of queries,
/// whatever the number of bookings and tutors.
///
/// # Errors
/// [`Error::Unavailable`].
pub(super) async fn substitutes_of(
    app: &App,
    caller: &Caller,
    bookings: &[&Detail],
    limit: usize,
) -> Result<Vec<Vec<Substitute>>, Error> {
    let Some((window, longest)) = around_all(bookings)? else {
        return Ok(Vec::new());
    };
    let now = app.clock.now();
    let ids = teaching_any(app, bookings).await?;
    let still_tutors = store::tutor::still_tutors(&app.db, &ids).await?;
    let revisions = app.cache.revisions(&ids, None);
    let tutors = app.cache.tutors(&revisions, &ids).await?;
    let students: BTreeSet<UserId> = bookings.iter().map(|booking| booking.student_id).collect();
    let students: Vec<UserId> = students.into_iter().collect();
    let together = app
        .cache
        .of_students(&students, window)
        .await?
        .lessons_together;
    // As when it is done: the student is there.
    let times = Times::load(app, &revisions, tutors, (caller, None), (window, longest)).await?;
    let mut able = Vec::with_capacity(bookings.len());
    let mut lessons: HashMap<_, usize> = HashMap::new();
    for booking in bookings {
        let able_for = |of: &(&Arc<Tutor>, &Occupancy)| {
            teaches(of.0, booking) && check(&times, *of, &still_tutors, booking, now).is_ok()
        };
        let able_for: Vec<_> = times.tutors().filter(able_for).collect();
        for (tutor, _) in &able_for {
            *lessons.entry(key(tutor, booking)).or_default() += 1;
        }
        able.push(able_for);
        // Many lessons and many tutors are more work than others should wait for.
        tokio::task::yield_now().await;
    }
    let weights = app.config.centre.ranking;
    let ranked = bookings.iter().zip(able).map(|(booking, able)| {
        let week = around(booking.starts_at)?;
        let together = together.get(&booking.student_id);
        let mut ranked: Vec<_> = able
            .into_iter()
            .map(|of| (ranked(of, together, week), of.1))
            .collect();
        ranked.sort_by_cached_key(|(RankedTutor { tutor, standing }, _)| {
            let lessons = lessons
                .get(&key(tutor, booking))
                .copied()
                .unwrap_or_default();
            let rank = weights.rank_substitute(lessons, *standing);
            (rank, tutor.profile.id)
        });
        ranked.truncate(limit);
        let substitutes = ranked.into_iter().map(|(ranked, occupancy)| Substitute {
            room: room(
                &times.schedule(&ranked.tutor, occupancy, &[]),
                booking.starts_at,
            ),
            ranked,
        });
        Ok(substitutes.collect())
    });
    ranked.collect()
}

/// What one tutor could do for one student.
fn key<'a>(tutor: &Tutor, booking: &'a Detail) -> (TutorId, UserId, &'a str, &'a str) {
    let about = (&booking.subject_slug, &booking.level);
    (tutor.profile.id, booking.student_id, about.0, about.1)
}

fn teaches(tutor: &Tutor, booking: &Detail) -> bool {
    let (subject, level) = (&booking.subject_slug, &booking.level);
    let mut offers = tutor.offers.iter();
    offers.any(|offer| offer.slug == *subject && offer.level == *level)
}

/// Whoever teaches what any of these bookings is about.
async fn teaching_any(app: &App, bookings: &[&Detail]) -> Result<Vec<TutorId>, Error> {
    let about = bookings.iter().map(|it| (&it.subject_slug, &it.level));
    let mut teaching = BTreeSet::new();
    for (subject, level) in about.collect::<BTreeSet<_>>() {
        let filter = Filter {
            hidden: true,
            subject: Some(subject.clone()),
            level: Some(level.clone()),
            limit: MOST_TUTORS,
            ..Filter::default()
        };
        teaching.extend(app.cache.found(filter).await?.iter().copied());
    }
    Ok(teaching.into_iter().collect())
}

/// From the first of the weeks around these bookings to the last, and the longest of the lessons.
fn around_all(bookings: &[&Detail]) -> Result<Option<(Span, TimeDelta)>, Error> {
    let mut all: Option<(Span, TimeDelta)> = None;
    for booking in bookings {
        let (week, length) = (around(booking.starts_at)?, time_of(booking)?.duration());
        let (span, longest) = all.unwrap_or((week, length));
        let (start, end) = (span.start().min(week.start()), span.end().max(week.end()));
        all = Some((Span::new(start, end).unwrap_or(span), longest.max(length)));
    }
    Ok(all)
}

fn around(start: DateTime<Utc>) -> Result<Span, Error> {
    let start = start - LOAD_WITHIN;
    Span::lasting(start, LOAD_WITHIN * 2)
        .ok_or_else(|| Error::internal(anyhow::anyhow!("a booking at the end of all time")))
}

fn ranked(
    (tutor, occupancy): (&Arc<Tutor>, &Occupancy),
    together: Option<&HashMap<TutorId, u32>>,
    week: Span,
) -> RankedTutor {
    let id = &tutor.profile.id;
    RankedTutor {
        tutor: Arc::clone(tutor),
        standing: Standing {
            load: occupancy.taught_in(week),
            lessons_together: together
                .and_then(|it| it.get(id))
                .copied()
                .unwrap_or_default(),
        },
    }
}
