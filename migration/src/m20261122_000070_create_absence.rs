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
CREATE TABLE absences (
    id uuid CONSTRAINT absences_pkey PRIMARY KEY,
    tutor_id uuid NOT NULL CONSTRAINT absences_tutor_fkey REFERENCES tutors (id),
    time_off_id uuid CONSTRAINT absences_time_off_fkey REFERENCES time_off (id) ON DELETE SET NULL,
    reason text NOT NULL CONSTRAINT absences_reason_known CHECK (reason IN ('illness', 'family', 'travel', 'training', 'other')),
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT absences_span_order CHECK (starts_at < ends_at)
);
COMMENT ON TABLE absences IS 'for the tutor and the centre, not for students';
COMMENT ON COLUMN absences.time_off_id IS 'which closes the time; null: it is taken back';
CREATE INDEX absences_tutor_idx ON absences (tutor_id, id);
CREATE UNIQUE INDEX absences_time_off_key ON absences (time_off_id);

-- The lesson and its beginning are those of then: where they are so no more, the booking needs nothing of the absence.
CREATE TABLE absence_bookings (
    booking_id uuid NOT NULL CONSTRAINT absence_bookings_booking_fkey REFERENCES bookings (id) ON DELETE CASCADE,
    absence_id uuid NOT NULL CONSTRAINT absence_bookings_absence_fkey REFERENCES absences (id) ON DELETE CASCADE,
    lesson_id uuid NOT NULL CONSTRAINT absence_bookings_lesson_fkey REFERENCES lessons (id) ON DELETE CASCADE,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    offered_at timestamptz,
    CONSTRAINT absence_bookings_pkey PRIMARY KEY (booking_id, absence_id)
);
COMMENT ON COLUMN absence_bookings.offered_at IS 'since when the student may take credit, or move it; null: the centre seeks another tutor';
CREATE INDEX absence_bookings_absence_idx ON absence_bookings (absence_id);
CREATE INDEX absence_bookings_lesson_idx ON absence_bookings (lesson_id);

-- The one place that says so, for all who ask: the booking is still that of then, and the absence stands.
CREATE VIEW absent_bookings AS
SELECT booking_id, offered_at
FROM absence_bookings AS affected
JOIN absences ON absences.id = affected.absence_id
JOIN bookings ON bookings.id = affected.booking_id
WHERE bookings.lesson_id = affected.lesson_id AND bookings.starts_at = affected.starts_at AND time_off_id IS NOT NULL;
COMMENT ON VIEW absent_bookings IS 'bookings whose tutor is absent; one may be absent by two reports';

-- What is offered no more is another version of the booking: who read the offer must not act on it.
CREATE FUNCTION absence_taken_back() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    WITH offered AS (
        SELECT id FROM bookings
        WHERE status = 'confirmed'
          AND id IN (SELECT booking_id FROM absence_bookings WHERE absence_id = OLD.id AND offered_at IS NOT NULL)
        ORDER BY id FOR UPDATE)
    UPDATE bookings SET version = version + 1 FROM offered WHERE bookings.id = offered.id;
    RETURN OLD;
END $$;
CREATE TRIGGER absences_taken_back AFTER UPDATE OF time_off_id ON absences FOR EACH ROW
    WHEN (OLD.time_off_id IS NOT NULL AND NEW.time_off_id IS NULL) EXECUTE FUNCTION absence_taken_back();
CREATE TRIGGER absences_deleted BEFORE DELETE ON absences FOR EACH ROW
    WHEN (OLD.time_off_id IS NOT NULL) EXECUTE FUNCTION absence_taken_back();

SELECT audit_table('absences', 'tutor', 'tutor_id', '{}');
SELECT audit_table('absence_bookings', 'booking', 'booking_id', '{}');
";

const DOWN: &str = r"
DROP VIEW absent_bookings;
DROP TABLE absence_bookings, absences;
DROP FUNCTION absence_taken_back;
";
