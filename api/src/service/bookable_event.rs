//! Events of a tutor's own Google calendar that students can join.
//!
//! Each is a group lesson, with all that this means. Only its event is not made by us: it is the tutor's, who goes on to keep
//! it, and whom we invite to it comes and goes (`lesson_event::own`).

use super::{
    CalendarId, LessonId, TutorId, bookable_tag,
    booking::{LONGEST_LESSON, translate, turn},
    calendar_connection::{self, with_token},
    caller::Caller,
    group_lesson::{self, GroupLesson, Seats, Word, check_free},
    idempotency::Reply,
    lesson_event::{is_made_here, span_of_event},
    session::Holder,
    transaction::transaction,
};
use crate::{
    app::{App, Google},
    error::Error,
    store::{
        self,
        bookable_tag::TaggedEvent,
        calendar::AccessRole,
        group_lesson::{NewGroupLesson, OwnEvent},
        job::Work,
        violated,
    },
};
use ::entity::id::{GrantId, UserId};
use chrono::{DateTime, Timelike, Utc};
use google::{Event, EventStatus, EventType};
use scheduling::interval::Span;
use sea_orm::{DatabaseTransaction, DbErr};
use serde::Serialize;
use std::time::Duration;

/// How long whoever opens an event waits for Google.
const PATIENCE: Duration = Duration::from_secs(10);

/// The tutor has no calendar that we can read.
pub(super) const NOT_CONNECTED: &str = "not_connected";

/// A longer title is cut.
const LONGEST_TITLE: usize = 100;

/// As what an event is opened.
#[derive(Clone, Debug)]
pub struct Opening {
    /// Slug of the subject.
    pub subject: String,
    pub level: String,
    pub capacity: i16,
    pub description: String,
}

/// An event of a tutor's own, as Google tells it.
pub(super) struct Read {
    pub(super) event: Event,
    /// What Google calls its calendar.
    calendar: String,
    /// By which it was read.
    grant: GrantId,
}

/// Opens an event of the tutor's own, which stands and is ahead, to students: as a group lesson at its time, with its title and
/// nobody in it yet.
///
/// # Errors
/// [`Error::Forbidden`] with `not_a_tutor`; [`Error::Invalid`] for what can't be opened and for what the tutor does not offer;
/// [`Error::Conflict`] with `not_connected`, `already_open`, `tutor_suspended`, `former_tutor`, and with `slot_unavailable` and
/// its reasons; [`Error::Unavailable`] where Google does not tell; [`Error::RequestInProgress`] if the claim was lost.
pub async fn open<A: Serialize + Send + Sync>(
    app: &App,
    holder: &Holder,
    (calendar, event): (CalendarId, &str),
    new: &Opening,
    reply: Reply<GroupLesson, A>,
) -> Result<A, Error> {
    let Some(tutor_id) = holder.tutor_id else {
        return Err(Error::Forbidden {
            code: "not_a_tutor",
            detail: "Only tutors open events of their calendars.".into(),
        });
    };
    let caller = &Caller::Person(holder.person.clone());
    let whose = (holder.user_id, tutor_id);
    let read = read(app, holder.user_id, (calendar, event)).await?;
    let span = check(&read.event, app.clock.now())?;
    let _turn = turn(app, holder.user_id, tutor_id).await?;
    let answer = transaction!(app.db, |txn| {
        let id = insert(app, txn, (caller, whose), (&read, new), span).await?;
        let opened = group_lesson::find(txn, caller, id).await?;
        reply.keep(txn, opened).await
    })?;
    app.work_enqueued.notify_one();
    Ok(answer)
}

/// Opens an event that was read, by the first of the tutor's tags that its title contains: once, whatever becomes of its lesson.
/// Nothing is done where it was noted anew since, or has no tag any more.
///
/// # Errors
/// As [`open`].
pub(super) async fn open_by_tag(
    app: &App,
    caller: &Caller,
    (user, tutor_id): (UserId, TutorId),
    (read, tagged): (&Read, &TaggedEvent),
) -> Result<(), Error> {
    let span = check(&read.event, app.clock.now())?;
    let _turn = turn(app, user, tutor_id).await?;
    let whose = (user, tutor_id);
    transaction!(app.db, |txn| {
        store::lock_time_of(txn, &[user]).await?;
        let is_noted = store::bookable_tag::take(txn, tagged).await?;
        let tags = store::bookable_tag::of_tutor(txn, tutor_id).await?;
        let tag = bookable_tag::of_title(&tags, &read.event.summary);
        let Some(tag) = tag.filter(|_| is_noted) else {
            return Ok(());
        };
        if store::bookable_event::was_open(txn, tutor_id, &read.event.id).await? {
            return Ok(());
        }
        let new = Opening {
            subject: tag.subject_slug.clone(),
            level: tag.level.clone(),
            capacity: tag.capacity,
            description: tag.description.clone(),
        };
        insert(app, txn, (caller, whose), (read, &new), span).await?;
        Ok(())
    })?;
    app.work_enqueued.notify_one();
    Ok(())
}

async fn insert(
    app: &App,
    txn: &DatabaseTransaction,
    (caller, (user, tutor_id)): (&Caller, (UserId, TutorId)),
    (read, new): (&Read, &Opening),
    span: Span,
) -> Result<LessonId, Error> {
    let Read {
        event,
        calendar,
        grant,
    } = read;
    store::lock_time_of(txn, &[user]).await?;
    let now = app.clock.now();
    store::booking::expire(txn, &[user], now).await?;
    check_ahead(span, now)?;
    let granted = store::google_grant::of_user(txn, user).await?;
    if granted.map(|it| it.id) != Some(*grant) {
        return Err(not_connected());
    }
    store::bookable_event::forget_past(txn, tutor_id, &event.id, now).await?;
    // Or it would be itself what is in the way.
    if store::bookable_event::is_open(txn, tutor_id, (calendar, &event.id)).await? {
        return Err(already_open());
    }
    let subject = (new.subject.as_str(), new.level.as_str());
    let when = (span, Word::OwnEvent);
    let subject_id = check_free(app, txn, caller, (tutor_id, subject), when).await?;
    let lesson = NewGroupLesson {
        tutor_id,
        subject_id,
        level: new.level.clone(),
        span,
        seats: Seats {
            capacity: new.capacity,
            minimum: 1,
            decides_at: None,
        },
        title: title(event),
        description: new.description.clone(),
        own_event: Some(OwnEvent {
            calendar: calendar.clone(),
            id: event.id.clone(),
        }),
    };
    let inserted = store::group_lesson::insert(txn, lesson, now).await;
    let id = inserted.map_err(translated)?;
    store::job::enqueue(txn, Work::SyncLessonEvent(id), now).await?;
    Ok(id)
}

fn translated(error: DbErr) -> Error {
    if matches!(
        violated(&error),
        Some("lessons_own_event_key" | "lessons_own_event_of_calendar_key")
    ) {
        return already_open();
    }
    translate(error)
}

fn already_open() -> Error {
    let detail = "Students can join this event already.";
    Error::conflict("already_open", detail)
}

/// An event as Google tells it now.
pub(super) async fn read(
    app: &App,
    user: UserId,
    (calendar, event): (CalendarId, &str),
) -> Result<Read, Error> {
    let grant = store::google_grant::of_user(&app.db, user).await?;
    let (Some(google), Some(grant)) = (&app.google, grant) else {
        return Err(not_connected());
    };
    let calendars = store::calendar::of_user(&app.db, user).await?;
    let calendar = calendars.into_iter().find(|it| it.id == calendar);
    let calendar = calendar.ok_or_else(|| {
        let detail = "there is no such calendar";
        Error::invalid("calendar_id", "unknown_calendar", detail)
    })?;
    if calendar.access_role != AccessRole::Owner {
        return Err(not_own_calendar());
    }
    let asking = ask(app, google, grant.id, (&calendar.google_id, event));
    let asked = tokio::time::timeout(PATIENCE, asking).await;
    Ok(Read {
        event: asked.map_err(Error::unavailable)??,
        calendar: calendar.google_id,
        grant: grant.id,
    })
}

async fn ask(
    app: &App,
    google: &Google,
    grant: GrantId,
    (calendar, event): (&str, &str),
) -> Result<Event, Error> {
    let told = with_token(app, google, grant, |token| async move {
        google.calendar.event(&token, calendar, event).await
    });
    told.await.map_err(|error| match error {
        google::Error::NotFound
        | google::Error::Gone
        | google::Error::Invalid { status: 400, .. } => unknown_event(),
        google::Error::GrantDead => not_connected(),
        google::Error::InsufficientScope => {
            let detail = "Access to the events of this account was not given.";
            Error::conflict(NOT_CONNECTED, detail)
        }
        // Events can be read in one's own calendars only.
        google::Error::Invalid { status: 403, .. } => not_own_calendar(),
        error => calendar_connection::unavailable(error),
    })
}

fn not_connected() -> Error {
    Error::conflict(NOT_CONNECTED, "No calendar is connected.")
}

fn not_own_calendar() -> Error {
    let detail = "only events of a calendar that you own can be opened";
    Error::invalid("calendar_id", "not_own_calendar", detail)
}

fn unknown_event() -> Error {
    cannot_be_opened("unknown_event", "there is no such event in this calendar")
}

fn cannot_be_opened(code: &'static str, detail: &'static str) -> Error {
    Error::invalid("event_id", code, detail)
}

/// When the event is, if students can join it.
fn check(event: &Event, now: DateTime<Utc>) -> Result<Span, Error> {
    if event.status == EventStatus::Cancelled {
        return Err(unknown_event());
    }
    let obstacle = [
        (
            is_made_here(event),
            "lesson_event",
            "is the event of a lesson already",
        ),
        (
            event.repeats,
            "repeated",
            "is repeated: open one occurrence of it, by its own id",
        ),
        (
            !event.is_organized_here,
            "not_organizer",
            "is organized elsewhere, and so are its guests",
        ),
        (
            event.guests_can_modify,
            "guests_can_modify",
            "lets its guests change it, and would let students",
        ),
        (
            event.event_type != EventType::Default,
            "takes_no_guests",
            "is of a kind that has no guests",
        ),
    ];
    if let Some((_, code, detail)) = obstacle.into_iter().find(|(applies, ..)| *applies) {
        return Err(cannot_be_opened(code, detail));
    }
    let span = span_of_event(event)
        .ok_or_else(|| cannot_be_opened("all_day", "is for whole days, or for no time at all"))?;
    if span.duration() > LONGEST_LESSON {
        let detail = "lasts longer than a lesson can";
        return Err(cannot_be_opened("too_long", detail));
    }
    if span.start().second() != 0 || span.start().nanosecond() != 0 {
        let detail = "does not begin with a minute";
        return Err(cannot_be_opened("not_whole_minutes", detail));
    }
    check_ahead(span, now)?;
    Ok(span)
}

fn check_ahead(span: Span, now: DateTime<Utc>) -> Result<(), Error> {
    if span.start() <= now {
        return Err(cannot_be_opened("not_ahead", "has begun"));
    }
    Ok(())
}

fn title(event: &Event) -> String {
    let printable = event.summary.chars().filter(|one| !one.is_control());
    printable.take(LONGEST_TITLE).collect()
}
