//! One request sent many times at once, under one key, to two instances.

use super::{CLIENTS_OF_A_RACE, expect_sound};
use crate::support::{
    Centre, Person,
    race::{ROUNDS, Tally, crowded, lasting, on_day},
};
use chrono::TimeDelta;
use chrono_tz::Europe::Berlin;
use reqwest::Method;
use serde_json::{Value, json};

/// What is sent in a round, and by whom.
struct Wanted<'a> {
    people: &'a [Person; 2],
    path: String,
    body: Value,
    /// What counts what has come of it, and how many those are.
    effect: (&'static str, i64),
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_sent_32_times_at_once_with_one_key_is_done_once() {
    let test = crowded().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let base = test.another_instance().await;
    let twice = |person: &Person| [person.at(&test.base), person.at(&base)];
    let (sam, admin) = (test.student("Sam").await, test.admin("Ada").await);
    let sams_id = sam.id().await;
    let (sam, admin, tina) = (twice(&sam), twice(&admin), twice(&tutor.person));
    let mut tally = Tally::new("one idempotency key");
    for round in 0..ROUNDS {
        let start = on_day(round, 10, 0);
        let mut lesson = tutor.lesson_over(lasting(start, 60));
        let bookings = "SELECT count(*) FROM bookings";
        let (people, path, body, effect) = match round % 6 {
            0 => (&sam, "/v1/bookings".to_owned(), lesson, (bookings, 1)),
            1 => (&sam, "/v1/holds".to_owned(), lesson, (bookings, 1)),
            2 => {
                lesson["capacity"] = json!(8);
                let opened = tutor.person.post("/v1/lessons", &lesson).await.expect(201);
                let path = format!("/v1/lessons/{}/join", opened["id"].as_str().unwrap());
                (&sam, path, json!({}), (bookings, 1))
            }
            3 => {
                let local = start.with_timezone(&Berlin).format("%Y-%m-%dT15:00");
                let series = json!({
                    "tutor_id": tutor.id.0, "subject": "mathematics", "level": "School", "minutes": 60,
                    "start": local.to_string(), "rule": "FREQ=WEEKLY;COUNT=2",
                });
                (&sam, "/v1/series".to_owned(), series, (bookings, 2))
            }
            4 => {
                let grant = json!({
                    "student_id": sams_id, "subject": "mathematics", "kind": "grant", "minutes": 60, "reason": "?",
                });
                let minutes = "SELECT coalesce(sum(minutes), 0)::bigint FROM credit_entries";
                (&admin, "/v1/credits".to_owned(), grant, (minutes, 60))
            }
            _ => {
                lesson["capacity"] = json!(8);
                let lessons = "SELECT count(*) FROM lessons";
                (&tina, "/v1/lessons".to_owned(), lesson, (lessons, 1))
            }
        };
        let wanted = Wanted {
            people,
            path,
            body,
            effect,
        };
        once(&mut tally, &test, &wanted, &format!("round {round}")).await;
        // A student has three holds at a time.
        test.pass(TimeDelta::minutes(10));
    }
    tally.expect_only(&[200, 201, 409]);
    test.expect_ledger_balanced().await;
    expect_sound(&test).await;
}

async fn once(tally: &mut Tally, test: &crate::support::TestApp, wanted: &Wanted<'_>, key: &str) {
    let Wanted {
        people,
        path,
        body,
        effect: (count, one),
    } = wanted;
    let before = test.count(count).await;
    let post = |n: usize| {
        let person = &people[n % 2];
        let request = person.request(Method::POST, path);
        person.send(request.header("idempotency-key", key).json(body))
    };
    let answers = tally.race((0..CLIENTS_OF_A_RACE).map(post)).await;
    let (mut done, waiting): (Vec<_>, Vec<_>) = answers
        .into_iter()
        .partition(|answer| answer.status.is_success());
    assert!(!done.is_empty(), "{key}");
    for refusal in waiting {
        assert_eq!(refusal.headers["retry-after"], "1");
        refusal.expect_problem(409, "request_in_progress");
    }
    // Whoever was told to wait asks again.
    done.push(post(0).await);
    let replayed =
        |answer: &&crate::support::Answer| answer.headers.contains_key("idempotent-replayed");
    assert_eq!(
        done.iter().filter(replayed).count(),
        done.len() - 1,
        "{key}"
    );
    for two in done.windows(2) {
        assert_eq!(
            (two[0].status, &two[0].body),
            (two[1].status, &two[1].body),
            "{key}"
        );
    }
    assert_eq!(test.count(count).await - before, *one, "{key}");
}
