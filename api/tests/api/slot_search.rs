//! Free times of all tutors of a subject in one list.

use crate::support::{
    Centre, Person, TestApp, TutorAtCentre, at,
    lesson::{book, cancel},
    statements::{Statements, logging_pool, noting},
};
use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};
use std::ops::RangeInclusive;
use tokio_util::sync::CancellationToken;

const TUESDAY: &str = "from=2027-03-02T00:00:00Z&to=2027-03-03T00:00:00Z";
const MATHEMATICS: &str = "subject=mathematics&minutes=60";

struct World {
    test: TestApp,
    tina: TutorAtCentre,
    theo: TutorAtCentre,
    sam: Person,
}

impl World {
    async fn new() -> Self {
        let test = TestApp::start().await;
        let centre = Centre::open(&test).await;
        let tina = centre.tutor(&test, "Tina").await;
        let theo = centre.tutor(&test, "Theo").await;
        let sam = test.student("Sam").await;
        Self {
            test,
            tina,
            theo,
            sam,
        }
    }

    /// Who stands in the answer to Sam, the best first.
    async fn tutors(&self, query: &str) -> Vec<String> {
        let page = search(&self.sam, query).await;
        let tutors = page["tutors"].as_array().unwrap().iter();
        tutors
            .map(|tutor| tutor["name"].as_str().unwrap().to_owned())
            .collect()
    }
}

async fn search(person: &Person, query: &str) -> Value {
    let path = format!("/v1/slots?{MATHEMATICS}&{TUESDAY}&{query}");
    person.get(&path).await.expect(200)
}

/// The starts of the slots, by the clock of UTC, each with who has it.
fn listed(page: &Value, tutors: &[&TutorAtCentre]) -> Vec<(String, Vec<usize>)> {
    let place = |id: &Value| {
        tutors
            .iter()
            .position(|tutor| *id == json!(tutor.id.0))
            .unwrap()
    };
    let items = page["items"].as_array().unwrap().iter();
    items
        .map(|slot| {
            let ids = slot["tutor_ids"].as_array().unwrap();
            (
                slot["start"].as_str().unwrap()[11..16].to_owned(),
                ids.iter().map(place).collect(),
            )
        })
        .collect()
}

#[tokio::test]
async fn every_slot_names_all_tutors_who_have_it() {
    let world = World::new().await;
    world
        .tina
        .put_override("2027-03-02", &["09:00-11:00"])
        .await
        .expect(200);
    world
        .theo
        .put_override("2027-03-02", &["10:00-11:30"])
        .await
        .expect(200);
    let page = search(&world.sam, "time_zone=Asia/Tokyo").await;
    let expected = [
        ("08:00", vec![0]),
        ("08:30", vec![0]),
        ("09:00", vec![0, 1]),
        ("09:30", vec![1]),
    ];
    let expected = expected.map(|(start, who)| (start.to_owned(), who));
    assert_eq!(listed(&page, &[&world.tina, &world.theo]), expected);
    assert_eq!(page["time_zone"], "Asia/Tokyo");
    assert_eq!(page["items"][0]["local_start"], "2027-03-02T17:00:00+09:00");
    assert_eq!(page["items"][0]["end"], "2027-03-02T09:00:00Z");
    assert_eq!(page["next_cursor"], json!(null));
    let tina = json!({
        "id": world.tina.id.0, "name": "Tina", "time_zone": "Europe/Berlin", "lessons_together": 0,
    });
    assert_eq!(page["tutors"][0], tina);
}

#[tokio::test]
async fn slots_of_many_are_those_of_each() {
    let world = World::new().await;
    world
        .tina
        .edit(
            Method::PUT,
            "/policy",
            &json!({"buffer_after_minutes": 30, "max_lessons_per_day": 2}),
        )
        .await
        .expect(200);
    let away = json!({"start": "2027-03-02T12:00:00Z", "end": "2027-03-02T13:00:00Z"});
    world
        .theo
        .person
        .post(&world.theo.path("/time-off"), &away)
        .await
        .expect(201);
    book(&world.sam, &world.tina, "2027-03-02T10:00:00Z").await;
    let olga = world.test.student("Olga").await;
    for person in [&world.sam, &olga] {
        let page = search(person, "limit=2000").await;
        for tutor in [&world.tina, &world.theo] {
            let path = tutor.path(&format!("/slots?minutes=60&{TUESDAY}"));
            let own = person.get(&path).await.expect(200);
            let own: Vec<_> = own["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|slot| &slot["start"])
                .collect();
            let shared = page["items"].as_array().unwrap().iter();
            let shared: Vec<_> = shared
                .filter(|slot| {
                    slot["tutor_ids"]
                        .as_array()
                        .unwrap()
                        .contains(&json!(tutor.id.0))
                })
                .map(|slot| &slot["start"])
                .collect();
            assert_eq!(shared, own);
            assert!(!own.is_empty());
        }
    }
}

#[tokio::test]
async fn only_tutors_who_fit_are_searched() {
    let world = World::new().await;
    let offers = json!({"offers": [
        {"subject": "mathematics", "level": "Bachelor", "lesson_minutes": [60]},
        {"subject": "mathematics", "level": "School", "lesson_minutes": [45]},
    ]});
    world
        .theo
        .edit(Method::PUT, "/offers", &offers)
        .await
        .expect(200);
    world
        .theo
        .edit(Method::PATCH, "", &json!({"languages": ["de", "pt-BR"]}))
        .await
        .expect(200);
    let (tina, theo) = (world.tina.id, world.theo.id);
    for (query, expected) in [
        (String::new(), vec!["Tina", "Theo"]),
        ("level=School".to_owned(), vec!["Tina"]),
        ("level=Bachelor".to_owned(), vec!["Theo"]),
        ("language=en".to_owned(), vec!["Tina"]),
        ("language=pt-BR".to_owned(), vec!["Theo"]),
        // A language is that of all regions: RFC 4647 section 3.3.1.
        ("language=pt".to_owned(), vec!["Theo"]),
        ("language=pt-br".to_owned(), vec!["Theo"]),
        ("language=pt-PT".to_owned(), vec![]),
        ("language=fr".to_owned(), vec![]),
        (format!("tutors={theo}"), vec!["Theo"]),
        (format!("tutors={theo},{tina},{theo}"), vec!["Tina", "Theo"]),
        (format!("tutors={}", uuid::Uuid::nil()), vec![]),
        (format!("tutors={theo}&language=en"), vec![]),
    ] {
        assert_eq!(world.tutors(&query).await, expected, "{query}");
    }
    for query in [
        "subject=physics&minutes=60",
        "subject=mathematics&minutes=50",
    ] {
        let page = world
            .sam
            .get(&format!("/v1/slots?{query}&{TUESDAY}"))
            .await
            .expect(200);
        assert_eq!(
            (&page["items"], &page["tutors"]),
            (&json!([]), &json!([])),
            "{query}"
        );
    }
    for (query, code) in [
        ("subject=alchemy", "unknown_subject"),
        ("subject=mathematics&level=Doctor", "unknown_level"),
    ] {
        for path in [format!("?{query}&{TUESDAY}"), format!("/next?{query}")] {
            let refused = world.sam.get(&format!("/v1/slots{path}&minutes=60")).await;
            let refused = refused.expect_problem(422, "invalid_fields");
            assert_eq!(refused["errors"][0]["code"], code, "{path}");
        }
    }
    let lengths = world
        .sam
        .get(&format!(
            "/v1/slots?subject=mathematics&minutes=45&{TUESDAY}"
        ))
        .await;
    assert_eq!(lengths.expect(200)["tutors"][0]["name"], "Theo");
}

#[tokio::test]
async fn neither_hidden_tutors_nor_oneself_nor_ones_own_lessons_are_searched() {
    let world = World::new().await;
    let own = search(&world.tina.person, "").await;
    assert_eq!(own["tutors"].as_array().unwrap().len(), 1);
    assert_eq!(own["tutors"][0]["name"], "Theo");
    book(&world.sam, &world.tina, "2027-03-02T10:00:00Z").await;
    let starts = |page: &Value| -> Vec<String> {
        listed(page, &[&world.tina, &world.theo])
            .into_iter()
            .map(|(start, _)| start)
            .collect()
    };
    // Nobody has time for Sam while Sam is with Tina; Theo has for others.
    let busy = ["09:30", "10:00", "10:30"];
    let page = search(&world.sam, "").await;
    assert!(
        busy.iter()
            .all(|busy| !starts(&page).contains(&(*busy).to_owned()))
    );
    let olga = world.test.student("Olga").await;
    let page = search(&olga, "").await;
    assert!(
        busy.iter()
            .all(|busy| starts(&page).contains(&(*busy).to_owned()))
    );
    world.theo.hide().await;
    assert_eq!(world.tutors("").await, ["Tina"]);
    let asked = format!("tutors={}", world.theo.id);
    assert!(world.tutors(&asked).await.is_empty());
}

#[tokio::test]
async fn the_tutors_of_a_slot_stand_in_the_order_that_is_asked_for() {
    let world = World::new().await;
    let olga = world.test.student("Olga").await;
    assert_eq!(
        world.tutors("").await,
        ["Tina", "Theo"],
        "who has served longer"
    );
    // Tina teaches two hours in the window, one of them Sam.
    book(&olga, &world.tina, "2027-03-02T08:00:00Z").await;
    let first = book(&world.sam, &world.tina, "2027-03-02T09:00:00Z").await;
    let page = search(&world.sam, "rank=load").await;
    let standing = |page: &Value| -> Vec<(Value, Value, Value)> {
        let tutors = page["tutors"].as_array().unwrap().iter();
        tutors
            .map(|tutor| {
                (
                    tutor["name"].clone(),
                    tutor["load_minutes"].clone(),
                    tutor["lessons_together"].clone(),
                )
            })
            .collect()
    };
    // How much a tutor teaches others is nothing for students.
    let expected = [
        (json!("Theo"), json!(null), json!(0)),
        (json!("Tina"), json!(null), json!(1)),
    ];
    assert_eq!(standing(&page), expected);
    let ada = world.test.admin("Ada").await;
    let expected = [
        (json!("Theo"), json!(0), json!(0)),
        (json!("Tina"), json!(120), json!(0)),
    ];
    assert_eq!(standing(&search(&ada, "rank=load").await), expected);
    let last = page["items"].as_array().unwrap().last().unwrap();
    assert_eq!(last["tutor_ids"], json!([world.theo.id.0, world.tina.id.0]));
    assert_eq!(world.tutors("rank=continuity").await, ["Tina", "Theo"]);
    // An hour costs one point, and a lesson together is worth two.
    assert_eq!(world.tutors("").await, ["Tina", "Theo"]);
    book(&olga, &world.tina, "2027-03-02T11:00:00Z").await;
    assert_eq!(world.tutors("rank=balanced").await, ["Theo", "Tina"]);
    // What is cancelled counts for neither.
    cancel(&world.sam, &first).await;
    let page = search(&world.sam, "rank=continuity").await;
    let expected = [
        (json!("Tina"), json!(null), json!(0)),
        (json!("Theo"), json!(null), json!(0)),
    ];
    assert_eq!(standing(&page), expected);
}

#[tokio::test]
async fn the_weights_of_load_and_continuity_are_configured() {
    let test = TestApp::start_with(|config| config.centre.ranking.continuity = 0).await;
    let centre = Centre::open(&test).await;
    let tina = centre.tutor(&test, "Tina").await;
    centre.tutor(&test, "Theo").await;
    let sam = test.student("Sam").await;
    book(&sam, &tina, "2027-03-02T08:00:00Z").await;
    let first = async |rank: &str| search(&sam, rank).await["tutors"][0]["name"].clone();
    assert_eq!(first("rank=balanced").await, "Theo");
    assert_eq!(first("rank=continuity").await, "Tina");
}

#[tokio::test]
async fn pages_to_the_end_are_one_big_page() {
    let world = World::new().await;
    world
        .theo
        .edit(Method::PUT, "/policy", &json!({"start_grid_minutes": 20}))
        .await
        .expect(200);
    let whole = search(&world.sam, "limit=2000").await;
    let whole = whole["items"].as_array().unwrap();
    assert_eq!(whole.len(), 15 + 14);
    let window = format!("/v1/slots?{MATHEMATICS}&{TUESDAY}");
    assert_eq!(world.sam.pages_of_one(&window).await, *whole);
    let first = search(&world.sam, "limit=7").await;
    assert_eq!(first["items"], json!(whole[..7]));
    let cursor = first["next_cursor"].as_str().unwrap();
    // What is booked meanwhile neither repeats nor hides the rest.
    book(&world.sam, &world.tina, "2027-03-02T08:00:00Z").await;
    let rest = search(&world.sam, &format!("limit=2000&cursor={cursor}")).await;
    assert_eq!(rest["items"].as_array().unwrap().len(), whole.len() - 7);
}

/// A cursor comes back from clients, and may be of another search.
#[tokio::test]
async fn a_cursor_leads_nowhere_outside_of_the_window() {
    let world = World::new().await;
    book(&world.sam, &world.tina, "2027-03-01T10:00:00Z").await;
    let olga = world.test.student("Olga").await;
    let of = |day: &str| {
        format!("/v1/slots?{MATHEMATICS}&from=2027-03-{day}T00:00:00Z&to=2027-03-{day}T23:00:00Z")
    };
    let early = olga.get(&format!("{}&limit=1", of("01"))).await.expect(200);
    let late = olga.get(&format!("{}&limit=1", of("05"))).await.expect(200);
    let whole = olga.get(&of("02")).await.expect(200);
    let with = async |page: &Value| {
        let cursor = page["next_cursor"].as_str().unwrap();
        olga.get(&format!("{}&cursor={cursor}", of("02")))
            .await
            .expect(200)
    };
    assert_eq!(with(&early).await, whole);
    let beyond = with(&late).await;
    assert_eq!(
        (&beyond["items"], &beyond["next_cursor"]),
        (&json!([]), &json!(null))
    );
}

async fn next(person: &Person, query: &str) -> Value {
    let path = format!("/v1/slots/next?{MATHEMATICS}{query}");
    person.get(&path).await.expect(200)
}

#[tokio::test]
async fn the_next_slot_is_found_however_far_it_is_and_null_where_there_is_none() {
    let world = World::new().await;
    let both = [world.tina.id.0, world.theo.id.0];
    let found = next(&world.sam, "").await;
    assert_eq!(found["slot"]["start"], "2027-03-01T08:00:00Z");
    assert_eq!(found["slot"]["tutor_ids"], json!(both));
    assert_eq!(found["tutors"].as_array().unwrap().len(), 2);
    let found = next(&world.sam, "&from=2027-03-06T00:00:00Z").await;
    assert_eq!(found["slot"]["start"], "2027-03-08T08:00:00Z");
    // The past is over.
    let found = next(&world.sam, "&from=1970-01-01T00:00:00Z").await;
    assert_eq!(found["slot"]["start"], "2027-03-01T08:00:00Z");

    for tutor in [&world.tina, &world.theo] {
        tutor
            .edit(Method::PUT, "/weekly-rules", &json!({"rules": []}))
            .await
            .expect(200);
    }
    assert_eq!(next(&world.sam, "").await["slot"], json!(null));
    assert_eq!(next(&world.sam, "").await["tutors"], json!([]));
    // In more than a year and a half, and as soon as Theo lets people book so early.
    world
        .theo
        .put_override("2028-11-20", &["09:00-11:00"])
        .await
        .expect(200);
    assert_eq!(next(&world.sam, "").await["slot"], json!(null));
    world
        .theo
        .edit(Method::PUT, "/policy", &json!({"horizon_days": 730}))
        .await
        .expect(200);
    let found = next(&world.sam, "&time_zone=Asia/Tokyo").await;
    assert_eq!(found["slot"]["local_start"], "2028-11-20T17:00:00+09:00");
    assert_eq!(found["slot"]["tutor_ids"], json!([world.theo.id.0]));
    book(&world.sam, &world.theo, "2028-11-20T08:00:00Z").await;
    assert_eq!(
        next(&world.sam, "").await["slot"]["start"],
        "2028-11-20T09:00:00Z"
    );
    for query in [
        "&from=2028-11-20T09:00:01Z",
        "&from=2199-12-31T23:59:59Z",
        "&level=Bachelor",
    ] {
        assert_eq!(
            next(&world.sam, query).await["slot"],
            json!(null),
            "{query}"
        );
    }
}

/// How many queries a server sends for a request, when it has answered the same before.
async fn queries(
    statements: &Statements,
    person: &Person,
    path: &str,
    between: impl AsyncFn(),
) -> usize {
    person.get(path).await.expect(200);
    between().await;
    statements.take();
    person.get(path).await.expect(200);
    let sent = statements.take();
    sent.iter().filter(|text| text.contains("SELECT")).count()
}

const EVERYTHING_CHANGES: &str =
    "SELECT move_revision(array_agg(id), false), move_revision(array_agg(id), true) FROM revisions";

async fn end_offers(tutor: &TutorAtCentre) {
    let none = json!({"offers": []});
    tutor.edit(Method::PUT, "/offers", &none).await.expect(200);
}

#[tokio::test]
async fn ten_times_the_tutors_take_no_more_queries() {
    let (statements, _guard) = noting();
    let test = TestApp::start().await;
    let pool = logging_pool(&test.app.config.database).await;
    let base = test
        .another_instance_on(pool, CancellationToken::new())
        .await;
    let centre = Centre::open(&test).await;
    let (sam, admin) = (test.student("Sam").await, test.admin("Ada").await);
    let tina = centre.tutor(&test, "Tina").await;
    let booking = book(&sam, &tina, "2027-03-02T09:00:00Z").await;
    end_offers(&tina).await;
    let (sam, admin) = (sam.at(&base), admin.at(&base));
    let paths = [
        (&sam, format!("/v1/slots?{MATHEMATICS}&{TUESDAY}")),
        (&sam, format!("/v1/slots/next?{MATHEMATICS}")),
        (&admin, format!("{booking}/substitutes")),
    ];
    let mut counts = Vec::new();
    for (from, to) in [(0, 3), (3, 30)] {
        for at in from..to {
            let tutor = centre.tutor(&test, &format!("Tutor{at}")).await;
            tutor
                .put_override("2027-03-02", &["09:00-12:00"])
                .await
                .expect(200);
            let off = json!({"first_date": "2027-03-09", "last_date": "2027-03-09"});
            tutor
                .person
                .post(&tutor.path("/time-off"), &off)
                .await
                .expect(201);
        }
        for (path, key) in [(0, "tutors"), (2, "items")] {
            let (person, path) = &paths[path];
            let page = person.get(path).await.expect(200);
            assert_eq!(page[key].as_array().unwrap().len(), to);
        }
        for (person, path) in &paths {
            counts.push(queries(&statements, person, path, async || {}).await);
            let changes = async || test.execute(EVERYTHING_CHANGES).await;
            counts.push(queries(&statements, person, path, changes).await);
        }
    }
    assert_eq!(
        counts[..6],
        counts[6..],
        "with three tutors and with thirty"
    );
    assert_eq!(
        counts[..6],
        [1, 13, 1, 13, 5, 15],
        "what is remembered, and what is read anew"
    );
}

#[tokio::test]
async fn a_window_is_as_long_as_that_of_one_tutor() {
    let world = World::new().await;
    let from = at("2027-03-01T00:00:00Z");
    for (seconds, status) in [(0, 200), (1, 422)] {
        let to = (from + TimeDelta::days(62) + TimeDelta::seconds(seconds)).format("%FT%TZ");
        let path = format!("/v1/slots?{MATHEMATICS}&from=2027-03-01T00:00:00Z&to={to}");
        world.sam.get(&path).await.expect(status);
    }
}

#[tokio::test]
async fn a_search_among_more_than_five_thousand_tutors_is_refused() {
    let world = World::new().await;
    let search = async || {
        let path = format!("/v1/slots?{MATHEMATICS}&{TUESDAY}&limit=1");
        world.sam.get(&path).await
    };
    let next = format!("/v1/slots/next?{MATHEMATICS}");
    add_tutors(&world.test, 1..=4998).await;
    assert_eq!(
        search().await.expect(200)["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    add_tutors(&world.test, 4999..=4999).await;
    for answer in [search().await, world.sam.get(&next).await] {
        let refused = answer.expect_problem(422, "invalid_fields");
        let error = &refused["errors"][0];
        assert_eq!(
            (&error["field"], &error["code"]),
            (&json!("subject"), &json!("too_many_tutors"))
        );
    }
    // Of two who were named there are not too many.
    let (tina, theo) = (world.tina.id, world.theo.id);
    let among = world.tutors(&format!("tutors={tina},{theo}")).await;
    assert_eq!(among, ["Tina", "Theo"]);
}

/// More tutors of mathematics at school, who are never there.
async fn add_tutors(test: &TestApp, numbers: RangeInclusive<u32>) {
    let (first, last) = numbers.into_inner();
    test.execute(&format!(
        "WITH new AS (SELECT n, gen_random_uuid() AS user_id, gen_random_uuid() AS tutor_id \
                      FROM generate_series({first}, {last}) AS n), \
         people AS (INSERT INTO users (id, name, email, time_zone, created_at, updated_at) \
                    SELECT user_id, 'Tutor ' || n, 'tutor' || n || '@example.org', 'UTC', now(), now() FROM new), \
         teaching AS (INSERT INTO tutors (id, user_id, languages, time_zone, created_at, updated_at) \
                      SELECT tutor_id, user_id, '{{en}}', 'UTC', now(), now() FROM new) \
         INSERT INTO offers (id, tutor_id, subject_id, level, lesson_minutes, created_at) \
         SELECT gen_random_uuid(), tutor_id, subjects.id, 'School', '{{60}}', now() \
         FROM new, subjects WHERE slug = 'mathematics'"
    ))
    .await;
}
