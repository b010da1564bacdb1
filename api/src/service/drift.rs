//! What people do in Google with the events of lessons, and what becomes of the lessons.
//!
//! A reading of a calendar only says which events to look at. What is decided is decided from the event as it is read for
//! that, by [`scheduling::drift`], and done on the word of whoever did it: of the tutor, who moved or deleted it, or of the
//! student, who declined. What can't be read says nothing: neither that an event is gone, nor where it is.

mod changing;
mod declined;
mod following;
mod removed;
mod seen;

use super::{
    DriftId, LessonId,
    booking::{self, turn},
    caller::Caller,
    lesson_event::span_of,
    step,
    transaction::transaction,
};
use crate::{
    app::App,
    error::Error,
    store::{
        self,
        drift::{Filter, NewDrift, Viewer},
        job::Work,
        lesson::ForCalendar,
        reconciliation::Lesson,
    },
};
use ::entity::lesson::LessonStatus;
use chrono::{DateTime, Utc};
use scheduling::{drift::Why, interval::Span, lifecycle::Step};
use sea_orm::{ConnectionTrait, DatabaseTransaction};

pub use crate::store::drift::{Drift, Kind, Status};
pub use changing::EVENT_DELETED;
pub use declined::EVENT_DECLINED;
pub use following::follow;
pub use removed::EVENT_GUEST_REMOVED;
pub(super) use seen::{Elsewhere, find_elsewhere};

/// Whether a lesson follows what is done with its event: one that is ahead, and has not moved since its event was known to be
/// where it is. What is changed here comes first.
pub(super) fn follows(lesson: &ForCalendar, now: DateTime<Utc>) -> bool {
    lesson.status == LessonStatus::Scheduled
        && lesson.starts_at > now
        && lesson.calendar_event_id.is_some()
        && span_of(lesson).is_ok_and(|span| lesson.event_span() == Some(span))
}

/// Asks for a lesson to follow its event.
pub(super) async fn have_followed(
    app: &App,
    id: LessonId,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    store::job::enqueue(&app.db, Work::FollowLessonEvent(id), now).await?;
    app.work_enqueued.notify_one();
    Ok(())
}

/// Notes that somebody has done something with the event of a lesson, of which nothing comes: the lesson has been moved here
/// since the event was known to be where it is.
pub(super) async fn note_changed_here(
    txn: &DatabaseTransaction,
    lesson: &ForCalendar,
    (kind, moved_to): (Kind, Option<Span>),
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let span = span_of(lesson)?;
    let is_moved_here = lesson.event_span().is_some_and(|known| known != span);
    if is_moved_here && moved_to != Some(span) {
        let drift = NewDrift {
            kind,
            status: Status::PutBack,
            lesson_id: lesson.id,
            booking_id: None,
            lesson: span,
            event: moved_to,
            reasons: vec![Why::ChangedHere.code().to_owned()],
            cancels_at: None,
        };
        store::drift::insert(txn, drift, now).await?;
    }
    Ok(())
}

/// Puts an event back that was moved or deleted before it was known to be in its place, so that nobody followed it.
pub(super) async fn put_back_unnoticed(
    app: &App,
    lesson: &Lesson,
    (kind, moved_to): (Kind, Option<Span>),
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let Some(span) = lesson.span() else {
        return Ok(());
    };
    transaction!(app.db, |txn| {
        if store::reconciliation::lock_unknown(txn, lesson).await? {
            note_unnoticed(txn, (lesson.id, span), (kind, moved_to), now).await?;
            write_event_anew(txn, lesson.id, None, now).await?;
        }
        Ok(())
    })
}

/// Notes that an event is put back that was moved or deleted when nobody could follow it.
pub(super) async fn note_unnoticed(
    txn: &DatabaseTransaction,
    (lesson_id, lesson): (LessonId, Span),
    (kind, moved_to): (Kind, Option<Span>),
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let drift = NewDrift {
        kind,
        status: Status::PutBack,
        lesson_id,
        booking_id: None,
        lesson,
        event: moved_to,
        reasons: vec![Why::Unnoticed.code().to_owned()],
        cancels_at: None,
    };
    store::drift::insert(txn, drift, now).await?;
    Ok(())
}

/// Which drifts are listed, and where the page begins.
#[derive(Debug)]
pub struct Listing {
    pub lesson: Option<LessonId>,
    pub status: Option<Vec<Status>>,
    pub after: Option<DriftId>,
    pub limit: u32,
}

/// Drifts in the order in which they were found: for admins all, for a tutor those of the tutor's lessons, and for a student
/// and guardians what became of the student's invitations.
pub async fn list(app: &App, caller: &Caller, listing: Listing) -> Result<Vec<Drift>, Error> {
    let filter = Filter {
        viewer: viewer(caller),
        id: None,
        lesson: listing.lesson,
        status: listing.status,
        after: listing.after,
        limit: listing.limit.into(),
    };
    Ok(store::drift::list(&app.db, filter).await?)
}

fn viewer(caller: &Caller) -> Viewer {
    match caller {
        Caller::Person(person) if person.is_admin() => Viewer::Centre,
        Caller::Person(person) => Viewer::Person {
            students: person.acts_for(),
            tutor: person.tutor_id,
        },
        Caller::App(_) => Viewer::Person {
            students: Vec::new(),
            tutor: None,
        },
    }
}

async fn find(db: &impl ConnectionTrait, caller: &Caller, id: DriftId) -> Result<Drift, Error> {
    let filter = Filter {
        id: Some(id),
        ..Filter::all(viewer(caller))
    };
    let found = store::drift::list(db, filter).await?.pop();
    found.ok_or(Error::not_found("drift"))
}

/// Undoes a deletion, on the word of the tutor or the centre: the lesson stays, and its event is made anew. What is undone
/// already stays so.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Forbidden`] with `not_yours_to_decide`; [`Error::Conflict`] with `already_decided`.
pub async fn undo(app: &App, caller: &Caller, id: DriftId) -> Result<Drift, Error> {
    let before = find(&app.db, caller, id).await?;
    if !caller.may_edit(before.tutor_id) {
        return Err(not_yours());
    }
    let undone = transaction!(app.db, |txn| {
        let now = app.clock.now();
        store::drift::lock(txn, before.lesson_id).await?;
        let step = (Status::Pending, Status::Undone);
        if before.starts_at > now && store::drift::resolve(txn, id, step, now).await? {
            write_event_anew(txn, before.lesson_id, None, now).await?;
        }
        decided(find(txn, caller, id).await?, Status::Undone)
    })?;
    app.work_enqueued.notify_one();
    Ok(undone)
}

/// What a student answers who was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The place is given back, with all that this means.
    Cancel,
    /// The student comes all the same.
    Come,
}

/// Answers whether a student comes who has declined the invitation, on the word of the student, a guardian or the centre.
/// What was answered so already stays so.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Forbidden`] with `not_yours_to_decide`; [`Error::Conflict`] with `already_decided`, and as
/// cancelling.
pub async fn answer(
    app: &App,
    caller: &Caller,
    id: DriftId,
    answer: Answer,
) -> Result<Drift, Error> {
    let before = find(&app.db, caller, id).await?;
    let (Some(booking_id), Some(student_id)) = (before.booking_id, before.student_id) else {
        return Err(already_decided());
    };
    if !caller.is_admin() && !step::acts_for(caller, student_id) {
        return Err(not_yours());
    }
    let wanted = match answer {
        Answer::Cancel => Status::Cancelled,
        Answer::Come => Status::Kept,
    };
    let _turn = turn(app, student_id, before.tutor_id).await?;
    let tutor = store::tutor::user_of(&app.db, before.tutor_id).await?;
    let people = [Some(student_id), tutor].into_iter().flatten();
    let people: Vec<_> = people.collect();
    let answered = transaction!(app.db, |txn| {
        store::lock_time_of(txn, &people).await?;
        let now = app.clock.now();
        let is_open = before.starts_at > now
            && store::drift::resolve(txn, id, (Status::Asked, wanted), now).await?;
        if is_open && answer == Answer::Cancel {
            let booking = booking::find(txn, caller, booking_id, now).await?;
            let status = step::take(&booking, caller, Step::Cancel, now)?;
            step::end(txn, caller, &booking, (status, Some(EVENT_DECLINED)), now).await?;
        }
        decided(find(txn, caller, id).await?, wanted)
    })?;
    app.work_enqueued.notify_one();
    Ok(answered)
}

/// Whatever was decided already is not decided anew.
fn decided(drift: Drift, wanted: Status) -> Result<Drift, Error> {
    if drift.status == wanted {
        Ok(drift)
    } else {
        Err(already_decided())
    }
}

fn already_decided() -> Error {
    let detail = "Nothing is to be decided here, or not any more.";
    Error::conflict("already_decided", detail)
}

fn not_yours() -> Error {
    Error::Forbidden {
        code: "not_yours_to_decide",
        detail: "Somebody else decides about that: the tutor, or the student.".into(),
    }
}

/// Lets the event of a lesson, which is there now, if at times, be written anew; or be made anew.
async fn write_event_anew(
    txn: &DatabaseTransaction,
    id: LessonId,
    is_at: Option<Span>,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    store::drift::note_event_span(txn, id, is_at).await?;
    store::drift::outdate_event(txn, id).await?;
    Ok(store::job::enqueue(txn, Work::SyncLessonEvent(id), now).await?)
}
