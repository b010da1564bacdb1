use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        for sql in [REVISIONS, USERS, TUTORS, TIME] {
            connection.execute_unprepared(sql).await?;
        }
        for (table, function) in OF_ONE {
            let sql = triggers(table, function);
            connection.execute_unprepared(&sql).await?;
        }
        for (table, what, id) in OF_ALL {
            let sql = OF_ALL_TRIGGER
                .replace("{table}", table)
                .replace("{what}", what)
                .replace("{id}", id);
            connection.execute_unprepared(&sql).await?;
        }
        for table in ALL {
            let sql = TRUNCATE_TRIGGER.replace("{table}", table);
            connection.execute_unprepared(&sql).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(DOWN).await?;
        Ok(())
    }
}

const REVISIONS: &str = r"
CREATE TABLE revisions (
    id uuid NOT NULL,
    of_time boolean NOT NULL,
    revision bigint NOT NULL DEFAULT 1,
    changed_by xid8 NOT NULL DEFAULT pg_current_xact_id(),
    CONSTRAINT revisions_pkey PRIMARY KEY (id, of_time)
);
CREATE INDEX revisions_changed_by_idx ON revisions (changed_by);
COMMENT ON TABLE revisions IS
    'counts changes, in the transaction that makes them, so that what is kept in memory is known to hold still; no row: none yet';
COMMENT ON COLUMN revisions.id IS
    'a tutor, a user, 00000000-0000-0000-0000-000000000000 for what holds for every tutor (and, of_time, for everything), or ffffffff-ffff-ffff-ffff-ffffffffffff for who teaches what';
COMMENT ON COLUMN revisions.of_time IS
    'whether it is what occupies the time of the tutor or user that changes; else it is all else. Two rows, so that an edit holds up no booking';
COMMENT ON COLUMN revisions.changed_by IS 'the last transaction that counted: who asks for all that a snapshot did not see misses none';

-- All of these are in plpgsql, which keeps its plans.
CREATE FUNCTION move_revision(ids uuid[], time_changed boolean) RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO revisions AS moved (id, of_time)
    SELECT DISTINCT changed.id, time_changed FROM unnest(ids) AS changed (id) WHERE changed.id IS NOT NULL ORDER BY 1
    ON CONFLICT ON CONSTRAINT revisions_pkey DO UPDATE SET revision = moved.revision + 1, changed_by = pg_current_xact_id();
END $$;

-- What has been counted by transactions that the snapshot `since` had not seen, and the present snapshot. Another
-- `history` says that `since` is of another database, or of before a crash or a restored backup.
CREATE FUNCTION revisions_since(since pg_snapshot)
    RETURNS TABLE (history bigint, snapshot text, id uuid, of_time boolean, revision bigint)
    LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    RETURN QUERY
        SELECT (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint # 'revisions'::regclass::oid::bigint
                   # ((SELECT oid FROM pg_database WHERE datname = current_database())::bigint << 32),
               present::text, moved.id, moved.of_time, moved.revision
        FROM pg_current_snapshot() AS present
        LEFT JOIN revisions AS moved
            ON moved.changed_by >= pg_snapshot_xmin(since) AND moved.changed_by < pg_snapshot_xmax(present)
           AND NOT pg_visible_in_snapshot(moved.changed_by, since);
END $$;

CREATE FUNCTION all_changed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM move_revision(ARRAY['00000000-0000-0000-0000-000000000000'::uuid], true);
    RETURN NULL;
END $$;
";

/// Every table that anything in memory is made of.
const ALL: [&str; 17] = [
    "bookings",
    "busy_spans",
    "centre",
    "date_overrides",
    "holiday_calendars",
    "holidays",
    "lessons",
    "offers",
    "sessions",
    "subject_levels",
    "subjects",
    "time_off",
    "tutor_holiday_calendars",
    "tutors",
    "user_roles",
    "users",
    "weekly_rules",
];

const TRUNCATE_TRIGGER: &str = "
CREATE TRIGGER {table}_truncate_moves_revision AFTER TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION all_changed();
";

/// Triggers by which `function` learns of the rows that each statement has changed, as they were and as they are.
fn triggers(table: &str, function: &str) -> String {
    const EVENTS: [(&str, &str); 3] = [
        ("insert", "NEW TABLE AS changed"),
        ("delete", "OLD TABLE AS changed"),
        ("update", "OLD TABLE AS before NEW TABLE AS changed"),
    ];
    let trigger = |(event, rows): (&str, &str)| {
        format!(
            "CREATE TRIGGER {table}_{event}_moves_revision AFTER {event} ON {table}
                 REFERENCING {rows} FOR EACH STATEMENT EXECUTE FUNCTION {function}();"
        )
    };
    EVENTS.map(trigger).concat()
}

const USERS: &str = r"
CREATE FUNCTION user_changed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM move_revision(ARRAY[NEW.id], false);
    IF OLD.name <> NEW.name THEN
        UPDATE tutors SET version = version + 1 WHERE user_id = NEW.id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER users_moves_revision AFTER UPDATE ON users FOR EACH ROW EXECUTE FUNCTION user_changed();

CREATE FUNCTION of_user_changed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        PERFORM move_revision(ARRAY(SELECT user_id FROM changed UNION SELECT user_id FROM before), false);
    ELSE
        PERFORM move_revision(ARRAY(SELECT user_id FROM changed), false);
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION session_changed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM move_revision(ARRAY[OLD.user_id, NEW.user_id], false);
    RETURN NULL;
END $$;
CREATE TRIGGER sessions_update_moves_revision AFTER UPDATE OF user_id, token_hash, expires_at ON sessions
    FOR EACH ROW EXECUTE FUNCTION session_changed();

CREATE TRIGGER sessions_delete_moves_revision AFTER DELETE ON sessions
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION of_user_changed();
";

const TUTORS: &str = r"
CREATE FUNCTION tutor_changed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    same_user boolean := TG_OP = 'UPDATE' AND OLD.user_id IS NOT DISTINCT FROM NEW.user_id;
BEGIN
    IF same_user THEN
        PERFORM move_revision(ARRAY[NEW.id], false);
    ELSE
        PERFORM move_revision(ARRAY[OLD.id, NEW.id, OLD.user_id, NEW.user_id], false);
        PERFORM move_revision(ARRAY[OLD.id, NEW.id, OLD.user_id, NEW.user_id], true);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER tutors_moves_revision AFTER INSERT OR UPDATE OR DELETE ON tutors
    FOR EACH ROW EXECUTE FUNCTION tutor_changed();

CREATE FUNCTION of_tutor_changed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        PERFORM move_revision(ARRAY(SELECT tutor_id FROM changed UNION SELECT tutor_id FROM before), false);
    ELSE
        PERFORM move_revision(ARRAY(SELECT tutor_id FROM changed), false);
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION of_all_changed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM move_revision(ARRAY[TG_ARGV[0]::uuid], false);
    RETURN NULL;
END $$;
CREATE TRIGGER tutors_moves_directory AFTER INSERT OR DELETE OR UPDATE OF visible, languages ON tutors
    FOR EACH STATEMENT EXECUTE FUNCTION of_all_changed('ffffffff-ffff-ffff-ffff-ffffffffffff');
";

/// Tables of what belongs to one tutor, or occupies one, or to one user; and what learns of their changes.
const OF_ONE: [(&str, &str); 7] = [
    ("busy_spans", "time_of_tutor_changed"),
    ("date_overrides", "of_tutor_changed"),
    ("offers", "of_tutor_changed"),
    ("time_off", "of_tutor_changed"),
    ("tutor_holiday_calendars", "of_tutor_changed"),
    ("user_roles", "of_user_changed"),
    ("weekly_rules", "of_tutor_changed"),
];

/// Tables of what holds for many tutors, and what it is.
const OF_ALL: [(&str, &str, &str); 8] = [
    ("centre", "centre", CENTRE),
    ("holiday_calendars", "centre", CENTRE),
    ("holidays", "centre", CENTRE),
    ("subject_levels", "centre", CENTRE),
    ("subjects", "centre", CENTRE),
    ("offers", "directory", DIRECTORY),
    ("subject_levels", "directory", DIRECTORY),
    ("subjects", "directory", DIRECTORY),
];
const CENTRE: &str = "00000000-0000-0000-0000-000000000000";
const DIRECTORY: &str = "ffffffff-ffff-ffff-ffff-ffffffffffff";

const OF_ALL_TRIGGER: &str = r"
CREATE TRIGGER {table}_moves_{what} AFTER INSERT OR UPDATE OR DELETE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION of_all_changed('{id}');
";

/// Whoever teaches takes lessons too, perhaps, so what occupies a tutor occupies the user, and the other way round.
const TIME: &str = r"
CREATE FUNCTION move_time_of_tutors(ids uuid[]) RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM move_revision(ids || ARRAY(SELECT user_id FROM tutors WHERE id = ANY(ids)), true);
END $$;
CREATE FUNCTION move_time_of_students(ids uuid[]) RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM move_revision(ids || ARRAY(SELECT id FROM tutors WHERE user_id = ANY(ids)), true);
END $$;

CREATE FUNCTION time_of_tutor_changed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        PERFORM move_time_of_tutors(ARRAY(SELECT tutor_id FROM changed UNION SELECT tutor_id FROM before));
    ELSE
        PERFORM move_time_of_tutors(ARRAY(SELECT DISTINCT tutor_id FROM changed));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER lessons_insert_moves_revision AFTER INSERT ON lessons
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION time_of_tutor_changed();
CREATE TRIGGER lessons_delete_moves_revision AFTER DELETE ON lessons
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION time_of_tutor_changed();

-- Most updates of a lesson are about its event in the calendar.
CREATE FUNCTION lesson_changed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM move_time_of_tutors(ARRAY[OLD.tutor_id, NEW.tutor_id]);
    IF OLD.tutor_id <> NEW.tutor_id THEN
        PERFORM move_time_of_students(ARRAY(SELECT student_id FROM bookings WHERE lesson_id = NEW.id));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER lessons_update_moves_revision AFTER UPDATE ON lessons FOR EACH ROW
    WHEN ((OLD.tutor_id, OLD.starts_at, OLD.ends_at, OLD.status) IS DISTINCT FROM (NEW.tutor_id, NEW.starts_at, NEW.ends_at, NEW.status))
    EXECUTE FUNCTION lesson_changed();

CREATE FUNCTION time_of_student_changed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM move_time_of_students(ARRAY(SELECT DISTINCT student_id FROM changed));
    RETURN NULL;
END $$;
CREATE TRIGGER bookings_insert_moves_revision AFTER INSERT ON bookings
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION time_of_student_changed();
CREATE TRIGGER bookings_delete_moves_revision AFTER DELETE ON bookings
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION time_of_student_changed();

CREATE FUNCTION booking_changed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM move_time_of_students(ARRAY[OLD.student_id, NEW.student_id]);
    RETURN NULL;
END $$;
CREATE TRIGGER bookings_update_moves_revision AFTER UPDATE ON bookings FOR EACH ROW
    WHEN ((OLD.student_id, OLD.lesson_id, OLD.starts_at, OLD.ends_at, OLD.status)
        IS DISTINCT FROM (NEW.student_id, NEW.lesson_id, NEW.starts_at, NEW.ends_at, NEW.status))
    EXECUTE FUNCTION booking_changed();
";

const DOWN: &str = r"
DROP FUNCTION user_changed, of_user_changed, session_changed, tutor_changed, of_tutor_changed,
    of_all_changed, time_of_tutor_changed, lesson_changed, time_of_student_changed, booking_changed, all_changed CASCADE;
DROP FUNCTION revisions_since, move_time_of_tutors, move_time_of_students, move_revision;
DROP TABLE revisions;
";
