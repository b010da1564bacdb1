//! People who try to get what they would like, whatever becomes of the server.

use super::{
    Kept, PATIENCE, Promise, TRIES, Told, until,
    week::{ABSENCES, WAITLIST, Wish},
};
use crate::support::{Answer, Person};
use futures::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};
use uuid::Uuid;

/// Everybody tries one wish after the other and cancels some of what they got.
pub async fn race(people: &[Person], wishes: &[Vec<Wish>], booked: &AtomicUsize) -> Told {
    let each = people.iter().zip(wishes).enumerate();
    let each = each.map(|(n, (person, wishes))| async move {
        let mut told = Told::default();
        for (wish, nth) in wishes.iter().zip(1..) {
            if wish.path.ends_with(ABSENCES) {
                // There is something to hand over.
                let enough = || booked.load(Ordering::Relaxed) >= 8 * nth;
                until(Instant::now() + PATIENCE, "bookings", enough).await;
            }
            let answer = until_answered((n, person), &wish.path, &wish.body, &mut told).await;
            if [404, 409].contains(&answer.status.as_u16()) {
                let code = answer.body["code"].as_str().unwrap();
                assert!(REFUSALS.contains(&code), "{:#}", answer.body);
                told.refused += 1;
                continue;
            }
            assert!(answer.status.is_success(), "{:#}", answer.body);
            let booked_by = match &*wish.path {
                WAITLIST => accept((n, person), &answer, &mut told).await,
                "/v1/lessons" => None,
                path if path.ends_with(ABSENCES) => {
                    hand_over((n, person), &answer, &mut told).await;
                    None
                }
                _ => Some(answer),
            };
            for path in booked_by.iter().flat_map(|answer| bookings(&answer.body)) {
                booked.fetch_add(1, Ordering::Relaxed);
                if wish.is_given_up {
                    give_up((n, person), &path, &mut told).await;
                }
                told.promises.push(Promise {
                    person: n,
                    path,
                    cancelled: wish.is_given_up,
                });
            }
        }
        told
    });
    let mut all = Told::default();
    for told in join_all(each).await {
        all.add(told);
    }
    all
}

/// Why somebody else may have been first.
const REFUSALS: [&str; 7] = [
    "slot_unavailable",
    "series_unavailable",
    "full",
    "waitlist_ahead",
    // By another wish of the same student.
    "already_joined",
    // A lesson that nobody was in when its tutor was reported absent.
    "not_found",
    "already_cancelled",
];

/// Cancels a booking, whoever teaches it by now.
async fn give_up(whose: (usize, &Person), booking: &str, told: &mut Told) {
    let cancel = format!("{booking}/cancel");
    loop {
        let answer = until_answered(whose, &cancel, &json!({}), told).await;
        if answer.status == 409 && answer.body["code"] == "tutor_changed" {
            continue;
        }
        answer.expect(200);
        return;
    }
}

/// What is booked of an offer, if there is one in time to somebody who waits; else they do so no longer.
async fn accept((n, person): (usize, &Person), entry: &Answer, told: &mut Told) -> Option<Answer> {
    let path = entry.headers["location"].to_str().unwrap();
    for _ in 0..OFTEN {
        let seen = person.try_send(person.request(Method::GET, path)).await;
        if seen.is_ok_and(|seen| seen.status == StatusCode::OK && seen.body["status"] == "offered")
        {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let accept = format!("{path}/accept");
    let answer = until_answered((n, person), &accept, &json!({}), told).await;
    if answer.status == 201 {
        return Some(answer);
    }
    // Or the lesson is cancelled for which the student waited.
    let code = answer.body["code"].as_str().unwrap();
    assert!(
        ["no_offer", "already_ended"].contains(&code),
        "{:#}",
        answer.body
    );
    told.refused += 1;
    for _ in 0..TRIES {
        let left = person.try_send(person.request(Method::DELETE, path)).await;
        // Also if that was done, and the answer lost.
        if left.is_ok_and(|left| [204, 409].contains(&left.status.as_u16())) {
            return None;
        }
    }
    panic!("no answer to {TRIES} requests");
}

/// So often somebody looks whether there is an offer.
const OFTEN: usize = 50;

/// Other tutors for all lessons of an absence for whom there is one.
async fn hand_over(whose: (usize, &Person), absence: &Answer, told: &mut Told) {
    let path = absence.headers["location"].to_str().unwrap();
    let path = format!("{path}/reassignments");
    let answer = until_answered(whose, &path, &json!({"all": true}), told).await;
    let done = answer.expect(200);
    for booking in done["bookings"].as_array().unwrap() {
        let code = booking["refusal"]["code"].as_str();
        told.handed_over += usize::from(code.is_none());
        assert_ne!(code, Some("unavailable"), "{done:#}");
    }
}

/// The bookings of which an answer tells: one, those of a series, or those of a matching.
fn bookings(answer: &Value) -> Vec<String> {
    let path = |id: &Value| format!("/v1/bookings/{}", id.as_str().unwrap());
    let items = |value: &Value| value.as_array().cloned();
    if let Some(bookings) = items(&answer["bookings"]) {
        return bookings.iter().map(|it| path(&it["id"])).collect();
    }
    let Some(students) = items(&answer["students"]) else {
        return vec![path(&answer["id"])];
    };
    let mut refusals = students.iter().map(|it| &it["refusal"]["code"]);
    assert!(
        refusals.all(|it| it.is_null() || it == "slot_unavailable"),
        "{answer:#}"
    );
    let lessons = students
        .iter()
        .filter_map(|it| items(&it["bookings"]))
        .flatten();
    lessons.map(|it| path(&it["booking_id"])).collect()
}

/// Sends the very same request until an answer comes.
async fn until_answered(
    (n, person): (usize, &Person),
    path: &str,
    body: &Value,
    told: &mut Told,
) -> Answer {
    let key = Uuid::now_v7().to_string();
    for _ in 0..TRIES {
        let request = person.request(Method::POST, path);
        let request = request.header("idempotency-key", &key).json(body);
        match person.try_send(request).await {
            // As good as none: a small machine may be too busy for one in time. It says to wait so long.
            Ok(answer) if answer.status == StatusCode::SERVICE_UNAVAILABLE => {
                tokio::time::sleep(Duration::from_secs(2)).await;
            }
            Ok(answer) => {
                told.replayed += usize::from(answer.headers.contains_key("idempotent-replayed"));
                told.kept.push(Kept {
                    person: n,
                    path: path.to_owned(),
                    key,
                    request: body.clone(),
                    status: answer.status,
                    answer: answer.body.clone(),
                });
                return answer;
            }
            Err(_) => {}
        }
        told.repeated += 1;
    }
    panic!("no answer to {TRIES} requests");
}
