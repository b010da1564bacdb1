//! When a tutor can be booked.

use crate::support::{
    Centre, Person, TestApp, TutorAtCentre,
    lesson::{book, cancel},
};
use chrono::TimeDelta;
use reqwest::{Method, header};
use serde_json::{Value, json};

async fn slots(person: &Person, tutor: &TutorAtCentre, query: &str) -> Vec<Value> {
    let path = tutor.path(&format!("/slots?{query}"));
    let list = person.get(&path).await.expect(200);
    assert_eq!(list["tutor_id"], tutor.id.to_string());
    list["items"].as_array().unwrap().clone()
}

fn day(date: &str, minutes: u32) -> String {
    format!("from={date}T00:00:00Z&to={date}T23:59:59Z&minutes={minutes}")
}

fn all<'a>(slots: &'a [Value], field: &str) -> Vec<&'a str> {
    slots
        .iter()
        .map(|slot| slot[field].as_str().unwrap())
        .collect()
}

async fn starts(person: &Person, tutor: &TutorAtCentre, date: &str) -> Vec<String> {
    let found = slots(person, tutor, &day(date, 60)).await;
    all(&found, "start")
        .into_iter()
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn nine_stays_nine_in_berlin_when_the_clocks_change() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let sam = test.student("Sam").await;
    for (date, first, local_first, local_last) in [
        (
            "2027-03-26",
            "2027-03-26T08:00:00Z",
            "2027-03-26T09:00:00+01:00",
            "2027-03-26T16:00:00+01:00",
        ),
        (
            "2027-03-29",
            "2027-03-29T07:00:00Z",
            "2027-03-29T09:00:00+02:00",
            "2027-03-29T16:00:00+02:00",
        ),
    ] {
        let found = slots(&sam, &tutor, &day(date, 60)).await;
        assert_eq!(found.len(), 15);
        assert_eq!(found[0]["start"], first);
        assert_eq!(found[0]["local_start"], local_first);
        assert_eq!(found[14]["local_start"], local_last);
    }
    assert!(
        starts(&sam, &tutor, "2027-03-28").await.is_empty(),
        "a Sunday"
    );
    sam.post("/v1/bookings", &tutor.lesson("2027-03-29T07:00:00Z", 60))
        .await
        .expect(201);
}

#[tokio::test]
async fn nine_stays_nine_in_new_york_when_the_clocks_change_there_on_another_day() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test)
        .await
        .tutor_in(&test, "Tom", "America/New_York")
        .await;
    let sam = test.student("Sam").await;
    for (date, local, berlin) in [
        (
            "2027-03-12",
            "2027-03-12T09:00:00-05:00",
            "2027-03-12T15:00:00+01:00",
        ),
        (
            "2027-03-15",
            "2027-03-15T09:00:00-04:00",
            "2027-03-15T14:00:00+01:00",
        ),
        (
            "2027-03-29",
            "2027-03-29T09:00:00-04:00",
            "2027-03-29T15:00:00+02:00",
        ),
    ] {
        let there = format!("{}&time_zone=America/New_York", day(date, 60));
        assert_eq!(slots(&sam, &tutor, &there).await[0]["local_start"], local);
        let here = slots(&sam, &tutor, &day(date, 60)).await;
        assert_eq!(here[0]["local_start"], berlin);
    }
}

/// On 28 March 2027 it is never half past two in Berlin, and three o'clock is one hour after one fifty-nine.
#[tokio::test]
async fn hours_across_the_change_of_clocks_are_as_many_as_really_pass() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let rule = json!({"weekday": "sunday", "local_start": "01:00", "local_end": "05:00"});
    tutor
        .edit(Method::PUT, "/weekly-rules", &json!({"rules": [rule]}))
        .await
        .expect(200);
    let sam = test.student("Sam").await;
    let found = slots(&sam, &tutor, &day("2027-03-28", 60)).await;
    let expected = [
        "2027-03-28T01:00:00+01:00",
        "2027-03-28T01:30:00+01:00",
        "2027-03-28T03:00:00+02:00",
        "2027-03-28T03:30:00+02:00",
        "2027-03-28T04:00:00+02:00",
    ];
    assert_eq!(all(&found, "local_start"), expected);
    assert_eq!(found[1]["local_end"], "2027-03-28T03:30:00+02:00");
    assert_eq!(found[1]["end"], "2027-03-28T01:30:00Z");
    let before = slots(&sam, &tutor, &day("2027-03-21", 60)).await;
    assert_eq!(before.len(), 7);
}

#[tokio::test]
async fn slots_are_told_in_the_zone_that_is_asked_for_or_that_of_the_account() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let sam = test.student("Sam").await;
    for (zone, start, end) in [
        (
            "Asia/Kathmandu",
            "2027-03-02T13:45:00+05:45",
            "2027-03-02T14:45:00+05:45",
        ),
        (
            "Pacific/Kiritimati",
            "2027-03-02T22:00:00+14:00",
            "2027-03-02T23:00:00+14:00",
        ),
        (
            "America/St_Johns",
            "2027-03-02T04:30:00-03:30",
            "2027-03-02T05:30:00-03:30",
        ),
        ("UTC", "2027-03-02T08:00:00Z", "2027-03-02T09:00:00Z"),
    ] {
        let query = format!("{}&time_zone={zone}", day("2027-03-02", 60));
        let path = tutor.path(&format!("/slots?{query}"));
        let list = sam.get(&path).await.expect(200);
        assert_eq!(list["time_zone"], zone);
        let first = &list["items"][0];
        assert_eq!(first["start"], "2027-03-02T08:00:00Z");
        assert_eq!(first["end"], "2027-03-02T09:00:00Z");
        assert_eq!(
            (&first["local_start"], &first["local_end"]),
            (&json!(start), &json!(end))
        );
    }
    let etag = sam.get("/v1/me").await.etag();
    sam.edit(
        Method::PATCH,
        "/v1/me",
        &etag,
        &json!({"time_zone": "Asia/Tokyo"}),
    )
    .await
    .expect(200);
    let own = slots(&sam, &tutor, &day("2027-03-02", 60)).await;
    assert_eq!(own[0]["local_start"], "2027-03-02T17:00:00+09:00");
}

#[tokio::test]
async fn a_slot_begins_no_sooner_than_the_notice_and_no_later_than_the_horizon() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let sam = test.student("Sam").await;
    // Now is eight in Berlin, so nine is exactly one hour ahead.
    let today = starts(&sam, &tutor, "2027-03-01").await;
    assert_eq!(today[0], "2027-03-01T08:00:00Z");
    // Sixty days ahead it is nine in Berlin.
    let last = starts(&sam, &tutor, "2027-04-30").await;
    assert_eq!(last, ["2027-04-30T07:00:00Z"]);
    assert!(starts(&sam, &tutor, "2027-05-03").await.is_empty());
    test.pass(TimeDelta::seconds(1));
    let today = starts(&sam, &tutor, "2027-03-01").await;
    assert_eq!(today[0], "2027-03-01T08:30:00Z");
    test.pass(TimeDelta::minutes(30));
    let last = starts(&sam, &tutor, "2027-04-30").await;
    assert_eq!(last, ["2027-04-30T07:00:00Z", "2027-04-30T07:30:00Z"]);
    assert!(
        starts(&sam, &tutor, "2027-02-26").await.is_empty(),
        "the past"
    );
}

#[tokio::test]
async fn a_window_of_sixty_two_days_is_searched_and_a_second_more_is_refused() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let sam = test.student("Sam").await;
    let window = "from=2027-03-01T00:00:00Z&to=2027-05-02T00:00:00Z&minutes=60";
    let found = slots(&sam, &tutor, window).await;
    // Fifteen on each of the 44 working days before the last, and one on that.
    assert_eq!(found.len(), 44 * 15 + 1);
    let starts = all(&found, "start");
    assert!(starts.is_sorted());
    let longer = tutor.path("/slots?from=2027-03-01T00:00:00Z&to=2027-05-02T00:00:01Z&minutes=60");
    let problem = sam.get(&longer).await.expect_problem(422, "invalid_fields");
    assert_eq!(problem["errors"][0]["code"], "window_too_long");
}

#[tokio::test]
async fn a_slot_begins_in_the_window_and_may_end_after_it() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let sam = test.student("Sam").await;
    let window = "from=2027-03-02T08:30:00Z&to=2027-03-02T09:30:00Z&minutes=60";
    let found = slots(&sam, &tutor, window).await;
    assert_eq!(
        all(&found, "start"),
        ["2027-03-02T08:30:00Z", "2027-03-02T09:00:00Z"]
    );
    assert_eq!(found[1]["end"], "2027-03-02T10:00:00Z");
}

#[tokio::test]
async fn longer_lessons_begin_earlier_on_the_last_hours_of_the_day() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let sam = test.student("Sam").await;
    let found = slots(&sam, &tutor, &day("2027-03-02", 90)).await;
    assert_eq!(found.len(), 14);
    assert_eq!(found[13]["start"], "2027-03-02T14:30:00Z");
    assert_eq!(found[13]["end"], "2027-03-02T16:00:00Z");
}

#[tokio::test]
async fn a_lesson_of_the_student_with_another_tutor_hides_slots_from_that_student_only() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let tina = centre.tutor(&test, "Tina").await;
    let theo = centre.tutor(&test, "Theo").await;
    let sam = test.student("Sam").await;
    let olga = test.student("Olga").await;
    let booked = sam
        .post("/v1/bookings", &tina.lesson("2027-03-02T09:00:00Z", 60))
        .await;
    let location = booked.headers["location"].to_str().unwrap().to_owned();
    booked.expect(201);
    let hidden = [
        "2027-03-02T08:30:00Z",
        "2027-03-02T09:00:00Z",
        "2027-03-02T09:30:00Z",
    ];
    let has = |starts: &[String]| {
        hidden
            .iter()
            .filter(|hidden| starts.iter().any(|start| start == *hidden))
            .count()
    };
    assert_eq!(has(&starts(&sam, &theo, "2027-03-02").await), 0);
    assert_eq!(has(&starts(&olga, &theo, "2027-03-02").await), 3);
    assert_eq!(has(&starts(&olga, &tina, "2027-03-02").await), 0);
    assert_eq!(starts(&sam, &theo, "2027-03-02").await.len(), 12);
    sam.post(&format!("{location}/cancel"), &json!({}))
        .await
        .expect(200);
    for (person, tutor) in [(&sam, &theo), (&olga, &tina), (&sam, &tina)] {
        assert_eq!(starts(person, tutor, "2027-03-02").await.len(), 15);
    }
}

#[tokio::test]
async fn every_slot_that_is_shown_can_be_booked_until_the_day_is_full() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let sam = test.student("Sam").await;
    let mut booked = Vec::new();
    while let Some(start) = starts(&sam, &tutor, "2027-03-02").await.pop() {
        sam.post("/v1/bookings", &tutor.lesson(&start, 60))
            .await
            .expect(201);
        booked.push(start);
    }
    assert_eq!(booked.len(), 8);
}

#[tokio::test]
async fn a_hidden_tutor_shows_slots_to_nobody_else() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let sam = test.student("Sam").await;
    tutor.hide().await;
    let path = tutor.path(&format!("/slots?{}", day("2027-03-02", 60)));
    sam.get(&path).await.expect_problem(404, "not_found");
    tutor.person.get(&path).await.expect(200);
}

#[tokio::test]
async fn what_the_tutors_own_calendar_says_is_busy_is_no_slot() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test)
        .await
        .connected_tutor(&test, "Tina")
        .await;
    let sam = test.student("Sam").await;
    assert_eq!(starts(&sam, &tutor, "2027-03-02").await.len(), 15);
    let (from, to) = ("2027-03-02T09:15:00Z", "2027-03-02T09:45:00Z");
    test.google.insert_busy(
        &tutor.email,
        crate::support::at(from),
        crate::support::at(to),
        "Dentist",
    );
    test.pass(TimeDelta::minutes(2));
    test.run_jobs().await;
    let found = starts(&sam, &tutor, "2027-03-02").await;
    assert_eq!(found.len(), 12);
    assert!(!found.contains(&"2027-03-02T09:00:00Z".to_owned()));
    // What is no longer read is no longer known.
    tutor
        .person
        .delete("/v1/calendar/connection")
        .await
        .expect(204);
    assert_eq!(starts(&sam, &tutor, "2027-03-02").await.len(), 15);
}

#[tokio::test]
async fn answers_are_compressed_for_whom_it_helps() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let sam = test.student("Sam").await;
    let path = tutor.path("/slots?minutes=60&from=2027-03-02T00:00:00Z&to=2027-03-30T00:00:00Z");
    let plain = sam.request(Method::GET, &path).send().await.unwrap();
    assert!(!plain.headers().contains_key(header::CONTENT_ENCODING));
    let plain = plain.bytes().await.unwrap();
    let request = sam.request(Method::GET, &path);
    let request = request.header(header::ACCEPT_ENCODING, "gzip, br");
    let packed = request.send().await.unwrap();
    assert_eq!(packed.headers()[header::CONTENT_ENCODING], "gzip");
    assert_eq!(packed.headers()[header::VARY], "accept-encoding");
    let packed = packed.bytes().await.unwrap();
    assert!(
        packed.len() * 10 < plain.len(),
        "{} of {}",
        packed.len(),
        plain.len()
    );
}

#[tokio::test]
async fn a_booking_is_not_in_the_way_of_where_it_could_be_moved() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let (tina, theo) = (
        centre.tutor(&test, "Tina").await,
        centre.tutor(&test, "Theo").await,
    );
    let [sam, olga] = [test.student("Sam").await, test.student("Olga").await];
    let booking = book(&sam, &tina, "2027-03-02T10:00:00Z").await;
    book(&sam, &theo, "2027-03-02T12:00:00Z").await;
    book(&olga, &tina, "2027-03-02T08:00:00Z").await;
    let id = booking.rsplit('/').next().unwrap();
    let moving = format!("&moving_booking_id={id}");
    let day = day("2027-03-02", 60);
    let without = slots(&sam, &tina, &day).await;
    let with = slots(&sam, &tina, &format!("{day}{moving}")).await;
    let without: Vec<&str> = all(&without, "start");
    let more = all(&with, "start");
    let more: Vec<&str> = more
        .into_iter()
        .filter(|it| !without.contains(it))
        .collect();
    assert_eq!(
        more,
        ["2027-03-02T09:30:00Z", "2027-03-02T10:30:00Z"],
        "what only the booking itself is in the way of: neither Olga's lesson nor Sam's other one"
    );
    let at = "start=2027-03-02T10:30:00Z&minutes=60";
    let explain = |rest: &str| tina.path(&format!("/slots/explain?{at}{rest}"));
    let without = sam.get(&explain("")).await.expect(200);
    assert_eq!(without["bookable"], false);
    // Tina, who moves it as well, asks for Sam.
    for person in [&sam, &tina.person] {
        let with = person.get(&explain(&moving)).await.expect(200);
        assert_eq!(with["bookable"], true, "{with:#}");
    }
    let to = json!({"start": "2027-03-02T10:30:00Z", "end": "2027-03-02T11:30:00Z"});
    let path = format!("{booking}/reschedule");
    sam.post(&path, &to).await.expect(200);
}

#[tokio::test]
async fn nobody_asks_where_somebody_elses_booking_could_be_moved() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let (tina, theo) = (
        centre.tutor(&test, "Tina").await,
        centre.tutor(&test, "Theo").await,
    );
    let [sam, olga] = [test.student("Sam").await, test.student("Olga").await];
    let booking = book(&sam, &tina, "2027-03-02T10:00:00Z").await;
    let booking = booking.rsplit('/').next().unwrap();
    let day = day("2027-03-02", 60);
    let ask = async |person: &Person, tutor: &TutorAtCentre, rest: &str| {
        let path = tutor.path(&format!("/slots?{day}&moving_booking_id={booking}{rest}"));
        let refused = person.get(&path).await;
        let problem = refused.expect_problem(422, "invalid_fields");
        let error = &problem["errors"][0];
        assert_eq!(error["field"], "moving_booking_id");
        assert_eq!(error["code"], "unknown_booking");
    };
    ask(&olga, &tina, "").await;
    ask(&theo.person, &tina, "").await;
    ask(&sam, &theo, "").await;
    let olga = format!("&student_id={}", olga.id().await);
    ask(&tina.person, &tina, &olga).await;
    ask(&sam, &tina, &olga).await;

    let mut group = tina.lesson("2027-03-02T12:00:00Z", 60);
    group["capacity"] = json!(3);
    let opened = tina.person.post("/v1/lessons", &group).await.expect(201);
    let join = format!("/v1/lessons/{}/join", opened["id"].as_str().unwrap());
    let seat = sam.post(&join, &json!({})).await.expect(201);
    let id = seat["id"].as_str().unwrap();
    let path = tina.path(&format!("/slots?{day}&moving_booking_id={id}"));
    let problem = sam.get(&path).await.expect_problem(422, "invalid_fields");
    assert_eq!(problem["errors"][0]["code"], "group_lesson");

    // A lesson that is no more tells nobody when its student has time.
    let path = tina.path(&format!("/slots?{day}&moving_booking_id={booking}"));
    tina.person.get(&path).await.expect(200);
    cancel(&sam, &format!("/v1/bookings/{booking}")).await;
    let refused = tina.person.get(&path).await;
    let problem = refused.expect_problem(422, "invalid_fields");
    assert_eq!(problem["errors"][0]["code"], "not_movable");
}

/// What is listed and explained is what moving it is answered.
#[tokio::test]
async fn where_a_booking_could_be_moved_is_where_it_is_moved() {
    let test = TestApp::start().await;
    let tina = Centre::open(&test).await.tutor(&test, "Tina").await;
    let (sam, admin) = (test.student("Sam").await, test.admin("Ada").await);
    let grant = json!({
        "student_id": sam.id().await, "subject": "mathematics", "kind": "grant", "minutes": 60, "reason": "x",
    });
    admin.post("/v1/credits", &grant).await.expect(200);
    let start = "2027-03-02T10:00:00Z";
    let mut wanted = tina.lesson(start, 60);
    wanted["pay_with"] = json!("credit");
    let booked = sam.post("/v1/bookings", &wanted).await.expect(201);
    let moving = format!("&moving_booking_id={}", booked["id"].as_str().unwrap());
    let listed = slots(&sam, &tina, &format!("{}{moving}", day("2027-03-02", 60))).await;
    let listed = all(&listed, "start");
    assert!(listed.contains(&"2027-03-02T10:30:00Z") && !listed.contains(&start));
    let path = tina.path(&format!("/slots/explain?start={start}&minutes=60{moving}"));
    let told = sam.get(&path).await.expect(200);
    let codes: Vec<_> = told["reasons"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["code"].as_str().unwrap())
        .collect();
    assert_eq!(
        (&told["bookable"], codes),
        (&json!(false), vec!["same_time"])
    );
    let alternatives = told["alternatives"].as_array().unwrap();
    assert!(!alternatives.is_empty() && alternatives.iter().all(|it| it["start"] != start));

    let longer = tina.path(&format!("/slots?{}{moving}", day("2027-03-02", 90)));
    let ask = async |person: &Person, path: &str| {
        let refused = person.get(path).await;
        let problem = refused.expect_problem(422, "invalid_fields");
        let error = &problem["errors"][0];
        (error["field"].clone(), error["code"].clone())
    };
    let by_length = (json!("minutes"), json!("paid_with_credit"));
    assert_eq!(ask(&sam, &longer).await, by_length);
    assert_eq!(ask(&tina.person, &longer).await, by_length);

    let policy = json!({"policy": {"windows": [], "grace_minutes": 0, "credit_days": 30}});
    let etag = admin.get("/v1/cancellation-policy").await.etag();
    let at_once = admin
        .edit(Method::PUT, "/v1/cancellation-policy", &etag, &policy)
        .await;
    at_once.expect(200);
    let path = tina.path(&format!("/slots?{}{moving}", day("2027-03-02", 60)));
    let too_late = (json!("moving_booking_id"), json!("too_late_to_move"));
    assert_eq!(ask(&sam, &path).await, too_late);
    tina.person.get(&path).await.expect(200);
}
