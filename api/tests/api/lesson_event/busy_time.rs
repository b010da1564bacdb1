//! What Google says of the time of an event that moves is not taken for something of the tutor's own.

use super::{World, patch};
use crate::support::{
    at,
    lesson::{FIRST, FOURTH, SECOND, THIRD, assert_starts, book, cancel},
};
use api::store;
use chrono::TimeDelta;
use google_sandbox::{Failure, Target};
use scheduling::interval::Span;

const BUSY: &str = "SELECT count(*) FROM busy_spans";

#[tokio::test]
async fn the_time_that_a_lesson_was_moved_from_can_be_booked_while_its_event_still_stands_there() {
    let world = World::new().await;
    let down = patch(Failure::status(Target::Calendar, 503, "backendError"));
    world.test.google.fail_next(down.times(u32::MAX));
    world.move_to(FOURTH).await;
    world.test.run_jobs().await;
    world.test.pass(TimeDelta::minutes(1));
    world.test.run_jobs().await;
    world.assert_at(FIRST);
    assert_eq!(world.test.count(BUSY).await, 0);
    let bea = world.test.student("Bea").await;
    book(&bea, &world.tutor, FIRST).await;
    world.test.run_jobs().await;
    assert_eq!(world.test.events_to_write().await, 1);

    world.test.google.clear_failures();
    world.test.pass(TimeDelta::hours(1));
    world.test.run_jobs().await;
    assert_starts(&world.test, &world.tutor, &[FIRST, FOURTH]);
    assert_eq!(world.test.count(BUSY).await, 0);
}

#[tokio::test]
async fn the_time_that_a_lesson_was_moved_from_is_the_tutors_again_once_the_event_has_followed() {
    let world = World::new().await;
    world.move_to(FOURTH).await;
    world.test.run_jobs().await;
    let (from, until) = (at(FIRST), at(SECOND));
    let google = &world.test.google;
    google.insert_busy(&world.tutor.email, from, until, "Dentist");
    world.test.pass(TimeDelta::minutes(1));
    world.test.run_jobs().await;
    assert_eq!(world.test.count(BUSY).await, 1);
    let bea = world.test.student("Bea").await;
    let wanted = world.tutor.lesson(FIRST, 60);
    let refused = bea.post("/v1/bookings", &wanted).await;
    refused.expect_problem(409, "slot_unavailable");
}

#[tokio::test]
async fn what_was_read_before_an_event_moved_or_went_is_known_to_show_it_where_it_was() {
    let world = World::new().await;
    let perhaps = |read_at| {
        let day = Span::new(at("2027-03-02T00:00:00Z"), at("2027-03-03T00:00:00Z"));
        let (db, tutor) = (world.test.app.db.clone(), world.tutor.id);
        async move {
            let spans = store::event_span::perhaps_in_calendar(&db, tutor, day.unwrap(), read_at);
            let mut starts: Vec<_> = spans.await.unwrap().iter().map(Span::start).collect();
            starts.sort_unstable();
            starts.dedup();
            starts
        }
    };
    let [first, second, third] = [FIRST, SECOND, THIRD].map(at);
    world.move_to(SECOND).await;
    let moved_at = world.test.now();
    assert_eq!(perhaps(moved_at).await, [first, second]);
    world.test.pass(TimeDelta::seconds(1));
    world.test.run_jobs().await;
    world.test.pass(TimeDelta::seconds(1));
    assert_eq!(perhaps(moved_at).await, [first, second]);
    assert_eq!(perhaps(world.test.now()).await, [second]);

    // Back and forth: where the event may stand again, it is looked for again.
    let down = patch(Failure::status(Target::Calendar, 503, "backendError"));
    world.test.google.fail_next(down.times(u32::MAX));
    for start in [FIRST, THIRD] {
        world.move_to(start).await;
        world.test.run_jobs().await;
    }
    world.test.pass(TimeDelta::seconds(1));
    let now = world.test.now();
    assert_eq!(perhaps(now).await, [first, second, third]);
    world.test.google.clear_failures();
    world.test.pass(TimeDelta::minutes(10));
    world.test.run_jobs().await;
    world.assert_at(THIRD);

    // Cancelled, but the event stands; then it is gone.
    cancel(&world.sam, &world.booking).await;
    world.test.pass(TimeDelta::seconds(1));
    let cancelled_at = world.test.now();
    world.test.pass(TimeDelta::seconds(1));
    world.test.run_jobs().await;
    assert_eq!(perhaps(cancelled_at).await, [third]);
    world.test.pass(TimeDelta::seconds(1));
    assert!(perhaps(world.test.now()).await.is_empty());
}
