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
ALTER TABLE lessons
    DROP CONSTRAINT lessons_status_known,
    ADD CONSTRAINT lessons_status_known CHECK (status IN ('tentative', 'scheduled', 'cancelled')),
    ADD expires_at timestamptz,
    ADD CONSTRAINT lessons_tentative_expires CHECK (
        CASE status WHEN 'tentative' THEN expires_at IS NOT NULL WHEN 'scheduled' THEN expires_at IS NULL ELSE true END);
COMMENT ON COLUMN lessons.expires_at IS
    'from when on what is only held or requested takes nobody''s time any more; of a cancelled one: it has expired';

ALTER TABLE bookings
    DROP CONSTRAINT bookings_status_known,
    ADD CONSTRAINT bookings_status_known CHECK (status IN
        ('held', 'requested', 'confirmed', 'declined', 'expired', 'cancelled', 'completed', 'no_show')),
    ADD expires_at timestamptz,
    ADD CONSTRAINT bookings_open_expires CHECK ((status IN ('held', 'requested')) = (expires_at IS NOT NULL)),
    ADD booked_at timestamptz DEFAULT now(),
    DROP CONSTRAINT bookings_cancelled_whole,
    ADD CONSTRAINT bookings_cancelled_whole CHECK ((status IN ('cancelled', 'declined')) = (cancelled_at IS NOT NULL)),
    ADD occupies boolean NOT NULL GENERATED ALWAYS AS (status NOT IN ('declined', 'expired', 'cancelled')) STORED,
    DROP CONSTRAINT bookings_student_no_overlap,
    ADD CONSTRAINT bookings_student_no_overlap EXCLUDE USING gist (
        student_id WITH =, tstzrange(starts_at, ends_at, '[)') WITH &&
    ) WHERE (occupies);
ALTER TABLE bookings ADD CONSTRAINT bookings_booked_unless_held CHECK (
    CASE WHEN status IN ('expired', 'cancelled') THEN true ELSE (status = 'held') = (booked_at IS NULL) END);
COMMENT ON COLUMN bookings.expires_at IS 'as of lessons';
COMMENT ON COLUMN bookings.booked_at IS 'since when it is more than a hold; null: it never was';
COMMENT ON COLUMN bookings.cancelled_at IS 'or declined; as cancelled_by and cancellation_reason';
COMMENT ON COLUMN bookings.occupies IS 'takes the time of the student and a seat of the lesson; until it expires, if ever';

-- Whom the event in the calendar invites.
CREATE OR REPLACE FUNCTION is_invited(booking_status text) RETURNS boolean LANGUAGE sql IMMUTABLE
    RETURN booking_status IN ('confirmed', 'completed', 'no_show');

-- What follows from the status is no change of its own.
DROP TRIGGER audit_insert ON bookings;
DROP TRIGGER audit_update ON bookings;
DROP TRIGGER audit_delete ON bookings;
DROP TRIGGER audit_truncate ON bookings;
UPDATE bookings SET booked_at = created_at;
SELECT audit_table('bookings', 'booking', 'id', '{occupies}');

-- That time has passed is no news: what is kept in memory is kept until then only. So whoever writes it down, of
-- people whose time is not locked, waits for nobody. And what is deleted took nobody's time any more.
DROP TRIGGER lessons_update_moves_revision ON lessons;
CREATE TRIGGER lessons_update_moves_revision AFTER UPDATE ON lessons FOR EACH ROW
    WHEN ((OLD.tutor_id, OLD.starts_at, OLD.ends_at, OLD.status, OLD.expires_at)
        IS DISTINCT FROM (NEW.tutor_id, NEW.starts_at, NEW.ends_at, NEW.status, NEW.expires_at)
        AND NOT (NEW.status = 'cancelled' AND NEW.expires_at IS NOT NULL))
    EXECUTE FUNCTION lesson_changed();
DROP TRIGGER bookings_update_moves_revision ON bookings;
CREATE TRIGGER bookings_update_moves_revision AFTER UPDATE ON bookings FOR EACH ROW
    WHEN ((OLD.student_id, OLD.lesson_id, OLD.starts_at, OLD.ends_at, OLD.status, OLD.expires_at)
        IS DISTINCT FROM (NEW.student_id, NEW.lesson_id, NEW.starts_at, NEW.ends_at, NEW.status, NEW.expires_at)
        AND NEW.status <> 'expired' AND NOT (OLD.status = 'confirmed' AND NEW.status = 'completed'))
    EXECUTE FUNCTION booking_changed();
CREATE FUNCTION lessons_deleted() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM move_time_of_tutors(ARRAY(SELECT DISTINCT tutor_id FROM changed WHERE status <> 'cancelled'));
    RETURN NULL;
END $$;
DROP TRIGGER lessons_delete_moves_revision ON lessons;
CREATE TRIGGER lessons_delete_moves_revision AFTER DELETE ON lessons
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION lessons_deleted();
CREATE FUNCTION bookings_deleted() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM move_time_of_students(ARRAY(SELECT DISTINCT student_id FROM changed WHERE occupies));
    RETURN NULL;
END $$;
DROP TRIGGER bookings_delete_moves_revision ON bookings;
CREATE TRIGGER bookings_delete_moves_revision AFTER DELETE ON bookings
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION bookings_deleted();

-- What has expired is found by whoever wants its time, and what is over by whoever completes it.
CREATE INDEX bookings_expires_at_idx ON bookings (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX bookings_never_booked_idx ON bookings (updated_at) WHERE booked_at IS NULL;
CREATE INDEX bookings_confirmed_ends_at_idx ON bookings (ends_at) WHERE status = 'confirmed';

DROP INDEX lessons_tutor_span_idx;
CREATE INDEX lessons_tutor_span_idx ON lessons (tutor_id, starts_at) INCLUDE (ends_at, status, expires_at);
DROP INDEX bookings_student_span_idx;
CREATE INDEX bookings_student_span_idx ON bookings (student_id, starts_at, id) INCLUDE (ends_at, occupies, expires_at);

ALTER TABLE centre
    ADD hold_minutes integer NOT NULL DEFAULT 10 CONSTRAINT centre_hold_range CHECK (hold_minutes BETWEEN 1 AND 60),
    ADD requires_approval boolean NOT NULL DEFAULT false,
    ADD approval_minutes integer NOT NULL DEFAULT 1440
        CONSTRAINT centre_approval_range CHECK (approval_minutes BETWEEN 15 AND 20160),
    ADD attendance_days integer NOT NULL DEFAULT 14
        CONSTRAINT centre_attendance_range CHECK (attendance_days BETWEEN 0 AND 365);
COMMENT ON COLUMN centre.hold_minutes IS 'for so long a slot is set aside';
COMMENT ON COLUMN centre.approval_minutes IS 'so long a tutor who wants to be asked has for an answer';
COMMENT ON COLUMN centre.attendance_days IS 'for so long after a lesson its tutor may say who was there';
ALTER TABLE tutors
    ADD requires_approval boolean,
    ADD approval_minutes integer
        CONSTRAINT tutors_approval_range CHECK (approval_minutes BETWEEN 15 AND 20160);
";

const DOWN: &str = r"
DROP TRIGGER lessons_delete_moves_revision ON lessons;
CREATE TRIGGER lessons_delete_moves_revision AFTER DELETE ON lessons
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION time_of_tutor_changed();
DROP TRIGGER bookings_delete_moves_revision ON bookings;
CREATE TRIGGER bookings_delete_moves_revision AFTER DELETE ON bookings
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION time_of_student_changed();
DROP FUNCTION bookings_deleted, lessons_deleted;
DROP TRIGGER lessons_update_moves_revision ON lessons;
CREATE TRIGGER lessons_update_moves_revision AFTER UPDATE ON lessons FOR EACH ROW
    WHEN ((OLD.tutor_id, OLD.starts_at, OLD.ends_at, OLD.status)
        IS DISTINCT FROM (NEW.tutor_id, NEW.starts_at, NEW.ends_at, NEW.status))
    EXECUTE FUNCTION lesson_changed();
DROP TRIGGER bookings_update_moves_revision ON bookings;
CREATE TRIGGER bookings_update_moves_revision AFTER UPDATE ON bookings FOR EACH ROW
    WHEN ((OLD.student_id, OLD.lesson_id, OLD.starts_at, OLD.ends_at, OLD.status)
        IS DISTINCT FROM (NEW.student_id, NEW.lesson_id, NEW.starts_at, NEW.ends_at, NEW.status))
    EXECUTE FUNCTION booking_changed();
ALTER TABLE tutors DROP approval_minutes, DROP requires_approval;
ALTER TABLE centre DROP attendance_days, DROP approval_minutes, DROP requires_approval, DROP hold_minutes;
DROP INDEX bookings_student_span_idx;
DROP INDEX bookings_confirmed_ends_at_idx;
DROP INDEX bookings_never_booked_idx;
DROP INDEX bookings_expires_at_idx;
DELETE FROM bookings WHERE booked_at IS NULL;
-- What there was no word for before becomes what comes nearest to it.
UPDATE bookings SET status = 'cancelled', cancelled_at = coalesce(cancelled_at, updated_at), expires_at = NULL
    WHERE status IN ('held', 'requested', 'declined', 'expired');
UPDATE bookings SET status = 'confirmed' WHERE status IN ('completed', 'no_show');
UPDATE lessons SET status = 'cancelled', expires_at = NULL WHERE status = 'tentative';
ALTER TABLE bookings
    DROP CONSTRAINT bookings_student_no_overlap,
    DROP occupies,
    DROP booked_at,
    DROP expires_at,
    DROP CONSTRAINT bookings_cancelled_whole,
    ADD CONSTRAINT bookings_cancelled_whole CHECK ((status = 'cancelled') = (cancelled_at IS NOT NULL)),
    DROP CONSTRAINT bookings_status_known,
    ADD CONSTRAINT bookings_status_known CHECK (status IN ('confirmed', 'cancelled')),
    ADD CONSTRAINT bookings_student_no_overlap EXCLUDE USING gist (
        student_id WITH =, tstzrange(starts_at, ends_at, '[)') WITH &&
    ) WHERE (status <> 'cancelled');
CREATE INDEX bookings_student_span_idx ON bookings (student_id, starts_at, id) INCLUDE (ends_at, status);
DROP INDEX lessons_tutor_span_idx;
ALTER TABLE lessons
    DROP expires_at,
    DROP CONSTRAINT lessons_status_known,
    ADD CONSTRAINT lessons_status_known CHECK (status IN ('scheduled', 'cancelled'));
CREATE INDEX lessons_tutor_span_idx ON lessons (tutor_id, starts_at) INCLUDE (ends_at, status);
DROP TRIGGER audit_insert ON bookings;
DROP TRIGGER audit_update ON bookings;
DROP TRIGGER audit_delete ON bookings;
DROP TRIGGER audit_truncate ON bookings;
SELECT audit_table('bookings', 'booking', 'id', '{}');
CREATE OR REPLACE FUNCTION is_invited(booking_status text) RETURNS boolean LANGUAGE sql IMMUTABLE
    RETURN booking_status <> 'cancelled';
";
