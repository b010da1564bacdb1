//! Events: our types into the generated ones and back.

use std::collections::HashSet;

use google_calendar3::{api, common};
use uuid::Uuid;

use super::change::invitations;
use super::hub::{Hubs, segment};
use super::sync::event_type;
use super::{Attendee, AttendeeResponse, Event, EventStatus, EventTime, NewEvent};
use crate::{AccessToken, Error};

/// The id of a lesson's event: the same for the same lesson and attempt, and legal for Calendar (`[0-9a-v]{5,1024}`).
///
/// Inserting with an id of our own makes a repeated insert show as [`Error::Duplicate`] instead of a second event. The
/// id of a deleted event stays taken, so an event that has to be made anew takes the next `attempt`.
///
/// <https://developers.google.com/workspace/calendar/api/v3/reference/events#id>
pub fn event_id(lesson: Uuid, attempt: u16) -> String {
    format!("{}{attempt:04x}", lesson.simple())
}

/// The lesson of which an event with this id is, if it is one that [`event_id`] gives.
pub fn lesson_of_event(id: &str) -> Option<Uuid> {
    let (lesson, attempt) = id.split_at_checked(32)?;
    let lesson = Uuid::try_parse(lesson).ok()?;
    let attempt = u16::from_str_radix(attempt, 16).ok()?;
    (event_id(lesson, attempt) == id).then_some(lesson)
}

pub(super) async fn insert(
    hubs: &Hubs,
    token: &AccessToken,
    calendar_id: &str,
    event: &NewEvent,
) -> Result<Event, Error> {
    check_id(&event.id)?;
    check(event)?;
    let calendar = &segment(calendar_id)?;
    let body = &to_api(event);
    // Of several tries an answer to the last would leave open what becomes of those before.
    let made = hubs
        .call_once(token, |hub, mut witness| async move {
            let call = hub
                .events()
                .insert(body.clone(), calendar)
                .send_updates("all")
                .conference_data_version(1)
                .delegate(&mut witness);
            Ok(call.doit().await?.1)
        })
        .await?;
    from_api(made)
}

pub(super) async fn get(
    hubs: &Hubs,
    token: &AccessToken,
    calendar_id: &str,
    id: &str,
) -> Result<Event, Error> {
    let (calendar, id) = (&segment(calendar_id)?, &segment(id)?);
    let event = hubs
        .call(token, |hub, mut witness| async move {
            let call = hub.events().get(calendar, id).delegate(&mut witness);
            Ok(call.doit().await?.1)
        })
        .await?;
    from_api(event)
}

pub(super) async fn delete(
    hubs: &Hubs,
    token: &AccessToken,
    calendar_id: &str,
    id: &str,
) -> Result<(), Error> {
    let (calendar, id) = (&segment(calendar_id)?, &segment(id)?);
    hubs.call(token, |hub, mut witness| async move {
        let call = hub.events().delete(calendar, id).send_updates("all");
        call.delegate(&mut witness).doit().await?;
        Ok(())
    })
    .await
}

/// Refuses what is no id for a new event; those that Google gives have other characters, too.
fn check_id(id: &str) -> Result<(), Error> {
    let legal = |b| matches!(b, b'0'..=b'9' | b'a'..=b'v');
    if !(5..=1024).contains(&id.len()) || !id.bytes().all(legal) {
        return Err(Error::unsendable("not an event id"));
    }
    Ok(())
}

/// Refuses what Google would drop or cut without a word, or what could not be told apart afterwards.
pub(super) fn check(event: &NewEvent) -> Result<(), Error> {
    if event.start >= event.end {
        return Err(Error::unsendable("timeRangeEmpty"));
    }
    let fits = |(key, value): (&String, &String)| {
        !key.is_empty() && key.chars().count() <= 44 && value.chars().count() <= 1024
    };
    if !event.private.iter().all(fits) {
        return Err(Error::unsendable("an extended property is too long"));
    }
    let mut seen = HashSet::new();
    if !event
        .attendees
        .iter()
        .all(|a| seen.insert(a.email.to_ascii_lowercase()))
    {
        return Err(Error::unsendable("an attendee is named twice"));
    }
    Ok(())
}

fn to_api(event: &NewEvent) -> api::Event {
    let time = |at| {
        Some(api::EventDateTime {
            date_time: Some(at),
            time_zone: Some(event.time_zone.name().to_owned()),
            ..api::EventDateTime::default()
        })
    };
    let attendees = event.attendees.iter().map(|attendee| api::EventAttendee {
        email: Some(attendee.email.clone()),
        display_name: attendee.name.clone(),
        response_status: Some(response_to_api(attendee.response).to_owned()),
        ..api::EventAttendee::default()
    });
    api::Event {
        id: Some(event.id.clone()),
        summary: Some(event.summary.clone()),
        description: event.description.clone(),
        location: event.location.clone(),
        start: time(event.start),
        end: time(event.end),
        attendees: Some(attendees.collect()),
        guests_can_see_other_guests: Some(event.attendees_see_each_other),
        guests_can_invite_others: Some(false),
        guests_can_modify: Some(false),
        extended_properties: Some(api::EventExtendedProperties {
            private: Some(invitations(event).chain(event.private.clone()).collect()),
            shared: None,
        }),
        conference_data: event.meet.then(|| api::ConferenceData {
            create_request: Some(api::CreateConferenceRequest {
                conference_solution_key: Some(api::ConferenceSolutionKey {
                    type_: Some("hangoutsMeet".to_owned()),
                }),
                // A request id that was used before is ignored: as repeatable as the insert itself.
                request_id: Some(event.id.clone()),
                status: None,
            }),
            ..api::ConferenceData::default()
        }),
        ..api::Event::default()
    }
}

fn from_api(event: api::Event) -> Result<Event, Error> {
    let Some(id) = event.id else {
        return Err(Error::protocol("an event without an id"));
    };
    let status = match event.status.as_deref() {
        Some("cancelled") => EventStatus::Cancelled,
        Some("tentative") => EventStatus::Tentative,
        _ => EventStatus::Confirmed,
    };
    let (start, end) = (time_from_api(event.start), time_from_api(event.end));
    let mut guests = serde_json::to_value(event.attendees.as_deref().unwrap_or_default())
        .map_err(|_| Error::protocol("attendees that can't be sent back"))?;
    common::remove_json_null_values(&mut guests);
    if status != EventStatus::Cancelled && (start.is_none() || end.is_none()) {
        return Err(Error::protocol("an event that stands, without its times"));
    }
    let meet_pending = event.conference_data.as_ref().is_some_and(is_being_made);
    let video = |data: api::ConferenceData| {
        let mut points = data.entry_points.into_iter().flatten();
        points
            .find(|p| p.entry_point_type.as_deref() == Some("video"))?
            .uri
    };
    Ok(Event {
        id,
        etag: event.etag,
        status,
        summary: event.summary.unwrap_or_default(),
        description: event.description,
        location: event.location,
        start,
        end,
        transparent: event.transparency.as_deref() == Some("transparent"),
        attendees: event
            .attendees
            .into_iter()
            .flatten()
            .filter_map(attendee_from_api)
            .collect(),
        guests: guests
            .as_array()
            .cloned()
            .filter(|_| event.attendees_omitted != Some(true)),
        private: event
            .extended_properties
            .and_then(|properties| properties.private)
            .into_iter()
            .flatten()
            .collect(),
        meet_url: event
            .hangout_link
            .or_else(|| event.conference_data.and_then(video)),
        meet_pending,
        html_link: event.html_link,
        recurring_event_id: event.recurring_event_id,
        repeats: event.recurrence.is_some_and(|rules| !rules.is_empty()),
        event_type: event_type(event.event_type.as_deref()),
        is_organized_here: event.organizer.is_some_and(|it| it.self_ == Some(true)),
        guests_can_modify: event.guests_can_modify == Some(true),
        updated: event.updated,
    })
}

/// A conference that was asked for is made by and by.
/// <https://developers.google.com/workspace/calendar/api/guides/create-events#conferencing>
fn is_being_made(conference: &api::ConferenceData) -> bool {
    let request = conference.create_request.as_ref();
    let status = request.and_then(|request| request.status.as_ref());
    status.is_some_and(|status| status.status_code.as_deref() == Some("pending"))
}

pub(super) fn time_from_api(time: Option<api::EventDateTime>) -> Option<EventTime> {
    let time = time?;
    time.date_time
        .map(EventTime::At)
        .or(time.date.map(EventTime::Day))
}

/// Rooms and other resources are no attendees of ours, nor are those whose address is hidden.
fn attendee_from_api(attendee: api::EventAttendee) -> Option<Attendee> {
    if attendee.resource == Some(true) {
        return None;
    }
    Some(Attendee {
        email: attendee.email?,
        name: attendee.display_name,
        response: match attendee.response_status.as_deref() {
            Some("accepted") => AttendeeResponse::Accepted,
            Some("declined") => AttendeeResponse::Declined,
            Some("tentative") => AttendeeResponse::Tentative,
            _ => AttendeeResponse::NeedsAction,
        },
        organizer: attendee.organizer.unwrap_or(false),
        is_self: attendee.self_.unwrap_or(false),
    })
}

fn response_to_api(response: AttendeeResponse) -> &'static str {
    match response {
        AttendeeResponse::NeedsAction => "needsAction",
        AttendeeResponse::Declined => "declined",
        AttendeeResponse::Tentative => "tentative",
        AttendeeResponse::Accepted => "accepted",
    }
}
