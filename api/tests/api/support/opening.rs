//! What is shown, said and done about one time of a tutor. All three must agree.

use super::{Person, TutorAtCentre, at};
use chrono::TimeDelta;
use serde_json::{Value, json};

/// The starts of all slots of an hour in a window of two instants.
pub async fn starts(
    person: &Person,
    tutor: &TutorAtCentre,
    (from, to): (&str, &str),
) -> Vec<String> {
    let path = tutor.path(&format!("/slots?from={from}&to={to}&minutes=60"));
    let slots = person.get(&path).await.expect(200);
    let items = slots["items"].as_array().unwrap();
    items
        .iter()
        .map(|slot| slot["start"].as_str().unwrap().to_owned())
        .collect()
}

/// What the server says of an hour that begins then.
pub async fn explain(person: &Person, tutor: &TutorAtCentre, start: &str) -> Value {
    let path = tutor.path(&format!("/slots/explain?start={start}&minutes=60"));
    person.get(&path).await.expect(200)
}

/// The codes of reasons, in their order.
pub fn codes(reasons: &Value) -> Vec<&str> {
    let reasons = reasons.as_array().into_iter().flatten();
    reasons
        .map(|reason| reason["code"].as_str().unwrap())
        .collect()
}

async fn is_shown(person: &Person, tutor: &TutorAtCentre, start: &str) -> bool {
    let after =
        (at(start) + TimeDelta::seconds(1)).to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    !starts(person, tutor, (start, &after)).await.is_empty()
}

/// Fails unless the hour is shown as a slot and said to be bookable.
pub async fn assert_open(student: &Person, tutor: &TutorAtCentre, start: &str) {
    let told = explain(student, tutor, start).await;
    assert_eq!(told["bookable"], true, "{start}: {told:#}");
    assert_eq!(told["reasons"], json!([]), "{start}: {told:#}");
    assert_eq!(told["alternatives"], json!([]), "{start}: {told:#}");
    assert!(is_shown(student, tutor, start).await, "{start} is no slot");
}

/// Fails unless the hour is no slot, and both its explanation and the refusal of its booking give these reasons, word
/// for word the same, and the same alternatives.
pub async fn assert_closed(student: &Person, tutor: &TutorAtCentre, start: &str, reasons: &[&str]) {
    let told = explain(student, tutor, start).await;
    assert_eq!(codes(&told["reasons"]), reasons, "{start}: {told:#}");
    assert_eq!(told["bookable"], false, "{start}: {told:#}");
    assert!(!is_shown(student, tutor, start).await, "{start} is a slot");
    let refused = student.post("/v1/bookings", &tutor.lesson(start, 60)).await;
    let refused = refused.expect_problem(409, "slot_unavailable");
    assert_eq!(refused["conflicts"], told["reasons"], "{start}");
    let alternatives = told["alternatives"].as_array().unwrap().iter();
    let alternatives: Vec<_> = alternatives
        .map(|slot| json!({"start": slot["start"], "end": slot["end"]}))
        .collect();
    let offered = refused["alternatives"].as_array().cloned();
    assert_eq!(offered.unwrap_or_default(), alternatives, "{start}");
}
