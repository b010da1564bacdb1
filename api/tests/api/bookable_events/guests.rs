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
    // The event is read, and changed before what we write arrives; the other tries meet a Google that is down.
    let google = &world.test.google;
    google.fail_next(Failure::held(Target::Calendar).method("PATCH"));
    let down = Failure::status(Target::Calendar, 503, "backendError");
    google.fail_next(down.method("PATCH").times(2));
    world.test.run_jobs().await;
    let ida = "ida@example.org";
    world.edit(&json!({"summary": "Ask me anything", "location": "Library"}));
    world.invite(&[GUEST, ida]);
    assert_eq!(google.release_held().await, [412]);
    assert_eq!(world.guests(), [ida, GUEST]);
    world.after(TimeDelta::hours(1)).await;
    assert_eq!(world.guests(), [ida, &email("Sam"), GUEST]);
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

#[tokio::test]
async fn who_was_a_guest_of_the_tutors_before_stays_one_and_students_see_nobody() {
    let world = World::new().await;
    world.invite(&[&email("Sam")]);
    let lesson = place(&world.open().await);
    let of_sam = world.join(&world.sam, &lesson).await;
    world.test.run_jobs().await;
    world.join(&world.olga, &lesson).await;
    world.test.run_jobs().await;
    world.read_anew().await;
    assert_eq!(world.guests(), [email("Olga"), email("Sam")]);
    let event = world.event();
    assert_eq!(event["guestsCanSeeOtherGuests"], false);
    assert_eq!(event["guestsCanInviteOthers"], false);
    // What the tutor makes of that stays.
    world.edit(&json!({"guestsCanSeeOtherGuests": true}));
    let path = format!("{of_sam}/cancel");
    world.sam.post(&path, &json!({})).await.expect(200);
    world.test.run_jobs().await;
    world.read_anew().await;
    assert_eq!(world.guests(), [email("Olga"), email("Sam")]);
    assert_eq!(world.event()["guestsCanSeeOtherGuests"], true);
    let lessons = world.tutor.person.get("/v1/lessons").await.expect(200);
    assert_eq!(lessons["items"][0]["seats_taken"], 1);
    assert_eq!(world.told().await, [""; 0]);
}

#[tokio::test]
async fn who_is_taken_off_as_the_event_is_moved_is_not_invited_again_where_it_is_put_back() {
    let (world, of_sam, of_olga) = World::joined().await;
    let theo = world.centre.tutor(&world.test, "Theo").await;
    let other = theo.lesson(THIRD, 60);
    world.olga.post("/v1/bookings", &other).await.expect(201);
    world.edit(&json!({
        "start": {"dateTime": THIRD}, "end": {"dateTime": FOURTH}, "attendees": [{"email": GUEST}, {"email": email("Olga")}],
    }));
    for _ in 0..2 {
        world.read_anew().await;
    }
    let booking = world.sam.get(&of_sam).await.expect(200);
    assert_eq!(booking["cancellation_reason"], "event_guest_removed");
    assert_eq!(world.olga.get(&of_olga).await.expect(200)["start"], FIRST);
    assert_eq!(world.starts(), [FIRST]);
    assert_eq!(world.guests(), [email("Olga"), GUEST.to_owned()]);
    let mut told = world.told().await;
    told.sort_unstable();
    let expected = ["moved put_back student_busy", "removed cancelled"];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn who_is_taken_off_right_after_joining_is_missed() {
    let world = World::new().await;
    let lesson = place(&world.open().await);
    let of_sam = world.join(&world.sam, &lesson).await;
    world.test.run_jobs().await;
    world.invite(&[GUEST]);
    world.read_anew().await;
    let booking = world.sam.get(&of_sam).await.expect(200);
    assert_eq!(booking["cancellation_reason"], "event_guest_removed");
}

#[tokio::test]
async fn of_a_day_that_is_not_read_yet_the_guests_are_looked_at_once_a_day() {
    let world = World::new().await;
    let far = insert(&world.test, &world.tutor.email, "2029-03-02T08:00:00Z");
    let lesson = place(&world.open_event(&far).await);
    let of_sam = world.join(&world.sam, &lesson).await;
    world.test.run_jobs().await;
    let nobody = json!({"attendees": []});
    let google = &world.test.google;
    google
        .patch_event(&world.tutor.email, &far, &nobody)
        .unwrap();
    let (app, tutor) = (&world.test.app, world.tutor.id);
    let report = api::service::reconciliation::reconcile(app, tutor, false);
    report.await.unwrap();
    world.test.run_jobs().await;
    let booking = world.sam.get(&of_sam).await.expect(200);
    assert_eq!(booking["cancellation_reason"], "event_guest_removed");
}
