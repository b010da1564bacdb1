//! Tutors who can't teach, and what is done about it.

use super::{Deed, Tells};
use serde_json::{Value, json};

impl Deed {
    pub fn report_absence(tutor: &str, mut time: Value) -> Self {
        time["reason"] = json!("illness");
        let path = format!("/v1/tutors/{tutor}/absences");
        Self::post("report an absence", path, time, Tells::Absence)
    }

    pub fn try_absence(tutor: &str, time: Value) -> Self {
        let deed = Self::report_absence(tutor, time);
        Self {
            name: "try an absence",
            path: format!("{}?dry_run=true", deed.path),
            tells: Tells::Nothing,
            ..deed
        }
    }

    pub fn take_back(absence: &str) -> Self {
        Self::delete("take an absence back", format!("/v1/absences/{absence}"))
    }

    pub fn look_at_absence(absence: &str) -> Self {
        Self {
            name: "look at an absence",
            tells: Tells::Absence,
            ..Self::look(format!("/v1/absences/{absence}"))
        }
    }

    /// Some bookings, or all.
    pub fn offer_to_students(absence: &str, which: Option<&[String]>) -> Self {
        let path = format!("/v1/absences/{absence}/offers");
        let (name, body) = which.map_or_else(
            || ("offer all to students", json!({"all": true})),
            |some| ("offer some to students", json!({"booking_ids": some})),
        );
        Self::post(name, path, body, Tells::Outcomes)
    }

    /// Some bookings to tutors who are named, or all to the best.
    pub fn find_tutors(absence: &str, which: Option<&[(&String, &String)]>) -> Self {
        let path = format!("/v1/absences/{absence}/reassignments");
        let Some(which) = which else {
            let all = json!({"all": true});
            return Self::post("find tutors for all", path, all, Tells::Outcomes);
        };
        let one = |(booking, tutor): &(&String, &String)| json!({"booking_id": booking, "tutor_id": tutor});
        let some = json!({"assignments": which.iter().map(one).collect::<Vec<_>>()});
        Self::post("name tutors for some", path, some, Tells::Outcomes)
    }
}
