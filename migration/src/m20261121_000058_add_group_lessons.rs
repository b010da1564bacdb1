use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        for sql in [COLUMNS, CALENDAR, AUDIT] {
            connection.execute_unprepared(sql).await?;
        }
        let forgetting = FORGETTING.replace("{lessons}", OF_LESSONS);
        connection.execute_unprepared(&forgetting).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        connection.execute_unprepared(DOWN).await?;
        let forgetting = FORGETTING.replace("{lessons}", "");
        connection.execute_unprepared(&forgetting).await?;
        Ok(())
    }
}

/// A lesson with room for several students is a group lesson, also while nobody is in it.
const COLUMNS: &str = r"
ALTER TABLE lessons
    DROP CONSTRAINT lessons_capacity_range,
    ADD CONSTRAINT lessons_capacity_range CHECK (capacity BETWEEN 1 AND 100),
    ADD minimum smallint NOT NULL DEFAULT 1,
    ADD decides_at timestamptz,
    ADD decided_at timestamptz,
    ADD title text NOT NULL DEFAULT '' CONSTRAINT lessons_title_length CHECK (char_length(title) <= 100),
    ADD description text NOT NULL DEFAULT ''
        CONSTRAINT lessons_description_length CHECK (char_length(description) <= 2000),
    ADD version integer NOT NULL DEFAULT 1,
    ADD CONSTRAINT lessons_minimum_range CHECK (minimum BETWEEN 1 AND capacity),
    ADD CONSTRAINT lessons_minimum_has_deadline CHECK ((minimum > 1) = (decides_at IS NOT NULL)),
    ADD CONSTRAINT lessons_decided_by_deadline CHECK (decided_at IS NULL OR decides_at IS NOT NULL);
COMMENT ON COLUMN lessons.minimum IS 'so many students it takes; as title, description, version and the next two, of group lessons';
COMMENT ON COLUMN lessons.decides_at IS 'when it is decided whether there are enough; null where one is enough';
COMMENT ON COLUMN lessons.decided_at IS 'when that was decided; null: not yet';
CREATE INDEX lessons_group_starts_at_idx ON lessons (starts_at, id) WHERE capacity > 1;
CREATE INDEX lessons_undecided_idx ON lessons (decides_at)
    WHERE decides_at IS NOT NULL AND decided_at IS NULL AND status = 'scheduled';

ALTER TABLE bookings ADD seat smallint NOT NULL DEFAULT 1
    CONSTRAINT bookings_seat_range CHECK (seat BETWEEN 1 AND 100);
COMMENT ON COLUMN bookings.seat IS 'in the lesson, from 1 on; that of a booking that does not occupy any more may be another''s';
CREATE UNIQUE INDEX bookings_lesson_seat_key ON bookings (lesson_id, seat) WHERE occupies;
";

const CALENDAR: &str = r"
DROP TRIGGER lessons_moves_calendar_revision ON lessons;
CREATE TRIGGER lessons_moves_calendar_revision BEFORE UPDATE ON lessons FOR EACH ROW
    WHEN ((OLD.subject_id, OLD.level, OLD.starts_at, OLD.ends_at, OLD.status, OLD.title, OLD.capacity)
        IS DISTINCT FROM (NEW.subject_id, NEW.level, NEW.starts_at, NEW.ends_at, NEW.status, NEW.title, NEW.capacity))
    EXECUTE FUNCTION lesson_event_changed();
";

/// As `audit_table`, but of group lessons only.
const AUDIT: &str = r"
-- A lesson of one student is recorded as its booking.
CREATE FUNCTION audit_group_lesson() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT SET timezone = 'UTC' AS $$
DECLARE
    lesson jsonb := to_jsonb(coalesce(NEW, OLD));
    content jsonb := jsonb_build_array(jsonb_strip_nulls(lesson - TG_ARGV[2]::text[]));
BEGIN
    INSERT INTO audit_entries (subject_kind, subject_id, table_name, action, before, after)
    VALUES (TG_ARGV[0], (lesson ->> TG_ARGV[1])::uuid, TG_TABLE_NAME, lower(TG_OP),
        CASE WHEN TG_OP = 'DELETE' THEN content END, CASE WHEN TG_OP = 'INSERT' THEN content END);
    RETURN NULL;
END $$;
DO $$
DECLARE
    left_out text := '{calendar_event_id,calendar_event_attempt,calendar_event_asked_at,calendar_revision,calendar_event_revision,expires_at,version,created_at,updated_at}';
    event text;
BEGIN
    FOREACH event IN ARRAY ARRAY[
        'audit_insert AFTER INSERT ON lessons FOR EACH ROW WHEN (NEW.capacity > 1) EXECUTE FUNCTION audit_group_lesson',
        'audit_delete AFTER DELETE ON lessons FOR EACH ROW WHEN (OLD.capacity > 1) EXECUTE FUNCTION audit_group_lesson',
        'audit_update AFTER UPDATE ON lessons FOR EACH ROW WHEN (NEW.capacity > 1) EXECUTE FUNCTION audit_update',
        'audit_truncate AFTER TRUNCATE ON lessons FOR EACH STATEMENT EXECUTE FUNCTION audit_truncate'
    ] LOOP
        EXECUTE format('CREATE TRIGGER ' || event || '(%L, %L, %L, %L)', 'lesson', 'id', left_out, '{}');
    END LOOP;
END $$;
";

/// As of migration 50, but for `{lessons}`.
const FORGETTING: &str = r"
CREATE OR REPLACE FUNCTION forget_person_in_audit(person uuid, invitations uuid[] DEFAULT '{}') RETURNS bigint
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    own uuid[] := ARRAY(
        SELECT person UNION SELECT unnest(invitations)
        UNION SELECT id FROM tutors WHERE user_id = person UNION SELECT id FROM bookings WHERE student_id = person
        {lessons}
        UNION SELECT bookings.id FROM bookings JOIN lessons ON lessons.id = lesson_id JOIN tutors ON tutors.id = tutor_id
        WHERE user_id = person);
    cancelled uuid[] := ARRAY(SELECT id FROM bookings WHERE cancelled_by = person AND id <> ALL(own));
    emptied bigint;
BEGIN
    PERFORM set_config('audit.forgetting', 'on', true);
    WITH entries AS (
        SELECT id, subject_id = ANY(own) OR subject_id = ANY(cancelled) AND (
            before @? '$[*].cancellation_reason' OR after @? '$[*].cancellation_reason') AS is_own
        FROM audit_entries
        WHERE id IN (
            SELECT id FROM audit_entries WHERE actor_id = person
            UNION SELECT id FROM audit_entries WHERE subject_id = ANY(own) OR subject_id = ANY(cancelled)))
    UPDATE audit_entries SET
        before = CASE WHEN is_own THEN NULL ELSE before END,
        after = CASE WHEN is_own THEN NULL ELSE after END,
        -- Where it is not known who acted, somebody was about to sign in or up: the person.
        address = CASE WHEN actor_id <> person THEN address END
    FROM entries WHERE entries.id = audit_entries.id AND (is_own OR actor_id = person);
    GET DIAGNOSTICS emptied = ROW_COUNT;
    PERFORM set_config('audit.forgetting', 'off', true);
    RETURN emptied;
END $$;
";

/// What was recorded of the lessons of the person is the person's, too.
const OF_LESSONS: &str = "UNION SELECT lessons.id FROM lessons JOIN tutors ON tutors.id = tutor_id WHERE user_id = person AND capacity > 1";

/// Of a group lesson there is left what the version before can hold: a lesson with its bookings.
const DOWN: &str = r"
DROP TRIGGER audit_insert ON lessons;
DROP TRIGGER audit_update ON lessons;
DROP TRIGGER audit_delete ON lessons;
DROP TRIGGER audit_truncate ON lessons;
DROP FUNCTION audit_group_lesson;
DROP TRIGGER lessons_moves_calendar_revision ON lessons;
CREATE TRIGGER lessons_moves_calendar_revision BEFORE UPDATE ON lessons FOR EACH ROW
    WHEN ((OLD.subject_id, OLD.level, OLD.starts_at, OLD.ends_at, OLD.status)
        IS DISTINCT FROM (NEW.subject_id, NEW.level, NEW.starts_at, NEW.ends_at, NEW.status))
    EXECUTE FUNCTION lesson_event_changed();
DROP INDEX bookings_lesson_seat_key;
ALTER TABLE bookings DROP seat;
DROP INDEX lessons_group_starts_at_idx;
DROP INDEX lessons_undecided_idx;
ALTER TABLE lessons
    DROP CONSTRAINT lessons_minimum_range,
    DROP version, DROP description, DROP title, DROP decided_at, DROP decides_at, DROP minimum,
    DROP CONSTRAINT lessons_capacity_range,
    ADD CONSTRAINT lessons_capacity_range CHECK (capacity BETWEEN 1 AND 200);
";
