//! Nobody is ever double-booked, whoever asks for what at the same moment; nor does anything else go to two that is
//! there once.

mod holds;
mod keys;
mod moves;
mod quotas;
mod seats;

use crate::support::{
    Answer, Centre, Person, TestApp, TutorAtCentre,
    race::{CLIENTS, ROUNDS, Tally, Times, crowded, lasting, on_day, overlap, reasons, students},
};
use chrono::TimeDelta;
use futures::future::join_all;
use google_sandbox::{Consent, Effect, Failure, Target};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;

/// How many race, where more than one thing is done in a round.
const CLIENTS_OF_A_RACE: usize = 32;

/// Separates who booked from who was refused.
fn booked(answers: Vec<Answer>) -> (Vec<Answer>, Vec<Answer>) {
    got(201, answers)
}

/// Separates who was answered so from the others.
fn got(status: u16, answers: Vec<Answer>) -> (Vec<Answer>, Vec<Answer>) {
    answers
        .into_iter()
        .partition(|answer| answer.status.as_u16() == status)
}

async fn expect_sound(test: &TestApp) {
    test.expect_nobody_double_booked().await;
    assert_eq!(test.deadlocks().await, 0, "deadlocks");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_students_who_want_one_slot_exactly_one_gets_it() {
    let test = crowded().await;
    let tutor = Centre::open(&test)
        .await
        .connected_tutor(&test, "Tina")
        .await;
    let students = students(&test, CLIENTS).await;
    let mut tally = Tally::new("one slot");
    for round in 0..ROUNDS {
        let wanted = tutor.lesson_over(lasting(on_day(round, 10, 0), 60));
        let answers = tally
            .race(
                students
                    .iter()
                    .map(|student| student.post("/v1/bookings", &wanted)),
            )
            .await;
        let (got_it, refused) = booked(answers);
        assert_eq!(got_it.len(), 1, "round {round}");
        for refusal in refused {
            assert_eq!(reasons(refusal), ["lesson"]);
        }
        test.run_jobs().await;
        // From now on busy time is stale, so that one of the next round asks Google meanwhile.
        test.pass(TimeDelta::seconds(11));
    }
    tally.expect_only(&[201, 409]);
    assert_eq!(test.google.events(&tutor.email).len(), 50);
    expect_sound(&test).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_overlapping_slots_as_many_are_booked_as_fit_and_none_that_is_left_could_be() {
    let test = crowded().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let students = students(&test, CLIENTS).await;
    let mut tally = Tally::new("overlapping slots");
    for round in 0..ROUNDS {
        let asked = spans_in_four_hours(round);
        let wants = students.iter().zip(asked.iter().cycle());
        let answers = tally
            .race(wants.map(|(student, span)| book(student, &tutor, *span)))
            .await;
        let (got_it, refused) = booked(answers);
        let taken: Vec<_> = got_it.into_iter().map(times).collect();
        expect_disjoint(&taken);
        for refusal in refused {
            assert!(reasons(refusal).iter().all(|code| code == "lesson"));
        }
        for span in &asked {
            let is_free = taken.iter().all(|lesson| !overlap(*span, *lesson));
            assert!(!is_free, "round {round}: {span:?} was refused, and is free");
        }
        expect_nothing_left(&students[0], &tutor, &asked).await;
    }
    tally.expect_only(&[201, 409]);
    expect_sound(&test).await;
}

/// Every slot of 60 and of 90 minutes from nine to one.
fn spans_in_four_hours(round: u64) -> Vec<Times> {
    let (opens, closes) = (on_day(round, 9, 0), on_day(round, 13, 0));
    let starts = (0..8).map(|half_hours| opens + TimeDelta::minutes(30 * half_hours));
    starts
        .flat_map(|start| [60, 90].map(|minutes| lasting(start, minutes)))
        .filter(|(_, end)| *end <= closes)
        .collect()
}

async fn book(student: &Person, tutor: &TutorAtCentre, span: Times) -> Answer {
    student.post("/v1/bookings", &tutor.lesson_over(span)).await
}

fn times(booked: Answer) -> Times {
    let booking = booked.expect(201);
    let instant = |field: &str| booking[field].as_str().unwrap().parse().unwrap();
    (instant("start"), instant("end"))
}

fn expect_disjoint(spans: &[Times]) {
    for (at, one) in spans.iter().enumerate() {
        for other in &spans[at + 1..] {
            assert!(!overlap(*one, *other), "{one:?} and {other:?}");
        }
    }
}

/// The search, too, finds none of these free.
async fn expect_nothing_left(student: &Person, tutor: &TutorAtCentre, asked: &[Times]) {
    let (first, last) = (asked[0].0, asked[asked.len() - 1].0 + TimeDelta::seconds(1));
    for minutes in [60, 90] {
        let path = format!(
            "/v1/tutors/{}/slots?from={}&to={}&minutes={minutes}",
            tutor.id,
            first.format("%FT%TZ"),
            last.format("%FT%TZ")
        );
        let found = student.get(&path).await.expect(200);
        for slot in found["items"].as_array().unwrap() {
            let start = slot["start"].as_str().unwrap().parse().unwrap();
            assert!(!asked.contains(&lasting(start, minutes)), "{slot} is free");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_student_who_asks_many_tutors_at_once_has_one_lesson_at_a_time() {
    let test = crowded().await;
    let centre = Centre::open(&test).await;
    let tutors = tutors(&test, &centre, 16).await;
    let student = test.student("Sam").await;
    let mut tally = Tally::new("one student, 16 tutors");
    for round in 0..ROUNDS {
        // Four times: one after the other in every other round, else all about half past ten.
        let times = if round.is_multiple_of(2) {
            [(9, 0), (10, 0), (11, 0), (12, 0)].map(|(h, m)| lasting(on_day(round, h, m), 60))
        } else {
            [(9, 30, 90), (10, 0, 60), (10, 0, 90), (10, 30, 60)]
                .map(|(h, m, minutes)| lasting(on_day(round, h, m), minutes))
        };
        let wants = times
            .iter()
            .flat_map(|span| tutors.iter().map(move |tutor| (tutor, *span)));
        let answers = tally
            .race(wants.map(|(tutor, span)| book(&student, tutor, span)))
            .await;
        assert_eq!(answers.len(), CLIENTS);
        let (got_it, refused) = booked(answers);
        let mut taken: Vec<_> = got_it.into_iter().map(self::times).collect();
        taken.sort_unstable();
        if round.is_multiple_of(2) {
            assert_eq!(taken, times, "round {round}");
        } else {
            assert_eq!(taken.len(), 1, "round {round}: {taken:?}");
        }
        for refusal in refused {
            assert!(reasons(refusal).contains(&"student_busy".to_owned()));
        }
    }
    tally.expect_only(&[201, 409]);
    expect_sound(&test).await;
}

async fn tutors(test: &TestApp, centre: &Centre, count: usize) -> Vec<TutorAtCentre> {
    join_all((0..count).map(|n| async move { centre.tutor(test, &format!("Tutor{n}")).await }))
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_booking_cancelled_by_many_at_once_is_cancelled_once() {
    let test = crowded().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let student = test.student("Sam").await;
    let mut tally = Tally::new("cancelling by both sides");
    for round in 0..ROUNDS {
        let cancel = place(book(&student, &tutor, lasting(on_day(round, 10, 0), 60)).await);
        let nothing = json!({});
        let both = (0..8).flat_map(|_| [&student, &tutor.person]);
        let answers = tally
            .race(both.map(|person| person.post(&cancel, &nothing)))
            .await;
        let (cancelled, refused): (Vec<_>, Vec<_>) = answers
            .into_iter()
            .partition(|answer| answer.status == StatusCode::OK);
        assert_eq!(cancelled.len(), 1, "round {round}");
        for refusal in refused {
            refusal.expect_problem(409, "already_cancelled");
        }
    }
    tally.expect_only(&[200, 409]);
    expect_sound(&test).await;
}

/// Where to cancel what was booked.
fn place(booked: Answer) -> String {
    let location = booked.headers["location"].to_str().unwrap().to_owned();
    booked.expect(201);
    format!("{location}/cancel")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_slot_that_is_wanted_while_it_is_given_up_goes_to_one_at_most() {
    let test = crowded().await;
    let tutor = Centre::open(&test)
        .await
        .connected_tutor(&test, "Tina")
        .await;
    let students = students(&test, 16).await;
    let (mut tally, mut taken_over) = (Tally::new("booking what is being cancelled"), 0);
    for round in 0..ROUNDS {
        let wanted = lasting(on_day(round, 10, 0), 60);
        let cancel = place(book(&students[0], &tutor, wanted).await);
        let cancelling = async {
            students[0].post(&cancel, &json!({})).await.expect(200);
        };
        // The one who gives it up wants it back, too.
        let racing = tally.race(students.iter().map(|student| book(student, &tutor, wanted)));
        let ((), answers) = tokio::join!(cancelling, racing);
        let (got_it, _) = booked(answers);
        assert!(got_it.len() <= 1, "round {round}");
        taken_over += got_it.len();
        if got_it.is_empty() {
            book(&students[1], &tutor, wanted).await.expect(201);
        }
        test.run_jobs().await;
    }
    println!("taken over in mid-race: {taken_over} of {ROUNDS}");
    tally.expect_only(&[201, 409]);
    assert_eq!(test.google.events(&tutor.email).len(), 50);
    expect_sound(&test).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_tutor_may_change_hours_while_students_book() {
    let test = crowded().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let students = students(&test, 32).await;
    let (mut tally, mut edits) = (
        Tally::new("booking while hours change"),
        Tally::new("hours"),
    );
    let path = format!("/v1/tutors/{}/weekly-rules", tutor.id);
    for round in 0..ROUNDS {
        let etag = tutor.person.get(&path).await.etag();
        let rules = if round.is_multiple_of(2) {
            hours("09:00", "12:00")
        } else {
            hours("09:00", "17:00")
        };
        let spans = (0..32).map(|n| lasting(on_day(round, 9 + n % 8, 0), 60));
        let wants = students.iter().zip(spans);
        let booking = tally.race(wants.map(|(student, span)| book(student, &tutor, span)));
        // Two tabs of one tutor: one of them is told that its version is stale.
        let editing =
            edits.race((0..2).map(|_| tutor.person.edit(Method::PUT, &path, &etag, &rules)));
        let (_, edited) = tokio::join!(booking, editing);
        let mut statuses: Vec<_> = edited.iter().map(|answer| answer.status.as_u16()).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 412], "round {round}");
    }
    tally.expect_only(&[201, 409]);
    expect_sound(&test).await;
}

fn hours(start: &str, end: &str) -> Value {
    let days = ["monday", "tuesday", "wednesday", "thursday", "friday"];
    let rules = days.map(|day| json!({"weekday": day, "local_start": start, "local_end": end}));
    json!({ "rules": rules })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_tutor_may_disconnect_the_calendar_while_its_busy_time_is_read_and_students_book() {
    let test = crowded().await;
    let mut tutor = Centre::open(&test)
        .await
        .connected_tutor(&test, "Tina")
        .await;
    // Else nobody would be booked between being connected and being read.
    test.execute("UPDATE centre SET calendar_unknown_after_hours = NULL")
        .await;
    let students = students(&test, 8).await;
    let mut tally = Tally::new("booking while the calendar is disconnected");
    for round in 0..20 {
        let spans = (0..8).map(|n| lasting(on_day(round, 9 + n, 0), 60));
        let wants = students.iter().zip(spans);
        let booking = tally.race(wants.map(|(student, span)| book(student, &tutor, span)));
        let disconnecting = async {
            tutor
                .person
                .delete("/v1/calendar/connection")
                .await
                .expect(204);
        };
        tokio::join!(booking, disconnecting, test.run_jobs());
        let email = tutor.email.clone();
        let connected = tutor.person.connect_calendar(&email, Consent::All).await;
        connected.expect(303);
    }
    tally.expect_only(&[201]);
    expect_sound(&test).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_who_teach_each_other_are_not_in_two_lessons_at_once() {
    let test = crowded().await;
    let centre = Centre::open(&test).await;
    let tutors = tutors(&test, &centre, 2).await;
    let [one, other] = tutors.as_slice() else {
        unreachable!("two were asked for")
    };
    let mut tally = Tally::new("teaching each other");
    for round in 0..ROUNDS {
        let first = lasting(on_day(round, 10, 0), 60);
        let second = lasting(on_day(round, 10, 30), 60);
        let answers = tally
            .race([
                book(&one.person, other, first),
                book(&other.person, one, second),
                book(&one.person, other, second),
                book(&other.person, one, first),
            ])
            .await;
        let (got_it, _) = booked(answers);
        assert_eq!(got_it.len(), 1, "round {round}");
    }
    tally.expect_only(&[201, 409]);
    expect_sound(&test).await;
}

#[tokio::test]
async fn busy_time_that_is_still_being_read_when_the_calendar_is_disconnected_is_not_kept() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test)
        .await
        .connected_tutor(&test, "Tina")
        .await;
    let (start, end) = lasting(on_day(0, 10, 0), 60);
    test.google.insert_busy(&tutor.email, start, end, "Dentist");
    test.pass(TimeDelta::minutes(2));
    // Google answers late, and is not told that the connection has ended.
    let late = Effect::Hang(Duration::from_millis(500));
    test.google.fail_next(
        Failure::new(Target::Calendar, late)
            .method("GET")
            .path("/events"),
    );
    test.google
        .fail_next(Failure::status(Target::Revoke, 503, "backendError").times(u32::MAX));
    let disconnecting = async {
        let mut connection = test.own_connection().await;
        let asked = "SELECT busy_attempted_at > busy_read_at FROM google_grants";
        while !sqlx::query_scalar::<_, bool>(asked)
            .fetch_one(&mut connection)
            .await
            .unwrap()
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tutor
            .person
            .delete("/v1/calendar/connection")
            .await
            .expect(204);
    };
    tokio::join!(test.run_jobs(), disconnecting);
    let spans: i64 = sqlx::query_scalar("SELECT count(*) FROM busy_spans")
        .fetch_one(&mut test.own_connection().await)
        .await
        .unwrap();
    assert_eq!(spans, 0);
}
