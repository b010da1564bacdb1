use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        for sql in [REVISION, EVENT_SPANS] {
            connection.execute_unprepared(sql).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(DOWN).await?;
        Ok(())
    }
}

/// An event made before shows its lesson as it is, unless that was cancelled: nothing else could change.
const REVISION: &str = r"
ALTER TABLE lessons ADD COLUMN calendar_revision integer NOT NULL DEFAULT 1, ADD COLUMN calendar_event_revision integer;
UPDATE lessons SET calendar_event_revision = CASE WHEN status = 'cancelled' THEN 0 ELSE 1 END
WHERE calendar_event_id IS NOT NULL;
COMMENT ON COLUMN lessons.calendar_revision IS 'counts changes of the time, subject, level, status and students, which the event in the calendar tells';
COMMENT ON COLUMN lessons.calendar_event_revision IS
    'the last calendar_revision that the event is known to show, 0 or null where none is';

-- Whether the student of a booking is invited to the event of its lesson.
CREATE FUNCTION is_invited(booking_status text) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN booking_status <> 'cancelled';

CREATE FUNCTION lesson_event_changed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    NEW.calendar_revision := OLD.calendar_revision + 1;
    RETURN NEW;
END $$;
CREATE TRIGGER lessons_moves_calendar_revision BEFORE UPDATE ON lessons FOR EACH ROW
    WHEN ((OLD.subject_id, OLD.level, OLD.starts_at, OLD.ends_at, OLD.status)
        IS DISTINCT FROM (NEW.subject_id, NEW.level, NEW.starts_at, NEW.ends_at, NEW.status))
    EXECUTE FUNCTION lesson_event_changed();

CREATE FUNCTION invited_changed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND (OLD.lesson_id, OLD.student_id, is_invited(OLD.status))
        = (NEW.lesson_id, NEW.student_id, is_invited(NEW.status))
    THEN
        RETURN NULL;
    END IF;
    UPDATE lessons SET calendar_revision = calendar_revision + 1
    WHERE id = ANY(ARRAY[CASE WHEN is_invited(OLD.status) THEN OLD.lesson_id END,
        CASE WHEN is_invited(NEW.status) THEN NEW.lesson_id END]);
    RETURN NULL;
END $$;
CREATE TRIGGER bookings_moves_calendar_revision AFTER INSERT OR DELETE OR UPDATE OF lesson_id, student_id, status ON bookings
    FOR EACH ROW EXECUTE FUNCTION invited_changed();
";

const EVENT_SPANS: &str = r"
CREATE TABLE event_spans (
    lesson_id uuid NOT NULL CONSTRAINT event_spans_lesson_fkey REFERENCES lessons (id) ON DELETE CASCADE,
    tutor_id uuid NOT NULL CONSTRAINT event_spans_tutor_fkey REFERENCES tutors (id),
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    shown_until timestamptz,
    CONSTRAINT event_spans_pkey PRIMARY KEY (lesson_id, starts_at, ends_at),
    CONSTRAINT event_spans_start_before_end CHECK (starts_at < ends_at)
);
CREATE INDEX event_spans_tutor_idx ON event_spans (tutor_id, starts_at);
COMMENT ON TABLE event_spans IS 'when Google may show, or have shown, the event of a lesson';
COMMENT ON COLUMN event_spans.shown_until IS 'when it was known that Google shows the event there no longer; null while it may';
INSERT INTO event_spans (lesson_id, tutor_id, starts_at, ends_at)
SELECT id, tutor_id, starts_at, ends_at FROM lessons
WHERE (calendar_event_id IS NOT NULL OR calendar_event_asked_at IS NOT NULL) AND ends_at > now() - interval '2 days';
";

const DOWN: &str = r"
DROP TABLE event_spans;
DROP FUNCTION lesson_event_changed, invited_changed CASCADE;
DROP FUNCTION is_invited;
ALTER TABLE lessons DROP COLUMN calendar_revision, DROP COLUMN calendar_event_revision;
";
