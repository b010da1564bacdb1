//! Holidays: of the whole centre, and of tutors who follow a calendar.

mod import;
mod unreadable;

use crate::support::{
    Answer, Centre, Person, TestApp, TutorAtCentre,
    lesson::book,
    opening::{assert_closed, assert_open, explain},
};
use api::database;
use futures::future::join;
use import::file;
use reqwest::{Method, header};
use sea_orm::{ConnectionTrait, TransactionTrait};
use serde_json::{Value, json};

const CALENDARS: &str = "/v1/holiday-calendars";

struct World {
    test: TestApp,
    admin: Person,
    tutor: TutorAtCentre,
    sam: Person,
}

/// A calendar, and its version.
struct Calendar {
    path: String,
    id: Value,
    etag: String,
}

fn holiday(first: &str, last: &str, name: &str) -> Value {
    json!({"first_date": first, "last_date": last, "name": name})
}

impl World {
    async fn new() -> Self {
        let test = TestApp::start().await;
        let admin = test.admin("Ada").await;
        let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
        let sam = test.student("Sam").await;
        Self {
            test,
            admin,
            tutor,
            sam,
        }
    }

    async fn calendar(&self, name: &str, centre_wide: bool) -> Calendar {
        let new = json!({"name": name, "centre_wide": centre_wide});
        let made = self.admin.post(CALENDARS, &new).await;
        let path = made.headers[header::LOCATION].to_str().unwrap().to_owned();
        let etag = made.etag();
        let made = made.expect(201);
        assert_eq!(
            (&made["name"], &made["centre_wide"]),
            (&new["name"], &new["centre_wide"])
        );
        Calendar {
            path,
            id: made["id"].clone(),
            etag,
        }
    }

    /// Replaces the holidays; all of them afterwards.
    async fn holidays(&self, calendar: &mut Calendar, holidays: &[Value]) -> Value {
        let path = format!("{}/holidays", calendar.path);
        let body = json!({"holidays": holidays});
        let put = self
            .admin
            .edit(Method::PUT, &path, &calendar.etag, &body)
            .await;
        calendar.etag = put.etag();
        put.expect(200)["items"].clone()
    }

    async fn import(&self, calendar: &Calendar, query: &str, file: &str) -> Answer {
        let path = format!("{}/import{query}", calendar.path);
        let request = self.admin.request(Method::POST, &path);
        let request = request.header(header::CONTENT_TYPE, "text/calendar; charset=utf-8");
        let request = request.header(header::IF_MATCH, &calendar.etag);
        self.admin.send(request.body(file.to_owned())).await
    }

    async fn open(&self, start: &str) {
        assert_open(&self.sam, &self.tutor, start).await;
    }

    async fn closed(&self, start: &str, reasons: &[&str]) {
        assert_closed(&self.sam, &self.tutor, start, reasons).await;
    }
}

const TUESDAY: &str = "2027-03-02T09:00:00Z";

#[tokio::test]
async fn a_holiday_of_the_centre_closes_it_for_everybody_but_whoever_has_an_override() {
    let world = World::new().await;
    let theo = Centre.tutor(&world.test, "Theo").await;
    let booking = book(&world.sam, &world.tutor, "2027-03-02T15:00:00Z").await;
    let mut calendar = world.calendar("Berlin", true).await;
    world
        .holidays(
            &mut calendar,
            &[holiday("2027-03-02", "2027-03-03", "Carnival")],
        )
        .await;
    world.closed(TUESDAY, &["holiday"]).await;
    world.closed("2027-03-03T15:00:00Z", &["holiday"]).await;
    world.open("2027-03-04T08:00:00Z").await;
    assert_closed(&world.sam, &theo, TUESDAY, &["holiday"]).await;
    // Everybody may know when holidays are.
    let told = explain(&world.sam, &theo, TUESDAY).await;
    let reason =
        json!({"code": "holiday", "start": "2027-03-01T23:00:00Z", "end": "2027-03-03T23:00:00Z"});
    assert_eq!(told["reasons"], json!([reason]));
    assert_eq!(
        world.sam.get(&booking).await.expect(200)["status"],
        "confirmed"
    );

    world
        .tutor
        .put_override("2027-03-02", &["09:00-12:00"])
        .await
        .expect(200);
    world.open(TUESDAY).await;
    world
        .closed("2027-03-02T12:00:00Z", &["override_closed"])
        .await;
    world.closed("2027-03-03T09:00:00Z", &["holiday"]).await;
    // One that closes the date lifts nothing.
    world
        .tutor
        .put_override("2027-03-03", &[])
        .await
        .expect(200);
    let both = ["override_closed", "holiday"];
    world.closed("2027-03-03T09:00:00Z", &both).await;
    let off = json!({"first_date": "2027-03-02", "last_date": "2027-03-02"});
    world
        .tutor
        .person
        .post(&world.tutor.path("/time-off"), &off)
        .await
        .expect(201);
    world.closed(TUESDAY, &["time_off"]).await;
}

#[tokio::test]
async fn a_calendar_that_is_not_of_the_centre_closes_for_those_who_follow_it() {
    let world = World::new().await;
    let mut calendar = world.calendar("Ramadan", false).await;
    world
        .holidays(&mut calendar, &[holiday("2027-03-02", "2027-03-02", "Eid")])
        .await;
    world.open(TUESDAY).await;
    let follow = json!({"calendar_ids": [calendar.id]});
    let followed = world
        .tutor
        .edit(Method::PUT, "/holiday-calendars", &follow)
        .await;
    assert_eq!(followed.expect(200), follow);
    world.closed(TUESDAY, &["holiday"]).await;
    let theo = Centre.tutor(&world.test, "Theo").await;
    assert_open(&world.sam, &theo, TUESDAY).await;
    assert_eq!(
        world
            .sam
            .get(&world.tutor.path("/holiday-calendars"))
            .await
            .expect(200),
        follow
    );

    // What is deleted is followed by nobody, and who read that it is has read something old.
    let path = world.tutor.path("/holiday-calendars");
    let before = world.sam.get(&path).await.etag();
    let request = world.admin.request(Method::DELETE, &calendar.path);
    let request = request.header(header::IF_MATCH, &calendar.etag);
    assert_eq!(world.admin.send(request).await.status, 204);
    world.open(TUESDAY).await;
    let none = world.sam.get(&path).await;
    assert_ne!(none.etag(), before);
    assert_eq!(none.expect(200), json!({"calendar_ids": []}));
    world
        .admin
        .get(&calendar.path)
        .await
        .expect_problem(404, "not_found");
}

#[tokio::test]
async fn a_calendar_becomes_the_centres_by_an_edit() {
    let world = World::new().await;
    let mut calendar = world.calendar("Breaks", false).await;
    world
        .holidays(
            &mut calendar,
            &[holiday("2027-03-02", "2027-03-02", "Break")],
        )
        .await;
    world.open(TUESDAY).await;
    let change = json!({"centre_wide": true});
    let edited = world
        .admin
        .edit(Method::PATCH, &calendar.path, &calendar.etag, &change)
        .await;
    let etag = edited.etag();
    assert_eq!(edited.expect(200)["name"], "Breaks");
    world.closed(TUESDAY, &["holiday"]).await;
    let back = json!({"name": "Pauses", "centre_wide": false});
    let edited = world
        .admin
        .edit(Method::PATCH, &calendar.path, &etag, &back)
        .await;
    assert_eq!(edited.expect(200)["name"], "Pauses");
    world.open(TUESDAY).await;
    let stale = world
        .admin
        .edit(Method::PATCH, &calendar.path, &etag, &back)
        .await;
    stale.expect_problem(412, "stale_etag");
}

#[tokio::test]
async fn calendars_are_listed_page_by_page_and_no_two_have_one_name() {
    let world = World::new().await;
    for name in ["Berlin", "Bavaria", "Hesse"] {
        world.calendar(name, false).await;
    }
    let names: Vec<_> = world.sam.pages_of_one(CALENDARS).await;
    let names: Vec<_> = names
        .iter()
        .map(|calendar| calendar["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["Berlin", "Bavaria", "Hesse"]);
    let again = world
        .admin
        .post(CALENDARS, &json!({"name": "Hesse", "centre_wide": true}))
        .await;
    let again = again.expect_problem(422, "invalid_fields");
    assert_eq!(
        (&again["errors"][0]["field"], &again["errors"][0]["code"]),
        (&json!("name"), &json!("taken"))
    );
}

#[tokio::test]
async fn of_two_who_make_the_last_calendar_that_there_may_be_one_does() {
    let world = World::new().await;
    let insert = |names: &str| {
        format!(
            "INSERT INTO holiday_calendars (id, name, centre_wide, created_at) \
             SELECT gen_random_uuid(), name, true, now() FROM ({names}) AS names (name)"
        )
    };
    let others = insert("SELECT n::text FROM generate_series(1, 199) AS n");
    world.test.execute(&others).await;
    let create = async |name: &str| {
        let new = json!({"name": name, "centre_wide": true});
        world.admin.post(CALENDARS, &new).await
    };
    // Somebody who has the name, and is about to give it up, holds up the first of them in the middle.
    let elsewhere = database::connect(&world.test.app.config.database).await;
    let holder = elsewhere.unwrap().begin().await.unwrap();
    let held = insert("VALUES ('First')");
    holder.execute_unprepared(&held).await.unwrap();
    let first = create("First");
    let second = async {
        world.test.until_waiting_for_a_lock(1).await;
        let give_up = async {
            world.test.until_waiting_for_a_lock(2).await;
            holder.rollback().await.unwrap();
        };
        join(create("Second"), give_up).await.0
    };
    let (first, second) = join(first, second).await;
    first.expect(201);
    let refused = second.expect_problem(422, "invalid_fields");
    assert_eq!(refused["errors"][0]["code"], "too_many");
    let count = "SELECT count(*) FROM holiday_calendars";
    assert_eq!(world.test.count(count).await, 200);
}

#[tokio::test]
async fn who_edits_the_policy_is_not_disturbed_by_holidays() {
    let world = World::new().await;
    let centre = world.admin.get("/v1/centre/policy").await;
    let own = world.tutor.path("/policy");
    let of_tutor = world.tutor.person.get(&own).await.etag();
    let mut calendar = world.calendar("Berlin", true).await;
    world
        .holidays(&mut calendar, &[holiday("2027-03-02", "2027-03-02", "Eid")])
        .await;
    let renamed = json!({"name": "Hesse"});
    let renamed = world
        .admin
        .edit(Method::PATCH, &calendar.path, &calendar.etag, &renamed)
        .await;
    let request = world.admin.request(Method::DELETE, &calendar.path);
    let request = request.header(header::IF_MATCH, renamed.etag());
    assert_eq!(world.admin.send(request).await.status, 204);

    let etag = centre.etag();
    let policy = centre.expect(200);
    let edited = world
        .admin
        .edit(Method::PUT, "/v1/centre/policy", &etag, &policy)
        .await;
    edited.expect(200);
    let edited = world
        .tutor
        .person
        .edit(Method::PUT, &own, &of_tutor, &json!({}))
        .await;
    edited.expect(200);
}

#[tokio::test]
async fn a_repetition_with_its_key_makes_no_second_calendar() {
    let world = World::new().await;
    let body = json!({"name": "Berlin", "centre_wide": true});
    let make = async |body: &Value| {
        let request = world.admin.request(Method::POST, CALENDARS).json(body);
        world
            .admin
            .send(request.header("idempotency-key", "one"))
            .await
    };
    let first = make(&body).await;
    let again = make(&body).await;
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(first.headers["location"], again.headers["location"]);
    assert_eq!(
        (first.etag(), first.expect(201)),
        (again.etag(), again.expect(201))
    );
    assert_eq!(
        world
            .test
            .count("SELECT count(*) FROM holiday_calendars")
            .await,
        1
    );
    let other = make(&json!({"name": "Hesse", "centre_wide": true})).await;
    let other = other.expect_problem(422, "invalid_fields");
    assert_eq!(other["errors"][0]["code"], "idempotency_key_reused");
}

#[tokio::test]
async fn holidays_that_were_read_can_be_written_back_all_two_thousand() {
    let world = World::new().await;
    let mut calendar = world.calendar("Long", true).await;
    let all: Vec<_> = (0..2000)
        .map(|at| {
            holiday(
                "2027-06-01",
                "2027-06-02",
                &format!("{at:04} {}", "x".repeat(100)),
            )
        })
        .collect();
    let put = world.holidays(&mut calendar, &all).await;
    assert_eq!(put, json!(all));
    let path = format!("{}/holidays", calendar.path);
    let read = world.sam.get(&path).await;
    assert_eq!(
        (read.etag(), read.expect(200)["items"].clone()),
        (calendar.etag.clone(), put)
    );
    assert_eq!(world.holidays(&mut calendar, &[]).await, json!([]));
}

#[tokio::test]
async fn a_dry_run_changes_no_holiday_and_names_what_is_wrong() {
    let world = World::new().await;
    let mut calendar = world.calendar("Berlin", true).await;
    let kept = [holiday("2027-03-02", "2027-03-02", "Carnival")];
    world.holidays(&mut calendar, &kept).await;
    let path = format!("{}/holidays", calendar.path);
    let dry = format!("{path}?dry_run=true");
    let new = [holiday("2027-05-01", "2027-05-01", "May Day")];
    let tried = world
        .admin
        .edit(Method::PUT, &dry, &calendar.etag, &json!({"holidays": new}))
        .await;
    assert_eq!(tried.expect(200)["items"], json!(new));
    let twice = [new[0].clone(), kept[0].clone(), new[0].clone()];
    let refused = world
        .admin
        .edit(
            Method::PUT,
            &dry,
            &calendar.etag,
            &json!({"holidays": twice}),
        )
        .await;
    let refused = refused.expect_problem(422, "invalid_fields");
    assert_eq!(
        (
            &refused["errors"][0]["field"],
            &refused["errors"][0]["code"]
        ),
        (&json!("holidays[2]"), &json!("duplicate"))
    );
    let tried = world
        .import(
            &calendar,
            "?dry_run=true",
            &file(&["DTSTART;VALUE=DATE:20270501"]),
        )
        .await;
    assert_eq!(
        tried.expect(200)["items"],
        json!([holiday("2027-05-01", "2027-05-01", "Holiday")])
    );
    assert_eq!(world.sam.get(&path).await.expect(200)["items"], json!(kept));
    let follow = json!({"calendar_ids": [uuid::Uuid::nil()]});
    let followed = world
        .tutor
        .person
        .get(&world.tutor.path("/holiday-calendars"))
        .await
        .etag();
    let refused = world.tutor.path("/holiday-calendars?dry_run=true");
    let refused = world
        .tutor
        .person
        .edit(Method::PUT, &refused, &followed, &follow)
        .await;
    assert_eq!(
        refused.expect_problem(422, "invalid_fields")["errors"][0]["code"],
        "unknown_calendar"
    );
}
