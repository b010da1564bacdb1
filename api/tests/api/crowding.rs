//! Many who want one tutor, or one who wants many, do not keep the others waiting.

use crate::support::{
    Answer, Centre, Person, TestApp,
    race::{lasting, on_day, students},
};
use api::{database, service::UserId, store};
use chrono::TimeDelta;
use futures::future::{join, join_all};
use sea_orm::{ConnectionTrait, DatabaseTransaction, TransactionTrait};
use serde_json::json;

const CONNECTIONS: u32 = 5;

async fn start() -> TestApp {
    TestApp::start_with(|config| config.database.max_connections = CONNECTIONS).await
}

/// An instance that stands still in the middle of a booking which this person gives or has.
async fn stalled_booking(test: &TestApp, person: &Person) -> DatabaseTransaction {
    let me = person.get("/v1/me").await.expect(200);
    let id = UserId(me["id"].as_str().unwrap().parse().unwrap());
    let elsewhere = database::connect(&test.app.config.database).await.unwrap();
    let stalled = elsewhere.begin().await.unwrap();
    store::lock_time_of(&stalled, &[id]).await.unwrap();
    stalled
}

fn count(answers: &[Answer], status: u16) -> usize {
    answers
        .iter()
        .filter(|answer| answer.status == status)
        .count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn while_many_wait_for_one_tutor_the_others_are_served() {
    let test = start().await;
    let centre = Centre::open(&test).await;
    let wanted = centre.connected_tutor(&test, "Tina").await;
    let another = centre.tutor(&test, "Tom").await;
    let students = students(&test, 8).await;
    let (olga, otto) = (test.student("Olga").await, test.student("Otto").await);
    let lesson = wanted.lesson_over(lasting(on_day(0, 9, 0), 60));
    let booked = olga.post("/v1/bookings", &lesson).await;
    let cancel = format!("{}/cancel", booked.headers["location"].to_str().unwrap());

    // It has also begun to read the tutor's busy time, which was read long enough ago.
    test.pass(TimeDelta::minutes(1));
    let stalled = stalled_booking(&test, &wanted.person).await;
    let read = "UPDATE google_grants SET busy_attempted_at = busy_attempted_at";
    stalled.execute_unprepared(read).await.unwrap();

    let lesson = wanted.lesson_over(lasting(on_day(0, 10, 0), 60));
    let bookings = students.iter().map(|one| one.post("/v1/bookings", &lesson));
    let nothing = json!({});
    let cancellations = (0..2).map(|_| olga.post(&cancel, &nothing));
    let waiting = join(join_all(bookings), join_all(cancellations));
    let others = async {
        test.until_waiting_for_a_lock(2).await;
        let lesson = another.lesson_over(lasting(on_day(0, 9, 0), 60));
        otto.post("/v1/bookings", &lesson).await.expect(201);
        stalled.rollback().await.unwrap();
    };
    let ((bookings, cancellations), ()) = tokio::join!(waiting, others);
    assert_eq!((count(&bookings, 201), count(&bookings, 409)), (1, 7));
    assert_eq!(
        (count(&cancellations, 200), count(&cancellations, 409)),
        (1, 1)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn while_one_student_waits_for_many_tutors_the_others_are_served() {
    let test = start().await;
    let centre = Centre::open(&test).await;
    let names = ["Tara", "Theo", "Tess", "Toni", "Thea", "Tilo"];
    let wanted = join_all(names.map(|name| centre.tutor(&test, name))).await;
    let another = centre.tutor(&test, "Tom").await;
    let (olga, otto) = (test.student("Olga").await, test.student("Otto").await);
    let stalled = stalled_booking(&test, &olga).await;

    let lesson = lasting(on_day(0, 9, 0), 60);
    let bookings = wanted.iter().map(|tutor| {
        let lesson = tutor.lesson_over(lesson);
        let olga = &olga;
        async move { olga.post("/v1/bookings", &lesson).await }
    });
    let others = async {
        test.until_waiting_for_a_lock(2).await;
        let lesson = another.lesson_over(lesson);
        otto.post("/v1/bookings", &lesson).await.expect(201);
        stalled.rollback().await.unwrap();
    };
    let (bookings, ()) = tokio::join!(join_all(bookings), others);
    assert_eq!((count(&bookings, 201), count(&bookings, 409)), (1, 5));
}
