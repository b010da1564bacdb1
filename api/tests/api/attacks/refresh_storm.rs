//! Many requests that need Google while the access token has expired cost one refresh.

use crate::support::{Centre, TestApp, at, race::students};
use chrono::TimeDelta;
use futures::future::join_all;

const REQUESTS: usize = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_requests_with_an_expired_access_token_cost_one_refresh() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let tutor = centre.connected_tutor(&test, "Tina").await;
    let students = students(&test, REQUESTS).await;
    test.pass(TimeDelta::hours(2));
    let refreshes = || {
        let log = test.google.requests();
        log.iter()
            .filter(|request| request.path == "/token")
            .count()
    };
    let before = refreshes();
    assert!(before > 1, "the stand-in is asked for tokens there");
    let first = at("2027-03-02T08:00:00Z");
    let bookings = students.iter().enumerate().map(async |(nth, student)| {
        // Eight hours a day.
        let nth = i64::try_from(nth).unwrap();
        let start = first + TimeDelta::days(7 * (nth / 8)) + TimeDelta::hours(nth % 8);
        let wanted = tutor.lesson(&start.to_rfc3339(), 60);
        student.post("/v1/bookings", &wanted).await
    });
    let asked = test.google.requests().len();
    join_all(bookings).await;
    assert!(
        test.google.requests().len() > asked + 1,
        "Google was needed"
    );
    test.run_jobs().await;
    assert_eq!(refreshes(), before + 1);
}
