//! Cancelling and moving lessons of a series.

use super::{Answer, Person, START, Value, World, codes, each, json, path, standing, verdicts};
use chrono::TimeDelta;
use reqwest::{Method, header};

const SECOND: &str = "2027-03-09T10:00";

async fn cancel(person: &Person, series: &Value, body: Value) -> Answer {
    person.post(&path(series, "/cancel"), &body).await
}

async fn reschedule(person: &Person, series: &Value, body: Value) -> Answer {
    person.post(&path(series, "/reschedule"), &body).await
}

#[tokio::test]
async fn one_or_one_and_those_that_follow_or_all_are_cancelled() {
    let world = World::new().await;
    let series = world.book(&world.sam, &world.weekly(5)).await;
    let one = json!({"scope": "this", "recurrence_id": SECOND, "reason": "I am away."});
    let left = cancel(&world.sam, &series, one.clone()).await.expect(200);
    assert_eq!(standing(&left).len(), 4);
    assert_eq!(left["bookings"][1]["status"], "cancelled");
    assert_eq!(left["bookings"][1]["cancellation_reason"], "I am away.");
    cancel(&world.sam, &series, one)
        .await
        .expect_problem(409, "already_cancelled");
    // Its time is free.
    world.take("2027-03-09T09:00:00Z").await;

    let following = json!({"scope": "this_and_following", "recurrence_id": "2027-03-23T10:00"});
    let left = cancel(&world.tutor.person, &series, following.clone())
        .await
        .expect(200);
    assert_eq!(
        standing(&left),
        ["2027-03-02T09:00:00Z", "2027-03-16T09:00:00Z"]
    );
    cancel(&world.sam, &series, following)
        .await
        .expect_problem(409, "nothing_ahead");

    let left = cancel(&world.ada, &series, json!({"scope": "all"}))
        .await
        .expect(200);
    assert_eq!(standing(&left), [""; 0]);
    let busy = "SELECT count(*) FROM lessons WHERE status <> 'cancelled'";
    assert_eq!(world.test.count(busy).await, 1);
}

#[tokio::test]
async fn what_has_begun_is_left_alone() {
    let world = World::new().await;
    let series = world.book(&world.sam, &world.weekly(4)).await;
    world.test.pass(TimeDelta::days(8) + TimeDelta::hours(2));
    while api::service::booking::settle(&world.test.app)
        .await
        .unwrap()
    {}
    let first = json!({"scope": "this", "recurrence_id": START});
    cancel(&world.sam, &series, first)
        .await
        .expect_problem(409, "already_completed");
    let all =
        json!({"scope": "all", "recurrence_id": "2027-03-16T10:00", "start": "2027-03-17T11:00"});
    let moved = reschedule(&world.sam, &series, all).await.expect(200);
    assert_eq!(
        each(&moved["bookings"], &["start", "status"]),
        [
            "2027-03-02T09:00:00Z completed",
            "2027-03-09T09:00:00Z confirmed",
            "2027-03-17T10:00:00Z confirmed",
            "2027-03-24T10:00:00Z confirmed",
        ]
    );
    let left = cancel(&world.sam, &series, json!({"scope": "all"}))
        .await
        .expect(200);
    assert_eq!(
        each(&left["bookings"], &["status"]),
        ["completed", "confirmed", "cancelled", "cancelled"]
    );
}

#[tokio::test]
async fn those_that_follow_move_by_the_same_local_difference_and_stay_the_same_bookings() {
    let world = World::new().await;
    let series = world.book(&world.sam, &world.weekly(6)).await;
    let ids = |series: &Value| each(&series["bookings"], &["id", "recurrence_id"]);
    let following = json!({"scope": "this_and_following", "recurrence_id": "2027-03-23T10:00", "start": "2027-03-24T13:00", "minutes": 90});
    let moved = reschedule(&world.sam, &series, following.clone())
        .await
        .expect(200);
    assert_eq!(
        each(&moved["bookings"], &["start", "end"])[2..],
        [
            "2027-03-16T09:00:00Z 2027-03-16T10:00:00Z",
            "2027-03-24T12:00:00Z 2027-03-24T13:30:00Z",
            // The clocks have changed.
            "2027-03-31T11:00:00Z 2027-03-31T12:30:00Z",
            "2027-04-07T11:00:00Z 2027-04-07T12:30:00Z",
        ]
    );
    assert_eq!(ids(&moved), ids(&series));
    reschedule(&world.sam, &series, following)
        .await
        .expect_problem(409, "same_time");

    let one = json!({"scope": "this", "recurrence_id": START, "start": "2027-03-02T09:00"});
    let moved = reschedule(&world.tutor.person, &series, one)
        .await
        .expect(200);
    assert_eq!(
        standing(&moved)[..2],
        ["2027-03-02T08:00:00Z", "2027-03-09T09:00:00Z"]
    );
}

/// Each comes to where the next one was, whichever way they go.
#[tokio::test]
async fn a_series_moves_by_a_week_and_back() {
    let world = World::new().await;
    let series = world.book(&world.sam, &world.weekly(4)).await;
    let all = |start: &str| json!({"scope": "all", "recurrence_id": SECOND, "start": start});
    let later = reschedule(&world.sam, &series, all("2027-03-16T10:00"))
        .await
        .expect(200);
    assert_eq!(standing(&later)[0], "2027-03-09T09:00:00Z");
    let back = reschedule(&world.sam, &series, all(SECOND))
        .await
        .expect(200);
    assert_eq!(standing(&back), standing(&series));
}

#[tokio::test]
async fn all_move_or_none_and_a_dry_run_says_which_can() {
    let world = World::new().await;
    let series = world.book(&world.sam, &world.weekly(3)).await;
    world.take("2027-03-09T10:00:00Z").await;
    let all = json!({"scope": "all", "recurrence_id": START, "start": "2027-03-02T11:00"});
    let dry = format!("{}?dry_run=true", path(&series, "/reschedule"));
    let tried = world.sam.post(&dry, &all).await.expect(200);
    assert_eq!(
        verdicts(&tried["occurrences"]),
        [
            "2027-03-02T10:00 free",
            "2027-03-09T10:00 unavailable",
            "2027-03-16T10:00 free"
        ]
    );
    assert_eq!(codes(&tried["occurrences"][1]), ["lesson"]);
    let refused = reschedule(&world.sam, &series, all).await;
    let refused = refused.expect_problem(409, "series_unavailable");
    assert_eq!(refused["occurrences"], tried["occurrences"]);
    assert_eq!(world.read(&series).await, series);
}

#[tokio::test]
async fn tutors_and_the_centre_may_disregard_the_grid_but_not_other_lessons() {
    let world = World::new().await;
    let series = world.book(&world.sam, &world.weekly(2)).await;
    let odd = json!({"scope": "all", "recurrence_id": START, "start": "2027-03-02T10:10"});
    let refused = reschedule(&world.sam, &series, odd.clone()).await;
    let refused = refused.expect_problem(409, "series_unavailable");
    assert_eq!(codes(&refused["occurrences"][0]), ["grid"]);
    let moved = reschedule(&world.tutor.person, &series, odd)
        .await
        .expect(200);
    assert_eq!(
        standing(&moved),
        ["2027-03-02T09:10:00Z", "2027-03-09T09:10:00Z"]
    );
    let past = json!({"scope": "all", "recurrence_id": START, "start": "2027-02-22T10:00"});
    let past = reschedule(&world.tutor.person, &series, past).await;
    let past = past.expect_problem(422, "invalid_fields");
    assert_eq!(past["errors"][0]["code"], "not_ahead");
}

#[tokio::test]
async fn what_a_tutor_approved_who_wants_to_be_asked_is_not_for_the_student_to_move() {
    let world = World::new().await;
    let series = world.book(&world.sam, &world.weekly(2)).await;
    let policy = json!({"requires_approval": true, "approval_minutes": 60});
    world
        .tutor
        .edit(Method::PUT, "/policy", &policy)
        .await
        .expect(200);
    let all = json!({"scope": "all", "recurrence_id": START, "start": "2027-03-02T11:00"});
    reschedule(&world.sam, &series, all.clone())
        .await
        .expect_problem(409, "approval_needed");
    // What is set aside for one of them is in nobody's way who moves them all.
    let first = series["bookings"][0]["id"].as_str().unwrap();
    let proposal = json!({"start": "2027-03-02T10:00:00Z", "end": "2027-03-02T11:00:00Z"});
    let proposed = format!("/v1/bookings/{first}/reschedule");
    world.sam.post(&proposed, &proposal).await.expect(200);
    let moved = reschedule(&world.tutor.person, &series, all).await;
    let moved = moved.expect(200);
    assert_eq!(each(&moved["bookings"], &["status"]), ["confirmed"; 2]);
}

#[tokio::test]
async fn a_change_of_what_is_no_longer_so_is_refused() {
    let world = World::new().await;
    let series = world.book(&world.sam, &world.weekly(3)).await;
    let read = world.sam.get(&path(&series, "")).await.etag();
    let one = format!(
        "/v1/bookings/{}/cancel",
        series["bookings"][0]["id"].as_str().unwrap()
    );
    world.sam.post(&one, &json!({})).await.expect(200);
    let bodies = [
        ("/cancel", json!({"scope": "all"})),
        (
            "/reschedule",
            json!({"scope": "all", "recurrence_id": SECOND, "start": "2027-03-09T11:00"}),
        ),
        (
            "/reschedule?dry_run=true",
            json!({"scope": "all", "recurrence_id": SECOND, "start": "2027-03-09T11:00"}),
        ),
    ];
    for (step, body) in &bodies {
        let stale = world
            .sam
            .edit(Method::POST, &path(&series, step), &read, body)
            .await;
        stale.expect_problem(412, "stale_etag");
    }
    let now = world.sam.get(&path(&series, "")).await.etag();
    assert_ne!(now, read);
    for (step, body) in bodies.iter().rev().skip(1) {
        let answer = world
            .sam
            .edit(Method::POST, &path(&series, step), &now, body)
            .await;
        assert_eq!(answer.status, 200, "{:#}", answer.body);
        assert!(answer.headers.contains_key(header::ETAG));
        if *step == "/reschedule" {
            break;
        }
    }
}

#[tokio::test]
async fn which_occurrence_must_be_said_and_must_be_there() {
    let world = World::new().await;
    let series = world.book(&world.sam, &world.weekly(2)).await;
    for (body, code) in [
        (json!({"scope": "this"}), "needs_occurrence"),
        (json!({"scope": "this_and_following"}), "needs_occurrence"),
        (
            json!({"scope": "this", "recurrence_id": "2027-03-10T10:00"}),
            "unknown_occurrence",
        ),
    ] {
        let refused = cancel(&world.sam, &series, body).await;
        let refused = refused.expect_problem(422, "invalid_fields");
        assert_eq!(refused["errors"][0]["code"], code);
    }
}
