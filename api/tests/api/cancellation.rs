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

fn outcome(consequence: &str, credit_minutes: i32) -> Value {
    json!({"consequence": consequence, "credit_minutes": credit_minutes})
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
