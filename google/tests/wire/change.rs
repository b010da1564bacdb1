//! Changing an event that stands.

use axum::http::Method;
use chrono::TimeDelta;
use google::{Attendee, Calendar, Error, Event, NewEvent};
use serde_json::{Value, json};

use crate::calendar::{calendar, lesson, one, refusal, standing, token};
use crate::support::*;

/// As [`standing`], made by an insert that invited Bob, with a guest whom the tutor has added.
fn with_a_guest_of_the_tutors() -> Value {
    let mut event = standing();
    let private = &mut event["extendedProperties"]["private"];
    private["invited0"] = json!("Bob@example.edu");
    private["invitationStart"] = json!("2026-03-02T09:00:00Z");
    let guests = event["attendees"].as_array_mut().unwrap();
    guests[1]["comment"] = json!("Ill.");
    guests.push(json!({ "email": "zoe@example.edu", "optional": true, "additionalGuests": 2, "responseStatus": "accepted" }));
    event
}

async fn read(stage: &Stage, calendar: &Calendar, event: &Value) -> Event {
    stage.on(&one(), [Answer::json(200, event)]);
    let read = calendar.event(&token(), "primary", &lesson().id).await;
    read.unwrap()
}

async fn change(calendar: &Calendar, event: &Event, wanted: &NewEvent) -> Result<(), Error> {
    let token = token();
    calendar
        .change_event(&token, "primary", event, wanted)
        .await
}

/// What is sent to make the event say what is wanted, and whom Google is to tell.
async fn sent(event: &Value, wanted: &NewEvent) -> (Value, String) {
    let (stage, calendar) = calendar(LIMITS).await;
    let event = read(&stage, &calendar, event).await;
    change(&calendar, &event, wanted).await.unwrap();
    let call = &stage.calls(&one())[1];
    assert_eq!(call.method, Method::PATCH);
    assert_eq!(call.headers["if-match"], "\"3527\"");
    assert_eq!(call.headers["authorization"], "Bearer ya29.token");
    assert_eq!(call.headers["user-agent"], "tests");
    assert_eq!(call.headers["content-type"], "application/json");
    (call.json(), call.query["sendUpdates"].clone())
}

#[tokio::test]
async fn a_change_names_what_is_ours_and_sends_back_what_is_not() {
    let before = with_a_guest_of_the_tutors();
    let mut wanted = lesson();
    wanted.start += TimeDelta::hours(5);
    wanted.end += TimeDelta::hours(5);
    wanted.summary = "Geometry".to_owned();
    wanted
        .attendees
        .push(Attendee::invited("cid@example.edu", None));
    wanted.private.insert("revision".to_owned(), "2".to_owned());
    let (body, told) = sent(&before, &wanted).await;
    assert_eq!(told, "all");
    // Bob has said no to the time before.
    let mut guests = before["attendees"].clone();
    guests[1]["responseStatus"] = json!("needsAction");
    let cid = json!({ "email": "cid@example.edu", "responseStatus": "needsAction" });
    guests.as_array_mut().unwrap().push(cid);
    let private = json!({ "lesson": "7", "revision": "2", "invitationStart": "2026-03-02T14:00:00Z",
        "invited0": "bob@example.edu", "invited1": "cid@example.edu" });
    let expected = json!({
        "summary": "Geometry",
        "start": { "dateTime": "2026-03-02T14:00:00Z", "timeZone": "Europe/Berlin", "date": null },
        "end": { "dateTime": "2026-03-02T15:00:00Z", "timeZone": "Europe/Berlin", "date": null },
        "attendees": guests,
        "extendedProperties": { "private": private },
    });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn only_whom_we_invited_is_invited_no_more() {
    let mut wanted = lesson();
    wanted.attendees = vec![Attendee::invited("cid@example.edu", Some("Cid".to_owned()))];
    let (body, told) = sent(&with_a_guest_of_the_tutors(), &wanted).await;
    assert_eq!(told, "all");
    let guests = body["attendees"].as_array().unwrap();
    let emails: Vec<_> = guests
        .iter()
        .map(|it| it["email"].as_str().unwrap())
        .collect();
    let expected = [
        "ada@example.edu",
        "room@resource.calendar.google.com",
        "zoe@example.edu",
        "cid@example.edu",
    ];
    assert_eq!(emails, expected);

    wanted.attendees.clear();
    let (body, _) = sent(&with_a_guest_of_the_tutors(), &wanted).await;
    assert_eq!(body["attendees"].as_array().unwrap().len(), 3);
    assert_eq!(
        body["extendedProperties"]["private"]["invited0"],
        json!(null)
    );
    assert!(
        body["extendedProperties"]["private"]
            .as_object()
            .unwrap()
            .contains_key("invited0")
    );
}

#[tokio::test]
async fn where_guests_see_nothing_new_they_are_not_told() {
    let mut wanted = lesson();
    wanted.private.insert("revision".to_owned(), "2".to_owned());
    let (body, told) = sent(&with_a_guest_of_the_tutors(), &wanted).await;
    assert_eq!(told, "none");
    assert_eq!(body.as_object().unwrap().len(), 1, "{body:#}");
    assert_eq!(body["extendedProperties"]["private"]["revision"], "2");
}

/// Somebody has moved the event, and may have told nobody.
#[tokio::test]
async fn whoever_was_invited_for_another_time_is_told_and_has_not_said_no_to_this_one() {
    let mut before = with_a_guest_of_the_tutors();
    for is_known in [true, false] {
        let private = &mut before["extendedProperties"]["private"];
        if is_known {
            private["invitationStart"] = json!("2026-03-01T09:00:00Z");
        } else {
            private.as_object_mut().unwrap().remove("invitationStart");
        }
        let (body, told) = sent(&before, &lesson()).await;
        assert_eq!(told, "all");
        assert_eq!(body["attendees"][1]["responseStatus"], "needsAction");
        assert_eq!(body["attendees"][3]["responseStatus"], "accepted");
        let private = &body["extendedProperties"]["private"];
        assert_eq!(private["invitationStart"], "2026-03-02T09:00:00Z");
    }
}

#[tokio::test]
async fn an_insert_says_whom_we_invite() {
    let (stage, calendar) = calendar(LIMITS).await;
    stage.on(crate::calendar::EVENTS, [Answer::json(200, &standing())]);
    let inserted = calendar.insert_event(&token(), "primary", &lesson()).await;
    inserted.unwrap();
    let private =
        stage.calls(crate::calendar::EVENTS)[0].json()["extendedProperties"]["private"].clone();
    assert_eq!(
        private,
        json!({ "lesson": "7", "invitationStart": "2026-03-02T09:00:00Z", "invited0": "bob@example.edu" })
    );
}

#[tokio::test]
async fn refusals_of_a_change_are_told_apart() {
    for (answer, expected) in [
        (refusal(412, "conditionNotMet"), Error::PreconditionFailed),
        (refusal(410, "deleted"), Error::Gone),
        (refusal(404, "notFound"), Error::NotFound),
        (refusal(401, "authError"), Error::Unauthorized),
    ] {
        let (stage, calendar) = calendar(LIMITS).await;
        let event = read(&stage, &calendar, &standing()).await;
        stage.on(&one(), [answer]);
        let changed = change(&calendar, &event, &lesson()).await;
        assert_eq!(changed, Err(expected));
        assert_eq!(stage.calls(&one()).len(), 2);
    }
}

#[tokio::test]
async fn a_change_is_tried_again_where_google_asks_for_it() {
    let (stage, calendar) = calendar(LIMITS).await;
    let event = read(&stage, &calendar, &standing()).await;
    let slow = refusal(429, "rateLimitExceeded").header("retry-after", "0");
    stage.on(
        &one(),
        [slow, Answer::html(503), Answer::json(200, &standing())],
    );
    let changed = change(&calendar, &event, &lesson()).await;
    changed.unwrap();
    assert_eq!(stage.calls(&one()).len(), 4);
}

#[tokio::test]
async fn what_has_no_version_or_can_not_be_sent_is_not_sent() {
    let (stage, calendar) = calendar(LIMITS).await;
    let mut nameless = standing();
    nameless.as_object_mut().unwrap().remove("etag");
    let event = read(&stage, &calendar, &nameless).await;
    let changed = change(&calendar, &event, &lesson()).await;
    assert!(matches!(changed, Err(Error::Protocol(_))));
    nameless["etag"] = json!("\"a\u{7}\"");
    let event = read(&stage, &calendar, &nameless).await;
    let changed = change(&calendar, &event, &lesson()).await;
    assert!(matches!(changed, Err(Error::Protocol(_))));
    let event = read(&stage, &calendar, &standing()).await;
    let mut empty = lesson();
    empty.end = empty.start;
    let changed = change(&calendar, &event, &empty).await;
    assert!(matches!(changed, Err(Error::Invalid { status: 400, .. })));
    assert_eq!(stage.calls(&one()).len(), 3);
}

#[tokio::test]
async fn of_an_event_that_is_not_ours_only_what_is_ours_is_taken_off() {
    let (stage, calendar) = calendar(LIMITS).await;
    let event = read(&stage, &calendar, &with_a_guest_of_the_tutors()).await;
    let withdrawn = calendar
        .withdraw(&token(), "primary", &event, &["lesson"])
        .await;
    withdrawn.unwrap();
    let call = &stage.calls(&one())[1];
    assert_eq!(call.method, Method::PATCH);
    assert_eq!(call.headers["if-match"], "\"3527\"");
    assert_eq!(call.query["sendUpdates"], "all");
    let body = call.json();
    let private = json!({ "lesson": null, "invited0": null, "invitationStart": null });
    assert_eq!(body["extendedProperties"]["private"], private);
    let guests = body["attendees"].as_array().unwrap().iter();
    let emails: Vec<_> = guests.map(|it| it["email"].as_str().unwrap()).collect();
    let expected = [
        "ada@example.edu",
        "room@resource.calendar.google.com",
        "zoe@example.edu",
    ];
    assert_eq!(emails, expected);
    assert_eq!(body.as_object().unwrap().len(), 2, "{body:#}");
}

#[tokio::test]
async fn whom_others_took_off_the_list_is_missed() {
    let (stage, calendar) = calendar(LIMITS).await;
    let mut event = with_a_guest_of_the_tutors();
    let before = read(&stage, &calendar, &event).await;
    assert!(before.has_guest("BOB@example.edu") && !before.has_lost("BOB@example.edu"));
    event["attendees"].as_array_mut().unwrap().remove(1);
    let (stage, calendar) = crate::calendar::calendar(LIMITS).await;
    let after = read(&stage, &calendar, &event).await;
    assert!(!after.has_guest("bob@example.edu") && after.has_lost("bob@example.edu"));
    // Whom nobody has invited is not missed.
    assert!(!after.has_lost("cid@example.edu"));
}

#[tokio::test]
async fn what_guests_may_do_is_said_once_of_an_event_that_others_have_made() {
    let (body, _) = sent(&standing(), &lesson()).await;
    assert_eq!(body["guestsCanSeeOtherGuests"], json!(false));
    assert_eq!(body["guestsCanInviteOthers"], json!(false));
    let (body, _) = sent(&with_a_guest_of_the_tutors(), &lesson()).await;
    assert!(body.get("guestsCanSeeOtherGuests").is_none(), "{body:#}");
}

#[tokio::test]
async fn of_an_event_whose_guests_are_not_all_known_nobody_is_missed_and_nothing_changed() {
    let mut event = with_a_guest_of_the_tutors();
    event["attendees"].as_array_mut().unwrap().remove(1);
    event["attendeesOmitted"] = json!(true);
    let (stage, calendar) = calendar(LIMITS).await;
    let event = read(&stage, &calendar, &event).await;
    assert!(!event.has_lost("bob@example.edu"));
    let changed = change(&calendar, &event, &lesson()).await;
    assert!(matches!(changed, Err(Error::Protocol(_))));
    let withdrawn = calendar
        .withdraw(&token(), "primary", &event, &["lesson"])
        .await;
    assert!(matches!(withdrawn, Err(Error::Protocol(_))));
    assert_eq!(stage.calls(&one()).len(), 1);
}
