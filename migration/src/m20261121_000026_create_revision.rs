use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        connection.execute_unprepared(REVISIONS).await?;
        connection.execute_unprepared(USERS).await?;
        connection.execute_unprepared(TUTORS).await?;
        for table in OF_TUTOR {
            let sql = OF_TUTOR_TRIGGERS.replace("{table}", table);
            connection.execute_unprepared(&sql).await?;
        }
        for (table, what, id) in OF_ALL {
            let sql = OF_ALL_TRIGGER
                .replace("{table}", table)
                .replace("{what}", what)
                .replace("{id}", id);
            connection.execute_unprepared(&sql).await?;
        }
        connection.execute_unprepared(TIME).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(DOWN).await?;
        Ok(())
    }
}

const REVISIONS: &str = r"
CREATE TABLE revisions (
    id uuid CONSTRAINT revisions_pkey PRIMARY KEY,
    own bigint NOT NULL DEFAULT 0,
    time bigint NOT NULL DEFAULT 0,
    changed_by xid8 NOT NULL DEFAULT pg_current_xact_id()
);
CREATE INDEX revisions_changed_by_idx ON revisions (changed_by);
COMMENT ON TABLE revisions IS
    'counts changes, in the transaction that makes them, so that what is kept in memory is known to hold still; no row: none yet';
COMMENT ON COLUMN revisions.id IS
    'a tutor, a user, 00000000-0000-0000-0000-000000000000 for what holds for every tutor, or ffffffff-ffff-ffff-ffff-ffffffffffff for who teaches what';
COMMENT ON COLUMN revisions.own IS 'changes of it and of what belongs to it, except what occupies its time';
COMMENT ON COLUMN revisions.time IS 'changes of what occupies its time';
COMMENT ON COLUMN revisions.changed_by IS 'the last transaction that moved one of them: who asks for all since a snapshot misses none';

CREATE FUNCTION move_own_revision(ids uuid[]) RETURNS void LANGUAGE sql AS $$
    INSERT INTO revisions (id, own) SELECT DISTINCT id, 1 FROM unnest(ids) AS id ORDER BY id
    ON CONFLICT (id) DO UPDATE SET own = revisions.own + 1, changed_by = pg_current_xact_id()
$$;

CREATE FUNCTION move_time_revision(ids uuid[]) RETURNS void LANGUAGE sql AS $$
    INSERT INTO revisions (id, time) SELECT DISTINCT id, 1 FROM unnest(ids) AS id ORDER BY id
    ON CONFLICT (id) DO UPDATE SET time = revisions.time + 1, changed_by = pg_current_xact_id()
$$;
";

const USERS: &str = r"
CREATE FUNCTION user_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM move_own_revision(ARRAY[NEW.id]);
    IF OLD.name <> NEW.name THEN
        UPDATE tutors SET version = version + 1 WHERE user_id = NEW.id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER users_moves_revision AFTER UPDATE ON users FOR EACH ROW EXECUTE FUNCTION user_changed();

CREATE FUNCTION of_user_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM move_own_revision(ARRAY(SELECT user_id FROM changed));
    RETURN NULL;
END $$;
CREATE TRIGGER sessions_delete_moves_revision AFTER DELETE ON sessions
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION of_user_changed();
CREATE TRIGGER user_roles_insert_moves_revision AFTER INSERT ON user_roles
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION of_user_changed();
CREATE TRIGGER user_roles_delete_moves_revision AFTER DELETE ON user_roles
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION of_user_changed();

CREATE FUNCTION session_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM move_own_revision(ARRAY[OLD.user_id, NEW.user_id]);
    RETURN NULL;
END $$;
CREATE TRIGGER sessions_update_moves_revision AFTER UPDATE OF user_id, token_hash, expires_at ON sessions
    FOR EACH ROW EXECUTE FUNCTION session_changed();
CREATE TRIGGER user_roles_update_moves_revision AFTER UPDATE ON user_roles
    FOR EACH ROW EXECUTE FUNCTION session_changed();
";

const TUTORS: &str = r"
CREATE FUNCTION tutor_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        PERFORM move_own_revision(ARRAY[NEW.id]);
    ELSE
        PERFORM move_own_revision(ARRAY[coalesce(NEW.id, OLD.id), coalesce(NEW.user_id, OLD.user_id)]);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER tutors_moves_revision AFTER INSERT OR UPDATE OR DELETE ON tutors
    FOR EACH ROW EXECUTE FUNCTION tutor_changed();

CREATE FUNCTION of_tutor_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM move_own_revision(ARRAY(SELECT tutor_id FROM changed));
    RETURN NULL;
END $$;

CREATE FUNCTION of_all_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM move_own_revision(ARRAY[TG_ARGV[0]::uuid]);
    RETURN NULL;
END $$;
CREATE TRIGGER tutors_moves_directory AFTER INSERT OR DELETE OR UPDATE OF visible, languages ON tutors
    FOR EACH STATEMENT EXECUTE FUNCTION of_all_changed('ffffffff-ffff-ffff-ffff-ffffffffffff');
";

/// Tables of what belongs to one tutor.
const OF_TUTOR: [&str; 5] = [
    "date_overrides",
    "offers",
    "time_off",
    "tutor_holiday_calendars",
    "weekly_rules",
];

const OF_TUTOR_TRIGGERS: &str = r"
CREATE TRIGGER {table}_insert_moves_revision AFTER INSERT ON {table}
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION of_tutor_changed();
CREATE TRIGGER {table}_update_moves_revision AFTER UPDATE ON {table}
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION of_tutor_changed();
CREATE TRIGGER {table}_delete_moves_revision AFTER DELETE ON {table}
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION of_tutor_changed();
";

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

const TIME: &str = r"
CREATE FUNCTION time_of_tutors_changed(ids uuid[]) RETURNS void LANGUAGE sql AS $$
    SELECT move_time_revision(ids || ARRAY(SELECT user_id FROM tutors WHERE id = ANY(ids)))
$$;
CREATE FUNCTION time_of_students_changed(ids uuid[]) RETURNS void LANGUAGE sql AS $$
    SELECT move_time_revision(ids || ARRAY(SELECT id FROM tutors WHERE user_id = ANY(ids)))
$$;

CREATE FUNCTION times_of_tutors_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM time_of_tutors_changed(ARRAY(SELECT DISTINCT tutor_id FROM changed));
    RETURN NULL;
END $$;
CREATE TRIGGER lessons_insert_moves_revision AFTER INSERT ON lessons
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION times_of_tutors_changed();
CREATE TRIGGER lessons_delete_moves_revision AFTER DELETE ON lessons
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION times_of_tutors_changed();
CREATE TRIGGER busy_spans_insert_moves_revision AFTER INSERT ON busy_spans
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION times_of_tutors_changed();
CREATE TRIGGER busy_spans_update_moves_revision AFTER UPDATE ON busy_spans
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION times_of_tutors_changed();
CREATE TRIGGER busy_spans_delete_moves_revision AFTER DELETE ON busy_spans
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION times_of_tutors_changed();

CREATE FUNCTION lesson_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM time_of_tutors_changed(ARRAY[OLD.tutor_id, NEW.tutor_id]);
    RETURN NULL;
END $$;
CREATE TRIGGER lessons_update_moves_revision AFTER UPDATE ON lessons FOR EACH ROW
    WHEN ((OLD.tutor_id, OLD.starts_at, OLD.ends_at, OLD.status) IS DISTINCT FROM (NEW.tutor_id, NEW.starts_at, NEW.ends_at, NEW.status))
    EXECUTE FUNCTION lesson_changed();

CREATE FUNCTION times_of_students_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM time_of_students_changed(ARRAY(SELECT DISTINCT student_id FROM changed));
    RETURN NULL;
END $$;
CREATE TRIGGER bookings_insert_moves_revision AFTER INSERT ON bookings
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION times_of_students_changed();
CREATE TRIGGER bookings_delete_moves_revision AFTER DELETE ON bookings
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION times_of_students_changed();

CREATE FUNCTION booking_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM time_of_students_changed(ARRAY[OLD.student_id, NEW.student_id]);
    RETURN NULL;
END $$;
CREATE TRIGGER bookings_update_moves_revision AFTER UPDATE ON bookings FOR EACH ROW
    WHEN ((OLD.student_id, OLD.starts_at, OLD.ends_at, OLD.status) IS DISTINCT FROM (NEW.student_id, NEW.starts_at, NEW.ends_at, NEW.status))
    EXECUTE FUNCTION booking_changed();
";

const DOWN: &str = r"
DROP FUNCTION user_changed, of_user_changed, session_changed, tutor_changed, of_tutor_changed, of_all_changed, times_of_tutors_changed,
    times_of_students_changed, lesson_changed, booking_changed CASCADE;
DROP FUNCTION time_of_tutors_changed, time_of_students_changed, move_own_revision, move_time_revision;
DROP TABLE revisions;
";
