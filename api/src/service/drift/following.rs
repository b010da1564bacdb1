//! What is done about one event.

use super::{
    super::{
        calendar_connection::{Failure, unavailable},
        lesson_event::{span_of, span_of_event},
        queue::Outcome,
    },
    Kind, Status, changing, declined, removed,
    seen::{self, Seen},
};
use crate::{
    app::App,
    error::Error,
    service::LessonId,
    store::{
        self,
        drift::{Drift, NewDrift},
        job::Work,
        lesson::ForCalendar,
    },
};
use ::entity::id::GrantId;
use chrono::{DateTime, TimeDelta, Utc};
use scheduling::{
    drift::{Grace, Shown, Verdict, Why, of_event, of_grace},
    interval::Span,
};

/// How soon to look again at an event that is unclear, while its lesson is about to be cancelled.
const LOOK_AGAIN: TimeDelta = TimeDelta::minutes(5);

/// So often within [`A_WHILE`] a move of an event is followed, or the event put back: where programs move it to and fro, or delete
/// it, neither its guests nor Google hear of it all day.
const MOST: i64 = 10;

const A_WHILE: TimeDelta = TimeDelta::hours(1);

/// Makes a lesson follow what was done with its event, by the centre's policy. May be repeated at any time: what is done is
/// done only while the lesson is as it was when its event was read.
pub async fn follow(app: &App, id: LessonId) -> Result<Outcome, Error> {
    let Some(google) = &app.google else {
        return Ok(Outcome::Done);
    };
    let Some(lesson) = store::lesson::for_calendar(&app.db, id).await? else {
        return Ok(Outcome::Done);
    };
    let pending = store::drift::pending(&app.db, id).await?;
    let now = app.clock.now();
    if lesson.starts_at <= now {
        return let_be(app, &lesson, pending, Status::Lapsed).await;
    }
    let Some(grant) = lesson.grant_id else {
        // Connecting the calendar enqueues this again, if anything is pending.
        return Ok(Outcome::Done);
    };
    let event = lesson.calendar_event_id.as_deref();
    let Some(event) = event.filter(|_| super::follows(&lesson, now)) else {
        return let_be(app, &lesson, pending, Status::Superseded).await;
    };
    let seen = match seen::look(app, google, grant, &lesson, event).await {
        Ok(seen) => seen,
        Err(Failure::Google(error)) => return unread(error),
        Err(Failure::Ours(error)) => return Err(error),
    };
    let case = Case {
        app,
        lesson: &lesson,
        grant,
        event,
        span: span_of(&lesson)?,
        seen,
        now,
    };
    case.settle(pending).await
}

/// An event that can't be read is neither gone nor anywhere.
fn unread(error: google::Error) -> Result<Outcome, Error> {
    use google::Error as Google;
    match error {
        // Only the tutor can mend these, and what is pending waits for that.
        Google::GrantDead | Google::InsufficientScope => Ok(Outcome::Done),
        Google::Invalid { .. } | Google::Protocol(_) => {
            Ok(Outcome::Refused(Error::internal(error)))
        }
        error => Err(unavailable(error)),
    }
}

/// Lets a lesson be that follows its event no longer: a deletion that can still be undone comes to nothing, and what is to be
/// written is.
async fn let_be(
    app: &App,
    lesson: &ForCalendar,
    pending: Option<Drift>,
    status: Status,
) -> Result<Outcome, Error> {
    if let Some(drift) = pending {
        changing::resolve(app, &drift, status).await?;
    }
    write_what_is_new(app, lesson, app.clock.now()).await?;
    Ok(Outcome::Done)
}

/// What has changed of a lesson is written to its event only once it is clear what follows from where this stands.
async fn write_what_is_new(
    app: &App,
    lesson: &ForCalendar,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    if !is_written(lesson) {
        store::job::enqueue(&app.db, Work::SyncLessonEvent(lesson.id), now).await?;
        app.work_enqueued.notify_one();
    }
    Ok(())
}

fn is_written(lesson: &ForCalendar) -> bool {
    lesson.calendar_event_revision == Some(lesson.calendar_revision)
}

/// Whoever finds the lesson changed since its event was read looks again.
fn done_if(is_as_seen: bool) -> Outcome {
    if is_as_seen {
        Outcome::Done
    } else {
        Outcome::Again(TimeDelta::zero())
    }
}

/// An event that was read, and its lesson.
pub(super) struct Case<'a> {
    pub(super) app: &'a App,
    pub(super) lesson: &'a ForCalendar,
    pub(super) grant: GrantId,
    /// What Google calls the event.
    pub(super) event: &'a str,
    /// When the lesson is.
    pub(super) span: Span,
    pub(super) seen: Seen,
    pub(super) now: DateTime<Utc>,
}

impl Case<'_> {
    async fn settle(&self, pending: Option<Drift>) -> Result<Outcome, Error> {
        let Some(shown) = self.seen.shown() else {
            return self.settle_unclear(pending).await;
        };
        if let Some(drift) = pending {
            return self.settle_deletion(&drift, shown).await;
        }
        // Whoever can't come to another time may have been taken off for that.
        if !removed::follow(self).await? {
            return Ok(done_if(false));
        }
        let policy = store::policy::of_centre(&self.app.db).await?.0.drift();
        let lesson = (self.span, self.lesson.capacity == 1);
        let verdict = of_event(lesson, shown, &policy, self.now);
        let is_at_once = matches!(verdict, Verdict::Reschedule(_) | Verdict::PutBack(_));
        if is_at_once && self.is_restless().await? {
            return Ok(Outcome::Again(A_WHILE));
        }
        let is_as_seen = match verdict {
            Verdict::Nothing => {
                declined::follow(self, policy.declined).await?;
                write_what_is_new(self.app, self.lesson, self.now).await?;
                true
            }
            Verdict::Reschedule(to) => changing::reschedule(self, to).await?,
            Verdict::PutBack(why) => changing::put_back(self, changing::because(why)).await?,
            Verdict::CancelAt(at) => {
                if changing::begin_grace(self, at).await? {
                    return Ok(Outcome::Again(at - self.now));
                }
                false
            }
        };
        Ok(done_if(is_as_seen))
    }

    /// Of an event that makes no sense nothing follows, and what is to be written is. Where its calendar is gone, it is made anew.
    async fn settle_unclear(&self, pending: Option<Drift>) -> Result<Outcome, Error> {
        let is_gone = matches!(self.seen, Seen::NoCalendar);
        if let Some(drift) = pending {
            let is_over = drift.cancels_at.is_none_or(|at| at <= self.now);
            return if is_gone && is_over {
                let is_as_seen = changing::keep(self, &drift, Why::CalendarGone).await?;
                Ok(done_if(is_as_seen))
            } else {
                Ok(Outcome::Again(LOOK_AGAIN))
            };
        }
        let is_lost = matches!(self.seen, Seen::Lost);
        let is_as_seen = if is_gone {
            changing::put_back(self, changing::because(Why::CalendarGone)).await?
        } else if is_written(self.lesson) && !is_lost {
            true
        } else {
            changing::write_all_the_same(self).await?
        };
        Ok(done_if(is_as_seen))
    }

    async fn is_restless(&self) -> Result<bool, Error> {
        let (id, since) = (self.lesson.id, self.now - A_WHILE);
        Ok(store::drift::count_changes(&self.app.db, id, since).await? >= MOST)
    }

    async fn settle_deletion(&self, drift: &Drift, shown: Shown) -> Result<Outcome, Error> {
        let ends_at = drift.cancels_at.unwrap_or(self.now);
        let is_as_seen = match of_grace(self.span, shown, ends_at, self.now) {
            Grace::Wait(until) => return Ok(Outcome::Again(until - self.now)),
            Grace::Over => changing::cancel(self, drift).await?,
            Grace::TooLate => changing::keep(self, drift, Why::TooLate).await?,
            Grace::Lapsed => {
                changing::resolve(self.app, drift, Status::Lapsed).await?;
                true
            }
            Grace::Back => {
                changing::take_back(self, drift).await?;
                // It may be back elsewhere.
                false
            }
        };
        Ok(done_if(is_as_seen))
    }

    /// What is noted of it.
    pub(super) fn drift(&self, kind: Kind, status: Status) -> NewDrift {
        let event = match &self.seen {
            Seen::Event(event) if kind == Kind::Moved => span_of_event(event),
            _ => None,
        };
        NewDrift {
            kind,
            status,
            lesson_id: self.lesson.id,
            booking_id: None,
            lesson: self.span,
            event,
            reasons: Vec::new(),
            cancels_at: None,
        }
    }
}
