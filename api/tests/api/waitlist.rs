//! Those who wait for room, and what is offered to them.

mod offers;
mod races;
mod wishes;

use crate::support::{
    Answer, Centre, Person, TestApp, TutorAtCentre, at,
    lesson::{FIRST, SECOND},
    secrets,
};
use chrono::TimeDelta;
use serde_json::{Value, json};

const WAITLIST: &str = "/v1/waitlist";

/// Tina's lesson for two, which Sam and Olga are in, and others who want to be.
struct World {
    test: TestApp,
    tutor: TutorAtCentre,
    lesson: String,
    /// Who is in the lesson, and by which booking.
    seated: Vec<(Person, String)>,
    mia: Person,
    nora: Person,
    pia: Person,
}

impl World {
    async fn new() -> Self {
        let test = TestApp::start().await;
        let tutor = Centre::open(&test)
            .await
            .connected_tutor(&test, "Tina")
            .await;
        let lesson = open(&tutor, FIRST, 2).await;
        let mut seated = Vec::new();
        for name in ["Sam", "Olga"] {
            let student = test.student(name).await;
            let booking = join(&student, &lesson).await;
            seated.push((student, booking));
        }
        Self {
            mia: test.student("Mia").await,
            nora: test.student("Nora").await,
            pia: test.student("Pia").await,
            test,
            tutor,
            lesson,
            seated,
        }
    }

    /// Where the entry of somebody is who begins to wait for a seat.
    async fn wait(&self, student: &Person) -> String {
        place(&student.post(WAITLIST, &for_seat(&self.lesson)).await)
    }

    /// Lets one of those in the lesson leave it.
    async fn free_seat(&self, who: usize) {
        let (student, booking) = &self.seated[who];
        crate::support::lesson::cancel(student, booking).await;
    }

    /// Lets time pass, and what it does be written down.
    async fn pass(&self, time: TimeDelta) {
        self.test.pass(time);
        settle(&self.test).await;
    }

    async fn seats(&self) -> (Value, Value) {
        let lesson = self.tutor.person.get(&self.lesson).await.expect(200);
        (lesson["seats_taken"].clone(), lesson["waiting"].clone())
    }
}

/// Lets what time has done be written down, looks for room, and runs all jobs.
async fn settle(test: &TestApp) {
    while api::service::booking::settle(&test.app).await.unwrap() {}
    while api::service::waitlist::sweep(&test.app).await.unwrap() {}
    test.run_jobs().await;
}

/// Where the lesson for so many is that a tutor opens.
async fn open(tutor: &TutorAtCentre, start: &str, capacity: i16) -> String {
    let mut wanted = tutor.lesson(start, 60);
    wanted["capacity"] = json!(capacity);
    place(&tutor.person.post("/v1/lessons", &wanted).await)
}

fn for_seat(lesson: &str) -> Value {
    json!({"lesson_id": lesson.rsplit('/').next().unwrap()})
}

#[track_caller]
fn place(created: &Answer) -> String {
    assert_eq!(created.status, 201, "{:#}", created.body);
    created.headers["location"].to_str().unwrap().to_owned()
}

async fn try_join(student: &Person, lesson: &str) -> Answer {
    student.post(&format!("{lesson}/join"), &json!({})).await
}

/// Where the booking is.
async fn join(student: &Person, lesson: &str) -> String {
    place(&try_join(student, lesson).await)
}

async fn accept(student: &Person, entry: &str) -> Answer {
    student.post(&format!("{entry}/accept"), &json!({})).await
}

async fn decline(student: &Person, entry: &str) -> Answer {
    student.post(&format!("{entry}/decline"), &json!({})).await
}

async fn seen(student: &Person, entry: &str) -> Value {
    let seen = student.get(entry).await.expect(200);
    if let Some(token) = seen["offer"]["accept_token"].as_str() {
        secrets::met(token);
    }
    seen
}

/// The status of an entry, and its position.
async fn standing(student: &Person, entry: &str) -> (String, Value) {
    let seen = seen(student, entry).await;
    let status = seen["status"].as_str().unwrap().to_owned();
    assert_eq!(seen["offer"].is_null(), status != "offered", "{seen:#}");
    (status, seen["position"].clone())
}

fn waits(position: i64) -> (String, Value) {
    ("waiting".to_owned(), json!(position))
}

fn is(status: &str) -> (String, Value) {
    (status.to_owned(), Value::Null)
}

#[tokio::test]
async fn whoever_waits_knows_the_position_and_waits_for_the_same_once() {
    let world = World::new().await;
    let (mia, nora) = (&world.mia, &world.nora);
    let of_mia = world.wait(mia).await;
    let of_nora = world.wait(nora).await;
    assert_eq!(standing(mia, &of_mia).await, waits(1));
    assert_eq!(standing(nora, &of_nora).await, waits(2));
    assert_eq!(world.seats().await, (json!(2), json!(2)));
    let again = mia.post(WAITLIST, &for_seat(&world.lesson)).await;
    again.expect_problem(409, "already_waiting");
    let (sam, _) = &world.seated[0];
    let inside = sam.post(WAITLIST, &for_seat(&world.lesson)).await;
    inside.expect_problem(409, "already_joined");
    let tina = &world.tutor.person;
    let own = tina.post(WAITLIST, &for_seat(&world.lesson)).await;
    own.expect_problem(409, "own_lesson");
    // Nobody else's business, not even the tutor's.
    for other in [nora, tina] {
        other.get(&of_mia).await.expect_problem(404, "not_found");
        other.delete(&of_mia).await.expect_problem(404, "not_found");
    }
    mia.delete(&of_mia).await.expect(204);
    assert_eq!(standing(mia, &of_mia).await, is("left"));
    assert_eq!(standing(nora, &of_nora).await, waits(1));
    let ended = mia.delete(&of_mia).await;
    ended.expect_problem(409, "already_ended");
    // Who comes back is behind who stayed.
    let again = world.wait(mia).await;
    assert_eq!(standing(mia, &again).await, waits(2));
    let listed = mia.get(WAITLIST).await.expect(200);
    let statuses: Vec<_> = listed["items"].as_array().unwrap().iter().collect();
    assert_eq!(statuses.len(), 2);
    assert_eq!(statuses[0]["status"], "waiting");
    let live = mia.get("/v1/waitlist?status=left").await.expect(200);
    assert_eq!(live["items"].as_array().unwrap().len(), 1);
    assert_eq!(mia.pages_of_one(WAITLIST).await.len(), 2);
}

#[tokio::test]
async fn a_repeated_request_waits_once_and_nobody_waits_for_everything() {
    let world = World::new().await;
    let key = || {
        let request = world.mia.request(reqwest::Method::POST, WAITLIST);
        let request = request.header("idempotency-key", "k");
        world.mia.send(request.json(&for_seat(&world.lesson)))
    };
    let first = key().await.expect(201);
    assert_eq!(key().await.expect(201), first);
    for hour in 0..9 {
        let start = at(SECOND) + TimeDelta::days(1) + TimeDelta::hours(hour % 6);
        let start = start + TimeDelta::days(hour / 6);
        let lesson = open(&world.tutor, &start.to_rfc3339(), 2).await;
        place(&world.mia.post(WAITLIST, &for_seat(&lesson)).await);
    }
    let lesson = open(&world.tutor, "2027-03-05T09:00:00Z", 2).await;
    let eleventh = world.mia.post(WAITLIST, &for_seat(&lesson)).await;
    eleventh.expect_problem(409, "too_many_waiting");
}

#[tokio::test]
async fn what_can_t_be_waited_for_is_refused() {
    let world = World::new().await;
    let window = json!({"start": FIRST, "end": SECOND});
    let wish =
        json!({"subject": "mathematics", "level": "School", "minutes": 60, "windows": [window]});
    let but = |field: &str, value: Value| {
        let mut wish = wish.clone();
        wish[field] = value;
        json!({ "wish": wish })
    };
    let ends = |start: &str, end: &str| but("windows", json!([{"start": start, "end": end}]));
    let tutor = world.tutor.id.0;
    for (body, field, code) in [
        (json!({}), "lesson_id", "lesson_or_wish"),
        (
            json!({"lesson_id": tutor, "wish": wish}),
            "lesson_id",
            "lesson_or_wish",
        ),
        (
            but("subject", json!("alchemy")),
            "wish.subject",
            "unknown_subject",
        ),
        (
            but("level", json!("Kindergarten")),
            "wish.level",
            "unknown_level",
        ),
        (but("minutes", json!(4)), "wish.minutes", "out_of_range"),
        (but("windows", json!([])), "wish.windows", "wrong_count"),
        (
            but("windows", json!(vec![window.clone(); 21])),
            "wish.windows",
            "wrong_count",
        ),
        (
            ends(SECOND, FIRST),
            "wish.windows[0].end",
            "not_after_start",
        ),
        (
            ends(FIRST, "2027-03-02T08:59:59Z"),
            "wish.windows[0].end",
            "not_after_start",
        ),
        (
            ends("2027-02-01T08:00:00Z", "2027-02-01T10:00:00Z"),
            "wish.windows[0].end",
            "not_ahead",
        ),
        (
            ends(FIRST, "2027-05-05T08:00:00Z"),
            "wish.windows",
            "window_too_long",
        ),
        (
            ends("2028-03-05T08:00:00Z", "2028-03-05T10:00:00Z"),
            "wish.windows[0].end",
            "too_long",
        ),
        (
            ends("1969-03-05T08:00:00Z", SECOND),
            "wish.windows[0].start",
            "out_of_range",
        ),
    ] {
        let problem = world.mia.post(WAITLIST, &body).await;
        let problem = problem.expect_problem(422, "invalid_fields");
        let error = &problem["errors"][0];
        assert_eq!(
            (&error["field"], &error["code"]),
            (&json!(field), &json!(code)),
            "{body}"
        );
    }
    let mut with_tutor = but("level", json!("Bachelor"));
    with_tutor["wish"]["tutor_id"] = json!(tutor);
    let refused = world.mia.post(WAITLIST, &with_tutor).await;
    let refused = refused.expect_problem(422, "invalid_fields");
    assert_eq!(refused["errors"][0]["code"], "not_offered");
    with_tutor["wish"]["level"] = json!("School");
    with_tutor["wish"]["minutes"] = json!(30);
    let refused = world.mia.post(WAITLIST, &with_tutor).await;
    let refused = refused.expect_problem(422, "invalid_fields");
    assert_eq!(refused["errors"][0]["code"], "length_not_offered");
    let nowhere = json!({"lesson_id": tutor});
    let refused = world.mia.post(WAITLIST, &nowhere).await;
    refused.expect_problem(404, "not_found");
    assert_eq!(
        world
            .test
            .count("SELECT count(*) FROM waitlist_entries")
            .await,
        0
    );
}

#[tokio::test]
async fn nobody_waits_for_what_is_cancelled_or_has_begun() {
    let world = World::new().await;
    let of_mia = world.wait(&world.mia).await;
    let other = open(&world.tutor, SECOND, 2).await;
    let for_other = place(&world.mia.post(WAITLIST, &for_seat(&other)).await);
    let cancel = format!("{}/cancel", world.lesson);
    let tina = &world.tutor.person;
    tina.post(&cancel, &json!({})).await.expect(200);
    assert_eq!(standing(&world.mia, &of_mia).await, is("over"));
    let refused = tina.post(WAITLIST, &for_seat(&world.lesson)).await;
    refused.expect_problem(409, "already_cancelled");
    world.test.set_clock(at(SECOND));
    settle(&world.test).await;
    assert_eq!(standing(&world.mia, &for_other).await, is("over"));
    let refused = world.nora.post(WAITLIST, &for_seat(&other)).await;
    refused.expect_problem(409, "already_started");
}

#[tokio::test]
async fn an_export_tells_of_waiting_and_an_erasure_ends_it() {
    let world = World::new().await;
    let of_mia = world.wait(&world.mia).await;
    let of_nora = world.wait(&world.nora).await;
    world.free_seat(0).await;
    world.test.run_jobs().await;
    assert_eq!(standing(&world.mia, &of_mia).await, is("offered"));
    let me = world.mia.get("/v1/me").await;
    let erase = world.mia.request(reqwest::Method::DELETE, "/v1/me");
    let erase = erase.header("if-match", me.etag());
    world.mia.send(erase).await.expect(204);
    world.test.run_jobs().await;
    assert_eq!(standing(&world.nora, &of_nora).await, is("offered"));
    assert_eq!(
        world
            .test
            .count("SELECT count(*) FROM waitlist_entries")
            .await,
        1
    );
}
