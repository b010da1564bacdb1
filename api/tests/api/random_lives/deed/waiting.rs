//! Waiting for room.

use super::{Deed, Tells};
use serde_json::{Value, json};

impl Deed {
    pub fn wait_for_seat(lesson: &str) -> Self {
        let seat = json!({"lesson_id": lesson});
        Self::post("wait for a seat", "/v1/waitlist", seat, Tells::Waiting).for_student()
    }

    pub fn wait_for_time(wish: &Value) -> Self {
        let name = match wish.get("tutor_id") {
            Some(_) => "wait for time of a tutor",
            None => "wait for time",
        };
        let wish = json!({"wish": wish});
        Self::post(name, "/v1/waitlist", wish, Tells::Waiting).for_student()
    }

    pub fn accept(entry: &str) -> Self {
        let path = format!("/v1/waitlist/{entry}/accept");
        Self::post("accept", path, Value::Null, Tells::Booking)
    }

    pub fn accept_with_credit(entry: &str) -> Self {
        let path = format!("/v1/waitlist/{entry}/accept");
        let body = json!({"pay_with": "credit"});
        Self::post("accept with credit", path, body, Tells::Booking)
    }

    pub fn accept_twice(entry: &str) -> Self {
        Self {
            name: "accept twice",
            is_sent_twice: true,
            ..Self::accept(entry)
        }
    }

    pub fn accept_by_token(token: &str) -> Self {
        let (path, body) = ("/v1/waitlist-offers/accept", json!({"token": token}));
        Self::post("accept by a token", path, body, Tells::Booking)
    }

    pub fn decline_offer(entry: &str) -> Self {
        let path = format!("/v1/waitlist/{entry}/decline");
        Self::post("decline an offer", path, Value::Null, Tells::Waiting)
    }

    pub fn wait_no_longer(entry: &str) -> Self {
        Self::delete("wait no longer", format!("/v1/waitlist/{entry}"))
    }
}
