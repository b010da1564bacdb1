//! What is left of a quota, and of credit, spent in all ways at once.

use super::{CLIENTS_OF_A_RACE, expect_sound, got};
use crate::support::{
    Answer, Centre, Person, TestApp, TutorAtCentre,
    race::{ROUNDS, Tally, Times, crowded, lasting, on_day},
};
use chrono::TimeDelta;
use chrono_tz::Europe::Berlin;
use reqwest::Method;
use serde_json::{Value, json};

/// A student with two tutors, each of whom has an hour for every other client of a race.
struct World {
    test: TestApp,
    tutors: [TutorAtCentre; 2],
    sam: Person,
    sams_id: String,
    admin: Person,
}

impl World {
    async fn new() -> Self {
        let test = crowded().await;
        let centre = Centre::open(&test).await;
        let sam = test.student("Sam").await;
        Self {
            tutors: [
                centre.tutor(&test, "Tina").await,
                centre.tutor(&test, "Theo").await,
            ],
            sams_id: sam.id().await,
            sam,
            admin: test.admin("Ada").await,
            test,
        }
    }

    /// The time and tutor of a client; half an hour apart, so that most don't clash.
    fn wish(&self, round: u64, n: usize) -> (&TutorAtCentre, Times) {
        let half_hours = i32::try_from(n / 2 % 14).unwrap();
        let start = on_day(round, 9, 0) + TimeDelta::minutes(30) * half_hours;
        (&self.tutors[n % 2], lasting(start, 60))
    }

    async fn allow(&self, bookings: i64) {
        let read = format!("/v1/quota?student_id={}", self.sams_id);
        let etag = self.admin.get(&read).await.etag();
        let quota = json!({"student_id": self.sams_id, "max_active_bookings": bookings});
        let edited = self
            .admin
            .edit(Method::PUT, "/v1/quota", &etag, &quota)
            .await;
        edited.expect(200);
    }

    async fn standing(&self) -> i64 {
        let standing = "SELECT count(*) FROM bookings WHERE occupies";
        self.test.count(standing).await
    }

    /// One of the ways to a lesson, each of which takes one.
    async fn take(&self, (round, n): (u64, usize), group: &str) -> Answer {
        let (tutor, time) = self.wish(round, n);
        let mut lesson = tutor.lesson_over(time);
        match n % 8 {
            0..3 => self.sam.post("/v1/bookings", &lesson).await,
            3 | 4 => self.sam.post("/v1/holds", &lesson).await,
            5 => self.sam.post(&format!("{group}/join"), &json!({})).await,
            6 => self.sam.post("/v1/series", &once(tutor, time)).await,
            _ => {
                lesson["id"] = json!("one");
                lesson["student_id"] = json!(self.sams_id);
                let body = json!({"assignments": [lesson]});
                self.admin.post("/v1/matchings/book", &body).await
            }
        }
    }

    async fn change_credit(&self, kind: &str, minutes: i64) -> Answer {
        let change = json!({
            "student_id": self.sams_id, "subject": "mathematics", "kind": kind, "minutes": minutes, "reason": "?",
        });
        self.admin.post("/v1/credits", &change).await
    }

    async fn credit(&self) -> i64 {
        let credits = self.sam.get("/v1/credits").await.expect(200);
        credits["items"][0]["minutes"].as_i64().unwrap_or_default()
    }
}

/// A series of one lesson.
fn once(tutor: &TutorAtCentre, (start, end): Times) -> Value {
    let local = start.with_timezone(&Berlin).format("%Y-%m-%dT%H:%M");
    json!({
        "tutor_id": tutor.id.0, "subject": "mathematics", "level": "School",
        "start": local.to_string(), "minutes": (end - start).num_minutes(), "rule": "FREQ=DAILY;COUNT=1",
    })
}

/// Whether a lesson came of it; of a matching, that is told in its answer.
fn took(answer: &Answer) -> bool {
    answer.status == 201 || answer.body["booked"] == 1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_32_ways_to_take_the_last_lesson_of_a_quota_exactly_one_does() {
    let world = World::new().await;
    let mut tally = Tally::new("the last lesson of a quota");
    for round in 0..ROUNDS {
        let has = i64::try_from(round).unwrap();
        world.allow(has + 1).await;
        let mut group = world.tutors[0].lesson_over(lasting(on_day(round, 16, 0), 60));
        group["capacity"] = json!(3);
        let opened = world.tutors[0].person.post("/v1/lessons", &group).await;
        let group = format!("/v1/lessons/{}", opened.expect(201)["id"].as_str().unwrap());
        let wants = (0..CLIENTS_OF_A_RACE).map(|n| world.take((round, n), &group));
        let answers = tally.race(wants).await;
        let taken: Vec<_> = answers.iter().filter(|answer| took(answer)).collect();
        assert_eq!(taken.len(), 1, "round {round}: {taken:#?}");
        let unavailable =
            |answer: &&Answer| answer.body["students"][0]["refusal"]["code"] == "unavailable";
        assert_eq!(answers.iter().find(unavailable).map(|it| &it.body), None);
        assert_eq!(world.standing().await, has + 1, "round {round}");
        // A hold would be gone before the next round.
        let id = taken[0].body["id"].as_str().unwrap_or_default();
        if taken[0].body.get("expires_at").is_some() && taken[0].body.get("status").is_none() {
            let path = format!("/v1/holds/{id}/book");
            world.sam.post(&path, &json!({})).await.expect(201);
        }
    }
    tally.expect_only(&[200, 201, 409]);
    expect_sound(&world.test).await;
}

/// And what the one has spent comes back once, however many cancel.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_32_who_spend_the_same_credit_exactly_one_does_and_it_comes_back_once() {
    let world = World::new().await;
    let mut tally = Tally::new("the same credit");
    for round in 0..ROUNDS {
        world.change_credit("grant", 90).await.expect(200);
        let wants = (0..CLIENTS_OF_A_RACE).map(|n| {
            let (tutor, time) = world.wish(round, n);
            let mut lesson = tutor.lesson_over(time);
            lesson["pay_with"] = json!("credit");
            let world = &world;
            async move {
                match (round % 2, n % 8) {
                    // It is faster than to book, so it mostly wins.
                    (1, 7) => world.change_credit("withdraw", 60).await,
                    _ => world.sam.post("/v1/bookings", &lesson).await,
                }
            }
        });
        let (booked, others) = got(201, tally.race(wants).await);
        let (withdrawn, refused) = got(200, others);
        assert_eq!(booked.len() + withdrawn.len(), 1, "round {round}");
        for refusal in refused {
            let code = refusal.body["code"].clone();
            let expected = ["insufficient_credit", "slot_unavailable"];
            assert!(expected.iter().any(|it| code == *it), "{:#}", refusal.body);
        }
        assert_eq!(world.credit().await, 30, "round {round}");
        let mut left = 30;
        if let Some(booked) = booked.first() {
            let path = format!(
                "/v1/bookings/{}/cancel",
                booked.body["id"].as_str().unwrap()
            );
            let nothing = json!({});
            let sides = [&world.sam, &world.admin];
            let cancels = (0..CLIENTS_OF_A_RACE).map(|n| sides[n % 2].post(&path, &nothing));
            let (cancelled, refused) = got(200, tally.race(cancels).await);
            assert_eq!(cancelled.len(), 1, "round {round}");
            for refusal in refused {
                refusal.expect_problem(409, "already_cancelled");
            }
            left += 60;
        }
        assert_eq!(world.credit().await, left, "round {round}");
        world.change_credit("withdraw", left).await.expect(200);
    }
    tally.expect_only(&[200, 201, 409]);
    assert_eq!(world.standing().await, 0);
    world.test.expect_ledger_balanced().await;
    expect_sound(&world.test).await;
}
