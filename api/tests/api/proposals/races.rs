//! Who answers a proposal while somebody else does, or wants the time.

use super::{Tally, World, propose};
use crate::support::lesson::{FIRST, SECOND, THIRD};
use serde_json::Value;

const ROUNDS: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_approving_declining_withdrawing_and_cancelling_exactly_one_ends_a_proposal() {
    let world = World::new().await;
    let tutor = &world.tutor.person;
    let booking = world.confirmed(&world.sam, FIRST).await;
    let mut tally = Tally::new("answers to a proposal");
    for _ in 0..ROUNDS {
        let now = world.sam.get(&booking).await.expect(200);
        let to = if now["start"] == FIRST { SECOND } else { FIRST };
        propose(&world.sam, &booking, to).await.expect(200);
        let answers = [
            tutor.answer(&booking, "approve"),
            world.sam.answer(&booking, "withdraw"),
            tutor.answer(&booking, "decline"),
        ];
        let answers = tally.race(answers).await;
        let won: Vec<_> = answers.iter().filter(|it| it.status == 200).collect();
        assert_eq!(won.len(), 1);
        let then = world.sam.get(&booking).await.expect(200);
        let approved = answers[0].status == 200;
        assert_eq!(then["start"] == to, approved);
        assert_eq!(then["proposed_time"], Value::Null);
        for lost in answers.into_iter().filter(|it| it.status != 200) {
            lost.expect_problem(409, "nothing_proposed");
        }
        world.expect_nothing_reserved().await;
    }
    tally.expect_only(&[200, 409]);
    assert_eq!(world.test.deadlocks().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_proposing_a_time_and_booking_it_exactly_one_succeeds() {
    let world = World::new().await;
    let booking = world.confirmed(&world.sam, FIRST).await;
    let others = world.confirmed(&world.olga, THIRD).await;
    let other = world.centre.tutor(&world.test, "Theo").await;
    let (of_tutor, elsewhere) = (world.tutor.lesson(SECOND, 60), other.lesson(SECOND, 60));
    let mut tally = Tally::new("a time that is proposed and booked");
    for round in 0..ROUNDS {
        // The tutor's time is wanted by another student, and the student's by another tutor.
        let (person, wanted) = if round % 2 == 0 {
            (&world.olga, &of_tutor)
        } else {
            (&world.sam, &elsewhere)
        };
        let proposals = [
            propose(&world.sam, &booking, SECOND),
            propose(&world.olga, &others, SECOND),
        ];
        let proposed = tally.race(proposals);
        let (proposed, booked) = tokio::join!(proposed, person.post("/v1/bookings", wanted));
        let of_tutor = proposed.iter().filter(|it| it.status == 200).count();
        world.test.expect_nobody_double_booked().await;
        if round % 2 == 0 {
            assert_eq!(of_tutor + usize::from(booked.status == 201), 1);
        } else {
            let by_sam = proposed[0].status == 200;
            assert!(of_tutor <= 1 && !(by_sam && booked.status == 201));
        }
        if booked.status == 201 {
            let path = booked.headers["location"].to_str().unwrap();
            person.take_step(path, "cancel").await.expect(200);
        }
        for (person, booking, it) in [
            (&world.sam, &booking, &proposed[0]),
            (&world.olga, &others, &proposed[1]),
        ] {
            if it.status == 200 {
                person.answer(booking, "withdraw").await.expect(200);
            }
        }
    }
    tally.expect_only(&[200, 409]);
    assert_eq!(world.test.deadlocks().await, 0);
}
