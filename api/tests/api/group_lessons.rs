//! Lessons of one tutor with several students.

mod moving;
mod seats;

use crate::support::{
    Answer, Centre, Person, TestApp, TutorAtCentre, at, email,
    lesson::{FIRST, FOURTH, SECOND, THIRD, assert_starts, book, cancel},
    race::reasons,
};
use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};

const LESSONS: &str = "/v1/lessons";

/// Tina, whose calendar is connected, and some students.
struct World {
    test: TestApp,
    tutor: TutorAtCentre,
    sam: Person,
    olga: Person,
    mia: Person,
}

impl World {
    async fn new() -> Self {
        let test = TestApp::start().await;
        let centre = Centre::open(&test).await;
        let tutor = centre.connected_tutor(&test, "Tina").await;
        Self {
            sam: test.student("Sam").await,
            olga: test.student("Olga").await,
            mia: test.student("Mia").await,
            tutor,
            test,
        }
    }

    /// What Tina sends to open an hour for so many.
    fn wanted(&self, start: &str, capacity: i16) -> Value {
        let mut lesson = self.tutor.lesson(start, 60);
        lesson["capacity"] = json!(capacity);
        lesson
    }

    /// Where the lesson is that Tina opens.
    async fn open(&self, wanted: &Value) -> String {
        let opened = self.tutor.person.post(LESSONS, wanted).await;
        assert_eq!(opened.status, 201, "{:#}", opened.body);
        opened.headers["location"].to_str().unwrap().to_owned()
    }

    async fn settle(&self) {
        while api::service::booking::settle(&self.test.app).await.unwrap() {}
    }

    /// Title and guests of the one event in Tina's calendar.
    async fn event(&self) -> (String, Vec<String>) {
        self.test.run_jobs().await;
        let events = self.test.google.events(&self.tutor.email);
        let [event] = &events[..] else {
            panic!("{events:#?}")
        };
        let guests = event["attendees"].as_array().into_iter().flatten();
        let guests = guests.map(|guest| guest["email"].as_str().unwrap().to_owned());
        let mut guests: Vec<_> = guests.collect();
        guests.sort();
        (event["summary"].as_str().unwrap().to_owned(), guests)
    }
}

async fn try_join(person: &Person, lesson: &str) -> Answer {
    person.post(&format!("{lesson}/join"), &json!({})).await
}

/// Where the booking is.
async fn join(person: &Person, lesson: &str) -> String {
    let joined = try_join(person, lesson).await;
    assert_eq!(joined.status, 201, "{:#}", joined.body);
    joined.headers["location"].to_str().unwrap().to_owned()
}

async fn taken(person: &Person, lesson: &str) -> i64 {
    let lesson = person.get(lesson).await.expect(200);
    lesson["seats_taken"].as_i64().unwrap()
}

fn ids(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().unwrap().iter();
    items.map(|item| item["id"].as_str().unwrap()).collect()
}

async fn edit(person: &Person, lesson: &str, changes: Value) -> Answer {
    let etag = person.get(lesson).await.etag();
    person.edit(Method::PATCH, lesson, &etag, &changes).await
}

#[tokio::test]
async fn students_join_until_it_is_full_and_one_who_leaves_disturbs_nobody() {
    let world = World::new().await;
    let (tutor, sam, olga, mia) = (&world.tutor.person, &world.sam, &world.olga, &world.mia);
    let mut wanted = world.wanted(FIRST, 2);
    wanted["title"] = json!("Calculus clinic");
    let lesson = world.open(&wanted).await;
    let alone = world.event().await;
    let title = "Calculus clinic: Mathematics, School (group of up to 2)";
    assert_eq!(alone, (title.to_owned(), vec![]));

    let listed = sam
        .get("/v1/lessons?subject=mathematics&level=School")
        .await;
    let listed = listed.expect(200);
    assert_eq!(listed["items"][0]["seats_taken"], 0);
    assert_eq!(format!("{LESSONS}/{}", ids(&listed)[0]), lesson);
    let of_sam = join(sam, &lesson).await;
    let of_olga = join(olga, &lesson).await;
    let booking = sam.get(&of_sam).await.expect(200);
    assert_eq!(booking["status"], "confirmed");
    assert_eq!(booking["tutor"]["name"], "Tina");
    try_join(mia, &lesson).await.expect_problem(409, "full");
    let (title, guests) = world.event().await;
    assert_eq!(guests, [email("Olga"), email("Sam")]);
    // Guests read it, so it names none of them.
    assert!(!title.contains("Sam") && !title.contains("Olga"), "{title}");

    // Who is not in a full lesson does not find it among those to join; who is sees how many there are, but not who.
    for person in [sam, mia] {
        assert_eq!(person.get(LESSONS).await.expect(200)["items"], json!([]));
        let seen = person.get(&lesson).await.expect(200);
        assert_eq!(seen["seats_taken"], 2);
        assert!(!seen.to_string().contains("Olga"), "{seen:#}");
        person.get(&of_olga).await.expect_problem(404, "not_found");
    }
    let id = lesson.rsplit('/').next().unwrap();
    let of_lesson = format!("/v1/bookings?lesson_id={id}");
    assert_eq!(ids(&sam.get(&of_lesson).await.expect(200)).len(), 1);
    let of_tutor = tutor
        .get(&format!("{of_lesson}&as=tutor"))
        .await
        .expect(200);
    assert_eq!(ids(&of_tutor).len(), 2);

    let before = olga.get(&of_olga).await;
    let (etag, before) = (before.etag(), before.expect(200));
    cancel(sam, &of_sam).await;
    assert_eq!(taken(mia, &lesson).await, 1);
    assert_eq!(world.event().await.1, [email("Olga")]);
    let after = olga.get(&of_olga).await;
    assert_eq!((after.etag(), after.expect(200)), (etag, before));
    join(mia, &lesson).await;
    // Who has left may come back, if there is room.
    try_join(sam, &lesson).await.expect_problem(409, "full");
    cancel(olga, &of_olga).await;
    join(sam, &lesson).await;
    assert_eq!(world.event().await.1, [email("Mia"), email("Sam")]);
    world.test.expect_nobody_double_booked().await;
}

#[tokio::test]
async fn a_lesson_that_everybody_has_left_stands_until_it_is_cancelled() {
    let world = World::new().await;
    let lesson = world.open(&world.wanted(FIRST, 3)).await;
    let booking = join(&world.sam, &lesson).await;
    cancel(&world.sam, &booking).await;
    assert_eq!(world.event().await.1, [""; 0]);
    let of_olga = join(&world.olga, &lesson).await;
    let refused = world
        .olga
        .post(&format!("{lesson}/cancel"), &json!({}))
        .await;
    refused.expect_problem(403, "not_yours_to_decide");
    let path = format!("{lesson}/cancel");
    let tutor = &world.tutor.person;
    let reason = json!({"reason": "I am ill."});
    let stale = tutor.edit(Method::POST, &path, "\"7\"", &reason).await;
    stale.expect_problem(412, "stale_etag");
    let cancelled = tutor.post(&path, &reason).await.expect(200);
    assert_eq!(cancelled["status"], "cancelled");
    assert_eq!(cancelled["seats_taken"], 0);
    let told = world.olga.get(&of_olga).await.expect(200);
    assert_eq!(told["status"], "cancelled");
    assert_eq!(told["cancellation_reason"], "I am ill.");
    let free = json!({"consequence": "free", "credit_minutes": 0, "charged_minutes": 0});
    assert_eq!(told["cancellation"], free);
    // Who left before was told nothing of that.
    let left = world.sam.get(&booking).await.expect(200);
    assert_eq!(left["cancellation_reason"], Value::Null);
    tutor
        .post(&path, &reason)
        .await
        .expect_problem(409, "already_cancelled");
    try_join(&world.olga, &lesson)
        .await
        .expect_problem(409, "already_cancelled");
    // Who never was in it, sees nothing of it any more.
    let gone = world.mia.get(&lesson).await;
    gone.expect_problem(404, "not_found");
    world.test.run_jobs().await;
    assert_starts(&world.test, &world.tutor, &[]);
    book(&world.mia, &world.tutor, FIRST).await;
}

#[tokio::test]
async fn it_takes_the_time_of_the_tutor_once_however_many_join() {
    let world = World::new().await;
    let policy = json!({"max_lessons_per_day": 2, "requires_approval": true});
    world
        .tutor
        .edit(Method::PUT, "/policy", &policy)
        .await
        .expect(200);
    let lesson = world.open(&world.wanted(FIRST, 3)).await;
    let overlapping = world.tutor.lesson("2027-03-02T08:30:00Z", 60);
    let refused = world.sam.post("/v1/bookings", &overlapping).await;
    assert_eq!(reasons(refused), ["lesson"]);
    let another = world.wanted("2027-03-02T08:30:00Z", 3);
    let refused = world.tutor.person.post(LESSONS, &another).await;
    assert_eq!(reasons(refused), ["lesson"]);
    for student in [&world.sam, &world.olga, &world.mia] {
        // The tutor has opened it, and is not asked again.
        let booking = join(student, &lesson).await;
        assert_eq!(
            student.get(&booking).await.expect(200)["status"],
            "confirmed"
        );
    }
    let policy = json!({"max_lessons_per_day": 2, "requires_approval": false});
    world
        .tutor
        .edit(Method::PUT, "/policy", &policy)
        .await
        .expect(200);
    let own = book(&world.sam, &world.tutor, SECOND).await;
    let third = world.wanted(THIRD, 3);
    let refused = world.tutor.person.post(LESSONS, &third).await;
    assert_eq!(reasons(refused), ["daily_cap"]);
    cancel(&world.sam, &own).await;
    world.open(&third).await;
}

#[tokio::test]
async fn tutors_open_at_short_notice_but_not_where_they_have_something_else() {
    let world = World::new().await;
    let tutor = &world.tutor.person;
    world.test.set_clock(at("2027-03-02T07:50:00Z"));
    // Too soon, off the grid, and of a length that is not on offer.
    let mut soon = world.wanted("2027-03-02T08:10:00Z", 5);
    soon["end"] = json!("2027-03-02T08:50:00Z");
    world.open(&soon).await;
    for (field, value, errors) in [
        (
            "start",
            json!("2027-03-02T07:40:00Z"),
            ("start", "not_ahead"),
        ),
        ("subject", json!("physics"), ("subject", "not_offered")),
        ("end", json!(FIRST), ("end", "not_after_start")),
        (
            "minimum_students",
            json!(3),
            ("minimum_students", "more_than_capacity"),
        ),
        (
            "minimum_students",
            json!(2),
            ("decides_at", "needs_deadline"),
        ),
        ("decides_at", json!(SECOND), ("decides_at", "needs_minimum")),
        ("capacity", json!(1), ("capacity", "out_of_range")),
        ("title", json!("two\nlines"), ("title", "control_character")),
    ] {
        let mut bad = world.wanted(THIRD, 2);
        bad[field] = value;
        let refused = tutor.post(LESSONS, &bad).await;
        let refused = refused.expect_problem(422, "invalid_fields");
        let error = &refused["errors"][0];
        assert_eq!(
            (&error["field"], &error["code"]),
            (&json!(errors.0), &json!(errors.1))
        );
    }
    for (at, code) in [(FIRST, "not_ahead"), (THIRD, "not_before_start")] {
        let mut bad = world.wanted(THIRD, 2);
        bad["minimum_students"] = json!(2);
        bad["decides_at"] = json!(at);
        if code == "not_ahead" {
            bad["decides_at"] = json!("2027-03-02T07:50:00Z");
        }
        let refused = tutor.post(LESSONS, &bad).await;
        let refused = refused.expect_problem(422, "invalid_fields");
        assert_eq!(refused["errors"][0]["code"], code);
    }
    let night = world.wanted("2027-03-02T20:00:00Z", 2);
    let refused = tutor.post(LESSONS, &night).await;
    assert_eq!(reasons(refused), ["outside_availability"]);
    // Nobody opens for somebody else, but for the centre.
    let refused = world.sam.post(LESSONS, &world.wanted(THIRD, 2)).await;
    refused.expect_problem(403, "not_your_profile");
    let admin = world.test.admin("Ada").await;
    let opened = admin.post(LESSONS, &world.wanted(THIRD, 2)).await;
    opened.expect(201);
    let missing = json!(uuid::Uuid::now_v7());
    let mut nowhere = world.wanted(FOURTH, 2);
    nowhere["tutor_id"] = missing;
    let refused = admin.post(LESSONS, &nowhere).await;
    refused.expect_problem(404, "not_found");
}

#[tokio::test]
async fn who_may_not_come_is_told_why() {
    let world = World::new().await;
    let lesson = world.open(&world.wanted(SECOND, 3)).await;
    let (sam, olga) = (&world.sam, &world.olga);
    join(sam, &lesson).await;
    try_join(sam, &lesson)
        .await
        .expect_problem(409, "already_joined");
    try_join(&world.tutor.person, &lesson)
        .await
        .expect_problem(409, "own_lesson");
    let theo = Centre.tutor(&world.test, "Theo").await;
    book(olga, &theo, "2027-03-02T08:30:00Z").await;
    assert_eq!(reasons(try_join(olga, &lesson).await), ["student_busy"]);
    // Whoever teaches can't learn at the same time.
    book(&world.mia, &theo, "2027-03-02T09:30:00Z").await;
    assert_eq!(
        reasons(try_join(&theo.person, &lesson).await),
        ["student_busy"]
    );
    // Students keep the tutor's notice, the centre need not.
    world.test.set_clock(at("2027-03-02T08:30:00Z"));
    let late = world.test.student("Late").await;
    assert_eq!(reasons(try_join(&late, &lesson).await), ["notice"]);
    let admin = world.test.admin("Ada").await;
    let for_late = json!({"student_id": late.id().await});
    let path = format!("{lesson}/join");
    let joined = admin.post(&path, &for_late).await.expect(201);
    assert_eq!(joined["student"]["name"], "Late");
    let for_late = json!({"student_id": late.id().await});
    let refused = sam.post(&path, &for_late).await;
    refused.expect_problem(404, "not_found");
    world.test.set_clock(at(SECOND));
    let refused = try_join(&world.test.student("Later").await, &lesson).await;
    refused.expect_problem(409, "already_started");
    let path = format!("{lesson}/cancel");
    let refused = world.tutor.person.post(&path, &json!({})).await;
    refused.expect_problem(409, "already_started");
    let alone = book(sam, &world.tutor, FOURTH).await;
    let alone = sam.get(&alone).await.expect(200);
    let alone = format!("{LESSONS}/{}", alone["lesson_id"].as_str().unwrap());
    sam.get(&alone).await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn what_a_hidden_tutor_opens_is_there_for_those_in_it_only() {
    let world = World::new().await;
    let lesson = world.open(&world.wanted(FIRST, 3)).await;
    join(&world.sam, &lesson).await;
    world.tutor.hide().await;
    world
        .olga
        .get(&lesson)
        .await
        .expect_problem(404, "not_found");
    try_join(&world.olga, &lesson)
        .await
        .expect_problem(404, "not_found");
    let listed = world.olga.get(LESSONS).await.expect(200);
    assert_eq!(listed["items"], json!([]));
    world.sam.get(&lesson).await.expect(200);
    let admin = world.test.admin("Ada").await;
    for person in [&world.tutor.person, &admin] {
        assert_eq!(ids(&person.get(LESSONS).await.expect(200)).len(), 1);
    }
}

#[tokio::test]
async fn lessons_are_listed_by_start_and_by_what_is_asked_for() {
    let world = World::new().await;
    let mut opened = Vec::new();
    for start in [THIRD, FIRST, SECOND] {
        opened.push(world.open(&world.wanted(start, 2)).await);
    }
    let [third, first, second] = &opened[..] else {
        unreachable!()
    };
    let theo = Centre.tutor(&world.test, "Theo").await;
    let paths = async |person: &Person, query: &str| {
        let found = person.pages_of_one(&format!("{LESSONS}{query}")).await;
        let found = found.into_iter();
        let path = |it: Value| format!("{LESSONS}/{}", it["id"].as_str().unwrap());
        found.map(path).collect::<Vec<_>>()
    };
    let all = [first.clone(), second.clone(), third.clone()];
    assert_eq!(paths(&world.sam, "").await, all);
    let between = "?from=2027-03-02T09:30:00Z&to=2027-03-02T10:00:00Z";
    assert_eq!(paths(&world.sam, between).await, all[1..2]);
    let of_theo = format!("?tutor_id={}", theo.id);
    for none in ["?subject=physics", "?level=Bachelor", &of_theo] {
        assert_eq!(paths(&world.sam, none).await, [""; 0], "{none}");
    }
    let cancelled = world
        .tutor
        .person
        .post(&format!("{second}/cancel"), &json!({}))
        .await;
    cancelled.expect(200);
    join(&world.sam, first).await;
    join(&world.olga, first).await;
    // Others find what they could join, Tina all that is hers.
    for person in [&world.mia, &world.sam, &theo.person] {
        assert_eq!(paths(person, "").await, all[2..]);
    }
    assert_eq!(paths(&world.tutor.person, "").await, all);
    world.test.set_clock(at(THIRD));
    assert_eq!(paths(&world.mia, "").await, [""; 0]);
}

#[tokio::test]
async fn an_edit_takes_nobodys_seat_and_its_title_follows_in_the_calendar() {
    let world = World::new().await;
    let tutor = &world.tutor.person;
    let lesson = world.open(&world.wanted(FIRST, 3)).await;
    assert_eq!(
        world.event().await.0,
        "Mathematics, School (group of up to 3)"
    );
    let bookings = [
        join(&world.sam, &lesson).await,
        join(&world.olga, &lesson).await,
        join(&world.mia, &lesson).await,
    ];
    edit(tutor, &lesson, json!({"capacity": 2}))
        .await
        .expect_problem(409, "seats_taken");
    edit(&world.sam, &lesson, json!({"capacity": 5}))
        .await
        .expect_problem(403, "not_yours_to_decide");
    let etag = tutor.get(&lesson).await.etag();
    // Of the first seat, so that those are left whose seats are beyond the new capacity.
    cancel(&world.sam, &bookings[0]).await;
    let changes = json!({"capacity": 2, "title": "Clinic", "description": "Bring\na book."});
    let edited = tutor.edit(Method::PATCH, &lesson, &etag, &changes).await;
    let edited = edited.expect(200);
    assert_eq!(edited["description"], "Bring\na book.");
    let stale = tutor.edit(Method::PATCH, &lesson, &etag, &changes).await;
    stale.expect_problem(412, "stale_etag");
    let (title, guests) = world.event().await;
    assert_eq!(title, "Clinic: Mathematics, School (group of up to 2)");
    assert_eq!(guests, [email("Mia"), email("Olga")]);
    try_join(&world.sam, &lesson)
        .await
        .expect_problem(409, "full");
    cancel(&world.mia, &bookings[2]).await;
    join(&world.sam, &lesson).await;
    try_join(&world.mia, &lesson)
        .await
        .expect_problem(409, "full");
    edit(
        tutor,
        &lesson,
        json!({"minimum_students": 3, "decides_at": "2027-03-02T07:00:00Z"}),
    )
    .await
    .expect_problem(422, "invalid_fields");
    edit(
        tutor,
        &lesson,
        json!({"minimum_students": 2, "decides_at": "2027-03-02T07:00:00Z"}),
    )
    .await
    .expect(200);
    let one = edit(tutor, &lesson, json!({"minimum_students": 1})).await;
    assert_eq!(one.expect(200)["decides_at"], Value::Null);
    assert_eq!(tutor.get(&lesson).await.expect(200)["title"], "Clinic");
}

#[tokio::test]
async fn guardians_and_apps_take_seats_for_students_and_a_repetition_takes_no_second_one() {
    let world = World::new().await;
    let admin = world.test.admin("Ada").await;
    let lesson = world.open(&world.wanted(FIRST, 3)).await;
    let (guardian, student) = (world.mia.id().await, world.sam.id().await);
    let link = json!({"guardian_id": guardian, "student_id": student});
    admin.post("/v1/guardianships", &link).await.expect(201);
    let gita = world.test.sign_in(&email("Mia")).await;
    let path = format!("{lesson}/join");
    let for_sam = json!({"student_id": student});
    let send = || {
        let request = gita.request(Method::POST, &path).json(&for_sam);
        gita.send(request.header("idempotency-key", "\"once\""))
    };
    let first = send().await.expect(201);
    assert_eq!(send().await.expect(201), first);
    assert_eq!(first["student"]["name"], "Sam");

    let app = json!({"name": "Kiosk"});
    let app = admin.post("/v1/third-party-apps", &app).await.expect(201);
    let keys = format!("/v1/third-party-apps/{}/keys", app["id"].as_str().unwrap());
    let new = json!({"scopes": ["availability:read", "bookings:read", "bookings:write"], "expires_at": "2027-12-01T00:00:00Z"});
    let made = admin.post(&keys, &new).await.expect(201);
    let kiosk = Person::with_bearer(&world.test, made["key"].as_str().unwrap());
    let nobody = kiosk.post(&path, &json!({})).await;
    nobody.expect_problem(422, "invalid_fields");
    let for_olga = json!({"student_id": world.olga.id().await});
    kiosk.post(&path, &for_olga).await.expect(201);
    let another = kiosk.post(LESSONS, &world.wanted(SECOND, 2)).await;
    another.expect(201);
    assert_eq!(ids(&kiosk.get(LESSONS).await.expect(200)).len(), 2);
}
