//! What a search reads of a centre that has grown: through indexes, never a whole table.

use crate::support::{Centre, TestApp};

/// Two thousand more tutors, each with five of 500 more subjects, rules, overrides, time off and busy time, and 200,000 lessons.
/// What only holds up writers is left out.
const GROW: &str = "
    SET LOCAL statement_timeout = 0;
    ALTER TABLE lessons DROP CONSTRAINT lessons_tutor_no_overlap;
    ALTER TABLE bookings DROP CONSTRAINT bookings_student_no_overlap;
    ALTER TABLE bookings DISABLE TRIGGER audit_insert;
    ALTER TABLE bookings DISABLE TRIGGER bookings_moves_calendar_revision;
    CREATE TEMP TABLE new AS SELECT n, gen_random_uuid() AS user_id, gen_random_uuid() AS tutor_id
        FROM generate_series(1, 2000) AS n;
    INSERT INTO users (id, name, email, time_zone, created_at, updated_at)
        SELECT user_id, 'Tutor ' || n, 'tutor' || n || '@example.org', 'UTC', now(), now() FROM new;
    INSERT INTO tutors (id, user_id, languages, time_zone, created_at, updated_at)
        SELECT tutor_id, user_id, '{en}', 'UTC', now(), now() FROM new;
    INSERT INTO subjects (id, slug, name, created_at)
        SELECT gen_random_uuid(), 's' || n, 'Subject ' || n, now() FROM generate_series(1, 500) AS n;
    INSERT INTO subject_levels (subject_id, level, position)
        SELECT id, 'Any', 0 FROM subjects WHERE slug LIKE 's%';
    INSERT INTO offers (id, tutor_id, subject_id, level, lesson_minutes, created_at)
        SELECT gen_random_uuid(), tutor_id, subjects.id, 'Any', '{60}', now()
        FROM new, generate_series(0, 4) AS more, subjects WHERE slug = 's' || (n + more) % 500;
    INSERT INTO offers (id, tutor_id, subject_id, level, lesson_minutes, created_at)
        SELECT gen_random_uuid(), tutor_id, subjects.id, 'School', '{90}', now()
        FROM new, subjects WHERE slug = 'mathematics' AND n % 10 = 0;
    INSERT INTO date_overrides (tutor_id, date, local_starts, local_ends)
        SELECT tutor_id, date '2027-01-01' + day, '{}', '{}' FROM new, generate_series(1, 50) AS day;
    INSERT INTO time_off (id, tutor_id, first_date, last_date, created_at)
        SELECT gen_random_uuid(), tutor_id, date '2026-01-01' + 7 * week, date '2026-01-01' + 7 * week, now()
        FROM new, generate_series(1, 20) AS week;
    INSERT INTO busy_spans (tutor_id, starts_at, ends_at)
        SELECT tutor_id, timestamptz '2027-03-01Z' + day * interval '1 day', timestamptz '2027-03-01 01:00Z' + day * interval '1 day'
        FROM new, generate_series(1, 20) AS day;
    INSERT INTO lessons (id, tutor_id, subject_id, level, starts_at, ends_at, status, created_at, updated_at)
        SELECT gen_random_uuid(), tutor_id, subject_id, level, timestamptz '2026-12-01 10:00Z' + day * interval '1 day',
            timestamptz '2026-12-01 11:00Z' + day * interval '1 day', 'scheduled', now(), now()
        FROM new, (SELECT * FROM subject_levels LIMIT 1) AS level, generate_series(1, 100) AS day;
    INSERT INTO bookings (id, lesson_id, student_id, starts_at, ends_at, status, booked_at, created_at, updated_at)
        SELECT gen_random_uuid(), lessons.id, user_id, starts_at, ends_at, 'confirmed', now(), now(), now()
        FROM lessons JOIN new USING (tutor_id);
    INSERT INTO weekly_rules (id, tutor_id, weekday, local_start, local_end)
        SELECT gen_random_uuid(), tutor_id, weekday, '09:00', '17:00' FROM new, generate_series(1, 5) AS weekday;
    ANALYZE;
";

/// What grows with the centre.
const TABLES: [&str; 7] = [
    "lessons",
    "bookings",
    "busy_spans",
    "date_overrides",
    "time_off",
    "offers",
    "weekly_rules",
];

/// The tables that have been read from the first row to the last since the last time.
async fn read_whole(test: &TestApp) -> Vec<&'static str> {
    test.execute("SELECT pg_stat_force_next_flush()").await;
    let mut found = Vec::new();
    for table in TABLES {
        let scans = format!("SELECT seq_scan FROM pg_stat_user_tables WHERE relname = '{table}'");
        if test.count(&scans).await > 0 {
            found.push(table);
        }
    }
    test.execute("SELECT pg_stat_reset()").await;
    found
}

#[tokio::test]
async fn no_search_reads_a_whole_table() {
    // Over one connection, so that what it counts can be asked for at once.
    let test = TestApp::start_with(|config| config.database.max_connections = 1).await;
    let tutor = Centre::open(&test).await.tutor(&test, "Tina").await;
    let sam = test.student("Sam").await;
    test.execute(GROW).await;
    assert_eq!(test.count("SELECT count(*) FROM lessons").await, 200_000);
    assert!(
        read_whole(&test).await.contains(&"lessons"),
        "what is counted is seen"
    );
    let window = "from=2027-03-02T00:00:00Z&to=2027-03-16T00:00:00Z";
    for path in [
        tutor.path(&format!("/slots?minutes=60&{window}")),
        tutor.path("/slots/explain?minutes=60&start=2027-03-02T09:00:00Z"),
        format!("/v1/slots?subject=s7&level=Any&minutes=60&{window}"),
        "/v1/slots/next?subject=s7&level=Any&minutes=60".to_owned(),
        "/v1/lessons".to_owned(),
        format!("/v1/lessons?subject=mathematics&tutor_id={}", tutor.id),
    ] {
        sam.get(&path).await.expect(200);
        assert_eq!(read_whole(&test).await, [""; 0], "{path}");
    }
    // Of the tables that hold about as much for each tutor as for the next, a tenth is nearly the whole.
    let many = format!("/v1/slots?subject=mathematics&level=School&minutes=90&{window}");
    let page = sam.get(&many).await.expect(200);
    assert_eq!(page["tutors"].as_array().unwrap().len(), 201);
    let read = read_whole(&test).await;
    assert!(
        !read.contains(&"lessons") && !read.contains(&"bookings"),
        "{read:?}"
    );
    let lesson = tutor.lesson("2027-03-02T09:00:00Z", 60);
    sam.post("/v1/bookings", &lesson).await.expect(201);
    assert_eq!(read_whole(&test).await, [""; 0], "booking");
}
