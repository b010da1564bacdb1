//! The events of one calendar, kept in step with Google by a sync token.

use super::super::{
    CalendarId, TutorId,
    bookable_tag::{self, BookableTag},
    lesson_event::{lesson_in, lesson_of},
};
use crate::store::{
    self,
    calendar::Read,
    calendar_event::{BlockingEvent, Synced},
    drift::ToldEvent,
    job::Work,
};
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use google::{EventChanges, EventSync, EventTime, EventType, ListedEvent, SyncToken};
use scheduling::interval::Span;
use sea_orm::{ConnectionTrait, DbErr};
use std::collections::{BTreeSet, HashMap};

/// Events are read so far beyond the window at least, which moves on all the time: what has long been in the calendar, and
/// comes into the window, no increment tells.
const BEYOND: TimeDelta = TimeDelta::days(7);

/// And up to so many hours further, which differ from calendar to calendar: what has begun for many at once, with a new
/// release say, is not to be repeated at once.
const SCATTER_HOURS: u8 = 72;

/// So many events of a calendar can have a tag.
const MOST_TAGGED: usize = 1000;

/// What Google told of the events of a calendar.
pub(super) struct Told {
    pub(super) calendar: CalendarId,
    /// Whether it blocks.
    pub(super) blocks: bool,
    /// The token that was known when it was asked.
    known: Option<String>,
    /// Whether it told of all events, and not only of what has changed since.
    is_all: bool,
    changes: EventChanges,
    zone: Tz,
    until: DateTime<Utc>,
}

/// Asks `list` what has changed, or for all events where that is not to be known. None where no days can be told, since
/// the calendar's zone is none that we know.
pub(super) async fn read<F>(
    calendar: &Read,
    window: Span,
    list: impl Fn(Listing) -> F,
) -> Result<Option<Told>, google::Error>
where
    F: Future<Output = Result<EventChanges, google::Error>>,
{
    let known = calendar.synced.as_ref().map(|it| it.sync_token.clone());
    let furthest = window.end() + BEYOND + TimeDelta::hours(SCATTER_HOURS.into());
    let synced = calendar.synced.as_ref();
    if let Some(synced) = synced.filter(|it| (window.end()..=furthest).contains(&it.until)) {
        let token = SyncToken(synced.sync_token.clone());
        match list(Listing::Increment(token)).await {
            Ok(changes) => {
                let zone = changes.time_zone;
                if let Some(zone) = zone.filter(|zone| zone.name() == synced.time_zone) {
                    return Ok(Some(Told {
                        calendar: calendar.id,
                        blocks: calendar.blocks,
                        known,
                        is_all: false,
                        changes,
                        zone,
                        until: synced.until,
                    }));
                }
            }
            // What makes no sense of what has changed may make sense of all there is.
            Err(
                google::Error::FullSyncRequired
                | google::Error::Protocol(_)
                | google::Error::Invalid { .. },
            ) => {}
            Err(error) => return Err(error),
        }
    }
    let [.., scatter] = calendar.id.0.into_bytes();
    let until = window.end() + BEYOND + TimeDelta::hours((scatter % SCATTER_HOURS).into());
    let changes = list(Listing::All(window.start(), until)).await?;
    Ok(changes.time_zone.map(|zone| Told {
        calendar: calendar.id,
        blocks: calendar.blocks,
        known,
        is_all: true,
        changes,
        zone,
        until,
    }))
}

/// What to ask for.
#[derive(Clone)]
pub(super) enum Listing {
    All(DateTime<Utc>, DateTime<Utc>),
    Increment(SyncToken),
}

impl Listing {
    pub(super) fn sync(&self) -> EventSync<'_> {
        match self {
            Self::All(from, until) => EventSync::Full {
                from: *from,
                until: *until,
            },
            Self::Increment(token) => EventSync::Incremental(token),
        }
    }
}

impl Told {
    /// Whether nobody else has stored what Google told since this was asked for. If so, it is not known which is newer.
    pub(super) fn is_next_to(&self, tokens: &HashMap<CalendarId, String>) -> bool {
        tokens.get(&self.calendar) == self.known.as_ref()
    }

    /// Stores what ends after `from`: of a calendar that does not block no more than how far it is known.
    pub(super) async fn store(
        &self,
        txn: &impl ConnectionTrait,
        from: DateTime<Utc>,
    ) -> Result<(), DbErr> {
        if self.is_all {
            store::calendar_event::forget(txn, self.calendar).await?;
        } else {
            self.drop_outdated(txn).await?;
        }
        let synced = Synced {
            sync_token: self.changes.sync_token.0.clone(),
            time_zone: self.zone.name().to_owned(),
            until: self.until,
        };
        store::calendar_event::note_synced(txn, self.calendar, &synced).await?;
        if !self.blocks {
            return Ok(());
        }
        let events = self.changes.events.iter();
        let events = events.filter_map(|event| blocking(event, self.zone));
        let is_in_window =
            |it: &BlockingEvent| it.span.start() < self.until && it.span.end() > from;
        let events: Vec<_> = events.filter(is_in_window).collect();
        store::calendar_event::insert(txn, self.calendar, &events).await
    }

    /// Asks for those lessons to follow their events that may not say the same any more. Whether there are any.
    pub(super) async fn have_followed(
        &self,
        txn: &impl ConnectionTrait,
        now: DateTime<Utc>,
    ) -> Result<bool, DbErr> {
        let standing = self.changes.events.iter();
        let standing = standing.filter(|it| lesson_in(&it.private).is_some());
        // Of one that is repeated by now its occurrences tell.
        let repeated = standing
            .clone()
            .filter_map(|it| it.recurring_event_id.as_ref());
        let repeated: BTreeSet<_> = repeated.collect();
        let gone = self.changes.cancelled.iter().chain(repeated);
        let gone = gone.map(|id| ToldEvent {
            google_id: id.clone(),
            span: None,
            declined: false,
        });
        let told: Vec<_> = standing.map(told).chain(gone).collect();
        store::drift::note_where_told(txn, self.calendar, &told).await?;
        let all = self.is_all.then_some(self.until);
        let lessons = store::drift::suspected(txn, self.calendar, &told, all, now).await?;
        let works = lessons.into_iter().map(Work::FollowLessonEvent);
        let works: Vec<_> = works.collect();
        if works.is_empty() {
            return Ok(false);
        }
        store::job::enqueue_all(txn, &works, now).await?;
        Ok(true)
    }

    /// Notes which of the events have one of these tags, the first to begin. Whether any of them is to be opened.
    pub(super) async fn note_tagged(
        &self,
        txn: &impl ConnectionTrait,
        (tutor_id, tags): (TutorId, &[BookableTag]),
        now: DateTime<Utc>,
    ) -> Result<bool, DbErr> {
        let events = self.changes.events.iter();
        let tagged = events.clone().filter_map(|event| {
            let start = can_be_joined(event).filter(|start| *start > now)?;
            bookable_tag::of_title(tags, &event.summary)?;
            Some((event.id.clone(), start))
        });
        let mut tagged: Vec<_> = tagged.collect();
        tagged.sort_unstable_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
        tagged.truncate(MOST_TAGGED);
        let told = (!self.is_all).then(|| self.outdated());
        let whose = (tutor_id, self.calendar);
        store::bookable_tag::note_tagged(txn, whose, told, &tagged, now).await
    }

    /// Of which events it is known anew whether and when they are: by their ids, and occurrences by the ids of what is repeated.
    fn outdated(&self) -> (Vec<String>, Vec<String>) {
        let outdated = self.changes.outdated();
        let told = self.changes.events.iter().map(|event| event.id.as_str());
        let ids = outdated.ids.into_iter().chain(told);
        let repeated = outdated.repeated.into_iter();
        (
            ids.map(str::to_owned).collect(),
            repeated.map(str::to_owned).collect(),
        )
    }

    async fn drop_outdated(&self, txn: &impl ConnectionTrait) -> Result<(), DbErr> {
        let (ids, repeated) = self.outdated();
        if ids.is_empty() && repeated.is_empty() {
            return Ok(());
        }
        store::calendar_event::delete(txn, self.calendar, ids, repeated).await
    }
}

/// When an event begins, if it is not one of ours and of a kind that has guests.
fn can_be_joined(event: &ListedEvent) -> Option<DateTime<Utc>> {
    match (event.start, event.event_type) {
        (EventTime::At(start), EventType::Default) if lesson_of(event).is_none() => Some(start),
        _ => None,
    }
}

/// The event of a lesson, as far as it is compared with its lesson.
fn told(event: &ListedEvent) -> ToldEvent {
    let span = match (event.start, event.end) {
        (EventTime::At(start), EventTime::At(end)) => Span::new(start, end),
        _ => None,
    };
    ToldEvent {
        google_id: event.id.clone(),
        span,
        declined: event.guest_declined,
    }
}

fn blocking(event: &ListedEvent, zone: Tz) -> Option<BlockingEvent> {
    let time = event.span(zone);
    let span = Span::new(time.start, time.end).filter(|_| event.blocks())?;
    Some(BlockingEvent {
        google_id: event.id.clone(),
        recurring_event_id: event.recurring_event_id.clone(),
        span,
        lesson_id: lesson_of(event),
    })
}
