//! That nobody is in two places at once, under any race, and whatever the service forgets.

use crate::support::{Centre, Person, TestApp, TutorAtCentre};
use api::store::violated;
use futures::future::join_all;
use sea_orm::ConnectionTrait;
use serde_json::Value;

struct World {
    test: TestApp,
    tutor: TutorAtCentre,
    sam: Person,
}

impl World {
    async fn new() -> Self {
        let test = TestApp::start().await;
        let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
        let sam = test.student("Sam").await;
        Self { test, tutor, sam }
    }
}

fn codes(problem: &Value) -> Vec<&str> {
    let conflicts = problem["conflicts"].as_array().unwrap();
    conflicts
        .iter()
        .map(|conflict| conflict["code"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn of_many_who_want_overlapping_times_at_once_the_first_gets_it_and_the_rest_are_told_why() {
    let world = World::new().await;
    let mut students = Vec::new();
    for name in ["Ann", "Bob", "Cid", "Dee", "Eli", "Fay"] {
        students.push(world.test.student(name).await);
    }
    let starts = ["2027-03-02T08:00:00Z", "2027-03-02T08:30:00Z"];
    let asked = students.iter().enumerate().map(|(at, student)| {
        let wanted = world.tutor.lesson(starts[at % 2], 60);
        async move { student.post("/v1/bookings", &wanted).await }
    });
    let answers = join_all(asked).await;
    assert_eq!(
        answers.iter().filter(|answer| answer.status == 201).count(),
        1
    );
    for answer in answers.into_iter().filter(|answer| answer.status != 201) {
        let problem = answer.expect_problem(409, "slot_unavailable");
        assert_eq!(codes(&problem), ["lesson"]);
        assert_eq!(problem["alternatives"].as_array().unwrap().len(), 5);
    }
}

/// Whatever the service forgets, the database refuses.
#[tokio::test]
async fn the_database_itself_refuses_what_overlaps() {
    let world = World::new().await;
    let theo = Centre.tutor(&world.test, "Theo").await;
    world
        .sam
        .post(
            "/v1/bookings",
            &world.tutor.lesson("2027-03-02T08:00:00Z", 60),
        )
        .await
        .expect(201);
    let db = &world.test.app.db;
    let lesson = |tutor: &TutorAtCentre, from: &str, to: &str, status: &str| {
        format!(
            "INSERT INTO lessons (id, tutor_id, subject_id, level, starts_at, ends_at, status, created_at, updated_at)
             SELECT gen_random_uuid(), '{}', id, 'School', '{from}', '{to}', '{status}', now(), now()
             FROM subjects WHERE slug = 'mathematics'",
            tutor.id
        )
    };
    let booking = |lesson: &str, from: &str, to: &str| {
        format!(
            "INSERT INTO bookings (id, lesson_id, student_id, starts_at, ends_at, status, booked_at, created_at, updated_at)
             SELECT gen_random_uuid(), lessons.id, bookings.student_id, '{from}', '{to}', 'confirmed', now(), now(), now()
             FROM lessons, bookings WHERE lessons.{lesson} LIMIT 1"
        )
    };
    let refused = async |sql: String| {
        let error = db.execute_unprepared(&sql).await.unwrap_err();
        violated(&error).map_or_else(|| panic!("{error}"), str::to_owned)
    };
    let accepted = async |sql: String| db.execute_unprepared(&sql).await.unwrap().rows_affected();
    let (eight, nine) = ("2027-03-02T08:00:00Z", "2027-03-02T09:00:00Z");
    for (from, to) in [
        (eight, nine),
        ("2027-03-02T07:00:00Z", "2027-03-02T08:00:00.000001Z"),
        ("2027-03-02T08:59:59.999999Z", "2027-03-02T10:00:00Z"),
        ("2027-03-02T08:15:00Z", "2027-03-02T08:30:00Z"),
        ("2027-03-02T04:00:00Z", "2027-03-02T12:00:00Z"),
    ] {
        let constraint = refused(lesson(&world.tutor, from, to, "scheduled")).await;
        assert_eq!(constraint, "lessons_tutor_no_overlap", "{from} {to}");
    }
    let backwards = refused(lesson(&theo, nine, eight, "scheduled")).await;
    assert!(backwards == "lessons_start_before_end", "{backwards}");
    let (four, after_noon) = ("2027-03-02T04:00:00Z", "2027-03-02T12:00:00.000001Z");
    let long = refused(lesson(&theo, four, after_noon, "scheduled")).await;
    assert_eq!(long, "lessons_length");
    // What is cancelled, what only touches and what another tutor has is not in the way.
    assert_eq!(
        accepted(lesson(&world.tutor, eight, nine, "cancelled")).await,
        1
    );
    assert_eq!(
        accepted(lesson(
            &world.tutor,
            nine,
            "2027-03-02T10:00:00Z",
            "scheduled"
        ))
        .await,
        1
    );
    assert_eq!(accepted(lesson(&theo, eight, nine, "scheduled")).await, 1);

    let theos = format!("tutor_id = '{}'", theo.id);
    let constraint = refused(booking(&theos, eight, nine)).await;
    assert_eq!(constraint, "bookings_student_no_overlap");
    let constraint = refused(booking(&theos, nine, "2027-03-02T10:00:00Z")).await;
    assert_eq!(constraint, "bookings_lesson_span_fkey");
    // A booking moves with its lesson, and never by itself.
    let move_on = |table: &str| {
        format!(
            "UPDATE {table} SET starts_at = starts_at + interval '3 h', ends_at = ends_at + interval '3 h'"
        )
    };
    assert_eq!(
        refused(move_on("bookings")).await,
        "bookings_lesson_span_fkey"
    );
    accepted(move_on("lessons")).await;
    let moved = world.sam.get("/v1/bookings").await.expect(200);
    assert_eq!(moved["items"][0]["start"], "2027-03-02T11:00:00Z");
}
