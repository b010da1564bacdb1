//! What is done about one event.

use super::{
    super::{
        calendar_connection::{Failure, unavailable},
        lesson_event::{span_of, span_of_event},
        queue::Outcome,
    },
    Kind, Status, changing, declined,
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

/// So often within [`A_WHILE`] an event is put back: where a program moves it whenever it is put back, neither
/// its guests nor Google hear of it all day.
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
        return end_pending(app, pending, Status::Lapsed).await;
    }
    let Some(grant) = lesson.grant_id else {
        // Connecting the calendar enqueues this again, if anything is pending.
        return Ok(Outcome::Done);
    };
    let event = lesson.calendar_event_id.as_deref();
    let Some(event) = event.filter(|_| super::follows(&lesson, now)) else {
        return end_pending(app, pending, Status::Superseded).await;
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

/// Lets a deletion that can still be undone come to nothing.
async fn end_pending(app: &App, pending: Option<Drift>, status: Status) -> Result<Outcome, Error> {
    if let Some(drift) = pending {
        changing::resolve(app, &drift, status).await?;
    }
    Ok(Outcome::Done)
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
        let policy = store::policy::of_centre(&self.app.db).await?.0.drift();
        match of_event(self.span, shown, &policy, self.now) {
            Verdict::Nothing => {
                declined::follow(self, policy.declined).await?;
                self.write_what_is_new().await?;
            }
            Verdict::Reschedule(to) => changing::reschedule(self, to).await?,
            Verdict::PutBack(_) if self.is_restless().await? => {
                return Ok(Outcome::Again(A_WHILE));
            }
            Verdict::PutBack(why) => changing::put_back(self, changing::because(why)).await?,
            Verdict::CancelAt(at) => {
                changing::begin_grace(self, at).await?;
                return Ok(Outcome::Again(at - self.now));
            }
        }
        Ok(Outcome::Done)
    }

    /// Of an event that makes no sense nothing follows. Where its calendar is gone, its lesson does not follow it any more, and
    /// whatever is still to be written is written elsewhere.
    async fn settle_unclear(&self, pending: Option<Drift>) -> Result<Outcome, Error> {
        if pending.is_some() {
            return Ok(Outcome::Again(LOOK_AGAIN));
        }
        if matches!(self.seen, Seen::NoCalendar) {
            let (db, id) = (&self.app.db, self.lesson.id);
            store::drift::note_event_span(db, id, None).await?;
            store::job::enqueue(db, Work::SyncLessonEvent(id), self.now).await?;
        }
        Ok(Outcome::Done)
    }

    /// What has changed of the lesson is written to its event only once it is clear that this stands where it should.
    async fn write_what_is_new(&self) -> Result<(), Error> {
        let lesson = self.lesson;
        if lesson.calendar_event_revision != Some(lesson.calendar_revision) {
            let work = Work::SyncLessonEvent(lesson.id);
            store::job::enqueue(&self.app.db, work, self.now).await?;
        }
        Ok(())
    }

    async fn is_restless(&self) -> Result<bool, Error> {
        let (id, since) = (self.lesson.id, self.now - A_WHILE);
        Ok(store::drift::count_put_back(&self.app.db, id, since).await? >= MOST)
    }

    async fn settle_deletion(&self, drift: &Drift, shown: Shown) -> Result<Outcome, Error> {
        let ends_at = drift.cancels_at.unwrap_or(self.now);
        match of_grace(self.span, shown, ends_at, self.now) {
            Grace::Wait(until) => return Ok(Outcome::Again(until - self.now)),
            Grace::Over => changing::cancel(self, drift).await?,
            Grace::TooLate => changing::keep(self, drift, Why::TooLate).await?,
            Grace::Lapsed => changing::resolve(self.app, drift, Status::Lapsed).await?,
            Grace::Back => {
                changing::take_back(self, drift).await?;
                // It may be back elsewhere.
                return Ok(Outcome::Again(TimeDelta::zero()));
            }
        }
        Ok(Outcome::Done)
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
