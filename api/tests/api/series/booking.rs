//! Trying a series out, and booking it.

use super::{SERIES, START, World, at, codes, dry_run, each, json, path, skip, standing, verdicts};
use crate::support::{
    Centre, email,
    race::{ROUNDS, Tally},
    statements::{logging_pool, noting},
};
use chrono::TimeDelta;
use reqwest::Method;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn ten_stays_ten_when_the_clocks_change() {
    let world = World::new().await;
    let series = world.book(&world.sam, &world.weekly(6)).await;
    assert_eq!(
        each(&series["bookings"], &["recurrence_id", "start", "status"]),
        [
            "2027-03-02T10:00 2027-03-02T09:00:00Z confirmed",
            "2027-03-09T10:00 2027-03-09T09:00:00Z confirmed",
            "2027-03-16T10:00 2027-03-16T09:00:00Z confirmed",
            "2027-03-23T10:00 2027-03-23T09:00:00Z confirmed",
            "2027-03-30T10:00 2027-03-30T08:00:00Z confirmed",
            "2027-04-06T10:00 2027-04-06T08:00:00Z confirmed",
        ]
    );
    assert_eq!(
        (&series["time_zone"], &series["start"]),
        (&json!("Europe/Berlin"), &json!(START))
    );
    assert_eq!(series["left_out"], json!([]));
    let one = &series["bookings"][0];
    assert_eq!(one["series_id"], series["id"]);
    let lesson = world.tutor.lesson("2027-03-02T11:00:00Z", 60);
    let alone = world.olga.post("/v1/bookings", &lesson).await.expect(201);
    assert_eq!(
        (&alone["series_id"], &alone["recurrence_id"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(world.read(&series).await, series);
}

#[tokio::test]
async fn a_dry_run_says_of_each_lesson_whether_it_can_be_and_what_else_and_writes_nothing() {
    let world = World::new().await;
    world.take("2027-03-09T09:00:00Z").await;
    let tried = dry_run(&world.sam, &world.weekly(3)).await.expect(200);
    let occurrences = &tried["occurrences"];
    assert_eq!(
        verdicts(occurrences),
        [
            "2027-03-02T10:00 free",
            "2027-03-09T10:00 unavailable",
            "2027-03-16T10:00 free"
        ]
    );
    assert_eq!(codes(&occurrences[1]), ["lesson"]);
    // Whose it is, and when, is not told.
    assert_eq!(occurrences[1]["conflicts"], json!([{"code": "lesson"}]));
    let other = &occurrences[1]["alternatives"];
    assert_eq!(
        each(other, &["start"]),
        [
            "2027-03-09T08:00:00Z",
            "2027-03-09T10:00:00Z",
            "2027-03-09T10:30:00Z"
        ]
    );
    assert_eq!(
        (world.count("series").await, world.count("bookings").await),
        (0, 1)
    );
}

#[tokio::test]
async fn all_lessons_are_booked_or_none_unless_they_are_skipped_or_put_elsewhere() {
    let world = World::new().await;
    world.take("2027-03-09T09:00:00Z").await;
    let mut wanted = world.weekly(3);
    let refused = world
        .sam
        .post(SERIES, &wanted)
        .await
        .expect_problem(409, "series_unavailable");
    let plan = dry_run(&world.sam, &wanted).await.expect(200);
    assert_eq!(refused["occurrences"], plan["occurrences"]);
    assert_eq!(
        (
            world.count("series").await,
            world.count("bookings").await,
            world.count("lessons").await
        ),
        (0, 1, 1)
    );

    wanted["exceptions"] = json!([skip("2027-03-09T10:00")]);
    let skipped = world.book(&world.sam, &wanted).await;
    assert_eq!(
        standing(&skipped),
        ["2027-03-02T09:00:00Z", "2027-03-16T09:00:00Z"]
    );
    assert_eq!(skipped["left_out"], json!(["2027-03-09T10:00"]));
    let cancel = json!({"scope": "all"});
    world
        .sam
        .post(&path(&skipped, "/cancel"), &cancel)
        .await
        .expect(200);

    let other = &plan["occurrences"][1]["alternatives"][0];
    wanted["exceptions"] = json!([{"recurrence_id": "2027-03-09T10:00", "start": other["start"], "end": other["end"]}]);
    let moved = world.book(&world.sam, &wanted).await;
    assert_eq!(
        standing(&moved),
        [
            "2027-03-02T09:00:00Z",
            "2027-03-09T08:00:00Z",
            "2027-03-16T09:00:00Z"
        ]
    );
    assert_eq!(moved["bookings"][1]["recurrence_id"], "2027-03-09T10:00");
}

#[tokio::test]
async fn holidays_are_left_out_by_themselves() {
    let world = World::new().await;
    let calendar = json!({"name": "Berlin", "centre_wide": true});
    let made = world.ada.post("/v1/holiday-calendars", &calendar).await;
    let holidays = format!("{}/holidays", made.headers["location"].to_str().unwrap());
    let holiday = json!({"holidays": [{"first_date": "2027-03-09", "last_date": "2027-03-09", "name": "Carnival"}]});
    world
        .ada
        .edit(Method::PUT, &holidays, &made.etag(), &holiday)
        .await
        .expect(200);
    let mut wanted = world.weekly(3);
    let tried = dry_run(&world.sam, &wanted).await.expect(200);
    assert_eq!(
        verdicts(&tried["occurrences"])[1],
        "2027-03-09T10:00 holiday"
    );
    assert_eq!(codes(&tried["occurrences"][1]), ["holiday"]);
    let series = world.book(&world.sam, &wanted).await;
    assert_eq!(
        standing(&series),
        ["2027-03-02T09:00:00Z", "2027-03-16T09:00:00Z"]
    );
    assert_eq!(series["left_out"], json!(["2027-03-09T10:00"]));
    // Who asks for a lesson on a holiday is refused, rather than left without one.
    wanted["start"] = json!("2027-03-02T12:00");
    wanted["exceptions"] = json!([{"recurrence_id": "2027-03-16T12:00", "start": "2027-03-09T11:00:00Z", "end": "2027-03-09T12:00:00Z"}]);
    let refused = world
        .sam
        .post(SERIES, &wanted)
        .await
        .expect_problem(409, "series_unavailable");
    assert_eq!(
        verdicts(&refused["occurrences"])[2],
        "2027-03-16T12:00 unavailable"
    );
    wanted["start"] = json!("2027-03-09T12:00");
    wanted["rule"] = json!("FREQ=WEEKLY;COUNT=1");
    wanted["exceptions"] = json!([]);
    world
        .sam
        .post(SERIES, &wanted)
        .await
        .expect_problem(409, "nothing_to_book");
}

#[tokio::test]
async fn earlier_lessons_of_the_series_count_towards_caps_and_are_in_the_way() {
    let world = World::new().await;
    let policy = json!({"max_lessons_per_week": 2});
    world
        .tutor
        .edit(Method::PUT, "/policy", &policy)
        .await
        .expect(200);
    let mut wanted = world.wanted("2027-03-02T10:00", "FREQ=DAILY;COUNT=3");
    let tried = dry_run(&world.sam, &wanted).await.expect(200);
    assert_eq!(codes(&tried["occurrences"][2]), ["weekly_cap"]);
    // In another week it can be, but not at the time of another of the same series.
    assert!(
        tried["occurrences"][2]["alternatives"][0]["start"]
            .as_str()
            .unwrap()
            >= "2027-03-08"
    );
    wanted["exceptions"] = json!([{"recurrence_id": "2027-03-03T10:00", "start": "2027-03-02T09:30:00Z", "end": "2027-03-02T10:30:00Z"}]);
    let tried = dry_run(&world.sam, &wanted).await.expect(200);
    assert_eq!(codes(&tried["occurrences"][1]), ["lesson"]);
}

#[tokio::test]
async fn the_horizon_holds_for_all_but_admins() {
    let world = World::new().await;
    world
        .test
        .execute("UPDATE centre SET horizon_days = 10")
        .await;
    let mut wanted = world.weekly(3);
    let tried = dry_run(&world.sam, &wanted).await.expect(200);
    assert_eq!(codes(&tried["occurrences"][2]), ["horizon"]);
    wanted["student_id"] = json!(world.sam.id().await);
    assert_eq!(
        world.book(&world.ada, &wanted).await["bookings"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
}

#[tokio::test]
async fn only_who_acts_for_the_student_books_and_only_who_is_concerned_sees() {
    let world = World::new().await;
    let gita = world.test.student("Gita").await;
    let sam = world.sam.id().await;
    let link = json!({"guardian_id": gita.id().await, "student_id": sam});
    world.ada.post("/v1/guardianships", &link).await.expect(201);
    let gita = world.test.sign_in(&email("Gita")).await;
    let mut wanted = world.weekly(2);
    wanted["student_id"] = json!(sam);
    world
        .olga
        .post(SERIES, &wanted)
        .await
        .expect_problem(404, "not_found");
    dry_run(&world.olga, &wanted)
        .await
        .expect_problem(404, "not_found");
    world
        .test
        .stranger()
        .post(SERIES, &wanted)
        .await
        .expect_problem(401, "not_signed_in");
    let series = world.book(&gita, &wanted).await;
    assert_eq!(series["student"]["id"], json!(sam));
    for person in [&gita, &world.sam, &world.ada, &world.tutor.person] {
        assert_eq!(person.get(&path(&series, "")).await.expect(200), series);
        let listed = person.get(SERIES).await.expect(200);
        assert_eq!(
            each(&listed["items"], &["id"]),
            [series["id"].as_str().unwrap()]
        );
    }
    world
        .olga
        .get(&path(&series, ""))
        .await
        .expect_problem(404, "not_found");
    assert_eq!(world.olga.get(SERIES).await.expect(200)["items"], json!([]));
    for (step, body) in [
        ("/cancel", json!({"scope": "all"})),
        (
            "/reschedule",
            json!({"scope": "all", "recurrence_id": START, "start": "2027-03-02T11:00"}),
        ),
    ] {
        world
            .olga
            .post(&path(&series, step), &body)
            .await
            .expect_problem(404, "not_found");
    }
    // Nobody teaches themselves.
    let own = world.tutor.person.post(SERIES, &world.weekly(2)).await;
    own.expect_problem(409, "own_lesson");
}

#[tokio::test]
async fn what_is_no_series_is_refused() {
    let world = World::new().await;
    let cases = [
        ("rule", json!("FREQ=WEEKLY"), "rule", "unbounded"),
        ("rule", json!("FREQ=WEEKLY;COUNT=201"), "rule", "too_many"),
        (
            "rule",
            json!("FREQ=WEEKLY;COUNT=200"),
            "rule",
            "beyond_two_years",
        ),
        ("rule", json!("FREQ=YEARLY;COUNT=2"), "rule", "unsupported"),
        ("rule", json!("every Tuesday"), "rule", "malformed"),
        (
            "rule",
            json!("FREQ=WEEKLY;UNTIL=20270101T000000Z"),
            "rule",
            "ends_before_start",
        ),
        (
            "rule",
            json!("FREQ=WEEKLY;COUNT=2;BYDAY=MO"),
            "start",
            "not_on_rule",
        ),
        ("start", json!("2027-03-28T02:30"), "start", "skipped"),
        (
            "start",
            json!("2027-03-02T10:00:00Z"),
            "start",
            "unacceptable",
        ),
        ("minutes", json!(0), "minutes", "out_of_range"),
        (
            "exceptions",
            json!([skip("2027-03-03T10:00")]),
            "exceptions[0].recurrence_id",
            "not_on_rule",
        ),
        (
            "exceptions",
            json!([skip(START), skip(START)]),
            "exceptions[1].recurrence_id",
            "duplicate",
        ),
        (
            "exceptions",
            json!([{"recurrence_id": START}]),
            "exceptions[0]",
            "skip_or_times",
        ),
        ("subject", json!("physics"), "subject", "not_offered"),
    ];
    for (field, value, wrong, code) in cases {
        let mut wanted = world.weekly(2);
        wanted[field] = value.clone();
        for query in ["", "?dry_run=true"] {
            let refused = world.sam.post(&format!("{SERIES}{query}"), &wanted).await;
            let refused = refused.expect_problem(422, "invalid_fields");
            let error = &refused["errors"][0];
            assert_eq!(
                (&error["field"], &error["code"]),
                (&json!(wrong), &json!(code)),
                "{value}: {refused}"
            );
        }
    }
    assert_eq!(world.count("series").await, 0);
}

#[tokio::test]
async fn of_a_tutor_who_wants_to_be_asked_students_request_each_lesson() {
    let world = World::new().await;
    let policy = json!({"requires_approval": true, "approval_minutes": 60});
    world
        .tutor
        .edit(Method::PUT, "/policy", &policy)
        .await
        .expect(200);
    let series = world.book(&world.sam, &world.weekly(2)).await;
    assert_eq!(
        each(&series["bookings"], &["status", "expires_at"]),
        ["requested 2027-03-01T08:00:00Z"; 2]
    );
    assert_eq!(world.test.events_to_write().await, 0);
    let first = format!(
        "/v1/bookings/{}",
        series["bookings"][0]["id"].as_str().unwrap()
    );
    world
        .tutor
        .person
        .edit(Method::POST, &format!("{first}/approve"), "*", &json!({}))
        .await
        .expect(200);
    world.test.pass(TimeDelta::hours(2));
    let later = world.read(&series).await;
    assert_eq!(
        each(&later["bookings"], &["status"]),
        ["confirmed", "expired"]
    );
}

#[tokio::test]
async fn a_repetition_with_the_same_key_books_once() {
    let world = World::new().await;
    let send = || {
        let request = world.sam.request(Method::POST, SERIES);
        let request = request
            .header("idempotency-key", "weekly")
            .json(&world.weekly(2));
        world.sam.send(request)
    };
    let first = send().await.expect(201);
    assert_eq!(send().await.expect(201), first);
    assert_eq!(
        (world.count("series").await, world.count("bookings").await),
        (1, 2)
    );
}

/// A series of a year takes as many statements as one of two weeks, and each lesson has an event of its own.
#[tokio::test]
async fn a_year_takes_as_many_statements_as_two_weeks() {
    let (statements, _guard) = noting();
    let world = World::new().await;
    let pool = logging_pool(&world.test.app.config.database).await;
    let base = world
        .test
        .another_instance_on(pool, CancellationToken::new())
        .await;
    let sam = world.sam.at(&base);
    let mut counts = Vec::new();
    for (start, count) in [
        ("2027-03-02T10:00", 2),
        ("2027-03-02T12:00", 2),
        ("2027-03-02T14:00", 52),
    ] {
        let wanted = world.wanted(start, &format!("FREQ=WEEKLY;COUNT={count}"));
        dry_run(&sam, &wanted).await.expect(200);
        statements.take();
        sam.post(SERIES, &wanted).await.expect(201);
        counts.push(statements.take().len());
    }
    assert_eq!(counts[1], counts[2], "{counts:?}");
    assert_eq!(world.test.events_to_write().await, 56);
    assert_eq!(world.count("lessons").await, 56);
}

#[tokio::test]
async fn of_two_who_want_the_same_times_one_gets_all() {
    let world = World::new().await;
    let mut tally = Tally::new("two series for the same times");
    for round in 0..ROUNDS.min(12) {
        // A Monday to Friday of its own, with the days in another order for the one than for the other.
        let day = at("2027-03-08T00:00:00Z") + TimeDelta::weeks(i64::try_from(round).unwrap());
        let start = day.format("%Y-%m-%dT10:00").to_string();
        let wanted = world.wanted(&start, "FREQ=DAILY;COUNT=5");
        let also = world.wanted(&start, "FREQ=WEEKLY;BYDAY=FR,TH,WE,TU,MO;COUNT=5");
        let answers = tally
            .race([
                world.sam.post(SERIES, &wanted),
                world.olga.post(SERIES, &also),
            ])
            .await;
        let mut statuses: Vec<_> = answers.iter().map(|it| it.status.as_u16()).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409]);
    }
    tally.expect_only(&[201, 409]);
    assert_eq!(world.count("bookings").await, 60);
    world.test.expect_nobody_double_booked().await;
    assert_eq!(world.test.deadlocks().await, 0);
}

#[tokio::test]
async fn a_booking_that_is_handed_over_stays_in_its_series() {
    let world = World::new().await;
    let theo = Centre.tutor(&world.test, "Theo").await;
    let series = world.book(&world.sam, &world.weekly(2)).await;
    let first = format!(
        "/v1/bookings/{}",
        series["bookings"][0]["id"].as_str().unwrap()
    );
    let handed = world
        .ada
        .post(
            &format!("{first}/reassign"),
            &json!({"tutor_id": theo.id.0}),
        )
        .await;
    assert_eq!(handed.expect(200)["series_id"], series["id"]);
    let later = world.read(&series).await;
    assert_eq!(later["bookings"][0]["tutor"]["name"], "Theo");
    // Neither is the other tutor's left out.
    let tinas = world.tutor.person.get(&path(&series, "")).await.expect(200);
    assert_eq!(
        (
            &tinas["left_out"],
            tinas["bookings"].as_array().unwrap().len()
        ),
        (&json!([]), 1)
    );
    let moved = json!({"scope": "all", "recurrence_id": START, "start": "2027-03-02T11:00"});
    let moved = world
        .sam
        .post(&path(&series, "/reschedule"), &moved)
        .await
        .expect(200);
    assert_eq!(
        standing(&moved),
        ["2027-03-02T10:00:00Z", "2027-03-09T10:00:00Z"]
    );
}
