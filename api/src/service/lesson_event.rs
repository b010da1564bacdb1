//! The event of a lesson in its tutor's Google Calendar.
//!
//! The database counts what changes of a lesson that its event tells (`calendar_revision`), and the event itself says,
//! in a private property, which revision it shows. So whatever becomes of an answer, the next look tells whether there is
//! something to write. What is written is conditional on the event being as it was read, and the lesson is read after
//! the event: so whoever writes knows at least what those knew who wrote before, and nothing that is late on its way
//! undoes what is newer.

mod own;

pub(super) use own::is_lost;

use super::{
    LessonId,
    calendar_connection::{Failure, unavailable, with_token},
    drift::{self, Elsewhere, Kind},
    queue::Outcome,
    transaction::transaction,
};
use crate::{
    app::{App, Google},
    error::Error,
    store::{
        self,
        job::Work,
        lesson::{ForCalendar, PRIMARY_CALENDAR},
    },
};
use ::entity::{id::GrantId, lesson::LessonStatus};
use chrono::{DateTime, TimeDelta, Utc};
use google::{
    Attendee, AttendeeResponse, Event, EventStatus, EventTime, ListedEvent, NewEvent, event_id,
    lesson_of_event,
};
use scheduling::interval::Span;
use std::collections::BTreeMap;

/// The private extended property that marks an event as ours.
const MARK: &str = "tutoringSchedulerLesson";

/// The private extended property that says which revision of the lesson the event shows.
const REVISION: &str = "tutoringSchedulerRevision";

/// How many used-up event ids are skipped in one run.
const MOST_IDS: i16 = 20;

/// For so long after it was sent an insert may still make an event, although it was not answered. Google
/// names no limit; this is meant to be well beyond what a request can last.
const ON_ITS_WAY: TimeDelta = TimeDelta::minutes(10);

/// A longer address of a conference is not kept.
const LONGEST_URL: usize = 2000;

/// How soon to look again for a Meet link that Google is still making; later by and by, up to the second.
const LOOK_FOR_MEET: TimeDelta = TimeDelta::seconds(10);
const MOST_BETWEEN: TimeDelta = TimeDelta::hours(1);

/// For so long a Meet link is looked for.
const MEET_IS_LATE: TimeDelta = TimeDelta::days(1);

/// How soon to look again for an event that may still come.
const LOOK_AGAIN: TimeDelta = TimeDelta::minutes(1);

/// Makes the calendar say what the lesson says. May be repeated at any time: the event's id follows
/// from the lesson, so there is never a second event.
pub async fn sync(app: &App, id: LessonId) -> Result<Outcome, Error> {
    let Some(google) = &app.google else {
        return Ok(Outcome::Done);
    };
    let Some(lesson) = store::lesson::for_calendar(&app.db, id).await? else {
        return Ok(Outcome::Done);
    };
    let Some(grant) = lesson.grant_id else {
        // Connecting the calendar enqueues this again.
        return Ok(Outcome::Done);
    };
    let outcome = match (lesson.status, &lesson.calendar_event_id) {
        (LessonStatus::Scheduled, event)
            if lesson.calendar_event_revision == Some(lesson.calendar_revision) =>
        {
            match event.as_ref().zip(lesson.meet_pending_since) {
                None => Ok(Outcome::Done),
                Some((event, since)) => {
                    look_for_meet(app, google, grant, &lesson, (event, since)).await
                }
            }
        }
        (LessonStatus::Scheduled, Some(event)) => update(app, google, grant, &lesson, event).await,
        (LessonStatus::Scheduled, None) => match &lesson.own_event_id {
            Some(id) => own::find_again(app, google, grant, &lesson, id).await,
            None => insert(app, google, grant, &lesson).await,
        },
        (LessonStatus::Tentative | LessonStatus::Cancelled, _) => match &lesson.own_event_id {
            Some(id) => own::leave(app, google, grant, &lesson, id).await,
            None => delete(app, google, grant, &lesson).await,
        },
    };
    match outcome {
        Ok(outcome) => {
            if matches!(outcome, Outcome::Done) {
                store::google_grant::note_written(&app.db, grant, id).await?;
            }
            Ok(outcome)
        }
        Err(Failure::Google(error)) => failed(app, grant, id, error).await,
        Err(Failure::Ours(error)) => Err(error),
    }
}

/// What a failure of Google means for the job and for the connection.
async fn failed(
    app: &App,
    grant: GrantId,
    lesson: LessonId,
    error: google::Error,
) -> Result<Outcome, Error> {
    use google::Error as Google;
    match error {
        // Only the tutor can mend these; connecting again enqueues this again.
        Google::GrantDead | Google::InsufficientScope => Ok(Outcome::Done),
        // Somebody else was faster: what they did is to be read first.
        Google::PreconditionFailed => Ok(Outcome::Failed(Error::internal(error))),
        error if is_about_event(&error) => {
            tracing::error!(%lesson, %error, "Google refuses the event of a lesson");
            Ok(Outcome::Refused(Error::internal(error)))
        }
        error => {
            store::google_grant::note_write_failure(&app.db, grant, app.clock.now()).await?;
            Err(unavailable(error))
        }
    }
}

/// Whether an answer is about the one event, and the connection as good as ever. Other statuses that are `Invalid`
/// refuse the account or the project, and with it every event.
fn is_about_event(error: &google::Error) -> bool {
    use google::Error as Google;
    match error {
        Google::NotFound | Google::Gone | Google::Duplicate => true,
        // The tutor has given the event to somebody else.
        Google::Invalid { status, reason } => {
            *status == 400 || reason == "forbiddenForNonOrganizer"
        }
        _ => false,
    }
}

async fn insert(
    app: &App,
    google: &Google,
    grant: GrantId,
    lesson: &ForCalendar,
) -> Result<Outcome, Failure> {
    let calendar = lesson.calendar();
    let first = lesson.calendar_event_attempt;
    let mut asked_before = lesson.calendar_event_asked_at;
    for attempt in first..first.saturating_add(MOST_IDS) {
        let event = &content(lesson, event_id_of(lesson, attempt)?)?;
        let now = app.clock.now();
        let open_since = asked_before.unwrap_or(now);
        // Before it is sent: of an insert that was cut off nobody else would know.
        note_span(app, grant, lesson).await?;
        let place = (grant, calendar);
        if !store::lesson::note_event_asked(&app.db, lesson.id, place, Some(now)).await? {
            return Ok(Outcome::Again(TimeDelta::zero()));
        }
        let inserted = ask_for(app, google, grant, calendar, event).await;
        let found = match inserted {
            Ok(event) => Found::Ours(Box::new(event)),
            Err(google::Error::Duplicate) => {
                // This insert was answered; what is open is older.
                let id = lesson.id;
                store::lesson::note_event_asked(&app.db, id, place, Some(open_since)).await?;
                look(app, google, grant, (calendar, &event.id), lesson).await?
            }
            Err(error) if calendar != PRIMARY_CALENDAR && is_about_calendar(&error) => {
                store::lesson::note_event_asked(&app.db, lesson.id, place, asked_before).await?;
                if asked_before.is_some_and(|asked_at| is_on_its_way(asked_at, now)) {
                    return Ok(Outcome::Again(LOOK_AGAIN));
                }
                return without_calendar(app, grant, lesson, calendar).await;
            }
            Err(error) => {
                // What was answered is not open; an earlier insert may be.
                if !error.leaves_open() {
                    let id = lesson.id;
                    store::lesson::note_event_asked(&app.db, id, place, asked_before).await?;
                }
                return Err(error.into());
            }
        };
        match found {
            Found::Ours(event) => {
                store::lesson::note_event(&app.db, lesson.id, grant, &event.id, attempt).await?;
                // Of an event that was made before it is to be seen what it shows.
                return bring_in_line(app, google, grant, lesson.id, &event).await;
            }
            // Taken, by an event that can't be seen: perhaps ours, which is just being made. Beside an event
            // with the next id it would be a second one.
            Found::Nothing if is_on_its_way(open_since, now) => {
                return Ok(Outcome::Again(LOOK_AGAIN));
            }
            // The id is used up. That is written down before the next one is tried: should the answer to
            // that be lost, its id is the one to look for.
            Found::Nothing | Found::Deleted | Found::Another => {
                let next = attempt + 1;
                let place = (grant, None);
                store::lesson::note_no_event(&app.db, lesson.id, place, next, now).await?;
                asked_before = None;
            }
        }
    }
    Err(Failure::Ours(Error::internal(anyhow::anyhow!(
        "all event ids of lesson {} are used up",
        lesson.id
    ))))
}

/// Asks for an event; without a Meet link where with one it is refused, for there are accounts that have none.
async fn ask_for(
    app: &App,
    google: &Google,
    grant: GrantId,
    calendar: &str,
    event: &NewEvent,
) -> Result<Event, google::Error> {
    let insert = async |event: &NewEvent| {
        with_token(app, google, grant, |token| async move {
            google.calendar.insert_event(&token, calendar, event).await
        })
        .await
    };
    match insert(event).await {
        Err(google::Error::Invalid {
            status: 400,
            reason,
        }) if event.meet && reason == "invalid" => {
            tracing::warn!(event = %event.id, "an event with a Meet link is refused");
            let without = NewEvent {
                meet: false,
                ..event.clone()
            };
            insert(&without).await
        }
        inserted => inserted,
    }
}

/// Whether an answer to an insert says that the calendar is gone, or not the tutor's to write to.
fn is_about_calendar(error: &google::Error) -> bool {
    use google::Error as Google;
    matches!(
        error,
        Google::NotFound | Google::InsufficientScope | Google::Invalid { status: 403, .. }
    )
}

/// There is no such calendar any more: the primary one receives lessons then.
async fn without_calendar(
    app: &App,
    grant: GrantId,
    lesson: &ForCalendar,
    calendar: &str,
) -> Result<Outcome, Failure> {
    tracing::warn!(lesson = %lesson.id, "the calendar that receives lessons is gone");
    store::calendar::receives_no_more(&app.db, grant, calendar).await?;
    let (attempt, now) = (lesson.calendar_event_attempt, app.clock.now());
    store::lesson::note_no_event(&app.db, lesson.id, (grant, None), attempt, now).await?;
    Ok(Outcome::Again(TimeDelta::zero()))
}

/// Makes the event that is known say what the lesson says.
async fn update(
    app: &App,
    google: &Google,
    grant: GrantId,
    lesson: &ForCalendar,
    event_id: &str,
) -> Result<Outcome, Failure> {
    let calendar = lesson.calendar();
    let found = look(app, google, grant, (calendar, event_id), lesson).await?;
    let now = app.clock.now();
    let (attempt, calendar) = match found {
        Found::Ours(event) if own::is_lost(lesson, &event) => {
            return own::let_go(app, google, grant, lesson, event_id).await;
        }
        Found::Ours(event) => {
            return bring_in_line(app, google, grant, lesson.id, &event).await;
        }
        // Whether the tutor has deleted it, and what follows from that, is not decided here.
        Found::Nothing | Found::Deleted if drift::follows(lesson, now) => {
            drift::have_followed(app, lesson.id, now).await?;
            return Ok(Outcome::Done);
        }
        Found::Nothing | Found::Deleted if is_elsewhere(app, google, grant, lesson).await? => {
            return Ok(Outcome::Again(TimeDelta::zero()));
        }
        // Should it be there all the same, the insert finds it by its id.
        Found::Nothing => (lesson.calendar_event_attempt, Some(calendar)),
        Found::Deleted | Found::Another => (lesson.calendar_event_attempt.saturating_add(1), None),
    };
    // It is made anew, for what was changed here comes first.
    let event = (grant, calendar);
    transaction!(app.db, |txn| {
        drift::note_changed_here(txn, lesson, (Kind::Deleted, None), now).await?;
        Ok(store::lesson::note_no_event(txn, lesson.id, event, attempt, now).await?)
    })?;
    Ok(Outcome::Again(TimeDelta::zero()))
}

async fn is_elsewhere(
    app: &App,
    google: &Google,
    grant: GrantId,
    lesson: &ForCalendar,
) -> Result<bool, Failure> {
    let Some(id) = &lesson.calendar_event_id else {
        return Ok(false);
    };
    let found = drift::find_elsewhere(app, google, grant, lesson, id).await?;
    Ok(matches!(found, Elsewhere::Found { .. }))
}

/// Makes an event, as it was just read, say what the lesson says. Where somebody has moved it in Google, and nobody the lesson
/// here, it stays where it is until that is decided.
async fn bring_in_line(
    app: &App,
    google: &Google,
    grant: GrantId,
    id: LessonId,
    event: &Event,
) -> Result<Outcome, Failure> {
    let Some(lesson) = store::lesson::for_calendar(&app.db, id).await? else {
        return Ok(Outcome::Done);
    };
    if lesson.status != LessonStatus::Scheduled
        || lesson.calendar_event_id.as_ref() != Some(&event.id)
    {
        return Ok(Outcome::Again(TimeDelta::zero()));
    }
    let now = app.clock.now();
    let differs = shown_revision(&lesson, event) != Some(lesson.calendar_revision);
    let was_moved = was_moved(&lesson, event)?;
    // One that shows the lesson as it is was there once, whoever knew.
    let is_followed = was_moved
        && (!differs && lesson.starts_at > now || drift::follows(&lesson, now))
        || own::misses_guest(&lesson, event) && drift::follows(&lesson, now);
    if differs && is_followed {
        drift::have_followed(app, id, now).await?;
        return Ok(Outcome::Done);
    }
    if differs {
        write(app, google, grant, &lesson, event).await?;
    }
    let now = app.clock.now();
    // Who is on the tutor's list is noted as soon as it is known, or nobody would miss them.
    let looks = is_followed
        || !differs && has_declined_guest(event)
        || differs && lesson.is_own_event(&event.id);
    transaction!(app.db, |txn| {
        if differs && was_moved {
            let moved_to = (Kind::Moved, span_of_event(event));
            drift::note_changed_here(txn, &lesson, moved_to, now).await?;
        }
        if looks {
            store::job::enqueue(txn, Work::FollowLessonEvent(id), now).await?;
        }
        let revision = lesson.calendar_revision;
        Ok(store::lesson::note_event_current(txn, id, &event.id, revision, now).await?)
    })?;
    let pending = event.meet_pending.then_some(now);
    store::lesson::note_meet(&app.db, id, &event.id, (meet_url(event), pending)).await?;
    if differs {
        store::google_grant::hurry_busy_read(&app.db, lesson.tutor_id, now).await?;
    }
    Ok(if event.meet_pending {
        Outcome::Again(LOOK_FOR_MEET)
    } else {
        Outcome::Done
    })
}

async fn write(
    app: &App,
    google: &Google,
    grant: GrantId,
    lesson: &ForCalendar,
    event: &Event,
) -> Result<(), Failure> {
    let mut wanted = content(lesson, event.id.clone())?;
    if lesson.is_own_event(&event.id) {
        own::leave_to_tutor(&mut wanted, event);
    } else {
        note_span(app, grant, lesson).await?;
    }
    let (wanted, calendar) = (&wanted, lesson.calendar());
    with_token(app, google, grant, |token| async move {
        google
            .calendar
            .change_event(&token, calendar, event, wanted)
            .await
    })
    .await
    .map_err(|error| match error {
        // It has gone since it was read.
        google::Error::NotFound | google::Error::Gone => google::Error::PreconditionFailed,
        error => error,
    })?;
    Ok(())
}

/// Whether somebody has moved the event since it was known where it was: by the revision that it shows, for of another one
/// nothing is known.
fn was_moved(lesson: &ForCalendar, event: &Event) -> Result<bool, Error> {
    let was = match shown_revision(lesson, event) {
        revision if revision == Some(lesson.calendar_revision) => Some(span_of(lesson)?),
        revision if revision == lesson.calendar_event_revision => lesson.event_span(),
        _ => None,
    };
    Ok(was.is_some() && span_of_event(event) != was)
}

/// The revision of the lesson that its event shows, as far as it says. One of the tutor's own that says nothing of it is as the
/// tutor made it, which counts as none of them: 0.
pub(super) fn shown_revision(lesson: &ForCalendar, event: &Event) -> Option<i32> {
    if lesson.is_own_event(&event.id) && !is_of(event, lesson.id) {
        return Some(0);
    }
    revision_in(&event.private)
}

/// The revision that the private properties of an event tell.
pub(super) fn revision_in(private: &BTreeMap<String, String>) -> Option<i32> {
    private.get(REVISION)?.parse().ok()
}

/// The lesson of which it is our event, by its id and by what is written on it: a copy has another id, and an event with
/// an id like ours need not be of us.
pub(super) fn lesson_of(event: &ListedEvent) -> Option<LessonId> {
    let id = event.recurring_event_id.as_ref().unwrap_or(&event.id);
    let lesson = lesson_of_event(id)?;
    (lesson_in(&event.private) == Some(LessonId(lesson))).then_some(LessonId(lesson))
}

/// The lesson that is written on an event: on ours, on one that the tutor has opened, and on copies of either.
pub(super) fn lesson_in(private: &BTreeMap<String, String>) -> Option<LessonId> {
    private.get(MARK)?.parse().ok().map(LessonId)
}

/// Whether an event is one of ours, or an occurrence of what the tutor has made of it, of whichever lesson.
pub(super) fn is_made_here(event: &Event) -> bool {
    let id = event.recurring_event_id.as_ref().unwrap_or(&event.id);
    lesson_of_event(id).is_some_and(|lesson| lesson_in(&event.private) == Some(LessonId(lesson)))
}

/// When an event is; none where it is for whole days.
pub(super) fn span_of_event(event: &Event) -> Option<Span> {
    match (event.start, event.end) {
        (Some(EventTime::At(start)), Some(EventTime::At(end))) => Span::new(start, end),
        _ => None,
    }
}

/// When a lesson is.
pub(super) fn span_of(lesson: &ForCalendar) -> Result<Span, Error> {
    Span::new(lesson.starts_at, lesson.ends_at)
        .ok_or_else(|| Error::internal(anyhow::anyhow!("a lesson that ends before it starts")))
}

fn has_declined_guest(event: &Event) -> bool {
    let mut guests = event.attendees.iter().filter(|guest| !guest.is_self);
    guests.any(|guest| guest.response == AttendeeResponse::Declined)
}

/// Looks whether Google has made the Meet link of an event that is as it should be. What else has become of the event is none
/// of its business.
async fn look_for_meet(
    app: &App,
    google: &Google,
    grant: GrantId,
    lesson: &ForCalendar,
    (event_id, since): (&String, DateTime<Utc>),
) -> Result<Outcome, Failure> {
    let now = app.clock.now();
    let found = look(app, google, grant, (lesson.calendar(), event_id), lesson).await?;
    let event = match found {
        Found::Ours(event) => Some(event),
        Found::Nothing | Found::Deleted | Found::Another => None,
    };
    let is_pending = event.as_ref().is_some_and(|event| event.meet_pending);
    if is_pending && now < since + MEET_IS_LATE {
        return Ok(Outcome::Again(
            (now - since).clamp(LOOK_FOR_MEET, MOST_BETWEEN),
        ));
    }
    let url = event.as_deref().and_then(meet_url);
    store::lesson::note_meet(&app.db, lesson.id, event_id, (url, None)).await?;
    Ok(Outcome::Done)
}

/// Where the conference of an event is. Whoever owns the event can write anything there, and students are sent to it.
fn meet_url(event: &Event) -> Option<String> {
    let url = event.meet_url.as_ref()?;
    let is_good = url.starts_with("https://") && url.len() <= LONGEST_URL;
    is_good.then(|| url.clone())
}

/// Notes where the event is about to be put, so that Google's busy time there is known to be perhaps our own.
async fn note_span(app: &App, grant: GrantId, lesson: &ForCalendar) -> Result<(), Error> {
    let ids = (lesson.id, lesson.tutor_id);
    Ok(store::event_span::note(&app.db, ids, grant, span_of(lesson)?).await?)
}

/// Whether an insert that was sent then may still make an event.
fn is_on_its_way(asked_at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    now < asked_at + ON_ITS_WAY
}

/// What has a certain id.
enum Found {
    /// The event of the lesson, which stands.
    Ours(Box<Event>),
    /// One that is deleted. No insert with this id will make an event any more, as with that of the next.
    Deleted,
    /// One that is not of the lesson.
    Another,
    Nothing,
}

async fn look(
    app: &App,
    google: &Google,
    grant: GrantId,
    (calendar, id): (&str, &str),
    lesson: &ForCalendar,
) -> Result<Found, google::Error> {
    let event = with_token(app, google, grant, |token| async move {
        google.calendar.event(&token, calendar, id).await
    })
    .await;
    let event = match event {
        Ok(event) => event,
        Err(google::Error::NotFound) => return Ok(Found::Nothing),
        Err(google::Error::Gone) => return Ok(Found::Deleted),
        Err(error) => return Err(error),
    };
    Ok(if event.status == EventStatus::Cancelled {
        Found::Deleted
    } else if is_event_of(&event, lesson) {
        Found::Ours(Box::new(event))
    } else {
        Found::Another
    })
}

/// Whether an event is that of a lesson; one of the tutor's own also before it is marked, and no copy of it in another calendar.
pub(super) fn is_event_of(event: &Event, lesson: &ForCalendar) -> bool {
    is_of(event, lesson.id) || lesson.is_own_event(&event.id) && event.is_organized_here
}

/// Whether an event is marked as that of a lesson.
pub(super) fn is_of(event: &Event, lesson: LessonId) -> bool {
    event.private.get(MARK) == Some(&lesson.to_string())
}

/// Deletes the event also where none is known: an insert whose answer was lost may have made one, or may
/// still do so.
async fn delete(
    app: &App,
    google: &Google,
    grant: GrantId,
    lesson: &ForCalendar,
) -> Result<Outcome, Failure> {
    let now = app.clock.now();
    let (calendar, attempt) = (lesson.calendar(), lesson.calendar_event_attempt);
    if let Some(id) = &lesson.calendar_event_id {
        remove(app, google, grant, (calendar, id)).await?;
    } else {
        let id = event_id_of(lesson, attempt)?;
        match look(app, google, grant, (calendar, &id), lesson).await? {
            Found::Ours(event) => remove(app, google, grant, (calendar, &event.id)).await?,
            Found::Nothing
                if lesson
                    .calendar_event_asked_at
                    .is_some_and(|asked_at| is_on_its_way(asked_at, now)) =>
            {
                return Ok(Outcome::Again(LOOK_AGAIN));
            }
            Found::Nothing | Found::Deleted | Found::Another => {}
        }
    }
    // Google may have shown it until now.
    let now = app.clock.now();
    store::lesson::note_no_event(&app.db, lesson.id, (grant, None), attempt, now).await?;
    store::google_grant::hurry_busy_read(&app.db, lesson.tutor_id, now).await?;
    Ok(Outcome::Done)
}

async fn remove(
    app: &App,
    google: &Google,
    grant: GrantId,
    (calendar, id): (&str, &str),
) -> Result<(), google::Error> {
    let deleted = with_token(app, google, grant, |token| async move {
        google.calendar.delete_event(&token, calendar, id).await
    })
    .await;
    match deleted {
        Err(google::Error::NotFound | google::Error::Gone) => Ok(()),
        outcome => outcome,
    }
}

fn event_id_of(lesson: &ForCalendar, attempt: i16) -> Result<String, Error> {
    Ok(event_id(
        lesson.id.0,
        u16::try_from(attempt).map_err(Error::internal)?,
    ))
}

/// The title of the event, which every guest reads: who else is in a group lesson, it does not say.
fn summary(lesson: &ForCalendar) -> String {
    let ForCalendar {
        subject,
        level,
        title,
        capacity,
        ..
    } = lesson;
    match (capacity, title.as_str()) {
        (1, _) => format!("{subject}, {level}: {}", lesson.student_names.join(", ")),
        (_, "") => format!("{subject}, {level} (group of up to {capacity})"),
        (_, title) => format!("{title}: {subject}, {level} (group of up to {capacity})"),
    }
}

/// What the event of a lesson says.
fn content(lesson: &ForCalendar, id: String) -> Result<NewEvent, Error> {
    let attendees = std::iter::zip(&lesson.attendee_emails, &lesson.attendee_names);
    let attendees =
        attendees.map(|(email, name)| Attendee::invited(email.clone(), Some(name.clone())));
    Ok(NewEvent {
        id,
        summary: summary(lesson),
        description: None,
        location: None,
        start: lesson.starts_at,
        end: lesson.ends_at,
        time_zone: lesson.time_zone.parse().map_err(|_| {
            Error::internal(anyhow::anyhow!(
                "lesson {} has a tutor in the unknown zone {:?}",
                lesson.id,
                lesson.time_zone
            ))
        })?,
        attendees: attendees.collect(),
        attendees_see_each_other: false,
        private: BTreeMap::from([
            (MARK.to_owned(), lesson.id.to_string()),
            (REVISION.to_owned(), lesson.calendar_revision.to_string()),
        ]),
        meet: lesson.meet_link,
    })
}
