//! Notice, horizon, grid, buffers and caps: the centre's, and those of a tutor who differs.

use crate::support::{
    Answer, Centre, Person, TestApp, TutorAtCentre,
    lesson::{book, cancel},
    opening::{assert_closed, assert_open, starts},
};
use reqwest::Method;
use serde_json::{Value, json};

const CENTRE: &str = "/v1/centre/policy";
const TUESDAY: (&str, &str) = ("2027-03-02T00:00:00Z", "2027-03-03T00:00:00Z");

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
        let sam = test.student("Sam").await;
        let admin = test.admin("Ada").await;
        Self {
            test,
            tutor,
            sam,
            admin,
        }
    }

    /// Changes some of the centre's policy.
    async fn centre(&self, changes: Value) -> Answer {
        let read = self.admin.get(CENTRE).await;
        let etag = read.etag();
        let mut policy = read.expect(200);
        for (name, value) in changes.as_object().unwrap() {
            policy[name] = value.clone();
        }
        self.admin.edit(Method::PUT, CENTRE, &etag, &policy).await
    }

    /// Replaces the tutor's own policy.
    async fn own(&self, policy: Value) -> Answer {
        self.tutor.edit(Method::PUT, "/policy", &policy).await
    }

    async fn open(&self, start: &str) {
        assert_open(&self.sam, &self.tutor, start).await;
    }

    async fn closed(&self, start: &str, reasons: &[&str]) {
        assert_closed(&self.sam, &self.tutor, start, reasons).await;
    }
}

#[tokio::test]
async fn what_a_tutor_has_not_decided_is_as_the_centre_has_it() {
    let world = World::new().await;
    let centre = world
        .centre(json!({"buffer_after_minutes": 10, "max_lessons_per_week": 20}))
        .await;
    let etag = centre.etag();
    let centre = centre.expect(200);
    assert_eq!(centre["buffer_after_minutes"], 10);
    assert_eq!(centre["max_lessons_per_day"], json!(null));
    let read = world.sam.get(CENTRE).await;
    assert_eq!((read.etag(), read.expect(200)), (etag, centre.clone()));

    let own = world
        .own(json!({"buffer_after_minutes": 0, "max_lessons_per_day": 4}))
        .await
        .expect(200);
    assert_eq!(own["own"]["buffer_after_minutes"], 0);
    assert_eq!(own["own"]["horizon_days"], json!(null));
    let mut effective = centre;
    effective["buffer_after_minutes"] = json!(0);
    effective["max_lessons_per_day"] = json!(4);
    assert_eq!(own["effective"], effective);
    assert_eq!(
        world
            .sam
            .get(&world.tutor.path("/policy"))
            .await
            .expect(200),
        own
    );
    // What is left out is given back to the centre.
    let back = world.own(json!({})).await.expect(200);
    assert_eq!(back["effective"]["buffer_after_minutes"], 10);
}

#[tokio::test]
async fn notice_and_horizon_are_the_centres_until_the_tutor_says_otherwise() {
    let world = World::new().await;
    world.open("2027-03-01T08:00:00Z").await;
    world
        .centre(json!({"minimum_notice_minutes": 120, "horizon_days": 7}))
        .await
        .expect(200);
    world.closed("2027-03-01T08:30:00Z", &["notice"]).await;
    world.open("2027-03-01T09:00:00Z").await;
    world.open("2027-03-05T15:00:00Z").await;
    world.closed("2027-03-08T08:00:00Z", &["horizon"]).await;
    world
        .own(json!({"minimum_notice_minutes": 0, "horizon_days": 365}))
        .await
        .expect(200);
    world.open("2027-03-01T08:00:00Z").await;
    world.open("2028-02-28T08:00:00Z").await;
    world.closed("2028-03-01T08:00:00Z", &["horizon"]).await;
    book(&world.sam, &world.tutor, "2028-02-28T08:00:00Z").await;
}

#[tokio::test]
async fn buffers_are_kept_free_around_each_lesson() {
    let world = World::new().await;
    let booking = book(&world.sam, &world.tutor, "2027-03-02T11:00:00Z").await;
    let olga = world.test.student("Olga").await;
    let world = World { sam: olga, ..world };
    world.open("2027-03-02T10:00:00Z").await;
    world.open("2027-03-02T12:00:00Z").await;
    world
        .centre(json!({"buffer_before_minutes": 15}))
        .await
        .expect(200);
    // Each lesson keeps its own, so the one that was booked and the new one both do.
    world.closed("2027-03-02T10:00:00Z", &["buffer"]).await;
    world.closed("2027-03-02T12:00:00Z", &["buffer"]).await;
    world.open("2027-03-02T12:30:00Z").await;
    world
        .own(json!({"buffer_before_minutes": 0, "buffer_after_minutes": 60}))
        .await
        .expect(200);
    world.closed("2027-03-02T12:30:00Z", &["buffer"]).await;
    world.open("2027-03-02T13:00:00Z").await;
    book(&world.sam, &world.tutor, "2027-03-02T13:00:00Z").await;
    // What the tutor has in that time adds nothing, and is not told.
    world
        .closed("2027-03-02T12:30:00Z", &["student_busy"])
        .await;
    assert_eq!(world.sam.get(&booking).await.status, 404);
}

#[tokio::test]
async fn a_cap_counts_the_lessons_of_a_date_and_of_a_week() {
    let world = World::new().await;
    world
        .own(json!({"max_lessons_per_day": 1, "max_lessons_per_week": 2}))
        .await
        .expect(200);
    let tuesday = book(&world.sam, &world.tutor, "2027-03-02T08:00:00Z").await;
    world.closed("2027-03-02T12:00:00Z", &["daily_cap"]).await;
    world.open("2027-03-03T12:00:00Z").await;
    book(&world.sam, &world.tutor, "2027-03-05T08:00:00Z").await;
    world.closed("2027-03-03T12:00:00Z", &["weekly_cap"]).await;
    world
        .closed("2027-03-05T12:00:00Z", &["daily_cap", "weekly_cap"])
        .await;
    world.open("2027-03-08T08:00:00Z").await;
    let week = ("2027-03-01T00:00:00Z", "2027-03-08T00:00:00Z");
    assert!(starts(&world.sam, &world.tutor, week).await.is_empty());
    cancel(&world.sam, &tuesday).await;
    world.open("2027-03-02T12:00:00Z").await;
    world
        .own(json!({"max_lessons_per_day": 0}))
        .await
        .expect(200);
    world.closed("2027-03-08T08:00:00Z", &["daily_cap"]).await;
}

#[tokio::test]
async fn the_date_of_a_cap_is_that_of_the_tutor() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test)
        .await
        .tutor_in(&test, "Keo", "Pacific/Auckland")
        .await;
    let sam = test.student("Sam").await;
    tutor
        .edit(Method::PUT, "/policy", &json!({"max_lessons_per_day": 1}))
        .await
        .expect(200);
    // Ten in the morning of Wednesday in Auckland.
    book(&sam, &tutor, "2027-03-02T21:00:00Z").await;
    assert_closed(&sam, &tutor, "2027-03-03T01:00:00Z", &["daily_cap"]).await;
    assert_open(&sam, &tutor, "2027-03-02T01:00:00Z").await;
    assert_open(&sam, &tutor, "2027-03-03T21:00:00Z").await;
}

#[tokio::test]
async fn starts_are_counted_from_midnight_or_from_the_beginning_of_the_hours() {
    let world = World::new().await;
    world
        .tutor
        .put_override("2027-03-02", &["09:10-12:00", "14:00-16:15"])
        .await
        .expect(200);
    world.closed("2027-03-02T08:10:00Z", &["grid"]).await;
    let at = |starts: Vec<String>| {
        starts
            .iter()
            .map(|start| start[11..16].to_owned())
            .collect::<Vec<_>>()
    };
    let found = at(starts(&world.sam, &world.tutor, TUESDAY).await);
    assert_eq!(
        found,
        [
            "08:30", "09:00", "09:30", "10:00", "13:00", "13:30", "14:00"
        ]
    );
    let grid = json!({"start_grid_minutes": 45, "start_grid_anchor": "span_start"});
    world.own(grid).await.expect(200);
    let found = at(starts(&world.sam, &world.tutor, TUESDAY).await);
    assert_eq!(found, ["08:10", "08:55", "09:40", "13:00", "13:45"]);
    world.closed("2027-03-02T08:30:00Z", &["grid"]).await;
    world.open("2027-03-02T08:55:00Z").await;
    book(&world.sam, &world.tutor, "2027-03-02T08:55:00Z").await;
}

#[tokio::test]
async fn a_dry_run_tells_what_would_hold_and_writes_nothing() {
    let world = World::new().await;
    let before = world.admin.get(CENTRE).await;
    let etag = before.etag();
    let before = before.expect(200);
    let mut wanted = before.clone();
    wanted["horizon_days"] = json!(7);
    let path = format!("{CENTRE}?dry_run=true");
    let tried = world
        .admin
        .edit(Method::PUT, &path, &etag, &wanted)
        .await
        .expect(200);
    assert_eq!(tried, wanted);
    let stale = world
        .admin
        .edit(Method::PUT, &path, "\"77\"", &wanted)
        .await;
    stale.expect_problem(412, "stale_etag");
    let after = world.admin.get(CENTRE).await;
    assert_eq!((after.etag(), after.expect(200)), (etag, before));

    let path = world.tutor.path("/policy");
    let before = world.tutor.person.get(&path).await;
    let etag = before.etag();
    let tried = format!("{path}?dry_run=true");
    let tried = world
        .tutor
        .person
        .edit(Method::PUT, &tried, &etag, &json!({"horizon_days": 7}))
        .await;
    let tried = tried.expect(200);
    assert_eq!(
        (
            &tried["own"]["horizon_days"],
            &tried["effective"]["horizon_days"]
        ),
        (&json!(7), &json!(7))
    );
    let after = world.tutor.person.get(&path).await;
    assert_eq!((after.etag(), after.body), (etag, before.body));
}

#[tokio::test]
async fn of_two_admins_who_edit_one_version_one_is_told() {
    let world = World::new().await;
    let read = world.admin.get(CENTRE).await;
    let (etag, policy) = (read.etag(), read.expect(200));
    let first = world.admin.edit(Method::PUT, CENTRE, &etag, &policy).await;
    let next = first.etag();
    first.expect(200);
    let late = world.admin.edit(Method::PUT, CENTRE, &etag, &policy).await;
    late.expect_problem(412, "stale_etag");
    world
        .admin
        .edit(Method::PUT, CENTRE, &next, &policy)
        .await
        .expect(200);
}
