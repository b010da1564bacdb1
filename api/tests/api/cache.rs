//! What is kept in memory is never out of date, whoever changes the database and how.

use crate::support::{Centre, Person, TestApp, TutorAtCentre};
use sea_orm::{ConnectionTrait, TransactionTrait};
use serde_json::Value;

const WEEK: &str = "minutes=60&from=2027-03-02T00:00:00Z&to=2027-03-09T00:00:00Z";

/// Everything that is answered from memory.
async fn answers(person: &Person, tutor: &TutorAtCentre) -> Vec<Value> {
    let paths = [
        "/v1/tutors".to_owned(),
        "/v1/tutors?subject=mathematics&level=School".to_owned(),
        tutor.path(""),
        tutor.path(&format!("/slots?{WEEK}")),
        tutor.path("/slots/explain?minutes=60&start=2027-03-02T09:00:00Z"),
        format!("/v1/slots?subject=mathematics&language=en&{WEEK}"),
        "/v1/slots/next?subject=mathematics&minutes=60".to_owned(),
        "/v1/me".to_owned(),
    ];
    let mut answers = Vec::new();
    for path in paths {
        answers.push(person.get(&path).await.body);
    }
    answers
}

/// Tables with what an operator might do to them. `TUTOR`, `OTHER` and `STUDENT` stand for ids.
const CHANGES: &[(&str, &str)] = &[
    ("tutors", "UPDATE tutors SET bio = 'New.' WHERE id = TUTOR"),
    ("tutors", "UPDATE tutors SET languages = '{fr}' WHERE id = OTHER"),
    ("tutors", "UPDATE tutors SET visible = false WHERE id = OTHER"),
    ("tutors", "UPDATE tutors SET time_zone = 'Asia/Tokyo' WHERE id = TUTOR"),
    ("tutors", "UPDATE tutors SET end_date = '2027-03-05' WHERE id = TUTOR"),
    ("users", "UPDATE users SET name = 'Tanja' WHERE name = 'Tina'"),
    ("centre", "UPDATE centre SET start_grid_minutes = 20"),
    ("weekly_rules", "DELETE FROM weekly_rules WHERE tutor_id = TUTOR AND weekday = 2"),
    ("weekly_rules", "UPDATE weekly_rules SET local_end = '20:00' WHERE tutor_id = TUTOR"),
    (
        "weekly_rules",
        "INSERT INTO weekly_rules (id, tutor_id, weekday, local_start, local_end)
         VALUES (gen_random_uuid(), TUTOR, 3, '21:00', '23:00')",
    ),
    ("offers", "UPDATE offers SET lesson_minutes = '{90}' WHERE tutor_id = TUTOR"),
    ("offers", "UPDATE offers SET lesson_minutes = '{60}' WHERE tutor_id = TUTOR"),
    (
        "date_overrides",
        "INSERT INTO date_overrides (tutor_id, date, local_starts, local_ends) VALUES (TUTOR, '2027-03-03', '{}', '{}')",
    ),
    (
        "date_overrides",
        "UPDATE date_overrides SET local_starts = '{22:00}', local_ends = '{23:00}'",
    ),
    ("date_overrides", "DELETE FROM date_overrides"),
    (
        "time_off",
        "INSERT INTO time_off (id, tutor_id, first_date, last_date, created_at)
         VALUES (gen_random_uuid(), TUTOR, '2027-03-04', '2027-03-04', now())",
    ),
    ("time_off", "UPDATE time_off SET last_date = '2027-03-05'"),
    ("time_off", "DELETE FROM time_off"),
    (
        "holidays",
        "INSERT INTO holiday_calendars (id, name, centre_wide, created_at)
         VALUES ('00000000-0000-0000-0000-000000000001', 'Closed', false, now());
         INSERT INTO holidays VALUES ('00000000-0000-0000-0000-000000000001', '2027-03-04', '2027-03-04', 'Fair');
         INSERT INTO tutor_holiday_calendars VALUES (TUTOR, '00000000-0000-0000-0000-000000000001')",
    ),
    ("holidays", "UPDATE holidays SET last_date = '2027-03-05'"),
    ("tutor_holiday_calendars", "DELETE FROM tutor_holiday_calendars"),
    ("holiday_calendars", "UPDATE holiday_calendars SET centre_wide = true"),
    ("holiday_calendars", "DELETE FROM holiday_calendars"),
    (
        "busy_spans",
        "INSERT INTO busy_spans VALUES (TUTOR, '2027-03-03 02:00Z', '2027-03-03 03:00Z')",
    ),
    ("busy_spans", "DELETE FROM busy_spans"),
    (
        "google_grants",
        "INSERT INTO google_grants (id, user_id, subject, email, scopes, refresh_token, refresh_token_key_id, state, connected_at, updated_at)
         SELECT gen_random_uuid(), user_id, 'tina', 'tina@example.com',
                '{https://www.googleapis.com/auth/calendar.freebusy}', '', '', 'live', '2027-02-28 07:00Z', now()
         FROM tutors WHERE id = TUTOR",
    ),
    ("google_grants", "UPDATE google_grants SET busy_read_at = '2027-03-01 06:00Z'"),
    ("google_grants", "UPDATE google_grants SET busy_read_at = '2027-02-01 06:00Z'"),
    ("centre", "UPDATE centre SET calendar_unknown_after_hours = NULL"),
    ("centre", "UPDATE centre SET calendar_unknown_after_hours = 24"),
    ("google_grants", "UPDATE google_grants SET scopes = '{}'"),
    (
        "google_grants",
        "UPDATE google_grants SET scopes
             = '{https://www.googleapis.com/auth/calendar.events.owned,https://www.googleapis.com/auth/calendar.calendarlist.readonly}'",
    ),
    ("google_grants", "UPDATE google_grants SET busy_read_at = '2027-03-01 06:30Z'"),
    ("google_grants", "UPDATE google_grants SET busy_read_at = NULL"),
    ("google_grants", "DELETE FROM google_grants"),
    (
        "lessons",
        "INSERT INTO lessons (id, tutor_id, subject_id, level, starts_at, ends_at, status, created_at, updated_at)
         SELECT '00000000-0000-0000-0000-000000000002', TUTOR, id, 'School', '2027-03-03 09:00Z', '2027-03-03 10:00Z',
                'scheduled', now(), now()
         FROM subjects WHERE slug = 'mathematics';
         INSERT INTO bookings (id, lesson_id, student_id, starts_at, ends_at, status, booked_at, created_at, updated_at)
         SELECT gen_random_uuid(), id, STUDENT, starts_at, ends_at, 'confirmed', now(), now(), now() FROM lessons",
    ),
    (
        "bookings",
        "UPDATE bookings SET status = 'cancelled', cancelled_at = now(); UPDATE lessons SET status = 'cancelled'",
    ),
    ("subjects", "UPDATE subjects SET name = 'Maths' WHERE slug = 'mathematics'"),
    (
        "offers",
        "INSERT INTO offers (id, tutor_id, subject_id, level, lesson_minutes, created_at)
         SELECT gen_random_uuid(), TUTOR, id, 'Bachelor', '{60}', now() FROM subjects WHERE slug = 'mathematics'",
    ),
    ("subject_levels", "UPDATE subject_levels SET position = 9 WHERE level = 'School'"),
    (
        "weekly_rules",
        "UPDATE tutors SET visible = true WHERE id = OTHER; UPDATE weekly_rules SET tutor_id = OTHER WHERE tutor_id = TUTOR AND weekday = 3",
    ),
    ("weekly_rules", "UPDATE weekly_rules SET tutor_id = TUTOR WHERE tutor_id = OTHER"),
    (
        "busy_spans",
        "INSERT INTO busy_spans VALUES (TUTOR, '2027-03-03 02:00Z', '2027-03-03 03:00Z')",
    ),
    ("busy_spans", "TRUNCATE busy_spans"),
    ("users", "UPDATE users SET email = 'samuel@example.com' WHERE id = STUDENT"),
    ("users", "UPDATE users SET time_zone = 'Asia/Kolkata' WHERE id = STUDENT"),
    ("user_roles", "INSERT INTO user_roles (user_id, role, created_at) VALUES (STUDENT, 'guardian', now())"),
    ("user_roles", "UPDATE user_roles SET role = 'admin' WHERE user_id = STUDENT AND role = 'guardian'"),
    ("user_roles", "DELETE FROM user_roles WHERE user_id = STUDENT AND role = 'admin'"),
    ("tutors", "UPDATE tutors SET user_id = STUDENT WHERE id = OTHER"),
    ("sessions", "UPDATE sessions SET expires_at = '2027-01-01' WHERE user_id = STUDENT"),
    ("sessions", "UPDATE sessions SET expires_at = '2028-01-01' WHERE user_id = STUDENT"),
    ("sessions", "DELETE FROM sessions WHERE user_id = STUDENT"),
];

#[tokio::test]
async fn every_instance_sees_every_change_at_once() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let tina = centre.tutor(&test, "Tina").await;
    let theo = centre.tutor(&test, "Theo").await;
    let sam = test.student("Sam").await;
    let student = sam.get("/v1/me").await.expect(200)["id"].clone();
    let ids = [
        ("TUTOR", tina.id.to_string()),
        ("OTHER", theo.id.to_string()),
        ("STUDENT", student.as_str().unwrap().to_owned()),
    ];
    let mut before = answers(&sam, &tina).await;
    for (table, change) in CHANGES {
        let sql = ids.iter().fold((*change).to_owned(), |sql, (name, id)| {
            sql.replace(name, &format!("'{id}'"))
        });
        test.execute(&sql).await;
        let after = answers(&sam, &tina).await;
        assert!(after != before, "no answer shows: {change}");
        // An instance that has just started remembers nothing.
        let anew = answers(&sam.at(&test.another_instance().await), &tina).await;
        for (remembered, anew) in after.iter().zip(&anew) {
            assert!(remembered == anew, "{table}: {change}: {remembered} {anew}");
        }
        before = after;
    }
}

#[tokio::test]
async fn what_is_rolled_back_is_never_remembered() {
    let test = TestApp::start().await;
    let tina = Centre::open(&test).await.tutor(&test, "Tina").await;
    let sam = test.student("Sam").await;
    let before = answers(&sam, &tina).await;
    // A booking that is refused at its very end has moved the revisions, and moves them back.
    test.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
         CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON bookings DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW EXECUTE FUNCTION refuse()",
    )
    .await;
    let lesson = tina.lesson("2027-03-02T09:00:00Z", 60);
    sam.post("/v1/bookings", &lesson).await.expect(500);
    assert!(answers(&sam, &tina).await == before);
    test.execute("DROP TRIGGER refuse ON bookings").await;
    let other = tina.lesson("2027-03-02T11:00:00Z", 60);
    sam.post("/v1/bookings", &other).await.expect(201);
    let after = answers(&sam, &tina).await;
    assert!(after != before);
    let anew = answers(&sam.at(&test.another_instance().await), &tina).await;
    assert!(after == anew);
}

#[tokio::test]
async fn what_holds_still_is_not_read_again() {
    let test = TestApp::start_with(|config| config.database.max_connections = 1).await;
    let tina = Centre::open(&test).await.tutor(&test, "Tina").await;
    let sam = test.student("Sam").await;
    answers(&sam, &tina).await;
    // Whoever reads these now fails.
    test.execute(
        "ALTER TABLE weekly_rules RENAME TO hidden_rules;
         ALTER TABLE lessons RENAME TO hidden_lessons;
         ALTER TABLE offers RENAME TO hidden_offers",
    )
    .await;
    for answer in answers(&sam, &tina).await {
        assert_eq!(answer["code"], Value::Null, "{answer:#}");
    }
}

/// The first words on the profile.
async fn bio(person: &Person, tutor: &TutorAtCentre) -> String {
    let shown = person.get(&tutor.path("")).await.expect(200);
    shown["bio"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_began_first_and_ended_last_is_heard_of() {
    let test = TestApp::start().await;
    let centre = Centre::open(&test).await;
    let tina = centre.tutor(&test, "Tina").await;
    let theo = centre.tutor(&test, "Theo").await;
    let sam = test.student("Sam").await;
    let say = |tutor: &TutorAtCentre, bio: &str| {
        let id = tutor.id;
        format!("UPDATE tutors SET bio = '{bio}' WHERE id = '{id}'")
    };
    let early = test.app.db.begin().await.unwrap();
    early
        .execute_unprepared(&say(&tina, "early"))
        .await
        .unwrap();
    let nested = early.begin().await.unwrap();
    let late = test.app.db.begin().await.unwrap();
    late.execute_unprepared(&say(&theo, "late")).await.unwrap();
    late.commit().await.unwrap();
    // What came later is heard of while what came first is still open, more than once.
    for _ in 0..3 {
        assert_eq!(bio(&sam, &theo).await, "late");
        assert_eq!(bio(&sam, &tina).await, "");
        test.execute(&say(&theo, "later")).await;
        assert_eq!(bio(&sam, &theo).await, "later");
        test.execute(&say(&theo, "late")).await;
    }
    nested
        .execute_unprepared(&say(&tina, "nested"))
        .await
        .unwrap();
    nested.commit().await.unwrap();
    assert_eq!(bio(&sam, &tina).await, "");
    early.commit().await.unwrap();
    assert_eq!(bio(&sam, &tina).await, "nested");
}

#[tokio::test]
async fn another_history_of_the_database_is_noticed() {
    let test = TestApp::start().await;
    let tina = Centre::open(&test).await.tutor(&test, "Tina").await;
    let sam = test.student("Sam").await;
    assert_eq!(bio(&sam, &tina).await, "");
    // A backup is put in place: another table with the same counts, and nothing counts what changed.
    test.execute(
        "SET session_replication_role = replica;
         UPDATE tutors SET bio = 'restored';
         CREATE TABLE restored AS TABLE revisions;
         DROP TABLE revisions;
         ALTER TABLE restored RENAME TO revisions;
         SET session_replication_role = DEFAULT",
    )
    .await;
    assert_eq!(bio(&sam, &tina).await, "restored");
}
