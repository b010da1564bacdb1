//! What is left for those who wait.

use super::OFFERS_TO_MAKE;
use crate::random_lives::world::World;
use serde_json::json;

/// Why somebody is passed over who does not rest and has not been offered enough.
const PASSED_OVER: [&str; 2] = ["slot_unavailable", "quota_exceeded"];

/// When all offers are made: whoever waits for a lesson in which there is a seat could not have it, as they are told who
/// ask for one.
pub async fn expect_no_seat_left(world: &World) {
    if world.test.count(OFFERS_TO_MAKE).await > 0 {
        // Somebody was in the way of one, which is made later.
        return;
    }
    let mut connection = world.test.own_connection().await;
    let waiting: Vec<(String, String)> = sqlx::query_as(
        "SELECT student_id::text, lesson_id::text FROM waitlist_entries AS entries JOIN lessons ON lessons.id = lesson_id
         WHERE entries.status = 'waiting' AND coalesce(rests_until <= $1, true)
           AND lessons.status = 'scheduled' AND starts_at > $1
           AND capacity > (SELECT count(*) FROM bookings WHERE bookings.lesson_id = lessons.id AND occupies)
           AND 3 > (SELECT count(*) FROM waitlist_entries AS others JOIN bookings ON bookings.id = booking_id
                    WHERE others.student_id = entries.student_id AND others.status = 'offered' AND bookings.status = 'held')",
    )
    .bind(world.test.now())
    .fetch_all(&mut connection)
    .await
    .unwrap();
    for (student, lesson) in waiting {
        let person = world.person(world.cast.student(&student).unwrap(), 0);
        let path = format!("/v1/lessons/{lesson}/join");
        let refused = person.post(&path, &json!({})).await.expect(409);
        let code = refused["code"].as_str().unwrap();
        assert!(
            PASSED_OVER.contains(&code),
            "{student} {lesson}: {refused:#}"
        );
    }
}
