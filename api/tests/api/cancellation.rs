//! What cancelling means for the student: told beforehand, and done.

use crate::support::{
    Answer, Centre, Person, TestApp, TutorAtCentre, at,
    lesson::{FIRST, SECOND, book},
};
use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};

pub const POLICY: &str = "/v1/cancellation-policy";

/// Replaces what cancelling means, whatever its version; `query` says of what.
pub async fn replace(admin: &Person, query: &str, policy: Value) -> Answer {
    let path = format!("{POLICY}{query}");
    let etag = admin.get(&path).await.etag();
    let policy = json!({"policy": policy});
    admin.edit(Method::PUT, &path, &etag, &policy).await
}

/// Free until a day before, credit until two hours before, and charged after that.
pub fn usual() -> Value {
    json!({"windows": [
        {"minutes_before": 1440, "consequence": "free"},
        {"minutes_before": 120, "consequence": "credit"},
    ], "grace_minutes": 0, "credit_days": 30})
}

/// With a single window.
fn only(minutes: i64, consequence: &str) -> Value {
    json!({"windows": [{"minutes_before": minutes, "consequence": consequence}], "grace_minutes": 0, "credit_days": 30})
}

struct World {
    test: TestApp,
    tutor: TutorAtCentre,
    sam: Person,
    admin: Person,
}

impl World {
    async fn new() -> Self {
        let test = TestApp::start().await;
        let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
        Self {
            sam: test.student("Sam").await,
            admin: test.admin("Ada").await,
            tutor,
            test,
        }
    }
}

async fn quote(person: &Person, booking: &str) -> Value {
    let path = format!("{booking}/cancellation-quote");
    person.get(&path).await.expect(200)
}

async fn cancel(person: &Person, booking: &str) -> Value {
    let path = format!("{booking}/cancel");
    person.post(&path, &json!({})).await.expect(200)["cancellation"].clone()
}

/// Of a lesson of an hour for which credit did not pay.
fn outcome(consequence: &str, credit_minutes: i32) -> Value {
    let charged_minutes = if consequence == "free" { 0 } else { 60 };
    json!({"consequence": consequence, "credit_minutes": credit_minutes, "charged_minutes": charged_minutes})
}

#[tokio::test]
async fn where_nothing_is_said_it_is_free_until_the_lesson_begins() {
    let world = World::new().await;
    let booking = book(&world.sam, &world.tutor, FIRST).await;
    let before = world.sam.get(&booking).await.expect(200);
    assert_eq!(before["cancellation"], Value::Null);
    assert_eq!(before["paid_with"], Value::Null);
    world.test.set_clock(at(FIRST) - TimeDelta::seconds(1));
    let free = json!({"now": outcome("free", 0), "changes_at": null, "then": null});
    assert_eq!(quote(&world.sam, &booking).await, free);
    assert_eq!(cancel(&world.sam, &booking).await, outcome("free", 0));
    let refused = format!("{booking}/cancellation-quote");
    let refused = world.sam.get(&refused).await;
    refused.expect_problem(409, "already_cancelled");
}

#[tokio::test]
async fn what_is_quoted_is_what_happens_to_the_second() {
    let world = World::new().await;
    replace(&world.admin, "", usual()).await.expect(200);
    let charged = json!({"now": outcome("charged", 0), "changes_at": null, "then": null});
    for (week, hours_before, seconds) in [(0, 24, 1), (1, 24, 0), (2, 2, 1), (3, 2, 0)] {
        let start = at(FIRST) + TimeDelta::weeks(week);
        let before = |hours| json!(start - TimeDelta::hours(hours));
        let expected = match week {
            0 => {
                json!({"now": outcome("free", 0), "changes_at": before(24), "then": outcome("credit", 60)})
            }
            1 | 2 => {
                json!({"now": outcome("credit", 60), "changes_at": before(2), "then": outcome("charged", 0)})
            }
            _ => charged.clone(),
        };
        let booking = book(&world.sam, &world.tutor, &start.to_rfc3339()).await;
        let now = start - TimeDelta::hours(hours_before) - TimeDelta::seconds(seconds);
        world.test.set_clock(now);
        assert_eq!(quote(&world.sam, &booking).await, expected);
        assert_eq!(cancel(&world.sam, &booking).await, expected["now"]);
        // It is written down, and stays so.
        let later = world.sam.get(&booking).await.expect(200);
        assert_eq!(later["cancellation"], expected["now"]);
    }
    // Two of them gave credit, which is good for as long as the policy says.
    let credits = world.sam.get("/v1/credits").await.expect(200);
    assert_eq!(credits["items"][0]["minutes"], 120);
    let lots = &credits["items"][0]["lots"];
    assert_eq!(
        lots[0],
        json!({"minutes": 60, "expires_at": "2027-04-07T08:00:00Z"})
    );
}

#[tokio::test]
async fn whoever_else_calls_a_lesson_off_it_is_free_for_the_student() {
    let world = World::new().await;
    replace(&world.admin, "", only(40_000, "credit"))
        .await
        .expect(200);
    for person in [&world.tutor.person, &world.admin] {
        let booking = book(&world.sam, &world.tutor, FIRST).await;
        let by_student = quote(&world.sam, &booking).await;
        assert_eq!(by_student["now"], outcome("charged", 0));
        let by_other = quote(person, &booking).await;
        assert_eq!(by_other["now"], outcome("free", 0));
        assert_eq!(cancel(person, &booking).await, outcome("free", 0));
    }
    let stranger = world.test.student("Olga").await;
    let booking = book(&world.sam, &world.tutor, FIRST).await;
    let path = format!("{booking}/cancellation-quote");
    stranger.get(&path).await.expect_problem(404, "not_found");
    // A guardian is on the side of the student.
    let gita = world.test.student("Gita").await.id().await;
    let link = json!({"guardian_id": gita, "student_id": world.sam.id().await});
    world
        .admin
        .post("/v1/guardianships", &link)
        .await
        .expect(201);
    let gita = world.test.sign_in("gita@example.com").await;
    assert_eq!(quote(&gita, &booking).await["now"], outcome("charged", 0));
    assert_eq!(cancel(&gita, &booking).await, outcome("charged", 0));
}

#[tokio::test]
async fn what_was_only_requested_can_be_cancelled_and_declined_freely() {
    let world = World::new().await;
    replace(&world.admin, "", only(40_000, "credit"))
        .await
        .expect(200);
    let asking = json!({"requires_approval": true, "approval_minutes": 60});
    world
        .tutor
        .edit(Method::PUT, "/policy", &asking)
        .await
        .expect(200);
    let booking = book(&world.sam, &world.tutor, FIRST).await;
    assert_eq!(quote(&world.sam, &booking).await["now"], outcome("free", 0));
    assert_eq!(cancel(&world.sam, &booking).await, outcome("free", 0));
    let booking = book(&world.sam, &world.tutor, FIRST).await;
    let path = format!("{booking}/decline");
    let declined = world.tutor.person.post(&path, &json!({})).await.expect(200);
    assert_eq!(declined["cancellation"], outcome("free", 0));
}

#[tokio::test]
async fn the_policy_of_the_tutor_stands_above_that_of_the_subject_and_that_above_the_centres() {
    let world = World::new().await;
    let booking = book(&world.sam, &world.tutor, SECOND).await;
    let consequence = async || quote(&world.sam, &booking).await["now"]["consequence"].clone();
    let (tutor, subject) = (
        format!("?tutor_id={}", world.tutor.id),
        "?subject=mathematics",
    );
    let both = format!("{tutor}&subject=mathematics");
    replace(&world.admin, "", only(0, "credit"))
        .await
        .expect(200);
    assert_eq!(consequence().await, "credit");
    replace(&world.admin, subject, only(0, "free"))
        .await
        .expect(200);
    assert_eq!(consequence().await, "free");
    let own = replace(&world.admin, &tutor, only(40_000, "free"))
        .await
        .expect(200);
    assert_eq!(own["own"], own["effective"]);
    assert_eq!(consequence().await, "charged");
    let read = world.sam.get(&format!("{POLICY}{both}")).await.expect(200);
    assert_eq!(read["effective"], only(40_000, "free"));
    // What is taken back leaves it to the more general one.
    let back = replace(&world.admin, &tutor, Value::Null).await.expect(200);
    assert_eq!(back["own"], Value::Null);
    assert_eq!(consequence().await, "free");
    replace(&world.admin, subject, Value::Null)
        .await
        .expect(200);
    assert_eq!(consequence().await, "credit");
    let read = world.sam.get(&format!("{POLICY}{both}")).await.expect(200);
    assert_eq!(read, json!({"own": null, "effective": only(0, "credit")}));
    replace(&world.admin, "?subject=physics", only(0, "free"))
        .await
        .expect(200);
    assert_eq!(consequence().await, "credit");
}

#[tokio::test]
async fn only_admins_say_what_cancelling_means_and_nobody_undoes_what_they_have_not_read() {
    let world = World::new().await;
    let tutor = format!("{POLICY}?tutor_id={}", world.tutor.id);
    let body = json!({"policy": usual()});
    for person in [&world.tutor.person, &world.sam] {
        let refused = person.edit(Method::PUT, &tutor, "\"0\"", &body).await;
        refused.expect_problem(403, "not_an_admin");
    }
    let edit = |etag: &'static str| world.admin.edit(Method::PUT, &tutor, etag, &body);
    edit("\"1\"").await.expect(200);
    edit("\"1\"").await.expect_problem(412, "stale_etag");
    edit("\"2\"").await.expect(200);
    edit("\"2\"").await.expect_problem(412, "stale_etag");
    let both = "?subject=mathematics&tutor_id=";
    let both = format!("{both}{}", world.tutor.id);
    for (query, policy, code) in [
        (&*both, usual(), "not_allowed"),
        ("", Value::Null, "needs_policy"),
        (
            "",
            json!({"windows": [
            {"minutes_before": 60, "consequence": "free"}, {"minutes_before": 120, "consequence": "credit"},
        ], "grace_minutes": 0, "credit_days": 1}),
            "out_of_order",
        ),
        (
            "",
            json!({"windows": [], "grace_minutes": -1, "credit_days": 1}),
            "out_of_range",
        ),
    ] {
        let refused = replace(&world.admin, query, policy).await;
        let problem = refused.expect_problem(422, "invalid_fields");
        assert_eq!(problem["errors"][0]["code"], code, "{problem:#}");
    }
    for missing in [
        "?subject=alchemy".to_owned(),
        format!("?tutor_id={}", uuid::Uuid::now_v7()),
    ] {
        let path = format!("{POLICY}{missing}");
        world.sam.get(&path).await.expect_problem(404, "not_found");
    }
}

#[tokio::test]
async fn who_has_only_just_booked_may_think_again() {
    let world = World::new().await;
    let policy = json!({"windows": [], "grace_minutes": 15, "credit_days": 30});
    replace(&world.admin, "", policy).await.expect(200);
    let booking = book(&world.sam, &world.tutor, FIRST).await;
    let free = json!({"now": outcome("free", 0), "changes_at": "2027-03-01T07:15:00Z", "then": outcome("charged", 0)});
    assert_eq!(quote(&world.sam, &booking).await, free);
    world.test.pass(TimeDelta::minutes(15));
    assert_eq!(cancel(&world.sam, &booking).await, outcome("charged", 0));
}

#[tokio::test]
async fn what_can_not_be_cancelled_freely_is_not_moved_to_where_it_could_be() {
    let world = World::new().await;
    replace(&world.admin, "", usual()).await.expect(200);
    let booking = book(&world.sam, &world.tutor, FIRST).await;
    let path = format!("{booking}/reschedule");
    let to = |start: &str| json!({"start": start, "end": at(start) + TimeDelta::hours(1)});
    let moved = world.sam.post(&path, &to(SECOND)).await;
    moved.expect(200);
    world.test.set_clock(at(SECOND) - TimeDelta::hours(23));
    let now = quote(&world.sam, &booking).await["now"].clone();
    assert_eq!(now["consequence"], "credit");
    let later = to("2027-03-09T09:00:00Z");
    let refused = world.sam.post(&path, &later).await;
    refused.expect_problem(409, "too_late_to_move");
    world.tutor.person.post(&path, &later).await.expect(200);
}

#[tokio::test]
async fn nobody_gains_credit_by_booking_and_cancelling() {
    let world = World::new().await;
    replace(&world.admin, "", usual()).await.expect(200);
    let minutes = async || {
        let credits = world.sam.get("/v1/credits").await.expect(200);
        credits["items"][0]["minutes"].as_i64().unwrap_or_default()
    };
    // Each is charged for as much as it gives.
    for week in 0..2 {
        let start = at(FIRST) + TimeDelta::weeks(week);
        let booking = book(&world.sam, &world.tutor, &start.to_rfc3339()).await;
        world.test.set_clock(start - TimeDelta::hours(12));
        assert_eq!(cancel(&world.sam, &booking).await, outcome("credit", 60));
        let kept = world.sam.get(&booking).await.expect(200);
        assert_eq!(kept["cancellation"]["charged_minutes"], 60);
        assert_eq!(minutes().await, 60 * (week + 1));
    }
    // Nor is there more of what was paid with it.
    let start = at(FIRST) + TimeDelta::weeks(2);
    let mut paid = world.tutor.lesson(&start.to_rfc3339(), 60);
    paid["pay_with"] = json!("credit");
    let booked = world.sam.post("/v1/bookings", &paid).await.expect(201);
    assert_eq!(minutes().await, 60);
    world.test.set_clock(start - TimeDelta::hours(12));
    let path = format!("/v1/bookings/{}", booked["id"].as_str().unwrap());
    let back = json!({"consequence": "credit", "credit_minutes": 60, "charged_minutes": 0});
    assert_eq!(quote(&world.sam, &path).await["now"], back);
    assert_eq!(cancel(&world.sam, &path).await, back);
    assert_eq!(minutes().await, 120);
}

/// Moves a booking, or what else is there, to an hour.
async fn move_to(person: &Person, what: &str, start: &str) {
    let to = json!({"start": start, "end": at(start) + TimeDelta::hours(1)});
    let path = format!("{what}/reschedule");
    person.post(&path, &to).await.expect(200);
}

#[tokio::test]
async fn who_was_moved_by_somebody_else_cancels_freely_for_a_day_and_is_told_until_when() {
    let world = World::new().await;
    replace(&world.admin, "", usual()).await.expect(200);
    let day = TimeDelta::days(1);
    for (week, mover, hour) in [(1, &world.tutor.person, 8), (2, &world.admin, 9)] {
        let start = at("2027-03-02T09:00:00Z") + TimeDelta::weeks(week);
        let to = start + day + TimeDelta::hours(hour - 9);
        let booking = book(&world.sam, &world.tutor, &start.to_rfc3339()).await;
        let moved_at = start - TimeDelta::hours(2);
        world.test.set_clock(moved_at);
        let late = quote(&world.sam, &booking).await;
        assert_eq!(late["now"], outcome("charged", 0));
        move_to(mover, &booking, &to.to_rfc3339()).await;
        let free = json!({"now": outcome("free", 0), "changes_at": moved_at + day, "then": outcome("charged", 0)});
        assert_eq!(quote(&world.sam, &booking).await, free);
        world.test.set_clock(moved_at + day - TimeDelta::seconds(1));
        assert_eq!(cancel(&world.sam, &booking).await, outcome("free", 0));
    }
    // Who moves a lesson themselves wanted it there.
    let booking = book(&world.sam, &world.tutor, "2027-03-25T09:00:00Z").await;
    move_to(&world.sam, &booking, "2027-03-23T09:00:00Z").await;
    world.test.set_clock(at("2027-03-22T10:00:00Z"));
    let own = quote(&world.sam, &booking).await;
    assert_eq!(own["now"], outcome("credit", 60));
}

#[tokio::test]
async fn everybody_in_a_group_lesson_or_series_that_is_moved_may_leave_freely() {
    let world = World::new().await;
    replace(&world.admin, "", usual()).await.expect(200);
    let tutor = &world.tutor.person;
    let mut group = world.tutor.lesson("2027-03-09T09:00:00Z", 60);
    group["capacity"] = json!(4);
    let lesson = tutor.post("/v1/lessons", &group).await.expect(201);
    let lesson = format!("/v1/lessons/{}", lesson["id"].as_str().unwrap());
    let joined = world.sam.post(&format!("{lesson}/join"), &json!({})).await;
    let seat = format!(
        "/v1/bookings/{}",
        joined.expect(201)["id"].as_str().unwrap()
    );
    let series = json!({
        "tutor_id": world.tutor.id.0, "subject": "mathematics", "level": "School",
        "start": "2027-03-09T12:00", "minutes": 60, "rule": "FREQ=WEEKLY;COUNT=2",
    });
    let series = world.sam.post("/v1/series", &series).await.expect(201);
    let series = format!("/v1/series/{}", series["id"].as_str().unwrap());
    world.test.set_clock(at("2027-03-09T07:30:00Z"));
    move_to(tutor, &lesson, "2027-03-09T10:00:00Z").await;
    let all =
        json!({"scope": "all", "recurrence_id": "2027-03-09T12:00", "start": "2027-03-09T13:00"});
    let moved = tutor.post(&format!("{series}/reschedule"), &all).await;
    moved.expect(200);
    let listed = world.sam.get("/v1/bookings").await.expect(200);
    let of_series = listed["items"].as_array().unwrap().iter();
    let of_series = of_series.filter(|it| !it["series_id"].is_null());
    let paths: Vec<_> = of_series
        .map(|it| format!("/v1/bookings/{}", it["id"].as_str().unwrap()))
        .chain([seat])
        .collect();
    assert_eq!(paths.len(), 3);
    for path in paths {
        let told = quote(&world.sam, &path).await;
        assert_eq!(told["now"], outcome("free", 0), "{path}");
    }
}

#[tokio::test]
async fn what_was_charged_stays_so_whatever_becomes_of_the_lesson_and_nothing_is_charged_afterwards()
 {
    let world = World::new().await;
    replace(&world.admin, "", only(40_000, "credit"))
        .await
        .expect(200);
    let booking = book(&world.sam, &world.tutor, FIRST).await;
    assert_eq!(cancel(&world.sam, &booking).await, outcome("charged", 0));
    // As a group lesson moves, with those who have left it.
    let longer = "UPDATE lessons SET ends_at = ends_at + interval '30 minutes'";
    world.test.execute(longer).await;
    let kept = async || world.sam.get(&booking).await.expect(200)["cancellation"].clone();
    assert_eq!(kept().await, outcome("charged", 0));
    let before = "UPDATE bookings SET cancellation_charged_minutes = NULL";
    world.test.execute(before).await;
    assert_eq!(kept().await["charged_minutes"], Value::Null);
}

#[tokio::test]
async fn a_guardian_who_is_an_admin_as_well_gains_nothing_by_moving_the_lesson() {
    let world = World::new().await;
    replace(&world.admin, "", usual()).await.expect(200);
    let link = json!({"guardian_id": world.admin.id().await, "student_id": world.sam.id().await});
    let linked = world.admin.post("/v1/guardianships", &link).await;
    linked.expect(201);
    let ada = world.test.sign_in("ada@example.com").await;
    let booking = book(&world.sam, &world.tutor, FIRST).await;
    world.test.set_clock(at(FIRST) - TimeDelta::hours(1));
    move_to(&ada, &booking, SECOND).await;
    assert_eq!(cancel(&ada, &booking).await, outcome("charged", 0));
}

#[tokio::test]
async fn who_was_handed_over_cancels_freely_for_a_day_and_is_told_until_when() {
    let world = World::new().await;
    let theo = Centre.tutor(&world.test, "Theo").await;
    replace(&world.admin, "", usual()).await.expect(200);
    let day = TimeDelta::days(1);
    let hand_over = async |booking: &str| {
        let path = format!("{booking}/reassign");
        let to = json!({"tutor_id": theo.id.0});
        world.admin.post(&path, &to).await.expect(200);
    };
    // An hour before the lesson, it is free until it begins; and credit else is free for a day.
    for (week, before, changes) in [
        (1, TimeDelta::hours(1), false),
        (2, TimeDelta::hours(25), true),
    ] {
        let start = at("2027-03-02T09:00:00Z") + TimeDelta::weeks(week);
        let booking = book(&world.sam, &world.tutor, &start.to_rfc3339()).await;
        let handed_over_at = start - before;
        world.test.set_clock(handed_over_at);
        hand_over(&booking).await;
        let told = quote(&world.sam, &booking).await;
        assert_eq!(told["now"], outcome("free", 0));
        let until = changes.then_some(handed_over_at + day);
        assert_eq!(told["changes_at"], json!(until));
        let last = handed_over_at + day.min(before) - TimeDelta::seconds(1);
        world.test.set_clock(last);
        assert_eq!(cancel(&world.sam, &booking).await, outcome("free", 0));
    }
}
