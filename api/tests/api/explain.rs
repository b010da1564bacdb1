//! Why a tutor can or can't be booked, and who is told what of it.

use crate::support::{
    Centre, Person, TestApp, TutorAtCentre, at,
    lesson::book,
    model::model,
    opening::{assert_closed, codes, explain, starts},
};
use chrono::TimeDelta;
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use reqwest::Method;
use serde_json::{Value, json};

/// A tutor who has a lesson from ten to eleven, something in the calendar from twelve to one, and is away from two
/// to three, all in UTC; and a buffer.
async fn busy_tuesday(test: &TestApp) -> (TutorAtCentre, Person) {
    let tutor = Centre::open(test).await.connected_tutor(test, "Tina").await;
    let sam = test.student("Sam").await;
    book(&sam, &tutor, "2027-03-02T10:00:00Z").await;
    let (from, to) = (at("2027-03-02T12:00:00Z"), at("2027-03-02T13:00:00Z"));
    test.google.insert_busy(&tutor.email, from, to, "Dentist");
    test.pass(TimeDelta::minutes(2));
    test.run_jobs().await;
    let away =
        json!({"start": "2027-03-02T14:00:00Z", "end": "2027-03-02T15:00:00Z", "note": "Private"});
    tutor
        .person
        .post(&tutor.path("/time-off"), &away)
        .await
        .expect(201);
    tutor
        .edit(Method::PUT, "/policy", &json!({"buffer_after_minutes": 30}))
        .await
        .expect(200);
    (tutor, sam)
}

fn reason(code: &str, from: &str, to: &str) -> Value {
    json!({"code": code, "start": format!("2027-03-02T{from}:00Z"), "end": format!("2027-03-02T{to}:00Z")})
}

#[tokio::test]
async fn a_student_learns_why_and_not_what_and_the_tutor_and_an_admin_learn_both() {
    let test = TestApp::start().await;
    let (tutor, _) = busy_tuesday(&test).await;
    let olga = test.student("Olga").await;
    let admin = test.admin("Ada").await;
    let stray = Centre.tutor(&test, "Theo").await.person;
    let lesson = || reason("lesson", "10:00", "11:00");
    let after_lesson = || reason("buffer", "10:00", "11:00");
    let dentist = || reason("calendar_busy", "12:00", "13:00");
    let before_dentist = || reason("buffer", "12:00", "13:00");
    let away = || reason("time_off", "14:00", "15:00");
    let cases = [
        ("10:00", vec![lesson()], vec!["lesson"]),
        (
            "11:00",
            vec![after_lesson(), before_dentist()],
            vec!["buffer"],
        ),
        ("12:30", vec![dentist()], vec!["calendar_busy"]),
        ("14:00", vec![away()], vec!["time_off"]),
    ];
    for (time, whole, told) in cases {
        let start = format!("2027-03-02T{time}:00Z");
        for person in [&tutor.person, &admin] {
            let seen = explain(person, &tutor, &start).await;
            assert_eq!(seen["reasons"], json!(whole), "{start}");
        }
        // Each reason once: others don't even learn how much there is.
        let told: Vec<_> = told.iter().map(|code| json!({"code": code})).collect();
        for person in [&olga, &stray] {
            let seen = explain(person, &tutor, &start).await;
            assert_eq!(seen["reasons"], json!(told), "{start}");
        }
    }
    assert_closed(&olga, &tutor, "2027-03-02T10:00:00Z", &["lesson"]).await;
}

#[tokio::test]
async fn who_has_a_lesson_at_that_time_is_told_which() {
    let test = TestApp::start().await;
    let (_, sam) = busy_tuesday(&test).await;
    let theo = Centre.tutor(&test, "Theo").await;
    let told = explain(&sam, &theo, "2027-03-02T10:30:00Z").await;
    assert_eq!(
        told["reasons"],
        json!([reason("student_busy", "10:00", "11:00")])
    );
    assert_closed(&sam, &theo, "2027-03-02T10:30:00Z", &["student_busy"]).await;
}

#[tokio::test]
async fn every_reason_is_given_and_the_nearest_times_that_are_free() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let sam = test.student("Sam").await;
    // In an hour's notice, off the grid, and before the tutor is there.
    let told = explain(&sam, &tutor, "2027-03-01T07:10:00Z").await;
    let reasons = codes(&told["reasons"]);
    assert!(
        reasons.contains(&"notice") && reasons.contains(&"outside_availability"),
        "{told:#}"
    );
    let slot = &told["slot"];
    assert_eq!(
        (&slot["start"], &slot["end"]),
        (
            &json!("2027-03-01T07:10:00Z"),
            &json!("2027-03-01T08:10:00Z")
        )
    );
    assert_eq!(slot["local_start"], "2027-03-01T08:10:00+01:00");
    let nearest = told["alternatives"].as_array().unwrap();
    assert_eq!(nearest.len(), 5);
    assert_eq!(nearest[0]["start"], "2027-03-01T08:00:00Z");
    // Before all time, and after it.
    for start in ["1970-01-01T00:00:00Z", "2199-12-31T23:59:59Z"] {
        let told = explain(&sam, &tutor, start).await;
        assert_eq!(told["bookable"], false);
        assert_eq!(told["alternatives"], json!([]));
    }
}

#[tokio::test]
async fn a_length_that_is_not_on_offer_is_a_reason() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let sam = test.student("Sam").await;
    for (query, reasons) in [
        ("minutes=60", vec![]),
        ("minutes=90", vec![]),
        ("minutes=45", vec!["length_not_offered"]),
        ("minutes=60&subject=mathematics&level=School", vec![]),
    ] {
        let path = tutor.path(&format!(
            "/slots/explain?start=2027-03-02T09:00:00Z&{query}"
        ));
        let told = sam.get(&path).await.expect(200);
        assert_eq!(codes(&told["reasons"]), reasons, "{query}");
        assert_eq!(told["bookable"], reasons.is_empty());
    }
    for subject in ["subject=mathematics&level=Bachelor", "subject=physics"] {
        let query = format!("?start=2027-03-02T09:00:00Z&minutes=60&{subject}");
        let path = tutor.path(&format!("/slots/explain{query}"));
        let refused = sam.get(&path).await.expect_problem(422, "invalid_fields");
        assert_eq!(refused["errors"][0]["code"], "not_offered");
    }
    let wanted = tutor.lesson("2027-03-02T09:00:00Z", 45);
    let refused = sam.post("/v1/bookings", &wanted).await;
    let refused = refused.expect_problem(409, "slot_unavailable");
    assert_eq!(codes(&refused["conflicts"]), ["length_not_offered"]);
}

#[tokio::test]
async fn a_hidden_tutor_is_explained_to_nobody_but_an_admin() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let (sam, admin) = (test.student("Sam").await, test.admin("Ada").await);
    tutor.hide().await;
    let path = tutor.path("/slots/explain?start=2027-03-02T09:00:00Z&minutes=60");
    sam.get(&path).await.expect_problem(404, "not_found");
    assert_eq!(admin.get(&path).await.expect(200)["bookable"], true);
    let lesson = tutor.lesson("2027-03-02T09:00:00Z", 60);
    let refused = sam.post("/v1/bookings", &lesson).await;
    refused.expect_problem(404, "not_found");
    admin.post("/v1/bookings", &lesson).await.expect(201);
}

/// The starts that a search of many finds, when they are only this one.
async fn found(person: &Person, tutor: &TutorAtCentre, (from, to): (&str, &str)) -> Vec<String> {
    let asked = format!("tutors={}&from={from}&to={to}&limit=2000", tutor.id);
    let path = format!("/v1/slots?subject=mathematics&level=School&minutes=60&{asked}");
    let page = person.get(&path).await.expect(200);
    let starts = page["items"].as_array().unwrap().iter();
    starts
        .map(|slot| slot["start"].as_str().unwrap().to_owned())
        .collect()
}

/// Whatever decides: what is shown can be booked and is said to be, and what isn't has a reason that booking gives too.
#[tokio::test]
async fn what_is_shown_can_be_booked_and_what_is_not_has_a_reason() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let admin = test.admin("Ada").await;
    let sam = test.student("Sam").await;
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let (mut booked, mut refused) = (0, 0);
    for round in 0..25 {
        let model = model().new_tree(&mut runner).unwrap().current();
        let tutor = centre.tutor(&test, &format!("Tutor{round}")).await;
        model.apply(&test, &tutor, &admin).await;
        for pick in 0..4 {
            let fortnight = ("2027-03-01T00:00:00Z", "2027-03-15T00:00:00Z");
            let shown = starts(&sam, &tutor, fortnight).await;
            assert_eq!(shown, found(&sam, &tutor, fortnight).await, "{model:#?}");
            if let Some(start) = shown.get((pick * 7919 + round * 31) % shown.len().max(1)) {
                let told = explain(&sam, &tutor, start).await;
                assert_eq!(told["bookable"], true, "{start} {told:#} {model:#?}");
                let answer = sam.post("/v1/bookings", &tutor.lesson(start, 60)).await;
                assert_eq!(answer.status, 201, "{start} {:#} {model:#?}", answer.body);
                booked += 1;
            }
            let minutes = i64::try_from((pick * 1237 + round * 4421) % (14 * 24 * 12)).unwrap() * 5;
            let start = at("2027-03-01T00:00:00Z") + TimeDelta::minutes(minutes);
            let start = start.format("%FT%TZ").to_string();
            let shown = starts(&sam, &tutor, fortnight).await;
            if !shown.contains(&start) {
                let told = explain(&sam, &tutor, &start).await;
                assert_ne!(told["reasons"], json!([]), "{start} {model:#?}");
                let answer = sam.post("/v1/bookings", &tutor.lesson(&start, 60)).await;
                let answer = answer.expect_problem(409, "slot_unavailable");
                assert_eq!(answer["conflicts"], told["reasons"], "{start} {model:#?}");
                refused += 1;
            }
        }
    }
    assert!(
        booked > 40 && refused > 40,
        "{booked} booked, {refused} refused"
    );
}

#[tokio::test]
async fn what_a_tutor_does_outside_of_what_is_offered_is_nobodys_business() {
    let test = TestApp::start().await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let (sam, admin) = (test.student("Sam").await, test.admin("Ada").await);
    test.execute(&format!(
        "INSERT INTO busy_spans VALUES
            ('{id}', '2027-03-02 03:00Z', '2027-03-02 04:00Z'), ('{id}', '2027-03-02 09:10Z', '2027-03-02 09:25Z')",
        id = tutor.id
    ))
    .await;
    let told = async |person: &Person, start: &str, minutes: u32| {
        let path = tutor.path(&format!("/slots/explain?start={start}&minutes={minutes}"));
        let told = person.get(&path).await.expect(200);
        let told = codes(&told["reasons"]).into_iter().map(str::to_owned);
        told.collect::<Vec<_>>()
    };
    // At night, off the grid, in lengths that nobody offers: the same whether there is something or not.
    for (with, without, minutes) in [
        ("2027-03-02T03:00:00Z", "2027-03-02T05:00:00Z", 60),
        ("2027-03-02T09:12:00Z", "2027-03-02T10:12:00Z", 60),
        ("2027-03-02T09:20:00Z", "2027-03-02T10:20:00Z", 5),
    ] {
        let seen = told(&sam, with, minutes).await;
        assert_eq!(seen, told(&sam, without, minutes).await, "{with}");
        assert!(!seen.is_empty(), "{with}");
        for person in [&admin, &tutor.person] {
            let seen = told(person, with, minutes).await;
            assert!(seen.contains(&"calendar_busy".to_owned()), "{seen:?}");
        }
    }
    let seen = told(&sam, "2027-03-02T09:00:00Z", 60).await;
    assert_eq!(seen, ["calendar_busy"]);
}
