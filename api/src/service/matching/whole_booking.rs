//! Booking what was proposed, for each student all of it or nothing.

use super::super::{
    BookingId, TutorId, UserId,
    booking::{self, BookingStatus, Detail, Taking, Wanted, check_taught, seen_by, turn},
    busy_time,
    caller::Caller,
    idempotency::Reply,
    transaction::transaction,
    tutor,
};
use crate::{
    app::App,
    error::{Error, Obstacle},
    store::{self, booking::Filter},
};
use futures::{StreamExt, stream};
use sea_orm::DatabaseTransaction;
use serde::Serialize;
use std::{
    collections::{BTreeSet, HashSet},
    time::Duration,
};
use tokio::time::timeout;

/// A lesson for a student.
#[derive(Clone, Debug)]
pub struct Assignment {
    /// The caller's name for it.
    pub label: String,
    pub student: UserId,
    pub wanted: Wanted,
}

/// What became of the lessons of a student.
#[derive(Clone, Debug)]
pub struct Booked {
    pub student: UserId,
    /// The bookings of all lessons by their labels, or why there is none.
    pub outcome: Result<Vec<Labelled>, Refusal>,
}

/// A booking by its label.
pub type Labelled = (String, BookingId, BookingStatus);

/// Why nothing was booked for a student.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The lesson that could not be booked.
    pub label: String,
    pub code: &'static str,
    pub conflicts: Vec<Obstacle>,
}

/// So many tutors' calendars are read at a time, and all of them for so long at most.
const READERS: usize = 8;
const PATIENCE: Duration = Duration::from_secs(5);

/// Books lessons for students, for each student all of theirs in one transaction or none, in the order in which they are
/// first named; no student's refusal touches another. What is booked already exactly so counts as booked: so a
/// repetition, with or without a key, goes on where the first one was interrupted.
///
/// # Errors
/// [`Error::Invalid`] for times that no lesson can have, and for a lesson that is named twice; [`Error::RequestInProgress`] if the claim was lost.
pub async fn book<A: Serialize + Send + Sync>(
    app: &App,
    caller: &Caller,
    assignments: Vec<Assignment>,
    reply: Reply<Vec<Booked>, A>,
) -> Result<A, Error> {
    check_times(&assignments)?;
    read_calendars(app, &assignments).await;
    let mut outcomes = Vec::new();
    for (student, lessons) in by_student(assignments) {
        let outcome = book_for(app, caller, student, &lessons).await;
        let outcome = match outcome {
            Ok(booked) => Ok(booked),
            Err((label, error)) => Err(refusal(label, error)),
        };
        outcomes.push(Booked { student, outcome });
    }
    app.work_enqueued.notify_one();
    // Of its own, since the bookings have transactions of theirs.
    transaction!(app.db, |txn| reply.keep(txn, outcomes.clone()).await)
}

fn check_times(assignments: &[Assignment]) -> Result<(), Error> {
    let mut seen = HashSet::new();
    for (place, assignment) in assignments.iter().enumerate() {
        let Wanted {
            tutor_id,
            start,
            end,
            ..
        } = assignment.wanted;
        let field = format!("assignments[{place}]");
        booking::span(start, end).map_err(|error| error.within(&field))?;
        if !seen.insert((assignment.student, tutor_id, start)) {
            let detail = "the student has this tutor then by another of them";
            return Err(Error::invalid(&field, "duplicate", detail));
        }
    }
    Ok(())
}

/// Asks Google for the busy time of all tutors of whom nobody just did.
async fn read_calendars(app: &App, assignments: &[Assignment]) {
    let tutors = assignments.iter().map(|it| it.wanted.tutor_id);
    let tutors: BTreeSet<TutorId> = tutors.collect();
    let reading = stream::iter(tutors)
        .map(|tutor| busy_time::read_if_stale(app, tutor))
        .buffer_unordered(READERS)
        .collect::<()>();
    if timeout(PATIENCE, reading).await.is_err() {
        tracing::warn!("booking by the busy time read last: Google is slow");
    }
}

fn by_student(assignments: Vec<Assignment>) -> Vec<(UserId, Vec<Assignment>)> {
    let mut students: Vec<(UserId, Vec<Assignment>)> = Vec::new();
    for assignment in assignments {
        let of_student = students.iter_mut();
        match of_student.into_iter().find(|it| it.0 == assignment.student) {
            Some((_, lessons)) => lessons.push(assignment),
            None => students.push((assignment.student, vec![assignment])),
        }
    }
    students
}

/// All lessons of a student, or the label of one and why it can't be booked.
async fn book_for(
    app: &App,
    caller: &Caller,
    student: UserId,
    lessons: &[Assignment],
) -> Result<Vec<Labelled>, (String, Error)> {
    let mut failing = String::new();
    let booked = book_all(app, caller, student, lessons, &mut failing).await;
    booked.map_err(|error| (failing, error))
}

/// `at` is the label of the lesson that it is at.
async fn book_all(
    app: &App,
    caller: &Caller,
    student: UserId,
    lessons: &[Assignment],
    at: &mut String,
) -> Result<Vec<Labelled>, Error> {
    let mut people = vec![student];
    app.cache.catch_up().await?;
    for lesson in lessons {
        at.clone_from(&lesson.label);
        let tutor = tutor::get(app, caller, lesson.wanted.tutor_id).await?;
        check_taught(&tutor.profile, student)?;
        people.push(tutor.profile.user_id);
    }
    let Some(first) = lessons.first() else {
        return Ok(Vec::new());
    };
    // One request has one transaction at a time, so one queue is enough to keep it from taking the pool.
    let _turn = turn(app, student, first.wanted.tutor_id).await?;
    transaction!(app.db, |txn| {
        store::lock_time_of(txn, &people).await?;
        store::booking::expire(txn, &people, app.clock.now()).await?;
        let mut booked = Vec::with_capacity(lessons.len());
        for lesson in lessons {
            at.clone_from(&lesson.label);
            let booking = match already(app, txn, caller, lesson).await? {
                Some(booking) => booking,
                None => insert(app, txn, caller, lesson).await?,
            };
            booked.push((lesson.label.clone(), booking.id, booking.status));
        }
        Ok(booked)
    })
}

async fn insert(
    app: &App,
    txn: &DatabaseTransaction,
    caller: &Caller,
    lesson: &Assignment,
) -> Result<Detail, Error> {
    let wanted = &lesson.wanted;
    let span = booking::span(wanted.start, wanted.end)?;
    let whose = (caller, lesson.student);
    booking::insert(app, txn, whose, (wanted, Taking::Book), span).await
}

/// The booking of this very lesson, if there is one.
async fn already(
    app: &App,
    txn: &DatabaseTransaction,
    caller: &Caller,
    lesson: &Assignment,
) -> Result<Option<Detail>, Error> {
    let wanted = &lesson.wanted;
    let filter = Filter {
        student: Some(lesson.student),
        tutor: Some(wanted.tutor_id),
        status: Some(vec![BookingStatus::Confirmed, BookingStatus::Requested]),
        from: Some(wanted.start),
        until: Some(wanted.end),
        ..Filter::all(seen_by(caller), false, app.clock.now())
    };
    let found = store::booking::find(txn, filter).await?;
    Ok(found.filter(|booking| {
        let time = (booking.starts_at, booking.ends_at);
        let about = (&booking.subject_slug, &booking.level);
        // A seat in a group lesson is something else.
        booking.capacity == 1
            && time == (wanted.start, wanted.end)
            && about == (&wanted.subject, &wanted.level)
    }))
}

/// What is told of an error that hinders one student's bookings only.
fn refusal(label: String, error: Error) -> Refusal {
    let (code, conflicts) = match error {
        Error::Conflict(conflict) => (conflict.code, conflict.conflicts),
        Error::NotFound { .. } => ("not_found", Vec::new()),
        Error::Invalid(_) => ("not_offered", Vec::new()),
        Error::Forbidden { code, .. } => (code, Vec::new()),
        other => {
            tracing::error!(error = %other, "a student's part of a matching could not be booked");
            ("unavailable", Vec::new())
        }
    };
    Refusal {
        label,
        code,
        conflicts,
    }
}
