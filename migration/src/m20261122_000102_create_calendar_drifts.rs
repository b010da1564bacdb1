use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        connection.execute_unprepared(UP).await?;
        let audit =
            AUDIT_LESSONS.replace("{more}", "calendar_event_starts_at,calendar_event_ends_at,");
        connection.execute_unprepared(&audit).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        connection.execute_unprepared(DOWN).await?;
        let audit = AUDIT_LESSONS.replace("{more}", "");
        connection.execute_unprepared(&audit).await?;
        Ok(())
    }
}

const UP: &str = r"
ALTER TABLE lessons ADD calendar_event_starts_at timestamptz, ADD calendar_event_ends_at timestamptz;
ALTER TABLE lessons
    ADD CONSTRAINT lessons_calendar_event_span CHECK (calendar_event_starts_at < calendar_event_ends_at),
    ADD CONSTRAINT lessons_calendar_event_span_of_event CHECK (
        (calendar_event_starts_at IS NULL) = (calendar_event_ends_at IS NULL)
        AND (calendar_event_starts_at IS NULL OR calendar_event_id IS NOT NULL));
COMMENT ON COLUMN lessons.calendar_event_starts_at IS
    'when the event was last known to be, as calendar_event_ends_at: whoever finds it elsewhere finds it moved; null: not known';

-- Whoever notes that the event shows the lesson notes when it is; of another event that is not known.
CREATE FUNCTION lesson_keeps_event_span() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.calendar_event_id IS DISTINCT FROM OLD.calendar_event_id THEN
        NEW.calendar_event_starts_at := NULL;
        NEW.calendar_event_ends_at := NULL;
    END IF;
    IF NEW.calendar_event_revision = NEW.calendar_revision
        AND NEW.calendar_event_revision IS DISTINCT FROM OLD.calendar_event_revision THEN
        NEW.calendar_event_starts_at := NEW.starts_at;
        NEW.calendar_event_ends_at := NEW.ends_at;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER lessons_keeps_event_span BEFORE UPDATE OF calendar_event_id, calendar_event_revision ON lessons FOR EACH ROW
    EXECUTE FUNCTION lesson_keeps_event_span();

CREATE TABLE calendar_drifts (
    id uuid CONSTRAINT calendar_drifts_pkey PRIMARY KEY,
    kind text NOT NULL CONSTRAINT calendar_drifts_kind_known CHECK (kind IN ('moved', 'deleted', 'declined')),
    status text NOT NULL CONSTRAINT calendar_drifts_status_known CHECK (status IN
        ('rescheduled', 'put_back', 'pending', 'cancelled', 'undone', 'asked', 'kept', 'withdrawn', 'superseded', 'lapsed')),
    lesson_id uuid NOT NULL CONSTRAINT calendar_drifts_lesson_fkey REFERENCES lessons (id) ON DELETE CASCADE,
    tutor_id uuid NOT NULL CONSTRAINT calendar_drifts_tutor_fkey REFERENCES tutors (id) ON DELETE CASCADE,
    booking_id uuid CONSTRAINT calendar_drifts_booking_fkey REFERENCES bookings (id) ON DELETE CASCADE,
    student_id uuid CONSTRAINT calendar_drifts_student_fkey REFERENCES users (id) ON DELETE CASCADE,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    event_starts_at timestamptz,
    event_ends_at timestamptz,
    reasons text[] NOT NULL,
    cancels_at timestamptz,
    resolved_at timestamptz,
    created_at timestamptz NOT NULL,
    CONSTRAINT calendar_drifts_booking_iff_declined CHECK (
        (booking_id IS NOT NULL) = (kind = 'declined') AND (student_id IS NULL) = (booking_id IS NULL)),
    CONSTRAINT calendar_drifts_pending_is_deleted CHECK (status <> 'pending' OR kind = 'deleted' AND cancels_at IS NOT NULL),
    CONSTRAINT calendar_drifts_asked_is_declined CHECK (status NOT IN ('asked', 'kept', 'withdrawn') OR kind = 'declined'),
    CONSTRAINT calendar_drifts_open_iff_unresolved CHECK ((status IN ('pending', 'asked')) = (resolved_at IS NULL))
);
COMMENT ON TABLE calendar_drifts IS 'what was done in Google with the events of lessons, and what became of it';
COMMENT ON COLUMN calendar_drifts.tutor_id IS 'whose lesson it was when that was found';
COMMENT ON COLUMN calendar_drifts.student_id IS 'of the booking';
COMMENT ON COLUMN calendar_drifts.starts_at IS 'of the lesson when that was found, as ends_at';
COMMENT ON COLUMN calendar_drifts.event_starts_at IS 'where the event was moved to, as event_ends_at; null: it is for whole days, or was not moved';
COMMENT ON COLUMN calendar_drifts.reasons IS 'codes of why the lesson did not follow; empty where it did';
COMMENT ON COLUMN calendar_drifts.cancels_at IS 'until when a deletion can be undone';
CREATE INDEX calendar_drifts_lesson_idx ON calendar_drifts (lesson_id, id);
CREATE INDEX calendar_drifts_tutor_idx ON calendar_drifts (tutor_id, id);
CREATE INDEX calendar_drifts_student_idx ON calendar_drifts (student_id, id) WHERE student_id IS NOT NULL;
CREATE INDEX calendar_drifts_open_idx ON calendar_drifts (starts_at) WHERE resolved_at IS NULL;
CREATE INDEX calendar_drifts_booking_idx ON calendar_drifts (booking_id) WHERE booking_id IS NOT NULL;
-- Each is told once, whoever finds it again.
CREATE UNIQUE INDEX calendar_drifts_pending_key ON calendar_drifts (lesson_id) WHERE status = 'pending';
CREATE UNIQUE INDEX calendar_drifts_declined_key ON calendar_drifts (lesson_id, booking_id) WHERE status IN ('asked', 'kept');

-- Whoever moves or cancels a lesson, or gives it to another tutor, did so knowing of what was open, and its event follows;
-- what was answered to an invitation to another time is no answer to this one.
CREATE FUNCTION lesson_supersedes_drift() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    at timestamptz := coalesce(audit_origin('at')::timestamptz, now());
BEGIN
    UPDATE calendar_drifts SET status = 'superseded', resolved_at = at
    WHERE lesson_id = NEW.id AND status = 'pending';
    IF FOUND THEN
        -- That is told; that there is no event is nothing new.
        UPDATE lessons SET calendar_event_starts_at = NULL, calendar_event_ends_at = NULL WHERE id = NEW.id;
    END IF;
    UPDATE calendar_drifts SET status = 'superseded', resolved_at = at
    WHERE lesson_id = NEW.id AND status IN ('asked', 'kept');
    RETURN NULL;
END $$;
CREATE TRIGGER lessons_supersedes_drift AFTER UPDATE ON lessons FOR EACH ROW
    WHEN (OLD.status = 'scheduled'
        AND (OLD.starts_at, OLD.ends_at, OLD.status, OLD.tutor_id) IS DISTINCT FROM (NEW.starts_at, NEW.ends_at, NEW.status, NEW.tutor_id))
    EXECUTE FUNCTION lesson_supersedes_drift();

-- A question ends with its booking.
CREATE FUNCTION booking_supersedes_drift() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    UPDATE calendar_drifts SET status = 'superseded', resolved_at = coalesce(audit_origin('at')::timestamptz, now())
    WHERE booking_id = NEW.id AND status = 'asked';
    RETURN NULL;
END $$;
CREATE TRIGGER bookings_supersedes_drift AFTER UPDATE OF status, lesson_id ON bookings FOR EACH ROW
    WHEN (OLD.status = 'confirmed' AND (OLD.status, OLD.lesson_id) IS DISTINCT FROM (NEW.status, NEW.lesson_id))
    EXECUTE FUNCTION booking_supersedes_drift();

-- Whether this is what Google calls the calendar, of an event that stands in it; where nothing is said, it is the primary one.
CREATE FUNCTION is_event_in(event_calendar text, calendar calendars) RETURNS boolean LANGUAGE sql IMMUTABLE
    RETURN coalesce(event_calendar = calendar.google_id, false)
        OR calendar.is_primary AND coalesce(event_calendar, 'primary') = 'primary';

SELECT audit_table('calendar_drifts', 'lesson', 'lesson_id', '{}');
";

const DOWN: &str = r"
DELETE FROM jobs WHERE kind = 'follow_lesson_event';
DROP FUNCTION lesson_keeps_event_span, lesson_supersedes_drift, booking_supersedes_drift CASCADE;
DROP FUNCTION is_event_in;
DROP TABLE calendar_drifts;
ALTER TABLE lessons DROP calendar_event_ends_at, DROP calendar_event_starts_at;
";

/// As of migration 98, but for `{more}`.
const AUDIT_LESSONS: &str = r"
DO $$
DECLARE
    left_out text := '{calendar_event_id,calendar_event_calendar,calendar_event_attempt,calendar_event_asked_at,calendar_revision,calendar_event_revision,{more}meet_url,meet_pending_since,expires_at,version,created_at,updated_at}';
    event text;
BEGIN
    FOREACH event IN ARRAY ARRAY[
        'audit_insert AFTER INSERT ON lessons FOR EACH ROW WHEN (NEW.capacity > 1) EXECUTE FUNCTION audit_row',
        'audit_delete AFTER DELETE ON lessons FOR EACH ROW WHEN (OLD.capacity > 1) EXECUTE FUNCTION audit_row',
        'audit_update AFTER UPDATE ON lessons FOR EACH ROW WHEN (NEW.capacity > 1) EXECUTE FUNCTION audit_update',
        'audit_truncate AFTER TRUNCATE ON lessons FOR EACH STATEMENT EXECUTE FUNCTION audit_truncate'
    ] LOOP
        EXECUTE format('CREATE OR REPLACE TRIGGER ' || event || '(%L, %L, %L, %L)', 'lesson', 'id', left_out, '{}');
    END LOOP;
END $$;
";
