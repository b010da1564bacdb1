//! Lessons that move into each other's time.

use super::{CLIENTS_OF_A_RACE, expect_sound, got};
use crate::support::{
    Centre, Person, TutorAtCentre,
    race::{ROUNDS, Tally, Times, crowded, lasting, on_day, students},
};
use serde_json::{Value, json};

/// Who is moved, by whom.
struct Moved<'a> {
    path: String,
    student: &'a Person,
    tutor: &'a Person,
}

impl<'a> Moved<'a> {
    async fn book(student: &'a Person, tutor: &'a TutorAtCentre, time: Times) -> Self {
        let booked = student.post("/v1/bookings", &tutor.lesson_over(time)).await;
        let booking = booked.expect(201);
        Self {
            path: format!("/v1/bookings/{}", booking["id"].as_str().unwrap()),
            student,
            tutor: &tutor.person,
        }
    }

    fn start(&self) -> impl Future<Output = Value> {
        let read = self.student.get(&self.path);
        async { read.await.expect(200)["start"].clone() }
    }

    /// Asked for by the student and the tutor in turns.
    async fn to(&self, (start, end): Times, n: usize) -> crate::support::Answer {
        let person = [self.student, self.tutor][n % 2];
        let to = json!({"start": start, "end": end});
        person.post(&format!("{}/reschedule", self.path), &to).await
    }
}

/// The tutors teach each other in every other round, so whose time is locked first is not the same for both lessons; else
/// it is one tutor's.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_lessons_that_move_into_each_others_time_stay_and_of_two_that_want_another_one_gets_it()
{
    let test = crowded().await;
    let centre = Centre::open(&test).await;
    let tina = centre.tutor(&test, "Tina").await;
    let theo = centre.tutor(&test, "Theo").await;
    let students = students(&test, 2).await;
    let mut tally = Tally::new("moves into each other's time");
    for round in 0..ROUNDS {
        let [ten, eleven, noon] = [10, 11, 12].map(|hour| lasting(on_day(round, hour, 0), 60));
        let both = if round.is_multiple_of(2) {
            [
                Moved::book(&theo.person, &tina, ten).await,
                Moved::book(&tina.person, &theo, eleven).await,
            ]
        } else {
            [
                Moved::book(&students[0], &tina, ten).await,
                Moved::book(&students[1], &tina, eleven).await,
            ]
        };
        let [one, other] = &both;
        let race = |to: [Times; 2]| {
            let both = (0..CLIENTS_OF_A_RACE).map(move |n| (n / 2, n % 2));
            both.map(move |(n, which)| async move { [one, other][which].to(to[which], n).await })
        };
        let (moved, refused) = got(200, tally.race(race([eleven, ten])).await);
        assert_eq!(
            moved.len(),
            0,
            "round {round}: each is where the other wants to be"
        );
        for refusal in refused {
            refusal.expect_problem(409, "slot_unavailable");
        }
        assert_eq!(
            [one.start().await, other.start().await],
            [json!(ten.0), json!(eleven.0)]
        );

        let (moved, _) = got(200, tally.race(race([noon, noon])).await);
        assert_eq!(moved.len(), 1, "round {round}");
        let starts = [one.start().await, other.start().await];
        let at_noon = starts
            .iter()
            .filter(|start| **start == json!(noon.0))
            .count();
        assert_eq!(at_noon, 1, "round {round}: {starts:?}");
    }
    tally.expect_only(&[200, 409]);
    expect_sound(&test).await;
}
