//! What somebody may not see is looked up by the same statements as what is not there, so that how long the answer takes
//! says nothing of it. Statements are counted, for a test that measures time now and then fails.

use crate::{
    auth_coverage::{Row, Who, World, table},
    support::Answer,
};
use std::{
    mem::take,
    sync::{Arc, Mutex},
};
use tracing::{Subscriber, span};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt},
};
use uuid::Uuid;

/// The calls of the database by what runs on this thread: by all of the test, its server included.
#[derive(Clone, Default)]
struct Calls(Arc<Mutex<Vec<&'static str>>>);

impl<S: Subscriber> Layer<S> for Calls {
    fn on_new_span(&self, span: &span::Attributes<'_>, _: &span::Id, _: Context<'_, S>) {
        if span.metadata().target().starts_with("sea_orm") {
            self.0.lock().unwrap().push(span.metadata().name());
        }
    }
}

/// What is answered, and by which calls, when all that is kept in memory is there.
async fn ask(world: &World, calls: &Calls, row: &Row, path: &str) -> (Answer, Vec<&'static str>) {
    let person = world.person(Who::OtherStudent, row.operation);
    let send = async || {
        let mut request = person
            .request(row.method.clone(), path)
            .header("if-match", "\"4\"");
        if let Some(body) = &row.body {
            request = request.json(body);
        }
        person.send(request).await
    };
    send().await;
    take(&mut *calls.0.lock().unwrap());
    let answer = send().await;
    (answer, take(&mut *calls.0.lock().unwrap()))
}

#[tokio::test]
async fn what_is_hidden_is_looked_up_like_what_is_not_there() {
    let calls = Calls::default();
    let subscriber = tracing_subscriber::registry().with(calls.clone());
    let _guard = tracing::subscriber::set_default(subscriber);
    let world = World::new().await;
    world.tutor.hide().await;
    let (mut faults, mut total) = (Vec::new(), 0);
    let mut operations = 0;
    for row in table(&world) {
        let is_hidden = row.path.contains("{tutor}") || row.answer_to(Who::OtherStudent) == 404;
        let Some(name) = world.ids().keys().find(|name| {
            is_hidden && **name != "date" && row.path.contains(&format!("{{{name}}}"))
        }) else {
            continue;
        };
        let there = world.fill(row.path);
        let missing = there.replace(&world.ids()[name], &Uuid::now_v7().to_string());
        assert_ne!(there, missing);
        let (hidden, by_hidden) = ask(&world, &calls, &row, &there).await;
        let (missing, by_missing) = ask(&world, &calls, &row, &missing).await;
        hidden.expect_problem(404, "not_found");
        missing.expect_problem(404, "not_found");
        if by_hidden != by_missing {
            faults.push(format!("{}: {by_hidden:?}, {by_missing:?}", row.operation));
        }
        total += by_hidden.len();
        operations += 1;
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(
        operations > 20 && total > operations,
        "{operations} {total}"
    );
}
