//! What is told when an absence is reported, and what is closed.

use super::{DAY, World, id_of, ill_on, text};
use crate::support::{
    Person,
    lesson::{FIRST, SECOND, THIRD, assert_starts, book},
    opening::assert_closed,
    statements::{logging_pool, noting},
};
use reqwest::Method;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

fn substitutes(booking: &Value) -> Vec<String> {
    let named = booking["substitutes"].as_array().unwrap().iter();
    named.map(|it| text(&it["name"])).collect()
}

#[tokio::test]
async fn what_is_touched_is_told_with_who_could_take_it_over_and_the_time_is_closed() {
    let world = World::new().await;
    let single = book(&world.sam, &world.tina, FIRST).await;
    book(&world.olga, &world.theo, FIRST).await;
    let mut group = world.tina.lesson(SECOND, 60);
    group["capacity"] = json!(4);
    let opened = world.tina.person.post("/v1/lessons", &group).await;
    let lesson = format!("/v1/lessons/{}", text(&opened.expect(201)["id"]));
    let join = format!("{lesson}/join");
    let seat = world.olga.post(&join, &json!({})).await.expect(201);
    let elsewhere = "2027-03-03T08:00:00Z";
    book(&world.sam, &world.tina, elsewhere).await;
    let hold = world.tina.lesson(THIRD, 60);
    let hold = world.sam.post("/v1/holds", &hold).await.expect(201);
    world.test.run_jobs().await;

    let path = world.tina.path("/absences");
    let dry = format!("{path}?dry_run=true");
    let tried = world.admin.post(&dry, &ill_on(DAY)).await.expect(200);
    assert_eq!(
        (&tried["id"], &tried["time_off_id"]),
        (&json!(null), &json!(null))
    );
    let reported = world.admin.post(&path, &ill_on(DAY)).await.expect(201);
    assert_eq!(tried["bookings"], reported["bookings"]);
    assert_eq!(reported["start"], "2027-03-01T23:00:00Z");
    assert_eq!(reported["end"], "2027-03-02T23:00:00Z");
    assert_eq!(reported["taken_back"], false);
    let bookings = reported["bookings"].as_array().unwrap();
    let ids: Vec<_> = bookings.iter().map(|it| text(&it["booking_id"])).collect();
    assert_eq!(ids, [id_of(&single).to_owned(), text(&seat["id"])]);
    assert!(bookings.iter().all(|it| it["state"] == "open"));
    // Theo teaches somebody else then.
    assert_eq!(substitutes(&bookings[0]), ["Thea"]);
    assert_eq!(bookings[1]["group"], true);
    assert_eq!(substitutes(&bookings[1]), [""; 0]);

    assert_closed(
        &world.sam,
        &world.tina,
        "2027-03-02T12:00:00Z",
        &["time_off"],
    )
    .await;
    let hold = format!("/v1/holds/{}", text(&hold["id"]));
    world.sam.get(&hold).await.expect_problem(404, "not_found");
    let late = world.sam.post(&join, &json!({})).await;
    late.expect_problem(409, "slot_unavailable");
    // The lessons stay, and nobody is told anything yet.
    assert_eq!(world.test.run_jobs().await, 0);
    assert_starts(&world.test, &world.tina, &[FIRST, SECOND, elsewhere]);
    assert_eq!(
        world.sam.get(&single).await.expect(200)["absence_offer"],
        json!(null)
    );
}

#[tokio::test]
async fn a_dry_run_writes_nothing_and_a_repetition_reports_once() {
    let world = World::new().await;
    book(&world.sam, &world.tina, FIRST).await;
    let path = world.tina.path("/absences");
    let dry = format!("{path}?dry_run=true");
    let tutor = &world.tina.person;
    let version = tutor.get(&world.tina.path("")).await.etag();
    let tried = tutor.post(&dry, &ill_on(DAY)).await.expect(200);
    assert_eq!(tried["bookings"].as_array().unwrap().len(), 1);
    assert_eq!(tutor.get(&world.tina.path("")).await.etag(), version);
    for table in ["absences", "absence_bookings", "time_off"] {
        let rows = world
            .test
            .count(&format!("SELECT count(*) FROM {table}"))
            .await;
        assert_eq!(rows, 0, "{table}");
    }
    let send = || {
        let request = tutor.request(Method::POST, &path);
        tutor.send(request.header("idempotency-key", "ill").json(&ill_on(DAY)))
    };
    let first = send().await.expect(201);
    assert_eq!(send().await.expect(201), first);
    assert_eq!(world.test.count("SELECT count(*) FROM absences").await, 1);
    let listed = tutor.get(&path).await.expect(200);
    assert_eq!(listed["items"][0]["id"], first["id"]);
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn nobody_else_learns_of_it_and_the_tutor_learns_nothing_of_others() {
    let world = World::new().await;
    let booking = book(&world.sam, &world.tina, FIRST).await;
    let absence = world.report(DAY).await;
    let own = world.tina.person.get(&absence).await.expect(200);
    assert_eq!(own["reason"], "illness");
    assert_eq!(own["bookings"][0]["booking_id"], id_of(&booking));
    // Who is free, and how much others teach, is for the centre.
    assert_eq!(own["bookings"][0]["substitutes"], json!([]));
    let others: [&Person; 2] = [&world.sam, &world.theo.person];
    for other in others {
        other.get(&absence).await.expect_problem(404, "not_found");
        other
            .delete(&absence)
            .await
            .expect_problem(404, "not_found");
        let list = other.get(&world.tina.path("/absences")).await;
        list.expect_problem(403, "not_your_profile");
        let report = other
            .post(&world.tina.path("/absences"), &ill_on(DAY))
            .await;
        report.expect_problem(403, "not_your_profile");
    }
    for operation in ["reassignments", "offers"] {
        let path = format!("{absence}/{operation}");
        let tried = world.tina.person.post(&path, &json!({"all": true})).await;
        tried.expect_problem(403, "not_an_admin");
    }
    let seen = world.sam.get(&booking).await.expect(200);
    assert!(!seen.to_string().contains("illness"), "{seen:#}");
}

#[tokio::test]
async fn the_tutor_comes_back_and_keeps_what_is_left() {
    let world = World::new().await;
    let (first, second) = (
        book(&world.sam, &world.tina, FIRST).await,
        book(&world.sam, &world.tina, SECOND).await,
    );
    let absence = world.report(DAY).await;
    let one = json!({"assignments": [{"booking_id": id_of(&first), "tutor_id": world.theo.id.0}]});
    world.reassign(&absence, &one).await;
    world.offer_all(&absence).await;
    let offered = world.sam.get(&second).await.etag();
    world.tina.person.delete(&absence).await.expect(204);
    // Who has read the offer does not act on it any more.
    let cancel = format!("{second}/cancel");
    let nothing = json!({});
    let late = world
        .sam
        .edit(Method::POST, &cancel, &offered, &nothing)
        .await;
    late.expect_problem(412, "stale_etag");
    world.tina.person.delete(&absence).await.expect(204);
    assert_eq!(world.states(&absence).await, ["reassigned", "kept"]);
    let seen = world.sam.get(&second).await.expect(200);
    assert_eq!(seen["absence_offer"], json!(null));
    for operation in ["reassignments", "offers"] {
        let path = format!("{absence}/{operation}");
        let late = world.admin.post(&path, &json!({"all": true})).await;
        late.expect_problem(409, "taken_back");
    }
    let off = world.tina.person.get(&world.tina.path("/time-off")).await;
    assert_eq!(off.expect(200)["items"], json!([]));
    // The lesson takes place.
    world
        .test
        .set_clock(crate::support::at("2027-03-02T10:00:00Z"));
    world.settle().await;
    assert_eq!(
        world.sam.get(&second).await.expect(200)["status"],
        "completed"
    );
    assert_eq!(world.states(&absence).await, ["reassigned", "kept"]);
}

/// Who falls ill in a lesson has begun to teach it.
#[tokio::test]
async fn a_lesson_that_has_begun_is_not_touched() {
    let world = World::new().await;
    let begun = book(&world.sam, &world.tina, FIRST).await;
    let next = book(&world.sam, &world.tina, SECOND).await;
    let request = book(&world.olga, &world.tina, THIRD).await;
    world
        .test
        .execute(&format!(
            "UPDATE bookings SET status = 'requested', expires_at = '{THIRD}' WHERE id = '{}'",
            id_of(&request)
        ))
        .await;
    world
        .test
        .set_clock(crate::support::at("2027-03-02T08:50:00Z"));
    let absence = world.report(DAY).await;
    let bookings = world.bookings(&absence).await;
    let ids: Vec<_> = bookings.iter().map(|it| text(&it["booking_id"])).collect();
    assert_eq!(ids, [id_of(&next), id_of(&request)]);
    // What is only requested is not offered; and what the centre cancels costs nothing.
    assert_eq!(world.offer_all(&absence).await.len(), 1);
    let path = format!("{absence}/offers");
    let named = json!({"booking_ids": [id_of(&request)]});
    let done = world.admin.post(&path, &named).await.expect(200);
    assert_eq!(done["bookings"][0]["refusal"]["code"], "only_requested");
    let cancel = format!("{next}/cancel");
    let cancelled = world.admin.post(&cancel, &json!({})).await.expect(200);
    let nothing = json!({"consequence": "free", "credit_minutes": 0, "charged_minutes": 0});
    assert_eq!(cancelled["cancellation"], nothing);
    world.settle().await;
    let seen = world.sam.get(&begun).await.expect(200);
    assert_eq!(seen["status"], "confirmed");
}

#[tokio::test]
async fn to_delete_the_time_off_takes_the_absence_back() {
    let world = World::new().await;
    let absence = world.report(DAY).await;
    let seen = world.tina.person.get(&absence).await.expect(200);
    let off = format!("/time-off/{}", text(&seen["time_off_id"]));
    let deleted = world.tina.edit(Method::DELETE, &off, &json!({})).await;
    deleted.expect(204);
    let seen = world.tina.person.get(&absence).await.expect(200);
    assert_eq!(seen["taken_back"], true);
}

/// The lessons of those days are the absence's, so what is closed stays with them.
#[tokio::test]
async fn an_absence_stays_when_its_tutor_moves_to_another_zone() {
    let world = World::new().await;
    let absence = world.report(DAY).await;
    let zone = json!({"time_zone": "Asia/Tokyo"});
    world.tina.edit(Method::PATCH, "", &zone).await.expect(200);
    let seen = world.tina.person.get(&absence).await.expect(200);
    let off = world.tina.person.get(&world.tina.path("/time-off")).await;
    let off = &off.expect(200)["items"][0];
    for field in ["start", "end"] {
        assert_eq!(off[field], seen[field], "{field}");
    }
}

/// A report of a dozen lessons, and a look at it, take as many statements as of two.
#[tokio::test]
async fn a_dozen_lessons_take_as_many_statements_as_two() {
    let (statements, _guard) = noting();
    let world = World::new().await;
    let pool = logging_pool(&world.test.app.config.database).await;
    let base = world
        .test
        .another_instance_on(pool, CancellationToken::new())
        .await;
    let admin = world.admin.at(&base);
    let mut counts = Vec::new();
    // The first warms up what is kept in memory.
    for (date, lessons) in [("2027-03-02", 2), ("2027-03-03", 2), ("2027-03-04", 7)] {
        for hour in 8..8 + lessons {
            let student = if hour % 2 == 0 {
                &world.sam
            } else {
                &world.olga
            };
            book(student, &world.tina, &format!("{date}T{hour:02}:00:00Z")).await;
        }
        statements.take();
        let path = world.tina.path("/absences");
        let reported = admin.post(&path, &ill_on(date)).await.expect(201);
        let of_report = statements.take().len();
        let absence = format!("/v1/absences/{}", text(&reported["id"]));
        let seen = admin.get(&absence).await.expect(200);
        let of_look = statements.take().len();
        let bookings = seen["bookings"].as_array().unwrap();
        assert_eq!(bookings.len(), lessons);
        assert!(
            bookings
                .iter()
                .all(|it| it["substitutes"].as_array().unwrap().len() == 2)
        );
        counts.push((of_report, of_look));
    }
    assert_eq!(counts[1], counts[2], "{counts:?}");
}

/// A lesson that nobody is in, and that nobody will give, does not stand for ever.
#[tokio::test]
async fn group_lessons_that_nobody_is_in_are_cancelled_by_an_absence() {
    let world = World::new().await;
    let tina = &world.tina.person;
    let open = async |start: &str| {
        let mut group = world.tina.lesson(start, 60);
        group["capacity"] = json!(4);
        let opened = tina.post("/v1/lessons", &group).await.expect(201);
        format!("/v1/lessons/{}", text(&opened["id"]))
    };
    let (empty, left, other) = (
        open(FIRST).await,
        open(SECOND).await,
        open("2027-03-03T08:00:00Z").await,
    );
    let join = format!("{left}/join");
    let seat = world.sam.post(&join, &json!({})).await.expect(201);
    world.test.run_jobs().await;
    let path = world.tina.path("/absences");
    let dry = format!("{path}?dry_run=true");
    tina.post(&dry, &ill_on(DAY)).await.expect(200);
    let status = async |lesson: &str| text(&tina.get(lesson).await.expect(200)["status"]);
    assert_eq!(status(&empty).await, "scheduled");
    world.report(DAY).await;
    assert_eq!(status(&empty).await, "cancelled");
    assert_eq!(status(&left).await, "scheduled");
    assert_eq!(status(&other).await, "scheduled");
    world.test.run_jobs().await;
    assert_starts(&world.test, &world.tina, &[SECOND, "2027-03-03T08:00:00Z"]);
    // And what everybody leaves later, when it begins.
    let cancel = format!("/v1/bookings/{}/cancel", text(&seat["id"]));
    world.sam.post(&cancel, &json!({})).await.expect(200);
    world.test.set_clock(crate::support::at(SECOND));
    world.settle().await;
    assert_eq!(status(&left).await, "cancelled");
    assert_eq!(status(&other).await, "scheduled");
}

#[tokio::test]
async fn who_reports_the_same_absence_twice_is_told_of_the_first() {
    let world = World::new().await;
    let first = world.report(DAY).await;
    let path = world.tina.path("/absences");
    for (person, path) in [
        (&world.tina.person, path.clone()),
        (&world.admin, path.clone()),
        (&world.tina.person, format!("{path}?dry_run=true")),
    ] {
        let mut again = ill_on(DAY);
        again["reason"] = json!("family");
        let problem = person.post(&path, &again).await;
        let problem = problem.expect_problem(409, "already_reported");
        assert!(text(&problem["detail"]).contains(&first), "{problem:#}");
    }
    assert_eq!(world.test.count("SELECT count(*) FROM absences").await, 1);
    // A longer one is another one, and so is what was taken back.
    let longer = json!({"first_date": DAY, "last_date": "2027-03-03", "reason": "illness"});
    world.admin.post(&path, &longer).await.expect(201);
    world.tina.person.delete(&first).await.expect(204);
    world.report(DAY).await;
}

#[tokio::test]
async fn the_centre_lists_all_absences_and_a_tutor_the_own_ones() {
    let world = World::new().await;
    let mut reported = Vec::new();
    for (tutor, date) in [
        (&world.tina, DAY),
        (&world.theo, DAY),
        (&world.tina, "2027-03-09"),
    ] {
        let path = tutor.path("/absences");
        let noted = tutor.person.post(&path, &ill_on(date)).await.expect(201);
        reported.push(text(&noted["id"]));
    }
    let back = format!("/v1/absences/{}", reported[2]);
    world.tina.person.delete(&back).await.expect(204);
    let listed = async |person: &Person, query: &str| {
        let all = format!("/v1/absences{query}");
        let listed = person.get(&all).await.expect(200);
        let items = listed["items"].as_array().unwrap().iter();
        items.map(|it| text(&it["id"])).collect::<Vec<_>>()
    };
    let (tina, theo) = (&world.tina.person, &world.theo.person);
    assert_eq!(listed(&world.admin, "").await, reported);
    assert_eq!(listed(tina, "").await, [&*reported[0], &reported[2]]);
    assert_eq!(listed(theo, "").await, reported[1..2]);
    assert_eq!(listed(&world.sam, "").await, [""; 0]);
    let of_theo = format!("?tutor_id={}", world.theo.id);
    assert_eq!(listed(&world.admin, &of_theo).await, reported[1..2]);
    assert_eq!(listed(tina, &of_theo).await, [""; 0]);
    let admin = &world.admin;
    assert_eq!(listed(admin, "?standing=true").await, reported[..2]);
    assert_eq!(listed(admin, "?standing=false").await, reported[2..]);
    // The days are the tutors' own, which begin at eleven in the evening.
    let until = "?to=2027-03-01T23:00:01Z";
    assert_eq!(listed(admin, until).await, reported[..2]);
    assert_eq!(listed(admin, "?to=2027-03-01T23:00:00Z").await, [""; 0]);
    let from = "?from=2027-03-02T23:00:00Z";
    assert_eq!(listed(admin, from).await, reported[2..]);
    let pages = admin.pages_of_one("/v1/absences").await;
    let pages: Vec<_> = pages.iter().map(|it| text(&it["id"])).collect();
    assert_eq!(pages, reported);
}
