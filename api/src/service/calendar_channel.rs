//! Channels by which Google tells that something in a calendar has changed, so that busy time need not be read so often.
//!
//! They decide nothing: a message lets busy time be read now, and without any it is read all the same, more often where a
//! calendar that blocks has no channel.

use super::{
    CalendarId, ChannelId, GrantId, TutorId, UserId,
    calendar_connection::{self, Failure, with_token},
    queue::Outcome,
    transaction::transaction,
};
use crate::{
    app::{App, Google},
    error::Error,
    store::{
        self,
        calendar::{AccessRole, Calendar},
        calendar_channel::{Channel, NewChannel, TokenHash},
        job::Work,
    },
};
use ::entity::google_grant::{self, GrantState};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use futures::future::join_all;
use google::scope;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use std::time::Duration;
use subtle::ConstantTimeEq;
use url::Url;

/// How long a channel is to live. Google gives no more.
const LIFE: Duration = Duration::from_hours(7 * 24);

/// For so long Google is not asked again for a channel of a calendar, at least, when it is not known to have opened one.
const PAUSE: TimeDelta = TimeDelta::minutes(10);

/// And for so long when it has refused what we ask, which somebody has to mend.
const PAUSE_AFTER_REFUSAL: TimeDelta = TimeDelta::hours(1);

/// And for so long when it has said that this calendar can't be watched, or not by this grant.
const PAUSE_WITHOUT_PUSH: TimeDelta = TimeDelta::hours(24);

/// So many channels are opened, and as many stopped, in one run.
const AT_ONCE: usize = 10;

/// How long somebody who disconnects waits for channels to be stopped.
const PATIENCE: Duration = Duration::from_secs(3);

/// A message of Google's, as anybody may send it.
pub struct Message {
    pub channel: ChannelId,
    pub token: SecretString,
    /// What Google calls what is watched.
    pub resource_id: Option<String>,
    /// Whether something in the calendar has changed; else it tells that the channel is open.
    pub is_change: bool,
}

/// Lets the busy time be read of the tutor whom a message is for. Whether it is a message of Google's.
pub async fn receive(app: &App, message: &Message) -> Result<bool, Error> {
    let room = app.messages.acquire().await.map_err(Error::internal)?;
    let Some(addressee) = store::calendar_channel::addressee(&app.db, message.channel).await?
    else {
        return Ok(false);
    };
    drop(room);
    let hash: &[u8] = &hash(&message.token);
    if !bool::from(addressee.token_hash.ct_eq(hash)) {
        return Ok(false);
    }
    let now = app.clock.now();
    // It may come before Google has answered, or in the place of the answer.
    let names_resource = addressee.resource_id.is_none() && message.resource_id.is_some();
    if !addressee.is_heard || names_resource {
        let resource_id = &message.resource_id;
        // The channel before can be stopped now.
        let work = Work::WatchCalendars(addressee.tutor_id);
        transaction!(app.db, |txn| {
            let resource_id = resource_id.clone();
            store::calendar_channel::note_heard(txn, message.channel, resource_id, now).await?;
            Ok(store::job::enqueue(txn, work, now).await?)
        })?;
        app.work_enqueued.notify_one();
    }
    if message.is_change {
        store::google_grant::hurry_busy_read(&app.db, addressee.tutor_id, now).await?;
        app.work_enqueued.notify_one();
    }
    Ok(true)
}

/// In how long the busy time of a tutor is to be read again. Asks for what is to be done about the channels.
pub async fn next_reading(app: &App, tutor_id: TutorId) -> TimeDelta {
    let jobs = &app.config.jobs;
    let rarely = sooner(jobs.calendar_poll_with_push, rand::random());
    let is_told = is_told(app, tutor_id, rarely).await;
    let is_told = is_told.unwrap_or_else(|error| {
        tracing::warn!(tutor = %tutor_id, %error, "it is not known which channels there are");
        false
    });
    if is_told {
        rarely
    } else {
        sooner(jobs.calendar_poll, rand::random())
    }
}

/// Whether Google will tell of all changes that matter for so long.
async fn is_told(app: &App, tutor_id: TutorId, lasting: TimeDelta) -> Result<bool, Error> {
    let Some(address) = address(app) else {
        return Ok(false);
    };
    let now = app.clock.now();
    let Some(standing) = Standing::load(app, tutor_id).await? else {
        return Ok(false);
    };
    let plan = standing.plan(address, now);
    if !plan.is_empty() {
        store::job::enqueue_unless_queued(&app.db, Work::WatchCalendars(tutor_id), now).await?;
        app.work_enqueued.notify_one();
    }
    Ok(standing.tells_until(address, now + lasting))
}

/// Stops the channels of a tutor that are of no use any more, and opens those that are missing, some of each; the next run
/// does the rest. So a channel is stopped once there is another in its place.
pub async fn keep(app: &App, tutor_id: TutorId) -> Result<Outcome, Error> {
    let (Some(google), Some(address)) = (&app.google, address(app)) else {
        return Ok(Outcome::Done);
    };
    let Some(standing) = Standing::load(app, tutor_id).await? else {
        return Ok(Outcome::Done);
    };
    let plan = standing.plan(address, app.clock.now());
    match carry_out(app, google, standing.grant.id, address, &plan).await {
        Ok(true) => Ok(Outcome::Again(TimeDelta::zero())),
        Ok(false) | Err(Failure::Google(google::Error::GrantDead)) => Ok(Outcome::Done),
        Err(Failure::Google(error)) => Err(calendar_connection::unavailable(error)),
        Err(Failure::Ours(error)) => Err(error),
    }
}

/// Whether there is more to do.
async fn carry_out(
    app: &App,
    google: &Google,
    grant: GrantId,
    address: &Url,
    plan: &Plan<'_>,
) -> Result<bool, Failure> {
    let stopping = async {
        for channel in plan.stop.iter().take(AT_ONCE) {
            end(app, google, grant, channel).await?;
        }
        Ok::<_, Failure>(())
    };
    let stopped = stopping.await;
    // Also where some could not be stopped: they end by themselves.
    let mut is_any_new = false;
    for calendar in plan.open.iter().take(AT_ONCE) {
        is_any_new |= open(app, google, grant, address, calendar).await?;
    }
    stopped?;
    Ok(is_any_new || plan.stop.len() > AT_ONCE)
}

/// Opens a channel; false where somebody else has just asked for one.
async fn open(
    app: &App,
    google: &Google,
    grant: GrantId,
    address: &Url,
    calendar: &Calendar,
) -> Result<bool, Failure> {
    let (id, token) = (ChannelId::generate(), new_token());
    let now = app.clock.now();
    let new = NewChannel {
        id,
        calendar_id: calendar.id,
        address: address.as_str(),
        token_hash: hash(&token),
        renew_at: later(now, PAUSE, rand::random()),
    };
    // Committed before Google is asked, whose first message may come before its answer.
    if !store::calendar_channel::begin(&app.db, new, now).await? {
        return Ok(false);
    }
    let wanted = &google::NewChannel {
        id: id.to_string(),
        address: address.clone(),
        token,
        time_to_live: LIFE,
    };
    let asked = with_token(app, google, grant, |token| async move {
        let google_id = &calendar.google_id;
        google.calendar.watch(&token, google_id, wanted).await
    });
    match asked.await {
        Ok(opened) => {
            // Where the tutor has disconnected meanwhile nothing is noted, and it is one that nobody knows.
            let renew_at = renew_at(app.clock.now(), opened.expires_at, rand::random());
            let (resource_id, expires_at) = (&opened.resource_id, opened.expires_at);
            store::calendar_channel::note_open(&app.db, id, resource_id, expires_at, renew_at)
                .await?;
        }
        Err(error) if is_refusal(&error) => {
            tracing::warn!(calendar = %calendar.id, %error, "a calendar can't be watched");
            let pause = match error {
                google::Error::Invalid { .. } => PAUSE_AFTER_REFUSAL,
                _ => PAUSE_WITHOUT_PUSH,
            };
            let renew_at = later(now, pause, rand::random());
            store::calendar_channel::postpone(&app.db, id, renew_at).await?;
        }
        Err(error) => return Err(error.into()),
    }
    Ok(true)
}

/// Stops a channel, if it can be, and forgets it. What Google then still sends is of an unknown channel.
async fn end(app: &App, google: &Google, grant: GrantId, channel: &Channel) -> Result<(), Failure> {
    let is_over = is_over(channel, app.clock.now());
    if let Some(resource_id) = channel.resource_id.as_ref().filter(|_| !is_over) {
        match stop(app, google, grant, channel.id, resource_id).await {
            Err(error) if is_refusal(&error) => {
                tracing::warn!(channel = %channel.id, %error, "a channel can't be stopped");
            }
            stopped => stopped?,
        }
    }
    Ok(store::calendar_channel::delete(&app.db, channel.id).await?)
}

async fn stop(
    app: &App,
    google: &Google,
    grant: GrantId,
    id: ChannelId,
    resource_id: &str,
) -> Result<(), google::Error> {
    let id = &id.to_string();
    with_token(app, google, grant, |token| async move {
        google.calendar.stop_channel(&token, id, resource_id).await
    })
    .await
}

/// Forgets all channels of a user whose connection is about to end, and has Google stop them, as far as it does so soon.
pub(super) async fn end_all(app: &App, user_id: UserId) {
    let Some(google) = &app.google else { return };
    let stopping = async {
        let channels = store::calendar_channel::take_of_user(&app.db, user_id).await?;
        let grant = store::google_grant::of_user(&app.db, user_id).await?;
        let now = app.clock.now();
        let open = channels.iter().filter(|channel| !is_over(channel, now));
        let stopping = open.filter_map(|channel| {
            let (grant, resource_id) = (grant.as_ref()?.id, channel.resource_id.as_ref()?);
            Some(async move {
                let stopped = stop(app, google, grant, channel.id, resource_id).await;
                if let Err(error) = stopped {
                    tracing::warn!(channel = %channel.id, %error, "a channel was not stopped");
                }
            })
        });
        join_all(stopping).await;
        Ok::<_, Error>(())
    };
    let trouble = match tokio::time::timeout(PATIENCE, stopping).await {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error.to_string(),
        Err(elapsed) => elapsed.to_string(),
    };
    tracing::warn!(user = %user_id, trouble, "channels were not stopped");
}

fn is_over(channel: &Channel, now: DateTime<Utc>) -> bool {
    channel.expires_at.is_some_and(|end| end <= now)
}

/// Whether Google has said no, and will again.
fn is_refusal(error: &google::Error) -> bool {
    matches!(
        error,
        google::Error::PushNotSupported
            | google::Error::NotFound
            | google::Error::Gone
            | google::Error::InsufficientScope
            | google::Error::Invalid { .. }
    )
}

/// Where Google is to tell; none where it is not to.
fn address(app: &App) -> Option<&Url> {
    app.config.google.as_ref()?.push_address.as_ref()
}

/// What there is of one tutor.
struct Standing {
    grant: google_grant::Model,
    /// Those that block.
    calendars: Vec<Calendar>,
    /// The oldest first.
    channels: Vec<Channel>,
}

/// What is to be done about channels.
#[derive(Debug, PartialEq, Eq)]
struct Plan<'a> {
    stop: Vec<&'a Channel>,
    open: Vec<&'a Calendar>,
}

impl Plan<'_> {
    fn is_empty(&self) -> bool {
        self.stop.is_empty() && self.open.is_empty()
    }
}

impl Standing {
    /// None where Google can't be asked.
    async fn load(app: &App, tutor_id: TutorId) -> Result<Option<Self>, Error> {
        let Some(user_id) = store::tutor::user_of(&app.db, tutor_id).await? else {
            return Ok(None);
        };
        let grant = store::google_grant::of_user(&app.db, user_id).await?;
        let Some(grant) = grant.filter(|grant| grant.state == GrantState::Live) else {
            return Ok(None);
        };
        let mut calendars = store::calendar::of_user(&app.db, user_id).await?;
        calendars.retain(|calendar| calendar.blocks);
        Ok(Some(Self {
            grant,
            calendars,
            channels: store::calendar_channel::of_user(&app.db, user_id).await?,
        }))
    }

    fn plan(&self, address: &Url, now: DateTime<Utc>) -> Plan<'_> {
        let watched = self.calendars.iter().filter(|it| self.can_be_watched(it));
        let open = watched.filter(|calendar| {
            let mut known = self.of(calendar.id, address);
            !known.any(|channel| channel.renew_at > now)
        });
        let stop = self.channels.iter();
        let stop = stop.filter(|channel| !self.is_of_use(channel, address, now));
        Plan {
            stop: stop.collect(),
            open: open.collect(),
        }
    }

    /// Whether the grant and Google let us watch a calendar, for all that is known.
    fn can_be_watched(&self, calendar: &Calendar) -> bool {
        let mut scopes = self.grant.scopes.iter();
        calendar.access_role == AccessRole::Owner
            && scopes.any(|granted| granted == scope::CALENDAR_EVENTS_OWNED)
    }

    /// The channels of a calendar to this address.
    fn of(&self, calendar: CalendarId, address: &Url) -> impl Iterator<Item = &Channel> {
        let channels = self.channels.iter();
        channels.filter(move |channel| {
            channel.calendar_id == Some(calendar) && channel.address == address.as_str()
        })
    }

    /// The channels of a calendar that are open at this time.
    fn open(
        &self,
        calendar: CalendarId,
        address: &Url,
        at: DateTime<Utc>,
    ) -> impl Iterator<Item = &Channel> {
        let is_open = move |channel: &&Channel| channel.expires_at.is_some_and(|end| end > at);
        self.of(calendar, address).filter(is_open)
    }

    /// The channel by which Google tells of a calendar at this time: the last one by which a message has come. That Google
    /// has opened one says nothing of whether its messages reach us.
    fn live(&self, calendar: CalendarId, address: &Url, at: DateTime<Utc>) -> Option<&Channel> {
        let open = self.open(calendar, address, at);
        open.filter(|channel| channel.heard_at.is_some()).last()
    }

    /// Whether a channel is still to be: by it Google tells, or is to tell from now on, or until then it is not to be asked
    /// again. Those that were before, and those to another address, until there is one by which it tells; but not those by
    /// which it has not told anything either, once there is another one.
    fn is_of_use(&self, channel: &Channel, address: &Url, now: DateTime<Utc>) -> bool {
        let mut calendars = self.calendars.iter();
        let Some(calendar) = calendars.find(|it| Some(it.id) == channel.calendar_id) else {
            return false;
        };
        if !self.can_be_watched(calendar) {
            return false;
        }
        match channel.expires_at {
            Some(end) if end > now => {
                let newest = self.open(calendar.id, address, now).last();
                let told = match self.live(calendar.id, address, now) {
                    Some(live) => live.id == channel.id,
                    None => newest.is_none() || channel.heard_at.is_some(),
                };
                told || newest.is_some_and(|newest| newest.id == channel.id)
            }
            _ => channel.renew_at > now,
        }
    }

    /// Whether by now it is sure that Google tells of all that blocks until then.
    fn tells_until(&self, address: &Url, end: DateTime<Utc>) -> bool {
        let mut calendars = self.calendars.iter();
        self.grant.calendars_read_at.is_some()
            && calendars
                .all(|it| self.can_be_watched(it) && self.live(it.id, address, end).is_some())
    }
}

/// Up to a fifth sooner, so that those who began together don't stay in step. `share` is from 0 to 1.
fn sooner(pause: Duration, share: f64) -> TimeDelta {
    let pause = pause.mul_f64(0.8 + share / 5.0);
    TimeDelta::from_std(pause).unwrap_or(TimeDelta::MAX)
}

/// After a pause, or up to a fifth of it later.
fn later(now: DateTime<Utc>, pause: TimeDelta, share: f64) -> DateTime<Utc> {
    now + pause + part(pause / 5, share)
}

/// When another channel is opened in the place of one that ends then: when a quarter of its life is left, or up to half as
/// much again. Never at once, however short a life Google gives it.
fn renew_at(now: DateTime<Utc>, expires_at: DateTime<Utc>, share: f64) -> DateTime<Utc> {
    let quarter = (expires_at - now) / 4;
    let renew_at = expires_at - quarter - part(quarter / 2, share);
    renew_at.max(now + PAUSE)
}

fn part(whole: TimeDelta, share: f64) -> TimeDelta {
    let whole = whole.to_std().unwrap_or_default();
    TimeDelta::from_std(whole.mul_f64(share)).unwrap_or_default()
}

fn new_token() -> SecretString {
    let random = rand::random::<[u8; 32]>();
    BASE64_URL_SAFE_NO_PAD.encode(random).into()
}

fn hash(token: &SecretString) -> TokenHash {
    Sha256::digest(token.expose_secret()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).expect("an instant")
    }

    #[test]
    fn tutors_are_read_at_the_latest_when_it_is_said_and_a_fifth_sooner_at_most() {
        for (share, seconds) in [(0.0, 480), (0.5, 540), (1.0, 600)] {
            let pause = sooner(Duration::from_mins(10), share);
            assert_eq!(pause.num_seconds(), seconds);
        }
    }

    #[test]
    fn who_was_told_no_asks_later_and_not_all_at_once() {
        for (share, minutes) in [(0.0, 10), (0.5, 11), (1.0, 12)] {
            let pause = later(now(), PAUSE, share) - now();
            assert_eq!(pause.num_minutes(), minutes);
        }
    }

    #[test]
    fn a_channel_is_renewed_when_a_quarter_of_its_life_is_left() {
        let end = now() + TimeDelta::hours(80);
        for (share, hours) in [(0.0, 60), (0.5, 55), (1.0, 50)] {
            let after = renew_at(now(), end, share) - now();
            assert_eq!(after.num_hours(), hours);
        }
        // Whatever Google says, and whatever the clock.
        for minutes in [-1000, 0, 1, 12] {
            let end = now() + TimeDelta::minutes(minutes);
            assert_eq!(renew_at(now(), end, 0.0), now() + PAUSE);
        }
    }
}
