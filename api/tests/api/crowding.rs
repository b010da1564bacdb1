//! Many who want one tutor do not keep the others waiting.

use crate::support::{
    Answer, Centre, TestApp,
    race::{lasting, on_day, students},
};
use api::{database, service::UserId, store};
use futures::future::{join, join_all};
use sea_orm::TransactionTrait;
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn while_many_wait_for_one_tutor_the_others_are_served() {
    let test = TestApp::start_with(|config| config.database.max_connections = 5).await;
    let centre = Centre::open(&test).await;
    let wanted = centre.tutor(&test, "Tina").await;
    let another = centre.tutor(&test, "Tom").await;
    let students = students(&test, 24).await;
    let (olga, otto) = (test.student("Olga").await, test.student("Otto").await);
    let lesson = wanted.lesson_over(lasting(on_day(0, 9, 0), 60));
    let booked = olga.post("/v1/bookings", &lesson).await;
    let cancel = format!("{}/cancel", booked.headers["location"].to_str().unwrap());
    let me = wanted.person.get("/v1/me").await.expect(200);
    let tina = UserId(me["id"].as_str().unwrap().parse().unwrap());

    // An instance that stands still in the middle of a booking.
    let elsewhere = database::connect(&test.app.config.database).await.unwrap();
    let stalled = elsewhere.begin().await.unwrap();
    store::lock_time_of(&stalled, &[tina]).await.unwrap();

    let lesson = wanted.lesson_over(lasting(on_day(0, 10, 0), 60));
    let bookings = students.iter().map(|one| one.post("/v1/bookings", &lesson));
    let nothing = json!({});
    let cancellations = (0..8).map(|_| olga.post(&cancel, &nothing));
    let waiting = join(join_all(bookings), join_all(cancellations));
    let others = async {
        test.until_waiting_for_a_lock(2).await;
        for hour in 9..16 {
            otto.get("/v1/me").await.expect(200);
            let lesson = another.lesson_over(lasting(on_day(0, hour, 0), 60));
            otto.post("/v1/bookings", &lesson).await.expect(201);
        }
        stalled.rollback().await.unwrap();
    };
    let ((bookings, cancellations), ()) = tokio::join!(waiting, others);
    let count = |answers: &[Answer], status| {
        answers
            .iter()
            .filter(|answer| answer.status == status)
            .count()
    };
    assert_eq!((count(&bookings, 201), count(&bookings, 409)), (1, 23));
    assert_eq!(
        (count(&cancellations, 200), count(&cancellations, 409)),
        (1, 7)
    );
}
