//! Handing lessons over to other tutors.

use crate::support::{
    Centre, Person, TestApp, TutorAtCentre, lesson::book, lesson::cancel, model::model,
};
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

async fn substitutes(admin: &Person, booking: &str) -> Vec<Value> {
    let path = format!("{booking}/substitutes");
    let found = admin.get(&path).await.expect(200);
    found["items"].as_array().unwrap().clone()
}

async fn names(admin: &Person, booking: &str) -> Vec<String> {
    let found = substitutes(admin, booking).await.into_iter();
    let names = found.map(|tutor| tutor["name"].as_str().unwrap().to_owned());
    names.collect()
}

async fn reassign(admin: &Person, booking: &str, tutor: Uuid) -> (u16, Value) {
    let path = format!("{booking}/reassign");
    let answer = admin.post(&path, &json!({"tutor_id": tutor})).await;
    (answer.status.as_u16(), answer.body)
}

async fn end_role(admin: &Person, tutor: &TutorAtCentre) {
    let user = tutor.person.get("/v1/me").await.expect(200)["id"].clone();
    let path = format!("/v1/users/{}", user.as_str().unwrap());
    let etag = admin.get(&path).await.etag();
    let roles = json!({"roles": ["student"]});
    let path = format!("{path}/roles");
    let answer = admin.edit(Method::PUT, &path, &etag, &roles).await;
    answer.expect(200);
}

#[tokio::test]
async fn a_booking_is_handed_over_to_another_tutor_and_moves_from_calendar_to_calendar() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let before = centre.connected_tutor(&test, "Tina").await;
    let after = centre.connected_tutor(&test, "Theo").await;
    let busy = centre.tutor(&test, "Bo").await;
    let admin = test.admin("Ada").await;
    let student = test.student("Sam").await;
    let booked = student
        .post("/v1/bookings", &before.lesson("2027-03-01T09:00:00Z", 60))
        .await
        .expect(201);
    let other = test.student("Olga").await;
    other
        .post("/v1/bookings", &busy.lesson("2027-03-01T09:00:00Z", 60))
        .await
        .expect(201);
    test.run_jobs().await;
    let booking = format!("/v1/bookings/{}", booked["id"].as_str().unwrap());
    let reassign = format!("{booking}/reassign");
    // Half an hour before, which is too late for anybody but the centre.
    test.set_clock(crate::support::at("2027-03-01T08:30:00Z"));
    let to = |id: &dyn ToString| json!({"tutor_id": id.to_string()});
    student
        .post(&reassign, &to(&after.id))
        .await
        .expect_problem(403, "not_an_admin");
    before
        .person
        .post(&reassign, &to(&after.id))
        .await
        .expect_problem(403, "not_an_admin");
    admin
        .post(&reassign, &to(&before.id))
        .await
        .expect_problem(409, "same_tutor");
    let refused = admin.post(&reassign, &to(&busy.id)).await;
    let refused = refused.expect_problem(409, "slot_unavailable");
    assert_eq!(refused["conflicts"][0]["code"], "lesson");
    admin
        .post(&reassign, &to(&uuid::Uuid::now_v7()))
        .await
        .expect_problem(404, "not_found");

    let moved = admin.post(&reassign, &to(&after.id)).await.expect(200);
    assert_eq!(moved["id"], booked["id"]);
    assert_eq!(moved["tutor"]["name"], "Theo");
    assert_eq!(moved["status"], "confirmed");
    test.run_jobs().await;
    let events = |tutor: &str| test.google.events(tutor);
    let standing = |tutor: &str| {
        events(tutor)
            .into_iter()
            .filter(|event| event["status"] != "cancelled")
            .count()
    };
    assert_eq!(standing(&before.email), 0);
    assert_eq!(standing(&after.email), 1);
    assert_eq!(
        student.get(&booking).await.expect(200)["calendar"],
        "current"
    );
    before
        .person
        .get(&booking)
        .await
        .expect_problem(404, "not_found");
    after.person.get(&booking).await.expect(200);
    // The time of the first tutor is free again.
    let free = before.path("/slots/explain?start=2027-03-01T09:00:00Z&minutes=60");
    let reasons = before.person.get(&free).await.expect(200)["reasons"].clone();
    assert_eq!(reasons, json!([{"code": "notice"}]));
}

#[tokio::test]
async fn substitutes_are_who_can_take_the_lesson_over_the_best_first() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let tina = centre.tutor(&test, "Tina").await;
    let (theo, olaf) = (
        centre.tutor(&test, "Theo").await,
        centre.tutor(&test, "Olaf").await,
    );
    let (busy, hidden) = (
        centre.tutor(&test, "Bo").await,
        centre.tutor(&test, "Heidi").await,
    );
    let (suspended, former) = (
        centre.tutor(&test, "Sue").await,
        centre.tutor(&test, "Fred").await,
    );
    let (other_level, student) = (
        centre.tutor(&test, "Lea").await,
        centre.tutor(&test, "Sam").await,
    );
    let (admin, olga) = (test.admin("Ada").await, test.student("Olga").await);
    let at = "2027-03-02T09:00:00Z";
    let sam = &student.person;
    let booking = book(sam, &tina, at).await;
    book(&olga, &busy, at).await;
    hidden.hide().await;
    end_role(&admin, &former).await;
    test.execute(&format!(
        "UPDATE users SET suspended_at = now() WHERE email = '{}'",
        suspended.email
    ))
    .await;
    let offers = json!({"offers": [{"subject": "mathematics", "level": "Bachelor", "lesson_minutes": [60]}]});
    other_level
        .edit(Method::PUT, "/offers", &offers)
        .await
        .expect(200);
    // Half an hour before, which is too late for anybody but the centre.
    test.set_clock(crate::support::at("2027-03-02T08:30:00Z"));
    assert_eq!(names(&admin, &booking).await, ["Theo", "Olaf", "Heidi"]);

    // Who teaches more that week comes later, who knows the student comes first.
    book(&olga, &theo, "2027-03-04T09:00:00Z").await;
    book(&olga, &olaf, "2027-03-12T09:00:00Z").await;
    let shown = json!({"visible": true});
    hidden.edit(Method::PATCH, "", &shown).await.expect(200);
    book(sam, &hidden, "2027-03-09T09:00:00Z").await;
    let found = substitutes(&admin, &booking).await;
    let told = |tutor: &Value| {
        let keys = ["name", "visible", "load_minutes", "lessons_together"];
        json!(keys.map(|key| tutor[key].clone()))
    };
    let told: Vec<_> = found.iter().map(told).collect();
    let expected = [
        json!(["Heidi", true, 0, 1]),
        json!(["Olaf", true, 0, 0]),
        json!(["Theo", true, 60, 0]),
    ];
    assert_eq!(told, expected);
    let first = format!("{booking}/substitutes?limit=1");
    let first = admin.get(&first).await.expect(200);
    assert_eq!(first["items"], json!([found[0]]));

    let (status, refused) = reassign(&admin, &booking, former.id.0).await;
    assert_eq!((status, &refused["code"]), (409, &json!("former_tutor")));
    let (status, refused) = reassign(&admin, &booking, student.id.0).await;
    assert_eq!((status, &refused["code"]), (409, &json!("own_lesson")));
    let path = format!("{booking}/substitutes");
    sam.get(&path).await.expect_problem(403, "not_an_admin");
    cancel(sam, &booking).await;
    let refused = admin.get(&path).await;
    refused.expect_problem(409, "already_cancelled");
    let nothing = format!("/v1/bookings/{}/substitutes", Uuid::now_v7());
    admin.get(&nothing).await.expect_problem(404, "not_found");
}

/// Whatever decides: to whoever is listed the lesson can be handed over, and to nobody else.
#[tokio::test]
async fn a_lesson_can_be_handed_over_to_everybody_who_is_listed_and_to_nobody_else() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let (admin, sam) = (test.admin("Ada").await, test.student("Sam").await);
    let tina = centre.tutor(&test, "Tina").await;
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let mut others = Vec::new();
    for at in 0..12 {
        let tutor = centre.tutor(&test, &format!("Tutor{at}")).await;
        let model = model().new_tree(&mut runner).unwrap().current();
        model.apply(&test, &tutor, &admin).await;
        others.push((tutor, model));
    }
    let (mut taken, mut refused) = (0, 0);
    for day in [2, 3, 4, 5, 8, 9, 10, 11, 12] {
        for hour in [8, 10, 12, 14] {
            let start = format!("2027-03-{day:02}T{hour:02}:00:00Z");
            let booking = book(&sam, &tina, &start).await;
            let listed: Vec<_> = substitutes(&admin, &booking).await;
            let is_listed = |id: Uuid| listed.iter().any(|tutor| tutor["tutor_id"] == json!(id));
            for (tutor, model) in others.iter().filter(|(tutor, _)| !is_listed(tutor.id.0)) {
                let (status, body) = reassign(&admin, &booking, tutor.id.0).await;
                assert_eq!(status, 409, "{start} {body:#} {model:#?}");
                refused += 1;
            }
            for (tutor, model) in others.iter().filter(|(tutor, _)| is_listed(tutor.id.0)) {
                let (status, body) = reassign(&admin, &booking, tutor.id.0).await;
                assert_eq!(status, 200, "{start} {body:#} {model:#?}");
                taken += 1;
            }
        }
    }
    assert!(
        taken > 50 && refused > 50,
        "{taken} taken, {refused} refused"
    );
}

#[tokio::test]
async fn what_has_expired_of_the_other_tutor_is_in_nobodys_way() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let (tina, theo) = (
        centre.tutor(&test, "Tina").await,
        centre.tutor(&test, "Theo").await,
    );
    let (admin, sam, olga) = (
        test.admin("Ada").await,
        test.student("Sam").await,
        test.student("Olga").await,
    );
    let start = "2027-03-02T09:00:00Z";
    let booking = book(&sam, &tina, start).await;
    olga.post("/v1/holds", &theo.lesson(start, 60))
        .await
        .expect(201);
    assert_eq!(reassign(&admin, &booking, theo.id.0).await.0, 409);
    test.pass(chrono::TimeDelta::minutes(10));
    assert_eq!(names(&admin, &booking).await, ["Theo"]);
    let (status, answer) = reassign(&admin, &booking, theo.id.0).await;
    assert_eq!(status, 200, "{answer:#}");
}

/// Time waits for no lock: what it ends at that very moment is not handed over, and leaves nothing with anybody.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_request_that_expires_while_it_is_handed_over_leaves_no_lesson_behind() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let before = centre.connected_tutor(&test, "Tina").await;
    let after = centre.connected_tutor(&test, "Theo").await;
    let (admin, student) = (test.admin("Ada").await, test.student("Sam").await);
    let asks = json!({"requires_approval": true});
    before.edit(Method::PUT, "/policy", &asks).await.expect(200);
    let booking = book(&student, &before, "2027-03-03T09:00:00Z").await;
    test.run_jobs().await;
    let mut clock = test.own_connection().await;
    // As the sweep does a moment later.
    for sql in [
        "BEGIN",
        "UPDATE bookings SET status = 'expired', expires_at = NULL, version = version + 1",
        "UPDATE lessons SET status = 'cancelled', expires_at = NULL",
    ] {
        sqlx::query(sql).execute(&mut clock).await.unwrap();
    }
    let handing_over = reassign(&admin, &booking, after.id.0);
    let expiring = async {
        test.until_waiting_for_a_lock(1).await;
        sqlx::query("COMMIT").execute(&mut clock).await.unwrap();
    };
    let ((status, problem), ()) = tokio::join!(handing_over, expiring);
    assert_eq!(
        (status, &problem["code"]),
        (409, &json!("expired")),
        "{problem:#}"
    );
    let stand = "SELECT count(*) FROM lessons WHERE status <> 'cancelled'";
    assert_eq!(test.count(stand).await, 0);
    test.run_jobs().await;
    for tutor in [&before, &after] {
        crate::support::lesson::assert_starts(&test, tutor, &[]);
    }
}
