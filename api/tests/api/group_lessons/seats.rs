//! Seats that many want at once, and lessons that too few want.

use super::*;
use crate::support::race::{Tally, crowded, students};
use futures::future::{self, join_all};

/// A lesson for `capacity` on a crowded server, and students who want to be in it.
async fn wanted_by(capacity: i16, count: usize) -> (TestApp, TutorAtCentre, String, Vec<Person>) {
    let test = crowded().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let mut wanted = tutor.lesson(FIRST, 60);
    wanted["capacity"] = json!(capacity);
    let opened = tutor.person.post(LESSONS, &wanted).await.expect(201);
    let lesson = format!("{LESSONS}/{}", opened["id"].as_str().unwrap());
    let students = students(&test, count).await;
    (test, tutor, lesson, students)
}

/// Whoever leaves, joins, edits, moves or is elsewhere at the same time: there are never too many.
#[tokio::test]
async fn whoever_comes_and_goes_at_once_there_are_never_more_than_seats() {
    let (test, tutor, lesson, students) = wanted_by(3, 8).await;
    let mut race = Tally::new("joins, leaves, edits and moves");
    let mut bookings: Vec<Option<String>> = vec![None; students.len()];
    for round in 0..8 {
        let one = async |student: &Person, booking: &Option<String>| match booking {
            Some(booking) => student.post(&format!("{booking}/cancel"), &json!({})).await,
            None => try_join(student, &lesson).await,
        };
        let comings = students
            .iter()
            .zip(&bookings)
            .map(|(student, booking)| one(student, booking));
        let start = [FIRST, THIRD][round % 2];
        let path = format!("{lesson}/reschedule");
        let to = json!({"start": start, "end": at(start) + TimeDelta::hours(1)});
        let moves = async {
            let moved = tutor.person.post(&path, &to).await;
            assert!([200, 409].contains(&moved.status.as_u16()), "{moved:?}");
            let edited = edit(&tutor.person, &lesson, json!({"capacity": 3})).await;
            assert!([200, 412].contains(&edited.status.as_u16()), "{edited:?}");
        };
        let (answers, ()) = future::join(race.race(comings), moves).await;
        for (answer, booking) in answers.into_iter().zip(&mut bookings) {
            match answer.status.as_u16() {
                201 => *booking = Some(answer.headers["location"].to_str().unwrap().to_owned()),
                200 => *booking = None,
                _ => {}
            }
        }
        let inside = bookings.iter().flatten().count();
        assert!(inside <= 3, "{inside}");
        assert_eq!(
            taken(&tutor.person, &lesson).await,
            i64::try_from(inside).unwrap()
        );
        test.expect_nobody_double_booked().await;
    }
    race.expect_only(&[200, 201, 409]);
    assert_eq!(test.deadlocks().await, 0);
}

/// One statement past the service and its locks: the index lets no two have the same seat.
#[tokio::test]
async fn without_any_lock_nobody_gets_a_seat_that_is_taken() {
    let (test, _, lesson, students) = wanted_by(2, 8).await;
    let id: uuid::Uuid = lesson.rsplit('/').next().unwrap().parse().unwrap();
    let ids = join_all(students.iter().map(Person::id)).await;
    let take = |student: &String| {
        let (db, now) = (test.app.db.clone(), test.now());
        let student = ::entity::id::UserId(student.parse().unwrap());
        async move {
            let lesson = ::entity::id::LessonId(id);
            let confirmed = api::store::booking::Standing {
                status: ::entity::booking::BookingStatus::Confirmed,
                expires_at: None,
            };
            api::store::group_lesson::take_seat(&db, lesson, student, confirmed, now).await
        }
    };
    let outcomes = join_all(ids.iter().map(take)).await;
    let seated = outcomes
        .iter()
        .filter(|it| matches!(it, Ok(Some(_))))
        .count();
    let in_it = "SELECT count(*) FROM bookings WHERE occupies";
    assert_eq!(test.count(in_it).await, i64::try_from(seated).unwrap());
    assert!((1..=2).contains(&seated), "{outcomes:?}");
    let distinct = "SELECT count(DISTINCT seat) FROM bookings WHERE occupies";
    assert_eq!(test.count(distinct).await, i64::try_from(seated).unwrap());
}

impl World {
    /// A lesson that takes two, which is decided at eight o'clock the day before.
    async fn undecided(&self) -> String {
        let mut wanted = self.wanted(FIRST, 3);
        wanted["minimum_students"] = json!(2);
        wanted["decides_at"] = json!("2027-03-01T08:00:00Z");
        self.open(&wanted).await
    }
}

#[tokio::test]
async fn a_lesson_with_too_few_at_its_deadline_is_cancelled() {
    let world = World::new().await;
    let lesson = world.undecided().await;
    let booking = join(&world.sam, &lesson).await;
    world.test.set_clock(at("2027-03-01T07:59:59Z"));
    world.settle().await;
    assert_eq!(world.event().await.1, [email("Sam")]);
    world.test.set_clock(at("2027-03-01T08:00:00Z"));
    world.settle().await;
    let told = world.sam.get(&booking).await.expect(200);
    assert_eq!(told["status"], "cancelled");
    assert_eq!(told["cancellation_reason"], "too_few");
    assert_eq!(
        world.sam.get(&lesson).await.expect(200)["status"],
        "cancelled"
    );
    let by = "SELECT count(*) FROM bookings WHERE cancelled_by IS NULL AND status = 'cancelled'";
    assert_eq!(world.test.count(by).await, 1);
    world.test.run_jobs().await;
    assert_starts(&world.test, &world.tutor, &[]);
    book(&world.sam, &world.tutor, FIRST).await;
}

#[tokio::test]
async fn a_lesson_with_enough_at_its_deadline_takes_place_whoever_leaves_then() {
    let world = World::new().await;
    let lesson = world.undecided().await;
    let of_sam = join(&world.sam, &lesson).await;
    let of_olga = join(&world.olga, &lesson).await;
    world.test.set_clock(at("2027-03-01T08:00:00Z"));
    world.settle().await;
    cancel(&world.sam, &of_sam).await;
    world.test.pass(TimeDelta::hours(1));
    world.settle().await;
    let status = world.olga.get(&of_olga).await.expect(200)["status"].clone();
    assert_eq!(status, "confirmed");
    // Who sets another deadline leaves it to be decided again.
    let again = json!({"decides_at": "2027-03-01T10:00:00Z"});
    edit(&world.tutor.person, &lesson, again).await.expect(200);
    world.test.set_clock(at("2027-03-01T10:00:00Z"));
    world.settle().await;
    let told = world.olga.get(&of_olga).await.expect(200);
    assert_eq!(told["cancellation_reason"], "too_few");
}

#[tokio::test]
async fn a_lesson_of_which_nobody_decided_in_time_takes_place() {
    let world = World::new().await;
    let lesson = world.undecided().await;
    let booking = join(&world.sam, &lesson).await;
    world.test.set_clock(at(FIRST));
    world.settle().await;
    assert_eq!(
        world.sam.get(&booking).await.expect(200)["status"],
        "confirmed"
    );
}

#[tokio::test]
async fn who_joins_while_it_is_decided_is_in_a_lesson_that_stands_or_in_none() {
    let world = World::new().await;
    let mut race = Tally::new("joins at the deadline");
    for round in 0..6 {
        let start = at(FIRST) + TimeDelta::hours(round);
        let mut wanted = world.wanted(&start.to_rfc3339(), 3);
        let decides_at = world.test.now() + TimeDelta::minutes(5);
        wanted["minimum_students"] = json!(2);
        wanted["decides_at"] = json!(decides_at);
        let lesson = world.open(&wanted).await;
        join(&world.olga, &lesson).await;
        world.test.set_clock(decides_at);
        let joins = [&world.sam, &world.mia].map(|student| try_join(student, &lesson));
        let (answers, decided) = future::join(
            race.race(joins),
            api::service::group_lesson::decide(&world.test.app),
        )
        .await;
        assert!(decided.unwrap());
        let seen = world.tutor.person.get(&lesson).await.expect(200);
        let joined = answers.iter().filter(|answer| answer.status == 201).count();
        match seen["status"].as_str().unwrap() {
            "scheduled" => assert_eq!(seen["seats_taken"], joined + 1),
            _ => assert_eq!((&seen["seats_taken"], joined), (&json!(0), 0)),
        }
        world.test.expect_nobody_double_booked().await;
    }
    race.expect_only(&[201, 404, 409]);
    assert_eq!(world.test.deadlocks().await, 0);
}
