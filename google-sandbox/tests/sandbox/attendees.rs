use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Api, STUDENT, TUTOR, at, event, id, invitation, reason, start};

#[tokio::test]
async fn a_guest_gets_a_copy_that_follows_the_event() {
    let sandbox = start().await;
    let tutor = Api::of(&sandbox, TUTOR);
    let made = tutor.insert(&invitation(9)).await;

    let copies = sandbox.events(STUDENT);
    assert_eq!(copies.len(), 1);
    assert_eq!(copies[0]["id"], made["id"]);
    assert_eq!(copies[0]["organizer"]["email"], TUTOR);
    assert!(copies[0]["organizer"]["self"].is_null());
    assert_eq!(copies[0]["attendees"][0]["self"], true);

    let (status, _) = tutor
        .patch(&id(&made), &json!({"summary": "Algebra"}))
        .await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(sandbox.events(STUDENT)[0]["summary"], "Algebra");

    let (status, _) = tutor.patch(&id(&made), &json!({"attendees": []})).await;
    assert_eq!(status, StatusCode::OK);
    assert!(sandbox.events(STUDENT).is_empty(), "no longer invited");
}

#[tokio::test]
async fn deleting_the_event_deletes_the_copy() {
    let sandbox = start().await;
    let made = Api::of(&sandbox, TUTOR).insert(&invitation(9)).await;
    sandbox.delete_event(TUTOR, &id(&made));
    assert!(sandbox.events(STUDENT).is_empty());
    assert_eq!(sandbox.all_events(STUDENT)[0]["status"], "cancelled");
}

#[tokio::test]
async fn a_guest_who_deletes_the_copy_has_declined() {
    let sandbox = start().await;
    let made = Api::of(&sandbox, TUTOR).insert(&invitation(9)).await;
    sandbox.delete_event(STUDENT, &id(&made));

    let organizers = sandbox.events(TUTOR);
    assert_eq!(organizers[0]["attendees"][0]["responseStatus"], "declined");
    assert!(
        sandbox.events(STUDENT).is_empty(),
        "the copy does not come back"
    );
}

#[tokio::test]
async fn a_guest_answers_but_does_not_change_the_event() {
    let sandbox = start().await;
    let made = Api::of(&sandbox, TUTOR).insert(&invitation(9)).await;
    let student = Api::of(&sandbox, STUDENT);

    let (status, body) = student.patch(&id(&made), &json!({"summary": "Mine"})).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert_eq!(reason(&body), "forbiddenForNonOrganizer");

    let answer = json!({"attendees": [{"email": STUDENT, "responseStatus": "declined"}]});
    let (status, _) = student.patch(&id(&made), &answer).await;
    assert_eq!(status, StatusCode::OK);
    let organizers = sandbox.events(TUTOR);
    assert_eq!(organizers[0]["attendees"][0]["responseStatus"], "declined");

    let window = json!({"timeMin": at(0), "timeMax": at(23), "items": [{"id": "primary"}]});
    let (_, body) = student.call(Method::POST, "/freeBusy", Some(&window)).await;
    assert_eq!(
        body["calendars"]["primary"]["busy"],
        json!([]),
        "declined events do not block"
    );
}

#[tokio::test]
async fn private_properties_stay_with_their_owner() {
    let sandbox = start().await;
    let mut lesson = invitation(9);
    lesson["extendedProperties"] = json!({"private": {"lesson": "1"}, "shared": {"room": "2"}});
    Api::of(&sandbox, TUTOR).insert(&lesson).await;
    let copy = &sandbox.events(STUDENT)[0];
    assert_eq!(copy["extendedProperties"], json!({"shared": {"room": "2"}}));
}

#[tokio::test]
async fn calendars_of_others_are_not_found() {
    let sandbox = start().await;
    let student = Api::of(&sandbox, STUDENT);
    let path = format!("/calendars/{TUTOR}/events");
    let (status, body) = student.call(Method::POST, &path, Some(&event(9))).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(reason(&body), "notFound");
}

#[tokio::test]
async fn a_patch_of_a_version_that_a_guest_has_answered_since_is_refused() {
    let sandbox = start().await;
    let tutor = Api::of(&sandbox, TUTOR);
    let made = tutor.insert(&invitation(9)).await;
    let answer = json!({"attendees": [{"email": STUDENT, "responseStatus": "accepted"}]});
    sandbox
        .patch_event(STUDENT, &id(&made), &answer)
        .expect("an answer");
    let patch = async |etag: &Value, changes| {
        let path = format!("/calendars/primary/events/{}", id(&made));
        let request = tutor.request(Method::PATCH, &path).json(&changes);
        let etag = etag.as_str().expect("an etag");
        let answered = request.header("if-match", etag).send().await;
        answered.expect("an answer").status()
    };

    let nobody = json!({"attendees": []});
    assert_eq!(
        patch(&made["etag"], nobody).await,
        StatusCode::PRECONDITION_FAILED
    );
    let event = &sandbox.events(TUTOR)[0];
    assert_eq!(event["attendees"][0]["responseStatus"], "accepted");

    // Who stays keeps the answer that is sent back. Only another time is another sequence.
    let mut guests = event["attendees"].clone();
    let another = json!({"email": "other@example.com"});
    guests.as_array_mut().expect("guests").push(another);
    assert_eq!(
        patch(&event["etag"], json!({"attendees": guests})).await,
        StatusCode::OK
    );
    let event = &sandbox.events(TUTOR)[0];
    assert_eq!(event["attendees"][0]["responseStatus"], "accepted");
    assert_eq!(event["attendees"][1]["responseStatus"], "needsAction");
    assert_eq!(event["sequence"], 0);
    let times = json!({"start": start_at(11), "end": start_at(12)});
    assert_eq!(patch(&event["etag"], times).await, StatusCode::OK);
    let event = &sandbox.events(TUTOR)[0];
    assert_eq!(event["sequence"], 1);
    assert_eq!(event["attendees"][0]["responseStatus"], "accepted");
}

fn start_at(hour: u32) -> Value {
    json!({"dateTime": at(hour), "date": null})
}
