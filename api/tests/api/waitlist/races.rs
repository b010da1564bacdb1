//! Seats that get free while everybody wants them.

use super::*;
use crate::support::race::{ROUNDS, Tally, crowded, on_day, students};
use futures::future::join_all;

/// Two are in the lesson, ten wait for it, and the others want to be faster.
const CLIENTS: usize = 32;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_ten_who_wait_for_two_seats_the_first_two_get_them_whatever_all_do_at_once() {
    let test = crowded().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let people = students(&test, CLIENTS).await;
    let mut tally = Tally::new("two seats, ten who wait");
    for round in 0..ROUNDS {
        let lesson = open(&tutor, &on_day(round, 10, 0).to_rfc3339(), 2).await;
        let (seated, others) = people.split_at(2);
        let (waiting, hurried) = others.split_at(10);
        let bookings = join_all(seated.iter().map(|one| join(one, &lesson))).await;
        let mut entries = Vec::new();
        for one in waiting {
            entries.push(place(&one.post(WAITLIST, &for_seat(&lesson)).await));
        }
        test.run_jobs().await;
        // The first changes their mind in the middle of it.
        let acts = leave_all(seated, &bookings)
            .chain([boxed(waiting[0].delete(&entries[0]))])
            .chain((0..10).map(|n| boxed(accept(&waiting[n], &entries[n]))))
            .chain(hurried.iter().map(|one| boxed(try_join(one, &lesson))));
        let jobs = async {
            for _ in 0..4 {
                test.run_jobs().await;
            }
        };
        let (answers, ()) = tokio::join!(tally.race(acts), jobs);
        let joined = &answers[13..];
        assert!(joined.iter().all(|one| one.status == 409), "round {round}");
        let left = answers[2].status == 204;
        let expected = if left { [1, 2] } else { [0, 1] };
        // Whoever was asked too early asks again.
        test.run_jobs().await;
        for n in expected {
            let again = accept(&waiting[n], &entries[n]).await;
            assert!([201, 409].contains(&again.status.as_u16()), "{again:?}");
        }
        let mut inside = Vec::new();
        for (n, one) in waiting.iter().enumerate() {
            if standing(one, &entries[n]).await.0 == "accepted" {
                inside.push(n);
            }
        }
        assert_eq!(inside, expected, "round {round}");
        let seen = tutor.person.get(&lesson).await.expect(200);
        assert_eq!(
            (&seen["seats_taken"], &seen["waiting"]),
            (&json!(2), &json!(if left { 7 } else { 8 }))
        );
        test.expect_nobody_double_booked().await;
        // The next round begins with nobody in two places.
        let over = format!("{lesson}/cancel");
        tutor.person.post(&over, &json!({})).await.expect(200);
    }
    tally.expect_only(&[200, 201, 204, 409]);
    assert_eq!(test.deadlocks().await, 0);
}

/// In each round so many lessons at once; in each of them two have seats, and another is offered one.
const LESSONS: usize = 4;

/// An offer is accepted, and its seat taken away: one of both.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_accepts_a_seat_that_is_being_taken_away() {
    let test = crowded().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let people = students(&test, 3 * LESSONS).await;
    let mut tally = Tally::new("a seat accepted and taken away");
    let with_seats = async |lesson: &String, seats: usize| {
        let etag = tutor.person.get(lesson).await.etag();
        let change = json!({"capacity": seats});
        let person = &tutor.person;
        person
            .edit(reqwest::Method::PATCH, lesson, &etag, &change)
            .await
    };
    for round in 0..ROUNDS {
        let mut offered = Vec::new();
        for (n, three) in people.chunks(3).enumerate() {
            let hour = u32::try_from(9 + n).unwrap();
            let lesson = open(&tutor, &on_day(round, hour, 0).to_rfc3339(), 2).await;
            for seated in &three[..2] {
                join(seated, &lesson).await;
            }
            let entry = place(&three[2].post(WAITLIST, &for_seat(&lesson)).await);
            with_seats(&lesson, 3).await.expect(200);
            offered.push((lesson, &three[2], entry));
        }
        test.run_jobs().await;
        let acts = offered.iter().flat_map(|(lesson, student, entry)| {
            [boxed(with_seats(lesson, 2)), boxed(accept(student, entry))]
        });
        tally.race(acts).await;
        for (lesson, student, entry) in &offered {
            let seen = tutor.person.get(lesson).await.expect(200);
            assert_eq!(seen["seats_taken"], seen["capacity"], "round {round}");
            let accepted = standing(student, entry).await.0 == "accepted";
            assert_eq!(seen["capacity"] == 3, accepted, "round {round}: {seen:#}");
            let over = format!("{lesson}/cancel");
            tutor.person.post(&over, &json!({})).await.expect(200);
        }
    }
    tally.expect_only(&[200, 201, 409, 412]);
    assert_eq!(test.deadlocks().await, 0);
}

type Act<'a> = std::pin::Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;

fn boxed<'a>(act: impl Future<Output = Answer> + Send + 'a) -> Act<'a> {
    Box::pin(act)
}

fn leave_all<'a>(seated: &'a [Person], bookings: &'a [String]) -> impl Iterator<Item = Act<'a>> {
    seated.iter().zip(bookings).map(|(student, booking)| {
        boxed(async move {
            let path = format!("{booking}/cancel");
            student.post(&path, &json!({})).await
        })
    })
}
