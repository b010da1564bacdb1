//! Every operation with a request that looks valid, and what it answers to whom.

use super::world::{Who, World};
use crate::support::frontend::{BACK, VERIFIER, challenge};
use reqwest::Method;
use serde_json::{Value, json};

/// An operation.
#[derive(Clone)]
pub struct Row {
    pub operation: &'static str,
    pub method: Method,
    /// With `{tutor}`, `{booking}` and others of [`World::fill`] for their ids.
    pub path: &'static str,
    /// A text is a calendar file, if it begins like one, or else a form.
    pub body: Option<Value>,
    /// Whether the request says which version it edits.
    pub edit: bool,
    /// In the order of [`Who::ALL`].
    pub answers: [u16; Who::ALL.len()],
}

impl Row {
    /// Something that answers everybody alike, whether or not they are known.
    pub fn open(operation: &'static str, path: &'static str, status: u16) -> Self {
        Self {
            operation,
            method: Method::GET,
            path,
            body: None,
            edit: false,
            answers: [status; Who::ALL.len()],
        }
    }

    /// Something for everybody who is signed in; no third-party app may.
    pub fn signed_in(operation: &'static str, path: &'static str, status: u16) -> Self {
        Self::open(operation, path, status)
            .but(401, &[Who::Anonymous, Who::Suspended, Who::ExpiredKey])
            .but(403, &[Who::KeyWithoutScope, Who::KeyWithScope])
    }

    /// As [`Row::signed_in`], and for third-party apps with the scope.
    pub fn scoped(operation: &'static str, path: &'static str, status: u16) -> Self {
        Self::signed_in(operation, path, status).but(status, &[Who::KeyWithScope])
    }

    pub fn admins(operation: &'static str, path: &'static str, status: u16) -> Self {
        Self::signed_in(operation, path, 403)
            .but(401, &[Who::Anonymous, Who::Suspended, Who::ExpiredKey])
            .but(status, &[Who::Admin])
    }

    /// For the tutor whom it is about, and for admins.
    pub fn tutors_own(operation: &'static str, path: &'static str, status: u16) -> Self {
        Self::admins(operation, path, status).but(status, &[Who::Tutor])
    }

    /// About a thing of the student's that is not there for those who have nothing to do with it.
    pub fn students_own(operation: &'static str, path: &'static str, status: u16) -> Self {
        Self::signed_in(operation, path, 404).but(status, &[Who::Student])
    }

    pub fn but(mut self, status: u16, whom: &[Who]) -> Self {
        for (who, answer) in Who::ALL.iter().zip(&mut self.answers) {
            if whom.contains(who) {
                *answer = status;
            }
        }
        self
    }

    pub fn sent(self, method: Method, body: Value) -> Self {
        Self {
            method,
            body: Some(body),
            ..self
        }
    }

    pub fn edit(self, method: Method, body: Value) -> Self {
        self.sent(method, body).versioned()
    }

    /// With the version for which it is meant.
    pub fn versioned(self) -> Self {
        Self { edit: true, ..self }
    }

    pub fn with(self, method: Method) -> Self {
        Self { method, ..self }
    }

    pub fn removal(self) -> Self {
        self.with(Method::DELETE).versioned()
    }

    pub fn answer_to(&self, who: Who) -> u16 {
        let place = Who::ALL.iter().position(|one| *one == who).unwrap();
        self.answers[place]
    }

    pub fn is_safe(&self) -> bool {
        self.method == Method::GET
    }

    /// Whether it asks for a session or a key.
    pub fn is_open(&self) -> bool {
        self.answer_to(Who::Anonymous) != 401
    }
}

pub fn table(world: &World) -> Vec<Row> {
    [
        signing_in(),
        people(),
        third_party_apps(),
        tutors(),
        time_of_tutors(),
        absences(),
        slots(),
        centre(),
        bookings(world),
        credit(),
        holds(),
        group_lessons(),
        waitlist(),
        series(),
        matchings(),
        calendar(),
        // Last, for nobody is signed in afterwards.
        vec![Row::signed_in("sign_out", "/v1/auth/sign-out", 204).with(Method::POST)],
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn redemption() -> Value {
    json!({"code": "unknown", "code_verifier": VERIFIER, "redirect_uri": BACK})
}

fn signing_in() -> Vec<Row> {
    vec![
        Row::open("livez", "/livez", 200),
        Row::open("readyz", "/readyz", 200),
        Row::open("sign_in", "/v1/auth/sign-in", 303),
        Row::open("finish_sign_in", "/v1/auth/callback?state=a&code=b", 400),
        Row::open(
            "finish_sign_in_at_provider",
            "/v1/auth/callback/{provider}?state=a&code=b",
            400,
        ),
        Row::open("authorize", "/v1/auth/authorize?response_type=code", 422),
        Row::open(
            "continue_authorization",
            "/v1/auth/continue?request=unknown",
            400,
        ),
        Row::open("list_providers", "/v1/auth/providers", 200),
        Row::signed_in("list_identities", "/v1/me/identities", 200),
        Row::signed_in("link_identity", "/v1/me/identities", 200)
            .sent(Method::POST, json!({"provider": "google"})),
        Row::signed_in("authorize_identity", "/v1/me/identities/authorize", 200).sent(
            Method::POST,
            json!({"provider": "google", "redirect_uri": BACK, "code_challenge": challenge()}),
        ),
        // There is no such code.
        Row::signed_in("redeem_identity", "/v1/me/identities/redeem", 422)
            .sent(Method::POST, redemption()),
        Row::students_own(
            "confirm_identity",
            "/v1/me/identities/{identity}/confirm",
            200,
        )
        .with(Method::POST),
        // The only one by which its user signs in.
        Row::students_own("unlink_identity", "/v1/me/identities/{identity}", 409)
            .with(Method::DELETE),
        Row::open("issue_token", "/v1/auth/token", 400)
            .sent(Method::POST, json!("grant_type=password")),
        Row::signed_in("list_sessions", "/v1/sessions", 200),
        Row::students_own("end_session", "/v1/sessions/{session}", 204).with(Method::DELETE),
        Row::signed_in("end_sessions", "/v1/sessions", 204).with(Method::DELETE),
        Row::signed_in("get_me", "/v1/me", 200),
        Row::signed_in("edit_me", "/v1/me", 200)
            .edit(Method::PATCH, json!({"time_zone": "Europe/Rome"})),
        Row::signed_in("export_me", "/v1/me/export", 200),
        // The tutor has a lesson ahead, and the admin is the last.
        Row::signed_in("erase_me", "/v1/me", 204)
            .but(409, &[Who::Tutor, Who::Admin])
            .removal(),
    ]
}

fn people() -> Vec<Row> {
    let linked = json!({"guardian_id": "{other}", "student_id": "{student}"});
    let invitation = json!({"role": "guardian", "email": "grandma@example.com"});
    let nothing = || json!({});
    vec![
        Row::admins("list_audit_entries", "/v1/audit-entries", 200),
        Row::admins("list_users", "/v1/users", 200),
        Row::admins("get_user", "/v1/users/{student}", 200),
        Row::admins("export_user", "/v1/users/{student}/export", 200),
        Row::admins("erase_user", "/v1/users/{student}", 204).removal(),
        Row::admins("set_roles", "/v1/users/{student}/roles", 200)
            .edit(Method::PUT, json!({"roles": ["student", "tutor"]})),
        Row::admins("suspend_user", "/v1/users/{student}/suspend", 200)
            .sent(Method::POST, nothing()),
        Row::admins("reinstate_user", "/v1/users/{suspended}/reinstate", 200)
            .sent(Method::POST, nothing()),
        Row::admins("end_user_sessions", "/v1/users/{student}/sessions", 204).with(Method::DELETE),
        Row::signed_in("list_guardianships", "/v1/guardianships", 200),
        Row::admins("create_guardianship", "/v1/guardianships", 201).sent(Method::POST, linked),
        Row::students_own(
            "delete_guardianship",
            "/v1/guardianships/{guardian}/{student}",
            204,
        )
        .but(204, &[Who::Guardian, Who::Admin])
        .with(Method::DELETE),
        Row::signed_in("list_invitations", "/v1/invitations", 200),
        Row::signed_in("create_invitation", "/v1/invitations", 201).sent(Method::POST, invitation),
        // It was sent to the student, by the admin.
        Row::students_own(
            "accept_invitation",
            "/v1/invitations/{invitation}/accept",
            204,
        )
        .sent(Method::POST, nothing()),
        Row::students_own(
            "decline_invitation",
            "/v1/invitations/{invitation}/decline",
            204,
        )
        .sent(Method::POST, nothing()),
        Row::signed_in(
            "withdraw_invitation",
            "/v1/invitations/{invitation}/withdraw",
            404,
        )
        .but(204, &[Who::Admin])
        .sent(Method::POST, nothing()),
    ]
}

fn third_party_apps() -> Vec<Row> {
    let key = json!({"scopes": ["bookings:read"], "expires_at": "2027-12-01T00:00:00Z"});
    vec![
        Row::admins("list_third_party_apps", "/v1/third-party-apps", 200),
        Row::admins("create_third_party_app", "/v1/third-party-apps", 201)
            .sent(Method::POST, json!({"name": "Payroll"})),
        Row::admins("get_third_party_app", "/v1/third-party-apps/{app}", 200),
        Row::admins("edit_third_party_app", "/v1/third-party-apps/{app}", 200)
            .edit(Method::PATCH, json!({"name": "Payroll"})),
        Row::admins("list_app_keys", "/v1/third-party-apps/{app}/keys", 200),
        Row::admins("create_app_key", "/v1/third-party-apps/{app}/keys", 201)
            .sent(Method::POST, key),
        Row::admins(
            "revoke_app_key",
            "/v1/third-party-apps/{app}/keys/{key}",
            204,
        )
        .with(Method::DELETE),
    ]
}

fn tutors() -> Vec<Row> {
    let rule = json!({"weekday": "monday", "local_start": "09:00", "local_end": "12:00"});
    let subject = json!({"slug": "art", "name": "Art", "levels": ["School"]});
    let offer = json!({"subject": "mathematics", "level": "School", "lesson_minutes": [60]});
    vec![
        Row::scoped("list_subjects", "/v1/subjects", 200),
        Row::admins("create_subject", "/v1/subjects", 201).sent(Method::POST, subject),
        Row::scoped("get_subject", "/v1/subjects/{subject}", 200),
        Row::admins("edit_subject", "/v1/subjects/{subject}", 200)
            .edit(Method::PATCH, json!({"levels": ["Bachelor"]})),
        Row::admins("delete_subject", "/v1/subjects/{subject}", 204).removal(),
        Row::scoped("list_tutors", "/v1/tutors", 200),
        Row::scoped("get_tutor", "/v1/tutors/{tutor}", 200),
        Row::tutors_own("edit_tutor", "/v1/tutors/{tutor}", 200)
            .edit(Method::PATCH, json!({"bio": "Patient."})),
        Row::scoped("list_offers", "/v1/tutors/{tutor}/offers", 200),
        Row::tutors_own("replace_offers", "/v1/tutors/{tutor}/offers", 200)
            .edit(Method::PUT, json!({"offers": [offer]})),
        Row::scoped("list_weekly_rules", "/v1/tutors/{tutor}/weekly-rules", 200),
        Row::tutors_own(
            "replace_weekly_rules",
            "/v1/tutors/{tutor}/weekly-rules",
            200,
        )
        .edit(Method::PUT, json!({"rules": [rule]})),
    ]
}

/// When a tutor is there.
fn time_of_tutors() -> Vec<Row> {
    let day = json!({"first_date": "2027-04-01", "last_date": "2027-04-01"});
    vec![
        Row::scoped("list_overrides", "/v1/tutors/{tutor}/overrides", 200),
        Row::tutors_own(
            "list_bookable_tags",
            "/v1/tutors/{tutor}/bookable-tags",
            200,
        ),
        Row::tutors_own(
            "replace_bookable_tags",
            "/v1/tutors/{tutor}/bookable-tags",
            200,
        )
        .edit(
            Method::PUT,
            json!({"tags": [{"tag": "#open", "subject": "mathematics", "level": "School", "capacity": 4}]}),
        ),
        Row::tutors_own("put_override", "/v1/tutors/{tutor}/overrides/{date}", 200)
            .edit(Method::PUT, json!({"hours": []})),
        Row::scoped("get_override", "/v1/tutors/{tutor}/overrides/{date}", 200),
        Row::tutors_own(
            "delete_override",
            "/v1/tutors/{tutor}/overrides/{date}",
            204,
        )
        .removal(),
        Row::tutors_own("list_time_off", "/v1/tutors/{tutor}/time-off", 200),
        Row::tutors_own("create_time_off", "/v1/tutors/{tutor}/time-off", 201)
            .sent(Method::POST, day),
        Row::tutors_own(
            "get_time_off",
            "/v1/tutors/{tutor}/time-off/{time_off}",
            200,
        ),
        Row::tutors_own(
            "delete_time_off",
            "/v1/tutors/{tutor}/time-off/{time_off}",
            204,
        )
        .removal(),
        Row::scoped("get_tutor_policy", "/v1/tutors/{tutor}/policy", 200),
        Row::tutors_own("replace_tutor_policy", "/v1/tutors/{tutor}/policy", 200)
            .edit(Method::PUT, json!({"horizon_days": 70})),
        Row::scoped(
            "list_followed_holiday_calendars",
            "/v1/tutors/{tutor}/holiday-calendars",
            200,
        ),
        Row::tutors_own(
            "replace_followed_holiday_calendars",
            "/v1/tutors/{tutor}/holiday-calendars",
            200,
        )
        .edit(Method::PUT, json!({"calendar_ids": []})),
    ]
}

/// When a tutor can't teach, and what becomes of the lessons.
fn absences() -> Vec<Row> {
    let day = json!({"first_date": "2027-03-02", "last_date": "2027-03-02", "reason": "illness"});
    let of_absence = |operation, status| {
        Row::signed_in(operation, "/v1/absences/{absence}", 404)
            .but(status, &[Who::Tutor, Who::Admin])
    };
    vec![
        Row::signed_in("list_all_absences", "/v1/absences", 200),
        Row::tutors_own("list_absences", "/v1/tutors/{tutor}/absences", 200),
        Row::tutors_own("report_absence", "/v1/tutors/{tutor}/absences", 201)
            .sent(Method::POST, day),
        of_absence("get_absence", 200),
        of_absence("take_back_absence", 204).with(Method::DELETE),
        Row::admins(
            "reassign_absence",
            "/v1/absences/{absence}/reassignments",
            200,
        )
        .sent(Method::POST, json!({"all": true})),
        Row::admins("offer_absence", "/v1/absences/{absence}/offers", 200)
            .sent(Method::POST, json!({"all": true})),
    ]
}

fn slots() -> Vec<Row> {
    vec![
        Row::scoped(
            "list_slots",
            "/v1/tutors/{tutor}/slots?from=2027-03-02T00:00:00Z&to=2027-03-03T00:00:00Z&minutes=60",
            200,
        ),
        Row::scoped(
            "explain_slot",
            "/v1/tutors/{tutor}/slots/explain?start=2027-03-02T09:00:00Z&minutes=60",
            200,
        ),
        Row::scoped(
            "search_slots",
            "/v1/slots?subject=mathematics&from=2027-03-02T00:00:00Z&to=2027-03-03T00:00:00Z&minutes=60",
            200,
        ),
        Row::scoped(
            "next_slot",
            "/v1/slots/next?subject=mathematics&minutes=60",
            200,
        ),
    ]
}

/// What only admins edit.
fn centre() -> Vec<Row> {
    let policy = json!({
        "minimum_notice_minutes": 60, "horizon_days": 60, "start_grid_minutes": 30, "start_grid_anchor": "midnight",
        "buffer_before_minutes": 0, "buffer_after_minutes": 0, "requires_approval": false, "approval_minutes": 1440,
        "hold_minutes": 10, "attendance_days": 14, "calendar_unknown_after_hours": 24,
        "event_moved": "reschedule", "event_deleted": "cancel", "event_deleted_grace_minutes": 60, "event_declined": "cancel",
    });
    let cancellation = json!({"windows": [], "grace_minutes": 15, "credit_days": 30});
    let term = json!({"name": "Spring", "first_date": "2027-04-01", "last_date": "2027-07-01"});
    vec![
        Row::scoped("get_centre_policy", "/v1/centre/policy", 200),
        Row::admins("replace_centre_policy", "/v1/centre/policy", 200).edit(Method::PUT, policy),
        Row::scoped(
            "get_cancellation_policy",
            "/v1/cancellation-policy?tutor_id={tutor}",
            200,
        ),
        Row::admins(
            "replace_cancellation_policy",
            "/v1/cancellation-policy",
            200,
        )
        .edit(Method::PUT, json!({"policy": cancellation})),
        Row::scoped("list_terms", "/v1/centre/terms", 200),
        Row::admins("replace_terms", "/v1/centre/terms", 200)
            .edit(Method::PUT, json!({"terms": [term]})),
        Row::scoped("list_holiday_calendars", "/v1/holiday-calendars", 200),
        Row::admins("create_holiday_calendar", "/v1/holiday-calendars", 201)
            .sent(Method::POST, json!({"name": "Hesse", "centre_wide": false})),
        Row::scoped(
            "get_holiday_calendar",
            "/v1/holiday-calendars/{calendar}",
            200,
        ),
        Row::admins(
            "edit_holiday_calendar",
            "/v1/holiday-calendars/{calendar}",
            200,
        )
        .edit(Method::PATCH, json!({"centre_wide": true})),
        Row::scoped(
            "list_holidays",
            "/v1/holiday-calendars/{calendar}/holidays",
            200,
        ),
        Row::admins(
            "replace_holidays",
            "/v1/holiday-calendars/{calendar}/holidays",
            200,
        )
        .edit(Method::PUT, json!({"holidays": []})),
        Row::admins(
            "import_holidays",
            "/v1/holiday-calendars/{calendar}/import",
            200,
        )
        .edit(
            Method::POST,
            json!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n"),
        ),
        Row::admins(
            "delete_holiday_calendar",
            "/v1/holiday-calendars/{calendar}",
            204,
        )
        .removal(),
    ]
}

fn bookings(world: &World) -> Vec<Row> {
    let mut wanted = world.tutor.lesson("2027-03-02T10:00:00Z", 60);
    wanted["student_id"] = json!("{student}");
    let of_booking = |operation, path| {
        Row::students_own(operation, path, 200).but(
            200,
            &[Who::Guardian, Who::Tutor, Who::Admin, Who::KeyWithScope],
        )
    };
    let for_tutor = |operation, path| {
        Row::students_own(operation, path, 403)
            .but(403, &[Who::Guardian, Who::KeyWithScope])
            .but(200, &[Who::Tutor, Who::Admin])
    };
    vec![
        Row::scoped("list_bookings", "/v1/bookings", 200),
        // For the student.
        Row::students_own("create_booking", "/v1/bookings", 201)
            .but(201, &[Who::Guardian, Who::Admin, Who::KeyWithScope])
            .sent(Method::POST, wanted),
        of_booking("get_booking", "/v1/bookings/{booking}"),
        of_booking(
            "quote_cancellation",
            "/v1/bookings/{booking}/cancellation-quote",
        ),
        of_booking("get_booking_history", "/v1/bookings/{booking}/history"),
        of_booking("cancel_booking", "/v1/bookings/{booking}/cancel").sent(Method::POST, json!({})),
        of_booking("reschedule_booking", "/v1/bookings/{booking}/reschedule").sent(
            Method::POST,
            json!({"start": "2027-03-02T09:00:00Z", "end": "2027-03-02T10:00:00Z"}),
        ),
        for_tutor("approve_booking", "/v1/bookings/{requested}/approve")
            .with(Method::POST)
            .versioned(),
        for_tutor("decline_booking", "/v1/bookings/{requested}/decline")
            .sent(Method::POST, json!({})),
        for_tutor(
            "approve_reschedule",
            "/v1/bookings/{proposed}/reschedule/approve",
        )
        .with(Method::POST)
        .versioned(),
        for_tutor(
            "decline_reschedule",
            "/v1/bookings/{proposed}/reschedule/decline",
        )
        .with(Method::POST),
        Row::students_own(
            "withdraw_reschedule",
            "/v1/bookings/{proposed}/reschedule/withdraw",
            200,
        )
        .but(200, &[Who::Guardian, Who::KeyWithScope])
        .but(403, &[Who::Tutor, Who::Admin])
        .with(Method::POST),
        for_tutor("record_attendance", "/v1/bookings/{begun}/attendance")
            .but(200, &[Who::KeyWithScope])
            .sent(Method::POST, json!({"attended": true})),
        Row::admins("reassign_booking", "/v1/bookings/{booking}/reassign", 200)
            .sent(Method::POST, json!({"tutor_id": "{other_tutor}"})),
        Row::admins(
            "list_substitutes",
            "/v1/bookings/{booking}/substitutes",
            200,
        ),
    ]
}

/// What students are owed, and how much they may book.
fn credit() -> Vec<Row> {
    let of_student = |operation, path| {
        Row::students_own(operation, path, 200)
            .but(200, &[Who::Guardian, Who::Admin, Who::KeyWithScope])
    };
    let grant = json!({
        "student_id": "{student}", "subject": "mathematics", "kind": "grant", "minutes": 60, "reason": "Illness",
    });
    vec![
        of_student("list_credits", "/v1/credits?student_id={student}"),
        of_student(
            "list_credit_entries",
            "/v1/credits/entries?student_id={student}",
        ),
        Row::admins("change_credit", "/v1/credits", 200).sent(Method::POST, grant),
        of_student("get_quota", "/v1/quota?student_id={student}"),
        Row::admins("replace_quota", "/v1/quota", 200).edit(
            Method::PUT,
            json!({"student_id": "{student}", "weekly_minutes": 600}),
        ),
    ]
}

fn holds() -> Vec<Row> {
    let wanted = json!({
        "student_id": "{student}", "tutor_id": "{tutor}", "subject": "mathematics", "level": "School",
        "start": "2027-03-03T09:00:00Z", "end": "2027-03-03T10:00:00Z",
    });
    let with_key = [Who::Guardian, Who::Admin, Who::KeyWithScope];
    vec![
        // It has to say whose.
        Row::signed_in("list_holds", "/v1/holds", 200).but(422, &[Who::KeyWithScope]),
        Row::students_own("create_hold", "/v1/holds", 201)
            .but(201, &with_key)
            .sent(Method::POST, wanted),
        Row::students_own("get_hold", "/v1/holds/{hold}", 200)
            .but(200, &with_key)
            .but(200, &[Who::Tutor]),
        Row::students_own("release_hold", "/v1/holds/{hold}", 204)
            .but(204, &with_key)
            .but(403, &[Who::Tutor])
            .with(Method::DELETE),
        Row::students_own("book_hold", "/v1/holds/{hold}/book", 201)
            .but(201, &with_key)
            .but(403, &[Who::Tutor])
            .sent(Method::POST, json!({})),
    ]
}

fn group_lessons() -> Vec<Row> {
    let wanted = json!({
        "tutor_id": "{tutor}", "subject": "mathematics", "level": "School", "capacity": 4,
        "start": "2027-03-04T10:00:00Z", "end": "2027-03-04T11:00:00Z",
    });
    let to = json!({"start": "2027-03-04T14:00:00Z", "end": "2027-03-04T15:00:00Z"});
    let for_tutor = |operation, path, status| {
        Row::tutors_own(operation, path, status).but(status, &[Who::KeyWithScope])
    };
    vec![
        Row::scoped("list_lessons", "/v1/lessons", 200),
        for_tutor("create_lesson", "/v1/lessons", 201).sent(Method::POST, wanted),
        Row::scoped("get_lesson", "/v1/lessons/{lesson}", 200),
        for_tutor("edit_lesson", "/v1/lessons/{lesson}", 200)
            .edit(Method::PATCH, json!({"capacity": 10})),
        // For the student.
        Row::students_own("join_lesson", "/v1/lessons/{lesson}/join", 201)
            .but(201, &[Who::Guardian, Who::Admin, Who::KeyWithScope])
            .sent(Method::POST, json!({"student_id": "{student}"})),
        for_tutor("cancel_lesson", "/v1/lessons/{lesson}/cancel", 200)
            .sent(Method::POST, json!({})),
        for_tutor("reschedule_lesson", "/v1/lessons/{lesson}/reschedule", 200)
            .sent(Method::POST, to),
    ]
}

fn waitlist() -> Vec<Row> {
    let wish = json!({
        "subject": "mathematics", "level": "School", "minutes": 60,
        "windows": [{"start": "2027-03-09T08:00:00Z", "end": "2027-03-09T12:00:00Z"}],
    });
    let wanted = json!({"student_id": "{student}", "wish": wish});
    let with_key = [Who::Guardian, Who::Admin, Who::KeyWithScope];
    let own =
        |operation, path, status| Row::students_own(operation, path, status).but(status, &with_key);
    vec![
        Row::scoped("list_waitlist", "/v1/waitlist", 200),
        own("join_waitlist", "/v1/waitlist", 201).sent(Method::POST, wanted),
        own("get_waitlist_entry", "/v1/waitlist/{entry}", 200),
        own("leave_waitlist", "/v1/waitlist/{entry}", 204).with(Method::DELETE),
        own(
            "accept_waitlist_offer",
            "/v1/waitlist/{offered}/accept",
            201,
        )
        .sent(Method::POST, json!({})),
        own(
            "decline_waitlist_offer",
            "/v1/waitlist/{offered}/decline",
            200,
        )
        .sent(Method::POST, json!({})),
        // By the token alone.
        Row::open("accept_offer", "/v1/waitlist-offers/accept", 422)
            .sent(Method::POST, json!({"token": "made-up"})),
    ]
}

fn series() -> Vec<Row> {
    let wanted = json!({
        "student_id": "{student}", "tutor_id": "{tutor}", "subject": "mathematics", "level": "School",
        "start": "2027-03-04T10:00", "minutes": 60, "rule": "FREQ=WEEKLY;COUNT=2",
    });
    let of_series = |operation, path| {
        Row::students_own(operation, path, 200).but(
            200,
            &[Who::Guardian, Who::Tutor, Who::Admin, Who::KeyWithScope],
        )
    };
    vec![
        Row::scoped("list_series", "/v1/series", 200),
        Row::students_own("create_series", "/v1/series", 201)
            .but(201, &[Who::Guardian, Who::Admin, Who::KeyWithScope])
            .sent(Method::POST, wanted),
        of_series("get_series", "/v1/series/{series}"),
        of_series("cancel_series", "/v1/series/{series}/cancel")
            .sent(Method::POST, json!({"scope": "all"})),
        of_series("reschedule_series", "/v1/series/{series}/reschedule").sent(
            Method::POST,
            json!({"scope": "all", "recurrence_id": "2027-03-05T09:00", "start": "2027-03-05T10:00"}),
        ),
    ]
}

fn matchings() -> Vec<Row> {
    let of_centre =
        |operation, path| Row::admins(operation, path, 200).but(200, &[Who::KeyWithScope]);
    let wanted = json!({
        "id": "x", "student_id": "{student}", "subject": "mathematics", "level": "School", "minutes": 60,
        "windows": [{"start": "2027-03-03T08:00:00Z", "end": "2027-03-03T12:00:00Z"}],
    });
    // Of nobody: it says so of each student, and succeeds.
    let nobody = "0198c5a0-6f2e-7c3a-9d41-3f8f6a1b2c3d";
    let lesson = json!({
        "id": "x", "student_id": nobody, "tutor_id": nobody, "subject": "mathematics", "level": "School",
        "start": "2027-03-03T09:00:00Z", "end": "2027-03-03T10:00:00Z",
    });
    vec![
        of_centre("create_matching", "/v1/matchings")
            .sent(Method::POST, json!({"requests": [wanted]})),
        of_centre("book_matching", "/v1/matchings/book")
            .sent(Method::POST, json!({"assignments": [lesson]})),
    ]
}

fn calendar() -> Vec<Row> {
    vec![
        Row::signed_in("get_calendar_connection", "/v1/calendar/connection", 200),
        Row::tutors_own(
            "get_tutor_calendar_connection",
            "/v1/tutors/{tutor}/calendar-connection",
            200,
        ),
        Row::admins("list_calendar_connections", "/v1/calendar/connections", 200),
        Row::signed_in("connect_calendar", "/v1/calendar/connection", 403)
            .but(200, &[Who::Tutor, Who::OtherTutor])
            .sent(Method::POST, json!({})),
        Row::signed_in(
            "authorize_calendar",
            "/v1/calendar/connection/authorize",
            403,
        )
        .but(200, &[Who::Tutor, Who::OtherTutor])
        .sent(
            Method::POST,
            json!({"redirect_uri": BACK, "code_challenge": challenge()}),
        ),
        Row::signed_in("redeem_calendar", "/v1/calendar/connection/redeem", 422)
            .sent(Method::POST, redemption()),
        Row::signed_in("disconnect_calendar", "/v1/calendar/connection", 204).with(Method::DELETE),
        Row::signed_in("list_calendars", "/v1/calendar/calendars", 200),
        Row::signed_in("replace_calendar_choice", "/v1/calendar/calendars", 403)
            .but(200, &[Who::Tutor])
            .but(409, &[Who::OtherTutor])
            .edit(Method::PUT, json!({"blocking": ["{google_calendar}"]})),
        Row::signed_in("open_event", "/v1/calendar/bookable-events", 403)
            .but(409, &[Who::Tutor, Who::OtherTutor])
            .sent(
                Method::POST,
                json!({
                    "calendar_id": "{google_calendar}", "event_id": "x", "subject": "mathematics", "level": "School",
                    "capacity": 4,
                }),
            ),
        Row::signed_in("list_calendar_drifts", "/v1/calendar/drifts", 200),
        Row::signed_in(
            "undo_calendar_drift",
            "/v1/calendar/drifts/{deletion}/undo",
            404,
        )
        .but(200, &[Who::Tutor, Who::Admin])
        .with(Method::POST),
        Row::signed_in(
            "answer_calendar_drift",
            "/v1/calendar/drifts/{question}/answer",
            404,
        )
        .but(200, &[Who::Student, Who::Guardian, Who::Admin])
        .but(403, &[Who::Tutor])
        .sent(Method::POST, json!({"answer": "come"})),
    ]
}
