//! Who joins is a guest of the event, and who leaves is none.

use super::*;
use google_sandbox::{Failure, Target};

#[tokio::test]
async fn who_joins_becomes_a_guest_of_that_event_and_who_leaves_is_none() {
    let (world, of_sam, of_olga) = World::joined().await;
    let event = world.event();
    assert_eq!(event["summary"], "Office hours");
    assert_eq!(event["description"], "Room 7.");
    assert_eq!(world.starts(), [FIRST]);
    // The students don't learn of each other.
    assert_eq!(event["guestsCanSeeOtherGuests"], false);
    let answers = event["attendees"].as_array().unwrap().iter();
    let zoe = answers
        .clone()
        .find(|guest| guest["email"] == GUEST)
        .unwrap();
    assert_eq!(zoe["responseStatus"], "accepted");
    let invited = world.test.google.events(&email("Sam"));
    assert_eq!(invited[0]["id"], world.event);
    let booking = world.sam.get(&of_sam).await.expect(200);
    assert_eq!(booking["calendar"], "current");

    let path = format!("{of_sam}/cancel");
    world.sam.post(&path, &json!({})).await.expect(200);
    world.test.run_jobs().await;
    assert_eq!(world.guests(), [email("Olga"), GUEST.to_owned()]);
    assert!(world.test.google.events(&email("Sam")).is_empty());
    world.read_anew().await;
    let booking = world.olga.get(&of_olga).await.expect(200);
    assert_eq!(booking["status"], "confirmed");
    assert_eq!(world.told().await, [""; 0]);
}

#[tokio::test]
async fn all_seats_can_be_taken_and_no_more() {
    let world = World::new().await;
    let mut wanted = world.wanted(&world.event);
    wanted["capacity"] = json!(2);
    let lesson = place(&world.tutor.person.post(EVENTS, &wanted).await);
    world.join(&world.sam, &lesson).await;
    world.join(&world.olga, &lesson).await;
    let ute = world.test.student("Ute").await;
    let path = format!("{lesson}/join");
    let refused = ute.post(&path, &json!({})).await;
    refused.expect_problem(409, "full");
    world.test.run_jobs().await;
    assert_eq!(world.guests(), [email("Olga"), email("Sam"), GUEST.into()]);
}

#[tokio::test]
async fn what_the_tutor_writes_at_the_same_time_stays() {
    let world = World::new().await;
    let lesson = place(&world.open().await);
    world.test.run_jobs().await;
    world.join(&world.sam, &lesson).await;
    let mut late = Failure::status(Target::Calendar, 412, "conditionNotMet");
    late.method = Some("PATCH".to_owned());
    world.test.google.fail_next(late);
    world.test.run_jobs().await;
    assert_eq!(world.guests(), [GUEST]);
    world.edit(&json!({"summary": "Ask me anything", "location": "Library"}));
    world.after(TimeDelta::hours(1)).await;
    assert_eq!(world.guests(), [email("Sam"), GUEST.to_owned()]);
    let event = world.event();
    assert_eq!(event["summary"], "Ask me anything");
    assert_eq!(event["location"], "Library");
}

#[tokio::test]
async fn whom_the_tutor_takes_off_the_list_loses_the_place_and_nobody_else() {
    let (world, of_sam, of_olga) = World::joined().await;
    world.invite(&[GUEST, &email("Olga")]);
    world.read_anew().await;
    let booking = world.sam.get(&of_sam).await.expect(200);
    assert_eq!(booking["status"], "cancelled");
    assert_eq!(booking["cancellation_reason"], "event_guest_removed");
    assert_eq!(booking["cancellation"]["consequence"], "free");
    let others = world.olga.get(&of_olga).await.expect(200);
    assert_eq!(others["status"], "confirmed");
    for _ in 0..3 {
        world.read_anew().await;
    }
    assert_eq!(world.told().await, ["removed cancelled"]);
    assert_eq!(world.guests(), [email("Olga"), GUEST.to_owned()]);
    let seen = world.sam.get("/v1/calendar/drifts").await.expect(200);
    assert_eq!(seen["items"][0]["kind"], "removed");
    assert_eq!(seen["items"][0]["student"]["name"], "Sam");
    let seen = world.olga.get("/v1/calendar/drifts").await.expect(200);
    assert_eq!(seen["items"], json!([]));
}

#[tokio::test]
async fn who_was_taken_off_is_not_invited_again_because_somebody_else_joins() {
    let (world, of_sam, _) = World::joined().await;
    let lessons = world.sam.get("/v1/lessons").await.expect(200);
    let lesson = format!(
        "/v1/lessons/{}",
        lessons["items"][0]["id"].as_str().unwrap()
    );
    world.invite(&[GUEST, &email("Olga")]);
    let ute = world.test.student("Ute").await;
    world.join(&ute, &lesson).await;
    world.test.run_jobs().await;
    world.read_anew().await;
    let booking = world.sam.get(&of_sam).await.expect(200);
    assert_eq!(booking["cancellation_reason"], "event_guest_removed");
    let expected = [email("Olga"), email("Ute"), GUEST.into()];
    assert_eq!(world.guests(), expected);
    // Who comes again is invited again.
    world.join(&world.sam, &lesson).await;
    world.test.run_jobs().await;
    world.read_anew().await;
    assert!(world.guests().contains(&email("Sam")));
    assert_eq!(world.told().await, ["removed cancelled"]);
}

#[tokio::test]
async fn whoever_joins_just_then_was_not_taken_off() {
    let (world, ..) = World::joined().await;
    let lessons = world.sam.get("/v1/lessons").await.expect(200);
    let lesson = format!(
        "/v1/lessons/{}",
        lessons["items"][0]["id"].as_str().unwrap()
    );
    let ute = world.test.student("Ute").await;
    let booking = world.join(&ute, &lesson).await;
    // The tutor writes the list as it was before.
    world.invite(&[GUEST, &email("Olga"), &email("Sam")]);
    world.test.run_jobs().await;
    world.read_anew().await;
    assert_eq!(ute.get(&booking).await.expect(200)["status"], "confirmed");
    assert!(world.guests().contains(&email("Ute")));
    assert_eq!(world.told().await, [""; 0]);
}

#[tokio::test]
async fn a_guest_who_declines_gives_the_place_back() {
    let (world, of_sam, _) = World::joined().await;
    let no = json!({"attendees": [{"email": email("Sam"), "responseStatus": "declined"}]});
    let google = &world.test.google;
    google
        .patch_event(&email("Sam"), &world.event, &no)
        .unwrap();
    world.read_anew().await;
    let booking = world.sam.get(&of_sam).await.expect(200);
    assert_eq!(booking["cancellation_reason"], "event_declined");
    assert_eq!(world.told().await, ["declined cancelled"]);
    world.read_anew().await;
    assert_eq!(world.guests(), [email("Olga"), GUEST.to_owned()]);
}
