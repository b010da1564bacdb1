//! What became of the lessons of tutors who were absent, as the centre sees it.

use crate::{
    random_lives::{deed::Who, world::World},
    support::at,
};

/// What an absence can come to.
const STATES: [&str; 7] = [
    "open",
    "offered",
    "reassigned",
    "rescheduled",
    "credited",
    "cancelled",
    "kept",
];

/// When time has done its part: something has become of every lesson of an absence that has begun, and as long as nothing
/// has, the lesson is its tutor's.
pub async fn expect_settled(world: &World) {
    let (admin, now) = (world.person(Who::Admin, 0), world.test.now());
    let mut connection = world.test.own_connection().await;
    let absences: Vec<String> = sqlx::query_scalar("SELECT id::text FROM absences ORDER BY id")
        .fetch_all(&mut connection)
        .await
        .unwrap();
    for id in absences {
        let absence = admin.get(&format!("/v1/absences/{id}")).await.expect(200);
        for booking in absence["bookings"].as_array().unwrap() {
            let state = booking["state"].as_str().unwrap();
            assert!(STATES.contains(&state), "{booking:#}");
            let is_taken_back = absence["taken_back"] == true;
            if ["open", "offered"].contains(&state) {
                let start = at(booking["start"].as_str().unwrap());
                assert!(start > now && !is_taken_back, "{booking:#}");
                assert_eq!(booking["tutor"]["id"], absence["tutor_id"], "{booking:#}");
            } else {
                assert_eq!(booking["substitutes"].as_array().unwrap().len(), 0);
            }
        }
    }
}
