//! Ids in queries and bodies, sent by somebody who has nothing to do with what they name.

use super::probes::Probe;
use crate::auth_coverage::{Row, Who, World};
use reqwest::Method;
use serde_json::{Value, json};

/// A field of a query or body that holds an id.
pub struct IdField {
    pub row: Row,
    pub field: &'static str,
    /// Of what it is the id.
    pub name: &'static str,
}

impl IdField {
    pub fn probe(self, world: &World) -> Probe {
        Probe::new(world, Who::OtherStudent, self.row, self.name)
    }
}

/// All such fields of the document.
pub fn id_fields() -> impl Iterator<Item = IdField> {
    of_queries().into_iter().chain(of_bodies())
}

fn of_queries() -> Vec<IdField> {
    let window = "from=2027-03-02T00:00:00Z&to=2027-03-03T00:00:00Z";
    let audit = "/v1/audit-entries?";
    let bookings = "/v1/bookings?";
    let guardianships = "/v1/guardianships?";
    let search = &format!("/v1/slots?subject=mathematics&minutes=60&{window}&");
    let next = "/v1/slots/next?subject=mathematics&minutes=60&";
    let slots = &format!("/v1/tutors/{{tutor}}/slots?minutes=60&{window}&");
    let explain = "/v1/tutors/{tutor}/slots/explain?start=2027-03-02T09:00:00Z&minutes=60&";
    [
        ("list_audit_entries", audit, "actor_id", "student"),
        ("list_audit_entries", audit, "subject_id", "student"),
        ("list_audit_entries", audit, "request_id", "student"),
        (
            "get_cancellation_policy",
            "/v1/cancellation-policy?",
            "tutor_id",
            "tutor",
        ),
        ("list_credits", "/v1/credits?", "student_id", "student"),
        (
            "list_credit_entries",
            "/v1/credits/entries?",
            "student_id",
            "student",
        ),
        ("get_quota", "/v1/quota?", "student_id", "student"),
        ("list_bookings", bookings, "student_id", "student"),
        ("list_bookings", bookings, "tutor_id", "tutor"),
        ("list_bookings", bookings, "lesson_id", "lesson"),
        ("list_lessons", "/v1/lessons?", "tutor_id", "tutor"),
        ("list_all_absences", "/v1/absences?", "tutor_id", "tutor"),
        (
            "list_calendar_drifts",
            "/v1/calendar/drifts?",
            "lesson_id",
            "lesson",
        ),
        ("list_holds", "/v1/holds?", "student_id", "student"),
        ("list_waitlist", "/v1/waitlist?", "student_id", "student"),
        ("list_waitlist", "/v1/waitlist?", "lesson_id", "lesson"),
        ("list_series", "/v1/series?", "student_id", "student"),
        ("list_series", "/v1/series?", "tutor_id", "tutor"),
        (
            "list_guardianships",
            guardianships,
            "guardian_id",
            "guardian",
        ),
        ("list_guardianships", guardianships, "student_id", "student"),
        ("search_slots", search, "student_id", "student"),
        ("search_slots", search, "tutors", "tutor"),
        ("next_slot", next, "student_id", "student"),
        ("next_slot", next, "tutors", "tutor"),
        ("list_slots", slots, "student_id", "student"),
        ("explain_slot", explain, "student_id", "student"),
        ("list_slots", slots, "moving_booking_id", "booking"),
        ("explain_slot", explain, "moving_booking_id", "booking"),
    ]
    .map(|(operation, path, field, name)| IdField {
        row: Row::open(operation, format!("{path}{field}={{{name}}}").leak(), 200),
        field,
        name,
    })
    .into()
}

fn of_bodies() -> Vec<IdField> {
    let (post, put) = (Method::POST, Method::PUT);
    let one =
        |row: (&'static str, &'static str), method: &Method, field, name, body: Value| IdField {
            row: Row::open(row.0, row.1, 200).edit(method.clone(), body),
            field,
            name,
        };
    let book = ("create_booking", "/v1/bookings");
    let lesson = json!({
        "tutor_id": "{tutor}", "subject": "mathematics", "level": "School",
        "start": "2027-03-02T10:00:00Z", "end": "2027-03-02T11:00:00Z",
    });
    let mut for_student = lesson.clone();
    for_student["student_id"] = json!("{student}");
    let hold = ("create_hold", "/v1/holds");
    let open = ("create_lesson", "/v1/lessons");
    let mut group = lesson.clone();
    group["capacity"] = json!(4);
    let join = ("join_lesson", "/v1/lessons/{lesson}/join");
    let joining = json!({"student_id": "{student}"});
    let wait = ("join_waitlist", "/v1/waitlist");
    let for_seat = json!({"lesson_id": "{lesson}"});
    let for_seat_of = json!({"lesson_id": "{lesson}", "student_id": "{student}"});
    let accept = ("accept_waitlist_offer", "/v1/waitlist/{offered}/accept");
    let decline = ("decline_waitlist_offer", "/v1/waitlist/{offered}/decline");
    let meant = json!({"hold_id": "{hold}"});
    let repeat = ("create_series", "/v1/series");
    let series = json!({
        "tutor_id": "{tutor}", "subject": "mathematics", "level": "School",
        "start": "2027-03-04T10:00", "minutes": 60, "rule": "FREQ=WEEKLY;COUNT=2",
    });
    let mut series_for_student = series.clone();
    series_for_student["student_id"] = json!("{student}");
    let reassign = ("reassign_booking", "/v1/bookings/{booking}/reassign");
    let to_tutor = json!({"tutor_id": "{tutor}"});
    let offer = ("offer_absence", "/v1/absences/{absence}/offers");
    let to_students = json!({"booking_ids": ["{booking}"]});
    let link = ("create_guardianship", "/v1/guardianships");
    let sides = json!({"guardian_id": "{guardian}", "student_id": "{student}"});
    let invite = ("create_invitation", "/v1/invitations");
    let invitation =
        json!({"role": "guardian", "email": "a@example.org", "student_id": "{student}"});
    let make_key = ("create_app_key", "/v1/third-party-apps/{app}/keys");
    let key = json!({"scopes": [], "expires_at": "2027-12-01T00:00:00Z", "tutor_ids": ["{tutor}"]});
    let follow = (
        "replace_followed_holiday_calendars",
        "/v1/tutors/{tutor}/holiday-calendars",
    );
    let calendars = json!({"calendar_ids": ["{calendar}"]});
    let cancelling = (
        "replace_cancellation_policy",
        "/v1/cancellation-policy?tutor_id={tutor}",
    );
    let policy = json!({"policy": null});
    let open_event = ("open_event", "/v1/calendar/bookable-events");
    let event = json!({
        "calendar_id": "{google_calendar}", "event_id": "{google_calendar}", "subject": "mathematics", "level": "School",
        "capacity": 4,
    });
    let credit = ("change_credit", "/v1/credits");
    let grant = json!({
        "student_id": "{student}", "subject": "mathematics", "kind": "grant", "minutes": 60, "reason": "x",
    });
    let limit = ("replace_quota", "/v1/quota");
    let quota = json!({"student_id": "{student}"});
    vec![
        one(cancelling, &put, "tutor_id", "tutor", policy),
        one(credit, &post, "student_id", "student", grant),
        one(limit, &put, "student_id", "student", quota),
        one(book, &post, "tutor_id", "tutor", lesson.clone()),
        one(book, &post, "student_id", "student", for_student.clone()),
        one(hold, &post, "tutor_id", "tutor", lesson),
        one(hold, &post, "student_id", "student", for_student),
        one(open, &post, "tutor_id", "tutor", group),
        one(join, &post, "student_id", "student", joining),
        one(
            open_event,
            &post,
            "calendar_id",
            "google_calendar",
            event.clone(),
        ),
        one(open_event, &post, "event_id", "google_calendar", event),
        one(wait, &post, "lesson_id", "lesson", for_seat),
        one(wait, &post, "student_id", "student", for_seat_of),
        one(accept, &post, "hold_id", "hold", meant.clone()),
        one(decline, &post, "hold_id", "hold", meant),
        one(repeat, &post, "tutor_id", "tutor", series),
        one(repeat, &post, "student_id", "student", series_for_student),
        one(reassign, &post, "tutor_id", "tutor", to_tutor),
        one(offer, &post, "booking_ids", "booking", to_students),
        one(link, &post, "guardian_id", "guardian", sides.clone()),
        one(link, &post, "student_id", "student", sides),
        one(invite, &post, "student_id", "student", invitation),
        one(make_key, &post, "tutor_ids", "tutor", key),
        one(follow, &put, "calendar_ids", "calendar", calendars),
    ]
}
