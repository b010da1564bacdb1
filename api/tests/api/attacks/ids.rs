//! Guessed ids: what is not there for somebody can't be told from what is not there at all (OWASP API1:2023).

use crate::auth_coverage::{Row, Who, World, table};
use crate::support::Answer;
use serde_json::Value;
use std::collections::BTreeMap;
use uuid::Uuid;

/// Who guesses.
const GUESSERS: [Who; 4] = [
    Who::OtherStudent,
    Who::OtherTutor,
    Who::Admin,
    Who::KeyWithScope,
];

/// Of what an id is the id.
fn kind(name: &str) -> &str {
    match name {
        "student" | "other" | "guardian" | "suspended" => "user",
        "tutor" | "other_tutor" => "tutor",
        "booking" | "requested" | "proposed" | "begun" | "hold" => "booking",
        "entry" | "offered" => "waitlist entry",
        "deletion" | "question" => "drift",
        other => other,
    }
}

/// The names of the ids in the path and body of an operation.
fn names(world: &World, row: &Row) -> Vec<&'static str> {
    let body = row.body.as_ref().map(Value::to_string).unwrap_or_default();
    let text = format!("{} {body}", row.path);
    let names = world.ids().iter();
    names
        .filter(|(name, id)| id.parse::<Uuid>().is_ok() && text.contains(&format!("{{{name}}}")))
        .map(|(name, _)| *name)
        .collect()
}

/// The ids made just before and after this one, as far as somebody can guess.
fn neighbours(id: &str) -> [String; 2] {
    let id: Uuid = id.parse().unwrap();
    [id.as_u128() - 1, id.as_u128() + 1].map(|number| Uuid::from_u128(number).to_string())
}

/// An id of each other kind of things.
fn of_other_kinds(world: &World, name: &str) -> Vec<String> {
    let ids = world.ids().iter();
    let ids = ids.filter(|(_, id)| id.parse::<Uuid>().is_ok());
    let mut kinds: BTreeMap<_, _> = ids.map(|(name, id)| (kind(name), id.clone())).collect();
    kinds.remove(kind(name));
    kinds.into_values().collect()
}

/// Asks with another id under this name.
async fn ask_with(
    world: &mut World,
    who: Who,
    row: &Row,
    (name, id): (&'static str, &str),
) -> Answer {
    let before = world.rename(name, id);
    let answer = world.ask(who, row).await;
    world.rename(name, &before);
    answer
}

#[tokio::test]
async fn a_guessed_id_is_answered_like_one_that_was_never_given() {
    let mut world = World::new().await;
    let (mut faults, mut count) = (Vec::new(), 0);
    for row in table(&world) {
        for name in names(&world, &row) {
            for who in GUESSERS {
                let nothing = Uuid::now_v7().to_string();
                let nowhere = ask_with(&mut world, who, &row, (name, &nothing)).await;
                let mut guesses = neighbours(&world.ids()[name]).to_vec();
                guesses.extend(of_other_kinds(&world, name));
                if row.answer_to(who) == 404 {
                    guesses.push(world.ids()[name].clone());
                }
                for guess in guesses {
                    let answer = ask_with(&mut world, who, &row, (name, &guess)).await;
                    if (answer.status, &answer.body) != (nowhere.status, &nowhere.body)
                        || answer.status.is_success()
                    {
                        faults.push(format!(
                            "{} {name} for {}: {} {} instead of {} {}",
                            row.operation,
                            who.name(),
                            answer.status,
                            answer.body,
                            nowhere.status,
                            nowhere.body
                        ));
                    }
                    count += 1;
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(count > 500, "only {count} guesses");
}
