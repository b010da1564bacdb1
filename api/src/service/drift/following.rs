//! What is done about one event.

use super::{
    super::{calendar_connection::unavailable, lesson_event, queue::Outcome},
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
        lesson::ForCalendar,
    },
};
use ::entity::{id::GrantId, lesson::LessonStatus};
use chrono::{DateTime, TimeDelta, Utc};
use scheduling::{
    drift::{Grace, Shown, Verdict, of_event, of_grace},
    interval::Span,
};

/// How soon to look again at an event that is unclear, while its lesson is about to be cancelled.
const LOOK_AGAIN: TimeDelta = TimeDelta::minutes(5);

/// So often within [`A_WHILE`] something is done about an event: where a program moves it whenever it is put back, neither
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
    let Some((grant, event)) = followed(&lesson) else {
        return end_pending(app, pending, Status::Superseded).await;
    };
    let seen = seen::look(app, google, grant, &lesson, event).await;
    let seen = match seen {
        Ok(seen) => seen,
        Err(error) => return unread(app, (grant, id), pending, error).await,
    };
    store::google_grant::note_success(&app.db, grant).await?;
    let case = Case {
        app,
        lesson: &lesson,
        span: span_of(&lesson)?,
        seen,
        now,
    };
    case.settle(pending).await
}

/// The event to look at, if the lesson follows one: what is still to be written to it comes first.
fn followed(lesson: &ForCalendar) -> Option<(GrantId, &str)> {
    let is_written = lesson.calendar_event_revision == Some(lesson.calendar_revision);
    let event = lesson.calendar_event_id.as_deref()?;
    let grant = lesson.grant_id?;
    (lesson.status == LessonStatus::Scheduled && is_written).then_some((grant, event))
}

fn span_of(lesson: &ForCalendar) -> Result<Span, Error> {
    Span::new(lesson.starts_at, lesson.ends_at)
        .ok_or_else(|| Error::internal(anyhow::anyhow!("a lesson that ends before it starts")))
}

/// An event that can't be read is neither gone nor anywhere. Where only the tutor can mend that, nothing is cancelled by it
/// either.
async fn unread(
    app: &App,
    (grant, lesson): (GrantId, LessonId),
    pending: Option<Drift>,
    error: google::Error,
) -> Result<Outcome, Error> {
    if matches!(
        error,
        google::Error::Invalid { .. } | google::Error::Protocol(_)
    ) {
        return Ok(Outcome::Failed(unavailable(error)));
    }
    match lesson_event::failed(app, grant, lesson, error).await? {
        Outcome::Done => end_pending(app, pending, Status::Superseded).await,
        outcome => Ok(outcome),
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
    /// When the lesson is.
    pub(super) span: Span,
    pub(super) seen: Seen,
    pub(super) now: DateTime<Utc>,
}

impl Case<'_> {
    async fn settle(&self, pending: Option<Drift>) -> Result<Outcome, Error> {
        let Some(shown) = self.seen.shown() else {
            return Ok(match pending {
                Some(_) => Outcome::Again(LOOK_AGAIN),
                None => Outcome::Done,
            });
        };
        if let Some(drift) = pending {
            return self.settle_deletion(&drift, shown).await;
        }
        let policy = store::policy::of_centre(&self.app.db).await?.0.drift();
        let verdict = of_event(self.span, shown, &policy, self.now);
        if verdict != Verdict::Nothing && self.is_restless().await? {
            return Ok(Outcome::Again(A_WHILE));
        }
        match verdict {
            Verdict::Nothing => declined::follow(self, policy.declined).await?,
            Verdict::Reschedule(to) => changing::reschedule(self, to).await?,
            Verdict::PutBack(why) => {
                changing::put_back(self, vec![why.code().to_owned()]).await?;
            }
            Verdict::CancelAt(at) => {
                changing::begin_grace(self, at).await?;
                return Ok(Outcome::Again(at - self.now));
            }
        }
        Ok(Outcome::Done)
    }

    async fn is_restless(&self) -> Result<bool, Error> {
        let (id, since) = (self.lesson.id, self.now - A_WHILE);
        Ok(store::drift::count_since(&self.app.db, id, since).await? >= MOST)
    }

    async fn settle_deletion(&self, drift: &Drift, shown: Shown) -> Result<Outcome, Error> {
        let ends_at = drift.cancels_at.unwrap_or(self.now);
        match of_grace(self.span, shown, ends_at, self.now) {
            Grace::Wait(until) => return Ok(Outcome::Again(until - self.now)),
            Grace::Over => changing::cancel(self, drift).await?,
            Grace::Lapsed => changing::resolve(self.app, drift, Status::Lapsed).await?,
            Grace::Back => {
                changing::resolve(self.app, drift, Status::Undone).await?;
                // It may be back elsewhere.
                return Ok(Outcome::Again(TimeDelta::zero()));
            }
        }
        Ok(Outcome::Done)
    }

    /// What is noted of it.
    pub(super) fn drift(&self, kind: Kind, status: Status) -> NewDrift {
        let event = match self.seen.shown() {
            Some(Shown::At(start, end)) if kind == Kind::Moved => Span::new(start, end),
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
