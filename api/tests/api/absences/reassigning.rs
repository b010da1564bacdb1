//! Other tutors for the lessons of an absence.

use super::{DAY, World, codes, id_of};
use crate::support::{
    from_env,
    lesson::{FIRST, FOURTH, SECOND, THIRD, assert_starts, book},
    race::{Tally, crowded},
};
use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};

fn assign(assignments: &[(&str, uuid::Uuid)]) -> Value {
    let assignments = assignments.iter();
    let one = |(booking, tutor): &(&str, uuid::Uuid)| json!({"booking_id": id_of(booking), "tutor_id": tutor});
    json!({"assignments": assignments.map(one).collect::<Vec<_>>()})
}

#[tokio::test]
async fn some_are_handed_over_then_all_and_each_calendar_hears_once_of_each() {
    let world = World::new().await;
    let first = book(&world.sam, &world.tina, FIRST).await;
    book(&world.sam, &world.tina, SECOND).await;
    book(&world.olga, &world.tina, THIRD).await;
    world.test.run_jobs().await;
    let absence = world.report(DAY).await;
    let (inserts, deletes) = (world.asked("POST"), world.asked("DELETE"));

    let some = assign(&[(&first, world.theo.id.0)]);
    assert_eq!(
        codes(&world.reassign(&absence, &some).await),
        ["reassigned"]
    );
    // Without a key too, what is done is done.
    assert_eq!(
        codes(&world.reassign(&absence, &some).await),
        ["reassigned"]
    );
    let other = assign(&[(&first, world.thea.id.0)]);
    assert_eq!(codes(&world.reassign(&absence, &other).await), ["settled"]);
    assert_eq!(world.states(&absence).await, ["reassigned", "open", "open"]);

    let path = format!("{absence}/reassignments");
    let send = || {
        let request = world.admin.request(Method::POST, &path);
        let all = json!({"all": true});
        world
            .admin
            .send(request.header("idempotency-key", "all").json(&all))
    };
    let done = send().await.expect(200);
    assert_eq!(
        codes(done["bookings"].as_array().unwrap()),
        ["reassigned"; 3]
    );
    world.test.run_jobs().await;
    assert_eq!(send().await.expect(200), done);
    assert_eq!(
        codes(&world.reassign(&absence, &json!({"all": true})).await),
        ["reassigned"; 3]
    );
    world.test.run_jobs().await;
    assert_eq!(world.states(&absence).await, ["reassigned"; 3]);
    // For each lesson one event at the one tutor, and one less at the other.
    assert_eq!(world.asked("POST") - inserts, 3);
    assert_eq!(world.asked("DELETE") - deletes, 3);
    assert_starts(&world.test, &world.tina, &[]);
    // Sam had a lesson with Theo by then.
    assert_starts(&world.test, &world.theo, &[FIRST, SECOND]);
    assert_starts(&world.test, &world.thea, &[THIRD]);
}

/// Who could take both of a student's lessons gets both, although somebody else teaches less; and nobody gets two at once.
#[tokio::test]
async fn a_students_lessons_go_to_one_tutor_and_nobody_gets_two_at_once() {
    let world = World::new().await;
    let rule = json!({
        "tutor_id": world.tina.id.0, "subject": "mathematics", "level": "School",
        "start": "2027-03-02T09:00", "minutes": 60, "rule": "FREQ=DAILY;COUNT=2",
    });
    world.sam.post("/v1/series", &rule).await.expect(201);
    // Theo, who has nothing else to do, can't take the second.
    book(&world.olga, &world.theo, "2027-03-03T08:00:00Z").await;
    for hour in ["10", "11", "12"] {
        book(
            &world.olga,
            &world.thea,
            &format!("2027-03-03T{hour}:00:00Z"),
        )
        .await;
    }
    let path = world.tina.path("/absences");
    let days = json!({"first_date": DAY, "last_date": "2027-03-03", "reason": "family"});
    let reported = world.admin.post(&path, &days).await.expect(201);
    for booking in reported["bookings"].as_array().unwrap() {
        assert_eq!(booking["substitutes"][0]["name"], "Thea", "{booking:#}");
    }
    let absence = format!("/v1/absences/{}", reported["id"].as_str().unwrap());
    let done = world.reassign(&absence, &json!({"all": true})).await;
    assert_eq!(codes(&done), ["reassigned"; 2]);
    let bookings = world.bookings(&absence).await;
    assert!(bookings.iter().all(|it| it["tutor"]["name"] == "Thea"));
}

/// Both would best go to one tutor, who gives one a day.
#[tokio::test]
async fn nobody_is_chosen_for_more_than_they_give() {
    let world = World::new().await;
    let policy = json!({"max_lessons_per_day": 1});
    for tutor in [&world.theo, &world.thea] {
        tutor
            .edit(Method::PUT, "/policy", &policy)
            .await
            .expect(200);
    }
    for start in [FIRST, SECOND, THIRD] {
        book(&world.sam, &world.tina, start).await;
    }
    let absence = world.report(DAY).await;
    let done = world.reassign(&absence, &json!({"all": true})).await;
    let mut done = codes(&done);
    done.sort_unstable();
    assert_eq!(done, ["no_substitute", "reassigned", "reassigned"]);
}

#[tokio::test]
async fn two_lessons_at_one_time_go_to_two_tutors_whoever_ranks_first() {
    let world = World::new().await;
    book(&world.sam, &world.tina, FIRST).await;
    // Of another absence, at the same time: Theo's.
    book(&world.olga, &world.theo, FIRST).await;
    let absence = world.report(DAY).await;
    let path = world.theo.path("/absences");
    let other = world
        .admin
        .post(&path, &super::ill_on(DAY))
        .await
        .expect(201);
    let other = format!("/v1/absences/{}", other["id"].as_str().unwrap());
    let all = json!({"all": true});
    assert_eq!(codes(&world.reassign(&absence, &all).await), ["reassigned"]);
    assert_eq!(
        codes(&world.reassign(&other, &all).await),
        ["no_substitute"]
    );
    assert_eq!(world.states(&other).await, ["open"]);
}

#[tokio::test]
async fn what_can_not_be_handed_over_is_in_no_others_way() {
    let world = World::new().await;
    let first = book(&world.sam, &world.tina, FIRST).await;
    let second = book(&world.sam, &world.tina, SECOND).await;
    let third = book(&world.sam, &world.tina, THIRD).await;
    let mut group = world.tina.lesson(FOURTH, 60);
    group["capacity"] = json!(4);
    let opened = world
        .tina
        .person
        .post("/v1/lessons", &group)
        .await
        .expect(201);
    let join = format!("/v1/lessons/{}/join", opened["id"].as_str().unwrap());
    let seat = world.olga.post(&join, &json!({})).await.expect(201);
    let seat = format!("/v1/bookings/{}", seat["id"].as_str().unwrap());
    let elsewhere = book(&world.olga, &world.theo, "2027-03-03T08:00:00Z").await;
    let absence = world.report(DAY).await;
    // Meanwhile.
    book(&world.olga, &world.theo, FIRST).await;
    crate::support::lesson::cancel(&world.sam, &third).await;
    let (one, other) = (world.theo.id.0, world.thea.id.0);
    let wanted = assign(&[
        (&first, one),
        (&second, one),
        (&third, one),
        (&seat, one),
        (&elsewhere, other),
        (&uuid::Uuid::now_v7().to_string(), other),
    ]);
    let done = world.reassign(&absence, &wanted).await;
    assert_eq!(
        codes(&done),
        [
            "slot_unavailable",
            "reassigned",
            "settled",
            "group_lesson",
            "not_affected",
            "not_affected"
        ]
    );
    assert_eq!(done[0]["refusal"]["conflicts"][0]["code"], "lesson");
    let nobody = assign(&[(&first, uuid::Uuid::now_v7())]);
    assert_eq!(
        codes(&world.reassign(&absence, &nobody).await),
        ["not_found"]
    );
    let back = assign(&[(&first, world.tina.id.0)]);
    assert_eq!(
        codes(&world.reassign(&absence, &back).await),
        ["same_tutor"]
    );
    assert_eq!(
        world.states(&absence).await,
        ["open", "reassigned", "cancelled", "open"]
    );
}

/// A student's choice and the centre's meet: one of them is what becomes of the lesson.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_students_choice_and_the_centres_exactly_one_is_made() {
    let world = World::of(crowded().await).await;
    let rounds = from_env("ROUNDS").unwrap_or(5);
    world.charge_after(&json!([])).await;
    let mut tally = Tally::new("a student's choice and the centre's");
    let (mut chosen, mut credit) = (0, 0);
    for round in 0..rounds {
        let day = crate::support::at("2027-03-02T08:00:00Z");
        let start = day + TimeDelta::days(i64::try_from(round / 5 * 7 + round % 4).unwrap());
        let start = start + TimeDelta::hours(i64::try_from(round % 5).unwrap());
        let booking = book(&world.sam, &world.tina, &start.to_rfc3339()).await;
        let span = json!({"start": start, "end": start + TimeDelta::hours(1), "reason": "other"});
        let reported = world.admin.post(&world.tina.path("/absences"), &span).await;
        let absence = format!(
            "/v1/absences/{}",
            reported.expect(201)["id"].as_str().unwrap()
        );
        world.offer_all(&absence).await;
        let to_theo = assign(&[(&booking, world.theo.id.0)]);
        let (reassign, cancel) = (
            format!("{absence}/reassignments"),
            format!("{booking}/cancel"),
        );
        let nothing = json!({});
        let requests = [
            world.admin.post(&reassign, &to_theo),
            world.sam.post(&cancel, &nothing),
        ];
        tally.race(requests).await;
        let seen = world.sam.get(&booking).await.expect(200);
        let state = world.states(&absence).await;
        if seen["status"] == "cancelled" && seen["tutor"]["name"] == "Tina" {
            assert_eq!(state, ["credited"]);
            assert_eq!(seen["cancellation"]["credit_minutes"], 60);
            (chosen, credit) = (chosen + 1, credit + 60);
        } else {
            // Whoever came after the centre cancelled a lesson with Theo, if anything.
            assert_eq!(seen["tutor"]["name"], "Theo");
        }
        assert_eq!(world.credit(&world.sam).await, credit);
    }
    println!("{chosen} of {rounds} were the student's");
    tally.expect_only(&[200, 409]);
    world.test.expect_nobody_double_booked().await;
    assert_eq!(world.test.deadlocks().await, 0);
}

/// What was read before the tutor came back is not acted on after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_handed_over_once_the_absence_is_taken_back() {
    let world = World::new().await;
    for start in [FIRST, SECOND] {
        book(&world.sam, &world.tina, start).await;
    }
    let absence = world.report(DAY).await;
    let tina = uuid::Uuid::parse_str(&world.tina.person.id().await).unwrap();
    let key = tina.as_u64_pair().1.cast_signed();
    let mut other = world.test.own_connection().await;
    // As who takes it back, and is just being quicker.
    for sql in [
        "BEGIN".to_owned(),
        format!("SELECT pg_advisory_xact_lock({key})"),
        "DELETE FROM time_off".to_owned(),
    ] {
        sqlx::query(sqlx::AssertSqlSafe(sql))
            .execute(&mut other)
            .await
            .unwrap();
    }
    let all = json!({"all": true});
    let reassigning = world.reassign(&absence, &all);
    let taking_back = async {
        world.test.until_waiting_for_a_lock(1).await;
        sqlx::query("COMMIT").execute(&mut other).await.unwrap();
    };
    let (done, ()) = tokio::join!(reassigning, taking_back);
    assert_eq!(codes(&done), ["taken_back"; 2]);
    assert_eq!(world.states(&absence).await, ["kept"; 2]);
}

/// Whoever takes it back waits for who hands over, and the other way round, and neither in a circle.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn handing_over_and_taking_back_wait_for_each_other_in_no_circle() {
    let world = World::of(crowded().await).await;
    let rounds = from_env("ROUNDS").unwrap_or(5);
    let mut tally = Tally::new("handing over and taking back");
    for round in 0..rounds {
        let day = crate::support::at("2027-03-02T08:00:00Z");
        let start = day + TimeDelta::days(i64::try_from(round / 5 * 7 + round % 4).unwrap());
        let start = start + TimeDelta::hours(i64::try_from(round % 5).unwrap());
        let booking = book(&world.sam, &world.tina, &start.to_rfc3339()).await;
        let span = json!({"start": start, "end": start + TimeDelta::hours(1), "reason": "other"});
        let reported = world.admin.post(&world.tina.path("/absences"), &span).await;
        let reported = reported.expect(201);
        let absence = format!("/v1/absences/{}", reported["id"].as_str().unwrap());
        world.offer_all(&absence).await;
        let path = format!("{absence}/reassignments");
        let to_theo = assign(&[(&booking, world.theo.id.0)]);
        let hand_over = async || world.admin.post(&path, &to_theo).await;
        let (by_absence, by_time_off) = (round % 2 == 0, reported["time_off_id"].as_str().unwrap());
        let take_back = async || {
            if by_absence {
                return world.tina.person.delete(&absence).await;
            }
            let off = format!("/time-off/{by_time_off}");
            world.tina.edit(Method::DELETE, &off, &json!({})).await
        };
        let requests: [futures::future::BoxFuture<'_, _>; 2] =
            [Box::pin(hand_over()), Box::pin(take_back())];
        tally.race(requests).await;
        let state = world.states(&absence).await;
        assert!(
            ["reassigned", "kept", "offered"].contains(&state[0].as_str()),
            "{state:?}"
        );
    }
    tally.expect_only(&[200, 204, 409, 412]);
    world.test.expect_nobody_double_booked().await;
    assert_eq!(world.test.deadlocks().await, 0);
}
