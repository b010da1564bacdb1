//! The last seat of a group lesson.

use super::{CLIENTS_OF_A_RACE, expect_sound, got};
use crate::support::{
    Centre,
    race::{ROUNDS, Tally, crowded, lasting, on_day, students},
};
use serde_json::json;

const SEATS: usize = 4;

/// All but one seat are taken, in half of the rounds not that with the highest number.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_32_who_want_the_last_seat_exactly_one_gets_it() {
    let test = crowded().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let students = students(&test, SEATS + CLIENTS_OF_A_RACE).await;
    let (early, late) = students.split_at(SEATS);
    let mut tally = Tally::new("the last seat");
    for round in 0..ROUNDS {
        let mut wanted = tutor.lesson_over(lasting(on_day(round, 10, 0), 60));
        wanted["capacity"] = json!(SEATS);
        let opened = tutor.person.post("/v1/lessons", &wanted).await.expect(201);
        let lesson = format!("/v1/lessons/{}", opened["id"].as_str().unwrap());
        let (join, nothing) = (format!("{lesson}/join"), json!({}));
        let mut places = Vec::new();
        for student in early {
            let joined = student.post(&join, &nothing).await.expect(201);
            places.push(format!(
                "/v1/bookings/{}/cancel",
                joined["id"].as_str().unwrap()
            ));
        }
        let leaves = if round.is_multiple_of(2) {
            0
        } else {
            SEATS - 1
        };
        early[leaves]
            .post(&places[leaves], &nothing)
            .await
            .expect(200);

        let joins = late.iter().map(|student| student.post(&join, &nothing));
        let (joined, refused) = got(201, tally.race(joins).await);
        assert_eq!(joined.len(), 1, "round {round}");
        for refusal in refused {
            refusal.expect_problem(409, "full");
        }
        let seen = tutor.person.get(&lesson).await.expect(200);
        assert_eq!(seen["seats_taken"], SEATS, "round {round}");
    }
    tally.expect_only(&[201, 409]);
    let seats = "SELECT count(*) FROM bookings WHERE occupies AND seat BETWEEN 1 AND 4";
    assert_eq!(
        test.count(seats).await,
        i64::try_from(SEATS).unwrap() * i64::try_from(ROUNDS).unwrap()
    );
    expect_sound(&test).await;
}
