//! Holds against bookings of one slot.

use super::{CLIENTS_OF_A_RACE, expect_sound, got};
use crate::support::{
    Centre,
    race::{ROUNDS, Tally, crowded, lasting, on_day, reasons, students},
};
use chrono::TimeDelta;
use serde_json::json;

/// In every other round, what somebody else held has expired at this moment, and nobody has written that down.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_32_who_hold_or_book_one_slot_exactly_one_has_it() {
    let test = crowded().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let students = students(&test, CLIENTS_OF_A_RACE).await;
    let holder = test.student("Hanna").await;
    let mut tally = Tally::new("holds and bookings of one slot");
    let mut holds = 0;
    for round in 0..ROUNDS {
        let wanted = tutor.lesson_over(lasting(on_day(round, 10, 0), 60));
        if round.is_multiple_of(2) {
            holder.post("/v1/holds", &wanted).await.expect(201);
            test.pass(TimeDelta::minutes(10));
        }
        let wants = students.iter().enumerate().map(|(n, student)| {
            let path = ["/v1/holds", "/v1/bookings"][n % 2];
            student.post(path, &wanted)
        });
        let (mut got_it, refused) = got(201, tally.race(wants).await);
        assert_eq!(got_it.len(), 1, "round {round}");
        let taken = got_it.remove(0).expect(201);
        let is_hold = taken.get("status").is_none();
        for refusal in refused {
            assert_eq!(reasons(refusal), [if is_hold { "hold" } else { "lesson" }]);
        }
        // What is held is booked by whoever holds it, and by them alone.
        if is_hold {
            holds += 1;
            let path = format!("/v1/holds/{}/book", taken["id"].as_str().unwrap());
            let nothing = json!({});
            let books = students.iter().map(|student| student.post(&path, &nothing));
            let (booked, refused) = got(201, tally.race(books).await);
            assert_eq!(booked.len(), 1, "round {round}");
            for refusal in refused {
                refusal.expect_problem(404, "not_found");
            }
        }
    }
    println!("held first: {holds} of {ROUNDS}");
    tally.expect_only(&[201, 404, 409]);
    let booked = "SELECT count(*) FROM bookings WHERE occupies AND status = 'confirmed'";
    assert_eq!(test.count(booked).await, i64::try_from(ROUNDS).unwrap());
    expect_sound(&test).await;
}
