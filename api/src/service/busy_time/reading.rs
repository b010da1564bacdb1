//! What Google tells of the calendars that block: of those that the tutor owns the events, of others when they are busy. And
//! of the tutor's own that don't block what becomes there of the events of lessons.

use super::{
    super::{
        CalendarId, TutorId, UserId,
        calendar::{self, may_list},
        calendar_connection::{Failure, with_token},
    },
    events::{self, Told},
};
use crate::{
    app::{App, Google},
    error::Error,
    store::{
        self, calendar::Read, google_grant::BusyReadClaim, job::Work, lesson::PRIMARY_CALENDAR,
    },
};
use chrono::{DateTime, Utc};
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use google::{BusySpan, FreeBusy, scope};
use scheduling::interval::{Span, subtract, union};
use sea_orm::{ConnectionTrait, DbErr};
use std::collections::BTreeSet;

/// So many calendars are asked about at the same time.
const AT_A_TIME: usize = 4;

/// What Google has told.
pub(super) struct Reading {
    /// Of which calendars; none where it is not known which there are, and the primary one alone was asked about.
    asked: Option<Vec<Read>>,
    /// The version of the choice of them.
    pub(super) version: i32,
    events: Vec<Told>,
    free_busy: Vec<BusySpan>,
    /// Those of which it told nothing.
    untold: BTreeSet<CalendarId>,
}

/// What is to be asked of whom.
#[derive(Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) app: &'a App,
    pub(super) google: &'a Google,
    pub(super) claim: &'a BusyReadClaim,
    pub(super) window: Span,
    pub(super) read_at: DateTime<Utc>,
}

/// Asks when the calendars that block are busy. Where one of them is gone, the list tells which.
pub(super) async fn ask(question: Question<'_>, list_first: bool) -> Result<Reading, Failure> {
    let mut is_new = list_first && question.list().await?;
    let mut may_list = !list_first;
    loop {
        let reading = question.ask_all(is_new).await?;
        if reading.untold.is_empty() {
            return Ok(reading);
        }
        if may_list {
            is_new = question.list().await?;
            may_list = false;
        } else {
            reading.check()?;
            return Ok(reading);
        }
    }
}

impl Question<'_> {
    /// Reads which calendars there are; whether Google told. That it did not is no reason not to read when those are busy
    /// that are known.
    async fn list(self) -> Result<bool, Failure> {
        if !may_list(&self.claim.scopes) {
            return Ok(false);
        }
        match calendar::read(self.app, self.google, self.claim, self.read_at).await {
            Err(Failure::Google(error)) if error != google::Error::GrantDead => {
                let user = self.claim.user_id;
                tracing::warn!(%user, %error, "it can't be read which calendars there are");
                Ok(false)
            }
            outcome => outcome.map(|()| true),
        }
    }

    /// Asks about all calendars that block; about those that Google told nothing of once more when the list is new.
    async fn ask_all(self, list_is_new: bool) -> Result<Reading, Failure> {
        let db = &self.app.db;
        let choice = store::calendar::choice(db, self.claim.id).await?;
        let choice = choice.ok_or(google::Error::GrantDead)?;
        if !choice.is_listed {
            let told = self.free_busy(vec![PRIMARY_CALENDAR.to_owned()]).await?;
            if !told.not_found.is_empty() {
                return Err(google::Error::NotFound.into());
            }
            return Ok(Reading {
                asked: None,
                version: choice.version,
                events: Vec::new(),
                free_busy: told.busy,
                untold: BTreeSet::new(),
            });
        }
        let user = self.claim.user_id;
        let to_read = store::calendar::to_read(db, user, list_is_new, self.read_at).await?;
        Ok(self.ask_about(to_read, choice.version).await?)
    }

    async fn ask_about(self, to_read: Vec<Read>, version: i32) -> Result<Reading, google::Error> {
        let owned = to_read.iter().filter(|it| self.may_read_events(it));
        let listings: Vec<_> = owned.map(|it| self.events(it).boxed()).collect();
        let told = stream::iter(listings).buffered(AT_A_TIME);
        let told: Vec<_> = told.try_collect().await?;
        let mut events = Vec::new();
        let mut untold = BTreeSet::new();
        for told in told {
            match told {
                Events::Told(told) => events.push(*told),
                Events::NotFound(calendar) => drop(untold.insert(calendar)),
                // Of those it is asked when they are busy.
                Events::Unreadable => {}
            }
        }
        let asked = to_read.into_iter().filter(|calendar| calendar.blocks);
        let asked: Vec<_> = asked.collect();
        let others = asked.iter().filter(|calendar| {
            !untold.contains(&calendar.id) && events.iter().all(|told| told.calendar != calendar.id)
        });
        let others: Vec<_> = others.collect();
        let told = self.busy_times(&others).await?;
        let not_found = |calendar: &&&Read| told.not_found.contains(&calendar.google_id);
        untold.extend(others.iter().filter(not_found).map(|calendar| calendar.id));
        Ok(Reading {
            asked: Some(asked),
            version,
            events,
            free_busy: told.busy,
            untold,
        })
    }

    /// When calendars are busy of which the events are not for us to read; of all nothing, where that was not granted.
    async fn busy_times(self, others: &[&Read]) -> Result<FreeBusy, google::Error> {
        let ids = others.iter().map(|calendar| calendar.google_id.clone());
        let is_granted = self.has(scope::CALENDAR_FREEBUSY);
        if is_granted || others.iter().any(|calendar| calendar.is_primary) {
            self.free_busy(ids.collect()).await
        } else {
            Ok(FreeBusy {
                busy: Vec::new(),
                not_found: ids.collect(),
            })
        }
    }

    async fn free_busy(self, calendars: Vec<String>) -> Result<FreeBusy, google::Error> {
        if calendars.is_empty() {
            return Ok(FreeBusy {
                busy: Vec::new(),
                not_found: BTreeSet::new(),
            });
        }
        let (google, window) = (self.google, self.window);
        let calendars = &calendars;
        with_token(self.app, google, self.claim.id, |token| async move {
            google
                .calendar
                .busy(&token, calendars, window.start(), window.end())
                .await
        })
        .await
    }

    async fn events(self, calendar: &Read) -> Result<Events, google::Error> {
        let (google, id) = (self.google, &calendar.google_id);
        let told = events::read(calendar, self.window, |listing| async move {
            let listing = &listing;
            with_token(self.app, google, self.claim.id, |token| async move {
                google.calendar.events(&token, id, listing.sync()).await
            })
            .await
        });
        match told.await {
            Ok(Some(told)) => Ok(Events::Told(Box::new(told))),
            Ok(None) => Ok(Events::Unreadable),
            Err(google::Error::NotFound) if calendar.blocks => Ok(Events::NotFound(calendar.id)),
            // About this calendar: it is the tutor's own no longer, or there is something in it that we can't make sense of.
            Err(
                error @ (google::Error::NotFound
                | google::Error::InsufficientScope
                | google::Error::Protocol(_)
                | google::Error::Invalid { .. }),
            ) => {
                tracing::warn!(calendar = %calendar.id, %error, "the events of a calendar can't be read");
                Ok(Events::Unreadable)
            }
            // What else is read does not wait for it.
            Err(error) if !calendar.blocks && error != google::Error::GrantDead => {
                tracing::warn!(calendar = %calendar.id, %error, "the events of lessons in a calendar can't be read");
                Ok(Events::Unreadable)
            }
            Err(error) => Err(error),
        }
    }

    fn may_read_events(self, calendar: &Read) -> bool {
        calendar.has_events && self.has(scope::CALENDAR_EVENTS_OWNED)
    }

    fn has(self, scope: &str) -> bool {
        self.claim.scopes.iter().any(|granted| granted == scope)
    }
}

enum Events {
    Told(Box<Told>),
    NotFound(CalendarId),
    Unreadable,
}

impl Reading {
    /// That Google tells nothing of a calendar is about that calendar, unless it is the primary one, which every account
    /// has, or about all of them.
    fn check(&self) -> Result<(), google::Error> {
        let asked = self.asked.iter().flatten();
        let is_told = |calendar: &Read| !self.untold.contains(&calendar.id);
        let primary_is_told = asked.clone().all(|it| !it.is_primary || is_told(it));
        if primary_is_told && asked.clone().any(is_told) {
            Ok(())
        } else {
            Err(google::Error::NotFound)
        }
    }

    /// Whether nobody else has stored what Google told since it was asked.
    pub(super) async fn is_next(
        &self,
        txn: &impl ConnectionTrait,
        user: UserId,
    ) -> Result<bool, DbErr> {
        if self.events.is_empty() {
            return Ok(true);
        }
        let tokens = store::calendar_event::sync_tokens(txn, user).await?;
        Ok(self.events.iter().all(|told| told.is_next_to(&tokens)))
    }

    /// Stores what was told of the calendars, and gives when the tutor is busy by that: but for our own events, which are
    /// ours to count.
    pub(super) async fn store(
        &self,
        txn: &impl ConnectionTrait,
        (window, read_at): (Span, DateTime<Utc>),
        ours: &[Span],
    ) -> Result<Vec<Span>, Error> {
        let asked = self.asked.iter().flatten().map(|calendar| calendar.id);
        store::calendar::note_unreadable(txn, asked, &self.untold, read_at).await?;
        for told in &self.events {
            told.store(txn, window.start()).await?;
        }
        Ok(self.busy(txn, (window, read_at), ours).await?)
    }

    /// Asks for those lessons to follow their events that may not say the same any more. Whether there are any.
    pub(super) async fn have_followed(
        &self,
        txn: &impl ConnectionTrait,
        now: DateTime<Utc>,
    ) -> Result<bool, DbErr> {
        let mut any = false;
        for told in &self.events {
            any |= told.have_followed(txn, now).await?;
        }
        Ok(any)
    }

    /// Asks for those events to be opened that have a tag. Whether there are any.
    pub(super) async fn have_opened(
        &self,
        txn: &impl ConnectionTrait,
        tutor_id: TutorId,
        now: DateTime<Utc>,
    ) -> Result<bool, DbErr> {
        let tags = store::bookable_tag::of_tutor(txn, tutor_id).await?;
        if tags.is_empty() {
            return Ok(false);
        }
        let mut any = false;
        for told in self.events.iter().filter(|told| told.blocks) {
            any |= told.note_tagged(txn, (tutor_id, &tags), now).await?;
        }
        if any {
            store::job::enqueue(txn, Work::OpenTaggedEvents(tutor_id), now).await?;
        }
        Ok(any)
    }

    async fn busy(
        &self,
        txn: &impl ConnectionTrait,
        (window, read_at): (Span, DateTime<Utc>),
        ours: &[Span],
    ) -> Result<Vec<Span>, DbErr> {
        let mut busy = Busy::default();
        let blocking = self.events.iter().filter(|told| told.blocks);
        let calendars: Vec<_> = blocking.map(|told| told.calendar).collect();
        if !calendars.is_empty() {
            let from = window.start();
            for event in store::calendar_event::spans(txn, &calendars, from, read_at).await? {
                let spans = if event.is_ours {
                    &mut busy.perhaps_ours
                } else if self.is_primary(|calendar| calendar.id == event.calendar_id) {
                    &mut busy.theirs
                } else {
                    &mut busy.perhaps_copies
                };
                spans.extend(event.span.span());
            }
        }
        for busy_span in &self.free_busy {
            let spans = if self.is_primary(|calendar| calendar.google_id == busy_span.calendar_id) {
                &mut busy.perhaps_ours
            } else {
                &mut busy.perhaps_copies
            };
            spans.extend(Span::new(busy_span.start, busy_span.end));
        }
        Ok(busy.without(ours))
    }

    fn is_primary(&self, is_it: impl Fn(&Read) -> bool) -> bool {
        match &self.asked {
            Some(asked) => asked
                .iter()
                .any(|calendar| calendar.is_primary && is_it(calendar)),
            None => true,
        }
    }
}

/// When calendars are busy, by whether that may be with lessons of ours.
#[derive(Default)]
struct Busy {
    /// With our own events, or with what can't be told from them.
    perhaps_ours: Vec<Span>,
    /// In a calendar into which our events don't come, though some people let another copy them.
    perhaps_copies: Vec<Span>,
    /// With what is the tutor's own.
    theirs: Vec<Span>,
}

impl Busy {
    /// Of what may be a copy no more is left out than what is just as long as a lesson, since whatever else there is at that
    /// time is the tutor's own.
    fn without(self, ours: &[Span]) -> Vec<Span> {
        let beside_ours = subtract(&union(self.perhaps_ours), &union(ours.to_vec()));
        let copies = self.perhaps_copies.into_iter();
        let no_copies = copies.filter(|span| !ours.contains(span));
        let busy = beside_ours.into_iter().chain(no_copies).chain(self.theirs);
        union(busy.collect())
    }
}
