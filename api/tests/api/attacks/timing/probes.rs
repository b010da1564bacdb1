//! What is asked for by those who may not see it.

use crate::{
    auth_coverage::{Row, Who, World, table},
    support::Person,
};
use reqwest::Method;
use std::fmt;
use uuid::Uuid;

/// Names in paths of what everybody may see, who is not even signed in.
const PUBLIC: [&str; 1] = ["provider"];

/// A request by somebody who may not see the thing that has this name in it.
pub struct Probe {
    pub person: Person,
    pub row: Row,
    pub name: &'static str,
    /// What stands for the name where nothing is there.
    pub missing: String,
    /// Whether a third-party app asks.
    pub is_app: bool,
    asker: &'static str,
}

impl Probe {
    pub fn new(world: &World, who: Who, row: Row, name: &'static str) -> Self {
        let person = world.person(who, row.operation).at(&world.test.base);
        Self::by(person, who.name(), row, name)
    }

    pub fn by(person: Person, asker: &'static str, row: Row, name: &'static str) -> Self {
        let missing = match name {
            "date" => "2027-03-21".to_owned(),
            "subject" => "greek".to_owned(),
            _ => Uuid::now_v7().to_string(),
        };
        Self {
            person,
            row,
            name,
            missing,
            is_app: asker.contains("key"),
            asker,
        }
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (operation, name) = (self.row.operation, self.name);
        write!(f, "{operation} {{{name}}} for {}", self.asker)
    }
}

/// The names of ids in the path of an operation. A new one is to be given to the world, or to [`PUBLIC`].
fn names(world: &World, row: &Row) -> Vec<&'static str> {
    let names = row.path.split('{').skip(1);
    let names = names.map(|rest| rest.split_once('}').unwrap().0);
    let names = names.filter(|name| !PUBLIC.contains(name));
    names
        .map(|name| {
            let known = world.ids().get_key_value(name);
            *known
                .unwrap_or_else(|| panic!("{}: what is {{{name}}}?", row.operation))
                .0
        })
        .collect()
}

/// Each operation on things of these names, for those who may not.
pub fn of_paths(world: &World, wanted: impl Fn(&str) -> bool) -> Vec<Probe> {
    let mut probes = Vec::new();
    for row in table(world) {
        for name in names(world, &row).into_iter().filter(|name| wanted(name)) {
            let refused =
                |who: &Who| [401, 403, 404].contains(&row.answer_to(*who)) && !is_seen(name, *who);
            let whose = Who::ALL.into_iter().filter(refused);
            probes.extend(whose.map(|who| Probe::new(world, who, row.clone(), name)));
        }
    }
    probes
}

/// Of a booking its people and admins know, and of a group lesson everybody, also where somebody else decides about it.
fn is_seen(name: &str, who: Who) -> bool {
    let is_booking = matches!(
        name,
        "hold" | "requested" | "proposed" | "begun" | "question"
    );
    let sees = matches!(who, Who::Student | Who::Guardian | Who::Tutor | Who::Admin);
    name == "lesson" || is_booking && sees
}

/// Each operation on a group lesson of a tutor whom nobody sees but these.
pub fn of_hidden_lessons(world: &World, seen_by: &[Who]) -> Vec<Probe> {
    let rows = table(world).into_iter();
    let rows = rows.filter(|row| row.path.contains("{lesson}"));
    let askers = || Who::ALL.into_iter().filter(|who| !seen_by.contains(who));
    rows.flat_map(|row| askers().map(move |who| Probe::new(world, who, row.clone(), "lesson")))
        .collect()
}

/// Each operation on a tutor whom nobody sees but these.
pub fn of_hidden_tutors(world: &World, seen_by: &[Who]) -> Vec<Probe> {
    let rows = table(world).into_iter();
    let rows = rows.filter(|row| row.path.contains("{tutor}"));
    let askers = Who::ALL.into_iter().filter(|who| !seen_by.contains(who));
    let askers: Vec<_> = askers.collect();
    rows.flat_map(|row| {
        let probe = |who: &Who| Probe::new(world, *who, row.clone(), "tutor");
        askers.iter().map(probe).collect::<Vec<_>>()
    })
    .collect()
}

/// What belongs to a tutor, asked for as if it belonged to another, who asks.
pub fn with_other_parents(world: &World) -> Vec<Probe> {
    let rows = table(world).into_iter();
    let rows = rows.filter(|row| row.path.contains("{tutor}") && row.method != Method::PUT);
    let mut probes = Vec::new();
    for row in rows {
        for name in names(world, &row)
            .into_iter()
            .filter(|name| *name != "tutor")
        {
            let path = row.path.replace("{tutor}", "{other_tutor}").leak();
            let row = Row {
                path,
                ..row.clone()
            };
            probes.push(Probe::new(world, Who::OtherTutor, row, name));
        }
    }
    probes
}

/// Each operation for which third-party apps have a scope, on what is beyond the limits of a key.
pub fn of_keys(world: &World, name: &'static str, key: &Person) -> Vec<Probe> {
    let rows = table(world).into_iter();
    let rows = rows.filter(|row| {
        row.answer_to(Who::KeyWithScope) < 400 && row.path.contains(&format!("{{{name}}}"))
    });
    rows.map(|row| Probe::by(key.at(&world.test.base), "limited key", row, name))
        .collect()
}

/// Guardianships that are not there, between the one who asks and a user who is, or is not.
pub fn of_strangers(world: &World) -> Vec<Probe> {
    let sides = [
        (Who::Student, "/v1/guardianships/{other}/{student}"),
        (Who::Guardian, "/v1/guardianships/{guardian}/{other}"),
    ];
    let row = |path| Row::open("delete_guardianship", path, 404).with(Method::DELETE);
    sides
        .map(|(who, path)| Probe::new(world, who, row(path), "other"))
        .into()
}
