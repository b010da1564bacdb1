//! Changing an event that stands: what is ours of it follows, what others have made of it stays.
//!
//! By a patch, because an update replaces the whole event, and with it what this crate does not know.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use super::event::check;
use super::hub::{Hubs, segment};
use super::{Attendee, Event, EventTime, NewEvent};
use crate::{AccessToken, Error};

/// Private properties `invited0`, `invited1`, … name whom we invite. They are written together with the attendees, so
/// that those are told from guests whom others have added, even after a lost answer.
const INVITED: &str = "invited";

/// The private property that says for which start they are invited: what they answer is about that time.
const INVITATION_START: &str = "invitationStart";

/// The properties that name whom we invite, and for when.
pub(super) fn invitations(event: &NewEvent) -> impl Iterator<Item = (String, String)> {
    let named = event.attendees.iter().enumerate();
    let named = named.map(|(n, attendee)| (format!("{INVITED}{n}"), attendee.email.clone()));
    named.chain([(INVITATION_START.to_owned(), written(event.start))])
}

fn written(start: DateTime<Utc>) -> String {
    start.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

const NEEDS_ACTION: &str = "needsAction";

pub(super) async fn change(
    hubs: &Hubs,
    token: &AccessToken,
    calendar_id: &str,
    event: &Event,
    wanted: &NewEvent,
) -> Result<(), Error> {
    check(wanted)?;
    let (etag, known) = known(event)?;
    let (calendar, id) = (segment(calendar_id)?, segment(&event.id)?);
    let mut body = json!({ "extendedProperties": { "private": private(event, wanted) } });
    let mut tell = "none";
    // What its owner lets guests do from then on stays.
    if !event.private.contains_key(INVITATION_START) {
        body["guestsCanSeeOtherGuests"] = json!(wanted.attendees_see_each_other);
        body["guestsCanInviteOthers"] = json!(false);
    }
    let guests = guests((event, known), wanted);
    if !says(event, wanted) || guests != known || event.invited_for_another(wanted.start) {
        tell = "all";
        if event.summary != wanted.summary {
            body["summary"] = json!(wanted.summary);
        }
        if !is_when_wanted(event, wanted) {
            body["start"] = time(wanted, wanted.start);
            body["end"] = time(wanted, wanted.end);
        }
        body["attendees"] = Value::Array(guests);
    }
    let path = format!("calendars/{calendar}/events/{id}?sendUpdates={tell}");
    hubs.patch(token, &path, etag, &body).await
}

/// The version of an event and all its guests, whose list a patch replaces.
fn known(event: &Event) -> Result<(&str, &[Value]), Error> {
    let etag = event.etag.as_deref();
    let etag = etag.ok_or_else(|| Error::protocol("an event without an etag"))?;
    let guests = event.guests.as_deref();
    let guests =
        guests.ok_or_else(|| Error::protocol("an event of which some guests are omitted"))?;
    Ok((etag, guests))
}

/// Takes off the list whom we have invited, and what we have written on the event: it is none of our business any more.
pub(super) async fn withdraw(
    hubs: &Hubs,
    token: &AccessToken,
    calendar_id: &str,
    event: &Event,
    properties: &[&str],
) -> Result<(), Error> {
    let (etag, known) = known(event)?;
    let (calendar, id) = (segment(calendar_id)?, segment(&event.id)?);
    let is_ours = |key: &str| {
        key.starts_with(INVITED) || key == INVITATION_START || properties.contains(&key)
    };
    let ours = event.private.keys().filter(|key| is_ours(key));
    let none: Map<_, _> = ours.map(|key| (key.clone(), Value::Null)).collect();
    let mut body = json!({ "extendedProperties": { "private": none } });
    let mut tell = "none";
    let stay = known.iter();
    let stay = stay.filter(|guest| !event.invited().any(|email| is(guest, email)));
    let stay: Vec<_> = stay.cloned().collect();
    if stay != known {
        tell = "all";
        body["attendees"] = Value::Array(stay);
    }
    let path = format!("calendars/{calendar}/events/{id}?sendUpdates={tell}");
    hubs.patch(token, &path, etag, &body).await
}

/// Whether the event has the wanted times and title.
fn says(event: &Event, wanted: &NewEvent) -> bool {
    is_when_wanted(event, wanted) && event.summary == wanted.summary
}

fn is_when_wanted(event: &Event, wanted: &NewEvent) -> bool {
    event.start == Some(EventTime::At(wanted.start)) && event.end == Some(EventTime::At(wanted.end))
}

/// Whether this is the guest with this address.
fn is(guest: &Value, email: &str) -> bool {
    guest["email"]
        .as_str()
        .is_some_and(|known| known.eq_ignore_ascii_case(email))
}

fn time(wanted: &NewEvent, at: DateTime<Utc>) -> Value {
    // The day is taken back, in case that somebody has made it an event of whole days.
    json!({ "dateTime": at, "timeZone": wanted.time_zone.name(), "date": null })
}

/// All attendees. A patch replaces the list, so those that stay are sent as they are, with what they have answered; but who
/// of those whom we invite has said no to another time, or where it is not known to which, is asked anew.
fn guests((event, known): (&Event, &[Value]), wanted: &NewEvent) -> Vec<Value> {
    let invited = |guest: &Value| event.invited().any(|email| is(guest, email));
    let is_wanted = |guest: &Value| wanted.attendees.iter().any(|one| is(guest, &one.email));
    let stay = known.iter();
    let stay = stay.filter(|guest| is_wanted(guest) || !invited(guest));
    let stays_when_it_is = event.start == Some(EventTime::At(wanted.start));
    let asks_anew = !stays_when_it_is || !event.invites_for(wanted.start);
    let is_no = |guest: &Value| guest["responseStatus"] == "declined" && is_wanted(guest);
    let stay = stay.cloned().map(|mut guest| {
        if asks_anew && is_no(&guest) {
            guest["responseStatus"] = json!(NEEDS_ACTION);
        }
        guest
    });
    let join = wanted
        .attendees
        .iter()
        .filter(|one| !known.iter().any(|guest| is(guest, &one.email)))
        .map(invitation);
    stay.chain(join).collect()
}

fn invitation(attendee: &Attendee) -> Value {
    let mut guest = json!({ "email": attendee.email, "responseStatus": NEEDS_ACTION });
    if let Some(name) = &attendee.name {
        guest["displayName"] = json!(name);
    }
    guest
}

/// The private properties that change; null takes one back.
fn private(event: &Event, wanted: &NewEvent) -> Map<String, Value> {
    let no_longer = event
        .private
        .keys()
        .filter(|key| key.starts_with(INVITED))
        .map(|key| (key.clone(), Value::Null));
    let properties = invitations(wanted).chain(wanted.private.clone());
    no_longer
        .chain(properties.map(|(key, value)| (key, Value::String(value))))
        .collect()
}

impl Event {
    /// Whether those whom we have invited are known to have been asked to come at `start`, so that their answers are about
    /// that time.
    pub fn invites_for(&self, start: DateTime<Utc>) -> bool {
        let asked_for = self.private.get(INVITATION_START);
        asked_for.is_some_and(|asked_for| *asked_for == written(start))
    }

    /// Whether they were asked to come at another time: then they are told, even where somebody else has moved the event.
    fn invited_for_another(&self, start: DateTime<Utc>) -> bool {
        self.private.contains_key(INVITATION_START) && !self.invites_for(start)
    }

    /// Whether somebody with this address is among the guests.
    pub fn has_guest(&self, email: &str) -> bool {
        self.guests.iter().flatten().any(|guest| is(guest, email))
    }

    /// Whether it is us who have invited somebody with this address.
    pub fn invites(&self, email: &str) -> bool {
        self.invited()
            .any(|known| known.eq_ignore_ascii_case(email))
    }

    /// Whether we have invited somebody with this address, and others have taken them off the list.
    pub fn has_lost(&self, email: &str) -> bool {
        self.guests.is_some() && self.invites(email) && !self.has_guest(email)
    }

    /// Whom we have invited.
    fn invited(&self) -> impl Iterator<Item = &str> {
        let properties = self.private.iter();
        properties
            .filter(|(key, _)| key.starts_with(INVITED))
            .map(|(_, email)| email.as_str())
    }
}
