use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(UP).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(DOWN).await?;
        Ok(())
    }
}

const UP: &str = r"
CREATE TABLE calendar_drifts (
    id uuid CONSTRAINT calendar_drifts_pkey PRIMARY KEY,
    kind text NOT NULL CONSTRAINT calendar_drifts_kind_known CHECK (kind IN ('moved', 'deleted', 'declined')),
    status text NOT NULL CONSTRAINT calendar_drifts_status_known CHECK (status IN
        ('rescheduled', 'put_back', 'pending', 'cancelled', 'undone', 'asked', 'kept', 'withdrawn', 'superseded', 'lapsed')),
    lesson_id uuid NOT NULL CONSTRAINT calendar_drifts_lesson_fkey REFERENCES lessons (id) ON DELETE CASCADE,
    booking_id uuid CONSTRAINT calendar_drifts_booking_fkey REFERENCES bookings (id) ON DELETE CASCADE,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    event_starts_at timestamptz,
    event_ends_at timestamptz,
    reasons text[] NOT NULL,
    cancels_at timestamptz,
    resolved_at timestamptz,
    created_at timestamptz NOT NULL,
    CONSTRAINT calendar_drifts_booking_iff_declined CHECK ((booking_id IS NOT NULL) = (kind = 'declined')),
    CONSTRAINT calendar_drifts_pending_is_deleted CHECK (status <> 'pending' OR kind = 'deleted' AND cancels_at IS NOT NULL),
    CONSTRAINT calendar_drifts_asked_is_declined CHECK (status NOT IN ('asked', 'kept', 'withdrawn') OR kind = 'declined'),
    CONSTRAINT calendar_drifts_open_iff_unresolved CHECK ((status IN ('pending', 'asked')) = (resolved_at IS NULL))
);
COMMENT ON TABLE calendar_drifts IS 'what was done in Google with the events of lessons, and what became of it';
COMMENT ON COLUMN calendar_drifts.starts_at IS 'of the lesson when that was found, as ends_at';
COMMENT ON COLUMN calendar_drifts.event_starts_at IS 'where the event was moved to, as event_ends_at; null: it is for whole days, or was not moved';
COMMENT ON COLUMN calendar_drifts.reasons IS 'codes of why the lesson did not follow; empty where it did';
COMMENT ON COLUMN calendar_drifts.cancels_at IS 'until when a deletion can be undone';
CREATE INDEX calendar_drifts_lesson_idx ON calendar_drifts (lesson_id, id);
CREATE INDEX calendar_drifts_booking_idx ON calendar_drifts (booking_id) WHERE booking_id IS NOT NULL;
-- Each is told once, whoever finds it again.
CREATE UNIQUE INDEX calendar_drifts_pending_key ON calendar_drifts (lesson_id) WHERE status = 'pending';
CREATE UNIQUE INDEX calendar_drifts_declined_key ON calendar_drifts (lesson_id, booking_id) WHERE status IN ('asked', 'kept');

-- Whatever becomes of a lesson that was to be cancelled: who changed it did so knowing of it, and its event is made anew.
CREATE FUNCTION lesson_supersedes_drift() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    UPDATE calendar_drifts SET status = 'superseded', resolved_at = coalesce(audit_origin('at')::timestamptz, now())
    WHERE lesson_id = NEW.id AND status = 'pending';
    RETURN NULL;
END $$;
CREATE TRIGGER lessons_supersedes_drift AFTER UPDATE ON lessons FOR EACH ROW
    WHEN (OLD.calendar_revision <> NEW.calendar_revision) EXECUTE FUNCTION lesson_supersedes_drift();

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
DROP FUNCTION lesson_supersedes_drift, booking_supersedes_drift CASCADE;
DROP FUNCTION is_event_in;
DROP TABLE calendar_drifts;
";
