//! What the tutor moves, and who can't come along.

use super::*;

async fn move_to(person: &Person, lesson: &str, start: &str) -> Answer {
    let end = at(start) + TimeDelta::hours(1);
    let path = format!("{lesson}/reschedule");
    person
        .post(&path, &json!({"start": start, "end": end}))
        .await
}

#[tokio::test]
async fn whoever_is_in_it_is_moved_with_it_or_nobody_is() {
    let world = World::new().await;
    let tutor = &world.tutor.person;
    let lesson = world.open(&world.wanted(FIRST, 3)).await;
    let of_sam = join(&world.sam, &lesson).await;
    let of_olga = join(&world.olga, &lesson).await;
    let theo = Centre.tutor(&world.test, "Theo").await;
    book(&world.olga, &theo, SECOND).await;
    world.event().await;

    let before = [
        world.sam.get(&of_sam).await.expect(200),
        world.olga.get(&of_olga).await.expect(200),
        tutor.get(&lesson).await.expect(200),
    ];
    let refused = move_to(tutor, &lesson, "2027-03-02T08:30:00Z").await;
    let refused = refused.expect_problem(409, "slot_unavailable");
    assert_eq!(refused["conflicts"], json!([{"code": "student_busy"}]));
    assert!(!refused.to_string().contains("Olga"), "{refused:#}");
    let after = [
        world.sam.get(&of_sam).await.expect(200),
        world.olga.get(&of_olga).await.expect(200),
        tutor.get(&lesson).await.expect(200),
    ];
    assert_eq!(after, before);

    move_to(&world.sam, &lesson, THIRD)
        .await
        .expect_problem(403, "not_yours_to_decide");
    let moved = move_to(tutor, &lesson, THIRD).await.expect(200);
    assert_eq!(moved["start"], THIRD);
    for (student, booking) in [(&world.sam, &of_sam), (&world.olga, &of_olga)] {
        let answer = student.get(booking).await;
        assert_eq!(answer.etag(), "\"2\"");
        let booking = answer.expect(200);
        assert_eq!(
            (&booking["start"], &booking["status"]),
            (&json!(THIRD), &json!("confirmed"))
        );
    }
    let (_, guests) = world.event().await;
    assert_eq!(guests, [email("Olga"), email("Sam")]);
    assert_starts(&world.test, &world.tutor, &[THIRD]);
    // The old time is free, for the tutor and for each of them.
    book(&world.sam, &world.tutor, FIRST).await;
    move_to(tutor, &lesson, THIRD)
        .await
        .expect_problem(409, "same_time");
    // Into its own time, off the grid.
    move_to(tutor, &lesson, "2027-03-02T10:10:00Z")
        .await
        .expect(200);
    world.test.expect_nobody_double_booked().await;
}

/// A seat is nobody's lesson.
#[tokio::test]
async fn one_booking_of_a_group_is_neither_moved_nor_handed_over() {
    let world = World::new().await;
    let admin = world.test.admin("Ada").await;
    let lesson = world.open(&world.wanted(FIRST, 3)).await;
    let booking = join(&world.sam, &lesson).await;
    let theo = Centre.tutor(&world.test, "Theo").await;
    for person in [&world.sam, &world.tutor.person, &admin] {
        let to = json!({"start": THIRD, "end": FOURTH});
        let refused = person.post(&format!("{booking}/reschedule"), &to).await;
        refused.expect_problem(409, "group_lesson");
    }
    let to_theo = json!({"tutor_id": theo.id.0});
    let refused = admin.post(&format!("{booking}/reassign"), &to_theo).await;
    refused.expect_problem(409, "group_lesson");
    let refused = admin.get(&format!("{booking}/substitutes")).await;
    refused.expect_problem(409, "group_lesson");
    // But who was there is said of each.
    world.test.set_clock(at(SECOND));
    world.settle().await;
    let path = format!("{booking}/attendance");
    let missed = json!({"attended": false});
    let missed = world.tutor.person.post(&path, &missed).await.expect(200);
    assert_eq!(missed["status"], "no_show");
}

#[tokio::test]
async fn who_teaches_at_the_other_time_is_not_moved_there() {
    let world = World::new().await;
    let lesson = world.open(&world.wanted(FIRST, 3)).await;
    let theo = Centre.tutor(&world.test, "Theo").await;
    join(&theo.person, &lesson).await;
    book(&world.sam, &theo, SECOND).await;
    let refused = move_to(&world.tutor.person, &lesson, SECOND).await;
    assert_eq!(reasons(refused), ["student_busy"]);
    move_to(&world.tutor.person, &lesson, THIRD)
        .await
        .expect(200);
    world.test.expect_nobody_double_booked().await;
}
