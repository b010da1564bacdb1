//! The lessons of a tutor and the events in the tutor's calendars, compared both ways: once a day, and when an operator asks.
//!
//! It finds what nobody told of, or what a fault of ours or of Google's has left behind. A listing is old as soon as it is
//! told, so nothing is decided by it: what differs is looked at by the jobs that write events and follow them, and these know
//! what comes first. Only events of ours that no lesson can have any more are deleted here. So it does no harm at any time,
//! beside whatever else is going on.

use super::{
    LessonId, TutorId,
    calendar_connection::{self, Failure, with_token},
    drift::{self, Kind},
    lesson_event::{is_of, lesson_in, lesson_of, revision_in},
    queue::Outcome,
    transaction::transaction,
};
use crate::{
    app::{App, Google},
    error::Error,
    store::{
        self,
        job::Work,
        lesson::PRIMARY_CALENDAR,
        reconciliation::{Connection, Lesson},
    },
};
use ::entity::{id::GrantId, lesson::LessonStatus};
use chrono::{DateTime, TimeDelta, Utc};
use google::{EventSync, EventTime, ListedEvent, scope};
use scheduling::interval::Span;
use serde::Serialize;
use std::collections::{HashMap, HashSet};

/// How often the calendars of a tutor are compared by themselves.
const EVERY: TimeDelta = TimeDelta::hours(24);

/// How many tutors are queued at a time: so those who have connected at once, or before there was this, are not compared at
/// once.
const AT_A_TIME: i64 = 20;

/// Events are looked for so far ahead, and as far as there are lessons.
const AHEAD: TimeDelta = TimeDelta::days(90);

/// What came of a comparison: how many of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Lessons ahead that are to be in the calendar.
    pub lessons: usize,
    /// Of these, those of which something is still to be written, and nobody was going to.
    pub unwritten: usize,
    /// Those whose events don't show what was written.
    pub outdated: usize,
    /// Those whose events are at another time.
    pub moved: usize,
    /// Those whose events are in none of the tutor's calendars.
    pub missing: usize,
    /// Events of ours that are of no lesson that stands, or the second one of one.
    pub stray: usize,
    /// Events that look like ours, of lessons that we don't know.
    pub unknown: usize,
    /// Calendars that could not be read.
    pub unreadable: usize,
}

impl Report {
    /// Whether nothing differs.
    pub fn is_in_step(&self) -> bool {
        let Self { lessons, .. } = *self;
        *self
            == Self {
                lessons,
                ..Self::default()
            }
    }
}

/// Compares the lessons of a tutor that are ahead with the tutor's calendars. What differs is mended, unless it is a `dry_run`:
/// then nothing is changed. None: the calendars can't be reached.
///
/// # Errors
/// [`Error::Unavailable`] where Google does not tell.
pub async fn reconcile(
    app: &App,
    tutor_id: TutorId,
    dry_run: bool,
) -> Result<Option<Report>, Error> {
    match compare(app, tutor_id, dry_run).await {
        Ok(report) => Ok(report),
        // Only the tutor can mend these.
        Err(Failure::Google(google::Error::GrantDead | google::Error::InsufficientScope)) => {
            Ok(None)
        }
        Err(Failure::Google(error)) => Err(calendar_connection::unavailable(error)),
        Err(Failure::Ours(error)) => Err(error),
    }
}

/// As [`reconcile`], for the queue.
pub async fn run(app: &App, tutor_id: TutorId) -> Result<Outcome, Error> {
    match reconcile(app, tutor_id, false).await? {
        Some(report) if !report.is_in_step() => {
            tracing::warn!(tutor = %tutor_id, ?report, "lessons and calendars differed");
        }
        _ => {}
    }
    Ok(Outcome::Done)
}

/// Asks for the comparisons that are due; whether there may be more.
pub async fn enqueue_due(app: &App) -> Result<bool, Error> {
    if app.google.is_none() {
        return Ok(false);
    }
    let now = app.clock.now();
    transaction!(app.db, |txn| {
        for tutor in store::reconciliation::take_due(txn, now - EVERY, AT_A_TIME, now).await? {
            let work = Work::ReconcileCalendar(tutor);
            store::job::enqueue_unless_queued(txn, work, now).await?;
        }
        Ok(())
    })?;
    app.work_enqueued.notify_one();
    // Whoever else is due is so at the next time, too.
    Ok(false)
}

/// The tutors whose calendars can be reached.
pub async fn tutors(app: &App) -> Result<Vec<TutorId>, Error> {
    Ok(store::reconciliation::connected(&app.db).await?)
}

async fn compare(app: &App, tutor_id: TutorId, dry_run: bool) -> Result<Option<Report>, Failure> {
    let Some(google) = &app.google else {
        return Ok(None);
    };
    let now = app.clock.now();
    let connection = store::reconciliation::connection(&app.db, tutor_id, now).await?;
    let granted = |it: &Connection| {
        it.scopes
            .iter()
            .any(|it| it == scope::CALENDAR_EVENTS_OWNED)
    };
    let Some(connection) = connection.filter(granted) else {
        return Ok(None);
    };
    let calendars = list(app, google, tutor_id, &connection, now).await?;
    // After the events: an event that nobody knows of yet is of a lesson that says so.
    let these: Vec<_> = calendars.events.iter().map(|it| it.lesson).collect();
    let lessons = store::reconciliation::lessons(&app.db, tutor_id, &these, now).await?;
    let differences = differences(tutor_id, &calendars, &lessons, now);
    let report = report(tutor_id, (&calendars, &lessons), &differences, now);
    if !dry_run {
        for difference in &differences {
            mend(app, google, connection.grant_id, *difference, now).await?;
        }
        // What was in the way may be so no longer.
        if store::bookable_tag::try_again(&app.db, tutor_id, now).await? {
            let work = Work::OpenTaggedEvents(tutor_id);
            store::job::enqueue(&app.db, work, now).await?;
        }
        app.work_enqueued.notify_one();
    }
    Ok(Some(report))
}

/// What is ahead in the calendars of a tutor, as far as it looks like ours.
#[derive(Debug, Default)]
struct Calendars {
    events: Vec<Found>,
    /// Those that have a lesson written on them, and are not ours: tutors' own that students join, or copies.
    own: Vec<Found>,
    /// Lessons whose events the tutor has let repeat: nobody knows which occurrence is the lesson's.
    repeated: HashSet<LessonId>,
    unreadable: usize,
}

/// An event that looks like ours.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Found {
    /// What Google calls its calendar, and it.
    calendar: String,
    id: String,
    lesson: LessonId,
    revision: Option<i32>,
    /// None: for whole days.
    span: Option<Span>,
}

async fn list(
    app: &App,
    google: &Google,
    tutor_id: TutorId,
    connection: &Connection,
    now: DateTime<Utc>,
) -> Result<Calendars, Failure> {
    let mut own = store::reconciliation::own_calendars(&app.db, tutor_id).await?;
    if own.is_empty() {
        own.push(PRIMARY_CALENDAR.to_owned());
    }
    let until = (now + AHEAD).max(connection.last_ends_at.unwrap_or(now));
    let sync = EventSync::Full { from: now, until };
    let mut calendars = Calendars::default();
    for calendar in own {
        let told = with_token(app, google, connection.grant_id, |token| {
            let calendar = &calendar;
            async move { google.calendar.events(&token, calendar, sync).await }
        })
        .await;
        match told {
            Ok(told) => {
                for event in &told.events {
                    calendars.add(&calendar, event);
                }
            }
            // About this one.
            Err(
                error @ (google::Error::NotFound
                | google::Error::InsufficientScope
                | google::Error::Protocol(_)
                | google::Error::Invalid { .. }),
            ) => {
                tracing::warn!(tutor = %tutor_id, %error, "the events of a calendar can't be read");
                calendars.unreadable += 1;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(calendars)
}

impl Calendars {
    fn add(&mut self, calendar: &str, event: &ListedEvent) {
        let Some(lesson) = lesson_in(&event.private) else {
            return;
        };
        let is_ours = lesson_of(event).is_some();
        if is_ours && event.recurring_event_id.is_some() {
            self.repeated.insert(lesson);
            return;
        }
        let span = match (event.start, event.end) {
            (EventTime::At(start), EventTime::At(end)) => Span::new(start, end),
            _ => None,
        };
        let found = Found {
            calendar: calendar.to_owned(),
            id: event.id.clone(),
            lesson,
            revision: revision_in(&event.private),
            span,
        };
        if is_ours {
            self.events.push(found);
        } else {
            self.own.push(found);
        }
    }
}

/// In what a lesson and the calendars differ.
#[derive(Clone, Copy, Debug)]
enum Difference<'a> {
    Unwritten(&'a Lesson),
    Outdated(&'a Lesson),
    Moved(&'a Lesson, Option<Span>),
    Missing(&'a Lesson),
    /// In nothing: but that it was there was not known.
    InPlace(&'a Lesson, Span),
    /// In nothing that a listing tells; but it tells of no guests, and of these the tutor decides.
    Guests(&'a Lesson),
    Stray(&'a Found),
    Unknown,
}

fn differences<'a>(
    tutor_id: TutorId,
    calendars: &'a Calendars,
    lessons: &'a [Lesson],
    now: DateTime<Utc>,
) -> Vec<Difference<'a>> {
    let known: HashMap<_, _> = lessons.iter().map(|it| (it.id, it)).collect();
    let of_lessons = lessons
        .iter()
        .filter(|it| is_ahead(it, tutor_id, now))
        .filter_map(|lesson| of_lesson(lesson, calendars));
    let of_events = calendars.events.iter().filter_map(|event| {
        let lesson = known.get(&event.lesson);
        match lesson {
            None => Some(Difference::Unknown),
            Some(lesson) => is_stray(event, lesson, tutor_id).then_some(Difference::Stray(event)),
        }
    });
    of_lessons.chain(of_events).collect()
}

fn is_ahead(lesson: &Lesson, tutor_id: TutorId, now: DateTime<Utc>) -> bool {
    lesson.tutor_id == tutor_id
        && lesson.status == LessonStatus::Scheduled
        && lesson.starts_at > now
}

fn of_lesson<'a>(lesson: &'a Lesson, calendars: &Calendars) -> Option<Difference<'a>> {
    if lesson.is_queued {
        // Whoever is going to look at it sees to the rest.
        return None;
    }
    if lesson.calendar_event_revision != Some(lesson.calendar_revision) {
        return Some(Difference::Unwritten(lesson));
    }
    if calendars.repeated.contains(&lesson.id) {
        return None;
    }
    let (id, span) = (lesson.calendar_event_id.as_ref()?, lesson.span()?);
    let mut events = calendars.events.iter().chain(&calendars.own);
    match events.find(|it| it.lesson == lesson.id && it.id == *id) {
        // In one that can't be read it may be.
        None => (calendars.unreadable == 0).then_some(Difference::Missing(lesson)),
        Some(event) if event.revision != Some(lesson.calendar_revision) => {
            Some(Difference::Outdated(lesson))
        }
        Some(event) if event.span != Some(span) => Some(Difference::Moved(lesson, event.span)),
        Some(_) if !lesson.is_span_known => Some(Difference::InPlace(lesson, span)),
        Some(_) => lesson.is_own_event.then_some(Difference::Guests(lesson)),
    }
}

/// Whether an event is of no lesson that stands, nor will be: where an event is being made, or none is known, it may be.
fn is_stray(event: &Found, lesson: &Lesson, tutor_id: TutorId) -> bool {
    match lesson.status {
        LessonStatus::Cancelled => true,
        LessonStatus::Tentative => false,
        LessonStatus::Scheduled => {
            let other = lesson.calendar_event_id.as_ref();
            lesson.tutor_id == tutor_id
                && lesson.calendar_event_asked_at.is_none()
                && other.is_some_and(|id| *id != event.id)
        }
    }
}

fn report(
    tutor_id: TutorId,
    (calendars, lessons): (&Calendars, &[Lesson]),
    differences: &[Difference<'_>],
    now: DateTime<Utc>,
) -> Report {
    let ahead = lessons.iter().filter(|it| is_ahead(it, tutor_id, now));
    let mut report = Report {
        lessons: ahead.count(),
        unreadable: calendars.unreadable,
        ..Report::default()
    };
    for difference in differences {
        let count = match difference {
            Difference::Unwritten(_) => &mut report.unwritten,
            Difference::Outdated(_) => &mut report.outdated,
            Difference::Moved(..) => &mut report.moved,
            Difference::Missing(_) => &mut report.missing,
            Difference::Stray(_) => &mut report.stray,
            Difference::Unknown => &mut report.unknown,
            Difference::InPlace(..) | Difference::Guests(_) => continue,
        };
        *count += 1;
    }
    report
}

/// Has whoever decides look at it.
async fn mend(
    app: &App,
    google: &Google,
    grant: GrantId,
    difference: Difference<'_>,
    now: DateTime<Utc>,
) -> Result<(), Failure> {
    let db = &app.db;
    match difference {
        Difference::Unwritten(lesson) => {
            store::job::enqueue(db, Work::SyncLessonEvent(lesson.id), now).await?;
        }
        Difference::Outdated(lesson) => transaction!(db, |txn| {
            store::reconciliation::note_outdated(txn, lesson.id).await?;
            Ok(store::job::enqueue(txn, Work::SyncLessonEvent(lesson.id), now).await?)
        })?,
        Difference::Moved(lesson, to) if !lesson.is_span_known => {
            drift::put_back_unnoticed(app, lesson, (Kind::Moved, to), now).await?;
        }
        Difference::Missing(lesson) if !lesson.is_span_known => {
            drift::put_back_unnoticed(app, lesson, (Kind::Deleted, None), now).await?;
        }
        Difference::Moved(lesson, _) | Difference::Missing(lesson) | Difference::Guests(lesson) => {
            store::job::enqueue(db, Work::FollowLessonEvent(lesson.id), now).await?;
        }
        Difference::InPlace(lesson, span) => {
            store::reconciliation::note_in_place(db, lesson.id, span).await?;
        }
        Difference::Stray(event) => remove(app, google, grant, event).await?,
        Difference::Unknown => {}
    }
    Ok(())
}

/// Deletes an event, if it still is what it was told to be. What can't be is there again the next day.
async fn remove(
    app: &App,
    google: &Google,
    grant: GrantId,
    event: &Found,
) -> Result<(), google::Error> {
    let (calendar, id) = (&event.calendar, &event.id);
    let found = with_token(app, google, grant, |token| async move {
        google.calendar.event(&token, calendar, id).await
    })
    .await;
    if !found.is_ok_and(|found| is_of(&found, event.lesson) && !found.repeats) {
        return Ok(());
    }
    tracing::warn!(lesson = %event.lesson, event = %event.id, "an event that is of no lesson is deleted");
    let deleted = with_token(app, google, grant, |token| async move {
        google.calendar.delete_event(&token, calendar, id).await
    })
    .await;
    match deleted {
        Err(error @ google::Error::Unavailable { .. }) => Err(error),
        Err(error) => {
            tracing::warn!(event = %event.id, %error, "an event that is of no lesson can't be deleted");
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}
