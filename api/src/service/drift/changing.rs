//! A lesson is moved or cancelled as its event was, or the event is put back.

use super::{
    super::{
        UserId,
        booking::{self, BookingStatus, Detail, SLOT_UNAVAILABLE, Side, turn},
        caller::{Caller, Person},
        group_lesson::{self, GroupLesson, Word},
        reschedule as moving, step,
        transaction::transaction,
    },
    Drift, Kind, Status,
    following::Case,
    seen::Seen,
    write_event_anew,
};
use crate::{
    app::App,
    error::Error,
    store::{self, booking::Filter, drift::NewDrift, job::Work},
};
use chrono::{DateTime, Utc};
use scheduling::{drift::Why, interval::Span, lifecycle::Step};
use sea_orm::DatabaseTransaction;
use std::sync::Arc;

/// Why bookings are cancelled whose event the tutor deleted.
pub const EVENT_DELETED: &str = "event_deleted";

/// The student, and no more, unless they are suspended.
pub(super) async fn as_student(app: &App, student: UserId) -> Result<Option<Caller>, Error> {
    let person = store::person::find(&app.db, student).await?;
    Ok(person.map(|person| {
        Caller::Person(Arc::new(Person {
            roles: vec!["student".to_owned()],
            tutor_id: None,
            students: Vec::new(),
            ..person
        }))
    }))
}

/// Moves the lesson to where its event is, if the tutor could; and else puts the event back. Whether the lesson was still as
/// seen, as for what follows: else nothing is done.
pub(super) async fn reschedule(case: &Case<'_>, to: Span) -> Result<bool, Error> {
    let Some(caller) = Caller::tutor_alone(case.app, case.lesson.tutor_id).await? else {
        return put_back(case, because(Why::TutorSuspended)).await;
    };
    let moved = if case.lesson.capacity > 1 {
        move_group(case, &caller, to).await
    } else {
        move_one(case, &caller, to).await
    };
    match moved {
        Ok(is_as_seen) => {
            case.app.work_enqueued.notify_one();
            Ok(is_as_seen)
        }
        Err(error) => put_back(case, reasons(error)?).await,
    }
}

/// For one of our own reasons.
pub(super) fn because(why: Why) -> Vec<String> {
    vec![why.code().to_owned()]
}

/// Why a lesson can't be moved, if it is for what stands in the way, and not because something failed.
pub(super) fn reasons(error: Error) -> Result<Vec<String>, Error> {
    match error {
        Error::Conflict(conflict) if conflict.code == SLOT_UNAVAILABLE => {
            let codes = conflict.conflicts.iter().map(|it| it.code.to_owned());
            let mut codes: Vec<_> = codes.collect();
            codes.sort_unstable();
            codes.dedup();
            Ok(codes)
        }
        Error::Conflict(conflict) => Ok(vec![conflict.code.to_owned()]),
        Error::Forbidden { code, .. } => Ok(vec![code.to_owned()]),
        Error::Invalid(fields) => Ok(fields.into_iter().map(|it| it.code.into_owned()).collect()),
        error => Err(error),
    }
}

async fn move_one(case: &Case<'_>, caller: &Caller, to: Span) -> Result<bool, Error> {
    let app = case.app;
    let Some(before) = only_booking(case).await? else {
        return Ok(false);
    };
    let _turn = turn(app, before.student_id, before.tutor_id).await?;
    let people = [before.tutor_user_id, before.student_id];
    transaction!(app.db, |txn| {
        store::lock_time_of(txn, &people).await?;
        if !is_as_seen(txn, case).await? {
            return Ok(false);
        }
        let now = app.clock.now();
        let booking = booking::find_again(txn, caller, &before, now).await?;
        store::booking::expire(txn, &people, now).await?;
        moving::move_to(app, txn, caller, &booking, to).await?;
        note_moved(txn, case, to, now).await?;
        Ok(true)
    })
}

/// Notes that the lesson has moved to where its event is.
async fn note_moved(
    txn: &DatabaseTransaction,
    case: &Case<'_>,
    to: Span,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    store::drift::note_event_span(txn, case.lesson.id, Some(to)).await?;
    note(txn, case.drift(Kind::Moved, Status::Rescheduled), now).await
}

async fn move_group(case: &Case<'_>, caller: &Caller, to: Span) -> Result<bool, Error> {
    let app = case.app;
    let before = group_lesson::find(&app.db, caller, case.lesson.id).await?;
    let _turn = turn(app, before.tutor_user_id, before.tutor_id).await?;
    transaction!(app.db, |txn| {
        group_lesson::lock_everybody(app, txn, &before).await?;
        if !is_as_seen(txn, case).await? {
            return Ok(false);
        }
        let lesson = group_lesson::find(txn, caller, before.id).await?;
        let word = Word::of(&lesson);
        group_lesson::move_to(app, txn, caller, &lesson, (to, word)).await?;
        note_moved(txn, case, to, app.clock.now()).await?;
        Ok(true)
    })
}

/// The booking of a lesson for one student.
async fn only_booking(case: &Case<'_>) -> Result<Option<Detail>, Error> {
    let filter = Filter {
        lesson: Some(case.lesson.id),
        status: Some(vec![BookingStatus::Confirmed]),
        ..Filter::all(Side::centre(), false, case.now)
    };
    Ok(store::booking::list(&case.app.db, filter).await?.pop())
}

/// Locks the lesson, if it is still as it was when its event was read: whoever changed it meanwhile comes first.
pub(super) async fn is_as_seen(txn: &DatabaseTransaction, case: &Case<'_>) -> Result<bool, Error> {
    let event = (case.grant, case.event, case.lesson.calendar_event_revision);
    Ok(store::drift::lock_followed(txn, case.lesson.id, event, case.span).await?)
}

async fn note(txn: &DatabaseTransaction, new: NewDrift, now: DateTime<Utc>) -> Result<(), Error> {
    store::drift::insert(txn, new, now).await?;
    Ok(())
}

/// Lets the lesson be, and its event be written or made anew.
pub(super) async fn put_back(case: &Case<'_>, reasons: Vec<String>) -> Result<bool, Error> {
    let app = case.app;
    let kind = match case.seen {
        Seen::Nothing | Seen::NoCalendar => Kind::Deleted,
        _ => Kind::Moved,
    };
    let is_as_seen = transaction!(app.db, |txn| {
        if !is_as_seen(txn, case).await? {
            return Ok(false);
        }
        let now = app.clock.now();
        let drift = NewDrift {
            reasons: reasons.clone(),
            ..case.drift(kind, Status::PutBack)
        };
        let is_at = drift.event;
        note(txn, drift, now).await?;
        write_event_anew(txn, case.lesson.id, is_at, now).await?;
        Ok(true)
    })?;
    app.work_enqueued.notify_one();
    Ok(is_as_seen)
}

/// Has written what is new of the lesson, wherever its event is.
pub(super) async fn write_all_the_same(case: &Case<'_>) -> Result<bool, Error> {
    let app = case.app;
    let is_as_seen = transaction!(app.db, |txn| {
        if !is_as_seen(txn, case).await? {
            return Ok(false);
        }
        write_event_anew(txn, case.lesson.id, None, app.clock.now()).await?;
        Ok(true)
    })?;
    app.work_enqueued.notify_one();
    Ok(is_as_seen)
}

/// Lets the lesson be that was to be cancelled, and its event be made anew.
pub(super) async fn keep(case: &Case<'_>, drift: &Drift, why: Why) -> Result<bool, Error> {
    let app = case.app;
    let is_as_seen = transaction!(app.db, |txn| {
        if !is_as_seen(txn, case).await? {
            return Ok(false);
        }
        let now = app.clock.now();
        let step = (Status::Pending, Status::PutBack);
        if store::drift::resolve_because(txn, drift.id, step, because(why), now).await? {
            write_event_anew(txn, case.lesson.id, None, now).await?;
        }
        Ok(true)
    })?;
    app.work_enqueued.notify_one();
    Ok(is_as_seen)
}

/// Says that the lesson will be cancelled, unless that is undone.
pub(super) async fn begin_grace(case: &Case<'_>, cancels_at: DateTime<Utc>) -> Result<bool, Error> {
    let app = case.app;
    transaction!(app.db, |txn| {
        if !is_as_seen(txn, case).await? {
            return Ok(false);
        }
        let drift = NewDrift {
            cancels_at: Some(cancels_at),
            ..case.drift(Kind::Deleted, Status::Pending)
        };
        note(txn, drift, app.clock.now()).await?;
        Ok(true)
    })
}

/// Writes down what became of a deletion that nothing is done about.
pub(super) async fn resolve(app: &App, drift: &Drift, status: Status) -> Result<(), Error> {
    transaction!(app.db, |txn| {
        let step = (Status::Pending, status);
        store::drift::resolve(txn, drift.id, step, app.clock.now()).await?;
        Ok(())
    })
}

/// Leaves the lesson be whose event is there again. What has changed of it meanwhile is still to be written.
pub(super) async fn take_back(case: &Case<'_>, drift: &Drift) -> Result<(), Error> {
    let app = case.app;
    transaction!(app.db, |txn| {
        let now = app.clock.now();
        store::drift::resolve(txn, drift.id, (Status::Pending, Status::Undone), now).await?;
        Ok(store::job::enqueue(txn, Work::SyncLessonEvent(case.lesson.id), now).await?)
    })
}

/// Cancels the lesson whose event the tutor deleted, as the tutor does.
pub(super) async fn cancel(case: &Case<'_>, drift: &Drift) -> Result<bool, Error> {
    let Some(caller) = Caller::tutor_alone(case.app, case.lesson.tutor_id).await? else {
        return keep(case, drift, Why::TutorSuspended).await;
    };
    let is_as_seen = if case.lesson.capacity > 1 {
        let lesson = group_lesson::find(&case.app.db, &caller, case.lesson.id).await?;
        cancel_group(case, drift, &caller, lesson).await?
    } else if let Some(booking) = only_booking(case).await? {
        cancel_one(case, drift, &caller, booking).await?
    } else {
        false
    };
    case.app.work_enqueued.notify_one();
    Ok(is_as_seen)
}

/// Whether it is this one that cancels the lesson, which is as it was: nobody has undone that.
async fn is_due(
    txn: &DatabaseTransaction,
    drift: &Drift,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let step = (Status::Pending, Status::Cancelled);
    Ok(store::drift::resolve(txn, drift.id, step, now).await?)
}

async fn cancel_one(
    case: &Case<'_>,
    drift: &Drift,
    caller: &Caller,
    before: Detail,
) -> Result<bool, Error> {
    let app = case.app;
    let _turn = turn(app, before.student_id, before.tutor_id).await?;
    let people = [before.tutor_user_id, before.student_id];
    transaction!(app.db, |txn| {
        store::lock_time_of(txn, &people).await?;
        if !is_as_seen(txn, case).await? {
            return Ok(false);
        }
        let now = app.clock.now();
        if !is_due(txn, drift, now).await? {
            return Ok(true);
        }
        let booking = booking::find_again(txn, caller, &before, now).await?;
        let status = step::take(&booking, caller, Step::Cancel, now)?;
        step::end(txn, caller, &booking, (status, Some(EVENT_DELETED)), now).await?;
        Ok(true)
    })
}

async fn cancel_group(
    case: &Case<'_>,
    drift: &Drift,
    caller: &Caller,
    before: GroupLesson,
) -> Result<bool, Error> {
    let app = case.app;
    let _turn = turn(app, before.tutor_user_id, before.tutor_id).await?;
    transaction!(app.db, |txn| {
        group_lesson::lock_everybody(app, txn, &before).await?;
        if !is_as_seen(txn, case).await? {
            return Ok(false);
        }
        let now = app.clock.now();
        if !is_due(txn, drift, now).await? {
            return Ok(true);
        }
        let why = (caller.user_id(), Some(EVENT_DELETED));
        group_lesson::cancel_all(txn, before.id, why, now).await?;
        Ok(true)
    })
}
