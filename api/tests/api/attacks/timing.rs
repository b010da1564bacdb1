//! What somebody may not see can't be told from what is not there: not by the answer, and not by how long it takes, for it
//! is looked up by the same statements. Statements are compared, for a test that measures time now and then fails.

mod id_fields;
mod probes;

use crate::{
    auth_coverage::{Row, Who, World},
    support::{
        Answer, Person,
        statements::{Statements, logging_pool, noting},
    },
};
use id_fields::id_fields;
use probes::{
    Probe, of_hidden_lessons, of_hidden_tutors, of_keys, of_paths, of_strangers, with_other_parents,
};
use reqwest::header::HeaderMap;
use sea_orm::DatabaseConnection;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tokio_util::sync::CancellationToken;
use url::Url;

/// What can be noticed of an answer, and behind it.
#[derive(Debug, PartialEq)]
struct Seen {
    status: u16,
    headers: HeaderMap,
    body: Value,
    statements: Vec<String>,
}

impl Seen {
    /// Without what is another in each answer, whatever was asked for.
    fn new(answer: Answer, statements: Vec<String>) -> Self {
        let mut headers = answer.headers;
        for name in ["date", "x-request-id", "ratelimit"] {
            headers.remove(name);
        }
        Self {
            status: answer.status.as_u16(),
            headers,
            body: answer.body,
            statements,
        }
    }
}

/// Asks instances of the server that log what they send to the database.
struct Observer {
    statements: Statements,
    pool: DatabaseConnection,
    /// An instance that has been asked before.
    base: Url,
}

impl Observer {
    async fn ask(&self, world: &World, person: &Person, row: &Row) -> Seen {
        self.statements.take();
        let mut request = world.request(person, row);
        if row.edit {
            request = request.header("if-match", "\"4\"");
        }
        let answer = person.send(request).await;
        Seen::new(answer, self.statements.take())
    }

    /// What is seen the second time, with what is kept in memory since the first.
    async fn ask_again(&self, world: &World, probe: &Probe) -> Seen {
        let person = probe.person.at(&self.base);
        self.ask(world, &person, &probe.row).await;
        self.ask(world, &person, &probe.row).await
    }

    /// What is seen of an instance that has just started, and keeps nothing in memory.
    async fn ask_anew(&self, world: &World, probe: &Probe) -> Seen {
        let stop = CancellationToken::new();
        let _stopped = stop.clone().drop_guard();
        let instance = world.test.another_instance_on(self.pool.clone(), stop);
        let person = probe.person.at(&instance.await);
        self.ask(world, &person, &probe.row).await
    }

    /// How what is there differs from what is not, where it does.
    async fn check(&self, world: &mut World, probes: &[Probe]) {
        let (mut faults, mut known) = (Vec::new(), BTreeSet::new());
        for probe in probes {
            let mut unseen = vec![self.ask_again(world, probe).await];
            let status = unseen[0].status;
            assert!(!unseen[0].statements.is_empty() || status == 401, "{probe}");
            // Who is refused whatever they ask for needs no second look, nor does the next one of whom the same is asked.
            let kind = (probe.row.operation, probe.name, probe.is_app);
            let is_anew = ![401, 403].contains(&status) && known.insert(kind);
            if is_anew {
                unseen.push(self.ask_anew(world, probe).await);
            }
            let id = world.rename(probe.name, &probe.missing);
            assert_ne!(id, probe.missing);
            let mut missing = vec![self.ask_again(world, probe).await];
            if is_anew {
                missing.push(self.ask_anew(world, probe).await);
            }
            world.rename(probe.name, &id);
            if unseen != missing {
                faults.push(format!("{probe}\n  {unseen:#?}\n  {missing:#?}"));
            }
        }
        let (found, all) = (faults.len(), probes.len());
        assert!(
            found == 0,
            "{found} of {all} differ:\n{}",
            faults.join("\n")
        );
        assert!(!known.is_empty());
    }
}

/// A centre, and who looks at it. Nobody is in it for the first time, which would be noted.
async fn observed(statements: &Statements) -> (World, Observer) {
    let world = World::new().await;
    for who in Who::ALL {
        for operation in ["list_tutors", "list_bookings", "create_booking"] {
            world.person(who, operation).get("/v1/tutors").await;
        }
    }
    let pool = logging_pool(&world.test.app.config.database).await;
    let stop = CancellationToken::new();
    let base = world.test.another_instance_on(pool.clone(), stop).await;
    let statements = statements.clone();
    let observer = Observer {
        statements,
        pool,
        base,
    };
    (world, observer)
}

#[tokio::test]
async fn what_is_somebody_elses_is_looked_up_like_what_is_not_there() {
    let (statements, _guard) = noting();
    let (mut world, observer) = observed(&statements).await;
    let mut probes = of_paths(&world, |name| name != "tutor");
    probes.extend(with_other_parents(&world));
    probes.extend(of_strangers(&world));
    let fields = id_fields().filter(|it| !["tutor", "lesson"].contains(&it.name));
    probes.extend(fields.map(|field| field.probe(&world)));
    observer.check(&mut world, &probes).await;
}

#[tokio::test]
async fn a_tutor_whom_one_may_not_see_is_looked_up_like_one_who_is_not_there() {
    let (statements, _guard) = noting();
    let (mut world, observer) = observed(&statements).await;
    world.tutor.hide().await;
    let mut probes = of_hidden_tutors(&world, &[Who::Tutor, Who::Admin]);
    probes.extend(of_hidden_lessons(&world, &[Who::Tutor, Who::Admin]));
    let fields = id_fields().filter(|it| ["tutor", "lesson"].contains(&it.name));
    probes.extend(fields.map(|field| field.probe(&world)));
    observer.check(&mut world, &probes).await;

    let theo = world.ids()["other_tutor"].clone();
    world.test.execute(&format!("UPDATE users SET suspended_at = now() WHERE id = (SELECT user_id FROM tutors WHERE id = '{theo}')")).await;
    world.rename("tutor", &theo);
    let seen_by = Who::ALL.into_iter().filter(|who| *who != Who::OtherStudent);
    let probes = of_hidden_tutors(&world, &seen_by.collect::<Vec<_>>());
    observer.check(&mut world, &probes).await;
}

#[tokio::test]
async fn what_is_beyond_the_limits_of_a_key_is_looked_up_like_what_is_not_there() {
    let (statements, _guard) = noting();
    let (mut world, observer) = observed(&statements).await;
    let keys = world.fill("/v1/third-party-apps/{app}/keys");
    for limit in [
        json!({"tutor_ids": [world.ids()["other_tutor"]]}),
        json!({"subjects": ["latin"]}),
    ] {
        let mut new = limit.clone();
        new["scopes"] = json!(["availability:read", "bookings:read", "bookings:write"]);
        new["expires_at"] = json!("2027-12-01T00:00:00Z");
        let made = world.person(Who::Admin, "").post(&keys, &new).await;
        let made = made.expect(201);
        let key = Person::with_bearer(&world.test, made["key"].as_str().unwrap());
        key.get("/v1/tutors").await.expect(200);
        let mut probes = of_keys(&world, "tutor", &key);
        probes.extend(of_keys(&world, "booking", &key));
        probes.extend(of_keys(&world, "lesson", &key));
        assert!(probes.len() > 5);
        if limit["subjects"].is_array() {
            world.rename("subject", "mathematics");
            probes.extend(of_keys(&world, "subject", &key));
        }
        observer.check(&mut world, &probes).await;
    }
}

/// What the table of operations does not show: ids in queries and bodies.
#[test]
fn every_field_of_the_document_that_holds_an_id_is_probed() {
    let document = serde_json::to_value(api::http::document()).unwrap();
    // A recurrence-id is a time.
    let is_id = |name: &str| {
        let is_named = name.ends_with("_id") || name.ends_with("_ids") || name == "tutors";
        is_named && name != "recurrence_id"
    };
    let mut documented = BTreeSet::new();
    let items = document["paths"].as_object().unwrap().values();
    let operations = items.flat_map(|item| item.as_object().unwrap().values());
    for operation in operations.filter(|it| it["security"] != json!([{}])) {
        let none = Vec::new();
        let parameters = operation["parameters"].as_array().unwrap_or(&none).iter();
        let of_query = parameters.filter(|it| it["in"] == "query");
        let of_query = of_query.map(|it| it["name"].as_str().unwrap());
        let body = &operation["requestBody"]["content"]["application/json"]["schema"]["$ref"];
        let schema = body
            .as_str()
            .map(|path| &document["components"]["schemas"][path.rsplit('/').next().unwrap()]);
        let properties = schema.and_then(|schema| schema["properties"].as_object());
        let of_body = properties
            .into_iter()
            .flat_map(|all| all.keys().map(String::as_str));
        let id = operation["operationId"].as_str().unwrap();
        let fields = of_query.chain(of_body).filter(|name| is_id(name));
        documented.extend(fields.map(|name| (id.to_owned(), name.to_owned())));
    }
    let fields = id_fields();
    let probed: BTreeSet<_> = fields
        .map(|it| (it.row.operation.to_owned(), it.field.to_owned()))
        .collect();
    assert_eq!(documented, probed);
    assert!(documented.len() > 15);
}
