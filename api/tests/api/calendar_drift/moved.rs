//! The tutor moves the event of a lesson.

use super::{World, drifts};
use crate::support::{
    at,
    lesson::{FIRST, FOURTH, SECOND, THIRD, assert_starts, book},
};
use api::service::drift;
use chrono::TimeDelta;
use google_sandbox::{Failure, Target};
use serde_json::json;

#[tokio::test]
async fn a_lesson_follows_its_event_to_a_time_that_is_possible() {
    let world = World::new().await;
    world.drag(THIRD, 60);
    world.read_anew().await;
    world.assert_at(THIRD).await;
    let [told] = &drifts(&world.tutor.person, "").await[..] else {
        panic!("told once")
    };
    assert_eq!(told["kind"], "moved");
    assert_eq!(told["status"], "rescheduled");
    for (name, expected) in [
        ("start", FIRST),
        ("end", SECOND),
        ("event_start", THIRD),
        ("event_end", FOURTH),
    ] {
        assert_eq!(at(told[name].as_str().unwrap()), at(expected), "{name}");
    }
    assert_eq!(told["lesson_id"], world.lesson.to_string());
    assert!(told["resolved_at"].is_string() && told["booking_id"].is_null());

    // The old time is free, the new one is not.
    let olga = world.test.student("Olga").await;
    book(&olga, &world.tutor, FIRST).await;
    let wanted = world.tutor.lesson(THIRD, 60);
    let taken = olga.post("/v1/bookings", &wanted).await;
    taken.expect_problem(409, "slot_unavailable");

    // Whatever looks at it again finds nothing to do.
    let before = world.asked("PATCH");
    for _ in 0..3 {
        world.look_again().await;
        world.read_anew().await;
    }
    assert_eq!(world.told().await.len(), 1);
    assert_eq!(world.asked("PATCH"), before);
}

#[tokio::test]
async fn the_trail_tells_that_it_came_from_the_calendar() {
    let world = World::new().await;
    world.drag(THIRD, 60);
    world.read_anew().await;
    let path = "/v1/audit-entries?operation=follow_lesson_event";
    let entries = world.admin.get(path).await.expect(200);
    let entries = entries["items"].as_array().unwrap();
    let tables: Vec<_> = entries.iter().map(|it| it["table"].clone()).collect();
    for table in ["bookings", "calendar_drifts"] {
        assert!(tables.contains(&json!(table)), "{entries:#?}");
    }
    assert!(entries.iter().all(|it| it["actor"]["kind"] == "job"));
    let history = world.sam.get(&format!("{}/history", world.booking)).await;
    let history = history.expect(200);
    let last = history["items"].as_array().unwrap().last().unwrap();
    assert_eq!(last["step"], "rescheduled");
    assert_eq!(last["by"], "system");
    // As if the tutor had moved it, it can be cancelled freely for a while.
    world.charge().await;
    let quote = format!("{}/cancellation-quote", world.booking);
    let quote = world.sam.get(&quote).await.expect(200);
    assert_eq!(quote["now"]["consequence"], "free");
}

#[tokio::test]
async fn an_event_is_put_back_from_where_its_lesson_can_not_be() {
    let world = World::new().await;
    let theo = world.centre.tutor(&world.test, "Theo").await;
    let olga = world.test.student("Olga").await;
    book(&olga, &world.tutor, SECOND).await;
    book(&world.sam, &theo, THIRD).await;
    let google = &world.test.google;
    let noon = at(FOURTH);
    let account = &world.tutor.email;
    google.insert_busy(account, noon, noon + TimeDelta::hours(1), "Dentist");
    let off = json!({"first_date": "2027-03-04", "last_date": "2027-03-04"});
    let path = world.tutor.path("/time-off");
    world.tutor.person.post(&path, &off).await.expect(201);
    world.read_anew().await;
    for (start, minutes, reason) in [
        (SECOND, 60, "lesson"),
        (THIRD, 60, "student_busy"),
        (FOURTH, 60, "calendar_busy"),
        ("2027-03-04T08:00:00Z", 60, "time_off"),
        ("2027-03-03T20:00:00Z", 60, "outside_availability"),
        (FIRST, 90, "other_length"),
        ("2027-03-01T06:00:00Z", 60, "not_ahead"),
        ("2027-03-03T08:00:30Z", 60, "not_whole_minutes"),
    ] {
        world.drag(start, minutes);
        world.read_anew().await;
        let told = world.told().await;
        let last = told.last().map(String::as_str);
        assert_eq!(last, Some(&*format!("moved put_back {reason}")), "{start}");
        assert_starts(&world.test, &world.tutor, &[FIRST, SECOND, FOURTH]);
        world.read_anew().await;
        assert_eq!(world.told().await.len(), told.len());
    }
    assert_eq!(
        at(world.booking().await["start"].as_str().unwrap()),
        at(FIRST)
    );
}

#[tokio::test]
async fn an_event_of_whole_days_is_put_back() {
    let world = World::new().await;
    world.edit(&json!({
        "start": {"date": "2027-03-02", "dateTime": null, "timeZone": null},
        "end": {"date": "2027-03-03", "dateTime": null, "timeZone": null},
    }));
    world.read_anew().await;
    world.assert_at(FIRST).await;
    assert_eq!(world.told().await, ["moved put_back all_day"]);
    let told = &drifts(&world.admin, "").await[0];
    assert!(told["event_start"].is_null() && told["event_end"].is_null());
}

#[tokio::test]
async fn an_event_that_is_back_before_anybody_looked_was_not_moved() {
    let world = World::new().await;
    world.drag(THIRD, 60);
    world.drag(FIRST, 60);
    world.read_anew().await;
    world.look_again().await;
    world.assert_at(FIRST).await;
    assert_eq!(world.told().await, [""; 0]);
    assert_eq!(world.asked("PATCH"), 0);
}

#[tokio::test]
async fn what_is_changed_here_comes_before_what_is_moved_in_google() {
    let world = World::new().await;
    world.drag(THIRD, 60);
    let moved = json!({"start": SECOND, "end": THIRD});
    let path = format!("{}/reschedule", world.booking);
    world.sam.post(&path, &moved).await.expect(200);
    world.read_anew().await;
    world.assert_at(SECOND).await;
    world.read_anew().await;
    // Whoever moved it is told why it is not there any more.
    assert_eq!(world.told().await, ["moved put_back changed_here"]);
    let told = &drifts(&world.tutor.person, "").await[0];
    assert_eq!(at(told["event_start"].as_str().unwrap()), at(THIRD));
    assert_eq!(at(told["start"].as_str().unwrap()), at(SECOND));
}

#[tokio::test]
async fn an_event_that_is_moved_to_where_its_lesson_moves_is_no_conflict() {
    let world = World::new().await;
    world.drag(SECOND, 60);
    let moved = json!({"start": SECOND, "end": THIRD});
    let path = format!("{}/reschedule", world.booking);
    world.sam.post(&path, &moved).await.expect(200);
    world.read_anew().await;
    world.assert_at(SECOND).await;
    assert_eq!(world.told().await, [""; 0]);
}

#[tokio::test]
async fn an_event_that_is_moved_again_before_it_is_written_is_followed_again() {
    let world = World::new().await;
    world.drag(SECOND, 60);
    let down = Failure::status(Target::Calendar, 503, "backendError").method("PATCH");
    world.test.google.fail_next(down.times(u32::MAX));
    world.read_anew().await;
    world.drag(THIRD, 60);
    world.test.google.clear_failures();
    world.after(TimeDelta::minutes(10)).await;
    world.assert_at(THIRD).await;
    let told = ["moved rescheduled", "moved rescheduled"];
    assert_eq!(world.told().await, told);
}

#[tokio::test]
async fn who_joins_meanwhile_does_not_put_the_event_back() {
    let (world, _, _) = World::of_group().await;
    world.drag(THIRD, 60);
    let uma = world.test.student("Uma").await;
    let path = format!("/v1/lessons/{}/join", world.lesson);
    uma.post(&path, &json!({})).await.expect(201);
    world.test.run_jobs().await;
    world.assert_at(THIRD).await;
    assert_eq!(world.told().await, ["moved rescheduled"]);
    let event = &world.test.google.events(&world.tutor.email)[0];
    assert_eq!(event["attendees"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn an_event_in_another_of_the_tutors_calendars_is_not_gone() {
    let world = World::new().await;
    // Whatever time there is to undo it in, and though nobody has heard of that calendar yet.
    let at_once = [("event_deleted_grace_minutes", json!(0))];
    world.set_policy(&at_once).await;
    let google = &world.test.google;
    let family = google.add_calendar(&world.tutor.email, "Family");
    google
        .move_event(&world.tutor.email, &world.event, &family)
        .unwrap();
    world.read_anew().await;
    world.after(TimeDelta::hours(2)).await;
    assert_eq!(world.told().await, [""; 0]);
    // There the lesson follows it as anywhere else, and is written there.
    let (start, end) = (at(SECOND), at(THIRD));
    let changes = json!({"start": {"dateTime": start}, "end": {"dateTime": end}});
    google.patch_event(&family, &world.event, &changes).unwrap();
    world.read_anew().await;
    world.read_anew().await;
    assert_eq!(world.told().await, ["moved rescheduled"]);
    assert_eq!(
        at(world.booking().await["start"].as_str().unwrap()),
        at(SECOND)
    );
    assert_eq!(world.booking().await["calendar"], "current");
    assert_starts(&world.test, &world.tutor, &[]);
    let path = format!("{}/cancel", world.booking);
    world.sam.post(&path, &json!({})).await.expect(200);
    world.read_anew().await;
    let standing = google.all_events(&family);
    let standing = standing.iter().filter(|it| it["status"] != "cancelled");
    assert_eq!(standing.count(), 0);
}

#[tokio::test]
async fn an_event_that_is_repeated_now_is_left_alone() {
    let world = World::new().await;
    world.edit(&json!({"recurrence": ["RRULE:FREQ=WEEKLY;COUNT=3"]}));
    world.drag(THIRD, 60);
    world.read_anew().await;
    world.look_again().await;
    assert_eq!(world.told().await, [""; 0]);
    let booking = world.booking().await;
    assert_eq!(at(booking["start"].as_str().unwrap()), at(FIRST));
}

#[tokio::test]
async fn what_is_new_of_a_lesson_whose_event_is_repeated_is_written() {
    let (world, _, _) = World::of_group().await;
    world.edit(&json!({"recurrence": ["RRULE:FREQ=WEEKLY;COUNT=3"]}));
    world.drag(THIRD, 60);
    let uma = world.test.student("Uma").await;
    let path = format!("/v1/lessons/{}/join", world.lesson);
    uma.post(&path, &json!({})).await.expect(201);
    world.test.run_jobs().await;
    let all = world.test.google.all_events(&world.tutor.email);
    assert_eq!(all[0]["attendees"].as_array().unwrap().len(), 3);
    assert_eq!(world.booking().await["calendar"], "current");
}

#[tokio::test]
async fn an_event_that_was_moved_into_another_calendar_is_written_there_though_its_lesson_moved_too()
 {
    let world = World::new().await;
    let google = &world.test.google;
    let family = google.add_calendar(&world.tutor.email, "Family");
    world.after(TimeDelta::hours(1)).await;
    google
        .move_event(&world.tutor.email, &world.event, &family)
        .unwrap();
    let moved = json!({"start": SECOND, "end": THIRD});
    let path = format!("{}/reschedule", world.booking);
    world.sam.post(&path, &moved).await.expect(200);
    world.read_anew().await;
    assert_starts(&world.test, &world.tutor, &[]);
    let events = google.all_events(&family);
    assert_eq!(events.len(), 1);
    assert_eq!(
        at(events[0]["start"]["dateTime"].as_str().unwrap()),
        at(SECOND)
    );
    assert_eq!(world.booking().await["calendar"], "current");
}

#[tokio::test]
async fn what_was_never_known_to_be_in_its_place_is_not_followed() {
    let world = World::new().await;
    // As of lessons that were written before anybody looked.
    let forget =
        "UPDATE lessons SET calendar_event_starts_at = NULL, calendar_event_ends_at = NULL";
    world.test.execute(forget).await;
    world.drag(THIRD, 60);
    world.read_anew().await;
    world.look_again().await;
    assert_eq!(world.told().await, [""; 0]);
    // Once it is seen there it is.
    world.drag(FIRST, 60);
    world.read_anew().await;
    world.drag(THIRD, 60);
    world.read_anew().await;
    assert_eq!(world.told().await, ["moved rescheduled"]);
    world.assert_at(THIRD).await;
}

#[tokio::test]
async fn where_the_centre_wants_it_so_every_event_is_put_back() {
    let world = World::new().await;
    world
        .set_policy(&[("event_moved", json!("put_back"))])
        .await;
    world.drag(THIRD, 60);
    world.read_anew().await;
    world.assert_at(FIRST).await;
    assert_eq!(world.told().await, ["moved put_back policy"]);
}

#[tokio::test]
async fn a_group_lesson_follows_with_everybody_in_it_or_not_at_all() {
    let (world, olga, of_olga) = World::of_group().await;
    let theo = world.centre.tutor(&world.test, "Theo").await;
    book(&olga, &theo, SECOND).await;
    world.drag(SECOND, 60);
    world.read_anew().await;
    world.assert_at(FIRST).await;
    assert_eq!(world.told().await, ["moved put_back student_busy"]);
    world.read_anew().await;
    world.drag(THIRD, 60);
    world.read_anew().await;
    world.assert_at(THIRD).await;
    let booking = olga.get(&of_olga).await.expect(200);
    assert_eq!(at(booking["start"].as_str().unwrap()), at(THIRD));
    assert_eq!(world.told().await[1..], ["moved rescheduled"]);
    // Students don't see what their tutors do with events.
    assert!(drifts(&olga, "").await.is_empty());
}

#[tokio::test]
async fn what_was_moved_while_nobody_could_be_told_is_found_by_a_full_listing() {
    let world = World::new().await;
    // Beyond all that is listed, and so not in the listing at all.
    world.drag("2027-09-01T08:00:00Z", 60);
    world.test.google.expire_sync_tokens();
    world.read_anew().await;
    assert_eq!(world.booking().await["status"], "confirmed");
    let told = world.told().await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("moved "), "{told:?}");
}

#[tokio::test]
async fn an_event_that_is_moved_again_and_again_is_left_where_it_is_for_a_while() {
    let world = World::new().await;
    world
        .set_policy(&[("event_moved", json!("put_back"))])
        .await;
    for _ in 0..12 {
        world.drag(THIRD, 60);
        world.read_anew().await;
    }
    assert_eq!(world.told().await.len(), 10);
    assert_starts(&world.test, &world.tutor, &[THIRD]);
    for _ in 0..2 {
        world.after(TimeDelta::hours(1)).await;
    }
    world.assert_at(FIRST).await;
    assert_eq!(world.told().await.len(), 11);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_who_follow_at_once_do_so_once() {
    for start in [THIRD, "2027-03-03T20:00:00Z"] {
        let world = World::new().await;
        world.drag(start, 60);
        let follow = || {
            let (app, lesson) = (world.test.app.clone(), world.lesson);
            tokio::spawn(async move { drift::follow(&app, lesson).await })
        };
        let at_once = [follow(), follow(), follow()];
        for outcome in at_once {
            outcome.await.unwrap().unwrap();
        }
        world.read_anew().await;
        assert_eq!(world.told().await.len(), 1, "{start}");
    }
}
