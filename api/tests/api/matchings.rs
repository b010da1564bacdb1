//! Many lessons at once: proposed for all, booked student by student.

use crate::support::{
    Centre, Person, TestApp, TutorAtCentre, at,
    lesson::{FIRST, SECOND, book},
};
use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Method;
use serde_json::{Value, json};

const MATCHINGS: &str = "/v1/matchings";
const BOOK: &str = "/v1/matchings/book";

struct World {
    test: TestApp,
    centre: Centre,
    tina: TutorAtCentre,
    theo: TutorAtCentre,
    sam: Person,
    olga: Person,
    admin: Person,
}

impl World {
    async fn new() -> Self {
        let test = TestApp::start().await;
        let centre = Centre::open(&test).await;
        Self {
            tina: centre.tutor(&test, "Tina").await,
            theo: centre.tutor(&test, "Theo").await,
            sam: test.student("Sam").await,
            olga: test.student("Olga").await,
            admin: test.admin("Ada").await,
            centre,
            test,
        }
    }

    async fn matching(&self, requests: &[Value]) -> Value {
        let body = json!({"requests": requests});
        self.admin.post(MATCHINGS, &body).await.expect(200)
    }

    async fn book(&self, assignments: &Value) -> Value {
        let body = json!({"assignments": assignments});
        self.admin.post(BOOK, &body).await.expect(200)
    }
}

/// A wish for an hour of mathematics within a window of one Tuesday, by the clock of UTC.
fn wish(id: &str, student: &str, from: &str, to: &str) -> Value {
    let at = |clock: &str| format!("2027-03-02T{clock}:00Z");
    json!({
        "id": id, "student_id": student, "subject": "mathematics", "level": "School", "minutes": 60,
        "windows": [{"start": at(from), "end": at(to)}],
    })
}

fn assignments(matching: &Value) -> &Vec<Value> {
    matching["assignments"].as_array().unwrap()
}

fn span(assignment: &Value) -> (DateTime<Utc>, DateTime<Utc>) {
    let time = |field: &str| at(assignment[field].as_str().unwrap());
    (time("start"), time("end"))
}

/// Fails where two lessons of somebody overlap, or begin within a break of a tutor.
fn assert_apart(assignments: &[Value], side: &str, minutes: i64) {
    for (place, one) in assignments.iter().enumerate() {
        for other in &assignments[place + 1..] {
            let (first, second) = (span(one), span(other));
            let pause = TimeDelta::minutes(minutes);
            let apart = first.1 + pause <= second.0 || second.1 + pause <= first.0;
            assert!(one[side] != other[side] || apart, "{one:#} {other:#}");
        }
    }
}

#[tokio::test]
async fn as_many_as_possible_are_filled_and_all_of_it_can_be_booked() {
    let world = World::new().await;
    let policy = json!({"buffer_after_minutes": 30, "max_lessons_per_day": 3});
    let replaced = world.tina.edit(Method::PUT, "/policy", &policy).await;
    replaced.expect(200);
    let mut requests = Vec::new();
    let mut students = Vec::new();
    for name in ["Una", "Ugo", "Uma", "Uli"] {
        students.push(world.test.student(name).await.id().await);
    }
    for number in 0..16 {
        let student = &students[number % 4];
        requests.push(wish(&format!("w{number}"), student, "08:00", "14:00"));
    }
    let proposed = world.matching(&requests).await;
    // Three of Tina, by her cap, and the six hours of Theo.
    assert_eq!(
        [&proposed["filled"], &proposed["bound"], &proposed["gap"]],
        [9, 9, 0],
        "{proposed:#}"
    );
    let found = assignments(&proposed);
    assert_eq!(found.len(), 9);
    let unfilled = proposed["unfilled"].as_array().unwrap();
    assert_eq!(unfilled.len(), 7);
    assert!(unfilled.iter().all(|it| it["reason"] == "lost"));
    assert_apart(found, "student_id", 0);
    assert_apart(found, "tutor_id", 0);
    let of_tina = found
        .iter()
        .filter(|it| it["tutor_id"] == json!(world.tina.id.0));
    let of_tina: Vec<Value> = of_tina.cloned().collect();
    assert_eq!(of_tina.len(), 3);
    assert_apart(&of_tina, "tutor_id", 30);
    let lessons = "SELECT count(*) FROM lessons";
    assert_eq!(world.test.count(lessons).await, 0, "nothing is kept");

    let booked = world.book(&proposed["assignments"]).await;
    assert_eq!(booked["booked"], 9, "{booked:#}");
    let students = booked["students"].as_array().unwrap();
    assert!(students.iter().all(|it| it["refusal"].is_null()));
    assert_eq!(world.test.count(lessons).await, 9);
    let first = &students[0]["bookings"][0];
    let path = format!("/v1/bookings/{}", first["booking_id"].as_str().unwrap());
    let booking = world.admin.get(&path).await.expect(200);
    let assignment = found.iter().find(|it| it["id"] == first["id"]).unwrap();
    assert_eq!(booking["start"], assignment["start"]);
    assert_eq!(booking["tutor"]["id"], assignment["tutor_id"]);
    assert_eq!(booking["student"]["id"], assignment["student_id"]);
    assert_eq!(booking["status"], "confirmed");
    assert_eq!(first["status"], "confirmed");
}

impl World {
    /// Changes some of the centre's policy.
    async fn centre_policy(&self, changes: Value) {
        let path = "/v1/centre/policy";
        let read = self.admin.get(path).await;
        let etag = read.etag();
        let mut policy = read.expect(200);
        for (name, value) in changes.as_object().unwrap() {
            policy[name] = value.clone();
        }
        let edited = self.admin.edit(Method::PUT, path, &etag, &policy).await;
        edited.expect(200);
    }
}

fn reasons(matching: &Value) -> Vec<(&str, &str)> {
    let unfilled = matching["unfilled"].as_array().unwrap().iter();
    let unfilled = unfilled.map(|it| (it["id"].as_str().unwrap(), it["reason"].as_str().unwrap()));
    unfilled.collect()
}

#[tokio::test]
async fn nobody_is_proposed_more_than_the_quotas_allow() {
    let world = World::new().await;
    let (sam, olga) = (world.sam.id().await, world.olga.id().await);
    // Of two and a half hours a week, Sam has one; of two lessons at a time, Olga none.
    world.centre_policy(json!({"weekly_minutes": 150})).await;
    book(&world.sam, &world.tina, "2027-03-04T08:00:00Z").await;
    let own = json!({"student_id": olga, "max_active_bookings": 2, "weekly_minutes": null, "term_minutes": null});
    let read = world
        .admin
        .get(&format!("/v1/quota?student_id={olga}"))
        .await;
    let etag = read.etag();
    let edited = world
        .admin
        .edit(Method::PUT, "/v1/quota", &etag, &own)
        .await;
    edited.expect(200);
    let mut next_week = wish("next week", &sam, "08:00", "12:00");
    next_week["windows"][0] =
        json!({"start": "2027-03-09T08:00:00Z", "end": "2027-03-09T12:00:00Z"});
    let requests = [
        wish("s1", &sam, "08:00", "10:00"),
        wish("s2", &sam, "10:00", "12:00"),
        next_week,
        wish("o1", &olga, "08:00", "10:00"),
        wish("o2", &olga, "10:00", "12:00"),
    ];
    let proposed = world.matching(&requests).await;
    assert_eq!(
        [&proposed["filled"], &proposed["bound"]],
        [4, 4],
        "{proposed:#}"
    );
    let [(lost, "lost")] = reasons(&proposed)[..] else {
        panic!("{proposed:#}");
    };
    assert!(["s1", "s2"].contains(&lost));
    let booked = world.book(&proposed["assignments"]).await;
    assert_eq!(booked["booked"], 4, "{booked:#}");

    // Now nobody may have any more of this week.
    let again = world.matching(&requests).await;
    let over = ["s1", "s2", "o1", "o2"].map(|id| (id, "over_quota"));
    assert_eq!(reasons(&again), over, "{again:#}");
    assert_eq!(again["filled"], 1);
}

#[tokio::test]
async fn terms_are_kept_across_weeks() {
    let world = World::new().await;
    let sam = world.sam.id().await;
    world.centre_policy(json!({"term_minutes": 120})).await;
    let terms = json!({"terms": [
        {"name": "Winter", "first_date": "2026-10-01", "last_date": "2027-03-07"},
        {"name": "Spring", "first_date": "2027-03-08", "last_date": "2027-07-31"},
    ]});
    let etag = world.admin.get("/v1/centre/terms").await.etag();
    let path = "/v1/centre/terms";
    let replaced = world.admin.edit(Method::PUT, path, &etag, &terms).await;
    replaced.expect(200);
    book(&world.sam, &world.tina, FIRST).await;
    let on = |id: &str, date: &str| {
        let mut wish = wish(id, &sam, "12:00", "14:00");
        wish["windows"][0] =
            json!({"start": format!("{date}T12:00:00Z"), "end": format!("{date}T14:00:00Z")});
        wish
    };
    let requests = [
        on("w1", "2027-03-03"),
        on("w2", "2027-03-04"),
        on("s1", "2027-03-08"),
        on("s2", "2027-03-16"),
        on("s3", "2027-03-24"),
    ];
    let proposed = world.matching(&requests).await;
    assert_eq!(
        [&proposed["filled"], &proposed["bound"]],
        [3, 3],
        "{proposed:#}"
    );
    let booked = world.book(&proposed["assignments"]).await;
    assert_eq!(booked["booked"], 3, "{booked:#}");
}

#[tokio::test]
async fn one_lesson_is_not_booked_twice_under_two_ids() {
    let world = World::new().await;
    let sam = world.sam.id().await;
    let proposed = world.matching(&[wish("a", &sam, "08:00", "09:00")]).await;
    let mut twice = proposed["assignments"].clone();
    let mut again = twice[0].clone();
    again["id"] = json!("b");
    twice.as_array_mut().unwrap().push(again);
    let refused = world.admin.post(BOOK, &json!({"assignments": twice})).await;
    let problem = refused.expect_problem(422, "invalid_fields");
    let error = &problem["errors"][0];
    assert_eq!(
        [&error["field"], &error["code"]],
        ["assignments[1]", "duplicate"]
    );
    assert_eq!(world.test.count("SELECT count(*) FROM bookings").await, 0);
}

/// What is taken of one is taken of the other as well, and of each once.
#[tokio::test]
async fn a_term_of_a_week_and_the_week_are_limited_each_by_itself() {
    let world = World::new().await;
    let sam = world.sam.id().await;
    let quota = json!({"weekly_minutes": 120, "term_minutes": 60});
    world.centre_policy(quota).await;
    let terms = json!({"terms": [
        {"name": "Week", "first_date": "2027-03-01", "last_date": "2027-03-07"},
    ]});
    let etag = world.admin.get("/v1/centre/terms").await.etag();
    let path = "/v1/centre/terms";
    let replaced = world.admin.edit(Method::PUT, path, &etag, &terms).await;
    replaced.expect(200);
    let requests = [
        wish("s1", &sam, "08:00", "10:00"),
        wish("s2", &sam, "10:00", "12:00"),
        wish("s3", &sam, "12:00", "14:00"),
    ];
    let filled = async || world.matching(&requests).await["filled"].clone();
    assert_eq!(filled().await, 1);
    world
        .centre_policy(json!({"weekly_minutes": 60, "term_minutes": 120}))
        .await;
    assert_eq!(filled().await, 1);
    world
        .centre_policy(json!({"weekly_minutes": 120, "term_minutes": 120}))
        .await;
    assert_eq!(filled().await, 2);
}

#[tokio::test]
async fn it_is_told_which_tutors_are_asked_first() {
    let world = World::new().await;
    let sam = world.sam.id().await;
    let asks = json!({"requires_approval": true});
    let edited = world.tina.edit(Method::PUT, "/policy", &asks).await;
    edited.expect(200);
    let app = json!({"name": "Timetables"});
    let app = world.admin.post("/v1/third-party-apps", &app).await;
    let app = app.expect(201);
    let keys = format!("/v1/third-party-apps/{}/keys", app["id"].as_str().unwrap());
    let new =
        json!({"expires_at": world.test.now() + TimeDelta::days(9), "scopes": ["bookings:write"]});
    let made = world.admin.post(&keys, &new).await.expect(201);
    let app = Person::with_bearer(&world.test, made["key"].as_str().unwrap());
    let mut wish = wish("w", &sam, "08:00", "09:00");
    wish["preferred_tutors"] = json!([world.tina.id.0]);
    let proposed = world.matching(&[wish]).await;
    let body = json!({"assignments": proposed["assignments"]});
    for _ in 0..2 {
        let booked = app.post(BOOK, &body).await.expect(200);
        let lesson = &booked["students"][0]["bookings"][0];
        assert_eq!(lesson["status"], "requested", "{booked:#}");
    }
}

#[tokio::test]
async fn what_is_proposed_are_slots_that_each_student_could_book() {
    let world = World::new().await;
    let (sam, olga) = (world.sam.id().await, world.olga.id().await);
    book(&world.sam, &world.tina, FIRST).await;
    book(&world.olga, &world.theo, SECOND).await;
    world
        .theo
        .put_override("2027-03-02", &["09:00-11:30"])
        .await
        .expect(200);
    let requests: Vec<_> = (0..12)
        .map(|number| {
            let student = if number % 2 == 0 { &sam } else { &olga };
            wish(&format!("w{number}"), student, "07:00", "15:00")
        })
        .collect();
    let proposed = world.matching(&requests).await;
    let found = assignments(&proposed);
    assert!(found.len() > 6, "{proposed:#}");
    assert_apart(found, "tutor_id", 0);
    assert_apart(found, "student_id", 0);
    for it in found {
        let [tutor, student, start] =
            ["tutor_id", "student_id", "start"].map(|field| it[field].as_str().unwrap());
        let path = format!(
            "/v1/tutors/{tutor}/slots/explain?subject=mathematics&level=School&minutes=60&start={start}&student_id={student}"
        );
        let explained = world.admin.get(&path).await.expect(200);
        assert_eq!(explained["bookable"], true, "{explained:#}");
    }
}

#[tokio::test]
async fn who_is_flexible_makes_room_and_whom_a_student_prefers_ranks_first() {
    let world = World::new().await;
    world
        .theo
        .put_override("2027-03-02", &["11:00-13:00"])
        .await
        .expect(200);
    let (sam, olga) = (world.sam.id().await, world.olga.id().await);
    let flexible = wish("flexible", &sam, "08:00", "12:00");
    let mut early = wish("early", &olga, "08:00", "09:00");
    early["preferred_tutors"] = json!([world.tina.id.0]);
    let found = world.matching(&[flexible.clone(), early.clone()]).await;
    assert_eq!(found["filled"], 2, "{found:#}");
    assert_eq!(assignments(&found)[1]["start"], "2027-03-02T08:00:00Z");
    assert_eq!(assignments(&found)[1]["rank"], 1);
    // Who prefers somebody gets them, if that takes nothing from anybody.
    let mut prefers = flexible;
    prefers["preferred_tutors"] = json!([world.theo.id.0]);
    let found = world.matching(&[prefers, early]).await;
    assert_eq!(assignments(&found)[0]["tutor_id"], json!(world.theo.id.0));
    assert_eq!(found["total_rank"], 2);
    assert_eq!(found["total_rank_bound"], 2);
}

#[tokio::test]
async fn who_teaches_at_a_time_learns_nothing_then() {
    let world = World::new().await;
    let theo = world.theo.person.id().await;
    let sam = world.sam.id().await;
    world
        .tina
        .put_override("2027-03-02", &["09:00-10:00"])
        .await
        .expect(200);
    world
        .theo
        .put_override("2027-03-02", &["09:00-10:00"])
        .await
        .expect(200);
    let both = [
        wish("learns", &theo, "08:00", "09:00"),
        wish("taught", &sam, "08:00", "09:00"),
    ];
    let found = world.matching(&both).await;
    // Theo learns from Tina, and then can't teach Sam; nor can he teach himself.
    assert_eq!([&found["filled"], &found["bound"]], [1, 1], "{found:#}");
    let nobody = world.matching(&[wish("x", &sam, "03:00", "05:00")]).await;
    assert_eq!(
        nobody["unfilled"],
        json!([{"id": "x", "reason": "no_option"}])
    );
    assert_eq!(nobody["assignments"], json!([]));
}

#[tokio::test]
async fn of_each_student_all_is_booked_or_nothing() {
    let world = World::new().await;
    let (sam, olga) = (world.sam.id().await, world.olga.id().await);
    let requests = [
        wish("s1", &sam, "08:00", "09:00"),
        wish("o1", &olga, "08:00", "09:00"),
        wish("s2", &sam, "10:00", "11:00"),
    ];
    let proposed = world.matching(&requests).await;
    assert_eq!(proposed["filled"], 3);
    let taken = assignments(&proposed)
        .iter()
        .find(|it| it["id"] == "s2")
        .unwrap();
    let tutor = if taken["tutor_id"] == json!(world.tina.id.0) {
        &world.tina
    } else {
        &world.theo
    };
    let uma = world.test.student("Uma").await;
    let in_the_way = book(&uma, tutor, "2027-03-02T10:00:00Z").await;
    let booked = world.book(&proposed["assignments"]).await;
    assert_eq!(booked["booked"], 1, "{booked:#}");
    let students = booked["students"].as_array().unwrap();
    let of = |student: &str| {
        students
            .iter()
            .find(|it| it["student_id"] == student)
            .unwrap()
    };
    assert_eq!(of(&sam)["bookings"], json!([]));
    let refusal =
        json!({"id": "s2", "code": "slot_unavailable", "conflicts": [{"code": "lesson"}]});
    assert_eq!(of(&sam)["refusal"], refusal);
    assert_eq!(of(&olga)["refusal"], Value::Null);
    let sams = world.sam.get("/v1/bookings").await.expect(200);
    assert_eq!(sams["items"], json!([]), "not even what was free");

    // Repeated when the time is free again, it goes on where it stopped.
    crate::support::lesson::cancel(&uma, &in_the_way).await;
    let again = world.book(&proposed["assignments"]).await;
    assert_eq!(again["booked"], 3);
    let olgas = again["students"].as_array().unwrap();
    let olgas = olgas.iter().find(|it| it["student_id"] == *olga).unwrap();
    assert_eq!(olgas["bookings"], of(&olga)["bookings"]);
    assert_eq!(
        world.olga.get("/v1/bookings").await.expect(200)["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn a_repetition_with_the_same_key_is_answered_as_before() {
    let world = World::new().await;
    let proposed = world
        .matching(&[wish("s1", &world.sam.id().await, "08:00", "09:00")])
        .await;
    let body = json!({"assignments": proposed["assignments"]});
    let ask = || {
        let request = world.admin.request(Method::POST, BOOK);
        let request = request.header("idempotency-key", "matching-1").json(&body);
        world.admin.send(request)
    };
    let first = ask().await.expect(200);
    let id = first["students"][0]["bookings"][0]["booking_id"]
        .as_str()
        .unwrap();
    let cancel = format!("/v1/bookings/{id}/cancel");
    world.admin.post(&cancel, &json!({})).await.expect(200);
    let again = ask().await;
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(again.expect(200), first);
}

#[tokio::test]
async fn what_cannot_be_booked_is_told_of_each_student() {
    let world = World::new().await;
    let (sam, nobody) = (world.sam.id().await, uuid::Uuid::now_v7());
    let lesson = |id: &str, student: Value, tutor: Value, subject: &str| {
        json!({
            "id": id, "student_id": student, "tutor_id": tutor, "subject": subject, "level": "School",
            "start": FIRST, "end": SECOND,
        })
    };
    let tina = json!(world.tina.id.0);
    let cases = [
        (
            lesson("a", json!(sam), json!(nobody), "mathematics"),
            "not_found",
        ),
        (
            lesson("b", json!(nobody), tina.clone(), "mathematics"),
            "not_found",
        ),
        (
            lesson("c", json!(sam), tina.clone(), "physics"),
            "not_offered",
        ),
        (
            lesson(
                "d",
                json!(world.tina.person.id().await),
                tina,
                "mathematics",
            ),
            "own_lesson",
        ),
    ];
    for (assignment, code) in cases {
        let booked = world.book(&json!([assignment])).await;
        let student = &booked["students"][0];
        assert_eq!(student["refusal"]["code"], code, "{student:#}");
        assert_eq!(student["refusal"]["id"], assignment["id"]);
        assert_eq!(booked["booked"], 0);
    }
}

#[tokio::test]
async fn only_the_centre_matches() {
    let world = World::new().await;
    let sam = world.sam.id().await;
    let proposal = json!({"requests": [wish("x", &sam, "08:00", "09:00")]});
    let lesson = json!({"assignments": [{
        "id": "x", "student_id": sam, "tutor_id": world.tina.id.0, "subject": "mathematics", "level": "School",
        "start": FIRST, "end": SECOND,
    }]});
    for person in [&world.sam, &world.tina.person] {
        for (path, body) in [(MATCHINGS, &proposal), (BOOK, &lesson), (BOOK, &json!({}))] {
            let refused = person.post(path, body).await;
            refused.expect_problem(403, "not_an_admin");
        }
    }
    let app = json!({"name": "Timetables"});
    let app = world
        .admin
        .post("/v1/third-party-apps", &app)
        .await
        .expect(201);
    let keys = format!("/v1/third-party-apps/{}/keys", app["id"].as_str().unwrap());
    let key = async |limits: Value| {
        let mut new = json!({"expires_at": world.test.now() + TimeDelta::days(9)});
        new.as_object_mut()
            .unwrap()
            .extend(limits.as_object().unwrap().clone());
        let made = world.admin.post(&keys, &new).await.expect(201);
        Person::with_bearer(&world.test, made["key"].as_str().unwrap())
    };
    let reader = key(json!({"scopes": ["bookings:read"]})).await;
    let refused = reader.post(MATCHINGS, &proposal).await;
    refused.expect_problem(403, "insufficient_scope");
    let limited = key(json!({"scopes": ["bookings:write"], "tutor_ids": [world.theo.id.0]})).await;
    let found = limited.post(MATCHINGS, &proposal).await.expect(200);
    assert_eq!(assignments(&found)[0]["tutor_id"], json!(world.theo.id.0));
    let beyond = limited.post(BOOK, &lesson).await.expect(200);
    assert_eq!(beyond["students"][0]["refusal"]["code"], "not_found");
    let within = json!({"assignments": found["assignments"]});
    let booked = limited.post(BOOK, &within).await.expect(200);
    assert_eq!(booked["booked"], 1);
}

#[tokio::test]
async fn a_hidden_tutor_is_proposed_to_nobody() {
    let world = World::new().await;
    world.tina.hide().await;
    let third = world.centre.tutor(&world.test, "Thea").await;
    let sam = world.sam.id().await;
    let requests: Vec<_> = (8..16)
        .map(|hour| {
            wish(
                &hour.to_string(),
                &sam,
                &format!("{hour:02}:00"),
                &format!("{}:00", hour + 1),
            )
        })
        .collect();
    let found = world.matching(&requests).await;
    assert_eq!(found["filled"], 8);
    let tutors = assignments(&found).iter().map(|it| &it["tutor_id"]);
    let tutors: std::collections::BTreeSet<_> = tutors.map(Value::to_string).collect();
    let shown = [&world.theo, &third].map(|tutor| json!(tutor.id.0).to_string());
    assert_eq!(tutors, shown.into(), "by turns, for they rank the same");
}

#[tokio::test]
async fn nonsense_is_refused() {
    let world = World::new().await;
    let sam = world.sam.id().await;
    let good = wish("x", &sam, "08:00", "09:00");
    let with = |field: &str, value: Value| {
        let mut wish = good.clone();
        wish[field] = value;
        json!({"requests": [wish]})
    };
    let windows = |start: &str, end: &str| with("windows", json!([{"start": start, "end": end}]));
    let far = json!([
        {"start": "2027-03-02T08:00:00Z", "end": "2027-03-02T09:00:00Z"},
        {"start": "2027-06-02T08:00:00Z", "end": "2027-06-02T09:00:00Z"},
    ]);
    let nobody = uuid::Uuid::now_v7();
    let twice = json!([world.tina.id.0, world.tina.id.0]);
    let cases = [
        (json!({"requests": []}), "requests", "wrong_count"),
        (
            json!({"requests": [good, good]}),
            "requests[1].id",
            "duplicate",
        ),
        (
            json!({"requests": vec![&good; 501]}),
            "requests",
            "wrong_count",
        ),
        (with("id", json!("")), "requests[0].id", "too_short"),
        (
            with("minutes", json!(4)),
            "requests[0].minutes",
            "out_of_range",
        ),
        (
            with("windows", json!([])),
            "requests[0].windows",
            "wrong_count",
        ),
        (
            windows(SECOND, FIRST),
            "requests[0].windows[0].end",
            "not_after_start",
        ),
        (with("windows", far), "requests", "window_too_long"),
        (
            with("student_id", json!(nobody)),
            "requests[0].student_id",
            "unknown_user",
        ),
        (
            with("subject", json!("greek")),
            "requests[0].subject",
            "unknown_subject",
        ),
        (
            with("level", json!("Kindergarten")),
            "requests[0].level",
            "unknown_level",
        ),
        (
            with("preferred_tutors", twice),
            "requests[0].preferred_tutors",
            "duplicate",
        ),
    ];
    for (body, field, code) in cases {
        let refused = world.admin.post(MATCHINGS, &body).await;
        let problem = refused.expect_problem(422, "invalid_fields");
        let error = &problem["errors"][0];
        assert_eq!(
            (&error["field"], &error["code"]),
            (&json!(field), &json!(code)),
            "{problem:#}"
        );
    }
    let backwards = json!({"assignments": [{
        "id": "x", "student_id": sam, "tutor_id": world.tina.id.0, "subject": "mathematics", "level": "School",
        "start": SECOND, "end": FIRST,
    }]});
    let refused = world.admin.post(BOOK, &backwards).await;
    let problem = refused.expect_problem(422, "invalid_fields");
    assert_eq!(problem["errors"][0]["field"], "assignments[0].end");
    // Windows that are over are no mistake, but there is nothing in them.
    let over = windows("2026-03-02T08:00:00Z", "2026-03-02T12:00:00Z");
    let found = world.admin.post(MATCHINGS, &over).await.expect(200);
    assert_eq!(found["unfilled"][0]["reason"], "no_option");
}
